"""Time a decision of an integer network, its counts included, beside PyTorch in float32.

python scripts/bench_qnet.py [FILE.npz] [--seconds S]

FILE: a network that `neurobot.qnet.save` wrote; without one, random weights of 4 bits in the shape
of the robot's network. One core, one thread; both sides take turns, and medians are printed. The
torch side, where there is one, is the least that PyTorch could do: no scales, ReLU after each layer
but the last, and the image already a float tensor; a network that branches has no torch side.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from timeit import Timer
from typing import Any

import numpy as np
from bench_table import processor
from numpy.typing import NDArray
from rich.console import Console

from neurobot.cli.terminal import make_table
from neurobot.qnet import (
    Channels,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Runner,
    Scores,
    SumPool,
    load,
)
from neurobot.quantities import prefixed

try:
    import torch
except ModuleNotFoundError:
    torch = None  # type: ignore[assignment]

ROUNDS, BITS, SHIFT = 21, 4, 16
IMAGE = (36, 96, 1)
# Output channels, window, stride and padding of the robot's convolutions, and its dense layers.
CONVOLUTIONS: tuple[tuple[int, Any, Any, Any], ...] = (
    (8, (4, 4), (4, 2), (0, 1)),
    (16, (3, 3), (3, 1), (0, 1)),
    (32, (3, 3), (1, 2), (0, 1)),
    (40, (1, 24), (1, 1), (0, 0)),
    (77, (1, 1), (1, 1), (0, 0)),
)

Array = NDArray[Any]


def robot_network(rng: np.random.Generator) -> Network:
    """Draw a network in the shape of the robot's."""
    return Network(input_shape=IMAGE, layers=tuple(robot_layers(rng)))


def robot_layers(rng: np.random.Generator) -> Iterator[Layer]:
    """Draw the layers, about half of whose codes are 0."""
    source, given, top = "input", IMAGE[2], 255.0
    for number, (made, window, stride, padding) in enumerate(CONVOLUTIONS):
        weights = rng.integers(-8, 8, (made, *window, given))
        name, zeros = f"conv{number}", np.zeros(made, np.int64)
        yield Conv(name, (source,), weights, BITS, stride=stride, padding=padding)
        if number == len(CONVOLUTIONS) - 1:
            yield Scores("scores", (name,), zeros + 1, zeros)
            return
        deviation = top * 8 / 3 * np.sqrt(weights[0].size)
        factors = np.full(made, round(8 * 2**SHIFT / deviation) + 1)
        source, given, top = f"codes{number}", made, 15.0
        yield Requant(source, (name,), factors, zeros, SHIFT, 0, 15, BITS)


def torch_conv(layer: Conv, given: tuple[int, int, int]) -> Iterator[Any]:
    """Build a convolution, or a dense layer where the window is the whole map."""
    *window, channels = given
    weights = layer.weights if layer.real else layer.integers
    kernel = torch.from_numpy(weights.transpose(0, 3, 1, 2).astype(np.float32))
    out = len(weights)
    if layer.kernel == tuple(window):
        yield torch.nn.Flatten()
        module: Any = torch.nn.Linear(kernel[0].numel(), out)
        kernel = kernel.flatten(1)
    else:
        shape = layer.kernel, layer.stride, layer.padding
        module = torch.nn.Conv2d(channels, out, *shape, groups=layer.groups)
    module.weight.data = kernel
    yield module


def torch_layers(network: Network) -> Iterator[Any]:
    """Build the same layers in PyTorch, as lean as they can be."""
    for layer in network.layers:
        if isinstance(layer, Conv):
            yield from torch_conv(layer, network.signals[layer.inputs[0]].shape)
        elif isinstance(layer, MaxPool):
            yield torch.nn.MaxPool2d(layer.size, layer.stride, layer.padding)
        elif isinstance(layer, SumPool):
            yield torch.nn.AdaptiveAvgPool2d(1)
        elif layer is not network.layers[-1]:
            yield torch.nn.ReLU()


def torch_side(network: Network, image: Array) -> Callable[[], object] | None:
    """Return a decision in PyTorch, or None without it or where the network branches."""
    names = ["input", *(layer.name for layer in network.layers)]
    chain = [(name,) for name in names[:-1]] == [layer.inputs for layer in network.layers]
    if torch is None or not chain or any(isinstance(layer, Channels) for layer in network.layers):
        return None
    torch.set_num_threads(1)
    model = torch.nn.Sequential(*torch_layers(network)).eval()
    pixels = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))

    def decide() -> object:
        with torch.inference_mode():
            return model(pixels)

    return decide


def race(seconds: float, *sides: Callable[[], object]) -> list[list[float]]:
    """Return the seconds that a call of each side takes, by round; the sides take turns."""
    timers = [Timer(side) for side in sides]
    calls = [max(1, int(seconds / ROUNDS / timer.timeit(3) * 3)) for timer in timers]
    rounds = [
        [timer.timeit(count) / count for timer, count in zip(timers, calls, strict=True)]
        for _ in range(ROUNDS)
    ]
    return [list(times) for times in zip(*rounds, strict=True)]


def rows(runner: Runner, ours: list[float], theirs: list[float]) -> Iterator[tuple[str, ...]]:
    """Write what was timed, and how much work it was."""
    network, median = runner.network, statistics.median(ours)
    kind = "float32" if network.real else "integers"
    yield f"a decision in {kind}", prefixed(median, "s", 3), f"best: {prefixed(min(ours), 's', 3)}"
    if theirs:
        other = statistics.median(theirs)
        yield "the same shape in torch", prefixed(other, "s", 3), f"{other / median:.1f} x"
    met = sum(
        runner.taps[work.name] * work.output_shape[2] // work.groups for work in network.workloads
    )
    share = f"{met / network.macs:.0%} with inputs other than 0"
    yield "products", prefixed(network.macs, "", 3), share
    yield "products a second", prefixed(network.macs / median, "/s", 3), ""
    yield "weights", prefixed(network.parameters, "", 3), f"{network.weight_bits_total} bits"


def main() -> None:
    """Read the options, and print one table."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("file", nargs="?", help="a network (default: one of the robot's shape)")
    options.add_argument("--seconds", type=float, default=1.0, help="per side (default: 1)")
    given = options.parse_args()
    rng = np.random.default_rng(0)
    network = load(given.file) if given.file else robot_network(rng)
    signal = network.signals["input"]
    pixels = rng.integers(signal.lowest, signal.highest + 1, signal.shape)
    image = pixels.astype(np.int8 if network.input_signed else np.uint8)
    runner, other = Runner(network), torch_side(network, image)
    times = race(given.seconds, partial(runner, image), *([other] if other else []))
    table = make_table("what", "value", "compared")
    for row in rows(runner, times[0], times[1] if other else []):
        table.add_row(*row)
    console = Console(highlight=False)
    console.print(f"{given.file or 'random weights'}; {processor()}; {ROUNDS} rounds, seed 0")
    console.print(table)


if __name__ == "__main__":
    main()

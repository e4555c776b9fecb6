"""Time the machine of SRAM macros, counts included, beside the integer network and PyTorch.

python scripts/bench_mars.py [FILE.npz] [--images N] [--threads N] [--seconds S]

FILE: a network that `neurobot.qnet.save` wrote; without one, random weights of 4 and of 8 bits in
the shape of LQ-Nets' VGG-small, 32 x 32 pixels in colour, of whose tiles none, half and three
quarters are 0, but for the first and the last layer. All sides take turns in one process, with one
thread and with several; medians are printed, and the best round. Before that, the machine's scores
must equal the integer network's. Torch computes dense layers in float32, images as a batch, without
scales.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from bench_qnet import race, torch_layers
from bench_table import processor
from numpy.typing import NDArray
from rich.console import Console

from neurobot.cli.terminal import make_table
from neurobot.compiled import cores
from neurobot.mars import Machine, Silicon
from neurobot.mars.tiling import Tiling
from neurobot.qnet import Channels, Conv, Layer, MaxPool, Network, Requant, Runner, Scores, load
from neurobot.quantities import percent, prefixed

try:
    import torch
except ModuleNotFoundError:
    torch = None  # type: ignore[assignment]

Array = NDArray[Any]
IMAGE = (32, 32, 3)
CHANNELS = (128, 128, 256, 256, 512, 512)  # a pool follows every second one
CLASSES, SHIFT = 10, 20
SHARES = (0.0, 0.5, 0.75)  # of tiles that are 0


def draw_weights(shape: Any, bits: int, zero: float, rng: np.random.Generator) -> Array:
    """Draw weights other than 0, of whose tiles a share is 0."""
    silicon, top = Silicon(), (1 << (bits - 1)) - 1
    weights: Array = rng.integers(1, top + 1, shape) * rng.choice([-1, 1], shape)
    tiling = Tiling(shape, 1, silicon.rows, silicon.columns(silicon.slot(bits)))
    tiles = tiling.cut(weights)
    count = tiling.blocks * tiling.positions
    still = rng.permutation(np.arange(count) < zero * count)
    tiles[still.reshape(tiling.blocks, tiling.positions)] = 0
    return tiling.join(tiles)


def vgg_layers(bits: int, zero: float, rng: np.random.Generator) -> Iterator[Layer]:
    """Draw the layers; weights and inputs have as many bits, and codes are spread about evenly."""
    source, (side, _, given), top = "input", IMAGE, 255.0
    for number, made in enumerate(CHANNELS):
        name, share = f"conv{number}", zero if number else 0.0
        weights = draw_weights((made, 3, 3, given), bits, share, rng)
        yield Conv(name, (source,), weights, bits, padding=(1, 1))
        deviation = top / 2 * np.sqrt(np.square(weights).sum() / made)
        code = (1 << bits) - 1
        factors = np.full(made, round(code * 2**SHIFT / deviation / 2) + 1)
        yield Requant(f"codes{number}", (name,), factors, 0 * factors, SHIFT, 0, code, bits)
        source, given, top = f"codes{number}", made, float(code)
        if number % 2:
            yield MaxPool(f"pool{number}", (source,))
            source, side = f"pool{number}", side // 2
    yield Conv("dense", (source,), draw_weights((CLASSES, side, side, given), bits, 0.0, rng), bits)
    ones = np.ones(CLASSES, np.int64)
    yield Scores("scores", ("dense",), ones, 0 * ones)


def vgg_small(bits: int, zero: float) -> Network:
    """Draw a network; seed 0."""
    layers = tuple(vgg_layers(bits, zero, np.random.default_rng(0)))
    return Network(input_shape=IMAGE, layers=layers)


def torch_side(network: Network, images: Array, threads: int) -> Callable[[], object] | None:
    """Return a batch in PyTorch, or None without it or where the network branches."""
    names = ["input", *(layer.name for layer in network.layers)]
    chain = [(name,) for name in names[:-1]] == [layer.inputs for layer in network.layers]
    if torch is None or not chain or any(isinstance(layer, Channels) for layer in network.layers):
        return None
    model = torch.nn.Sequential(*torch_layers(network)).eval()
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))

    def compute() -> object:
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return model(pixels)

    return compute


def sides(machine: Machine, images: Array, threads: int) -> dict[str, Callable[[], object]]:
    """Return what takes turns, by name; all of them go through all images."""
    network = machine.network
    found: dict[str, Callable[[], object] | None] = {}
    for count in sorted({threads, 1}, reverse=True):
        using = f"{count} thread{'s' * (count > 1)}"
        found[f"packed tiles, {using}"] = partial(machine.run_all, images, count)
        found[f"torch, float32, {using}"] = torch_side(network, images, count)
    found["qnet.Runner, 1 thread"] = partial(Runner(network).run_all, images)
    return {name: side for name, side in found.items() if side}


def check(machine: Machine, images: Array, threads: int) -> None:
    """See that the machine's scores are the network's, however many threads there are."""
    wanted = Runner(machine.network).run_all(images)
    for count in (threads, 1):
        assert (machine.run_all(images, count) == wanted).all()
    assert (machine.run(images[0]) == wanted[0]).all()


def bench(name: str, network: Network, options: argparse.Namespace, console: Console) -> None:
    """Time one network and print its table."""
    machine, ends = Machine(network), network.signals["input"]
    shape = (options.images, *network.input_shape)
    images = np.random.default_rng(0).integers(ends.lowest, ends.highest + 1, shape, np.int16)
    check(machine, images, options.threads)
    named = sides(machine, images, options.threads)
    found = race(options.seconds, *named.values())
    first = statistics.median(found[0])
    table = make_table(name, "frames/s", "best", "dense MACs/s", "compared")
    for side, times in zip(named, found, strict=True):
        median = statistics.median(times)
        frames, best = options.images / median, options.images / min(times)
        rate = prefixed(frames * network.macs, "/s", 3)
        table.add_row(side, f"{frames:.0f}", f"{best:.0f}", rate, f"{first / median:.2f} x")
    console.print(table)
    kept = sum(packed.kept for packed in machine.packed.values())
    every = sum(packed.blocks * packed.positions for packed in machine.packed.values())
    events = (machine.run(images[0]), machine.events)[1]
    modelled = machine.silicon.clock_hz / events.cycles
    console.print(
        f"{prefixed(network.macs, '', 3)} dense MACs; {percent(kept / every)} % of {every} tiles "
        f"are kept; the machine itself: {modelled:.0f} frames/s, modelled, at "
        f"{prefixed(machine.silicon.clock_hz, 'Hz', 3)}, {machine.silicon.refill} refill\n"
    )


def main() -> None:
    """Read the options, and print a table for each network."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("file", nargs="?", help="a network (default: VGG-small, drawn)")
    options.add_argument("--images", type=int, default=32, help="in a batch (default: 32)")
    options.add_argument("--threads", type=int, default=cores(), help="(default: one per core)")
    options.add_argument("--seconds", type=float, default=4.0, help="per side (default: 4)")
    given = options.parse_args()
    console = Console(highlight=False)
    console.print(f"{processor()}; {given.images} images in a batch; seed 0\n")
    if given.file:
        bench(given.file, load(given.file), given, console)
        return
    for bits in (4, 8):
        for zero in SHARES:
            name = f"VGG-small, {bits} bits, {percent(zero)} % zero tiles"
            bench(name, vgg_small(bits, zero), given, console)


if __name__ == "__main__":
    main()

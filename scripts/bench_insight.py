"""Time the streaming machine: clock by clock, whole frames in batches, and one decision.

python scripts/bench_insight.py [FILE.npz | mlp | lenet] [--frames N] [--threads N] [--seconds S]

FILE: a network that `neurobot compile` wrote; mlp, lenet (default: both): random codes of 8 bits in
the shapes of factorized and pruned networks for 28 x 28 pixels, about 15 000 connections in the
first and 20, 50 and 500 channels in the second. All sides take turns in one process, and medians
are printed; before that, all frames must have the same scores and the same counts on all sides.
"""

import argparse
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from bench_qnet import race
from bench_table import processor
from numpy.typing import NDArray
from rich.console import Console

from neurobot.cli.terminal import make_table
from neurobot.compiled import cores
from neurobot.insight import CLOCK_HZ, Machine, frames_per_s
from neurobot.quantities import prefixed
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Stage
from neurobot.tdnn.files import load
from neurobot.tdnn.hardware import hardware

IMAGE = (28, 28, 1)
CLOCKED = 20  # times fewer frames than in a batch
# Output channels, window and share of the connections of each layer; "pool" stands for maxima.
MLP: tuple[Any, ...] = (
    *((40, (28, 28), 0.265), (300, (1, 1), 0.265), (30, (1, 1), 0.265)),
    *((100, (1, 1), 0.265), (10, (1, 1), 1.0)),
)
LENET: tuple[Any, ...] = (
    *((20, (5, 5), 1.0), "pool", (20, (5, 5), 0.5), (50, (1, 1), 0.5), "pool"),
    *((40, (4, 4), 0.3), (500, (1, 1), 0.3), (10, (1, 1), 0.5)),
)
SHAPES = {"mlp": MLP, "lenet": LENET}
Array = NDArray[Any]


def draw(kind: str, rng: np.random.Generator) -> Net:
    """Draw a network of a shape; its sums fill the codes about as a trained one's do."""
    stages, channels, top = list[Stage](), IMAGE[2], 255
    for number, part in enumerate(SHAPES[kind]):
        if part == "pool":
            stages.append(Maxima(f"pool{number}"))
            continue
        out, window, share = part
        weights = rng.integers(-127, 128, (out, *window, channels))
        weights[rng.random(weights.shape) >= share] = 0
        ones, zeros = np.ones(out, np.int64), np.zeros(out, np.int64)
        last = number == len(SHAPES[kind]) - 1
        deviation = np.sqrt(np.square(weights).sum() / out) * top / 2
        shift = 0 if last else max(round(np.log2(deviation / 100)), 0)
        ends: Any = {} if last else {"low": 0, "high": 255, "bits": 8}
        more: Any = {"shift": shift, "weight_bits": 8}
        stages.append(Neurons(f"layer{number}", weights, ones, zeros, **more, **ends))
        channels = out
    return Net(input_shape=IMAGE, stages=tuple(stages), clocking=Clocking(IMAGE[1], IMAGE[0]))


def check(machine: Machine, images: Array, few: int) -> None:
    """See that all sides say the same of so many frames, those in batches of all."""
    scores = machine.run_all(images, 1)
    assert (machine.run_all(images) == scores).all()
    clocked = machine.stream_all(images[:few])
    events = machine.events
    assert (machine.run_all(images[:few]) == clocked).all()
    assert machine.events == events
    assert (clocked == scores[:few]).all()
    assert (machine.run(images[0]) == scores[0]).all()


def rows(machine: Machine, threads: int, times: list[float]) -> Iterator[tuple[str, ...]]:
    """Write what was timed, by frame, and how large the machine is."""
    batched, one_core, clocked, single = times
    clocking = machine.net.clocking
    assert clocking is not None
    yield "in batches", prefixed(1 / batched, "frames/s", 3), f"{threads} threads"
    yield "in batches", prefixed(1 / one_core, "frames/s", 3), "one thread"
    rate = prefixed(clocking.frame / clocked, "clocks/s", 3)
    yield "clock by clock", prefixed(1 / clocked, "frames/s", 3), rate
    yield "ratio", f"{clocked / batched:.1f} x", f"one thread: {clocked / one_core:.1f} x"
    yield "one decision", prefixed(single, "s", 3), "with its counts"
    modelled = prefixed(frames_per_s(clocking), "frames/s", 3)
    yield "the machine itself", modelled, f"modelled, at {prefixed(CLOCK_HZ, 'Hz', 3)}"
    parts = hardware(machine.net)
    connections = sum(part.in_time for part in parts)
    products = sum(part.unrolled for part in parts)
    yield "connections", f"{connections}", f"{prefixed(products, '', 3)} products a frame"
    words = machine.events.delay_words
    yield "delay words", f"{words}", f"{machine.events.neurons} neurons"


def bench(name: str, options: argparse.Namespace, console: Console) -> None:
    """Time one network and print its table."""
    rng = np.random.default_rng(0)
    net = draw(name, rng) if name in SHAPES else load(name)
    machine, few = Machine(net), max(options.frames // CLOCKED, 1)
    shape = options.frames, *net.input_shape
    images = rng.integers(0, 1 << net.input_bits, shape).astype(np.uint16)
    images[rng.random(shape) < 0.8] = 0  # as much of a digit's picture is
    check(machine, images, few)
    found = race(
        options.seconds,
        partial(machine.run_all, images, options.threads),
        partial(machine.run_all, images, 1),
        partial(machine.stream_all, images[:few]),
        partial(machine.run, images[0]),
    )
    medians = [statistics.median(times) for times in found]
    counts = options.frames, options.frames, few, 1
    times = [median / count for median, count in zip(medians, counts, strict=True)]
    table = make_table(name, "value", "besides")
    for row in rows(machine, options.threads, times):
        table.add_row(*row)
    console.print(table)


def main() -> None:
    """Read the options, and print a table for each network."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("file", nargs="?", help="a compiled network, mlp or lenet")
    options.add_argument("--frames", type=int, default=2000, help="in a batch (default: 2000)")
    options.add_argument("--threads", type=int, default=cores(), help="(default: one per core)")
    options.add_argument("--seconds", type=float, default=4.0, help="per side (default: 4)")
    given = options.parse_args()
    console = Console(highlight=False)
    console.print(f"{processor()}; {given.frames} frames in a batch; seed 0")
    for name in [given.file] if given.file else SHAPES:
        bench(name, given, console)


if __name__ == "__main__":
    main()

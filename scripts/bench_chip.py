"""How long a decision of the chip takes here, and how much faster that is than the naive oracle.

python scripts/bench_chip.py [--seconds S]

Two populations of 64 neurons and a window of 64 ticks, run to its end, at several firing rates;
and the shipped `poppins` controller from scan to wheel command. Medians of five rounds on one core.
The oracle is the chip of tests/naive.py: the same network, the same spikes.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import neurobot
from neurobot.controllers.poppins import PoppinsController
from neurobot.encode import rate as rate_code
from neurobot.iqif import Neurons, simulate
from neurobot.loop import attach
from neurobot.poppins import Poppins, Population

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ROUNDS, SIZE, TICKS = 5, 64, 64


def seconds_each(call: Callable[[], object], seconds: float) -> float:
    """Seconds of one call, the median of some rounds."""
    times = []
    for _ in range(ROUNDS):
        calls, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds / ROUNDS:
            call()
            calls += 1
        times.append(passed / calls)
    return statistics.median(times)


def show(what: str, each_s: float, more: str) -> None:
    """Print one line."""
    print(f"{what:42s}{each_s * 1e6:8.1f} us  {more}")


def equal_neurons(count: int) -> Neurons:
    """Neurons of the tutorial set of the iq-neuron library."""
    return Neurons(*(np.full(count, value) for value in (128, 200, 128, 1, 1, 16)))


def make_chip(rng: np.random.Generator, drive: int) -> Poppins:
    """Two all-to-all populations, connected both ways, with a constant drive."""

    def weights() -> Any:
        return rng.integers(-12, 13, (SIZE, SIZE))

    return Poppins(
        Population(equal_neurons(SIZE), weights()),
        Population(equal_neurons(SIZE), weights()),
        amplitude=np.full(2 * SIZE, 40),
        tonic=np.full(2 * SIZE, drive),
        forward=weights(),
        backward=weights(),
    )


def bench_windows(seconds: float) -> None:
    """Time whole windows of the chip at several firing rates."""
    rng = np.random.default_rng(0)
    nobody = np.zeros(0, np.int32)
    for drive in (-6, 0, 8):
        chip = make_chip(rng, drive)
        trains = rate_code(rng.integers(0, 64, 2 * SIZE).astype(np.int32), TICKS)
        events = chip.decide(trains, nobody)[1]
        each = seconds_each(partial(chip.decide, trains, nobody), seconds)
        share = events.spikes / events.membrane_updates
        updates = events.membrane_updates / each
        what = f"2 x 64 neurons, 64 ticks, {share:5.1%} firing"
        show(what, each, f"{updates / 1e6:6.0f} M neuron updates/s")


def bench_oracle(seconds: float) -> None:
    """Time one population against the oracle, after showing that both do the same."""
    from naive import naive_simulate

    rng = np.random.default_rng(1)
    neurons = equal_neurons(SIZE)
    weights, drive = rng.integers(-12, 13, (SIZE, SIZE)), rng.integers(0, 20, (TICKS, SIZE))
    constants = [values.tolist() for values in vars(neurons).values()]
    plain = (*constants, weights.tolist(), drive.tolist())
    spikes = simulate(neurons, weights, drive).spikes
    np.testing.assert_array_equal(spikes, naive_simulate(*plain)[1])
    ours = seconds_each(lambda: simulate(neurons, weights, drive), seconds)
    theirs = seconds_each(lambda: naive_simulate(*plain), seconds)
    show("simulate, 64 neurons, 64 ticks", ours, f"{theirs / ours:6.0f} x oracle")


def bench_controller(seconds: float) -> None:
    """Time the shipped controller from scan to wheel command."""
    env = gym.make("neurobot/Navigation-v0", scenario="forest")
    controller = PoppinsController()
    attach(controller, env)
    observation = env.reset(seed=0)[0]
    controller.reset(0)
    each = seconds_each(lambda: controller.act(observation), seconds)
    show("poppins, scan to wheel command", each, f"({controller.events.ticks} ticks)")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seconds", type=float, default=3.0, help="per figure (default: 3)")
    seconds = options.parse_args().seconds
    print(f"neurobot {neurobot.__version__}, numpy {np.__version__}, seeds 0 and 1")
    bench_windows(seconds)
    bench_oracle(seconds)
    bench_controller(seconds)


if __name__ == "__main__":
    main()

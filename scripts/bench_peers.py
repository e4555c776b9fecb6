"""Time neurobot beside peers from the package index, in one process, at the nearest equal work.

python scripts/bench_peers.py [--seconds S] [--only NAME ...]

One core, one thread, no garbage collection under the clock; medians of five rounds, in which both
sides take turns. What differs is printed too: the docstrings of what builds the peers' sides.
"""

import argparse
import atexit
import io
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from timeit import Timer
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np
import yaml
from bench_chip import SIZE, TICKS, make_chip, repeat, windows_of
from numpy.typing import NDArray
from rich.console import Console

from neurobot.cli.terminal import make_table
from neurobot.controllers.poppins import PoppinsController
from neurobot.loop import attach, run_episode
from neurobot.poppins import Poppins
from neurobot.quantities import prefixed
from neurobot.rollout import Arena

# What is run so many times, to return its seconds, and how many units each time makes.
Side = tuple[Callable[[int], float], int]
Builder = Callable[[], Side]

ROUNDS, MANY = 5, 8192
PIP = "pip install ir-sim highway-env gymnax six torch snntorch 'neurobot[brian]', and g++"
ROAM, SEEK = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
# A difficulty of 1 / 30 puts 12 discs into the forest.
FOREST: dict[str, Any] = {"scenario": "forest", "difficulty": 1 / 30, "beams": 180}
POINT: dict[str, Any] = {"scenario": "empty", "beams": 1}
SPIN = np.array([0.1, -0.1], np.float32)
INPUTS, HIDDEN, CHOICES, SNN_TICKS = 36, 64, 5, 16
WINDOWS = 16  # where Brian2 is fastest: its synapses still fit into the cache


def steps(env_id: str, action: Any, **options: Any) -> Side:
    """Step one environment of Gymnasium, with a reset wherever an episode ends."""
    env = gym.wrappers.Autoreset(gym.make(env_id, **options))
    env.reset(seed=0)
    return Timer(partial(env.step, action)).timeit, 1


def our_steps(env_id: str, **options: Any) -> Side:
    return steps(env_id, SPIN, time_limit_s=1e5, **options)


def our_worlds(count: int, env_id: str, **options: Any) -> Side:
    envs = gym.make_vec(env_id, num_envs=count, time_limit_s=1e5, **options)
    envs.reset(seed=0)
    return Timer(partial(envs.step, np.tile(SPIN, (count, 1)))).timeit, count


def make_irsim() -> Any:
    """Lay out the forest of seed 0 in IR-SIM: robot, lidar and discs, but no walls."""
    import irsim

    ours: Any = gym.make(ROAM, **FOREST).unwrapped
    ours.reset(seed=0)
    body, discs = ours.body, ours.scene.discs.tolist()
    angle = 2 * float(np.arctan2(body.beam_sin, body.beam_cos).max())
    lidar = {"name": "lidar2d", "number": 180, "angle_range": angle, "range_max": body.range_m}
    shape = {"name": "rectangle", "length": 2 * body.half_length_m, "width": 2 * body.half_width_m}
    drive = {"kinematics": {"name": "diff"}, "shape": shape}
    robot = {**drive, "state": list(ours.scene.start), "sensors": [lidar]}
    circles = [{"shape": {"name": "circle", "radius": r}, "state": [x, y]} for x, y, r, *_ in discs]
    world = {"width": 20, "height": 20, "step_time": body.control_s}
    layout = {"world": world, "robot": [robot], "obstacle": circles}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "world.yaml")
        path.write_text(yaml.safe_dump(layout))
        return irsim.make(str(path), headless=True, log_level="ERROR", seed=0)


def irsim_steps() -> Side:
    """IR-SIM: the same robot, lidar and discs; neurobot adds walls, ten substeps and a reward.

    IR-SIM knows any shape, but no batches: its rate is that of one world both times.
    """
    return Timer(partial(make_irsim().step, np.array([[0.0], [0.5]]))).timeit, 1


def parking_steps() -> Side:
    """parking-v0: 12 parked cars, which cost it more than discs; three substeps, neurobot's ten."""
    lidar = {"type": "LidarObservation", "cells": 180, "maximum_range": 10.0}
    config = {"observation": lidar, "vehicles_count": 12, "duration": 1e9}
    return steps("highway_env:parking-v0", np.array([0.0, 0.5], np.float32), config=config)


def highway_steps() -> Side:
    """highway-fast-v0, not equal work: 20 cars that plan; neurobot: 10 discs and 72 beams."""
    return steps("highway_env:highway-fast-v0", 1)


def point_steps() -> Side:
    """PointRobot, not equal work: it adds an action to a position, 100 times in a compiled call.

    neurobot has wheels, walls, a beam and ten substeps; gymnax, though, is made for accelerators.
    """
    import gymnax
    import jax

    env, _ = gymnax.make("PointRobot-misc")
    keys = jax.random.split(jax.random.key(0), (100, MANY))
    actions = np.full((MANY, 2), 0.05, np.float32)

    def step(state: Any, keys: Any) -> tuple[Any, Any]:
        observation, state, *rest = jax.vmap(env.step)(keys, state, actions)
        return state, (observation, *rest[:3])

    start = jax.vmap(env.reset)(keys[0])[1]
    rollout = jax.jit(lambda state: jax.lax.scan(step, state, keys))
    return Timer(lambda: jax.block_until_ready(rollout(start))).timeit, keys.size


def make_snn() -> Callable[[Any], Any]:
    """Return what turns input spikes (SNN_TICKS, B, INPUTS) into decisions (B,)."""
    from snntorch import Leaky, utils
    from torch import inference_mode, manual_seed, nn, set_num_threads, stack

    set_num_threads(1)
    manual_seed(0)
    leaky = partial(Leaky, beta=0.9, init_hidden=True)
    network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), leaky(), nn.Linear(HIDDEN, CHOICES), leaky())

    @inference_mode()
    def decide(trains: Any) -> Any:
        utils.reset(network)
        return stack([network(train) for train in trains]).sum(0).argmax(1)

    return decide


def snn_decisions(batch: int) -> Side:
    """snnTorch: 36-64-5 floats in 16 ticks, 1104 neuron updates; it can train them.

    neurobot: 128 recurrent integers in 64 ticks, 8192 updates and event counts.
    """
    import torch

    snn = make_snn()
    trains = (torch.rand(SNN_TICKS, batch, INPUTS) < 0.3).float()
    return Timer(partial(snn, trains)).timeit, batch


def chip_windows() -> tuple[Poppins, NDArray[np.bool_]]:
    """Make a chip with random weights, and windows of input spikes for it, (WINDOWS, T, N)."""
    rng = np.random.default_rng(0)
    chip = make_chip(rng)
    return chip, rng.random((WINDOWS, TICKS, len(chip))) < 0.1


def decide_all(chip: Poppins, windows: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Return the spikes of each neuron in each window, run to its end."""
    return np.stack([chip.decide(trains, np.zeros(0, np.int32))[0] for trains in windows])


def our_decisions(units_each: int = 1) -> Side:
    return Timer(partial(decide_all, *chip_windows())).timeit, WINDOWS * units_each


def our_batched_decisions(units_each: int = 1) -> Side:
    """Run each window so many times with no Python between them."""
    chip, windows = chip_windows()
    batches = [windows_of(chip, window) for window in windows]

    def run() -> None:
        for batch in batches:
            repeat(WINDOWS, *batch)

    return Timer(run).timeit, WINDOWS * WINDOWS * units_each


def make_brian(chip: Poppins, windows: NDArray[np.bool_]) -> tuple[Any, list[Any]]:
    """Build the network that `neurobot.reference.exact` would run, and spike counters for it."""
    import brian2

    from neurobot.reference import Simulation, exact

    made: list[Simulation] = []
    with patch.object(Simulation, "run", lambda self, states: made.append(self)):
        exact(chip, np.stack([chip.drive(trains) for trains in windows]), states=False)
    counters = [brian2.SpikeMonitor(group, record=False) for group in made[0].groups]
    return brian2.Network(*made[0].objects, *counters), counters


def brian_updates() -> Side:
    """Brian2 as C++: the same spikes (checked); only its run is timed, not compiling (a minute)."""
    from brian2 import BrianLogger, device, ms, set_device

    if shutil.which("g++") is None:
        raise ModuleNotFoundError("no compiler for Brian2: g++")
    BrianLogger.log_level_error()
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    where: dict[str, Any] = {"directory": folder.name, "with_output": False}
    set_device("cpp_standalone", build_on_run=False, **where)
    chip, windows = chip_windows()
    network, counters = make_brian(chip, windows)
    network.run(TICKS * ms)
    device.build(**where)
    theirs = np.hstack([np.reshape(counter.count, (WINDOWS, -1)) for counter in counters])
    np.testing.assert_array_equal(theirs, decide_all(chip, windows))

    def run(times: int) -> float:
        for _ in range(times):
            device.run(**where)
        return times * float(device._last_run_time)

    return run, windows.size


def chained_steps() -> Side:
    """IR-SIM scans and turns as snnTorch chooses; neurobot drives episodes, new worlds included.

    As a rollout its worlds are drawn before.
    """
    import torch
    from snntorch import spikegen

    world, snn = make_irsim(), make_snn()

    def step() -> None:
        nearest = np.reshape(world.get_lidar_scan()["ranges"], (1, INPUTS, -1)).min(axis=2)
        levels = torch.from_numpy(1 - nearest / nearest.max()).float()
        turn = int(snn(spikegen.rate(levels, SNN_TICKS))) - CHOICES // 2
        world.step(np.array([[0.0], [turn]]))

    return Timer(step).timeit, 1


def our_closed_loop() -> Side:
    env, controller = gym.make(ROAM, **FOREST), PoppinsController()
    attach(controller, env)

    def drive() -> int:
        return sum(run_episode(env, controller, seed).decisions for seed in range(5))

    return Timer(drive).timeit, drive()


def our_rollout() -> Side:
    arena = Arena(ROAM, range(5), **FOREST)
    brain = arena.brain()

    def drive() -> int:
        return int(arena.drive([brain], threads=1)["decisions"].sum())

    return Timer(drive).timeit, drive()


COMPARISONS: list[tuple[str, str, Builder, Builder]] = [
    ("ir-sim", "180 beams, 12 discs", irsim_steps, partial(our_steps, ROAM, **FOREST)),
    ("ir-sim", "the same, 1024 worlds", irsim_steps, partial(our_worlds, 1024, ROAM, **FOREST)),
    ("highway-env", "180 beams, a goal", parking_steps, partial(our_steps, SEEK, **FOREST)),
    ("highway-env", "traffic", highway_steps, partial(our_steps, ROAM, scenario="crossing")),
    ("gymnax", "8192 points with a goal", point_steps, partial(our_worlds, MANY, SEEK, **POINT)),
    ("snntorch", "decisions, batch 1", partial(snn_decisions, 1), our_decisions),
    ("snntorch", "decisions, batch 8192", partial(snn_decisions, MANY), our_batched_decisions),
    ("brian2", "neuron updates", brian_updates, partial(our_batched_decisions, 2 * SIZE * TICKS)),
    ("ir-sim", "closed loop with snnTorch", chained_steps, our_closed_loop),
    ("ir-sim", "the same, as a rollout", chained_steps, our_rollout),
]


def race(seconds: float, *builders: Builder) -> list[float]:
    """Return the rates of the sides; one that is not installed has none."""
    sides = []
    for build in builders:
        with suppress(ModuleNotFoundError), redirect_stdout(io.StringIO()):
            run, units = build()
            least_s = min(run(1) for _ in range(5))
            sides.append((run, units, max(1, int(seconds / ROUNDS / least_s))))
    rounds = [[units * times / run(times) for run, units, times in sides] for _ in range(ROUNDS)]
    return [statistics.median(rates) for rates in zip(*rounds, strict=True)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0], epilog=PIP)
    options.add_argument("--seconds", type=float, default=3.0, help="per figure (default: 3)")
    names = {row[0] for row in COMPARISONS}
    options.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME")
    chosen = options.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    print(f"neurobot {version('neurobot')}, numpy {np.__version__}, one core, seed 0")
    table = make_table("compared", "peer", "neurobot's rate", "its rate", "ratio")
    notes: dict[str, None] = {}
    for peer, what, theirs, ours in (row for row in COMPARISONS if row[0] in chosen.only):
        rates = race(chosen.seconds, ours, theirs)
        shown = [prefixed(rate, "/s", 3) for rate in rates]
        if len(rates) == 1:
            table.add_row(what, peer, *shown, "-", "-")
            notes[f"{peer} is left out: {PIP}"] = None
        else:
            table.add_row(what, f"{peer} {version(peer)}", *shown, f"{rates[0] / rates[1]:,.3g} x")
            notes[" ".join((getattr(theirs, "func", theirs).__doc__ or "").split())] = None
    Console().print(table)
    print(*notes, sep="\n")


if __name__ == "__main__":
    main()

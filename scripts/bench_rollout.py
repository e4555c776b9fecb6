"""How many decisions a second the closed loop makes, and what starting it costs.

python scripts/bench_rollout.py [--seconds S]

The shipped spiking controller (2 x 64 neurons, 64 ticks, counters on) roams forests of 20 discs
with 36 beams: world, sensors, encoder, chip, decoder and latency are in every decision. Step by
step is the same through `gym.make` and `run_episode`. Start-up runs in fresh processes, first with
an empty folder of compiled code.
"""

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium as gym
from bench_table import Figure, print_benchmarks, rate

from neurobot.compiled import cores
from neurobot.controllers.poppins import PoppinsController
from neurobot.envs.batch import Batch
from neurobot.envs.settings import make_settings
from neurobot.loop import attach, run_episode
from neurobot.rollout import Arena

ID = "neurobot/Avoidance-v0"
# A difficulty of 1 / 6 puts 20 discs into the forest.
WORLD: dict[str, Any] = {"scenario": "forest", "difficulty": 1 / 6, "beams": 36}
GPU_WORLDS = 4096
FIRST_DECISION = f"""
import time
start = time.perf_counter()
import neurobot
imported = time.perf_counter()
neurobot.evaluate("poppins", env={ID!r}, episodes=1, time_limit_s=0.1)
print(imported - start, time.perf_counter() - imported)
"""


def rolled(worlds: int, threads: int, seconds: float) -> float:
    """Return decisions per second of rollouts."""
    arena = Arena(ID, range(worlds), **WORLD)
    brain = arena.brain()
    decisions = int(arena.drive([brain], threads=threads)["decisions"].sum())
    return rate(partial(arena.drive, [brain], threads=threads), seconds, decisions)


def stepped(seconds: float) -> float:
    """Return decisions per second through the environment and the controller."""
    env, controller = gym.make(ID, **WORLD), PoppinsController()
    attach(controller, env)
    decisions = run_episode(env, controller, 0).decisions
    return rate(lambda: run_episode(env, controller, 0), seconds, decisions)


def bench_decisions(seconds: float) -> Iterator[Figure]:
    """Time one world and many, on one core and on all."""
    steps = stepped(seconds)
    yield Figure("closed loop, step by step", steps, "decisions/s", "one core")
    one = rolled(1, 1, seconds)
    yield Figure("rollout, 1 world", one, "decisions/s", f"one core, {one / steps:.1f} x stepped")
    single = 0.0
    for threads in sorted({1, cores()}):
        found = rolled(64 * threads, threads, seconds)
        single = single or found
        what = f"rollout, {64 * threads} worlds"
        yield Figure(
            what, found, "decisions/s", f"{threads} cores, {found / single:.2f} x one core"
        )


def bench_gpu(seconds: float) -> Iterator[Figure]:
    """Time as many worlds at once as a GPU has room for, where there is one."""
    from numba import cuda as numba_cuda

    cuda: Any = numba_cuda
    what = f"rollout, {GPU_WORLDS} worlds on a GPU"
    if not cuda.is_available():
        yield Figure(what, None, "decisions/s", "no GPU here")
        return
    arena = Arena(ID, range(GPU_WORLDS), **WORLD)
    brain = arena.brain()
    wanted = arena.drive([brain])
    if (arena.drive([brain], gpu=True) != wanted).any():
        raise AssertionError("the GPU's episodes differ from the processor's")
    decisions = int(wanted["decisions"].sum())
    found = rate(partial(arena.drive, [brain], gpu=True), seconds, decisions)
    yield Figure(what, found, "decisions/s", "all counts equal to the processor's")


def draw_worlds(count: int) -> Batch:
    """Draw so many worlds."""
    batch = Batch(count, False, make_settings(WORLD))
    for i in range(count):
        batch.reset(i, gym.utils.seeding.np_random(i)[0], None)
    return batch


def bench_memory(seconds: float) -> Iterator[Figure]:
    """Measure what a world takes."""
    draw_worlds(1)  # what is compiled on the way does not count
    count = 1024
    tracemalloc.start()
    batch = draw_worlds(count)
    taken = tracemalloc.get_traced_memory()[0] / len(batch.scenes)
    tracemalloc.stop()
    yield Figure("memory of a world", taken, "B", f"mean of {count}, 20 discs")


def start(folder: str) -> tuple[float, float]:
    """Return seconds of the import and of the first decision, in a fresh process."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
    command = [sys.executable, "-c", FIRST_DECISION]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    imported, decided = printed.stdout.split()
    return float(imported), float(decided)


def bench_start(seconds: float) -> Iterator[Figure]:
    """Time the first decision of a fresh process, with and without compiled code on disk."""
    with tempfile.TemporaryDirectory() as folder:
        _, cold_s = start(folder)
        imported_s, warm_s = start(folder)
    yield Figure("import neurobot", imported_s, "s")
    yield Figure("first episode, nothing compiled", cold_s, "s", "after the import; one world")
    yield Figure("first episode, compiled before", warm_s, "s", "after the import; one world")


def bench_evaluations(seconds: float) -> Iterator[Figure]:
    """Time the spiking controller's evaluation of 200 navigation and 500 BARN-size episodes."""
    for scenario, episodes in (("forest", 200), ("barn", 500)):
        command = [
            *(sys.executable, "-m", "neurobot", "evaluate", "poppins", "--json"),
            *("--env", "neurobot/Navigation-v0", "--scenario", scenario),
            *("--episodes", str(episodes)),
        ]
        begun = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        what = f"evaluate {episodes} x Navigation {scenario}"
        yield Figure(what, time.perf_counter() - begun, "s", "the whole command, compiled before")


def figures(seconds: float) -> Iterator[Figure]:
    """All figures of the closed loop."""
    yield from bench_decisions(seconds)
    yield from bench_gpu(seconds)
    yield from bench_memory(seconds)
    yield from bench_start(seconds)
    yield from bench_evaluations(seconds)


if __name__ == "__main__":
    print_benchmarks(__doc__.partition("\n")[0], figures)

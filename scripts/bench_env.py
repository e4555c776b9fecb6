"""How many steps a second the world makes: single, vectorized, and against the naive oracle.

python scripts/bench_env.py [--seconds S]

Every rate is the best of some rounds in one process; actions are a slow spin on the spot, so that
episodes last, and a second figure of the vectorized environment has random actions with all their
collisions and resets in it. 16 beams see 12 discs, 36 beams see 20, and four walls. Rays are those
of `sense_rows` over 1024 worlds, on one core. The oracle is the ray caster of tests/naive_world.py.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from bench_table import Figure, print_benchmarks, rate

from neurobot.envs.batch import Batch
from neurobot.envs.planner import shortest_path_m
from neurobot.envs.rows import sense_rows
from neurobot.envs.settings import make_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ID = "neurobot/Avoidance-v0"
WORLD: dict[str, Any] = {"scenario": "forest", "time_limit_s": 1e5}


def world(beams: int) -> dict[str, Any]:
    """Options of a forest with 12 discs for 16 beams, and with 20 for more."""
    return {**WORLD, "beams": beams, "difficulty": 1 / 30 if beams == 16 else 1 / 6}


def single(beams: int, seconds: float) -> float:
    """Return steps per second of one environment from gym.make, wrappers included."""
    env = gym.make(ID, **world(beams))
    env.reset(seed=0)
    spin = np.array([0.1, -0.1], np.float32)
    env.step(spin)
    return rate(lambda: env.step(spin), seconds)


def vectorized(count: int, beams: int, seconds: float, with_resets: bool) -> float:
    """Return steps per second of the native vectorized environment, all rows together."""
    envs = gym.make_vec(ID, num_envs=count, **world(beams))
    envs.reset(seed=0)
    envs.action_space.seed(0)
    actions = [envs.action_space.sample() for _ in range(64)]
    if not with_resets:
        actions = [np.tile(np.array([0.1, -0.1], np.float32), (count, 1))]
    turn = iter(range(10**9))
    envs.step(actions[0])
    return count * rate(lambda: envs.step(actions[next(turn) % len(actions)]), seconds)


def rays(count: int, beams: int, seconds: float) -> float:
    """Return rays per second on one core, in so many worlds."""
    batch = make_batch(count, False, beams)
    args = (batch.rows, batch.state, batch.robot, batch.beams, batch.scratch, batch.readings)
    sense_rows(*args, batch.results)
    return count * beams * rate(lambda: sense_rows(*args, batch.results), seconds)


def make_batch(count: int, has_goal: bool, beams: int = 36) -> Batch:
    """Draw so many worlds."""
    batch = Batch(count, has_goal, make_settings(world(beams)))
    rng = np.random.default_rng(0)
    for i in range(count):
        batch.reset(i, rng, None)
    return batch


def resets_and_ways(seconds: float) -> tuple[float, float]:
    """Return resets per second of navigation in the forest, and shortest ways per second there."""
    batch, rng = make_batch(1, True), np.random.default_rng(0)
    scenes = make_batch(64, True).scenes
    turn = iter(range(10**9))

    def way() -> None:
        scene = scenes[next(turn) % len(scenes)]
        assert scene is not None
        shortest_path_m(scene, batch.robot)

    way()
    return rate(lambda: batch.reset(0, rng, None), seconds), rate(way, seconds)


def oracle_scans(beams: int, seconds: float) -> tuple[float, float]:
    """Return scans per second of our ray caster and of the naive oracle, in the same world."""
    from naive_world import ray

    env: Any = gym.make(ID, **world(beams)).unwrapped
    env.reset(seed=0)
    batch, row = env.batch, env.batch.state.rows[0]
    origin = (float(row["x"]), float(row["y"]))
    angles = (float(row["heading"]) + np.arctan2(batch.beams.sin, batch.beams.cos)).tolist()
    discs = [(disc[0], disc[1], disc[2]) for disc in env.scene.discs.tolist()]
    segments = [(e[0], e[1], e[2], e[3]) for e in env.scene.edges.tolist()]

    def naive() -> list[float]:
        return [min(ray(origin, angle, discs, segments), batch.beams.range_m) for angle in angles]

    np.testing.assert_allclose(batch.readings[0], naive(), rtol=1e-5)
    chosen = np.array([0])
    ours = rate(lambda: batch.sense(chosen), seconds)
    theirs = rate(naive, seconds)
    return ours, theirs


def figures(seconds: float) -> Iterator[Figure]:
    """All figures of the world."""
    for beams in (16, 36):
        one = single(beams, seconds)
        yield Figure(f"gym.make, {beams} beams", one, "steps/s")
        for count in (16, 256, 1024, 4096):
            many = vectorized(count, beams, seconds, with_resets=False)
            what = f"make_vec {count}, {beams} beams"
            yield Figure(what, many, "steps/s", f"{many / one:.1f} x single")
    mixed = vectorized(256, 36, seconds, with_resets=True)
    yield Figure("make_vec 256, 36 beams", mixed, "steps/s", "random actions, resets")
    resets, ways = resets_and_ways(seconds)
    yield Figure("resets of navigation", resets, "/s")
    yield Figure("shortest ways", ways, "/s")
    yield Figure("rays, 36 beams, 20 discs", rays(1024, 36, seconds), "rays/s", "one core")
    ours, theirs = oracle_scans(36, seconds)
    yield Figure("scans of one world, each a call", ours, "/s", f"{ours / theirs:.0f} x oracle")


if __name__ == "__main__":
    print_benchmarks(__doc__.partition("\n")[0], figures)

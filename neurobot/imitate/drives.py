"""What a driver sees, and what the teacher thinks of every choice there.

Worlds are drawn from seeds that evaluations do not use, at every difficulty; a share of the
decisions is replaced by random choices that last a while, so that the lessons also tell how to get
out of trouble.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.steering import CHOICES, choose, wheels_of
from neurobot.envs.batch import Batch
from neurobot.envs.settings import make_settings
from neurobot.envs.tasks import RUNNING
from neurobot.imitate.planner import Planner

Array = NDArray[Any]
Driver = Callable[[Array, Array], Array]  # pictures (E, 36, 96), worth (E, C) -> scores (E, C)

FIRST_SEED = 1_000_000  # evaluations count from 0
WHIM_STEPS = 4  # a random choice lasts so long
SCENARIOS = ("forest", "corridor", "looming", "crossing", "rooms", "barn")
SHARES = (0.5, 0.12, 0.14, 0.08, 0.08, 0.08)


@dataclass(frozen=True)
class Lessons:
    """Pictures (N, rows, columns) uint8, and what each choice is worth there in metres (N, C)."""

    pictures: Array
    worth: Array


def join(parts: Iterable[Lessons]) -> Lessons:
    """Put lessons one behind the other."""
    every = list(parts)
    return Lessons(
        np.concatenate([part.pictures for part in every]),
        np.concatenate([part.worth for part in every]),
    )


def teacher(pictures: Array, worth: Array) -> Array:
    """Drive as the teacher would."""
    return worth


def open_batch(scenario: str, rows: int) -> Batch:
    """Open so many worlds of a scenario, seen by the camera."""
    return Batch(rows, False, make_settings({"scenario": scenario, "sensor": "camera"}))


def rate_rows(planner: Planner, batch: Batch) -> Array:
    """Ask the teacher about every row, (E, C)."""
    state = batch.state
    return np.stack(
        [
            planner.rate(state.rows[i : i + 1], state.discs[i], state.segments[i])
            for i in range(batch.count)
        ]
    ).astype(np.float32)


def drive(
    scenario: str, driver: Driver, count: int, seed: int, whims: float = 0.05, rows: int = 16
) -> Lessons:
    """Let a driver drive until there are `count` lessons; whims: share of steps that begin one."""
    rng = np.random.default_rng([FIRST_SEED, seed])
    batch, fresh = open_batch(scenario, rows), iter(range(10**9))
    planner, robot = Planner(batch.robot), batch.robot
    pictures: list[Array] = []
    worths: list[Array] = []
    last, whim, left = (np.zeros(rows, np.int64) for _ in range(3))

    def renew(i: int) -> None:
        own = np.random.default_rng([FIRST_SEED, seed, next(fresh)])
        batch.reset(i, own, {"difficulty": float(own.uniform(0.2, 0.8))})
        last[i] = 0

    for i in range(rows):
        renew(i)
    while len(pictures) * rows < count:
        seen = batch.observation()["camera"][:, :, :, 0]
        worth = rate_rows(planner, batch)
        pictures.append(seen)
        worths.append(worth)
        scores = driver(seen, worth)
        begins = (left == 0) & (rng.random(rows) < whims)
        whim = np.where(begins, rng.integers(CHOICES, size=rows), whim)
        left = np.where(begins, WHIM_STEPS, np.maximum(left - 1, 0))
        for i in range(rows):
            last[i] = int(whim[i]) if left[i] else choose(scores[i], int(last[i]))
        steer = planner.plan.choices[last]
        limits = robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
        batch.step(np.array([wheels_of(speed, spin, *limits) for _, speed, spin in steer]))
        for i in np.flatnonzero(batch.results.outcome != RUNNING):
            renew(int(i))
    return Lessons(np.concatenate(pictures)[:count], np.concatenate(worths)[:count])

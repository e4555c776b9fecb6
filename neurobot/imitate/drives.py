"""What a driver sees, and what the teacher thinks of every choice there.

Worlds are drawn from seeds that evaluations do not use, at difficulties of `DIFFICULTY`; some
decisions are replaced by random choices that last a while, so that the lessons also tell how to get
out of trouble.
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.samples import beam_codes
from neurobot.controllers.steering import CHOICES, choose, wheels_of
from neurobot.envs.batch import Batch
from neurobot.envs.settings import make_settings
from neurobot.envs.tasks import RUNNING
from neurobot.imitate.planner import Planner

Array = NDArray[Any]
# Pictures (E, rows, columns), see `look`, and worth (E, C) -> scores (E, C).
Driver = Callable[[Array, Array], Array]

FIRST_SEED = 1_000_000  # evaluations count from 0
DIFFICULTY = (0.2, 0.8)
WHIM_STEPS = 4  # a random choice lasts so long
SCENARIOS = ("forest", "corridor", "looming", "crossing", "rooms", "barn")
SHARES = (0.5, 0.12, 0.14, 0.08, 0.08, 0.08)


@dataclass(frozen=True)
class Lessons:
    """Pictures (N, rows, columns) uint8, and what choices are worth there (N, C), float32 m."""

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
    """Score choices by what they are worth: drive as the teacher would."""
    return worth


def open_batch(scenario: str, rows: int, sensor: str = "camera") -> Batch:
    """Open so many worlds of a scenario, seen by the camera or by the range finder."""
    return Batch(rows, False, make_settings({"scenario": scenario, "sensor": sensor}))


def look(batch: Batch) -> Array:
    """Return what is seen in every row of worlds, bytes (E, rows, columns); a scan is one row."""
    seen = batch.observation()
    if "camera" in seen:
        return np.asarray(seen["camera"][..., 0])
    return beam_codes(seen["range"], batch.beams.range_m)[:, None]


def rate_rows(planner: Planner, batch: Batch) -> Array:
    """Ask the teacher about every row; return metres (E, C) float32."""
    state = batch.state
    return np.stack(
        [
            planner.rate(state.rows[i : i + 1], state.discs[i], state.segments[i])
            for i in range(batch.count)
        ]
    ).astype(np.float32)


class Whims:
    """Random choices, in each row by itself: begun by chance, then kept for WHIM_STEPS.

    share: of the steps after one without a whim, those that begin one.
    """

    def __init__(self, rng: np.random.Generator, share: float, rows: int) -> None:
        self.rng = rng
        self.share = share
        self.choices, self.steps_left = np.zeros(rows, np.int64), np.zeros(rows, np.int64)

    def step(self) -> None:
        """Begin some, and let the others grow older."""
        rows = len(self.choices)
        begins = (self.steps_left == 0) & (self.rng.random(rows) < self.share)
        self.choices = np.where(begins, self.rng.integers(CHOICES, size=rows), self.choices)
        self.steps_left = np.where(begins, WHIM_STEPS, np.maximum(self.steps_left - 1, 0))

    def follow(self, i: int, choice: int) -> int:
        """Return the whim of row i, or the choice where there is none."""
        return int(self.choices[i]) if self.steps_left[i] else choice


def drive(
    scenario: str,
    driver: Driver,
    count: int,
    seed: int,
    whims: float = 0.05,
    rows: int = 16,
    sensor: str = "camera",
) -> Lessons:
    """Let a driver drive in so many rows of worlds until there are `count` lessons, 1 or more.

    whims: see `Whims`; the driver does not know of them. sensor: "camera" or "range".
    """
    if count < 1:
        raise ValueError(f"drive: count={count} lessons found, 1 or more needed")
    batch, fresh = open_batch(scenario, rows, sensor), itertools.count()
    planner, robot = Planner(batch.robot), batch.robot
    limits = robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
    whim = Whims(np.random.default_rng([FIRST_SEED, seed]), whims, rows)
    last = np.zeros(rows, np.int64)
    parts: list[Lessons] = []

    def renew(i: int) -> None:
        own = np.random.default_rng([FIRST_SEED, seed, next(fresh)])
        batch.reset(i, own, {"difficulty": float(own.uniform(*DIFFICULTY))})
        last[i] = 0

    for i in range(rows):
        renew(i)
    while len(parts) * rows < count:
        parts.append(Lessons(look(batch), rate_rows(planner, batch)))
        scores = driver(parts[-1].pictures, parts[-1].worth)
        whim.step()
        for i in range(rows):
            last[i] = whim.follow(i, choose(scores[i], int(last[i])))
        steer = planner.plan.choices[last]
        batch.step(np.array([wheels_of(speed, spin, *limits) for _, speed, spin in steer]))
        for ended in np.flatnonzero(batch.results.outcome != RUNNING):
            renew(int(ended))
    lessons = join(parts)
    return Lessons(lessons.pictures[:count], lessons.worth[:count])

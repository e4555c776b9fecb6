"""What a candidate is worth: success, speed and energy, and one number of the three.

score = success * G + speed * V - energy * E, with the weights of `Weights`, and

* G: mean grade of the worlds: 1 for a success, else FAILED times the share that was done. With a
  goal that is the share of the way, by the distance to the goal; without one the mean of the
  shares of the time survived and of the ground wanted;
* V: mean speed as a share of the robot's top speed, where failures count as 0;
* E: dynamic energy per decision, in units of ENERGY_J.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.poppins import Brain
from neurobot.cost import COST_TABLES
from neurobot.envs.tasks import (
    COLLISION,
    COLLISION_REWARD,
    SPEED_REWARD,
    SUCCESS,
    SUCCESS_REWARD,
)
from neurobot.events import Events
from neurobot.rollout import Arena

FAILED = 0.5
ENERGY_J = 100e-9

Array = NDArray[Any]


@dataclass(frozen=True)
class Weights:
    """What the parts of the score count."""

    success: float = 1.0
    speed: float = 0.2
    energy: float = 0.05

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1e6:
                raise ValueError(f"weights: {field.name}={value} must be a number in 0..1e6")


class Tally(NamedTuple):
    """What came of driving a candidate, added up over worlds; sums, so tallies can be added."""

    worlds: int = 0
    successes: int = 0
    grade: float = 0.0
    speed_mps: float = 0.0  # of all episodes
    brisk: float = 0.0  # share of the top speed, of successful ones
    decisions: int = 0
    energy_j: float = 0.0

    def plus(self, other: "Tally") -> "Tally":
        """Add worlds."""
        sums: Any = [a + b for a, b in zip(self, other, strict=True)]
        return Tally(*sums)

    @property
    def success_rate(self) -> float:
        """Share of worlds in which the task was done."""
        return self.successes / self.worlds

    @property
    def mean_speed_mps(self) -> float:
        """Path over time, mean of the worlds."""
        return self.speed_mps / self.worlds

    @property
    def decision_j(self) -> float:
        """Dynamic energy of a decision."""
        return self.energy_j / self.decisions

    def score(self, weights: Weights) -> float:
        """Put the three into one number."""
        return (
            weights.success * self.grade / self.worlds
            + weights.speed * self.brisk / self.worlds
            - weights.energy * self.decision_j / ENERGY_J
        )


def start_m(rows: Array) -> Array:
    """Distance from each start to its goal."""
    return np.asarray(np.hypot(rows["goal_x"] - rows["x"], rows["goal_y"] - rows["y"]))


def shares_done(arena: Arena, worlds: Array, logs: Array) -> Array:
    """Tell how much of its task each episode (B, W) did, 0..1."""
    rows = arena.batch.state.rows[worlds]
    if not arena.seeking:
        wanted = max(arena.batch.task.ground_cells, 1)
        ground = np.minimum(logs["ground_m2"] / wanted, 1.0)
        return np.asarray(0.5 * (logs["steps"] / rows["time_limit"] + ground))
    end = np.where(logs["outcome"] == SUCCESS, SUCCESS_REWARD, 0.0)
    end += np.where(logs["outcome"] == COLLISION, COLLISION_REWARD, 0.0)
    full_m = arena.body.max_speed_mps * arena.batch.clock.control_s
    nearer_m = (logs["reward"] - end) / SPEED_REWARD * full_m
    return np.asarray(np.clip(nearer_m / start_m(rows), 0.0, 1.0))


def tallies(
    arena: Arena, worlds: Array, brains: Sequence[Brain], logs: Array, cost_table: str
) -> list[Tally]:
    """Add up what came of driving each brain through some worlds (W,): logs (B, W)."""
    done = logs["outcome"] == SUCCESS
    grades = np.where(done, 1.0, FAILED * shares_done(arena, worlds, logs))
    speeds = logs["path_m"] / (logs["steps"] * arena.batch.clock.control_s)
    brisk = np.where(done, speeds / arena.body.max_speed_mps, 0.0)
    price = COST_TABLES[cost_table].tariffs[Events.chip].dynamic_j
    # Exact sums: they do not depend on how many candidates are added up beside each other.
    return [
        Tally(
            len(worlds),
            int(done[b].sum()),
            math.fsum(grades[b]),
            math.fsum(speeds[b]),
            math.fsum(brisk[b]),
            int(logs["decisions"][b].sum()),
            float(price(brain.network.events(logs["totals"][b].sum(axis=0)))),
        )
        for b, brain in enumerate(brains)
    ]


def dominated(tally: Tally, others: Sequence[Tally]) -> bool:
    """Whether another is as good in success, speed and energy, and better in one of them."""
    mine = objectives(tally)
    return any(
        all(a >= b for a, b in zip(other, mine, strict=True)) and other != mine
        for other in map(objectives, others)
    )


def objectives(tally: Tally) -> tuple[float, float, float]:
    """Success, speed and energy, each the larger the better."""
    return tally.success_rate, tally.mean_speed_mps, -tally.decision_j

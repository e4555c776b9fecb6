"""The BARN challenge's own score of an episode, and of a set of worlds.

    score = success x OT / clip(AT, fastest x OT, slowest x OT)

AT is the time that the episode took, OT the optimal one: the length of the reference path over the
top speed. So a success scores from 1 / slowest to 1 / fastest, and a failure 0. The challenge's OT
is at 2 m/s, its robot's top speed: a robot with another one needs its own for a fair comparison,
and 2 m/s for the challenge's table. Which path is the reference is up to the caller. The
challenge's leads from the start over the points that come with each world to the goal itself; the
shortest way into the goal's tolerance is shorter, and so a stricter reference.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

CHALLENGE_SPEED_MPS = 2.0


@dataclass(frozen=True)
class Edition:
    """The window, in multiples of the optimal time, in which it pays to be faster."""

    fastest: float
    slowest: float


# Both windows are in the challenge's published code and rules; that the wider one holds from 2023
# on is assumed.
EDITIONS = {"2022": Edition(4.0, 8.0), "2023 on": Edition(2.0, 8.0)}
LATEST = "2023 on"


Point = Sequence[float]


def challenge_path_m(start: Point, points: Iterable[Point], goal: Point) -> float:
    """Length of the challenge's reference path; points: (n, 2), of the world's file."""
    stops = [(stop[0], stop[1]) for stop in (start, *points, goal)]
    return math.fsum(math.dist(here, there) for here, there in pairwise(stops))


def barn_score(
    success: bool,
    time_s: float,
    path_m: float,
    *,
    speed_mps: float = CHALLENGE_SPEED_MPS,
    edition: str = LATEST,
) -> float:
    """Score one episode, 0..0.5 (0..0.25 in the edition of 2022).

    time_s: that it took; path_m: length of the reference path; speed_mps: top speed at which that
    path would be driven.
    """
    if edition not in EDITIONS:
        raise ValueError(f"edition: unknown {edition!r}; known: {', '.join(EDITIONS)}")
    for name, value in (("time_s", time_s), ("path_m", path_m), ("speed_mps", speed_mps)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name}={value} must be above 0 and finite")
    window, optimal_s = EDITIONS[edition], path_m / speed_mps
    clipped_s = min(max(time_s, window.fastest * optimal_s), window.slowest * optimal_s)
    return optimal_s / clipped_s if success else 0.0


def mean_by_world(scores: Iterable[tuple[Hashable, float]]) -> float:
    """Average scores, given with their worlds, in each world first, and then over the worlds."""
    worlds: dict[Hashable, list[float]] = defaultdict(list)
    for world, score in scores:
        worlds[world].append(score)
    if not worlds:
        raise ValueError("scores: none found, 1 or more needed")
    return math.fsum(math.fsum(each) / len(each) for each in worlds.values()) / len(worlds)

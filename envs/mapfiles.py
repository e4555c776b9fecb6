"""Worlds of standing cylinders and of convex polygons, read from the arrays of an `.npz`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurobot.angles import wrap
from neurobot.envs.archive import SIDE_M, Archive, WorldFileError
from neurobot.envs.outlines import OutlineError, convex_outlines
from neurobot.envs.scenarios import BARN_LIMIT_S, standing
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot

MARGIN_M = 1.0  # by so much the bounds of an open world exceed what stands in it
LONGEST_S = 1e6
BARN_ROBOT = "jackal"
CYLINDER_ARRAYS = (
    "cyl_xy", "cyl_offsets", "cyl_radius", "start_pose", "goal_xy", "goal_tolerance"
)  # fmt: skip
POLYGON_ARRAYS = ("poly_xy", "poly_offsets", "start", "goal")


@dataclass(frozen=True, eq=False)
class Cylinders:
    """Worlds of standing cylinders that share start and goal, as in `barn_worlds.npz`."""

    xy: Floats  # (n, 2), of all worlds
    offsets: Array  # (worlds + 1,) first row of each
    radius_m: float
    start: tuple[float, float, float]
    goal: tuple[float, float]
    goal_tolerance_m: float
    robot: str | None = BARN_ROBOT

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def scene(self, k: int, rng: np.random.Generator, robot: Robot) -> Scene:
        """World k, with the time limit of the BARN challenge."""
        xy = self.xy[self.offsets[k] : self.offsets[k + 1]]
        return Scene(
            around(xy, np.array([self.start[:2], self.goal])),
            self.start,
            self.goal,
            discs=standing(np.column_stack([xy, np.full(len(xy), self.radius_m)])),
            goal_tolerance_m=self.goal_tolerance_m,
            time_limit_s=BARN_LIMIT_S,
        )


@dataclass(frozen=True, eq=False)
class Polygons:
    """Convex polygons with many starts and goals: world k has the k-th of each."""

    outlines: Floats
    starts: Floats  # (worlds, 3) x, y, heading
    goals: Floats  # (worlds, 2)
    goal_tolerance_m: float
    time_limit_s: float | None
    robot: str | None

    def __len__(self) -> int:
        return len(self.starts)

    def scene(self, k: int, rng: np.random.Generator, robot: Robot) -> Scene:
        """World k."""
        x, y, heading = self.starts[k].tolist()
        goal_x, goal_y = self.goals[k].tolist()
        return Scene(
            around(self.outlines[:, :2], np.array([[x, y], [goal_x, goal_y]])),
            (x, y, float(wrap(heading))),
            (goal_x, goal_y),
            outlines=self.outlines,
            goal_tolerance_m=self.goal_tolerance_m,
            time_limit_s=self.time_limit_s,
        )


def around(*points: Floats) -> tuple[float, float, float, float]:
    """Bounds of an open world: the box around some points, and a margin."""
    every = np.concatenate(points)
    low, high = every.min(axis=0) - MARGIN_M, every.max(axis=0) + MARGIN_M
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def check_side(path: Path, *points: Floats) -> None:
    """Refuse a file whose worlds are too large to plan in."""
    every = np.concatenate(points)
    side_m = np.ptp(every, axis=0).max()
    if side_m > SIDE_M:
        raise WorldFileError(
            f"{path}: the world is {side_m:g} m wide; at most {SIDE_M:g} m is allowed"
        )


def read_cylinders(archive: Archive) -> Cylinders:
    """Read worlds of cylinders."""
    archive.require(*CYLINDER_ARRAYS)
    xy = archive.rows("cyl_xy", 2)
    x, y, heading = archive.numbers("start_pose", 3).tolist()
    goal_x, goal_y = archive.numbers("goal_xy", 2).tolist()
    check_side(archive.path, xy, np.array([[x, y], [goal_x, goal_y]]))
    offsets = archive.offsets("cyl_offsets", len(xy))
    if len(offsets) == 1:
        raise WorldFileError(f"{archive.path}: array 'cyl_offsets' has one row: there is no world")
    return Cylinders(
        xy,
        offsets,
        radius_m=archive.positive("cyl_radius", SIDE_M),
        start=(x, y, float(wrap(heading))),
        goal=(goal_x, goal_y),
        goal_tolerance_m=archive.positive("goal_tolerance", SIDE_M),
    )


def read_polygons(archive: Archive) -> Polygons:
    """Read convex polygons with pairs of start and goal."""
    archive.require(*POLYGON_ARRAYS)
    starts, goals = archive.rows("start", 3), archive.rows("goal", 2)
    if len(starts) != len(goals) or not len(starts):
        raise WorldFileError(
            f"{archive.path}: {len(starts)} rows in 'start' and {len(goals)} in 'goal'; "
            "allowed: equally many, at least one"
        )
    xy = archive.rows("poly_xy", 2)
    check_side(archive.path, xy, starts[:, :2], goals)
    try:
        outlines = convex_outlines(xy, archive.offsets("poly_offsets", len(xy)))
    except OutlineError as wrong:
        raise WorldFileError(f"{archive.path}: {wrong}") from wrong
    tolerance, limit = "goal_tolerance" in archive, "time_limit" in archive
    return Polygons(
        outlines,
        starts,
        goals,
        archive.positive("goal_tolerance", SIDE_M) if tolerance else Scene.goal_tolerance_m,
        archive.positive("time_limit", LONGEST_S) if limit else None,
        archive.robot("robot") if "robot" in archive else None,
    )

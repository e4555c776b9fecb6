"""How difficult a world is: BARN's five metrics, and what else is known before anybody drives.

After Perille et al., "Benchmarking Metric Ground Navigation" (SSRR 2020), and their published code:
each metric but the last is averaged along a reference path in configuration space, whose obstacles
are grown so that the robot is a point. Rays end at an obstacle or at the world's bounds.

Assumed, where theirs depends on their maps of 0.15 m cells: obstacles are grown by the inscribed
disc (theirs: by two cells); lengths are measured exactly, not in cells, and given in metres; the
path is the footprint's shortest from start to goal (theirs: a way through the obstacle field), and
is sampled evenly by length, as far apart as their cells; dispersion looks equally far along every
axis, and counts bounds as an obstacle. Absolute values are therefore not theirs.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from neurobot.compiled import kernel
from neurobot.envs.fitting import HEADINGS, make_poses
from neurobot.envs.lattice import shortest_way
from neurobot.envs.planner import is_solvable, path_cell_m, shortest_path_m
from neurobot.envs.scene import Scene
from neurobot.envs.world import FAR_M, Array, Clock, Floats, Robot, blank_state, clearance

SAMPLE_M = 0.15  # side of a cell of their maps
DISPERSION_M = 3 * SAMPLE_M
CREEP_M = 1e-3  # a ray grazing something goes on by no less, and is as exact


@dataclass(frozen=True)
class Difficulty:
    """BARN's metrics of one world, of the point that the robot is among grown obstacles.

    A world is the more difficult the smaller the first two and the fourth are, and the larger the
    others.
    """

    closest_obstacle_m: float  # up to FAR_M at each point
    visibility_m: float  # mean over 8 rays
    dispersion: float  # changes between blocked and free, around 16 rays of DISPERSION_M
    characteristic_dimension_m: float  # the least free length along one of 4 axes, both ways
    tortuosity: float  # arc over chord, 1 or more


@dataclass(frozen=True)
class WorldFacts:
    """What is known of a world and a robot before anybody drives: plain values, for JSON."""

    shortest_m: float | None  # way of the inscribed disc: no way is shorter; None: there is none
    footprint_m: float | None  # way of the footprint itself, on a lattice of poses
    roomy: bool  # whether a way is wide enough for every heading all along
    difficulty: Difficulty | None  # None where the footprint has no way


@kernel
def until_bounds(me: Any, cos: float, sin: float) -> float:
    """Distance along a ray from a robot to the world's bounds, 0 outside of them."""
    across = np.inf
    if cos != 0.0:
        across = ((me.x1 if cos > 0.0 else me.x0) - me.x) / cos
    if sin != 0.0:
        across = min(across, ((me.y1 if sin > 0.0 else me.y0) - me.y) / sin)
    return max(across, 0.0)


@kernel
def free_along(
    me: Any, discs: Floats, segments: Floats, point: Robot, cos: float, sin: float
) -> float:
    """Distance that a robot can be shifted along a ray, up to the bounds.

    Sphere tracing: nothing is nearer than the clearance, hence a step of that length is free.
    """
    x, y, end = me.x, me.y, until_bounds(me, cos, sin)
    free = 0.0
    while free < end:
        gap = clearance(me, discs, segments, point, FAR_M)
        if gap <= 0.0:
            break
        free += max(gap, CREEP_M)
        me.x, me.y = x + free * cos, y + free * sin
    me.x, me.y = x, y
    return min(free, end)


@kernel
def look_around(
    rows: Array, discs: Floats, segments: Floats, point: Robot, rays: Floats, points: Floats
) -> Floats:
    """Measure at each point (n, 2): the clearance, and the free length along every ray, (n, 1 + R).

    rows: (1,) of `world.ROW`, written on; rays: (R, 2) cos, sin.
    """
    seen = np.empty((len(points), 1 + len(rays)))
    me = rows[0]
    for k in range(len(points)):
        me.x, me.y = points[k, 0], points[k, 1]
        seen[k, 0] = max(clearance(me, discs, segments, point, FAR_M), 0.0)
        for ray in range(len(rays)):
            cos, sin = rays[ray, 0], rays[ray, 1]
            seen[k, 1 + ray] = free_along(me, discs, segments, point, cos, sin)
    return seen


def sixteen_rays() -> Floats:
    """Return (cos, sin) of the moves of a king (even places) and a knight, all around."""
    poses = make_poses()
    half = np.column_stack([poses.cos, poses.sin])[:HEADINGS]
    return np.concatenate([half, -half])


def sampled(points: Floats) -> Floats:
    """Walk along a path (n, 2) in even steps of about SAMPLE_M, from end to end."""
    along = np.append(0.0, np.hypot(*np.diff(points, axis=0).T).cumsum())
    stops = np.linspace(0.0, along[-1], round(along[-1] / SAMPLE_M) + 1)
    return np.column_stack([np.interp(stops, along, part) for part in points.T])


def tortuosity_of(points: Floats) -> float:
    """Return arc over chord of a path (n, 2); 1 where it leads nowhere."""
    arc = np.hypot(*np.diff(points, axis=0).T).sum()
    chord = np.hypot(*(points[-1] - points[0]))
    return float(arc / chord) if chord else 1.0


def look_along(scene: Scene, robot: Robot, points: Floats) -> Floats:
    """Apply `look_around` with sixteen rays to points in a scene, among all that stands still."""
    moves = scene.discs[:, 3:].any(axis=1)
    still = replace(scene, discs=np.ascontiguousarray(scene.discs[~moves]))
    state = blank_state(1, len(still.discs), len(still.edges))
    still.put(0, state, Clock(1.0, 1), 1.0)
    point = robot._replace(half_length_m=0.0, half_width_m=0.0, rounding_m=robot.inscribed_m)
    return look_around(state.rows, state.discs[0], state.segments[0], point, sixteen_rays(), points)


def difficulty_along(scene: Scene, robot: Robot, points: Floats) -> Difficulty:
    """Measure a scene along a path (n, 2), n above 0."""
    seen = look_along(scene, robot, sampled(points))
    rays = seen[:, 1:]
    kings = rays[:, ::2]
    blocked = rays < DISPERSION_M
    return Difficulty(
        closest_obstacle_m=float(seen[:, 0].mean()),
        visibility_m=float(kings.mean()),
        dispersion=float((blocked != np.roll(blocked, 1, axis=1)).sum(axis=1).mean()),
        characteristic_dimension_m=float((kings[:, :4] + kings[:, 4:]).min(axis=1).mean()),
        tortuosity=tortuosity_of(points),
    )


def difficulty_of(scene: Scene, robot: Robot) -> Difficulty | None:
    """Measure a scene along the shortest way of the footprint; None: there is none."""
    path = shortest_way(scene, robot)
    return difficulty_along(scene, robot, path.points) if path else None


def facts_of(scene: Scene, robot: Robot) -> WorldFacts:
    """Find out what is known of a scene before anybody drives."""
    path = shortest_way(scene, robot)
    return WorldFacts(
        shortest_m=shortest_path_m(scene, robot),
        footprint_m=path.length_m if path else None,
        roomy=is_solvable(scene, robot, path_cell_m(robot) / 2),
        difficulty=difficulty_along(scene, robot, path.points) if path else None,
    )


def z_scores(worlds: Sequence[Difficulty]) -> Floats:
    """Express each metric in standard deviations from its mean over a set of worlds, (n, 5).

    worlds: 1 or more. A metric that is the same in all of them is 0.
    """
    if not worlds:
        raise ValueError("z_scores: no world found, 1 or more needed")
    table = np.array([astuple(world) for world in worlds])
    spread = table.std(axis=0)
    return np.asarray((table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0))

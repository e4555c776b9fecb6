"""Where a robot's footprint fits in a scene, at headings of a lattice and half-way between them.

The 16 moves of a king and a knight have 8 headings, if forwards and backwards are one: the
footprint is the same when it is turned by half a turn.
"""

import math
from typing import NamedTuple

import numpy as np

from neurobot.compiled import kernel
from neurobot.envs.geometry import point_to_box, segment_to_box, segment_within
from neurobot.envs.planner import block_solids
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot

# The moves along each heading, as rows and columns; the headings counter-clockwise from +x.
MOVES = ((0, 1), (1, 2), (1, 1), (2, 1), (1, 0), (2, -1), (1, -1), (1, -2))
HEADINGS = len(MOVES)


class Poses(NamedTuple):
    """Poses of one kind on a grid: at a heading, beside the middle of every cell."""

    cos: Floats  # (L,) of the heading
    sin: Floats
    aside: Floats  # (L, 2) x, y from the middle of the cell, in cells


def make_poses() -> Poses:
    """Return the poses that decide where roads lead, (3 * HEADINGS).

    First those at each heading; then half-way of the turn from each heading to the next; then
    half-way of the move along each heading.
    """
    right_up = np.array(MOVES, float)[:, ::-1]
    ahead = right_up / np.hypot(*right_up.T)[:, None]
    between = ahead + np.append(ahead[1:], -ahead[:1], axis=0)
    between /= np.hypot(*between.T)[:, None]
    cos, sin = np.concatenate([ahead, between, ahead]).T
    aside = np.concatenate([np.zeros((2 * HEADINGS, 2)), right_up / 2])
    return Poses(np.ascontiguousarray(cos), np.ascontiguousarray(sin), aside)


@kernel
def around_m(robot: Robot) -> float:
    """Radius of a disc around the footprint: nothing farther away touches it."""
    half_length, half_width = robot.half_length_m, robot.half_width_m
    return robot.rounding_m + math.sqrt(half_length * half_length + half_width * half_width) + 1e-9


@kernel
def reached(low: float, high: float, cell_m: float, count: int) -> tuple[int, int]:
    """Return the first and the last but one of the cells whose middles lie in low..high (m)."""
    first = min(max(math.ceil(low / cell_m - 0.5), 0), count)
    return first, min(max(math.floor(high / cell_m - 0.5) + 1, first), count)


@kernel
def block_by_disc(
    blocked: Array, poses: Poses, x0: float, y0: float, cell_m: float, disc: Floats, robot: Robot
) -> None:
    """Block the poses at which the footprint touches a disc."""
    rows, columns = blocked.shape[1:]
    touch = disc[2] + robot.rounding_m
    reach = disc[2] + around_m(robot)
    for k in range(blocked.shape[0]):
        x = disc[0] - x0 - poses.aside[k, 0] * cell_m
        y = disc[1] - y0 - poses.aside[k, 1] * cell_m
        low, high = reached(y - reach, y + reach, cell_m, rows)
        left, right = reached(x - reach, x + reach, cell_m, columns)
        for row in range(low, high):
            for column in range(left, right):
                dx, dy = x - (column + 0.5) * cell_m, y - (row + 0.5) * cell_m
                ahead = dx * poses.cos[k] + dy * poses.sin[k]
                across = dy * poses.cos[k] - dx * poses.sin[k]
                gap = point_to_box(ahead, across, robot.half_length_m, robot.half_width_m)
                if gap <= touch:
                    blocked[k, row, column] = True


@kernel
def block_by_edge(
    blocked: Array, poses: Poses, x0: float, y0: float, cell_m: float, edge: Floats, robot: Robot
) -> None:
    """Block the poses at which the footprint touches an edge (x0, y0, x1, y1)."""
    rows, columns = blocked.shape[1:]
    reach = around_m(robot)
    ex, ey = edge[2] - edge[0], edge[3] - edge[1]
    for k in range(blocked.shape[0]):
        x = edge[0] - x0 - poses.aside[k, 0] * cell_m
        y = edge[1] - y0 - poses.aside[k, 1] * cell_m
        low, high = reached(min(y, y + ey) - reach, max(y, y + ey) + reach, cell_m, rows)
        left, right = reached(min(x, x + ex) - reach, max(x, x + ex) + reach, cell_m, columns)
        cos, sin = poses.cos[k], poses.sin[k]
        along, aside = ex * cos + ey * sin, ey * cos - ex * sin
        for row in range(low, high):
            for column in range(left, right):
                dx, dy = x - (column + 0.5) * cell_m, y - (row + 0.5) * cell_m
                if blocked[k, row, column] or not segment_within(dx, dy, ex, ey, reach):
                    continue
                ahead, across = dx * cos + dy * sin, dy * cos - dx * sin
                gap = segment_to_box(
                    ahead, across, along, aside, robot.half_length_m, robot.half_width_m
                )
                if gap <= robot.rounding_m:
                    blocked[k, row, column] = True


@kernel
def block_poses(
    blocked: Array,
    poses: Poses,
    x0: float,
    y0: float,
    cell_m: float,
    discs: Floats,
    edges: Floats,
    outlines: Floats,
    robot: Robot,
) -> None:
    """Block the poses, (L, rows, columns), at which the footprint touches anything."""
    if len(outlines) > 0:
        for k in range(blocked.shape[0]):
            aside_x, aside_y = poses.aside[k, 0] * cell_m, poses.aside[k, 1] * cell_m
            block_solids(blocked[k], x0 + aside_x, y0 + aside_y, cell_m, outlines)
    for disc in discs:
        block_by_disc(blocked, poses, x0, y0, cell_m, disc, robot)
    for edge in edges:
        block_by_edge(blocked, poses, x0, y0, cell_m, edge, robot)


def fits(scene: Scene, robot: Robot, cell_m: float) -> Array:
    """Where the footprint touches nothing that stands still, (3 * HEADINGS, rows, columns) bool.

    Poses as in `make_poses`, around the middles of the cells of `planner.free_grid`.
    """
    x0, y0, x1, y1 = scene.bounds
    shape = (max(math.ceil((y1 - y0) / cell_m), 1), max(math.ceil((x1 - x0) / cell_m), 1))
    blocked = np.zeros((3 * HEADINGS, *shape), np.bool_)
    still = scene.discs[(scene.discs[:, 3] == 0) & (scene.discs[:, 4] == 0)]
    world = still, scene.edges, scene.outlines
    block_poses(blocked, make_poses(), x0, y0, cell_m, *world, robot)
    return ~blocked

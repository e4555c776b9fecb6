"""How far the goal is from everywhere: the way to it, longer where the robot hardly fits."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from neurobot.angles import sincos
from neurobot.compiled import kernel
from neurobot.controllers.wheels import chord
from neurobot.envs.fitting import HEADINGS
from neurobot.envs.lattice import make_lattice, spread_poses
from neurobot.envs.planner import PATH_CELL_M, RIM, Grid, free_grid
from neurobot.envs.scene import Scene
from neurobot.envs.world import Floats, Robot

# Beside the circumscribed disc (m), and by how much a metre of way through less room is longer.
ROOMS = ((0.1, 1.0), (0.25, 0.5))
MARGINS_M = (0.1, 0.05, 0.02, 0.0)  # of the footprint, the widest that leaves a way
CELL_SHARE = 1.5  # side of a cell, in radii of the inscribed disc: half-way poses overlap
ASTRAY = 10.0  # metres of way for a metre into what is blocked


class Field(NamedTuple):
    """Metres of way that are left to the goal, at the middle of each cell; no rows: no goal."""

    left_m: Floats  # (rows, columns), row 0 at the bottom
    x0: float
    y0: float
    cell_m: float


NOWHERE = Field(np.zeros((0, 0)), 0.0, 0.0, 1.0)


def tightness(scene: Scene, robot: Robot, cell_m: float) -> Floats:
    """By how much ways through each cell are longer for want of room: (rows, columns), from 1."""
    spaces = [free_grid(scene, robot.circumscribed_m + beside_m, cell_m) for beside_m, _ in ROOMS]
    more = [price * space.blocked for (_, price), space in zip(ROOMS, spaces, strict=True)]
    return np.asarray(1.0 + np.sum(more, axis=0))


def ways_to_goal(scene: Scene, robot: Robot, longer: Floats, cell_m: float) -> Floats:
    """Metres of way to the goal from each cell, (rows, columns), inf where there is none."""
    lattice = make_lattice(replace(scene, start=(*scene.goal, 0.0)), robot, cell_m, longer)
    goal = lattice.number(*lattice.grid.cell(*scene.goal))
    lattice.roads.roomy[goal] = True  # to arrive at any heading is to arrive
    cells = len(lattice.roads.roomy)
    nowhere, nothing = np.zeros(cells, np.bool_), np.zeros(cells)
    _, length, _ = spread_poses(lattice.roads, goal, nowhere, nothing)
    least = length.reshape(HEADINGS, -1, lattice.columns).min(axis=0)
    return np.asarray(least[RIM:-RIM, RIM:-RIM])


def goal_field(scene: Scene, robot: Robot, here: tuple[float, float]) -> Field:
    """Measure the way to the goal of a scene among all that stands still, for a robot that is here.

    Ways keep as far from everything as any way from here can; those through little room count as
    longer. Cells without a way lie astray of the nearest one that has one.
    """
    cell_m = min(PATH_CELL_M, CELL_SHARE * robot.inscribed_m)
    longer = tightness(scene, robot, cell_m)
    cell = Grid(longer > 1.0, scene.bounds[:2], cell_m).cell(*here)
    for margin_m in MARGINS_M:
        wide = robot._replace(rounding_m=robot.rounding_m + margin_m)
        left = ways_to_goal(scene, wide, longer, cell_m)
        if np.isfinite(left[cell]):
            break
    astray, nearest = distance_transform_edt(np.isinf(left), return_indices=True)
    left = left[tuple(nearest)] + ASTRAY * cell_m * astray
    return Field(left, *scene.bounds[:2], cell_m)


@kernel
def left_at(field: Field, x: float, y: float) -> float:
    """Metres of way left at a point, weighed between the middles of the four cells around it."""
    rows, columns = field.left_m.shape
    across = min(max((x - field.x0) / field.cell_m - 0.5, 0.0), columns - 1.0)
    up = min(max((y - field.y0) / field.cell_m - 0.5, 0.0), rows - 1.0)
    row, column = int(up), int(across)
    above, right = min(row + 1, rows - 1), min(column + 1, columns - 1)
    up, across = up - row, across - column
    low = (1.0 - across) * field.left_m[row, column] + across * field.left_m[row, right]
    high = (1.0 - across) * field.left_m[above, column] + across * field.left_m[above, right]
    return float((1.0 - up) * low + up * high)


@kernel
def downhill(field: Field, x: float, y: float, heading: float) -> float:
    """Heading (rad) to turn to where the way left shrinks the fastest, from a heading here.

    A chord stands for the angle between them: so no arc tangent is needed, and for small angles
    they are the same.
    """
    step = field.cell_m
    dx = left_at(field, x - step, y) - left_at(field, x + step, y)
    dy = left_at(field, x, y - step) - left_at(field, x, y + step)
    sin, cos = sincos(heading)
    return heading + math.copysign(chord(dx, dy, cos, sin), dy * cos - dx * sin)

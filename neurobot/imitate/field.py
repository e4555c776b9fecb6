"""How far the goal is from everywhere: the way to it, longer where the robot hardly fits."""

import math
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from neurobot.angles import sincos
from neurobot.compiled import kernel
from neurobot.controllers.wheels import chord
from neurobot.envs.planner import PATH_CELL_M, RIM, free_grid, split, step_table
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot

# Beside the circumscribed disc (m), and by how much a metre of way through less room is longer.
ROOMS = ((0.0, 3.0), (0.1, 1.0), (0.25, 0.5))
LONGEST = 1.0 + sum(more for _, more in ROOMS)
ASTRAY = 10.0  # metres of way for a metre into what is blocked


class Field(NamedTuple):
    """Metres of way that are left to the goal, at the middle of each cell; no rows: no goal."""

    left_m: Floats  # (rows, columns), row 0 at the bottom
    x0: float
    y0: float
    cell_m: float


NOWHERE = Field(np.zeros((0, 0)), 0.0, 0.0, 1.0)


@kernel
def flood(longer: Floats, start: int, offsets: Array, lengths_m: Floats) -> Floats:
    """Length of the shortest way from every cell to one of them; inf where there is none.

    longer: flat grid with a rim of blocked cells: by how much a way through each cell is longer, 1
    or more, and inf where it is blocked. For the moves see `planner.step_table`.
    """
    length = np.full(longer.shape[0], np.inf)
    border, wave = np.empty(longer.shape, np.int64), np.empty(longer.shape, np.int64)
    border[0], length[start], count = start, 0.0, 1
    while count > 0:
        reach = length[border[:count]].min() + lengths_m.min()
        staying = split(border, count, length, reach, wave)
        settled, count = wave[: count - staying], staying
        for cell in settled:
            for move in range(len(offsets)):
                aim = cell + offsets[move, 0]
                first, second = cell + offsets[move, 1], cell + offsets[move, 2]
                by = max(0.5 * (longer[cell] + longer[aim]), max(longer[first], longer[second]))
                there = length[cell] + lengths_m[move] * by
                if there < length[aim]:
                    if length[aim] == np.inf:
                        border[count] = aim
                        count += 1
                    length[aim] = there
    return length


def tightness(scene: Scene, robot: Robot, cell_m: float) -> Floats:
    """By how much a way through each cell is longer for want of room, (rows, columns), 1..inf."""
    longer = np.where(free_grid(scene, robot.inscribed_m, cell_m).blocked, np.inf, 1.0)
    for beside_m, more in ROOMS:
        longer += more * free_grid(scene, robot.circumscribed_m + beside_m, cell_m).blocked
    return longer


def goal_field(scene: Scene, robot: Robot) -> Field:
    """Measure the way to the goal of a scene among all that stands still.

    Ways keep to where the inscribed disc fits, and to where there is room around the circumscribed
    one if that is not much longer. Cells without a way lie astray of the nearest one that has one.
    """
    cell_m = min(PATH_CELL_M, robot.inscribed_m / 1.5)
    longer = tightness(scene, robot, cell_m)
    empty = Field(np.zeros(longer.shape), *scene.bounds[:2], cell_m)
    goal_x, goal_y = scene.goal
    row = min(max(int((goal_y - empty.y0) / cell_m), 0), longer.shape[0] - 1)
    column = min(max(int((goal_x - empty.x0) / cell_m), 0), longer.shape[1] - 1)
    longer[row, column] = min(longer[row, column], LONGEST)
    around = np.pad(longer, RIM, constant_values=np.inf)
    offsets, lengths = step_table(around.shape[1])
    start = (row + RIM) * around.shape[1] + column + RIM
    left = flood(around.ravel(), start, offsets, cell_m * lengths).reshape(around.shape)
    left = left[RIM:-RIM, RIM:-RIM]
    astray, nearest = distance_transform_edt(np.isinf(left), return_indices=True)
    return empty._replace(left_m=left[tuple(nearest)] + ASTRAY * cell_m * astray)


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

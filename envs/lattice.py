"""The shortest way for the footprint itself, on a lattice of poses (heading, row, column).

A differential drive moves along its heading, forwards or backwards, and turns on the spot, which
costs no length. A pose is free where the footprint touches nothing; a move or a turn needs both its
poses free, and the pose half-way between them (Pivtoraiko and Kelly 2005 call this a state
lattice; these moves are the shortest ones).

It is never shorter than the way of the inscribed disc on the same grid, since all cells that a move
passes must be free for that. It overestimates the true shortest way: by 2.8 % at most for want of
headings; by more, or without end, where a passage is hardly wider than the robot and no heading and
row of cells of the lattice lines up with it. Start and goal are moved to the middle of their cells,
the start to the nearest heading.
"""

import heapq
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from neurobot.angles import sincos
from neurobot.compiled import kernel
from neurobot.envs.fitting import HEADINGS, MOVES, fits, make_poses
from neurobot.envs.planner import RIM, Grid, free_grid, goal_cells, path_cell_m
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot


class Roads(NamedTuple):
    """Where moves and turns lead, on a flat grid of N cells with a rim that no move leaves."""

    ahead: Array  # (HEADINGS, N) bool: the move along a heading, from a cell
    turn: Array  # (HEADINGS, N) bool: from a heading to the next
    roomy: Array  # (N,) bool: all headings are one, as it can turn to all
    offset: Array  # (HEADINGS,) of the cell that a move leads to
    length_m: Floats  # (HEADINGS,) of a move
    longer: Floats  # (N,) by how much ways through a cell are longer, 1 or more


@kernel
def pose_at(roads: Roads, heading: int, cell: int) -> int:
    """Return the number of a pose; all headings of a roomy cell are the first."""
    return cell if roads.roomy[cell] else heading * len(roads.roomy) + cell


@kernel
def spread_poses(
    roads: Roads, start: int, wanted: Array, least_m: Floats
) -> tuple[int, Floats, Array]:
    """Find the shortest way from a pose to any wanted cell (A*); or to all, if none is wanted.

    wanted: (N,) bool; least_m: (N,) never more than what is left from a cell. Returns the pose
    arrived at, or -1; the length to each pose, inf where there is none; and whence it was reached.
    """
    cells = len(roads.roomy)
    length, whence = np.full(HEADINGS * cells, np.inf), np.full(HEADINGS * cells, -1)
    length[start] = 0.0
    border = [(least_m[start % cells], start)]
    while len(border) > 0:
        reach, pose = heapq.heappop(border)
        heading, cell = pose // cells, pose % cells
        here = length[pose]
        if reach > here + least_m[cell]:
            continue
        if wanted[cell]:
            return pose, length, whence
        roomy = roads.roomy[cell]
        for way in range(HEADINGS if roomy else 1):
            along = way if roomy else heading
            for side in (1, -1):
                aim = cell + side * roads.offset[along]
                if not roads.ahead[along, cell if side == 1 else aim]:
                    continue
                by = 0.5 * (roads.longer[cell] + roads.longer[aim])
                there, then = here + by * roads.length_m[along], pose_at(roads, along, aim)
                if there < length[then]:
                    length[then], whence[then] = there, pose
                    heapq.heappush(border, (there + least_m[aim], then))
        if roomy:
            continue
        for turned, by_way_of in (
            ((heading + 1) % HEADINGS, heading),
            ((heading - 1) % HEADINGS, (heading - 1) % HEADINGS),
        ):
            then = turned * cells + cell
            if roads.turn[by_way_of, cell] and here < length[then]:
                length[then], whence[then] = here, pose
                heapq.heappush(border, (here + least_m[cell], then))
    return -1, length, whence


def moved(cells: Array, down: int, right: int) -> Array:
    """Return the cells (rows, columns) that lie so far from each, False beyond the grid."""
    there = np.zeros_like(cells)
    rows, columns = cells.shape
    there[: rows - down, max(-right, 0) : columns - max(right, 0)] = cells[
        down:, max(right, 0) : columns + min(right, 0)
    ]
    return there


def beside(down: int, right: int) -> list[tuple[int, int]]:
    """Return the two cells that a knight passes between, none for a king."""
    if max(down, abs(right)) < 2:
        return []
    side = 1 if right > 0 else -1
    return [(1, side), (1, 0)] if down == 2 else [(1, side), (0, side)]


def roads_ahead(free: Array, half_way: Array, disc_free: Array) -> Array:
    """Tell from which cells the move along each heading can be made, (HEADINGS, rows, columns)."""
    ahead = []
    for heading, (down, right) in enumerate(MOVES):
        road = free[heading] & half_way[heading] & moved(free[heading], down, right)
        for passed in beside(down, right):
            road &= moved(disc_free, *passed)
        ahead.append(road)
    return np.array(ahead)


def nearest_heading(heading_rad: float) -> int:
    """Return the heading of the lattice that is nearest to a direction, or to its opposite."""
    sin, cos = sincos(heading_rad)
    poses = make_poses()
    along = poses.cos[:HEADINGS] * cos + poses.sin[:HEADINGS] * sin
    return int(np.abs(along).argmax())


def padded(cells: Array, value: float | bool = False) -> Array:
    """Lay grids (..., rows, columns) out flat, (..., N), with a rim around them."""
    rims = [(0, 0)] * (cells.ndim - 2) + [(RIM, RIM)] * 2
    around = np.pad(cells, rims, constant_values=value)
    return np.ascontiguousarray(around.reshape(*cells.shape[:-2], -1))


@dataclass(frozen=True, eq=False)
class Lattice:
    """The poses of a robot in a scene, and how it can go from one to another."""

    roads: Roads
    grid: Grid  # of the inscribed disc; the same cells

    @property
    def columns(self) -> int:
        """Columns of the flat grid, rim included."""
        return int(self.grid.blocked.shape[1]) + 2 * RIM

    def number(self, row: int, column: int) -> int:
        """Return the place of a cell in the flat grid."""
        return (row + RIM) * self.columns + column + RIM

    def point(self, pose: int) -> tuple[float, float]:
        """Coordinates of a pose."""
        row, column = divmod(pose % len(self.roads.roomy), self.columns)
        return self.grid.centre(row - RIM, column - RIM)


def make_lattice(
    scene: Scene, robot: Robot, cell_m: float | None = None, longer: Floats | None = None
) -> Lattice:
    """Find out where the footprint can go among all that stands still.

    cell_m: `planner.path_cell_m` if it is None; longer: (rows, columns), by how much ways through
    the cells are longer (1). The pose nearest to the start counts as free.
    """
    cell_m = cell_m or path_cell_m(robot)
    grid = free_grid(scene, robot.inscribed_m, cell_m)
    disc_free = ~grid.blocked
    free, between, half_way = np.split(fits(scene, robot, cell_m), 3)
    start = grid.cell(scene.start[0], scene.start[1])
    disc_free[start] = free[(nearest_heading(scene.start[2]), *start)] = True
    free &= disc_free
    turn = free & np.roll(free, -1, axis=0) & between
    down, right = np.array(MOVES).T
    roads = Roads(
        ahead=padded(roads_ahead(free, half_way, disc_free)),
        turn=padded(turn),
        roomy=padded(turn.all(axis=0)),
        offset=down * (grid.blocked.shape[1] + 2 * RIM) + right,
        length_m=cell_m * np.hypot(down, right),
        longer=padded(np.ones(grid.blocked.shape) if longer is None else longer, 1.0),
    )
    return Lattice(roads, grid)


@dataclass(frozen=True, eq=False)
class Path:
    """A way: its points (n, 2) from the start's cell into the goal's tolerance, and its length."""

    points: Floats
    length_m: float


def shortest_way(scene: Scene, robot: Robot, cell_m: float | None = None) -> Path | None:
    """Find the shortest way of the footprint into the goal's tolerance; None: there is none."""
    lattice = make_lattice(scene, robot, cell_m)
    grid, roads = lattice.grid, lattice.roads
    cell = lattice.number(*grid.cell(scene.start[0], scene.start[1]))
    start = pose_at(roads, nearest_heading(scene.start[2]), cell)
    wanted = goal_cells(scene, grid)
    away = distance_transform_edt(~wanted, sampling=grid.cell_m)
    pose, length, whence = spread_poses(roads, start, padded(wanted), padded(away, math.inf))
    if pose < 0:
        return None
    poses = [pose]
    while poses[-1] != start:
        poses.append(int(whence[poses[-1]]))
    points = np.array([lattice.point(each) for each in reversed(poses)])
    stays = (np.diff(points, axis=0) == 0).all(axis=1)
    return Path(points[np.append(True, ~stays)], float(length[pose]))


def footprint_path_m(scene: Scene, robot: Robot) -> float | None:
    """Length of the shortest way of the footprint into the goal's tolerance; None: no way."""
    path = shortest_way(scene, robot)
    return path.length_m if path else None

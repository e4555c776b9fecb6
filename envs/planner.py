"""What is reachable in a scene, on a grid whose obstacles are grown by the robot's footprint.

A disc around the robot's centre stands for the footprint: the circumscribed one where a path must
exist whatever the heading (generators), the inscribed one where no path may be shorter (SPL).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from neurobot.compiled import kernel
from neurobot.envs.geometry import point_to_segment, winding
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot

PATH_CELL_M = 0.1
# Half of the 16 moves of a king and a knight: paths are at most 2.8 % longer than the true ones.
MOVES = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (2, -1), (1, -2))
RIM = 2  # the farthest that a move goes


@kernel
def block_discs(blocked: Array, x0: float, y0: float, cell: float, discs: Floats, r: float) -> None:
    """Block the cells whose centres lie nearer than r to a disc."""
    rows, columns = blocked.shape
    for k in range(discs.shape[0]):
        reach = discs[k, 2] + r
        x, y = discs[k, 0] - x0, discs[k, 1] - y0
        for row in range(max(int((y - reach) / cell), 0), min(int((y + reach) / cell) + 1, rows)):
            first, last = int((x - reach) / cell), int((x + reach) / cell) + 1
            for column in range(max(first, 0), min(last, columns)):
                dx, dy = (column + 0.5) * cell - x, (row + 0.5) * cell - y
                if dx * dx + dy * dy < reach * reach:
                    blocked[row, column] = True


@kernel
def block_edges(blocked: Array, x0: float, y0: float, cell: float, edges: Floats, r: float) -> None:
    """Block the cells whose centres lie nearer than r to an edge."""
    rows, columns = blocked.shape
    for k in range(edges.shape[0]):
        x, y = edges[k, 0] - x0, edges[k, 1] - y0
        dx, dy = edges[k, 2] - edges[k, 0], edges[k, 3] - edges[k, 1]
        low, high = min(y, y + dy) - r, max(y, y + dy) + r
        left, right = min(x, x + dx) - r, max(x, x + dx) + r
        for row in range(max(int(low / cell), 0), min(int(high / cell) + 1, rows)):
            for column in range(max(int(left / cell), 0), min(int(right / cell) + 1, columns)):
                px, py = (column + 0.5) * cell, (row + 0.5) * cell
                if not blocked[row, column] and point_to_segment(px, py, x, y, dx, dy) < r:
                    blocked[row, column] = True


@kernel
def block_solids(blocked: Array, x0: float, y0: float, cell: float, outlines: Floats) -> None:
    """Block the cells whose centres lie inside something solid (see `geometry.winding`).

    An edge turns around the centres on one side of it: in each row, around those up to a column.
    """
    rows, columns = blocked.shape
    turns = np.zeros((rows, columns + 1), np.int32)
    for k in range(outlines.shape[0]):
        edge = outlines[k : k + 1]
        xa, ya, xb, yb = edge[0, 0], edge[0, 1], edge[0, 2], edge[0, 3]
        low, high = (min(ya, yb) - y0) / cell, (max(ya, yb) - y0) / cell
        for row in range(max(int(low) - 1, 0), min(int(high) + 2, rows)):
            y = y0 + (row + 0.5) * cell
            turn = winding(min(xa, xb) - cell, y, edge)
            if turn != 0:
                crossing = (xa + (y - ya) / (yb - ya) * (xb - xa) - x0) / cell
                count = int(min(max(crossing + 0.5, 0.0), float(columns)))
                while count < columns and winding(x0 + (count + 0.5) * cell, y, edge) != 0:
                    count += 1
                while count > 0 and winding(x0 + (count - 0.5) * cell, y, edge) == 0:
                    count -= 1
                turns[row, count] += turn
    for row in range(rows):
        total = 0
        for column in range(columns - 1, -1, -1):
            total += turns[row, column + 1]
            if total != 0:
                blocked[row, column] = True


@dataclass(frozen=True)
class Grid:
    """Free space of a scene: blocked (rows, columns) bool, row 0 at the bottom."""

    blocked: NDArray[np.bool_]
    origin: tuple[float, float]
    cell_m: float

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of a point, moved into the grid if it lies outside."""
        row = math.floor((y - self.origin[1]) / self.cell_m)
        column = math.floor((x - self.origin[0]) / self.cell_m)
        rows, columns = self.blocked.shape
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)

    def centre(self, row: int, column: int) -> tuple[float, float]:
        """Coordinates of the middle of a cell."""
        return (
            self.origin[0] + (column + 0.5) * self.cell_m,
            self.origin[1] + (row + 0.5) * self.cell_m,
        )

    def regions(self) -> NDArray[np.int32]:
        """Return the number of each cell's connected free region, from 1; 0 is blocked."""
        numbered: NDArray[np.int32] = label(~self.blocked)[0]
        return numbered


def free_grid(scene: Scene, clearance_m: float, cell_m: float) -> Grid:
    """Rasterize what lies farther than clearance_m from everything that stands still."""
    x0, y0, x1, y1 = scene.bounds
    shape = (max(math.ceil((y1 - y0) / cell_m), 1), max(math.ceil((x1 - x0) / cell_m), 1))
    blocked = np.zeros(shape, np.bool_)
    still = scene.discs[(scene.discs[:, 3] == 0) & (scene.discs[:, 4] == 0)]
    block_discs(blocked, x0, y0, cell_m, still, clearance_m)
    block_edges(blocked, x0, y0, cell_m, scene.edges, clearance_m)
    if len(scene.outlines):
        block_solids(blocked, x0, y0, cell_m, scene.outlines)
    return Grid(blocked, (x0, y0), cell_m)


def roomy_grid(scene: Scene, robot: Robot, cell_m: float) -> Grid:
    """Free space in which the robot can drive from cell to cell at any heading."""
    return free_grid(scene, robot.circumscribed_m + cell_m / 2, cell_m)


def is_solvable(scene: Scene, robot: Robot, cell_m: float) -> bool:
    """Whether the robot fits all the way from start to goal, whatever its heading."""
    grid = roomy_grid(scene, robot, cell_m)
    regions = grid.regions()
    here = regions[grid.cell(scene.start[0], scene.start[1])]
    return bool(here) and bool(here == regions[grid.cell(*scene.goal)])


def step_table(columns: int) -> tuple[Array, Floats]:
    """All 16 moves on a grid of so many columns, laid out row by row.

    Returns offsets (16, 3), of the cell arrived at and of the two that must be free on the way (a
    knight passes between them, a king has none but its aim), and lengths (16,) in cells.
    """
    offsets, lengths = [], []
    for down, right in MOVES:
        side = 1 if right > 0 else -1
        aim = down * columns + right
        first, second = aim, aim
        if max(down, abs(right)) == 2:
            first = columns + side if down == 2 else side
            second = columns if down == 2 else columns + side
        offsets += [(aim, first, second), (-aim, first - aim, second - aim)]
        lengths += [math.hypot(down, right)] * 2
    return np.array(offsets), np.array(lengths)


@kernel
def split(border: Array, count: int, length: Floats, reach: float, wave: Array) -> int:
    """Move the border's cells that are no farther than reach to the wave; return how many stay."""
    staying = 0
    for k in range(count):
        cell = border[k]
        if length[cell] > reach:
            border[staying] = cell
            staying += 1
        else:
            wave[k - staying] = cell
    return staying


@kernel
def spread(free: Array, start: int, wanted: Array, offsets: Array, lengths_m: Floats) -> float:
    """Length of the shortest way to any wanted cell; inf if there is none (Dijkstra, in waves).

    free, wanted: flat grids of bool, with a rim of blocked cells as wide as the longest move. Each
    wave settles all cells that no way through another can improve.
    """
    length = np.full(free.shape[0], np.inf)
    border, wave = np.empty(free.shape, np.int64), np.empty(free.shape, np.int64)
    border[0], length[start], count = start, 0.0, 1
    while count > 0:
        reach = length[border[:count]].min() + lengths_m.min()
        staying = split(border, count, length, reach, wave)
        settled, count = wave[: count - staying], staying
        arrived = settled[wanted[settled]]
        if len(arrived) > 0:
            return float(length[arrived].min())
        for cell in settled:
            for move in range(len(offsets)):
                aim, there = cell + offsets[move, 0], length[cell] + lengths_m[move]
                if there >= length[aim] or not free[aim]:
                    continue
                if free[cell + offsets[move, 1]] and free[cell + offsets[move, 2]]:
                    if length[aim] == np.inf:
                        border[count] = aim
                        count += 1
                    length[aim] = there
    return np.inf


def shortest_on(free: Array, start: tuple[int, int], wanted: Array, cell_m: float) -> float:
    """Length of the shortest way from a cell to any wanted one; free, wanted: (rows, columns)."""
    columns = free.shape[1] + 2 * RIM
    offsets, lengths = step_table(columns)
    first = (start[0] + RIM) * columns + start[1] + RIM
    around = [np.pad(cells, RIM).ravel() for cells in (free, wanted)]
    return float(spread(around[0], first, around[1], offsets, cell_m * lengths))


def path_cell_m(robot: Robot) -> float:
    """Side of a cell: so small that no move jumps over what a thin wall or a post blocks."""
    return min(PATH_CELL_M, robot.inscribed_m / 1.5)


def goal_cells(scene: Scene, grid: Grid) -> NDArray[np.bool_]:
    """Tell the cells, (rows, columns), whose middles lie within the goal's tolerance."""
    rows, columns = grid.blocked.shape
    y = grid.origin[1] + (np.arange(rows) + 0.5) * grid.cell_m - scene.goal[1]
    x = grid.origin[0] + (np.arange(columns) + 0.5) * grid.cell_m - scene.goal[0]
    near: NDArray[np.bool_] = np.hypot(x[None, :], y[:, None]) <= max(
        scene.goal_tolerance_m, grid.cell_m
    )
    return near


def shortest_path_m(scene: Scene, robot: Robot) -> float | None:
    """Length of the shortest way into the goal's tolerance for the inscribed disc; None: no way.

    From cell to cell it overestimates by 2.8 % at most (moves of a king and a knight); start and
    goal are moved to the middle of their cells of at most 0.1 m.
    """
    grid = free_grid(scene, robot.inscribed_m, path_cell_m(robot))
    free = ~grid.blocked
    start = grid.cell(scene.start[0], scene.start[1])
    free[start] = True
    best = shortest_on(free, start, goal_cells(scene, grid), grid.cell_m)
    return best if math.isfinite(best) else None

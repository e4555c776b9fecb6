"""Generated worlds: each scenario is a seeded generator with a difficulty from 0 to 1.

Every generator leaves a way from start to goal for the robot's circumscribed disc among all that
stands still: `settle` draws both from one connected piece of free ground, `solvable` asks the
planner. Where discs move nobody can promise more: there, none of them
starts near the robot.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurobot.angles import sincos, wrap
from neurobot.compiled import kernel
from neurobot.envs.planner import is_solvable, roomy_grid
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Floats, Robot

TRIES = 200
GRID_M = 0.2
SIDE_M = 20.0
BARN_LIMIT_S = 100.0  # the BARN challenge's
START_GAP_M = 4.0  # no moving disc starts nearer to the robot


class UnsolvableError(Exception):
    """A draw left no way from start to goal."""


Generator = Callable[[np.random.Generator, float, Robot], Scene]


def box(x0: float, y0: float, x1: float, y1: float) -> Floats:
    """Return the four walls of a rectangle, (4, 4)."""
    return np.array([[x0, y0, x1, y0], [x1, y0, x1, y1], [x1, y1, x0, y1], [x0, y1, x0, y0]])


def square(side: float) -> tuple[tuple[float, float, float, float], Floats]:
    """Return the bounds and walls of a square arena."""
    return (0.0, 0.0, side, side), box(0.0, 0.0, side, side)


@kernel
def keep_apart(candidates: Floats, gap: float, most: int) -> Floats:
    """Keep discs (n, 3) greedily that stay a gap apart from those kept before."""
    kept = np.empty_like(candidates)
    count = 0
    for k in range(candidates.shape[0]):
        fits = count < most
        for other in range(count):
            dx, dy = candidates[k, 0] - kept[other, 0], candidates[k, 1] - kept[other, 1]
            near = candidates[k, 2] + kept[other, 2] + gap
            fits = fits and dx * dx + dy * dy >= near * near
        if fits:
            for c in range(candidates.shape[1]):
                kept[count, c] = candidates[k, c]
            count += 1
    return kept[:count]


def standing(discs: Floats) -> Floats:
    """Give discs (n, 3) a velocity of zero: (n, 5)."""
    return np.column_stack([discs, np.zeros((len(discs), 2))])


def settle(scene: Scene, rng: np.random.Generator, robot: Robot, far_m: float) -> Scene:
    """Put start and goal on the largest connected free ground, at least far_m apart if it can."""
    grid = roomy_grid(scene, robot, GRID_M)
    regions = grid.regions()
    sizes = np.bincount(regions.ravel())
    sizes[0] = 0
    if not sizes.any():
        raise UnsolvableError
    cells = np.argwhere(regions == sizes.argmax())
    points = np.array(scene.bounds[:2]) + (cells[:, ::-1] + 0.5) * GRID_M
    start = points[rng.integers(len(points))]
    heading = rng.uniform(-math.pi, math.pi)
    offsets = points - start
    distance_squared = (offsets * offsets).sum(axis=1)
    choice = np.flatnonzero(distance_squared >= min(far_m**2, distance_squared.max()))
    goal = points[choice[rng.integers(len(choice))]]
    return replace(scene, start=(*start.tolist(), heading), goal=tuple(goal.tolist()))


def solvable(scene: Scene, robot: Robot, cell_m: float) -> Scene:
    """Return a scene with given start and goal, if there is a way between them."""
    if not is_solvable(scene, robot, cell_m):
        raise UnsolvableError
    return scene


def moving(
    rng: np.random.Generator,
    scene: Scene,
    count: int,
    radius_m: float,
    speeds_mps: tuple[float, float],
) -> Scene:
    """Add moving discs inside the bounds, none of them near the start."""
    x0, y0, x1, y1 = scene.bounds
    spots = rng.uniform(
        (x0 + radius_m, y0 + radius_m), (x1 - radius_m, y1 - radius_m), (20 * count, 2)
    )
    spots = spots[((spots - scene.start[:2]) ** 2).sum(axis=1) >= START_GAP_M**2][:count]
    headings = rng.uniform(-math.pi, math.pi, len(spots))
    speeds = rng.uniform(*speeds_mps, len(spots))
    sines = np.array([sincos(heading) for heading in headings]).reshape(-1, 2)
    discs = np.column_stack(
        [spots, np.full(len(spots), radius_m), speeds * sines[:, 1], speeds * sines[:, 0]]
    )
    return replace(scene, discs=np.concatenate([scene.discs, discs]))


def empty(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Four walls; harder is smaller."""
    side = SIDE_M * (1.0 - 0.5 * difficulty)
    bounds, walls = square(side)
    return settle(Scene(bounds, walls=walls), rng, robot, 0.6 * side)


def forest(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Round trunks in a square; harder is denser, with narrower gaps."""
    bounds, walls = square(SIDE_M)
    gap = 2 * robot.circumscribed_m + 1.2 - difficulty
    candidates = rng.uniform((0.0, 0.0, 0.2), (SIDE_M, SIDE_M, 0.5), (400, 3))
    trunks = keep_apart(candidates, gap, round(10 + 60 * difficulty))
    return settle(Scene(bounds, walls=walls, discs=standing(trunks)), rng, robot, 12.0)


def corridor(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Build a winding closed corridor; harder is narrower and more winding."""
    count, middle = 60, SIDE_M / 2
    width = 2 * robot.circumscribed_m + 2.2 - 1.2 * difficulty
    phases, weights = rng.uniform(-math.pi, math.pi, 3), rng.uniform(-1.0, 1.0, 3)
    turns = 2 * math.pi * np.arange(count) / count
    radius = np.full(count, 7.0)
    for waves, phase, weight in zip((2, 3, 5), phases, weights, strict=True):
        cosines = np.array([sincos(waves * turn + phase)[1] for turn in turns])
        radius += 7.0 * (0.08 + 0.12 * difficulty) * weight / waves * 2 * cosines
    rays = np.array([sincos(turn)[::-1] for turn in turns])
    centre = middle + radius[:, None] * rays
    tangents = np.roll(centre, -1, axis=0) - np.roll(centre, 1, axis=0)
    tangents /= np.sqrt((tangents * tangents).sum(axis=1))[:, None]
    normals = tangents[:, ::-1] * (1.0, -1.0)
    sides = [centre + share * width * normals for share in (0.5, -0.5)]
    walls = np.concatenate([np.column_stack([s, np.roll(s, -1, axis=0)]) for s in sides])
    first = int(rng.integers(count))
    last = (first + count // 2) % count
    heading = float(wrap(turns[first] + (1.0 if rng.integers(2) else -1.0) * math.pi / 2))
    low, high = walls.reshape(-1, 2).min(axis=0) - 1.0, walls.reshape(-1, 2).max(axis=0) + 1.0
    scene = Scene(
        (*low.tolist(), *high.tolist()),
        start=(*centre[first].tolist(), heading),
        goal=tuple(centre[last].tolist()),
        walls=walls,
    )
    return solvable(scene, robot, GRID_M)


def rooms(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Nine rooms in a square, connected by doors; harder has fewer and narrower doors."""
    side, size = 18.0, 6.0
    bounds, outer = square(side)
    door = 2 * robot.circumscribed_m + 1.2 - 0.8 * difficulty
    pairs = [
        (a, a + step)
        for step in (1, 3)
        for a in range(9)
        if (step == 3 and a < 6) or (step == 1 and a % 3 < 2)
    ]
    group = list(range(9))
    walls = [outer]
    for k in rng.permutation(len(pairs)):
        a, b = pairs[k]
        place, opens = rng.uniform(0.6, size - 0.6 - door), rng.uniform() >= difficulty
        column, row = a % 3, a // 3
        if b == a + 1:
            origin, along = np.array([(column + 1) * size, row * size]), np.array([0.0, 1.0])
        else:
            origin, along = np.array([column * size, (row + 1) * size]), np.array([1.0, 0.0])
        ends = [0.0, place, place + door, size] if opens or group[a] != group[b] else [0.0, size]
        for first, last in zip(ends[::2], ends[1::2], strict=True):
            walls.append(np.concatenate([origin + first * along, origin + last * along])[None])
        group = [group[a] if g == group[b] else g for g in group]
    return settle(Scene(bounds, walls=np.concatenate(walls)), rng, robot, 9.0)


def neighbours(filled: Array) -> Array:
    """Count the filled ones among the eight cells around each cell."""
    padded = np.pad(filled, 1).astype(np.int64)
    rows, columns = filled.shape
    shifts = [(r, c) for r in range(3) for c in range(3) if (r, c) != (1, 1)]
    total: Array = np.sum([padded[r : r + rows, c : c + columns] for r, c in shifts], axis=0)
    return total


def barn(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Fill a strip by a cellular automaton, in the style of the BARN worlds (Perille et al. 2020).

    A 4.5 m wide strip of 14 m; a random filling of 30 x 30 cells of 0.15 m (15 to 30 %) is
    smoothed twice, and each filled cell holds a cylinder of 0.075 m radius. Ours, not theirs.
    """
    cell, count = 0.15, 30
    filled = rng.uniform(size=(count, count)) < 0.15 + 0.15 * difficulty
    for _ in range(2):
        around = neighbours(filled)
        filled = (filled & (around >= 2)) | (around >= 5)
    rows, columns = np.nonzero(filled)
    radii = np.full(len(rows), cell / 2)
    discs = np.column_stack([(columns + 0.5) * cell, 5.1 + (rows + 0.5) * cell, radii])
    scene = Scene(
        (0.0, 0.0, count * cell, 14.0),
        start=(2.25, 3.0, math.pi / 2),
        goal=(2.25, 13.0),
        discs=standing(discs),
        walls=box(0.0, 0.0, count * cell, 14.0),
        goal_tolerance_m=1.0,
        time_limit_s=BARN_LIMIT_S,
    )
    return solvable(scene, robot, cell / 3)


def crossing(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Discs wander and bounce between four walls; harder has more and faster ones."""
    bounds, walls = square(16.0)
    scene = settle(Scene(bounds, walls=walls), rng, robot, 10.0)
    return moving(rng, scene, round(4 + 12 * difficulty), 0.3, (0.2, 0.4 + 0.8 * difficulty))


def looming(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Discs are thrown at the robot from the walls; harder has more and faster ones."""
    bounds, walls = square(SIDE_M)
    scene = settle(Scene(bounds, walls=walls, aimed=True), rng, robot, 12.0)
    return moving(rng, scene, round(2 + 4 * difficulty), 0.25, (0.5, 0.6 + 1.2 * difficulty))


SCENARIOS: dict[str, Generator] = {
    "empty": empty,
    "forest": forest,
    "corridor": corridor,
    "rooms": rooms,
    "barn": barn,
    "crossing": crossing,
    "looming": looming,
}


def generate(name: str, rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
    """Draw a solvable world; each try that is not makes the next one a little easier."""
    for attempt in range(TRIES):
        try:
            return SCENARIOS[name](rng, difficulty * (1.0 - attempt / TRIES), robot)
        except UnsolvableError:
            continue
    raise RuntimeError(
        f"scenario {name!r}: no solvable world for difficulty {difficulty} in {TRIES} tries; "
        "a lower difficulty or a smaller robot may help"
    )

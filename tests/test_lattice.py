"""The shortest way of the footprint, against a plain search in tiny worlds."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from neurobot.envs.fitting import HEADINGS, MOVES, fits, make_poses
from neurobot.envs.lattice import (
    footprint_path_m,
    make_lattice,
    moved,
    nearest_heading,
    shortest_way,
)
from neurobot.envs.outlines import convex_outlines
from neurobot.envs.planner import (
    free_grid,
    goal_cells,
    path_cell_m,
    shortest_on,
    shortest_path_m,
)
from neurobot.envs.scenarios import box, generate, standing
from neurobot.envs.scene import Scene
from neurobot.envs.world import ROBOTS, Robot

JACKAL, TURTLEBOT, FLY = ROBOTS["jackal"], ROBOTS["turtlebot2"], ROBOTS["fly"]
CELL_M = 0.1
# Rounded corners, and longer than it is wide by much.
SLEDGE = JACKAL._replace(half_length_m=0.3, half_width_m=0.08, rounding_m=0.05)
# Thin posts hide between the poses at both ends of a turn, or of a move.
NEEDLE = JACKAL._replace(half_length_m=0.25, half_width_m=0.005, rounding_m=0.005)
DOT = JACKAL._replace(half_length_m=0.0, half_width_m=0.0, rounding_m=0.02)


def tiny(seed: int, posts: int = 0) -> Scene:
    """A closed yard with a few posts, a stone and a fence, and a goal at the other end."""
    rng = np.random.default_rng(seed)
    thick = standing(np.column_stack([rng.uniform(0.5, 1.9, (3, 2)), np.full(3, 0.05)]))
    thin = standing(np.column_stack([rng.uniform(0.2, 2.2, (posts, 2)), np.full(posts, 0.01)]))
    stone = np.array([[0.0, 0.0], [0.2, 0.05], [0.1, 0.2]]) + rng.uniform(0.5, 1.5, 2)
    fence = rng.uniform(0.3, 2.0, (1, 4))
    return Scene(
        (0.0, 0.0, 2.4, 2.3),
        start=(0.41, 0.47, rng.uniform(-4, 4)),
        goal=(2.0, 1.9),
        discs=np.concatenate([thick, thin]),
        walls=np.concatenate([box(0.0, 0.0, 2.4, 2.3), fence]),
        outlines=convex_outlines(stone, np.array([0, 3])),
        goal_tolerance_m=0.15,
    )


# The rules once more, pose by pose


def naive_angles() -> list[float]:
    return [math.atan2(down, right) for down, right in MOVES]


def naive_way_m(scene: Scene, robot: Robot) -> float | None:
    """Relax all moves and turns until nothing changes any more."""
    disc = robot._replace(half_length_m=0.0, half_width_m=0.0, rounding_m=robot.inscribed_m)
    x0, y0, x1, y1 = scene.bounds
    rows, columns = math.ceil((y1 - y0) / CELL_M), math.ceil((x1 - x0) / CELL_M)
    angles = naive_angles()
    first = (int((scene.start[1] - y0) / CELL_M), int((scene.start[0] - x0) / CELL_M))
    off = [abs(math.cos(angle - scene.start[2])) for angle in angles]
    begin = (off.index(max(off)), *first)

    def touches(row: float, column: float, angle: float, body: Robot = robot) -> bool:
        x, y = x0 + (column + 0.5) * CELL_M, y0 + (row + 0.5) * CELL_M
        return scene.clearance_at((x, y, angle), body) <= 0

    disc_free = {(r, c): not touches(r, c, 0.0, disc) for r in range(rows) for c in range(columns)}
    disc_free[first] = True
    free = {
        (h, r, c): disc_free[r, c] and not touches(r, c, angles[h])
        for h in range(8)
        for r in range(rows)
        for c in range(columns)
    }
    free[begin] = True
    links: list[tuple[Any, Any, float]] = []
    for h, r, c in free:
        if not free[h, r, c]:
            continue
        down, right = MOVES[h]
        there = (h, r + down, c + right)
        middle = (r + down / 2, c + right / 2)
        is_knight = max(down, abs(right)) == 2
        sides = (math.floor, math.ceil) if is_knight else ()
        passed = [(side(middle[0]), side(middle[1])) for side in sides]
        open_way = free.get(there) and all(disc_free.get(cell) for cell in passed)
        if open_way and not touches(*middle, angles[h]):
            links.append(((h, r, c), there, CELL_M * math.hypot(down, right)))
        turned = ((h + 1) % 8, r, c)
        half_turn = (angles[h] + (angles[(h + 1) % 8] + (math.pi if h == 7 else 0.0))) / 2
        if free[turned] and not touches(r, c, half_turn):
            links.append(((h, r, c), turned, 0.0))
    length = {begin: 0.0}
    changed = True
    while changed:
        changed = False
        for a, b, metres in links:
            for here, there in ((a, b), (b, a)):
                if length.get(here, math.inf) + metres < length.get(there, math.inf) - 1e-12:
                    length[there] = length[here] + metres
                    changed = True
    ends = [
        metres
        for (_, r, c), metres in length.items()
        if math.dist((x0 + (c + 0.5) * CELL_M, y0 + (r + 0.5) * CELL_M), scene.goal) <= 0.15
    ]
    return min(ends) if ends else None


def test_headings_are_those_of_the_moves_and_half_way_between_them() -> None:
    poses = make_poses()
    angles = naive_angles()
    np.testing.assert_allclose(poses.cos[:8], np.cos(angles), atol=1e-12)
    np.testing.assert_allclose(poses.sin[16:], np.sin(angles), atol=1e-12)
    halves = [(a + b) / 2 for a, b in pairwise([*angles, math.pi])]
    np.testing.assert_allclose(poses.cos[8:16], np.cos(halves), atol=1e-12)
    np.testing.assert_allclose(poses.sin[8:16], np.sin(halves), atol=1e-12)
    assert angles == sorted(angles)
    assert [nearest_heading(angle) for angle in angles] == list(range(HEADINGS))
    assert [nearest_heading(angle + math.pi) for angle in angles] == list(range(HEADINGS))


@pytest.mark.parametrize("robot", [JACKAL, SLEDGE, TURTLEBOT])
def test_poses_are_free_where_the_footprint_touches_nothing(robot: Robot) -> None:
    poses = make_poses()
    for seed in range(2):
        scene = tiny(seed)
        found = fits(scene, robot, CELL_M)
        assert found.any()
        assert not found.all()
        for pose, row, column in np.random.default_rng(seed).integers((24, 23, 24), size=(400, 3)):
            x = (column + 0.5 + poses.aside[pose, 0]) * CELL_M
            y = (row + 0.5 + poses.aside[pose, 1]) * CELL_M
            heading = math.atan2(poses.sin[pose], poses.cos[pose])
            gap_m = scene.clearance_at((x, y, heading), robot)
            assert found[pose, row, column] == (gap_m > 0), (seed, pose, row, column, gap_m)


def test_the_way_is_the_shortest_of_a_plain_search() -> None:
    lengths = []
    slim = JACKAL._replace(half_width_m=0.1)
    for seed, posts, robot in ((2, 40, NEEDLE), (0, 80, DOT), (11, 0, slim), (4, 0, SLEDGE)):
        scene = tiny(seed, posts)
        expected, path = naive_way_m(scene, robot), shortest_way(scene, robot, CELL_M)
        lengths.append(expected)
        if expected is None:
            assert path is None, seed
        else:
            assert path is not None, seed
            assert path.length_m == pytest.approx(expected, abs=1e-9), seed
    assert None in lengths
    assert len(set(lengths)) == 4


def test_cells_are_moved_and_those_beyond_the_grid_are_none() -> None:
    cells = np.random.default_rng(0).random((5, 6)) < 0.6
    for down, right in [*MOVES, (0, -1)]:
        there = moved(cells, down, right)
        for row in range(5):
            for column in range(6):
                r, c = row + down, column + right
                inside = 0 <= r < 5 and 0 <= c < 6
                assert there[row, column] == (inside and cells[r, c]), (down, right, row, column)


# What it lies between


@pytest.mark.parametrize("robot", ["jackal", "turtlebot2"])
@pytest.mark.parametrize("scenario", ["forest", "barn", "rooms"])
def test_the_way_lies_between_those_of_the_inner_and_of_the_outer_disc(
    scenario: str, robot: str
) -> None:
    body = ROBOTS[robot]
    cell_m = path_cell_m(body)
    between = 0
    for seed in range(4):
        scene = generate(scenario, np.random.default_rng(seed), 0.8, body)
        inner, way = shortest_path_m(scene, body), footprint_path_m(scene, body)
        # Half-way of a move it is at most 0.71 cells from a cell that the disc may be in.
        grid = free_grid(scene, body.circumscribed_m + 0.71 * cell_m, cell_m)
        start = grid.cell(*scene.start[:2])
        outer = shortest_on(~grid.blocked, start, goal_cells(scene, grid), cell_m)
        assert inner is not None
        assert way is not None
        assert inner - 1e-9 <= way <= outer + 1e-9, seed
        between += inner + 0.01 < way < outer - 0.01
    if (scenario, robot) == ("barn", "jackal"):
        assert between


@pytest.mark.parametrize("robot", [TURTLEBOT, FLY])
def test_a_disc_fits_wherever_its_middle_is_far_enough(robot: Robot) -> None:
    scene = generate("forest", np.random.default_rng(3), 0.5, robot)
    cell_m = 0.037  # no cell's middle is just so far from a wall
    free = ~free_grid(scene, robot.inscribed_m, cell_m).blocked
    for heading in fits(scene, robot, cell_m)[: 2 * HEADINGS]:
        np.testing.assert_array_equal(heading, free)
    assert make_lattice(scene, robot, cell_m).roads.roomy.sum() == free.sum()


# Slits


def slit(width_m: float, *more: tuple[float, float, float, float]) -> Scene:
    """Two rooms, and a straight slit of 1.5 m from one to the other, along the middle of cells."""
    low, high = 2.05 - width_m / 2, 2.05 + width_m / 2
    walls = [[2.0, low, 3.5, low], [2.0, high, 3.5, high]]
    walls += [[x, a, x, b] for x in (2.0, 3.5) for a, b in ((0.0, low), (high, 4.0))]
    return Scene(
        (0.0, 0.0, 6.0, 4.0),
        start=(1.05, 2.05, 1.0),
        goal=(5.05, 2.05),
        walls=np.concatenate([box(0.0, 0.0, 6.0, 4.0), np.array([*walls, *more])]),
        goal_tolerance_m=0.1,
    )


def test_a_slit_hardly_wider_than_the_robot_is_passed_straight() -> None:
    narrow = 2 * JACKAL.half_width_m + 0.02  # 0.45 m: its length is 0.508 m
    path = shortest_way(slit(narrow), JACKAL)
    assert path is not None
    assert path.length_m == pytest.approx(4.0 - 0.1, abs=0.051)
    np.testing.assert_allclose(path.points[:, 1], 2.05)
    assert footprint_path_m(slit(2 * JACKAL.half_width_m - 0.02), JACKAL) is None
    # The inner disc goes there alike, so only what it must turn in tells them apart.
    lattice = make_lattice(slit(narrow), JACKAL)
    inside = lattice.number(*lattice.grid.cell(2.75, 2.05))
    assert lattice.roads.ahead[:, inside].tolist() == [True] + [False] * 7
    assert not lattice.roads.turn[:, inside].any()
    assert not lattice.roads.roomy[inside]


def test_a_bend_too_narrow_to_turn_in_is_no_way_for_the_footprint() -> None:
    """A passage as wide as the robot plus 0.03 m, with a right angle in it."""
    wide = 0.23
    x, y = 3.05, 2.05  # of the corner
    walls = [
        [1.0, y - wide, x + wide, y - wide],
        [x + wide, y - wide, x + wide, 4.0],
        [1.0, y + wide, x - wide, y + wide],
        [x - wide, y + wide, x - wide, 4.0],
        [x + wide, 4.0, 6.0, 4.0],
        [1.0, 0.0, 1.0, y - wide],
        [1.0, y + wide, 1.0, 6.0],
    ]
    bend = Scene(
        (0.0, 0.0, 6.0, 6.0),
        start=(0.55, 2.05, 0.0),
        goal=(3.05, 5.05),
        walls=np.concatenate([box(0.0, 0.0, 6.0, 6.0), np.array(walls)]),
        goal_tolerance_m=0.1,
    )
    inner_m = shortest_path_m(bend, JACKAL)
    assert inner_m is not None
    assert inner_m == pytest.approx(2.5 + 3.0, abs=0.4)
    assert footprint_path_m(bend, JACKAL) is None
    assert footprint_path_m(bend, JACKAL._replace(half_length_m=0.2, half_width_m=0.05)) is not None


def test_no_way_is_none_and_what_moves_blocks_none() -> None:
    shut = slit(0.6, (2.7, 1.0, 2.7, 3.0))
    assert footprint_path_m(shut, JACKAL) is None
    assert shortest_way(shut, JACKAL) is None
    ball = np.array([[2.7, 2.05, 0.3, 0.1, 0.0]])
    free = footprint_path_m(slit(0.6), JACKAL)
    assert free is not None
    assert footprint_path_m(replace(slit(0.6), discs=ball), JACKAL) == free
    assert footprint_path_m(replace(slit(0.6), discs=ball * (1, 1, 1, 0, 0)), JACKAL) is None


# The way itself


def test_the_points_lead_from_the_start_to_the_goal_and_are_as_long_as_the_way() -> None:
    for seed in range(3):
        scene = generate("barn", np.random.default_rng(seed), 0.9, JACKAL)
        path = shortest_way(scene, JACKAL)
        assert path is not None
        steps = np.hypot(*np.diff(path.points, axis=0).T)
        assert steps.sum() == pytest.approx(path.length_m)
        assert steps.min() > 0
        assert steps.max() < 0.23
        assert np.abs(path.points[0] - scene.start[:2]).max() <= 0.051
        assert math.dist(path.points[-1], scene.goal) <= scene.goal_tolerance_m


def turned_left(scene: Scene) -> Scene:
    """The same world, turned by a right angle about the origin and moved back to x >= 0."""
    x0, y0, x1, y1 = scene.bounds
    discs, walls = scene.discs.copy(), scene.walls.copy()
    discs[:, 0], discs[:, 1] = y1 - scene.discs[:, 1], scene.discs[:, 0]
    walls[:, ::2], walls[:, 1::2] = y1 - scene.walls[:, 1::2], scene.walls[:, ::2]
    x, y, heading = scene.start
    return replace(
        scene,
        bounds=(0.0, x0, y1 - y0, x1),
        start=(y1 - y, x, heading + math.pi / 2),
        goal=(y1 - scene.goal[1], scene.goal[0]),
        discs=discs,
        walls=walls,
    )


def test_a_turned_world_and_a_mirrored_one_have_ways_as_long() -> None:
    for seed in range(3):
        scene = generate("barn", np.random.default_rng(seed), 0.9, JACKAL)
        scene = replace(scene, start=(2.25 + 0.01, 3.01, 1.0), goal=(2.26, 13.01))
        way = footprint_path_m(scene, JACKAL)
        assert way is not None
        once = turned_left(scene)
        assert footprint_path_m(once, JACKAL) == pytest.approx(way), seed
        assert footprint_path_m(turned_left(once), JACKAL) == pytest.approx(way), seed
        width = scene.bounds[2]
        mirrored = replace(
            scene,
            start=(width - scene.start[0], scene.start[1], math.pi - scene.start[2]),
            goal=(width - scene.goal[0], scene.goal[1]),
            discs=np.column_stack([width - scene.discs[:, 0], scene.discs[:, 1:]]),
        )
        assert footprint_path_m(mirrored, JACKAL) == pytest.approx(way), seed

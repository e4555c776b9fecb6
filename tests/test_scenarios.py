import math
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from typing import Any

import naive_world as naive
import numpy as np
import pytest
from naive_world import Disc, Point, Segment

from neurobot.envs import scenarios
from neurobot.envs.planner import is_solvable, shortest_on, shortest_path_m
from neurobot.envs.scenarios import SCENARIOS, UnsolvableError, box, generate, settle, solvable
from neurobot.envs.scene import Scene
from neurobot.envs.world import ROBOTS, Robot

DIFFICULTIES = (0.0, 0.5, 1.0)
SEEDS = range(3)
FINE_M = {"barn": 0.025}  # finer than the grid that the generator itself believes in
CASES = [
    pytest.param(name, robot, difficulty, id=f"{name}-{robot}-{difficulty}")
    for name in SCENARIOS
    for robot in ROBOTS
    for difficulty in DIFFICULTIES
]


def draw(name: str, seed: int, difficulty: float = 0.5, robot: str = "jackal") -> Scene:
    return generate(name, np.random.default_rng(seed), difficulty, ROBOTS[robot])


def discs_of(scene: Scene) -> list[Disc]:
    """The discs that stand still."""
    return [(x, y, r) for x, y, r, vx, vy in scene.discs.tolist() if vx == 0 == vy]


def segments_of(scene: Scene) -> list[Segment]:
    return [(a, b, c, d) for a, b, c, d in scene.edges.tolist()]


def movers(scene: Scene) -> Any:
    return scene.discs[(scene.discs[:, 3:] != 0).any(axis=1)]


def same(one: Scene, other: Scene) -> bool:
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(Scene)]
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("name", "robot", "difficulty"), CASES)
def test_the_circumscribed_disc_finds_a_way_from_start_to_goal(
    name: str, robot: str, difficulty: float
) -> None:
    scene = draw(name, 1, difficulty, robot)
    radius = ROBOTS[robot].circumscribed_m
    ground = naive.lay_out(discs_of(scene), segments_of(scene), radius)
    assert naive.way_exists(scene.start[:2], scene.goal, ground, FINE_M.get(name, 0.1))


@pytest.mark.parametrize(("name", "robot", "difficulty"), CASES)
def test_start_and_goal_are_free_and_inside_closed_walls(
    name: str, robot: str, difficulty: float
) -> None:
    shape = ROBOTS[robot]
    body = naive.Body(shape.half_length_m, shape.half_width_m, shape.rounding_m)
    for seed in SEEDS:
        scene = draw(name, seed, difficulty, robot)
        discs = [(x, y, r) for x, y, r, _, _ in scene.discs.tolist()]
        segments = segments_of(scene)
        assert body.clearance(scene.start, discs, segments, 5.0) > 0, f"seed {seed}"
        goal = (*scene.goal, 0.0)
        assert body.clearance(goal, discs_of(scene), segments, 5.0) > 0, f"seed {seed}"
        x0, y0, x1, y1 = scene.bounds
        for x, y in (scene.start[:2], scene.goal):
            assert x0 < x < x1, f"seed {seed}"
            assert y0 < y < y1, f"seed {seed}"
            for angle in np.linspace(0, 2 * math.pi, 50).tolist():
                seen = naive.ray((x, y), angle, [], segments)
                assert seen < 30, f"seed {seed}: nothing to be seen from {x}, {y} at {angle}"


def global_chance() -> list[int]:
    """The state of NumPy's hidden generator, which nobody should touch."""
    state: list[int] = np.random.get_state(legacy=False)["state"]["key"].tolist()  # noqa: NPY002
    return state


@pytest.mark.parametrize("name", SCENARIOS)
def test_equal_seeds_give_equal_scenes_and_others_give_others(name: str) -> None:
    before = global_chance()
    for robot in ROBOTS:
        for difficulty in DIFFICULTIES:
            drawn = [draw(name, seed, difficulty, robot) for seed in range(4)]
            again = [draw(name, seed, difficulty, robot) for seed in range(4)]
            where = f"{robot} at {difficulty}"
            for k in range(4):
                assert same(drawn[k], again[k]), f"{where}: seed {k} gave two scenes"
                assert not any(same(drawn[k], drawn[j]) for j in range(k)), f"{where}: seed {k}"
    assert global_chance() == before


def room_at_start(scene: Scene) -> float:
    return min(naive.point_to_edge(scene.start[:2], naive.ends(s)) for s in segments_of(scene))


def mean_speed(scene: Scene) -> float:
    return float(np.hypot(*movers(scene)[:, 3:].T).mean())


def door_width(scene: Scene) -> float:
    """The gap in the first wall of the upright inner ones that stand on the floor."""
    gaps = []
    for x in (6.0, 12.0):
        upright = sorted((b, d) for a, b, c, d in segments_of(scene) if a == x == c)
        gaps += [start - end for (_, end), (start, _) in pairwise(upright)]
    return max(gap for gap in gaps if gap > 1e-9)


HARDER: dict[str, list[Callable[[Scene], float]]] = {
    "empty": [lambda scene: -scene.bounds[2]],
    "forest": [lambda scene: len(scene.discs)],
    "corridor": [lambda scene: -room_at_start(scene)],
    "rooms": [lambda scene: -len(scene.walls), lambda scene: -door_width(scene)],
    "barn": [lambda scene: len(scene.discs)],
    "crossing": [lambda scene: len(movers(scene)), mean_speed],
    "looming": [lambda scene: len(movers(scene)), mean_speed],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_higher_difficulty_gives_a_harder_world(name: str) -> None:
    for k, measure in enumerate(HARDER[name]):
        means = [
            np.mean([measure(draw(name, seed, difficulty)) for seed in range(12)])
            for difficulty in DIFFICULTIES
        ]
        assert means[0] < means[1] < means[2], f"measure {k}: {means}"


@pytest.mark.parametrize("name", ["crossing", "looming"])
def test_no_moving_disc_starts_near_the_robot_or_outside(name: str) -> None:
    for difficulty in DIFFICULTIES:
        for robot in ROBOTS:
            for seed in range(10):
                scene = draw(name, seed, difficulty, robot)
                where = f"{robot} at {difficulty}, seed {seed}"
                assert len(movers(scene)) == len(scene.discs) > 1, where
                x0, y0, x1, y1 = scene.bounds
                for x, y, r, vx, vy in scene.discs.tolist():
                    assert math.dist((x, y), scene.start[:2]) >= 4.0, where
                    assert x0 + r <= x <= x1 - r, where
                    assert y0 + r <= y <= y1 - r, where
                    assert 0.2 <= math.hypot(vx, vy) <= 1.8, where
    assert {name for name in SCENARIOS if len(movers(draw(name, 0)))} == {"crossing", "looming"}
    assert draw("looming", 0).aimed
    assert not draw("crossing", 0).aimed


def test_every_gap_between_trunks_is_wide_enough_for_the_robot() -> None:
    for robot in ROBOTS:
        scene = draw("forest", 5, 1.0, robot)
        for k, (x, y, r, _, _) in enumerate(scene.discs.tolist()):
            for u, v, q, _, _ in scene.discs[:k].tolist():
                gap = math.dist((x, y), (u, v)) - r - q
                assert gap >= 2 * ROBOTS[robot].circumscribed_m + 0.2 - 1e-9, f"{robot}: {gap} m"


def test_a_failed_draw_is_repeated_with_less_difficulty_and_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    def rarely(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
        asked.append(difficulty)
        if len(asked) < 4:
            raise UnsolvableError
        return Scene((0.0, 0.0, 1.0, 1.0))

    def never(rng: np.random.Generator, difficulty: float, robot: Robot) -> Scene:
        raise UnsolvableError

    monkeypatch.setitem(scenarios.SCENARIOS, "rarely", rarely)
    monkeypatch.setitem(scenarios.SCENARIOS, "never", never)
    draw("rarely", 0, 0.8)
    assert len(asked) == 4
    assert asked == sorted(asked, reverse=True)
    assert asked[0] == 0.8
    assert 0.7 < asked[3] < asked[0]
    with pytest.raises(RuntimeError, match=r"'never': no solvable world for difficulty 0\.8"):
        draw("never", 0, 0.8)


def test_start_and_goal_are_put_on_the_largest_connected_ground() -> None:
    parted = hall((14, 0, 14, SIDE))
    for seed in range(50):
        scene = settle(parted, np.random.default_rng(seed), ROBOTS["jackal"], 9.0)
        assert max(scene.start[0], scene.goal[0]) < 14, f"seed {seed}"
        assert math.dist(scene.start[:2], scene.goal) >= 9.0 - 1e-9, f"seed {seed}"
        near = settle(parted, np.random.default_rng(seed), ROBOTS["jackal"], 99.0)
        assert math.dist(near.start[:2], near.goal) > 9.0, f"seed {seed}: not as far as it can"


def test_a_world_without_room_or_way_is_unsolvable() -> None:
    parted = hall((10, 0, 10, SIDE), start=(3.0, 3.0, 0.0), goal=(17.0, 3.0))
    with pytest.raises(UnsolvableError):
        solvable(parted, ROBOTS["fly"], 0.1)
    narrow = Scene((0.0, 0.0, 0.5, 0.5), walls=box(0.0, 0.0, 0.5, 0.5))
    with pytest.raises(UnsolvableError):
        settle(narrow, np.random.default_rng(0), ROBOTS["jackal"], 9.0)


# The planner

SIDE = 20.0
LATTICE_M = 0.1
# Directions between those of a king's and a knight's moves cost at most 1 / cos(13.3 degrees) =
# 1.0275, and the path begins and ends in the middle of a cell rather than on the spot.
LONGER, OFF_SPOT_M = 1.029, 0.1


def hall(*walls: Segment, **more: Any) -> Scene:
    """A square with some walls in it."""
    inner = np.array(walls).reshape(-1, 4)
    bounds = (0.0, 0.0, SIDE, SIDE)
    return Scene(bounds, walls=np.concatenate([box(*bounds), inner]), **more)


def test_the_shortest_way_in_the_open_is_straight() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        start, goal = rng.uniform(1, SIDE - 1, (2, 2)).tolist()
        tolerance = float(rng.uniform(0.2, 1))
        scene = hall(start=(*start, 0.0), goal=tuple(goal), goal_tolerance_m=tolerance)
        straight = max(math.dist(start, goal) - tolerance, 0)
        found = shortest_path_m(scene, ROBOTS["jackal"])
        assert found is not None
        where = f"{start} to {goal}, tolerance {tolerance}"
        assert straight - OFF_SPOT_M <= found <= LONGER * straight + OFF_SPOT_M, where


def test_the_shortest_way_between_cells_is_at_most_so_much_longer() -> None:
    """Start and goal lie on the lattice, but one cell beside the goal is near enough."""
    for angle in np.linspace(0, 2 * math.pi, 40).tolist():
        columns, rows = round(80 * math.cos(angle)), round(80 * math.sin(angle))
        goal = (10.05 + LATTICE_M * columns, 10.05 + LATTICE_M * rows)
        scene = hall(start=(10.05, 10.05, 0.0), goal=goal, goal_tolerance_m=1e-6)
        found = shortest_path_m(scene, ROBOTS["jackal"])
        straight = math.hypot(columns, rows) * LATTICE_M
        assert found is not None
        assert straight - LATTICE_M - 1e-9 <= found <= LONGER * straight, f"{goal}"


def around_a_tip(start: Point, goal: Point, tip: Point, radius: float) -> float:
    """Length of a string from start to goal over a disc around the upper end of a wall."""
    one, other = (math.dist(p, tip) for p in (start, goal))
    angles = [math.atan2(p[1] - tip[1], p[0] - tip[0]) % (2 * math.pi) for p in (start, goal)]
    below = abs(angles[0] - angles[1])
    arc = 2 * math.pi - below - math.acos(radius / one) - math.acos(radius / other)
    tangents = math.sqrt(one**2 - radius**2) + math.sqrt(other**2 - radius**2)
    return tangents + radius * arc


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize(
    ("start", "goal"),
    [((4.0, 4.0), (16.0, 4.0)), ((2.0, 10.0), (13.0, 3.0)), ((9.0, 1.0), (11.0, 2.0))],
)
def test_the_shortest_way_around_a_wall_is_a_string_around_its_tip(
    robot: str, start: Point, goal: Point
) -> None:
    scene = hall((10, 0, 10, 12), start=(*start, 0.0), goal=goal, goal_tolerance_m=0.3)
    string = around_a_tip(start, goal, (10, 12), ROBOTS[robot].inscribed_m) - 0.3
    found = shortest_path_m(scene, ROBOTS[robot])
    assert found is not None
    assert string - OFF_SPOT_M <= found <= LONGER * string + OFF_SPOT_M


@pytest.mark.parametrize("robot", ROBOTS)
def test_there_is_no_way_through_a_wall(robot: str) -> None:
    for turn in np.linspace(0, math.pi, 9).tolist():
        for middle in (10.0, 10.03, 10.07):
            dx, dy = 40 * math.cos(turn), 40 * math.sin(turn)
            wall = (middle - dx, middle - dy, middle + dx, middle + dy)
            away = (3 * math.sin(turn), -3 * math.cos(turn))
            start, goal = (middle + away[0], middle + away[1]), (middle - away[0], middle - away[1])
            scene = hall(wall, start=(*start, 0.0), goal=goal)
            where = f"wall through {middle} at {turn} rad"
            assert shortest_path_m(scene, ROBOTS[robot]) is None, where
            assert not is_solvable(scene, ROBOTS[robot], 0.1), where


@pytest.mark.parametrize("robot", ROBOTS)
def test_a_door_lets_through_who_fits(robot: str) -> None:
    shape = ROBOTS[robot]
    for width, passes in (
        (2 * shape.inscribed_m - 0.02, False),
        (2 * shape.inscribed_m + 2 * LATTICE_M, True),
    ):
        walls = ((10, 0, 10, 10 - width / 2), (10, 10 + width / 2, 10, SIDE))
        scene = hall(*walls, start=(7.0, 10.0, 0.0), goal=(13.0, 10.0))
        found = shortest_path_m(scene, shape)
        assert (found is not None) == passes, f"door of {width} m"
        assert found is None or found == pytest.approx(5.5, abs=OFF_SPOT_M)
    wide = 2 * shape.circumscribed_m + 0.3
    walls = ((10, 0, 10, 10 - wide / 2), (10, 10 + wide / 2, 10, SIDE))
    assert is_solvable(hall(*walls, start=(7.0, 10.0, 0.0), goal=(13.0, 10.0)), shape, 0.1)


def test_a_goal_in_a_solid_thing_is_reached_as_far_as_its_tolerance_goes() -> None:
    post = np.array([[15.0, 10.0, 1.0, 0.0, 0.0]])
    scene = hall(start=(5.0, 10.0, 0.0), goal=(15.0, 10.0), discs=post, goal_tolerance_m=1.5)
    assert shortest_path_m(scene, ROBOTS["jackal"]) == pytest.approx(8.5, abs=OFF_SPOT_M)
    assert shortest_path_m(
        hall(start=(5.0, 10.0, 0.0), goal=(15.0, 10.0), discs=post), ROBOTS["jackal"]
    ) is None  # fmt: skip


def test_the_shortest_way_on_a_grid_equals_the_oracle_bit_for_bit() -> None:
    rng = np.random.default_rng(2)
    lengths = []
    for case in range(150):
        rows, columns = rng.integers(1, 30, 2).tolist()
        free = rng.uniform(size=(rows, columns)) < rng.choice([0.5, 0.7, 0.95])
        spots = [(int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(4)]
        start, goals = spots[0], set(spots[1:])
        free[start] = True
        wanted = np.zeros_like(free)
        wanted[tuple(zip(*goals, strict=True))] = True
        found = shortest_on(free, start, wanted, 1.0)
        assert found == naive.shortest_on_grid(free.tolist(), start, goals), f"case {case}"
        lengths.append(found)
    assert min(lengths) == 0
    assert 10 < sum(map(math.isinf, lengths)) < 100
    assert max(filter(math.isfinite, lengths)) > 30

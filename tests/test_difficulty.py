"""BARN's metrics of worlds that can be measured by hand, and of the same worlds turned about."""

import json
import math
from dataclasses import asdict, astuple, replace

import numpy as np
import pytest

from neurobot.envs.difficulty import (
    DISPERSION_M,
    Difficulty,
    WorldFacts,
    difficulty_along,
    difficulty_of,
    facts_of,
    look_along,
    sampled,
    sixteen_rays,
    tortuosity_of,
    z_scores,
)
from neurobot.envs.lattice import footprint_path_m, shortest_way
from neurobot.envs.planner import shortest_path_m
from neurobot.envs.scenarios import box, generate
from neurobot.envs.scene import Scene
from neurobot.envs.world import FAR_M, ROBOTS, Floats

JACKAL = ROBOTS["jackal"]
INNER_M = JACKAL.inscribed_m  # 0.215
MIDDLE = np.array([[4.0, 4.0]])
EXACT_M = 2e-3  # a ray stops within a millimetre of what it meets


def square(*discs: tuple[float, ...]) -> Scene:
    """Walls 8 m apart."""
    return Scene(
        (0.0, 0.0, 8.0, 8.0),
        discs=np.array(discs, float).reshape(-1, 5),
        walls=box(0.0, 0.0, 8.0, 8.0),
    )


def at_the_middle(scene: Scene) -> Difficulty:
    return difficulty_along(scene, JACKAL, MIDDLE)


# By hand


def test_an_empty_square() -> None:
    found = at_the_middle(square())
    straight = 4.0 - INNER_M
    assert found.closest_obstacle_m == pytest.approx(straight)
    assert found.visibility_m == pytest.approx((1 + math.sqrt(2)) / 2 * straight, abs=EXACT_M)
    assert found.characteristic_dimension_m == pytest.approx(2 * straight, abs=EXACT_M)
    assert found.dispersion == 0
    assert found.tortuosity == 1


def test_one_disc_beside_the_point() -> None:
    """A disc of 0.1 m, 0.5 m to the right: only the ray towards it is blocked within 0.45 m."""
    found = at_the_middle(square((4.5, 4.0, 0.1, 0.0, 0.0)))
    gap = 0.5 - 0.1 - INNER_M
    straight = 4.0 - INNER_M
    assert found.closest_obstacle_m == pytest.approx(gap)
    assert found.dispersion == 2
    assert found.characteristic_dimension_m == pytest.approx(straight + gap, abs=EXACT_M)
    rest = 3 * straight + 4 * math.sqrt(2) * straight
    assert found.visibility_m == pytest.approx((gap + rest) / 8, abs=EXACT_M)


def test_a_ray_meets_a_grown_disc_where_a_line_meets_a_circle() -> None:
    disc = (5.0, 4.6, 0.2, 0.0, 0.0)
    seen = look_along(square(disc), JACKAL, MIDDLE)[0]
    radius = 0.2 + INNER_M
    for free, (cos, sin) in zip(seen[1:], sixteen_rays(), strict=True):
        along, across = cos * 1.0 + sin * 0.6, cos * 0.6 - sin * 1.0
        meets = along > 0 and abs(across) < radius
        wall = (4.0 - INNER_M) / max(abs(cos), abs(sin))
        expected = along - math.sqrt(radius**2 - across**2) if meets else wall
        assert free == pytest.approx(expected, abs=EXACT_M), (cos, sin)


def test_discs_all_around_change_as_often_as_there_are_gaps() -> None:
    """Grown discs of 0.235 m: 0.45 m away, each hides 31 degrees to either side."""

    def ring(*turns_deg: float) -> Scene:
        turns = np.radians(turns_deg)
        return square(
            *((4 + 0.45 * math.cos(t), 4 + 0.45 * math.sin(t), 0.02, 0, 0) for t in turns)
        )

    assert at_the_middle(ring(0, 45, 90)).dispersion == 2
    assert at_the_middle(ring(0, 90)).dispersion == 4
    assert at_the_middle(ring(0, 90, 180, 270)).dispersion == 8  # the diagonals are free
    assert at_the_middle(ring(*range(0, 360, 45))).dispersion == 0


def test_a_corridor_is_as_wide_as_it_is_for_a_point() -> None:
    """Walls 2 m apart along x, from end to end of a world of 20 m."""
    corridor = Scene(
        (0.0, 0.0, 20.0, 2.0),
        start=(5.05, 1.05, 0.0),
        goal=(15.05, 1.05),
        walls=np.array([[0.0, 0.0, 20.0, 0.0], [0.0, 2.0, 20.0, 2.0]]),
        goal_tolerance_m=0.1,
    )
    found = difficulty_of(corridor, JACKAL)
    assert found is not None
    assert found.closest_obstacle_m == pytest.approx(1.0 - 0.05 - INNER_M)
    wide = 2.0 - 2 * INNER_M
    assert found.characteristic_dimension_m == pytest.approx(wide, abs=EXACT_M)
    # Along the corridor the rays end at the bounds: 20 m in all, from every point.
    expected = (20.0 + wide + 2 * math.sqrt(2) * wide) / 8
    assert found.visibility_m == pytest.approx(expected, abs=2 * EXACT_M)
    assert found.dispersion == 0
    assert found.tortuosity == pytest.approx(1.0)


def test_tortuosity_is_arc_over_chord() -> None:
    assert tortuosity_of(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]])) == pytest.approx(7 / 5)
    assert tortuosity_of(np.array([[1.0, 2.0], [5.0, 2.0]])) == 1
    assert tortuosity_of(MIDDLE) == 1


def test_a_path_is_sampled_evenly_by_its_length() -> None:
    path = np.array([[0.0, 0.0], [0.1, 0.0], [1.2, 0.0], [1.2, 1.4]])
    points = sampled(path)
    np.testing.assert_array_equal(points[[0, -1]], path[[0, -1]])
    assert len(points) == round(2.6 / 0.15) + 1
    along = points[:, 0] + points[:, 1]
    np.testing.assert_allclose(np.diff(along), 2.6 / 17)
    np.testing.assert_array_equal(sampled(MIDDLE), MIDDLE)


def test_metrics_are_means_along_the_path() -> None:
    scene = generate("barn", np.random.default_rng(1), 0.8, JACKAL)
    path = shortest_way(scene, JACKAL)
    assert path is not None
    points = sampled(path.points)
    each = [difficulty_along(scene, JACKAL, point[None]) for point in points]
    found = difficulty_along(scene, JACKAL, path.points)
    np.testing.assert_allclose(astuple(found)[:4], np.mean([astuple(e)[:4] for e in each], axis=0))
    assert 0 < found.dispersion < 16
    assert all(0 <= d.closest_obstacle_m <= FAR_M for d in each)


def test_what_moves_counts_for_nothing() -> None:
    ball = (4.5, 4.0, 0.1, 0.3, 0.0)
    assert at_the_middle(square(ball)) == at_the_middle(square())
    assert at_the_middle(square((*ball[:3], 0.0, 0.0))) != at_the_middle(square())


def test_no_obstacle_is_farther_than_what_is_told_apart() -> None:
    open_world = Scene((0.0, 0.0, 8.0, 8.0))
    found = at_the_middle(open_world)
    assert found.closest_obstacle_m == FAR_M
    assert found.visibility_m == pytest.approx((4 + 4 * math.sqrt(2)) / 2)
    outside = difficulty_along(open_world, JACKAL, np.array([[9.0, 4.0]]))
    assert outside.visibility_m < found.visibility_m


# Turned about


def turned(scene: Scene, points: Floats) -> tuple[Scene, Floats]:
    """Turn a world by a right angle: (x, y) -> (y1 - y, x)."""
    top = scene.bounds[3]

    def turn(xy: Floats) -> Floats:
        return np.column_stack([top - xy[:, 1], xy[:, 0]])

    walls = scene.walls
    return (
        replace(
            scene,
            bounds=(0.0, 0.0, top, scene.bounds[2]),
            discs=np.column_stack([turn(scene.discs), scene.discs[:, 2:]]),
            walls=np.column_stack([turn(walls[:, :2]), turn(walls[:, 2:])]),
        ),
        turn(points),
    )


def test_a_turned_world_is_as_difficult_and_so_is_a_mirrored_one() -> None:
    for seed in range(2):
        scene = generate("barn", np.random.default_rng(seed), 0.9, JACKAL)
        path = shortest_way(scene, JACKAL)
        assert path is not None
        points = path.points
        expected = astuple(difficulty_along(scene, JACKAL, points))
        once = turned(scene, points)
        for other, along in (once, turned(*once)):
            found = astuple(difficulty_along(other, JACKAL, along))
            np.testing.assert_allclose(found, expected, atol=EXACT_M)
        width = scene.bounds[2]
        mirrored = replace(
            scene, discs=np.column_stack([width - scene.discs[:, 0], scene.discs[:, 1:]])
        )
        along = np.column_stack([width - points[:, 0], points[:, 1]])
        found = astuple(difficulty_along(mirrored, JACKAL, along))
        np.testing.assert_allclose(found, expected, atol=EXACT_M)


# A set of worlds, and one


def test_denser_worlds_are_more_difficult_by_every_metric() -> None:
    def mean(difficulty: float) -> Floats:
        scenes = [generate("barn", np.random.default_rng(k), difficulty, JACKAL) for k in range(12)]
        found = [difficulty_of(scene, JACKAL) for scene in scenes]
        return np.asarray(np.mean([astuple(each) for each in found if each], axis=0))

    easy, hard = mean(0.0), mean(1.0)
    assert (np.sign(hard - easy) == (-1, -1, 1, -1, 1)).all(), (easy, hard)


def test_z_scores_have_mean_0_and_spread_1() -> None:
    worlds = [Difficulty(1.0, 2.0, 3.0, 4.0, 1.0), Difficulty(3.0, 5.0, 3.0, 0.0, 1.0)]
    np.testing.assert_allclose(z_scores(worlds), [[-1, -1, 0, 1, 0], [1, 1, 0, -1, 0]])
    with pytest.raises(ValueError, match="no world found"):
        z_scores([])


def test_facts_are_plain_values() -> None:
    scene = generate("barn", np.random.default_rng(2), 0.5, JACKAL)
    facts = facts_of(scene, JACKAL)
    assert facts == WorldFacts(
        shortest_path_m(scene, JACKAL),
        footprint_path_m(scene, JACKAL),
        True,
        difficulty_of(scene, JACKAL),
    )
    again = json.loads(json.dumps(asdict(facts)))
    assert WorldFacts(**{**again, "difficulty": Difficulty(**again["difficulty"])}) == facts


def test_without_a_way_nothing_is_made_up() -> None:
    shut = replace(square(), start=(1.0, 4.0, 0.0), goal=(7.0, 4.0))
    shut = replace(shut, walls=np.vstack([shut.walls, [[4.0, 0.0, 4.0, 8.0]]]))
    assert facts_of(shut, JACKAL) == WorldFacts(None, None, False, None)
    assert difficulty_of(shut, JACKAL) is None


def test_a_slit_is_a_way_but_not_a_roomy_one() -> None:
    gate = [[4.0, 0.0, 4.0, 3.78], [4.0, 4.32, 4.0, 8.0]]
    slit = replace(square(), start=(1.05, 4.05, 0.0), goal=(7.05, 4.05))
    facts = facts_of(replace(slit, walls=np.vstack([slit.walls, gate])), JACKAL)
    assert facts.footprint_m is not None
    assert not facts.roomy


def test_the_radius_of_dispersion_is_three_cells_of_theirs() -> None:
    assert pytest.approx(0.45) == DISPERSION_M
    rays = np.degrees(np.arctan2(*sixteen_rays().T[::-1])) % 360
    assert (np.diff(rays) > 0).all()
    np.testing.assert_allclose(rays[::2], 45 * np.arange(8))

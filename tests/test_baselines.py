"""The two baselines that need no sensor: straight ahead, and the oracle with the full map."""

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from neurobot.controllers import COMPARED, make_controller
from neurobot.controllers.steering import CHOICES, make_choices
from neurobot.envs.avoidance import AvoidanceEnv, NavigationEnv
from neurobot.envs.scenarios import box
from neurobot.envs.scene import Scene
from neurobot.envs.world import ROBOTS
from neurobot.imitate.field import ASTRAY, Field, downhill, goal_field, left_at
from neurobot.imitate.oracle import OracleController, discs_within, rated_choices, segments_within
from neurobot.loop import Body, ControllerError, Observation, Trial, attach, run_episode

JACKAL = ROBOTS["jackal"]
SIDE_M = 12.0
MIDDLE = (6.05, 6.05)
SQUARE = Scene((0.0, 0.0, SIDE_M, SIDE_M), goal=MIDDLE, walls=box(0.0, 0.0, SIDE_M, SIDE_M))


def oracle_in(env: Any) -> OracleController:
    controller = OracleController()
    attach(controller, env)
    return controller


# Straight ahead


def test_straight_is_full_speed_whatever_is_seen() -> None:
    env = gym.make("neurobot/Avoidance-v0", scenario="empty", difficulty=0.0)
    controller = make_controller("straight")
    attach(controller, env)
    for observation in ({}, {"range": np.zeros(72, np.float32)}):
        np.testing.assert_array_equal(controller.act(observation), np.ones(2, np.float32))
    episode = run_episode(env, controller, 0)
    assert episode.outcome == "collision"
    assert episode.events is None


def test_baselines_stand_beside_the_others() -> None:
    assert COMPARED[:3] == ("random", "straight", "oracle")


# The hook


class Surveyor:
    """Notes what it is shown, and when."""

    def __init__(self) -> None:
        self.shown: list[object] = []

    def attach(self, body: Body) -> None:
        self.shown.append("body")

    def survey(self, world: Any) -> None:
        self.shown.append(world)

    def reset(self, seed: int) -> None:
        self.shown.append(seed)

    def act(self, observation: Observation) -> Any:
        return np.zeros(2, np.float32)


def test_a_controller_surveys_the_world_itself_once_before_the_first_episode() -> None:
    env = gym.make("neurobot/Avoidance-v0", scenario="empty", time_limit_s=0.2)
    surveyor = Surveyor()
    attach(surveyor, env)
    for seed in (3, 4):
        run_episode(env, surveyor, seed)
    assert surveyor.shown == ["body", env.unwrapped, 3, 4]


def test_an_error_in_a_survey_names_the_controller() -> None:
    class Lost(Surveyor):
        def survey(self, world: Any) -> None:
            raise KeyError("map")

    with pytest.raises(ControllerError, match="Lost raised KeyError: 'map'"):
        attach(Lost(), gym.make("neurobot/Avoidance-v0"))


# The way to the goal


def test_the_field_of_an_empty_square_is_the_distance_to_the_goal() -> None:
    field = goal_field(SQUARE, JACKAL, MIDDLE)
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(1.0, SIDE_M - 1.0, (200, 2)):
        away = math.hypot(x - SQUARE.goal[0], y - SQUARE.goal[1])
        # Moves of a king and a knight: up to 2.8 % longer; a cell's middle: up to half a cell.
        assert away - 0.1 <= left_at(field, x, y) <= 1.028 * away + 0.1, (x, y)


def test_the_field_leads_around_a_wall_and_is_astray_inside_of_it() -> None:
    wall = np.array([[2.0, 4.0, 10.0, 4.0]])
    walled = replace(SQUARE, walls=np.concatenate([SQUARE.walls, wall]))
    field, free = goal_field(walled, JACKAL, MIDDLE), goal_field(SQUARE, JACKAL, MIDDLE)
    end_m = 2 * math.hypot(4.0, 2.0)  # over the wall's end
    assert left_at(field, 6.0, 2.0) > end_m
    assert left_at(field, 6.0, 2.0) < end_m + 2.5
    assert left_at(field, 6.0, 9.0) == left_at(free, 6.0, 9.0)
    assert left_at(field, 6.0, 4.05) > left_at(field, 6.0, 4.3)
    assert left_at(field, 6.0, 3.95) > left_at(field, 6.0, 3.7)
    heading = downhill(field, 3.0, 2.5, math.pi / 2)
    assert math.pi / 2 < heading < math.pi


def gated(*walls: tuple[float, float, float, float]) -> Scene:
    """A fence across the square at y = 4 with gates of 0.5 m and, on the right, of 2 m."""
    fence = [[0.0, 4.0, 5.8, 4.0], [6.3, 4.0, 7.0, 4.0], [9.0, 4.0, 12.0, 4.0], *walls]
    return replace(SQUARE, walls=np.vstack([SQUARE.walls, fence]))


def test_ways_keep_away_from_narrow_gates_if_there_is_another() -> None:
    below, gate, shut = (6.05, 2.0), (6.05, 4.0), (7.0, 4.0, 9.0, 4.0)
    around = goal_field(gated(), JACKAL, below)
    assert left_at(around, *below) > 2 * math.hypot(1.0, 2.0) - 0.1
    assert left_at(around, *gate) > left_at(around, 6.05, 4.5) + 2.0  # it leads nowhere
    through = goal_field(gated(shut), JACKAL, below)
    assert left_at(through, *gate) < left_at(through, 6.05, 4.5) + 1.3
    # From beyond the fence no gate needs to be passed, and none is.
    beyond = goal_field(gated(shut), JACKAL, (6.05, 9.0))
    assert left_at(beyond, *gate) > left_at(beyond, 6.05, 4.5) + 2.0


def test_where_no_way_leads_the_field_still_points_to_where_one_does() -> None:
    cage = replace(SQUARE, walls=np.concatenate([SQUARE.walls, box(1.0, 1.0, 4.0, 4.0)]))
    field = goal_field(cage, JACKAL, (2.0, 2.5))
    assert np.isfinite(field.left_m).all()
    assert left_at(field, 2.0, 2.5) > left_at(field, 3.0, 2.5) + 0.3 * ASTRAY


def test_between_the_middles_of_cells_the_field_is_linear_and_beyond_them_constant() -> None:
    field = Field(np.array([[0.0, 1.0], [2.0, 7.0]]), 10.0, 20.0, 0.5)
    assert left_at(field, 10.25, 20.25) == 0.0
    assert left_at(field, 10.5, 20.25) == 0.5
    assert left_at(field, 10.5, 20.5) == 2.5
    assert left_at(field, 99.0, 99.0) == 7.0
    assert left_at(field, -99.0, 20.75) == 2.0
    assert left_at(Field(np.full((1, 1), 3.0), 0.0, 0.0, 0.5), 5.0, 5.0) == 3.0


# The oracle


@pytest.mark.parametrize(
    ("env", "scenario", "options"),
    [
        ("Navigation", "forest", {}),
        ("Navigation", "rooms", {"sensor": "camera"}),
        ("Navigation", "barn", {}),
        ("Avoidance", "crossing", {}),
        ("Navigation", "forest", {"robot": "fly"}),
    ],
)
def test_the_oracle_succeeds(env: str, scenario: str, options: dict[str, Any]) -> None:
    world: Any = gym.make(f"neurobot/{env}-v0", scenario=scenario, **options)
    oracle = oracle_in(world)
    for seed in range(3):
        episode = run_episode(world, oracle, seed)
        assert episode.outcome == "success", (scenario, seed)
        assert episode.events is None
        speed_mps = episode.path_m / episode.duration_s
        assert speed_mps > 0.6 * world.unwrapped.batch.robot.max_speed_mps, (scenario, seed)


def test_the_oracle_changes_nothing_and_decides_the_same_again() -> None:
    env = AvoidanceEnv(scenario="looming")
    trial = Trial(env, oracle_in(env), seed=1)
    for _ in range(30):
        trial.step()
        before = [part.tobytes() for part in env.batch.state]
        again = oracle_in(env)
        again.reset(0)
        action = again.act({})
        fresh = oracle_in(env)
        fresh.reset(0)
        np.testing.assert_array_equal(fresh.act({}), action)
        assert [part.tobytes() for part in env.batch.state] == before


def test_the_oracle_does_not_need_to_see() -> None:
    paths = []
    for blind in ({}, {"dropout": 1.0}, {"sensor": "camera", "noise": 50.0}):
        env = NavigationEnv(scenario="empty", **blind)
        paths.append(run_episode(env, oracle_in(env), seed=2).trajectory_sha256)
    assert len(set(paths)) == 1


def test_the_oracle_follows_a_goal_that_is_moved_while_it_drives() -> None:
    env = NavigationEnv(scenario="empty", difficulty=0.0, time_limit_s=40.0)
    oracle = oracle_in(env)
    trial = Trial(env, oracle, seed=0)
    for _ in range(10):
        trial.step()
    before = oracle.field
    goal = (20.0 - env.scene.goal[0], 20.0 - env.scene.goal[1])
    env.refurnish(replace(env.scene, goal=goal))
    while not trial.ended:
        trial.step()
    assert oracle.field is not before
    assert trial.info["outcome"] == "success"
    assert math.dist(trial.info["pose"][:2], goal) <= env.scene.goal_tolerance_m


def test_what_is_out_of_reach_is_left_out_of_the_rehearsal() -> None:
    row = np.zeros(1, [("x", "f8"), ("y", "f8")])[0]
    row["x"] = 1.0
    near, far, moving = (5.0, 0.0, 0.5, 0.0, 0.0), (0.0, 9.0, 0.5, 0.0, 0.0), (9.0, 9.0, 0.1, 1, 0)
    kept = discs_within(row, np.array([near, far, moving], float), 4.0)
    np.testing.assert_array_equal(kept, np.array([near, moving], float))
    long, beyond = (-50.0, 3.0, 100.0, 0.0), (6.0, -50.0, 0.0, 100.0)
    kept = segments_within(row, np.array([long, beyond]), 4.0)
    np.testing.assert_array_equal(kept, [long])


def test_every_other_heading_is_rehearsed_and_both_turns() -> None:
    rated = rated_choices()
    angles = np.degrees(make_choices()[rated, 0])
    np.testing.assert_allclose(angles[:13], np.arange(60, -61, -10), atol=1e-9)
    assert rated[-2:].tolist() == [CHOICES - 2, CHOICES - 1]
    assert len(rated) == 3 * 13 + 2


def test_an_oracle_that_was_shown_no_world_says_so() -> None:
    oracle = OracleController()
    oracle.reset(0)
    with pytest.raises(ValueError, match="oracle: it needs the environment"):
        oracle.act({})


def test_the_oracle_needs_no_torch() -> None:
    code = "import sys, neurobot.imitate.oracle; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

import copy
import json
import multiprocessing
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.env_match import check_environments_match
from gymnasium.vector import AutoresetMode, VectorEnv

import neurobot  # noqa: F401  (registers the environments)
from neurobot.envs import batch as batches
from neurobot.envs import world
from neurobot.envs.avoidance import AvoidanceEnv
from neurobot.envs.batch import MOVES, ROWS_PER_THREAD
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.tasks import COLLISION, OUTCOMES, RUNNING, SUCCESS, TIMEOUT, Task, judge
from neurobot.envs.vector import AvoidanceVectorEnv
from neurobot.envs.world import ROBOTS

AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
IDS = (AVOIDANCE, NAVIGATION)
FAULTY: dict[str, Any] = {"beams": 7, "noise": 0.05, "dropout": 0.2, "dead_beams": (3,)}
KINDS: dict[str, dict[str, Any]] = {
    "range": {},
    "camera": {"sensor": "camera"},
    "discrete": {"action": "discrete"},
    "faulty fly": {"robot": "fly", "scenario": "looming", **FAULTY},
}
EVERY = pytest.mark.parametrize("id_", IDS)


def make(id_: str = AVOIDANCE, **options: Any) -> Any:
    """Make an environment without wrappers."""
    return gym.make(id_, disable_env_checker=True, **options).unwrapped


def actions(seed: int, count: int, *, envs: int | None = None, discrete: bool = False) -> Any:
    """Draw actions that drive forwards more often than not, hence into things."""
    rng = np.random.default_rng(seed)
    shape = (count,) if envs is None else (count, envs)
    if discrete:
        return rng.choice(len(MOVES), shape, p=[0.4, 0.2, 0.2, 0.05, 0.05, 0.05, 0.05])
    return np.clip(rng.normal(0.7, 0.4, (*shape, 2)), -1, 1).astype(np.float32)


def assert_same(one: Any, other: Any, where: str) -> None:
    """Refuse any difference: of structure, type, shape, memory layout or a single bit."""
    assert type(one) is type(other), f"{where}: {type(one)} and {type(other)}"
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}, {key}")
    elif isinstance(one, tuple | list):
        assert len(one) == len(other), where
        for k, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}, {k}")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        if one.dtype == object:
            assert_same(one.tolist(), other.tolist(), where)
        else:
            assert one.tobytes() == other.tobytes(), f"{where}: {one} and {other}"
    else:
        assert one == other, f"{where}: {one} and {other}"


def episode(env: Any, drive: Any, **reset: Any) -> list[Any]:
    """Everything that an environment says until the episode or the actions end."""
    told: list[Any] = [env.reset(**reset)]
    for action in drive:
        told.append(env.step(action))
        if told[-1][2] or told[-1][3]:
            break
    return told


# What Gymnasium and Stable-Baselines3 ask for. Warnings are errors (pyproject.toml).


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_gymnasium_finds_nothing_to_complain_about(
    id_: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    check_env(make(id_, **KINDS[kind]))
    check_env(make(id_, render_mode="rgb_array", **KINDS[kind]))


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_stable_baselines_finds_nothing_to_complain_about(id_: str, kind: str) -> None:
    checker = pytest.importorskip(
        "stable_baselines3.common.env_checker",
        reason="Stable-Baselines3 is not installed: pip install 'neurobot[rl]'",
        exc_type=ImportError,
    )
    checker.check_env(make(id_, **KINDS[kind]))


@EVERY
def test_two_environments_with_one_seed_match(id_: str) -> None:
    one, other = (gym.make(id_, scenario="rooms", time_limit_s=2.0, **FAULTY) for _ in range(2))
    check_environments_match(one, other, num_steps=60, seed=3)


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_observations_are_of_the_space_contiguous_and_of_the_readers_own(
    id_: str, kind: str
) -> None:
    env = make(id_, **KINDS[kind])
    env.action_space.seed(0)
    kept: list[tuple[Any, Any]] = []
    for seed in range(3):
        told = episode(env, (env.action_space.sample() for _ in range(40)), seed=seed)
        for step, (observation, *rest) in enumerate(told):
            assert observation in env.observation_space, f"seed {seed}, step {step}"
            for key, array in observation.items():
                assert array.flags.c_contiguous, key
                assert array.flags.owndata, key
                assert array.dtype == env.observation_space[key].dtype, key
            if step:
                assert [type(x) for x in rest] == [float, bool, bool, dict]
            kept.append((observation, copy.deepcopy(observation)))
    assert len(kept) > 30
    for observation, as_it_was in kept:
        assert_same(observation, as_it_was, "an observation changed after it was handed out")


@EVERY
@pytest.mark.parametrize("kind", KINDS)
def test_spaces_are_finite(id_: str, kind: str) -> None:
    for space in make(id_, **KINDS[kind]).observation_space.values():
        assert np.isfinite(space.low).all()
        assert np.isfinite(space.high).all()


@EVERY
def test_a_spec_survives_json(id_: str) -> None:
    env = gym.make(id_, scenario="corridor", time_limit_s=3.0, **FAULTY)
    assert env.spec is not None
    text = env.spec.to_json()
    json.loads(text)
    twin = gym.make(EnvSpec.from_json(text))
    drive = actions(0, 20)
    assert_same(episode(env, drive, seed=4), episode(twin, drive, seed=4), "from JSON")
    envs = gym.make_vec(id_, num_envs=2, scenario="corridor", autoreset_mode="SameStep")
    assert envs.spec is not None
    again = gym.make_vec(EnvSpec.from_json(envs.spec.to_json()))
    assert_same(envs.reset(seed=5), again.reset(seed=5), "vector from JSON")


def test_the_module_may_be_named_in_the_id() -> None:
    assert isinstance(gym.make("neurobot:neurobot/Avoidance-v0").unwrapped, AvoidanceEnv)


def test_the_metadata_of_a_class_stay_as_they_are() -> None:
    before = copy.deepcopy((AvoidanceEnv.metadata, AvoidanceVectorEnv.metadata))
    slow: dict[str, Any] = {"control_period_s": 0.5}
    assert make(**slow).metadata["render_fps"] == 2
    for mode in ("vector_entry_point", "sync"):
        envs = gym.make_vec(AVOIDANCE, num_envs=2, vectorization_mode=mode, **slow)
        assert isinstance(envs.metadata["autoreset_mode"], AutoresetMode)
        assert envs.metadata["render_fps"] == 2
    assert (AvoidanceEnv.metadata, AvoidanceVectorEnv.metadata) == before
    assert make().metadata["render_fps"] == 10


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, gymnasium; light = set(sys.modules); import neurobot;"
        "assert 'neurobot/Avoidance-v0' in gymnasium.registry;"
        "heavy = {'numba', 'pygame', 'scipy', 'torch', 'brian2', 'PIL', 'yaml', 'neurobot.envs'};"
        "print(sorted(heavy & (set(sys.modules) - light)));"
        "gymnasium.make('neurobot/Avoidance-v0').reset();"
        "print(sorted({'pygame', 'torch', 'brian2'} & (set(sys.modules) - light)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split("\n") == ["[]", "[]", ""], done.stderr


# Chance


@EVERY
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_gives_the_same_episode_again(id_: str, scenario: str) -> None:
    env = make(id_, scenario=scenario, time_limit_s=3.0, **FAULTY)
    drive = actions(1, 30)
    first = episode(env, drive, seed=7)
    random = [episode(env, drive), episode(env, drive)]
    assert_same(first, episode(env, drive, seed=7), "again")
    assert_same(random, [episode(env, drive), episode(env, drive)], "and what follows")
    assert env.np_random_seed == 7
    other = episode(env, drive, seed=8)
    assert first[0][0]["range"].tobytes() != other[0][0]["range"].tobytes()
    assert random[0][0][0]["range"].tobytes() != first[0][0]["range"].tobytes()


def test_no_seed_gives_another_world_each_time() -> None:
    poses = [tuple(make().reset()[1]["pose"]) for _ in range(3)]
    assert len(set(poses)) == 3


COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda env: pickle.loads(pickle.dumps(env)),
    "deepcopy": copy.deepcopy,
}


@EVERY
@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_copied_environment_goes_on_in_the_same_way(id_: str, way: str, wrapped: bool) -> None:
    env = gym.make(id_, scenario="crossing", **FAULTY)
    env = env if wrapped else env.unwrapped
    fresh = COPIES[way](env)
    assert_same(env.reset(seed=2), fresh.reset(seed=2), "a copy made before the first reset")
    drive = actions(2, 12)
    for action in drive[:6]:
        env.step(action)
    twin = COPIES[way](env)
    ahead = [env.step(action) for action in drive[6:]] + [env.reset(), env.reset()]
    assert_same(ahead, [twin.step(a) for a in drive[6:]] + [twin.reset(), twin.reset()], way)


@EVERY
def test_a_state_can_be_returned_to_and_taken_elsewhere(id_: str) -> None:
    env, elsewhere = (make(id_, scenario="looming", **FAULTY) for _ in range(2))
    drive = actions(3, 12)
    env.reset(seed=3)
    told = [env.step(action) for action in drive[:5]]
    snapshot = env.get_state()
    ahead = [env.step(action) for action in drive[5:]] + [env.reset()]
    for k, here in enumerate((env, elsewhere, env)):
        assert_same(here.set_state(snapshot), told[-1][0], f"return {k}")
        assert_same([here.step(a) for a in drive[5:]] + [here.reset()], ahead, f"return {k}")


def test_a_state_holds_that_the_episode_has_ended() -> None:
    env = make(time_limit_s=0.2, scenario="empty")
    env.reset(seed=0)
    at_start = env.get_state()
    assert [env.step(np.zeros(2))[3] for _ in range(2)] == [False, True]
    at_end = env.get_state()
    env.set_state(at_start)
    env.step(np.zeros(2))
    env.set_state(at_end)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(2))


def test_what_is_scheduled_belongs_to_the_state() -> None:
    env = resting()
    plainly = env.get_state()
    env.schedule(10)
    late = env.get_state()
    for snapshot, speed in ((late, 0.0), (plainly, 0.5), (late, 0.0)):
        env.set_state(snapshot)
        assert env.step(np.ones(2))[0]["velocity"][0] == np.float32(speed)


@pytest.mark.parametrize("way", COPIES)
def test_an_environment_that_was_drawn_can_be_copied(way: str) -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    picture = env.render()
    np.testing.assert_array_equal(COPIES[way](env).render(), picture)


# Options


@EVERY
def test_an_unknown_keyword_is_refused_with_the_known_ones(id_: str) -> None:
    for maker in (gym.make, gym.make_vec):
        with pytest.raises(ValueError, match=r"unknown 'senzor'; known: scenario, .*sensor.*"):
            maker(id_, senzor="range")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": "woods"}, r"scenario: unknown 'woods'; known: empty, forest"),
        ({"robot": "tank"}, r"robot: unknown 'tank'; known: jackal, turtlebot2, fly"),
        ({"sensor": "sonar"}, r"sensor: unknown 'sonar'; known: range, camera"),
        ({"action": "torque"}, r"action: unknown 'torque'; known: continuous, discrete"),
        ({"difficulty": 1.1}, r"difficulty=1\.1 must be a number in 0\.\.1"),
        ({"beams": 0}, r"beams=0 must be a whole number in 1\.\.4096"),
        ({"beams": 7.5}, r"beams=7\.5 must be a whole number"),
        ({"noise": -0.1}, r"noise=-0\.1 must be a number in 0\.\.1000"),
        ({"noise": float("nan")}, r"noise=nan must be a number"),
        ({"dropout": 1.5}, r"dropout=1\.5 must be a number in 0\.\.1"),
        ({"dead_beams": (1.5,)}, r"there is no beam 1\.5; known: 0\.\.71"),
        ({"difficulty": "hard"}, r"difficulty='hard' must be a number in 0\.\.1"),
        ({"control_period_s": float("nan")}, r"control_period_s=nan must be a number"),
        ({"noise": float("inf")}, r"noise=inf must be a number"),
        ({"dead_beams": (72,)}, r"there is no beam 72; known: 0\.\.71"),
        *(
            ({"lidar_range_m": bad}, r"lidar_range_m=.* must be a number in 0\.01\.\.1000")
            for bad in (-1.0, 0.0, float("inf"))
        ),
        ({"time_limit_s": 0}, r"time_limit_s=0 must be a number in 0\.001\.\.1e\+06"),
        ({"field_of_view_deg": 361}, r"field_of_view_deg=361 must be a number in 0\.1\.\.360"),
        ({"control_period_s": 0.105}, r"0\.105 is not a whole multiple of substep_s=0\.01"),
        ({"substep_s": 0.2, "control_period_s": 0.2}, r"0\.4 m between two contact tests"),
        ({"render_mode": "ansi"}, r"render_mode"),
    ],
    ids=str,
)
def test_a_bad_option_is_refused_with_a_sentence(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AvoidanceEnv(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dificulty": 0.1}, r"unknown 'dificulty'; known: world, difficulty, start, goal"),
        ({"difficulty": -0.1}, r"difficulty=-0\.1 must be a number in 0\.\.1"),
        ({"difficulty": float("nan")}, r"difficulty=nan must be a number in 0\.\.1"),
        ({"start": (1.0, 2.0)}, r"start=\(1\.0, 2\.0\) must be 3 finite numbers"),
        ({"start": (1.0, 2.0, float("nan"))}, r"start=.* must be 3 finite numbers"),
        ({"goal": (1.0, float("inf"))}, r"goal=.* must be 2 finite numbers"),
        ({"start": (0.1, 0.1, 0.0)}, r"the jackal at its start \(0\.1, 0\.1, 0\.0\) touches"),
    ],
    ids=str,
)
@pytest.mark.parametrize("vector", [False, True])
def test_a_bad_reset_option_is_refused_with_a_sentence(
    options: dict[str, Any], message: str, vector: bool
) -> None:
    env = gym.make_vec(NAVIGATION, num_envs=2) if vector else gym.make(NAVIGATION)
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options=options)


def test_reset_options_decide_difficulty_start_and_goal() -> None:
    env = make(NAVIGATION, scenario="empty")
    for options in ({"difficulty": 0.0}, {"difficulty": 1.0}):
        env.reset(seed=0, options=options)
        assert env.scene.bounds[2] == 20 - 10 * options["difficulty"]
    observation, info = env.reset(
        seed=0, options={"start": (5.0, 5.0, np.pi / 2), "goal": (6.0, 8.0)}
    )
    np.testing.assert_array_equal(info["pose"], (5.0, 5.0, np.pi / 2))
    np.testing.assert_allclose(observation["goal"], (3, -1), atol=1e-6)
    env.reset()
    assert env.scene.start != (5.0, 5.0, np.pi / 2)


def test_the_goal_is_reported_as_no_farther_than_it_can_be() -> None:
    env = make(NAVIGATION, scenario="empty")
    options = {"start": (5.0, 5.0, 0.0), "goal": (305.0, 405.0)}
    observation, _ = env.reset(seed=0, options=options)
    np.testing.assert_allclose(observation["goal"], (60, 80), rtol=1e-6)


def test_a_refused_reset_does_not_start_an_episode() -> None:
    env = make()
    with pytest.raises(ValueError, match="touches an obstacle"):
        env.reset(seed=0, options={"start": (0.0, 0.0, 0.0)})
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(2))


# Order, ends and bad actions


@EVERY
def test_a_step_before_the_reset_or_after_the_end_is_refused(id_: str) -> None:
    for env in (make(id_, time_limit_s=0.3), gym.make(id_, time_limit_s=0.3)):
        with pytest.raises(gym.error.ResetNeeded):
            env.step(np.zeros(2, np.float32))
        assert len(episode(env, actions(0, 9), seed=0)) == 4
        with pytest.raises(gym.error.ResetNeeded):
            env.unwrapped.step(np.zeros(2, np.float32))
        env.reset()
        env.step(np.zeros(2, np.float32))


BAD_WHEELS: dict[str, Any] = {
    "nan": [float("nan"), 0.0],
    "infinite": [0.0, float("inf")],
    "one wheel": [0.5],
    "three wheels": [0.5, 0.5, 0.5],
    "a number": 0.5,
    "a batch": [[0.5, 0.5]],
}


@pytest.mark.parametrize("bad", BAD_WHEELS)
def test_a_bad_wheel_command_is_refused_with_a_sentence(bad: str) -> None:
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"^action.*(finite|shape)"):
        env.step(np.array(BAD_WHEELS[bad]))
    assert env.step(np.zeros(2))[4]["outcome"] == "running"


@pytest.mark.parametrize("bad", [-1, len(MOVES)])
def test_a_bad_choice_is_refused_with_a_sentence(bad: int) -> None:
    env = make(action="discrete")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"^action .* is not a whole number in 0\.\.6"):
        env.step(bad)


@pytest.mark.parametrize("bad", [1.5, float("nan"), [1], [1, 2], True], ids=str)
def test_a_choice_that_is_no_whole_number_is_refused_with_a_sentence(bad: Any) -> None:
    env = make(action="discrete")
    env.reset(seed=0)
    with pytest.raises((ValueError, TypeError), match=r"^action"):
        env.step(bad)


@pytest.mark.parametrize(
    ("options", "bad"),
    [
        ({}, np.zeros((3, 2))),
        ({}, np.zeros(8)),
        ({}, np.full((4, 2), np.nan)),
        ({"action": "discrete"}, np.zeros(3, int)),
    ],
)
def test_bad_actions_of_a_batch_are_refused_with_a_sentence(
    options: dict[str, Any], bad: Any
) -> None:
    envs = gym.make_vec(AVOIDANCE, num_envs=4, **options)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=r"^action"):
        envs.step(bad)


@pytest.mark.parametrize("seconds", [0.1, 0.7, 2.0])
def test_an_episode_takes_as_long_as_its_time_limit(seconds: float) -> None:
    env = make(scenario="empty", time_limit_s=seconds)
    told = episode(env, np.zeros((50, 2)), seed=0)
    assert len(told) - 1 == round(seconds / 0.1)
    assert told[-1][2:4] == (False, True)
    assert told[-1][4]["outcome"] == "timeout"


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_touching_counts_before_arriving_and_arriving_before_the_time(
    touched: bool, late: bool, there: bool
) -> None:
    me = np.zeros(1, world.ROW)[0]
    me["goal_x"], me["goal_tolerance"] = 1.0 if there else 1.1, 1.0
    me["steps"], me["time_limit"] = 9 + late, 10
    me["ground"] = 4 + there
    otherwise = TIMEOUT if late else RUNNING
    reached = COLLISION if touched else SUCCESS if there else otherwise
    covered = COLLISION if touched else SUCCESS if there and late else otherwise
    assert judge(me, Task(True, 0), touched) == reached
    assert judge(me, Task(False, 5), touched) == covered


@EVERY
def test_every_episode_has_exactly_one_end(id_: str) -> None:
    """Slow and fast robots circle, or head for the goal if they know one."""
    env = make(id_, scenario="forest", difficulty=0.2, time_limit_s=10.0, ground_m2=6)
    ends: Counter[str] = Counter()
    for seed in range(36):
        observation, info = env.reset(seed=seed)
        pace = (1.0, 0.7, 0.2)[seed % 3]
        for _ in range(100):
            assert info["outcome"] == "running", f"seed {seed}"
            ahead, left = observation.get("goal", (1.0, 0.2))
            side = np.arctan2(left, ahead)
            action = np.clip(pace * np.array([1 - side, 1 + side]), -1, 1)
            observation, _, terminated, truncated, info = env.step(action)
            if terminated or truncated:
                break
        assert info["outcome"] in OUTCOMES
        by_time = info["outcome"] == "timeout" or (
            info["outcome"] == "success" and id_ == AVOIDANCE
        )
        assert (terminated, truncated) == (not by_time, by_time), f"seed {seed}: {info}"
        ends[info["outcome"]] += 1
    assert ends.keys() == {"success", "collision", "timeout"}, ends


def test_rewards_are_those_of_the_documentation() -> None:
    env = make(scenario="empty", time_limit_s=2.0, ground_m2=1)
    told = episode(env, np.ones((30, 2)), seed=0, options={"start": (7.5, 7.5, 0.0)})
    ground = 0
    for step, (observation, reward, _, truncated, info) in enumerate(told[1:]):
        fresh, ground = info["ground_m2"] - ground, info["ground_m2"]
        forward = float(observation["velocity"][0]) / 2
        wanted = 0.1 * forward + 0.1 * fresh + 10 * truncated
        assert reward == pytest.approx(wanted, abs=1e-6), f"step {step}"
    assert info["outcome"] == "success"
    env = make(NAVIGATION, scenario="empty")
    options = {"start": (7.5, 7.5, 0.0), "goal": (9.5, 7.5)}
    told = episode(env, np.ones((30, 2)), seed=0, options=options)
    way = [2 - info["path_m"] for *_, info in told]
    for before, after, (_, reward, terminated, _, _) in zip(way, way[1:], told[1:], strict=False):
        assert reward == pytest.approx(0.1 * (before - after) / 0.2 + 10 * terminated, abs=1e-6)
    assert told[-1][4]["outcome"] == "success"
    told = episode(env, np.ones((99, 2)), seed=0, options={**options, "goal": (1.0, 1.0)})
    assert told[-1][4]["outcome"] == "collision"
    assert told[-1][1] < -9


def test_the_least_clearance_is_told_and_is_nothing_after_a_collision() -> None:
    env = make(scenario="empty")
    told = episode(env, np.ones((99, 2)), seed=0, options={"start": (5.0, 7.5, 0.0)})
    clearances = [info["clearance_m"] for *_, info in told]
    assert clearances == sorted(clearances, reverse=True)
    assert clearances[0] == pytest.approx(5 - 0.254)
    assert told[-1][4]["outcome"] == "collision"
    assert clearances[-1] == 0


def test_closing_twice_is_fine() -> None:
    for mode in (None, "rgb_array"):
        env = gym.make(AVOIDANCE, render_mode=mode)
        env.reset(seed=0)
        if mode:
            env.render()
        env.close()
        env.close()
        envs = gym.make_vec(AVOIDANCE, num_envs=2 * ROWS_PER_THREAD)
        envs.reset(seed=0)
        envs.close()
        envs.close()


def test_native_environments_draw_the_pictures_of_single_ones() -> None:
    pictures = []
    for mode in ("vector_entry_point", "sync"):
        envs = gym.make_vec(
            AVOIDANCE, num_envs=2, vectorization_mode=mode, render_mode="rgb_array", **FAULTY
        )
        envs.reset(seed=1)
        pictures.append(envs.render())
        envs.close()
    assert_same(pictures[0], pictures[1], "picture")


# Vectorized environments


def plain(mode: str, autoreset: AutoresetMode) -> dict[str, Any]:
    """Keywords of `make_vec`: where the mode is said depends on who makes the environments."""
    if mode == "vector_entry_point":
        return {"vectorization_mode": mode, "autoreset_mode": autoreset}
    how: dict[str, Any] = {"autoreset_mode": autoreset}
    if mode == "async":
        methods = multiprocessing.get_all_start_methods()
        how["context"] = "forkserver" if "forkserver" in methods else "spawn"
    return {"vectorization_mode": mode, "vector_kwargs": how}


def story(envs: VectorEnv[Any, Any, Any], drive: Any, seed: Any = 5) -> Iterator[Any]:
    """Tell everything that vectorized environments say; reset by hand those that need it."""
    yield copy.deepcopy(envs.reset(seed=seed))
    for action in drive:
        told = envs.step(action)
        yield copy.deepcopy(told)
        ended = told[2] | told[3]
        if envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED and ended.any():
            yield copy.deepcopy(envs.reset(options={"reset_mask": ended}))
    envs.close()


def assert_same_story(one: Iterator[Any], other: Iterator[Any]) -> list[Any]:
    told = []
    for k, pair in enumerate(zip(one, other, strict=True)):
        assert_same(*pair, f"event {k}")
        told.append(pair[0])
    return told


@pytest.mark.parametrize("autoreset", AutoresetMode)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_native_environments_equal_single_ones_bit_for_bit(
    scenario: str, autoreset: AutoresetMode
) -> None:
    ends = 0
    for id_ in IDS:
        options = {"scenario": scenario, "difficulty": 0.9, "time_limit_s": 1.2, **FAULTY}
        stories = [
            story(gym.make_vec(id_, num_envs=4, **options, **plain(mode, autoreset)), drive)
            for mode in ("vector_entry_point", "sync")
            for drive in [actions(4, 30, envs=4)]
        ]
        told = assert_same_story(stories[0], stories[1])
        ends += sum(int((event[2] | event[3]).sum()) for event in told if len(event) == 5)
    assert ends > 10


@pytest.mark.parametrize("kind", KINDS)
def test_native_environments_equal_single_ones_for_every_sensor_and_action(kind: str) -> None:
    options: dict[str, Any] = {"scenario": "rooms", "time_limit_s": 1.0, **KINDS[kind]}
    drive = actions(5, 25, envs=3, discrete=kind == "discrete")
    modes = ("vector_entry_point", "sync")
    both = [plain(mode, AutoresetMode.SAME_STEP) for mode in modes]
    one, other = (gym.make_vec(NAVIGATION, num_envs=3, **options, **how) for how in both)
    for name in ("observation_space", "action_space", "single_observation_space"):
        assert getattr(one, name) == getattr(other, name), name
    assert_same_story(story(one, drive), story(other, drive))


@pytest.mark.parametrize("autoreset", AutoresetMode)
def test_environments_in_processes_equal_the_others_bit_for_bit(autoreset: AutoresetMode) -> None:
    options = {"scenario": "crossing", "time_limit_s": 0.5, **FAULTY}
    drive = actions(6, 8, envs=2)
    stories = [
        story(gym.make_vec(NAVIGATION, num_envs=2, **options, **plain(mode, autoreset)), drive)
        for mode in ("vector_entry_point", "async")
    ]
    told = assert_same_story(stories[0], stories[1])
    assert any((event[2] | event[3]).any() for event in told if len(event) == 5)


def test_infos_of_the_last_step_are_kept_where_an_environment_restarts_at_once() -> None:
    how = plain("vector_entry_point", AutoresetMode.SAME_STEP)
    envs = gym.make_vec(AVOIDANCE, num_envs=2, scenario="empty", time_limit_s=0.2, **how)
    envs.reset(seed=0)
    envs.step(np.zeros((2, 2)))
    observation, _, _, truncated, infos = envs.step(np.ones((2, 2)))
    assert truncated.all()
    assert infos["final_info"]["outcome"].tolist() == ["timeout"] * 2
    assert infos["outcome"].tolist() == ["running"] * 2
    assert [float(last["velocity"][0]) > 0 for last in infos["final_obs"]] == [True, True]
    assert not observation["velocity"].any()


def test_many_environments_in_threads_equal_single_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "cores", lambda: 3)
    count = 3 * ROWS_PER_THREAD + 5
    options = {"scenario": "crossing", "time_limit_s": 1.5, **FAULTY}
    envs = AvoidanceVectorEnv(count, autoreset_mode=AutoresetMode.DISABLED, **options)
    assert envs.batch.pool is not None
    seeds = np.random.default_rng(7).integers(10**6, size=count).tolist()
    drive = actions(7, 15, envs=count)
    observation, _ = envs.reset(seed=seeds)
    singles = [make(**options) for _ in range(count)]
    for i, single in enumerate(singles):
        alone = single.reset(seed=seeds[i])[0]
        assert_same(alone, {key: array[i] for key, array in observation.items()}, f"{i} at start")
    running = np.ones(count, bool)
    for step, action in enumerate(drive):
        observation, reward, terminated, truncated, infos = envs.step(action)
        for i in np.flatnonzero(running).tolist():
            told = singles[i].step(action[i])
            where = f"environment {i} at step {step}"
            assert_same(told[0], {key: array[i] for key, array in observation.items()}, where)
            assert told[1:4] == (reward[i], terminated[i], truncated[i]), where
            assert_same(told[4]["pose"], infos["pose"][i], where)
            assert told[4]["outcome"] == infos["outcome"][i], where
        ended = running & (terminated | truncated)
        running &= ~ended
        if (terminated | truncated).any():
            envs.reset(options={"reset_mask": terminated | truncated})
    assert not running.any()
    envs.close()
    envs.step(drive[0])


def test_threads_restart_what_has_ended_as_one_alone_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that wait for their restart are left out of a step, and the others are still shared."""
    count, stories = 2 * ROWS_PER_THREAD + 9, []
    for cores in (2, 1):
        monkeypatch.setattr(batches, "cores", lambda cores=cores: cores)
        envs = AvoidanceVectorEnv(count, scenario="empty", time_limit_s=1.0, **FAULTY)
        assert (envs.batch.pool is None) == (cores == 1)
        stories.append(list(story(envs, actions(9, 14, envs=count))))
    assert_same(stories[0], stories[1], "with two threads and with one")
    ends = [int((event[2] | event[3]).sum()) for event in stories[0] if len(event) == 5]
    assert sum(0 < ended <= 9 for ended in ends) > 2


def test_a_scene_with_more_obstacles_disturbs_no_other_environment() -> None:
    """The padded arrays grow while the others drive."""
    how = plain("vector_entry_point", AutoresetMode.DISABLED)
    envs = gym.make_vec(AVOIDANCE, num_envs=3, scenario="forest", difficulty=0.0, **FAULTY, **how)
    singles = [make(scenario="forest", difficulty=0.0, **FAULTY) for _ in range(3)]
    mask = np.array([False, True, False])
    envs.reset(seed=0)
    for i in range(3):
        singles[i].reset(seed=i)
    drive = 0.05 * actions(8, 24, envs=3)
    rooms = set()
    for step, action in enumerate(drive):
        if step in (8, 16):
            options = {"difficulty": 1.0 if step == 8 else 0.4}
            envs.reset(options={"reset_mask": mask, **options})
            singles[1].reset(options=options)
        rooms.add(envs.unwrapped.batch.state.discs.shape[1])  # type: ignore[attr-defined]
        observation, reward, terminated, truncated, infos = envs.step(action)
        assert not (terminated | truncated).any(), "drive more slowly"
        for i in range(3):
            told = singles[i].step(action[i])
            where = f"environment {i} at step {step}"
            assert_same(told[0], {key: array[i] for key, array in observation.items()}, where)
            assert told[1] == reward[i], where
            assert told[4]["clearance_m"] == infos["clearance_m"][i], where
    assert rooms == {10, 70}


def test_queued_episodes_are_taken_in_turn_by_whoever_resets_next() -> None:
    queue: list[dict[str, Any]] = [{"seed": 40 + k, "difficulty": k / 6} for k in range(5)]
    queue.append({"seed": 9, "start": (10.0, 10.0, 0.0), "difficulty": 0.0})
    for autoreset in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
        envs = AvoidanceVectorEnv(
            2, autoreset_mode=autoreset, scenario="empty", time_limit_s=0.3, **FAULTY
        )
        envs.reset(seed=0, options={"episodes": queue})
        single = make(scenario="empty", time_limit_s=0.3, **FAULTY)
        starts = [scene.start for scene in envs.batch.scenes if scene]
        for _ in range(12):
            _, _, _, truncated, _ = envs.step(np.zeros((2, 2)))
            if truncated.any():
                if autoreset is AutoresetMode.NEXT_STEP:
                    envs.step(np.zeros((2, 2)))
                starts += [scene.start for scene in envs.batch.scenes if scene]
        for k, asked in enumerate(queue):
            options = {key: value for key, value in asked.items() if key != "seed"}
            single.reset(seed=asked["seed"], options=options)
            assert single.scene.start == starts[k], f"{autoreset}, episode {k}"
        assert len(set(starts)) == len(starts) > len(queue)
    assert queue[0] == {"seed": 40, "difficulty": 0.0}, "the user's own list was changed"


def test_queued_episodes_wait_for_resets_by_hand() -> None:
    envs = AvoidanceVectorEnv(2, autoreset_mode="Disabled", scenario="empty", time_limit_s=0.1)
    queue = [{"start": (3.0 + k, 5.0, 0.0)} for k in range(3)]
    envs.reset(seed=0, options={"episodes": queue})
    envs.step(np.zeros((2, 2)))
    _, infos = envs.reset(options={"reset_mask": np.array([False, True])})
    assert infos["pose"][1].tolist() == [5.0, 5.0, 0.0]


@pytest.mark.parametrize("autoreset", AutoresetMode)
def test_a_limit_on_steps_does_what_the_wrapper_does(autoreset: AutoresetMode) -> None:
    drive = actions(9, 20, envs=3)
    stories = [
        story(
            gym.make_vec(
                AVOIDANCE, num_envs=3, max_episode_steps=4, **FAULTY, **plain(mode, autoreset)
            ),
            drive,
        )
        for mode in ("vector_entry_point", "sync")
    ]
    told = assert_same_story(stories[0], stories[1])
    assert sum(int(event[3].sum()) for event in told if len(event) == 5) >= 9


@pytest.mark.parametrize(
    ("seed", "same"),
    [(11, [11, 12, 13]), ([5, 3, 5], [5, 3, 5]), (np.int64(2), [2, 3, 4])],
    ids=str,
)
def test_each_environment_has_its_own_seed(seed: Any, same: list[int]) -> None:
    observation, infos = gym.make_vec(AVOIDANCE, num_envs=3).reset(seed=seed)
    for i in range(3):
        alone, info = make().reset(seed=same[i])
        assert_same(alone, {key: array[i] for key, array in observation.items()}, f"{i}")
        assert_same(info["pose"], infos["pose"][i], f"{i}")


@pytest.mark.parametrize(
    "mask", [[True, False], np.array([1, 0]), np.array([True]), np.array([False, False])], ids=str
)
def test_a_bad_reset_mask_is_refused_with_a_sentence(mask: Any) -> None:
    envs = gym.make_vec(AVOIDANCE, num_envs=2, autoreset_mode="Disabled")
    envs.reset(seed=0)
    with pytest.raises(ValueError, match=r"allowed is a boolean array of shape \(2,\)"):
        envs.reset(options={"reset_mask": mask})


def test_a_wrong_number_of_seeds_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="1 seeds for 2 environments"):
        AvoidanceVectorEnv(2).reset(seed=[1])


def test_an_ended_environment_must_be_reset_by_hand_where_nobody_else_does() -> None:
    envs = gym.make_vec(AVOIDANCE, num_envs=2, autoreset_mode="Disabled", time_limit_s=0.2)
    envs.reset(seed=0)
    for _ in range(2):
        _, _, _, truncated, _ = envs.step(np.zeros((2, 2)))
    assert truncated.all()
    with pytest.raises(gym.error.ResetNeeded, match=r"\[0, 1\] have ended"):
        envs.step(np.zeros((2, 2)))
    envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(gym.error.ResetNeeded, match=r"\[1\] have ended"):
        envs.step(np.zeros((2, 2)))
    envs.reset(options={"reset_mask": np.array([False, True])})
    envs.step(np.zeros((2, 2)))


@pytest.mark.parametrize("autoreset", AutoresetMode)
def test_native_environments_refuse_a_step_before_the_reset(autoreset: AutoresetMode) -> None:
    envs = gym.make_vec(AVOIDANCE, num_envs=2, autoreset_mode=autoreset)
    with pytest.raises(gym.error.ResetNeeded):
        envs.step(np.zeros((2, 2)))


def test_observations_of_a_batch_are_of_the_space_and_of_the_readers_own() -> None:
    envs = gym.make_vec(NAVIGATION, num_envs=3, time_limit_s=0.5, **FAULTY)
    told = list(story(envs, actions(10, 12, envs=3)))
    for k, (observation, *_) in enumerate(told):
        assert observation in envs.observation_space, f"event {k}"
    envs = gym.make_vec(NAVIGATION, num_envs=3, time_limit_s=0.5, **FAULTY)
    kept = [envs.reset(seed=5)] + [envs.step(action) for action in actions(10, 12, envs=3)]
    assert_same(kept, told, "something changed after it was handed out")


# Late actions


def resting(**options: Any) -> Any:
    """A jackal in the middle of an empty square, at rest."""
    env = make(scenario="empty", difficulty=0.0, **options)
    env.reset(seed=0, options={"start": (8.0, 10.0, 0.4)})
    return env


def test_an_action_in_force_at_once_is_a_plain_action() -> None:
    plainly, scheduled = resting(), resting()
    for action in actions(11, 12):
        scheduled.schedule(0)
        assert_same(scheduled.step(action), plainly.step(action), str(action))


def roll(row: Any, substeps: int, command: tuple[float, float], *, powered: bool = True) -> None:
    """Let the kernel drive so many substeps."""
    row["command_left"], row["command_right"] = command
    for _ in range(substeps):
        world.move_robot(row, ROBOTS["jackal"], 0.01, powered)


LATE: dict[str, dict[str, Any]] = {
    "hold": {"command": (0.5, 1.0)},
    "coast": {"command": (0.5, 1.0), "powered": False},
    "brake": {"command": (0.0, 0.0)},
}


@pytest.mark.parametrize("motors", LATE)
@pytest.mark.parametrize("switch", [0, 1, 4, 9, 10, 25])
@pytest.mark.parametrize("discrete", [False, True])
def test_wheel_commands_change_exactly_when_they_are_due(
    switch: int, motors: str, discrete: bool
) -> None:
    first, second = (1, 6) if discrete else (np.array([0.5, 1.0]), np.array([0.0, 0.0]))
    env = resting(action="discrete") if discrete else resting()
    row = copy.deepcopy(env.batch.state.rows)[0]
    for _ in range(3):
        env.step(first)
        roll(row, 10, (0.5, 1.0))
    env.schedule(switch, motors=motors)
    info = env.step(second)[4]
    roll(row, min(switch, 10), **LATE[motors])
    roll(row, 10 - min(switch, 10), (0.0, 0.0))
    assert info["pose"].tolist() == [row["x"], row["y"], row["heading"]]
    state = env.batch.state.rows[0]
    assert (state["left"], state["right"]) == (row["left"], row["right"])
    env.step(second)  # the schedule was for one step only
    roll(row, 10, (0.0, 0.0))
    assert (state["left"], state["right"]) == (row["left"], row["right"])


def test_another_command_may_be_held_until_the_action_is_due() -> None:
    env = resting()
    row = copy.deepcopy(env.batch.state.rows)[0]
    env.schedule(6, held=np.array([-0.5, 0.5]))
    info = env.step(np.array([1.0, 1.0]))[4]
    roll(row, 6, (-0.5, 0.5))
    roll(row, 4, (1.0, 1.0))
    assert info["pose"].tolist() == [row["x"], row["y"], row["heading"]]


def test_a_held_command_beyond_the_range_counts_as_the_most() -> None:
    beyond, most = resting(), resting()
    for env, command in ((beyond, 7.0), (most, 1.0)):
        for _ in range(5):
            env.schedule(10, held=np.array([command, command]))
            env.step(np.zeros(2))
    assert beyond.batch.state.rows.tobytes() == most.batch.state.rows.tobytes()


def test_a_reset_forgets_what_was_scheduled() -> None:
    env = resting()
    env.schedule(10)
    env.reset(seed=0, options={"start": (8.0, 10.0, 0.4)})
    assert_same(env.step(np.ones(2)), resting().step(np.ones(2)), "after a reset")

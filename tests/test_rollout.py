"""Rollouts: the same episodes as step by step, bit for bit, on a processor and on a GPU."""

import math
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from data_files import nav_worlds
from world_files import cylinder_arrays, polygon_arrays, write_npz

import neurobot
from neurobot.controllers import make_controller, veto
from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.controllers.programs import ROAM, SEEK, Pair
from neurobot.envs.avoidance import AvoidanceEnv
from neurobot.loop import ControllerError, Episode, Observation, Timing, attach, run_episode
from neurobot.poppins import Chip, Poppins
from neurobot.rollout import Arena, rolls
from neurobot.rollout.kernels import LOG

AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
SEEDS = range(7, 10)
PACKAGE = Path(neurobot.__file__).parents[1]  # that other processes import, too
SLOW = "poppins?clock_hz=400000.0"  # some decisions are late


def stepped(
    name: str,
    env_id: str,
    timing: Timing,
    worlds: Sequence[int] | None = None,
    **options: Any,
) -> list[Episode]:
    """Run the same episodes step by step; worlds of a file: by position, or one after the other."""
    env, controller = gym.make(env_id, **options), make_controller(name)
    attach(controller, env)
    count = env.unwrapped.batch.worlds.count  # type: ignore[attr-defined]
    if worlds is None and count:
        worlds = [i % count for i in range(len(SEEDS))]
    return [
        run_episode(env, controller, seed, timing, {"world": worlds[i]} if worlds else None)
        for i, seed in enumerate(SEEDS)
    ]


CASES: list[tuple[str, str, Timing, dict[str, Any]]] = [
    ("poppins", AVOIDANCE, Timing(), {}),
    ("poppins", NAVIGATION, Timing(), {"scenario": "barn"}),
    ("poppins", NAVIGATION, Timing(), {"noise": 0.05, "dropout": 0.1, "dead_beams": (3,)}),
    ("poppins", AVOIDANCE, Timing(), {"scenario": "looming", "robot": "turtlebot2"}),
    ("poppins", AVOIDANCE, Timing(instant=True), {"scenario": "crossing", "beams": 17}),
    ("poppins", AVOIDANCE, Timing(clock_hz=3e5), {"scenario": "corridor"}),
    (SLOW, NAVIGATION, Timing(late="coast"), {}),
    ("poppins", AVOIDANCE, Timing(delay_s=0.05), {}),
    (SLOW, AVOIDANCE, Timing(late="brake", delay_s=0.07), {"scenario": "looming"}),
    (SLOW, NAVIGATION, Timing(late="brake"), {"control_period_s": 0.05, "substep_s": 0.005}),
    ("poppins?current_bits=20", NAVIGATION, Timing(), {}),  # 32-bit lanes
    ("poppins?current_bits=10&wraps=true&lanes=4", AVOIDANCE, Timing(), {}),
]


@pytest.mark.parametrize(("name", "env_id", "timing", "options"), CASES)
def test_an_episode_is_the_same_as_step_by_step(
    name: str, env_id: str, timing: Timing, options: dict[str, Any]
) -> None:
    limited = {"time_limit_s": 12.0, **options}
    arena = Arena(env_id, SEEDS, timing=timing, **limited)
    rolled = arena.run(arena.brain(name))
    assert rolled == stepped(name, env_id, timing, **limited)
    assert len({episode.trajectory_sha256 for episode in rolled}) == len(SEEDS)


def tiny_cylinders(folder: Path) -> str:
    in_the_way = np.array([[0.1, 3], [3, 2], [-0.3, 4]], np.float32)
    return write_npz(folder / "cylinders.npz", {**cylinder_arrays(), "cyl_xy": in_the_way})


def tiny_polygons(folder: Path) -> str:
    arrays = {**polygon_arrays(), "start": np.array([[0.0, 0.0, 0.5], [7.0, 2.0, 1.0]])}
    return write_npz(folder / "polygons.npz", arrays)


def last_two_cylinder_worlds(folder: Path) -> str:
    return f"{tiny_cylinders(folder)}#1-2"


def barn(folder: Path) -> str:
    return str(nav_worlds() / "barn_worlds.npz")


@pytest.mark.parametrize("write", [tiny_cylinders, tiny_polygons, last_two_cylinder_worlds, barn])
def test_the_worlds_of_a_file_are_driven_one_after_the_other(
    write: Callable[[Path], str], tmp_path: Path
) -> None:
    options: dict[str, Any] = {"scenario": write(tmp_path), "time_limit_s": 12.0}
    arena = Arena(NAVIGATION, SEEDS, **options)
    rolled = arena.run(arena.brain())
    wanted = stepped("poppins", NAVIGATION, Timing(), **options)
    assert rolled == wanted
    assert len({episode.trajectory_sha256 for episode in rolled}) >= 2, "worlds differ"
    records = neurobot.evaluate(
        "poppins", env=NAVIGATION, episodes=len(SEEDS), seed=SEEDS[0], **options
    )
    assert [record.trajectory_sha256 for record in records] == [
        episode.trajectory_sha256 for episode in wanted
    ]
    chosen = Arena(NAVIGATION, SEEDS, worlds=[1, 1, 0], **options)
    wanted = stepped("poppins", NAVIGATION, Timing(), [1, 1, 0], **options)
    assert chosen.run(chosen.brain()) == wanted != rolled


def test_slow_chips_are_late_in_these_cases() -> None:
    arena = Arena(NAVIGATION, SEEDS, timing=Timing(late="coast"))
    episodes = arena.run(arena.brain(SLOW))
    assert 0 < sum(e.late_decisions for e in episodes) < sum(e.decisions for e in episodes)


def test_evaluate_gives_the_records_of_steps() -> None:
    records = neurobot.evaluate("poppins", env=NAVIGATION, episodes=3, seed=SEEDS[0])
    wanted = stepped("poppins", NAVIGATION, Timing(), scenario="forest")
    for record, episode in zip(records, wanted, strict=True):
        assert {name: getattr(record, name) for name in vars(episode)} == vars(episode)


def brains(arena: Arena) -> list[Brain]:
    """Make brains that differ in weights, drives, thresholds and zones."""
    slow = replace(SEEK, wiring=replace(SEEK.wiring, threshold=200, drive=30))
    bold = replace(ROAM, near_m=(0.1, 0.6), cruise=0.5)
    return [Brain(program, Chip(), arena.body) for program in (SEEK, ROAM, slow, bold)]


def test_every_brain_of_a_population_drives_as_it_does_alone() -> None:
    arena = Arena(NAVIGATION, range(5), time_limit_s=15.0)
    population = brains(arena)
    together = arena.drive(population, threads=1)
    assert together.shape == (4, 5)
    for k, brain in enumerate(population):
        np.testing.assert_array_equal(arena.drive([brain], threads=1)[0], together[k])
    assert len(np.unique(together["path_m"])) == 20


def test_neither_threads_nor_the_order_of_worlds_change_a_bit() -> None:
    arena = Arena(AVOIDANCE, range(6), time_limit_s=10.0)
    population = brains(arena)
    one = arena.drive(population, threads=1)
    np.testing.assert_array_equal(arena.drive(population, threads=3), one)
    np.testing.assert_array_equal(arena.drive(population), one)
    backwards = arena.drive(population, np.arange(6)[::-1], threads=2)
    np.testing.assert_array_equal(backwards[:, ::-1], one)


def test_brains_in_lanes_of_different_widths_drive_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Vetoes of 16 bits, whose sums no lane of 16 bits holds, beside the usual ones."""
    arena, build = Arena(NAVIGATION, SEEDS, time_limit_s=8.0), veto.build
    name = "poppins?weight_bits=16"

    def build_strong(*arguments: Any) -> Poppins:
        network = build(*arguments)
        return replace(network, forward=300 * np.asarray(network.forward))

    narrow = arena.brain(name)
    monkeypatch.setattr(veto, "build", build_strong)
    wide = arena.brain(name)
    kinds = [brain.mind.silicon.weights.dtype for brain in (narrow, wide)]
    assert kinds == [np.int16, np.int32]
    assert arena.run(wide) == stepped(name, NAVIGATION, Timing(), time_limit_s=8.0)
    alone = [arena.drive([brain], threads=1)[0] for brain in (narrow, wide)]
    assert (alone[0]["path_m"] != alone[1]["path_m"]).all(), "the weights make a difference"
    for order in ([0, 1], [1, 0], [0, 1, 0]):
        population = [(narrow, wide)[k] for k in order]
        together = arena.drive(population, threads=1)
        for k, logs in zip(order, together, strict=True):
            np.testing.assert_array_equal(logs, alone[k], f"brain {k} among {order}")


class Rude(PoppinsController):
    """A controller that acts in a way of its own."""

    def act(self, observation: Observation) -> Any:
        """Turn back what the chip says."""
        return -super().act(observation)


class Hasty(PoppinsController):
    """One whose clock is not its chip's."""

    def __init__(self) -> None:
        super().__init__()
        self.clock_hz = 2e5


class Aimless(PoppinsController):
    """One that chooses its program in a way of its own."""

    def brain_for(self, seeking: bool) -> Brain:
        """Roam, whatever there is to seek."""
        return super().brain_for(False)


class Timid(Brain):
    """A brain that takes all goals for behind it."""

    def think(self, range_m: Any, goal: Any) -> Any:
        """Turn the goal round."""
        return super().think(range_m, -goal)


class Shy(PoppinsController):
    """One whose brains think in a way of their own."""

    def attach(self, body: Any) -> None:
        """Take other brains."""
        super().attach(body)
        self.brains = [Timid(program, self.chip, body) for program in (ROAM, SEEK)]


class Same(PoppinsController):
    """One that changes nothing, which nobody can know."""


class Windy(AvoidanceEnv):
    """An environment with a step of its own: the left wheel slips."""

    has_goal = True

    def step(self, action: Any) -> Any:
        """Lose half of the left wheel's command."""
        return super().step(np.asarray(action) * np.array([0.5, 1.0], np.float32))


WINDY = "tests/Windy-v0"


@pytest.fixture
def windy() -> Any:
    gym.register(WINDY, Windy)
    yield WINDY
    del gym.registry[WINDY]


def test_only_what_an_arena_computes_rolls(windy: str) -> None:
    for env_id in (AVOIDANCE, NAVIGATION):
        env = gym.make(env_id)
        assert rolls(PoppinsController(), env)
        assert rolls(PoppinsController(), gym.make(env_id, disable_env_checker=True))
        assert rolls(PoppinsController(), env.unwrapped), "bare"
        for kind in (Rude, Hasty, Aimless, Shy, Same):
            assert not rolls(kind(), env), kind
        assert not rolls(make_controller("vfh"), env)
        assert not rolls(PoppinsController(), gym.make(env_id, action="discrete"))
        assert not rolls(PoppinsController(), gym.make(env_id, max_episode_steps=5))
        assert not rolls(PoppinsController(), gym.wrappers.ClipAction(env))
    assert not rolls(PoppinsController(), gym.make(windy))
    assert not rolls(PoppinsController(), gym.make("CartPole-v1"))


def test_time_limits_whose_trajectories_do_not_fit_are_stepped() -> None:
    steps: dict[str, Any] = {"control_period_s": 1e-4, "substep_s": 1e-4}
    assert rolls(PoppinsController(), gym.make(NAVIGATION, time_limit_s=10.0, **steps))
    for env_id in (AVOIDANCE, NAVIGATION):
        endless = gym.make(env_id, time_limit_s=1e6, **steps)
        assert not rolls(PoppinsController(), endless)
        with pytest.raises(ValueError, match=r"time_limit_s=1000000\.0: too long"):
            Arena(endless, [1])


def evaluated(name: str, env_id: str, **options: Any) -> list[Episode]:
    """Return what `evaluate` says of the same episodes as `stepped`, without what they were."""
    records = neurobot.evaluate(name, env=env_id, episodes=len(SEEDS), seed=SEEDS[0], **options)
    names = Episode.__dataclass_fields__
    return [Episode(**{name: getattr(record, name) for name in names}) for record in records]


@pytest.mark.parametrize("kind", [Rude, Hasty, Aimless, Shy, Same])
def test_evaluate_steps_controllers_with_ways_of_their_own(kind: type[Any]) -> None:
    name = f"{__name__}:{kind.__name__}"
    found = evaluated(name, NAVIGATION, time_limit_s=6.0)
    assert found == stepped(name, NAVIGATION, Timing(), time_limit_s=6.0)
    usual = evaluated("poppins", NAVIGATION, time_limit_s=6.0)
    assert (found == usual) == (kind is Same), "the way of its own makes a difference"


def test_evaluate_steps_environments_with_ways_of_their_own(windy: str) -> None:
    found = evaluated("poppins", windy, time_limit_s=6.0)
    assert found == stepped("poppins", windy, Timing(), time_limit_s=6.0)
    assert found != evaluated("poppins", NAVIGATION, time_limit_s=6.0)


def test_evaluate_obeys_a_limit_of_steps() -> None:
    for env_id in (AVOIDANCE, NAVIGATION):
        found = evaluated("poppins", env_id, max_episode_steps=5)
        assert found == stepped("poppins", env_id, Timing(), max_episode_steps=5)
        assert [(e.outcome, e.decisions) for e in found] == [("running", 5)] * len(SEEDS)


NO_ENV_OF_OURS = "found, one of neurobot's environments without wrappers needed"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((NAVIGATION, []), "seeds: none found, one or more needed"),
        (("CartPole-v1", [1]), f"env: .*CartPole-v1.* {NO_ENV_OF_OURS}"),
    ],
)
def test_bad_arenas_are_refused(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Arena(*arguments)


def test_environments_that_are_not_only_ours_are_refused(windy: str) -> None:
    with pytest.raises(ValueError, match=f"env: .*TimeLimit.* {NO_ENV_OF_OURS}"):
        Arena(NAVIGATION, [1], max_episode_steps=5)
    with pytest.raises(ValueError, match=f"env: .*Windy.* {NO_ENV_OF_OURS}"):
        Arena(windy, [1])
    with pytest.raises(ValueError, match="time_limit_s, noise: options go with the id"):
        Arena(gym.make(NAVIGATION), [1], time_limit_s=3.0, noise=0.1)


def test_an_arena_of_an_environment_is_that_of_its_id() -> None:
    arenas = [
        Arena(NAVIGATION, SEEDS, time_limit_s=4.0, scenario="rooms"),
        Arena(gym.make(NAVIGATION, time_limit_s=4.0, scenario="rooms"), SEEDS),
        Arena(gym.make(NAVIGATION, time_limit_s=4.0, scenario="rooms").unwrapped, SEEDS),
    ]
    runs = [arena.run(arena.brain()) for arena in arenas]
    assert runs[0] == runs[1] == runs[2]


@pytest.fixture(scope="module")
def short() -> Arena:
    return Arena(NAVIGATION, range(5), time_limit_s=2.0)


@pytest.mark.parametrize(
    ("chosen", "positions"),
    [
        ([3], [3]),
        ([4, 0, 4], [4, 0, 4]),
        ([-1, -5, 2], [4, 0, 2]),
        (np.array([-2]), [3]),
        (np.arange(5, dtype=np.int32)[::-2], [4, 2, 0]),
        (np.array([True, False, False, True, True]), [0, 3, 4]),
        ([False, True, False, False, False], [1]),
        (np.zeros(5, np.bool_), []),
        (np.zeros(0, np.int64), []),
        ([], []),
    ],
)
def test_worlds_are_chosen_by_position_or_by_mask(
    short: Arena, chosen: Any, positions: list[int]
) -> None:
    population = brains(short)[:2]
    everywhere = short.drive(population, threads=1)
    courses = np.full((2 * len(positions), 21, 5), np.nan)
    found = short.drive(population, chosen, courses=courses)
    assert found.shape == (2, len(positions))
    assert found.dtype == LOG
    starts = short.batch.state.rows
    for k in range(2):
        for i, w in enumerate(positions):
            assert found[k, i].tobytes() == everywhere[k, w].tobytes(), (k, w)
            x, _, heading, gap_m, _ = courses[k * len(positions) + i, 0]
            assert (x, heading) == (starts["x"][w], starts["heading"][w])
            assert gap_m == starts["gap"][w]


@pytest.mark.parametrize("chosen", [[5], [0, -6], [1 << 40], [True] * 4, [0.5], [[7]]])
def test_worlds_that_are_not_there_are_refused(short: Arena, chosen: Any) -> None:
    with pytest.raises((IndexError, ValueError)):
        short.drive(brains(short)[:1], chosen, threads=1)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((4, 30, 5), "float64"),
        ((11, 30, 5), "float64"),
        ((10, 30, 3), "float64"),
        ((10, 150), "float64"),
        ((10, 30, 5), "float32"),
        ((2, 5, 30, 5), "float64"),
    ],
)
def test_courses_without_room_are_refused(short: Arena, shape: tuple[int, ...], kind: str) -> None:
    needed = r"float64 \(10, steps, 5\) needed"
    sentence = rf"^courses: {kind} of shape {re.escape(str(shape))} found, {needed}$"
    with pytest.raises(ValueError, match=sentence):
        short.drive(brains(short)[:2], courses=np.zeros(shape, kind))


def test_courses_are_kept_as_far_as_there_is_room(short: Arena) -> None:
    brain = brains(short)[:1]
    whole, part, none = (np.full((5, steps, 5), np.nan) for steps in (21, 8, 0))
    logs = [short.drive(brain, courses=each).tobytes() for each in (whole, part, none)]
    assert logs == [short.drive(brain).tobytes()] * 3
    assert np.isfinite(part[..., :4]).all()
    np.testing.assert_array_equal(whole[:, :8], part)


def test_brains_made_for_other_beams_are_refused(short: Arena) -> None:
    narrow = Arena(NAVIGATION, [1], beams=9)
    sentence = r"^brains\[1\] was made for 9 beams, 72 needed$"
    with pytest.raises(ValueError, match=sentence):
        short.drive([short.brain(), narrow.brain()])


def test_wheel_commands_that_are_not_finite_are_refused() -> None:
    endless = replace(SEEK, turn_gain=math.inf)
    env, controller = gym.make(NAVIGATION, scenario="empty"), PoppinsController()
    controller.programs = Pair(ROAM, endless)
    attach(controller, env)
    with pytest.raises(ControllerError, match=r"PoppinsController: action .* is not finite"):
        run_episode(env, controller, 3)
    arena = Arena(NAVIGATION, range(3), scenario="empty", time_limit_s=20.0)
    for threads in (1, 2):
        with pytest.raises(ValueError, match="wheel commands that are not finite"):
            arena.drive([Brain(SEEK, Chip(), arena.body), controller.brain], threads=threads)


FAILURE = """
from neurobot import rollout
def fail(*arguments):
    raise ZeroDivisionError("in a worker")
rollout.episodes = fail
arena = rollout.Arena("neurobot/Navigation-v0", range(20), time_limit_s=1.0)
try:
    arena.drive([arena.brain()], threads=2)
except ZeroDivisionError as error:
    print(error)
"""


def test_what_goes_wrong_in_a_thread_is_said_and_does_not_hang() -> None:
    assert run_python(FAILURE) == "in a worker\n"


def test_trajectories_are_hashed_a_few_at_a_time(
    short: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = short.run(short.brain())
    monkeypatch.setattr("neurobot.rollout.COURSE_BYTES", 2 * 40 * 23)
    assert short.run(short.brain()) == at_once


def test_discrete_actions_and_unlike_chips_are_refused() -> None:
    with pytest.raises(ValueError, match="action: 'discrete' found, 'continuous' needed"):
        Arena(NAVIGATION, [1], action="discrete")
    arena = Arena(NAVIGATION, [1])
    with pytest.raises(ValueError, match="controller 'vfh' is no spiking one"):
        arena.brain("vfh")
    with pytest.raises(ValueError, match="brains: none found"):
        arena.drive([])
    unlike = [Brain(SEEK, Chip(current_bits=bits), arena.body) for bits in (16, 10)]
    with pytest.raises(ValueError, match=r"brains\[1\] has .* equal chips needed"):
        arena.drive(unlike)


def run_python(code: str, **variables: str) -> str:
    """Run code in another process on the same package; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(PACKAGE), **variables},
        cwd=Path(__file__).parent,
        timeout=120,
    )
    assert not done.returncode, done.stderr[-2000:]
    return done.stdout


SIMULATION = """
import warnings
warnings.simplefilter("ignore")  # NumPy warns where a kernel wraps around
from pathlib import Path
import numpy as np
import neurobot
from neurobot.controllers import make_controller
from neurobot.rollout import Arena
arena = Arena("neurobot/Navigation-v0", [3, 4], scenario="crossing", beams=8, time_limit_s=0.1)
controller = make_controller("poppins?lanes=3")
controller.attach(arena.body)
brain = controller.brain_for(True)
here, there = np.zeros((2, 2, 5)), np.zeros((2, 2, 5))
logs = arena.drive([brain], courses=here)
assert (logs["decisions"] == 1).all() and logs["totals"][..., :6].all()
assert (logs == arena.drive([brain], courses=there, gpu=True)).all()
np.testing.assert_array_equal(here, there)
assert here.any()
print("equal", Path(neurobot.__file__).parents[1])
"""


def test_a_simulated_gpu_gives_the_same_bits() -> None:
    """One decision in two worlds: the simulator takes seconds for each."""
    assert run_python(SIMULATION, NUMBA_ENABLE_CUDASIM="1") == f"equal {PACKAGE}\n"

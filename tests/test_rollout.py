"""Rollouts: the same episodes as step by step, bit for bit, on a processor and on a GPU."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import neurobot
from neurobot.controllers import make_controller
from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.controllers.programs import ROAM, SEEK
from neurobot.loop import Episode, Observation, Timing, attach, run_episode
from neurobot.poppins import Chip
from neurobot.rollout import Arena, rolls

AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
SEEDS = range(7, 10)
SLOW = "poppins?clock_hz=400000.0"  # some decisions are late


def stepped(name: str, env_id: str, timing: Timing, **options: Any) -> list[Episode]:
    """Run the same episodes step by step."""
    env, controller = gym.make(env_id, **options), make_controller(name)
    attach(controller, env)
    return [run_episode(env, controller, seed, timing) for seed in SEEDS]


CASES: list[tuple[str, str, Timing, dict[str, Any]]] = [
    ("poppins", AVOIDANCE, Timing(), {}),
    ("poppins", NAVIGATION, Timing(), {"scenario": "barn"}),
    ("poppins", NAVIGATION, Timing(), {"noise": 0.05, "dropout": 0.1, "dead_beams": (3,)}),
    ("poppins", AVOIDANCE, Timing(), {"scenario": "looming", "robot": "turtlebot2"}),
    ("poppins", AVOIDANCE, Timing(instant=True), {"scenario": "crossing", "beams": 17}),
    ("poppins", AVOIDANCE, Timing(clock_hz=3e5), {"scenario": "corridor"}),
    (SLOW, NAVIGATION, Timing(late="coast"), {}),
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


def test_brains_in_lanes_of_different_widths_drive_together() -> None:
    arena = Arena(NAVIGATION, range(2), time_limit_s=5.0)
    strong = replace(SEEK, wiring=replace(SEEK.wiring, near_veto=127.0, near_cone=4.0))
    chip = Chip(weight_bits=8)
    narrow, wide = (Brain(program, chip, arena.body) for program in (SEEK, strong))
    wide_silicon = wide.mind.silicon
    wide.mind = wide.mind._replace(
        silicon=wide_silicon._replace(
            cells=wide_silicon.cells.astype(np.int32), weights=wide_silicon.weights.astype(np.int32)
        )
    )
    together = arena.drive([narrow, wide], threads=1)
    np.testing.assert_array_equal(together[0], arena.drive([narrow], threads=1)[0])


class Rude(PoppinsController):
    """A controller that acts in a way of its own."""

    def act(self, observation: Observation) -> Any:
        """Turn back what the chip says."""
        return -super().act(observation)


def test_only_what_an_arena_computes_rolls() -> None:
    env = gym.make(NAVIGATION)
    assert rolls(PoppinsController(), env)
    assert not rolls(Rude(), env)
    assert not rolls(make_controller("vfh"), env)
    assert not rolls(PoppinsController(), gym.make(NAVIGATION, action="discrete"))
    assert not rolls(PoppinsController(), gym.make("CartPole-v1"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((NAVIGATION, []), "seeds: none found, one or more needed"),
        (("CartPole-v1", [1]), "env: CartPole-v1 has no worlds of ours"),
    ],
)
def test_bad_arenas_are_refused(arguments: tuple[Any, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Arena(*arguments)


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


SIMULATION = """
import warnings
warnings.simplefilter("ignore")  # NumPy warns where a kernel wraps around
import numpy as np
from neurobot.controllers import make_controller
from neurobot.rollout import Arena
arena = Arena("neurobot/Navigation-v0", [3, 4], scenario="crossing", beams=8, time_limit_s=0.1)
controller = make_controller("poppins?lanes=3")
controller.attach(arena.body)
brain = controller.brain_for(True)
here, there = np.zeros((2, 2, 3)), np.zeros((2, 2, 3))
logs = arena.drive([brain], poses=here)
assert (logs["decisions"] == 1).all() and logs["totals"][..., :6].all()
assert (logs == arena.drive([brain], poses=there, gpu=True)).all()
assert here.any() and (here == there).all()
print("equal")
"""


def test_a_simulated_gpu_gives_the_same_bits() -> None:
    """One decision in two worlds: the simulator takes seconds for each."""
    environment = {"NUMBA_ENABLE_CUDASIM": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", SIMULATION],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parent,
    )
    assert done.stdout == "equal\n", done.stderr[-2000:]

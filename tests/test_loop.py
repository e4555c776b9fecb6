"""The closed loop: when decisions begin, when they are in force, what happens meanwhile."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from neurobot.events import Events
from neurobot.loop import ControllerError, Episode, Timing, attach, run_episode, run_guarded
from neurobot.trace import unpack

SUBSTEPS = 10  # of 10 ms in a control step of 100 ms


class Metronome:
    """Alternate between two actions; each decision takes the cycles of the next row of a list."""

    clock_hz = 1000.0  # a cycle is a millisecond

    def __init__(self, *latencies_ms: int) -> None:
        self.latencies_ms = latencies_ms

    def reset(self, seed: int) -> None:
        self.calls = 0
        self.seen: list[float] = []

    def act(self, observation: dict[str, Any]) -> np.ndarray[Any, Any]:
        self.events = Events(cycles=self.latencies_ms[self.calls % len(self.latencies_ms)])
        self.calls += 1
        self.seen.append(float(observation["velocity"][0]))
        return np.array([0.5, 0.5] if self.calls % 2 else [0.0, 0.3], np.float32)


def make(**options: Any) -> Any:
    return gym.make("neurobot/Avoidance-v0", scenario="empty", time_limit_s=2.0, **options)


def commands(controller: Any, timing: Timing) -> list[tuple[float, float]]:
    """The wheel command in force at each physics substep of an episode."""
    env = make()
    world = env.unwrapped
    played: list[tuple[float, float]] = []
    step = world.batch.step

    def spy(action: Any) -> None:
        switch, powered = int(world.batch.at_once[0]), bool(world.batch.powered[0])
        row = world.batch.state.rows[0]
        before = (float(row["command_left"]), float(row["command_right"])) if powered else (-9, -9)
        after = (float(action[0, 0]), float(action[0, 1]))
        played.extend([before] * min(switch, SUBSTEPS) + [after] * max(SUBSTEPS - switch, 0))
        step(action)

    world.batch.step = spy
    attach(controller, env)
    run_episode(env, controller, 3, timing)
    return played


A, B, REST = (0.5, 0.5), (0.0, float(np.float32(0.3))), (0.0, 0.0)


def test_zero_latency_equals_the_plain_environment_bit_for_bit() -> None:
    for timing in (Timing(), Timing(instant=True)):
        controller = Metronome(0 if not timing.instant else 777)
        env = make()
        episode = run_episode(env, controller, 5, timing)
        plain = make()
        observation, _ = plain.reset(seed=5)
        controller.reset(5)
        total, steps, ended = 0.0, 0, False
        while not ended:
            observation, reward, terminated, truncated, info = plain.step(
                controller.act(observation)
            )
            total, steps, ended = total + reward, steps + 1, terminated or truncated
        assert (episode.reward, episode.path_m) == (total, info["path_m"])
        assert episode.decisions == steps
        assert episode.outcome == info["outcome"]


def test_a_decision_comes_into_force_at_the_next_substep_after_its_latency() -> None:
    played = commands(Metronome(31, 30), Timing())
    assert played[:4] == [REST] * 4  # 31 ms end within the fourth substep
    assert played[4:10] == [A] * 6
    assert played[10:13] == [A] * 3
    assert played[13:20] == [B] * 7


def test_no_decision_begins_while_one_is_being_computed() -> None:
    controller = Metronome(250)
    played = commands(controller, Timing())
    assert controller.calls == 7  # at 0, 0.3, ..., 1.8 s of 2 s
    assert played[:25] == [REST] * 25
    assert played[25:55] == [A] * 30
    assert played[55:85] == [B] * 30


def test_a_latency_of_exactly_one_step_is_not_late_and_delays_by_one_step() -> None:
    controller = Metronome(100)
    played = commands(controller, Timing())
    assert controller.calls == 20
    assert played[:30] == [REST] * 10 + [A] * 10 + [B] * 10


@pytest.mark.parametrize(("late", "waiting"), [("hold", A), ("brake", REST), ("coast", (-9, -9))])
def test_a_late_decision_holds_coasts_or_brakes_from_its_deadline_on(
    late: str, waiting: tuple[float, float]
) -> None:
    played = commands(Metronome(0, 150), Timing(late=late))
    assert played[:10] == [A] * 10  # no latency
    assert played[10:20] == [A] * 10  # not late yet
    assert played[20:25] == [waiting] * 5
    assert played[25:30] == [B] * 5


def test_the_clock_scales_the_latency() -> None:
    def run(clock_hz: float) -> Episode:
        env = make()
        return run_episode(env, Metronome(80), 1, Timing(clock_hz=clock_hz))

    slow, fast = run(500.0), run(2000.0)
    assert slow.latency_max_s == pytest.approx(0.16)
    assert fast.latency_max_s == pytest.approx(0.04)
    assert slow.late_decisions == slow.decisions == 10
    assert (fast.late_decisions, fast.decisions) == (0, 20)


@pytest.mark.parametrize("latency_ms", [0, 20, 60, 130])
def test_a_delay_of_the_wheels_comes_on_top_of_the_latency_and_is_not_the_brains(
    latency_ms: int,
) -> None:
    direct = commands(Metronome(latency_ms + 50), Timing())
    assert commands(Metronome(latency_ms), Timing(delay_s=0.05)) == direct
    assert commands(Metronome(latency_ms), Timing()) != direct
    episode = run_episode(make(), Metronome(latency_ms), 1, Timing(delay_s=0.05))
    assert episode.latency_max_s == latency_ms / 1000


def test_the_trace_keeps_each_latency_and_the_path() -> None:
    episode = run_episode(make(), Metronome(30, 150), 1)
    trace = unpack(episode.trace)
    assert len(trace.latency_s) == episode.decisions
    wanted = np.array([0.03, 0.15, 0.03], np.float32)
    np.testing.assert_array_equal(trace.latency_s[:3], wanted)
    driven_m = np.hypot(*np.diff(trace.path_m, axis=0).T).sum()
    assert driven_m == pytest.approx(episode.path_m, abs=0.1)  # 20 steps, each to the centimetre
    assert len(trace.path_m) == 21


class Faulty(Metronome):
    """Does something wrong in a decision, or before the first one."""

    def __init__(self, when: int, what: Callable[[], Any]) -> None:
        super().__init__(0)
        self.when, self.what = when, what

    def reset(self, seed: int) -> None:
        super().reset(seed)
        if not self.when:
            self.what()

    def act(self, observation: dict[str, Any]) -> Any:
        action = super().act(observation)
        return self.what() if self.calls == self.when else action


def divide() -> float:
    return 1 / 0


@pytest.mark.parametrize(
    ("when", "what", "sentence"),
    [
        (0, divide, "raised ZeroDivisionError: division by zero"),
        (1, divide, "raised ZeroDivisionError: division by zero"),
        (8, divide, "raised ZeroDivisionError: division by zero"),
        (2, lambda: [0.1, float("nan")], "action [[0.1, nan]] is not finite"),
        (3, lambda: np.zeros(3), "action: shape (3,) found, two wheel commands needed"),
        (3, lambda: None, "action: shape () found, two wheel commands needed"),
        (4, lambda: "left", "could not convert string to float"),
        (4, lambda: [[1.0], [2.0, 3.0]], "setting an array element with a sequence"),
    ],
)
def test_what_a_brain_does_wrong_ends_its_episode_with_a_reason(
    when: int, what: Callable[[], Any], sentence: str
) -> None:
    env = make()
    episode = run_guarded(env, Faulty(when, what), 1)
    assert episode.outcome == "fault"
    assert episode.fault is not None
    assert ":Faulty" in episode.fault
    assert sentence in episode.fault, episode.fault
    assert episode.duration_s == pytest.approx(0.1 * max(when - 1, 0))
    assert len(unpack(episode.trace).path_m) == max(when, 1)
    assert run_guarded(env, Metronome(0), 1) == run_episode(make(), Metronome(0), 1)


def test_events_are_added_over_the_decisions_of_an_episode() -> None:
    episode = run_episode(make(), Metronome(10, 20), 1)
    assert episode.events == Events(cycles=10 * 10 + 10 * 20)


def test_a_controller_without_events_takes_no_time_and_costs_nothing() -> None:
    class Plain:
        def reset(self, seed: int) -> None: ...

        def act(self, observation: Any) -> list[float]:
            return [0.2, 0.2]

    episode = run_episode(make(), Plain(), 1)
    assert episode.events is None
    assert episode.latency_max_s == 0.0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"late": "panic"}, "late: unknown 'panic'; known: hold, coast, brake"),
        ({"clock_hz": 0.0}, "clock_hz=0.0 must be above 0"),
        ({"clock_hz": -1.0}, "clock_hz=-1.0 must be above 0"),
        ({"clock_hz": float("nan")}, "clock_hz=nan must be above 0"),
        ({"delay_s": -0.1}, "delay_s=-0.1 must be 0 or more"),
        ({"delay_s": float("inf")}, "delay_s=inf must be 0 or more"),
    ],
)
def test_timing_refuses_what_makes_no_sense(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Timing(**wrong)


def test_an_environment_that_cannot_delay_actions_is_refused() -> None:
    with pytest.raises(ValueError, match="CartPole-v1 cannot delay actions"):
        attach(Metronome(0), gym.make("CartPole-v1"))


class Miscounting(Metronome):
    """Says in words what a decision took."""

    def act(self, observation: dict[str, Any]) -> np.ndarray[Any, Any]:
        action = super().act(observation)
        self.events: Any = "many"
        return action


def test_events_of_another_kind_are_refused_in_one_sentence() -> None:
    with pytest.raises(ControllerError, match=r"events: str found, neurobot\.events"):
        run_episode(make(), Miscounting(10), 1)

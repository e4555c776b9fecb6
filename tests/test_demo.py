"""What a session shows is what an evaluation computes: the episode, its decisions, their price."""

import math
from collections import Counter
from collections.abc import Iterator
from statistics import mean
from typing import NamedTuple

import numpy as np
import pytest
from data_files import nav_worlds
from demos import AVOIDANCE, NAVIGATION, bare, begin, evaluated, finish, play
from naive import naive_winner

from neurobot.controllers import veto
from neurobot.cost import COST_TABLES
from neurobot.demo.meters import Reading
from neurobot.demo.moments import blend_discs, blend_row
from neurobot.demo.session import Session
from neurobot.demo.thoughts import HALF_STRENGTH, Layers, Scan, Spikes, strengths
from neurobot.demo.votes import verdict
from neurobot.envs.world import ROW
from neurobot.loop import Timing

SLOW = Timing(clock_hz=1e5)  # decisions take several control steps
CASES = [
    ("poppins", NAVIGATION, Timing()),
    ("poppins", AVOIDANCE, Timing()),
    ("poppins", NAVIGATION, SLOW),
    ("poppins", AVOIDANCE, Timing(clock_hz=3e5, late="coast")),
    ("poppins", AVOIDANCE, Timing(clock_hz=3e5, late="brake")),
    ("poppins", NAVIGATION, Timing(instant=True)),
    ("vfh", NAVIGATION, Timing()),
    ("camera", NAVIGATION, Timing()),
    ("random", AVOIDANCE, Timing()),
]


@pytest.mark.parametrize(("controller", "env", "timing"), CASES)
def test_an_untouched_episode_is_the_evaluated_one_at_any_pace(
    controller: str, env: str, timing: Timing
) -> None:
    for fps, speed in ((7, 8.0), (30, 1.0), (60, 1 / 8), (144, 0.3)):
        session = begin(controller, env=env, timing=timing, time_limit_s=20.0)
        while not session.over:
            session.advance(speed / fps)
        assert session.episode() == bare(evaluated(session)[0]), (fps, speed)
        assert not session.touched


@pytest.mark.parametrize("controller", ["poppins", "camera", "vfh"])
def test_painting_changes_nothing(controller: str) -> None:
    session = begin(controller, noise=0.02, dropout=0.05)
    player = play(session, goes_on=False, speed=2.0)
    while not session.over:
        player.advance(1 / 7)
        player.paint()
        player.paint()
    assert session.episode() == bare(evaluated(session)[0])


def test_worlds_of_a_file_follow_each_other_as_they_do_in_an_evaluation() -> None:
    session = begin("vfh", f"{nav_worlds() / 'barn_worlds.npz'}#3-5", seed=7)
    records = evaluated(session, episodes=4)
    paths = [record.trajectory_sha256 for record in records]
    assert len(set(paths)) == 3, "four episodes in three worlds: the last is the first again"
    for record in records:
        assert finish(session) == bare(record)
        session.new_seed()


def test_the_next_seed_is_the_next_episode_and_again_is_the_same_one() -> None:
    session = begin("vfh")
    records = evaluated(session, episodes=3)
    assert len({record.trajectory_sha256 for record in records}) == 3
    for record in records:
        assert finish(session) == bare(record)
        session.again()
        assert session.episode().decisions == 0
        assert finish(session) == bare(record)
        session.new_seed()
    assert session.scores == {"vfh": Counter(2 * [record.outcome for record in records])}


def test_every_end_is_told_once() -> None:
    told: list[str] = []
    session = begin("poppins")
    session.on_end = lambda ended: told.append(ended.episode().outcome)
    finish(session)
    session.advance(10.0)
    session.step_tick()
    assert told == ["success"]
    assert session.outcome == "success"


def steps(session: Session, parts: int) -> Iterator[None]:
    """Show the episode in so many parts of each control step."""
    while not session.over:
        session.advance(session.control_s / parts)
        yield


def test_pictures_show_the_poses_of_both_control_steps_and_what_is_between() -> None:
    session = begin("poppins", "crossing")
    session.advance(1.0)
    session.share = 0.0
    for share in (0.0, 0.25, 0.5, 1.0):
        session.share = share
        frame = session.frame()
        before, after = session.before, session.after
        for k, name in enumerate(("x", "y", "heading")):
            ends = float(before.row[name][0]), float(after.row[name][0])
            # Blending rounds a few times, in numbers up to the world's ten metres.
            assert frame.pose[k] == pytest.approx(ends[0] + share * (ends[1] - ends[0]), abs=1e-12)
        middle = before.discs[:, :2] + share * (after.discs[:, :2] - before.discs[:, :2])
        np.testing.assert_allclose(frame.discs[:, :2], middle, atol=1e-12)
        assert frame.trail[-1] == tuple(frame.pose[:2])
        assert frame.time_s == pytest.approx(session.time_s)
    assert (before.discs[:, :2] != after.discs[:, :2]).any()
    np.testing.assert_array_equal(session.frame().distance_m, session.batch.scratch[0])
    np.testing.assert_array_equal(session.frame().pose, session.trial.info["pose"])


def test_time_and_robot_never_leap_back() -> None:
    session = begin("vfh", time_limit_s=3.0)
    times, points = [session.time_s], [session.frame().pose[:2]]
    for _ in steps(session, 40):
        times.append(session.time_s)
        points.append(session.frame().pose[:2])
    np.testing.assert_allclose(np.diff(times)[:-1], session.control_s / 40, atol=1e-9)
    way_m = np.hypot(*np.diff(points, axis=0).T)
    assert way_m.max() <= session.batch.robot.max_speed_mps * session.control_s / 40 * 1.01
    assert session.time_s == pytest.approx(session.episode().duration_s)


@pytest.mark.parametrize(("first", "last"), [(3.1, -3.1), (-3.0, 2.9), (0.2, -0.3)])
def test_a_heading_turns_the_short_way(first: float, last: float) -> None:
    before, after = np.zeros(1, ROW), np.zeros(1, ROW)
    before["heading"], after["heading"] = first, last
    for share in (0.0, 0.3, 1.0):
        heading = float(blend_row(before, after, share)["heading"][0])
        half = np.angle(np.exp(1j * (last - first)))
        wanted = np.exp(1j * first) * np.exp(1j * share * half)
        assert np.exp(1j * heading) == pytest.approx(wanted, abs=1e-12)


def test_a_disc_that_was_thrown_anew_or_put_elsewhere_is_there_at_once() -> None:
    before = np.array([[0.0, 0.0, 0.3, 1.0, 0.0], [5.0, 5.0, 0.3, 0.0, 1.0], [2.0, 2.0, 0.3, 0, 0]])
    after = np.array([[0.1, 0.0, 0.3, 1.0, 0.0], [9.0, 1.0, 0.3, 0.0, 1.0], [3.0, 2.0, 0.3, 0, 0]])
    shown = blend_discs(before, after, 0.5, 0.1)
    np.testing.assert_array_equal(shown[:, :2], [[0.05, 0.0], [9.0, 1.0], [3.0, 2.0]])
    np.testing.assert_array_equal(blend_discs(before[:2], after, 0.5, 0.1), after)


@pytest.mark.parametrize("timing", [Timing(), SLOW])
def test_the_ticks_of_a_decision_are_spread_until_the_next_one(timing: Timing) -> None:
    session = begin(timing=timing, seed=2)
    shown: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for _ in steps(session, 64):  # a power of two: the playhead is exact
        assert session.thought is not None
        decision = session.trial.pilot.decisions
        shown.setdefault(decision, []).append(session.tick)
        ticks[decision] = session.thought.ticks
    shown[1].insert(0, 1)  # the first picture after the start shows a 64th of a step already
    lengths = set()
    for decision in list(shown)[:-1]:
        seen, whole = shown[decision], ticks[decision]
        assert seen == [1 + k * whole // len(seen) for k in range(len(seen))], decision
        assert seen[-1] == whole
        lengths.add(len(seen) // 64)
    assert lengths == ({1} if timing == Timing() else {2, 3, 4, 5, 6, 7})


@pytest.mark.parametrize("timing", [Timing(), SLOW])
def test_a_step_of_a_tick_shows_each_tick_once_and_the_end_of_the_episode(timing: Timing) -> None:
    session = begin(timing=timing, seed=2)
    seen, wanted = list[tuple[int, int]](), list[tuple[int, int]]()
    while not session.over:
        session.step_tick()
        decision, thought = session.trial.pilot.decisions, session.thought
        assert thought is not None
        if not wanted or wanted[-1][0] != decision:
            wanted += [(decision, tick) for tick in range(1, thought.ticks + 1)]
        seen.append((decision, session.tick))
    assert session.episode() == bare(evaluated(session)[0])
    if timing == Timing():
        assert seen[:-1] == wanted, "the last shows how it ended"
    else:  # the last decision never comes into force
        assert seen[:-1] == wanted[: len(seen) - 1]
        assert len(seen) > 100


def test_a_step_of_a_decision_goes_to_the_beginning_of_the_next_one() -> None:
    for timing in (Timing(), SLOW):
        session = begin(timing=timing, seed=2)
        lengths, wanted = [], [1]  # control steps; the first decision is in the first one
        for k in range(1, 9):
            before = session.trial.steps
            session.step_decision()
            assert (session.trial.pilot.decisions, session.share, session.tick) == (k, 0.0, 1)
            lengths.append(session.trial.steps - before)
            clock_hz = timing.clock_hz or session.controller.clock_hz
            wanted.append(math.ceil(session.controller.events.cycles / clock_hz / 0.1))
        assert lengths == wanted[:-1]
        assert (max(lengths) > 1) == (timing == SLOW)
        while not session.over:
            session.step_decision()
        assert session.episode() == bare(evaluated(session)[0])


@pytest.mark.parametrize("env", [AVOIDANCE, NAVIGATION])
def test_a_thought_shows_the_spikes_that_the_decision_counted(env: str) -> None:
    session = begin("poppins?current_bits=10", env=env)
    right_to_left = [veto.SPIN_RIGHT, *range(veto.DIRECTIONS), veto.SPIN_LEFT]
    stops, groups = 0, set()
    for _ in range(70):
        session.step_decision()
        thought, controller = session.thought, session.controller
        assert isinstance(thought, Spikes)
        spikes = controller.brain.desk.window.spikes
        assert thought.ticks == controller.events.ticks
        for rows in thought.rows:
            assert rows.marks.shape[1] == thought.ticks
            if rows.name == "inhibition":
                continue
            groups.add(rows.name)
            counted = (rows.marks > 0).sum(axis=1)
            if rows.name == "drives":
                told = controller.brain.trains[: thought.ticks, veto.PREMOTOR : veto.MOTOR]
                wanted = told.sum(axis=0)[right_to_left[::-1]]
            elif rows.name in ("premotor", "motor"):
                wanted = spikes[veto.GROUPS[rows.name]][right_to_left[::-1]]
            else:
                wanted = spikes[veto.GROUPS[rows.name]][::-1]
            np.testing.assert_array_equal(counted, wanted, err_msg=rows.name)
        votes = spikes[veto.MOTOR : veto.BRAKE]
        np.testing.assert_array_equal(thought.votes[-1], votes[right_to_left[::-1]])
        chosen = naive_winner(votes.tolist())
        said = verdict(thought, thought.ticks)
        if chosen < 0:
            stops += 1
            assert said.endswith(": stop")
            assert thought.course_rad is None
            continue
        name = veto.name_move(chosen, controller.brain.angles)
        assert said == f"{name}: {votes[chosen]} of {votes.sum()} votes"
        assert thought.course_rad is not None
        if chosen < veto.DIRECTIONS:
            assert thought.course_rad == controller.brain.angles[chosen]
        else:
            assert thought.course_rad == (math.pi / 2 if chosen == veto.SPIN_LEFT else -math.pi / 2)
    assert groups == {*veto.GROUPS, "drives"}


def test_a_verdict_needs_more_than_half_of_all_votes() -> None:
    session = begin()
    session.step_decision()
    thought = session.thought
    assert isinstance(thought, Spikes)
    for k in range(3):
        counts = np.zeros_like(thought.votes[:1])
        counts[0, :2] = (k, 1) if k else (0, 0)
        decided = Spikes(**{**vars(thought), "votes": counts})
        wanted = ("no votes: stop", "no majority: stop", f"{thought.moves[0]}: 2 of 3 votes")[k]
        assert verdict(decided, 1) == wanted


def test_inhibition_shows_as_a_share_that_never_reaches_the_whole() -> None:
    currents = np.arange(-2048, 2048, dtype=np.int32)
    wanted = [255 * max(-c, 0) // (max(-c, 0) + HALF_STRENGTH) for c in currents.tolist()]
    assert strengths(currents[:, None])[0].tolist() == wanted


def test_minds_without_spikes_show_their_layers_or_what_they_saw() -> None:
    for controller, env in (("camera", NAVIGATION), ("vfh", AVOIDANCE)):
        session = begin(controller, env=env)
        for _ in range(5):
            seen = session.trial.observation
            session.step()
            thought = session.thought
            if controller == "camera":
                assert isinstance(thought, Layers)
                assert [name for name, _ in thought.layers] == list(session.controller.layers)
                np.testing.assert_array_equal(thought.layers[0][1], seen["camera"][:, :, 0])
                for name, layer in thought.layers:
                    np.testing.assert_array_equal(layer, session.controller.layers[name])
            else:
                assert isinstance(thought, Scan)
                wanted = [float(metres) / session.batch.beams.range_m for metres in seen["range"]]
                assert thought.share.tolist() == wanted[::-1]


class Spent(NamedTuple):
    """What one decision took, and the time and way until the next one."""

    joules: float
    operations: int
    latency_s: float
    steps: int
    path_m: float


def naive_reading(spent: list[Spent], idle_w: float) -> list[float]:
    """Figures of some decisions in the order of `Reading`; -1 where there is none."""
    latencies, ways = [each.latency_s for each in spent], [each.path_m for each in spent]
    time_s = 0.1 * sum(each.steps for each in spent)
    joules = math.fsum(each.joules for each in spent) + idle_w * time_s
    rate = sum(each.operations for each in spent) / time_s
    per_metre_j = joules / math.fsum(ways) if any(ways) else -1.0
    return [mean(latencies), joules / len(spent), joules / time_s, rate, per_metre_j]


def figures(reading: Reading) -> list[float]:
    assert reading.unit == "SOP"
    numbers = [value for value in vars(reading).values() if value != "SOP"]
    return [-1.0 if value is None else value for value in numbers]


@pytest.mark.parametrize("prices", ["paper", "cells180"])
@pytest.mark.parametrize("timing", [Timing(), SLOW])
def test_meters_add_up_what_decisions_and_time_cost(timing: Timing, prices: str) -> None:
    session = begin(timing=timing, prices=prices, seed=2)
    tariff, spent = COST_TABLES[prices].tariffs["poppins"], list[Spent]()
    assert session.meter.now == session.meter.mean == Reading()
    while len(spent) < 40 and not session.trial.ended:
        path_m, count = session.trial.info["path_m"], session.trial.pilot.decisions
        session.step()
        if session.trial.pilot.decisions > count:
            events, clock_hz = session.controller.events, timing.clock_hz or 1e7
            prices_j = [getattr(events, k) * price.nominal for k, price in tariff.prices.items()]
            latency_s = events.cycles / clock_hz
            spent.append(Spent(math.fsum(prices_j), events.synaptic_ops, latency_s, 0, 0.0))
        last = spent[-1]
        way_m = session.trial.info["path_m"] - path_m
        spent[-1] = last._replace(steps=last.steps + 1, path_m=last.path_m + way_m)
        lately = [k for k in range(len(spent)) if sum(each.steps for each in spent[k:]) <= 20]
        now = naive_reading(spent[lately[0] :], tariff.idle_w.nominal)
        now[:2] = naive_reading(spent[-1:], tariff.idle_w.nominal)[:2]
        # Sums of at most forty figures, in another order.
        assert figures(session.meter.now) == pytest.approx(now, rel=1e-9), len(spent)
        wanted = naive_reading(spent, tariff.idle_w.nominal)
        assert figures(session.meter.mean) == pytest.approx(wanted, rel=1e-9), len(spent)
    assert len(spent) > 15
    assert (max(each.steps for each in spent) > 1) == (timing == SLOW)


def test_minds_that_count_no_events_have_no_figures() -> None:
    session = begin("vfh", prices="cells180")
    finish(session)
    assert session.meter.now == session.meter.mean == Reading()

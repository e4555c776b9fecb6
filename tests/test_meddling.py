"""Hands in a running episode: other brains, obstacles, damage, clocks; and all of it undone."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from demos import AVOIDANCE, bare, begin, evaluated, finish
from naive_world import ray_to_disc
from numpy.typing import NDArray

from neurobot.controllers.poppins import PoppinsController
from neurobot.demo import meddling
from neurobot.demo.meddling import RefusedError
from neurobot.demo.session import Session
from neurobot.loop import Timing, attach
from neurobot.poppins import Poppins

Table = NDArray[Any]


def ahead(session: Session, metres: float) -> tuple[float, float]:
    """The point so far in front of the robot's centre."""
    x, y, heading = session.trial.info["pose"]
    return x + metres * math.cos(heading), y + metres * math.sin(heading)


def advanced(session: Session, steps: int) -> Session:
    for _ in range(steps):
        session.step()
    return session


@pytest.mark.parametrize(
    ("first", "second"), [("poppins", "vfh"), ("poppins", "camera"), ("camera", "poppins")]
)
def test_another_brain_drives_on_from_the_same_bits(first: str, second: str) -> None:
    session = advanced(begin(first, "crossing", env=AVOIDANCE), 23)
    session.advance(0.04)
    state = session.env.unwrapped.get_state()[0]
    trail, share, mean = list(session.trail), session.share, session.meter.mean
    session.hand_over(second)
    now = session.env.unwrapped.get_state()[0]
    for name in state.rows.dtype.names:
        np.testing.assert_array_equal(now.rows[name], state.rows[name], err_msg=name)
    np.testing.assert_array_equal(now.discs, state.discs)
    np.testing.assert_array_equal(now.segments, state.segments)
    assert (session.trail, session.share, session.trial.steps) == (trail, share, 24)
    assert session.previous == (first, mean)
    assert session.job.controller == second
    assert session.touched
    sensor = "camera" if second == "camera" else "range"
    assert set(session.trial.observation) == {sensor, "velocity"}
    here = session.after.row[0]
    session.step()
    assert session.trial.pilot.decisions == 1
    assert session.before.row[0] == here
    assert session.after.row["steps"][0] == 25
    finish(session)
    assert session.scores == {}, "an end that two brains brought about counts for none"


@pytest.mark.parametrize("second", ["camera", "vfh", "poppins?current_bits=10"])
def test_a_brain_that_takes_over_at_the_start_drives_its_own_episode(second: str) -> None:
    session = begin("poppins")
    session.hand_over(second)
    assert finish(session) == bare(evaluated(begin(second))[0])


def test_after_the_end_another_brain_begins_the_episode_anew() -> None:
    session = begin("poppins")
    finish(session)
    mean = session.meter.mean
    session.hand_over("vfh")
    assert (session.trial.steps, session.touched) == (0, False)
    assert finish(session) == bare(evaluated(begin("vfh"))[0])
    assert session.previous == ("poppins", mean)
    assert session.scores == {"poppins": {"success": 1}, "vfh": {"success": 1}}


def test_a_brain_that_cannot_drive_changes_nothing() -> None:
    session = advanced(begin("poppins"), 5)
    with pytest.raises(ValueError, match="controller: unknown 'nobody'"):
        session.hand_over("nobody")
    assert not session.touched
    assert finish(session) == bare(evaluated(session)[0])


def test_a_hand_holds_the_wheels_and_gives_them_back() -> None:
    session = advanced(begin("poppins", "empty"), 5)
    session.hand_over("hand")
    for forward, left, wheels in ((1, 0, (0.7, 0.7)), (0, 1, (-0.3, 0.3)), (-1, -1, (-0.4, -1.0))):
        session.hand.forward, session.hand.left = forward, left
        session.step()
        assert session.wheels[-1] == pytest.approx(wheels)
    session.hand_over("poppins")
    assert session.controller.events.ticks == 0
    session.step()
    assert session.controller.events.ticks > 0


def nearest_ray_m(session: Session, disc: tuple[float, float, float]) -> float:
    """Distance to a disc along the beam that sees it nearest."""
    x, y, heading = session.trial.info["pose"]
    body = session.batch.body
    angles = [math.atan2(s, c) for s, c in zip(body.beam_sin, body.beam_cos, strict=True)]
    return min(ray_to_disc((x, y), heading + angle, disc) for angle in angles)


def test_an_obstacle_is_seen_as_soon_as_it_stands_and_no_longer_when_it_is_gone() -> None:
    session = advanced(begin("poppins", "empty"), 8)
    before, discs = session.trial.observation["range"].copy(), len(session.after.discs)
    x, y = ahead(session, 2.0)
    k = meddling.add_disc(session, x, y, 0.3)
    assert session.touched
    assert len(session.after.discs) == len(session.before.discs) == discs + 1
    assert session.after.discs[k].tolist() == [x, y, 0.3, 0.0, 0.0]
    # The scan is of single precision.
    seen = session.trial.observation["range"].min()
    assert seen == pytest.approx(nearest_ray_m(session, (x, y, 0.3)), abs=1e-6)
    x, y = ahead(session, 1.4)
    meddling.move_disc(session, k, x, y)
    seen = session.trial.observation["range"].min()
    assert seen == pytest.approx(nearest_ray_m(session, (x, y, 0.3)), abs=1e-6)
    meddling.remove_disc(session, k)
    np.testing.assert_array_equal(session.trial.observation["range"], before)
    assert len(session.frame().discs) == discs


def test_an_obstacle_in_front_of_the_robot_changes_its_path() -> None:
    plain, blocked = (advanced(begin("poppins", "empty"), 8) for _ in range(2))
    meddling.add_disc(blocked, *ahead(blocked, 2.5))
    finish(plain)
    finish(blocked)
    assert blocked.outcome == plain.outcome == "success"
    way = [np.array(session.trail[:60]) for session in (plain, blocked)]
    same = min(len(each) for each in way)
    apart_m = np.hypot(*(way[0][:same] - way[1][:same]).T)
    assert apart_m[:9].max() == 0.0
    assert apart_m.max() > 0.35


@pytest.mark.parametrize("gap_m", [-0.2, 0.03])
def test_an_obstacle_at_the_bumper_is_a_collision_at_once(gap_m: float) -> None:
    session = advanced(begin("vfh", "empty"), 12)
    row = session.after.row[0]
    assert min(row["left"], row["right"]) > 1.0, "it must be driving"
    k = meddling.add_disc(session, *ahead(session, 2.5), 0.2)
    assert session.trial.info["clearance_m"] == session.after.row["clearance"][0]
    x, y = ahead(session, session.batch.robot.half_length_m + gap_m + 0.2)
    meddling.move_disc(session, k, x, y)
    assert session.after.row["gap"][0] == pytest.approx(max(gap_m, -0.2), abs=1e-9)
    session.step()
    assert session.trial.info["outcome"] == "collision"
    with pytest.raises(RefusedError, match="the episode has ended"):
        meddling.move_disc(session, k, 0.0, 0.0)


def test_hits_are_found_where_they_are_drawn() -> None:
    session = advanced(begin("poppins", "empty"), 3)
    x, y = ahead(session, 3.0)
    first = meddling.add_disc(session, x, y, 0.3)
    second = meddling.add_disc(session, x, y + 1.0, 0.5)
    for point, slack_m, wanted in (
        ((x + 0.29, y), 0.0, first),
        ((x - 0.31, y), 0.0, None),
        ((x - 0.31, y), 0.02, first),
        ((x, y + 0.55), 0.0, second),
    ):
        assert meddling.find_disc(session, *point, slack_m) == wanted, point
    goal = session.frame().goal
    assert goal is not None
    assert meddling.is_at_goal(session, goal[0] + 0.45, goal[1], 0.0)
    assert not meddling.is_at_goal(session, goal[0] + 0.55, goal[1], 0.0)
    assert not meddling.is_at_goal(begin("vfh", env=AVOIDANCE), 0.0, 0.0, 1e9), "none to roam"


def test_the_goal_can_be_moved_and_counts_where_it_is() -> None:
    session = advanced(begin("poppins", "empty"), 8)
    x, y, heading = session.trial.info["pose"]
    meddling.move_goal(session, x + 1.0, y + 2.0)
    turned = complex(1.0, 2.0) * complex(math.cos(heading), -math.sin(heading))
    seen = session.trial.observation["goal"]
    assert seen.tolist() == pytest.approx([turned.real, turned.imag], abs=1e-6)  # single precision
    finish(session)
    end = session.trial.info["pose"]
    assert session.outcome == "success"
    assert math.hypot(end[0] - x - 1.0, end[1] - y - 2.0) <= 0.5
    scene = session.batch.scene_now(0)
    assert meddling.within(scene, -1e9, 1e9) == (scene.bounds[0], scene.bounds[3])


def test_what_cannot_be_is_refused_and_changes_nothing() -> None:
    session = advanced(begin("vfh"), 4)
    row = session.after.row[0]
    x0, y0, _, _ = session.batch.scene_now(0).bounds
    at_wall = advanced(begin("vfh"), 1)
    for rows in (at_wall.batch.state.rows, at_wall.after.row):
        rows["x"], rows["y"] = x0 + 0.4, y0 + 4.0
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: meddling.add_disc(session, row["x"], row["y"] + 0.6), "where the robot is"),
        (lambda: meddling.add_disc(at_wall, x0 - 9.0, y0 + 4.0), "where the robot is"),
        (lambda: meddling.flip_bit(session), "vfh has no weight memory; poppins has"),
        (lambda: meddling.scale_clock(session, 2.0), "vfh has no clock: it counts no events"),
    ]
    for deed, sentence in refusals:
        with pytest.raises(RefusedError, match=sentence):
            deed()
    assert not session.touched
    assert finish(session) == bare(evaluated(session)[0])


def test_there_is_a_limit_to_obstacles(monkeypatch: pytest.MonkeyPatch) -> None:
    session = begin("vfh", "empty")
    monkeypatch.setattr(meddling, "MOST_DISCS", len(session.after.discs) + 1)
    meddling.add_disc(session, *ahead(session, 3.0))
    with pytest.raises(RefusedError, match="there are 1 obstacles already"):
        meddling.add_disc(session, *ahead(session, 4.0))


@pytest.mark.parametrize("controller", ["poppins", "camera"])
def test_a_sensor_dies_part_by_part_and_is_repaired(controller: str) -> None:
    session = advanced(begin(controller), 2)
    dead, before = session.batch.beams.dead, 0
    while not dead.all():
        told = meddling.kill_beams(session)
        assert told == (dead.sum(), len(dead))
        assert before < told[0] <= before + len(dead) // 12
        before = told[0]
        if controller == "poppins":
            blind = session.trial.observation["range"][dead]
            assert (blind == session.batch.beams.range_m).all(), "at once"
        session.step()
    with pytest.raises(RefusedError, match="the whole sensor is dead already"):
        meddling.kill_beams(session)
    np.testing.assert_array_equal(session.frame().dead, dead)
    meddling.repair(session)
    assert not dead.any()


def test_repair_leaves_beams_dead_that_the_episode_began_without() -> None:
    session = begin("vfh", dead_beams=(3, 7))
    meddling.kill_beams(session)
    meddling.repair(session)
    assert np.flatnonzero(session.batch.beams.dead).tolist() == [3, 7]


def weights(network: Poppins) -> dict[str, Table]:
    return {name: matrix.copy() for name, matrix in network.memories.items()}


def test_a_flip_inverts_one_bit_of_the_two_s_complement() -> None:
    session = advanced(begin("poppins"), 1)
    network = session.controller.brain.network
    values = np.arange(network.forward.size).reshape(network.forward.shape) % 256 - 128
    plain = Poppins(**{**vars_of(network), "forward": values})
    for k, value in enumerate(range(-128, 128)):
        pre, post = divmod(k, values.shape[1])
        for bit in range(8):
            raw = bytes([value.to_bytes(1, "big", signed=True)[0] ^ (1 << bit)])
            changed = plain.flip("forward", pre, post, bit).memories["forward"] - values
            assert changed[pre, post] + value == int.from_bytes(raw, "big", signed=True)
            assert np.count_nonzero(changed) == 1
    for wrong, sentence in (
        (("third", 0, 0, 0), "memory: unknown 'third'"),
        (("forward", 0, 0, 8), "bit=8 is out of range: 0..7"),
    ):
        with pytest.raises(ValueError, match=sentence):
            plain.flip(*wrong)


def vars_of(network: Poppins) -> dict[str, Any]:
    names = ("first", "second", "amplitude", "tonic", "forward", "backward", "chip")
    return {name: getattr(network, name) for name in names}


def test_flips_change_one_bit_each_and_repair_restores_them_all() -> None:
    session = advanced(begin("poppins"), 6)
    original, mood = weights(session.controller.brain.network), session.controller.brain.desk.mood
    remembered, places = mood.tobytes(), set()
    for _ in range(30):
        before = weights(session.controller.brain.network)
        told = meddling.flip_bit(session)
        after = weights(session.controller.brain.network)
        changes = [
            (name, int(pre), int(post), int(before[name][pre, post]), int(after[name][pre, post]))
            for name in before
            for pre, post in np.argwhere(before[name] != after[name])
        ]
        ((name, pre, post, was, now),) = changes
        assert told == f"{name}[{pre}, {post}] was {was}, is {now}"
        assert ((was ^ now) & 0xFF).bit_count() == 1
        places.add(name)
    assert places == set(original), "every memory has its share of faults"
    assert session.controller.brain.desk.mood.tobytes() == remembered
    meddling.repair(session)
    for name, matrix in weights(session.controller.brain_for(True).network).items():
        np.testing.assert_array_equal(matrix, original[name])
    fresh = PoppinsController()
    attach(fresh, session.env)
    fresh.reset(0)
    wheels = fresh.act(session.trial.observation)
    session.step()
    assert session.controller.events == fresh.events
    assert session.wheels[-1] == tuple(wheels.tolist())


def test_flips_reach_what_the_robot_does() -> None:
    session = begin("poppins")
    for _ in range(300):
        meddling.flip_bit(session)
    assert finish(session).trajectory_sha256 != evaluated(session)[0].trajectory_sha256


def test_the_clock_scales_latency_within_limits_until_it_is_repaired() -> None:
    session = advanced(begin("poppins", timing=Timing(instant=True)), 1)
    own_hz = session.controller.clock_hz
    assert session.latency_s == 0.0
    for factor, clock_hz in ((0.25, own_hz / 4), (2.0, own_hz / 2)):
        assert meddling.scale_clock(session, factor) == clock_hz
        session.step()
        assert session.latency_s == session.controller.events.cycles / clock_hz
    for factor, limit in ((1e-30, 1.0), (1e30, 1e12)):
        assert meddling.scale_clock(session, factor) == limit
    meddling.repair(session)
    assert session.timing == Timing(instant=True)


def test_a_chip_that_becomes_too_slow_crashes_where_a_fast_one_arrives() -> None:
    ends = {}
    for factor in (1.0, 0.005):
        session = advanced(begin("poppins"), 3)
        meddling.scale_clock(session, factor)
        ends[factor] = finish(session)
    assert (ends[1.0].outcome, ends[0.005].outcome) == ("success", "collision")
    assert ends[0.005].late_decisions > 0

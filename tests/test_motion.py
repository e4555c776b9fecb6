"""Courses of episodes: how clearance, turning and smoothness are told, and what is kept of them."""

import math
from typing import Any

import numpy as np
import pytest

from neurobot.motion import NEAR_M, motion, natural_log
from neurobot.trace import Trace, pack, unpack


def course(x: Any, heading: Any = 0.0) -> Any:
    """Return poses along the x axis."""
    places = np.asarray(x, np.float64)
    return np.column_stack([places, np.zeros(len(places)), np.broadcast_to(heading, len(places))])


def test_clearance_is_averaged_over_all_moments_and_near_time_counts_steps() -> None:
    told = motion(course([0, 1, 2, 3]), np.array([0.0, NEAR_M, 0.1, 0.5]), 0.1)
    assert told.mean_clearance_m == (NEAR_M + 0.1 + 0.5) / 4
    assert told.near_s == 0.1


def test_turns_go_the_short_way_round_and_add_up() -> None:
    headings = [0.0, 0.5, -0.5, math.pi - 0.25, -math.pi + 0.25]
    told = motion(course([0.0] * 5, headings), np.ones(5), 0.1)
    assert told.turn_rad == pytest.approx(0.5 + 1.0 + (math.pi - 0.25) + 0.5, rel=1e-12)


def test_jerk_of_a_cubic_is_its_third_derivative() -> None:
    """With x = t^3 every third difference over dt^3 is 6, exactly: 0.5 s are powers of two."""
    seconds = 0.5 * np.arange(6)
    told = motion(course(seconds**3), np.ones(6), 0.5)
    assert told.jerk_mps3 == 6.0
    peak = (2.5**3 - 2.0**3) / 0.5
    assert told.log_jerk == pytest.approx(-math.log(2.5**3 / peak**2 * 3 * 36 * 0.5), rel=1e-12)


def test_smoothness_does_not_hang_on_where_the_robot_goes_or_on_units_of_length() -> None:
    x = np.array([0.0, 0.1, 0.4, 0.5, 0.9, 1.0])
    plain, turned = course(x), course(x)
    turned[:, 1], turned[:, 0] = 2 * x, 0.0
    one, other = (motion(poses, np.ones(6), 0.1) for poses in (plain, turned))
    assert other.jerk_mps3 == pytest.approx(2 * one.jerk_mps3, rel=1e-12)
    assert other.log_jerk == pytest.approx(one.log_jerk, rel=1e-12)


@pytest.mark.parametrize("x", [[0.0], [0.0, 1.0], [0.0, 1.0, 3.0], [2.0] * 9])
def test_what_is_too_short_or_stands_still_has_no_jerk(x: list[float]) -> None:
    told = motion(course(x), np.ones(len(x)), 0.1)
    assert (told.jerk_mps3, told.log_jerk) == (0.0, None)


def test_a_trace_comes_back_to_the_centimetre() -> None:
    random = np.random.default_rng(0)
    path = np.cumsum(random.normal(0.0, 0.1, (601, 2)), axis=0)
    latencies = random.random(600).astype(np.float32)
    discs = random.uniform(-9, 9, (4, 3))
    packed = pack(path, latencies, discs)
    found = unpack(packed)
    np.testing.assert_array_equal(found.path_m, np.rint(100 * path) / 100)
    np.testing.assert_array_equal(found.latency_s, latencies)
    np.testing.assert_array_equal(found.discs, np.rint(100 * discs) / 100)
    assert len(packed) < 4 * (600 + 600)


def test_a_trace_of_an_episode_that_did_not_begin_is_kept_too() -> None:
    found = unpack(pack([[1.0, 2.0]], [], np.zeros((0, 3))))
    empty = Trace(np.array([[1.0, 2.0]]), np.zeros(0, np.float32), np.zeros((0, 3)))
    for name in Trace._fields:
        part, wanted = getattr(found, name), getattr(empty, name)
        np.testing.assert_array_equal(part, wanted)
        assert part.dtype == wanted.dtype


@pytest.mark.parametrize("packed", [b"", b"nonsense", pack([[0, 0]], [], [])[:-3]])
def test_what_is_no_trace_is_told_in_a_sentence(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"^trace: "):
        unpack(packed)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (73324.7209922071, "0x1.667c225494424p+3"),
        (7424.135894376845, "0x1.1d33218a3ad38p+3"),
        (0.8315576459743889, "-0x1.79c35cb8b0d7ep-3"),
        (1e-9, "-0x1.4b927f32bffb8p+4"),
    ],
)
def test_logarithms_are_rounded_right_where_the_c_library_need_not_be(
    value: float, expected: str
) -> None:
    """Expected: by mpmath, in 200 bits."""
    assert natural_log(value) == float.fromhex(expected)

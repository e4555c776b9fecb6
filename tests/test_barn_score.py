"""BARN's score against values worked out by hand."""

from typing import Any

import numpy as np
import pytest

from neurobot.envs.barn_score import EDITIONS, LATEST, barn_score, challenge_path_m, mean_by_world

PATH_M = 10.0  # 5 s at 2 m/s


@pytest.mark.parametrize(
    ("time_s", "wide", "narrow"),
    [
        (5.0, 0.5, 0.25),  # at the optimal time both windows are closed
        (10.0, 0.5, 0.25),
        (12.5, 0.4, 0.25),
        (20.0, 0.25, 0.25),
        (25.0, 0.2, 0.2),
        (40.0, 0.125, 0.125),
        (99.9, 0.125, 0.125),
    ],
)
def test_the_score_of_a_success(time_s: float, wide: float, narrow: float) -> None:
    assert barn_score(True, time_s, PATH_M) == pytest.approx(wide)
    assert barn_score(True, time_s, PATH_M, edition="2023 on") == pytest.approx(wide)
    assert barn_score(True, time_s, PATH_M, edition="2022") == pytest.approx(narrow)
    assert barn_score(False, time_s, PATH_M) == 0.0


def test_a_slower_robot_is_measured_by_its_own_top_speed() -> None:
    # At 0.5 m/s the optimal time is 20 s: 50 s are 2.5 of it, and 10 of the challenge's.
    assert barn_score(True, 50.0, PATH_M, speed_mps=0.5) == pytest.approx(0.4)
    assert barn_score(True, 50.0, PATH_M) == 0.125


def test_the_challenge_measures_from_the_start_over_the_file_s_points_to_the_goal() -> None:
    points = np.array([[0.0, 2.0], [3.0, 6.0]])
    assert challenge_path_m((0.0, 0.0, 1.57), points, (3.0, 7.5)) == pytest.approx(2 + 5 + 1.5)
    assert challenge_path_m((0.0, 0.0), [], (3.0, 4.0)) == 5.0


def test_the_latest_edition_is_a_known_one() -> None:
    assert LATEST in EDITIONS


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"edition": "1999"}, "edition: unknown '1999'; known: 2022, 2023 on"),
        ({"path_m": 0.0}, "path_m=0.0 must be above 0"),
        ({"time_s": float("nan")}, "time_s=nan must be above 0"),
        ({"speed_mps": -1.0}, "speed_mps=-1.0 must be above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        barn_score(**{"success": True, "time_s": 9.0, "path_m": PATH_M, **wrong})


def test_worlds_weigh_alike_however_often_they_were_driven() -> None:
    scores = [("a", 0.5), ("a", 0.5), ("a", 0.5), ("a", 0.0), ("b", 0.125)]
    assert mean_by_world(scores) == pytest.approx((0.375 + 0.125) / 2)
    assert mean_by_world([(0, 0.25)]) == 0.25
    with pytest.raises(ValueError, match="none found"):
        mean_by_world([])

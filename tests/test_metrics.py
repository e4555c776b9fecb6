"""Rows of numbers: each figure of hand-made episodes, worked out by hand."""

import json
from typing import Any

import numpy as np
import pytest
from records import RECORD, make_record

from neurobot.cost import COST_TABLES
from neurobot.events import Events
from neurobot.metrics import COSTS, figures, summarize
from neurobot.trace import pack

CRASH = make_record(
    outcome="collision",
    duration_s=5.0,
    path_m=3.0,
    near_s=2.6,
    turn_rad=9.0,
    mean_clearance_m=0.5,
    jerk_mps3=4.0,
    log_jerk=None,
    decisions=50,
    late_decisions=6,
    latency_total_s=1.0,
    latency_max_s=0.03,
    events=Events(cycles=4000, synaptic_ops=20_000),
    trace=pack([[0.0, 0.0]], [0.02] * 40 + [0.03] * 10, np.zeros((0, 3))),
    progress=0.3,
)
BIRTH = make_record(  # the brain raised when it was reset
    outcome="fault",
    fault="controller brains:Abacus raised ValueError: no",
    duration_s=0.0,
    path_m=0.0,
    near_s=0.0,
    turn_rad=0.0,
    jerk_mps3=0.0,
    log_jerk=None,
    decisions=0,
    latency_total_s=0.0,
    latency_max_s=0.0,
    events=None,
    trace=pack([[0.0, 0.0]], [], np.zeros((0, 3))),
    progress=0.0,
)


def test_outcomes_are_shares_that_sum_to_1() -> None:
    row = summarize([RECORD, RECORD, CRASH, BIRTH], "paper")
    rates = [row[f"{end}_rate"] for end in ("success", "collision", "timeout", "fault")]
    assert rates == [0.5, 0.25, 0.0, 0.25]
    assert row["success_low"] < 0.5 < row["success_high"]


def test_driving_is_judged_by_paths_clearance_and_smoothness() -> None:
    row = summarize([RECORD, CRASH], "paper")
    assert row["time_to_goal_s"] == 10.0
    assert row["path_ratio"] == pytest.approx(12 / 9)
    assert row["spl"] == pytest.approx((9 / 12 + 0) / 2)
    assert row["soft_spl"] == pytest.approx((9 / 12 + 0.3) / 2)
    assert row["sct"] == pytest.approx((4.5 / 10 + 0) / 2)
    assert make_record(duration_s=4.0).sct == 1.0
    assert row["mean_clearance_m"] == 1.0
    assert row["near_share"] == pytest.approx(3.0 / 15.0)
    assert row["turn_per_metre_rad"] == pytest.approx(15.0 / 15.0)
    assert (row["jerk_mps3"], row["log_jerk"]) == (3.0, -12.0)


def test_what_has_no_goal_has_no_time_to_it() -> None:
    row = summarize([make_record(shortest_m=None, fastest_s=None)], "paper")
    figures = "time_to_goal_s", "path_ratio", "spl", "soft_spl", "sct"
    assert [row[key] for key in figures] == [None] * 5
    lost = summarize([CRASH], "paper")
    assert (lost["time_to_goal_s"], lost["path_ratio"], lost["spl"]) == (None, None, 0.0)


def test_latency_percentiles_are_over_the_decisions_of_all_episodes() -> None:
    row = summarize([RECORD, CRASH], "paper")
    each = sorted([0.005] * 100 + [0.02] * 40 + [0.03] * 10)
    for key, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert row[f"latency_s_{key}"] == pytest.approx(np.quantile(each, share), rel=1e-6), key
    assert row["latency_s"] == pytest.approx(1.5 / 150)
    assert row["latency_s_max"] == 0.03
    assert (row["late_decisions"], row["late_share"]) == (6, 6 / 150)


def test_a_success_bears_the_energy_of_the_failures() -> None:
    row = summarize([RECORD, CRASH, CRASH], "paper")
    energy_j = (5_000 + 2 * 20_000) * 13.2e-12
    assert row["energy_j"] == pytest.approx(energy_j / 200)
    assert row["energy_per_episode_j"] == pytest.approx(energy_j / 3)
    assert row["energy_per_success_j"] == pytest.approx(energy_j)
    assert row["energy_delay_js"] == pytest.approx(energy_j / 200 * 2.5 / 200)
    assert row["sops"] == 225
    assert summarize([CRASH], "paper")["energy_per_success_j"] is None


def test_idle_energy_flows_as_long_as_the_robot_drives() -> None:
    row = summarize([RECORD, CRASH], "cells180")
    tariff = COST_TABLES["cells180"].tariffs["poppins"]
    assert row["idle_j"] == pytest.approx(tariff.idle_w.nominal * 15.0 / 150)
    assert row["dynamic_j"] + row["idle_j"] == pytest.approx(row["energy_j"])


def test_an_episode_that_never_began_costs_nothing_and_stops_nothing() -> None:
    alone = summarize([BIRTH], "cells180")
    assert [alone[key] for key in COSTS] == [None] * len(COSTS)
    assert [alone[key] for key in ("near_share", "turn_per_metre_rad", "late_share")] == [None] * 3
    assert alone["mean_speed_mps"] == 0.0
    beside, without = (summarize(each, "cells180") for each in ([RECORD, BIRTH], [RECORD]))
    for key in COSTS:
        assert beside[key] == without[key], key


def test_a_row_is_plain_json() -> None:
    rows: list[dict[str, Any]] = [summarize([each], "cells180") for each in (RECORD, CRASH, BIRTH)]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows


def test_episodes_without_a_trace_have_no_percentiles() -> None:
    row = summarize([make_record(trace=b"")], "paper")
    assert (row["latency_s_p99"], row["latency_s"]) == (None, pytest.approx(0.005))


def test_no_episodes_are_no_row() -> None:
    with pytest.raises(ValueError, match=r"^records: none found; one episode or more needed"):
        figures([], "paper")

"""Evaluation: the same records whatever the number of processes, kept, resumed, and summed up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from records import RECORD

from neurobot import evaluate
from neurobot.episodes import options_for
from neurobot.events import Events
from neurobot.metrics import summarize, tabulate

SHORT: dict[str, Any] = {"time_limit_s": 3.0}


def test_the_records_do_not_depend_on_the_number_of_processes() -> None:
    arguments: dict[str, Any] = {"scenario": ["forest", "looming"], "episodes": 3, **SHORT}
    alone = evaluate(["poppins", "random"], jobs=1, **arguments)
    shared = evaluate(["poppins", "random"], jobs=2, **arguments)
    assert alone == shared
    assert [(r.scenario, r.controller, r.episode) for r in alone] == [
        (scenario, controller, episode)
        for scenario in ("forest", "looming")
        for controller in ("poppins", "random")
        for episode in range(3)
    ]


def test_every_shipped_controller_is_reproducible_and_sees_the_same_worlds() -> None:
    from neurobot.controllers import CONTROLLERS

    assert CONTROLLERS
    for env in ("neurobot/Avoidance-v0", "neurobot/Navigation-v0"):
        first, second = (
            evaluate(list(CONTROLLERS), env=env, episodes=2, seed=7, **SHORT) for _ in range(2)
        )
        assert first == second, env
        assert len({record.shortest_m for record in first}) == (1 if "Avoidance" in env else 2)


def test_a_name_may_carry_options_of_the_chip() -> None:
    plain, same, narrow = (
        evaluate(f"poppins{options}", episodes=2, **SHORT)
        for options in ("", "?lanes=1&wraps=false", "?current_bits=9&rounds_to_zero=true")
    )
    hashes = [[record.trajectory_sha256 for record in records] for records in (plain, same, narrow)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert same[0].controller == "poppins?lanes=1&wraps=false"
    slow = evaluate("poppins?clock_hz=100e3", episodes=2, **SHORT)
    assert slow[0].latency_max_s > 50 * plain[0].latency_max_s


def test_a_different_seed_gives_different_episodes() -> None:
    hashes = {r.trajectory_sha256 for r in evaluate("vfh", episodes=4, seed=3, **SHORT)}
    assert len(hashes) == 4


def test_episode_i_has_seed_plus_i() -> None:
    later = evaluate("vfh", episodes=1, seed=2, **SHORT)[0]
    among = evaluate("vfh", episodes=3, seed=0, **SHORT)[2]
    assert replace(among, episode=0) == later


def test_an_evaluation_in_the_same_folder_does_only_what_is_missing(tmp_path: Path) -> None:
    fresh = evaluate("vfh", episodes=4, **SHORT)
    evaluate("vfh", episodes=2, out=tmp_path, **SHORT)
    counted: list[int] = []
    resumed = evaluate(
        "vfh", episodes=4, out=tmp_path, progress=lambda done, total: counted.append(done), **SHORT
    )
    assert resumed == fresh
    assert counted[0] == 2, "two episodes were there already"
    again = evaluate("vfh", episodes=4, out=tmp_path, jobs=2, **SHORT)
    assert again == fresh
    assert counted[-1] == 4


def test_the_default_sensor_does_not_change_what_stored_episodes_are_found_by(
    tmp_path: Path,
) -> None:
    assert options_for("vfh", {"noise": 0.1}) == (("noise", 0.1),)
    assert options_for("random", {}) == ()
    asked = options_for("camera", {"sensor": "camera", "noise": 0.1})
    assert options_for("camera", {"noise": 0.1}) == asked
    counted: list[int] = []
    asks: tuple[dict[str, Any], ...] = ({}, {"sensor": "camera"})
    for ask in asks:
        evaluate(
            "camera",
            episodes=1,
            out=tmp_path,
            progress=lambda done, total: counted.append(done),
            **SHORT,
            **ask,
        )
    assert counted == [0, 1, 1], "the second run found the first one's episode"


def test_options_may_be_lists() -> None:
    listed = evaluate("vfh", episodes=1, dead_beams=[3, 4], **SHORT)
    assert listed == evaluate("vfh", episodes=1, dead_beams=(3, 4), **SHORT)


def test_other_settings_are_other_episodes(tmp_path: Path) -> None:
    plain = evaluate("poppins", episodes=1, out=tmp_path, **SHORT)
    slow = evaluate("poppins", episodes=1, out=tmp_path, clock_hz=1e5, **SHORT)
    noisy = evaluate("poppins", episodes=1, out=tmp_path, noise=0.1, **SHORT)
    assert len({plain[0].trajectory_sha256, slow[0].trajectory_sha256}) == 2
    assert len({plain[0].trajectory_sha256, noisy[0].trajectory_sha256}) == 2


def test_a_row_holds_rates_means_and_costs_per_decision() -> None:
    crashed = replace(RECORD, outcome="collision", path_m=6.0, latency_max_s=0.03)
    row = summarize([RECORD, crashed], "paper")
    assert (row["success_rate"], row["collision_rate"], row["timeout_rate"]) == (0.5, 0.5, 0.0)
    assert row["episodes"] == 2
    assert row["mean_speed_mps"] == pytest.approx(0.9)  # (1.2 + 0.6) / 2
    assert row["spl"] == pytest.approx(0.375)  # (9 / 12 + 0) / 2
    assert row["sops"] == 50
    assert row["energy_j"] == pytest.approx(50 * 13.2e-12)
    assert row["power_w"] == pytest.approx(2 * 5000 * 13.2e-12 / 20)
    assert row["latency_s"] == pytest.approx(0.005)
    assert row["latency_s_max"] == 0.03


def test_idle_energy_flows_whether_or_not_anything_happens() -> None:
    row = summarize([replace(RECORD, events=Events())], "cells180")
    assert row["dynamic_j"] == 0.0
    assert row["idle_j"] == pytest.approx(149e-6 * 10.0 / 100)
    assert row["energy_j"] == row["idle_j"]


def test_what_counts_no_events_has_no_costs() -> None:
    row = summarize([replace(RECORD, events=None, shortest_m=None)], "paper")
    assert row["spl"] is None
    assert [row[key] for key in ("latency_s", "energy_j", "power_w", "sops")] == [None] * 4


def test_rows_come_in_the_order_of_the_records() -> None:
    records = [replace(RECORD, scenario=s, controller=c) for s in "ab" for c in "xy"]
    assert [(r["scenario"], r["controller"]) for r in tabulate(records, "paper")] == [
        ("a", "x"),
        ("a", "y"),
        ("b", "x"),
        ("b", "y"),
    ]

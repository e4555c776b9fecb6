"""Standings: rows and comparisons of hand-made episodes, by hand or by loops over them."""

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from records import make_record

from neurobot.cost import COST_TABLES
from neurobot.episodes import Cell, Record
from neurobot.events import Events, MacEvents
from neurobot.metrics import figures
from neurobot.standings import cells, components, improvements, profiles, standings
from neurobot.statistics import cvar, iqm, mean, probability_of_improvement
from neurobot.strata import cell_of, strata_of, worlds_of

ROAM, SEEK = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
TASKS = {"avoidance": ROAM, "navigation": SEEK}
CONDITIONS = ("clean", "noise", "delay")
LEVELS = ("easy", "hard")
Wins = Callable[[Cell, int], bool]


def drive(controller: str, wins: Wins, episodes: int = 4, **changes: Any) -> list[Record]:
    """Drive a brain through a small suite; it wins where it is told to."""
    return [
        episode_of(controller, Cell("v1", task, condition, level), k, wins, **changes)
        for task, level, condition in product(TASKS, LEVELS, CONDITIONS)
        for k in range(episodes)
    ]


def episode_of(controller: str, cell: Cell, k: int, wins: Wins, **changes: Any) -> Record:
    """An episode of the suite; one that is lost made a progress of its own."""
    won, seeks = wins(cell, k), TASKS.get(cell.task, SEEK) == SEEK
    return make_record(
        controller=controller,
        cell=cell,
        env=SEEK if seeks else ROAM,
        episode=k,
        outcome="success" if won else "collision",
        progress=1.0 if won else 0.1 * k,
        shortest_m=9.0 if seeks else None,
        **changes,
    )


def published(controller: str, wins: Wins, task: str = "barn", count: int = 10) -> list[Record]:
    return [
        episode_of(controller, Cell("v1", task, "clean", "published"), k, wins)
        for k in range(count)
    ]


def early(cell: Cell, k: int) -> bool:
    """Win the first worlds of each cell, fewer with noise."""
    return k < (1 if cell.condition == "noise" else 3)


def even(cell: Cell, k: int) -> bool:
    return k % 2 == 0


def always(cell: Cell, k: int) -> bool:
    return True


def never(cell: Cell, k: int) -> bool:
    return False


def strata(records: Sequence[Record], value: Callable[[Record], float]) -> list[Any]:
    return strata_of(worlds_of(records), value)


def scores(records: Iterable[Record]) -> list[float]:
    """Scores by another route: SPL is 9 m of 12 m where there is a goal."""
    return [
        (0.75 if r.outcome == "success" else 0.0) if r.env == SEEK else r.progress for r in records
    ]


def test_a_row_sums_a_brain_up() -> None:
    records = drive("ours", early)
    (row,) = standings(records, "cells180")
    assert row["controller"] == "ours"
    assert row["episodes"] == 2 * 2 * 3 * 4
    assert row["success_rate"] == pytest.approx((3 + 1 + 3) / 12)
    assert row["score_mean"] == pytest.approx(math.fsum(scores(records)) / 48)
    assert row["optimality_gap"] == pytest.approx(1 - row["score_mean"])
    middle = sorted(scores(records))[12:36]
    assert row["score_iqm"] == pytest.approx(math.fsum(middle) / 24)
    assert row["score_iqm_low"] < row["score_iqm"] < row["score_iqm_high"]
    rate = mean(strata(records, lambda r: r.success))
    assert (row["by_world_low"], row["by_world_high"]) == (rate.low, rate.high)
    assert {k: v["success_rate"] for k, v in row["conditions"].items()} == {
        "clean": 0.75,
        "noise": 0.25,
        "delay": 0.75,
    }
    assert row["published"] == {}


def test_a_row_holds_what_metrics_tell_of_the_same_episodes() -> None:
    records = drive("ours", early)
    (row,) = standings([*records, *published("ours", never)], "cells180")
    for key, value in figures(records, "cells180").items():
        assert row[key] == value, key


def test_worst_worlds_are_found_by_successes_under_the_other_conditions() -> None:
    (row,) = standings(drive("ours", early, episodes=20), "cells180")
    # Of 80 worlds the worst 8 win under no condition but perhaps the one that is measured.
    assert (row["cvar_10"], row["cvar_10_low"], row["cvar_10_high"]) == (0.0, 0.0, 0.0)
    (fair,) = standings(drive("ours", even, episodes=2), "cells180")
    found = cvar(strata(drive("ours", even, episodes=2), lambda r: r.success), [0.01])
    assert (fair["cvar_1"], fair["cvar_1_low"], fair["cvar_1_high"]) == found.at(0)


def test_tasks_are_told_under_the_clean_condition() -> None:
    (row,) = standings(drive("ours", early), "cells180")
    assert list(row["tasks"]) == ["avoidance", "navigation"]
    assert [task["episodes"] for task in row["tasks"].values()] == [8, 8]
    assert [task["success_rate"] for task in row["tasks"].values()] == [0.75, 0.75]
    assert row["tasks"]["avoidance"]["spl"] is None
    assert row["tasks"]["navigation"]["spl"] == pytest.approx(0.75 * 0.75)


def test_published_worlds_stand_apart() -> None:
    records = drive("ours", early)
    alone = standings(records, "cells180")[0]
    beside = standings([*records, *published("ours", always)], "cells180")[0]
    assert beside["published"]["barn"]["success_rate"] == 1.0
    apart = {key: None for key in beside if key.startswith("barn_score")}
    assert {**beside, "published": {}, **apart} == alone
    (only,) = standings(published("ours", even), "cells180")
    assert (only["episodes"], only["success_rate"]) == (10, 0.5)
    assert only["score_mean"] is not None


def test_barn_worlds_are_scored_as_in_the_challenge() -> None:
    driven = published("ours", even)  # 9 m at 2 m/s are 4.5 s, and each took 10 s
    (row,) = standings(driven, "cells180")
    assert row["barn_score"] == pytest.approx(0.5 * 4.5 / 10)
    assert row["barn_score_2022"] == pytest.approx(0.5 / 4)  # it pays to be fast up to 18 s
    assert row["barn_score_low"] < row["barn_score"] < row["barn_score_high"]
    dead = replace(driven[1], outcome="fault", duration_s=0.0)
    assert (
        standings([*driven[:1], dead, *driven[2:]], "cells180")[0]["barn_score"]
        == row["barn_score"]
    )
    again = [replace(r, cell=Cell("v1", "maps", "clean", "published")) for r in driven]
    assert standings(again, "cells180")[0]["barn_score"] is None


def test_a_fault_is_a_failure() -> None:
    fine = drive("ours", always)
    broken = [replace(r, outcome="fault", fault="it raised", progress=0.0) for r in fine[:12]]
    (row,) = standings([*broken, *fine[12:]], "cells180")
    assert (row["success_rate"], row["fault_rate"]) == (0.75, 0.25)
    assert row["tasks"]["avoidance"]["fault_rate"] == 0.5
    assert row["score_mean"] == pytest.approx((12 * 0 + 12 * 1.0 + 24 * 0.75) / 48)


def test_a_brain_that_counts_nothing_is_told_apart() -> None:
    counts, silent = standings([*drive("a", even), *drive("b", even, events=None)], "paper")
    assert (counts["costs"], silent["costs"]) == ("counted", "none")
    assert silent["energy_j"] is silent["latency_s_p99"] is None
    assert counts["sops"] == 50


def test_nothing_depends_on_the_order_of_episodes() -> None:
    records = [*drive("a", early), *published("a", even), *drive("b", even)]
    shuffled = Random(0).sample(records, len(records))
    rows, others = (
        sorted(standings(each, "paper"), key=lambda row: str(row["controller"]))
        for each in (records, shuffled)
    )
    assert rows == others
    pairs = [improvements(each) for each in (records, shuffled)]
    ways = [[each["brains"].index(name) for name in "ab"] for each in pairs]
    found = [
        each["value"][first][second] for each, (first, second) in zip(pairs, ways, strict=True)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_improvements_are_those_of_pairs() -> None:
    brains = {"early": early, "even": even, "never": never}
    records = [record for name, wins in brains.items() for record in drive(name, wins)]
    found = improvements(records)
    assert found["brains"] == list(brains)
    by_hand = [strata(drive(name, wins), lambda r: r.score) for name, wins in brains.items()]
    for (i, x), (j, y) in product(enumerate(by_hand), repeat=2):
        pair = tuple(found[key][i][j] for key in ("value", "low", "high"))
        assert pair == pytest.approx(probability_of_improvement(x, y), abs=1e-12)
        means = [sum(s.mean() for s in each) / len(each) for each in (x, y)]
        assert found["difference"][i][j] == pytest.approx(means[0] - means[1], abs=1e-12)
        assert found["difference_low"][i][j] <= found["difference"][i][j] + 1e-12


def test_brains_that_have_not_met_all_worlds_are_not_compared() -> None:
    records = [*drive("a", early), *drive("b", even)[:30], *drive("c", never)]
    assert improvements(records)["brains"] == ["a", "c"]
    assert improvements([]) == {"brains": []}
    alone = [record for record in records if record.controller == "a"]
    assert improvements(alone) == {"brains": []}, "nobody to compare with"
    part = standings(records, "cells180")[1]
    assert part["episodes"] == 30
    assert part["score_mean"] is not None


def test_a_world_that_was_not_met_under_all_conditions_is_left_out_of_intervals() -> None:
    records = drive("a", early)
    holed = [r for r in records if (r.cell, r.episode) != (Cell("v1", *CELL), 0)]
    whole = [r for r in records if (cell_of(r).task, cell_of(r).level, r.episode) != (*PLACE, 0)]
    expected = iqm(strata(whole, lambda r: r.score))
    row = standings(holed, "cells180")[0]
    assert (row["score_iqm"], row["score_iqm_low"], row["score_iqm_high"]) == expected
    assert row["episodes"] == 47
    parted = [r for r in records if (r.episode < 2) == (cell_of(r).condition == "clean")]
    empty = standings(parted, "cells180")[0]
    assert [empty[key] for key in ("score_iqm", "score_iqm_low", "by_world_low", "cvar_5")] == [
        None
    ] * 4


CELL = ("avoidance", "noise", "easy")
PLACE = ("avoidance", "easy")


def test_levels_are_chance_where_each_has_one_world() -> None:
    quick = drive("a", lambda cell, k: cell.level == "easy", episodes=1)
    assert [each.shape for each in strata(quick, lambda r: r.score)] == [(2, 3), (2, 3)]
    (row,) = standings(quick, "cells180")
    assert row["by_world_low"] < 0.5 < row["by_world_high"]
    whole = strata(drive("a", early), lambda r: r.score)
    assert [each.shape for each in whole] == [(4, 3)] * 4


def test_profiles_are_shares_above_thresholds() -> None:
    records = [*drive("a", early), *drive("b", never)]
    found = profiles(records)
    assert list(found["brains"]) == ["a", "b"]
    assert found["thresholds"][0] == 0.0
    assert found["thresholds"][-1] == 1.0
    for name in ("a", "b"):
        mine = scores(r for r in records if r.controller == name)
        shares = [sum(s > tau for s in mine) / len(mine) for tau in found["thresholds"]]
        band = found["brains"][name]
        assert band["value"] == pytest.approx(shares)
        assert all(x <= y + 1e-12 for x, y in zip(band["low"], band["high"], strict=True))


def test_cells_have_a_row_each() -> None:
    records = [*drive("a", early), *published("a", even), *drive("b", never)]
    rows = cells(records, "cells180")
    assert len(rows) == 12 + 1 + 12
    row = next(r for r in rows if (r["task"], r["condition"], r["level"]) == CELL)
    assert (row["controller"], row["suite"], row["episodes"]) == ("a", "v1", 4)
    assert row["success_rate"] == 0.25
    assert rows[12]["level"] == "published"


def test_components_add_up_to_the_energy_of_a_decision() -> None:
    mac = MacEvents(cycles=1000, macs_4b=600, weight_reads=50, banks=3)
    records = [
        *drive("spikes", even), *drive("macs", even, events=mac), *drive("none", even, events=None)
    ]  # fmt: skip
    for table in ("cells180", "paper"):
        bills = components(records, table)
        assert list(bills) == (["spikes", "macs"] if table == "cells180" else ["spikes"])
        for row in standings(records, table):
            if row["controller"] in bills:
                found = bills[row["controller"]]
                assert found["energy_j"] == pytest.approx(row["energy_j"])
                assert math.fsum(found["parts_j"].values()) == pytest.approx(row["energy_j"])
                assert found["energy_low_j"] <= found["energy_j"] <= found["energy_high_j"]
    price = COST_TABLES["cells180"].tariffs["mac"].prices["macs_4b"].nominal
    assert components(records, "cells180")["macs"]["parts_j"]["macs_4b"] == pytest.approx(6 * price)
    merged = components(
        records, "cells180", parts=lambda chip, tariff: {"all": list(tariff.prices)}
    )
    assert list(merged["macs"]["parts_j"]) == ["all", "leakage"]


def test_outside_of_a_suite_a_scenario_is_a_task() -> None:
    records = [
        make_record(episode=k, scenario=name) for name in ("forest", "rooms") for k in range(3)
    ]
    (row,) = standings(records, "cells180")
    assert list(row["tasks"]) == ["Navigation-v0 forest", "Navigation-v0 rooms"]
    assert row["score_mean"] == 0.75


def test_the_same_episode_twice_is_refused() -> None:
    records = drive("a", early)
    with pytest.raises(
        ValueError, match=r"^records: a drove episode 0 of v1 avoidance clean easy tw"
    ):
        standings([*records, records[0]], "cells180")


def test_everything_is_plain_json() -> None:
    counts = Events(cycles=3, synaptic_ops=9)
    records = [*drive("a", early, events=counts), *published("a", even), *drive("b", never)]
    for found in (
        standings(records, "cells180"),
        cells(records, "cells180"),
        improvements(records),
        profiles(records),
        components(records, "cells180"),
    ):
        assert json.loads(json.dumps(found, allow_nan=False)) == found

"""Campaigns of faults: what is counted, where half is, which bits matter, what codes take."""

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from records import make_record

from neurobot.campaign.bits import effects_by_bit, sample, try_bits, worst
from neurobot.campaign.chips import Chip
from neurobot.campaign.findings import chosen, found_in
from neurobot.campaign.halving import crossing, half_level
from neurobot.campaign.levels import halves, levels
from neurobot.campaign.protecting import gates_of, protections
from neurobot.campaign.runs import Runs, read_campaign, run_campaign, with_faults
from neurobot.campaign.single import Place, locate, single_bits, single_pairs
from neurobot.cli import faults as command
from neurobot.cli import main
from neurobot.cost import COST_TABLES
from neurobot.episodes import Job, to_result
from neurobot.events import CimEvents, Events, InsightEvents
from neurobot.faults.draw import Draw, Upsets
from neurobot.faults.memory import Codes, Memory, Strikes
from neurobot.faults.spec import Faults
from neurobot.statistics import RESAMPLES, wilson
from neurobot.store import Store, Stored, StoreError

WORLDS = 4
SHORT: dict[str, Any] = {"scenario": "empty", "time_limit_s": 1.0}
DEAD = Faults(memory="sensor", kind="dead", share=0.5)


def upsets(*places: int, felt: int = 0) -> Upsets:
    where = np.array(places, np.int64)
    return Upsets(len(places), felt, Draw(np.zeros_like(where), where).to_text())


def episode(
    world: int, faults: Faults | None, success: bool, *, brain: str = "poppins", **changes: Any
) -> Runs:
    outcome = "success" if success else "collision"
    met = {} if faults is None else {"upsets": changes.pop("upsets", upsets(world, felt=1))}
    record = make_record(
        controller=brain, episode=world, seed=world, outcome=outcome, shortest_m=None, **changes,
        **met,
    )  # fmt: skip
    job = Job(brain, record.env, record.scenario, world, world, faults=faults)
    return {job: record}


def sweep(rates: dict[float, str], sound: str, **kinds: Any) -> Runs:
    """Episodes of one brain, + a success and - none, world by world."""
    runs: Runs = {}
    for faults, ends in [(None, sound), *((Faults(rate=r, **kinds), e) for r, e in rates.items())]:
        for world, end in enumerate(ends):
            progress = 1.0 if end == "+" else 0.25
            runs |= episode(world, faults, end == "+", progress=progress)
    return runs


# Where success is half.


def test_half_is_on_the_line_between_two_levels_over_their_logarithm() -> None:
    found = crossing(np.array([1e-6, 1e-5, 1e-4]), np.array([1.0, 0.8, 0.2]), 1.0)
    assert found == pytest.approx(10**-4.5, rel=1e-12)
    found = crossing(np.array([1e-6, 1e-5]), np.array([0.8, 0.2]), 0.8)
    assert found == pytest.approx(10 ** (-6 + 0.4 / 0.6), rel=1e-12)


def test_what_rises_with_more_faults_is_taken_as_chance() -> None:
    # 0.8 and 0.9 are pooled to 0.85, from where a line leads down to 0.1.
    found = crossing(np.array([1.0, 10.0, 100.0]), np.array([0.8, 0.9, 0.1]), 0.9)
    assert found == pytest.approx(10 ** (1 + (0.85 - 0.45) / 0.75), rel=1e-12)


@pytest.mark.parametrize(
    ("successes", "sound", "reached"),
    [("1111", "1111", "beyond"), ("0000", "1111", "below"), ("0000", "0000", "no")],
)
def test_half_outside_of_the_levels_is_said_to_be_there(
    successes: str, sound: str, reached: str
) -> None:
    ends = np.array([[each == "1"] * 2 for each in successes])
    half = half_level(np.array([1.0, 2.0]), ends, np.array([each == "1" for each in sound]))
    assert half.reached == reached
    assert [half.low, half.high] == pytest.approx([half.value] * 2, nan_ok=True)


def test_the_interval_holds_the_level_at_which_worlds_that_differ_give_up() -> None:
    chance = np.random.default_rng(3)
    rates = np.geomspace(1e-6, 1e-2, 9)
    limits = 10 ** chance.normal(-4.0, 0.7, 200)  # where each world is lost: half of them at 1e-4
    half = half_level(rates, limits[:, None] > rates, np.ones(200, np.bool_))
    assert half.low < 1e-4 < half.high
    assert half.low < half.value < half.high < 2 * half.low


def test_the_interval_draws_worlds_with_all_that_happened_in_them() -> None:
    chance = np.random.default_rng(5)
    rates = np.geomspace(1e-6, 1e-2, 5)
    sound = chance.random(30) < 0.7
    ends = sound[:, None] & (10 ** chance.normal(-4.0, 0.7, 30)[:, None] > rates)
    half = half_level(rates, ends, sound, seed=1)
    drawn = np.random.default_rng(1).integers(0, 30, (RESAMPLES, 30))
    found = sorted(crossing(rates, ends[w].mean(axis=0), float(sound[w].mean())) for w in drawn)
    # Means of the same draws in another order of sums may differ in the last bit.
    assert half.low == pytest.approx(found[RESAMPLES // 40 - 1], rel=1e-9)
    assert half.high == pytest.approx(found[RESAMPLES - RESAMPLES // 40 - 1], rel=1e-9)


def test_levels_and_successes_that_do_not_fit_are_refused() -> None:
    ends = np.ones((3, 2), np.bool_)
    for wrong in ([2.0, 1.0], [0.0, 1.0], []):
        with pytest.raises(ValueError, match="one or more, above 0, rising"):
            half_level(np.array(wrong), ends, ends[:, 0])
    with pytest.raises(ValueError, match=r"\(3, 2\) found, \(2, 2\) needed"):
        half_level(np.array([1.0, 2.0]), ends, ends[:2, 0])


# Rows of levels and of sweeps.


def test_a_level_s_row_is_what_can_be_counted_by_hand() -> None:
    runs = sweep({1e-5: "+-+-", 1e-4: "----"}, sound="+++-")
    sound, first, last = levels(runs)
    assert (sound["amount"], sound["level"], sound["success_rate"]) == ("rate", 0.0, 0.75)
    assert (sound["injected"], sound["loss"], sound["loss_high"]) == (0, 0.0, 0.0)
    assert (first["amount"], first["level"], first["memory"]) == ("rate", 1e-5, "weights")
    assert (first["success_rate"], first["collision_rate"]) == (0.5, 0.5)
    assert (first["success_low"], first["success_high"]) == wilson(2, 4)
    assert (first["loss"], last["loss"]) == (0.25, 0.75)
    assert first["score_loss"] == pytest.approx((3.25 - 2.5) / 4, abs=1e-12)
    assert first["score"] == pytest.approx(2.5 / 4, abs=1e-12)
    assert (first["injected"], first["felt"]) == (4, 4)
    assert first["loss_low"] <= 0.25 <= first["loss_high"]


def test_levels_are_paired_by_world_whatever_their_order() -> None:
    runs = sweep({1e-5: "+-+-", 1e-4: "----"}, sound="+++-")
    turned = dict(reversed(runs.items()))
    by_level = {row["level"]: row for row in levels(turned)}
    assert len(by_level) == 3
    for row in levels(runs):
        assert by_level[row["level"]] == pytest.approx(row), row["level"]
    assert [row["half"] for row in halves(turned)] == [row["half"] for row in halves(runs)]


def test_faults_of_an_episode_at_a_rate_are_those_of_one_that_lasts_as_long_as_a_sound_one() -> (
    None
):
    faults = Faults(rate=1e-3)
    runs: Runs = {}
    for world in range(2):
        runs |= episode(world, None, True, duration_s=60.0)
        met = upsets(*range(3))
        runs |= episode(world, faults, False, duration_s=10.0, upsets=met)
    assert levels(runs)[1]["per_episode"] == pytest.approx(6 * 60 / 20)
    counted = {
        replace(job, faults=job.faults and replace(faults, rate=0.0, count=3)): record
        for job, record in runs.items()
    }
    assert levels(counted)[1]["per_episode"] == 3.0


def test_a_sweep_says_where_half_is_in_both_units() -> None:
    runs = sweep({1e-5: "++++", 1e-3: "----"}, sound="++++")
    (row,) = halves(runs)
    assert row["half"] == pytest.approx(1e-4)
    assert (row["half_reached"], row["sound_rate"], row["injected"]) == ("within", 1.0, 8)
    assert (row["failures"], row["collisions"]) == (4, 4)
    # Eight faults of eight episodes: one each, at a mean rate of (1e-5 + 1e-3) / 2.
    assert row["half_per_episode"] == pytest.approx(1e-4 * 2 / (1e-5 + 1e-3))
    assert (row["half_low"], row["half_high"]) == (row["half"], row["half"])


def test_protections_and_bursts_are_sweeps_of_their_own() -> None:
    kinds: list[dict[str, Any]] = [{}, {"protection": "ecc"}, {"burst": 4}, {"kind": "flip"}]
    runs = {job: record for kind in kinds for job, record in
            sweep({1e-5: "++", 1e-4: "--"}, sound="++", **kind).items()}  # fmt: skip
    told = [(row["protection"], row["burst"]) for row in halves(runs)]
    assert told == [("none", 1), ("ecc", 1), ("none", 4)]


def test_rows_can_be_written_as_json() -> None:
    runs = sweep({1e-5: "++++", 1e-4: "++++"}, sound="++++")
    rows = [*levels(runs), *halves(runs)]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert rows[-1]["half"] is None
    assert rows[-1]["half_reached"] == "beyond"


# Which bits matter.

MEMORIES = (Memory("weights", "first", 3, 4), Memory("weights", "second", 2, 8))


def test_a_place_is_counted_part_by_part_and_value_by_value() -> None:
    every = [
        Place(memory.part, value, bit)
        for memory in MEMORIES
        for value in range(memory.values)
        for bit in range(memory.bits)
    ]
    assert [locate(MEMORIES, k) for k in range(len(every))] == every
    with pytest.raises(ValueError, match="place: 28 found; allowed: less than 28"):
        locate(MEMORIES, 28)


def test_single_flips_are_laid_to_the_bit_that_they_hit() -> None:
    runs: Runs = {}
    # Bit 3 of the first part's values 0 and 1, then bit 0 of the second part's value 0.
    for world, (place, success) in enumerate([(3, False), (7, True), (12, False)]):
        runs |= episode(world, None, True)
        runs |= episode(world, Faults(count=1), success, progress=1.0 if success else 0.5,
                        upsets=upsets(place))  # fmt: skip
    runs |= episode(3, None, True) | episode(3, Faults(count=1), True, upsets=upsets())
    runs |= episode(4, None, True) | episode(4, Faults(count=2), True, upsets=upsets(0, 1))
    rows = single_bits(single_pairs(runs, "weights"), {"poppins": MEMORIES})
    told = [(r["part"], r["bit"], r["flips"], r["loss"], r["failed"]) for r in rows]
    assert told == [("first", 3, 2, 0.25, 0.5), ("second", 0, 1, 0.5, 1.0)]
    assert (rows[0]["failed_low"], rows[0]["failed_high"]) == wilson(1, 2)


class Adder:
    """A brain whose left wheel gets the sum of its weights, and whose right wheel gets nothing."""

    memories = MEMORIES
    cycles = 0
    felt = 0
    events = Events()

    def __init__(self) -> None:
        self.codes = [np.array([1, 2, 3], np.uint64), np.array([9, 8], np.uint64)]

    def reset(self, seed: int) -> None:
        """Nothing to begin."""

    def act(self, observation: dict[str, NDArray[Any]]) -> NDArray[Any]:
        """Add up, but for the lowest bits of the second part, if there is something to see."""
        seen = int(self.codes[0].sum()) + int((self.codes[1] // np.uint64(16)).sum())
        return np.array([float(seen) * observation["range"][0], 0.0])

    def read(self, part: int) -> Codes:
        return self.codes[part].copy()

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        self.codes[part][values] = codes

    def strike(self, strikes: Strikes) -> None:
        raise AssertionError("nothing is struck here")


def test_each_bit_alone_is_tried_and_put_back() -> None:
    adder = Adder()
    before = [codes.copy() for codes in adder.codes]
    views = [{"range": np.array([seen])} for seen in (0.0, 1.0, 1.0, 0.0)]
    effects = list(try_bits(Chip(adder, None, adder), "weights", views, None, seed=0))
    assert len(effects) == 28
    for effect in effects:
        part, _, bit = effect.place
        turned = 2.0**bit if part == "first" else 2.0 ** (bit - 4) if bit >= 4 else 0.0
        assert effect.size == turned / 2, effect
        assert effect.changed == (0.5 if turned else 0.0), effect
    for found, expected in zip(adder.codes, before, strict=True):
        np.testing.assert_array_equal(found, expected)
    rows = {(row["part"], row["bit"]): row for row in effects_by_bit(effects)}
    assert len(rows) == 12
    assert (rows["second", 3]["mattered"], rows["first", 0]["mattered"]) == (0.0, 1.0)
    assert rows["first", 3] == {
        "part": "first", "bit": 3, "flips": 3, "changed": 0.5, "size": 4.0, "mattered": 1.0,
        "mattered_low": wilson(3, 3)[0], "mattered_high": wilson(3, 3)[1],
    }  # fmt: skip
    assert {effect.place.bit for effect in worst(effects, 5)} == {3, 7}


def test_bits_are_chosen_by_the_seed_as_many_of_each_part_and_place() -> None:
    memories = (Memory("weights", "a", 100, 3), Memory("weights", "b", 4, 2))
    few = sample(memories, 5, seed=1)
    assert few == sample(memories, 5, seed=1)
    assert few != sample(memories, 5, seed=2)
    assert len(few) == len(set(few)) == 3 * 5 + 2 * 4
    assert {(place.part, place.bit) for place in few} == {
        ("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)
    }  # fmt: skip
    assert len(set(sample(memories, None, seed=1))) == 308


# What codes take.


def test_decoders_have_as_many_gates_as_can_be_counted() -> None:
    assert gates_of("none", 32) == 0
    assert gates_of("parity", 32) == 32
    # 7 checks of 32 bits: 96 XORs; 64 ANDs and 32 XORs to correct; two trees of 6.
    assert gates_of("ecc", 32) == 96 + 96 + 12
    assert gates_of("tmr", 32) == 160


def test_codes_take_what_their_bits_and_gates_take() -> None:
    memories = [Memory("weights", "a", 64, 8, reads="weight_reads")]
    events = Events(cycles=1, weight_reads=400)
    record = make_record(events=events, decisions=100, duration_s=10.0)
    rows = {row["protection"]: row for row in protections(memories, [record], "cells180", 32)}
    stored = {name: row["stored_bits"] for name, row in rows.items()}
    assert stored == {"none": 512, "parity": 16 * 33, "ecc": 16 * 39, "tmr": 3 * 512}
    read_j = COST_TABLES["cells180"].tariffs["poppins"].prices["weight_reads"].nominal
    gate_j, leak_w = 20e-12 / 346, 67e-6 / 65536
    for name, (share, gates) in {"parity": (1 / 32, 1), "ecc": (7 / 32, 204 / 32),
                                 "tmr": (2, 5)}.items():  # fmt: skip
        # Four reads of 8 bits in a decision, and a tenth of a second.
        expected = 4 * (share * read_j + 8 * gates * gate_j) + share * 512 * leak_w * 0.1
        assert rows[name]["extra_j"] == pytest.approx(expected, rel=1e-9), name
        assert rows[name]["extra_low_j"] < expected < rows[name]["extra_high_j"], name
    assert rows["none"]["extra_j"] == 0.0


def test_what_is_computed_where_it_lies_takes_copies_and_nothing_else() -> None:
    memories = [Memory("weights", "a", 64, 2, readable=False)]
    events = CimEvents(cycles=1, cell_reads=1000, conversions_4b=10)
    rows = protections(memories, [make_record(events=events)], "cells180")
    refused = {row["protection"] for row in rows if row["refused"]}
    assert refused == {"parity", "ecc"}
    assert all(row["extra_j"] is None for row in rows if row["refused"])
    prices = COST_TABLES["cells180"].tariffs["cim"].prices
    array_j = 1000 * prices["cell_reads"].nominal + 10 * prices["conversions_4b"].nominal
    leak_j = 2 * 128 / 65536 * 67e-6 * 10.0
    tmr = next(row for row in rows if row["protection"] == "tmr")
    assert tmr["extra_j"] == pytest.approx((2 * array_j + leak_j) / 100, rel=1e-9)


def test_constants_that_stand_still_only_leak() -> None:
    memories = [Memory("weights", "a", 4, 8, reads="macs")]
    events = InsightEvents(cycles=1, macs=10_000)
    rows = protections(memories, [make_record(events=events)], "cells180")
    word_w = COST_TABLES["cells180"].tariffs["insight"].held_w["delay_words"].nominal
    parity = next(row for row in rows if row["protection"] == "parity")
    gates = 6 + 32  # a flip-flop more, and a decoder
    assert parity["extra_j"] == pytest.approx(gates / 48 * word_w * 10.0 / 100, rel=1e-9)


def test_tables_that_tell_nothing_of_logic_price_no_codes() -> None:
    memories = [Memory("weights", "a", 64, 8, reads="weight_reads")]
    for row in protections(memories, [make_record()], "paper"):
        assert row["extra_j"] is None, row["protection"]


# Campaigns that are driven.


def test_every_brain_meets_the_same_worlds_sound_and_with_each_kind_once() -> None:
    sound = [Job(brain, "e", "s", k, k) for brain in "ab" for k in range(2)]
    kinds = [Faults(rate=1.0), Faults(), Faults(rate=1.0), Faults(count=1)]
    found = with_faults(sound, kinds)
    assert len(found) == len(set(found)) == 2 * 2 * 3
    for brain in "ab":
        mine = [(job.seed, job.faults) for job in found if job.controller == brain]
        expected = [(k, f) for f in (None, Faults(rate=1.0), Faults(count=1)) for k in range(2)]
        assert mine == expected


def test_a_campaign_goes_on_where_it_ended(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    few = [Faults(rate=1e-4)]
    more = [*few, Faults(rate=1e-2), DEAD]
    first = run_campaign("poppins", few, episodes=2, out=tmp_path, **SHORT)
    again = run_campaign("poppins", more, episodes=2, out=tmp_path, **SHORT,
                         progress=lambda done, total: told.append((done, total)))  # fmt: skip
    assert told[0] == (4, 8)
    assert told[-1] == (8, 8)
    fresh = run_campaign("poppins", more, episodes=2, **SHORT)
    assert fresh == again == read_campaign(tmp_path)
    assert first.items() <= again.items()
    hit = {job.faults.rate: record.upsets for job, record in again.items() if job.faults}
    assert hit[1e-2] is not None
    assert hit[1e-2].injected > 100


def test_a_campaign_in_a_suite_s_worlds_has_its_cells() -> None:
    runs = run_campaign("straight", DEAD, suite="v1",
                        episodes=1)  # fmt: skip
    cells = {job.cell for job in runs}
    assert len(cells) == 4 * 3 * 5
    assert len(runs) == 2 * len(cells)


def test_a_folder_without_faults_is_refused(tmp_path: Path) -> None:
    run_campaign("straight", Faults(), episodes=1, out=tmp_path, **SHORT)
    with pytest.raises(StoreError, match="no episodes with faults found"):
        read_campaign(tmp_path)


def test_episodes_without_their_sound_ones_are_left_out(tmp_path: Path) -> None:
    runs = run_campaign("straight", DEAD, episodes=2, out=tmp_path / "whole", **SHORT)
    lone = next(job for job in runs if job.faults is None)
    rows = [
        Stored(job.key, to_result(record), record.trace)
        for job, record in runs.items()
        if job != lone
    ]
    with Store(tmp_path / "part") as store:
        store.add_all(rows)
    kept = read_campaign(tmp_path / "part")
    assert len(kept) == 2
    assert {job.seed for job in kept} == {1}


def test_what_is_shown_can_be_chosen() -> None:
    runs = sweep({1e-5: "++"}, sound="++") | sweep({0.1: "++"}, sound="++", memory="sensor",
                                                   kind="dead")  # fmt: skip
    kept = chosen(runs, memory="sensor")
    assert {job.faults.memory for job in kept if job.faults} == {"sensor"}
    assert len(kept) == 4
    with pytest.raises(ValueError, match="no faults found for controllers any, memory state"):
        chosen(runs, memory="state")


def test_findings_of_a_brain_without_a_chip_have_levels_alone() -> None:
    runs = run_campaign("vfh", DEAD, episodes=2, **SHORT)
    found = found_in(runs, "cells180", mapped=True)
    assert [row["level"] for row in found.levels] == [0.0, 0.5]
    assert found.episodes == 4
    assert (found.guards, found.single, found.bits) == ([], [], [])
    assert found.topic == ("sensor", "dead", 1, 32, "share")


# The command.


def run_command(*words: str) -> int:
    return main(["faults", *words])


REFUSED = {
    "--csv nowhere/x.csv: no folder nowhere found": (
        *("vfh", "--memory", "sensor", "--share", "0.1", "--csv", "nowhere/x.csv"),
    ),
    "unknown suffix '.exe'": (
        *("vfh", "--memory", "sensor", "--share", "0.1", "--plot", "x.exe"),
    ),
    "one of them needed": ["poppins"],
    "allowed: above 0": ["poppins", "--rate", "0"],
    "CONTROLLER: none found": ["--rate", "1"],
    "known for this chip: weights": ["poppins", "--memory", "magic", "--rate", "1"],
    "no memories that are modelled": ["vfh", "--rate", "1"],
    "--scenario: a suite fixes it": ["vfh", "--suite", "v1", "--scenario", "forest", "--memory",
                                     "sensor", "--share", "0.1"],
    "allowed: dead, stuck": ["vfh", "--memory", "sensor", "--kind", "flip", "--share", "0.1"],
    "no episodes there": ["--from", "nowhere"],
    "allowed: 1 or more episodes": ["poppins", "--rate", "1", "--episodes", "0"],
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_run_is_refused_in_one_sentence(
    sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(*REFUSED[sentence]) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_brain_s_memories_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("poppins", "--list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    sizes = [row["size"] for row in rows if row["memory"] == "weights"]
    assert sizes
    assert all(row["size"] == row["values"] * row["bits"] for row in rows)
    assert run_command("poppins", "--list") == 0
    assert "weight_reads" in capsys.readouterr().out


def test_a_campaign_is_told_in_tables_figures_and_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    places = {name: tmp_path / name for name in ("plot.png", "map.png", "rows.csv", "out")}
    campaign = ["poppins", "--scenario", "empty", "--time-limit", "1", "--episodes", "2", "--rate",
                "1e-4", "1e-2", "--protection", "none", "ecc", "--jobs", "1"]  # fmt: skip
    assert run_command(*campaign, "--out", str(places["out"]), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["level"], row["protection"]) for row in told["rows"]] == [
        (0.0, "none"), (1e-4, "none"), (1e-2, "none"), (1e-4, "ecc"), (1e-2, "ecc")
    ]  # fmt: skip
    assert {row["protection"] for row in told["guards"]} == {"none", "parity", "ecc", "tmr"}
    shown = ["--from", str(places["out"]), "--plot", str(places["plot.png"]), "--map",
             str(places["map.png"]), "--flips", "2", "--csv", str(places["rows.csv"])]  # fmt: skip
    assert run_command(*shown) == 0
    text = capsys.readouterr().out
    assert "success is half" in text
    assert "single bits that turn decisions most" in text
    injected = sum(row["injected"] for row in told["rows"])
    assert f"{injected:,} injected faults" in text
    for name in ("plot.png", "map.png"):
        assert places[name].read_bytes().startswith(b"\x89PNG"), name
    lines = places["rows.csv"].read_text().splitlines()
    assert len(lines) == 1 + len(told["rows"])
    assert lines[0].startswith("controller,memory,kind")


def test_pictures_of_several_brains_have_a_panel_for_each(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from neurobot.plots.draw_bits import draw_bits
    from neurobot.plots.draw_guards import draw_guards
    from neurobot.plots.figures import picture

    runs = {job: record for guard in ("none", "ecc") for job, record in
            sweep({1e-5: "++", 1e-4: "--"}, sound="++", protection=guard).items()}  # fmt: skip
    others = {replace(job, controller="vfh"): record for job, record in runs.items()}
    with picture(str(tmp_path / "guards.svg")) as figure:
        draw_guards(figure, levels(runs | others))
        assert [axes.get_title() for axes in figure.axes] == ["poppins", "vfh"]
        lines = [[each for each in axes.get_lines() if np.size(each.get_xdata())]
                 for axes in figure.axes]  # fmt: skip
        assert [len(each) for each in lines] == [3, 3]  # two codes, and 0
    cells = [{"part": part, "bit": bit, "loss": 0.1 * bit} for part in "ab" for bit in (0, 5)]
    with picture(str(tmp_path / "bits.svg")) as figure:
        draw_bits(figure, {"x": cells, "y": cells[:1]}, "loss", "lost", "title")
        wide, narrow, scale = figure.axes
        assert [label.get_text() for label in wide.get_yticklabels()] == ["a", "b"]
        assert [text.get_text() for text in wide.texts] == ["0", "50", "0", "50"]
        assert [text.get_text() for text in narrow.texts] == ["0"]
        assert scale.get_ylabel() == "lost"
    with picture(str(tmp_path / "none.svg")) as figure:
        with pytest.raises(ValueError, match="rows: none with faults found"):
            draw_guards(figure, [])
        with pytest.raises(ValueError, match="maps: no bits found"):
            draw_bits(figure, {}, "loss", "lost", "title")


def test_every_amount_is_crossed_with_every_protection() -> None:
    top = argparse.ArgumentParser()
    command.add_command(top.add_subparsers())
    words = ["faults", "x", "--share", "0.1", "0.2", "--protection", "none", "tmr", "--kind",
             "stuck1", "--word-bits", "16", "--fault-seed", "5"]  # fmt: skip
    found = command.faults_of(top.parse_args(words))
    expected = [
        Faults(kind="stuck1", share=share, protection=guard, word_bits=16, seed=5)
        for guard in ("none", "tmr")
        for share in (0.1, 0.2)
    ]
    assert found == expected
    assert math.isclose(sum(each.share for each in found), 0.6)

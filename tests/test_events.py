"""Counts of several kinds of chips: what adds up, what is kept, what is priced, what is told."""

import json
import re
import subprocess
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from brains import Abacus, Shopkeeper
from records import make_record

from neurobot import evaluate
from neurobot.cli.evaluate import print_rows
from neurobot.cost import COST_TABLES
from neurobot.demo.meters import Meter, Reading
from neurobot.episodes import from_result, to_result
from neurobot.events import (
    CHIPS,
    MODE_FIELDS,
    CimEvents,
    Counts,
    Events,
    InsightEvents,
    MacEvents,
    MarsEvents,
    kind_of,
)
from neurobot.loop import Pilot, Timing, counted
from neurobot.metrics import summarize

SHORT: dict[str, Any] = {"scenario": "empty", "time_limit_s": 2.0}


RECORD = make_record(
    path_m=12.5,
    events=MacEvents(cycles=1000, macs_4b=600, macs_8b=300, gated_macs=100, banks=3),
    controller="cnn",
    env="neurobot/Avoidance-v0",
    shortest_m=None,
)


def test_counts_add_up_field_by_field_and_what_is_on_stays_on() -> None:
    count = len(fields(MacEvents))
    one, other = MacEvents(*range(count)), MacEvents(*range(100, 100 + count))
    added = asdict(one + other)
    assert list(added.values())[:-1] == [100 + 2 * k for k in range(count - 1)]
    assert added["banks"] == 100 + count - 1
    assert (other + one).banks == (one + other).banks
    assert one + MacEvents() == one
    assert one.times(3) == one + one + one
    assert one.times(0) == MacEvents(banks=one.banks)
    assert Abacus(1, 2) + Abacus(10, 20) == Abacus(11, 22)


def test_counts_of_different_chips_do_not_add_up() -> None:
    for one, other, names in (
        (Events(), MacEvents(), ("mac", "poppins")),
        (MacEvents(), Events(), ("poppins", "mac")),
        (Abacus(), Events(), ("poppins", "abacus")),
    ):
        sentence = f"counts of {names[0]} found, of {names[1]} needed to add them up"
        with pytest.raises(TypeError, match=f"^{re.escape(sentence)}$"):
            one + other  # type: ignore[operator]
    with pytest.raises(TypeError, match=r"^counts of int found"):
        Events() + 1  # type: ignore[operator]


def test_operations_are_those_of_the_chip() -> None:
    assert (Events(synaptic_ops=5).operations, Events.unit) == (5, "SOP")
    still = MacEvents(**dict.fromkeys(MODE_FIELDS, 2), gated_macs=1000)
    assert (still.macs, still.operations, MacEvents.unit) == (1018, 1018, "MAC")
    mars = MarsEvents(0, 1, 20, 300, 4000, padded_macs=7, skipped_macs=50_000)
    assert (mars.macs, mars.operations, mars.dense_macs) == (4321, 4321, 54_314)
    cim = CimEvents(array_macs=5, digital_macs=70, cell_reads=900)
    assert (cim.operations, CimEvents.unit) == (75, "MAC")
    assert (Abacus(beads=3).operations, Abacus.unit) == (0, "")


def test_a_chip_s_name_tells_its_kind_of_counts() -> None:
    kinds = {"poppins": Events, "mac": MacEvents, "insight": InsightEvents, "mars": MarsEvents}
    assert kinds | {"cim": CimEvents} == CHIPS
    for chip, kind in CHIPS.items():
        assert kind_of(chip) is kind
    assert kind_of("abacus") is Abacus
    with pytest.raises(ValueError, match=r"^events: unknown chip 'pascaline'; known: .*poppins"):
        kind_of("pascaline")


def test_records_keep_the_chip_of_their_events() -> None:
    for events in (RECORD.events, Events(ticks=3, spikes=4), CimEvents(7), Abacus(5, 6), None):
        record = replace(RECORD, events=events)
        assert from_result(json.loads(json.dumps(to_result(record))), record.trace) == record


def test_records_of_before_there_were_other_chips_are_the_spiking_one_s() -> None:
    old = {**to_result(RECORD), "events": asdict(Events(ticks=3, cycles=9))}
    assert from_result(old).events == Events(ticks=3, cycles=9)


def test_a_chip_that_nobody_knows_any_more_is_told_in_a_sentence() -> None:
    old = {**to_result(RECORD), "events": {"chip": "pascaline", "cycles": 1}}
    with pytest.raises(ValueError, match="unknown chip 'pascaline'"):
        from_result(old)


def test_a_chip_of_a_users_own_is_known_by_its_controller() -> None:
    """In a process that has not met it yet."""
    told = to_result(replace(RECORD, controller="brains:Shopkeeper", events=Abacus(5, 6)))
    code = f"from neurobot.episodes import from_result; print(from_result({told!r}).events)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent
    )
    assert done.stdout == "Abacus(cycles=5, beads=6)\n", done.stderr


def test_what_is_no_dataclass_of_counts_is_refused() -> None:
    class Bare(Counts): ...

    for events in (3, {"cycles": 1}, Bare()):
        controller = type("Controller", (), {"events": events})()
        with pytest.raises(
            TypeError, match=r"^events: .* found, neurobot\.events\.Events, or another"
        ):
            counted(controller)


def test_a_row_of_a_frame_based_brain_counts_macs() -> None:
    row = summarize([RECORD, RECORD], "cells180")
    assert (row["chip"], row["macs"], row["sops"]) == ("mac", 10.0, None)
    dynamic_j = (600 * 6.45 + 300 * 20.0 + 1000 * 46.0) * 1e-12
    idle_j = (3 * 67e-6 + 4e-6) * 10.0
    assert row["dynamic_j"] == pytest.approx(dynamic_j / 100, rel=1e-12)
    assert row["idle_j"] == pytest.approx(idle_j / 100, rel=1e-12)
    assert row["energy_per_metre_j"] == pytest.approx((dynamic_j + idle_j) / 12.5, rel=1e-12)


def test_a_table_without_prices_for_a_chip_gives_no_energies() -> None:
    energies = ("energy_j", "dynamic_j", "idle_j", "power_w", "energy_per_metre_j")
    for events in (RECORD.events, Abacus(cycles=5)):
        row = summarize([replace(RECORD, events=events)], "paper")
        assert [row[key] for key in energies] == [None] * 5
        assert row["latency_s"] == pytest.approx(0.005)
    assert row["macs"] is row["sops"] is None
    assert row["chip"] == "abacus"


def test_a_robot_that_stood_still_has_no_energy_per_metre() -> None:
    row = summarize([replace(RECORD, path_m=0.0)], "cells180")
    assert row["energy_per_metre_j"] is None
    assert row["energy_j"] > 0


def test_an_unknown_chip_takes_time_and_is_not_priced(tmp_path: Path) -> None:
    name = "brains:Shopkeeper"
    first = evaluate(name, episodes=1, out=tmp_path, **SHORT)
    again = evaluate(name, episodes=1, out=tmp_path, **SHORT)
    assert first == again
    assert first[0].events == Abacus(cycles=20 * 20, beads=20 * 7)
    assert first[0].latency_max_s == 0.02
    row = summarize(first, "cells180")
    assert (row["latency_s_max"], row["energy_j"], row["chip"]) == (0.02, None, "abacus")


def test_a_brain_that_changes_its_chip_is_named() -> None:
    (record,) = evaluate("brains:Turncoat", episodes=1, **SHORT)
    assert record.outcome == "fault"
    assert "Turncoat raised TypeError: counts of poppins found" in str(record.fault)


def test_the_table_of_all_kinds_fits_100_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    million = MacEvents(cycles=10**6, macs_fp32=100 * 1_234_567, banks=60)
    records = [
        replace(RECORD, controller="cnn-lglsq-3b", shortest_m=9.0, events=million),
        replace(RECORD, controller="poppins", shortest_m=9.0, events=Events(synaptic_ops=256_000)),
        replace(RECORD, controller="vfh", shortest_m=9.0, events=None),
    ]
    rows = [summarize([record], "cells180") for record in records]
    print_rows(rows, 0, "cells180")
    told = capsys.readouterr().out
    assert max(len(line) for line in told.splitlines()) <= 100
    lines = {line.split()[0]: line.split() for line in told.splitlines() if line.strip()}
    assert lines["cnn-lglsq-3b"][-1] == "1234567"  # not folded
    assert lines["poppins"][-1] == "2560"
    assert lines["vfh"][-1] == "-"
    assert "It prices: poppins, mac, insight, mars, cim." in " ".join(told.split())


def test_a_meter_reads_the_operations_of_any_chip() -> None:
    meter = Meter(COST_TABLES["cells180"])
    meter.decide(MacEvents(cycles=10, macs_8b=100, banks=1), 0.25)
    meter.drive(0.5, 2.0)
    energy_j = (100 * 20.0 + 10 * 46.0) * 1e-12 + 71e-6 * 0.5
    wanted = Reading(0.25, energy_j, energy_j / 0.5, 200.0, energy_j / 2.0, "MAC")
    for reading in (meter.now, meter.mean):
        assert reading.unit == "MAC"
        numbers, by_hand = (list(vars(each).values())[:-1] for each in (reading, wanted))
        assert numbers == pytest.approx(by_hand, rel=1e-12)
    assert meter.is_priced


def test_a_meter_without_prices_reads_latency_and_operations_alone() -> None:
    meter = Meter(COST_TABLES["paper"])
    meter.decide(MacEvents(cycles=10, macs_8b=100), 0.25)
    meter.drive(0.5, 2.0)
    for reading in (meter.now, meter.mean):
        assert reading == Reading(0.25, None, None, 200.0, None, "MAC")
    assert not meter.is_priced
    other = Meter(COST_TABLES["cells180"])
    other.decide(Abacus(cycles=10), 0.25)
    other.drive(0.5, 2.0)
    assert other.mean == Reading(0.25)


def test_a_pilot_adds_up_whatever_its_brain_counts() -> None:
    pilot = Pilot(Shopkeeper(), Timing(), None)  # type: ignore[arg-type]
    pilot.count(None)
    assert pilot.events is None
    for events in (Abacus(1, 2), Abacus(3, 4)):
        pilot.count(events)
    assert asdict(pilot.events or Abacus()) == {"cycles": 4, "beads": 6}

"""The data sheet of a small chip equals numbers worked out by hand."""

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from neurobot.cost import EVIDENCE, tables_of
from neurobot.events import Events
from neurobot.hardware.datasheet import comparison, datasheet, plain
from neurobot.hardware.figures import Figure
from neurobot.hardware.peers import PEERS
from neurobot.hardware.workload import Workload, extremes
from neurobot.iqif import Neurons
from neurobot.poppins import Chip, Poppins, Population

NO_VOTERS = np.zeros(0, np.int32)


def neurons(count: int) -> Neurons:
    return Neurons(*(np.full(count, value) for value in (16, 255, 16, 1, 1, 8)))


def make_network(**chip: Any) -> Poppins:
    """Two neurons that feed three, on a chip for twice four; nine of nineteen weights are not 0."""
    return Poppins(
        Population(neurons(2), [[0, 1], [2, 0]]),
        Population(neurons(3), [[0, 3, 0], [0, 0, 4], [5, 0, 6]]),
        amplitude=[0] * 5,
        tonic=[0] * 5,
        forward=[[7, 8, 0], [0, 0, 9]],
        chip=Chip(**({"neurons": 4, "clock_hz": 1e6} | chip)),
    )


# Two decisions of five ticks; 4 spikes of the first population read 5 weights each, 2 of the second
# read 3; a tick takes 4 cycles to schedule and 5 x 2 to update.
EVENTS = Events(
    ticks=10,
    cycles=10 * (4 + 10) + 26,
    spikes=7,
    messages=5,
    synaptic_ops=11,
    weight_reads=26,
    current_writes=26 + 50,
    decays=50,
    membrane_updates=50,
)
WORKLOAD = Workload(make_network(), EVENTS, decisions=2)
RATE_HZ = 100.0


def find(sheet: list[Figure], section: str, name: str) -> Figure:
    (found,) = [figure for figure in sheet if (figure.section, figure.name) == (section, name)]
    return found


def triple(figure: Figure) -> tuple[float | None, ...]:
    return figure.value, figure.low, figure.high


SHEET = datasheet(WORKLOAD, RATE_HZ)

SILICON = {  # value, low: of this network's 2 + 3 neurons, high
    "process": (180, None, None),
    "populations": (2, None, None),
    "membrane": (8, None, None),
    "neurons": (8, 5, 8),
    "synapses": (64, 19, 64),  # 4 x 4 x 4; 2 x 2 + 2 x 3 + 3 x 3
    "weights, first to first": (128, 32, 128),
    "weights, first to second": (128, 48, 128),
    "weights, second to first": (128, 0, 128),
    "weights, second to second": (128, 72, 128),
    "currents": (128, 80, 128),  # of 16 bits
    "membranes": (64, 40, 64),
    "neuron constants": (288, 180, 352),  # 3 x 8 + 2 x 4 + 4 = 36 bits; and 8 more
    "stimulus": (72, 45, 144),  # 9 bits; or two of them
    "all memories": (1064, 497, 1200),
    "all memories together": (1064 / 8192, 497 / 8192, 1200 / 8192),
}


def test_silicon_holds_what_can_be_counted_by_hand() -> None:
    found = {figure.name: triple(figure) for figure in SHEET if figure.section == "silicon"}
    assert found == SILICON
    assert find(SHEET, "silicon", "synapses").note.startswith("9 of this network's")


def test_widths_of_the_chip_decide_the_memories() -> None:
    chip = make_network(weight_bits=5, current_bits=11, stimulus_bits=10)
    sheet = datasheet(replace(WORKLOAD, network=chip), RATE_HZ)
    assert find(sheet, "silicon", "weights, first to second").value == 16 * 5
    assert find(sheet, "silicon", "currents").value == 8 * 11
    assert find(sheet, "silicon", "stimulus").value == 8 * 10


def test_a_way_back_fills_its_matrix() -> None:
    network = replace(make_network(), backward=np.zeros((3, 2)))
    sheet = datasheet(replace(WORKLOAD, network=network), RATE_HZ)
    assert triple(find(sheet, "silicon", "weights, second to first")) == (128, 48, 128)
    assert find(sheet, "silicon", "synapses").low == 25


# Four lanes read all 19 weights in 5 cycles and update 5 neurons in 3; two cycles per read take 38.
FAST = 2.6 * 5 / 19
TIMING: dict[str, tuple[float, ...]] = {
    "tick, scheduling": (4,),
    "tick, accumulation": (2.6, FAST, 38),
    "tick, decay and membrane": (10, 3, 10),
    "tick": (16.6, 7 + FAST, 52),
    "ticks of a decision": (5,),
    "cycles of a decision": (83, 5 * (7 + FAST), 260),
    "latency": (83e-6, 5e-6 * (7 + FAST), 260e-6),
    "tick rate": (1e6 / 16.6, 1e6 / 52, 1e6 / (7 + FAST)),
    "decision rate": (1e6 / 83, 1e6 / 260, 2e5 / (7 + FAST)),
    "clock": (1e6,),
}


def test_timing_equals_cycles_counted_by_hand() -> None:
    found = {figure.name: figure for figure in SHEET if figure.section == "timing"}
    assert found.keys() == TIMING.keys()
    for name, expected in TIMING.items():
        values = tuple(value for value in triple(found[name]) if value is not None)
        assert values == pytest.approx(expected, rel=1e-14), name


def test_a_chip_that_is_faster_or_slower_than_the_bounds_is_its_own_bound() -> None:
    wide = make_network(lanes=16)
    # 19 reads are 2 rounds of the lanes, 10 cycles of updates 1.
    events = replace(EVENTS, cycles=10 * (4 + 1) + 7)
    sheet = datasheet(Workload(wide, events, 2), RATE_HZ)
    assert find(sheet, "timing", "tick, accumulation").low == pytest.approx(2.6 * 2 / 19)
    assert triple(find(sheet, "timing", "tick, decay and membrane")) == (1, 1, 1)
    slow = make_network(cycles_per_read=3)
    sheet = datasheet(Workload(slow, replace(EVENTS, cycles=140 + 3 * 26), 2), RATE_HZ)
    assert find(sheet, "timing", "tick, accumulation").high == 3 * 19


# In pJ, nominal, low and high, from the prices of `cells180`. This chip has 4 neurons in place of
# 64 per population: a matrix with a side of 1 / 16, and 1064 of 139 904 bits in all.
LEAK = 1064 / 139_904
PARTS = {
    "weight reads": (26 * 30.1 / 16, 26 * 17.1 / 16, 26 * 60.2 / 16),
    "current writes": (76 * 3.6, 76 * 3.6, 76 * 7.2),
    "decays": (50 * 8.8, 50 * 8.8, 50 * 17.6),
    "membrane updates": (50 * 19.3, 50 * 19.3, 50 * 38.6),
    "cycles": (166 * 11.5, 166 * 3.68, 166 * 600.3),
}
DYNAMIC = (3636.5125, 2317.2675, 103104.825)
IDLE = (149 * LEAK, 75 * LEAK, 298 * LEAK)  # uW
LEAKAGE = tuple(166 * idle for idle in IDLE)  # uW times us
TOTAL = tuple(a + b for a, b in zip(DYNAMIC, LEAKAGE, strict=True))


def scaled(values: tuple[float, ...], factor: float) -> tuple[float, ...]:
    return tuple(value * factor for value in values)


POWER = tuple(50e-12 * dynamic + 1e-6 * idle for dynamic, idle in zip(DYNAMIC, IDLE, strict=True))
CELLS = {
    **{f"tick, {name}": scaled(part, 1e-13) for name, part in PARTS.items()},  # of ten ticks
    "tick, leakage": scaled(LEAKAGE, 1e-13),
    "tick": scaled(TOTAL, 1e-13),
    "decision": scaled(TOTAL, 0.5e-12),
    "power at 100 decisions/s, events": scaled(DYNAMIC, 50e-12),
    "power at 100 decisions/s, leakage": scaled(IDLE, 1e-6),
    "power at 100 decisions/s": POWER,
    # And 1 000 000 - 100 x 83 cycles of waiting.
    "power at 100 decisions/s, clock never stopped": (
        POWER[0] + 991_700 * 11.5e-12,
        POWER[1] + 991_700 * 3.68e-12,
        POWER[2] + 991_700 * 600.3e-12,
    ),
    "synaptic operation": scaled(DYNAMIC, 1e-12 / 11),
    "weight read": scaled(DYNAMIC, 1e-12 / 26),
}


def test_energy_and_power_equal_sums_by_hand() -> None:
    found = {figure.name: figure for figure in SHEET if figure.section == "energy, cells180"}
    assert found.keys() == CELLS.keys()
    for name, expected in CELLS.items():
        assert triple(found[name]) == pytest.approx(expected, rel=1e-12), name
    assert found["tick, weight reads"].evidence == "assumed"
    assert found["tick, membrane updates"].evidence == "assumed"  # its flip-flops
    assert found["tick, cycles"].evidence == "assumed"


def test_the_paper_s_price_holds_for_either_sense_of_a_synaptic_operation() -> None:
    def of(name: str) -> Figure:
        return find(SHEET, "energy, paper", name)

    assert of("tick, synaptic ops").value == pytest.approx(11 * 13.2e-13)
    assert of("tick, synaptic ops").high == pytest.approx(11 * 761.64e-13)
    assert of("decision").value == pytest.approx(11 * 6.6e-12)
    assert of("decision, all reads").value == pytest.approx(26 * 6.6e-12)
    assert of("decision, all reads").high == pytest.approx((26 * 761.64 + LEAKAGE[2]) * 0.5e-12)
    assert of("synaptic operation").value == pytest.approx(13.2e-12)
    assert of("weight read").value == pytest.approx(11 / 26 * 13.2e-12)
    assert of("power at 100 decisions/s").value == pytest.approx(11 * 50 * 13.2e-12)
    names = {figure.name for figure in SHEET if figure.section == "energy, paper"}
    assert not [name for name in names if "clock" in name], "cycles have no price there"


def test_a_larger_chip_takes_more() -> None:
    def figures(**chip: Any) -> dict[str, float]:
        sheet = datasheet(replace(WORKLOAD, network=make_network(**chip)), RATE_HZ)
        found = [figure for figure in sheet if figure.section == "energy, cells180"]
        return {figure.name: figure.value for figure in found if figure.value is not None}

    base, wide = figures(), figures(weight_bits=16, current_bits=24)
    assert wide["tick, weight reads"] == pytest.approx(2 * base["tick, weight reads"])
    assert wide["tick, decays"] == pytest.approx(1.5 * base["tick, decays"])
    assert wide["tick, membrane updates"] == base["tick, membrane updates"]
    # 64 weights of 8 bits more, 8 currents of 8 bits more
    assert wide["tick, leakage"] / base["tick, leakage"] == pytest.approx((1064 + 576) / 1064)


def test_every_table_that_prices_the_chip_stands_in_the_sheet() -> None:
    sections = {figure.section for figure in SHEET}
    energies = {f"energy, {name}" for name in tables_of("poppins")}
    workloads = {f"workload, {name}" for name in ("silent", "measured", "all fire")}
    assert sections == {"silicon", "timing"} | energies | workloads


def test_the_workload_stands_between_silence_and_everybody_firing() -> None:
    silent, measured, all_fire = (one.events for one in extremes(WORKLOAD).values())
    updates = {"current_writes": 50, "decays": 50, "membrane_updates": 50}
    assert silent == Events(ticks=10, cycles=140, **updates)
    assert measured == EVENTS
    assert all_fire == Events(
        ticks=10,
        cycles=140 + 190,
        spikes=50,
        messages=20,
        synaptic_ops=90,
        weight_reads=190,
        current_writes=190 + 50,
        decays=50,
        membrane_updates=50,
    )


def test_everybody_firing_is_what_the_chip_counts_when_all_neurons_fire() -> None:
    network = replace(make_network(lanes=3), tonic=[250] * 5)

    def run(ticks: int) -> Events:
        return network.decide(np.zeros((ticks, 5), np.bool_), NO_VOTERS)[1]

    before, after = run(7), run(17)
    assert after.spikes == 17 * 5
    ten_ticks = extremes(Workload(network, run(10), 2))["all fire"].events
    assert before + ten_ticks == after


def test_the_bounds_are_priced_by_hand() -> None:
    silent = find(SHEET, "workload, silent", "decision, cells180")
    # 50 writes, decays and updates, 140 cycles of which 140 us leak
    events = 50 * 3.6 + 50 * 8.8 + 50 * 19.3 + 140 * 11.5
    assert silent.value == pytest.approx((events + 140 * IDLE[0]) * 0.5e-12)
    busy = find(SHEET, "workload, silent", "power while deciding, cells180")
    assert busy.value == pytest.approx((events / 140 + IDLE[0]) * 1e-6)
    all_fire = find(SHEET, "workload, all fire", "synaptic operation, paper")
    assert all_fire.value == pytest.approx(13.2e-12)
    latency = find(SHEET, "workload, all fire", "latency")
    assert triple(latency) == pytest.approx((165e-6, 5 * (7 + 5) * 1e-6, 260e-6))
    measured = find(SHEET, "workload, measured", "decision, cells180")
    assert triple(measured) == pytest.approx(scaled(TOTAL, 0.5e-12))


def test_silence_has_no_energy_per_operation() -> None:
    for name in tables_of("poppins"):
        figure = find(SHEET, "workload, silent", f"synaptic operation, {name}")
        assert triple(figure) == (None, None, None)


def test_every_figure_has_its_place_its_evidence_and_its_value_in_its_range() -> None:
    assert len({(figure.section, figure.name) for figure in SHEET}) == len(SHEET) > 80
    for figure in SHEET:
        assert figure.evidence in EVIDENCE, figure
        if figure.low is not None and figure.high is not None:
            assert figure.value is not None
            slack = 1e-12 * abs(figure.value)
            assert figure.low - slack <= figure.value <= figure.high + slack, figure


def test_what_is_computed_is_never_called_published() -> None:
    published = [figure for figure in SHEET if figure.evidence == "published"]
    assert {(f.name, f.value) for f in published if f.value is not None} == {
        ("process", 180),
        ("populations", 2),
        ("membrane", 8),
        ("synaptic operation", 13.2e-12),
        ("synaptic operation, paper", 13.2e-12),
    }
    assert {figure.evidence for figure in SHEET} == {"published", "derived", "assumed"}


def test_the_sheet_is_plain_json() -> None:
    sheet = json.loads(json.dumps(plain(WORKLOAD, RATE_HZ), allow_nan=False))
    assert sheet["decisions"] == 2
    assert sheet["rate_hz"] == 100.0
    assert sheet["events"]["weight_reads"] == 26
    assert len(sheet["figures"]) == len(SHEET)
    first = sheet["figures"][0]
    assert (first["section"], first["name"], first["value"]) == ("silicon", "process", 180)
    assert [peer["chip"] for peer in sheet["comparison"]][:2] == ["POPPINS", "ODIN"]


def test_peers_are_published_and_what_was_not_found_is_not_there() -> None:
    by_name = {peer.chip: peer for peer in PEERS}
    assert len(by_name) == len(PEERS) == 20
    poppins = PEERS[0]
    assert (poppins.chip, poppins.node_nm, poppins.pj_per_sop) == ("POPPINS", 180, 13.2)
    assert (poppins.neurons, poppins.synapses) == (None, None)
    assert by_name["SpiNNaker"].node_nm is None
    assert by_name["SNE"].node_nm is None
    for peer in PEERS:
        assert peer.evidence == "published", peer
        assert re.search(r"DOI 10\.|arXiv \d|github\.com/|PMC\d|\.org", peer.source), peer
        assert (peer.pj_low, peer.pj_high) == (None, None), peer


def test_the_comparison_adds_what_is_modelled_bottom_up_in_both_senses() -> None:
    added = comparison(WORKLOAD)[len(PEERS) :]
    assert [peer.chip for peer in added] == [
        f"POPPINS by {table}, per {sense}"
        for table in ("cells180", "scaled45", "scaled28")
        for sense in ("synaptic operation", "weight read")
    ]
    for peer, count in zip(added[:2], (11, 26), strict=True):
        assert (peer.node_nm, peer.neurons, peer.synapses) == (180, 8, 64)
        found = (peer.pj_per_sop, peer.pj_low, peer.pj_high)
        assert found == pytest.approx(scaled(DYNAMIC, 1 / count))
        assert peer.evidence == "assumed"
    assert [peer.node_nm for peer in added] == [180, 180, 180, 180, 28, 28]


def test_a_silent_chip_has_nothing_to_compare() -> None:
    silent = extremes(WORKLOAD)["silent"]
    assert [peer.pj_per_sop for peer in comparison(silent)[len(PEERS) :]] == [None] * 6


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"decisions": 0},
            "workload: 0 decisions in 10 ticks found, 1 or more of both needed",
        ),
        (
            {"events": Events()},
            "workload: 2 decisions in 0 ticks found, 1 or more of both needed",
        ),
        (
            {"events": replace(EVENTS, membrane_updates=60)},
            "workload: 60 membrane updates found, 50 needed (10 ticks of 5 neurons)",
        ),
    ],
)
def test_a_workload_of_another_chip_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        replace(WORKLOAD, **changes)


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, 12049.0])
def test_a_rate_that_the_chip_cannot_keep_up_with_is_refused(rate_hz: float) -> None:
    datasheet(WORKLOAD, 12048.0)  # 1e6 / 83 = 12048.2
    sentence = f"rate_hz={rate_hz:g} is out of range: above 0, up to 12048.2, "
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        datasheet(WORKLOAD, rate_hz)

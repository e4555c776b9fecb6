"""Prices equal sums by hand, at their nominal values and at both ends of their ranges."""

import math
import re
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest

from neurobot.cost import (
    BOUNDS,
    COST_TABLES,
    DEFAULT_COST_TABLE,
    EVIDENCE,
    Bound,
    Price,
    Tariff,
    cells,
    scaled_logic,
    sram,
    tables_of,
    weakest,
)
from neurobot.cost.nodes import between, switching
from neurobot.events import CHIPS, MODE_FIELDS, Counts, Events, InsightEvents, MacEvents

EVENTS = Events(
    ticks=1009,
    cycles=10007,
    stimuli=103,
    spikes=211,
    messages=199,
    synaptic_ops=1301,
    weight_reads=1709,
    current_writes=2003,
    decays=3001,
    membrane_updates=4001,
)
# By hand from the sections that the modules of cost name: nominal, low and high, in pJ.
PICOJOULES = {
    "paper": {"synaptic_ops": ("13.2", "13.2", "761.64")},  # times 57.7
    "cells180": {
        "weight_reads": ("30.1", "17.1", "60.2"),  # 26 (half, twice) + 4.1 (the same, twice)
        "current_writes": ("3.6", "3.6", "7.2"),
        "decays": ("8.8", "8.8", "17.6"),
        "membrane_updates": ("19.3", "19.3", "38.6"),  # 16.9 + 2.4
        "cycles": ("11.5", "3.68", "600.3"),  # 50, 16 and 50 + 2560 times 0.23
    },
    "scaled45": {  # 37.7 times; low: 16.6 times, memories 69 / 377 of that; high: 4.1 / 1.885 times
        "weight_reads": ("49.01", "4.627745358090186", "51.225"),  # 10 / 8 + 0.05
        "current_writes": ("94.25", "7.595490716180371", "94.25"),  # 10 / 4
        "decays": ("3.77", "1.66", "8.2"),  # 2 x 0.05
        "membrane_updates": ("18.473", "8.134", "40.18"),  # 2 x 0.2 + 3 x 0.03
    },
    "scaled28": {  # 0.518, 0.287 and 0.654 times
        "weight_reads": ("0.6734", "0.3731", "0.8502"),
        "current_writes": ("1.295", "0.7175", "1.635"),
        "decays": ("0.0518", "0.0287", "0.0654"),
        "membrane_updates": ("0.25382", "0.14063", "0.32046"),
    },
}
MAC_EVENTS = MacEvents(*range(1001, 1001 + len(fields(MacEvents))))
# A product of n bits: (n / 8)^2 of 20 pJ and, where floor(8 / n) share a sum, so many less one of
# adders of 2 n bits at 0.3625 pJ a bit each; of 1 bit: 20 / 346 and one bit of an adder.
PRODUCTS = {
    "macs_1b": ("0.42030346820809246", "0.42030346820809246", "0.8406069364161849"),
    "macs_2b": ("2.3375", "2.3375", "4.675"),  # 1.25 + 3 / 4 x 4 bits
    "macs_3b": ("3.9", "3.9", "7.8"),  # 2.8125 + 1 / 2 x 6 bits
    "macs_4b": ("6.45", "6.45", "12.9"),  # 5 + 1 / 2 x 8 bits
    "macs_5b": ("7.8125", "7.8125", "15.625"),
    "macs_6b": ("11.25", "11.25", "22.5"),
    "macs_7b": ("15.3125", "15.3125", "30.625"),
    "macs_8b": ("20", "20", "40"),
}
ACCUMULATION = ("20.08", "20.08", "40.16")  # 32 bits of an adder, 16 x 0.3, 16 x 0.23
MAC_PICOJOULES = {
    "cells180": {
        **PRODUCTS,
        "macs_fp32": ("177.19", "78.02", "385.4"),  # 3.7 + 0.9 + 0.1, as in scaled45
        "affines_fp32": ("173.42", "76.36", "377.2"),
        "additions_fp32": ("33.93", "14.94", "73.8"),
        "accumulations": ACCUMULATION,
        "sum_accumulations": ACCUMULATION,
        "offset_additions": ("2.9", "2.9", "5.8"),
        "weight_reads": ("69", "34.5", "138"),
        "weight_loads": ("2.4", "2.4", "4.8"),
        "activation_reads": ("69", "34.5", "138"),
        "activation_writes": ("291", "145.5", "582"),
        "partial_reads": ("34.5", "17.25", "69"),
        "partial_writes": ("145.5", "72.75", "291"),
        "requantizations": ("343.2", "343.2", "686.4"),  # 16 x 20 and 64 bits of an adder
        "additions": ("5.8", "5.8", "11.6"),
        "maxima": ("2.9", "2.9", "5.8"),
        "cycles": ("46", "11.5", "752.56"),  # 200, 50, 200 + 3072 times 0.23
    },
    "scaled28": {  # 0.518, 0.287 and 0.654 times
        "macs_1b": ("0.0032375", "0.00179375", "0.0040875"),  # 0.2 / 64 + 0.1 / 32
        "macs_2b": ("0.01133125", "0.006278125", "0.01430625"),  # 0.0125 + 3 / 4 x 4 x 0.1 / 32
        "macs_3b": ("0.019425", "0.0107625", "0.024525"),
        "macs_4b": ("0.032375", "0.0179375", "0.040875"),
        "macs_5b": ("0.04046875", "0.022421875", "0.05109375"),
        "macs_6b": ("0.058275", "0.0322875", "0.073575"),
        "macs_7b": ("0.07931875", "0.043946875", "0.10014375"),
        "macs_8b": ("0.1036", "0.0574", "0.1308"),
        "macs_fp32": ("2.4346", "1.3489", "3.0738"),
        "affines_fp32": ("2.3828", "1.3202", "3.0084"),
        "additions_fp32": ("0.4662", "0.2583", "0.5886"),
        "accumulations": ("0.1036", "0.0574", "0.1308"),  # 0.2
        "sum_accumulations": ("0.1036", "0.0574", "0.1308"),
        "offset_additions": ("0.01295", "0.007175", "0.01635"),
        "weight_reads": ("5.18", "2.87", "6.54"),
        "weight_loads": ("0.01295", "0.007175", "0.01635"),
        "activation_reads": ("5.18", "2.87", "6.54"),
        "activation_writes": ("5.18", "2.87", "6.54"),
        "partial_reads": ("2.59", "1.435", "3.27"),
        "partial_writes": ("2.59", "1.435", "3.27"),
        "requantizations": ("1.7612", "0.9758", "2.2236"),  # 16 x 0.2 + 0.2
        "additions": ("0.0259", "0.01435", "0.0327"),
        "maxima": ("0.01295", "0.007175", "0.01635"),
    },
}
INSIGHT_EVENTS = InsightEvents(*range(1001, 1001 + len(fields(InsightEvents))))
# 7.2 W over 1552 images/s, over 666 M products.
EACH = Decimal("7.2e12") / 1552 / 666_000_000
INSIGHT_PICOJOULES: dict[str, dict[str, Any]] = {
    "cells180": {  # a bit of an adder: 0.3625; 16 / 9 adders of 12 bits: 21.333 of them
        "macs": ("14.98333333333333333", "14.98333333333333333", "54.5"),  # and 20; high: 2 x 20
        "tree_sums": ("8.7", "8.7", "17.4"),  # 24
        "evaluations": ("15.06", "15.06", "30.12"),  # and 12 x (0.3 + 0.23)
        "comparisons": ("2.9", "2.9", "5.8"),
        "line_writes": ("2.12", "2.12", "4.24"),  # 4 x (0.3 + 0.23)
        "word_shifts": ("2.12", "0", "4.24"),
        "samples": ("11.5", "2.875", "46"),  # 50, 12.5 and 200 times 0.23
        "cycles": ("11.5", "2.875", "46"),
    },
    "scaled28": {  # 0.518, 0.287 and 0.654 times; a bit of an adder: 0.1 / 32
        "macs": ("0.0669083333333333333", "0.0370708333333333333", "0.171675"),  # high: 0.2 and 20
        "tree_sums": ("0.03885", "0.021525", "0.04905"),
        "evaluations": ("0.0777", "0.04305", "0.0981"),
        "comparisons": ("0.01295", "0.007175", "0.01635"),
        "line_writes": ("0.01295", "0.007175", "0.01635"),
        "word_shifts": ("0.01295", "0", "0.01635"),
    },
    "virtex7": dict.fromkeys(("macs", "still_macs"), (10 * EACH, EACH, 23 * EACH)),
}


def check_prices(table: str, counts: Counts, prices: dict[str, Any], bound: Bound) -> None:
    """Price each event alone, and all together, as sums by hand."""
    place, total = BOUNDS.index(bound), Decimal(0)
    for event in (field.name for field in fields(counts)):  # type: ignore[arg-type]
        price = Decimal(prices[event][place]) if event in prices else Decimal(0)
        count = int(getattr(counts, event))
        total += count * price
        alone = COST_TABLES[table].dynamic_j(type(counts)(**{event: count}), bound)
        # Prices are sums and products of rounded decimals: a few units in the last place.
        assert alone == pytest.approx(float(count * price) * 1e-12, rel=2e-14, abs=0), (
            table,
            event,
        )
    whole = COST_TABLES[table].dynamic_j(counts, bound)
    assert whole == pytest.approx(float(total) * 1e-12, rel=2e-14, abs=0), table
    assert COST_TABLES[table].dynamic_j(type(counts)()) == 0


@pytest.mark.parametrize("bound", BOUNDS)
def test_every_table_prices_events_as_the_sum_by_hand(bound: Bound) -> None:
    assert COST_TABLES.keys() == PICOJOULES.keys() | INSIGHT_PICOJOULES.keys()
    for table, prices in PICOJOULES.items():
        check_prices(table, EVENTS, prices, bound)
    for table, prices in MAC_PICOJOULES.items():
        check_prices(table, MAC_EVENTS, prices, bound)
    for table, prices in INSIGHT_PICOJOULES.items():
        check_prices(table, INSIGHT_EVENTS, prices, bound)


def test_the_same_figures_stand_at_180_and_at_28_nm() -> None:
    """Only the factors differ, of logic and of memories."""
    for chip in CHIPS:
        at_180, at_28 = (COST_TABLES[name].tariffs[chip] for name in ("scaled45", "scaled28"))
        assert list(at_180.prices) == list(at_28.prices), chip
        for event, price in at_180.prices.items():
            assert price.nominal / at_28.prices[event].nominal == pytest.approx(37.7 / 0.518), event


def test_a_breakdown_names_every_priced_event_and_nothing_else() -> None:
    for name, prices in PICOJOULES.items():
        parts = COST_TABLES[name].tariffs["poppins"].breakdown_j(EVENTS)
        assert parts.keys() == prices.keys()
        for event, joules in parts.items():
            by_hand = getattr(EVENTS, event) * float(prices[event][0]) * 1e-12
            assert joules == pytest.approx(by_hand, rel=1e-14, abs=0), (name, event)


def test_every_event_of_the_processor_but_what_is_free_has_a_price() -> None:
    names = {field.name for field in fields(MacEvents)}
    assert names - MAC_PICOJOULES["cells180"].keys() == {"gated_macs", "banks"}
    for name in ("scaled45", "scaled28"):
        assert names - COST_TABLES[name].tariffs["mac"].prices.keys() == {
            "gated_macs",
            "banks",
            "cycles",
        }


def test_fewer_bits_never_take_more() -> None:
    assert len(MODE_FIELDS) == 9
    for table in COST_TABLES.values():
        if tariff := table.tariffs.get("mac"):
            prices = [tariff.prices[name].nominal for name in MODE_FIELDS]
            assert prices == sorted(prices), table.name


def test_without_a_bound_prices_are_nominal() -> None:
    for table in COST_TABLES.values():
        for events in (EVENTS, MAC_EVENTS, INSIGHT_EVENTS):
            if tariff := table.tariffs.get(events.chip):
                assert tariff.dynamic_j(events) == tariff.dynamic_j(events, "nominal")
                low, high = tariff.dynamic_j(events, "low"), tariff.dynamic_j(events, "high")
                assert low < high


def test_the_energy_of_a_run_keeps_its_last_bit() -> None:
    parts = {"synaptic_ops": 0.1, "weight_reads": 0.2, "decays": 0.3}
    free = Price(0.0, 0.0, 0.0, "assumed", "")
    tariff = Tariff({n: replace(free, nominal=j, high=j) for n, j in parts.items()}, free)
    ones = Events(synaptic_ops=1, weight_reads=1, decays=1)
    assert tariff.dynamic_j(ones) == 0.1 + 0.2 + 0.3 == 0.6000000000000001


def test_a_chip_without_prices_is_not_free() -> None:
    paper = COST_TABLES["paper"]
    assert paper.dynamic_j(MAC_EVENTS) is None
    assert paper.idling_w(MAC_EVENTS) is None
    for counts in (EVENTS, MAC_EVENTS, INSIGHT_EVENTS):
        for name, table in COST_TABLES.items():
            priced = name in tables_of(counts.chip)
            assert (table.dynamic_j(counts) is not None) == priced
            assert (table.idling_w(counts) is not None) == priced
    every = {"cells180", "scaled45", "scaled28"}
    assert tables_of("poppins").keys() == {"paper", *every}
    assert tables_of("mac").keys() == every
    assert tables_of("insight").keys() == {"virtex7", *every}


def test_an_image_of_alexnet_takes_what_was_published() -> None:
    """By the nominal price of a tenth of its products, and by the ends of what that may be."""
    for factor, bound in zip((10, 1, 23), BOUNDS, strict=True):
        products = InsightEvents(macs=400_000_000, still_macs=266_000_000)
        joules = COST_TABLES["virtex7"].dynamic_j(products, bound)
        assert joules == pytest.approx(factor * 4.64e-3, rel=1e-3, abs=0)
    tariff = COST_TABLES["virtex7"].tariffs["insight"]
    assert {price.evidence for price in tariff.prices.values()} == {"assumed"}
    assert [tariff.idle_w.at(bound) for bound in BOUNDS] == [0, 0, 7.2]


def test_the_streaming_machine_leaks_by_what_it_holds() -> None:
    counts = InsightEvents(synapses=1000, neurons=200, delay_words=3000)
    # Gates: 6 for each of 41.33 bits of a synapse, 48 of a neuron, 8 of a word; 300 of control.
    gates = 1000 * 248 + 200 * 288 + 3000 * 48 + 300
    for name in ("cells180", "scaled45"):
        ends = [COST_TABLES[name].idling_w(counts, bound) for bound in BOUNDS]
        assert ends == pytest.approx(
            [gates * k * 4e-6 / 80_000 for k in (1, 1, 2)], rel=1e-13, abs=0
        )
    at_28 = [30e-6 / 32 * k * gates / 10_000 for k in (0.9 / 0.55, 1.0, 4 * 0.9 / 0.55)]
    found = [COST_TABLES["scaled28"].idling_w(counts, bound) for bound in BOUNDS]
    assert found == pytest.approx(at_28, rel=1e-13, abs=0)


def test_the_paper_prices_synaptic_operations_and_nothing_else() -> None:
    paper = COST_TABLES["paper"]
    assert paper.dynamic_j(Events(synaptic_ops=1)) == 13.2e-12
    for bound in BOUNDS:
        assert paper.dynamic_j(replace(EVENTS, synaptic_ops=0), bound) == 0
    tariff = paper.tariffs["poppins"]
    assert (tariff.idle_w.nominal, tariff.idle_w.low) == (0, 0)
    assert tariff.prices["synaptic_ops"].evidence == "published"
    assert tariff.idle_w.evidence == "assumed"


def test_idle_power_is_the_leakage_of_four_memories_and_the_gates() -> None:
    for name in ("cells180", "scaled45"):
        idle = COST_TABLES[name].tariffs["poppins"].idle_w
        assert idle.nominal == pytest.approx(149e-6, rel=1e-14, abs=0)
        assert idle.low == pytest.approx(75e-6, rel=1e-14, abs=0)  # 4 x 37 / 2 + 1
        assert idle.high == pytest.approx(298e-6, rel=1e-14, abs=0)
    paper = COST_TABLES["paper"].tariffs["poppins"].idle_w
    assert paper.high == pytest.approx(298e-6, rel=1e-14, abs=0)


def test_the_processor_leaks_by_banks_that_are_on() -> None:
    for name in ("cells180", "scaled45"):
        ends = [COST_TABLES[name].idling_w(MacEvents(banks=3), bound) for bound in BOUNDS]
        # 3 of 67 uW (half, twice) and gates of 4 uW (the same, twice)
        assert ends == pytest.approx([205e-6, 104.5e-6, 410e-6], rel=1e-14, abs=0)
        assert COST_TABLES[name].idling_w(MacEvents()) == 4e-6


def test_at_28_nm_memories_leak_as_those_of_a_chip_of_that_node() -> None:
    # 30 uW for 32 kB at 0.55 V; the same current at 0.9 V; four times of that.
    ends = [30e-6 / 32 * factor for factor in (0.9 / 0.55, 1.0, 4 * 0.9 / 0.55)]
    for events, kb in ((EVENTS, 16 + 2), (MacEvents(banks=5), 8 + 5 * 8)):
        found = [COST_TABLES["scaled28"].idling_w(events, bound) for bound in BOUNDS]
        assert found == pytest.approx([kb * end for end in ends], rel=1e-14, abs=0), events


def test_the_rule_between_two_nodes_is_a_power_of_the_node() -> None:
    ends = switching(20, 0.9), switching(32, 0.9)
    assert (between(20, (20, 32), 0.9), between(32, (20, 32), 0.9)) == pytest.approx(ends)
    middle = between(28, (20, 32), 0.9)
    slope = math.log(ends[1] / ends[0]) / math.log(32 / 20)
    assert middle == pytest.approx(ends[0] * (28 / 20) ** slope)
    energies = [switching(node, 0.9) for node in (45, 32)] + [middle, switching(20, 0.9)]
    assert energies == sorted(energies, reverse=True)
    assert switching(180, 1.8) == pytest.approx(26.372)  # 24.64 x 1.8 - 17.98


def test_every_table_says_where_it_comes_from() -> None:
    assert DEFAULT_COST_TABLE in COST_TABLES
    for name, table in COST_TABLES.items():
        assert table.name == name
        assert re.match(r"(published|derived|assumed): \w", table.provenance), name
        assert table.tariffs
        for chip, tariff in table.tariffs.items():
            prices = [*tariff.prices.values(), tariff.idle_w, *tariff.held_w.values()]
            assert all(price.source for price in prices), (name, chip)
            assert max(price.nominal for price in prices) > 0, (name, chip)
            known = {field.name for field in fields(CHIPS[chip])}  # type: ignore[arg-type]
            assert tariff.prices.keys() | tariff.held_w.keys() <= known, (name, chip)


def test_prices_add_up_at_every_bound_and_are_as_known_as_the_least_known() -> None:
    both = sram(10.0, "memory") + cells(3.0, "adder")
    assert both == Price(13.0, 8.0, 26.0, "assumed", "memory; adder")
    known = cells(1.0, "force", "derived") + cells(1.0, "sum", "derived")
    assert known.evidence == "derived"
    guess = both + Price(1.0, 0.5, 2.0, "assumed", "control")
    assert guess == Price(14.0, 8.5, 28.0, "assumed", "memory; adder; control")
    assert guess.at("low") == 8.5
    assert scaled_logic(1.0, "").evidence == "assumed"


def test_the_weakest_evidence_decides() -> None:
    assert BOUNDS == ("nominal", "low", "high")
    assert EVIDENCE == ("published", "derived", "assumed")
    assert weakest("published") == "published"
    assert weakest("derived", "published") == "derived"
    assert weakest("published", "assumed", "derived") == "assumed"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (
            {"evidence": "measured"},
            "price: evidence 'measured' found, one of published, derived, assumed needed",
        ),
        ({"low": 2.5}, "price: 0 <= low <= nominal <= high needed, 2.5, 2.0, 3.0 found"),
        ({"high": 1.5}, "price: 0 <= low <= nominal <= high needed, 1.0, 2.0, 1.5 found"),
        ({"low": -1.0}, "price: 0 <= low <= nominal <= high needed, -1.0, 2.0, 3.0 found"),
    ],
)
def test_a_price_that_cannot_be_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"nominal": 2.0, "low": 1.0, "high": 3.0}
    arguments |= {"evidence": "derived", "source": ""}
    Price(**arguments)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Price(**(arguments | wrong))

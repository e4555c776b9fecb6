"""Prices equal sums by hand, at their nominal values and at both ends of their ranges."""

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
    CostTable,
    Price,
    cells,
    scaled_logic,
    sram,
    weakest,
)
from neurobot.events import Events

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
# By hand from the sections that cost.py names: nominal, low and high, in pJ.
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
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_every_table_prices_events_as_the_sum_by_hand(bound: Bound) -> None:
    place = BOUNDS.index(bound)
    assert COST_TABLES.keys() == PICOJOULES.keys()
    for name, prices in PICOJOULES.items():
        table = COST_TABLES[name]
        total = Decimal(0)
        for event in (field.name for field in fields(Events)):
            price = Decimal(prices[event][place]) if event in prices else Decimal(0)
            count = int(getattr(EVENTS, event))
            total += count * price
            alone = table.dynamic_j(Events(**{event: count}), bound)
            # Prices are sums and products of rounded decimals: a few units in the last place.
            assert alone == pytest.approx(float(count * price) * 1e-12, rel=1e-14), (name, event)
        whole = table.dynamic_j(EVENTS, bound)
        assert whole == pytest.approx(float(total) * 1e-12, rel=1e-14), name
        assert table.dynamic_j(Events(), bound) == 0


def test_a_breakdown_names_every_priced_event_and_nothing_else() -> None:
    for name, prices in PICOJOULES.items():
        parts = COST_TABLES[name].breakdown_j(EVENTS)
        assert parts.keys() == prices.keys()
        for event, joules in parts.items():
            by_hand = getattr(EVENTS, event) * float(prices[event][0]) * 1e-12
            assert joules == pytest.approx(by_hand, rel=1e-14), (name, event)


def test_without_a_bound_prices_are_nominal() -> None:
    for table in COST_TABLES.values():
        assert table.dynamic_j(EVENTS) == table.dynamic_j(EVENTS, "nominal")
        assert table.dynamic_j(EVENTS, "low") < table.dynamic_j(EVENTS, "high")


def test_the_energy_of_a_run_keeps_its_last_bit() -> None:
    parts = {"synaptic_ops": 0.1, "weight_reads": 0.2, "decays": 0.3}
    free = Price(0.0, 0.0, 0.0, "assumed", "")
    table = CostTable("bits", "", {n: replace(free, nominal=j, high=j) for n, j in parts.items()},
                      free)  # fmt: skip
    ones = Events(synaptic_ops=1, weight_reads=1, decays=1)
    assert table.dynamic_j(ones) == 0.1 + 0.2 + 0.3 == 0.6000000000000001


def test_the_paper_prices_synaptic_operations_and_nothing_else() -> None:
    paper = COST_TABLES["paper"]
    assert paper.dynamic_j(Events(synaptic_ops=1)) == 13.2e-12
    for bound in BOUNDS:
        assert paper.dynamic_j(replace(EVENTS, synaptic_ops=0), bound) == 0
    assert (paper.idle_w.nominal, paper.idle_w.low) == (0, 0)
    assert paper.prices["synaptic_ops"].evidence == "published"
    assert paper.idle_w.evidence == "assumed"


def test_idle_power_is_the_leakage_of_four_memories_and_the_gates() -> None:
    for name in ("cells180", "scaled45"):
        idle = COST_TABLES[name].idle_w
        assert idle.nominal == pytest.approx(149e-6, rel=1e-14)
        assert idle.low == pytest.approx(75e-6, rel=1e-14)  # 4 x 37 / 2 + 1
        assert idle.high == pytest.approx(298e-6, rel=1e-14)
    assert COST_TABLES["paper"].idle_w.high == pytest.approx(298e-6, rel=1e-14)


def test_every_table_says_where_it_comes_from() -> None:
    assert DEFAULT_COST_TABLE in COST_TABLES
    for name, table in COST_TABLES.items():
        assert table.name == name
        assert re.match(r"(published|derived|assumed): \w", table.provenance), name
        prices = [*table.prices.values(), table.idle_w]
        assert all(price.source for price in prices), name
        assert max(price.nominal for price in prices) > 0, name


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

"""Prices of the compute-in-memory machine equal sums by hand, and give back what was published."""

from dataclasses import asdict, fields
from fractions import Fraction
from typing import Any

import pytest

from neurobot.cost import BOUNDS, COST_TABLES, Bound, tables_of
from neurobot.cost.mars import COMPONENTS, components_j
from neurobot.events import MarsEvents

EVENTS = MarsEvents(*range(1001, 1001 + len(fields(MarsEvents))))
TABLES = ("cells180", "scaled45", "scaled28")
PRODUCTS = ("macs_4w4a", "macs_4w8a", "macs_8w4a", "macs_8w8a")
FREE = {"padded_macs", "skipped_macs", "accesses", "macros", "banks"}  # the last two leak
# By hand, in pJ at 28 nm: nominal, low and high. 2 / 68.4, 2 / 61.1; 2 / 11.5, 2 / 7.
NARROW = (2 / 68.4, 2 / 68.4, 2 / 61.1)
WIDE = (2 / 11.5, 8 / 68.4, 2 / 7)
MIXED = (2 / (68.4 * 11.5) ** 0.5, 4 / 68.4, 1 / 7)
MACROS: dict[str, Any] = dict(zip(PRODUCTS, (NARROW, MIXED, MIXED, WIDE), strict=True))
# To 180 nm: 37.7 / 0.518; low: 16.6 x 69 / 377 / 0.654; high: 4.1 / 0.05 / 0.287.
FACTORS = (37.7 / 0.518, 16.6 * 69 / 377 / 0.654, 82 / 0.287)
MACROS_180 = {
    name: tuple(f * p for f, p in zip(FACTORS, prices, strict=True))
    for name, prices in MACROS.items()
}
PICOJOULES: dict[str, dict[str, Any]] = {
    "cells180": {
        **MACROS_180,
        "accumulations": (20.08, 20.08, 40.16),  # 32 bits of an adder, 16 x 0.3, 16 x 0.23
        "weight_reads": (69, 34.5, 1380),  # high: 10 times as much as of a bank
        "weight_writes": (291, 145.5, 582),
        "index_reads": (69, 34.5, 1380),
        "feature_reads": (69, 34.5, 138),
        "feature_writes": (291, 145.5, 582),
        "partial_reads": (34.5, 17.25, 69),
        "partial_writes": (145.5, 72.75, 291),
        "requantizations": (343.2, 343.2, 686.4),
        "additions": (5.8, 5.8, 11.6),
        "maxima": (2.9, 2.9, 5.8),
        "cycles": (184, 46, 1126.08),  # 800, 200 and 800 + 8 x 16 x 32 flip-flops of 0.23
    },
    "scaled28": {  # 0.518, 0.287 and 0.654 times
        **MACROS,
        "accumulations": (0.1036, 0.0574, 0.1308),
        "weight_reads": (5.18, 2.87, 65.4),
        "weight_writes": (5.18, 2.87, 6.54),
        "index_reads": (5.18, 2.87, 65.4),
        "feature_reads": (5.18, 2.87, 6.54),
        "feature_writes": (5.18, 2.87, 6.54),
        "partial_reads": (2.59, 1.435, 3.27),
        "partial_writes": (2.59, 1.435, 3.27),
        "requantizations": (1.7612, 0.9758, 2.2236),
        "additions": (0.0259, 0.01435, 0.0327),
        "maxima": (0.01295, 0.007175, 0.01635),
    },
}


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("table", PICOJOULES)
def test_a_table_prices_events_as_the_sum_by_hand(table: str, bound: Bound) -> None:
    found = COST_TABLES[table].tariffs["mars"].breakdown_j(EVENTS, bound)
    by_hand = {
        event: getattr(EVENTS, event) * prices[BOUNDS.index(bound)] * 1e-12
        for event, prices in PICOJOULES[table].items()
    }
    assert found == pytest.approx(by_hand, rel=1e-12, abs=0)
    total = COST_TABLES[table].dynamic_j(EVENTS, bound)
    assert total == pytest.approx(sum(by_hand.values()), rel=1e-12, abs=0)


def test_macros_at_28_nm_give_back_the_published_tops_per_watt() -> None:
    prices = COST_TABLES["scaled28"].tariffs["mars"].prices
    tops = {name: 2 / prices[name].nominal / 1e12 for name in ("macs_4w4a", "macs_8w8a")}
    assert tops == pytest.approx({"macs_4w4a": 68.4, "macs_8w8a": 11.5}, rel=1e-14, abs=0)
    other = {name: 2 / prices[name].high / 1e12 for name in tops}
    assert other == pytest.approx({"macs_4w4a": 61.1, "macs_8w8a": 7.0}, rel=1e-14, abs=0)


def test_what_has_no_published_figure_lies_between_and_says_that_it_is_assumed() -> None:
    for name in TABLES:
        prices = COST_TABLES[name].tariffs["mars"].prices
        narrow, mixed, wide = (prices[k] for k in ("macs_4w4a", "macs_4w8a", "macs_8w8a"))
        assert prices["macs_8w4a"] == mixed
        assert mixed.nominal**2 == pytest.approx(narrow.nominal * wide.nominal), name
        for bound in BOUNDS:
            assert narrow.at(bound) < mixed.at(bound) < wide.at(bound), (name, bound)
        assert mixed.evidence == "assumed"
    at_28 = COST_TABLES["scaled28"].tariffs["mars"].prices
    assert {at_28[name].evidence for name in ("macs_4w4a", "macs_8w8a")} == {"derived"}
    assert all("inferred" in at_28[name].source for name in ("macs_4w4a", "macs_8w8a"))
    at_180 = COST_TABLES["cells180"].tariffs["mars"].prices
    assert {at_180[name].evidence for name in PRODUCTS} == {"assumed"}


def test_every_event_but_what_is_free_has_a_price_and_belongs_to_one_component() -> None:
    assert tables_of("mars").keys() == set(TABLES)
    priced = asdict(EVENTS).keys() - FREE
    owned = [name for names in COMPONENTS.values() for name in names]
    assert sorted(owned) == sorted(priced)
    for name in TABLES:
        missing = priced - COST_TABLES[name].tariffs["mars"].prices.keys()
        assert missing == (set() if name == "cells180" else {"cycles"}), name


@pytest.mark.parametrize("bound", BOUNDS)
def test_components_and_leakage_add_up_to_the_energy(bound: Bound) -> None:
    for name in TABLES:
        tariff = COST_TABLES[name].tariffs["mars"]
        parts = components_j(tariff, EVENTS, 2.5e-3, bound)
        assert parts.keys() == {*COMPONENTS, "leakage"}
        whole = tariff.dynamic_j(EVENTS, bound) + 2.5e-3 * tariff.idling_w(EVENTS, bound)
        assert sum(parts.values()) == pytest.approx(whole, rel=1e-13, abs=0), name
        alone = components_j(tariff, MarsEvents(weight_reads=7, weight_writes=9), 0.0, bound)
        assert alone["refill"] == sum(alone.values()) > 0


def test_macros_leak_as_the_memories_that_they_are() -> None:
    counts = MarsEvents(macros=8, banks=29)
    for name in ("cells180", "scaled45"):  # 37 of 67 uW and gates of 4 uW
        assert COST_TABLES[name].idling_w(counts) == pytest.approx(
            37 * 67e-6 + 4e-6, rel=1e-13, abs=0
        )
    kb = float(Fraction(30, 1_000_000) / 32 * Fraction(90, 55))  # at 0.9 V, by the current at 0.55
    assert COST_TABLES["scaled28"].idling_w(counts) == pytest.approx(38 * 8 * kb, rel=1e-13, abs=0)

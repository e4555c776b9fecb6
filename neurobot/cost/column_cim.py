"""Prices of the machine of arrays of memory cells, `neurobot.events.CimEvents`.

They stand for the default `neurobot.column_cim.Silicon`: memories in banks of 8 kB with words of 64
bits, accumulators of 32 bits. Converters: see `neurobot.cost.converters`. The digital parts are
what the digital processor is made of, at its prices; constants of dequantization stand in registers
of 16 bits beside their converters, and take nothing to read. Other marks: see
`neurobot.cost.nodes`.

A cell that is read, with its share of the word line and of the column, by three published macros as
[cimloop] quotes them (github.com/mit-emze/cimloop, `models/arch/1_macro`), each brought to 28 nm
and 0.9 V by [scaling]. They are far apart: low to high is a factor of 26.

* [jia] Jia et al., JSSC 2020, 65 nm, charges on a capacitor in each SRAM cell: 9.7 pJ for a column
  at 0.85 V. It has 2304 rows, which follows: 400 TOPS/W of 9.7 and 1.79 pJ are 2298 products.
  Nominal.
* [wan] Wan et al., Nature 2022, 130 nm, RRAM read by small pulses: 9.0 fJ of the word line and 3.4
  fJ of the input for each cell, 1.8 V taken as its supply. Low.
* [wang] Wang et al., VLSI 2022, 22 nm, SRAM with a ladder of capacitors: 40 % of 2 / 32.2 TOPS/W
  for 8 cells at 0.7 V. High.

[zigzag], whose formula for converters is used, has 0.7 fF V^2 for a cell, within that range; and
50 fF V^2 for each bit that drives a row, nominal here, a quarter and four times of it the range.
[wang] takes 73 fJ, brought to 28 nm, if a driver serves 16 outputs as in [cimloop].
"""

from neurobot.cost import insight, processor
from neurobot.cost.converters import conversion
from neurobot.cost.nodes import SUPPLY_28_V, from_28, to_180
from neurobot.cost.prices import Bound, Price, Tariff, parted_j
from neurobot.events import CONVERSIONS, CimEvents

JIA_J = 9.7e-12 / 2304 / from_28(65, 0.85)
WAN_J = 12.4e-15 / from_28(130, 1.8)
WANG_J = 0.40 * 2 / 32.2e12 / 8 / from_28(22, 0.7)
DRIVE_J = 50e-15 * SUPPLY_28_V**2  # of a bit [zigzag]
BANK_BITS = 8 * 8 * 1024

CELL = Price(
    JIA_J,
    WAN_J,
    WANG_J,
    "derived",
    "a cell of a 65 nm SRAM macro, 4.2 fJ at 0.85 V; low: of a 130 nm RRAM macro, 12.4 fJ; high: "
    "of a 22 nm SRAM macro, 3.1 fJ at 0.7 V; scaled to 28 nm",
)
DRIVE = Price(
    DRIVE_J,
    DRIVE_J / 4,
    4 * DRIVE_J,
    "assumed",
    "50 fF at 0.9 V for each bit that drives a row; low: a quarter; high: four times",
)
ANALOG = {
    "cell_reads": CELL,
    "drive_bits": DRIVE,
    **{name: conversion(bits) for bits, name in enumerate(CONVERSIONS, 1)},
}

# What belongs to which part of the machine, for reports; besides, there is leakage.
COMPONENTS = {
    "arrays": ("cell_reads",),
    "row drives": ("drive_bits",),
    "converters": CONVERSIONS,
    "dequantization": (
        "shift_adds",
        "dequantizations",
        "accumulations",
        "input_sums",
        "corrections",
    ),
    "digital unit": ("digital_macs", "weight_reads"),
    "feature memories": ("feature_reads", "feature_writes"),
    "post units": ("requantizations", "additions", "maxima"),
    "control": ("cycles",),
}
MACRO = ("arrays", "row drives", "converters", "dequantization")  # what published macros hold


def widened(price: Price, what: str) -> Price:
    """Price something whose width may be half or twice as much."""
    return Price(price.nominal, price.low / 2, 2 * price.high, price.evidence, what)


def product(digital: Tariff, count: int, what: str) -> Price:
    """Price a product as so many of 8 x 8 bits."""
    of_8 = digital.prices["macs_8b"].times(count, what)
    return widened(of_8, f"{of_8.source}; low: half, high: twice as wide")


def stored(bank: Price) -> Price:
    """Price the leakage of a bit in cells of arrays by that of memories; low: there is none."""
    return Price(
        bank.nominal / BANK_BITS,
        0.0,
        bank.high / BANK_BITS,
        "assumed",
        f"{bank.source}, by bit; low: cells that leak nothing",
    )


def machine(analog: dict[str, Price], digital: Tariff, words: Price) -> Tariff:
    """Price arrays, and everything else as in the digital processor.

    words: the leakage of 8 flip-flops.
    """
    shared = digital.prices
    same = ("requantizations", "additions", "maxima", "weight_reads", "accumulations")
    prices = {
        **analog,
        **{name: shared[name] for name in same},
        "shift_adds": shared["accumulations"].times(0.5, "16 of 32 bits"),
        "dequantizations": product(digital, 2, "codes of 8 by constants of 16 bits"),
        "corrections": product(digital, 4, "sums of 16 by constants of 16 bits"),
        "input_sums": shared["additions"],
        "digital_macs": shared["macs_8b"] + shared["accumulations"],
        "feature_reads": shared["activation_reads"],
        "feature_writes": shared["activation_writes"],
    }
    if "cycles" in shared:
        prices["cycles"] = shared["cycles"]
    bank = digital.held_w["banks"]
    held = {
        "banks": bank,
        "array_bits": stored(bank),
        "constants": words.times(2, "of 16 flip-flops"),
    }
    return Tariff(prices, digital.idle_w, held)


ANALOG_180 = {name: to_180(price) for name, price in ANALOG.items()}
WORD_180 = insight.CELLS_180.held_w["delay_words"]
CELLS_180 = machine(ANALOG_180, processor.CELLS_180, WORD_180)
SCALED_180 = machine(ANALOG_180, processor.SCALED_180, WORD_180)
SCALED_28 = machine(ANALOG, processor.SCALED_28, insight.SCALED_28.held_w["delay_words"])


def components_j(
    tariff: Tariff, events: CimEvents, seconds: float, bound: Bound = "nominal"
) -> dict[str, float]:
    """Energy of each part of the machine, and of its leakage for so long, in joules."""
    return parted_j(COMPONENTS, tariff, events, seconds, bound)


def converter_share(parts: dict[str, float]) -> float:
    """Return the converters' share in what a macro takes, leakage left out; 0 of nothing."""
    macro = sum(parts[name] for name in MACRO)
    return parts["converters"] / macro if macro else 0.0

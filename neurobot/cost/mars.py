"""Prices of the compute-in-memory machine's events, `neurobot.events.MarsEvents`.

They stand for the default `neurobot.mars.Silicon`: 4 cores of 2 macros of 64 kbit each, memories in
banks of 8 kB with words of 64 bits, accumulators of 32 bits. All but the macros is what the digital
processor is made of, at its prices. Marks: see `neurobot.cost.nodes`.

[macro] Si et al., ISSCC 2020 15.5 and JSSC 2021: 28 nm, 64 kbit, inputs and weights of 4 or 8 bits,
11.5 to 68.4 TOPS/W, converters included, a MAC being 2 operations; [transpose] Su et al., ISSCC
2020 15.2 and JSSC 2021: 28 nm, 64 kbit, 7 to 61.1 TOPS/W. Which macro the machine was made of is
not published: that it is the first, and that the ends of these ranges are 8 x 8 and 4 x 4 bits, is
inferred. Weights of 4 bits with inputs of 8, or the other way round, have no published figure.
"""

from math import sqrt

from neurobot.cost import processor
from neurobot.cost.nodes import FLIP_FLOP_J, to_180
from neurobot.cost.prices import Bound, Price, Tariff, parted_j
from neurobot.events import MarsEvents

CORES, MACROS, COLUMNS = 4, 2, 16  # macros of a core; columns at 4 bits
MAC_OPERATIONS = 2
TOPS_4B, TOPS_4B_TRANSPOSE = 68.4e12, 61.1e12  # operations of a joule [macro], [transpose]
TOPS_8B, TOPS_8B_TRANSPOSE = 11.5e12, 7e12
FAR_WORD = 10  # a word of 1 MB takes as many times more than one of 8 kB [horowitz]

NARROW = Price(
    MAC_OPERATIONS / TOPS_4B,
    MAC_OPERATIONS / TOPS_4B,
    MAC_OPERATIONS / TOPS_4B_TRANSPOSE,
    "derived",
    "68.4 TOPS/W, the best of a published range, inferred to be 4 x 4 bits; low: the same; high: "
    "61.1, the best of another macro",
)
WIDE = Price(
    MAC_OPERATIONS / TOPS_8B,
    4 * NARROW.low,
    MAC_OPERATIONS / TOPS_8B_TRANSPOSE,
    "derived",
    "11.5 TOPS/W, the worst of a published range, inferred to be 8 x 8 bits; low: as four products "
    "of 4 x 4; high: 7, the worst of another macro",
)
MIXED = Price(
    sqrt(NARROW.nominal * WIDE.nominal),
    2 * NARROW.low,
    WIDE.high / 2,
    "assumed",
    "4 x 8 bits, the geometric mean of 4 x 4 and 8 x 8; low: as two of 4 x 4; high: as half of "
    "8 x 8",
)
PRODUCTS = {"macs_4w4a": NARROW, "macs_4w8a": MIXED, "macs_8w4a": MIXED, "macs_8w8a": WIDE}

# What belongs to which part of the machine, for reports; besides, there is leakage.
COMPONENTS = {
    "macros": tuple(PRODUCTS),
    "refill": ("weight_reads", "weight_writes"),
    "index": ("index_reads",),
    "feature memories": ("feature_reads", "feature_writes"),
    "accumulators": ("accumulations", "partial_reads", "partial_writes"),
    "post units": ("requantizations", "additions", "maxima"),
    "control": ("cycles",),
}


def far(word: Price) -> Price:
    """Price a word of the weight memories, by what one of a bank takes; high: if not in banks."""
    high = FAR_WORD * word.high
    return Price(word.nominal, word.low, high, "assumed", f"{word.source}; high: of 1 MB, 10 times")


def machine(products: dict[str, Price], digital: Tariff, control: dict[str, Price]) -> Tariff:
    """Price macros, and everything else as in the digital processor; macros leak as its banks."""
    shared = digital.prices
    word = far(shared["weight_reads"])
    same = ("accumulations", "partial_reads", "partial_writes", *COMPONENTS["post units"])
    prices = {
        **products,
        "weight_reads": word,
        "weight_writes": shared["activation_writes"],
        "index_reads": word,
        "feature_reads": shared["activation_reads"],
        "feature_writes": shared["activation_writes"],
        **{name: shared[name] for name in same},
        **control,
    }
    bank = digital.held_w["banks"]
    return Tariff(prices, digital.idle_w, {"macros": bank, "banks": bank})


CONTROL_180 = Price(
    CORES * 200 * FLIP_FLOP_J,
    CORES * 50 * FLIP_FLOP_J,
    CORES * (200 + MACROS * COLUMNS * 32) * FLIP_FLOP_J,
    "assumed",
    "200 control flip-flops of each of 4 cores never gated; low: 50; high: nor are the "
    "accumulators of 2 macros each",
)
PRODUCTS_180 = {name: to_180(price) for name, price in PRODUCTS.items()}
CELLS_180 = machine(PRODUCTS_180, processor.CELLS_180, {"cycles": CONTROL_180})
SCALED_180 = machine(PRODUCTS_180, processor.SCALED_180, {})
SCALED_28 = machine(PRODUCTS, processor.SCALED_28, {})


def components_j(
    tariff: Tariff, events: MarsEvents, seconds: float, bound: Bound = "nominal"
) -> dict[str, float]:
    """Energy of each part of the machine, and of its leakage for so long, in joules."""
    return parted_j(COMPONENTS, tariff, events, seconds, bound)

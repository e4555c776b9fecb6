"""Prices: from exact counts to joules and watts.

Every figure that comes out of here is *modelled*, for a chip of the default sizes. Dynamic energy
follows events; idle power flows all the time. Each price has a range: what it may be by what is
not known. Sources:

* [paper] POPPINS, ISCAS 2021, arXiv 2201.07490: 13.2 pJ per synaptic operation, "normalized", how
  is unknown. High: if that is what 32 nm at 0.9 V would take, 180 nm takes more by [scaling];
* [scaling] Stillmaker and Baas, Integration 2017: the energy of a switching event by node and
  supply, with the coefficients that github.com/wromaszkan/nodeScale tabulates;
* [scaled] Horowitz, ISSCC 2014, 45 nm at 0.9 V, brought to 180 nm at 1.8 V by [scaling]. Low: at
  1.2 V. This rule underestimates logic, so high: by as much as it does the adder of [cells]; and
  overestimates memories, so low: also by as much as it does the 8 kB one of [sram];
* [cells] registers and adders of our own mapped to the 0.18 um OSU standard-cell library (qflow) at
  1.8 V, with random inputs and zero-delay toggles. Low: the same; high: twice, by glitches;
* [sram] CACTI-P (in McPAT) at 180 nm, 1.8 V: within a factor of 2 either way.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal, get_args

from neurobot.events import Events

# Stated by a paper or a tool; following from such figures by a stated rule; our guess.
EVIDENCE = ("published", "derived", "assumed")
Bound = Literal["nominal", "low", "high"]
BOUNDS: tuple[Bound, ...] = get_args(Bound)


def weakest(*evidence: str) -> str:
    """Return how well what is made of such figures is known."""
    return max(evidence, key=EVIDENCE.index)


@dataclass(frozen=True, slots=True)
class Price:
    """Joules of one event, or watts of idling, and the range that the unknowns allow."""

    nominal: float
    low: float
    high: float
    evidence: str  # for the nominal value
    source: str

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise ValueError(
                f"price: evidence {self.evidence!r} found, one of {', '.join(EVIDENCE)} needed"
            )
        if not 0 <= self.low <= self.nominal <= self.high:
            raise ValueError(
                f"price: 0 <= low <= nominal <= high needed, {self.low}, {self.nominal}, "
                f"{self.high} found"
            )

    def at(self, bound: Bound) -> float:
        """Return the nominal value or an end of the range."""
        return float(getattr(self, bound))

    def times(self, factor: float, why: str) -> "Price":
        """Return the price of something larger or smaller."""
        return Price(
            factor * self.nominal,
            factor * self.low,
            factor * self.high,
            "assumed",
            f"{self.source}; x {factor:.3g}: {why}",
        )

    def __add__(self, other: "Price") -> "Price":
        return Price(
            self.nominal + other.nominal,
            self.low + other.low,
            self.high + other.high,
            weakest(self.evidence, other.evidence),
            f"{self.source}; {other.source}",
        )


@dataclass(frozen=True, slots=True)
class CostTable:
    """Prices with where they come from."""

    name: str
    provenance: str
    prices: dict[str, Price]  # of events, by their names in `Events`; the others cost nothing
    idle_w: Price

    def breakdown_j(self, events: Events, bound: Bound = "nominal") -> dict[str, float]:
        """Energy of each kind of event that has a price, in joules."""
        return {name: getattr(events, name) * p.at(bound) for name, p in self.prices.items()}

    def dynamic_j(self, events: Events, bound: Bound = "nominal") -> float:
        """Energy of the events themselves, in joules."""
        # Not sum(): from Python 3.12 on it rounds in another way.
        return reduce(add, self.breakdown_j(events, bound).values(), 0.0)


# Node in nm -> coefficients of V**2, V and 1 [scaling].
SWITCHING = {
    180: (0.0, 24.64, -17.98),
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
}


def switching(node_nm: int, supply_v: float) -> float:
    """Energy of a switching event, in units that only ratios are free of."""
    square, linear, constant = SWITCHING[node_nm]
    return square * supply_v**2 + linear * supply_v + constant


SCALE_45_TO_180 = round(switching(180, 1.8) / switching(45, 0.9), 1)
SCALE_45_TO_180_LOW = round(switching(180, 1.2) / switching(45, 0.9), 1)
SCALE_32_TO_180 = round(switching(180, 1.8) / switching(32, 0.9), 1)

ADDER_J = 4.1e-12  # 8-bit weight to 12-bit current [cells]
ADDER_45_J = 0.05e-12  # 16 bits [scaled]
MEMORY_J = 69e-12  # a read of 64 bits from 8 kB [sram]
MEMORY_45_J = 10e-12  # the same [scaled]
LOGIC_EXCESS = ADDER_J / (SCALE_45_TO_180 * ADDER_45_J)
MEMORY_EXCESS = SCALE_45_TO_180 * MEMORY_45_J / MEMORY_J


def cells(nominal: float, what: str, evidence: str = "assumed") -> Price:
    """Price logic and flip-flops [cells] of an assumed width."""
    return Price(nominal, nominal, 2 * nominal, evidence, what)


def sram(nominal: float, what: str) -> Price:
    """Price memories [sram] of an assumed size."""
    return Price(nominal, nominal / 2, 2 * nominal, "assumed", what)


def scaled_logic(at_45: float, what: str) -> Price:
    """Price logic [scaled] of an assumed width."""
    nominal = SCALE_45_TO_180 * at_45
    return Price(nominal, SCALE_45_TO_180_LOW * at_45, LOGIC_EXCESS * nominal, "assumed", what)


def scaled_memory(at_45: float, what: str) -> Price:
    """Price memories [scaled] of an assumed size."""
    nominal = SCALE_45_TO_180 * at_45
    return Price(nominal, SCALE_45_TO_180_LOW * at_45 / MEMORY_EXCESS, nominal, "assumed", what)


FLIP_FLOP_J = 0.23e-12  # clocked [cells]
FLIP_FLOP_WRITE_J = 0.3e-12  # clocked and toggled
LEAKAGE = sram(4 * 37e-6, "four 4 kB memories") + cells(1e-6, "20 k gates")

COST_TABLES = {
    table.name: table
    for table in (
        CostTable(
            "paper",
            "published: 13.2 pJ per synaptic operation (normalized, how is unknown); everything "
            "else is folded into it, idle power unknown and taken as 0",
            {
                "synaptic_ops": Price(
                    13.2e-12,
                    13.2e-12,
                    SCALE_32_TO_180 * 13.2e-12,
                    "published",
                    "high: if it was normalized to 32 nm, 0.9 V",
                )
            },
            Price(0.0, 0.0, LEAKAGE.high, "assumed", "unknown; high: that of cells180"),
        ),
        CostTable(
            "cells180",
            "derived: 0.18 um standard cells and CACTI-P memories at 1.8 V; memory sizes and clock "
            "gating assumed (all state clocked only when written)",
            {
                "weight_reads": sram(26e-12, "4 kB, 8-bit port") + cells(ADDER_J, "adder"),
                "current_writes": cells(12 * FLIP_FLOP_WRITE_J, "12 flip-flops of 16"),
                "decays": cells(8.8e-12, "shift, subtract and the step of 1, 12 bits"),
                "membrane_updates": cells(
                    16.9e-12, "force and sums, 8-bit membrane, 12-bit current", "derived"
                )
                + cells(8 * FLIP_FLOP_WRITE_J, "8 flip-flops"),
                "cycles": Price(
                    50 * FLIP_FLOP_J,
                    16 * FLIP_FLOP_J,
                    (50 + 128 * (12 + 8)) * FLIP_FLOP_J,
                    "assumed",
                    "50 control flip-flops never gated; low: 16; high: nor are the currents and "
                    "membranes of 128 neurons",
                ),
            },
            LEAKAGE,
        ),
        CostTable(
            "scaled45",
            "derived: 45 nm figures scaled to 180 nm; the rule overestimates memories; leakage "
            "taken from cells180",
            {
                "weight_reads": scaled_memory(MEMORY_45_J / 8, "8 of 64 bits")
                + scaled_logic(ADDER_45_J, "16-bit add"),
                "current_writes": scaled_memory(16 * MEMORY_45_J / 64, "16 of 64 bits"),
                "decays": scaled_logic(2 * ADDER_45_J, "as two 16-bit adds"),
                "membrane_updates": scaled_logic(
                    2 * 0.2e-12 + 3 * 0.03e-12, "as 2 multiplies and 3 adds of 8 bits"
                ),
            },
            LEAKAGE,
        ),
    )
}
DEFAULT_COST_TABLE = "paper"

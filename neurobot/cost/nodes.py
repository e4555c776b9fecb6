"""Rules that bring published figures to a process node.

Sources:

* [scaling] Stillmaker and Baas, Integration 2017: the energy of a switching event by node and
  supply, with the coefficients that github.com/wromaszkan/nodeScale tabulates;
* [horowitz] Horowitz, ISSCC 2014, 45 nm at 0.9 V;
* [cells] blocks of our own mapped to the 0.18 um OSU standard-cell library (qflow) at 1.8 V, with
  random inputs and zero-delay toggles. Low: the same; high: twice, by glitches;
* [sram] CACTI-P (in McPAT) at 180 nm, 1.8 V: within a factor of 2 either way;
* [guide] Open Neuromorphic hardware guide: ODIN (28 nm FDSOI, 0.55 V) takes 30 uW at least.

To 180 nm at 1.8 V figures of [horowitz] come by [scaling]. Low: at 1.2 V. This rule underestimates
logic, so high: by as much as it does the adder of [cells]; and overestimates memories, so low: also
by as much as it does the 8 kB one of [sram].

To 28 nm they come at the same 0.9 V. [scaling] has no row for it: between those of 32 and 20 nm the
energy is taken as a power of the node. High: as at 32 nm; low: as at 20 nm.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

from neurobot.cost.prices import Price

# Node in nm -> coefficients of V**2, V and 1 [scaling].
SWITCHING = {
    180: (0.0, 24.64, -17.98),
    130: (7.171, -6.709, 2.904),
    65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
    20: (0.373, -0.1582, 0.04104),
    7: (0.1776, -0.09097, 0.02447),
}
SUPPLY_28_V = 0.9


def switching(node_nm: int, supply_v: float) -> float:
    """Energy of a switching event, in units that only ratios are free of."""
    square, linear, constant = SWITCHING[node_nm]
    return square * supply_v**2 + linear * supply_v + constant


def between(node_nm: int, ends_nm: tuple[int, int], supply_v: float) -> float:
    """Energy of a switching event as a power of the node, through those of two others."""
    first, second = (switching(end, supply_v) for end in ends_nm)
    share = math.log(node_nm / ends_nm[0]) / math.log(ends_nm[1] / ends_nm[0])
    return float(first ** (1 - share) * second**share)


def from_28(node_nm: int, supply_v: float) -> float:
    """Return what times as much switching takes at a node and a supply as at 28 nm and 0.9 V.

    Nodes that [scaling] has no row for lie between 32 and 20 nm.
    """
    ours = between(28, (20, 32), SUPPLY_28_V)
    known = node_nm in SWITCHING
    theirs = switching(node_nm, supply_v) if known else between(node_nm, (20, 32), supply_v)
    return theirs / ours


SCALE_45_TO_180 = round(switching(180, 1.8) / switching(45, 0.9), 1)
SCALE_45_TO_180_LOW = round(switching(180, 1.2) / switching(45, 0.9), 1)
SCALE_32_TO_180 = round(switching(180, 1.8) / switching(32, 0.9), 1)
SCALE_45_TO_28 = round(between(28, (20, 32), 0.9) / switching(45, 0.9), 3)
SCALE_45_TO_20 = round(switching(20, 0.9) / switching(45, 0.9), 3)
SCALE_45_TO_32 = round(switching(32, 0.9) / switching(45, 0.9), 3)

ADDER_J = 4.1e-12  # 8-bit weight to 12-bit current [cells]
ADDER_45_J = 0.05e-12  # 16 bits [horowitz]
MEMORY_J = 69e-12  # a read of 64 bits from 8 kB [sram]
MEMORY_45_J = 10e-12  # the same [horowitz]
LOGIC_EXCESS = ADDER_J / (SCALE_45_TO_180 * ADDER_45_J)
MEMORY_EXCESS = SCALE_45_TO_180 * MEMORY_45_J / MEMORY_J
FLIP_FLOP_J = 0.23e-12  # clocked [cells]
FLIP_FLOP_WRITE_J = 0.3e-12  # clocked and toggled


def cells(nominal: float, what: str, evidence: str = "assumed") -> Price:
    """Price logic and flip-flops [cells] of an assumed width."""
    return Price(nominal, nominal, 2 * nominal, evidence, what)


def sram(nominal: float, what: str) -> Price:
    """Price memories [sram] of an assumed size."""
    return Price(nominal, nominal / 2, 2 * nominal, "assumed", what)


Factors: TypeAlias = tuple[float, float, float]  # nominal, low, high


def scale(at_45: float, factors: Factors, what: str) -> Price:
    """Bring a figure to a node, of something whose width or size is assumed."""
    nominal, low, high = (factor * at_45 for factor in factors)
    return Price(nominal, low, high, "assumed", what)


@dataclass(frozen=True, slots=True)
class Node:
    """Factors from figures of 45 nm to a node."""

    logic_factors: Factors
    memory_factors: Factors

    def logic(self, at_45: float, what: str) -> Price:
        """Price logic of an assumed width."""
        return scale(at_45, self.logic_factors, what)

    def memory(self, at_45: float, what: str) -> Price:
        """Price memories of an assumed size."""
        return scale(at_45, self.memory_factors, what)


NM_180 = Node(
    (SCALE_45_TO_180, SCALE_45_TO_180_LOW, LOGIC_EXCESS * SCALE_45_TO_180),
    (SCALE_45_TO_180, SCALE_45_TO_180_LOW / MEMORY_EXCESS, SCALE_45_TO_180),
)
TO_28 = (SCALE_45_TO_28, SCALE_45_TO_20, SCALE_45_TO_32)
NM_28 = Node(TO_28, TO_28)
scaled_logic, scaled_memory = NM_180.logic, NM_180.memory


def to_180(price: Price) -> Price:
    """Bring a price of what computes in memory from 28 to 180 nm.

    By [scaling]; it is bit lines and converters, so low: by the least of memories, high: by the
    most of logic.
    """
    nominal = NM_180.memory_factors[0] / NM_28.memory_factors[0]
    low = NM_180.memory_factors[1] / NM_28.memory_factors[2]
    high = NM_180.logic_factors[2] / NM_28.logic_factors[1]
    return Price(
        nominal * price.nominal,
        low * price.low,
        high * price.high,
        "assumed",
        f"{price.source}; x {nominal:.3g} (low: {low:.3g}, high: {high:.3g}): from 28 to 180 nm",
    )


ODIN_W, ODIN_V, ODIN_KB = 30e-6, 0.55, 32  # [guide]; 64 k synapses of 4 bits


def leakage_28(kb: float, what: str) -> Price:
    """Price the leakage of memories, or of as many transistors in logic, at 28 nm and 0.9 V.

    Low: per kilobyte what all of ODIN takes at least; nominal: the same current at 0.9 V; high: a
    current that grows with the supply, four times of it.
    """
    low = kb * ODIN_W / ODIN_KB
    nominal = low * 0.9 / ODIN_V
    return Price(nominal, low, 4 * nominal, "assumed", f"{what}, by kB as ODIN's least power")

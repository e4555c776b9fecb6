"""Prices of the streaming machine's events, `neurobot.events.InsightEvents`; widths are assumed.

A synapse multiplies a code of 8 bits by a constant of 8 bits; in canonical signed digits such a
constant has 25 / 9 digits other than 0 in the mean, hence 16 / 9 adders. High: any weight, by a
multiplier. Sums have 20 bits, those of trees and registers of neurons 24, a full adder or flip-flop
is 6 gates; requantization is by powers of two, a choice of wires. Delay lines are shift registers
that move at every clock; low: memories that keep samples where they are. Marks: see
`neurobot.cost.nodes`.

[insight] INsight, seminar notice of 2017: the convolutions of AlexNet, 1552 images/s with 7.2 W on
a Virtex-7. They are 666 M products before compression; into how many that made them is not known.
Nominal: a tenth, by the "up to 10x" of a paper of 2019; low: all; high: 23 times fewer, as it has
100 K synapses for 2.33 M weights (inferred). All power is taken as energy of products.
"""

from collections.abc import Callable

from neurobot.cost.nodes import (
    FLIP_FLOP_J,
    FLIP_FLOP_WRITE_J,
    NM_28,
    NM_180,
    Node,
    cells,
    leakage_28,
)
from neurobot.cost.prices import Price, Tariff
from neurobot.cost.processor import (
    ADD_BIT_45_J,
    ADD_BIT_J,
    MULTIPLY_45_J,
    MULTIPLY_J,
    Logic,
    logic_180,
)

CODE_BITS, SUM_BITS, WIDE_BITS = 8, 20, 24
CONSTANT_BITS = 16 / 9 * 12  # of the adders that multiply by a constant
BIT_GATES = 6  # of a full adder, of a flip-flop
SYNAPSE_GATES = BIT_GATES * (CONSTANT_BITS + SUM_BITS)
NEURON_GATES = BIT_GATES * 2 * WIDE_BITS  # adder of the bias, register
WORD_GATES = BIT_GATES * CODE_BITS
CONTROL = 50  # flip-flops: counters of rows and columns, valid phases
GATE_W = 4e-6 / 80e3  # 80 k gates take 4 uW [cells]
GATES_PER_KB = 10e3  # as many transistors

ALEXNET_J = 7.2 / 1552  # of an image [insight]
ALEXNET_PRODUCTS = 666e6
TIMES_FEWER, MOST_TIMES_FEWER = 10, 23


def synaptic(logic: Logic, multiply_j: float, add_bit_j: float) -> Price:
    """Price a product and its addition; at most as much as with a multiplier in place of adders."""
    constant = logic(CONSTANT_BITS * add_bit_j, "by a constant of 8 bits", "assumed")
    general = logic(multiply_j, "8 x 8 bits", "assumed")
    product = Price(
        constant.nominal,
        constant.low,
        general.high,
        "assumed",
        f"{constant.source}; high: {general.source}",
    )
    return product + logic(SUM_BITS * add_bit_j, "20-bit add", "assumed")


def arithmetic(
    logic: Logic, multiply_j: float, add_bit_j: float, register: Price, word: Price
) -> dict[str, Price]:
    """Price all but the clock; register: of a neuron's result, word: of a code that moves."""
    wide = logic(WIDE_BITS * add_bit_j, "24-bit add", "assumed")
    return {
        "macs": synaptic(logic, multiply_j, add_bit_j),
        "tree_sums": wide,
        "evaluations": wide + register,
        "comparisons": logic(CODE_BITS * add_bit_j, "as an 8-bit add", "assumed"),
        "line_writes": word,
        "word_shifts": Price(word.nominal, 0.0, word.high, "assumed", f"{word.source}; low: none"),
    }


def held(leakage: Callable[[float, str], Price]) -> dict[str, Price]:
    """Price what is switched on, by its gates."""
    return {
        "synapses": leakage(SYNAPSE_GATES, "adders of a constant and of 20 bits"),
        "neurons": leakage(NEURON_GATES, "adder and register of 24 bits"),
        "delay_words": leakage(WORD_GATES, "8 flip-flops"),
    }


def flip_flops_180(bits: int, what: str) -> Price:
    """Price flip-flops that are clocked and half of which toggle [cells]."""
    return cells(bits / 2 * (FLIP_FLOP_J + FLIP_FLOP_WRITE_J), f"{what}, half of which toggle")


CLOCK_180 = Price(
    CONTROL * FLIP_FLOP_J,
    CONTROL / 4 * FLIP_FLOP_J,
    4 * CONTROL * FLIP_FLOP_J,
    "assumed",
    "50 control flip-flops never gated; a quarter, four times as many",
)
CELLS_180 = Tariff(
    {
        **arithmetic(
            logic_180,
            MULTIPLY_J,
            ADD_BIT_J,
            flip_flops_180(WIDE_BITS, "24 flip-flops"),
            flip_flops_180(CODE_BITS, "8 flip-flops"),
        ),
        "samples": CLOCK_180,
        "cycles": CLOCK_180,
    },
    cells(CONTROL * BIT_GATES * GATE_W, "control"),
    held(lambda gates, what: cells(gates * GATE_W, what)),
)


def scaled(node: Node, idle_w: Price, held_w: dict[str, Price]) -> Tariff:
    """Price the events by figures of 45 nm [horowitz], brought to another node."""
    return Tariff(
        arithmetic(
            lambda joules, what, _: node.logic(joules, what),
            MULTIPLY_45_J,
            ADD_BIT_45_J,
            node.logic(WIDE_BITS * ADD_BIT_45_J, "24 flip-flops, as another add"),
            node.logic(CODE_BITS * ADD_BIT_45_J, "8 flip-flops, as an 8-bit add"),
        ),
        idle_w,
        held_w,
    )


def leakage_of(gates: float, what: str) -> Price:
    """Price the leakage of gates at 28 nm."""
    return leakage_28(gates / GATES_PER_KB, what)


SCALED_180 = scaled(NM_180, CELLS_180.idle_w, CELLS_180.held_w)
SCALED_28 = scaled(NM_28, leakage_of(CONTROL * BIT_GATES, "control"), held(leakage_of))

PRODUCT_J = ALEXNET_J / ALEXNET_PRODUCTS
CALIBRATED = Price(
    TIMES_FEWER * PRODUCT_J,
    PRODUCT_J,
    MOST_TIMES_FEWER * PRODUCT_J,
    "assumed",
    "4.64 mJ for each image of AlexNet, shared out among a tenth of its products; low: among all; "
    "high: among 23 times fewer",
)
VIRTEX_7 = Tariff(
    {"macs": CALIBRATED, "still_macs": CALIBRATED},
    Price(0.0, 0.0, 7.2, "assumed", "unknown, in the energy of products; high: all of the power"),
)

"""Prices of the digital processor's events, `neurobot.events.MacEvents`; its sizes are assumed.

They stand for the default `neurobot.mac.MacArray`: memories in banks of 8 kB with words of 64 bits,
accumulators of 32 bits. An n-bit multiplier takes (n / 8)^2 of the 8-bit one, an adder in
proportion to its bits, an AND gate as the mean gate of that multiplier. Marks: see
`neurobot.cost.nodes`.
"""

from collections.abc import Callable

from neurobot.cost.nodes import (
    FLIP_FLOP_J,
    FLIP_FLOP_WRITE_J,
    MEMORY_45_J,
    MEMORY_J,
    NM_28,
    NM_180,
    Node,
    cells,
    leakage_28,
    sram,
)
from neurobot.cost.prices import Price, Tariff

BANK_KB = 8
GATES = "80 k gates"
MULTIPLY_J, MULTIPLIER_CELLS = 20e-12, 346  # 8 x 8 bits [cells]
ADD_BIT_J = 2.9e-12 / 8  # of an 8-bit adder [cells]
WRITE_J = 291e-12  # of 64 bits to 8 kB [sram]
MULTIPLY_45_J, ADD_BIT_45_J = 0.2e-12, 0.1e-12 / 32  # 8 x 8 bits; of a 32-bit adder [horowitz]
FLOAT_MULTIPLY_45_J, FLOAT_ADD_45_J = 3.7e-12, 0.9e-12  # 32 bits [horowitz]

Logic = Callable[[float, str, str], Price]  # of so many joules, what, and how well it is known


def product_j(bits: int, multiply_j: float, gate_j: float, add_bit_j: float) -> float:
    """Energy of a product of two n-bit values and of its share in the sum of those packed with it.

    floor(8 / n) products share adders of 2 n bits; 1-bit ones are an AND each and a full adder of
    the tree that counts them.
    """
    if bits == 1:
        return gate_j + add_bit_j
    packed = 8 // bits
    return multiply_j * (bits / 8) ** 2 + (packed - 1) / packed * 2 * bits * add_bit_j


def arithmetic(
    logic: Logic, multiply_j: float, gate_j: float, add_bit_j: float
) -> dict[str, Price]:
    """Price what needs no memory and no flip-flop."""
    products = {
        f"macs_{bits}b": logic(
            product_j(bits, multiply_j, gate_j, add_bit_j),
            f"{bits} x {bits} bits and the sum of {8 // bits}",
            "derived" if bits == 8 else "assumed",
        )
        for bits in range(1, 9)
    }
    wide = 16 * multiply_j + 64 * add_bit_j
    return {
        **products,
        "offset_additions": logic(8 * add_bit_j, "8-bit add", "derived"),
        "requantizations": logic(wide, "32 x 32 bits as 16 of 8 x 8, and a 64-bit add", "assumed"),
        "additions": logic(16 * add_bit_j, "16-bit add", "assumed"),
        "maxima": logic(8 * add_bit_j, "as an 8-bit add", "assumed"),
    }


def floats(node: Node) -> dict[str, Price]:
    """Price operations in floating point [horowitz], brought to another node."""
    both = node.logic(FLOAT_MULTIPLY_45_J + FLOAT_ADD_45_J, "multiply and add, 32-bit floats")
    register = node.logic(32 * ADD_BIT_45_J, "32 flip-flops, as a 32-bit add")
    return {
        "macs_fp32": both + register,
        "affines_fp32": both,
        "additions_fp32": node.logic(FLOAT_ADD_45_J, "add of 32-bit floats"),
    }


def logic_180(joules: float, what: str, evidence: str) -> Price:
    """Price logic [cells]."""
    return cells(joules, what, evidence)


ACCUMULATOR_180 = cells(32 * ADD_BIT_J, "32-bit add", "derived") + cells(
    16 * (FLIP_FLOP_WRITE_J + FLIP_FLOP_J), "32 flip-flops, half of which toggle"
)
CELLS_180 = Tariff(
    {
        **arithmetic(logic_180, MULTIPLY_J, MULTIPLY_J / MULTIPLIER_CELLS, ADD_BIT_J),
        **floats(NM_180),
        "accumulations": ACCUMULATOR_180,
        "sum_accumulations": ACCUMULATOR_180,
        "weight_reads": sram(MEMORY_J, "64 bits of an 8 kB bank"),
        "weight_loads": cells(8 * FLIP_FLOP_WRITE_J, "8 flip-flops"),
        "activation_reads": sram(MEMORY_J, "64 bits of an 8 kB bank"),
        "activation_writes": sram(WRITE_J, "64 bits to an 8 kB bank"),
        "partial_reads": sram(MEMORY_J / 2, "32 of 64 bits of an 8 kB bank"),
        "partial_writes": sram(WRITE_J / 2, "32 of 64 bits to an 8 kB bank"),
        "cycles": Price(
            200 * FLIP_FLOP_J,
            50 * FLIP_FLOP_J,
            (200 + 64 * (32 + 16)) * FLIP_FLOP_J,
            "assumed",
            "200 control flip-flops never gated; low: 50; high: nor are the accumulators and "
            "operands of 64 units",
        ),
    },
    cells(4e-6, GATES),
    {"banks": sram(67e-6, "8 kB of memory")},
)


def scaled(node: Node, idle_w: Price, bank_w: Price) -> Tariff:
    """Price the events by figures of 45 nm [horowitz], brought to another node."""
    accumulator = node.logic(2 * 32 * ADD_BIT_45_J, "32-bit add; 32 flip-flops, as another")
    word = node.memory(MEMORY_45_J, "64 bits of an 8 kB bank, read or written alike")
    return Tariff(
        {
            **arithmetic(
                lambda joules, what, _: node.logic(joules, what),
                MULTIPLY_45_J,
                MULTIPLY_45_J / 64,
                ADD_BIT_45_J,
            ),
            **floats(node),
            "accumulations": accumulator,
            "sum_accumulations": accumulator,
            "weight_reads": word,
            "weight_loads": node.logic(8 * ADD_BIT_45_J, "8 flip-flops, as an 8-bit add"),
            "activation_reads": word,
            "activation_writes": word,
            "partial_reads": word.times(0.5, "32 of 64 bits"),
            "partial_writes": word.times(0.5, "32 of 64 bits"),
        },
        idle_w,
        {"banks": bank_w},
    )


SCALED_180 = scaled(NM_180, CELLS_180.idle_w, CELLS_180.held_w["banks"])
SCALED_28 = scaled(
    NM_28,
    leakage_28(BANK_KB, f"{GATES}, as many transistors as 8 kB"),
    leakage_28(BANK_KB, "8 kB of memory"),
)

"""Prices of the spiking chip's events, `neurobot.events.Events`.

[paper] POPPINS, ISCAS 2021, arXiv 2201.07490: 13.2 pJ per synaptic operation, "normalized", how is
unknown. High: if that is what 32 nm at 0.9 V would take, 180 nm takes more by [scaling]. Other
marks: see `neurobot.cost.nodes`.
"""

from neurobot.cost.nodes import (
    ADDER_45_J,
    ADDER_J,
    FLIP_FLOP_J,
    FLIP_FLOP_WRITE_J,
    MEMORY_45_J,
    NM_28,
    NM_180,
    SCALE_32_TO_180,
    Node,
    cells,
    leakage_28,
    sram,
)
from neurobot.cost.prices import Price, Tariff

LEAKAGE = sram(4 * 37e-6, "four 4 kB memories") + cells(1e-6, "20 k gates")

PAPER = Tariff(
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
)
CELLS_180 = Tariff(
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
)


def scaled(node: Node, idle_w: Price) -> Tariff:
    """Price the events by figures of 45 nm [horowitz], brought to another node."""
    return Tariff(
        {
            "weight_reads": node.memory(MEMORY_45_J / 8, "8 of 64 bits")
            + node.logic(ADDER_45_J, "16-bit add"),
            "current_writes": node.memory(16 * MEMORY_45_J / 64, "16 of 64 bits"),
            "decays": node.logic(2 * ADDER_45_J, "as two 16-bit adds"),
            "membrane_updates": node.logic(
                2 * 0.2e-12 + 3 * 0.03e-12, "as 2 multiplies and 3 adds of 8 bits"
            ),
        },
        idle_w,
    )


SCALED_180 = scaled(NM_180, LEAKAGE)
SCALED_28 = scaled(
    NM_28,
    leakage_28(16, "four 4 kB memories") + leakage_28(2, "20 k gates, as many transistors as 2 kB"),
)

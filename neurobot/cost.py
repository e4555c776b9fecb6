"""Prices: from exact counts to joules and watts.

Every figure that comes out of here is *modelled*. Dynamic energy follows events; idle power flows
all the time. Sources:

* [scaled] Horowitz, ISSCC 2014, from 45 nm, 0.9 V to 180 nm, 1.8 V by 37.7 (Stillmaker and Baas,
  2017);
* [cells] registers and adders of our own mapped to the 0.18 um OSU standard-cell library (qflow),
  with zero-delay toggles: a lower bound;
* [sram] CACTI-P (in McPAT) at 180 nm, 1.8 V: within a factor of 2.
"""

from dataclasses import dataclass

from neurobot.events import Events

SCALE_45_TO_180 = 37.7  # [scaled]


@dataclass(frozen=True, slots=True)
class CostTable:
    """Joules per event and idle watts, with where they come from."""

    name: str
    provenance: str
    synaptic_op_j: float = 0.0
    weight_read_j: float = 0.0
    current_write_j: float = 0.0
    decay_j: float = 0.0
    membrane_update_j: float = 0.0
    cycle_j: float = 0.0
    idle_w: float = 0.0

    def dynamic_j(self, events: Events) -> float:
        """Energy of the events themselves, in joules."""
        return (
            events.synaptic_ops * self.synaptic_op_j
            + events.weight_reads * self.weight_read_j
            + events.current_writes * self.current_write_j
            + events.decays * self.decay_j
            + events.membrane_updates * self.membrane_update_j
            + events.cycles * self.cycle_j
        )


COST_TABLES = {
    table.name: table
    for table in (
        CostTable(
            "paper",
            "published: 13.2 pJ per synaptic operation (normalized, how is unknown); everything "
            "else is folded into it, idle power unknown and taken as 0",
            synaptic_op_j=13.2e-12,
        ),
        CostTable(
            "cells180",
            "derived: 0.18 um standard cells and CACTI-P memories at 1.8 V; memory sizes and clock "
            "gating assumed (all state clocked only when written)",
            weight_read_j=26e-12
            + 4.1e-12,  # 4 kB, 8-bit port [sram], and the current adder [cells]
            current_write_j=12 * 0.3e-12,  # 12 flip-flops, clocked and toggled [cells]
            decay_j=8.8e-12,  # [cells]
            membrane_update_j=16.9e-12 + 8 * 0.3e-12,  # [cells], and 8 flip-flops
            cycle_j=50 * 0.23e-12,  # assumed: 50 control flip-flops never gated
            idle_w=4 * 37e-6 + 1e-6,  # leakage of four 4 kB memories [sram], 20 k gates [cells]
        ),
        CostTable(
            "scaled45",
            "derived: 45 nm figures scaled to 180 nm; the rule overestimates memories; leakage "
            "taken from cells180",
            weight_read_j=SCALE_45_TO_180 * (10e-12 / 8 + 0.05e-12),  # 8 of 64 bits, 16-bit add
            current_write_j=SCALE_45_TO_180 * 16 * 10e-12 / 64,
            decay_j=SCALE_45_TO_180 * 2 * 0.05e-12,  # shift and subtract: two 16-bit adds, assumed
            membrane_update_j=SCALE_45_TO_180
            * (2 * 0.2e-12 + 3 * 0.03e-12),  # 2 multiplies, 3 adds
            idle_w=4 * 37e-6 + 1e-6,
        ),
    )
}
DEFAULT_COST_TABLE = "paper"

"""The cost tables: which prices count, and where they come from."""

from neurobot.cost import processor, spiking
from neurobot.cost.prices import CostTable, Tariff
from neurobot.events import Events, MacEvents


def both(spiking_chip: Tariff, mac_array: Tariff) -> dict[str, Tariff]:
    """Price both kinds of chips."""
    return {Events.chip: spiking_chip, MacEvents.chip: mac_array}


COST_TABLES = {
    table.name: table
    for table in (
        CostTable(
            "paper",
            "published: 13.2 pJ per synaptic operation (normalized, how is unknown); everything "
            "else is folded into it, idle power unknown and taken as 0",
            180,
            {Events.chip: spiking.PAPER},
        ),
        CostTable(
            "cells180",
            "derived: 0.18 um standard cells and CACTI-P memories at 1.8 V; memory sizes and clock "
            "gating assumed (all state clocked only when written)",
            180,
            both(spiking.CELLS_180, processor.CELLS_180),
        ),
        CostTable(
            "scaled45",
            "derived: 45 nm figures scaled to 180 nm; the rule overestimates memories; leakage "
            "taken from cells180",
            180,
            both(spiking.SCALED_180, processor.SCALED_180),
        ),
        CostTable(
            "scaled28",
            "derived: 45 nm figures scaled to 28 nm at 0.9 V, between the rule's 32 and 20 nm, as "
            "if the chips were made there; leakage assumed, by the least power of a 28 nm chip",
            28,
            both(spiking.SCALED_28, processor.SCALED_28),
        ),
    )
}
DEFAULT_COST_TABLE = "cells180"

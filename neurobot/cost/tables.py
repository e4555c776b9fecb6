"""The cost tables: which prices count, and where they come from."""

from neurobot.cost import column_cim, insight, mars, processor, spiking
from neurobot.cost.prices import CostTable, Tariff
from neurobot.events import CHIPS, Events, InsightEvents

PRICED = spiking, processor, insight, mars, column_cim  # in the order of CHIPS


def every(*tariffs: Tariff) -> dict[str, Tariff]:
    """Price all kinds of chips, in the order of `CHIPS`."""
    return dict(zip(CHIPS, tariffs, strict=True))


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
            "gating assumed (all state clocked only when written); compute-in-memory macros by "
            "published ones of 28 nm, scaled, their converters by two public forms",
            180,
            every(*(chip.CELLS_180 for chip in PRICED)),
        ),
        CostTable(
            "scaled45",
            "derived: 45 nm figures scaled to 180 nm; the rule overestimates memories; leakage "
            "taken from cells180; compute-in-memory macros by published ones of 28 nm, their "
            "converters by two public forms",
            180,
            every(*(chip.SCALED_180 for chip in PRICED)),
        ),
        CostTable(
            "scaled28",
            "derived: 45 nm figures scaled to 28 nm at 0.9 V, between the rule's 32 and 20 nm, as "
            "if the chips were made there; leakage assumed, by the least power of a 28 nm "
            "chip; compute-in-memory macros by published ones, brought to that node, their "
            "converters by two public forms",
            28,
            every(*(chip.SCALED_28 for chip in PRICED)),
        ),
        CostTable(
            "virtex7",
            "assumed: calibrated on one published point, the convolutions of AlexNet at 1552 "
            "images/s with 7.2 W on a 28 nm FPGA; all power shared out among products, how many "
            "there were is assumed; idle power unknown and taken as 0",
            28,
            {InsightEvents.chip: insight.VIRTEX_7},
        ),
    )
}
DEFAULT_COST_TABLE = "cells180"


def tables_of(chip: str) -> dict[str, CostTable]:
    """Return the tables that price a chip, by their names."""
    return {name: table for name, table in COST_TABLES.items() if chip in table.tariffs}

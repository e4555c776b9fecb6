"""What the lines of a chip's sheet take, by each cost table that has its prices."""

from dataclasses import fields
from typing import Any

from neurobot.cost import tables_of
from neurobot.events import Counts
from neurobot.quantities import prefixed

Row = dict[str, Any]


def energies(row: Row, kind: type[Counts]) -> Row:
    """Return the dynamic energy of a row that holds counts of a kind, by cost table."""
    events = kind(**{field.name: row[field.name] for field in fields(kind)})  # type: ignore[arg-type]
    tables = tables_of(kind.chip).items()
    return {f"dynamic_j, {name}": table.dynamic_j(events) for name, table in tables}


def idle_powers(events: Counts) -> str:
    """Write the idle power of a chip, by each cost table."""
    return ", ".join(
        f"{prefixed(table.idling_w(events), 'W', 3)} by {name}"
        for name, table in tables_of(events.chip).items()
    )

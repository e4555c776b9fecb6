"""The data sheet of a chip on a terminal of 80 columns."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.cli.terminal import make_table
from neurobot.cost import tables_of
from neurobot.events import Events
from neurobot.hardware.loihi import Check
from neurobot.quantities import prefixed

PREFIXED = {"J": "J", "W": "W", "s": "s", "Hz": "Hz", "1/s": "/s"}
ORDER = ("tick, ", "tick", "decision", "power", "")  # of energies, by how their names begin
Row = dict[str, Any]


def number(value: float | None, unit: str) -> str:
    """Write a quantity with three digits, and a prefix where its unit takes one."""
    if value is None:
        return "-"
    if unit in PREFIXED:
        return prefixed(value, PREFIXED[unit], digits=3)
    return f"{value:,.0f} {unit}".strip() if value >= 100 else f"{value:.3g} {unit}".strip()


def spread(row: Row) -> str:
    """Write a range."""
    if row["low"] is None or row["low"] == row["high"]:
        return ""
    return f"{number(row['low'], row['unit'])} .. {number(row['high'], row['unit'])}"


def section_table(title: str, rows: Sequence[Row], ends: str = "range") -> Table:
    """Lay one section out, a figure a line."""
    table = make_table("", "nominal", ends, "known", title=title)
    for row in rows:
        table.add_row(row["name"], number(row["value"], row["unit"]), spread(row), row["evidence"])
    return table


def energy_table(figures: Sequence[Row], node_nm: int) -> Table:
    """Lay the cost tables of a node out side by side."""
    known = [name for name, table in tables_of(Events.chip).items() if table.node_nm == node_nm]
    table = make_table("", *known, title=f"Energy and power at {node_nm} nm, by cost table")
    by_place = {(row["name"], row["section"]): row for row in figures}
    sections = [f"energy, {name}" for name in known]
    names = dict.fromkeys(row["name"] for row in figures if row["section"] in sections)
    for name in sorted(names, key=lambda name: [name.startswith(o) for o in ORDER].index(True)):
        found = [by_place.get((name, section)) for section in sections]
        table.add_row(name, *("" if row is None else priced(row) for row in found))
    return table


def priced(row: Row) -> str:
    """Write a figure, how well it is known, and its range below."""
    if row["value"] is None:
        return "-"
    return f"{number(row['value'], row['unit'])} ({row['evidence'][0]})\n[dim]{spread(row)}[/]"


def workloads_table(figures: Sequence[Row]) -> Table:
    """Lay out what a silent, the measured and a constantly firing network take."""
    names = ("silent", "measured", "all fire")
    table = make_table("", *names, title="From silence to every neuron firing at every tick")
    by_place = {(row["name"], row["section"]): row for row in figures}
    for name in dict.fromkeys(n for n, section in by_place if section == "workload, measured"):
        rows = [by_place[name, f"workload, {case}"] for case in names]
        table.add_row(name, *(number(row["value"], row["unit"]) for row in rows))
    return table


def peers_table(peers: Sequence[Row]) -> Table:
    """Lay the comparable chips out."""
    headings = ("node", "neurons", "synapses", "pJ/SOP", "known")
    table = make_table("", *headings, title="Comparable chips")
    for peer in peers:
        table.add_row(
            peer["chip"],
            "-" if peer["node_nm"] is None else f"{peer['node_nm']} nm",
            *("-" if peer[key] is None else f"{peer[key]:,}" for key in ("neurons", "synapses")),
            number(peer["pj_per_sop"], ""),
            peer["evidence"],
        )
    return table


def checks_table(checks: Sequence[Check]) -> Table:
    """Lay out our energies of the known cases, and those of the tool that they are known from."""
    table = make_table(
        "case", "", "synapse", "soma", "network", "total",
        title="Check: our counts with Loihi's prices against SANA-FE, uJ",
    )  # fmt: skip
    for check in checks:
        known = {"ours": check.modelled, "recorded": check.recorded, "run now": check.simulated}
        for k, (who, energies) in enumerate(known.items()):
            cells = ["not installed"] if energies is None else [f"{1e6 * e:.6f}" for e in energies]
            table.add_row("" if k else check.case, who, *cells)
    return table


def show(console: Console, title: str, document: Row, checks: Sequence[Check]) -> None:
    """Print the whole sheet."""
    figures = document["figures"]
    console.print(f"[bold]{escape(title)}[/]: {document['decisions']} decisions\n")
    for section, ends in (("silicon", "used .. held"), ("timing", "range")):
        rows = [row for row in figures if row["section"] == section]
        console.print(section_table(section.capitalize(), rows, ends))
    for node_nm in dict.fromkeys(table.node_nm for table in tables_of(Events.chip).values()):
        console.print(energy_table(figures, node_nm))
    console.print(workloads_table(figures))
    console.print(peers_table(document["comparison"]))
    console.print(checks_table(checks))
    console.print(
        "Everything but published figures is modelled. (p)ublished: by a paper or tool; (d)erived: "
        "from such figures by a stated rule; (a)ssumed. The published 13.2 pJ of POPPINS is "
        "normalized, how is unknown. Ranges of timing and energy follow from what is unknown of "
        "the schedule and of prices, as `neurobot.hardware.datasheet` and `neurobot.cost` say; "
        "the clock is not varied. --json prints notes and sources too.",
        style="dim",
    )

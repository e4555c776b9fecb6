"""A campaign of faults on a terminal."""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.campaign.findings import Findings, by_controller
from neurobot.campaign.levels import topic_of
from neurobot.cli.standings import span
from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.faults.memory import Memory
from neurobot.metrics import Row
from neurobot.quantities import percent, prefixed

Cells = Mapping[str, Callable[[Row], str]]

UNITS = {"rate": "rate,\n1/(bit s)", "share": "share", "count": "count"}
LISTED = 10


def amount(value: float | None) -> str:
    """Write a level, or how many of something."""
    return "-" if value is None else f"{value:.2g}"


def few(value: float | None) -> str:
    """Write a mean number of faults."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def points(low: float, high: float) -> str:
    """Write an interval of differences in points."""
    return f"{100 * low:+.0f}..{100 * high:+.0f}"


def unit_of(row: Row) -> str:
    """Name the column of levels."""
    if row["kind"] == "vary":
        return "sigma"
    around = {"sensor": "rate,\n1/(beam s)", "latency": "rate,\n1/s", "clock": "rate,\n1/s"}
    return (around if row["amount"] == "rate" else {}).get(row["memory"], UNITS[row["amount"]])


def level_cells(row: Row) -> Cells:
    """Return heading and cell of each column of a table of levels, of which this is one."""
    return {
        unit_of(row): lambda row: f"{row['level']:g}" if row["level"] else "sound",
        "protec-\ntion": lambda row: row["protection"],
        "epi-\nsodes": lambda row: str(row["episodes"]),
        "faults/\nepisode": lambda row: few(row["per_episode"]),
        "injected": lambda row: f"{row['injected']:,}",
        "felt": lambda row: f"{row['felt']:,}",
        "succ.\n%": lambda row: percent(row["success_rate"]),
        "95 %\nint.": lambda row: span(row["success_low"], row["success_high"]),
        "coll.\n%": lambda row: percent(row["collision_rate"]),
        "lost,\npoints": lambda row: f"{100 * row['loss']:.0f}",
        "95 %\nint. ": lambda row: points(row["loss_low"], row["loss_high"]),
        "score": lambda row: f"{row['score']:.2f}",
    }


HALF_CELLS: Cells = {
    "brain": lambda row: escape(row["controller"]),
    "protec-\ntion": lambda row: row["protection"],
    "sound\n%": lambda row: percent(row["sound_rate"]),
    "half at": lambda row: half_words(row),
    "95 % int.": lambda row: ends(row, "half"),
    "faults/\nepisode": lambda row: few(row["half_per_episode"]),
    "95 % int. ": lambda row: ends(row, "half_per_episode"),
    "failures\nby contact": lambda row: by_contact(row),
    "injected": lambda row: f"{row['injected']:,}",
}
GUARD_CELLS: Cells = {
    "brain": lambda row: escape(row["controller"]),
    "memory": lambda row: row["memory"],
    "protec-\ntion": lambda row: row["protection"],
    "bits": lambda row: f"{row['stored_bits']:,}" if row["stored_bits"] else "refused",
    "more\nbits": lambda row: share_more(row["stored_bits"], row["data_bits"]),
    "energy/\ndecision": lambda row: prefixed(row["energy_j"], "J"),
    "more": lambda row: prefixed(row["extra_j"], "J"),
    "from-to": lambda row: both(row["extra_low_j"], row["extra_high_j"]),
    "more\n%": lambda row: part(row["extra_j"], row["energy_j"]),
    "half at": lambda row: amount(row["half"]),
    "gain": lambda row: "-" if row["gain"] is None else f"x {row['gain']:.2g}",
}
SINGLE_CELLS: Cells = {
    "brain": lambda row: escape(row["controller"]),
    "part": lambda row: escape(row["part"]),
    "bit": lambda row: str(row["bit"]),
    "flips": lambda row: str(row["flips"]),
    "score\nlost": lambda row: f"{row['loss']:.3f}",
    "95 % int.": lambda row: f"{row['loss_low']:.3f}..{row['loss_high']:.3f}",
    "failed\n%": lambda row: "-" if row["failed"] is None else percent(row["failed"]),
    "95 %\nint.": lambda row: span(row["failed_low"], row["failed_high"]),
}
WORST_CELLS: Cells = {
    "brain": lambda row: escape(row["controller"]),
    "part": lambda row: escape(row["part"]),
    "value": lambda row: f"{row['value']:,}",
    "bit": lambda row: str(row["bit"]),
    "decisions\nchanged %": lambda row: percent(row["changed"]),
    "mean change\nof an action": lambda row: f"{row['size']:.3f}",
}


def by_contact(row: Row) -> str:
    """Write how many failures were collisions, in percent."""
    return percent(row["collisions"] / row["failures"]) if row["failures"] else "-"


def half_words(row: Row) -> str:
    """Write where success is half."""
    outside = {"below": "below all", "beyond": "not reached", "no": "-"}
    return outside.get(row["half_reached"], amount(row["half"]))


def ends(row: Row, name: str) -> str:
    """Write the interval of where success is half; an open end is beyond what was tried."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "" if low is None and high is None else f"{few_or_open(low)}..{few_or_open(high)}"


def few_or_open(value: float | None) -> str:
    """Write one end of an interval."""
    return "" if value is None else f"{value:.2g}"


def share_more(stored: int | None, bits: int) -> str:
    """Write how many more bits there are, in percent."""
    return "-" if stored is None else f"{100 * (stored / bits - 1):.1f} %"


def part(more: float | None, whole: float | None) -> str:
    """Write a share of a decision's energy in percent."""
    return "-" if more is None or not whole else f"{100 * more / whole:.3g}"


def both(low: float | None, high: float | None) -> str:
    """Write a range of energies."""
    return "-" if low is None else f"{prefixed(low, 'J')}..{prefixed(high, 'J')}"


def lay_out(rows: Sequence[Row], cells: Cells, title: str = "") -> Table:
    """Make a table."""
    table = make_table(*cells, title=title)
    for row in rows:
        table.add_row(*(cell(row) for cell in cells.values()))
    return table


def order(row: Row) -> tuple[float, str]:
    """Put first what dies first."""
    at = {"below": 0.0, "within": row["half"], "beyond": inf, "no": inf}[row["half_reached"]]
    return at, row["controller"]


def named(row: Row) -> str:
    """Name what goes wrong."""
    burst = f", {row['burst']} bits each" if row["burst"] > 1 else ""
    return escape(f"{row['memory']}, {row['kind']}{burst}")


def show_levels(console: Console, found: Findings) -> None:
    """Print a table for each brain and kind of fault."""
    for controller, rows in by_controller(found.levels).items():
        for topic in dict.fromkeys(topic_of(row) for row in rows):
            mine = [row for row in rows if topic_of(row) == topic]
            console.print(f"[bold]{escape(controller)}[/]  {named(mine[0])}")
            console.print(lay_out(mine, level_cells(mine[0])))


def show_halves(console: Console, found: Findings) -> None:
    """Print who dies first, for each kind of fault."""
    for topic in dict.fromkeys(topic_of(row) for row in found.halves):
        mine = sorted((row for row in found.halves if topic_of(row) == topic), key=order)
        if mine[0]["amount"] == "count" and all(row["half"] is None for row in mine):
            continue
        what = f"{named(mine[0])}: {mine[0]['amount']} at which success is half"
        console.print(f"[bold]{what}, the first to die first[/]")
        console.print(lay_out(mine, HALF_CELLS))


def show_bits(console: Console, found: Findings) -> None:
    """Print which bits matter most."""
    if found.single:
        single = sorted(found.single, key=lambda row: -row["loss_low"])[:LISTED]
        console.print("[bold]single flips that cost most in the loop, by part and bit[/]")
        console.print(lay_out(single, SINGLE_CELLS))
    for rows in by_controller(found.worst).values():
        console.print("[bold]single bits that turn decisions most[/]")
        console.print(lay_out(rows, WORST_CELLS))


def show(found: Findings, table: str) -> None:
    """Print all tables of a campaign, and what their figures mean."""
    console = wide_console()
    show_levels(console, found)
    show_halves(console, found)
    show_bits(console, found)
    if found.guards:
        console.print("[bold]what protections of these memories take, per decision[/]")
        console.print(lay_out(found.guards, GUARD_CELLS))
    console.print(notes(found, table), style="dim", markup=False)


def notes(found: Findings, table: str) -> str:
    """Say what the figures mean."""
    injected = sum(row["injected"] for row in found.levels)
    return (
        f"{found.episodes:,} episodes, {injected:,} injected faults. Lost: success below that "
        "without faults in the same worlds. Felt: after which something read wrong, or that met "
        "something alive. Faults/episode: of one as long as without faults. Intervals: Wilson's of "
        "rates, bootstrap over worlds of the others. Energies are modelled, of protections "
        f"assumed; cost table {table!r}."
    )


def memory_row(memory: Memory) -> Row:
    """Write a memory as a row."""
    return {
        "memory": memory.name, "part": memory.part, "values": memory.values, "bits": memory.bits,
        "size": memory.size, "lives": "a decision" if memory.state else "for ever",
        "reads": memory.reads, "readable": memory.readable,
    }  # fmt: skip


MEMORY_CELLS: Cells = {
    "memory": lambda row: escape(row["memory"]),
    "part": lambda row: escape(row["part"]),
    "values": lambda row: f"{row['values']:,}",
    "of bits": lambda row: str(row["bits"]),
    "bits": lambda row: f"{row['size']:,}",
    "lives": lambda row: row["lives"],
    "reads": lambda row: row["reads"] or "-",
    "can be guarded": lambda row: "any" if row["readable"] else "copies only",
}


def show_memories(memories: Mapping[str, Sequence[Memory]], as_json: bool) -> None:
    """Print the memories of controllers."""
    rows = {name: [memory_row(each) for each in found] for name, found in memories.items()}
    if as_json:
        every: list[dict[str, Any]] = [
            {"controller": name, **row} for name, found in rows.items() for row in found
        ]
        print_json("faults", None, every)
        return
    console = wide_console()
    for name, found in rows.items():
        console.print(f"[bold]{escape(name)}[/]")
        console.print(lay_out(found, MEMORY_CELLS))

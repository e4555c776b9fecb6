"""How figures look on a terminal, and as JSON."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from math import floor, log10
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurobot import __version__


def print_json(command: str, seed: int | None, rows: list[dict[str, Any]], **more: Any) -> None:
    """Print one object."""
    document = {"command": command, "version": __version__, "seed": seed, **more, "rows": rows}
    print(json.dumps(document, allow_nan=False))


def make_table(*headings: str, title: str = "") -> Table:
    """Make a table whose first column is text."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    if title:
        table.title, table.title_justify = title, "left"
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="right" if k else "left", overflow="fold")
    return table


PREFIXES = {9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "u", -9: "n", -12: "p"}


def prefixed(value: float | None, unit: str, digits: int = 2) -> str:
    """Write a quantity with so many digits and a prefix: 1.2 uJ."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}"
    if value < 0:
        return f"-{prefixed(-value, unit, digits)}"
    rounded = float(f"{value:.{digits - 1}e}")
    power = min(max(3 * (floor(log10(rounded)) // 3), min(PREFIXES)), max(PREFIXES))
    scaled = rounded / 10**power
    decimals = max(digits - 1 - floor(log10(scaled)), 0)
    return f"{scaled:.{decimals}f} {PREFIXES[power]}{unit}"


def percent(value: float) -> str:
    """Write a rate as a percentage with at most one decimal."""
    return f"{100 * value:.1f}".removesuffix(".0")


@contextmanager
def progress_bar(what: str, wanted: bool) -> Iterator[Any]:
    """Show a bar on standard error, if that is a terminal; give what moves it: (done, total)."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    hidden = not (wanted and sys.stderr.isatty())
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

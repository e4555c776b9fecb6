"""How figures look on a terminal, and as JSON."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurobot import __version__

WIDTH = 100


def print_json(command: str, seed: int | None, rows: list[dict[str, Any]], **more: Any) -> None:
    """Print one object."""
    document = {"command": command, "version": __version__, "seed": seed, **more, "rows": rows}
    print(json.dumps(document, allow_nan=False))


def wide_console() -> Console:
    """Make a console for tables of up to WIDTH columns where no terminal says how wide it is."""
    sized = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if sized else WIDTH)


def make_table(*headings: str, title: str = "") -> Table:
    """Make a table whose first column is text."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    if title:
        table.title, table.title_justify = title, "left"
    for k, heading in enumerate(headings):
        table.add_column(heading, justify="right" if k else "left", overflow="fold")
    return table


@contextmanager
def progress_bar(what: str, wanted: bool) -> Iterator[Any]:
    """Show a bar on standard error, if that is a terminal; give what moves it: (done, total)."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda done, total: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

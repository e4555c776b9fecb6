"""`neurobot evaluate --suite`: drive through a suite, and print who stands where."""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from neurobot.cli.options import engine_given
from neurobot.cli.terminal import print_json, progress_bar, wide_console
from neurobot.cost import COST_TABLES
from neurobot.envs.barn_score import LATEST
from neurobot.episodes import Record
from neurobot.metrics import Row
from neurobot.quantities import percent, prefixed
from neurobot.standings import standings
from neurobot.suite import BASELINES, Suite, evaluate_suite, find_suite

Cells = dict[str, Callable[[Row], str]]


def tell_faults(records: Sequence[Record]) -> None:
    """Say on standard error whose brain was at fault, how often, and why at first."""
    count = Counter(record.controller for record in records if record.fault)
    for name, faults in count.items():
        first = next(r.fault for r in records if r.controller == name and r.fault)
        print(f"{name}: its own fault ended {faults} episodes, the first: {first}", file=sys.stderr)


def run_suite(args: argparse.Namespace) -> None:
    """Run `neurobot evaluate --suite`."""
    suite = find_suite(args.suite)
    with progress_bar("episodes", not args.json) as progress:
        records = evaluate_suite(
            args.controllers,
            suite=suite.name,
            quick=args.quick,
            out=args.out,
            **engine_given(args),
            progress=progress,
        )
    rows = standings(records, args.cost_table)
    tell_faults(records)
    if args.json:
        print_json("evaluate", suite.first_seed, rows, suite=suite.name, quick=args.quick,
                   sha256=suite.sha256, cost_table=args.cost_table)  # fmt: skip
    else:
        print_standings(rows, suite, args)


def span(low: float | None, high: float | None) -> str:
    """Write an interval of shares in percent."""
    return "-" if low is None or high is None else f"{100 * low:.0f}-{100 * high:.0f}"


def share(value: float | None) -> str:
    """Write a share in percent, or that there is none."""
    return "-" if value is None else percent(value)


def of_task(name: str) -> Callable[[Row], str]:
    """Write how often a task succeeds under the clean condition."""
    return lambda row: share(row["tasks"].get(name, {}).get("success_rate"))


def main_cells(suite: Suite) -> Cells:
    """Return heading and cell of each column of the main table."""
    return {
        "controller": lambda row: escape(row["controller"]),
        "succ.\n%": lambda row: percent(row["success_rate"]),
        "95 %\nint.": lambda row: span(row["by_world_low"], row["by_world_high"]),
        "score\nIQM": lambda row: share(row["score_iqm"]),
        **{f"{task.name[:5]}\n%": of_task(task.name) for task in suite.tasks},
        "speed\nm/s": lambda row: f"{row['mean_speed_mps']:.2f}",
        "lat.\np99": lambda row: prefixed(row["latency_s_p99"], "s"),
        "energy/\ndecision": lambda row: prefixed(row["energy_j"], "J"),
        "energy/\nmetre": lambda row: prefixed(row["energy_per_metre_j"], "J"),
    }


def published_cells(rows: Sequence[Row]) -> Cells:
    """Return heading and cell of each column of the table of published worlds."""
    cells: Cells = {"controller": lambda row: escape(row["controller"])}
    for name in dict.fromkeys(name for row in rows for name in row["published"]):

        def cell(row: Row, name: str = name) -> str:
            found = row["published"].get(name, {})
            low, high = found.get("success_low"), found.get("success_high")
            return f"{share(found.get('success_rate'))} ({span(low, high)})"

        def spl(row: Row, name: str = name) -> str:
            value = row["published"].get(name, {}).get("spl")
            return "-" if value is None else f"{value:.2f}"

        cells |= {f"{name}\nsuccess %": cell, f"{name}\nSPL": spl}
    if any(row["barn_score"] is not None for row in rows):
        cells["BARN score\n95 % int."] = barn_score
    return cells


def barn_score(row: Row) -> str:
    """Write the challenge's score, 0 to 0.5."""
    value, low, high = (row[f"barn_score{end}"] for end in ("", "_low", "_high"))
    return "-" if value is None else f"{value:.3f} ({low:.2f}-{high:.2f})"


def lay_out(rows: Sequence[Row], cells: Cells) -> Table:
    """Make a table of rows."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in cells:
        side: Any = "left" if heading == "controller" else "right"
        table.add_column(heading, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(cell(row) for cell in cells.values()))
    return table


def print_standings(rows: Sequence[Row], suite: Suite, args: argparse.Namespace) -> None:
    """Print the main table, that of published worlds, and what the figures mean."""
    console = wide_console()
    part = ", quick: the first world of each task and level" if args.quick else ""
    console.print(f"[bold]suite {suite.name}[/], {suite.sha256[:12]}{part}")
    console.print(lay_out(rows, main_cells(suite)))
    if any(row["published"] for row in rows):
        console.print(f"[bold]published worlds[/]  BARN score: edition {LATEST}, ways are ours")
        console.print(lay_out(rows, published_cells(rows)))
    explain(console, suite, args)


def explain(console: Console, suite: Suite, args: argparse.Namespace) -> None:
    """Say what the figures mean, and what was left out."""
    prices = COST_TABLES[args.cost_table]
    names = ", ".join(task.name for task in suite.tasks)
    console.print(
        f"Success over all conditions, and by task ({names}) under the clean one. Score: SPL with "
        "a goal, otherwise the share of time and ground; IQM: interquartile mean. Intervals "
        "resample worlds. Latency and energy are modelled, "
        f"cost table {prices.name!r}: {prices.provenance}. -: this controller counts no events, or "
        f"its chip is not priced. {', '.join(BASELINES)} always stand beside the others.",
        style="dim",
    )
    missing = [] if args.quick else suite.missing()
    for why in missing:
        console.print(f"Left out: {escape(why)}.", style="yellow")

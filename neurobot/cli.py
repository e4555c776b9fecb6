"""The command line: `neurobot evaluate` and `neurobot list`."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import gymnasium as gym
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurobot import __version__
from neurobot.compiled import cores
from neurobot.controllers import CONTROLLERS
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.world import ROBOTS
from neurobot.loop import LATE, ControllerError
from neurobot.metrics import Row, tabulate
from neurobot.poppins import Chip
from neurobot.suite import ENVS, evaluate

DEFAULT_SCENARIOS = ("forest", "corridor", "looming")
INTERRUPTED = 130  # the shell's status of a program ended by Ctrl-C


def parser() -> argparse.ArgumentParser:
    """Declare every command and option."""
    top = argparse.ArgumentParser(
        prog="neurobot",
        description="Which low-power brain drives a robot best, and what each decision costs.",
    )
    top.add_argument("--version", action="version", version=f"neurobot {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("evaluate", help="drive controllers through scenarios and compare")
    run.set_defaults(function=run_evaluate)
    run.add_argument(
        "controllers",
        nargs="*",
        metavar="CONTROLLER",
        help=f"{', '.join(CONTROLLERS)}, or package.module:Class (default: all of these)",
    )
    add = run.add_argument
    add("--env", default=ENVS[0], metavar="ID", help=f"{' or '.join(ENVS)} (default: the first)")
    add(
        "--scenario",
        nargs="+",
        default=list(DEFAULT_SCENARIOS),
        metavar="NAME",
        help=f"{', '.join(SCENARIOS)}, or a world file (default: {' '.join(DEFAULT_SCENARIOS)})",
    )
    add("--episodes", type=int, default=20, metavar="N", help="per scenario (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the first episode (default: 0)")
    add("--jobs", type=int, default=cores(), metavar="N", help="processes (default: all cores)")
    add("--out", metavar="DIR", help="keep episodes there; the same command goes on where it ended")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add(
        "--robot",
        metavar="NAME",
        help=f"{', '.join(ROBOTS)} (default: jackal, or the world file's)",
    )
    add("--difficulty", type=float, metavar="D", help="of generated scenarios, 0..1 (default: 0.5)")
    add("--sensor", metavar="NAME", help="range or camera (default: range)")
    add("--time-limit", type=float, metavar="S", help="seconds per episode (default: 60)")
    add(
        "--noise",
        type=float,
        metavar="SD",
        help="of the sensor, metres or grey levels (default: 0)",
    )
    add("--dropout", type=float, metavar="P", help="chance that a beam sees nothing (default: 0)")
    add("--clock-hz", type=float, metavar="HZ", help="clock of the chips (default: their own)")
    add(
        "--late",
        choices=LATE,
        default="hold",
        help="what the robot does when a decision takes longer than a step (default: %(default)s)",
    )
    add("--instant", action="store_true", help="decisions take no time")
    add(
        "--cost-table",
        choices=list(COST_TABLES),
        default=DEFAULT_COST_TABLE,
        help="prices of the events (default: %(default)s)",
    )
    show = commands.add_parser("list", help="show controllers, scenarios, cost tables and chips")
    show.set_defaults(function=run_list)
    show.add_argument("--json", action="store_true", help="print one JSON object")
    return top


ENVIRONMENT_OPTIONS = {
    "robot": "robot",
    "difficulty": "difficulty",
    "sensor": "sensor",
    "time_limit": "time_limit_s",
    "noise": "noise",
    "dropout": "dropout",
}


@contextmanager
def progress_bar(shown: bool) -> Iterator[Any]:
    """Show a bar on the terminal, on standard error; give what moves it."""
    columns = (TextColumn("episodes"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not shown) as bar:
        task = bar.add_task("episodes", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def run_evaluate(args: argparse.Namespace) -> None:
    """Run `neurobot evaluate`."""
    options = {
        keyword: getattr(args, name)
        for name, keyword in ENVIRONMENT_OPTIONS.items()
        if getattr(args, name) is not None
    }
    with progress_bar(sys.stderr.isatty() and not args.json) as progress:
        records = evaluate(
            args.controllers or list(CONTROLLERS),
            env=args.env,
            scenario=args.scenario,
            episodes=args.episodes,
            seed=args.seed,
            jobs=args.jobs,
            out=args.out,
            clock_hz=args.clock_hz,
            late=args.late,
            instant=args.instant,
            progress=progress,
            **options,
        )
    rows = tabulate(records, args.cost_table)
    if args.json:
        print_json("evaluate", args.seed, rows, cost_table=args.cost_table)
    else:
        print_rows(rows, args.seed, args.cost_table)


def print_json(command: str, seed: int | None, rows: list[Row], **more: Any) -> None:
    """Print one object."""
    print(
        json.dumps({"command": command, "version": __version__, "seed": seed, **more, "rows": rows})
    )


def prefixed(value: float | None, unit: str) -> str:
    """Write a quantity with two digits and a prefix: 1.2 uJ."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}"
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p")):
        if value >= 0.995 * factor or prefix == "p":
            scaled = value / factor
            return f"{scaled:.{0 if scaled >= 9.95 else 1}f} {prefix}{unit}"
    raise AssertionError("the loop ends with pico")


def percent(value: float) -> str:
    """Write a rate as a percentage with at most one decimal."""
    return f"{100 * value:.1f}".removesuffix(".0")


# Heading and cell of each column.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "controller": lambda row: str(row["controller"]),
    "succ.\n%": lambda row: percent(row["success_rate"]),
    "95 %\nint.": lambda row: f"{100 * row['success_low']:.0f}-{100 * row['success_high']:.0f}",
    "coll.\n%": lambda row: percent(row["collision_rate"]),
    "time\nout": lambda row: percent(row["timeout_rate"]),
    "speed\nm/s": lambda row: f"{row['mean_speed_mps']:.2f}",
    "SPL": lambda row: f"{row['spl']:.2f}",
    "lat-\nency": lambda row: prefixed(row["latency_s"], "s"),
    "dyn.\nenergy": lambda row: prefixed(row["dynamic_j"], "J"),
    "idle\nenergy": lambda row: prefixed(row["idle_j"], "J"),
    "power": lambda row: prefixed(row["power_w"], "W"),
    "SOPs": lambda row: "-" if row["sops"] is None else f"{row['sops']:.0f}",
}


def make_table(rows: Sequence[Row]) -> Table:
    """Lay the rows of one scenario out."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    columns = {
        heading: cell
        for heading, cell in COLUMNS.items()
        if heading != "SPL" or rows[0]["spl"] is not None
    }
    for heading in columns:
        table.add_column(heading, justify="left" if heading == "controller" else "right")
    for row in rows:
        table.add_row(*(cell(row) for cell in columns.values()))
    return table


def print_rows(rows: list[Row], seed: int, cost_table: str) -> None:
    """Print a table for each scenario, and what its figures mean."""
    console = Console(highlight=False)
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == scenario]
        console.print(
            f"[bold]{escape(scenario)}[/]  {mine[0]['env']}, {mine[0]['episodes']} episodes "
            f"from seed {seed}"
        )
        console.print(make_table(mine))
    prices = COST_TABLES[cost_table]
    console.print(
        "Latency, energy and synaptic operations (SOPs) are per decision. Latency, energy and "
        f"power are modelled. Cost table {prices.name!r}: {prices.provenance}. "
        "-: this controller counts no events.",
        style="dim",
    )


def run_list(args: argparse.Namespace) -> None:
    """Run `neurobot list`."""
    chip = {field.name: field.default for field in fields(Chip)}
    if args.json:
        tables = {name: table.provenance for name, table in COST_TABLES.items()}
        rows = [
            {"kind": kind, "name": name, "what": what}
            for kind, known in (
                ("controller", CONTROLLERS),
                ("scenario", summaries(SCENARIOS)),
                ("robot", {name: robot._asdict() for name, robot in ROBOTS.items()}),
                ("cost table", tables),
                ("chip", {"poppins": chip}),
            )
            for name, what in known.items()
        ]
        print_json("list", None, rows)
        return
    console = Console()
    sections = {
        "Controllers": CONTROLLERS,
        "Scenarios": summaries(SCENARIOS),
        "Robots": {
            name: f"{robot.max_speed_mps} m/s, footprint within {robot.circumscribed_m:.2f} m"
            for name, robot in ROBOTS.items()
        },
        "Cost tables": {name: table.provenance for name, table in COST_TABLES.items()},
        "Chips": {
            "poppins": "two populations; assumed: "
            + ", ".join(f"{name} {value}" for name, value in chip.items())
        },
    }
    for title, known in sections.items():
        table = Table(title=title, title_justify="left", show_header=False)
        for name, what in known.items():
            table.add_row(name, what)
        console.print(table)


def summaries(functions: dict[str, Any]) -> dict[str, str]:
    """Return the first line of each function's docstring."""
    return {
        name: (function.__doc__ or "").partition("\n")[0] for name, function in functions.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what a user can get wrong ends in one sentence and status 2."""
    args = parser().parse_args(arguments)
    try:
        args.function(args)
    except (ValueError, OSError, ControllerError, gym.error.Error) as error:
        print(f"neurobot {args.command}: {error}", file=sys.stderr)
        return 2
    except BrokenExecutor as error:
        print(f"neurobot {args.command}: a worker process died: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = "nothing is kept without --out DIR"
        if getattr(args, "out", None):
            kept = f"what is done stays in {args.out}; the same command goes on from there"
        print(f"neurobot {args.command}: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    return 0

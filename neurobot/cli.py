"""The command line: `neurobot evaluate` and `neurobot list`."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import gymnasium as gym
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from neurobot import __version__
from neurobot.compiled import cores
from neurobot.controllers import CONTROLLERS
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.world import ROBOTS
from neurobot.loop import LATE
from neurobot.metrics import Row, tabulate
from neurobot.poppins import Chip
from neurobot.suite import AVOIDANCE, evaluate

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
    add("--env", default=AVOIDANCE, metavar="ID", help="environment (default: %(default)s)")
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
    add("--robot", metavar="NAME", help=f"{', '.join(ROBOTS)} (default: jackal, or the world file's)")
    add("--difficulty", type=float, metavar="D", help="of generated scenarios, 0..1 (default: 0.5)")
    add("--sensor", metavar="NAME", help="range or camera (default: range)")
    add("--time-limit", type=float, metavar="S", help="seconds per episode (default: 60)")
    add("--noise", type=float, metavar="SD", help="of the sensor, metres or grey levels (default: 0)")
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
        print_rows(rows, args)


def print_json(command: str, seed: int | None, rows: list[Row], **more: Any) -> None:
    """Print one object."""
    print(json.dumps({"command": command, "version": __version__, "seed": seed, **more, "rows": rows}))


def prefixed(value: float | None, unit: str) -> str:
    """Write a quantity with three digits and a prefix: 1.23 uJ."""
    if value is None:
        return "-"
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value / 1e-12:.3g} p{unit}"


def percent(value: float) -> str:
    """Write a rate as a whole or half percentage."""
    return f"{100 * value:.3g}"


def cells(row: Row) -> list[str]:
    """Write one row of the table."""
    return [
        row["controller"],
        f"{percent(row['success_rate'])} ({percent(row['success_low'])}-{percent(row['success_high'])})",
        percent(row["collision_rate"]),
        percent(row["timeout_rate"]),
        f"{row['mean_speed_mps']:.2f}",
        "-" if row["spl"] is None else f"{row['spl']:.2f}",
        f"{row['min_clearance_m']:.2f}",
        prefixed(row["latency_s"], "s"),
        prefixed(row["dynamic_j"], "J"),
        prefixed(row["idle_j"], "J"),
        prefixed(row["power_w"], "W"),
        "-" if row["sops"] is None else f"{row['sops']:.0f}",
    ]


HEADINGS = (
    "controller",
    "success % (95 %)",
    "coll. %",
    "timeout %",
    "m/s",
    "SPL",
    "gap m",
    "latency",
    "dynamic",
    "idle",
    "power",
    "SOPs",
)


def print_rows(rows: list[Row], args: argparse.Namespace) -> None:
    """Print a table for each scenario, and what its figures mean."""
    console = Console()
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == scenario]
        title = f"{mine[0]['env']}  {scenario}  {mine[0]['episodes']} episodes from seed {args.seed}"
        table = Table(title=title, title_justify="left")
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading == "controller" else "right")
        for row in mine:
            table.add_row(*cells(row))
        console.print(table)
    table = COST_TABLES[args.cost_table]
    console.print(
        f"Latency, dynamic and idle energy per decision, power and synaptic operations (SOPs) are "
        f"modelled, with cost table '{table.name}' ({table.provenance}); '-': no events counted. "
        "gap: least clearance, mean over episodes.",
        style="dim",
        highlight=False,
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
    return {name: (function.__doc__ or "").partition("\n")[0] for name, function in functions.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; what a user can get wrong ends in one sentence and status 2."""
    args = parser().parse_args(arguments)
    try:
        args.function(args)
    except (ValueError, OSError, gym.error.Error) as error:
        print(f"neurobot {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = f"what is done stays in {args.out}: the same command goes on from there" if getattr(
            args, "out", None
        ) else "nothing is kept without --out DIR"
        print(f"neurobot {args.command}: interrupted; {kept}", file=sys.stderr)
        return INTERRUPTED
    return 0

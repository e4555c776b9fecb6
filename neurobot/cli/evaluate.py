"""`neurobot evaluate`: drive controllers through scenarios and compare."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from neurobot.cli.options import (
    CONTROLLER_NAMES,
    ENV_NAMES,
    SCENARIO_NAMES,
    TIMING,
    WORLD,
    add_cost_table,
    add_engine,
    add_timing,
    add_world,
    engine_given,
    timing_given,
    world_of,
)
from neurobot.cli.standings import run_suite, tell_faults
from neurobot.cli.terminal import print_json, progress_bar, wide_console
from neurobot.controllers import COMPARED, named_sensor
from neurobot.cost import COST_TABLES
from neurobot.episodes import ENVS
from neurobot.evaluation import evaluate
from neurobot.metrics import OPERATIONS, Row, tabulate
from neurobot.quantities import percent, prefixed
from neurobot.suite import SUITES

DEFAULT_SCENARIOS = ("forest", "corridor", "looming")
EPISODES = 20
FIXED = ("env", "scenario", "episodes", "seed", *WORLD, *TIMING)  # by a suite


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "evaluate", help="drive controllers through scenarios and compare"
    )
    options.set_defaults(function=run, resumes=True)
    options.add_argument(
        "controllers",
        nargs="*",
        metavar="CONTROLLER",
        help=f"{CONTROLLER_NAMES} (default: all that are named here)",
    )
    add = options.add_argument
    add("--suite", metavar="NAME", help=f"drive through a suite instead: {', '.join(SUITES)}")
    add("--quick", action="store_true", help="of the suite, one world of each task and level")
    add("--env", metavar="ID", help=f"{ENV_NAMES} (default: the first)")
    add(
        "--scenario",
        nargs="+",
        metavar="NAME",
        help=f"{SCENARIO_NAMES} (default: {' '.join(DEFAULT_SCENARIOS)})",
    )
    add("--episodes", type=int, metavar="N", help=f"per scenario (default: {EPISODES})")
    add("--seed", type=int, metavar="N", help="of the first episode (default: 0)")
    add_engine(options)
    add("--out", metavar="DIR", help="keep episodes there; the same command goes on where it ended")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add_world(options)
    add_timing(options)
    add_cost_table(options)


def usable(sensor: str | None) -> list[str]:
    """Name those of `COMPARED` that can do with a sensor; all of them where none is asked for."""
    return [name for name in COMPARED if not sensor or named_sensor(name) in (None, sensor)]


def check_fixed(args: argparse.Namespace) -> None:
    """Refuse options of what a suite fixes."""
    for name in FIXED:
        if getattr(args, name) is None or getattr(args, name) is False:
            continue
        option = "--" + name.replace("_", "-")
        raise ValueError(f"{option}: a suite fixes it; allowed: no such option with --suite")


def run(args: argparse.Namespace) -> None:
    """Run `neurobot evaluate`."""
    if args.suite is not None:
        check_fixed(args)
        run_suite(args)
        return
    if args.quick:
        raise ValueError("--quick: goes with --suite")
    run_scenarios(args)


def run_scenarios(args: argparse.Namespace) -> None:
    """Drive through scenarios."""
    seed = args.seed or 0
    with progress_bar("episodes", not args.json) as progress:
        records = evaluate(
            args.controllers or usable(args.sensor),
            env=args.env or ENVS[0],
            scenario=args.scenario or DEFAULT_SCENARIOS,
            episodes=EPISODES if args.episodes is None else args.episodes,
            seed=seed,
            **engine_given(args),
            out=args.out,
            **timing_given(args),
            progress=progress,
            **world_of(args),
        )
    rows = tabulate(records, args.cost_table)
    tell_faults(records)
    if args.json:
        print_json("evaluate", seed, rows, cost_table=args.cost_table)
    else:
        print_rows(rows, seed, args.cost_table)


# Heading and cell of each column.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "controller": lambda row: escape(row["controller"]),
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
    "energy/\nmetre": lambda row: prefixed(row["energy_per_metre_j"], "J"),
    "SOPs/\nMACs": lambda row: operations(row),
}


def operations(row: Row) -> str:
    """Write how many operations a decision takes, of whichever kind its chip does."""
    counts = [row[key] for key in OPERATIONS.values() if row[key] is not None]
    return f"{counts[0]:.0f}" if counts else "-"


def make_table(rows: Sequence[Row]) -> Table:
    """Lay the rows of one scenario out."""
    table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False)
    columns = {
        heading: cell
        for heading, cell in COLUMNS.items()
        if heading != "SPL" or rows[0]["spl"] is not None
    }
    for heading in columns:
        side: Any = "left" if heading == "controller" else "right"
        table.add_column(heading, justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(cell(row) for cell in columns.values()))
    return table


def print_rows(rows: list[Row], seed: int, cost_table: str) -> None:
    """Print a table for each scenario, and what its figures mean."""
    console = wide_console()
    for scenario in dict.fromkeys(row["scenario"] for row in rows):
        mine = [row for row in rows if row["scenario"] == scenario]
        console.print(
            f"[bold]{escape(scenario)}[/]  {mine[0]['env']}, {mine[0]['episodes']} episodes "
            f"from seed {seed}"
        )
        console.print(make_table(mine))
    prices = COST_TABLES[cost_table]
    console.print(
        "Latency, energy, and synaptic operations (SOPs) or multiply-accumulates (MACs) are per "
        "decision; energy per metre is both energies. Latency, energy and power are modelled. "
        f"Cost table {prices.name!r}: {prices.provenance}. It prices: {', '.join(prices.tariffs)}. "
        "-: this controller counts no events, or its chip is not priced.",
        style="dim",
    )

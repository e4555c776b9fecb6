"""`neurobot list`: what there is."""

import argparse
from dataclasses import fields
from typing import Any

from rich.console import Console
from rich.table import Table

from neurobot.cli.terminal import print_json
from neurobot.controllers import CONTROLLERS
from neurobot.controllers.program_files import PROGRAMS, find_programs
from neurobot.cost import COST_TABLES
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.world import ROBOTS
from neurobot.events import Events, MacEvents
from neurobot.mac import MacArray
from neurobot.poppins import Chip
from neurobot.suite import SUITES

CHIPS: dict[str, Any] = {Events.chip: Chip, MacEvents.chip: MacArray}
WHAT = {Events.chip: "two populations of neurons", MacEvents.chip: "multiply-accumulate units"}


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    show = commands.add_parser("list", help="show controllers, scenarios, cost tables and chips")
    show.set_defaults(function=run)
    show.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> None:
    """Run `neurobot list`."""
    chips = {name: defaults(kind) for name, kind in CHIPS.items()}
    programs = {
        name: f"poppins?program={name}: to {' and to '.join(tasks(name))}" for name in PROGRAMS
    }
    if args.json:
        rows = [
            {"kind": kind, "name": name, "what": what}
            for kind, known in (
                ("controller", CONTROLLERS),
                ("program", programs),
                ("scenario", summaries(SCENARIOS)),
                ("suite", suites()),
                ("robot", {name: robot._asdict() for name, robot in ROBOTS.items()}),
                ("cost table", tables()),
                ("chip", chips),
            )
            for name, what in known.items()
        ]
        print_json("list", None, rows)
        return
    console = Console()
    sections = {
        "Controllers": CONTROLLERS,
        "Programs of the spiking controller": programs,
        "Scenarios": summaries(SCENARIOS),
        "Suites": suites(),
        "Robots": {
            name: f"{robot.max_speed_mps} m/s, footprint within {robot.circumscribed_m:.2f} m"
            for name, robot in ROBOTS.items()
        },
        "Cost tables": tables(),
        "Chips": {
            name: f"{WHAT[name]}; assumed: "
            + ", ".join(f"{field} {value}" for field, value in sizes.items())
            for name, sizes in chips.items()
        },
    }
    for title, known in sections.items():
        table = Table(title=title, title_justify="left", show_header=False)
        for name, what in known.items():
            table.add_row(name, what)
        console.print(table)


def defaults(kind: Any) -> dict[str, Any]:
    """Return the default sizes of a chip."""
    return {field.name: field.default for field in fields(kind)}


def tables() -> dict[str, str]:
    """Return where the prices of each cost table come from, and of which chips they are."""
    return {
        name: f"{table.provenance}; prices {' and '.join(table.tariffs)}"
        for name, table in COST_TABLES.items()
    }


def suites() -> dict[str, str]:
    """Return what each suite consists of."""
    return {
        name: f"{', '.join(task.name for task in suite.tasks)}, each "
        f"{', '.join(condition.name for condition in suite.conditions)}, and "
        f"{', '.join(suite.levels)}; published worlds: "
        f"{', '.join(task.name for task in suite.published)}"
        for name, suite in SUITES.items()
    }


def tasks(program: str) -> list[str]:
    """Return what a program can do."""
    return [task for task, found in find_programs(program)._asdict().items() if found]


def summaries(functions: dict[str, Any]) -> dict[str, str]:
    """Return the first line of each function's docstring."""
    return {
        name: (function.__doc__ or "").partition("\n")[0] for name, function in functions.items()
    }

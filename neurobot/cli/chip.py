"""`neurobot chip`: the data sheet of a configured chip; memories to files; another chip."""

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from neurobot.cli import mac, mars, sheet
from neurobot.cli.terminal import print_json, progress_bar
from neurobot.controllers import make_controller
from neurobot.controllers.poppins import PoppinsController
from neurobot.episodes import ENVS, open_env
from neurobot.evaluation import evaluate
from neurobot.events import Events
from neurobot.hardware.datasheet import plain, silicon
from neurobot.hardware.loihi import check
from neurobot.hardware.workload import Workload
from neurobot.loop import attach
from neurobot.poppins import Poppins
from neurobot.transfer.images import read_network, write_network


def add_command(commands: Any) -> None:
    """Declare the command, its options and what it can do besides."""
    options = commands.add_parser("chip", help="data sheets, and export and import of memories")
    options.set_defaults(function=run_sheet)
    add_network_options(options, keep=False)
    add = options.add_argument
    add("--episodes", type=int, default=5, metavar="N", help="to measure (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the first episode (default: 0)")
    add("--rate", type=float, metavar="HZ", help="decisions per second (default: the robot's)")
    add("--json", action="store_true", help="print one JSON object instead of tables")
    actions = options.add_subparsers(metavar="ACTION")
    export = actions.add_parser("export", help="write memory images and tables")
    export.set_defaults(function=run_export)
    export.add_argument("folder", metavar="DIR")
    add_network_options(export, keep=True)
    read = actions.add_parser("import", help="read and check memory images and tables")
    read.set_defaults(function=run_import)
    read.add_argument("folder", metavar="DIR")
    read.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object"
    )
    mac.add_action(actions)
    mars.add_action(actions)


def add_network_options(options: argparse.ArgumentParser, keep: bool) -> None:
    """Declare what tells which network is meant; keep: what was said before ACTION holds."""
    for name, metavar, default, text in (
        ("--controller", "NAME", "poppins", "with options of the chip: 'poppins?lanes=4'"),
        ("--env", "ID", ENVS[0], " or ".join(ENVS)),
        ("--scenario", "NAME", "forest", "generator or world file"),
    ):
        options.add_argument(
            name,
            metavar=metavar,
            default=argparse.SUPPRESS if keep else default,
            help=f"{text} (default: {default})",
        )


def find_network(args: argparse.Namespace) -> Poppins:
    """Return the network that a controller loads into its chip for a task."""
    env = open_env(args.env, args.scenario, ())
    controller = make_controller(args.controller)
    attach(controller, env)
    if not isinstance(controller, PoppinsController):
        raise ValueError(f"controller {args.controller!r}: no chip of ours in it; known: poppins")
    return controller.brain_for(env.unwrapped.has_goal).network


def run_sheet(args: argparse.Namespace) -> None:
    """Run `neurobot chip`."""
    if args.rate is not None and not 0 < args.rate < math.inf:
        raise ValueError(f"rate={args.rate} must be above 0")
    network = find_network(args)
    with progress_bar("episodes", not args.json) as progress:
        records = evaluate(
            args.controller,
            env=args.env,
            scenario=args.scenario,
            episodes=args.episodes,
            seed=args.seed,
            progress=progress,
        )
    counted = [record.events for record in records if isinstance(record.events, Events)]
    events = sum(counted, Events())
    decisions = sum(record.decisions for record in records)
    workload = Workload(network, events, decisions)
    rate_hz = args.rate
    if rate_hz is None:
        rate_hz = min(decisions / sum(r.duration_s for r in records), workload.most_hz)
    document, checks = plain(workload, rate_hz), check()
    if args.json:
        rows = document.pop("figures")
        more = {"controller": args.controller, **document, "checks": [asdict(c) for c in checks]}
        print_json("chip", args.seed, rows, **more)
        return
    task = f"{args.controller}, {args.env} {args.scenario}, {args.episodes} episodes"
    sheet.show(Console(highlight=False), f"{task} from seed {args.seed}", document, checks)


def run_export(args: argparse.Namespace) -> None:
    """Run `neurobot chip export`."""
    names = write_network(find_network(args), Path(args.folder))
    text = f"Written to {args.folder}: {', '.join(names)}"
    Console(highlight=False).print(text, markup=False)


def run_import(args: argparse.Namespace) -> None:
    """Run `neurobot chip import`: read images and tables, and say what they hold."""
    network = read_network(Path(args.folder))
    rows = [asdict(row.figure("silicon")) for row in silicon(network)]
    chip = asdict(network.chip)
    if args.json:
        print_json("chip import", None, rows, chip=chip)
        return
    console = Console(highlight=False)
    console.print(
        f"[bold]{escape(args.folder)}[/]: populations of {len(network.first)} and "
        f"{len(network.second)} neurons; images and tables agree\n"
    )
    console.print(sheet.section_table("Silicon", rows, "used .. held"))
    console.print("Chip: " + ", ".join(f"{name} {value}" for name, value in chip.items()))

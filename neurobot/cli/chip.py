"""`neurobot chip`: the data sheet of a configured chip; its memories to files, and back."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from neurobot.cli import sheet
from neurobot.cli.terminal import print_json, progress_bar
from neurobot.controllers import make_controller
from neurobot.events import Events
from neurobot.hardware.datasheet import plain, silicon
from neurobot.hardware.loihi import check
from neurobot.hardware.workload import Workload
from neurobot.loop import attach
from neurobot.poppins import Poppins
from neurobot.suite import ENVS, evaluate, open_env
from neurobot.transfer.images import read_network, write_network


def add_command(commands: Any) -> None:
    """Declare the command, its options and what it can do besides."""
    options = commands.add_parser("chip", help="data sheet, and export and import of memories")
    options.set_defaults(function=run_sheet)
    add_network_options(options)
    add = options.add_argument
    add("--episodes", type=int, default=5, metavar="N", help="to measure (default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="of the first episode (default: 0)")
    add("--rate", type=float, metavar="HZ", help="decisions per second (default: the robot's)")
    add("--json", action="store_true", help="print one JSON object instead of tables")
    actions = options.add_subparsers(metavar="ACTION")
    export = actions.add_parser("export", help="write memory images and tables")
    export.set_defaults(function=run_export)
    export.add_argument("folder", metavar="DIR")
    add_network_options(export)
    read = actions.add_parser("import", help="read and check memory images and tables")
    read.set_defaults(function=run_import)
    read.add_argument("folder", metavar="DIR")
    read.add_argument("--json", action="store_true", help="print one JSON object")


def add_network_options(options: argparse.ArgumentParser) -> None:
    """Declare what tells which network is meant."""
    add = options.add_argument
    add("--controller", default="poppins", metavar="NAME",
        help="with options of the chip: 'poppins?lanes=4' (default: poppins)")  # fmt: skip
    add("--env", default=ENVS[0], metavar="ID", help=f"{' or '.join(ENVS)} (default: the first)")
    add("--scenario", default="forest", metavar="NAME", help="default: %(default)s")


def find_network(args: argparse.Namespace) -> Poppins:
    """Return the network that a controller loads into its chip for a task."""
    env = open_env(args.env, args.scenario, ())
    controller = make_controller(args.controller)
    attach(controller, env)
    if not hasattr(controller, "brain_for"):
        raise ValueError(f"controller {args.controller!r}: no chip of ours in it; known: poppins")
    network: Poppins = controller.brain_for(env.unwrapped.has_goal).network
    return network


def run_sheet(args: argparse.Namespace) -> None:
    """Run `neurobot chip`."""
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
    events = sum((record.events for record in records if record.events), Events())
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
    folder = Path(args.folder)
    write_network(find_network(args), folder)
    print(f"Written to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


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
    console.print(sheet.section_table("Silicon", rows))
    console.print("Chip: " + ", ".join(f"{name} {value}" for name, value in chip.items()))

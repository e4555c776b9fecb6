"""`neurobot faults`: a campaign of faults, and which brain bears how many."""

import argparse
import csv
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from neurobot.campaign.bits import FLIPS
from neurobot.campaign.chips import job_of_brain, open_chip
from neurobot.campaign.findings import Findings, by_controller, chosen, found_in
from neurobot.campaign.runs import Runs, read_campaign, run_campaign
from neurobot.cli.faults_tables import show, show_memories
from neurobot.cli.options import (
    CONTROLLER_NAMES,
    ENV_NAMES,
    SCENARIO_NAMES,
    add_cost_table,
    add_engine,
    add_timing,
    add_world,
    engine_given,
    timing_of,
    world_of,
)
from neurobot.cli.standings import tell_faults
from neurobot.cli.terminal import print_json, progress_bar
from neurobot.episodes import ENVS
from neurobot.faults.protection import GUARDS
from neurobot.faults.spec import AMOUNTS, AROUND, KINDS, Faults, usual_kind
from neurobot.suite import SUITES

EPISODES = 20
KIND_NAMES = dict.fromkeys([*KINDS, *(kind for kinds in AROUND.values() for kind in kinds)])
DESCRIPTION = """\
Drive brains through the same worlds without faults and with more and more of them, and say how much
success is left, at which level half of it is gone, which bits matter, and what guarding would take.
"""
EXAMPLES = """\
examples:
  neurobot faults poppins --list
  neurobot faults poppins cnn-lsq-4b --memory weights --rate 1e-6 1e-5 1e-4 --out faults
  neurobot faults poppins --memory weights --rate 1e-5 1e-4 --protection none parity ecc tmr
  neurobot faults poppins --memory weights --count 1 --episodes 200 --loop-map loop.png
  neurobot faults cnn-cim-4b --memory weights --kind vary --share 0.1 0.2 0.4
  neurobot faults vfh --memory sensor --kind dead --share 0.1 0.3 0.5
  neurobot faults --from faults --plot faults.png --map bits.png
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "faults",
        help="how brains bear faults in memories, sensors and clocks",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.set_defaults(function=run, resumes=True)
    add = options.add_argument
    add("controllers", nargs="*", metavar="CONTROLLER", help=CONTROLLER_NAMES)
    add("--list", action="store_true", help="print the memories of the brains' chips, and stop")
    add("--from", dest="folder", type=Path, metavar="DIR",
        help="show the campaign that --out kept there, and run nothing")  # fmt: skip
    add_what(options)
    add_where(options)
    add_engine(options)
    add("--out", metavar="DIR", help="keep episodes there; the same command goes on where it ended")
    add_shown(options)
    add_world(options)
    add_timing(options)
    add_cost_table(options)


def add_what(options: argparse.ArgumentParser) -> None:
    """Declare what goes wrong."""
    add, usual = options.add_argument, Faults()
    add("--memory", metavar="NAME", help=f"of the chip (see --list), or {', '.join(AROUND)} "
        f"(default: {usual.memory}; with --from, all)")  # fmt: skip
    add("--kind", choices=list(KIND_NAMES), metavar="KIND",
        help=f"{', '.join(KINDS)} (cells, --share is sigma); of the sensor: dead, stuck; of the "
        "latency: spike; of the clock: brownout (default: the first that there is)")  # fmt: skip
    amount = options.add_mutually_exclusive_group()
    amount.add_argument("--rate", nargs="+", type=float, metavar="R",
        help="of faults, per bit (or beam) and second; of spikes and brown-outs, per second"
        )  # fmt: skip
    amount.add_argument("--share", nargs="+", type=float, metavar="S",
        help="of the bits (or beams) that are wrong from the beginning on")  # fmt: skip
    amount.add_argument("--count", nargs="+", type=int, metavar="K",
        help="faults, all of them at the beginning")  # fmt: skip
    add("--burst", type=int, default=usual.burst, metavar="K",
        help="neighbouring bits that each fault hits (default: %(default)s)")  # fmt: skip
    add("--protection", nargs="+", choices=list(GUARDS), default=[usual.protection],
        metavar="CODE",
        help=f"of the memory: {', '.join(GUARDS)} (default: {usual.protection})")  # fmt: skip
    add("--word-bits", type=int, default=usual.word_bits, metavar="N",
        help="of data in a protected word (default: %(default)s)")  # fmt: skip
    add("--fault-seed", type=int, default=usual.seed, metavar="N",
        help="of times and places, beside the episode's own (default: %(default)s)")  # fmt: skip


def add_where(options: argparse.ArgumentParser) -> None:
    """Declare which worlds are driven through."""
    add = options.add_argument
    add("--env", metavar="ID", help=f"{ENV_NAMES} (default: the first)")
    add("--scenario", nargs="+", metavar="NAME", help=f"{SCENARIO_NAMES} (default: forest)")
    add("--suite", choices=list(SUITES), help="the worlds of a suite's generated cells instead")
    add("--episodes", type=int, default=EPISODES, metavar="N",
        help="at each level, of each scenario or cell (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, metavar="N", help="of the first episode (default: 0)")


def add_shown(options: argparse.ArgumentParser) -> None:
    """Declare what is shown of a campaign, beside tables."""
    add = options.add_argument
    add("--json", action="store_true", help="print one JSON object instead of tables")
    add("--csv", metavar="FILE", help="write a line for each brain and level")
    add("--plot", metavar="FILE", help="draw success against faults (.png, .svg or .pdf)")
    add("--loop-map", metavar="FILE",
        help="draw which bits cost success, by episodes with --count 1")  # fmt: skip
    add("--map", metavar="FILE",
        help="draw which bits change decisions: each wrong by itself, outside of the loop"
        )  # fmt: skip
    add("--flips", type=int, default=FLIPS, metavar="N",
        help="bits of each part and place in a value that --map tries (default: %(default)s; "
        "0: all)")  # fmt: skip


def faults_of(args: argparse.Namespace) -> list[Faults]:
    """Return what is asked for: each amount, behind each protection."""
    given = [(name, value) for name in AMOUNTS for value in getattr(args, name) or []]
    if not given:
        raise ValueError("--rate, --share or --count: none found; one of them needed")
    for name, value in given:
        if value <= 0:
            raise ValueError(
                f"--{name} {value} found; allowed: above 0 (sound episodes come along)"
            )
    memory = args.memory or Faults().memory
    kind = args.kind or usual_kind(memory)
    return [
        Faults(
            memory=memory,
            kind=kind,
            burst=args.burst,
            protection=protection,
            word_bits=args.word_bits,
            seed=args.fault_seed,
            **{name: value},
        )
        for protection, (name, value) in product(args.protection, given)
    ]


def list_memories(args: argparse.Namespace) -> None:
    """Print the memories of the brains' chips."""
    if not args.controllers:
        raise ValueError("CONTROLLER: none found; one or more needed")
    chips = {name: open_chip(job_of_brain(name)).substrate for name in args.controllers}
    show_memories({name: chip.memories for name, chip in chips.items()}, args.json)


def drive(args: argparse.Namespace) -> Runs:
    """Run the campaign that is asked for, or read it where it has been run."""
    if args.folder is not None:
        runs = read_campaign(args.folder)
        return chosen(runs, args.controllers, args.memory, args.kind)
    if not args.controllers:
        raise ValueError("CONTROLLER: none found; one or more, or --from DIR, needed")
    given = {**engine_given(args), **world_of(args)}
    if args.suite is not None:
        check_suite(args, given.keys() & world_of(args).keys())
    with progress_bar("episodes", not args.json) as progress:
        return run_campaign(
            args.controllers,
            faults_of(args),
            env=args.env or ENVS[0],
            scenario=args.scenario or "forest",
            suite=args.suite,
            episodes=args.episodes,
            seed=args.seed or 0,
            out=args.out,
            timing=timing_of(args),
            progress=progress,
            **given,
        )


def check_suite(args: argparse.Namespace, world: Any) -> None:
    """Refuse options of what a suite fixes."""
    named = [name for name in ("env", "scenario", "seed") if getattr(args, name) is not None]
    timed = [name for name in ("clock_hz", "late", "instant") if getattr(args, name)]
    for name in [*named, *timed, *sorted(world)]:
        option = "--" + name.replace("_", "-")
        raise ValueError(f"{option}: a suite fixes it; allowed: no such option with --suite")


def draw(args: argparse.Namespace, found: Findings) -> None:
    """Draw what is asked for."""
    # matplotlib is an extra, and takes time to load.
    from neurobot.plots.draw_bits import draw_bits
    from neurobot.plots.draw_faults import draw_faults
    from neurobot.plots.figures import picture

    if args.plot:
        with picture(args.plot) as figure:
            draw_faults(figure, found.on_topic(found.levels), found.on_topic(found.halves))
    maps = (
        (args.loop_map, found.single, "loss", "score lost in the loop, mean of single flips"),
        (args.map, found.bits, "changed", "decisions that a single flip changes, mean"),
    )
    for out, rows, key, what in maps:
        if out:
            name = found.topic[0]
            kept = by_controller([row for row in rows if row["memory"] == name])
            with picture(out) as figure:
                draw_bits(figure, kept, key, what, f"Critical bits: {name}")
    for out in filter(None, (args.plot, args.loop_map, args.map)):
        print(f"Written: {out} ({Path(out).stat().st_size / 1000:.0f} kB)")


def check_targets(args: argparse.Namespace) -> None:
    """Refuse what could not be written or drawn, before anything is driven."""
    pictures = [out for out in (args.plot, args.loop_map, args.map) if out]
    if pictures:
        from neurobot.plots.figures import check_file

        for out in pictures:
            check_file(out)
    if args.csv and not Path(args.csv).parent.is_dir():
        raise ValueError(f"--csv {args.csv}: no folder {Path(args.csv).parent} found")


def write_csv(path: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the same keys."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def run(args: argparse.Namespace) -> None:
    """Run `neurobot faults`."""
    if args.list:
        list_memories(args)
        return
    check_targets(args)
    runs = drive(args)
    with progress_bar("bits", bool(args.map) and not args.json) as progress:
        found = found_in(runs, args.cost_table, mapped=args.map is not None,
                         flips=args.flips or None, progress=progress)  # fmt: skip
    tell_faults(list(runs.values()))
    if args.csv:
        write_csv(args.csv, found.levels)
    if args.json:
        print_json("faults", args.seed, found.levels, cost_table=args.cost_table, **found.plain)
    else:
        show(found, args.cost_table)
        draw(args, found)

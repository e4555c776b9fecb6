"""`neurobot verify`: replay a run, and compare every episode with its record."""

import argparse
from pathlib import Path
from typing import Any

from neurobot.cli.options import add_engine, engine_given
from neurobot.cli.terminal import print_json, progress_bar
from neurobot.engine import Engine
from neurobot.verification import Verdict, verify

MOST_LISTED = 10


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "verify",
        help="replay a run, and compare every episode with its record",
        description="Replay every episode of a folder that `neurobot evaluate --out` made, and "
        "compare trajectories, outcomes and counts with the records. Status 0: all are equal, "
        "1: some differ.",
    )
    options.set_defaults(function=run)
    options.add_argument("folder", type=Path, metavar="DIR", help="folder of the run")
    options.add_argument("--json", action="store_true", help="print one JSON object")
    add_engine(options)


def run(args: argparse.Namespace) -> int:
    """Run `neurobot verify`."""
    given = engine_given(args)
    engine = Engine(given.pop("engine"), **given)
    with progress_bar("episodes", not args.json) as progress:
        verdict = verify(args.folder, engine, progress)
    if args.json:
        rows = [{"difference": str(each)} for each in verdict.different]
        told = {"equal": verdict.equal, "not_replayed": verdict.not_replayed}
        print_json("verify", None, rows, folder=str(args.folder), **told)
    else:
        tell(args.folder, verdict)
    return 1 if verdict.different else 0


def tell(folder: Path, verdict: Verdict) -> None:
    """Say what came of it."""
    count = verdict.equal + len(verdict.different)
    print(f"{folder}: {verdict.equal} of {count} episodes equal to their records, bit for bit")
    for each in verdict.different[:MOST_LISTED]:
        print(f"  {each}")
    if len(verdict.different) > MOST_LISTED:
        print(f"  and {len(verdict.different) - MOST_LISTED} more")
    if verdict.not_replayed:
        print(f"{folder}: {verdict.not_replayed} more ended by a brain's fault, not replayed")

"""`neurobot merge`: put the episodes of several run folders together."""

import argparse
from pathlib import Path
from typing import Any

from neurobot.merging import merge


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser("merge", help="put the episodes of several run folders together")
    options.set_defaults(function=run)
    options.add_argument("folders", nargs="+", metavar="DIR", help="of `neurobot evaluate --out`")
    options.add_argument(
        "--out", required=True, metavar="DIR", help="all of them go there, beside what is there"
    )


def run(args: argparse.Namespace) -> None:
    """Run `neurobot merge`."""
    count = merge([Path(folder) for folder in args.folders], Path(args.out))
    print(f"{args.out}: {count} episodes")

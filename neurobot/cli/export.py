"""`neurobot export`: the episodes of a run folder as a table for other programs."""

import argparse
from pathlib import Path
from typing import Any


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser("export", help="write a run folder's episodes as Parquet or CSV")
    options.set_defaults(function=run)
    options.add_argument("folder", metavar="DIR", help="of `neurobot evaluate --out`")
    options.add_argument(
        "-o", "--out", required=True, metavar="FILE", help="ends in .parquet or .csv"
    )


def run(args: argparse.Namespace) -> None:
    """Run `neurobot export`."""
    from neurobot.export import export  # pyarrow is an extra

    rows, columns = export(Path(args.folder), Path(args.out))
    print(f"{args.out}: {rows} episodes, {columns} columns")

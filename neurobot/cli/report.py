"""`neurobot report`: a run folder as one page."""

import argparse
from pathlib import Path
from shlex import quote
from typing import Any

from neurobot.cli.options import add_cost_table
from neurobot.cli.terminal import print_json
from neurobot.writing import write_whole

FILE_NAME = "report.html"
PANELS = 24
DESCRIPTION = """\
Write a run folder as one HTML file that needs nothing else and asks nothing of any network: tables
with intervals, success against cost, profiles, tasks, paths through worlds, and where each figure
comes from. Another cost table needs no other run.
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "report", help="write a run folder as one HTML page", description=DESCRIPTION
    )
    options.set_defaults(function=run)
    add = options.add_argument
    add("folder", metavar="DIR", help="where `neurobot evaluate --out DIR` kept its episodes")
    add("-o", "--out", metavar="FILE", help=f"page to write (default: DIR/{FILE_NAME})")
    add("--paths", type=int, default=PANELS, metavar="N",
        help="how many episodes are drawn, failures first (default: %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print the page's figures as one JSON object instead")
    add_cost_table(options)


def check_file(path: Path) -> Path:
    """Refuse a file that cannot be written."""
    if not path.parent.is_dir():
        raise ValueError(f"--out {path}: no folder {path.parent} found; make it first")
    if path.is_dir():
        raise ValueError(f"--out {path}: a folder found, a file needed")
    return path


def command_of(args: argparse.Namespace) -> str:
    """Write the command that makes the page again."""
    said = ["neurobot", "report", quote(args.folder), "--cost-table", args.cost_table]
    return " ".join(said)


def run(args: argparse.Namespace) -> None:
    """Run `neurobot report`."""
    # Reading a run loads its brains' environments, and the page Plotly and Jinja2: on demand.
    from neurobot.report.figures import figures
    from neurobot.report.study import read_study

    if args.paths < 0:
        raise ValueError(f"--paths {args.paths}: 0 or more needed")
    study = read_study(args.folder)
    if args.json:
        found = figures(study, args.cost_table)
        print_json("report", None, found.pop("rows"), **{**found, "version": found["version"]})
        return
    from neurobot.report.page import write_page

    path = check_file(Path(args.out or Path(args.folder) / FILE_NAME))
    page = write_page(study, figures(study, args.cost_table), command_of(args), args.paths)
    write_whole(path, page)
    print(f"Written: {path} ({path.stat().st_size / 1e6:.1f} MB)")

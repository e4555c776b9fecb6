"""Run the same episodes in every way there is, and compare checksums of their full records.

Stepped, as kernels on threads, vectorized, by several processes, in other orders, resumed; with
other hash seeds, threads, locales and time zones; as on lesser processors; in other versions of
Python and of all dependencies. Every controller's records with a seed must be equal everywhere.

python scripts/matrix.py --quick
python scripts/matrix.py --python python3.12 --python python3.13 --lowest --json matrix.json
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from matrix_processes import Surroundings, environment, run_part, run_surroundings, versions
from matrix_ways import BRAINS, FEW, REFERENCE, WAYS, Size, Sums, run_ways
from rich.console import Console

from neurobot.cli.terminal import make_table
from neurobot.compiled import cores

DIGITS = 8  # of a checksum that the table shows
SMALL, USUAL = Size(seeds=2, limit_s=6.0), Size()


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--quick", action="store_true", help="less of all: 2 seeds, nothing compiled anew, no Ray")
    add("--brains", nargs="+", default=list(BRAINS), metavar="NAME", help="controllers")
    add("--seeds", type=int, metavar="N", help=f"how many (default: {USUAL.seeds})")
    add("--first-seed", type=int, default=0, metavar="N", help="default: 0")
    add("--limit-s", type=float, metavar="S", help=f"of an episode (default: {USUAL.limit_s})")
    add("--json", type=Path, metavar="FILE", help="write all checksums there")
    add("--python", action="append", default=[], metavar="EXE", help="compare another Python too")
    add("--lowest", action="store_true", help="and each Python with the oldest packages allowed")
    add("--venvs", type=Path, metavar="DIR", help="keep the environments of those there")
    add("--part", action="store_true", help="only the few ways that another process repeats")
    return options.parse_args()


def size_of(args: argparse.Namespace) -> Size:
    """Return how much is run."""
    usual = SMALL if args.quick else USUAL
    return Size(
        tuple(args.brains),
        args.seeds or usual.seeds,
        args.first_seed,
        args.limit_s or usual.limit_s,
    )


def tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def run_pythons(args: argparse.Namespace, size: Size) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what comes of each interpreter and each choice of packages."""
    with tempfile.TemporaryDirectory() as scratch:
        venvs = (args.venvs or Path(scratch) / "venvs").resolve()
        for python in args.python:
            for oldest in (False, True) if args.lowest else (False,):
                tell(f"{python}{', lowest versions' if oldest else ''}: installing")
                inside = environment(python, venvs, oldest)
                found = run_part(inside, size, Surroundings({"PYTHONPATH": ""}), Path(scratch))
                name = f"Python {found['versions']['python']}{', lowest' if oldest else ''}"
                yield name, found


def run_all_rows(args: argparse.Namespace, size: Size) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name, checksums by way, and versions of every row of the table."""
    chosen = {name: way for name, way in WAYS.items() if not (args.quick and "Ray" in name)}
    yield "", {"rows": run_ways(chosen, size, tell), "versions": versions()}
    for name, found in chain(run_surroundings(size, args.quick), run_pythons(args, size)):
        tell(f"{name}: done")
        yield f"{name}: ", found


def differing(sums: Sums, wanted: Sums) -> list[str]:
    """Name brain, seed and timing of each checksum that is not what it should be."""
    if not sums:
        return ["could not be run"]
    return [
        f"{brain}, seed {seed}"
        for brain, mine in sums.items()
        for seed, checksum in mine.items()
        if checksum != wanted[brain][seed]
    ]


def cell(brain: str, sums: Sums, wanted: Sums) -> str:
    """Say how one controller's records compare."""
    if brain not in sums:
        return "-"
    wrong = len(differing({brain: sums[brain]}, wanted))
    return f"{wrong} differ" if wrong else f"= {len(sums[brain])}"


def print_matrix(rows: dict[str, Sums], size: Size) -> None:
    """Print a row for each way, a column for each controller."""
    wanted = rows[REFERENCE]
    table = make_table("way of running", *(brain.replace("-", "\n", 1) for brain in size.brains))
    first = (next(iter(wanted[brain].values()))[:DIGITS] for brain in size.brains)
    table.add_row(f"{REFERENCE}: SHA-256, first seed", *first)
    for name, sums in rows.items():
        table.add_row(name, *(cell(brain, sums, wanted) for brain in size.brains))
    Console(highlight=False, width=38 + 11 * len(size.brains)).print(table)


def write_json(path: Path, size: Size, rows: dict[str, Sums], found: dict[str, Any]) -> None:
    """Keep all checksums, and what made them."""
    command = {"command": sys.argv, "size": asdict(size), "cores": cores()}
    path.write_text(json.dumps({**command, **found, "rows": rows}, indent=1) + "\n")


def main() -> int:
    args = arguments()
    size = size_of(args)
    if args.part:
        few = run_ways(FEW, size, tell)
        write_json(args.json, size, few, {"versions": versions()})
        return 0
    rows: dict[str, Sums] = {}
    made: dict[str, dict[str, str]] = {}
    for prefix, found in run_all_rows(args, size):
        rows |= {f"{prefix}{name}": sums for name, sums in found["rows"].items()}
        made[prefix.rstrip(": ") or "here"] = found["versions"]
    wrong = {name: bad for name, sums in rows.items() if (bad := differing(sums, rows[REFERENCE]))}
    count = sum(len(mine) for sums in rows.values() for mine in sums.values())
    if args.json:
        figures = {"combinations": count, "equal": not wrong, "differing": wrong, "versions": made}
        write_json(args.json, size, rows, figures)
    print_matrix(rows, size)
    for name, packages in made.items():
        if name == "here" or name.startswith("Python"):
            print(f"{name}: {', '.join(f'{key} {value}' for key, value in packages.items())}")
    verdict = f"DIFFERENT: {wrong}" if wrong else "all equal"
    each = f"{count} combinations of a way, a controller, a seed and a timing"
    print(f"{len(size.jobs())} episodes each; {each}: {verdict}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

"""Fill a small disk under an evaluation and other commands, and see what stays.

python scripts/try_disk_full.py [--json FILE]

The disk is a tmpfs of 8 MB in a mount namespace of its own (`unshare`), which needs root or a
system that lets users have namespaces; elsewhere this says so, and ends with status 0. A ballast
file leaves some room; when that is used up, the command has to say what stays and what to do, the
folder has to be readable, and, once the ballast is gone, the same command has to end with the very
records of a run with room. Files that are written whole have to be the old ones. Then the disk is
made read-only. Status 0: all of it is so; 1: not so.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from try_run import (
    NEUROBOT,
    Ended,
    Records,
    checksum,
    is_readable,
    lost,
    neurobot,
    records_of,
    write_figures,
)

from neurobot.controllers import WEIGHTS
from neurobot.qnet import load
from neurobot.store import FILE_NAME

SIZE_KB = 8192
ROOMS_KB = (0, 32, 48, 64, 96, 192, 384, 768)
EVALUATION = ("evaluate", "braitenberg", "vfh", "--scenario", "forest", "--episodes", "20",
              "--json", "--time-limit", "20", "--out")  # fmt: skip
NAMESPACES = (
    ("unshare", "--mount"),
    ("unshare", "--user", "--map-root-user", "--mount"),
)
Words = tuple[str | Path, ...]
FULL = "the disk is full"
AGAIN = "run the same command again"


class Row(NamedTuple):
    """One thing that was tried."""

    what: str
    status: int
    said: str
    seen: str  # what was found after it
    fine: bool


def shown(row: Row) -> str:
    """Write a row down."""
    mark, said = "ok " if row.fine else "BAD", f"\n      {row.said}" if row.said else ""
    return f"{mark} {row.what}: status {row.status}; {row.seen}{said}"


def fill(disk: Path, room_kb: int) -> Path:
    """Fill a disk with a file, but for some room."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free // 1024 - room_kb
    with ballast.open("wb") as file:
        for _ in range(free // 4):
            file.write(bytes(4096))
    return ballast


def try_room(disk: Path, wanted: Records, room_kb: int, jobs: str) -> Row:
    """Evaluate with so much room, then again without the ballast."""
    folder = disk / "run"
    ballast = fill(disk, room_kb)
    ended = neurobot(*EVALUATION, folder, "--jobs", jobs)
    readable = is_readable(folder)
    kept = records_of(folder) if readable else {}
    ballast.unlink()
    again = neurobot(*EVALUATION, folder, "--jobs", jobs)
    after = records_of(folder)
    shutil.rmtree(folder)
    told = ended.status == 0 or (FULL in ended.said and AGAIN in ended.said)
    fine = told and readable and not lost(kept, wanted) and again.status == 0 and after == wanted
    seen = f"{len(kept)} of {len(wanted)} episodes kept and readable; then {len(after)}, "
    equal = "all equal" if after == wanted else f"NOT EQUAL ({again.said})"
    return Row(f"evaluate --jobs {jobs}, {room_kb} KB of room", *ended, seen + equal, fine)


def content_of(path: Path) -> str:
    """Return the checksum of a file, or of all names and files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode() + (file.read_bytes() if file.is_file() else b""))
    return found.hexdigest()


def try_whole(disk: Path, what: str, path: Path, command: Callable[[], Ended]) -> Row:
    """Write a file with room, and again without: the old one has to stay, and nothing beside it."""
    first = command()
    before, beside = content_of(path), sorted(path.parent.iterdir())
    ballast = fill(disk, 0)
    ended = command()
    ballast.unlink()
    same = content_of(path) == before and sorted(path.parent.iterdir()) == beside
    fine = first.status == 0 and ended.status != 0 and FULL in ended.said and same
    seen = "the old file stays" if same else "NOT THE OLD FILE"
    return Row(f"{what} on a full disk", *ended, seen, fine)


def try_files(disk: Path, run: Path) -> Iterator[Row]:
    """Try the commands that write a file whole, and the one that adds to a folder."""
    page, table, figure = disk / "report.html", disk / "run.parquet", disk / "plot.png"
    yield try_whole(disk, "report", page, lambda: neurobot("report", run, "-o", page))
    page.unlink()
    yield try_whole(disk, "export", table, lambda: neurobot("export", run, "-o", table))
    table.unlink()
    plot = ("plot", "trajectories", "braitenberg", "--episodes", "1", "-o", figure)
    yield try_whole(disk, "plot", figure, lambda: neurobot(*plot))
    figure.unlink()
    yield try_merge(disk, run)
    yield try_trials(disk, run.parent)


def try_trials(disk: Path, spare: Path) -> Row:
    """Try cells that vary with little room: a trial is a line of a file that grows."""
    chance, pictures, out = np.random.default_rng(0), spare / "pictures.npz", disk / "trials.jsonl"
    network = WEIGHTS / "cim-4b.npz"
    shape = (2, *load(network).input_shape)
    np.savez(pictures, images=chance.integers(0, 256, shape, np.uint8), labels=[0, 1])
    command = ("cim", "vary", network, "--images", pictures, "--draws", "20", "--json", "--out")
    wanted = neurobot(*command, spare / "trials.jsonl")
    ballast = fill(disk, 4)
    ended = neurobot(*command, out)
    kept = out.read_bytes()
    ballast.unlink()
    again = neurobot(*command, out)
    whole = out.read_bytes()
    finished = kept[: kept.rfind(b"\n") + 1]
    fine = wanted.status == again.status == 0 and ended.status == 1 and FULL in ended.said
    fine = fine and whole.startswith(finished) and whole == (spare / "trials.jsonl").read_bytes()
    out.unlink()
    count, total = finished.count(b"\n"), whole.count(b"\n")
    seen = f"{count} of {total} trials kept, then all, equal"
    return Row("cim vary, 4 KB of room", *ended, seen if fine else f"NOT SO {again.said}", fine)


def try_merge(disk: Path, run: Path) -> Row:
    """Merge into a folder on a full disk: all that it held has to stay."""
    part, target = run.parent / "part", disk / "merged"
    neurobot("evaluate", "straight", "--scenario", "empty", "--episodes", "2", "--out", part)
    neurobot("merge", part, "--out", target)
    before = records_of(target)
    ballast = fill(disk, 0)
    ended = neurobot("merge", run, "--out", target)
    same = records_of(target) == before
    ballast.unlink()
    again = neurobot("merge", run, "--out", target)
    fine = FULL in ended.said and same and again.status == 0
    fine = fine and len(records_of(target)) == len(before) + len(records_of(run))
    shutil.rmtree(target)
    seen = f"{len(before)} episodes as before; all after room was made"
    return Row("merge on a full disk", *ended, seen if fine else "NOT SO", fine)


def killed_run(folder: Path) -> int:
    """Leave a folder as a kill leaves it, with a log; return how many episodes it holds."""
    process = subprocess.Popen([*NEUROBOT, *EVALUATION, folder, "--jobs", "2"],
                               stdout=subprocess.DEVNULL)  # fmt: skip
    while process.poll() is None and len(records_of(folder)) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(records_of(folder))


def remount(disk: Path, how: str) -> None:
    """Make a disk read-only, or writable."""
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def try_read_only(disk: Path, run: Path) -> Iterator[Row]:
    """Read from, and write to, a disk that is read-only."""
    whole, cut = disk / "whole", disk / "cut"
    shutil.copytree(run, whole)
    kept = killed_run(cut)
    for index in ("with", "without"):
        remount(disk, "ro")
        found = len(records_of(cut))
        what = f"read a killed run {index} its index from a read-only disk"
        yield Row(what, 0, "", f"{found} of {kept} episodes", found == kept)
        remount(disk, "rw")
        (cut / f"{FILE_NAME}-shm").unlink(missing_ok=True)
    remount(disk, "ro")
    merged = run.parent / "merged"
    reading: list[Words] = [
        ("verify", whole, "--json"),
        ("report", whole, "--json"),
        ("merge", whole, "--out", merged),
    ]
    for words in reading:
        ended = neurobot(*words)
        yield Row(f"{words[0]} from a read-only disk", *ended, "done", ended.status == 0)
    writing: list[Words] = [
        (*EVALUATION, whole),
        (*EVALUATION, disk / "new"),
        ("report", whole),
        ("merge", run, "--out", whole),
    ]
    for words in writing:
        ended = neurobot(*words)
        fine = ended.status == 2 and "read-only" in ended.said and "\n" not in ended.said
        yield Row(f"{words[0]} to a read-only disk", *ended, "refused", fine)


def mounted(disk: Path) -> bool:
    """Mount a small disk; whether that is allowed."""
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs", str(disk)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def inside(disk: Path, file: Path | None) -> int:
    """Try everything on a disk of our own."""
    run = disk.parent / "run"
    ended = neurobot(*EVALUATION, run)
    if ended.status:
        raise SystemExit(f"the evaluation itself fails: {ended.said}")
    wanted = records_of(run)
    print(f"with room: {len(wanted)} episodes, {checksum(wanted)}", flush=True)
    rows = []
    for row in trials(disk, run, wanted):
        print(shown(row), flush=True)
        rows.append(row)
    bad = sum(not row.fine for row in rows)
    print(f"{len(rows) - bad} of {len(rows)} as they should be")
    write_figures(file, [row._asdict() for row in rows], fine=not bad)
    return 1 if bad else 0


def trials(disk: Path, run: Path, wanted: Records) -> Iterator[Row]:
    """Try everything, in order."""
    for k, room_kb in enumerate(ROOMS_KB):
        yield try_room(disk, wanted, room_kb, "12"[k % 2])
    yield from try_files(disk, run)
    yield from try_read_only(disk, run)


def outside(arguments: list[str]) -> int:
    """Run this program in a namespace of its own, where that can be had."""
    for namespace in NAMESPACES:
        if not shutil.which(namespace[0]):
            break
        probe = [*namespace, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            again = [sys.executable, __file__, "--inside", *arguments]
            return subprocess.run([*namespace, *again], check=False).returncode
    print("skipped: this system lets nobody but root mount a small disk (unshare, mount)")
    return 0


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    add("--inside", action="store_true", help=argparse.SUPPRESS)
    args = options.parse_args()
    if not args.inside:
        return outside(sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        disk = Path(folder) / "disk"
        if not mounted(disk):
            raise SystemExit("mount: refused")
        try:
            return inside(disk, args.json)
        finally:
            os.chdir("/")
            subprocess.run(["umount", disk], check=False)


if __name__ == "__main__":
    sys.exit(main())

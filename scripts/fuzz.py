"""Fuzz every reader of files: only errors of our own come out, nothing hangs, memory stays bounded.

python scripts/fuzz.py [READER ...] [--engine NAME] [--minutes M] [--seed N] [--out FILE.json]
python scripts/fuzz.py --table FILE.json ...

Files that our own writers make are changed at random, inside of what holds them (members of
archives, headers of arrays, cells of databases, places of documents, checksums made to fit), and
read. Atheris (pip install 'neurobot[fuzz]') lets the branches that are taken in the readers lead
the way; Hypothesis draws. Each reader has a process of its own, whose address space may grow by
1 GiB, and 5 s for each file. Whatever is neither taken and sound, nor refused by one sentence of
ours, is a finding: it is written with its input, and the search goes on.
"""

import argparse
import hashlib
import json
import mmap
import os
import platform
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from random import Random
from types import FrameType, FunctionType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ENGINES = ("atheris", "hypothesis")
LIMIT_S = 5.0  # for one input
KILLED_S = 60.0  # whoever watches ends a process that is at one input for so long
MORE_BYTES = 1 << 30  # of address space, beyond what the process has once it has read sound files
MOST_BYTES = 1 << 20  # of an input
AFRESH = 0.5  # so often a sound file is changed, and not one that was found on the way
COUNTS = ("inputs", "taken", "refused", "findings")
STATE = struct.Struct("6q")  # the counts, when the input at hand was begun, most memory in KiB
PACKAGES = ("neurobot", "numpy", "pillow", "pyyaml", "torch", "atheris", "hypothesis")


class HangError(BaseException):
    """An input that takes too long; no reader catches it."""


@dataclass
class Result:
    """What came of fuzzing a reader."""

    reader: str
    title: str
    engine: str
    seed: int
    seconds: float = 0.0
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    findings: int = 0  # inputs, not kinds
    kinds: list[dict[str, Any]] = field(default_factory=list)
    restarts: int = 0  # of a process that died
    peak_mib: float = 0.0  # resident, of the process
    branches: int | None = None  # reached, as Atheris counts them


class Board:
    """Counts that a process shares with whoever watches it, and the input that it is at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "state"
        if not path.exists():
            path.write_bytes(bytes(STATE.size))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), STATE.size)

    def read(self) -> list[int]:
        """Return the counts; when the input at hand was begun, in ms; and most memory, in KiB."""
        return list(STATE.unpack(self.memory[:]))

    def write(self, values: list[int]) -> None:
        """Tell."""
        self.memory[:] = STATE.pack(*values)

    def begin(self, data: bytes) -> None:
        """Say which input it is."""
        (self.folder / "current").write_bytes(data)
        counts = self.read()
        self.write([counts[0] + 1, *counts[1:4], int(time.monotonic() * 1000), counts[5]])

    def end(self, what: str) -> None:
        """Count what came of it."""
        counts = self.read()
        counts[COUNTS.index(what)] += 1
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.write([*counts[:4], 0, max(most, counts[5])])


def where(error: BaseException) -> str:
    """Name the last place of ours that an error went through."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "neurobot" in f.filename or "/envs/" in f.filename]
    frame = (ours or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"


def note(folder: Path, data: bytes, kind: str, place: str, message: str) -> None:
    """Write a finding and its input, unless one of its kind is known."""
    path = folder / "kinds.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    known = [json.loads(line) for line in lines]
    if any((each["kind"], each["where"]) == (kind, place) for each in known) or len(known) > 200:
        return
    digest = hashlib.sha256(data).hexdigest()[:16]
    (folder / f"{digest}.bin").write_bytes(data)
    entry = {"kind": kind, "where": place, "message": message[:300], "input": digest}
    with path.open("a") as file:
        file.write(json.dumps(entry) + "\n")


def hang(number: int, frame: FrameType | None) -> None:
    """End what takes too long."""
    raise HangError(f"longer than {LIMIT_S:g} s")


def make_trial(target: Any, board: Board) -> Callable[[bytes], None]:
    """Return what tries one input, and never raises."""
    from fuzz_targets import attempt, split

    signal.signal(signal.SIGALRM, hang)

    def trial(data: bytes) -> None:
        board.begin(data)
        try:
            signal.setitimer(signal.ITIMER_REAL, LIMIT_S)
            taken = attempt(*split(target, data))
            signal.setitimer(signal.ITIMER_REAL, 0)
            board.end("taken" if taken else "refused")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            signal.setitimer(signal.ITIMER_REAL, 0)
            cause = error.__cause__ or error
            note(board.folder, data, type(cause).__name__, where(error), str(error))
            board.end("findings")

    return trial


def limit_memory() -> None:
    """Let the address space grow no further than by so much."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MORE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def functions_of(module: Any) -> Iterator[FunctionType]:
    """Yield the functions in Python that a module defines, methods included."""
    for found in vars(module).values():
        parts = vars(found).values() if isinstance(found, type) else (found,)
        for part in parts:
            part = getattr(part, "__func__", getattr(part, "fget", part))
            part = getattr(part, "__wrapped__", part)
            if isinstance(part, FunctionType) and part.__module__ == module.__name__:
                yield part


def run_atheris(target: Any, trial: Callable[[bytes], None], seed: int, left_s: float) -> None:
    """Search, led by the branches that are taken."""
    import atheris
    from fuzz_targets import change, corpus

    for name in target.modules:
        for function in functions_of(import_module(name)):
            atheris.instrument_func(function)

    def mutator(data: bytes, most: int, number: int) -> bytes:
        rng = Random(number)
        data = rng.choice(sound) if rng.random() < AFRESH else data
        changed = change(target, data, rng, lambda part, _: atheris.Mutate(part, most))
        return changed if len(changed) <= most else data

    sound, seeds = corpus(target), Path(tempfile.mkdtemp(prefix="corpus-"))
    for number, data in enumerate(sound):
        (seeds / str(number)).write_bytes(data)
    flags = [f"-max_total_time={max(int(left_s), 1)}", f"-seed={seed + 1}", "-timeout=0"]
    flags += ["-rss_limit_mb=0", f"-max_len={MOST_BYTES}", "-print_final_stats=0"]
    atheris.Setup([sys.argv[0], *flags, str(seeds)], trial, custom_mutator=mutator)
    atheris.Fuzz()


def run_hypothesis(target: Any, trial: Callable[[bytes], None], number: int, left_s: float) -> None:
    """Draw files and changes, some hundreds at a time."""
    from fuzz_targets import change, corpus
    from hypothesis import HealthCheck, Phase, given, seed, settings
    from hypothesis import strategies as st

    end, sound = time.monotonic() + left_s, corpus(target)
    quiet = settings(max_examples=100, database=None, deadline=None, phases=[Phase.generate],
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    while time.monotonic() < end:

        @seed(number)
        @quiet
        @given(st.integers(0, len(sound) - 1), st.integers(0, (1 << 64) - 1))
        def some(which: int, chance: int) -> None:
            trial(change(target, sound[which], Random(chance)))

        some()
        number += 1


def work(args: argparse.Namespace) -> None:
    """Fuzz one reader in this process."""
    import warnings

    from fuzz_targets import TARGETS, attempt, forgeries, room, seeds_of

    warnings.simplefilter("ignore")
    target = TARGETS[args.readers[0]]
    for form in target.forms:  # compiles and imports whatever is needed
        for data in seeds_of(form):
            attempt(form, data)
    trial = make_trial(target, Board(args.work))
    forged = list(forgeries(target))
    limit_memory()
    for data in forged:
        trial(data)
    del forged
    engine = run_atheris if args.engine == "atheris" else run_hypothesis
    try:
        engine(target, trial, args.seed, 60 * args.minutes)
    finally:
        shutil.rmtree(room(), ignore_errors=True)


def watch(process: subprocess.Popen[bytes], board: Board) -> str | None:
    """Wait for a process; end it where nothing happens for too long, and say at which input."""
    seen, since = board.read(), time.monotonic()
    while process.poll() is None:
        time.sleep(0.2)
        if (now := board.read()) != seen:
            seen, since = now, time.monotonic()
        if time.monotonic() - since > KILLED_S:
            process.kill()
            process.wait()
            return f"at one input for {KILLED_S:g} s" if now[4] else None
    return None


def fuzz(reader: str, args: argparse.Namespace, kept: Path) -> Result:
    """Fuzz a reader in processes of its own, until the time is over."""
    from fuzz_targets import TARGETS

    result = Result(reader, TARGETS[reader].title, args.engine, args.seed)
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{reader}-"))
    board, log = Board(folder), folder / "log"
    begun = time.monotonic()
    while (left_s := 60 * args.minutes - (time.monotonic() - begun)) > 0.5:
        command = [sys.executable, __file__, reader, "--work", str(folder), "--engine", args.engine]
        command += ["--minutes", str(left_s / 60), "--seed", str(args.seed + result.restarts)]
        before = board.read()[0]
        with log.open("ab") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file)
        ended = watch(process, board)
        began = board.read()[4]
        if ended or (process.returncode and began):
            data = (folder / "current").read_bytes()
            note(folder, data, "death", ended or f"status {process.returncode}", tail(log))
            board.end("findings")
        elif process.returncode and board.read()[0] == before:
            raise SystemExit(f"{reader}: {tail(log)}")
        result.restarts += 1
    result.restarts -= 1
    result.seconds = time.monotonic() - begun
    for name, count in zip(COUNTS, board.read(), strict=False):
        setattr(result, name, count)
    result.peak_mib = board.read()[5] / 1024
    result.branches = branches_in(log)
    path = folder / "kinds.jsonl"
    if path.exists():
        result.kinds = [json.loads(line) for line in path.read_text().splitlines()]
        for each in result.kinds:
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / f"{each['input']}.bin", kept / f"{reader}-{each['input']}.bin")
    shutil.rmtree(folder)
    return result


def tail(log: Path) -> str:
    """Return the last words of a process."""
    return log.read_text(errors="replace")[-600:]


def branches_in(log: Path) -> int | None:
    """Return how many branches libFuzzer says were reached."""
    words = log.read_text(errors="replace").split()
    found = [words[k + 1] for k, word in enumerate(words[:-1]) if word == "cov:"]
    return int(found[-1]) if found else None


def versions() -> dict[str, str]:
    """Name what was fuzzed, and with what."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except ModuleNotFoundError:
            continue
    return found


def table(paths: list[Path]) -> str:
    """Write the totals of some results, in Markdown."""
    lines = ["| reader | engine | minutes | inputs | per second | taken | refused | findings | "
             "peak MiB |", "|---|---|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    totals = dict.fromkeys((*COUNTS, "seconds"), 0.0)
    for path in paths:
        for row in json.loads(path.read_text())["rows"]:
            lines.append(
                f"| {row['title']} | {row['engine']} | {row['seconds'] / 60:.1f} | "
                f"{row['inputs']:,} | {row['inputs'] / row['seconds']:.0f} | {row['taken']:,} | "
                f"{row['refused']:,} | {row['findings']:,} | {row['peak_mib']:.0f} |"
            )
            totals = {name: value + row[name] for name, value in totals.items()}
    lines.append(
        f"| all | | {totals['seconds'] / 60:.1f} | {totals['inputs']:,.0f} | | "
        f"{totals['taken']:,.0f} | {totals['refused']:,.0f} | {totals['findings']:,.0f} | |"
    )
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("readers", nargs="*", metavar="READER", help="by name (default: all, one after the other)")
    add("--engine", choices=ENGINES, default=ENGINES[0], help="default: %(default)s")
    add("--minutes", type=float, default=10.0, metavar="M", help="for each (default: 10)")
    add("--seed", type=int, default=0, metavar="N", help="default: 0")
    add("--out", type=Path, metavar="FILE.json", help="where the figures are written")
    add("--findings", type=Path, default=Path("findings"), metavar="DIR",
        help="folder of inputs that found something (default: %(default)s)")  # fmt: skip
    add("--table", nargs="+", type=Path, metavar="FILE.json", help="print figures, and end")
    add("--work", type=Path, help=argparse.SUPPRESS)  # of a process that fuzzes
    args = options.parse_args()
    if not 0 < args.minutes <= 1e5:
        options.error(f"--minutes {args.minutes}: a number above 0 needed")
    return args


def main() -> None:
    args = arguments()
    if args.table:
        print(table(args.table))
        return
    if args.work:
        work(args)
        return
    from fuzz_targets import TARGETS

    if unknown := [name for name in args.readers if name not in TARGETS]:
        raise SystemExit(f"unknown {unknown[0]!r}; known: {', '.join(TARGETS)}")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = []
    for reader in args.readers or TARGETS:
        rows.append(found := fuzz(reader, args, args.findings))
        print(f"{reader}: {found.inputs:,} inputs in {found.seconds:.0f} s, {found.taken:,} taken, "
              f"{found.refused:,} refused, {found.findings:,} findings of {len(found.kinds)} "
              f"kinds, {found.peak_mib:.0f} MiB", flush=True)  # fmt: skip
        for each in found.kinds:
            print(f"    {each['kind']} at {each['where']}: {each['message'][:160]!r}", flush=True)
        if args.out:
            told = {"command": " ".join(sys.argv[1:]), "versions": versions(),
                    "limits": {"seconds": LIMIT_S, "bytes": MORE_BYTES},
                    "rows": [asdict(row) for row in rows]}  # fmt: skip
            args.out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()

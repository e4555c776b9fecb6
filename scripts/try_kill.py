"""Kill an evaluation and its workers at many moments, and see what is lost.

python scripts/try_kill.py [--rounds N] [--seed N] [--jobs N] [--json FILE]

A round is an evaluation that is killed again and again, at moments and in ways that the seed draws,
and taken up again by the same command, until it is done: workers by SIGKILL and SIGTERM, the main
process by SIGKILL, SIGTERM, SIGHUP and SIGINT, all processes of it at once by SIGTERM. After each
kill the folder is read: no episode that it held before may be missing or another one, and no worker
may be left. At the end all records are compared with those of a run that nobody disturbed. Then two
such evaluations share a folder. Status 0: nothing was lost, nothing was left, all records are
equal; 1: not so.
"""

import argparse
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from try_run import NEUROBOT, Records, checksum, lost, neurobot, records_of, write_figures

# A brain whose episodes run as a kernel, a quick one and a slow one, which run in workers.
EVALUATION = ("evaluate", "poppins", "braitenberg", "oracle", "--scenario", "forest")
EPISODES = 10  # of each brain
MOST_ENDS = 5  # of the main process in a round; then only workers die
PATIENCE_S = 15.0  # until processes that should end count as left over
KEPT = "what is done stays in"

Kill = tuple[str, int]
MAIN: tuple[Kill, ...] = (
    ("main", signal.SIGKILL),
    ("main", signal.SIGTERM),
    ("main", signal.SIGHUP),
    ("main", signal.SIGINT),
    ("all", signal.SIGTERM),
)
WORKER: tuple[Kill, ...] = (("worker", signal.SIGKILL), ("worker", signal.SIGTERM))


@dataclass
class Round:
    """What came of one evaluation."""

    seed: int
    starts: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)  # by the signal that the main one got
    kept_at_kills: int = 0  # episodes, added up
    lost: int = 0
    left_over: int = 0  # processes
    untold: int = 0  # ends that should have said what stays, and did not
    equal: bool = False
    last_words: str = ""


def command_of(folder: Path, jobs: int) -> list[str]:
    """Write the evaluation as a command."""
    words = ["--episodes", str(EPISODES), "--jobs", str(jobs), "--out", str(folder), "--json"]
    return [*NEUROBOT, *EVALUATION, *words]


def children_of(parent: int) -> list[int]:
    """List the processes that a process has started."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    pairs = (map(int, line.split()) for line in listed.stdout.splitlines())
    return [pid for pid, its_parent in pairs if its_parent == parent]


def are_gone(pids: list[int]) -> bool:
    """Whether none of some processes runs any more; one that waits to be buried does not."""
    if not pids:
        return True
    numbers = ",".join(map(str, pids))
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", numbers], capture_output=True, text=True, check=False
    )
    return all(state.startswith("Z") for state in found.stdout.split())


def wait_until(is_so: Callable[[], Any], patience_s: float) -> Any:
    """Look again and again; return what was found at last."""
    end = time.monotonic() + patience_s
    while not (found := is_so()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def start(folder: Path, jobs: int) -> subprocess.Popen[str]:
    """Begin an evaluation, with a process group of its own."""
    return subprocess.Popen(
        command_of(folder, jobs),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed,
    )


def heed() -> None:
    """Let a process hear signals, even where this one was started to ignore them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def strike(process: subprocess.Popen[str], kill: Kill, chance: random.Random) -> bool:
    """Kill something, a worker as soon as there is one; return whether there was something."""
    whom, number = kill
    with suppress(ProcessLookupError, IndexError):
        if whom == "worker":
            wait_until(lambda: children_of(process.pid) or process.poll() is not None, math.inf)
        if process.poll() is not None:
            return False
        if whom == "worker":
            os.kill(chance.choice(children_of(process.pid)), number)
        elif whom == "all":
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        return True
    return False


def plan(chance: random.Random, span_s: float, *, ends: bool) -> Iterator[tuple[float, Kill]]:
    """Draw when and whom to kill, in order: some workers, and the main process at last."""
    last_s = chance.uniform(0.0, 0.8 * span_s)
    moments_s = sorted(chance.uniform(0.0, last_s) for _ in range(chance.randint(0, 3)))
    for moment_s in moments_s:
        yield moment_s, chance.choice(WORKER)
    if ends:
        yield last_s, chance.choice(MAIN)


def disturb(
    process: subprocess.Popen[str], folder: Path, chance: random.Random, span_s: float, seen: Round
) -> str | None:
    """Kill as planned; return by which signal the main process was, if by any."""
    began = time.monotonic()
    for moment_s, kill in plan(chance, span_s, ends=seen.starts <= MOST_ENDS):
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(began + moment_s - time.monotonic(), 0.0))
        before, workers = records_of(folder), children_of(process.pid)
        if not strike(process, kill, chance):
            continue
        whom, number = kill
        name = signal.Signals(number).name
        seen.kills[f"{whom} {name}"] += 1
        seen.kept_at_kills += len(before)
        if whom != "worker":
            process.wait()
            seen.left_over += not wait_until(partial(are_gone, workers), PATIENCE_S)
            seen.lost += lost(before, records_of(folder))
            return name
        seen.lost += lost(before, records_of(folder))
    return None


def run_round(folder: Path, jobs: int, seed: int, span_s: float, wanted: Records) -> Round:
    """Kill and take up one evaluation until it is done."""
    chance, seen = random.Random(seed), Round(seed)
    while True:
        seen.starts += 1
        process = start(folder, jobs)
        by = disturb(process, folder, chance, span_s, seen)
        seen.last_words = process.communicate()[1].strip()
        heard = by in ("SIGTERM", "SIGHUP", "SIGINT") and process.returncode > 0
        seen.statuses[f"{by or 'nothing'}: {process.returncode}"] += 1
        seen.untold += heard and KEPT not in seen.last_words
        if by is None:
            break
    seen.equal = process.returncode == 0 and records_of(folder) == wanted
    return seen


def undisturbed(folder: Path, jobs: int) -> tuple[Records, float]:
    """Run the evaluation in peace, twice; return its records, and how long the second one takes."""
    neurobot(*command_of(folder / "first", jobs)[len(NEUROBOT) :])
    began = time.monotonic()
    ended = neurobot(*command_of(folder / "second", jobs)[len(NEUROBOT) :])
    if ended.status:
        raise SystemExit(f"the evaluation itself fails: {ended.said}")
    return records_of(folder / "second"), time.monotonic() - began


def side_by_side(folder: Path, jobs: int, wanted: Records) -> bool:
    """Run the same evaluation twice at once in one folder; whether both end well, and equal."""
    processes = [start(folder, jobs) for _ in range(2)]
    said = [process.communicate()[1].strip() for process in processes]
    statuses = [process.returncode for process in processes]
    equal = records_of(folder) == wanted
    words = f"; {said}" if any(statuses) else ""
    print(f"two at once: statuses {statuses}, records {'' if equal else 'NOT '}equal{words}")
    return equal and not any(statuses)


def tell(rounds: list[Round], wanted: Records) -> bool:
    """Print what was seen; return whether it is as it should be."""
    kills = sum((seen.kills for seen in rounds), Counter[str]())
    statuses = sum((seen.statuses for seen in rounds), Counter[str]())
    gone, left = sum(seen.lost for seen in rounds), sum(seen.left_over for seen in rounds)
    equal, untold = sum(seen.equal for seen in rounds), sum(seen.untold for seen in rounds)
    print(f"kills: {kills.total()} ({', '.join(f'{n} {what}' for what, n in kills.items())})")
    print(f"statuses of the main process: {', '.join(f'{s} ({n}x)' for s, n in statuses.items())}")
    print(f"episodes in the folder at kills: {sum(s.kept_at_kills for s in rounds)}; lost: {gone}")
    print(f"runs that left workers behind: {left}; ends that did not say what stays: {untold}")
    print(
        f"rounds whose {len(wanted)} records equal those of a run in peace ({checksum(wanted)}): "
        f"{equal} of {len(rounds)}"
    )
    return not gone and not left and not untold and equal == len(rounds)


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--rounds", type=int, default=10, metavar="N", help="(default: 10)")
    add("--seed", type=int, default=0, metavar="N", help="of the first round (default: 0)")
    add("--jobs", type=int, default=2, metavar="N", help="processes (default: 2)")
    add("--json", type=Path, metavar="FILE", help="write the figures there")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wanted, span_s = undisturbed(Path(folder), args.jobs)
        print(f"undisturbed: {len(wanted)} episodes in {span_s:.1f} s", flush=True)
        rounds: list[Round] = []
        for seed in range(args.seed, args.seed + args.rounds):
            rounds.append(run_round(Path(folder) / str(seed), args.jobs, seed, span_s, wanted))
            state = "equal" if rounds[-1].equal else f"DIFFERENT ({rounds[-1].last_words})"
            count = rounds[-1].kills.total()
            print(f"round {seed}: {count} kills, {rounds[-1].starts} starts, {state}", flush=True)
        fine = side_by_side(Path(folder) / "both", args.jobs, wanted)
    fine = tell(rounds, wanted) and fine
    write_figures(args.json, [vars(seen) for seen in rounds], fine=fine, undisturbed_s=span_s)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

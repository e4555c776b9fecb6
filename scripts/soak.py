"""Drive the same worlds over and over in one process: nothing may grow, nothing may change.

python scripts/soak.py [--decisions N] [--controllers NAME ...] [--json FILE]

A pass is the same episodes of every brain: the spiking one as a kernel and step by step, the others
step by step. After each pass the records are hashed, and the memory of the process and Python's
blocks of memory are counted. The first fifth of the passes fills caches, and decides no figure. A
line is fitted to the others; its interval takes into account that neighbouring samples are alike
(Santer et al. 2000, https://doi.org/10.1029/1999JD901105). Status 0: every pass gave the same
records, and the upper end of each interval is below its limit; 1: not so.
"""

import argparse
import gc
import hashlib
import json
import math
import resource
import sys
import time
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from neurobot import provenance
from neurobot.cli.endings import terminable
from neurobot.compiled import cores
from neurobot.controllers import COMPARED
from neurobot.engine.blocks import rolling
from neurobot.episodes import ENVS, Job, Record, options_for, roll, run_job, to_result
from neurobot.store import canonical

STEPPED = (*(name for name in COMPARED if name != "poppins"), "cnn-cim-4b-adc1")
SCENARIOS = {ENVS[0]: ("forest", "looming", "crossing"), ENVS[1]: ("forest",)}
ROLLED, DRIVEN = 24, 2  # episodes per scenario of a pass: as kernels, and step by step
TIME_LIMIT_S = 10.0
WARM = 0.2  # share of the passes that fills caches
FEWEST = 10  # passes
BYTES_LIMIT = 1.0  # of growth in each decision: a lost trace of an episode would be more
BLOCKS_LIMIT = 0.01  # the same in blocks of Python's: a lost object in 100 decisions


class Sample(NamedTuple):
    """The process after a pass."""

    decisions: float  # until now
    seconds: float
    resident_bytes: float
    blocks: float


class Slope(NamedTuple):
    """Growth in each decision, with its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass
class Soak:
    """What was seen: the process after each pass, and brains' records in the first one, hashed."""

    figures: "array[float]"  # all samples end to end: a list of them would be growth itself
    hashes: dict[str, str]
    decisions: dict[str, int]
    drifted: list[str]

    @property
    def passes(self) -> int:
        """How many there were."""
        return len(self.figures) // len(Sample._fields)

    @property
    def samples(self) -> list[Sample]:
        """The samples of all passes."""
        return [Sample(*row) for row in np.reshape(self.figures, (self.passes, -1)).tolist()]

    @property
    def settled(self) -> list[Sample]:
        """The samples that count."""
        return self.samples[math.ceil(WARM * self.passes) :]


def resident_bytes() -> int:
    """Return the memory that the process takes now; where the system does not tell, its peak."""
    now = Path("/proc/self/statm")
    if now.exists():
        return int(now.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def jobs_of(controller: str, episodes: int) -> list[list[Job]]:
    """List the episodes of a brain in a pass, by scenario."""
    options = options_for(controller, {"time_limit_s": TIME_LIMIT_S})
    return [
        [Job(controller, env, scenario, k, k, options=options) for k in range(episodes)]
        for env, scenarios in SCENARIOS.items()
        for scenario in scenarios
    ]


def run_stepped(controller: str) -> list[Record]:
    """Drive a brain step by step."""
    return [run_job(job) for jobs in jobs_of(controller, DRIVEN) for job in jobs]


def run_rolled(controller: str) -> list[Record]:
    """Drive a brain as a kernel."""
    records: list[Record] = []
    for jobs in jobs_of(controller, ROLLED):
        seated = rolling(jobs[0])
        if seated is None:
            raise ValueError(f"{controller}: no brain whose episodes run as kernels")
        records += roll(jobs, *seated, cores())
    return records


def hash_of(records: Sequence[Record]) -> str:
    """Return the checksum of all that is kept of episodes."""
    found = hashlib.sha256()
    for record in records:
        found.update(canonical(to_result(record)).encode() + record.trace)
    return found.hexdigest()


def drive(controllers: Sequence[str], soak: Soak) -> None:
    """Make a pass; note what differs from the first one."""
    runs = [("poppins, kernel", "poppins", run_rolled)]
    runs += [(name, name, run_stepped) for name in controllers]
    for title, controller, run in runs:
        records = run(controller)
        found = hash_of(records)
        if soak.hashes.setdefault(title, found) != found:
            soak.drifted.append(f"{title}, pass {soak.passes + 1}")
        count = sum(record.decisions for record in records)
        soak.decisions[title] = soak.decisions.get(title, 0) + count


def take_sample(soak: Soak, began: float) -> None:
    """Note how much memory is in use."""
    gc.collect()
    total, seconds = sum(soak.decisions.values()), time.perf_counter() - began
    sample = Sample(total, seconds, resident_bytes(), sys.getallocatedblocks())
    soak.figures.extend(map(float, sample))


def run(controllers: Sequence[str], decisions: int) -> Soak:
    """Make passes until so many decisions are taken, or until Ctrl-C or SIGTERM."""
    soak, began = Soak(array("d"), {}, {}, []), time.perf_counter()
    with suppress(KeyboardInterrupt), terminable():
        while soak.passes < FEWEST or sum(soak.decisions.values()) < decisions:
            drive(controllers, soak)
            take_sample(soak, began)
            tell(soak)
    return soak


def tell(soak: Soak) -> None:
    """Print how far it is, after passes 1, 2, 4, 8 and so on."""
    if soak.passes & (soak.passes - 1) == 0:
        last = soak.samples[-1]
        print(
            f"pass {soak.passes}: {last.decisions:,.0f} decisions, {last.seconds:.0f} s, "
            f"{last.resident_bytes / 1e6:.1f} MB, {last.blocks:,.0f} blocks",
            flush=True,
        )


def fit(x: Sequence[float], y: Sequence[float]) -> Slope:
    """Fit a line; samples that are alike count for fewer, by their lag-1 autocorrelation."""
    if np.ptp(y) == 0:
        return Slope(0.0, 0.0, 0.0)
    line = stats.linregress(x, y)
    errors = np.subtract(y, line.intercept + line.slope * np.asarray(x))
    power, count = float(errors @ errors), len(errors)
    alike = max(float(errors[1:] @ errors[:-1]) / power, 0.0)
    free = max(count * (1 - alike) / (1 + alike) - 2, 1.0)
    half = float(line.stderr * math.sqrt((count - 2) / free) * stats.t.ppf(0.975, free))
    return Slope(float(line.slope), float(line.slope) - half, float(line.slope) + half)


def slopes_of(soak: Soak) -> dict[str, Slope]:
    """Fit how memory grows with decisions."""
    settled = soak.settled
    decisions = [sample.decisions for sample in settled]
    return {
        "bytes": fit(decisions, [sample.resident_bytes for sample in settled]),
        "blocks": fit(decisions, [sample.blocks for sample in settled]),
    }


def verdict(soak: Soak, slopes: dict[str, Slope]) -> bool:
    """Print what was seen; return whether it is as it should be."""
    first, last = soak.settled[0], soak.settled[-1]
    print(
        f"{last.decisions:,.0f} decisions of {len(soak.decisions)} brains in {soak.passes} passes, "
        f"{last.seconds / 60:.1f} minutes; {first.resident_bytes / 1e6:.1f} MB after pass "
        f"{soak.passes - len(soak.settled) + 1}, {last.resident_bytes / 1e6:.1f} MB at the end; "
        f"{first.blocks:,.0f} and {last.blocks:,.0f} blocks of Python's"
    )
    fine = [not soak.drifted]
    differ = f"DIFFER {len(soak.drifted)} times, first of {soak.drifted[:1]}"
    print(f"records: {differ if soak.drifted else 'the same in every pass'}")
    for (what, slope), limit in zip(slopes.items(), (BYTES_LIMIT, BLOCKS_LIMIT), strict=True):
        fine.append(slope.high < limit)
        print(
            f"growth: {slope.estimate:+.6f} {what} in each decision, 95 % interval "
            f"{slope.low:+.6f} to {slope.high:+.6f}; limit {limit:g}: "
            f"{'none' if fine[-1] else 'IT GROWS'}"
        )
    return all(fine)


def document(soak: Soak, slopes: dict[str, Slope], fine: bool) -> dict[str, Any]:
    """Return all figures as JSON can hold them."""
    return {
        "provenance": provenance.provenance(),
        "fine": fine,
        "growth_per_decision": {name: slope._asdict() for name, slope in slopes.items()},
        "decisions": soak.decisions,
        "hashes": soak.hashes,
        "drifted": soak.drifted,
        "columns": Sample._fields,
        "samples": soak.samples,
    }


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("--decisions", type=int, default=1_000_000, metavar="N", help="(default: a million)")
    add("--controllers", nargs="*", default=["poppins", *STEPPED], metavar="NAME",
        help="that drive step by step (default: all that are compared)")  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write all samples there")
    args = options.parse_args()
    soak = run(args.controllers, args.decisions)
    slopes = slopes_of(soak)
    fine = verdict(soak, slopes)
    if args.json:
        args.json.write_text(json.dumps(document(soak, slopes, fine), indent=1) + "\n")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())

"""A run replayed: whether every episode of a folder comes out as it was recorded, bit for bit."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neurobot.bounded import brief, listed
from neurobot.engine import Engine
from neurobot.episodes import Job, Record, from_result, job_of, reading_records
from neurobot.evaluation import Progress, check
from neurobot.store import StoreError, read_run
from neurobot.suite import SUITES
from neurobot.version import __version__


@dataclass(frozen=True)
class Difference:
    """A figure of an episode that came out otherwise."""

    job: Job
    figure: str
    recorded: Any
    found: Any

    def __str__(self) -> str:
        job, place = self.job, self.job.scenario
        if job.cell is not None:
            place = "/".join(job.cell[1:])
        return (
            f"{job.controller} in {place}, episode {job.episode}: {self.figure} {self.found!r} "
            f"found, {self.recorded!r} recorded"
        )


@dataclass
class Verdict:
    """What came of a replay."""

    equal: int = 0
    different: list[Difference] = field(default_factory=list)
    not_replayed: int = 0  # faults: what a clock or a dead process ended need not come again


def figures(record: Record) -> dict[str, Any]:
    """Return what is compared: the trajectory's hash first, and the trace left out."""
    told = asdict(record)
    del told["trace"]
    return {"trajectory_sha256": told.pop("trajectory_sha256"), **told}


def first_difference(job: Job, recorded: Record, found: Record) -> Difference | None:
    """Return the first figure that differs; None: they are equal."""
    then, now = figures(recorded), figures(found)
    names = (name for name in then if then[name] != now[name])
    name = next(names, None)
    return None if name is None else Difference(job, name, then[name], now[name])


def read_records(folder: Path) -> dict[Job, Record]:
    """Read all episodes of a run folder; refuse those that another version recorded."""
    run = read_run(folder)
    if not run.episodes:
        raise StoreError(f"{folder}: no episode has ended there yet")
    versions = {str(each.key.get("version")) for each in run.episodes} - {__version__}
    if versions:
        raise StoreError(
            f"{folder}: recorded by neurobot {listed(sorted(versions))}; "
            f"this is {__version__}, which replays its own runs only"
        )
    check_suite(folder, run.facts.get("suite"))
    with reading_records(folder):
        return {job_of(each.key): from_result(each.result, each.trace) for each in run.episodes}


def check_suite(folder: Path, told: Any) -> None:
    """Refuse a run of a suite that has the name of one of ours, and is another one."""
    known = SUITES.get(str(told.get("name"))) if isinstance(told, dict) else None
    if known and told.get("sha256") != known.sha256:
        raise StoreError(
            f"{folder}: its suite {known.name} has checksum {brief(str(told.get('sha256')))[:12]}, "
            f"{known.sha256[:12]} needed"
        )


def replay(jobs: list[Job], engine: Engine, progress: Progress) -> Iterator[tuple[Job, Record]]:
    """Run episodes again, and give each as it is done."""
    count = 0
    with closing(engine.run(jobs)) as finished:
        for done in finished:
            yield from done
            count += len(done)
            progress(count, len(jobs))


def verify(folder: Path, engine: Engine, progress: Progress | None = None) -> Verdict:
    """Replay every episode of a run folder, and compare each with its record."""
    recorded = read_records(folder)
    jobs = [job for job, record in recorded.items() if record.fault is None]
    check(jobs)
    verdict = Verdict(not_replayed=len(recorded) - len(jobs))
    for job, found in replay(jobs, engine, progress or (lambda done, total: None)):
        difference = first_difference(job, recorded[job], found)
        if difference is None:
            verdict.equal += 1
        else:
            verdict.different.append(difference)
    return verdict

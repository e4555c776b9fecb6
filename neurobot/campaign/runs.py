"""A campaign as jobs: every brain in the same worlds, sound and with faults of each kind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurobot.engine import Engine
from neurobot.episodes import ENVS, Job, Record, from_result, job_of, options_for, reading_records
from neurobot.evaluation import Progress, check, names, run_all, told_of
from neurobot.faults.spec import Faults
from neurobot.limits import DEFAULT_LIMIT_S
from neurobot.loop import Timing
from neurobot.store import StoreError, read_run
from neurobot.suite import find_suite
from neurobot.version import __version__

Runs = dict[Job, Record]


def scenario_jobs(
    controllers: Sequence[str],
    env: str,
    scenarios: Sequence[str],
    seeds: range,
    timing: Timing,
    options: Mapping[str, Any],
) -> Iterator[Job]:
    """Yield the sound episodes of each controller in each scenario."""
    for name in controllers:
        kept = options_for(name, options)
        for scenario in scenarios:
            for k, seed in enumerate(seeds):
                yield Job(name, env, scenario, k, seed, timing, kept)


def with_faults(sound: Sequence[Job], faults: Sequence[Faults]) -> list[Job]:
    """Return sound episodes, and the same with each of some faults, brain by brain."""
    kinds = [each for each in dict.fromkeys(faults) if not each.sound]
    brains = dict.fromkeys(job.controller for job in sound)
    return [
        replace(job, faults=each)
        for brain in brains
        for each in (None, *kinds)
        for job in sound
        if job.controller == brain
    ]


def sound_of(job: Job) -> Job:
    """Return the same episode without faults."""
    return replace(job, faults=None)


def run_campaign(
    controllers: str | Sequence[str],
    faults: Faults | Sequence[Faults],
    *,
    env: str = ENVS[0],
    scenario: str | Sequence[str] = "forest",
    suite: str | None = None,
    episodes: int = 20,
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    timing: Timing | None = None,
    engine: str = "local",
    address: str | None = None,
    limit_s: float = DEFAULT_LIMIT_S,
    progress: Progress | None = None,
    **options: Any,
) -> Runs:
    """Drive every controller through the same worlds, without faults and with each of some.

    Episode i has the seed `seed + i`; what goes wrong in it follows from that and the seed of the
    faults. suite: the worlds of its generated cells instead, so many `episodes` of each, and its
    seeds. For the other arguments see `neurobot.evaluate`. Returns the records by their jobs.
    """
    if episodes < 1 or seed < 0:
        raise ValueError(
            f"episodes={episodes}, seed={seed} found; allowed: 1 or more episodes, a seed of 0 "
            "or more"
        )
    brains = list(dict.fromkeys(names(controllers)))
    if suite is not None:
        version = find_suite(suite)
        sound = [job for name in brains for job in version.generated(name, episodes)]
    else:
        seeds, kept = range(seed, seed + episodes), timing or Timing()
        sound = list(scenario_jobs(brains, env, names(scenario), seeds, kept, options))
    wanted = with_faults(sound, [faults] if isinstance(faults, Faults) else list(faults))
    where = Engine(engine, jobs, address, limit_s)
    check(wanted)
    facts = told_of(brains) if out is not None else None
    records = run_all(wanted, where, out=out, facts=facts, progress=progress)
    return dict(zip(wanted, records, strict=True))


def read_campaign(folder: Path) -> Runs:
    """Read the episodes of a campaign's folder whose sound ones are there too."""
    with reading_records(folder):
        runs = {
            job_of(each.key): from_result(each.result, each.trace)
            for each in read_run(folder).episodes
            if each.key.get("version") == __version__
        }
    whole = {job: record for job, record in runs.items() if sound_of(job) in runs}
    if not any(job.faults for job in whole):
        raise StoreError(
            f"{folder}: no episodes with faults found there, beside sound ones of version "
            f"{__version__}; `neurobot faults --out` makes such folders"
        )
    return whole

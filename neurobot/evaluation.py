"""Controllers x scenarios x seeds -> records, kept and resumed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from neurobot.controllers import describe
from neurobot.engine import Engine
from neurobot.episodes import (
    ENVS,
    Job,
    Record,
    from_result,
    open_env,
    options_for,
    reading_records,
    seat_controller,
    to_result,
)
from neurobot.limits import DEFAULT_LIMIT_S
from neurobot.loop import Timing
from neurobot.provenance import provenance
from neurobot.store import Store, Stored

Progress = Callable[[int, int], None]


def names(value: str | Sequence[str]) -> list[str]:
    """Accept one name or several."""
    return [value] if isinstance(value, str) else list(value)


def evaluate(
    controllers: str | Sequence[str],
    *,
    env: str = ENVS[0],
    scenario: str | Sequence[str] = "forest",
    episodes: int = 20,
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    clock_hz: float | None = None,
    late: str = "hold",
    instant: bool = False,
    engine: str = "local",
    address: str | None = None,
    limit_s: float = DEFAULT_LIMIT_S,
    progress: Progress | None = None,
    **options: Any,
) -> list[Record]:
    """Run every controller in every scenario, and return the records in that order.

    Episode i has the seed `seed + i` (and world i of a file of many), for all controllers alike;
    results do not depend on `jobs`, the number of processes (or of threads, where a spiking brain's
    episodes run as kernels), nor on engine and address: see `engine.Engine`. limit_s: how long a
    decision of somebody else's brain may take, in wall-clock seconds; longer is a fault. With
    `out`, episodes are kept there as they end, and those that are there already are not run again.
    clock_hz, late and instant: see `loop.Timing`. options: further keywords of the environment;
    without `sensor` each controller gets the one that it names. progress: called with how many
    episodes are done, and how many there are.
    """
    if episodes < 1:
        raise ValueError(f"episodes={episodes} must be 1 or more")
    if seed < 0:
        raise ValueError(f"seed={seed} must be 0 or more")
    timing = Timing(clock_hz, late, instant)
    kept = {controller: options_for(controller, options) for controller in names(controllers)}
    wanted = [
        Job(controller, env, name, i, seed + i, timing, kept[controller])
        for name in names(scenario)
        for controller in names(controllers)
        for i in range(episodes)
    ]
    where = Engine(engine, jobs, address, limit_s)
    check(wanted)
    facts = told_of(list(kept)) if out is not None else None
    return run_all(wanted, where, out=out, facts=facts, progress=progress)


def told_of(controllers: Sequence[str]) -> dict[str, Any]:
    """Say with what a run is made, and who drives."""
    brains = {name: describe(name) for name in controllers}
    return {"provenance": [provenance()], "controllers": brains}


def check(wanted: Sequence[Job]) -> None:
    """Say what is wrong before anything runs."""
    for job in {job.setting: job for job in reversed(wanted)}.values():
        seat_controller(job, open_env(job.env, job.scenario, job.options))


def tell(store: Store, facts: Mapping[str, Any]) -> None:
    """Note facts of a run in a folder that may hold some: of other brains, of commands before."""
    known, told = store.facts(), dict(facts)
    for name in ("controllers", "complexity"):
        if name in told:
            told[name] = {**known.get(name, {}), **told[name]}
    if "provenance" in told:
        told["provenance"] = known.get("provenance", []) + told["provenance"]
    store.add_all([], told)


def run_all(
    wanted: Sequence[Job],
    engine: Engine,
    *,
    out: str | Path | None = None,
    facts: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> list[Record]:
    """Run what is wanted, and return the records in that order; facts: to be noted of the run.

    `check` is to come before. For the other arguments see `evaluate`.
    """
    with ExitStack() as stack:
        store = stack.enter_context(Store(Path(out))) if out is not None else None
        if store:
            tell(store, facts or {})
        return run_wanted(wanted, engine, store, progress or (lambda done, total: None))


def run_wanted(
    wanted: Sequence[Job], engine: Engine, store: Store | None, progress: Progress
) -> list[Record]:
    """Run the jobs that the store does not hold; return the records of all in order."""
    records: dict[Job, Record] = {}
    for job in wanted:
        kept = store.find(job.key) if store else None
        if store and kept is not None:
            with reading_records(store.path.parent):
                records[job] = from_result(*kept)
    missing = [job for job in dict.fromkeys(wanted) if job not in records]
    progress(len(records), len(wanted))
    with closing(engine.run(missing)) as finished:
        for done in finished:
            records |= done
            if store:
                store.add_all(Stored(job.key, to_result(r), r.trace) for job, r in done)
            progress(len(records), len(wanted))
    return [records[job] for job in wanted]

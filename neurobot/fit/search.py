"""Fitting: programs of the spiking brain found by search, from a random start.

CMA-ES asks for candidates; all of a generation drive the same training worlds, drawn anew for each
generation; the best of the last generations drive validation worlds, and the best there is the
fitted program. Test worlds are driven once, at the end, and decide nothing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurobot.episodes import reading_records
from neurobot.fit.driving import Drive, drive_all
from neurobot.fit.history import Candidate, Generation, tallies_of
from neurobot.fit.optimizer import Optimizer
from neurobot.fit.places import TEST, TRAIN, VALIDATION
from neurobot.fit.plan import Limits, Plan
from neurobot.fit.score import Tally
from neurobot.fit.space import Numbers, from_program, to_numbers
from neurobot.store import Store

FINALISTS = 12  # of the last generations: the best and the centre of each

Watch = Callable[[Generation], None]


@dataclass(frozen=True)
class Fit:
    """What a fit found."""

    generations: list[Generation]
    start: Numbers  # the random one
    fitted: Numbers
    validation: Tally  # of the fitted program
    tests: dict[str, dict[str, Tally]]  # by scenario: of start, fitted and baseline

    @property
    def seconds(self) -> float:
        """How long the search took."""
        return sum(generation.seconds for generation in self.generations)


def fit(plan: Plan, limits: Limits, out: Path, drive: Drive, watch: Watch) -> Fit:
    """Search, choose and test; what is in the folder already is not done again."""
    baseline = from_program(plan.baseline)  # says what is wrong before anything runs
    with Store(out) as store:
        generations = list(search(plan, limits, store, drive, watch))
        start = generations[0].candidates[-1]
        fitted, validation = choose(plan, generations, store, drive)
        named = {"start": start, "fitted": fitted, "baseline": baseline}
        tests = {
            scenario: dict(zip(named, tallies, strict=True))
            for scenario, tallies in compare(plan, list(named.values()), store, drive)
        }
    return Fit(generations, start, fitted, validation, tests)


def search(
    plan: Plan, limits: Limits, store: Store, drive: Drive, watch: Watch
) -> Iterator[Generation]:
    """Yield one generation after the other, kept or new, until a limit is reached.

    The optimizer is asked and told again whatever is kept: it then stands where it stood.
    """
    optimizer = Optimizer(plan.seed, plan.population)
    count, seconds = 0, 0.0
    while not count or not limits.reached(count, seconds):
        centre = optimizer.centre
        asked = [to_numbers(point) for point in [*optimizer.ask(), centre]]
        key = {**plan.search_key, "stage": TRAIN, "generation": count}
        kept = store.find(key)
        if kept is None:
            generation = evaluate(plan, count, asked, optimizer.step, drive)
            store.add(key, generation.to_result())
        else:
            with reading_records(store.path.parent):
                generation = Generation.from_result(kept[0])
            check_course(store, count, generation, asked)
        optimizer.tell(generation.order(plan.weights))
        count, seconds = count + 1, seconds + generation.seconds
        watch(generation)
        yield generation


def check_course(store: Store, count: int, kept: Generation, asked: list[Numbers]) -> None:
    """Refuse a folder whose search took another course than it would here."""
    if kept.candidates != asked:
        raise ValueError(
            f"{store.path}: generation {count} has other candidates than this machine asks for: "
            "it is from another machine or version of cma or NumPy; choose another --out DIR"
        )


def evaluate(
    plan: Plan, count: int, candidates: list[Numbers], step: float, drive: Drive
) -> Generation:
    """Drive a generation: all through some worlds, the better half and the centre through all."""
    heat, final = plan.generation_trips(count)
    began = time.perf_counter()
    tallies = drive_all(drive, heat, candidates)
    draft = Generation(candidates, tallies, step, 0.0)
    better = draft.order(plan.weights)[: plan.population // 2]
    chosen = [*sorted(better), len(candidates) - 1]
    more = drive_all(drive, final, [candidates[k] for k in chosen])
    for k, tally in zip(chosen, more, strict=True):
        tallies[k] = tallies[k].plus(tally)
    return replace(draft, seconds=time.perf_counter() - began)


def kept_tallies(
    store: Store, key: dict[str, Any], measure: Callable[[], Sequence[Tally]]
) -> list[Tally]:
    """Return tallies from the store, or measure and keep them."""
    kept = store.find(key)
    result = kept[0] if kept else {"tallies": list(measure())}
    if kept is None:
        store.add(key, result)
    with reading_records(store.path.parent):
        return tallies_of(result["tallies"])


def finalists(plan: Plan, generations: Sequence[Generation]) -> list[Numbers]:
    """Return the best and the centre of each of the last generations."""
    last = generations[-FINALISTS:]
    return [found for g in last for found in (g.best(plan.weights)[0], g.centre[0])]


def choose(plan: Plan, generations: Sequence[Generation], store: Store, drive: Drive) -> Candidate:
    """Return the finalist with the best score in the validation worlds."""
    candidates = finalists(plan, generations)
    key = {**plan.key, "stage": VALIDATION, "candidates": candidates}
    tallies = kept_tallies(store, key, lambda: drive_all(drive, plan.trips(VALIDATION), candidates))
    best = max(range(len(tallies)), key=lambda k: tallies[k].score(plan.weights))
    return candidates[best], tallies[best]


def compare(
    plan: Plan, candidates: Sequence[Numbers], store: Store, drive: Drive
) -> Iterator[tuple[str, list[Tally]]]:
    """Drive candidates through the test worlds of each scenario."""
    for trip in plan.trips(TEST):
        key = {**plan.key, "stage": TEST, "scenario": trip.place.scenario}
        key["candidates"] = list(candidates)
        found = kept_tallies(store, key, lambda trip=trip: drive(trip, candidates))  # type: ignore[misc]
        yield trip.place.scenario, found

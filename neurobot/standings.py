"""Records of a suite -> who stands where: a row for each brain, and brains against each other.

A row and the comparisons are over generated worlds, which everybody has; what is done in published
ones stands apart in it, under "published". Every generated cell of a suite has as many episodes, so
that what is pooled over episodes weighs cells alike; decisions weigh alike in what is per decision.
A brain that was at fault has failed.

Intervals of scores resample worlds, each with all of its conditions, within task and level (see
`statistics`). Where some level has a single world, as in a quick run, it is within the task alone:
levels then count as chance, which makes intervals wider, and brains are compared across levels.
Worlds that a brain has not yet met under all conditions are left out of these; figures are None
where that leaves none.

Keys of a row, besides those of `metrics.figures`: controller; costs ("counted", or "none" for a
brain that counts no events); by_world_low and _high, the interval of the success rate if the
conditions of a world tell the same (success_low and _high take them as independent); score_iqm,
score_mean, optimality_gap (of scores below 1), cvar_1, cvar_5 and cvar_10 (see `statistics.cvar`),
each with _low and _high; tasks (under the clean condition), conditions and published, which hold
`metrics.outcomes` by name; barn_score and barn_score_2022, with _low and _high: the BARN
challenge's, by its later and its first edition (see `envs.barn_score`), over its published worlds.
The reference path of these is the shortest one for the inscribed disc, not the challenge's own;
the optimal time is at its 2 m/s, which is also its robot's top speed here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from neurobot.cost import COST_TABLES, Tariff
from neurobot.cost.prices import parted_j
from neurobot.envs.barn_score import EDITIONS, LATEST, barn_score
from neurobot.episodes import Record
from neurobot.metrics import Row, counted, events_of, figures, mean_of_known, outcomes, total
from neurobot.statistics import (
    Interval,
    Strata,
    cvar,
    differences,
    iqm,
    mean,
    optimality_gap,
    profile,
)
from neurobot.statistics import improvements as improve
from neurobot.strata import (
    by_brain,
    cell_of,
    equals,
    generated,
    grouped,
    is_published,
    strata_of,
    worlds_of,
)
from neurobot.suite import CLEAN

Parts = Callable[[str, Tariff], Mapping[str, Sequence[str]]]

ALPHAS = {"cvar_1": 0.01, "cvar_5": 0.05, "cvar_10": 0.10}  # shares of worst worlds
BARN = "barn"  # the task in the challenge's worlds
THRESHOLDS = np.linspace(0.0, 1.0, 51)  # of performance profiles


def score(record: Record) -> float:
    """Return an episode's score, 0..1."""
    return record.score


def success(record: Record) -> bool:
    """Tell whether an episode was a success."""
    return record.success


def spread(name: str, found: Interval | None) -> Row:
    """Write a figure and its interval as keys of a row."""
    value, low, high = found or (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def tails(successes: Strata) -> Row:
    """Return the success rates in the worst worlds."""
    band = cvar(successes, list(ALPHAS.values())) if successes else None
    return {
        key: figure
        for k, name in enumerate(ALPHAS)
        for key, figure in spread(name, band and band.at(k)).items()
    }


def aggregates(records: Sequence[Record]) -> Row:
    """Sum a brain's scores up, with intervals."""
    met = worlds_of(records)
    scores, successes = strata_of(met, score), strata_of(met, success)
    rate = mean(successes) if met else None
    return {
        "by_world_low": rate and rate.low,
        "by_world_high": rate and rate.high,
        **spread("score_iqm", iqm(scores) if met else None),
        **spread("score_mean", mean(scores) if met else None),
        **spread("optimality_gap", optimality_gap(scores) if met else None),
        **tails(successes),
    }


def barn_score_of(record: Record, edition: str) -> float:
    """Score an episode as the BARN challenge does; what failed may have taken no time at all."""
    if not record.success or record.shortest_m is None:
        return 0.0
    return barn_score(True, record.duration_s, record.shortest_m, edition=edition)


def barn_scores(records: Iterable[Record]) -> Row:
    """Average a brain's BARN scores, each world first, and then over worlds; by edition."""
    by_world = grouped(records, lambda record: record.episode)
    worlds = [by_world[episode] for episode in sorted(by_world)]
    row: Row = {}
    for edition in EDITIONS:
        name = "barn_score" if edition == LATEST else f"barn_score_{edition}"
        means = [np.mean([barn_score_of(record, edition) for record in each]) for each in worlds]
        row |= spread(name, mean([np.array(means)]) if worlds else None)
    return row


def in_barn(record: Record) -> bool:
    """Tell whether an episode took place in a world of the BARN challenge."""
    return is_published(record) and cell_of(record).task == BARN


def outcomes_by(records: Iterable[Record], by: Callable[[Record], str]) -> dict[str, Row]:
    """Return the outcomes of groups of episodes by name."""
    return {name: outcomes(group) for name, group in grouped(records, by).items()}


def by_task(records: Iterable[Record]) -> dict[str, Row]:
    """Return the outcomes of each task, and the SPL where there are goals."""
    groups = grouped(records, lambda record: cell_of(record).task)
    return {
        name: {**outcomes(group), "spl": mean_of_known(record.spl for record in group)}
        for name, group in groups.items()
    }


def standing(records: Sequence[Record], table_name: str) -> Row:
    """Put all episodes of a brain into one row."""
    main = generated(records)
    clean = [record for record in main if cell_of(record).condition == CLEAN]
    return {
        "controller": records[0].controller,
        **figures(main, table_name),
        "costs": "counted" if counted(main) else "none",
        **aggregates(main),
        "tasks": by_task(clean),
        "conditions": outcomes_by(main, lambda record: cell_of(record).condition),
        "published": by_task(filter(is_published, records)),
        **barn_scores(filter(in_barn, records)),
    }


def standings(records: Sequence[Record], table_name: str) -> list[Row]:
    """Return a row for each brain, in the order of the records; for the keys see above."""
    return [standing(group, table_name) for group in by_brain(records).values()]


def cells(records: Sequence[Record], table_name: str) -> list[Row]:
    """Return a row of `metrics.figures` for each brain and cell, in the order of the records."""
    groups = grouped(records, lambda record: (record.controller, cell_of(record)))
    return [
        {"controller": controller, **cell._asdict(), **figures(group, table_name)}
        for (controller, cell), group in groups.items()
    ]


def improvements(records: Sequence[Record]) -> Row:
    """Compare each brain's scores with every other one's, in the same worlds.

    brains: their names; value, low, high: matrices of the probability that the brain of a row
    scores above that of a column (see `statistics.improvements`); difference, difference_low and
    _high: of by how much, in the mean. Brains that have not yet met all worlds are left out; one
    alone is compared with nobody.
    """
    met = equals(records)
    if len(met) < 2:
        return {"brains": []}
    scores = [strata_of(worlds, score) for worlds in met.values()]
    strata = [np.stack(brains, axis=-1) for brains in zip(*scores, strict=True)]
    better, further = improve(strata), differences(strata)
    return {
        "brains": list(met),
        **{name: matrix.tolist() for name, matrix in better._asdict().items()},
        "difference": further.value.tolist(),
        "difference_low": further.low.tolist(),
        "difference_high": further.high.tolist(),
    }


def profiles(records: Sequence[Record]) -> Row:
    """Return the performance profile of each brain: which share of episodes scores above what.

    thresholds: the scores; brains: value, low and high by name, a share for each threshold.
    """
    met = {name: worlds_of(generated(group)) for name, group in by_brain(records).items()}
    bands = {
        name: profile(strata_of(worlds, score), THRESHOLDS.tolist())
        for name, worlds in met.items()
        if worlds
    }
    return {
        "thresholds": THRESHOLDS.tolist(),
        "brains": {
            name: {key: shares.tolist() for key, shares in band._asdict().items()}
            for name, band in bands.items()
        },
    }


def by_event(chip: str, tariff: Tariff) -> dict[str, tuple[str]]:
    """Part a chip's energy by its priced events."""
    return {name: (name,) for name in tariff.prices}


def bill(records: Sequence[Record], tariff: Tariff, parts: Parts) -> Row:
    """Return what a decision takes, in joules, by components; all of the records count events."""
    events, duration_s = events_of(records), total(records, "duration_s")
    decisions = total(records, "decisions")
    split = parted_j(parts(events.chip, tariff), tariff, events, duration_s)
    low, nominal, high = (
        (tariff.dynamic_j(events, bound) + tariff.idling_w(events, bound) * duration_s) / decisions
        for bound in ("low", "nominal", "high")
    )
    return {
        "chip": events.chip,
        "energy_j": nominal,
        "energy_low_j": low,
        "energy_high_j": high,
        "parts_j": {name: joules / decisions for name, joules in split.items()},
    }


def components(
    records: Sequence[Record], table_name: str, parts: Parts = by_event
) -> dict[str, Row]:
    """Return the bill of each brain whose chip is priced: a decision's energy, and its parts.

    Low and high are the range that the prices allow. parts: names the events of a chip's
    components; besides, there is leakage.
    """
    table = COST_TABLES[table_name]
    costed = {
        name: priced
        for name, group in by_brain(records).items()
        if (priced := counted(generated(group)))
    }
    return {
        name: bill(group, tariff, parts)
        for name, group in costed.items()
        if (tariff := table.tariff_of(events_of(group[:1]))) is not None
    }

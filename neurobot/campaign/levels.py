"""Records of a campaign -> rows: one for each brain and level of faults, one for each sweep.

A level is one amount of one kind of fault in one place; a sweep is what has all but the amount in
common; a topic is what has all but that and the protection in common. Every episode with faults is
paired with the sound one of the same brain in the same world.

Keys of a level's row: controller; memory, kind, burst, word_bits, amount ("rate", "share",
"count"), protection; level, how much of the amount, 0 without faults; those of `metrics.outcomes`;
score, and loss and score_loss, by how much success and score are below the sound ones in the same
worlds, each with _low and _high; injected and felt, of all episodes; per_episode, faults of an
episode as long as the mean sound one.

Keys of a sweep's row: the same names of what it is; episodes, injected, felt; failures, of episodes
with faults, and collisions among them; sound_rate, with _low and _high; half, with _low and _high,
the level at which success is half of the sound one (see `halving`; None where it is not within the
levels, then half_reached says where it is); and half_per_episode, the same in faults of an episode.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from neurobot.campaign.halving import Half, half_level
from neurobot.campaign.runs import Runs, sound_of
from neurobot.episodes import Job, Record
from neurobot.faults.spec import AMOUNTS, Faults
from neurobot.metrics import Row, mean, outcomes, ratio, total
from neurobot.statistics import Interval, paired_difference
from neurobot.statistics import mean as mean_score

TOPIC = ("memory", "kind", "burst", "word_bits")
Topic = tuple[Any, ...]


class Pair(NamedTuple):
    """An episode with faults, and the same without."""

    sound: Record
    hit: Record


class Sweep(NamedTuple):
    """What levels that are compared have in common."""

    controller: str
    faults: Faults  # of no amount
    amount: str


def amount_of(faults: Faults) -> str:
    """Name what says how much goes wrong: "rate", "share" or "count"."""
    return next(name for name in AMOUNTS if getattr(faults, name))


def level_of(faults: Faults) -> float:
    """Return how much of its amount there is."""
    return float(getattr(faults, amount_of(faults)))


def sweep_of(job: Job, faults: Faults) -> Sweep:
    """Return the sweep that an episode with faults belongs to."""
    none = replace(faults, rate=0.0, share=0.0, count=0)
    return Sweep(job.controller, none, amount_of(faults))


def sweeps_of(runs: Runs) -> dict[Sweep, dict[float, dict[Job, Pair]]]:
    """Group episodes with faults by sweep, rising level and the sound episode beside each."""
    found: dict[Sweep, dict[float, dict[Job, Pair]]] = {}
    for job, record in runs.items():
        if job.faults is None:
            continue
        levels = found.setdefault(sweep_of(job, job.faults), {})
        sound = sound_of(job)
        levels.setdefault(level_of(job.faults), {})[sound] = Pair(runs[sound], record)
    return {sweep: dict(sorted(levels.items())) for sweep, levels in found.items()}


def told(sweep: Sweep) -> Row:
    """Say what a sweep is."""
    about = {name: getattr(sweep.faults, name) for name in TOPIC}
    guard = sweep.faults.protection
    return {"controller": sweep.controller, **about, "amount": sweep.amount, "protection": guard}


def topic_of(row: Row) -> Topic:
    """Say what a row is about, whichever brain and protection it is of."""
    return tuple(row[name] for name in (*TOPIC, "amount"))


def spread(name: str, found: Interval) -> Row:
    """Write a figure and its interval as keys of a row."""
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def counts(records: Sequence[Record]) -> Row:
    """Count the faults of episodes."""
    upsets = [record.upsets for record in records if record.upsets is not None]
    return {
        "injected": sum(each.injected for each in upsets),
        "felt": sum(each.felt for each in upsets),
    }


def per_episode(pairs: Sequence[Pair], amount: str) -> float | None:
    """Return how many faults an episode meets: at a rate, one as long as the mean sound one."""
    hit = [pair.hit for pair in pairs]
    injected = counts(hit)["injected"]
    if amount != "rate":
        return float(injected / len(pairs))
    return ratio(injected * mean([p.sound.duration_s for p in pairs]), total(hit, "duration_s"))


def scored(pairs: Sequence[Pair]) -> Row:
    """Return the mean score, and by how much success and score are below those without faults."""
    hit, sound = [pair.hit for pair in pairs], [pair.sound for pair in pairs]

    def each(records: Sequence[Record], name: str) -> list[Any]:
        return [np.array([getattr(record, name) for record in records], np.float64)]

    return {
        **spread("score", mean_score(each(hit, "score"))),
        **spread("loss", paired_difference(each(sound, "success"), each(hit, "success"))),
        **spread("score_loss", paired_difference(each(sound, "score"), each(hit, "score"))),
    }


def level_row(sweep: Sweep, level: float, pairs: Sequence[Pair]) -> Row:
    """Put all episodes of a level into one row."""
    hit = [pair.hit for pair in pairs]
    return {
        **told(sweep), "level": level, **outcomes(hit), **scored(pairs), **counts(hit),
        "per_episode": per_episode(pairs, sweep.amount),
    }  # fmt: skip


def sound_row(sweep: Sweep, sound: Sequence[Record]) -> Row:
    """Put episodes without faults into one row, of the same keys."""
    row = level_row(sweep, 0.0, [Pair(record, record) for record in sound])
    return {**row, "protection": "none", "per_episode": 0.0}


def of_topic(sweeps: Mapping[Sweep, Mapping[float, Mapping[Job, Pair]]]) -> list[Row]:
    """Return a row for each level of one brain's sweeps on one topic, sound ones before."""
    every = [pairs for by_level in sweeps.values() for pairs in by_level.values()]
    sound = {world: pair.sound for pairs in every for world, pair in pairs.items()}
    rows = [sound_row(next(iter(sweeps)), list(sound.values()))]
    for sweep, by_level in sweeps.items():
        rows += [level_row(sweep, level, list(pairs.values())) for level, pairs in by_level.items()]
    return rows


def levels(runs: Runs) -> list[Row]:
    """Return a row for each brain, topic and level, the one without faults first."""
    topics: dict[tuple[str, Topic], dict[Sweep, dict[float, dict[Job, Pair]]]] = {}
    for sweep, by_level in sweeps_of(runs).items():
        row = told(sweep)
        topics.setdefault((row["controller"], topic_of(row)), {})[sweep] = by_level
    return [row for sweeps in topics.values() for row in of_topic(sweeps)]


def common(by_level: Mapping[float, Mapping[Job, Pair]]) -> list[Job]:
    """Return the worlds that were met at all levels."""
    first, *others = by_level.values()
    return [world for world in first if all(world in each for each in others)]


def half_of(by_level: Mapping[float, Mapping[Job, Pair]]) -> Half:
    """Return the level at which success is half of the sound one."""
    worlds = common(by_level)
    if not worlds:
        return Half(math.nan, math.nan, math.nan)
    successes = [[by_level[level][w].hit.success for level in by_level] for w in worlds]
    sound = [next(iter(by_level.values()))[w].sound.success for w in worlds]
    return half_level(np.array(list(by_level)), np.array(successes), np.array(sound))


def finite(value: float) -> float | None:
    """Return a level that lies within those that were tried; None for any other."""
    return value if 0 < value < math.inf else None


def scale_of(by_level: Mapping[float, Mapping[Job, Pair]], amount: str) -> float | None:
    """Return how many faults of an episode there are for each unit of the level."""
    each = [per_episode(list(p.values()), amount) for p in by_level.values()]
    whole = math.fsum(count for count in each if count is not None)
    return ratio(whole, math.fsum(by_level))


def half_row(half: Half, scale: float | None) -> Row:
    """Write where success is half as keys of a row."""
    ends = {"half": half.value, "half_low": half.low, "half_high": half.high}
    row: Row = {name: finite(value) for name, value in ends.items()}
    row["half_reached"] = half.reached
    for name, value in list(row.items())[:3]:
        known = value is not None and scale is not None
        row[name.replace("half", "half_per_episode")] = value * scale if known else None
    return row


def sweep_row(sweep: Sweep, by_level: Mapping[float, Mapping[Job, Pair]]) -> Row:
    """Put all levels of a sweep into one row."""
    everyone: Iterable[Pair] = (pair for pairs in by_level.values() for pair in pairs.values())
    hit = [pair.hit for pair in everyone]
    sound = {world: pair.sound for pairs in by_level.values() for world, pair in pairs.items()}
    ends = outcomes(list(sound.values()))
    return {
        **told(sweep),
        "episodes": len(hit),
        **counts(hit),
        "failures": sum(not record.success for record in hit),
        "collisions": sum(record.outcome == "collision" for record in hit),
        "sound_rate": ends["success_rate"],
        "sound_low": ends["success_low"],
        "sound_high": ends["success_high"],
        **half_row(half_of(by_level), scale_of(by_level, sweep.amount)),
    }


def halves(runs: Runs) -> list[Row]:
    """Return a row for each sweep, in the order of the runs."""
    return [sweep_row(sweep, by_level) for sweep, by_level in sweeps_of(runs).items()]

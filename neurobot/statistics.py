"""Aggregates of scores with 95 % intervals, as rliable has them (Agarwal et al. 2021).

Scores come as strata: for each an array (units, ...). A unit is a world, and what the further axes
hold (its conditions, the brains that drove in it) is resampled together with it, each stratum on
its own: a world that is hard once is hard again, so its episodes are no independent ones. rliable
takes runs of two algorithms as independent; ours are paired, by the same worlds.

Intervals are percentiles of `scipy.stats.bootstrap`, as in rliable. BCa would need a jackknife on
top, and divides 0 by 0 where units hardly differ, as those of good brains do. A bootstrap knows no
more than its sample: of units that are all alike, or of a single one, the interval has width 0.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Strata: TypeAlias = Sequence[NDArray[Any]]  # (units, ...) each
Statistic: TypeAlias = Callable[[Sequence[Ints]], Floats]

CONFIDENCE = 0.95
RESAMPLES = 2000
BATCH = 250  # of them at once, in memory


class Interval(NamedTuple):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


class Band(NamedTuple):
    """Several figures and the 95 % interval of each, (...)."""

    value: Floats
    low: Floats
    high: Floats

    def at(self, *place: int) -> Interval:
        """Return one of them."""
        return Interval(*(float(figures[place]) for figures in self))


@cache
def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson's score interval)."""
    from scipy.stats import binomtest  # half of the time that importing this package would take

    if trials < 1:
        raise ValueError(f"trials={trials} must be 1 or more")
    interval = binomtest(successes, trials).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def require_scores(strata: Strata) -> None:
    """Refuse what has no units, or no numbers."""
    if not strata or min(stratum.size for stratum in strata) == 0:
        raise ValueError("strata: an empty one, or none, found; one score or more needed in each")
    if not all(np.isfinite(stratum).all() for stratum in strata):
        raise ValueError("strata: a score that is not finite found; numbers needed")


def resample(statistic: Statistic, strata: Strata, seed: int = 0) -> Band:
    """Return a statistic of strata with its bootstrap interval.

    statistic: takes the units drawn, (batch, units) of each stratum; returns (..., batch).
    """
    from scipy.stats import bootstrap

    require_scores(strata)
    whole = [np.arange(len(stratum)) for stratum in strata]
    value = statistic([units[None] for units in whole])[..., 0]
    mixed = [k for k, stratum in enumerate(strata) if (stratum != stratum[:1]).any()]
    if not mixed:
        return Band(value, value, value)

    def redrawn(*drawn: Ints, axis: int) -> Floats:
        found = dict(zip(mixed, drawn, strict=True))
        rest = {k: np.tile(units, (len(drawn[0]), 1)) for k, units in enumerate(whole)}
        return statistic(list((rest | found).values()))

    interval = bootstrap(
        [whole[k] for k in mixed],
        redrawn,
        n_resamples=RESAMPLES,
        batch=BATCH,
        vectorized=True,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Band(value, interval.low, interval.high)


def times_drawn(drawn: Ints) -> Floats:
    """Count how often each unit was drawn, (batch, units)."""
    batch, units = drawn.shape
    places = drawn + units * np.arange(batch)[:, None]
    counts = np.bincount(places.ravel(), minlength=drawn.size)
    return counts.reshape(batch, units).astype(np.float64)


def means(strata: Strata, seed: int = 0) -> Band:
    """Return the mean over strata of the mean over their units, of each feature.

    strata: (units, features) each.
    """

    def statistic(drawn: Sequence[Ints]) -> Floats:
        pairs = zip(drawn, strata, strict=True)
        return np.asarray(np.mean([times_drawn(d) @ s / len(s) for d, s in pairs], axis=0).T)

    return resample(statistic, strata, seed)


def by_unit(stratum: NDArray[Any]) -> Floats:
    """Average all that a unit holds: (units, 1)."""
    units: Floats = stratum.reshape(len(stratum), -1).mean(axis=1, keepdims=True, dtype=np.float64)
    return units


def mean(strata: Strata, seed: int = 0) -> Interval:
    """Return the mean score; each stratum weighs the same."""
    require_scores(strata)
    return means([by_unit(stratum) for stratum in strata], seed).at(0)


def optimality_gap(strata: Strata, threshold: float = 1.0, seed: int = 0) -> Interval:
    """Return how far scores fall short of a threshold in the mean; less is better."""
    require_scores(strata)
    return mean([np.maximum(0.0, threshold - stratum) for stratum in strata], seed)


def iqm(strata: Strata, seed: int = 0) -> Interval:
    """Return the interquartile mean: of the middle half of all scores together.

    They are pooled, so a stratum weighs by how many scores it has.
    """
    from scipy.stats import trim_mean

    def statistic(drawn: Sequence[Ints]) -> Floats:
        pairs = zip(drawn, strata, strict=True)
        pooled = np.concatenate([s[d].reshape(len(d), -1) for d, s in pairs], axis=1)
        return np.asarray(trim_mean(pooled, 0.25, axis=1))

    return resample(statistic, strata, seed).at()


def require_pairs(x: Strata, y: Strata) -> None:
    """Refuse scores of two brains that do not come from the same worlds, or none."""
    shapes = [[stratum.shape for stratum in strata] for strata in (x, y)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"strata: paired ones needed, shapes {shapes[0]} and {shapes[1]} found")
    require_scores(x)


def paired_difference(x: Strata, y: Strata, seed: int = 0) -> Interval:
    """Return by how much the mean score of x is above that of y in the same episodes."""
    require_pairs(x, y)
    return mean([np.subtract(a, b, dtype=np.float64) for a, b in zip(x, y, strict=True)], seed)


def wins(stratum: NDArray[Any]) -> Floats:
    """Tell how often the first brain of each pair beats the second one, half of it where they tie.

    stratum: (units, conditions, brains). Returns (pairs, units, units): the first brain in a world,
    the second one in another, under the same condition. Pairs as `np.triu_indices` has them.
    """
    first, second = np.triu_indices(stratum.shape[2], 1)
    x, y = stratum[:, None, :, first], stratum[None, :, :, second]
    return np.moveaxis(((x > y) + 0.5 * (x == y)).mean(axis=2), 2, 0)


def improvements(strata: Strata, seed: int = 0) -> Band:
    """Return the probability that a brain's score is above another one's, (brains, brains).

    strata: (units, conditions, brains) each. It is rliable's: P(X > Y) + P(X = Y) / 2 of a stratum
    under one condition, X and Y in any of its worlds (Mann and Whitney's U over the number of
    pairs), averaged over conditions and strata. Resampled are worlds, the same for both.
    """
    require_scores(strata)
    tables = [wins(stratum) for stratum in strata]

    def statistic(drawn: Sequence[Ints]) -> Floats:
        counts = [times_drawn(d) for d in drawn]
        shares = [
            ((c @ t) * c).sum(2) / c.shape[1] ** 2 for c, t in zip(counts, tables, strict=True)
        ]
        return np.asarray(np.mean(shares, axis=0))

    return opposed(resample(statistic, strata, seed), strata[0].shape[2], whole=1.0)


def differences(strata: Strata, seed: int = 0) -> Band:
    """Return by how much a brain's mean score is above another one's, (brains, brains).

    strata: (units, conditions, brains) each; paired by unit and condition.
    """
    require_scores(strata)
    first, second = np.triu_indices(strata[0].shape[2], 1)
    means_of = [stratum.mean(axis=1) for stratum in strata]
    return opposed(
        means([each[:, first] - each[:, second] for each in means_of], seed),
        strata[0].shape[2],
        whole=0.0,
    )


def opposed(pairs: Band, brains: int, whole: float) -> Band:
    """Lay pairs out as matrices; a figure and that of the pair turned round sum to whole.

    pairs: (pairs,) as `np.triu_indices` has them.
    """
    above = np.triu_indices(brains, 1)

    def laid_out(forward: Floats, mirrored: Floats) -> Floats:
        matrix = np.full((brains, brains), whole / 2)
        matrix[above] = forward
        matrix.T[above] = whole - mirrored
        return matrix

    return Band(
        laid_out(pairs.value, pairs.value),
        laid_out(pairs.low, pairs.high),
        laid_out(pairs.high, pairs.low),
    )


def probability_of_improvement(x: Strata, y: Strata, seed: int = 0) -> Interval:
    """Return how probable it is that x scores above y; see `improvements`.

    x, y: (units,) or (units, conditions) each, of the same worlds.
    """
    require_pairs(x, y)
    both = [np.stack([a, b], axis=-1) for a, b in zip(x, y, strict=True)]
    return improvements([pair.reshape(len(pair), -1, 2) for pair in both], seed).at(0, 1)


def profile(strata: Strata, thresholds: Sequence[float], seed: int = 0) -> Band:
    """Return the share of episodes that score above each threshold, and its pointwise interval.

    Each stratum weighs the same; the thresholds make the performance profile of rliable.
    """
    require_scores(strata)
    above = [stratum.reshape(len(stratum), -1, 1) > np.array(thresholds) for stratum in strata]
    return means([stratum.mean(axis=1) for stratum in above], seed)


def tail(counts: Floats, ranks: Ints, successes: NDArray[Any], worst: int) -> Floats:
    """Sum the successes of the worst worlds, (batch,); worlds that tie at the edge share its room.

    counts: (batch, worlds) how often each is there; ranks: (worlds,) less is worse.
    """
    same = ranks[:, None] == np.unique(ranks)
    room, good = counts @ same, counts @ (same * successes[:, None])
    before = np.cumsum(room, axis=1) - room
    taken = np.clip(worst - before, 0.0, room)
    return np.asarray((taken * good / np.maximum(room, 1.0)).sum(axis=1))


def cvar(strata: Strata, alphas: Sequence[float], seed: int = 0) -> Band:
    """Return the success rate in the worst share alpha of all worlds, for each alpha.

    strata: (worlds, conditions) of successes. By JaxNav's protocol (Rutherford et al. 2024) a world
    is ranked by some episodes and measured by others, since the worst of what was measured would be
    too low: here by its successes under all conditions but one, and by that one, in turn. The mean
    is over conditions. Of a single condition it is the mean of the worst. int(alpha worlds) worlds
    are taken, one at least; of equally bad ones at the edge, each in part.
    """
    require_scores(strata)
    hits = np.concatenate([stratum.reshape(len(stratum), -1) for stratum in strata]).astype(
        np.int64
    )
    alone = hits.shape[1] == 1
    ranks = hits if alone else hits.sum(axis=1, keepdims=True) - hits
    worst = [max(1, int(alpha * len(hits))) for alpha in alphas]

    def statistic(drawn: Sequence[Ints]) -> Floats:
        counts = np.concatenate([times_drawn(d) for d in drawn], axis=1)
        columns = range(hits.shape[1])
        rates = [[tail(counts, ranks[:, k], hits[:, k], n) / n for k in columns] for n in worst]
        return np.asarray(np.mean(rates, axis=1))

    return resample(statistic, strata, seed)

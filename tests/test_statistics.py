"""Aggregates and their intervals: loops over the same resamples, enumeration, rliable, coverage."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot import statistics
from neurobot.statistics import (
    Interval,
    Strata,
    cvar,
    differences,
    improvements,
    iqm,
    mean,
    optimality_gap,
    paired_difference,
    probability_of_improvement,
    profile,
    resample,
    wilson,
)

Scores = list[NDArray[np.float64]]


def draw(seed: int, sizes: Sequence[tuple[int, ...]] = ((4, 2), (3, 2), (5, 2))) -> Scores:
    """Strata of scores, some of them alike, as scores are."""
    rng = np.random.default_rng(seed)
    return [np.round(rng.random(size), 1) for size in sizes]


def resamples(strata: Strata, seed: int = 0) -> list[list[NDArray[Any]]]:
    """Return the strata of every resample, by the units that were drawn for it."""
    units: list[list[NDArray[np.int64]]] = []

    def spy(drawn: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        units.extend([each[k] for each in drawn] for k in range(len(drawn[0])))
        return np.zeros(len(drawn[0]))

    resample(spy, strata, seed)
    return [[s[d] for s, d in zip(strata, drawn, strict=True)] for drawn in units[1:]]


def interval_of(statistic: Callable[[Any], float], strata: Strata, seed: int = 0) -> Interval:
    values = [statistic(each) for each in resamples(strata, seed)]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(statistic(strata), float(low), float(high))


def naive_mean(strata: Strata) -> float:
    return math.fsum(math.fsum(s.ravel()) / s.size for s in strata) / len(strata)


def naive_iqm(strata: Strata) -> float:
    ordered = sorted(float(x) for s in strata for x in s.ravel())
    cut = len(ordered) // 4
    middle = ordered[cut : len(ordered) - cut]
    return math.fsum(middle) / len(middle)


def naive_improvement(strata: Strata) -> float:
    """Of strata (units, conditions, 2), brain 0 over brain 1."""
    shares = []
    for stratum in strata:
        for k in range(stratum.shape[1]):
            pairs = list(product(stratum[:, k, 0], stratum[:, k, 1]))
            shares.append(sum((x > y) + (x == y) / 2 for x, y in pairs) / len(pairs))
    weights = [1 / s.shape[1] for s in strata for _ in range(s.shape[1])]
    return math.fsum(w * s for w, s in zip(weights, shares, strict=True)) / len(strata)


def naive_cvar(strata: Strata, alpha: float) -> float:
    """Share the room at the edge among ties by trying every world there."""
    worlds = [list(map(int, world)) for stratum in strata for world in stratum]
    count = max(1, int(alpha * len(worlds)))
    rates = []
    for k in range(len(worlds[0])):
        rank = [sum(world) - world[k] for world in worlds]
        edge = sorted(rank)[count - 1]
        below = [w[k] for w, r in zip(worlds, rank, strict=True) if r < edge]
        tied = [w[k] for w, r in zip(worlds, rank, strict=True) if r == edge]
        rates.append((sum(below) + (count - len(below)) * sum(tied) / len(tied)) / count)
    return math.fsum(rates) / len(rates)


def test_means_and_gaps_and_profiles_are_those_of_loops_over_the_same_resamples() -> None:
    strata = draw(1)
    assert mean(strata) == pytest.approx(interval_of(naive_mean, strata), abs=1e-12)
    gaps = [np.array([[max(0.0, 0.6 - x) for x in row] for row in s]) for s in strata]
    assert optimality_gap(strata, 0.6) == pytest.approx(interval_of(naive_mean, gaps), abs=1e-12)
    band = profile(strata, [0.2, 0.5, 0.9])
    for place, threshold in enumerate([0.2, 0.5, 0.9]):
        above = [np.array([[float(x > threshold) for x in row] for row in s]) for s in strata]
        assert band.at(place) == pytest.approx(interval_of(naive_mean, above), abs=1e-12), threshold


def test_the_interquartile_mean_is_that_of_sorted_lists() -> None:
    for seed, sizes in enumerate([((4, 2), (3, 2)), ((9,),), ((2, 1), (3, 5), (4, 1))]):
        strata = draw(seed, sizes)
        assert iqm(strata) == pytest.approx(interval_of(naive_iqm, strata), abs=1e-12), sizes


def test_improvements_count_all_pairs_of_worlds() -> None:
    strata = draw(2, [(4, 2, 3), (3, 1, 3)])
    found = improvements(strata)
    for x, y in [(0, 1), (0, 2), (1, 2)]:
        pair = [stratum[:, :, [x, y]] for stratum in strata]
        values = [naive_improvement([s[:, :, [x, y]] for s in each]) for each in resamples(strata)]
        assert found.value[x, y] == pytest.approx(naive_improvement(pair), abs=1e-12)
        assert (found.low[x, y], found.high[x, y]) == pytest.approx(
            tuple(np.quantile(values, [0.025, 0.975])), abs=1e-12
        )
        mirrored = (1 - found.value[x, y], 1 - found.high[x, y], 1 - found.low[x, y])
        assert found.at(y, x) == pytest.approx(mirrored)
    assert found.value.diagonal() == pytest.approx(0.5)


def test_two_brains_alone_are_a_matrix_of_two() -> None:
    x, y = draw(3), draw(4)
    alone = probability_of_improvement(x, y)
    both = improvements([np.stack(pair, axis=-1) for pair in zip(x, y, strict=True)])
    assert alone == both.at(0, 1)
    flat = probability_of_improvement([s[:, 0] for s in x], [s[:, 0] for s in y])
    assert flat == probability_of_improvement([s[:, :1] for s in x], [s[:, :1] for s in y])


def test_a_brain_improves_on_itself_in_half_of_the_cases() -> None:
    x = draw(5)
    assert probability_of_improvement(x, x).value == pytest.approx(0.5)
    assert probability_of_improvement([s + 1 for s in x], x) == (1.0, 1.0, 1.0)


def test_pairing_narrows_the_interval_of_a_difference() -> None:
    x = draw(6, [(20, 1)] * 4)
    better = [s + 0.1 * np.random.default_rng(k).random(s.shape) for k, s in enumerate(x)]
    found = paired_difference(better, x)
    assert found.value == pytest.approx(mean(better).value - mean(x).value)
    assert 0 < found.low < found.value < found.high
    assert found.high - found.low < 0.2 * (mean(x).high - mean(x).low)


def test_differences_are_those_of_each_pair() -> None:
    x, y, z = draw(12), draw(13), draw(14)
    found = differences([np.stack(brains, axis=-1) for brains in zip(x, y, z, strict=True)])
    for (i, a), (j, b) in product(enumerate([x, y, z]), repeat=2):
        assert found.at(i, j) == pytest.approx(paired_difference(a, b), abs=1e-12)


def test_the_tail_is_ranked_by_other_conditions_than_it_is_measured_by() -> None:
    strata = [s > 0.4 for s in draw(7, [(6, 3), (5, 3)])]
    alphas = [0.01, 0.3, 0.5, 1.0]
    band = cvar(strata, alphas)
    for k, alpha in enumerate(alphas):
        expected = interval_of(partial(naive_cvar, alpha=alpha), strata)
        assert band.at(k) == pytest.approx(expected, abs=1e-12), alpha
    assert band.value[3] == pytest.approx(np.concatenate(strata).mean())


def test_the_tail_of_what_is_pure_chance_is_no_worse_than_the_rest() -> None:
    rng = np.random.default_rng(8)
    strata = [rng.random((500, 5)) < 0.5 for _ in range(2)]
    assert cvar(strata, [0.1]).value[0] == pytest.approx(0.5, abs=0.1)  # 3 sigma of 5 x 100
    hard = [s * (np.arange(500) >= 100)[:, None] for s in strata]
    # A sixteenth of the 800 others fail under four conditions, too, and then win in half of them.
    assert cvar(hard, [0.1]).value[0] == pytest.approx(50 * 0.5 / 250, abs=0.03)


def test_the_tail_under_one_condition_is_the_mean_of_the_worst() -> None:
    strata = [np.array([[True]] * 17 + [[False]] * 3)]
    found = cvar(strata, [0.1, 0.2])
    assert found.value == pytest.approx([0.0, 0.25])


def test_bounds_are_the_quantiles_of_all_equally_likely_resamples() -> None:
    strata = [np.array([0.0, 0.11, 0.37, 1.0]), np.array([0.2, 0.3, 0.9])]
    exact = [
        (np.mean(strata[0][list(a)]) + np.mean(strata[1][list(b)])) / 2
        for a in product(range(4), repeat=4)
        for b in product(range(3), repeat=3)
    ]
    found = mean(strata)
    for bound, share in [(found.low, 0.025), (found.high, 0.975)]:
        around = np.quantile(exact, [share - 0.011, share + 0.011])  # 3 sigma of 2000 resamples
        assert around[0] <= bound <= around[1]


def test_rliable_finds_the_same_values() -> None:
    theirs = pytest.importorskip("rliable.metrics")
    rng = np.random.default_rng(9)
    x, y = np.round(rng.random((2, 10, 6)), 1)  # (runs, tasks)
    ours, others = list(x.T), list(y.T)
    assert iqm(ours).value == pytest.approx(theirs.aggregate_iqm(x))
    assert mean(ours).value == pytest.approx(theirs.aggregate_mean(x))
    gap = theirs.aggregate_optimality_gap(x, gamma=0.7)
    assert optimality_gap(ours, 0.7).value == pytest.approx(gap)
    improvement = theirs.probability_of_improvement(x, y)
    assert probability_of_improvement(ours, others).value == pytest.approx(improvement)


@pytest.mark.parametrize("conditions", [1, 5])
def test_intervals_cover_what_they_should(conditions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world's conditions are alike here: taken as independent, they would cover little."""
    monkeypatch.setattr(statistics, "RESAMPLES", 400)
    rng = np.random.default_rng(10)
    covered = []
    for _ in range(150):
        worlds = rng.normal(0.5, 0.2, (4, 20, 1)) + np.zeros((4, 20, conditions))
        found = mean(list(worlds))
        covered.append(found.low <= 0.5 <= found.high)
    assert 0.88 <= np.mean(covered) <= 0.995  # 95 %, with 3 sigma of 150


def test_the_same_seed_gives_the_same_interval() -> None:
    strata = draw(11)
    for statistic in (mean, iqm, optimality_gap):
        assert statistic(strata, seed=1) == statistic(strata, seed=1)
        assert statistic(strata, seed=1) != statistic(strata, seed=2)


def test_what_is_all_alike_has_an_interval_of_width_0() -> None:
    for strata in (
        [np.full((20, 5), 0.1)] * 3,
        [np.array([0.3])],
        [np.full(3, 0.1), np.array([0.7])],
    ):
        for statistic in (mean, iqm, optimality_gap):
            value, low, high = statistic(strata)
            assert low == value == high
        assert paired_difference(strata, strata) == (0.0, 0.0, 0.0)
        assert probability_of_improvement(strata, strata) == (0.5, 0.5, 0.5)
        assert cvar([s > 0 for s in strata], [0.05]).at(0) == (1.0, 1.0, 1.0)


def test_a_stratum_of_one_world_stays_as_it_is() -> None:
    mixed = mean([np.array([0.5]), np.array([0.0, 1.0])])
    assert (mixed.value, mixed.low, mixed.high) == (0.5, 0.25, 0.75)


@pytest.mark.parametrize(
    "statistic",
    [
        mean,
        iqm,
        optimality_gap,
        lambda strata: cvar(strata, [0.1]),
        lambda strata: profile(strata, [0.5]),
        lambda strata: probability_of_improvement(strata, strata),
    ],
)
def test_nothing_and_what_is_no_number_are_refused(statistic: Callable[[Any], Any]) -> None:
    for nothing in ([], [np.array([])], [np.array([0.5]), np.zeros((0, 2))]):
        with pytest.raises(ValueError, match=r"^strata: an empty one, or none, found"):
            statistic(nothing)
    with pytest.raises(ValueError, match=r"^strata: a score that is not finite found"):
        statistic([np.array([0.5, np.nan])])


def test_pairs_of_different_worlds_are_refused() -> None:
    for statistic in (paired_difference, probability_of_improvement):
        with pytest.raises(
            ValueError, match=r"paired ones needed, shapes \[\(2,\)\] and \[\(3,\)\]"
        ):
            statistic([np.zeros(2)], [np.zeros(3)])


def test_wilson_s_interval_is_that_of_the_formula() -> None:
    low, high = wilson(198, 200)  # Wilson 1927, with z of 95 %
    z, p, n = 1.959963984540054, 198 / 200, 200
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert (low, high) == pytest.approx((0.964, 0.997), abs=5e-4)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^trials=0 must be 1 or more"):
        wilson(0, 0)

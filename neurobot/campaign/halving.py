"""At which level of faults a brain's success has fallen to half of its own without faults.

Rates of success are first made to fall with the level, by isotonic regression (pool adjacent
violators: Ayer et al. 1955), since more faults do no good and what rises is chance; between two
levels they are a line over the logarithm of the level. Intervals resample worlds, each with its
episodes at all levels and without faults.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.statistics import CONFIDENCE, RESAMPLES, Floats, times_drawn

BELOW, BEYOND = 0.0, math.inf


class Half(NamedTuple):
    """A level and its 95 % interval.

    0: below the lowest level that was tried; inf: not reached; nan: there is nothing to halve.
    """

    value: float
    low: float
    high: float

    @property
    def reached(self) -> str:
        """Where it lies: "within" the levels that were tried, "below" or "beyond" them, or "no"."""
        if math.isnan(self.value):
            return "no"
        return {BELOW: "below", BEYOND: "beyond"}.get(self.value, "within")


def falling(rates: Floats) -> Floats:
    """Return the rates (L,) that fall and are nearest to these."""
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(rates, increasing=False).x)


def crossing(levels: Floats, rates: Floats, sound: float) -> float:
    """Return the level at which rates (L,) have fallen to half of the sound one.

    levels: (L,) above 0, rising.
    """
    if sound <= 0:
        return math.nan
    half, fallen = sound / 2, falling(rates)
    (reached,) = np.nonzero(fallen <= half)
    if not reached.size:
        return BEYOND
    k = int(reached[0])
    if k == 0:
        return BELOW
    share = (fallen[k - 1] - half) / (fallen[k - 1] - fallen[k])
    low, high = np.log(levels[k - 1 : k + 1])
    return float(np.exp(low + share * (high - low)))


def half_level(
    levels: Floats, successes: NDArray[np.bool_], sound: NDArray[np.bool_], seed: int = 0
) -> Half:
    """Return where success has fallen to half.

    levels: (L,) above 0, rising; successes: (worlds, L); sound: (worlds,), without faults.
    """
    check(levels, successes, sound)
    value = crossing(levels, successes.mean(axis=0), float(sound.mean()))
    worlds = len(sound)
    drawn = np.random.default_rng(seed).integers(0, worlds, (RESAMPLES, worlds))
    weights = times_drawn(drawn) / worlds
    rates, bases = weights @ successes, weights @ sound
    found = [crossing(levels, *each) for each in zip(rates, bases, strict=True)]
    known = [level for level in found if not math.isnan(level)]
    if math.isnan(value) or not known:
        return Half(math.nan, math.nan, math.nan)
    tail = (1 - CONFIDENCE) / 2
    # Between levels that were drawn, as some of them are infinite.
    low, high = np.quantile(known, [tail, 1 - tail], method="inverted_cdf")
    return Half(value, float(low), float(high))


def check(levels: Floats, successes: NDArray[np.bool_], sound: NDArray[np.bool_]) -> None:
    """Refuse levels that do not rise, and successes that do not belong to them."""
    if not len(levels) or levels[0] <= 0 or (np.diff(levels) <= 0).any():
        raise ValueError(f"levels: {levels.tolist()} found; allowed: one or more, above 0, rising")
    if successes.shape != (len(sound), len(levels)) or not len(sound):
        raise ValueError(
            f"successes: shape {successes.shape} found, {(len(sound), len(levels))} needed, with "
            "one world or more"
        )

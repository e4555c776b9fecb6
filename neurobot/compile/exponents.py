"""Codes of real numbers with power-of-two steps, a step for each group of weights.

Of b bits the codes are -L..L, L = 2^(b-1) - 1. The least exponent e with which all of a group fits
is ceil(log2(max |w| / L)); a finer one, by up to FINER, is taken where what it gains on the small
weights is more than what it loses by clipping large ones, in squared error.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.checks import INT32
from neurobot.tdnn.form import MOST_SHIFT

Array = NDArray[Any]
FINER = 2


def greatest_code(bits: int) -> int:
    """Return L, the greatest signed code; the least one is -L."""
    return (1 << (bits - 1)) - 1


def exponents_of(values: Any) -> Array:
    """Return the least e with value <= 2^e, of values above 0; 0 of 0."""
    fractions, exponents = np.frexp(values)
    return np.asarray(exponents - (fractions == 0.5), np.int64)


def codes_of(values: Array, exponents: Array, most: int) -> Array:
    """Return the nearest whole number of steps 2^e of each value, at most so many; half to even."""
    return np.asarray(np.clip(np.rint(np.ldexp(values, -exponents)), -most, most))


def best_exponents(values: Array, group: Array, count: int, most: int) -> Array:
    """Return the exponent (count,) of each group of weights with the least squared error.

    values, group: (n,), the weights and which group each is in; 0 for a group without weights.
    """
    largest = np.zeros(count)
    np.maximum.at(largest, group, np.abs(values))
    first, errors = exponents_of(largest / most), []
    for finer in range(FINER + 1):
        steps = (first - finer)[group]
        missed = values - np.ldexp(codes_of(values, steps, most), steps)
        errors.append(np.bincount(group, missed**2, minlength=count))
    return np.asarray(first - np.argmin(errors, axis=0))


def within_reach(
    values: Array, group: Array, wanted: Array, most: int, input_most: int
) -> tuple[Array, Array]:
    """Return codes (n,) and exponents (out, leaves) with which all sums of a neuron fit int32.

    wanted: (out, leaves), raised in a neuron to as far below its largest one as its sums allow;
    input_most: the largest magnitude of an input.
    """
    out, leaves = wanted.shape
    reach = np.full(out, MOST_SHIFT)
    while True:
        exponents = np.maximum(wanted, (wanted.max(axis=1) - reach)[:, None])
        shifts = exponents - exponents.min(axis=1, keepdims=True)
        codes = codes_of(values, exponents.ravel()[group], most)
        shifted = np.ldexp(np.abs(codes), shifts.ravel()[group])
        sums = np.bincount(group // leaves, shifted, minlength=out) * input_most
        over = (sums > INT32[1]) & shifts.any(axis=1)
        if not over.any():
            return codes, exponents
        reach[over] = shifts.max(axis=1)[over] - 1

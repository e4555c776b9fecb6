"""Steps and offsets of converters: from what columns sum to, or from other converters.

A converter has codes m_lo..m_hi, D apart, whose middle is z + D (m_lo + m_hi) / 2, in cell units.
D is at least 1, for sums are whole; where it is 1, z is whole, too. Where the codes cover all that
a column's digits can sum to, D is 1 and nothing is lost.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from neurobot.qnet.columns import ColumnConv, code_range
from neurobot.qnet.runner import Array
from neurobot.qnet.signals import Signal

MOST_SIGMAS = 10.0  # no normal number is further out


class Converters(NamedTuple):
    """D and z of each column, (T, S', O), float32."""

    steps: Array
    offsets: Array


class Reach(NamedTuple):
    """The least and the greatest sum of each column, (T, S', O), over all inputs."""

    least: Array
    most: Array


@cache
def kappa(adc_bits: int) -> float:
    """Return the step of the best uniform quantizer of N(0, 1), in standard deviations.

    Least mean square error 1 - 2 k A + k^2 B, with levels (i + 1/2) k to both sides, A the mean of
    |x| (i + 1/2) and B that of (i + 1/2)^2. Thresholds i k lie halfway between levels, the best
    places for them, so that the error is stationary where k B = A. Both are sums over thresholds:
    A of densities, B of tails.
    """
    low, high = 0.0, 2.0
    while (step := (low + high) / 2) not in (low, high):
        low, high = (step, high) if is_small(step, 1 << (adc_bits - 1)) else (low, step)
    return step


def is_small(step: float, levels: int) -> bool:
    """Whether a larger step, with so many levels to each side of 0, would be better."""
    i = np.arange(min(levels, math.ceil(MOST_SIGMAS / step)))
    densities = np.exp(-((i * step) ** 2) / 2) * math.sqrt(2 / math.pi)
    tails = np.array([math.erfc(x) for x in i * step / math.sqrt(2)])
    a, b = densities.sum() - densities[0] / 2, 0.25 + 2 * (i * tails).sum()
    return bool(step * b < a)


def reach(conv: ColumnConv, source: Signal) -> Reach:
    """Return what columns can sum to in a cycle, from any such inputs."""
    driven = min(source.highest, (1 << conv.dac_bits) - 1)
    cells = conv.digits.reshape(*conv.column_shape, -1).astype(np.int64)
    least, most = (part.sum(axis=3) for part in (cells.clip(max=0), cells.clip(min=0)))
    return Reach(driven * least, driven * most)


def settle(middle: Array, steps: Array, ends: Reach, adc_bits: int) -> Converters:
    """Return converters with about such middles and steps; lossless ones where bits suffice."""
    low, high = code_range(adc_bits)
    wide = np.maximum(steps, 1).astype(np.float32)
    offsets = middle - wide * ((low + high) / 2)
    offsets = np.where(wide == 1, np.rint(offsets), offsets)
    spare = high - low - (ends.most - ends.least)
    exact = ends.least - low - spare // 2  # what is spare lies on both sides
    lossless = spare >= 0
    return Converters(
        np.where(lossless, np.float32(1), wide),
        np.where(lossless, exact, offsets).astype(np.float32),
    )


def from_sums(mean: Array, deviation: Array, ends: Reach, adc_bits: int) -> Converters:
    """Return converters for sums of such means and standard deviations, as if they were normal."""
    return settle(mean, kappa(adc_bits) * deviation, ends, adc_bits)


def from_reach(ends: Reach, adc_bits: int) -> Converters:
    """Return converters whose first and last code are the ends of what can be."""
    low, high = code_range(adc_bits)
    return settle(
        (ends.least + ends.most) / 2, (ends.most - ends.least) / (high - low), ends, adc_bits
    )


def stretched(conv: ColumnConv, ends: Reach, adc_bits: int) -> Converters:
    """Return converters of other bits for a layer: middles kept, D by the best for normal sums."""
    old = conv.adc_bits
    if old is None:
        raise ValueError(
            f"{conv.name}: ideal converters found, which have no steps to stretch; "
            "allowed: a layer with adc_bits"
        )
    steps = conv.adc_step.astype(np.float64)
    middle = conv.adc_offset + steps * (sum(code_range(old)) / 2)
    return settle(middle, steps * (kappa(adc_bits) / kappa(old)), ends, adc_bits)

"""From real factors to integers: x scale + bias as (x multiplier + bias) / 2^shift."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurobot.quantize.grids import Grid
from neurobot.quantize.pending import Floats, Leaf

MULTIPLIER_BITS = 31  # of a magnitude
BIAS_BITS = 61  # product and bias together stay below 2^63
LEAST_SHIFT, MOST_SHIFT = 8, 62


@dataclass(frozen=True, eq=False, slots=True)
class FixedPoint:
    """Integers (channels,) with one common shift.

    The result is off by at most (|x| + 1) / 2^(shift + 1), and 1 / 2^shift where ties go down.
    """

    multiplier: NDArray[np.int32]
    bias: NDArray[np.int64]
    shift: int


def bits_of(values: Floats) -> int:
    """Return the least n with all magnitudes below 2^n; of zeros, a very small one."""
    largest = float(np.abs(values).max(initial=0.0))
    return math.frexp(largest)[1] if largest else -MOST_SHIFT


def fixed_point(name: str, scale: Floats, bias: Floats) -> FixedPoint:
    """Round factors (channels,) to integers with as large a shift as they allow."""
    if not np.isfinite([scale, bias]).all():
        raise ValueError(f"{name}: a factor or a bias is NaN or infinite; allowed: finite ones")
    wanted = min(MULTIPLIER_BITS - bits_of(scale), BIAS_BITS - bits_of(bias), MOST_SHIFT)
    # Rounding up may take one bit more.
    if np.rint(np.ldexp(np.abs(scale), wanted)).max() >= 1 << MULTIPLIER_BITS:
        wanted -= 1
    if wanted < LEAST_SHIFT:
        raise ValueError(
            f"{name}: a factor of {np.abs(scale).max():.3g} and a bias of {np.abs(bias).max():.3g} "
            f"found, in steps of the result; allowed: below 2^{MULTIPLIER_BITS - LEAST_SHIFT} "
            f"and 2^{BIAS_BITS - LEAST_SHIFT}"
        )
    multiplier, offset = (np.rint(np.ldexp(values, wanted)) for values in (scale, bias))
    return FixedPoint(multiplier.astype(np.int32), offset.astype(np.int64), wanted)


def code_factors(name: str, leaf: Leaf, step: float, grid: Grid) -> tuple[FixedPoint, int, int]:
    """Return what makes codes of a leaf's integers, and the lowest and the highest code.

    The code is floor(x scale + bias), then limited. A tie goes up; but of two codes it goes to the
    even one, as in training.
    """
    low, high = code_limits(name, leaf, step, grid)
    bias = leaf.bias / step + (grid.offset + 0.5)
    factors = fixed_point(name, leaf.scale / step, bias)
    if high - low == 1 and low % 2 == 0:
        factors = replace(factors, bias=factors.bias - 1)
    return factors, low, high


def code_limits(name: str, leaf: Leaf, step: float, grid: Grid) -> tuple[int, int]:
    """Return the lowest and the highest code that a leaf's limits allow on a grid.

    Refuses limits that differ among the channels by more than the grid shows.
    """
    codes = [
        np.clip(np.rint(end / step + grid.offset), grid.low, grid.high)
        for end in (leaf.low, leaf.high)
    ]
    if any((code != code[0]).any() for code in codes):
        raise ValueError(
            f"{name}: batch norm after an activation gives each channel limits of its own; "
            "allowed: batch norm before the activation, or a quantizer between the two"
        )
    return int(codes[0][0]), int(codes[1][0])

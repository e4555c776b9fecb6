"""What runs between layers: the shape of a map, and the integers that its values can be."""

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from neurobot.qnet.checks import INT32, MOST_VALUES, Pair

Shape: TypeAlias = tuple[int, int, int]

REAL_BITS = 32


@dataclass(frozen=True, slots=True)
class Signal:
    """A map (rows, columns, channels) of integers lowest..highest, whose codes take so many bits.

    A float32 map has no known range: lowest = highest = 0, and 32 bits.
    """

    shape: Shape
    lowest: int = 0
    highest: int = 0
    bits: int = REAL_BITS

    @property
    def values(self) -> int:
        """How many values the map has."""
        return math.prod(self.shape)


def integer_of(code: Any, bits: int, odd: bool) -> Any:
    """Return what integer a code k of so many bits stands for: k, or 2 k - (2^bits - 1) if odd.

    The odd integers are a mid-rise grid, without 0, in halves of its step.
    """
    return 2 * code - ((1 << bits) - 1) if odd else code


def width(lowest: int, highest: int) -> int:
    """Bits of the narrowest register that holds lowest..highest, with a sign if lowest is below 0.

    At least 1.
    """
    if lowest < 0:
        return max((-lowest - 1).bit_length(), max(highest, 0).bit_length()) + 1
    return max(highest.bit_length(), 1)


def ranged(name: str, shape: Shape, lowest: int, highest: int, ends: Pair = INT32) -> Signal:
    """Return a map of sums between lowest and highest, which must fit a register."""
    if lowest < ends[0] or highest > ends[1]:
        raise ValueError(
            f"{name}: sums of {lowest}..{highest} are possible; "
            f"allowed: {ends[0]}..{ends[1]}, so that no sum overflows"
        )
    return Signal(shape, lowest, highest, width(lowest, highest))


def sized(name: str, shape: Shape) -> Shape:
    """Return a shape, unless it is too large to be one of a network's maps."""
    if not 1 <= math.prod(shape) <= MOST_VALUES:
        raise ValueError(f"{name}: a map of shape {shape} found; allowed: 1..{MOST_VALUES} values")
    return shape


def windows(
    name: str, shape: Shape, size: Pair, stride: Pair, padding: Pair, channels: int
) -> Shape:
    """Return the shape of a map with one value per window and channel."""
    rows, columns = (
        (length + 2 * pad - window) // step + 1 if window <= length + 2 * pad else 0
        for length, window, step, pad in zip(shape[:2], size, stride, padding, strict=True)
    )
    if not rows or not columns:
        raise ValueError(
            f"{name}: a window of {size[0]} x {size[1]} found on a map of {shape[0]} x {shape[1]} "
            f"with padding {padding}; allowed: windows no larger than the padded map"
        )
    return sized(name, (rows, columns, channels))

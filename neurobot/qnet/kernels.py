"""The other loops of a network, compiled; of int32 or float32.

Maps are (rows, columns, channels), (places, channels) or flat, whatever a loop can do with.
"""

from typing import Any

import numpy as np

from neurobot.compiled import apart


@apart
def count_taps(source: Any, covers: Any, taps: Any, number: int) -> None:
    """Count the values other than 0, each as often as `covers` says: by how many windows."""
    count = 0
    for k in range(covers.shape[0]):
        count += covers[k] if source[k] != 0 else 0
    taps[number] = count


@apart
def embed(source: Any, middle: Any) -> None:
    """Copy the rows of a map into the middle of a larger one."""
    for y in range(source.shape[0]):
        for k in range(source.shape[1]):
            middle[y, k] = source[y, k]


@apart
def requantize(
    source: Any, multiplier: Any, bias: Any, target: Any, shift: int, low: int, high: int, odd: int
) -> None:
    """Make codes k of sums, in int64; integers are k, or 2 k - odd where odd is not 0."""
    slope = 2 if odd else 1
    for p in range(target.shape[0]):
        for c in range(target.shape[1]):
            k = (source[p, c] * np.int64(multiplier[c]) + bias[c]) >> shift
            target[p, c] = slope * min(max(k, low), high) - odd


@apart
def score(source: Any, multiplier: Any, bias: Any, target: Any) -> None:
    """Multiply and add, in int64."""
    for c in range(target.shape[0]):
        target[c] = source[c] * np.int64(multiplier[c]) + bias[c]


@apart
def scale(source: Any, factor: Any, bias: Any, target: Any, low: Any, high: Any) -> None:
    """Multiply and add, each rounded to float32, and stop at limits."""
    kind = target.dtype.type
    for p in range(target.shape[0]):
        for c in range(target.shape[1]):
            value = kind(kind(source[p, c] * factor[c]) + bias[c])
            value = low if value < low else value
            target[p, c] = high if value > high else value


@apart
def add(one: Any, other: Any, target: Any) -> None:
    """Add two maps."""
    for k in range(target.shape[0]):
        target[k] = one[k] + other[k]


@apart
def pool_greatest(source: Any, target: Any, size: Any, stride: Any, padding: Any) -> None:
    """Take the greatest value of each window, as far as it lies on the map (rows, columns, C)."""
    height, width, channels = source.shape
    for y in range(target.shape[0]):
        top = y * stride[0] - padding[0]
        for x in range(target.shape[1]):
            left = x * stride[1] - padding[1]
            for c in range(channels):
                target[y, x, c] = source[max(top, 0), max(left, 0), c]
            for i in range(max(top, 0), min(top + size[0], height)):
                for j in range(max(left, 0), min(left + size[1], width)):
                    for c in range(channels):
                        value, best = source[i, j, c], target[y, x, c]
                        target[y, x, c] = value if value > best else best


@apart
def pool_sums(source: Any, target: Any) -> None:
    """Sum a map by channel, row after row."""
    for c in range(target.shape[0]):
        target[c] = 0
    for p in range(source.shape[0]):
        for c in range(target.shape[0]):
            target[c] += source[p, c]


@apart
def take(source: Any, target: Any, places: Any, channels: Any) -> None:
    """Copy channels of a map to places among those of another."""
    for p in range(target.shape[0]):
        for k in range(places.shape[0]):
            target[p, places[k]] = source[p, channels[k]]

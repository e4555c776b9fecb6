"""What a network computes, map by map, without any notion of time: batches of whole images.

Integer sums run as float64 products, which are exact: no sum of 8-bit codes leaves 53 bits.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from neurobot.qnet.signals import integer_of
from neurobot.tdnn.form import Net, Neurons, Stage

Array = NDArray[Any]
BATCH = 256


def spread(maps: Array, stage: Stage, around: float) -> Array:
    """Return all windows of maps (N, rows, columns, c): (N, rows', columns', c, i, j)."""
    (rows, columns), (top, left) = stage.kernel, stage.padding
    margins = ((0, 0), (top, top), (left, left), (0, 0))
    padded = np.pad(maps, margins, constant_values=around) if top or left else maps
    wide: Array = sliding_window_view(padded, columns, axis=2)
    both: Array = sliding_window_view(wide, rows, axis=1)  # (N, r, c, channels, columns, rows)
    return both[:, :: stage.stride[0], :: stage.stride[1]].swapaxes(-1, -2)


def add_up(layer: Neurons, maps: Array) -> Array:
    """Return the sums of a layer, float64 (N, rows, columns, out)."""
    seen = spread(maps, layer, 0.0)
    weights = layer.shifted if layer.integer else layer.weights
    matrix = weights.transpose(3, 1, 2, 0).reshape(-1, len(weights)).astype(np.float64)
    return np.asarray((seen.reshape(-1, len(matrix)) @ matrix).reshape(*seen.shape[:3], -1))


def fire(layer: Neurons, maps: Array) -> Array:
    """Return the map of a layer of neurons."""
    sums = add_up(layer, maps)
    if not layer.integer:
        low = -np.inf if layer.low is None else layer.low
        high = np.inf if layer.high is None else layer.high
        return np.asarray(np.clip(sums * layer.scale + layer.bias, low, high))
    scaled = (sums.astype(np.int64) * layer.scale + layer.bias) >> layer.shift
    if layer.low is None or layer.high is None:
        return np.asarray(scaled)
    codes = np.clip(scaled, layer.low, layer.high)
    return np.asarray(integer_of(codes, layer.bits, layer.odd))


def step(stage: Stage, maps: Array) -> Array:
    """Return the map that a stage makes of maps (N, rows, columns, channels)."""
    if isinstance(stage, Neurons):
        return fire(stage, maps)
    return np.asarray(spread(maps, stage, -np.inf).max(axis=(4, 5)))


def all_maps(net: Net, images: ArrayLike) -> Iterator[Array]:
    """Yield the input (N, rows, columns, c) in float64, and then the map of each stage.

    Maps are float64, those of scores in integers int64.
    """
    maps = np.asarray(images, np.float64)
    yield maps
    for stage in net.stages:
        maps = step(stage, maps.astype(np.float64))
        yield maps


def evaluate(net: Net, images: ArrayLike) -> Array:
    """Return the scores (N, n) of images (N, rows, columns, c): float64, in integers int64."""
    pixels = np.asarray(images)
    parts = []
    for first in range(0, len(pixels), BATCH):
        *_, last = all_maps(net, pixels[first : first + BATCH])
        parts.append(last[:, 0, 0])
    if not parts:
        return np.zeros((0, net.signals[-1].shape[2]), np.int64 if net.integer else np.float64)
    return np.concatenate(parts)

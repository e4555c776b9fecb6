"""What a network of integers does, once more: one loop per index, plain Python integers, no arrays.

A map is a dictionary from (row, column, channel) to a number, which has no entry off the map. The
numbers of a float32 network are NumPy scalars, whose every operation is rounded to float32.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

import numpy as np

from neurobot.qnet import (
    Add,
    Affine,
    Channels,
    Conv,
    MaxPool,
    Network,
    Requant,
    Scores,
    SumPool,
)

Map = dict[tuple[int, int, int], Any]


@dataclass
class Record:
    """All maps of a run, and by convolution: inputs that were not 0, and products."""

    maps: dict[str, Map] = field(default_factory=dict)
    taps: dict[str, int] = field(default_factory=dict)
    macs: dict[str, int] = field(default_factory=dict)
    inner_macs: dict[str, int] = field(default_factory=dict)


def extent(values: Map) -> tuple[int, int, int]:
    rows, columns, channels = (max(place[axis] for place in values) + 1 for axis in range(3))
    return rows, columns, channels


def starts(length: int, window: int, step: int, pad: int) -> list[int]:
    """Where windows begin, trying every place."""
    return [
        start
        for start in range(-pad, length + pad)
        if (start + pad) % step == 0 and start + window <= length + pad
    ]


def integer(code: int, bits: int, odd: bool) -> int:
    return code + code - 2**bits + 1 if odd else code


def naive_conv(layer: Conv, given: Map, record: Record) -> Map:
    rows, columns, channels = extent(given)
    out, high, wide, part = np.shape(layer.weights)
    weights = layer.weights.tolist()
    taps = macs = inner = 0
    made: Map = {}
    tops = starts(rows, high, layer.stride[0], layer.padding[0])
    lefts = starts(columns, wide, layer.stride[1], layer.padding[1])
    for (y, top), (x, left), o in product(enumerate(tops), enumerate(lefts), range(out)):
        group = o // (out // layer.groups)
        total: Any = np.float32(0) if layer.real else 0
        for i, j, c in product(range(high), range(wide), range(part)):
            macs += 1
            place = (top + i, left + j, group * part + c)
            if place not in given:
                continue
            inner += 1
            if layer.real:
                total = total + given[place] * np.float32(weights[o][i][j][c])
            else:
                weight = integer(weights[o][i][j][c], layer.weight_bits, layer.odd)
                total += given[place] * weight
            # Only the first output channel of a group counts what it meets.
            taps += bool(given[place]) and o % (out // layer.groups) == 0
        made[y, x, o] = total
    assert channels == part * layer.groups
    record.taps[layer.name], record.macs[layer.name] = taps, macs
    record.inner_macs[layer.name] = inner
    return made


def naive_requant(layer: Requant, given: Map, record: Record) -> Map:
    made: Map = {}
    for (y, x, c), value in given.items():
        factor, bias = int(layer.multiplier[c]), int(layer.bias[c])
        code = floor(Fraction(value * factor + bias, 2**layer.shift))
        code = sorted((layer.low, code, layer.high))[1]
        made[y, x, c] = integer(code, layer.bits, layer.odd)
    return made


def naive_scores(layer: Scores, given: Map, record: Record) -> Map:
    return {
        (y, x, c): value * int(layer.multiplier[c]) + int(layer.bias[c])
        for (y, x, c), value in given.items()
    }


def naive_affine(layer: Affine, given: Map, record: Record) -> Map:
    made: Map = {}
    for (y, x, c), value in given.items():
        scaled = value * layer.scale[c] + layer.bias[c]
        if scaled < layer.low:
            scaled = np.float32(layer.low)
        if scaled > layer.high:
            scaled = np.float32(layer.high)
        made[y, x, c] = scaled
    return made


def naive_add(layer: Add, one: Map, other: Map, record: Record) -> Map:
    return {place: value + other[place] for place, value in one.items()}


def naive_max_pool(layer: MaxPool, given: Map, record: Record) -> Map:
    rows, columns, channels = extent(given)
    made: Map = {}
    tops = starts(rows, layer.size[0], layer.stride[0], layer.padding[0])
    lefts = starts(columns, layer.size[1], layer.stride[1], layer.padding[1])
    for (y, top), (x, left), c in product(enumerate(tops), enumerate(lefts), range(channels)):
        places = [
            (top + i, left + j, c) for i, j in product(range(layer.size[0]), range(layer.size[1]))
        ]
        made[y, x, c] = max(given[place] for place in places if place in given)
    return made


def naive_sum_pool(layer: SumPool, given: Map, record: Record) -> Map:
    rows, columns, channels = extent(given)
    made: Map = {}
    for c in range(channels):
        total = type(given[0, 0, 0])(0)
        for y, x in product(range(rows), range(columns)):
            total = total + given[y, x, c]
        made[0, 0, c] = total
    return made


def naive_channels(layer: Channels, *given: Any) -> Map:
    *maps, _ = given
    rows, columns, _ = extent(maps[0])
    made: Map = {}
    for y, x in product(range(rows), range(columns)):
        side_by_side = [values[y, x, c] for values in maps for c in range(extent(values)[2])]
        for k, c in enumerate(layer.index.tolist()):
            made[y, x, k] = side_by_side[c]
    return made


RULES: dict[type, Any] = {
    Conv: naive_conv,
    Requant: naive_requant,
    Scores: naive_scores,
    Affine: naive_affine,
    Add: naive_add,
    MaxPool: naive_max_pool,
    SumPool: naive_sum_pool,
    Channels: naive_channels,
}


def naive_run(network: Network, image: Any) -> Record:
    """Run a network on an image, nested lists of integers by row, column and channel."""
    number: Any = np.float32 if network.real else int
    record = Record()
    record.maps["input"] = {
        (y, x, c): number(value)
        for y, row in enumerate(image)
        for x, pixel in enumerate(row)
        for c, value in enumerate(pixel)
    }
    for layer in network.layers:
        given = [record.maps[name] for name in layer.inputs]
        record.maps[layer.name] = RULES[type(layer)](layer, *given, record)
    return record

"""What damaged networks do, once more in plain Python: registers that wrap, zeros that are met.

A damaged layer is a copy of a sound one with constants that no network would be made of.
"""

from copy import copy
from itertools import product
from typing import Any

import numpy as np
from naive_qnet import RULES, Map, Record, extent, integer, starts

from neurobot.qnet import Add, Conv, Layer, Network, Requant, Scores, SumPool


def damaged(layer: Layer, **constants: Any) -> Any:
    """A copy with other constants, unchecked; of weights, `bits` are what is stored of each."""
    other = copy(layer)
    for name, value in constants.items():
        object.__setattr__(other, name, value)
    return other


def wrapped(value: int, bits: int) -> int:
    """The low bits of a whole number, as a signed one."""
    low = value % (1 << bits)
    return low - (1 << bits) if low >= 1 << (bits - 1) else low


def conv(layer: Any, given: Map, record: Record) -> Map:
    rows, columns, _ = extent(given)
    out, high, wide, part = np.shape(layer.weights)
    tops = starts(rows, high, layer.stride[0], layer.padding[0])
    lefts = starts(columns, wide, layer.stride[1], layer.padding[1])
    weights = layer.weights if layer.real else layer.weights.tolist()
    zero: Any = np.float32(0) if layer.real else 0
    made: Map = {}
    for (y, top), (x, left), o in product(enumerate(tops), enumerate(lefts), range(out)):
        total, first = zero, o // (out // layer.groups) * part
        for i, j, c in product(range(high), range(wide), range(part)):
            value = given.get((top + i, left + j, first + c), zero)
            weight = weights[o][i][j][c]
            if not layer.real:
                weight = integer(weight, layer.weight_bits, layer.odd)
            total = total + value * weight
        made[y, x, o] = total if layer.real else wrapped(total, 32)
    return made


def linear(layer: Any, value: int, c: int) -> int:
    return wrapped(value * int(layer.multiplier[c]) + int(layer.bias[c]), 64)


def requant(layer: Any, given: Map, record: Record) -> Map:
    shifts = np.broadcast_to(layer.shift, len(layer.bias)).tolist()
    made: Map = {}
    for (y, x, c), value in given.items():
        code = sorted((layer.low, linear(layer, value, c) // 2 ** shifts[c], layer.high))[1]
        made[y, x, c] = integer(code, layer.bits, layer.odd)
    return made


def add(layer: Any, one: Map, other: Map, record: Record) -> Map:
    return whole(RULES[Add](layer, one, other, record))


def sum_up(layer: Any, given: Map, record: Record) -> Map:
    return whole(RULES[SumPool](layer, given, record))


def whole(sums: Map) -> Map:
    """Sums in 32 bits, unless they are float32."""
    return {k: wrapped(v, 32) if isinstance(v, int) else v for k, v in sums.items()}


def scores(layer: Any, given: Map, record: Record) -> Map:
    return {place: linear(layer, value, place[2]) for place, value in given.items()}


FAULTY = {Conv: conv, Requant: requant, Scores: scores, Add: add, SumPool: sum_up}


def run(network: Network, others: dict[str, Any], image: Any, touch: Any = None) -> dict[str, Map]:
    """All maps of an image, where some layers have been damaged.

    touch: told each layer and all maps so far, may change its own.
    """
    number: Any = np.float32 if network.real else int
    rules = {**RULES, **FAULTY}
    maps = {"input": {place: number(image[place]) for place in np.ndindex(image.shape)}}
    with np.errstate(all="ignore"):
        for layer in network.layers:
            found = others.get(layer.name, layer)
            given = [maps[name] for name in layer.inputs]
            maps[layer.name] = rules[type(layer)](found, *given, Record())
            if touch is not None:
                touch(found, maps)
    return maps


def damage(layer: Layer, codes: dict[str, list[int]], bits: int) -> Any:
    """A copy of a layer whose constants are what codes stand for; bits: of a stored weight."""
    found: dict[str, Any] = {}
    for name, values in codes.items():
        shape = np.shape(getattr(layer, name)) or (len(values),)
        if layer.real:
            found[name] = np.array(values, np.uint32).view(np.float32).reshape(shape)
        elif isinstance(layer, Conv):
            half = 2 ** (bits - 1)
            signed = values if layer.odd else [wrapped(code, bits) for code in values]
            assert layer.odd or all(-half <= value < half for value in signed)
            found[name] = np.array(signed, object).reshape(shape)
        elif name == "shift":
            found[name] = np.array(values)
        else:
            width = {"multiplier": 32, "bias": 64}[name]
            found[name] = np.array([wrapped(value, width) for value in values], object)
    return damaged(layer, **found)


def upset(
    layer: Any, maps: Any, place: int, channels: Any, inputs: bool, mask: int, width: int
) -> None:
    """Invert bits of a finished sum; of odd weights, of the sum of codes, or of that of inputs."""
    sums, given = maps[layer.name], maps[layer.inputs[0]]
    y, x = divmod(place, extent(sums)[1])
    out, high, wide, part = np.shape(layer.weights)
    for o in channels:
        if layer.real:
            raw = 0x7FC00000 if np.isnan(sums[y, x, o]) else int(sums[y, x, o].view(np.uint32))
            sums[y, x, o] = np.uint32(raw ^ mask).view(np.float32)
        elif not layer.odd:
            sums[y, x, o] = wrapped(sums[y, x, o] ^ mask, width)
        else:
            both = [0, 0]
            for i, j, c in product(range(high), range(wide), range(part)):
                at = (
                    y * layer.stride[0] - layer.padding[0] + i,
                    x * layer.stride[1] - layer.padding[1] + j,
                    o // (out // layer.groups) * part + c,
                )
                both[0] += given.get(at, 0) * int(layer.weights[o][i][j][c])
                both[1] += given.get(at, 0)
            before = both[0] * 2 - both[1] * (2**layer.weight_bits - 1)
            both[inputs] = wrapped(both[inputs] ^ mask, width)
            after = both[0] * 2 - both[1] * (2**layer.weight_bits - 1)
            sums[y, x, o] = wrapped(sums[y, x, o] + after - before, 32)


def assert_same_maps(found: Any, wanted: dict[str, Map]) -> None:
    """Compare all maps of a run, sums included."""
    for name, values in wanted.items():
        shape = found[name].shape
        numbers = np.array([values[place] for place in np.ndindex(shape)]).reshape(shape)
        np.testing.assert_array_equal(found[name], numbers, name)

"""The same sums without the clock: whole frames, LANES of them side by side, in int32.

A value of a map is LANES numbers, one for each frame. Maps lie one behind the other in one memory,
row by row, place by place, channel by channel, each with the zeros around it that the stage which
reads it wants. No sum leaves int32: `Net.signals` sees to that.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import compile_function, kernel
from neurobot.fixed import saturate
from neurobot.qnet.checks import INT32
from neurobot.qnet.signals import Shape
from neurobot.qnet.vectors import (
    LANES,
    add_products,
    load_lanes,
    no_lanes,
    spread_number,
    store_lanes,
)
from neurobot.tdnn.form import Net, Neurons, Stage
from neurobot.tdnn.lanes import code_lanes, greater_lanes
from neurobot.tdnn.wiring import Array, ending, record, starts

TOGETHER = 4  # windows side by side that share what is read of the weights
# Places in memory are counted in values. given, made: the first one of the map that a stage reads
# and of the one that it makes, margins aside; down, right: from window to window; made_down: from
# one row of what it makes to the next.
LAYER = record(
    *("given", "down", "right", "made", "made_down", "rows", "columns", "channels"),
    *("maxima", "shift", "low", "high", "odd", "neuron", "synapse", "end_synapse"),
)
NEURON = record("end", "scale", "bias")  # end: of its synapses


class Layout(NamedTuple):
    """All constants.

    weights: int32, by synapse; offsets: by synapse, from a window's upper left corner to its value,
    or by tap of window maxima, to that of channel 0; pixels: where those of an image go; meetings:
    by value, of how many products it is the input. scales, biases, ending (shift, low, high, odd):
    what the scores are made with, of the bare sums that the last layer puts out.
    """

    layers: Array
    neurons: Array
    weights: Array
    offsets: Array
    pixels: Array
    meetings: Array
    scales: Array
    biases: Array
    ending: Array


class Scratch(NamedTuple):
    """The memory that LANES frames need."""

    values: Array  # int32, (values * LANES,)
    macs: Array  # (LANES,)


def make_scratch(layout: Layout) -> Scratch:
    """Return memory full of zeros."""
    values = np.zeros(len(layout.meetings) * LANES, np.int32)
    return Scratch(values, np.zeros(LANES, np.int64))


@kernel
def load(layout: Layout, scratch: Scratch, images: Any, first: int, count: int) -> None:
    """Bring images side by side."""
    for p in range(images.shape[1]):
        for k in range(count):
            scratch.values[layout.pixels[p] * LANES + k] = images[first + k, p]


@kernel
def put_out(layer: Any, neuron: Any, values: Any, place: int, total: Any) -> None:
    """Store what a neuron makes of its sums."""
    codes = code_lanes(
        total, neuron.scale, neuron.bias, layer.shift, layer.low, layer.high, layer.odd
    )
    store_lanes(values, place * LANES, codes, LANES)


@kernel
def fire_four(layout: Layout, scratch: Scratch, layer: Any, corner: int, place: int) -> None:
    """Let all neurons look at four windows side by side."""
    values, weights, offsets, k = scratch.values, layout.weights, layout.offsets, layer.synapse
    right, made = layer.right * LANES, layer.channels
    for number in range(layer.channels):
        neuron = layout.neurons[layer.neuron + number]
        one = no_lanes(values)
        two, three, four = one, one, one
        while k < neuron.end:
            weight, p = spread_number(weights, k), (corner + offsets[k]) * LANES
            one = add_products(one, load_lanes(values, p), weight)
            two = add_products(two, load_lanes(values, p + right), weight)
            three = add_products(three, load_lanes(values, p + 2 * right), weight)
            four = add_products(four, load_lanes(values, p + 3 * right), weight)
            k += 1
        put_out(layer, neuron, values, place + number, one)
        put_out(layer, neuron, values, place + number + made, two)
        put_out(layer, neuron, values, place + number + 2 * made, three)
        put_out(layer, neuron, values, place + number + 3 * made, four)


@kernel
def fire_one(layout: Layout, scratch: Scratch, layer: Any, corner: int, place: int) -> None:
    """Let all neurons look at one window."""
    values, weights, offsets, k = scratch.values, layout.weights, layout.offsets, layer.synapse
    for number in range(layer.channels):
        neuron = layout.neurons[layer.neuron + number]
        total = no_lanes(values)
        while k < neuron.end:
            lanes = load_lanes(values, (corner + offsets[k]) * LANES)
            total = add_products(total, lanes, spread_number(weights, k))
            k += 1
        put_out(layer, neuron, values, place + number, total)


@kernel
def compare(layout: Layout, scratch: Scratch, layer: Any, corner: int, place: int) -> None:
    """Find the greatest values of a window, by channel."""
    values, offsets = scratch.values, layout.offsets
    for u in range(layer.channels):
        best = load_lanes(values, (corner + u + offsets[layer.synapse]) * LANES)
        for k in range(layer.synapse + 1, layer.end_synapse):
            lanes = load_lanes(values, (corner + u + offsets[k]) * LANES)
            best = greater_lanes(best, lanes)
        store_lanes(values, (place + u) * LANES, best, LANES)


@kernel
def look(layout: Layout, scratch: Scratch, layer: Any) -> None:
    """Let a stage look at all windows, four at a time as far as there are so many in a row."""
    four = 0 if layer.maxima else layer.columns // TOGETHER * TOGETHER
    for row in range(layer.rows):
        corner, place = layer.given + row * layer.down, layer.made + row * layer.made_down
        for _ in range(0, four, TOGETHER):
            fire_four(layout, scratch, layer, corner, place)
            corner, place = corner + TOGETHER * layer.right, place + TOGETHER * layer.channels
        for _ in range(four, layer.columns):
            if layer.maxima:
                compare(layout, scratch, layer, corner, place)
            else:
                fire_one(layout, scratch, layer, corner, place)
            corner, place = corner + layer.right, place + layer.channels


@kernel
def score(layout: Layout, scratch: Scratch, scores: Any, first: int, count: int) -> None:
    """Make scores of the last layer's sums."""
    made = layout.layers[-1].made
    ending = layout.ending
    shift, low, high, odd = ending[0], ending[1], ending[2], ending[3]
    for number in range(scores.shape[1]):
        for k in range(count):
            total = scratch.values[(made + number) * LANES + k]
            value = (total * layout.scales[number] + layout.biases[number]) >> shift
            value = saturate(value, low, high)
            scores[first + k, number] = 2 * value - odd if odd else value


@kernel
def count_macs(layout: Layout, scratch: Scratch) -> None:
    """Count the products of each frame whose input is not 0."""
    for k in range(LANES):
        scratch.macs[k] = 0
    for p in range(len(layout.meetings)):
        for k in range(LANES):
            scratch.macs[k] += layout.meetings[p] * (scratch.values[p * LANES + k] != 0)


@compile_function
def run_frames(layout: Layout, scratch: Scratch, images: Any, scores: Any, macs: Any) -> None:
    """Run images (N, pixels); fill scores (N, n), and the products that are not still, (N,)."""
    for first in range(0, len(images), LANES):
        count = min(LANES, len(images) - first)
        load(layout, scratch, images, first, count)
        for number in range(len(layout.layers)):
            look(layout, scratch, layout.layers[number])
        score(layout, scratch, scores, first, count)
        count_macs(layout, scratch)
        for k in range(count):
            macs[first + k] = scratch.macs[k]


def margins(stage: Stage | None) -> tuple[int, int]:
    """Return the rows and columns of zeros that a stage wants around what it reads."""
    return stage.padding if stage else (0, 0)


def padded(shape: Shape, stage: Stage | None) -> Shape:
    """Return the shape of a map with the zeros that the stage wants which reads it."""
    top, left = margins(stage)
    return shape[0] + 2 * top, shape[1] + 2 * left, shape[2]


def inside(shape: Shape, stage: Stage | None, first: int) -> Array:
    """Return where a map's own values lie, (rows, columns, channels)."""
    (rows, columns, _), (top, left) = shape, margins(stage)
    whole = padded(shape, stage)
    places: Array = first + np.arange(math.prod(whole)).reshape(whole)
    return places[top : top + rows, left : left + columns]


def meet(stage: Stage | None, made: Shape, whole: Shape) -> Array:
    """Return of how many products of a stage each value of a padded map is the input, flat."""
    met = np.zeros(whole, np.int64)
    if isinstance(stage, Neurons):
        by_tap = np.count_nonzero(stage.weights, axis=0)
        for i, j in np.ndindex(stage.kernel):
            axes = zip((i, j), made, stage.stride, strict=False)
            rows, columns = (slice(k, k + (n - 1) * step + 1, step) for k, n, step in axes)
            met[rows, columns] += by_tap[i, j]
    return met.ravel()


def connect(stage: Stage, whole: Shape) -> tuple[Array, Array, Array]:
    """Return neurons, weights and offsets of a stage that reads a padded map."""
    row, place = whole[1] * whole[2], whole[2]
    if not isinstance(stage, Neurons):
        i, j = np.indices(stage.kernel).reshape(2, -1)
        return np.zeros(0, NEURON), np.zeros(len(i), np.int32), i * row + j * place
    _, i, j, channel = where = np.nonzero(stage.weights)
    neurons = np.zeros(len(stage.weights), NEURON)
    neurons["end"] = np.cumsum(stage.fan_ins)
    neurons["scale"], neurons["bias"] = stage.scale, stage.bias
    return neurons, stage.shifted[where].astype(np.int32), i * row + j * place + channel


def describe(stage: Stage, last: bool) -> dict[str, int]:
    """Return what a stage's neurons make of their sums; the last one's leave them as they are."""
    if not isinstance(stage, Neurons):
        return {"maxima": 1}
    return {"low": INT32[0], "high": INT32[1]} if last else ending(stage)


def make_layout(net: Net) -> Layout:
    """Lay out weights and maps of a network of integers."""
    readers, last = (*net.stages, None), net.layers[-1]
    shapes = [signal.shape for signal in net.signals]
    wholes = [padded(*each) for each in zip(shapes, readers, strict=True)]
    firsts = starts(map(math.prod, wholes))
    maps = [inside(*each) for each in zip(shapes, readers, firsts[:-1], strict=True)]
    parts = [connect(stage, whole) for stage, whole in zip(net.stages, wholes, strict=False)]
    neurons, weights, offsets = ([*column] for column in zip(*parts, strict=True))
    neurons[-1]["scale"], neurons[-1]["bias"] = 1, 0
    layers = np.zeros(len(net.stages), LAYER)
    layers["neuron"] = starts(map(len, neurons))[:-1]
    layers["synapse"], layers["end_synapse"] = (ends := starts(map(len, weights)))[:-1], ends[1:]
    for n, stage in enumerate(net.stages):
        neurons[n]["end"] += layers[n]["synapse"]
        values = describe(stage, last=stage is last)
        values |= dict(zip(("rows", "columns", "channels"), shapes[n + 1], strict=True))
        values |= {"given": firsts[n], "made": maps[n + 1][0, 0, 0]}
        values["down"] = stage.stride[0] * wholes[n][1] * wholes[n][2]
        values["right"] = stage.stride[1] * wholes[n][2]
        values["made_down"] = wholes[n + 1][1] * wholes[n + 1][2]
        for name, value in values.items():
            layers[n][name] = value
    around = zip(readers, [*shapes[1:], shapes[-1]], wholes, strict=True)
    return Layout(
        layers=layers,
        neurons=np.concatenate(neurons),
        weights=np.concatenate(weights),
        offsets=np.concatenate(offsets),
        pixels=maps[0].ravel(),
        meetings=np.concatenate([meet(*each) for each in around]),
        scales=last.scale,
        biases=last.bias,
        ending=np.array([*ending(last).values()]),
    )

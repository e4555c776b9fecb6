"""Convolution of what is stored only, compiled: sums in registers, exact, in int32.

Output channels go LANES at a time, each half of which has registers of weights (`mars.vectors`). An
entry is a register of both halves, or of one of them, for the same INPUTS inputs, and where these
lie from a window's corner on; where all weights are 0 there is none. For PLACES windows at a time,
all entries are gone through once.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import apart
from neurobot.fixed import Ints
from neurobot.mars.vectors import HALF, INPUTS, add_pairs, join_halves, no_sums
from neurobot.qnet import Conv, kernels
from neurobot.qnet.column_vectors import PLACES, load_corners
from neurobot.qnet.runner import Array, Map, Step, make_map
from neurobot.qnet.signals import Shape
from neurobot.qnet.vectors import LANES, store_lanes

KINDS = 3  # of entries: of both halves, of the first alone, of the second alone


class Entries(NamedTuple):
    """Weights that are not all 0, of one part after the other: LANES output channels of a group."""

    weights: Any  # (registers * HALF * INPUTS,), int16
    registers: Any  # (parts,): the first of each
    offsets: Any  # (entries,): of the inputs, from a window's corner on
    begins: Any  # (parts, KINDS + 1): the first entry of each kind, and one past the last
    channels: Any  # (parts,): the first of each
    counts: Any  # (parts,): how many channels there are


class Places(NamedTuple):
    """Where windows begin, and where their sums go; the last ones again up to a full PLACES."""

    corners: Any
    targets: Any


@apart
def convolve(source: Any, target: Any, entries: Entries, places: Places) -> None:
    """Sum weights times inputs over windows; source: int16, target: int32, both flat."""
    weights, offsets = entries.weights, entries.offsets
    for part in range(entries.counts.shape[0]):
        begins = entries.begins[part]
        for first in range(0, places.corners.shape[0], PLACES):
            corners, register = load_corners(places.corners, first), entries.registers[part]
            low, high = no_sums(), no_sums()
            for k in range(begins[0], begins[1]):
                low = add_pairs(low, weights, register, source, corners, offsets, k)
                high = add_pairs(high, weights, register + 1, source, corners, offsets, k)
                register += 2
            for k in range(begins[1], begins[2]):
                low = add_pairs(low, weights, register, source, corners, offsets, k)
                register += 1
            for k in range(begins[2], begins[3]):
                high = add_pairs(high, weights, register, source, corners, offsets, k)
                register += 1
            for k in range(PLACES):
                place = places.targets[first + k] + entries.channels[part]
                store_lanes(target, place, join_halves(low[k], high[k]), entries.counts[part])


def by_register(weights: Ints, groups: int) -> Any:
    """Return weights (out, rows, columns, in / groups) as (parts, entries, 2, HALF * INPUTS)."""
    _, rows, columns, given = weights.shape
    by_group = weights.reshape(groups, -1, rows, columns, given).astype(np.int16)
    more = -by_group.shape[1] % LANES, -given % INPUTS
    padded = np.pad(by_group, ((0, 0), (0, more[0]), (0, 0), (0, 0), (0, more[1])))
    split = padded.reshape(-1, 2, HALF, rows, columns, (given + more[1]) // INPUTS, INPUTS)
    laid = split.transpose(0, 3, 4, 5, 1, 2, 6)
    return laid.reshape(len(split), -1, 2, HALF * INPUTS)


def window_offsets(weights: Ints, shape: Shape) -> Any:
    """Return where the inputs of a window lie on a padded map, from its corner on, by INPUTS."""
    _, rows, columns, given = weights.shape
    steps = np.arange(rows)[:, None, None] * shape[1] + np.arange(columns)[:, None]
    return (steps * shape[2] + np.arange(0, given, INPUTS)).reshape(-1)


def make_entries(weights: Ints, groups: int, shape: Shape) -> Entries:
    """Lay out weights (out, rows, columns, in / groups) for windows on a padded map of a shape."""
    laid, made, given = by_register(weights, groups), len(weights) // groups, weights.shape[3]
    kept = np.asarray(laid.any(axis=3))
    kinds = KINDS - 2 * kept[:, :, 0] - kept[:, :, 1]  # KINDS itself: there is nothing
    order = kinds.argsort(axis=1, kind="stable")
    counts = np.stack([(kinds == kind).sum(axis=1) for kind in range(KINDS)], axis=1)
    ends = counts.cumsum().reshape(counts.shape)
    group, first = np.divmod(np.arange(len(laid)), len(laid) // groups)
    offsets = group[:, None] * given + window_offsets(weights, shape)[order]
    in_order = np.take_along_axis(laid, order[:, :, None, None], axis=1)
    stored = np.take_along_axis(kept, order[:, :, None], axis=1)
    registers = kept.sum(axis=(1, 2))
    return Entries(
        weights=in_order[stored].reshape(-1),
        registers=registers.cumsum() - registers,
        offsets=offsets[stored.any(axis=2)],
        begins=np.column_stack([ends[:, 0] - counts[:, 0], ends]),
        channels=group * made + first * LANES,
        counts=np.minimum(made - first * LANES, LANES),
    )


def make_places(conv: Conv, padded: Shape, made: Shape) -> Places:
    """Say where the windows of a convolution on a padded map begin, and where its sums go."""
    rows, columns = (np.arange(made[axis]) * conv.stride[axis] for axis in (0, 1))
    corners = (rows[:, None] * padded[1] + columns).reshape(-1) * padded[2]
    targets = np.arange(len(corners)) * made[2]
    numbers = np.arange(-(-len(corners) // PLACES) * PLACES).clip(max=len(corners) - 1)
    return Places(corners[numbers], targets[numbers])


def padded_shape(conv: Conv, given: Shape) -> Shape:
    """Return the shape of a map with the zeros around it."""
    return given[0] + 2 * conv.padding[0], given[1] + 2 * conv.padding[1], given[2]


def plan_entries(
    entries: dict[str, Entries], conv: Conv, target: Map, source: Map, taps: Array, number: int
) -> list[Step]:
    """Surround the map with zeros, and sum over the entries of a convolution; taps: not counted."""
    embedding, around, places = surround(conv, target, source)
    return [embedding, (convolve, (around, target.memory, entries[conv.name], places))]


def surround(conv: Conv, target: Map, source: Map) -> tuple[Step, Array, Places]:
    """Return what surrounds a map with zeros, where that lies then, and the places of windows."""
    (height, width, channels), (top, left) = source.shape, conv.padding
    shape = padded_shape(conv, source.shape)
    around = make_map(shape, np.int16)
    middle = around.rows[top : top + height, left * channels : (left + width) * channels]
    places = make_places(conv, shape, target.shape)
    return (kernels.embed, (source.rows, middle)), around.memory, places

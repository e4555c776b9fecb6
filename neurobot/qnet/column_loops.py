"""Convolution in memory, compiled: what columns sum, what becomes of it, what that adds up to.

Exact sums of digits, or float32 sums of real cells in the order (row, column, channel of the tile),
each product and each sum rounded. Registers (`column_vectors`) are those of a tile's columns by
LANES output channels, then by slice; they go in pairs. Windows are those of all cycles: a block of
PLACES of them holds whole places, each in all of its cycles. So what adds up to an output comes in
the order of tiles, slices, cycles.

Kernels are given plain tuples, for named ones take Numba twice as long to hand over.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import apart, part
from neurobot.qnet.column_vectors import (
    PLACES,
    add_entry,
    count_lanes,
    digits,
    first_lanes,
    lessen,
    load_corners,
    no_sums,
    store_sums,
    sum_lanes,
    times,
    to_codes,
    to_doubles,
    to_kind,
)
from neurobot.qnet.vectors import LANES, add_products, load_lanes, spread_number, store_lanes


class Spots(NamedTuple):
    """Where the inputs of each tile lie, one run of channels for each of the tile's places."""

    given: Any  # (spots,): the first input of each
    made: Any  # (spots,): where it is applied, in the first cycle
    hops: Any  # (spots,): from one cycle to the next
    counts: Any  # (spots,): channels
    covers: Any  # (spots,): windows that meet it
    totals: Any  # (spots,): where the sum of its inputs stands


class Cells(NamedTuple):
    """What the columns hold, by tile and register, as windows are read."""

    cells: Any  # flat, int16 or float32
    first: Any  # (T,): the first cell of each tile
    runs: Any  # (T,): entries in a row of a window
    pitches: Any  # (T,): from one row of the tile's inputs to the next
    rows: int  # of a window
    inputs: int  # of an entry
    registers: int  # of a tile, those of a reference column not counted; even


class Windows(NamedTuple):
    """Where windows begin, the last place of a block again up to a full PLACES."""

    corners: Any  # (T * windows,)
    counts: Any  # (blocks,): windows that count
    owners: Any  # (windows,): where the sums of the place's outputs stand
    weights: Any  # (windows,): float64, what 1 in the window's cycle stands for


class Converters(NamedTuple):
    """What is done to the sums of each register; constants are (T * registers * LANES,)."""

    offsets: Any  # float32
    steps: Any  # float32
    multipliers: Any  # float64
    outputs: Any  # (registers,): the first output of each
    low: Any  # float32
    high: Any  # float32
    ideal: bool


class Kept(NamedTuple):
    """Where sums of columns stand until they are converted."""

    sums: Any  # flat
    windows: Any  # (windows,): those of each
    registers: Any  # (T * registers,): from there on, those of each
    counts: Any  # (registers,): how many there are


@apart
def reorder(source: Any, order: Any, target: Any) -> None:
    """Copy a map in another order."""
    for k in range(order.shape[0]):
        target[k] = source[order[k]]


@apart
def drive(
    source: Any, target: Any, totals: Any, where: Any, taps: Any, number: int, way: Any
) -> None:
    """Apply inputs in cycles, sum them by spot, and count the parts other than 0 by window.

    where: Spots; way: cycles, and bits of each.
    """
    spots = Spots(*where)
    met, mask = 0, (1 << way[1]) - 1
    for spot in range(spots.given.shape[0]):
        total = active = 0
        for first in range(0, spots.counts[spot], LANES):
            place, count = spots.made[spot] + first, spots.counts[spot] - first
            codes = first_lanes(load_lanes(source, spots.given[spot] + first), count)
            total += sum_lanes(codes)
            for cycle in range(way[0]):
                applied = digits(codes, cycle * way[1], mask)
                store_lanes(target, place, to_kind(target, applied), count)
                active += count_lanes(applied)
                place += spots.hops[spot]
        totals[spots.totals[spot]] = total
        met += active * spots.covers[spot]
    taps[number] = met


@apart
def begin(sums: Any, constants: Any, corrections: Any, totals: Any, boxes: Any, box: Any) -> None:
    """Start the sums of all places: with constants, less what the inputs of each tile amount to.

    sums: (places * outputs,); corrections: (T * outputs,); totals: (T, spots); boxes: (places,),
    the first spot of each window; box: its spots, from there on.
    """
    width = constants.shape[0]
    tiles = corrections.shape[0] // width
    inputs = np.zeros(tiles)
    for p in range(boxes.shape[0]):
        for t in range(tiles):
            total = 0
            for k in range(box.shape[0]):
                total += totals[t, boxes[p] + box[k]]
            inputs[t] = -total
        for first in range(0, width, LANES):
            lanes = load_lanes(constants, first)
            for t in range(tiles):
                factors = load_lanes(corrections, t * width + first)
                lanes = add_products(lanes, factors, spread_number(inputs, t))
            store_lanes(sums, p * width + first, lanes, LANES)


@part
def sum_pair(inputs: Any, cells: Cells, windows: Windows, first: int, t: int, register: int) -> Any:
    """Sum the columns of two registers for PLACES windows, from a number on."""
    size = cells.rows * cells.runs[t] * cells.inputs * LANES
    one = cells.first[t] + register * size
    two = one + size
    corners = load_corners(windows.corners, t * windows.owners.shape[0] + first)
    low, high = no_sums(cells.cells), no_sums(cells.cells)
    for i in range(cells.rows):
        place = i * cells.pitches[t]
        for _ in range(cells.runs[t]):
            low = add_entry(low, cells.cells, one, inputs, corners, place)
            high = add_entry(high, cells.cells, two, inputs, corners, place)
            place += cells.inputs
            one += cells.inputs * LANES
            two += cells.inputs * LANES
    return low, high


@part
def convert(
    kept: Kept, windows: Windows, by: Converters, total: Any, block: int, t: int, register: int
) -> None:
    """Convert the sums of a register's columns for a block of windows, and add what codes mean."""
    number = t * by.outputs.shape[0] + register
    factors = load_lanes(by.multipliers, number * LANES)
    offset, step = load_lanes(by.offsets, number * LANES), load_lanes(by.steps, number * LANES)
    for window in range(block * PLACES, block * PLACES + windows.counts[block]):
        sums = load_lanes(kept.sums, kept.windows[window] + kept.registers[number])
        if by.ideal:
            codes = to_doubles(sums)
        else:
            codes = to_doubles(to_codes(sums, offset, step, by.low, by.high))
        place = windows.owners[window] + by.outputs[register]
        weighted = times(codes, spread_number(windows.weights, window))
        lanes = add_products(load_lanes(total, place), factors, weighted)
        store_lanes(total, place, lanes, LANES)


@apart
def sum_and_convert(
    inputs: Any, held: Any, where: Any, less: Any, between: Any, how: Any, total: Any
) -> None:
    """Sum all columns, and convert their sums as they come.

    held: Cells; where: Windows; between: Kept, of two registers and a block; how: Converters.
    """
    cells, windows, kept, by = Cells(*held), Windows(*where), Kept(*between), Converters(*how)
    for t in range(cells.first.shape[0]):
        for register in range(0, cells.registers, 2):
            for block in range(windows.counts.shape[0]):
                first = block * PLACES
                low, high = sum_pair(inputs, cells, windows, first, t, register)
                place = t * windows.owners.shape[0] + first
                store_sums(kept.sums, 0, lessen(low, less, place))
                store_sums(kept.sums, PLACES * LANES, lessen(high, less, place))
                convert(kept, windows, by, total, block, t, register)
                convert(kept, windows, by, total, block, t, register + 1)


@apart
def sum_references(inputs: Any, held: Any, where: Any, less: Any, sums: Any) -> None:
    """Sum the reference column of each tile, which stands behind all registers."""
    cells, windows = Cells(*held), Windows(*where)
    count = windows.owners.shape[0]
    for t in range(cells.first.shape[0]):
        for first in range(0, count, PLACES):
            low, _ = sum_pair(inputs, cells, windows, first, t, cells.registers)
            store_sums(sums, 0, low)
            for k in range(PLACES):
                less[t * count + first + k] = sums[k * LANES]


@part
def keep(kept: Kept, sums: Any, first: int, count: int, number: int, register: int) -> None:
    """Keep the sums of a register's columns for a block of windows."""
    for k in range(count):
        place = kept.windows[first + k] + kept.registers[number]
        store_lanes(kept.sums, place, load_lanes(sums, k * LANES), kept.counts[register])


@apart
def sum_and_keep(inputs: Any, held: Any, where: Any, less: Any, sums: Any, all_sums: Any) -> None:
    """Sum all columns, and keep their sums; sums: those of a register and a block."""
    cells, windows, kept = Cells(*held), Windows(*where), Kept(*all_sums)
    for t in range(cells.first.shape[0]):
        for register in range(0, cells.registers, 2):
            number = t * cells.registers + register
            for block in range(windows.counts.shape[0]):
                first, count = block * PLACES, windows.counts[block]
                low, high = sum_pair(inputs, cells, windows, first, t, register)
                place = t * windows.owners.shape[0] + first
                store_sums(sums, 0, lessen(low, less, place))
                keep(kept, sums, first, count, number, register)
                store_sums(sums, 0, lessen(high, less, place))
                keep(kept, sums, first, count, number + 1, register + 1)


@apart
def convert_kept(all_sums: Any, where: Any, how: Any, total: Any) -> None:
    """Convert all sums that were kept."""
    kept, windows, by = Kept(*all_sums), Windows(*where), Converters(*how)
    for number in range(kept.registers.shape[0]):
        t, register = divmod(number, by.outputs.shape[0])
        for block in range(windows.counts.shape[0]):
            convert(kept, windows, by, total, block, t, register)


@apart
def settle(total: Any, target: Any, scale: float, low: int, high: int) -> None:
    """Round sums times a scale down to integers, which stop at the ends of their range."""
    for p in range(target.shape[0]):
        for o in range(target.shape[1]):
            target[p, o] = min(max(np.floor(total[p, o] * scale), low), high)

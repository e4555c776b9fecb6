"""A machine of arrays again, walked cell by cell, column by column and cycle by cycle.

Written from what the modules of `neurobot.column_cim` say, not from their code: nothing of it is
called here but the sizes of a machine.
"""

from collections import Counter
from itertools import product
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.column_cim import Silicon
from neurobot.qnet import ColumnConv, Conv, Network

Array = NDArray[Any]


def slices_of(conv: ColumnConv) -> int:
    each = ceil(conv.weight_bits / conv.cell_bits)
    return 2 * each if conv.encoding == "differential" else each


def tiles_of(conv: ColumnConv) -> list[list[tuple[int, int, int]]]:
    """Return the (row, column, channel) of a window that each row of each tile takes."""
    _, high, wide, given = conv.weights.shape
    if conv.flat:
        groups = [[(y, x, c)] for c in range(given) for y in range(high) for x in range(wide)]
    else:
        groups = [[(y, x, c) for y in range(high) for x in range(wide)] for c in range(given)]
    tiles: list[list[tuple[int, int, int]]] = [[]]
    for group in groups:
        if len(tiles[-1]) + len(group) > conv.rows:
            tiles.append([])
        tiles[-1] += group
    return tiles


def windows_of(conv: Conv, image: Array) -> list[Array]:
    """Return the windows of a map, zeros around it included."""
    (top, left), (down, right), (high, wide) = conv.padding, conv.stride, conv.kernel
    padded = np.pad(image.astype(np.int64), ((top, top), (left, left), (0, 0)))
    rows = range(0, padded.shape[0] - high + 1, down)
    columns = range(0, padded.shape[1] - wide + 1, right)
    return [padded[y : y + high, x : x + wide] for y in rows for x in columns]


def bits_of(conv: ColumnConv, network: Network) -> tuple[int, int, int]:
    """Return how many bits an input has, how many drive a row, and in how many cycles."""
    bits = network.signals[conv.inputs[0]].bits
    return bits, min(conv.dac_bits, bits), ceil(bits / conv.dac_bits)


def walk_arrays(conv: ColumnConv, network: Network, silicon: Silicon, image: Array) -> Counter[str]:
    """Drive rows, read cells and convert columns, of one layer and one image."""
    found: Counter[str] = Counter()
    tiles, slices, out = tiles_of(conv), slices_of(conv), len(conv.weights)
    _, driven_bits, cycles = bits_of(conv, network)
    columns = [(o, j) for o in range(out) for j in range(slices)]
    blocks = [
        columns[first : first + silicon.columns]
        for first in range(0, len(columns), silicon.columns)
    ]
    kind = "ideal_conversions" if conv.adc_bits is None else f"conversions_{conv.adc_bits}b"
    found["arrays"] = len(tiles) * len(blocks)
    for window, cycle in product(windows_of(conv, image), range(cycles)):
        busy = [0]
        for tile, block in product(tiles, blocks):
            inputs = [window[place] >> cycle * conv.dac_bits for place in tile]
            on = sum(int(each) & (1 << conv.dac_bits) - 1 != 0 for each in inputs)
            found["row_drives"] += on
            found["drive_bits"] += on * driven_bits
            found["cell_reads"] += on * len(block)
            found[kind] += len(block)
            if block is blocks[0] and conv.encoding == "offset":
                found["input_sums"] += on
            converters: Counter[int] = Counter(
                k // silicon.columns_per_adc for k in range(len(block))
            )
            busy.append(max(converters.values()))
        found["cycles"] += max(busy) * clocks(conv, silicon)
    return found


def clocks(conv: ColumnConv, silicon: Silicon) -> int:
    """Return how many clocks a conversion takes."""
    if conv.adc_bits is None:
        return 1
    nanoseconds = conv.adc_bits * (0.00653 * conv.rows + 0.640)
    return max(1, ceil(nanoseconds * 1e-9 * silicon.clock_hz))

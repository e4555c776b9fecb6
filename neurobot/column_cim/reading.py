"""Read noise: what each cell adds to a column's sum, anew at each read.

Cells are independent, each with a standard deviation of sigma in digits, times what its row is
driven with. So a sum of one cycle is disturbed by a normal of variance sigma^2 (sum of a^2) over
the rows of its tile, and cells that conduct nothing add noise as all others do. A reference column
is read once by tile and cycle: what it adds is the same for all columns of its tile.

Each number follows from a key and a counter: image, cycle, place and column. No order of reading,
and no sharing among threads, can change it.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.chance import gauss
from neurobot.column_cim.layers import in_use
from neurobot.compiled import kernel
from neurobot.qnet import kernels
from neurobot.qnet.column_kernels import Disturb
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.runner import Array, Map, Step, make_map
from neurobot.qnet.signals import Shape

COLUMNS, REFERENCES = 0, 1  # streams of chance
MOST_CYCLES = 32  # inputs are int32


class Rows(NamedTuple):
    """Where the inputs of each tile lie, on a padded map that is flat."""

    corners: Any  # (places,): of windows
    offsets: Any  # (rows of all tiles,): from a corner on
    begins: Any  # (T + 1,): the first of each tile, and one past the last


class Noise(NamedTuple):
    """Which numbers to draw, and how large."""

    key: Any  # uint64
    sigma: float  # of a cell that is driven with 1, in digits
    referenced: bool


@kernel
def add_noise(
    sums: Any, source: Any, rows: Rows, noise: Noise, reads: Any, cycle: int, bits: int
) -> None:
    """Disturb the sums of a cycle, which applies so many bits of each input."""
    places, tiles, columns = sums.shape
    mask = (1 << bits) - 1
    for p in range(places):
        read = ((reads[0] * MOST_CYCLES + cycle) * places + p) * tiles
        for t in range(tiles):
            squares = 0
            for k in range(rows.begins[t], rows.begins[t + 1]):
                driven = (source[rows.corners[p] + rows.offsets[k]] >> (cycle * bits)) & mask
                squares += driven * driven
            if squares == 0:
                continue
            scale, shared = noise.sigma * np.sqrt(float(squares)), 0.0
            if noise.referenced:
                shared = gauss(noise.key, REFERENCES, read + t)
            for c in range(columns):
                own = gauss(noise.key, COLUMNS, (read + t) * columns + c)
                sums[p, t, c] += np.float32(scale * (own - shared))


@kernel
def count_image(reads: Any) -> None:
    """Go on to the next image."""
    reads[0] += 1


def lay_rows(conv: ColumnConv, padded: Shape, made: Shape) -> Rows:
    """Say where windows on a padded map begin, and which of their values belong to which tile."""
    _, width, channels = padded
    by_row, by_column = (np.arange(made[axis]) * conv.stride[axis] for axis in (0, 1))
    corners = (by_row[:, None] * width + by_column) * channels
    i, j, c = np.indices(conv.weights.shape[1:])
    used = in_use(conv)
    offsets = conv.by_tile((i * width + j) * channels + c)[used]
    begins = np.cumsum([0, *used.reshape(conv.tiles, -1).sum(axis=1)])
    return Rows(corners.ravel(), offsets, begins)


def read_noise(conv: ColumnConv, target: Map, source: Map, noise: Noise, reads: Array) -> Disturb:
    """Return what disturbs the sums of a layer's columns; reads: (1,), the number of the image."""
    (height, width, channels), (top, left) = source.shape, conv.padding
    around = make_map((height + 2 * top, width + 2 * left, channels), np.int32)
    middle = around.rows[top : top + height, left * channels : (left + width) * channels]
    rows = lay_rows(conv, around.shape, target.shape)

    def disturb(sums: Array, cycle: int) -> list[Step]:
        flat = sums.reshape(*sums.shape[:2], -1)
        given = flat, around.flat, rows, noise, reads, cycle, conv.dac_bits
        before: list[Step] = [(kernels.embed, (source.rows, middle))] if cycle == 0 else []
        return [*before, (add_noise, given)]

    return disturb

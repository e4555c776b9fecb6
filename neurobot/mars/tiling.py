"""How a convolution's weights part into tiles: what one access to a macro consumes.

A tile is rows (inputs) by columns (outputs) of weights, at one place of the kernel. An output block
is as many output channels of a group as there are columns; its positions are the places of the
kernel, row by row, and at each of them the blocks of input channels. Channels that do not fill a
tile are padded with zeros.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights4 = tuple[int, int, int, int]


def parts(count: int, size: int) -> list[int]:
    """Part so many channels into blocks of a size; the last one may be smaller."""
    return [min(size, count - first) for first in range(0, count, size)]


@dataclass(frozen=True, slots=True)
class Tiling:
    """How weights of a shape (out, kernel rows, kernel columns, in / groups) part into tiles."""

    shape: Weights4
    groups: int
    rows: int
    columns: int

    @property
    def made(self) -> int:
        """Output channels of a group."""
        return self.shape[0] // self.groups

    @property
    def blocks(self) -> int:
        """Output blocks, of all groups."""
        return self.groups * len(parts(self.made, self.columns))

    @property
    def input_blocks(self) -> int:
        """Blocks of a group's input channels."""
        return len(parts(self.shape[3], self.rows))

    @property
    def positions(self) -> int:
        """Positions of an output block."""
        return self.shape[1] * self.shape[2] * self.input_blocks

    @property
    def weights(self) -> int:
        """How many weights there are, padding left out."""
        return math.prod(self.shape)

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Weights of each tile, padding left out: (blocks, positions)."""
        kernel = self.shape[1] * self.shape[2]
        outputs = np.array(parts(self.made, self.columns) * self.groups, np.int64)
        return np.outer(outputs, np.array(parts(self.shape[3], self.rows) * kernel, np.int64))

    @property
    def padded(self) -> tuple[int, ...]:
        """Shape of the padded weights by axis: groups, blocks, columns, kernel, blocks, rows."""
        blocks = self.blocks // self.groups
        return (self.groups, blocks, self.columns, *self.shape[1:3], self.input_blocks, self.rows)

    def cut(self, weights: Array) -> Array:
        """Return all tiles of weights: (blocks, positions, rows, columns)."""
        _, high, wide, given = self.shape
        more = -self.made % self.columns, -given % self.rows
        by_group = weights.reshape(self.groups, self.made, high, wide, given)
        padded = np.pad(by_group, ((0, 0), (0, more[0]), (0, 0), (0, 0), (0, more[1])))
        tiles = padded.reshape(self.padded).transpose(0, 1, 3, 4, 5, 6, 2)
        return tiles.reshape(self.blocks, self.positions, self.rows, self.columns)

    def join(self, tiles: Array) -> Array:
        """Return the weights of all tiles (blocks, positions, rows, columns)."""
        groups, blocks, columns, high, wide, inputs, rows = self.padded
        by_axis = tiles.reshape(groups, blocks, high, wide, inputs, rows, columns)
        padded = by_axis.transpose(0, 1, 6, 2, 3, 4, 5)
        channels = padded.reshape(groups, blocks * columns, high, wide, inputs * rows)
        return channels[:, : self.made, :, :, : self.shape[3]].reshape(self.shape)

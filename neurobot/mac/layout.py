"""How maps lie in the activation memory, and how many words are read and written of them.

A map lies place by place, row after row, channels together; a place begins at a lane, a map at a
word. Who reads keeps the last word that it read, and asks only for another one; a written word is
gathered likewise. Words that several rows of the array need in one cycle come from different banks,
or wait in buffers: conflicts are not modelled (assumed).
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.mac.array import lanes_each, packing
from neurobot.qnet.signals import Shape

Numbers: TypeAlias = NDArray[np.int64]
Pair: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """A map of values of so many bits in words of so many lanes."""

    shape: Shape
    bits: int
    word_lanes: int

    def first(self, channel: Any) -> Any:
        """Return the lane of its place at which a channel begins."""
        return channel // packing(self.bits) * lanes_each(self.bits)

    def last(self, channel: Any) -> Any:
        """Return the lane of its place at which a channel ends."""
        return self.first(channel) + lanes_each(self.bits) - 1

    @property
    def lanes(self) -> int:
        """Lanes of a place."""
        return int(self.last(self.shape[2] - 1)) + 1

    @property
    def places(self) -> int:
        """How many places there are."""
        return self.shape[0] * self.shape[1]

    @property
    def values(self) -> int:
        """How many values there are."""
        return self.places * self.shape[2]

    @property
    def words(self) -> int:
        """How many words hold the map, which is also how many are read or written in order."""
        return -(-self.places * self.lanes // self.word_lanes)

    @property
    def size_bytes(self) -> int:
        """Bytes of those words."""
        return self.words * self.word_lanes

    def writes(self, start: int, stop: int) -> int:
        """How many words take channels start..stop - 1 of all places, one after the other."""
        corners = np.arange(self.places, dtype=np.int64) * self.lanes
        ends = (
            (corners + lane) // self.word_lanes for lane in (self.first(start), self.last(stop - 1))
        )
        return changes(*ends)


def changes(first: Numbers, last: Numbers, tile: Numbers | None = None) -> int:
    """How many words are met by going through ranges of words, first..last each.

    The word that a range begins with is not met again if the range before ended with it; in another
    tile it is.
    """
    again = first[1:] == last[:-1]
    if tile is not None:
        again &= tile[1:] == tile[:-1]
    return int((last - first + 1).sum() - again.sum())


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows that move over a map."""

    size: Pair
    stride: Pair
    padding: Pair
    made: Pair  # how many there are, by row and by column

    def ranges(self, shape: Shape, axis: int) -> Numbers:
        """Return where each window begins, and its first and one past its last index on the map."""
        begins = np.arange(self.made[axis]) * self.stride[axis] - self.padding[axis]
        inside = np.maximum(-begins, 0), np.minimum(shape[axis] - begins, self.size[axis])
        return np.stack([begins, *inside], axis=1).astype(np.int64)

    def met(self, shape: Shape) -> int:
        """How many places of the map all windows meet, each as often as windows meet it."""
        rows, columns = (self.ranges(shape, axis) for axis in (0, 1))
        return int((rows[:, 2] - rows[:, 1]).sum() * (columns[:, 2] - columns[:, 1]).sum())


def window_reads(layout: Layout, windows: Windows, channels: Pair, tile: Numbers) -> int:
    """How many words are read of a map by going through windows, each row by row, place by place.

    channels: those that are read of each place, one past the last; tile: (rows, columns, channels)
    of a window, the tile in which each value is read. Nothing is read where there is no map, and
    nothing is kept from one window, or one tile, to the next.
    """
    lanes, total = lanes_of(layout, windows.size, channels), 0
    for (corner, top, bottom, left, right), count in distinct(layout, windows):
        ends = lanes[:, top:bottom, left:right].reshape(2, -1)
        first, last = (corner + ends) // layout.word_lanes
        total += count * changes(first, last, tile[top:bottom, left:right].reshape(-1))
    return total


def distinct(layout: Layout, windows: Windows) -> list[tuple[tuple[int, ...], int]]:
    """Return windows that differ in how they lie on the map and to its words, and how many do.

    A window: the lane of its corner within a word; its first row and one past its last one that lie
    on the map; the same of its columns.
    """
    rows, columns = (windows.ranges(layout.shape, axis) for axis in (0, 1))
    pairs = np.array(list(product(rows, columns))).reshape(-1, 6)
    corners = (pairs[:, 0] * layout.shape[1] + pairs[:, 3]) * layout.lanes % layout.word_lanes
    keys = np.column_stack([corners, pairs[:, 1:3], pairs[:, 4:6]])
    found, counts = np.unique(keys, axis=0, return_counts=True)
    return [(tuple(key), count) for key, count in zip(found.tolist(), counts.tolist(), strict=True)]


def lanes_of(layout: Layout, size: Pair, channels: Pair) -> Numbers:
    """Return the first and last lanes of a window's values, from its corner on.

    Shape: (2, rows, columns, channels).
    """
    numbers = np.arange(*channels, dtype=np.int64)
    ends = np.stack([layout.first(numbers), layout.last(numbers)])
    down = np.arange(size[0])[:, None, None] * layout.shape[1]
    right = np.arange(size[1])[:, None]
    return np.asarray((down + right) * layout.lanes + ends[:, None, None, :], np.int64)

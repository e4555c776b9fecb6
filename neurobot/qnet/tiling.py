"""Kernels on arrays of cells: a tile holds whole kernels of a run of channels, never a cut one."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tiling:
    """How the inputs of a layer lie on the rows of arrays.

    channels: of the input; area: rows that a channel takes, one for each place of the kernel; rows:
    of an array.
    """

    channels: int
    area: int
    rows: int

    @property
    def most(self) -> int:
        """Channels of a full tile."""
        return min(self.rows // self.area, self.channels)

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return -(-self.channels // self.most)

    @property
    def counts(self) -> tuple[int, ...]:
        """Channels of each tile; the last one holds what is left."""
        last = self.channels - (self.tiles - 1) * self.most
        return (self.most,) * (self.tiles - 1) + (last,)

    @property
    def rows_used(self) -> tuple[int, ...]:
        """Rows that hold cells, by tile."""
        return tuple(count * self.area for count in self.counts)


def make_tiling(name: str, channels: int, kernel: Sequence[int], rows: int) -> Tiling:
    """Tile channels of kernels (rows, columns); refuse a kernel that no array holds."""
    height, width = kernel
    if height * width > rows:
        raise ValueError(
            f"{name}: a kernel of {height} x {width} needs {height * width} rows, an array has "
            f"{rows}; allowed: at least as many rows, for no kernel is cut"
        )
    return Tiling(channels, height * width, rows)

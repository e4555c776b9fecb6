"""A convolution's weights as the weight memory holds them: tiles that are not all 0, an index."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.fixed import Ints, signed_range
from neurobot.mars.codes import CODES, Mask, Numbers, best_code, best_gap_bits, counts_of
from neurobot.mars.codes import code_sizes as mask_sizes
from neurobot.mars.silicon import SLOTS, Silicon
from neurobot.mars.tiling import Array, Tiling, Weights4
from neurobot.qnet.checks import WHOLE, numbers


@dataclass(frozen=True, eq=False, slots=True)
class Packed:
    """Packed weights. The index says all that is not in the tiles; code: how it is written.

    index: its bits, eight a byte; gap_bits: what `delta` takes for a gap, 0 for other codes; tiles:
    (kept, rows, columns), int8, in the order of blocks, then positions.
    """

    tiling: Tiling
    slot: int
    code: str
    gap_bits: int
    index: NDArray[np.uint8]
    index_bits: int
    tiles: NDArray[np.int8]

    @property
    def shape(self) -> Weights4:
        """Shape of the weights: (out, kernel rows, kernel columns, in / groups)."""
        return self.tiling.shape

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.tiling.groups

    @property
    def rows(self) -> int:
        """Rows of a tile."""
        return self.tiling.rows

    @property
    def columns(self) -> int:
        """Columns of a tile."""
        return self.tiling.columns

    @property
    def positions(self) -> int:
        """Positions of an output block."""
        return self.tiling.positions

    @property
    def blocks(self) -> int:
        """Output blocks."""
        return self.tiling.blocks

    @property
    def mask(self) -> Mask:
        """Which tiles are kept, as the index says: (blocks, positions)."""
        bits = np.unpackbits(self.index, count=self.index_bits)
        return CODES[self.code].read(bits, (self.blocks, self.positions), self.gap_bits)

    @property
    def counts(self) -> Numbers:
        """How many tiles each block keeps, (blocks,)."""
        return counts_of(self.mask)

    @property
    def places(self) -> Numbers:
        """Positions of the kept tiles, (kept,)."""
        return np.nonzero(self.mask)[1]

    @property
    def kept(self) -> int:
        """How many tiles are kept."""
        return len(self.tiles)

    @property
    def tile_bits(self) -> int:
        """Bits of a tile."""
        return self.rows * self.columns * self.slot

    @property
    def stored_bits(self) -> int:
        """Bits of the kept tiles and of the index."""
        return self.kept * self.tile_bits + self.index_bits

    @property
    def dense_bits(self) -> int:
        """Bits of all tiles, if they needed no index."""
        return self.blocks * self.positions * self.tile_bits


def check_weights(name: str, weights: Array, bits: int, groups: int) -> None:
    """Refuse weights that no macro holds, or that are not of the bits that they are said to be."""
    if bits > SLOTS[-1]:
        raise ValueError(
            f"{name}: weights of {bits} signed bits found; macros hold at most {SLOTS[-1]}"
        )
    (low, high), least, most = signed_range(bits), int(weights.min()), int(weights.max())
    if least < low or most > high:
        raise ValueError(
            f"{name}: weights of {least}..{most} found; {bits} signed bits hold {low}..{high}"
        )
    if len(weights) % groups:
        raise ValueError(
            f"{name}: groups = {groups} found; allowed: a divisor of {len(weights)} channels"
        )


def encode(
    integers: ArrayLike,
    silicon: Silicon | None = None,
    *,
    bits: int = SLOTS[-1],
    groups: int = 1,
    name: str = "weights",
) -> Packed:
    """Pack weights (out, kernel rows, kernel columns, in / groups), of so many signed bits.

    name: what refusals begin with.
    """
    silicon = silicon or Silicon()
    weights = numbers(name, integers, 4, WHOLE)
    check_weights(name, weights, bits, groups)
    slot = silicon.slot(bits)
    out, high, wide, given = weights.shape
    tiling = Tiling((out, high, wide, given), groups, silicon.rows, silicon.columns(slot))
    tiles = tiling.cut(weights.astype(np.int8))
    mask = np.asarray(tiles.any(axis=(2, 3)))
    code = best_code(mask)
    gap_bits = best_gap_bits(mask) if code == "delta" else 0
    index = CODES[code].write(mask, gap_bits)
    return Packed(tiling, slot, code, gap_bits, np.packbits(index), len(index), tiles[mask])


def decode(packed: Packed) -> Ints:
    """Return the weights that were packed, from the index and the kept tiles alone."""
    mask = packed.mask
    tiles = np.zeros((*mask.shape, packed.rows, packed.columns), np.int32)
    tiles[mask] = packed.tiles
    return packed.tiling.join(tiles)


def code_sizes(packed: Packed) -> dict[str, int]:
    """Return how many bits each code takes for an index."""
    return mask_sizes(packed.mask)

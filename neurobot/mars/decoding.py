"""Where a core puts its tiles, whatever its index says: what its decoder does with any bits.

It goes through the tiles in the order in which they are stored, and through the index in the order
in which it was written. Tiles for which the index has no block left are never met. A tile whose
position lies beyond its block multiplies what is no input, and is lost; where the index tells of
more tiles than there are, there are zeros. All of this is assumed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from neurobot.mars.codes import CODES, Bits, Numbers, Pair, place_bits, read, read_counts
from neurobot.mars.packing import Packed
from neurobot.mars.schedule import balance

LOST = -1


def placed(blocks: Numbers, places: Numbers, positions: int, tiles: int) -> Numbers:
    """Return where tiles belong, block by block and position by position; -1 where nowhere."""
    found = np.full(tiles, LOST, np.int64)
    count = min(len(blocks), len(places), tiles)
    targets = blocks[:count] * positions + places[:count]
    found[:count] = np.where(places[:count] < positions, targets, LOST)
    return found


def place_bitmap(bits: Bits, shape: Pair, _: int, tiles: int) -> Numbers:
    """Go from 1 to 1."""
    blocks, places = np.nonzero(bits.reshape(shape))
    return placed(blocks, places, shape[1], tiles)


def place_list(bits: Bits, shape: Pair, _: int, tiles: int) -> Numbers:
    """Give each block as many tiles as its count says."""
    counts, rest = read_counts(bits, shape)
    blocks = np.repeat(np.arange(shape[0]), counts)
    return placed(blocks, read(rest, tiles, place_bits(shape[1])), shape[1], tiles)


def place_delta(bits: Bits, shape: Pair, gap_bits: int, tiles: int) -> Numbers:
    """Give each block as many tiles as its count says, each so far behind the one before."""
    counts, rest = read_counts(bits, shape)
    blocks = np.repeat(np.arange(shape[0]), counts)[:tiles]
    symbols = iter(read(rest, len(rest) // gap_bits, gap_bits).tolist())
    skip, places = (1 << gap_bits) - 1, list[int]()
    block = position = LOST
    for own in blocks.tolist():
        if own != block:
            block, position = own, LOST
        for symbol in symbols:
            position += symbol if symbol == skip else symbol + 1
            if symbol != skip:
                places.append(position)
                break
    return placed(blocks, np.array(places, np.int64), shape[1], tiles)


DECODERS: dict[str, Callable[[Bits, Pair, int, int], Numbers]] = {
    "bitmap": place_bitmap,
    "list": place_list,
    "delta": place_delta,
}


class Share(NamedTuple):
    """What one core has of a layer: its blocks, which of all tiles are theirs, bits of index."""

    blocks: Numbers
    tiles: Numbers
    bits: slice


class Index:
    """The index of a layer as so many cores hold it, each that of its blocks, one after the other.

    bits: what was written, (bits,) of 0 and 1.
    """

    def __init__(self, packed: Packed, cores: int) -> None:
        self._packed, mask = packed, packed.mask
        code, block_of = CODES[packed.code], np.nonzero(mask)[0]
        self._shares: list[Share] = []
        written = [np.zeros(0, np.uint8)]
        for own in balance(packed.counts.tolist(), cores):
            blocks, first = np.array(own, np.int64), sum(map(len, written))
            bits = code.write(mask[blocks], packed.gap_bits) if own else written[0]
            tiles = np.flatnonzero(np.isin(block_of, blocks))
            self._shares.append(Share(blocks, tiles, slice(first, first + len(bits))))
            written.append(bits)
        self.bits: Bits = np.concatenate(written)

    def targets(self, bits: Bits) -> Numbers:
        """Return where bits put each stored tile, block by block, position by position; or -1."""
        packed, found = self._packed, np.full(self._packed.kept, LOST, np.int64)
        for blocks, tiles, part in self._shares:
            shape = len(blocks), packed.positions
            given = bits[part], shape, packed.gap_bits, len(tiles)
            block, place = np.divmod(DECODERS[packed.code](*given), packed.positions)
            known = block != LOST
            found[tiles[known]] = blocks[block[known]] * packed.positions + place[known]
        return found

"""Where a core puts its tiles, whatever its index says: what its decoder does with any bits.

It goes through the tiles in the order in which they are stored, and through the index in the order
in which it was written. Tiles for which the index has no block left are never met. A tile whose
position lies beyond its block multiplies what is no input, and is lost; where the index tells of
more tiles than there are, there are zeros. All of this is assumed.
"""

from collections.abc import Callable

import numpy as np

from neurobot.mars.codes import Bits, Numbers, Pair, place_bits, read, read_counts

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

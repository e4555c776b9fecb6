"""Three ways to write down which tiles are kept; that they are these three is assumed.

A mask (blocks, positions) says of each output block at which of its positions a tile is kept. Every
code is a string of bits, numbers with their highest bit first:

- bitmap: for each position of each block, whether there is a tile;
- list: how many tiles each block keeps; then the number of each one's position;
- delta: how many tiles each block keeps; then, in 2..4 bits for each tile, how many positions lie
  between it and the one before. The highest such number skips as many, and no tile follows yet.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.uint8]
Pair: TypeAlias = tuple[int, int]

GAP_BITS = (2, 3, 4)


def write(numbers: NDArray[Any], width: int) -> Bits:
    """Return the bits of numbers, so many of each."""
    digits = numbers.reshape(-1, 1) >> np.arange(width)[::-1] & 1
    return np.asarray(digits.reshape(-1), np.uint8)


def read(bits: Bits, count: int, width: int) -> Numbers:
    """Return the first so many numbers, of so many bits each."""
    digits = bits[: count * width].reshape(count, width).astype(np.int64)
    return np.asarray(digits @ (1 << np.arange(width, dtype=np.int64)[::-1]), np.int64)


def counts_of(mask: Mask) -> Numbers:
    """Return how many tiles each block keeps."""
    return np.asarray(mask.sum(axis=1), np.int64)


def count_bits(positions: int) -> int:
    """Return how many bits say how many of the positions have a tile."""
    return positions.bit_length()


def place_bits(positions: int) -> int:
    """Return how many bits say which of the positions is meant."""
    return (positions - 1).bit_length()


def read_counts(bits: Bits, shape: Pair) -> tuple[Numbers, Bits]:
    """Return how many tiles each block keeps, and the bits behind that."""
    blocks, width = shape[0], count_bits(shape[1])
    return read(bits, blocks, width), bits[blocks * width :]


def mask_of(shape: Pair, counts: Numbers, places: Numbers) -> Mask:
    """Return the mask of tiles at such positions, block after block."""
    mask = np.zeros(shape, np.bool_)
    mask[np.repeat(np.arange(shape[0]), counts), places] = True
    return mask


def gaps_of(mask: Mask) -> Numbers:
    """Return how many positions lie between each tile and the one before in its block."""
    blocks, places = np.nonzero(mask)
    before = np.where(np.diff(blocks, prepend=-1) == 0, np.roll(places, 1), -1)
    return np.asarray(places - before - 1, np.int64)


def bitmap_sizes(mask: Mask, _: int) -> Numbers:
    """Return the bits of each block."""
    return np.full(mask.shape[0], mask.shape[1], np.int64)


def write_bitmap(mask: Mask, _: int) -> Bits:
    """Write the mask as it is."""
    return mask.reshape(-1).astype(np.uint8)


def read_bitmap(bits: Bits, shape: Pair, _: int) -> Mask:
    """Read the mask as it is."""
    return bits.reshape(shape).astype(np.bool_)


def list_sizes(mask: Mask, _: int) -> Numbers:
    """Return the bits of each block, those of its count included."""
    positions = mask.shape[1]
    return count_bits(positions) + place_bits(positions) * counts_of(mask)


def write_list(mask: Mask, _: int) -> Bits:
    """Write counts, then positions."""
    positions = mask.shape[1]
    heads = write(counts_of(mask), count_bits(positions))
    return np.concatenate([heads, write(np.nonzero(mask)[1], place_bits(positions))])


def read_list(bits: Bits, shape: Pair, _: int) -> Mask:
    """Read counts, then positions."""
    counts, rest = read_counts(bits, shape)
    return mask_of(shape, counts, read(rest, int(counts.sum()), place_bits(shape[1])))


def delta_sizes(mask: Mask, gap_bits: int) -> Numbers:
    """Return the bits of each block, those of its count included."""
    symbols = gaps_of(mask) // ((1 << gap_bits) - 1) + 1
    by_block = np.bincount(np.nonzero(mask)[0], symbols, mask.shape[0]).astype(np.int64)
    return count_bits(mask.shape[1]) + gap_bits * by_block


def write_delta(mask: Mask, gap_bits: int) -> Bits:
    """Write counts, then gaps, each behind as many skips as it needs."""
    skip, gaps = (1 << gap_bits) - 1, gaps_of(mask)
    ends = np.cumsum(gaps // skip + 1) - 1
    symbols = np.full(ends[-1] + 1 if len(ends) else 0, skip)
    symbols[ends] = gaps % skip
    heads = write(counts_of(mask), count_bits(mask.shape[1]))
    return np.concatenate([heads, write(symbols, gap_bits)])


def read_delta(bits: Bits, shape: Pair, gap_bits: int) -> Mask:
    """Read counts, then gaps until all tiles have come."""
    counts, rest = read_counts(bits, shape)
    skip, symbols = (1 << gap_bits) - 1, read(rest, len(rest) // gap_bits, gap_bits)
    ends = symbols < skip
    reached = np.cumsum(symbols + ends)[ends]  # counted on through all blocks
    firsts = (np.cumsum(counts) - counts)[counts > 0]
    before = np.concatenate([[0], reached])[firsts]
    places = reached - 1 - np.repeat(before, counts[counts > 0])
    return mask_of(shape, counts, places)


class Code(NamedTuple):
    """A code: how many bits each block takes, all bits of a mask, and the mask that bits say.

    Each function takes the bits of a gap last, which only `delta` heeds.
    """

    sizes: Callable[[Mask, int], Numbers]
    write: Callable[[Mask, int], Bits]
    read: Callable[[Bits, Pair, int], Mask]


CODES = {
    "bitmap": Code(bitmap_sizes, write_bitmap, read_bitmap),
    "list": Code(list_sizes, write_list, read_list),
    "delta": Code(delta_sizes, write_delta, read_delta),
}


def best_gap_bits(mask: Mask) -> int:
    """Return in how many bits gaps take the least."""
    return min(GAP_BITS, key=lambda width: int(delta_sizes(mask, width).sum()))


def code_sizes(mask: Mask) -> dict[str, int]:
    """Return how many bits each code takes."""
    gap_bits = best_gap_bits(mask)
    return {name: int(code.sizes(mask, gap_bits).sum()) for name, code in CODES.items()}


def best_code(mask: Mask) -> str:
    """Return the code that takes the fewest bits; of equal ones, the first."""
    sizes = code_sizes(mask)
    return min(sizes, key=sizes.__getitem__)

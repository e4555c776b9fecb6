"""Weights as digits of memory cells: signed codes cut into slices of a few bits each.

A code n of B bits lies in S = ceil(B / b) cells of b bits. In each encoding

    n = sum of place * digit over the cells - correction,

with places beta^j, beta = 2^b, j = 0 the least significant. `offset` stores n + 2^(B-1), so that no
digit is negative, and what it is too large by is subtracted digitally. `differential` stores
max(n, 0) in S cells and max(-n, 0) in S more, whose places are negative. `signed_msb` lets the top
digit be negative; no cell can, so it states an algorithm, not a circuit.
"""

import reprlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.fixed import Ints, check_range, signed_range
from neurobot.qnet.checks import MOST_BITS, WHOLE, as_array, whole

ENCODINGS = ("offset", "differential", "signed_msb")


def check_slicing(name: str, bits: Any, cell_bits: Any, encoding: Any) -> None:
    """Refuse weights of no bits, cells of more bits than a weight, and unknown encodings."""
    bits = whole(f"{name}: weight_bits", bits, 1, MOST_BITS)
    whole(f"{name}: cell_bits", cell_bits, 1, bits)
    if encoding not in ENCODINGS:
        raise ValueError(
            f"{name}: encoding = {reprlib.repr(encoding)} found; "
            f"allowed: {', '.join(map(repr, ENCODINGS))}"
        )


def slices(bits: int, cell_bits: int) -> int:
    """Return how many cells hold a code: S."""
    return -(-bits // cell_bits)


def place_values(bits: int, cell_bits: int, encoding: str) -> NDArray[np.int64]:
    """Return what 1 in each cell of a code stands for: (S,), or (2 S,) where differential."""
    check_slicing("places", bits, cell_bits, encoding)
    places = np.int64(1) << cell_bits * np.arange(slices(bits, cell_bits), dtype=np.int64)
    return np.concatenate([places, -places]) if encoding == "differential" else places


def correction(bits: int, encoding: str) -> int:
    """Return by how much the digits stand for more than the code."""
    return 1 << (bits - 1) if encoding == "offset" else 0


def cut(codes: Ints, bits: int, cell_bits: int) -> Ints:
    """Cut codes into digits (S, ...), the top one with the sign."""
    count = slices(bits, cell_bits)
    digits = np.stack([codes >> j * cell_bits for j in range(count)])
    digits[:-1] &= (1 << cell_bits) - 1
    return digits


def slice_codes(codes: ArrayLike, bits: int, cell_bits: int, encoding: str) -> Ints:
    """Cut signed codes of so many bits into digits (S, ...), or (2 S, ...) where differential."""
    check_slicing("slices", bits, cell_bits, encoding)
    array = as_array("codes", codes)
    if array.dtype.kind not in WHOLE:
        raise ValueError(f"codes: {array.dtype} found; allowed: whole numbers")
    check_range("codes", array, *signed_range(bits))
    signed = array.astype(np.int32)
    if encoding == "differential":
        signed = np.stack([signed.clip(min=0), -signed.clip(max=0)])
        return np.concatenate([cut(part, bits, cell_bits) for part in signed])
    return cut(signed + correction(bits, encoding), bits, cell_bits)

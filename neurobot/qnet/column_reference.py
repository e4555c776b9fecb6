"""Convolution in memory, slow and obvious: plain NumPy, a loop each over tiles, slices and cycles.

What the compiled kernels must equal, and where to read what a `ColumnConv` does. An image is a map
(rows, columns, channels) of codes of `bits` bits. Sums of columns are (L, rows, columns, T, S', O):
whole numbers, or where cells are given float32 ones, that are summed in the order (row, column,
channel of the tile), each product and each sum rounded to float32.
"""

from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.qnet.checks import Reals
from neurobot.qnet.columns import ColumnConv, Doubles
from neurobot.qnet.signals import Signal

Numbers = NDArray[np.int64] | Reals


def windows(conv: ColumnConv, image: ArrayLike) -> NDArray[np.int64]:
    """Return the inputs of each window, by tile: (rows, columns, T, channels, *tile_kernel)."""
    (top, left), (down, right), (height, width) = conv.padding, conv.stride, conv.kernel
    padded = np.pad(np.asarray(image, np.int64), ((top, top), (left, left), (0, 0)))
    rows = range(0, len(padded) - height + 1, down)
    columns = range(0, padded.shape[1] - width + 1, right)
    found = [[padded[y : y + height, x : x + width] for x in columns] for y in rows]
    return np.moveaxis(conv.by_tile(np.array(found)), 0, 2)


def column_sums(
    conv: ColumnConv,
    image: ArrayLike,
    bits: int,
    cells: Reals | None = None,
    reference: Reals | None = None,
) -> Numbers:
    """Return what each column sums in each cycle, in cell units.

    cells: (T, S', O, channels, *tile_kernel) instead of the digits; reference: (T, channels,
    *tile_kernel) of a column in each tile, whose sum is subtracted from all others.
    """
    inputs = windows(conv, image)
    cycles = [conv.drive(inputs, cycle) for cycle in range(conv.cycles(bits))]
    if cells is None and reference is None:
        return np.stack([whole_sums(driven, conv.digits) for driven in cycles])
    held = conv.digits if cells is None else cells
    real = np.stack([real_sums(driven, held) for driven in cycles])
    if reference is None:
        return real
    less = np.stack([real_sums(driven, reference[:, None, None]) for driven in cycles])
    return np.asarray(real - less)


def whole_sums(driven: NDArray[np.int64], digits: NDArray[np.int32]) -> NDArray[np.int64]:
    """Sum exactly."""
    sums = np.zeros((*driven.shape[:2], *digits.shape[:3]), np.int64)
    for t, j in product(*map(range, digits.shape[:2])):
        sums[:, :, t, j] = np.tensordot(driven[:, :, t], digits[t, j], ((2, 3, 4), (1, 2, 3)))
    return sums


def real_sums(driven: NDArray[np.int64], cells: NDArray[np.generic]) -> Reals:
    """Sum in float32, in order."""
    inputs, held = driven.astype(np.float32), cells.astype(np.float32)
    sums = np.zeros((*driven.shape[:2], *cells.shape[:3]), np.float32)
    for row, column, channel in product(*(range(cells.shape[axis]) for axis in (4, 5, 3))):
        given = inputs[:, :, :, channel, row, column, None, None]
        sums = sums + given * held[:, :, :, channel, row, column]
    return sums


def convert(conv: ColumnConv, sums: ArrayLike) -> Doubles:
    """Return the code of each sum."""
    return conv.convert(sums)


def input_sums(conv: ColumnConv, image: ArrayLike) -> NDArray[np.int64]:
    """Return the sum of each window's inputs, by tile: (rows, columns, T)."""
    return np.asarray(windows(conv, image).sum(axis=(3, 4, 5)))


def dequantize(conv: ColumnConv, codes: Doubles, inputs: NDArray[np.int64]) -> Doubles:
    """Return the output that codes stand for, as real numbers (rows, columns, O).

    Each code is scaled, then all are summed: constants are neither merged nor rounded.
    """
    result = np.zeros((*codes.shape[1:3], codes.shape[5]))
    steps = conv.steps.astype(np.float64)
    for t in range(conv.tiles):
        for j, place in enumerate(conv.places.tolist()):
            for cycle in range(len(codes)):
                meant = codes[cycle, :, :, t, j] * conv.adc_step[t, j] + conv.adc_offset[t, j]
                result += steps[t] * place * 2 ** (conv.dac_bits * cycle) * meant
        result -= steps[t] * conv.correction * inputs[:, :, t, None]
    return result


def merge(conv: ColumnConv, codes: Doubles, inputs: NDArray[np.int64]) -> Doubles:
    """Return the output and a half, times 2^fraction: whole numbers, whose constants are merged.

    Ideal converters of real sums make real numbers; all is added in the order that stands here.
    """
    cycles, weights = len(codes), conv.dac_bits * np.arange(len(codes))
    total = np.zeros((*codes.shape[1:3], codes.shape[5])) + (1 << conv.fraction) // 2
    total += conv.constants(cycles * conv.dac_bits)
    for t in range(conv.tiles):
        total -= conv.corrections[t] * inputs[:, :, t, None]
    for t, j, cycle in product(range(conv.tiles), range(conv.columns_of_output), range(cycles)):
        total += conv.multipliers[t, j] * np.ldexp(codes[cycle, :, :, t, j], weights[cycle])
    return total


def settle(conv: ColumnConv, total: Doubles, source: Signal) -> NDArray[np.int32]:
    """Round down to integers; real sums may leave the output's range, and stop at its ends."""
    made = conv.signal(source)
    whole = np.floor(np.ldexp(total, -conv.fraction))
    return np.asarray(whole.clip(made.lowest, made.highest), np.int32)


def integers(
    conv: ColumnConv,
    image: ArrayLike,
    source: Signal,
    cells: Reals | None = None,
    reference: Reals | None = None,
) -> NDArray[np.int32]:
    """Return the layer's output map (rows, columns, O), as `Runner` makes it; source: the input."""
    codes = convert(conv, column_sums(conv, image, source.bits, cells, reference))
    return settle(conv, merge(conv, codes, input_sums(conv, image)), source)


def reference(conv: ColumnConv, image: ArrayLike, bits: int) -> Doubles:
    """Return the output as real numbers: what all codes stand for."""
    codes = convert(conv, column_sums(conv, image, bits))
    return dequantize(conv, codes, input_sums(conv, image))

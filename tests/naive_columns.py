"""What columns of memory cells do, once more: a loop per index, exact rationals, no arrays.

Written from the description of the arithmetic alone: weights are cut by division, float32 is
rounding to 24 significant bits, tiles are filled row by row of the array.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

from naive_qnet import Map, extent, starts

from neurobot.qnet import ColumnConv

Place = tuple[int, int, int]


def to_float32(value: Fraction) -> Fraction:
    """Round to 24 significant bits, half to even; no value here is near the ends of the range."""
    size = value.numerator.bit_length() - value.denominator.bit_length() - 24
    unit = Fraction(2) ** size
    if abs(value) >= 2**24 * unit:
        unit *= 2
    assert value == 0 or 2**23 <= abs(value) / unit < 2**24
    return round(value / unit) * unit


def naive_digits(code: int, bits: int, cell_bits: int, encoding: str) -> list[int]:
    """Cut a code into digits by division, least significant first."""
    count = 1
    while count * cell_bits < bits:
        count += 1
    if encoding == "differential":
        parts = [max(code, 0), max(-code, 0)]
    else:
        parts = [code + 2 ** (bits - 1)]
    digits = []
    for part in parts:
        for _ in range(count):
            part, digit = divmod(part, 2**cell_bits)
            digits.append(digit)
        assert part == 0
    if encoding == "signed_msb":
        digits[-1] -= 2 ** (bits - 1) // 2 ** (cell_bits * (count - 1))
    return digits


def naive_places(layer: ColumnConv) -> list[int]:
    """What 1 in each column of an output stands for."""
    count = len(naive_digits(0, layer.weight_bits, layer.cell_bits, layer.encoding))
    signs = [1, -1] if layer.encoding == "differential" else [1]
    return [s * 2 ** (layer.cell_bits * j) for s in signs for j in range(count // len(signs))]


def rows_of_tiles(layer: ColumnConv) -> list[list[Place]]:
    """Put places (row, column, channel) of a window on rows; where one is full, begin an array."""
    _, high, wide, given = layer.weights.shape
    kernels = [[(i, j, c) for i, j in product(range(high), range(wide))] for c in range(given)]
    if layer.flat:
        kernels = [[place] for kernel in kernels for place in kernel]
    tiles: list[list[Place]] = [[]]
    for kernel in kernels:
        if len(tiles[-1]) + len(kernel) > layer.rows:
            tiles.append([])
        tiles[-1] += kernel
    return tiles


def number(value: Any) -> Fraction:
    return Fraction(float(value))


def naive_code(layer: ColumnConv, total: int, column: tuple[int, int, int]) -> Fraction:
    """Convert a column's sum."""
    if layer.adc_bits is None:
        return Fraction(total)
    step, offset = number(layer.adc_step[column]), number(layer.adc_offset[column])
    ratio = to_float32(to_float32(to_float32(Fraction(total)) - offset) / step)
    low, high = 0, 1
    if layer.adc_bits > 1:
        low, high = -(2 ** (layer.adc_bits - 1)), 2 ** (layer.adc_bits - 1) - 1
    return Fraction(min(max(round(ratio), low), high))


class Naive:
    """Maps of real and of whole outputs, inputs not 0 that were applied, and all column sums."""

    def __init__(self, layer: ColumnConv, given: Map, bits: int) -> None:
        self.layer, self.given = layer, given
        self.cycles = list(range(0, bits, layer.dac_bits))
        self.tiles, self.places = rows_of_tiles(layer), naive_places(layer)
        self.weights = layer.weights.tolist()
        self.real: dict[Place, Fraction] = {}
        self.whole: Map = {}
        self.sums: list[int] = []
        self.taps = 0
        rows, columns, _ = extent(given)
        _, high, wide, _ = layer.weights.shape
        tops = starts(rows, high, layer.stride[0], layer.padding[0])
        lefts = starts(columns, wide, layer.stride[1], layer.padding[1])
        for (y, top), (x, left) in product(enumerate(tops), enumerate(lefts)):
            driven = [
                [given.get((top + i, left + j, c), 0) for i, j, c in tile] for tile in self.tiles
            ]
            self.count(driven)
            for o in range(len(self.weights)):
                self.real[y, x, o], self.whole[y, x, o] = self.output(driven, o)

    def applied(self, code: int, cycle: int) -> int:
        return code // (1 << cycle) % (1 << self.layer.dac_bits)

    def count(self, driven: list[list[int]]) -> None:
        for tile in driven:
            for code, cycle in product(tile, self.cycles):
                self.taps += self.applied(code, cycle) != 0

    def columns(self, driven: list[list[int]], o: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield tile, slice, cycle and sum of the columns of an output."""
        layer = self.layer
        for t, (tile, inputs) in enumerate(zip(self.tiles, driven, strict=True)):
            cells = [
                naive_digits(
                    self.weights[o][i][j][c], layer.weight_bits, layer.cell_bits, layer.encoding
                )
                for i, j, c in tile
            ]
            for j, cycle in product(range(len(self.places)), self.cycles):
                pairs = zip(cells, inputs, strict=True)
                yield t, j, cycle, sum(cell[j] * self.applied(a, cycle) for cell, a in pairs)

    def output(self, driven: list[list[int]], o: int) -> tuple[Fraction, int]:
        """Return an output as a real number, and as the whole number that the layer makes of it."""
        layer, one = self.layer, 2**self.layer.fraction
        real = offsets = Fraction(0)
        total = 0
        for t, j, cycle, found in self.columns(driven, o):
            self.sums.append(found)
            code = naive_code(layer, found, (t, j, o))
            scale = self.places[j] * number(layer.steps[t, o])
            step, offset = number(layer.adc_step[t, j, o]), number(layer.adc_offset[t, j, o])
            real += 2**cycle * scale * (step * code + offset)
            total += 2**cycle * round(one * scale * step) * int(code)
            offsets += 2**cycle * one * scale * offset
        total += round(float(offsets))
        if layer.encoding == "offset":
            for t, inputs in enumerate(driven):
                less = 2 ** (layer.weight_bits - 1) * number(layer.steps[t, o])
                real -= less * sum(inputs)
                total -= round(one * less) * sum(inputs)
        return real, floor(Fraction(total, one) + Fraction(one // 2, one))


def naive_columns(layer: ColumnConv, image: Any, bits: int) -> Naive:
    """Run a layer on an image, nested lists of codes by row, column and channel."""
    given = {
        (y, x, c): code
        for y, row in enumerate(image)
        for x, pixel in enumerate(row)
        for c, code in enumerate(pixel)
    }
    return Naive(layer, given, bits)

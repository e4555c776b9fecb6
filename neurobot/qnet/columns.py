"""Convolution in memory: weights as cells of arrays, each column's sum through a converter.

Inputs are applied in cycles l, `dac_bits` bits at a time. In each, the column (t, j, o) of a tile t
of the input channels, a slice j of the weights and an output channel o sums what its cells hold
times what their rows are driven by: p, exactly. Its converter makes a code of that, each operation
rounded to float32,

    m = clip(rint((p - z) / D), lowest code, highest code)        half to even

which stands for D m + z; an ideal converter (adc_bits = None) returns m = p. Constants merge all
scales, multiplier[t, j, o] = 2^fraction place[j] steps[t, o] D[t, j, o], and the sum over tiles,
slices and cycles

    sum of 2^(dac_bits l) multiplier[t, j, o] m + constant[o] - correction[t, o] (inputs of tile t)

has `fraction` bits behind the point, which are rounded off, half up. The last term is that of the
`offset` encoding. Constants are whole numbers, so that all sums are exact.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.fixed import Ints, signed_range
from neurobot.qnet import slicing
from neurobot.qnet.checks import (
    MOST_BITS,
    MOST_VALUES,
    Pair,
    Reals,
    flag,
    shaped_reals,
    unsigned_range,
    whole,
)
from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Layer
from neurobot.qnet.signals import Signal, ranged
from neurobot.qnet.tiling import Tiling, make_tiling

MOST_ADC_BITS, MOST_FRACTION = 16, 24
EXACT = 1 << 53  # below it float64 holds every integer
Doubles = NDArray[np.float64]


def code_range(adc_bits: int) -> Pair:
    """Return the least and the greatest code of a converter: signed ones, but 0 and 1 of 1 bit."""
    return unsigned_range(1) if adc_bits == 1 else signed_range(adc_bits)


def check_plain(layers: Iterable[Layer], machine: str) -> None:
    """Refuse layers that lie on arrays of cells, where a machine has none."""
    for layer in layers:
        if isinstance(layer, ColumnConv):
            raise ValueError(
                f"{layer.name}: a ColumnConv found; {machine} has no arrays of memory cells and "
                "takes a plain Conv"
            )


@dataclass(frozen=True, eq=False)
class ColumnConv(Conv):
    """Sum weights times inputs on arrays of memory cells, column by column, through converters.

    rows: of an array; cell_bits, encoding: of a weight's cells (`slicing`); dac_bits: of an input
    that is applied at a time, at most; adc_bits: of a converter, None for an ideal one. flat: the
    window is the whole map, tiles are runs of single inputs in the order (channel, row, column).
    fraction: bits behind the point of the multipliers. steps: (T, O), what 1 of a tile's sum of
    weights times inputs stands for, in units of the output; adc_step, adc_offset: (T, S', O), D and
    z in cell units. Without them these are 1, 1 and 0. Inputs are codes, not below 0.
    """

    rows: int = 128
    cell_bits: int = 1
    encoding: str = "offset"
    dac_bits: int = MOST_BITS
    adc_bits: int | None = None
    flat: bool = False
    fraction: int = 8
    steps: Any = None
    adc_step: Any = None
    adc_offset: Any = None

    def check(self) -> None:
        """Refuse weights that are no signed codes, and what no array or converter can be."""
        super().check()
        for what, found, wanted in (
            ("float32 weights", self.real, "signed codes of 1..8 bits"),
            ("odd codes", self.odd, "signed codes"),
            (f"groups = {self.groups}", self.groups != 1, "1 group, whose inputs share columns"),
        ):
            if found:
                raise ValueError(f"{self.name}: {what} found; allowed: {wanted}")
        self._check_arrays()
        self._check_converters()

    def _check_arrays(self) -> None:
        name = self.name
        slicing.check_slicing(name, self.weight_bits, self.cell_bits, self.encoding)
        self._set(
            rows=whole(f"{name}: rows", self.rows, 1, MOST_VALUES),
            cell_bits=whole(f"{name}: cell_bits", self.cell_bits, 1, self.weight_bits),
            dac_bits=whole(f"{name}: dac_bits", self.dac_bits, 1, MOST_BITS),
            flat=flag(f"{name}: flat", self.flat),
            fraction=whole(f"{name}: fraction", self.fraction, 0, MOST_FRACTION),
        )
        if self.flat and self.padding != (0, 0):
            raise ValueError(f"{name}: padding = {self.padding} of a flat layer found; allowed: 0")
        cells = math.prod(self.column_shape) * self.tiling.most * math.prod(self.tile_kernel)
        if cells > MOST_VALUES:
            raise ValueError(f"{name}: {cells} cells found; allowed: at most {MOST_VALUES}")

    def _check_converters(self) -> None:
        where, shape = f"{self.name}: adc_bits", self.column_shape
        if self.adc_bits is not None:
            if not isinstance(self.adc_bits, bool) and self.adc_bits == 0:
                raise ValueError(
                    f"{where} = 0 found; allowed: 1..{MOST_ADC_BITS}, or None for an ideal "
                    "converter, which returns a column's sum as it is"
                )
            self._set(adc_bits=whole(where, self.adc_bits, 1, MOST_ADC_BITS))
        self._set(
            steps=self._constants("steps", 1, (shape[0], shape[2])),
            adc_step=self._constants("adc_step", 1, shape),
            adc_offset=self._constants("adc_offset", 0, shape),
        )
        if self.adc_bits is None and (np.any(self.adc_step != 1) or np.any(self.adc_offset)):
            raise ValueError(
                f"{self.name}: adc_step or adc_offset of ideal converters found; "
                "allowed: 1 and 0 where adc_bits = None"
            )

    def _constants(self, what: str, usual: int, shape: tuple[int, ...]) -> Reals:
        found = getattr(self, what)
        values = np.full(shape, usual) if found is None else found
        return shaped_reals(f"{self.name}: {what}", values, shape, positive=usual > 0)

    @property
    def channels(self) -> int:
        """What tiles divide: the input's channels, or where `flat` all values of a window."""
        values = self.weights.shape[1:] if self.flat else self.weights.shape[3:]
        return math.prod(values)

    @property
    def tile_kernel(self) -> Pair:
        """Rows and columns of what a tile holds of each of its channels."""
        return (1, 1) if self.flat else self.kernel

    @property
    def tiling(self) -> Tiling:
        """How the inputs lie on the rows of arrays."""
        return make_tiling(self.name, self.channels, self.tile_kernel, self.rows)

    @property
    def tiles(self) -> int:
        """How many tiles there are: T."""
        return self.tiling.tiles

    @property
    def places(self) -> NDArray[np.int64]:
        """What 1 in each column of an output channel stands for: (S',)."""
        return slicing.place_values(self.weight_bits, self.cell_bits, self.encoding)

    @property
    def columns_of_output(self) -> int:
        """Columns of an output channel in a tile: S'."""
        return len(self.places)

    @property
    def column_shape(self) -> tuple[int, int, int]:
        """How many columns there are: (T, S', O)."""
        return self.tiles, self.columns_of_output, len(self.weights)

    @property
    def codes_range(self) -> Pair | None:
        """The least and the greatest code of its converters; None: there is no end."""
        return None if self.adc_bits is None else code_range(self.adc_bits)

    @property
    def correction(self) -> int:
        """What the digits stand for more than a weight."""
        return slicing.correction(self.weight_bits, self.encoding)

    def by_tile(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (..., O, rows, columns, in) as (T, ..., O, channels, rows, columns).

        Channels that are not there are 0.
        """
        *front, rows, columns, given = values.shape
        moved, kernel = np.moveaxis(values, -1, -3), self.tile_kernel
        by_channel = moved.reshape(*front, rows * columns * given // math.prod(kernel), *kernel)
        most, missing = self.tiling.most, self.tiles * self.tiling.most - self.channels
        widths = [(0, 0)] * len(front) + [(0, missing), (0, 0), (0, 0)]
        padded = np.pad(by_channel, widths).reshape(*front, self.tiles, most, *kernel)
        return np.moveaxis(padded, len(front), 0)

    @cached_property
    def digits(self) -> Ints:
        """What the cells hold: (T, S', O, channels of a full tile, rows, columns)."""
        cut = slicing.slice_codes(self.weights, self.weight_bits, self.cell_bits, self.encoding)
        digits = np.ascontiguousarray(self.by_tile(cut), np.int32)
        digits.flags.writeable = False
        return digits

    def cycles(self, input_bits: int) -> int:
        """Return how many cycles apply an input of so many bits: L."""
        return -(-input_bits // self.dac_bits)

    def cycle_weights(self, input_bits: int) -> NDArray[np.int64]:
        """Return what 1 in each cycle's part of an input stands for: (L,)."""
        return np.int64(1) << self.dac_bits * np.arange(self.cycles(input_bits), dtype=np.int64)

    def drive(self, codes: NDArray[Any], cycle: int) -> NDArray[Any]:
        """Return what of inputs is applied in a cycle."""
        return np.asarray(codes >> cycle * self.dac_bits & (1 << self.dac_bits) - 1)

    def convert(self, sums: ArrayLike) -> Doubles:
        """Return the codes that converters make of sums (..., T, S', O), in cell units."""
        given = np.asarray(sums)
        if self.codes_range is None:
            return given.astype(np.float64)
        with np.errstate(over="ignore"):
            relative = (given.astype(np.float32) - self.adc_offset) / self.adc_step
        return np.asarray(np.rint(relative).clip(*self.codes_range), np.float64)

    @property
    def _column_steps(self) -> Doubles:
        """What 1 cell of each column stands for, in units of 2^-fraction of the output."""
        scaled = self.steps.astype(np.float64)[:, None] * self.places[:, None]
        return np.asarray(np.ldexp(scaled, self.fraction))

    @cached_property
    def multipliers(self) -> Doubles:
        """What a code of each column is multiplied by: (T, S', O), whole."""
        return np.asarray(np.rint(self._column_steps * self.adc_step))

    @cached_property
    def corrections(self) -> Doubles:
        """What the sum of a tile's inputs is multiplied by, and subtracted: (T, O), whole."""
        scaled = self.steps.astype(np.float64) * self.correction
        return np.asarray(np.rint(np.ldexp(scaled, self.fraction)))

    def constants(self, input_bits: int) -> Doubles:
        """Return what the offsets of all converters add up to: (O,), whole.

        Sums are rounded once, to float64, whatever their order.
        """
        terms = (self._column_steps * self.adc_offset).reshape(-1, len(self.weights))
        weights = self.cycle_weights(input_bits)[:, None]
        return np.array([np.rint(math.fsum((weights * term).flat)) for term in terms.T])

    def signal(self, *given: Signal) -> Signal:
        """Return the map of sums; refuse inputs that no row is driven by, and sums too large."""
        (source,) = given
        self._check_inputs(source)
        made = super().signal(*given)
        for sums in self.sums_reached(source):
            ranged(f"{self.name}: columns", made.shape, int(sums.min()), int(sums.max()))
        lowest, highest = self._ends(source)
        return ranged(self.name, made.shape, lowest, highest)

    def _check_inputs(self, source: Signal) -> None:
        if source.lowest < 0 or source.bits > MOST_BITS:
            raise ValueError(
                f"{self.name}: inputs of {source.lowest}..{source.highest} found; allowed: codes "
                f"of 1..{MOST_BITS} bits, not below 0, for they drive rows of cells"
            )
        if self.flat and source.shape[:2] != self.kernel:
            raise ValueError(
                f"{self.name}: a window of {self.kernel[0]} x {self.kernel[1]} of a flat layer on "
                f"a map of {source.shape[0]} x {source.shape[1]} found; allowed: the whole map"
            )

    def sums_reached(self, source: Signal) -> Iterator[NDArray[np.int64]]:
        """Yield the least and then the greatest sums (L, T, S', O) of columns, of any inputs."""
        cells = self.digits.reshape(*self.column_shape, -1)
        tops = [
            min(source.highest >> cycle * self.dac_bits, (1 << self.dac_bits) - 1)
            for cycle in range(self.cycles(source.bits))
        ]
        most = np.array(tops, np.int64)[:, None, None, None]
        for side in (cells.clip(max=0), cells.clip(min=0)):
            yield side.sum(axis=3, dtype=np.int64) * most

    def _ends(self, source: Signal) -> Pair:
        """Return the least and greatest output; refuse where a part of one is not exact."""
        weights = self.cycle_weights(source.bits).astype(np.float64)[:, None, None, None]
        codes = map(self.convert, self.sums_reached(source))
        products = [weights * self.multipliers * ends for ends in codes]
        counts = np.array(self.tiling.rows_used, np.float64)[:, None]
        less = (self.corrections * counts * source.highest).sum(axis=0)
        constant, half = self.constants(source.bits), (1 << self.fraction) // 2
        size = np.maximum(*np.abs(products)).sum(axis=(0, 1, 2)) + abs(constant) + less + half
        if size.max() >= EXACT:
            raise ValueError(
                f"{self.name}: sums of {size.max():.3g} / 2^{self.fraction} are possible; "
                f"allowed: below 2^53 / 2^{self.fraction}, so that every sum is exact"
            )
        low = np.minimum(*products).sum(axis=(0, 1, 2)) + constant - less
        high = np.maximum(*products).sum(axis=(0, 1, 2)) + constant
        return int(low.min() + half) >> self.fraction, int(high.max() + half) >> self.fraction

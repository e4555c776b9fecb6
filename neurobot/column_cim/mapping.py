"""How a layer lies on arrays of memory cells, and what an image makes them do: from shapes alone.

With T tiles, S columns for each output channel in a tile (twice as many where differential), O
output channels, P places of the output map and L cycles that an input takes, P T S O L columns are
converted. An output's columns lie side by side, in blocks of as many columns as an array has.

Steps are shared by a layer, an array, or nobody. Where a converter's step is its column's or its
array's own, each code (its cycles put together by shifts) is multiplied by a constant into which
the weights' step is merged, so that a weight step for each column comes for free. Where converters
share a step, slices are put together by shifts first. In `layer`, `layer` what is left of all
constants scales the output map, as its requantization does anyway.

Offset codes are too large by a constant times the sum of a tile's inputs, which is subtracted
digitally: a product for each tile and output, unless weights share a step. It is told apart from
the others (`corrections`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet import ColumnConv, Signal
from neurobot.qnet.checks import Pair
from neurobot.qnet.slicing import correction, place_values
from neurobot.qnet.tiling import make_tiling

GRAINS = ("layer", "array", "column")
LAYER, ARRAY, COLUMN = GRAINS


@dataclass(frozen=True, slots=True)
class Mapping:
    """A layer on arrays of rows by columns of cells; counts are those of an image.

    blocks: of columns; made: output channels; slices: columns of an output channel in a tile;
    inputs: rows of all tiles that hold cells, once; input_bits, drive_bits: of an input, and of
    what drives a row in one cycle; weight_steps, adc_steps: what shares one.
    """

    rows: int
    columns: int
    tiles: int
    blocks: int
    slices: int
    made: int
    places: int
    inputs: int
    input_bits: int
    drive_bits: int
    offset: bool
    weight_steps: str
    adc_steps: str

    @property
    def cycles(self) -> int:
        """In how many parts an input is applied: L."""
        return -(-self.input_bits // self.drive_bits)

    @property
    def arrays(self) -> int:
        """How many arrays hold the weights."""
        return self.tiles * self.blocks

    @property
    def used_columns(self) -> int:
        """Columns of the fullest array that are in use."""
        return min(self.made * self.slices, self.columns)

    @property
    def cells(self) -> int:
        """Cells of those arrays."""
        return self.arrays * self.rows * self.columns

    @property
    def cells_used(self) -> int:
        """Cells that hold a digit of a weight."""
        return self.inputs * self.made * self.slices

    @property
    def utilization(self) -> float:
        """Share of the cells that hold a digit."""
        return self.cells_used / self.cells

    @property
    def macs(self) -> int:
        """Products of whole weights and inputs, those on padding of the map included."""
        return self.places * self.inputs * self.made

    @property
    def partial_sums(self) -> int:
        """What columns sum, the cycles of an input put together."""
        return self.places * self.tiles * self.slices * self.made

    @property
    def conversions(self) -> int:
        """How many sums are converted."""
        return self.partial_sums * self.cycles

    @property
    def macs_per_conversion(self) -> float:
        """Products of whole weights and inputs for each conversion."""
        return self.macs / self.conversions

    @property
    def dac_events(self) -> int:
        """How often rows are driven, by array, if no input is 0."""
        return self.places * self.cycles * self.inputs * self.blocks

    @property
    def multiplies(self) -> int:
        """Products of codes and constants before sums of several arrays are added."""
        if self.adc_steps != LAYER:
            return self.partial_sums
        return 0 if self.weight_steps == LAYER else self.places * self.tiles * self.made

    @property
    def constants(self) -> int:
        """How many constants these products take; where there are none, one scales the output."""
        if self.adc_steps == LAYER:
            return self._shared(self.weight_steps)
        coarse = COLUMN not in (self.weight_steps, self.adc_steps)
        return self.slices * self._shared(ARRAY if coarse else COLUMN)

    def _shared(self, grain: str) -> int:
        """Return how many constants there are that a layer, an array or nobody shares."""
        return {LAYER: 1, ARRAY: self.tiles * self.blocks, COLUMN: self.tiles * self.made}[grain]

    @property
    def shift_adds(self) -> int:
        """Additions of shifted codes: over cycles; over slices, where converters share a step."""
        over_cycles = self.conversions - self.partial_sums
        return over_cycles + (self.partial_sums - self._joined)

    @property
    def _joined(self) -> int:
        """What is left to add where slices are put together, or to be multiplied where not."""
        together = self.places * self.tiles * self.made
        return together if self.adc_steps == LAYER else self.partial_sums

    @property
    def corrections(self) -> int:
        """Products of sums of inputs and constants, for offset codes."""
        shared = self.weight_steps == LAYER or not self.offset
        return 0 if shared else self.places * self._shared(self.weight_steps)

    @property
    def correction_constants(self) -> int:
        """How many constants those products take."""
        return self.corrections // self.places

    @property
    def accumulations(self) -> int:
        """Additions to sums of outputs."""
        each = 1 if self.weight_steps == LAYER else self.tiles
        return self._joined + self.offset * self.places * each * self.made


def map_layer(
    given: int,
    made: int,
    kernel: Pair,
    places: int,
    *,
    rows: int,
    columns: int,
    weight_bits: int,
    cell_bits: int,
    input_bits: int,
    dac_bits: int | None = None,
    encoding: str = "offset",
    weight_steps: str = COLUMN,
    adc_steps: str = COLUMN,
) -> Mapping:
    """Map a layer from so many input to so many output channels, at so many places.

    dac_bits: of an input that drive a row at a time, None for all. Refuses a kernel that no array
    holds.
    """
    tiling = make_tiling("layer", given, kernel, rows)
    for what, grain in (("weight_steps", weight_steps), ("adc_steps", adc_steps)):
        if grain not in GRAINS:
            raise ValueError(f"{what} = {grain!r} found; allowed: {', '.join(GRAINS)}")
    slices = len(place_values(weight_bits, cell_bits, encoding))
    return Mapping(
        rows=rows,
        columns=columns,
        tiles=tiling.tiles,
        blocks=-(-made * slices // columns),
        slices=slices,
        made=made,
        places=places,
        inputs=sum(tiling.rows_used),
        input_bits=input_bits,
        drive_bits=min(dac_bits or input_bits, input_bits),
        offset=bool(correction(weight_bits, encoding)),
        weight_steps=weight_steps,
        adc_steps=adc_steps,
    )


def map_conv(conv: ColumnConv, given: Signal, made: Signal, columns: int) -> Mapping:
    """Map a layer of a network, with what its steps share, between two maps."""
    return map_layer(
        conv.channels,
        len(conv.weights),
        conv.tile_kernel,
        made.shape[0] * made.shape[1],
        rows=conv.rows,
        columns=columns,
        weight_bits=conv.weight_bits,
        cell_bits=conv.cell_bits,
        input_bits=given.bits,
        dac_bits=conv.dac_bits,
        encoding=conv.encoding,
        weight_steps=weight_grain(conv, columns),
        adc_steps=adc_grain(conv, columns),
    )


def weight_grain(conv: ColumnConv, columns: int) -> str:
    """Return what shares a weight step; a weight belongs to the array of its first column."""
    tiles, slices, made = conv.column_shape
    blocks = np.arange(made) * slices // columns
    return grain(conv.steps, np.arange(tiles)[:, None] * made + blocks)


def adc_grain(conv: ColumnConv, columns: int) -> str:
    """Return what shares a converter's step; in an array, columns of the same slice do."""
    tiles, slices, made = conv.column_shape
    slice_number = np.arange(slices)[:, None]
    blocks = (np.arange(made) * slices + slice_number) // columns
    numbers = (np.arange(tiles)[:, None, None] * slices + slice_number) * made + blocks
    return grain(conv.adc_step, numbers)


def grain(values: NDArray[Any], arrays: NDArray[np.int64]) -> str:
    """Return the coarsest of what shares values; arrays: the number of each one's array."""
    if np.all(values == values.flat[0]):
        return LAYER
    _, firsts, numbers = np.unique(arrays, return_index=True, return_inverse=True)
    shared = values.flat[firsts][numbers.reshape(values.shape)]
    return ARRAY if np.array_equal(values, shared) else COLUMN

"""How weights lie on arrays of memory cells, and who shares a step there."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neurobot.fixed import signed_range
from neurobot.qnet.checks import MOST_BITS, MOST_VALUES, whole
from neurobot.qnet.columns import MOST_ADC_BITS
from neurobot.qnet.slicing import ENCODINGS, check_slicing, correction, place_values, slice_codes
from neurobot.qnet.tiling import Tiling, make_tiling

GRANULARITIES = ("layer", "array", "column")
MOST_SUM = 1 << 24  # up to which float32 holds every integer
Numbers = NDArray[np.int64]


def choice(where: str, found: object, allowed: tuple[str, ...]) -> None:
    """Refuse what is none of some words."""
    if found not in allowed:
        raise ValueError(f"{where} = {found!r} found; allowed: {', '.join(map(repr, allowed))}")


@dataclass(frozen=True)
class Columns:
    """Arrays of memory cells, what lies in them, and who shares a step.

    rows, columns: of an array; cell_bits, encoding: of a weight's cells; dac_bits: of an input that
    is applied at a time, None for all; adc_bits: of the converters, None for ideal ones;
    weight_steps, adc_steps: one for the whole "layer", one for an "array" (of converters: for each
    place of a weight's cells there), or one for each "column".
    """

    rows: int = 128
    columns: int = 128
    cell_bits: int = 2
    encoding: str = "differential"
    dac_bits: int | None = None
    adc_bits: int | None = 4
    weight_steps: str = "column"
    adc_steps: str = "column"

    def __post_init__(self) -> None:
        whole("columns: rows", self.rows, 1, MOST_VALUES)
        whole("columns: columns", self.columns, 1, MOST_VALUES)
        whole("columns: cell_bits", self.cell_bits, 1, MOST_BITS)
        choice("columns: encoding", self.encoding, ENCODINGS)
        if self.dac_bits is not None:
            whole("columns: dac_bits", self.dac_bits, 1, MOST_BITS)
        if self.adc_bits is not None:
            self._check_adc_bits()
        choice("columns: weight_steps", self.weight_steps, GRANULARITIES)
        choice("columns: adc_steps", self.adc_steps, GRANULARITIES)

    def _check_adc_bits(self) -> None:
        if self.adc_bits == 0 and not isinstance(self.adc_bits, bool):
            raise ValueError(
                f"columns: adc_bits = 0 found; allowed: 1..{MOST_ADC_BITS}, or None for ideal "
                "converters, which return a column's sum as it is"
            )
        whole("columns: adc_bits", self.adc_bits, 1, MOST_ADC_BITS)


@dataclass(frozen=True)
class Layout:
    """The columns (T, S', O) of one layer: by tile of inputs, place of a weight's cell, and output.

    shape: of its weights, (out, in, rows, columns) or (out, in); bits of weights and of inputs.
    """

    name: str
    shape: tuple[int, ...]
    weight_bits: int
    input_bits: int
    columns: Columns

    def __post_init__(self) -> None:
        check_slicing(self.name, self.weight_bits, self.columns.cell_bits, self.columns.encoding)
        if (most := int(np.abs(self.reach).max())) > MOST_SUM:
            raise ValueError(
                f"{self.name}: sums of a column up to {most} found; allowed: up to {MOST_SUM}, "
                "which float32 holds exactly, by fewer rows, bits of cells or bits of inputs "
                "at a time (dac_bits)"
            )

    @property
    def outputs(self) -> int:
        """How many outputs there are: O."""
        return self.shape[0]

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of a window."""
        return (self.shape[2], self.shape[3]) if len(self.shape) == 4 else (1, 1)

    @cached_property
    def tiling(self) -> Tiling:
        """How inputs are divided among arrays."""
        return make_tiling(self.name, self.shape[1], self.kernel, self.columns.rows)

    @property
    def wide(self) -> int:
        """Channels of all tiles, with those that are not there."""
        return self.tiling.tiles * self.tiling.most

    @cached_property
    def places(self) -> Numbers:
        """What 1 in a cell stands for, (S',)."""
        return place_values(self.weight_bits, self.columns.cell_bits, self.columns.encoding)

    @property
    def correction(self) -> int:
        """What the digits stand for more than a weight."""
        return correction(self.weight_bits, self.columns.encoding)

    @property
    def lowest(self) -> int:
        """The least code of a weight."""
        return signed_range(self.weight_bits)[0]

    @cached_property
    def digits(self) -> NDArray[np.int32]:
        """What the cells hold of each code, from the least on, (S', codes)."""
        low, high = signed_range(self.weight_bits)
        own = self.columns
        return slice_codes(np.arange(low, high + 1), self.weight_bits, own.cell_bits, own.encoding)

    @property
    def dac_bits(self) -> int:
        """Bits of an input that are applied at a time."""
        return min(self.columns.dac_bits or self.input_bits, self.input_bits)

    @property
    def cycles(self) -> int:
        """How many cycles apply an input: L."""
        return -(-self.input_bits // self.dac_bits)

    @property
    def column_shape(self) -> tuple[int, int, int]:
        """How many columns there are: (T, S', O)."""
        return self.tiling.tiles, len(self.places), self.outputs

    @cached_property
    def reach(self) -> Numbers:
        """The least and the greatest sum of a column, whatever its cells hold, (2, T, S', O)."""
        ends = np.stack([self.digits.min(1).clip(max=0), self.digits.max(1).clip(min=0)])
        rows = np.array(self.tiling.rows_used, np.int64)
        sums = ends[:, None, :, None] * rows[:, None, None] * ((1 << self.dac_bits) - 1)
        return np.broadcast_to(sums, (2, *self.column_shape))

    @cached_property
    def adc_groups(self) -> Numbers:
        """Which step a converter has, (T, S', O)."""
        t, j, o = np.indices(self.column_shape)
        return numbered(self.columns.adc_steps, t * len(self.places) + j, self.block(j, o), o)

    @cached_property
    def weight_groups(self) -> Numbers:
        """Which step the weights of an output in a tile have, (T, O)."""
        t, o = np.indices((self.tiling.tiles, self.outputs))
        return numbered(self.columns.weight_steps, t, self.block(0, o), o)

    def block(self, j: Numbers | int, o: Numbers) -> Numbers:
        """Return the array beside the first in which a column lies: an output's lie together."""
        return (o * len(self.places) + j) // self.columns.columns


def numbered(granularity: str, part: Numbers, block: Numbers, output: Numbers) -> Numbers:
    """Give all in the same part of the same array, or in the same column, one number."""
    if granularity == "layer":
        return np.zeros_like(part)
    inner = output if granularity == "column" else block
    found = np.unique(part * (int(inner.max()) + 1) + inner, return_inverse=True)[1]
    return np.asarray(found, np.int64).reshape(part.shape)

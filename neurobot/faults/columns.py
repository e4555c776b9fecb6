"""A layer on arrays of memory cells, opened: its cells, converters and constants as codes.

What codes stand for, and what is assumed of it, is said in `column_cim`.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from neurobot.column_cim import Machine
from neurobot.column_cim.layers import in_use
from neurobot.column_cim.variation import Spread, columns_spread, vary
from neurobot.faults.accumulators import inverted
from neurobot.faults.memory import Memory
from neurobot.faults.networks import CONFIGURATION, WEIGHTS, Array, Stored
from neurobot.faults.registers import Put, keep, signed_bits, spots_of
from neurobot.fixed import signed_range
from neurobot.qnet import ColumnConv
from neurobot.qnet.checks import unsigned_range
from neurobot.qnet.column_kernels import Laid

REFERENCE_BITS = 16


class Columns:
    """A layer on arrays, as the machine holds it.

    cells: which digits are cells that an input can drive, by position in the memory; digits: what
    all of them hold now, flat.
    """

    def __init__(self, conv: ColumnConv, machine: Machine) -> None:
        self.conv, self.machine = conv, machine
        used = np.broadcast_to(in_use(conv)[:, None, None], conv.digits.shape)
        self.cells, self.shape = np.flatnonzero(used), conv.column_shape
        self._spread: Spread | None = None

    def open(self, laid: Laid) -> None:
        """Take hold of what the layer reads from now on."""
        self.laid, self._spread = laid, None
        numbers = np.arange(1, self.conv.digits.size + 1).reshape(self.conv.digits.shape)
        reference: Any = None
        if self.machine.variation.leaky:
            reference = np.zeros((len(numbers), *numbers.shape[3:]), np.int64)
        cells = laid.layout.cells(numbers, reference).cells
        self._cell_spots = spots_of(cells, numbers.size)[self.cells]
        columns = np.arange(1, np.prod(self.shape) + 1).reshape(self.shape)
        self._column_spots = spots_of(laid.layout.by_register(columns, 0), columns.size)

    def put_digits(self, values: Array, found: Array) -> None:
        """Program cells."""
        self.laid.cells.cells[self._cell_spots[values]] = self._held(self.cells[values], found)

    def _held(self, cells: Array, digits: Array) -> Array:
        """Return what cells hold that were programmed with digits, each as it alone varies."""
        variation = self.machine.variation
        if not (variation.drawn or variation.leaky):
            return digits
        if self._spread is None:
            found = columns_spread(self.conv, self.machine.draw)
            self._spread = Spread(found.normals.ravel(), found.faults.ravel())
        own = Spread(self._spread.normals[cells], self._spread.faults[cells])
        ends = variation.conductances(self.conv.cell_bits)
        return vary(ends[0] + digits, variation, ends, own)

    def put_steps(self, values: Array, found: Array) -> None:
        """Set steps of converters."""
        self.laid.converters.steps[self._column_spots[values]] = found

    def put_offsets(self, values: Array, found: Array) -> None:
        """Set offsets of converters."""
        self.laid.converters.offsets[self._column_spots[values]] = found

    def put_multipliers(self, values: Array, found: Array) -> None:
        """Set constants of dequantization."""
        self.laid.converters.multipliers[self._column_spots[values]] = found

    def put_constants(self, values: Array, found: Array) -> None:
        """Set what the sums of outputs begin with, to which the half that rounds is added."""
        self.laid.constants[values] = found + (1 << self.conv.fraction) // 2

    def put_corrections(self, values: Array, found: Array) -> None:
        """Set what corrects offset codes."""
        tile, output = np.divmod(values, self.shape[2])
        self.laid.corrections[tile * self.laid.layout.width + output] = found

    def invert(self, bits: int, place: int, output: int, mask: int) -> None:
        """Invert bits of an output's sum, in a register of so many, which wraps around."""
        total = float(self.laid.sums[place, output])
        whole = math.floor(total)
        self.laid.sums[place, output] = inverted(whole, mask, bits) + (total - whole)

    @property
    def sum_bits(self) -> int:
        """Bits of a register for the sum of an output, those behind its point included."""
        made = self.machine.network.signals[self.conv.name]
        return signed_bits([made.lowest, made.highest]) + self.conv.fraction


def open_cells(columns: Columns) -> Stored:
    """Open the cells of a layer."""
    conv = columns.conv
    digits = conv.digits.ravel()[columns.cells]
    top = columns.cells // (conv.digits.size // conv.tiles // columns.shape[1])
    signed = (conv.encoding == "signed_msb") & (top % columns.shape[1] == columns.shape[1] - 1)
    memory = Memory(
        WEIGHTS, conv.name, len(digits), conv.cell_bits, reads="cell_reads", readable=False
    )
    return keep(memory, digits, columns.put_digits, signed)


def open_references(
    memory: Memory, meant: Array, put: Put, signed: bool, least: float = -np.inf
) -> Stored:
    """Open references that stand at what is meant, float32; least: how many bits' worth they are.

    Their codes reach up to the power of two above the largest one.
    """
    flat = meant.ravel().astype(np.float64)
    _, power = np.frexp(np.abs(flat).max())
    unit = np.ldexp(1.0, int(power) - memory.bits + signed)
    ends = (signed_range if signed else unsigned_range)(memory.bits)
    codes = np.rint(flat / unit).clip(*ends).astype(np.int64)

    def settle(values: Array, found: Array) -> None:
        reals = flat[values] + (found - codes[values]) * unit
        put(values, np.where(found == codes[values], flat[values], np.maximum(reals, least * unit)))

    return keep(memory, codes, settle, signed)


def open_converters(columns: Columns) -> Iterator[Stored]:
    """Open the references of a layer's converters; ideal ones have none."""
    conv = columns.conv
    if conv.adc_bits is None:
        return
    for part, meant, put, signed, least in (
        ("steps", conv.adc_step, columns.put_steps, False, 1.0),
        ("offsets", conv.adc_offset, columns.put_offsets, True, -np.inf),
    ):
        memory = Memory(CONFIGURATION, f"{conv.name}.{part}", meant.size, REFERENCE_BITS)
        yield open_references(memory, meant, put, signed, least)


def open_constants(columns: Columns) -> Iterator[Stored]:
    """Open the digital constants behind a layer's converters."""
    conv = columns.conv
    bits = columns.machine.network.signals[conv.inputs[0]].bits
    parts: list[tuple[str, Array, Put]] = [
        ("multipliers", conv.multipliers, columns.put_multipliers),
        ("constants", conv.constants(bits), columns.put_constants),
    ]
    if conv.correction:
        parts.append(("corrections", conv.corrections, columns.put_corrections))
    for part, values, put in parts:
        whole = values.astype(np.int64)
        memory = Memory(CONFIGURATION, f"{conv.name}.{part}", whole.size, signed_bits(whole))
        yield keep(memory, whole, put)

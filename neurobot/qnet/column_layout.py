"""How cells, inputs, windows and constants lie in memory for the loops over columns."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from neurobot.qnet.checks import Reals
from neurobot.qnet.column_loops import Cells, Converters, Kept, Spots, Windows
from neurobot.qnet.column_vectors import PLACES
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.maps import Array, make_memory, on_lines
from neurobot.qnet.network import covers
from neurobot.qnet.signals import Shape
from neurobot.qnet.vectors import LANES


@dataclass(frozen=True)
class Layout:
    """Where all of a layer lies.

    The inputs of a tile lie by cycle, row, column and channel of the padded map, each place's
    channels up to a full entry. given: shape of the input map; bits: of its codes; made: shape of
    the output map; inputs: of an entry.
    """

    conv: ColumnConv
    given: Shape
    bits: int
    made: Shape
    inputs: int

    @property
    def map(self) -> Shape:
        """The input map as tiles see it: where the layer is flat, it has one place."""
        return (1, 1, self.conv.channels) if self.conv.flat else self.given

    @property
    def padded(self) -> tuple[int, int]:
        """Rows and columns of that map and of the zeros around it."""
        (rows, columns, _), (top, left) = self.map, self.conv.padding
        return rows + 2 * top, columns + 2 * left

    @property
    def cycles(self) -> int:
        """Cycles of an input."""
        return self.conv.cycles(self.bits)

    @property
    def counts(self) -> Array:
        """Channels of each tile, (T,)."""
        return np.array(self.conv.tiling.counts)

    @property
    def entries(self) -> Array:
        """Entries of a place, by tile: (T,)."""
        return -(-self.counts // self.inputs)

    @property
    def hops(self) -> Array:
        """How far it is from one cycle's inputs to the next, by tile: (T,)."""
        return np.asarray(np.prod(self.padded) * self.entries * self.inputs)

    @property
    def bases(self) -> Array:
        """Where the inputs of each tile begin: (T,)."""
        sizes = self.hops * self.cycles
        return np.asarray(sizes.cumsum() - sizes)

    @property
    def blocks(self) -> int:
        """How many registers hold the columns of a slice."""
        return -(-self.made[2] // LANES)

    @property
    def registers(self) -> int:
        """How many registers a tile's columns take; an even number."""
        count = self.blocks * self.conv.columns_of_output
        return count + count % 2

    @property
    def width(self) -> int:
        """How many sums of outputs there is room for, by place."""
        return self.blocks * LANES

    def spots(self) -> Spots:
        """Say where the inputs of each tile lie, and where they are applied."""
        (rows, columns, channels), (top, left) = self.map, self.conv.padding
        y, x = np.indices((rows, columns)).reshape(2, -1)
        inner = (y + top) * self.padded[1] + x + left
        tiles, places = self.conv.tiles, np.ones(len(y), np.int64)
        starts = self.counts.cumsum() - self.counts
        by_place = (self.entries * self.inputs)[:, None] * inner
        return Spots(
            given=((y * columns + x) * channels + starts[:, None]).ravel(),
            made=(self.bases[:, None] + by_place).ravel(),
            hops=np.outer(self.hops, places).ravel(),
            counts=np.outer(self.counts, places).ravel(),
            covers=np.tile(self._covers(), tiles),
            totals=(np.arange(tiles)[:, None] * np.prod(self.padded) + inner).ravel(),
        )

    def _covers(self) -> Array:
        conv, shape = self.conv, self.map[:2]
        axes = zip(shape, conv.tile_kernel, conv.stride, conv.padding, strict=True)
        by_row, by_column = (np.array(covers(*axis)) for axis in axes)
        return np.outer(by_row, by_column).ravel()

    @cached_property
    def corners(self) -> Array:
        """Where each window begins, in places of the padded map: (places,)."""
        down, right = self.conv.stride
        y, x = np.indices(self.made[:2]).reshape(2, -1)
        return np.asarray(y * down * self.padded[1] + x * right)

    @property
    def box(self) -> Array:
        """The places of a window, from there on."""
        y, x = np.indices(self.conv.tile_kernel).reshape(2, -1)
        return np.asarray(y * self.padded[1] + x)

    @cached_property
    def _numbers(self) -> tuple[Array, Array]:
        """Place and cycle of each window, (blocks, PLACES) each."""
        together = PLACES // self.cycles
        blocks = -(-len(self.corners) // together)
        k = np.arange(PLACES).clip(max=together * self.cycles - 1)
        places = np.arange(blocks)[:, None] * together + k // self.cycles
        return places, np.broadcast_to(k % self.cycles, places.shape)

    def windows(self) -> Windows:
        """Say where the windows of all cycles begin."""
        places, cycles = self._numbers
        together, there = PLACES // self.cycles, places.clip(max=len(self.corners) - 1)
        steps = self.entries * self.inputs
        corners = [
            base + hop * cycles + step * self.corners[there]
            for base, hop, step in zip(self.bases, self.hops, steps, strict=True)
        ]
        return Windows(
            corners=np.stack(corners).ravel(),
            counts=(len(self.corners) - places[:, 0]).clip(max=together) * self.cycles,
            owners=(there * self.width).ravel(),
            weights=self.conv.cycle_weights(self.bits).astype(np.float64)[cycles].ravel(),
        )

    def cells(self, held: Array, reference: Reals | None) -> Cells:
        """Lay out what the columns hold, (T, S', O, channels, rows, columns)."""
        rows, columns = self.conv.tile_kernel
        tiles = self.by_tile(held)
        if reference is not None:
            same = reference[:, None, None].repeat(LANES, axis=2)
            pairs = zip(tiles, self.by_tile(same), strict=True)
            tiles = [np.concatenate(pair) for pair in pairs]
        sizes = np.array([tile.size for tile in tiles])
        runs = columns * self.entries
        return Cells(
            cells=on_lines(np.concatenate([tile.ravel() for tile in tiles])),
            first=sizes.cumsum() - sizes,
            runs=runs,
            pitches=self.padded[1] * self.entries * self.inputs,
            rows=rows,
            inputs=self.inputs,
            registers=self.registers,
        )

    def by_tile(self, held: Array) -> list[Array]:
        """Return the registers of each tile, as far as its channels go."""
        counts = self.counts.tolist()
        return [self.tile_registers(*part) for part in zip(held, counts, strict=True)]

    def tile_registers(self, tile: Array, count: int) -> Array:
        """Return a tile's cells (S', O, channels, ...) by register, in even number, and entry."""
        slices, out, _, rows, columns = tile.shape
        more = -out % LANES, -count % self.inputs
        padded = np.pad(tile[:, :, :count], ((0, 0), (0, more[0]), (0, more[1]), (0, 0), (0, 0)))
        split = padded.reshape(
            slices, -1, LANES, padded.shape[2] // self.inputs, self.inputs, rows, columns
        )
        laid = split.transpose(1, 0, 5, 6, 3, 2, 4)
        registers = laid.reshape(-1, *laid.shape[2:])
        return np.pad(registers, ((0, len(registers) % 2), *[(0, 0)] * 5))

    def by_register(self, values: Array, missing: float) -> Array:
        """Return constants (T, S', O) of columns as registers hold them, flat."""
        tiles, slices, out = values.shape
        padded = np.pad(values, ((0, 0), (0, 0), (0, self.width - out)), constant_values=missing)
        laid = padded.reshape(tiles, slices, -1, LANES).transpose(0, 2, 1, 3).reshape(tiles, -1)
        more = self.registers * LANES - laid.shape[1]
        return on_lines(np.pad(laid, ((0, 0), (0, more)), constant_values=missing))

    def converters(self) -> Converters:
        """Lay out the constants of all columns."""
        conv = self.conv
        low, high = conv.codes_range or (0, 0)
        firsts = np.repeat(np.arange(self.blocks) * LANES, conv.columns_of_output)
        return Converters(
            offsets=self.by_register(conv.adc_offset, 0),
            steps=self.by_register(conv.adc_step, 1),
            multipliers=self.by_register(conv.multipliers, 0),
            outputs=np.pad(firsts, (0, self.registers - len(firsts))),
            low=np.float32(low),
            high=np.float32(high),
            ideal=conv.adc_bits is None,
        )

    def passing(self, kind: Any) -> Kept:
        """Say where the sums of two registers stand, for a block of windows."""
        numbers = np.arange(self.conv.tiles * self.registers)
        return Kept(
            sums=make_memory(2 * PLACES * LANES, kind),
            windows=np.arange(self._numbers[0].size) % PLACES * LANES,
            registers=numbers % 2 * PLACES * LANES,
            counts=np.full(self.registers, LANES),
        )

    def keeping(self, sums: Array) -> Kept:
        """Say where all sums stand, (cycles, places, T, S', O), with LANES more numbers behind."""
        shape = self.conv.column_shape
        firsts = np.arange(np.prod(shape)).reshape(shape)[:, :, ::LANES].transpose(0, 2, 1)
        more = ((0, 0), (0, self.registers - self.blocks * shape[1]))
        left = np.repeat(self.made[2] - np.arange(self.blocks) * LANES, shape[1])
        places, cycles = self._numbers
        inner = cycles * len(self.corners) + places.clip(max=len(self.corners) - 1)
        return Kept(
            sums=sums,
            windows=(inner * np.prod(shape)).ravel(),
            registers=np.pad(firsts.reshape(shape[0], -1), more).ravel(),
            counts=np.pad(left.clip(max=LANES), more[1]),
        )

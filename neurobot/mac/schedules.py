"""What happens in the array during a convolution, in closed form: one function per schedule.

A window's products go through the array step by step: rows, columns, then as many channels together
as a lane holds.

Output-stationary: a tile is rows of places by columns of output channels; a weight goes to all PEs
of its column, an input to all of its row; sums stay in their PEs until they are done, and leave
while the next tile runs. Weight-stationary: a tile is rows of steps by columns of output channels;
its weights stay while all places stream by, and sums of all tiles but the last are set aside.

Weights of a mid-rise grid run as their codes k. Of integers 2 k - m, sums are 2 sum(k x) -
m sum(x): each row of the array (or one more column of a weight-stationary one) sums its inputs, and
an addition for each sum puts both together. Of 1-bit codes, sum(k x) is a count of ones: AND, then
popcount.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurobot.mac.array import REAL_LANES, MacArray, packing, tiles
from neurobot.mac.layout import Layout, Windows, window_reads
from neurobot.mac.plan import Pass
from neurobot.qnet import Conv


@dataclass(frozen=True, slots=True)
class Job:
    """A convolution as the array sees it."""

    part: Pass
    conv: Conv

    @property
    def source(self) -> Layout:
        """The map that it reads."""
        return self.part.sources[0]

    @property
    def bits(self) -> int:
        """Its mode; 32 is float32."""
        return (
            self.conv.weight_bits
            if self.conv.real
            else max(self.conv.weight_bits, self.source.bits)
        )

    @property
    def mode(self) -> str:
        """The name of its mode."""
        return "fp32" if self.conv.real else f"{self.bits}b"

    @property
    def packed(self) -> int:
        """Values of a lane."""
        return packing(self.bits)

    @property
    def lanes(self) -> int:
        """Lanes of weight memory that a PE's operand takes."""
        return REAL_LANES if self.conv.real else 1

    @property
    def given(self) -> int:
        """Input channels of a group."""
        return int(self.conv.weights.shape[3])

    @property
    def made(self) -> int:
        """Output channels of a group."""
        return int(self.conv.weights.shape[0]) // self.conv.groups

    @property
    def blocks(self) -> int:
        """Steps of a place."""
        return -(-self.given // self.packed)

    @property
    def steps(self) -> int:
        """Steps of a window."""
        return self.conv.kernel[0] * self.conv.kernel[1] * self.blocks

    @property
    def output(self) -> Layout:
        """One of the maps that it makes; all have the same shape."""
        return next(iter(self.part.made.values()))

    @property
    def places(self) -> int:
        """How many windows there are."""
        return self.output.places

    @property
    def windows(self) -> Windows:
        """How they lie on the map."""
        conv = self.conv
        return Windows(conv.kernel, conv.stride, conv.padding, self.output.shape[:2])

    @property
    def macs(self) -> int:
        """Products of all windows, padding included."""
        return self.output.values * self.given * self.conv.kernel[0] * self.conv.kernel[1]

    def column_tiles(self, array: MacArray) -> int:
        """Tiles of output channels of a group."""
        return -(-self.made // array.columns)

    def weight_words(self, columns: int, array: MacArray) -> int:
        """Words that hold the weights of a step for so many columns."""
        return -(-columns * self.lanes // array.weight_lanes)

    def scale_words(self, array: MacArray) -> int:
        """Words that hold its scales, those of a tile of columns together."""
        return self.conv.groups * sum(
            count * self.part.scale_words(columns, array.weight_word_bits)
            for columns, count in tiles(self.made, array.columns)
        )

    def reads(self, rows: int) -> int:
        """Words read of its map for one tile of columns in each group, so many steps in a tile."""
        step = np.arange(self.steps, dtype=np.int64).reshape(*self.conv.kernel, self.blocks)
        tile = (step // rows).repeat(self.packed, axis=2)[:, :, : self.given]
        starts = Counter(
            (g * self.given) % (packing(self.source.bits) * self.source.word_lanes)
            for g in range(self.conv.groups)
        )
        return sum(
            count * window_reads(self.source, self.windows, (start, start + self.given), tile)
            for start, count in starts.items()
        )

    def writes(self, columns: int) -> int:
        """Words written of the maps that it makes, by tiles of so many columns."""
        return sum(
            layout.writes(group + first, group + min(first + columns, self.made))
            for layout in self.part.made.values()
            for group in range(0, layout.shape[2], self.made)
            for first in range(0, self.made, columns)
        )


def output_stationary(job: Job, array: MacArray) -> Counter[str]:
    """Count what an output-stationary array does, cycles included."""
    counts, beats = Counter[str](), job.steps + array.fill_cycles
    drain = 0
    for columns, in_columns in tiles(job.made, array.columns):
        for rows, in_rows in tiles(job.places, array.rows):
            times = job.conv.groups * in_columns * in_rows
            drain = -(-rows * columns * job.part.rounds // array.requant_lanes)
            counts["cycles"] += times * max(beats, drain)
            counts["weight_reads"] += times * job.steps * job.weight_words(columns, array)
            counts["accumulations"] += times * job.steps * rows * columns
            counts["sum_accumulations"] += times * job.steps * rows
    # While the first tile runs nothing leaves; when the last one leaves nothing runs.
    counts["cycles"] += beats + drain - max(beats, drain)
    counts["activation_reads"] = job.column_tiles(array) * job.reads(job.steps)
    return counts


def weight_stationary(job: Job, array: MacArray) -> Counter[str]:
    """Count what a weight-stationary array does, cycles included."""
    counts, odd = Counter[str](), int(job.conv.odd)
    heights = [rows for rows, count in tiles(job.steps, array.rows) for _ in range(count)]
    for columns, in_columns in tiles(job.made, array.columns):
        times = job.conv.groups * in_columns
        leave = max(-(-columns * job.part.rounds // array.requant_lanes), 1)
        for number, rows in enumerate(heights):
            is_first, is_last = number == 0, number == len(heights) - 1
            beats = rows + array.fill_cycles + job.places * (leave if is_last else 1)
            counts["cycles"] += times * beats
            counts["weight_reads"] += times * rows * job.weight_words(columns, array)
            counts["weight_loads"] += times * rows * columns * job.lanes
            counts["accumulations"] += times * job.places * rows * columns
            counts["sum_accumulations"] += times * job.places * rows
            counts["partial_reads"] += times * job.places * (columns + odd) * (not is_first)
            counts["partial_writes"] += times * job.places * (columns + odd) * (not is_last)
    counts["activation_reads"] = job.column_tiles(array) * job.reads(array.rows)
    return counts


COUNTING: dict[str, Callable[[Job, MacArray], Counter[str]]] = {
    "output-stationary": output_stationary,
    "weight-stationary": weight_stationary,
}


def convolve(job: Job, array: MacArray) -> Counter[str]:
    """Count all that a convolution does but its products."""
    counts, conv = COUNTING[array.schedule](job, array), job.conv
    if conv.real:
        del counts["accumulations"]  # a part of each product
    if conv.odd:
        counts["additions"] = job.output.values
    else:
        del counts["sum_accumulations"]
    counts["weight_reads"] += job.scale_words(array)
    counts["activation_writes"] = job.writes(array.columns)
    scaled = "affines_fp32" if conv.real else "requantizations"
    counts[scaled] = len(job.part.scaling) * job.output.values
    return counts


def weight_bytes(job: Job, array: MacArray) -> int:
    """Return how much of the weight memory the weights and scales of a convolution take."""
    words = sum(
        count * job.weight_words(columns, array)
        for columns, count in tiles(job.made, array.columns)
    )
    words = job.conv.groups * words * job.steps + job.scale_words(array)
    return words * array.weight_lanes


def partial_bytes(job: Job, array: MacArray) -> int:
    """Return how much memory the sums take that are set aside at a time."""
    if array.schedule == "output-stationary" or job.steps <= array.rows:
        return 0
    columns = min(job.made, array.columns) + int(job.conv.odd)
    return job.places * columns * array.partial_lanes

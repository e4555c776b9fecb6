"""Which sums the accumulators of the array hold, at which cycle of a run.

Tiles come in the order of `schedules`: by groups, by tiles of columns, then by tiles of places, or
of the steps whose weights stay while all places stream by. Of an output-stationary array, a
register holds a sum from the first product on, which comes when the pipeline is full, until its
tile ends; that is when all products are summed and the sums of the tile before have left. Sums that
leave, and those that a weight-stationary array sets aside, lie elsewhere. In a weight-stationary
array all registers of a column hold their parts of the sum of the place that streams by. Where
weights are of a mid-rise grid, the last register of each row holds a sum of inputs, which serves
all columns. Where the schedule leaves a choice, this is assumed.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from neurobot.mac.array import MacArray, tiles
from neurobot.mac.layout import Numbers
from neurobot.mac.schedules import Job


class Held(NamedTuple):
    """What an accumulator holds: a sum of a place, or a sum of inputs that serves more channels."""

    layer: str
    place: int  # of the map, row by row
    channels: range
    inputs: bool = False


class Tiles(NamedTuple):
    """The tiles of a convolution, one after the other, in arrays (tiles,)."""

    starts: Numbers  # cycles since the layer began
    stops: Numbers  # when the last register has lost its sum
    lives: Numbers  # when the first sum is there
    pace: Numbers  # cycles of each place that streams by; 0 where places stay
    rows: Numbers  # of the array that are in use
    first: Numbers  # the place of the first row, where places stay
    channel: Numbers  # of the first column
    columns: Numbers  # of the array that are in use


def sizes(count: int, size: int) -> Numbers:
    """Part so many things into tiles: the size of each."""
    return np.array([size for size, times in tiles(count, size) for _ in range(times)], np.int64)


def starts_of(durations: Numbers) -> Numbers:
    """Return when things begin that follow each other."""
    return np.asarray(np.cumsum(durations) - durations, np.int64)


def crossed(job: Job, columns: Numbers, inner: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return the first channel, the columns and an inner size of all tiles of all groups."""
    outer = (np.arange(job.conv.groups) * job.made)[:, None] + starts_of(columns)
    shape = *outer.shape, len(inner)
    channel = np.broadcast_to(outer[:, :, None], shape)
    wide = np.broadcast_to(columns[:, None], shape)
    return channel.ravel(), wide.ravel(), np.broadcast_to(inner, shape).ravel()


def staying_sums(job: Job, array: MacArray) -> Tiles:
    """List the tiles of an output-stationary array."""
    heights = sizes(job.places, array.rows)
    channel, columns, rows = crossed(job, sizes(job.made, array.columns), heights)
    leaving = -(-rows * columns * job.part.rounds // array.requant_lanes)
    durations = np.maximum(job.steps + array.fill_cycles, np.append(0, leaving[:-1]))
    starts = starts_of(durations)
    first = np.resize(starts_of(heights), len(rows))
    lives, stops = starts + array.fill_cycles, starts + durations
    return Tiles(starts, stops, lives, np.zeros_like(rows), rows, first, channel, columns)


def streaming_sums(job: Job, array: MacArray) -> Tiles:
    """List the tiles of a weight-stationary array."""
    heights = sizes(job.steps, array.rows)
    channel, columns, rows = crossed(job, sizes(job.made, array.columns), heights)
    leaving = np.maximum(-(-columns * job.part.rounds // array.requant_lanes), 1)
    is_last = np.arange(len(rows)) % len(heights) == len(heights) - 1
    pace = np.where(is_last, leaving, 1)
    loaded = rows + array.fill_cycles
    starts = starts_of(loaded + job.places * pace)
    stops = starts + loaded + job.places * pace
    return Tiles(starts, stops, starts + loaded, pace, rows, np.zeros_like(rows), channel, columns)


LISTING: dict[str, Callable[[Job, MacArray], Tiles]] = {
    "output-stationary": staying_sums,
    "weight-stationary": streaming_sums,
}


class Residence:
    """Where the sums of a run lie; spans: the convolution, if any, and the cycles of each pass."""

    def __init__(self, spans: Sequence[tuple[Job | None, int]], array: MacArray) -> None:
        self._array = array
        self._jobs = [job for job, _ in spans]
        self._starts = starts_of(np.array([cycles for _, cycles in spans], np.int64))
        self._tiles: dict[int, Tiles] = {}
        self.cycles = sum(cycles for _, cycles in spans)

    @property
    def columns(self) -> int:
        """Accumulators of a row, those of sums of inputs included where a layer needs them."""
        odd = any(job is not None and job.conv.odd for job in self._jobs)
        return self._array.columns + odd

    def held(self, cycle: int, row: int, column: int) -> Held | None:
        """Return what an accumulator holds at a cycle of the run; None: nothing."""
        number = int(np.searchsorted(self._starts, cycle, "right")) - 1
        job = self._jobs[number]
        if job is None or not 0 <= cycle < self.cycles:
            return None
        if number not in self._tiles:
            self._tiles[number] = LISTING[self._array.schedule](job, self._array)
        offset = cycle - int(self._starts[number])
        return find(job, self._tiles[number], offset, row, column, self._array)


def find(
    job: Job, found: Tiles, offset: int, row: int, column: int, array: MacArray
) -> Held | None:
    """Return what an accumulator holds so many cycles after a convolution began."""
    k = int(np.searchsorted(found.starts, offset, "right")) - 1
    if not found.lives[k] <= offset < found.stops[k] or row >= found.rows[k]:
        return None
    pace, first = int(found.pace[k]), int(found.channel[k])
    place = (offset - int(found.lives[k])) // pace if pace else int(found.first[k]) + row
    if column == array.columns and job.conv.odd:
        return Held(job.conv.name, place, range(first, first + int(found.columns[k])), True)
    if column >= found.columns[k]:
        return None
    return Held(job.conv.name, place, range(first + column, first + column + 1))

"""What the columns of a network sum to on images: counted while it runs, and exactly."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from neurobot.column_cim.converters import reach
from neurobot.column_cim.layers import on_arrays
from neurobot.compiled import apart
from neurobot.qnet.column_kernels import plan_columns
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.network import Network
from neurobot.qnet.runner import Array, Runner, Step, check_pixels

MOST = 1 << 62  # of what a tally adds up


class Tally(NamedTuple):
    """Of the sums of each column, over images, places and cycles; int64, (T, S', O).

    number: how many sums of each column; total: of sums; squares: of their squares; lowest and
    highest: sums that occurred.
    """

    number: Array  # (1,)
    total: Array
    squares: Array
    lowest: Array
    highest: Array

    @property
    def mean(self) -> Array:
        """Mean of each column's sums."""
        return np.asarray(self.total / self.number)

    @property
    def variance(self) -> Array:
        """Variance of each column's sums, from whole numbers of any size."""
        count, total = int(self.number[0]), self.total.astype(object)
        return np.asarray((count * self.squares.astype(object) - total * total) / count**2, float)


def make_tally(shape: tuple[int, ...]) -> Tally:
    """Return the tally of nothing."""
    ends = np.iinfo(np.int64)
    none, lowest, highest = (np.full(shape, value) for value in (0, ends.max, ends.min))
    return Tally(np.zeros(1, np.int64), none, none.copy(), lowest, highest)


@apart
def add_sums(sums: Any, number: Any, total: Any, squares: Any, lowest: Any, highest: Any) -> None:
    """Add sums (places, columns) to a tally, flat."""
    for p in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            value = np.int64(sums[p, c])
            total[c] += value
            squares[c] += value * value
            lowest[c] = min(lowest[c], value)
            highest[c] = max(highest[c], value)
    number[0] += sums.shape[0]


def plan_tally(tallies: dict[str, Tally], conv: ColumnConv, *around: Any) -> list[Step]:
    """Plan a layer whose sums are added to its tally, by name."""
    tally = tallies[conv.name]

    def listen(sums: Array, cycle: int) -> list[Step]:
        return [(add_sums, (sums.reshape(len(sums), -1), *(part.reshape(-1) for part in tally)))]

    return plan_columns(conv, *around, disturb=listen)


def tally_sums(network: Network, images: Array) -> dict[str, Tally]:
    """Count what columns sum to on images (N, rows, columns, channels), by layer on arrays."""
    check_pixels(network, images, (*images.shape[:1], *network.input_shape))
    layers = on_arrays(network)
    for conv in layers:
        check_count(conv, network, len(images))
    tallies = {conv.name: make_tally(conv.column_shape) for conv in layers}
    Runner(network, {ColumnConv: partial(plan_tally, tallies)}).run_all(images)
    return tallies


def check_count(conv: ColumnConv, network: Network, images: int) -> None:
    """Refuse more sums than squares of them can be added up exactly, and none at all."""
    source, made = (network.signals[name] for name in (conv.inputs[0], conv.name))
    high, wide, _ = made.shape
    largest = max(1, *(int(abs(end).max()) for end in reach(conv, source)))
    most = MOST // (largest**2 * high * wide * conv.cycles(source.bits))
    if not 1 <= images <= most:
        raise ValueError(
            f"{conv.name}: {images} images found to calibrate converters on; allowed: 1..{most}"
        )

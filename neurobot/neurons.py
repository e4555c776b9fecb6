"""A network of IQIF neurons: its constants, checked, and laid out for the kernels."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.fixed import Ints, check_range, floor_log2, signed_range, whole_numbers
from neurobot.lanes import LANES, padded

Array: TypeAlias = NDArray[Any]

SPIKE_LEVEL = 255  # the membrane is an unsigned byte; a spike is its overflow
RANGES = {
    "rest": (0, 255),
    "threshold": (0, 255),
    "reset": (0, 255),
    "slope_rest": (0, 15),
    "slope_threshold": (0, 15),
    "tau": (0, 1 << 15),
}
INT32 = signed_range(32)


@dataclass(frozen=True)
class Neurons:
    """The constants of N neurons, whole numbers of shape (N,) each.

    rest, threshold, reset: 0..255; slope_rest, slope_threshold: 0..15 eighths, not both 0;
    tau: 0..32768 steps, of which only the highest set bit counts.
    """

    rest: NDArray[Any]
    threshold: NDArray[Any]
    reset: NDArray[Any]
    slope_rest: NDArray[Any]
    slope_threshold: NDArray[Any]
    tau: NDArray[Any]

    def __post_init__(self) -> None:
        count = len(np.atleast_1d(self.rest))
        for field in fields(self):
            values = whole_numbers(field.name, getattr(self, field.name), (count,))
            check_range(field.name, values, *RANGES[field.name])
            object.__setattr__(self, field.name, values.astype(np.int32))
        for j in np.flatnonzero(self.slope_rest + self.slope_threshold == 0)[:1]:
            raise ValueError(f"slope_rest[{j}] and slope_threshold[{j}] are both 0: no force")

    def __len__(self) -> int:
        return len(self.rest)

    @property
    def branch(self) -> Ints:
        """Where the force changes from the one slope to the other, (N,)."""
        a, b = self.slope_rest, self.slope_threshold
        return np.asarray((a * self.rest + b * self.threshold) // (a + b), np.int32)

    @property
    def shift(self) -> Ints:
        """How far the decay shifts the current right, (N,); -1 for tau 0: no decay."""
        return np.array([floor_log2(int(tau)) for tau in self.tau], np.int32)


# Neurons stand in blocks of LANES. A block is one row of 16-bit or 32-bit lanes: LANES times each
# of these, constants and state side by side at fixed distances, so that a tick's loops vectorize
# without asking at run time whether arrays overlap.
COLUMNS = 15
(
    REST, THRESHOLD, RESET, SLOPE_REST, SLOPE_THRESHOLD, BRANCH, SHIFT, ROUND_UP, KEEP,
    TONIC, AMPLITUDE, STIMULUS, POTENTIAL, CURRENT, ARRIVING,
) = range(0, COLUMNS * LANES, LANES)  # fmt: skip


class Silicon(NamedTuple):
    """A configured network as the kernels take it, in lanes that none of its sums overflows."""

    # (blocks, COLUMNS * LANES); ROUND_UP is added to a negative current before it is shifted, KEEP
    # is -1 where the current lasts beyond a step, else 0; what fills up the last block never spikes
    cells: Array
    weights: Array  # (N pre, blocks * LANES post)
    fed: Array  # (blocks,) whether any weight leads there
    current_low: int
    current_high: int
    current_wraps: bool


class Work(NamedTuple):
    """What a run of a network writes besides."""

    cells: Array  # as those of the silicon
    fired: Array  # (blocks * LANES,) uint8 0 or 1, this tick ...
    words: Array  # ... the same memory as uint64
    who: Array  # (blocks * LANES,) uint32 positions of those that fired, in order
    crowd: Array  # (1,) how many fired


def lanes_for(weights: NDArray[Any], current_bits: int, stimulus_bits: int) -> Any:
    """Return the narrowest type in which no sum of a tick overflows, or only as the chip's does."""
    widest = np.iinfo(np.int16)
    sums = np.abs(weights.astype(np.int64)).sum(axis=0).max(initial=0)
    narrow = max(current_bits, stimulus_bits) <= widest.bits and sums <= widest.max
    return np.int16 if narrow else np.int32


def make_silicon(
    neurons: Neurons,
    weights: NDArray[Any],
    current_bits: int = 32,
    wraps: bool = True,
    rounds_to_zero: bool = False,
    *,
    stimulus_bits: int = 32,
    tonic: ArrayLike = 0,
    amplitude: ArrayLike = 0,
) -> Silicon:
    """Lay neurons and weights out for the kernels, with currents of so many signed bits.

    rounds_to_zero: what a current loses is rounded towards 0 instead of down. tonic, amplitude:
    the stimulus of each neuron, (N,), at all times and with an input spike.
    """
    kind = lanes_for(weights, current_bits, stimulus_bits)
    count = len(neurons)
    blocks = padded(count) // LANES
    shift, keep = np.maximum(neurons.shift, 0), np.where(neurons.shift < 0, 0, -1)
    round_up = ((1 << shift) - 1) * rounds_to_zero
    constants = [getattr(neurons, name) for name in RANGES if name != "tau"]
    columns = [*constants, neurons.branch, shift, round_up, keep, tonic, amplitude]
    table = np.zeros((COLUMNS, blocks * LANES), kind)
    for row, values in zip(table, columns, strict=False):
        row[:count] = values
    filled = np.zeros((count, blocks * LANES), kind)
    filled[:, :count] = weights
    return Silicon(
        np.ascontiguousarray(
            table.reshape(COLUMNS, blocks, LANES).swapaxes(0, 1).reshape(blocks, COLUMNS * LANES)
        ),
        filled,
        np.asarray(filled.any(axis=0).reshape(blocks, LANES).any(axis=1, keepdims=False)),
        *signed_range(current_bits),
        wraps,
    )


def make_work(silicon: Silicon) -> Work:
    """Allocate what a run of a network needs."""
    words = np.zeros(silicon.weights.shape[1] // 8, np.uint64)
    who = np.zeros(silicon.weights.shape[1], np.uint32)
    return Work(silicon.cells.copy(), words.view(np.uint8), words, who, np.zeros(1, np.int64))

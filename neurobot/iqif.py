"""The integer quadratic integrate-and-fire (IQIF) neuron, profile P0.

Source: the co-authors' public iq-neuron library at its chip-compatible commits (95d1543, 2022, to
6431584, 2023). One step, with the spikes s of the step before, shifts rounding down:

1. accumulate  I_j += sum of w_ij over all i that spiked;
2. decay       d = I_j >> floor(log2 tau_j);  I_j -= d, or moves by 1 towards 0 where d is 0;
3. membrane    F = A (R - V) if V < M else B (V - T),  M = trunc((A R + B T) / (A + B));
               X = V + (F >> 3) + I_j + E_j;
               X > 255: spike, V = Z (hard reset); else V = max(X, 0).

R, T, Z are rest, threshold (the unstable point of the force, not the spike level) and reset;
A, B the slopes in eighths; E the external stimulus. tau 0 means no decay: the input of a step acts
in full in that step, and is gone. At the start V = R, I = 0, and nobody has spiked.
"""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.compiled import kernel
from neurobot.fixed import (
    Ints,
    check_range,
    floor_log2,
    saturate,
    signed_range,
    whole_numbers,
    wrap_around,
)

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


# Rows of the table of constants that the kernels take: one array, so that their loops vectorize.
REST, THRESHOLD, RESET, SLOPE_REST, SLOPE_THRESHOLD, BRANCH, SHIFT, ROUND_UP, KEEP = range(9)


class Silicon(NamedTuple):
    """What a tick needs, as the kernels take it."""

    # (9, N) constants; ROUND_UP is added to a negative current before it is shifted, KEEP is -1
    # where the current lasts beyond a step, else 0
    cells: Ints
    weights: Ints  # (N pre, N post)
    current_low: int
    current_high: int
    current_wraps: bool


def make_silicon(
    neurons: Neurons,
    weights: NDArray[Any],
    current_bits: int = 32,
    wraps: bool = True,
    rounds_to_zero: bool = False,
) -> Silicon:
    """Lay neurons and weights out for the kernels, with currents of so many signed bits.

    rounds_to_zero: what a current loses is rounded towards 0 instead of down.
    """
    constants = [getattr(neurons, name) for name in RANGES if name != "tau"]
    shift, keep = np.maximum(neurons.shift, 0), np.where(neurons.shift < 0, 0, -1)
    round_up = ((1 << shift) - 1) * rounds_to_zero
    cells = np.stack([*constants, neurons.branch, shift, round_up, keep])
    return Silicon(
        np.ascontiguousarray(cells, np.int32),
        np.ascontiguousarray(weights, np.int32),
        *signed_range(current_bits),
        wraps,
    )


@dataclass(frozen=True)
class Trace:
    """What every neuron did, each of shape (T, N), after each step."""

    potential: NDArray[np.uint8]
    spikes: NDArray[np.bool_]
    current: NDArray[np.int32]


@kernel
def accumulate(weights: Ints, who: Ints, count: int, current: Ints) -> None:
    """Add the weights of the first `count` neurons of `who` to the currents they feed."""
    for k in range(count):
        i = who[k]
        for j in range(current.shape[0]):
            current[j] += weights[i, j]


@kernel
def fit(silicon: Silicon, current: Ints) -> None:
    """Bring the sums back into the current register, by saturation or by wrapping around."""
    low, high = silicon.current_low, silicon.current_high
    for j in range(current.shape[0]):
        if silicon.current_wraps:
            current[j] = wrap_around(current[j], low, high)
        else:
            current[j] = saturate(current[j], low, high)


@kernel
def decay_step(current: Any, shift: Any, round_up: Any) -> Any:
    """Return what a current loses: 1 / 2**shift of it, rounded, and never less than 1."""
    sign = np.int32(current >> np.int32(31))
    # The mask keeps the shift in 32-bit lanes.
    loss = np.int32(np.int32(current + (sign & round_up)) >> (shift & np.int32(31)))
    return np.int32(np.int32(current > 0) + sign) if loss == 0 else loss


@kernel
def update(cells: Ints, stimulus: Ints, potential: Ints, current: Ints, fired: Any) -> None:
    """Decay the currents, then move the membranes by one step of the force and the inputs."""
    # Every value is pinned to 32 bits: Numba would widen them, and lose half of the lanes.
    for j in range(potential.shape[0]):
        v, keep = potential[j], cells[KEEP, j]
        loss = decay_step(current[j], cells[SHIFT, j], cells[ROUND_UP, j]) & keep
        left = np.int32(current[j] - loss)
        towards_rest = np.int32(cells[SLOPE_REST, j] * np.int32(cells[REST, j] - v))
        away = np.int32(cells[SLOPE_THRESHOLD, j] * np.int32(v - cells[THRESHOLD, j]))
        force = towards_rest if v < cells[BRANCH, j] else away
        moved = np.int32(np.int32(v + (force >> np.int32(3))) + np.int32(left + stimulus[j]))
        spiked = moved > SPIKE_LEVEL
        fired[j] = spiked
        potential[j] = cells[RESET, j] if spiked else max(moved, np.int32(0))
        current[j] = left & keep


@kernel
def gather(fired: Any, who: Ints) -> int:
    """Write the positions of the neurons that fired to the front of who (N,); return how many."""
    count = 0
    for i in range(fired.shape[0]):
        who[count] = i  # overwritten by the next one unless this one fired
        count += fired[i]
    return count


@kernel
def tick(
    silicon: Silicon,
    stimulus: Ints,
    potential: Ints,
    current: Ints,
    fired: Any,
    who: Ints,
    count: int,
) -> int:
    """Advance all neurons by one step.

    who, count: the neurons that fired in the step before; both are those of this step afterwards
    (count is returned), as is fired (N,).
    """
    accumulate(silicon.weights, who, count, current)
    fit(silicon, current)
    update(silicon.cells, stimulus, potential, current, fired)
    return gather(fired, who)


@kernel
def record(silicon: Silicon, drive: Ints, potentials: Any, spikes: Any, currents: Any) -> None:
    """Run from rest and write every step's state, each (T, N)."""
    potential = silicon.cells[REST].copy()
    current = np.zeros_like(potential)
    who = np.zeros_like(potential)
    fired = np.zeros(potential.shape[0], np.bool_)
    count = 0
    for t in range(drive.shape[0]):
        count = tick(silicon, drive[t], potential, current, fired, who, count)
        potentials[t] = potential
        spikes[t] = fired
        currents[t] = current


def trace(silicon: Silicon, drive: Ints) -> Trace:
    """Run from rest on a drive (T, N) and keep every step's state."""
    shape = drive.shape
    kept = Trace(np.zeros(shape, np.uint8), np.zeros(shape, np.bool_), np.zeros(shape, np.int32))
    record(silicon, drive, kept.potential, kept.spikes, kept.current)
    return kept


def simulate(neurons: Neurons, weights: ArrayLike, drive: ArrayLike) -> Trace:
    """Run N neurons for T steps from rest, by profile P0.

    weights: (N pre, N post) and drive: (T, N), whole numbers. The software currents are 32 bits
    wide; weights and time constants that could overflow them are refused.
    """
    count = len(neurons)
    table = whole_numbers("weights", weights, (count, count))
    stimuli = whole_numbers("drive", drive, (None, count))
    check_range("weights", table, *INT32)
    check_range("drive", stimuli, -(1 << 30), 1 << 30)
    # A current settles where its decay, 1 / 2**shift of it, equals the input of a step.
    most = np.abs(table.astype(np.int64)).sum(axis=0) << (np.maximum(neurons.shift, 0) + 1)
    check_range("sum of |weights| x 2 tau of neuron", most, 0, 1 << 30, "else currents overflow")
    return trace(make_silicon(neurons, table), stimuli.astype(np.int32))

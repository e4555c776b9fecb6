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

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba.cpython.unsafe.numbers import trailing_zeros
from numpy.typing import ArrayLike, NDArray

from neurobot.compiled import apart, kernel, part
from neurobot.fixed import Ints, check_range, saturate, whole_numbers, wrap_around
from neurobot.lanes import LANES, TOGETHER, lane, sync
from neurobot.neurons import (
    ARRIVING,
    BRANCH,
    CURRENT,
    INT32,
    KEEP,
    POTENTIAL,
    RESET,
    REST,
    ROUND_UP,
    SHIFT,
    SLOPE_REST,
    SLOPE_THRESHOLD,
    SPIKE_LEVEL,
    STIMULUS,
    THRESHOLD,
    Silicon,
    Work,
    make_silicon,
    make_work,
)
from neurobot.neurons import Neurons as Neurons

lowest_bit: Any = trailing_zeros  # an intrinsic, of no type that a checker knows
LOWEST_BITS = np.uint64(0x0102040810204080)


@dataclass(frozen=True)
class Trace:
    """What every neuron did, each of shape (T, N), after each step."""

    potential: NDArray[np.uint8]
    spikes: NDArray[np.bool_]
    current: NDArray[np.int32]


@kernel
def wake(silicon: Silicon, work: Work) -> None:
    """Put all neurons to rest, with nothing on its way."""
    cells = work.cells
    for b in range(cells.shape[0]):
        for j in range(lane(), cells.shape[1], TOGETHER):
            cells[b, j] = silicon.cells[b, j]
        sync()
        for j in range(lane(), LANES, TOGETHER):
            cells[b, POTENTIAL + j] = cells[b, REST + j]
    work.crowd[0] = 0
    sync()


@apart
def accumulate(silicon: Silicon, work: Work) -> None:
    """Sum the weights of the neurons that fired for all neurons that they feed."""
    cells, weights, who = work.cells, silicon.weights, work.who
    for b in range(cells.shape[0]):
        if not silicon.fed[b]:
            continue
        for j in range(lane(), LANES, TOGETHER):
            cells[b, ARRIVING + j] = 0
        for k in range(work.crowd[0]):
            for j in range(lane(), LANES, TOGETHER):
                cells[b, ARRIVING + j] += weights[who[k], b * LANES + j]


@kernel
def add(kind: Any, a: Any, b: Any) -> Any:
    """Add two numbers of a kind and stop at the ends of its range."""
    return kind(saturate(int(a) + int(b), np.iinfo(kind).min, np.iinfo(kind).max))


@kernel
def fit(silicon: Silicon, kind: Any, current: Any, arriving: Any) -> Any:
    """Add to a current, and bring the sum back into its register."""
    low, high = kind(silicon.current_low), kind(silicon.current_high)
    if silicon.current_wraps:
        return kind(wrap_around(kind(current + arriving), low, high))
    return kind(saturate(add(kind, current, arriving), low, high))


@kernel
def decay_step(kind: Any, current: Any, shift: Any, round_up: Any) -> Any:
    """Return what a current loses: 1 / 2**shift of it, rounded, and never less than 1."""
    sign = kind(current >> 31)
    # The mask keeps the shift in narrow lanes.
    loss = kind(kind(current + (sign & round_up)) >> (shift & kind(15)))
    return kind(kind(current > 0) + sign) if loss == 0 else loss


@apart
def update(silicon: Silicon, work: Work) -> None:
    """Decay the currents, then move the membranes by one step of the force and the inputs."""
    cells = work.cells
    # Every value is pinned to the lanes' kind: Numba would widen them, and lose most of the lanes.
    kind = cells.dtype.type
    for b in range(cells.shape[0]):
        for j in range(lane(), LANES, TOGETHER):
            v, keep = cells[b, POTENTIAL + j], cells[b, KEEP + j]
            total = fit(silicon, kind, cells[b, CURRENT + j], cells[b, ARRIVING + j])
            loss = decay_step(kind, total, cells[b, SHIFT + j], cells[b, ROUND_UP + j])
            left = kind(total - (loss & keep))
            towards_rest = kind(cells[b, SLOPE_REST + j] * kind(cells[b, REST + j] - v))
            away = kind(cells[b, SLOPE_THRESHOLD + j] * kind(v - cells[b, THRESHOLD + j]))
            force = towards_rest if v < cells[b, BRANCH + j] else away
            pushed = add(kind, left, cells[b, STIMULUS + j])
            moved = add(kind, pushed, kind(v + kind(force >> kind(3))))
            spiked = moved > kind(SPIKE_LEVEL)
            work.fired[b * LANES + j] = spiked
            cells[b, POTENTIAL + j] = cells[b, RESET + j] if spiked else max(moved, kind(0))
            cells[b, CURRENT + j] = left & keep


@kernel
def gather(work: Work) -> None:
    """Write the positions of the neurons that fired, in order, to the front of who."""
    count = 0
    for block in range(work.words.shape[0] // 8):
        # The product puts the lowest bits of eight bytes side by side into the highest byte.
        mask = np.uint64(0)
        for k in range(8):
            byte = (work.words[8 * block + k] * LOWEST_BITS) >> np.uint64(56)
            mask |= byte << np.uint64(8 * k)
        while mask != 0:
            work.who[count] = LANES * block + lowest_bit(mask)
            mask &= mask - np.uint64(1)
            count += 1
    work.crowd[0] = count


@part
def tick(silicon: Silicon, work: Work) -> None:
    """Advance all neurons by one step of the stimulus, and the spikes of the step before."""
    accumulate(silicon, work)
    update(silicon, work)
    sync()
    if lane() == 0:
        gather(work)
    sync()


@kernel
def record(
    silicon: Silicon, work: Work, drive: Ints, potentials: Any, spikes: Any, currents: Any
) -> None:
    """Run from rest and write every step's state, each (T, N)."""
    wake(silicon, work)
    for t in range(drive.shape[0]):
        for i in range(drive.shape[1]):
            work.cells[i // LANES, STIMULUS + i % LANES] = drive[t, i]
        tick(silicon, work)
        for i in range(drive.shape[1]):
            potentials[t, i] = work.cells[i // LANES, POTENTIAL + i % LANES]
            spikes[t, i] = work.fired[i]
            currents[t, i] = work.cells[i // LANES, CURRENT + i % LANES]


def trace(silicon: Silicon, drive: Ints) -> Trace:
    """Run from rest on a drive (T, N) and keep every step's state."""
    shape, kind = drive.shape, np.iinfo(silicon.cells.dtype)
    check_range("drive", drive, kind.min, kind.max)
    kept = Trace(np.zeros(shape, np.uint8), np.zeros(shape, np.bool_), np.zeros(shape, np.int32))
    work = make_work(silicon)
    record(silicon, work, drive, kept.potential, kept.spikes, kept.current)
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

"""Sensor readings to spike trains.

Every encoder takes levels, whole numbers 0..256 of shape (N,), and gives trains of shape (T, N),
bool. `proximity` turns distances into levels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.chance import bits
from neurobot.compiled import apart, kernel
from neurobot.fixed import Ints
from neurobot.lanes import TOGETHER, lane

FULL = 256  # the level of a spike in every tick
BERNOULLI_STREAM = 4

Trains = NDArray[np.bool_]


@kernel
def proximity(distance_m: float, near_m: float, far_m: float) -> int:
    """Level of a distance: 256 at near_m and nearer, 0 at far_m and farther, linear in 1 / d."""
    share = (1.0 / max(distance_m, near_m) - 1.0 / far_m) / (1.0 / near_m - 1.0 / far_m)
    return int(max(share, 0.0) * FULL)


@apart
def write_rate(levels: Ints, trains: Any) -> None:
    """Write evenly spaced spikes: level / 256 of all ticks, the same for the same level."""
    for t in range(trains.shape[0]):
        for i in range(lane(), levels.shape[0], TOGETHER):
            # What has come in so far passes a multiple of 256 where its low byte starts anew.
            level = np.int16(levels[i])
            so_far = np.int16(np.int16(t + 1) * level)
            trains[t, i] = (so_far & np.int16(FULL - 1)) < level


@kernel
def rate(levels: Ints, ticks: int) -> Trains:
    """Evenly spaced spikes: level / 256 of all ticks, the same train for the same level."""
    trains = np.zeros((ticks, levels.shape[0]), np.bool_)
    write_rate(levels, trains)
    return trains


@kernel
def bernoulli(levels: Ints, ticks: int, key: int, decision: int) -> Trains:
    """Draw a spike in each tick with probability level / 256, by key and number of the decision."""
    count = levels.shape[0]
    trains = np.zeros((ticks, count), np.bool_)
    for t in range(ticks):
        for i in range(count):
            counter = (decision * ticks + t) * count + i
            trains[t, i] = int(bits(key, BERNOULLI_STREAM, counter) >> np.uint64(56)) < levels[i]
    return trains


@kernel
def first_spike(levels: Ints, ticks: int) -> Trains:
    """One spike each, the sooner the higher the level; none at level 0."""
    trains = np.zeros((ticks, levels.shape[0]), np.bool_)
    for i in range(levels.shape[0]):
        if levels[i] > 0:
            trains[((FULL - levels[i]) * ticks) >> 8, i] = True
    return trains


@kernel
def add_change(levels: Ints, before: Ints, step: int, most: int, trains: Any) -> None:
    """Add a spike for every `step` by which a level rose, one a tick, at most so many."""
    for i in range(lane(), before.shape[0], TOGETHER):
        rise = max(levels[i] - before[i], 0)
        for t in range(min(rise // step, most)):
            trains[t, i] = True


@kernel
def change(levels: Ints, before: Ints, ticks: int, step: int) -> Trains:
    """One spike for every `step` by which a level rose since the last decision, one a tick."""
    trains = np.zeros((ticks, levels.shape[0]), np.bool_)
    add_change(levels, before, step, ticks, trains)
    return trains

"""Spike counts to a decision: the winner is the unit with more than half of all motor spikes.

The rule of the FlyintelBot's decision network (github.com/gogoalexy/FlyintelBot).
"""

from neurobot.compiled import kernel
from neurobot.fixed import Ints

NO_WINNER = -1


@kernel
def winner(counts: Ints) -> int:
    """Position of the unit with more than half of all spikes, else NO_WINNER."""
    if counts.shape[0] == 0:
        return NO_WINNER
    total, best = 0, 0
    for k in range(counts.shape[0]):
        total += counts[k]
        if counts[k] > counts[best]:
            best = k
    return best if 2 * counts[best] > total else NO_WINNER


@kernel
def is_decided(most: int, total: int, units: int, ticks_left: int) -> bool:
    """Whether no spikes in the ticks left, at most one per unit and tick, can change the winner.

    most: spikes of the unit that has most of them; total: of all units.
    """
    if 2 * most > total:
        return 2 * most > total + ticks_left * (units - 1)
    return 2 * (most + ticks_left) <= total + ticks_left

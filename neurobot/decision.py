"""One decision of a chip: from rest, tick by tick, counted, until its votes are decided."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neurobot.compiled import apart, kernel, part
from neurobot.decode import is_decided
from neurobot.fixed import Ints, wrap_around
from neurobot.iqif import tick, wake
from neurobot.lanes import LANES, TOGETHER, add_up, lane, sync
from neurobot.neurons import AMPLITUDE, STIMULUS, TONIC, Silicon, Work


class Bill(NamedTuple):
    """What each neuron's spike costs, (N,), and what every tick costs."""

    ledger: Any  # int64, see `enter`
    sends: Ints  # 1 where spikes leave for the other population, else 0
    voters: int  # how many neurons vote
    cycles_per_tick: int
    cycles_per_read: int
    lanes: int


TICKS, CYCLES, STIMULI, SYNAPTIC_OPS, WEIGHT_READS, SPIKES, MESSAGES = TOTALS = range(7)
# Where the numbers of a ledger's entry begin. A tick's sums fit: of 2048 neurons at most, each with
# 2048 targets at most.
READS_BIT, OPERATIONS_BIT = 16, 40


def enter(votes: ArrayLike, reads: ArrayLike, operations: ArrayLike) -> Any:
    """Put three counts side by side into one number, so that one addition counts all, (N,)."""
    counts = (np.asarray(each, np.int64) for each in (votes, reads, operations))
    return sum(
        each << bit for each, bit in zip(counts, (0, READS_BIT, OPERATIONS_BIT), strict=True)
    )


class Window(NamedTuple):
    """What one decision of a chip reads and writes."""

    trains: Any  # (T, blocks * LANES) uint8 0 or 1: input spikes
    spikes: Ints  # (blocks * LANES,) of each neuron
    totals: Any  # (7,) int64, added up over decisions
    tally: Any  # (3,) int64: votes of the first among the voters, and of all; the last tick's sums


def make_window(ticks: int, lanes: int) -> Window:
    """Allocate the window of decisions that so many ticks make."""
    return Window(
        np.zeros((ticks, lanes), np.uint8),
        np.zeros(lanes, np.int32),
        np.zeros(len(TOTALS), np.int64),
        np.zeros(3, np.int64),
    )


@part
def charge(bill: Bill, due: int, totals: Any) -> None:
    """Count what delivering the last tick's spikes, of these sums, and then all updates take."""
    reads = (due >> READS_BIT) & ((1 << (OPERATIONS_BIT - READS_BIT)) - 1)
    totals[TICKS] += 1
    totals[WEIGHT_READS] += reads
    totals[SYNAPTIC_OPS] += due >> OPERATIONS_BIT
    totals[CYCLES] += bill.cycles_per_tick + -(-reads * bill.cycles_per_read // bill.lanes)


@apart
def stimulate(train: Any, cells: Any, totals: Any) -> None:
    """Write the external stimulus of a tick, and count its input spikes, (blocks * LANES,)."""
    kind = cells.dtype.type
    for b in range(cells.shape[0]):
        count = np.uint8(0)  # narrow: it shares the lanes
        for j in range(lane(), LANES, TOGETHER):
            spike = train[b * LANES + j]
            count = np.uint8(count + spike)
            driven = cells[b, AMPLITUDE + j] if spike else kind(0)
            cells[b, STIMULUS + j] = cells[b, TONIC + j] + driven
        add_up(totals, STIMULI, int(count))


@part
def count_spikes(bill: Bill, work: Work, window: Window) -> None:
    """Count the spikes of a tick: each neuron's, the votes among them, and what they will take."""
    most, due = window.tally[0], 0
    for k in range(work.crowd[0]):
        i = work.who[k]
        entry = bill.ledger[i]
        window.spikes[i] += 1
        most = max(most, window.spikes[i] * (entry & 1))
        due += entry
    window.tally[0], window.tally[2] = most, due
    window.tally[1] += due & ((1 << READS_BIT) - 1)
    window.totals[SPIKES] += work.crowd[0]


@part
def count_messages(bill: Bill, window: Window) -> None:
    """Count the spikes of a run that left for the other population."""
    messages = 0
    for i in range(bill.sends.shape[0]):
        messages += window.spikes[i] * bill.sends[i]
    window.totals[MESSAGES] += messages


@part
def begin(silicon: Silicon, work: Work, window: Window) -> None:
    """Put the chip to rest, with nothing counted."""
    wake(silicon, work)
    for i in range(lane(), window.spikes.shape[0], TOGETHER):
        window.spikes[i] = 0
    window.tally[:] = 0


@part
def advance(silicon: Silicon, bill: Bill, work: Work, window: Window, t: int) -> bool:
    """Take tick t; return whether the majority among the voters is decided."""
    stimulate(window.trains[t], work.cells, window.totals)
    if lane() == 0:
        charge(bill, window.tally[2], window.totals)
    tick(silicon, work)
    if lane() == 0:
        count_spikes(bill, work, window)
    sync()
    most, votes, left = window.tally[0], window.tally[1], window.trains.shape[0] - t - 1
    return bill.voters > 0 and is_decided(most, votes, bill.voters, left)


@kernel
def run(silicon: Silicon, bill: Bill, work: Work, window: Window) -> int:
    """Run from rest to the end of the trains, or until the majority among the voters is decided.

    Without voters: to the end. Returns how many ticks it took.
    """
    begin(silicon, work, window)
    done = 0
    for t in range(window.trains.shape[0]):
        done = t + 1
        if advance(silicon, bill, work, window, t):
            break
    if lane() == 0:
        count_messages(bill, window)
    sync()
    return done


@part
def invert(cells: Any, hits: Any, first: int, cycle: int) -> int:
    """Invert the bits that are hit by some cycle, from the first on; return the next hit."""
    while first < hits.shape[0] and hits[first, 0] <= cycle:
        block, column, mask = hits[first, 1], hits[first, 2], hits[first, 3]
        struck = np.int64(cells[block, column]) ^ mask
        cells[block, column] = wrap_around(struck, hits[first, 4], hits[first, 5])
        first += 1
    return first


@kernel
def run_struck(
    silicon: Silicon, bill: Bill, work: Work, window: Window, hits: Any
) -> tuple[int, int]:
    """Run as `run`, on one lane, while bits of the neurons' state are inverted.

    hits: (n, 6) int64 in the order of their cycles, counted from the beginning; each acts between
    the tick in which it falls and the next one: cycle, block, column in it, mask, and the range of
    the register. Returns how many ticks it took, and how many hits came before its end.
    """
    begin(silicon, work, window)
    start, met, done = window.totals[CYCLES], 0, 0
    for t in range(window.trains.shape[0]):
        met = invert(work.cells, hits, met, window.totals[CYCLES] - start)
        done = t + 1
        if advance(silicon, bill, work, window, t):
            break
    count_messages(bill, window)
    return done, met

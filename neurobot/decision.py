"""One decision of a chip: from rest, tick by tick, counted, until its votes are decided."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from neurobot.compiled import apart, kernel, part
from neurobot.decode import is_decided
from neurobot.fixed import Ints
from neurobot.iqif import tick, wake
from neurobot.lanes import LANES, TOGETHER, add_up, lane, sync
from neurobot.neurons import AMPLITUDE, STIMULUS, TONIC, Silicon, Work


class Bill(NamedTuple):
    """What each neuron's spike costs, (N,), and what every tick costs."""

    synaptic_ops: Ints
    weight_reads: Ints
    sends: Ints  # 1 where spikes leave for the other population, else 0
    cycles_per_tick: int
    cycles_per_read: int
    lanes: int


TICKS, CYCLES, STIMULI, SYNAPTIC_OPS, WEIGHT_READS, SPIKES, MESSAGES = TOTALS = range(7)


class Window(NamedTuple):
    """What one decision of a chip reads and writes."""

    trains: Any  # (T, blocks * LANES) uint8 0 or 1: input spikes
    spikes: Ints  # (blocks * LANES,) of each neuron
    votes: Ints  # (blocks * LANES,) 1 where a spike is a vote, else 0
    totals: Any  # (7,) int64, added up over decisions
    tally: Any  # (3,) int64 votes so far, of the first among the voters and of all; reads due


def make_window(ticks: int, lanes: int, voters: ArrayLike) -> Window:
    """Allocate the windows of decisions that so many ticks make; voters: (V,) positions."""
    votes = np.zeros(lanes, np.int32)
    votes[np.asarray(voters, np.int64)] = 1
    return Window(
        np.zeros((ticks, lanes), np.uint8),
        np.zeros(lanes, np.int32),
        votes,
        np.zeros(len(TOTALS), np.int64),
        np.zeros(3, np.int64),
    )


@part
def charge(bill: Bill, reads: int, totals: Any) -> None:
    """Count what so many reads for the spikes of the last tick, and then all updates, take."""
    totals[TICKS] += 1
    totals[WEIGHT_READS] += reads
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
    """Count the spikes of a tick: each neuron's, the votes among them, and what they will read."""
    count, reads = work.crowd[0], 0
    most, votes = window.tally[0], window.tally[1]
    for k in range(count):
        i = work.who[k]
        window.spikes[i] += 1
        votes += window.votes[i]
        most = max(most, window.spikes[i] * window.votes[i])
        reads += bill.weight_reads[i]
    window.tally[0], window.tally[1], window.tally[2] = most, votes, reads
    window.totals[SPIKES] += count


@part
def count_deliveries(bill: Bill, work: Work, window: Window) -> None:
    """Count the messages and synaptic operations of a run.

    All spikes arrive but those of its last tick.
    """
    messages, operations = 0, 0
    for i in range(bill.synaptic_ops.shape[0]):
        spikes = window.spikes[i]
        messages += spikes * bill.sends[i]
        operations += (spikes - work.fired[i]) * bill.synaptic_ops[i]
    window.totals[MESSAGES] += messages
    window.totals[SYNAPTIC_OPS] += operations


@kernel
def run(silicon: Silicon, bill: Bill, work: Work, window: Window, voters: int) -> int:
    """Run from rest to the end of the trains, or until the majority among the voters is decided.

    voters: how many neurons vote, 0: run to the end. Returns how many ticks it took.
    """
    ticks = window.trains.shape[0]
    wake(silicon, work)
    for i in range(lane(), window.spikes.shape[0], TOGETHER):
        window.spikes[i] = 0
    window.tally[:] = 0
    done = 0
    for t in range(ticks):
        stimulate(window.trains[t], work.cells, window.totals)
        if lane() == 0:
            charge(bill, window.tally[2], window.totals)
        tick(silicon, work)
        if lane() == 0:
            count_spikes(bill, work, window)
        sync()
        done, most, votes = t + 1, window.tally[0], window.tally[1]
        if voters > 0 and is_decided(most, votes, voters, ticks - done):
            break
    if lane() == 0:
        count_deliveries(bill, work, window)
    sync()
    return done

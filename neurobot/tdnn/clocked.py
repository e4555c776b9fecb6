"""The streaming machine, clock by clock: registers, delay lines, taps that switch off.

Sums of synapses have 32 bits and wrap around, which only faulty weights make them do; what is made
of them has 64 bits.

All registers change together at the end of a clock: stages take their turn from the last one to the
first, so that each of them reads what the one before it held when the clock began.
"""

from typing import Any, NamedTuple

import numpy as np

from neurobot.compiled import compile_function, kernel
from neurobot.fixed import saturate
from neurobot.tdnn.wiring import Array, Circuit, record

COUNTS = ("macs", "still_macs", "tree_sums", "evaluations", "comparisons", "line_writes")
MACS, STILL, SUMS, EVALUATIONS, COMPARISONS, WRITES = range(len(COUNTS))
# head: which word of the delay lines takes what comes in; line, place: of the newest tap.
COUNTER = record("head", "line", "place")


class State(NamedTuple):
    """All that changes from clock to clock."""

    counters: Array  # records, by stage
    words: Array  # of the delay lines
    values: Array  # of the registers
    loaded: Array  # by storey, first that of the sample: whether its registers changed a clock ago
    switches: Array  # by tap: the word that it reads, or -1 while it is off
    counts: Array


def make_state(c: Circuit) -> State:
    """Return what the machine holds before its first clock: nothing but zeros."""
    words = int((c.stages["length"] * c.stages["channels"]).sum())
    sizes = words, len(c.neurons), len(c.storeys) - 1, len(c.taps), len(COUNTS)
    counters = np.zeros(len(c.stages), COUNTER)
    return State(counters, *(np.zeros(size, np.int64) for size in sizes))


@kernel
def count_on(c: Circuit, state: State, s: int, clock: int) -> None:
    """Move a stage's counters on: in its delay lines, and in the frame once that has come."""
    stage, counter = c.stages[s], state.counters[s]
    counter.head = counter.head + 1 if counter.head + 1 < stage.length else 0
    if clock > stage.begins:
        counter.place += 1
    if counter.place == c.line:
        counter.place = 0
        counter.line = counter.line + 1 if (counter.line + 1) * c.line < c.frame else 0


@kernel
def take_in(c: Circuit, state: State, s: int) -> None:
    """Take into the delay lines what came out below a clock ago; no tap ever reads the rest."""
    stage = c.stages[s]
    came = state.loaded[stage.storey - 1]
    source = c.storeys[stage.storey - 1]
    word = stage.word + state.counters[s].head * stage.channels
    # Not `if came`: with a condition around it, each access here would count references.
    for u in range(came * stage.channels):
        state.words[word + u] = state.values[source + u]
    state.counts[WRITES] += came * stage.lines


@kernel
def switch_taps(c: Circuit, state: State, s: int, row: int, column: int) -> None:
    """Point the taps of window (row, column) at their words; off those outside of the frame."""
    stage, head = c.stages[s], state.counters[s].head
    top = row * stage.stride_down - stage.top
    left = column * stage.stride_right - stage.left
    for k in range(stage.tap, stage.end_tap):
        tap = c.taps[k]
        y, x = top + tap.row, left + tap.column
        inside = 0 <= y < stage.given_rows and 0 <= x < stage.given_columns
        place = head - tap.delay if head >= tap.delay else head - tap.delay + stage.length
        state.switches[k] = stage.word + place * stage.channels if inside else -1


@kernel
def put_out(stage: Any, neuron: Any, total: int) -> int:
    """Return what a neuron makes of its sum."""
    code = (np.int64(np.int32(total)) * neuron.scale + neuron.bias) >> stage.shift
    code = saturate(code, stage.low, stage.high)
    return int(2 * code - stage.odd) if stage.odd else code


@kernel
def add_synapses(c: Circuit, state: State, s: int) -> None:
    """Let all neurons that have taps sum up their synapses."""
    stage = c.stages[s]
    alone = stage.end_storey - stage.storey == 1
    synapses, switches, words = c.synapses, state.switches, state.words
    for number in range(c.storeys[stage.storey], c.storeys[stage.storey + 1]):
        neuron = c.neurons[number]
        total, moved = 0, 0
        for k in range(stage.synapse + neuron.first, stage.synapse + neuron.end):
            synapse = synapses[k]
            word = switches[stage.tap + synapse.tap]
            value = words[word + synapse.channel] if word >= 0 else 0
            total += synapse.weight * value
            moved += value != 0
        total <<= neuron.leaf_shift
        state.values[number] = put_out(stage, neuron, total) if alone else total
        state.counts[MACS] += moved
        state.counts[STILL] += neuron.end - neuron.first - moved
        state.counts[EVALUATIONS] += 1


@kernel
def join(c: Circuit, state: State, s: int, storey: int) -> None:
    """Let all neurons of a storey sum up those that they join."""
    stage = c.stages[s]
    for number in range(c.storeys[storey], c.storeys[storey + 1]):
        neuron = c.neurons[number]
        total = 0
        for k in range(neuron.first, neuron.end):
            total += state.values[stage.neuron + k]
        top = storey + 1 == stage.end_storey
        state.values[number] = put_out(stage, neuron, total) if top else total
        if not neuron.waits:
            state.counts[SUMS] += neuron.end - neuron.first
            state.counts[EVALUATIONS] += 1


@kernel
def compare(c: Circuit, state: State, s: int) -> None:
    """Let all window maxima find the greatest of their taps; one that is off reads 0."""
    stage = c.stages[s]
    for u in range(stage.channels):
        word = state.switches[stage.tap]
        best = state.words[word + u] if word >= 0 else 0
        for k in range(stage.tap + 1, stage.end_tap):
            word = state.switches[k]
            best = max(best, state.words[word + u] if word >= 0 else 0)
            state.counts[COMPARISONS] += 1
        state.values[stage.neuron + u] = best


@kernel
def tick(c: Circuit, state: State, s: int, clock: int, frames: int) -> None:
    """Let a stage go through a clock: the storeys of its trees from the top down, then its taps."""
    stage, counter = c.stages[s], state.counters[s]
    count_on(c, state, s, clock)
    take_in(c, state, s)
    for storey in range(stage.end_storey - 1, stage.storey, -1):
        state.loaded[storey] = state.loaded[storey - 1]
        if state.loaded[storey]:
            join(c, state, s, storey)
    row, column = counter.line // stage.down, counter.place // stage.right
    on_grid = row * stage.down == counter.line and column * stage.right == counter.place
    valid = on_grid and row < stage.rows and column < stage.columns
    valid = valid and stage.begins <= clock < stage.begins + frames * c.frame
    state.loaded[stage.storey] = valid
    if valid:
        switch_taps(c, state, s, row, column)
        if stage.maxima:
            compare(c, state, s)
        else:
            add_synapses(c, state, s)


@compile_function
def run_clocks(
    c: Circuit, state: State, samples: Any, clock: int, frames: int, scores: Any, times: Any
) -> int:
    """Go through clocks, from `clock` on, of the first so many frames; return how many scores came.

    samples: (clocks, channels); fills scores (frames, n) and the clocks of their coming (frames,).
    """
    came = 0
    for now in range(clock, clock + len(samples)):
        for u in range(samples.shape[1]):
            state.values[u] = samples[now - clock, u]
        inside = now % c.frame // c.line < c.rows and now % c.line < c.columns
        state.loaded[0] = inside and now < frames * c.frame
        if state.loaded[-1]:
            for k in range(scores.shape[1]):
                scores[came, k] = state.values[c.storeys[-2] + k]
            times[came] = now
            came += 1
        for s in range(len(c.stages) - 1, -1, -1):
            tick(c, state, s, now, frames)
    return came

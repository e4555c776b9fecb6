"""A frame through the streaming machine while bits of its delay lines are inverted."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from neurobot.tdnn.clocked import MACS, State, make_state, run_clocks
from neurobot.tdnn.form import Net
from neurobot.tdnn.hardware import tapped
from neurobot.tdnn.timing import timings
from neurobot.tdnn.wiring import Array, Circuit


class Hit(NamedTuple):
    """Bits of a word that are inverted just before the taps of a clock read it.

    clock: since the frame's first sample; stage, channel: of the delay line; delay: of the tap at
    which the word then lies, 1 or more; mask: what the word is combined with, exclusively.
    """

    clock: int
    stage: int
    channel: int
    delay: int
    mask: int


def last_reads(net: Net, clocks: int) -> list[Array]:
    """Return for each stage when what came in at a clock is read for the last time.

    (clocks, channels) by stage, -1 for what no synapse reads.
    """
    found = []
    assert net.clocking is not None
    for stage, time, given, made in zip(
        net.stages, timings(net), net.signals, net.signals[1:], strict=False
    ):
        last = np.full((clocks, given.shape[2]), -1)
        used, (r, c) = tapped(stage, given.shape[2]), np.indices(made.shape[:2]).reshape(2, -1)
        at = time.begins + r * time.pitch_out[0] * net.clocking.line + c * time.pitch_out[1]
        for i, j in np.ndindex(*stage.kernel):
            y = r * stage.stride[0] - stage.padding[0] + i
            x = c * stage.stride[1] - stage.padding[1] + j
            inside = (y >= 0) & (y < given.shape[0]) & (x >= 0) & (x < given.shape[1])
            for channel in np.flatnonzero(used[i, j]):
                came = at[inside] - time.delays[i, j]
                np.maximum.at(last[:, channel], came, at[inside])
        found.append(last)
    return found


def word_of(c: Circuit, state: State, hit: Hit) -> int:
    """Return which word lies at a delay in the coming clock."""
    stage, head = c.stages[hit.stage], state.counters["head"][hit.stage] + 1
    behind = (head - hit.delay) % stage["length"]
    return int(stage["word"] + behind * stage["channels"] + hit.channel)


def run_struck(c: Circuit, samples: Array, hits: Iterable[Hit], scores: Array) -> int:
    """Stream a frame through, and fill its scores (1, n); return its products that moved.

    samples: (clocks, channels), until the frame is all through; hits: in the order of their clocks.
    """
    state, times, clock = make_state(c), np.zeros(1, np.int64), 0
    for when, together in groupby(hits, attrgetter("clock")):
        run_clocks(c, state, samples[clock:when], clock, 1, scores, times)
        clock = when
        for hit in together:
            state.words[word_of(c, state, hit)] ^= hit.mask
    run_clocks(c, state, samples[clock:], clock, 1, scores, times)
    return int(state.counts[MACS])

"""What a network takes up in silicon, stage by stage: synapses, neurons, words of delay lines.

A map of pitch (p, q) fills its delay lines in one of two ways: with a word per clock, so that a tap
of delay d needs d words; or with a clock enable, so that only every q-th clock and p-th line takes
a word, and the tap in row i, column j needs (rows - 1 - i) ceil(line / q) + (columns - 1 - j). A
source channel has one line, as deep as its deepest tap with a weight, for all that listen to it.
"""

from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.signals import Signal
from neurobot.tdnn.form import Net, Neurons, Stage, Tree, leaf_counts
from neurobot.tdnn.timing import Timing, timings

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class StageHardware:
    """What a stage takes up.

    connections: weights other than 0 as the network stands: in space one for each place of the
    output map, in time one tap each; unrolled, in_time: the same number in space and in time.
    synapses, neurons: of hardware neurons as the network stands, those that join the leaves of
    trees included. comparators: of window maxima, as it stands. delay_words: of the lines that the
    stage's taps are on, a word per clock; delay_words_gated: with a clock enable; both None in
    space. weight_bits_total: of the weights other than 0, each kept once.
    """

    name: str
    connections: int
    unrolled: int
    in_time: int
    synapses: int
    neurons: int
    comparators: int
    delay_words: int | None
    delay_words_gated: int | None
    weight_bits_total: int


def storey_counts(leaves: Array, tree: Tree) -> list[Array]:
    """Return how many hardware neurons each storey of each neuron's tree has, [(out,)].

    leaves: (out,), how many leaves with synapses each neuron has. A storey joins `fan_in` of the
    one below at a time; a neuron that has come to one already waits in it for the others.
    """
    counts, widest = [np.maximum(leaves, 1)], tree.shifts.shape[1]
    while widest > 1:
        counts.append(-(-counts[-1] // tree.fan_in))
        widest = -(-widest // tree.fan_in)
    return counts


def joints(layer: Neurons) -> tuple[int, int]:
    """Return how many hardware neurons join the leaves of a layer's trees, and their synapses."""
    if layer.tree is None:
        return 0, 0
    leaves = np.count_nonzero(leaf_counts(layer.tree), axis=1)
    counts = storey_counts(leaves, layer.tree)
    neurons = synapses = 0
    for below, above in pairwise(counts):
        neurons += int(above[below > 1].sum())
        synapses += int(below[below > 1].sum())
    return neurons, synapses


def leaves_of(layer: Neurons) -> int:
    """Return how many hardware neurons of a layer have taps; a lone bias takes one as well."""
    if layer.tree is None:
        return len(layer.weights)
    leaves = np.count_nonzero(leaf_counts(layer.tree), axis=1)
    return int(np.maximum(leaves, 1).sum())


def tapped(stage: Stage, channels: int) -> Array:
    """Return which taps of each source channel a stage uses, (rows, columns, channels)."""
    if isinstance(stage, Neurons):
        return np.asarray((stage.weights != 0).any(axis=0))
    return np.ones((*stage.kernel, channels), np.bool_)


def line_depths(stage: Stage, timing: Timing, channels: int) -> Array:
    """Return the words of each source channel's delay line, a word per clock, (channels,)."""
    depths: Array = np.where(tapped(stage, channels), timing.delays[:, :, None], 0)
    return np.asarray(depths.max(axis=(0, 1)))


def gated_depths(stage: Stage, timing: Timing, channels: int, line: int) -> Array:
    """Return the words of each source channel's delay line with a clock enable, (channels,)."""
    rows, columns = (np.arange(size)[::-1] for size in stage.kernel)
    words = rows[:, None] * -(-line // timing.pitch[1]) + columns
    depths: Array = np.where(tapped(stage, channels), words[:, :, None], 0)
    return np.asarray(depths.max(axis=(0, 1)))


def weigh(
    stage: Stage, given: Signal, made: Signal, timing: Timing | None, line: int
) -> StageHardware:
    """Return what a stage takes up; in space (timing None) each place has neurons of its own."""
    places, channels = made.shape[0] * made.shape[1], given.shape[2]
    copies = places if timing is None else 1
    connections = synapses = neurons = bits = comparators = 0
    if isinstance(stage, Neurons):
        connections = int(stage.fan_ins.sum())
        more, inner = joints(stage)
        synapses, neurons = connections + inner, leaves_of(stage) + more
        bits = connections * stage.weight_bits
    else:
        comparators = (stage.size[0] * stage.size[1] - 1) * channels
    words = gated = None
    if timing is not None:
        words = int(line_depths(stage, timing, channels).sum())
        gated = int(gated_depths(stage, timing, channels, line).sum())
    return StageHardware(
        name=stage.name,
        connections=connections * copies,
        unrolled=connections * places,
        in_time=connections,
        synapses=synapses * copies,
        neurons=neurons * copies,
        comparators=comparators * copies,
        delay_words=words,
        delay_words_gated=gated,
        weight_bits_total=bits,
    )


def hardware(net: Net) -> tuple[StageHardware, ...]:
    """Return what each stage of a network takes up, in space or in time, real or in integers."""
    clocking = net.clocking
    times = repeat(None) if clocking is None else timings(net)
    line = 0 if clocking is None else clocking.line
    around = zip(net.stages, net.signals, net.signals[1:], times, strict=False)
    return tuple(weigh(stage, given, made, time, line) for stage, given, made, time in around)

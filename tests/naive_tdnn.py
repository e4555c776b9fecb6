"""What a network in time does and takes, once more: one loop per index, plain Python integers.

A map is a dictionary from (row, column, channel) to a number, which has no entry off the map.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import product
from math import floor
from typing import Any

from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Stage

Map = dict[tuple[int, int, int], int]


@dataclass
class Walk:
    """All maps of a frame, its scores and its counts."""

    maps: dict[str, Map] = field(default_factory=dict)
    scores: list[int] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def window_starts(length: int, window: int, step: int, pad: int) -> list[int]:
    """Where windows begin, trying every place."""
    return [
        start
        for start in range(-pad, length + pad)
        if (start + pad) % step == 0 and start + window <= length + pad
    ]


def size_of(values: Map) -> tuple[int, int]:
    return max(place[0] for place in values) + 1, max(place[1] for place in values) + 1


def naive_windows(stage: Stage, given: Map) -> list[tuple[int, int, int, int]]:
    """All windows: row and column among windows, and that of the upper left tap."""
    rows, columns = size_of(given)
    axes = zip((rows, columns), stage.kernel, stage.stride, stage.padding, strict=True)
    down, right = (list(enumerate(window_starts(*axis))) for axis in axes)
    return [(r, c, y, x) for (r, y), (c, x) in product(down, right)]


@cache
def synapses_of(layer: Neurons, neuron: int) -> list[tuple[int, int, int, int, int]]:
    """All connections of a neuron: leaf, row, column, channel and weight."""
    found = []
    for i, j, u in product(*(range(count) for count in layer.weights.shape[1:])):
        weight = int(layer.weights[neuron, i, j, u])
        leaf = 0 if layer.tree is None else int(layer.tree.leaf[neuron, i, j, u])
        if weight:
            found.append((leaf, i, j, u, weight))
    return found


def in_groups(values: list[int], size: int) -> list[list[int]]:
    return [values[k : k + size] for k in range(0, len(values), size)]


def naive_neuron(layer: Neurons, neuron: int, given: Map, y: int, x: int, counts: Any) -> int:
    leaves: dict[int, int] = {}
    for leaf, i, j, u, weight in synapses_of(layer, neuron):
        value = given.get((y + i, x + j, u), 0)
        counts["macs" if value != 0 else "still_macs"] += 1
        shift = 0 if layer.tree is None else int(layer.tree.shifts[neuron, leaf])
        leaves[leaf] = leaves.get(leaf, 0) + weight * value * 2**shift
    sums = [leaves[leaf] for leaf in sorted(leaves)] or [0]
    counts["evaluations"] += len(sums)
    while len(sums) > 1:
        assert layer.tree is not None
        counts["tree_sums"] += len(sums)
        sums = [sum(group) for group in in_groups(sums, layer.tree.fan_in)]
        counts["evaluations"] += len(sums)
    scaled = sums[0] * int(layer.scale[neuron]) + int(layer.bias[neuron])
    value = floor(Fraction(scaled, 2**layer.shift))
    if layer.low is None or layer.high is None:
        return value
    code = min(max(value, int(layer.low)), int(layer.high))
    return code + code - int(2**layer.bits) + 1 if layer.odd else code


def naive_stage(stage: Stage, given: Map, counts: Any) -> Map:
    made: Map = {}
    for r, c, y, x in naive_windows(stage, given):
        if isinstance(stage, Neurons):
            for neuron in range(len(stage.weights)):
                made[r, c, neuron] = naive_neuron(stage, neuron, given, y, x, counts)
            continue
        for u in sorted({place[2] for place in given}):
            taps = [(y + i, x + j, u) for i, j in product(*map(range, stage.size))]
            made[r, c, u] = max(given[tap] for tap in taps if tap in given)
            counts["comparisons"] += len(taps) - 1
    return made


def arrival(clocking: Clocking, pitch: tuple[int, int], row: int, column: int) -> int:
    """The clock of a place of a map, counted from that of its first place."""
    return row * pitch[0] * clocking.line + column * pitch[1]


def naive_line(stage: Stage, clocking: Clocking, pitch: tuple[int, int], u: int) -> tuple[int, int]:
    """The words of a channel's delay line: with a word per clock, and with a clock enable."""
    rows, columns = stage.kernel
    newest = arrival(clocking, pitch, rows - 1, columns - 1)
    depth = gated = 0
    for i, j in product(range(rows), range(columns)):
        if isinstance(stage, Neurons) and not stage.weights[:, i, j, u].any():
            continue
        oldest = arrival(clocking, pitch, i, j)
        depth = max(depth, newest - oldest)
        lines, places = clocking.line * pitch[0], pitch[1]
        later = range(oldest + 1, newest + 1)
        taken = [t for t in later if t % lines < clocking.line and t % clocking.line % places == 0]
        gated = max(gated, len(taken))
    return depth, gated


def naive_hardware(net: Net) -> list[Counter[str]]:
    """What each stage takes up in time."""
    assert net.clocking is not None
    pitch, found = (1, 1), []
    for stage, given in zip(net.stages, net.signals, strict=False):
        words: Counter[str] = Counter(synapses=0, neurons=0, delay_words=0, gated=0, lines=0)
        for u in range(given.shape[2]):
            depth, gated = naive_line(stage, net.clocking, pitch, u)
            words += Counter(delay_words=depth, gated=gated, lines=depth > 0)
        if isinstance(stage, Neurons):
            for neuron in range(len(stage.weights)):
                synapses = synapses_of(stage, neuron)
                words += Counter(synapses=len(synapses), connections=len(synapses))
                level = len({leaf for leaf, *_ in synapses}) or 1
                words["neurons"] += level
                while level > 1:
                    assert stage.tree is not None
                    words["synapses"] += level
                    level = len(in_groups([0] * level, stage.tree.fan_in))
                    words["neurons"] += level
        found.append(words)
        pitch = (pitch[0] * stage.stride[0], pitch[1] * stage.stride[1])
    return found


def storey_number(stage: Stage) -> int:
    if isinstance(stage, Maxima) or stage.tree is None:
        return 1
    count, level = 1, [0] * stage.tree.shifts.shape[1]
    while len(level) > 1:
        count, level = count + 1, [0] * len(in_groups(level, stage.tree.fan_in))
    return count


def clock_of(net: Net, number: int, row: int, column: int) -> int:
    """The clock at which a place of a map is there, of the input (0) or a stage (1..)."""
    assert net.clocking is not None
    if number == 0:
        return row * net.clocking.line + column
    stage = net.stages[number - 1]
    last = [
        place * step - pad + size - 1
        for place, step, pad, size in zip(
            (row, column), stage.stride, stage.padding, stage.kernel, strict=True
        )
    ]
    return clock_of(net, number - 1, last[0], last[1]) + storey_number(stage)


def naive_walk(net: Net, image: Any) -> Walk:
    """Go through a frame."""
    assert net.clocking is not None
    rows, columns, channels = net.input_shape
    places = product(range(rows), range(columns), range(channels))
    given: Map = {(r, c, u): int(image[r][c][u]) for r, c, u in places}
    walk = Walk(maps={"input": given})
    for stage, hardware in zip(net.stages, naive_hardware(net), strict=True):
        walk.counts["line_writes"] += hardware["lines"] * len({key[:2] for key in given})
        for name in ("synapses", "neurons", "delay_words"):
            walk.counts[name] += hardware[name]
        given = walk.maps[stage.name] = naive_stage(stage, given, walk.counts)
    walk.scores = [given[place] for place in sorted(given)]
    frame = net.clocking.line * net.clocking.lines
    newest = clock_of(net, 0, rows - 1, columns - 1)
    walk.counts["cycles"] = clock_of(net, len(net.stages), 0, 0) - newest
    walk.counts["samples"] = frame
    walk.counts["word_shifts"] = walk.counts["delay_words"] * frame
    return walk

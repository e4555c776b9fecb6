"""What happens in passes without weights: value by value, as many a cycle as the unit has lanes.

Maps are read and written in order, all scales once, and held meanwhile (assumed).
"""

from collections import Counter
from collections.abc import Callable
from itertools import accumulate

import numpy as np

from neurobot.mac.array import MacArray
from neurobot.mac.layout import Windows, changes, window_reads
from neurobot.mac.plan import Pass
from neurobot.qnet import Add, Affine, Channels, Layer, MaxPool, Requant, Scores, SumPool


def scale(part: Pass) -> Counter[str]:
    """Scale a stored map."""
    return Counter(slots=part.sources[0].values, activation_reads=part.sources[0].words)


def add(part: Pass) -> Counter[str]:
    """Add two maps."""
    values = part.sources[0].values
    return Counter(
        slots=values * part.rounds,
        activation_reads=sum(source.words for source in part.sources),
        additions=values,
    )


def sum_up(part: Pass) -> Counter[str]:
    """Sum a map by channel."""
    source = part.sources[0]
    return Counter(
        slots=source.values,
        late_slots=source.shape[2] * part.rounds,
        activation_reads=source.words,
        additions=source.values,
    )


def pool(part: Pass) -> Counter[str]:
    """Take window maxima, by comparing each value but a window's first."""
    layer, source, made = part.layer, part.sources[0], part.made[part.layer.name]
    assert isinstance(layer, MaxPool)
    windows = Windows(layer.size, layer.stride, layer.padding, made.shape[:2])
    channels = source.shape[2]
    tile = np.zeros((*layer.size, channels), np.int64)
    met = windows.met(source.shape) * channels
    return Counter(
        slots=met,
        activation_reads=window_reads(source, windows, (0, channels), tile),
        maxima=met - made.values,
    )


def take(part: Pass) -> Counter[str]:
    """Copy channels, place by place."""
    layer, sources = part.layer, part.sources
    assert isinstance(layer, Channels)
    before = [0, *accumulate(source.shape[2] for source in sources)]
    from_map = np.searchsorted(before, layer.index, side="right") - 1
    channel = layer.index - np.array(before)[from_map]
    steps = np.array([source.lanes for source in sources])[from_map]
    corners = np.arange(sources[0].places)[:, None] * steps
    ends = [
        np.array([end(sources[m], c) for m, c in zip(from_map, channel, strict=True)])
        for end in (type(sources[0]).first, type(sources[0]).last)
    ]
    first, last = (((corners + end) // sources[0].word_lanes).reshape(-1) for end in ends)
    reads = changes(first, last, np.tile(from_map, sources[0].places))
    return Counter(slots=part.made[layer.name].values, activation_reads=reads)


COUNTING: dict[type[Layer], Callable[[Pass], Counter[str]]] = {
    Requant: scale,
    Scores: scale,
    Affine: scale,
    Add: add,
    SumPool: sum_up,
    MaxPool: pool,
    Channels: take,
}


def count(part: Pass, array: MacArray, *, real: bool) -> Counter[str]:
    """Count all that a pass without weights does."""
    counts = COUNTING[type(part.layer)](part)
    slots = counts.pop("slots"), counts.pop("late_slots", 0)
    counts["cycles"] = array.fill_cycles + sum(-(-n // array.requant_lanes) for n in slots)
    made = next(iter(part.made.values()))
    counts["weight_reads"] = part.scale_words(made.shape[2], array.weight_word_bits)
    counts["activation_writes"] = sum(layout.words for layout in part.made.values())
    counts["affines_fp32" if real else "requantizations"] = len(part.scales) * made.values
    if real and "additions" in counts:
        counts["additions_fp32"] = counts.pop("additions")
    return counts

"""How many lanes of a run were not still: those of whose inputs at least one is not 0."""

from collections.abc import Callable
from typing import Any

import numpy as np

from neurobot.compiled import apart
from neurobot.mac.schedules import Job
from neurobot.qnet.network import covers


@apart
def count_full(pairs: Any, meetings: Any, width: int) -> int:
    """Count lanes that are not still, each as often as windows meet it; all lanes are full.

    pairs: (lanes * width,), two values each; meetings: (lanes,).
    """
    total = 0
    for lane in range(meetings.shape[0]):
        union = pairs[lane * width]
        for k in range(1, width):
            union |= pairs[lane * width + k]
        total += meetings[lane] * (union != 0)
    return total


@apart
def count_ragged(values: Any, meetings: Any, given: int, packed: int) -> int:
    """Count lanes that are not still, each as often as windows meet it.

    values: (places, channels), of which lanes take so many together in each group of given ones;
    meetings: (places,).
    """
    total = 0
    for place in range(values.shape[0]):
        lanes = 0
        for group in range(0, values.shape[1], given):
            for first in range(group, group + given, packed):
                union = 0
                for channel in range(first, min(first + packed, group + given)):
                    union |= values[place, channel]
                lanes += union != 0
        total += lanes * meetings[place]
    return total


def meetings_of(job: Job) -> Any:
    """Return how many windows of a convolution meet each place of its map, (places,)."""
    conv, shape = job.conv, job.source.shape
    axes = zip(shape[:2], conv.kernel, conv.stride, conv.padding, strict=True)
    rows, columns = (np.array(covers(*axis), np.int64) for axis in axes)
    return np.outer(rows, columns).reshape(-1)


def lane_counter(job: Job, values: Any) -> Callable[[], int]:
    """Return what counts the lanes that are not still of an int32 map (rows, columns, channels)."""
    meetings, given, packed = meetings_of(job), job.given, job.packed
    if packed > 1 and given % packed == 0:
        pairs, width = values.reshape(-1).view(np.int64), packed // 2
        met = meetings.repeat(values.shape[2] // packed)
        return lambda: int(count_full(pairs, met, width))
    places = values.reshape(-1, values.shape[2])
    return lambda: int(count_ragged(places, meetings, given, packed))

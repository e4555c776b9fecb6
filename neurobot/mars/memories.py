"""Whether a network fits the machine's memories, and how many banks it needs.

A core's weight memory holds the tiles of its blocks of all layers, their index, and its share of
all scales. A core sets sums of one block aside at a time. How it is laid out is assumed.
"""

from collections.abc import Sequence

from neurobot.mars.counting import index_words
from neurobot.mars.schedule import Load, Timing
from neurobot.mars.silicon import Silicon
from neurobot.qnet.memories import BYTE, check_size, words

SUM_BYTES = 4  # of an accumulator


def weight_words(load: Load, timing: Timing, silicon: Silicon) -> list[int]:
    """Return how many words each core's weight memory holds of a layer."""
    tile, scales = (
        words(silicon.tile_bits(load.slot), silicon),
        -(-load.scale_words // silicon.cores),
    )
    index = index_words(load, silicon)
    return [n * tile + more + scales for n, more in zip(timing.tiles, index, strict=True)]


def weights_held(loads: Sequence[Load], timings: Sequence[Timing], silicon: Silicon) -> list[int]:
    """Return how many bytes each core's weight memory holds; refuse the layer that does not fit."""
    held = [0] * silicon.cores
    for load, timing in zip(loads, timings, strict=True):
        for core, count in enumerate(weight_words(load, timing, silicon)):
            held[core] += count * silicon.word_bits // BYTE
        check_size(load.name, "weights so far in a core", max(held), silicon.weight_bytes)
    return held


def partials_held(loads: Sequence[Load], timings: Sequence[Timing], silicon: Silicon) -> list[int]:
    """Return how many bytes of sums each core sets aside at a time; refuse what does not fit."""
    held = [0] * silicon.cores
    for load, timing in zip(loads, timings, strict=True):
        size = load.places * silicon.columns(load.slot) * SUM_BYTES
        held = [max(was, size * (n > 0)) for was, n in zip(held, timing.crossings, strict=True)]
        check_size(load.name, "sums set aside in a core", max(held), silicon.partial_bytes)
    return held


def banks(
    loads: Sequence[Load], timings: Sequence[Timing], features: Sequence[int], silicon: Silicon
) -> int:
    """Return how many banks are on for layers whose maps take so many bytes at most."""
    own = weights_held(loads, timings, silicon) + partials_held(loads, timings, silicon)
    return sum(silicon.banks(size) for size in [*own, *features])

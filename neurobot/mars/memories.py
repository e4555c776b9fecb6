"""Whether a network fits the machine's memories, and how many banks it needs.

A core's weight memory holds the tiles of its blocks of all layers, their index, and its share of
all scales. A map lies in the other feature memory than the first map that it is made of, until the
last layer that reads it has ended. A core sets sums of one block aside at a time. How it is laid
out is assumed.
"""

from collections.abc import Sequence

from neurobot.mars.counting import BYTE, index_words, words
from neurobot.mars.schedule import Load, Timing
from neurobot.mars.silicon import Silicon
from neurobot.qnet import INPUT

SUM_BYTES = 4  # of an accumulator


def check_size(name: str, what: str, found: int, held: int) -> None:
    """Refuse what does not fit a memory."""
    if found > held:
        raise ValueError(f"{name}: {found} bytes of {what} needed; the machine holds {held}")


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


class Features:
    """The two feature memories: which maps lie in them, and how many bytes at a time at most."""

    def __init__(self, image_bytes: int, silicon: Silicon) -> None:
        self.silicon = silicon
        self.sizes: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self.most = [0, 0]
        self._put(INPUT, {INPUT: image_bytes}, side=0)

    def _put(self, name: str, maps: dict[str, int], side: int) -> None:
        self.sizes[side].update(maps)
        size = sum(self.sizes[side].values())
        check_size(name, "maps in a feature memory", size, self.silicon.feature_bytes)
        self.most[side] = max(self.most[side], size)

    def make(self, name: str, source: str, maps: dict[str, int]) -> None:
        """Put the maps that a layer makes opposite of the first one that it reads."""
        self._put(name, maps, side=int(source in self.sizes[0]))

    def drop(self, names: set[str]) -> None:
        """Forget maps."""
        for sizes in self.sizes:
            for name in names & sizes.keys():
                del sizes[name]


def banks(
    loads: Sequence[Load], timings: Sequence[Timing], features: Sequence[int], silicon: Silicon
) -> int:
    """Return how many banks are on for layers whose maps take so many bytes at most."""
    own = weights_held(loads, timings, silicon) + partials_held(loads, timings, silicon)
    return sum(silicon.banks(size) for size in [*own, *features])

"""Maps in memories of words: how many words they take, and which of two memories holds which map.

A map lies in the other memory than the first map that it is made of, until the last layer that
reads it has ended. How maps are laid out is assumed.
"""

from collections.abc import Sequence
from typing import Protocol

from neurobot.qnet.network import INPUT, Network
from neurobot.qnet.passes import Pass
from neurobot.qnet.signals import Signal, width

BYTE = 8
LEAST_BITS = 4  # of a value in memory
SCALE_BYTES = 16  # of a channel: multiplier, bias and shift


class Stores(Protocol):
    """A machine, as far as it holds maps: in two memories of so many bytes each."""

    @property
    def word_bits(self) -> int:
        """Bits of a word."""

    @property
    def feature_bytes(self) -> int:
        """Bytes of each of the two memories."""


def feature_bits(bits: int) -> int:
    """Return how many bits a value of a map takes in memory: 4, or whole bytes."""
    return LEAST_BITS if bits <= LEAST_BITS else -(-bits // BYTE) * BYTE


def words(bits: int, stores: Stores) -> int:
    """Return how many words hold so many bits."""
    return -(-bits // stores.word_bits)


def bits_of(signal: Signal) -> int:
    """Return the bits of a map's integers: of a mid-rise grid, one more than those of its codes."""
    return width(signal.lowest, signal.highest)


def map_words(signal: Signal, stores: Stores) -> int:
    """Return how many words hold a map."""
    return words(signal.values * feature_bits(bits_of(signal)), stores)


def scale_words(part: Pass, stores: Stores) -> int:
    """Return how many words hold the scales of a pass."""
    return part.scales * words(SCALE_BYTES * BYTE * part.made[0].shape[2], stores)


def check_size(name: str, what: str, found: int, held: int) -> None:
    """Refuse what does not fit a memory."""
    if found > held:
        raise ValueError(f"{name}: {found} bytes of {what} needed; the machine holds {held}")


class Features:
    """The two memories of maps: what lies in them, and how many bytes at a time at most."""

    def __init__(self, image_bytes: int, stores: Stores) -> None:
        self.stores = stores
        self.sizes: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self.most = [0, 0]
        self._put(INPUT, {INPUT: image_bytes}, side=0)

    def _put(self, name: str, maps: dict[str, int], side: int) -> None:
        self.sizes[side].update(maps)
        size = sum(self.sizes[side].values())
        check_size(name, "maps in a feature memory", size, self.stores.feature_bytes)
        self.most[side] = max(self.most[side], size)

    def make(self, name: str, source: str, maps: dict[str, int]) -> None:
        """Put the maps that a layer makes opposite of the first one that it reads."""
        self._put(name, maps, side=int(source in self.sizes[0]))

    def drop(self, names: set[str]) -> None:
        """Forget maps."""
        for sizes in self.sizes:
            for name in names & sizes.keys():
                del sizes[name]


def features_held(network: Network, parts: Sequence[Pass], stores: Stores) -> list[int]:
    """Return how many bytes of maps lie in each memory at a time, at most; refuse too many."""

    def size(name: str) -> int:
        return map_words(network.signals[name], stores) * stores.word_bits // BYTE

    ends = {name: k for k, part in enumerate(parts) for name in part.layer.inputs}
    features = Features(size(INPUT), stores)
    for k, part in enumerate(parts):
        layer = part.layer
        made = {each.name: size(each.name) for each in part.scaling or (layer,)}
        features.make(layer.name, layer.inputs[0], made)
        features.drop({name for name in (*made, *layer.inputs) if ends.get(name, -1) <= k})
    return features.most

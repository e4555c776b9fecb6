"""Which layers a machine can run together: those that make sums, and those that scale them.

Sums (of `Conv`, `Add` and `SumPool`) that only layers that scale them read can be scaled as they
come, and need not be stored.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Add, Layer, MaxPool, SumPool
from neurobot.qnet.network import Network, covers
from neurobot.qnet.scales import Affine, Requant, Scores
from neurobot.qnet.signals import Signal

SUMMING = (Conv, Add, SumPool)
SCALING = (Requant, Scores, Affine)


def passes(network: Network) -> Iterator[tuple[Layer, tuple[Layer, ...]]]:
    """Yield each layer that is no such part of another one, with those that scale its sums."""
    done = set[str]()
    for layer in network.layers:
        if layer.name in done:
            continue
        readers = tuple(other for other in network.layers if layer.name in other.inputs)
        at_once = isinstance(layer, SUMMING) and all(isinstance(r, SCALING) for r in readers)
        scaling = readers if at_once else ()
        done.update(reader.name for reader in scaling)
        yield layer, scaling


@dataclass(frozen=True, slots=True)
class Pass:
    """A layer, those that scale its sums as they come, and the maps around them."""

    layer: Layer
    scaling: tuple[Layer, ...]
    given: tuple[Signal, ...]
    made: tuple[Signal, ...]

    @property
    def rounds(self) -> int:
        """How often the units that finish a map handle each of its results."""
        return max(len(self.scaling), 1)

    @property
    def scales(self) -> int:
        """How many of its layers scale."""
        return len(self.scaling) + isinstance(self.layer, SCALING)

    @property
    def met(self) -> int:
        """How many values of its map all windows of a pooling layer meet."""
        layer, (rows, columns, channels) = self.layer, self.given[0].shape
        assert isinstance(layer, MaxPool)
        axes = zip((rows, columns), layer.size, layer.stride, layer.padding, strict=True)
        return math.prod(sum(covers(*axis)) for axis in axes) * channels

    @property
    def outputs(self) -> int:
        """How many values the units that finish a map handle."""
        if isinstance(self.layer, MaxPool):
            return self.met
        own = self.given[0].values if isinstance(self.layer, SumPool) else 0
        return own + self.made[0].values * self.rounds

    @property
    def finishing(self) -> dict[str, int]:
        """What is done to its results, by name: requantizations, additions and maxima."""
        layer, values = self.layer, self.made[0].values
        summed = {Add: values, SumPool: self.given[0].values}
        return {
            "requantizations": self.scales * values,
            "additions": summed.get(type(layer), 0),
            "maxima": self.met - values if isinstance(layer, MaxPool) else 0,
        }


def parts_of(network: Network) -> Iterator[Pass]:
    """Yield the passes of a network, with the maps around them."""
    for layer, scaling in passes(network):
        given = tuple(network.signals[name] for name in layer.inputs)
        made = tuple(network.signals[each.name] for each in scaling or (layer,))
        yield Pass(layer, scaling, given, made)

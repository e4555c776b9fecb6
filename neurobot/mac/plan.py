"""Which layers of a network run together, in one pass of the processor.

Sums (of `Conv`, `Add` and `SumPool`) that only layers that scale them read are scaled as they come,
and never stored; all other maps are, in as many bits as their range needs.
"""

from dataclasses import dataclass

from neurobot.mac.array import MacArray
from neurobot.mac.layout import Layout
from neurobot.qnet import INPUT, Affine, Layer, Network, Requant, Scores
from neurobot.qnet.columns import check_plain
from neurobot.qnet.passes import SCALING, SUMMING, passes
from neurobot.qnet.signals import REAL_BITS

# Bytes that the weight memory holds for each channel: multiplier, bias and shift; scale and bias.
SCALE_BYTES: dict[type[Layer], int] = {Requant: 16, Scores: 16, Affine: 8}


@dataclass(frozen=True, slots=True)
class Pass:
    """A layer, those that scale its sums as they come, the maps that it reads and those it writes.

    odd_inputs: whether integers of a mid-rise grid are among its inputs.
    """

    layer: Layer
    scaling: tuple[Layer, ...]
    sources: tuple[Layout, ...]
    made: dict[str, Layout]
    odd_inputs: bool

    @property
    def rounds(self) -> int:
        """How often each of its results passes the unit that scales and stores them."""
        return max(len(self.scaling), 1)

    def scale_words(self, channels: int, word_bits: int) -> int:
        """How many words of the weight memory hold the scales of so many channels."""
        sizes = (8 * SCALE_BYTES[type(layer)] * channels for layer in self.scales)
        return sum(-(-bits // word_bits) for bits in sizes)

    @property
    def scales(self) -> tuple[Layer, ...]:
        """All of its layers that scale."""
        own = (self.layer,) if isinstance(self.layer, SCALING) else ()
        return own + self.scaling


def stored_bits(network: Network, name: str) -> int:
    """Return how many bits a value of a map takes in memory; an image's pixels are never floats."""
    if network.real:
        return network.input_bits if name == INPUT else REAL_BITS
    return network.signals[name].bits


def odd_maps(network: Network) -> set[str]:
    """Return the maps that hold integers of a mid-rise grid, in any channel."""
    odd: set[str] = set()
    for layer in network.layers:
        copies = not isinstance(layer, (*SUMMING, *SCALING)) and odd.intersection(layer.inputs)
        if copies or (isinstance(layer, Requant) and layer.odd):
            odd.add(layer.name)
    return odd


def make_plan(network: Network, array: MacArray) -> tuple[Pass, ...]:
    """Part a network into passes, in order."""
    check_plain(network.layers, "the processor")
    layouts = {
        name: Layout(signal.shape, stored_bits(network, name), array.activation_lanes)
        for name, signal in network.signals.items()
    }
    odd = odd_maps(network)
    return tuple(
        Pass(
            layer,
            scaling,
            tuple(layouts[name] for name in layer.inputs),
            {each.name: layouts[each.name] for each in scaling or (layer,)},
            not odd.isdisjoint(layer.inputs),
        )
        for layer, scaling in passes(network)
    )

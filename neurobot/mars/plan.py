"""All that follows from a network alone: packed weights, times, counts, banks of memory.

What an image takes hangs on nothing else.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

from neurobot.events import MarsEvents
from neurobot.mars import memories
from neurobot.mars.counting import BYTE, count, feature_bits, words
from neurobot.mars.packing import Packed, encode
from neurobot.mars.schedule import Load, Timing, is_resident, load_of, time_layers
from neurobot.mars.silicon import Silicon
from neurobot.qnet import INPUT, Add, Conv, Layer, MaxPool, Network, SumPool
from neurobot.qnet.checks import MOST_BITS
from neurobot.qnet.network import covers
from neurobot.qnet.passes import SCALING, passes
from neurobot.qnet.signals import Signal, width

SCALE_BYTES = 16  # of a channel: multiplier, bias and shift


@dataclass(frozen=True, slots=True)
class Step:
    """A layer, those that scale its sums as they come, and what they take by image.

    packed: its weights, None where there are none.
    """

    layer: Layer
    scaling: tuple[Layer, ...]
    packed: Packed | None
    load: Load
    timing: Timing
    events: MarsEvents


@dataclass(frozen=True, slots=True)
class Plan:
    """A network on the machine; arrival: what an image's takes, and what is switched on."""

    network: Network
    silicon: Silicon
    steps: tuple[Step, ...]
    arrival: MarsEvents
    resident: bool

    @property
    def packed(self) -> dict[str, Packed]:
        """The packed weights by layer."""
        return {step.layer.name: step.packed for step in self.steps if step.packed}

    @property
    def events(self) -> MarsEvents:
        """What an image takes."""
        return reduce(add, (step.events for step in self.steps), self.arrival)


@dataclass(frozen=True, slots=True)
class Pass:
    """A layer, those that scale its sums as they come, and the maps around them."""

    layer: Layer
    scaling: tuple[Layer, ...]
    given: tuple[Signal, ...]
    made: tuple[Signal, ...]

    @property
    def rounds(self) -> int:
        """How often the post units handle each of its results."""
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
        """How many values the post units handle."""
        if isinstance(self.layer, MaxPool):
            return self.met
        own = self.given[0].values if isinstance(self.layer, SumPool) else 0
        return own + self.made[0].values * self.rounds


def map_words(signal: Signal, silicon: Silicon) -> int:
    """Return how many words of a feature memory hold a map."""
    return words(signal.values * feature_bits(bits_of(signal)), silicon)


def bits_of(signal: Signal) -> int:
    """Return the bits of a map's integers: of a mid-rise grid, one more than those of its codes."""
    return width(signal.lowest, signal.highest)


def rest_of(part: Pass, silicon: Silicon) -> MarsEvents:
    """Count what hangs on nothing but the layer."""
    layer, values = part.layer, part.made[0].values
    summed = {Add: values, SumPool: part.given[0].values}
    reads = (map_words(signal, silicon) for signal in part.given)
    return MarsEvents(
        feature_reads=0 if isinstance(layer, Conv) else sum(reads),
        feature_writes=sum(map_words(signal, silicon) for signal in part.made),
        requantizations=part.scales * values,
        additions=summed.get(type(layer), 0),
        maxima=part.met - values if isinstance(layer, MaxPool) else 0,
    )


def check_inputs(conv: Conv, bits: int) -> None:
    """Refuse inputs that macros do not take."""
    if bits > MOST_BITS:
        raise ValueError(f"{conv.name}: inputs of {bits} bits found; macros take 1..{MOST_BITS}")


def pack(conv: Conv, silicon: Silicon) -> Packed:
    """Pack weights; integers of a mid-rise grid take one bit more than its codes."""
    bits = conv.weight_bits + conv.odd
    return encode(conv.integers, silicon, bits=bits, groups=conv.groups, name=conv.name)


def make_load(part: Pass, packed: Packed | None, silicon: Silicon) -> Load:
    """Return what a pass asks of the machine."""
    layer, made = part.layer, part.made[0]
    scale_words = part.scales * words(SCALE_BYTES * BYTE * made.shape[2], silicon)
    rest = rest_of(part, silicon)
    if packed is None:
        return Load(layer.name, outputs=part.outputs, scale_words=scale_words, rest=rest)
    return load_of(
        layer.name,
        packed.tiling,
        packed.mask,
        places=made.shape[0] * made.shape[1],
        slot=packed.slot,
        input_bits=bits_of(part.given[0]),
        outputs=part.outputs,
        scale_words=scale_words,
        rest=rest,
    )


def parts_of(network: Network) -> Iterator[Pass]:
    """Yield the passes of a network; refuse one that the machine cannot compute."""
    for layer, scaling in passes(network):
        given = tuple(network.signals[name] for name in layer.inputs)
        made = tuple(network.signals[each.name] for each in scaling or (layer,))
        if layer.real:
            raise ValueError(f"{layer.name}: float32 weights found; the machine takes integers")
        if isinstance(layer, Conv):
            check_inputs(layer, bits_of(given[0]))
        yield Pass(layer, scaling, given, made)


def features_held(network: Network, parts: Sequence[Pass], silicon: Silicon) -> list[int]:
    """Return how many bytes of maps lie in each feature memory at a time, at most."""

    def size(name: str) -> int:
        return map_words(network.signals[name], silicon) * silicon.word_bits // BYTE

    ends = {name: k for k, part in enumerate(parts) for name in part.layer.inputs}
    features = memories.Features(size(INPUT), silicon)
    for k, part in enumerate(parts):
        layer = part.layer
        made = {each.name: size(each.name) for each in part.scaling or (layer,)}
        features.make(layer.name, layer.inputs[0], made)
        features.drop({name for name in (*made, *layer.inputs) if ends.get(name, -1) <= k})
    return features.most


def make_plan(network: Network, silicon: Silicon) -> Plan:
    """Plan a network; what the machine cannot hold or compute is refused by the layer's name."""
    parts = list(parts_of(network))
    packs = [pack(part.layer, silicon) if isinstance(part.layer, Conv) else None for part in parts]
    loads = [make_load(part, packed, silicon) for part, packed in zip(parts, packs, strict=True)]
    timings = time_layers(loads, silicon)
    features = features_held(network, parts, silicon)
    arrival = MarsEvents(
        feature_writes=map_words(network.signals[INPUT], silicon),
        macros=silicon.cores * silicon.macros,
        banks=memories.banks(loads, timings, features, silicon),
    )
    steps = (
        Step(part.layer, part.scaling, packed, load, timing, count(load, timing, silicon))
        for part, packed, load, timing in zip(parts, packs, loads, timings, strict=True)
    )
    return Plan(network, silicon, tuple(steps), arrival, is_resident(loads, silicon))

"""All that follows from a network alone: packed weights, times, counts, banks of memory.

What an image takes hangs on nothing else.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add

from neurobot.events import MarsEvents
from neurobot.mars import memories
from neurobot.mars.counting import count
from neurobot.mars.packing import Packed, encode
from neurobot.mars.schedule import Load, Timing, is_resident, load_of, time_layers
from neurobot.mars.silicon import Silicon
from neurobot.qnet import INPUT, Conv, Layer, Network
from neurobot.qnet.checks import MOST_BITS
from neurobot.qnet.columns import check_plain
from neurobot.qnet.memories import bits_of, features_held, map_words, scale_words
from neurobot.qnet.passes import Pass, parts_of


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


def rest_of(part: Pass, silicon: Silicon) -> MarsEvents:
    """Count what hangs on nothing but the layer."""
    reads = (map_words(signal, silicon) for signal in part.given)
    return MarsEvents(
        feature_reads=0 if isinstance(part.layer, Conv) else sum(reads),
        feature_writes=sum(map_words(signal, silicon) for signal in part.made),
        **part.finishing,
    )


def pack(conv: Conv, silicon: Silicon) -> Packed:
    """Pack weights; integers of a mid-rise grid take one bit more than its codes."""
    bits = conv.weight_bits + conv.odd
    return encode(conv.integers, silicon, bits=bits, groups=conv.groups, name=conv.name)


def make_load(part: Pass, packed: Packed | None, silicon: Silicon) -> Load:
    """Return what a pass asks of the machine."""
    layer, made = part.layer, part.made[0]
    scales = scale_words(part, silicon)
    rest = rest_of(part, silicon)
    if packed is None:
        return Load(layer.name, outputs=part.outputs, scale_words=scales, rest=rest)
    return load_of(
        layer.name,
        packed.tiling,
        packed.mask,
        places=made.shape[0] * made.shape[1],
        slot=packed.slot,
        input_bits=bits_of(part.given[0]),
        outputs=part.outputs,
        scale_words=scales,
        rest=rest,
    )


def check(part: Pass) -> None:
    """Refuse a pass that the machine cannot compute."""
    layer = part.layer
    if layer.real:
        raise ValueError(f"{layer.name}: float32 weights found; the machine takes integers")
    bits = bits_of(part.given[0])
    if isinstance(layer, Conv) and bits > MOST_BITS:
        raise ValueError(f"{layer.name}: inputs of {bits} bits found; macros take 1..{MOST_BITS}")


def make_plan(network: Network, silicon: Silicon) -> Plan:
    """Plan a network; what the machine cannot hold or compute is refused by the layer's name."""
    check_plain(network.layers, "the machine of macros")
    parts = list(parts_of(network))
    for part in parts:
        check(part)
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

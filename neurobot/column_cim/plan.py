"""All that follows from a network alone: how layers lie on arrays, times, counts, banks of memory.

What hangs on the image besides is what its inputs other than 0 drive: `Drive`, times how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from neurobot.column_cim.counting import (
    Drive,
    count_arrays,
    count_digital,
    count_rest,
    drive_of,
    weight_words,
)
from neurobot.column_cim.mapping import Mapping, map_conv
from neurobot.column_cim.silicon import Silicon
from neurobot.events import CimEvents
from neurobot.qnet import INPUT, ColumnConv, Conv, Layer, Network
from neurobot.qnet.checks import MOST_BITS
from neurobot.qnet.memories import BYTE, bits_of, check_size, features_held, map_words, scale_words
from neurobot.qnet.passes import Pass, parts_of


@dataclass(frozen=True, slots=True)
class Step:
    """A layer, those that scale its sums as they come, and what they take by image.

    mapping: None where it does not lie on arrays; events: those that do not hang on the image.
    """

    layer: Layer
    scaling: tuple[Layer, ...]
    mapping: Mapping | None
    events: CimEvents

    @property
    def drive(self) -> Drive:
        """What an input other than 0 adds to the events."""
        return drive_of(self.mapping) if self.mapping else Drive()


@dataclass(frozen=True, slots=True)
class Plan:
    """A network on the machine; arrival: what an image's takes, and what is switched on."""

    steps: tuple[Step, ...]
    arrival: CimEvents

    @property
    def events(self) -> CimEvents:
        """What an image takes, whatever it shows."""
        return reduce(add, (step.events for step in self.steps), self.arrival)


def check(part: Pass) -> None:
    """Refuse a pass that the machine cannot compute."""
    layer = part.layer
    if layer.real:
        raise ValueError(f"{layer.name}: float32 weights found; the machine takes integers")
    if isinstance(layer, ColumnConv) or not isinstance(layer, Conv):
        return
    widths = {"inputs": bits_of(part.given[0]), "weights": layer.weight_bits + layer.odd}
    for what, bits in widths.items():
        if bits > MOST_BITS:
            raise ValueError(
                f"{layer.name}: {what} of {bits} bits found; the digital unit takes 1..{MOST_BITS}"
            )


def make_step(part: Pass, silicon: Silicon) -> Step:
    """Plan a pass; what takes longest of a layer and what is done to its results decides."""
    layer, mapping, own = part.layer, None, CimEvents()
    if isinstance(layer, ColumnConv):
        mapping = map_conv(layer, part.given[0], part.made[0], silicon.columns)
        own = count_arrays(layer, mapping, part, silicon)
    elif isinstance(layer, Conv):
        own = count_digital(layer, part, silicon)
    rest = count_rest(part, silicon)
    events = replace(own + rest, cycles=max(own.cycles, rest.cycles))
    return Step(layer, part.scaling, mapping, events)


def weights_held(parts: Sequence[Pass], silicon: Silicon) -> int:
    """Return how many bytes weights outside of arrays and scales take; refuse too many."""
    total = 0
    for part in parts:
        layer, count = part.layer, scale_words(part, silicon)
        if isinstance(layer, Conv) and not isinstance(layer, ColumnConv):
            count += weight_words(layer, silicon)
        total += count * silicon.word_bits // BYTE
        check_size(layer.name, "weights and scales so far", total, silicon.weight_bytes)
    return total


def make_plan(network: Network, silicon: Silicon) -> Plan:
    """Plan a network; what the machine cannot hold or compute is refused by the layer's name."""
    parts = list(parts_of(network))
    for part in parts:
        check(part)
    steps = tuple(make_step(part, silicon) for part in parts)
    mappings = [(step.layer, step.mapping) for step in steps if step.mapping]
    if not mappings:
        raise ValueError("network: no layer on arrays found; allowed: 1 or more")
    sizes = [weights_held(parts, silicon), *features_held(network, parts, silicon)]
    arrival = CimEvents(
        feature_writes=map_words(network.signals[INPUT], silicon),
        arrays=sum(mapping.arrays for _, mapping in mappings),
        array_bits=sum(
            mapping.cells * layer.cell_bits
            for layer, mapping in mappings
            if isinstance(layer, ColumnConv)
        ),
        constants=sum(mapping.constants + mapping.correction_constants for _, mapping in mappings),
        banks=sum(silicon.banks(size) for size in sizes),
    )
    return Plan(steps, arrival)

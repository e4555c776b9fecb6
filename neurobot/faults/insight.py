"""The memories of the streaming machine, open to faults.

- "weights": a synapse's constant, in a register beside it. As wide as the layer's weights need;
  bits that a constant lacks are no connection and can go wrong no more than a wire can. They are
  read one by one, so that a code can guard each (assumed). By neuron, then by leaf of its tree.
- "configuration": the bias that a neuron adds, in as many bits as its adder has (24, as priced) or
  more where it needs more, and its scale. Scales are powers of two, a choice of wires: what is kept
  is the exponent, in as many bits as the layer's largest one takes; where some scale is none, the
  scales themselves. All widths are assumed.
- "lines": the words of the delay lines, a word for each clock, as wide as what runs through them.

A frame streams in while the sensor looks, and the decision is there `latency` clocks after its last
sample. Cycle 0 of a strike is the frame's first sample, so that a decision is exposed for all of
`cycles`, not for its latency alone. A word is alive until the last tap with a synapse has read it;
what strikes it is seen by all taps that it has not passed.

Sums of synapses wrap around at 32 bits, scaled ones at 64; codes stop at their ends, as ever. What
follows from the network is counted as planned, products by the inputs that were there.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.cost.insight import WIDE_BITS
from neurobot.events import Counts
from neurobot.faults.memory import Memory, Strikes
from neurobot.faults.networks import CONFIGURATION, WEIGHTS, Stored
from neurobot.faults.registers import Kept, keep, signed_bits, spots_of
from neurobot.insight import Machine
from neurobot.qnet.memories import bits_of
from neurobot.qnet.signals import width
from neurobot.tdnn import Neurons
from neurobot.tdnn.hardware import line_depths
from neurobot.tdnn.single import lay_out
from neurobot.tdnn.struck import Hit, last_reads
from neurobot.tdnn.timing import timings
from neurobot.tdnn.wiring import synapse_places

Array = NDArray[Any]


def weights_of(machine: Machine, number: int, layer: Neurons) -> Stored:
    """Open the synapses of a layer, in the order in which they are wired up."""
    places = tuple(synapse_places(layer).T)
    shifts = np.zeros(len(places[0]), np.int64)
    if layer.tree is not None:
        shifts = layer.tree.shifts[places[0], layer.tree.leaf[places]].astype(np.int64)
    numbers = np.arange(1, layer.weights.size + 1).reshape(layer.weights.shape)
    spots = spots_of(lay_out(numbers), numbers.size)[numbers[places] - 1]
    first = int(machine.circuit.stages["synapse"][number])
    wired, dense = machine.circuit.synapses["weight"], machine.constants[layer.name].weights

    def put(values: Array, found: Array) -> None:
        wired[first + values] = found
        dense[spots[values]] = (found << shifts[values]).astype(np.int32)

    weights = layer.weights[places]
    bits = signed_bits(weights, layer.weight_bits)
    memory = Memory(WEIGHTS, layer.name, len(weights), bits, reads="macs")
    return keep(memory, weights, put)


def top_of(machine: Machine, number: int, layer: Neurons) -> slice:
    """Return which of the circuit's neurons put a layer's results out."""
    end = int(machine.circuit.storeys[machine.circuit.stages["end_storey"][number]])
    return slice(end - len(layer.weights), end)


def biases_of(machine: Machine, number: int, layer: Neurons) -> Stored:
    """Open the biases of a layer."""
    wired = machine.circuit.neurons["bias"][top_of(machine, number, layer)]
    kept = machine.constants[layer.name].bias

    def put(values: Array, found: Array) -> None:
        wired[values] = kept[values] = found

    bits = signed_bits(layer.bias, WIDE_BITS)
    part = f"{layer.name}.bias"
    return keep(
        Memory(CONFIGURATION, part, len(layer.bias), bits, reads="evaluations"), layer.bias, put
    )


def scales_of(machine: Machine, number: int, layer: Neurons) -> Stored:
    """Open the scales of a layer, as exponents where all are powers of two."""
    wired = machine.circuit.neurons["scale"][top_of(machine, number, layer)]
    kept, scales = machine.constants[layer.name].scale, layer.scale
    chosen = bool(np.all((scales > 0) & (scales & (scales - 1) == 0)))
    numbers = np.log2(scales).astype(np.int64) if chosen else scales

    def put(values: Array, found: Array) -> None:
        made = np.int64(1) << found if chosen else found
        wired[values] = kept[values] = made.astype(np.int32)

    bits = width(0, int(numbers.max())) if chosen else signed_bits(scales)
    memory = Memory(CONFIGURATION, f"{layer.name}.scale", len(scales), bits, reads="evaluations")
    return keep(memory, numbers, put, signed=not chosen)


def registers_of(machine: Machine) -> Iterator[Stored]:
    """Open all that is kept, layer by layer: weights first, then what configures neurons."""
    layers = [
        (k, stage) for k, stage in enumerate(machine.net.stages) if isinstance(stage, Neurons)
    ]
    for opened in (weights_of, biases_of, scales_of):
        for number, layer in layers:
            yield opened(machine, number, layer)


class Lines:
    """The delay lines of a stage: by channel, the words from the newest to the oldest.

    places: channel and delay of each, (words, 2).
    """

    def __init__(self, machine: Machine, number: int, last: Array) -> None:
        net = machine.net
        self.number, self.last, self.given = number, last, net.signals[number]
        stage, timing = net.stages[number], timings(net)[number]
        depths = line_depths(stage, timing, self.given.shape[2])
        pairs = [(u, d) for u, depth in enumerate(depths) for d in range(1, depth + 1)]
        self.places = np.array(pairs, np.int64).reshape(-1, 2)
        bits = bits_of(self.given)
        self.memory = Memory("lines", stage.name, len(pairs), bits, state=True, reads="word_shifts")

    def hit(self, clock: int, value: int, bit: int) -> Hit | None:
        """Return what a strike inverts; None where nothing lies that is read once more."""
        channel, delay = self.places[value].tolist()
        if clock < delay or self.last[clock - delay, channel] < clock:
            return None
        sign = self.given.lowest < 0 and bit == self.memory.bits - 1
        return Hit(clock, self.number, channel, delay, -(1 << bit) if sign else 1 << bit)


class InsightMemories(Kept):
    """The memories of a `TdnnController`, which decides with them from now on.

    cycles: of a decision, from the frame's first sample on.
    """

    def __init__(self, controller: Any, world: Any) -> None:
        self.machine: Machine = controller.machine
        super().__init__(list(registers_of(self.machine)))
        self.cycles = self.machine.through
        last = last_reads(self.machine.net, self.cycles)
        lines = (Lines(self.machine, k, reads) for k, reads in enumerate(last))
        self.lines = [line for line in lines if line.memory.values]

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories: weights, configuration, delay lines."""
        return *self.configured, *(line.memory for line in self.lines)

    def strike(self, strikes: Strikes) -> None:
        """Hold strikes of delay lines ready for the next decision, and for no other."""
        first, end = np.searchsorted(strikes.cycle, (0, self.cycles))
        hits = []
        struck = zip(*(each[first:end].tolist() for each in strikes), strict=True)
        for clock, part, value, bit in struck:
            hit = self.lines[part - len(self.stores)].hit(clock, value, bit)
            hits += [hit] if hit else []
        self.machine.hits = hits

    @property
    def felt(self) -> int:
        """How many strikes met a word that was read afterwards, in the last decision."""
        return self.machine.struck

    @property
    def events(self) -> Counts:
        """What the last decision took."""
        return self.machine.events

"""The memories of a machine of arrays of memory cells, open to faults.

- "weights": the cells of all layers on arrays, a digit of `cell_bits` each; all ones are g_max,
  zeros g_min. They are summed where they lie: nobody reads one, and no code can guard it. Cells of
  rows that no input drives are left out, for they are on no path to a sum. By tile, slice, output
  and row of the array.
- "digital weights": those of layers on the digital unit, which reads them as words; each takes 4
  bits, or whole bytes.
- "configuration": of converters, the references that are their steps and offsets: analog, set by
  codes of 16 bits (assumed), a layer's steps up to the power of two above the largest one, offsets
  to both sides as far as the largest one asks for. What they stand at in a sound chip is taken to
  be exactly what the network was made with, and a bit to be worth what it is in the code; a step
  of 0 is as small as its least bit. Then the constants of dequantization, what the sums of outputs
  begin with, and what corrects `offset` codes, each as wide as the layer's own need (assumed; they
  are priced as of 16 bits). All these stand beside what uses them, and take nothing to read. And
  the multipliers, biases and shifts of what scales sums, see `networks`: they are words of the
  digital unit's memory.
- "accumulators", of the arrays: the digital sums of outputs behind the converters, with all bits
  behind their point; there is one for each output of the layer on arrays with most of them, of 32
  bits, or more where sums need more. Of the digital unit: one of 32 bits for each lane, which sums
  a place of its own, output after output, until places are left. Layers follow each other as
  planned, what a layer does one after the other takes equally long, and only what is summed right
  then is alive. What strikes a sum at any time acts as if it struck the finished one. All of this
  is assumed.

Whatever is written, sums of columns and of the digital unit wrap around at 32 bits, those of
outputs stop at the ends of what the sound network can reach, as they do where cells vary, and
scores wrap around at 64 bits. What follows from the network is counted as planned, what rows drive
as it happens.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from neurobot.column_cim import Machine
from neurobot.column_cim.layers import on_arrays
from neurobot.events import Counts
from neurobot.faults.accumulators import ACCUMULATORS, invert
from neurobot.faults.columns import Columns, open_cells, open_constants, open_converters
from neurobot.faults.memory import Memory, Strikes
from neurobot.faults.networks import Scales, Weights
from neurobot.faults.registers import Kept
from neurobot.qnet import ColumnConv, Conv
from neurobot.qnet.column_kernels import Laid
from neurobot.qnet.memories import feature_bits
from neurobot.qnet.runner import Map, Step

DIGITAL_WEIGHTS = "digital weights"
READS = "weight_reads"  # of the digital unit's memory
SUM_BITS = 32  # as `neurobot.cost.column_cim` prices them


def open_digital(conv: Conv) -> Weights:
    """Open the weights of a layer on the digital unit."""
    weights = Weights(conv, feature_bits(conv.weight_bits + conv.odd), READS)
    weights.stored.memory = replace(weights.stored.memory, name=DIGITAL_WEIGHTS)
    return weights


class Sum(NamedTuple):
    """The sum of an output at a place of a layer's map."""

    layer: str
    place: int
    output: int


class Sums:
    """All accumulators, and the strikes that wait for the next decision.

    inverts: by layer, told place, output and mask, inverts bits of a sum.
    """

    def __init__(self, machine: Machine, layers: Sequence[Columns]) -> None:
        self.machine, self.steps, self.lanes = machine, machine.steps, machine.silicon.digital_lanes
        self.inverts: dict[str, Callable[[int, int, int], None]] = {}
        self.ends = list(accumulate(step.events.cycles for step in self.steps))
        self.last, self.felt, self._met = machine.network.convs[-1].name, 0, 0
        outputs = max(columns.shape[2] for columns in layers)
        bits = max(SUM_BITS, *(columns.sum_bits for columns in layers))
        self.memories = (
            Memory(ACCUMULATORS, "arrays", outputs, bits, True, "accumulations"),
            Memory(ACCUMULATORS, "digital unit", self.lanes, SUM_BITS, True, "digital_macs"),
        )
        self._waiting: dict[str, list[tuple[Sum, int]]] = {}

    def held(self, on_arrays: bool, cycle: int, value: int) -> Sum | None:
        """Return what is summed at a cycle in an accumulator of the arrays, or of the unit."""
        number = int(np.searchsorted(self.ends, cycle, "right"))
        step, left = self.steps[number], self.ends[number] - cycle
        cycles, layer = step.events.cycles, step.layer
        if not isinstance(layer, Conv) or isinstance(layer, ColumnConv) != on_arrays:
            return None
        made = self.machine.network.signals[layer.name].shape
        outputs, places = made[2], made[0] * made[1]
        if on_arrays:
            place, output = (cycles - left) * places // cycles, value
        else:
            turns = -(-places // self.lanes) * outputs
            block, output = divmod((cycles - left) * turns // cycles, outputs)
            place = block * self.lanes + value
        return Sum(layer.name, place, output) if place < places and output < outputs else None

    def strike(self, strikes: Strikes, first: int) -> None:
        """Hold strikes ready for the next decision; first: the part of the arrays' accumulators."""
        self._waiting, self._met = {}, 0
        begin, end = np.searchsorted(strikes.cycle, (0, self.ends[-1]))
        struck = zip(*(each[begin:end].tolist() for each in strikes), strict=True)
        for cycle, part, value, bit in struck:
            held = self.held(part == first, cycle, value)
            if held is not None:
                self._waiting.setdefault(held.layer, []).append((held, 1 << bit))
                self._met += 1

    def meet(self, layer: str) -> None:
        """Invert what was struck of a layer's sums; after the last layer, nothing waits."""
        for held, mask in self._waiting.get(layer, ()):
            self.inverts[layer](held.place, held.output, mask)
        if layer == self.last:
            self.felt, self._met, self._waiting = self._met, 0, {}


class CimMemories(Kept):
    """The memories of a `CimController`, which decides with them from now on.

    cycles: of a decision.
    """

    def __init__(self, controller: Any, world: Any) -> None:
        self.machine: Machine = controller.machine
        network = self.machine.network
        self._layers = {conv.name: Columns(conv, self.machine) for conv in on_arrays(network)}
        digital = [conv for conv in network.convs if not isinstance(conv, ColumnConv)]
        self._weights = {conv.name: open_digital(conv) for conv in digital}
        scales = Scales(network, READS)
        stores = [open_cells(columns) for columns in self._layers.values()]
        stores += [weights.stored for weights in self._weights.values()]
        for columns in self._layers.values():
            stores += [*open_converters(columns), *open_constants(columns)]
        super().__init__([*stores, *scales.stores])
        self._sound = [stored.codes.copy() for stored in self.stores]
        self._sums = Sums(self.machine, list(self._layers.values()))
        self.cycles = self._sums.ends[-1]
        self.machine.open(self._open, {**scales.plans, Conv: self._plan_conv})

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories: cells, digital weights, configuration, accumulators."""
        return *self.configured, *self._sums.memories

    def _open(self, laid: Laid) -> list[Step]:
        name, (arrays, _) = laid.layout.conv.name, self._sums.memories
        columns = self._layers[name]
        columns.open(laid)
        self._sums.inverts[name] = partial(columns.invert, arrays.bits)
        return [(self._sums.meet, (name,))]

    def _plan_conv(self, conv: Conv, target: Map, *around: Any) -> list[Step]:
        def invert_sum(place: int, output: int, mask: int) -> None:
            invert(target.flat, place * target.shape[2] + output, mask, SUM_BITS)

        self._sums.inverts[conv.name] = invert_sum
        steps = self._weights[conv.name].plan(target, *around)
        return [*steps, (self._sums.meet, (conv.name,))]

    def vary(self, law: str, sigma: float, seed: int) -> None:
        """Program all cells anew, by a law of variation; what was written stays written.

        law, sigma: see `neurobot.column_cim.Variation`, of which the machine keeps all else.
        Raises ValueError for what is none.
        """
        variation = replace(self.machine.variation, law=law, sigma=sigma)
        self.machine.program(variation, seed)
        for stored, sound in zip(self.stores, self._sound, strict=True):
            (values,) = np.nonzero(stored.codes != sound)
            if len(values):
                stored.write(values, stored.codes[values])

    def strike(self, strikes: Strikes) -> None:
        """Hold strikes on accumulators ready for the next decision, and for no other."""
        self._sums.strike(strikes, len(self.stores))

    @property
    def felt(self) -> int:
        """How many strikes met a sum in the last decision."""
        return self._sums.felt

    @property
    def events(self) -> Counts:
        """What the last decision took."""
        return self.machine.events

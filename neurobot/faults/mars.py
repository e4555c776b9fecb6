"""The memories of the machine of SRAM macros of `neurobot.mars`, open to faults.

Weights are what the packed tiles hold, in as many bits as they take in a macro; they are multiplied
where they lie, and never read as words. Inputs of rows that no channel has are 0, and columns that
none has add to nothing. The index of a layer is as each core holds it of its blocks, core by core;
`neurobot.mars.decoding` tells what becomes of tiles whose index is wrong. Where several tiles are
brought to one place, all of them count. Time was planned before, and no fault changes it.
"""

from typing import Any

import numpy as np

from neurobot.faults.accumulators import (
    ACCUMULATORS,
    SUM_BITS,
    Accumulators,
    NetworkMemories,
    ending,
    invert,
)
from neurobot.faults.memory import Codes, Memory, from_signed, to_signed
from neurobot.faults.networks import WEIGHTS, Array, Places, Scales, Stored
from neurobot.mars import Machine
from neurobot.mars.decoding import LOST, Index
from neurobot.mars.kernels import convolve, make_entries, padded_shape, surround
from neurobot.mars.packing import Packed
from neurobot.mars.residence import Held, Residence
from neurobot.qnet import Conv
from neurobot.qnet.runner import Map, Step
from neurobot.qnet.signals import Shape

INDEX, READS = "index", "weight_reads"


class Tiles:
    """The packed weights of a convolution, with an index for so many cores, as memories."""

    def __init__(self, conv: Conv, packed: Packed, cores: int, given: Shape) -> None:
        self.conv, self.packed = conv, packed
        self._padded = padded_shape(conv, given)
        self._tiles = packed.tiles.astype(np.int32, order="C")
        self._index = Index(packed, cores)
        memories = (
            Memory(WEIGHTS, conv.name, self._tiles.size, packed.slot, reads=READS, readable=False),
            Memory(INDEX, conv.name, packed.index_bits, 1, reads="index_reads"),
        )
        raw = from_signed(self._tiles.ravel(), packed.slot), from_signed(self._index.bits, 1)
        self.weights = Stored(memories[0], raw[0], self._put_weights)
        self.index = Stored(memories[1], raw[1], self._put_index)
        self._targets = self._index.targets(self._index.bits)
        self._stale = True

    def _put_weights(self, values: Places, codes: Codes) -> None:
        self._tiles.reshape(-1)[values] = to_signed(codes, self.packed.slot)
        self._stale = True

    def _put_index(self, values: Places, codes: Codes) -> None:
        self._targets = self._index.targets(self.index.codes.astype(np.uint8))
        self._stale = True

    def _lay_out(self) -> None:
        packed, known = self.packed, self._targets != LOST
        dense = np.zeros((packed.blocks * packed.positions, *self._tiles.shape[1:]), np.int32)
        np.add.at(dense, self._targets[known], self._tiles[known])
        weights = packed.tiling.join(dense)
        self._entries = make_entries(weights, self.conv.groups, self._padded)
        self._stale = False

    def sum(self, around: Array, target: Array, places: Any) -> None:
        """Sum over windows of a map with zeros around, by what the tiles hold now."""
        if self._stale:
            self._lay_out()
        convolve(around, target, self._entries, places)


class MarsMemories(NetworkMemories):
    """The machine of a `MarsController`, which that one decides with from now on."""

    def __init__(self, controller: Any, world: Any) -> None:
        machine: Machine = controller.machine
        network, cores = machine.network, machine.silicon.cores
        self._tiles = {
            conv.name: Tiles(
                conv, machine.packed[conv.name], cores, network.signals[conv.inputs[0]].shape
            )
            for conv in network.convs
        }
        tiles, scales = self._tiles.values(), Scales(network, READS)
        packed = [each.weights for each in tiles] + [each.index for each in tiles]
        self._sums = make_accumulators(machine)
        super().__init__(controller, packed + scales.stores, self._sums)
        plans = {**scales.plans, Conv: self._plan_conv}
        machine.replan(ending(plans, network.layers[-1].name, self._sums.finish))

    def _plan_conv(
        self, conv: Conv, target: Map, source: Map, taps: Array, number: int
    ) -> list[Step]:
        embedding, around, places = surround(conv, target, source)
        summed = self._tiles[conv.name].sum, (around, target.memory, places)
        return [embedding, summed, (self._upset, (conv, target))]

    def _upset(self, conv: Conv, target: Map) -> None:
        """Invert what was struck of the sums of a convolution."""
        for held, mask in self._sums.masks(conv.name).items():
            place = held.place * target.shape[2] + held.channel
            invert(target.flat, place, mask, self._sums.width)


def make_accumulators(machine: Machine) -> Accumulators[Held]:
    """Return the accumulators of a machine, core by core and macro by macro."""
    residence, silicon = Residence(machine.plan), machine.silicon
    shape = silicon.cores, silicon.macros, residence.columns
    count = int(np.prod(shape))
    memory = Memory(ACCUMULATORS, "macros", count, SUM_BITS, state=True, reads="accumulations")

    def held(cycle: int, value: int) -> Held | None:
        core, macro, column = (int(n) for n in np.unravel_index(value, shape))
        return residence.held(cycle, core, macro, column)

    return Accumulators(memory, residence.cycles, held)

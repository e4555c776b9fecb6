"""The memories of the spiking chip.

Assumed, as nothing of it is published: weights lie in one memory for each matrix; the constants of
a neuron in registers of the widths of `neurobot.chip`, slopes in 4 bits, a time constant as one
more than the position of its highest bit, 0 for none. M, the branch of the force, is reckoned from
them, not stored. A neuron whose slopes are both 0 knows no force.

What the network's checks would refuse, a bit can bring about: a stimulus that is too strong
saturates. The bill of the decision stays that of the sound network, but for the operations, which
are the synapses whose weight is not 0.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.mind import TICKS
from neurobot.decision import OPERATIONS_BIT, READS_BIT
from neurobot.events import Events
from neurobot.faults.memory import Codes, Memory, Strikes, from_signed, to_signed
from neurobot.fixed import signed_range
from neurobot.lanes import LANES
from neurobot.neurons import (
    CURRENT,
    POTENTIAL,
    SLOPE_REST,
    SLOPE_THRESHOLD,
    Neurons,
    Silicon,
)
from neurobot.poppins import MEMORIES, Poppins, Population

WEIGHTS, CONFIGURATION, MEMBRANE, STREAM = "weights", "configuration", "membrane", "current"
CONSTANTS = {
    "rest": 8,
    "threshold": 8,
    "reset": 8,
    "slope_rest": 4,
    "slope_threshold": 4,
    "tau": 5,
}
STIMULI = ("tonic", "amplitude")


def to_code(name: str, values: NDArray[np.integer]) -> Codes:
    """Return the codes of a constant of all neurons."""
    if name == "tau":
        values = np.array([int(value).bit_length() for value in values])
    return np.asarray(values).astype(np.uint64)


def from_code(name: str, codes: Codes) -> NDArray[np.int64]:
    """Return a constant of all neurons; a time constant's codes end at that of the greatest."""
    values = codes.astype(np.int64)
    return (1 << np.minimum(values, 16)) >> 1 if name == "tau" else values


class PoppinsMemories:
    """The memories of the brain that drives: of its program to roam, or to seek a goal."""

    def __init__(self, controller: Any, world: Any) -> None:
        self.brain = controller.brain_for(world.batch.task.has_goal)
        self.network: Poppins = self.brain.network
        self.codes: dict[str, Codes] = {
            name: from_signed(matrix, self.network.chip.weight_bits).ravel()
            for name, matrix in self.network.memories.items()
        }
        neurons = self.network.neurons
        self.codes |= {name: to_code(name, getattr(neurons, name)) for name in CONSTANTS}
        bits, (amplitude, tonic) = self.network.chip.stimulus_bits, self.network.stimulus
        self.codes |= {"tonic": from_signed(tonic, bits), "amplitude": from_signed(amplitude, bits)}

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """Weights by matrix, constants by name, and the state of all neurons."""
        chip, count = self.network.chip, len(self.network)
        widths = CONSTANTS | dict.fromkeys(STIMULI, chip.stimulus_bits)
        return (
            *(
                Memory(WEIGHTS, name, matrix.size, chip.weight_bits, reads="weight_reads")
                for name, matrix in self.network.memories.items()
            ),
            *(
                Memory(CONFIGURATION, name, count, bits, reads="membrane_updates")
                for name, bits in widths.items()
            ),
            Memory(MEMBRANE, "neurons", count, 8, state=True, reads="membrane_updates"),
            Memory(STREAM, "neurons", count, chip.current_bits, state=True, reads="current_writes"),
        )

    def read(self, part: int) -> Codes:
        """Return the codes of a part."""
        return self.codes[self.memories[part].part].copy()

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        """Put codes into a part, and configure the chip by them; the mood stays."""
        self.codes[self.memories[part].part][values] = codes
        mood = self.brain.desk.mood
        self.brain.load(*self.configured())
        self.brain.desk.mood[:] = mood

    def configured(self) -> tuple[Poppins, Silicon]:
        """Return the network of all codes, and its silicon, which holds what no network may."""
        known, first = self.network, len(self.network.first)
        bits = known.chip.stimulus_bits
        constants = {name: from_code(name, self.codes[name]) for name in CONSTANTS}
        lost = constants["slope_rest"] + constants["slope_threshold"] == 0
        sound = constants | {"slope_rest": constants["slope_rest"] + lost}
        tonic, amplitude = (to_signed(self.codes[name], bits) for name in STIMULI)
        matrices = {
            name: to_signed(self.codes[name], known.chip.weight_bits).reshape(matrix.shape)
            for name, matrix in known.memories.items()
        }
        sides = {"first": slice(None, first), "second": slice(first, None)}
        populations = {
            side: Population(
                Neurons(**{name: values[place] for name, values in sound.items()}),
                matrices[f"{side}.weights"],
            )
            for side, place in sides.items()
        }
        network = replace(
            known,
            first=populations["first"],
            second=populations["second"],
            forward=matrices.get(MEMORIES[1]),
            backward=matrices.get(MEMORIES[2]),
            tonic=tonic,
            amplitude=np.clip(tonic + amplitude, *signed_range(bits)) - tonic,
        )
        return network, numbed(network.silicon, np.flatnonzero(lost))

    def strike(self, strikes: Strikes) -> None:
        """Hold bits of membranes and currents ready to be inverted in the next decision."""
        membrane = strikes.part == len(self.memories) - 2
        low, high = signed_range(self.network.chip.current_bits)
        column = np.where(membrane, POTENTIAL, CURRENT) + strikes.value % LANES
        hits = (
            strikes.cycle,
            strikes.value // LANES,
            column,
            np.int64(1) << strikes.bit,
            np.where(membrane, 0, low),
            np.where(membrane, 255, high),
        )
        self.brain.hits = np.column_stack(hits).astype(np.int64)

    @property
    def cycles(self) -> int:
        """Clock cycles of a decision in which every neuron fires in every tick."""
        chip, bill = self.network.chip, self.network.bill
        reads = int((bill.ledger >> READS_BIT & ((1 << (OPERATIONS_BIT - READS_BIT)) - 1)).sum())
        return TICKS * (bill.cycles_per_tick - (-reads * chip.cycles_per_read // chip.lanes))

    @property
    def felt(self) -> int:
        """How many strikes came before the end of the last decision."""
        return int(self.brain.met)

    @property
    def events(self) -> Events:
        """What the last decision took."""
        events: Events = self.brain.network.events(self.brain.desk.window.totals)
        return events


def numbed(silicon: Silicon, neurons: NDArray[np.integer]) -> Silicon:
    """Take the force from some neurons, by position."""
    for column in (SLOPE_REST, SLOPE_THRESHOLD):
        silicon.cells[neurons // LANES, column + neurons % LANES] = 0
    return silicon

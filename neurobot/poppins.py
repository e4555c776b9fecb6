"""POPPINS, the population processor: two populations of IQIF neurons, and what each tick costs.

Published: two neuron processing units, all-to-all recurrence with self-connections inside each
population, one external stimulus per neuron, 8-bit membranes (ISCAS 2021, arXiv 2201.07490).
Everything in `neurobot.chip` is assumed: sizes, widths, clock and cycle counts are not published.
Neither is how the populations are connected; here it is one matrix each way, and either may be
absent.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.chip import Chip as Chip
from neurobot.decision import (
    CYCLES,
    SYNAPTIC_OPS,
    TOTALS,
    WEIGHT_READS,
    Bill,
    charge,
    enter,
    make_window,
    run,
)
from neurobot.events import Events
from neurobot.fixed import Ints, check_range, signed_range, whole_numbers, wrap_around
from neurobot.iqif import Trace, trace
from neurobot.neurons import Neurons, Silicon, make_silicon, make_work

# The weight memories: within a population, and from one to the other.
MEMORIES = ("first.weights", "forward", "backward", "second.weights")


@dataclass(frozen=True)
class Population:
    """So many neurons, all connected to all by weights (N pre, N post)."""

    neurons: Neurons
    weights: ArrayLike

    def __len__(self) -> int:
        return len(self.neurons)


@dataclass(frozen=True)
class Poppins:
    """A configured chip of two populations; what its silicon could not hold is refused.

    forward: (N first, N second) weights from the first population to the second; backward:
    (N second, N first) weights back; None where there is no such matrix. tonic and amplitude: the
    external stimulus of each neuron, (N first + N second,), at all times and with an input spike.
    """

    first: Population
    second: Population
    amplitude: ArrayLike
    tonic: ArrayLike
    forward: ArrayLike | None = None
    backward: ArrayLike | None = None
    chip: Chip = field(default_factory=Chip)

    def __post_init__(self) -> None:
        chip = self.chip
        for name, population in (("first", self.first), ("second", self.second)):
            if len(population) > chip.neurons:
                raise ValueError(
                    f"{name} population: {len(population)} neurons found, the chip holds "
                    f"{chip.neurons}"
                )
        stimuli = [self._stimulus("tonic"), self._stimulus("amplitude")]
        check_range("tonic + amplitude", stimuli[0] + stimuli[1], *signed_range(chip.stimulus_bits))
        self._blocks()

    def _stimulus(self, name: str) -> NDArray[np.int32]:
        count = len(self.first) + len(self.second)
        values = whole_numbers(name, getattr(self, name), (count,))
        bits = self.chip.stimulus_bits
        check_range(name, values, *signed_range(bits), f"{bits}-bit signed stimulus")
        return values.astype(np.int32)

    def _blocks(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Return the checked weights ((first, forward), (backward, second)); None: no matrix."""
        a, b = len(self.first), len(self.second)
        return (
            (
                self._matrix("first.weights", self.first.weights, a, a),
                self._matrix("forward", self.forward, a, b),
            ),
            (
                self._matrix("backward", self.backward, b, a),
                self._matrix("second.weights", self.second.weights, b, b),
            ),
        )

    def _matrix(
        self, name: str, weights: ArrayLike | None, rows: int, columns: int
    ) -> NDArray[Any] | None:
        if weights is None:
            return None
        matrix = whole_numbers(name, weights, (rows, columns))
        bits = self.chip.weight_bits
        check_range(name, matrix, *signed_range(bits), f"{bits}-bit signed weight memory")
        return matrix

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    @property
    def memories(self) -> dict[str, NDArray[Any]]:
        """The weight memories that there are, (N pre, N post) each, by their names."""
        named = zip(MEMORIES, chain.from_iterable(self._blocks()), strict=True)
        return {name: matrix for name, matrix in named if matrix is not None}

    def flip(self, memory: str, pre: int, post: int, bit: int) -> "Poppins":
        """Return this chip with one bit of a weight inverted, as a fault would do it.

        memory: a name in `memories`; bit: 0 (lowest) .. weight_bits - 1 (the sign).
        """
        bits, memories = self.chip.weight_bits, self.memories
        if memory not in memories:
            raise ValueError(f"memory: unknown {memory!r}; known: {', '.join(memories)}")
        if not 0 <= bit < bits:
            raise ValueError(f"bit={bit} is out of range: 0..{bits - 1}")
        matrix = memories[memory].copy()
        matrix[pre, post] = wrap_around(int(matrix[pre, post]) ^ (1 << bit), *signed_range(bits))
        changed: dict[str, Any] = {memory: matrix}
        if memory not in ("forward", "backward"):
            name = memory.partition(".")[0]
            changed = {name: replace(getattr(self, name), weights=matrix)}
        return replace(self, **changed)

    @cached_property
    def weights(self) -> NDArray[np.int32]:
        """All weights as they are added, (N, N): zero where populations are not connected."""
        sizes = (len(self.first), len(self.second))
        filled = [
            [
                np.zeros((sizes[i], sizes[j])) if block is None else block
                for j, block in enumerate(row)
            ]
            for i, row in enumerate(self._blocks())
        ]
        return np.block(filled).astype(np.int32) << self.chip.weight_shift

    @cached_property
    def neurons(self) -> Neurons:
        """The neurons of both populations, those of the first in front."""
        return Neurons(
            **{
                name: np.concatenate([getattr(self.first.neurons, name), values])
                for name, values in vars(self.second.neurons).items()
            }
        )

    @cached_property
    def silicon(self) -> Silicon:
        """Neurons and weights of both populations as one network, for the kernels."""
        chip = self.chip
        return make_silicon(
            self.neurons,
            self.weights,
            chip.current_bits,
            chip.wraps,
            chip.rounds_to_zero,
            stimulus_bits=chip.stimulus_bits,
            tonic=self._stimulus("tonic"),
            amplitude=self._stimulus("amplitude"),
        )

    @cached_property
    def bill(self) -> Bill:
        """What a spike of each neuron, and a tick, cost in operations, reads and cycles."""
        sizes, chip = (len(self.first), len(self.second)), self.chip
        fan_out = [
            sum(size for size, block in zip(sizes, row, strict=True) if block is not None)
            for row in self._blocks()
        ]
        crossing = [self.forward is not None, self.backward is not None]
        updates = -(-len(self) * chip.cycles_per_update // chip.lanes)
        return Bill(
            enter(0, np.repeat(fan_out, sizes), (self.weights != 0).sum(axis=1)),
            np.repeat(crossing, sizes).astype(np.int32),
            0,
            chip.cycles_per_tick + updates,
            chip.cycles_per_read,
            chip.lanes,
        )

    def bill_for(self, voters: ArrayLike) -> Bill:
        """Return the bill of decisions in which the neurons at some positions vote, (V,)."""
        ledger = self.bill.ledger.copy()
        ledger[np.asarray(voters, np.int64)] += enter(1, 0, 0)
        return self.bill._replace(ledger=ledger, voters=np.size(voters))

    @cached_property
    def stimulus(self) -> tuple[Ints, Ints]:
        """Amplitude and tonic stimulus of all neurons."""
        return self._stimulus("amplitude"), self._stimulus("tonic")

    def _check_trains(self, trains: NDArray[np.bool_]) -> None:
        count = len(self)
        if trains.dtype != np.bool_ or trains.ndim != 2 or trains.shape[1] != count:
            raise ValueError(
                f"trains: {trains.dtype} of shape {trains.shape} found, bool (any, {count}) needed"
            )

    def drive(self, trains: NDArray[np.bool_]) -> Ints:
        """Return the external stimulus (T, N) that spike trains (T, N) are."""
        self._check_trains(trains)
        amplitude, tonic = self.stimulus
        return np.asarray(tonic + amplitude * trains, np.int32)

    def trace(self, trains: NDArray[np.bool_]) -> Trace:
        """Run from rest on spike trains (T, N) to their end, and keep every tick's state."""
        return trace(self.silicon, self.drive(trains))

    def decide(self, trains: NDArray[np.bool_], voters: Ints) -> tuple[Ints, Events]:
        """Run from rest on spike trains (T, N) until the voters' majority cannot change.

        Returns the spikes of each neuron (N,), and the events.
        """
        self._check_trains(trains)
        ticks, count = trains.shape
        if len(voters) and not 0 <= voters.min() <= voters.max() < count:
            raise ValueError(f"voters: {voters.tolist()} found, neurons 0..{count - 1} allowed")
        silicon = self.silicon
        window = make_window(ticks, silicon.weights.shape[1])
        window.trains[:, :count] = trains
        run(silicon, self.bill_for(voters), make_work(silicon), window)
        spikes = window.spikes[:count]
        return spikes, self.events(window.totals)

    def deliveries(self, fired: NDArray[np.bool_]) -> Events:
        """Count only the accumulate phase that delivers these spikes, (N,).

        A tick delivers the spikes of the tick before, so a run leaves those of its last tick.
        """
        who = np.flatnonzero(fired)
        totals = np.zeros(len(TOTALS), np.int64)
        charge(self.bill._replace(cycles_per_tick=0), self.bill.ledger[who].sum(), totals)
        reads = int(totals[WEIGHT_READS])
        return Events(
            cycles=int(totals[CYCLES]),
            synaptic_ops=int(totals[SYNAPTIC_OPS]),
            weight_reads=reads,
            current_writes=reads,
        )

    def events(self, totals: NDArray[np.int64]) -> Events:
        """Name the totals of a run, and add what follows from them."""
        ticks, cycles, stimuli, operations, reads, fired, messages = (int(n) for n in totals)
        updates = ticks * len(self)
        return Events(
            ticks=ticks,
            cycles=cycles,
            stimuli=stimuli,
            spikes=fired,
            messages=messages,
            synaptic_ops=operations,
            weight_reads=reads,
            current_writes=reads + updates,
            decays=updates,
            membrane_updates=updates,
        )

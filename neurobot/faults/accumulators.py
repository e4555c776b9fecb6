"""Accumulators of a chip that runs a network: bits that are inverted while sums grow in them.

An upset at any time of the accumulation acts as one of the finished sum (assumed): what is added
after it is the same. Of float32 sums it is one of the bits of IEEE 754; a sum that is no number has
those of the one such number that arithmetic makes (assumed, as in RISC-V).
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurobot.events import Counts
from neurobot.faults.memory import Codes, Memory, Strikes
from neurobot.faults.networks import Stored
from neurobot.qnet.runner import Map, Plans, Step

ACCUMULATORS = "accumulators"
SUM_BITS = 32  # that the units that scale sums take of each (assumed)
NOT_A_NUMBER = 0x7FC00000


class Held(Protocol):
    """What an accumulator holds: a part of a sum, or of several, of a layer; to be hashed."""

    @property
    def layer(self) -> str:
        """The layer's name."""


Sum = TypeVar("Sum", bound=Held)


def inverted(value: int, mask: int, bits: int) -> int:
    """Return a signed number of so many bits, those of a mask inverted."""
    low = (value ^ mask) & ((1 << bits) - 1)
    return low - (low >> (bits - 1) << bits)


def invert(sums: NDArray[Any], place: int, mask: int, bits: int) -> None:
    """Invert bits of one of the sums (n,), int32 or float32."""
    if sums.dtype.kind == "f":
        raw = NOT_A_NUMBER if np.isnan(sums[place]) else int(sums.view(np.uint32)[place])
        sums.view(np.uint32)[place] = raw ^ mask
    else:
        sums[place] = inverted(int(sums[place]), mask, bits)


class Accumulators(Generic[Sum]):
    """The accumulators of a chip, and the strikes that wait for its next decision.

    cycles: of a decision; held: what an accumulator holds at a cycle, None where nothing is needed.
    """

    def __init__(self, memory: Memory, cycles: int, held: Callable[[int, int], Sum | None]) -> None:
        self.memory, self.felt = memory, 0
        self.cycles, self._held = cycles, held
        self._waiting: dict[str, dict[Sum, int]] = {}
        self._met = 0

    @property
    def width(self) -> int:
        """Bits of an accumulator that others take."""
        return min(self.memory.bits, SUM_BITS)

    def strike(self, strikes: Strikes, part: int) -> None:
        """Hold strikes on this memory, which is that part, ready."""
        near = (strikes.cycle < self.cycles) & (strikes.part == part)
        found = (strikes.cycle[near], strikes.value[near], strikes.bit[near])
        for cycle, value, bit in zip(*(each.tolist() for each in found), strict=True):
            held = self._held(cycle, value)
            if held is not None and bit < self.width:
                masks = self._waiting.setdefault(held.layer, {})
                masks[held] = masks.get(held, 0) ^ 1 << bit
                self._met += 1

    def masks(self, layer: str) -> dict[Sum, int]:
        """Return which bits to invert of what the sums of a layer are."""
        return self._waiting.get(layer, {})

    def finish(self) -> None:
        """End a decision: what waited for it is gone."""
        self.felt, self._met = self._met, 0
        self._waiting = {}


class NetworkMemories:
    """What the substrates of chips that run networks have in common.

    stores: the configured memories; accumulators: the state, which comes after them.
    """

    def __init__(
        self, controller: Any, stores: Sequence[Stored], accumulators: Accumulators[Any]
    ) -> None:
        self._controller, self._stores, self._accumulators = controller, stores, accumulators

    @property
    def memories(self) -> tuple[Memory, ...]:
        """Weights by layer, what else is configured, accumulators."""
        configured = tuple(stored.memory for stored in self._stores)
        return *configured, self._accumulators.memory

    def read(self, part: int) -> Codes:
        """Return the codes (values,) of a configured memory."""
        return self._stores[part].codes.copy()

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        """Put codes (n,) at positions (n,) of a configured memory; the next decision meets them."""
        self._stores[part].write(values, codes)

    def strike(self, strikes: Strikes) -> None:
        """Hold strikes on accumulators ready for the next decision, and for no other."""
        self._accumulators.strike(strikes, len(self._stores))

    @property
    def cycles(self) -> int:
        """Clock cycles of a decision."""
        return self._accumulators.cycles

    @property
    def felt(self) -> int:
        """How many strikes met a sum in the last decision."""
        return self._accumulators.felt

    @property
    def events(self) -> Counts:
        """What the last decision took."""
        events: Counts = self._controller.events
        return events


def ending(plans: Plans, last: str, finish: Callable[[], None]) -> Plans:
    """Return plans by which something follows the last layer of a network."""

    def ended(plan: Callable[..., list[Step]]) -> Callable[..., list[Step]]:
        def planned(layer: Any, *maps: Map) -> list[Step]:
            steps = plan(layer, *maps)
            return [*steps, (finish, ())] if layer.name == last else steps

        return planned

    return {kind: ended(plan) for kind, plan in plans.items()}

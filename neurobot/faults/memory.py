"""The memories of a chip, as what may go wrong in them: so many values of so many bits each.

Two kinds. A configured memory (weights, thresholds) is written once, and what inverts a bit of it
stays until somebody writes there again. A state memory (membranes, sums) lives for one decision
only: each begins anew, and what happens while the chip rests leaves no trace.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neurobot.events import Counts

Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Memory:
    """Values of one kind that lie together: the weights of a layer, the membranes of a chip.

    name: what a campaign asks for, such as "weights"; part: where they belong, such as "conv1";
    reads: the count of `events` that tells how often values of it are read in a decision, None
    where none does; readable: whether values are read one by one, so that a code can guard them.
    """

    name: str
    part: str
    values: int
    bits: int  # of a value
    state: bool = False
    reads: str | None = None
    readable: bool = True

    @property
    def size(self) -> int:
        """Its bits."""
        return self.values * self.bits


class Strikes(NamedTuple):
    """Bits of state memories that are inverted during a decision, in the order of time; (n,) each.

    cycle: clock cycles since the decision began; part: position in `Substrate.memories`; value:
    position in it; bit: 0 is the lowest.
    """

    cycle: NDArray[np.int64]
    part: NDArray[np.int64]
    value: NDArray[np.int64]
    bit: NDArray[np.int64]


class Substrate(Protocol):
    """The chip of one controller, with its memories open to faults.

    Codes are the bits of values as unsigned numbers: two's complement where they are signed.
    Whatever codes are written, and whatever is struck, a decision must come to its end as the
    silicon's would: nothing is refused, and nothing is read or written beyond a memory's ends.
    """

    @property
    def memories(self) -> tuple[Memory, ...]:
        """All memories, in a fixed order."""
        ...

    def read(self, part: int) -> Codes:
        """Return the codes (values,) of a configured memory."""
        ...

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        """Put codes (n,) at positions (n,) of a configured memory; the next decision meets them."""
        ...

    def strike(self, strikes: Strikes) -> None:
        """Hold strikes ready for the next decision, and for no other.

        Those that come after its end, or where nothing that is needed lies at that time, are lost.
        """
        ...

    @property
    def cycles(self) -> int:
        """The most clock cycles that a decision takes; later strikes are lost."""
        ...

    @property
    def felt(self) -> int:
        """How many strikes met something alive in the last decision."""
        ...

    @property
    def events(self) -> Counts:
        """What the last decision took."""
        ...


def from_signed(values: NDArray[np.integer], bits: int) -> Codes:
    """Return signed numbers as codes."""
    return np.asarray(values).astype(np.int64).astype(np.uint64) & np.uint64((1 << bits) - 1)


def to_signed(codes: Codes, bits: int) -> NDArray[np.int64]:
    """Return codes as signed numbers."""
    half = np.uint64(1 << (bits - 1))
    return (codes ^ half).astype(np.int64) - np.int64(half)

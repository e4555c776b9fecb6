"""Numbers that a chip keeps, as a memory of codes that can be read and rewritten."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.faults.memory import Codes, Memory, from_signed, to_signed
from neurobot.qnet.signals import width

Array = NDArray[Any]


def signed_bits(values: ArrayLike, least: int = 2) -> int:
    """Return the bits of the narrowest signed register, of so many at least, for all values."""
    found = np.asarray(values)
    return max(width(min(int(found.min(initial=0)), -1), int(found.max(initial=0))), least)


@dataclass
class Registers:
    """Numbers that are kept somewhere, each in a register of a memory.

    numbers: int64, (values,), what is kept now; put: told at which positions which numbers stand
    from now on, it brings them to where they are read; signed: whether codes are two's complement,
    for all values alike or by value.
    """

    memory: Memory
    numbers: Array
    put: Callable[[Array, Array], None] = field(repr=False)
    signed: bool | Array = True

    def __post_init__(self) -> None:
        self.numbers = np.array(self.numbers, np.int64).ravel()

    def read(self) -> Codes:
        """Return all codes."""
        return from_signed(self.numbers, self.memory.bits)

    def write(self, values: Array, codes: Codes) -> None:
        """Put codes at positions."""
        signed = self.signed if isinstance(self.signed, bool) else self.signed[values]
        plain = np.asarray(codes, np.uint64)
        found = np.where(signed, to_signed(plain, self.memory.bits), plain.astype(np.int64))
        self.numbers[values] = found
        self.put(values, found)

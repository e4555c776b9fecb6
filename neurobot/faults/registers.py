"""Numbers that a chip keeps in registers, stored as codes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.faults.memory import Codes, Memory, from_signed, to_signed
from neurobot.faults.networks import Stored
from neurobot.qnet.signals import width

Array = NDArray[Any]
Put = Callable[[Array, Array], None]


def signed_bits(values: ArrayLike, least: int = 2) -> int:
    """Return the bits of the narrowest signed register, of so many at least, for all values."""
    found = np.asarray(values)
    return max(width(min(int(found.min(initial=0)), -1), int(found.max(initial=0))), least)


def spots_of(laid: Array, count: int) -> Array:
    """Return where each of the numbers 1..count stands in an array, flat; 0 where it does not."""
    spots, (there,) = np.zeros(count + 1, np.int64), np.nonzero(laid.ravel())
    spots[laid.ravel()[there]] = there
    return spots[1:]


def keep(memory: Memory, numbers: Array, put: Put, signed: bool | Array = True) -> Stored:
    """Store numbers (values,).

    put: told which numbers stand at which positions from now on, brings them to where they are
    read; signed: whether codes are two's complement: all of them, or each of them.
    """
    flags = np.broadcast_to(signed, np.size(numbers))

    def decode(values: Array, codes: Codes) -> None:
        put(values, np.where(flags[values], to_signed(codes, memory.bits), codes.astype(np.int64)))

    return Stored(memory, from_signed(np.ravel(numbers), memory.bits), decode)


class Kept:
    """The configured memories of a chip, as `neurobot.faults.memory.Substrate` has them."""

    def __init__(self, stores: Sequence[Stored]) -> None:
        self.stores = list(stores)

    @property
    def configured(self) -> tuple[Memory, ...]:
        """What is written once."""
        return tuple(stored.memory for stored in self.stores)

    def read(self, part: int) -> Codes:
        """Return the codes (values,) of a configured memory."""
        return self.stores[part].codes.copy()

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        """Put codes (n,) at positions (n,) of a configured memory; the next decision meets them."""
        self.stores[part].write(values, codes)

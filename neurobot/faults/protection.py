"""Codes that guard memories: what a word with wrong bits reads as, and what a code costs.

- parity: one bit more for each word; an odd number of wrong bits is noticed, and the word reads as
  0: to mask a word costs a network less than to believe it (Reagen et al., Minerva, ISCA 2016)
- ecc: the extended Hamming code, which corrects one wrong bit of a word and notices two (Hamming
  1950), when the word reads as 0; three and more go through as they are (assumed: a decoder may
  make one more of them)
- tmr: three copies, and each bit is what two of them say (von Neumann 1956)

Nothing is written back: faults add up until the episode ends. Check bits and copies are hit as data
are; stuck check bits are left out (assumed). Words hold whole values, as many as fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurobot.faults.memory import Codes, Memory

Mask = int  # the wrong bits of a word: its data from bit 0 on, above them its check bits


@dataclass(frozen=True, slots=True)
class Guard:
    """A code: how many bits it adds to so many of data, and which data bits then read wrong.

    wrong: from the wrong bits of each copy, the word's data, and how many bits these are.
    """

    check_bits: Callable[[int], int]
    wrong: Callable[[Sequence[Mask], int, int], Mask]
    copies: int = 1

    def stored_bits(self, data_bits: int) -> int:
        """Return the bits that stand for so many of data, copies and all."""
        return self.copies * (data_bits + self.check_bits(data_bits))


def hamming_bits(data_bits: int) -> int:
    """Return the check bits of the extended Hamming code for so many bits of data."""
    bits = 1
    while 1 << bits < data_bits + bits + 1:
        bits += 1
    return bits + 1


def no_bits(data_bits: int) -> int:
    """Return what no code adds."""
    return 0


def as_it_is(masks: Sequence[Mask], data: int, data_bits: int) -> Mask:
    """Return the wrong data bits of a word that nothing guards."""
    return masks[0] & ((1 << data_bits) - 1)


def by_parity(masks: Sequence[Mask], data: int, data_bits: int) -> Mask:
    """Return the wrong data bits behind a parity bit; all that are 1, if the word reads as 0."""
    return data if masks[0].bit_count() % 2 else as_it_is(masks, data, data_bits)


def by_hamming(masks: Sequence[Mask], data: int, data_bits: int) -> Mask:
    """Return the wrong data bits behind the extended Hamming code."""
    count = masks[0].bit_count()
    if count < 3:
        return (0, 0, data)[count]
    return as_it_is(masks, data, data_bits)


def by_majority(masks: Sequence[Mask], data: int, data_bits: int) -> Mask:
    """Return the wrong data bits of three copies."""
    one, two, three = masks
    return one & two | one & three | two & three


GUARDS = {
    "none": Guard(no_bits, as_it_is),
    "parity": Guard(lambda data_bits: 1, by_parity),
    "ecc": Guard(hamming_bits, by_hamming),
    "tmr": Guard(no_bits, by_majority, copies=3),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a memory is stored behind a code: copies of words of whole values, each with its checks.

    The last word may have room for values that there are none of; its bits are hit as well.
    """

    memory: Memory
    protection: str = "none"
    word_bits: int = 32

    def __post_init__(self) -> None:
        if self.protection not in ("none", "tmr") and not self.memory.readable:
            raise ValueError(
                f"protection: {self.protection!r} found for {self.memory.name}, which are summed "
                "where they lie and never read as words; allowed: none, tmr"
            )

    @property
    def guard(self) -> Guard:
        """Its code."""
        return GUARDS[self.protection]

    @property
    def together(self) -> int:
        """Values of a word."""
        return max(self.word_bits // self.memory.bits, 1) if self.protection != "none" else 1

    @property
    def data_bits(self) -> int:
        """Bits of data of a word."""
        return self.together * self.memory.bits

    @property
    def width(self) -> int:
        """Bits of a word, with its checks."""
        return self.data_bits + self.guard.check_bits(self.data_bits)

    @property
    def words(self) -> int:
        """Words of a copy."""
        return -(-self.memory.values // self.together)

    @property
    def size(self) -> int:
        """Bits that are stored, all in all."""
        return self.guard.copies * self.words * self.width


class Bank:
    """A configured memory behind a code, with what is wrong in it."""

    def __init__(self, layout: Layout, golden: Codes) -> None:
        self.layout = layout
        self.golden = [int(code) for code in golden]
        self.masks: dict[int, list[Mask]] = {}

    def word(self, number: int) -> int:
        """Return the data that a word was meant to hold."""
        bits, together = self.layout.memory.bits, self.layout.together
        values = self.golden[number * together : (number + 1) * together]
        return sum(value << (k * bits) for k, value in enumerate(values))

    def hit(self, bit: int, stuck: int | None = None) -> int:
        """Let something happen to a stored bit: inverted, or stuck at 0 or 1; return its word."""
        layout = self.layout
        copy, rest = divmod(bit, layout.words * layout.width)
        number, place = divmod(rest, layout.width)
        masks = self.masks.setdefault(number, [0] * layout.guard.copies)
        if stuck is None:
            masks[copy] ^= 1 << place
        elif place < layout.data_bits:
            meant = self.word(number) >> place & 1
            masks[copy] = masks[copy] & ~(1 << place) | (meant ^ stuck) << place
        return number

    def wrong(self, number: int) -> Mask:
        """Return the data bits of a word that read wrong."""
        layout = self.layout
        return layout.guard.wrong(self.masks[number], self.word(number), layout.data_bits)

    def seen(self, numbers: Sequence[int]) -> tuple[NDArray[np.int64], Codes]:
        """Return the values of some words, by position, and the codes that they read as."""
        layout, places, codes = self.layout, [], []
        bits, last = layout.memory.bits, layout.memory.values
        for number in numbers:
            wrong, first = self.wrong(number), number * layout.together
            for k in range(min(layout.together, last - first)):
                places.append(first + k)
                codes.append(self.golden[first + k] ^ (wrong >> (k * bits) & ((1 << bits) - 1)))
        return np.array(places, np.int64), np.array(codes, np.uint64)

    def mend(self) -> tuple[NDArray[np.int64], Codes]:
        """Forget what is wrong; return the values that it was in, and their codes."""
        numbers = list(self.masks)
        self.masks = {number: [0] * self.layout.guard.copies for number in numbers}
        found = self.seen(numbers)
        self.masks = {}
        return found

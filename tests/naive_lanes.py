"""Bits of the digital processor in plain Python: codes in lanes, lanes in words, products.

Maps lie in memories of real bits; a processing element (PE) is given two lanes of packed codes.
"""

import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Code(NamedTuple):
    """How a channel's integers are written."""

    bits: int
    signed: bool
    odd: bool = False
    real: bool = False


def written(value: Any, code: Code, bits: int) -> int:
    """The bits of a value, in a field of so many."""
    if code.real:
        return int.from_bytes(struct.pack("<f", value), "little")
    number = (int(value) + 2**code.bits - 1) // 2 if code.odd else int(value)
    return number & ((1 << bits) - 1)


def found(raw: int, code: Code, bits: int) -> Any:
    """The value that such bits stand for."""
    if code.real:
        return np.float32(struct.unpack("<f", raw.to_bytes(4, "little"))[0])
    if code.odd:
        return 2 * raw - 2**code.bits + 1
    return raw - 2**bits if code.signed and raw >= 2 ** (bits - 1) else raw


@dataclass
class Memory:
    """A map as lanes of 8 bits; `codes`: of its channels, `bits`: of each value."""

    shape: tuple[int, int, int]
    bits: int
    codes: list[Code]
    word_lanes: int
    lanes: list[int] = field(default_factory=list)
    last_written: int = -1

    def __post_init__(self) -> None:
        channels = self.shape[2]
        shared = 8 // self.bits
        self.each = -(-channels // shared) if shared else channels * -(-self.bits // 8)
        count = self.shape[0] * self.shape[1] * self.each
        self.words = -(-count // self.word_lanes)
        self.lanes = [0] * count

    def place(self, y: int, x: int, c: int) -> tuple[list[int], int]:
        """The lanes that hold a value, and its bit within the first."""
        corner = (y * self.shape[1] + x) * self.each
        if self.bits <= 8:
            shared = 8 // self.bits
            return [corner + c // shared], self.bits * (c % shared)
        wide = -(-self.bits // 8)
        return [corner + c * wide + k for k in range(wide)], 0

    def put(self, y: int, x: int, c: int, value: Any) -> int:
        """Write a value; return how many new words were begun."""
        lanes, shift = self.place(y, x, c)
        raw = written(value, self.codes[c], self.bits if len(lanes) == 1 else 8 * len(lanes))
        begun = 0
        for k, lane in enumerate(lanes):
            mask = (2**self.bits - 1 if len(lanes) == 1 else 255) << shift
            piece = (raw >> (8 * k)) % 256 << shift if len(lanes) > 1 else raw << shift
            self.lanes[lane] = self.lanes[lane] & ~mask | piece
            begun += lane // self.word_lanes != self.last_written
            self.last_written = lane // self.word_lanes
        return begun

    def get(self, y: int, x: int, c: int) -> tuple[Any, list[int]]:
        """A value, and the words that it is read from."""
        lanes, shift = self.place(y, x, c)
        if len(lanes) == 1:
            raw = self.lanes[lanes[0]] >> shift & (2**self.bits - 1)
            bits = self.bits
        else:
            raw, bits = sum(self.lanes[n] << (8 * k) for k, n in enumerate(lanes)), 8 * len(lanes)
        return found(raw, self.codes[c], bits), [lane // self.word_lanes for lane in lanes]


@dataclass
class Reader:
    """Keeps the last word that it read."""

    counts: Counter[str]
    last: Any = None

    def get(self, memory: Memory, y: int, x: int, c: int, port: int = 0) -> Any:
        value, words = memory.get(y, x, c)
        for word in words:
            self.counts["activation_reads"] += (port, word) != self.last
            self.last = port, word
        return value


class Operand(NamedTuple):
    """An input in a lane: its integer, and how it is written; None: there is no map."""

    value: Any
    code: Code | None


def multiply(weights: int, operands: list[Operand], mode: int, weight: Code) -> int:
    """What one processing element makes of two lanes: the sum of packed products of codes."""
    mask = 2**mode - 1
    if mode == 1:
        return count_ones(weights, operands, weight)
    total = 0
    for slot, (value, code) in enumerate(operands):
        k = found(weights >> (mode * slot) & mask, weight._replace(odd=False), mode)
        if code is None:
            continue
        q = found(written(value, code, mode), code._replace(odd=False), mode)
        total += 2 * k * q - (2**code.bits - 1) * k if code.odd else k * q
    return total


def count_ones(weights: int, operands: list[Operand], weight: Code) -> int:
    """The same for 1-bit codes: AND, then popcount."""
    inputs = positive = negative = odd = 0
    for slot, (value, code) in enumerate(operands):
        if code is None:
            continue
        inputs |= written(value, code, 1) << slot
        odd |= code.odd << slot
        negative |= (code.signed and not code.odd) << slot
        positive |= (not code.signed and not code.odd) << slot
    ones = weights & inputs
    total = (ones & positive).bit_count() - (ones & negative).bit_count()
    total += 2 * (ones & odd).bit_count() - (weights & odd).bit_count()
    return -total if weight.signed else total

"""Arrays as bytes: codes of 1..8 bits side by side, behind the head of NumPy's own file format."""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTE = "|u1"
AXIS_DIGITS = 21
SPOKEN = re.compile(rb"\{[^}]*\}")


def array_head(kind: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the values of an array in NumPy's file format, version 1.0.

    As NumPy writes it: with room for a first axis of 21 digits, and up to a multiple of 64 bytes.
    """
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (AXIS_DIGITS - len(str(shape[0])))
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def pack(codes: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    """Put the low bits of all codes side by side, the highest of each first."""
    octets = (codes.ravel() << (8 - bits)).astype(np.uint8)
    return np.packbits(np.unpackbits(octets[:, None], axis=1, count=bits))


def unpack(packed: NDArray[np.uint8], count: int, bits: int, signed: bool) -> NDArray[Any]:
    """Return so many codes; the highest bit of each is its sign where they are signed."""
    digits = np.unpackbits(packed, count=count * bits).reshape(count, bits)
    octets = np.packbits(digits, axis=1).ravel()  # each code in the high bits of its octet
    return np.asarray((octets.view(np.int8) if signed else octets) >> (8 - bits))


@dataclass(frozen=True, slots=True)
class Form:
    """How an array of some shape is stored: as it is, or as packed codes of 1..8 bits.

    kind: NumPy's name of the type of each value, or of a byte of packed codes.
    """

    shape: tuple[int, ...]
    kind: str = BYTE
    bits: int | None = None
    signed: bool = False

    @property
    def stored(self) -> tuple[int, ...]:
        """Shape of the array in the file."""
        return self.shape if self.bits is None else (-(-math.prod(self.shape) * self.bits // 8),)

    def encode(self, values: NDArray[Any]) -> bytes:
        """Write an array."""
        stored = values.astype(self.kind) if self.bits is None else pack(values, self.bits)
        return array_head(self.kind, self.stored) + stored.tobytes()

    def decode(self, content: bytes) -> NDArray[Any]:
        """Read an array, or say what stands there instead."""
        head = array_head(self.kind, self.stored)
        if not content.startswith(head):
            told = SPOKEN.search(content[:256])
            found = told.group().decode(errors="backslashreplace") if told else "no array"
            raise ValueError(f"{found[:100]!r} found; allowed: {head[10:].decode().strip()!r}")
        length = np.dtype(self.kind).itemsize * math.prod(self.stored)
        if len(content) != len(head) + length:
            raise ValueError(f"{len(content) - len(head)} bytes of values found; allowed: {length}")
        values = np.frombuffer(content, self.kind, offset=len(head))
        if self.bits is not None:
            values = unpack(values, math.prod(self.shape), self.bits, self.signed)
        return values.reshape(self.shape)

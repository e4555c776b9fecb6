"""Codes of chance in the memories of a chip that is open to faults, and what mends them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

CONFIGURED = ("weights", "index", "configuration")


def scatter(
    substrate: Any, rng: np.random.Generator, share: float, names: Sequence[str] = CONFIGURED
) -> None:
    """Invert a bit of some values of all configured memories, or of those of some names."""
    for part, memory in enumerate(substrate.memories):
        if memory.name in names:
            values = np.flatnonzero(rng.random(memory.values) < share)
            bits = rng.integers(0, memory.bits, len(values)).astype(np.uint64)
            substrate.write(part, values, substrate.read(part)[values] ^ np.uint64(1) << bits)


def shuffle(substrate: Any, rng: np.random.Generator, share: float) -> None:
    """Write codes of chance to some values of all configured memories."""
    for part, memory in enumerate(substrate.memories):
        if not memory.state:
            values = np.flatnonzero(rng.random(memory.values) < share)
            top = (1 << memory.bits) - 1
            codes = rng.integers(0, top, len(values), np.uint64, endpoint=True)
            substrate.write(part, values, codes)


def mend(substrate: Any, golden: list[Any]) -> None:
    """Write back what `sound_codes` found."""
    for part, values in enumerate(golden):
        substrate.write(part, np.arange(len(values)), values)


def sound_codes(substrate: Any) -> list[Any]:
    """What all configured memories hold, which come first."""
    return [substrate.read(k) for k, each in enumerate(substrate.memories) if not each.state]

"""Chance as a function of a key and a counter: no state, so no order of evaluation can change it.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) hashes the pair; every draw of the world's noise is
one call with the key of its environment, so a batch draws the very bits that a single world draws.
"""

from typing import Any

import numpy as np

from neurobot.compiled import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_A = np.uint64(0xBF58476D1CE4E5B9)
MIX_B = np.uint64(0x94D049BB133111EB)


@kernel
def bits(key: Any, stream: int, counter: int) -> Any:
    """Return 64 random bits for one key, stream and counter."""
    state = np.uint64(key) + GOLDEN * (np.uint64(counter) * np.uint64(16) + np.uint64(stream + 1))
    state = (state ^ (state >> np.uint64(30))) * MIX_A
    state = (state ^ (state >> np.uint64(27))) * MIX_B
    return state ^ (state >> np.uint64(31))


@kernel
def uniform(key: int, stream: int, counter: int) -> float:
    """Return a number in [0, 1) with 53 random bits."""
    return float(bits(key, stream, counter) >> np.uint64(11)) * 2.0**-53


@kernel
def gauss(key: int, stream: int, counter: int) -> float:
    """Return a number of mean 0 and variance 1: the sum of twelve uniforms less 6.

    It is close to normal up to 3 sigma and never beyond 6; unlike the exact transforms it needs
    no logarithm, whose last bit depends on the machine.
    """
    total = 0
    for half in range(2):
        word = bits(key, stream, 2 * counter + half)
        for field in range(6):
            total += int((word >> np.uint64(10 * field)) & np.uint64(1023))
    return (total - 6 * 1023) / 1024.0

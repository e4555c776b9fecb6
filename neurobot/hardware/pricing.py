"""Prices for a chip of other sizes than the default one, for which the cost tables stand.

All factors are rules of thumb, hence assumed: a memory's read grows with its word and with the
square root of its words (CACTI-P: 13 pJ for 1 kB, 26 pJ for 4 kB), logic and registers with their
bits, leakage with all bits held.
"""

from dataclasses import replace

from neurobot.chip import Chip
from neurobot.cost import Tariff

DEFAULT = Chip()


def factors(chip: Chip) -> dict[str, tuple[float, str]]:
    """Return how much more each event takes than on the default chip, and why."""
    word = chip.weight_bits / DEFAULT.weight_bits
    side = chip.neurons / DEFAULT.neurons  # the square root of a matrix
    current = chip.current_bits / DEFAULT.current_bits
    return {
        "weight_reads": (word * side, "word, and square root of words"),
        "current_writes": (current, "bits of the current"),
        "decays": (current, "bits of the current"),
    }


def fit(tariff: Tariff, chip: Chip, memory_factor: float) -> Tariff:
    """Return the tariff of a chip that holds so many times the bits of the default one."""
    scale = factors(chip)
    prices = {
        name: price.times(*scale[name]) if scale.get(name, (1.0,))[0] != 1.0 else price
        for name, price in tariff.prices.items()
    }
    idle = tariff.idle_w
    if memory_factor != 1.0:
        idle = idle.times(memory_factor, "bits of all memories")
    return replace(tariff, prices=prices, idle_w=idle)

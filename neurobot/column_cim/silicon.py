"""What is assumed of the machine around the arrays: each size, width and rate a parameter.

What a `neurobot.qnet.ColumnConv` itself says is not repeated here: rows, bits of cells, encoding,
bits that drive a row, bits of converters. Nothing of this is published: all is assumed.

[zigzag] ZigZag-IMC, `AimcArrayUnit`: at 28 nm a converter of b bits on columns of so many rows
takes b (0.00653 ns rows + 0.640 ns). Conversions take as many whole clocks as that: more bits are
then not free in time. At 100 MHz and 128 rows it is one clock for up to 6 bits, two for up to 13.
"""

import math
from dataclasses import dataclass

from neurobot.ranges import check_fields

ROW_NS, BIT_NS = 0.00653, 0.640  # [zigzag]
MOST_BYTES = 1 << 30
RANGES: dict[str, tuple[float, float]] = {
    "weight_bytes": (0, MOST_BYTES),
    "feature_bytes": (1, MOST_BYTES),
    "bank_bytes": (64, MOST_BYTES),
    "word_bits": (8, 1024),
    "clock_hz": (1e-3, 1e12),
}


@dataclass(frozen=True, slots=True)
class Silicon:
    """Sizes, widths and timing of the machine; it has as many arrays as a network needs.

    All weights stay in their arrays. Layers come one after the other, and all arrays of a layer
    work at the same time. Memories are switched on bank by bank, as far as a network needs them.
    """

    columns: int = 128  # of an array
    columns_per_adc: int = 8  # that share a converter, one after the other
    dequantizers: int = 64  # that multiply a code by a constant and add it to a sum, one a cycle
    digital_lanes: int = 64  # products a cycle of the unit for layers outside of the arrays
    post_lanes: int = 32  # values a cycle of the units that scale, pool and add maps
    weight_bytes: int = (
        1024 * 1024
    )  # of the digital unit: its weights, and the scales of all layers
    feature_bytes: int = 128 * 1024  # of each of the two feature memories
    bank_bytes: int = 8 * 1024
    word_bits: int = 64  # of all memories
    clock_hz: float = 100e6

    def __post_init__(self) -> None:
        check_fields("silicon", self, RANGES)

    def conversion_cycles(self, bits: int | None, rows: int) -> int:
        """Return how many clocks a conversion takes; bits: None for an ideal one, which takes 1."""
        if bits is None:
            return 1
        return max(math.ceil(bits * (ROW_NS * rows + BIT_NS) * 1e-9 * self.clock_hz), 1)

    def banks(self, size_bytes: int) -> int:
        """Return how many banks hold so many bytes."""
        return -(-size_bytes // self.bank_bytes)

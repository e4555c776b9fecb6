"""What is assumed of the machine: its cores, macros, memories and clock, each a parameter.

Four cores, several macros of each and 8 partitions of a macro are what a digest of the publication
says; all else is assumed, from the macros that its authors may have used.
"""

from dataclasses import dataclass

from neurobot.ranges import check_fields

REFILLS = ("serial", "overlapped", "paired")
SLOTS = (4, 8)  # bits that a weight can take in a macro
MOST_BYTES = 1 << 30
RANGES: dict[str, tuple[float, float]] = {
    "cores": (1, 256),
    "macros": (1, 256),
    "partitions": (1, 256),
    "rows": (1, 1024),
    "macro_bits": (8, MOST_BYTES),
    "write_bits": (1, 1 << 16),
    "input_bits": (1, 8),
    "weight_bytes": (1, MOST_BYTES),
    "feature_bytes": (1, MOST_BYTES),
    "partial_bytes": (0, MOST_BYTES),
    "bank_bytes": (64, MOST_BYTES),
    "word_bits": (8, 1024),
    "post_lanes": (1, 1 << 16),
    "clock_hz": (1e-3, 1e12),
}


@dataclass(frozen=True, slots=True)
class Silicon:
    """Sizes, widths and timing of the machine.

    A macro computes with one tile of weights in a cycle, rows by columns of them: it multiplies as
    many inputs as there are rows, and sums the products by column. Memories are switched on bank by
    bank, as far as a network needs them.
    """

    cores: int = 4  # digest
    macros: int = 2  # of each core; that there are several is published, how many is assumed
    partitions: int = 8  # of a macro (digest): a column of 8-bit weights each, or two of 4-bit ones
    rows: int = 16  # word lines that are on at once, an input each
    macro_bits: int = 64 * 1024
    write_bits: int = 64  # written into each macro in a cycle
    input_bits: int = 8  # of each input that an access takes; wider ones take several accesses
    refill: str = REFILLS[0]
    weight_bytes: int = 4 * 1024 * 1024  # of each core: packed tiles, their index, scales
    feature_bytes: int = 128 * 1024  # of each of the two feature memories
    partial_bytes: int = 64 * 1024  # of each core: sums set aside from one fill to the next
    bank_bytes: int = 8 * 1024
    word_bits: int = 64  # of all memories but that of sums, which has accumulators of 32 bits
    post_lanes: int = 32  # values that all post units together handle in a cycle
    clock_hz: float = 100e6

    def __post_init__(self) -> None:
        check_fields("silicon", self, RANGES)
        if self.refill not in REFILLS:
            raise ValueError(
                f"silicon: unknown refill {self.refill!r}; known: {', '.join(REFILLS)}"
            )
        if self.refill == "paired" and self.macros % 2:
            raise ValueError(
                f"silicon: macros={self.macros} found with paired refill; an even number is needed"
            )
        least = self.tile_bits(SLOTS[0])
        if self.macro_bits < least:
            raise ValueError(
                f"silicon: macro_bits={self.macro_bits} found; "
                f"a tile of {self.rows} rows and {self.partitions} partitions takes {least}"
            )

    def slot(self, bits: int) -> int:
        """Return how many bits a signed weight of so many bits takes in a macro."""
        return SLOTS[0] if bits <= SLOTS[0] else SLOTS[1]

    def columns(self, slot: int) -> int:
        """Return how many columns of weights of so many bits a macro has: outputs of an access."""
        return self.partitions * (SLOTS[1] // slot)

    def tile_bits(self, slot: int) -> int:
        """Return how many bits a tile of such weights takes; the same for both slots."""
        return self.rows * self.columns(slot) * slot

    def tiles_per_macro(self, slot: int) -> int:
        """Return how many tiles of such weights a macro holds."""
        return self.macro_bits // self.tile_bits(slot)

    def banks(self, size_bytes: int) -> int:
        """Return how many banks hold so many bytes."""
        return -(-size_bytes // self.bank_bytes)

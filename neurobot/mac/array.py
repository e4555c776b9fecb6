"""What is assumed of the processor: its array, memories, widths and clock, each a parameter.

Each processing element (PE) has a datapath of 8 bits, a lane. A layer runs in the mode of its wider
operand, of n bits: a lane then carries floor(8 / n) values, whose products the PE sums up in one
cycle. float32 is a mode of its own, of one value a PE, whose operands take 4 lanes of memory.
"""

from dataclasses import dataclass

from neurobot.ranges import check_fields

SCHEDULES = ("output-stationary", "weight-stationary")
LANE_BITS = 8
REAL_LANES = 4  # a float32 number's
ARRAY_RANGES: dict[str, tuple[float, float]] = {
    "rows": (1, 256),
    "columns": (1, 256),
    "weight_bytes": (1, 1 << 30),
    "activation_bytes": (1, 1 << 30),
    "partial_bytes": (0, 1 << 30),
    "bank_bytes": (64, 1 << 30),
    "accumulator_bits": (8, 64),
    "requant_lanes": (1, 256),
    "fill_cycles": (0, 1 << 10),
    "clock_hz": (1e-3, 1e12),
    "gates_zeros": (0, 1),
}


@dataclass(frozen=True, slots=True)
class MacArray:
    """Sizes, widths and timing of the processor; all assumed.

    Memories are switched on bank by bank, as far as a network needs them. gates_zeros: a PE's
    multiplier does not switch for an input that is 0; the cycle passes all the same.
    """

    rows: int = 8  # of PEs
    columns: int = 8
    schedule: str = SCHEDULES[0]
    weight_bytes: int = 512 * 1024
    activation_bytes: int = 64 * 1024
    partial_bytes: int = 64 * 1024  # of sums that a weight-stationary array sets aside
    bank_bytes: int = 8 * 1024
    weight_word_bits: int = 64
    activation_word_bits: int = 64
    accumulator_bits: int = 32
    requant_lanes: int = 4  # values that become codes, or are added or compared, in a cycle
    fill_cycles: int = 4  # of the pipeline, once for each tile of the array
    clock_hz: float = 10e6
    gates_zeros: bool = True

    def __post_init__(self) -> None:
        check_fields("mac array", self, ARRAY_RANGES)
        if self.schedule not in SCHEDULES:
            raise ValueError(
                f"mac array: unknown schedule {self.schedule!r}; known: {', '.join(SCHEDULES)}"
            )
        for name in ("weight_word_bits", "activation_word_bits"):
            bits = getattr(self, name)
            if bits % LANE_BITS or not LANE_BITS <= bits <= 1024:
                raise ValueError(
                    f"mac array: {name}={bits} is out of range: 8..1024, in steps of 8"
                )

    @property
    def elements(self) -> int:
        """How many PEs there are."""
        return self.rows * self.columns

    @property
    def weight_lanes(self) -> int:
        """Lanes of a word of the weight memory."""
        return self.weight_word_bits // LANE_BITS

    @property
    def activation_lanes(self) -> int:
        """Lanes of a word of the activation memory."""
        return self.activation_word_bits // LANE_BITS

    @property
    def partial_lanes(self) -> int:
        """Lanes of a sum that is set aside."""
        return -(-self.accumulator_bits // LANE_BITS)

    def banks(self, size_bytes: int) -> int:
        """How many banks hold so many bytes."""
        return -(-size_bytes // self.bank_bytes)


def packing(bits: int) -> int:
    """How many values of so many bits share a lane; 1 where a value takes one lane or more."""
    return max(LANE_BITS // bits, 1)


def lanes_each(bits: int) -> int:
    """How many lanes a value of so many bits takes, or shares with others."""
    return -(-bits // LANE_BITS)


def tiles(count: int, size: int) -> list[tuple[int, int]]:
    """Part so many things into tiles: sizes, and how many tiles of each, the last one last."""
    full, rest = divmod(count, size)
    return [(size, full)] * (full > 0) + [(rest, 1)] * (rest > 0)

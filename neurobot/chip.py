"""What is assumed of the POPPINS silicon: sizes, widths, clock and cycles, each an option."""

from dataclasses import dataclass

from neurobot.ranges import check_fields

# Where not 1..65536. The widths keep every sum of a tick within the kernels' 32 bits.
CHIP_RANGES: dict[str, tuple[float, float]] = {
    "neurons": (1, 1024),
    "weight_bits": (2, 16),
    "weight_shift": (0, 14),
    "current_bits": (2, 28),
    "stimulus_bits": (2, 24),
    "wraps": (0, 1),
    "rounds_to_zero": (0, 1),
    "clock_hz": (1e-3, 1e12),
    "cycles_per_tick": (0, 1 << 16),
}


@dataclass(frozen=True, slots=True)
class Chip:
    """Sizes, widths and timing of the silicon; all assumed."""

    neurons: int = 64  # per population
    weight_bits: int = 8  # signed
    weight_shift: int = 0  # a weight is shifted left by so much before it is added
    current_bits: int = 16  # signed
    stimulus_bits: int = 9  # signed
    wraps: bool = False  # currents wrap around instead of saturating
    rounds_to_zero: bool = False  # the decay rounds what it takes towards 0 instead of down
    clock_hz: float = 10e6
    cycles_per_tick: int = 4  # scheduling
    cycles_per_read: int = 1  # one target of one spike: read the weight, add it
    cycles_per_update: int = 2  # one neuron: decay, then membrane
    lanes: int = 1  # weights read, or neurons updated, in parallel

    def __post_init__(self) -> None:
        check_fields("chip", self, CHIP_RANGES)
        if self.weight_bits + self.weight_shift > 16:
            raise ValueError(
                f"chip: weight_bits={self.weight_bits} and weight_shift={self.weight_shift} "
                "are out of range: 16 in sum at most"
            )

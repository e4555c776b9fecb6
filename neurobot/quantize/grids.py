"""What integer codes mean: the grids that values are rounded to.

With the step D of a quantizer and b bits, rounding yields a code k of low..high, and

- ordinary grids: value = D k, the integer is k, its scale D;
- odd (mid-rise) grids: M = 2^b - 1, value = D (k - M/2), the integer is 2k - M, its scale D/2;
  they are symmetric and hold no zero.
"""

from dataclasses import dataclass

BITS = range(1, 9)


def check_bits(where: str, bits: object) -> int:
    """Return a number of bits, or refuse it in the name of the layer that it was meant for."""
    if isinstance(bits, bool) or not isinstance(bits, int) or bits not in BITS:
        raise ValueError(
            f"{where}: {bits!r} bits; a whole number from {BITS[0]} to {BITS[-1]} is allowed"
        )
    return bits


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid of at most 2**bits levels; low and high bound the code that rounding yields."""

    bits: int
    low: int
    high: int
    odd: bool = False

    def __post_init__(self) -> None:
        check_bits("grid", self.bits)
        if not self.low < self.high < self.low + 2**self.bits:
            raise ValueError(
                f"grid: codes {self.low}..{self.high} are not 2 to {2**self.bits} levels, "
                f"which is what {self.bits} bits hold"
            )
        if self.odd and (self.low, self.high) != (0, self.intervals):
            raise ValueError(
                f"grid: an odd grid of {self.bits} bits has the codes 0..{self.intervals}, "
                f"not {self.low}..{self.high}"
            )

    @property
    def intervals(self) -> int:
        """M, the largest code of all bits set."""
        return (1 << self.bits) - 1

    @property
    def offset(self) -> float:
        """What a code is ahead of its value in steps: M/2 on an odd grid."""
        return self.intervals / 2 if self.odd else 0.0

    @property
    def bottom(self) -> float:
        """The lowest level, in steps."""
        return self.low - self.offset

    @property
    def top(self) -> float:
        """The highest level, in steps."""
        return self.high - self.offset

    @property
    def per_step(self) -> int:
        """How many integers make one step: the scale is step / per_step."""
        return 2 if self.odd else 1

    @property
    def signed(self) -> bool:
        """Whether values below zero have levels of their own."""
        return self.bottom < 0


def signed(bits: int) -> Grid:
    """Return the full two's complement grid, -2^(b-1) .. 2^(b-1) - 1."""
    half = 2 ** (check_bits("grid", bits) - 1)
    return Grid(bits, -half, half - 1)


def unsigned(bits: int) -> Grid:
    """Return the grid of non-negative values, 0 .. 2^b - 1."""
    return Grid(bits, 0, 2 ** check_bits("grid", bits) - 1)


def symmetric(bits: int) -> Grid:
    """Return the grid of as many levels above as below zero, at least two bits wide."""
    top = 2 ** (check_bits("grid", bits) - 1) - 1
    if not top:
        raise ValueError("grid: 1 bit, which holds no symmetric grid with a zero; 2 or more do")
    return Grid(bits, -top, top)


def mid_rise(bits: int) -> Grid:
    """Return the odd grid of UniQ, which holds no zero: D/2 times the odd numbers of -M..M."""
    return Grid(bits, 0, 2 ** check_bits("grid", bits) - 1, odd=True)

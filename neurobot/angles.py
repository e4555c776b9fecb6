"""Sine and cosine from IEEE 754 operations alone.

The library's would differ in the last bit between C libraries and instruction sets; these give the
same bits on every machine.
"""

import math

import numpy as np

from neurobot.compiled import kernel

HALF_PI = math.pi / 2
# pi/2 in two parts: the high one has 30 significant bits, so that products with a whole number of
# quarter turns up to 2**20 are exact.
HALF_PI_HIGH = float(np.float64(round(HALF_PI * 2**29)) / 2**29)
HALF_PI_LOW = 6.123233995736766e-17 + (HALF_PI - HALF_PI_HIGH)
SINE_TERMS = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(9))
COSINE_TERMS = tuple((-1) ** n / math.factorial(2 * n) for n in range(9))


@kernel
def sincos(angle_rad: float) -> tuple[float, float]:
    """Sine and cosine within 3e-16 for angles up to a million radians."""
    quarter = math.floor(angle_rad / HALF_PI + 0.5)
    rest = (angle_rad - quarter * HALF_PI_HIGH) - quarter * HALF_PI_LOW
    square = rest * rest
    sine, cosine = 0.0, 0.0
    for n in range(8, -1, -1):
        sine = sine * square + SINE_TERMS[n]
        cosine = cosine * square + COSINE_TERMS[n]
    sine *= rest
    turn = int(quarter) & 3
    # No branches: loops over angles vectorize.
    first, second = (cosine, sine) if turn & 1 else (sine, cosine)
    return -first if turn & 2 else first, -second if (turn + 1) & 2 else second


@kernel
def wrap(angle_rad: float) -> float:
    """Return the same direction in [-pi, pi)."""
    turned = angle_rad - 2 * math.pi * math.floor((angle_rad + math.pi) / (2 * math.pi))
    return turned if -math.pi <= turned < math.pi else -math.pi  # where rounding went beyond

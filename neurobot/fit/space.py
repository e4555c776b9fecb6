"""The search space: every number of a program, as a point in the unit cube.

A coordinate runs from the low to the high end of its number's range (`programs.RANGES`), and is
rounded as that says, so every point of the cube is a network that the chip holds.
"""

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.programs import RANGES, Program, numbers_of, program_of

Floats = NDArray[np.float64]
Numbers = list[float]  # of a program, in the order of RANGES

SIZE = len(RANGES)


def to_numbers(point: Floats) -> Numbers:
    """Turn a point (SIZE,) of the cube into a program's numbers; beyond the cube: on its face."""
    shares = np.clip(point, 0.0, 1.0).tolist()
    return [
        min(max(round(low + share * (high - low), decimals), low), high)
        for share, (low, high, decimals) in zip(shares, RANGES.values(), strict=True)
    ]


def to_program(numbers: Numbers) -> Program:
    """Name the numbers."""
    return program_of(dict(zip(RANGES, numbers, strict=True)))


def from_program(program: Program) -> Numbers:
    """Return the numbers of a program."""
    return list(numbers_of(program).values())

"""What a streaming network reads of the sensors, in 8 bits: one sample after the other.

A range scan streams beam by beam, from right to left; a picture column by column, from left to
right, all pixels of a column at once. To both, a scan is a picture of one row.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CODES_PER_M = 50  # 2 cm each
NEAREST = 255  # at the robot's centre; the codes reach 0 at 5.1 m


def beam_codes(scan_m: Array, range_m: float) -> NDArray[np.uint8]:
    """Return how near things are, from readings (..., B) in metres; 0: nothing in range.

    Each operation is rounded correctly, hence the same codes on every machine.
    """
    near = NEAREST - np.rint(CODES_PER_M * scan_m.astype(np.float64))
    return np.where(scan_m < range_m, np.maximum(near, 0), 0).astype(np.uint8)


def as_samples(pictures: Array) -> Array:
    """Return pictures (..., rows, columns) as maps of one row (..., 1, columns, rows)."""
    return np.ascontiguousarray(pictures.swapaxes(-1, -2)[..., None, :, :])

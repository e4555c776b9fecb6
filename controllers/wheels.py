"""From a wish (how fast ahead, how fast to turn) to wheel commands; directions without angles."""

import math

import numpy as np
from numpy.typing import NDArray

from neurobot.angles import sincos
from neurobot.compiled import kernel


@kernel
def wheel_commands(
    speed_mps: float, yaw_rate_radps: float, track_m: float, max_speed_mps: float
) -> tuple[float, float]:
    """Left and right wheel command, -1..1; the turn is kept where both do not fit."""
    half = 0.5 * yaw_rate_radps * track_m / max_speed_mps
    half = min(max(half, -1.0), 1.0)
    room = 1.0 - abs(half)
    forward = min(max(speed_mps / max_speed_mps, -room), room)
    return forward - half, forward + half


@kernel
def chord(x: float, y: float, cos: float, sin: float) -> float:
    """Distance, 0..2, on the unit circle between the directions of (x, y) and (cos, sin).

    It grows with the angle between them, and needs no arc tangent. No direction is near to all.
    """
    length = math.sqrt(x * x + y * y)
    if length == 0.0:
        return 0.0
    return math.sqrt(max(2.0 - 2.0 * (x * cos + y * sin) / length, 0.0))


def unit_vectors(angles_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (cos, sin) of each angle, (N, 2)."""
    return np.array([sincos(angle)[::-1] for angle in angles_rad]).reshape(-1, 2)

"""What a steering network chooses among: headings with speeds, and turns on the spot.

A choice is one of `CHOICES` rows: first every heading at the first speed, the leftmost first, then
every heading at the next speed, then a turn to the left and one to the right.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.controllers.wheels import wheel_commands

HEADINGS = 25  # the leftmost first, STEP_RAD apart
STEP_RAD = math.radians(5.0)
SPEEDS = (1.0, 0.6, 0.25)  # shares of full speed
SPIN_LEFT = len(SPEEDS) * HEADINGS
SPIN_RIGHT = SPIN_LEFT + 1
CHOICES = SPIN_LEFT + 2
TURN_GAIN = 3.0  # yaw rate by angle of the heading, 1/s
SPIN_RADPS = 2.0


def make_choices() -> NDArray[np.float64]:
    """Return angle (rad, to the left), share of full speed and yaw rate (rad/s), (CHOICES, 3)."""
    angles = STEP_RAD * (HEADINGS // 2 - np.arange(HEADINGS))
    rows = [(angle, speed, TURN_GAIN * angle) for speed in SPEEDS for angle in angles]
    side = float(angles[0])
    return np.array([*rows, (side, 0.0, SPIN_RADPS), (-side, 0.0, -SPIN_RADPS)])


def mirrored_choices() -> NDArray[np.int64]:
    """Return, for each choice, the one with left and right exchanged, (CHOICES,)."""
    drives = np.arange(SPIN_LEFT).reshape(len(SPEEDS), HEADINGS)[:, ::-1]
    return np.append(drives.ravel(), [SPIN_RIGHT, SPIN_LEFT])


def choose(scores: NDArray[Any], last: int) -> int:
    """Return the choice with the highest of the scores (CHOICES,), the first of equals.

    A score that is no number loses every comparison. last: the choice before. A robot that turns on
    the spot goes on to the same side until it drives again: with the other side in view, the other
    way round often looks the better one.
    """
    best = int(scores.argmax())
    if scores[best] != scores[best]:  # NumPy finds what is no number first
        best = int(np.where(np.isnan(scores), -np.inf, scores).argmax())
    return last if min(best, last) >= SPIN_LEFT else best


@kernel
def wheels_of(
    speed_share: float, yaw_rate_radps: float, track_m: float, max_speed: float, max_yaw: float
) -> tuple[float, float]:
    """Left and right wheel command, -1..1, of a choice, for a robot's track (m) and limits (SI)."""
    yaw_rate = min(max(yaw_rate_radps, -max_yaw), max_yaw)
    return wheel_commands(speed_share * max_speed, yaw_rate, track_m, max_speed)

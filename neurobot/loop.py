"""The closed loop: a controller acts on what the robot sees, and its latency acts on the robot.

An observation taken at the start of a control step is decided upon at once; the decision comes
into force `latency_s` later, at the next physics substep. Until then the previous command stays in
force, and no new decision begins. A decision that takes longer than one control step is late;
from then on the robot holds the previous command, coasts (wheels unpowered) or brakes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Body:
    """What a controller may know of the robot that it drives: its shape, its wheels, its sensor."""

    beam_cos: NDArray[np.float64]  # (B,) directions of the beams or camera columns
    beam_sin: NDArray[np.float64]  # (B,) positive to the left
    range_m: float
    half_length_m: float
    half_width_m: float
    track_m: float
    max_speed_mps: float
    max_yaw_rate_radps: float
    acceleration_mps2: float
    control_s: float


Observation = dict[str, NDArray[Any]]

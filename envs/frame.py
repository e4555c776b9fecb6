"""What a picture of the world shows, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurobot.envs.scene import Scene
from neurobot.envs.world import Floats, Robot


@dataclass(frozen=True)
class Frame:
    """Everything that a picture shows. Metres, radians, seconds."""

    scene: Scene
    robot: Robot
    pose: Floats  # (3,) x, y, heading
    discs: Floats  # (K, 5) where the discs are now, with their velocities
    beam_cos: Floats  # (B,) directions of the beams in the robot's frame
    beam_sin: Floats  # (B,)
    distance_m: Floats  # (B,)
    range_m: float
    goal: Floats | None  # (2,)
    trail: Sequence[tuple[float, float]]  # oldest first, one per control step
    outcome: str
    time_s: float
    dead: NDArray[np.bool_] | None = None  # (B,) beams that see nothing, by fault
    course_rad: float | None = None  # where the brain wants to go, from the robot's heading

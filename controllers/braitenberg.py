"""A Braitenberg vehicle (1984, type 2b and 3): each wheel listens to the sensors of one side.

What is near on one side slows the wheel of the other side, so the vehicle turns away; a goal's
light speeds up the wheel of the other side, so it turns towards it.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.loop import Body, Observation

NEAR_M = 2.0  # obstacles beyond this are not felt
CRUISE = 0.8  # wheel command with nothing around
FEAR = 1.6  # how much the nearest obstacles slow the wheel of the other side
LOVE = 0.3  # how much a goal at the side turns
SPIN = 0.25  # the wheels' difference when both sides are blocked


@kernel
def feel(
    range_m: NDArray[np.float32], cos: NDArray[np.float64], sin: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the strongest stimulus left and right, 0..1; what is ahead counts most."""
    left, right = 0.0, 0.0
    for b in range(range_m.shape[0]):
        stimulus = max(0.0, 1.0 - range_m[b] / NEAR_M) * max(0.0, 0.3 + 0.7 * cos[b])
        if sin[b] > 0.0:
            left = max(left, stimulus)
        else:
            right = max(right, stimulus)
    return left, right


class BraitenbergController:
    """Two wheels, two sides, no memory."""

    sensor: ClassVar[str] = "range"

    def attach(self, body: Body) -> None:
        """Learn where the beams point."""
        self.body = body

    def reset(self, seed: int) -> None:
        """Nothing to remember."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Steer away from what is near, and towards a goal."""
        left, right = feel(observation["range"], self.body.beam_cos, self.body.beam_sin)
        wheels = np.array([CRUISE - FEAR * right, CRUISE - FEAR * left])
        if "goal" in observation:
            ahead, side = observation["goal"].tolist()
            pull = (
                LOVE
                * (side if ahead > 0 else np.copysign(1.0, side))
                / max(1.0, np.hypot(ahead, side))
            )
            wheels += (-pull, pull)
        if wheels.max() < SPIN:
            wheels = np.array([SPIN, -SPIN]) if left >= right else np.array([-SPIN, SPIN])
        return np.asarray(np.clip(wheels, -1.0, 1.0), np.float32)

"""The field's "go straight" baseline: both wheels full ahead, whatever there is."""

import numpy as np
from numpy.typing import NDArray

from neurobot.loop import Observation


class StraightController:
    """Drive straight ahead at full speed; what that solves needs no brain."""

    def reset(self, seed: int) -> None:
        """Nothing to remember, nothing to draw."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Both wheels full ahead."""
        return np.ones(2, np.float32)

"""A human at the wheels, by four keys."""

import numpy as np
from numpy.typing import NDArray

from neurobot.loop import Observation

NAME = "hand"
CRUISE, TURN = 0.7, 0.3  # wheel commands of driving straight on, and their change in a turn


class Hand:
    """Drive as the keys say. It counts no events: what a human costs is another question."""

    def __init__(self) -> None:
        self.forward = 0  # -1, 0 or 1
        self.left = 0  # 1: turn left

    def reset(self, seed: int) -> None:
        """Nothing to remember."""

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Turn the keys that are held into wheel commands."""
        straight, turn = CRUISE * self.forward, TURN * self.left
        return np.array([straight - turn, straight + turn], np.float32)

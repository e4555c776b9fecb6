"""The floor of every comparison: wheel commands drawn anew every half second."""

import numpy as np
from numpy.typing import NDArray

from neurobot.loop import Body, Observation

HOLD_S = 0.5


class RandomController:
    """Draw both wheel commands uniformly from 0..1 and keep them for half a second."""

    def __init__(self) -> None:
        self.hold = 1

    def attach(self, body: Body) -> None:
        """Learn how many control steps half a second has."""
        self.hold = max(1, round(HOLD_S / body.control_s))

    def reset(self, seed: int) -> None:
        """Seed all draws of the episode."""
        self.rng = np.random.default_rng(seed)
        self.steps = 0
        self.action = np.zeros(2, np.float32)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Keep the last draw, or draw again."""
        if self.steps % self.hold == 0:
            self.action = self.rng.uniform(0.0, 1.0, 2).astype(np.float32)
        self.steps += 1
        return self.action

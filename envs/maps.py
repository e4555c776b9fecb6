"""Where worlds come from: a generator's name, or a file."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neurobot.envs.scenarios import SCENARIOS, generate
from neurobot.envs.scene import Scene
from neurobot.envs.settings import one_of
from neurobot.envs.world import Robot


@dataclass(frozen=True)
class Generated:
    """Worlds without end, drawn by a generator."""

    name: str
    robot: str | None = None
    count: int | None = None

    def draw(
        self, rng: np.random.Generator, difficulty: float, robot: Robot, world: int | None
    ) -> Scene:
        """Draw the next world."""
        return generate(self.name, rng, difficulty, robot)


def open_worlds(scenario: str) -> Generated:
    """Find the worlds that a scenario's name or file stands for."""
    one_of("scenario", scenario, SCENARIOS)
    return Generated(scenario)

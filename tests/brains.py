"""Controllers of a user's own, for tests of `package.module:Class`."""

import os
import signal
from typing import Any

import numpy as np


class Straight:
    """The least that a controller needs."""

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> list[float]:
        return [0.4, 0.4]


class Broken:
    """Divides by zero in its third decision."""

    def reset(self, seed: int) -> None:
        self.left = 3

    def act(self, observation: Any) -> list[float]:
        self.left -= 1
        return [0.1 / self.left, 0.1]


class NotANumber(Straight):
    def act(self, observation: Any) -> list[float]:
        return [0.4, float("nan")]


class WrongShape(Straight):
    def act(self, observation: Any) -> Any:
        return np.zeros(3)


class Impatient(Straight):
    """Presses Ctrl-C at the start of the third episode, unless told that it may go on."""

    def reset(self, seed: int) -> None:
        if seed % 10 == 2 and "NEUROBOT_TEST_GO_ON" not in os.environ:
            os.kill(os.getpid(), signal.SIGINT)


class Mindless:
    """Lacks act()."""

    def reset(self, seed: int) -> None: ...

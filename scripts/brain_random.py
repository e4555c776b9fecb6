"""The least brain: `reset` begins an episode, `act` decides.

`python scripts/brain_random.py` drives it through the suite, beside the baselines; in its folder,
`neurobot evaluate brain_random:Brain` does anything else that the command can do.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.cli import main


class Brain:
    """Leaves both wheels to chance."""

    def reset(self, seed: int) -> None:
        """Begin an episode; all chance follows from the seed, so that it can be repeated."""
        self.rng = np.random.default_rng(seed)

    def act(self, observation: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the commands of the left and of the right wheel, -1..1.

        observation: "range" (72,), metres along beams from right to left; "velocity" (2,), m/s and
        rad/s; "goal" (2,), metres ahead and to the left, where there is a goal.
        """
        return self.rng.uniform(-0.5, 1.0, 2)


if __name__ == "__main__":
    raise SystemExit(main(["evaluate", "brain_random:Brain", "--suite", "v1", "--quick"]))

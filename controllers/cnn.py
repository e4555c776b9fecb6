"""A frame-based mind: a trained network that scores choices of steering, on a digital processor.

The networks were trained by `scripts/train_brains.py` to imitate a planner that sees everything.
Pictures go in as they are, 8 bits a pixel; what comes out is a score for each choice of
`controllers.steering`. A wish to keep the last heading, and one for the goal where there is one,
are added to the scores; the highest wins.
"""

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from neurobot.mac import MacArray, Processor
from numpy.typing import NDArray

from neurobot.controllers import NETWORKS
from neurobot.controllers.steering import CHOICES, choose, make_choices, wheels_of
from neurobot.controllers.wheels import unit_vectors
from neurobot.events import MacEvents
from neurobot.loop import Body, Observation
from neurobot.qnet import load

Array = NDArray[Any]

WEIGHTS = Path(__file__).parent / "weights"
TO_GOAL = 6.0  # added to the logit of a choice towards the goal, taken from one away from it


def find_network(network: str) -> Path:
    """Return the file of a network of ours, or of a file's own name."""
    path = WEIGHTS / f"{network}.npz"
    if path.exists() or not network.endswith(".npz"):
        if network in NETWORKS:
            return path
        raise ValueError(
            f"network: unknown {network!r}; known: {', '.join(NETWORKS)}, or a file *.npz"
        )
    return Path(network)


class CnnController:
    """Look, score, steer.

    network: one of `NETWORKS`, or a file that `neurobot.qnet.save` wrote, (36, 96, 1) to 77 scores;
    array: keywords of `neurobot.mac.MacArray`, the processor that runs it.
    """

    sensor: ClassVar[str] = "camera"

    def __init__(self, network: str = "lsq-4b", **array: Any) -> None:
        path = find_network(network)
        self.processor = Processor(load(path), MacArray(**array))
        net = self.processor.network
        if net.output.shape[2] != CHOICES:
            raise ValueError(f"{path}: {net.output.shape[2]} scores found, {CHOICES} needed")
        self.choices = make_choices()
        self.directions = unit_vectors(self.choices[:, 0])
        self.unit = 1.0 if net.real else 1.0 / net.output_scale

    @property
    def clock_hz(self) -> float:
        """Clock of the processor."""
        return self.processor.array.clock_hz

    @property
    def events(self) -> MacEvents:
        """What the last decision took."""
        return self.processor.events

    def attach(self, body: Body) -> None:
        """Know the robot's wheels."""
        self.body = body

    def reset(self, seed: int) -> None:
        """Forget the last choice."""
        self.last = 0

    def wish(self, observation: Observation) -> Array:
        """Return what the way to the goal adds to each choice, in units of scores, (CHOICES,)."""
        ahead, left = (float(part) for part in observation.get("goal", (0.0, 0.0)))
        length = math.sqrt(ahead * ahead + left * left) or 1.0
        towards = ahead * self.directions[:, 0] + left * self.directions[:, 1]
        return np.asarray(self.unit * TO_GOAL / length * towards)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Take the choice with the highest score."""
        body = self.body
        scores = self.processor.run(observation["camera"])
        self.last = choose(scores + self.wish(observation), self.last)
        _, speed, yaw_rate = self.choices[self.last]
        limits = body.track_m, body.max_speed_mps, body.max_yaw_rate_radps
        return np.array(wheels_of(speed, yaw_rate, *limits), np.float32)

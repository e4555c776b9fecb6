"""What minds share whose network scores choices of steering: a wish, the choice, wheels, pictures.

Where there is a goal, a wish to head for it is added to the scores; the highest vote wins, the
first of equals.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.samples import beam_codes
from neurobot.controllers.steering import choose, make_choices, wheels_of
from neurobot.controllers.wheels import unit_vectors
from neurobot.loop import Body, Observation
from neurobot.qnet import INPUT

Array = NDArray[Any]

TO_GOAL = 6.0  # added to the logit of a choice towards the goal, taken from one away from it


def lay_out(maps: Array, columns: int) -> Array:
    """Lay the channels of a map (H, W, C) out, in rows of as many as fit into so many columns.

    What has one place only becomes (C,).
    """
    height, width, channels = maps.shape
    if height == width == 1:
        return maps.reshape(channels).copy()
    beside = min(max(columns // width, 1), channels)
    below = -(-channels // beside)
    sheet = np.zeros((below * beside, height, width), maps.dtype)
    sheet[:channels] = maps.transpose(2, 0, 1)
    rows = sheet.reshape(below, beside, height, width).swapaxes(1, 2)
    return rows.reshape(below * height, beside * width)


class Scorer(ABC):
    """Look, score, steer; output_scale: of a score of the network, to a logit."""

    def __init__(self, output_scale: float) -> None:
        self.choices = make_choices()
        self.directions = unit_vectors(self.choices[:, 0])
        self.unit = 1.0 / output_scale  # a logit of 1, in units of scores
        self.reset(0)

    @abstractmethod
    def score(self, observation: Observation) -> Array:
        """Run the network on what is seen; return the scores (CHOICES,)."""

    @abstractmethod
    def inside(self) -> tuple[Array, Mapping[str, Array]]:
        """Return the last input as a picture (rows, columns), and the maps (H, W, C) to show."""

    @property
    def layers(self) -> dict[str, Array]:
        """What the last decision looked like: the input, what sums became, and the votes.

        The channels of a map lie beside and below each other, (rows, columns); a map of one place
        is (n,). Votes are logits, by choice. Empty before the first decision of an episode.
        """
        if not len(self.votes):
            return {}
        picture, maps = self.inside()
        sheets = {name: lay_out(each, picture.shape[1]) for name, each in maps.items()}
        return {INPUT: picture, **sheets, "votes": self.votes / self.unit}

    def attach(self, body: Body) -> None:
        """Know the robot's wheels."""
        self.body = body

    def reset(self, seed: int) -> None:
        """Forget the last choice."""
        self.last = 0
        self.votes: Array = np.zeros(0)

    def wish(self, observation: Observation) -> Array:
        """Return what the way to the goal adds to each choice, in units of scores, (CHOICES,)."""
        ahead, left = (float(part) for part in observation.get("goal", (0.0, 0.0)))
        length = math.sqrt(ahead * ahead + left * left) or 1.0
        towards = ahead * self.directions[:, 0] + left * self.directions[:, 1]
        return np.asarray(self.unit * TO_GOAL / length * towards)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Take the choice with the most votes."""
        body = self.body
        self.votes = self.score(observation) + self.wish(observation)
        self.last = choose(self.votes, self.last)
        _, speed, yaw_rate = self.choices[self.last]
        limits = body.track_m, body.max_speed_mps, body.max_yaw_rate_radps
        return np.array(wheels_of(speed, yaw_rate, *limits), np.float32)


def picture_of(observation: Observation, rows: int, columns: int) -> Array:
    """Return the camera's picture (rows, columns, 1); refuse one of another size."""
    picture = observation["camera"]
    if picture.shape != (rows, columns, 1):
        raise ValueError(
            f"camera_rows={picture.shape[0]}, camera_columns={picture.shape[1]} found, "
            f"{rows} and {columns} needed"
        )
    return picture


def codes_of(observation: Observation, beams: int, range_m: float) -> Array:
    """Return how near things are along the beams of a scan, (beams,) uint8; refuse another size."""
    scan = observation["range"]
    if len(scan) != beams:
        raise ValueError(f"beams={len(scan)} found, {beams} needed")
    return beam_codes(scan, range_m)

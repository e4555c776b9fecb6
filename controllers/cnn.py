"""A frame-based mind: a trained network that scores choices of steering, on a digital processor.

The networks were trained by `scripts/train_brains.py` to imitate a planner that sees everything.
Pictures go in as they are, 8 bits a pixel; what comes out is a score for each choice of
`controllers.steering`. Where there is a goal, a wish to head for it is added; the highest vote
wins, the first of equals.
"""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import NETWORKS
from neurobot.controllers.steering import CHOICES, choose, make_choices, wheels_of
from neurobot.controllers.wheels import unit_vectors
from neurobot.events import MacEvents
from neurobot.loop import Body, Observation
from neurobot.mac import MacArray, Processor
from neurobot.qnet import INPUT, Conv, Network, load

Array = NDArray[Any]

WEIGHTS = Path(__file__).parent / "weights"
TO_GOAL = 6.0  # added to the logit of a choice towards the goal, taken from one away from it


def find_network(network: str) -> Path:
    """Return the file of a network of ours, or the one that is named."""
    if network in NETWORKS:
        return WEIGHTS / f"{network}.npz"
    if isinstance(network, str) and network.endswith(".npz"):
        return Path(network)
    raise ValueError(f"network: unknown {network!r}; known: {', '.join(NETWORKS)}, or a file *.npz")


def load_network(path: Path) -> Network:
    """Read a network; refuse one that does not score our choices by a grey picture of bytes."""
    network = load(path)
    kind = "signed" if network.input_signed else "unsigned"
    if (network.input_shape[2], network.input_bits, network.input_signed) != (1, 8, False):
        raise ValueError(
            f"{path}: an input of shape {network.input_shape}, {network.input_bits} bits, {kind} "
            "found; needed: (rows, columns, 1), 8 bits, unsigned"
        )
    if network.output.shape[2] != CHOICES:
        raise ValueError(f"{path}: {network.output.shape[2]} scores found, {CHOICES} needed")
    return network


def make_array(sizes: dict[str, Any]) -> MacArray:
    """Build the processor's array, of the default sizes but for those that are named."""
    known = [field.name for field in fields(MacArray)]
    for name in sorted(sizes.keys() - set(known))[:1]:
        raise ValueError(f"cnn: unknown option {name!r}; known: network, {', '.join(known)}")
    return MacArray(**sizes)


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


class CnnController:
    """Look, score, steer.

    network: one of `NETWORKS`, or a file that `neurobot.qnet.save` wrote, of a network from the
    camera's picture (rows, columns, 1) to `CHOICES` scores; array: keywords of
    `neurobot.mac.MacArray`, the processor that runs it. Raises ValueError for what does not fit.
    """

    sensor: ClassVar[str] = "camera"

    def __init__(self, network: str = "lsq-4b", **array: Any) -> None:
        sizes = make_array(array)
        self.processor = Processor(load_network(find_network(network)), sizes)
        self.choices = make_choices()
        self.directions = unit_vectors(self.choices[:, 0])
        self.unit = 1.0 / self.processor.network.output_scale  # a logit of 1, in units of scores
        self.reset(0)

    @property
    def clock_hz(self) -> float:
        """Clock of the processor."""
        return self.processor.array.clock_hz

    @property
    def events(self) -> MacEvents:
        """What the last decision took."""
        return self.processor.events

    @property
    def layers(self) -> dict[str, Array]:
        """What the last decision looked like: the picture, what sums became, and the votes.

        The channels of a map lie beside and below each other, (rows, columns); a map of one place
        is (n,). Votes are logits, by choice. Empty before the first decision of an episode.
        """
        if not len(self.votes):
            return {}
        net, maps = self.processor.network, self.processor.maps
        shown = [layer for layer in net.layers[:-1] if not isinstance(layer, Conv)]
        sheets = {layer.name: lay_out(maps[layer.name], net.input_shape[1]) for layer in shown}
        picture = maps[INPUT][:, :, 0].astype(np.uint8)
        return {INPUT: picture, **sheets, "votes": self.votes / self.unit}

    def attach(self, body: Body) -> None:
        """Know the robot's wheels."""
        self.body = body

    def reset(self, seed: int) -> None:
        """Forget the last choice."""
        self.last = 0
        self.votes: Array = np.zeros(0)

    def look(self, observation: Observation) -> Array:
        """Return the picture, of the size that the network was made for."""
        picture, needed = observation["camera"], self.processor.network.input_shape
        if picture.shape != needed:
            raise ValueError(
                f"camera_rows={picture.shape[0]}, camera_columns={picture.shape[1]} found, "
                f"{needed[0]} and {needed[1]} needed"
            )
        return picture

    def wish(self, observation: Observation) -> Array:
        """Return what the way to the goal adds to each choice, in units of scores, (CHOICES,)."""
        ahead, left = (float(part) for part in observation.get("goal", (0.0, 0.0)))
        length = math.sqrt(ahead * ahead + left * left) or 1.0
        towards = ahead * self.directions[:, 0] + left * self.directions[:, 1]
        return np.asarray(self.unit * TO_GOAL / length * towards)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Take the choice with the most votes."""
        body = self.body
        self.votes = self.processor.run(self.look(observation)) + self.wish(observation)
        self.last = choose(self.votes, self.last)
        _, speed, yaw_rate = self.choices[self.last]
        limits = body.track_m, body.max_speed_mps, body.max_yaw_rate_radps
        return np.array(wheels_of(speed, yaw_rate, *limits), np.float32)

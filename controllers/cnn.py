"""A frame-based mind: a trained network that scores choices of steering, on a digital processor.

The networks were trained by `scripts/train_brains.py` to imitate a planner that sees everything.
Pictures go in as they are, 8 bits a pixel; what comes out is a score for each choice of
`controllers.steering`; `controllers.scorer` tells how one is taken.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import NETWORKS
from neurobot.controllers.scorer import WEIGHTS, Scorer, picture_of
from neurobot.controllers.steering import CHOICES
from neurobot.events import MacEvents
from neurobot.loop import Observation
from neurobot.mac import MacArray, Processor
from neurobot.qnet import INPUT, Conv, Network, load

Array = NDArray[Any]


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


class CnnController(Scorer):
    """Look, score, steer.

    network: one of `NETWORKS`, or a file that `neurobot.qnet.save` wrote, of a network from the
    camera's picture (rows, columns, 1) to `CHOICES` scores; array: keywords of
    `neurobot.mac.MacArray`, the processor that runs it. Raises ValueError for what does not fit.
    """

    sensor: ClassVar[str] = "camera"

    def __init__(self, network: str = "lsq-4b", **array: Any) -> None:
        sizes = make_array(array)
        self.processor = Processor(load_network(find_network(network)), sizes)
        super().__init__(self.processor.network.output_scale)

    @property
    def clock_hz(self) -> float:
        """Clock of the processor."""
        return self.processor.array.clock_hz

    @property
    def events(self) -> MacEvents:
        """What the last decision took."""
        return self.processor.events

    def score(self, observation: Observation) -> Array:
        """Run the network on the picture, of the size that it was made for."""
        rows, columns, _ = self.processor.network.input_shape
        return self.processor.run(picture_of(observation, rows, columns))

    def inside(self) -> tuple[Array, dict[str, Array]]:
        """Return the last picture, and the maps but for sums and scores."""
        layers, maps = self.processor.network.layers, self.processor.maps
        shown = [layer.name for layer in layers[:-1] if not isinstance(layer, Conv)]
        return maps[INPUT][:, :, 0].astype(np.uint8), {name: maps[name] for name in shown}

"""What minds share whose chip runs a trained network on a whole picture: files, sizes, a look.

The networks were trained by `scripts/train_brains.py` to imitate a planner that sees everything.
Pictures go in as they are, 8 bits a pixel; what comes out is a score for each choice of
`controllers.steering`; `controllers.scorer` tells how one is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.controllers import WEIGHTS
from neurobot.controllers.scorer import Scorer, picture_of
from neurobot.controllers.steering import CHOICES
from neurobot.events import Counts
from neurobot.loop import Observation
from neurobot.qnet import INPUT, Conv, Network, load

Array = NDArray[Any]
Sizes = TypeVar("Sizes")


def find_network(network: str, known: Sequence[str]) -> Path:
    """Return the file of a network of ours, one of those known, or the one that is named."""
    if network in known:
        return WEIGHTS / f"{network}.npz"
    if isinstance(network, str) and network.endswith(".npz"):
        return Path(network)
    raise ValueError(f"network: unknown {network!r}; known: {', '.join(known)}, or a file *.npz")


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


def make_sizes(
    mind: str, kind: type[Sizes], sizes: dict[str, Any], others: Sequence[str] = ("network",)
) -> Sizes:
    """Build the sizes of a mind's chip, the default ones but for those that are named.

    others: what else the mind can be told, for the sentence that refuses an unknown name.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in sorted(sizes.keys() - set(known))[:1]:
        raise ValueError(f"{mind}: unknown option {name!r}; known: {', '.join([*others, *known])}")
    return kind(**sizes)


class NetworkChip(Protocol):
    """A chip that holds a network."""

    @property
    def maps(self) -> Mapping[str, Array]:
        """By layer and "input", the map of the last run, which the next run overwrites."""
        ...

    @property
    def events(self) -> Counts:
        """What the last run took."""
        ...

    def run(self, image: ArrayLike) -> Array:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        ...


class PictureScorer(Scorer):
    """Look at a picture, score, steer; network: what the chip holds."""

    sensor: ClassVar[str] = "camera"

    def __init__(self, chip: NetworkChip, network: Network) -> None:
        self._chip, self._network = chip, network
        super().__init__(network.output_scale)

    def score(self, observation: Observation) -> Array:
        """Run the network on the picture, of the size that it was made for."""
        rows, columns, _ = self._network.input_shape
        return self._chip.run(picture_of(observation, rows, columns))

    def inside(self) -> tuple[Array, dict[str, Array]]:
        """Return the last picture, and the maps but for sums and scores."""
        layers, maps = self._network.layers, self._chip.maps
        shown = [layer.name for layer in layers[:-1] if not isinstance(layer, Conv)]
        return maps[INPUT][:, :, 0].astype(np.uint8), {name: maps[name] for name in shown}

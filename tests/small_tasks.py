"""A task of eight by eight pixels, and networks of the compiler's form that learn it."""

from typing import Any

import numpy as np

from neurobot.compile.factorize import low_rank
from neurobot.compile.fan_in import fan_in
from neurobot.compile.prune import prune
from neurobot.quantize.datasets import ArraySplit
from neurobot.quantize.settings import Settings
from neurobot.tdnn import Clocking, Maxima, Net, Neurons

CLASSES, COUNT = 3, 240
QUICK = Settings(epochs=3, batch=20, lr=0.03, seed=5)


def stripes(count: int = COUNT, seed: int = 0) -> ArraySplit:
    """Images of 8 x 8 noise, one third of whose columns is brighter; which third is the label."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 160, (count, 8, 8, 1), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, count)
    for image, label in zip(images, labels, strict=True):
        image[:, 3 * label : 3 * label + 2] += 60
    return ArraySplit(images, labels)


def untrained(seed: int = 1) -> Net:
    """A convolution, maxima, and two dense layers; codes of the input are 0..255."""
    rng = np.random.default_rng(seed)

    def layer(name: str, *shape: int, gain: float = 1.0, **more: Any) -> Neurons:
        weights = rng.normal(size=shape) * gain * np.sqrt(2 / np.prod(shape[1:]))
        return Neurons(name, weights, np.ones(shape[0]), np.zeros(shape[0]), **more)

    stages = (
        layer("conv", 4, 3, 3, 1, gain=1 / 255, padding=(1, 1), low=0.0, high=np.inf),
        Maxima("pool", (2, 2), (2, 2)),
        layer("hidden", 12, 4, 4, 4, low=0.0, high=6.0),
        layer("scores", CLASSES, 1, 1, 12, low=-np.inf, high=np.inf),
    )
    return Net(input_shape=(8, 8, 1), stages=stages, clocking=Clocking(9, 10), notes={"from": "x"})


def sparse(net: Net) -> Net:
    return fan_in(prune(prune(low_rank(net, "hidden", 6), "hidden.a", 0.4), "conv", 0.6), 8)

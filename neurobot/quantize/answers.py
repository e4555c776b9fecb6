"""What trained and exported networks say to the images of a split."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from neurobot.qnet import Network, forward
from neurobot.quantize.datasets import Split, in_order
from neurobot.quantize.outputs import outputs_of

Classes = NDArray[np.int64]

AT_ONCE = 500  # images


def answers(model: nn.Module, split: Split) -> Classes:
    """Return the class of the highest output for each image of a split."""
    outputs = outputs_of(model, (images for images, _ in in_order(split, AT_ONCE)))
    found: Classes = outputs.argmax(1).numpy()
    return found


def network_answers(network: Network, split: Split) -> Classes:
    """Return the class of the highest score of an exported network for each image of a split."""
    count = len(split.labels)
    parts = np.array_split(np.arange(count), -(-count // AT_ONCE))
    return np.concatenate([forward(network, split.take(part)).argmax(1) for part in parts])


def equal_share(found: Classes, wanted: Classes) -> float:
    """Return the share of places where both are equal."""
    return float((found == wanted).mean())


def accuracy(model: nn.Module, split: Split) -> float:
    """Return the share of a split's images whose highest output is at their label."""
    return equal_share(answers(model, split), split.labels)

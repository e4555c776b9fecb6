"""What trained and exported networks say to the images of a split."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurobot.qnet import Network, forward
from neurobot.quantize.datasets import Split, in_order
from neurobot.quantize.examples import as_floats
from neurobot.quantize.watching import evaluating

Classes = NDArray[np.int64]

AT_ONCE = 500  # images


@torch.inference_mode()
def outputs_of(model: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """Return a model's outputs in evaluation mode for batches of inputs, on the CPU."""
    place = next(model.parameters()).device
    with evaluating(model):
        return torch.cat([model(inputs.to(place)).cpu() for inputs in batches])


def predict(model: nn.Module, inputs: Tensor, batch: int = AT_ONCE) -> Tensor:
    """Return a model's outputs for inputs (N, ...), bytes (read as code / 255) or floats."""
    return outputs_of(model, (as_floats(part) for part in torch.split(inputs, batch)))


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

"""What a model returns, batch by batch."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from neurobot.quantize.examples import as_floats
from neurobot.quantize.watching import evaluating


@torch.inference_mode()
def outputs_of(model: nn.Module, batches: Iterable[Tensor]) -> Tensor:
    """Return a model's outputs in evaluation mode for batches of inputs, on the CPU."""
    place = next(model.parameters()).device
    with evaluating(model):
        return torch.cat([model(inputs.to(place)).cpu() for inputs in batches])


def predict(model: nn.Module, inputs: Tensor, batch: int = 500) -> Tensor:
    """Return a model's outputs for inputs (N, ...), bytes (read as code / 255) or floats."""
    return outputs_of(model, (as_floats(part) for part in torch.split(inputs, batch)))

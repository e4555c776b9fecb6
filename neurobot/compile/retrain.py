"""Training of what the passes have left: the connections that are there, and no others."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from neurobot.compile.factorize import check_real
from neurobot.compile.fan_in import trimmed
from neurobot.compile.fold import fold
from neurobot.quantize.answers import AT_ONCE, equal_share
from neurobot.quantize.course import CLASSES, Goal
from neurobot.quantize.datasets import Split, chunks
from neurobot.quantize.examples import Examples
from neurobot.quantize.settings import Settings
from neurobot.quantize.training import Watch, train_on
from neurobot.tdnn import Maxima, Net, Neurons
from neurobot.tdnn.direct import evaluate

Array = NDArray[Any]


class Sums(nn.Module):
    """A layer of neurons on maps (N, in, rows, columns); a weight that is 0 stays 0.

    whole: the window is the whole map, so that it is a product of matrices. gain: of the weights,
    over those of the layer: how much smaller its inputs are here.
    """

    mask: Tensor

    def __init__(self, layer: Neurons, whole: bool, gain: float) -> None:
        super().__init__()
        self.whole, self.gain, self.layer = whole, gain, layer
        weights = torch.from_numpy(layer.weights * gain)
        weights = weights.flatten(1) if whole else weights.permute(0, 3, 1, 2).contiguous()
        self.weight = nn.Parameter(weights.float())
        self.bias = nn.Parameter(torch.tensor(layer.bias, dtype=torch.float32))
        self.register_buffer("mask", (weights != 0).float())

    def forward(self, x: Tensor) -> Tensor:
        """Return the map (N, out, rows, columns)."""
        weights, layer = self.weight * self.mask, self.layer
        if self.whole:
            flat = x.permute(0, 2, 3, 1).flatten(1)
            x = functional.linear(flat, weights, self.bias)[:, :, None, None]
        else:
            x = functional.conv2d(x, weights, self.bias, layer.stride, layer.padding)
        ends = [None if end is None else float(end) for end in (layer.low, layer.high)]
        return x if ends == [None, None] else x.clamp(*ends)

    def neurons(self) -> Neurons:
        """Return the layer with what was learned."""
        weights = self.weight.detach().double()
        if not self.whole:
            weights = weights.permute(0, 2, 3, 1)
        learned = weights.reshape(self.layer.weights.shape).numpy() / self.gain
        bias = self.bias.detach().double().numpy()
        return replace(
            self.layer, weights=learned, bias=bias, tree=trimmed(self.layer.tree, learned)
        )


class Peaks(nn.Module):
    """The window maxima of maps (N, channels, rows, columns)."""

    def __init__(self, stage: Maxima) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of maxima; what surrounds a map never wins."""
        (rows, columns), stage = self.stage.padding, self.stage
        if rows or columns:
            x = functional.pad(x, (columns, columns, rows, rows), value=-torch.inf)
        return functional.max_pool2d(x, stage.size, stage.stride)


class Stages(nn.Module):
    """A network in PyTorch: inputs (N, channels, rows, columns) of 0..1, logits (N, n)."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.output_scale = net.output_scale
        gain = float(net.signals[0].highest)  # images are codes there, and 0..1 here
        made: list[nn.Module] = []
        for stage, given in zip(net.stages, net.signals[:-1], strict=True):
            if isinstance(stage, Maxima):
                made.append(Peaks(stage))
                continue
            whole = stage.kernel == given.shape[:2] and stage.padding == (0, 0)
            made.append(Sums(stage, whole, gain))
            gain = 1.0
        self.stages = nn.Sequential(*made)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        scores: Tensor = self.stages(x).flatten(1)
        return scores * self.output_scale

    def net(self, like: Net) -> Net:
        """Return the network with what was learned; what else it is, is as before."""
        learned = {own.layer.name: own.neurons() for own in self.stages if isinstance(own, Sums)}
        return like.replaced(lambda stage: learned.get(stage.name, stage))


def as_module(net: Net) -> Stages:
    """Return a network of real numbers as a module that PyTorch can train."""
    for layer in net.layers:
        check_real(layer, "retrain")
    return Stages(fold(net))


def retrain(
    net: Net,
    examples: Examples,
    settings: Settings,
    *,
    goal: Goal = CLASSES,
    kept: Path | None = None,
    watch: Watch | None = None,
) -> Net:
    """Train the weights that are not 0, and the biases, of a network of real numbers.

    examples: inputs (N, channels, rows, columns) of 0..1. kept: the file of the checkpoint, from
    which an interrupted training goes on; see `train_on`. Same seed, same bits.
    """
    model = as_module(net)
    identity = {"stages": ", ".join(stage.name for stage in net.stages)}
    train_on(model, examples, settings, goal, kept=kept, identity=identity, watch=watch)
    return model.cpu().net(net)


def accuracy(net: Net, split: Split) -> float:
    """Return the share of a split's images whose highest score is at their label."""
    numbers = np.arange(len(split.labels))
    found = [evaluate(net, split.take(part)).argmax(1) for part in chunks(numbers, AT_ONCE)]
    return equal_share(np.concatenate(found), split.labels)

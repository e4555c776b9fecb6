"""Batch norm inside of the layers with weights, so that what is quantized is what will be stored.

By output channel, with gamma, beta, mean and variance of the batch norm behind a layer with weights
W and bias b:

    f = gamma / sqrt(variance + eps);   W' = f W;   B' = beta + f (b - mean)

W' is quantized, by one step for the whole layer, and nothing of the batch norm is left to be
computed but a bias. In the first two thirds of a training, sums are brought to the statistics of
their batch, and these move the running ones, by which f goes:

    y = norm(s / f + b),   s = conv(x, Q(W'))

that is s sigma_running / sigma_batch + beta - gamma mean_batch / sigma_batch. Then the running
statistics stay as they are: what is trained from there on, y = s + B', is what will be deployed.

MARS (arXiv 2010.12861) fuses batch norm into quantized weights; its formulas were not found, so the
rule is a reconstruction. The correction by sigma_running / sigma_batch is Krishnamoorthi's (arXiv
1806.08342); his batch statistics come of a second convolution in full precision, ours of s itself.
So f settles where s is as wide as gamma says: weights must be able to become small, and a grid
without a zero is refused.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from neurobot.quantize.base import Quantizer, Rounding
from neurobot.quantize.layers import QuantConv2d, QuantLinear, through

FROZEN = 2 / 3  # share of a training after which the statistics stay
LEAST_FACTOR = 1e-12  # of a channel whose gamma is 0
Norm = nn.BatchNorm1d | nn.BatchNorm2d


class Fused(nn.Module):
    """What fused layers share: weights, a mask over them, the batch norm, and quantizers.

    mask: of the weights' shape, 0 where a weight is pruned for good, else 1. Without quantizers it
    is layer and batch norm in full precision, whose statistics follow the batches to the end.
    """

    weight: Tensor
    bias: Tensor | None
    mask: Tensor
    norm: Norm
    channels: int  # of the map that it reads, those of a group
    groups: int
    input_quantizer: Rounding | None
    weight_quantizer: Quantizer | None
    group_lasso: Any  # of the fused weights, what is added to the loss; None: nothing

    def take_norm(self, norm: Norm, channels: int | None = None) -> None:
        """Take a batch norm over; channels: of the map that a linear layer reads flattened."""
        self.norm = norm
        self.channels = channels or self.weight.shape[1]
        self.register_buffer("mask", torch.ones_like(self.weight))
        self.group_lasso = None

    def sums(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return sums of weights times inputs."""
        raise NotImplementedError

    def by_position(self, weight: Tensor) -> Tensor:
        """View weights as (groups, out of a group, input channels, positions of the window).

        A linear layer's window is the whole map that it reads flattened.
        """
        return weight.reshape(self.groups, len(weight) // self.groups, self.channels, -1)

    @property
    def kept(self) -> Tensor:
        """The weights that are not pruned."""
        return self.weight * self.mask

    @property
    def factor(self) -> Tensor:
        """The factor f by the running statistics, (out, 1, ...), as it multiplies the weights."""
        f = self.norm.weight / self.deviation
        f = torch.where(f.abs() < LEAST_FACTOR, torch.full_like(f, LEAST_FACTOR), f)
        return f.reshape(-1, *[1] * (self.weight.dim() - 1))

    @property
    def deviation(self) -> Tensor:
        """The running sigma, (out,)."""
        variance: Any = self.norm.running_var
        return torch.sqrt(variance + self.norm.eps)

    @property
    def fused_weight(self) -> Tensor:
        """W' by the running statistics."""
        return self.factor * self.kept

    @property
    def fused_bias(self) -> Tensor:
        """B' by the running statistics, (out,)."""
        mean: Any = self.norm.running_mean
        own = -mean if self.bias is None else self.bias - mean
        return self.norm.bias + self.factor.flatten() * own

    @property
    def learns_statistics(self) -> bool:
        """Whether batches still move the running statistics."""
        own = self.weight_quantizer
        return self.training and own is not None and own.progress < FROZEN

    def forward(self, x: Tensor) -> Tensor:
        """Return what layer and batch norm make of an input, by quantized fused weights."""
        x, own = through(self.input_quantizer, x), self.weight_quantizer
        if own is None and self.training:
            return self.normed(self.sums(x, self.kept))
        weight = through(own, self.fused_weight)
        if self.learns_statistics:
            return self.normed(self.sums(x, weight) * self.across(1 / self.factor))
        return self.sums(x, weight, self.fused_bias)

    def across(self, by_channel: Tensor) -> Tensor:
        """Shape numbers (out, ...) so that they broadcast over a map or over vectors."""
        return by_channel.reshape(-1, *[1] * (self.weight.dim() - 2))

    def normed(self, sums: Tensor) -> Tensor:
        """Bring sums to the statistics of their batch, and move the running ones."""
        y: Tensor = self.norm(sums if self.bias is None else sums + self.across(self.bias))
        return y

    def quantized(self, inputs: Rounding | None, weights: Quantizer | None) -> "Fused":
        """Take quantizers, of the inputs and of the fused weights; None is full precision."""
        self.input_quantizer, self.weight_quantizer = inputs, weights
        return self


class FusedConv2d(Fused, QuantConv2d):
    """A convolution that has taken over the batch norm behind it."""

    def sums(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Convolve."""
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class FusedLinear(Fused, QuantLinear):
    """A linear layer that has taken over the batch norm behind it."""

    groups = 1

    def sums(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Multiply."""
        return F.linear(x, weight, bias)


def weight_of(layer: nn.Module) -> Tensor:
    """Return the weights that a layer multiplies by."""
    weight: Any = layer.fused_weight if isinstance(layer, Fused) else layer.weight
    return weight


def fused_layers(model: nn.Module) -> dict[str, Fused]:
    """Return the layers that batch norms were fused into, by name."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, Fused)}

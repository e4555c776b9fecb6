"""Batch norm inside of the layers with weights, so that what is quantized is what will be stored.

By output channel, with gamma, beta, mean and variance of the batch norm behind a layer with weights
W and bias b:

    f = gamma / sqrt(variance + eps);   W' = f W;   B' = beta + f (b - mean)

W' is quantized, by one step for the whole layer, and nothing of the batch norm is left to be
computed but a bias. In the first two thirds of a training the batch norm goes on as ever, by sums
in full precision, which move its running statistics; what rounding does to the weights is added:

    y = norm(conv(x, W) + b) + conv(x, Q(W') - W')

Then the running statistics stay as they are, and what is trained is what will be deployed:

    y = conv(x, Q(W')) + B'

Both are the same where the statistics of a batch are the running ones.

MARS (arXiv 2010.12861) fuses batch norm into quantized weights; its formulas were not found, so the
rule is a reconstruction. That statistics come of a convolution in full precision, and stay in the
end, is as Krishnamoorthi's (arXiv 1806.08342). By the statistics of conv(x, Q(W')) / f the factors
f would follow from themselves: they ran away in a training.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from neurobot.quantize.base import Quantizer, Rounding
from neurobot.quantize.layers import QuantConv2d, QuantLinear, through

FROZEN = 2 / 3  # share of a training after which the statistics stay
Norm = nn.BatchNorm1d | nn.BatchNorm2d


class Fused(nn.Module):
    """What fused layers share: weights, a mask over them, the batch norm, and quantizers.

    mask: of the weights' shape, 0 where a weight is pruned for good, else 1. Without quantizers it
    is layer and batch norm in full precision, whose statistics follow the batches to the end.
    """

    weight: Tensor
    bias: Any  # (out,), or None
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
        variance: Any = self.norm.running_var
        f: Tensor = self.norm.weight / torch.sqrt(variance + self.norm.eps)
        return f.reshape(-1, *[1] * (self.weight.dim() - 1))

    @property
    def fused_weight(self) -> Tensor:
        """W' by the running statistics."""
        return self.factor * self.kept

    @property
    def fused_bias(self) -> Tensor:
        """B' by the running statistics, (out,)."""
        mean: Any = self.norm.running_mean
        own = -mean if self.bias is None else self.bias - mean
        bias: Tensor = self.norm.bias + self.factor.flatten() * own
        return bias

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
        wanted = self.fused_weight
        weight = through(own, wanted)
        if self.learns_statistics:
            return self.normed(self.sums(x, self.kept)) + self.sums(x, weight - wanted)
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
    found: Any = layer
    weight: Tensor = found.fused_weight if isinstance(layer, Fused) else found.weight
    return weight


def fused_layers(model: nn.Module) -> dict[str, Fused]:
    """Return the layers that batch norms were fused into, by name."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, Fused)}

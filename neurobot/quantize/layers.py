"""Layers that quantize their inputs and weights, and the plain ones that networks use for them."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from neurobot.quantize.base import Quantizer, Rounding


class Add(nn.Module):
    """A sum of two tensors of one shape, as a module that can be quantized."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Return a + b."""
        return a + b


class GlobalAvgPool(nn.Module):
    """The mean over height and width: (N, C, H, W) to (N, C, 1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return x.mean((2, 3), keepdim=True)


def through(quantizer: Rounding | None, x: Tensor) -> Tensor:
    """Quantize, if there is a quantizer."""
    if quantizer is None:
        return x
    y: Tensor = quantizer(x)
    return y


class QuantConv2d(nn.Conv2d):
    """A convolution of quantized inputs and weights; a quantizer of None is full precision."""

    input_quantizer: Rounding | None
    weight_quantizer: Quantizer | None

    @classmethod
    def of(
        cls, conv: nn.Conv2d, inputs: Rounding | None, weights: Quantizer | None
    ) -> "QuantConv2d":
        """Take over the weights, the bias and the geometry of a plain convolution."""
        layer = cls(
            conv.in_channels,
            conv.out_channels,
            (conv.kernel_size[0], conv.kernel_size[1]),
            (conv.stride[0], conv.stride[1]),
            conv.padding if isinstance(conv.padding, str) else (conv.padding[0], conv.padding[1]),
            (conv.dilation[0], conv.dilation[1]),
            conv.groups,
            conv.bias is not None,
            device="meta",
        )
        take_over(layer, conv, inputs, weights)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Convolve what the quantizers return."""
        x, weight = through(self.input_quantizer, x), through(self.weight_quantizer, self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class QuantLinear(nn.Linear):
    """A linear layer of quantized inputs and weights; a quantizer of None is full precision."""

    input_quantizer: Rounding | None
    weight_quantizer: Quantizer | None

    @classmethod
    def of(
        cls, linear: nn.Linear, inputs: Rounding | None, weights: Quantizer | None
    ) -> "QuantLinear":
        """Take over the weights and the bias of a plain linear layer."""
        has_bias = linear.bias is not None
        layer = cls(linear.in_features, linear.out_features, has_bias, device="meta")
        take_over(layer, linear, inputs, weights)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Multiply what the quantizers return."""
        x, weight = through(self.input_quantizer, x), through(self.weight_quantizer, self.weight)
        return F.linear(x, weight, self.bias)


def take_over(
    layer: QuantConv2d | QuantLinear,
    plain: nn.Conv2d | nn.Linear,
    inputs: Rounding | None,
    weights: Quantizer | None,
) -> None:
    """Give a layer the parameters of a plain one, and its quantizers."""
    layer.weight, layer.bias = plain.weight, plain.bias
    layer.register_module("input_quantizer", inputs)
    layer.register_module("weight_quantizer", weights)
    layer.train(plain.training)


class QuantAdd(Add):
    """A sum of two tensors that one shared quantizer rounds."""

    input_quantizer: Rounding | None

    def __init__(self, inputs: Rounding | None = None) -> None:
        super().__init__()
        self.register_module("input_quantizer", inputs)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Add what the quantizer returns for both."""
        quantizer = self.input_quantizer
        if isinstance(quantizer, Quantizer) and quantizer.observing:
            quantizer(torch.cat([a.reshape(-1), b.reshape(-1)]))
            return a + b
        return through(quantizer, a) + through(quantizer, b)


class QuantGlobalAvgPool(GlobalAvgPool):
    """The mean over height and width of a quantized map."""

    input_quantizer: Rounding | None

    def __init__(self, inputs: Rounding | None = None) -> None:
        super().__init__()
        self.register_module("input_quantizer", inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the means of what the quantizer returns."""
        return super().forward(through(self.input_quantizer, x))

"""Layers on arrays of memory cells, trained through the converters that will read them.

A convolution whose weights n, with steps sw by tile t of its inputs and by output o, lie in cells
as digits d_j with places b_j (`neurobot.qnet.slicing`), and whose inputs a, with the step sa, drive
rows in cycles l of some bits, a = sum of 2^(dac_bits l) a_l. Its columns sum

    p[t, j, o, l] = sum over the tile of a_l d_j

exactly; converters make q of p (`column_converters`); and, with k for what the digits of `offset`
are too large by,

    y[o] = sa sum_t sw[t, o] (sum_jl 2^(dac_bits l) b_j q[t, j, o, l] - k sum of the tile's a)

Gradients pass a converter where low <= u <= high, and are 0 elsewhere. All digits of a weight move
together, d_j as n / (S' b_j), so that sum_j b_j d_j moves as n does, and the gradient of every
column reaches the weight; a_l moves as a / (L 2^(dac_bits l)). So with e = 1 where one passes,

    dy[o]/dn = sa sw[t, o] mean_j sum_l 2^(dac_bits l) e a_l
    dy[o]/da = sa sum_t sw[t, o] (sum_j b_j d_j mean_l e - k)

from which quantizers go on to weights, inputs and their steps, for which what a converter's step
stands for is a constant. Networks are trained so in one stage, from scratch or trained ones.
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from neurobot.quantize.column_converters import Converters
from neurobot.quantize.column_layout import Columns as Columns
from neurobot.quantize.column_layout import Layout
from neurobot.quantize.column_sums import ColumnSums, Windows, by_channel, by_place
from neurobot.quantize.fused_bn import FROZEN
from neurobot.quantize.layers import QuantConv2d, QuantLinear


class ColumnLayer(nn.Module):
    """What layers on arrays share; with ideal converters they are plain quantized layers."""

    weight: Tensor
    bias: Any  # (out,), or None
    input_quantizer: Any
    weight_quantizer: Any  # a TileQuantizer
    converters: Converters | None
    layout: Layout
    digits: Tensor  # of all codes, (S', codes)
    places: Tensor  # what they stand for, (S', 1)
    cycle_weights: Tensor  # what 1 in a cycle's bits of an input stands for, (L,)
    box: Tensor  # ones that sum windows, by tile

    @property
    def windows(self) -> Windows:
        """How windows move over the map."""
        raise NotImplementedError

    def lie_on(self, layout: Layout) -> Self:
        """Take arrays."""
        bits = layout.columns.adc_bits
        self.layout = layout
        self.converters = None if bits is None else Converters(layout, bits)
        cycles = layout.dac_bits * torch.arange(layout.cycles)
        for name, value in (
            ("digits", torch.from_numpy(layout.digits).float()),
            ("places", torch.from_numpy(layout.places).float()[:, None]),
            ("cycle_weights", 2.0**cycles),
            ("box", torch.ones(layout.tiling.tiles, 1, *layout.kernel)),
        ):
            self.register_buffer(name, value, persistent=False)
        return self

    @property
    def passes_plainly(self) -> bool:
        """Whether there is nothing to convert, or inputs are being observed."""
        return self.converters is None or self.input_quantizer.observing

    @property
    def learns_means(self) -> bool:
        """Whether batches still move the means of converters."""
        return self.training and self.weight_quantizer.progress < FROZEN

    def column_sums(self, x: Tensor) -> Tensor:
        """Return the outputs for maps (N, C, H, W), without bias."""
        assert self.converters is not None
        weight = self.weight_quantizer(self.weight)
        by_window = weight.view(*weight.shape[:2], *self.layout.kernel)
        quantized = self.input_quantizer(x), by_window, self.converters.relative
        y: Tensor = ColumnSums.apply(*quantized, self)  # type: ignore[no-untyped-call]
        return y

    def input_sums(self, driven: Tensor) -> Tensor:
        """Return the sums of a tile's inputs, (N, H', W', T), of what rows are driven by.

        Where digits need no correction, those of no tile.
        """
        if not self.layout.correction:
            return driven.new_zeros(1, 1, 1, 0)
        tiles = self.layout.tiling.tiles
        parts = driven.view(*driven.shape[:4], tiles, -1).sum(5)
        whole = torch.tensordot(self.cycle_weights, parts, 1) if len(parts) > 1 else parts[0]
        return by_place(self.windows.sums(by_channel(whole), self.box))


class ColumnConv2d(ColumnLayer, QuantConv2d):
    """A convolution on arrays."""

    @property
    def windows(self) -> Windows:
        """How windows move over the map."""
        down, right = self.stride
        return Windows((down, right), margins(self), self.layout.tiling.tiles)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve through converters."""
        if self.passes_plainly:
            return QuantConv2d.forward(self, x)
        y = self.column_sums(x)
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)


class ColumnLinear(ColumnLayer, QuantLinear):
    """A linear layer on arrays: a convolution with one place."""

    @property
    def windows(self) -> Windows:
        """One window."""
        return Windows((1, 1), (0, 0), self.layout.tiling.tiles)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply through converters; x: (N, in)."""
        if self.passes_plainly:
            return QuantLinear.forward(self, x)
        y = self.column_sums(x[..., None, None]).flatten(1)
        return y if self.bias is None else y + self.bias


def margins(conv: nn.Conv2d) -> tuple[int, int]:
    """Return the zeros around a map, as rows and columns on each side."""
    if conv.padding == "valid":
        return 0, 0
    if conv.padding == "same":
        return conv.kernel_size[0] // 2, conv.kernel_size[1] // 2
    return int(conv.padding[0]), int(conv.padding[1])

"""What layers on arrays compute, as one function of autograd; `column` has the equations.

Only sums of columns and their gradients are convolutions. What is around them takes one pass each:
`column_compiled` on the CPU, `column_plain` elsewhere. Weights' gradients of all columns are those
of one, with the mean of what passes, so they cost no more than a plain layer's.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurobot.quantize import column_compiled, column_plain

convolution_backward = torch.ops.aten.convolution_backward


class Windows(NamedTuple):
    """How windows move over maps (N, C, H, W), in rows and columns, and the tiles of channels."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    tiles: int

    def sums(self, maps: Tensor, cells: Tensor) -> Tensor:
        """Sum cells (T columns, channels, rows, columns) times what windows see."""
        return F.conv2d(maps, cells, None, self.stride, self.padding, 1, self.tiles)

    def to_maps(self, upstream: Tensor, maps: Tensor, cells: Tensor) -> Tensor:
        """Return the gradient of the maps."""
        return self._turn_back(upstream, maps, cells, [True, False, False])[0]

    def to_cells(self, upstream: Tensor, maps: Tensor, cells: Tensor) -> Tensor:
        """Return the gradient of the cells."""
        return self._turn_back(upstream, maps, cells, [False, True, False])[1]

    def _turn_back(
        self, upstream: Tensor, maps: Tensor, cells: Tensor, wanted: list[bool]
    ) -> list[Tensor]:
        windows = (self.stride, self.padding, (1, 1), False, (0, 0), self.tiles)
        found: list[Tensor] = convolution_backward(upstream, maps, cells, None, *windows, wanted)
        return found


def engine(x: Tensor) -> Any:
    """Choose what computes: compiled kernels on the CPU in float32, else operations of PyTorch."""
    compiled = x.device.type == "cpu" and x.dtype == torch.float32
    return column_compiled if compiled else column_plain


def by_place(maps: Tensor) -> Tensor:
    """Turn (N, C, H, W) into (N, H, W, C): a view, if that is how it lies in memory."""
    return maps.permute(0, 2, 3, 1).contiguous()


def by_channel(maps: Tensor) -> Tensor:
    """View (N, H, W, C) as (N, C, H, W)."""
    return maps.permute(0, 3, 1, 2)


def of_inputs(
    own: Any, of_columns: Tensor, upstream: Tensor, driven: Tensor, cells: Tensor
) -> Tensor:
    """Return the gradient of inputs, (N, C, H, W), from those of sums and of outputs.

    own: the layer; of_columns: (N, P, T, S', O), upstream: (N, H', W', O).
    """
    layout, maps = own.layout, by_channel(driven[0])
    by_window = by_channel(of_columns.view(*upstream.shape[:3], -1))
    x: Tensor = own.windows.to_maps(by_window, maps, by_channel(cells.flatten(0, 2)))
    if layout.correction:
        tiles, steps = layout.tiling.tiles, own.weight_quantizer.steps
        of_boxes = by_channel(upstream @ (layout.correction * steps.T))
        boxes = own.windows.to_maps(of_boxes, maps[:, :tiles], own.box)
        x.view(len(x), tiles, -1, *x.shape[2:]).sub_(boxes[:, :, None])
    return x[:, : layout.shape[1]]


def of_weights(own: Any, of_cells: Tensor, window: Any, driven: Tensor, cells: Tensor) -> Tensor:
    """Return the gradient of weights, (O, C, rows, columns), from that of cells.

    own: the layer; of_cells: (L, N, P, T, O), of the mean cell of a weight; window: (H', W').
    """
    tiles, _, outputs = own.layout.column_shape
    by_window = by_channel(of_cells.flatten(0, 1).view(-1, *window, tiles * outputs))
    maps, like = by_channel(driven.flatten(0, 1)), cells.flatten(0, 2)[: tiles * outputs]
    w: Tensor = own.windows.to_cells(by_window, maps, by_channel(like))
    by_output = w.view(tiles, outputs, *w.shape[1:]).movedim(0, 1).flatten(1, 2)
    return by_output[:, : own.layout.shape[1]]


class ColumnSums(torch.autograd.Function):
    """Inputs, weights and steps of converters to the outputs of a layer on arrays, but the bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, relative: Tensor, own: Any) -> Tensor:
        """Drive rows, sum columns, convert, and add up what the codes stand for.

        x: (N, C, H, W) and weight: (O, C, rows, columns), both quantized; own: the layer.
        """
        by, layout = engine(x), own.layout
        unit, steps = own.input_quantizer.scale, own.weight_quantizer.steps
        driven = by.drive(by_place(x), unit, layout)
        cells = by.fill(by_place(weight), steps, own.digits, layout)
        maps, kernels = by_channel(driven.flatten(0, 1)), by_channel(cells.flatten(0, 2))
        by_window = by_place(own.windows.sums(maps, kernels))
        sums = by_window.view(len(driven), len(x), -1, *layout.column_shape)
        if own.converters.observing:
            own.converters.observe(sums.flatten(0, 2))
        constants = own.converters.constants()
        scale = own.places * (steps * unit)[:, None]
        factor = own.cycle_weights.view(-1, 1, 1, 1) * scale
        inputs = own.input_sums(driven)
        less = (layout.correction * unit * steps)[: inputs.shape[3]]
        learns = own.learns_means
        y, totals = by.convert(sums, constants, factor, inputs, less, counting=learns)
        if learns:
            own.converters.follow(totals, sums.shape[:3].numel())
        ctx.save_for_backward(driven, cells, sums, scale, unit)
        ctx.own, ctx.constants = own, constants
        return by_channel(y.view(len(x), *by_window.shape[1:3], -1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of inputs, of weights and of the steps of converters."""
        driven, cells, sums, scale, unit = ctx.saved_tensors
        own, cycles, slices = ctx.own, len(driven), cells.shape[1]
        grad = by_place(upstream[0])
        window = grad.shape[1:3]
        of_cells, of_columns, of_step = engine(grad).turn_back(
            sums, ctx.constants, grad.flatten(1, 2), own.cycle_weights, scale / (cycles * unit)
        )
        x = of_inputs(own, of_columns, grad, driven, cells)
        w = of_weights(own, of_cells, window, driven, cells) * (unit / slices)
        r = own.converters.gradient(of_step * scale, window.numel() * cycles)
        return x, w, r, None

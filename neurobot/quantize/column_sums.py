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
        ctx.save_for_backward(driven, cells, sums, scale, steps, unit)
        ctx.own, ctx.constants = own, constants
        return by_channel(y.view(len(x), *by_window.shape[1:3], -1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients of inputs, of weights and of the steps of converters."""
        driven, cells, sums, scale, steps, unit = ctx.saved_tensors
        own, layout, by = ctx.own, ctx.own.layout, engine(upstream[0])
        (tiles, slices, outputs), cycles = layout.column_shape, len(driven)
        grad = by_place(upstream[0])
        window, count = grad.shape[1:3], len(grad)
        to_cells, to_inputs, to_step = by.turn_back(
            sums, ctx.constants, grad.flatten(1, 2), own.cycle_weights, scale / (cycles * unit)
        )
        maps, kernels = by_channel(driven.flatten(0, 1)), by_channel(cells.flatten(0, 2))
        of_columns = by_channel(to_inputs.view(count, *window, -1))
        x = own.windows.to_maps(of_columns, maps[:count], kernels)
        if layout.correction:
            of_boxes = by_channel(grad @ (layout.correction * steps.T))
            boxes = own.windows.to_maps(of_boxes, maps[:count, :tiles], own.box)
            x.unflatten(1, (tiles, -1)).sub_(boxes[:, :, None])
        of_weights = by_channel(to_cells.view(cycles * count, *window, -1))
        w = own.windows.to_cells(of_weights, maps, kernels[: tiles * outputs]) * (unit / slices)
        channels = layout.shape[1]
        w = w.unflatten(0, (tiles, outputs)).movedim(0, 1).flatten(1, 2)[:, :channels]
        r = own.converters.gradient(to_step * scale, window.numel() * cycles)
        return x[:, :channels], w, r, None

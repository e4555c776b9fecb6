"""The sums of columns on the CPU in float32: tensors in and out of the compiled kernels.

`column_plain` has the same functions, in operations of PyTorch.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from neurobot.quantize import column_kernels as kernels
from neurobot.quantize.column_converters import Constants
from neurobot.quantize.column_layout import Layout


def array(tensor: Tensor, *shape: int) -> Any:
    """View a contiguous tensor as an array of a shape."""
    return tensor.detach().view(shape).numpy()


def codes_of(constants: Constants) -> kernels.Codes:
    """Return the codes of converters."""
    return kernels.Codes(*(np.float32(code) for code in constants.codes))


def drive(values: Tensor, step: Tensor, layout: Layout) -> Tensor:
    """Return what rows are driven by, (L, N, H, W, T channels); values: (N, H, W, C)."""
    out = torch.empty(layout.cycles, *values.shape[:3], layout.wide)
    given = array(values, -1, values.shape[3])
    kernels.drive(
        given, np.float32(step.item()), layout.dac_bits, array(out, layout.cycles, -1, layout.wide)
    )
    return out


def fill(weights: Tensor, steps: Tensor, digits: Tensor, layout: Layout) -> Tensor:
    """Return what cells hold, (T, S', O, rows, columns, channels).

    weights: (O, rows, columns, C), whole multiples of steps (T, O); digits: of all codes.
    """
    outputs, *window, channels = weights.shape
    out = torch.empty(*layout.column_shape, *window, layout.tiling.most)
    kernels.fill(
        array(weights, outputs, -1, channels),
        array(steps, *steps.shape),
        array(digits, *digits.shape),
        layout.lowest,
        array(out, *layout.column_shape, -1, layout.tiling.most),
    )
    return out


def convert(
    sums: Tensor,
    constants: Constants,
    factor: Tensor,
    inputs: Tensor,
    less: Tensor,
    *,
    counting: bool,
) -> tuple[Tensor, Tensor]:
    """Return the outputs, (N, P, O), and if counting, the totals of columns' sums, (T, S', O)."""
    cycles, images, places, tiles, slices, outputs = sums.shape
    columns = tiles * slices, outputs
    out = torch.empty(images, places, outputs)
    totals = torch.zeros(tiles if counting else 0, slices, outputs, dtype=torch.float64)
    kernels.convert(
        array(sums, cycles, images, places, *columns),
        array(constants.step, *columns),
        array(constants.offset, *columns),
        array(factor, cycles, *columns),
        array(inputs, images, places, len(less)),
        array(less, *less.shape),
        codes_of(constants),
        array(out, *out.shape),
        np.empty(columns, np.float32),
        array(totals, len(totals) * slices, outputs),
    )
    return out, totals


def turn_back(
    sums: Tensor, constants: Constants, upstream: Tensor, weights: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of sums, as those of cells and of inputs need them, and of D."""
    cycles, images, places, tiles, slices, outputs = sums.shape
    to_cells = torch.empty(cycles, images, places, tiles, outputs)
    to_inputs = torch.empty(images, places, tiles, slices, outputs)
    to_step = torch.zeros(tiles, slices, outputs, dtype=torch.float64)
    part = torch.empty(tiles, slices, outputs)
    given = (sums, constants.step, constants.offset, upstream, weights, scale)
    arrays = [array(x, *x.shape) for x in (*given, to_cells, to_inputs, part, to_step)]
    kernels.turn_back(codes_of(constants), *arrays)
    return to_cells, to_inputs, to_step

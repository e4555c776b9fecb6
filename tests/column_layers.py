"""Layers on arrays as they are trained, and what they compute said in plain loops of autograd."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from neurobot.qnet.slicing import correction, place_values, slice_codes
from neurobot.quantize import Columns, Quantizer, make_method
from neurobot.quantize.column import ColumnConv2d, ColumnLinear
from neurobot.quantize.column_layout import Layout
from neurobot.quantize.column_weights import TileQuantizer
from neurobot.quantize.grids import signed, unsigned
from neurobot.quantize.watching import calibrate_converters

Tensor = Any
LSQ = make_method("lsq")


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def convolution(channels: int = 7, out: int = 6, kernel: int = 3, **more: Any) -> nn.Conv2d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(channels, out, kernel, **{"padding": 1, **more})


def laid(
    plain: nn.Conv2d | nn.Linear, x: Tensor, columns: Columns, *, bits: int = 4, input_bits: int = 4
) -> Any:
    """Lay a layer on arrays, calibrated on inputs of 0..1."""
    inputs = Quantizer(LSQ, unsigned(input_bits), weights=False)
    inputs.calibrate(x)
    layout = Layout("layer", tuple(plain.weight.shape), bits, input_bits, columns)
    weights = TileQuantizer(LSQ, signed(bits), layout, "weights")
    weights.calibrate(plain.weight)
    weights.step.data.mul_(0.4)  # so that codes, and all cells, are used to their ends
    kind: Any = ColumnConv2d if isinstance(plain, nn.Conv2d) else ColumnLinear
    layer = kind.of(plain, inputs, weights).lie_on(layout)
    calibrate_converters(layer, [x])
    return layer


def rounding(x: Tensor) -> Tensor:
    """Round, and let the gradient straight through."""
    return x + (x.round() - x).detach()


def as_float32(x: Tensor) -> Tensor:
    """Round to what float32 holds, and let the gradient straight through."""
    return x + (x.float().double() - x).detach()


def converted(sums: Tensor, step: Tensor, mean: Tensor, low: int, high: int) -> Tensor:
    """Convert by LSQ: codes in steps, whose middle stands for the mean, as float32 has them."""
    step = as_float32(step)
    offset = as_float32(mean - as_float32(step * ((low + high) / 2)))
    ratio = as_float32(as_float32(sums - offset) / step)
    inside = (low <= ratio) & (ratio <= high)
    code = torch.where(inside, rounding(ratio), ratio.detach().clamp(low, high).round())
    return step * code + offset


def outputs(layer: Any, x: Tensor, weight: Tensor, step: Tensor) -> Tensor:
    """Compute a layer tile by tile, slice by slice and cycle by cycle, without bias.

    x, weight: what quantizers make of maps and of weights (O, C, rows, columns); step: D of each
    column, (T, S', O). All are float64.
    """
    own, adc, windows = layer.layout.columns, layer.converters, layer.windows
    bits, dac_bits, cycles = layer.layout.weight_bits, layer.layout.dac_bits, layer.layout.cycles
    most, unit = layer.layout.tiling.most, layer.input_quantizer.scale.double()
    places = place_values(bits, own.cell_bits, own.encoding).tolist()
    result = torch.zeros((), dtype=torch.float64)
    for t in range(layer.layout.tiling.tiles):
        part = slice(t * most, (t + 1) * most)
        sw = layer.weight_quantizer.steps[t].double()
        codes, a = weight[:, part] / sw[:, None, None, None], x[:, part] / unit
        whole = codes.detach().round().to(torch.int64).numpy()
        digits = torch.from_numpy(slice_codes(whole, bits, own.cell_bits, own.encoding)).double()
        ones = torch.ones(1, *codes.shape[1:], dtype=torch.float64)
        total = -correction(bits, own.encoding) * F.conv2d(a, ones, None, *windows[:2])
        for cycle in range(cycles):
            weigh = 2.0 ** (cycle * dac_bits)
            driven = a.detach().round().long() >> cycle * dac_bits & (1 << dac_bits) - 1
            rows = driven + (a - a.detach()) / (cycles * weigh)
            for j, place in enumerate(places):
                cells = digits[j] + (codes - codes.detach()) / (len(places) * place)
                sums = F.conv2d(rows, cells, None, *windows[:2])
                mean = adc.mean[adc.groups[t, j]].double()[:, None, None]
                q = converted(sums, step[t, j][:, None, None], mean, adc.low, adc.high)
                total = total + weigh * place * q
        result = result + unit * sw[:, None, None] * total
    return result

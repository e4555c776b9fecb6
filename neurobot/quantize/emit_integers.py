"""Layers of integers, written from quantized modules."""

import numpy as np
import torch
from torch import nn

from neurobot import qnet
from neurobot.qnet import INPUT
from neurobot.quantize.base import Pixels, Rounding
from neurobot.quantize.column import ColumnLayer
from neurobot.quantize.emit import WHITE, Emitter, Kernel, numbers
from neurobot.quantize.emit_columns import lay_columns
from neurobot.quantize.fixed_point import code_factors, fixed_point
from neurobot.quantize.pending import Floats, Leaf, Value


class Integers(Emitter):
    """Codes and fixed-point factors, from quantized modules."""

    real = False

    def settle(self, leaf: Leaf, name: str, rounding: Rounding | None) -> str:
        """Write the codes of a leaf, unless they are there already."""
        if rounding is None:
            raise ValueError(f"layer {name!r} has no quantizer; every layer must have one")
        step, grid = float(numbers(rounding.step, 1)[0]), rounding.grid
        image = leaf.source == INPUT and not leaf.clipped and not leaf.bias.any()
        if isinstance(rounding, Pixels) and image and (leaf.scale == 1 / WHITE).all():
            return INPUT
        if not 0 < step < np.inf:
            raise ValueError(f"layer {name!r} has a step of {step}; allowed: finite and above 0")

        def write() -> str:
            where = self.free(f"{name}.input")
            factors, low, high = code_factors(where, leaf, step, grid)
            return self.put(
                qnet.Requant(
                    where,
                    (leaf.source,),
                    factors.multiplier,
                    factors.bias,
                    factors.shift,
                    low,
                    high,
                    grid.bits,
                    grid.odd,
                )
            )

        return self.once((*leaf.key, step, grid), write)

    def rounding(self, name: str, module: nn.Module) -> tuple[Rounding | None, float]:
        """Return the module's quantizer, or refuse a module in full precision."""
        own = getattr(module, "input_quantizer", None)
        if not isinstance(own, Rounding):
            raise ValueError(
                f"layer {name!r} is in full precision; allowed in a network of integers: layers "
                "that convert() quantized, the first and the last one too (edge_bits=8)"
            )
        return own, float(numbers(own.scale, 1)[0])

    def kernel(self, name: str, module: nn.Conv2d | nn.Linear) -> Kernel:
        """Return the codes of the weights."""
        own = getattr(module, "weight_quantizer", None)
        if not isinstance(own, Rounding):
            raise ValueError(f"layer {name!r} has weights in full precision; convert() codes them")
        grid, integers = own.grid, own.integers(module.weight).cpu().numpy()
        codes = (integers + grid.intervals) // 2 if grid.odd else integers
        scale = torch.ones(1) if isinstance(module, ColumnLayer) else own.scale
        return Kernel(codes, grid.bits, grid.odd, numbers(scale, len(codes)))

    def laid(self, conv: qnet.Conv, unit: Floats, module: nn.Module) -> tuple[qnet.Conv, Floats]:
        """Lay a convolution on arrays, if that is what it was trained on."""
        if isinstance(module, ColumnLayer):
            return lay_columns(conv, self.signals[conv.inputs[0]], module)
        return conv, unit

    def finish(self, value: Value, name: str) -> float:
        """Write the scores."""
        leaf = self.last(value, name)
        if leaf.clipped:
            raise ValueError(
                f"layer {name!r} limits the results; allowed: none after the last sums"
            )
        where = self.free("scores")
        factors = fixed_point(where, leaf.scale, leaf.bias)
        self.put(qnet.Scores(where, (leaf.source,), factors.multiplier, factors.bias))
        return 2.0**-factors.shift

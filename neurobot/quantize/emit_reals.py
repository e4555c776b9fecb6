"""Layers of float32 numbers, written from modules in full precision."""

from dataclasses import replace

import numpy as np
from torch import nn

from neurobot import qnet
from neurobot.qnet import INPUT
from neurobot.qnet.signals import REAL_BITS
from neurobot.quantize.base import Rounding
from neurobot.quantize.emit import WHITE, Emitter, Kernel
from neurobot.quantize.pending import Floats, Leaf, Value


class Reals(Emitter):
    """The float32 twin of a full-precision model."""

    real = True

    def settle(self, leaf: Leaf, name: str, rounding: Rounding | None) -> str:
        """Write the values of a leaf, unless they are there already."""
        if not leaf.clipped and not leaf.bias.any() and (leaf.scale == 1).all():
            return leaf.source
        return self.once(leaf.key, lambda: self.scaled(leaf, self.free(f"{leaf.source}.values")))

    def scaled(self, leaf: Leaf, where: str) -> str:
        """Write values."""
        low, high = float(leaf.low[0]), float(leaf.high[0])
        return self.put(
            qnet.Affine(
                where,
                (leaf.source,),
                leaf.scale.astype(np.float32),
                leaf.bias.astype(np.float32),
                low,
                high,
            )
        )

    def affine(self, value: Value, name: str, scale: Floats, bias: Floats) -> Value:
        """Multiply and add by channel; limits come first, as they are the same for all channels."""
        leaves = tuple(
            replace(
                Leaf.of(self.settle(leaf, name, None), np.ones_like(leaf.scale)), pools=leaf.pools
            )
            if leaf.clipped
            else leaf
            for leaf in value.leaves
        )
        return replace(value, leaves=leaves).affine(name, scale, bias)

    def given(
        self, value: Value, name: str, rounding: Rounding | None, unit: float
    ) -> tuple[str, float]:
        """Read images as they are; their unit is left to the sums."""
        leaf = value.leaves[0]
        if value.whole and leaf.key == self.source().leaves[0].key:
            return self.pooled(INPUT, leaf.pools), 1 / WHITE
        return self.place(value, name, None), 1.0

    def rounding(self, name: str, module: nn.Module) -> tuple[Rounding | None, float]:
        """Refuse a quantized module."""
        if isinstance(getattr(module, "input_quantizer", None), Rounding):
            raise ValueError(
                f"layer {name!r} is quantized; allowed in a float32 network: layers in full "
                "precision, and export() writes quantized ones"
            )
        return None, 1.0

    def kernel(self, name: str, module: nn.Conv2d | nn.Linear) -> Kernel:
        """Return the weights in float32."""
        weights = module.weight.detach().cpu().float().numpy()
        return Kernel(weights, REAL_BITS, False, np.ones(len(weights)))

    def finish(self, value: Value, name: str) -> float:
        """Write the logits."""
        self.scaled(self.last(value, name), self.free("scores"))
        return 1.0

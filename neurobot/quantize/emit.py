"""Writing the layers of an exported network; `emit_integers` and `emit_reals` say in what kind.

An emitter knows what a module's arithmetic becomes; `neurobot.quantize.export` walks the modules.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from neurobot import qnet
from neurobot.qnet import INPUT
from neurobot.qnet.signals import Shape, Signal
from neurobot.quantize.base import Rounding
from neurobot.quantize.pending import Floats, Leaf, Pair, Pool, Value

WHITE = 255  # the pixel that stands for 1


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """Weights as the network will hold them, (out, in / groups, rows, columns), and their unit."""

    weights: NDArray[Any]
    bits: int
    odd: bool
    unit: Floats  # (out,): what 1 stands for


@dataclass(frozen=True, slots=True)
class Site:
    """Where a quantizer of the model and a map of the network hold the same integers."""

    module: str  # that owns the quantizer
    map: str


def numbers(tensor: Tensor | None, count: int) -> Floats:
    """Copy one number, or one by channel, into float64 (count,); zeros where there is none."""
    if tensor is None:
        return np.zeros(count)
    return np.broadcast_to(tensor.detach().cpu().double().numpy().reshape(-1), count).copy()


class Emitter:
    """Layers written so far, and the maps that they make."""

    real: ClassVar[bool]

    def __init__(self, input_shape: Shape) -> None:
        self.layers: list[qnet.Layer] = []
        self.signals = {INPUT: Signal(input_shape, 0, WHITE, WHITE.bit_length())}
        self.made: dict[tuple[object, ...], str] = {}
        self.sites: list[Site] = []

    def settle(self, leaf: Leaf, name: str, rounding: Rounding | None) -> str:
        """Compute what a leaf means, without its pools, for a layer of that name."""
        raise NotImplementedError

    def rounding(self, name: str, module: nn.Module) -> tuple[Rounding | None, float]:
        """Return how a module rounds its input, and what an integer of it stands for."""
        raise NotImplementedError

    def kernel(self, name: str, module: nn.Conv2d | nn.Linear) -> Kernel:
        """Return the weights of a module."""
        raise NotImplementedError

    def finish(self, value: Value, name: str) -> float:
        """Write the last layer; return what 1 of its results stands for."""
        raise NotImplementedError

    def source(self) -> Value:
        """Return the images."""
        shape = self.signals[INPUT].shape
        return Value.of(shape, Leaf.of(INPUT, np.full(shape[2], 1 / WHITE)))

    def free(self, wish: str) -> str:
        """Return a name that no layer has."""
        name, count = wish, 1
        while name in self.signals:
            count += 1
            name = f"{wish}_{count}"
        return name

    def put(self, layer: qnet.Layer) -> str:
        """Append a layer."""
        made = layer.signal(*(self.signals[name] for name in layer.inputs))
        self.signals[layer.name] = Signal(made.shape) if self.real else made
        self.layers.append(layer)
        return layer.name

    def once(self, key: tuple[object, ...], make: Callable[[], str]) -> str:
        """Make a map, or return the one that was made of the same."""
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def affine(self, value: Value, name: str, scale: Floats, bias: Floats) -> Value:
        """Multiply and add by channel, in the name of a layer."""
        return value.affine(name, scale, bias)

    def pooled(self, source: str, pools: tuple[Pool, ...]) -> str:
        """Take window maxima of a map, once or more often."""
        for pool in pools:
            name = self.free(f"{source}.max")
            layer = qnet.MaxPool(name, (source,), pool.size, pool.stride, pool.padding)
            source = self.once(("pool", source, pool), partial(self.put, layer))
        return source

    def place(self, value: Value, name: str, rounding: Rounding | None) -> str:
        """Compute a value as one map, for a layer of that name."""
        maps = tuple(
            self.pooled(self.settle(leaf, name, rounding), leaf.pools) for leaf in value.leaves
        )
        if not value.whole:
            index = value.index.astype(np.int32)
            layer = qnet.Channels(self.free(f"{name}.channels"), maps, index)
            key = ("channels", maps, value.index.tobytes())
            maps = (self.once(key, partial(self.put, layer)),)
        if rounding is not None:
            self.sites.append(Site(name, maps[0]))
        return maps[0]

    def convolve(self, name: str, module: nn.Conv2d, value: Value, padding: Pair) -> Value:
        """Write a convolution."""
        return self.weigh(
            name,
            module,
            value,
            stride=(module.stride[0], module.stride[1]),
            padding=padding,
            groups=module.groups,
        )

    def connect(self, name: str, module: nn.Linear, value: Value) -> Value:
        """Write a linear layer, as a convolution whose window is the whole map."""
        return replace(self.weigh(name, module, value), flat=True)

    def weigh(
        self, name: str, module: nn.Conv2d | nn.Linear, value: Value, **windows: Any
    ) -> Value:
        """Write weights, and say what the sums stand for."""
        rounding, unit = self.rounding(name, module)
        kernel = self.kernel(name, module)
        weights = kernel.weights
        if isinstance(module, nn.Linear):
            rows, columns, channels = value.shape
            weights = weights.reshape(-1, channels, rows, columns)
        given, unit = self.given(value, name, rounding, unit)
        conv = qnet.Conv(
            self.free(name),
            (given,),
            weights.transpose(0, 2, 3, 1),
            kernel.bits,
            kernel.odd,
            **windows,
        )
        layer, each = self.laid(conv, kernel.unit, module)
        made = self.put(layer)
        bias = numbers(module.bias, len(weights))
        return Value.of(self.signals[made].shape, Leaf.of(made, each * unit, bias))

    def laid(self, conv: qnet.Conv, unit: Floats, module: nn.Module) -> tuple[qnet.Conv, Floats]:
        """Return the layer that computes a convolution, and what 1 of its sums stands for."""
        return conv, unit

    def given(
        self, value: Value, name: str, rounding: Rounding | None, unit: float
    ) -> tuple[str, float]:
        """Return the map that weights read, and what 1 stands for in it."""
        return self.place(value, name, rounding), unit

    def add(self, name: str, module: nn.Module, one: Value, other: Value) -> Value:
        """Write a sum."""
        rounding, unit = self.rounding(name, module)
        maps = tuple(self.place(value, name, rounding) for value in (one, other))
        made = self.put(qnet.Add(self.free(name), maps))
        return Value.of(one.shape, Leaf.of(made, np.full(one.shape[2], unit)))

    def average(self, name: str, module: nn.Module, value: Value) -> Value:
        """Write the mean over rows and columns, as a sum."""
        rounding, unit = self.rounding(name, module)
        made = self.put(qnet.SumPool(self.free(name), (self.place(value, name, rounding),)))
        rows, columns, channels = value.shape
        return Value.of((1, 1, channels), Leaf.of(made, np.full(channels, unit / (rows * columns))))

    def last(self, value: Value, name: str) -> Leaf:
        """Return what the results are made of, if they are one map of one place."""
        if value.shape[:2] != (1, 1) or not value.whole or value.leaves[0].pools:
            raise ValueError(
                f"layer {name!r} returns a map of shape {value.shape} that is not one layer's "
                "result; allowed at the end: a linear layer, or another of shape (1, 1, n)"
            )
        return value.leaves[0]

"""Convolution: sums of weights times inputs over windows of a map."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.fixed import Ints, signed_range
from neurobot.qnet.checks import (
    MOST_BITS,
    MOST_VALUES,
    Pair,
    as_array,
    flag,
    margins,
    pair,
    sealed_reals,
    sealed_wholes,
    unsigned_range,
    whole,
)
from neurobot.qnet.layers import Layer
from neurobot.qnet.signals import REAL_BITS, Signal, integer_of, ranged, windows


@dataclass(frozen=True, eq=False)
class Conv(Layer):
    """Sum integer weights times input integers over windows, in int32; zeros surround the map.

    weights: (out, rows, columns, in / groups), signed codes of `weight_bits` (1..8), or unsigned
    ones where `odd`; or float32 numbers, with weight_bits = 32. stride and padding are of (rows,
    columns). A fully connected layer is one whose window is the whole map.
    """

    weights: Any
    weight_bits: int = REAL_BITS
    odd: bool = False
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    groups: int = 1

    def check(self) -> None:
        """Refuse weights out of the range of their bits, and windows that make no sense."""
        where = f"{self.name}: weights"
        self._set(weights=as_array(where, self.weights))
        widths = (REAL_BITS, REAL_BITS) if self.real else (1, MOST_BITS)
        self._set(
            odd=flag(f"{self.name}: odd", self.odd),
            weight_bits=whole(f"{self.name}: weight_bits", self.weight_bits, *widths),
        )
        self._set(weights=self._sealed(where))
        out, *kernel, _ = self.weights.shape
        self._set(
            stride=pair(f"{self.name}: stride", self.stride, 1, MOST_VALUES),
            padding=margins(f"{self.name}: padding", self.padding, kernel),
            groups=whole(f"{self.name}: groups", self.groups, 1, out),
        )
        if out % self.groups:
            raise ValueError(
                f"{self.name}: groups = {self.groups} found; allowed: a divisor of {out} channels"
            )

    def _sealed(self, where: str) -> NDArray[Any]:
        if self.real and self.odd:
            raise ValueError(f"{self.name}: odd found with float32 weights; allowed: odd = False")
        if self.real:
            return sealed_reals(where, self.weights, 4)
        ends = (unsigned_range if self.odd else signed_range)(self.weight_bits)
        return sealed_wholes(where, self.weights, 4, ends, np.int32)

    @property
    def real(self) -> bool:
        """Whether its weights are float32."""
        return bool(self.weights.dtype.kind == "f")

    @property
    def kernel(self) -> Pair:
        """Rows and columns of a window."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def integers(self) -> Ints:
        """The integers that the weights stand for, of the weights' shape; no float32 ones."""
        return np.asarray(integer_of(self.weights, self.weight_bits, self.odd), np.int32)

    def signal(self, *given: Signal) -> Signal:
        """Return the map of sums; refuse where any part of one may not fit int32."""
        (source,) = given
        out, _, _, part = self.weights.shape
        self._count("weights", part * self.groups, source.shape)
        shape = windows(self.name, source.shape, self.kernel, self.stride, self.padding, out)
        if self.real:
            return Signal(shape)
        positive = np.maximum(self.integers, 0).sum(axis=(1, 2, 3), dtype=np.int64).tolist()
        negative = np.minimum(self.integers, 0).sum(axis=(1, 2, 3), dtype=np.int64).tolist()
        # With 0 in the range, as around the map, no part of a sum leaves what the whole keeps to.
        low, high = min(source.lowest, 0), max(source.highest, 0)
        sums = list(zip(positive, negative, strict=True))
        lowest = min(up * low + down * high for up, down in sums)
        highest = max(up * high + down * low for up, down in sums)
        return ranged(self.name, shape, lowest, highest)

"""From sums to codes and scores: fixed-point products in int64, and their float32 twin."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurobot.fixed import signed_range
from neurobot.qnet.checks import (
    INT32,
    INT64,
    MOST_BITS,
    flag,
    number,
    sealed_reals,
    sealed_wholes,
    unsigned_range,
    whole,
)
from neurobot.qnet.layers import Layer
from neurobot.qnet.signals import Signal, integer_of, ranged


@dataclass(frozen=True, eq=False)
class Requant(Layer):
    """Make codes of sums: k = clip((x multiplier + bias) >> shift, low, high), in int64.

    multiplier: int32 and bias: int64, (channels,) each; the shift of 0..62 rounds down, so the bias
    holds what rounding needs. The output is k, or 2 k - (2^bits - 1) where codes are `odd`.
    """

    multiplier: Any
    bias: Any
    shift: int
    low: int
    high: int
    bits: int
    odd: bool = False

    @property
    def real(self) -> bool:
        """Integers only."""
        return False

    def check(self) -> None:
        """Refuse constants out of their registers, and codes out of their bits."""
        name = self.name
        self._set(
            multiplier=sealed_wholes(f"{name}: multiplier", self.multiplier, 1, INT32, np.int32),
            bias=sealed_wholes(f"{name}: bias", self.bias, 1, INT64, np.int64),
            shift=whole(f"{name}: shift", self.shift, 0, 62),
            bits=whole(f"{name}: bits", self.bits, 1, MOST_BITS),
            odd=flag(f"{name}: odd", self.odd),
        )
        low, high = unsigned_range(self.bits)
        least = low if self.odd else signed_range(self.bits)[0]
        self._set(low=whole(f"{name}: low", self.low, least, high))
        if self.low < 0:
            high = signed_range(self.bits)[1]
        self._set(high=whole(f"{name}: high", self.high, self.low, high))

    def signal(self, *given: Signal) -> Signal:
        """Return the map of codes; refuse where a product could overflow int64."""
        scaled(self, *given)
        lowest, highest = (integer_of(k, self.bits, self.odd) for k in (self.low, self.high))
        return Signal(given[0].shape, lowest, highest, self.bits)


@dataclass(frozen=True, eq=False)
class Scores(Layer):
    """The last layer: y = x multiplier + bias, in int64; int32 and int64 (channels,) each."""

    multiplier: Any
    bias: Any

    @property
    def real(self) -> bool:
        """Integers only."""
        return False

    def check(self) -> None:
        """Refuse constants out of their registers."""
        name = self.name
        self._set(
            multiplier=sealed_wholes(f"{name}: multiplier", self.multiplier, 1, INT32, np.int32),
            bias=sealed_wholes(f"{name}: bias", self.bias, 1, INT64, np.int64),
        )

    def signal(self, *given: Signal) -> Signal:
        """Return the map of scores; refuse where one could overflow int64."""
        return scaled(self, *given)


def scaled(layer: Requant | Scores, source: Signal) -> Signal:
    """Return the map of x multiplier + bias, which must fit int64; their product always does."""
    name = layer.name
    for what in ("multiplier", "bias"):
        layer._count(what, len(getattr(layer, what)), source.shape)
    pairs = list(zip(layer.multiplier.tolist(), layer.bias.tolist(), strict=True))
    ends = [x * factor + bias for factor, bias in pairs for x in (source.lowest, source.highest)]
    return ranged(name, source.shape, min(ends), max(ends), INT64)


@dataclass(frozen=True, eq=False)
class Affine(Layer):
    """The float32 twin of Requant and Scores: y = min(max(x scale + bias, low), high).

    scale, bias: (channels,) each; low and high may be infinite. One product and one sum, each
    rounded to float32.
    """

    scale: Any
    bias: Any
    low: float = -math.inf
    high: float = math.inf

    @property
    def real(self) -> bool:
        """Float32 only."""
        return True

    def check(self) -> None:
        """Refuse constants that are not finite, and limits that are not in order."""
        name = self.name
        self._set(
            scale=sealed_reals(f"{name}: scale", self.scale, 1),
            bias=sealed_reals(f"{name}: bias", self.bias, 1),
        )
        for what in ("low", "high"):
            found = number(f"{name}: {what}", getattr(self, what))
            with np.errstate(over="ignore"):
                self._set(**{what: float(np.float32(found))})
        if not self.low <= self.high:
            raise ValueError(
                f"{name}: low = {self.low}, high = {self.high} found; allowed: low <= high"
            )

    def signal(self, *given: Signal) -> Signal:
        """Return a float32 map."""
        for what in ("scale", "bias"):
            self._count(what, len(getattr(self, what)), given[0].shape)
        return Signal(given[0].shape)

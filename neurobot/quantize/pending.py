"""Real values that an exported network has not computed: integers with what is still to be done.

Batch norm, biases and activations change nothing in the network until a quantizer asks for codes;
until then they are kept here, in float64, by channel.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.signals import Shape, windows

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pool:
    """A max-pool's window, step and border, each of rows and columns."""

    size: Pair
    stride: Pair
    padding: Pair


@dataclass(frozen=True, eq=False, slots=True)
class Leaf:
    """A map of the network, and what its integers x mean.

    value = clip(x scale + bias, low, high), each of shape (channels,), then max-pooled.
    """

    source: str
    scale: Floats
    bias: Floats
    low: Floats
    high: Floats
    pools: tuple[Pool, ...] = ()

    @classmethod
    def of(cls, source: str, scale: Floats, bias: Floats | None = None) -> "Leaf":
        """Say what the integers of a map mean before anything is done to them."""
        zeros = np.zeros_like(scale)
        ends = np.full_like(scale, np.inf)
        return cls(source, scale, zeros if bias is None else bias, -ends, ends)

    @property
    def clipped(self) -> bool:
        """Whether a limit is set."""
        return bool(np.isfinite([self.low, self.high]).any())

    @property
    def key(self) -> tuple[object, ...]:
        """What it consists of but the pools, for comparison."""
        arrays = (self.scale, self.bias, self.low, self.high)
        return (self.source, *(array.tobytes() for array in arrays))

    def affine(self, scale: Floats, bias: Floats) -> "Leaf":
        """Multiply and add after everything else."""
        with np.errstate(invalid="ignore"):
            ends = np.stack([end * scale + bias for end in (self.low, self.high)])
        # Times zero, no limit matters: the value is the bias.
        low, high = np.where(scale == 0, [[-np.inf], [np.inf]], np.sort(ends, axis=0))
        return replace(
            self, scale=self.scale * scale, bias=self.bias * scale + bias, low=low, high=high
        )

    def clip(self, low: float, high: float) -> "Leaf":
        """Set limits after everything else."""
        return replace(self, low=np.clip(self.low, low, high), high=np.clip(self.high, low, high))


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A tensor of the traced network: channels chosen from the maps of its leaves.

    shape: (rows, columns, channels); index: (channels,), places among the channels of all leaves,
    none of them twice; flat: whether the tensor is (N, channels x rows x columns).
    """

    shape: Shape
    leaves: tuple[Leaf, ...]
    index: Numbers
    flat: bool = False

    @classmethod
    def of(cls, shape: Shape, leaf: Leaf, flat: bool = False) -> "Value":
        """Take all channels of one map as they are."""
        return cls(shape, (leaf,), np.arange(shape[2]), flat)

    @property
    def whole(self) -> bool:
        """Whether it is one map, with all its channels in order."""
        return len(self.leaves) == 1 and np.array_equal(
            self.index, np.arange(len(self.leaves[0].scale))
        )

    def spread(self, by_channel: Floats, rest: float) -> list[Floats]:
        """Hand numbers by channel to the leaves; channels that were left out get rest."""
        counts = [len(leaf.scale) for leaf in self.leaves]
        numbers = np.full(sum(counts), rest)
        numbers[self.index] = by_channel
        return np.split(numbers, np.cumsum(counts)[:-1])

    def affine(self, name: str, scale: Floats, bias: Floats) -> "Value":
        """Multiply and add by channel, (channels,) each, in the name of a layer."""
        if any(leaf.pools for leaf in self.leaves) and (scale < 0).any():
            raise ValueError(
                f"layer {name!r} has a negative factor after a max-pool; "
                "allowed: positive factors there, or the layer before the pool"
            )
        parts = zip(self.leaves, self.spread(scale, 1.0), self.spread(bias, 0.0), strict=True)
        return replace(self, leaves=tuple(leaf.affine(a, b) for leaf, a, b in parts))

    def clip(self, low: float, high: float) -> "Value":
        """Set limits."""
        return replace(self, leaves=tuple(leaf.clip(low, high) for leaf in self.leaves))

    def pool(self, name: str, pool: Pool) -> "Value":
        """Take window maxima, in the name of a layer."""
        shape = windows(name, self.shape, pool.size, pool.stride, pool.padding, self.shape[2])
        leaves = tuple(replace(leaf, pools=(*leaf.pools, pool)) for leaf in self.leaves)
        return replace(self, shape=shape, leaves=leaves)

    def take(self, channels: Numbers) -> "Value":
        """Choose channels, each at most once, and forget the leaves that none comes from."""
        kept, starts, start, first = [], [], 0, 0
        index = self.index[channels]
        for leaf in self.leaves:
            last = first + len(leaf.scale)
            if ((index >= first) & (index < last)).any():
                kept.append(leaf)
                starts.append((first, last, start - first))
                start += last - first
            first = last
        moved = sum(np.where((index >= a) & (index < b), by, 0) for a, b, by in starts)
        shape = (*self.shape[:2], len(channels))
        return replace(self, shape=shape, leaves=tuple(kept), index=index + moved)


def concatenate(values: list[Value]) -> Value:
    """Put the channels of maps of equal rows and columns side by side."""
    counts = [sum(len(leaf.scale) for leaf in value.leaves) for value in values]
    starts = np.cumsum([0, *counts[:-1]])
    index = np.concatenate([v.index + start for v, start in zip(values, starts, strict=True)])
    leaves = tuple(leaf for value in values for leaf in value.leaves)
    return Value((*values[0].shape[:2], len(index)), leaves, index)

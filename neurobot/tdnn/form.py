"""The one form of a network that every pass of the compiler reads and returns.

A chain of stages on maps (rows, columns, channels): layers of neurons, and window maxima. A weight
of 0 is no connection. Weights, scales and biases are float64 until a pass turns them into integers,
a stage at a time from the first one on; whether a network runs in space, a whole map at once, or in
time, a sample per clock, is said by its `clocking` alone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.checks import (
    INT32,
    INT64,
    MOST_BITS,
    MOST_VALUES,
    Pair,
    flag,
    margins,
    number,
    numbers,
    pair,
    seal,
    sealed_wholes,
    unsigned_range,
    whole,
    wholes,
)
from neurobot.qnet.layers import check_name
from neurobot.qnet.network import INPUT, Notes, checked_notes
from neurobot.qnet.signals import Shape, Signal, integer_of, ranged, sized, windows

Array = NDArray[Any]
LEAST_FAN_IN = 2
MOST_SHIFT = 24  # of a leaf's sum


@dataclass(frozen=True, eq=False)
class Tree:
    """How the connections of a neuron are shared out among hardware neurons of so many synapses.

    leaf: as the weights' shape, the number of the leaf that holds a connection, from 0 on in each
    neuron, -1 where there is none. shifts: (out, leaves), by how many bits each leaf's sum is
    shifted to the left; zeros in real numbers. Leaves are joined in order, `fan_in` at a time,
    until one neuron is left, which carries bias and activation.
    """

    fan_in: int
    leaf: Array
    shifts: Array


@dataclass(frozen=True, eq=False)
class Named:
    """A part of the chain, by the name that the trained network gave it."""

    name: str

    def __post_init__(self) -> None:
        check_name(self.name)
        self.check()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def check(self) -> None:
        """Refuse constants that no input could make right."""


@dataclass(frozen=True, eq=False)
class Neurons(Named):
    """A layer: y = clip((sum of weights x inputs) scale + bias, low, high), in windows of a map.

    In real numbers (float64), scale is what is left of a batch norm. In integers weights are codes
    of `weight_bits`, scale and bias int32 and int64, and y = clip(... >> shift, low, high), or
    2 y - (2^bits - 1) where the codes of `bits` are `odd`; the last layer's scores keep all bits
    (shift 0, low and high None). Zeros surround the map. A fully connected layer is one whose
    window is the whole map. tree: how the sums are shared out; None: one neuron, however large.
    """

    weights: Any  # (out, rows, columns, in)
    scale: Any  # (out,)
    bias: Any  # (out,)
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    low: float | int | None = None
    high: float | int | None = None
    shift: int = 0
    bits: int = 32  # of what comes out
    odd: bool = False
    weight_bits: int = 32
    tree: Tree | None = None

    def check(self) -> None:
        """Refuse arrays that do not fit each other, and constants out of their registers."""
        name = self.name
        weights = numbers(f"{name}: weights", self.weights, 4, "iuf")
        out = len(weights)
        if weights.dtype.kind == "f":
            for what in ("weights", "scale", "bias"):
                given = getattr(self, what)
                sealed = seal(numbers(f"{name}: {what}", given, np.ndim(given), "iuf"), np.float64)
                if not np.isfinite(sealed).all():
                    raise ValueError(f"{name}: {what} found that are not all finite")
                self._set(**{what: sealed})
        else:
            ends = (-(1 << MOST_BITS) + 1, (1 << MOST_BITS) - 1)
            self._set(
                weights=sealed_wholes(f"{name}: weights", weights, 4, ends, np.int32),
                scale=sealed_wholes(f"{name}: scale", self.scale, 1, INT32, np.int64),
                bias=sealed_wholes(f"{name}: bias", self.bias, 1, INT64, np.int64),
                shift=whole(f"{name}: shift", self.shift, 0, 62),
                bits=whole(f"{name}: bits", self.bits, 1, 64),
                odd=flag(f"{name}: odd", self.odd),
                weight_bits=whole(f"{name}: weight_bits", self.weight_bits, 1, MOST_BITS),
            )
        for what in ("scale", "bias"):
            if getattr(self, what).shape != (out,):
                found = getattr(self, what).shape
                raise ValueError(f"{name}: {what} of shape {found} found; allowed: ({out},)")
        self._set(
            stride=pair(f"{name}: stride", self.stride, 1, MOST_VALUES),
            padding=margins(f"{name}: padding", self.padding, self.kernel),
        )
        if self.tree is not None:
            self.check_tree(self.tree)

    def check_tree(self, tree: Tree) -> None:
        """Refuse a tree that does not hold exactly the connections."""
        name, where = self.name, self.weights != 0
        least = f"allowed: {LEAST_FAN_IN} or more"
        if not isinstance(tree.fan_in, int | np.integer) or tree.fan_in < LEAST_FAN_IN:
            raise ValueError(f"{name}: fan-in {tree.fan_in} found; {least}")
        leaf, shifts = np.asarray(tree.leaf), np.asarray(tree.shifts)
        fits = leaf.shape == where.shape and shifts.shape[1:] != (0,) and shifts.ndim == 2
        fits = fits and len(shifts) == len(where)
        if not fits or ((leaf >= 0) != where).any() or leaf.max(initial=-1) >= shifts.shape[1]:
            raise ValueError(f"{name}: a tree found that does not hold exactly its connections")
        if shifts.min(initial=0) < 0 or shifts.max(initial=0) > MOST_SHIFT:
            raise ValueError(f"{name}: shifts out of 0..{MOST_SHIFT} found in its tree")
        sealed = Tree(int(tree.fan_in), seal(leaf, np.int32), seal(shifts, np.int32))
        most = most_of(sealed).max(initial=0)
        if most > tree.fan_in:
            raise ValueError(f"{name}: a leaf of {most} synapses found; fan-in is {tree.fan_in}")
        self._set(tree=sealed)

    @property
    def integer(self) -> bool:
        """Whether it computes in integers."""
        return bool(self.weights.dtype.kind != "f")

    @property
    def kernel(self) -> Pair:
        """Rows and columns of a window."""
        return self.weights.shape[1], self.weights.shape[2]

    @property
    def fan_ins(self) -> Array:
        """Connections of each neuron, (out,)."""
        return np.asarray(np.count_nonzero(self.weights, axis=(1, 2, 3)))

    @cached_property
    def shifted(self) -> Array:
        """Integer weights with the shift of their leaf, int64 (out, rows, columns, in)."""
        weights: Array = self.weights.astype(np.int64)
        if self.tree is None:
            return weights
        rows = np.arange(len(weights))[:, None, None, None]
        shifts = self.tree.shifts[rows, np.maximum(self.tree.leaf, 0)]
        return np.asarray(weights << shifts.astype(np.int64))

    def signal(self, given: Signal) -> Signal:
        """Return the output map; refuse integers of which some sum could leave its register."""
        out, _, _, channels = self.weights.shape
        if channels != given.shape[2]:
            raise ValueError(
                f"{self.name}: weights for {channels} channels found; allowed: {given.shape[2]}, "
                f"as in its input of shape {given.shape}"
            )
        shape = windows(self.name, given.shape, self.kernel, self.stride, self.padding, out)
        if not self.integer:
            return Signal(shape)
        low, high = min(given.lowest, 0), max(given.highest, 0)
        up = np.maximum(self.shifted, 0).sum(axis=(1, 2, 3)).tolist()
        down = np.minimum(self.shifted, 0).sum(axis=(1, 2, 3)).tolist()
        ends = [(p * low + n * high, p * high + n * low) for p, n in zip(up, down, strict=True)]
        ranged(self.name, shape, min(a for a, _ in ends), max(b for _, b in ends))
        pairs = list(zip(self.scale.tolist(), self.bias.tolist(), ends, strict=True))
        sums = [x * factor + bias for factor, bias, both in pairs for x in both]
        made = ranged(self.name, shape, min(sums), max(sums), INT64)
        if self.low is None or self.high is None:
            return made
        lowest, highest = (integer_of(int(k), self.bits, self.odd) for k in (self.low, self.high))
        return Signal(shape, lowest, highest, self.bits)


@dataclass(frozen=True, eq=False)
class Maxima(Named):
    """The greatest value of each window, by channel; what surrounds the map never wins."""

    size: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)

    def check(self) -> None:
        """Refuse windows that could lie outside of a map."""
        name = self.name
        size = pair(f"{name}: size", self.size, 1, MOST_VALUES)
        self._set(
            size=size,
            stride=pair(f"{name}: stride", self.stride, 1, MOST_VALUES),
            padding=margins(f"{name}: padding", self.padding, size),
        )

    @property
    def kernel(self) -> Pair:
        """Rows and columns of a window."""
        return self.size

    def signal(self, given: Signal) -> Signal:
        """Return the map of window maxima."""
        channels = given.shape[2]
        shape = windows(self.name, given.shape, self.size, self.stride, self.padding, channels)
        return Signal(shape, given.lowest, given.highest, given.bits)


Stage: TypeAlias = Neurons | Maxima


@dataclass(frozen=True, slots=True)
class Clocking:
    """How a frame streams: clocks from one line's first sample to the next one's, and lines."""

    line: int
    lines: int

    @property
    def frame(self) -> int:
        """Clocks from one frame's first sample to the next one's."""
        return self.line * self.lines


@dataclass(frozen=True, eq=False, kw_only=True)
class Net:
    """A chain of stages; images are integers of `input_bits`, of input_shape (rows, columns, c).

    The n results of the last stage times output_scale are logits. notes: what a file is to tell.
    """

    input_shape: Shape
    stages: tuple[Stage, ...]
    input_bits: int = 8
    output_scale: float = 1.0
    clocking: Clocking | None = None
    notes: Notes = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = wholes("input_shape", self.input_shape, 1, MOST_VALUES, count=3)
        scale = number("output_scale", self.output_scale)
        if not 0 < scale < math.inf:
            raise ValueError(f"output_scale = {scale} found; allowed: finite and greater than 0")
        settled: dict[str, Any] = {
            "input_shape": sized(INPUT, (shape[0], shape[1], shape[2])),
            "stages": tuple(self.stages),
            "input_bits": whole("input_bits", self.input_bits, 1, 16),
            "output_scale": scale,
            "notes": MappingProxyType(checked_notes(self.notes)),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        check_chain(self.stages)
        if self.signals[-1].shape[:2] != (1, 1):
            raise ValueError(
                f"{self.stages[-1].name}: scores of shape {self.signals[-1].shape} found; "
                "allowed: (1, 1, n)"
            )

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """What the input can hold, and then the map of each stage."""
        found = [Signal(self.input_shape, *unsigned_range(self.input_bits), self.input_bits)]
        for stage in self.stages:
            found.append(stage.signal(found[-1]))
        return tuple(found)

    @property
    def layers(self) -> tuple[Neurons, ...]:
        """The stages of neurons, in order."""
        return tuple(stage for stage in self.stages if isinstance(stage, Neurons))

    @property
    def integer(self) -> bool:
        """Whether all of it computes in integers."""
        return all(layer.integer for layer in self.layers)

    def layer(self, name: str) -> Neurons:
        """Return the layer of neurons of a name."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"layer {name!r} is not known; known: {known}")

    def replaced(self, change: Callable[[Stage], Stage | tuple[Stage, ...]]) -> "Net":
        """Return the network with each stage changed into one or several."""
        stages: list[Stage] = []
        for stage in self.stages:
            made = change(stage)
            stages += made if isinstance(made, tuple) else (made,)
        return replace(self, stages=tuple(stages))

    def with_notes(self, notes: Mapping[str, Any]) -> "Net":
        """Return the same network with other notes."""
        return replace(self, notes=notes)


def most_of(tree: Tree) -> Array:
    """Return the synapses of the fullest leaf of each neuron, (out,)."""
    return np.asarray(leaf_counts(tree).max(axis=1, initial=0))


def leaf_counts(tree: Tree) -> Array:
    """Return the synapses of each leaf, (out, leaves)."""
    out, leaves = tree.shifts.shape
    counts = np.zeros((out, leaves), np.int64)
    row, *_ = places = np.nonzero(tree.leaf >= 0)
    np.add.at(counts, (row, tree.leaf[places]), 1)
    return counts


def check_chain(stages: tuple[Stage, ...]) -> None:
    """Refuse no neurons at all, a name that stands twice, and reals behind integers or before."""
    names = [stage.name for stage in stages]
    layers = [stage for stage in stages if isinstance(stage, Neurons)]
    if not layers or layers[-1] is not stages[-1]:
        last = names[-1] if names else "stages"
        raise ValueError(f"{last}: found at the end; allowed: a layer of neurons")
    for name in names:
        if name == INPUT or names.count(name) > 1:
            raise ValueError(f"{name}: a second stage of this name found; allowed: one")
    for layer in layers[:-1]:
        if layer.integer != layers[-1].integer:
            raise ValueError(f"{layer.name}: integers and real numbers found in one network")
        if layer.integer and (layer.low is None or layer.high is None):
            raise ValueError(f"{layer.name}: scores found inside; allowed: only at the end")

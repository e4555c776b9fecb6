"""The kinds of layers of a network, and those that compute nothing but sums and maxima.

Maps are (rows, columns, channels). A layer checks its own constants when it is made; its `signal`
says what its output map can hold, or refuses what it is given. Every refusal is one sentence that
begins with the layer's name.
"""

import reprlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from neurobot.qnet.checks import MOST_VALUES, Pair, margins, pair, sealed_wholes
from neurobot.qnet.signals import Signal, ranged, sized, windows

NAME_LENGTH = 100


def check_name(name: Any) -> None:
    """Refuse what a sentence could not name a layer by."""
    if not isinstance(name, str) or not name.isprintable() or not 1 <= len(name) <= NAME_LENGTH:
        raise ValueError(
            f"layer name {reprlib.repr(name)} found; "
            f"allowed: a printable text of at most {NAME_LENGTH} characters"
        )


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer of a network: its name, and the names of the maps that it reads."""

    name: str
    inputs: tuple[str, ...]

    arity: ClassVar[int | None] = 1  # how many maps it reads; None: one or more

    def __post_init__(self) -> None:
        check_name(self.name)
        names: Any = self.inputs
        if not isinstance(names, tuple | list) or not all(isinstance(key, str) for key in names):
            raise ValueError(
                f"{self.name}: inputs = {reprlib.repr(names)} found; allowed: a tuple of names"
            )
        self._set(inputs=tuple(names))
        wanted = "1 or more" if self.arity is None else self.arity
        if not self.inputs or self.arity not in (None, len(self.inputs)):
            raise ValueError(f"{self.name}: {len(self.inputs)} inputs found; allowed: {wanted}")
        self.check()

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def real(self) -> bool | None:
        """Whether it computes in float32; None: in what it is given."""
        return None

    def check(self) -> None:
        """Refuse constants that no input could make right."""

    def signal(self, *given: Signal) -> Signal:
        """Return what the output map is, given the input maps."""
        raise NotImplementedError

    def _count(self, what: str, found: int, shape: tuple[int, ...]) -> None:
        if found != shape[2]:
            raise ValueError(
                f"{self.name}: {what} for {found} channels found; allowed: {shape[2]}, "
                f"as in its input of shape {shape}"
            )


@dataclass(frozen=True, eq=False)
class Add(Layer):
    """Sum two maps of equal shape."""

    arity: ClassVar[int | None] = 2

    def signal(self, *given: Signal) -> Signal:
        """Return the map of sums, which must fit int32."""
        one, other = given
        if one.shape != other.shape:
            raise ValueError(
                f"{self.name}: maps of shape {one.shape} and {other.shape} found; "
                "allowed: equal shapes"
            )
        return ranged(self.name, one.shape, one.lowest + other.lowest, one.highest + other.highest)


@dataclass(frozen=True, eq=False)
class MaxPool(Layer):
    """Take the greatest value of each window, by channel; what surrounds the map never wins."""

    size: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)

    def check(self) -> None:
        """Refuse windows that could lie outside of a map."""
        size = pair(f"{self.name}: size", self.size, 1, MOST_VALUES)
        padding = margins(f"{self.name}: padding", self.padding, size)
        stride = pair(f"{self.name}: stride", self.stride, 1, MOST_VALUES)
        self._set(size=size, padding=padding, stride=stride)

    def signal(self, *given: Signal) -> Signal:
        """Return the map of window maxima."""
        (source,) = given
        shape = windows(
            self.name, source.shape, self.size, self.stride, self.padding, source.shape[2]
        )
        return Signal(shape, source.lowest, source.highest, source.bits)


@dataclass(frozen=True, eq=False)
class SumPool(Layer):
    """Sum the whole map by channel, into a map of (1, 1, channels)."""

    def signal(self, *given: Signal) -> Signal:
        """Return the map of sums, which must fit int32."""
        (source,) = given
        rows, columns, channels = source.shape
        lowest, highest = (rows * columns * end for end in (source.lowest, source.highest))
        return ranged(self.name, (1, 1, channels), lowest, highest)


@dataclass(frozen=True, eq=False)
class Channels(Layer):
    """Put the channels of all inputs side by side, then take those of the numbers in `index`."""

    index: Any

    arity: ClassVar[int | None] = None

    def check(self) -> None:
        """Refuse what is not a list of numbers of channels."""
        ends = (0, MOST_VALUES - 1)
        index = sealed_wholes(f"{self.name}: index", self.index, 1, ends, np.int32)
        self._set(index=index)

    def signal(self, *given: Signal) -> Signal:
        """Return the map of the channels that were taken."""
        shapes = [signal.shape for signal in given]
        if len({shape[:2] for shape in shapes}) > 1:
            raise ValueError(
                f"{self.name}: maps of shape {' and '.join(map(str, shapes))} found; "
                "allowed: equal rows and columns"
            )
        total = sum(shape[2] for shape in shapes)
        if self.index.max() >= total:
            raise ValueError(
                f"{self.name}: index {self.index.max()} found; allowed: 0..{total - 1}"
            )
        return Signal(
            sized(self.name, (*shapes[0][:2], len(self.index))),
            min(signal.lowest for signal in given),
            max(signal.highest for signal in given),
            max(signal.bits for signal in given),
        )

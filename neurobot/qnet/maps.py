"""Maps in memory, and steps: what the plan of a layer is made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.signals import Shape, Signal
from neurobot.qnet.vectors import LANES

Array = NDArray[Any]
# A kernel, and all that it takes.
Step = tuple[Callable[..., None], tuple[Any, ...]]


LINE = 64  # bytes of a cache line; reading lanes across two of them takes twice as long


def make_memory(size: int, kind: Any) -> Array:
    """Return zeros that begin at a line of the cache."""
    kind = np.dtype(kind)
    memory = np.zeros(size * kind.itemsize + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size * kind.itemsize].view(kind)


def on_lines(values: Array) -> Array:
    """Copy values, flat, to memory that begins at a line of the cache."""
    memory = make_memory(values.size, values.dtype)
    memory[:] = values.ravel()
    return memory


@dataclass(frozen=True, slots=True)
class Map:
    """A map as its users see it, and as most kernels do: flat, with LANES more numbers behind.

    signal: what it can hold, where it is one of a network's maps.
    """

    shape: Shape
    memory: Array
    signal: Signal | None = None

    @property
    def flat(self) -> Array:
        """All values in a row."""
        return self.memory[:-LANES]

    @property
    def rows(self) -> Array:
        """All values by row."""
        return self.flat.reshape(self.shape[0], -1)

    @property
    def places(self) -> Array:
        """All values by place and channel."""
        return self.flat.reshape(-1, self.shape[2])

    @property
    def shaped(self) -> Array:
        """All values by row, column and channel."""
        return self.flat.reshape(self.shape)


def make_map(shape: Shape, kind: Any, signal: Signal | None = None) -> Map:
    """Return a map of zeros."""
    return Map(shape, np.zeros(int(np.prod(shape)) + LANES, kind), signal)

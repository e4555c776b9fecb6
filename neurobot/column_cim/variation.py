"""What separates real memory cells from the digits that they were meant to hold.

A digit d of 0..beta - 1 is stored as a conductance g = g_min + d, in units of one digit. The window
between g_min and g_max is beta - 1 wide, so that an on/off ratio r = g_max / g_min makes
g_min = (beta - 1) / (r - 1), and none at all (r infinite) makes g_min = 0. Cells are programmed
once, with n ~ N(0, 1) drawn for each of them alone:

- lognormal: g exp(sigma n); a column's mean becomes exp(sigma^2 / 2) times what was meant
- proportional: g (1 + sigma n)
- independent: g + sigma g_max n

The two Gaussian laws may make a conductance negative, and then it stays so: cut off at 0, the mean
would drift. Which law the paper used is not known. A share of cells is stuck at g_max or g_min,
whatever was programmed.

Where g_min > 0, zeros conduct; a reference column in each tile, of cells at g_min that vary as all
others do, is subtracted from each column's sum before its conversion.

The numbers n follow from the seed, the layer's name and the shape of its digits alone: all laws,
sigmas, ratios and converters meet the same cells, so that their results pair.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from neurobot.column_cim.layers import in_use, on_arrays
from neurobot.column_cim.reading import Noise, count_image, read_noise
from neurobot.qnet import Network
from neurobot.qnet.checks import number
from neurobot.qnet.column_kernels import Disturb, Opened, plan_columns
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.runner import Array, Map, Plans, Step

# Conductances, normals, sigma and g_max -> conductances.
Law = Callable[[Array, Array, float, float], Array]
LAWS: dict[str, Law] = {
    "lognormal": lambda g, normals, sigma, top: g * np.exp(sigma * normals),
    "proportional": lambda g, normals, sigma, top: g * (1 + sigma * normals),
    "independent": lambda g, normals, sigma, top: g + sigma * top * normals,
}


@dataclass(frozen=True, slots=True)
class Variation:
    """How cells differ from what was stored; as it is made, not at all.

    sigma: of the law; on_off: g_max / g_min; stuck_on, stuck_off: shares of cells; read_sigma: of
    g_max, by cell, drawn anew at each read.
    """

    law: str = "lognormal"
    sigma: float = 0.0
    on_off: float = math.inf
    stuck_on: float = 0.0
    stuck_off: float = 0.0
    read_sigma: float = 0.0

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise ValueError(f"variation: law {self.law!r} found; allowed: {', '.join(LAWS)}")
        for name in ("sigma", "read_sigma"):
            self._hold(name, lambda value: 0 <= value < math.inf, "finite, 0 or more")
        self._hold("on_off", lambda value: value > 1, "more than 1, or inf")
        for name in ("stuck_on", "stuck_off"):
            self._hold(name, lambda value: 0 <= value <= 1, "a share, 0..1")
        if self.stuck_on + self.stuck_off > 1:
            raise ValueError(
                f"variation: stuck_on = {self.stuck_on:g}, stuck_off = {self.stuck_off:g} found; "
                "allowed: shares that are 1 or less together"
            )

    def _hold(self, name: str, fits: Callable[[float], bool], allowed: str) -> None:
        value = number(f"variation: {name}", getattr(self, name))
        if not fits(value):
            raise ValueError(f"variation: {name} = {value:g} found; allowed: {allowed}")
        object.__setattr__(self, name, value)

    @property
    def drawn(self) -> bool:
        """Whether cells are drawn by chance, when they are programmed."""
        return bool(self.sigma or self.stuck_on or self.stuck_off)

    @property
    def random(self) -> bool:
        """Whether one draw differs from another."""
        return self.drawn or bool(self.read_sigma)

    @property
    def leaky(self) -> bool:
        """Whether cells that hold a 0 conduct."""
        return self.on_off < math.inf

    @property
    def plain(self) -> dict[str, Any]:
        """Its values as JSON can hold them: None stands for an infinite on/off ratio."""
        return {**asdict(self), "on_off": self.on_off if self.leaky else None}

    def conductances(self, cell_bits: int) -> tuple[float, float]:
        """Return g_min and g_max of a cell of so many bits, in digits."""
        window = 2**cell_bits - 1
        least = window / (self.on_off - 1)
        return least, least + window


class Cells(NamedTuple):
    """Conductances in digits, float32: of columns (T, S', O, c, kh, kw), of references (T, c, ...).

    None: columns that are their digits, and no reference columns where zeros do not conduct.
    """

    columns: Array | None = None
    reference: Array | None = None


def stream(seed: int, *names: str) -> np.random.Generator:
    """Return the chance that belongs to a seed and names, from its beginning."""
    key = np.frombuffer(digest(seed, *names)[:16], "<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def digest(seed: int, *names: str) -> bytes:
    """Return 32 bytes that follow from a seed and names."""
    return hashlib.sha256("/".join([str(seed), *names]).encode()).digest()


class Spread(NamedTuple):
    """What is drawn for each cell: a normal, float32, and a number in [0, 1), whether it works."""

    normals: Array
    faults: Array


def draw_spread(shape: tuple[int, ...], *names: Any) -> Spread:
    """Draw for cells of a shape; names: see `stream`."""
    normals = stream(*names, "normals").standard_normal(shape, np.float32)
    return Spread(normals, stream(*names, "faults").random(shape))


def vary(meant: Array, variation: Variation, ends: tuple[float, float], spread: Spread) -> Array:
    """Return what becomes of conductances between two ends, float32."""
    # In float64: the last bit of a float32 exponential may depend on the machine.
    normals = spread.normals.astype(np.float64)
    made = LAWS[variation.law](meant, normals, variation.sigma, ends[1])
    made = np.where(spread.faults < variation.stuck_on, ends[1], made)
    made = np.where(spread.faults >= 1 - variation.stuck_off, ends[0], made)
    return made.astype(np.float32)


def columns_spread(conv: ColumnConv, seed: int) -> Spread:
    """Draw for the cells of a layer's columns, of the shape of its digits."""
    return draw_spread(conv.digits.shape, seed, "cells", conv.name)


def draw_cells(conv: ColumnConv, variation: Variation, seed: int) -> Cells:
    """Program the cells of a layer; rows without an input hold no cell that conducts."""
    check_cells(conv, variation)
    ends, used = variation.conductances(conv.cell_bits), in_use(conv)
    columns = vary(ends[0] + conv.digits, variation, ends, columns_spread(conv, seed))
    columns *= used[:, None, None]
    if not variation.leaky:
        return Cells(columns)
    zeros, drawn = (
        np.full(used.shape, ends[0]),
        draw_spread(used.shape, seed, "reference", conv.name),
    )
    return Cells(columns, used * vary(zeros, variation, ends, drawn))


def check_cells(conv: ColumnConv, variation: Variation) -> None:
    """Refuse conductances that cells of negative digits cannot have."""
    faulty = variation.leaky or variation.stuck_on or variation.stuck_off
    if faulty and conv.encoding == "signed_msb":
        raise ValueError(
            f"{conv.name}: encoding 'signed_msb' found with an on/off ratio or stuck cells; "
            "allowed: 'offset' or 'differential', whose cells hold no negative digits"
        )


def program(network: Network, variation: Variation, draw: int = 0) -> dict[str, Cells]:
    """Program the cells of all layers on arrays, by name; none where all are their digits."""
    if not (variation.drawn or variation.leaky):
        return {}
    return {conv.name: draw_cells(conv, variation, draw) for conv in on_arrays(network)}


@dataclass(frozen=True, eq=False)
class Varied:
    """What one `Runner` does otherwise, on cells that vary; reads, opened: see `plans_for`."""

    variation: Variation
    draw: int
    cells: Mapping[str, Cells]
    reads: Array
    last: str  # layer on arrays
    opened: Opened | None = None

    def plan(self, conv: ColumnConv, target: Map, source: Map, *taps: Any) -> list[Step]:
        """Plan a layer on its cells; the last one counts the image."""
        cells, reference = self.cells.get(conv.name, Cells())
        disturb = self.disturb(conv, target, source) if self.variation.read_sigma else None
        how: dict[str, Any] = {"cells": cells, "reference": reference, "disturb": disturb}
        steps = plan_columns(conv, target, source, *taps, **how, opened=self.opened)
        counted: list[Step] = [(count_image, (self.reads,))] if conv.name == self.last else []
        return [*steps, *counted]

    def disturb(self, conv: ColumnConv, target: Map, source: Map) -> Disturb:
        """Return what read noise does to a layer's sums."""
        (key,) = np.frombuffer(digest(self.draw, "reads", conv.name)[:8], "<u8").astype(np.uint64)
        _, most = self.variation.conductances(conv.cell_bits)
        noise = Noise(key, self.variation.read_sigma * most, self.variation.leaky)
        return read_noise(conv, target, source, noise, self.reads)


def plans_for(
    network: Network,
    variation: Variation,
    draw: int = 0,
    *,
    cells: Mapping[str, Cells] | None = None,
    reads: Array | None = None,
    opened: Opened | None = None,
) -> Plans:
    """Return what a `Runner` is to do otherwise, for a network on cells that vary.

    cells: of `program`, which is asked where there are none. reads: int64 (1,), the number of the
    next image, from which read noise follows; each run adds 1. Runners that share the images out
    each have one of their own, which says where their part begins. opened: see `plan_columns`.
    """
    programmed = program(network, variation, draw) if cells is None else cells
    count = np.zeros(1, np.int64) if reads is None else reads
    last = next((conv.name for conv in reversed(on_arrays(network))), "")
    return {ColumnConv: Varied(variation, draw, programmed, count, last, opened).plan}

"""Which sums the accumulators of the macros hold, at which cycle of a run.

A core computes fill by fill, place by place, tile by tile: neighbouring tiles of a fill lie in
neighbouring macros, and each takes as many cycles as its inputs need accesses. Meanwhile the
accumulators of a macro hold what the tile adds to: a part of the sums of its block at that place.
While weights are written, or waited for, nothing lives there. With paired refill, fills take turns
between both halves of the macros; with overlapped refill a layer first waits for its weights. Where
the schedule leaves a choice, this is assumed.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from neurobot.mars.plan import Plan, Step
from neurobot.mars.schedule import Timing, balance, fill_shares, writing_macros
from neurobot.mars.silicon import SLOTS, Silicon
from neurobot.mars.tiling import Tiling


class Held(NamedTuple):
    """What an accumulator holds: a part of the sum of a place and a channel of a layer's map."""

    layer: str
    place: int  # of the map, row by row
    channel: int


class Fill(NamedTuple):
    """Tiles that lie in the macros of a core together, dealt from one of its macros on."""

    start: int  # of computing, in cycles since the layer began
    stop: int
    share: int  # tiles of the fullest macro
    tiles: range  # of the core
    macros: range

    def tile(self, slot: int, macro: int) -> int | None:
        """Return which tile of the core a macro has in one of its slots; None: none."""
        if macro not in self.macros:
            return None
        number = slot * len(self.macros) + macro - self.macros.start
        return self.tiles[number] if number < len(self.tiles) else None


def starts_of(
    computes: Sequence[int], refills: Sequence[int], timing: Timing, way: str
) -> list[int]:
    """Return when the fills of a core begin to compute, in cycles since the layer began."""
    if way == "overlapped":
        waiting = timing.cycles - max(timing.compute_cycles, timing.post_cycles)
        return list(accumulate(computes[:-1], initial=waiting))
    both = zip(computes[:-1], refills[1:], strict=True)
    steps = (max(pair) if way == "paired" else sum(pair) for pair in both)
    return list(accumulate(steps, initial=refills[0]))


def fills_of(step: Step, tiles: int, silicon: Silicon, resident: bool) -> list[Fill]:
    """Return the fills of a core that has so many tiles of a layer."""
    macros = silicon.macros if resident else writing_macros(silicon)
    held = max(tiles, 1) if resident else silicon.tiles_per_macro(step.load.slot)
    shares = fill_shares(tiles, macros, held)
    bits = 0 if resident else silicon.tile_bits(step.load.slot)
    refills = [-(-share * bits // silicon.write_bits) for share in shares]
    computes = [step.load.accesses(silicon) * share for share in shares]
    way = "serial" if resident else silicon.refill
    starts = starts_of(computes, refills, step.timing, way) if shares else []
    found = []
    for k, (start, compute, share) in enumerate(zip(starts, computes, shares, strict=True)):
        first, turn = k * macros * held, k % (silicon.macros // macros) * macros
        own = range(first, min(first + macros * held, tiles))
        found.append(Fill(start, start + compute, share, own, range(turn, turn + macros)))
    return found


class Layer:
    """A convolution on the machine: which tiles a macro has, and when."""

    def __init__(self, step: Step, tiling: Tiling, silicon: Silicon, resident: bool) -> None:
        self.step, self.tiling = step, tiling
        self.accesses = step.load.accesses(silicon) // step.load.places  # of a tile at a place
        kept = np.array(step.load.kept)
        blocks = (np.array(own, np.int64) for own in balance(step.load.kept, silicon.cores))
        self.blocks = [np.repeat(own, kept[own]) for own in blocks]  # of each tile, by core
        self.fills = [fills_of(step, len(own), silicon, resident) for own in self.blocks]

    def held(self, offset: int, core: int, macro: int, column: int) -> Held | None:
        """Return what an accumulator holds so many cycles after the layer began."""
        for fill in self.fills[core]:
            if fill.start <= offset < fill.stop:
                place, slot = divmod((offset - fill.start) // self.accesses, fill.share)
                tile = fill.tile(slot, macro)
                return None if tile is None else self.sum_of(core, tile, place, column)
        return None

    def sum_of(self, core: int, tile: int, place: int, column: int) -> Held | None:
        """Return the sum that a column of a tile adds to; None where it is of no channel."""
        block = int(self.blocks[core][tile])
        group, part = divmod(block, self.tiling.blocks // self.tiling.groups)
        channel = part * self.tiling.columns + column
        if column >= self.tiling.columns or channel >= self.tiling.made:
            return None
        return Held(self.step.layer.name, place, group * self.tiling.made + channel)


class Residence:
    """Where the sums of a run lie."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        cycles = [step.timing.cycles for step in plan.steps]
        self.cycles = sum(cycles)
        self._starts = np.cumsum(cycles) - cycles

    @cached_property
    def _layers(self) -> list[Layer | None]:
        plan = self._plan
        return [
            Layer(step, step.packed.tiling, plan.silicon, plan.resident) if step.packed else None
            for step in plan.steps
        ]

    @property
    def columns(self) -> int:
        """Accumulators of a macro: as many as it has columns of its narrowest weights."""
        return self._plan.silicon.columns(SLOTS[0])

    def held(self, cycle: int, core: int, macro: int, column: int) -> Held | None:
        """Return what an accumulator holds at a cycle of the run; None: nothing."""
        number = int(np.searchsorted(self._starts, cycle, "right")) - 1
        layer = self._layers[number]
        if layer is None or not 0 <= cycle < self.cycles:
            return None
        return layer.held(cycle - int(self._starts[number]), core, macro, column)

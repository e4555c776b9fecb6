"""How long layers take, from what they ask of the cores alone: places, kept tiles, values.

Output blocks go to cores, the largest first. A core's tiles fill its macros as often as it takes.
The tiles of a fill are dealt evenly over the macros, each of which computes with one tile in a
cycle, at one place of the output map. Macros are written side by side, each by a port of its own.
When, is one of three assumptions:

- serial: all macros of a core, before they compute;
- paired: one half of them, while the other half computes; the first fill of a layer is waited for;
- overlapped: ahead of time, as if there were room for all weights, while images come one behind the
  other: of a network's computing and refilling, what takes longer. A bound that no machine reaches.

Layers wait for each other. Where all layers of a network fit the macros at once, weights are
resident: written when the machine is switched on, and not again. All of this is assumed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise, zip_longest
from typing import Any

from neurobot.events import MarsEvents
from neurobot.mars.codes import CODES, Mask, best_code, best_gap_bits, counts_of
from neurobot.mars.silicon import REFILLS, Silicon
from neurobot.mars.tiling import Tiling

Numbers = Sequence[int]


@dataclass(frozen=True, slots=True)
class Load:
    """What a layer asks of the machine, by image; one without weights has no blocks.

    places: windows, of which a tile meets every one; kept: stored tiles of each output block, out
    of so many positions; slot: bits of a weight in a macro; input_bits: of the inputs; outputs:
    values that the post units handle; macs: products of all windows, those on padding of the map
    included, of padded channels not; skipped: those of tiles that are not stored; index: its bits
    by block; scale_words: of the weight memories; rest: counts that hang on nothing but the layer.
    """

    name: str
    places: int = 0
    kept: tuple[int, ...] = ()
    positions: int = 0
    slot: int = 8
    input_bits: int = 8
    outputs: int = 0
    macs: int = 0
    skipped: int = 0
    index: tuple[int, ...] = ()
    scale_words: int = 0
    rest: MarsEvents = field(default_factory=MarsEvents)

    @property
    def tiles(self) -> int:
        """How many tiles are stored."""
        return sum(self.kept)

    def accesses(self, silicon: Silicon) -> int:
        """Return how many accesses each tile takes."""
        return self.places * -(-self.input_bits // silicon.input_bits)


def load_of(name: str, tiling: Tiling, mask: Mask, *, places: int, slot: int, **more: Any) -> Load:
    """Return the load of a convolution whose kept tiles a mask (blocks, positions) tells.

    more: other fields; outputs are by default the values of its map.
    """
    code = best_code(mask)
    dense = places * tiling.weights
    return Load(
        name,
        places,
        tuple(counts_of(mask).tolist()),
        tiling.positions,
        slot,
        macs=dense,
        skipped=places * int(tiling.sizes[~mask].sum()),
        index=tuple(CODES[code].sizes(mask, best_gap_bits(mask)).tolist()),
        **{"outputs": places * tiling.shape[0], **more},
    )


@dataclass(frozen=True, slots=True)
class Timing:
    """What a layer takes, by image.

    cycles: those in which it waits for weights included; compute_cycles, refill_cycles: of the
    slowest core; post_cycles: of the post units, which work meanwhile; tiles, busy: of each core,
    its tiles and the cycles in which it computes; written: tiles written into macros; crossings: of
    each core, how often sums of a block wait for the next fill; accesses: of all macros, so many.
    """

    cycles: int
    compute_cycles: int
    refill_cycles: int
    post_cycles: int
    tiles: tuple[int, ...]
    busy: tuple[int, ...]
    written: int
    crossings: tuple[int, ...]
    accesses: int
    macros: int

    @property
    def utilization(self) -> float:
        """Share of the cycles of all macros in which they compute."""
        return self.accesses / (self.cycles * self.macros) if self.cycles else 0.0


def balance(kept: Numbers, cores: int) -> tuple[tuple[int, ...], ...]:
    """Deal blocks of so many tiles to cores: the largest first, each to the core with the fewest.

    Ties go by number. Returns the blocks of each core, in order.
    """
    dealt: list[list[int]] = [[] for _ in range(cores)]
    tiles = [0] * cores
    for block in sorted(range(len(kept)), key=lambda block: -kept[block]):
        core = tiles.index(min(tiles))
        tiles[core] += kept[block]
        dealt[core].append(block)
    return tuple(tuple(sorted(blocks)) for blocks in dealt)


def dealt_out(load: Load, values: Numbers, silicon: Silicon) -> list[list[int]]:
    """Return values that a layer has by block, by core."""
    return [[values[block] for block in blocks] for blocks in balance(load.kept, silicon.cores)]


def writing_macros(silicon: Silicon) -> int:
    """Return how many macros of a core are filled together, and compute together."""
    return silicon.macros // (2 if silicon.refill == "paired" else 1)


def fill_shares(tiles: int, macros: int, held: int) -> list[int]:
    """Return how many tiles the fullest macro holds in each fill, if each holds so many at most."""
    full, rest = divmod(tiles, macros * held)
    return [held] * full + [-(-rest // macros)] * (rest > 0)


def crossings(sizes: Numbers, capacity: int) -> int:
    """Return how often a fill ends within a block, of blocks that lie one behind the other."""
    ends = pairwise(accumulate(sizes, initial=0))
    return sum((stop - 1) // capacity - start // capacity for start, stop in ends if stop > start)


def join_serial(computes: Numbers, refills: Numbers) -> int:
    """One after the other."""
    return sum(computes) + sum(refills)


def join_overlapped(computes: Numbers, refills: Numbers) -> int:
    """Both at once."""
    return max(sum(computes), sum(refills))


def join_paired(computes: Numbers, refills: Numbers) -> int:
    """Each fill is written while the one before it computes."""
    steps = zip_longest(computes, refills[1:], fillvalue=0)
    return sum(refills[:1]) + sum(max(step) for step in steps)


JOINS: dict[str, Callable[[Numbers, Numbers], int]] = dict(
    zip(REFILLS, (join_serial, join_overlapped, join_paired), strict=True)
)


def time_core(tiles: int, load: Load, silicon: Silicon, resident: bool) -> tuple[int, int, int]:
    """Return the cycles of a core with so many tiles: all, those of computing and of refilling."""
    each, held = load.accesses(silicon), silicon.tiles_per_macro(load.slot)
    if resident:
        compute = each * -(-tiles // silicon.macros)
        return compute, compute, 0
    shares = fill_shares(tiles, writing_macros(silicon), held)
    computes = [each * share for share in shares]
    bits = silicon.tile_bits(load.slot)
    refills = [-(-share * bits // silicon.write_bits) for share in shares]
    return JOINS[silicon.refill](computes, refills), sum(computes), sum(refills)


def time_layer(load: Load, silicon: Silicon, resident: bool = False) -> Timing:
    """Time a layer on its own."""
    blocks = dealt_out(load, load.kept, silicon)
    tiles = tuple(sum(sizes) for sizes in blocks)
    cycles, busy, refill = zip(
        *(time_core(own, load, silicon, resident) for own in tiles), strict=True
    )
    capacity = writing_macros(silicon) * silicon.tiles_per_macro(load.slot)
    post = -(-load.outputs // silicon.post_lanes)
    return Timing(
        cycles=max(*cycles, post),
        compute_cycles=max(busy),
        refill_cycles=max(refill),
        post_cycles=post,
        tiles=tiles,
        busy=busy,
        written=0 if resident else load.tiles,
        crossings=tuple(0 if resident else crossings(sizes, capacity) for sizes in blocks),
        accesses=load.tiles * load.accesses(silicon),
        macros=silicon.cores * silicon.macros,
    )


def is_resident(loads: Sequence[Load], silicon: Silicon) -> bool:
    """Whether all layers fit the macros at once; the fullest macro of a core decides."""
    bits = [0] * silicon.cores
    for load in loads:
        for core, sizes in enumerate(dealt_out(load, load.kept, silicon)):
            bits[core] += -(-sum(sizes) // silicon.macros) * silicon.tile_bits(load.slot)
    return max(bits) <= silicon.macro_bits


def overlap(timings: Sequence[Timing]) -> tuple[Timing, ...]:
    """Let layers wait as long as their weights cannot have been written, if writing never pauses.

    A layer ends no earlier than the writing of its weights, which goes on from image to image.
    """
    works = [max(timing.compute_cycles, timing.post_cycles) for timing in timings]
    leads = accumulate(t.refill_cycles - work for t, work in zip(timings, works, strict=True))
    delays = list(leads)
    starts = max(delays, default=0) - sum(delays[-1:])  # what the image before leaves
    delays = list(accumulate(delays, max, initial=starts))
    waits = (late - early for early, late in pairwise(delays))
    return tuple(
        replace(timing, cycles=work + wait)
        for timing, work, wait in zip(timings, works, waits, strict=True)
    )


def time_layers(loads: Sequence[Load], silicon: Silicon) -> tuple[Timing, ...]:
    """Time the layers of a network, one after the other."""
    resident = is_resident(loads, silicon)
    timings = tuple(time_layer(load, silicon, resident) for load in loads)
    return overlap(timings) if silicon.refill == "overlapped" else timings

"""What zero tiles and more macros are good for on the compute-in-memory machine, and what is not.

Prunings are of weights that are alike, drawn by groups of each layer's weights: of rows x columns
of a tile (what one access takes), or of other shapes. A group is at one place of the kernel.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from mars_shapes import FORMS, RESNET18, TITLES, VGG16, Draw, Form, Mask, Net, keep
from rich.table import Table

from neurobot.cli.terminal import make_table
from neurobot.mars import REFILLS, Silicon
from neurobot.mars.schedule import Load, Timing, time_layers
from neurobot.mars.tiling import Tiling

Row = dict[str, Any]
NAMES = {**TITLES, "vgg_small": "VGG-small", "resnet20": "ResNet-20", "small_vgg": "small VGG"}
ZEROS = (0.0, 0.25, 0.5, 0.75, 0.9)
PRUNED = (0.5, 0.75, 0.9, 0.95)
MACROS = (1, 2, 3, 4, 6, 8, 12, 16)
CLAIMED = 0.99
HALF = 0.5
WORTH = 0.8  # of the ideal speed-up: the knee is where the last number of macros has as much


class Inner(NamedTuple):
    """A convolution that is neither the first layer nor the classifier."""

    load: Load
    timing: Timing


def inner(net: Net, silicon: Silicon) -> list[Inner]:
    """Time a network; return the convolutions that are pruned."""
    loads = net.loads(silicon)
    pairs = [Inner(*pair) for pair in zip(loads, time_layers(loads, silicon), strict=True)]
    return [pair for pair in pairs if pair.load.kept][1:-1]


def tile_cycles(load: Load, silicon: Silicon) -> float:
    """Return the cycles of one tile in a macro: its accesses, and the writing of it."""
    return load.accesses(silicon) + silicon.tile_bits(load.slot) / silicon.write_bits


def follow_rows(seed: int, networks: Sequence[str] = tuple(NAMES)) -> list[Row]:
    """Tell each inner layer's kept tiles and cycles, and how many a tile takes by itself."""
    rows, silicon = [], Silicon()
    for network, form in product(networks, (FORMS[0], FORMS[-1])):
        for zeros in ZEROS:
            for load, timing in inner(Net(network, form, keep(zeros), seed), silicon):
                row: Row = {"network": network, "form": str(form), "zeros": zeros}
                row |= {"layer": load.name, "tiles": load.tiles, "cycles": timing.cycles}
                row["tiles_time"] = load.tiles * tile_cycles(load, silicon)
                rows.append(row)
    return rows


def grouped(rows: Sequence[Row], *names: str) -> dict[tuple[Any, ...], list[Row]]:
    """Group rows by what they have in some columns."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def correlation(rows: Sequence[Row], first: str, second: str = "cycles") -> float:
    """Correlate two columns; 0 where one of them stays the same."""
    one, other = (np.array([row[name] for row in rows], np.float64) for name in (first, second))
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else 0.0


def sums(rows: Sequence[Row]) -> list[Row]:
    """Sum a network's layers up, by share of zeros."""
    return [
        {name: sum(row[name] for row in each) for name in ("tiles", "cycles")}
        for each in grouped(rows, "zeros").values()
    ]


def show_follow(rows: Sequence[Row]) -> Iterator[Table | str]:
    """Lay out cycles by share of kept tiles, and how well the two go together."""
    heads = [f"{100 * (1 - zeros):.0f} %\nkept" for zeros in ZEROS[1:]]
    correlated = ("network", "layers:\nmedian", "least", "across\nlayers")
    title = "Cycles of the inner layers, % of those with all tiles; correlation with kept tiles"
    table = make_table("", "W/A", *heads, *correlated, title=title)
    within = {
        key: correlation(each, "tiles")
        for key, each in grouped(rows, "network", "form", "layer").items()
    }
    for (network, form), mine in grouped(rows, "network", "form").items():
        whole = sums(mine)
        cells = [f"{100 * each['cycles'] / whole[0]['cycles']:.1f}" for each in whole[1:]]
        own = [each for key, each in within.items() if key[:2] == (network, form)]
        across = correlation(mine, "tiles_time")
        figures = correlation(whole, "tiles"), median(own), min(own), across
        table.add_row(NAMES[network], form, *cells, *(f"{each:.4f}" for each in figures))
    yield table
    above = sum(each > CLAIMED for each in within.values())
    yield (
        "Network, layers: kept tiles and cycles over zero shares, of the sums and of each layer. "
        f"{above} of {len(within)} layers are above {CLAIMED}; the others have a handful of tiles "
        "for each macro, or wait for the post units. Across layers: kept tiles times the cycles of "
        "one, its accesses and its writing, over layers and zero shares; over all layers, forms "
        f"and networks {correlation(rows, 'tiles_time'):.4f}. Without that, so that a tile counts "
        f"alike on a map of any size: {correlation(rows, 'tiles'):.2f}.\n"
    )


def one_by_one(share: float) -> Draw:
    """Prune weights each by itself: a tile goes if all of its weights happen to go."""
    return lambda tiling, rng: rng.random(tiling.sizes.shape) >= share**tiling.sizes


def by_row_group(share: float) -> Draw:
    """Prune the inputs of one output at a time: a tile goes if those of all its columns do."""

    def draw(tiling: Tiling, rng: np.random.Generator) -> Mask:
        columns = replace(tiling, shape=(*tiling.shape[:3], 1), rows=1).sizes[:, :1]
        kept: Mask = rng.random((tiling.blocks, tiling.positions)) >= share**columns
        return kept

    return draw


def by_blocks(share: float, blocks: int) -> Draw:
    """Prune tiles of so many neighbouring output blocks together."""

    def draw(tiling: Tiling, rng: np.random.Generator) -> Mask:
        groups = -(-tiling.blocks // blocks)
        order = rng.permutation(groups * tiling.positions)
        kept = (order >= round(share * len(order))).reshape(groups, -1)
        return np.repeat(kept, blocks, axis=0)[: tiling.blocks]

    return draw


PRUNINGS: dict[str, Callable[[float], Draw]] = {
    "each weight": one_by_one,
    "R x 1": by_row_group,
    "R x C, a tile": keep,
    "R x 2C": lambda share: by_blocks(share, 2),
    "R x 4C": lambda share: by_blocks(share, 4),
}


def pruning_rows(seed: int, networks: Sequence[str] = (VGG16, RESNET18)) -> list[Row]:
    """Tell how many cycles of the inner layers prunings of equally many weights save."""
    rows = []
    for network in networks:
        for form in (FORMS[0], FORMS[-1]):
            dense = sum(
                e.timing.cycles for e in inner(Net(network, form, keep(0), seed), Silicon())
            )
            for share in PRUNED:
                row: Row = {"network": network, "form": str(form), "zero_weights": share}
                for name, draw in PRUNINGS.items():
                    found = inner(Net(network, form, draw(share), seed), Silicon())
                    row[name] = 1 - sum(each.timing.cycles for each in found) / dense
                rows.append(row)
    return rows


def show_prunings(rows: Sequence[Row]) -> Iterator[Table | str]:
    """Lay out what prunings save."""
    heads = ("W/A", "zero\nweights, %", *PRUNINGS)
    table = make_table("cycles saved, %", *heads)
    for row in rows:
        first = NAMES[row["network"]], row["form"], f"{100 * row['zero_weights']:.0f}"
        table.add_row(*first, *(f"{100 * row[name]:.2f}" for name in PRUNINGS))
    yield table
    most = max(row["each weight"] for row in rows)
    yield (
        f"R = 16 inputs, C = 8 outputs at 8 bits and 16 at 4. Weights that are pruned each by "
        f"itself save {100 * most:.2f} % of the cycles at most."
    )


# Cores, and macros of each, for n; a pair is two macros, here of one core in place of two.
ARRANGEMENTS: dict[str, Callable[[int, bool], tuple[int, int]]] = {
    "one core of n macros": lambda n, _: (1, n),
    "n cores of one macro": lambda n, paired: (n // 2, 2 - n % 2) if paired else (n, 1),
    "4 cores of n macros": lambda n, _: (4, n),
}


def arrange(name: str, count: int, refill: str) -> Silicon | None:
    """Return the machine of an arrangement; None: macros do not come out in pairs."""
    paired = refill == "paired"
    cores, macros = ARRANGEMENTS[name](count, paired)
    if paired and macros % 2:
        return None
    return Silicon(cores=cores, macros=macros, refill=refill)


def spent(loads: Sequence[Load], timings: Sequence[Timing], silicon: Silicon) -> dict[str, float]:
    """Share out the cycles of all macros, with serial refill.

    Cores wait without a block where there are fewer blocks than cores, and for the slowest core
    where blocks do not come out even; macros idle where a fill's tiles do not.
    """
    cores, macros = silicon.cores, silicon.macros
    total = sum(timing.cycles for timing in timings) * cores * macros
    computing = sum(timing.accesses for timing in timings)
    busy = sum(sum(timing.busy) for timing in timings) * macros
    slots = sum(timing.compute_cycles for timing in timings) * cores * macros
    empty = sum(t.compute_cycles * t.tiles.count(0) for t in timings if any(t.tiles)) * macros
    refill = sum(timing.refill_cycles for timing in timings) * cores * macros
    return {
        "computing": computing / total,
        "no tile": (busy - computing) / total,
        "no block": empty / total,
        "slowest core": (slots - busy - empty) / total,
        "refill": refill / total,
        "post units": (total - slots - refill) / total,
    }


RACED = ((VGG16, FORMS[0]), (RESNET18, FORMS[-1]), ("small_vgg", FORMS[0]))


def macros_rows(seed: int, raced: Sequence[tuple[str, Form]] = RACED) -> list[Row]:
    """Tell cycles by refill for each arrangement of so many macros, and where serial ones go."""
    rows = []
    for network, form in raced:
        loads = Net(network, form, keep(HALF), seed).loads(Silicon())
        for name, macros in product(ARRANGEMENTS, MACROS):
            row: Row = {"network": network, "form": str(form), "zeros": HALF}
            row |= {"arrangement": name, "macros": macros}
            for refill in REFILLS:
                silicon = arrange(name, macros, refill)
                timings = time_layers(loads, silicon) if silicon else ()
                row[refill] = sum(timing.cycles for timing in timings) or None
                if silicon and refill == "serial":
                    row["spent"] = spent(loads, timings, silicon)
            rows.append(row)
    return rows


def speed_ups(rows: Sequence[Row], refill: str) -> dict[int, float]:
    """Return by macros the speed, in units of that of one: of the fewest, by their number."""
    timed = {row["macros"]: row[refill] for row in rows if row[refill]}
    fewest = min(timed)
    return {macros: fewest * timed[fewest] / cycles for macros, cycles in timed.items()}


def knee(found: dict[int, float]) -> int:
    """Return up to how many macros the speed-up is worth it."""
    worth = [macros for macros, speed_up in found.items() if speed_up >= WORTH * macros]
    lost = [macros for macros in found if macros not in worth]
    return max(macros for macros in worth if not lost or macros < min(lost))


def show_macros(rows: Sequence[Row]) -> Iterator[Table | str]:
    """Lay out the speed-ups of each network, and say where the macros' cycles go."""
    for (network, form, zeros), mine in grouped(rows, "network", "form", "zeros").items():
        arranged_rows = {name: each for (name,), each in grouped(mine, "arrangement").items()}
        found = {
            (name, refill): speed_ups(each, refill)
            for name, each in arranged_rows.items()
            for refill in REFILLS
        }
        heads = [f"{name}:\n{refill}" if refill == REFILLS[0] else refill for name, refill in found]
        title = f"{NAMES[network]}, {form}, {100 * zeros:.0f} % zero tiles: speed-up by n"
        table = make_table("n", *heads, title=title)
        for macros in MACROS:
            cells = [f"{each[macros]:.2f}" if macros in each else "" for each in found.values()]
            table.add_row(str(macros), *cells)
        yield table
        for name, each in arranged_rows.items():
            yield explain(name, each)
        yield ""


def tell(spent: dict[str, float]) -> str:
    """Write shares in per cent, the largest first, without the smallest."""
    ordered = sorted(spent.items(), key=lambda each: -each[1])
    return ", ".join(f"{part} {100 * share:.0f}" for part, share in ordered if share >= 0.005)


def explain(name: str, rows: Sequence[Row]) -> str:
    """Say up to where more macros are worth it, and where their cycles go with serial refill."""
    knees = {refill: knee(speed_ups(rows, refill)) for refill in REFILLS}
    last = MACROS[-1]
    said = ", ".join(f"{r} {'all' if n == last else f'up to {n}'}" for r, n in knees.items())
    spoken = [f"{row['macros']}: {tell(row['spent'])}" for row in (rows[0], rows[-1])]
    resident = [row["macros"] for row in rows if not row["spent"]["refill"]]
    held = f"; from {resident[0]} on all weights stay in the macros" if resident else ""
    return (
        f"{name}: worth {WORTH:.0%} of their number: {said}{held}. Cycles of all macros, %, with "
        f"{'; '.join(spoken)}."
    )

"""Make the tables of the compute-in-memory machine: time and energy, from shapes and drawn masks.

python scripts/table_mars_hardware.py TABLE [--seed N] [--json], with TABLE one of

published: VGG16 and ResNet18 for CIFAR beside the figures that MARS published;
sweep: which settings of what is not known can explain those figures at all;
tiles: cycles follow the tiles that are kept, and what other ways to prune save;
macros: what more macros, or more cores, are good for, and where their time goes;
index: what each code of the index takes.

Everything is modelled; `neurobot.mars` says what is assumed, `mars_shapes` how masks are drawn.
Energies are those of `scaled28`. Needs the extra `train`, for the networks' shapes.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import mars_scaling
import mars_sweep
import numpy as np
from mars_shapes import FORMS, RESNET18, TITLES, VGG16, Net, keep, layers_of, measure
from rich.table import Table

from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.cost import BOUNDS
from neurobot.mars import REFILLS, Silicon
from neurobot.mars.codes import code_sizes
from neurobot.mars.tiling import Tiling

Row = dict[str, Any]
Shown = Iterator[Table | str]
ZEROS = (0.0, 0.5, 0.75, 0.9)
NETWORKS = (VGG16, RESNET18)
# Bits, rows and columns of a tile; 16 x 1 are groups of one output's inputs.
TILES = ((8, 16, 8), (4, 16, 16), (8, 8, 8), (8, 32, 8), (8, 16, 1), (4, 16, 1))


def published_rows(seed: int) -> list[Row]:
    """Measure both networks; energies and power are with serial refill."""
    rows = []
    for network, form, zeros in product(NETWORKS, FORMS, ZEROS):
        loads = Net(network, form, keep(zeros), seed).loads(Silicon())
        found = {refill: measure(loads, Silicon(refill=refill)) for refill in REFILLS}
        serial = found["serial"]
        row: Row = {"network": network, "form": str(form), "zeros": zeros}
        row |= {"compute_cycles": serial.compute, "refill_cycles": serial.refill}
        row |= {f"frames_per_s, {name}": each.frames_per_s for name, each in found.items()}
        row |= {f"energy_j, {bound}": serial.energy_j(bound) for bound in BOUNDS}
        row |= {"macros_j": serial.macros_j, "power_w": serial.energy_j() * serial.frames_per_s}
        row |= {"tops_per_w": serial.tops_per_w(), "executed": serial.executed_tops_per_w()}
        rows.append(row)
    return rows


def publication(rows: Sequence[Row]) -> str:
    """Say what was published, and what that is a frame if it is dense-equivalent."""
    rates = (f"over {rate} frames/s" for rate in mars_sweep.RATES)
    said = []
    for network, tops in mars_sweep.TOPS_PER_W.items():
        row = next(row for row in rows if row["network"] == network)
        microjoules = 1e6 * row["energy_j, nominal"] * row["tops_per_w"] / tops
        said.append(f"{tops} TOPS/W with {TITLES[network]} ({microjoules:.1f} uJ a frame)")
    return (
        f"Published: {' on CIFAR-10 and '.join(rates)} on CIFAR-100, with which network is not "
        f"said; {', '.join(said)}; the energies follow if these count the dense network."
    )


def assumptions() -> str:
    """Say what the tables assume."""
    silicon = Silicon()
    macros = (
        f"{silicon.cores} cores of {silicon.macros} macros of {silicon.macro_bits // 1024} kbit"
    )
    columns = f"{silicon.columns(8)} columns of 8-bit weights or {silicon.columns(4)} of 4-bit ones"
    return (
        f"Assumed: {macros}, {silicon.rows} rows by {columns} at once, {silicon.write_bits} bits a "
        f"cycle into each macro, {silicon.clock_hz / 1e6:.0f} MHz; all weights on the chip; first "
        "layer and classifier of 8 bits with all tiles; zero tiles drawn at random. Energy: macros "
        "by published ones of 28 nm, all else scaled; leakage included, serial refill."
    )


def show_published(rows: Sequence[Row]) -> Shown:
    """Lay the comparison out: a table of times, one of energies."""
    yield publication(rows)
    yield assumptions()
    first = ("W/A", "zero\n%")
    times = make_table("frames/s", *first, "compute\nkcycles", "refill\nkcycles", *REFILLS)
    more = (
        "uJ a\nframe",
        "low..high",
        "macros\nalone, uJ",
        "mW",
        "TOPS/W\ndense",
        "TOPS/W\nexecuted",
    )
    energies = make_table("energy", *first, *more)
    for row in rows:
        start = TITLES[row["network"]], row["form"], f"{100 * row['zeros']:.0f}"
        cycles = [f"{row[name] / 1e3:.0f}" for name in ("compute_cycles", "refill_cycles")]
        times.add_row(*start, *cycles, *(f"{row[f'frames_per_s, {name}']:.0f}" for name in REFILLS))
        nominal, low, high = (1e6 * row[f"energy_j, {bound}"] for bound in BOUNDS)
        figures = 1e6 * row["macros_j"], 1e3 * row["power_w"], row["tops_per_w"], row["executed"]
        ends = f"{low:.1f}..{high:.1f}"
        energies.add_row(*start, f"{nominal:.1f}", ends, *(f"{each:.1f}" for each in figures))
    yield times
    yield energies


def sweep_rows(seed: int) -> list[Row]:
    """Sweep all unknowns."""
    return mars_sweep.rows_of(mars_sweep.measure_all(mars_sweep.Grid(), seed))


def index_rows(seed: int, networks: Sequence[str] = NETWORKS) -> list[Row]:
    """Tell the bits of each code for all convolutions, and those of the tiles that are kept."""
    rows = []
    for network, (bits, high, wide), zeros in product(networks, TILES, ZEROS):
        rng, draw, kept = np.random.default_rng(seed), keep(zeros), 0
        sizes: dict[str, int] = {}
        for layer in layers_of(network):
            if layer.weights is None or layer.places == 1:
                continue
            mask = draw(Tiling(layer.weights, 1, high, wide), rng)
            kept += int(mask.sum())
            for name, size in code_sizes(mask).items():
                sizes[name] = sizes.get(name, 0) + size
        row: Row = {"network": network, "weight_bits": bits, "rows": high, "columns": wide}
        rows.append(row | {"zeros": zeros, "tile_bits": kept * high * wide * bits, **sizes})
    return rows


def show_index(rows: Sequence[Row]) -> Shown:
    """Lay the codes out."""
    names = [name for name in rows[0] if name in ("bitmap", "list", "delta")]
    heads = ("tile", "bits", "zero\n%", "tiles\nMbit", *(f"{name}\nkbit" for name in names))
    table = make_table("", *heads, "smallest", "of the tiles\n%", title="Index of all convolutions")
    for row in rows:
        best = min(names, key=lambda name: row[name])
        table.add_row(
            TITLES[row["network"]],
            f"{row['rows']} x {row['columns']}",
            str(row["weight_bits"]),
            f"{100 * row['zeros']:.0f}",
            f"{row['tile_bits'] / 1e6:.1f}",
            *(f"{row[name] / 1e3:.0f}" for name in names),
            best,
            f"{100 * row[best] / row['tile_bits']:.2f}",
        )
    yield table


Part = tuple[Callable[[int], list[Row]], Callable[[Sequence[Row]], Shown]]
TABLES: dict[str, tuple[Part, ...]] = {
    "published": ((published_rows, show_published),),
    "sweep": ((sweep_rows, mars_sweep.show),),
    "tiles": (
        (mars_scaling.follow_rows, mars_scaling.show_follow),
        (mars_scaling.pruning_rows, mars_scaling.show_prunings),
    ),
    "macros": ((mars_scaling.macros_rows, mars_scaling.show_macros),),
    "index": ((index_rows, show_index),),
}


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("table", choices=list(TABLES))
    options.add_argument("--seed", type=int, default=0, help="of the masks (default: 0)")
    options.add_argument("--json", action="store_true", help="print one JSON object instead")
    args = options.parse_args()
    made = [(make(args.seed), show) for make, show in TABLES[args.table]]
    if args.json:
        rows = [row for each, _ in made for row in each]
        print_json("table_mars_hardware", args.seed, rows, table=args.table)
        return
    console = wide_console()
    for rows, show in made:
        for each in show(rows):
            console.print(each)


if __name__ == "__main__":
    main()

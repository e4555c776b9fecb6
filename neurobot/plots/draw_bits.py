"""The map of critical bits: parts of a memory over places in a value."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurobot.plots.figures import INK, STONE, Axes, Figure

Row = Mapping[str, Any]

MAP = "cividis"  # even in lightness, and for colour-blind readers
CELL_IN, EDGE_IN = (0.3, 0.27), (1.5, 1.2)
LEAST_WIDE = 8  # bits that a map has room for
MOST_WRITTEN = 9  # columns in which figures fit at full size
LEAST_LIGHT = 0.55  # of the scale: dark letters from there on


def grid_of(rows: Sequence[Row], key: str) -> tuple[list[str], int, Any]:
    """Lay rows out: names of parts, bits of the widest value, and values (parts, bits)."""
    parts = list(dict.fromkeys(row["part"] for row in rows))
    bits = 1 + max(row["bit"] for row in rows)
    grid = np.full((len(parts), bits), np.nan)
    for row in rows:
        grid[parts.index(row["part"]), row["bit"]] = row[key]
    return parts, bits, grid


def written(share: float) -> str:
    """Write a share in %, without a decimal where it fits."""
    if share >= 0.0095:
        return f"{100 * share:.0f}"
    return f"{100 * share:.1f}".lstrip("0") if share >= 0.0005 else "0"


def write_cells(axes: Axes, grid: Any, top: float) -> None:
    """Write values, in %, into their cells."""
    size = 7.5 if grid.shape[1] <= MOST_WRITTEN else 5.5
    for (row, bit), value in np.ndenumerate(grid):
        if not np.isnan(value):
            dark = value > LEAST_LIGHT * top
            axes.text(bit, row, written(value), ha="center", va="center", fontsize=size,
                      color=INK if dark else "white")  # fmt: skip


def draw_map(axes: Axes, rows: Sequence[Row], key: str, top: float) -> Any:
    """Draw one map, the highest bit at the left; cells without a flip stay hatched."""
    parts, bits, grid = grid_of(rows, key)
    axes.set_facecolor("white")
    axes.fill_between([-0.5, bits - 0.5], -0.5, len(parts) - 0.5, facecolor="none", hatch="////",
                      edgecolor=STONE, linewidth=0, zorder=0)  # fmt: skip
    image = axes.imshow(grid, cmap=MAP, vmin=0, vmax=top, aspect="auto", zorder=1)
    write_cells(axes, np.maximum(grid, 0), top)
    axes.set_xlim(max(bits, LEAST_WIDE) - 0.5, -0.5)
    axes.set_xticks(range(0, bits, 1 if bits <= 2 * MOST_WRITTEN else 4))
    axes.set_yticks(range(len(parts)), parts)
    axes.set_xlabel("bit, the highest at the left")
    return image


def draw_bits(
    figure: Figure, maps: Mapping[str, Sequence[Row]], key: str, what: str, title: str
) -> None:
    """Draw a map for each brain over one scale.

    maps: rows with part and bit, by controller; key: of what is drawn, 0..1; what: its name.
    """
    shown = {name: rows for name, rows in maps.items() if rows}
    if not shown:
        raise ValueError("maps: no bits found; one or more needed")
    shapes = [grid_of(rows, key)[2].shape for rows in shown.values()]
    columns = min(len(shown), 2)
    lines = -(-len(shown) // columns)
    wide = max(bits for _, bits in shapes)
    tall = sum(max(parts for parts, _ in shapes[k * columns : (k + 1) * columns])
               for k in range(lines))  # fmt: skip
    width = columns * (EDGE_IN[0] + CELL_IN[0] * min(max(wide, LEAST_WIDE), 2 * MOST_WRITTEN)) + 1
    figure.set_size_inches(width, lines * EDGE_IN[1] + CELL_IN[1] * tall)
    heights = [max(p for p, _ in shapes[k * columns : (k + 1) * columns]) + 2 for k in range(lines)]
    grid = figure.subplots(lines, columns, squeeze=False, height_ratios=heights)
    top = max(float(np.nanmax(grid_of(rows, key)[2])) for rows in shown.values()) or 1.0
    panels = list(grid.ravel())
    for axes, (name, rows) in zip(panels, shown.items(), strict=False):
        image = draw_map(axes, rows, key, top)
        axes.set_title(name)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    figure.colorbar(image, ax=panels, label=what.replace(", ", ",\n"), fraction=0.03, pad=0.01,
                    format=lambda value, _: f"{100 * value:.0f} %")  # fmt: skip
    figure.suptitle(title)

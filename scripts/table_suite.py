"""Print the tables of a suite's run as Markdown, and draw success against energy and latency.

neurobot evaluate --suite v1 --out results
python scripts/table_suite.py results [--cost-table NAME] [--picture docs/pareto.png]
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.episodes import from_result
from neurobot.metrics import Row
from neurobot.quantities import percent, prefixed
from neurobot.standings import standings
from neurobot.store import read_run

COSTS = {"energy_j": ("energy of a decision", "J"), "latency_s": ("latency of a decision", "s")}
LEAST = 0.5  # success that is drawn
LABEL_PT, LABEL_GAP = 8, 2.4  # points; percent between labels
# Where a label may stand, in points from its point: right, left, above, below.
PLACES = [(d * x, y, side) for y in (0, 8, -8, 16, -16, 24, -24) for x, d, side in
          ((7, 1, "left"), (7, -1, "right"))]  # fmt: skip

Columns = dict[str, Callable[[Row], str]]


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("folder", type=Path, metavar="DIR", help="folder of the run")
    add("--cost-table", choices=list(COST_TABLES), default=DEFAULT_COST_TABLE)
    add("--picture", metavar="FILE", help=".png, .svg or .pdf to write")
    return options.parse_args()


def read_rows(folder: Path, cost_table: str) -> tuple[list[Row], dict[str, Any]]:
    """Return a row for each brain, the most successful one first, and the complexities."""
    run = read_run(folder)
    records = [from_result(each.result, each.trace) for each in run.episodes]
    rows = standings(records, cost_table)
    rows.sort(key=lambda row: row["success_rate"], reverse=True)
    return rows, run.facts.get("complexity", {})


def share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def rated(row: Row) -> str:
    rate, low, high = (percent(row[f"success_{figure}"]) for figure in ("rate", "low", "high"))
    return f"{rate} ({low}-{high})"


def success(part: str, name: str) -> Callable[[Row], str]:
    """Write how often one part of the suite succeeds."""
    return lambda row: share(row[part].get(name, {}).get("success_rate"))


def published(name: str) -> Callable[[Row], str]:
    """Write how often worlds of a file succeed, with the interval."""

    def write(row: Row) -> str:
        return rated(row["published"][name]) if name in row["published"] else "-"

    return write


def driving(rows: Sequence[Row]) -> Columns:
    """Return the columns of the main table."""
    return {
        "brain": lambda row: row["controller"],
        "success": rated,
        "IQM of score": lambda row: "-" if row["score_iqm"] is None else f"{row['score_iqm']:.3f}",
        **{name: success("tasks", name) for name in rows[0]["tasks"]},
        **{name: published(name) for name in rows[0]["published"]},
        "m/s": lambda row: f"{row['mean_speed_mps']:.2f}",
        "latency": lambda row: prefixed(row["latency_s"], "s"),
        "per decision": lambda row: prefixed(row["energy_j"], "J"),
        "per metre": lambda row: prefixed(row["energy_per_metre_j"], "J"),
    }


def conditions(rows: Sequence[Row]) -> Columns:
    """Return the columns of the table of conditions and finer figures."""
    return {
        "brain": lambda row: row["controller"],
        **{name: success("conditions", name) for name in rows[0]["conditions"]},
        "worst 10 %": lambda row: share(row["cvar_10"]),
        "SPL": lambda row: "-" if row["spl"] is None else f"{row['spl']:.3f}",
        "time to goal": lambda row: prefixed(row["time_to_goal_s"], "s"),
        "BARN score": lambda row: "-" if row["barn_score"] is None else f"{row['barn_score']:.3f}",
        "clearance": lambda row: f"{row['mean_clearance_m']:.2f} m",
        "jerk": lambda row: f"{row['jerk_mps3']:.1f}",
        "latency p99": lambda row: prefixed(row["latency_s_p99"], "s"),
        "power": lambda row: prefixed(row["power_w"], "W"),
        "per success": lambda row: prefixed(row["energy_per_success_j"], "J"),
    }


def complexity(figures: dict[str, Any]) -> Columns:
    """Return the columns of the table of NeuroBench's figures; a row is a brain's name."""
    return {
        "brain": lambda row: row["controller"],
        "footprint": lambda row: f"{row['footprint_bytes'] / 1000:.1f} kB",
        "connection sparsity": lambda row: f"{row['connection_sparsity']:.2f}",
        "activation sparsity": lambda row: f"{row['activation_sparsity']:.2f}",
        "dense operations": lambda row: f"{row['dense_synops']:,.0f}",
        "effective MACs": lambda row: f"{row['effective_macs']:,.0f}",
        "effective ACs": lambda row: f"{row['effective_acs']:,.0f}",
    }


def print_table(rows: Sequence[Row], columns: Columns) -> None:
    """Print Markdown."""
    print("| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(write(row) for write in columns.values()) + " |")
    print()


def spread(rates: Sequence[float]) -> list[float]:
    """Move heights of labels apart; rates fall."""
    heights: list[float] = []
    for rate in rates:
        heights.append(min(rate, heights[-1] - LABEL_GAP) if heights else rate)
    return heights


def label(axes: Any, x: float, y: float, name: str, taken: list[Any]) -> None:
    """Write a name beside a point, where nothing stands yet if there is such a place."""
    for k, (dx, dy, side) in enumerate(PLACES):
        text = axes.annotate(name, (x, y), (dx, dy), textcoords="offset points", ha=side,
                             va="center", fontsize=LABEL_PT)  # fmt: skip
        box = text.get_window_extent()
        if not box.count_overlaps(taken) or k == len(PLACES) - 1:
            taken.append(box)
            return
        text.remove()


def draw_counted(axes: Any, rows: Sequence[Row], key: str) -> None:
    """Draw success against one cost."""
    from matplotlib.transforms import Bbox

    from neurobot.plots.figures import PALETTE

    taken: list[Any] = []
    for k, row in enumerate(rows):
        ends = [100 * row["success_low"], 100 * row["success_high"]]
        axes.plot([row[key]] * 2, ends, color=PALETTE[k % len(PALETTE)], linewidth=1.2)
        axes.plot(row[key], 100 * row["success_rate"], "o", color=PALETTE[k % len(PALETTE)])
        (x, low), (_, high) = (axes.transData.transform((row[key], end)) for end in ends)
        taken.append(Bbox([[x - 4, low], [x + 4, high]]))
    for row in rows:
        label(axes, row[key], 100 * row["success_rate"], row["controller"], taken)


def draw_others(axes: Any, rows: Sequence[Row]) -> None:
    """Mark at the right edge how often brains succeed whose costs nobody counts."""
    from neurobot.plots.figures import STONE

    rates = [100 * row["success_rate"] for row in rows]
    for row, rate, height in zip(rows, rates, spread(rates), strict=True):
        axes.annotate(
            row["controller"], (1.0, rate), (1.04, height), *[axes.get_yaxis_transform()] * 2,
            fontsize=LABEL_PT, va="center", color="#6B737C", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": STONE, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def draw(rows: Sequence[Row], out: str) -> None:
    """Draw success against what a decision costs, and against how long it takes."""
    from matplotlib.ticker import LogLocator

    from neurobot.plots.figures import picture, show_units

    low = [row for row in rows if row["success_rate"] < LEAST]
    named = ", ".join(f"{row['controller']} {percent(row['success_rate'])} %" for row in low)
    with picture(out) as figure:
        figure.set_size_inches(11, 5.2)
        panels = figure.subplots(1, 2, sharey=True)
        panels[0].set_ylabel("success over the suite (%), 95 % intervals")
        panels[0].set_ylim(100 * LEAST, 102)
        panels[0].text(0.99, 0.01, f"below: {named}", transform=panels[0].transAxes, ha="right",
                       fontsize=LABEL_PT, color="#6B737C")  # fmt: skip
        for axes, (key, (what, unit)) in zip(panels, COSTS.items(), strict=True):
            costs = [row[key] for row in rows if row[key]]
            axes.set_xlim(min(costs) / 2, 3 * max(costs))
            axes.grid(alpha=0.25, linewidth=0.5)
            show_units(axes, unit, logarithmic=True)
            if max(costs) > 1000 * min(costs):
                axes.xaxis.set_major_locator(LogLocator())
            axes.set_xlabel(f"{what}, modelled; at the right edge: not counted")
            draw_others(axes, [row for row in rows if not row[key] and row not in low])
        figure.draw_without_rendering()
        for axes, key in zip(panels, COSTS, strict=True):
            draw_counted(axes, [row for row in rows if row[key]], key)


def main() -> None:
    args = arguments()
    rows, figures = read_rows(args.folder, args.cost_table)
    print_table(rows, driving(rows))
    print_table(rows, conditions(rows))
    known = [{"controller": name, **found} for name, found in figures.items() if found]
    print_table(known, complexity(figures))
    if args.picture:
        draw(rows, args.picture)


if __name__ == "__main__":
    main()

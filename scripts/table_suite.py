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

COSTS = {"energy_j": "energy per decision (J), modelled", "latency_s": "latency (s), modelled"}
LABEL_PT = 6.5

Columns = dict[str, Callable[[Row], str]]


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("folder", type=Path, metavar="DIR", help="folder of the run")
    add("--cost-table", choices=list(COST_TABLES), default=DEFAULT_COST_TABLE)
    add("--picture", metavar="FILE", help=".png, .svg or .pdf to write")
    return options.parse_args()


def read_rows(folder: Path, cost_table: str) -> tuple[list[Row], dict[str, Any]]:
    """Return a row for each brain, and the complexities."""
    run = read_run(folder)
    records = [from_result(each.result, each.trace) for each in run.episodes]
    return standings(records, cost_table), run.facts.get("complexity", {})


def share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def rated(row: Row) -> str:
    low, high = (100 * row[f"success_{end}"] for end in ("low", "high"))
    return f"{percent(row['success_rate'])} ({low:.0f}-{high:.0f})"


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


def draw(rows: Sequence[Row], out: str) -> None:
    """Draw success against what a decision costs, and against how long it takes."""
    from neurobot.plots.figures import INK, PALETTE, picture

    with picture(out) as figure:
        figure.set_size_inches(10, 4.2)
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (key, label) in zip(panels, COSTS.items(), strict=True):
            for k, row in enumerate(row for row in rows if row[key]):
                low, high = (100 * row[f"success_{end}"] for end in ("low", "high"))
                rate, colour = 100 * row["success_rate"], PALETTE[k % len(PALETTE)]
                axes.plot([row[key]] * 2, [low, high], color=colour, linewidth=1.2)
                axes.plot(row[key], rate, "o", color=colour, markersize=5)
                axes.annotate(row["controller"], (row[key], rate), (5, -2), fontsize=LABEL_PT,
                              textcoords="offset points", color=INK)  # fmt: skip
            axes.set_xscale("log")
            axes.set_xlabel(label)
            axes.grid(alpha=0.25, linewidth=0.5)
        panels[0].set_ylabel("success over the suite (%), 95 % intervals")


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

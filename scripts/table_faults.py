"""Print the tables of campaigns of faults as Markdown, and draw their pictures.

python scripts/run_faults.py results/faults
python scripts/table_faults.py results/faults [--pictures docs] [--json figures.json]
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neurobot.campaign.bits import FLIPS
from neurobot.campaign.chips import memories_of
from neurobot.campaign.findings import Findings, by_controller, chosen, found_in, tried
from neurobot.campaign.levels import topic_of
from neurobot.campaign.runs import Runs, read_campaign
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.metrics import Row
from neurobot.quantities import percent, prefixed
from neurobot.store import FILE_NAME

Columns = Mapping[str, Callable[[Row], str]]

MOST_LISTED = 3  # bits of each brain


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add("folder", type=Path, metavar="DIR", help="of `run_faults.py`: a folder for each campaign")
    add("--pictures", type=Path, metavar="DIR", help="draw pictures to faults-*.png there")
    add("--map", action="store_true", help="try single bits of the weights outside of the loop")
    add("--flips", type=int, default=FLIPS, metavar="N",
        help="bits of each part and place that --map tries (default: %(default)s)")  # fmt: skip
    add("--cost-table", choices=list(COST_TABLES), default=DEFAULT_COST_TABLE)
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    return options.parse_args()


def read_all(folder: Path) -> dict[str, Runs]:
    """Return the episodes of each campaign by its name."""
    places = sorted(folder.glob(f"*/{FILE_NAME}"), key=lambda path: path.stat().st_ctime)
    if not places:
        raise SystemExit(f"{folder}: no campaigns found; `run_faults.py {folder}` makes them")
    return {path.parent.name: read_campaign(path.parent) for path in places}


def print_table(title: str, rows: Sequence[Row], columns: Columns) -> None:
    """Print Markdown."""
    if not rows:
        return
    print(f"{title}\n\n| " + " | ".join(columns) + " |")
    print("| " + " | ".join("---" for _ in columns) + " |")
    for row in rows:
        print("| " + " | ".join(write(row) for write in columns.values()) + " |")
    print()


def number(value: float | None, digits: int = 2) -> str:
    """Write a figure with few digits, and its thousands apart."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 10 else f"{value:.{digits}g}"


def interval(row: Row, name: str, write: Callable[[float], str]) -> str:
    """Write the ends of an interval; an open one is outside of what was tried."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    if low is None and high is None:
        return ""
    return f" ({'' if low is None else write(low)}..{'' if high is None else write(high)})"


def half(row: Row, name: str, write: Callable[[float], str]) -> str:
    """Write where success is half, with its interval."""
    if row[name] is None:
        words = {"below": "below all", "beyond": "not reached", "no": "-", "within": "-"}
        return words[row["half_reached"]] + interval(row, name, write)
    return write(row[name]) + interval(row, name, write)


def fault(memory: str, kind: str, burst: int) -> str:
    """Name a fault."""
    return f"{memory}, {kind}" + (f", {burst} bits each" if burst > 1 else "")


def level(value: float) -> str:
    return f"{value:.2g}"


HALVES: Columns = {
    "brain": lambda row: row["controller"],
    "fault": lambda row: fault(row["memory"], row["kind"], row["burst"]),
    "protection": lambda row: row["protection"],
    "sound": lambda row: percent(row["sound_rate"]),
    "half at": lambda row: f"{row['amount']} {half(row, 'half', level)}",
    "faults of an episode there": lambda row: half(row, "half_per_episode", number),
    "failures that are collisions": lambda row: f"{row['collisions']} of {row['failures']}",
    "injected": lambda row: f"{row['injected']:,}",
}
GUARDS: Columns = {
    "brain": lambda row: row["controller"],
    "protection": lambda row: row["protection"],
    "bits": lambda row: f"{row['stored_bits']:,}" if row["stored_bits"] else "cannot be had",
    "more bits": lambda row: (
        f"{100 * (row['stored_bits'] / row['data_bits'] - 1):.0f} %" if row["stored_bits"] else "-"
    ),
    "more energy of a decision": lambda row: (
        "-" if row["extra_j"] is None else
        f"{prefixed(row['extra_j'], 'J')} ({prefixed(row['extra_low_j'], 'J')} to "
        f"{prefixed(row['extra_high_j'], 'J')})"
    ),
    "of": lambda row: prefixed(row["energy_j"], "J"),
    "half at": lambda row: "-" if row["half"] is None else level(row["half"]),
    "gain": lambda row: "-" if row["gain"] is None else f"x {row['gain']:.2g}",
}  # fmt: skip
SINGLE: Columns = {
    "brain": lambda row: row["controller"],
    "part": lambda row: row["part"],
    "bit": lambda row: str(row["bit"]),
    "flips": lambda row: str(row["flips"]),
    "score lost": lambda row: f"{row['loss']:.3f}{interval(row, 'loss', lambda v: f'{v:.3f}')}",
    "failed": lambda row: "-" if row["failed"] is None else (
        percent(row["failed"]) + interval(row, "failed", lambda v: f"{100 * v:.0f}")
    ),
}  # fmt: skip
WORST: Columns = {
    "brain": lambda row: row["controller"],
    "memory": lambda row: row["memory"],
    "part": lambda row: row["part"],
    "value": lambda row: f"{row['value']:,}",
    "bit": lambda row: str(row["bit"]),
    "decisions changed": lambda row: f"{percent(row['changed'])} %",
    "mean change of a wheel's command": lambda row: f"{row['size']:.3f}",
}


def by_level(rows: Sequence[Row]) -> Columns:
    """Return a column for each level of some rows of brains."""

    def cell(value: float) -> Callable[[Row], str]:
        def write(row: Row) -> str:
            found = row["levels"].get(value)
            if found is None:
                return ""
            ends = (100 * found["success_low"], 100 * found["success_high"])
            return f"{percent(found['success_rate'])} ({ends[0]:.0f}-{ends[1]:.0f})"

        return write

    levels = sorted({value for row in rows for value in row["levels"]})
    return {
        "brain": lambda row: row["controller"],
        **{f"{value:g}" if value else "sound": cell(value) for value in levels},
    }


def print_levels(rows: Sequence[Row]) -> None:
    """Print for each topic and protection a row of successes for each brain."""
    groups: dict[Any, dict[str, dict[float, Row]]] = {}
    for row in rows:
        if row["level"]:
            place = groups.setdefault((topic_of(row), row["protection"]), {})
            place.setdefault(row["controller"], {})[row["level"]] = row
    sound = {(topic_of(row), row["controller"]): row for row in rows if not row["level"]}
    for (topic, guard), brains in groups.items():
        table: list[Row] = [
            {"controller": name, "levels": {0.0: sound[topic, name], **levels}}
            for name, levels in brains.items()
        ]
        what = fault(*topic[:3])
        title = f"Success in %, {what} by {topic[-1]}, protection {guard}:"
        print_table(title, table, by_level(table))


def sizes(runs: Runs) -> list[Row]:
    """Return the bits of each memory of each brain, and its values."""
    brains = {job.controller: job for job in runs if job.faults is None}
    rows = []
    for name, job in brains.items():
        parts: dict[str, list[Any]] = {}
        for memory in memories_of(job):
            parts.setdefault(memory.name, []).append(memory)
        rows += [
            {
                "controller": name, "memory": memory, "bits": sum(each.size for each in group),
                "values": sum(each.values for each in group), "state": group[0].state,
            }
            for memory, group in parts.items()
        ]  # fmt: skip
    return rows


SIZES: Columns = {
    "brain": lambda row: row["controller"],
    "memory": lambda row: row["memory"],
    "values": lambda row: f"{row['values']:,}",
    "bits": lambda row: f"{row['bits']:,}",
    "lives": lambda row: "a decision" if row["state"] else "for ever",
}
TOTALS: Columns = {
    "campaign": lambda row: row["campaign"],
    "episodes": lambda row: f"{row['episodes']:,}",
    "injected": lambda row: f"{row['injected']:,}",
    "felt": lambda row: f"{row['felt']:,}",
    "ended by a brain's fault": lambda row: str(row["faulty"]),
}


def total(name: str, runs: Runs) -> Row:
    """Count a campaign."""
    upsets = [record.upsets for record in runs.values() if record.upsets]
    return {
        "campaign": name,
        "episodes": len(runs),
        "injected": sum(each.injected for each in upsets),
        "felt": sum(each.felt for each in upsets),
        "faulty": sum(record.fault is not None for record in runs.values()),
    }


def summed(rows: Sequence[Row]) -> Row:
    """Add the counts of campaigns up."""
    names = ("episodes", "injected", "felt", "faulty")
    return {"campaign": "all", **{name: sum(row[name] for row in rows) for name in names}}


def by_memory(rows: Sequence[Row]) -> list[list[Row]]:
    """Group rows by controller and memory."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["controller"], row["memory"]), []).append(row)
    return list(groups.values())


def most(rows: Sequence[Row]) -> list[Row]:
    """Return the first few of each controller and memory."""
    return [row for group in by_memory(rows) for row in group[:MOST_LISTED]]


def worst_single(rows: Sequence[Row]) -> list[Row]:
    """Return the bits of each brain that cost most, by the low end of what they cost."""
    costly = [row for row in rows if row["loss"] > 0]
    return most(sorted(costly, key=lambda row: (-row["loss_low"], -row["loss"])))


def lost(rows: Sequence[Row]) -> list[Row]:
    """Return how often a single flip anywhere turned a success into none, by brain."""
    return [
        {
            "controller": name,
            "flips": sum(row["flips"] for row in group),
            "failed": sum((row["failed"] or 0) * row["successes"] for row in group),
            "successes": sum(row["successes"] for row in group),
        }
        for name, group in by_controller(rows).items()
    ]


LOST: Columns = {
    "brain": lambda row: row["controller"],
    "single flips": lambda row: str(row["flips"]),
    "successes lost": lambda row: f"{row['failed']:.0f} of {row['successes']}",
}


def draw(found: Findings, folder: Path) -> None:
    """Draw what there is to draw of the weights."""
    from neurobot.plots.draw_bits import draw_bits
    from neurobot.plots.draw_faults import draw_faults
    from neurobot.plots.draw_guards import draw_guards
    from neurobot.plots.figures import picture

    rows, halves = found.on_topic(found.levels), found.on_topic(found.halves)
    bare, bare_halves = ([r for r in each if r["protection"] == "none"] for each in (rows, halves))
    with picture(str(folder / "faults-weights.png")) as figure:
        draw_faults(figure, bare, bare_halves)
    if len(bare) < len(rows):
        with picture(str(folder / "faults-protected.png")) as figure:
            draw_guards(figure, rows)
    maps = (
        ("faults-loop.png", found.single, "loss", "score lost in the loop, mean of single flips"),
        ("faults-bits.png", found.bits, "changed", "decisions that a single flip changes, mean"),
    )
    for name, cells, key, what in maps:
        kept = by_controller([row for row in cells if row["memory"] == found.topic[0]])
        if kept:
            with picture(str(folder / name)) as figure:
                draw_bits(figure, kept, key, what, f"Critical bits: {found.topic[0]}")


def main() -> None:
    args = arguments()
    campaigns = read_all(args.folder)
    runs: Runs = {job: record for each in campaigns.values() for job, record in each.items()}
    found = found_in(runs, args.cost_table)
    if args.map:
        bits, worst = tried(chosen(runs, memory="weights"), args.flips)
        found = replace(found, bits=bits, worst=worst)
    totals = [total(name, each) for name, each in campaigns.items()]
    print_table("Campaigns:", [*totals, summed(totals)], TOTALS)
    print_table("Memories:", sizes(runs), SIZES)
    swept = [row for row in found.halves if row["amount"] != "count"]
    print_table("Where success is half:", swept, HALVES)
    print_levels(found.levels)
    print_table("Single flips in the loop:", lost(found.single), LOST)
    print_table("The worst of them:", worst_single(found.single), SINGLE)
    print_table("Bits that turn decisions most:", most(found.worst), WORST)
    kept = [row for row in found.guards if row["memory"] == "weights"]
    print_table("Protections of the weights:", kept, GUARDS)
    if args.pictures:
        draw(found, args.pictures)
    if args.json:
        figures = {"totals": totals, "levels": found.levels, **found.plain}
        args.json.write_text(json.dumps(figures, allow_nan=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()

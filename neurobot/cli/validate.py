"""`neurobot validate`: the chip against Brian2."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from neurobot import __version__
from neurobot.cli.terminal import make_table, print_json, progress_bar
from neurobot.compiled import cores
from neurobot.quantities import percent
from neurobot.writing import write_whole

if TYPE_CHECKING:
    from neurobot.validation import Validation

WINDOWS = 1200


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser("validate", help="compare the chip with Brian2")
    options.set_defaults(function=run)
    add = options.add_argument
    add("--windows", type=int, default=WINDOWS, metavar="N",
        help="recorded decisions to compare (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of episodes and inputs (default: 0)")
    add("--jobs", type=int, default=cores(), metavar="N", help="processes (default: all cores)")
    add("--out", default="validation", metavar="DIR",
        help="folder for validation.json and the figures (default: %(default)s)")  # fmt: skip
    add("--json", action="store_true", help="print one JSON object instead of tables")


def run(args: argparse.Namespace) -> int:
    """Run `neurobot validate`; status 1 where integers differ."""
    # Brian2 and matplotlib take seconds to load, and are extras.
    from neurobot.validation import validate

    folder = Path(args.out)
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar("validating", not args.json) as progress:
        found = validate(args.seed, args.windows, args.jobs, progress)
    result = found.to_json()
    document = {"command": "validate", "version": __version__, "seed": args.seed, **result}
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    write_whole(folder / "validation.json", text)
    pictures = found.draw(folder)
    status = int(found.differ > 0)
    if args.json:
        print_json("validate", args.seed, **result)
        return status
    show(found, Console(highlight=False))
    names = ", ".join(path.name for path in pictures)
    text = f"Written to {folder}: validation.json, {names}"
    Console(highlight=False).print(text, markup=False)
    return status


def show(found: "Validation", console: Console) -> None:
    """Print what a sceptic wants to know, in the order of the questions."""
    console.print(
        f"[bold]1. Integers against the same rules in Brian2:[/] {found.differ} differences in "
        f"{found.neuron_steps:,} neuron-steps (potential, current and spike of each)."
    )
    console.print(equality_table(found))
    low, high = found.interval
    console.print(
        "[bold]2. Integers against the floats that they round:[/] the error of each rounding, "
        "added alone to the floats or taken alone from the chip. [bold]floor[/]: the force is "
        "rounded down; [bold]clamp[/]: the membrane stops at 0; [bold]decay[/]: currents lose "
        "whole numbers. [bold]quadratic[/]: a parabola in place of the two slopes."
    )
    console.print(budget_table(found))
    console.print(
        f"[bold]3. Decisions of the robot's brain:[/] {found.windows} sensor windows of recorded "
        f"episodes, {percent(found.agreement)} % decided as by the float reference (95 % interval "
        f"over episodes: {percent(low)} to {percent(high)}), {percent(found.near)} % so or one "
        "direction beside."
    )
    console.print(tasks_table(found))
    console.print(
        "Margin: how many units less stimulus of the winner, at every tick of the window, change "
        "the chip's decision. One unit is about 2 of the winner's up to 64 input spikes."
    )
    console.print(margins_table(found))


def equality_table(found: "Validation") -> Table:
    """Lay out how many values were compared, and differ."""
    table = make_table("case", "neuron-\nsteps", "spikes", "differ")
    for row in found.equality:
        table.add_row(row.case, f"{row.neuron_steps:,}", f"{row.spikes:,}", str(row.differ))
    return table


def budget_table(found: "Validation") -> Table:
    """Lay out the error budget."""
    table = make_table(
        "model", "f-I\nmean", "f-I\nmost", "RMSE\nquiet", "RMSE\nnetworks", "count\n%",
        "Victor-\nPurpura", "rivals\n%", "deci-\nsions",
    )  # fmt: skip
    for line in found.budget.lines:
        table.add_row(
            line.variant,
            f"{line.rate_error:.1f}",
            f"{line.rate_error_most:.0f}",
            f"{line.quiet_rmse:.1f}",
            f"{line.driven_rmse:.0f}±{line.driven_rmse_sd:.0f}",
            f"{100 * line.count_error:.0f}±{100 * line.count_error_sd:.0f}",
            f"{line.spike_distance:.2f}±{line.spike_distance_sd:.2f}",
            percent(line.choices_agree),
            percent(line.decisions_agree),
        )
    table.caption = (
        "f-I: spikes in 1000 ticks, mean over biases 0 to 20 and the largest at any bias; RMSE: "
        "potential units, of neurons below their rheobase and of 24 random networks (mean, "
        "standard deviation); count and Victor-Purpura distance per spike: of these networks; "
        "rivals: same winner of two, %; decisions: same winner, %. Neurons alone have no synapse "
        "and stay above 0: only the floor can act there."
    )
    table.caption_justify = "left"
    return table


def tasks_table(found: "Validation") -> Table:
    """Lay out the agreement of decisions by task."""
    table = make_table("task", "windows", "same %", "or beside %", "median margin")
    for row in found.tasks:
        table.add_row(
            row["source"],
            str(row["windows"]),
            percent(row["agreement"]),
            percent(row["near"]),
            f"{row['median_margin']:.0f}",
        )
    return table


def margins_table(found: "Validation") -> Table:
    """Lay out the agreement of decisions by margin."""
    from neurobot.validation.decisions import MOST

    table = make_table("margin", "windows", "differ", "same %", "from here on %")
    for row in found.margins:
        name = f"{row['margin']} and more" if row["margin"] == MOST else str(row["margin"])
        table.add_row(
            "nobody won" if row["margin"] == 0 else name,
            str(row["windows"]),
            str(row["disagree"]),
            percent(row["agreement"]),
            percent(row["agreement_from_here"]),
        )
    return table

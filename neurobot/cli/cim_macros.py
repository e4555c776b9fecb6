"""`neurobot cim macros`: what our prices make of published macros that compute in memory."""

import argparse
from dataclasses import asdict
from typing import Any

from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.cost.macros import MACROS, TOO_FAR, Macro
from neurobot.quantities import percent

DESCRIPTION = """\
Predict published macros from their parameters, by the prices that the machine of arrays has at 28
nm, brought to their nodes and supplies, and print what was published beside it.
"""


def add_action(actions: Any) -> None:
    """Declare the action and its options."""
    options = actions.add_parser(
        "macros", help="published macros beside our prices", description=DESCRIPTION
    )
    options.set_defaults(function=run)
    options.add_argument("--json", action="store_true", help="print one JSON object")


def plain(macro: Macro) -> dict[str, Any]:
    """Return a macro as JSON can hold it."""
    kept = {name: value for name, value in asdict(macro).items() if name != "events"}
    return {
        **kept,
        "tops_w": macro.tops_w(),
        "tops_w_low": macro.tops_w("high"),
        "tops_w_high": macro.tops_w("low"),
        "ratio": macro.ratio,
        "is_far": macro.is_far,
        "share": macro.share,
    }


def run(args: argparse.Namespace) -> None:
    """Run `neurobot cim macros`."""
    rows = [plain(macro) for macro in MACROS]
    if args.json:
        print_json("cim macros", None, rows)
        return
    show(rows)


def number(value: float) -> str:
    """Write a figure with three digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def show(rows: list[dict[str, Any]]) -> None:
    """Print a row for each macro and supply."""
    console = wide_console()
    table = make_table(
        "macro", "node\nnm", "V", "bits", "TOPS/W\npredicted", "range", "TOPS/W\npublished",
        "ratio", "", "converters\npred., %", "publ.,\n%",
    )  # fmt: skip
    for row in rows:
        known = row["published_share"]
        table.add_row(
            row["name"],
            str(row["node_nm"]),
            f"{row['supply_v']:g}",
            row["bits"],
            number(row["tops_w"]),
            f"{number(row['tops_w_low'])}..{number(row['tops_w_high'])}",
            number(row["published_tops_w"]),
            f"{row['ratio']:.2f}",
            "FAR" if row["is_far"] else "",
            percent(row["share"]) if row["share"] else "",
            "" if known is None else percent(known),
        )
    console.print(table)
    console.print(
        f"FAR: more than {TOO_FAR} times off. Bits: of inputs, weights, converters. Predicted: by "
        "the prices at 28 nm (scaled28), brought to node and supply by a rule for digital logic; "
        "published figures as the models of CiMLoop quote them. Jia's array gave the price of a "
        "cell, Wan's and Wang's the ends of its range: they test the sum, not that part. Wan's "
        "cells are read by pulses of 0.5 V, not by the supply that is scaled with. A MAC is two "
        "operations; cells, drives and converters alone (with its digital data path Jia's "
        "converters are 9 %).",
        style="dim",
    )

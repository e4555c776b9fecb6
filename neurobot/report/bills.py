"""What a decision's energy is made of: its total on a log axis, its parts as shares beside."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from neurobot.report.components import PARTS
from neurobot.report.looks import Part, axis, chart, layout, log_axis, plain
from neurobot.report.words import quantity

HUES = dict(
    zip(PARTS, ("blue", "yellow", "orange", "green", "purple", "sky", "stone"), strict=True)
)
OTHERS = "vermillion"  # events of chips that are not ours
TOLD = 0.07  # shares above are written into their bars


def totals(bills: Mapping[str, Mapping[str, Any]]) -> Part:
    """Draw what a decision takes in all, with the range that its prices allow."""
    rows = list(bills.values())
    return {
        "type": "scatter",
        "mode": "markers",
        "y": [plain(brain) for brain in bills],
        "x": [row["energy_j"] for row in rows],
        "error_x": {
            "type": "data",
            "array": [row["energy_high_j"] - row["energy_j"] for row in rows],
            "arrayminus": [row["energy_j"] - row["energy_low_j"] for row in rows],
            "thickness": 1.4,
            "width": 4,
            "color": "@soft",
        },
        "marker": {"color": "@ink", "size": 9},
        "customdata": [
            [quantity(row[key], "J") for key in ("energy_j", "energy_low_j", "energy_high_j")]
            for row in rows
        ],
        "hovertemplate": "<b>%{y}</b><br>%{customdata[0]} per decision (modelled)<br>"
        "prices allow %{customdata[1]} to %{customdata[2]}<extra></extra>",
        "showlegend": False,
        "name": "total",
    }


def shares(bills: Mapping[str, Mapping[str, Any]], part: str) -> Part:
    """Draw the share of one part in each brain's total."""
    found = [
        (row["parts_j"].get(part, 0.0), row["parts_j"].get(part, 0.0) / row["energy_j"])
        for row in bills.values()
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": plain(part),
        "y": [plain(brain) for brain in bills],
        "x": [100 * share for _, share in found],
        "xaxis": "x2",
        "yaxis": "y2",
        "text": [f"{100 * share:.0f} %" if share >= TOLD else "" for _, share in found],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"size": 11},
        "customdata": [quantity(joules, "J") for joules, _ in found],
        "marker": {
            "color": f"@{HUES.get(part, OTHERS)}",
            "line": {"width": 0.6, "color": "@paper"},
        },
        "hovertemplate": f"<b>%{{y}}</b><br>{plain(part)}: %{{customdata}}, %{{x:.1f}} "
        "%<extra></extra>",
    }


def known_parts(bills: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the parts that take anything, ours first."""
    used = {part for row in bills.values() for part, joules in row["parts_j"].items() if joules}
    return [part for part in PARTS if part in used] + sorted(used.difference(PARTS))


def costs(bills: Mapping[str, Mapping[str, Any]]) -> Part:
    """Draw the energy of a decision; bills: of each brain energy_j, its range, and parts_j."""
    count, longest = len(bills), max(map(len, bills))
    data = [totals(bills), *(shares(bills, part) for part in known_parts(bills))]
    ends = [
        end
        for row in bills.values()
        for end in (row["energy_low_j"] or row["energy_j"], row["energy_high_j"])
    ]
    across = partial(log_axis, "Energy per decision (log)", "J", ends)
    flat = {"autorange": "reversed", "showline": False, "ticks": "", "showgrid": False}
    legend: dict[str, Any] = {"orientation": "h", "yanchor": "bottom", "traceorder": "normal"}
    room = 24 + 7 * longest
    wide = layout(
        (room, 26, 40, 56),
        barmode="stack", bargap=0.3, legend={**legend, "y": 1.02, "x": 0},
        xaxis=across(dense=False, domain=[0, 0.38]),
        xaxis2=axis("Share of that energy, %", domain=[0.42, 1], range=[0, 100], anchor="y2"),
        yaxis=axis("", **flat),
        yaxis2=axis("", **flat, matches="y", showticklabels=False, anchor="x2"),
    )  # fmt: skip
    narrow_room = 10 + 6 * longest
    small = {"tickfont": {"size": 10}}
    narrow = layout(
        (narrow_room, 10, 8, 150),
        barmode="stack", bargap=0.25, legend={**legend, "y": -0.02 - 40 / (70 * count + 60), "x": 0,
        "yanchor": "top", "font": {"size": 11}},
        xaxis=across(dense=False, domain=[0, 1], **small),
        xaxis2=axis("Share of that energy, %", domain=[0, 1], range=[0, 100], anchor="y2", **small),
        yaxis=axis("", domain=[0.6, 1], **flat, **small),
        yaxis2=axis("", domain=[0, 0.42], **flat, matches="y", anchor="x2", **small),
    )  # fmt: skip
    lean = [{**trace, "text": None, "texttemplate": ""} for trace in data]
    return chart(
        {"data": data, "layout": wide}, 150 + 30 * count,
        {"data": lean, "layout": narrow}, 270 + 46 * count,
    )  # fmt: skip

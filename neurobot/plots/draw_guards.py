"""The picture of protections: for each brain, success against faults behind each code."""

from collections.abc import Mapping, Sequence
from typing import Any

from neurobot.plots.draw_faults import axis_of, draw_line, lines_of
from neurobot.plots.figures import PALETTE, STONE, Axes, Figure, legend_line

Row = Mapping[str, Any]

PANEL_IN, COLUMNS = (3.5, 2.5), 3
LINES: dict[str, dict[str, Any]] = {  # of a code: what it is drawn with
    "none": {"color": PALETTE[6], "marker": "o", "linestyle": "-"},
    "parity": {"color": PALETTE[4], "marker": "s", "linestyle": (0, (1.5, 1))},
    "ecc": {"color": PALETTE[0], "marker": "D", "linestyle": (0, (5, 1.5))},
    "tmr": {"color": PALETTE[1], "marker": "^", "linestyle": (0, (6, 1.5, 1.5, 1.5))},
}


def draw_brain(axes: Axes, name: str, guarded: Mapping[str, Sequence[Row]]) -> None:
    """Draw a brain's success, a line for each code."""
    axes.set_xscale("log")
    for guard, rows in guarded.items():
        draw_line(axes, rows, "level", LINES[guard])
    axes.axhline(0, color=STONE, linewidth=0.6)
    axes.set_ylim(-4, 104)
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.set_title(name)


def draw_guards(figure: Figure, rows: Sequence[Row]) -> None:
    """Draw success against the level of faults; rows: of levels of one kind of fault."""
    brains: dict[str, dict[str, list[Row]]] = {}
    for (controller, guard), found in lines_of(rows).items():
        brains.setdefault(controller, {})[guard] = found
    if not brains:
        raise ValueError("rows: none with faults found; one or more needed")
    height = -(-len(brains) // COLUMNS)
    width = min(len(brains), COLUMNS)
    figure.set_size_inches(PANEL_IN[0] * width + 1, PANEL_IN[1] * height + 0.8)
    panels = list(figure.subplots(height, width, sharey=True, squeeze=False).ravel())
    for axes, (name, guarded) in zip(panels, brains.items(), strict=False):
        draw_brain(axes, name, guarded)
    for axes in panels[len(brains) :]:
        axes.set_visible(False)
    known = dict.fromkeys(guard for guarded in brains.values() for guard in guarded)
    entries = [legend_line(panels[0], guard, markersize=4, **LINES[guard]) for guard in known]
    figure.legend(handles=entries, loc="outside right upper", handlelength=3)
    first = next(row for row in rows if row["level"])
    figure.supxlabel(f"{axis_of(first)}; bands: 95 % intervals", fontsize=9)
    figure.supylabel("success (%)", fontsize=9)
    figure.suptitle(f"Codes that guard the {first['memory']}")

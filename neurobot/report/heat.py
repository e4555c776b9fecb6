"""Success by task: brains over cells, grouped by task and condition, levels side by side."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from neurobot.report.looks import Part, axis, chart, layout, plain

LEAST_GROUP = 4.0  # width of a group of cells
TOLD_CELLS = 30  # with more columns than that, a figure does not fit into one
MOST_LEVEL = 6  # names of groups that fit below the map without being turned
BARE: Part = {"showline": False, "ticks": "", "showgrid": False}
SCALE = "Cividis"  # even in lightness, and for colour-blind readers
HOVER = "%{customdata}<extra></extra>"


class Span(NamedTuple):
    """Neighbours that share a name: where they begin and end, as edges between cells."""

    name: str
    first: float
    last: float

    @property
    def middle(self) -> float:
        """Return where its name belongs."""
        return (self.first + self.last) / 2


def edges(cells: Sequence[Mapping[str, str]]) -> list[float]:
    """Say where cells begin, and where the last one ends; few of a group are made the wider."""
    found = [0.0]
    for _, group in groupby(cells, key=lambda cell: (cell["task"], cell["condition"])):
        count = len(list(group))
        found += [found[-1] + max(1.0, LEAST_GROUP / count) * k for k in range(1, count + 1)]
    return found


def spans(names: Sequence[tuple[str, ...]], at: Sequence[float]) -> list[Span]:
    """Join neighbours of equal names, of which the last part is told; at: the cells' edges."""
    found, start = [], 0
    for name, group in groupby(names):
        end = start + len(list(group))
        found.append(Span(plain(name[-1]), at[start], at[end]))
        start = end
    return found


def disturbed(cells: Sequence[Mapping[str, str]]) -> bool:
    """Tell whether there is more than one condition."""
    return len({cell["condition"] for cell in cells}) > 1


def ticks(cells: Sequence[Mapping[str, str]]) -> list[Span]:
    """Name the groups of cells: by condition, or by task where there is but one condition."""
    if disturbed(cells):
        return spans([(cell["task"], cell["condition"]) for cell in cells], edges(cells))
    return spans([(cell["task"],) for cell in cells], edges(cells))


def tasks(cells: Sequence[Mapping[str, str]]) -> list[Span]:
    """Name the tasks, where conditions are named too."""
    return spans([(cell["task"],) for cell in cells], edges(cells)) if disturbed(cells) else []


def name_cell(cell: Mapping[str, str]) -> str:
    """Name a cell in one line; outside of a suite there is but its task."""
    if not cell["suite"]:
        return cell["task"]
    return ", ".join((cell["task"], cell["condition"], cell["level"]))


def told(brain: str, cell: Mapping[str, str], found: Mapping[str, Any] | None) -> str:
    """Say what a place of the map shows."""
    head = f"<b>{plain(brain)}</b><br>{plain(name_cell(cell))}<br>"
    if found is None:
        return f"{head}no episodes"
    low, high = 100 * found["success_low"], 100 * found["success_high"]
    return (
        f"{head}{100 * found['success_rate']:.0f} % of {found['episodes']} episodes<br>"
        f"95 % interval {low:.0f} to {high:.0f} %"
    )


def fences(spans: Sequence[Span], upright: bool, width: float, reach: float) -> list[Part]:
    """Draw lines between groups, across the map and so far beyond it."""
    here, across = ("x", "y") if upright else ("y", "x")
    return [
        {
            "type": "line",
            f"{here}ref": here,
            f"{across}ref": "paper",
            f"{here}0": span.first,
            f"{here}1": span.first,
            f"{across}0": 0 if upright else -reach,
            f"{across}1": 1 + reach if upright else 1,
            "line": {"color": "@ink", "width": width},
        }
        for span in spans[1:]
    ]


def surface(figures: Mapping[str, Any], upright: bool, written: bool) -> Part:
    """Draw the map; upright: a column for each cell, otherwise a row."""
    brains, cells = figures["brains"], figures["cells"]
    rates = [
        [None if found is None else 100 * found["success_rate"] for found in figures["by_cell"][b]]
        for b in brains
    ]
    words = [
        [told(b, cell, found) for cell, found in zip(cells, figures["by_cell"][b], strict=True)]
        for b in brains
    ]
    names, places = [plain(b) for b in brains], edges(cells)
    if not upright:
        rates, words = (
            [list(column) for column in zip(*each, strict=True)] for each in (rates, words)
        )
    return {
        "type": "heatmap",
        "x": places if upright else names,
        "y": names if upright else places,
        "z": rates,
        "zmin": 0,
        "zmax": 100,
        "xgap": 1,
        "ygap": 1,
        "colorscale": SCALE,
        "customdata": words,
        "texttemplate": "%{z:.0f}" if written else "",
        "textfont": {"size": 11},
        "hoverongaps": False,
        "hovertemplate": HOVER,
        "colorbar": {
            "title": {"text": "Success, %", "side": "right" if upright else "top"},
            "thickness": 12 if upright else 10,
            "outlinewidth": 0,
            **({} if upright else {"orientation": "h", "y": 1.0, "yanchor": "bottom"}),
        },
    }


def signs(cells: Sequence[Mapping[str, str]]) -> Part:
    """Describe the axis along the cells."""
    named = ticks(cells)
    return {
        "tickmode": "array",
        "tickvals": [span.middle for span in named],
        "ticktext": [span.name for span in named],
        **BARE,
    }


def heads(spans: Sequence[Span], upright: bool) -> list[Part]:
    """Name groups at the far side of the map."""
    place: Part = {"yref": "paper", "y": 1, "yanchor": "bottom"}
    if not upright:
        place = {"xref": "paper", "x": 1, "xanchor": "left", "textangle": 90, "font": {"size": 11}}
    along = "x" if upright else "y"
    return [
        {along: span.middle, "text": f"<b>{span.name}</b>", "showarrow": False, **place}
        for span in spans
    ]


def wide(figures: Mapping[str, Any]) -> tuple[Part, int]:
    """Draw a row for each brain; say how many pixels high."""
    brains, cells = figures["brains"], figures["cells"]
    named, grouped = ticks(cells), tasks(cells)
    turned = len(named) > MOST_LEVEL
    foot = 16 + 6 * max(len(span.name) for span in named) if turned else 30
    laid = layout(
        (20 + 7 * max(map(len, brains)), 10, 26, foot),
        xaxis=axis("", **signs(cells), tickangle=-45 if turned else 0, range=[0, edges(cells)[-1]]),
        yaxis=axis("", autorange="reversed", **BARE),
        shapes=fences(named, True, 0.6, 0) + fences(grouped, True, 1.8, 0.03),
        annotations=heads(grouped, True),
    )
    drawn = surface(figures, True, written=len(cells) <= TOLD_CELLS)
    return {"data": [drawn], "layout": laid}, max(26 * len(brains) + 40 + foot, 240)


def narrow(figures: Mapping[str, Any]) -> tuple[Part, int]:
    """Draw a column for each brain; say how many pixels high."""
    brains, cells = figures["brains"], figures["cells"]
    named, grouped, end = ticks(cells), tasks(cells), edges(cells)[-1]
    foot, small = 12 + 6 * max(map(len, brains)), {"tickfont": {"size": 10}}
    laid = layout(
        (14 + 6 * max(len(span.name) for span in named), 22 if grouped else 8, 74, foot),
        xaxis=axis("", tickangle=-90, **small, **BARE),
        yaxis=axis("", **signs(cells), **small, range=[end, 0]),
        shapes=fences(named, False, 0.6, 0) + fences(grouped, False, 1.8, 0),
        annotations=heads(grouped, False),
    )
    drawn = surface(figures, False, written=False)
    return {"data": [drawn], "layout": laid}, 84 + foot + round(max(11, 200 / end) * end)


def heat(figures: Mapping[str, Any]) -> Part:
    """Draw the success of every brain in every cell."""
    return chart(*wide(figures), *narrow(figures))

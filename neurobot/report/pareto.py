"""Success against what a decision costs: who is not beaten by anybody in both."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from neurobot.report.looks import Look, Part, axis, chart, layout, log_axis, plain


class Point(NamedTuple):
    """A brain with its cost per decision and its rate of success, each with its interval."""

    brain: str
    cost: float
    cost_low: float
    cost_high: float
    success: float
    success_low: float
    success_high: float
    hover: str  # escaped, lines parted by <br>


def front(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other is at least as good as in both, by rising cost."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.success)):
        if not best or point.success > best[-1].success:
            best.append(point)
    return best


def trace_of(point: Point, look: Look) -> Part:
    """Draw a brain with its intervals."""
    bars = {"thickness": 1.2, "width": 0, "color": f"@{look.hue}/0.55"}
    return {
        "type": "scatter",
        "mode": "markers+text",
        "meta": "point",
        "name": plain(point.brain),
        "text": [plain(point.brain)],
        "textposition": ["top center"],
        "textfont": {"size": 12, "color": "@ink"},
        "x": [point.cost],
        "y": [100 * point.success],
        "error_x": {
            "type": "data",
            "array": [point.cost_high - point.cost],
            "arrayminus": [point.cost - point.cost_low],
            **bars,
        },
        "error_y": {
            "type": "data",
            "array": [100 * (point.success_high - point.success)],
            "arrayminus": [100 * (point.success - point.success_low)],
            **bars,
        },
        "marker": {
            "color": f"@{look.hue}",
            "symbol": look.symbol,
            "size": 11,
            "line": {"width": 1, "color": "@paper"},
        },
        "hovertemplate": f"{point.hover}<extra></extra>",
    }


def steps(points: Sequence[Point]) -> Part:
    """Draw the front as a line of steps: so much success is had for so much."""
    best = front(points)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "front",
        "line": {"shape": "hv", "color": "@soft", "width": 1.5, "dash": "dot"},
        "x": [point.cost for point in best],
        "y": [100 * point.success for point in best],
        "hoverinfo": "skip",
        "showlegend": len(best) > 1,
    }


def floor_of(points: Sequence[Point]) -> int:
    """Return where the axis of success begins, in percent: a multiple of 20 below all intervals."""
    lowest = min((point.success_low for point in points), default=0.0)
    return max(20 * int(5 * (lowest - 0.02)), 0)


def pareto(points: Sequence[Point], looks: Mapping[str, Look], title: str, unit: str) -> Part:
    """Draw success over a cost; title: of the cost, unit: its SI unit."""
    traces = [steps(points), *(trace_of(point, looks[point.brain]) for point in points)]
    costs = [cost for point in points for cost in (point.cost_low or point.cost, point.cost_high)]
    across = log_axis(title, unit, costs, dense=True)
    up = axis("Success, % of episodes", range=[floor_of(points) - 3, 103], tick0=0, dtick=20)
    wide = layout((62, 20, 16, 58), xaxis=across, yaxis=up, showlegend=False, hovermode="closest")
    below: dict[str, Any] = {"orientation": "h", "y": -0.2, "yanchor": "top", "font": {"size": 12}}
    lower = 80 + 12 * len(points)  # two names in a row
    narrow = layout(
        (52, 8, 10, lower),
        xaxis=log_axis(title, unit, costs, dense=False),
        yaxis=up,
        legend=below,
        hovermode="closest",
        showlegend=True,
    )
    bare = [
        {**trace, "mode": "lines" if trace["mode"] == "lines" else "markers"} for trace in traces
    ]
    drawn = chart(
        {"data": traces, "layout": wide},
        470,
        {"data": bare, "layout": narrow},
        320 + lower,
    )
    return {**drawn, "names": True}

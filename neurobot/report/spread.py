"""How scores are spread: performance profiles, and who is likely to be better than whom."""

from collections.abc import Mapping, Sequence
from typing import Any

from neurobot.report.looks import Look, Part, axis, chart, layout, plain

IMPROVEMENT_SCALE = [[0.0, "@vermillion"], [0.5, "@panel"], [1.0, "@blue"]]


def band(
    brain: str, xs: Sequence[float], low: Sequence[float], high: Sequence[float], hue: str
) -> Part:
    """Shade an interval around a line."""
    return {
        "type": "scatter",
        "x": [*xs, *reversed(xs)],
        "y": [*high, *reversed(low)],
        "fill": "toself",
        "fillcolor": f"@{hue}/0.13",
        "line": {"width": 0},
        "mode": "lines",
        "legendgroup": brain,
        "showlegend": False,
        "hoverinfo": "skip",
    }


def line(brain: str, xs: Sequence[float], ys: Sequence[float], look: Look) -> Part:
    """Draw a brain's profile."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": brain,
        "legendgroup": brain,
        "x": list(xs),
        "y": list(ys),
        "line": {"color": f"@{look.hue}", "dash": look.dash, "width": 2, "shape": "linear"},
        "hovertemplate": f"{brain}: %{{y:.0%}} above %{{x:.2f}}<extra></extra>",
    }


def profiles(figures: Mapping[str, Any], looks: Mapping[str, Look]) -> Part:
    """Draw, for every score, the share of episodes above it; at first the best brain of each chip.

    figures: thresholds, and of each brain value, low and high by threshold.
    """
    xs, traces, hues = figures["thresholds"], [], set()
    for name, found in figures["brains"].items():
        brain, look = plain(name), looks[name]
        visible: Any = "legendonly" if look.hue in hues else True
        hues.add(look.hue)
        traces += [
            {**band(brain, xs, found["low"], found["high"], look.hue), "visible": visible},
            {**line(brain, xs, found["value"], look), "visible": visible},
        ]
    across = axis("Score \u03c4 (0 to 1)", range=[0, 1], dtick=0.2)
    up = axis("Share of episodes with a score above \u03c4", range=[-0.01, 1.01], tickformat=".0%")
    count = len(figures["brains"])
    wide = layout(
        (66, 10, 16, 54), xaxis=across, yaxis=up, hovermode="closest", legend={"tracegroupgap": 0}
    )
    low_legend = {"orientation": "h", "y": -0.18, "yanchor": "top", "font": {"size": 12},
        "tracegroupgap": 0}  # fmt: skip
    below = 80 + 13 * count  # two names in a row
    narrow = layout(
        (56, 8, 10, below),
        xaxis=across,
        yaxis={**up, "title": {"text": "Share above \u03c4"}},
        legend=low_legend,
        hovermode="closest",
    )
    return chart(
        {"data": traces, "layout": wide}, max(440, 90 + 23 * count),
        {"data": traces, "layout": narrow}, 320 + below,
    )  # fmt: skip


def matrix(figures: Mapping[str, Any], told: bool) -> Part:
    """Draw the probabilities; told: whether they are written into the cells too."""
    names = [plain(name) for name in figures["brains"]]
    cells = [
        [None if row == column else value for column, value in enumerate(values)]
        for row, values in enumerate(figures["value"])
    ]
    intervals = [
        [f"{low:.2f} to {high:.2f}" for low, high in zip(lows, highs, strict=True)]
        for lows, highs in zip(figures["low"], figures["high"], strict=True)
    ]
    return {
        "type": "heatmap",
        "x": names,
        "y": names,
        "z": cells,
        "zmin": 0,
        "zmax": 1,
        "xgap": 1,
        "ygap": 1,
        "colorscale": IMPROVEMENT_SCALE,
        "customdata": intervals,
        "texttemplate": "%{z:.2f}" if told else "",
        "textfont": {"size": 11},
        "hoverongaps": False,
        "hovertemplate": "P(%{y} above %{x}) = %{z:.2f}<br>95 % interval "
        "%{customdata}<extra></extra>",
        "colorbar": {
            "title": {"text": "P(row above column)", "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            "tickformat": ".1f",
        },
    }


def improvement(figures: Mapping[str, Any]) -> Part:
    """Draw how probable it is that the brain of a row scores above that of a column."""
    count = len(figures["brains"])
    longest = max(map(len, figures["brains"]))
    labels = 20 + 7 * longest
    down: dict[str, Any] = {
        "autorange": "reversed", "showline": False, "ticks": "", "showgrid": False
    }  # fmt: skip
    wide = layout(
        (labels + 20, 10, 10, labels + 20),
        xaxis=axis("column", tickangle=-45, showline=False, ticks="", showgrid=False),
        yaxis=axis("row", **down),
    )
    small = {"font": {"size": 10}}
    narrow_bar = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "title": {
        "text": "P(row above column)", "side": "top"}, "thickness": 10,
        "outlinewidth": 0}  # fmt: skip
    narrow_labels = 10 + 6 * longest
    narrow = (
        layout(
            (narrow_labels, 4, 70, narrow_labels),
            xaxis=axis(
                "", tickangle=-90, showline=False, ticks="", showgrid=False, tickfont={"size": 10}
            ),
            yaxis=axis("", tickfont={"size": 10}, **down),
        )
        | small
    )
    narrow["font"] = {**wide["font"], "size": 11}
    return chart(
        {"data": [matrix(figures, told=count <= 20)], "layout": wide},
        max(labels + 90 + 27 * count, 330),
        {"data": [{**matrix(figures, told=False), "colorbar": narrow_bar}], "layout": narrow},
        narrow_labels + 90 + 20 * count,
    )

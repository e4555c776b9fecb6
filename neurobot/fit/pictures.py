"""The curve of a search, as a PNG file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "drawing the curve needs matplotlib: pip install 'neurobot[plot]'"
    ) from missing

from neurobot.fit.history import Generation
from neurobot.fit.score import Tally, Weights
from neurobot.writing import whole

# Okabe and Ito's colours, which colour-blind readers can tell apart.
BEST, CENTRE, STEP = "#0072B2", "#D55E00", "#009E73"
TEST_STYLES = {"baseline": "--", "fitted": "-", "start": ":"}
DOTS_PER_INCH = 110
SMOOTHED = 9  # generations


def smooth(values: Sequence[float]) -> Any:
    """Return the mean of the last few values at each."""
    return [float(np.mean(values[max(k + 1 - SMOOTHED, 0) : k + 1])) for k in range(len(values))]


def draw_curve(
    generations: Sequence[Generation],
    weights: Weights,
    path: Path,
    tests: dict[str, Tally] | None = None,
) -> None:
    """Success, score and step over minutes of search; tests: levels in unseen worlds."""
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    minutes = np.cumsum([g.seconds for g in generations]) / 60
    shown = {
        "best": ([g.best(weights)[1] for g in generations], BEST),
        "centre": ([g.centre[1] for g in generations], CENTRE),
    }
    for name, (tallies, colour) in shown.items():
        rates = [100 * tally.success_rate for tally in tallies]
        left.plot(minutes, rates, ".", color=colour, markersize=2, alpha=0.4)
        left.plot(minutes, smooth(rates), color=colour, label=name)
        scores = [tally.score(weights) for tally in tallies]
        middle.plot(minutes, scores, ".", color=colour, markersize=2, alpha=0.4)
        middle.plot(minutes, smooth(scores), color=colour, label=name)
    for name, tally in (tests or {}).items():
        style = {"color": "black", "linewidth": 0.9, "linestyle": TEST_STYLES[name]}
        left.axhline(100 * tally.success_rate, label=f"{name}, unseen worlds", **style)
        middle.axhline(tally.score(weights), **style)
    right.semilogy(minutes, [g.step for g in generations], color=STEP)
    for axes, title in (
        (left, "success, % of training worlds"),
        (middle, "score"),
        (right, "step of the distribution, share of range"),
    ):
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("minutes of search")
    left.legend(fontsize=7, loc="lower right")
    with whole(path) as draft:
        figure.savefig(draft, dpi=DOTS_PER_INCH)

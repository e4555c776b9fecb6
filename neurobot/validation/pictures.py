"""The figures of a validation, as PNG files."""

from pathlib import Path

import numpy as np

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "drawing figures needs matplotlib: pip install 'neurobot[plot]'"
    ) from missing

from neurobot.validation.budget import CURVE_BIASES, NEAR, Budget
from neurobot.validation.decisions import MOST, Choices, by_margin, by_source
from neurobot.validation.traces import CHIP, Example
from neurobot.validation.variants import FLOAT, PUBLISHED, QUADRATIC
from neurobot.writing import whole

# Okabe and Ito's colours, which colour-blind readers can tell apart.
STYLES = {
    CHIP: {"color": "#0072B2", "linewidth": 1.8},
    FLOAT: {"color": "#D55E00", "linewidth": 1.2, "linestyle": "--"},
    QUADRATIC: {"color": "#009E73", "linewidth": 1.0, "linestyle": ":"},
}
MEASURES = {
    "rate_error": "f-I, biases 0..20: error,\nspikes in 1000 ticks",
    "quiet_rmse": "potential, no spikes:\nRMSE, units",
    "driven_rmse": "potential, networks:\nRMSE, units",
    "count_error": "spike count:\nerror, share",
    "spike_distance": "spike times: Victor-Purpura\ndistance per spike",
    "choices_agree": "two rivals:\nsame winner, share",
    "decisions_agree": "robot's decisions:\nsame, share",
}
DOTS_PER_INCH = 130


def save(figure: Figure, path: Path) -> Path:
    """Write a figure."""
    with whole(path) as draft:
        figure.savefig(draft, dpi=DOTS_PER_INCH)
    return path


def draw_curves(budget: Budget, path: Path) -> Path:
    """f-I curves over the whole bias range, and enlarged around the rheobase."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    for k, (axes, (name, cell)) in enumerate(
        zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, PUBLISHED.items(), strict=True)
    ):
        near = axes.inset_axes((0.46, 0.08, 0.5, 0.45))
        for model, style in STYLES.items():
            axes.plot(CURVE_BIASES, budget.curves[model][k], label=model, **style)
            near.plot(CURVE_BIASES[:NEAR], budget.curves[model][k][:NEAR], **style)
        near.tick_params(labelsize=7)
        axes.set_title(f"{name} (R, T, Z, A, B = {', '.join(map(str, cell))})", fontsize=9)
        axes.set_xlabel("bias, units per tick")
        axes.set_ylabel("spikes in 1000 ticks")
        axes.label_outer()
    figure.axes[0].legend(loc="upper left", fontsize=8)
    figure.suptitle("f-I curves; insets: biases 0 to 20")
    return save(figure, path)


def draw_traces(examples: list[Example], path: Path) -> Path:
    """Membrane potentials, overlaid."""
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    for axes, example in zip(figure.subplots(2, 2).flat, examples, strict=True):
        for model, style in STYLES.items():
            axes.plot(1 + np.arange(len(example.potentials[model])), example.potentials[model],
                      label=model, **style)  # fmt: skip
        axes.set_title(example.title, fontsize=9)
        axes.set_xlabel("tick")
        axes.set_ylabel("potential, units")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=9)
    return save(figure, path)


def draw_budget(budget: Budget, path: Path) -> Path:
    """How far every variant is from the chip, by every measure."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    names = [line.variant for line in budget.lines]
    rows = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, (measure, title) in zip(rows, MEASURES.items(), strict=True):
        values = [getattr(line, measure) for line in budget.lines]
        colours = [STYLES[name]["color"] if name in STYLES else "#999999" for name in names]
        spread = [getattr(line, f"{measure}_sd", 0.0) for line in budget.lines]
        bars = axes.barh(names, values, xerr=spread, color=colours, ecolor="black")
        axes.bar_label(bars, [f"{value:.3g}" for value in values], fontsize=7, padding=2)
        axes.set_xlim(0, 1.45 * max(*np.add(values, spread), 1e-9))
        axes.set_title(title, fontsize=8)
        axes.tick_params(labelsize=8)
    rows[0].invert_yaxis()
    figure.suptitle(
        "Error budget against the chip: one rounding added to the floats, or taken from the chip "
        "(lines: standard deviation over networks)"
    )
    return save(figure, path)


def draw_shares(axes: Axes, labels: list[str], shares: list[float], notes: list[str]) -> None:
    """Bars of shares, with a note on each."""
    bars = axes.bar(labels, [100 * share for share in shares], color=STYLES[CHIP]["color"])
    axes.bar_label(bars, notes, fontsize=8, padding=-26, color="white")
    axes.axhline(95, color="black", linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 104)
    axes.set_ylabel("same decision as the float reference, %")


def draw_decisions(choices: list[Choices], path: Path) -> Path:
    """Agreement by task, and by the margin of the decision."""
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    tasks = by_source(choices)
    draw_shares(
        left,
        [row["source"].replace(" ", "\n") for row in tasks],
        [row["agreement"] for row in tasks],
        [f"{100 * row['agreement']:.0f} %\n{row['windows']}" for row in tasks],
    )
    left.set_title("by task (second line: windows)", fontsize=9)
    steps = by_margin(choices)
    draw_shares(
        right,
        ["none\nwon" if r["margin"] == 0 else f"{r['margin']}{'+' * (r['margin'] == MOST)}"
         for r in steps],
        [row["agreement"] for row in steps],
        [f"{100 * row['agreement']:.0f} %\n{row['windows']}" for row in steps],
    )  # fmt: skip
    right.set_xlabel("margin: stimulus that must be taken from the winner, units per tick")
    right.set_title("by margin of the chip's decision (second line: windows)", fontsize=9)
    return save(figure, path)

"""The picture of costs: histograms over decisions."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neurobot.cost import CostTable
from neurobot.envs.world import Floats
from neurobot.plots.costs import Decisions
from neurobot.plots.episodes import Course
from neurobot.plots.figures import Axes, Figure, engineering, show_units, style_of

SIZE_IN = (9.2, 4.0)
NOTE_CHARACTERS = 150
BINS = 40
DECADE = 10.0  # values that differ by more stand on a logarithmic axis


def bin_edges(values: Floats) -> tuple[Floats, bool]:
    """Part the range of values (D,); tell whether it is logarithmic."""
    low, high = float(values.min()), float(values.max())
    if low > 0 and high > DECADE * low:
        return np.geomspace(low, high * (1 + 1e-9), BINS + 1), True
    margin = 0.03 * (high - low) or 0.1 * high or 1.0
    return np.linspace(max(low - margin, 0.0), high + margin, BINS + 1), False


def shares(values: Floats, edges: Floats) -> Floats:
    """Return which share of the values each bin holds, in %."""
    return np.asarray(100 * np.histogram(values, edges)[0] / len(values), np.float64)


def draw_histograms(axes: Axes, groups: dict[str, Floats], unit: str) -> None:
    """Draw one histogram per controller over the same bins, and its mean as a line."""
    edges, logarithmic = bin_edges(np.concatenate(list(groups.values())))
    for k, (name, values) in enumerate(groups.items()):
        style, height = style_of(k), shares(values, edges)
        mean = float(values.mean())
        axes.stairs(height, edges, fill=True, alpha=0.22, color=style["color"])
        axes.stairs(height, edges, linewidth=1.5, label=f"{name}: mean {engineering(mean, unit)}",
                    **style)  # fmt: skip
        axes.axvline(mean, linewidth=1, **style)
    show_units(axes, unit, logarithmic)
    axes.set_ylabel("decisions, %")
    axes.set_ylim(0, None)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2, handlelength=2.6)


def note(course: Course, found: Sequence[Decisions], table: CostTable) -> str:
    """Say what the figures are, and who is missing."""
    text = (
        f"Latency and energy are modelled. Dynamic energy by cost table {table.name!r}: "
        f"{table.provenance}. Vertical lines: means."
    )
    silent = [each.controller for each in found if not each.events]
    if silent:
        text += f" No events are counted by: {', '.join(silent)}."
    unpriced = [each.controller for each in found if each.events and not each.is_priced(table)]
    if unpriced:
        text += f" It has no prices for the chips of: {', '.join(unpriced)}."
    return textwrap.fill(text, NOTE_CHARACTERS)


def draw_costs(
    figure: Figure, course: Course, found: Sequence[Decisions], table: CostTable
) -> None:
    """Draw latency and dynamic energy of all decisions."""
    counted = [each for each in found if each.events]
    if not counted:
        names = ", ".join(each.controller for each in found)
        raise ValueError(f"controllers {names}: none counts events, so there are no costs to draw")
    priced = [each for each in counted if each.is_priced(table)]
    if not priced:
        names = ", ".join(each.controller for each in counted)
        raise ValueError(
            f"controllers {names}: cost table {table.name!r} prices none of their chips"
        )
    figure.set_size_inches(SIZE_IN[0], SIZE_IN[1] + 0.2 * len(counted))
    left, right = figure.subplots(1, 2)
    draw_histograms(left, {each.controller: each.latency_s for each in counted}, "s")
    draw_histograms(right, {each.controller: each.dynamic_j(table) for each in priced}, "J")
    left.set_xlabel("latency of a decision, modelled")
    right.set_xlabel(f"dynamic energy of a decision, modelled by {table.name!r}")
    decisions = sum(len(each.events) for each in counted)
    figure.suptitle(
        f"{course.env}, {Path(course.scenario).name}: {decisions} decisions, "
        f"{course.episodes} episode{'s' * (course.episodes > 1)} from seed {course.seed}"
    )
    figure.supxlabel(note(course, found, table), fontsize=7.5, x=0.01, ha="left")

"""The page's running text: what each section shows and how to read it."""

from collections.abc import Mapping
from typing import Any

from neurobot.report.study import Study
from neurobot.report.words import counted, listed, many

Figures = Mapping[str, Any]


def suite_of(study: Study) -> Mapping[str, Any] | None:
    """Return what is known of the suite; None: it was none."""
    return study.facts.get("suite")


def title(study: Study) -> str:
    """Name the report."""
    suite = suite_of(study)
    if suite is None:
        return "Which brain drives best, and what it costs"
    quick = ", quick" if suite["quick"] else ""
    return f"Suite {suite['name']}{quick}: which brain drives best, and what it costs"


def lead(study: Study, found: Figures) -> str:
    """Say in two sentences what was run."""
    brains, cells = counted(len(found["brains"]), "brain"), found["cells"]
    where = listed(list(dict.fromkeys(cell["task"] for cell in cells)))
    disturbed = [c for c in dict.fromkeys(cell["condition"] for cell in cells) if c]
    levels = [c for c in dict.fromkeys(cell["level"] for cell in cells) if c]
    under = f", under the conditions {listed(disturbed)}" if len(disturbed) > 1 else ""
    graded = f", at the levels {listed(levels)}" if len(levels) > 1 else ""
    return (
        f"{brains} drove through the same worlds with the same seeds: {where}{under}{graded}. "
        "Success is to reach the goal, or to roam for the ground asked for, without touching "
        "anything "
        "in time."
    )


def numbers(study: Study, found: Figures) -> list[dict[str, str]]:
    """State the size of the run."""
    decisions = sum(record.decisions for record in study.records)
    driven_km = sum(record.path_m for record in study.records) / 1000
    told = {
        "brains": many(len(found["brains"])),
        "cells": many(len(found["cells"])),
        "episodes": many(len(study.episodes)),
        "decisions": many(decisions),
        "km driven": f"{driven_km:.1f}",
    }
    return [{"name": name, "value": value} for name, value in told.items()]


INTRO = {
    "results": "One row for each brain over all cells. Click a heading to sort, or reach it with "
    "Tab "
    "and press Enter.",
    "notes": "Score: SPL in tasks with a goal, otherwise the share of the time survived times the "
    "share of the ground asked for. Every figure of time, energy and power is modelled, and per "
    "decision unless it says otherwise; the energy of a success bears the failures' too. A dash: "
    "it does not apply, or the brain counts no events.",
    "pareto": "Up is better, left is cheaper. A brain's chip gives its colour, its symbol tells it "
    "from others of that chip.",
    "spread": "A mean hides how brains fail. Profiles show all scores at once; the matrix says how "
    "likely a brain's score is above another's.",
    "paths": "Failures first. A command below a picture plays that episode again, bit for bit, and "
    "compares it with its record.",
    "costs": "What a decision's energy is made of. Totals lie on a logarithmic axis, which cannot "
    "be "
    "stacked; so the parts stand beside, as shares of each total.",
    "prices": "Every event of a chip is counted exactly; these prices turn counts into joules.",
}


def captions(found: Figures) -> dict[str, str]:
    """Say what the figures show."""
    table = found["cost_table"]
    levelled = len({cell["level"] for cell in found["cells"]}) > 1
    order = (
        " Within a group, from left to right (on narrow screens downwards): "
        f"{listed(list(dict.fromkeys(c['level'] for c in found['cells'] if c['level'])))}."
        if levelled
        else ""
    )
    return {
        "profiles": "Performance profiles: the share of episodes whose score lies above \u03c4, "
        "each cell "
        "weighing the same, with pointwise 95 % bootstrap bands. A curve above another is better. "
        "Colour: chip; dashes: brain. Click a name to hide or show it.",
        "improvement": "Probability that the brain of a row scores above that of a column, in any "
        "two "
        "worlds of a cell; ties count half. Blue: the row is better; orange: the column is. Where "
        "the "
        "95 % interval (under the pointer, or in the table) holds 0.5, the two are not told apart.",
        "heat": f"Share of episodes that succeed, by brain and cell; brighter is better.{order} "
        "Figures and intervals: under the pointer, or in the table.",
        "bills": f"Energy of a decision, modelled with the cost table {table}. Left: the total, "
        "with "
        "the range that the prices allow. Right: the parts of the nominal total.",
    }


LABELS = {
    "energy": "Scatter chart of success against energy per decision; its figures are in Table 1",
    "latency": "Scatter chart of success against latency; its figures are in Table 1",
    "profiles": "Line chart of performance profiles with bands",
    "improvement": "Heat map of probabilities of improvement; a table follows",
    "heat": "Heat map of success by brain and cell; a table follows",
    "bills": "Charts of energy per decision and of its parts; a table follows",
}

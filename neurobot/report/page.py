"""The page: what a run folder holds, laid out as one HTML file that asks nothing of any network."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "writing the page needs Plotly and Jinja2: pip install 'neurobot[report]'"
    ) from missing

from neurobot.report import provenance, tables, texts
from neurobot.report.bills import costs, known_parts
from neurobot.report.columns import columns
from neurobot.report.figures import Figures
from neurobot.report.findings import findings
from neurobot.report.heat import heat
from neurobot.report.looks import Part, looks
from neurobot.report.panels import panels, replay_command
from neurobot.report.pareto import Point, pareto
from neurobot.report.spread import improvement, profiles
from neurobot.report.study import Study
from neurobot.report.tradeoff import energy_points, latency_points, not_drawn
from neurobot.version import __version__

PANELS = 24
MATRIX = "Probability that the brain of a row scores above that of a column; small: 95 % interval."
BILLS = "Energy of a decision, modelled, by the part of the chip that takes it."
COSTS = {  # title and unit of the axis
    "energy": ("Energy per decision, modelled (log)", "J"),
    "latency": ("Latency of a decision, modelled (log)", "s"),
}
SECTIONS = {
    "findings": "Findings",
    "results": "Results",
    "tradeoff": "Success against cost",
    "spread": "Spread",
    "tasks": "Tasks",
    "paths": "Paths",
    "costs": "Components",
    "provenance": "Provenance",
}


def asset(name: str) -> Markup:
    """Read a style sheet or a script of the page."""
    return Markup((files("neurobot.report") / "templates" / name).read_text("utf-8"))


def breakable(word: str) -> Markup:
    """Escape a word, and allow a line to end after its slashes and hashes."""
    return Markup("<wbr>").join(re.split("(?<=[/#])", word))


def caption(head: str, words: str) -> Markup:
    """Write a caption that begins in bold."""
    return Markup("<b>{}.</b> {}").format(head, words)


def draw_charts(found: Figures, points: Mapping[str, Sequence[Point]]) -> dict[str, Part]:
    """Draw all charts by their names; points: of the charts of success against a cost."""
    seen = looks({row["controller"]: row["chip"] for row in found["rows"]})
    charts = {name: pareto(drawn, seen, *COSTS[name]) for name, drawn in points.items() if drawn}
    charts["profiles"] = profiles(found["profiles"], seen)
    if len(found["improvements"]["brains"]) > 1:
        charts["improvement"] = improvement(found["improvements"])
    charts["heat"] = heat(found)
    if found["bills"]:
        charts["bills"] = costs(found["bills"])
    return charts


def draw_tables(found: Figures, study: Study) -> dict[str, Part]:
    """Lay out all tables by their names."""
    rows = found["rows"]
    return {
        "main": tables.main_table(
            rows, columns(rows),
            caption("Table 1", "Brains over all generated worlds. Small figures: 95 % intervals, "
                    "Wilson's for rates, bootstrap over worlds for scores. Cost table: "
                    f"{found['cost_table']}."),
        ),
        "improvement": tables.matrix_table(
            found["improvements"], caption("Table 2", MATRIX)),
        "cells": tables.cells_table(
            found, caption("Table 3", "Success in each cell, %, with Wilson's 95 % intervals.")),
        "bills": tables.bills_table(
            found["bills"], known_parts(found["bills"]), caption("Table 4", BILLS)),
        "brains": tables.brains_table(
            rows, study.facts.get("controllers", {}),
            caption("Table 5", "What each brain is. Configuration: the hash of its settings and "
                    "weights, its first 16 digits.")),
    }  # fmt: skip


def write_page(study: Study, found: Figures, command: str, most: int = PANELS) -> str:
    """Lay out the page; most: how many episodes are drawn."""
    environment = Environment(
        loader=PackageLoader("neurobot.report"), autoescape=True, undefined=StrictUndefined
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    environment.filters["breakable"] = breakable
    known = study.facts.get("controllers", {})
    points = {"energy": energy_points(found, known), "latency": latency_points(found, known)}
    by_brain = {brain: study.of(brain) for brain in found["brains"]}
    replay = partial(replay_command, study.folder, everything=study.episodes)
    drawn = panels(by_brain, most, replay)
    table = provenance.table_of(found["cost_table"])
    context: dict[str, Any] = {
        "version": __version__,
        "title": texts.title(study),
        "lead": texts.lead(found),
        "facts": texts.numbers(study, found),
        "findings": findings(found, points["energy"]),
        "sections": [{"id": each, "name": name} for each, name in SECTIONS.items()],
        "levels": texts.levels(found),
        "tables": draw_tables(found, study),
        "charts": draw_charts(found, points),
        "beside": {name: not_drawn(drawn, found) for name, drawn in points.items()},
        "panels": drawn,
        "drawn_brains": sorted({each["brain"] for each in drawn}, key=found["brains"].index),
        "provenance": provenance.facts(study, table),
        "prices": provenance.prices(study.records, table),
        "limits": provenance.limits(study, found["rows"]),
        "figures": found,
        "command": command,
        "css": asset("page.css"),
        "script": asset("page.js"),
        "plotly": Markup(get_plotlyjs()),
    }
    return environment.get_template("page.html").render(context)

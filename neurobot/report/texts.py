"""What the head of the page says of a run."""

from collections.abc import Mapping
from typing import Any

from neurobot.report.study import Study
from neurobot.report.words import counted, listed, many
from neurobot.suite import PUBLISHED

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


def known(found: Figures, part: str) -> list[str]:
    """Name the parts of cells, each once."""
    return list(dict.fromkeys(cell[part] for cell in found["cells"] if cell[part]))


def levels(found: Figures) -> list[str]:
    """Name the levels of generated worlds."""
    return [level for level in known(found, "level") if level != PUBLISHED]


def lead(found: Figures) -> str:
    """Say what was run."""
    brains = counted(len(found["brains"]), "brain")
    conditions, graded = known(found, "condition"), levels(found)
    under = f", under the conditions {listed(conditions)}" if len(conditions) > 1 else ""
    of = f", at the levels {listed(graded)}" if len(graded) > 1 else ""
    where = f"{listed(known(found, 'task'))}{under}{of}"
    return f"{brains} drove through the same worlds with the same seeds: {where}."


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

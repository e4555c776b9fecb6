"""Every figure that the page shows, as one JSON-able object that the page carries along."""

from collections.abc import Iterable, Mapping
from typing import Any

from neurobot import standings
from neurobot.episodes import Cell
from neurobot.report.components import parts_of
from neurobot.report.study import Study
from neurobot.version import __version__

Figures = dict[str, Any]
Row = dict[str, Any]

OF_A_CELL = (
    *("episodes", "success_rate", "success_low", "success_high"),
    *("collision_rate", "timeout_rate", "fault_rate"),
)
OF_A_NETWORK = ("footprint_bytes", "activation_sparsity", "connection_sparsity")


def in_order(cells: Iterable[Cell]) -> list[Cell]:
    """Group cells by task, then condition, then level, each in the order of its first coming."""
    known = list(dict.fromkeys(cells))
    places = [list(dict.fromkeys(names)) for names in zip(*known, strict=True)]
    return sorted(
        known, key=lambda cell: [p.index(name) for p, name in zip(places, cell, strict=True)]
    )


def by_cell(rows: Iterable[Row]) -> tuple[list[Cell], dict[str, list[Row | None]]]:
    """Lay rows of brains and cells out: by brain, one for each cell, None where it has none."""
    found: dict[str, dict[Cell, Row]] = {}
    for row in rows:
        cell = Cell(*(row[name] for name in Cell._fields))
        found.setdefault(row["controller"], {})[cell] = {name: row[name] for name in OF_A_CELL}
    cells = in_order(cell for mine in found.values() for cell in mine)
    return cells, {brain: [mine.get(cell) for cell in cells] for brain, mine in found.items()}


def standing(row: Row, complexity: Mapping[str, Row]) -> Row:
    """Add to a brain's row what is known of its network."""
    known = complexity.get(row["controller"]) or {}
    return {**row, **{name: known.get(name) for name in OF_A_NETWORK}}


def figures(study: Study, cost_table: str) -> Figures:
    """Return all figures of a run; brains by falling success, then by falling score."""
    records = study.records
    complexity = study.facts.get("complexity") or {}
    rows = [standing(row, complexity) for row in standings.standings(records, cost_table)]
    rows.sort(key=lambda row: (-row["success_rate"], -(row["score_iqm"] or 0.0)))
    brains = [row["controller"] for row in rows]
    cells, found = by_cell(standings.cells(records, cost_table))
    bills = standings.components(records, cost_table, parts_of)
    return {
        "version": __version__,
        "folder": study.folder,
        "cost_table": cost_table,
        "episodes": len(records),
        "brains": brains,
        "cells": [cell._asdict() for cell in cells],
        "rows": rows,
        "by_cell": {brain: found[brain] for brain in brains},
        "profiles": ranked(standings.profiles(records), brains),
        "improvements": reordered(standings.improvements(records), brains),
        "bills": {brain: bills[brain] for brain in brains if bills.get(brain, {}).get("energy_j")},
    }


def ranked(profiles: Row, brains: list[str]) -> Row:
    """Put profiles into the order of the brains."""
    kept = {brain: profiles["brains"][brain] for brain in brains if brain in profiles["brains"]}
    return {**profiles, "brains": kept}


def reordered(matrices: Row, brains: list[str]) -> Row:
    """Put the rows and columns of comparisons into the order of the brains."""
    given = matrices["brains"]
    order = [given.index(brain) for brain in brains if brain in given]
    return {
        "brains": [given[k] for k in order],
        **{
            name: [[matrix[row][column] for column in order] for row in order]
            for name, matrix in matrices.items()
            if name != "brains"
        },
    }

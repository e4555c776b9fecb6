"""Small runs and the pages made from them, read back without a browser."""

import json
import sqlite3
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from neurobot.controllers import describe
from neurobot.cost import Stated
from neurobot.engine import Engine
from neurobot.evaluation import run_all
from neurobot.report.figures import figures
from neurobot.report.page import write_page
from neurobot.report.study import read_study
from neurobot.suite import V1

TABLE = "cells180"
BRAINS = ("braitenberg", "random", "poppins", "vfh")
# Of the suite: tasks with a goal and without, what moves and what does not, three conditions.
KEPT = {"looming", "navigation"}, {"clean", "noise", "delay"}, {"easy", "hard"}
BAD_NAME = "<script>alert('no')</script>&<b>x"
BAD_FAULT = "raised <img src=x onerror=alert(1)> & more"


class Frugal:
    """States that each of its decisions takes 7 pJ."""

    events = Stated(cycles=1, picojoules=7)

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> list[float]:
        return [0.4, 0.4]


def small_suite(folder: Path, episodes: int = 2, time_limit_s: float = 12.0) -> Path:
    """Drive some brains through some cells of the suite, for a few seconds each."""
    jobs = [
        replace(job, options=(*job.options, ("ground_m2", 12), ("time_limit_s", time_limit_s)))
        for brain in BRAINS
        for job in V1.generated(brain, episodes)
        if job.cell and all(name in kept for name, kept in zip(job.cell[1:], KEPT, strict=True))
    ]
    facts = {
        "suite": {"name": "v1", "quick": False, "sha256": V1.sha256},
        "provenance": [{"neurobot": "0", "command": "neurobot evaluate --suite v1", "numpy": "2"}],
        "controllers": {name: describe(name) for name in BRAINS},
        "complexity": {"poppins": {"footprint_bytes": 4321, "activation_sparsity": 0.875}},
    }
    run_all(jobs, Engine(), out=folder, facts=facts)
    return folder


def forge(folder: Path, copy: Path) -> Path:
    """Copy a run and give one of its brains a name, and its episodes a reason, made of markup."""
    copy.mkdir()
    with (
        sqlite3.connect(folder / "episodes.sqlite") as source,
        sqlite3.connect(copy / "episodes.sqlite") as forged,
    ):
        source.backup(forged)
        rows = forged.execute("SELECT rowid, key, result FROM episodes").fetchall()
        for rowid, key, result in rows:
            if json.loads(key)["controller"] == "random":
                new_key = json.loads(key) | {"controller": BAD_NAME}
                told = {"controller": BAD_NAME, "outcome": "fault", "fault": BAD_FAULT}
                new = json.dumps(new_key), json.dumps(json.loads(result) | told), rowid
                forged.execute("UPDATE episodes SET key = ?, result = ? WHERE rowid = ?", new)
    source.close()
    forged.close()
    return copy


def make_page(folder: Path, most: int = 8) -> str:
    """Write the page of a run."""
    study = read_study(str(folder))
    return write_page(study, figures(study, TABLE), "neurobot report", most)


class Reader(HTMLParser):
    """What a page holds: its elements with their attributes and the text directly in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[int] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in ("meta", "link", "br"):
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.elements[self.open.pop()][0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.elements[self.open[-1]][2].append(data)

    def all(self, tag: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        """Return attributes and text of the elements of a tag that have such attributes."""
        return [
            (attributes, "".join(text))
            for name, attributes, text in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]

    def carried(self, name: str) -> Any:
        """Return the JSON that the page carries under an id."""
        return json.loads(self.all("script", id=name)[0][1])

"""What is known of the worlds of a suite before anybody drives: a table, in order of the worlds.

`scripts/suite_worlds.py` writes the tables.
"""

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True)
class Known:
    """A world for the suite's robot; for the figures see `envs.difficulty`. None: no way there."""

    task: str
    level: str
    episode: int
    seed: int
    world: str  # generator, or file and position or name
    shortest_m: float | None  # no way is shorter
    footprint_m: float | None  # the footprint's shortest way
    roomy: bool
    closest_obstacle_m: float | None
    visibility_m: float | None
    dispersion: float | None
    characteristic_dimension_m: float | None
    tortuosity: float | None


NAMES = [field.name for field in fields(Known)]
WHOLE, TEXT = ("episode", "seed"), ("task", "level", "world")


def write_worlds(path: Path, worlds: Iterable[Known]) -> None:
    """Write a table; numbers to a tenth of a millimetre."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(NAMES)
        for world in worlds:
            table.writerow([cell(value) for value in astuple(world)])


def cell(value: object) -> object:
    """Return what stands in the table for a value."""
    if isinstance(value, bool):
        return int(value)
    return round(value, 4) if isinstance(value, float) else value


def read_value(name: str, text: str) -> Any:
    """Read what stands in a column."""
    if name in TEXT:
        return text
    if name in WHOLE:
        return int(text)
    if name == "roomy":
        return text == "1"
    return float(text) if text else None


@cache
def worlds_of(suite: str) -> dict[tuple[str, str, int], Known]:
    """Return the worlds of a suite by task, level and episode; none where there is no table."""
    path = FOLDER / f"suite_{suite}_worlds.csv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        rows = [
            Known(**{name: read_value(name, text) for name, text in row.items()})
            for row in csv.DictReader(file)
        ]
    return {(row.task, row.level, row.episode): row for row in rows}

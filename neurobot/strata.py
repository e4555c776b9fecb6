"""A suite's records by brain, cell and world, and their scores as the strata that are resampled."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurobot.episodes import Cell, Record
from neurobot.suite import CLEAN, PUBLISHED

Key = TypeVar("Key", bound=Hashable)


class World(NamedTuple):
    """Where an episode took place, whatever its condition was."""

    task: str
    level: str
    episode: int


Met = dict[World, dict[str, Record]]  # a brain's episodes, by world and condition


def grouped(records: Iterable[Record], by: Callable[[Record], Key]) -> dict[Key, list[Record]]:
    """Group episodes, in the order of the first of each group."""
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(by(record), []).append(record)
    return groups


def by_brain(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Group episodes by controller."""
    return grouped(records, lambda record: record.controller)


def cell_of(record: Record) -> Cell:
    """Return an episode's cell; outside of a suite, its environment and scenario are a task."""
    place = f"{record.env.rpartition('/')[2]} {record.scenario}"
    return record.cell or Cell("", place, CLEAN, "")


def is_published(record: Record) -> bool:
    """Tell whether an episode took place in a published world."""
    return cell_of(record).level == PUBLISHED


def generated(records: Sequence[Record]) -> list[Record]:
    """Return the episodes in generated worlds; all of them where there are none."""
    return [record for record in records if not is_published(record)] or list(records)


def worlds_of(records: Sequence[Record]) -> Met:
    """Return a brain's episodes in those worlds that it has met under every condition."""
    met: Met = {}
    for record in records:
        cell = cell_of(record)
        world = met.setdefault(World(cell.task, cell.level, record.episode), {})
        if cell.condition in world:
            raise ValueError(
                f"records: {record.controller} drove episode {record.episode} of "
                f"{' '.join(cell).strip()} twice; one version and setting needed"
            )
        world[cell.condition] = record
    conditions = {condition for world in met.values() for condition in world}
    return {world: met[world] for world in met if met[world].keys() == conditions}


def partition(worlds: Iterable[World]) -> list[list[World]]:
    """Part worlds into strata: by task and level, by task where some level has a single world."""
    found = sorted(worlds)
    sizes = Counter((world.task, world.level) for world in found)
    fine = min(sizes.values(), default=0) > 1
    strata: dict[tuple[str, ...], list[World]] = {}
    for world in found:
        strata.setdefault((world.task, world.level) if fine else (world.task,), []).append(world)
    return list(strata.values())


def strata_of(met: Met, value: Callable[[Record], float]) -> list[NDArray[Any]]:
    """Lay values of episodes out by stratum, (worlds, conditions)."""
    return [
        np.array([[value(met[world][name]) for name in sorted(met[world])] for world in stratum])
        for stratum in partition(met)
    ]


def equals(records: Iterable[Record]) -> dict[str, Met]:
    """Return the worlds of the brains that have met as much as any, and the same."""
    met = {name: worlds_of(generated(group)) for name, group in by_brain(records).items()}
    places = {name: {w: worlds[w].keys() for w in worlds} for name, worlds in met.items()}
    most = max(places.values(), key=lambda place: sum(map(len, place.values())), default={})
    return {name: met[name] for name in met if most and places[name] == most}

"""Run folders put together: all of their episodes, and what is known of the runs."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from neurobot.store import FILE_NAME, Run, Store, Stored, StoreError, canonical, read_run

Told = Mapping[Path, Any]  # what each folder says of one thing; None: nothing


def same(name: str, told: Told) -> Any:
    """Return what all folders say; refuse that one says something else."""
    (first, value), *others = told.items()
    for folder, other in others:
        if other != value:
            raise StoreError(
                f"{folder}: its {name} is {json.dumps(other)}, {json.dumps(value)} in {first}; "
                "only equal ones can be merged"
            )
    return value


def united(name: str, told: Told) -> dict[str, Any]:
    """Put together what folders say by name; refuse that two say different things of one."""
    entries = dict.fromkeys(key for value in told.values() for key in value or ())
    return {
        entry: same(f"{name} {entry!r}", {f: v[entry] for f, v in told.items() if v and entry in v})
        for entry in entries
    }


def listed(name: str, told: Told) -> list[Any]:
    """List what folders say, each thing once."""
    found: list[Any] = []
    for value in told.values():
        each = value if isinstance(value, list) else [value]
        found += [one for one in each if one is not None and one not in found]
    return found


MERGED: dict[str, Callable[[str, Told], Any]] = {
    "provenance": listed,
    "controllers": united,
    "complexity": united,
}


def merge_facts(runs: Mapping[Path, Run]) -> dict[str, Any]:
    """Put together what is known of several runs."""
    names = dict.fromkeys(name for run in runs.values() for name in run.facts)
    return {
        name: MERGED.get(name, same)(name, {f: run.facts.get(name) for f, run in runs.items()})
        for name in names
    }


def merge_episodes(runs: Mapping[Path, Run]) -> list[Stored]:
    """Put together the episodes of several runs; refuse one that has two results."""
    found: dict[str, tuple[Path, Stored]] = {}
    for folder, run in runs.items():
        for each in run.episodes:
            first, kept = found.setdefault(canonical(each.key), (folder, each))
            if canonical(kept.result) != canonical(each.result):
                raise StoreError(
                    f"{folder}: {describe(each.key)} has another result there than in {first}"
                )
    return [each for _, each in found.values()]


def describe(key: Mapping[str, Any]) -> str:
    """Name an episode."""
    told = [f"{name} {key[name]}" for name in ("episode", "seed") if name in key]
    where = [f"in {key['scenario']}"] if "scenario" in key else []
    cell = [f"({', '.join(key['cell'])})"] if key.get("cell") else []
    return " ".join([str(key.get("controller", "a result")), *where, *cell, *told])


def merge(folders: Sequence[Path], out: Path) -> int:
    """Write the union of some run folders to another, which may hold episodes already.

    All of it is written, or nothing where two of them contradict each other. Returns how many
    episodes there are now.
    """
    sources = [*([out] if (out / FILE_NAME).is_file() else []), *folders]
    runs = {folder: read_run(folder) for folder in sources}
    episodes, facts = merge_episodes(runs), merge_facts(runs)
    with Store(out) as store:
        store.add_all(episodes, facts)
    return len(episodes)

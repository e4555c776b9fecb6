"""What a run folder holds, by brain and by cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from neurobot.demo.replay import Recorded, to_recorded
from neurobot.episodes import Record, reading_records
from neurobot.store import read_run


@dataclass(frozen=True)
class Study:
    """The episodes of a run folder and what is known of the whole run."""

    folder: str
    episodes: tuple[Recorded, ...]
    facts: dict[str, Any]
    provenance: tuple[dict[str, Any], ...]

    @cached_property
    def records(self) -> list[Record]:
        """What happened in every episode."""
        return [each.record for each in self.episodes]

    @cached_property
    def brains(self) -> list[str]:
        """Name the brains, in the order of their first episodes."""
        return list(dict.fromkeys(record.controller for record in self.records))

    def of(self, brain: str) -> list[Recorded]:
        """Return a brain's episodes."""
        return [each for each in self.episodes if each.job.controller == brain]

    def values(self, name: str) -> list[Any]:
        """Return what a fact of the jobs is, each value once."""
        found = {str(each.facts.get(name)): each.facts.get(name) for each in self.episodes}
        return list(found.values())

    @property
    def versions(self) -> list[str]:
        """Return the versions of neurobot that recorded the episodes."""
        return sorted({each.version for each in self.episodes})


def read_study(folder: str) -> Study:
    """Read a run folder."""
    run = read_run(Path(folder))
    with reading_records(Path(folder)):
        episodes = tuple(to_recorded(each) for each in run.episodes)
    if not episodes:
        raise ValueError(f"{folder}: no episode has ended there yet")
    if any(each.job.faults for each in episodes):
        raise ValueError(
            f"{folder}: a campaign of faults found; `neurobot faults --from {folder}` shows it"
        )
    return Study(folder, episodes, run.facts, tuple(run.provenance))


def chips(records: Sequence[Record]) -> dict[str, str | None]:
    """Name the chip of each brain; None where it counts nothing."""
    found: dict[str, str | None] = {}
    for record in records:
        found[record.controller] = (
            record.events.chip if record.events else found.get(record.controller)
        )
    return found

"""Evaluated episodes from their records: found, run again, and compared."""

import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import neurobot
from neurobot.demo.session import Session
from neurobot.episodes import Job, Record, from_result, job_of, reading_records
from neurobot.loop import Episode
from neurobot.store import Stored, read_run

NAME = re.compile(
    r"(?P<folder>.+)#(?:(?P<cell>[^#/]+/[^#/]+/[^#/]+)/)?(?P<episode>[0-9]{1,9})", re.DOTALL
)
MOST_LISTED = 8
EQUAL = "equal to its record, bit for bit"
COMPARED = [field.name for field in fields(Episode) if field.name != "trace"]  # it has a hash


class Recorded(NamedTuple):
    """An episode of a run folder."""

    job: Job
    record: Record
    version: str

    @property
    def facts(self) -> dict[str, Any]:
        """Everything by which episodes can be told apart."""
        cell = self.job.cell and "/".join(self.job.cell[1:])
        faults = str(self.job.faults) if self.job.faults else None
        told = {**self.job.key, "options": None, "timing": None, "cell": cell, "faults": faults}
        return {**told, **self.job.key["options"], **self.job.key["timing"]}


def to_recorded(stored: Stored) -> Recorded:
    """Read an episode as the store keeps it."""
    record = from_result(stored.result, stored.trace)
    version = stored.key["version"]
    if not isinstance(version, str):
        raise ValueError(f"version {reprlib.repr(version)} found, a text needed")
    job = job_of(stored.key)
    if job.controller != record.controller:
        raise ValueError("a result of another brain than its key says")
    return Recorded(job, record, version)


def read_folder(folder: Path) -> list[Recorded]:
    """Read all episodes of a run folder."""
    with reading_records(folder):
        found = [to_recorded(each) for each in read_run(folder).episodes]
    if not found:
        raise ValueError(f"{folder}: no episode has ended there yet")
    return found


def find_recorded(name: str, wanted: Mapping[str, Any]) -> Recorded:
    """Find the episode DIR#K; wanted: facts that tell it from others of that number."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(
            f"--replay {name}: DIR#EPISODE, or DIR#TASK/CONDITION/LEVEL/EPISODE of a suite, needed"
        )
    everything = read_folder(Path(match["folder"]))
    facts = {**wanted, "episode": int(match["episode"])}
    if match["cell"]:
        facts["cell"] = match["cell"]
    found = [
        each
        for each in everything
        if all(each.facts.get(fact) == value for fact, value in facts.items())
    ]
    if not found:
        also = "".join(f", {fact} {value}" for fact, value in wanted.items())
        raise ValueError(
            f"--replay {name}: no such episode{also}; there are {describe(everything)}"
        )
    if len(found) > 1:
        raise ValueError(
            f"--replay {name}: {len(found)} episodes found, which differ in {differing(found)}; "
            f"say which is meant by CONTROLLER and the options ({describe(found)})"
        )
    return found[0]


def differing(recorded: list[Recorded]) -> str:
    """Name the facts that are not the same in all episodes."""
    names = dict.fromkeys(name for each in recorded for name in each.facts)
    return ", ".join(
        name for name in names if len({str(each.facts.get(name)) for each in recorded}) > 1
    )


def describe(recorded: list[Recorded]) -> str:
    """List what there is, shortened."""
    kinds: dict[str, list[int]] = {}
    for each in recorded:
        name = f"{each.job.controller} in {each.job.scenario}"
        kinds.setdefault(name, []).append(each.job.episode)
    spans = [
        f"{name} #{min(numbers)}" + (f"-{max(numbers)}" if max(numbers) > min(numbers) else "")
        for name, numbers in kinds.items()
    ]
    more = f", and {len(spans) - MOST_LISTED} more" if len(spans) > MOST_LISTED else ""
    return ", ".join(spans[:MOST_LISTED]) + more


def verdict(recorded: Recorded, session: Session) -> tuple[bool, str]:
    """Compare a replayed episode with its record: whether they are equal, and what to say."""
    if session.touched:
        return False, "not compared with its record: somebody touched it"
    if session.job != recorded.job or not session.trial.ended:
        return False, "not compared with its record: it was left before its end"
    episode = session.episode()
    for name in COMPARED:
        now, then = getattr(episode, name), getattr(recorded.record, name)
        if now != then:
            return False, f"{name} {now} found, {then} in its record: {reason(recorded)}"
    return True, EQUAL


def reason(recorded: Recorded) -> str:
    """Say why an episode may be another one than its record's."""
    if recorded.version != neurobot.__version__:
        return f"neurobot {recorded.version} recorded it, this is {neurobot.__version__}"
    return "the controller or the world's file is another one"

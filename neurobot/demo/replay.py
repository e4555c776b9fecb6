"""Evaluated episodes from their records: found, run again, and compared."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import neurobot
from neurobot.demo.session import Session
from neurobot.loop import Timing
from neurobot.store import read_episodes
from neurobot.suite import Job

NAME = re.compile(r"(?P<folder>.+)#(?P<episode>[0-9]{1,9})", re.DOTALL)
MOST_LISTED = 8


class Recorded(NamedTuple):
    """An episode of a run folder."""

    job: Job
    trajectory_sha256: str
    version: str


def to_recorded(key: dict[str, Any], result: dict[str, Any]) -> Recorded:
    """Read an episode as the store keeps it."""
    given = dict(key)
    version = given.pop("version")
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.pop("options").items()
    }
    timing = Timing(**given.pop("timing"))
    job = Job(**given, timing=timing, options=tuple(options.items()))
    return Recorded(job, result["trajectory_sha256"], version)


def find_recorded(name: str, controller: str | None, scenario: str | None) -> Recorded:
    """Find the episode DIR#K, of a controller and in a scenario if there are several."""
    match = NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"--replay {name}: DIR#EPISODE needed, as in results#3")
    folder, episode = Path(match["folder"]), int(match["episode"])
    try:
        everything = [to_recorded(*each) for each in read_episodes(folder)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder}: records of another form found: {error}") from error
    if not everything:
        raise ValueError(f"{folder}: no episode has ended there yet")
    found = [
        each
        for each in everything
        if each.job.episode == episode
        and controller in (None, each.job.controller)
        and scenario in (None, each.job.scenario)
    ]
    if not found:
        raise ValueError(f"--replay {name}: no such episode; there are {describe(everything)}")
    if len(found) > 1:
        raise ValueError(
            f"--replay {name}: {len(found)} episodes found ({describe(found)}); "
            "say which by CONTROLLER and --scenario"
        )
    return found[0]


def describe(recorded: list[Recorded]) -> str:
    """List what there is, shortened."""
    kinds: dict[str, list[int]] = {}
    for each in recorded:
        name = f"{each.job.controller} in {each.job.scenario}"
        kinds.setdefault(name, []).append(each.job.episode)
    spans = [
        f"{name} #{min(numbers)}" + (f"-{max(numbers)}" if len(numbers) > 1 else "")
        for name, numbers in kinds.items()
    ]
    more = f", and {len(spans) - MOST_LISTED} more" if len(spans) > MOST_LISTED else ""
    return ", ".join(spans[:MOST_LISTED]) + more


def verdict(recorded: Recorded, session: Session) -> tuple[bool, str]:
    """Compare a replayed episode with its record: whether it is the same, and what to say."""
    if session.touched:
        return True, "not compared with its record: somebody touched it"
    if not session.trial.ended:
        return True, "not compared with its record: it was left before its end"
    if session.episode().trajectory_sha256 == recorded.trajectory_sha256:
        return True, "equal to its record, bit for bit"
    versions = f"recorded by neurobot {recorded.version}, this is {neurobot.__version__}"
    return False, f"another trajectory than the record's ({versions})"

"""What the trials of a run share: a run of the command line, and what a folder holds after it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from neurobot.provenance import provenance
from neurobot.store import FILE_NAME, StoreError, canonical, read_run

NEUROBOT = (sys.executable, "-m", "neurobot")

Records = dict[str, str]  # the key of an episode -> the checksum of all that is kept of it


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    status: int
    said: str


def neurobot(*words: str | Path) -> Ended:
    """Run a command to its end."""
    done = subprocess.run([*NEUROBOT, *words], capture_output=True, text=True, check=False)
    return Ended(done.returncode, done.stderr.strip())


def records_of(folder: Path) -> Records:
    """Read what a run folder holds; nothing where there is none yet."""
    if not (folder / FILE_NAME).exists():
        return {}
    return {
        canonical(key): hashlib.sha256(canonical(result).encode() + trace).hexdigest()
        for key, result, trace in read_run(folder).episodes
    }


def is_readable(folder: Path) -> bool:
    """Whether what a folder holds can be read."""
    try:
        records_of(folder)
    except StoreError:
        return False
    return True


def checksum(records: Records) -> str:
    """Return one short text for all records."""
    return hashlib.sha256(canonical(records).encode()).hexdigest()[:16]


def lost(before: Records, after: Records) -> int:
    """Count the records that are gone, or others than they were."""
    return sum(after.get(key) != value for key, value in before.items())


def write_figures(path: Path | None, rows: Sequence[dict[str, Any]], **more: Any) -> None:
    """Write figures as JSON, with what they were made, where that is asked for."""
    if path:
        document = {"provenance": provenance(), **more, "rows": rows}
        path.write_text(json.dumps(document, indent=1) + "\n")

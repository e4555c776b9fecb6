"""SQLite as this project uses it: locks are waited for, and errors say what to do."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from neurobot.writing import AGAIN, FULL, advice

MOST_BYTES = 1 << 26  # of a row
WAIT_S = 30.0  # for another process to let go of the database
PAUSE_S = 0.1  # between two attempts
LEAST_FREE = 1 << 16  # bytes of a disk; below that, an error of writing is one of room
ELSEWHERE = "choose another folder"
# What to do, by the primary error code of SQLite.
TOLD = {
    sqlite3.SQLITE_READONLY: f"it cannot be written (read-only); {ELSEWHERE}",
    sqlite3.SQLITE_CANTOPEN: "no file can be opened or made there (a read-only disk, or no "
    f"permission); {ELSEWHERE}",
    sqlite3.SQLITE_IOERR: f"the disk does not answer as it should; {ELSEWHERE}",
    sqlite3.SQLITE_CORRUPT: f"the file is damaged; delete the folder, or {ELSEWHERE}",
    sqlite3.SQLITE_NOTADB: "the file is damaged, or none of episodes; delete the folder, "
    f"or {ELSEWHERE}",
    sqlite3.SQLITE_TOOBIG: f"a row of more than {MOST_BYTES} bytes found; allowed: at most that",
}
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
T = TypeVar("T")


class StoreError(ValueError):
    """A run folder that cannot be read or written."""


class PausedError(StoreError):
    """A run folder that takes nothing now: what is there stays, the same command goes on later."""


def code_of(error: Exception) -> int:
    """Return SQLite's primary error code; 0: it tells none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_full(folder: Path, error: Exception) -> bool:
    """Whether an error of writing is for want of room."""
    if code_of(error) == sqlite3.SQLITE_IOERR:
        return shutil.disk_usage(folder).free < LEAST_FREE
    return code_of(error) == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) in FULL


def reason(error: Exception) -> str:
    """Say what is wrong with a folder, and what to do."""
    told = advice(error) if isinstance(error, OSError) else str(error)
    return TOLD.get(code_of(error), told)


def refusal(where: str, folder: Path, error: Exception, kept: str = "") -> StoreError:
    """Return the error for a folder that cannot be written; where: and what was tried there.

    kept: what is said to stay there.
    """
    if is_full(folder, error):
        return PausedError(f"{where}: the disk is full{kept}; {AGAIN}")
    if code_of(error) in HELD:
        return PausedError(
            f"{where}: another process has held the database for {WAIT_S:g} s{kept}; "
            "let it end and run the same command again"
        )
    return StoreError(f"{where}: {reason(error)}{kept}")


def patiently(action: Callable[[], T]) -> T:
    """Do something as soon as no other process holds the database, or give up after `WAIT_S`.

    SQLite itself would hear no signal while it waits.
    """
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if code_of(error) not in HELD or time.monotonic() > until:
                raise
            time.sleep(PAUSE_S)


def connect(place: Path | str, **options: Any) -> sqlite3.Connection:
    """Open a database that holds no row above `MOST_BYTES`."""
    connection: sqlite3.Connection = sqlite3.connect(place, timeout=PAUSE_S, **options)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    return connection


def damaged(path: Path, error: Exception) -> StoreError:
    """Return the error for rows that cannot be read."""
    return StoreError(
        f"{path}: cannot read episodes there: {error}; {TOLD[sqlite3.SQLITE_CORRUPT]}"
    )

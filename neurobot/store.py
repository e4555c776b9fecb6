"""Episode records on disk: one SQLite file per run folder, one row per episode, written at once.

What was written stays, whatever ends the process, fills the disk or cuts the file's log short.
Several processes may write to a folder, and others read it meanwhile.
"""

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from neurobot.bounded import listed
from neurobot.databases import (
    PausedError,
    StoreError,
    code_of,
    connect,
    damaged,
    patiently,
    reason,
    refusal,
)

__all__ = ["FILE_NAME", "PausedError", "Run", "Store", "StoreError", "Stored", "read_run"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS episodes (
    key TEXT PRIMARY KEY,    -- everything that decides the result, as JSON
    result TEXT NOT NULL,    -- what happened, as JSON
    trace BLOB               -- its course, packed
);
CREATE TABLE IF NOT EXISTS facts (
    name TEXT PRIMARY KEY,   -- what is known of the whole run
    value TEXT NOT NULL      -- as JSON
);
"""
FILE_NAME = "episodes.sqlite"
LOG_NAME = f"{FILE_NAME}-wal"
TEXT_BYTES = 1 << 24  # of a key, a result or a fact
ROW_BYTES = 4  # a row takes at least so many
# What facts are, by name; others are whatever a run has noted.
FACTS: dict[str, Any] = {
    "provenance": (list, dict), "controllers": dict, "complexity": dict, "suite": dict
}  # fmt: skip
Row = tuple[Any, ...]
# Errors of a log whose index cannot be made: on a read-only disk, and on a full one.
NO_INDEX = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR)
MEMORY = "/dev/shm"  # a folder of no disk, where there is one
UNREADABLE = (ValueError, TypeError, RecursionError)  # of rows that are none of ours


class Stored(NamedTuple):
    """An episode as it is kept."""

    key: dict[str, Any]
    result: dict[str, Any]
    trace: bytes = b""


class Run(NamedTuple):
    """What a run folder holds."""

    episodes: list[Stored]
    facts: dict[str, Any]

    @property
    def provenance(self) -> list[dict[str, Any]]:
        """What made it: of one run, or of each that was merged into it."""
        found = self.facts.get("provenance", [])
        return found if isinstance(found, list) else [found]


def canonical(value: Any) -> str:
    """Write as JSON whose keys are in order: equal values are equal texts."""
    return json.dumps(value, sort_keys=True)


def stored(key: str, result: str, trace: bytes | None) -> Stored:
    """Read a row; refuse one that no version of ours can have written."""
    read = Stored(json.loads(key), json.loads(result), trace or b"")
    if not (isinstance(read.key, dict) and isinstance(read.result, dict)):
        raise ValueError("a row without names found")
    if not isinstance(read.trace, bytes):
        raise ValueError("a trace found that is no bytes")
    return read


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table; none where there is no such table."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND rootpage > 0 AND name = ?"
    if connection.execute(query, (table,)).fetchone() is None:
        return []
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def read_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Read what is known of the whole run."""
    if not {"name", "value"} <= set(columns_of(connection, "facts")):
        return {}
    rows = connection.execute("SELECT name, value FROM facts ORDER BY rowid")
    found = {name: json.loads(value) for name, value in no_more_than(size_of(connection), rows)}
    check_facts(found)
    return found


def check_facts(found: dict[str, Any]) -> None:
    """Refuse facts of other forms than any version of ours notes."""
    kinds = ((name, FACTS.get(name), value) for name, value in found.items())
    for name, kind, value in kinds:
        if not isinstance(name, str) or (kind and not isinstance(value, kind)):
            raise ValueError(f"a fact {name!r} of another form found")
    told = found.get("provenance", [])
    each = told if isinstance(told, list) else [told]
    if not all(isinstance(one, dict) for one in each):
        raise ValueError("a fact 'provenance' of another form found")


def read_episodes(connection: sqlite3.Connection) -> list[Stored]:
    """Read all rows; none where a run was stopped before it could begin."""
    columns = columns_of(connection, "episodes")
    if not columns and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        return []
    if not {"key", "result"} <= set(columns):
        raise ValueError(f"no table of episodes found, but {listed(columns)}")
    trace = "trace" if "trace" in columns else "NULL"
    rows = connection.execute(f"SELECT key, result, {trace} FROM episodes ORDER BY rowid")
    return [stored(*row) for row in no_more_than(size_of(connection), rows)]


def size_of(connection: sqlite3.Connection) -> int:
    """Return how many bytes a database has, with what stands in its log."""
    (pages,), (size,) = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size")
    )
    return int(pages * size)


def no_more_than(most: int, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows; refuse more than so many bytes of them: damaged pages come again and again."""
    total = 0
    for row in rows:
        total += ROW_BYTES + sum(map(bytes_of, row))
        if total > most:
            raise ValueError(f"rows of more bytes than its {most} found")
        yield row


def bytes_of(value: Any) -> int:
    """Return how much a value takes in a database, at least; refuse a text that is too long."""
    size = len(value) if isinstance(value, str | bytes) else 0
    if size > TEXT_BYTES and isinstance(value, str):
        raise ValueError(f"a text of {size} letters found; allowed: up to {TEXT_BYTES}")
    return size


def read_from(path: Path, options: str = "") -> Run:
    """Read a database and its log, as one state of it."""
    place = f"{path.absolute().as_uri()}?mode=ro{options}"
    with closing(connect(place, uri=True, isolation_level=None)) as store:
        store.execute("BEGIN")
        return Run(read_episodes(store), read_facts(store))


def read_copy(path: Path, where: str | None = None) -> Run:
    """Read a database and its log elsewhere: where they lie, their index cannot be made."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        for name in (FILE_NAME, LOG_NAME):
            shutil.copy(path.with_name(name), folder)
        return read_from(Path(folder) / FILE_NAME)


def read_logged(path: Path) -> Run:
    """Read a database; without a log beside it nobody is writing, and nothing is written here."""
    if not path.with_name(LOG_NAME).exists():
        return read_from(path, "&immutable=1")
    try:
        return read_from(path)
    except sqlite3.OperationalError as error:
        if code_of(error) not in NO_INDEX:
            raise
    try:
        return read_copy(path)
    except OSError:
        if not os.path.isdir(MEMORY):
            raise
    return read_copy(path, MEMORY)


def read_run(folder: Path) -> Run:
    """Read all of a run folder, also an older version's, and change nothing there."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise StoreError(
            f"{folder}: no episodes there; `neurobot evaluate --out` makes such folders"
        )
    try:
        return patiently(lambda: read_logged(path))
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot read episodes there: {reason(error)}") from error
    except UNREADABLE as error:
        raise damaged(path, error) from error


class Store:
    """The episodes of one run folder; a context manager. An older version's file is brought up."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.connection = connect(self.path)
            patiently(self.prepare)
        except (OSError, sqlite3.Error) as error:
            where = f"--out {folder}: cannot keep episodes there"
            raise refusal(where, folder, error) from error

    def prepare(self) -> None:
        """Make the tables that are missing."""
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.executescript(SCHEMA)
        if "trace" not in columns_of(self.connection, "episodes"):
            self.connection.execute("ALTER TABLE episodes ADD COLUMN trace BLOB")
        self.connection.commit()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Turn what SQLite raises into a sentence."""
        try:
            yield
        except sqlite3.Error as error:
            where = f"{self.path}: cannot write"
            raise refusal(where, self.path.parent, error, self.kept()) from error
        except UNREADABLE as error:
            raise damaged(self.path, error) from error

    def kept(self) -> str:
        """Say how much stays, if that can be told."""
        with suppress(sqlite3.Error):
            (count,) = self.connection.execute("SELECT count(*) FROM episodes").fetchone()
            return f"; the {count} results there are kept"
        return ""

    def add(self, key: dict[str, Any], result: dict[str, Any], trace: bytes = b"") -> None:
        """Write one episode; it survives whatever happens next."""
        self.add_all([Stored(key, result, trace)])

    def add_all(self, episodes: Iterable[Stored], facts: dict[str, Any] | None = None) -> None:
        """Write some episodes and facts: all of them, or none if something goes wrong."""
        rows = [(canonical(key), json.dumps(result), trace) for key, result, trace in episodes]
        known = [(name, json.dumps(value)) for name, value in (facts or {}).items()]

        def write() -> None:
            with self.connection as connection:
                connection.executemany("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?)", rows)
                connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", known)

        with self.guarded():
            patiently(write)

    def find(self, key: dict[str, Any]) -> tuple[dict[str, Any], bytes] | None:
        """Return result and trace of an episode, if it is here."""
        query = "SELECT key, result, trace FROM episodes WHERE key = ?"

        def look() -> Any:
            return self.connection.execute(query, (canonical(key),)).fetchone()

        with self.guarded():
            found = patiently(look)
            return stored(*found)[1:] if found else None

    def note(self, name: str, value: Any) -> None:
        """Write a fact of the whole run, in place of what was known under that name."""
        self.add_all([], {name: value})

    def facts(self) -> dict[str, Any]:
        """Return all facts of the run."""
        with self.guarded():
            return patiently(lambda: read_facts(self.connection))

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

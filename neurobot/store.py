"""Episode records on disk: one SQLite file per run folder, one row per episode, written at once."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

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


class StoreError(ValueError):
    """A run folder that cannot be read or written."""


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
    """Read a row."""
    return Stored(json.loads(key), json.loads(result), trace or b"")


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """Name the columns of a table; none where there is no such table."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def read_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Read what is known of the whole run."""
    if not columns_of(connection, "facts"):
        return {}
    rows = connection.execute("SELECT name, value FROM facts ORDER BY rowid")
    return {name: json.loads(value) for name, value in rows}


def read_run(folder: Path) -> Run:
    """Read all of a run folder, also an older version's, and change nothing there."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise StoreError(
            f"{folder}: no episodes there; `neurobot evaluate --out` makes such folders"
        )
    try:
        # Without a log beside it nobody is writing: then nothing need be written to read it.
        still = "" if path.with_name(f"{FILE_NAME}-wal").exists() else "&immutable=1"
        place = f"{path.absolute().as_uri()}?mode=ro{still}"
        with closing(sqlite3.connect(place, uri=True)) as store:
            trace = "trace" if "trace" in columns_of(store, "episodes") else "NULL"
            rows = store.execute(f"SELECT key, result, {trace} FROM episodes ORDER BY rowid")
            return Run([stored(*row) for row in rows], read_facts(store))
    except (sqlite3.Error, ValueError) as error:
        raise StoreError(f"{path}: cannot read episodes there: {error}") from error


class Store:
    """The episodes of one run folder; a context manager. An older version's file is brought up."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.executescript(SCHEMA)
            if "trace" not in columns_of(self.connection, "episodes"):
                self.connection.execute("ALTER TABLE episodes ADD COLUMN trace BLOB")
            self.connection.commit()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"--out {folder}: cannot keep episodes there: {error}") from error

    def add(self, key: dict[str, Any], result: dict[str, Any], trace: bytes = b"") -> None:
        """Write one episode; it survives whatever happens next."""
        self.add_all([Stored(key, result, trace)])

    def add_all(self, episodes: Iterable[Stored], facts: dict[str, Any] | None = None) -> None:
        """Write some episodes and facts: all of them, or none if something goes wrong."""
        rows = [(canonical(key), json.dumps(result), trace) for key, result, trace in episodes]
        known = [(name, json.dumps(value)) for name, value in (facts or {}).items()]
        try:
            with self.connection as write:
                write.executemany("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?)", rows)
                write.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", known)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot write: {error}") from error

    def find(self, key: dict[str, Any]) -> tuple[dict[str, Any], bytes] | None:
        """Return result and trace of an episode, if it is here."""
        query = "SELECT key, result, trace FROM episodes WHERE key = ?"
        found = self.connection.execute(query, (canonical(key),)).fetchone()
        return stored(*found)[1:] if found else None

    def note(self, name: str, value: Any) -> None:
        """Write a fact of the whole run, in place of what was known under that name."""
        self.add_all([], {name: value})

    def facts(self) -> dict[str, Any]:
        """Return all facts of the run."""
        return read_facts(self.connection)

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

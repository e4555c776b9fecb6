"""Episode records on disk: one SQLite file per run folder, one row per episode, written at once."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS episodes (
    key TEXT PRIMARY KEY,    -- everything that decides the result, as JSON
    result TEXT NOT NULL     -- what happened, as JSON
)
"""
FILE_NAME = "episodes.sqlite"


class StoreError(ValueError):
    """A run folder that cannot be read or written."""


Row = tuple[dict[str, Any], dict[str, Any]]  # key and result of an episode


def read_episodes(folder: Path) -> list[Row]:
    """Read all episodes of a run folder, and change nothing there."""
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
            rows = store.execute("SELECT key, result FROM episodes ORDER BY rowid").fetchall()
        return [(json.loads(key), json.loads(result)) for key, result in rows]
    except (sqlite3.Error, ValueError) as error:
        raise StoreError(f"{path}: cannot read episodes there: {error}") from error


class Store:
    """The episodes of one run folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.path)
            self.connection.execute("PRAGMA journal_mode=WAL")
            self.connection.execute(SCHEMA)
            self.connection.commit()
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"--out {folder}: cannot keep episodes there: {error}") from error

    def add(self, key: dict[str, Any], result: dict[str, Any]) -> None:
        """Write one episode; it survives whatever happens next."""
        row = (json.dumps(key, sort_keys=True), json.dumps(result))
        try:
            with self.connection:
                self.connection.execute("INSERT OR REPLACE INTO episodes VALUES (?, ?)", row)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: cannot write: {error}") from error

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return the result of an episode, if it is here."""
        query = "SELECT result FROM episodes WHERE key = ?"
        found = self.connection.execute(query, (json.dumps(key, sort_keys=True),)).fetchone()
        result: dict[str, Any] | None = json.loads(found[0]) if found else None
        return result

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.close()

"""The store: what it was given it gives back, whoever is killed, and whoever wrote it."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from neurobot import evaluate
from neurobot.store import FILE_NAME, Run, Store, Stored, StoreError, read_run

HERE = Path(__file__).parent
KEY: dict[str, Any] = {"b": 1, "a": [2.5, None]}


def rows_of(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / FILE_NAME) as store:
        return store.execute("SELECT rowid, key, result, trace FROM episodes").fetchall()


def test_the_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    with Store(tmp_path / "run") as store:
        store.add(KEY, {"x": 0.1}, b"\x00way")
        store.note("suite", {"name": "v1"})
        store.note("suite", {"name": "v2"})
        assert store.find({"a": [2.5, None], "b": 1}) == ({"x": 0.1}, b"\x00way")
        assert store.find({"a": [2.5, None], "b": 2}) is None
        assert store.facts() == {"suite": {"name": "v2"}}
        while_open = read_run(tmp_path / "run")
    stored = Stored(KEY, {"x": 0.1}, b"\x00way")
    assert read_run(tmp_path / "run") == while_open == Run([stored], {"suite": {"name": "v2"}})


def test_some_episodes_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    def three() -> Any:
        yield Stored({"k": 1}, {})
        yield Stored({"k": 2}, {})
        raise KeyError("third")

    with Store(tmp_path) as store:
        with pytest.raises(KeyError):
            store.add_all(three())
        store.connection.execute(
            "CREATE TRIGGER no BEFORE INSERT ON facts BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        with pytest.raises(StoreError, match="cannot write: full"):
            store.add_all([Stored({"k": 1}, {})], {"suite": 1})
        assert store.find({"k": 1}) is None


def test_a_folder_of_an_older_version_is_read_as_it_is_and_brought_up_to_be_written(
    tmp_path: Path,
) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as old:
        old.execute("CREATE TABLE episodes (key TEXT PRIMARY KEY, result TEXT NOT NULL)")
        old.execute("INSERT INTO episodes VALUES (?, ?)", (json.dumps({"k": 1}), '{"x": 2}'))
    old.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    assert read_run(tmp_path) == Run([Stored({"k": 1}, {"x": 2}, b"")], {})
    assert (tmp_path / FILE_NAME).read_bytes() == before
    with Store(tmp_path) as store:
        store.add({"k": 2}, {"x": 3}, b"way")
        assert store.find({"k": 1}) == ({"x": 2}, b"")
    assert [each.trace for each in read_run(tmp_path).episodes] == [b"", b"way"]


def test_the_provenance_is_a_list_of_runs_even_if_there_is_one() -> None:
    assert Run([], {"provenance": {"python": "3.13"}}).provenance == [{"python": "3.13"}]
    assert Run([], {"provenance": [{"a": 1}, {"b": 2}]}).provenance == [{"a": 1}, {"b": 2}]
    assert Run([], {}).provenance == []


EPISODES: dict[str, Any] = {"scenario": "empty", "episodes": 8, "time_limit_s": 1.5}


def evaluation(folder: Path) -> subprocess.Popen[bytes]:
    words = [f"--{name.removesuffix('_s').replace('_', '-')}={EPISODES[name]}" for name in EPISODES]
    command = [sys.executable, "-m", "neurobot", "evaluate", "brains:Diarist", "--jobs=2", *words]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([*command, "--out", str(folder)], cwd=HERE, **quiet)


def wait_for(count: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until so many episodes are there."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(StoreError):  # it has not begun
            if len(read_run(folder).episodes) >= count:
                return
        time.sleep(0.02)
    raise AssertionError(f"{count} episodes are not there; status {process.returncode}")


def test_kill_9_loses_what_is_in_flight_and_the_same_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary, whole, run = (tmp_path / name for name in ("diary", "whole", "run"))
    monkeypatch.setenv("NEUROBOT_TEST_DIARY", str(diary))
    killed = evaluation(run)
    wait_for(2, run, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept = rows_of(run)
    assert 2 <= len(kept) < 8
    assert len(diary.read_text().splitlines()) <= len(kept) + 2, "two processes, an episode each"
    assert evaluation(run).wait() == 0
    assert rows_of(run)[: len(kept)] == kept, "no episode that was there was run again"
    evaluate("brains:Diarist", out=whole, **EPISODES)
    assert sorted(row[1:] for row in rows_of(run)) == sorted(row[1:] for row in rows_of(whole))
    assert len(rows_of(whole)) == 8

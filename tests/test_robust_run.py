"""What ends a run from outside: nothing finished is lost, and a sentence says what to do."""

import errno
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from neurobot import databases, evaluate, store
from neurobot.cli import main
from neurobot.cli.endings import Terminated, terminable
from neurobot.column_cim import trials
from neurobot.databases import connect
from neurobot.demo.interrupts import undisturbed
from neurobot.engine import workers
from neurobot.engine.workers import Death, EngineError, again, stands
from neurobot.episodes import ENVS, Job
from neurobot.limits import decision_limit, limited
from neurobot.store import FILE_NAME, Store, Stored, StoreError, read_run
from neurobot.writing import write_whole

SHORT: dict[str, Any] = {"scenario": "empty", "time_limit_s": 1.0}
WORDS = (
    *("evaluate", "braitenberg", "vfh", "--scenario", "empty", "--time-limit", "1"),
    *("--episodes", "10", "--jobs", "1", "--json", "--out"),
)


def episodes_of(folder: Path) -> dict[str, Any]:
    episodes = read_run(folder).episodes
    return {store.canonical(key): (result, trace) for key, result, trace in episodes}


# The disk is full


def small(pages: int) -> Callable[..., sqlite3.Connection]:
    """Open databases that have room for so many pages."""

    def opened(place: Path | str, **options: Any) -> sqlite3.Connection:
        connection = connect(place, **options)
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    return opened


@pytest.mark.parametrize("pages", [2, 8, 10])
def test_what_was_finished_before_the_disk_was_full_stays_and_the_same_command_goes_on(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    run, whole = tmp_path / "run", tmp_path / "whole"
    with monkeypatch.context() as full:
        full.setattr(store, "connect", small(pages))
        assert main([*WORDS, str(run)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the disk is full; " in line
    assert line.endswith("; free some space and run the same command again")
    kept = episodes_of(run)
    assert len(kept) < 20
    assert (pages == 2) == (not kept)
    assert not kept or f"the {len(kept)} results there are kept" in line
    assert main([*WORDS, str(run)]) == main([*WORDS, str(whole)]) == 0
    assert episodes_of(run) == episodes_of(whole)
    assert kept.items() <= episodes_of(run).items()


def test_a_file_is_the_old_one_where_the_new_one_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflow(path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    page = tmp_path / "page.html"
    write_whole(page, "old")
    page.chmod(0o640)
    monkeypatch.setattr(Path, "write_bytes", overflow)
    with pytest.raises(OSError, match=f"No space left on device: '{page}'"):
        write_whole(page, "the new one")
    assert page.read_text() == "old"
    monkeypatch.undo()
    write_whole(page, "the new one")
    assert page.read_text() == "the new one"
    assert page.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [page], "no draft is left"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EROFS, "it is on a read-only file system; choose another place"),
        (errno.EACCES, "permission denied; choose another place, or have its rights changed"),
    ],
)
def test_a_file_that_cannot_be_written_is_told_with_what_to_do(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, number: int, told: str
) -> None:
    def refuse(path: Path, *more: Any, **options: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    def run(args: Any) -> None:
        write_whole(tmp_path / "page.html", "new")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # as a read-only disk does for what is not there
    monkeypatch.setattr("neurobot.cli.listing.run", run)
    assert main(["list"]) == 2
    assert capsys.readouterr().err == f"neurobot list: {tmp_path / 'page.html'}: {told}\n"


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    target, link, pipe = (tmp_path / name for name in ("target", "link", "pipe"))
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    os.mkfifo(pipe)
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, "through")
    reader.join(5)
    assert found == [b"through"]
    assert pipe.is_fifo()


def test_trials_that_a_kill_cut_off_are_cut_off_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "trials.jsonl"
    kept.write_bytes(b'{"accuracy": 1}\n{"accuracy": 2}\n{"accur')
    monkeypatch.setattr(trials, "read_line", lambda path, text, study: (text, {}))
    monkeypatch.setattr(Path, "write_bytes", None)  # on a full disk, that would lose all of it
    study: Any = None
    assert len(trials.read_lines(kept, study)) == 2
    monkeypatch.undo()
    assert kept.read_bytes() == b'{"accuracy": 1}\n{"accuracy": 2}\n'


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_standard_output_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "neurobot", "list"], stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "neurobot list: standard output: the disk is full; free some space and run the same "
        "command again\n"
    )


# The place cannot be written, or holds something else


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert main([*WORDS, str(place)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == (
            f"neurobot evaluate: --out {place}: cannot keep episodes there: a file found where a "
            "folder is needed; choose another place"
        )


def read_only(*args: Any, **options: Any) -> sqlite3.Connection:
    """Open a database as a read-only disk would have it."""
    connection = connect(*args, **options)
    connection.execute("PRAGMA query_only = 1")
    return connection


def test_a_folder_that_cannot_be_written_is_refused_and_read(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path) as kept:
        kept.add({"k": 1}, {"x": 2})
    monkeypatch.setattr(store, "connect", read_only)
    assert main([*WORDS, str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("it cannot be written (read-only); choose another folder; "
                         "the 1 results there are kept")  # fmt: skip
    assert read_run(tmp_path).episodes == [Stored({"k": 1}, {"x": 2})]


def left_by_a_kill(folder: Path) -> Path:
    """Copy a folder while its writer is still at it: with a log, which holds 6 episodes."""
    with Store(folder / "alive") as alive:
        for k in range(6):
            alive.add({"k": k}, {"x": k}, bytes(700))
        shutil.copytree(folder / "alive", folder / "left")
    return folder / "left"


def test_a_killed_run_is_read_where_its_index_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, tried = left_by_a_kill(tmp_path), list[str]()

    def opened(place: Path | str, **options: Any) -> sqlite3.Connection:
        tried.append(str(place))
        if str(left) in str(place):
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
            raise error
        return connect(place, **options)

    monkeypatch.setattr(store, "connect", opened)
    assert [each.key["k"] for each in read_run(left).episodes] == list(range(6))
    assert len(tried) == 2


def test_a_log_that_is_cut_short_holds_what_was_written_before(tmp_path: Path) -> None:
    left, counts = left_by_a_kill(tmp_path), []
    log = left / f"{FILE_NAME}-wal"
    content = log.read_bytes()
    for size in range(len(content), 0, -1000):
        (left / f"{FILE_NAME}-shm").unlink(missing_ok=True)
        log.write_bytes(content[:size])
        found = [each.key["k"] for each in read_run(left).episodes]
        assert found == list(range(len(found)))
        counts.append(len(found))
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == set(range(7))


def test_a_damaged_database_is_told_whatever_is_damaged(tmp_path: Path) -> None:
    with Store(tmp_path / "sound") as sound:
        sound.add_all([Stored({"k": k}, {"x": k}, bytes(900)) for k in range(20)], {"a": 1})
    content, chance = (tmp_path / "sound" / FILE_NAME).read_bytes(), random.Random(0)
    run, told = tmp_path / "run", 0
    run.mkdir()
    for _ in range(150):
        damaged = bytearray(content)
        if chance.random() < 0.5:
            del damaged[chance.randrange(1, len(content)) :]
        for _ in range(chance.randint(1, 40)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        (run / FILE_NAME).write_bytes(damaged)
        told += 1
        with suppress(StoreError):
            read_run(run)
            with Store(run) as kept:
                kept.find({"k": 3})
                kept.add({"k": 30}, {})
                kept.facts()
            told -= 1
        for name in ("-wal", "-shm"):
            (run / f"{FILE_NAME}{name}").unlink(missing_ok=True)
    assert told > 75


@pytest.mark.parametrize(("column", "value"), [("result", "{"), ("result", "[1]"), ("trace", "x")])
def test_a_damaged_row_is_told_where_it_is_asked_for(
    tmp_path: Path, column: str, value: str
) -> None:
    with Store(tmp_path) as kept:
        kept.add({"k": 1}, {"x": 1})
        kept.connection.execute(f"UPDATE episodes SET {column} = ?", (value,))
        kept.connection.commit()
        for ask in (lambda: kept.find({"k": 1}), lambda: read_run(tmp_path)):
            with pytest.raises(StoreError, match=f"^{tmp_path}.*; the file is damaged; delete"):
                ask()


def test_what_is_no_database_is_told_with_what_to_do(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    for words in (WORDS[:-1], ("verify",), ("report",), ("merge", str(tmp_path))):
        last = [str(tmp_path)] if words[0] in ("verify", "report") else ["--out", str(tmp_path)]
        assert main([*words, *last]) == 2, words
        (line,) = capsys.readouterr().err.splitlines()
        assert "the file is damaged, or none of episodes; delete the folder, or choose an" in line


# Another process holds the database


@pytest.fixture
def held(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Hold a database as another process may."""
    with Store(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / FILE_NAME, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def test_a_lock_without_end_ends_in_a_sentence(
    tmp_path: Path, held: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "WAIT_S", 0.3)
    began = time.monotonic()
    assert main([*WORDS, str(tmp_path)]) == 1
    assert 0.3 <= time.monotonic() - began
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "another process has held the database for 0.3 s; the 0 results there are kept; let it end "
        "and run the same command again"
    )


def test_a_lock_that_ends_is_waited_for(tmp_path: Path, held: sqlite3.Connection) -> None:
    threading.Timer(0.3, held.rollback).start()
    with Store(tmp_path) as kept:
        kept.add({"k": 1}, {})
        assert kept.find({"k": 1}) == ({}, b"")


def test_many_begin_and_write_side_by_side(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            with Store(tmp_path / "new") as mine:
                for k in range(5):
                    mine.add({"who": number, "k": k}, {})
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(read_run(tmp_path / "new").episodes) == 30


# Somebody ends processes


@pytest.mark.parametrize(("name", "jobs", "status"), [("SIGHUP", 1, 129), ("SIGTERM", 2, 143)])
def test_sigterm_and_sighup_end_as_ctrl_c_does(
    tmp_path: Path, name: str, jobs: int, status: int
) -> None:
    words = ["evaluate", "vfh", "--scenario", "empty", "--episodes", "5000", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "neurobot", *words, "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (tmp_path / FILE_NAME).exists() and len(read_run(tmp_path).episodes) >= 2:
            break
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    out, said = process.communicate(timeout=60)  # until all who could write have ended
    assert (process.returncode, out) == (status, ""), said
    assert said == (
        f"neurobot evaluate: ended by {name}; what is done stays in {tmp_path}; the same command "
        "goes on from there\n"
    )
    assert 2 <= len(read_run(tmp_path).episodes) < 5000


def test_a_signal_is_heard_once_and_only_inside() -> None:
    before, caught = signal.getsignal(signal.SIGTERM), None
    with terminable():
        try:
            signal.raise_signal(signal.SIGTERM)
        except Terminated as error:
            caught = error.number
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "a second one ends at once"
    assert caught == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_somebody_turns_into_ctrl_c_is_still_that_signal() -> None:
    def work() -> None:
        with terminable():
            try:
                signal.raise_signal(signal.SIGTERM)
            except KeyboardInterrupt:
                raise KeyboardInterrupt from None

    with pytest.raises(Terminated) as caught:
        work()
    assert caught.value.number == signal.SIGTERM


def test_under_nohup_a_hangup_is_not_heard() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with terminable():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_must_not_be_left_half_done_is_done_first() -> None:
    course = []

    def work() -> None:
        with terminable(), undisturbed():
            signal.raise_signal(signal.SIGTERM)
            course.append("done")
        course.append("never heard")

    with pytest.raises(Terminated):
        work()
    assert course == ["done"]


def test_killed_workers_change_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    given, give = 0, workers.Worker.give

    def kill_some(worker: workers.Worker, job: Job) -> None:
        nonlocal given
        given += 1
        give(worker, job)
        if given in (1, 3):
            worker.process.kill()

    monkeypatch.setattr(workers.Worker, "give", kill_some)
    found = evaluate("braitenberg", episodes=3, jobs=2, **SHORT)
    assert given == 5
    assert found == evaluate("braitenberg", episodes=3, **SHORT)


def test_whose_fault_a_death_is() -> None:
    ours, theirs = (Job(name, ENVS[0], "empty", 4, 4) for name in ("vfh", "brains:Straight"))
    died, early = Death("worker process died (signal SIGKILL)"), Death("it died", began=False)
    slow = Death("decision took longer than 1 s", certain=True)
    assert stands(theirs, slow, 1)
    assert [stands(theirs, died, k) for k in (1, 2)] == [False, True]
    assert not any(stands(job, early, k) for job in (ours, theirs) for k in range(1, 9))
    assert not any(stands(ours, died, k) for k in range(1, 9))
    assert again(ours, died, 4) is ours
    with pytest.raises(
        EngineError, match=r"vfh, episode 4: worker process died \(signal SIGKILL\)"
    ):
        again(ours, died, 5)


# The clock


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the time of day jump by years at every look."""
    chance, real = random.Random(0), time.time

    def jump() -> float:
        return real() + chance.uniform(-3e8, 3e8)

    monkeypatch.setattr(time, "time", jump)
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * jump()))


@pytest.mark.usefixtures("jumping")
def test_no_result_and_no_limit_hangs_on_the_time_of_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["vfh", "brains:Straight"]
    jumped = evaluate(names, episodes=2, out=tmp_path, limit_s=20.0, **SHORT)
    due = [0.0]
    with limited(20.0, due), decision_limit:
        assert 19 < due[0] - time.monotonic() <= 20
    monkeypatch.undo()
    assert jumped == evaluate(names, episodes=2, limit_s=20.0, **SHORT)
    assert {record.fault for record in jumped} == {None}


def test_runs_are_dated_in_utc(tmp_path: Path) -> None:
    evaluate("straight", episodes=1, out=tmp_path, **SHORT)
    (made,) = read_run(tmp_path).provenance
    started = datetime.fromisoformat(made["started"])
    assert started.utcoffset() == timedelta(0)


def test_a_run_that_could_not_begin_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    assert read_run(tmp_path).episodes == []

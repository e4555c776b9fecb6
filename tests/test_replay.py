"""`neurobot demo` without a window: replays, options, and what goes wrong, in one sentence each."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from demos import AVOIDANCE, NAVIGATION, dying_encoder, pictures

import neurobot
from neurobot.cli import main
from neurobot.demo.replay import find_recorded
from neurobot.envs.drawing.canvas import pygame
from neurobot.episodes import Record
from neurobot.evaluation import evaluate

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[Record]]]:
    """A folder in which several commands kept their episodes."""
    out = tmp_path_factory.mktemp("runs") / "a folder#with"
    kept = {
        "poppins": evaluate("poppins", env=NAVIGATION, episodes=2, seed=5, out=out),
        "camera": evaluate("camera", scenario="rooms", time_limit_s=6.0, out=out, episodes=2),
        "late": evaluate(
            "poppins?lanes=2",
            env=AVOIDANCE,
            scenario="crossing",
            episodes=1,
            clock_hz=3e5,
            late="brake",
            noise=0.03,
            dead_beams=[1, 2, 40],
            time_limit_s=8.0,
            out=out,
        ),
    }
    return out, kept


def demo(*arguments: str) -> int:
    return main(["demo", "--headless", *arguments])


def test_every_kept_episode_is_replayed_exactly(runs: Any, capsys: Capture) -> None:
    out, kept = runs
    assert len(kept) == 3
    for name, records in kept.items():
        for record in records:
            where = ["--scenario", record.scenario]
            status = demo(record.controller, "--replay", f"{out}#{record.episode}", *where)
            told = capsys.readouterr().out.splitlines()
            assert status == 0, name
            assert told[0] == (
                f"{record.controller} in {record.scenario} ({record.env}), seed {record.seed}: "
                f"{record.outcome} after {record.duration_s:.1f} s and {record.path_m:.1f} m; "
                f"trajectory {record.trajectory_sha256[:12]}"
            )
            assert told[1] == f"replay of {out}#{record.episode}: equal to its record, bit for bit"
            assert len(told) == 2


def test_a_replay_can_be_filmed_and_changes_nothing(
    runs: Any, tmp_path: Path, capsys: Capture
) -> None:
    out, kept = runs
    film = tmp_path / "replay.mp4"
    before = (out / "episodes.sqlite").read_bytes()
    size = ("--size", "640x360", "--speed", "8", "--theme", "light")
    assert demo("camera", "--replay", f"{out}#1", "--record", str(film), *size) == 0
    assert "equal to its record" in capsys.readouterr().out
    shown_s = kept["camera"][1].duration_s / 8 + 1  # a second of the end
    assert len(pictures(film)) == pytest.approx(30 * shown_s, abs=2)
    assert (out / "episodes.sqlite").read_bytes() == before


def test_what_is_recorded_is_read_as_it_was_asked_for(runs: Any) -> None:
    out, _ = runs
    job = find_recorded(f"{out}#0", {"scenario": "crossing"}).job
    assert (job.controller, job.env, job.episode) == ("poppins?lanes=2", AVOIDANCE, 0)
    assert (job.timing.clock_hz, job.timing.late, job.timing.instant) == (3e5, "brake", False)
    wanted = {"dead_beams": (1, 2, 40), "noise": 0.03, "time_limit_s": 8.0}
    assert dict(job.options) == wanted
    assert find_recorded(f"{out}#1", {"seed": 6}).job.controller == "poppins"
    assert find_recorded(f"{out}#0", {"clock_hz": 3e5}).job == job


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["#1"],
            "2 episodes found, which differ in controller, env, scenario, seed, sensor, time_lim",
        ),
        (["#7"], "no such episode; there are poppins in forest #0-1, camera in rooms #0-1, poppi"),
        (["#0", "vfh"], "no such episode, controller vfh; there are"),
        (["#0", "--seed", "77"], "no such episode, seed 77; there are"),
        (
            ["#0", "camera", "--scenario", "forest"],
            "no such episode, controller camera, scenario for",
        ),
        ([""], "DIR#EPISODE, or DIR#TASK/CONDITION/LEVEL/EPISODE of a suite, needed"),
        (["#x"], "DIR#EPISODE, or DIR#TASK"),
        (["#-1"], "DIR#EPISODE, or DIR#TASK"),
    ],
)
def test_an_episode_that_is_not_one_is_told(
    arguments: list[str], sentence: str, runs: Any, capsys: Capture
) -> None:
    out = runs[0].rename(runs[0].parent / "plain")
    try:
        status = demo("--replay", f"{out}{arguments[0]}", *arguments[1:])
    finally:
        out.rename(runs[0])
    assert_told(status, capsys, sentence)


def assert_told(status: int, capsys: Capture, sentence: str) -> None:
    told = capsys.readouterr()
    assert (status, told.out) == (2, "")
    assert told.err.startswith("neurobot demo: ")
    assert sentence in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_a_folder_without_episodes_is_told_and_none_is_made(
    tmp_path: Path, capsys: Capture
) -> None:
    for name in ("nowhere", "."):
        assert_told(demo("--replay", f"{tmp_path / name}#0"), capsys, "no episodes there")
    assert list(tmp_path.iterdir()) == []


def keep(folder: Path, rows: list[tuple[str, str]]) -> None:
    with closing(sqlite3.connect(folder / "episodes.sqlite")) as store:
        store.execute("CREATE TABLE episodes (key TEXT PRIMARY KEY, result TEXT NOT NULL)")
        store.executemany("INSERT INTO episodes VALUES (?, ?)", rows)
        store.commit()


def row_of(runs: Any, key: dict[str, Any], result: dict[str, Any]) -> tuple[str, str]:
    """The camera's first episode, with some of its record replaced."""
    with closing(sqlite3.connect(runs[0] / "episodes.sqlite")) as store:
        query = "SELECT key, result FROM episodes WHERE key LIKE '%camera%' ORDER BY rowid"
        told = store.execute(query).fetchone()
    old = [json.loads(each) for each in told]
    return json.dumps({**old[0], **key}), json.dumps({**old[1], **result})


BAD_ROWS = {
    "not JSON": ("{", "{}"),
    "another form": ("{}", "{}"),
    "a list": ("[]", "{}"),
    "a number": ("3", "3"),
}


@pytest.mark.parametrize("kind", [*BAD_ROWS, "no database", "cut off", "no episode", "no table"])
def test_a_damaged_record_is_told(kind: str, runs: Any, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "episodes.sqlite"
    if kind == "no database":
        path.write_bytes(b"nothing of the kind" * 99)
    elif kind == "cut off":
        path.write_bytes((runs[0] / "episodes.sqlite").read_bytes()[:5000])
    elif kind == "no table":
        with closing(sqlite3.connect(path)) as store:
            store.execute("CREATE TABLE other (key TEXT)")
    else:
        keep(tmp_path, [BAD_ROWS[kind]] if kind in BAD_ROWS else [])
    assert_told(demo("--replay", f"{tmp_path}#0"), capsys, str(tmp_path))


@pytest.mark.parametrize(
    ("key", "result"),
    [
        ({"options": ["sensor"]}, {}),
        ({"timing": {"late": "panic"}}, {}),
        ({"timing": None}, {}),
        ({"wings": 2}, {}),
        ({"controller": "nobody"}, {}),
        ({"options": {"sensor": "nose"}}, {}),
    ],
)
def test_a_record_that_cannot_be_played_is_told(
    key: dict[str, Any], result: dict[str, Any], runs: Any, tmp_path: Path, capsys: Capture
) -> None:
    keep(tmp_path, [row_of(runs, key, result)])
    assert_told(demo("--replay", f"{tmp_path}#0"), capsys, "")


def test_a_record_without_its_trajectory_is_told(
    runs: Any, tmp_path: Path, capsys: Capture
) -> None:
    key, _ = row_of(runs, {}, {})
    keep(tmp_path, [(key, "{}")])
    sentence = f"{tmp_path}: records of another form found: "
    assert_told(demo("--replay", f"{tmp_path}#0"), capsys, sentence)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (neurobot.__version__, "the controller or the world's file is another one"),
        ("0.0.1", f"neurobot 0.0.1 recorded it, this is {neurobot.__version__}"),
    ],
)
@pytest.mark.parametrize(
    ("name", "then"), [("trajectory_sha256", 64 * "0"), ("reward", 1.5), ("decisions", 2)]
)
def test_another_result_than_the_record_s_is_an_error(
    name: str, then: object, version: str, reason: str, runs: Any, tmp_path: Path, capsys: Capture
) -> None:
    keep(tmp_path, [row_of(runs, {"version": version}, {name: then})])
    assert demo("--replay", f"{tmp_path}#0") == 1
    told = capsys.readouterr().out.splitlines()
    now = getattr(runs[1]["camera"][0], name)
    wanted = f"{name} {now} found, {then} in its record: {reason}"
    assert told[1:] == [f"replay of {tmp_path}#0: {wanted}"]


def test_a_replay_stays_at_its_end(runs: Any, capsys: Capture) -> None:
    assert demo("camera", "--replay", f"{runs[0]}#0", "--seconds", "4", "--speed", "8") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_replay_that_was_left_is_not_called_equal(runs: Any, capsys: Capture) -> None:
    assert demo("camera", "--replay", f"{runs[0]}#0", "--seconds", "1") == 1
    told = capsys.readouterr().out.splitlines()
    assert ": left after 1.0 s" in told[0]
    assert told[1].endswith("not compared with its record: it was left before its end")


def test_a_run_prints_the_end_of_each_episode(capsys: Capture) -> None:
    record = evaluate("vfh", env=NAVIGATION, scenario="rooms", seed=3, episodes=2)
    asked = ("vfh", "--scenario", "rooms", "--seed", "3")
    assert demo(*asked) == 0
    assert demo(*asked, "--seconds", "3", "--speed", "64") == 0
    told = capsys.readouterr().out.splitlines()
    trajectories = [line.split("trajectory ")[1] for line in told]
    first, second = (each.trajectory_sha256[:12] for each in record)
    assert trajectories == [first, first, second]


@pytest.mark.parametrize("suffix", [".gif", ".MP4"])
def test_a_run_writes_a_film(suffix: str, tmp_path: Path, capsys: Capture) -> None:
    film = tmp_path / f"film{suffix}"
    size = ("--size", "641x361", "--seconds", "0.5")
    assert demo("--record", str(film), *size, "--instant", "--cost-table", "cells180") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith(f"poppins in forest ({NAVIGATION}), seed 0: left after 0.")
    assert told[1:] == [f"{film}: {film.stat().st_size / 1e6:.1f} MB"]
    shapes = {picture.shape for picture in pictures(film)}
    assert shapes == {(360, 640, 3)}
    assert len(pictures(film)) == (7 if suffix == ".gif" else 15)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--record", "film.avi"], "--record film.avi: unknown format '.avi'; known: .mp4, .gif"),
        (["--record", "film"], "--record film: unknown format ''; known: .mp4, .gif"),
        (["--record", "no/film.gif"], "--record no/film.gif: there is no folder no"),
        (["--record", "folder.gif"], "--record folder.gif: that is a folder; a file is needed"),
        (["--size", "big"], "--size big: WIDTHxHEIGHT from 640x360 to 7680x4320 needed"),
        (["--size", "639x360"], "WIDTHxHEIGHT from 640x360"),
        (["--size", "640x99999"], "WIDTHxHEIGHT from 640x360"),
        (["--size", "1280x720x3"], "WIDTHxHEIGHT from 640x360"),
        (["--speed", "0"], "--speed 0: a number from 0.015625 to 64 needed"),
        (["--speed", "nan"], "--speed nan: a number from"),
        (["--speed", "1e-320"], "a number from 0.015625"),
        (["--speed", "65"], "--speed 65: a number from"),
        (["--seconds", "nan"], "--seconds nan: a number above 0 needed"),
        (["--seconds", "inf"], "--seconds inf: a number above 0 needed"),
        (["--seconds", "0"], "--seconds 0: a number above 0 needed"),
        (["nobody"], "controller: unknown 'nobody'; known: random, straight, oracle"),
        (["brains:Broken"], "controller brains:Broken raised ZeroDivisionError: float division"),
        (["poppins?lanes=0"], "controller 'poppins?lanes=0': chip: lanes=0 is out of range"),
        (["--scenario", "moon"], "scenario: unknown 'moon'; known: empty, forest"),
        (["--scenario", "no.npz"], "no.npz"),
        (["--seed", "-1"], "seed=-1 must be 0 or more"),
        (["--clock-hz", "0"], "clock_hz=0.0 must be above 0"),
        (["--env", "CartPole-v1"], "CartPole-v1"),
        (["--time-limit", "nan"], "time_limit_s=nan"),
        (["poppins", "--sensor", "camera"], "poppins: sensor 'range' needed, 'camera' found"),
    ],
)
def test_bad_input_gets_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    (tmp_path / "folder.gif").mkdir()
    monkeypatch.chdir(tmp_path)
    assert_told(demo("--seconds", "1", *arguments), capsys, sentence)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.gif"]


def test_without_an_encoder_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    status = demo("--record", str(tmp_path / "film.mp4"))
    assert_told(status, capsys, "recording needs imageio-ffmpeg: pip install 'neurobot[record]'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("program", ["/nonsense/ffmpeg", "/bin/false"])
def test_an_encoder_that_does_not_work_is_told(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", program)
    film = tmp_path / "film.mp4"
    film.write_bytes(b"precious")
    with dying_encoder():
        status = demo("--record", str(film), "--seconds", "2", "--size", "640x360")
    told = capsys.readouterr().err
    assert status == 2
    assert told.startswith("neurobot demo: ")
    assert len(told.splitlines()) == 1
    assert film.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def run_apart(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in a window in a process of its own, with no way to a screen but these."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    environment = {name: value for name, value in os.environ.items() if name not in screens}
    environment["XDG_RUNTIME_DIR"] = str(folder)  # Wayland's library complains where there is none
    command = [sys.executable, "-m", "neurobot", "demo", "--seconds", "0.3", "--scenario", "empty"]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**environment, **changes}
    )


@pytest.mark.parametrize("driver", ["none", "nonsense"])
def test_no_screen_is_told_in_one_sentence(driver: str, tmp_path: Path) -> None:
    if driver == "none" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux can be without a screen so simply")
    done = run_apart(tmp_path, **({} if driver == "none" else {"SDL_VIDEODRIVER": driver}))
    assert (done.returncode, done.stdout) == (2, "")
    assert "a window needs a screen, and there is none here" in done.stderr
    assert "use --headless" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_run_without_a_window_needs_no_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "nonsense")
    assert demo("--seconds", "0.2") == 0
    assert not pygame.display.get_init()
    assert capsys.readouterr().out.startswith("poppins in forest")

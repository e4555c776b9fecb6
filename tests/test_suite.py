"""The suite: fixed, the same for everybody, paired, and what a run of it says of itself."""

import importlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from records import make_record

from neurobot.cli import main
from neurobot.episodes import Cell, open_env
from neurobot.store import FILE_NAME, Store, Stored, read_run
from neurobot.suite import (
    BASELINES,
    SUITES,
    V1,
    Condition,
    Published,
    Suite,
    contestants,
    evaluate_suite,
    fingerprint,
)

SCRIPTS = Path(__file__).parent.parent / "scripts"
GOLDEN = Path(__file__).parent / "golden" / "suite_v1.json"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Episodes of two seconds: two tasks, a level, two conditions, two worlds each."""
    short = {"time_limit_s": 2.0}
    suite = replace(
        V1,
        name="tiny",
        episodes=2,
        tasks=V1.tasks[:2],
        conditions=(
            Condition("clean", {"range": short, "camera": short}),
            Condition("late", {"range": short, "camera": short}, delay_s=0.05),
        ),
        levels={"easy": 0.2},
        published=(),
    )
    monkeypatch.setitem(SUITES, "tiny", suite)
    monkeypatch.setattr("neurobot.suite.BASELINES", ("straight",))
    return suite


def test_version_1_is_what_it_was_and_so_is_what_brains_do_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this fails, results have changed: see `scripts/suite_fingerprints.py`."""
    golden = json.loads(GOLDEN.read_text())
    assert golden.pop("suite") == V1.sha256
    monkeypatch.syspath_prepend(SCRIPTS)
    assert importlib.import_module("suite_fingerprints").fingerprints("v1") == golden


def test_the_fingerprint_tells_every_change_of_what_happened() -> None:
    record = make_record(trajectory_sha256="a")
    changed = [
        replace(record, trajectory_sha256="b"),
        replace(record, outcome="collision"),
        replace(record, decisions=99),
        replace(record, events=replace(record.events, spikes=1)),  # type: ignore[type-var]
        replace(record, events=None),
    ]
    assert len({fingerprint([each]) for each in [record, *changed]}) == 6
    assert fingerprint([record, changed[0]]) != fingerprint([changed[0], record])


def test_a_brain_drives_through_all_tasks_conditions_and_levels() -> None:
    jobs = V1.jobs("vfh")
    generated = [job for job in jobs if job.cell and job.cell.level != "published"]
    cells = Counter(job.cell for job in generated)
    assert set(cells.values()) == {20}
    assert {cell.task for cell in cells if cell} == {
        "avoidance",
        "navigation",
        "looming",
        "crossing",
    }
    assert len(cells) == 4 * 5 * 3
    quick = V1.jobs("vfh", quick=True)
    assert quick == [job for job in generated if job.episode == 0]


def test_worlds_and_seeds_are_the_same_for_all_brains_and_conditions() -> None:
    seeds: dict[Any, set[int]] = {}
    for name in ("vfh", "camera", "random"):
        for job in V1.jobs(name, quick=True):
            assert job.cell is not None
            seeds.setdefault((job.cell.task, job.cell.level, job.episode), set()).add(job.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds) == 12

    scenes = []
    for job in V1.jobs("vfh", quick=True)[:5]:
        env = open_env(job.env, job.scenario, job.options)
        env.reset(seed=job.seed)
        scenes.append(env.unwrapped.scene)
    for scene in scenes[1:]:
        assert scene.start == scenes[0].start
        np.testing.assert_array_equal(scene.discs, scenes[0].discs)


def test_each_sensor_gets_its_own_trouble() -> None:
    troubles = {
        name: {
            job.cell.condition: dict(job.options)
            for job in V1.jobs(name, quick=True)
            if job.cell and job.cell.task == "looming" and job.cell.level == "hard"
        }
        for name in ("vfh", "camera")
    }
    hard = {"difficulty": 0.8}
    assert troubles["vfh"]["noise"] == {**hard, "noise": 0.05}
    assert troubles["camera"]["noise"] == {**hard, "sensor": "camera", "noise": 10.0}
    assert troubles["vfh"]["dead-beam"] == {**hard, "dead_beams": (36,)}
    assert troubles["camera"]["dead-beam"] == {**hard, "sensor": "camera", "dead_beams": (48,)}
    assert troubles["vfh"]["delay"] == troubles["vfh"]["clean"] == hard
    delays = {job.cell.condition: job.timing.delay_s for job in V1.jobs("vfh") if job.cell}
    assert delays == {"clean": 0, "noise": 0, "dropout": 0, "dead-beam": 0, "delay": 0.05}


def test_published_worlds_are_left_out_where_they_are_not_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROBOT_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert not [job for job in V1.jobs("vfh") if job.cell and job.cell.level == "published"]
    assert [why.partition(":")[0] for why in V1.missing()] == ["barn", "maps"]
    (tmp_path / "nav_worlds").mkdir()
    (tmp_path / "nav_worlds" / "barn_worlds.npz").write_bytes(b"other worlds")
    barn, _ = V1.missing()
    assert barn.startswith("barn: nav_worlds/barn_worlds.npz is another file: sha256 ")
    assert Published("x", "", "a.npz", "", 1).missing() == (
        "x: no a.npz here; NEUROBOT_DATA may name its folder"
    )


def test_baselines_always_stand_beside_the_others() -> None:
    assert contestants(["mine:Brain", "vfh"]) == [*BASELINES, "mine:Brain"]
    assert set(BASELINES) < set(contestants())
    assert "poppins" in contestants()


def test_a_run_says_with_what_it_was_made_and_goes_on(tiny: Suite, tmp_path: Path) -> None:
    records = evaluate_suite("braitenberg", suite="tiny", out=tmp_path)
    assert [r.controller for r in records] == ["straight"] * 8 + ["braitenberg"] * 8
    assert records[0].cell == Cell("tiny", "avoidance", "clean", "easy")
    run = read_run(tmp_path)
    assert len(run.episodes) == 16
    assert run.facts["suite"] == {"name": "tiny", "quick": False, "sha256": tiny.sha256}
    told = run.facts["controllers"]["braitenberg"]
    assert told["class"] == "neurobot.controllers.braitenberg:BraitenbergController"
    assert told["sensor"] == "range"
    assert len(told["config_sha256"]) == 64
    assert run.provenance[0]["numpy"] == np.__version__

    evaluate_suite("vfh", suite="tiny", quick=True, out=tmp_path)
    run = read_run(tmp_path)
    assert len(run.episodes) == 16 + 4
    assert list(run.facts["controllers"]) == ["straight", "braitenberg", "vfh"]
    assert len(run.provenance) == 2

    progress: list[tuple[int, int]] = []
    again = evaluate_suite(
        "braitenberg", suite="tiny", out=tmp_path, progress=lambda *done: progress.append(done)
    )
    assert again == records
    assert progress == [(16, 16)]


def test_a_run_is_verified_and_what_differs_is_named(
    tiny: Suite, tmp_path: Path, capsys: Capture
) -> None:
    command = ["--suite", "tiny", "--jobs", "1", "--out", str(tmp_path)]
    assert main(["evaluate", "braitenberg", *command]) == 0
    assert "suite tiny" in capsys.readouterr().out
    assert main(["verify", str(tmp_path), "--jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert told == f"{tmp_path}: 16 of 16 episodes equal to their records, bit for bit\n"

    forged = next(each for each in read_run(tmp_path).episodes if each.key["episode"] == 1)
    true = forged.result["decisions"]
    with Store(tmp_path) as store:
        store.add(forged.key, {**forged.result, "decisions": 1}, forged.trace)
    assert main(["verify", str(tmp_path), "--jobs", "1"]) == 1
    told = capsys.readouterr().out
    assert (
        f"straight in avoidance/clean/easy, episode 1: decisions {true} found, 1 recorded" in told
    )
    assert "15 of 16 episodes equal to their records" in told


def test_a_run_of_another_version_or_another_suite_is_not_verified(
    tiny: Suite, tmp_path: Path, capsys: Capture
) -> None:
    evaluate_suite("straight", suite="tiny", out=tmp_path / "new")
    first = read_run(tmp_path / "new").episodes[0]
    with Store(tmp_path / "old") as store:
        store.add_all([Stored({**first.key, "version": "0.1.0"}, first.result, first.trace)])
    assert main(["verify", str(tmp_path / "old")]) == 2
    assert "recorded by neurobot 0.1.0; this is" in capsys.readouterr().err
    with Store(tmp_path / "new") as store:
        store.note("suite", {"name": "tiny", "quick": False, "sha256": 64 * "0"})
    assert main(["verify", str(tmp_path / "new")]) == 2
    assert "its suite tiny has checksum 000000000000" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "nowhere")]) == 2
    assert "no episodes there" in capsys.readouterr().err
    assert not (tmp_path / "nowhere" / FILE_NAME).exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--suite", "v0"], "suite: unknown 'v0'; known: v1"),
        (["--suite", "v1", "--seed", "3"], "--seed: a suite fixes it"),
        (["--suite", "v1", "--episodes", "3"], "--episodes: a suite fixes it"),
        (["--suite", "v1", "--scenario", "forest"], "--scenario: a suite fixes it"),
        (["--suite", "v1", "--noise", "0.0"], "--noise: a suite fixes it"),
        (["--suite", "v1", "--instant"], "--instant: a suite fixes it"),
        (["--suite", "v1", "--clock-hz", "1e6"], "--clock-hz: a suite fixes it"),
        (["--quick"], "--quick: goes with --suite"),
        (["--suite", "v1", "nobody"], "controller: unknown 'nobody'"),
    ],
)
def test_what_a_suite_does_not_take_is_refused(
    arguments: list[str], sentence: str, capsys: Capture
) -> None:
    assert main(["evaluate", *arguments]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.splitlines()) == 1

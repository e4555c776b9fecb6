"""The script that puts choices on kept lessons beside driving: what it keeps, and what it shows."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="what a good choice is says the training, of the extra 'train'")

from neurobot.events import MacEvents
from neurobot.imitate.drives import Lessons
from neurobot.statistics import wilson

EVENTS = MacEvents(cycles=7, activation_reads=11)
SCRIPTS = Path(__file__).parent.parent / "scripts"
Array = NDArray[Any]


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("table_columns_loop")


def call(script: Any, patch: pytest.MonkeyPatch, *words: str) -> None:
    patch.setattr(sys, "argv", ["table_columns_loop.py", *words])
    script.main()


def make_line(name: str, good: Any, success: list[int], lessons: int = 0) -> dict[str, Any]:
    """Return what the script writes of a controller; draws are of one setting."""
    key = {
        "controller": name,
        "setting": name.partition("&draw")[0],
        "scenario": "forest",
        "difficulty": 0.5,
        "episodes": len(success),
        "seed": 0,
        "lessons": lessons or len(good),
        "version": "1",
    }
    bits = np.packbits(np.array(good, bool)).tobytes().hex()
    took = {"decisions": 10, "driven_s": 2.0, "latency_s": 0.1}
    events = {"chip": "mac", **asdict(EVENTS)}
    return {"key": key, "good": bits, "success": success, **took, "events": events}


def test_a_star_stands_for_all_draws(script: Any) -> None:
    assert script.settings_of("cnn?sigma=1&draw=*", 3) == [
        f"cnn?sigma=1&draw={k}" for k in range(3)
    ]
    assert script.settings_of("cnn", 3) == ["cnn"]


def test_settings_are_means_over_draws(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "loop.jsonl"
    lines = [
        make_line("one", [1, 0, 1, 1, 0, 1, 1, 1, 1], [1, 1, 0, 1]),
        make_line("two&draw=0", [1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0]),
        make_line("two&draw=1", [1, 0, 1, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0]),
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    one, two = script.read_settings(path)
    assert (one.name, two.name) == ("one", "two")
    assert one.good.tolist() == [1, 0, 1, 1, 0, 1, 1, 1, 1]
    assert two.good.tolist() == [1, 0.5, 1, 0.5, 0, 0, 0, 0, 0.5]
    assert two.success.tolist() == [1, 0.5, 0, 0]
    assert one.success_interval == wilson(3, 4)
    low, high = two.success_interval
    assert low == 0
    assert 0.5 < high <= 1
    table = script.COST_TABLES["cells180"].tariffs["mac"]
    wanted = (table.dynamic_j(EVENTS) + table.idling_w(EVENTS) * 2.0) / 10
    for setting in (one, two):
        assert setting.joules("cells180") == pytest.approx(wanted)
        assert setting.joules("virtex7") is None


def test_only_pairs_in_other_orders_are_shown(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "loop.jsonl"
    lines = [
        make_line("best open", [1] * 20, [1] * 5 + [0] * 5),
        make_line("best closed", [1] * 15 + [0] * 5, [1] * 9 + [0]),
        make_line("worst of both", [0] * 20, [0] * 10),
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (found,) = script.disagreements(script.read_settings(path))
    assert found[0] == "best open - best closed"
    assert found[1].startswith("+25.00")
    assert found[2].startswith("-40.00")


def test_other_conditions_are_refused(script: Any, tmp_path: Path) -> None:
    path = tmp_path / "loop.jsonl"
    lines = make_line("one", [1] * 8, [1]), make_line("two", [1] * 8, [1, 1])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(ValueError, match=r"loop.jsonl: lines of 2 conditions found"):
        script.read_settings(path)
    path.write_text("")
    with pytest.raises(ValueError, match=r"loop.jsonl: no lines there; `run` writes them"):
        script.read_settings(path)
    with pytest.raises(ValueError, match="controller 'vfh': no network that scores pictures"):
        script.good_choices("vfh", None)


def no_world(name: str, **how: Any) -> list[Any]:
    """Return the records of an evaluation without any driving."""
    return [
        SimpleNamespace(
            success=seed % 2 == 0,
            decisions=3,
            duration_s=1.0,
            latency_total_s=0.5,
            events=EVENTS,
        )
        for seed in range(how["episodes"])
    ]


def no_drive(scenario: str, driver: Any, count: int, seed: int) -> Lessons:
    """Return lessons of noise."""
    chance = np.random.default_rng(seed)
    pictures = chance.integers(0, 256, (count, 36, 96), np.uint8)
    return Lessons(pictures, chance.uniform(0, 2, (count, 77)).astype(np.float32))


def test_it_runs_shows_and_does_nothing_twice(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(script, "evaluate", no_world)
    monkeypatch.setattr(script, "drive", no_drive)
    out = tmp_path / "loop.jsonl"
    run = ["run", "cnn-lsq-4b", "cnn-uniq-1b", "--episodes", "5", "--lessons", "40"]
    call(script, monkeypatch, *run, "--out", str(out))
    kept = out.read_text()
    first, second = (json.loads(line) for line in kept.splitlines())
    assert first["key"]["lessons"] == 40
    assert first["success"] == second["success"] == [1, 0, 1, 0, 1]
    assert first["good"] != second["good"]
    assert first["decisions"] == 15
    assert first["events"]["activation_reads"] == 55
    assert capsys.readouterr().err.count("good choices, 60.0 % success") == 2
    out.write_text(kept + kept[:30])
    call(script, monkeypatch, *run, "--out", str(out))
    assert out.read_text() == kept
    assert not capsys.readouterr().err
    call(script, monkeypatch, "show", "--out", str(out))
    shown = " ".join(capsys.readouterr().out.split())
    assert "cnn-uniq-1b" in shown
    assert "40 lessons of the planner in worlds of 'forest'; 5 worlds of difficulty 0.5" in shown
    with np.load(tmp_path / "loop.exam.npz") as exam:
        assert exam["pictures"].shape[0] == 40

"""The validation sees what it is there to see, and reports it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("brian2", reason="Brian2 is not installed: pip install 'neurobot[brian]'")
pytest.importorskip("elephant", reason="elephant is not installed: pip install 'neurobot[brian]'")
pytest.importorskip(
    "matplotlib", reason="matplotlib is not installed: pip install 'neurobot[plot]'"
)

from neurobot.cli import main
from neurobot.decode import NO_WINNER, winner
from neurobot.iqif import Trace, trace
from neurobot.validation import Validation, budget, decisions, equality, validate, variants
from neurobot.validation.decisions import Choices, margins
from neurobot.validation.variants import FLOAT, VARIANTS
from neurobot.validation.windows import SOURCES, Windows, record_windows

SMALLER = {
    equality: {"BIAS_TICKS": 20, "COUPLED": 30, "FAN_IN": 4, "COUPLED_TICKS": 60,
               "NARROW_TICKS": 30, "RESPONSE_TICKS": 30, "TAUS": (0, 8)},
    budget: {"CURVE_TICKS": 60, "QUIET_TICKS": 100, "NETWORKS": 3, "NETWORK_TICKS": 60,
             "RIVALS_TICKS": 220, "RIVAL_BIASES": range(10, 12)},
}  # fmt: skip


@pytest.fixture(scope="module")
def smaller() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for module, sizes in SMALLER.items():
            for name, value in sizes.items():
                patch.setattr(module, name, value)
        yield patch


@pytest.fixture(scope="module")
def found(smaller: Any) -> Validation:
    return validate(seed=3, windows=12)


@pytest.fixture(scope="module")
def forest() -> Windows:
    return record_windows(*SOURCES[0], 60, seed=5)


def test_integers_do_not_differ_and_everything_is_compared(found: Validation) -> None:
    assert found.differ == 0
    assert found.windows == 12
    assert [len(c.windows) for c in found.choices] == [3, 3, 2, 2, 2]
    assert len(found.equality) == 2 + 3 + len(SOURCES)
    assert all(row.spikes > 0 for row in found.equality)
    assert [line.variant for line in found.budget.lines] == list(VARIANTS)


def test_one_wrong_value_of_a_kernel_is_seen(
    found: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(silicon: Any, drive: Any) -> Trace:
        kept = trace(silicon, drive)
        kept.potential[-1, 0] ^= 1
        return kept

    monkeypatch.setattr(variants, "trace", broken)
    row = equality.compare("broken", *equality.synapses(8))
    assert (row.potential_differ, row.current_differ, row.spikes_differ) == (1, 0, 0)
    assert row.differ == 1


def test_each_rounding_shows_where_it_acts(found: Validation) -> None:
    lines = {line.variant: line for line in found.budget.lines}
    for name in ("float + floor", "chip - clamp", "chip - decay"):
        # A neuron alone, above 0, knows of no rounding but the floor.
        assert lines[name].rate_error == 0, name
        assert lines[name].quiet_rmse == 0, name
    for name in (FLOAT, "float + clamp", "float + decay", "chip - floor"):
        assert lines[name].rate_error > 0, name
        assert lines[name].quiet_rmse > 0, name
    assert all(line.driven_rmse > 0 for line in found.budget.lines)


def test_the_distance_of_spike_trains_has_known_values() -> None:
    def train(*ticks: int) -> Any:
        return np.isin(np.arange(100), ticks)

    for a, b, distance in (
        (train(10, 50), train(10, 50), 0.0),
        (train(10, 50), train(10), 1.0),
        (train(10, 50), train(10, 55), 1.0),  # half of SHIFT_TICKS: half of remove and add
        (train(10, 50), train(10, 90), 2.0),
        (train(), train(), 0.0),
    ):
        assert budget.spike_distance(a, b) == pytest.approx(distance, abs=1e-12)


def test_windows_are_the_decisions_of_real_episodes(forest: Windows) -> None:
    assert forest.trains.shape == (60, 64, 123)
    assert forest.trains.any(axis=(1, 2)).all()
    same = record_windows(*SOURCES[0], 60, seed=5)
    np.testing.assert_array_equal(forest.trains, same.trains)
    nobody = np.zeros(0, np.int32)
    spikes = np.stack([trace(forest.network.silicon, drive).spikes for drive in forest.drives])
    for trains, found in zip(forest.trains, forest.winners(spikes), strict=True):
        counts, _ = forest.network.decide(trains, nobody)
        assert winner(counts[forest.motors]) == found


def test_a_margin_is_the_least_loss_of_stimulus_that_changes_the_decision(forest: Windows) -> None:
    def decide(w: int, driver: int, loss: int) -> int:
        drive = forest.drives[w].copy()
        drive[:, driver] -= loss
        spikes = trace(forest.network.silicon, drive).spikes
        return winner(spikes[:, forest.motors].sum(axis=0).astype(np.int32))

    chosen = np.array([decide(w, 0, 0) for w in range(len(forest))], np.int32)
    found = margins(forest, chosen)
    assert len(set(found.tolist())) > 2
    for w, (won, margin) in enumerate(zip(chosen, found, strict=True)):
        if won == NO_WINNER:
            assert margin == 0
            continue
        kept = [decide(w, forest.drivers[won], loss) == won for loss in range(margin + 1)]
        assert kept == [True] * margin + [margin == decisions.MOST and kept[-1]], w


def test_tables_of_decisions_add_up(forest: Windows) -> None:
    chip = np.array([5, 5, 5, 27, -1, 8], np.int32)
    other = np.array([5, 6, 9, 26, 5, 8], np.int32)
    few = replace(forest, trains=forest.trains[:6], episodes=np.array([0, 0, 0, 1, 1, 2]))
    choices = [Choices(few, chip, np.array([1, 1, 2, 8, 0, 3], np.int32), {FLOAT: other})]
    assert choices[0].near.tolist() == [True, True, False, False, False, True]
    rows = decisions.by_margin(choices)
    assert [(r["margin"], r["windows"], r["disagree"]) for r in rows] == [
        (0, 1, 1), (1, 2, 1), (2, 1, 1), (3, 1, 0), (8, 1, 1)
    ]  # fmt: skip
    assert decisions.agreement(choices, FLOAT) == pytest.approx(2 / 6)
    assert [r["agreement_from_here"] for r in rows] == [2 / 6, 2 / 5, 1 / 3, 1 / 2, 0]
    low, high = decisions.interval(choices, seed=0)
    assert 0 <= low < 2 / 6 < high <= 1
    told = decisions.differences(choices)
    assert [(row["window"], row["neighbours"]) for row in told] == [
        (1, True), (2, False), (3, False), (4, False)
    ]  # fmt: skip


def test_the_command_writes_a_document_and_figures(
    found: Validation,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("neurobot.validation.validate", lambda *asked: found)
    out = tmp_path / "deep" / "run"
    status = main(["validate", "--out", str(out)])
    told = capsys.readouterr()
    assert status == 0, told.err
    assert "0 differences in" in told.out
    assert max(len(line) for line in told.out.splitlines()) <= 80
    document = json.loads((out / "validation.json").read_text())
    assert document["command"] == "validate"
    assert document["differ"] == 0
    assert document["windows"] == 12
    assert len(document["rows"]) == 10
    pictures = {path.name: path.read_bytes()[:8] for path in out.glob("*.png")}
    assert set(pictures) == {"f-i-curves.png", "traces.png", "error-budget.png", "decisions.png"}
    assert set(pictures.values()) == {b"\x89PNG\r\n\x1a\n"}


def test_the_command_fails_where_integers_differ(
    found: Validation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [replace(found.equality[0], spikes_differ=1), *found.equality[1:]]
    monkeypatch.setattr(
        "neurobot.validation.validate", lambda *asked: replace(found, equality=rows)
    )
    assert main(["validate", "--json", "--out", str(tmp_path)]) == 1


def test_the_result_depends_on_the_seed_only(found: Validation, smaller: Any) -> None:
    windows = [record_windows(*SOURCES[0], 3, seed) for seed in (3, 4)]
    same, other = (equality.compare("", w.network, w.drives).spikes for w in windows)
    assert same == found.equality[5].spikes != other
    again = budget.measure_budget(3)
    for line, first in zip(again.lines, found.budget.lines, strict=True):
        assert replace(first, decisions_agree=0.0) == line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--windows", "3"], "windows=3 must be 5 or more"),
        (["--seed", "-1"], "seed=-1 must be 0 or more"),
        (["--jobs", "0"], "jobs=0 must be 1 or more"),
        (["--out", __file__], "a file found where a folder is needed"),
    ],
)
def test_bad_options_get_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["validate", "--out", str(tmp_path / "new"), *arguments])
    told = capsys.readouterr().err
    assert status == 2
    assert sentence in told
    assert len(told.strip().splitlines()) == 1

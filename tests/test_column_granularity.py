"""The table of granularities: which trainings it asks for, and what it says of their figures."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="networks are trained with PyTorch, of the extra 'train'")

SCRIPTS = Path(__file__).parent.parent / "scripts"
SEEDS = 3
POINTS = {"layer": 0.0, "array": 0.04, "column": 0.05}


@pytest.fixture(scope="module")
def script() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield importlib.import_module("table_columns")


def figures(script: Any, *, bits_help: float = 0.01) -> Any:
    """Return a table of made-up figures, which grow with bits and with finer steps."""
    lines = {}
    for run in script.all_runs(SEEDS, "differential"):
        own = run.columns
        finer = POINTS[own.weight_steps] + POINTS[own.adc_steps]
        noise = 0.001 * ((run.seed + (own.adc_bits or 7)) % 2)
        lines[run.key] = {"test": 0.6 + bits_help * (own.adc_bits or 7) + finer + noise}
    return script.Table(lines, SEEDS, "differential")


def test_every_pair_of_granularities_is_trained_once_with_each_converter(script: Any) -> None:
    runs = script.all_runs(5, "differential")
    assert len(runs) == len({run.key for run in runs}) == len({run.name for run in runs}) == 285
    wanted = set(product(range(1, 7), ("layer", "array", "column"), ("layer", "array", "column")))
    for seed in range(5):
        own = [run.columns for run in runs if run.seed == seed]
        found = {(c.adc_bits, c.weight_steps, c.adc_steps) for c in own if c.adc_bits}
        assert found == wanted
        assert sorted(c.weight_steps for c in own if not c.adc_bits) == ["array", "column", "layer"]
    halves = [{run.key for run in runs[part::2]} for part in range(2)]
    assert not halves[0] & halves[1]
    assert all(json.loads(run.key)["columns"]["encoding"] == "differential" for run in runs)


def test_the_table_says_what_the_figures_show(script: Any) -> None:
    table = figures(script)
    rows = list(script.accuracies(table))
    assert len(rows) == 2 + 9
    assert rows[2].startswith("| layer / layer | 61.")
    behind = [row for row in script.differences(table) if row.startswith("| layer / layer")]
    assert "+10.00" in behind[0]
    claims = list(script.claims(table))
    assert [claim.rsplit(": ", 1)[1] for claim in claims[1:6]] == ["shown"] * 5
    assert "+10.00 points" in claims[1]
    assert "+5.00 points" in claims[5]
    assert "+2.00" in claims[7]


@pytest.mark.parametrize(("change", "verdict"), [(0.01, "grows"), (0.0, "open"), (-0.01, "FALLS")])
def test_accuracy_that_falls_with_bits_is_named(script: Any, change: float, verdict: str) -> None:
    title, *lines = script.growth(figures(script, bits_help=change))
    assert len(lines) == 9 * 6, title
    assert {line.rsplit(": ", 1)[1] for line in lines if "ideal" not in line} == {verdict}


def test_a_table_without_all_trainings_is_refused(script: Any, tmp_path: Path) -> None:
    class Args:
        out, seeds, encoding = tmp_path / "none.jsonl", 2, "differential"

    with pytest.raises(SystemExit, match="114 of 114 trainings missing"):
        script.show(Args)

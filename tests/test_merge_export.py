"""Run folders put together, and written as tables for other programs."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from records import RECORD, make_record

from neurobot.cli import main
from neurobot.episodes import Cell, Job, Record, to_result
from neurobot.events import Events
from neurobot.loop import Timing
from neurobot.merging import merge
from neurobot.store import Run, Store, Stored, StoreError, read_run

CELL = Cell("v1", "navigation", "noise", "hard")


def job_of(record: Record, **options: Any) -> Job:
    return Job(
        record.controller,
        record.env,
        record.scenario,
        record.episode,
        record.seed,
        Timing(clock_hz=1e6),
        tuple(options.items()),
        record.cell,
    )


def stored(record: Record, **options: Any) -> Stored:
    key, result = job_of(record, **options).key, to_result(record)
    plain = json.loads(json.dumps([key, result]))
    return Stored(plain[0], plain[1], record.trace)


def write(folder: Path, *episodes: Stored, **facts: Any) -> Path:
    with Store(folder) as store:
        store.add_all(episodes, facts)
    return folder


FIRST, SECOND, THIRD = (stored(make_record(episode=k, seed=k, cell=CELL)) for k in range(3))
SUITE = {"name": "v1", "quick": True, "sha256": "ab"}


def test_a_merged_run_holds_every_episode_once_and_all_that_is_known(tmp_path: Path) -> None:
    a = write(
        tmp_path / "a", FIRST, SECOND, suite=SUITE, provenance={"n": 1}, controllers={"x": {"k": 1}}
    )
    b = write(
        tmp_path / "b", SECOND, THIRD, suite=SUITE, provenance={"n": 2}, controllers={"y": {"k": 2}}
    )
    out = tmp_path / "out"
    assert merge([a, b], out) == 3
    facts = {
        "suite": SUITE,
        "provenance": [{"n": 1}, {"n": 2}],
        "controllers": {"x": {"k": 1}, "y": {"k": 2}},
    }
    assert read_run(out) == Run([FIRST, SECOND, THIRD], facts)
    c = write(tmp_path / "c", stored(make_record(episode=3)), suite=SUITE, provenance={"n": 2})
    assert merge([c, a], out) == 4
    assert read_run(out).episodes[:3] == [FIRST, SECOND, THIRD], "what was there stays"
    assert read_run(out).provenance == [{"n": 1}, {"n": 2}]


OTHER = stored(make_record(episode=1, seed=1, cell=CELL, outcome="timeout"))


@pytest.mark.parametrize(
    ("episodes", "facts", "sentence"),
    [
        (
            [THIRD, OTHER],
            {"suite": SUITE},
            "b: poppins in forest (v1, navigation, noise, hard) episode 1 seed 1 has another "
            "result there than in ",
        ),
        (
            [THIRD],
            {"suite": {**SUITE, "quick": False}},
            'b: its suite is {"name": "v1", "quick": f',
        ),
        ([THIRD], {}, "b: its suite is null"),
        (
            [THIRD],
            {"suite": SUITE, "controllers": {"x": {"k": 2}}},
            'b: its controllers \'x\' is {"k": 2}, {"k": 1} in ',
        ),
    ],
)
def test_runs_that_contradict_each_other_are_refused_and_nothing_is_written(
    tmp_path: Path, episodes: list[Stored], facts: dict[str, Any], sentence: str
) -> None:
    a = write(tmp_path / "a", FIRST, SECOND, suite=SUITE, controllers={"x": {"k": 1}})
    b = write(tmp_path / "b", *episodes, **facts)
    with pytest.raises(StoreError) as refused:
        merge([a, b], tmp_path / "out")
    assert sentence in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_merging_is_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a", FIRST)
    assert main(["merge", str(tmp_path / "a"), "--out", str(tmp_path / "b")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'b'}: 1 episodes\n"
    assert main(["merge", str(tmp_path / "none"), "--out", str(tmp_path / "b")]) == 2
    assert f"{tmp_path / 'none'}: no episodes there" in capsys.readouterr().err


RECORDS = [
    make_record(cell=CELL),
    make_record(
        controller='a, "b"', episode=1, events=None, shortest_m=None, log_jerk=None, clearance_m=1
    ),
]
OPTIONS: list[dict[str, Any]] = [
    {"noise": 0.5, "dead_beams": (1, 2), "time_limit_s": 60, "sensor": "range"},
    {"noise": 1, "time_limit_s": 60},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    episodes = [stored(r, **o) for r, o in zip(RECORDS, OPTIONS, strict=True)]
    return write(tmp_path / "run", *episodes, suite=SUITE, provenance={"python": "3.13"})


def test_a_table_gives_back_every_figure_in_the_type_that_it_has(run: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    out = tmp_path / "run.parquet"
    assert main(["export", str(run), "-o", str(out)]) == 0
    table = parquet.read_table(out)
    assert json.loads(table.schema.metadata[b"neurobot"])["provenance"] == {"python": "3.13"}
    rows = table.to_pylist()
    kept = set(vars(RECORD)) - {"trace", "events", "cell", "upsets"}
    for row, record in zip(rows, RECORDS, strict=True):
        found = {name: row[name] for name in kept}
        assert found == {name: getattr(record, name) for name in kept}
        for name in ("success", "spl", "soft_spl", "sct", "score", "mean_speed_mps"):
            assert row[name] == getattr(record, name), name
    assert [rows[0][name] for name in Cell._fields] == list(CELL)
    assert [row["condition"] for row in rows] == ["noise", None]
    assert [row["chip"] for row in rows] == [Events.chip, None]
    assert [row["events_synaptic_ops"] for row in rows] == [5000, None]
    assert [row["option_noise"] for row in rows] == [0.5, 1.0]
    assert [row["option_dead_beams"] for row in rows] == ["[1, 2]", None]
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    told = {
        "success": "bool", "clearance_m": "double", "decisions": "int64", "fault": "string",
        "spl": "double", "log_jerk": "double", "events_cycles": "int64", "option_noise": "double",
        "option_time_limit_s": "int64", "option_sensor": "string", "timing_instant": "bool",
        "timing_clock_hz": "double", "seed": "int64", "suite": "string",
    }  # fmt: skip
    assert {name: types[name] for name in told} == told


def test_csv_holds_the_same(run: Path, tmp_path: Path) -> None:
    csv = pytest.importorskip("pyarrow.csv")
    from pyarrow import parquet

    for name in ("run.csv", "run.parquet"):
        assert main(["export", str(run), "-o", str(tmp_path / name)]) == 0
    table = parquet.read_table(tmp_path / "run.parquet")
    types = csv.ConvertOptions(
        column_types=table.schema.remove_metadata(), strings_can_be_null=True
    )
    found = csv.read_csv(tmp_path / "run.csv", convert_options=types).to_pylist()
    wanted = table.to_pylist()
    assert [{k: v or None for k, v in row.items()} for row in found] == [
        {k: v or None for k, v in row.items()} for row in wanted
    ], "an empty text and none are the same in CSV"


def test_what_cannot_be_exported_gets_one_sentence(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")

    def told(folder: Path, out: str) -> str:
        assert main(["export", str(folder), "-o", str(tmp_path / out)]) == 2
        sentence = capsys.readouterr().err
        assert len(sentence.splitlines()) == 1
        return sentence

    assert "run.xlsx: ends in '.xlsx'; known: .parquet, .csv" in told(run, "run.xlsx")
    assert "no episode has ended there yet" in told(write(tmp_path / "empty"), "run.csv")
    odd = write(tmp_path / "odd", Stored({"stage": 1}, {"tallies": []}))
    assert "records of another form found" in told(odd, "run.csv")
    assert "No such file or directory" in told(run, "nowhere/run.parquet")
    assert "No such file or directory" in told(run, "nowhere/run.csv")
    monkeypatch.delitem(sys.modules, "neurobot.export")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'neurobot[export]'" in told(run, "run.csv")

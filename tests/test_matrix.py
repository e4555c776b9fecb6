"""The matrix of ways to run an episode: all give the same records, and it would tell if not."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"
BRAINS = ("vfh", "poppins", "cnn-lsq-4b")
IN_SHORT = ("stepped, mixed", "evaluated, jobs=2", "rolled, 4 threads, backwards")
WIDE = ("vectorized, 1 wide", "vectorized, rows on threads")


@pytest.fixture(scope="module")
def ways() -> Any:
    sys.path.insert(0, str(SCRIPTS))
    yield importlib.import_module("matrix_ways")
    sys.path.remove(str(SCRIPTS))


@pytest.fixture(scope="module")
def size(ways: Any) -> Any:
    return ways.Size(BRAINS, seeds=3, first_seed=50, limit_s=3.0)


@pytest.fixture(scope="module")
def records(ways: Any, size: Any) -> Any:
    return ways.stepped(size.jobs())


def test_every_way_gives_the_same_full_records(ways: Any, size: Any, records: Any) -> None:
    wanted = ways.checksums(records)
    chosen = {name: ways.WAYS[name] for name in (*ways.FEW, *IN_SHORT, *WIDE)}
    rows = ways.run_ways(chosen, size, lambda name: None)
    for name, sums in rows.items():
        assert sums, name
        for brain, mine in sums.items():
            assert mine == {seed: wanted[brain][seed] for seed in mine}, (name, brain)
    assert {len(mine) for mine in rows["stepped"].values()} == {6}, "seeds and timings"
    assert list(rows["rolled, 2 threads"]) == ["poppins"]
    for name in ("vectorized, 3 wide", *WIDE):
        assert [*map(len, rows[name].values())] == [3, 3, 3], "at once, of all brains"


def test_a_checksum_tells_any_field_and_any_byte_of_the_course(ways: Any, records: Any) -> None:
    job, record = next(iter(records.items()))
    changed = [
        replace(record, reward=record.reward + 1e-12),
        replace(record, log_jerk=None),
        replace(record, trace=record.trace + b"\0"),
        replace(record, seed=record.seed + 1),
    ]
    sums = [ways.checksums({job: each})["vfh"] for each in (record, *changed)]
    assert len({next(iter(each.values())) for each in sums}) == 5


def test_what_differs_and_what_cannot_run_is_told_and_fails(
    ways: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    matrix = importlib.import_module("matrix")

    def off(jobs: Any) -> Any:
        records = ways.stepped(jobs)
        first = next(iter(records))
        return records | {first: replace(records[first], duration_s=0.25)}

    def broken(jobs: Any) -> Any:
        raise OSError("no room")

    monkeypatch.setattr(matrix, "WAYS", {"stepped": ways.stepped, "off": off, "none": broken})
    monkeypatch.setattr(matrix, "run_surroundings", lambda size, quick: ())
    small = ["--brains", "vfh", "--seeds", "2", "--limit-s", "1"]
    monkeypatch.setattr(sys, "argv", ["matrix.py", *small, "--json", str(tmp_path / "found.json")])
    assert matrix.main() == 1
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["differing"] == {"off": ["vfh, seed 0 delayed"], "none": ["could not be run"]}
    assert not found["equal"]
    told = capsys.readouterr()
    assert "1 differ" in told.out
    assert "none: OSError: no room" in told.err
    monkeypatch.setattr(matrix, "WAYS", {"stepped": ways.stepped, "again": ways.stepped})
    assert matrix.main() == 0
    assert "all equal" in capsys.readouterr().out

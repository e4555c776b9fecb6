"""The table of a suite's worlds: complete, as the worlds are, and what SPL is measured by."""

import importlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from neurobot.engine import Engine
from neurobot.evaluation import run_all
from neurobot.suite import V1
from neurobot.worlds import Known, read_value, worlds_of, write_worlds

SCRIPTS = Path(__file__).parent.parent / "scripts"
KNOWN = worlds_of("v1")


def test_every_world_of_the_suite_is_in_the_table_and_has_a_way() -> None:
    generated = [job for job in V1.jobs("random") if job.cell and job.cell.level in V1.levels]
    found = {
        (job.cell.task, job.cell.level, job.episode): job.seed for job in generated if job.cell
    }
    assert {place: KNOWN[place].seed for place in found} == found
    counts = Counter(task for task, level, _ in KNOWN if level == "published")
    assert counts == {task.name: task.episodes for task in V1.published}
    assert len(KNOWN) == len(found) + counts.total()
    for world in KNOWN.values():
        assert world.shortest_m is not None
        assert world.footprint_m is not None
        assert 0 < world.shortest_m <= world.footprint_m
        assert world.tortuosity is not None
        assert world.tortuosity >= 1


def test_the_table_is_what_its_script_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    script = importlib.import_module("suite_worlds")
    jobs = V1.jobs("random", quick=True)[15:55:20]
    worlds = [script.look_at(job) for job in jobs]
    assert {world.level for world in worlds} == {"easy", "medium"}
    write_worlds(tmp_path / "suite_here_worlds.csv", worlds)
    monkeypatch.setattr("neurobot.worlds.FOLDER", tmp_path)
    assert worlds_of("here") == {
        place: KNOWN[place] for place in ((w.task, w.level, w.episode) for w in worlds)
    }


def test_spl_is_measured_by_the_way_of_the_footprint() -> None:
    jobs = [job for job in V1.jobs("straight", quick=True) if job.cell]
    barred = next(job for job in jobs if job.cell and job.cell.task == "navigation")
    assert barred.cell is not None
    world = KNOWN["navigation", barred.cell.level, 0]
    strange = replace(barred, cell=barred.cell._replace(suite="another"))
    ours, other = run_all([barred, strange], Engine())
    assert ours.shortest_m == world.footprint_m
    assert world.footprint_m is not None
    assert ours.fastest_s == world.footprint_m / 2.0  # m/s of the jackal
    assert other.shortest_m == pytest.approx(world.shortest_m, abs=1e-4)  # as the table rounds


def test_what_stands_in_a_table_comes_back() -> None:
    assert (read_value("roomy", "1"), read_value("roomy", "0")) == (True, False)
    assert (read_value("shortest_m", "1.5"), read_value("shortest_m", "")) == (1.5, None)
    assert (read_value("seed", "7"), read_value("world", "7")) == (7, "7")
    assert worlds_of("nowhere") == {}
    assert isinstance(next(iter(KNOWN.values())), Known)

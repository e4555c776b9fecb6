"""The brains that users copy first: short, and driven like all others; costs of their own."""

import shutil
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pytest
from brains import Abacus

import neurobot
from neurobot.cost import COST_TABLES, Price, Stated, Tariff
from neurobot.demo.meters import Meter
from neurobot.episodes import ENVS, Job, Record, run_job
from neurobot.events import Counts, Events
from neurobot.metrics import summarize

SCRIPTS = Path(__file__).parents[1] / "scripts"
NEEDS = {
    "brain_random": (),
    "brain_c": ("cffi",),
    "brain_snn": ("snntorch",),
    "brain_sb3": ("stable_baselines3",),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let brains be found as in their folder."""
    monkeypatch.syspath_prepend(str(SCRIPTS))


def script(name: str) -> Any:
    for package in NEEDS[name]:
        pytest.importorskip(package, reason=f"{name} shows a brain of {package}")
    if name == "brain_c" and not shutil.which("cc"):
        pytest.skip("brain_c is compiled by the system's compiler")
    return import_module(name)


def drive(name: str, env: str = ENVS[0], **options: Any) -> Record:
    """Drive an episode in this process."""
    return checked(run_job(Job(name, env, "forest", 0, 0, options=tuple(options.items()))))


def checked(record: Record) -> Record:
    assert record.fault is None, record.fault
    assert record.decisions > 5
    return record


def test_the_table_names_every_script() -> None:
    assert {path.stem for path in SCRIPTS.glob("brain_*.py")} == set(NEEDS)


@pytest.mark.parametrize("name", NEEDS)
def test_a_brain_takes_less_than_40_lines(name: str) -> None:
    assert len((SCRIPTS / f"{name}.py").read_text().splitlines()) < 40


def test_a_random_brain_repeats_itself_and_costs_nothing() -> None:
    script("brain_random")
    first, again = (drive("brain_random:Brain", time_limit_s=3.0) for _ in range(2))
    assert first == again
    assert summarize([first], "cells180")["energy_j"] is None


def test_a_function_in_c_drives_well() -> None:
    script("brain_c")
    (record,) = neurobot.evaluate("brain_c:Brain", episodes=1, time_limit_s=20.0, ground_m2=5)
    assert checked(record).outcome == "success"


def test_a_missing_compiler_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cffi", reason="brain_c is called through it")
    monkeypatch.delitem(sys.modules, "brain_c", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match=r"^brain_c.c: no C compiler found; needed: .*cc$"):
        import_module("brain_c")


def test_a_spiking_network_drives_and_says_what_it_costs() -> None:
    script("brain_snn")
    record = drive("brain_snn:Brain", time_limit_s=6.0, ground_m2=0)
    assert record.outcome == "success"
    row, events = summarize([record], "paper"), record.events
    assert isinstance(events, Stated)
    assert row["latency_s"] == pytest.approx(0.01)
    assert row["dynamic_j"] == pytest.approx(1e-12 * events.picojoules / record.decisions)
    assert row["energy_j"] == row["dynamic_j"] > 0


def test_a_policy_learns_and_is_read_from_its_file(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="Stable-Baselines3 is of PyTorch")
    torch.set_num_threads(1)
    kept = str(tmp_path / "small.zip")
    script("brain_sb3").train(steps=128, file=kept)
    drive(f"brain_sb3:Brain?file={kept}", ENVS[1], time_limit_s=1.0)


# Prices that a kind of counts brings along.


@dataclass(frozen=True)
class Beads(Counts):
    """Counts of an abacus that has its own prices."""

    chip: ClassVar[str] = "abacus-priced"
    tariff: ClassVar[Any] = Tariff(
        {"moves": Price(2.0, 1.0, 4.0, "assumed", "a finger")},
        Price.exactly(3.0, "published", "Napier 1617"),
    )

    cycles: int = 0
    moves: int = 0


def test_a_chip_of_ones_own_has_its_own_prices_in_every_table() -> None:
    assert COST_TABLES
    for name, table in COST_TABLES.items():
        assert table.dynamic_j(Beads(moves=5)) == 10.0, name
        assert table.dynamic_j(Beads(moves=5), "high") == 20.0, name
        assert table.idling_w(Beads()) == 3.0, name
        assert table.tariff_of(Abacus()) is None, name
        assert table.tariff_of(Events()) is table.tariffs.get(Events.chip), name


def test_a_meter_and_a_row_price_them_too() -> None:
    meter = Meter(COST_TABLES["cells180"])
    meter.decide(Beads(cycles=4, moves=5), 0.25)
    meter.drive(0.5, 2.0)
    assert meter.is_priced
    assert meter.mean.energy_j == 10.0 + 3.0 * 0.5

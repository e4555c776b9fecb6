"""Episodes on a Ray cluster: the same bits, also where a node dies in the middle."""

import logging
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from neurobot import evaluate
from neurobot.cli import main

WHAT: dict[str, Any] = {"scenario": "empty", "episodes": 10, "time_limit_s": 4.0}
BRAINS = ["brains:Diarist", "vfh", "poppins"]
# A node that does not answer for two seconds is dead; Ray's default is half a minute.
SOON_MISSED = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}


@pytest.fixture
def diary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where brains write down who begins which episode."""
    path = tmp_path / "diary"
    path.touch()
    monkeypatch.setenv("NEUROBOT_TEST_DIARY", str(path))
    return path


@pytest.fixture
def cluster(diary: Path) -> Iterator[Any]:
    """Two nodes of one core each; this process belongs to the first."""
    ray = pytest.importorskip("ray", reason="the extra ray is not installed")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "_system_config": SOON_MISSED}
    found = Cluster(initialize_head=True, head_node_args=head)
    ray.init(address=found.address, log_to_driver=False, logging_level=logging.ERROR)
    found.add_node(num_cpus=1)
    yield found
    ray.shutdown()
    found.shutdown()  # type: ignore[no-untyped-call]


def kill_one(cluster: Any, diary: Path) -> None:
    """Kill the second node as soon as both have begun an episode."""
    while len(set(diary.read_text().split())) < 2:
        time.sleep(0.01)
    cluster.remove_node(cluster.list_all_nodes()[1], allow_graceful=False)


@pytest.mark.filterwarnings("default")  # Ray's own are none of our business
def test_a_node_that_dies_in_the_middle_changes_no_bit(cluster: Any, diary: Path) -> None:
    killer = threading.Thread(target=kill_one, args=(cluster, diary), daemon=True)
    killer.start()
    counted: list[int] = []
    there = evaluate(BRAINS, engine="ray", progress=lambda done, _: counted.append(done), **WHAT)
    killer.join()
    assert len(cluster.list_all_nodes()) == 1
    assert counted == sorted(counted)
    assert counted[-1] == len(there) == 30
    assert len(diary.read_text().split()) > 10, "what the node had begun was begun again"
    assert there == evaluate(BRAINS, jobs=1, **WHAT)


def test_an_address_where_nobody_answers_gets_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    command = ["evaluate", "vfh", "--episodes", "1", "--engine", "ray", "--address"]
    assert main([*command, "127.0.0.1:1"]) == 2
    told = capsys.readouterr().err
    assert "address='127.0.0.1:1': no cluster answers there: " in told
    assert len(told.splitlines()) == 1


def test_a_missing_extra_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "neurobot.engine.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["evaluate", "vfh", "--episodes", "1", "--engine", "ray"]) == 2
    told = capsys.readouterr().err
    assert "pip install 'neurobot[ray]'" in told
    assert len(told.splitlines()) == 1

"""Engines: the same records everywhere, and brains that die or hang end their own episode alone."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neurobot import evaluate
from neurobot.engine import Engine, workers
from neurobot.engine.blocks import is_foreign
from neurobot.engine.workers import EngineError
from neurobot.episodes import ENVS, Cell, Job, run_job
from neurobot.limits import DecisionTimeoutError, decision_limit, limited
from neurobot.loop import Timing

HERE = Path(__file__).parent
SHORT: dict[str, Any] = {"scenario": "empty", "time_limit_s": 1.0}

FAULTS = {
    "Broken": "raised ZeroDivisionError",
    "NotANumber": "is not finite",
    "WrongShape": "shape (3,) found, two wheel commands needed",
    "Sleeper": "decision took longer than 1 s",
    "Deaf": "decision took longer than 1 s",
    "Stuck": "decision took longer than 1 s",
    "Quitter": "worker process died (exit code 3)",
    "Crasher": "worker process died (signal SIGSEGV)",
}
ONCE = ("Sleeper", "Deaf", "Stuck", "Quitter", "Crasher")  # in episode 1; the others in each


def test_a_brain_that_fails_ends_its_own_episode_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEUROBOT_TEST_DIARY", str(tmp_path / "diary"))
    strangers = ("Straight", "Unlucky", *FAULTS)
    everyone = ["vfh", *(f"brains:{name}" for name in strangers)]
    records = evaluate(everyone, episodes=3, jobs=2, limit_s=1.0, **SHORT)
    found = {(record.controller, record.episode): record for record in records}
    assert len(found) == len(records) == 3 * len(everyone)
    for name in strangers:
        for k in range(3):
            record, straight = found[f"brains:{name}", k], found["brains:Straight", k]
            if name not in FAULTS or (name in ONCE and k != 1):
                assert record.trajectory_sha256 == straight.trajectory_sha256, name
                assert record.fault is None
            else:
                assert record.outcome == "fault", name
                assert record.fault is not None
                assert FAULTS[name] in record.fault
    assert {found["vfh", k].outcome for k in range(3)} == {"timeout"}


def test_a_process_that_cannot_begin_is_nobody_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "START", "raise SystemExit(5)")
    with pytest.raises(EngineError, match=r"a worker process cannot begin \(exit code 5\)"):
        evaluate("brains:Straight", episodes=2, **SHORT)


SCRIPT = """
from brains import Straight
from neurobot import evaluate

class Mine(Straight):
    pass

if __name__ != "__main__":
    raise SystemExit("the script was run a second time")
mine, theirs = (
    [record.trajectory_sha256 for record in evaluate(name, jobs=2, episodes=2, **%r)]
    for name in ("__main__:Mine", "brains:Straight")
)
print(mine == theirs)
"""


def test_a_script_needs_no_guard_and_may_define_a_brain(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT % SHORT)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.append({str(HERE)!r}); "
            f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr


def test_episodes_that_roll_together_are_alike() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"options": (("noise", 0.2), ("time_limit_s", 1.0))},
        {"timing": Timing(delay_s=0.1)},
        {"cell": Cell("v1", "avoidance", "delay", "easy")},
    ]
    plain = Job("poppins", ENVS[0], "forest", 0, 0, options=(("time_limit_s", 1.0),))
    jobs = [replace(plain, episode=k, seed=k, **change) for change in changes for k in range(2)]
    found = dict(pair for done in Engine(jobs=2).run(jobs) for pair in done)
    assert found == {job: run_job(job) for job in jobs}


def test_whose_a_controller_is_follows_from_its_module() -> None:
    names = {
        "vfh": False,
        "cnn-fp32?x=1": False,
        "neurobot.controllers.vfh:VfhController": False,
        "__main__:Mine": False,
        "brains:Straight": True,
        "neurobots.own:Mine?x=a:b": True,
    }
    for name, foreign in names.items():
        assert is_foreign(Job(name, ENVS[0], "empty", 0, 0)) == foreign, name


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "slurm"}, "engine: unknown 'slurm'; known: local, ray"),
        ({"jobs": 0}, "jobs=0 must be 1 or more"),
        ({"address": "auto"}, "address='auto': goes with engine 'ray'"),
        ({"limit_s": 0.0}, "limit_s=0.0 must be a number of seconds in 0.01..1e6"),
        ({"limit_s": float("nan")}, "limit_s=nan must be"),
    ],
)
def test_an_engine_that_cannot_be_gets_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        Engine(**given)


def nap(seconds: float) -> None:
    """Sleep for a brain that has asked another one."""
    with decision_limit:
        with decision_limit:
            pass
        time.sleep(seconds)


def test_a_limit_interrupts_what_takes_longer_and_only_where_it_is_in_force() -> None:
    before = signal.getsignal(signal.SIGALRM)
    due = [0.0]
    with limited(0.05, due):
        with pytest.raises(DecisionTimeoutError, match=r"decision took longer than 0\.05 s"):
            nap(20)
        assert due == [0.0]
        nap(0.0)
        time.sleep(0.1)
    nap(0.1)
    assert signal.getsignal(signal.SIGALRM) == before


def test_beside_the_main_thread_a_limit_only_tells_when_time_is_over() -> None:
    due = [0.0]

    def work() -> None:
        with limited(0.05, due), decision_limit:
            told.append(due[0] - time.monotonic())
            time.sleep(0.1)

    told: list[float] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert 0 < told[0] <= 0.05
    assert due == [0.0]

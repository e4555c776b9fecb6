"""The command line as its users meet it: in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from neurobot.cli import main
from neurobot.controllers import COMPARED
from neurobot.cost import COST_TABLES, tables_of

HERE = Path(__file__).parent
QUICK = ("--episodes", "1", "--time-limit", "1", "--jobs", "1")
RULED = ["braitenberg", "vfh", "poppins"]
ANYHOW = ("random", "straight", "oracle")  # they need no sensor


def neurobot(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command away from the checkout, with the tests' brains importable."""
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    command = [sys.executable, "-m", "neurobot", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=cwd or HERE, check=False
    )


def test_evaluate_prints_a_row_for_each_controller_and_says_that_costs_are_modelled() -> None:
    done = neurobot("evaluate", "random", "poppins", "--scenario", "empty", *QUICK)
    assert done.returncode == 0, done.stderr
    words = (
        "random",
        "poppins",
        "modelled",
        "dyn.",
        "idle",
        "metre",
        "MACs",
        "'cells180'",
        "CACTI",
    )
    for word in words:
        assert word in done.stdout, word
    assert max(len(line) for line in done.stdout.splitlines()) <= 100


@pytest.mark.parametrize(
    ("sensor", "drivers"),
    [
        (
            "camera",
            [*ANYHOW, *(name for name in COMPARED if re.match("(cnn-.*|.*camera)", name))],
        ),
        ("range", [*ANYHOW, *RULED, "tdnn-insight", "ppo-range", "ppo-range-lsq-4b"]),
    ],
)
def test_a_sensor_alone_is_tried_by_those_that_can_use_it(
    sensor: str, drivers: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["evaluate", "--sensor", sensor, "--scenario", "empty", "--json", *QUICK])
    assert status == 0
    assert [row["controller"] for row in json.loads(capsys.readouterr().out)["rows"]] == drivers


def test_json_is_one_object_with_the_promised_keys() -> None:
    done = neurobot("evaluate", "brains:Straight", "poppins", "--json", *QUICK, "--seed", "3")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["command"], answer["seed"]) == ("evaluate", 3)
    promised = (
        "controller env scenario episodes success_rate collision_rate timeout_rate mean_speed_mps "
        "path_length_m spl min_clearance_m latency_s latency_s_max energy_j power_w sops "
        "macs energy_per_metre_j chip"
    )
    assert len(answer["rows"]) == 6
    for row in answer["rows"]:
        assert set(promised.split()) <= set(row)
        own = row["controller"] == "brains:Straight"
        assert (row["energy_j"] is None) == own


def test_list_names_everything() -> None:
    done = neurobot("list")
    words = "poppins braitenberg looming barn jackal turtlebot2 assumed"
    for word in (*words.split(), *COST_TABLES):
        assert word in done.stdout, word
    rows = json.loads(neurobot("list", "--json").stdout)["rows"]
    kinds = {row["kind"] for row in rows}
    known = {"controller", "program", "scenario", "suite", "robot", "cost table", "chip"}
    assert kinds == known


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["nobody"],
            "controller: unknown 'nobody'; known: random, straight, oracle, braitenberg, camera, "
            "vfh, poppins, cnn-",
        ),
        (["no_module:Brain"], "controller 'no_module:Brain': No module named 'no_module'"),
        (["brains:Nobody"], "controller 'brains:Nobody': module brains has no Nobody"),
        (["brains:Mindless"], "controller 'brains:Mindless': no act; needed: reset(seed), act("),
        (
            ["random?pace=2"],
            "controller 'random?pace=2': got an unexpected keyword argument 'pace'",
        ),
        (["brains:Straight?x=[/y]"], "got an unexpected keyword argument 'x'"),
        (["poppins?roam=1"], "'poppins?roam=1': poppins: unknown option 'roam'; known: neurons, w"),
        (["poppins?weight_bits=8.0"], "chip: weight_bits=8.0 found, a whole number needed"),
        (["poppins?lanes=1&lanes=2"], "option 'lanes' found more than once"),
        (["poppins?"], "controller 'poppins?': options found that are not KEY=VALUE&KEY=VALUE"),
        (["poppins?lanes=" + 9999 * "["], "found, a whole number needed"),
        (
            ["poppins?speed=2"],
            "'poppins?speed=2': poppins: unknown option 'speed'; known: neurons,",
        ),
        (["poppins?lanes=0"], "controller 'poppins?lanes=0': chip: lanes=0 is out of range: 1..65"),
        (["poppins?lanes"], "controller 'poppins?lanes': options found that are not KEY=VALUE&KEY"),
        (["poppins?weight_bits=4"], "forward[0, 0] = -37 is out of range: -8..7 (4-bit signed we"),
        (["--scenario", "moon"], "scenario: unknown 'moon'; known: empty, forest"),
        (["--scenario", "missing.npz#0"], "missing.npz"),
        (["--robot", "tank"], "robot: unknown 'tank'; known: jackal, turtlebot2, fly"),
        (["--sensor", "nose"], "sensor: unknown 'nose'; known: range, camera"),
        (["--difficulty", "2"], "difficulty=2.0 must be a number in 0..1"),
        (["--episodes", "-3"], "episodes=-3 must be 1 or more"),
        (["--jobs", "0"], "jobs=0 must be 1 or more"),
        (["--seed", "-1"], "seed=-1 must be 0 or more"),
        (["--clock-hz", "0"], "clock_hz=0.0 must be above 0"),
        (["--time-limit", "nan"], "time_limit_s=nan"),
        (["--env", "CartPole-v1"], "CartPole-v1"),
        (["--env", "neurobot/Nowhere-v0"], "Nowhere"),
        (["--out", "/proc/nowhere"], "--out /proc/nowhere: cannot keep episodes there"),
        (["--late", "panic"], "invalid choice: 'panic'"),
        (["poppins", "--sensor", "camera"], "poppins: sensor 'range' needed, 'camera' found"),
        (["camera", "--sensor", "range"], "camera: sensor 'camera' needed, 'range' found"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_traceback(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ["--episodes", "1", "--time-limit", "1", "--jobs", "1"]
    given = set(arguments)
    for option, value in zip(quick[::2], quick[1::2], strict=True):
        arguments = arguments if option in given else [*arguments, option, value]
    try:
        status = main(["evaluate", *arguments])
    except SystemExit as error:  # argparse
        status = int(str(error.code))
    told = capsys.readouterr().err
    assert status == 2
    assert sentence in told
    if not told.startswith("usage"):
        assert len(told.strip().splitlines()) == 1


CHIP = ("chip", "--episodes", "1")


def test_the_data_sheet_shows_its_cost_tables_peers_and_the_known_answers() -> None:
    done = neurobot(*CHIP)
    assert done.returncode == 0, done.stderr
    words = "membranes latency ODIN OpenSpike published assumed 1.665344 3.166016 0.093184"
    for word in (*words.split(), *tables_of("poppins"), "13.2 pJ", "at 28 nm"):
        assert word in done.stdout, word
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    answer = json.loads(neurobot(*CHIP, "--json", "--controller", "poppins?lanes=64").stdout)
    figures = {(row["section"], row["name"]): row for row in answer["rows"]}
    assert figures["timing", "tick, decay and membrane"]["value"] == 4  # 2 x 123 in 64 lanes
    assert {row["evidence"] for row in answer["rows"]} == {"published", "derived", "assumed"}
    assert answer["comparison"][0]["chip"] == "POPPINS"
    assert len(answer["checks"]) == 3


def test_a_network_goes_to_files_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "silicon"
    done = neurobot("chip", "export", str(folder), "--env", "neurobot/Navigation-v0")
    assert done.returncode == 0, done.stderr
    assert "header.json" in done.stdout
    done = neurobot("chip", "import", str(folder))
    assert "populations of 64 and 59 neurons; images and tables agree" in done.stdout
    assert (
        json.loads(neurobot("chip", "import", str(folder), "--json").stdout)["chip"]["lanes"] == 1
    )
    first = ("chip", "--env", "neurobot/Navigation-v0", "--controller", "poppins?lanes=4")
    assert neurobot(*first, "export", str(tmp_path / "other")).returncode == 0
    other = json.loads(neurobot("chip", "--json", "import", str(tmp_path / "other")).stdout)
    assert other["chip"]["lanes"] == 4
    same = [(f / "forward.hex").read_bytes() for f in (folder, tmp_path / "other")]
    assert same[0] == same[1], "what is said before the action holds"
    image = folder / "forward.hex"
    image.write_text(image.read_text().replace("0", "1", 1))
    done = neurobot("chip", "import", str(folder))
    assert done.returncode == 2
    assert "forward.hex" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--controller", "vfh"], "controller 'vfh': no chip of ours in it; known: poppins"),
        (["--controller", "poppins?neurons=32"], "first population: 64 neurons found, the chip h"),
        (["--rate", "1e9"], "rate_hz=1e+09 is out of range: above 0, up to "),
        (["--rate", "nan"], "rate=nan must be above 0"),
        (["--controller", "brains:Straight"], "no chip of ours in it; known: poppins"),
        (["import", "a\nb"], "a b/header.json: it cannot be read"),
        (["--episodes", "0"], "episodes=0 must be 1 or more"),
        (["--scenario", "moon"], "scenario: unknown 'moon'"),
        (["import", "nowhere"], "nowhere/header.json: it cannot be read"),
        (["export", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_a_data_sheet_that_cannot_be_gets_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["chip", "--episodes", "1", *arguments])
    told = capsys.readouterr().err
    assert status == 2
    assert sentence in told
    assert len(told.strip().splitlines()) == 1


@pytest.mark.parametrize("module", ["brian2", "elephant", "matplotlib"])
def test_validate_without_what_it_needs_names_the_extra(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('{module}')")
    done = neurobot("validate", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("neurobot validate: ")
    assert "pip install 'neurobot[" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_start_inside_an_obstacle_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    world = tmp_path / "world.npz"
    np.savez(
        world,
        poly_xy=square,
        poly_offsets=np.array([0, 4]),
        start=np.array([[0.0, 0.0, 0.0]]),
        goal=np.array([[5.0, 0.0]]),
    )
    status = main(["evaluate", "vfh", "--scenario", str(world), "--episodes", "1", "--jobs", "1"])
    assert status == 2
    told = capsys.readouterr().err
    assert "the jackal at its start (0.0, 0.0, 0.0) touches an obstacle" in told


def test_a_brains_fault_ends_its_own_episodes_and_is_told() -> None:
    """And the run goes on."""
    faults = {
        "brains:Broken": "controller brains:Broken raised ZeroDivisionError: float division by z",
        "brains:NotANumber": "is not finite; wheel commands lie in -1..1",
        "brains:WrongShape": "shape (3,) found, two wheel commands needed",
    }
    done = neurobot("evaluate", *faults, "random", "--episodes", "2", "--jobs", "2", "--json",
                    "--scenario", "forest", "--time-limit", "2")  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["fault_rate"] for row in rows] == [1.0, 1.0, 1.0, 0.0]
    told = done.stderr.strip().splitlines()
    assert len(told) == len(faults)
    for line, (name, sentence) in zip(told, faults.items(), strict=True):
        assert line.startswith(f"{name}: its own fault ended 2 episodes, the first: ")
        assert sentence in line


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path: Path, jobs: str) -> None:
    run = tmp_path / "run"
    arguments = ("evaluate", "brains:Impatient", "--scenario", "empty", "--time-limit", "1")
    more = ("--episodes", "4", "--json", "--out", str(run))
    if jobs == "1":
        stopped = neurobot(*arguments, *more, "--jobs", jobs)
        assert stopped.returncode == 130, stopped.stderr
        assert f"interrupted; what is done stays in {run}" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    os.environ["NEUROBOT_TEST_GO_ON"] = "1"
    try:
        resumed = neurobot(*arguments, *more, "--jobs", jobs)
        fresh = neurobot(*arguments, *more[:-2], "--jobs", "1")
    finally:
        del os.environ["NEUROBOT_TEST_GO_ON"]
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == fresh.stdout

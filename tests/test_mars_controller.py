"""The mind on the machine of SRAM macros: what ships, how it decides, what is refused."""

import inspect
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray
from records import fault_of

from neurobot import evaluate
from neurobot.cli import main
from neurobot.controllers import COMPARED, WEIGHTS, make_controller
from neurobot.controllers.mars import CLOCK_HZ, MarsController
from neurobot.controllers.steering import CHOICES, SPIN_LEFT, SPIN_RIGHT, make_choices, wheels_of
from neurobot.cost import tables_of
from neurobot.demo.thoughts import read_layers
from neurobot.envs.world import ROBOTS
from neurobot.events import MarsEvents
from neurobot.loop import Observation, attach, run_episode
from neurobot.mars import Machine, Silicon
from neurobot.metrics import summarize
from neurobot.qnet import Conv, Network, Scores, forward, load, save

Array = NDArray[Any]
AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
MOST_BYTES, MOST_WEIGHTS = 200_000, 100_000


def open_camera(env: str = AVOIDANCE, **options: Any) -> Any:
    return gym.make(env, sensor="camera", **options).unwrapped


def seated(name: str = "cnn-mars", **options: Any) -> Any:
    controller = make_controller(name)
    attach(controller, open_camera(**options))
    controller.reset(0)
    return controller


@pytest.fixture(scope="module")
def views() -> list[Observation]:
    """What a robot sees that drives about at random, and where its goal is."""
    env, rng, seen = open_camera(NAVIGATION), np.random.default_rng(0), []
    for seed in range(4):
        seen.append(env.reset(seed=seed)[0])
        for _ in range(10):
            observation, _, ended, _, _ = env.step(rng.uniform(0, 1, 2))
            seen.append(observation)
            if ended:
                break
    return seen[::3]


# What ships


def test_its_network_is_small_and_of_integers() -> None:
    path = WEIGHTS / "mars.npz"
    assert path.stat().st_size < MOST_BYTES
    network = load(path)
    assert not network.real
    assert network.input_shape == (36, 96, 1)
    assert network.output.shape == (1, 1, CHOICES)
    assert network.parameters <= MOST_WEIGHTS
    assert "command" in network.notes


def test_it_is_compared_where_no_controller_is_named() -> None:
    assert "cnn-mars" in COMPARED


# How it decides


def test_the_decision_is_the_greatest_score_with_the_goal(views: list[Observation]) -> None:
    network, controller = load(WEIGHTS / "mars.npz"), seated()
    body, last, chosen = ROBOTS["jackal"], 0, set()
    angles = make_choices()[:, 0]
    for view in views:
        for seen in (view, {"camera": view["camera"]}):
            wheels = controller.act(seen)
            logits = forward(network, view["camera"][None])[0] * network.output_scale
            if "goal" in seen:
                bearing = math.atan2(view["goal"][1], view["goal"][0])
                logits = logits + 6 * np.cos(bearing - angles)
            # The wish is added in units of scores, and the goal is a float32.
            np.testing.assert_allclose(controller.layers["votes"], logits, rtol=1e-12, atol=1e-6)
            choice, turns = int(logits.argmax()), (SPIN_LEFT, SPIN_RIGHT)
            last = last if choice in turns and last in turns else choice
            assert controller.last == last
            _, speed, yaw_rate = make_choices()[last]
            limits = body.track_m, body.max_speed_mps, body.max_yaw_rate_radps
            wanted = wheels_of(speed, yaw_rate, *limits)
            np.testing.assert_array_equal(wheels, np.array(wanted, np.float32))
            chosen.add(last)
    assert len(chosen) > 3


def test_another_chip_decides_the_same_by_the_same_network(views: list[Observation]) -> None:
    path = WEIGHTS / "lsq-4b.npz"
    for name in ("cnn-mars?network=lsq-4b", f"cnn-mars?network={path}"):
        mine, other = seated(name), seated("cnn-lsq-4b")
        for view in views[:6]:
            np.testing.assert_array_equal(mine.act(view), other.act(view))
            np.testing.assert_array_equal(mine.votes, other.votes)


def test_the_demo_sees_the_picture_then_every_map_and_the_votes(views: list[Observation]) -> None:
    controller = seated()
    assert controller.layers == {}
    controller.act(views[3])
    shown = controller.layers
    inner = [
        layer.name
        for layer in controller.machine.network.layers[:-1]
        if not isinstance(layer, Conv)
    ]
    assert list(shown) == ["input", *inner, "votes"]
    assert shown["input"].dtype == np.uint8
    np.testing.assert_array_equal(shown["input"], views[3]["camera"][:, :, 0])
    assert shown["votes"].argmax() == controller.last
    assert read_layers(controller)
    before = [layer.copy() for layer in shown.values()]
    controller.act(views[5])
    for kept, own in zip(before, shown.values(), strict=True):
        np.testing.assert_array_equal(own, kept, err_msg="the next decision wrote on it")
    controller.reset(0)
    assert controller.layers == {}
    assert isinstance(inspect.getattr_static(MarsController, "layers"), property)


# What a decision takes


def test_events_and_latency_reach_the_records() -> None:
    controller = seated()
    machine = Machine(load(WEIGHTS / "mars.npz"), Silicon(clock_hz=CLOCK_HZ))
    assert controller.clock_hz == CLOCK_HZ == 10e6
    episode = run_episode(open_camera(**SHORT), controller, 3)
    assert isinstance(episode.events, MarsEvents)
    each = machine.events
    assert episode.events.cycles == each.cycles * episode.decisions > 0
    assert episode.events.macs == each.macs * episode.decisions > 0
    assert episode.events.banks == each.banks
    assert episode.latency_max_s == each.cycles / 10e6
    records = evaluate("cnn-mars?clock_hz=1e6", episodes=1, seed=3, **SHORT)
    assert records[0].events == episode.events
    assert records[0].latency_max_s == each.cycles / 1e6
    assert len(tables_of("mars")) > 1
    for table in tables_of("mars"):
        row = summarize(records, table)
        assert row["energy_j"] > 0
        assert row["macs"] == each.operations


def test_options_reach_the_machine(views: list[Observation]) -> None:
    options = "cores=1&macros=4&rows=8&refill=paired&clock_hz=5e6"
    changed, plain = seated(f"cnn-mars?{options}"), seated()
    sizes: dict[str, Any] = {"cores": 1, "macros": 4, "rows": 8}
    assert changed.machine.silicon == Silicon(**sizes, refill="paired", clock_hz=5e6)
    assert plain.machine.silicon == Silicon(clock_hz=CLOCK_HZ)
    assert changed.clock_hz == 5e6
    for view in views[:4]:
        np.testing.assert_array_equal(changed.act(view), plain.act(view))
    assert changed.events.cycles != plain.events.cycles


# The closed loop


def test_it_finds_its_way_through_a_forest() -> None:
    records = evaluate("cnn-mars", episodes=6, seed=100)
    assert sum(record.success for record in records) >= 5


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from neurobot import evaluate
records = evaluate("cnn-mars", episodes=1, jobs=1, time_limit_s=1.0)
print([record.trajectory_sha256 for record in records])
"""


def test_it_runs_without_torch() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    here = evaluate("cnn-mars", episodes=1, jobs=1, time_limit_s=1.0)
    assert found.stdout.strip() == str([record.trajectory_sha256 for record in here])


# What is refused

REFUSED = {
    "network=lsq-5b": "network: unknown 'lsq-5b'; known: mars, fp32, lsq-8b, .*, or a file \\*.npz",
    "network=4": "network: unknown 4; known: mars",
    "network=absent.npz": "absent.npz: no file found",
    "network=fp32": ": float32 .* found",
    "network=uniq-2b": ": weights of 9 signed bits found; macros hold at most 8",
    "row=8": "mars: unknown option 'row'; known: network, cores, macros",
    "rows=0": "silicon: rows=0 is out of range: 1..",
    "rows=many": "silicon: rows=many found, a whole number needed",
    "refill=lazy": "silicon: unknown refill 'lazy'; known: serial, overlapped, paired",
    "weight_bytes=1000": "needed; the machine holds 1000$",
    "feature_bytes=1000": "needed; the machine holds 1000$",
}


@pytest.mark.parametrize("options", REFUSED)
def test_wrong_options_end_in_a_sentence(options: str) -> None:
    name = f"cnn-mars?{options}"
    with pytest.raises(ValueError, match=REFUSED[options]) as refusal:
        make_controller(name)
    assert str(refusal.value).startswith(f"controller {name!r}: ")
    assert "\n" not in str(refusal.value)


def test_a_network_that_reads_or_says_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"

    def refusal(weights: Array, **options: Any) -> str:
        ones, shape = np.ones(len(weights), int), weights.shape[1:]
        layers = Conv("sums", ("input",), weights, 8), Scores("scores", ("sums",), ones, 0 * ones)
        save(Network(input_shape=shape, layers=layers, **options), path)
        with pytest.raises(ValueError, match=r"tiny\.npz: ") as found:
            MarsController(str(path))
        return str(found.value)

    right = np.ones((CHOICES, 2, 4, 1), int)
    assert refusal(right[:10]).endswith("tiny.npz: 10 scores found, 77 needed")
    assert "an input of shape (2, 4, 3)" in refusal(np.ones((CHOICES, 2, 4, 3), int))
    assert "8 bits, signed found" in refusal(right, input_signed=True)


def test_a_camera_of_another_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "camera_rows=20, camera_columns=96 found, 36 and 96 needed"
    assert sentence in fault_of("cnn-mars", camera_rows=20, **SHORT)
    assert main(["evaluate", "cnn-mars?rows=0", "--episodes", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(ValueError, match=r"^mars: sensor 'camera' needed, 'range' found$"):
        attach(make_controller("cnn-mars"), gym.make(AVOIDANCE))

"""The streaming minds: what ships, how they decide, what a decision takes, what is refused."""

import math
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import product
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
from neurobot.controllers.samples import as_samples, beam_codes
from neurobot.controllers.steering import CHOICES, SPIN_LEFT, SPIN_RIGHT, make_choices, wheels_of
from neurobot.controllers.tdnn import BeamsController, ColumnsController, TdnnController
from neurobot.cost import tables_of
from neurobot.demo.thoughts import read_layers
from neurobot.envs.world import ROBOTS
from neurobot.events import InsightEvents
from neurobot.loop import Observation, attach, run_episode
from neurobot.metrics import summarize
from neurobot.qnet import Conv, Network, Scores
from neurobot.qnet import save as save_network
from neurobot.tdnn import Clocking, Net, Neurons, direct, files

Array = NDArray[Any]
NAVIGATION = "neurobot/Navigation-v0"
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
MINDS = {"tdnn-insight": "range", "tdnn-insight-camera": "camera"}
MOST_BYTES, MOST_CONNECTIONS = 200_000, 10_000


def machine_of(sensor: str) -> Net:
    return files.load(WEIGHTS / f"tdnn-{sensor}.npz")


def seated(name: str, env: str = NAVIGATION, **options: Any) -> Any:
    controller = make_controller(name)
    sensor = type(controller).sensor
    attach(controller, gym.make(env, sensor=sensor, **options))
    controller.reset(0)
    return controller


def drive_about(sensor: str) -> list[Observation]:
    """What a robot sees that drives about at random, and where its goal is."""
    env = gym.make(NAVIGATION, sensor=sensor)
    rng, seen = np.random.default_rng(0), []
    for seed in range(4):
        seen.append(env.reset(seed=seed)[0])
        for _ in range(10):
            observation, _, ended, _, _ = env.step(rng.uniform(0, 1, 2))
            seen.append(observation)
            if ended:
                break
    return seen[::3]


@pytest.fixture(scope="module")
def views() -> dict[str, list[Observation]]:
    return {sensor: drive_about(sensor) for sensor in MINDS.values()}


def naive_samples(sensor: str, seen: Observation) -> Array:
    """Restate what the machine reads, value by value, (1, T, channels)."""
    if sensor == "camera":
        rows, columns, _ = seen["camera"].shape
        picture = seen["camera"][:, :, 0].tolist()
        return np.array([[[picture[r][c] for r in range(rows)] for c in range(columns)]])
    codes = []
    for metres in seen["range"].tolist():
        near = 255 - round(Fraction(metres) * 50)  # halves to even
        codes.append([max(near, 0) if metres < 10 else 0])
    return np.array([codes])


# What ships


@pytest.mark.parametrize("name", MINDS)
def test_each_machine_is_small_and_says_how_it_was_made(name: str) -> None:
    path = WEIGHTS / f"tdnn-{MINDS[name]}.npz"
    assert path.stat().st_size < MOST_BYTES
    net = files.load(path)
    assert net.integer
    assert net.input_shape == ((1, 72, 1) if MINDS[name] == "range" else (1, 96, 36))
    assert net.clocking == Clocking(net.input_shape[1], 1)
    assert net.signals[-1].shape == (1, 1, CHOICES)
    assert sum(int(layer.fan_ins.sum()) for layer in net.layers) < MOST_CONNECTIONS
    assert all(layer.tree and layer.tree.fan_in == 32 for layer in net.layers)
    command = f"python scripts/train_tdnn.py {MINDS[name]} --seed 0"
    assert net.notes["command"] == command
    assert {"neurobot", "numpy", "python", "torch"} <= net.notes.keys()


def test_one_of_them_is_compared_where_no_controller_is_named() -> None:
    assert [name for name in COMPARED if name.startswith("tdnn")] == ["tdnn-insight"]


# What the machine reads


def test_beams_become_nearness_in_steps_of_two_centimetres() -> None:
    metres = [0.0, 0.01, 0.02, 0.0299, 0.0301, 1.0, 2.5, 5.09, 5.11, 7.0, 9.99, 10.0]
    wanted = [255, 255, 254, 254, 253, 205, 130, 0, 0, 0, 0, 0]
    assert beam_codes(np.array(metres, np.float32), 10.0).tolist() == wanted
    short = beam_codes(np.array([[0.5, 1.99], [2.0, 2.0]], np.float32), 2.0)
    assert short.tolist() == [[230, 155], [0, 0]], "nothing in range"
    assert short.dtype == np.uint8


def test_codes_are_exact_to_the_last_half(views: dict[str, list[Observation]]) -> None:
    rng = np.random.default_rng(0)
    halves = (np.arange(0, 500) + 0.5) / 50  # float32 of them lies on either side
    scans = [*(view["range"] for view in views["range"]), halves, rng.uniform(0, 10, 500)]
    for scan in scans:
        seen = {"range": np.asarray(scan, np.float32)}
        found = as_samples(beam_codes(seen["range"], 10.0)[None])
        np.testing.assert_array_equal(found, naive_samples("range", seen))


def test_pictures_stream_column_by_column(views: dict[str, list[Observation]]) -> None:
    for view in views["camera"][:3]:
        found = as_samples(view["camera"][:, :, 0])
        assert found.shape == (1, 96, 36)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, naive_samples("camera", view))
    many = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(as_samples(many)[1], as_samples(many[1]))


# How they decide


@pytest.mark.parametrize("name", MINDS)
def test_the_decision_is_the_greatest_score_with_the_goal(
    name: str, views: dict[str, list[Observation]]
) -> None:
    sensor = MINDS[name]
    net, controller = machine_of(sensor), seated(name)
    choices, robot = make_choices(), ROBOTS["jackal"]
    last, chosen = 0, set()
    for view, has_goal in product(views[sensor], (False, True)):
        seen = view if has_goal else {sensor: view[sensor]}
        wheels = controller.act(seen)
        logits = direct.evaluate(net, naive_samples(sensor, view)[None])[0] * net.output_scale
        if has_goal:
            bearing = math.atan2(view["goal"][1], view["goal"][0])
            logits = logits + [6 * math.cos(bearing - angle) for angle in choices[:, 0]]
        np.testing.assert_allclose(controller.layers["votes"], logits, rtol=1e-12, atol=1e-9)
        best = int(logits.argmax())
        last = last if min(best, last) >= SPIN_LEFT else best
        limits = robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
        _, speed, spin = choices[last]
        assert wheels.tolist() == pytest.approx(wheels_of(speed, spin, *limits), abs=1e-7)
        assert wheels.dtype == np.float32
        chosen.add(last)
    assert len(chosen) > 3


@pytest.mark.parametrize("name", MINDS)
def test_a_machine_that_streams_on_without_a_reset_scores_the_same(
    name: str, views: dict[str, list[Observation]]
) -> None:
    sensor = MINDS[name]
    controller, streaming = seated(name), make_controller(name).machine
    frames = [naive_samples(sensor, view) for view in views[sensor][:6]]
    found = [streaming.stream(frame[None]) for frame in frames]
    found.append(streaming.finish())
    scores = np.concatenate([part.scores for part in found])
    clocks = np.concatenate([part.clocks for part in found])
    for number, view in enumerate(views[sensor][:6]):
        controller.act({sensor: view[sensor]})
        own = controller.layers["votes"] / controller.machine.net.output_scale
        np.testing.assert_allclose(own, scores[number], rtol=1e-12)
        last_sample = (number + 1) * frames[0].shape[1] - 1
        assert clocks[number] - last_sample == controller.events.cycles


def one_layer(weights: Array, **options: Any) -> Net:
    """Return a network in time that scores by one sum over all samples; a logit of 1 is 1000."""
    ones = np.ones(len(weights), np.int64)
    layer = Neurons("scores", np.asarray(weights, np.int32), 1000 * ones, 0 * ones, weight_bits=8)
    given: dict[str, Any] = {"clocking": Clocking(weights.shape[2], 1), "output_scale": 1e-3}
    return Net(input_shape=weights.shape[1:], stages=(layer,), **given | options)


def test_beams_run_from_right_to_left_and_columns_from_left_to_right(tmp_path: Path) -> None:
    weights = np.zeros((CHOICES, 1, 4, 1), int)
    weights[SPIN_LEFT, 0, 0] = weights[SPIN_RIGHT, 0, 3] = 1  # away from the right, from the left
    path = tmp_path / "beams.npz"
    files.save(one_layer(weights), path)
    controller = seated(f"tdnn-insight?machine={path}", beams=4)
    for beam, turn in ((0, SPIN_LEFT), (3, SPIN_RIGHT)):
        scan = np.full(4, 10.0, np.float32)
        scan[beam] = 1.0
        controller.reset(0)
        left, right = controller.act({"range": scan})
        assert controller.last == turn
        assert (right > left) == (turn == SPIN_LEFT)
    weights = np.zeros((CHOICES, 1, 4, 2), int)
    weights[SPIN_RIGHT, 0, 0, 1] = weights[SPIN_LEFT, 0, 3, 0] = 1  # below on the left, above
    path = tmp_path / "columns.npz"
    files.save(one_layer(weights), path)
    controller = seated(f"tdnn-insight-camera?machine={path}", camera_rows=2, camera_columns=4)
    for place, choice in (((1, 0), SPIN_RIGHT), ((0, 3), SPIN_LEFT), ((0, 0), 0)):
        picture = np.zeros((2, 4, 1), np.uint8)
        picture[place] = 100
        controller.reset(0)
        controller.act({"camera": picture})
        assert controller.last == choice


@pytest.mark.parametrize("name", MINDS)
def test_the_demo_sees_the_input_then_every_map_and_the_votes(
    name: str, views: dict[str, list[Observation]]
) -> None:
    controller, seen = seated(name), views[MINDS[name]]
    assert controller.layers == {}
    controller.act(seen[3])
    shown = controller.layers
    names = [layer.name for layer in controller.machine.net.layers[:-1]]
    assert list(shown) == ["input", *names, "votes"]
    samples = naive_samples(MINDS[name], seen[3])
    np.testing.assert_array_equal(shown["input"], samples[0].T)
    assert shown["votes"].argmax() == controller.last
    thought = read_layers(controller)
    assert thought
    before = [layer.copy() for layer in shown.values()]
    controller.act(seen[5])
    for (_, kept), own, then in zip(thought.layers, shown.values(), before, strict=True):
        np.testing.assert_array_equal(own, then, err_msg="the next decision wrote on it")
        np.testing.assert_array_equal(kept, then)
    controller.reset(0)
    assert controller.layers == {}


# What a decision takes


@pytest.mark.parametrize("name", MINDS)
def test_events_and_latency_reach_the_records(name: str) -> None:
    controller = seated(name)
    episode = run_episode(gym.make(NAVIGATION, sensor=MINDS[name], **SHORT), controller, 3)
    machine = controller.machine
    assert isinstance(episode.events, InsightEvents)
    assert episode.events.cycles == machine.latency * episode.decisions > 0
    assert episode.events.samples == machine.net.input_shape[1] * episode.decisions
    assert 0 < episode.events.macs < episode.events.operations
    assert episode.events.synapses == machine.events.synapses
    assert episode.latency_max_s == machine.latency / 10e6
    records = evaluate(f"{name}?clock_hz=1e6", env=NAVIGATION, episodes=1, seed=3, **SHORT)
    assert records[0].events == episode.events
    assert records[0].latency_max_s == machine.latency / 1e6
    assert len(tables_of("insight")) == 4
    for table in tables_of("insight"):
        row = summarize(records, table)
        assert row["energy_j"] > 0
        assert row["macs"] == episode.events.operations / episode.decisions


def test_a_beam_that_sees_nothing_leaves_its_synapses_still() -> None:
    controller = seated("tdnn-insight")
    moved = []
    for seen in (0, 36, 72):
        scan = np.full(72, 10.0, np.float32)
        scan[:seen] = 1.0
        controller.act({"range": scan})
        first = controller.machine.net.layers[0]
        moved.append(controller.events.macs)
        total = controller.events.operations
    assert moved == sorted(set(moved))
    assert total == controller.events.macs + controller.events.still_macs
    assert first.kernel[0] == 1


# The closed loop


def test_they_find_their_way_through_a_forest() -> None:
    for name in MINDS:
        records = evaluate(name, episodes=6, seed=100)
        assert sum(record.success for record in records) >= 5, name


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from neurobot import evaluate
records = evaluate(["tdnn-insight", "tdnn-insight-camera"], episodes=1, jobs=1, time_limit_s=1.0)
print([record.trajectory_sha256 for record in records])
"""


def test_they_run_without_torch() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    here = evaluate([*MINDS], episodes=1, jobs=1, time_limit_s=1.0)
    assert found.stdout.strip() == str([record.trajectory_sha256 for record in here])


# What is refused

REFUSED = {
    "machine=4": "machine: 4 found, a file \\*.npz needed$",
    "machine=absent.npz": "absent.npz: no file found",
    "clock_hz=0": "clock_hz=0 found, a number above 0 needed$",
    "clock_hz=fast": "clock_hz=fast found, a number above 0 needed$",
    "network=lsq-4b": "got an unexpected keyword argument 'network'",
    f"machine={WEIGHTS / 'lsq-4b.npz'}": "lsq-4b.npz: ",
}


@pytest.mark.parametrize("options", REFUSED)
def test_wrong_options_end_in_a_sentence(options: str) -> None:
    for mind in MINDS:
        name = f"{mind}?{options}"
        with pytest.raises(ValueError, match=REFUSED[options]) as refusal:
            make_controller(name)
        assert str(refusal.value).startswith(f"controller {name!r}: ")
        assert "\n" not in str(refusal.value)


def test_a_machine_that_reads_or_says_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"

    def refusal(net: Net, kind: type[TdnnController] = BeamsController) -> str:
        files.save(net, path)
        with pytest.raises(ValueError, match=r"tiny\.npz: ") as found:
            kind(str(path))
        assert "\n" not in str(found.value)
        return str(found.value)

    right = np.ones((CHOICES, 1, 4, 1), int)
    files.save(one_layer(right), path)
    assert BeamsController(str(path)).machine.net.input_shape == (1, 4, 1)
    assert refusal(one_layer(right[:10])).endswith("tiny.npz: 10 scores found, 77 needed")
    deep = np.ones((CHOICES, 1, 4, 3), int)
    found = refusal(one_layer(deep))
    assert "shape (1, 4, 3), 8 bits found; needed: (1, samples, 1), 8 bits" in found
    files.save(one_layer(deep), path)
    ColumnsController(str(path))
    high = one_layer(np.ones((CHOICES, 2, 4, 1), int), clocking=Clocking(4, 2))
    assert "needed: (1, samples, rows), 8 bits" in refusal(high, ColumnsController)
    assert "(1, 4, 1), 4 bits found" in refusal(one_layer(right, input_bits=4))
    in_space = replace(one_layer(right), clocking=None)
    assert "delay() makes it run in time" in refusal(in_space)


def test_a_trained_network_that_is_not_compiled_is_refused(tmp_path: Path) -> None:
    path, ones = tmp_path / "network.npz", np.ones(CHOICES, int)
    layers = (
        Conv("sums", ("input",), np.ones((CHOICES, 1, 4, 1), int), 8),
        Scores("scores", ("sums",), ones, 0 * ones),
    )
    save_network(Network(input_shape=(1, 4, 1), layers=layers, output_scale=1.0), path)
    with pytest.raises(ValueError, match=r"network\.npz: ") as found:
        BeamsController(str(path))
    assert "\n" not in str(found.value)


def test_sensors_of_another_size_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "beams=36 found, 72 needed" in fault_of("tdnn-insight", beams=36, **SHORT)
    sentence = "camera_rows=20, camera_columns=96 found, 36 and 96 needed"
    assert sentence in fault_of("tdnn-insight-camera", camera_rows=20, **SHORT)
    assert main(["evaluate", "tdnn-insight?clock_hz=-1", "--episodes", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    for name, sensor in MINDS.items():
        other = "camera" if sensor == "range" else "range"
        with pytest.raises(ValueError, match=rf"^tdnn: sensor '{sensor}' needed, '{other}' found$"):
            attach(make_controller(name), gym.make(NAVIGATION, sensor=other))

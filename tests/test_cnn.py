"""The trained networks: what ships, how they decide, what a decision takes, what is refused."""

import inspect
import math
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from records import fault_of

from neurobot import evaluate
from neurobot.cli import main
from neurobot.controllers import CIM_NETWORKS, NETWORKS, PPO_NETWORKS, WEIGHTS, make_controller
from neurobot.controllers.cnn import CnnController
from neurobot.controllers.scorer import lay_out
from neurobot.controllers.steering import (
    CHOICES,
    SPIN_LEFT,
    SPIN_RIGHT,
    choose,
    make_choices,
    mirrored_choices,
    wheels_of,
)
from neurobot.demo.thoughts import read_layers
from neurobot.envs.world import ROBOTS
from neurobot.loop import Observation, attach, run_episode
from neurobot.mac import MacArray, Processor
from neurobot.qnet import Affine, Conv, Network, Requant, Scores, forward, load, save

Array = NDArray[Any]
AVOIDANCE, NAVIGATION = "neurobot/Avoidance-v0", "neurobot/Navigation-v0"
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
MOST_BYTES, MOST_WEIGHTS = 200_000, 100_000


def open_camera(env: str = AVOIDANCE, **options: Any) -> Any:
    return gym.make(env, sensor="camera", **options).unwrapped


def seated(name: str, **options: Any) -> Any:
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
        for _ in range(3):
            wheels, moves, ended = rng.uniform(0, 1, 2), 0, False
            while moves < 4 and not ended:
                observation, _, ended, _, _ = env.step(wheels)
                moves += 1
            seen.append(observation)
            if ended:
                break
    return seen


# What is chosen among


def naive_choices() -> list[tuple[float, float, float]]:
    """Angle in degrees, share of full speed, yaw rate."""
    fan = [60 - 5 * k for k in range(25)]
    drives = [
        (angle, speed, 3 * math.pi / 180 * angle) for speed in (1, 0.6, 0.25) for angle in fan
    ]
    return [*drives, (60, 0, 2), (-60, 0, -2)]


def naive_wheels(choice: int, robot: Any) -> tuple[float, float]:
    """Slow both wheels down until the faster one can follow."""
    _, share, yaw_rate = naive_choices()[choice]
    yaw_rate = sorted((-robot.max_yaw_rate_radps, yaw_rate, robot.max_yaw_rate_radps))[1]
    apart = yaw_rate * robot.track_m / robot.max_speed_mps
    apart = sorted((-2.0, apart, 2.0))[1]
    excess = max(share + abs(apart) / 2 - 1, 0)
    return share - excess - apart / 2, share - excess + apart / 2


def test_choices_are_a_fan_of_headings_at_three_speeds_and_two_turns() -> None:
    choices = make_choices()
    angles = np.radians([angle for angle, _, _ in naive_choices()])
    # Degrees are turned into radians in another order.
    np.testing.assert_allclose(choices[:, 0], angles, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(choices[:, 1], [speed for _, speed, _ in naive_choices()])
    np.testing.assert_allclose(choices[:, 2], [rate for _, _, rate in naive_choices()], atol=1e-14)
    assert len(choices) == CHOICES == 77
    assert choices[SPIN_LEFT, 2] == -choices[SPIN_RIGHT, 2] > 0


def test_the_mirror_exchanges_left_and_right_and_is_its_own_inverse() -> None:
    choices, mirror = make_choices(), mirrored_choices()
    assert sorted(mirror) == list(range(CHOICES))
    np.testing.assert_array_equal(mirror[mirror], np.arange(CHOICES))
    np.testing.assert_array_equal(choices[mirror], choices * [-1, 1, -1])
    assert mirror[SPIN_LEFT] == SPIN_RIGHT


def test_a_turn_on_the_spot_keeps_its_side_until_the_robot_drives() -> None:
    for best, last in product((0, 40, SPIN_LEFT - 1, SPIN_LEFT, SPIN_RIGHT), repeat=2):
        scores = np.zeros(CHOICES)
        scores[best] = 1
        keeps = best in (SPIN_LEFT, SPIN_RIGHT) and last in (SPIN_LEFT, SPIN_RIGHT)
        assert choose(scores, last) == (last if keeps else best), (best, last)
    assert choose(np.array([0, 3, 1, 3]), 0) == 1


@pytest.mark.parametrize("robot", ROBOTS)
def test_wheels_keep_the_turn_and_slow_down_for_it(robot: str) -> None:
    body = ROBOTS[robot]
    limits = body.track_m, body.max_speed_mps, body.max_yaw_rate_radps
    for choice, (_, speed, yaw_rate) in enumerate(make_choices()):
        found, wanted = wheels_of(speed, yaw_rate, *limits), naive_wheels(choice, body)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-14, err_msg=str(choice))
        assert max(map(abs, found)) <= 1


# What ships


def test_there_is_a_file_for_every_network_and_no_other() -> None:
    bits = {f"{method}-{n}b" for method in ("lsq", "lglsq", "uniq") for n in (8, 4, 3, 2)}
    assert set(NETWORKS) == {"fp32", "uniq-1b", *bits}
    machines = {"tdnn-range", "tdnn-camera", "mars", *CIM_NETWORKS}
    learned = {name for names in PPO_NETWORKS.values() for name in names}
    assert {path.name for path in WEIGHTS.iterdir()} == {
        f"{name}.npz" for name in {*NETWORKS, *machines, *learned}
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_small_and_as_wide_as_its_name_says(name: str) -> None:
    path = WEIGHTS / f"{name}.npz"
    assert path.stat().st_size < MOST_BYTES
    network = load(path)
    assert network.input_shape == (36, 96, 1)
    assert (network.input_bits, network.input_signed) == (8, False)
    assert network.output.shape == (1, 1, CHOICES)
    assert sum(conv.weights.size for conv in network.convs) <= MOST_WEIGHTS
    method, _, bits = name.removesuffix("b").partition("-")
    inner = 32 if method == "fp32" else int(bits)
    edge = 32 if method == "fp32" else 8
    assert [work.weight_bits for work in network.workloads] == [edge, inner, inner, inner, edge]
    assert [work.input_bits for work in network.workloads] == [edge, inner, inner, inner, edge]
    assert [conv.odd for conv in network.convs[1:-1]] == [method == "uniq"] * 3
    # A network that was never trained, or lost its codes on the way, uses few of them.
    for conv in network.convs:
        assert len(np.unique(conv.weights)) > min(2**conv.weight_bits, 64) // 2, conv.name


def test_no_two_networks_are_the_same(views: list[Observation]) -> None:
    pictures = np.stack([view["camera"] for view in views])
    networks = {name: load(WEIGHTS / f"{name}.npz") for name in NETWORKS}
    logits = {name: net.output_scale * forward(net, pictures) for name, net in networks.items()}
    assert len({each.tobytes() for each in logits.values()}) == len(NETWORKS) > 1
    # All imitate the same teacher: what full precision prefers, the others hold for good.
    best = logits["fp32"].argmax(axis=1)[:, None]
    for name, each in logits.items():
        shares = np.exp(each - each.max(axis=1, keepdims=True))
        assert np.median(np.take_along_axis(shares, best, axis=1)) > 0.1, name


# How it decides


def naive_scores(network: Network, picture: Array) -> Array:
    """Run a chain of convolutions and scales as products of matrices; float64 where it is real."""
    maps: dict[str, Array] = {"input": picture.astype(np.float64 if network.real else np.int64)}
    for layer in network.layers:
        given = maps[layer.inputs[0]]
        if isinstance(layer, Conv):
            (top, left), kernel = layer.padding, layer.weights.shape[1:3]
            padded = np.pad(given, ((top, top), (left, left), (0, 0)))
            windows = sliding_window_view(padded, (*kernel, given.shape[2]))[:, :, 0]
            windows = windows[:: layer.stride[0], :: layer.stride[1]]
            weights = layer.weights.astype(given.dtype)
            if layer.odd:
                weights = 2 * weights - (2**layer.weight_bits - 1)
            made = np.tensordot(windows, weights, ((2, 3, 4), (1, 2, 3)))
        elif isinstance(layer, Requant):
            scaled = np.floor_divide(given * layer.multiplier + layer.bias, 2**layer.shift)
            made = np.clip(scaled, layer.low, layer.high)
            if layer.odd:
                made = 2 * made - (2**layer.bits - 1)
        elif isinstance(layer, Scores):
            made = given * layer.multiplier + layer.bias
        else:
            assert isinstance(layer, Affine)
            made = np.clip(given * layer.scale + layer.bias, layer.low, layer.high)
        maps[layer.name] = made
    return np.asarray(made[0, 0])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_decision_is_the_greatest_score_with_the_goal(
    name: str, views: list[Observation]
) -> None:
    network, controller = load(WEIGHTS / f"{name}.npz"), seated(f"cnn-{name}")
    # Sums of float32 numbers differ from those of float64 in the last of their 24 bits.
    near = 1e-4 if network.real else 0.0
    last, chosen = 0, set()
    for view, has_goal in product(views, (False, True)):
        seen = view if has_goal else {"camera": view["camera"]}
        wheels = controller.act(seen)
        logits = (naive_scores(network, view["camera"]) * network.output_scale).tolist()
        if has_goal:
            bearing = math.degrees(math.atan2(view["goal"][1], view["goal"][0]))
            for k, (angle, _, _) in enumerate(naive_choices()):
                logits[k] += 6 * math.cos(math.radians(bearing - angle))
        np.testing.assert_allclose(controller.layers["votes"], logits, rtol=1e-12, atol=near + 1e-9)
        *_, second, best = sorted(logits)
        if best - second <= near:
            last = controller.last
            continue
        choice = logits.index(best)
        last = last if choice >= 75 and last >= 75 else choice
        np.testing.assert_allclose(wheels, naive_wheels(last, ROBOTS["jackal"]), atol=1e-7)
        assert wheels.dtype == np.float32
        chosen.add(last)
    assert len(chosen) > 3


def scoring(tmp_path: Path, weights: Array, **options: Any) -> Path:
    """Write a network that scores by one sum over pictures of 2 x 4; weights: (n, 2, 4, channels).

    A logit of 1 is a score of 1000.
    """
    ones = np.ones(len(weights), int)
    layers = (
        Conv("sums", ("input",), weights, 8),
        Scores("scores", ("sums",), 1000 * ones, 0 * ones),
    )
    path = tmp_path / "tiny.npz"
    shape = weights.shape[1:]
    save(Network(input_shape=shape, layers=layers, output_scale=1e-3, **options), path)
    return path


def pixel(k: int) -> Observation:
    picture = np.zeros((2, 4, 1), np.uint8)
    picture[0, k] = 100
    return {"camera": picture}


def test_a_file_of_one_s_own_steers_and_keeps_the_side_to_which_it_turns(tmp_path: Path) -> None:
    weights = np.zeros((CHOICES, 2, 4, 1), int)
    for k, choice in enumerate((12, SPIN_LEFT, SPIN_RIGHT)):
        weights[choice, 0, k] = 1
    path = scoring(tmp_path, weights)
    controller = seated(f"cnn-fp32?network={path}", camera_rows=2, camera_columns=4)
    turns = []
    for k in (0, 2, 1, 1, 0, 1, 2, 0):
        left, right = controller.act(pixel(k)).tolist()
        turns.append(np.sign(right - left))
        assert (left == -right) == (k != 0)
    assert turns == [0, -1, -1, -1, 0, 1, 1, 0]
    controller.act(pixel(1))
    controller.reset(0)
    left, right = controller.act(pixel(2))
    assert left > right, "an episode begins without the last one's side"


def test_a_goal_pulls_towards_itself_and_none_does_not(tmp_path: Path) -> None:
    path = scoring(tmp_path, np.zeros((CHOICES, 2, 4, 1), int))
    controller = seated(f"cnn-fp32?network={path}", camera_rows=2, camera_columns=4)
    blank = pixel(0)
    for degrees, choice in ((0, 12), (26, 7), (-34, 19), (60, 0), (130, 0), (-100, 24)):
        for distance_m in (0.01, 100.0):
            x, y = (turn(math.radians(degrees)) for turn in (math.cos, math.sin))
            goal = (distance_m * np.array([x, y])).astype(np.float32)
            controller.act({**blank, "goal": goal})
            assert controller.last == choice, degrees
            # The goal is a float32.
            wanted = 6 * math.cos(math.radians(degrees - naive_choices()[choice][0]))
            assert controller.layers["votes"].max() == pytest.approx(wanted, rel=1e-6)
    for unsaid in ({}, {"goal": np.zeros(2, np.float32)}):
        controller.act({**blank, **unsaid})
        assert not controller.layers["votes"].any()


# What it shows


def test_channels_lie_in_rows_of_as_many_as_fit() -> None:
    for height, width, channels, columns in (
        (2, 3, 5, 7),
        (1, 4, 3, 3),
        (3, 2, 2, 9),
        (2, 1, 1, 1),
    ):
        maps = np.arange(1, height * width * channels + 1).reshape(height, width, channels)
        sheet = lay_out(maps, columns)
        beside = next(n for n in range(channels, 0, -1) if n == 1 or n * width <= columns)
        below = math.ceil(channels / beside)
        assert sheet.shape == (below * height, beside * width)
        for y, x, c in product(range(height), range(width), range(channels)):
            place = (c // beside) * height + y, (c % beside) * width + x
            assert sheet[place] == maps[y, x, c]
        assert np.count_nonzero(sheet) == maps.size
    assert lay_out(np.arange(6).reshape(1, 1, 6), 3).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["fp32", "lsq-4b"])
def test_the_demo_sees_the_picture_then_every_map_and_the_votes(
    name: str, views: list[Observation]
) -> None:
    controller = seated(f"cnn-{name}")
    assert controller.layers == {}
    controller.act(views[3])
    shown = controller.layers
    shapes = [(36, 96), (36, 96), (24, 96), (8, 96), (40,), (CHOICES,)]
    assert [layer.shape for layer in shown.values()] == shapes
    assert next(iter(shown)) == "input"
    assert list(shown)[-1] == "votes"
    assert shown["input"].dtype == np.uint8
    np.testing.assert_array_equal(shown["input"], views[3]["camera"][:, :, 0])
    assert shown["votes"].argmax() == controller.last
    thought = read_layers(controller)
    assert thought
    before = [layer.copy() for layer in shown.values()]
    controller.act(views[5])
    for (_, seen), kept, own in zip(thought.layers, before, shown.values(), strict=True):
        np.testing.assert_array_equal(seen, kept)
        np.testing.assert_array_equal(own, kept, err_msg="the next decision wrote on it")
    controller.reset(0)
    assert controller.layers == {}


def test_layers_are_laid_out_only_when_somebody_asks() -> None:
    assert isinstance(inspect.getattr_static(CnnController, "layers"), property)


# What a decision takes


@pytest.mark.parametrize("name", ["cnn-lsq-3b", "cnn-fp32?schedule=weight-stationary&rows=16"])
def test_events_are_the_processor_s_own_and_latency_is_cycles_by_the_clock(
    name: str, views: list[Observation]
) -> None:
    controller = seated(name)
    network = load(WEIGHTS / f"{name.partition('?')[0].removeprefix('cnn-')}.npz")
    array = MacArray(schedule="weight-stationary", rows=16) if "?" in name else None
    processor, gated = Processor(network, array), set()
    for view in views[:6]:
        controller.act(view)
        processor.run(view["camera"])
        assert controller.events == processor.events
        gated.add(controller.events.gated_macs)
    assert len(gated) == 6
    episode = run_episode(open_camera(**SHORT), controller, 3)
    cycles = processor.events.cycles
    assert episode.events
    assert episode.events.cycles == cycles * episode.decisions > 0
    assert controller.clock_hz == MacArray().clock_hz
    assert episode.latency_max_s == cycles / controller.clock_hz


def test_options_reach_the_processor(views: list[Observation]) -> None:
    options = "schedule=weight-stationary&rows=16&clock_hz=5e6&gates_zeros=false"
    changed, plain = seated(f"cnn-lsq-4b?{options}"), seated("cnn-lsq-4b")
    sizes: dict[str, Any] = {"rows": 16, "clock_hz": 5e6, "gates_zeros": False}
    assert changed.processor.array == MacArray(schedule="weight-stationary", **sizes)
    assert plain.processor.array == MacArray()
    assert changed.clock_hz == 5e6
    for view in views[:4]:
        np.testing.assert_array_equal(changed.act(view), plain.act(view))
        assert changed.events.cycles != plain.events.cycles
        assert changed.events.gated_macs == 0 < plain.events.gated_macs


# The closed loop


def test_records_do_not_depend_on_the_number_of_processes() -> None:
    names = ["cnn-uniq-1b", "cnn-fp32"]
    alone, shared = (evaluate(names, episodes=3, jobs=jobs, seed=5, **SHORT) for jobs in (1, 2))
    assert alone == shared
    assert len({record.trajectory_sha256 for record in alone}) == 6


def test_they_find_their_way_through_a_forest() -> None:
    roamed = evaluate("cnn-lsq-4b", episodes=6, seed=100)
    assert sum(record.success for record in roamed) >= 5
    arrived = evaluate("cnn-fp32", env=NAVIGATION, episodes=6, seed=100)
    assert sum(record.success for record in arrived) >= 4


# What is refused

REFUSED = {
    "network=lsq-5b": "network: unknown 'lsq-5b'; known: fp32, lsq-8b, .*, or a file \\*.npz$",
    "network=4": "network: unknown 4; known: fp32",
    "network=absent.npz": "absent.npz: no file found",
    "row=8": "cnn: unknown option 'row'; known: network, rows, columns, schedule",
    "rows=0": "mac array: rows=0 is out of range: 1..256",
    "rows=many": "mac array: rows=many found, a whole number needed",
    "schedule=lazy": "unknown schedule 'lazy'; known: output-stationary, weight-stationary",
    "weight_bytes=1000": "bytes of weights so far needed; the processor holds 1000$",
}


@pytest.mark.parametrize("options", REFUSED)
def test_wrong_options_end_in_a_sentence(options: str) -> None:
    name = f"cnn-lsq-4b?{options}"
    with pytest.raises(ValueError, match=REFUSED[options]) as refusal:
        make_controller(name)
    assert str(refusal.value).startswith(f"controller {name!r}: ")
    assert "\n" not in str(refusal.value)


def test_a_network_that_reads_or_says_something_else_is_refused(tmp_path: Path) -> None:
    def refusal(weights: Array, **options: Any) -> str:
        path = scoring(tmp_path, weights, **options)
        with pytest.raises(ValueError, match=r"tiny\.npz") as found:
            CnnController(str(path))
        return str(found.value)

    right = np.ones((CHOICES, 2, 4, 1), int)
    assert refusal(right[:10]).endswith("tiny.npz: 10 scores found, 77 needed")
    needed = "found; needed: (rows, columns, 1), 8 bits, unsigned"
    colour = refusal(np.ones((CHOICES, 2, 4, 3), int))
    assert f"an input of shape (2, 4, 3), 8 bits, unsigned {needed}" in colour
    assert f"(2, 4, 1), 8 bits, signed {needed}" in refusal(right, input_signed=True)
    assert f"(2, 4, 1), 4 bits, unsigned {needed}" in refusal(right, input_bits=4)
    (tmp_path / "text.npz").write_text("no network")
    with pytest.raises(ValueError, match=r"text\.npz: no archive"):
        CnnController(str(tmp_path / "text.npz"))


def test_a_camera_of_another_size_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = "camera_rows=20, camera_columns=96 found, 36 and 96 needed"
    assert sentence in fault_of("cnn-lsq-4b", camera_rows=20, **SHORT)
    assert "camera_columns=80 found, 36 and 96 needed" in fault_of(
        "cnn-lsq-4b", camera_columns=80, **SHORT
    )
    assert main(["evaluate", "cnn-lsq-4b?rows=0", "--episodes", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_robot_without_a_camera_is_refused() -> None:
    for name in ("fp32", "uniq-1b"):
        with pytest.raises(ValueError, match=r"^cnn: sensor 'camera' needed, 'range' found$"):
            attach(make_controller(f"cnn-{name}"), gym.make(AVOIDANCE))

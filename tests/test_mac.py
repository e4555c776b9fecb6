"""The digital processor counts what a walk through its schedule counts, and computes the same."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_mac import Machine
from numpy.typing import NDArray
from qnets import codes, networks

from neurobot.cli import main
from neurobot.events import MacEvents
from neurobot.mac import SCHEDULES, MacArray, Processor, sheet
from neurobot.mac.array import packing, tiles
from neurobot.qnet import (
    Add,
    Affine,
    Channels,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Scores,
    SumPool,
    save,
)

Array = NDArray[Any]
MOST_MACS = 4000  # that plain Python walks through in a case
ARRAYS = st.builds(
    MacArray,
    rows=st.sampled_from([1, 2, 3, 8]),
    columns=st.sampled_from([1, 2, 3, 8]),
    schedule=st.sampled_from(SCHEDULES),
    weight_word_bits=st.sampled_from([8, 24, 64]),
    activation_word_bits=st.sampled_from([8, 16, 64]),
    bank_bytes=st.sampled_from([64, 500]),
    requant_lanes=st.integers(1, 5),
    fill_cycles=st.integers(0, 3),
    gates_zeros=st.booleans(),
)
walks = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.filter_too_much],
)


def walk(processor: Processor, image: Array) -> Machine:
    """Go through a run cycle by cycle."""
    array = asdict(processor.array)
    for name in ("weight_bytes", "activation_bytes", "partial_bytes", "clock_hz"):
        del array[name]
    machine = Machine(processor.network, **array)
    machine.run(image.tolist())
    return machine


def assert_as_walked(processor: Processor, image: Array) -> None:
    """Compare scores, all maps that are stored, and all counts: by layer and together."""
    processor.run(np.full_like(image, processor.network.signals["input"].highest))
    first = processor.events
    scores = processor.run(image)
    machine = walk(processor, image)
    last = processor.network.layers[-1].name
    for name, memory in machine.memories.items():
        found = np.array(
            [memory.get(*place)[0] for place in np.ndindex(memory.shape)],
            processor.maps[name].dtype,
        ).reshape(memory.shape)
        assert found.tobytes() == (processor.maps[name] + 0).tobytes(), name
    assert scores.tobytes() == processor.maps[last].tobytes()
    total = {name: count for name, count in asdict(processor.events).items() if count}
    assert total == {name: count for name, count in machine.total.items() if count}
    rows = {row.name: row for row in processor.layers}
    assert list(rows) == list(machine.by_layer)
    for name, counts in machine.by_layer.items():
        counted = asdict(replace(rows[name].events, banks=0))
        assert {k: v for k, v in counted.items() if v} == {k: v for k, v in counts.items() if v}, (
            name
        )
    assert processor.network.macs == first.macs == processor.events.macs
    assert first.cycles == processor.events.cycles


def make(network: Network, array: MacArray) -> Processor:
    """Build a processor; give a random network up that it refuses for the width of its numbers."""
    assume(network.macs <= MOST_MACS)
    try:
        return Processor(network, array)
    except ValueError as error:
        assume(" bits " not in str(error))
        raise


@st.composite
def stacks(draw: st.DrawFn) -> tuple[Network, Array]:
    """Two convolutions of few bits, one upon codes of the other, and an image with zeros."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    bits, input_bits = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    channels, groups = draw(st.integers(1, 9)), draw(st.sampled_from([1, 1, 1, 2]))
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)), channels)
    between = groups * draw(st.sampled_from([1, 3, 4, 5, 8, 8]))
    odd_codes, odd_weights = draw(st.booleans()), draw(st.booleans())
    low = 0 if odd_codes or draw(st.booleans()) else -(1 << (bits - 1))
    high = low + (1 << bits) - 1
    requant = scaled("codes", "first", between, bits=bits, odd=odd_codes, low=low, high=high)
    requant = replace(requant, bias=rng.integers(-(1 << 12), 1 << 12, between))
    second = codes(rng, bits, odd_weights, (2 * groups, 2, 2, between // groups))
    first = codes(rng, draw(st.integers(1, 8)), False, (between, 1, 1, channels))
    network = Network(
        input_shape=shape,
        input_bits=input_bits,
        layers=(
            Conv("first", ("input",), first, 8, padding=(0, 0)),
            requant,
            Conv("second", ("codes",), second, bits, odd_weights, padding=(1, 1), groups=groups),
            SumPool("sums", ("second",)),
            Scores("scores", ("sums",), np.ones(2 * groups, int), np.zeros(2 * groups, int)),
        ),
    )
    return network, rng.integers(0, 1 << input_bits, shape) * (rng.random(shape) < 0.7)


def scaled(name: str, source: str, channels: int, **more: Any) -> Requant:
    """Codes of sums: divided by 2^8."""
    given = {"bits": 8, "low": 0, "high": 255, "shift": 8, **more}
    ones, zeros = np.ones(channels, int), np.zeros(channels, int)
    return Requant(name, (source,), ones, zeros, **given)


@walks
@given(stacks(), ARRAYS)
def test_convolutions_of_few_bits_run_as_they_are_walked(case: Any, array: MacArray) -> None:
    network, image = case
    assert_as_walked(make(network, array), image)


@pytest.mark.parametrize("word_bits", [8, 16])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_groups_whose_channels_begin_within_a_word_run_as_they_are_walked(
    bits: int, word_bits: int
) -> None:
    rng = np.random.default_rng(bits)
    weights = codes(rng, bits, True, (9, 2, 1, 3))
    network = Network(
        input_shape=(3, 2, 9),
        input_bits=bits,
        layers=(
            Conv("conv", ("input",), weights, bits, True, groups=3),
            SumPool("sums", ("conv",)),
            Scores("scores", ("sums",), np.ones(9, int), np.zeros(9, int)),
        ),
    )
    array = MacArray(rows=2, columns=2, activation_word_bits=word_bits)
    image = rng.integers(0, 1 << bits, network.input_shape)
    for schedule in SCHEDULES:
        assert_as_walked(Processor(network, replace(array, schedule=schedule)), image)


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_full_lanes_are_still_as_long_as_all_their_inputs_are_0(bits: int) -> None:
    """Of four pixels one has no input, and the others one each, at another place of their lanes."""
    rng = np.random.default_rng(bits)
    weights = codes(rng, bits, True, (3, 2, 1, 8))
    layers = Conv("conv", ("input",), weights, bits, True), scaled("codes", "conv", 3)
    more = SumPool("sums", ("codes",)), scores("sums", 3)
    network = Network(input_shape=(2, 2, 8), input_bits=bits, layers=(*layers, *more))
    for first in range(8):
        image = np.zeros((2, 2, 8), int)
        image[0, 0, first] = image[1, 0, 7 - first] = image[0, 1, first // 2] = 1
        assert_as_walked(Processor(network, MacArray(columns=2)), image)


def test_what_copies_integers_of_a_mid_rise_grid_hands_them_on_as_such() -> None:
    rng = np.random.default_rng(3)
    network = chain(
        Conv("first", ("input",), codes(rng, 2, False, (3, 1, 1, 2)), 2),
        scaled("odd", "first", 3, bits=2, high=3, odd=True, shift=7),
        scaled("even", "first", 3, bits=3, low=-4, high=3, shift=7),
        MaxPool("pool", ("odd",), (2, 1), (1, 1), (1, 0)),
        conv("on pooled", "pool", (2, 2, 2, 3), bits=2, padding=(1, 1)),
        Channels("mixed", ("even", "odd"), [5, 0, 1, 4]),
        conv("on mixed", "mixed", (2, 2, 2, 4), bits=3, odd=True, weight=5),
        SumPool("one", ("on pooled",)),
        SumPool("other", ("on mixed",)),
        Channels("both", ("one", "other"), [0, 1, 2, 3]),
        scores("both", 4),
    )
    image = rng.integers(0, 256, (4, 4, 2))
    for schedule in SCHEDULES:
        processor = Processor(network, MacArray(schedule=schedule, rows=3, columns=2))
        assert_as_walked(processor, image)
        offsets = {row.name: row.events.offset_additions for row in processor.layers}
        assert offsets["first"] == 0
        assert offsets["on pooled"] > 0 < offsets["on mixed"]


@walks
@given(networks(), ARRAYS)
def test_any_network_of_integers_runs_as_it_is_walked(case: Any, array: MacArray) -> None:
    network, image = case
    assert_as_walked(make(network, array), image)


@walks
@given(networks(real=True), ARRAYS)
def test_any_network_of_float32_runs_as_it_is_walked(case: Any, array: MacArray) -> None:
    network, image = case
    assert_as_walked(make(network, array), image)


# By hand: 20 inputs of 4 bits, 10 sums: 10 steps of two, tiles of 8 and of 2 columns.
DENSE = Network(
    input_shape=(1, 1, 20),
    input_bits=4,
    layers=(
        Conv("dense", ("input",), np.ones((10, 1, 1, 20), int), 4),
        Scores("scores", ("dense",), np.ones(10, int), np.zeros(10, int)),
    ),
)
IMAGE = np.array([1, 2, 0, 0, 5] * 4).reshape(1, 1, 20)  # 8 zeros; lanes 12 00 51 20 05, twice
BY_HAND = {
    "output-stationary": {
        # 4 + 10, and again as 8 values leave meanwhile, and for the last 2 to leave
        "cycles": 14 + 14 + 1,
        "macs_4b": 120,
        "gated_macs": 80,
        "accumulations": 80,  # two of ten lanes are still
        "weight_reads": 20 + 16 + 4,  # words of 8 lanes; 16 bytes of scales for each sum
        "activation_reads": 4,  # 10 lanes, twice
        "activation_writes": 2 + 2 + 1,  # 10 lanes; scores of 9 bits: 16 lanes, 4 lanes
        "requantizations": 10,
        "banks": 2,
    },
    "weight-stationary": {
        # Tiles of 8 steps: to load, to fill, to stream; the last of the first 8 sums: 2 to leave.
        "cycles": (8 + 4 + 1) + (2 + 4 + 2) + (8 + 4 + 1) + (2 + 4 + 1),
        "macs_4b": 120,
        "gated_macs": 80,
        "accumulations": 100,
        "weight_reads": 20 + 16 + 4,
        "weight_loads": 100,
        "activation_reads": 4,  # of each tile 8 or 2 lanes
        "activation_writes": 2 + 2 + 1,
        "partial_reads": 10,
        "partial_writes": 10,
        "requantizations": 10,
        "banks": 3,
    },
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_small_layer_takes_what_is_counted_by_hand(schedule: str) -> None:
    processor = Processor(DENSE, MacArray(schedule=schedule))
    assert processor.run(IMAGE).tolist() == [32] * 10
    events = {name: count for name, count in asdict(processor.events).items() if count}
    assert processor.network.signals["scores"].bits == 9  # 20 x 15 at most
    assert events == BY_HAND[schedule]
    image, dense = processor.layers
    assert (image.name, image.events.activation_writes, image.utilization) == ("input", 2, None)
    assert (dense.name, dense.kind, dense.mode) == ("dense", "Conv", "4b")
    assert dense.utilization == pytest.approx(200 / (events["cycles"] * 64 * 2))
    assert_as_walked(processor, IMAGE)


def test_the_first_layer_of_a_camera_net_takes_what_is_counted_by_hand() -> None:
    """Of 423 windows 52 tiles are full, one has 7 rows; 16 cycles each, and 14 to leave."""
    network = Network(
        input_shape=(36, 96, 1),
        layers=(
            Conv("conv", ("input",), np.ones((8, 4, 3, 1), int), 8, stride=(4, 2)),
            scaled("codes", "conv", 8, bits=4, high=15),
            SumPool("sums", ("codes",)),
            Scores("scores", ("sums",), np.ones(8, int), np.zeros(8, int)),
        ),
    )
    row = Processor(network).layers[1]
    assert row.events.cycles == 53 * (12 + 4) + 14
    assert row.events.weight_reads == 53 * 12 + 16
    assert row.events.activation_writes == -(-423 * 4 // 8)
    assert row.utilization == pytest.approx(423 * 12 * 8 / (862 * 64))


def test_zeros_switch_nothing_unless_they_are_not_looked_at() -> None:
    black = np.zeros((1, 1, 20), int)
    for schedule in SCHEDULES:
        processor = Processor(DENSE, MacArray(schedule=schedule))
        processor.run(black)
        assert (processor.events.macs_4b, processor.events.gated_macs) == (0, 200)
        assert processor.events.accumulations == (0 if schedule == SCHEDULES[0] else 100)
        blind = Processor(DENSE, MacArray(schedule=schedule, gates_zeros=False))
        blind.run(black)
        assert (blind.events.macs_4b, blind.events.gated_macs) == (200, 0)
        assert blind.events.accumulations == 100
        assert blind.events.cycles == processor.events.cycles


def test_events_are_those_of_the_last_run() -> None:
    processor = Processor(DENSE)
    assert processor.events.gated_macs == 200  # nothing ran
    processor.run(IMAGE)
    first = processor.events
    assert processor.events is first
    processor.run(np.ones((1, 1, 20), int))
    assert (first.gated_macs, processor.events.gated_macs) == (80, 0)


def test_layers_add_up_to_the_events_and_a_sheet_is_plain() -> None:
    processor = Processor(DENSE)
    processor.run(IMAGE)
    total = sum((row.events for row in processor.layers), MacEvents())
    assert total == processor.events
    lines = json.loads(json.dumps(sheet(processor)))
    assert [line["name"] for line in lines] == ["input", "dense"]
    assert sum(line["macs"] for line in lines) == processor.events.macs == 200


def test_what_runs_is_shared_with_nobody() -> None:
    one, other = Processor(DENSE), Processor(DENSE)
    one.run(IMAGE)
    assert other.maps["input"].sum() == 0
    assert one.maps["input"].tolist() == IMAGE.tolist()


def test_lanes_hold_as_many_values_as_fit() -> None:
    assert [packing(bits) for bits in range(1, 9)] == [8, 4, 2, 2, 1, 1, 1, 1]
    assert packing(32) == 1
    assert tiles(20, 8) == [(8, 2), (4, 1)]
    assert tiles(8, 8) == [(8, 1)]
    assert tiles(3, 8) == [(3, 1)]


def conv(name: str, source: str, shape: tuple[int, ...], **more: Any) -> Conv:
    return Conv(name, (source,), np.full(shape, more.pop("weight", 1)), more.pop("bits", 8), **more)


def scores(source: str, channels: int) -> Scores:
    return Scores("scores", (source,), np.ones(channels, int), np.zeros(channels, int))


def chain(*layers: Layer, shape: tuple[int, int, int] = (4, 4, 2)) -> Network:
    return Network(input_shape=shape, layers=layers)


WIDE = chain(
    Add("twice", ("input", "input")), conv("sums", "twice", (1, 4, 4, 2)), scores("sums", 1)
)
DEEP = chain(
    conv("first", "input", (3, 1, 1, 2)),
    scaled("codes", "first", 3),
    conv("second", "codes", (3, 4, 4, 3), weight=100),
    scores("second", 3),
)
REFUSED: dict[str, tuple[Network, dict[str, Any], str]] = {
    "inputs": (WIDE, {}, "sums: inputs of 9 bits found; the processor takes 1..8"),
    "sums": (
        DEEP,
        {"accumulator_bits": 20},
        "second: sums of 0..1224000 found; accumulators of 20 bits hold -524288..524287",
    ),
    # first: 2 words of weights, 6 of scales; second: 48, 6
    "weights": (
        DEEP,
        {"weight_bytes": 495},
        "second: 496 bytes of weights so far needed; the processor holds 495",
    ),
    # 32 bytes of image and 48 of codes
    "maps": (
        DEEP,
        {"activation_bytes": 79},
        "first: 80 bytes of maps at a time needed; the processor holds 79",
    ),
    # three sums of one place, in 4 bytes each
    "sums aside": (
        DEEP,
        {"schedule": "weight-stationary", "partial_bytes": 11},
        "second: 12 bytes of sums set aside needed; the processor holds 11",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_naming_the_layer(name: str) -> None:
    network, sizes, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Processor(network, MacArray(**sizes))


def test_what_just_fits_is_not_refused() -> None:
    tight = MacArray(accumulator_bits=22, weight_bytes=496, activation_bytes=80, partial_bytes=12)
    for schedule in SCHEDULES:
        Processor(DEEP, replace(tight, schedule=schedule))


def test_sums_of_codes_need_wider_registers_than_sums_of_their_integers() -> None:
    """127 times 2 x 64 - 127 = 1 is small; 64 in its place is not."""
    network = chain(
        conv("sums", "input", (1, 4, 4, 2), weight=64, bits=7, odd=True), scores("sums", 1)
    )
    assert network.signals["sums"].bits == 13  # 32 x 255
    Processor(network, MacArray(accumulator_bits=21))
    with pytest.raises(
        ValueError, match=r"^sums: sums of 0\.\.522240 found; accumulators of 19 bits"
    ):
        Processor(network, MacArray(accumulator_bits=19))


def test_sums_on_their_way_need_registers_too() -> None:
    """100 x 100 - 100 x 100 is 0 in the end."""
    weights = np.array([100, -100]).reshape(1, 1, 1, 2)
    network = chain(
        scaled("codes", "input", 2, low=100, high=100),
        Conv("sums", ("codes",), weights, 8),
        SumPool("all", ("sums",)),
        scores("all", 1),
    )
    Processor(network, MacArray(accumulator_bits=15))
    with pytest.raises(ValueError, match=r"^sums: sums of -10000\.\.10000 found"):
        Processor(network, MacArray(accumulator_bits=14))


def test_sums_that_are_scaled_twice_leave_twice() -> None:
    network = chain(
        SumPool("all", ("input",)),
        scaled("codes", "all", 2),
        scaled("others", "all", 2, shift=9),
        Add("both", ("codes", "others")),
        scores("both", 2),
    )
    processor = Processor(network, MacArray(requant_lanes=1))
    assert_as_walked(processor, np.full((4, 4, 2), 99))
    assert processor.layers[1].events.cycles == 4 + 32 + 2 * 2


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"rows": 0}, "mac array: rows=0 is out of range: 1..256"),
        ({"columns": 2.0}, "mac array: columns=2.0 found, a whole number needed"),
        ({"gates_zeros": 1}, "mac array: gates_zeros=1 found, true or false needed"),
        ({"clock_hz": 0.0}, "mac array: clock_hz=0.0 is out of range: 0.001..1000000000000.0"),
        (
            {"schedule": "row-stationary"},
            "mac array: unknown schedule 'row-stationary'; known: output-stationary, "
            "weight-stationary",
        ),
        (
            {"weight_word_bits": 12},
            "mac array: weight_word_bits=12 is out of range: 8..1024, in steps of 8",
        ),
        (
            {"activation_word_bits": 2048},
            "mac array: activation_word_bits=2048 is out of range: 8..1024, in steps of 8",
        ),
    ],
)
def test_an_array_that_cannot_be_is_refused(option: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        MacArray(**option)


def test_banks_are_on_as_far_as_they_are_needed() -> None:
    banks = [Processor(DEEP, MacArray(bank_bytes=size)).events.banks for size in (64, 100, 1000)]
    assert banks == [8 + 2, 5 + 1, 1 + 1]  # 496 and 80 bytes


def test_a_residual_net_holds_three_maps() -> None:
    network = chain(
        conv("a", "input", (2, 1, 1, 2)),
        scaled("codes", "a", 2),
        conv("b", "codes", (2, 3, 3, 2), padding=(1, 1)),
        scaled("more", "b", 2),
        Add("add", ("codes", "more")),
        scaled("sums", "add", 2),
        MaxPool("pool", ("sums",)),
        Channels("swap", ("pool", "pool"), [3, 0]),
        SumPool("all", ("swap",)),
        scores("all", 2),
    )
    processor = Processor(network, MacArray(bank_bytes=64, activation_bytes=96))
    assert [row.name for row in processor.layers] == [
        "input",
        "a",
        "b",
        "add",
        "pool",
        "swap",
        "all",
    ]
    with pytest.raises(ValueError, match=r"^add: 96 bytes of maps at a time needed"):
        Processor(network, MacArray(activation_bytes=95))
    assert_as_walked(processor, np.arange(32).reshape(4, 4, 2))


def test_a_float32_net_is_a_mode_of_its_own() -> None:
    network = chain(
        Conv("conv", ("input",), np.full((3, 4, 4, 2), 0.5, np.float32)),
        Affine("scores", ("conv",), np.ones(3, np.float32), np.zeros(3, np.float32)),
    )
    processor = Processor(network)
    image = np.arange(32).reshape(4, 4, 2)
    assert processor.run(image).tolist() == [248.0] * 3
    assert processor.layers[1].mode == "fp32"
    assert processor.events.macs_fp32 == 31 * 3
    assert processor.events.weight_reads == 32 * 2 + 3  # 12 bytes a step; 8 bytes of scales each
    assert processor.events.affines_fp32 == 3
    assert_as_walked(processor, image)


# The command line.


def test_the_sheet_of_a_file_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    save(DEEP, tmp_path / "deep.npz")
    assert main(["chip", "mac", str(tmp_path / "deep.npz")]) == 0
    told = capsys.readouterr().out
    words = ("first", "second", "together", "8b", "output-stationary", "cells180", "scaled28")
    for word in (*words, "modelled", "assumed", "noise"):
        assert word in told, word
    assert "paper" not in told
    assert max(len(line) for line in told.splitlines()) <= 100


def test_the_sheet_as_json_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(DEEP, tmp_path / "deep.npz")
    more = ("--schedule", "weight-stationary", "--rows", "2", "--columns", "3", "--json")
    assert main(["chip", "mac", str(tmp_path / "deep.npz"), *more, "--seed", "4"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["command"], answer["seed"]) == ("chip mac", 4)
    assert (answer["array"]["rows"], answer["array"]["columns"]) == (2, 3)
    total = answer["total"]
    for key in ("macs", "cycles", "dynamic_j, cells180", "dynamic_j, scaled28"):
        assert sum(row[key] for row in answer["rows"]) == pytest.approx(total[key], rel=1e-12), key
    assert answer["latency_s"] == total["cycles"] / 1e7
    assert total["idle_w, cells180"] == pytest.approx(4e-6 + 67e-6 * total["banks"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["camera"], "controller 'camera': no digital processor in it; needed: one of cnn-*"),
        (["nowhere.npz"], "nowhere.npz: "),
        (["nobody"], "controller: unknown 'nobody'; known: "),
        (["deep.npz", "--rows", "0"], "mac array: rows=0 is out of range: 1..256"),
    ],
)
def test_a_wrong_request_gets_one_sentence(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(DEEP, tmp_path / "deep.npz")
    assert main(["chip", "mac", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"neurobot chip: {sentence}")
    assert len(told.strip().splitlines()) == 1

"""The machine of SRAM macros: what it computes from packed tiles is what the network does."""

import json
from dataclasses import asdict
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_qnet import extent, naive_run
from numpy.typing import NDArray
from qnets import codes, networks

from neurobot.cli import main
from neurobot.controllers import WEIGHTS
from neurobot.cost import COST_TABLES
from neurobot.events import MarsEvents
from neurobot.mars import Machine, Silicon, decode, sheet
from neurobot.mars.kernels import make_entries
from neurobot.qnet import (
    Add,
    Affine,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Scores,
    SumPool,
    forward,
    load,
    save,
)
from neurobot.qnet.signals import width

Array = NDArray[Any]
Case = tuple[Network, Silicon, Array]
SILICON = st.builds(
    Silicon,
    cores=st.sampled_from([1, 3, 4]),
    macros=st.sampled_from([2, 4]),
    partitions=st.sampled_from([1, 2, 8]),
    rows=st.sampled_from([1, 3, 4, 16, 32]),
    refill=st.sampled_from(["serial", "overlapped", "paired"]),
)
draws = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.filter_too_much],
)


def thinned(weights: Array, size: tuple[int, int], groups: int, zero: float, rng: Any) -> Array:
    """Return weights of which a share of all tiles, of a size, is 0; odd ones are left alone."""
    out, high, wide, part = weights.shape
    made = out // groups
    for first in (g * made + o for g in range(groups) for o in range(0, made, size[1])):
        last = min(first + size[1], first // made * made + made)
        for place in np.ndindex(high, wide, -(-part // size[0])):
            if rng.random() < zero:
                r, s, i = place
                weights[first:last, r, s, i * size[0] : (i + 1) * size[0]] = 0
    return weights


@st.composite
def thin_networks(draw: st.DrawFn) -> Case:
    """A convolution of any form on an image, and a dense layer on its codes; tiles are missing."""
    rng, silicon = np.random.default_rng(draw(st.integers(0, 1 << 30))), draw(SILICON)
    groups = draw(st.sampled_from([1, 1, 2, 3, 5]))
    part, made = draw(st.sampled_from([20, 7, 4, 1])), draw(st.sampled_from([24, 17, 9, 3, 1]))
    shape = (*draw(st.tuples(st.integers(3, 7), st.integers(3, 9))), groups * part)
    kernel, stride = (draw(st.tuples(st.integers(1, top), st.integers(1, top))) for top in (3, 3))
    padding = draw(st.tuples(*(st.integers(0, length - 1) for length in kernel)))
    signed, odd = draw(st.booleans()), draw(st.sampled_from([False, False, True]))
    bits = draw(st.sampled_from([7, 3, 4] if odd else [8, 5, 4, 1]))
    zero = draw(st.sampled_from([0.5, 0.9, 0.0, 1.0]))

    def weights(count: int, size: Any, groups: int, given: int) -> Array:
        made = codes(rng, bits, odd, (count, *size, given))
        tile = silicon.rows, silicon.columns(silicon.slot(bits + odd))
        return made if odd else thinned(made, tile, groups, zero, rng)

    low, high = (-128, 127) if signed else (0, 255)
    first = Conv(
        "conv",
        ("input",),
        weights(groups * made, kernel, groups, part),
        bits,
        odd,
        stride,
        padding,
        groups,
    )
    network_input: Any = {"input_shape": shape, "input_signed": signed}
    out = groups * made
    sums = SumPool("sums", ("conv",)), Scores("scores", ("sums",), [1] * out, [0] * out)
    size = Network(layers=(first, *sums), **network_input).signals["conv"].shape
    scaled = Requant("codes", ("conv",), [1 << 18] * out, [0] * out, 28, -128, 127, 8)
    dense = Conv("dense", ("codes",), weights(9, size[:2], 1, out), bits, odd)
    last = Scores("scores", ("dense",), [3] * 9, [-1] * 9)
    network = Network(layers=(first, scaled, dense, last), **network_input)
    return network, silicon, rng.integers(low, high + 1, shape)


def dense_sums(conv: Conv, given: Array) -> Array:
    """Sum all products of all windows, zeros included: a dense convolution of plain integers."""
    (top, left), (down, right) = conv.padding, conv.stride
    padded = np.pad(given.astype(np.int64), ((top, top), (left, left), (0, 0)))
    weights = conv.weights.astype(np.int64)
    if conv.odd:
        weights = 2 * weights - 2**conv.weight_bits + 1
    out, high, wide, part = weights.shape
    rows = range(0, padded.shape[0] - high + 1, down)
    columns = range(0, padded.shape[1] - wide + 1, right)
    made = np.zeros((len(rows), len(columns), out), np.int64)
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            for o in range(out):
                first = o // (out // conv.groups) * part
                window = padded[row : row + high, column : column + wide, first : first + part]
                made[y, x, o] = (window * weights[o]).sum()
    return made


@draws
@given(thin_networks())
def test_sums_of_packed_tiles_are_those_of_a_dense_convolution(case: Case) -> None:
    network, silicon, image = case
    machine = Machine(network, silicon)
    machine.run(np.full_like(image, network.signals["input"].highest))
    scores = machine.run(image)
    for conv in network.convs:
        wanted = dense_sums(conv, machine.maps[conv.inputs[0]])
        np.testing.assert_array_equal(machine.maps[conv.name], wanted, err_msg=conv.name)
    np.testing.assert_array_equal(scores, forward(network, image[None])[0])


def holdable(network: Network) -> bool:
    """Whether macros can hold its weights, and take its inputs."""
    given = [network.signals[conv.inputs[0]] for conv in network.convs]
    return all(width(signal.lowest, signal.highest) <= 8 for signal in given) and all(
        conv.weight_bits + conv.odd <= 8 for conv in network.convs
    )


@draws
@given(networks(), SILICON)
def test_every_map_of_any_network_is_the_oracles(case: Any, silicon: Silicon) -> None:
    network, image = case
    assume(holdable(network))
    machine, record = Machine(network, silicon), naive_run(network, image.tolist())
    machine.run(np.full_like(image, network.signals["input"].highest))
    machine.run(image)
    assert list(machine.maps) == list(record.maps)
    for name, values in record.maps.items():
        found = machine.maps[name]
        assert found.shape == extent(values), name
        assert {place: found[place] for place in values} == values, name


SHAPES = {
    # rows, columns, channels; output channels, window, stride, padding, groups
    "a full part and a bit": ((4, 9, 5), (21, (3, 3), (1, 1), (1, 1), 1)),
    "one half of a part": ((4, 9, 5), (8, (3, 3), (1, 1), (1, 1), 1)),
    "full parts of full tiles": ((5, 5, 32), (32, (3, 3), (1, 1), (1, 1), 1)),
    "odd strides and padding": ((7, 8, 2), (3, (5, 4), (3, 2), (4, 1), 1)),
    "a stride that leaves gaps": ((7, 9, 1), (2, (1, 2), (4, 3), (0, 1), 1)),
    "groups": ((4, 7, 6), (9, (3, 2), (1, 1), (1, 0), 3)),
    "groups of many channels": ((1, 5, 42), (40, (1, 2), (1, 1), (0, 0), 2)),
    "by channel": ((5, 6, 19), (19, (3, 3), (2, 1), (1, 1), 19)),
    "the whole map": ((3, 4, 5), (18, (3, 4), (1, 1), (0, 0), 1)),
}


def one_conv(shape: Any, weights: Array, bits: int = 8, **windows: Any) -> Network:
    """Sum whatever a convolution makes."""
    out = len(weights)
    layers = (
        Conv("conv", ("input",), weights, bits, **windows),
        SumPool("sums", ("conv",)),
        Scores("scores", ("sums",), [1] * out, [0] * out),
    )
    return Network(input_shape=shape, layers=layers)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("name", SHAPES)
def test_every_form_of_a_convolution_is_dense_whatever_is_missing(name: str, bits: int) -> None:
    shape, (out, window, stride, padding, groups) = SHAPES[name]
    rng = np.random.default_rng(0)
    tile = 16, Silicon().columns(bits)
    for zero in (0.0, 0.5, 1.0):
        full = codes(rng, bits, False, (out, *window, shape[2] // groups))
        full[full == 0] = 1
        weights = thinned(full, tile, groups, zero, rng)
        network = one_conv(shape, weights, bits, stride=stride, padding=padding, groups=groups)
        image = rng.integers(0, 256, shape)
        machine = Machine(network)
        machine.run(image)
        wanted = dense_sums(network.convs[0], image)
        np.testing.assert_array_equal(machine.maps["conv"], wanted)
        assert bool(machine.events.skipped_macs) == (zero > 0)


def test_sums_reach_the_ends_of_int32() -> None:
    most = 65793  # of products 255 x -128 that int32 holds
    for weight in (-128, 127):
        last = Scores("scores", ("conv",), [1, 1], [0, 0])
        conv = Conv("conv", ("input",), np.full((2, 1, 1, most), weight), 8)
        network = Network(input_shape=(1, 1, most), layers=(conv, last))
        silicon = Silicon(weight_bytes=1 << 24, feature_bytes=1 << 20)
        scores = Machine(network, silicon).run(np.full((1, 1, most), 255, np.uint8))
        assert scores.tolist() == [weight * 255 * most] * 2


def test_sums_on_their_way_may_be_as_large() -> None:
    half = 65793 // 2 * 2
    weights = np.repeat([-128, 127], half).reshape(1, 1, 1, 2 * half)
    image = np.full((1, 1, 2 * half), 255, np.uint8)
    image[..., half:] = 254
    conv, last = Conv("conv", ("input",), weights, 8), Scores("scores", ("conv",), [1], [0])
    network = Network(input_shape=image.shape, layers=(conv, last))
    silicon = Silicon(weight_bytes=1 << 24, feature_bytes=1 << 20)
    assert Machine(network, silicon).run(image).tolist() == [half * (254 * 127 - 255 * 128)]


# From the packed tiles alone


def test_what_is_not_stored_is_not_gone_through() -> None:
    weights = np.zeros((32, 3, 3, 16), np.int32)
    assert len(make_entries(weights, 1, (5, 5, 16)).offsets) == 0
    weights[20, 1, 2, 5] = 3  # in the second half of the first part, the second four of inputs
    entries = make_entries(weights, 1, (5, 7, 16))
    assert entries.offsets.tolist() == [(1 * 7 + 2) * 16 + 4]
    assert entries.weights.tolist() == [3 if k == (20 - 16) * 4 + 1 else 0 for k in range(32)]
    assert entries.begins.tolist() == [[0, 0, 0, 0], [0, 0, 1, 1]]
    weights[31, 1, 2, 4], weights[31, 0, 0, 0] = 1, 1
    entries = make_entries(weights, 1, (5, 7, 16))
    assert entries.begins.tolist() == [[0, 0, 0, 0], [0, 1, 1, 2]]
    assert entries.offsets.tolist() == [(1 * 7 + 2) * 16 + 4, 0]
    assert entries.registers.tolist() == [0, 0]
    assert len(entries.weights) == 3 * 32
    full = make_entries(np.ones((32, 3, 3, 16), np.int32), 1, (5, 5, 16))
    assert len(full.offsets) == 2 * 9 * 4
    assert full.begins.tolist() == [[0, 36, 36, 36], [36, 72, 72, 72]]


def small(zero: float = 0.5, bits: int = 4) -> Network:
    """A network with most kinds of layers, some of whose tiles are missing."""
    rng = np.random.default_rng(1)

    def weights(*shape: int) -> Array:
        tile = 16, Silicon().columns(Silicon().slot(bits))
        return thinned(codes(rng, bits, False, shape), tile, 1, zero, rng)

    layers: tuple[Layer, ...] = (
        Conv("first", ("input",), weights(20, 3, 3, 3), bits, padding=(1, 1)),
        Requant("codes", ("first",), [1 << 10] * 20, [0] * 20, 18, 0, 15, 4),
        MaxPool("pool", ("codes",)),
        Conv("second", ("pool",), weights(20, 3, 3, 20), bits, padding=(1, 1)),
        Requant("more", ("second",), [1 << 12] * 20, [0] * 20, 18, 0, 15, 4),
        Add("add", ("pool", "more")),
        Conv("dense", ("add",), weights(5, 4, 5, 20), bits),
        Scores("scores", ("dense",), [3] * 5, [-1] * 5),
    )
    return Network(input_shape=(8, 10, 3), layers=layers)


def test_scores_are_made_of_the_packed_tiles_and_of_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = np.full((8, 10, 3), 99, np.uint8)
    wanted = Machine(small()).run(image)
    monkeypatch.setattr("neurobot.mars.machine.decode", lambda packed: 0 * decode(packed))
    found = Machine(small()).run(image)
    assert found.tolist() == [-1] * 5 != wanted.tolist()


def test_no_number_on_the_way_is_a_float() -> None:
    machine, image = Machine(small()), np.full((8, 10, 3), 99, np.uint8)
    machine.run(image)
    (runner,) = machine._runners
    given = [part for _, parts in runner._steps for part in parts]
    flat = [each for part in given for each in (part if isinstance(part, tuple) else (part,))]
    assert len(flat) > 30
    assert {np.asarray(each).dtype.kind for each in flat} == {"i"}
    assert {values.dtype.kind for values in machine.maps.values()} == {"i"}


# Images


def test_threads_share_images_and_change_nothing() -> None:
    network = small()
    machine, rng = Machine(network), np.random.default_rng(2)
    images = rng.integers(0, 256, (9, 8, 10, 3)).astype(np.uint8)
    wanted = forward(network, images)
    each = machine.events
    for threads in (None, 1, 2, 4, 50):
        np.testing.assert_array_equal(machine.run_all(images, threads), wanted)
        assert machine.events == reduce(add, [each] * 9)
    assert [machine.run(image).tolist() for image in images] == wanted.tolist()
    assert machine.events == each
    assert machine.run_all(images[:0]).shape == (0, 5)
    assert machine.events.operations == machine.events.cycles == 0
    assert machine.events.banks == each.banks > 0


def test_threads_have_maps_of_their_own() -> None:
    """Images that take long meet each other where threads share what they write."""
    rng = np.random.default_rng(4)
    network = one_conv((40, 40, 8), codes(rng, 4, False, (40, 3, 3, 8)), 4)
    images = rng.integers(0, 256, (40, 40, 40, 8)).astype(np.uint8)
    wanted, machine = forward(network, images), Machine(network, Silicon(feature_bytes=1 << 20))
    for _ in range(3):
        np.testing.assert_array_equal(machine.run_all(images, 4), wanted)


def test_what_an_image_takes_does_not_hang_on_it() -> None:
    machine = Machine(small())
    before = machine.events
    assert before.macs > 0
    for value in (0, 255):
        machine.run(np.full((8, 10, 3), value))
        assert machine.events == before
    assert sum((row.events for row in machine.layers), MarsEvents()) == before


GOOD = np.zeros((8, 10, 3), np.int64)
IMAGES: dict[str, tuple[Any, str]] = {
    "rows": (GOOD[:3], r"int64 of shape \(3, 10, 3\) found; allowed: integers of shape \(8"),
    "channels": (GOOD[:, :, :2], r"int64 of shape \(8, 10, 2\) found"),
    "axes": (GOOD[0], r"int64 of shape \(10, 3\) found"),
    "floats": (GOOD.astype(float), r"float64 of shape .* allowed: integers"),
    "truths": (GOOD == 1, r"bool of shape .* allowed: integers"),
    "negative": (GOOD - 1, r"pixels of -1..0 found; allowed: 0..255$|pixels of -1..-1 found"),
    "too bright": (GOOD + 256, r"pixels of (0|256)..256 found; allowed: 0..255$"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_what_is_no_image_is_refused(name: str) -> None:
    machine = Machine(small())
    image, sentence = IMAGES[name]
    events = machine.events
    for _ in range(2):
        with pytest.raises(ValueError, match=f"^image: {sentence}"):
            machine.run(image)
        with pytest.raises(ValueError, match=r"^image: "):
            machine.run_all(image[None])
        with pytest.raises(ValueError, match=r"^image: "):
            machine.run_all(image)
    assert machine.events is events
    good = np.full((8, 10, 3), 7, np.uint8)
    np.testing.assert_array_equal(machine.run(good), forward(small(), good[None])[0])


def test_a_network_that_it_cannot_hold_is_refused_by_the_layer() -> None:
    real = Affine("scores", ("sums",), np.ones(1, np.float32), np.zeros(1, np.float32))
    conv = Conv("conv", ("input",), np.ones((1, 1, 1, 3), np.float32))
    network = Network(input_shape=(1, 1, 3), layers=(conv, SumPool("sums", ("conv",)), real))
    with pytest.raises(ValueError, match=r"^conv: float32 weights found"):
        Machine(network)
    with pytest.raises(ValueError, match=r"^first: .* needed; the machine holds 100$"):
        Machine(small(), Silicon(weight_bytes=100))


# The sheet


def test_a_sheet_is_plain_and_adds_up() -> None:
    machine = Machine(small(bits=8), Silicon(cores=3))
    lines = json.loads(json.dumps(sheet(machine)))
    names = ["input", "first", "pool", "second", "add", "dense"]
    assert [line["name"] for line in lines] == names
    assert [line["kind"] for line in lines[:3]] == ["Image", "Conv", "MaxPool"]
    assert [line["mode"] for line in lines] == ["", "8w8a", "", "8w4a", "", "8w8a"]
    for name, total in asdict(machine.events).items():
        join = max if name in MarsEvents.held else sum
        assert join(line[name] for line in lines) == total, name
    for line in lines:
        packed = machine.packed.get(line["name"])
        assert line["kept"] == sum(line["core_tiles"]) == (packed.kept if packed else 0)
        assert line["code"] == (packed.code if packed else "")
        assert len(line["core_tiles"]) == len(line["core_busy"]) == 3
        assert 0 <= line["utilization"] <= 1
        assert line["kept"] <= line["tiles"]
    assert 0 < sum(line["kept"] for line in lines) < sum(line["tiles"] for line in lines)
    assert sum(line["dense_macs"] for line in lines) == machine.network.macs


@pytest.mark.parametrize("name", ["lsq-4b", "lglsq-8b", "mars"])
def test_a_trained_network_says_the_same_from_packed_tiles(name: str) -> None:
    network = load(WEIGHTS / f"{name}.npz")
    images = np.random.default_rng(3).integers(0, 256, (3, *network.input_shape), np.uint8)
    images[:, :, 40:60] = 0
    wanted = forward(network, images)
    np.testing.assert_array_equal(Machine(network).run_all(images), wanted)
    narrow = Silicon(rows=5, partitions=3, cores=2)
    np.testing.assert_array_equal(Machine(network, narrow).run_all(images), wanted)


# The command line


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["chip", "mars", *arguments]) == 0
    return capsys.readouterr().out


def test_the_sheet_of_a_file_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    path = str(tmp_path / "small.npz")
    save(small(), path)
    text = told(capsys, path)
    words = "first second dense together 4w8a 4w4a serial cells180 scaled28 modelled assumed kept"
    for word in (*words.split(), "dense-equivalent", "executed", "frames/s", "TOPS/W", "core"):
        assert word in text, word
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_sheet_as_json_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "small.npz")
    save(small(), path)
    sizes = ("--cores", "3", "--macros", "4", "--rows", "8", "--refill", "paired")
    answer = json.loads(told(capsys, path, *sizes, "--clock-hz", "2e6", "--json"))
    assert answer["command"] == "chip mars"
    silicon = Silicon(cores=3, macros=4, rows=8, refill="paired", clock_hz=2e6)
    assert answer["silicon"] == asdict(silicon)
    machine, total = Machine(small(), silicon), answer["total"]
    assert [row["name"] for row in answer["rows"]] == [line["name"] for line in sheet(machine)]
    for key in ("cycles", "dense_macs", "dynamic_j, cells180", "dynamic_j, scaled28"):
        assert sum(row[key] for row in answer["rows"]) == pytest.approx(total[key], rel=1e-12), key
    assert answer["latency_s"] == machine.events.cycles / 2e6 == 1 / answer["frames_per_s"]
    assert total["dense_macs"] == machine.network.macs
    kept = machine.network.macs - machine.events.skipped_macs
    assert total["executed_macs"] == kept
    for name in ("cells180", "scaled28"):
        table = COST_TABLES[name]
        idle_w, dynamic_j = table.idling_w(machine.events), table.dynamic_j(machine.events)
        assert dynamic_j is not None
        assert idle_w is not None
        image_j = dynamic_j + idle_w * answer["latency_s"]
        for key, macs in (("dense", machine.network.macs), ("executed", kept)):
            wanted = 2e-12 * macs / image_j
            assert total[f"{key}_tops_w, {name}"] == pytest.approx(wanted, rel=1e-12)


def test_a_controller_s_machine_is_shown_with_its_own_clock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = json.loads(told(capsys, "cnn-mars?cores=2", "--macros", "1", "--json"))
    silicon = answer["silicon"]
    assert (silicon["cores"], silicon["macros"], silicon["clock_hz"]) == (2, 1, 10e6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["camera"], "controller 'camera': no machine of SRAM macros in it; needed: cnn-mars"),
        (["nowhere.npz"], "nowhere.npz: "),
        (["nobody"], "controller: unknown 'nobody'; known: "),
        (["small.npz", "--cores", "0"], "silicon: cores=0 is out of range: 1..256"),
        (["small.npz", "--macros", "3", "--refill", "paired"], "silicon: macros=3 found with"),
        (["small.npz", "--weight-bytes", "100"], "first: "),
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
    save(small(), tmp_path / "small.npz")
    assert main(["chip", "mars", *arguments]) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"neurobot chip: {sentence}")
    assert len(text.strip().splitlines()) == 1

"""Networks of integers: every map, score and count is the oracle's; wrong networks are refused."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from naive_qnet import Map, extent, naive_run
from numpy.typing import NDArray
from qnets import networks

from neurobot.qnet import (
    Add,
    Affine,
    Channels,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Runner,
    Scores,
    Signal,
    SumPool,
    forward,
)

Array = NDArray[Any]
Case = tuple[Network, Array]
random_networks = settings(deadline=None, database=None, derandomize=True, max_examples=50)


def as_array(values: Map, kind: Any) -> Array:
    made = np.zeros(extent(values), kind)
    for place, value in values.items():
        made[place] = value
    return made


def assert_as_the_oracle(network: Network, image: Array) -> Runner:
    """Compare all maps bit by bit, after another image has left its traces."""
    runner, last = Runner(network), network.layers[-1].name
    runner(np.full_like(image, network.signals["input"].highest))
    scores, record = runner(image), naive_run(network, image.tolist())
    assert list(runner.maps) == list(record.maps)
    for name, values in record.maps.items():
        kind = np.float32 if network.real else np.int64 if name == last else np.int32
        wanted, found = as_array(values, kind), runner.maps[name]
        assert found.dtype == kind, name
        assert found.shape == network.signals[name].shape == wanted.shape, name
        assert found.tobytes() == wanted.tobytes(), name
    assert scores.tobytes() == runner.maps[last].tobytes()
    assert scores.shape == (network.output.shape[2],)
    assert runner.taps == record.taps
    assert {work.name: work.macs for work in network.workloads} == record.macs
    assert {work.name: work.inner_macs for work in network.workloads} == record.inner_macs
    assert network.macs == sum(record.macs.values())
    return runner


@random_networks
@given(networks())
def test_every_map_of_integers_is_the_oracles(case: Case) -> None:
    assert_as_the_oracle(*case)


@random_networks
@given(networks(real=True))
def test_every_map_of_float32_is_the_oracles_bit_by_bit(case: Case) -> None:
    assert_as_the_oracle(*case)


@random_networks
@given(networks())
def test_no_integer_leaves_the_range_of_its_signal(case: Case) -> None:
    network, image = case
    runner = Runner(network)
    runner(image)
    for name, signal in network.signals.items():
        assert signal.lowest <= runner.maps[name].min(), name
        assert signal.highest >= runner.maps[name].max(), name
    for layer in network.layers:
        if isinstance(layer, Requant):
            signal = network.signals[layer.name]
            assert len(range(signal.lowest, signal.highest + 1, 1 + layer.odd)) <= 2**layer.bits
            assert signal.bits == layer.bits


SHAPES = {
    # rows, columns, channels; output channels, window, stride, padding, groups
    "four at a time and three more": ((3, 9, 3), (5, (3, 3), (1, 1), (0, 0), 1)),
    "three, and none at a time": ((3, 3, 3), (5, (1, 1), (1, 1), (0, 0), 1)),
    "more channels than lanes": ((2, 5, 2), (33, (2, 2), (1, 1), (1, 1), 1)),
    "as many channels as lanes": ((2, 8, 2), (16, (2, 2), (1, 1), (0, 0), 1)),
    "odd strides and padding": ((7, 8, 2), (3, (5, 4), (3, 2), (4, 1), 1)),
    "a stride that leaves gaps": ((7, 9, 1), (2, (1, 2), (4, 3), (0, 1), 1)),
    "groups": ((4, 7, 6), (9, (3, 2), (1, 1), (1, 0), 3)),
    "groups of many channels": ((1, 5, 4), (40, (1, 2), (1, 1), (0, 0), 2)),
    "by channel": ((5, 6, 19), (19, (3, 3), (2, 1), (1, 1), 19)),
    "by channel, two of each": ((3, 6, 5), (10, (3, 3), (1, 1), (1, 1), 5)),
    "the whole map": ((3, 4, 5), (18, (3, 4), (1, 1), (0, 0), 1)),
}


@pytest.mark.parametrize("real", [False, True], ids=["integers", "float32"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_way_through_a_convolution_is_the_oracles(name: str, real: bool) -> None:
    shape, (out, window, stride, padding, groups) = SHAPES[name]
    rng = np.random.default_rng(0)
    weights: Any = rng.integers(-128, 128, (out, *window, shape[2] // groups))
    windows: Any = {"stride": stride, "padding": padding, "groups": groups}
    conv = Conv("conv", ("input",), weights, 8, **windows)
    pool, end = SumPool("sums", ("conv",)), Scores("end", ("sums",), [1] * out, [0] * out)
    layers: tuple[Layer, ...] = (conv, pool, end)
    if real:
        conv = Conv("conv", ("input",), (weights / 100).astype(np.float32), **windows)
        layers = (conv, pool, Affine("end", ("sums",), [0.1] * out, [0.3] * out))
    image = rng.integers(-128, 128, shape)
    assert_as_the_oracle(Network(input_shape=shape, layers=layers, input_signed=True), image)


def scored(*layers: Layer, shape: tuple[int, int, int] = (4, 5, 2), **settings: Any) -> Network:
    """Score whatever the last layer makes, without change."""
    last = layers[-1].name if layers else "input"
    rest = [SumPool("sums", (last,)), Scores("scores", ("sums",), [1], [0])]
    return Network(input_shape=shape, layers=(*layers, *rest), **settings)


def test_sums_reach_the_ends_of_their_register() -> None:
    most = 65793  # of products 255 x -128 that int32 holds
    for count, sign in ((most, 1), (most, -1)):
        weights = np.full((1, 1, 1, count), -128 if sign > 0 else 127)
        layers = (Conv("c", ("input",), weights, 8), Scores("s", ("c",), [sign], [0]))
        network = Network(input_shape=(1, 1, count), layers=layers)
        image = np.full((1, 1, count), 255, np.uint8)
        assert Runner(network)(image).tolist() == [sign * int(weights[0, 0, 0, 0]) * 255 * count]
    wide = np.full((1, 1, 1, most + 1), -128)
    with pytest.raises(ValueError, match=r"^c: sums .* are possible; allowed: .*2147483647"):
        Conv("c", ("input",), wide, 8).signal(Signal((1, 1, most + 1), 0, 255, 8))


def test_products_reach_the_ends_of_their_register() -> None:
    factor, limit = (1 << 31) - 1, (1 << 63) - 1
    bias = limit - 255 * factor
    image = np.full((1, 1, 1), 255, np.uint8)
    for sign in (1, -1):
        last = Scores("s", ("input",), [sign * factor], [sign * bias])
        network = Network(input_shape=(1, 1, 1), layers=(last,))
        assert Runner(network)(image).tolist() == [sign * limit]
        over = Scores("s", ("input",), [sign * factor], [sign * (bias + 1) - (sign < 0)])
        with pytest.raises(ValueError, match=r"^s: sums .* are possible; allowed: -9223372036854"):
            Network(input_shape=(1, 1, 1), layers=(over,))


@pytest.mark.parametrize("shift", [0, 1, 2, 5, 62])
def test_codes_round_down_at_every_remainder(shift: int) -> None:
    factors, biases = [1, -1, 3, -7], [0, 1 << shift >> 1, -5, 1 << 61]
    image = np.repeat(np.arange(-128, 128).reshape(16, 16, 1), 4, axis=2)
    codes = Requant("codes", ("input",), factors, biases, shift, -128, 127, 8)
    network = Network(
        input_shape=image.shape,
        input_signed=True,
        layers=(codes, SumPool("sums", ("codes",)), Scores("s", ("sums",), [1] * 4, [0] * 4)),
    )
    assert_as_the_oracle(network, image)


def test_a_network_tells_what_hardware_needs() -> None:
    signed = Conv("a", ("input",), np.full((6, 3, 3, 1), -2), 3, padding=(1, 1), groups=2)
    codes = Requant("b", ("a",), np.ones(6, int), np.zeros(6, int), 0, 0, 3, 2, odd=True)
    binary = Conv("c", ("b",), np.zeros((4, 1, 1, 6), int), 1, odd=True, stride=(2, 2))
    network = Network(
        input_shape=(4, 5, 2),
        layers=(signed, codes, binary, SumPool("d", ("c",)), Scores("e", ("d",), [1] * 4, [0] * 4)),
    )
    first, second = network.workloads
    assert (first.weight_bits, first.input_bits, first.output_shape) == (3, 8, (4, 5, 6))
    assert (second.weight_bits, second.input_bits, second.output_shape) == (1, 2, (2, 3, 4))
    assert (first.macs, first.inner_macs, first.fan_in) == (
        6 * 20 * 9,
        6 * (3 * 4 - 2) * (3 * 5 - 2),
        9,
    )
    assert (network.parameters, network.weight_bits_total) == (54 + 24, 3 * 54 + 24)
    ranges = {name: (signal.lowest, signal.highest) for name, signal in network.signals.items()}
    assert ranges["a"] == (-18 * 255, 0)
    assert ranges["b"] == (-3, 3)
    assert ranges["c"] == (-18, 18)
    assert ranges["d"] == (-108, 108)
    assert network.signals["d"].bits == 8


def test_many_images_score_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    conv = Conv("c", ("input",), rng.integers(-8, 8, (17, 2, 2, 2)), 4)
    layers = (conv, SumPool("p", ("c",)), Scores("s", ("p",), [3] * 17, [-1] * 17))
    network = Network(input_shape=(4, 5, 2), layers=layers)
    images = rng.integers(0, 256, (5, 4, 5, 2)).astype(np.uint8)
    runner = Runner(network)
    np.testing.assert_array_equal(forward(network, images), [runner(image) for image in images])
    assert forward(network, images[:0]).shape == (0, 17)


def test_maps_are_views_and_scores_are_not() -> None:
    runner = Runner(scored(Channels("m", ("input",), [1])))
    dark, bright = np.zeros((4, 5, 2), np.uint8), np.full((4, 5, 2), 9, np.uint8)
    view, scores = runner.maps["m"], runner(bright)
    runner(dark)
    assert view.max() == 0
    assert scores.tolist() == [180]


def image_cases() -> dict[str, tuple[Any, str]]:
    good = np.zeros((4, 5, 2), np.int64)
    return {
        "shape": (good[:3], r"int64 of shape \(3, 5, 2\) found; allowed: integers of shape \(4"),
        "floats": (good.astype(float), r"float64 of shape .* allowed: integers"),
        "truths": (good == 1, r"bool of shape .* allowed: integers"),
        "objects": (good.astype(object), r"object of shape .* allowed: integers"),
        "negative": (good - 1, r"pixels of -1..0 found; allowed: 0..15"),
        "too bright": (good + 16, r"pixels of 0..16 found; allowed: 0..15"),
    }


@pytest.mark.parametrize("name", image_cases())
def test_what_is_no_image_is_refused(name: str) -> None:
    pool = Channels("one", ("input",), [0])
    network = scored(pool, input_bits=4)
    image, sentence = image_cases()[name]
    with pytest.raises(ValueError, match=f"^image: {sentence}"):
        Runner(network)(image)
    with pytest.raises(ValueError, match=r"^image: "):
        forward(network, image[None])
    with pytest.raises(ValueError, match=r"^image: "):
        forward(network, image)


ONES, ZEROS = [1, 1], [0, 0]
WEIGHTS = np.ones((2, 3, 3, 2), int)


def conv(name: str = "c", source: str = "input", weights: Any = WEIGHTS, **more: Any) -> Conv:
    return Conv(name, (source,), weights, **{"weight_bits": 2, **more})


def requant(**changed: Any) -> Requant:
    given: dict[str, Any] = {
        "multiplier": ONES,
        "bias": ZEROS,
        "shift": 1,
        "low": 0,
        "high": 3,
        "bits": 2,
    }
    return Requant("r", ("input",), **(given | changed))


def affine(**changed: Any) -> Affine:
    return Affine("f", ("input",), **({"scale": ONES, "bias": ZEROS} | changed))


def real_conv(**more: Any) -> Conv:
    return Conv("c", ("input",), WEIGHTS.astype(np.float32), **more)


def spoilt(value: Any) -> Any:
    weights = WEIGHTS.astype(np.float32)
    weights[1, 2, 0, 1] = value
    return weights


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "weight too large": (
        lambda: conv(weights=2 * WEIGHTS),
        r"c: weights\[0, 0, 0, 0\] = 2 is out of range: -2..1",
    ),
    "odd code below 0": (lambda: conv(weights=-WEIGHTS, odd=True), r"c: weights.*-1.*0..3"),
    "weights of no numbers": (lambda: conv(weights=[["x"]]), "c: weights: .* found; allowed"),
    "ragged weights": (lambda: conv(weights=[[1], [1, 2]]), "c: weights: rows of unequal length"),
    "weights of 3 dimensions": (lambda: conv(weights=WEIGHTS[0]), r"c: weights: .*\(3, 3, 2\)"),
    "no weights": (lambda: conv(weights=WEIGHTS[:0]), "c: weights: 0 values found"),
    "0 bits": (lambda: conv(weight_bits=0), "c: weight_bits = 0 found; allowed: .* 1..8"),
    "9 bits": (lambda: conv(weight_bits=9), "c: weight_bits = 9 found; allowed: .* 1..8"),
    "bits of half": (lambda: conv(weight_bits=2.5), "c: weight_bits = 2.5 found"),
    "a truth as bits": (lambda: conv(weight_bits=True), "c: weight_bits = True found"),
    "odd of no truth": (lambda: conv(odd=1), "c: odd = 1 found; allowed: True or False"),
    "stride 0": (lambda: conv(stride=(0, 1)), r"c: stride = 0 found; allowed: .* 1\.\."),
    "one stride": (lambda: conv(stride=1), "c: stride = 1 found; allowed: 2 whole numbers"),
    "padding as wide as the window": (
        lambda: conv(padding=(0, 3)),
        r"c: padding = \(0, 3\) found; allowed: less than the window, \(3, 3\)",
    ),
    "groups 0": (lambda: conv(groups=0), "c: groups = 0 found; allowed: .* 1..2"),
    "groups that do not divide": (
        lambda: conv(weights=np.ones((3, 1, 1, 1), int), groups=2),
        "c: groups = 2 found; allowed: a divisor of 3",
    ),
    "float32 weights of 4 bits": (
        lambda: real_conv(weight_bits=4),
        "c: weight_bits = 4 found; allowed: .* 32..32",
    ),
    "odd float32 weights": (lambda: real_conv(odd=True), "c: odd found with float32 weights"),
    "NaN weight": (
        lambda: Conv("c", ("input",), spoilt(np.nan)),
        r"c: weights\[1, 2, 0, 1\] = nan",
    ),
    "infinite weight": (lambda: Conv("c", ("input",), spoilt(np.inf)), "c: weights.* = inf found"),
    "no name": (lambda: conv(name=""), "layer name '' found; allowed"),
    "a name of two lines": (lambda: conv(name="a\nb"), r"layer name 'a\\nb' found"),
    "a name that is long": (lambda: conv(name="a" * 101), "layer name .* at most 100"),
    "inputs as one text": (lambda: Add("a", "xy"), "a: inputs = 'xy' found; allowed: a tuple"),  # type: ignore[arg-type]
    "two inputs": (lambda: Conv("c", ("input", "x"), WEIGHTS, 2), "c: 2 inputs found; allowed: 1"),
    "one to add": (lambda: Add("a", ("input",)), "a: 1 inputs found; allowed: 2"),
    "no channels to take": (
        lambda: Channels("t", (), [0]),
        "t: 0 inputs found; allowed: 1 or more",
    ),
    "shift -1": (lambda: requant(shift=-1), "r: shift = -1 found; allowed: .* 0..62"),
    "shift 63": (lambda: requant(shift=63), "r: shift = 63 found; allowed: .* 0..62"),
    "low > high": (lambda: requant(low=2, high=1), "r: high = 1 found; allowed: .* 2..3"),
    "high out of the bits": (lambda: requant(high=4), "r: high = 4 found; allowed: .* 0..3"),
    "low out of the bits": (lambda: requant(low=-3), "r: low = -3 found; allowed: .* -2..3"),
    "unsigned high of signed": (
        lambda: requant(low=-1, high=2),
        "r: high = 2 found; allowed: .* -1..1",
    ),
    "negative odd code": (lambda: requant(low=-1, odd=True), "r: low = -1 found; allowed: .* 0..3"),
    "9-bit codes": (lambda: requant(bits=9), "r: bits = 9 found; allowed: .* 1..8"),
    "multiplier of 33 bits": (
        lambda: requant(multiplier=[1, 1 << 31]),
        r"r: multiplier\[1\] = 2147483648 is out of range",
    ),
    "bias of 65 bits": (
        lambda: requant(bias=np.array([0, 1 << 63], np.uint64)),
        r"r: bias\[1\] = 9223372036854775808 is out of range",
    ),
    "bias of floats": (lambda: requant(bias=[0.0, 1.0]), "r: bias: float64 .* whole numbers"),
    "scale of NaN": (lambda: affine(scale=[1.0, np.nan]), r"f: scale\[1\] = nan found"),
    "scale that float32 cannot hold": (lambda: affine(scale=[1e39, 1]), r"f: scale\[0\] = 1e\+39"),
    "NaN limit": (lambda: affine(low=np.nan), "f: low = nan found; allowed: a number"),
    "no limit": (lambda: affine(high=None), "f: high = None found; allowed: a number"),
    "limits the wrong way": (lambda: affine(low=1, high=0), "f: low = 1.0, high = 0.0 found"),
    "pool of 0 rows": (lambda: MaxPool("m", ("input",), (0, 1)), "m: size = 0 found"),
    "pool beside the map": (
        lambda: MaxPool("m", ("input",), (2, 2), padding=(2, 0)),
        r"m: padding = \(2, 0\) found; allowed: less than the window",
    ),
    "no index": (lambda: Channels("t", ("input",), []), "t: index: .* found; allowed"),
    "index -1": (lambda: Channels("t", ("input",), [-1]), r"t: index\[0\] = -1 is out of range"),
    "unknown input": (
        lambda: scored(conv(source="x")),
        "c: input 'x' found; allowed: an earlier layer or 'input'",
    ),
    "input of a later layer": (
        lambda: scored(Add("a", ("input", "c")), conv()),
        "a: input 'c' found; allowed: an earlier layer",
    ),
    "the same name twice": (lambda: scored(conv(), conv()), "c: a second layer of this name"),
    "a layer named input": (lambda: scored(conv("input")), "input: a second layer of this name"),
    "no layer": (lambda: Network(input_shape=(1, 1, 1), layers=()), "layers: nothing found at the"),
    "a layer of another kind": (
        lambda: Network(input_shape=(1, 1, 1), layers=(1,)),  # type: ignore[arg-type]
        "layers: 1 found; allowed: layers",
    ),
    "window larger than the map": (
        lambda: scored(conv(weights=np.ones((2, 3, 6, 2), int))),
        r"c: a window of 3 x 6 found on a map of 4 x 5 with padding \(0, 0\); allowed",
    ),
    "pool larger than the map": (
        lambda: scored(MaxPool("m", ("input",), (5, 1))),
        "m: a window of",
    ),
    "weights for other channels": (
        lambda: scored(conv(weights=np.ones((2, 1, 1, 3), int))),
        "c: weights for 3 channels found; allowed: 2",
    ),
    "multipliers for other channels": (
        lambda: scored(requant(multiplier=[1] * 3)),
        "r: multiplier for 3 channels found; allowed: 2",
    ),
    "biases for other channels": (
        lambda: scored(requant(bias=[0])),
        "r: bias for 1 channels found",
    ),
    "unequal maps": (
        lambda: scored(conv(), Add("a", ("input", "c"))),
        r"a: maps of shape \(4, 5, 2\) and \(2, 3, 2\) found; allowed: equal shapes",
    ),
    "channels of unequal maps": (
        lambda: scored(conv(), Channels("t", ("input", "c"), [0])),
        "t: maps of shape .* found; allowed: equal rows and columns",
    ),
    "index too large": (
        lambda: scored(Channels("t", ("input", "input"), [0, 4])),
        "t: index 4 found; allowed: 0..3",
    ),
    "scores inside": (
        lambda: scored(Scores("s", ("input",), ONES, ZEROS)),
        "s: scores found inside; allowed: only as the last layer",
    ),
    "no scores": (
        lambda: Network(input_shape=(4, 5, 2), layers=(conv(),)),
        "c: a Conv found at the end; allowed: Scores",
    ),
    "no affine": (
        lambda: Network(input_shape=(4, 5, 2), layers=(real_conv(),)),
        "c: a Conv found at the end; allowed: Affine",
    ),
    "scores of many places": (
        lambda: Network(input_shape=(4, 5, 2), layers=(Scores("s", ("input",), ONES, ZEROS),)),
        r"s: scores of shape \(4, 5, 2\) found; allowed: \(1, 1, n\)",
    ),
    "integers beside float32": (
        lambda: scored(real_conv()),
        "scores: integers found beside float32",
    ),
    "integer weights beside float32": (
        lambda: Network(input_shape=(4, 5, 2), layers=(conv(), Affine("f", ("c",), ONES, ZEROS))),
        "c: integers found beside float32",
    ),
    "a sum of two maps that overflows": (
        lambda: scored(
            Conv("c", ("input",), np.full((1, 1, 1, 65793), 127), 8),
            Add("a", ("c", "c")),
            shape=(1, 1, 65793),
        ),
        r"a: sums of 0\.\.42\d+ are possible; allowed: -2147483648..2147483647",
    ),
    "a sum of a map that overflows": (
        lambda: scored(Channels("t", ("input",), [0]), shape=(3000, 3000, 1)),
        "sums: sums of 0..2295000000 are possible",
    ),
    "an image of too many pixels": (lambda: scored(shape=(1 << 26, 2, 1)), "input: a map of shape"),
    "an image of 2 dimensions": (
        lambda: scored(shape=(4, 5)),  # type: ignore[arg-type]
        r"input_shape = \(4, 5\) found; allowed: 3 whole numbers",
    ),
    "input of 0 bits": (lambda: scored(input_bits=0), "input_bits = 0 found; allowed: .* 1..8"),
    "a sign of no truth": (lambda: scored(input_signed=None), "input_signed = None found"),
    "notes of objects": (lambda: scored(conv(), notes={"a": [1]}), r"notes: 'a': \[1\] found"),
    "notes of NaN": (lambda: scored(conv(), notes={"a": np.nan}), "notes: 'a': nan found"),
    "notes without names": (lambda: scored(conv(), notes="made"), "notes: 'made' found"),
}
for scale in (np.nan, np.inf, 0.0, -1.0, "1", True):
    REFUSED[f"output scale of {scale}"] = (
        partial(scored, Channels("t", ("input",), [0]), output_scale=scale),
        f"output_scale = {scale!r} found; allowed",
    )


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused_in_one_sentence(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=r"^\S") as refused:
        make()
    found = str(refused.value)
    assert re.match(sentence, found), found
    assert "\n" not in found
    assert len(found) < 400

"""The compiler's form: read from trained networks, evaluated directly, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qnets import Builder

from neurobot import qnet
from neurobot.qnet import Add, Conv, MaxPool, Network, Requant, Scores
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Tree, direct, read_network
from neurobot.tdnn.timing import check_clocking, latency, timings

ONES = np.ones((1, 2, 2, 1))


class ChainBuilder(Builder):
    """Draws layers each of which reads the one before."""

    def any_map(self) -> str:
        name = self.layers[-1].name if self.layers else "input"
        signal = self.signals[name]
        large = max(-signal.lowest, signal.highest) >= 1 << 9
        return self.scale(name) if large or (self.real and self.draw(st.booleans())) else name


@st.composite
def chains(draw: st.DrawFn, real: bool) -> tuple[Network, Any]:
    builder = ChainBuilder(draw, real)
    if builder.signed:
        builder.signed = False
        top = (1 << builder.bits) - 1
        builder.signals["input"] = qnet.Signal(builder.shape, 0, top, builder.bits)
    kinds = [builder.conv, builder.conv, builder.pool, builder.sums]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        kind(builder.any_map())
    network = builder.finish()
    return network, np.stack([builder.image() for _ in range(3)])


@settings(max_examples=80, deadline=None)
@given(chains(real=False))
def test_integers_come_out_as_the_trained_network_computes_them(drawn: Any) -> None:
    network, images = drawn
    net = read_network(network)
    assert net.integer
    found = direct.evaluate(net, images)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, qnet.forward(network, images))


@settings(max_examples=30, deadline=None)
@given(chains(real=True))
def test_real_numbers_come_out_as_far_as_float32_knows_them(drawn: Any) -> None:
    network, images = drawn
    net = read_network(network)
    assert not net.integer
    wanted = qnet.forward(network, images)
    # Rounding of float32: 2^-24 of the largest partial sum, for at most some hundred terms.
    size = max(np.abs(maps).max() for maps in direct.all_maps(net, images))
    np.testing.assert_allclose(direct.evaluate(net, images), wanted, atol=2e-4 * size, rtol=2e-4)


def integers(**changed: Any) -> Neurons:
    given: dict[str, Any] = {
        "name": "fc",
        "weights": np.array([[[[1], [-2]], [[3], [0]]]], np.int32),
        "scale": [1],
        "bias": [0],
        "weight_bits": 3,
    }
    return Neurons(**(given | changed))


def test_leaves_shift_their_sums() -> None:
    leaf = np.array([[[[0], [0]], [[1], [-1]]]])
    layer = integers(tree=Tree(2, leaf, np.array([[1, 3]])))
    net = Net(input_shape=(2, 2, 1), stages=(layer,))
    image = np.array([[5, 7], [11, 13]]).reshape(1, 2, 2, 1)
    assert direct.evaluate(net, image).tolist() == [[2 * (5 - 14) + 8 * 33]]


def test_nothing_in_nothing_out() -> None:
    net = Net(input_shape=(2, 2, 1), stages=(integers(),))
    assert direct.evaluate(net, np.zeros((0, 2, 2, 1), np.int64)).shape == (0, 1)


CONV = Conv("conv", ("input",), np.ones((2, 1, 1, 1), np.int32), 2)
CODES = Requant("codes", ("conv",), [1, 1], [0, 0], 0, 0, 3, 2)
SIDE = Conv("side", ("codes",), np.ones((2, 1, 1, 2), np.int32), 2)
SUM = Add("sum", ("codes", "codes"))


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((CONV, CODES, SUM), "^sum: a Add of codes, codes found, a branch; allowed: a chain"),
        (
            (CONV, CODES, SIDE, Conv("late", ("codes",), np.ones((2, 1, 1, 2), np.int32), 2)),
            "^late: a Conv of codes found, a branch; .* the one before, here side",
        ),
        (
            (CONV, CODES, qnet.Channels("some", ("codes",), [1, 0])),
            "^some: a Channels of codes found, a branch",
        ),
    ],
)
def test_branches_are_refused_by_name(layers: Any, sentence: str) -> None:
    last = layers[-1].name
    network = Network(
        input_shape=(1, 1, 1), layers=(*layers, Scores("scores", (last,), [1, 1], [0, 0]))
    )
    with pytest.raises(ValueError, match=sentence):
        read_network(network)


def test_signed_images_are_refused() -> None:
    network = Network(
        input_shape=(1, 1, 1),
        layers=(CONV, Scores("scores", ("conv",), [1, 1], [0, 0])),
        input_signed=True,
    )
    with pytest.raises(ValueError, match=r"^input: signed images found; allowed: unsigned"):
        read_network(network)


def test_pools_and_sums_of_sums_are_stages_of_their_own() -> None:
    pool = MaxPool("pool", ("conv",), (2, 2), (2, 2))
    total = qnet.SumPool("total", ("pool",))
    network = Network(
        input_shape=(4, 4, 1),
        layers=(CONV, pool, total, Scores("scores", ("total",), [1, 2], [3, 4])),
    )
    net = read_network(network)
    assert [stage.name for stage in net.stages] == ["conv", "pool", "total"]
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 1))
    np.testing.assert_array_equal(direct.evaluate(net, images), qnet.forward(network, images))


BAD_NEURONS: dict[str, tuple[dict[str, Any], str]] = {
    "no weights": ({"weights": np.zeros((1, 0, 1, 1))}, "fc: weights: 0 values found"),
    "not finite": ({"weights": ONES * np.nan, "scale": [1.0]}, "fc: weights found .* not all fin"),
    "scales": ({"scale": [1, 1]}, r"fc: scale of shape \(2,\) found; allowed: \(1,\)"),
    "too wide": ({"weights": np.full((1, 1, 1, 1), 300)}, r"fc: weights\[0, 0, 0, 0\] = 300 is"),
    "stride": ({"stride": (0, 1)}, "fc: stride = 0 found; allowed: a whole number, 1"),
    "padding": ({"padding": (2, 0)}, r"fc: padding = \(2, 0\) found; allowed: less than"),
    "shift": ({"shift": 63}, "fc: shift = 63 found; allowed: a whole number, 0..62"),
    "name": ({"name": ""}, "layer name '' found"),
    "fan-in": (
        {"tree": Tree(1, np.zeros((1, 2, 2, 1)), np.zeros((1, 1)))},
        "fc: fan-in 1 found; allowed: 2 or more",
    ),
    "tree": (
        {"tree": Tree(4, np.zeros((1, 2, 2, 1)), np.zeros((1, 1)))},
        "fc: a tree found that does not hold exactly its connections",
    ),
    "no leaf": (
        {"tree": Tree(4, np.array([[[[0], [0]], [[0], [-1]]]]), np.zeros((1, 0)))},
        "fc: a tree found that does not hold exactly its connections",
    ),
    "full leaf": (
        {"tree": Tree(2, np.array([[[[0], [0]], [[0], [-1]]]]), np.zeros((1, 1)))},
        "fc: a leaf of 3 synapses found; fan-in is 2",
    ),
    "shifts": (
        {"tree": Tree(4, np.array([[[[0], [0]], [[0], [-1]]]]), np.full((1, 1), 25))},
        r"fc: shifts out of 0\.\.24 found in its tree",
    ),
}


@pytest.mark.parametrize(("changed", "sentence"), BAD_NEURONS.values(), ids=list(BAD_NEURONS))
def test_bad_layers_are_refused_by_name(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        integers(**changed)


def real(name: str, shape: tuple[int, ...], **more: Any) -> Neurons:
    rng = np.random.default_rng(0)
    out = shape[0]
    return Neurons(name, rng.normal(size=shape), np.ones(out), np.zeros(out), **more)


BAD_NETS: dict[str, tuple[dict[str, Any], str]] = {
    "empty": ({"stages": ()}, "stages: found at the end; allowed: a layer of neurons"),
    "pool last": ({"stages": (Maxima("pool"),)}, "pool: found at the end; allowed: a layer of"),
    "twice": ({"stages": (real("a", (1, 2, 2, 1)),) * 2}, "a: a second stage of this name found"),
    "mixed": (
        {"stages": (real("a", (1, 2, 2, 1)), integers(weights=np.ones((1, 1, 1, 1), np.int32)))},
        "a: integers and real numbers found in one network",
    ),
    "inner scores": (
        {"stages": (integers(), integers(name="b", weights=np.ones((1, 1, 1, 1), np.int32)))},
        "fc: scores found inside; allowed: only at the end",
    ),
    "a map": ({"stages": (real("a", (1, 1, 2, 1)),)}, r"a: scores of shape \(2, 1, 1\) found"),
    "channels": ({"stages": (real("a", (1, 2, 2, 3)),)}, "a: weights for 3 channels found"),
    "window": ({"stages": (real("a", (1, 3, 2, 1)),)}, "a: a window of 3 x 2 found on a map of"),
    "overflow": (
        {"stages": (integers(scale=[(1 << 31) - 1], bias=[(1 << 63) - 1]),)},
        "fc: sums of .* are possible",
    ),
    "scale": ({"output_scale": 0.0}, "output_scale = 0.0 found"),
}


@pytest.mark.parametrize(("changed", "sentence"), BAD_NETS.values(), ids=list(BAD_NETS))
def test_bad_networks_are_refused(changed: dict[str, Any], sentence: str) -> None:
    given: dict[str, Any] = {"input_shape": (2, 2, 1), "stages": (integers(),)}
    with pytest.raises(ValueError, match=sentence):
        Net(**(given | changed))


def padded(columns: int) -> Net:
    stages = (
        real("wide", (2, 3, 3, 1), padding=(1, 2)),
        Maxima("pool", (2, 3), (2, 3)),
        real("fc", (4, 2, (columns + 2) // 3, 2)),
    )
    return Net(input_shape=(4, columns, 1), stages=stages)


def test_taps_and_pitches_of_a_network_in_time() -> None:
    net = replace(padded(7), clocking=Clocking(line=10, lines=5))
    wide, pool, fc = timings(net)
    assert wide.delays.tolist() == [[22, 21, 20], [12, 11, 10], [2, 1, 0]]
    assert (wide.pitch, wide.pitch_out, wide.begins) == ((1, 1), (1, 1), 10)
    assert pool.delays.tolist() == [[12, 11, 10], [2, 1, 0]]
    assert (pool.pitch_out, pool.begins) == ((2, 3), 11 + 12)
    assert fc.delays.tolist() == [[26, 23, 20], [6, 3, 0]]
    assert fc.begins == 24 + 26
    assert latency(net) == 51 - (3 * 10 + 6)


def test_a_line_that_is_too_short_names_the_layer() -> None:
    with pytest.raises(ValueError, match=r"^wide: a map of 4 x 9 samples.*4 lines of 9 clocks"):
        check_clocking(padded(7), Clocking(line=7, lines=4))
    with pytest.raises(ValueError, match=r"^input: a map of 4 x 7 samples found"):
        check_clocking(padded(7), Clocking(line=9, lines=3))
    check_clocking(padded(7), Clocking(line=9, lines=4))


def test_a_network_in_space_has_no_timing() -> None:
    with pytest.raises(ValueError, match="network: it runs in space"):
        timings(padded(7))

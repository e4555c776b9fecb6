"""The passes without training: what each keeps, what each changes, and what none can do."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from chains import Array, differences, real_nets
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_compile import compressed_scores

from neurobot.compile.compress import compress
from neurobot.compile.delay import delay
from neurobot.compile.exponents import exponents_of
from neurobot.compile.fan_in import PARTITIONERS, fan_in, trimmed
from neurobot.compile.fold import fold
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Tree
from neurobot.tdnn.direct import evaluate
from neurobot.tdnn.form import leaf_counts

chance = settings(deadline=None, database=None, derandomize=True, max_examples=60)
HOWS = sorted(PARTITIONERS)


def dense(weights: Any, name: str = "scores", **more: Any) -> Neurons:
    """Neurons that read a whole line of samples, (out, samples)."""
    found = np.asarray(weights)
    out = len(found)
    settled = {"scale": np.ones(out, found.dtype), "bias": np.zeros(out, found.dtype), **more}
    return Neurons(name, found[:, None, :, None], **settled)


def single(layer: Neurons, **more: Any) -> Net:
    return Net(input_shape=(1, layer.weights.shape[2], 1), stages=(layer,), **more)


def line(*samples: int) -> Array:
    return np.array(samples)[None, None, :, None]


# --- fold ---


@chance
@given(real_nets())
def test_folding_leaves_scales_of_one_and_the_same_scores(case: tuple[Net, Array]) -> None:
    net, images = case
    folded = fold(net)
    assert all((layer.scale == 1).all() for layer in folded.layers)
    np.testing.assert_allclose(evaluate(folded, images), evaluate(net, images), 1e-9, 1e-9)
    assert not differences(fold(folded), folded)
    assert not differences(replace(folded, stages=net.stages), net)


def test_a_neuron_of_scale_0_has_no_connections_and_no_leaves() -> None:
    net = fan_in(single(dense(np.arange(1.0, 11).reshape(2, 5), scale=[0.0, 2.0])), 2)
    (layer,) = fold(net).layers
    assert layer.fan_ins.tolist() == [0, 5]
    assert layer.tree is not None
    assert leaf_counts(layer.tree).tolist() == [[0, 0, 0], [2, 2, 1]]


def test_integers_are_not_folded() -> None:
    net = single(dense(np.array([[1, 2]]), scale=[3], weight_bits=8))
    assert fold(net).stages == net.stages


# --- compress ---


@chance
@given(real_nets(), st.integers(2, 8), st.integers(2, 8))
def test_compression_is_what_its_rule_says(
    case: tuple[Net, Array], weight_bits: int, activation_bits: int
) -> None:
    net, images = case
    coded = compress(net, images, weight_bits, activation_bits)
    wanted, unit = compressed_scores(net, images[:2], images, (weight_bits, activation_bits))
    assert evaluate(coded, images[:2]).tolist() == wanted
    assert Fraction(coded.output_scale) == Fraction(net.output_scale) * unit
    assert coded.clocking == net.clocking
    for layer in coded.layers:
        assert layer.weight_bits == weight_bits
        assert np.abs(layer.weights).max() < 1 << (weight_bits - 1)
    for layer in coded.layers[:-1]:
        assert layer.bits == activation_bits


@pytest.mark.parametrize("how", [None, *HOWS])
def test_more_bits_come_closer_to_the_real_scores(how: str | None) -> None:
    rng = np.random.default_rng(3)
    conv = rng.normal(0, 1, (6, 3, 3, 1)), rng.uniform(0.5, 2, 6), rng.normal(0, 50, 6)
    last = rng.normal(0, 1, (4, 4, 4, 6)), rng.uniform(0.5, 2, 4), rng.normal(0, 50, 4)
    stages = Neurons("conv", *conv, low=0.0), Maxima("pool"), Neurons("scores", *last)
    net = Net(input_shape=(10, 10, 1), stages=stages, output_scale=0.25)
    net = net if how is None else fan_in(net, 8, how)
    images = rng.integers(0, 256, (40, 10, 10, 1))
    real, spread, missed = evaluate(net, images), float(evaluate(net, images).std()), []
    for bits in (3, 5, 8):
        coded = compress(net, images, bits, bits)
        found = evaluate(coded, images) * coded.output_scale / net.output_scale
        missed.append(float(np.sqrt(((found - real) ** 2).mean())) / spread)
    assert missed[0] < 0.25
    assert missed[1] < missed[0] / 2
    assert missed[2] < missed[1] / 5


def squared_error(net: Net) -> float:
    """Sum the squared errors of weights, coded with 4 bits, of a layer of neurons of scale 1."""
    (layer,), coded = net.layers, compress(net, np.ones((1, *net.input_shape), int), 4)
    units = coded.output_scale * coded.layers[0].scale[:, None, None, None]
    return float(((layer.weights - coded.layers[0].shifted * units) ** 2).sum())


def test_leaves_of_like_magnitudes_lose_less() -> None:
    rng = np.random.default_rng(4)
    net = single(dense(rng.normal(0, 1, (8, 400))))
    errors = [squared_error(fan_in(net, 16, how)) for how in ("order", "sorting", "packing")]
    whole, order, by_sorting, by_packing = squared_error(net), *errors
    assert order < 0.8 * whole
    assert by_sorting < 0.5 * order
    assert by_packing < by_sorting


def test_limits_inside_of_the_range_are_kept() -> None:
    first = dense([[1.0, 0.0], [-1.0, 1.0]], "first", low=0.0, high=6.0)
    signed = Neurons("signed", np.eye(2)[:, None, None], [1, 1], [0, 0], low=-3.0, high=3.0)
    last = Neurons("scores", np.ones((1, 1, 1, 2)), [1], [0])
    net = Net(input_shape=(1, 2, 1), stages=(first, signed, last))
    coded = compress(net, np.concatenate([line(9, 200), line(3, 0)]), activation_bits=7)
    assert [(layer.low, layer.high, layer.bits) for layer in coded.layers[:2]] == [
        (0, 96, 7),
        (-48, 48, 7),
    ]
    assert evaluate(coded, line(255, 255)) * coded.output_scale == 3.0


def test_a_last_layer_with_limits_gives_codes() -> None:
    net = single(dense([[1.0, -1.0]], low=0.0), output_scale=0.5)
    coded = compress(net, np.concatenate([line(200, 0), line(0, 200)]), activation_bits=4)
    assert (coded.layers[0].low, coded.layers[0].high, coded.layers[0].bits) == (0, 15, 4)
    assert coded.output_scale == 8.0
    assert evaluate(coded, line(160, 31)).tolist() == [[8]]
    assert evaluate(coded, line(0, 9)).tolist() == [[0]]


def test_bits_can_be_told_by_name() -> None:
    rng = np.random.default_rng(0)
    first = dense(rng.normal(0, 1, (3, 4)), "first", low=0.0)
    last = Neurons("scores", rng.normal(0, 1, (2, 1, 1, 3)), [1, 1], [0, 0])
    net = Net(input_shape=(1, 4, 1), stages=(first, last))
    coded = compress(net, line(1, 2, 3, 250), {"scores": 3}, {"first": 1})
    assert [layer.weight_bits for layer in coded.layers] == [8, 3]
    assert coded.layer("first").bits == coded.layer("first").high == 1


def test_integers_are_accepted_as_they_are() -> None:
    net = single(dense(np.array([[-255, 255, 0]]), scale=[12345], bias=[7], weight_bits=8))
    assert compress(net, line(1, 2, 3)) is net


# Registers: what a power of two of its own would need more bits for than there are.


def scores_of(net: Net, images: Array, **bits: Any) -> Array:
    coded = compress(net, images, **bits)
    return evaluate(coded, images) * coded.output_scale


def test_neurons_of_any_size_stand_side_by_side() -> None:
    sizes = 2.0 ** np.array([0, -20, -29, -45, -300])
    net = single(dense(sizes[:, None] * [[1.0, -0.5]], bias=[0, 0, 0, 0, 3.0]))
    found = scores_of(net, line(100, 20))[0]
    # The fourth is as coarse as 2^-30 of the first one's unit, the last nothing but its bias.
    np.testing.assert_array_equal(found[:3], 90 * sizes[:3])
    assert found[3] == 90 * sizes[3] or found[3] == 0
    assert abs(found[4] - 3) < 2.0**-30


def test_leaves_of_any_size_are_joined() -> None:
    """The larger a sum can be, the less far below the largest leaf the smallest can be."""
    for magnitude, exact in ((2.0**-9, True), (2.0**-20, True), (2.0**-30, False)):
        net = fan_in(single(dense([[1.0, 1.0, magnitude, magnitude]])), 2)
        coded = compress(net, line(1, 1, 1, 1))
        found = evaluate(coded, line(3, 2, 5, 6))[0, 0] * coded.output_scale
        assert (found == 5 + 11 * magnitude) == exact
        assert abs(found - 5 - 11 * magnitude) < 2.0**-20
        tree = coded.layers[0].tree
        assert tree is not None
        # The largest leaf holds two codes of 64: 2 * 64 * 255 << 16 is the last to fit int32.
        assert tree.shifts.max() == min(16, -np.log2(magnitude))


def test_no_leaf_is_shifted_by_more_than_there_are_wires() -> None:
    net = fan_in(single(dense([[1.0, 1.0, 3 * 2.0**-27, 0.0, 3 * 2.0**-27]]), input_bits=1), 2)
    (layer,) = compress(net, line(1, 1, 1, 1, 1), weight_bits=3).layers
    assert layer.tree is not None
    assert layer.tree.shifts.tolist() == [[24, 0]]


def test_exponents_fit_exactly() -> None:
    assert exponents_of(np.array([1.0, 1.001, 0.5, 0.501, 1024.0, 0.0])).tolist() == [
        0, 1, -1, 0, 10, 0,
    ]  # fmt: skip


def relu_of(samples: int) -> Net:
    """Return a network that passes samples on, and adds them up."""
    first = dense(np.eye(samples), "first", low=0.0)
    last = Neurons("scores", np.ones((1, 1, 1, samples)), [1], [0])
    return Net(input_shape=(1, samples, 1), stages=(first, last))


def test_rare_large_activations_are_clipped() -> None:
    images = np.full((1000, 1, 1, 1), 15)
    images[0] = 255
    assert scores_of(relu_of(1), images, activation_bits=1)[:3].tolist() == [[16], [16], [16]]


def test_all_images_count() -> None:
    images = np.random.default_rng(0).integers(0, 3, (600, 1, 2, 1))
    images[:200] = 255
    assert not differences(compress(relu_of(2), images), compress(relu_of(2), images[::-1]))


def test_units_of_any_size_follow_each_other() -> None:
    first = dense([[2.0**60, 0.0]], "first", low=0.0)
    last = Neurons("scores", np.full((1, 1, 1, 1), 2.0**-90), [1], [0])
    middle = Neurons("middle", np.full((1, 1, 1, 1), 2.0**-60), [1], [0], low=0.0)
    net = Net(input_shape=(1, 2, 1), stages=(first, middle, last))
    assert scores_of(net, line(200, 0))[0, 0] == 200 * 2.0**-90


def test_a_small_layer_ends_in_its_bias() -> None:
    first = dense([[1e-30, 2e-30]], "first", bias=[5.0], low=0.0)
    last = Neurons("scores", np.full((1, 1, 1, 1), 3.0), [1], [0])
    net = Net(input_shape=(1, 2, 1), stages=(first, last))
    assert abs(scores_of(net, line(255, 255))[0, 0] - 15) < 0.1


def test_a_bias_far_away_only_clips() -> None:
    weights = [[1.0, 1.0], [1.0, 1.0], [1e-4, 0], [-1.0, -1.0]]
    first = dense(weights, "first", bias=[-1e30, 1, 0, 1e30], low=0.0, high=240.0)
    last = Neurons("scores", np.ones((1, 1, 1, 4)), [1], [0])
    net = Net(input_shape=(1, 2, 1), stages=(first, last))
    assert abs(scores_of(net, line(200, 30))[0, 0] - 240 - 231) < 1


def test_layers_of_nothing_but_biases_are_compressed() -> None:
    first = dense(np.zeros((2, 3)), "first", bias=[-1.0, 0.0], low=0.0)
    last = Neurons("scores", np.zeros((1, 1, 1, 2)), [1], [4.0])
    net = fan_in(Net(input_shape=(1, 3, 1), stages=(first, last)), 2)
    assert scores_of(net, line(1, 2, 3)).tolist() == [[4.0]]


def test_what_no_register_holds_is_refused_by_name() -> None:
    wide = single(dense(np.full((1, 70_000), 127.0)))
    with pytest.raises(ValueError, match=r"scores: sums of .* are possible; allowed: -2147483648"):
        compress(wide, np.ones((1, *wide.input_shape), int))
    first = dense(np.full((1, 2), 1e20), "first", low=0.0)
    dead = Net(input_shape=(1, 2, 1), stages=(first, replace(dense([[1.0]]), low=None)))
    with pytest.raises(ValueError, match=r"first: sums in units of 2\^\d+ steps .*; allowed: at"):
        compress(dead, line(0, 0))


def test_wrong_settings_of_compression_are_refused() -> None:
    first = dense([[1.0, 2.0]], "linear")
    net = Net(input_shape=(1, 2, 1), stages=(first, dense([[1.0]])))
    image = line(1, 2)
    for bits in (1, 9, 2.5):
        with pytest.raises(ValueError, match=r"linear: weight_bits = .* found; .* 2\.\.8"):
            compress(net, image, weight_bits=bits)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"linear: activation_bits = 0 found; .* 1\.\.8"):
        compress(net, image, activation_bits=0)
    with pytest.raises(ValueError, match="linear: signed activations of 1 bit found; allowed: 2 o"):
        compress(net, image, activation_bits={"linear": 1})
    with pytest.raises(ValueError, match="layer 'no' is not known; known: linear, scores"):
        compress(net, image, weight_bits={"no": 4})
    for images in (image[0], image[:0], line(1, 2, 3)):
        with pytest.raises(ValueError, match=r"input: images of shape .* allowed: one or more of"):
            compress(net, images)


# --- fan-in ---


@chance
@given(real_nets(trees=False), st.integers(2, 7), st.sampled_from(HOWS))
def test_every_connection_is_in_one_leaf_of_at_most_so_many(
    case: tuple[Net, Array], most: int, how: str
) -> None:
    net, images = case
    planted = fan_in(net, most, how)
    for before, layer in zip(net.layers, planted.layers, strict=True):
        assert layer.tree is not None
        assert layer.tree.fan_in == most
        for weights, leaf in zip(before.weights, layer.tree.leaf, strict=True):
            there = [
                int(n) for w, n in zip(weights.ravel(), leaf.ravel(), strict=True) if w or n >= 0
            ]
            assert min(there, default=0) >= 0
            counts = Counter(there)
            assert sum(counts.values()) == np.count_nonzero(weights)
            assert sorted(counts) == list(range(len(counts)))
            assert max(counts.values(), default=0) <= most
            if len(there) <= most or how != "packing":
                assert len(counts) == -(-len(there) // most)
    assert not differences(replace(planted, stages=net.stages), net)
    assert (evaluate(planted, images) == evaluate(net, images)).all()


def leaves(weights: list[float], most: int, how: str) -> list[list[float]]:
    """Return the weights of each leaf of one neuron, in their order."""
    (layer,) = fan_in(single(dense([weights])), most, how).layers
    assert layer.tree is not None
    numbers = layer.tree.leaf.ravel().tolist()
    return [
        [w for w, n in zip(weights, numbers, strict=True) if n == leaf]
        for leaf in range(max(numbers) + 1)
    ]


def test_the_three_partitioners_by_hand() -> None:
    weights = [0.1, -8.0, 0.0, 0.1, 7.9, -0.2, 2.1, 2.0, -0.3, 4.5, 0.1]
    assert leaves(weights, 3, "order") == [
        [0.1, -8.0, 0.1], [7.9, -0.2, 2.1], [2.0, -0.3, 4.5], [0.1],
    ]  # fmt: skip
    assert leaves(weights, 3, "sorting") == [
        [-8.0, 7.9, 4.5], [2.1, 2.0, -0.3], [0.1, 0.1, -0.2], [0.1],
    ]  # fmt: skip
    # Classes of 127 times a power of two: -8 | 7.9 4.5 | 2.1 2.0 | -0.3 | -0.2 | 0.1 0.1 0.1.
    assert leaves(weights, 3, "packing") == [
        [-8.0, 7.9, 4.5], [2.1, 2.0], [-0.2, -0.3], [0.1, 0.1, 0.1],
    ]  # fmt: skip
    for how in HOWS:
        assert [len(leaf) for leaf in leaves([1.0] * 7, 3, how)] == [3, 3, 1]


@chance
@given(st.lists(st.floats(0.001, 1000), min_size=8, max_size=90), st.integers(2, 7))
def test_sorting_and_packing_keep_magnitudes_together(weights: list[float], most: int) -> None:
    groups = leaves(weights, most, "sorting")
    assert [w for leaf in groups for w in sorted(leaf, reverse=True)] == sorted(weights)[::-1]
    needed = {w: next(e for e in range(-30, 30) if w <= 127 * 2.0**e) for w in weights}
    packed = leaves(weights, most, "packing")
    assert len(packed) <= len(groups) + len(set(needed.values()))
    if len(weights) > most:
        classes = sorted(set(needed.values()))
        for leaf in packed:
            mixed = {needed[w] for w in leaf}
            assert max(mixed) - min(mixed) <= 1, (leaf, classes)


@chance
@given(real_nets(trees=False), st.integers(2, 7), st.sampled_from(HOWS), st.sampled_from(HOWS))
def test_a_tree_of_integers_changes_no_score(
    case: tuple[Net, Array], most: int, how: str, other: str
) -> None:
    net, images = case
    coded = compress(net, images)
    planted = fan_in(coded, most, how)
    assert all(layer.tree is not None for layer in planted.layers)
    assert (evaluate(planted, images) == evaluate(coded, images)).all()
    assert not differences(fan_in(planted, 3, other), fan_in(coded, 3, other))


def test_codes_of_0_leave_the_tree() -> None:
    weights = [[100.0, 100.0, 90.0, 1e-9, 1e-9, 80.0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]]
    (layer,) = compress(fan_in(single(dense(weights)), 2, "order"), line(*range(6))).layers
    assert layer.tree is not None
    assert layer.fan_ins.tolist() == [4, 6]
    assert layer.tree.leaf[0].ravel().tolist() == [0, 0, 1, -1, -1, 2]
    weights = [[100.0, 100.0, 1e-9, 1e-9, 90.0, 80.0], [0.0] * 6]
    (layer,) = compress(fan_in(single(dense(weights)), 2, "order"), line(*range(6))).layers
    assert layer.tree is not None
    assert layer.tree.leaf[0].ravel().tolist() == [0, 0, -1, -1, 1, 1]
    assert layer.tree.shifts.shape == (2, 2)


def test_a_trimmed_tree_keeps_shifts_with_their_leaves() -> None:
    leaf = np.array([[0, 1, 2, 3], [1, 0, 1, 2]])[:, None, :, None]
    tree = Tree(2, leaf, np.array([[4, 5, 6, 7], [1, 2, 3, 0]]))
    weights = np.array([[1, 0, 1, 1], [0, 0, 0, 5]])[:, None, :, None]
    found = trimmed(tree, weights)
    assert found is not None
    assert found.leaf[:, 0, :, 0].tolist() == [[0, -1, 1, 2], [-1, -1, -1, 0]]
    assert found.shifts.tolist() == [[4, 6, 7], [3, 0, 0]]
    assert trimmed(None, weights) is None


def test_wrong_fan_ins_are_refused_by_name() -> None:
    net = single(dense([[1.0, 2.0, 300.0]]))
    for most in (1, 0, -3, 2.0):
        with pytest.raises(ValueError, match=r"scores: fan-in = .* found; allowed: .* 2\.\."):
            fan_in(net, most)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="how = 'no' is not known; known: order, sorting, packing"):
        fan_in(net, 2, "no")
    coded = compress(fan_in(net, 2), line(1, 2, 3))
    with pytest.raises(ValueError, match="scores: integers with an exponent for each leaf found"):
        fan_in(coded, 2)


# --- delay, and all of them in any order ---


@chance
@given(real_nets())
def test_delay_sets_the_clocking_and_nothing_else(case: tuple[Net, Array]) -> None:
    net, images = case
    rows, columns, _ = net.input_shape
    timed = delay(net, line=columns + 60, lines=rows + 50)
    assert timed.clocking == Clocking(columns + 60, rows + 50)
    assert timed.stages == net.stages
    assert not differences(delay(timed), timed)
    assert not differences(replace(timed, clocking=net.clocking), net)
    assert (evaluate(timed, images) == evaluate(net, images)).all()


def test_delay_by_default_is_as_fast_as_the_image_is_large() -> None:
    net = Net(input_shape=(3, 5, 1), stages=(Neurons("all", np.ones((1, 3, 5, 1)), [1], [0]),))
    assert delay(net).clocking == Clocking(line=5, lines=3)
    assert delay(delay(net, lines=7), line=6).clocking == Clocking(line=6, lines=7)


def test_maps_wider_than_the_line_are_refused_by_name() -> None:
    wide = Neurons("wide", np.ones((1, 2, 2, 1)), [1], [0], padding=(1, 1))
    last = Neurons("scores", np.ones((1, 4, 6, 1)), [1], [0])
    net = Net(input_shape=(3, 5, 1), stages=(wide, last))
    with pytest.raises(ValueError, match=r"wide: a map of 4 x 6 samples.* needs 4 lines of 6 "):
        delay(net)
    assert delay(net, line=6, lines=4).clocking == Clocking(6, 4)
    with pytest.raises(ValueError, match="input: a map of 3 x 5 samples found; it needs 3 lines o"):
        delay(net, line=4)
    with pytest.raises(ValueError, match="line = 0 found; allowed: a whole number"):
        delay(net, line=0)


@chance
@given(real_nets(trees=False), st.integers(2, 7), st.sampled_from(HOWS))
def test_passes_can_be_ordered_freely(case: tuple[Net, Array], most: int, how: str) -> None:
    net, images = case

    def in_time(given: Net) -> Net:
        return delay(given, 21, 22)

    def as_trees(given: Net) -> Net:
        return fan_in(given, most, how)

    def coded(given: Net) -> Net:
        return compress(given, images, 5, 6)

    assert not differences(in_time(as_trees(net)), as_trees(in_time(net)))
    assert not differences(in_time(coded(net)), coded(in_time(net)))
    assert not differences(in_time(as_trees(coded(net))), as_trees(coded(in_time(net))))
    assert not differences(in_time(coded(as_trees(net))), coded(in_time(as_trees(net))))
    assert not differences(coded(fold(net)), coded(net))
    assert not differences(fold(in_time(net)), in_time(fold(net)))
    assert not differences(coded(coded(net)), coded(net))

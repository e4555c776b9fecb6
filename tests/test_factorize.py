"""Layers as products of smaller and sparser ones, and layers that lose their smallest weights."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from chains import Array, differences, real_nets
from hypothesis import given, settings
from hypothesis import strategies as st

from neurobot.compile import factors
from neurobot.compile.compress import compress
from neurobot.compile.delay import delay
from neurobot.compile.factorize import (
    MOST_WINDOWS,
    low_rank,
    profitable,
    ranks,
    separable,
    sparse_factors,
    windows_in,
)
from neurobot.compile.fan_in import fan_in
from neurobot.compile.prune import prune
from neurobot.tdnn import Clocking, Maxima, Net, Neurons
from neurobot.tdnn.direct import all_maps, evaluate

chance = settings(deadline=None, database=None, derandomize=True, max_examples=40)
CLOCKING = Clocking(20, 20)
REAL: Any = 2.0
TEXT: Any = "all"


def matrix_of(layer: Neurons) -> Array:
    return np.asarray(layer.weights.reshape(len(layer.weights), -1))


def product_of(net: Net, *names: str) -> Array:
    found = matrix_of(net.layer(names[0]))
    for name in names[1:]:
        found = matrix_of(net.layer(name)) @ found
    return found


def small_net(seed: int = 0) -> Net:
    """A convolution with padding and stride, maxima, and a dense layer of low and high limits."""
    rng = np.random.default_rng(seed)
    first = Neurons(
        "conv", rng.normal(size=(6, 3, 2, 2)), rng.uniform(0.5, 2, 6), rng.normal(size=6),
        stride=(1, 2), padding=(1, 1), low=0.0, high=np.inf,
    )  # fmt: skip
    last = Neurons("dense", rng.normal(size=(5, 4, 2, 6)), np.ones(5), rng.normal(size=5))
    pool = Maxima("pool", (2, 2), (2, 2))
    return Net(input_shape=(8, 7, 2), stages=(first, pool, last), clocking=CLOCKING, notes={"a": 1})


def correlated_images(count: int = 40, seed: int = 1) -> Array:
    """Images of which each is a mixture of three patterns, and noise of one grey value."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 60, (3, 8, 7, 2))
    mixed = np.tensordot(rng.uniform(0, 1, (count, 3)), patterns, 1)
    return np.asarray((mixed + rng.integers(0, 2, mixed.shape)).astype(np.uint8))


def naive_windows(net: Net, name: str, images: Array) -> Array:
    """Return every window that a layer sees, one by one, zeros around the map."""
    place = [stage.name for stage in net.stages].index(name)
    layer, found = net.layer(name), []
    maps = list(all_maps(net, images))[place]
    (rows, columns), (down, right), (top, left) = layer.kernel, layer.stride, layer.padding
    high, wide, _ = net.signals[place + 1].shape
    for each in maps:
        for r in range(high):
            for c in range(wide):
                window = np.zeros(layer.weights.shape[1:])
                for i in range(rows):
                    for j in range(columns):
                        row, column = r * down + i - top, c * right + j - left
                        if 0 <= row < len(each) and 0 <= column < each.shape[1]:
                            window[i, j] = each[row, column]
                found.append(window.ravel())
    return np.array(found)


# --- low rank ---


@chance
@given(real_nets(), st.booleans(), st.data())
def test_full_rank_changes_no_score(case: tuple[Net, Array], aware: bool, data: Any) -> None:
    net, images = case
    layer = data.draw(st.sampled_from(net.layers))
    rank = min(matrix_of(layer).shape)
    made = low_rank(net, layer.name, rank, images if aware else None)
    assert len(made.stages) == len(net.stages) + 1
    np.testing.assert_allclose(evaluate(made, images), evaluate(net, images), 1e-6, 1e-6)
    assert set(differences(replace(made, stages=net.stages), net)) == set()


@pytest.mark.parametrize("name", ["conv", "dense"])
def test_the_error_on_images_is_the_least_that_any_matrix_of_that_rank_can_have(name: str) -> None:
    net, images = small_net(), correlated_images()
    layer = net.layer(name)
    whole = matrix_of(layer) * layer.scale[:, None]
    seen = naive_windows(net, name, images)
    values = np.linalg.svd(whole @ seen.T / np.sqrt(len(seen)), compute_uv=False)
    for rank in range(1, len(whole)):
        aware, plain = (
            whole - product_of(low_rank(net, name, rank, given), f"{name}.a", f"{name}.b")
            for given in (images, None)
        )
        least = float((values[rank:] ** 2).sum())
        missed, missed_plainly = (((m @ seen.T) ** 2).sum() / len(seen) for m in (aware, plain))
        assert missed == pytest.approx(least, rel=1e-6, abs=1e-9 * values[0] ** 2)
        assert missed_plainly > 1.01 * missed


def test_without_images_the_error_of_the_weights_is_the_least() -> None:
    net = small_net()
    whole = matrix_of(net.layer("dense"))
    values = np.linalg.svd(whole, compute_uv=False)
    known = ranks(net, "dense")
    for rank in (1, 3):
        missed = whole - product_of(known.at(rank), "dense.a", "dense.b")
        assert (missed**2).sum() == pytest.approx((values[rank:] ** 2).sum())


def test_both_factors_carry_the_same_share_of_what_passes() -> None:
    net, images = small_net(), correlated_images()
    seen = naive_windows(net, "conv", images)
    made = low_rank(net, "conv", 3, images)
    passed = ((seen @ matrix_of(made.layer("conv.a")).T) ** 2).mean(0)
    np.testing.assert_allclose(passed, (matrix_of(made.layer("conv.b")) ** 2).sum(0), rtol=1e-6)
    for layer, unit in (("conv", 255), ("dense", 1)):  # plainly: inputs of one size, all alike
        made = low_rank(net, layer, 3)
        passed = unit**2 * (matrix_of(made.layer(f"{layer}.a")) ** 2).sum(1)
        np.testing.assert_allclose(passed, (matrix_of(made.layer(f"{layer}.b")) ** 2).sum(0))


def test_what_a_layer_was_is_shared_out_among_its_two_parts() -> None:
    net = fan_in(small_net(), 4)
    made = low_rank(net, "conv", 2)
    assert [stage.name for stage in made.stages] == ["conv.a", "conv.b", "pool", "dense"]
    first, second, _, dense = made.stages
    old = net.layer("conv")
    assert isinstance(first, Neurons)
    assert isinstance(second, Neurons)
    assert first.weights.shape == (2, 3, 2, 2)
    assert (first.stride, first.padding, first.low, first.high) == ((1, 2), (1, 1), None, None)
    assert (first.scale == 1).all()
    assert (first.bias == 0).all()
    assert second.weights.shape == (6, 1, 1, 2)
    assert (second.stride, second.padding) == ((1, 1), (0, 0))
    assert (second.low, second.high) == (old.low, old.high)
    assert (second.scale == 1).all()
    np.testing.assert_array_equal(second.bias, old.bias)
    assert first.tree is None
    assert second.tree is None
    assert dense.tree is not None  # type: ignore[union-attr]
    assert made.clocking == CLOCKING


def test_inputs_that_never_occur_have_no_connection() -> None:
    net, images = small_net(), correlated_images()
    images[..., 1] = 0
    made = low_rank(net, "conv", 2, images)
    weights = made.layer("conv.a").weights
    assert (weights[..., 1] == 0).all()
    assert (weights[..., 0] != 0).all()


@chance
@given(real_nets(), st.data())
def test_windows_are_those_that_the_layer_sees(case: tuple[Net, Array], data: Any) -> None:
    net, images = case
    name = data.draw(st.sampled_from(net.layers)).name
    np.testing.assert_array_equal(windows_in(net, name, images), naive_windows(net, name, images))


def test_of_very_many_windows_some_are_drawn_from_all_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, images = small_net(), correlated_images(300)
    every = naive_windows(net, "conv", images)
    assert len(every) > MOST_WINDOWS
    drawn = windows_in(net, "conv", images)
    assert drawn.shape == (MOST_WINDOWS, 12)
    known = {window.tobytes() for window in every}
    assert all(window.tobytes() in known for window in drawn)
    monkeypatch.setattr("neurobot.compile.factorize.MOST_WINDOWS", len(every) - 1)
    most = windows_in(net, "conv", images)
    assert (most == every[:-1]).all(1).sum() + (most == every[1:]).all(1).sum() >= len(most)


def test_profitable_is_what_saves_weights() -> None:
    for m, n in ((3, 5), (6, 6), (300, 784)):
        for rank in range(1, min(m, n) + 1):
            assert profitable(rank, m, n) == (rank * n + m * rank < m * n)


def test_the_least_rank_that_loses_at_most_a_share() -> None:
    net, images = small_net(), correlated_images()
    seen = naive_windows(net, "conv", images)
    passed = matrix_of(net.layer("conv")) * net.layer("conv").scale[:, None] @ seen.T
    known = ranks(net, "conv", images)
    lost = []
    for rank in range(1, 7):
        product = product_of(known.at(rank), "conv.a", "conv.b")
        lost.append(((passed - product @ seen.T) ** 2).sum() / (passed**2).sum())
    for share in (0.5, 0.05, 0.01, 1e-3):
        assert known.losing(share) == 1 + sum(each > share for each in lost)
    assert known.losing(0.0) == 6
    assert known.losing(1.0) == 1


# --- separable ---


@chance
@given(real_nets(), st.data())
def test_separable_at_full_rank_changes_no_score(case: tuple[Net, Array], data: Any) -> None:
    net, images = case
    layer = data.draw(st.sampled_from(net.layers))
    out, rows, columns, channels = layer.weights.shape
    made = separable(net, layer.name, min(rows * channels, columns * out))
    assert made.layer(f"{layer.name}.a").kernel == (rows, 1)
    assert made.layer(f"{layer.name}.b").kernel == (1, columns)
    np.testing.assert_allclose(evaluate(made, images), evaluate(net, images), 1e-6, 1e-6)


def test_separable_kernels_need_a_rank_of_one_for_each_pair_of_channels() -> None:
    rng = np.random.default_rng(3)
    down, across = rng.normal(size=(3, 2)), rng.normal(size=(6, 2))
    net = small_net().replaced(
        lambda stage: (
            replace(stage, weights=np.einsum("ic,oj->oijc", down, across))
            if stage.name == "conv"
            else stage
        )
    )
    images = correlated_images()
    made = separable(net, "conv", 1)
    assert made.layer("conv.a").weights.size + made.layer("conv.b").weights.size == 3 * 2 + 6 * 2
    np.testing.assert_allclose(evaluate(made, images), evaluate(net, images), 1e-9, 1e-9)
    assert made.clocking == CLOCKING


# --- sparse factors ---


def sweeps(matrix: Array, inner: int, budgets: list[int], moments: Array) -> Iterator[list[Array]]:
    """Yield the factors at the beginning and after each sweep."""
    found = factors.beginnings(matrix, inner, budgets, moments)
    for _ in range(30):
        yield list(found)
        factors.sweep(found, budgets, matrix @ moments, moments)


@pytest.mark.parametrize("aware", [False, True])
@pytest.mark.parametrize(
    ("inner", "budgets"), [(6, [40, 12]), (3, [10, 9]), (6, [20, 12, 14]), (2, [9, 3, 7])]
)
def test_the_error_never_rises_and_budgets_hold(
    inner: int, budgets: list[int], aware: bool
) -> None:
    rng = np.random.default_rng(5)
    matrix, seen = rng.normal(size=(6, 9)), rng.normal(size=(50, 9)) @ rng.normal(size=(9, 9))
    moments = seen.T @ seen / len(seen) if aware else np.eye(9)
    errors = []
    for found in sweeps(matrix, inner, budgets, moments):
        assert [np.count_nonzero(part) <= most for part, most in zip(found, budgets, strict=True)]
        assert all(np.count_nonzero(p) <= most for p, most in zip(found, budgets, strict=True))
        missed = matrix - np.linalg.multi_dot(found[::-1])
        errors.append(float((missed @ moments * missed).sum()))
    assert all(after <= before * (1 + 1e-12) for before, after in pairwise(errors))
    assert errors[-1] < 0.9 * errors[0]


def test_one_step_of_one_factor_is_the_projected_gradient() -> None:
    rng = np.random.default_rng(6)
    matrix, moments = rng.normal(size=(4, 5)), np.diag(rng.uniform(0.5, 2, 5))
    first, second = rng.normal(size=(3, 5)), rng.normal(size=(4, 3))
    found = [first.copy(), second.copy()]
    factors.sweep(found, [15, 12], matrix @ moments, moments)  # budgets that project nothing
    root = np.sqrt(moments)

    def stepped(left: Array, own: Array, right: Array) -> Array:
        """Restate the rule for ||(W - L S R) root||^2, with spectral norms of whole matrices."""
        slope = left.T @ (left @ own @ right @ root - matrix @ root) @ (right @ root).T
        norms = np.linalg.norm(left, 2) ** 2 * np.linalg.norm(right @ root, 2) ** 2
        return np.asarray(own - slope / (1.001 * norms))

    expected = stepped(second, first, np.eye(5))
    np.testing.assert_allclose(found[0], expected, rtol=1e-10)
    np.testing.assert_allclose(found[1], stepped(np.eye(4), second, expected), rtol=1e-10)


def test_a_product_of_sparse_factors_as_a_net() -> None:
    net, images = small_net(), correlated_images()
    made = sparse_factors(net, "dense", [30, 0.5, 8], 3, inner=4, images=images)
    names = ["dense.a", "dense.b", "dense.c"]
    assert [stage.name for stage in made.stages] == ["conv", "pool", *names]
    shapes = [made.layer(name).weights.shape for name in names]
    assert shapes == [(4, 4, 2, 6), (4, 1, 1, 4), (5, 1, 1, 4)]
    counts = [int(made.layer(name).fan_ins.sum()) for name in names]
    assert all(count <= most for count, most in zip(counts, (30, 8, 8), strict=True))
    assert sum(counts) > 30
    assert made.clocking == CLOCKING
    seen = naive_windows(net, "dense", images)
    whole = matrix_of(net.layer("dense"))
    missed, all_of_it = (
        ((m @ seen.T) ** 2).sum() for m in (whole - product_of(made, *names), whole)
    )
    assert missed < 0.6 * all_of_it


@pytest.mark.parametrize("shape", [(5, 48), (48, 5)])
def test_with_all_connections_a_sparse_product_is_exact(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    layer = Neurons(
        "one", rng.normal(size=shape)[:, None, None], np.ones(shape[0]), np.ones(shape[0])
    )
    net = Net(input_shape=(1, 1, shape[1]), stages=(layer,))
    images = rng.integers(0, 256, (4, 1, 1, shape[1]))
    for count in (2, 3):
        made = sparse_factors(net, "one", 1.0, count)
        np.testing.assert_allclose(evaluate(made, images), evaluate(net, images), 1e-9, 1e-9)


def test_factors_are_the_same_each_time() -> None:
    net, images = small_net(), correlated_images()
    once, again = (
        [
            low_rank(net, "conv", 2, images),
            separable(net, "conv", 2),
            sparse_factors(net, "conv", 0.3, images=images),
        ]
        for _ in range(2)
    )
    assert not [differences(*both) for both in zip(once, again, strict=True) if differences(*both)]


# --- prune ---


@chance
@given(real_nets(), st.sampled_from([0.05, 0.3, 0.5, 0.9, 1.0]), st.data())
def test_the_largest_connections_stay(case: tuple[Net, Array], keep: float, data: Any) -> None:
    net, _ = case
    old = data.draw(st.sampled_from(net.layers))
    made = prune(net, old.name, keep)
    new = made.layer(old.name)
    there = old.weights != 0
    stays = new.weights != 0
    assert stays.sum() == min(max(round(keep * there.sum()), 1), there.sum())
    np.testing.assert_array_equal(new.weights[stays], old.weights[stays])
    sizes = np.abs(old.weights * old.scale[:, None, None, None])
    assert sizes[stays].min(initial=np.inf) >= sizes[there & ~stays].max(initial=0)
    if new.tree is not None:
        np.testing.assert_array_equal(new.tree.leaf >= 0, stays)
    assert (old.tree is None) == (new.tree is None)
    others = {stage.name: stage for stage in made.stages if stage.name != old.name}
    assert all(others[stage.name] is stage for stage in net.stages if stage.name in others)
    assert made.clocking == net.clocking


def test_of_equal_connections_those_that_come_first_stay() -> None:
    weights = np.array([[1.0, -2, 2], [2, 0.5, -2]])[:, None, None]
    layer = Neurons("one", weights, np.ones(2), np.zeros(2))
    net = Net(input_shape=(1, 1, 3), stages=(layer,))
    (found,) = prune(net, "one", 0.5).layers
    np.testing.assert_array_equal(matrix_of(found), [[0, -2, 2], [2, 0, 0]])
    (found,) = prune(prune(net, "one", 0.5), "one", 0.34).layers  # of those that are there
    np.testing.assert_array_equal(matrix_of(found), [[0, -2, 0], [0, 0, 0]])


def test_integers_are_pruned_by_what_they_add() -> None:
    weights = np.array([[3, 4], [2, 5]])[:, None, None]
    layer = Neurons("one", weights, np.array([9, 2]), np.array([0, 0]), weight_bits=8)
    net = Net(input_shape=(1, 1, 2), stages=(layer,))
    (found,) = prune(net, "one", 0.5).layers  # sizes 27, 36, 4, 10
    assert found.integer
    np.testing.assert_array_equal(matrix_of(found), [[3, 4], [0, 0]])


# --- refusals ---


def integers() -> Net:
    return compress(small_net(), correlated_images())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda net: low_rank(net, "conv", 0), r"conv: rank = 0 found; .* 1\.\.6"),
        (lambda net: low_rank(net, "conv", 7), r"conv: rank = 7 found; .* 1\.\.6"),
        (lambda net: low_rank(net, "conv", REAL), r"conv: rank = 2\.0 found"),
        (lambda net: low_rank(net, "pool", 1), "layer 'pool' is not known; known: conv, dense"),
        (
            lambda net: low_rank(net, "dense", 1, correlated_images(0)),
            "dense: 0 images found; allowed: 1 or more, or None",
        ),
        (lambda net: separable(net, "conv", 7), r"conv: rank = 7 found; .* 1\.\.6"),
        (lambda net: sparse_factors(net, "conv", 0.5, 1), r"conv: factors = 1 found"),
        (
            lambda net: sparse_factors(net, "conv", 0.5, inner=7),
            r"conv: inner = 7 found; .* 1\.\.6",
        ),
        (lambda net: sparse_factors(net, "conv", 1.5), "conv: keep = 1.5 found; allowed: above 0"),
        (lambda net: sparse_factors(net, "conv", 0.0), "conv: keep = 0.0 found; allowed: above 0"),
        (lambda net: sparse_factors(net, "conv", 37), r"conv: keep = 37 found; .* 1\.\.36"),
        (
            lambda net: sparse_factors(net, "conv", [3, 4, 5]),
            "conv: keep for 3 factors found; allowed: 2",
        ),
        (lambda net: prune(net, "conv", 0), "conv: keep = 0 found; allowed: above 0, at most 1"),
        (lambda net: prune(net, "conv", 1.01), "conv: keep = 1.01 found"),
        (lambda net: prune(net, "conv", TEXT), "conv: keep = 'all' found; allowed: a number"),
    ],
)
def test_what_cannot_be_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(small_net())


@pytest.mark.parametrize(
    "call",
    [
        lambda net: low_rank(net, "conv", 2),
        lambda net: separable(net, "conv", 2),
        lambda net: sparse_factors(net, "conv", 0.5),
    ],
)
def test_integers_are_refused_by_name(call: Any) -> None:
    with pytest.raises(ValueError, match=r"conv: integers found; .* factorize before compress"):
        call(delay(integers()))

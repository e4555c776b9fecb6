"""Retraining: networks of the compiler's form in PyTorch, and what training leaves as it was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="retraining needs PyTorch, extra 'train'")

from chains import Array, differences, real_nets  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from small_tasks import COUNT, QUICK, sparse, stripes, untrained  # noqa: E402
from torch import Tensor  # noqa: E402

from neurobot.compile.compress import compress  # noqa: E402
from neurobot.compile.fold import fold  # noqa: E402
from neurobot.compile.retrain import accuracy, as_module, retrain  # noqa: E402
from neurobot.quantize.course import Goal  # noqa: E402
from neurobot.quantize.datasets import to_input  # noqa: E402
from neurobot.quantize.examples import Labelled, Tensors  # noqa: E402
from neurobot.quantize.outputs import predict  # noqa: E402
from neurobot.tdnn import Maxima, Net, Neurons  # noqa: E402
from neurobot.tdnn.direct import evaluate  # noqa: E402

chance = settings(deadline=None, database=None, derandomize=True, max_examples=30)


# --- the module ---


@chance
@given(real_nets())
def test_a_module_says_what_direct_evaluation_says(case: tuple[Net, Array]) -> None:
    net, images = case
    logits = predict(as_module(net), to_input(np.asarray(images, np.uint8))).numpy()
    expected = evaluate(net, images) * net.output_scale
    size = 1 + max(np.abs(expected).max(), *(np.abs(layer.bias).max() for layer in net.layers))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * size)


@chance
@given(real_nets())
def test_a_module_that_learned_nothing_gives_the_network_back(case: tuple[Net, Array]) -> None:
    net, images = case
    found = as_module(net).net(net)
    np.testing.assert_allclose(evaluate(found, images), evaluate(net, images), 1e-4, 1e-2)
    for old, new in zip(fold(net).layers, found.layers, strict=True):
        np.testing.assert_allclose(new.weights, old.weights, rtol=1e-6)
        assert (new.scale == 1).all()
        assert (old.weights != 0).tobytes() == (new.weights != 0).tobytes()
        assert new.tree is None or not differences_of_trees(old, new)


def differences_of_trees(old: Neurons, new: Neurons) -> bool:
    assert old.tree is not None
    assert new.tree is not None
    return bool(
        (old.tree.leaf != new.tree.leaf).any() or (old.tree.shifts != new.tree.shifts).any()
    )


def test_what_surrounds_a_map_never_is_its_maximum() -> None:
    one = Neurons("one", np.full((1, 1, 1, 1), -1.0), np.ones(1), np.zeros(1))
    sums = Neurons("sums", np.arange(1.0, 10).reshape(1, 3, 3, 1), np.ones(1), np.zeros(1))
    pool = Maxima("pool", (3, 3), (2, 2), (2, 1))
    net = Net(input_shape=(3, 5, 1), stages=(one, pool, sums))
    images = np.random.default_rng(2).integers(1, 256, (5, 3, 5, 1), dtype=np.uint8)
    logits = predict(as_module(net), to_input(images)).numpy()
    np.testing.assert_allclose(logits, evaluate(net, images), rtol=1e-5)


def test_weights_of_the_first_layer_learn_as_fast_as_if_pixels_were_0_to_1() -> None:
    first = as_module(untrained()).stages[0]
    assert torch.equal(first.weight, torch.tensor(untrained().layer("conv").weights * 255)
                       .permute(0, 3, 1, 2).float())  # fmt: skip


def test_integers_are_refused_by_name() -> None:
    split = stripes()
    net = compress(untrained(), split.images)
    with pytest.raises(ValueError, match=r"conv: integers found; .* so retrain before compress"):
        retrain(net, Labelled(split), QUICK)


# --- training ---


def test_it_learns_and_zeros_stay_zeros() -> None:
    split, other = stripes(), stripes(100, seed=9)
    net = sparse(untrained())
    made = retrain(net, Labelled(split), replace(QUICK, epochs=8))
    assert accuracy(net, other) < 0.7
    assert accuracy(made, other) > 0.95
    for old, new in zip(net.layers, made.layers, strict=True):
        np.testing.assert_array_equal(new.weights != 0, old.weights != 0)
        assert (new.weights != old.weights).any(), new.name
        assert (new.bias != old.bias).any(), new.name
        assert not differences_of_trees(old, new)
    plain = made.replaced(lambda stage: next(s for s in net.stages if s.name == stage.name))
    assert not differences(plain, net), "only weights and biases may change"
    for old, new in zip(net.layers, made.layers, strict=True):
        back = replace(new, weights=old.weights, bias=old.bias, tree=old.tree)
        assert not differences(replace_layer(made, back), replace_layer(made, old))


def replace_layer(net: Net, layer: Neurons) -> Net:
    return net.replaced(lambda stage: layer if stage.name == layer.name else stage)


def test_weight_decay_leaves_zeros_alone() -> None:
    net = sparse(untrained())
    made = retrain(net, Labelled(stripes()), replace(QUICK, weight_decay=0.1))
    for old, new in zip(net.layers, made.layers, strict=True):
        np.testing.assert_array_equal(new.weights != 0, old.weights != 0)


def test_the_same_seed_gives_the_same_bits() -> None:
    net, examples = sparse(untrained()), Labelled(stripes())
    one, same, other = (retrain(net, examples, replace(QUICK, seed=seed)) for seed in (5, 5, 6))
    assert not differences(one, same)
    assert differences(one, other)


def test_an_interrupted_retraining_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    net, examples, kept = sparse(untrained()), Labelled(stripes()), tmp_path / "kept.pt"
    expected = retrain(net, examples, QUICK)
    epoch = COUNT // QUICK.batch

    def stop(step: int, steps: int, row: Any) -> None:
        if step > epoch + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        retrain(net, examples, QUICK, kept=kept, watch=stop)
    assert kept.exists()
    seen: list[int] = []
    found = retrain(
        net, examples, QUICK, kept=kept, watch=lambda step, steps, row: seen.append(step)
    )
    assert seen[0] > epoch
    assert not differences(found, expected)


def test_another_goal_is_learned() -> None:
    split = stripes()
    wanted = torch.from_numpy(split.labels).float()[:, None] * torch.tensor([[1.0, -1.0, 0.5]])

    def loss(outputs: Tensor, targets: tuple[Tensor, ...]) -> Tensor:
        return (outputs - targets[0]).square().mean()

    net = untrained()
    examples = Tensors(to_input(split.images), (wanted,))
    made = retrain(net, examples, replace(QUICK, epochs=15), goal=Goal(loss, None))
    errors = [
        float(((evaluate(each, split.images) - wanted.numpy()) ** 2).mean()) for each in (net, made)
    ]
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.parametrize("integer", [False, True])
def test_accuracy_is_the_share_of_right_answers(integer: bool) -> None:
    split = stripes(530)
    net = compress(untrained(), split.images) if integer else untrained()
    right = 0
    for image, label in zip(split.images, split.labels, strict=True):
        scores = evaluate(net, image[None])[0].tolist()
        right += scores.index(max(scores)) == label
    assert 0 < right < 530
    assert accuracy(net, split) == right / 530

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="export reads models of PyTorch, of the extra 'train'")

from normed import Images, noise, planes, shaken  # noqa: E402
from torch import nn  # noqa: E402

from neurobot import qnet  # noqa: E402
from neurobot.quantize import Add, GlobalAvgPool, convert, make_method  # noqa: E402
from neurobot.quantize.export import compare, export, export_float  # noqa: E402
from neurobot.quantize.fixed_point import code_factors, fixed_point  # noqa: E402
from neurobot.quantize.grids import Grid, mid_rise, signed, unsigned  # noqa: E402
from neurobot.quantize.networks import make_network  # noqa: E402
from neurobot.quantize.pending import Leaf  # noqa: E402

# Small versions, on small images: name, keyword arguments, side.
NETS: dict[str, tuple[str, dict[str, Any], int]] = {
    "small_cnn": ("small_cnn", {"width": 0.25}, 28),
    "resnet20": ("resnet20", {"width": 4}, 16),
    "mobilenet_cifar": ("mobilenet_cifar", {"width": 0.25}, 12),
    "shufflenet_v2": ("shufflenet_v2", {"width": 0.1, "classes": 10}, 48),
    "resnet18": ("resnet18", {"width": 4, "classes": 10}, 48),
}
METHODS = ("lsq", "lglsq", "uniq")


def build(name: str) -> tuple[Any, Images]:
    known, options, side = NETS[name]
    torch.manual_seed(0)
    return shaken(make_network(known, **options)), noise(2, side, side, 1 if side == 28 else 3)


def quantized(model: Any, images: Images, method: str = "lsq", bits: int = 3, **more: Any) -> Any:
    return convert(model, make_method(method), bits, planes(images), **more).eval()


def check(model: Any, images: Images) -> qnet.Network:
    """Export and let every code be judged."""
    network = export(model, images.shape[1:])
    found = compare(model, network, images)
    assert found.images == len(images)
    assert found.codes > len(images) * sum(
        network.signals[layer.inputs[0]].values for layer in network.convs[1:]
    )
    assert found.unexplained == 0, found
    assert found.argmax_unexplained == 0, found
    assert found.farthest <= found.allowed < 1e-4
    return network


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("method", METHODS)
def test_every_code_of_the_small_network_is_that_of_training(method: str, bits: int) -> None:
    model, images = build("small_cnn")
    check(quantized(model, images, method, bits, per_channel=bits % 2 == 0), images)


@pytest.mark.parametrize("bits", [1, 4])
@pytest.mark.parametrize("method", ["lsq", "uniq"])
@pytest.mark.parametrize("name", [name for name in NETS if name != "small_cnn"])
def test_every_code_of_the_larger_networks_is_that_of_training(
    name: str, method: str, bits: int
) -> None:
    model, images = build(name)
    check(quantized(model, images, method, bits), images)


@pytest.mark.parametrize("name", NETS)
def test_scores_are_the_logits(name: str) -> None:
    model, images = build(name)
    model = quantized(model, images, "uniq", 4)
    network = export(model, images.shape[1:])
    scores = qnet.forward(network, images) * network.output_scale
    with torch.no_grad():
        logits = model(planes(images)).numpy()
    # UniQ's codes have no ties here, so both hold the same integers; float32 has 24 bits.
    np.testing.assert_allclose(scores, logits, atol=2.0**-16 * np.ptp(logits))


@pytest.mark.parametrize("name", NETS)
def test_the_float_twin_computes_what_the_model_does(name: str) -> None:
    model, images = build(name)
    network = export_float(model, images.shape[1:])
    assert network.real
    assert network.output_scale == 1
    with torch.no_grad():
        expected = model(planes(images)).numpy()
    # Sums of float32 in another order.
    found = qnet.forward(network, images)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))


# What the comparison itself must notice.


def changed(network: qnet.Network, place: int, **values: Any) -> qnet.Network:
    layer: Any = network.layers[place]
    layers = (*network.layers[:place], replace(layer, **values), *network.layers[place + 1 :])
    return qnet.Network(
        input_shape=network.input_shape, layers=layers, output_scale=network.output_scale
    )


def places(network: qnet.Network, kind: type[qnet.Layer]) -> list[int]:
    return [i for i, layer in enumerate(network.layers) if isinstance(layer, kind)]


def test_a_wrong_code_is_noticed_where_it_arises() -> None:
    model, images = build("small_cnn")
    model = quantized(model, images, "lsq", 4)
    network = export(model, (28, 28, 1))
    requant: Any = network.layers[places(network, qnet.Requant)[1]]
    for values in (
        {"bias": requant.bias + (1 << requant.shift) // 50},
        {"multiplier": requant.multiplier - requant.multiplier // 50},
        {"high": requant.high - 1},
    ):
        found = compare(model, changed(network, network.layers.index(requant), **values), images)
        assert found.unexplained > 0, values
        assert found.farthest > found.allowed
        assert found.apart >= found.ties >= found.unexplained
    one_code = changed(network, network.layers.index(requant), low=requant.low + 1)
    assert compare(model, one_code, images).unexplained > 0


def test_a_wrong_score_is_noticed() -> None:
    model, images = build("small_cnn")
    model = quantized(model, images)
    network = export(model, (28, 28, 1))
    scores: Any = network.layers[-1]
    best = int(qnet.forward(network, images)[0].argmax())
    bias = scores.bias - (np.arange(10) == best) * (1 << 40)
    found = compare(model, changed(network, len(network.layers) - 1, bias=bias), images)
    assert found.argmax_apart > 0
    assert found.argmax_unexplained == found.argmax_apart
    assert found.unexplained == 0


def test_comparisons_add_up_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = build("small_cnn")
    images = noise(5, 28, 28, 1)
    model = quantized(model, images, "uniq", 2)
    network = export(model, (28, 28, 1))
    whole = compare(model, network, images)
    monkeypatch.setattr("neurobot.quantize.compare.CHUNK_VALUES", 1)
    assert compare(model, network, images) == whole
    assert whole.images == 5
    for text in ("5 images", f"{whole.codes} codes", "0 unexplained"):
        assert text in str(whole)


def test_what_cannot_be_compared_is_refused() -> None:
    model, images = build("small_cnn")
    model = quantized(model, images)
    network = export(model, (28, 28, 1))
    with pytest.raises(ValueError, match=r"images: uint8 of shape \(2, 1, 28, 28\) found; allowed"):
        compare(model, network, images.transpose(0, 3, 1, 2))
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), nn.ReLU(), nn.Linear(4, 3))
    other = quantized(other.eval(), images)
    with pytest.raises(ValueError, match=r"network: no map '3.input' found; allowed: one of this"):
        compare(other, network, images)


# Fixed point.


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=4),
    st.floats(-1e4, 1e4, width=32),
    st.floats(1e-6, 10),
    st.integers(-(2**31), 2**31 - 1),
)
def test_fixed_point_is_as_near_as_it_says(
    factors: list[float], bias: float, size: float, x: int
) -> None:
    scale = np.array(factors) * size
    found = fixed_point("layer", scale, np.full(len(scale), bias))
    bound = Fraction(abs(x) + 1, 2 ** (found.shift + 1))
    assert np.abs(found.multiplier.astype(np.int64)).max() < 1 << 31
    for factor, multiplier, offset in zip(scale, found.multiplier, found.bias, strict=True):
        product = x * int(multiplier) + int(offset)
        assert abs(product) < 1 << 63
        exact = x * Fraction(float(factor)) + Fraction(bias)
        # The bias is made of float64 numbers of 53 bits.
        slack = Fraction(abs(bias)) / 2**52
        assert abs(Fraction(product, 2**found.shift) - exact) <= bound + slack


def test_the_largest_factor_uses_all_bits() -> None:
    for largest in (1.0, 0.75, 1e-3, 3.0, 1 - 2.0**-40):
        found = fixed_point("layer", np.array([largest, largest / 7]), np.zeros(2))
        assert 1 << 30 <= found.multiplier[0] <= (1 << 31) - 1 or found.multiplier[0] == 1 << 30
    assert fixed_point("layer", np.zeros(1), np.zeros(1)).multiplier[0] == 0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e9])
def test_factors_out_of_reach_are_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match=r"conv1: a factor of|conv1: a factor or a bias is NaN"):
        fixed_point("conv1", np.array([1.0, wrong]), np.zeros(2))


@pytest.mark.parametrize(
    ("grid", "relu"),
    [
        (unsigned(1), False),
        (signed(1), False),
        (mid_rise(1), False),
        (unsigned(3), True),
        (signed(4), False),
        (signed(4), True),
        (mid_rise(4), False),
        (mid_rise(8), True),
    ],
)
def test_codes_are_those_of_exact_arithmetic(grid: Grid, relu: bool) -> None:
    # Every sixth integer is a tie: x / 8 + 1 / 4 steps, on grids with an offset of halves or none.
    leaf = Leaf.of("sums", np.array([0.125]), np.array([0.25]))
    if relu:
        leaf = leaf.clip(0.0, np.inf)
    found, low, high = code_factors("layer", leaf, 1.0, grid)
    few = high - low == 1
    for x in range(-2000, 2001):
        code = (x * int(found.multiplier[0]) + int(found.bias[0])) >> found.shift
        value = Fraction(x, 8) + Fraction(1, 4)
        value = max(value, Fraction(0)) if relu else value
        at = value + Fraction(grid.offset)
        tie = (2 * at).denominator == 1 and at.denominator == 2
        even, up = round(at), (2 * at + 1) // 2
        wanted = even if few or not tie else up
        clipped = min(max(wanted, grid.low), grid.high)
        # A limit of ReLU is rounded as training rounds it.
        if relu and Fraction(x, 8) + Fraction(1, 4) <= 0:
            clipped = min(max(round(Fraction(grid.offset)), grid.low), grid.high)
        assert min(max(code, low), high) == clipped, x


# Structures.


class Branches(nn.Module):
    """Two convolutions of one map, joined; a batch norm after a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.left = nn.Conv2d(6, 4, 1, bias=False)
        self.right = nn.Conv2d(6, 2, 3, padding=1, groups=2)
        self.add = Add()
        self.after = nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 6, (1, 3), (1, 2), "valid")
        self.pool = GlobalAvgPool()

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.norm(self.stem(x)))
        both = torch.cat((self.right(x), self.left(x)), dim=1)
        x = nn.functional.hardtanh(self.after(self.add(both, x)), -0.75, 1.5)
        return torch.flatten(self.pool(self.last(x).relu()), 1)


def test_branches_groups_sums_and_limits() -> None:
    torch.manual_seed(1)
    model, images = shaken(Branches()), noise(4, 7, 9, 1)
    for method in METHODS:
        network = check(quantized(model, images, method, 3), images)
        assert isinstance(network.layers[-2], qnet.SumPool)
    expected = model(planes(images)).detach().numpy()
    found = qnet.forward(export_float(model, (7, 9, 1)), images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_linear_layers_read_flattened_maps_in_torchs_order() -> None:
    torch.manual_seed(2)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding="same"),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(3 * 4 * 5, 6, bias=False),
        nn.BatchNorm1d(6),
        nn.ReLU6(),
        nn.Linear(6, 3),
    )
    model, images = shaken(model), noise(6, 4, 5, 2)
    network = check(quantized(model, images, "uniq", 4), images)
    assert [layer.name for layer in network.layers] == [
        "0", "4.input", "4", "7.input", "7", "scores"
    ]  # fmt: skip
    twin = qnet.forward(export_float(model, (4, 5, 2)), images)
    np.testing.assert_allclose(twin, model(planes(images)).detach().numpy(), atol=1e-5)


def test_max_pools_come_after_the_codes() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.MaxPool2d((2, 1)),
        nn.Conv2d(1, 4, 3, 1, 1),
        nn.MaxPool2d(3, 2, 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 2),
        nn.Flatten(),
    )
    images = noise(5, 16, 8, 1)
    model.eval()
    for method in METHODS:
        network = check(quantized(model, images, method, 4), images)
        kinds = [type(layer).__name__ for layer in network.layers]
        assert kinds == ["MaxPool", "Conv", "Requant", "MaxPool", "MaxPool", "Conv", "Scores"]
    twin = qnet.forward(export_float(model, (16, 8, 1)), images)
    np.testing.assert_allclose(twin, model(planes(images)).detach().numpy(), atol=1e-5)


def test_a_batch_norm_after_a_max_pool_may_have_no_negative_slope() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 5, 3), nn.MaxPool2d(2), nn.BatchNorm2d(5), nn.Conv2d(5, 3, 3), nn.Flatten()
    ).eval()
    images = noise(3, 8, 8, 1)
    check(quantized(model, images), images)
    shaken(model)
    with pytest.raises(ValueError, match="layer '2' has a negative factor after a max-pool"):
        export(quantized(model, images), (8, 8, 1))


def test_a_channel_that_batch_norm_turns_off_has_one_value() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 6), nn.Flatten()
    )
    model, images = shaken(model), noise(3, 8, 8, 1)
    twin = qnet.forward(export_float(model, (8, 8, 1)), images)
    np.testing.assert_allclose(twin, model(planes(images)).detach().numpy(), atol=1e-5)
    with pytest.raises(ValueError, match=r"3.input: batch norm after an activation gives each"):
        export(quantized(model, images), (8, 8, 1))
    norm: Any = model[2]
    nn.init.zeros_(norm.weight)
    check(quantized(model, images), images)
    model[1] = nn.Identity()
    norm.weight.data = torch.tensor([0.0, 1.0, -2.0])
    check(quantized(model, images), images)


def test_equal_quantizers_share_their_codes_and_others_do_not() -> None:
    torch.manual_seed(4)
    images = noise(4, 7, 9, 1)
    model = shaken(Branches())
    made = quantized(model, images, "lsq", 3)

    def codes_of_stem() -> int:
        network = export(made, (7, 9, 1))
        return sum(layer.inputs == ("stem",) for layer in network.layers)

    made.left.input_quantizer.step.data.mul_(1.01)
    assert codes_of_stem() == 3  # of left, of right, and of the sum
    made.left.input_quantizer.step.data.copy_(made.right.input_quantizer.step)
    assert codes_of_stem() == 2
    check(made, images)


def test_layers_that_are_used_twice_get_two_names() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(2, 2, 3, padding=1)
            self.fc = nn.Linear(2 * 5 * 5, 3)

        def forward(self, x: Any) -> Any:
            return self.fc(self.conv(torch.relu(self.conv(x))).flatten(1))

    torch.manual_seed(5)
    images = noise(4, 5, 5, 2)
    made = quantized(Twice().eval(), images, "uniq", 4, pixels=False)
    network = check(made, images)
    assert {"conv", "conv_2", "conv.input", "conv.input_2"} <= {one.name for one in network.layers}


def test_images_may_be_coarser_than_their_pixels() -> None:
    model, images = build("small_cnn")
    network = check(quantized(model, images, "lsq", 2, edge_bits=4, pixels=False), images)
    first: Any = network.layers[0]
    assert (type(first), first.inputs, first.bits) == (qnet.Requant, ("input",), 4)


# Refusals.


def with_layer(layer: nn.Module, *before: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *before, layer, nn.Flatten(),
                         nn.Linear(4 * 8 * 8, 3)).eval()  # fmt: skip


class Loose(nn.Module):
    """A convolution and a function between two layers."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.fc = nn.Linear(4 * 8 * 8, 3)
        self.function = function

    def forward(self, x: Any) -> Any:
        return self.fc(self.function(self.conv(x)).flatten(1))


class TwoInputs(nn.Module):
    """A sum of two images."""

    def forward(self, x: Any, y: Any) -> Any:
        return x


class Twins(nn.Module):
    """Two results."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 8)

    def forward(self, x: Any) -> Any:
        return self.conv(x), x


class Deciding(nn.Module):
    """A layer that looks before it computes."""

    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (with_layer(nn.Sigmoid()), r"layer '1': Sigmoid found; allowed: Conv2d, Linear, .*ReLU"),
        (with_layer(nn.AvgPool2d(1)), "layer '1': AvgPool2d found; allowed"),
        (with_layer(nn.AdaptiveAvgPool2d(2)), "layer '1': an average pool to 2 found; allowed: th"),
        (with_layer(Deciding()), r"layer '1': a forward pass that cannot be traced .*; allowed"),
        (with_layer(nn.Conv2d(4, 4, 3, dilation=2)), r"layer '1': dilation \(2, 2\) found; allow"),
        (with_layer(nn.Conv2d(4, 4, 2, padding="same")), "layer '1': padding 'same' of "),
        (with_layer(nn.Conv2d(4, 4, 3, padding_mode="reflect")), "layer '1': padding of 'reflect'"),
        (with_layer(nn.Conv2d(5, 4, 1)), "1: weights for 5 channels found; allowed: 4"),
        (with_layer(nn.Conv2d(4, 4, 9)), "1: a window of 9 x 9 found on a map of 8 x 8"),
        (with_layer(nn.MaxPool2d(3, 1, 1, ceil_mode=True)), "layer '1': dilation, ceil_mode or"),
        (with_layer(nn.BatchNorm2d(4, track_running_stats=False)), "layer '1': batch norm without"),
        (with_layer(nn.BatchNorm2d(3)), "layer '1': 3 features found; allowed: 4, its channels"),
        (with_layer(nn.Flatten(2)), "layer '1': flatten from 2 to -1 found; allowed: from 1 to -1"),
        (with_layer(nn.Conv2d(4, 4, 1), nn.Flatten()), "layer '2': a flattened map found; allowed"),
        (with_layer(nn.Linear(8, 8)), "layer '1': a map that is not flattened found; allowed: Fl"),
        (with_layer(nn.ReLU6(), nn.MaxPool2d(2)), "layer '4': 256 inputs found; allowed: 64, as"),
        (Loose(lambda x: x + x), "layer 'add': call_function of add found; allowed: cat, chunk"),
        (Loose(torch.sigmoid), "layer 'sigmoid': call_function of sigmoid found; allowed"),
        (Loose(lambda x: x.mul(2)), "layer 'mul': call_method of mul found; allowed"),
        (Loose(lambda x: torch.cat((x, x), 2)), "layer 'cat': a concatenation along 2 found; all"),
        (Loose(lambda x: torch.cat((x.flatten(1), x))), "layer 'cat': a concatenation along 0"),
        (Loose(lambda x: x.chunk(2, 2)[0]), "layer 'chunk': parts along 2 found; allowed: along 1"),
        (Loose(lambda x: x.chunk(2, 1)[:1]), r"layer 'getitem': the index slice.*; allowed: a who"),
        (Loose(lambda x: torch.relu(x.chunk(2, 1))), "layer 'relu': .*tuple.* found; allowed: the"),
        (Loose(lambda x: x.relu(3, 4)), r"layer 'relu': arguments .* found; allowed: the usual"),
        (Loose(lambda x: x if x.max() > 0 else -x), "layer 'model': a forward pass that cannot be"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), "layer '1' returns a map of shape"),
        (
            nn.Identity(),
            r"layer 'model' returns a map of shape \(8, 8, 1\) that is not one layer's",
        ),
        (TwoInputs(), "layer 'y': a second input found; allowed: one input, the image"),
        (Twins(), "layer 'conv': a result of tuple found; allowed: one tensor"),
    ],
)
def test_what_a_network_cannot_do_is_refused_by_name(model: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        export_float(model.eval(), (8, 8, 1))


def test_limits_of_scores_are_refused() -> None:
    model, images = with_layer(nn.ReLU()).append(nn.ReLU6()), noise(2, 8, 8, 1)
    with pytest.raises(ValueError, match="layer '4' limits the results; allowed: none after the"):
        export(quantized(model, images), (8, 8, 1))


def test_layers_in_full_precision_are_refused_by_name() -> None:
    model, images = build("resnet20")
    shape = images.shape[1:]
    for more, sentence in (
        ({"edge_bits": None}, r"layer 'conv1' is in full precision; allowed .*\(edge_bits=8\)"),
        ({"layer_bits": {"layer2.0.conv1": None}}, "layer 'layer2.0.conv1' is in full precision"),
        ({"layer_bits": {"fc": None}}, "layer 'fc' is in full precision"),
        ({"layer_bits": {"layer1.0.add": None}}, "layer 'layer1.0.add' is in full precision"),
        ({"layer_bits": {"avgpool": None}}, "layer 'avgpool' is in full precision"),
    ):
        with pytest.raises(ValueError, match=sentence):
            export(quantized(model, images, **more), shape)
    with pytest.raises(ValueError, match="layer 'conv1' is in full precision"):
        export(model, shape)
    with pytest.raises(
        ValueError, match="layer 'conv1' is quantized; allowed in a float32 network"
    ):
        export_float(quantized(model, images), shape)


def test_a_model_in_training_is_refused() -> None:
    model, images = build("small_cnn")
    made = quantized(model, images)
    made.features[1].train()
    with pytest.raises(ValueError, match=r"layer 'features.1': training mode found; allowed: eval"):
        export(made, (28, 28, 1))


def test_a_step_that_is_no_number_is_refused() -> None:
    model, images = build("small_cnn")
    made = quantized(model, images)
    made.features[3].input_quantizer.step.data.fill_(float("nan"))
    with pytest.raises(ValueError, match=r"layer 'features.3' has a step of nan; allowed"):
        export(made, (28, 28, 1))


def test_another_shape_of_images_is_refused_by_name() -> None:
    model, images = build("small_cnn")
    with pytest.raises(ValueError, match="layer 'fc': 392 inputs found; allowed: 448"):
        export(quantized(model, images), (30, 28, 1))
    with pytest.raises(ValueError, match=r"features.0: weights for 1"):
        export(quantized(model, images), (28, 28, 3))

"""Batch norms inside of quantized layers: the same network, statistics, integers, refusals."""

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fused layers are PyTorch's, of the extra 'train'")

import torch.nn.functional as F  # noqa: E402, N812
from normed import Plain, Residual, made, noise, one_thread, pictures  # noqa: E402, F401
from torch import nn  # noqa: E402

from neurobot import qnet  # noqa: E402
from neurobot.quantize import convert, deploy, fuse, make_method, set_progress  # noqa: E402
from neurobot.quantize.compare import compare  # noqa: E402
from neurobot.quantize.export import export, export_float  # noqa: E402
from neurobot.quantize.fused_bn import FROZEN, FusedConv2d, FusedLinear, fused_layers  # noqa: E402
from neurobot.quantize.networks import NETWORKS, make_network  # noqa: E402
from neurobot.quantize.training import Settings, train  # noqa: E402

SYMMETRIC: dict[str, Any] = {"symmetric_weights": True}
LSQ = make_method("lsq", **SYMMETRIC)
KINDS = {"residual": Residual, "plain": Plain}
# Small versions: names, keyword arguments, shapes of an image.
NETS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "small_cnn": ({"width": 0.25}, (1, 28, 28)),
    "small_vgg": ({"width": 0.25}, (1, 28, 28)),
    "resnet20": ({"width": 4}, (3, 16, 16)),
    "mobilenet_cifar": ({"width": 0.25}, (3, 12, 12)),
    "shufflenet_v2": ({"width": 0.1, "classes": 10}, (3, 48, 48)),
}


def apart(found: Any, wanted: Any) -> float:
    return float((found - wanted).detach().abs().max() / wanted.detach().abs().max())


def quantized(kind: Any, bits: int = 4, method: Any = LSQ, **more: Any) -> Any:
    x = pictures()
    return convert(fuse(made(kind), x), method, bits, x, **more)


def norms_of(model: nn.Module) -> list[str]:
    kinds = nn.BatchNorm1d | nn.BatchNorm2d
    return [name for name, module in model.named_modules() if isinstance(module, kinds)]


# The same network


@pytest.mark.parametrize("kind", KINDS)
def test_fusing_changes_no_output(kind: str) -> None:
    plain, x = made(KINDS[kind]), pictures()
    before = copy.deepcopy(plain.state_dict())
    fused = fuse(plain, x)
    # Products and sums of float32 in another order; the specification's own bound is 1e-5.
    assert apart(fused(x), plain(x)) < 1e-5
    assert apart(fused.double()(x.double()), made(KINDS[kind]).double()(x.double())) < 1e-12
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    count = sum(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in plain.modules())
    assert len(fused_layers(fused)) == count > 2
    assert all(".norm" in name for name in norms_of(fused))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in plain.modules())


@pytest.mark.parametrize("name", NETS)
def test_our_networks_are_fused_and_deployed_without_a_batch_norm(name: str) -> None:
    options, shape = NETS[name]
    plain = made(lambda: make_network(name, **options))
    x = torch.rand(2, *shape, generator=torch.Generator().manual_seed(1))
    fused = fuse(plain, x)
    assert apart(fused(x), plain(x)) < 1e-5
    own = convert(fused, LSQ, 4, x).eval()
    deployed = deploy(own)
    assert not norms_of(deployed)
    assert not fused_layers(deployed)
    assert torch.equal(deployed(x), own(x))
    assert torch.equal(deploy(deployed)(x), own(x))


def test_the_table_of_networks_has_more_that_can_be_fused() -> None:
    assert NETS.keys() < NETWORKS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_training_in_full_precision_is_that_of_the_plain_network(kind: str) -> None:
    plain, x = made(KINDS[kind]).double(), pictures(30).double()
    fused, target = fuse(plain, x[:5]), torch.arange(30) % 3
    models = (plain.train(), fused.train())
    optimizers = [torch.optim.SGD(m.parameters(), 0.1, momentum=0.9) for m in models]
    for step in range(4):
        rows = slice(7 * step, 7 * step + 7)
        outputs = [model(x[rows]) for model in models]
        assert apart(outputs[1], outputs[0]) < 1e-10
        for output, optimizer in zip(outputs, optimizers, strict=True):
            optimizer.zero_grad()
            loss: Any = F.cross_entropy(output, target[rows])
            loss.backward()
            optimizer.step()
    kept = {n: v for n, v in fused.state_dict().items() if not n.endswith(".mask")}
    assert len(kept) == len(plain.state_dict())
    layers = fused_layers(fused)
    norms = [
        module for module in plain.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    for norm, layer in zip(norms, layers.values(), strict=True):
        for name, value in norm.state_dict().items():
            assert torch.allclose(value, layer.norm.state_dict()[name], rtol=1e-9), name
    assert apart(fused.eval()(x), plain.eval()(x)) < 1e-9


# While it learns


def layer_of(kind: str, gamma: Any = None, momentum: float | None = 0.1) -> Any:
    """One quantized layer in float64, with a bias and some masked weights, in training."""
    chance = torch.Generator().manual_seed(5)
    own: Any
    if kind == "conv":
        own = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.BatchNorm2d(6))
        x = torch.rand(5, 4, 6, 6, generator=chance)
    else:
        own = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
        x = torch.rand(9, 4, generator=chance)
    own[1].momentum = momentum
    with torch.no_grad():
        own[0].weight.uniform_(-1, 1, generator=chance)
        own[1].weight.copy_(torch.tensor(gamma or [1.0, -0.7, 0.4, 1.3, 0.9, 0.2]))
        own[1].running_var.uniform_(0.3, 0.9, generator=chance)
        own[1].running_mean.uniform_(-0.3, 0.3, generator=chance)
        own[1].bias.uniform_(-0.3, 0.3, generator=chance)
    fused = fuse(own.double().eval(), x.double())
    quantized: Any = convert(fused, LSQ, 3, x.double(), edge_bits=3, pixels=False).train()
    with torch.no_grad():
        quantized[0].mask[1:4, 0] = 0
    return quantized[0], x.double()


def oracle(layer: Any, x: Any) -> tuple[Any, Any, Any]:
    """Follow the formulas, channel by channel; return results and new statistics."""
    weight, bias = (layer.weight * layer.mask).detach().numpy(), layer.bias.detach().numpy()
    gamma, beta = layer.norm.weight.detach().numpy(), layer.norm.bias.detach().numpy()
    variance = layer.norm.running_var.numpy().copy()
    factor = gamma / np.sqrt(variance + layer.norm.eps)
    scale, top = float(layer.weight_quantizer.step.detach()), 2 ** (3 - 1) - 1
    fused = weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    rounded = scale * np.clip(np.rint(fused / scale), -top, top)
    inputs = layer.input_quantizer(x).detach()
    plain, error = (sums_of(inputs, torch.from_numpy(w)).numpy() for w in (weight, rounded - fused))
    y, means, variances = np.empty_like(plain), np.empty(len(gamma)), np.empty(len(gamma))
    for c in range(len(gamma)):
        values = plain[:, c] + bias[c]
        means[c], variances[c] = values.mean(), values.var(ddof=1)
        whole = (values - means[c]) / np.sqrt(values.var() + layer.norm.eps)
        y[:, c] = gamma[c] * whole + beta[c] + error[:, c]
    assert np.abs(error).max() > 0.01, "rounding shows"
    return y, means, variances


def sums_of(x: Any, weight: Any) -> Any:
    return F.conv2d(x, weight, padding=1, groups=2) if weight.dim() == 4 else x @ weight.T


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_a_live_layer_is_its_batch_norm_and_the_error_of_its_weights(kind: str) -> None:
    layer, x = layer_of(kind)
    before = {name: value.clone() for name, value in layer.norm.state_dict().items()}
    wanted, means, variances = oracle(layer, x)
    np.testing.assert_allclose(layer(x).detach().numpy(), wanted, atol=1e-12)
    found = layer.norm.state_dict()
    for name, new in (("running_mean", means), ("running_var", variances)):
        wanted = 0.9 * before[name].numpy() + 0.1 * new
        np.testing.assert_allclose(found[name].numpy(), wanted, rtol=1e-12)
    assert int(found["num_batches_tracked"]) == 1


def test_without_a_momentum_statistics_are_the_means_over_all_batches() -> None:
    layer, x = layer_of("conv", momentum=None)
    found = []
    for _ in range(3):
        found.append(oracle(layer, x)[1:])
        layer(x)
    for name, k in (("running_mean", 0), ("running_var", 1)):
        mean = np.mean([each[k] for each in found], axis=0)
        np.testing.assert_allclose(layer.norm.state_dict()[name].numpy(), mean, rtol=1e-12)


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_both_phases_agree_where_a_batch_has_the_running_statistics(kind: str) -> None:
    layer, x = layer_of(kind, momentum=0.0)
    inputs = layer.input_quantizer(x).detach()
    z = sums_of(inputs, (layer.weight * layer.mask).detach())
    axes = [axis for axis in range(x.dim()) if axis != 1]
    variance, mean = torch.var_mean(z, axes, correction=0)
    layer.norm.running_mean.copy_(mean + layer.bias.detach())
    layer.norm.running_var.copy_(variance)
    live = layer(x)
    set_progress(layer, 1.0)
    assert torch.allclose(live, layer(x), rtol=0, atol=1e-12)
    assert torch.allclose(live, layer.eval()(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["conv", "linear"])
def test_gradients_are_those_of_the_formulas(kind: str) -> None:
    layer, x = layer_of(kind)
    other = copy.deepcopy(layer)
    upstream = torch.randn(
        layer(x).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    layer.norm.load_state_dict(other.norm.state_dict())
    layer(x).backward(upstream)
    # Written out: z = conv(x, W) + b, the batch norm's formula, and Q(W') - W', by autograd.
    shape = (1, -1, 1, 1) if kind == "conv" else (1, -1)
    gamma, beta, eps = other.norm.weight, other.norm.bias, other.norm.eps
    f = gamma / (other.norm.running_var + eps).sqrt()
    weight = other.weight * other.mask
    wanted = f.reshape(-1, *[1] * (weight.dim() - 1)) * weight
    inputs = other.input_quantizer(x)
    z = sums_of(inputs, weight) + other.bias.reshape(shape)
    axes = [0, 2, 3] if kind == "conv" else [0]
    mean = z.mean(axes, keepdim=True)
    variance = ((z - mean) ** 2).mean(axes, keepdim=True)
    y = (z - mean) / (variance + eps).sqrt() * gamma.reshape(shape) + beta.reshape(shape)
    y = y + sums_of(inputs, other.weight_quantizer(wanted) - wanted)
    y.backward(upstream)
    for name, parameter in layer.named_parameters():
        wanted = other.get_parameter(name).grad
        assert torch.allclose(parameter.grad, wanted, rtol=1e-8, atol=1e-10), name
    assert float(layer.norm.weight.grad.abs().min()) > 1e-3
    assert layer.weight.grad.any()
    assert not layer.weight.grad[layer.mask == 0].any()


def test_statistics_stay_in_the_last_third() -> None:
    own, x = quantized(Residual).train(), pictures()
    before = copy.deepcopy(own.state_dict())
    for progress in (FROZEN, 0.8, 1.0):
        set_progress(own, progress)
        learned = own(x)
        assert torch.equal(learned, deploy(own)(x)), "what is trained then is what is deployed"
        assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())
    set_progress(own, FROZEN - 0.01)
    assert not torch.equal(own(x), learned)
    moved = [n for n, v in own.state_dict().items() if not torch.equal(v, before[n])]
    assert len(moved) == 3 * len(fused_layers(own))
    assert all(".norm.running_" in n or n.endswith("num_batches_tracked") for n in moved)


def test_a_whole_training_freezes_them_at_two_thirds() -> None:
    own, x = quantized(Plain), pictures(12)
    seen: list[Any] = []
    norm: Any = fused_layers(own)["body.0"].norm

    def watch(*_: Any) -> None:
        seen.append(norm.running_mean.clone())

    own.register_forward_pre_hook(watch)
    train(own, x, torch.arange(12) % 3, Settings(epochs=10, batch=4, lr=0.01))
    moved = [
        not torch.equal(a, b) for a, b in zip(seen, [*seen[1:], norm.running_mean], strict=True)
    ]
    # Of 30 steps, the progress of step k is k / 29.
    assert moved == [k / 29 < 2 / 3 for k in range(30)]


def test_a_layer_in_full_precision_stays_live_to_the_end() -> None:
    own, x = quantized(Plain, edge_bits=None).train(), pictures()
    layers = fused_layers(own)
    assert layers["body.0"].weight_quantizer is None
    set_progress(own, 1.0)
    before = copy.deepcopy(own.state_dict())
    own(x)
    moved = {
        n.partition(".norm")[0]
        for n, v in own.state_dict().items()
        if not torch.equal(v, before[n])
    }
    assert moved == {"body.0"}
    own.eval()
    assert apart(deploy(own)(x), own(x)) < 1e-5


def test_a_channel_whose_gamma_is_zero_says_its_beta() -> None:
    layer, x = layer_of("conv", gamma=[0.0, 1.0, -0.5, 0.0, 1.0, 1.0])
    for _ in range(3):
        y = layer(x)
    deployed = layer.eval()(x)
    (y**2).sum().backward()
    assert (layer.norm.weight.grad[[0, 3]] != 0).all(), "it can still learn another"
    for channel in (0, 3):
        beta = float(layer.norm.bias[channel].detach())
        assert torch.allclose(y[:, channel], torch.tensor(beta, dtype=y.dtype))
        assert torch.allclose(deployed[:, channel], torch.tensor(beta, dtype=y.dtype), atol=1e-9)
    for name, value in (*layer.named_parameters(), *layer.named_buffers()):
        assert torch.isfinite(value).all(), name
        assert value.grad is None or torch.isfinite(value.grad).all(), name


def test_an_empty_batch_moves_nothing_and_one_of_one_value_is_refused() -> None:
    layer, x = layer_of("linear")
    before = layer.norm.running_mean.clone()
    assert layer(x[:0]).shape == (0, 6)
    assert torch.equal(layer.norm.running_mean, before)
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        layer(x[:1])


# As integers


def check(own: Any, images: Any) -> qnet.Network:
    """Compare all codes, in float64 too, and find one multiplier by layer."""
    network = export(own.eval(), images.shape[1:])
    found = compare(own, network, images)
    assert found.codes > 100 * len(images)
    assert (found.unexplained, found.argmax_unexplained) == (0, 0), found
    fused = set(fused_layers(own))
    assert fused
    sources = {layer.name: layer for layer in network.layers}
    for layer in network.layers:
        if isinstance(layer, qnet.Requant):
            assert len(set(np.atleast_1d(layer.multiplier).tolist())) == 1, layer.name
    assert not any(isinstance(layer, qnet.Affine) for layer in network.layers)
    for name in fused:
        conv: Any = sources[name]
        top = 2 ** (conv.weight_bits - 1) - 1
        assert np.abs(conv.integers).max() <= top, "strictly symmetric"
    return network


@pytest.mark.parametrize(("bits", "activation_bits"), [(8, 8), (4, 8), (4, 4), (2, 3)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["lsq", "lglsq", "llsq"])
def test_integers_say_what_the_network_says(
    method: str, kind: str, bits: int, activation_bits: int
) -> None:
    own = quantized(
        KINDS[kind], bits, make_method(method, **SYMMETRIC), activation_bits=activation_bits
    )
    own.train()
    set_progress(own, 0.5)
    for k in range(3):
        own(pictures(seed=k))  # statistics on their way
    network = check(own, noise(6, 8, 8, 1, seed=9))
    inner = [conv.weight_bits for conv in network.convs[1:-1]]
    assert set(inner) == {bits}
    assert {conv.weight_bits for conv in (network.convs[0], network.convs[-1])} == {8}
    read = {network.signals[conv.inputs[0]].highest for conv in network.convs[1:-1]}
    assert 2**activation_bits - 1 in read


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_cifar"])
def test_integers_of_our_networks_too(name: str) -> None:
    options, (channels, *size) = NETS[name]
    plain = made(lambda: make_network(name, **options))
    images = noise(2, *size, channels)
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255
    check(convert(fuse(plain, x), LSQ, 4, x), images)


def test_a_trained_network_is_exported_as_it_was_trained() -> None:
    x = pictures(64)
    target = (x.mean((1, 2, 3)) * 1000).long() % 3
    own = quantized(Residual, method=make_method("lglsq", **SYMMETRIC))
    train(own, x, target, Settings(epochs=6, batch=16, lr=0.02))
    check(own, noise(6, 8, 8, 1, seed=9))


def test_full_precision_is_exported_fused_too() -> None:
    fused, images = fuse(made(Residual), pictures()), noise(4, 8, 8, 1)
    found = qnet.forward(export_float(fused, (8, 8, 1)), images)
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255
    np.testing.assert_allclose(found, fused(x).detach(), atol=1e-5 * np.abs(found).max())


def test_first_steps_are_those_of_the_fused_weights() -> None:
    own: Any = quantized(Plain)
    for name in fused_layers(own):
        layer = own.get_submodule(name)
        weight = layer.norm.weight / (layer.norm.running_var + layer.norm.eps).sqrt()
        weight = weight.reshape(-1, 1, 1, 1) * layer.weight
        quantizer = layer.weight_quantizer
        wanted = 2 * weight.abs().mean() / quantizer.grid.high**0.5
        assert torch.allclose(quantizer.step.detach(), wanted.detach()), name


def test_layer_bits_are_stronger_than_bits_of_activations() -> None:
    own = quantized(Plain, 4, layer_bits={"body.3": 5}, activation_bits=8)
    bits = {
        name: (layer.weight_quantizer.grid.bits, layer.input_quantizer.grid.bits)
        for name, layer in own.named_modules()
        if hasattr(layer, "weight_quantizer")
    }
    assert bits == {"body.0": (8, 8), "body.3": (5, 5), "body.6": (4, 8), "fc": (8, 8)}


# What is refused


class Chain(nn.Module):
    """Modules in a chain, with a twist by its name."""

    def __init__(self, twist: str) -> None:
        super().__init__()
        mode: Any = "reflect" if twist == "padding" else "zeros"
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1, padding_mode=mode)
        self.norm1 = nn.BatchNorm2d(
            3, affine=twist != "affine", track_running_stats=twist != "track"
        )
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.twist = twist

    def forward(self, x: Any) -> Any:
        first = self.conv1(x)
        if self.twist == "inplace":
            first = self.relu(first)
        x = self.norm1(first.relu() if self.twist == "relu first" else first)
        second = self.conv2(x)
        if self.twist == "two norms":
            return self.norm2(second) + self.norm1(second)
        if self.twist == "shared":
            return self.norm1(second)
        if self.twist == "elsewhere":
            return self.norm2(second) + 1e-6 * first
        return self.norm2(second)


REFUSED = {
    "norm1: batch norm of conv1 and conv2 found": "shared",
    "norm1: batch norm of conv1 and conv2 found; one only can be": "two norms",
    "norm1: batch norm without running statistics or without weights": "affine",
    "norm1: batch norm without running statistics or": "track",
    "norm1: batch norm of what no layer made found": "relu first",
    "norm1: batch norm of what no layer made": "inplace",
    "conv1: a result that is used elsewhere than in its batch norm too": "elsewhere",
    "conv1: Conv2d with padding mode 'reflect' found": "padding",
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_fused_is_refused_by_its_name(sentence: str) -> None:
    twisted = Chain(REFUSED[sentence]).eval()
    with pytest.raises(ValueError, match=r"^" + sentence):
        fuse(twisted, pictures())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in twisted.modules())
    fuse(Chain("none").eval(), pictures())


def test_a_result_of_two_norms_is_refused() -> None:
    class Both(Chain):
        def forward(self, x: Any) -> Any:
            first = self.conv1(x)
            return self.norm1(first) + self.norm2(first)

    with pytest.raises(ValueError, match=r"^conv1: its result goes to norm1 and norm2 found; one"):
        fuse(Both("none").eval(), pictures())


def test_a_layer_that_is_called_twice_with_its_norm_is_fused() -> None:
    class Twice(Chain):
        def forward(self, x: Any) -> Any:
            x = self.norm1(self.conv1(x))
            return self.norm2(self.conv2(self.norm2(self.conv2(x))))

    plain, x = made(lambda: Twice("none")), pictures()
    assert apart(fuse(plain, x)(x), plain(x)) < 1e-5


def test_a_network_without_norms_or_with_changed_layers_is_refused() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    with pytest.raises(ValueError, match=r"^model: no batch norm behind a layer found"):
        fuse(plain, pictures())

    class Odd(nn.BatchNorm2d):
        def forward(self, x: Any) -> Any:
            return super().forward(x) + 1

    odd = nn.Sequential(nn.Conv2d(1, 2, 3), Odd(2)).eval()
    with pytest.raises(ValueError, match=r"^model: with its batch norms fused it differs by"):
        fuse(odd, pictures())


def test_quantizing_fused_layers_has_its_refusals() -> None:
    x, fused = pictures(), fuse(made(Plain), pictures())
    with pytest.raises(ValueError, match=r"^body\.0: per_channel with a fused batch norm found"):
        convert(fused, LSQ, 4, x, per_channel=True)
    with pytest.raises(ValueError, match=r"^body\.0: a grid of weights without a zero found"):
        convert(fused, make_method("uniq"), 4, x)
    with pytest.raises(ValueError, match=r"^activation_bits: 9 bits"):
        convert(fused, LSQ, 4, x, activation_bits=9)
    with pytest.raises(ValueError, match=r"^body\.0: FusedConv2d cannot be converted"):
        convert(convert(fused, LSQ, 4, x), LSQ, 4, x)


def test_modules_in_two_places_are_replaced_in_both() -> None:
    plain = made(Plain)
    plain.again = plain.body[0]
    fused: Any = fuse(plain, pictures())
    assert isinstance(fused.again, FusedConv2d)
    assert fused.again is fused.body[0]
    dense = fuse(made(Residual), pictures()).get_submodule("dense")
    assert isinstance(dense, FusedLinear)

"""Gradients of the steps where they are used: in the layers of converted networks."""

import math
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from neurobot.quantize import Method, convert, make_method, quantizers, set_progress  # noqa: E402
from neurobot.quantize.lg_lsq import LgLsq  # noqa: E402
from neurobot.quantize.settings import Settings  # noqa: E402
from neurobot.quantize.training import train  # noqa: E402

Tensor = Any
MIDDLE = 2  # the layer that is looked at
BATCH, SIDE, CHANNELS = 3, 4, 5
OFF: dict[str, Any] = {"step_rule": "lsq", "sharpness": None, "mde": "off", "tail": "none"}


def images(count: int = BATCH) -> Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.rand(count, 1, SIDE, SIDE, generator=generator, dtype=torch.float64)


def network() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = nn.Sequential(
            nn.Conv2d(1, CHANNELS, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, 6, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(6 * (SIDE - 2) ** 2, 4),
        )
    return model.double().eval()


def converted(method: Method, bits: int) -> Any:
    """Convert, then move the steps, so that some values lie outside of the range."""
    made: Any = convert(network(), method, bits, images()).train()
    for own in quantizers(made).values():
        own.step.data *= 0.6
    return made


def caught(made: Any, weigh: float) -> tuple[Tensor, Tensor]:
    """Run a loss backward; return what the middle layer read, and the gradient of its output."""
    kept: list[Tensor] = []

    def hook(module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        output.retain_grad()
        kept.extend((inputs[0].detach(), output))

    handle = made[MIDDLE].register_forward_hook(hook)
    made.zero_grad()
    (weigh * made(images()).sin()).sum().backward()
    handle.remove()
    return kept[0], kept[1].grad


def rounded(x: Tensor) -> Tensor:
    return x + (x.round() - x).detach()


def plain(x: Tensor, step: Tensor, g: float, low: int, high: int, offset: float) -> Tensor:
    """The papers' formula, for autograd: only rounding is passed straight through."""
    own = g * step + (step - g * step).detach()
    return own * (rounded((x / own + offset).clamp(low, high)) - offset)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("name", ["lsq", "uniq"])
def test_a_layers_gradients_are_those_of_the_formula_by_autograd(name: str, bits: int) -> None:
    made = converted(make_method(name), bits)
    layer = made[MIDDLE]
    x, upstream = caught(made, 1.0)
    top, weights = 2**bits - 1, layer.weight.numel()
    half = 2 ** (bits - 1)
    if name == "uniq":
        g = 1 / math.sqrt(weights * max(half - 1, 1)), 1 / math.sqrt(x.numel() * top)
        limits = (0, top, top / 2)
    else:
        g = 1 / math.sqrt(weights * max(half - 1, 1)), 1 / math.sqrt(x[0].numel() * top)
        limits = (-half, half - 1, 0.0)
    weight, of_weights, of_inputs = (
        p.detach().clone().requires_grad_()
        for p in (layer.weight, layer.weight_quantizer.step, layer.input_quantizer.step)
    )
    y = nn.functional.conv2d(
        plain(x, of_inputs, g[1], 0, top, 0.0), plain(weight, of_weights, g[0], *limits), layer.bias
    )
    expected = torch.autograd.grad(y, (weight, of_weights, of_inputs), upstream)
    found = (layer.weight.grad, layer.weight_quantizer.step.grad, layer.input_quantizer.step.grad)
    for one, other in zip(found, expected, strict=True):
        # Both are sums of the same products in float64, in another order.
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert bool(one.abs().sum() > 0)


def error_of(x: list[float], step: float, low: int, high: int) -> float:
    codes = [min(max(round(value / step), low), high) for value in x]
    pairs = zip(x, codes, strict=True)
    return sum((value - step * code) ** 2 for value, code in pairs) / len(x)


def llsq(x: list[float], step: float, low: int, high: int) -> float:
    """LLSQ's rule in words: towards the best of half, same and double, ties shrink, by step^2."""
    half, same, double = (error_of(x, step * f, low, high) for f in (0.5, 1.0, 2.0))
    if same < half and same < double:
        return 0.0
    return step**2 if half <= double else -(step**2)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_llsq_in_a_layer_equals_a_plain_loop_whatever_the_loss(bits: int) -> None:
    seen = set()
    for factor in (0.1, 0.4, 1.0, 1.7, 6.0):
        made: Any = convert(network(), make_method("llsq"), bits, images()).train()
        layer = made[MIDDLE]
        steps = [layer.weight_quantizer.step, layer.input_quantizer.step]
        for step in steps:
            step.data *= factor
        for weigh in (1.0, -3.0):
            x, _ = caught(made, weigh)
            half = 2 ** (bits - 1)
            expected = [
                llsq(layer.weight.flatten().tolist(), steps[0].item(), -half, half - 1),
                llsq(x.flatten().tolist(), steps[1].item(), 0, 2**bits - 1),
            ]
            assert [step.grad.item() for step in steps] == pytest.approx(expected, rel=1e-12)
            seen |= {math.copysign(1, value) if value else 0 for value in expected}
    assert seen == {-1, 0, 1}


def trained(method: Method, bits: int) -> dict[str, Tensor]:
    made: Any = convert(network().float(), method, bits, images().float())
    labels = torch.arange(16) % 4
    train(made, images(16).float(), labels, Settings(epochs=5, batch=4, lr=0.1, seed=1))
    return dict(made.state_dict())


@pytest.mark.parametrize("bits", [2, 3])
def test_twenty_steps_with_everything_off_end_with_lsqs_very_weights(bits: int) -> None:
    lsq, off = trained(make_method("lsq"), bits), trained(LgLsq(**OFF), bits)
    assert lsq.keys() == off.keys()
    assert all(torch.equal(lsq[name], off[name]) for name in lsq)
    on = trained(LgLsq(), bits)
    assert not all(torch.equal(lsq[name], on[name]) for name in lsq)


def test_methods_that_follow_the_progress_are_lsq_at_its_end() -> None:
    """ssg-sum without ASR, MDE and tail has no pull left at the end."""
    found = []
    for settings in (OFF, OFF | {"step_rule": "ssg-sum"}):
        made = converted(LgLsq(**settings), 3)
        set_progress(made, 1.0)
        caught(made, 1.0)
        found.append([own.step.grad for own in quantizers(made).values()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))

"""LG-LSQ: soft rounding, discretization error and the simulated gradient of the step."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

torch = pytest.importorskip("torch")

from neurobot.quantize import LgLsq, Quantizer, make_method  # noqa: E402
from neurobot.quantize.grids import Grid, signed, unsigned  # noqa: E402

Tensor = Any
OFF: dict[str, Any] = {"step_rule": "lsq", "sharpness": None, "tail": "none", "mde": "off"}
ONLY_ASR: dict[str, Any] = OFF | {"sharpness": 2.0}
# t: largest slope, smallest slope, largest |soft(v) - v| (facts of LG-LSQ, 1.6), as printed there.
SLOPES = {
    0.1: (1.001, 0.998, 0.0002),
    1: (1.078, 0.863, 0.014),
    2: (1.273, 0.637, 0.045),
    3: (1.526, 0.470, 0.077),
    5: (2.100, 0.290, 0.130),
    10: (3.641, 0.140, 0.209),
    20: (6.798, 0.067, 0.280),
}
# bits, narrow: the best step for a unit Gaussian and its error (facts, 1.5), as printed there.
OPTIMA = {
    (2, False): (1.054, 0.150),
    (2, True): (1.227, 0.191),
    (3, False): (0.602, 0.0408),
    (3, True): (0.654, 0.0472),
    (4, False): (0.339, 0.0119),
    (4, True): (0.353, 0.0130),
    (8, False): (0.031, 9e-5),
}
OPTIMA_OF_INPUTS = {2: (0.647, 0.0237), 3: (0.355, 0.0065), 4: (0.195, 0.0019)}


def draw(seed: int, *shape: int, kind: Any = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=kind)


def unit(settings: dict[str, Any], grid: Grid | None = None, weights: bool = False) -> Quantizer:
    """Make a quantizer of step 1 in doubles."""
    made = Quantizer(make_method("lglsq", **settings), grid or signed(4), weights=weights)
    return made.double()


def slope(own: Quantizer, v: Tensor, upstream: Tensor | None = None) -> Tensor:
    """Return the gradient of x at v."""
    x = v.clone().requires_grad_()
    (found,) = torch.autograd.grad(own(x), x, torch.ones_like(v) if upstream is None else upstream)
    return found


def soft(v: float, t: float) -> float:
    """State the arctangent soft round itself, whose slope the quantizer has."""
    r = v - math.floor(v) - 0.5
    return math.floor(v) + 0.5 + math.atan(t * r) / (2 * math.atan(t / 2))


def test_the_soft_slopes_have_the_printed_bounds_and_never_vanish() -> None:
    v = torch.linspace(-2, 3, 50_001, dtype=torch.float64)
    for t, (largest, smallest, away) in SLOPES.items():
        found = slope(unit(ONLY_ASR | {"sharpness": float(t)}), v)
        assert found.max().item() == pytest.approx(largest, abs=6e-4), t
        assert found.min().item() == pytest.approx(smallest, abs=6e-4), t
        assert found.min().item() > 0, t
        gap = max(abs(soft(x, t) - x) for x in np.linspace(0, 1, 1001))
        assert gap == pytest.approx(away, abs=6e-4), t


def test_the_soft_slope_is_the_derivative_of_the_soft_round() -> None:
    v = draw(1, 200).clamp(-7, 6) + 1e-3
    for t in SLOPES:
        found = slope(unit(ONLY_ASR | {"sharpness": float(t)}), v).tolist()
        for x, s in zip(v.tolist(), found, strict=True):
            expected = (soft(x + 1e-6, t) - soft(x - 1e-6, t)) / 2e-6
            assert s == pytest.approx(expected, rel=1e-6), (x, t)


def test_the_mean_slope_of_a_cell_is_one() -> None:
    for t in SLOPES:
        own = unit(ONLY_ASR | {"sharpness": float(t)})

        def at(v: float, own: Quantizer = own) -> float:
            return float(slope(own, torch.tensor([v], dtype=torch.float64)))

        # Gauss-Kronrod with breaks at the peak; its own estimate of the error is below 1e-10.
        mean = quad(at, 2, 3, points=[2.5], epsabs=1e-11, limit=60)[0]
        assert mean == pytest.approx(1, abs=1e-10), t


def test_sharpness_goes_to_straight_through_and_anneals() -> None:
    v = draw(2, 100)
    straight = slope(unit(OFF), v)
    nearly = slope(unit(ONLY_ASR | {"sharpness": 1e-4}), v)
    torch.testing.assert_close(nearly, straight, rtol=0, atol=1e-8)
    own = unit(ONLY_ASR | {"sharpness": 1.0, "sharpness_end": 5.0})
    for progress, t in ((0.0, 1.0), (0.5, 3.0), (1.0, 5.0)):
        own.progress = progress
        assert torch.equal(slope(own, v), slope(unit(ONLY_ASR | {"sharpness": t}), v))


def test_the_discretization_error_leans_the_gradient() -> None:
    settings = OFF | {"mde": "grad", "delta": 0.2}
    v, up = draw(3, 300).clamp(-7, 6), draw(4, 300)
    found = slope(unit(settings), v, up)
    expected = [
        g * (1 + 0.2 * math.copysign(1, g) * (x - round(x)))
        for x, g in zip(v.tolist(), up.tolist(), strict=True)
    ]
    torch.testing.assert_close(
        found, torch.tensor(expected, dtype=torch.float64), rtol=1e-14, atol=0
    )


def test_every_value_in_range_keeps_a_share_of_its_gradient() -> None:
    v, up = 3 * draw(5, 4000), draw(6, 4000)
    for t in (1.0, 2.0, 5.0):
        for delta in (0.05, 0.5, 1.9):
            ratio = slope(unit({"sharpness": t, "delta": delta, "tail": "none"}), v, up) / up
            inside = (v > -8) & (v < 7)
            least = t / (2 * math.atan(t / 2)) / (1 + t * t / 4) * (1 - delta / 2)
            assert 0 < least <= ratio[inside].min()
            assert not ratio[~inside].any()


def test_the_tail_reaches_outside_of_the_range_only() -> None:
    v, up = torch.tensor([-11.0, -8.0, 0.3, 7.0, 7.5, 9.0], dtype=torch.float64), draw(1, 6)
    without = slope(unit({"tail": "none"}), v, up)
    of_weights = slope(unit({"tail": "weights"}, weights=True), v, up)
    fading = torch.tensor(
        [1 / 37, 1, 0, 1, 1 / 2, 1 / 17], dtype=torch.float64
    )  # 1 / (1 + (2 d)^2)
    torch.testing.assert_close(of_weights, without + up * fading, rtol=1e-14, atol=0)
    assert torch.equal(slope(unit({"tail": "weights"}), v, up), without), (
        "of weights, not of inputs"
    )
    assert torch.equal(slope(unit({"tail": "all"}), v, up), of_weights)
    llsq = Quantizer(make_method("llsq"), signed(4), weights=True).double()
    assert torch.equal(slope(llsq, v, up), up), "LLSQ's weights have no mask"


def run(name: str, case: int, **settings: Any) -> list[Tensor]:
    """Return output, gradients of x and of the step for a random case, in floats."""
    bits, role = 2 + case % 7, case // 7 % 4
    scale = math.exp(float(draw(case, 1)))
    x, up = (
        scale * draw(case, 5, 7, 3, kind=torch.float32),
        draw(-case, 5, 7, 3, kind=torch.float32),
    )
    method = make_method(name, **settings)
    grid = method.weight_grid(bits) if role < 2 else method.activation_grid(bits, role == 3)
    own = Quantizer(method, grid, weights=role < 2, channels=5 if role == 1 else 1)
    own.calibrate(x)
    own.progress = case % 5 / 4
    x.requires_grad_()
    y = own(x)
    return [y.detach(), *torch.autograd.grad(y, (x, own.step), up)]


def test_with_everything_off_it_is_lsq_bit_for_bit() -> None:
    others = {"delta=0": OFF | {"mde": "grad", "delta": 0.0}, "t=0": OFF | {"sharpness": 0.0}}
    for case in range(7 * 4 * 3):
        lsq = run("lsq", case)
        for settings in (OFF, *others.values()):
            for expected, found in zip(lsq, run("lglsq", case, **settings), strict=True):
                assert torch.equal(expected, found), (case, settings)
    for key, value in {"sharpness": 2.0, "mde": "grad", "tail": "weights"}.items():
        assert not torch.equal(run("lsq", 0)[1], run("lglsq", 0, **OFF | {key: value})[1]), key
    for rule in ("sim", "ssg", "ssg-sum", "ssg-mix", "ssg-fd"):
        pairs = [(run("lsq", c), run("lglsq", c, **OFF | {"step_rule": rule})) for c in range(30)]
        assert any(not torch.equal(a[2], b[2]) for a, b in pairs), rule
        # LLSQ starts at other steps; the other rules leave the gradient of x as it is.
        assert rule == "sim" or all(torch.equal(a[1], b[1]) for a, b in pairs), rule


def error_of(grid: Grid, x: list[float], step: float) -> float:
    """Return the mean squared error of rounding, in plain Python."""
    rounded = (step * round(min(max(v / step, grid.low), grid.high)) for v in x)
    return sum((v - y) ** 2 for v, y in zip(x, rounded, strict=True)) / len(x)


def llsq_direction(grid: Grid, x: list[float], step: float) -> int:
    """State LLSQ's rule: to the best of half, same and double; ties shrink."""
    half, same, double = (error_of(grid, x, factor * step) for factor in (0.5, 1.0, 2.0))
    if half > same:
        return 0 if double > same else -1
    if double > same:
        return 1
    return 1 if double >= half else -1


def test_llsq_equals_plain_python() -> None:
    seen = set()
    for case in range(120):
        x = draw(case, 4, 12)
        grid = unsigned(2 + case % 3) if case % 2 else signed(2 + case % 3)
        own = Quantizer(make_method("llsq"), grid, weights=False).double()
        own.step.data.fill_(math.exp(float(draw(-case, 1)) - 0.5))
        step = own.step.item()
        y = own(x)
        (found,) = torch.autograd.grad(y, own.step, torch.zeros_like(y))  # the loss has no say
        expected = llsq_direction(grid, x.reshape(-1).tolist(), step)
        assert found.item() == pytest.approx(expected * step**2, rel=1e-15), case
        seen.add(expected)
    assert seen == {-1, 0, 1}
    zeros = Quantizer(make_method("llsq"), signed(3), weights=True)
    y = zeros(torch.zeros(3, 4))
    assert torch.autograd.grad(y, zeros.step, y)[0].item() == 1, "ties shrink"
    ends = Quantizer(make_method("llsq"), signed(2), weights=True)
    y = ends(torch.tensor([-2.0]))  # hit by 2 of -1, by 1 of -2, and not by 4 of -0.5
    assert torch.autograd.grad(y, ends.step, y)[0].item() == -1, "as good doubled: it grows"


def test_llsq_first_steps() -> None:
    method = make_method("llsq")
    x = draw(1, 6, 40)
    top, rows = x.abs().max().item(), x.abs().amax(1)

    def first(grid: Grid, weights: bool, channels: int = 1) -> Tensor:
        own = Quantizer(method, grid, weights=weights, channels=channels).double()
        own.calibrate(x)
        return own.step.detach()

    for bits in range(2, 9):
        half = 2 ** (bits - 1)
        assert first(signed(bits), True).item() == pytest.approx(top / half)
        torch.testing.assert_close(first(signed(bits), True, 6), rows / (half - 1))
        inputs = top / 2**bits if bits >= 4 else top / (2 * (2**bits - 1))
        assert first(unsigned(bits), False).item() == pytest.approx(inputs)


def settle(grid: Grid, x: Tensor, first: float) -> float:
    """Let ssg alone move a step, 400 updates of 0.75 %, and return it."""
    own = Quantizer(LgLsq(step_rule="ssg", rate=0.1), grid, weights=True)
    own.step.data.fill_(first)
    for update in range(400):
        own.progress = update / 400
        y = own(x)
        (grad,) = torch.autograd.grad(y, own.step, y)
        own.step.data -= 0.075 * grad
    return own.step.item()


def gaussian(count: int) -> Tensor:
    """Return the quantiles of a unit Gaussian in the middles of equal shares."""
    return torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count).float()


def best_of(grid: Grid, x: Tensor, about: float) -> tuple[float, float]:
    """Search a grid of steps, 0.5 % apart, for the smallest error."""
    steps = [about * 1.005**i for i in range(-40, 41)]
    errors = [
        ((x - a * (x / a).round().clamp(grid.low, grid.high)) ** 2).mean().item() for a in steps
    ]
    best = min(range(len(steps)), key=errors.__getitem__)
    return steps[best], errors[best]


@pytest.mark.parametrize(("bits", "narrow"), OPTIMA)
def test_ssg_reaches_the_best_step_of_a_gaussian(bits: int, narrow: bool) -> None:
    printed_step, printed_error = OPTIMA[bits, narrow]
    method = LgLsq(symmetric_weights=narrow)
    grid, x = method.weight_grid(bits), gaussian(4000)
    best, error = best_of(grid, gaussian(200_000), printed_step)
    # The table's Gaussian was drawn, 200 000 times, and its errors have two or three digits.
    assert best == pytest.approx(printed_step, rel=0.015)
    assert error == pytest.approx(printed_error, rel=0.06 if bits == 8 else 0.01)
    best, _ = best_of(grid, x, printed_step)
    first = method.initial_step(x.reshape(1, -1), grid, True).item()
    assert first > 1.2 * best, "LSQ starts too high"
    for start in (first, printed_step / 3):
        # It stops where neither f nor 1/f is better, f = 1.05, give or take an update.
        assert settle(grid, x, start) == pytest.approx(best, rel=0.06)


@pytest.mark.parametrize("bits", OPTIMA_OF_INPUTS)
def test_ssg_reaches_the_best_step_of_rectified_values(bits: int) -> None:
    printed_step, printed_error = OPTIMA_OF_INPUTS[bits]
    grid = unsigned(bits)
    best, error = best_of(grid, gaussian(200_000).relu(), printed_step)
    assert best == pytest.approx(printed_step, rel=0.015)
    assert error == pytest.approx(printed_error, rel=0.03)
    x = gaussian(4000).relu()
    best, _ = best_of(grid, x, printed_step)
    assert settle(grid, x, 2 * printed_step) == pytest.approx(best, rel=0.06)


def step_gradients(rule: str, own_step: float, progress: float) -> float:
    own = Quantizer(LgLsq(step_rule=rule), signed(3), weights=True).double()
    own.step.data.fill_(own_step)
    own.progress = progress
    y = own(draw(1, 500))
    (grad,) = torch.autograd.grad(y, own.step, draw(2, 500))
    return float(grad)


def test_the_reconstructed_rules_by_their_definitions() -> None:
    x = draw(1, 500).tolist()
    for step, progress in ((2.0, 0.0), (0.1, 0.0), (1.1, 0.5), (0.3, 0.5), (2.0, 1.0)):
        g = {rule: step_gradients(rule, step, progress) for rule in ("lsq", "ssg", "ssg-sum")}
        g |= {rule: step_gradients(rule, step, progress) for rule in ("ssg-mix", "ssg-fd")}
        d = 1 if step > 0.7 else -1
        assert g["ssg"] == pytest.approx(d * 0.2 * step)
        assert g["ssg-mix"] == pytest.approx(d * abs(g["lsq"]))
        share = 0.5 * (1 - progress)
        assert g["ssg-sum"] == pytest.approx(g["lsq"] + share * d * abs(g["lsq"]))
        assert g["ssg-sum"] * g["lsq"] > 0, "the loss decides the sign"
        f, scale = 2 * (1.05 / 2) ** progress, math.sqrt(500 / 3)  # g N = sqrt(N / Qp)
        rise = error_of(signed(3), x, f * step) - error_of(signed(3), x, step / f)
        assert g["ssg-fd"] == pytest.approx(scale * rise / (2 * step * math.log(f)))
    assert step_gradients("ssg-sum", 2.0, 1.0) == step_gradients("lsq", 2.0, 1.0), "it ends as LSQ"


def test_samples_of_large_inputs_walk_through_all_columns() -> None:
    x = torch.full((5, 33_000), 0.4)  # 165 000 values, ten times the sample
    x[:, 1::2] = 1.2
    # 0.4 alone would shrink the step, as 0.2 hits it too (a tie); with 1.2 the step is best.
    for values, expected in ((x[:, ::2], 0.2 * 0.4), (x, 0.0)):
        own = Quantizer(LgLsq(step_rule="ssg", rate=0.2), unsigned(2), weights=False)
        own.step.data.fill_(0.4)
        y = own(values)
        (grad,) = torch.autograd.grad(y, own.step, y)
        assert grad.item() == pytest.approx(expected)


def test_the_forward_form_starts_in_full_precision_and_ends_quantized() -> None:
    own = Quantizer(make_method("lglsq", mde="forward"), signed(2), weights=True)
    x = draw(1, 40, kind=torch.float32)
    assert torch.equal(own(x), x)
    own.progress = 0.5
    torch.testing.assert_close(own(x), (x + own.integers(x) * own.scale) / 2)
    own.progress = 1.0
    assert torch.equal(own(x), own.integers(x) * own.scale)
    own.progress = 0.0
    own.eval()
    assert torch.equal(own(x), own.integers(x) * own.scale), "what is deployed is on the grid"


def test_the_loss_form_pulls_weights_to_their_levels() -> None:
    own = Quantizer(make_method("lglsq", mde="loss", loss_weight=0.5), signed(3), weights=True)
    x = draw(1, 40, kind=torch.float32).requires_grad_()
    own(x)
    assert own.error is None, "its weight rises from 0"
    own.progress = 1.0
    y = own(x)
    error: Any = own.error
    (grad,) = torch.autograd.grad(error, x)
    torch.testing.assert_close(grad, 2 * (x - y).detach() / 40)
    assert own.method.penalty_weight(1.0) == 0.5
    assert own.method.penalty_weight(0.5) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"step_rule": "sgg"}, "ssg-sum"),
        ({"mde": "on"}, "forward"),
        ({"tail": "inputs"}, "weights"),
        ({"delta": 2.0}, "delta"),
        ({"sharpness": -1.0}, "sharpness"),
        ({"sharpness": math.nan}, "sharpness"),
        ({"sharpness": None, "sharpness_end": 5.0}, "sharpness_end"),
        ({"sharpness": "2"}, "lglsq: sharpness '2'; allowed is 0 or more"),
        ({"rate": None}, "rate None; allowed is 0 or more, below 1"),
        ({"symmetric_weights": "no"}, "symmetric_weights 'no'; true or false"),
    ],
)
def test_wrong_switches_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make_method("lglsq", **settings)

"""LSQ, UniQ and what all quantizers share, against slow or independent statements of them."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurobot.quantize import METHODS, Grid, Pixels, Quantizer, make_method  # noqa: E402
from neurobot.quantize.grids import mid_rise, signed, symmetric, unsigned  # noqa: E402
from neurobot.quantize.uniq import gaussian_error, gaussian_step  # noqa: E402

Tensor = Any
ROLES = ("weights", "channels", "inputs", "signed inputs")
# The released constants as recomputed by an independent minimization (facts of UniQ, A.4).
C_W = [1.5957691, 0.9956803, 0.5860197, 0.3352065, 0.1881386, 0.1040632, 0.0568679, 0.0307622]
C_A = [1.2240152, 0.6507695, 0.3534101, 0.1932487, 0.1054875, 0.0572625, 0.0308700, 0.0165282]


def draw(seed: int, *shape: int, kind: Any = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=kind)


def quantizer(name: str, bits: int, role: str, x: Tensor, **settings: Any) -> Quantizer:
    """Make a quantizer for a role, calibrated on x, which has six channels."""
    method = make_method(name, **settings)
    weights = role in ("weights", "channels")
    if weights:
        grid = method.weight_grid(bits)
    else:
        grid = method.activation_grid(bits, signed=role == "signed inputs")
    made = Quantizer(method, grid, weights=weights, channels=6 if role == "channels" else 1)
    made = made.to(x)
    made.calibrate(x)
    return made


def gradients(own: Quantizer, x: Tensor, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output, the gradient of x and the gradient of the step."""
    x = x.clone().requires_grad_()
    y = own(x)
    return y.detach(), *torch.autograd.grad(y, (x, own.step), upstream)


def every_case() -> list[tuple[str, int, str]]:
    return [(name, bits, role) for name in METHODS for bits in range(1, 9) for role in ROLES]


def naive_level(grid: Grid, x: float, step: float) -> float:
    """Return the level of one value, in steps; Python rounds half to even."""
    return round(min(max(x / step + grid.offset, grid.low), grid.high)) - grid.offset


def test_every_quantizer_rounds_as_plain_python_does() -> None:
    cases = every_case()
    assert len(cases) >= 4 * 8 * 4, "an empty table would make this test vacuous"
    for name, bits, role in cases:
        x = draw(bits, 6, 20)
        own = quantizer(name, bits, role, x)
        steps = own.step.detach().expand(6).tolist()
        expected = [
            [naive_level(own.grid, value, step) * step for value in row]
            for row, step in zip(x.tolist(), steps, strict=True)
        ]
        assert own(x).tolist() == expected, (name, bits, role)


def test_values_are_integers_times_the_scale_and_few() -> None:
    for name, bits, role in every_case():
        x = 3 * draw(bits, 6, 500, kind=torch.float32)
        own = quantizer(name, bits, role, x)
        y, whole = own(x).detach(), own.integers(x)
        scale = own.scale.reshape(-1, 1)
        assert whole.dtype == torch.int32
        assert torch.equal(whole * scale, y), (name, bits, role)
        for row, integers in zip(y.expand(6, -1), whole, strict=True):
            assert 2 <= len(row.unique()) <= 2**bits, (name, bits, role)
            assert len(integers.unique()) == len(row.unique())


def test_level_sets() -> None:
    def levels(grid: Grid) -> list[float]:
        return [code - grid.offset for code in range(grid.low, grid.high + 1)]

    assert levels(signed(2)) == [-2, -1, 0, 1]
    assert levels(symmetric(3)) == [-3, -2, -1, 0, 1, 2, 3]
    assert levels(unsigned(1)) == [0, 1]
    assert levels(mid_rise(1)) == [-0.5, 0.5]
    assert levels(mid_rise(2)) == [-1.5, -0.5, 0.5, 1.5]
    assert len(levels(mid_rise(8))) == len(levels(signed(8))) == len(levels(unsigned(8))) == 256
    assert mid_rise(3).signed
    assert not unsigned(3).signed


def test_ties_go_to_the_even_code() -> None:
    x = torch.tensor([[-1.5, -0.5, 0.0, 0.5, 1.5, 2.5]])
    ordinary = Quantizer(make_method("lsq"), signed(4), weights=True)
    assert ordinary.integers(x).tolist() == [[-2, 0, 0, 0, 2, 2]]
    odd = Quantizer(make_method("uniq"), mid_rise(1), weights=True)
    assert odd.integers(torch.zeros(1)).tolist() == [-1], "zero lies between -D/2 and D/2"


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (lambda: signed(0), "0 bits"),
        (lambda: unsigned(9), "9 bits"),
        (lambda: Grid(2.5, 0, 3), "2.5 bits"),  # type: ignore[arg-type]
        (lambda: Grid(True, 0, 1), "True bits"),
        (lambda: Grid(2, 0, 4), "0..4"),
        (lambda: Grid(2, 1, 1), "1..1"),
        (lambda: Grid(2, -2, 1, odd=True), "0..3"),
        (lambda: symmetric(1), "1 bit, which"),
    ],
)
def test_grids_that_bits_cannot_hold_are_refused(grid: Callable[[], Grid], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        grid()


def lsq_by_autograd(own: Quantizer, x: Tensor, upstream: Tensor, g: float) -> tuple[Tensor, Tensor]:
    """State LSQ by the detach trick and let autograd differentiate."""
    x, step = x.clone().requires_grad_(), own.step.detach().clone().requires_grad_()
    scaled = step * g + (step - step * g).detach()
    over = scaled.reshape(-1, *[1] * (x.dim() - 1))
    clipped = torch.clamp(x / over, own.grid.low, own.grid.high)
    y = (clipped + (clipped.round() - clipped).detach()) * over
    of_x, of_step = torch.autograd.grad(y, (x, step), upstream)
    return of_x, of_step


@pytest.mark.parametrize("role", ROLES)
def test_lsq_equals_autograd(role: str) -> None:
    for bits in range(2, 9):
        x, upstream = draw(bits, 6, 3, 4), draw(bits + 100, 6, 3, 4)
        own = quantizer("lsq", bits, role, x)
        shared = {"weights": 72, "channels": 12}.get(role, 12)  # 12 features of each sample
        highest = 2**bits - 1 if role == "inputs" else 2 ** (bits - 1) - 1
        g = 1 / math.sqrt(shared * highest)
        _, of_x, of_step = gradients(own, x, upstream)
        expected_x, expected_step = lsq_by_autograd(own, x, upstream, g)
        # Autograd multiplies by the step and divides again; what is masked is exactly zero.
        torch.testing.assert_close(of_x, expected_x, rtol=1e-15, atol=0)
        # Both sum 72 terms below 130 in doubles, in different orders.
        torch.testing.assert_close(of_step, expected_step, rtol=0, atol=72 * 130 * g * 1e-15)


def test_lsq_slopes_of_the_step_by_finite_differences() -> None:
    own = quantizer("lsq", 3, "weights", draw(1, 6, 50))
    own.step.data.fill_(0.4)
    for value in (-5.0, -1.3, -0.45, 0.1, 0.33, 1.19, 1.21, 7.0):
        x = torch.tensor([value], dtype=torch.float64)
        level = naive_level(own.grid, value, 0.4)
        lost = level - min(max(value / 0.4, -4), 3)

        def y(step: float, value: float = value, lost: float = lost) -> float:
            return step * (min(max(value / step, -4), 3) + lost)

        slope = (y(0.4 + 1e-6) - y(0.4 - 1e-6)) / 2e-6
        found = gradients(own, x, torch.ones_like(x))[2].item() * math.sqrt(1 * 3)
        assert found == pytest.approx(slope, abs=1e-8), value  # 1e-16 / 1e-6, and a margin


def test_the_ends_of_the_range_pass_no_gradient() -> None:
    own = Quantizer(make_method("lsq"), signed(2), weights=True).double()
    own.step.data.fill_(0.5)
    x = torch.tensor([-1.0, -0.999, 0.499, 0.5], dtype=torch.float64)  # the ends are -1 and 0.5
    upstream = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    _, of_x, of_step = gradients(own, x, upstream)
    assert of_x.tolist() == [0, 10, 100, 0]
    slopes = [-2.0, -2 + 0.999 / 0.5, 1 - 0.499 / 0.5, 1.0]
    expected = sum(a * b for a, b in zip(slopes, upstream.tolist(), strict=True)) / math.sqrt(4)
    assert of_step.item() == pytest.approx(expected, rel=1e-12)


def test_lsq_first_steps() -> None:
    x = draw(3, 6, 40)
    for bits in (2, 3, 4, 8):
        mean, top = x.abs().mean().item(), 2 ** (bits - 1) - 1
        assert quantizer("lsq", bits, "weights", x).step.item() == pytest.approx(
            2 * mean / math.sqrt(top)
        )
        assert quantizer("lsq", bits, "inputs", x).step.item() == pytest.approx(
            2 * mean / math.sqrt(2**bits - 1)
        )
        rows = quantizer("lsq", bits, "channels", x).step.tolist()
        means = [2 * row.abs().mean().item() / math.sqrt(top) for row in x]
        assert rows == pytest.approx(means)


def test_uniq_constants_are_those_of_the_paper() -> None:
    for bits in range(1, 9):
        # The released values are minima on a grid: they agree to 1e-4.
        assert gaussian_step(bits, rectified=False) == pytest.approx(C_W[bits - 1], rel=1e-4)
        assert gaussian_step(bits, rectified=True) == pytest.approx(C_A[bits - 1], rel=1e-4)
    assert gaussian_step(1, rectified=False) == pytest.approx(2 * math.sqrt(2 / math.pi), rel=1e-7)


def test_the_gaussian_error_by_numerical_integration() -> None:
    x = np.linspace(-9, 9, 360_001)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    for values in (np.array([-1.5, -0.5, 0.5, 1.5]), np.array([-2.0, 0.3, 0.4])):
        nearest = values[np.abs(x[:, None] - values).argmin(1)]
        integral = np.sum(density * (x - nearest) ** 2) * (x[1] - x[0])
        ends = np.array([-np.inf, *(values[1:] + values[:-1]) / 2, np.inf])
        # The rectangles err by their width squared, 2.5e-9, where the nearest value changes.
        assert gaussian_error(values, ends) == pytest.approx(integral, abs=1e-8)


def test_one_bit_starts_at_the_mean_magnitude() -> None:
    x = draw(5, 6, 100_000)
    own = quantizer("uniq", 1, "weights", x)
    # A Gaussian has E|w| = 0.798 std; 600 000 draws know either to about 0.1 %.
    assert own.step.item() / 2 == pytest.approx(x.abs().mean().item(), rel=3e-3)


def uniq_by_autograd(
    own: Quantizer, x: Tensor, upstream: Tensor, g: float
) -> tuple[Tensor, Tensor]:
    """State UniQ as it was released: an offset D M/2, and autograd for clip and D."""
    x, step = x.clone().requires_grad_(), own.step.detach().clone().requires_grad_()
    scaled = (step * g + (step - step * g).detach()).reshape(-1, *[1] * (x.dim() - 1))
    top = 2**own.grid.bits - 1
    alpha = scaled * top / 2 if own.grid.odd else 0.0 * scaled
    z = torch.clamp((x + alpha) / scaled, 0, top)
    y = scaled * (z + (z.round() - z).detach()) - alpha
    of_x, of_step = torch.autograd.grad(y, (x, step), upstream)
    return of_x, of_step


@pytest.mark.parametrize("role", ROLES)
def test_uniq_closed_forms_equal_autograd(role: str) -> None:
    for bits in range(1, 9):
        x, upstream = draw(bits, 6, 3, 4), draw(bits + 50, 6, 3, 4)
        own = quantizer("uniq", bits, role, x)
        shared = 12 if role == "channels" else 72  # the batch counts
        highest = 2**bits - 1 if role == "inputs" else max(2 ** (bits - 1) - 1, 1)
        g = 1 / math.sqrt(shared * highest)
        _, of_x, of_step = gradients(own, x, upstream)
        expected_x, expected_step = uniq_by_autograd(own, x, upstream, g)
        torch.testing.assert_close(of_x, expected_x, rtol=1e-13, atol=0)
        # The released form cancels D M/2 against itself: 1e-13 of the terms, which are 2^b.
        torch.testing.assert_close(of_step, expected_step, rtol=1e-13, atol=1e-13 * 2**bits * g)


def test_uniq_calibrates_over_batches() -> None:
    first, second = 2 * draw(1, 6, 30).relu(), draw(2, 6, 30).relu()
    own = quantizer("uniq", 3, "inputs", first)
    root = math.sqrt(2 * first.square().mean().item())
    assert own.step.item() == pytest.approx(root * C_A[2], rel=1e-4)
    before = own.step.item()
    own.calibrate(second)
    assert own.step.item() == before, "the largest step of all batches stays"
    with_sign = quantizer("uniq", 3, "signed inputs", draw(1, 6, 30))
    with_sign.calibrate(3 * draw(2, 6, 30))
    deviation = 3 * draw(2, 6, 30).std().item()
    assert with_sign.step.item() == pytest.approx(deviation * C_W[2], rel=1e-4), "the last wins"


def test_uniq_options() -> None:
    x = draw(4, 6, 30)
    plain, bad = (quantizer("uniq", 1, "weights", x, init_factor=f) for f in (1.0, 8.0))
    assert bad.step.item() == 8 * plain.step.item()
    assert quantizer("uniq", 3, "signed inputs", x, unsigned_quirk=True).grid == unsigned(3)
    assert quantizer("uniq", 3, "signed inputs", x).grid == mid_rise(3)
    with pytest.raises(ValueError, match="init_factor"):
        make_method("uniq", init_factor=0.0)


def test_recipes() -> None:
    binary, three = (make_method("uniq").recipe(bits) for bits in (1, 3))
    assert (binary.weight_decay, binary.warmup_epochs, binary.warmup_lr) == (0.0, 5, 0.001)
    assert (three.weight_decay, three.warmup_epochs) == (1e-4, 0)
    decays = [make_method("lsq").recipe(bits).weight_decay for bits in (8, 4, 3, 2)]
    assert decays == [1e-4, 1e-4, 5e-5, 2.5e-5]


def test_pixels_hold_every_8_bit_image_exactly() -> None:
    codes = torch.arange(256)
    pixels = Pixels()
    image = codes.to(torch.uint8).float() / 255
    assert torch.equal(pixels.integers(image), codes.int())
    assert torch.equal(pixels(image), codes * pixels.scale)
    assert not list(pixels.parameters())
    image.requires_grad_()
    pixels(image).sum().backward()
    assert torch.equal(image.grad, torch.ones(256))


@pytest.mark.parametrize("name", list(METHODS))
def test_what_steps_cannot_come_from_is_refused_or_made_sane(name: str) -> None:
    for role in ROLES:
        for bad, words in ((math.nan, "NaN"), (math.inf, "infinity")):
            with pytest.raises(ValueError, match=words):
                quantizer(name, 2, role, torch.full((6, 2), bad))
        with pytest.raises(ValueError, match="empty"):
            quantizer(name, 2, role, torch.zeros(6, 0))
        for same in (0.0, 0.5):
            own = quantizer(name, 2, role, torch.full((6, 1), same))
            assert bool((own.step > 0).all()), (name, role, same)
            assert bool(own.step.isfinite().all()), (name, role, same)


@pytest.mark.parametrize("name", list(METHODS))
def test_an_empty_batch_passes(name: str) -> None:
    own = quantizer(name, 3, "inputs", draw(1, 6, 4))
    y, of_x, of_step = gradients(own, draw(1, 0, 4), draw(1, 0, 4))
    assert y.shape == of_x.shape == (0, 4)
    assert of_step.tolist() == [0]


def test_steps_stay_positive_after_any_update() -> None:
    own = quantizer("lsq", 3, "channels", draw(1, 6, 4))
    first = own.step.detach().clone()
    own.step.data -= torch.tensor([0, 1, 2, 100, 0, 0]).to(own.step)
    kept = own.step.detach().clone()
    own.keep_positive()
    assert torch.equal(own.step, torch.maximum(kept, 1e-4 * first))
    assert bool((own.step > 0).all())


def test_a_quantizer_can_be_copied_between_a_forward_pass_and_its_penalty() -> None:
    own = quantizer("lglsq", 3, "weights", draw(1, 6, 4), mde="loss")
    own.progress = 1.0
    own(draw(1, 6, 4))
    assert own.error is not None
    twin = copy.deepcopy(own)
    assert twin.error is None
    assert torch.equal(twin(draw(2, 6, 4)), own(draw(2, 6, 4)))


def test_unknown_methods_and_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="lglsq"):
        make_method("lsqq")
    with pytest.raises(ValueError, match="stepp"):
        make_method("lsq", stepp=1)

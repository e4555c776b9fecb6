"""Layers on arrays: who shares a step, what converters do, and where gradients go."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="layers are trained with PyTorch, of the extra 'train'")

from column_layers import LSQ, convolution, laid, normal, outputs, uniform  # noqa: E402
from torch import nn  # noqa: E402

from neurobot.column_cim.converters import kappa  # noqa: E402
from neurobot.qnet import ENCODINGS, ColumnConv, Conv, slice_codes  # noqa: E402
from neurobot.qnet.column_reference import column_sums  # noqa: E402
from neurobot.qnet.columns import code_range  # noqa: E402
from neurobot.quantize import (  # noqa: E402
    Columns,
    Quantizer,
    column_compiled,
    column_plain,
    keep_steps_positive,
    set_progress,
)
from neurobot.quantize import column_sums as fused  # noqa: E402
from neurobot.quantize.column import ColumnLayer  # noqa: E402
from neurobot.quantize.column_converters import GAIN, MOMENTUM, Constants  # noqa: E402
from neurobot.quantize.column_layout import GRANULARITIES, Layout  # noqa: E402
from neurobot.quantize.column_sums import ColumnSums  # noqa: E402
from neurobot.quantize.emit_columns import column_conv  # noqa: E402
from neurobot.quantize.grids import signed  # noqa: E402
from neurobot.quantize.watching import calibrate_converters  # noqa: E402

Tensor = Any
ADC_BITS = (1, 2, 4, 13)
SMALL = {"rows": 30, "columns": 8}  # three tiles, the last one short, and several arrays


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors; more threads wait for each other
    yield
    torch.set_num_threads(before)


def small(adc_bits: int | None = 3, **more: Any) -> Any:
    """Lay a convolution of 7 channels and 6 outputs on small arrays."""
    geometry = {key: more.pop(key) for key in ("stride", "padding", "kernel") if key in more}
    columns = Columns(adc_bits=adc_bits, **{**SMALL, "encoding": "differential", **more})
    return laid(convolution(**geometry), uniform(4, 7, 9, 9), columns)


# Who shares a step


def members(groups: Any) -> set[frozenset[tuple[int, ...]]]:
    """Return who is together, whatever the numbers are."""
    found: dict[int, set[tuple[int, ...]]] = {}
    for place in itertools.product(*map(range, groups.shape)):
        found.setdefault(int(groups[place]), set()).add(place)
    return {frozenset(group) for group in found.values()}


def together(key: Any, *shape: int) -> set[frozenset[tuple[int, ...]]]:
    found: dict[Any, set[tuple[int, ...]]] = {}
    for place in itertools.product(*map(range, shape)):
        found.setdefault(key(*place), set()).add(place)
    return {frozenset(group) for group in found.values()}


@pytest.mark.parametrize("width", [3, 8, 13, 1000])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_groups_are_those_of_layers_arrays_and_columns(encoding: str, width: int) -> None:
    s = 4 if encoding == "differential" else 2
    adc: dict[str, Any] = {
        "layer": lambda t, j, o: 0,
        "array": lambda t, j, o: (t, (o * s + j) // width, j),
        "column": lambda t, j, o: (t, j, o),
    }
    weights: dict[str, Any] = {
        "layer": lambda t, o: 0,
        "array": lambda t, o: (t, o * s // width),
        "column": lambda t, o: (t, o),
    }
    for one, other in itertools.product(GRANULARITIES, repeat=2):
        columns = Columns(30, width, encoding=encoding, weight_steps=one, adc_steps=other)
        layout = Layout("x", (6, 7, 3, 3), 4, 4, columns)
        assert layout.column_shape == (3, s, 6)
        assert members(layout.adc_groups) == together(adc[other], 3, s, 6), (one, other)
        assert members(layout.weight_groups) == together(weights[one], 3, 6), (one, other)


def test_a_layer_has_the_parameters_of_a_plain_one_and_its_steps() -> None:
    plain = convolution()
    own = sum(p.numel() for p in plain.parameters())
    t, s, o, blocks = 3, 4, 6, 3
    counts = {
        ("layer", "layer"): 1 + 1,
        ("array", "array"): t * blocks + t * blocks * s,
        ("layer", "column"): 1 + t * s * o,
        ("column", "column"): t * o + t * s * o,
    }
    for (one, other), steps in counts.items():
        layer = small(weight_steps=one, adc_steps=other)
        found = sum(p.numel() for p in layer.parameters())
        assert found == own + steps + 1, (one, other)  # and the step of its inputs


def test_weights_of_a_group_are_quantized_as_by_a_quantizer_of_their_own() -> None:
    layer = small(weight_steps="array")
    quantizer, weight = layer.weight_quantizer, layer.weight
    groups = quantizer.over(quantizer.columns, weight)
    assert len({int((groups == g).sum()) for g in range(len(quantizer.step))}) > 1, "no short tile"
    upstream = normal(*weight.shape)
    y = quantizer(weight)
    y.backward(upstream)
    for g in range(len(quantizer.step)):
        own: Any = Quantizer(LSQ, signed(4), weights=True)
        rows = weight.detach()[groups == g].clone().requires_grad_()
        own.calibrate(rows)
        torch.testing.assert_close(own.step[0], quantizer.initial[g], rtol=1e-6, atol=0)
        own.step.data.copy_(quantizer.step[g])
        expected = own(rows)
        expected.backward(upstream[groups == g])
        assert torch.equal(expected, y[groups == g])
        assert torch.equal(rows.grad, weight.grad[groups == g])
        torch.testing.assert_close(own.step.grad[0], quantizer.step.grad[g], rtol=1e-5, atol=1e-8)


def test_one_step_for_a_layer_is_what_a_plain_quantizer_has() -> None:
    layer = small(weight_steps="layer")
    own = Quantizer(LSQ, signed(4), weights=True)
    own.step.data.copy_(layer.weight_quantizer.step)
    assert torch.equal(layer.weight_quantizer(layer.weight), own(layer.weight))
    assert torch.equal(layer.weight_quantizer.integers(layer.weight), own.integers(layer.weight))


@pytest.mark.parametrize("by", [column_compiled, column_plain])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_all_cells_of_a_weight_are_cut_of_one_code(encoding: str, by: Any) -> None:
    layer = small(encoding=encoding)
    codes = layer.weight_quantizer.integers(layer.weight)
    weight = fused.by_place(layer.weight_quantizer(layer.weight).detach())
    steps = layer.weight_quantizer.steps
    cells = by.fill(weight, steps, layer.digits, layer.layout).long().numpy()
    expected = slice_codes(codes.numpy(), 4, 2, encoding)  # (S', O, C, rows, columns)
    for t, channels in enumerate((range(3), range(3, 6), range(6, 7))):
        held = cells[t].transpose(0, 1, 4, 2, 3)
        np.testing.assert_array_equal(held[:, :, : len(channels)], expected[:, :, channels])
        assert not held[:, :, len(channels) :].any(), "cells of channels that are not there"


# What a layer computes


def cases() -> Iterator[Any]:
    rest = itertools.cycle([(None, "column"), (1, "array"), (3, "layer")])
    for case, (dac_bits, steps) in zip(itertools.product(ENCODINGS, ADC_BITS), rest, strict=False):
        yield *case, dac_bits, steps


def leaves(layer: Any, seed: int = 1) -> list[Tensor]:
    """Return what autograd is to differentiate by: quantized inputs and weights, and D / D0."""
    x = layer.input_quantizer(uniform(3, 7, 9, 9, seed=seed).to(layer.weight))
    found = x, layer.weight_quantizer(layer.weight), layer.converters.relative
    return copies(found)


def copies(tensors: Any, dtype: Any = None) -> list[Tensor]:
    return [tensor.detach().clone().to(dtype).requires_grad_() for tensor in tensors]


def turned_back(layer: Any, given: list[Tensor]) -> list[Tensor]:
    """Return an output and all gradients, of a layer or of a function."""
    function: Any = ColumnSums.apply
    y = function(*given, layer) if isinstance(layer, ColumnLayer) else layer(*given)
    y.backward(normal(*y.shape, seed=2).to(y))
    return [y.detach(), *(leaf.grad for leaf in given)]


def slope_gain(layer: Any, y: Tensor) -> Tensor:
    adc, sums = layer.converters, y[0, 0].numel() * layer.layout.cycles
    return GAIN / torch.sqrt(adc.sizes * (sums * max(adc.high, 1)))


@pytest.mark.parametrize(("encoding", "bits", "dac_bits", "steps"), list(cases()))
def test_outputs_and_gradients_are_those_of_plain_loops(
    encoding: str, bits: int, dac_bits: int | None, steps: str
) -> None:
    options = {"encoding": encoding, "dac_bits": dac_bits, "stride": 2}
    layer = small(bits, weight_steps=steps, adc_steps=steps, **options).double().eval()
    adc = layer.converters

    def by_hand(x: Tensor, weight: Tensor, relative: Tensor) -> Tensor:
        return outputs(layer, x, weight, (adc.first * relative)[adc.groups])

    given = leaves(layer)
    y, x, weight, slope = turned_back(layer, copies(given))
    wanted = turned_back(by_hand, copies(given))
    for one, other in zip((y, x, weight), wanted, strict=False):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    slopes = wanted[3] * slope_gain(layer, y)
    # Of sums, how far they are from what their codes stand for is known in float32.
    torch.testing.assert_close(slope, slopes, rtol=0, atol=2e-5 * float(slopes.abs().max()))


@pytest.mark.parametrize(("encoding", "bits", "dac_bits", "steps"), list(cases()))
def test_compiled_kernels_compute_what_plain_operations_do(
    encoding: str, bits: int, dac_bits: int | None, steps: str
) -> None:
    options = {"encoding": encoding, "dac_bits": dac_bits, "stride": 2}
    layer = small(bits, weight_steps=steps, adc_steps=steps, **options).eval()
    given = leaves(layer)
    fast = turned_back(layer, copies(given))
    exact = layer.double()
    slow = turned_back(exact, copies(given, torch.float64))
    for one, other in zip(fast, slow, strict=True):
        size = float(other.abs().max())
        torch.testing.assert_close(one.double(), other, rtol=0, atol=5e-6 * size)


def codes_of(by: Any, sums: Tensor, constants: Constants) -> Tensor:
    """Return the codes of sums (L, N, P, T, S', O), by what stands for each of them alone."""
    alone = torch.empty_like(sums)
    empty = sums.new_zeros(*sums.shape[1:3], 0), sums.new_zeros(0, sums.shape[5])
    for cycle, t, j in itertools.product(range(len(sums)), *map(range, sums.shape[3:5])):
        own = Constants(
            constants.step[t, j].expand(1, 1, -1).contiguous(),
            constants.offset[t, j].expand(1, 1, -1).contiguous(),
            constants.codes,
        )
        part = sums[cycle, :, :, t, j][None, :, :, None, None].contiguous()
        factor = torch.ones(1, 1, 1, sums.shape[5])
        meant, _ = by.convert(part, own, factor, *empty, counting=False)
        alone[cycle, :, :, t, j] = ((meant - own.offset[0]) / own.step[0]).round()
    return alone


def caught(layer: Any, x: Tensor) -> tuple[Tensor, Constants]:
    """Return the sums of a layer's columns for inputs, and its constants."""
    own = fused.engine(x)
    kept: list[Any] = []

    def convert(sums: Tensor, constants: Constants, *rest: Any, **more: Any) -> Any:
        kept.append((sums, constants))
        return own.convert(sums, constants, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            fused, "engine", lambda _: SimpleNamespace(**{**vars(own), "convert": convert})
        )
        layer.column_sums(x)
    return kept[0][0], kept[0][1]


def exported(layer: Any) -> ColumnConv:
    """Return the layer as a machine of integers has it."""
    weights = (
        layer.weight_quantizer.integers(layer.weight)
        .numpy()
        .reshape(*layer.layout.shape[:2], *layer.layout.kernel)
    )
    windows = layer.windows
    conv = Conv(
        "layer",
        ("input",),
        weights.transpose(0, 2, 3, 1),
        4,
        stride=windows.stride,
        padding=windows.padding,
    )
    return column_conv(conv, layer, layer.weight_quantizer.steps.double().numpy())


@pytest.mark.parametrize(("encoding", "bits", "dac_bits", "steps"), list(cases()))
def test_codes_are_those_of_the_machine_of_integers_bit_by_bit(
    encoding: str, bits: int, dac_bits: int | None, steps: str
) -> None:
    layer = small(bits, encoding=encoding, dac_bits=dac_bits, weight_steps=steps, adc_steps=steps)
    layer.converters.relative.data.mul_(uniform(len(layer.converters.relative)) + 0.5)
    images = uniform(2, 7, 9, 9, seed=5)
    sums, constants = caught(layer.eval(), images)
    fast, slow = (codes_of(by, sums, constants) for by in (column_compiled, column_plain))
    conv, inputs = exported(layer), layer.input_quantizer.integers(images)
    for image in range(len(images)):
        wanted = column_sums(conv, inputs[image].permute(1, 2, 0).numpy(), 4)
        shape = len(wanted), -1, *wanted.shape[3:]
        np.testing.assert_array_equal(sums[:, image].numpy(), wanted.reshape(shape))
        codes = conv.convert(wanted).reshape(shape)
        assert len(np.unique(codes)) > 1
        np.testing.assert_array_equal(fast[:, image].numpy(), codes)
        np.testing.assert_array_equal(slow[:, image].numpy(), codes)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_output_hangs_on_nothing_but_its_own_input(encoding: str) -> None:
    layer = small(2, encoding=encoding).eval()
    dense = laid(nn.Linear(50, 6), uniform(9, 50), Columns(30, 8, adc_bits=2, encoding=encoding))
    for own, images in (
        (layer, uniform(9, 7, 9, 9, seed=3)),
        (dense.eval(), uniform(9, 50, seed=3)),
    ):
        with torch.no_grad():
            whole = own(images)
            for order in ([4], [4, 0], [8, 7, 4, 2]):
                assert torch.equal(own(images[order]), whole[order])
            torch.set_num_threads(2)
            assert torch.equal(own(images), whole)
            torch.set_num_threads(1)
        assert not torch.equal(whole[0], whole[4])


def test_a_linear_layer_is_a_convolution_with_one_place() -> None:
    columns = Columns(30, 8, adc_bits=3, encoding="differential")
    plain, x = nn.Linear(50, 6), uniform(9, 50)
    twin: Any = nn.Conv2d(50, 6, 1)
    twin.weight.data, twin.bias.data = plain.weight.data[..., None, None], plain.bias.data
    y = laid(plain, x, columns)(x)
    assert torch.equal(y, laid(twin, x[..., None, None], columns)(x[..., None, None])[..., 0, 0])


def test_scaling_a_column_with_its_steps_scales_its_outputs_alone() -> None:
    layer = small(3).eval()
    x, quantizer, of = uniform(4, 7, 9, 9, seed=4), layer.weight_quantizer, 2
    before, (sums, _) = layer.column_sums(x).detach(), caught(layer, x)
    with torch.no_grad():
        layer.weight[of] *= 4
        quantizer.step[quantizer.columns[:, of]] *= 4
    after, (same, _) = layer.column_sums(x).detach(), caught(layer, x)
    assert torch.equal(same, sums)
    others = [o for o in range(6) if o != of]
    assert torch.equal(after[:, others], before[:, others])
    assert torch.equal(after[:, of], 4 * before[:, of])


# Steps and means of converters


def test_converters_begin_with_the_best_step_of_a_normal_distribution() -> None:
    for steps in GRANULARITIES:
        layer, x = small(3, adc_steps=steps), uniform(4, 7, 9, 9)
        sums = caught(layer, x)[0].flatten(0, 2).double().numpy()
        adc = layer.converters
        groups = adc.groups.numpy()
        assert not adc.exact.any()
        for g in range(len(adc.step)):
            own = sums[:, groups == g]
            step = min(max(kappa(3) * own.std(), 1), float(adc.widest[g]))
            np.testing.assert_allclose(float(adc.step[g]), step, rtol=1e-5)
            np.testing.assert_allclose(float(adc.mean[g]), own.mean(), rtol=1e-5)
        constants = adc.constants()
        middle = (constants.offset - constants.step / 2).double().numpy()
        np.testing.assert_allclose(middle, adc.mean[adc.groups].numpy(), rtol=1e-5)


def test_converters_are_calibrated_on_all_batches_together() -> None:
    layer, x = small(3), uniform(4, 7, 9, 9)
    whole = layer.converters.constants()
    calibrate_converters(layer, [x[:1], x[1:]])
    for one, other in zip(layer.converters.constants()[:2], whole[:2], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("dac_bits", [None, 2])
def test_bits_that_cover_all_sums_lose_nothing(encoding: str, dac_bits: int | None) -> None:
    plain, x = convolution(bias=False), uniform(4, 7, 9, 9)
    geometry: Any = {**SMALL, "encoding": encoding, "dac_bits": dac_bits}
    lossless = [
        bits
        for bits in range(1, 17)
        if bool(laid(plain, x, Columns(adc_bits=bits, **geometry)).converters.exact.all())
    ]
    least = lossless[0]
    assert lossless == list(range(least, 17))
    # 27 rows of a full tile, digits up to 3 and inputs up to 15, or 3 at a time.
    span = 27 * 3 * (15 if dac_bits is None else 3)
    assert least == (span + (encoding == "signed_msb") * 0).bit_length()
    layer = laid(plain, x, Columns(adc_bits=least, **geometry)).train()
    ideal = laid(plain, x, Columns(adc_bits=None, **geometry))
    sums, constants = caught(layer, x)
    assert torch.equal(constants.step, torch.ones_like(constants.step))
    codes = codes_of(column_compiled, sums, constants)
    assert torch.equal(codes + constants.offset, sums)
    y = layer(x)
    torch.testing.assert_close(y, ideal(x), rtol=0, atol=1e-5 * float(y.detach().abs().max()))
    y.sum().backward()
    assert not layer.converters.relative.grad.any(), "a step that must stay would be moved"
    assert torch.equal(layer.converters.constants().offset, constants.offset)


def test_nothing_is_clipped_where_the_codes_just_cover_all_sums() -> None:
    # 3 rows of 0 or 1: sums of 0 to 3.
    columns = Columns(cell_bits=1, encoding="offset", adc_bits=2)
    x = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 1]])
    plain = nn.Linear(3, 4, bias=False)
    with torch.no_grad():
        plain.weight[0] = 1.0  # three equal digits in a column
    layer = laid(plain, x, columns, bits=2, input_bits=1)
    ideal = laid(plain, x, replace(columns, adc_bits=None), bits=2, input_bits=1)
    assert bool(layer.converters.exact.all())
    sums, constants = caught(layer, x[..., None, None])
    assert {0.0, 3.0} < set(sums.flatten().tolist())
    assert torch.equal(codes_of(column_compiled, sums, constants) + constants.offset, sums)
    found, expected = (
        torch.autograd.grad(own(x), own.weight, normal(3, 4))[0] for own in (layer, ideal)
    )
    torch.testing.assert_close(found, expected)
    layer(x).sum().backward()
    assert not layer.converters.relative.grad.any()


def test_means_follow_batches_and_stay_in_the_end() -> None:
    layer = small(3)
    adc, x = layer.converters, uniform(4, 7, 9, 9, seed=8) ** 2
    before = adc.mean.clone()
    sums, _ = caught(layer.eval(), x)
    assert torch.equal(adc.mean, before), "evaluation moves no mean"
    batch = adc.by_group(sums.double().mean((0, 1, 2))) / adc.sizes
    _, constants = caught(layer.train(), x)
    expected = before + MOMENTUM * (batch - before)
    torch.testing.assert_close(adc.mean, expected.float(), rtol=1e-6, atol=1e-5)
    own = constants.offset - constants.step / 2
    torch.testing.assert_close(own, before[adc.groups], rtol=1e-5, atol=1e-4)
    after = adc.mean.clone()
    for progress, moves in ((0.66, True), (0.67, False), (1.0, False)):
        set_progress(layer, progress)
        caught(layer, x)
        assert torch.equal(adc.mean, after) != moves, progress
        after = adc.mean.clone()


def test_steps_stay_between_one_cell_and_what_covers_all_sums() -> None:
    layer = small(3)
    adc = layer.converters
    for wild, end in ((-5.0, torch.ones_like(adc.first)), (1e6, adc.widest)):
        adc.relative.data.fill_(wild)
        keep_steps_positive(layer)
        torch.testing.assert_close(adc.step, end)
    adc.relative.data.fill_(1)
    keep_steps_positive(layer)
    assert torch.equal(adc.relative, torch.ones_like(adc.relative))
    # 27 or 9 rows, digits up to 3 or what is left of 7 and 8, inputs up to 15, and 8 codes.
    wide = adc.widest[adc.groups]
    for (t, rows), (j, digit) in itertools.product(enumerate((27, 27, 9)), enumerate((3, 1, 3, 2))):
        torch.testing.assert_close(wide[t, j], torch.full((6,), rows * digit * 15 / 7))


def alone(step: float, mean: float, bits: int, count: int) -> Constants:
    """Return the constants of so many columns of an output each."""
    low, high = code_range(bits)
    middle = (low + high) / 2
    steps = torch.full((1, 1, count), step)
    return Constants(steps, mean - steps * middle, (low, high, middle))


@pytest.mark.parametrize("by", [column_compiled, column_plain])
@pytest.mark.parametrize("bits", [1, 2, 3])
def test_slopes_of_steps_are_finite_differences(bits: int, by: Any) -> None:
    step, mean, change = 8.0, -3.3125, 2.0**-9
    sums = torch.arange(-41.0, 40.0)
    count, (low, high) = len(sums), code_range(bits)
    ratio = (sums - mean) / step + (low + high) / 2
    inside, codes = (low <= ratio) & (ratio <= high), ratio.clamp(low, high).round()
    assert 0 < int(inside.sum()) < count
    given, empty = sums.view(1, 1, 1, 1, 1, -1), (torch.zeros(1, 1, 0), torch.zeros(0, count))

    def meant(d: float) -> Tensor:
        own = alone(d, mean, bits, count)
        return by.convert(given, own, torch.ones(1, 1, 1, count), *empty, counting=False)[0]

    rise = (meant(step + change) - meant(step - change)).flatten() / (2 * change)
    ones = torch.ones(1, 1, count)
    own = alone(step, mean, bits, count)
    to_cells, to_inputs, slope = by.turn_back(given, own, ones, torch.ones(1), ones)
    # A sum inside of the range moves with D, as LSQ counts its place in steps.
    expected = rise - torch.where(inside, ratio - (low + high) / 2, 0)
    torch.testing.assert_close(slope.flatten().float(), expected, rtol=0, atol=1e-6)
    # At a fixed offset, the slope of a clipped sum is the code.
    clipped = slope.flatten().float()[~inside] + (low + high) / 2
    assert torch.equal(clipped, codes[~inside])
    assert set(codes[~inside].tolist()) == {low, high}
    for passed in (to_cells, to_inputs):
        assert torch.equal(passed.flatten(), inside.float())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_gradient_of_every_column_reaches_the_weights(encoding: str) -> None:
    layer = small(4, encoding=encoding).eval()
    adc, slices = layer.converters, layer.layout.column_shape[1]
    adc.relative.data.fill_(1e4)

    def weight_gradient() -> Tensor:
        return turned_back(layer, leaves(layer))[2]

    whole = weight_gradient()
    assert bool((whole != 0).all())
    for j in range(slices):
        others = [k for k in range(slices) if k != j]
        before = adc.mean.clone()
        adc.mean[adc.groups[:, others].flatten()] = -1e9  # far out of their range
        torch.testing.assert_close(weight_gradient(), whole / slices, rtol=1e-5, atol=1e-9)
        adc.mean.copy_(before)
    adc.mean.fill_(-1e9)
    assert not weight_gradient().any()


@pytest.mark.parametrize("seed", range(20))
def test_finer_steps_never_convert_worse(seed: int) -> None:
    chance = np.random.default_rng(seed)
    channels, out = chance.integers(2, 9, 2).tolist()
    geometry: Any = {"rows": int(chance.integers(9, 40)), "columns": int(chance.integers(1, 20))}
    encoding = ENCODINGS[seed % 3]
    plain = convolution(channels, out)
    layer = laid(plain, uniform(2, channels, 5, 5), Columns(**geometry, encoding=encoding))
    sums = caught(layer, uniform(2, channels, 5, 5, seed=seed))[0].flatten(0, 2).double().numpy()
    low, high = code_range(2)
    grid, offset = np.geomspace(1, 200, 40), sums.mean() + 7
    errors = [
        ((np.rint((sums - offset) / d).clip(low, high) * d + offset - sums) ** 2).sum(0)
        for d in grid
    ]
    by_step = np.stack(errors).reshape(len(grid), -1)  # and by column
    totals = []
    for steps in GRANULARITIES:
        columns = Columns(**geometry, encoding=encoding, adc_steps=steps)
        groups = Layout("x", tuple(plain.weight.shape), 4, 4, columns).adc_groups.ravel()
        shared = [by_step[:, groups == g].sum(1).min() for g in range(groups.max() + 1)]
        totals.append(sum(shared))
    by_layer, by_array, by_column = totals
    assert by_column <= by_array * (1 + 1e-12)
    assert by_array <= by_layer * (1 + 1e-12)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_noise_of_fine_converters_is_that_of_rounding(encoding: str) -> None:
    layer = small(12, encoding=encoding).eval()
    ideal = small(None, encoding=encoding).eval()
    adc, step = layer.converters, 7.3
    adc.relative.data.copy_(step / adc.first)
    images = uniform(128, 7, 9, 9, seed=6)
    sums, constants = caught(layer, images)
    codes = codes_of(column_plain, sums, constants)
    low, high = code_range(12)
    assert low < codes.min() < codes.max() < high
    noise = (codes * constants.step + constants.offset - sums).double()
    assert abs(float(noise.var((0, 1, 2)).mean()) / (step**2 / 12) - 1) < 0.02
    with torch.no_grad():
        found = (layer(images) - ideal(images)).double().var((0, 2, 3))
    unit, steps = float(layer.input_quantizer.step.detach()), layer.weight_quantizer.steps
    alphas = unit * steps[:, None] * layer.places * step
    expected = (alphas.double() ** 2).sum((0, 1)) / 12
    assert abs(float((found / expected).mean()) - 1) < 0.02


# What is refused


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"adc_bits": 0}, r"columns: adc_bits = 0 found; allowed: 1..16, or None for ideal"),
        ({"adc_bits": 17}, r"columns: adc_bits = 17 found"),
        ({"adc_bits": 2.5}, r"columns: adc_bits = 2.5 found"),
        ({"adc_bits": True}, r"columns: adc_bits = True found"),
        (
            {"adc_steps": "row"},
            r"columns: adc_steps = 'row' found; allowed: 'layer', 'array', 'col",
        ),
        ({"weight_steps": None}, r"columns: weight_steps = None found; allowed: 'layer'"),
        ({"encoding": "twos"}, r"columns: encoding = 'twos' found; allowed: 'offset', 'diff"),
        ({"rows": 0}, r"columns: rows = 0 found"),
        ({"columns": -1}, r"columns: columns = -1 found"),
        ({"cell_bits": 0}, r"columns: cell_bits = 0 found"),
        ({"dac_bits": 0}, r"columns: dac_bits = 0 found"),
    ],
)
def test_arrays_that_cannot_be_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Columns(**options)


@pytest.mark.parametrize(
    ("options", "shape", "bits", "sentence"),
    [
        ({"rows": 8}, (4, 4, 3, 3), 4, r"conv1: a kernel of 3 x 3 needs 9 rows, an array has 8"),
        (
            {"cell_bits": 3},
            (4, 4, 3, 3),
            2,
            r"conv1: cell_bits = 3 found; allowed: a whole number, 1..2",
        ),
        (
            {"rows": 9000, "cell_bits": 8, "encoding": "offset"},
            (4, 9000),
            8,
            r"conv1: sums of a column up to 34425000 found; allowed: up to 16777216, which float32",
        ),
    ],
)
def test_layers_that_fit_no_array_are_refused(
    options: dict[str, Any], shape: tuple[int, ...], bits: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Layout("conv1", shape, bits, 4, Columns(**options))

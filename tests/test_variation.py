"""Cells that vary: laws, faults, references and read noise against their formulas and an oracle."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot.column_cim.layers import in_use
from neurobot.column_cim.reading import Noise, read_noise
from neurobot.column_cim.variation import LAWS, Variation, draw_cells, plans_for, program
from neurobot.qnet import (
    ENCODINGS,
    ColumnConv,
    Network,
    Runner,
    Scores,
    SumPool,
    column_reference,
)
from neurobot.qnet.column_reference import column_sums, windows
from neurobot.qnet.runner import make_map

Array = NDArray[Any]
ROWS, COPIES = 126, 4_000
FACTS = {
    0.05: (1.0013, 0.0066),
    0.1: (1.0050, 0.0133),
    0.2: (1.0202, 0.0273),
    0.4: (1.0833, 0.0597),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def copies(digits: Array, count: int = COPIES, name: str = "copies", rows: int = 128) -> ColumnConv:
    """Return a layer of one place with so many outputs, each with these digits in 2-bit cells."""
    weights = np.broadcast_to(digits - 2, (count, 1, 1, len(digits)))
    return ColumnConv(name, ("input",), weights, 2, rows=rows, cell_bits=2, flat=True)


def sums_of(conv: ColumnConv, variation: Variation, inputs: Array, seed: int = 0) -> Array:
    """Return the sums of all columns of a layer of one tile, by copy, in float64."""
    cells, reference = draw_cells(conv, variation, seed)
    assert cells is not None
    sums = np.asarray(cells.reshape(len(conv.weights), -1).astype(np.float64) @ inputs)
    assert reference is None
    return sums


def assert_moments(sums: Array, mean: float, variance: float) -> None:
    """Compare with 3 standard errors of the draws."""
    count, spread = len(sums), sums - sums.mean()
    assert abs(sums.mean() - mean) < 3 * math.sqrt(variance / count)
    fourth = (spread**4).mean() / variance**2
    assert abs(sums.var(ddof=1) / variance - 1) < 3 * math.sqrt((fourth - 1) / count)


def formulas(law: str, sigma: float, products: Array, inputs: Array) -> tuple[float, float]:
    """Return mean and variance of a column's sum; cells of 2 bits."""
    total, squares = float(products.sum()), float((products**2).sum())
    if law == "lognormal":
        factor = math.exp(sigma**2)
        return math.sqrt(factor) * total, (factor - 1) * factor * squares
    if law == "proportional":
        return total, sigma**2 * squares
    return total, sigma**2 * 3**2 * float((inputs**2).sum())


def example(seed: int = 0) -> tuple[Array, Array]:
    """Return digits of 2 bits and inputs of 4 bits."""
    chance = rng(seed)
    return chance.integers(0, 4, ROWS), chance.integers(0, 16, ROWS)


# Laws


@pytest.mark.parametrize("sigma", FACTS)
@pytest.mark.parametrize("law", LAWS)
def test_moments_of_a_columns_sum_are_those_of_its_law(law: str, sigma: float) -> None:
    digits, inputs = example()
    sums = sums_of(copies(digits), Variation(law, sigma), inputs)
    assert_moments(sums, *formulas(law, sigma, digits * inputs, inputs))


@pytest.mark.parametrize(("sigma", "printed"), FACTS.items())
def test_published_moments(sigma: float, printed: tuple[float, float]) -> None:
    digits, inputs = example(30)  # whose theory rounds to what is printed
    total = (digits * inputs).sum()
    mean, variance = formulas("lognormal", sigma, digits * inputs, inputs)
    assert (round(mean / total, 4), round(math.sqrt(variance) / total, 4)) == printed
    sums = sums_of(copies(digits, 20_000), Variation(sigma=sigma), inputs, seed=1) / total
    assert_moments(sums, mean / total, variance / total**2)


def test_relative_variance_falls_as_the_number_of_rows() -> None:
    found = []
    for rows in (16, 64, 256):
        conv = copies(np.full(rows, 3), name=f"{rows} rows", rows=256)
        sums = sums_of(conv, Variation(sigma=0.2), np.ones(rows))
        found.append((sums / (3 * rows)).var(ddof=1) * rows)
    one = (math.exp(0.04) - 1) * math.exp(0.04)
    np.testing.assert_allclose(found, one, rtol=3.5 * math.sqrt(2 / COPIES))


def test_cells_of_one_digit_are_not_correlated() -> None:
    conv = copies(np.full(40, 3), 2_000)
    cells, _ = draw_cells(conv, Variation("independent", 0.1), 0)
    assert cells is not None
    r = np.asarray(np.corrcoef(cells.reshape(2_000, 40).T))[np.triu_indices(40, 1)]
    # Of independent cells, 2 000 r^2 is a chi square of one degree of freedom, by pair.
    assert abs(2_000 * (r**2).mean() - 1) < 3 * math.sqrt(2 / len(r))


def test_gaussian_laws_leave_negative_conductances_there() -> None:
    conv = copies(np.ones(ROWS, np.int64), 200)
    for law in ("proportional", "independent"):
        cells, _ = draw_cells(conv, Variation(law, 1.0), 0)
        assert cells is not None
        assert 0.1 < (cells < 0).mean() < 0.5, law
    cells, _ = draw_cells(conv, Variation("lognormal", 1.0), 0)
    assert cells is not None
    assert cells.min() > 0


# Pairs


def normals(conv: ColumnConv, variation: Variation, seed: int = 0) -> Array:
    """Return what was drawn for each cell that is not 0."""
    cells, _ = draw_cells(conv, variation, seed)
    assert cells is not None
    meant, made = conv.digits[conv.digits > 0], cells[conv.digits > 0].astype(np.float64)
    if variation.law == "lognormal":
        return np.asarray(np.log(made / meant) / variation.sigma)
    scale = meant if variation.law == "proportional" else 3
    return np.asarray((made - meant) / scale / variation.sigma)


def test_all_laws_and_sigmas_meet_the_same_cells() -> None:
    conv = copies(example()[0], 50)
    wanted = normals(conv, Variation(sigma=0.5))
    for law in LAWS:
        for sigma in (0.1, 0.5):
            found = normals(conv, Variation(law, sigma))
            np.testing.assert_allclose(found, wanted, atol=1e-4, err_msg=f"{law} {sigma}")
    leaky, _ = draw_cells(conv, Variation(sigma=0.5, on_off=4.0), 0)
    assert leaky is not None
    np.testing.assert_allclose(
        np.log(leaky / (1 + conv.digits)) / 0.5, normals_of_all(conv), atol=1e-5
    )


def normals_of_all(conv: ColumnConv) -> Array:
    cells, _ = draw_cells(conv, Variation("independent", 1.0), 0)
    assert cells is not None
    return np.asarray((cells.astype(np.float64) - conv.digits) / 3)


def test_draws_hang_on_seed_and_name_alone() -> None:
    digits, variation = example()[0], Variation(sigma=0.3)
    wanted = draw_cells(copies(digits, 20), variation, 0).columns
    converters: Any = {"adc_bits": 3, "adc_step": np.full((1, 1, 20), 2.0)}
    other = ColumnConv(**{**vars(copies(digits, 20)), **converters})
    np.testing.assert_array_equal(draw_cells(other, variation, 0).columns, wanted)
    for conv, seed in ((copies(digits, 20), 1), (copies(digits, 20, "other"), 0)):
        found = draw_cells(conv, variation, seed).columns
        assert found is not None
        assert (found != wanted)[conv.digits > 0].all()


# Faults


def test_faults_are_shares_of_cells_at_the_ends_and_nested() -> None:
    conv, top, low = copies(example()[0]), 3 + 3 / 7, 3 / 7
    before: Array = np.zeros(conv.digits.shape, bool)
    for share in (0.01, 0.1, 0.3):
        cells, _ = draw_cells(conv, Variation(sigma=0.1, on_off=8.0, stuck_on=share), 0)
        assert cells is not None
        stuck = cells == np.float32(top)
        assert abs(stuck.mean() - share) < 3 * math.sqrt(share * (1 - share) / stuck.size)
        assert stuck[before].all()
        before = stuck
    both, _ = draw_cells(conv, Variation(sigma=0.1, on_off=8.0, stuck_on=0.3, stuck_off=0.2), 0)
    assert both is not None
    np.testing.assert_array_equal(both == np.float32(top), before)
    off = both == np.float32(low)
    assert abs(off.mean() - 0.2) < 3 * math.sqrt(0.16 / off.size)
    assert not (off & before).any()


def test_without_leakage_a_cell_that_is_stuck_off_conducts_nothing() -> None:
    conv = copies(example()[0], 20)
    cells, reference = draw_cells(conv, Variation(stuck_off=1.0), 0)
    assert reference is None
    np.testing.assert_array_equal(cells, np.zeros(conv.digits.shape))


# Layers in networks


def make_conv(encoding: str = "offset", **changes: Any) -> ColumnConv:
    """Return a layer of three tiles, the last one short, with converters of 5 bits."""
    chance = rng(7)
    given: dict[str, Any] = {
        "name": "conv",
        "inputs": ("input",),
        "weights": chance.integers(-8, 8, (5, 3, 3, 7)),
        "weight_bits": 4,
        "stride": (1, 2),
        "padding": (1, 1),
        "rows": 30,
        "cell_bits": 2,
        "encoding": encoding,
        "dac_bits": 2,
    }
    shape = ColumnConv(**given).column_shape
    converters = {
        "adc_bits": 5,
        "adc_step": chance.uniform(1, 3, shape),
        "adc_offset": chance.uniform(-2, 20, shape),
    }
    return ColumnConv(**{**given, **converters, **changes})


def make_flat() -> ColumnConv:
    """Return a layer of the whole map."""
    weights = rng(8).integers(-8, 8, (6, 5, 6, 7))
    return ColumnConv("conv", ("input",), weights, 4, rows=100, cell_bits=2, dac_bits=2, flat=True)


def network_of(conv: ColumnConv) -> Network:
    out = len(conv.weights)
    last = SumPool("sums", ("conv",)), Scores("scores", ("sums",), [1] * out, [0] * out)
    return Network(input_shape=(5, 6, 7), input_bits=4, layers=(conv, *last))


def make_images(count: int = 1) -> Array:
    images = rng(9).integers(0, 16, (count, 5, 6, 7))
    images[images < 4] = 0
    return images


VARIATIONS = (
    Variation(sigma=0.2),
    Variation("proportional", 0.2, on_off=5.0),
    Variation("independent", 0.1, stuck_on=0.05, stuck_off=0.1),
    Variation(on_off=3.0, stuck_on=0.1),
)


CONVS = {
    "offset": make_conv(),
    "differential": make_conv("differential"),
    "all at once": make_conv(dac_bits=8),
    "flat": make_flat(),
}


@pytest.mark.parametrize("name", CONVS)
def test_a_run_is_that_of_the_oracle_on_the_cells(name: str) -> None:
    conv = CONVS[name]
    network, image = network_of(conv), make_images()[0]
    outputs = []
    for variation in VARIATIONS:
        runner = Runner(network, plans_for(network, variation, 3))
        runner(image)
        drawn = draw_cells(conv, variation, 3)
        wanted = column_reference.integers(conv, image, network.signals["input"], *drawn)
        np.testing.assert_array_equal(runner.maps["conv"], wanted, err_msg=str(variation))
        outputs.append(wanted.tolist())
    assert len({str(each) for each in outputs}) == len(VARIATIONS)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_variation_is_the_path_without_any(encoding: str) -> None:
    conv = make_conv(encoding)
    network, images = network_of(conv), make_images(5)
    wanted = Runner(network).run_all(images)
    none = Variation(sigma=0.0, on_off=math.inf, stuck_on=0.0, stuck_off=0.0, read_sigma=0.0)
    np.testing.assert_array_equal(Runner(network, plans_for(network, none)).run_all(images), wanted)
    assert program(network, none) == {}
    for law in LAWS:
        drawn = draw_cells(conv, Variation(law), 5)
        np.testing.assert_array_equal(drawn.columns, conv.digits)
        assert drawn.reference is None
        plans = plans_for(network, none, cells={"conv": drawn})
        np.testing.assert_array_equal(Runner(network, plans).run_all(images), wanted, law)


def test_a_finite_ratio_alone_only_adds_what_the_reference_takes_off() -> None:
    conv, image = make_conv(), make_images()[0]
    drawn = draw_cells(conv, Variation(on_off=5.0), 0)
    found = column_sums(conv, image, 4, *drawn)
    np.testing.assert_allclose(found, column_sums(conv, image, 4), atol=1e-3)
    assert drawn.columns is not None
    assert (drawn.columns[0] >= 0.75).all()
    leaking = column_sums(conv, image, 4, drawn.columns)
    assert (leaking > column_sums(conv, image, 4) + 1).any()


def test_padding_and_missing_channels_conduct_nothing() -> None:
    conv = make_conv()
    assert conv.tiling.counts == (3, 3, 1)
    assert in_use(conv).sum(axis=(1, 2, 3)).tolist() == [27, 27, 9]
    for variation in VARIATIONS:
        columns, reference = draw_cells(conv, variation, 0)
        assert columns is not None
        assert not columns[2, :, :, 1:].any(), variation
        assert columns[2, :, :, :1].any(), variation
        if reference is not None:
            assert not reference[2, 1:].any(), variation
            assert (reference[:, 0] > 0).all(), variation
        sums = column_sums(conv, np.zeros((5, 6, 7), np.int64), 4, columns, reference)
        assert not sums.any(), variation


def test_signed_cells_refuse_what_only_conductances_can_be() -> None:
    for variation in (Variation(on_off=9.0), Variation(stuck_on=0.1), Variation(stuck_off=0.1)):
        with pytest.raises(ValueError, match="conv: encoding 'signed_msb' found with"):
            draw_cells(make_conv("signed_msb"), variation, 0)
    assert draw_cells(make_conv("signed_msb"), Variation(sigma=0.1), 0).columns is not None


# Read noise


def noise_of(
    conv: ColumnConv, image: Array, number: int = 0, key: int = 5, leaky: bool = False
) -> Array:
    """Return what cells with a read noise of 1 digit add to sums, (cycles, places, T, S', O)."""
    network = network_of(conv)
    source, target = (make_map(network.signals[name].shape, np.int32) for name in ("input", "conv"))
    source.shaped[...] = image
    noise, reads = Noise(np.uint64(key), 1.0, leaky), np.array([number])
    disturb = read_noise(conv, target, source, noise, reads)
    places = len(target.places)
    sums = np.zeros((conv.cycles(4), places, *conv.column_shape), np.float32)
    for cycle, part in enumerate(sums):
        for kernel, given in disturb(part, cycle):
            kernel(*given)
    return sums


def scales_of(conv: ColumnConv, image: Array) -> Array:
    """Return the square root of the sum of squares of what drives each tile, by cycle and place."""
    inputs = windows(conv, image)
    cycles = [conv.drive(inputs, cycle) for cycle in range(conv.cycles(4))]
    squares = np.stack([(driven**2).sum(axis=(3, 4, 5)) for driven in cycles])
    return np.asarray(np.sqrt(squares.reshape(len(cycles), -1, conv.tiles, 1, 1)))


@pytest.mark.parametrize("name", CONVS)
@pytest.mark.parametrize("leaky", [False, True])
def test_read_noise_is_a_normal_by_column_times_what_rows_are_driven_with(
    name: str, leaky: bool
) -> None:
    conv = CONVS[name]
    one, other = make_images(2)
    other[other == 0] = 15
    found = [noise_of(conv, image, leaky=leaky) for image in (one, other)]
    scales = [scales_of(conv, image) for image in (one, other)]
    assert (scales[0] != scales[1]).mean() > 0.9
    driven = np.broadcast_to(scales[0] > 0, found[0].shape)
    numbers = [
        noise / np.where(scale, scale, 1) for noise, scale in zip(found, scales, strict=True)
    ]
    np.testing.assert_allclose(numbers[0][driven], numbers[1][driven], rtol=1e-5, atol=1e-6)
    assert not found[0][~driven].any()


def test_read_noise_has_its_moments() -> None:
    conv = make_conv()
    image = make_images()[0]
    many = np.stack([noise_of(conv, image, number) for number in range(400)]) / np.where(
        scales_of(conv, image), scales_of(conv, image), np.inf
    )
    # No cycle of an image meets what a cycle of another one does.
    second, next_first = many[:-1, 1], many[1:, 0]
    assert np.isclose(second, next_first)[second != 0].mean() < 0.01
    flat = many.reshape(400, -1)
    flat = flat[:, flat.any(axis=0)]
    assert flat.shape[1] > 500
    values = flat.ravel()
    assert abs(values.mean()) < 3 / math.sqrt(values.size)
    assert abs(values.var() - 1) < 3 * math.sqrt(2 / values.size)
    r = np.asarray(np.corrcoef(flat.T))[np.triu_indices(flat.shape[1], 1)]
    assert abs(400 * (r**2).mean() - 1) < 3 * math.sqrt(2 / flat.shape[1])


def test_all_columns_of_a_tile_share_the_noise_of_its_reference() -> None:
    conv, image = make_conv(), make_images()[0]
    shared = noise_of(conv, image, leaky=True) - noise_of(conv, image)
    spread = shared.max(axis=(3, 4)) - shared.min(axis=(3, 4))
    scale = scales_of(conv, image)[..., 0, 0]
    assert (spread <= 1e-5 * np.maximum(scale, 1)).all()
    values = shared[..., 0, 0][scale > 0] / scale[scale > 0]
    assert abs(values.var() - 1) < 3 * math.sqrt(2 / values.size)
    assert len(np.unique(values.round(4))) > 0.9 * values.size


def test_each_image_and_draw_meets_other_noise_in_whatever_order() -> None:
    network, images = network_of(make_conv()), make_images(1).repeat(6, axis=0)
    variation = Variation(sigma=0.1, read_sigma=0.2)
    wanted = Runner(network, plans_for(network, variation, 1)).run_all(images)
    assert len(np.unique(wanted, axis=0)) == 6
    again = Runner(network, plans_for(network, variation, 1)).run_all(images)
    np.testing.assert_array_equal(again, wanted)
    reads = np.array([4])
    behind = Runner(network, plans_for(network, variation, 1, reads=reads))
    np.testing.assert_array_equal(behind.run_all(images[4:]), wanted[4:])
    assert reads[0] == 6
    noisy = Variation(read_sigma=0.2)
    one, two = (Runner(network, plans_for(network, noisy, draw)).run_all(images) for draw in (1, 2))
    assert (one != two).any(axis=1).all()


def test_read_noise_is_of_the_greatest_conductance() -> None:
    conv, image = make_conv(adc_bits=None, adc_step=None, adc_offset=None), make_images()[0]
    network = network_of(conv)

    def spread(variation: Variation) -> float:
        runner = Runner(network, plans_for(network, variation))
        maps = []
        for _ in range(300):
            runner(image)
            maps.append(runner.maps["conv"].copy())
        return float(np.stack(maps).var(axis=0).mean())

    quiet, loud = spread(Variation(read_sigma=0.1)), spread(Variation(read_sigma=0.2))
    assert 3.5 < loud / quiet < 4.5
    cycles = (scales_of(conv, image) ** 2 * np.array([1, 16]).reshape(2, 1, 1, 1, 1)).sum(axis=0)
    theory = float((0.3**2 * cycles * (1 + 16)).sum(axis=1).mean())
    assert abs(quiet / theory - 1) < 0.05
    # The greatest conductance is 6 digits, and a reference is read, which both slices share.
    leaky = spread(Variation(read_sigma=0.1, on_off=2.0))
    assert abs(leaky / (theory * 4 * (17 + 25) / 17) - 1) < 0.1


# Refusals


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"law": "normal"}, "variation: law 'normal' found; allowed: lognormal, proportional"),
        ({"sigma": -0.1}, "variation: sigma = -0.1 found; allowed: finite, 0 or more"),
        ({"sigma": math.inf}, "variation: sigma = inf found"),
        ({"sigma": math.nan}, "variation: sigma = nan found"),
        ({"sigma": "0.1"}, "variation: sigma = '0.1' found; allowed: a number"),
        ({"read_sigma": -1}, "variation: read_sigma = -1 found"),
        ({"on_off": 1}, "variation: on_off = 1 found; allowed: more than 1, or inf"),
        ({"stuck_on": 1.5}, "variation: stuck_on = 1.5 found; allowed: a share, 0..1"),
        ({"stuck_off": -0.5}, "variation: stuck_off = -0.5 found; allowed: a share, 0..1"),
        ({"stuck_on": 0.6, "stuck_off": 0.5}, "allowed: shares that are 1 or less together"),
    ],
)
def test_impossible_variations_are_refused(given: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Variation(**given)


def test_what_hangs_on_chance_says_so() -> None:
    assert not Variation().random
    assert not Variation(on_off=5.0).random
    assert Variation(on_off=5.0).plain["on_off"] == 5
    assert Variation().plain["on_off"] is None
    for name in ("sigma", "stuck_on", "stuck_off", "read_sigma"):
        given: dict[str, Any] = {name: 0.1}
        assert Variation(**given).random, name

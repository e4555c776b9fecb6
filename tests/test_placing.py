"""Networks placed on arrays: what they compute, and which converters they get."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qnets import networks

from neurobot.column_cim.calibration import tally_sums
from neurobot.column_cim.converters import Reach, from_reach, kappa, reach
from neurobot.column_cim.layers import on_arrays
from neurobot.column_cim.placing import EDGES, calibrate, onto_arrays, with_adc
from neurobot.controllers import WEIGHTS
from neurobot.qnet import ENCODINGS, Conv, Network, Requant, Runner, Scores, load
from neurobot.qnet.column_reference import column_sums
from neurobot.qnet.columns import code_range

Array = NDArray[Any]
draws = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=40,
    # Of many small networks no layer can lie on arrays: those are drawn again.
    suppress_health_check=[HealthCheck.filter_too_much],
)
# Columns whose sums spread over many codes.
WIDE: dict[str, Any] = {"encoding": "offset", "rows": 40}
ARRAYS = st.fixed_dictionaries(
    {
        "rows": st.sampled_from([25, 32, 128]),
        "cell_bits": st.sampled_from([1, 2]),
        "encoding": st.sampled_from(ENCODINGS),
        "dac_bits": st.sampled_from([1, 2, 3]),
        "edges": st.sampled_from(EDGES),
    }
)


# What is placed


def try_place(network: Network, **how: Any) -> Network:
    """Place a network; skip one of which nothing can lie on arrays."""
    try:
        return onto_arrays(network, **how)
    except ValueError as refused:
        assume("no layer can lie on arrays" not in str(refused))
        raise


@draws
@given(networks(), ARRAYS, st.sampled_from([16, None]), st.booleans())
def test_with_enough_bits_every_map_is_the_digital_ones(
    case: Any, arrays: dict[str, Any], adc_bits: int | None, calibrated: bool
) -> None:
    network, image = case
    images = image[None] if calibrated else None
    placed = try_place(network, adc_bits=adc_bits, images=images, **arrays)
    one, other = Runner(network), Runner(placed)
    np.testing.assert_array_equal(other(image), one(image))
    for name, found in other.maps.items():
        np.testing.assert_array_equal(found, one.maps[name], err_msg=name)
    for layer in on_arrays(placed):
        assert (layer.adc_step == 1).all(), layer.name
        assert (layer.adc_offset == np.rint(layer.adc_offset)).all(), layer.name
    stay = str(placed.notes.get("digital layers", ""))
    for conv in placed.convs:
        assert (conv in on_arrays(placed)) != (f"{conv.name}: " in stay), conv.name


def small(weights: Array, bits: int = 4, groups: int = 1) -> Network:
    """Return a network of three convolutions, of which the second one is given."""
    chance = np.random.default_rng(3)
    out, middle = len(weights), weights.shape[3] * groups
    layers = (
        Conv("first", ("input",), chance.integers(-8, 8, (middle, 1, 1, 2)), 4),
        Requant("codes", ("first",), [1 << 14] * middle, [5 << 16] * middle, 16, 0, 15, 4),
        Conv("inner", ("codes",), weights, bits, padding=(1, 1), groups=groups),
        Requant("more", ("inner",), [1 << 10] * out, [0] * out, 16, 0, 15, 4),
        Conv("last", ("more",), chance.integers(-8, 8, (3, 5, 5, out)), 4),
        Scores("scores", ("last",), [1] * 3, [0] * 3),
    )
    return Network(input_shape=(5, 5, 2), input_bits=4, layers=layers)


def usual(bits: int = 4) -> Network:
    weights = np.random.default_rng(4).integers(-(1 << bits - 1), 1 << bits - 1, (6, 3, 3, 8))
    return small(weights, bits)


def make_images(count: int = 40) -> Array:
    return np.random.default_rng(5).integers(0, 16, (count, 5, 5, 2))


def test_edges_stay_digital_unless_they_are_asked_for() -> None:
    network = usual()
    inner = onto_arrays(network)
    assert [conv.name for conv in on_arrays(inner)] == ["inner"]
    stay = "first: the first or the last one with weights; last: the first or the last one"
    assert str(inner.notes["digital layers"]).startswith(stay)
    every = onto_arrays(network, edges="arrays")
    assert [conv.name for conv in on_arrays(every)] == ["first", "inner", "last"]
    assert "digital layers" not in every.notes
    assert [conv.flat for conv in on_arrays(every)] == [False, False, True]
    assert onto_arrays(network).notes["converters"] == "of all that columns can sum to"
    assert onto_arrays(network, images=make_images()).notes["converters"] == "of sums on 40 images"
    assert onto_arrays(network, adc_bits=None).notes["converters"] == "ideal"


@pytest.mark.parametrize(
    ("network", "how", "text"),
    [
        (usual(), {"rows": 8}, "inner: a kernel of 3 x 3 need"),
        (small(np.zeros((6, 3, 3, 4), int), groups=2), {}, "inner: groups = 2 found"),
        (usual(), {"cell_bits": 5}, "inner: cell_bits = 5 found"),
        (usual(), {"encoding": "thermometer"}, "inner: encoding = 'thermometer' found"),
        (usual(), {"dac_bits": 0}, "inner: dac_bits = 0 found"),
    ],
    ids=["rows", "groups", "cell_bits", "encoding", "dac_bits"],
)
def test_a_network_of_which_nothing_can_lie_on_arrays_is_refused(
    network: Network, how: Any, text: str
) -> None:
    with pytest.raises(ValueError, match="no layer can lie on arrays: .*" + text):
        onto_arrays(network, **how)


def test_what_cannot_be_placed_or_converted_is_refused() -> None:
    network = usual()
    with pytest.raises(ValueError, match="edges = 'analog' found; allowed: 'digital' or 'arrays'"):
        onto_arrays(network, edges="analog")
    with pytest.raises(ValueError, match="inner: a layer on arrays found; allowed: a network with"):
        onto_arrays(onto_arrays(network))
    for bits in (0, 17, True, 2.5):
        with pytest.raises(ValueError, match="inner: adc_bits = "):
            onto_arrays(network, adc_bits=bits)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="inner: adc_bits = "):
            onto_arrays(network, adc_bits=bits, images=make_images())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="inner: 0 images found to calibrate converters on"):
        onto_arrays(network, images=make_images(0))
    with pytest.raises(ValueError, match="image: int64 of shape"):
        onto_arrays(network, images=make_images()[..., :1])
    with pytest.raises(ValueError, match=r"no layer can lie on arrays: .*float32"):
        onto_arrays(load(WEIGHTS / "fp32.npz"), edges="arrays")


# Converters


def test_kappa_is_the_published_optimum() -> None:
    published = 1.596, 0.9957, 0.586, 0.3352, 0.1881, 0.1041
    for bits, value in enumerate(published, 1):
        assert abs(kappa(bits) / value - 1) < 4e-4, bits


@pytest.mark.parametrize("bits", [1, 2, 4, 7, 9])
def test_no_step_quantizes_a_normal_number_better(bits: int) -> None:
    x = np.linspace(-9, 9, 200_001)
    density = np.exp(-x * x / 2)

    def error(step: float) -> float:
        low, high = code_range(bits)
        codes = np.floor(x / step) + (1 if bits == 1 else 0)
        levels = (codes.clip(low, high) - (low + high) / 2) * step
        return float((density * (x - levels) ** 2).sum())

    best = error(kappa(bits))
    assert all(best < error(kappa(bits) * factor) for factor in (0.97, 0.99, 1.01, 1.03))


def test_steps_shrink_with_every_bit() -> None:
    found = [kappa(bits) for bits in range(1, 17)]
    ratios = [one / other for one, other in pairwise(found)]
    assert all(1.6 < ratio < 2 for ratio in ratios)
    assert ratios == sorted(ratios)


CASES = [(encoding, dac_bits) for encoding in ENCODINGS for dac_bits in (2, 8)]


@pytest.mark.parametrize(("encoding", "dac_bits"), CASES)
def test_tallies_are_those_of_all_sums(encoding: str, dac_bits: int) -> None:
    network = onto_arrays(usual(), adc_bits=None, rows=40, encoding=encoding, dac_bits=dac_bits)
    (conv,), images = on_arrays(network), make_images(20)
    tally = tally_sums(network, images)[conv.name]
    runner, sums = Runner(network), []
    for image in images:
        runner(image)
        found = column_sums(conv, runner.maps["codes"], 4)
        sums.append(found.reshape(-1, *conv.column_shape))
    every = np.concatenate(sums)
    assert tally.number[0] == len(every) == 20 * 25 * (2 if dac_bits == 2 else 1)
    np.testing.assert_array_equal(tally.lowest, every.min(axis=0))
    np.testing.assert_array_equal(tally.highest, every.max(axis=0))
    np.testing.assert_array_equal(tally.mean, every.mean(axis=0))
    np.testing.assert_allclose(tally.variance, every.var(axis=0), rtol=1e-12)
    ends = reach(conv, network.signals["codes"])
    assert (ends.least <= tally.lowest).all()
    assert (tally.highest <= ends.most).all()
    if encoding != "signed_msb":
        top = column_sums(conv, np.full((5, 5, 8), 15), 4).reshape(-1, *conv.column_shape)
        np.testing.assert_array_equal(ends.most, top.max(axis=0))
        assert not ends.least.any()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6])
def test_codes_of_calibrated_converters_lie_around_the_mean(bits: int) -> None:
    images = make_images()
    ideal = onto_arrays(usual(), adc_bits=None, **WIDE)
    placed = onto_arrays(usual(), adc_bits=bits, **WIDE, images=images)
    (conv,), tally = on_arrays(placed), tally_sums(ideal, images)["inner"]
    steps = kappa(bits) * np.sqrt(tally.variance)
    assert (steps > 1).mean() > 0.9
    np.testing.assert_allclose(conv.adc_step, np.maximum(steps, 1), rtol=1e-6)
    low, high = code_range(bits)
    middle = conv.adc_offset + conv.adc_step * (low + high) / 2
    off = np.abs(middle - tally.mean)
    assert (off[conv.adc_step > 1] < 1e-3).all()
    assert (off <= 1).all()


def narrow() -> Network:
    """Return a network with columns that few rows lie on, and one whose inputs are always 0."""
    weights = np.zeros((6, 3, 3, 8), int)
    weights[:, 1, 1, 0] = [-2, -1, 0, 1, 0, 0]
    weights[5] = 1
    return small(weights, 2)


def test_columns_whose_codes_cover_all_lose_nothing() -> None:
    for images in (None, make_images()):
        placed = onto_arrays(narrow(), cell_bits=1, encoding="differential", images=images)
        (conv,) = on_arrays(placed)
        ends = reach(conv, placed.signals["codes"])
        covered = ends.most - ends.least <= 15
        assert 0.5 < covered.mean() < 1
        assert (conv.adc_step[covered] == 1).all()
        offsets = conv.adc_offset[covered]
        np.testing.assert_array_equal(offsets, np.rint(offsets))
        for end in (ends.least, ends.most):
            code = end[covered] - offsets
            assert ((code >= -8) & (code <= 7)).all()
        one, other = Runner(narrow()), Runner(placed)
        for image in make_images(5):
            one(image)
            other(image)
            np.testing.assert_array_equal(other.maps["inner"][..., :5], one.maps["inner"][..., :5])


def test_one_sum_too_many_is_not_covered() -> None:
    most = np.array([14, 15, 16, 30])
    steps, offsets = from_reach(Reach(np.zeros(4, int), most), 4)
    np.testing.assert_allclose(steps, [1, 1, 16 / 15, 2])
    np.testing.assert_allclose(offsets - 8 * steps, 0, atol=1e-6)
    steps, offsets = from_reach(Reach(-most, most), 5)
    np.testing.assert_allclose(steps, [1, 1, 32 / 31, 60 / 31])
    assert (offsets + 15 * steps >= most - 1e-5).all()


def test_a_column_that_never_changes_is_converted_exactly() -> None:
    image = np.full((5, 5, 2), 9)
    placed = onto_arrays(usual(), edges="arrays", images=image[None])
    first = on_arrays(placed)[0]
    ends = reach(first, placed.signals["input"])
    assert (ends.most - ends.least > 15).any()
    assert (first.adc_step == 1).all()
    one, other = Runner(usual()), Runner(placed)
    one(image)
    other(image)
    np.testing.assert_array_equal(other.maps["first"], one.maps["first"])


def test_spans_reach_from_end_to_end() -> None:
    placed = onto_arrays(usual(), rows=40, adc_bits=3)
    (conv,) = on_arrays(placed)
    ends = reach(conv, placed.signals["codes"])
    np.testing.assert_allclose(conv.adc_offset - 4 * conv.adc_step, ends.least, atol=1e-3)
    np.testing.assert_allclose(conv.adc_offset + 3 * conv.adc_step, ends.most, atol=1e-3)
    assert (conv.adc_step > 10).all()


# Other converters


def middles(network: Network) -> Array:
    (conv,) = on_arrays(network)
    assert conv.codes_range is not None
    return np.asarray(conv.adc_offset + conv.adc_step * (sum(conv.codes_range) / 2))


def test_other_converters_keep_their_middles_and_stretch_their_steps() -> None:
    placed = onto_arrays(usual(), **WIDE, images=make_images())
    (own,) = on_arrays(placed)
    for bits in (1, 2, 3, 5):
        other = with_adc(placed, bits)
        (conv,) = on_arrays(other)
        assert conv.adc_bits == bits
        wanted = own.adc_step * (kappa(bits) / kappa(4))
        np.testing.assert_allclose(conv.adc_step, np.maximum(wanted, 1), rtol=1e-5)
        wide = conv.adc_step > 1
        np.testing.assert_allclose(middles(other)[wide], middles(placed)[wide], atol=1e-3)
        assert wide.mean() > 0.9
        assert conv.weights is own.weights or (conv.weights == own.weights).all()
    (same,) = on_arrays(with_adc(placed, 4))
    assert same is own
    (fine,) = on_arrays(with_adc(placed, 16))
    assert (fine.adc_step == 1).all()
    (ideal,) = on_arrays(with_adc(placed, None))
    assert ideal.adc_bits is None
    one, two = Runner(usual()), Runner(with_adc(placed, None))
    for image in make_images(3):
        np.testing.assert_array_equal(two(image), one(image))
    assert with_adc(placed, 3).layers[0] is placed.layers[0]


def test_stretching_calibrated_converters_is_calibrating_others() -> None:
    images = make_images()
    placed = onto_arrays(usual(), **WIDE, images=images)
    for bits in (2, 3, 5):
        (one,) = on_arrays(with_adc(placed, bits))
        (other,) = on_arrays(onto_arrays(usual(), **WIDE, images=images, adc_bits=bits))
        wide = (one.adc_step > 1) & (other.adc_step > 1)
        assert wide.mean() > 0.9
        np.testing.assert_allclose(one.adc_step[wide], other.adc_step[wide], rtol=1e-5)
        np.testing.assert_allclose(one.adc_offset[wide], other.adc_offset[wide], atol=1e-3)


def test_converters_can_be_calibrated_anew() -> None:
    images = make_images()
    wanted = onto_arrays(usual(), images=images, adc_bits=3)
    found = calibrate(onto_arrays(usual(), adc_bits=None), 3, images)
    (one,), (other,) = on_arrays(wanted), on_arrays(found)
    np.testing.assert_array_equal(one.adc_step, other.adc_step)
    np.testing.assert_array_equal(one.adc_offset, other.adc_offset)


def test_impossible_converters_are_refused() -> None:
    placed = onto_arrays(usual())
    with pytest.raises(ValueError, match=r"inner: adc_bits = 0 found; .* None for an ideal conv"):
        with_adc(placed, 0)
    with pytest.raises(ValueError, match="method = 'guess' found; allowed: 'stretch' or 'reach'"):
        with_adc(placed, 3, "guess")
    ideal = with_adc(placed, None)
    with pytest.raises(ValueError, match="inner: ideal converters found, which have no steps"):
        with_adc(ideal, 3)
    assert on_arrays(with_adc(ideal, 3, "reach"))[0].adc_bits == 3


def test_calibration_is_better_than_the_span_of_all_sums_at_few_bits() -> None:
    images = make_images(60)
    runs = [Runner(usual())]
    runs += [Runner(onto_arrays(usual(), rows=72, images=i)) for i in (images[:30], None)]
    errors = []
    for image in images[30:]:
        for run in runs:
            run(image)
        exact, calibrated, spanning = (run.maps["inner"] for run in runs)
        errors.append([np.square(m - exact).sum() for m in (calibrated, spanning)])
    calibrated, spanning = np.sum(errors, axis=0)
    assert math.sqrt(spanning / calibrated) > 1.5

"""Columns of memory cells: golden numbers, exact if nothing is lost, kernels as the reference."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from drawn_columns import Array, Case, around, coarse, draw_case, lossless, plain, real_cells
from naive_columns import naive_columns, naive_digits

from neurobot.mac import Processor
from neurobot.mars import Machine as Mars
from neurobot.qnet import ENCODINGS, ColumnConv, Network, Runner, Signal, forward, slice_codes
from neurobot.qnet import column_reference as plainly
from neurobot.qnet.column_kernels import plan_columns
from neurobot.qnet.columns import code_range
from neurobot.qnet.maps import Step, make_map
from neurobot.qnet.slicing import correction, place_values
from neurobot.qnet.tiling import make_tiling
from neurobot.tdnn.reading import read_network

OUT, IN, SIDE = 3, 5, 4


def fixture_case() -> tuple[Array, Array]:
    """Return weights (out, rows, columns, in) and a map, by formulas."""
    codes = [
        ((7 * o + 11 * c + 3 * y + 5 * x + o * c) % 8) - 4
        for o, y, x, c in product(range(OUT), range(3), range(3), range(IN))
    ]
    image = [
        (3 * c + 5 * y + 7 * x + c * y * x) % 4
        for y, x, c in product(range(SIDE), range(SIDE), range(IN))
    ]
    assert sum(codes) == -75
    assert sum(image) == 104
    return np.reshape(codes, (OUT, 3, 3, IN)), np.reshape(image, (SIDE, SIDE, IN))


FIXTURE, FIXTURE_MAP = fixture_case()
FIXTURE_SOURCE = Signal((SIDE, SIDE, IN), 0, 3, 2)


def fixture_conv(encoding: str, **settings: Any) -> ColumnConv:
    return ColumnConv(
        "conv",
        ("input",),
        FIXTURE,
        3,
        padding=(1, 1),
        rows=18,
        encoding=encoding,
        **{"dac_bits": 2, **settings},
    )


def uneven(encoding: str) -> Array:
    """Return steps 1 + (t + 2 j + o) mod 3 of converters; both columns of a slice have one."""
    t, j, o = np.indices(fixture_conv(encoding).column_shape)
    return np.asarray(1 + (t + 2 * (j % 3) + o) % 3)


# Encoding, bits, whether steps are uneven, whether weight steps are: what the outputs add up to,
# what their magnitudes do, the sum of (i + 1) times the i-th, the first four and the last one.
GOLDEN: dict[tuple[str, int | None, bool, bool], tuple[str, str, str, str, str]] = {
    **{
        (name, None, False, False): ("-966", "1176", "-25067", "-24,-24,-13,6", "-8")
        for name in ENCODINGS
    },
    ("signed_msb", 1, False, False): ("-552", "552", "-13524", "-12,-12,-12,-12", "-8"),
    ("signed_msb", 2, False, False): ("-650", "650", "-16065", "-15,-15,-11,-15", "-7"),
    ("signed_msb", 3, False, False): ("-810", "816", "-20079", "-21,-22,-9,-17", "-5"),
    ("signed_msb", 4, False, False): ("-842", "948", "-21522", "-24,-20,-7,4", "-10"),
    ("signed_msb", 5, False, False): ("-950", "1160", "-24713", "-24,-24,-13,6", "-8"),
    ("signed_msb", 6, False, False): ("-966", "1176", "-25067", "-24,-24,-13,6", "-8"),
    ("signed_msb", 3, True, False): ("-997", "1125", "-20665", "-38,-26,-21,8", "-5"),
    ("signed_msb", 4, True, False): ("-968", "1200", "-21997", "-34,-17,-23,17", "-11"),
    ("signed_msb", 4, True, True): (
        "-3041/16",
        "3815/16",
        "-34827/8",
        "-81/16,-57/16,-53/8,39/16",
        "-23/8",
    ),
    ("differential", 3, True, False): ("-972", "1188", "-25211", "-28,-33,-8,5", "-7"),
}


def golden_conv(
    encoding: str, bits: int | None, uneven_adc: bool, uneven_steps: bool
) -> ColumnConv:
    """Return a layer of the golden table.

    Its codes of 1 bit are -1 and 0, those of the differential encoding 0..2^bits - 1: of our codes,
    those are the same converters with other offsets.
    """
    conv = fixture_conv(encoding)
    t, o = np.indices((conv.tiles, OUT))
    settings: dict[str, Any] = {"steps": 2.0 ** -(2 + (t + o) % 3) if uneven_steps else None}
    if bits is not None:
        step = uneven(encoding) if uneven_adc else np.ones(conv.column_shape)
        first = {"signed_msb": -(1 << bits - 1), "differential": 0}[encoding]
        offset = (first - code_range(bits)[0]) * step
        settings |= {"adc_bits": bits, "adc_step": step, "adc_offset": offset}
    return fixture_conv(encoding, **settings)


def summary(values: list[Fraction]) -> tuple[str, str, str, str, str]:
    """Sum up a map in the order (output, row, column)."""
    weighted = sum(((number + 1) * value for number, value in enumerate(values)), Fraction(0))
    first = ",".join(map(str, values[:4]))
    return str(sum(values)), str(sum(map(abs, values))), str(weighted), first, str(values[-1])


def in_order(outputs: Array) -> list[Fraction]:
    return [Fraction(float(value)) for value in np.moveaxis(outputs, 2, 0).ravel()]


@pytest.mark.parametrize("key", GOLDEN, ids=str)
def test_the_golden_table_to_every_digit(key: tuple[str, int | None, bool, bool]) -> None:
    conv = golden_conv(*key)
    assert conv.column_shape == (3, 6 if key[0] == "differential" else 3, OUT)
    assert conv.tiling.counts == (2, 2, 1)
    naive = naive_columns(conv, FIXTURE_MAP.tolist(), 2)
    places = list(product(range(OUT), range(SIDE), range(SIDE)))
    assert summary([naive.real[y, x, o] for o, y, x in places]) == GOLDEN[key]
    assert summary(in_order(plainly.reference(conv, FIXTURE_MAP, 2))) == GOLDEN[key]
    outputs = Runner(around(conv, FIXTURE_SOURCE))
    outputs(FIXTURE_MAP)
    rounded = [
        Fraction((value + Fraction(1, 2)).__floor__())
        for value in in_order(plainly.reference(conv, FIXTURE_MAP, 2))
    ]
    assert in_order(outputs.maps["conv"]) == rounded
    assert [Fraction(naive.whole[y, x, o]) for o, y, x in places] == rounded


def test_the_golden_ranges_of_columns_and_their_bits() -> None:
    ranges = {"signed_msb": (-19, 18), "offset": (0, 18), "differential": (0, 15)}
    for encoding, ends in ranges.items():
        sums = plainly.column_sums(fixture_conv(encoding), FIXTURE_MAP, 2)
        assert (sums.min(), sums.max()) == ends, encoding
    exact = plainly.reference(fixture_conv("offset"), FIXTURE_MAP, 2)
    bits = {"offset": 5, "differential": 4}
    for encoding, enough in bits.items():
        for adc_bits, equal in ((enough, True), (enough - 1, False)):
            offsets = np.full(fixture_conv(encoding).column_shape, 1 << adc_bits - 1)
            conv = fixture_conv(encoding, adc_bits=adc_bits, adc_offset=offsets)
            assert np.array_equal(plainly.reference(conv, FIXTURE_MAP, 2), exact) is equal, encoding
    distances = [
        np.abs(
            plainly.reference(golden_conv("signed_msb", b, False, False), FIXTURE_MAP, 2) - exact
        )
        for b in range(1, 7)
    ]
    assert [distance.sum() for distance in distances] == [842, 810, 782, 542, 36, 0]


ROUNDINGS: dict[str, tuple[Callable[[Array], Array], bool]] = {
    "half to even": (np.rint, True),
    "half up": (lambda x: np.floor(x + 0.5), False),
    "half away": (lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5), False),
}


@pytest.mark.parametrize("name", ROUNDINGS)
def test_the_golden_table_tells_how_converters_round(name: str) -> None:
    rounded, golden = ROUNDINGS[name]
    for key in [key for key in GOLDEN if key[2]]:
        conv = golden_conv(*key)
        sums = plainly.column_sums(conv, FIXTURE_MAP, 2)
        assert conv.codes_range is not None
        codes = rounded((sums - conv.adc_offset) / conv.adc_step).clip(*conv.codes_range)
        outputs = plainly.dequantize(conv, codes, plainly.input_sums(conv, FIXTURE_MAP))
        assert (summary(in_order(outputs)) == GOLDEN[key]) is golden, key


CASES = 540


def test_nothing_is_lost_where_converters_have_bits_enough() -> None:
    rng, seen, short, uncut = np.random.default_rng(9), 0, 0, 0
    encodings = set()
    while seen < CASES:
        case = draw_case(rng)
        conv = lossless(case)
        if conv is None:
            continue
        seen += 1
        wanted = Runner(around(plain(conv), case.source))
        found = Runner(around(conv, case.source))
        wanted(case.image)
        found(case.image)
        np.testing.assert_array_equal(found.maps["conv"], wanted.maps["conv"])
        np.testing.assert_array_equal(
            plainly.integers(conv, case.image, case.source), wanted.maps["conv"]
        )
        encodings.add((conv.encoding, conv.flat, conv.cycles(case.source.bits) > 1))
        short += len(set(conv.tiling.counts)) > 1
        uncut += conv.weight_bits % conv.cell_bits != 0
    assert len(encodings) == 12
    assert min(short, uncut) > 50


def test_maps_counts_and_sums_are_the_oracles() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        case = draw_case(rng)
        if case.conv.weights.size * case.image.size > 10000:
            continue
        conv = coarse(case, rng, fraction=int(rng.integers(0, 13)))
        naive = naive_columns(conv, case.image.tolist(), case.source.bits)
        runner = Runner(around(conv, case.source))
        runner(np.full_like(case.image, case.source.highest))
        runner(case.image)
        found = {place: int(value) for place, value in np.ndenumerate(runner.maps["conv"])}
        assert found == naive.whole
        assert runner.taps == {"conv": naive.taps}
        sums = plainly.column_sums(conv, case.image, case.source.bits)
        # The oracle goes by place, output, tile, slice and cycle.
        assert np.moveaxis(sums, (0, 5), (5, 2)).ravel().tolist() == naive.sums
        real = plainly.reference(conv, case.image, case.source.bits)
        for place, value in naive.real.items():
            assert abs(Fraction(real[place]) - value) <= Fraction(1, 10**9) * max(
                Fraction(1), abs(value)
            )


def steps_of(case: Case, conv: ColumnConv, **how: Any) -> tuple[Array, list[Step]]:
    """Return the output map that is there once the steps are run on the image, after another."""
    made = conv.signal(case.source)
    source, target = (make_map(s.shape, np.int32, s) for s in (case.source, made))
    steps = plan_columns(conv, target, source, np.zeros(1, np.int64), 0, **how)
    for image in (np.full_like(case.image, case.source.highest), case.image):
        source.shaped[...] = image
        for kernel, given in steps:
            kernel(*given)
    return target.shaped, steps


def ways(cells: Array, reference: Array) -> tuple[dict[str, Any], ...]:
    """Digits, real cells, and real cells beside a reference column."""
    return {}, {"cells": cells}, {"cells": cells, "reference": reference}


def test_kernels_are_the_reference_bit_by_bit_of_real_cells_too() -> None:
    rng, clipped = np.random.default_rng(2), 0
    for _ in range(40):
        case = draw_case(rng)
        for conv in (coarse(case, rng), case.conv):
            cells, reference = real_cells(conv, rng)
            for how in ways(cells, reference):
                wanted = plainly.integers(conv, case.image, case.source, **how)
                np.testing.assert_array_equal(steps_of(case, conv, **how)[0], wanted)
                signal = conv.signal(case.source)
                clipped += int(wanted.max() == signal.highest) + int(wanted.min() == signal.lowest)
    assert clipped


def test_sums_can_be_disturbed_before_they_are_converted() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        case = draw_case(rng)
        conv = coarse(case, rng)
        cells, reference = real_cells(conv, rng)
        image, bits = case.image, case.source.bits
        sums = plainly.column_sums(conv, image, bits, cells, reference)
        noise = rng.normal(0, 3, sums.shape).astype(np.float32)
        seen: list[Array] = []

        def disturb(part: Array, cycle: int, noise: Array = noise, seen: Any = seen) -> list[Step]:
            def add() -> None:
                seen.append(part.copy())
                part[...] += noise[cycle].reshape(part.shape)

            return [(add, ())]

        found, _ = steps_of(case, conv, cells=cells, reference=reference, disturb=disturb)
        np.testing.assert_array_equal(np.stack(seen[len(sums) :]).ravel(), sums.ravel())
        codes = plainly.convert(conv, sums + noise)
        total = plainly.merge(conv, codes, plainly.input_sums(conv, image))
        np.testing.assert_array_equal(found, plainly.settle(conv, total, case.source))


def test_cells_that_are_the_digits_change_nothing() -> None:
    rng = np.random.default_rng(4)
    for _ in range(30):
        case = draw_case(rng)
        conv = coarse(case, rng)
        exact, _ = steps_of(case, conv)
        cells = conv.digits.astype(np.float32)
        reference = np.zeros((conv.tiles, *cells.shape[3:]), np.float32)
        still: dict[str, Any] = {"disturb": lambda part, cycle: []}
        for how in (*ways(cells, reference), still):
            np.testing.assert_array_equal(steps_of(case, conv, **how)[0], exact)


# Rows of an array: bits that sums of 3 x 3 kernels take with cells and inputs of (1, 1), (2, 1),
# (1, 4) and (2, 4) bits.
BITS = {64: (6, 8, 10, 12), 128: (7, 9, 11, 13), 256: (8, 10, 12, 14), 512: (9, 11, 13, 15)}


@pytest.mark.parametrize("rows", BITS)
def test_the_bound_of_lossless_converters_is_tight(rows: int) -> None:
    channels = rows // 9
    for (cell_bits, input_bits), bits in zip(
        ((1, 1), (2, 1), (1, 4), (2, 4)), BITS[rows], strict=True
    ):
        conv = ColumnConv(
            "conv",
            ("input",),
            np.full((2, 3, 3, channels), 1),
            2,
            rows=rows,
            cell_bits=cell_bits,
            fraction=0,
        )
        source = Signal((3, 3, channels), 0, (1 << input_bits) - 1, input_bits)
        case = Case(conv, source, np.full(source.shape, source.highest))
        exact = plainly.integers(conv, case.image, source)
        assert exact.max() == 9 * channels * source.highest
        for spare, equal in ((0, True), (1, False)):
            narrow = lossless(case, spare)
            assert narrow is not None
            assert narrow.adc_bits == bits - spare
            found, _ = steps_of(case, narrow)
            assert np.array_equal(found, exact) is equal


def test_encodings_and_arrays_of_any_size_agree_with_ideal_converters() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        case = draw_case(rng)
        area, most = case.conv.tiling.area, case.conv.channels
        unset: dict[str, Any] = {"steps": None, "adc_step": None, "adc_offset": None}
        outputs = [
            steps_of(case, replace(case.conv, encoding=encoding, rows=rows, **unset))[0]
            for encoding in ENCODINGS
            for rows in (area, case.conv.rows, area * most)
        ]
        assert all(np.array_equal(output, outputs[0]) for output in outputs)


def test_the_order_of_channels_in_a_tile_is_nothing() -> None:
    rng = np.random.default_rng(6)
    for _ in range(30):
        case = draw_case(rng, flat=False, rows=1000)
        conv = coarse(case, rng)
        order = rng.permutation(conv.channels)
        assert conv.tiles == 1
        moved = replace(conv, weights=conv.weights[..., order])
        found, _ = steps_of(Case(moved, case.source, case.image[..., order]), moved)
        np.testing.assert_array_equal(found, steps_of(case, conv)[0])


def test_an_image_alone_is_as_in_any_batch() -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        case = draw_case(rng)
        network = around(coarse(case, rng), case.source)
        images = rng.integers(0, case.source.highest + 1, (6, *case.source.shape))
        together = forward(network, images)
        order = rng.permutation(len(images))
        assert forward(network, images[order]).tobytes() == together[order].tobytes()
        alone = [Runner(network)(image) for image in images]
        assert np.array(alone).tobytes() == together.tobytes()
        with ThreadPoolExecutor(3) as pool:
            shared = list(pool.map(lambda image, to=network: Runner(to)(image), images))
        assert np.array(shared).tobytes() == together.tobytes()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_digits_are_one_code_cut_into_slices(encoding: str) -> None:
    for bits in range(1, 9):
        codes = np.arange(-(1 << bits - 1), 1 << bits - 1)
        for cell_bits in range(1, bits + 1):
            digits = slice_codes(codes, bits, cell_bits, encoding)
            places = place_values(bits, cell_bits, encoding)
            assert len(digits) == -(-bits // cell_bits) * (1 + (encoding == "differential"))
            np.testing.assert_array_equal(
                places @ digits - correction(bits, encoding), codes, str((bits, cell_bits))
            )
            naive = [naive_digits(int(code), bits, cell_bits, encoding) for code in codes]
            assert digits.T.tolist() == naive
            unsigned = digits[:-1] if encoding == "signed_msb" else digits
            assert unsigned.size == 0 or (0 <= unsigned.min() and unsigned.max() < 1 << cell_bits)


def test_no_weight_stands_twice_and_none_is_missing() -> None:
    rng = np.random.default_rng(8)
    for _ in range(30):
        conv = draw_case(rng).conv
        network = around(conv, Signal((*conv.kernel, conv.weights.shape[3]), 0, 1, 1))
        assert network.parameters == conv.weights.size
        back = np.tensordot(conv.places, conv.digits, (0, 1)) - conv.correction
        kept = conv.by_tile(np.ones(conv.weights.shape[1:], bool))[:, None]
        assert back[np.broadcast_to(kept, back.shape)].size == conv.weights.size
        assert not conv.digits[:, :, :][~np.broadcast_to(kept[:, None], conv.digits.shape)].any()
        np.testing.assert_array_equal(back * kept, conv.by_tile(conv.weights))


def test_tiles_hold_whole_kernels() -> None:
    tiling = make_tiling("conv", 64, (3, 3), 128)
    assert tiling.counts == (14, 14, 14, 14, 8)
    assert tiling.rows_used == (126, 126, 126, 126, 72)
    assert make_tiling("conv", 3, (5, 5), 1000).counts == (3,)
    assert make_tiling("conv", 3, (5, 5), 25).counts == (1, 1, 1)


def test_flat_layers_go_by_channel_row_and_column_as_torch_flattens() -> None:
    weights = np.arange(-60, 60).reshape(2, 3, 4, 5)
    conv = ColumnConv("conv", ("input",), weights, 8, rows=7, cell_bits=8, flat=True)
    assert conv.column_shape == (9, 1, 2)
    in_order = np.moveaxis(weights, 3, 1).reshape(2, 60) + 128
    tiles = [conv.digits[t, 0, :, :count, 0, 0] for t, count in enumerate(conv.tiling.counts)]
    np.testing.assert_array_equal(np.concatenate(tiles, axis=1), in_order)


def test_merged_constants_are_the_unmerged_ones() -> None:
    rng = np.random.default_rng(10)
    for _ in range(20):
        case = draw_case(rng)
        conv = coarse(case, rng, fraction=24)
        codes = plainly.convert(conv, plainly.column_sums(conv, case.image, case.source.bits))
        inputs = plainly.input_sums(conv, case.image)
        scaled_first = plainly.dequantize(conv, codes, inputs)
        steps = conv.steps.astype(np.float64)[:, None] * conv.places[:, None]
        cycles = conv.cycle_weights(case.source.bits).astype(np.float64)
        merged = np.einsum("lyxtjo,l,tjo->yxo", codes, cycles, steps * conv.adc_step)
        merged += (steps * conv.adc_offset).sum(axis=(0, 1)) * cycles.sum()
        merged -= inputs @ (conv.steps.astype(np.float64) * conv.correction)
        size = np.abs(scaled_first).max() + 1
        np.testing.assert_allclose(merged, scaled_first, rtol=1e-12, atol=1e-12 * size)
        fixed = plainly.merge(conv, codes, inputs) / 2.0**24
        np.testing.assert_allclose(fixed - 0.5, scaled_first, rtol=0, atol=size * 2.0**-10)


def test_what_surrounds_a_map_adds_nothing() -> None:
    rng = np.random.default_rng(11)
    for _ in range(30):
        case = draw_case(rng, flat=False, rows=200)
        conv = coarse(case, rng)
        cells, reference = real_cells(conv, rng)
        (top, left), image = conv.padding, case.image
        wide = np.pad(image, ((top, top), (left, left), (0, 0)))
        inner = replace(conv, padding=(0, 0))
        source = Signal(wide.shape, 0, case.source.highest, case.source.bits)
        for how in ways(cells, reference):
            found, _ = steps_of(Case(inner, source, wide), inner, **how)
            np.testing.assert_array_equal(found, steps_of(case, conv, **how)[0])
        # Whatever cells conduct that nothing drives: the reference column takes off just that.
        raised, half = conv.digits + np.float32(0.5), np.full_like(reference, 0.5)
        sums = plainly.column_sums(conv, image, case.source.bits, raised, half)
        exact = plainly.column_sums(conv, image, case.source.bits)
        np.testing.assert_array_equal(sums, exact)


def test_a_scaled_column_of_steps_scales_its_output_alone() -> None:
    rng = np.random.default_rng(12)
    for _ in range(30):
        case = draw_case(rng)
        conv = coarse(case, rng)
        factor, o = 2.0 ** int(rng.integers(-3, 4)), int(rng.integers(0, len(conv.weights)))
        steps = conv.steps.copy()
        steps[:, o] *= factor
        scaled = replace(conv, steps=steps)
        bits = case.source.bits
        before, after = (plainly.reference(c, case.image, bits) for c in (conv, scaled))
        wanted = before.copy()
        wanted[..., o] *= factor
        np.testing.assert_array_equal(after, wanted)
        codes = [
            plainly.convert(c, plainly.column_sums(c, case.image, bits)) for c in (conv, scaled)
        ]
        np.testing.assert_array_equal(codes[0], codes[1])


def test_sums_that_float32_does_not_hold_are_rounded_once() -> None:
    rng, count = np.random.default_rng(14), 500
    weights = rng.integers(100, 128, (3, 1, 1, count))
    steps = np.array([[[1000.5, 3, 2]]])
    conv = ColumnConv(
        "conv",
        ("input",),
        weights,
        8,
        rows=count,
        cell_bits=8,
        adc_bits=16,
        adc_step=steps,
        adc_offset=np.array([[[0.5, 29.1e6, 29.1e6]]]),
        steps=np.full((1, 3), 2.0**-8),
    )
    source = Signal((1, 1, count), 0, 255, 8)
    for _ in range(20):
        case = Case(conv, source, rng.integers(245, 256, source.shape))
        sums = plainly.column_sums(conv, case.image, 8)
        assert sums.min() > 1 << 24
        naive = naive_columns(conv, case.image.tolist(), 8)
        found, _ = steps_of(case, conv)
        assert found.ravel().tolist() == list(naive.whole.values())
        wanted = plainly.integers(conv, case.image, source)
        np.testing.assert_array_equal(found, wanted)


def test_converters_round_each_operation_to_float32() -> None:
    """Put sums within an ulp of ties, where any other order of operations tells."""
    rng, outputs = np.random.default_rng(16), 48
    step = rng.uniform(0.7, 9, (1, 1, outputs))
    tie = rng.integers(0, 32, step.shape) - (rng.integers(-8, 8, step.shape) + 0.5) * step
    conv = ColumnConv(
        "conv",
        ("input",),
        np.ones((outputs, 1, 1, 1), int),
        4,
        cell_bits=4,
        encoding="signed_msb",
        adc_bits=8,
        adc_step=step,
        adc_offset=tie,
    )
    source = Signal((1, 32, 1), 0, 31, 5)
    case = Case(conv, source, np.arange(32).reshape(source.shape))
    naive = naive_columns(conv, case.image.tolist(), 5)
    found, _ = steps_of(case, conv)
    assert found.ravel().tolist() == list(naive.whole.values())
    np.testing.assert_array_equal(plainly.integers(conv, case.image, source), found)
    codes = plainly.convert(conv, plainly.column_sums(conv, case.image, 5))[0, :, :, 0, 0]
    real = (case.image - conv.adc_offset[0, 0].astype(np.float64)) / conv.adc_step[0, 0]
    assert (np.rint(real).clip(-128, 127) != codes).any(), "float64 would do as well"


def test_no_output_leaves_the_range_of_its_signal() -> None:
    rng, reached = np.random.default_rng(13), 0
    for _ in range(60):
        case = draw_case(rng)
        conv = coarse(case, rng)
        signal = conv.signal(case.source)
        for image in (case.image, 0 * case.image, 0 * case.image + case.source.highest):
            found, _ = steps_of(Case(conv, case.source, image), conv)
            assert signal.lowest <= found.min()
            assert found.max() <= signal.highest
            reached += int(found.max() == signal.highest)
    assert reached, "a range that is never reached may be far too wide"


def test_the_range_of_a_signal_is_just_what_one_cell_can_make() -> None:
    rng = np.random.default_rng(15)
    for _ in range(40):
        code, bits, dac_bits = int(rng.integers(-8, 8)), *(int(n) for n in rng.integers(1, 7, 2))
        conv = ColumnConv(
            "conv",
            ("input",),
            np.full((1, 1, 1, 1), code),
            4,
            cell_bits=4,
            encoding="signed_msb",
            dac_bits=dac_bits,
            fraction=int(rng.integers(0, 5)),
            adc_bits=int(rng.integers(1, 9)),
            adc_step=rng.uniform(0.3, 20, (1, 1, 1)),
            adc_offset=rng.uniform(-50, 50, (1, 1, 1)),
            steps=rng.uniform(0.1, 3, (1, 1)),
        )
        source = Signal((1, 1 << bits, 1), 0, (1 << bits) - 1, bits)
        image = np.arange(1 << bits).reshape(source.shape)
        found, signal = plainly.integers(conv, image, source), conv.signal(source)
        assert (found.min(), found.max()) == (signal.lowest, signal.highest)


WEIGHTS = np.ones((2, 3, 3, 4), int)


def layer(**changed: Any) -> ColumnConv:
    given: dict[str, Any] = {"weights": WEIGHTS, "weight_bits": 4, "rows": 18, "cell_bits": 2}
    return ColumnConv("c", ("input",), **(given | changed))


def in_network(source: Signal | None = None, signed: bool = False, **changed: Any) -> Network:
    source = source or Signal((5, 5, 4), 0, 15, 4)
    return replace(around(layer(**changed), source), input_signed=signed)


def constants(value: float, shape: tuple[int, ...] = (2, 2, 2)) -> Array:
    values = np.ones(shape)
    values[(-1,) * len(shape)] = value
    return values


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a kernel larger than an array": (
        lambda: layer(weights=np.ones((1, 11, 13, 1), int), rows=128),
        "c: a kernel of 11 x 13 needs 143 rows, an array has 128; allowed: ",
    ),
    "0 bits": (lambda: layer(weight_bits=0), "c: weight_bits = 0 found; allowed: .* 1..8"),
    "bits of a float32": (lambda: layer(weight_bits=32), "c: weight_bits = 32 found; allowed"),
    "cells of 0 bits": (lambda: layer(cell_bits=0), "c: cell_bits = 0 found; allowed: .* 1..4"),
    "cells wider than weights": (
        lambda: layer(cell_bits=5),
        "c: cell_bits = 5 found; allowed: a whole number, 1..4",
    ),
    "an encoding": (
        lambda: layer(encoding="gray"),
        "c: encoding = 'gray' found; allowed: 'offset'",
    ),
    "an encoding of no text": (lambda: layer(encoding=[1]), r"c: encoding = \[1\] found; allowed"),
    "float weights": (
        lambda: layer(weights=WEIGHTS.astype(np.float32), weight_bits=32),
        "c: float32 weights found; allowed: signed codes",
    ),
    "float codes": (lambda: layer(weights=WEIGHTS / 1), "c: weight_bits = 4 found; allowed: "),
    "odd codes": (lambda: layer(odd=True), "c: odd codes found; allowed: signed codes"),
    "a code too large": (
        lambda: layer(weights=9 * WEIGHTS),
        r"c: weights\[0, 0, 0, 0\] = 9 is out",
    ),
    "groups": (lambda: layer(groups=2), "c: groups = 2 found; allowed: 1"),
    "no rows": (lambda: layer(rows=0), "c: rows = 0 found; allowed: "),
    "rows of half": (lambda: layer(rows=18.5), "c: rows = 18.5 found; allowed: a whole number"),
    "a DAC of 0 bits": (lambda: layer(dac_bits=0), "c: dac_bits = 0 found; allowed: .* 1..8"),
    "a DAC of 9 bits": (lambda: layer(dac_bits=9), "c: dac_bits = 9 found; allowed: .* 1..8"),
    "an ADC of 0 bits": (
        lambda: layer(adc_bits=0),
        r"c: adc_bits = 0 found; allowed: 1\.\.16, or None for an ideal converter",
    ),
    "an ADC of 17 bits": (lambda: layer(adc_bits=17), "c: adc_bits = 17 found; allowed: .* 1..16"),
    "an ADC of -1 bits": (lambda: layer(adc_bits=-1), "c: adc_bits = -1 found; allowed: .* 1..16"),
    "an ADC of half a bit": (lambda: layer(adc_bits=1.5), "c: adc_bits = 1.5 found; allowed"),
    "a truth as ADC": (lambda: layer(adc_bits=False), "c: adc_bits = False found; allowed"),
    "a flat layer of no truth": (lambda: layer(flat=1), "c: flat = 1 found; allowed: True or"),
    "a flat layer with padding": (
        lambda: layer(flat=True, padding=(1, 1)),
        r"c: padding = \(1, 1\) of a flat layer found; allowed: 0",
    ),
    "a fraction below 0": (lambda: layer(fraction=-1), "c: fraction = -1 found; allowed: .* 0..24"),
    "a negative ADC step": (
        lambda: layer(adc_bits=4, adc_step=constants(-1)),
        r"c: adc_step\[1, 1, 1\] = -1.0 found; allowed: greater than 0",
    ),
    "an ADC step of 0": (
        lambda: layer(adc_bits=4, adc_step=constants(0)),
        r"c: adc_step\[1, 1, 1\] = 0.0 found; allowed: greater than 0",
    ),
    "an ADC step that float32 does not hold": (
        lambda: layer(adc_bits=4, adc_step=constants(1e-60)),
        r"c: adc_step\[1, 1, 1\] = 0.0 found; allowed: greater than 0",
    ),
    "an ADC step of NaN": (
        lambda: layer(adc_bits=4, adc_step=constants(np.nan)),
        r"c: adc_step\[1, 1, 1\] = nan found; allowed: finite",
    ),
    "an ADC offset of NaN": (
        lambda: layer(adc_bits=4, adc_offset=constants(np.nan)),
        r"c: adc_offset\[1, 1, 1\] = nan found; allowed: finite",
    ),
    "an infinite ADC offset": (
        lambda: layer(adc_bits=4, adc_offset=constants(np.inf)),
        r"c: adc_offset\[1, 1, 1\] = inf found; allowed: finite",
    ),
    "a negative weight step": (
        lambda: layer(steps=constants(-0.5, (2, 2))),
        r"c: steps\[1, 1\] = -0.5 found; allowed: greater than 0",
    ),
    "a weight step of NaN": (
        lambda: layer(steps=constants(np.nan, (2, 2))),
        r"c: steps\[1, 1\] = nan found; allowed: finite",
    ),
    "steps of another shape": (
        lambda: layer(steps=np.ones((3, 2))),
        r"c: steps of shape \(3, 2\) found; allowed: \(2, 2\)",
    ),
    "ADC steps of another shape": (
        lambda: layer(adc_bits=4, adc_step=np.ones((2, 2, 1))),
        r"c: adc_step of shape \(2, 2, 1\) found; allowed: \(2, 2, 2\)",
    ),
    "ADC steps of texts": (
        lambda: layer(adc_bits=4, adc_step=[[["x"]]]),
        "c: adc_step: .* found; allowed: numbers in 3 dimensions",
    ),
    "steps of an ideal converter": (
        lambda: layer(adc_step=constants(2)),
        "c: adc_step or adc_offset of ideal converters found; allowed: 1 and 0",
    ),
    "too many cells": (
        lambda: layer(
            weights=np.ones((1, 1, 1, (1 << 22) + 1), np.int8),
            weight_bits=8,
            cell_bits=1,
            encoding="differential",
        ),
        "c: 671.* cells found; allowed: at most 67108864",
    ),
    "signed inputs": (
        lambda: in_network(signed=True),
        r"c: inputs of -8\.\.7 found; allowed: codes of 1\.\.8 bits, not below 0",
    ),
    "inputs of 9 bits": (
        lambda: layer().signal(Signal((5, 5, 4), 0, 511, 9)),
        r"c: inputs of 0\.\.511 found; allowed: codes of 1\.\.8 bits",
    ),
    "a flat layer on a larger map": (
        lambda: in_network(flat=True),
        "c: a window of 3 x 3 of a flat layer on a map of 5 x 5 found; allowed: the whole map",
    ),
    "columns whose sums overflow": (
        lambda: layer(
            weights=np.full((1, 1, 1, 33100), 127), weight_bits=8, cell_bits=8, rows=33100
        ).signal(Signal((1, 1, 33100), 0, 255, 8)),
        "c: columns: sums of .* are possible; allowed: -2147483648",
    ),
    "outputs that overflow": (
        lambda: in_network(steps=np.full((2, 2), 1e8)),
        "c: sums of .* are possible; allowed: -2147483648",
    ),
    "sums that are not exact": (
        lambda: in_network(steps=np.full((2, 2), 1e12)),
        r"c: sums of .* are possible; allowed: below 2\^53",
    ),
    "codes of floats": (
        lambda: slice_codes(np.ones(3), 4, 2, "offset"),
        "codes: float64 found; allowed: whole numbers",
    ),
    "codes of NaN": (
        lambda: slice_codes([np.nan], 4, 2, "offset"),
        "codes: float64 found; allowed: whole numbers",
    ),
    "codes out of range": (
        lambda: slice_codes([7, 8], 4, 2, "offset"),
        r"codes\[1\] = 8 is out of range: -8..7",
    ),
    "slices wider than codes": (
        lambda: slice_codes([1], 2, 3, "offset"),
        "slices: cell_bits = 3 found; allowed: a whole number, 1..2",
    ),
    "on the processor": (
        lambda: Processor(in_network()),
        "c: a ColumnConv found; the processor has no arrays of memory cells",
    ),
    "on macros": (
        lambda: Mars(in_network()),
        "c: a ColumnConv found; the machine of macros has no arrays of memory cells",
    ),
    "in the compiler": (
        lambda: read_network(in_network()),
        "c: a ColumnConv found; the compiler has no arrays of memory cells",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_array_can_be_is_refused_in_one_sentence(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=r"^\S") as refused:
        make()
    found = str(refused.value)
    assert re.match(sentence, found), found
    assert "\n" not in found
    assert len(found) < 400


def test_cells_that_are_not_those_of_the_layer_are_refused() -> None:
    case = Case(layer(), Signal((5, 5, 4), 0, 15, 4), np.zeros((5, 5, 4), int))
    cells, reference = real_cells(case.conv, np.random.default_rng(0))
    spoilt = cells.copy()
    spoilt[0, 0, 0, 0, 0, 0] = np.nan
    wrong: tuple[dict[str, Array], ...] = (
        {"cells": cells[:1]},
        {"cells": cells.astype(np.float64)},
        {"cells": spoilt},
        {"cells": cells, "reference": reference[..., :1]},
    )
    for how in wrong:
        with pytest.raises(ValueError, match=r"^c: (reference )?cells of float\d\d and shape .* f"):
            steps_of(case, case.conv, **how)


def test_a_network_goes_on_telling_what_hardware_needs() -> None:
    network = in_network()
    (work,) = network.workloads
    assert (work.weight_bits, work.input_bits, work.fan_in) == (4, 4, 36)
    assert network.macs == 9 * 2 * 36
    assert network.parameters == WEIGHTS.size

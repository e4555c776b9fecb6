"""How layers lie on arrays: counts from shapes, to the unit."""

import re
from collections.abc import Callable
from itertools import product
from math import ceil
from typing import Any

import numpy as np
import pytest

from neurobot.column_cim import Mapping, map_layer
from neurobot.column_cim.mapping import GRAINS, adc_grain, weight_grain
from neurobot.qnet import ENCODINGS, ColumnConv

# The 3 x 3 layers of ResNet-20 on 32 x 32 pixels but the first one: given, made, side, how many.
RESNET20 = ((16, 16, 32, 6), (16, 32, 16, 1), (32, 32, 16, 5), (32, 64, 8, 1), (64, 64, 8, 5))
# Side of an array, bits of weights and cells; arrays, conversions, products for each, share of
# cells in use, constants of columns; and the weights that the public code of the method stores for
# them: as many times too many as there are tiles.
GOLDEN = (
    ((128, 4, 2), 57, 901_120, 44.5, 0.572, 5_056, 1_152_000),
    ((256, 4, 2), 34, 516_096, 77.7, 0.240, 3_072, 700_416),
    ((128, 3, 1), 85, 1_351_680, 29.7, 0.576, 7_584, 1_152_000),
    ((256, 3, 1), 34, 774_144, 51.8, 0.360, 4_608, 700_416),
)
BY_LAYER = (  # at 128, 4 bits in cells of 2: tiles, slices, arrays, conversions
    (2, 2, 2, 65_536),
    (2, 2, 2, 32_768),
    (3, 2, 3, 49_152),
    (3, 2, 3, 24_576),
    (5, 2, 5, 40_960),
)


def mapped(layer: Any, size: int, weight_bits: int, cell_bits: int, **more: Any) -> Mapping:
    given, made, side, _ = layer
    sizes: dict[str, Any] = {
        "rows": size,
        "columns": size,
        "weight_bits": weight_bits,
        "cell_bits": cell_bits,
    }
    return map_layer(given, made, (3, 3), side * side, **sizes, **{"input_bits": 4, **more})


@pytest.mark.parametrize("row", GOLDEN, ids=str)
def test_resnet20_lies_on_arrays_as_known(row: Any) -> None:
    form, arrays, conversions, each, used, constants, widened = row
    layers = [mapped(layer, *form) for layer in RESNET20 for _ in range(layer[3])]
    assert len(layers) == 18
    assert sum(layer.macs for layer in layers) == 40_108_032
    assert sum(layer.inputs * layer.made for layer in layers) == 267_264
    assert sum(layer.arrays for layer in layers) == arrays
    assert sum(layer.conversions for layer in layers) == conversions
    assert round(40_108_032 / conversions, 1) == each
    cells = sum(layer.cells for layer in layers)
    assert cells == arrays * form[0] ** 2
    assert round(sum(layer.cells_used for layer in layers) / cells, 3) == used
    assert sum(layer.constants for layer in layers) == constants
    assert sum(layer.multiplies for layer in layers) == conversions  # inputs in one cycle
    assert sum(layer.tiles * layer.inputs * layer.made for layer in layers) == widened


def test_each_layer_of_resnet20_lies_as_known() -> None:
    for layer, known in zip(RESNET20, BY_LAYER, strict=True):
        found = mapped(layer, 128, 4, 2)
        assert (found.tiles, found.slices, found.arrays, found.conversions) == known, layer
        assert found.macs_per_conversion == found.macs / known[3]
        assert found.utilization == found.cells_used / (known[2] * 128 * 128)
    assert round(901_120 / 40_108_032, 3) == 0.022  # multiplies, of all products


# Steps of weights and of converters -> multiplies and constants of P, T, S, O and column blocks.
Count = Callable[[int, int, int, int, int], int]
GRANULARITY: dict[tuple[str, str], tuple[Count, Count]] = {
    ("layer", "layer"): (lambda p, t, s, o, b: 0, lambda p, t, s, o, b: 1),
    ("layer", "array"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * b),
    ("array", "array"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * b),
    ("column", "layer"): (lambda p, t, s, o, b: p * t * o, lambda p, t, s, o, b: t * o),
    ("layer", "column"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * o),
    ("array", "column"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * o),
    ("column", "column"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * o),
    # Not told by the publication, and ours by the same reasoning:
    ("array", "layer"): (lambda p, t, s, o, b: p * t * o, lambda p, t, s, o, b: t * b),
    ("column", "array"): (lambda p, t, s, o, b: p * t * s * o, lambda p, t, s, o, b: t * s * o),
}


@pytest.mark.parametrize(("weight_steps", "adc_steps"), GRANULARITY)
def test_what_steps_share_decides_what_is_multiplied(weight_steps: str, adc_steps: str) -> None:
    assert len(GRANULARITY) == len(GRAINS) ** 2
    multiplies, constants = GRANULARITY[weight_steps, adc_steps]
    for dac_bits, encoding in product((1, 3, None), ENCODINGS):
        found = map_layer(
            70, 50, (3, 3), 49, rows=100, columns=64, weight_bits=3, cell_bits=1, input_bits=4,
            dac_bits=dac_bits, encoding=encoding, weight_steps=weight_steps, adc_steps=adc_steps,
        )  # fmt: skip
        slices = 6 if encoding == "differential" else 3
        tiles, blocks, cycles = (
            ceil(70 / 11),
            ceil(50 * slices / 64),
            {1: 4, 3: 2, None: 1}[dac_bits],
        )
        assert (found.tiles, found.blocks, found.slices) == (tiles, blocks, slices)
        assert found.conversions == 49 * cycles * tiles * slices * 50
        assert found.multiplies == multiplies(49, tiles, slices, 50, blocks)
        assert found.constants == constants(49, tiles, slices, 50, blocks)
        assert found.dac_events == 49 * cycles * 70 * 9 * blocks


def test_additions_put_cycles_and_slices_together() -> None:
    """Walk through the sums of one place: what is added by shifts, and what to outputs."""
    for weight_steps, adc_steps, dac_bits in product(GRAINS, GRAINS, (1, 2, 4)):
        found = map_layer(
            5, 3, (3, 3), 7, rows=18, columns=128, weight_bits=3, cell_bits=1, input_bits=4,
            dac_bits=dac_bits, weight_steps=weight_steps, adc_steps=adc_steps,
        )  # fmt: skip
        shifts = sums = 0
        for _ in product(range(7), range(3), range(3)):  # places, tiles, outputs
            codes = [4 // dac_bits] * 3  # of each slice
            shifts += sum(cycles - 1 for cycles in codes)
            if adc_steps == "layer":
                shifts += len(codes) - 1
                codes = [1]
            sums += len(codes)
        offsets = 7 * 3 * (1 if weight_steps == "layer" else 3)
        assert found.shift_adds == shifts, (weight_steps, adc_steps, dac_bits)
        assert found.accumulations == sums + offsets, (weight_steps, adc_steps, dac_bits)


def test_offset_codes_take_a_product_for_each_tile_and_step() -> None:
    known = {"layer": 0, "array": 7 * 3 * 2, "column": 7 * 3 * 5}
    for encoding, grain in product(ENCODINGS, GRAINS):
        found = map_layer(
            5, 5, (3, 3), 7, rows=18, columns=8, weight_bits=3, cell_bits=1, input_bits=4,
            encoding=encoding, weight_steps=grain,
        )  # fmt: skip
        wanted = known[grain] if encoding == "offset" else 0
        assert (found.corrections, found.correction_constants) == (wanted, wanted // 7)


def test_a_map_is_one_place_for_a_flat_layer_and_cells_are_those_of_weights() -> None:
    found = map_layer(
        300, 10, (1, 1), 1, rows=128, columns=128, weight_bits=8, cell_bits=3, input_bits=8
    )
    assert (found.tiles, found.slices, found.arrays) == (3, 3, 3)
    assert (found.cells_used, found.used_columns) == (300 * 10 * 3, 30)
    assert found.macs == 3000


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"rows": 8}, "layer: a kernel of 3 x 3 needs 9 rows, an array has 8"),
        ({"cell_bits": 5}, "places: cell_bits = 5 found; allowed: a whole number, 1..4"),
        ({"weight_bits": 0}, "places: weight_bits = 0 found"),
        ({"encoding": "ones"}, "places: encoding = 'ones' found"),
        ({"weight_steps": "tile"}, "weight_steps = 'tile' found; allowed: layer, array, column"),
        ({"adc_steps": "all"}, "adc_steps = 'all' found"),
    ],
)
def test_what_no_array_can_be_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    good: dict[str, Any] = {"rows": 64, "columns": 64, "weight_bits": 4, "cell_bits": 2}
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        map_layer(3, 3, (3, 3), 1, input_bits=4, **(good | wrong))


# What the steps of a layer share


def layer(steps: Any = None, adc_step: Any = None) -> ColumnConv:
    """5 outputs of 2 columns each in 3 tiles; arrays of 4 columns: blocks 0 0 1 1 2 of outputs."""
    weights = np.arange(5 * 5 * 9).reshape(5, 3, 3, 5) % 8 - 4
    return ColumnConv(
        "conv", ("input",), weights, 3, rows=18, cell_bits=2, adc_bits=4,
        steps=steps, adc_step=adc_step,
    )  # fmt: skip


def test_equal_weight_steps_are_shared() -> None:
    by_array = np.array([[1, 1, 2, 2, 3]] * 3) + np.arange(3)[:, None] * 4.0
    assert weight_grain(layer(np.full((3, 5), 7.0)), 4) == "layer"
    assert weight_grain(layer(by_array), 4) == "array"
    assert weight_grain(layer(np.array([[1.0], [2.0], [3.0]]) * np.ones(5)), 4) == "array"
    for columns in (2, 6):  # other arrays: outputs 0..2 and 3..4; at 2 each output has its own
        assert weight_grain(layer(by_array), columns) == ("array" if columns == 2 else "column")
    by_array[1, 2] += 0.5
    assert weight_grain(layer(by_array), 4) == "column"
    # Three columns each: the second output begins in the first array of 4, and belongs to it.
    conv = ColumnConv("conv", ("input",), np.zeros((3, 1, 1, 2), int), 3, steps=[[1.0, 1.0, 2.0]])
    assert weight_grain(conv, 4) == "array"
    assert weight_grain(conv, 3) == "array"


def test_equal_steps_of_converters_are_shared() -> None:
    blocks = np.array([0, 0, 1, 1, 2])
    by_array = 1.0 + np.arange(3)[:, None, None] * 100 + np.array([[0], [10]]) + blocks
    assert by_array.shape == (3, 2, 5)
    assert adc_grain(layer(adc_step=np.full((3, 2, 5), 2.0)), 4) == "layer"
    assert adc_grain(layer(adc_step=by_array), 4) == "array"
    assert adc_grain(layer(adc_step=by_array), 128) == "column"
    by_array[2, 1, 3] = 5.0
    assert adc_grain(layer(adc_step=by_array), 4) == "column"
    # Three columns each in arrays of 4: column 3 is slice 0 of the second output.
    steps = np.array([[[1.0, 1.0, 4.0], [2.0, 3.0, 3.0], [7.0, 8.0, 9.0]]])
    conv = ColumnConv(
        "conv", ("input",), np.zeros((3, 1, 1, 2), int), 3, adc_bits=4, adc_step=steps
    )
    assert adc_grain(conv, 4) == "array"
    assert adc_grain(conv, 9) == "column"

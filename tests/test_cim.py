"""The machine of arrays: it computes what its network says, and counts what a walk through does."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from cim_cases import drawn, images, residual, silicon_of
from naive_cim import slices_of, tiles_of, walk_arrays
from naive_qnet import extent, naive_run

from neurobot.column_cim import Machine, Silicon, Variation, sheet
from neurobot.column_cim.mapping import adc_grain, weight_grain
from neurobot.events import CONVERSIONS, CimEvents
from neurobot.qnet import (
    ENCODINGS,
    Affine,
    ColumnConv,
    Conv,
    Layer,
    Network,
    Requant,
    Runner,
    Scores,
    forward,
)

DRIVEN = ("row_drives", "drive_bits", "cell_reads", "input_sums")


# What it computes


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_maps_of_any_layer_are_those_of_its_network(seed: int) -> None:
    network, image = drawn(seed)
    machine, runner = Machine(network, silicon_of(seed)), Runner(network)
    np.testing.assert_array_equal(machine.run(image), runner(image))
    for name, values in runner.maps.items():
        np.testing.assert_array_equal(machine.maps[name], values, err_msg=name)


def test_a_network_without_losses_is_the_oracle_s() -> None:
    network, (image,) = residual(None), images(1)
    plain = [
        Conv(one.name, one.inputs, one.weights, one.weight_bits, padding=one.padding)
        if isinstance(one, ColumnConv)
        else one
        for one in network.layers
    ]
    record = naive_run(replace(network, layers=tuple(plain)), image.tolist())
    machine = Machine(network)
    machine.run(image)
    for name, values in record.maps.items():
        found = machine.maps[name]
        assert found.shape == extent(values), name
        assert {place: found[place] for place in values} == values, name


def test_threads_share_images_and_change_nothing() -> None:
    network, seen = residual(), images(9)
    wanted, machine = forward(network, seen), Machine(network)
    singles = []
    for image, scores in zip(seen, wanted, strict=True):
        np.testing.assert_array_equal(machine.run(image), scores)
        assert machine.images == 1
        singles.append(machine.events)
    assert len({events.row_drives for events in singles}) > 1
    for threads in (None, 1, 2, 4, 50):
        np.testing.assert_array_equal(machine.run_all(seen, threads), wanted)
        assert machine.events == reduce(add, singles)
        assert machine.images == 9
    assert machine.run_all(seen[:0]).shape == (0, 5)
    assert machine.events.operations == machine.events.row_drives == 0
    assert machine.events.banks == singles[0].banks > 0


# What it counts


@pytest.mark.parametrize("seed", range(40))
def test_a_layer_takes_what_a_walk_through_its_arrays_takes(seed: int) -> None:
    network, image = drawn(seed)
    silicon = silicon_of(seed)
    (conv,) = network.convs
    assert isinstance(conv, ColumnConv)
    machine = Machine(network, silicon)
    machine.run(image)
    (row,) = [row for row in machine.layers if row.where == "arrays"]
    walked = walk_arrays(conv, network, silicon, image)
    assert walked.pop("arrays") == machine.events.arrays == row.mapping.arrays  # type: ignore[union-attr]
    found = asdict(row.events)
    for name in {*walked, *DRIVEN, *CONVERSIONS, "ideal_conversions", "cycles"}:
        assert found[name] == walked[name], name
    places, out = machine.maps["conv"].shape[:2], len(conv.weights)
    assert row.events.array_macs == np.prod(places) * conv.weights.size
    assert machine.events.array_bits == (
        machine.events.arrays * conv.rows * silicon.columns * conv.cell_bits
    )
    read = sum(
        -(-len(tile) * max(4, -(-network.input_bits // 8) * 8 * (network.input_bits > 4)) // 64)
        for tile in tiles_of(conv)
    )
    assert row.events.feature_reads == np.prod(places) * read
    partial = int(np.prod(places)) * len(tiles_of(conv)) * slices_of(conv) * out
    grains = weight_grain(conv, silicon.columns), adc_grain(conv, silicon.columns)
    if grains == ("column", "column"):
        assert row.events.dequantizations == partial
        fixed = partial // slices_of(conv) * (conv.encoding == "offset")
        assert row.events.corrections == fixed
        assert row.events.accumulations == partial + fixed


def test_what_is_walked_covers_every_kind_of_layer() -> None:
    kinds: Counter[Any] = Counter()
    for seed in range(40):
        (conv,) = drawn(seed)[0].convs
        assert isinstance(conv, ColumnConv)
        silicon = silicon_of(seed)
        kinds[conv.encoding] += 1
        kinds["flat", conv.flat] += 1
        kinds["ideal", conv.adc_bits is None] += 1
        kinds["blocks", len(conv.weights) * slices_of(conv) > silicon.columns] += 1
        kinds["tiles", conv.tiles > 1] += 1
        kinds["cycles", conv.dac_bits < drawn(seed)[0].input_bits] += 1
        kinds[weight_grain(conv, silicon.columns), adc_grain(conv, silicon.columns)] += 1
    both = [(name, is_so) for name in ("flat", "ideal", "blocks", "tiles", "cycles")
            for is_so in (False, True)]  # fmt: skip
    grains = [("layer", "layer"), ("column", "column")]
    assert {*ENCODINGS, *both, *grains} <= kinds.keys(), kinds


def by_name(machine: Machine) -> dict[str, CimEvents]:
    return {row.name: row.events for row in machine.layers}


def test_layers_outside_of_arrays_take_what_is_counted_by_hand() -> None:
    machine = Machine(residual())
    found = by_name(machine)
    # The image: 240 bytes in words of 8, into memory.
    assert found["input"] == replace(
        CimEvents(feature_writes=30),
        arrays=3 + 5, array_bits=8 * 40 * 128 * 2, constants=1 + 1, banks=3,
    )  # fmt: skip
    # 80 places of 10 x 27 products, 64 a cycle; 27 bytes a place; weights of 4 bits, 17 words, for
    # 64 places at a time; scales of 16 bytes; 800 codes of 4 bits, 32 a cycle.
    assert found["first"] == CimEvents(
        cycles=338, digital_macs=21_600, weight_reads=2 * 17 + 20, feature_reads=80 * 4,
        feature_writes=50, requantizations=800,
    )  # fmt: skip
    # Codes of 4 bits and a sum of 5, which takes 8.
    assert found["sum"] == CimEvents(
        cycles=25, feature_reads=100, feature_writes=100, additions=800
    )
    assert found["pool"] == CimEvents(cycles=25, feature_reads=100, feature_writes=25, maxima=600)
    assert found["c"] == CimEvents(
        cycles=7, weight_reads=20, feature_reads=25, feature_writes=13, requantizations=200
    )
    assert found["classes"] == CimEvents(
        cycles=1, digital_macs=35, weight_reads=3 + 10, feature_reads=1, feature_writes=2,
        requantizations=5,
    )  # fmt: skip


def test_layers_on_arrays_take_what_is_counted_by_hand() -> None:
    machine = Machine(residual(5, dac_bits=3), Silicon(columns=16, columns_per_adc=4))
    image = np.full((8, 10, 3), 255, np.uint8)
    machine.run(image)
    found = by_name(machine)["second"]
    a = machine.maps["a"]
    assert a.max() <= 15
    met = 0  # digits other than 0 of both cycles, as often as windows meet them
    for y, x, c in np.argwhere(a):
        windows = (3 - (y in (0, 7))) * (3 - (x in (0, 9)))
        met += int(windows) * (int(a[y, x, c] & 7 != 0) + int(a[y, x, c] >> 3 != 0))
    assert met > 0
    # 80 places, 2 cycles, 3 tiles (of 4, 4 and 2 channels), 2 slices, 10 outputs: 2 blocks of
    # columns, 16 and 4. 4 columns a converter, of 5 bits at 40 rows: 4.5 ns, a clock.
    assert found == CimEvents(
        cycles=80 * 2 * 4, array_macs=72_000, row_drives=2 * met, drive_bits=6 * met,
        cell_reads=20 * met, input_sums=met, conversions_5b=80 * 2 * 60,
        shift_adds=80 * 60 + 80 * 30,
        accumulations=80 * 30 + 800, weight_reads=20, feature_reads=80 * (3 + 3 + 2),
        feature_writes=50, requantizations=800,
    )  # fmt: skip


def test_an_image_of_zeros_drives_no_row_and_is_converted_all_the_same() -> None:
    machine = Machine(residual())
    before = machine.events
    machine.run(np.zeros((8, 10, 3), np.uint8))
    assert machine.events == before
    assert [getattr(before, name) for name in DRIVEN] == [0] * 4
    machine.run(images(1)[0])
    bright = machine.events
    assert all(getattr(bright, name) > 0 for name in DRIVEN)
    same = dict.fromkeys(DRIVEN, 0)
    assert replace(bright, **same) == before
    assert bright.conversions == 80 * 60 + 1 * 5 * 2 * 7
    assert bright.operations == machine.network.macs


def test_rows_are_driven_by_inputs_that_are_not_0() -> None:
    machine, before = Machine(residual()), -1
    image = np.zeros((8, 10, 3), np.int64)
    for level in range(0, 256, 15):
        image[:, :, 1] = level
        machine.run(image)
        on = np.count_nonzero(machine.maps["a"])
        events = by_name(machine)["second"]
        assert (events.row_drives > 0) == (on > 0)
        assert events.cell_reads == 20 * events.row_drives
        before = max(before, events.row_drives)
    assert before > 0


def test_what_is_slowest_decides() -> None:
    network = residual()

    def cycles(**sizes: Any) -> int:
        return by_name(Machine(network, Silicon(**sizes)))["second"].cycles

    assert cycles() == cycles(columns=64) == 80 * 8
    assert cycles(columns_per_adc=4) == 80 * 4
    assert cycles(columns_per_adc=128) == 80 * 20
    assert cycles(columns=6) == 80 * 6
    assert cycles(dequantizers=1) == 80 * 30 + 800
    assert cycles(post_lanes=1) == 800
    assert cycles(columns_per_adc=1, dequantizers=1 << 16) == 80


def test_a_conversion_takes_as_many_clocks_as_its_delay() -> None:
    silicon = Silicon()
    at_128 = [silicon.conversion_cycles(bits, 128) for bits in (1, 6, 7, 13, 14, 16)]
    assert at_128 == [1, 1, 2, 2, 3, 3]
    assert silicon.conversion_cycles(None, 128) == 1
    assert silicon.conversion_cycles(8, 1024) == 6  # 8 x (6.69 + 0.64) ns
    assert replace(silicon, clock_hz=1e6).conversion_cycles(16, 1024) == 1
    every = [silicon.conversion_cycles(bits, rows) for bits in range(1, 17) for rows in (8, 512)]
    assert every[::2] == sorted(every[::2])
    assert every[1::2] == sorted(every[1::2])


# The sheet


def test_a_sheet_is_plain_and_adds_up() -> None:
    machine = Machine(residual())
    machine.run_all(images(3))
    lines = json.loads(json.dumps(sheet(machine)))
    names = ["input", "first", "second", "sum", "pool", "c", "flat", "classes"]
    assert [line["name"] for line in lines] == names
    wheres = ["", "digital", "arrays", "", "", "", "arrays", "digital"]
    assert [line["where"] for line in lines] == wheres
    assert lines[2]["kind"] == "ColumnConv"
    for name, total in asdict(machine.events).items():
        join = max if name in CimEvents.held else sum
        assert join(line[name] for line in lines) == total, name
    second, flat = lines[2], lines[6]
    assert (second["tiles"], second["slices"], second["arrays"]) == (3, 2, 3)
    assert (second["weight_steps"], second["adc_steps"]) == ("layer", "layer")
    assert second["utilization"] == 90 * 20 / (3 * 40 * 128)
    assert (flat["tiles"], flat["conversions"], flat["macs_per_conversion"]) == (5, 70, 20.0)
    assert lines[0]["tiles"] is lines[1]["tiles"] is None
    assert sum(line["conversions"] or 0 for line in lines) * 3 == machine.events.conversions


# Cells that vary


def noisy(**settings: Any) -> Machine:
    return Machine(residual(), variation=Variation(**settings), draw=3)


def test_no_variation_is_no_variation() -> None:
    seen = images(4)
    wanted = Machine(residual()).run_all(seen)
    for machine in (noisy(), noisy(sigma=0.0, law="independent"), Machine(residual(), draw=9)):
        np.testing.assert_array_equal(machine.run_all(seen), wanted)


def test_cells_are_programmed_once() -> None:
    seen = images(6)
    machine = noisy(sigma=0.3)
    first = machine.run_all(seen, threads=1)
    np.testing.assert_array_equal(machine.run_all(seen, threads=3), first)
    np.testing.assert_array_equal(noisy(sigma=0.3).run_all(seen), first)
    other = Machine(residual(), variation=Variation(sigma=0.3), draw=4)
    assert (other.run_all(seen) != first).any()
    assert (Machine(residual()).run_all(seen) != first).any()
    still = Machine(residual())
    still.run_all(seen)
    first_layer = (row for row in machine.layers if row.name == "second")
    known = next(row for row in still.layers if row.name == "second")
    assert next(first_layer).events == known.events  # its inputs are still the same


def test_read_noise_follows_from_the_number_of_the_image() -> None:
    seen = np.repeat(images(1), 8, axis=0)
    machine = noisy(read_sigma=0.2)
    first = machine.run_all(seen, threads=1)
    assert len({tuple(scores) for scores in first.tolist()}) > 1
    second = machine.run_all(seen, threads=3)
    assert (second != first).any()
    for threads in (2, 5):
        machine.rewind()
        np.testing.assert_array_equal(machine.run_all(seen, threads=threads), first)
        np.testing.assert_array_equal(machine.run_all(seen, threads=threads), second)
    machine.rewind()
    both = [machine.run(image).tolist() for image in (*seen, *seen)]
    assert both == [*first.tolist(), *second.tolist()]


# Refusals


def scored(*layers: Layer, shape: Any = (1, 1, 4)) -> Network:
    last, count = layers[-1].name, len(layers[-1].weights)  # type: ignore[attr-defined]
    end = Scores("scores", (last,), [1] * count, [0] * count)
    return Network(input_shape=shape, layers=(*layers, end))


def refused() -> Iterator[tuple[Any, Silicon, str]]:
    plain = Conv("conv", ("input",), np.ones((2, 1, 1, 4), int), 2)
    yield scored(plain), Silicon(), "network: no layer on arrays found; allowed: 1 or more"
    real = Conv("conv", ("input",), np.ones((2, 1, 1, 4), np.float32))
    scale = Affine("scores", ("conv",), np.ones(2, np.float32), np.zeros(2, np.float32))
    network = Network(input_shape=(1, 1, 4), layers=(real, scale))
    yield network, Silicon(), "conv: float32 weights found; the machine takes integers"
    columns = ColumnConv("cells", ("input",), np.ones((4, 1, 1, 4), int), 2)
    wide = Conv("wide", ("cells",), np.ones((2, 1, 1, 4), int), 2)
    sentence = "wide: inputs of 13 bits found; the digital unit takes 1..8"
    yield scored(columns, wide), Silicon(), sentence
    odd = Conv("odd", ("input",), np.ones((4, 1, 1, 4), int), 8, odd=True)
    squeezed = Requant("codes", ("odd",), [1] * 4, [0] * 4, 8, 0, 15, 4)
    last = replace(columns, inputs=("codes",))
    sentence = "odd: weights of 9 bits found; the digital unit takes 1..8"
    yield scored(odd, squeezed, last), Silicon(), sentence
    yield residual(), Silicon(weight_bytes=400), "second: 456 bytes of weights and scales so far"
    yield residual(), Silicon(feature_bytes=300), "first: 400 bytes of maps in a feature memory"


@pytest.mark.parametrize(("network", "silicon", "sentence"), list(refused()))
def test_what_does_not_fit_is_refused_by_the_layer(
    network: Network, silicon: Silicon, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        Machine(network, silicon)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"columns": 0}, "silicon: columns=0 is out of range: 1..65536"),
        ({"columns_per_adc": 1.5}, "silicon: columns_per_adc=1.5 found, a whole number needed"),
        ({"word_bits": 4}, "silicon: word_bits=4 is out of range: 8..1024"),
        ({"clock_hz": 0.0}, "silicon: clock_hz=0.0 is out of range"),
    ],
)
def test_sizes_that_cannot_be_are_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        Silicon(**wrong)


def test_what_is_no_image_is_refused() -> None:
    machine = Machine(residual())
    good = images(1)[0]
    machine.run(good)
    events = machine.events
    for wrong in (good[:3], good.astype(float), good.astype(int) - 300):
        with pytest.raises(ValueError, match=r"^image: "):
            machine.run(wrong)
        with pytest.raises(ValueError, match=r"^image: "):
            machine.run_all(wrong[None])
    assert machine.events == events


# Counts of this kind


def test_conversions_of_all_bits_are_counted_together() -> None:
    assert len(CONVERSIONS) == 16
    events = CimEvents(ideal_conversions=7, **dict.fromkeys(CONVERSIONS, 2))
    assert events.conversions == 39
    assert CimEvents(array_macs=3, digital_macs=4).operations == 7


def test_so_many_of_the_same_take_as_much() -> None:
    one = CimEvents(cycles=3, arrays=5, conversions_4b=7)
    assert one.times(3) == one + one + one == CimEvents(cycles=9, arrays=5, conversions_4b=21)
    assert one.times(0) == CimEvents(arrays=5)

"""Times of layers are those of a walk, cycle by cycle, and those of a report's closed form."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_mars import Walk, deal, stream

from neurobot.mars import REFILLS, Silicon
from neurobot.mars.counting import count
from neurobot.mars.schedule import (
    Load,
    balance,
    is_resident,
    load_of,
    time_layer,
    time_layers,
)
from neurobot.mars.tiling import Tiling

cases = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def silicons(draw: st.DrawFn) -> Silicon:
    refill, macros = draw(st.sampled_from(REFILLS)), draw(st.integers(1, 4))
    held, more = draw(st.integers(1, 4)), draw(st.integers(0, 63))
    return Silicon(
        cores=draw(st.integers(1, 4)),
        macros=2 * macros if refill == "paired" else macros,
        rows=2,
        partitions=4,
        macro_bits=64 * held + more,
        write_bits=draw(st.sampled_from([5, 16, 64, 100])),
        input_bits=draw(st.integers(1, 8)),
        post_lanes=draw(st.integers(1, 9)),
        refill=refill,
    )


LOADS = st.builds(
    Load,
    st.just("layer"),
    places=st.integers(0, 6),
    kept=st.lists(st.integers(0, 9), max_size=6).map(tuple),
    slot=st.sampled_from([4, 8]),
    input_bits=st.integers(1, 8),
    outputs=st.integers(0, 60),
)


def walks(load: Load, silicon: Silicon, resident: bool) -> list[Walk]:
    accesses = -(-load.input_bits // silicon.input_bits)
    cores = deal(list(load.kept), silicon.cores)
    tiles = [[b for b in blocks for _ in range(load.kept[b])] for blocks in cores]
    return [Walk(own, load.places, accesses, silicon, resident) for own in tiles]


@cases
@given(LOADS, silicons())
def test_a_layer_takes_as_long_as_a_walk(load: Load, silicon: Silicon) -> None:
    resident = is_resident([load], silicon)
    timing, cores = time_layer(load, silicon, resident), walks(load, silicon, resident)
    tiles = (sum(len(macro) for fill in core.fills for macro in fill) for core in cores)
    assert timing.tiles == tuple(tiles)
    assert timing.busy == tuple(core.computing for core in cores)
    assert timing.compute_cycles == max(core.computing for core in cores)
    assert timing.refill_cycles == max(core.refilling for core in cores)
    assert timing.crossings == tuple(core.counts["crossings"] for core in cores)
    assert timing.accesses == sum(core.counts["accesses"] for core in cores)
    assert timing.post_cycles == len(range(0, load.outputs, silicon.post_lanes))
    assert timing.cycles == max(timing.post_cycles, *(core.cycles for core in cores))
    assert timing.written == (0 if resident else sum(load.kept))
    assert 0 <= timing.utilization <= 1
    assert timing.macros == silicon.cores * silicon.macros


@cases
@given(LOADS, silicons())
def test_refills_are_in_order_of_their_speed(load: Load, silicon: Silicon) -> None:
    """Hidden, or before computing; and paired macros never beat all of them at twice the speed."""
    silicon = replace(silicon, macros=2 * silicon.macros)
    serial, hidden, paired = (
        time_layer(load, replace(silicon, refill=refill)).cycles
        for refill in ("serial", "overlapped", "paired")
    )
    assert hidden <= serial <= 2 * hidden
    assert hidden <= paired


@cases
@given(st.lists(LOADS, min_size=1, max_size=5), silicons())
def test_layers_that_are_refilled_ahead_wait_as_in_a_walk_over_many_images(
    loads: list[Load], silicon: Silicon
) -> None:
    silicon = replace(silicon, refill="overlapped")
    alone = [time_layer(load, silicon, is_resident(loads, silicon)) for load in loads]
    works = [max(t.compute_cycles, t.post_cycles) for t in alone]
    refills = [t.refill_cycles for t in alone]
    found = [t.cycles for t in time_layers(loads, silicon)]
    assert found == stream(works, refills)
    assert sum(found) == max(sum(works), sum(refills))


@cases
@given(st.lists(st.integers(0, 20), max_size=12), st.integers(1, 5))
def test_blocks_go_to_cores_the_largest_first(kept: list[int], cores: int) -> None:
    dealt = balance(kept, cores)
    assert [list(blocks) for blocks in dealt] == deal(kept, cores)
    assert sorted(block for blocks in dealt for block in blocks) == list(range(len(kept)))
    loads = [sum(kept[b] for b in blocks) for blocks in dealt]
    assert max(loads) - min(loads) <= max(kept, default=0)


def test_ties_of_blocks_go_by_number() -> None:
    assert balance([3, 5, 5, 3, 1, 0], 2) == ((0, 1, 4), (2, 3, 5))
    assert balance([2, 2, 2, 2], 4) == ((0,), (1,), (2,), (3,))


def test_weights_are_resident_as_far_as_all_layers_fit_the_macros_together() -> None:
    silicon = Silicon(cores=1, macros=2)  # 64 tiles each
    fits = [Load("one", 9, (60, 3), 70), Load("two", 9, (64, 1), 70)]  # 32 and 33 of each macro
    assert not is_resident(fits, silicon)
    fits[1] = Load("two", 9, (64,), 70)
    assert is_resident(fits, silicon)
    for refill in REFILLS:
        timings = time_layers(fits, replace(silicon, refill=refill))
        assert [t.cycles for t in timings] == [9 * 32, 9 * 32]
        assert [(t.refill_cycles, t.written, t.crossings) for t in timings] == [(0, 0, (0,))] * 2


def test_sums_cross_from_fill_to_fill_where_a_block_spans_them() -> None:
    silicon = Silicon(cores=1, macros=1)
    kept = (64, 1, 63, 64 * 3, 10, 60)  # the fourth ends where a fill does; the last one does not
    load = Load("layer", 7, kept, 200, index=(200,) * 6)
    timing = time_layer(load, silicon)
    assert timing.crossings == (3,)
    counts = count(load, timing, silicon)
    assert counts.partial_reads == counts.partial_writes == 3 * 7 * 8


def test_more_bits_of_inputs_than_an_access_takes_cost_as_many_accesses() -> None:
    load = Load("layer", 5, (8, 8, 8, 8), 9, input_bits=8, index=(9, 9, 9, 9))
    one, two, three = (time_layer(load, Silicon(input_bits=bits)) for bits in (8, 4, 3))
    assert (one.accesses, two.accesses, three.accesses) == (160, 320, 480)
    assert (one.compute_cycles, two.compute_cycles, three.compute_cycles) == (20, 40, 60)
    half = Silicon(input_bits=4)
    events = count(load, two, half)
    assert (events.macs, events.accumulations) == (32 * 5 * 128, 2 * 32 * 5 * 8)


VGG16 = [
    (given, made, 3, size)
    for given, made, size in [
        (3, 64, 32), (64, 64, 32), (64, 128, 16), (128, 128, 16), (128, 256, 8), (256, 256, 8),
        (256, 256, 8), (256, 512, 4), (512, 512, 4), (512, 512, 4), *[(512, 512, 2)] * 3,
    ]
]  # fmt: skip
RESNET18 = [(3, 64, 3, 32)] + [(64, 64, 3, 32)] * 4
for before, after, size in ((64, 128, 16), (128, 256, 8), (256, 512, 4)):
    RESNET18 += [(before, after, 3, size), (after, after, 3, size), (before, after, 1, size)]
    RESNET18 += [(after, after, 3, size)] * 2
# Thousands of cycles of computing and of refilling; frames/s serial and overlapped, at 100 MHz:
# section 2.7 of the report, of which 8 macros, 64 bits written a cycle, no balance and no rounding.
TABLE = [
    (VGG16, 8, 0.0, 313, 230, 184, 319),
    (VGG16, 8, 0.75, 78, 57, 736, 1277),
    (VGG16, 4, 0.0, 157, 115, 368, 638),
    (VGG16, 4, 0.5, 78, 57, 736, 1277),
    (RESNET18, 8, 0.0, 550, 174, 138, 182),
    (RESNET18, 8, 0.75, 137, 44, 552, 727),
    (RESNET18, 4, 0.0, 275, 87, 276, 364),
    (RESNET18, 4, 0.5, 137, 44, 552, 727),
]


def thinned(shapes: Any, bits: int, zero: float, silicon: Silicon) -> list[Load]:
    """Layers of which every block lacks the same share of tiles, as nearly as that is possible."""
    loads = []
    for number, (before, after, kernel, size) in enumerate(shapes):
        shape = (after, kernel, kernel, before)
        tiling = Tiling(shape, 1, silicon.rows, silicon.columns(bits))
        mask = np.ones((tiling.blocks, tiling.positions), bool)
        ends = np.floor((1 - zero) * np.arange(mask.size + 1) + 0.5)
        mask[:] = np.diff(ends).reshape(mask.shape) > 0
        where = {"places": size * size, "slot": bits, "input_bits": bits}
        loads.append(load_of(f"conv{number}", tiling, mask, **where))
    return loads


@pytest.mark.parametrize(("shapes", "bits", "zero", "compute", "refill", "serial", "hidden"), TABLE)
def test_the_report_s_table_comes_out(
    shapes: Any, bits: int, zero: float, compute: int, refill: int, serial: int, hidden: int
) -> None:
    """The closed form gives the table; cycles are no fewer, and more only by rounding."""
    silicon = Silicon(post_lanes=1 << 16)
    loads = thinned(shapes, bits, zero, silicon)
    macros = silicon.cores * silicon.macros
    computes = sum(load.places * load.tiles for load in loads) / macros
    refills = sum(load.tiles for load in loads) * silicon.tile_bits(bits) / 64 / macros
    assert (round(computes / 1000), round(refills / 1000)) == (compute, refill)
    for name, wanted, cycles in (
        ("serial", serial, computes + refills),
        ("overlapped", hidden, max(computes, refills)),
    ):
        assert 1e8 / cycles == pytest.approx(wanted, abs=0.5 + 0.001 * wanted)
        timings = time_layers(loads, replace(silicon, refill=name))
        assert cycles <= sum(t.cycles for t in timings) <= 1.015 * cycles, name
        assert computes <= sum(t.compute_cycles for t in timings) <= 1.015 * computes
        assert refills <= sum(t.refill_cycles for t in timings) <= 1.015 * refills


def test_a_network_s_products_are_those_of_the_report() -> None:
    for shapes, millions in ((VGG16, 313.2), (RESNET18, 555.4)):
        macs = sum(load.macs for load in thinned(shapes, 8, 0.5, Silicon()))
        assert macs + 5120 == pytest.approx(millions * 1e6, rel=1e-3)


def test_cycles_follow_kept_tiles() -> None:
    silicon = Silicon()
    points = [
        (sum(load.places * load.tiles for load in loads), sum(t.compute_cycles for t in timings))
        for zero in np.linspace(0, 0.9, 10)
        for loads in [thinned(VGG16, 4, float(zero), silicon)]
        for timings in [time_layers(loads, silicon)]
    ]
    assert np.corrcoef(np.array(points).T)[0, 1] > 0.999
    assert all(one > other for (_, one), (_, other) in pairwise(points))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"refill": "lazy"}, "silicon: unknown refill 'lazy'; known: serial, overlapped, paired"),
        (
            {"refill": "paired", "macros": 3},
            "silicon: macros=3 found with paired refill; an even number is needed",
        ),
        (
            {"macro_bits": 1023},
            "silicon: macro_bits=1023 found; a tile of 16 rows and 8 partitions takes 1024",
        ),
        ({"cores": 0}, "silicon: cores=0 is out of range: 1..256"),
        ({"input_bits": 9}, "silicon: input_bits=9 is out of range: 1..8"),
        ({"rows": 1.5}, "silicon: rows=1.5 found, a whole number needed"),
    ],
)
def test_silicon_that_makes_no_sense_is_refused(fields: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Silicon(**fields)

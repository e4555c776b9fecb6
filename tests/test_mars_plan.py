"""A plan counts what a walk through the machine counts, and refuses what does not fit."""

import re
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_mars import Machine, needed_bits
from qnets import networks

from neurobot.events import MarsEvents
from neurobot.mars import REFILLS, Silicon, decode
from neurobot.mars.plan import Plan, make_plan
from neurobot.qnet import Add, Affine, Conv, Layer, MaxPool, Network, Requant, Scores, SumPool

MOST_MACS = 3000
walks = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@st.composite
def silicons(draw: st.DrawFn) -> Silicon:
    """Small machines: a few tiles in each macro, so that fills and crossings are many."""
    refill, macros = draw(st.sampled_from(REFILLS)), draw(st.integers(1, 2))
    rows, partitions = draw(st.sampled_from([1, 2, 4, 16])), draw(st.sampled_from([1, 2, 8]))
    tile_bits = rows * partitions * 8
    return Silicon(
        cores=draw(st.integers(1, 3)),
        macros=2 * macros if refill == "paired" else macros,
        rows=rows,
        partitions=partitions,
        macro_bits=tile_bits * draw(st.sampled_from([1, 2, 7, 1000])),
        write_bits=draw(st.sampled_from([8, 64])),
        input_bits=draw(st.sampled_from([2, 4, 8])),
        refill=refill,
        bank_bytes=draw(st.sampled_from([64, 500])),
        word_bits=draw(st.sampled_from([8, 64, 100])),
        post_lanes=draw(st.integers(1, 9)),
        partial_bytes=1 << 20,
    )


def thin(network: Network, seed: int) -> Network:
    """Draw whole columns and places of weights to zero."""
    rng = np.random.default_rng(seed)

    def thinned(layer: Layer) -> Layer:
        if not isinstance(layer, Conv) or layer.odd:
            return layer
        weights = np.array(layer.weights)
        weights[rng.random(len(weights)) < 0.4] = 0
        weights[:, rng.random(weights.shape[1:3]) < 0.4] = 0
        return replace(layer, weights=weights)

    return replace(network, layers=tuple(map(thinned, network.layers)))


def is_takeable(network: Network) -> bool:
    """Whether all weights and all inputs of convolutions have at most 8 bits."""
    return all(
        conv.weight_bits + conv.odd <= 8 and needed_bits(network.signals[conv.inputs[0]]) <= 8
        for conv in network.convs
    )


def counted(events: MarsEvents) -> dict[str, int]:
    return {name: count for name, count in asdict(events).items() if count}


def assert_as_walked(plan: Plan) -> None:
    machine = Machine(plan.network, plan.silicon)
    assert plan.resident == machine.resident
    assert counted(plan.arrival) == {k: v for k, v in machine.arrival.items() if v}
    assert [step.layer.name for step in plan.steps] == list(machine.counts)
    for step, counts in zip(plan.steps, machine.counts.values(), strict=True):
        assert counted(step.events) == {k: v for k, v in counts.items() if v}, step.layer.name
        assert step.timing.cycles == step.events.cycles
    assert plan.events.dense_macs == plan.network.macs
    assert plan.events.cycles == sum(counts["cycles"] for counts in machine.counts.values())


@walks
@given(networks(), silicons(), st.integers(0, 1 << 20))
def test_any_network_takes_what_a_walk_takes(case: Any, silicon: Silicon, seed: int) -> None:
    network = thin(case[0], seed)
    assume(network.convs and network.macs <= MOST_MACS and is_takeable(network))
    plan = make_plan(network, silicon)
    assert_as_walked(plan)
    assert list(plan.packed) == [conv.name for conv in network.convs]
    for conv in network.convs:
        np.testing.assert_array_equal(decode(plan.packed[conv.name]), conv.integers)


def conv(name: str, source: str, shape: Any, seed: int = 0, bits: int = 8, **more: Any) -> Conv:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
    return Conv(name, (source,), weights, bits, **more)


def codes(name: str, source: str, count: int, bits: int = 8, **more: Any) -> Requant:
    ones, zeros = np.ones(count, int), np.zeros(count, int)
    values: dict[str, Any] = {"shift": 9, "low": 0, "high": (1 << bits) - 1, **more}
    return Requant(name, (source,), ones, zeros, bits=bits, **values)


def scores(source: str, count: int) -> Scores:
    return Scores("scores", (source,), np.ones(count, int), np.zeros(count, int))


def chain(*layers: Layer, shape: tuple[int, int, int] = (6, 6, 3), bits: int = 8) -> Network:
    return Network(input_shape=shape, input_bits=bits, layers=layers)


def residual() -> Network:
    """A block with a shortcut, pooling, and a classifier."""
    return chain(
        conv("first", "input", (20, 3, 3, 3), bits=4, padding=(1, 1)),
        codes("a", "first", 20, bits=4),
        conv("second", "a", (20, 3, 3, 20), bits=4, padding=(1, 1)),
        codes("b", "second", 20, bits=4, low=-8, high=7),
        Add("sum", ("b", "a")),
        codes("c", "sum", 20, shift=0),
        MaxPool("pool", ("c",), (3, 3), (2, 2), (1, 1)),
        conv("grouped", "pool", (20, 1, 1, 10), groups=2),
        codes("d", "grouped", 20),
        SumPool("means", ("d",)),
        codes("e", "means", 20, shift=4),
        conv("classes", "e", (5, 1, 1, 20)),
        scores("classes", 5),
    )


@pytest.mark.parametrize("refill", REFILLS)
@pytest.mark.parametrize("macro_bits", [1024, 2048, 64 * 1024])
def test_a_residual_network_takes_what_a_walk_takes(refill: str, macro_bits: int) -> None:
    silicon = Silicon(refill=refill, macro_bits=macro_bits, cores=2, post_lanes=2)
    plan = make_plan(residual(), silicon)
    assert_as_walked(plan)
    assert plan.resident == (macro_bits == 64 * 1024)
    assert (plan.events.weight_writes == 0) == plan.resident
    assert (plan.events.partial_writes == 0) == plan.resident


def test_a_resident_network_writes_no_weights_by_image() -> None:
    events = make_plan(residual(), Silicon()).events
    assert events.weight_writes == 0
    assert events.weight_reads == 2 * 20 * 5 + 2 * 5  # scales, of 16 bytes each
    assert events.macros == 8


def test_padded_channels_are_counted_and_not_refused() -> None:
    network = chain(
        conv("odd one", "input", (9, 1, 1, 3)), SumPool("s", ("odd one",)), scores("s", 9)
    )
    events = make_plan(network, Silicon()).events
    assert events.macs_8w8a == 36 * 2 * 16 * 8
    assert events.padded_macs == 36 * (2 * 16 * 8 - 27)
    assert events.dense_macs == network.macs == 36 * 27
    assert events.operations == events.macs


def test_a_tile_of_zeros_is_skipped_and_a_zero_in_another_tile_is_not() -> None:
    weights = np.ones((16, 1, 1, 32), int)
    network = chain(Conv("c", ("input",), weights, 8), scores("c", 16), shape=(1, 1, 32))
    full = make_plan(network, Silicon()).events
    weights[:8, 0, 0, :16] = 0
    weights[8:, 0, 0, 1:] *= np.arange(31) % 2
    network = chain(Conv("c", ("input",), weights, 8), scores("c", 16), shape=(1, 1, 32))
    events = make_plan(network, Silicon()).events
    assert (full.macs, full.skipped_macs) == (512, 0)
    assert (events.macs, events.skipped_macs, events.dense_macs) == (384, 128, 512)


def test_layers_of_zeros_take_no_access() -> None:
    network = chain(Conv("c", ("input",), np.zeros((4, 6, 6, 3), int), 4), scores("c", 4))
    plan = make_plan(network, Silicon())
    assert (plan.events.accesses, plan.events.macs, plan.packed["c"].kept) == (0, 0, 0)
    assert plan.events.skipped_macs == network.macs
    assert plan.events.cycles == 1  # in which its scores are made


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("input_bits", range(1, 9))
def test_products_are_told_by_their_widths(bits: int, input_bits: int) -> None:
    layers = conv("c", "input", (3, 1, 1, 3), bits=bits), SumPool("s", ("c",)), scores("s", 3)
    found = counted(make_plan(chain(*layers, bits=input_bits), Silicon()).events)
    mode = f"macs_{4 if bits <= 4 else 8}w{4 if input_bits <= 4 else 8}a"
    assert [name for name in found if name.startswith("macs_")] == [mode]


def test_integers_of_a_mid_rise_grid_take_a_bit_more_than_their_codes() -> None:
    def network(bits: int) -> Network:
        weights = np.random.default_rng(0).integers(0, 1 << bits, (3, 1, 1, 3))
        layers = Conv("c", ("input",), weights, bits, odd=True), scores("c", 3)
        return chain(*layers, shape=(1, 1, 3))

    assert [make_plan(network(bits), Silicon()).packed["c"].slot for bits in (1, 3, 4, 7)] == [
        4,
        4,
        8,
        8,
    ]
    assert_refused(network(8), "c: weights of 9 signed bits found; macros hold at most 8")


def assert_refused(network: Network, sentence: str, **fields: Any) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        make_plan(network, Silicon(**fields))


def test_float32_networks_are_refused() -> None:
    weights = np.ones((2, 6, 6, 3), np.float32)
    ones = np.ones(2, np.float32)
    network = chain(Conv("c", ("input",), weights), Affine("a", ("c",), ones, ones))
    assert_refused(network, "c: float32 weights found; the machine takes integers")


def test_wide_inputs_are_refused() -> None:
    sums = chain(
        conv("first", "input", (4, 1, 1, 3)),
        conv("second", "first", (2, 6, 6, 4), bits=2),
        scores("second", 2),
    )
    bits = sums.signals["first"].bits
    assert_refused(sums, f"second: inputs of {bits} bits found; macros take 1..8")
    odd = chain(
        conv("first", "input", (4, 1, 1, 3)),
        codes("codes", "first", 4, odd=True),
        conv("second", "codes", (2, 6, 6, 4)),
        scores("second", 2),
    )
    assert_refused(odd, "second: inputs of 9 bits found; macros take 1..8")


def test_layers_that_do_not_fit_the_memories_are_refused() -> None:
    network = residual()
    plan = make_plan(network, Silicon(cores=1))
    tiles = {name: packed.kept * 128 for name, packed in plan.packed.items()}
    index = {name: -(-packed.index_bits // 64) * 8 for name, packed in plan.packed.items()}
    first = tiles["first"] + index["first"] + 20 * 16
    second = first + tiles["second"] + index["second"] + 20 * 16
    sentence = f"second: {second} bytes of weights so far in a core needed; the machine holds"
    most = {"cores": 1, "weight_bytes": second - 1}
    assert_refused(network, f"{sentence} {second - 1}", **most)
    sentence = f"first: {first} bytes of weights so far in a core needed; the machine holds"
    assert_refused(network, f"{sentence} {first - 1}", cores=1, weight_bytes=first - 1)


def test_maps_that_do_not_fit_the_feature_memories_are_refused() -> None:
    """Image: 108 bytes on one side; a, b and the sum of 20 channels each: 360 bytes; c: 720."""
    network = residual()

    def sentence(name: str, found: int) -> str:
        return f"{name}: {found} bytes of maps in a feature memory needed; the machine holds"

    for name, found in (("input", 112), ("first", 360), ("sum", 360 + 720)):
        told = f"{sentence(name, found)} {found - 1}"
        assert_refused(network, told, feature_bytes=found - 1)
    make_plan(network, Silicon(feature_bytes=1080))


def test_sums_that_do_not_fit_are_refused() -> None:
    weights = np.ones((8, 3, 3, 32), int)
    network = chain(
        Conv("c", ("input",), weights, 8), SumPool("s", ("c",)), scores("s", 8), shape=(9, 9, 32)
    )
    fields: Any = {"cores": 1, "macros": 1, "macro_bits": 8 * 1024}
    size = 49 * 8 * 4
    sentence = f"c: {size} bytes of sums set aside in a core needed; the machine holds {size - 1}"
    assert_refused(network, sentence, partial_bytes=size - 1, **fields)
    assert make_plan(network, Silicon(partial_bytes=size, **fields)).events.partial_reads == 784
    whole = replace(Silicon(), partial_bytes=0)  # a single fill sets nothing aside
    assert make_plan(network, whole).events.partial_reads == 0

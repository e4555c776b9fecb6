"""The digital processor counts what a walk through its schedule counts, and computes the same."""

import re
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from naive_mac import Machine
from numpy.typing import NDArray
from qnets import networks

from neurobot.events import MacEvents
from neurobot.mac import SCHEDULES, MacArray, Processor, sheet
from neurobot.mac.array import packing, tiles
from neurobot.qnet import (
    Add,
    Affine,
    Channels,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Scores,
    SumPool,
)

Array = NDArray[Any]
MOST_MACS = 6000  # that plain Python walks through in a case
ARRAYS = st.builds(
    MacArray,
    rows=st.sampled_from([1, 2, 3, 8]),
    columns=st.sampled_from([1, 2, 3, 8]),
    schedule=st.sampled_from(SCHEDULES),
    weight_word_bits=st.sampled_from([8, 24, 64]),
    activation_word_bits=st.sampled_from([8, 16, 64]),
    bank_bytes=st.sampled_from([64, 500]),
    requant_lanes=st.integers(1, 5),
    fill_cycles=st.integers(0, 3),
    gates_zeros=st.booleans(),
)
walks = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.filter_too_much],
)


def walk(processor: Processor, image: Array) -> Machine:
    """Go through a run cycle by cycle."""
    array = asdict(processor.array)
    for name in ("weight_bytes", "activation_bytes", "partial_bytes", "clock_hz"):
        del array[name]
    machine = Machine(processor.network, **array)
    machine.run(image.tolist())
    return machine


def assert_as_walked(processor: Processor, image: Array) -> None:
    """Compare scores, all maps that are stored, and all counts: by layer and together."""
    processor.run(np.full_like(image, processor.network.signals["input"].highest))
    first = processor.events
    scores = processor.run(image)
    machine = walk(processor, image)
    last = processor.network.layers[-1].name
    for name, memory in machine.memories.items():
        found = np.array(
            [memory.get(*place)[0] for place in np.ndindex(memory.shape)], processor.maps[name].dtype
        ).reshape(memory.shape)
        assert found.tobytes() == (processor.maps[name] + 0).tobytes(), name
    assert scores.tobytes() == processor.maps[last].tobytes()
    total = {name: count for name, count in asdict(processor.events).items() if count}
    assert total == {name: count for name, count in machine.total.items() if count}
    rows = {row.name: row for row in processor.layers}
    assert list(rows) == list(machine.by_layer)
    for name, counts in machine.by_layer.items():
        counted = asdict(replace(rows[name].events, banks=0))
        assert {k: v for k, v in counted.items() if v} == {k: v for k, v in counts.items() if v}, name
    assert processor.network.macs == first.macs == processor.events.macs
    assert first.cycles == processor.events.cycles


def make(network: Network, array: MacArray) -> Processor:
    """Build a processor; give a random network up that it refuses for the width of its numbers."""
    assume(network.macs <= MOST_MACS)
    try:
        return Processor(network, array)
    except ValueError as error:
        assume(" bits " not in str(error))
        raise


@walks
@given(networks(), ARRAYS)
def test_any_network_of_integers_runs_as_it_is_walked(case: Any, array: MacArray) -> None:
    network, image = case
    assert_as_walked(make(network, array), image)


@walks
@given(networks(real=True), ARRAYS)
def test_any_network_of_float32_runs_as_it_is_walked(case: Any, array: MacArray) -> None:
    network, image = case
    assert_as_walked(make(network, array), image)

"""Random configured chips, and what it means that two of them are the same."""

from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from neurobot.chip import CHIP_RANGES, Chip
from neurobot.fixed import signed_range
from neurobot.neurons import RANGES, Neurons
from neurobot.poppins import Poppins, Population

SIZES = st.integers(1, 12)
FIELDS = ("rest", "threshold", "reset", "slope_rest", "slope_threshold", "tau")


def whole(shape: tuple[int, ...], low: int, high: int) -> st.SearchStrategy[NDArray[Any]]:
    ends = st.sampled_from([low, high])
    return arrays(np.int64, shape, elements=st.integers(low, high) | ends)


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    values: dict[str, Any] = {}
    for name, kind in get_type_hints(Chip).items():
        low, high = CHIP_RANGES.get(name, (1, 1 << 16))
        number = st.floats(low, high) if kind is float else st.integers(int(low), int(high))
        values[name] = draw(st.booleans() if kind is bool else number)
    values["neurons"] = max(values["neurons"], 12)
    values["weight_shift"] = min(values["weight_shift"], 16 - values["weight_bits"])
    return Chip(**values)


@st.composite
def neurons(draw: st.DrawFn, count: int) -> Neurons:
    values = {name: draw(whole((count,), *RANGES[name])) for name in FIELDS}
    values["slope_rest"][values["slope_rest"] + values["slope_threshold"] == 0] = 1
    return Neurons(**values)


@st.composite
def networks(draw: st.DrawFn) -> Poppins:
    """Any chip of 1..12 neurons per population, with or without matrices between these."""
    chip, first, second = draw(chips()), draw(SIZES), draw(SIZES)
    weights, stimuli = signed_range(chip.weight_bits), signed_range(chip.stimulus_bits)
    matrices = [
        draw(whole(shape, *weights))
        for shape in ((first, first), (second, second), (first, second), (second, first))
    ]
    tonic = draw(whole((first + second,), *stimuli))
    amplitude = np.clip(draw(whole(tonic.shape, *stimuli)), *(end - tonic for end in stimuli))
    amplitude = np.clip(amplitude, *stimuli)
    return Poppins(
        Population(draw(neurons(first)), matrices[0]),
        Population(draw(neurons(second)), matrices[1]),
        amplitude,
        tonic,
        forward=matrices[2] if draw(st.booleans()) else None,
        backward=matrices[3] if draw(st.booleans()) else None,
        chip=chip,
    )


def small() -> Poppins:
    """Two neurons that feed three; every word is another one."""
    first = Neurons(*np.array([[1, 2], [3, 255], [5, 6], [0, 7], [15, 0], [0, 32768]]))
    second = Neurons(*np.arange(12, 30).reshape(6, 3) % [[64], [256], [256], [9], [13], [99]])
    return Poppins(
        Population(first, [[0, 1], [-1, 127]]),
        Population(second, [[0, 0, -128], [2, 0, 0], [0, 0, 3]]),
        amplitude=[100, -101, 102, 103, 104],
        tonic=[-256, 21, 22, 23, 24],
        forward=[[40, 0, 0], [0, -41, 42]],
    )


def assert_same_array(name: str, found: Any, wanted: Any) -> None:
    assert (found is None) == (wanted is None), name
    if wanted is not None:
        assert np.asarray(found).dtype.kind == "i", name
        np.testing.assert_array_equal(found, np.asarray(wanted), name, strict=False)
        assert np.shape(found) == np.shape(wanted), name


def assert_same_neurons(found: Neurons, wanted: Neurons) -> None:
    assert {field.name for field in fields(Neurons)} == set(FIELDS)
    for name in FIELDS:
        assert_same_array(name, getattr(found, name), getattr(wanted, name))


def assert_same(found: Poppins, wanted: Poppins) -> None:
    for field in fields(Chip):
        one, other = getattr(found.chip, field.name), getattr(wanted.chip, field.name)
        assert one == other, field.name
        assert type(one) is type(other), field.name
    for population in ("first", "second"):
        one, other = getattr(found, population), getattr(wanted, population)
        assert_same_neurons(one.neurons, other.neurons)
        assert_same_array(f"{population}.weights", one.weights, other.weights)
    for name in ("forward", "backward", "tonic", "amplitude"):
        assert_same_array(name, getattr(found, name), getattr(wanted, name))
    assert {field.name for field in fields(Poppins)} == {
        "first", "second", "amplitude", "tonic", "forward", "backward", "chip"
    }  # fmt: skip

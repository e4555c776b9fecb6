"""The streaming machine: clock by clock what direct evaluation says, and what an oracle counts."""

import re
from dataclasses import asdict, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_tdnn import Walk, clock_of, naive_hardware, naive_walk
from numpy.typing import NDArray
from tdnns import FRAMES, nets

from neurobot import qnet
from neurobot.controllers import weights as artefacts
from neurobot.events import InsightEvents
from neurobot.insight import Machine, frames_per_s
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Tree, direct, read_network
from neurobot.tdnn.hardware import hardware
from neurobot.tdnn.timing import latency

Array = NDArray[Any]
Case = tuple[Net, Array]
random_nets = settings(deadline=None, database=None, derandomize=True, max_examples=100)


def counted(walks: list[Walk]) -> dict[str, int]:
    """Add up what an oracle counted, as events do."""
    made = [InsightEvents(**walk.counts) for walk in walks]
    return asdict(reduce(add, made))


def in_clocks(net: Net, images: Array, rng: np.random.Generator) -> Array:
    """Spread frames over their clocks, with anything at all outside of the pictures."""
    assert net.clocking is not None
    rows, columns, channels = net.input_shape
    shape = len(images), net.clocking.lines, net.clocking.line, channels
    samples = rng.integers(0, 1 << net.input_bits, shape)
    samples[:, :rows, :columns] = images
    return samples.reshape(-1, channels)


@random_nets
@given(nets())
def test_what_streams_is_what_direct_evaluation_and_the_oracle_say(case: Case) -> None:
    net, images = case
    machine, wanted = Machine(net), direct.evaluate(net, images)
    walks = [naive_walk(net, image.tolist()) for image in images]
    assert wanted.tolist() == [walk.scores for walk in walks]
    first, rest = machine.stream(images), machine.finish()
    np.testing.assert_array_equal(np.concatenate([first.scores, rest.scores]), wanted)
    assert net.clocking is not None
    came = clock_of(net, len(net.stages), 0, 0)
    wanted_clocks = [came + number * net.clocking.frame for number in range(FRAMES)]
    assert [*first.clocks.tolist(), *rest.clocks.tolist()] == wanted_clocks
    assert asdict(machine.events) == counted(walks)


@random_nets
@given(nets())
def test_whole_frames_give_the_same_scores_maps_and_counts(case: Case) -> None:
    net, images = case
    machine, walks = Machine(net), [naive_walk(net, image.tolist()) for image in images]
    for image, walk in zip(images, walks, strict=True):
        assert machine.run(image).tolist() == walk.scores
        assert asdict(machine.events) == counted([walk])
        assert list(machine.maps) == list(walk.maps)
        for name, values in walk.maps.items():
            found = machine.maps[name]
            assert found.size == len(values), name
            assert {place: found[place] for place in values} == values, name
    assert machine.run_all(images).tolist() == [walk.scores for walk in walks]
    assert asdict(machine.events) == counted(walks)


@random_nets
@given(nets(), st.data())
def test_calls_may_part_a_stream_anywhere(case: Case, data: st.DataObject) -> None:
    net, images = case
    machine, rng = Machine(net), np.random.default_rng(0)
    samples = in_clocks(net, images, rng)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(samples)), max_size=4)))
    parts = [machine.stream(part) for part in np.split(samples, cuts)]
    assert machine.clock == len(samples)
    parts.append(machine.finish())
    found = np.concatenate([part.scores for part in parts])
    np.testing.assert_array_equal(found, direct.evaluate(net, images))
    events = machine.events
    machine.run_all(images)
    assert machine.events == events


@random_nets
@given(nets())
def test_hardware_is_what_the_oracle_finds_connection_by_connection(case: Case) -> None:
    net, _ = case
    wanted, pitch = naive_hardware(net), 1
    space = hardware(replace(net, clocking=None))
    assert net.clocking is not None
    around = zip(net.stages, net.signals[1:], hardware(net), space, wanted, strict=True)
    for stage, made, part, spread, counts in around:
        places = made.shape[0] * made.shape[1]
        assert part.name == spread.name == stage.name
        assert part.connections == part.in_time == spread.in_time == counts["connections"]
        assert spread.connections == part.unrolled == spread.unrolled == part.in_time * places
        assert part.synapses == counts["synapses"]
        assert part.neurons == counts["neurons"]
        assert part.delay_words == counts["delay_words"]
        assert (spread.synapses, spread.neurons) == (part.synapses * places, part.neurons * places)
        assert spread.delay_words is spread.delay_words_gated is None
        if (stage.kernel[1] - 1) * pitch < net.clocking.line:  # a window within a line
            assert part.delay_words_gated == counts["gated"]
        pitch *= stage.stride[1]


def layer(name: str, weights: Any, **changed: Any) -> Neurons:
    out = len(weights)
    codes = {"low": 0, "high": 255, "bits": 8, "weight_bits": 4}
    return Neurons(name, weights, [1] * out, [0] * out, **(codes | changed))


def scores(weights: Any, **changed: Any) -> Neurons:
    return layer("scores", weights, low=None, high=None, **changed)


def published() -> Net:
    """The network of the facts: 5 x 5 x 4, pool, 5 x 5 x 6, pool, 4 x 4 x 10 on 28 x 28."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Array:
        made: Array = rng.integers(1, 8, shape) * rng.choice([-1, 1], shape)
        return made

    stages = (
        layer("conv1", weights(4, 5, 5, 1), shift=4),
        Maxima("pool1"),
        layer("conv2", weights(6, 5, 5, 4), shift=6),
        Maxima("pool2"),
        scores(weights(10, 4, 4, 6)),
    )
    return Net(input_shape=(28, 28, 1), stages=stages, clocking=Clocking(28, 28))


def test_the_published_example_has_its_published_size() -> None:
    net = published()
    parts = hardware(net)
    assert sum(part.unrolled for part in parts) == 96_960
    assert sum(part.in_time for part in parts) == sum(part.synapses for part in parts) == 1_660
    assert sum(part.delay_words or 0 for part in parts) == 3_596
    assert sum(part.delay_words_gated or 0 for part in parts) == 706
    assert sum(part.weight_bits_total for part in parts) == 4 * 1_660
    assert sum(part.neurons for part in parts) == 20
    assert [part.comparators for part in parts] == [0, 12, 0, 18, 0]
    for part, places in zip(parts, (24 * 24, 12 * 12, 8 * 8, 4 * 4, 1), strict=True):
        assert part.unrolled == part.in_time * places
    real = net.replaced(
        lambda stage: (
            replace(stage, weights=stage.weights * 0.5) if isinstance(stage, Neurons) else stage
        )
    )
    assert [part.in_time for part in hardware(real)] == [part.in_time for part in parts]


def test_the_published_example_streams_frame_upon_frame() -> None:
    net = published()
    machine, rng = Machine(net), np.random.default_rng(1)
    images = rng.integers(0, 256, (40, 28, 28, 1)).astype(np.uint8)
    wanted = direct.evaluate(net, images)
    found = machine.stream(images)
    # A register for each of five stages behind the last sample, which comes at clock 783.
    assert machine.latency == latency(net) == 5
    assert found.clocks.tolist() == [783 + 5 + 784 * frame for frame in range(39)]
    np.testing.assert_array_equal(found.scores, wanted[:39])
    np.testing.assert_array_equal(machine.stream_all(images), wanted)
    events = machine.events
    assert events.operations == 40 * 96_960
    assert (events.cycles, events.samples) == (40 * 5, 40 * 784)
    for threads in (None, 1, 2, 3, 50):
        np.testing.assert_array_equal(machine.run_all(images, threads), wanted)
        assert machine.events == events, threads
    singles = [(machine.run(image).tolist(), machine.events) for image in images]
    assert [found for found, _ in singles] == wanted.tolist()
    assert reduce(add, [each for _, each in singles]) == events


def test_storeys_of_trees_take_a_clock_each() -> None:
    weights = np.arange(1, 10).reshape(1, 1, 9, 1)
    leaves, shifts = np.arange(9).reshape(1, 1, 9, 1), np.zeros((1, 9), np.int64)
    for fan_in, clocks, sums in ((9, 2, 9), (3, 3, 9 + 3), (2, 5, 9 + 5 + 3 + 2)):
        tree = Tree(fan_in, leaves, shifts)
        net = Net(
            input_shape=(1, 9, 1), stages=(scores(weights, tree=tree),), clocking=Clocking(9, 1)
        )
        machine = Machine(net)
        image = np.arange(9).reshape(1, 9, 1)
        assert machine.run(image).tolist() == [int(weights.ravel() @ image.ravel())]
        assert (machine.events.cycles, machine.events.tree_sums) == (clocks, sums), fan_in
        machine.stream(image[None])
        assert machine.finish().clocks.tolist() == [8 + clocks]


def test_a_lone_machine_holds_its_silicon_and_has_done_nothing() -> None:
    machine = Machine(published())
    held = {"synapses": 1_660, "neurons": 20, "delay_words": 3_596}
    assert machine.events == InsightEvents(**held)
    images = np.zeros((2, 28, 28, 1), np.uint8)
    assert machine.stream_all(images[:0]).shape == machine.run_all(images[:0]).shape == (0, 10)
    assert machine.events == InsightEvents(**held)
    machine.stream(images)
    assert machine.events.samples == 2 * 784
    machine.reset()
    assert (machine.clock, machine.events) == (0, InsightEvents(**held))
    assert machine.finish().scores.shape == (0, 10)


def test_samples_that_a_last_frame_lacks_are_zeros() -> None:
    net, rng = published(), np.random.default_rng(2)
    images = rng.integers(0, 256, (2, 28, 28, 1))
    machine, samples = Machine(net), images.reshape(-1, 1)
    machine.stream(samples[: 784 + 300])
    images[1].reshape(-1)[300:] = 0
    found = machine.finish()
    np.testing.assert_array_equal(found.scores, direct.evaluate(net, images)[-len(found.scores) :])
    assert len(found.scores) == 1


def test_sums_reach_the_ends_of_their_registers() -> None:
    most = 33025  # of products 255 x 255 that int32 holds
    for sign in (1, -1):
        weights = np.full((2, 1, 1, most), sign * 255)
        weights[1] *= -1
        last = scores(weights, weight_bits=8)
        top = (1 << 31) - 1
        last = replace(last, scale=[top, -top], bias=[top, -top])
        net = Net(input_shape=(1, 1, most), stages=(last,), clocking=Clocking(1, 1))
        image = np.full((1, 1, most), 255, np.uint8)
        wanted = [sign * top * 255 * 255 * most + top, sign * top * 255 * 255 * most - top]
        machine = Machine(net)
        assert machine.run(image).tolist() == wanted
        assert machine.run_all(image[None]).tolist() == [wanted]
        assert machine.stream_all(image[None]).tolist() == [wanted]


@pytest.mark.parametrize(
    "made",
    [
        {"shift": 3},
        {"low": -3, "high": 9, "bits": 5, "shift": 2},
        {"low": 0, "high": 15, "bits": 4, "shift": 5, "odd": True},
    ],
    ids=["shifted", "codes", "odd codes"],
)
def test_a_last_layer_may_make_codes_of_its_sums(made: Any) -> None:
    rng = np.random.default_rng(4)
    weights = rng.integers(-9, 10, (3, 2, 3, 2))
    last = replace(scores(weights), scale=[1, -2, 3], bias=[5, 40, -7], **made)
    net = Net(input_shape=(2, 3, 2), stages=(last,), input_bits=2, clocking=Clocking(3, 2))
    images, machine = rng.integers(0, 4, (20, 2, 3, 2)), Machine(net)
    wanted = direct.evaluate(net, images)
    assert wanted[:5].tolist() == [naive_walk(net, image).scores for image in images[:5].tolist()]
    np.testing.assert_array_equal(machine.stream_all(images), wanted)
    np.testing.assert_array_equal(machine.run_all(images), wanted)
    assert [machine.run(image).tolist() for image in images] == wanted.tolist()


@pytest.mark.parametrize("name", ["uniq-1b", "uniq-2b", "lglsq-4b"])
def test_a_trained_network_computes_in_time_what_it_did_in_space(name: str) -> None:
    folder = Path(next(iter(artefacts.__path__)))
    network = qnet.load(folder / f"{name}.npz")
    net = replace(read_network(network), clocking=Clocking(96, 36))
    signal = network.signals["input"]
    images = np.random.default_rng(3).integers(0, signal.highest + 1, (2, *signal.shape))
    images[:, :, 40:60] = 0
    wanted, machine = qnet.forward(network, images), Machine(net)
    np.testing.assert_array_equal(machine.stream_all(images), wanted)
    events = machine.events
    np.testing.assert_array_equal(machine.run_all(images), wanted)
    assert machine.events == events
    runner, moved = qnet.Runner(network), 0
    for image, scored in zip(images, wanted, strict=True):
        np.testing.assert_array_equal(machine.run(image), scored)
        runner(image)
        moved += machine.events.macs
    assert moved == events.macs


def test_frames_per_second_are_those_of_a_sample_per_clock() -> None:
    assert int(frames_per_s(Clocking(227, 227), 80e6)) == 1552
    assert frames_per_s(Clocking(227, 227)) == pytest.approx(1552.52, abs=0.01)
    assert frames_per_s(Clocking(28, 28), 80e6) == pytest.approx(102_040.8, abs=0.1)


POOL = Maxima("pool", (2, 2), (2, 2), (1, 0))
SIGNED = layer("signed", np.ones((1, 1, 1, 1), np.int64), low=-8, high=7, bits=4)
ODD = layer("odd", np.ones((1, 1, 1, 1), np.int64), low=0, high=15, bits=4, odd=True)
WIDE = layer("wide", np.zeros((1, 1, 1, 1), np.int64), low=0, high=1 << 31, bits=32)
LAST = scores(np.ones((1, 3, 2, 1), np.int64))
WHOLE = scores(np.ones((1, 4, 4, 1), np.int64))
REAL = Neurons("real", np.ones((1, 4, 4, 1)), [1.0], [0.0])


@pytest.mark.parametrize(
    ("stages", "clocking", "sentence"),
    [
        ((REAL,), Clocking(4, 4), "real: real weights found; allowed: integers"),
        ((WHOLE,), None, "network: it runs in space"),
        ((WHOLE,), Clocking(3, 4), "input: a map of 4 x 4 samples found; it needs 4 lines of 4"),
        (
            (SIGNED, POOL, LAST),
            Clocking(4, 5),
            "pool: a padding of (1, 0) found around values of -8..7; unsigned activations are "
            "needed there",
        ),
        ((ODD, POOL, LAST), Clocking(4, 5), "pool: a padding of (1, 0) found around values of -15"),
        (
            (WIDE, replace(WHOLE, weights=WHOLE.weights * 0)),
            Clocking(4, 4),
            "wide: values of 0..2147483648 found; allowed: -2147483648..2147483647",
        ),
    ],
    ids=["real", "space", "short lines", "signed", "odd", "wide"],
)
def test_what_the_machine_cannot_hold_is_refused_by_name(
    stages: Any, clocking: Clocking | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        Machine(Net(input_shape=(4, 4, 1), stages=stages, clocking=clocking))


def test_a_signed_map_is_pooled_where_no_tap_is_off() -> None:
    pool = Maxima("pool", (2, 2), (2, 2))
    last = scores(np.ones((1, 2, 2, 1), np.int64))
    below = replace(SIGNED, bias=[-20])
    net = Net(input_shape=(4, 4, 1), stages=(below, pool, last), clocking=Clocking(4, 4))
    image = np.arange(16).reshape(1, 4, 4, 1)
    # Maxima of the quarters: 5, 7, 13, 15, all less 20, and none below -8.
    assert Machine(net).stream_all(image).tolist() == [[-8 - 8 - 7 - 5]]


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros((4, 5, 1), np.int64), "input: int64 of shape (4, 5, 1) found; allowed: integers"),
        (np.zeros((4, 4, 1)), "input: float64 of shape (4, 4, 1) found; allowed: integers"),
        (np.full((4, 4, 1), 256), "input: samples of 256..256 found; allowed: 0..255"),
        (np.full((4, 4, 1), -1), "input: samples of -1..-1 found; allowed: 0..255"),
    ],
    ids=["shape", "float", "large", "negative"],
)
def test_what_is_no_frame_is_refused(samples: Array, sentence: str) -> None:
    net = Net(input_shape=(4, 4, 1), stages=(WHOLE,), clocking=Clocking(4, 4))
    machine = Machine(net)
    for refuses, given_samples in (
        (machine.run, samples),
        (machine.run_all, samples[None]),
        (machine.stream_all, samples[None]),
    ):
        with pytest.raises(ValueError, match=r"^input: "):
            refuses(given_samples)
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        machine.run(samples)
    with pytest.raises(ValueError, match=r"^input: int64 of shape \(4, 2\) found"):
        machine.stream(np.zeros((4, 2), np.int64))
    with pytest.raises(ValueError, match=r"^input: samples of 0\.\.256 found"):
        machine.stream(np.array([[0], [256]]))

"""Faults in the streaming machine: against an oracle that shifts its delay lines one by one."""

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_lines import Held, Hit, Shifted, hold, words_of, wrapped
from naive_tdnn import naive_hardware
from numpy.typing import NDArray
from tdnns import nets

from neurobot.controllers import make_controller
from neurobot.faults.insight import InsightMemories
from neurobot.faults.memory import Codes, Memory, Strikes
from neurobot.insight import Machine
from neurobot.loop import attach
from neurobot.tdnn import Clocking, Net, Neurons, Tree

Array = NDArray[Any]
MINDS = {"tdnn-insight": "range", "tdnn-insight-camera": "camera"}
NAVIGATION = "neurobot/Navigation-v0"
random_nets = settings(deadline=None, database=None, derandomize=True, max_examples=30)


def seated(name: str) -> tuple[Any, InsightMemories, Any]:
    """A mind, its memories, and what it sees."""
    controller, env = make_controller(name), gym.make(NAVIGATION, sensor=MINDS[name])
    attach(controller, env)
    controller.reset(0)
    seen, _ = env.reset(seed=1)
    return controller, InsightMemories(controller, env.unwrapped), seen


def memories_of(machine: Machine) -> InsightMemories:
    return InsightMemories(SimpleNamespace(machine=machine), None)


def parts_of(memories: InsightMemories, name: str) -> list[tuple[int, Memory]]:
    return [(k, each) for k, each in enumerate(memories.memories) if each.name == name]


def draw_codes(memory: Memory, rng: np.random.Generator) -> Codes:
    return rng.integers(0, 1 << memory.bits, memory.values, dtype=np.uint64)


def rewrite(held: dict[str, Held], memory: Memory, codes: Codes) -> None:
    """Let an oracle's layer hold what codes stand for; synapses come by neuron, leaf, place."""
    name, _, what = memory.part.partition(".")
    layer, plain = held[name], [int(code) for code in codes]
    signed = [wrapped(code, memory.bits) for code in plain]
    if memory.name == "weights":
        places = sorted(layer.weights, key=lambda at: (at[0], layer.leaves[at], at))
        layer.weights = dict(zip(places, signed, strict=True))
    elif what == "bias":
        layer.biases = signed
    elif all(scale in POWERS for scale in layer.scales):
        layer.scales = [wrapped(2**code, 32) for code in plain]
    else:
        layer.scales = signed


POWERS = {2**k for k in range(32)}


def write_at_random(memories: InsightMemories, held: dict[str, Held], seed: int) -> None:
    """Put other codes everywhere, or in one of a hundred places."""
    rng = np.random.default_rng(seed)
    for part, memory in enumerate(memories.memories):
        if not memory.state and memory.values:
            (values,) = np.nonzero(rng.random(memory.values) < rng.choice([0.01, 0.3, 1.0]))
            memories.write(part, values, draw_codes(memory, rng)[values])
            rewrite(held, memory, memories.read(part))


def strikes_of(
    memories: InsightMemories, rng: np.random.Generator, count: int
) -> tuple[Strikes, list[Hit]]:
    """Draw strikes, at all clocks and after them, also as an oracle knows them."""
    lines, found = parts_of(memories, "lines"), []
    for _ in range(count if lines else 0):
        part, memory = lines[rng.integers(len(lines))]
        place = rng.integers(memory.values), rng.integers(memory.bits)
        found.append((int(rng.integers(memories.cycles + 3)), part, *map(int, place)))
    found.sort()
    net, hits = memories.machine.net, []
    names = [stage.name for stage in net.stages]
    words = {each.part: words_of(net, names.index(each.part)) for _, each in lines}
    for clock, part, value, bit in found:
        name = memories.memories[part].part
        hits.append((clock, name, *words[name][value], bit))
    return Strikes(*np.array(found, np.int64).reshape(-1, 4).T), hits


def held_by(net: Net) -> dict[str, Held]:
    return {layer.name: hold(layer) for layer in net.layers}


# Codes that are written


@random_nets
@given(nets(), st.integers(0, 1 << 30))
def test_written_codes_are_what_an_oracle_computes_with(case: Any, seed: int) -> None:
    net, images = case
    machine, held = Machine(net), held_by(net)
    memories = memories_of(machine)
    write_at_random(memories, held, seed)
    for image in images:
        wanted = Shifted(net, held, image, []).scores
        assert machine.run(image).tolist() == wanted
        assert machine.stream_all(image[None]).tolist() == [wanted]


@random_nets
@given(nets(), st.integers(0, 1 << 30))
def test_struck_lines_are_what_queues_of_an_oracle_pass_on(case: Any, seed: int) -> None:
    net, images = case
    machine, held = Machine(net), held_by(net)
    memories, rng = memories_of(machine), np.random.default_rng(seed)
    if seed % 2:
        write_at_random(memories, held, seed)
    for image, count in zip(images, (1, 3, 40), strict=True):
        sound = machine.run(image).tolist(), machine.events
        strikes, hits = strikes_of(memories, rng, count)
        memories.strike(strikes)
        wanted = Shifted(net, held, image, hits)
        assert machine.run(image).tolist() == wanted.scores
        assert memories.felt == len(wanted.felt)
        assert (machine.run(image).tolist(), machine.events) == sound  # no other decision
        assert memories.felt == 0


@random_nets
@given(nets(), st.integers(0, 1 << 30))
def test_what_was_meant_written_back_is_the_sound_machine(case: Any, seed: int) -> None:
    net, images = case
    machine = Machine(net)
    memories = memories_of(machine)
    kept = [k for k, each in enumerate(memories.memories) if not each.state]
    meant = [memories.read(k) for k in kept]
    write_at_random(memories, held_by(net), seed)
    for k, codes in zip(kept, meant, strict=True):
        memories.write(k, np.arange(len(codes)), codes)
        np.testing.assert_array_equal(memories.read(k), codes)
    other = Machine(net)
    for image in images:
        assert machine.run(image).tolist() == other.run(image).tolist()
        assert machine.events == other.events


def test_sums_wrap_around_at_32_bits() -> None:
    tree = Tree(2, np.zeros((1, 1, 1, 2), int), np.array([[24]]))
    layer = Neurons("scores", [[[[1, -2]]]], [1], [0], weight_bits=8, tree=tree)
    net = Net(input_shape=(1, 1, 2), stages=(layer,), input_bits=4, clocking=Clocking(1, 1))
    machine = Machine(net)
    memories_of(machine).write(0, np.array([0]), np.array([127], np.uint64))
    image = np.array([[[15, 7]]])
    wanted = wrapped((127 * 15 - 2 * 7) * 2**24, 32)
    assert wanted != (127 * 15 - 2 * 7) * 2**24
    assert machine.run(image).tolist() == machine.stream_all(image[None])[0].tolist() == [wanted]


# The minds that ship


@pytest.mark.parametrize("name", MINDS)
def test_minds_decide_with_faulty_memories(name: str) -> None:
    controller, memories, seen = seated(name)
    held, rng = held_by(memories.machine.net), np.random.default_rng(1)
    sound = controller.score(seen).tolist()
    for part, memory in enumerate(memories.memories):
        if not memory.state:
            (values,) = np.nonzero(rng.random(memory.values) < 0.01)
            memories.write(part, values, draw_codes(memory, rng)[values])
            rewrite(held, memory, memories.read(part))
    strikes, hits = strikes_of(memories, rng, 50)
    memories.strike(strikes)
    image = memories.machine.maps["input"].tolist()
    wanted = Shifted(memories.machine.net, held, image, hits)
    assert controller.score(seen).tolist() == wanted.scores != sound
    assert memories.felt == len(wanted.felt) > 0
    assert memories.events.operations == products_of(memories.machine.net)


def products_of(net: Net) -> int:
    sizes = [made.shape[0] * made.shape[1] for made in net.signals[1:]]
    synapses = [np.count_nonzero(layer.weights) for layer in net.layers]
    return int(sum(a * b for a, b in zip(sizes, synapses, strict=True)))


@pytest.mark.parametrize("name", MINDS)
def test_memories_are_as_large_as_the_hardware(name: str) -> None:
    _, memories, _ = seated(name)
    net = memories.machine.net
    wanted = naive_hardware(net)
    sizes = {
        kind: sum(each.size for _, each in parts_of(memories, kind))
        for kind in ("weights", "configuration", "lines")
    }
    assert sizes["weights"] == sum(each["connections"] for each in wanted) * 8
    assert sizes["lines"] == sum(each["delay_words"] for each in wanted) * 8
    biases = [each for each in memories.memories if each.part.endswith(".bias")]
    assert {each.bits for each in biases} == {24}
    assert sum(each.values for each in biases) == sum(len(each.bias) for each in net.layers)
    for each in memories.memories:
        assert each.reads is None or hasattr(memories.events, each.reads)


@pytest.mark.parametrize("name", MINDS)
def test_nothing_that_is_written_or_struck_ends_a_decision(name: str) -> None:
    controller, memories, seen = seated(name)
    rng = np.random.default_rng(2)
    for k in range(40):
        for part, memory in enumerate(memories.memories):
            if not memory.state:
                codes = draw_codes(memory, rng)
                if k == 0:
                    codes[:] = (1 << memory.bits) - 1
                memories.write(part, np.arange(memory.values), codes)
        memories.strike(strikes_of(memories, rng, 100)[0])
        wheels = controller.act(seen)
        assert np.isfinite(controller.votes).all()
        assert ((-1 <= wheels) & (wheels <= 1)).all()

"""Faults in the machine of arrays: against an oracle that reads the very codes, one by one."""

from dataclasses import replace
from fractions import Fraction
from math import floor
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from cim_cases import drawn, images, residual
from naive_cells import Codes, Struck, run_faulty
from numpy.typing import NDArray

from neurobot.column_cim import Machine, Variation
from neurobot.controllers.cim import CimController
from neurobot.faults.column_cim import CimMemories
from neurobot.faults.memory import Memory, Strikes
from neurobot.loop import attach
from neurobot.qnet import ColumnConv, Conv, Network

Array = NDArray[Any]
NAVIGATION = "neurobot/Navigation-v0"


def memories_of(machine: Machine) -> CimMemories:
    return CimMemories(SimpleNamespace(machine=machine), None)


def seated(**options: Any) -> tuple[Any, CimMemories, Any]:
    """A mind, its memories, and what it sees."""
    controller, env = CimController(**options), gym.make(NAVIGATION, sensor="camera")
    attach(controller, env)
    controller.reset(0)
    seen, _ = env.reset(seed=1)
    return controller, CimMemories(controller, env.unwrapped), seen


def draw_codes(memory: Memory, count: int, rng: np.random.Generator) -> Array:
    """Draw codes, of which a few are all zeros or all ones."""
    top = (1 << memory.bits) - 1
    codes, kind = rng.integers(0, top, count, np.uint64, endpoint=True), rng.random(count)
    codes[kind < 0.05], codes[kind > 0.95] = 0, top
    return codes


def configured(memories: CimMemories) -> list[tuple[int, Memory]]:
    return [(k, each) for k, each in enumerate(memories.memories) if not each.state]


def write_at_random(memories: CimMemories, rng: np.random.Generator, share: float) -> None:
    """Put other codes at a share of all places."""
    for part, memory in configured(memories):
        (values,) = np.nonzero(rng.random(memory.values) < share)
        memories.write(part, values, draw_codes(memory, len(values), rng))


def codes_of(memories: CimMemories) -> tuple[Codes, dict[str, int]]:
    """All codes, and how many bits they have, by part."""
    pairs = configured(memories)
    codes = {each.part: [int(code) for code in memories.read(k)] for k, each in pairs}
    return codes, {each.part: each.bits for _, each in pairs}


def strikes_of(
    memories: CimMemories, rng: np.random.Generator, count: int
) -> tuple[Strikes, dict[str, Struck], int]:
    """Draw strikes, at all cycles and after them, also as an oracle knows them; and their felt."""
    first, found = len(memories.memories) - 2, []
    for cycle in np.sort(rng.integers(0, memories.cycles + 9, count)).tolist():
        part = first + int(rng.integers(2))
        memory = memories.memories[part]
        found.append(
            (cycle, part, int(rng.integers(memory.values)), int(rng.integers(memory.bits)))
        )
    struck: dict[str, Struck] = {}
    for cycle, part, value, bit in found:
        name, place, output = summed(memories, part == first, cycle, value)
        if name:
            struck.setdefault(name, []).append((place, output, bit))
    felt = sum(map(len, struck.values()))
    return Strikes(*np.array(found, np.int64).reshape(-1, 4).T), struck, felt


def summed(memories: CimMemories, arrays: bool, cycle: int, value: int) -> tuple[str, int, int]:
    """Layer, place and output of what is summed; no layer where nothing is."""
    machine, before = memories.machine, 0
    for row in machine.layers:
        cycles = row.events.cycles // machine.images
        if before <= cycle < before + cycles and row.where == ("arrays" if arrays else "digital"):
            passed = Fraction(cycle - before, cycles)
            high, wide, outputs = machine.network.signals[row.name].shape
            place, output = floor(passed * high * wide), value
            if not arrays:
                lanes = machine.silicon.digital_lanes
                turns = [
                    (first, o) for first in range(0, high * wide, lanes) for o in range(outputs)
                ]
                first, output = turns[floor(passed * len(turns))]
                place = first + value
            if place < high * wide and output < outputs:
                return row.name, place, output
        before += cycles
    assert before == memories.cycles
    return "", 0, 0


# Codes that are written


@pytest.mark.parametrize("share", [0.05, 1.0])
def test_written_codes_are_what_an_oracle_computes_with(share: float) -> None:
    for seed in range(24):
        network, image = drawn(seed)
        memories, rng = memories_of(Machine(network)), np.random.default_rng(seed)
        write_at_random(memories, rng, share)
        wanted = run_faulty(network, *codes_of(memories), image)
        assert memories.machine.run(image).tolist() == wanted, seed


@pytest.mark.parametrize("adc_bits", [4, None])
def test_networks_with_layers_of_every_kind_run_on_faulty_memories(adc_bits: int | None) -> None:
    network, (image,), rng = residual(adc_bits), images(1), np.random.default_rng(3)
    if adc_bits is None:
        odd = rng.integers(0, 32, network.convs[0].weights.shape)
        network = replace_first(
            network, replace(network.convs[0], weights=odd, weight_bits=5, odd=True)
        )
    machine = Machine(network)
    memories = memories_of(machine)
    sound, events = machine.run(image).tolist(), machine.events
    assert sound == run_faulty(network, *codes_of(memories), image)
    write_at_random(memories, rng, 0.02)
    strikes, struck, felt = strikes_of(memories, rng, 40)
    memories.strike(strikes)
    width = memories.memories[-2].bits
    wanted = run_faulty(network, *codes_of(memories), image, struck, width)
    assert machine.run(image).tolist() == wanted != sound
    assert memories.felt == felt > 0
    assert machine.run(image).tolist() == run_faulty(network, *codes_of(memories), image)
    assert (memories.felt, machine.events.cycles) == (0, events.cycles)


def test_digits_of_other_weights_make_a_network_of_other_weights() -> None:
    compared = 0
    for seed in range(24):
        network, image = drawn(seed)
        conv = network.layers[0]
        assert isinstance(conv, ColumnConv)
        half = 1 << (conv.weight_bits - 1)
        weights = np.random.default_rng(seed).integers(-half, half, conv.weights.shape)
        other = Machine(replace_first(network, replace(conv, weights=weights)))
        machine, digits = Machine(network), memories_of(other).read(0)
        memories_of(machine).write(0, np.arange(len(digits)), digits)
        wanted, sums, ends = other.run(image), other.maps["conv"], network.signals["conv"]
        if ends.lowest <= sums.min() <= sums.max() <= ends.highest:  # others stop at these ends
            np.testing.assert_array_equal(machine.run(image), wanted)
            compared += 1
    assert compared >= 12


def replace_first(network: Network, conv: Conv) -> Network:
    return replace(network, layers=(conv, *network.layers[1:]))


# Cells that vary


VARIED = [("lognormal", 0.2), ("proportional", 0.1), ("independent", 0.3)]


@pytest.mark.parametrize(("law", "sigma"), VARIED)
@pytest.mark.parametrize("options", [{}, {"on_off": 8.0}, {"stuck_on": 0.1, "stuck_off": 0.1}])
def test_cells_that_are_programmed_anew_vary_as_those_of_a_new_machine(
    law: str, sigma: float, options: dict[str, Any]
) -> None:
    network, (image,) = residual(), images(1)
    conv = network.layers[2]
    assert isinstance(conv, ColumnConv)
    weights = conv.weights.copy()
    weights[::2] = -8
    other = replace(
        network,
        layers=tuple(
            replace(conv, weights=weights) if each is conv else each for each in network.layers
        ),
    )
    machine, made = (
        Machine(network, variation=Variation(**options)),
        Variation(law, sigma, **options),
    )
    memories = memories_of(machine)
    sound = machine.run(image)
    memories.vary(law, sigma, 5)
    varied = machine.run(image)
    np.testing.assert_array_equal(varied, Machine(network, None, made, 5).run(image))
    meant, zeros = memories.read(0), memories_of(Machine(other)).read(0)
    memories.write(0, np.arange(len(zeros)), zeros)
    np.testing.assert_array_equal(machine.run(image), Machine(other, None, made, 5).run(image))
    memories.vary(law, sigma, 6)  # what was written stays
    np.testing.assert_array_equal(machine.run(image), Machine(other, None, made, 6).run(image))
    memories.write(0, np.arange(len(meant)), meant)
    memories.vary(law, sigma, 5)
    np.testing.assert_array_equal(machine.run(image), varied)
    memories.vary(law, 0.0, 0)
    np.testing.assert_array_equal(machine.run(image), sound)


def test_no_law_is_refused() -> None:
    with pytest.raises(ValueError, match="law 'cauchy' found"):
        memories_of(Machine(residual())).vary("cauchy", 0.1, 0)


# The mind that ships


def test_the_mind_decides_with_faulty_memories() -> None:
    controller, memories, seen = seated()
    rng, network = np.random.default_rng(4), memories.machine.network
    sound, events = controller.score(seen), memories.events
    kept = [memories.read(k) for k, _ in configured(memories)]
    write_at_random(memories, rng, 0.003)
    strikes, struck, felt = strikes_of(memories, rng, 30)
    memories.strike(strikes)
    width = memories.memories[-2].bits
    wanted = run_faulty(network, *codes_of(memories), seen["camera"], struck, width)
    assert controller.score(seen).tolist() == wanted != sound.tolist()
    assert memories.felt == felt > 0
    for k, codes in enumerate(kept):
        memories.write(k, np.arange(len(codes)), codes)
        np.testing.assert_array_equal(memories.read(k), codes)
    np.testing.assert_array_equal(controller.score(seen), sound)
    assert memories.events == events


def test_memories_are_as_large_as_the_hardware() -> None:
    controller, memories, seen = seated()
    controller.act(seen)
    plan = memories.machine.steps
    cells = [each for each in memories.memories if each.name == "weights"]
    assert [each.values for each in cells] == [
        step.mapping.cells_used for step in plan if step.mapping
    ]
    assert {each.bits for each in cells} == {2}
    assert not any(each.readable for each in cells)
    assert {each.name for each in memories.memories} == {
        "weights",
        "digital weights",
        "configuration",
        "accumulators",
    }
    assert [each.size for each in memories.memories if each.state] == [40 * 33, 64 * 32]
    for each in memories.memories:
        assert each.reads is None or getattr(memories.events, each.reads)


@pytest.mark.parametrize(
    "options",
    [{}, {"network": "cim-4b-ideal"}, {"network": "cim-4b-adc1", "on_off": 5.0, "read_sigma": 0.1}],
)
def test_nothing_that_is_written_or_struck_ends_a_decision(options: dict[str, Any]) -> None:
    controller, memories, seen = seated(**options)
    rng = np.random.default_rng(5)
    for share in (1.0, 0.5, 0.1, 0.01) * 5:
        if share == 0.1:
            memories.vary("independent", 1.0, int(rng.integers(99)))
        write_at_random(memories, rng, share)
        memories.strike(strikes_of(memories, rng, 100)[0])
        wheels = controller.act(seen)
        assert np.isfinite(controller.votes).all()
        assert ((-1 <= wheels) & (wheels <= 1)).all()
    for fill in (0, -1):
        for part, memory in configured(memories):
            codes = np.full(memory.values, fill).astype(np.uint64)
            memories.write(
                part, np.arange(memory.values), codes & np.uint64((1 << memory.bits) - 1)
            )
        assert np.isfinite(controller.act(seen)).all()

"""Faults in the digital processor do what they do to a network that was made with them."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from faulty_codes import mend, scatter, shuffle, sound_codes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_faults import assert_same_maps, damage, run, upset
from naive_mac import Machine
from numpy.typing import NDArray
from qnets import codes, networks

from neurobot.faults.accumulators import invert
from neurobot.faults.digital import ProcessorMemories
from neurobot.faults.memory import Strikes
from neurobot.mac import SCHEDULES, MacArray, Processor
from neurobot.mac.residence import Held, Residence
from neurobot.qnet import Conv, Layer, Network, Requant, Scores

Array = NDArray[Any]
MOST_MACS = 3000
few = settings(deadline=None, database=None, derandomize=True, max_examples=40)


class Chip:
    """As much of a controller as its memories ask for."""

    def __init__(self, network: Network, array: MacArray | None = None) -> None:
        self.processor = Processor(network, array)

    @property
    def events(self) -> Any:
        return self.processor.events


def opened(network: Network, array: MacArray | None = None) -> tuple[Chip, ProcessorMemories]:
    """A processor with its memories open, or nothing if a random network does not fit it."""
    assume(network.macs <= MOST_MACS)
    try:
        chip = Chip(network, array)
    except ValueError as error:
        assume(" bits " not in str(error))
        raise
    return chip, ProcessorMemories(chip, None)


def grouped() -> tuple[Network, Array]:
    """A network whose layers part into uneven tiles: of several groups, on odd grids or not."""
    rng = np.random.default_rng(3)

    def scales(count: int, most: int) -> tuple[Array, Array, int]:
        return rng.integers(1, most, count), rng.integers(-999, 999, count), 9

    layers: tuple[Layer, ...] = (
        Conv(
            "a", ("input",), codes(rng, 3, True, (10, 2, 2, 2)), 3, True, padding=(1, 1), groups=2
        ),
        Requant("b", ("a",), *scales(10, 99), 0, 15, 4),
        Conv("c", ("b",), codes(rng, 4, False, (18, 1, 1, 10)), 4),
        Requant("d", ("c",), *scales(18, 30), 0, 3, 2, True),
        Conv("e", ("d",), codes(rng, 2, True, (5, 4, 5, 18)), 2, True),
        Scores("f", ("e",), rng.integers(1, 99, 5), rng.integers(-99, 99, 5)),
    )
    network = Network(input_shape=(3, 4, 4), input_bits=3, layers=layers)
    return network, rng.integers(0, 8, network.input_shape)


def constants(substrate: Any) -> dict[str, dict[str, list[int]]]:
    """What the configured memories hold, by layer and constant."""
    found: dict[str, dict[str, list[int]]] = {}
    for part, memory in enumerate(substrate.memories):
        if not memory.state:
            layer, name = memory.part, "weights"
            if memory.name == "configuration":
                layer, _, name = memory.part.rpartition(".")
            found.setdefault(layer, {})[name] = [int(code) for code in substrate.read(part)]
    return found


def oracle(processor: Processor, substrate: Any, image: Array, touch: Any = None) -> dict[str, Any]:
    """All maps of a network that has what the memories hold."""
    signals = processor.network.signals
    bits = {
        conv.name: max(conv.weight_bits, signals[conv.inputs[0]].bits)
        for conv in processor.network.convs
    }
    layers = {layer.name: layer for layer in processor.network.layers}
    others = {
        name: damage(layers[name], codes, bits.get(name, 0))
        for name, codes in constants(substrate).items()
    }
    return run(processor.network, others, image, touch)


def assert_computes_what_it_holds(
    chip: Chip, substrate: ProcessorMemories, image: Array, rng: np.random.Generator
) -> None:
    sound, golden = chip.processor.run(image), sound_codes(substrate)
    for change, share in ((scatter, 0.01), (scatter, 0.2), (shuffle, 0.05), (shuffle, 1.0)):
        change(substrate, rng, share)
        chip.processor.run(image)
        assert_same_maps(chip.processor.maps, oracle(chip.processor, substrate, image))
    mend(substrate, golden)
    assert chip.processor.run(image).tobytes() == sound.tobytes()


@few
@given(data=st.data(), real=st.booleans(), seed=st.integers(0, 1 << 30))
def test_any_codes_compute_what_a_network_of_them_does(
    data: st.DataObject, real: bool, seed: int
) -> None:
    network, image = data.draw(networks(real=real))
    rng = np.random.default_rng(seed)
    assert_computes_what_it_holds(*opened(network), image, rng)


def test_each_kind_of_memory_computes_what_it_holds() -> None:
    network, image = grouped()
    chip = Chip(network)
    substrate, rng = ProcessorMemories(chip, None), np.random.default_rng(0)
    chip.processor.run(image)
    sound = {name: values.copy() for name, values in chip.processor.maps.items()}
    for part, memory in enumerate(substrate.memories[:-1]):
        golden, changed = substrate.read(part), False
        layer = memory.part.partition(".")[0]
        for bit in rng.permutation(memory.bits)[:8].tolist():
            value = rng.integers(0, memory.values, 1)
            substrate.write(part, value, golden[value] ^ np.uint64(1 << bit))
            chip.processor.run(image)
            assert_same_maps(chip.processor.maps, oracle(chip.processor, substrate, image))
            changed |= bool((chip.processor.maps[layer] != sound[layer]).any())
            substrate.write(part, value, golden[value])
        assert changed, memory
    assert_computes_what_it_holds(chip, substrate, image, rng)


# Accumulators


ARRAYS = st.builds(
    MacArray,
    rows=st.sampled_from([1, 2, 3, 8]),
    columns=st.sampled_from([1, 2, 3, 8]),
    schedule=st.sampled_from(SCHEDULES),
    requant_lanes=st.integers(1, 5),
    fill_cycles=st.integers(0, 3),
    accumulator_bits=st.sampled_from([31, 32, 40]),
)


class Watched(Machine):
    """A walk that notes which sum each register of each row works on in each cycle."""

    def walk_through(self, image: Array) -> dict[tuple[int, int, int], Held]:
        self.clock, self.row = 0, -1
        self.noted: dict[tuple[int, int, int], Held] = {}
        self.run(image.tolist())
        return self.noted

    def tick(self) -> None:
        super().tick()
        self.clock, self.row = self.clock + 1, -1

    def weight_words(self, outs: list[int], step: Any) -> list[int]:
        self.outs = outs
        return super().weight_words(outs, step)

    def read_inputs(self, reader: Any, group: int, at: Any, step: Any) -> Any:
        self.at, self.row, self.column = at, self.row + 1, 0
        return super().read_inputs(reader, group, at, step)

    def note(self, column: int, channels: range, inputs: bool) -> None:
        streams = self.schedule == "weight-stationary"  # whose clock ticks behind a place
        place = self.at[0] * (1 + max(x for _, x, _, _ in self.places)) + self.at[1]
        held = Held(self.conv.name, place, channels, inputs)
        self.noted[self.clock - 1 + streams, self.row, column] = held

    def sum_inputs(self, operands: Any, total: int) -> int:
        if self.conv.odd:
            self.note(self.columns, range(self.outs[0], self.outs[-1] + 1), True)
        return super().sum_inputs(operands, total)

    def meet(self, weights: int, operands: Any, total: Any) -> Any:
        out = self.outs[self.column]
        self.note(self.column, range(out, out + 1), False)
        self.column += 1
        return super().meet(weights, operands, total)


def watched(processor: Processor, image: Array) -> tuple[Watched, dict[Any, Held]]:
    array = asdict(processor.array)
    for name in ("weight_bytes", "activation_bytes", "partial_bytes", "clock_hz"):
        del array[name]
    walk = Watched(processor.network, **array)
    return walk, walk.walk_through(image)


def assert_registers_are_as_walked(chip: Chip, image: Array) -> None:
    processor = chip.processor
    walk, noted = watched(processor, image)
    residence = Residence(processor.spans, processor.array)
    assert residence.cycles == walk.clock == chip.events.cycles
    last: dict[tuple[int, int], Held] = {}
    for cycle, row, column in np.ndindex(walk.clock, walk.rows, residence.columns):
        held = residence.held(cycle, row, column)
        if (cycle, row, column) in noted:
            last[row, column] = noted[cycle, row, column]
            assert held == last[row, column]
        else:  # sums that are done wait for those of the tile before to leave
            assert held in (None, last.get((row, column)))
    assert residence.held(walk.clock, 0, 0) is None


@few
@given(data=st.data(), real=st.booleans(), array=ARRAYS)
def test_registers_hold_what_a_walk_finds_there(
    data: st.DataObject, real: bool, array: MacArray
) -> None:
    network, image = data.draw(networks(real=real))
    assert_registers_are_as_walked(opened(network, array)[0], image)


SLOW: dict[str, Any] = {"requant_lanes": 1, "fill_cycles": 3}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_registers_of_uneven_tiles_hold_what_a_walk_finds_there(schedule: str) -> None:
    network, image = grouped()
    assert_registers_are_as_walked(Chip(network, MacArray(schedule=schedule, **SLOW)), image)


def assert_strikes_are_as_walked(
    chip: Chip,
    substrate: ProcessorMemories,
    image: Array,
    rng: np.random.Generator,
    layers: str | None = None,
) -> None:
    """Strike registers that a walk has found in use, and compare with its sums so changed."""
    _, noted = watched(chip.processor, image)
    keys = [key for key, held in noted.items() if layers is None or held.layer in layers]
    if not keys:
        return
    array, real = chip.processor.array, chip.processor.network.real
    columns = Residence(chip.processor.spans, array).columns
    count = int(rng.integers(1, 6)) if layers is None else 40
    chosen = [keys[k] for k in sorted(rng.integers(0, len(keys), count).tolist())]
    width = 32 if real else min(array.accumulator_bits, 32)
    bits = rng.integers(0, width, len(chosen))
    masks: dict[Held, int] = {}
    for key, bit in zip(chosen, bits.tolist(), strict=True):
        masks[noted[key]] = masks.get(noted[key], 0) ^ 1 << bit

    def touch(layer: Any, maps: dict[str, Any]) -> None:
        for held, mask in masks.items():
            if held.layer == layer.name:
                upset(layer, maps, held.place, held.channels, held.inputs, mask, width)

    strike(substrate, [(c, row * columns + column) for c, row, column in chosen], bits)
    chip.processor.run(image)
    assert substrate.felt == len(chosen)
    assert_same_maps(chip.processor.maps, oracle(chip.processor, substrate, image, touch))
    chip.processor.run(image)
    assert substrate.felt == 0
    assert_same_maps(chip.processor.maps, oracle(chip.processor, substrate, image))


@few
@given(data=st.data(), real=st.booleans(), array=ARRAYS, seed=st.integers(0, 1 << 30))
def test_struck_sums_are_those_of_a_walk_with_a_bit_inverted(
    data: st.DataObject, real: bool, array: MacArray, seed: int
) -> None:
    network, image = data.draw(networks(real=real))
    chip, substrate = opened(network, array)
    rng = np.random.default_rng(seed)
    scatter(substrate, rng, float(rng.choice([0.0, 0.1])))
    assert_strikes_are_as_walked(chip, substrate, image, rng)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_struck_sums_of_uneven_tiles_are_those_of_a_walk(schedule: str) -> None:
    network, image = grouped()
    chip = Chip(network, MacArray(schedule=schedule, **SLOW))
    substrate = ProcessorMemories(chip, None)
    for layers in ("a", "ce", "ace"):
        rng = np.random.default_rng(len(layers))
        assert_strikes_are_as_walked(chip, substrate, image, rng, layers)


def strike(substrate: Any, places: list[tuple[int, int]], bits: Any) -> None:
    """Strike accumulators at (cycle, value), and one of them long after the decision's end."""
    cycles, values = np.array([*places, (1 << 40, 0)], np.int64).T
    part = np.full(len(cycles), len(substrate.memories) - 1)
    substrate.strike(Strikes(cycles, part, values, np.append(bits, 0)))


def test_a_bit_that_is_inverted_twice_is_as_it_was() -> None:
    network, image = grouped()
    chip = Chip(network)
    substrate, (_, noted) = ProcessorMemories(chip, None), watched(chip.processor, image)
    columns = Residence(chip.processor.spans, chip.processor.array).columns
    cycle, row, column = next(key for key, held in noted.items() if held.layer == "e")
    sound = chip.processor.run(image)
    for count, same in ((1, False), (2, True), (3, False)):
        strike(substrate, [(cycle, row * columns + column)] * count, [20] * count)
        assert (chip.processor.run(image) == sound).all() == same
        assert substrate.felt == count


def test_bits_of_sums_are_those_of_their_numbers() -> None:
    whole, real = np.array([5, -1], np.int32), np.array([1.0, np.nan, np.inf], np.float32)
    real.view(np.uint32)[1] = 0xFFC00001  # another one that is no number
    invert(whole, 0, 1 << 31 | 4, 32)
    invert(whole, 1, 1 << 7, 8)
    for place, mask in enumerate((1 << 31, 0x7F800000, 1 << 30)):
        invert(real, place, mask, 32)
    assert whole.tolist() == [1 - (1 << 31), 127]
    assert real.view(np.uint32).tolist() == [0xBF800000, 0x00400000, 0x3F800000]

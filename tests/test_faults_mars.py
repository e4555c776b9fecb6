"""Faults in the machine of SRAM macros do what they do to a network that was made with them."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import pytest
from faulty_codes import CONFIGURED, mend, scatter, sound_codes
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_faults import assert_same_maps, damage, damaged, run, upset, wrapped
from naive_mars import Machine as Naive
from naive_mars import deal, is_kept, read_tiles, write_index
from numpy.typing import NDArray
from qnets import codes, networks

from neurobot.faults.mars import MarsMemories
from neurobot.faults.memory import Strikes
from neurobot.mars import Machine, Silicon
from neurobot.mars.codes import CODES, best_gap_bits
from neurobot.mars.decoding import DECODERS
from neurobot.mars.residence import Held, Residence
from neurobot.qnet import Conv, Layer, Network, Requant, Scores

Array = NDArray[Any]
MOST_MACS = 3000
few = settings(deadline=None, database=None, derandomize=True, max_examples=30)
SILICON = st.builds(
    Silicon,
    cores=st.sampled_from([1, 2, 3]),
    macros=st.sampled_from([2, 4]),
    partitions=st.sampled_from([1, 2]),
    rows=st.sampled_from([1, 3, 4]),
    macro_bits=st.sampled_from([128, 512, 1 << 16]),
    refill=st.sampled_from(["serial", "overlapped", "paired"]),
    input_bits=st.sampled_from([8, 3]),
)


class Chip:
    """As much of a controller as its memories ask for."""

    def __init__(self, network: Network, silicon: Silicon | None = None) -> None:
        self.machine = Machine(network, silicon)

    @property
    def events(self) -> Any:
        return self.machine.events


@cache
def naive_of(machine: Machine) -> Naive:
    return Naive(machine.network, machine.silicon)


# Indices


def naive_places(
    digits: str, blocks: list[int], positions: int, code: str, gap_bits: int, tiles: int
) -> list[tuple[int, int] | None]:
    """Where an index puts so many tiles; None: nowhere."""
    found: list[tuple[int, int] | None] = []
    with suppress(EOFError):
        found.extend(
            pair if pair[1] < positions else None
            for pair in read_tiles(iter(digits), blocks, positions, code, gap_bits)
        )
    return [*found, *[None] * tiles][:tiles]


@pytest.mark.parametrize("code", CODES)
@few
@given(data=st.data())
def test_any_index_is_decoded_to_its_end(code: str, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 5), st.sampled_from([1, 2, 3, 8, 9, 17, 70])))
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    mask = rng.random(shape) < data.draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    gap_bits, tiles = best_gap_bits(mask), int(mask.sum())
    bits = CODES[code].write(mask, gap_bits)
    found = DECODERS[code](bits, shape, gap_bits, tiles)
    assert found.tolist() == np.flatnonzero(mask).tolist()
    for share in (0.03, 0.5):
        bits ^= rng.random(len(bits)) < share
        digits, blocks = "".join(map(str, bits.tolist())), list(range(shape[0]))
        wanted = naive_places(digits, blocks, shape[1], code, gap_bits, tiles)
        flat = [-1 if pair is None else pair[0] * shape[1] + pair[1] for pair in wanted]
        assert DECODERS[code](bits, shape, gap_bits, tiles).tolist() == flat


# Memories


def weights_of(conv: Conv, naive: Naive, codes: list[int], index: str, packed: Any) -> Array:
    """The weights that tiles and index stand for, tile by tile."""
    blocks, slot = naive.blocks(conv), naive.slot(conv)
    kept = [[tile for tile in block if is_kept(tile)] for block in blocks]
    values = iter(codes)
    contents = {
        (tile.block, tile.position): [
            [wrapped(next(values), slot) for _ in row] for row in tile.weights
        ]
        for block in kept
        for tile in block
    }
    weights = np.zeros(conv.weights.shape, object)
    at = 0
    mask = [[is_kept(tile) for tile in block] for block in blocks]
    for own in deal([len(tiles) for tiles in kept], naive.silicon.cores):
        tiles = [tile for block in own for tile in kept[block]]
        count = len(write_index([mask[b] for b in own], packed.code, packed.gap_bits))
        digits, at = index[at : at + count], at + count
        places = naive_places(digits, own, len(blocks[0]), packed.code, packed.gap_bits, len(tiles))
        for tile, place in zip(tiles, places, strict=True):
            if place is not None:
                put(weights, conv, naive, contents[tile.block, tile.position], *place)
    assert at == len(index)
    return weights


def put(
    weights: Array, conv: Conv, naive: Naive, tile: list[list[int]], block: int, position: int
) -> None:
    """Add a tile to weights at a position of a block."""
    *_, wide, given = weights.shape
    place, part = divmod(position, -(-given // naive.silicon.rows))
    for column, o in enumerate(channels_of(conv, naive)[block]):
        for row, values in enumerate(tile):
            c = part * naive.silicon.rows + row
            if c < given:
                weights[o, place // wide, place % wide, c] += values[column]


def channels_of(conv: Conv, naive: Naive) -> list[list[int]]:
    """The output channels of each block."""
    columns = naive.silicon.partitions * (8 // naive.slot(conv))
    made = len(conv.weights) // conv.groups
    return [
        list(range(group * made + first, group * made + min(first + columns, made)))
        for group in range(conv.groups)
        for first in range(0, made, columns)
    ]


def oracle(machine: Machine, substrate: Any, image: Array, touch: Any = None) -> dict[str, Any]:
    """All maps of a network that has what the memories hold."""
    naive = naive_of(machine)
    layers = {layer.name: layer for layer in machine.network.layers}
    held: dict[str, dict[str, list[int]]] = {}
    for part, memory in enumerate(substrate.memories[:-1]):
        layer, name = memory.part, memory.name
        if name == "configuration":
            layer, _, name = memory.part.rpartition(".")
        held.setdefault(layer, {})[name] = [int(code) for code in substrate.read(part)]
    others = {}
    for name, found in held.items():
        layer = layers[name]
        if isinstance(layer, Conv):
            index = "".join(map(str, found["index"]))
            packed = machine.packed[name]
            weights = weights_of(layer, naive, found["weights"], index, packed)
            others[name] = damaged(layer, weights=weights, odd=False)
        else:
            others[name] = damage(layer, found, 0)
    return run(machine.network, others, image, touch)


def thin() -> tuple[Network, Array]:
    """A network of which many tiles are missing, with three kinds of index."""
    rng = np.random.default_rng(7)

    def weights(out: int, high: int, wide: int, given: int, bits: int, share: float) -> Array:
        values = codes(rng, bits, False, (out, high, wide, given))
        for o, i, j, c in np.ndindex(-(-out // 2), high, wide, -(-given // 3)):
            if rng.random() > share:
                values[2 * o : 2 * o + 2, i, j, 3 * c : 3 * c + 3] = 0
        return values

    def scales(count: int) -> tuple[Array, Array, int]:
        return rng.integers(1, 99, count), rng.integers(-999, 999, count), 9

    far = codes(rng, 8, False, (7, 3, 4, 8)) * (np.arange(12).reshape(3, 4, 1) > 10)
    layers: tuple[Layer, ...] = (
        Conv("a", ("input",), weights(10, 2, 2, 2, 4, 0.7), 4, padding=(1, 1), groups=2),
        Requant("b", ("a",), *scales(10), 0, 15, 4),
        Conv("c", ("b",), weights(8, 2, 2, 10, 3, 0.18), 3),
        Requant("d", ("c",), *scales(8), -128, 127, 8),
        Conv("e", ("d",), far, 8),
        Scores("f", ("e",), rng.integers(1, 99, 7), rng.integers(-99, 99, 7)),
    )
    network = Network(input_shape=(3, 4, 4), input_bits=3, layers=layers)
    return network, rng.integers(0, 8, network.input_shape)


def assert_computes_what_it_holds(
    chip: Chip, substrate: MarsMemories, image: Array, rng: np.random.Generator
) -> None:
    sound, events = chip.machine.run(image), chip.machine.events
    golden = sound_codes(substrate)
    weights, index = CONFIGURED[:1], CONFIGURED[1:2]
    for names, share in ((weights, 0.1), (index, 0.1), (CONFIGURED, 0.2), (CONFIGURED, 1.0)):
        scatter(substrate, rng, share, names)
        chip.machine.run(image)
        assert_same_maps(chip.machine.maps, oracle(chip.machine, substrate, image))
        assert substrate.events == events
    mend(substrate, golden)
    np.testing.assert_array_equal(chip.machine.run(image), sound)


def opened(network: Network, silicon: Silicon) -> tuple[Chip, MarsMemories]:
    """A machine with its memories open, or nothing if a random network does not fit it."""
    assume(network.macs <= MOST_MACS)
    try:
        chip = Chip(network, silicon)
    except ValueError as error:
        assume(" bits " not in str(error))
        raise
    return chip, MarsMemories(chip, None)


@few
@given(data=st.data(), silicon=SILICON, seed=st.integers(0, 1 << 30))
def test_any_codes_compute_what_a_network_of_them_does(
    data: st.DataObject, silicon: Silicon, seed: int
) -> None:
    network, image = data.draw(networks())
    assert_computes_what_it_holds(*opened(network, silicon), image, np.random.default_rng(seed))


def test_each_kind_of_memory_computes_what_it_holds() -> None:
    network, image = thin()
    chip = Chip(network, Silicon(cores=3, rows=3, partitions=1))
    assert {packed.code for packed in chip.machine.packed.values()} == set(CODES)
    substrate, rng = MarsMemories(chip, None), np.random.default_rng(0)
    chip.machine.run(image)
    sound = {name: values.copy() for name, values in chip.machine.maps.items()}
    for part, memory in enumerate(substrate.memories[:-1]):
        golden, changed = substrate.read(part), False
        layer = memory.part.partition(".")[0]
        for _ in range(6):
            value = rng.integers(0, memory.values, 1)
            bit = np.uint64(1 << int(rng.integers(memory.bits)))
            substrate.write(part, value, golden[value] ^ bit)
            chip.machine.run(image)
            assert_same_maps(chip.machine.maps, oracle(chip.machine, substrate, image))
            changed |= bool((chip.machine.maps[layer] != sound[layer]).any())
            substrate.write(part, value, golden[value])
        assert changed, memory
    assert_computes_what_it_holds(chip, substrate, image, rng)


def test_index_and_tiles_are_what_the_machine_stores() -> None:
    network, _ = thin()
    chip = Chip(network, Silicon(cores=2, rows=3, partitions=1))
    memories = MarsMemories(chip, None).memories
    for name, packed in chip.machine.packed.items():
        sizes = {each.name: each.size for each in memories if each.part == name}
        assert sizes == {
            "weights": packed.kept * packed.tile_bits,
            "index": packed.index_bits,
        }
    assert {each.name for each in memories if not each.readable} == {"weights"}


# Accumulators


def walked(machine: Machine) -> tuple[dict[tuple[int, int, int, int], Held], int]:
    """What accumulators hold by cycle, core, macro and column; all cycles."""
    naive, noted, clock = naive_of(machine), {}, 0
    for layer, scaling in naive.passes:
        cycles = naive.counts[layer.name]["cycles"]
        if isinstance(layer, Conv):
            made = machine.network.signals[(scaling or [layer])[0].name].shape
            compute, _, post = naive.cycles[layer.name]
            overlapped = machine.silicon.refill == "overlapped" and not naive.resident
            wait = cycles - max(compute, post) if overlapped else 0
            for core, blocks in enumerate(naive.tile_lists(layer)):
                for at, macro, block, place in steps(naive, layer, blocks, made[0] * made[1], wait):
                    for column, o in enumerate(channels_of(layer, naive)[block]):
                        noted[clock + at, core, macro, column] = Held(layer.name, place, o)
        clock += cycles
    return noted, clock


def steps(
    naive: Naive, conv: Conv, blocks: list[int], places: int, clock: int
) -> Iterator[tuple[int, int, int, int]]:
    """Cycle, macro, block and place of each access of a core to a macro."""
    silicon, resident = naive.silicon, naive.resident
    bits = machine_bits(naive, conv)
    accesses = -(-bits // silicon.input_bits)
    paired = silicon.refill == "paired" and not resident
    macros = silicon.macros // (2 if paired else 1)
    tile_bits = silicon.rows * silicon.partitions * 8
    room = macros * (len(blocks) if resident else silicon.macro_bits // tile_bits) or 1
    fills = [blocks[first : first + room] for first in range(0, len(blocks), room)]
    writes = [
        0 if resident else -(-len(f[::macros]) * tile_bits // silicon.write_bits) for f in fills
    ]
    if silicon.refill == "overlapped" and not resident:
        writes = [0] * len(fills)
    clock += sum(writes[:1])
    for k, fill in enumerate(fills):
        begin = clock
        for place in range(places):
            queues = [[b for b in fill[m::macros] for _ in range(accesses)] for m in range(macros)]
            while any(queues):
                for m, queue in enumerate(queues):
                    if queue:
                        yield clock, m + (k % 2) * macros * paired, queue.pop(0), place
                clock += 1
        more = sum(writes[k + 1 : k + 2])
        clock = max(clock, begin + more) if paired else clock + more


def machine_bits(naive: Naive, conv: Conv) -> int:
    signal = naive.network.signals[conv.inputs[0]]
    bits = 1
    while not (
        -(2 ** (bits - 1)) <= signal.lowest and signal.highest < 2 ** (bits - 1)
        if signal.lowest < 0
        else signal.highest < 2**bits
    ):
        bits += 1
    return bits


def assert_registers_are_as_walked(machine: Machine) -> None:
    noted, clock = walked(machine)
    residence, silicon = Residence(machine.plan), machine.silicon
    assert residence.cycles == clock == machine.events.cycles
    places = (clock, silicon.cores, silicon.macros, residence.columns)
    for place in np.ndindex(places):
        assert residence.held(*place) == noted.get(place)
    assert residence.held(clock, 0, 0, 0) is None


@few
@given(data=st.data(), silicon=SILICON)
def test_registers_hold_what_a_walk_finds_there(data: st.DataObject, silicon: Silicon) -> None:
    network, _ = data.draw(networks())
    assert_registers_are_as_walked(opened(network, silicon)[0].machine)


@pytest.mark.parametrize("refill", ["serial", "overlapped", "paired"])
@pytest.mark.parametrize(("macro_bits", "write_bits"), [(48, 64), (48, 1), (1 << 16, 64)])
def test_registers_of_a_thin_network_hold_what_a_walk_finds_there(
    refill: str, macro_bits: int, write_bits: int
) -> None:
    network, _ = thin()
    sizes: dict[str, Any] = {"cores": 2, "rows": 3, "partitions": 1, "refill": refill}
    silicon = Silicon(macro_bits=macro_bits, write_bits=write_bits, **sizes)
    assert_registers_are_as_walked(Machine(network, silicon))


def test_struck_sums_are_those_with_a_bit_inverted() -> None:
    network, image = thin()
    chip = Chip(network, Silicon(cores=2, rows=3, partitions=1))
    substrate, (noted, clock) = MarsMemories(chip, None), walked(chip.machine)
    rng, keys = np.random.default_rng(0), list(noted)
    part = len(substrate.memories) - 1
    columns = Residence(chip.machine.plan).columns
    for count in (1, 5, 20):
        chosen = [keys[k] for k in rng.integers(0, len(keys), count).tolist()]
        bits = rng.integers(0, 32, count)
        masks: dict[Held, int] = {}
        for key, bit in zip(chosen, bits.tolist(), strict=True):
            masks[noted[key]] = masks.get(noted[key], 0) ^ 1 << bit

        def touch(layer: Any, maps: Any, masks: dict[Held, int] = masks) -> None:
            for held, mask in masks.items():
                if held.layer == layer.name:
                    upset(layer, maps, held.place, [held.channel], False, mask, 32)

        cycle, core, macro, column = np.array(chosen).T
        value = (core * 2 + macro) * columns + column
        substrate.strike(Strikes(cycle, np.full(count, part), value, bits))
        substrate.strike(Strikes(*(np.array([n]) for n in (clock, part, 0, 0))))
        chip.machine.run(image)
        assert substrate.felt == count
        assert_same_maps(chip.machine.maps, oracle(chip.machine, substrate, image, touch))
        chip.machine.run(image)
        assert substrate.felt == 0
        assert_same_maps(chip.machine.maps, oracle(chip.machine, substrate, image))

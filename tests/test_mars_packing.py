"""Packed weights are the tiles that are not all 0 and an index; they unpack to what was packed."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_mars import is_kept, read_index, shortest_index, tiles_of, write_index
from numpy.typing import NDArray

from neurobot.mars import Packed, Silicon, code_sizes, decode, encode
from neurobot.mars.codes import CODES, GAP_BITS, gaps_of

Array = NDArray[Any]
cases = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
)
VARIANTS = [("bitmap", 0), ("list", 0), *(("delta", width) for width in GAP_BITS)]
assert set(CODES) == {code for code, _ in VARIANTS}
SILICON = st.builds(
    Silicon, rows=st.sampled_from([1, 2, 3, 16]), partitions=st.sampled_from([1, 2, 3, 8])
)


@st.composite
def weights(draw: st.DrawFn) -> tuple[Array, int, int]:
    """Weights with zeros, of all of which are, some or none; their bits; their groups."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    groups, bits = draw(st.sampled_from([1, 1, 2, 3])), draw(st.integers(1, 8))
    out, given = draw(st.integers(1, 20)), draw(st.sampled_from([1, 2, 5, 16, 17, 40]))
    shape = (groups * out, draw(st.integers(1, 3)), draw(st.integers(1, 3)), given)
    values = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
    zeros = draw(st.sampled_from([0.0, 0.5, 0.9, 0.97, 1.0]))
    if draw(st.booleans()):
        values[rng.random(shape) < zeros] = 0
    else:
        values[rng.random(shape[:1]) < zeros] = 0  # whole channels
        values[:, rng.random(shape[1:3]) < zeros] = 0  # whole places of the kernel
    return values if zeros else np.where(values == 0, -1, values), bits, groups


@st.composite
def masks(draw: st.DrawFn) -> NDArray[np.bool_]:
    shape = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 70]))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.5, 0.9, 1.0]))


def digits(packed: Packed) -> str:
    return "".join(format(octet, "08b") for octet in packed.index)[: packed.index_bits]


@cases
@given(weights(), SILICON)
def test_what_was_packed_unpacks(case: tuple[Array, int, int], silicon: Silicon) -> None:
    values, bits, groups = case
    packed = encode(values, silicon, bits=bits, groups=groups)
    found = decode(packed)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, values)


@cases
@given(weights(), SILICON)
def test_only_tiles_that_are_not_all_0_and_the_shortest_index_are_stored(
    case: tuple[Array, int, int], silicon: Silicon
) -> None:
    values, bits, groups = case
    packed = encode(values, silicon, bits=bits, groups=groups)
    blocks = tiles_of(values.tolist(), groups, silicon.rows, silicon.columns(packed.slot))
    kept = [tile for block in blocks for tile in block if is_kept(tile)]
    assert packed.slot == (4 if bits <= 4 else 8)
    assert packed.tiles.tolist() == [tile.weights for tile in kept]
    assert packed.places.tolist() == [tile.position for tile in kept]
    assert packed.counts.tolist() == [sum(map(is_kept, block)) for block in blocks]
    assert (packed.kept, packed.blocks, packed.positions) == (
        len(kept),
        len(blocks),
        len(blocks[0]),
    )
    code, gap_bits, index = shortest_index([[is_kept(tile) for tile in b] for b in blocks])
    assert (packed.code, packed.gap_bits, digits(packed)) == (code, gap_bits, index)
    assert len(packed.index) == -(-len(index) // 8)
    tile_bits = silicon.rows * silicon.columns(packed.slot) * packed.slot
    assert packed.stored_bits == len(kept) * tile_bits + len(index)
    assert packed.dense_bits == sum(map(len, blocks)) * tile_bits
    for block, sizes in zip(blocks, packed.tiling.sizes.tolist(), strict=True):
        assert [sum(map(sum, tile.real)) for tile in block] == sizes


@cases
@given(weights())
def test_index_and_tiles_alone_tell_the_weights(case: tuple[Array, int, int]) -> None:
    """Put tiles where an independent reader of the index finds them to belong."""
    values, bits, groups = case
    packed = encode(values, bits=bits, groups=groups)
    mask = read_index(digits(packed), packed.blocks, packed.positions, packed.code, packed.gap_bits)
    left = packed.tiles.tolist()
    for block in tiles_of(values.tolist(), groups, packed.rows, packed.columns):
        for tile in block:
            stored = left.pop(0) if mask[tile.block][tile.position] else None
            assert tile.weights == (stored or [[0] * packed.columns] * packed.rows)
    assert not left


@pytest.mark.parametrize(("name", "gap_bits"), VARIANTS)
@cases
@given(mask=masks())
def test_each_code_says_what_it_was_told(name: str, gap_bits: int, mask: NDArray[np.bool_]) -> None:
    code, told = CODES[name], mask.tolist()
    bits = code.write(mask, gap_bits)
    assert "".join(map(str, bits.tolist())) == write_index(told, name, gap_bits)
    np.testing.assert_array_equal(code.read(bits, mask.shape, gap_bits), mask)
    text = "".join(map(str, bits.tolist()))
    assert read_index(text, len(told), len(told[0]), name, gap_bits) == told
    sizes = [len(write_index([block], name, gap_bits)) for block in told]
    assert code.sizes(mask, gap_bits).tolist() == sizes
    assert sum(sizes) == len(bits)


def test_gaps_are_counted_from_the_start_of_each_block() -> None:
    mask = np.zeros((4, 9), bool)
    mask[0, [2, 3, 8]] = mask[1, 8] = mask[3, [0, 4]] = True
    assert gaps_of(mask).tolist() == [2, 0, 4, 8, 0, 3]


@pytest.mark.parametrize(
    ("kept", "code"),
    [(range(0, 1024, 2), "bitmap"), ([700], "list"), (range(0, 1024, 8), "delta"), ([], "list")],
)
def test_each_code_is_the_smallest_of_some_layer(kept: Any, code: str) -> None:
    values = np.zeros((8, 1, 1, 1024 * 16), int)
    values[0, 0, 0, [16 * position for position in kept]] = 1
    packed = encode(values)
    assert packed.code == code
    sizes = code_sizes(packed)
    assert list(sizes) == list(CODES)
    assert packed.index_bits == min(sizes.values()) == sizes[code]
    assert sizes["bitmap"] == 1024
    assert sizes["list"] == 11 + 10 * len(kept)


def test_a_single_weight_takes_a_whole_tile() -> None:
    packed = encode([[[[-3]]]], bits=3)
    assert (packed.slot, packed.tiles.shape, packed.dense_bits) == (4, (1, 16, 16), 1024)
    assert (packed.kept, packed.code, packed.stored_bits) == (1, "bitmap", 1025)
    assert decode(packed).tolist() == [[[[-3]]]]


def test_weights_of_3_bits_take_as_much_as_those_of_4() -> None:
    values = np.random.default_rng(0).integers(-4, 4, (32, 3, 3, 32))
    three, four, five = (encode(values, bits=bits) for bits in (3, 4, 5))
    assert three.stored_bits == four.stored_bits
    assert five.dense_bits == 2 * four.dense_bits


@pytest.mark.parametrize(
    ("values", "more", "sentence"),
    [
        ([[[[8]]]], {"bits": 4}, "c: weights of 8..8 found; 4 signed bits hold -8..7"),
        ([[[[1]]]], {"bits": 9}, "c: weights of 9 signed bits found; macros hold at most 8"),
        ([[[[1]]]] * 3, {"groups": 2}, "c: groups = 2 found; allowed: a divisor of 3 channels"),
        ([[[0.5]]], {}, "c: float64 of shape (1, 1, 1) found; allowed: whole numbers in 4"),
    ],
)
def test_what_cannot_be_packed_is_refused(values: Any, more: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        encode(values, name="c", **more)

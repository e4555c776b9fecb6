"""Files of compiled networks: loaded as they were saved, small, and refused in one sentence."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chains import Array, differences
from forged_files import (
    Header,
    array_file,
    header_of,
    read_members,
    refusal_of,
    sign,
    write_members,
)
from hypothesis import given, settings
from tdnns import nets

from neurobot import qnet
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Tree
from neurobot.tdnn.direct import evaluate
from neurobot.tdnn.files import load, save


def small(**more: Any) -> Net:
    leaf = np.array([[[[0], [-1]], [[1], [0]]], [[[-1], [-1]], [[-1], [-1]]]])
    first = Neurons(
        "first", [[[[-2], [0]], [[1], [3]]], [[[0], [0]], [[0], [0]]]], [5, -6], [7, 1 << 40],
        padding=(1, 0), low=0, high=3, shift=3, bits=2, weight_bits=3,
        tree=Tree(2, leaf, np.array([[0, 4], [1, 0]])),
    )  # fmt: skip
    last = Neurons("scores", np.full((3, 1, 1, 2), 255), [1, 2, 3], [-4, 5, 6], weight_bits=8)
    settled = {"clocking": Clocking(9, 4), "notes": {"made by": "a test", "seed": 3}, **more}
    stages = first, Maxima("pool", (3, 1), (1, 1)), last
    return Net(input_shape=(2, 2, 1), stages=stages, output_scale=0.5, **settled)


def refusal(path: Path) -> str:
    return refusal_of(load, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(small(), tmp_path / "net.npz")
    return tmp_path / "net.npz"


def assert_round_trip(folder: Path, net: Net) -> Net:
    save(net, folder / "one.npz")
    found = load(str(folder / "one.npz"))
    assert not differences(found, net)
    save(found, folder / "other.npz")
    assert (folder / "one.npz").read_bytes() == (folder / "other.npz").read_bytes()
    assert sorted(file.name for file in folder.iterdir()) == ["one.npz", "other.npz"]
    return found


@settings(deadline=None, database=None, derandomize=True, max_examples=80)
@given(nets())
def test_a_network_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[Net, Array]
) -> None:
    net, images = case
    folder = tmp_path_factory.mktemp("any")
    found = assert_round_trip(folder, net)
    assert (evaluate(found, images) == evaluate(net, images)).all()
    with np.load(folder / "one.npz", allow_pickle=False) as arrays:
        assert json.loads(arrays["header"].tobytes())["version"] == 1
        assert all(arrays[name].dtype.kind in "iu" for name in arrays)


def test_a_network_in_space_of_no_connections_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    last = Neurons("scores", np.zeros((2, 1, 1, 1), int), [1, 1], [5, -6], weight_bits=2)
    net = Net(input_shape=(1, 1, 1), stages=(last,), input_bits=16)
    assert assert_round_trip(tmp_path, net).clocking is None


def test_leaves_of_many_numbers_are_loaded_as_they_were_saved(tmp_path: Path) -> None:
    leaf = np.arange(600).reshape(1, 1, 1, 600) // 2
    tree = Tree(2, leaf, np.arange(300)[None] % 5)
    last = Neurons("scores", np.ones((1, 1, 1, 600), int), [1], [0], weight_bits=2, tree=tree)
    assert_round_trip(tmp_path, Net(input_shape=(1, 1, 600), stages=(last,)))


def test_only_connections_are_written(path: Path) -> None:
    """Restate the first layer in binary: its mask 1011 0000, its codes -2 1 3, three bits each."""
    members = read_members(path)
    assert list(members) == [
        "header.npy",
        *(f"0.{name}.npy" for name in ("mask", "codes", "scale", "bias", "leaf", "shifts")),
        *(f"2.{name}.npy" for name in ("mask", "codes", "scale", "bias")),
    ]
    assert members["0.mask.npy"] == array_file(np.array([0b10110000], np.uint8))
    assert members["0.codes.npy"] == array_file(np.array([0b11000101, 0b10000000], np.uint8))
    assert members["0.leaf.npy"] == array_file(np.array([0, 1, 0], np.uint8))
    assert members["0.shifts.npy"] == array_file(np.array([[0, 4], [1, 0]], np.uint8))
    assert members["0.bias.npy"] == array_file(np.array([7, 1 << 40]))
    assert members["2.codes.npy"] == array_file(np.full(6, 255, np.int16))
    assert members["2.scale.npy"] == array_file(np.array([1, 2, 3], np.int32))
    assert members == sign(header_of(members), members)


def test_a_pruned_layer_is_small(tmp_path: Path) -> None:
    """Of 400,000 places with 30,000 connections: 50 kB of mask, and two bytes a connection."""
    rng = np.random.default_rng(0)
    weights, leaf = np.zeros((500, 1, 1, 800), int), np.full((500, 1, 1, 800), -1)
    weights[..., :60] = rng.choice([-127, 1, 127], (500, 1, 1, 60))
    leaf[..., :60] = np.arange(60) // 16
    tree = Tree(16, leaf, np.zeros((500, 4), int))
    ones, zeros = np.ones(500, int), np.zeros(500, int)
    layer = Neurons("scores", weights, ones, zeros, weight_bits=8, tree=tree)
    save(Net(input_shape=(1, 1, 800), stages=(layer,)), tmp_path / "net.npz")
    assert (tmp_path / "net.npz").stat().st_size < 50_000 + 60_000 + 12_000


def test_a_bit_flipped_anywhere_is_refused(path: Path) -> None:
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(0, len(content), 4):
        spoilt = bytearray(content)
        spoilt[place + int(rng.integers(0, min(4, len(content) - place)))] ^= 1 << rng.integers(
            0, 8
        )
        path.write_bytes(spoilt)
        refusal(path)


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for cut in sorted({*range(0, len(content), 17), *range(len(content) - 30, len(content))}):
        path.write_bytes(content[:cut])
        refusal(path)
    path.write_bytes(content + b"\0")
    refusal(path)


def test_each_kind_of_network_file_is_told_from_the_other(path: Path, tmp_path: Path) -> None:
    assert refusal_of(qnet.load, path) == (
        "header: format = 'neurobot-time-delay-network' found; allowed: 'neurobot-integer-network'"
    )
    layers = (
        qnet.Conv("only", ("input",), np.ones((1, 1, 1, 1), int), 2),
        qnet.Scores("scores", ("only",), [1], [0]),
    )
    qnet.save(qnet.Network(input_shape=(1, 1, 1), layers=layers), tmp_path / "other.npz")
    assert refusal(tmp_path / "other.npz") == (
        "header: format = 'neurobot-integer-network' found; allowed: 'neurobot-time-delay-network'"
    )
    assert refusal(tmp_path / "none.npz").startswith("no file found; allowed: ")


def test_real_numbers_are_refused_by_name(path: Path) -> None:
    before = path.read_bytes()
    real = Neurons("real", np.ones((1, 1, 1, 1)), [1], [0])
    with pytest.raises(ValueError, match="real: real numbers found; allowed: integers"):
        save(Net(input_shape=(1, 1, 1), stages=(real,)), path)
    assert path.read_bytes() == before


Change = Callable[[Header], Any]
HEADERS: dict[str, tuple[Change, str]] = {
    "version": (lambda h: h.update(version=2), "header: version = 2 found; allowed: 1"),
    "a key more": (lambda h: h.update(more=1), r"header: header: \[.*'more'.*\] found; allowed"),
    "no stages": (lambda h: h.pop("stages"), "header: header: .* found; allowed"),
    "stages of no list": (lambda h: h.update(stages={}), "header: stages: {} found; allowed: a li"),
    "a stage less": (lambda h: h["stages"].pop(), r"a surplus array '2\.mask\.npy' found"),
    "a setting more": (lambda h: h["network"].update(x=1), "header: network: .* found; allowed"),
    "a kind": (lambda h: h["stages"][0].update(kind="Dense"), "stage 0: kind = 'Dense' found"),
    "a list as kind": (lambda h: h["stages"][0].update(kind=[]), r"stage 0: kind = \[\] found"),
    "a number as stage": (lambda h: h["stages"].append(1), "stage 3: kind = 1 found; allowed"),
    "a number as name": (lambda h: h["stages"][0].update(name=1), "layer name 1 found; allowed"),
    "a constant less": (lambda h: h["stages"][0].pop("shift"), "stage 0: .* found; allowed"),
    "a constant more": (lambda h: h["stages"][1].update(tree=None), "stage 1: .* found; allowed"),
    "shift": (lambda h: h["stages"][0].update(shift=63), "first: shift = 63 found; allowed"),
    "a text as low": (lambda h: h["stages"][0].update(low="0"), "first: low = '0' found; allowed"),
    "an endless high": (lambda h: h["stages"][0].update(high=1 << 63), "first: high = .* found"),
    "code bits": (lambda h: h["stages"][0].update(code_bits=10), "first: code_bits = 10 found"),
    "fewer code bits": (
        lambda h: h["stages"][0].update(code_bits=2),
        r"first: codes: .*\(2,\).* found; allowed: .*\(1,\)",
    ),
    "weight bits": (lambda h: h["stages"][0].update(weight_bits=9), "first: weight_bits = 9 found"),
    "absurd weights": (
        lambda h: h["stages"][0].update(weights=[10**6, 10**6, 1, 1]),
        "first: 1000000000000 values found; allowed: at most",
    ),
    "a text as shape": (lambda h: h["stages"][0].update(weights="x"), "first: weights: shape = 'x"),
    "absurd leaves": (
        lambda h: h["stages"][0]["tree"].update(leaves=1 << 26),
        "first: 134217728 values found; allowed: at most",
    ),
    "more leaves": (
        lambda h: h["stages"][0]["tree"].update(leaves=3),
        r"first: shifts: .*\(2, 2\).* found; allowed: .*\(2, 3\)",
    ),
    "a number as tree": (lambda h: h["stages"][0].update(tree=2), "first: tree: 2 found; allowed"),
    "no tree": (lambda h: h["stages"][0].update(tree=None), r"a surplus array '0\.leaf\.npy'"),
    "a fan-in of 1": (lambda h: h["stages"][0]["tree"].update(fan_in=1), "first: fan-in 1 found"),
    "a text as fan-in": (lambda h: h["stages"][0]["tree"].update(fan_in="2"), "first: fan-in 2 fo"),
    "an odd pool": (
        lambda h: h["stages"][1].update(size=[3]),
        r"pool: size = \[3\] found; allowed",
    ),
    "a wide pool": (lambda h: h["stages"][1].update(size=[9, 9]), "pool: a window of 9 x 9 found"),
    "a short line": (lambda h: h["network"].update(clocking=[1, 4]), "input: a map of 2 x 2 samp"),
    "few lines": (lambda h: h["network"].update(clocking=[9, 2]), "first: a map of 3 x 1 samples,"),
    "a number as clocking": (lambda h: h["network"].update(clocking=5), "clocking = 5 found; allo"),
    "a truth in clocking": (
        lambda h: h["network"].update(clocking=[True, 4]),
        "clocking = True found; allowed",
    ),
    "another image": (
        lambda h: h["network"].update(input_shape=[2, 3, 1]),
        r"scores: scores of shape \(1, 2, 3\) found; allowed: \(1, 1, n\)",
    ),
    "NaN scale": (lambda h: h["network"].update(output_scale=np.nan), "output_scale = nan found"),
    "a whole scale": (lambda h: h["network"].update(output_scale=1), "other bytes found than"),
    "notes of lists": (lambda h: h["network"].update(notes={"a": []}), r"notes: 'a': \[\] found"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_makes_no_network_is_refused(path: Path, name: str) -> None:
    change, sentence = HEADERS[name]
    members = read_members(path)
    header = header_of(members)
    change(header)
    write_members(path, sign(header, members))
    assert re.match(sentence, found := refusal(path)), found


def test_arrays_that_make_no_network_are_refused(path: Path) -> None:
    members = read_members(path)
    header = header_of(members)

    def refused(sentence: str, **changed: Any) -> None:
        forged = members | {
            f"{name.replace('_', '.')}.npy": array_file(array) for name, array in changed.items()
        }
        write_members(path, sign(header, forged))
        assert re.match(sentence, found := refusal(path)), found

    octets = np.uint8
    refused("first: leaf: .* found; allowed", **{"0_leaf": np.array([0, 1], octets)})
    refused("first: a tree found that does not", **{"0_leaf": np.array([0, 2, 0], octets)})
    refused("first: a leaf of 3 synapses found", **{"0_leaf": np.zeros(3, octets)})
    refused("first: shifts out of 0..24 found", **{"0_shifts": np.full((2, 2), 25, octets)})
    refused("first: codes: .* found; allowed", **{"0_mask": np.array([0b11111111], octets)})
    loose = np.array([0b11000101, 0b10000001], octets)
    refused("other bytes found than these arr", **{"0_codes": loose})
    refused("first: a tree found that does", **{"0_codes": np.array([0b11000000, 0], octets)})
    refused(r"scores: weights\[0, 0, 0, 0\] = 256 ", **{"2_codes": np.full(6, 256, np.int16)})
    refused("other bytes found than these arr", **{"2_codes": np.full(6, 7, np.int16)})
    refused("scores: sums of .* are possible", **{"2_bias": np.full(3, (1 << 63) - 1)})
    refused("a surplus array '9.bias.npy' found; allowed", **{"9_bias": np.zeros(2)})


def test_content_that_its_checksum_does_not_fit_is_refused(path: Path) -> None:
    members = read_members(path)
    members["2.scale.npy"] = array_file(np.array([1, 2, 4], np.int32))
    write_members(path, members)
    assert re.match(r"sha256 = '[0-9a-f.]*' found; allowed: [0-9a-f]{64}", refusal(path))


def test_equal_networks_make_equal_files(path: Path, tmp_path: Path) -> None:
    save(small(), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    layer = replace(small().layers[0], high=2)
    save(small().replaced(lambda s: layer if s.name == "first" else s), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() != path.read_bytes()

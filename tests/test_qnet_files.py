"""Network files: what is saved is loaded again, and every other file is refused in one sentence."""

import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
from qnets import assert_same, networks

from neurobot.qnet import Affine, Conv, Network, Requant, Scores, SumPool, load, save

random_networks = settings(deadline=None, database=None, derandomize=True, max_examples=40)


def small(**settings: Any) -> Network:
    return Network(
        input_shape=(2, 3, 1),
        layers=(
            Conv("first", ("input",), [[[[-2], [1]], [[0], [-1]]], [[[1], [1]], [[0], [0]]]], 2),
            Requant("codes", ("first",), [5, -6], [7, 1 << 40], 3, 0, 3, 2),
            Conv("second", ("codes",), np.ones((3, 1, 2, 2), int), 1, odd=True),
            Scores("scores", ("second",), [1, 2, 3], [-4, 5, 6]),
        ),
        **{"notes": {"made by": "a test", "seed": 3}, **settings},
    )


def small_real() -> Network:
    weights = np.arange(4, dtype=np.float32).reshape(2, 1, 2, 1) - np.float32(0.1)
    return Network(
        input_shape=(1, 2, 1),
        layers=(
            Conv("only", ("input",), weights),
            Affine("relu", ("only",), [0.5, 2.0], [0.0, -0.0], low=0.0),
            Affine("scores", ("relu",), [1.0, 1.0], [0.1, 0.2]),
        ),
    )


def refusal(path: Path) -> str:
    sentence = refusal_of(load, path)
    assert "allowed: " in sentence or " is out of range: " in sentence, sentence
    return sentence


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save(small(), tmp_path / "net.npz")
    return tmp_path / "net.npz"


@random_networks
@given(networks())
def test_integers_are_loaded_as_they_were_saved(
    tmp_path_factory: pytest.TempPathFactory, case: Any
) -> None:
    assert_round_trip(tmp_path_factory.mktemp("any"), case[0])


@random_networks
@given(networks(real=True))
def test_float32_is_loaded_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, case: Any
) -> None:
    assert_round_trip(tmp_path_factory.mktemp("any"), case[0])


def assert_round_trip(folder: Path, network: Network) -> None:
    save(network, folder / "one.npz")
    found = load(str(folder / "one.npz"))
    assert_same(found, network)
    save(found, folder / "other.npz")
    assert (folder / "one.npz").read_bytes() == (folder / "other.npz").read_bytes()
    assert sorted(file.name for file in folder.iterdir()) == ["one.npz", "other.npz"]
    with np.load(folder / "one.npz", allow_pickle=False) as arrays:
        assert json.loads(arrays["header"].tobytes())["version"] == 1
        assert all(arrays[name].dtype.kind in "iuf" for name in arrays)


def test_codes_stand_side_by_side(path: Path) -> None:
    """Restate the first weights in binary: -2 1 0 -1 1 1 0 0, two bits each."""
    members = read_members(path)
    assert list(members) == [
        "header.npy", "0.weights.npy", "1.multiplier.npy", "1.bias.npy", "2.weights.npy",
        "3.multiplier.npy", "3.bias.npy",
    ]  # fmt: skip
    assert members["0.weights.npy"] == array_file(np.array([0b10010011, 0b01010000], np.uint8))
    assert members["2.weights.npy"] == array_file(np.array([0b11111111, 0b11110000], np.uint8))
    assert members["1.bias.npy"] == array_file(np.array([7, 1 << 40]))
    assert members["3.multiplier.npy"] == array_file(np.array([1, 2, 3], np.int32))
    assert members == sign(header_of(members), members)


def test_a_file_is_replaced_at_once_or_not_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*names: Any) -> None:
        raise OSError("no space left")

    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        save(small(output_scale=2.0), path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["net.npz"]
    monkeypatch.undo()
    save(small(output_scale=2.0), path)
    assert load(path).output_scale == 2.0


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
    for cut in sorted({*range(0, len(content), 13), *range(len(content) - 30, len(content))}):
        path.write_bytes(content[:cut])
        refusal(path)
    path.write_bytes(content + b"\0")
    refusal(path)


def test_what_is_no_file_of_ours_is_refused(path: Path, tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.npz").startswith("no file found; allowed: ")
    assert refusal(tmp_path).startswith("no file found; allowed: ")
    path.write_bytes(pickle.dumps({"weights": [1, 2]}))
    assert re.match(r"no archive, or a damaged one \(.*\); allowed: \.npz", refusal(path))
    np.savez(path, weights=np.ones(3))
    assert refusal(path).startswith("header: nothing found; allowed: an array")
    np.savez(path, header=np.array([{"a": 1}], object))
    assert re.match(r"header: .*'\|O'.* found; allowed: .*'\|u1'", refusal(path))
    np.savez_compressed(path, header=np.zeros(3, np.uint8))
    assert refusal(path) == "'header.npy' is compressed; allowed: arrays as they are"
    path.write_bytes(b"")
    assert refusal(path).startswith("no archive")


Change = Callable[[Header], Any]
HEADERS: dict[str, tuple[Change, str]] = {
    "format": (lambda h: h.update(format="x"), "header: format = 'x' found; allowed: 'neurobot-"),
    "version": (lambda h: h.update(version=2), "header: version = 2 found; allowed: 1"),
    "a truth as version": (lambda h: h.update(version=True), "header: version = True found"),
    "a key more": (lambda h: h.update(more=1), r"header: header: \[.*'more'.*\] found; allowed"),
    "no layers": (lambda h: h.pop("layers"), "header: header: .* found; allowed"),
    "layers of no list": (lambda h: h.update(layers={}), "header: layers: {} found; allowed: a li"),
    "a layer less": (lambda h: h["layers"].pop(), "a surplus array '3.multiplier.npy' found"),
    "a setting more": (lambda h: h["network"].update(x=1), "header: network: .* found; allowed"),
    "a kind": (lambda h: h["layers"][0].update(kind="Dense"), "layer 0: kind = 'Dense' found"),
    "a list as kind": (lambda h: h["layers"][0].update(kind=[]), r"layer 0: kind = \[\] found"),
    "a number as layer": (lambda h: h["layers"].append(1), "layer 4: kind = 1 found; allowed"),
    "a number as name": (lambda h: h["layers"][0].update(name=1), "layer name 1 found; allowed"),
    "a constant less": (lambda h: h["layers"][1].pop("shift"), "layer 1: .* found; allowed"),
    "a constant more": (lambda h: h["layers"][1].update(scale=1), "layer 1: .* found; allowed"),
    "no such input": (
        lambda h: h["layers"][2].update(inputs=["x"]),
        "second: input 'x' found; allowed",
    ),
    "shift": (lambda h: h["layers"][1].update(shift=63), "codes: shift = 63 found; allowed"),
    "a text as shift": (lambda h: h["layers"][1].update(shift="3"), "codes: shift = '3' found"),
    "bits": (lambda h: h["layers"][0].update(weight_bits=9), "first: weight_bits = 9 found"),
    "fewer bits": (
        lambda h: h["layers"][0].update(weight_bits=1),
        r"first: weights: .*\(2,\).* found; allowed: .*\(1,\)",
    ),
    "bits of float32": (
        lambda h: h["layers"][0].update(weight_bits=32),
        r"first: weights: .*'\|u1'.* found; allowed: .*'<f4'.*\(2, 2, 2, 1\)",
    ),
    "a truth that is none": (lambda h: h["layers"][0].update(odd=1), "first: odd = 1 found"),
    "absurd weights": (
        lambda h: h["layers"][0].update(weights=[10**6, 10**6, 1, 1]),
        r"first: weights: shape \(1000000, 1000000, 1, 1\) found; allowed: at most",
    ),
    "an absurd axis": (
        lambda h: h["layers"][0].update(weights=[10**12, 1, 1, 1]),
        "first: weights: shape = 1000000000000 found; allowed: a whole number",
    ),
    "an absurd multiplier": (
        lambda h: h["layers"][1].update(multiplier=[1 << 26]),
        r"codes: multiplier: shape \(67108864,\) found; allowed: at most 16777216 values",
    ),
    "a text as shape": (lambda h: h["layers"][0].update(weights="x"), "first: weights: 'x' found"),
    "3 axes": (lambda h: h["layers"][0].update(weights=[2, 2, 2]), "first: weights: shape = "),
    "other axes": (
        lambda h: h["layers"][0].update(weights=[1, 2, 2, 2]),
        "first: weights for 2 channels found; allowed: 1",
    ),
    "an absurd image": (
        lambda h: h["network"].update(input_shape=[10**6, 10**6, 1]),
        r"input: a map of shape \(1000000, 1000000, 1\) found; allowed",
    ),
    "an absurd stride": (lambda h: h["layers"][0].update(stride=[0, 10**9]), "first: stride = 0"),
    "a wider image": (
        lambda h: h["network"].update(input_shape=[2, 4, 1]),
        r"scores: scores of shape \(1, 2, 3\) found; allowed: \(1, 1, n\)",
    ),
    "more input bits": (lambda h: h["network"].update(input_bits=16), "input_bits = 16 found"),
    "NaN scale": (lambda h: h["network"].update(output_scale=np.nan), "output_scale = nan found"),
    "infinite scale": (
        lambda h: h["network"].update(output_scale=np.inf),
        "output_scale = inf found; allowed: finite",
    ),
    "scale 0": (lambda h: h["network"].update(output_scale=0), "output_scale = 0.0 found; allowed"),
    "a scale that no float holds": (
        lambda h: h["network"].update(output_scale=10**400),
        "output_scale = .* found; allowed",
    ),
    "a text as scale": (lambda h: h["network"].update(output_scale="1"), "output_scale = '1' foun"),
    "a whole scale": (lambda h: h["network"].update(output_scale=1), "other bytes found than"),
    "a list of notes": (lambda h: h["network"].update(notes=[1]), r"notes: \[1\] found; allowed"),
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


def test_a_forged_file_is_loaded_where_nothing_was_changed(path: Path) -> None:
    before = path.read_bytes()
    members = read_members(path)
    write_members(path, sign(header_of(members), members))
    assert path.read_bytes() == before


def test_real_constants_are_refused_by_name(path: Path) -> None:
    save(small_real(), path)
    assert_same(load(path), small_real())
    members = read_members(path)
    changes: dict[str, tuple[str, Any, str]] = {
        "weights": (
            "0.weights.npy",
            np.full((2, 1, 2, 1), np.nan, np.float32),
            "only: weights.*nan",
        ),
        "scale": (
            "1.scale.npy",
            np.array([1, np.inf], np.float32),
            r"relu: scale\[1\] = inf found",
        ),
        "kind": ("1.scale.npy", np.ones(2), "relu: scale: .*'<f8'.* found; allowed: .*'<f4'"),
        "shape": (
            "1.bias.npy",
            np.ones(3, np.float32),
            r"relu: bias: .*\(3,\).* allowed: .*\(2,\)",
        ),
        "objects": ("1.bias.npy", np.array([None, 1]), r"relu: bias: .*'\|O'.* found; allowed"),
    }
    for name, array, sentence in changes.values():
        forged = members | {name: array_file(array, allow_pickle=True)}
        write_members(path, sign(header_of(members), forged))
        assert re.match(sentence, found := refusal(path)), found
    wrong: list[Any] = ["nan", "one", [], None, 7.0]
    for low in wrong:
        header = header_of(members)
        header["layers"][2].update(low=low, high=1.0)
        write_members(path, sign(header, members))
        assert re.match(r"scores: low = .* found; allowed", found := refusal(path)), found


def test_arrays_are_there_once_each_and_whole(path: Path) -> None:
    members = read_members(path)
    header = header_of(members)

    def refused(sentence: str, **changed: bytes | None) -> None:
        forged = members | changed
        kept = {name: content for name, content in forged.items() if content is not None}
        write_members(path, sign(header, kept))
        assert re.match(sentence, found := refusal(path)), found

    bias = members["1.bias.npy"]
    refused("codes: bias: nothing found; allowed: an array", **{"1.bias.npy": None})
    refused("a surplus array '9.bias.npy' found; allowed", **{"9.bias.npy": bias})
    refused("codes: bias: 15 bytes of values found; allowed: 16", **{"1.bias.npy": bias[:-1]})
    refused("codes: bias: 17 bytes of values found; allowed: 16", **{"1.bias.npy": bias + b"\0"})
    refused("codes: bias: 'no array' found; allowed", **{"1.bias.npy": b"\x80\x04K\x01."})
    over = array_file(np.array([7, (1 << 63) - 1]))
    refused(
        "codes: sums of -3818..9223372036854780397 are possible; allowed", **{"1.bias.npy": over}
    )
    loose = array_file(np.array([0b10010011, 0b01010000], np.uint8))
    refused("first: weights: .* found; allowed", **{"0.weights.npy": loose[1:]})
    packed = array_file(np.array([0b11111111, 0b11110001], np.uint8))
    refused("other bytes found than these arrays make", **{"2.weights.npy": packed})


def test_content_that_its_checksum_does_not_fit_is_refused(path: Path) -> None:
    members = read_members(path)
    members["3.multiplier.npy"] = array_file(np.array([1, 2, 4], np.int32))
    write_members(path, members)
    assert re.match(r"sha256 = '[0-9a-f.]*' found; allowed: [0-9a-f]{64}", refusal(path))
    shuffled = dict(reversed(read_members(path).items()))
    write_members(path, shuffled)
    assert re.match("sha256 = ", refusal(path))


def test_sizes_that_an_archive_only_claims_are_refused(path: Path) -> None:
    """Let the directory claim 1 GiB for a member: what it claims is looked at before it is read."""
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 20 : place + 28] = (1 << 30).to_bytes(4, "little") * 2
    path.write_bytes(content)
    assert refusal(path).startswith("more than 67108864 bytes of arrays found; allowed")


def test_a_sum_that_could_overflow_is_refused_by_name(path: Path) -> None:
    conv = Conv("wide", ("input",), np.full((1, 1, 1, 65793), 127), 8)
    layers = (conv, SumPool("sums", ("wide",)), Scores("scores", ("sums",), [1], [0]))
    save(Network(input_shape=(1, 1, 65793), layers=layers), path)
    members = read_members(path)
    header = header_of(members)
    header["network"]["input_shape"] = [2, 1, 65793]
    write_members(path, sign(header, members))
    assert re.match("sums: sums of 0..4261.* are possible; allowed: -2147483648", refusal(path))

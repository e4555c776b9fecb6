"""Memory images: what is written is read again, and whatever else stands there is refused."""

import errno
import hashlib
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from networks import FIELDS, assert_same, networks, small

from neurobot import __version__
from neurobot.controllers import veto
from neurobot.controllers.programs import ROAM, SEEK, Program
from neurobot.poppins import Chip, Poppins, Population
from neurobot.transfer.images import read_images, read_network, write_images, write_network

round_trips = settings(deadline=None, database=None, derandomize=True, max_examples=30)
Header = dict[str, Any]

WORDS = {
    "first.weights": "00 01 ff 7f",
    "first.rest": "01 02",
    "first.threshold": "03 ff",
    "first.reset": "05 06",
    "first.slope_rest": "0 7",
    "first.slope_threshold": "f 0",
    "first.tau": "0000 8000",
    "first.tonic": "100 015",
    "first.amplitude": "064 19b",
    "forward": "28 00 00 00 d7 2a",
    "second.weights": "00 00 80 02 00 00 00 00 03",
}


def lines(words: str) -> bytes:
    return b"".join(word.encode() + b"\n" for word in words.split())


def naive_lines(values: Any, bits: int) -> bytes:
    """Restate the words digit by digit, from the two's complement in binary."""
    text = ""
    for value in np.ravel(values).tolist():
        binary = format(value + 2**bits if value < 0 else value, "b").zfill(4 * -(-bits // 4))
        nibbles = [binary[i : i + 4] for i in range(0, len(binary), 4)]
        text += "".join("0123456789abcdef"[int(nibble, 2)] for nibble in nibbles) + "\n"
    return text.encode()


def header_of(folder: Path) -> Header:
    header: Header = json.loads((folder / "header.json").read_text())
    return header


def sign(header: Header) -> None:
    header.pop("sha256", None)
    text = json.dumps(header, sort_keys=True, separators=(",", ":"))
    header["sha256"] = hashlib.sha256(text.encode()).hexdigest()


def forge(folder: Path, change: Callable[[Header], Any]) -> None:
    """Change the header, and make its checksum fit."""
    header = header_of(folder)
    change(header)
    sign(header)
    (folder / "header.json").write_text(json.dumps(header))


def forge_words(folder: Path, name: str, content: bytes) -> None:
    """Change the words of a memory, and make both checksums fit."""
    (folder / f"{name}.hex").write_bytes(content)

    def change(header: Header) -> None:
        (entry,) = (entry for entry in header["memories"] if entry["name"] == name)
        entry["sha256"] = hashlib.sha256(content).hexdigest()

    forge(folder, change)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(folder: Path, read: Callable[[Path], Any] = read_images) -> str:
    """Read what must be refused by a sentence that begins with a file of the folder."""
    with pytest.raises(ValueError, match=r"\S") as refused:
        read(folder)
    sentence = str(refused.value)
    assert sentence.startswith(f"{folder}{os.sep}"), sentence
    assert "\n" not in sentence
    assert len(sentence) < 600
    return sentence


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(small(), tmp_path / "images")
    return tmp_path / "images"


@round_trips
@given(networks())
def test_a_network_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, network: Poppins
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_images(network, folder)
    assert_same(read_images(folder), network)


@round_trips
@given(networks())
def test_every_word_is_the_one_that_a_second_statement_makes(
    tmp_path_factory: pytest.TempPathFactory, network: Poppins
) -> None:
    folder, chip, size = tmp_path_factory.mktemp("words"), network.chip, len(network.first)
    write_images(network, folder)
    expected = {
        "first.weights": (network.first.weights, chip.weight_bits),
        "second.weights": (network.second.weights, chip.weight_bits),
        "forward": (network.forward, chip.weight_bits),
        "backward": (network.backward, chip.weight_bits),
        "first.tonic": (np.array(network.tonic)[:size], chip.stimulus_bits),
        "second.tonic": (np.array(network.tonic)[size:], chip.stimulus_bits),
        "first.amplitude": (np.array(network.amplitude)[:size], chip.stimulus_bits),
        "second.amplitude": (np.array(network.amplitude)[size:], chip.stimulus_bits),
    }
    for name, population in (("first", network.first), ("second", network.second)):
        widths = {"rest": 8, "threshold": 8, "reset": 8, "slope_rest": 4, "slope_threshold": 4}
        for field, bits in (widths | {"tau": 16}).items():
            expected[f"{name}.{field}"] = (getattr(population.neurons, field), bits)
    present = {name: pair for name, pair in expected.items() if pair[0] is not None}
    texts = {f"{name}.hex": naive_lines(*pair) for name, pair in present.items()}
    found = contents(folder)
    header = json.loads(found.pop("header.json"))
    assert found == texts
    assert {entry["name"]: (entry["bits"], entry["shape"]) for entry in header["memories"]} == {
        name: (bits, [*np.asarray(values).shape]) for name, (values, bits) in present.items()
    }
    unsigned = {entry["name"] for entry in header["memories"] if not entry["signed"]}
    assert unsigned == {f"{name}.{field}" for name in ("first", "second") for field in FIELDS}


@pytest.mark.parametrize("program", [ROAM, SEEK], ids=["roam", "seek"])
@pytest.mark.parametrize("chip", [Chip(), Chip(weight_bits=5, weight_shift=3, wraps=True)])
def test_the_avoidance_networks_are_read_as_they_were_written(
    tmp_path: Path, program: Program, chip: Chip
) -> None:
    network = veto.build(program.wiring, np.linspace(-2.3, 2.3, veto.SECTORS), chip)
    write_network(network, tmp_path)
    found = read_network(tmp_path)
    assert_same(found, network)
    trains = np.random.default_rng(5).random((64, len(network))) < 0.2
    voters = np.arange(veto.MOTOR, veto.BRAKE, dtype=np.int32)
    spikes, events = found.decide(trains, voters)
    expected, expected_events = network.decide(trains, voters)
    np.testing.assert_array_equal(spikes, expected)
    assert events == expected_events
    assert events.spikes > 100


def test_the_files_of_a_small_network_are_these(folder: Path) -> None:
    found = contents(folder)
    assert {name: found[f"{name}.hex"] for name in WORDS} == {
        name: lines(words) for name, words in WORDS.items()
    }
    assert "backward.hex" not in found
    header = header_of(folder)
    assert [*header] == [
        "format", "version", "neurobot", "chip", "populations", "memories", "sha256"
    ]  # fmt: skip
    assert header["neurobot"] == __version__
    assert header["populations"] == {"first": 2, "second": 3}
    assert header["chip"]["stimulus_bits"] == 9
    assert header["memories"][0] == {
        "name": "first.weights",
        "file": "first.weights.hex",
        "shape": [2, 2],
        "bits": 8,
        "signed": True,
        "order": "row-major: presynaptic neuron, then postsynaptic neuron",
        "sha256": hashlib.sha256(b"00\n01\nff\n7f\n").hexdigest(),
    }
    stated = header["sha256"]
    sign(header)
    assert stated == header["sha256"]
    assert str(folder.parent).encode() not in b"".join(found.values())


def test_the_same_network_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_images(read_images(folder), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(folder)
    floats = replace(small(), forward=np.array(small().forward, np.float64))
    write_images(replace(floats, chip=Chip(clock_hz=10_000_000)), tmp_path / "floats")
    assert contents(tmp_path / "floats") == contents(folder)


def test_words_that_do_not_fit_any_more_are_not_written(tmp_path: Path) -> None:
    weights = np.zeros((2, 2), int)
    network = replace(small(), first=Population(small().first.neurons, weights))
    weights[0, 1] = 128
    with pytest.raises(ValueError, match=r"^first\.weights\[0, 1\] = 128 is out of range: -128"):
        write_images(network, tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_empty_populations_are_kept(tmp_path: Path) -> None:
    network = small()
    none = replace(network.first, neurons=type(network.first.neurons)(*np.zeros((6, 0), int)))
    empty = replace(none, weights=np.zeros((0, 0), int))
    lone = replace(network, first=empty, tonic=[1] * 3, amplitude=[2] * 3, forward=None)
    write_images(lone, tmp_path)
    assert_same(read_images(tmp_path), lone)


def test_older_images_are_overwritten(folder: Path) -> None:
    other = replace(small(), forward=None, backward=np.ones((3, 2), int), tonic=[1] * 5)
    write_images(other, folder)
    assert_same(read_images(folder), other)
    assert not (folder / "forward.hex").exists()


@pytest.mark.parametrize(
    "files",
    [
        {"thesis.tex": "all my work"},
        {"header.json": '{"format": "another"}'},
        {"neurons.txt": "0 1 2 3 4 5 0\n", "connections.txt": ""},
        {"first.rest.hex": "00\n"},
    ],
    ids=["a stranger", "another header", "tables", "half of our own"],
)
def test_a_folder_of_other_things_is_left_alone(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="files found without a header") as refused:
        write_network(small(), tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: ")
    assert contents(tmp_path) == {name: text.encode() for name, text in files.items()}


def failing_write(at: int) -> Callable[[Path, bytes], int]:
    """Write as Path.write_bytes does, but only half of the file after so many, and then fail."""
    left = [at]

    def write(path: Path, content: bytes) -> int:
        left[0] -= 1
        with path.open("wb") as file:
            file.write(content if left[0] >= 0 else content[: len(content) // 2])
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return len(content)

    return write


@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "over older images"])
def test_an_interrupted_write_cannot_be_read_but_repeated(
    there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, older = small(), replace(small(), tonic=[1] * 5, backward=np.ones((3, 2), int))
    for count in range(20):
        folder = tmp_path / str(count)
        if there:
            write_images(older, folder)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", failing_write(count))
            if count == 19:
                patched.setattr(Path, "write_bytes", failing_write(1000))
                patched.setattr(os, "replace", failing_replace)
            with pytest.raises(OSError, match=f"No space left on device: '{folder}"):
                write_images(network, folder)
        if there and count == 0:
            assert_same(read_images(folder), older)
        else:
            assert f"{folder}/header.json: it cannot be read (No such file" in refusal(folder)
        write_images(network, folder)
        assert_same(read_images(folder), network)
        assert len([*folder.iterdir()]) == 20, "19 memories and the header"


def failing_replace(source: Path, target: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(source))


def chip_field(name: str, value: Any) -> Callable[[Header], Any]:
    return lambda header: header["chip"].__setitem__(name, value)


def entry_field(number: int, name: str, value: Any) -> Callable[[Header], Any]:
    return lambda header: header["memories"][number].__setitem__(name, value)


def size(name: str, value: Any) -> Callable[[Header], Any]:
    return lambda header: header["populations"].__setitem__(name, value)


BAD_HEADERS: dict[str, tuple[Callable[[Header], Any], str]] = {
    "format": (lambda h: h.update(format="gif"), "format = 'gif' found; allowed: \"neurobot-chip"),
    "no format": (lambda h: h.pop("format"), "format = None found"),
    "version": (lambda h: h.update(version=2), "version = 2 found; allowed: 1"),
    "version is true": (lambda h: h.update(version=True), "version = True found; allowed: 1"),
    "version is a float": (lambda h: h.update(version=1.0), "version = 1.0 found; allowed: 1"),
    "later version": (lambda h: h.update(version=2, new=1), "version = 2 found; allowed: 1"),
    "writer": (lambda h: h.update(neurobot=3), "neurobot = 3 found; allowed: the version"),
    "unknown key": (lambda h: h.update(colour=1), "header: unknown key 'colour' found; allowed: "),
    "no chip": (lambda h: h.pop("chip"), "header: key 'chip' is missing; needed: format, "),
    "chip is a list": (lambda h: h.update(chip=[]), r"chip: \[\] found; allowed: an object with"),
    "chip is null": (lambda h: h.update(chip=None), "chip: None found; allowed: an object with"),
    "chip lacks a field": (lambda h: h["chip"].pop("wraps"), "chip: key 'wraps' is missing"),
    "chip has another": (chip_field("fans", 1), "chip: unknown key 'fans' found; allowed: "),
    "int is true": (chip_field("lanes", True), "chip: lanes = True found; allowed: int"),
    "int is a float": (chip_field("lanes", 1.0), "chip: lanes = 1.0 found; allowed: int"),
    "int is text": (chip_field("weight_bits", "8"), "chip: weight_bits = '8' found; allowed: int"),
    "int is null": (chip_field("neurons", None), "chip: neurons = None found; allowed: int"),
    "bool is 1": (chip_field("wraps", 1), "chip: wraps = 1 found; allowed: bool"),
    "float is an int": (chip_field("clock_hz", 5), "chip: clock_hz = 5 found; allowed: float"),
    "out of range": (chip_field("weight_bits", 17), "chip: weight_bits=17 is out of range: 2..16"),
    "many neurons": (chip_field("neurons", 10**9), "chip: neurons=1000000000 is out of range"),
    "huge": (chip_field("lanes", 10**400), "chip: lanes=1000.* is out of range"),
    "no sizes": (
        lambda h: h.update(populations=5),
        "populations: 5 found; allowed: an object with",
    ),
    "three sizes": (size("third", 1), "populations: unknown key 'third' found; allowed: first, se"),
    "size is 65": (size("first", 65), "populations: first = 65 found; allowed: .* 0..64"),
    "size is huge": (size("first", 10**30), "populations: first = 1000.* 0..64"),
    "size is negative": (size("second", -1), "populations: second = -1 found"),
    "size is true": (size("second", True), "populations: second = True found"),
    "size is a float": (size("second", 3.0), "populations: second = 3.0 found"),
    "size is another": (
        size("second", 4),
        r"memories\[9\]: shape = \[3, 3\] found; allowed: \[4, 4",
    ),
    "memories is an object": (
        lambda h: h.update(memories={}),
        "memories: {} found; allowed: a list",
    ),
    "memory is a list": (
        lambda h: h["memories"].__setitem__(3, []),
        r"memories\[3\]: \[\] found; allowed: an object with name, ",
    ),
    "no memories": (lambda h: h.update(memories=[]), "number of memories = 0 found; allowed: 18"),
    "one less": (lambda h: h["memories"].pop(3), "number of memories = 18 found; allowed: 19"),
    "one more": (
        lambda h: h["memories"].append({"name": "backward"}),
        r"memories\[19\]: key 'file' is missing",
    ),
    "order": (
        lambda h: h["memories"].reverse(),
        r"memories\[0\]: name = 'forward' found; allowed: ",
    ),
    "name": (
        entry_field(1, "name", "rest"),
        r"memories\[1\]: name = 'rest' found; allowed: \"first.r",
    ),
    "name is a list": (entry_field(1, "name", []), r"memories\[1\]: name = \[\] found"),
    "file leaves": (
        entry_field(2, "file", "../x"),
        r"memories\[2\]: file = '\.\./x' found; allowed",
    ),
    "file elsewhere": (
        entry_field(2, "file", "/etc/passwd"),
        r"memories\[2\]: file = '/etc/passwd'",
    ),
    "shape": (entry_field(0, "shape", [2, 3]), r"shape = \[2, 3\] found; allowed: \[2, 2\]"),
    "shape is flat": (entry_field(0, "shape", 4), r"shape = 4 found; allowed: \[2, 2\]"),
    "shape is huge": (entry_field(0, "shape", [10**9, 10**9]), "shape = .* found"),
    "shape is a float": (entry_field(1, "shape", [2.0]), r"shape = \[2.0\] found; allowed: \[2\]"),
    "bits": (entry_field(0, "bits", 9), "bits = 9 found; allowed: 8"),
    "signed": (entry_field(0, "signed", False), "signed = False found; allowed: true"),
    "signed is 1": (entry_field(0, "signed", 1), "signed = 1 found; allowed: true"),
    "column-major": (entry_field(0, "order", "column-major"), "order = 'column-major' found"),
    "checksum": (entry_field(0, "sha256", [[]] * 99), "sha256 = .* found; allowed: 64 digits"),
    "checksum is short": (
        entry_field(0, "sha256", "ab"),
        "sha256 = 'ab' found; allowed: 64 digits",
    ),
    "no checksum": (lambda h: h["memories"][0].pop("sha256"), "key 'sha256' is missing; needed"),
    "memory has another": (
        entry_field(0, "unit", "mV"),
        "unknown key 'unit' found; allowed: name,",
    ),
}


@pytest.mark.parametrize("case", BAD_HEADERS)
def test_a_signed_header_that_is_wrong_is_refused(case: str, folder: Path) -> None:
    change, sentence = BAD_HEADERS[case]
    forge(folder, change)
    assert re.search(rf"/header\.json: .*{sentence}", refusal(folder))


BAD_JSON = {
    "nothing": (b"", "it is not JSON"),
    "text": (b"hello", "it is not JSON"),
    "zero bytes": (b"\0" * 9, "it is not JSON"),
    "no text": (b"\xff\xfe", "it is not JSON"),
    "utf-16": ("{}".encode("utf-16"), "it is not JSON"),
    "byte order mark": (b"\xef\xbb\xbf{}", "it is not JSON"),
    "two values": (b"{}{}", "it is not JSON"),
    "nan": (b'{"version": NaN}', "it is not JSON"),
    "infinity": (b'{"version": -Infinity}', "it is not JSON"),
    "too large a float": (b'{"version": 1e999}', "it is not JSON"),
    "too long a number": (b"1" * 5000, "it is not JSON"),
    "a key twice": (b'{"version": 1, "version": 1}', "it is not JSON .a key stands twice"),
    "deep": (b"[" * 60_000, "too deeply nested|it is not JSON"),
    "deep and sound": (b"[" * 30_000 + b"]" * 30_000, "too deeply nested|header: "),
    "deep objects": (b'{"a":' * 10_000, "too deeply nested|it is not JSON"),
    "a list": (b"[]", r"header: \[\] found; allowed: an object with format, "),
    "null": (b"null", "header: None found; allowed: an object with"),
    "a number": (b"3", "header: 3 found"),
    "an empty object": (b"{}", "format = None found"),
    "large": (b" " * 66_000, "more than 65536 bytes found; allowed: at most 65536"),
    "large and sound": (b"{}" + b" " * 10_000_000, "more than 65536 bytes found"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_what_is_no_header_is_refused(case: str, folder: Path) -> None:
    content, sentence = BAD_JSON[case]
    (folder / "header.json").write_bytes(content)
    assert re.search(rf"/header\.json: ({sentence})", refusal(folder))


@pytest.mark.parametrize("key", ["neurobot", "memories"])
def test_no_depth_of_nesting_makes_another_error(key: str, folder: Path) -> None:
    sound = header_of(folder)
    for depth in (*range(5, 100, 10), *range(850, 1000)):  # a thousand is Python's usual limit
        nested = json.dumps(sound | {key: "HERE"}).replace('"HERE"', "[" * depth + "]" * depth)
        (folder / "header.json").write_text(nested)
        refusal(folder)


def test_any_change_of_an_unsigned_header_is_refused(folder: Path) -> None:
    sound = header_of(folder)
    for key, value in {"neurobot": "9", "chip": sound["chip"] | {"clock_hz": 1.0}}.items():
        (folder / "header.json").write_text(json.dumps(sound | {key: value}))
        assert "/header.json: sha256 = " in refusal(folder)
    (folder / "header.json").write_text(json.dumps(sound))
    assert_same(read_images(folder), small())


BAD_WORDS = [
    ("first.weights", b"00\n01\nff\n7F\n", r"line 4: b'7F\\n' found; allowed: 2 lower-case hex"),
    ("first.weights", b"00\n01\nfg\n7f\n", r"line 3: b'fg\\n' found"),
    ("first.weights", b"00\n01\n-1\n7f\n", "line 3: b'-1"),
    ("first.weights", b"00\n+1\nff\n7f\n", "line 2: b'.1"),
    ("first.weights", b"00\n 1\nff\n7f\n", "line 2: b' 1"),
    ("first.weights", b"0x\n01\nff\n7f\n", "line 1: b'0x"),
    ("first.weights", b"00\n01\nff\n\n7f\n"[:12], "line 4: "),
    ("first.weights", b"00\r01\nff\n7f\n", r"line 1: b'00\\r'"),
    ("first.weights", b"00\n01\nff\n7f ", "line 4: b'7f '"),
    ("first.weights", b"\xb2\xb2\n01\nff\n7f\n", "line 1: "),
    ("first.weights", b"00\n01\nff\n7f\n00\n", "more than 12 bytes found; allowed: at most 12"),
    ("first.weights", b"00\n01\nff\n", "length in bytes = 9 found; allowed: 12"),
    ("first.weights", b"", "length in bytes = 0 found; allowed: 12"),
    ("first.weights", b"00\r\n01\r\n", "length in bytes = 8 found; allowed: 12"),
    ("first.tau", b"0000\n8001\n", "line 2: 32769 found; allowed: 0..32768"),
    ("first.tau", b"ffff\n8000\n", "line 1: 65535 found; allowed: 0..32768"),
    ("first.tonic", b"300\n000\n", "line 1: 768 found; allowed: -256..255"),
    ("first.tonic", b"100\nfff\n", "line 2: 4095 found; allowed: -256..255"),
    ("first.tonic", b"0ff\n000\n", r"tonic \+ amplitude\[0\] = 355 is out of range: -256..255"),
    (
        "first.slope_rest",
        b"0\n0\n",
        r"first population: slope_rest\[1\] and slope_threshold\[1\] are",
    ),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BAD_WORDS)
def test_signed_words_that_are_wrong_are_refused(
    name: str, content: bytes, sentence: str, folder: Path
) -> None:
    forge_words(folder, name, content)
    assert re.search(sentence, refusal(folder))


def test_unsigned_words_are_refused(folder: Path) -> None:
    for path in folder.glob("*.hex"):
        content = path.read_bytes()
        path.write_bytes(content[::-1][1:] + b"\n" if len({*content}) > 3 else b"1" + content[1:])
        if path.read_bytes() != content:
            assert f"/{path.name}: sha256 = " in refusal(folder)
        path.write_bytes(content)


def test_a_chip_too_small_for_the_words_is_refused(folder: Path) -> None:
    forge(folder, chip_field("neurons", 2))
    assert "/header.json: populations: second = 3 found; allowed: a whole n" in refusal(folder)


def test_files_that_are_no_files_are_refused_unopened(folder: Path, tmp_path: Path) -> None:
    for name in ("header.json", "first.weights.hex", "forward.hex"):
        path = folder / name
        content = path.read_bytes()
        (tmp_path / "elsewhere").write_bytes(content)
        path.unlink()
        assert f"{path}: it cannot be read (No such file or directory); " in refusal(folder)
        path.mkdir()
        assert f"{path}: a link, a folder or a device found; allowed: a file" in refusal(folder)
        path.rmdir()
        path.symlink_to(tmp_path / "elsewhere")
        assert f"{path}: a link, a folder or a device found" in refusal(folder)
        path.unlink()
        os.mkfifo(path)
        assert f"{path}: a link, a folder or a device found" in refusal(folder)
        path.unlink()
        path.write_bytes(content)
    assert_same(read_images(folder), small())


@pytest.mark.parametrize("name", ["none", "n" * 300, "a\0b", "\ud800"])
def test_a_folder_that_is_not_there_is_refused(name: str, tmp_path: Path) -> None:
    assert "header.json: it cannot be read (" in refusal(tmp_path / name)


def test_a_file_instead_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "header.json: it cannot be read (" in refusal(tmp_path / "file")
    with pytest.raises(OSError, match="file"):
        write_images(small(), tmp_path / "file")


def read_or_refuse(folder: Path, read: Callable[[Path], Poppins], name: str) -> bool:
    """Whether a folder is still read, as the same network; if not, a sentence names the file."""
    try:
        found = read(folder)
    except ValueError as refused:
        assert f"{os.sep}{name}: " in str(refused)  # noqa: PT017
        assert "\n" not in str(refused)  # noqa: PT017
        return False
    assert_same(found, small())
    return True


def test_truncated_files_are_refused(folder: Path) -> None:
    for path in folder.iterdir():
        content, header = path.read_bytes(), path.name == "header.json"
        for kept in (*range(0, len(content) - 5, 5 if header else 1), *range(-5, 0)):
            path.write_bytes(content[:kept])
            whole = header and kept == -1  # but for the line feed
            assert read_or_refuse(folder, read_images, path.name) == whole, (path.name, kept)
        path.write_bytes(content)


def test_files_with_a_flipped_bit_are_refused(folder: Path) -> None:
    rng = np.random.default_rng(8)
    for path in folder.iterdir():
        content, header = path.read_bytes(), path.name == "header.json"
        for place in range(0, len(content), 3 if header else 1):
            for bit in {*rng.integers(0, 8, 1 if header else 3).tolist()}:
                flipped = bytearray(content)
                flipped[place] ^= 1 << bit
                path.write_bytes(flipped)
                assert not read_or_refuse(folder, read_images, path.name), (path.name, place, bit)
        path.write_bytes(content)

"""Tables of the iq-neuron library: what it ships is read, what is written is read again."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import SIZES, assert_same, assert_same_array, assert_same_neurons, networks, small
from networks import neurons as any_neurons
from networks import whole as any_whole

from neurobot.iqif import Neurons, simulate
from neurobot.poppins import Poppins
from neurobot.transfer.images import read_network, write_images, write_network
from neurobot.transfer.tables import read_tables, write_tables

round_trips = settings(deadline=None, database=None, derandomize=True, max_examples=30)

RING_CELLS = "".join(
    f"{j} 62 130 145 1 1 0\n" if j < 8 else f"{j} 62 130 50 2 2 0\n" for j in range(23)
)
# The bump 0..7, the neurons 8..14 that push it up and 15..21 that push it down, inhibition 22.
RING_SYNAPSES = "".join(
    [f"{i} {i + 8} 3 64\n" for i in range(7)]
    + [f"{i} {i + 14} 3 64\n" for i in range(1, 8)]
    + [f"{i} 22 5 32\n" for i in range(8)]
    + [f"{i} {i - 7} 3 64\n" for i in range(8, 15)]
    + [f"{i} {i - 15} 3 64\n" for i in range(15, 22)]
    + [f"22 {j} -3 32\n" for j in range(8)]
)
CELLS = "0 80 235 80 1 1 0\n1 80 235 80 1 1 0\n"
SYNAPSES = "0 1 40 16\n1 0 -30 8\n"


def put(folder: Path, cells: str | bytes, synapses: str | bytes) -> Path:
    for name, text in (("neurons.txt", cells), ("connections.txt", synapses)):
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def texts(folder: Path) -> tuple[str, str]:
    return (folder / "neurons.txt").read_text(), (folder / "connections.txt").read_text()


def refusal(folder: Path, read: Callable[[Path], Any] = read_tables) -> str:
    """Read what must be refused by a sentence that begins with a file of the folder."""
    with pytest.raises(ValueError, match=r"\S") as refused:
        read(folder)
    sentence = str(refused.value)
    assert sentence.startswith(f"{folder}{os.sep}"), sentence
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


@st.composite
def any_tables(draw: st.DrawFn) -> tuple[Neurons, Any]:
    count = draw(SIZES)
    weights = draw(any_whole((count, count), -(1 << 31), (1 << 31) - 1))
    mask = draw(any_whole((count, count), 0, 1))
    return draw(any_neurons(count)), weights * mask


@round_trips
@given(any_tables())
def test_tables_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, made: tuple[Neurons, Any]
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    write_tables(*made, folder)
    neurons, weights = read_tables(folder)
    assert_same_neurons(neurons, made[0])
    assert_same_array("weights", weights, made[1])


@round_trips
@given(networks())
def test_a_network_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, network: Poppins
) -> None:
    folder = tmp_path_factory.mktemp("network")
    write_network(network, folder)
    assert_same(read_network(folder), network)
    neurons, weights = read_tables(folder)
    assert_same_array("weights", weights, network.weights)
    size = len(network.first)
    for name in vars(neurons):
        both = getattr(network.first.neurons, name), getattr(network.second.neurons, name)
        assert_same_array(name, getattr(neurons, name)[:size], both[0])
        assert_same_array(name, getattr(neurons, name)[size:], both[1])


def test_the_rows_of_a_small_network_are_these(tmp_path: Path) -> None:
    neurons = Neurons(
        *np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9], [1, 0, 15], [0, 2, 3], [5, 0, 9]])
    )
    write_tables(neurons, [[0, 0, 7], [0, 0, -8], [0, 1, 0]], tmp_path / "new" / "folder")
    assert texts(tmp_path / "new" / "folder") == (
        "0 1 4 7 1 0 0\n1 2 5 8 0 2 0\n2 3 6 9 15 3 0\n",
        "0 0 0 5\n0 2 7 9\n1 2 -8 9\n2 1 1 0\n",
    )


def test_the_golden_network_does_what_the_library_did(tmp_path: Path) -> None:
    neurons, weights = read_tables(put(tmp_path, CELLS, SYNAPSES))
    drive = np.zeros((80, 2), np.int32)
    drive[:60] = 25, 24
    spikes = simulate(neurons, weights, drive).spikes
    assert np.flatnonzero(spikes[:, 0]).tolist() == [8]
    assert np.flatnonzero(spikes[:, 1]).tolist() == [9, 13, 17, 22, 27, 33, 40, 50, 63]


def test_the_ring_network_of_the_library_is_read(tmp_path: Path) -> None:
    neurons, weights = read_tables(put(tmp_path, RING_CELLS, RING_SYNAPSES))
    assert len(neurons) == 23
    assert RING_SYNAPSES.count("\n") == np.count_nonzero(weights) == 44
    assert neurons.tau.tolist() == [32] * 8 + [64] * 14 + [32], "inhibition decides for the bump"
    assert weights[15, 0] == weights[8, 1] == weights[0, 8] == weights[7, 21] == 3
    assert set(weights[22, :8]) == {-3}
    write_tables(neurons, weights, tmp_path / "again")
    again = read_tables(tmp_path / "again")
    assert_same_neurons(again[0], neurons)
    assert_same_array("weights", again[1], weights)


def test_the_highest_neuron_decides_on_tau_in_any_order_of_rows(tmp_path: Path) -> None:
    rows = ["0 1 5 8", "1 1 0 16", "2 1 -5 32", "3 0 1 64"]
    cells = "".join(f"{j} 80 235 80 1 1 0\n" for j in range(4))
    for order in (rows, rows[::-1], [rows[2], rows[0], rows[3], rows[1]]):
        neurons, _ = read_tables(put(tmp_path, cells, "\n".join(order)))
        assert neurons.tau.tolist() == [64, 32, 0, 0]


@pytest.mark.parametrize(
    ("cells", "synapses"),
    [
        (CELLS.rstrip(), SYNAPSES.rstrip()),
        (CELLS.replace("\n", "\r\n"), SYNAPSES.replace("\n", "\r\n")),
        (CELLS.replace(" ", "\t"), SYNAPSES.replace(" ", "   ")),
        (f"\n \n{CELLS}\n\t\n", f"\n\n{SYNAPSES.replace(chr(10), chr(10) * 3)}"),
        (f"  {CELLS}", "1 0 -30 8 \n\t0 1 40 16"),
        (CELLS.replace("1 1 0", "1 1 1"), "0 1 +40 016\n1 0 -30 8\n0 0 0 8\n"),
    ],
    ids=["no line feed", "carriage returns", "tabs", "blank lines", "margins", "signs, noise 1"],
)
def test_white_space_and_order_do_not_matter(cells: str, synapses: str, tmp_path: Path) -> None:
    neurons, weights = read_tables(put(tmp_path, cells, synapses))
    assert weights.tolist() == [[0, 40], [-30, 0]]
    assert neurons.tau.tolist() == [8, 16]
    assert neurons.threshold.tolist() == [235, 235]


COLUMNS = "index rest threshold reset slope_rest slope_threshold noise"
BAD_CELLS = [
    ("", "no neuron found; allowed: 1..2048"),
    (" \n\n", "no neuron found"),
    ("0 62 75 77 4 1 4\n", "line 1: noise = 4 found; allowed: 0 or 1, which are none: this model"),
    ("0 62 75 77 4 1 -1\n", "line 1: noise = -1 found"),
    ("0 62 75 77 4 1\n", f"line 1: 6 columns found; allowed: {COLUMNS}"),
    ("\n0 62 75 77 4 1 0 9\n", "line 2: more than 7 columns found; allowed: index"),
    ("0 62 75 77 4 1 0 1 62 75 77 4 1 0\n", "line 1: more than 7 columns found"),
    ("1 62 75 77 4 1 0\n", "line 1: neuron 1 found; allowed: 0, the next one"),
    (CELLS + "1 62 75 77 4 1 0\n", "line 3: neuron 1 found; allowed: 2, the next one"),
    (CELLS + "3 62 75 77 4 1 0\n", "line 3: neuron 3 found; allowed: 2, the next one"),
    (CELLS + "-1 62 75 77 4 1 0\n", "line 3: index = -1 found; allowed: 0..2047"),
    ("0 256 75 77 4 1 0\n", "line 1: rest = 256 found; allowed: 0..255"),
    ("0 62 -1 77 4 1 0\n", "line 1: threshold = -1 found; allowed: 0..255"),
    ("0 62 75 999 4 1 0\n", "line 1: reset = 999 found; allowed: 0..255"),
    ("0 62 75 77 16 1 0\n", "line 1: slope_rest = 16 found; allowed: 0..15"),
    ("0 62 75 77 4 16 0\n", "line 1: slope_threshold = 16 found; allowed: 0..15"),
    ("0 62 75 77 0 0 0\n", "line 1: both slopes 0 found; allowed: at most one"),
    ("0 62 75 77 4 1.0 0\n", r"line 1: slope_threshold = '1\.0' found; allowed: a whole number"),
    ("0 1e1 75 77 4 1 0\n", "line 1: rest = '1e1' found"),
    ("0 0x1 75 77 4 1 0\n", "line 1: rest = '0x1' found"),
    ("0 1_0 75 77 4 1 0\n", "line 1: rest = '1_0' found"),
    ("0 nan 75 77 4 1 0\n", "line 1: rest = 'nan' found"),
    ("0 ٣ 75 77 4 1 0\n", "line 1: rest = '٣' found"),
    ("0 62, 75 77 4 1 0\n", "line 1: rest = '62,' found"),
    ("0 +-1 75 77 4 1 0\n", "line 1: rest = '.-1' found"),
    ("0 99999999999 75 77 4 1 0\n", "line 1: rest = '99999999999' found; allowed: a whole number"),
    (f"0 {'9' * 9000} 75 77 4 1 0\n", "line 1: rest = '9999.*9999' found; allowed: a whole number"),
    ("# index rest\n", r"line 1: 3 columns found"),
    ("\ufeff" + CELLS, r"line 1: index = '\\ufeff0' found"),
    (CELLS.encode("utf-16"), "line 1: index = .* found|line 1: .* columns found"),
    (b"\xff\x00\xfe 1 2 3 4 5 6\n", r"line 1: index = .*xff.* found; allowed: a whole number"),
    (bytes(range(256)) * 4, "line 1: .*(columns|whole number)"),
    (b"\x00" * 5000, "line 1: 1 columns found"),
    (CELLS.replace("\n", "\r"), "line 1: more than 7 columns found"),
    (b"0 " * 70_000, "more than 131072 bytes found; allowed: at most 131072"),
    ("".join(f"{j} 1 2 3 4 5 0\n" for j in range(2049)), "line 2049: index = 2048 found; allowed"),
]
BAD_SYNAPSES = [
    ("0 1 40\n", "line 1: 3 columns found; allowed: pre post weight tau"),
    ("0 1 40 16 0\n", "line 1: more than 4 columns found; allowed: pre post weight tau"),
    ("2 1 40 16\n", r"line 1: neuron 2 found; allowed: 0\.\.1, as in neurons\.txt"),
    ("\n0 2 40 16\n", "line 2: neuron 2 found; allowed: 0..1"),
    ("0 -1 40 16\n", "line 1: post = -1 found; allowed: 0..2047"),
    ("0 1 40 -1\n", "line 1: tau = -1 found; allowed: 0..32768"),
    ("0 1 40 32769\n", "line 1: tau = 32769 found; allowed: 0..32768"),
    ("0 1 2147483648 1\n", "line 1: weight = 2147483648 found; allowed: -2147483648..2147483647"),
    ("0 1 0.5 16\n", r"line 1: weight = '0\.5' found; allowed: a whole number"),
    (
        SYNAPSES + "0 1 40 16\n",
        "line 3: a second connection from neuron 0 to 1 found; allowed: one",
    ),
    (SYNAPSES + "1 0 0 8\n", "line 3: a second connection from neuron 1 to 0 found"),
    (b"0 1 \xff\xfe 16\n", r"line 1: weight = .*xff.*xfe.* found"),
    (b"\x00" * 100, "line 1: 1 columns found"),
]


@pytest.mark.parametrize(("cells", "sentence"), BAD_CELLS)
def test_bad_neurons_are_refused(cells: str | bytes, sentence: str, tmp_path: Path) -> None:
    put(tmp_path, cells, "")
    assert re.search(rf"/neurons\.txt: {sentence}", refusal(tmp_path))


@pytest.mark.parametrize(("synapses", "sentence"), BAD_SYNAPSES)
def test_bad_connections_are_refused(synapses: str | bytes, sentence: str, tmp_path: Path) -> None:
    put(tmp_path, CELLS, synapses)
    assert re.search(rf"/connections\.txt: {sentence}", refusal(tmp_path))


def test_an_enormous_file_is_refused_unread(tmp_path: Path) -> None:
    put(tmp_path, CELLS, SYNAPSES)
    for name in ("connections.txt", "neurons.txt"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
        assert re.search(rf"/{name}: more than \d+ bytes found; allowed", refusal(tmp_path))


def test_missing_tables_are_refused(tmp_path: Path) -> None:
    assert "neurons.txt: it cannot be read (No such file" in refusal(tmp_path)
    put(tmp_path, CELLS, SYNAPSES)
    (tmp_path / "connections.txt").unlink()
    assert "connections.txt: it cannot be read (No such file" in refusal(tmp_path)
    (tmp_path / "connections.txt").symlink_to(tmp_path / "neurons.txt")
    assert "connections.txt: a link, a folder or a device found" in refusal(tmp_path)


@pytest.mark.parametrize("count", [0, 2049])
def test_too_many_neurons_or_none_are_not_written(count: int, tmp_path: Path) -> None:
    neurons = Neurons(*np.ones((6, count), int))
    with pytest.raises(ValueError, match=rf"neurons\.txt: {count} neurons; allowed: 1\.\.2048"):
        write_tables(neurons, np.zeros((count, count), int), tmp_path)
    assert not [*tmp_path.iterdir()]


def test_weights_that_no_reader_takes_are_not_written(tmp_path: Path) -> None:
    neurons = Neurons(*np.ones((6, 2), int))
    for weights in (np.full((2, 2), 1 << 31), np.full((2, 2), 0.5), np.zeros((1, 2))):
        with pytest.raises(ValueError, match=r"^weights"):
            write_tables(neurons, weights, tmp_path)
    assert not [*tmp_path.iterdir()]


def test_an_interrupted_write_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    neurons, weights = read_tables(put(tmp_path, CELLS, SYNAPSES))

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            write_tables(neurons, weights + 1, tmp_path)
    assert "neurons.txt: it cannot be read" in refusal(tmp_path)
    write_tables(neurons, weights, tmp_path)
    assert texts(tmp_path) == (CELLS, SYNAPSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_network(small(), tmp_path / "network")
    return tmp_path / "network"


def test_tables_of_another_network_are_refused(folder: Path) -> None:
    cells, synapses = texts(folder)
    first = cells.splitlines()[0]
    changes = {
        (cells.replace(first, first.replace(" 3 ", " 4 ")), synapses): (
            r"neurons\.txt: threshold\[0\] = 4 found; allowed: 3, as in the memory images"
        ),
        (cells + "5 1 2 3 4 5 0\n", synapses): r"neurons\.txt: 6 neurons found; allowed: 5, as in",
        (cells, synapses.replace("0 2 40 ", "0 2 41 ")): (
            r"connections\.txt: weights\[0, 2\] = 41 found; allowed: 40, as in the memory images"
        ),
        (cells, synapses + "4 1 0 16\n"): r"connections\.txt: tau\[1\] = 16 found; allowed: 32768,",
        (cells, ""): r"connections\.txt: tau\[1\] = 0 found; allowed: 32768",
    }
    for (new_cells, new_synapses), sentence in changes.items():
        put(folder, new_cells, new_synapses)
        assert re.search(sentence, refusal(folder, read_network))
    put(folder, cells, synapses)
    assert_same(read_network(folder), small())


def test_images_without_tables_are_no_network(folder: Path, tmp_path: Path) -> None:
    write_images(small(), tmp_path / "images")
    assert "neurons.txt: it cannot be read" in refusal(tmp_path / "images", read_network)
    (folder / "header.json").unlink()
    assert "header.json: it cannot be read" in refusal(folder, read_network)


def read_or_refuse(folder: Path, name: str) -> None:
    """Read the small network, or refuse it by one sentence on the file."""
    try:
        found = read_network(folder)
    except ValueError as refused:
        assert re.search(rf"/{name}: |, as in {name}$", str(refused))  # noqa: PT017
        assert "\n" not in str(refused)  # noqa: PT017
    else:
        assert_same(found, small())


@pytest.mark.parametrize("name", ["neurons.txt", "connections.txt"])
def test_damaged_tables_are_refused_or_still_right(name: str, folder: Path) -> None:
    path = folder / name
    content = path.read_bytes()
    for kept in range(len(content)):
        path.write_bytes(content[:kept])
        read_or_refuse(folder, name)
    for i in range(0, 8 * len(content), 3):
        flipped = bytearray(content)
        flipped[i // 8] ^= 1 << i % 8
        path.write_bytes(flipped)
        read_or_refuse(folder, name)

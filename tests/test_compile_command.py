"""`neurobot compile`, on image sets that the tests write."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurobot import qnet
from neurobot.cli import main
from neurobot.insight import Machine
from neurobot.qnet import Affine, Conv, MaxPool, Network, Requant, Scores
from neurobot.tdnn import direct, files

UNIQ = Path(__file__).parents[1] / "controllers" / "weights" / "uniq-1b.npz"
RUN = """
import sys
sys.modules["torch"] = None
import numpy as np
from neurobot.insight import Machine
from neurobot.tdnn import files
images = np.load(sys.argv[2])
print(Machine(files.load(sys.argv[1])).stream_all(images).tolist())
"""


def compiled(*arguments: Any) -> int:
    return main(["compile", *map(str, arguments)])


def report(folder: Path) -> Any:
    return json.loads((folder / "passes.json").read_text())


def test_codes_of_a_trained_network_become_a_machine_that_needs_no_torch(tmp_path: Path) -> None:
    assert compiled(UNIQ, "--out", tmp_path, "--fan-in", 8) == 0
    network = qnet.load(UNIQ)
    images = np.random.default_rng(0).integers(0, 256, (3, *network.input_shape))
    np.save(tmp_path / "images.npy", images)
    command = [
        sys.executable,
        "-c",
        RUN,
        str(tmp_path / "machine.npz"),
        str(tmp_path / "images.npy"),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(found) == qnet.forward(network, images).tolist()
    rows = report(tmp_path)["rows"]
    assert [row["pass"] for row in rows] == ["trained", "delay", "fan-in"]
    assert rows[0]["connections"] == sum(
        work.weights * work.output_shape[0] * work.output_shape[1] for work in network.workloads
    )
    assert rows[1]["connections"] == rows[2]["connections"] == network.parameters
    assert rows[0]["delay_words"] is None
    assert rows[1]["delay_words"] > 0
    assert rows[2]["neurons"] > rows[1]["neurons"]


def test_the_table_says_what_the_machine_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compiled(UNIQ, "--out", tmp_path, "--clock-hz", 1e6) == 0
    text = " ".join(capsys.readouterr().out.split())
    rows, columns, _ = qnet.load(UNIQ).input_shape
    assert (
        f"{rows * columns:,} clocks a frame: {10**6 // (rows * columns)} frames/s at 1.0 MHz"
        in text
    )
    assert "trained - " in text
    assert compiled(UNIQ, "--out", tmp_path, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["rows"] == report(tmp_path)["rows"]
    assert document["test"] is None
    assert document["frames_per_s"] == 80e6 / (rows * columns)


def float_network(path: Path, **notes: str) -> Path:
    """Write a network of full precision that finds the bright patch of `blobs`, roughly."""
    rng = np.random.default_rng(1)
    patch = np.zeros((10, 7, 7, 2), np.float32)
    for label in range(10):
        row, column = divmod(label, 5)
        top, left = (2 + 14 * row) // 4, (1 + 5 * column) // 4
        patch[label, top : top + 3, left : left + 2] = 1
    patch += rng.normal(0, 0.02, patch.shape).astype(np.float32)
    blur = np.full((2, 4, 4, 1), 1 / 16, np.float32) * np.array([1, 0.5], np.float32).reshape(
        2, 1, 1, 1
    )
    layers = (
        Conv("blur", ("input",), blur, stride=(2, 2), padding=(1, 1)),
        Affine("lit", ("blur",), [1 / 255, 1 / 255], [-0.2, 0.0], 0.0),
        MaxPool("pool", ("lit",), (2, 2), (2, 2)),
        Conv("fc", ("pool",), patch),
        Affine("scores", ("fc",), np.full(10, 0.5), np.zeros(10)),
    )
    network = Network(input_shape=(28, 28, 1), layers=layers, notes=notes)
    qnet.save(network, path)
    return path


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch", reason="image sets are read with PyTorch, extra 'train'")
    from blobs import write_sets

    from neurobot.quantize import datasets

    path = tmp_path_factory.mktemp("sets")
    write_sets(path)
    split = datasets.split_numbers
    monkeypatch.setattr(datasets, "HELD_OUT", 40)
    monkeypatch.setattr(datasets, "split_numbers", lambda count: split(count, 40))
    monkeypatch.setenv("NEUROBOT_DATA", str(path))
    return path


def test_full_precision_goes_through_all_passes(folder: Path, tmp_path: Path) -> None:
    from neurobot.quantize.datasets import load_dataset

    network, one = float_network(tmp_path / "float.npz", dataset="mnist"), tmp_path / "one"
    given = (network, "--out", one, "--epochs", 1, "--fan-in", 5, "--max-loss", 4)
    assert compiled(*given) == 0
    found, rows = report(one), report(one)["rows"]
    names = ["trained", "fold", "factorize", "prune", "retrain", "compress", "delay", "fan-in"]
    assert [row["pass"] for row in rows] == names
    by_name = {row["pass"]: row for row in rows}
    assert by_name["retrain"]["connections"] == by_name["prune"]["connections"]
    assert by_name["prune"]["connections"] < by_name["fold"]["connections"] / 2
    assert by_name["retrain"]["accuracy"] >= by_name["trained"]["accuracy"] - 0.04
    assert by_name["fan-in"]["accuracy"] == by_name["compress"]["accuracy"]
    changed = [row["changed"] for row in rows]
    assert changed == [None] * 6 + [0, 0], "delays and trees change no score"

    # The machine of the file, looked at without time, gives what the report says.
    images, net = load_dataset("mnist"), files.load(one / "machine.npz")
    for split, right in ((images.validation, rows[-1]["accuracy"]), (images.test, None)):
        pixels = split.take(np.arange(len(split.labels)))
        scores = direct.evaluate(net, pixels)
        same = int((scores.argmax(1) == split.labels).sum())
        assert same == (found["test"]["right"] if right is None else round(right * len(pixels)))
        np.testing.assert_array_equal(Machine(net).stream_all(pixels), scores)
    assert found["test"]["frames"] == 50
    assert all(layer.fan_ins.max() <= 5 for layer in net.layers if layer.tree is None)

    again = tmp_path / "two"
    assert compiled(*given[:2], again, *given[3:]) == 0
    assert (again / "machine.npz").read_bytes() == (one / "machine.npz").read_bytes()
    assert compiled(*given) == 0, "what is there is gone on from"
    assert (again / "machine.npz").read_bytes() == (one / "machine.npz").read_bytes()


def test_hardware_neurons_with_exponents_of_their_own(folder: Path, tmp_path: Path) -> None:
    network = float_network(tmp_path / "float.npz", dataset="mnist")
    given = (network, "--out", tmp_path, "--no-search", "--fan-in", 6, "--weight-bits", 3)
    assert compiled(*given, "--leaf-exponents", "--partition", "packing") == 0
    assert [row["pass"] for row in report(tmp_path)["rows"]][2:] == ["fan-in", "compress", "delay"]
    trees = [layer.tree for layer in files.load(tmp_path / "machine.npz").layers]
    assert any(tree is not None and tree.shifts.any() for tree in trees)


def chain(tmp_path: Path, *layers: Any) -> Path:
    last = layers[-1].name
    scores = Scores("scores", (last,), [1], [0])
    path = tmp_path / "codes.npz"
    qnet.save(Network(input_shape=(4, 4, 1), layers=(*layers, scores)), path)
    return path


def ones(name: str, source: str, size: int, **more: Any) -> Conv:
    return Conv(name, (source,), np.ones((1, size, size, 1), np.int32), 2, **more)


def test_what_the_machine_cannot_hold_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = ones("wide", "input", 3, padding=(2, 2))
    signed = Requant("signed", ("first",), [1], [0], 0, -8, 7, 4)
    pool = MaxPool("pool", ("signed",), (3, 3), (2, 2), (1, 1))
    double = qnet.Add("double", ("first", "first"))
    cases: list[tuple[tuple[Any, ...], tuple[Any, ...], str]] = [
        ((wide, ones("fc", "wide", 6)), (), "wide: a map of 6 x 6 samples"),
        ((ones("first", "input", 1), signed, pool, ones("fc", "pool", 2)), (),
         "pool: a padding of (1, 1) found around values of -8..7"),
        ((ones("first", "input", 4), double), (), "double: a Add of first, first found, a branch"),
        ((ones("fc", "input", 4),), ("--fan-in", 1), "fc: fan-in = 1 found"),
        ((ones("fc", "input", 4),), ("--line", 3), "input: a map of 4 x 4 samples found"),
        ((ones("fc", "input", 4),), ("--target", "fpga"), "target 'fpga' is not known; known: ins"),
        ((ones("fc", "input", 4),), ("--clock-hz", 0), "--clock-hz=0.0 must be above 0"),
    ]  # fmt: skip
    for layers, options, sentence in cases:
        assert compiled(chain(tmp_path, *layers), "--out", tmp_path / "out", *options) == 2
        found = capsys.readouterr().err
        assert sentence in found
        assert found.count("\n") == 1
        assert not (tmp_path / "out").exists()
    layers, options = cases[0][0], ("--line", 6, "--lines", 6)
    assert compiled(chain(tmp_path, *layers), "--out", tmp_path / "out", *options) == 0


def test_files_and_images_that_do_not_fit_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refusal(*arguments: Any) -> str:
        assert compiled(*arguments, "--out", tmp_path / "out") == 2
        sentence = capsys.readouterr().err
        assert sentence.count("\n") == 1
        return sentence

    network = float_network(tmp_path / "float.npz")
    assert "--dataset must name them" in refusal(network)
    assert "data set 'svhn' is not known" in refusal(network, "--dataset", "svhn")
    assert "weight_bits = 9 found" in refusal(network, "--dataset", "mnist", "--weight-bits", 9)
    found = refusal(UNIQ, "--dataset", "mnist")
    assert "of shape (36, 96, 1) found, those of MNIST have (28, 28, 1)" in found
    assert "nowhere.npz" in refusal(tmp_path / "nowhere.npz")
    assert compiled(UNIQ, "--out", tmp_path / "made") == 0
    capsys.readouterr()
    assert "neurobot-time-delay-network" in refusal(tmp_path / "made" / "machine.npz")
    assert compiled(UNIQ, "--out", "") == 2
    assert "--out: '' found; the name of a folder is needed" in capsys.readouterr().err

"""`neurobot train` and the tables of the quantizers, on image sets that the tests write."""

import importlib.util
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch, extra 'train'")

from blobs import write_sets  # noqa: E402
from scipy import stats  # noqa: E402

from neurobot.cli import main  # noqa: E402
from neurobot.mars.tiling import Tiling  # noqa: E402
from neurobot.qnet import ColumnConv, Conv, Requant, load  # noqa: E402
from neurobot.quantize import datasets  # noqa: E402
from neurobot.quantize.checkpoints import load_checkpoint, save_checkpoint  # noqa: E402
from neurobot.quantize.jobs import Form, Job  # noqa: E402

HELD_OUT = 40
SCRIPT = Path(__file__).parent.parent / "scripts" / "table_quantizers.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sets")
    write_sets(path)
    return path


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    split = datasets.split_numbers
    monkeypatch.setattr(datasets, "HELD_OUT", HELD_OUT)
    monkeypatch.setattr(datasets, "split_numbers", lambda count: split(count, HELD_OUT))
    monkeypatch.setenv("NEUROBOT_DATA", str(folder))
    monkeypatch.setenv("COLUMNS", "200")


def command(out: Path, *more: str, network: str = "small_cnn", dataset: str = "mnist") -> list[str]:
    fixed = ["--dataset", dataset, "--out", str(out), "--float-epochs", "3", "--batch", "10"]
    return ["train", network, *fixed, *more]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1, "a refusal is one line"
    return sentence


def test_a_network_is_trained_quantized_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = tmp_path / "run", tmp_path / "net.npz"
    words = command(out, "--method", "lglsq?sharpness=3", "--bits", "3", "--layer-bits",
                    "features.3=5", "--epochs", "1", "--export", str(path), "--json")  # fmt: skip
    assert main(words) == 0
    first = capsys.readouterr().out
    found = json.loads(first)
    full, quantized, exported = found["rows"]
    assert [found["command"], found["network"], found["dataset"]] == ["train", "small_cnn", "mnist"]
    assert [row["what"] for row in found["rows"]] == [
        "full precision", "lglsq?sharpness=3, 3 bits", "exported"
    ]  # fmt: skip
    assert full["test"] > 0.9
    assert quantized["test"] > 0.9
    assert exported["agreement"] == 1.0
    assert (exported["test"], exported["validation"]) == (
        quantized["test"], quantized["validation"]
    )  # fmt: skip
    network = load(path)
    bits = {layer.name: layer.weight_bits for layer in network.layers if hasattr(layer, "odd")
            and hasattr(layer, "weight_bits")}  # fmt: skip
    assert sorted(bits.values()) == [3, 3, 5, 8, 8]
    identity = load_checkpoint(Path(quantized["file"]))["identity"]
    assert identity["options"] == {"sharpness": 3}
    assert identity["layer_bits"] == {"features.3": 5}
    written = {file: file.read_bytes() for file in out.iterdir()}
    assert sorted(file.name for file in written) == ["float.pt", "lglsq-3b.pt"]
    # The same command again only reads, and says the same.
    assert main(words) == 0
    assert capsys.readouterr().out == first
    assert {file: file.read_bytes() for file in out.iterdir()} == written


def test_a_table_is_printed_and_every_epoch_has_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "new" / "folder" / "net.npz"
    words = command(tmp_path / "run", "--method", "none", "--epochs", "2", "--export", str(path))
    assert main(words) == 0
    captured = capsys.readouterr()
    assert "small_cnn, MNIST" in captured.out
    assert "float.pt" in captured.out
    assert "uniq" not in captured.out
    lines = captured.err.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert load(path).input_shape == (28, 28, 1)


def test_a_network_is_trained_through_converters_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, arrays = tmp_path / "net.npz", ("rows=64", "encoding=differential", "adc_steps=array")
    words = command(tmp_path / "run", "--adc-bits", "6", "--arrays", *arrays, "--epochs", "1")
    assert main([*words, "--export", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[1]["what"] == "lsq, 4 bits, converters of 6 bits"
    assert rows[-1]["agreement"] == 1.0
    kinds = [type(conv) for conv in load(path).convs]
    assert kinds == [Conv, *[ColumnConv] * (len(kinds) - 2), Conv]
    for conv in load(path).convs[1:-1]:
        assert isinstance(conv, ColumnConv)
        assert (conv.rows, conv.encoding, conv.adc_bits) == (64, "differential", 6)
    other = command(tmp_path / "run", "--adc-bits", "ideal", "--epochs", "1")
    assert "a training with columns" in refusal(capsys, *other)


ZERO = ("--zero-tiles", "0.5", "--tile", "4x4", "--thin-epochs", "1", "--epochs", "1")


def test_a_network_is_fused_thinned_out_quantized_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, path = tmp_path / "run", tmp_path / "net.npz"
    words = command(out, *ZERO, "--activation-bits", "8", "--export", str(path), "--json")
    assert main(words) == 0
    first = capsys.readouterr().out
    rows = json.loads(first)["rows"]
    assert [row["what"] for row in rows] == [
        "full precision", "group lasso", "lsq, 4 bits, inputs of 8, fused, 50 % zero tiles",
        "exported",
    ]  # fmt: skip
    assert rows[-1]["agreement"] == 1.0
    assert rows[-2]["test"] > 0.8
    kept = {file.name: file.read_bytes() for file in out.iterdir()}
    assert sorted(kept) == ["float.pt", "lsq-4b.pt", "thin-4x4.pt"]
    assert [Path(row["file"]).name for row in rows[:3]] == ["float.pt", "thin-4x4.pt", "lsq-4b.pt"]
    identity = load_checkpoint(out / "lsq-4b.pt")["identity"]
    assert identity["options"] == {"symmetric_weights": True}
    assert identity["thinning"] == {
        "zero_tiles": 0.5, "tile": {"rows": 4, "columns": 4}, "strength": 1e-5
    }  # fmt: skip
    thin = load_checkpoint(out / "thin-4x4.pt")["identity"]
    assert (thin["epochs"], thin["batch"], thin["strength"]) == (1, 10, 1e-5)
    # Inner layers have whole tiles of zeros, the first and the last one none of their own.
    network = load(path)
    tilings = [
        Tiling(conv.integers.shape, 1, 4, 4).cut(np.asarray(conv.integers))
        for conv in network.convs
    ]
    zeros = [np.array([not tile.any() for tile in cut.reshape(-1, 16)]) for cut in tilings]
    assert np.concatenate(zeros[1:-1]).mean() >= 0.5
    assert not zeros[0].any()
    assert all(np.abs(conv.integers).max() <= 7 for conv in network.convs[1:-1])
    for layer in network.layers:
        if isinstance(layer, Requant):
            assert len(np.unique(layer.multiplier)) == 1, "no batch norm is left"
    # The same command again only reads; from any phase on it ends with the same bits.
    assert main(words) == 0
    assert capsys.readouterr().out == first
    (out / "thin-4x4.pt").unlink()
    (out / "lsq-4b.pt").unlink()
    assert main(words) == 0
    assert capsys.readouterr().out == first
    parts = {name: load_checkpoint(out / name)["model"] for name in kept}
    for name, bits in kept.items():
        before = torch.load(io.BytesIO(bits), weights_only=True)["model"]
        assert all(torch.equal(value, before[key]) for key, value in parts[name].items()), name


def test_fused_alone_and_without_a_lasso(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more: tuple[str, ...] = (
        "--fused",
        "--epochs",
        "1",
        "--method",
        "lglsq?symmetric_weights=false",
        "--json",
    )
    assert main(command(tmp_path, *more)) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[1]["what"] == "lglsq?symmetric_weights=false, 4 bits, fused"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["float.pt", "lglsq-4b.pt"]
    identity = load_checkpoint(tmp_path / "lglsq-4b.pt")["identity"]
    assert identity["options"] == {"symmetric_weights": False}
    assert "thinning" not in identity
    more = ("--zero-tiles", "0.25", "--lasso", "0", "--epochs", "1", "--json")
    assert main(command(tmp_path, *more)) == 0
    capsys.readouterr()
    assert sorted(file.name for file in tmp_path.iterdir())[-1] == "lsq-4b.pt", "nothing was drawn"
    identity = load_checkpoint(tmp_path / "lsq-4b.pt")["identity"]
    assert identity["thinning"]["tile"] == {"rows": 16, "columns": 16}
    other = refusal(
        capsys, *command(tmp_path, "--zero-tiles", "0.5", "--lasso", "0", "--epochs", "1")
    )
    assert "lsq-4b.pt: a training with" in other


def test_the_lasso_has_its_lines_on_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, *ZERO)) == 0
    captured = capsys.readouterr()
    ends = [line.rpartition("  ")[2] for line in captured.err.splitlines()]
    assert ends == [f"epoch {k} of 3" for k in (1, 2, 3)] + 2 * ["epoch 1 of 1"]
    assert "group lasso" in captured.err.splitlines()[3]
    assert "thin-4x4.pt" in captured.out


def test_a_quantized_training_starts_from_the_checkpoint_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path / "a", "--method", "none", "--epochs", "2", "--json")) == 0
    start = str(tmp_path / "a" / "float.pt")
    more = ("--from", start, "--method", "uniq", "--bits", "1", "--epochs", "1", "--json")
    assert main(command(tmp_path / "b", *more)) == 0
    assert [file.name for file in (tmp_path / "b").iterdir()] == ["uniq-1b.pt"]
    one, two = (json.loads(line)["rows"] for line in capsys.readouterr().out.splitlines())
    assert one[0] == two[0]
    identity = load_checkpoint(tmp_path / "b" / "uniq-1b.pt")["identity"]
    assert identity["weight_decay"] == 0.0
    assert identity["warmup"] == pytest.approx(5 / 120)
    assert identity["warmup_lr"] == 0.001


def test_checkpoints_to_start_from_are_of_full_precision_of_this_network_and_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert main(command(out, "--epochs", "1", "--json")) == 0
    capsys.readouterr()

    def asked(path: Path) -> str:
        return refusal(capsys, *command(tmp_path / "b", "--from", str(path)))

    sentence = "network 'small_cnn', quantized by 'lsq' found; 'small_cnn' in full precision"
    assert sentence in asked(out / "lsq-4b.pt")
    parts = load_checkpoint(out / "float.pt")
    save_checkpoint(tmp_path / "half.pt", {**parts, "step": 7})
    assert "half.pt: a training that has done 7 of 60 steps found" in asked(tmp_path / "half.pt")
    (tmp_path / "text.pt").write_text("no checkpoint")
    assert "text.pt: no checkpoint of a training" in asked(tmp_path / "text.pt")
    assert "absent.pt" in asked(tmp_path / "absent.pt")


def test_another_training_in_the_same_folder_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(tmp_path, "--epochs", "1", "--json")) == 0
    capsys.readouterr()
    other = refusal(capsys, *command(tmp_path, "--epochs", "1", "--lr", "0.5"))
    assert "lsq-4b.pt: a training with lr=0.01 is kept there, lr=0.5 is asked for" in other
    other = refusal(capsys, *command(tmp_path, "--epochs", "1", "--seed", "3"))
    assert "float.pt: a training with" in other


REFUSED: dict[str, Any] = {
    "network 'alexnet' is not known": {"network": "alexnet"},
    "data set 'imagenet' is not known": {"dataset": "imagenet"},
    "resnet20 reads images of 32x32x3 values, those of mnist have 28x28x1": {"network": "resnet20"},
    "method 'pact'; the methods are": ("--method", "pact"),
    "--method 'lsq?x': options found that are not KEY=VALUE": ("--method", "lsq?x"),
    "lglsq: step_rule 'magic'; allowed are lsq, sim": ("--method", "lglsq?step_rule=magic"),
    "unexpected keyword argument 'sharp'": ("--method", "lglsq?sharp=2"),
    "features.3: 9 bits": ("--bits", "9"),
    "features.3: 0 bits": ("--bits", "0"),
    "features.0: 12 bits": ("--edge-bits", "12"),
    "--edge-bits: 'few' bits found; 1 to 8 or none": ("--edge-bits", "few"),
    "--layer-bits: 'fc' found, LAYER=N needed": ("--layer-bits", "fc"),
    "--layer-bits: 'fc' found more than once": ("--layer-bits", "fc=4", "fc=2"),
    "the model: SmallCnn cannot be converted to 4 bits": ("--layer-bits", "=4"),
    "--export: '' found; the name of a file is needed": ("--export", ""),
    "--out: '' found; the name of a folder is needed": ("--out", ""),
    "lglsq: sharpness 'two'; allowed is 0 or more": ("--method", "lglsq?sharpness=two"),
    "lsq: symmetric_weights 'no'; true or false is": ("--method", "lsq?symmetric_weights=no"),
    "grid: 1 bit, which holds no symmetric grid": (
        "--method", "lsq?symmetric_weights=true", "--bits", "1"
    ),
    "layer9": ("--layer-bits", "layer9=4"),
    "epochs=0 must be 1 or more": ("--epochs", "0"),
    "lr=-1.0 must be a number above 0": ("--lr", "-1"),
    "--fused, --zero-tiles: --method none found; a quantized": ("--method", "none", "--fused"),
    "--tile: it needs --zero-tiles": ("--tile", "16x8"),
    "--lasso: it needs --zero-tiles": ("--fused", "--lasso", "1e-4"),
    "--thin-epochs: it needs --zero-tiles": ("--thin-epochs", "2"),
    "--tile: '16' found, ROWSxCOLUMNS needed": ("--zero-tiles", "0.5", "--tile", "16"),
    "tile: rows=0 found; allowed: whole numbers": ("--zero-tiles", "0.5", "--tile", "0x8"),
    "zero tiles: 50.0 found; allowed: 0 or more, below 1": ("--zero-tiles", "50"),
    "group lasso: -1.0 found; allowed: 0 or more": ("--zero-tiles", "0.5", "--lasso", "-1"),
    "epochs=0 must be 1": ("--zero-tiles", "0.5", "--thin-epochs", "0"),
    "--arrays: it needs --adc-bits": ("--arrays", "rows=64"),
    "--arrays: 'row=64' found; known: rows, columns": ("--adc-bits", "4", "--arrays", "row=64"),
    "--arrays: 'rows' found more than once": ("--adc-bits", "4", "--arrays", "rows=9", "rows=9"),
    "columns: rows = 'many' found; allowed: a whole": ("--adc-bits", "4", "--arrays", "rows=many"),
    "columns: encoding = 'two' found; allowed: 'offset'": (
        "--adc-bits", "4", "--arrays", "encoding=two"
    ),
    "--adc-bits: --method none found; it needs": ("--adc-bits", "4", "--method", "none"),
    "--adc-bits: --fused or --zero-tiles found; it needs": ("--adc-bits", "4", "--fused"),
    "activation_bits: 9 bits": ("--activation-bits", "9"),
    "features.0: a grid of weights without a zero found": ("--fused", "--method", "uniq"),
    "features.0: per_channel with a fused batch norm": ("--fused", "--per-channel"),
    "model: no batch norm behind a layer found": {"network": "mlp", "more": ("--fused",)},
    "1 bit by uniq with weight_decay=0.0005 found; UniQ allows only 0": (
        "--method", "uniq", "--bits", "1", "--weight-decay", "5e-4"
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_trained_is_refused_before_anything_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sentence: str
) -> None:
    wrong = REFUSED[sentence]
    other = dict(wrong) if isinstance(wrong, dict) else {"more": wrong}
    more = other.pop("more", ())
    assert sentence in refusal(capsys, *command(tmp_path / "run", *more, **other))
    assert not (tmp_path / "run").exists()


def test_full_precision_edges_cannot_become_integers_and_that_is_said_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = ("--edge-bits", "none", "--export", str(tmp_path / "net.npz"))
    assert "features.0" in refusal(capsys, *command(tmp_path / "run", *export))
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_refused_before_anything_is_trained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for out in (file, file / "run"):
        assert f"--out: {file} is no folder" in refusal(capsys, *command(out))
    for target, words in ((file / "n.npz", f"{file} is no folder"), (tmp_path, "a file is needed")):
        more = ("--export", str(target))
        assert words in refusal(capsys, *command(tmp_path / "run", *more))
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "mine"


def test_a_missing_gpu_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    found = refusal(capsys, *command(tmp_path / "run", "--device", "cuda"))
    assert "device 'cuda': PyTorch finds no GPU here" in found


def test_ctrl_c_says_what_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "train_form", interrupted)
    assert main(command(tmp_path / "run", "--json")) == 130
    sentence = capsys.readouterr().err
    assert f"what is done stays in {tmp_path / 'run'}; the same command goes on" in sentence
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["float.pt"]


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from neurobot.cli import main
for words in (["--help"], ["train", "--help"]):
    try:
        main(words)
    except SystemExit as end:
        assert end.code == 0
sys.exit(main(["train", "small_cnn", "--dataset", "mnist", "--out", "x"]))
"""


def test_without_pytorch_there_is_help_and_one_sentence() -> None:
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert "train a network, in full precision and quantized" in found.stdout
    assert "--edge-bits" in found.stdout
    assert "pip install 'neurobot[train]'" in found.stderr
    assert found.stderr.count("\n") == 1


def test_the_papers_binary_rules_are_edges_without_bits(folder: Path) -> None:
    job = Job("small_cnn", "mnist", datasets.load_dataset("mnist"))
    settings = Form("uniq", 1).settings(TABLES.TUNED)
    made = job.quantized(job.fresh(0), Form("uniq", 1, edge_bits=None), settings)
    found = {name: module.weight_quantizer for name, module in made.named_modules()
             if hasattr(module, "weight_quantizer")}  # fmt: skip
    assert [own and own.grid.bits for own in found.values()] == [None, 1, 1, 1, None]


# The tables


def load_script() -> Any:
    spec = importlib.util.spec_from_file_location("table_quantizers", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TABLES = load_script()


def make_table(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words])
    TABLES.main()


def test_a_table_is_made_once_and_goes_on_where_it_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs.jsonl"
    words = ("lglsq", "--seeds", "2", "--out", str(out), "--only", "lsq, 3", "tail), 3")
    make_table(monkeypatch, *words)
    first = capsys.readouterr()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 2 * 3  # two seeds: full precision and two rows
    assert len(first.err.splitlines()) == 6
    rows = [line for line in first.out.splitlines() if line.startswith("|")]
    assert rows[0].startswith("| small_cnn, Fashion-MNIST |")
    assert [row.split("|")[1].strip() for row in rows[2:]] == [
        "full precision", "lsq, 3 bits", "lglsq (ssg-sum + ASR + MDE + tail), 3 bits"
    ]  # fmt: skip
    by_method = {line["key"]["method"]: line["key"] for line in lines}
    assert by_method["none"]["tuned"] is None
    assert by_method["lsq"]["full"] == by_method["none"]["full"]
    assert by_method["lsq"]["tuned"] == by_method["lglsq"]["tuned"]
    # Nothing is done twice; a torn line is done again, to the same figures.
    make_table(monkeypatch, *words)
    again = capsys.readouterr()
    assert (again.out, again.err) == (first.out, "")
    whole = out.read_bytes()
    out.write_bytes(whole[:-30])
    make_table(monkeypatch, *words)
    again = capsys.readouterr()
    assert again.out == first.out
    assert len(again.err.splitlines()) == 1
    assert len(out.read_bytes().splitlines()) == 6
    # Another table has these runs in common, under its own names.
    make_table(monkeypatch, "fashion", "--seeds", "2", "--out", str(out), "--only", "lsq, 3")
    assert capsys.readouterr().err == ""


def test_one_bit_has_no_decay_but_where_it_is_the_question() -> None:
    table = TABLES.TABLES["uniq1"]
    runs = [TABLES.run_of(table, "mnist", row, 0) for row in table.rows]
    assert [run.tuned.weight_decay for run in runs] == [0.0, 5e-4, 0.0, 5e-4]
    assert [run.form.options.get("init_factor", 1) for run in runs] == [1, 1, 8, 8]
    assert {run.tuned.warmup for run in runs} == {5 / 120}
    for row in (*TABLES.TABLES["mnist"].rows, *TABLES.TABLES["cifar10"].rows):
        run = TABLES.run_of(TABLES.TABLES["mnist"], "mnist", row, 0)
        assert (run.tuned.weight_decay == 0) == (row.form.bits == 1)


def test_tables_have_the_rows_that_were_asked_for() -> None:
    bits = [(row.form.method, row.form.bits) for row in TABLES.TABLES["mnist"].rows]
    asked = [(m, b) for b in (8, 4, 3, 2) for m in ("lsq", "lglsq", "uniq")]
    assert bits == [("none", 4), *asked, ("uniq", 1), ("uniq", 1)]
    assert TABLES.TABLES["fashion"].rows == TABLES.TABLES["mnist"].rows
    names = [row.name for row in TABLES.TABLES["lglsq"].rows]
    assert len(names) == len(set(names)) == 2 * (1 + len(TABLES.ABLATION))
    for row in TABLES.TABLES["lglsq"].rows:
        assert row.rival in (None, f"lsq, {row.form.bits} bits")


def test_intervals_are_students() -> None:
    a, b = [0.91, 0.93, 0.94, 0.92, 0.90], [0.90, 0.93, 0.92, 0.91, 0.90]
    low, high = stats.ttest_1samp(a, 0).confidence_interval(0.95)
    assert TABLES.interval(a) == pytest.approx((high - low) / 2)
    low, high = stats.ttest_rel(a, b).confidence_interval(0.95)
    pairs = [x - y for x, y in zip(a, b, strict=True)]
    assert TABLES.interval(pairs) == pytest.approx((high - low) / 2)
    assert low < 0 < high
    assert TABLES.difference(a, b).endswith(f"± {50 * (high - low):.2f}, not resolved")
    assert TABLES.difference([x + 0.1 for x in a], b).startswith("+10.8")
    assert "not resolved" not in TABLES.difference([x + 0.1 for x in a], b)
    assert "not resolved" not in TABLES.difference([x - 0.1 for x in a], b)
    assert TABLES.interval([0.5]) == math.inf
    assert TABLES.difference([0.5], [0.4]) == "+10.00, not resolved"
    assert TABLES.figure([0.5]) == "50.00"

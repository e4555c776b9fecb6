"""`neurobot cim report` and `neurobot cim macros`: what they tell, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot.cli import main
from neurobot.cli.cim_tables import spread
from neurobot.column_cim import Machine, Silicon, Variation, onto_arrays, sheet, with_adc
from neurobot.cost import BOUNDS, COST_TABLES
from neurobot.cost.converters import formula_j, survey_j
from neurobot.events import CimEvents
from neurobot.qnet import ColumnConv, Conv, MaxPool, Network, Requant, Scores, forward, save

Array = NDArray[Any]
TABLES = ("cells180", "scaled45", "scaled28")
WIDTH = 100


def near(value: Any, rel: float = 1e-12) -> Any:
    """Compare joules: pytest's usual absolute tolerance is as large as many of them."""
    return pytest.approx(value, rel=rel, abs=0)


def plain() -> Network:
    """Two layers between digital ones, and one whose groups no array can hold."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> Array:
        return rng.integers(-8, 8, shape)

    def codes(name: str, source: str, count: int, shift: int) -> Requant:
        return Requant(name, (source,), [1] * count, [0] * count, shift, 0, 15, 4)

    layers = (
        Conv("first", ("input",), weights(8, 3, 3, 1), 4, padding=(1, 1)),
        codes("a", "first", 8, 8),
        Conv("second", ("a",), weights(12, 3, 3, 8), 4, padding=(1, 1)),
        codes("b", "second", 12, 6),
        MaxPool("pool", ("b",)),
        Conv("grouped", ("pool",), weights(12, 1, 1, 6), 4, groups=2),
        codes("c", "grouped", 12, 3),
        Conv("dense", ("c",), weights(9, 4, 4, 12), 4),
        codes("d", "dense", 9, 5),
        Conv("last", ("d",), weights(4, 1, 1, 9), 4),
        Scores("scores", ("last",), [1] * 4, [0] * 4),
    )
    return Network(input_shape=(8, 8, 1), layers=layers)


def pictures(count: int = 60) -> tuple[Array, Array]:
    """Return images, and what the plain network says of them; some labels are wrong."""
    images = np.random.default_rng(1).integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
    labels = forward(plain(), images).argmax(axis=1)
    labels[:6] = (labels[:6] + 1) % 4
    return images, labels


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go where there are a plain network, one on arrays, and images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    images, labels = pictures()
    np.savez("pictures.npz", images=images, labels=labels)
    save(plain(), "plain.npz")
    save(onto_arrays(plain(), rows=64, adc_bits=5, images=images), "arrays.npz")
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["cim", *arguments]) == 0
    return capsys.readouterr().out


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(told(capsys, "report", *arguments, "--json"))
    return answer


@pytest.mark.usefixtures("files")
def test_a_plain_network_is_put_onto_arrays_and_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, "report", "plain.npz", "--images", "pictures.npz", "--cell-bits", "2")
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    words = " ".join(text.split())
    for part in (
        "plain.npz, mean of 60 images of pictures.npz, seed 0",
        "Accuracy: 90.00 % as digital integers,",
        "second", "together", *TABLES, "converters", "leakage", "digital unit",
        "Digital: first, grouped, last (", "grouped: groups = 2 found",
        "Converters of 4 bits (second, dense): a column's sum p becomes the code",
        "clip(rint((p - z) / D), -8, 7), halves to even",
        "each column has a D of its own", "of sums on 60 images",
        "34 % (22 nm), 9 % (65 nm)", "a formula fitted to macros gives",
        "TOPS/W:", "IR drop", "errors of converters", "writing the cells",
        "Where an input takes one cycle, a driver of all its bits is assumed",
        "good to a factor of 2 to 4", "Conversions are not left out", "8 of them share a converter",
    ):  # fmt: skip
        assert part in words, part


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("columns", [80, 100, 140])
def test_the_report_fits_terminals(
    columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = told(capsys, "report", "arrays.npz", "--sigma", "0.1", "--draws", "2")
    assert max(len(line) for line in text.splitlines()) <= columns
    if columns >= WIDTH:
        line = next(line for line in text.splitlines() if line.split()[:1] == ["second"])
        assert len(line.split()) == 19  # nothing is folded: three of them are tiles x slices


@pytest.mark.usefixtures("files")
def test_the_report_as_json_is_that_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = pictures()
    answer = report(
        capsys, "plain.npz", "--images", "pictures.npz", "--rows", "64", "--adc-bits", "5",
        "--columns", "16", "--clock-hz", "2e8",
    )  # fmt: skip
    network = onto_arrays(plain(), rows=64, adc_bits=5, images=images)
    silicon = Silicon(columns=16, clock_hz=2e8)
    machine = Machine(network, silicon)
    right = machine.run_all(images).argmax(axis=1)
    assert (answer["command"], answer["seed"], answer["network"]) == ("cim report", 0, "plain.npz")
    assert answer["silicon"]["columns"] == 16
    assert answer["accuracy"] == {
        "digital": 0.9,
        "digital_is": "as digital integers",
        "arrays": float(np.mean(right == labels)),
        "as_digital": float(np.mean(right == forward(plain(), images).argmax(axis=1))),
        "varied": None,
    }
    for row, line in zip(answer["rows"], sheet(machine), strict=True):
        for name, value in line.items():
            added = name in CimEvents.__dataclass_fields__ and name not in CimEvents.held
            wanted = value / 60 if added else value
            assert row[name] == (near(wanted) if added else wanted), (row["name"], name)
    total = answer["total"]
    assert total["conversions"] == sum(row["conversions"] or 0 for row in answer["rows"])
    assert total["macs"] == network.macs
    for name in ("cycles", "row_drives", "conversions_5b", "feature_reads"):
        assert sum(row[name] for row in answer["rows"]) == near(total[name])
    assert answer["latency_s"] == total["cycles"] / 2e8 == 1 / answer["images_per_s"]


@pytest.mark.usefixtures("files")
def test_energies_of_layers_and_of_parts_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    answer = report(capsys, "arrays.npz", "--images", "pictures.npz")
    known = CimEvents.__dataclass_fields__.keys()
    events = CimEvents(**{k: v for k, v in answer["total"].items() if k in known})
    assert answer["energy"].keys() == set(TABLES)
    for name, found in answer["energy"].items():
        table, parts = COST_TABLES[name], found["components_j"]
        dynamic_j, leaked = table.dynamic_j(events), found["idle_w"] * answer["latency_s"]
        assert dynamic_j is not None
        by_layer = sum(row[f"dynamic_j, {name}"] for row in answer["rows"])
        assert by_layer == near(dynamic_j, rel=1e-12)
        nominal = parts["nominal"]
        assert nominal["leakage"] == near(leaked, rel=1e-12)
        assert sum(nominal.values()) == near(dynamic_j + leaked, rel=1e-12)
        assert found["image_j"]["nominal"] == sum(nominal.values())
        for part in nominal:
            low, high = (parts[bound][part] for bound in ("low", "high"))
            assert 0 <= low <= nominal[part] <= high, part
        assert parts.keys() == set(BOUNDS)
        macro = sum(nominal[k] for k in ("arrays", "row drives", "converters", "dequantization"))
        assert found["converter_share"] == near(nominal["converters"] / macro)
        assert found["macro_tops_w"] == near(2e-12 * events.array_macs / macro)
        ops = 2e-12 * events.operations
        assert found["tops_w"] == near(ops / found["image_j"]["nominal"])
    count = events.conversions_5b
    assert count > 0
    wanted = {"formula_j": count * formula_j(5), "survey_j": count * survey_j(5)}
    assert answer["forms"] == near(wanted)


@pytest.mark.usefixtures("files")
def test_a_network_on_arrays_keeps_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = pictures()
    answer = report(capsys, "arrays.npz", "--images", "pictures.npz")
    assert answer["total"]["conversions_5b"] == answer["total"]["conversions"]
    placed = onto_arrays(plain(), rows=64, adc_bits=5, images=images)
    right = forward(placed, images).argmax(axis=1)
    assert answer["accuracy"]["arrays"] == float(np.mean(right == labels))
    assert answer["accuracy"]["digital"] == 0.9
    assert answer["accuracy"]["digital_is"] == "with ideal converters"
    other = report(capsys, "arrays.npz", "--images", "pictures.npz", "--adc-bits", "2")
    assert other["total"]["conversions_2b"] == answer["total"]["conversions_5b"]
    right = forward(with_adc(placed, 2), images).argmax(axis=1)
    assert other["accuracy"]["arrays"] == float(np.mean(right == labels))
    assert other["forms"]["survey_j"] is None
    text = told(capsys, "report", "arrays.npz", "--adc-bits", "2")
    assert "does not cover these bits" in " ".join(text.split())


@pytest.mark.usefixtures("files")
def test_converters_without_losses_answer_as_integers_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for bits in ("16", "ideal"):
        answer = report(capsys, "plain.npz", "--images", "pictures.npz", "--adc-bits", bits)
        assert answer["accuracy"]["as_digital"] == 1.0
        assert answer["accuracy"]["arrays"] == answer["accuracy"]["digital"] == 0.9
    assert answer["total"]["ideal_conversions"] > 0
    assert answer["energy"]["scaled28"]["components_j"]["high"]["converters"] == 0
    text = " ".join(told(capsys, "report", "plain.npz", "--adc-bits", "ideal").split())
    assert "Ideal converters (second, dense): a column's sum is its code" in text
    assert "Ideal converters have no price: they are left out of all energies." in text
    assert "Converters' share" not in text


@pytest.mark.usefixtures("files")
def test_without_images_the_worst_case_is_assumed_and_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = " ".join(told(capsys, "report", "plain.npz", "--seed", "4").split())
    assert "plain.npz, a picture of noise, seed 4" in text
    assert "Accuracy: no images given (--images)." in text
    assert "No images were given to calibrate on: real sums use little of that." in text
    answer = report(capsys, "plain.npz", "--seed", "4")
    noise = np.random.default_rng(4).integers(0, 256, (1, 8, 8, 1), np.int32)
    machine = Machine(onto_arrays(plain()))
    machine.run(noise[0])
    assert answer["total"]["row_drives"] == machine.events.row_drives
    assert answer["accuracy"] is None
    assert "No images were given" not in told(capsys, "report", "arrays.npz")


@pytest.mark.usefixtures("files")
def test_draws_of_cells_that_vary_are_told_with_their_range(
    capsys: pytest.CaptureFixture[str],
) -> None:
    images, labels = pictures()
    asked = ("arrays.npz", "--images", "pictures.npz", "--sigma", "0.1", "--seed", "5")
    answer = report(capsys, *asked, "--draws", "3")
    placed = onto_arrays(plain(), rows=64, adc_bits=5, images=images)
    machines = [Machine(placed, variation=Variation(sigma=0.1), draw=draw) for draw in (5, 6, 7)]
    right = [
        float(np.mean(machine.run_all(images).argmax(axis=1) == labels)) for machine in machines
    ]
    assert answer["accuracy"]["varied"] == right
    assert len(set(right)) > 1
    assert answer["draws"] == [5, 6, 7]
    assert answer["accuracy"]["arrays"] == report(capsys, *asked[:3])["accuracy"]["arrays"]
    assert answer["total"]["row_drives"] == near(machines[0].events.row_drives / 60)
    text = " ".join(told(capsys, "report", *asked, "--draws", "3").split())
    ends = f"({100 * min(right):.2f} .. {100 * max(right):.2f}), mean of draws 5..7"
    assert f"with cells that vary {100 * sum(right) / 3:.2f} % {ends}" in text
    assert "lognormal, sigma 0.1" in text


@pytest.mark.usefixtures("files")
def test_the_same_seed_makes_the_same_report_byte_by_byte(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = (
        "report",
        "plain.npz",
        "--images",
        "pictures.npz",
        "--read-sigma",
        "0.2",
        "--draws",
        "2",
    )
    for more in ((), ("--json",)):
        first = told(capsys, *asked, *more)
        for cores in (1, 3):
            monkeypatch.setattr("neurobot.column_cim.machine.cores", lambda cores=cores: cores)
            assert told(capsys, *asked, *more) == first
        assert told(capsys, *asked, *more, "--seed", "1") != first


@pytest.mark.usefixtures("files")
def test_a_controller_s_machine_is_reported_with_its_own_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Controller:
        machine = Machine(
            onto_arrays(plain(), adc_bits=3),
            Silicon(clock_hz=1e7, columns=32),
            Variation(sigma=0.2),
            draw=8,
        )

    monkeypatch.setattr("neurobot.cli.cim_report.make_controller", lambda name: Controller())
    answer = report(capsys, "cnn-cim?adc_bits=3", "--columns", "64")
    assert (answer["silicon"]["columns"], answer["silicon"]["clock_hz"]) == (64, 1e7)
    assert (answer["seed"], answer["draws"], answer["variation"]["sigma"]) == (8, [8], 0.2)
    assert answer["total"]["conversions_3b"] > 0


WRONG: tuple[tuple[tuple[str, ...], str], ...] = (
    (("camera",), "controller 'camera': no machine of arrays in it; needed: one of cnn-cim-*"),
    (("nobody",), "controller: unknown 'nobody'; known: "),
    (("nowhere.npz",), "nowhere.npz: "),
    (("arrays.npz", "--rows", "32"), "arrays.npz: --rows found for a network on arrays; allowed"),
    (("arrays.npz", "--cell-bits", "1"), "arrays.npz: --cell-bits found for a network on arrays"),
    (("plain.npz", "--rows", "0"), "plain.npz: "),
    (
        ("plain.npz", "--images", "nowhere.npz"),
        "nowhere.npz: no images and labels there: it cannot be read (No such file or directory);",
    ),
    (("plain.npz", "--images", "wide.npz"), "image: uint8 of shape (3, 9, 8, 1) found; allowed"),
    (("plain.npz", "--draws", "0"), "--draws 0, --seed 0 found; allowed: 1 or more, 0 or more"),
    (("plain.npz", "--seed", "-1"), "--draws 1, --seed -1 found"),
    (("plain.npz", "--sigma", "-1"), "variation: sigma = -1 found; allowed: finite, 0 or more"),
    (("plain.npz", "--columns", "0"), "silicon: columns=0 is out of range"),
    (("plain.npz", "--feature-bytes", "9"), "input: 64 bytes of maps in a feature memory needed"),
)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_a_wrong_request_gets_one_sentence(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez("wide.npz", images=np.zeros((3, 9, 8, 1), np.uint8), labels=np.zeros(3, int))
    assert main(["cim", "report", *arguments]) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"neurobot cim: {sentence}"), text
    assert len(text.strip().splitlines()) == 1


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("bits", ["0", "17", "4.5", "none", "-3"])
def test_bits_that_no_converter_has_are_refused(
    bits: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["cim", "report", "plain.npz", f"--adc-bits={bits}"])
    text = capsys.readouterr().err
    assert f"'{bits}' found; allowed: 1..16, or ideal" in text


def test_a_network_that_arrays_cannot_hold_at_all_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = (
        Conv("only", ("input",), np.ones((2, 1, 1, 4), int), 2),
        Scores("scores", ("only",), [1, 1], [0, 0]),
    )
    path = str(tmp_path / "one.npz")
    save(Network(input_shape=(1, 1, 4), layers=layers), path)
    assert main(["cim", "report", path]) == 2
    assert "no layer can lie on arrays: only: the first or the last" in capsys.readouterr().err
    answer = report(capsys, path, "--edges", "arrays")
    assert answer["digital_layers"] == {"names": [], "why": ""}


def test_a_range_is_written_in_the_unit_of_its_energy() -> None:
    for nominal, low, high, text in (
        (1.6e-9, 3.2e-10, 8.34e-9, "1.6 nJ (0.32 .. 8.3)"),
        (9.96e-10, 8.1e-12, 2e-6, "1.0 nJ (0.0081 .. 2000)"),
        (4e-7, 0.0, 4e-7, "400 nJ (0 .. 400)"),
        (0.0, 0.0, 0.0, ""),
    ):
        found = spread({"nominal": nominal, "low": low, "high": high})
        assert found.replace("[dim]", "").replace("[/]", "") == text


def test_published_macros_are_printed_beside_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = told(capsys, "macros")
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    lines = [line.split() for line in text.splitlines()]
    assert sum("FAR" in line for line in lines[:-8]) == 3
    jia = next(line for line in lines if line[:1] == ["Jia"])
    assert jia == [
        "Jia",
        "2020",
        "65",
        "0.85",
        "1/1/8",
        "349",
        "80.2..1150",
        "400",
        "0.87",
        "19.2",
        "15.6",
    ]
    rows = json.loads(told(capsys, "macros", "--json"))["rows"]
    assert len(rows) == 13
    for row in rows:
        assert row["ratio"] == near(row["tops_w"] / row["published_tops_w"])
        assert row["tops_w_low"] < row["tops_w"] < row["tops_w_high"]
        assert row["is_far"] == (not 1 / 3 <= row["ratio"] <= 3)


def test_a_trained_network_is_reported_from_its_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """One whose steps are its columns' own, as training makes them."""
    rng = np.random.default_rng(0)
    conv = ColumnConv(
        "conv", ("input",), rng.integers(-4, 4, (5, 3, 3, 4)), 3, rows=18, adc_bits=4,
        steps=rng.uniform(0.5, 1, (2, 5)), adc_step=rng.uniform(1, 2, (2, 3, 5)),
    )  # fmt: skip
    layers = (conv, Requant("codes", ("conv",), [1] * 5, [0] * 5, 3, 0, 15, 4))
    head = Conv("head", ("codes",), rng.integers(-4, 4, (3, 4, 4, 5)), 3)
    end = Scores("scores", ("head",), [1] * 3, [0] * 3)
    path = str(tmp_path / "trained.npz")
    save(Network(input_shape=(6, 6, 4), layers=(*layers, head, end), input_bits=4), path)
    answer = report(capsys, path)
    (row,) = [row for row in answer["rows"] if row["where"] == "arrays"]
    assert (row["weight_steps"], row["adc_steps"]) == ("column", "column")
    assert row["dequantizations"] == row["multiplies"] == 16 * 2 * 3 * 5
    assert row["constants"] == 2 * 3 * 5
    assert row["corrections"] == 16 * 2 * 5
    assert answer["digital_layers"] == {"names": ["head"], "why": "the network has them so"}
    assert "as the network was trained" in " ".join(answer["converters"])

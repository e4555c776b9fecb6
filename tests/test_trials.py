"""Trials of networks on cells that vary: kept, resumed, the same whoever runs them, summed up."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t as student

from neurobot.cli import main
from neurobot.cli.labelled import read_labelled
from neurobot.column_cim.placing import onto_arrays
from neurobot.column_cim.summary import estimate, minus, summarize
from neurobot.column_cim.trials import (
    OWN,
    Chip,
    Labelled,
    Study,
    Trial,
    fingerprint_of,
    run_trials,
)
from neurobot.column_cim.variation import Variation, plans_for
from neurobot.qnet import Conv, Network, Requant, Runner, Scores, forward, save

Array = NDArray[Any]
VERSION = "1.2"
VARIATIONS = [Variation(sigma=0.3), Variation("independent", 0.2, read_sigma=0.1)]


def network(seed: int = 0) -> Network:
    """Return a network of two dense layers on small images."""
    chance = np.random.default_rng(seed)
    layers = (
        Conv("first", ("input",), chance.integers(-8, 8, (12, 4, 4, 1)), 4),
        Requant("codes", ("first",), [1 << 10] * 12, [4 << 16] * 12, 16, 0, 15, 4),
        Conv("last", ("codes",), chance.integers(-8, 8, (5, 1, 1, 12)), 4),
        Scores("scores", ("last",), [1] * 5, [0] * 5),
    )
    return Network(input_shape=(4, 4, 1), layers=layers)


def images_of(count: int = 70) -> Array:
    return np.random.default_rng(1).integers(0, 256, (count, 4, 4, 1), np.uint8)


def make_study(seeds: tuple[int, ...] = (0, 1), count: int = 70) -> Study:
    """Return a study of networks whose plain answers to the images are the right ones."""
    images = images_of(count)
    labelled = Labelled("noise", images, forward(network(), images).argmax(axis=1))
    chips = {
        Chip(f"net{seed}", bits): onto_arrays(network(seed), edges="arrays", adc_bits=bits)
        for seed in seeds
        for bits in (None, 5)
    }
    return Study(chips, labelled, VERSION)


def make_trials(study: Study, draws: int = 3) -> list[Trial]:
    return study.trials(VARIATIONS, range(draws))


# What a trial is


def test_trials_are_all_chips_variations_and_draws() -> None:
    trials = make_trials(make_study())
    assert len(trials) == len(set(trials)) == 4 * (1 + 2 * 3)
    assert [trial.draw for trial in trials[:7]] == [0, 0, 1, 2, 0, 1, 2]
    assert trials[0].variation == Variation()
    leaky = make_study().trials([Variation(on_off=4.0)], range(5, 9))
    assert [trial.draw for trial in leaky] == [0, 0] * 4


def test_a_line_tells_what_was_tried_and_how_many_were_right() -> None:
    study = make_study()
    trials = make_trials(study)
    lines = run_trials(study, trials)
    assert lines[0]["accuracy"] == 1
    for trial, line in zip(trials, lines, strict=True):
        found = Runner(
            study.chips[trial.chip], plans_for(study.chips[trial.chip], trial.variation, trial.draw)
        )
        right = (found.run_all(study.labelled.images).argmax(axis=1) == study.labelled.labels).sum()
        assert line["right"] == right
        assert line["accuracy"] == right / 70
        assert line["images"]["count"] == 70
        assert (line["network"], line["adc_bits"]) == trial.chip
        assert line["variation"] == trial.variation.plain
        assert line["draw"] == trial.draw
    assert len({line["right"] for line in lines}) > 5


# Files


def test_a_file_is_the_same_whoever_makes_it(tmp_path: Path) -> None:
    study = make_study()
    one, two, three = (tmp_path / f"{n}.jsonl" for n in range(3))
    trials = make_trials(study)
    lines = run_trials(study, trials, one)
    run_trials(study, trials, two, jobs=3)
    run_trials(make_study(), trials, three, jobs=2)
    assert one.read_bytes() == two.read_bytes() == three.read_bytes()
    assert [json.loads(text) for text in one.read_text().splitlines()] == lines


class Stop(BaseException):
    """What Ctrl-C is like."""


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_was_interrupted_goes_on(tmp_path: Path, jobs: int) -> None:
    study, whole, part = make_study(), tmp_path / "whole.jsonl", tmp_path / "part.jsonl"
    trials, seen = make_trials(study), []
    wanted = run_trials(study, trials, whole)

    def interrupt(done: int, total: int) -> None:
        written = part.read_text().count("\n") if done else 0
        seen.append((done, total, written))
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        run_trials(study, trials, part, jobs=jobs, progress=interrupt)
    assert seen == [(n, 28, n) for n in range(6)]
    assert part.read_text().splitlines() == whole.read_text().splitlines()[:5]
    with part.open("a") as file:
        file.write(whole.read_text().splitlines()[5][:60])
    done: list[int] = []
    found = run_trials(study, trials, part, jobs=jobs, progress=lambda n, total: done.append(n))
    assert done == list(range(5, 29))
    assert part.read_bytes() == whole.read_bytes()
    assert found == wanted


def test_what_is_there_is_not_tried_again(tmp_path: Path) -> None:
    study, out = make_study(), tmp_path / "t.jsonl"
    few, many = make_trials(study, 1), make_trials(study, 2)
    run_trials(study, few, out)
    text = out.read_text().replace('"right": ', '"right": 1')
    out.write_text(text)
    lines = run_trials(study, many, out)
    assert out.read_text().startswith(text)
    assert len(out.read_text().splitlines()) == len(many) == len(lines)
    assert sum(line["right"] > 70 for line in lines) == len(few)


def test_trials_of_another_study_are_refused(tmp_path: Path) -> None:
    study, out = make_study(), tmp_path / "t.jsonl"
    run_trials(study, make_trials(study, 1), out)
    kept = out.read_bytes()
    other = make_study(count=69)
    with pytest.raises(ValueError, match=r"t.jsonl: trials of other images found: .*'count': 70"):
        run_trials(other, make_trials(other), out)
    chips = {Chip("net0", 5): onto_arrays(network(3), edges="arrays", adc_bits=5)}
    with pytest.raises(ValueError, match=r"t.jsonl: trials of other network 'net0' found"):
        run_trials(Study(chips, study.labelled, VERSION), [], out)
    out.write_bytes(kept.replace(b'"version": "', b'"version": "x'))
    with pytest.raises(ValueError, match=r"t.jsonl: trials of other version found: x"):
        run_trials(study, [], out)
    chips = {Chip("net9", 5): onto_arrays(network(3), edges="arrays", adc_bits=5)}
    out.write_bytes(kept)
    assert len(run_trials(*more(Study(chips, study.labelled, VERSION)), out)) == 3
    assert out.read_bytes().startswith(kept)


def more(study: Study) -> tuple[Study, list[Trial]]:
    return study, make_trials(study, 1)


@pytest.mark.parametrize(
    "text", ["notes\n", "notes", '{"accuracy": 1}\n', "[1]\n", '{"a": 1}\n{"ac']
)
def test_files_of_something_else_are_left_alone(tmp_path: Path, text: str) -> None:
    out = tmp_path / "t.jsonl"
    out.write_text(text)
    with pytest.raises(ValueError, match=r"t.jsonl: b.* found; allowed: trials"):
        run_trials(make_study(), [], out)
    assert out.read_text() == text


def test_only_networks_on_arrays_and_their_images_can_be_tried() -> None:
    labelled = make_study().labelled
    with pytest.raises(ValueError, match="plain: no layer on arrays found; allowed: 1 or more"):
        Study({Chip("plain", OWN): network()}, labelled, VERSION)
    placed = onto_arrays(network(), edges="arrays")
    other = labelled._replace(images=labelled.images[:, :3])
    with pytest.raises(ValueError, match="image: uint8 of shape"):
        Study({Chip("net", OWN): placed}, other, VERSION)
    with pytest.raises(ValueError, match="jobs = 0 found; allowed: 1 or more"):
        run_trials(make_study(), [], jobs=0)


def test_fingerprints_are_of_what_is_computed() -> None:
    one = onto_arrays(network(), edges="arrays")
    assert fingerprint_of(one) == fingerprint_of(one.with_notes({"a": 1}))
    changes = {"rows": 8, "adc_bits": 5, "dac_bits": 2, "encoding": "offset"}
    others = [
        onto_arrays(network(), edges="arrays", **{name: value})  # type: ignore[arg-type]
        for name, value in changes.items()
    ]
    prints = {fingerprint_of(each) for each in (one, network(), network(1), *others)}
    assert len(prints) == 7


# Sums


def test_estimates_are_students() -> None:
    values = [0.5, 0.75, 0.625, 0.875]
    found = estimate(values)
    half = student.ppf(0.975, 3) * np.std(values, ddof=1) / 2
    assert found.mean == np.mean(values)
    assert math.isclose(found.half or 0, half)
    assert found.resolved
    assert not estimate([-1.0, 1.0, 0.5]).resolved
    assert estimate([0.5]) == (0.5, None)
    assert not estimate([0.5]).resolved


def test_differences_are_of_pairs() -> None:
    assert minus({0: 3.0, 1: 5.0, 4: 1.0}, {1: 1.0, 0: 2.0}) == {0: 1.0, 1: 4.0}
    assert minus({3: 3.0, 4: 5.0}, {0: 1.0}) == {3: 2.0, 4: 4.0}
    assert minus({0: 1.0}, {3: 3.0, 4: 5.0}) == {3: -2.0, 4: -4.0}


def test_a_summary_is_of_the_lines_alone() -> None:
    study = make_study()
    lines = run_trials(study, make_trials(study, 4))
    rows = summarize(lines)
    assert len(rows) == 4 * 3

    def shares(name: str, bits: Any, variation: Variation) -> Array:
        wanted = name, bits, variation.plain
        found = [
            line["accuracy"]
            for line in lines
            if (line["network"], line["adc_bits"], line["variation"]) == wanted
        ]
        return np.array(found)

    for row in rows:
        plain = row.group.plain
        name, bits = plain["network"], plain["adc_bits"]
        variation = next(v for v in (Variation(), *VARIATIONS) if v.plain == plain["variation"])
        own, none = shares(name, bits, variation), shares(name, bits, Variation())
        first, first_none = shares("net0", bits, variation), shares("net0", bits, Variation())
        assert row.draws == len(own) == (4 if variation.random else 1)
        assert math.isclose(row.accuracy.mean, own.mean())
        assert math.isclose(row.change.mean, (own - none).mean(), abs_tol=1e-12)
        if name == "net0":
            assert row.better is None
            assert row.steadier is None
            continue
        assert row.better is not None
        assert row.steadier is not None
        assert math.isclose(row.better.mean, (own - first).mean(), abs_tol=1e-12)
        steadier = (own - none) - (first - first_none)
        assert math.isclose(row.steadier.mean, steadier.mean(), abs_tol=1e-12)
        if len(own) > 1:
            half = student.ppf(0.975, 3) * (own - first).std(ddof=1) / 2
            assert math.isclose(row.better.half or 0, half, abs_tol=1e-12)


# The command


def write_files(folder: Path) -> list[str]:
    """Write two networks, one of them on arrays, and images; return a command."""
    save(network(), folder / "plain.npz")
    save(onto_arrays(network(1), edges="arrays"), folder / "placed.npz")
    labelled = make_study().labelled
    np.savez(folder / "set.npz", images=labelled.images, labels=labelled.labels)
    names = [str(folder / name) for name in ("placed.npz", "set.npz", "out.jsonl")]
    return ["cim", "vary", names[0], "--images", names[1], "--out", names[2], "--draws", "3"]


def test_the_command_tries_and_sums_up(tmp_path: Path, capsys: Any) -> None:
    command = write_files(tmp_path)
    command += ["--sigmas", "0", "0.2", "--laws", "lognormal", "independent"]
    assert main([*command, "--adc-bits", "4", "ideal", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"] == "cim vary"
    assert found["images"]["name"] == "set.npz"
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    # Without variation once by converter, whatever the law; and 2 laws with 3 draws.
    assert len(lines) == 2 * (1 + 2 * 3)
    assert len(found["rows"]) == 2 * (1 + 2)
    assert [row["adc_bits"] for row in found["rows"]] == [4] * 3 + [None] * 3
    kept = (tmp_path / "out.jsonl").read_bytes()
    assert main([*command, "--adc-bits", "4", "ideal", "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "placed" in shown
    assert "independent 0.2" in shown
    assert "loses less" not in shown
    assert (tmp_path / "out.jsonl").read_bytes() == kept
    assert main([*command, "--count", "9"]) == 2
    assert "trials of other images found" in capsys.readouterr().err


def test_networks_are_compared_with_the_first(tmp_path: Path, capsys: Any) -> None:
    command = write_files(tmp_path)
    command.insert(3, str(tmp_path / "plain.npz"))
    assert main([*command, "--edges", "digital"]) == 2
    capsys.readouterr()
    save(onto_arrays(network(), edges="arrays"), tmp_path / "plain.npz")
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["better"] is None for row in rows] == [True] * 3 + [False] * 3
    means = [row["accuracy"]["mean"] for row in rows]
    assert math.isclose(rows[3]["better"]["mean"], means[3] - means[0])
    assert main(command) == 0
    assert "loses less" in capsys.readouterr().out
    command.insert(3, command[2])
    assert main(command) == 2
    assert "networks placed, placed, plain found; allowed: names that" in capsys.readouterr().err


def test_a_plain_network_is_placed_first(tmp_path: Path, capsys: Any) -> None:
    command = write_files(tmp_path)
    command[2] = str(tmp_path / "plain.npz")
    assert main(command) == 2
    assert "plain.npz: no layer can lie on arrays: first: the first" in capsys.readouterr().err
    placing = ["--edges", "arrays", "--rows", "12", "--encoding", "differential"]
    assert main([*command, *placing, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["adc_bits"] for row in rows] == [4] * 3
    assert rows[0]["accuracy"]["half"] is None
    assert rows[0]["accuracy"]["mean"] > 0.5
    assert main([*command, *placing, "--jobs", "1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "plain: converters of sums on 70 images; digital stays nothing." in shown
    command[2] = str(tmp_path / "placed.npz")
    assert main([*command, "--rows", "12"]) == 2
    assert "placed.npz: --rows found for a network on arrays" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--draws", "0"], "--draws 0, --seed 0 found; allowed: 1 or more, 0 or more"),
        (["--sigmas", "-1"], "variation: sigma = -1 found; allowed: finite, 0 or more"),
        (["--on-off", "1"], "variation: on_off = 1 found; allowed: more than 1, or inf"),
        (["--count", "0"], "--count 0 found; allowed: 1 or more images"),
        (["--jobs", "0"], "jobs = 0 found; allowed: 1 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, capsys: Any, change: list[str], text: str
) -> None:
    assert main([*write_files(tmp_path), *change]) == 2
    assert text in capsys.readouterr().err


def test_converters_of_no_bits_are_refused(tmp_path: Path, capsys: Any) -> None:
    for bits in ("0", "17", "four"):
        with pytest.raises(SystemExit):
            main([*write_files(tmp_path), "--adc-bits", bits])
        assert f"{bits!r} found; allowed: 1..16, or ideal" in capsys.readouterr().err


def test_who_interrupts_is_told_how_to_go_on(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurobot.cli.cim_vary.run_trials", interrupted)
    assert main(write_files(tmp_path)) == 130
    found = capsys.readouterr().err
    assert found.startswith("neurobot cim vary: interrupted; what is done stays in ")
    assert found.endswith("out.jsonl; the same command goes on from there\n")


# Images


def test_images_come_from_a_file(tmp_path: Path) -> None:
    labelled = make_study().labelled
    path = tmp_path / "set.npz"
    np.savez(path, images=labelled.images, labels=labelled.labels)
    found, calibration = read_labelled(str(path))
    np.testing.assert_array_equal(found.images, labelled.images)
    np.testing.assert_array_equal(found.labels, labelled.labels)
    np.testing.assert_array_equal(calibration, labelled.images)
    assert len(read_labelled(str(path), 7).labelled.labels) == 7


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"images": images_of(3)}, "images found; needed: images and labels"),
        ({"images": images_of(3)[..., 0], "labels": np.zeros(3, int)}, "images: uint8 of shape"),
        ({"images": images_of(3) / 255, "labels": np.zeros(3, int)}, "images: float64 of shape"),
        ({"images": images_of(3), "labels": np.zeros(2, int)}, "labels: int64 of shape"),
        ({"images": images_of(3), "labels": np.zeros(3)}, "labels: float64 of shape"),
        ({"images": images_of(3)[:0], "labels": np.zeros(0, int)}, "with N of 1 or more"),
    ],
)
def test_files_of_no_images_are_refused(tmp_path: Path, arrays: Any, text: str) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=rf"set.npz: .*{text}"):
        read_labelled(str(path))
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"set.npz: no images and labels there"):
        read_labelled(str(path))

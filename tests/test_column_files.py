"""Columns of memory cells in files: what is saved is loaded again, and forged files are refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_columns import around, coarse, draw_case
from forged_files import (
    Header,
    array_file,
    header_of,
    read_members,
    refusal_of,
    sign,
    write_members,
)
from qnets import assert_same

from neurobot.qnet import ColumnConv, Conv, Network, Runner, Scores, Signal, load, save


def small(**settings: Any) -> Network:
    weights = np.arange(-6, 6).reshape(3, 1, 2, 2)
    given: dict[str, Any] = {
        "rows": 3,
        "cell_bits": 2,
        "encoding": "differential",
        "dac_bits": 2,
        "adc_bits": 3,
        "adc_step": np.linspace(0.5, 1.5, 24).reshape(2, 4, 3),
        "adc_offset": np.linspace(-3, 3, 24).reshape(2, 4, 3),
        "steps": np.linspace(0.1, 0.9, 6).reshape(2, 3),
    }
    conv = ColumnConv("conv", ("input",), weights, 4, **(given | settings))
    layers = conv, Scores("scores", ("conv",), [1, 2, 3], [0, 0, 0])
    return Network(input_shape=(1, 2, 2), layers=layers, input_bits=4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / "net.npz"
    save(small(), target)
    return target


def test_what_is_saved_is_loaded_again_and_runs_the_same(tmp_path: Path) -> None:
    rng, target = np.random.default_rng(0), tmp_path / "net.npz"
    for number in range(60):
        case = draw_case(rng)
        network = around(coarse(case, rng) if number % 3 else case.conv, case.source)
        save(network, target)
        content = target.read_bytes()
        found = load(target)
        assert_same(found, network)
        assert Runner(found)(case.image).tobytes() == Runner(network)(case.image).tobytes()
        save(found, target)
        assert target.read_bytes() == content


def test_files_without_columns_are_as_they_were(tmp_path: Path) -> None:
    network = around(
        Conv("conv", ("input",), np.ones((1, 1, 1, 1), int), 2), Signal((1, 1, 1), 0, 1, 1)
    )
    save(network, tmp_path / "net.npz")
    members = read_members(tmp_path / "net.npz")
    header = header_of(members)
    assert header["version"] == 1
    assert list(members) == ["header.npy", "0.weights.npy", "2.multiplier.npy", "2.bias.npy"]
    assert sorted(header["layers"][0]) == sorted(
        ["kind", "name", "inputs", "weights", "weight_bits", "odd", "stride", "padding", "groups"]
    )


Change = Callable[[Header], Any]


def put(**values: Any) -> Change:
    return lambda header: header["layers"][0].update(values)


FORGED: dict[str, tuple[Change, str]] = {
    "a constant less": (lambda h: h["layers"][0].pop("rows"), "layer 0: .* found; allowed"),
    "a constant more": (put(columns=1), "layer 0: .* found; allowed"),
    "a plain kind": (put(kind="Conv"), "layer 0: .* found; allowed"),
    "rows": (put(rows=1), "conv: a kernel of 1 x 2 needs 2 rows, an array has 1; allowed"),
    "absurd rows": (put(rows=10**12), "conv: rows = 1000000000000 found; allowed"),
    "cells": (put(cell_bits=5), "conv: cell_bits = 5 found; allowed"),
    "a list as encoding": (put(encoding=["offset"] * 1000), "conv: encoding = .* found; allowed"),
    "a DAC": (put(dac_bits=None), "conv: dac_bits = None found; allowed"),
    "an ADC of 0 bits": (put(adc_bits=0), "conv: adc_bits = 0 found; allowed: .*None for an ideal"),
    "an ideal ADC with steps": (put(adc_bits=None), "conv: adc_step or adc_offset of ideal"),
    "an infinite ADC": (put(adc_bits="inf"), "conv: adc_bits = 'inf' found; allowed"),
    "a fraction": (put(fraction=0.5), "conv: fraction = 0.5 found; allowed"),
    "a truth that is none": (put(flat=0), "conv: flat = 0 found; allowed: True or False"),
    "tiles of single inputs": (
        put(flat=True, rows=1),
        r"conv: steps of shape \(2, 3\) found; allowed: \(4, 3\)",
    ),
    "other columns": (put(encoding="offset"), r"conv: adc_step of shape \(2, 4, 3\) found; allowe"),
    "odd codes": (put(odd=True), r"conv: odd codes found; allowed"),
    "float32 weights": (put(weight_bits=32), r"conv: weights: .*'\|u1'.* found; allowed: .*'<f4'"),
    "4 axes of steps": (put(adc_step=[2, 4, 3, 1]), "conv: adc_step: shape = .* 3 whole numbers"),
    "1 axis of steps": (put(steps=[6]), "conv: steps: shape = .* allowed: 2 whole numbers"),
    "absurd steps": (put(adc_offset=[10**6, 10**6, 3]), "conv: adc_offset: shape .* at most"),
    "other steps": (put(steps=[3, 2]), r"conv: steps: .*\(2, 3\).* found; allowed: .*\(3, 2\)"),
    "more bits of inputs": (
        lambda h: h["network"].update(input_signed=True),
        r"conv: inputs of -8\.\.7 found; allowed: codes",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_header_is_refused(path: Path, name: str) -> None:
    change, sentence = FORGED[name]
    members = read_members(path)
    header = header_of(members)
    change(header)
    write_members(path, sign(header, members))
    assert re.match(sentence, found := refusal_of(load, path)), found
    assert len(found) < 400


def test_forged_constants_are_refused_by_name(path: Path) -> None:
    members = read_members(path)
    network = small()
    conv = network.layers[0]
    assert isinstance(conv, ColumnConv)
    for name, value, sentence in (
        ("adc_step", -1, r"conv: adc_step\[0, 1, 2\] = -1.0 found; allowed: greater than 0"),
        ("adc_step", np.nan, r"conv: adc_step\[0, 1, 2\] = nan found; allowed: finite"),
        ("adc_offset", np.inf, r"conv: adc_offset\[0, 1, 2\] = inf found; allowed: finite"),
    ):
        spoilt = getattr(conv, name).copy()
        spoilt[0, 1, 2] = value
        forged = members | {f"0.{name}.npy": array_file(spoilt)}
        write_members(path, sign(header_of(members), forged))
        assert re.match(sentence, found := refusal_of(load, path)), found
    wide = members | {"0.steps.npy": array_file(conv.steps.astype(np.float64))}
    write_members(path, sign(header_of(members), wide))
    assert re.match("conv: steps: .*'<f8'.* allowed: .*'<f4'", found := refusal_of(load, path)), (
        found
    )


def test_a_bit_flipped_anywhere_is_refused(path: Path) -> None:
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in range(0, len(content), 8):
        spoilt = bytearray(content)
        at = min(place + int(rng.integers(0, 8)), len(content) - 1)
        spoilt[at] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(spoilt)
        refusal_of(load, path)

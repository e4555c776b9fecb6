"""The hardware tables of the compute-in-memory machine: each runs, and what it claims holds."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("torch", reason="shapes are those of networks in PyTorch, of the extra 'train'")

from neurobot.mars import REFILLS, Silicon
from neurobot.mars.tiling import Tiling

SCRIPTS = Path(__file__).parent.parent / "scripts"
MODULES = ("mars_shapes", "mars_sweep", "mars_scaling", "table_mars_hardware")


@pytest.fixture(scope="module")
def scripts() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})


def text(shown: Iterator[Any]) -> str:
    console = Console(width=160, file=StringIO())
    for part in shown:
        console.print(part)
    assert isinstance(console.file, StringIO)
    return " ".join(console.file.getvalue().split())


# Facts: kilocycles of computing and of refilling, of convolutions that are all alike.
KILOCYCLES = {
    ("vgg16_cifar", 8, 0.0): (313, 230),
    ("vgg16_cifar", 8, 0.75): (78, 57),
    ("vgg16_cifar", 4, 0.0): (157, 115),
    ("vgg16_cifar", 4, 0.5): (78, 57),
    ("resnet18_cifar", 8, 0.0): (550, 174),
    ("resnet18_cifar", 8, 0.75): (137, 44),
    ("resnet18_cifar", 4, 0.0): (275, 87),
    ("resnet18_cifar", 4, 0.5): (137, 44),
}


@pytest.mark.parametrize(("network", "bits", "zeros"), KILOCYCLES)
def test_networks_whose_layers_are_all_alike_take_the_cycles_by_hand(
    scripts: Any, network: str, bits: int, zeros: float
) -> None:
    shapes = scripts.mars_shapes
    net = shapes.Net(network, shapes.Form(bits, 8), shapes.keep(zeros), 0, alike=True)
    found = shapes.measure(net.loads(Silicon()), Silicon())
    # By hand there is no classifier, and all cores have the same share of the tiles that are kept.
    uneven = 1.08 if zeros else 1.003
    for cycles, by_hand in zip(
        (found.compute, found.refill), KILOCYCLES[network, bits, zeros], strict=True
    ):
        assert by_hand - 0.6 < cycles / 1e3 < uneven * by_hand + 0.6


def test_masks_keep_as_many_tiles_as_said_and_are_nested(scripts: Any) -> None:
    keep = scripts.mars_shapes.keep
    tiling = Tiling((64, 3, 3, 48), 1, 16, 8)
    masks = [keep(zeros)(tiling, np.random.default_rng(5)) for zeros in (0.0, 0.3, 0.6, 1.0)]
    total = 8 * 27
    assert [int(mask.sum()) for mask in masks] == [total, total - 65, total - 130, 0]
    assert all((few <= many).all() for many, few in pairwise(masks))
    other = keep(0.3)(tiling, np.random.default_rng(6))
    assert (other != masks[1]).any()


def test_first_layer_and_classifier_keep_8_bits_and_all_tiles(scripts: Any) -> None:
    shapes = scripts.mars_shapes
    loads = shapes.Net("small_vgg", shapes.Form(4, 4), shapes.keep(0.5), 0).loads(Silicon())
    convs = [load for load in loads if load.kept]
    assert [load.slot for load in convs] == [8, 4, 4, 4, 4, 8]
    assert [load.input_bits for load in convs] == [8, 4, 4, 4, 4, 8]
    assert [load.skipped > 0 for load in convs] == [False, True, True, True, True, False]
    assert [load.places for load in convs] == [784, 196, 196, 49, 49, 1]
    assert sum(load.macs for load in convs) == 5_537_664


def test_the_published_figures_stand_beside_the_model(scripts: Any) -> None:
    table = scripts.table_mars_hardware
    rows = table.published_rows(0)
    assert len(rows) == 2 * 3 * 4
    for row in rows:
        speed = {refill: row[f"frames_per_s, {refill}"] for refill in REFILLS}
        assert speed["paired"] < speed["serial"] < speed["overlapped"], row
        assert row["energy_j, low"] < row["energy_j, nominal"] < row["energy_j, high"]
        assert row["macros_j"] < row["energy_j, nominal"]
        assert row["executed"] <= row["tops_per_w"]
        dense = {"vgg16_cifar": 313_201_664, "resnet18_cifar": 555_422_720}[row["network"]]
        assert row["tops_per_w"] == pytest.approx(2e-12 * dense / row["energy_j, nominal"])
        assert row["power_w"] == pytest.approx(row["energy_j, nominal"] * speed["serial"])
    for rate in REFILLS:
        by_zeros = [row[f"frames_per_s, {rate}"] for row in rows[:4]]
        assert by_zeros == sorted(by_zeros)
    shown = text(table.show_published(rows))
    assert "52.3 TOPS/W with VGG16 (12.0 uJ a frame)" in shown
    assert "88.2 TOPS/W with ResNet18 (12.6 uJ a frame)" in shown


def test_cycles_follow_kept_tiles(scripts: Any) -> None:
    scaling = scripts.mars_scaling
    rows = scaling.follow_rows(0, ("vgg16_cifar", "vgg_small", "small_vgg"))
    assert scaling.correlation(rows, "tiles_time") > 0.99
    networks = scaling.grouped(rows, "network", "form")
    assert len(networks) == 6
    for key, mine in networks.items():
        assert scaling.correlation(scaling.sums(mine), "tiles") > 0.99, key
    constant = [{"tiles": 1, "cycles": 5}, {"tiles": 2, "cycles": 5}]
    assert scaling.correlation(constant, "tiles") == 0
    assert "are above 0.99" in text(scaling.show_follow(rows))


def test_only_groups_of_whole_accesses_save_cycles(scripts: Any) -> None:
    scaling = scripts.mars_scaling
    rows = scaling.pruning_rows(0, ("vgg16_cifar",))
    for row in rows:
        assert row["each weight"] < 0.05, row
        assert row["each weight"] <= row["R x 1"] < row["R x C, a tile"], row
        for name in ("R x C, a tile", "R x 2C", "R x 4C"):
            assert row[name] == pytest.approx(row["zero_weights"], abs=0.02), (name, row)
    assert "R x 4C" in text(scaling.show_prunings(rows))


def test_prunings_leave_as_many_tiles_as_chance_says(scripts: Any) -> None:
    scaling = scripts.mars_scaling
    tiling = Tiling((512, 3, 3, 512), 1, 4, 2)
    rng = np.random.default_rng(1)
    each = 1 - scaling.one_by_one(0.7)(tiling, rng).mean()
    assert each == pytest.approx(0.7**8, abs=0.002)  # 294 912 tiles
    rows = 1 - scaling.by_row_group(0.7)(tiling, rng).mean()
    assert rows == pytest.approx(0.7**2, abs=0.004)
    doubled = scaling.by_blocks(0.7, 2)(tiling, rng)
    assert 1 - doubled.mean() == pytest.approx(0.7, abs=1e-5)
    assert (doubled[::2] == doubled[1::2]).all()
    odd = Tiling((5, 3, 3, 8), 1, 4, 2)  # three blocks, the last one half empty
    assert scaling.by_blocks(0.5, 2)(odd, rng).shape == (3, 18)


def test_more_macros_pay_until_there_are_too_few_blocks(scripts: Any) -> None:
    scaling = scripts.mars_scaling
    rows = scaling.macros_rows(
        0, ((scaling.VGG16, scaling.FORMS[0]), ("small_vgg", scaling.FORMS[0]))
    )
    for row in rows:
        assert sum(row["spent"].values()) == pytest.approx(1)
        assert min(row["spent"].values()) > -1e-12, row
    by = scaling.grouped(rows, "network", "arrangement")
    large = by["vgg16_cifar", "one core of n macros"]
    assert scaling.knee(scaling.speed_ups(large, "serial")) == 16
    small = by["small_vgg", "n cores of one macro"]
    assert scaling.knee(scaling.speed_ups(small, "serial")) <= 4
    assert small[-1]["spent"]["no block"] > 0.5
    assert [row["paired"] is None for row in small] == [n in (1, 3) for n in scaling.MACROS]
    assert by["small_vgg", "one core of n macros"][-1]["spent"]["refill"] == 0
    shown = text(scaling.show_macros(rows))
    assert "all weights stay in the macros" in shown
    assert scaling.knee({1: 1.0, 2: 1.9, 3: 2.0, 4: 3.9}) == 2


def test_the_sweep_says_what_the_published_figures_exclude(scripts: Any) -> None:
    sweep = scripts.mars_sweep
    grid = sweep.Grid(sweep.FORMS[::2], ("serial", "overlapped"), (2, 8), (100,), (16,))
    rows = sweep.rows_of(sweep.measure_all(grid, 0))
    assert len(rows) == 2 * 2 * 2 * len(sweep.LIMITS)
    # VGG16 has fewer products: with the same zeros it is never the slower one.
    assert not any(row["B: same zeros"] for row in rows)
    assert any(row["A: same zeros"] for row in rows)
    for row in rows:
        assert row["rates: reached"] or not row["rates: allowed"]
        for way in "AB":
            assert row[f"{way}: as said"] >= row[f"{way}: same zeros"]
            assert row[f"{way}: as said"] >= row[f"{way}: allowed"]
    shown = text(sweep.show(rows))
    assert "B: same zeros: excluded: all" in shown
    assert "2 macros/core, 100 MHz, 16 rows" in shown


def test_straight_lines_between_shares_are_what_is_measured(scripts: Any) -> None:
    shapes, sweep = scripts.mars_shapes, scripts.mars_sweep
    grid = sweep.Grid(sweep.FORMS[:1], ("serial",), (2,), (100,), (16,))
    ((_, curves),) = sweep.measure_all(grid, 0).items()
    place = int(np.flatnonzero(np.isclose(sweep.ZEROS, 0.62))[0])
    for network, curve in curves.items():
        net = shapes.Net(network, sweep.FORMS[0], shapes.keep(0.62), 0)
        found = shapes.measure(net.loads(Silicon()), Silicon())
        assert curve.frames_per_s[place] == pytest.approx(found.frames_per_s, rel=0.01)
        tops = [found.tops_per_w(bound) for bound in ("nominal", "low", "high")]
        assert curve.tops_per_w[:, place] == pytest.approx(tops, rel=0.01)


def test_readings_of_a_curve(scripts: Any) -> None:
    sweep = scripts.mars_sweep
    speeds = np.array([600.0, 701.0, 799.0, 801.0])
    tops = np.array([[30.0, 45.0, 60.0, 90.0], [40.0, 60.0, 80.0, 99.0], [10.0, 20.0, 55.0, 60.0]])
    curve = sweep.Curve(speeds, tops)
    assert curve.reached(700).tolist() == [False, True, True, True]
    assert curve.said(700).tolist() == [False, True, True, False]
    assert curve.allowed(52.3).tolist() == [False, True, False, False]
    assert curve.near(52.3).tolist() == [False, True, True, False]


def test_the_index_takes_what_was_counted_by_hand(
    scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = scripts.table_mars_hardware
    monkeypatch.setattr(table, "TILES", ((8, 16, 8), (8, 16, 1)))
    rows = table.index_rows(0, ("vgg16_cifar",))
    dense = {(r["rows"], r["columns"]): r for r in rows if not r["zeros"]}
    # 14.7 M weights, those of 3 channels padded to 16: tiles of 128, groups of 16.
    assert dense[16, 8]["bitmap"] == pytest.approx(115_000, rel=2e-3)
    assert dense[16, 1]["bitmap"] == pytest.approx(0.92e6, rel=2e-3)
    assert dense[16, 8]["tile_bits"] == pytest.approx(118e6, rel=5e-3)
    for row in rows:
        smallest = min(("bitmap", "list", "delta"), key=lambda name: row[name])
        assert smallest == ("delta" if row["zeros"] >= 0.75 else "bitmap"), row


@pytest.mark.parametrize("json_wanted", [False, True])
def test_the_command_prints_a_table_or_json(
    scripts: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    json_wanted: bool,
) -> None:
    table = scripts.table_mars_hardware
    assert list(table.TABLES) == ["published", "sweep", "tiles", "macros", "index"]
    monkeypatch.setattr(table, "TILES", ((8, 16, 8),))
    monkeypatch.setattr("sys.argv", ["x", "index", "--seed", "3", *["--json"] * json_wanted])
    table.main()
    out = capsys.readouterr().out
    if json_wanted:
        found = json.loads(out)
        assert (found["seed"], found["table"], len(found["rows"])) == (3, "index", 8)
    else:
        assert "Index of all convolutions" in out

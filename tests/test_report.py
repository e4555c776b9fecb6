"""The page of a run: its figures are the database's, it fetches nothing, and it escapes names."""

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reported import BAD_FAULT, BAD_NAME, BRAINS, TABLE, Reader, forge, make_page, small_suite

from neurobot.cli import main, parser
from neurobot.cli.demo import told
from neurobot.cost import COST_TABLES
from neurobot.demo.replay import find_recorded, read_folder
from neurobot.evaluation import evaluate
from neurobot.report.components import LEAKAGE, PARTS, parts_of
from neurobot.report.findings import findings
from neurobot.report.looks import looks
from neurobot.report.panels import choose, replay_command
from neurobot.report.pareto import Point, floor_of, front
from neurobot.report.words import between, counted, listed, many, quantity
from neurobot.report.worlds import draw_world, last_heading, place_of, polyline
from neurobot.standings import standings
from neurobot.trace import unpack

Rows = list[tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_suite(tmp_path_factory.mktemp("run") / "suite")


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return make_page(folder)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


@pytest.fixture(scope="module")
def rows(folder: Path) -> Rows:
    with sqlite3.connect(folder / "episodes.sqlite") as store:
        found = store.execute("SELECT key, result FROM episodes").fetchall()
    store.close()
    return [(json.loads(key), json.loads(result)) for key, result in found]


def test_the_page_carries_the_standings_of_the_run(reader: Reader, folder: Path) -> None:
    records = [each.record for each in read_folder(folder)]
    expected = {row["controller"]: row for row in standings(records, TABLE)}
    shown = reader.carried("figures")["rows"]
    assert [row["controller"] for row in shown] == sorted(
        expected, key=lambda name: (-expected[name]["success_rate"], -expected[name]["score_iqm"])
    )
    for row in shown:
        assert {key: row[key] for key in expected[row["controller"]]} == json.loads(
            json.dumps(expected[row["controller"]])
        )


def test_success_by_cell_is_what_the_database_counts(reader: Reader, rows: Rows) -> None:
    figures = reader.carried("figures")
    assert len(figures["cells"]) == 12
    assert len({row["success_rate"] for row in figures["rows"]}) == len(BRAINS)
    for brain in BRAINS:
        for cell, found in zip(figures["cells"], figures["by_cell"][brain], strict=True):
            ends = [
                result["outcome"]
                for key, result in rows
                if key["controller"] == brain and key["cell"] == list(cell.values())
            ]
            assert (found["episodes"], found["success_rate"]) == (2, ends.count("success") / 2)


def test_cells_are_grouped_by_task_condition_and_level(reader: Reader) -> None:
    cells = [list(cell.values())[1:] for cell in reader.carried("figures")["cells"]]
    assert cells[:4] == [
        ["navigation", "clean", "easy"], ["navigation", "clean", "hard"],
        ["navigation", "noise", "easy"], ["navigation", "noise", "hard"],
    ]  # fmt: skip
    assert [cell[0] for cell in cells] == ["navigation"] * 6 + ["looming"] * 6


def cells_of_main(page: str) -> dict[str, list[str]]:
    """Return the words of each row of the main table, by brain."""
    table = page.split('<table class="main">')[1].split("</table>")[0]
    found = {}
    for row in table.split("<tbody>")[1].split("<tr>")[1:]:
        words = re.findall(r"<t[hd][^>]*>([^<]*)", row)
        found[words[0]] = words[1:]
    return found


def test_the_main_table_shows_the_figures(page: str, reader: Reader) -> None:
    written = cells_of_main(page)
    assert set(written) == set(BRAINS)
    for row in reader.carried("figures")["rows"]:
        words = written[row["controller"]]
        low, high = 100 * row["by_world_low"], 100 * row["by_world_high"]
        assert words[:5] == [
            f"{100 * row['success_rate']:.1f}",
            f"{low:.0f}\u2013{high:.0f}",
            f"{row['score_iqm']:.2f}",
            f"{100 * row['collision_rate']:.1f}",
            f"{100 * row['timeout_rate']:.1f}",
        ]
        assert words[-1] == ("4.32 kB" if row["controller"] == "poppins" else "\u2013")
        assert words[-2] == ("88" if row["controller"] == "poppins" else "\u2013")


def test_bills_add_up_to_the_energy_of_a_decision(reader: Reader) -> None:
    figures = reader.carried("figures")
    energy = {row["controller"]: row["energy_j"] for row in figures["rows"]}
    assert list(figures["bills"]) == ["poppins"]
    bill = figures["bills"]["poppins"]
    assert sum(bill["parts_j"].values()) == pytest.approx(energy["poppins"], rel=1e-12)
    assert bill["energy_low_j"] < bill["energy_j"] < bill["energy_high_j"]
    assert set(bill["parts_j"]) <= set(PARTS)


def test_charts_show_the_figures(reader: Reader) -> None:
    figures, charts = reader.carried("figures"), reader.carried("charts")
    row = next(row for row in figures["rows"] if row["controller"] == "poppins")
    (point,) = [t for t in charts["energy"]["wide"]["data"] if t.get("meta") == "point"]
    assert (point["x"], point["y"]) == ([row["energy_j"]], [100 * row["success_rate"]])
    heat = charts["heat"]["wide"]["data"][0]
    assert heat["z"] == [
        [100 * cell["success_rate"] for cell in figures["by_cell"][brain]]
        for brain in figures["brains"]
    ]
    assert charts["heat"]["narrow"]["data"][0]["z"] == [
        list(c) for c in zip(*heat["z"], strict=True)
    ]
    (line,) = [t for t in charts["profiles"]["wide"]["data"] if t.get("name") == "vfh"]
    assert line["y"] == figures["profiles"]["brains"]["vfh"]["value"]
    matrix = charts["improvement"]["wide"]["data"][0]["z"]
    assert matrix[0][1] == figures["improvements"]["value"][0][1]
    assert all(matrix[k][k] is None for k in range(len(BRAINS)))


def test_every_chart_is_one_that_plotly_knows(reader: Reader) -> None:
    objects = pytest.importorskip("plotly.graph_objects")
    charts = json.dumps(reader.carried("charts"))
    painted = json.loads(re.sub(r'"@[a-z]+(/[0-9.]+)?"', '"#123456"', charts))
    assert set(painted) == {"energy", "latency", "profiles", "improvement", "heat", "bills"}
    for name, chart in painted.items():
        for size in ("wide", "narrow"):
            objects.Figure(chart[size])  # raises where a property is unknown
            axes = [axis for key, axis in chart[size]["layout"].items() if "axis" in key]
            assert len(axes) >= 2, name


def test_brains_without_counted_costs_are_named_beside(page: str, reader: Reader) -> None:
    aside = page.split("<aside")[1].split("</aside>")[0]
    assert all(name in aside for name in ("vfh", "random", "braitenberg"))
    assert "poppins" not in aside


def without_plotly(page: str) -> str:
    """Return the page without the library that it carries."""
    start = page.index("plotly.js v")
    return page[:start] + page[page.index("</script>", start) :]


def test_nothing_is_fetched(page: str, reader: Reader) -> None:
    for tag, attributes, _ in reader.elements:
        assert "src" not in attributes, tag
        assert "srcset" not in attributes, tag
        href = attributes.get("href")
        assert href is None or href.startswith(("#", "data:")), href
    ours = without_plotly(page)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest", ours)
    (policy,) = reader.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in str(policy[0]["content"])


def test_the_page_is_well_formed_for_readers_of_all_kinds(reader: Reader) -> None:
    assert reader.all("html")[0][0]["lang"] == "en"
    assert reader.all("title")[0][1]
    assert len(reader.all("h1")) == len(reader.all("main")) == 1
    ids = [attributes["id"] for _, attributes, _ in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [str(attributes["href"])[1:] for attributes, _ in reader.all("a")]
    assert len(links) > 6
    assert set(links) <= set(ids)
    tables = len(reader.all("table"))
    assert tables >= 5
    assert len(reader.all("caption")) == tables
    assert all(attributes.get("scope") for attributes, _ in reader.all("th"))
    drawn = [a for _, a, _ in reader.elements if a.get("role") == "img"]
    assert len(drawn) > 6
    assert all(attributes.get("aria-label") for attributes in drawn)


def test_names_and_reasons_are_escaped_everywhere(folder: Path, tmp_path: Path) -> None:
    page = make_page(forge(folder, tmp_path / "forged"))
    ours = without_plotly(page)
    assert BAD_NAME not in ours
    assert "<img" not in ours
    assert "<b>x" not in ours
    reader = Reader(page)
    assert len(reader.all("script")) == 4
    assert any(text == BAD_NAME for _, text in reader.all("th"))
    assert any(text == BAD_FAULT for _, text in reader.all("span"))
    assert BAD_NAME in reader.carried("figures")["brains"]
    names = [
        trace.get("name", "") for trace in reader.carried("charts")["profiles"]["wide"]["data"]
    ]
    assert any("&lt;script&gt;" in name for name in names)
    assert not any("<" in name for name in names)


def test_failures_are_drawn_first_and_brains_take_turns(folder: Path) -> None:
    by_brain: dict[str, list[Any]] = {}
    for each in read_folder(folder):
        by_brain.setdefault(each.job.controller, []).append(each)
    chosen = choose(by_brain, 8)
    ends = [each.record.outcome for each in chosen]
    order = ["fault", "collision", "timeout", "success"]
    assert ends == sorted(ends, key=order.index)
    assert sorted(each.job.controller for each in chosen) == sorted([*BRAINS, *BRAINS])
    crashed = [each for each in chosen if each.record.outcome == "collision"]
    assert len({(each.job.controller, each.job.cell) for each in crashed}) == len(crashed)


def replayed(command: str) -> tuple[str, dict[str, Any]]:
    """Read a command as the command line does: which episode, and what is told of it."""
    args = parser().parse_args(shlex.split(command)[1:])
    return args.replay, told(args)


def test_each_command_replays_its_own_episode(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "a folder"
    for scenario, difficulty in (("empty", 0.5), ("looming", 0.5), ("looming", 0.9)):
        evaluate(
            ["straight", "random"], scenario=scenario, episodes=2, out=place,
            difficulty=difficulty, time_limit_s=0.5,
        )  # fmt: skip
    for run in (folder, place):
        everything = read_folder(run)
        assert len(everything) > 11
        for each in everything:
            name, wanted = replayed(replay_command(str(run), each, everything))
            assert find_recorded(name, wanted) == each


def test_a_world_that_is_gone_is_told_in_its_panel(folder: Path, tmp_path: Path) -> None:
    forged = tmp_path / "gone"
    shutil.copytree(folder, forged)
    with sqlite3.connect(forged / "episodes.sqlite") as store:
        store.execute(
            'UPDATE episodes SET key = replace(key, \'"looming", "seed\', \'"gone.npz", "seed\')'
        )
    store.close()
    page = make_page(forged, most=1000)
    assert "This world cannot be drawn here" in page
    assert "gone.npz" in page.split("This world cannot be drawn here")[1][:200]


def test_a_picture_holds_all_obstacles_the_way_and_the_robot(folder: Path) -> None:
    for each in read_folder(folder)[::7]:
        place, trace = place_of(each.job), unpack(each.record.trace)
        picture = draw_world(place, trace, each.record.outcome, "label")
        moving = place.scene.discs[:, 3:].any(axis=1)
        assert picture.count('class="solid"') == np.count_nonzero(~moving)
        assert picture.count('class="mover"') == len(trace.discs) == np.count_nonzero(moving)
        assert picture.count('class="robot"') == picture.count('class="start"') == 1
        assert ('class="goal"' in picture) == ("Navigation" in each.job.env)
        assert ('class="crash"' in picture) == (each.record.outcome in ("collision", "fault"))
        x, y = trace.path_m[0]
        way = re.search(r'class="way" d="M(\S+) (\S+?)(?:l|")', picture)
        assert way is not None
        assert (float(way[1]), float(way[2])) == (x, y)


def test_a_path_in_steps_ends_where_the_path_does() -> None:
    rng = np.random.default_rng(1)
    points = np.cumsum(np.rint(100 * rng.normal(0, 0.1, (300, 2))) / 100, axis=0)
    start, *steps = re.findall(r"[Ml](-?[\d.]+) (-?[\d.]+)", polyline(points))
    end = np.array(start, float) + np.array(steps, float).sum(axis=0)
    np.testing.assert_allclose(end, points[-1], atol=1e-9)


def test_the_last_heading_is_that_of_the_last_movement() -> None:
    away = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.01]])
    assert last_heading(away, 0.0) == pytest.approx(np.pi / 2)
    assert last_heading(np.zeros((5, 2)), 0.3) == 0.3


def point(name: str, cost: float, success: float) -> Point:
    return Point(name, cost, cost, cost, success, success, success, "")


@pytest.mark.parametrize(
    ("lowest", "floor"), [(0.0, 0), (0.1, 0), (0.21, 0), (0.23, 20), (0.63, 60), (1.0, 80)]
)
def test_the_axis_of_success_begins_below_all_points(lowest: float, floor: int) -> None:
    assert floor_of([point("a", 1.0, 1.0), point("b", 2.0, lowest)]) == floor
    assert floor_of([]) == 0


def test_nobody_beats_the_front_in_both() -> None:
    rng = np.random.default_rng(3)
    points = [point(str(k), *rng.integers(1, 9, 2).tolist()) for k in range(30)]
    best = front(points)
    for mine in points:
        beaten = any(
            (o.cost < mine.cost and o.success >= mine.success)
            or (o.cost <= mine.cost and o.success > mine.success)
            for o in points
        )
        equal = any((b.cost, b.success) == (mine.cost, mine.success) for b in best)
        assert equal != beaten


@pytest.mark.parametrize("table", COST_TABLES)
def test_each_priced_event_belongs_to_one_part(table: str) -> None:
    for chip, tariff in COST_TABLES[table].tariffs.items():
        parts = parts_of(chip, tariff)
        belong = [event for events in parts.values() for event in events]
        assert len(belong) == len(set(belong)), chip
        assert set(tariff.prices) <= set(belong), chip
        assert set(parts) | {LEAKAGE} <= set(PARTS), chip


def test_each_brain_of_a_chip_looks_different() -> None:
    chips = {f"brain-{k}": ("mac", "poppins", None)[k % 3] for k in range(18)}
    assert len(set(looks(chips).values())) == 18


def test_words() -> None:
    assert quantity(1.234e-6, "J") == "1.23 \u00b5J"
    assert quantity(None, "J") == "\u2013"
    assert many(1234567) == "1\u202f234\u202f567"
    assert between(0.5812, 0.6789) == "58\u201368"
    assert between(None, None) == ""
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert counted(1, "brain") == "1 brain"


def test_the_command_writes_the_page_into_the_run_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(folder), "--paths", "2", "--cost-table", "paper"]) == 0
    page = folder / "report.html"
    assert f"{page} ({page.stat().st_size / 1e6:.1f} MB)" in capsys.readouterr().out
    reader = Reader(page.read_text("utf-8"))
    assert reader.carried("figures")["cost_table"] == "paper"
    assert len([a for a, _ in reader.all("figure") if "data-brain" in a]) == 2


def test_the_command_prints_the_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(folder), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["command"] == "report"
    assert {row["controller"] for row in printed["rows"]} == set(BRAINS)


def test_what_is_wrong_is_said_in_a_sentence(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        ([str(tmp_path)], "no episodes there"),
        ([str(folder), "-o", str(tmp_path / "no" / "page.html")], "make it first"),
        ([str(folder), "-o", str(tmp_path)], "a folder found"),
        ([str(folder), "--paths", "-1"], "0 or more needed"),
    ):
        assert main(["report", *words]) == 2
        assert said in capsys.readouterr().err


def test_plotly_and_jinja_are_loaded_on_demand_and_their_absence_names_the_extra() -> None:
    code = (
        "import sys, neurobot.cli, neurobot.report.figures;"
        "assert not {'plotly', 'jinja2'} & set(sys.modules);"
        "sys.modules['plotly'] = None; import neurobot.report.page"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "pip install 'neurobot[report]'" in found.stderr


def ranked(name: str, rate: float, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {
        "controller": name, "episodes": 100, "success_rate": rate, "success_low": low,
        "success_high": high, "fault_rate": 0.0, "conditions": {}, **more,
    }  # fmt: skip


def test_findings_follow_from_the_figures() -> None:
    shaken = {"clean": {"success_rate": 0.9}, "noise": {"success_rate": 0.6}}
    rows = [
        ranked("oracle", 1.0, 0.96, 1.0),
        ranked("bold", 0.9, 0.83, 0.94, conditions=shaken),
        ranked("shy", 0.85, 0.77, 0.91),
        ranked("frail", 0.2, 0.13, 0.29, fault_rate=0.03),
    ]
    said = findings(
        {"rows": rows, "cells": []}, [point("shy", 2e-6, 0.85), point("bold", 3e-6, 0.9)]
    )
    assert said == [
        "Apart from oracle, which drives with the full map and shows what can be had (100.0 %), "
        "bold succeeds most often: in 90.0 % of 100 episodes (95 % interval 83\u201394 %).",
        "The interval of shy overlaps with that.",
        "Of the brains whose energy is counted, shy takes least: 2.00 \u00b5J per decision "
        "(modelled), with 85.0 % of episodes succeeding.",
        "shy and bold make the front of Figure 1: each other brain drawn there succeeds no more "
        "often than one of them, and takes no less energy.",
        "Of the disturbances, noise takes most: 30.0 percentage points of success in the mean over "
        "brains, in the same worlds.",
        "Episodes ended by a fault of the brain itself: frail (3).",
    ]


def test_a_brain_that_states_its_costs_has_its_prices_on_the_page(tmp_path: Path) -> None:
    evaluate(
        ["reported:Frugal", "straight"], scenario="empty", episodes=2, out=tmp_path,
        time_limit_s=1.0,
    )  # fmt: skip
    page = make_page(tmp_path)
    (drawn,) = [
        trace
        for trace in Reader(page).carried("charts")["energy"]["wide"]["data"]
        if trace.get("meta") == "point"
    ]
    assert drawn["x"] == pytest.approx([7e-12])
    assert "stated by the brain itself" in page

"""Pictures: what they show equals what is evaluated, and files are what they should be."""

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurobot import evaluate
from neurobot.cli import main
from neurobot.controllers import veto
from neurobot.controllers.mind import TICKS
from neurobot.cost import COST_TABLES, tables_of
from neurobot.envs.geometry import winding
from neurobot.envs.outlines import convex_outlines, raster_outlines
from neurobot.episodes import ENVS
from neurobot.loop import Timing
from neurobot.plots.costs import count_decisions
from neurobot.plots.episodes import Course, begin
from neurobot.plots.raster import Decision, decide_at
from neurobot.plots.trajectories import drive_panels, loops

pytest.importorskip(
    "matplotlib", reason="matplotlib is not installed: pip install 'neurobot[plot]'"
)

HERE = Path(__file__).parent
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
BRIEF = tuple(SHORT.items())
KINDS = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


@pytest.fixture(scope="module")
def two_worlds(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of two worlds with a cylinder each, in other places."""
    path = tmp_path_factory.mktemp("worlds") / "worlds.npz"
    np.savez(
        path,
        cyl_xy=np.array([[3.0, 1.0], [3.0, -1.0]]),
        cyl_offsets=np.array([0, 1, 2]),
        cyl_radius=0.3,
        start_pose=np.array([0.0, 0.0, 0.0]),
        goal_xy=np.array([6.0, 0.0]),
        goal_tolerance=0.5,
    )
    return str(path)


# Trajectories.


def test_a_picture_shows_exactly_what_is_evaluated(two_worlds: str) -> None:
    controllers = ["poppins", "vfh", "camera"]
    for scenario in ("forest", two_worlds):
        course = Course(ENVS[1], scenario, 3, seed=5, options=BRIEF)
        panels = drive_panels(course, controllers)
        records = evaluate(controllers, env=ENVS[1], scenario=scenario, episodes=3, seed=5, **SHORT)
        shown = {(t.controller, i): t for i, p in enumerate(panels) for t in p.tracks}
        assert len(records) == len(shown) == 9
        for record in records:
            poses = shown[record.controller, record.episode].poses
            digest = hashlib.sha256(poses.tobytes()).hexdigest()
            assert digest == record.trajectory_sha256, (scenario, record.controller)
            driven_m = np.hypot(*np.diff(poses[:, :2], axis=0).T).sum()
            # Straight lines between poses cut the corners of the path within a step.
            assert driven_m == pytest.approx(record.path_m, rel=0.02), record.controller
            assert driven_m <= record.path_m + 1e-9


def test_episodes_take_the_worlds_of_a_file_in_turn(two_worlds: str) -> None:
    panels = drive_panels(Course(ENVS[1], two_worlds, 3, options=BRIEF), ["random"])
    assert [panel.label for panel in panels] == [
        "world 0, seed 0",
        "world 1, seed 1",
        "world 0, seed 2",
    ]
    assert [panel.scene.discs[0, 1] for panel in panels] == [1.0, -1.0, 1.0]
    assert [panel.goal for panel in panels] == [(6.0, 0.0)] * 3
    single = drive_panels(Course(ENVS[0], f"{two_worlds}#1", 1, seed=4, options=BRIEF), ["random"])
    assert (single[0].label, single[0].goal) == ("seed 4", None)


def area_m2(loop: Any) -> float:
    """Area that a loop turns around to its left."""
    x, y = loop.T
    return 0.5 * float(x @ np.roll(y, -1) - y @ np.roll(x, -1))


def test_loops_fill_the_solid_cells_and_no_others() -> None:
    solid = np.random.default_rng(3).random((9, 12)) < 0.5
    solid[4:7, 4:7] = True
    solid[5, 5] = False  # a hole
    found = loops(raster_outlines(solid, 0.5, (-2.0, 1.0), 1000))
    assert sum(area_m2(loop) for loop in found) == pytest.approx(0.25 * solid.sum())
    edges = np.concatenate([np.column_stack([p, np.roll(p, -1, axis=0)]) for p in found])
    for row, column in np.ndindex(*solid.shape):
        x, y = -2.0 + 0.5 * (column + 0.5), 1.0 + 0.5 * (row + 0.5)
        assert bool(winding(x, y, edges)) == solid[row, column], (row, column)


def test_polygons_are_loops_of_their_own() -> None:
    corners = np.array([[0, 0], [2, 0], [2, 2], [0, 2], [1, 1], [3, 1], [3, 3.0]])
    found = loops(convex_outlines(corners, np.array([0, 4, 7])))
    assert [len(loop) for loop in found] == [4, 3]
    assert [area_m2(loop) for loop in found] == [4.0, 2.0]
    assert loops(np.zeros((0, 4))) == []


# The raster.


@pytest.fixture(scope="module")
def decision() -> Decision:
    return decide_at(Course(seed=1), "poppins", 1.5)


def test_a_raster_is_the_decision_that_the_controller_took(decision: Decision) -> None:
    trial = begin(Course(seed=1).job("poppins", 0))
    for _ in range(16):  # the step that begins at 1.5 s is the sixteenth
        seen = trial.observation
        trial.step()
    mind: Any = trial.pilot.controller
    assert decision.time_s == pytest.approx(1.5)
    assert decision.events == mind.events
    counted = mind.brain.desk.window.spikes[: veto.NEURONS]
    np.testing.assert_array_equal(decision.trace.spikes.sum(axis=0), counted)
    assert counted[veto.MOTOR : veto.BRAKE].sum() > 0, "nobody voted: the test would be vacuous"
    np.testing.assert_array_equal(decision.range_m, seen["range"])
    assert decision.latency_s == mind.events.cycles / mind.clock_hz
    voters = np.arange(veto.MOTOR, veto.BRAKE)
    trains = np.zeros((TICKS, veto.NEURONS), np.bool_)
    trains[: len(decision.trains)] = decision.trains
    spikes, events = mind.brain.network.decide(trains, voters)
    np.testing.assert_array_equal(spikes, counted)
    assert events == decision.events


def test_only_the_ticks_of_a_decision_are_shown() -> None:
    ticks = set()
    for time_s in (0.0, 0.5, 1.0, 1.5, 2.0):
        found = decide_at(Course(ENVS[1], "barn"), "poppins", time_s)
        assert {len(found.trains), *(len(v) for v in vars(found.trace).values())} == {
            found.events.ticks
        }
        assert found.events.spikes == found.trace.spikes.sum()
        assert found.events.stimuli == found.trains.sum()
        ticks.add(found.events.ticks)
    assert min(ticks) < TICKS, "no decision ended early"


def test_groups_cover_every_neuron_once_and_rows_show_all(decision: Decision) -> None:
    places = np.concatenate([np.arange(veto.NEURONS)[group] for group in veto.GROUPS.values()])
    assert places.tolist() == list(range(veto.NEURONS))
    rows = decision.rows()
    assert list(rows) == ["near threats", "far threats", "drives", "premotor", "motor", "brake"]
    drives = rows.pop("drives")
    together = np.concatenate(list(rows.values()), axis=1)
    np.testing.assert_array_equal(together, decision.trace.spikes)
    np.testing.assert_array_equal(drives, decision.trains[:, 64:93])
    assert sorted(veto.RIGHT_TO_LEFT) == list(range(veto.MOVES))


def test_the_winner_has_most_votes_and_a_name(decision: Decision) -> None:
    votes = decision.trace.spikes[:, 93:122].sum(axis=0)
    assert decision.move == votes.argmax()
    assert 2 * votes.max() > votes.sum()
    rivals = decision.rivals(4)
    assert rivals[0] == decision.move
    assert len(set(rivals)) == 4
    assert (np.diff(votes[rivals]) <= 0).all()
    directions = np.linspace(-1.0, 1.0, veto.DIRECTIONS)
    assert veto.name_move(13, directions) == "ahead"
    assert veto.name_move(0, directions) == f"{round(math.degrees(1))}° right"
    assert veto.name_move(26, directions) == f"{round(math.degrees(1))}° left"
    assert veto.name_move(28, directions) == "spin left"


def test_a_decision_under_way_is_not_the_one_that_begins() -> None:
    slow = Course(timing=Timing(clock_hz=1e5), options=(("time_limit_s", 9.0),))
    starts = [decide_at(slow, "poppins", time_s).time_s for time_s in (0.0, 0.1, 2.0)]
    assert starts[0] == 0.0
    assert starts[1] > 0.15
    assert starts[2] >= 2.0


# Costs.


def test_costs_of_decisions_add_up_to_what_is_evaluated() -> None:
    course = Course(episodes=2, options=BRIEF)
    poppins, vfh = count_decisions(course, ["poppins", "vfh"])
    records = evaluate("poppins", episodes=2, **SHORT)
    assert len(poppins.events) == sum(record.decisions for record in records) == 60
    assert poppins.latency_s.sum() == pytest.approx(sum(r.latency_total_s for r in records))
    assert poppins.latency_s.max() == max(record.latency_max_s for record in records)
    for table in tables_of("poppins").values():
        energies = [table.dynamic_j(record.events) for record in records if record.events]
        total_j = sum(energy for energy in energies if energy is not None)
        assert poppins.dynamic_j(table).sum() == pytest.approx(total_j)
    paper = poppins.dynamic_j(COST_TABLES["paper"])
    operations = np.array([events.operations for events in poppins.events])
    np.testing.assert_allclose(paper, 13.2e-12 * operations)
    assert (vfh.events, len(vfh.latency_s)) == ((), 0)


def test_a_histogram_holds_every_value_and_widens_by_decades() -> None:
    from neurobot.plots.draw_costs import bin_edges, shares

    cases: tuple[tuple[list[float], bool], ...] = (
        ([1.0, 2.0, 9.0], False),
        ([1.0, 2.0, 11.0], True),
        ([0.0, 5.0, 500.0], False),
        ([3.0, 3.0], False),
        ([0.0, 0.0], False),
    )
    for values, logarithmic in cases:
        edges, found = bin_edges(np.array(values))
        assert found == logarithmic, values
        assert (np.diff(edges) > 0).all(), values
        assert shares(np.array(values), edges).sum() == pytest.approx(100), values


# Files and errors.

PICTURES = {
    "trajectories": ("braitenberg", "poppins", "--episodes", "2", "--time-limit", "2"),
    "raster": ("--time", "0.5"),
    "costs": ("poppins", "vfh", "--episodes", "1", "--time-limit", "2"),
}


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("trajectories", ".png"), ("raster", ".svg"), ("costs", ".pdf"), ("costs", ".svg")],
)
def test_the_same_command_writes_the_same_file(
    name: str, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["plot", name, *PICTURES[name], "--env", ENVS[1], "-o"]
    files = [tmp_path / f"{k}{suffix}" for k in range(2)]
    for file in files:
        assert main([*command, str(file)]) == 0
        size = f"({file.stat().st_size / 1000:.0f} kB)"
        assert capsys.readouterr().out == f"Written: {file} {size}\n"
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(KINDS[suffix])
    assert first == second
    assert str(tmp_path).encode() not in first


def texts(figure: Any) -> str:
    """Everything that a figure says."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_pictures_say_what_they_show(decision: Decision) -> None:
    from neurobot.plots.draw_costs import draw_costs
    from neurobot.plots.draw_raster import draw_raster
    from neurobot.plots.draw_trajectories import draw_trajectories
    from neurobot.plots.figures import Figure

    course = Course(ENVS[1], options=BRIEF)
    figures = [Figure(layout="constrained") for _ in range(3)]
    draw_trajectories(figures[0], course, drive_panels(course, ["poppins", "random"]))
    draw_raster(figures[1], decision)
    counted = count_decisions(course, ["poppins", "random"])
    draw_costs(figures[2], course, counted, COST_TABLES["cells180"])
    ticks, operations = decision.events.ticks, decision.events.synaptic_ops
    promised = (
        ("poppins", "random", "goal", "obstacle", "x, m", "y, m", "seed 0", "forest"),
        ("poppins at 1.5 s", "seed 1", "far threats", "brake", "modelled latency",
         f"{ticks} of 64 ticks", f"{operations} synaptic operations"),
        ("modelled", "'cells180'", "poppins: mean", "No events are counted by: random", "30 dec"),
    )  # fmt: skip
    for figure, words in zip(figures, promised, strict=True):
        told = " ".join(texts(figure).split())
        for word in words:
            assert word in told, word
    world = figures[0].axes[0]
    assert world.get_aspect() == 1.0
    lines = {line.get_label(): line for line in world.lines}
    assert lines["poppins"].get_color() != lines["random"].get_color()
    assert lines["poppins"].get_linestyle() != lines["random"].get_linestyle()


@pytest.mark.parametrize(
    ("scenario", "episodes", "controllers"),
    [
        ("barn", 1, ["poppins", "poppins?program=evolved"]),
        ("crossing", 1, ["random", "braitenberg", "vfh", "poppins"]),
        ("rooms", 6, ["vfh", "poppins?program=evolved", "poppins"]),
    ],
)
def test_nothing_is_cut_off_and_the_legend_covers_nothing(
    scenario: str, episodes: int, controllers: list[str]
) -> None:
    from neurobot.plots.draw_trajectories import draw_trajectories
    from neurobot.plots.figures import Figure

    figure: Any = Figure(layout="constrained")
    course = Course(ENVS[1], scenario, episodes, options=(("time_limit_s", 0.3),))
    draw_trajectories(figure, course, drive_panels(course, controllers))
    figure.draw_without_rendering()
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.get_visible()]
    assert len(boxes) == episodes
    legend, title = (each.get_window_extent() for each in (figure.legends[0], figure._suptitle))
    for k, box in enumerate([*boxes, legend, title]):
        assert box.x0 >= 0, (k, box)
        assert box.y0 >= 0, (k, box)
        assert box.x1 <= figure.bbox.x1, (k, box)
        assert box.y1 <= figure.bbox.y1, (k, box)
    for k, box in enumerate(boxes):
        others = [*boxes[:k], legend, title]
        assert not any(box.overlaps(other) for other in others), (k, box, others)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["raster", "vfh", "-o", "a.png"], "'vfh': no spiking brain in it; known: poppins"),
        (["raster", "-o", "a.jpg"], "unknown suffix '.jpg'; known: .pdf, .png, .svg"),
        (["raster", "-o", "a"], "unknown suffix ''; known: .pdf, .png, .svg"),
        (["raster", "-o", "nowhere/a.png"], "no folder nowhere found"),
        (["raster", "-o", "/proc/a.png"], "/proc"),
        (["raster"], "there is no display: give -o FILE"),
        (["raster", "--time", "-1", "-o", "a.png"], "time=-1.0 must be 0 or more"),
        (
            ["raster", "--time", "9", "--time-limit", "1", "-o", "a.png"],
            "time=9.0: no decision begins then, the episode ends in timeout after 1.0 s",
        ),
        (["raster", "--seed", "-1", "-o", "a.png"], "seed=-1 must be 0 or more"),
        (["trajectories", "--episodes", "0", "-o", "a.png"], "episodes=0 must be 1 or more"),
        (["trajectories", "poppins", "nobody", "-o", "a.png"], "controller: unknown 'nobody'"),
        (["trajectories", "--scenario", "moon", "-o", "a.png"], "scenario: unknown 'moon'"),
        (
            ["costs", "vfh", "random", "--time-limit", "1", "-o", "a.png"],
            "controllers vfh, random: none counts events",
        ),
        (["costs", "--sensor", "camera", "-o", "a.png"], "sensor 'range' needed, 'camera' found"),
    ],
)
def test_what_cannot_be_drawn_gets_one_sentence_and_no_file(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    assert main(["plot", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("neurobot plot: ")
    assert sentence in told
    assert len(told.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_window_shows_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    from neurobot.plots import figures

    shown = []
    monkeypatch.setattr(figures, "FILES_ONLY", ())  # agg plays the window
    monkeypatch.setattr(figures, "show", lambda: shown.append(texts(pyplot.gcf())))
    try:
        assert main(["plot", "raster", "--time", "0"]) == 0
    finally:
        pyplot.close("all")
    assert "poppins at 0.0 s" in shown[0]


def test_data_need_no_matplotlib_and_pictures_name_the_extra(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('matplotlib')")
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    program = (
        "from neurobot.plots import costs, episodes, raster, trajectories\n"
        "from neurobot.cli import main\n"
        "raise SystemExit(main(['plot', 'costs', '-o', 'a.png']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'neurobot[plot]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("name", ["", *PICTURES])
def test_help_names_every_choice(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["plot", *filter(None, [name]), "--help"])
    told = capsys.readouterr().out
    wanted = ("--out FILE", "--scenario", "--seed", ".svg") if name else tuple(PICTURES)
    for word in wanted:
        assert word in told, word

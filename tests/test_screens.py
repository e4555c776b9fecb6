"""What the demo paints: no text on another one or cut, nothing that jumps, bars and rows exact."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from demos import AVOIDANCE, NAVIGATION, begin, play
from numpy.typing import NDArray

from neurobot.controllers import CONTROLLERS
from neurobot.demo import pen as pen_module
from neurobot.demo.bars import Bars, spread
from neurobot.demo.keys import help_entries
from neurobot.demo.layout import Box, lay_out
from neurobot.demo.pen import Pen
from neurobot.demo.player import Player
from neurobot.demo.raster import MOST_PX_PER_S, ZOOMS, paint_raster, pool, window, zoom_for
from neurobot.demo.stage import field_of
from neurobot.demo.thoughts import Spikes
from neurobot.demo.votes import paint_votes, spans
from neurobot.envs.drawing.canvas import pygame, render, to_pixels
from neurobot.envs.drawing.theme import DARK
from neurobot.envs.scenarios import SCENARIOS

Size = tuple[int, int]
Marks = NDArray[np.uint8]

DESIGN = (1280, 720)
# A side of 640 or of 360 is the least that --size takes.
SIZES = [DESIGN, (640, 360), (900, 1000), (1920, 1080), (640, 1200), (2000, 360)]
TINY = [(320, 180), (200, 50), (30, 300), (2, 2)]


class Text(NamedTuple):
    words: str
    anchor: str
    box: pygame.Rect
    is_cut: bool


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[Text]:
    """Collect every text that the demo writes."""
    seen: list[Text] = []
    write = vars(pen_module)["write"]

    def spy(canvas: Any, words: str, anchor: str, at: Any, colour: Any, **kind: Any) -> Any:
        shown = render(words, colour, kind["height"], kind["width"])
        box = shown.get_rect(**{anchor: (round(at[0]), round(at[1]))})
        whole = render(words, colour, kind["height"], None).get_width()
        if box.width:
            seen.append(Text(words, anchor, box, whole > box.width))
        return write(canvas, words, anchor, at, colour, **kind)

    monkeypatch.setattr(pen_module, "write", spy)
    return seen


def use(player: Player) -> None:
    player.session.advance(0.3)
    player.session.hand_over("poppins" if player.brain != "poppins" else "vfh")
    player.session.advance(0.5)
    player.session.hand_over(player.brain)
    player.session.advance(0.5)


def end(player: Player) -> None:
    player.speed = 1 / 64
    while not player.session.over:
        player.session.advance(1.0)


def drive(player: Player) -> None:
    player.session.advance(2.03)


def drive_by_hand(player: Player) -> None:
    player.toggle_hand()
    player.session.advance(0.5)


def slow_down(player: Player) -> None:
    player.scale_clock(1e-3)
    player.session.advance(2.0)


def step_a_tick(player: Player) -> None:
    player.session.advance(1.0)
    player.step_tick()


STATES: dict[str, Callable[[Player], object]] = {
    "at the start": lambda player: None,
    "driving": drive,
    "after another brain": use,
    "by hand": drive_by_hand,
    "one tick": step_a_tick,
    "a slow clock": slow_down,
    "a message": lambda player: player.say("bit flip: second.weights[58, 58] was -128, is -127"),
    "the help": Player.toggle_help,
    "the end": end,
}


def check(texts: list[Text], player: Player, case: object) -> None:
    """No text lies on another one, or beyond its panel."""
    layout = lay_out(player.size)
    screen = Box(0, 0, *player.size)
    panels = [screen] if player.help_open else [layout.arena, layout.mind, layout.meters]
    shown = texts
    if player.help_open:
        shown = texts[[text.words for text in texts].index("Keys and mouse") :]
        assert len(shown) == 1 + 2 * len(help_entries())
    assert shown
    for one, other in combinations(shown, 2):
        assert not one.box.colliderect(other.box), (case, one, other)
    for text in shown:
        assert any(pygame.Rect(*panel).contains(text.box) for panel in panels), (case, text)
        assert not (text.is_cut and player.size == DESIGN), (case, text.words)


@pytest.mark.parametrize("controller", ["poppins", "camera", "vfh"])
@pytest.mark.parametrize("state", STATES)
def test_no_text_lies_on_another_one_or_is_cut(
    state: str, controller: str, texts: list[Text]
) -> None:
    player = play(begin(controller), goes_on=False)
    player.help = help_entries()
    STATES[state](player)
    for size in SIZES if controller == "poppins" else SIZES[:3]:
        texts.clear()
        player.resize(size)
        player.paint()
        check(texts, player, (state, controller, size))
    for size in TINY:
        player.resize(size)
        assert player.paint().get_size() == size


@pytest.mark.parametrize("env", [AVOIDANCE, NAVIGATION])
def test_no_scenario_and_no_controller_has_too_long_a_name(env: str, texts: list[Text]) -> None:
    player = play(begin("random", env=env), DESIGN)
    player.session.touched = True
    for scenario in SCENARIOS:
        for controller in CONTROLLERS:
            player.session.change_scenario(scenario)
            player.session.hand_over(controller)
            player.session.advance(0.15)
            texts.clear()
            player.paint()
            check(texts, player, (scenario, controller))


def test_nothing_on_the_screen_jumps_while_the_robot_drives(texts: list[Text]) -> None:
    player = play(begin("poppins"), DESIGN)
    player.session.advance(0.3)
    player.session.hand_over("vfh")
    player.session.advance(0.2)
    player.session.hand_over("poppins")
    player.session.advance(0.1)
    places, words = set(), set()
    for _ in range(120):
        player.advance(1 / 30)
        texts.clear()
        player.paint()
        meters = pygame.Rect(*lay_out(player.size).meters)
        fixed = [text for text in texts if meters.contains(text.box)]
        assert len([text for text in fixed if text.anchor == "topright"]) == 20
        labels = [text for text in texts if text not in fixed and text.anchor != "topright"]
        places.add(
            tuple(
                (text.box.right if "right" in text.anchor else text.box.left, text.box.top)
                for text in (*fixed, *labels)
            )
        )
        words.add(tuple(text.words for text in fixed))
    assert len(words) > 30, "the figures change"
    assert len(places) == 1, "and stay where they are"


@pytest.mark.parametrize("size", [*SIZES, *TINY, (1366, 768), (7680, 4320)])
def test_panels_lie_beside_each_other(size: Size) -> None:
    layout = lay_out(size)
    boxes = [layout.arena, layout.mind, layout.meters]
    for box in (*boxes, field_of(layout)):
        assert min(box.width, box.height) >= 1
        for rest in (*box.split_top(7), *box.split_left(7), box.split_top(10**6)[1]):
            assert min(rest.width, rest.height) >= 1
    if size in TINY:
        return
    for one, other in combinations(boxes, 2):
        assert not pygame.Rect(*one).colliderect(pygame.Rect(*other))
    for box in boxes:
        assert pygame.Rect(0, 0, *size).contains(pygame.Rect(*box))


@pytest.mark.parametrize("height", range(-2, 12))
def test_a_box_falls_into_two_parts(height: int) -> None:
    box = Box(3, 4, 10, 10)
    for top, rest, axis in ((*box.split_top(height), 1), (*box.split_left(height), 0)):
        assert top[axis] == box[axis]
        assert rest[axis] == top[axis] + top[axis + 2]
        assert top[axis + 2] + rest[axis + 2] == 10
        assert top[axis + 2] == min(max(height, 1), 9)


def test_a_pixel_stands_for_the_point_of_the_world_that_is_drawn_there() -> None:
    player = play(begin("vfh", "rooms"), DESIGN)
    player.session.advance(1.0)
    session, stage, size = player.session, player.stage, player.size
    frame = replace(session.frame(), distance_m=np.zeros(72), trail=[], course_rad=None)
    gone = replace(frame, pose=np.array([-99.0, -99.0, 0.0]))
    painted = []
    for each in (frame, gone):
        stage.paint(player.canvas, replace(player.picture(), frame=each))
        painted.append(player.pixels())
    rows, columns = np.nonzero((painted[0] != painted[1]).any(axis=2))
    point = stage.to_world(size, frame, (round(columns.mean()), round(rows.mean())))
    assert point is not None
    # Half a pixel either way, and the mark that tells the front.
    assert point[:2] == pytest.approx(tuple(frame.pose[:2]), abs=2 * point[2])
    length_m = np.ptp(columns) * point[2]
    assert 0.4 < length_m < 0.9, "a jackal is half a metre long"
    layout = lay_out(size)
    for at in ((layout.mind.x, 300), (layout.arena.x, layout.arena.y), (0, 0)):
        assert stage.to_world(size, frame, at) is None


# The raster.


def naive_pool(marks: Marks, last: int, ticks: int) -> list[list[int]]:
    """Merge tick by tick, by the numbers that ticks have since the beginning."""
    columns: dict[int, list[int]] = {}
    for c in range(marks.shape[1]):
        number = last - marks.shape[1] + c
        sums = columns.setdefault(number // ticks, [0] * len(marks))
        columns[number // ticks] = [a + int(b) for a, b in zip(sums, marks[:, c], strict=True)]
    means = [[total // ticks for total in columns[key]] for key in sorted(columns)]
    return [[60 + mean * 195 // 255 if mean else 0 for mean in row] for row in zip(*means)]  # noqa: B905


@pytest.mark.parametrize("ticks", [1, 2, 4, 8, 16, 32])
def test_merged_ticks_are_means(ticks: int) -> None:
    rng = np.random.default_rng(ticks)
    for columns in (1, 5, 31, 32, 70):
        marks = rng.choice(np.array([0, 0, 0, 90, 255], np.uint8), (4, columns))
        for last in range(columns, columns + 40, 3):
            assert pool(marks, last, ticks).tolist() == naive_pool(marks, last, ticks)


def test_a_lone_spike_still_shows() -> None:
    marks = np.zeros((1, 32), np.uint8)
    marks[0, 9] = 255
    assert pool(marks, 32, 32)[0, 0] > 60


def decisions(count: int) -> Iterator[tuple[list[Spikes], int, int]]:
    """The raster's input, tick by tick: thoughts, ticks before the last one, and its tick."""
    session = begin("poppins")
    for _ in range(count):
        session.step_decision()
        thoughts = [thought for thought in session.thoughts if isinstance(thought, Spikes)]
        for tick in range(1, thoughts[-1].ticks + 1):
            yield thoughts, session.ticks_before, tick


def test_the_window_holds_the_last_ticks_of_all_decisions() -> None:
    for thoughts, before, tick in decisions(8):
        everything = np.concatenate([thought.marks for thought in thoughts], axis=1)
        upto = everything[:, : before + tick]
        for wanted in (1, 17, 100, 10**6):
            np.testing.assert_array_equal(window(thoughts, tick, wanted), upto[:, -wanted:])


@pytest.mark.parametrize("zoom", [1 / 4, 1, 4])
def test_the_raster_scrolls_without_a_flicker(zoom: float) -> None:
    canvas = pygame.Surface((300, 240), 0, 32)
    box = Box(0, 0, 300, 240)
    merged, wide = max(round(1 / zoom), 1), max(round(zoom), 1)
    strips: dict[int, Any] = {}
    for thoughts, before, tick in decisions(9):
        canvas.fill(DARK.panel)
        paint_raster(Pen(canvas, DARK, 1.0), box, thoughts, before, tick, zoom)
        if (before + tick) % merged == 0:
            strips[before + tick] = to_pixels(canvas)[:, box.split_left(92)[1].x :]
    assert len(strips) > 20
    for (_, one), (_, other) in pairwise(sorted(strips.items())):
        np.testing.assert_array_equal(other[:, :-wide], one[:, wide:])
    last = strips[max(strips)]
    assert len(np.unique(last.reshape(-1, 3), axis=0)) > 5


def test_the_zoom_is_the_finest_that_one_can_follow() -> None:
    for ticks_per_s in np.geomspace(1, 1e6, 50):
        zoom = zoom_for(float(ticks_per_s))
        assert zoom * ticks_per_s <= MOST_PX_PER_S or zoom == min(ZOOMS)
        assert 2 * zoom * ticks_per_s > MOST_PX_PER_S or zoom == max(ZOOMS)


# Bars.


@pytest.mark.parametrize("count", [1, 2, 29, 72, 96])
def test_bars_share_a_width(count: int) -> None:
    for width in (count, count + 1, 3 * count, 4 * count, 577):
        parts = spread(width, count)
        covered = [x for left, right in parts for x in range(left, right)]
        assert len(parts) == count
        assert covered == sorted(set(covered)), "no two bars share a column"
        assert (covered[0], covered[-1] >= width - 2) == (0, True)
        widths = [right - left for left, right in parts]
        assert min(widths) >= 1
        assert max(widths) - min(widths) <= 1
        assert len(covered) == (width if width < 4 * count else width - count)


def test_spinning_stands_apart_from_the_directions() -> None:
    for width in (200, 577, 900):
        bars = spans(width, 29)
        gaps = [after[0] - before[1] for before, after in pairwise(bars)]
        assert len(bars) == 29
        assert min(gaps[0], gaps[-1]) > max(gaps[1:-1]) + 2


def test_a_bar_is_as_high_as_its_share() -> None:
    bars = Bars(Box(0, 0, 60, 50), spread(60, 6))
    bars.raise_to(np.array([0.0, 0.019, 0.5, 0.99, 1.0, 7.0]), 1)
    heights = [int((bars.codes[left] == 1).sum()) for left, _ in bars.spans]
    assert heights == [0, 1, 25, 50, 50, 50]
    assert not (bars.codes[[right for _, right in bars.spans[:-1]]] == 1).any(), "gaps are empty"


def test_votes_are_bars_and_a_majority_stands_out() -> None:
    session = begin("poppins")
    session.step_decision()
    thought = session.thought
    assert isinstance(thought, Spikes)
    box = Box(0, 0, 400, 64)
    for counts, leads in (({3: 5}, True), ({3: 5, 9: 4, 20: 1}, False), ({3: 6, 9: 5}, True)):
        votes = np.zeros((1, 29), np.int64)
        votes[0, list(counts)] = list(counts.values())
        shown = replace(thought, votes=np.repeat(votes, 64, axis=0))
        canvas = pygame.Surface(box[2:], 0, 32)
        paint_votes(Pen(canvas, DARK, 1.0), box, shown, 64)
        pixels = to_pixels(canvas)
        for k, (left, right) in enumerate(spans(400, 29)):
            column = pixels[:, (left + right) // 2]
            full = (column != DARK.floor).any(axis=1).sum()
            assert full == counts.get(k, 0)
            green = (column == DARK.success).all(axis=1).sum()
            assert green == (counts.get(k, 0) if leads and k == 3 else 0)

from dataclasses import fields, replace
from itertools import combinations
from typing import Any

import gymnasium as gym
import numpy as np
import pygame
import pytest
from numpy.typing import NDArray
from test_drawing import BLUE, GREEN, ORANGE, STONE, VERMILLION, WALL, fan, is_colour, still

from neurobot.envs.avoidance import AvoidanceEnv
from neurobot.envs.drawing import canvas as strokes
from neurobot.envs.drawing.canvas import Colour, to_pixels, write
from neurobot.envs.drawing.theme import DARK, LIGHT, THEMES, Theme
from neurobot.envs.drawing.view import fit
from neurobot.envs.drawing.world import WorldPainter
from neurobot.envs.scenarios import box
from neurobot.envs.scene import Scene

Floats = NDArray[np.float64]

SIZE = (500, 400)
BIG_REACH_M = still().robot.circumscribed_m

# Machado, Oliveira and Fernandes (2009), severity 1: on linear red, green and blue.
SIGHTS: dict[str, Any] = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
# A difference of 2.3 is just noticeable. Okabe and Ito's own blue and bluish green are only 17
# apart to a tritanope: 15 asks for no more than the palette can give.
LEAST_DIFFERENCE = 15.0
MEANINGFUL = ("robot", "goal", "mover", "collision", "timeout", "dead")
SHAPES = (*MEANINGFUL, "stone", "wall", "beam", "course", "trail", "mover_rim", "success")
# Okabe and Ito's orange and sky blue are too bright for white paper: the moving discs have a rim
# that is dark enough, the fan is only a tint.
TOO_FAINT = {"light": {"mover", "beam"}, "dark": set()}


def linear(colour: Colour) -> Floats:
    share = np.array(colour) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def contrast(first: Colour, second: Colour) -> float:
    """WCAG 2's contrast ratio, 1 to 21."""
    low, high = sorted(float(linear(colour) @ TO_XYZ[1]) for colour in (first, second))
    return (high + 0.05) / (low + 0.05)


def lab(colour: Colour, sight: str) -> Floats:
    seen = np.clip(np.array(SIGHTS[sight]) @ linear(colour), 0, 1)
    share = TO_XYZ @ seen / TO_XYZ.sum(axis=1)
    x, y, z = np.where(share > 216 / 24389, np.cbrt(share), (24389 / 27 * share + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(first: Colour, second: Colour, sight: str) -> float:
    return float(np.linalg.norm(lab(first, sight) - lab(second, sight)))


def paint(theme: Theme = LIGHT, labels: bool = True, **changes: Any) -> Any:
    return to_pixels(WorldPainter(theme, labels).paint(still(**changes), SIZE))


def pixel(x: float, y: float, labels: bool = True) -> tuple[int, int]:
    column, row = fit(still().scene.bounds, SIZE, labels).pixels(np.array([x, y]))
    return int(row), int(column)


def test_the_measures_of_colour_are_right() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert lab((255, 0, 0), "normal") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    white = (255, 255, 255)
    assert [difference(white, white, sight) for sight in SIGHTS] == [0.0] * 4
    for sight in ("protanopia", "deuteranopia", "tritanopia"):
        assert lab(white, sight) == pytest.approx([100, 0, 0], abs=0.1), "grey stays grey"


def test_the_light_theme_is_okabe_and_itos() -> None:
    found = (LIGHT.robot, LIGHT.mover, LIGHT.goal, LIGHT.mover_rim, LIGHT.stone, LIGHT.wall)
    assert found == (BLUE, ORANGE, GREEN, VERMILLION, STONE, WALL)


@pytest.mark.parametrize("name", THEMES)
def test_shapes_stand_out_from_the_floor(name: str) -> None:
    theme = THEMES[name]
    faint = {shape for shape in SHAPES if contrast(getattr(theme, shape), theme.floor) < 3.0}
    assert faint == TOO_FAINT[name]
    for ground in (theme.paper, theme.panel):
        assert min(contrast(accent, ground) for accent in theme.accents) >= 3.0


@pytest.mark.parametrize("name", THEMES)
def test_texts_can_be_read(name: str) -> None:
    theme = THEMES[name]
    for text in (theme.ink, theme.faint):
        for ground in (theme.paper, theme.panel, theme.floor):
            assert contrast(text, ground) >= 4.5, (text, ground)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("name", THEMES)
def test_colour_blind_viewers_tell_meanings_apart(name: str, sight: str) -> None:
    theme = THEMES[name]
    groups: list[Any] = [[getattr(theme, key) for key in MEANINGFUL], theme.accents]
    groups += [[theme.stone, getattr(theme, key)] for key in ("robot", "goal", "mover", "dead")]
    for group in groups:
        for first, second in combinations(group, 2):
            assert difference(first, second, sight) >= LEAST_DIFFERENCE, (first, second)


def test_a_picture_has_the_colours_of_its_theme() -> None:
    discs = np.array([[8.0, 8.0, 0.5, 0.0, 0.0], [7.0, 2.0, 0.9, 0.01, 0.0]])
    scene = Scene(still().scene.bounds, discs=discs, walls=np.array([[1.0, 1.0, 4.0, 1.0]]))
    changes: dict[str, Any] = {"scene": scene, "discs": discs, "goal": np.array([5.0, 5.0])}
    for theme in THEMES.values():
        image = paint(theme, **changes)
        assert tuple(image[0, 0]) == theme.paper
        for key in ("floor", "stone", "wall", "mover", "goal", "robot", "mark", "ink"):
            assert is_colour(image, getattr(theme, key)).sum() > 10, key
    strange = {colour for field in fields(LIGHT) if len(colour := getattr(LIGHT, field.name)) == 3}
    strange -= {getattr(DARK, field.name) for field in fields(DARK)}
    dark = paint(DARK, **changes)
    assert not any(is_colour(dark, colour).any() for colour in strange)


def test_another_theme_takes_effect_at_once() -> None:
    painter = WorldPainter()
    painter.paint(still(), SIZE)
    painter.theme = DARK
    np.testing.assert_array_equal(to_pixels(painter.paint(still(), SIZE)), paint(DARK))
    assert painter.theme == DARK


def test_a_moved_obstacle_is_painted_anew_on_the_same_ground() -> None:
    discs = np.array([[5.0, 5.0, 0.5, 0.0, 0.0]])
    scene = Scene(still().scene.bounds, discs=discs, walls=box(1.0, 1.0, 9.0, 9.0))
    painter = WorldPainter()
    painter.paint(still(scene=scene), SIZE)
    dragged = replace(scene, discs=discs + np.array([2.0, 0.5, 0.0, 0.0, 0.0]))
    image = to_pixels(painter.paint(still(scene=dragged), SIZE))
    np.testing.assert_array_equal(image, paint(scene=dragged))
    other = replace(dragged, walls=box(2.0, 2.0, 8.0, 8.0))
    image = to_pixels(painter.paint(still(scene=other), SIZE))
    np.testing.assert_array_equal(image, paint(scene=other))


def test_metres_undo_pixels() -> None:
    points = np.random.default_rng(0).uniform(-20, 20, (7, 3, 2))
    for labels in (True, False):
        view = WorldPainter(labels=labels).view(Scene((1.0, -2.0, 8.0, 5.0)), SIZE)
        np.testing.assert_allclose(view.metres(view.pixels(points)), points, atol=1e-12)


@pytest.mark.parametrize("labels", [True, False])
def test_the_view_is_the_one_of_the_picture(labels: bool) -> None:
    scene = still().scene
    discs = np.array([[6.3, 2.1, 0.5, 0.0, 0.0]])
    image = paint(labels=labels, scene=replace(scene, discs=discs))
    rows, columns = np.nonzero(is_colour(image, STONE))
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    view = WorldPainter(labels=labels).view(scene, SIZE)
    assert view.metres(middle) == pytest.approx(discs[0, :2], abs=0.5 / view.scale)


def test_without_labels_the_world_has_their_room() -> None:
    scene = still().scene
    with_labels, without = (
        WorldPainter(labels=labels).view(scene, SIZE).scale for labels in (True, False)
    )
    assert without > 1.04 * with_labels
    plain = paint(labels=False)
    np.testing.assert_array_equal(paint(labels=False, time_s=9.0), plain)
    top = WorldPainter(labels=False).view(scene, SIZE).pixels(np.array(scene.bounds[2:]))[1]
    assert (plain[: int(top)] == LIGHT.paper).all(), "nothing is written above"
    assert is_colour(plain[-20:], LIGHT.ink).any(), "the scale stays"


@pytest.mark.parametrize("labels", [True, False])
def test_nothing_touches_the_edge(labels: bool) -> None:
    for size in ((600, 600), (900, 700), (300, 500)):
        walls = box(*still().scene.bounds)
        frame = still(scene=Scene(still().scene.bounds, walls=walls), outcome="collision")
        image = to_pixels(WorldPainter(labels=labels).paint(frame, size))
        edges = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert (edges == LIGHT.paper).all(), size


# Dead beams and the course


def test_a_dead_beam_is_cut_out_of_the_fan_and_dashed_nearby() -> None:
    beams = fan(61, 0.6, 6.0)  # of which the middle one looks along +x
    dead = np.arange(61) == 30
    pose = np.array([2.0, 5.2, 0.0])
    whole, cut = paint(pose=pose, **beams), paint(pose=pose, dead=dead, **beams)
    row, column = pixel(7.4, 5.2)
    assert (whole[row, column] != LIGHT.floor).any()
    np.testing.assert_array_equal(cut[row, column], LIGHT.floor)
    np.testing.assert_array_equal(cut[pixel(7.4, 6.4)], whole[pixel(7.4, 6.4)])
    rows, columns = np.nonzero(is_colour(cut, LIGHT.dead))
    assert len(rows)
    assert np.abs(rows - pixel(2.0, 5.2)[0]).max() <= 2
    near, far = pixel(2.0 + BIG_REACH_M, 5.2)[1], pixel(2.0 + BIG_REACH_M + 1.3, 5.2)[1]
    assert near <= columns.min() <= columns.max() <= far
    gaps = np.diff(np.unique(columns))
    assert gaps.max() > 1, "dashes"


def test_a_dead_beam_is_dashed_where_it_points() -> None:
    beams = fan(2, 0.5, 4.0)
    pose = np.array([5.0, 5.0, 1.0])
    image = paint(pose=pose, dead=np.array([False, True]), **beams)
    rows, columns = np.nonzero(is_colour(image, LIGHT.dead))
    away = (
        fit(still().scene.bounds, SIZE).metres(np.column_stack([columns, rows]).astype(float) + 0.5)
        - 5.0
    )
    assert np.arctan2(away[:, 1], away[:, 0]) == pytest.approx(1.5, abs=0.06)


@pytest.mark.parametrize("count", [1, 2, 3, 72])
def test_any_beams_can_be_dead(count: int) -> None:
    beams = fan(count, 2.0, 4.0)
    rng = np.random.default_rng(count)
    for dead in (np.zeros(count, bool), np.ones(count, bool), rng.random(count) < 0.5):
        image = paint(dead=dead, **beams)
        assert is_colour(image, LIGHT.dead).any() == dead.any()
    none, all_dead = (paint(dead=np.full(count, dead), **beams) for dead in (False, True))
    np.testing.assert_array_equal(none, paint(**beams))
    assert (all_dead[pixel(5.4, 8.3)] == LIGHT.floor).all()


def test_an_environment_shows_its_dead_beams() -> None:
    env = gym.make("neurobot/Avoidance-v0", dead_beams=(3, 4), render_mode="rgb_array")
    env.reset(seed=0)
    assert isinstance(env.unwrapped, AvoidanceEnv)
    dead = env.unwrapped.batch.frame(0, []).dead
    assert dead is not None
    assert np.flatnonzero(dead).tolist() == [3, 4]
    assert is_colour(np.asarray(env.render()), LIGHT.dead).any()
    env.close()


@pytest.mark.parametrize(("heading", "course"), [(0.0, 0.8), (2.0, -0.5), (1.0, 3.0)])
def test_the_course_is_an_arrow_from_the_robot(heading: float, course: float) -> None:
    pose = np.array([5.0, 5.0, heading])
    changed = paint(pose=pose, course_rad=course) != paint(pose=pose)
    rows, columns = np.nonzero(changed.any(axis=2))
    view = fit(still().scene.bounds, SIZE)
    away = view.metres(np.column_stack([columns, rows]).astype(float) + 0.5) - 5.0
    turned = away @ np.array([np.cos(heading + course), np.sin(heading + course)])
    # The robot hides the arrow's beginning; at its tip it has an edge of a pixel.
    assert turned.max() == pytest.approx(max(1.2, BIG_REACH_M + 22 / view.scale), abs=0.1)
    assert turned.min() > 0.3
    middle = away.mean(axis=0)
    assert np.arctan2(middle[1], middle[0]) == pytest.approx(
        np.angle(np.exp(1j * (heading + course))), abs=0.06
    )
    assert is_colour(paint(pose=pose, course_rad=course), LIGHT.course).sum() > 40


# Texts


def written(text: str, **options: Any) -> tuple[Any, pygame.Rect]:
    canvas = pygame.Surface((400, 60), 0, 32)
    place = write(canvas, text, "midleft", (5, 30), (255, 255, 255), **options)
    return to_pixels(canvas), place


def test_a_text_too_long_ends_with_an_ellipsis() -> None:
    text = "a long name of a brain that drives robots"
    whole, free = written(text)
    roomy, _ = written(text, width=free.width)
    np.testing.assert_array_equal(roomy, whole)
    for width in (120, 60, 30):
        _, place = written(text, width=width)
        assert 0.6 * width < place.width <= width
    font = pygame.font.Font(None, 20)
    candidates = [text[:length].rstrip() + "…" for length in range(1, len(text))] + ["", "…", text]
    for width in range(1, free.width + 1):
        fitting = [each for each in candidates if font.size(each)[0] <= width]
        assert strokes.shorten(font, text, width) == max(fitting, key=len)


def test_texts_are_as_high_as_asked_for() -> None:
    heights = [written("Mg", height=height)[1].height for height in (12, 24, 48)]
    assert heights[0] < heights[1] < heights[2]
    assert heights[2] == pytest.approx(4 * heights[0], rel=0.2)


def test_a_text_is_rendered_once_and_survives_that_others_shut_fonts_down() -> None:
    strokes.render.cache_clear()
    first, _ = written("here I am")
    pygame.font.quit()
    again, _ = written("here I am")
    np.testing.assert_array_equal(again, first)
    assert first.any()
    assert not pygame.font.get_init(), "nothing was rendered anew"
    written("and another")
    for other in ({"height": 21}, {"width": 40}):
        assert (written("here I am", **other)[0] != first).any()

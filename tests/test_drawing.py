import importlib.util
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio_ffmpeg
import numpy as np
import pygame
import pytest
from gymnasium.wrappers import RecordVideo, RenderCollection
from numpy.typing import NDArray
from PIL import Image

import neurobot  # noqa: F401  (registers the environments)
from neurobot.envs.avoidance import AvoidanceEnv
from neurobot.envs.drawing.painter import Painter
from neurobot.envs.frame import Frame
from neurobot.envs.geometry import winding
from neurobot.envs.scenarios import SCENARIOS, box
from neurobot.envs.scene import Scene
from neurobot.envs.tasks import OUTCOMES
from neurobot.envs.world import ROBOTS, Floats

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

# Stated here once more, from Okabe and Ito's table, so that a change of palette is a decision.
BLUE, ORANGE = (0, 114, 178), (230, 159, 0)
GREEN, VERMILLION = (0, 158, 115), (213, 94, 0)
STONE, WALL, FLOOR = (112, 122, 134), (52, 60, 70), (255, 255, 255)

BIG = ROBOTS["jackal"]._replace(half_length_m=0.8, half_width_m=0.4)


def still(**changes: Any) -> Frame:
    """A blue box at (3, 7) in an empty world of 10 x 10 m that sees nothing."""
    plain = Frame(
        scene=Scene((0.0, 0.0, 10.0, 10.0)),
        robot=BIG,
        pose=np.array([3.0, 7.0, 0.0]),
        discs=np.zeros((0, 5)),
        beam_cos=np.ones(1),
        beam_sin=np.zeros(1),
        distance_m=np.zeros(1),
        range_m=10.0,
        goal=None,
        trail=[],
        outcome="running",
        time_s=0.0,
    )
    return replace(plain, **changes)


def paint(size: tuple[int, int] = (500, 400), **changes: Any) -> Pixels:
    return Painter(window=False, size=size).rgb(still(**changes))


def is_colour(image: Pixels, colour: tuple[int, int, int]) -> Mask:
    return np.asarray((image == colour).all(axis=2))


class Ruler:
    """Read the map from the world to the picture off the picture itself.

    The floor is the white rectangle that spans the bounds.
    """

    def __init__(self, image: Pixels, bounds: tuple[float, float, float, float]) -> None:
        rows, columns = np.nonzero(is_colour(image, FLOOR))
        self.left, self.right = columns.min(), columns.max() + 1
        self.top, self.bottom = rows.min(), rows.max() + 1
        self.bounds = bounds

    @property
    def scale(self) -> float:
        return float((self.right - self.left) / (self.bounds[2] - self.bounds[0]))

    def row_column(self, x: float, y: float) -> tuple[float, float]:
        x0, y0, x1, y1 = self.bounds
        row = self.bottom - (y - y0) / (y1 - y0) * (self.bottom - self.top)
        return row, self.left + (x - x0) / (x1 - x0) * (self.right - self.left)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        row, column = self.row_column(x, y)
        return int(row), int(column)


PLAIN_BOUNDS = still().scene.bounds
RULER = Ruler(paint(pose=np.array([99.0, 99.0, 0.0])), PLAIN_BOUNDS)


def robot_mask(size: tuple[int, int] = (500, 400), **changes: Any) -> Mask:
    """Pixels that the robot changes, on grey ground: no part of it is grey."""
    grey = Scene(PLAIN_BOUNDS, outlines=box(*PLAIN_BOUNDS))
    gone = paint(size, scene=grey, **{**changes, "pose": np.array([99.0, 99.0, 0.0])})
    return np.asarray((paint(size, scene=grey, **changes) != gone).any(axis=2))


def overlap(first: Mask, second: Mask) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("size", [(720, 720), (300, 200), (200, 301), (33, 21), (1, 1)])
def test_a_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    image = paint(size)
    assert image.shape == (size[1], size[0], 3)
    assert image.dtype == np.uint8
    assert image.flags.writeable


def test_equal_frames_give_equal_pixels_whatever_was_painted_before() -> None:
    discs = np.array([[5.0, 5.0, 0.4, 0.3, 0.1]])
    frame = still(discs=discs, goal=np.array([8.0, 8.0]), trail=[(1.0, 1.0), (3.0, 7.0)])
    painter = Painter(window=False, size=(400, 400))
    first = painter.rgb(frame)
    kept = first.copy()
    other = painter.rgb(replace(frame, pose=np.array([6.0, 2.0, 1.0])))
    elsewhere = replace(frame, scene=Scene((0.0, 0.0, 4.0, 9.0), walls=box(0.0, 0.0, 4.0, 9.0)))
    there = painter.rgb(elsewhere)
    assert (other != first).any()
    np.testing.assert_array_equal(there, Painter(window=False, size=(400, 400)).rgb(elsewhere))
    np.testing.assert_array_equal(painter.rgb(frame), first)
    np.testing.assert_array_equal(Painter(window=False, size=(400, 400)).rgb(frame), first)
    np.testing.assert_array_equal(first, kept, err_msg="a picture was painted over later")


@pytest.mark.parametrize("pose", [(3.0, 7.0, 0.0), (5.3, 2.2, 2.0), (8.5, 8.5, -1.1)])
def test_the_robot_is_drawn_where_it_is(pose: tuple[float, float, float]) -> None:
    rows, columns = np.nonzero(robot_mask(pose=np.array(pose)))
    expected = RULER.row_column(*pose[:2])
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx(expected, abs=1.0)


@pytest.mark.parametrize("name", ROBOTS)
def test_the_footprint_has_its_true_area(name: str) -> None:
    robot = ROBOTS[name]._replace(rounding_m=0.2)
    length, width, radius = robot.half_length_m, robot.half_width_m, robot.rounding_m
    area_m2 = 4 * (length * width + (length + width) * radius) + math.pi * radius**2
    ruler = Ruler(paint((900, 900)), PLAIN_BOUNDS)
    drawn = robot_mask((900, 900), robot=robot).sum()
    assert drawn == pytest.approx(area_m2 * ruler.scale**2, rel=0.1)


def test_a_small_robot_gets_a_ring() -> None:
    rows, _ = np.nonzero(robot_mask(robot=ROBOTS["fly"]))
    assert np.ptp(rows) > 18


def test_up_is_up_and_turns_go_counter_clockwise() -> None:
    def blue(x: float, y: float, heading: float) -> Mask:
        pose = np.array([x, y, heading])
        return is_colour(paint((600, 600), pose=pose), BLUE)  # the footprint less the white mark

    plain = blue(3.0, 7.0, 0.4)
    assert plain.any()
    assert overlap(np.flipud(plain), blue(3.0, 3.0, -0.4)) > 0.9
    assert overlap(np.fliplr(plain), blue(7.0, 7.0, math.pi - 0.4)) > 0.9
    assert overlap(np.rot90(plain), blue(3.0, 3.0, 0.4 + math.pi / 2)) > 0.9
    assert overlap(plain, blue(3.0, 7.0, 0.4 + math.pi)) < 0.9, "the mark must tell the front"


def test_the_heading_mark_points_ahead() -> None:
    for heading in (0.0, math.pi / 2, 2.5):
        image = paint(pose=np.array([5.0, 5.0, heading]))
        ahead = RULER.pixel(5.0 + 0.3 * math.cos(heading), 5.0 + 0.3 * math.sin(heading))
        behind = RULER.pixel(5.0 - 0.3 * math.cos(heading), 5.0 - 0.3 * math.sin(heading))
        assert tuple(image[ahead]) == FLOOR, heading
        assert tuple(image[behind]) == BLUE, heading


def test_a_moving_disc_is_drawn_where_it_is_now() -> None:
    at_start = np.array([[2.0, 2.0, 1.0, 1.0, 0.5]])
    now = np.array([[6.0, 4.0, 1.0, 1.0, 0.5]])
    image = paint(scene=Scene(PLAIN_BOUNDS, discs=at_start), discs=now)
    assert tuple(image[RULER.pixel(5.8, 3.9)]) == ORANGE
    assert tuple(image[RULER.pixel(1.8, 1.9)]) == FLOOR
    area = np.pi * RULER.scale**2
    assert is_colour(image, ORANGE).sum() == pytest.approx(area, rel=0.15)


def test_an_arrow_leads_to_where_a_disc_will_be_in_a_second() -> None:
    image = paint(discs=np.array([[6.0, 4.0, 0.3, 1.5, 1.5]]))
    for share, drawn in ((0.5, True), (0.9, True), (1.2, False), (-0.4, False)):
        row, column = RULER.pixel(6.0 + 1.5 * share, 4.0 + 1.5 * share)
        darkest = image[row - 1 : row + 2, column - 1 : column + 2].min()
        assert (darkest < 150) == drawn, share


def test_a_standing_disc_differs_from_a_moving_one() -> None:
    discs = np.array([[2.0, 2.0, 0.5, 0.0, 0.0], [7.0, 2.0, 0.5, 0.0, -1e-3]])
    image = paint(scene=Scene(PLAIN_BOUNDS, discs=discs), discs=discs)
    assert tuple(image[RULER.pixel(2.0, 2.0)]) == STONE
    assert tuple(image[RULER.pixel(7.2, 2.2)]) == ORANGE


def loop(*corners: tuple[float, float]) -> Floats:
    points = np.array(corners)
    return np.column_stack([points, np.roll(points, -1, axis=0)])


def distance_to_edges(point: Floats, edges: Floats) -> float:
    starts, along = edges[:, :2], edges[:, 2:] - edges[:, :2]
    share = ((point - starts) * along).sum(axis=1) / (along * along).sum(axis=1)
    nearest = starts + np.clip(share, 0.0, 1.0)[:, None] * along
    return float(np.hypot(*(point - nearest).T).min())


def test_solids_are_filled_inside_and_only_there() -> None:
    outlines = np.concatenate(
        [
            loop((1, 1), (4, 1), (4, 4), (1, 4)),
            loop((2, 2), (2, 3), (3, 3), (3, 2)),  # a hole
            loop((3, 3.5), (6, 3.5), (5, 6)),  # overlaps the first
            loop((7, 7), (8, 7), (8, 8), (7, 8)),
            loop((8, 8), (9, 8), (9, 9), (8, 9)),  # touches the last at a corner
            loop((8, -3), (13, -3), (13, 2), (8, 2)),  # reaches beyond the picture
        ]
    )
    rng = np.random.default_rng(0)
    rng.shuffle(outlines)
    image = paint(scene=Scene(PLAIN_BOUNDS, outlines=outlines), pose=np.array([99.0, 99.0, 0.0]))
    solid = is_colour(image, STONE)
    counts = {True: 0, False: 0}
    for point in rng.uniform(0.1, 9.9, (3000, 2)):
        if distance_to_edges(point, outlines) > 2.0 / RULER.scale:
            inside = winding(float(point[0]), float(point[1]), outlines) != 0
            assert solid[RULER.pixel(*point)] == inside, point
            counts[inside] += 1
    assert min(counts.values()) > 300


def test_walls_are_lines_where_they_stand() -> None:
    image = paint(scene=Scene(PLAIN_BOUNDS, walls=np.array([[1.0, 2.0, 8.0, 5.0]])))
    for share in (0.02, 0.5, 0.98):
        assert tuple(image[RULER.pixel(1.0 + 7.0 * share, 2.0 + 3.0 * share)]) == WALL
    assert tuple(image[RULER.pixel(4.4, 4.4)]) == FLOOR


def fan(count: int, half_angle: float, distance_m: float) -> dict[str, Any]:
    angles = np.linspace(-half_angle, half_angle, count)
    return {
        "beam_cos": np.cos(angles),
        "beam_sin": np.sin(angles),
        "distance_m": np.full(count, distance_m),
    }


def test_beams_tint_what_they_sweep_and_more_so_nearby() -> None:
    image = paint(pose=np.array([2.2, 5.2, 0.0]), **fan(61, 0.6, 6.0)).astype(int)
    reds = [image[RULER.pixel(x, 5.37)][0] for x in (3.4, 5.4, 7.4, 8.6)]
    assert reds[0] < reds[1] < reds[2] < reds[3] == 255
    assert tuple(image[RULER.pixel(3.4, 7.4)]) == FLOOR


def test_the_fan_is_turned_with_the_robot() -> None:
    image = paint(pose=np.array([5.2, 2.2, math.pi / 2]), **fan(61, 0.6, 6.0))
    assert image[RULER.pixel(5.4, 6.4)][0] < 255
    assert tuple(image[RULER.pixel(8.4, 2.4)]) == FLOOR


def test_the_fan_does_not_cover_what_stands_between_two_beams() -> None:
    scene = Scene(PLAIN_BOUNDS, discs=np.array([[6.0, 5.0, 0.3, 0.0, 0.0]]))
    image = paint(scene=scene, pose=np.array([2.0, 5.0, 0.0]), **fan(2, 0.3, 6.0))
    assert tuple(image[RULER.pixel(6.0, 5.0)]) == STONE


@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_any_number_of_beams_can_be_drawn(count: int) -> None:
    assert (paint(**fan(count, math.pi, 3.0)) != paint()).any()


def test_the_trail_fades_with_age() -> None:
    trail = [(x, 3.3) for x in np.linspace(1.0, 9.0, 300)]
    image = paint(trail=trail, time_s=30.0).astype(int)
    reds = [image[RULER.pixel(x, 3.3)][0] for x in (1.5, 4.4, 6.4, 8.7)]
    assert 255 > reds[0] > reds[1] > reds[2] > reds[3]


@pytest.mark.parametrize("length", [1, 2, 3, 502, 5000])
def test_a_trail_of_any_length_ends_at_the_newest_point(length: int) -> None:
    trail = [(1.5, 3.3)] * (length - 1) + [(8.5, 3.3)]
    image = paint(trail=trail, time_s=1.0)
    assert (image[RULER.pixel(5.4, 3.3)][0] < 255) == (length > 1)


def test_the_goal_is_a_star_inside_the_circle_that_counts() -> None:
    scene = Scene(PLAIN_BOUNDS, goal_tolerance_m=1.3)
    image = paint(scene=scene, goal=np.array([6.4, 3.4]))
    assert tuple(image[RULER.pixel(6.4, 3.4)]) == GREEN
    rows, columns = np.nonzero(is_colour(image, GREEN))
    for pixels in (rows, columns):
        assert np.ptp(pixels) == pytest.approx(2.6 * RULER.scale, abs=3)
    assert not is_colour(paint(scene=scene), GREEN).any()


def test_every_outcome_looks_different() -> None:
    images = [paint(outcome=outcome) for outcome in OUTCOMES]
    assert len(images) == 4
    for k, image in enumerate(images):
        for other in images[:k]:
            assert (image != other)[:20].any(), "the label"
            assert (image != other)[RULER.pixel(2.8, 7.0)].any(), "the robot"


def test_the_time_is_written() -> None:
    assert (paint(time_s=1.0) != paint(time_s=2.0))[:20].any()


def test_a_tall_world_keeps_its_proportions() -> None:
    bounds = (0.0, 0.0, 4.5, 14.0)
    image = paint((720, 720), scene=Scene(bounds), pose=np.array([99.0, 99.0, 0.0]))
    ruler = Ruler(image, bounds)
    assert (ruler.bottom - ruler.top) / (ruler.right - ruler.left) == pytest.approx(
        14 / 4.5, rel=0.01
    )
    assert ruler.bottom - ruler.top > 600


def drive(env: gym.Env[Any, Any], steps: int) -> dict[str, Any]:
    """Drive on for at most so many steps; gives the last info."""
    for _ in range(steps):
        _, _, terminated, truncated, info = env.step(np.array([0.3, 0.4], np.float32))
        if terminated or truncated:
            break
    return info


@pytest.mark.parametrize("task", ["Avoidance", "Navigation"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_can_be_drawn(scenario: str, task: str) -> None:
    assert len(SCENARIOS) >= 7
    env = gym.make(f"neurobot/{task}-v0", scenario=scenario, render_mode="rgb_array")
    env.reset(seed=3)
    before: Any = env.render()
    info = drive(env, 20)
    after: Any = env.render()
    assert before.shape == after.shape == (720, 720, 3)
    assert before.dtype == np.uint8
    assert (before != after).any()
    np.testing.assert_array_equal(env.render(), after)
    assert isinstance(env.unwrapped, AvoidanceEnv)
    row, column = Ruler(after, env.unwrapped.scene.bounds).pixel(*info["pose"][:2])
    near = after[row - 12 : row + 13, column - 12 : column + 13]
    assert any(is_colour(near, colour).sum() > 20 for colour in (BLUE, GREEN, VERMILLION))
    env.close()


def test_the_camera_and_small_robots_can_be_drawn() -> None:
    for robot in ROBOTS:
        env = gym.make(
            "neurobot/Navigation-v0", sensor="camera", robot=robot, render_mode="rgb_array"
        )
        env.reset(seed=1)
        assert np.ptp(np.asarray(env.render())) > 100, robot
        env.close()


def test_frames_can_be_collected_for_a_video() -> None:
    env = RenderCollection(gym.make("neurobot/Avoidance-v0", render_mode="rgb_array"))
    env.reset(seed=0)
    drive(env, 5)
    frames: Any = env.render()
    assert len(frames) == 6
    for first, second in pairwise(frames):
        assert (first != second).any()
    env.close()


def test_arrays_need_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "no such driver")
    paint()
    assert not pygame.display.get_init()


@pytest.fixture
def dummy_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    yield
    pygame.display.quit()


def on_screen() -> Pixels:
    return np.asarray(pygame.surfarray.array3d(pygame.display.get_surface()).transpose(1, 0, 2))


@pytest.mark.usefixtures("dummy_screen")
def test_a_window_shows_the_same_picture_at_any_size() -> None:
    painter = Painter(window=True, size=(300, 200))
    for size in ((300, 200), (450, 500)):
        pygame.display.set_mode(size, pygame.RESIZABLE)
        painter.show(still(), fps=1000)
        np.testing.assert_array_equal(on_screen(), paint(size))
    painter.close()
    assert not pygame.display.get_init()


@pytest.mark.usefixtures("dummy_screen")
def test_a_window_closed_by_its_button_stays_closed() -> None:
    painter = Painter(window=True, size=(300, 200))
    painter.show(still(), fps=1000)
    open_before = painter.is_open
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    for _ in range(3):
        painter.show(still(), fps=0.01)  # would wait if it drew
        assert (open_before, painter.is_open) == (True, False)
        assert not pygame.display.get_init()
    painter.close()
    painter.close()


@pytest.mark.usefixtures("dummy_screen")
def test_a_window_survives_that_others_shut_pygame_down() -> None:
    painter = Painter(window=True, size=(300, 200))
    pygame.quit()
    painter.show(still(), fps=1000)
    assert not painter.is_open
    painter.close()
    assert paint().any()


@pytest.mark.usefixtures("dummy_screen")
def test_a_window_keeps_the_frame_rate() -> None:
    painter = Painter(window=True, size=(60, 60))
    painter.show(still(), fps=50)
    start = pygame.time.get_ticks()
    for _ in range(10):
        painter.show(still(), fps=50)
    assert pygame.time.get_ticks() - start >= 180
    painter.close()


@pytest.mark.usefixtures("dummy_screen")
def test_an_environment_opens_and_closes_its_window() -> None:
    env = gym.make("neurobot/Avoidance-v0", render_mode="human", control_period_s=0.02)
    env.reset(seed=0)
    drive(env, 2)
    assert np.ptp(on_screen()) > 100
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    drive(env, 3)
    env.close()
    env.close()


@pytest.mark.parametrize("driver", ["no such driver", None])
def test_no_screen_is_told_in_one_sentence(
    driver: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pygame.display.quit()
    if driver is None:  # SDL then falls back to a driver that shows nothing
        if not sys.platform.startswith("linux"):
            pytest.skip("only Linux can be without a screen so simply")
        for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
            monkeypatch.delenv(name, raising=False)
    else:
        monkeypatch.setenv("SDL_VIDEODRIVER", driver)
    with pytest.raises(RuntimeError, match="render_mode='human' needs a screen"):
        Painter(window=True)
    assert not pygame.display.get_init()


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "default", "-c", code]
    unset = {name: value for name, value in os.environ.items() if not name.startswith("PYGAME")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=unset)


def test_pygame_is_silent_and_comes_only_when_needed() -> None:
    told = run_python(
        "import sys, neurobot.envs.avoidance\n"
        "assert 'pygame' not in sys.modules\n"
        "import neurobot.envs.drawing.painter\n"
        "assert 'pygame' in sys.modules"
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_missing_pygame_is_told_with_its_remedy() -> None:
    told = run_python(
        "import sys; sys.modules['pygame'] = None; import neurobot.envs.drawing.canvas"
    )
    assert told.returncode == 1
    last = told.stderr.strip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError")
    assert "pip install pygame" in last


def test_the_script_makes_small_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = Path(__file__).parent.parent / "scripts" / "picture.py"
    spec = importlib.util.spec_from_file_location("picture", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = tmp_path / "docs"
    monkeypatch.setattr(sys, "argv", ["picture.py", "--folder", str(folder)])
    module.main()
    assert (folder / "world.png").stat().st_size < 300_000
    with Image.open(folder / "demo.gif") as film:
        assert film.size == (960, 540)
        assert getattr(film, "n_frames", 1) > 50
    assert (folder / "demo.gif").stat().st_size < 3_000_000
    with Image.open(folder / "world.png") as image:
        assert image.height == 720
        assert image.width > 1400


def test_gymnasium_records_a_video(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="RecordVideo writes by moviepy")
    env: Any = RecordVideo(
        gym.make("neurobot/Navigation-v0", render_mode="rgb_array"),
        str(tmp_path / "films"),
        disable_logger=True,
    )
    env.reset(seed=0)
    for _ in range(12):
        env.step(np.array([0.5, 0.6], np.float32))
    env.close()
    (film,) = (tmp_path / "films").glob("*.mp4")
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(film))
    assert frames == 13
    assert seconds == pytest.approx(1.3, abs=0.05)  # ten pictures a second, and the first

"""The demo's window as its users handle it, on a real X server."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from desk import FREE, HELD, JOB, PATIENCE_S, PX, SIZE, Desk, Pixels, film, is_on
from desk import desk as desk
from desk import screen as screen
from desk import server as server

from neurobot.cost import COST_TABLES
from neurobot.demo.keys import KEYS
from neurobot.demo.recording import Recorder
from neurobot.demo.session import Session
from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.world import RADIUS


@pytest.mark.parametrize("code", [pygame.K_t, pygame.K_d])
def test_keys_that_step_go_on_while_they_are_held(code: int, desk: Desk) -> None:
    desk.session.step_decision()
    before = desk.session.tick, len(desk.session.thoughts)
    with desk.holding(code):
        desk.turns(HELD)
    after = desk.session.tick, len(desk.session.thoughts)
    steps = np.subtract(after, before).max()
    assert steps > 3
    desk.turns(HELD // 3)
    assert (desk.session.tick, len(desk.session.thoughts)) == after, "let go, and yet it steps"


def test_other_keys_act_once_however_long_they_are_held(desk: Desk) -> None:
    with desk.holding(pygame.K_n):
        desk.turns(HELD)
    assert desk.session.job.seed == JOB.seed + 1
    with desk.holding(pygame.K_SPACE):
        for _ in range(HELD):
            desk.turns(1)
            assert not desk.player.paused
    desk.tap(pygame.K_h)
    with desk.holding(pygame.K_ESCAPE):
        desk.turns(HELD)
    assert (desk.player.help_open, desk.window.is_open) == (False, True)
    assert [key.name for key in KEYS if key.repeats] == ["T", "D"]


def test_an_arrow_key_that_is_tapped_between_two_pictures_is_noticed(desk: Desk) -> None:
    desk.flick(pygame.K_UP)
    desk.until(lambda: desk.session.job.controller == "hand")
    desk.player.paused = False
    pose = desk.row("x", "y")
    desk.drive(0.5)
    assert desk.row("x", "y") == pose, "let go, and yet it moves"


def test_an_obstacle_dragged_in_front_of_the_robot_changes_its_path(desk: Desk) -> None:
    alone = Session(JOB, COST_TABLES["paper"])
    alone.advance(60.0)
    path = np.array(alone.trail)
    desk.tap(pygame.K_SPACE)
    desk.drive(1.0)
    desk.tap(pygame.K_SPACE)
    k = len(desk.session.trail)
    assert desk.session.trail == alone.trail[:k], "watching alone changed the path"
    ahead = path[k + 10]
    spans = np.hypot(*(desk.discs()[:, None, :2] - path).T)  # (steps, discs)
    far = int(spans.min(axis=0).argmax())
    radius_m = desk.discs()[far, RADIUS]
    desk.drag(desk.pixel(*desk.discs()[far, :2]), desk.pixel(*ahead))
    assert desk.discs()[far, :2] == pytest.approx(ahead, abs=2 * PX)
    for code in (pygame.K_EQUALS, pygame.K_EQUALS, pygame.K_EQUALS, pygame.K_SPACE):
        desk.tap(code)
    desk.until(lambda: desk.session.over)
    driven = np.array(desk.session.trail)
    shared = min(len(driven), len(path))
    assert np.hypot(*(driven[:shared] - path[:shared]).T).max() > 0.5
    assert np.hypot(*(driven - ahead).T).min() > radius_m + 0.2, "drove through it"
    assert (desk.session.outcome, desk.session.touched) == ("success", True)


def test_clicks_that_mean_nothing_do_nothing(desk: Desk) -> None:
    desk.session.advance(1.0)
    before, goal = desk.discs(), desk.row("goal_x", "goal_y")
    robot = desk.pixel(*desk.row("x", "y"))
    for button, at in [(1, robot), (3, robot), (2, desk.pixel(*FREE))]:
        desk.click(button, at)
    for at in [(900, 300), (600, 700), (3, 3), (1279, 719)]:
        desk.click(1, at)
        desk.click(3, at)
    desk.drag((900, 300), desk.pixel(*FREE))
    desk.tap(pygame.K_h)
    desk.click(1, desk.pixel(*FREE))
    np.testing.assert_array_equal(desk.discs(), before)
    assert (desk.row("goal_x", "goal_y"), desk.session.touched) == (goal, False)


@pytest.mark.parametrize("code", [pygame.K_w, pygame.K_n, pygame.K_BACKSPACE])
def test_an_episode_that_begins_takes_what_is_held_from_the_hand(desk: Desk, code: int) -> None:
    at, last = desk.pixel(*FREE), len(desk.discs())
    desk.click(1, (at[0] + 60, at[1]))
    with desk.pressing(1, desk.pixel(*desk.discs()[last, :2])):
        desk.tap(code)
        before = desk.discs()
        desk.point(at)
    np.testing.assert_array_equal(desk.discs(), before)
    assert not desk.session.touched


def test_the_picture_fills_the_window_at_any_size(desk: Desk) -> None:
    desk.player.paused = False
    desk.tap(pygame.K_r)
    recorder = desk.player.recorder
    assert recorder is not None
    desk.until(lambda: recorder.pictures >= 3)
    sizes = [(320, 200), (1920, 1080), (333, 777), (2, 2), SIZE]
    for width, height in sizes:
        desk.resize((width, height))
        desk.turns(3)
        picture = desk.look()
        assert picture.shape == (height, width, 3)
        if width > 2:
            rows, columns = np.nonzero(~is_on(picture, "paper"))
            assert columns.min() < 0.05 * width < 0.95 * width < columns.max()
            assert rows.min() < 0.05 * height < 0.95 * height < rows.max()
    assert desk.player.recorder is recorder
    desk.tap(pygame.K_r)
    assert len(film(recorder.path)) == recorder.pictures


def test_the_windows_own_button_ends_the_run_and_a_video(desk: Desk) -> None:
    desk.tap(pygame.K_r)
    recorder = desk.player.recorder
    assert recorder is not None
    desk.until(lambda: recorder.pictures >= 5)
    desk.ask_to_close()
    begun = time.monotonic()
    desk.window.run(PATIENCE_S)
    assert time.monotonic() - begun < PATIENCE_S / 2
    assert not pygame.display.get_init()
    assert len(film(recorder.path)) == recorder.pictures


def test_control_c_waits_until_a_picture_is_in_the_video(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", SIZE)

    class Interrupted:
        def send(self, pixels: Pixels) -> None:
            signal.raise_signal(signal.SIGINT)
            writer.send(pixels)

    writer, recorder.writer = recorder.writer, Interrupted()
    with pytest.raises(KeyboardInterrupt):
        recorder.add(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    recorder.writer = writer
    recorder.close()
    assert len(film(recorder.path)) == 1


# In a process of its own.


@contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "neurobot", "demo", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # where it has not ended by itself


def test_control_c_ends_the_demo_with_a_line_and_a_whole_video(screen: str) -> None:
    with demo("--record", "a.mp4") as process:
        end = time.monotonic() + PATIENCE_S
        while not any(path.stat().st_size for path in Path().iterdir()):
            assert process.poll() is None
            assert time.monotonic() < end, "no video began"
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (130, "neurobot demo: interrupted\n")
    assert len(film(Path("a.mp4"))) > 0


def test_the_demo_ends_by_itself_after_the_seconds_that_were_asked_for(screen: str) -> None:
    begun = time.monotonic()
    with demo("--seconds", "1") as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (0, "")
    assert time.monotonic() - begun > 1.0


def test_without_a_screen_the_demo_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"):
        monkeypatch.delenv(name, raising=False)
    with demo() as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    sentence = r"neurobot demo: a window needs a screen, .* \(.+\): use --headless"
    assert process.returncode == 2
    assert re.fullmatch(sentence, said.splitlines()[-1]), said

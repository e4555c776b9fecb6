"""Somebody in front of the demo's window: keys, mouse and sight of a real X server (Xvfb)."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot.cost import COST_TABLES
from neurobot.demo.layout import lay_out
from neurobot.demo.player import Options, Player
from neurobot.demo.session import Session
from neurobot.demo.stage import field_of
from neurobot.demo.window import Window
from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.drawing.theme import THEMES
from neurobot.episodes import Job

NEEDED = "python-xlib is not installed: pip install 'neurobot[test]'"
display = pytest.importorskip("Xlib.display", reason=NEEDED)
event = pytest.importorskip("Xlib.protocol.event", reason=NEEDED)
X = pytest.importorskip("Xlib.X", reason=NEEDED)
XK = pytest.importorskip("Xlib.XK", reason=NEEDED)

Pixels: TypeAlias = NDArray[np.uint8]
Point: TypeAlias = tuple[int, int]

PATIENCE_S = 30.0  # what has not come by then never will
SIZE = (1280, 720)
JOB = Job("poppins", "neurobot/Navigation-v0", "forest", 0, 0)
FREE = (10.0, 13.5)  # a point of this world with nothing around it
PX = 1 / 24  # metres there, about
HELD = 45  # pictures until a key that is held has repeated several times
SYMBOLS = {  # X's names of keys that have other numbers there
    pygame.K_BACKSPACE: "BackSpace",
    pygame.K_ESCAPE: "Escape",
    pygame.K_F1: "F1",
    pygame.K_KP_PLUS: "KP_Add",
    pygame.K_KP_MINUS: "KP_Subtract",
    pygame.K_UP: "Up",
    pygame.K_DOWN: "Down",
    pygame.K_LEFT: "Left",
    pygame.K_RIGHT: "Right",
}


class Desk:
    """A window that shows an episode, paused at its beginning, and somebody who uses it."""

    def __init__(self) -> None:
        self.session = Session(JOB, COST_TABLES["paper"])
        self.player = Player(self.session, SIZE, Options(goes_on=False))
        self.window = Window(self.player)
        self.player.message, self.player.paused = None, True
        self.x = display.Display()
        (self.shown,) = self.x.screen().root.query_tree().children
        self.until(pygame.key.get_focused)

    def close(self) -> None:
        self.window.close()
        self.x.close()

    def until(self, condition: Callable[[], object]) -> None:
        """Let the window go on until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, f"waited in vain for {PATIENCE_S} s"
            self.window.turn()

    def turns(self, count: int = 3) -> None:
        for _ in range(count):
            self.window.turn()

    def drive(self, duration_s: float) -> None:
        """Let the window go on for so much of the robot's time."""
        end_s = self.session.time_s + duration_s
        self.until(lambda: self.session.time_s > end_s)

    def _send(self, kind: int, detail: int = 0, at: Point = (0, 0)) -> None:
        self.x.xtest_fake_input(kind, detail, x=at[0], y=at[1])
        self.x.sync()

    @contextmanager
    def holding(self, code: int, shift: bool = False) -> Iterator[None]:
        """Hold a key down, with Shift where it is on the upper half of its cap."""
        symbol = XK.string_to_keysym(SYMBOLS[code]) if code in SYMBOLS else code
        key, level = min(self.x.keysym_to_keycodes(symbol), key=lambda place: place[1])
        chord = [self.x.keysym_to_keycode(XK.XK_Shift_L)] if shift or level else []
        try:
            for each in (*chord, key):
                self._send(X.KeyPress, each)
            self.until(lambda: sum(pygame.key.get_pressed()) == len(chord) + 1)
            yield
        finally:
            for each in (key, *chord):
                self._send(X.KeyRelease, each)
        self.until(lambda: not any(pygame.key.get_pressed()))

    def tap(self, code: int, shift: bool = False) -> None:
        with self.holding(code, shift):
            pass

    def flick(self, code: int) -> None:
        """Press and release a key between two pictures."""
        key = self.x.keysym_to_keycode(XK.string_to_keysym(SYMBOLS[code]))
        self._send(X.KeyPress, key)
        self._send(X.KeyRelease, key)

    def point(self, at: Point) -> None:
        """Move the pointer to a pixel of the window."""
        corner = self.x.screen().root.translate_coords(self.shown, 0, 0)
        self._send(X.MotionNotify, at=(corner.x + at[0], corner.y + at[1]))
        self.until(lambda: pygame.mouse.get_pos() == at)

    @contextmanager
    def pressing(self, button: int, at: Point) -> Iterator[None]:
        """Hold a button of the mouse down: 1 the left one, 2 the middle one, 3 the right one."""
        self.point(at)
        try:
            self._send(X.ButtonPress, button)
            self.until(lambda: pygame.mouse.get_pressed()[button - 1])
            yield
        finally:
            self._send(X.ButtonRelease, button)
        self.until(lambda: not pygame.mouse.get_pressed()[button - 1])

    def click(self, button: int, at: Point) -> None:
        with self.pressing(button, at):
            pass

    def drag(self, start: Point, end: Point) -> None:
        """Move what is at a pixel to another one, on a way that is not straight."""
        with self.pressing(1, start):
            self.point(((start[0] + end[0]) // 2, (start[1] + end[1]) // 2 + 20))
            self.point(end)

    def resize(self, size: Point) -> None:
        """Pull the window to another size, in the corner of the screen."""
        self.shown.configure(x=0, y=0, width=size[0], height=size[1])
        self.x.sync()
        self.until(lambda: self.player.size == size)

    def ask_to_close(self) -> None:
        """Press the window's own button."""
        wish = [self.x.intern_atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0]
        kind = self.x.intern_atom("WM_PROTOCOLS")
        self.shown.send_event(
            event.ClientMessage(window=self.shown, client_type=kind, data=(32, wish))
        )
        self.x.sync()

    def grab(self) -> Pixels:
        """Ask the X server for the picture in the window, (rows, columns, 3)."""
        size = self.shown.get_geometry()
        image = self.shown.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        return np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)[..., 2::-1]

    def look(self) -> Pixels:
        """Return what the window shows, once it is all that was painted, without a message."""
        self.player.message = None
        self.window.turn()
        self.until(lambda: np.array_equal(self.grab(), self.player.pixels()))
        return self.grab()

    def pixel(self, x: float, y: float) -> Point:
        """Return the window's pixel at a point of the world."""
        field = field_of(lay_out(self.player.size))
        view = self.player.stage.world.view(self.session.frame().scene, field[2:])
        column, row = np.rint(view.pixels(np.array([x, y])) + field[:2]).astype(int).tolist()
        return column, row

    def row(self, *names: str) -> tuple[Any, ...]:
        """Return some of what the world knows of the robot."""
        return tuple(self.session.batch.state.rows[0][name].item() for name in names)

    def discs(self) -> NDArray[np.float64]:
        return self.session.after.discs.copy()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Start an X server without a screen, on a display that is free."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed")
    answer, told = os.pipe()
    command = [program, "-noreset", "-displayfd", str(told), "-screen", "0", "2000x1200x24"]
    with (
        subprocess.Popen(command, pass_fds=[told], stderr=subprocess.DEVNULL) as process,
        open(answer) as number,
    ):
        os.close(told)
        yield f":{int(number.readline())}"
        process.terminate()


@pytest.fixture
def screen(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """Let windows open there, and write files elsewhere."""
    pygame.display.quit()  # what an earlier test left open is on no screen
    monkeypatch.setenv("DISPLAY", server)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.chdir(tmp_path)
    yield server
    pygame.display.quit()


@pytest.fixture
def desk(screen: str) -> Iterator[Desk]:
    """Open the window, and close it afterwards."""
    sitting = Desk()
    yield sitting
    sitting.close()


def is_on(picture: Pixels, part: str) -> NDArray[np.bool_]:
    """Return where a picture has the colour of a part of the dark theme."""
    return np.asarray((picture == getattr(THEMES["dark"], part)).all(axis=2))


def film(path: Path) -> Pixels:
    """Read a video of the window back, (pictures, rows, columns, 3)."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    raw = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    done = subprocess.run([ffmpeg, "-i", path, *raw], capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)

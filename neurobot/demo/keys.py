"""What each key does, once: the window obeys this table, and the help screen prints it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from neurobot.demo.help_panel import Entry
from neurobot.demo.player import CLOCK_FACTOR, Player
from neurobot.envs.drawing.canvas import pygame


@dataclass(frozen=True)
class Key:
    """A key, or some that do the same."""

    name: str
    codes: tuple[int, ...]
    does: str
    act: Callable[[Player], object]
    shifted: Callable[[Player], object] | None = None  # what it does with Shift
    repeats: bool = False  # while it is held


KEYS = (
    Key("Space", (pygame.K_SPACE,), "pause, go on", Player.toggle_pause),
    Key("T", (pygame.K_t,), "one tick of the chip", Player.step_tick, repeats=True),
    Key("D", (pygame.K_d,), "one decision", Player.step_decision, repeats=True),
    Key(
        "+",
        (pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS),
        "faster",
        lambda player: player.change_speed(1),
    ),
    Key(
        "-",
        (pygame.K_MINUS, pygame.K_KP_MINUS),
        "slower",
        lambda player: player.change_speed(-1),
    ),
    Key(
        "C   Shift+C",
        (pygame.K_c,),
        "next, previous controller",
        lambda player: player.change_brain(1),
        lambda player: player.change_brain(-1),
    ),
    Key(
        "W   Shift+W",
        (pygame.K_w,),
        "next, previous scenario",
        lambda player: player.change_place(1),
        lambda player: player.change_place(-1),
    ),
    Key("N", (pygame.K_n,), "next seed", lambda player: player.begin(player.session.new_seed)),
    Key(
        "Backspace",
        (pygame.K_BACKSPACE,),
        "the same episode again",
        lambda player: player.begin(player.session.again),
    ),
    Key("M", (pygame.K_m,), "you drive, or the brain", Player.toggle_hand),
    Key(
        "J",
        (pygame.K_j,),
        "halve the chip's clock",
        lambda player: player.scale_clock(1 / CLOCK_FACTOR),
    ),
    Key(
        "K",
        (pygame.K_k,),
        "double the chip's clock",
        lambda player: player.scale_clock(CLOCK_FACTOR),
    ),
    Key("X", (pygame.K_x,), "kill a part of the sensor", Player.kill_beams),
    Key("F", (pygame.K_f,), "flip a random weight bit", Player.flip_bit),
    Key("U", (pygame.K_u,), "undo all damage", Player.repair),
    Key("L", (pygame.K_l,), "light or dark", Player.change_theme),
    Key("S", (pygame.K_s,), "save a screenshot", Player.save_screenshot),
    Key("R", (pygame.K_r,), "record a video, end it", Player.toggle_recording),
    Key("H", (pygame.K_h, pygame.K_F1), "this help", Player.toggle_help),
)
ARROWS = {
    pygame.K_UP: (1, 0),
    pygame.K_DOWN: (-1, 0),
    pygame.K_LEFT: (0, 1),
    pygame.K_RIGHT: (0, -1),
}
QUIT = (pygame.K_ESCAPE, pygame.K_q)
BESIDES: tuple[Entry, ...] = (
    ("Arrow keys", "drive by hand"),
    ("Left button", "add an obstacle; drag one, or the goal"),
    ("Right button", "remove an obstacle"),
    ("Esc, Q", "close the help; quit"),
)


def help_entries() -> tuple[Entry, ...]:
    """Return what there is to press."""
    return (*((key.name, key.does) for key in KEYS), *BESIDES)


def press(player: Player, code: int, *, shift: bool = False, again: bool = False) -> None:
    """Do what a key does, if it does anything; again: it was held down for long."""
    for key in KEYS:
        if code in key.codes and (key.repeats or not again):
            player.attempt(partial(key.shifted if shift and key.shifted else key.act, player))

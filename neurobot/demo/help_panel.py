"""The help screen: every key and what it does."""

from collections.abc import Sequence
from typing import TypeAlias

from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.envs.drawing.canvas import pygame

Entry: TypeAlias = tuple[str, str]  # what to press, and what it does
VEIL = 200  # opacity of the veil over everything else
ROW, KEY_WIDTH, PADDING, WIDTH = 30, 190, 34, 1060  # as designed


def paint_help(pen: Pen, size: tuple[int, int], entries: Sequence[Entry]) -> None:
    """Lay a veil over the screen, and the entries on it in two columns."""
    veil = pygame.Surface(size)
    veil.fill(pen.theme.paper)
    veil.set_alpha(VEIL)
    pen.canvas.blit(veil, (0, 0))
    rows = -(-len(entries) // 2)
    width, height = pen.px(WIDTH), pen.px(ROW * (rows + 1) + 2 * PADDING)
    box = Box((size[0] - width) // 2, (size[1] - height) // 2, width, height)
    pen.fill(box, pen.theme.panel, pen.px(12))
    inside = box.inset(pen.px(PADDING))
    pen.text("Keys and mouse", "topleft", (inside.x, inside.y), size="large")
    column = inside.width // 2
    for k, (press, does) in enumerate(entries):
        x = inside.x + column * (k // rows)
        y = inside.y + pen.px(ROW * (k % rows + 1) + ROW / 2)
        room = column - pen.px(KEY_WIDTH + 12)
        pen.text(press, "topleft", (x, y), width=pen.px(KEY_WIDTH))
        pen.text(does, "topleft", (x + pen.px(KEY_WIDTH), y), colour=pen.theme.faint, width=room)

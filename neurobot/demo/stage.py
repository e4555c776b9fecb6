"""The whole screen, put together from its panels: what to show comes in, a picture goes out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neurobot.demo.help_panel import Entry, paint_help
from neurobot.demo.layers import paint_layers, paint_scan
from neurobot.demo.layout import HEADING, Box, Layout, lay_out
from neurobot.demo.meter_panel import Meters, paint_meters
from neurobot.demo.pen import Pen
from neurobot.demo.raster import GAP, paint_raster, raster_height
from neurobot.demo.thoughts import Layers, Spikes, Thought
from neurobot.demo.votes import paint_decision, verdict
from neurobot.demo.wheels import paint_wheels
from neurobot.envs.drawing.canvas import pygame
from neurobot.envs.drawing.frame import Frame
from neurobot.envs.drawing.theme import Theme
from neurobot.envs.drawing.world import WorldPainter

WHEELS_SHARE = 0.2  # of the panel of a mind without spikes
VOTES_PX = 104  # least height of the bars below the raster, as designed


@dataclass(frozen=True)
class Picture:
    """Everything that a screen shows."""

    frame: Frame
    place: str  # scenario, seed, and what is unusual about them
    pace: str  # how fast the time goes
    thoughts: Sequence[Thought]
    ticks_before: int  # of all decisions but the last
    tick: int  # of the last decision that are shown
    zoom: float  # pixels of the raster per tick
    chip: str  # what thinks
    wheels: Sequence[tuple[float, float]]  # the last commands, -1..1
    meters: Meters
    message: str | None = None
    is_recording: bool = False
    help: Sequence[Entry] | None = None  # what the help screen says, while it is open


def field_of(layout: Layout) -> Box:
    """Return the part of the arena's panel in which the world is drawn."""
    return layout.arena.split_top(round(HEADING * layout.unit))[1]


class Stage:
    """Paints pictures; keeps what is the same in the next one."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.world = WorldPainter(theme, labels=False)

    def use(self, theme: Theme) -> None:
        """Paint in another theme from now on."""
        self.theme = self.world.theme = theme

    def paint(self, canvas: pygame.Surface, picture: Picture) -> None:
        """Paint a picture over all of a canvas."""
        layout = lay_out(canvas.get_size())
        pen = Pen(canvas, self.theme, layout.unit)
        canvas.fill(self.theme.paper)
        self._paint_arena(pen, layout, picture)
        paint_mind(pen, layout.mind, picture)
        paint_meters(pen, layout.meters, picture.meters)
        if picture.message is not None:
            paint_message(pen, field_of(layout), picture.message)
        if picture.help is not None:
            paint_help(pen, canvas.get_size(), picture.help)

    def to_world(
        self, size: tuple[int, int], frame: Frame, at: tuple[int, int]
    ) -> tuple[float, float, float] | None:
        """Return the world's point below a pixel and metres per pixel; None: no world there."""
        field = field_of(lay_out(size))
        if not field.holds(at):
            return None
        view = self.world.view(frame.scene, field[2:])
        x, y = view.metres(np.array(at, np.float64) - field[:2])
        return float(x), float(y), 1 / view.scale

    def _paint_arena(self, pen: Pen, layout: Layout, picture: Picture) -> None:
        field = field_of(layout)
        pen.canvas.blit(self.world.paint(picture.frame, field[2:]), field[:2])
        head = layout.arena.split_top(field.y - layout.arena.y)[0]
        y = head.y + pen.px(2)
        pace = pen.text(picture.pace, "topright", (head.right, y), colour=self.theme.faint)
        if picture.is_recording:
            radius, x = pen.px(6), pace.x - pen.px(16)
            pygame.draw.circle(pen.canvas, self.theme.collision, (x, pace.centery), radius)
        room = pace.x - head.x - pen.px(36)
        pen.text(picture.place, "topleft", (head.x, y), size="title", width=room)
        if picture.frame.outcome != "running":
            paint_outcome(pen, field, picture.frame.outcome)


def paint_outcome(pen: Pen, field: Box, outcome: str) -> None:
    """Write how the episode ended across the top of the world."""
    banner = Box(field.x, field.y, field.width, pen.px(44))
    pen.fill(banner, pen.theme.outcome(outcome))
    middle = (banner.x + banner.width / 2, banner.y + banner.height / 2)
    pen.text(outcome, "center", middle, size="large", colour=pen.theme.panel)


def paint_message(pen: Pen, field: Box, message: str) -> None:
    """Write a passing message at the foot of the world."""
    box = Box(field.x, field.bottom - pen.px(40), field.width, pen.px(34))
    pen.fill(box, pen.theme.ink, pen.px(6))
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    room = box.width - pen.px(16)
    pen.text(message, "center", middle, colour=pen.theme.panel, width=room)


def paint_mind(pen: Pen, box: Box, picture: Picture) -> None:
    """Paint the mind that drives: spikes, layers, or what it saw."""
    inside = pen.panel(box)
    head, rest = inside.split_top(pen.px(HEADING - 6))
    thought = picture.thoughts[-1] if picture.thoughts else None
    said = verdict(thought, picture.tick) if isinstance(thought, Spikes) else ""
    at = (head.right, head.y)
    room = head.width * 0.4
    right = pen.text(said, "topright", at, size="title", colour=pen.theme.ink, width=room)
    left_room = right.x - head.x - pen.px(12) if said else head.width
    pen.text(picture.chip, "topleft", (head.x, head.y), size="title", width=left_room)
    if isinstance(thought, Spikes):
        paint_spikes(pen, rest, picture)
    elif thought is not None:
        upper, lower = rest.split_top(round((1 - WHEELS_SHARE) * rest.height))
        paint_wheels(pen, lower, picture.wheels)
        if isinstance(thought, Layers):
            paint_layers(pen, upper, thought)
        else:
            paint_scan(pen, upper, thought)


def paint_spikes(pen: Pen, box: Box, picture: Picture) -> None:
    """Paint the raster above the decision."""
    thoughts = [thought for thought in picture.thoughts if isinstance(thought, Spikes)]
    most = box.height - pen.px(VOTES_PX + 10)
    upper, _ = box.split_top(raster_height(thoughts[-1].rows, most, pen.px(GAP)))
    _, lower = box.split_top(upper.height + pen.px(10))
    paint_raster(pen, upper, thoughts, picture.ticks_before, picture.tick, picture.zoom)
    paint_decision(pen, lower, thoughts[-1], picture.tick)

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
from neurobot.envs.drawing.theme import Theme
from neurobot.envs.drawing.view import make_margins
from neurobot.envs.drawing.world import WorldPainter
from neurobot.envs.frame import Frame

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
    is_followed: bool  # whether bars grow tick by tick; else they show the whole decision
    zoom: float  # pixels of the raster per tick
    mind: str  # what thinks
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
        paint_heading(pen, head, picture)


def paint_heading(pen: Pen, head: Box, picture: Picture) -> None:
    """Write where and when this is, and how the episode ended, on a ground of that colour."""
    ended, theme = picture.frame.outcome != "running", pen.theme
    ink, faint, place = theme.ink, theme.faint, picture.place
    if ended:
        pen.fill(head, theme.outcome(picture.frame.outcome), pen.px(6))
        ink = faint = theme.paper
        place = f"{picture.frame.outcome}   {place}"
    edge, y = pen.px(8) if ended else 0, head.y + head.height / 2
    pace = pen.text(picture.pace, "midright", (head.right - edge, y), colour=faint)
    if picture.is_recording:
        pygame.draw.circle(
            pen.canvas, theme.collision, (pace.x - pen.px(16), pace.centery), pen.px(6)
        )
    room = pace.x - head.x - pen.px(36)
    pen.text(place, "midleft", (head.x + edge, y), size="title", colour=ink, width=room)


def paint_message(pen: Pen, field: Box, message: str) -> None:
    """Write a passing message below the world, over its scale."""
    strip = round(make_margins(field[2:], labels=False).below)
    box = Box(field.x, field.bottom - strip, field.width, strip)
    pen.fill(box, pen.theme.ink, pen.px(6))
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    room = box.width - pen.px(16)
    pen.text(message, "center", middle, colour=pen.theme.paper, width=room)


def paint_mind(pen: Pen, box: Box, picture: Picture) -> None:
    """Paint the mind that drives: spikes, layers, or what it saw."""
    inside = pen.panel(box)
    head, rest = inside.split_top(pen.px(HEADING - 6))
    thought = picture.thoughts[-1] if picture.thoughts else None
    said = verdict(thought, bars_tick(thought, picture)) if isinstance(thought, Spikes) else ""
    at = (head.right, head.y)
    room = head.width * 0.4
    right = pen.text(said, "topright", at, size="title", colour=pen.theme.ink, width=room)
    left_room = right.x - head.x - pen.px(12) if said else head.width
    pen.text(picture.mind, "topleft", (head.x, head.y), size="title", width=left_room)
    if isinstance(thought, Spikes):
        paint_spikes(pen, rest, picture)
    elif thought is not None:
        upper, lower = rest.split_top(round((1 - WHEELS_SHARE) * rest.height))
        paint_wheels(pen, lower, picture.wheels)
        if isinstance(thought, Layers):
            paint_layers(pen, upper, thought)
        else:
            paint_scan(pen, upper, thought)


def bars_tick(thought: Spikes, picture: Picture) -> int:
    """Return the tick that bars show: ten decisions a second would only flicker."""
    return picture.tick if picture.is_followed else thought.ticks


def paint_spikes(pen: Pen, box: Box, picture: Picture) -> None:
    """Paint the raster above the decision."""
    thoughts = [thought for thought in picture.thoughts if isinstance(thought, Spikes)]
    most = box.height - pen.px(VOTES_PX + 10)
    upper, _ = box.split_top(raster_height(thoughts[-1].rows, most, pen.px(GAP)))
    _, lower = box.split_top(upper.height + pen.px(10))
    paint_raster(pen, upper, thoughts, picture.ticks_before, picture.tick, picture.zoom)
    paint_decision(pen, lower, thoughts[-1], bars_tick(thoughts[-1], picture))

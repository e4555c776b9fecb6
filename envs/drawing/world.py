"""Frames painted onto a surface: the world, all that moves in it, and its labels."""

from collections import deque

import numpy as np

from neurobot.envs.drawing.actors import (
    paint_course,
    paint_goal,
    paint_movers,
    paint_robot,
    paint_stones,
    paint_trail,
)
from neurobot.envs.drawing.backdrop import Backdrop, label_height, make_backdrop
from neurobot.envs.drawing.canvas import pygame, write
from neurobot.envs.drawing.fan import paint_dead, paint_fan
from neurobot.envs.drawing.spots import spots
from neurobot.envs.drawing.theme import LIGHT, Theme
from neurobot.envs.drawing.view import Size, View, fit, label_margin, make_margins
from neurobot.envs.frame import Frame
from neurobot.envs.scene import Scene

MOST_BACKDROPS = 16  # so many worlds can take turns without being painted anew


def paint_labels(canvas: pygame.Surface, frame: Frame, theme: Theme) -> None:
    """Write the time, and how the episode ended beside a dot of its colour."""
    size = canvas.get_size()
    strip = make_margins(size, labels=True).above
    margin, y, height = label_margin(frame.scene.bounds, size, True), strip / 2, label_height(strip)
    write(canvas, f"{frame.time_s:.1f} s", "midleft", (margin, y), theme.ink, height=height)
    if frame.outcome != "running":
        at = (size[0] - margin, y)
        text = write(canvas, frame.outcome, "midright", at, theme.ink, height=height)
        dot = np.array([[text.left - 0.6 * height, y]])
        spots(canvas, theme.outcome(frame.outcome), dot, np.array([0.28 * height]))


class WorldPainter:
    """Paints frames in a theme; keeps what stands still in the worlds that it painted lately.

    labels: whether the time and the outcome are written, and room is reserved for them.
    """

    def __init__(self, theme: Theme = LIGHT, labels: bool = True) -> None:
        self._theme = theme
        self._labels = labels
        self._backdrops: deque[Backdrop] = deque(maxlen=MOST_BACKDROPS)
        self._canvas = pygame.Surface((0, 0), 0, 32)

    @property
    def theme(self) -> Theme:
        """The colours; others can be put in their place at any time."""
        return self._theme

    @theme.setter
    def theme(self, theme: Theme) -> None:
        if theme != self._theme:
            self._theme = theme
            self._backdrops.clear()

    def view(self, scene: Scene, size: Size) -> View:
        """Return the map between the world and the screen that `paint` uses."""
        return fit(scene.bounds, size, self._labels)

    def paint(self, frame: Frame, size: Size) -> pygame.Surface:
        """Paint a frame; the next call paints over the surface that is returned."""
        backdrop = self._backdrop(frame.scene, size)
        canvas, view, theme = self._canvas, backdrop.view, self._theme
        canvas.blit(backdrop.floor, (0, 0))
        paint_trail(canvas, frame, view, theme)
        paint_fan(canvas, frame, view, theme)
        paint_stones(canvas, frame.scene.discs, view, theme)
        canvas.blit(backdrop.obstacles, (0, 0))
        paint_dead(canvas, frame, view, theme)
        paint_goal(canvas, frame, view, theme)
        paint_movers(canvas, frame.discs, view, theme)
        paint_course(canvas, frame, view, theme)
        paint_robot(canvas, frame, view, theme)
        if self._labels:
            paint_labels(canvas, frame, theme)
        return canvas

    def _backdrop(self, scene: Scene, size: Size) -> Backdrop:
        """Find what stands still in a scene among what was painted lately, or paint it."""
        if self._canvas.get_size() != size:
            self._canvas = pygame.Surface(size, 0, 32)
            self._backdrops.clear()
        for backdrop in self._backdrops:
            if backdrop.suits(scene):
                return backdrop
        self._backdrops.append(make_backdrop(scene, size, self._theme, self._labels))
        return self._backdrops[-1]

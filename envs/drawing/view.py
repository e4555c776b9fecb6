"""The map between the world and the screen, and the strips that labels take."""

from dataclasses import dataclass

import numpy as np

from neurobot.envs.world import Floats

Size = tuple[int, int]  # width, height in pixels


@dataclass(frozen=True)
class View:
    """The map from the world to the screen."""

    scale: float  # pixels per metre
    left: float  # screen x of world x = 0
    bottom: float  # screen y of world y = 0

    def pixels(self, points: Floats) -> Floats:
        """Map world points (..., 2) to the screen."""
        return np.asarray(points) * (self.scale, -self.scale) + (self.left, self.bottom)

    def metres(self, points: Floats) -> Floats:
        """Map screen points (..., 2) to the world."""
        return (np.asarray(points) - (self.left, self.bottom)) / (self.scale, -self.scale)


@dataclass(frozen=True)
class Margins:
    """Pixels that the world leaves free: above for labels, below for the scale, at both sides."""

    above: float
    below: float
    beside: float


def make_margins(size: Size, labels: bool) -> Margins:
    """Reserve strips for the labels, or a small one for the scale alone."""
    strip = max(8, round(0.055 * min(size)))
    if labels:
        return Margins(above=strip, below=strip, beside=strip / 2)
    return Margins(above=strip / 4, below=strip, beside=strip / 4)


def fit(bounds: tuple[float, float, float, float], size: Size, labels: bool = True) -> View:
    """Centre the bounds on a screen of this size, as large as its margins allow."""
    (x0, y0, x1, y1), (width, height), free = bounds, size, make_margins(size, labels)
    tall, wide = height - free.above - free.below, width - 2 * free.beside
    scale = max(min(wide / (x1 - x0), tall / (y1 - y0)), 1e-3)
    middle = (height + free.above - free.below) / 2
    return View(scale, (width - scale * (x0 + x1)) / 2, middle + scale * (y0 + y1) / 2)


def label_margin(bounds: tuple[float, float, float, float], size: Size, labels: bool) -> float:
    """Place labels flush with the world's sides, but farther apart where it is very slim."""
    slim = (size[0] - 5 * make_margins(size, labels=True).above) / 2
    return min(float(fit(bounds, size, labels).pixels(np.array(bounds[:2]))[0]), slim)

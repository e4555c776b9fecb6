"""Discs and rings as small ready-made surfaces, smooth at their edges."""

from functools import lru_cache

import numpy as np

from neurobot.envs.drawing.canvas import Colour, pygame, veil
from neurobot.envs.world import Floats

PHASES = 4  # a spot is placed to this part of a pixel
RADII = 8  # and its radius is rounded to this part
MOST_SPOTS = 1024


@lru_cache(maxsize=MOST_SPOTS)
def make_spot(colour: Colour, outer: int, inner: int, phase_x: int, phase_y: int) -> pygame.Surface:
    """Make a ring (a disc with inner 0): radii in 1/RADII of a pixel, its place in 1/PHASES."""
    reach = -(-outer // RADII) + 1
    offsets = np.arange(2 * reach + 1) - reach + 0.5
    x, y = offsets - phase_x / PHASES, offsets - phase_y / PHASES
    away = np.hypot(x[None, :], y[:, None])
    alpha = np.clip(outer / RADII + 0.5 - away, 0.0, 1.0)
    if inner:
        alpha -= np.clip(inner / RADII + 0.5 - away, 0.0, 1.0)
    return veil(colour, alpha)


def spots(
    canvas: pygame.Surface, colour: Colour, centres: Floats, radii: Floats, *, width: float = 0.0
) -> None:
    """Paint discs around screen points (n, 2) with radii (n,) in pixels.

    With a width they are rings, so many pixels wide, half of it on either side of the radius.
    """
    whole, phase = np.divmod(np.rint(centres * PHASES).astype(int), PHASES)
    outer = np.rint((radii + width / 2) * RADII).astype(int)
    inner = np.rint(np.maximum(radii - width / 2, 0.0) * RADII * (width > 0)).astype(int)
    corners = whole + outer[:, None] // -RADII - 1
    table = np.column_stack([outer, inner, phase, corners]).tolist()
    canvas.blits([(make_spot(colour, *spot), (x, y)) for *spot, x, y in table], False)

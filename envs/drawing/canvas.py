"""Strokes, texts and discs on a surface: the one place where pygame is loaded."""

import os
import warnings
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.envs.drawing.theme import Colour as Colour
from neurobot.envs.world import Floats

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
try:
    with warnings.catch_warnings():  # pygame 2.6 asks setuptools for a deprecated module
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")
        warnings.filterwarnings("ignore", "Deprecated call to `pkg_resources")
        import pygame as pygame
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("drawing the world needs pygame: pip install pygame") from missing

Pixels: TypeAlias = NDArray[np.uint8]
Shape: TypeAlias = tuple[Colour, Floats]  # a filled outline (n, 2) in screen points

FINE = 4  # edges are smoothed by drawing so many times larger
ELLIPSIS = "…"
MOST_TEXTS = 512  # rendered texts kept for the next frame


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; share 1 gives the first."""
    red, green, blue = (
        round(share * a + (1 - share) * b) for a, b in zip(colour, other, strict=True)
    )
    return red, green, blue


def draw(canvas: pygame.Surface, *shapes: Shape) -> None:
    """Draw filled polygons that lie close together, smooth at their edges.

    The canvas must be opaque: the edges are mixed with what is there.
    """
    points = np.concatenate([outline for _, outline in shapes])
    low = np.floor(points.min(axis=0)).astype(int) - 1
    high = np.ceil(points.max(axis=0)).astype(int) + 2
    area = pygame.Rect(*low, *(high - low)).clip(canvas.get_rect())
    if area.width == 0 or area.height == 0:
        return
    enlarged = (area.width * FINE, area.height * FINE)
    patch = pygame.transform.scale(canvas.subsurface(area), enlarged)
    for colour, outline in shapes:
        pygame.draw.polygon(patch, colour, ((outline - area.topleft) * FINE).tolist())
    canvas.blit(pygame.transform.smoothscale(patch, area.size), area)


def veil(colour: Colour, alpha: Floats) -> pygame.Surface:
    """Make a surface of one colour whose opacity is given, (rows, columns) from 0 to 1."""
    surface = pygame.Surface(alpha.shape[::-1], pygame.SRCALPHA, 32)
    surface.fill(colour)
    pygame.surfarray.pixels_alpha(surface)[:] = np.rint(255 * alpha.T).astype(np.uint8)
    return surface


def to_pixels(surface: pygame.Surface) -> Pixels:
    """Copy a surface into an array (rows, columns, 3)."""
    width, height = surface.get_size()
    pixels = np.empty((height, width, 3), np.uint8)
    # A surface over the array's own memory: by far the fastest way out of pygame.
    pygame.image.frombuffer(pixels.data, (width, height), "RGB").blit(surface, (0, 0))
    return pixels


def shorten(font: Any, text: str, width: int) -> str:
    """Return as much of the text as takes so many pixels, with an ellipsis for the rest."""
    if font.size(text)[0] <= width:
        return text
    low, high = 0, len(text)  # so many characters fit, so many do not
    while high - low > 1:
        middle = (low + high) // 2
        fits = font.size(text[:middle].rstrip() + ELLIPSIS)[0] <= width
        low, high = (middle, high) if fits else (low, middle)
    return text[:low].rstrip() + ELLIPSIS if font.size(ELLIPSIS)[0] <= width else ""


@lru_cache(maxsize=MOST_TEXTS)
def render(text: str, colour: Colour, height: int, width: int | None) -> pygame.Surface:
    """Make a surface with one line of text.

    Surfaces outlive pygame.font.quit(), fonts do not: another user of pygame may have shut its
    fonts since the last text, so the font is opened anew for each text that is not kept.
    """
    pygame.font.init()
    font = pygame.font.Font(None, height)
    return font.render(text if width is None else shorten(font, text, width), True, colour)


def write(
    canvas: pygame.Surface,
    text: str,
    anchor: str,
    at: tuple[float, float],
    colour: Colour,
    *,
    height: int = 20,
    width: int | None = None,
) -> pygame.Rect:
    """Write text with its anchor (pygame's name of a point of a rectangle) at a screen point.

    height: of the font, in pixels; width: the most pixels that the text may take.
    """
    label = render(text, colour, height, width)
    return canvas.blit(label, label.get_rect(**{anchor: (round(at[0]), round(at[1]))}))

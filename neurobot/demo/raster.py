"""The scrolling spike raster: what every row did lately, the newest at the right."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.demo.thoughts import Rows, Spikes
from neurobot.envs.drawing.canvas import Colour, mix, pygame
from neurobot.envs.drawing.theme import Theme

LEVELS = 32  # shades of a colour
LABELS, GAP = 92, 5  # width of the names, pixels between groups, as designed
ZOOMS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4)  # pixels per tick
MOST_PX_PER_S = 170  # faster scrolling is a blur
# By the mean of the ticks that are merged: a lone spike still shows.
BRIGHTNESS = np.where(np.arange(256), 60 + np.arange(256) * 195 // 255, 0).astype(np.uint8)
# Position among the theme's accents.
COLOURS = {
    "near threats": 4,
    "far threats": 1,
    "drives": 2,
    "inhibition": 3,
    "premotor": 0,
    "motor": 5,
    "brake": 4,
}


def colour_of(theme: Theme, name: str) -> Colour:
    """Return the colour of a group of rows."""
    return theme.accents[COLOURS[name]]


def zoom_for(ticks_per_s: float) -> float:
    """Return the pixels per tick that let the raster scroll at a pace one can follow."""
    return max((z for z in ZOOMS if z * ticks_per_s <= MOST_PX_PER_S), default=ZOOMS[0])


def window(thoughts: Sequence[Spikes], tick: int, wanted: int) -> NDArray[np.uint8]:
    """Return the last columns, (R, wanted) or fewer, up to a tick of the last thought."""
    parts: list[Any] = [thoughts[-1].marks[:, :tick]]
    count = tick
    for thought in reversed(thoughts[:-1]):
        if count >= wanted:
            break
        parts.insert(0, thought.marks)
        count += thought.ticks
    return np.asarray(np.concatenate(parts, axis=1)[:, max(count - wanted, 0) :])


def pool(marks: NDArray[np.uint8], last: int, ticks: int) -> NDArray[np.uint8]:
    """Merge so many ticks (columns) into one; last: number of the tick after the last column.

    Merges begin at whole multiples of ticks, so they do not flicker while the raster scrolls.
    """
    first = last - marks.shape[1]
    left, right = first % ticks, -last % ticks
    padded = np.pad(marks, ((0, 0), (left, right)))
    sums = np.zeros((len(marks), padded.shape[1] // ticks), np.uint16)
    for k in range(ticks):
        sums += padded[:, k::ticks]
    return np.asarray(BRIGHTNESS[sums // ticks])


@cache
def palette(theme: Theme, names: tuple[str, ...]) -> list[Colour]:
    """Return the shades of each group's colour, one group after the other."""
    return [
        mix(colour_of(theme, name), theme.floor, k / (LEVELS - 1))
        for name in names
        for k in range(LEVELS)
    ]


def picture(theme: Theme, groups: Sequence[Rows], marks: NDArray[np.uint8]) -> pygame.Surface:
    """Paint marks (R, columns) into a surface with a pixel each."""
    surface = pygame.Surface(marks.shape[::-1], 0, 8)
    surface.set_palette(palette(theme, tuple(rows.name for rows in groups)))
    sizes = [len(rows) for rows in groups]
    group = np.repeat(np.arange(len(groups)), sizes).astype(np.uint8)
    shades = (marks >> 3) + LEVELS * group[:, None]
    pygame.surfarray.blit_array(surface, np.ascontiguousarray(shades.T))
    return surface


def row_height(groups: Sequence[Rows], height: int, gap: int) -> int:
    """Return the pixels per row with which all groups fit into a height, at least 1."""
    rows = sum(len(group) for group in groups)
    return max((height - gap * (len(groups) - 1)) // rows, 1)


def raster_height(groups: Sequence[Rows], height: int, gap: int) -> int:
    """Return the pixels that all groups take."""
    rows = sum(len(group) for group in groups)
    return row_height(groups, height, gap) * rows + gap * (len(groups) - 1)


def paint_raster(
    pen: Pen, box: Box, thoughts: Sequence[Spikes], ticks_before: int, tick: int, zoom: float
) -> None:
    """Paint the raster into a box; ticks_before: of the decisions before the last."""
    groups, gap = thoughts[-1].rows, pen.px(GAP)
    names, field = box.split_left(pen.px(LABELS))
    per_pixel, per_tick = max(round(1 / zoom), 1), max(round(zoom), 1)
    marks = window(thoughts, tick, -(-field.width // per_tick) * per_pixel)
    if per_pixel > 1:
        marks = pool(marks, ticks_before + tick, per_pixel)
    painted = picture(pen.theme, groups, marks)
    high, y, first = row_height(groups, box.height, gap), box.y, 0
    for rows in groups:
        place = Box(field.x, y, field.width, high * len(rows))
        paint_group(pen, place, painted, (first, len(rows)), per_tick)
        swatch = Box(field.x - pen.px(6), y, pen.px(3), place.height)
        pen.fill(swatch, colour_of(pen.theme, rows.name))
        label = (swatch.x - pen.px(4), y + place.height / 2)
        pen.text(rows.name, "midright", label, size="small", width=names.width - pen.px(10))
        y, first = place.bottom + gap, first + len(rows)


def paint_group(
    pen: Pen, place: Box, painted: pygame.Surface, rows: tuple[int, int], per_tick: int
) -> None:
    """Paint the rows (first, count) of a picture into their place, flush right."""
    pen.fill(place, pen.theme.floor)
    area = painted.subsurface((0, rows[0], painted.get_width(), rows[1]))
    wide = pygame.transform.scale(area, (area.get_width() * per_tick, place.height))
    cut = max(wide.get_width() - place.width, 0)
    pen.canvas.blit(wide, (place.right - wide.get_width() + cut, place.y), (cut, 0, *place[2:]))

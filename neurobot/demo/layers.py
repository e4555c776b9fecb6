"""Minds without spikes: the layers of a frame-based one, or just what was seen."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.demo.bars import Bars, spread
from neurobot.demo.layout import Box
from neurobot.demo.pen import Pen
from neurobot.demo.thoughts import Layers, Scan
from neurobot.envs.drawing.canvas import Colour, mix, pygame

TITLE_PX = 20  # height of a layer's name, as designed
PANORAMA = 2.0  # width to height
INPUT_WEIGHT, PICTURE_WEIGHT = 4.0, 1.5  # heights beside that of a row of bars


def normalized(layer: NDArray[Any]) -> NDArray[np.float64]:
    """Stretch a layer to 0..1."""
    values = layer.astype(np.float64)
    values /= max(np.abs(values).max(), 1.0)  # no difference overflows
    low, high = values.min(), values.max()
    return np.asarray((values - low) / (high - low) if high > low else np.zeros_like(values))


@cache
def shades(low: Colour, high: Colour) -> list[Colour]:
    """Return 256 colours from one to another."""
    return [mix(high, low, k / 255) for k in range(256)]


def paint_picture(pen: Pen, box: Box, values: NDArray[np.float64], *, grey: bool) -> None:
    """Paint values 0..1 (rows, columns); what is much wider than high fills the whole box.

    Layers of a panorama then stand below each other column by column.
    """
    rows, columns = values.shape
    size = (box.width, box.height)
    if columns < PANORAMA * rows:
        scale = min(box.width / columns, box.height / rows)
        size = (max(int(columns * scale), 1), max(int(rows * scale), 1))
    low, high = ((0, 0, 0), (255, 255, 255)) if grey else (pen.theme.floor, pen.theme.accents[1])
    surface = pygame.Surface((columns, rows), 0, 8)
    surface.set_palette(shades(low, high))
    codes = np.rint(255 * values).astype(np.uint8)
    pygame.surfarray.blit_array(surface, np.ascontiguousarray(codes.T))
    pen.canvas.blit(pygame.transform.scale(surface, size), (box.x, box.y))


def paint_bars(pen: Pen, box: Box, values: NDArray[np.float64], lead: int | None = None) -> None:
    """Paint values 0..1 (n,) as bars side by side; lead: one that stands out."""
    bars = Bars(box, spread(box.width, len(values)))
    bars.raise_to(values, 1)
    if lead is not None:
        bars.raise_to(np.where(np.arange(len(values)) == lead, values, 0.0), 2)
    bars.paint(pen, pen.theme.floor, pen.theme.accents[5], pen.theme.success)


def describe(layer: NDArray[Any]) -> str:
    """Say of a layer how large it is, and the range of its values."""
    shape = " x ".join(str(n) for n in layer.shape)
    return f"{shape}, {layer.min():.4g} to {layer.max():.4g}"


def paint_layers(pen: Pen, box: Box, thought: Layers) -> None:
    """Paint one layer below the other, the input first."""
    title = pen.px(TITLE_PX)
    pictures = [layer.ndim == 2 for _, layer in thought.layers]
    weights = [PICTURE_WEIGHT if is_picture else 1.0 for is_picture in pictures]
    weights[0] = INPUT_WEIGHT
    room = box.height - title * len(weights) - pen.px(8) * (len(weights) - 1)
    rest = box
    for (name, layer), weight in zip(thought.layers, weights, strict=True):
        head, rest = rest.split_top(title)
        pen.text(name, "topleft", (head.x, head.y), size="small", width=head.width / 2)
        about = (head.right, head.y)
        pen.text(describe(layer), "topright", about, size="small", colour=pen.theme.faint)
        place, rest = rest.split_top(max(round(room * weight / sum(weights)), 1))
        paint_layer(pen, place, layer, is_input=name == thought.layers[0][0])
        rest = rest.split_top(pen.px(8))[1]


def paint_layer(pen: Pen, place: Box, layer: NDArray[Any], *, is_input: bool) -> None:
    """Paint a layer as what it is: a picture, or bars."""
    values = layer / 255 if is_input and layer.dtype == np.uint8 else normalized(layer)
    if layer.ndim == 2:
        paint_picture(pen, place, values, grey=is_input)
    else:
        paint_bars(pen, place, values, int(values.argmax()) if values.any() else None)


def paint_scan(pen: Pen, box: Box, thought: Scan) -> None:
    """Paint what a mind saw of which nothing else is known."""
    head, rest = box.split_top(pen.px(TITLE_PX))
    pen.text(thought.name, "topleft", (head.x, head.y), size="small", width=head.width)
    bars, words = rest.split_top(rest.height - pen.px(TITLE_PX + 10))
    paint_bars(pen, bars, thought.share)
    y = words.y + pen.px(4)
    pen.text("left", "topleft", (words.x, y), size="small", colour=pen.theme.faint)
    middle = (words.x + words.width / 2, y)
    pen.text("ahead", "midtop", middle, size="small", colour=pen.theme.faint)
    pen.text("right", "topright", (words.right, y), size="small", colour=pen.theme.faint)

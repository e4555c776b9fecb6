"""What stands still: the floor with its grid and scale, solids and walls."""

from dataclasses import dataclass

import numpy as np

from neurobot.envs.drawing.canvas import FINE, Colour, draw, pygame, veil, write
from neurobot.envs.drawing.shapes import stroke
from neurobot.envs.drawing.theme import Theme
from neurobot.envs.drawing.view import Size, View, fit, label_margin, make_margins
from neurobot.envs.scene import Scene
from neurobot.envs.world import Floats

GRID_PX = 50.0  # the most between two lines of the grid
WALL_PX = 3.0
WHITE: Colour = (255, 255, 255)


def coverage(outlines: Floats, size: Size) -> Floats:
    """Share of each pixel that lies in solids, (rows, columns): where the winding number is not 0.

    outlines: (edges, 4) in screen points. Each of FINE lines per row of pixels collects the
    crossings of edges, and sums them from left to right.
    """
    columns, lines = size[0], size[1] * FINE
    x0, y0, x1, y1 = (outlines * (1, FINE, 1, FINE)).T
    low, high = np.minimum(y0, y1), np.maximum(y0, y1)
    first, last = (np.clip(np.ceil(y - 0.5), 0, lines).astype(int) for y in (low, high))
    count = last - first  # lines that an edge crosses
    edge = np.repeat(np.arange(len(count)), count)
    line = np.arange(len(edge)) + np.repeat(first - np.cumsum(count) + count, count)
    share = (line + 0.5 - y0[edge]) / (y1 - y0)[edge]
    x = np.clip(x0[edge] + share * (x1 - x0)[edge], 0, columns)
    column = np.floor(x).astype(int)
    turn = np.sign(y1 - y0)[edge]
    crossings = np.zeros((lines, columns + 2))
    np.add.at(crossings, (line, column), turn * (column + 1 - x))
    np.add.at(crossings, (line, column + 1), turn * (x - column))
    winding = np.cumsum(crossings, axis=1)[:, :columns]
    inside = np.minimum(np.abs(winding), 1.0)
    return np.asarray(inside.reshape(size[1], FINE, columns).mean(axis=1))


def round_length_m(view: View, most_px: float) -> float:
    """Return the longest of 1, 2, 5, 10, ... metres (or 0.5, 0.2, ...) with so many pixels."""
    lengths = [base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5)]
    return max((m for m in lengths if m * view.scale <= most_px), default=lengths[0])


def paint_floor(canvas: pygame.Surface, scene: Scene, view: View, theme: Theme) -> None:
    """Paint the ground within the bounds, with a faint line every metre (fewer in large worlds)."""
    x0, y0, x1, y1 = scene.bounds
    left, top = np.rint(view.pixels(np.array([x0, y1]))).astype(int)
    floor = (left, top, round((x1 - x0) * view.scale), round((y1 - y0) * view.scale))
    canvas.fill(theme.floor, floor)
    step = max(1.0, round_length_m(view, GRID_PX))
    first_x, first_y = (step * (np.floor(low / step) + 1) for low in (x0, y0))
    rows = [((x0, y), (x1, y)) for y in np.arange(first_y, y1, step)]
    columns = [((x, y0), (x, y1)) for x in np.arange(first_x, x1, step)]
    for start, end in view.pixels(np.array(rows + columns).reshape(-1, 2, 2)):
        draw(canvas, (theme.grid, stroke(start, end, 1.0)))


def paint_scale(
    canvas: pygame.Surface, scene: Scene, view: View, theme: Theme, labels: bool
) -> None:
    """Draw a bar of a round length below the world."""
    width, height = canvas.get_size()
    strip = make_margins((width, height), labels).below
    length_m = round_length_m(view, most_px=width / 4)
    x, y = label_margin(scene.bounds, (width, height), labels), height - strip / 2
    end, tick = x + length_m * view.scale, strip / 8
    bars = [((x, y), (end, y)), ((x, y - tick), (x, y + tick)), ((end, y - tick), (end, y + tick))]
    draw(canvas, *((theme.ink, stroke(start, end, 2.0)) for start, end in np.array(bars)))
    text, at = f"{length_m:g} m", (end + strip / 4, y)
    write(canvas, text, "midleft", at, theme.ink, height=label_height(strip))


def label_height(strip: float) -> int:
    """Height of the font, in pixels, of labels in a strip of so many pixels."""
    return max(10, round(0.6 * strip))


def make_obstacles(scene: Scene, view: View, size: Size, theme: Theme) -> pygame.Surface:
    """Paint solids and walls onto a clear surface, to be laid over the beams.

    Between two beams the fan is only a guess: it must not cover what stands there.
    """
    edges = view.pixels(scene.outlines.reshape(-1, 2)).reshape(-1, 4)
    layer = veil(theme.stone, coverage(edges, size))
    lines = pygame.Surface(size, 0, 32)
    for start, end in view.pixels(scene.walls.reshape(-1, 2, 2)):
        draw(lines, (WHITE, stroke(start, end, WALL_PX)))
    layer.blit(veil(theme.wall, pygame.surfarray.array_red(lines).T / 255), (0, 0))
    layer.set_alpha(255, pygame.RLEACCEL)  # most of it is clear, and is skipped
    return layer


def same(first: Floats, second: Floats) -> bool:
    """Tell whether two arrays hold the same."""
    return first is second or np.array_equal(first, second)


@dataclass(frozen=True)
class Backdrop:
    """What is painted once for all scenes that differ in their discs only."""

    scene: Scene
    view: View
    floor: pygame.Surface
    obstacles: pygame.Surface

    def suits(self, scene: Scene) -> bool:
        """Tell whether this is what stands still in a scene."""
        mine = self.scene
        return scene is mine or (
            scene.bounds == mine.bounds
            and same(scene.walls, mine.walls)
            and same(scene.outlines, mine.outlines)
        )


def make_backdrop(scene: Scene, size: Size, theme: Theme, labels: bool) -> Backdrop:
    """Paint what stands still in a scene."""
    floor, view = pygame.Surface(size, 0, 32), fit(scene.bounds, size, labels)
    floor.fill(theme.paper)
    paint_floor(floor, scene, view, theme)
    paint_scale(floor, scene, view, theme, labels)
    return Backdrop(scene, view, floor, make_obstacles(scene, view, size, theme))

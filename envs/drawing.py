"""The world as a picture: plain values in, pixels out (the only module that needs pygame).

World points are (x, y) in metres with y up; screen points are in pixels with y down. What stands
still is painted once per scene; a frame adds what moves. Colours are those of Okabe and Ito, which
colour-blind viewers can tell apart.
"""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.envs.scene import Scene
from neurobot.envs.world import RADIUS, VX, VY, Floats, Robot, X

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
try:
    with warnings.catch_warnings():  # pygame 2.6 asks setuptools for a deprecated module
        warnings.filterwarnings("ignore", "pkg_resources is deprecated")
        warnings.filterwarnings("ignore", "Deprecated call to `pkg_resources")
        import pygame
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError("drawing the world needs pygame: pip install pygame") from missing

Colour: TypeAlias = tuple[int, int, int]
Pixels: TypeAlias = NDArray[np.uint8]

PAPER: Colour = (244, 244, 241)
FLOOR: Colour = (255, 255, 255)
GRID: Colour = (239, 240, 240)
INK: Colour = (52, 60, 70)
STONE: Colour = (112, 122, 134)
BLUE: Colour = (0, 114, 178)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
ORANGE: Colour = (230, 159, 0)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)

OUTCOME_COLOURS: dict[str, Colour] = {
    "running": BLUE,
    "success": GREEN,
    "collision": VERMILLION,
    "timeout": PURPLE,
}

FINE = 4  # edges are smoothed by drawing so many times larger
WALL_PX = 3.0
TRAIL_FADE_S = 30.0  # older parts of the trail are equally faint
FAN_ALPHA, RAY_ALPHA, RIM_ALPHA = 120, 165, 235  # of the fan of beams where it is brightest
FAR_GLOW = 0.3  # brightness of the fan at the sensor's range, as a share of that at the robot
MOST_RAYS = 40
LEAST_MARK_PX = 10.0  # a robot smaller than this gets a ring around it


@dataclass(frozen=True)
class Frame:
    """Everything that a picture shows. Metres, radians, seconds."""

    scene: Scene
    robot: Robot
    pose: Floats  # (3,) x, y, heading
    discs: Floats  # (K, 5) where the discs are now, with their velocities
    beam_cos: Floats  # (B,) directions of the beams in the robot's frame
    beam_sin: Floats  # (B,)
    distance_m: Floats  # (B,)
    goal: Floats | None  # (2,)
    trail: Sequence[tuple[float, float]]  # oldest first, one per control step
    outcome: str
    time_s: float


@dataclass(frozen=True)
class View:
    """The map from the world to the screen."""

    scale: float  # pixels per metre
    left: float  # screen x of world x = 0
    bottom: float  # screen y of world y = 0

    def pixels(self, points: Floats) -> Floats:
        """Map world points (..., 2) to the screen."""
        return np.asarray(points) * (self.scale, -self.scale) + (self.left, self.bottom)


def strip_px(size: tuple[int, int]) -> int:
    """Height of the strips above and below the world, where the labels stand."""
    return max(8, round(0.055 * min(size)))


def fit(bounds: tuple[float, float, float, float], size: tuple[int, int]) -> View:
    """Centre the bounds on a screen of this size (width, height), as large as labels allow."""
    (x0, y0, x1, y1), (width, height), strip = bounds, size, strip_px(size)
    scale = max(min((width - strip) / (x1 - x0), (height - 2 * strip) / (y1 - y0)), 1e-3)
    return View(scale, (width - scale * (x0 + x1)) / 2, (height + scale * (y0 + y1)) / 2)


# Shapes: outlines (n, 2) in whatever unit they are asked for.


def directions(count: int) -> Floats:
    """Unit vectors (count, 2) all around, none of them along an axis if count is a multiple of 4."""
    angles = (np.arange(count) + 0.5) * (2 * np.pi / count)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def circle(centre: Floats, radius: float) -> Floats:
    """Outline of a disc."""
    return centre + radius * directions(48)


def ring(centre: Floats, radius: float, width: float) -> Floats:
    """Outline of a circle's stroke: out around, back inside."""
    outer, inner = (circle(centre, radius + side * width / 2) for side in (1, -1))
    return np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])


def stroke(start: Floats, end: Floats, width: float) -> Floats:
    """Outline of a straight line with square ends."""
    along = (end - start) / max(float(np.hypot(*(end - start))), 1e-9) * (width / 2)
    across = along[::-1] * (-1, 1)
    start, end = start - along, end + along
    return np.array([start + across, end + across, end - across, start - across])


def arrow_head(tip: Floats, towards: Floats, size: float) -> Floats:
    """Outline of a triangle with its tip at a point, looking along a vector."""
    along = towards / float(np.hypot(*towards)) * size
    across = along[::-1] * (-0.5, 0.5)
    return np.array([tip, tip - along + across, tip - along - across])


def star(centre: Floats, radius: float) -> Floats:
    """Outline of a five-pointed star, standing upright on a screen."""
    angles = np.arange(10) * (np.pi / 5) - np.pi / 2
    radii = radius * np.where(np.arange(10) % 2, 0.42, 1.0)
    return centre + radii[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])


def footprint(robot: Robot, margin_m: float = 0.0) -> Floats:
    """Outline of a robot in its own frame, widened by a margin."""
    around = directions(48)
    corners = np.sign(around) * (robot.half_length_m, robot.half_width_m)
    return np.asarray(corners + (robot.rounding_m + margin_m) * around)


def placed(outline: Floats, pose: Floats) -> Floats:
    """Turn an outline by a pose's heading and move it to its place."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return np.asarray(outline @ np.array([[cos, sin], [-sin, cos]]) + pose[:2])


# Strokes on a canvas.


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; share 1 gives the first."""
    red, green, blue = (round(share * a + (1 - share) * b) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def fill(canvas: pygame.Surface, colour: Colour, outline: Floats) -> None:
    """Fill a polygon, smooth at its edges; outline: (n, 2) screen points."""
    low = np.floor(outline.min(axis=0)).astype(int) - 1
    high = np.ceil(outline.max(axis=0)).astype(int) + 2
    area = pygame.Rect(*low, *(high - low)).clip(canvas.get_rect())
    if not area:
        return
    enlarged = (area.width * FINE, area.height * FINE)
    patch = pygame.transform.scale(canvas.subsurface(area), enlarged)
    pygame.draw.polygon(patch, colour, ((outline - area.topleft) * FINE).tolist())
    canvas.blit(pygame.transform.smoothscale(patch, area.size), area)


def write(
    canvas: pygame.Surface, text: str, anchor: str, at: tuple[float, float], colour: Colour
) -> pygame.Rect:
    """Write text with its anchor (pygame's name of a point of a rectangle) at a screen point."""
    pygame.font.init()
    height = max(10, round(0.6 * strip_px(canvas.get_size())))
    # The font is opened anew each time: another user of pygame may have shut its fonts meanwhile.
    label = pygame.font.Font(None, height).render(text, True, colour)
    place = label.get_rect(**{anchor: (round(at[0]), round(at[1]))})
    return canvas.blit(label, place)


# What stands still.


def coverage(outlines: Floats, size: tuple[int, int]) -> Floats:
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


def paint_solids(canvas: pygame.Surface, outlines: Floats) -> None:
    """Fill solids; outlines: (edges, 4) in screen points."""
    size = canvas.get_size()
    alpha = np.rint(255 * coverage(outlines, size)).astype(np.uint8)
    colours = np.broadcast_to(np.array(STONE, np.uint8), (*alpha.shape, 3))
    pixels = np.concatenate([colours, alpha[..., None]], axis=2)
    canvas.blit(pygame.image.frombytes(pixels.tobytes(), size, "RGBA"), (0, 0))


def paint_floor(canvas: pygame.Surface, scene: Scene, view: View) -> None:
    """Paint the ground within the bounds, with a faint line every metre."""
    x0, y0, x1, y1 = scene.bounds
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    fill(canvas, FLOOR, view.pixels(corners))
    rows = [((x0, y), (x1, y)) for y in np.arange(np.floor(y0) + 1, y1)]
    columns = [((x, y0), (x, y1)) for x in np.arange(np.floor(x0) + 1, x1)]
    for start, end in view.pixels(np.array(rows + columns).reshape(-1, 2, 2)):
        fill(canvas, GRID, stroke(start, end, 1.0))


def paint_scale(canvas: pygame.Surface, view: View) -> None:
    """Draw a bar of 1, 2, 5, 10, ... metres below the world, at most a fifth of it wide."""
    width, height = canvas.get_size()
    strip = strip_px((width, height))
    steps = [base * 10.0**power for power in range(-3, 5) for base in (1, 2, 5)]
    length_m = max(steps[0], *(step for step in steps if step * view.scale <= width / 5))
    start = np.array([strip / 2, height - strip / 2])
    end = start + (length_m * view.scale, 0)
    fill(canvas, INK, stroke(start, end, 2.0))
    for tick in (start, end):
        fill(canvas, INK, stroke(tick - (0, strip / 8), tick + (0, strip / 8), 2.0))
    write(canvas, f"{length_m:g} m", "midleft", (end[0] + strip / 4, end[1]), INK)


def moves(discs: Floats) -> NDArray[np.bool_]:
    """Tell which discs (K, 5) move."""
    return np.asarray(discs[:, [VX, VY]].any(axis=1))


def paint_background(scene: Scene, size: tuple[int, int]) -> pygame.Surface:
    """Paint everything that stands still in a scene."""
    canvas, view = pygame.Surface(size, 0, 32), fit(scene.bounds, size)
    canvas.fill(PAPER)
    paint_floor(canvas, scene, view)
    if len(scene.outlines):
        paint_solids(canvas, view.pixels(scene.outlines.reshape(-1, 2)).reshape(-1, 4))
    for disc in scene.discs[~moves(scene.discs)]:
        fill(canvas, STONE, view.pixels(circle(disc[X:RADIUS], disc[RADIUS])))
    for start, end in view.pixels(scene.walls.reshape(-1, 2, 2)):
        fill(canvas, INK, stroke(start, end, WALL_PX))
    paint_scale(canvas, view)
    return canvas


def make_glow(size: tuple[int, int], reach_px: float) -> pygame.Surface:
    """Shade for a fan of beams in its middle: bright there, fading towards the sensor's range.

    Twice the size of the canvas, hence it covers the canvas wherever its middle is put on it.
    """
    width, height = size
    x, y = np.arange(2 * width) - width + 0.5, np.arange(2 * height) - height + 0.5
    near = np.maximum(1.0 - np.hypot(x[None, :], y[:, None]) / reach_px, 0.0)
    alpha = np.rint(255 * (FAR_GLOW + (1 - FAR_GLOW) * near)).astype(np.uint8)
    pixels = np.concatenate([np.full((*alpha.shape, 3), 255, np.uint8), alpha[..., None]], axis=2)
    return pygame.image.frombytes(pixels.tobytes(), (2 * width, 2 * height), "RGBA")


# What moves.


def paint_trail(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw where the robot has been, fading with age."""
    if len(frame.trail) < 2:
        return
    points = view.pixels(np.array(frame.trail))
    step_s = frame.time_s / len(points)
    ages = np.arange(len(points) - 1)[::-1] * step_s
    shares = np.clip(1.0 - ages / TRAIL_FADE_S, 0.0, 1.0) * 0.6 + 0.25
    steps = np.diff(points, axis=0)
    lengths = np.maximum(np.hypot(steps[:, 0], steps[:, 1]), 1e-9)
    across = steps[:, ::-1] * (-0.5, 0.5) / lengths[:, None]
    for side in (across, -across):
        starts, ends = (points[:-1] + side).tolist(), (points[1:] + side).tolist()
        for start, end, share in zip(starts, ends, shares.tolist(), strict=True):
            pygame.draw.aaline(canvas, mix(BLUE, FLOOR, share), start, end)


def paint_fan(canvas: pygame.Surface, frame: Frame, view: View, glow: pygame.Surface) -> None:
    """Draw the beams as a translucent fan from the robot to what they hit."""
    hits = frame.distance_m[:, None] * np.column_stack([frame.beam_cos, frame.beam_sin])
    points = view.pixels(placed(np.concatenate([np.zeros((1, 2)), hits]), frame.pose)).tolist()
    centre, ends = points[0], points[1:]
    layer = pygame.Surface(canvas.get_size(), pygame.SRCALPHA, 32)
    layer.fill((*SKY, 0))  # one colour throughout: only its alpha is drawn
    if len(points) > 2:
        pygame.draw.polygon(layer, (*SKY, FAN_ALPHA), points)
    for end in ends[:: -(-len(ends) // MOST_RAYS)]:
        pygame.draw.aaline(layer, (*SKY, RAY_ALPHA), centre, end)
    pygame.draw.aalines(layer, (*SKY, RIM_ALPHA), True, points)
    corner = (round(centre[0] - glow.get_width() / 2), round(centre[1] - glow.get_height() / 2))
    layer.blit(glow, corner, special_flags=pygame.BLEND_RGBA_MULT)
    canvas.blit(layer, (0, 0))


def paint_goal(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw a star where the robot should go, inside the circle that counts as there."""
    if frame.goal is None:
        return
    centre, radius = view.pixels(frame.goal), frame.scene.goal_tolerance_m * view.scale
    fill(canvas, mix(GREEN, FLOOR, 0.18), circle(centre, radius))
    fill(canvas, GREEN, ring(centre, radius, 1.5))
    fill(canvas, GREEN, star(centre, max(0.55 * radius, 8.0)))


def paint_movers(canvas: pygame.Surface, discs: Floats, view: View) -> None:
    """Draw moving discs (K, 5), each with an arrow to where it will be in a second."""
    for disc in discs[moves(discs)]:
        centre, tip = view.pixels(np.array([disc[X:RADIUS], disc[X:RADIUS] + disc[VX:]]))
        fill(canvas, VERMILLION, circle(centre, disc[RADIUS] * view.scale))
        fill(canvas, ORANGE, circle(centre, max(disc[RADIUS] * view.scale - 1.5, 0.5)))
        size = min(8.0, 0.6 * float(np.hypot(*(tip - centre))))
        neck = tip - (tip - centre) * (size / max(float(np.hypot(*(tip - centre))), 1e-9))
        fill(canvas, INK, stroke(centre, neck, 1.5))
        fill(canvas, INK, arrow_head(tip, tip - centre, size))


def paint_robot(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw the footprint at its true shape, with a white mark that points ahead."""
    robot, colour = frame.robot, OUTCOME_COLOURS[frame.outcome]
    centre = view.pixels(frame.pose[:2])
    if robot.circumscribed_m * view.scale < LEAST_MARK_PX:
        fill(canvas, colour, ring(centre, LEAST_MARK_PX + 2, 1.5))
    fill(canvas, mix(colour, INK, 0.55), view.pixels(placed(footprint(robot), frame.pose)))
    inner = footprint(robot, margin_m=-min(1.5 / view.scale, robot.inscribed_m / 3))
    fill(canvas, colour, view.pixels(placed(inner, frame.pose)))
    length = robot.half_length_m + robot.rounding_m
    width = robot.half_width_m + robot.rounding_m
    mark = np.array([[0.7, 0.0], [-0.35, 0.5], [-0.1, 0.0], [-0.35, -0.5]]) * (length, width)
    fill(canvas, FLOOR, view.pixels(placed(mark, frame.pose)))


def paint_labels(canvas: pygame.Surface, frame: Frame) -> None:
    """Write the time, and how the episode ended."""
    width, strip = canvas.get_width(), strip_px(canvas.get_size())
    write(canvas, f"{frame.time_s:.1f} s", "midleft", (strip / 2, strip / 2), INK)
    if frame.outcome != "running":
        colour = OUTCOME_COLOURS[frame.outcome]
        write(canvas, frame.outcome, "midright", (width - strip / 2, strip / 2), colour)


class Painter:
    """Paints frames into arrays, or into a window."""

    def __init__(self, window: bool, size: tuple[int, int] = (720, 720)) -> None:
        self._size = size
        self._scene: Scene | None = None
        self._background = self._glow = pygame.Surface((0, 0))
        self._clock = pygame.time.Clock()
        self._window = window
        if window:
            self._open()

    def _open(self) -> None:
        try:
            pygame.display.init()
            pygame.display.set_mode(self._size, pygame.RESIZABLE)
        except pygame.error as problem:
            raise RuntimeError(
                f"render_mode='human' needs a screen, and there is none here ({problem}): "
                "use render_mode='rgb_array'"
            ) from problem
        pygame.display.set_caption("neurobot")

    def rgb(self, frame: Frame) -> Pixels:
        """Paint a frame into an array (rows, columns, 3)."""
        canvas = self._paint(frame, self._size)
        data = bytearray(pygame.image.tobytes(canvas, "RGB"))
        return np.frombuffer(data, np.uint8).reshape(self._size[1], self._size[0], 3)

    def show(self, frame: Frame, fps: float) -> None:
        """Paint a frame into the window and wait for the next; does nothing once it is closed."""
        if self._is_closed():
            return
        window = pygame.display.get_surface()
        window.blit(self._paint(frame, window.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close the window, if there is one; closing twice is fine."""
        if self._window:
            pygame.display.quit()
        self._window = False

    def _is_closed(self) -> bool:
        """Look whether somebody has closed the window by its button, or shut pygame down."""
        if self._window and pygame.display.get_surface() is None:
            self._window = False
        if self._window and any(event.type == pygame.QUIT for event in pygame.event.get()):
            self.close()
        return not self._window

    def _paint(self, frame: Frame, size: tuple[int, int]) -> pygame.Surface:
        view = fit(frame.scene.bounds, size)
        if frame.scene is not self._scene or size != self._background.get_size():
            self._scene, self._background = frame.scene, paint_background(frame.scene, size)
            self._glow = make_glow(size, frame.robot.lidar_range_m * view.scale)
        canvas = self._background.copy()
        paint_trail(canvas, frame, view)
        paint_fan(canvas, frame, view, self._glow)
        paint_goal(canvas, frame, view)
        paint_movers(canvas, frame.discs, view)
        paint_robot(canvas, frame, view)
        paint_labels(canvas, frame)
        return canvas

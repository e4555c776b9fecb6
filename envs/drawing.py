"""The world as a picture: plain values in, pixels out (the only module that needs pygame).

World points are (x, y) in metres with y up; screen points are in pixels with y down. What stands
still is painted once per scene; a frame adds what moves. Colours are those of Okabe and Ito, which
colour-blind viewers can tell apart.
"""

import os
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
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
Shape: TypeAlias = tuple[Colour, Floats]  # a filled outline (n, 2) in screen points

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
PAPER: Colour = (244, 244, 241)
FLOOR: Colour = WHITE
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
GRID_PX = 50.0  # the most between two lines of the grid
WALL_PX = 3.0
RIM_PX = 1.5
TRAIL_FADE_S = 20.0  # older parts of the trail are equally faint
TRAIL_SHADES = 20
MOST_TRAIL = 500  # points of a trail; longer ones are thinned out
FAN_ALPHA, RAY_ALPHA, RIM_ALPHA = 120, 165, 235  # of the fan of beams where it is brightest
FAR_GLOW = 0.3  # brightness of the fan at the sensor's range, as a share of that at the robot
MOST_RAYS = 40
MOST_BACKDROPS = 16  # so many worlds can take turns without being painted anew
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
    range_m: float
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


def label_margin(bounds: tuple[float, float, float, float], size: tuple[int, int]) -> float:
    """Place labels flush with the world's sides, but farther apart where it is very slim."""
    slim = (size[0] - 5 * strip_px(size)) / 2
    return min(float(fit(bounds, size).pixels(np.array(bounds[:2]))[0]), slim)


# Shapes: outlines (n, 2) in whatever unit they are asked for.


@cache
def directions(count: int) -> Floats:
    """Return unit vectors (count, 2) all around; with a multiple of 4 none lies along an axis."""
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


def arrow(start: Floats, tip: Floats, width: float, head: float) -> Floats:
    """Outline of an arrow; its head is shorter than asked for where the arrow is short."""
    length = max(float(np.hypot(*(tip - start))), 1e-9)
    along = (tip - start) / length
    across, neck = along[::-1] * (-1, 1), tip - min(head, 0.6 * length) * along
    half, barb = across * (width / 2), across * (min(head, 0.6 * length) / 2)
    return np.array(
        [start + half, neck + half, neck + barb, tip, neck - barb, neck - half, start - half]
    )


def star(centre: Floats, radius: float) -> Floats:
    """Outline of a five-pointed star, standing upright on a screen."""
    angles = np.arange(10) * (np.pi / 5) - np.pi / 2
    radii = radius * np.where(np.arange(10) % 2, 0.42, 1.0)
    rays = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.asarray(centre + radii[:, None] * rays)


def footprint(robot: Robot) -> Floats:
    """Outline of a robot in its own frame."""
    around = directions(48)
    corners = np.sign(around) * (robot.half_length_m, robot.half_width_m)
    return np.asarray(corners + robot.rounding_m * around)


def heading_mark(robot: Robot) -> Floats:
    """Outline of an arrow head that points ahead inside the footprint, in the robot's frame."""
    mark = np.array([[0.7, 0.0], [-0.4, 0.55], [-0.1, 0.0], [-0.4, -0.55]])
    return mark * (robot.half_length_m + robot.rounding_m, robot.half_width_m + robot.rounding_m)


def placed(outline: Floats, pose: Floats) -> Floats:
    """Turn an outline by a pose's heading and move it to its place."""
    cos, sin = np.cos(pose[2]), np.sin(pose[2])
    return np.asarray(outline @ np.array([[cos, sin], [-sin, cos]]) + pose[:2])


# Strokes on a canvas.


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; share 1 gives the first."""
    red, green, blue = (
        round(share * a + (1 - share) * b) for a, b in zip(colour, other, strict=True)
    )
    return red, green, blue


def draw(canvas: pygame.Surface, *shapes: Shape) -> None:
    """Draw filled polygons that lie close together, smooth at their edges."""
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


def veil(colour: Colour, alpha: Floats) -> pygame.Surface:
    """Make a surface of one colour whose opacity is given, (rows, columns) from 0 to 1."""
    surface = pygame.Surface(alpha.shape[::-1], pygame.SRCALPHA, 32)
    surface.fill(colour)
    pygame.surfarray.pixels_alpha(surface)[:] = np.rint(255 * alpha.T).astype(np.uint8)
    return surface


def round_length_m(view: View, most_px: float) -> float:
    """Return the longest of 1, 2, 5, 10, ... metres (or 0.5, 0.2, ...) with so many pixels."""
    lengths = [base * 10.0**power for power in range(-3, 6) for base in (1, 2, 5)]
    return max((m for m in lengths if m * view.scale <= most_px), default=lengths[0])


def paint_floor(canvas: pygame.Surface, scene: Scene, view: View) -> None:
    """Paint the ground within the bounds, with a faint line every metre (fewer in large worlds)."""
    x0, y0, x1, y1 = scene.bounds
    left, top = np.rint(view.pixels(np.array([x0, y1]))).astype(int)
    canvas.fill(FLOOR, (left, top, round((x1 - x0) * view.scale), round((y1 - y0) * view.scale)))
    step = max(1.0, round_length_m(view, GRID_PX))
    first_x, first_y = (step * (np.floor(low / step) + 1) for low in (x0, y0))
    rows = [((x0, y), (x1, y)) for y in np.arange(first_y, y1, step)]
    columns = [((x, y0), (x, y1)) for x in np.arange(first_x, x1, step)]
    for start, end in view.pixels(np.array(rows + columns).reshape(-1, 2, 2)):
        draw(canvas, (GRID, stroke(start, end, 1.0)))


def paint_scale(canvas: pygame.Surface, scene: Scene, view: View) -> None:
    """Draw a bar of a round length below the world."""
    width, height = canvas.get_size()
    strip = strip_px((width, height))
    length_m = round_length_m(view, most_px=width / 4)
    x, y, tick = label_margin(scene.bounds, (width, height)), height - strip / 2, strip / 8
    end = x + length_m * view.scale
    bars = [((x, y), (end, y)), ((x, y - tick), (x, y + tick)), ((end, y - tick), (end, y + tick))]
    draw(canvas, *((INK, stroke(start, end, 2.0)) for start, end in np.array(bars)))
    write(canvas, f"{length_m:g} m", "midleft", (end + strip / 4, y), INK)


def moves(discs: Floats) -> NDArray[np.bool_]:
    """Tell which discs (K, 5) move."""
    return np.asarray(discs[:, [VX, VY]].any(axis=1))


def paint_obstacles(
    canvas: pygame.Surface, scene: Scene, view: View, stone: Colour, wall: Colour
) -> None:
    """Paint the obstacles that stand still in two colours."""
    if len(scene.outlines):
        edges = view.pixels(scene.outlines.reshape(-1, 2)).reshape(-1, 4)
        canvas.blit(veil(stone, coverage(edges, canvas.get_size())), (0, 0))
    for disc in scene.discs[~moves(scene.discs)]:
        draw(canvas, (stone, view.pixels(circle(disc[X:RADIUS], disc[RADIUS]))))
    for start, end in view.pixels(scene.walls.reshape(-1, 2, 2)):
        draw(canvas, (wall, stroke(start, end, WALL_PX)))


def paint_ground(scene: Scene, size: tuple[int, int]) -> pygame.Surface:
    """Paint everything that stands still."""
    canvas, view = pygame.Surface(size, 0, 32), fit(scene.bounds, size)
    canvas.fill(PAPER)
    paint_floor(canvas, scene, view)
    paint_obstacles(canvas, scene, view, STONE, INK)
    paint_scale(canvas, scene, view)
    return canvas


def make_stencil(scene: Scene, size: tuple[int, int]) -> pygame.Surface:
    """Make a veil that is opaque where a beam can be and clear where an obstacle stands.

    Between two beams the fan is only a guess: it must not cover what stands there.
    """
    canvas = pygame.Surface(size, 0, 32)
    canvas.fill(WHITE)
    paint_obstacles(canvas, scene, fit(scene.bounds, size), BLACK, BLACK)
    return veil(WHITE, pygame.surfarray.array_red(canvas).T / 255)


@lru_cache(maxsize=2)
def make_glow(size: tuple[int, int], reach_px: float) -> pygame.Surface:
    """Make a veil for a fan of beams: opaque in its middle, fading towards the sensor's range.

    Twice the size of the canvas, hence it covers the canvas wherever its middle is put on it.
    """
    coarse = 8  # it is smooth enough to be computed in blocks of so many pixels
    half_width, half_height = (-(-side // coarse) for side in size)
    x, y = (np.arange(2 * half) - half + 0.5 for half in (half_width, half_height))
    near = np.maximum(1.0 - np.hypot(x[None, :], y[:, None]) * coarse / reach_px, 0.0)
    glow = veil(WHITE, FAR_GLOW + (1 - FAR_GLOW) * near)
    return pygame.transform.smoothscale(glow, (2 * half_width * coarse, 2 * half_height * coarse))


@dataclass(frozen=True)
class Backdrop:
    """What is painted once per scene."""

    scene: Scene
    robot: Robot
    view: View
    ground: pygame.Surface
    stencil: pygame.Surface
    glow: pygame.Surface


def make_backdrop(frame: Frame, size: tuple[int, int]) -> Backdrop:
    """Paint what stands still in a frame."""
    scene, view = frame.scene, fit(frame.scene.bounds, size)
    return Backdrop(
        scene=scene,
        robot=frame.robot,
        view=view,
        ground=paint_ground(scene, size),
        stencil=make_stencil(scene, size),
        glow=make_glow(size, frame.range_m * view.scale),
    )


# What moves.


def paint_trail(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw where the robot has been, two pixels wide and fading with age."""
    if len(frame.trail) < 2:
        return
    every = -(-len(frame.trail) // MOST_TRAIL)
    points = view.pixels(np.array([*frame.trail[:-1:every], frame.trail[-1]]))
    ahead = np.gradient(points, axis=0)
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)[:, None]
    across = ahead[:, ::-1] * (-0.5, 0.5)
    lanes = [(points + side * across).tolist() for side in (-1, 1, 0)]
    ages = frame.time_s * (1.0 - np.arange(len(points)) / len(points))
    shades = np.floor(TRAIL_SHADES * np.minimum(ages / TRAIL_FADE_S, 1.0)).astype(int)
    starts = [0, *(np.flatnonzero(np.diff(shades)) + 1).tolist(), len(points) - 1]
    for first, last in pairwise(starts):
        colour = mix(BLUE, FLOOR, 0.9 - 0.65 * float(shades[first]) / TRAIL_SHADES)
        for lane in lanes:
            if last > first:
                pygame.draw.aalines(canvas, colour, False, lane[first : last + 1])


def paint_fan(canvas: pygame.Surface, frame: Frame, backdrop: Backdrop) -> None:
    """Draw the beams as a translucent fan from the robot to what they hit."""
    hits = frame.distance_m[:, None] * np.column_stack([frame.beam_cos, frame.beam_sin])
    outline = placed(np.concatenate([np.zeros((1, 2)), hits]), frame.pose)
    centre, *ends = points = backdrop.view.pixels(outline).tolist()
    layer = pygame.Surface(canvas.get_size(), pygame.SRCALPHA, 32)
    layer.fill((*SKY, 0))  # one colour throughout: only its alpha is drawn
    if len(ends) > 1:
        pygame.draw.polygon(layer, (*SKY, FAN_ALPHA), points)
    for end in ends[:: -(-len(ends) // MOST_RAYS)]:
        pygame.draw.aaline(layer, (*SKY, RAY_ALPHA), centre, end)
    pygame.draw.aalines(layer, (*SKY, RIM_ALPHA), True, points)
    glow = backdrop.glow.get_rect(center=(round(centre[0]), round(centre[1])))
    layer.blit(backdrop.glow, glow, special_flags=pygame.BLEND_RGBA_MULT)
    layer.blit(backdrop.stencil, (0, 0), special_flags=pygame.BLEND_RGBA_MULT)
    canvas.blit(layer, (0, 0))


def paint_goal(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw a star where the robot should go, inside the circle that counts as there."""
    if frame.goal is None:
        return
    centre, radius = view.pixels(frame.goal), frame.scene.goal_tolerance_m * view.scale
    points_px = min(max(0.6 * radius, 7.0), 14.0)
    draw(canvas, (GREEN, ring(centre, radius, RIM_PX)), (GREEN, star(centre, points_px)))


def paint_movers(canvas: pygame.Surface, discs: Floats, view: View) -> None:
    """Draw moving discs (K, 5), each with an arrow to where it will be in a second."""
    for disc in discs[moves(discs)]:
        centre, tip = view.pixels(np.array([disc[X:RADIUS], disc[X:RADIUS] + disc[VX:]]))
        radius = disc[RADIUS] * view.scale
        draw(
            canvas,
            (VERMILLION, circle(centre, radius)),
            (ORANGE, circle(centre, max(radius - RIM_PX, 0.5))),
            (INK, arrow(centre, tip, 1.5, 8.0)),
        )


def paint_robot(canvas: pygame.Surface, frame: Frame, view: View) -> None:
    """Draw the footprint at its true shape, with a white mark that points ahead."""
    robot, colour = frame.robot, OUTCOME_COLOURS[frame.outcome]
    outline = footprint(robot)
    without_rim = max(1.0 - RIM_PX / (robot.inscribed_m * view.scale), 0.6)
    outlines = (outline, without_rim * outline, heading_mark(robot))
    colours = (mix(colour, INK, 0.55), colour, WHITE)
    places = [view.pixels(placed(outline, frame.pose)) for outline in outlines]
    draw(canvas, *zip(colours, places, strict=True))
    if robot.circumscribed_m * view.scale < LEAST_MARK_PX:
        draw(canvas, (colour, ring(view.pixels(frame.pose[:2]), LEAST_MARK_PX, RIM_PX)))


def paint_labels(canvas: pygame.Surface, frame: Frame) -> None:
    """Write the time, and how the episode ended."""
    width, y = canvas.get_width(), strip_px(canvas.get_size()) / 2
    margin = label_margin(frame.scene.bounds, canvas.get_size())
    write(canvas, f"{frame.time_s:.1f} s", "midleft", (margin, y), INK)
    if frame.outcome != "running":
        colour = OUTCOME_COLOURS[frame.outcome]
        write(canvas, frame.outcome, "midright", (width - margin, y), colour)


class Painter:
    """Paints frames into arrays, or into a window until somebody closes it."""

    def __init__(self, window: bool, size: tuple[int, int] = (720, 720)) -> None:
        self._size = size
        self._backdrops: deque[Backdrop] = deque(maxlen=MOST_BACKDROPS)
        self._clock = pygame.time.Clock()
        self.is_open = window
        if window:
            self._open()

    def _open(self) -> None:
        try:
            pygame.display.init()
            if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
                raise pygame.error("SDL found no window system")
            pygame.display.set_mode(self._size, pygame.RESIZABLE)
        except pygame.error as problem:
            pygame.display.quit()
            raise RuntimeError(
                f"render_mode='human' needs a screen, and there is none here ({problem}): "
                "use render_mode='rgb_array'"
            ) from problem
        pygame.display.set_caption("neurobot")

    def rgb(self, frame: Frame) -> Pixels:
        """Paint a frame into an array (rows, columns, 3)."""
        canvas = self._paint(frame, self._size)
        pixels = np.empty((self._size[1], self._size[0], 3), np.uint8)
        # A surface over the array's own memory: by far the fastest way out of pygame.
        pygame.image.frombuffer(pixels.data, self._size, "RGB").blit(canvas, (0, 0))
        return pixels

    def show(self, frame: Frame, fps: float) -> None:
        """Paint a frame into the window and wait for the next; does nothing once it is closed."""
        self._look_for_closing()
        if not self.is_open:
            return
        window = pygame.display.get_surface()
        window.blit(self._paint(frame, window.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(fps)

    def close(self) -> None:
        """Close the window, if there is one; closing twice is fine."""
        if self.is_open:
            pygame.display.quit()
        self.is_open = False

    def _look_for_closing(self) -> None:
        """Notice that somebody closed the window by its button, or shut pygame's display down."""
        if not self.is_open:
            return
        if pygame.display.get_surface() is None:
            self.is_open = False
        elif any(event.type == pygame.QUIT for event in pygame.event.get()):
            self.close()

    def _backdrop(self, frame: Frame, size: tuple[int, int]) -> Backdrop:
        """Find what stands still in a frame among what was painted lately, or paint it."""
        if self._backdrops and self._backdrops[0].ground.get_size() != size:
            self._backdrops.clear()
        for backdrop in self._backdrops:
            if frame.scene is backdrop.scene and frame.robot == backdrop.robot:
                return backdrop
        self._backdrops.append(make_backdrop(frame, size))
        return self._backdrops[-1]

    def _paint(self, frame: Frame, size: tuple[int, int]) -> pygame.Surface:
        backdrop = self._backdrop(frame, size)
        canvas, view = backdrop.ground.copy(), backdrop.view
        paint_trail(canvas, frame, view)
        paint_fan(canvas, frame, backdrop)
        paint_goal(canvas, frame, view)
        paint_movers(canvas, frame.discs, view)
        paint_robot(canvas, frame, view)
        paint_labels(canvas, frame)
        return canvas

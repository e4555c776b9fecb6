"""The beams: a translucent fan from the robot to what they hit, less those that are dead."""

from functools import lru_cache

import numpy as np

from neurobot.envs.drawing.canvas import Colour, draw, pygame, veil
from neurobot.envs.drawing.shapes import placed, stroke
from neurobot.envs.drawing.theme import Theme
from neurobot.envs.drawing.view import Size, View
from neurobot.envs.frame import Frame
from neurobot.envs.world import Array, Floats

FAN_ALPHA, RAY_ALPHA, RIM_ALPHA = 120, 165, 235  # of the fan of beams where it is brightest
FAR_GLOW = 0.3  # brightness of the fan at the sensor's range, as a share of that at the robot
MOST_RAYS = 40
DEAD_M, LEAST_DEAD_PX = 1.0, 30.0  # length of a dead beam, beyond the robot
DASH_PX, GAP_PX, DASH_WIDTH_PX = 4.0, 3.0, 1.5
WHITE: Colour = (255, 255, 255)


@lru_cache(maxsize=4)
def make_glow(size: Size, reach_px: float) -> pygame.Surface:
    """Make a veil for a fan of beams: opaque in its middle, fading towards the sensor's range.

    Twice the size of the canvas, hence it covers the canvas wherever its middle is put on it.
    """
    coarse = 8  # it is smooth enough to be computed in blocks of so many pixels
    half_width, half_height = (-(-side // coarse) for side in size)
    x, y = (np.arange(2 * half) - half + 0.5 for half in (half_width, half_height))
    near = np.maximum(1.0 - np.hypot(x[None, :], y[:, None]) * coarse / reach_px, 0.0)
    glow = veil(WHITE, FAR_GLOW + (1 - FAR_GLOW) * near)
    return pygame.transform.smoothscale(glow, (2 * half_width * coarse, 2 * half_height * coarse))


def dead_beams(frame: Frame) -> Array:
    """Tell which beams (B,) are dead."""
    return np.zeros(len(frame.beam_cos), np.bool_) if frame.dead is None else frame.dead


def beam_directions(frame: Frame) -> Floats:
    """Return unit vectors (B, 2) of the beams in the robot's frame."""
    return np.column_stack([frame.beam_cos, frame.beam_sin])


def live_runs(dead: Array) -> list[Array]:
    """Split the positions of the live beams into runs of neighbours."""
    live = np.flatnonzero(~dead)
    return [run for run in np.split(live, np.flatnonzero(np.diff(live) > 1) + 1) if len(run)]


def paint_sector(
    layer: pygame.Surface, colour: Colour, centre: list[float], ends: list[list[float]]
) -> None:
    """Draw the part of the fan between neighbouring beams: only its alpha matters."""
    if len(ends) > 1:
        pygame.draw.polygon(layer, (*colour, FAN_ALPHA), [centre, *ends])
    pygame.draw.aalines(layer, (*colour, RIM_ALPHA), True, [centre, *ends])


def paint_rays(
    layer: pygame.Surface, colour: Colour, centre: list[float], ends: list[list[float]]
) -> None:
    """Draw some of the beams."""
    for end in ends:
        pygame.draw.aaline(layer, (*colour, RAY_ALPHA), centre, end)


def paint_fan(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
    """Draw the beams as a translucent fan from the robot to what they hit."""
    hits = frame.distance_m[:, None] * beam_directions(frame)
    dead = dead_beams(frame)
    ends = view.pixels(placed(hits, frame.pose))
    centre = view.pixels(frame.pose[:2])
    shown = np.concatenate([centre[None], ends[~dead]])
    low, high = np.floor(shown.min(axis=0)) - 2, np.ceil(shown.max(axis=0)) + 3
    area = pygame.Rect(*low.tolist(), *(high - low).tolist()).clip(canvas.get_rect())
    if area.width == 0 or area.height == 0:
        return
    layer = pygame.Surface(area.size, pygame.SRCALPHA, 32)
    layer.fill((*theme.beam, 0))  # one colour throughout: only its alpha is drawn
    middle, tips = (centre - area.topleft).tolist(), ends - area.topleft
    for run in live_runs(dead):
        paint_sector(layer, theme.beam, middle, tips[run].tolist())
    every = -(-len(tips) // MOST_RAYS)
    paint_rays(layer, theme.beam, middle, tips[::every][~dead[::every]].tolist())
    glow = make_glow(canvas.get_size(), frame.range_m * view.scale)
    place = glow.get_rect(center=(round(middle[0]), round(middle[1])))
    layer.blit(glow, place, special_flags=pygame.BLEND_RGBA_MULT)
    canvas.blit(layer, area)


def paint_dead(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
    """Draw the beginnings of dead beams as dashes."""
    dead = dead_beams(frame)
    if not dead.any():
        return
    rays = placed(beam_directions(frame)[dead], np.array([0.0, 0.0, frame.pose[2]])) * (1, -1)
    centre, first = view.pixels(frame.pose[:2]), frame.robot.circumscribed_m * view.scale + GAP_PX
    length = max(DEAD_M * view.scale, LEAST_DEAD_PX)
    starts = np.arange(first, first + length - DASH_PX, DASH_PX + GAP_PX)
    dashes = [
        stroke(centre + start * ray, centre + (start + DASH_PX) * ray, DASH_WIDTH_PX)
        for ray in rays
        for start in starts
    ]
    draw(canvas, *((theme.dead, dash) for dash in dashes))

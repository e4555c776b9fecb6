"""What moves: the trail, the robot and its course, moving discs; and the goal."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from neurobot.envs.drawing.canvas import Colour, draw, mix, pygame
from neurobot.envs.drawing.shapes import arrow, footprint, heading_mark, placed, star
from neurobot.envs.drawing.spots import spots
from neurobot.envs.drawing.theme import Theme
from neurobot.envs.drawing.view import View
from neurobot.envs.frame import Frame
from neurobot.envs.world import RADIUS, VX, VY, Floats, X

RIM_PX = 1.5
TRAIL_FADE_S = 20.0  # older parts of the trail are equally faint
TRAIL_SHADES = 20
MOST_TRAIL = 300  # points of a trail; longer ones are thinned out
EDGE_PX = 1.0
HEAD = 5.0  # of an arrow, as a multiple of its width
LEAST_MARK_PX = 10.0  # a robot smaller than this gets a ring around it
COURSE_M, LEAST_COURSE_PX = 1.2, 22.0  # length of the course, from the robot's centre and its edge


def paint_trail(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
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
        share = 0.9 - 0.65 * float(shades[first]) / TRAIL_SHADES
        colour = mix(theme.trail, theme.floor, share)
        for lane in lanes:
            if last > first:
                pygame.draw.aalines(canvas, colour, False, lane[first : last + 1])


def moves(discs: Floats) -> NDArray[np.bool_]:
    """Tell which discs (K, 5) move."""
    return np.asarray(discs[:, [VX, VY]].any(axis=1))


def paint_stones(canvas: pygame.Surface, discs: Floats, view: View, theme: Theme) -> None:
    """Paint the discs (K, 5) that stand still."""
    still = discs[~moves(discs)]
    spots(canvas, theme.stone, view.pixels(still[:, X:RADIUS]), still[:, RADIUS] * view.scale)


def paint_goal(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
    """Draw a star where the robot should go, inside the circle that counts as there."""
    if frame.goal is None:
        return
    centre, radius = view.pixels(frame.goal), frame.scene.goal_tolerance_m * view.scale
    points_px = min(max(0.6 * radius, 7.0), 14.0)
    spots(canvas, theme.goal, centre[None], np.array([radius]), width=RIM_PX)
    draw(canvas, (theme.goal, star(centre, points_px)))


def paint_movers(canvas: pygame.Surface, discs: Floats, view: View, theme: Theme) -> None:
    """Draw moving discs (K, 5), each with an arrow to where it will be in a second."""
    moving = discs[moves(discs)]
    centres, radii = view.pixels(moving[:, X:RADIUS]), moving[:, RADIUS] * view.scale
    tips = view.pixels(moving[:, X:RADIUS] + moving[:, VX:])
    spots(canvas, theme.mover_rim, centres, radii)
    spots(canvas, theme.mover, centres, np.maximum(radii - RIM_PX, 0.5))
    for centre, tip in zip(centres, tips, strict=True):
        paint_arrow(canvas, centre, tip, colour=theme.ink, edge=theme.floor, width=1.5)


def paint_arrow(
    canvas: pygame.Surface,
    start: Floats,
    tip: Floats,
    *,
    colour: Colour,
    edge: Colour,
    width: float,
) -> None:
    """Draw an arrow between screen points with a thin edge: it crosses bright and dark alike."""
    along = (tip - start) / max(float(np.hypot(*(tip - start))), 1e-9)
    halo = arrow(start, tip + EDGE_PX * along, width + 2 * EDGE_PX, HEAD * width + 3 * EDGE_PX)
    draw(canvas, (edge, halo), (colour, arrow(start, tip, width, HEAD * width)))


def paint_course(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
    """Draw an arrow from the robot to where its brain wants to go, with an edge of floor."""
    if frame.course_rad is None:
        return
    angle = frame.pose[2] + frame.course_rad
    ahead = np.array([np.cos(angle), -np.sin(angle)])
    edge = frame.robot.circumscribed_m * view.scale
    centre, length = view.pixels(frame.pose[:2]), max(COURSE_M * view.scale, edge + LEAST_COURSE_PX)
    tip = centre + length * ahead
    paint_arrow(canvas, centre, tip, colour=theme.course, edge=theme.floor, width=2.5)


def paint_robot(canvas: pygame.Surface, frame: Frame, view: View, theme: Theme) -> None:
    """Draw the footprint at its true shape, with a mark that points ahead."""
    robot, colour = frame.robot, theme.outcome(frame.outcome)
    outline = footprint(robot)
    without_rim = max(1.0 - RIM_PX / (robot.inscribed_m * view.scale), 0.6)
    outlines = (outline, without_rim * outline, heading_mark(robot))
    colours = (mix(colour, theme.rim, 0.55), colour, theme.mark)
    places = [view.pixels(placed(outline, frame.pose)) for outline in outlines]
    draw(canvas, *zip(colours, places, strict=True))
    if robot.circumscribed_m * view.scale < LEAST_MARK_PX:
        centre = view.pixels(frame.pose[:2])
        spots(canvas, colour, centre[None], np.array([LEAST_MARK_PX]), width=RIM_PX)

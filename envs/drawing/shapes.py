"""Outlines (n, 2) of what is drawn, in whatever unit they are asked for."""

from functools import cache

import numpy as np

from neurobot.envs.world import Floats, Robot


@cache
def directions(count: int) -> Floats:
    """Return unit vectors (count, 2) all around; with a multiple of 4 none lies along an axis."""
    angles = (np.arange(count) + 0.5) * (2 * np.pi / count)
    return np.column_stack([np.cos(angles), np.sin(angles)])


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

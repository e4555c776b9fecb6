"""Plane geometry as scalar kernels.

Only additions, products, quotients and square roots are used, which IEEE 754 rounds the same way
everywhere: the same seed gives the same bits on every machine.
"""

import math

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel

TOUCH = 1e-9  # by so much (relative) a segment is longer for a ray: no leak between two that meet


@kernel
def ray_to_disc(x: float, y: float, cos: float, sin: float, radius: float) -> float:
    """Distance along a ray from the origin to a disc centred at (x, y); inf where it misses."""
    along = x * cos + y * sin
    across = x * sin - y * cos
    rest = radius * radius - across * across
    half_chord = math.sqrt(max(rest, 0.0))
    hit = (rest >= 0.0) & (along + half_chord >= 0.0)
    return max(along - half_chord, 0.0) if hit else math.inf


@kernel
def ray_to_segment(x: float, y: float, dx: float, dy: float, cos: float, sin: float) -> float:
    """Distance along a ray from the origin to the segment (x, y) + [0, 1] (dx, dy), else inf."""
    across = cos * dy - sin * dx
    distance = (x * dy - y * dx) / across
    share = (x * sin - y * cos) / across
    hit = (distance >= 0.0) & (share >= -TOUCH) & (share <= 1.0 + TOUCH)
    return distance if hit else math.inf


@kernel
def point_to_segment(px: float, py: float, x: float, y: float, dx: float, dy: float) -> float:
    """Distance from (px, py) to the segment (x, y) + [0, 1] (dx, dy)."""
    length_squared = dx * dx + dy * dy
    share = 0.0
    if length_squared > 0.0:
        share = min(max(((px - x) * dx + (py - y) * dy) / length_squared, 0.0), 1.0)
    ex, ey = px - x - share * dx, py - y - share * dy
    return math.sqrt(ex * ex + ey * ey)


@kernel
def segment_within(x: float, y: float, dx: float, dy: float, reach: float) -> bool:
    """Whether the segment (x, y) + [0, 1] (dx, dy) comes nearer than reach to the origin.

    Its bounding box is asked first: rounding keeps order, so no rounded distance to the segment is
    less than the one to the box, and the answer is that of `point_to_segment` to the last bit.
    """
    beside = max(max(min(x, x + dx), -max(x, x + dx)), max(min(y, y + dy), -max(y, y + dy)))
    return beside < reach and point_to_segment(0.0, 0.0, x, y, dx, dy) < reach


@kernel
def point_to_box(x: float, y: float, half_length: float, half_width: float) -> float:
    """Distance from (x, y) to the box |x| <= half_length, |y| <= half_width; 0 inside."""
    ex, ey = max(abs(x) - half_length, 0.0), max(abs(y) - half_width, 0.0)
    return math.sqrt(ex * ex + ey * ey)


@kernel
def crosses_box(
    x: float, y: float, dx: float, dy: float, half_length: float, half_width: float
) -> bool:
    """Whether the segment (x, y) + [0, 1] (dx, dy) meets the box (slab by slab)."""
    enter, leave = 0.0, 1.0
    for start, step, half in ((x, dx, half_length), (y, dy, half_width)):
        if step == 0.0:
            if abs(start) > half:
                return False
        else:
            first, second = (-half - start) / step, (half - start) / step
            enter = max(enter, min(first, second))
            leave = min(leave, max(first, second))
    return enter <= leave


@kernel
def segment_to_box(
    x: float, y: float, dx: float, dy: float, half_length: float, half_width: float
) -> float:
    """Distance from the segment (x, y) + [0, 1] (dx, dy) to the box; 0 where they meet."""
    if crosses_box(x, y, dx, dy, half_length, half_width):
        return 0.0
    nearest = min(
        point_to_box(x, y, half_length, half_width),
        point_to_box(x + dx, y + dy, half_length, half_width),
    )
    for along in (-half_length, half_length):
        for across in (-half_width, half_width):
            nearest = min(nearest, point_to_segment(along, across, x, y, dx, dy))
    return nearest


@kernel
def winding(px: float, py: float, outlines: NDArray[np.float64]) -> int:
    """How often closed outlines turn around a point: 0 outside of everything solid.

    outlines: (edges, 4) as x0, y0, x1, y1, each loop with its solid side on the left.
    """
    turns = 0
    for k in range(outlines.shape[0]):
        x0, y0, x1, y1 = outlines[k, 0], outlines[k, 1], outlines[k, 2], outlines[k, 3]
        left = (x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)
        if y0 <= py < y1 and left > 0:
            turns += 1
        elif y1 <= py < y0 and left < 0:
            turns -= 1
    return turns

"""What the robot perceives: a scanning range finder and a grey camera, from one ray caster.

Both look from the robot's centre. Noise is a function of the episode's key, the step and the beam
(`neurobot.chance`), so it does not depend on how environments are batched.
"""

import math
import reprlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neurobot.angles import sincos
from neurobot.chance import gauss, uniform
from neurobot.compiled import apart, kernel
from neurobot.envs.geometry import ray_to_disc, ray_to_segment, segment_within
from neurobot.envs.world import RADIUS, Array, Floats, X, Y
from neurobot.grey import FLOOR, SKY, shade
from neurobot.lanes import TOGETHER, lane

NOISE_STREAM = 1
DROPOUT_STREAM = 2
GREY_STREAM = 3
CAMERA_HEIGHT_M = 0.3  # assumed
OBSTACLE_HEIGHT_M = 1.0  # assumed: a 2D world has no heights
CAMERA_HALF_VIEW = math.sqrt(3)  # tangent of half the field of view, 120 degrees


class Beams(NamedTuple):
    """Rays from the robot's centre and what is wrong with them."""

    cos: Floats  # (B,) directions in the robot's frame, from right to left
    sin: Floats  # (B,)
    dead: Array  # (B,) bool: never sees anything
    range_m: float
    noise: float  # standard deviation: metres of a beam, grey levels of a camera
    dropout: float  # probability that a beam (or camera column) sees nothing in one scan


def fan(count: int, field_of_view_rad: float) -> Floats:
    """Return unit vectors (count, 2) of beams spread evenly from the right to the left."""
    share = np.arange(count) / max(count - 1, 1) - (0.5 if count > 1 else 0.0)
    return np.array([sincos(field_of_view_rad * s)[::-1] for s in share])


def lens(columns: int) -> Floats:
    """Return unit vectors (columns, 2) through a pinhole camera's columns, the leftmost first."""
    offsets = CAMERA_HALF_VIEW * (1.0 - (2 * np.arange(columns) + 1) / columns)
    rays = np.column_stack([np.ones(columns), offsets])
    return np.asarray(rays / np.sqrt(1.0 + offsets * offsets)[:, None])


def make_beams(
    directions: Floats, *, dead: Sequence[int], range_m: float, noise: float, dropout: float
) -> Beams:
    """Point beams along unit vectors (B, 2); `dead` are the positions of those that see nothing."""
    count = len(directions)
    faulty = np.zeros(count, np.bool_)
    for k in dead:
        if k not in range(count):
            raise ValueError(
                f"dead_beams: there is no beam {reprlib.repr(k)}; known: 0..{count - 1}"
            )
        faulty[int(k)] = True
    cos, sin = (np.ascontiguousarray(directions[:, axis]) for axis in (0, 1))
    return Beams(cos, sin, faulty, float(range_m), float(noise), float(dropout))


@apart
def cast(me: Any, discs: Floats, segments: Floats, beams: Beams, distance_m: Floats) -> None:
    """Measure the true distance along each beam into distance_m (B,), at most range_m."""
    ray_cos, ray_sin, range_m = beams.cos, beams.sin, beams.range_m
    count = ray_cos.shape[0]
    x, y = me.x, me.y
    sin, cos = sincos(me.heading)
    for b in range(lane(), count, TOGETHER):
        distance_m[b] = range_m
    # The inner loops run over beams, where each lane writes its own element: they vectorize.
    for k in range(me.discs):
        dx, dy, radius = discs[k, X] - x, discs[k, Y] - y, discs[k, RADIUS]
        if dx * dx + dy * dy < (range_m + radius) * (range_m + radius):
            ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
            for b in range(lane(), count, TOGETHER):
                hit = ray_to_disc(ahead, left, ray_cos[b], ray_sin[b], radius)
                distance_m[b] = min(distance_m[b], hit)
    for k in range(me.segments):
        dx, dy, ex, ey = segments[k, 0] - x, segments[k, 1] - y, segments[k, 2], segments[k, 3]
        if segment_within(dx, dy, ex, ey, range_m):
            ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
            along, across = ex * cos + ey * sin, ey * cos - ex * sin
            for b in range(lane(), count, TOGETHER):
                hit = ray_to_segment(ahead, left, along, across, ray_cos[b], ray_sin[b])
                distance_m[b] = min(distance_m[b], hit)


@kernel
def blind(me: Any, b: int, beams: Beams) -> bool:
    """Whether a beam sees nothing in this scan."""
    if beams.dead[b]:
        return True
    if beams.dropout == 0.0:
        return False
    return uniform(me.key, DROPOUT_STREAM, me.steps * beams.dead.shape[0] + b) < beams.dropout


@apart
def scan(me: Any, beams: Beams, distance_m: Floats, out: Array) -> None:
    """Write what the range finder reads, (B,) float32 metres; range_m where nothing is."""
    count = distance_m.shape[0]
    for b in range(lane(), count, TOGETHER):
        reading = distance_m[b]
        if beams.noise > 0.0 and reading < beams.range_m:
            reading += beams.noise * gauss(me.key, NOISE_STREAM, me.steps * count + b)
        if blind(me, b, beams):
            reading = beams.range_m
        out[b] = min(max(reading, 0.0), beams.range_m)


@kernel
def picture(me: Any, beams: Beams, distance_m: Floats, out: Array) -> None:
    """Draw the view as columns into out (rows, columns, 1) uint8: sky, obstacle, floor.

    Obstacles darken as they come nearer; a blind column shows no obstacle.
    """
    rows, columns = out.shape[0], out.shape[1]
    focal = 0.5 * columns / CAMERA_HALF_VIEW
    for b in range(columns):
        distance = distance_m[b]
        seen = distance < beams.range_m and not blind(me, b, beams)
        depth = max(distance * beams.cos[b], 1e-3)
        top = 0.5 * rows - focal * (OBSTACLE_HEIGHT_M - CAMERA_HEIGHT_M) / depth
        bottom = 0.5 * rows + focal * CAMERA_HEIGHT_M / depth
        dark = shade(distance, beams.range_m)
        for r in range(rows):
            middle = r + 0.5
            if seen and top <= middle <= bottom:
                grey = dark
            else:
                grey = SKY if middle < 0.5 * rows else FLOOR
            if beams.noise > 0.0:
                counter = (me.steps * rows + r) * columns + b
                grey += beams.noise * gauss(me.key, GREY_STREAM, counter)
            out[r, b, 0] = np.uint8(min(max(math.floor(grey + 0.5), 0.0), 255.0))


@kernel
def feel(me: Any, track_m: float, goal_range_m: float, velocity: Array, goal: Array) -> None:
    """Write the robot's own velocity and where the goal lies in its frame."""
    velocity[0] = 0.5 * (me.left + me.right)
    velocity[1] = (me.right - me.left) / track_m
    dx, dy = me.goal_x - me.x, me.goal_y - me.y
    sin, cos = sincos(me.heading)
    distance = math.sqrt(dx * dx + dy * dy)
    shrink = goal_range_m / distance if distance > goal_range_m else 1.0
    goal[0] = shrink * (dx * cos + dy * sin)
    goal[1] = shrink * (dy * cos - dx * sin)

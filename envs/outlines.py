"""Solid things as closed loops of edges, (edges, 4) as x0, y0, x1, y1, solid side on the left."""

import math

import numpy as np

from neurobot.envs.world import Array, Floats

TURN_RAD = 1e-4  # corners may bend inwards by so much, since files hold rounded numbers
LEAST_AREA_M2 = 1e-9


class OutlineError(ValueError):
    """Something that no outline is made for."""


def convex_outlines(xy: Floats, offsets: Array) -> Floats:
    """Connect the corners (n, 2) of convex polygons, given in either orientation.

    offsets: (polygons + 1,) first corner of each. Corners that are repeated are dropped.
    """
    count = len(offsets) - 1
    polygon = np.repeat(np.arange(count), np.diff(offsets))
    kept = (xy != xy[following(offsets)]).any(axis=1)
    xy, polygon = xy[kept], polygon[kept]
    corners = np.bincount(polygon, minlength=count)
    refuse(corners < 3, "has fewer than 3 different corners")
    offsets = np.concatenate([[0], np.cumsum(corners)])
    xy = counter_clockwise(xy, polygon, offsets)
    outlines: Floats = np.column_stack([xy, xy[following(offsets)]])
    check_convex(outlines, polygon, offsets)
    return outlines


def counter_clockwise(xy: Floats, polygon: Array, offsets: Array) -> Floats:
    """Reverse the corners (n, 2) of those polygons that are given clockwise."""
    local = xy - xy[offsets[:-1]][polygon]
    halves = 0.5 * cross(local, local[following(offsets)])
    area_m2 = np.bincount(polygon, halves, len(offsets) - 1)
    refuse(abs(area_m2) < LEAST_AREA_M2, f"has an area below {LEAST_AREA_M2} m2")
    forwards = np.arange(len(xy))
    backwards = (offsets[:-1] + offsets[1:] - 1)[polygon] - forwards
    return np.asarray(xy[np.where(area_m2[polygon] < 0, backwards, forwards)])


def check_convex(outlines: Floats, polygon: Array, offsets: Array) -> None:
    """Refuse polygons that turn right somewhere, or turn around more than once."""
    edges = outlines[:, 2:] - outlines[:, :2]
    after = edges[following(offsets)]
    turns = np.arctan2(cross(edges, after), (edges * after).sum(axis=1))
    bends = np.bincount(polygon, turns < -TURN_RAD, len(offsets) - 1)
    total = np.bincount(polygon, turns, len(offsets) - 1)
    refuse((bends > 0) | (total > 3 * math.pi), "is not convex")


def following(offsets: Array) -> Array:
    """Position of the next corner, around its polygon, of each corner."""
    after: Array = np.arange(1, offsets[-1] + 1)
    full = offsets[1:] > offsets[:-1]
    after[offsets[1:][full] - 1] = offsets[:-1][full]
    return after


def cross(a: Floats, b: Floats) -> Floats:
    """Cross products of vectors (n, 2)."""
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def refuse(wrong: Array, reason: str) -> None:
    """Name the first polygon that is wrong."""
    for k in np.flatnonzero(wrong)[:1]:
        raise OutlineError(f"polygon {k} {reason}; allowed: convex polygons of 3 or more corners")


def raster_outlines(solid: Array, cell_m: float, origin: tuple[float, float], most: int) -> Floats:
    """Trace the boundary of solid cells, in straight runs as long as they can be.

    solid: (rows, columns) bool, row 0 at the bottom; outside of it nothing is solid. More than
    `most` level or upright edges are refused.
    """
    padded = np.pad(solid, 1).view(np.int8)
    level = runs(padded[1:, 1:-1] - padded[:-1, 1:-1], most)
    upright = runs((padded[1:-1, :-1] - padded[1:-1, 1:]).T, most)
    cells = np.concatenate([level[:, [1, 0, 2, 0]], upright[:, [0, 1, 0, 2]]])
    outlines: Floats = cells * cell_m + np.array([*origin, *origin])
    return outlines


def runs(sides: Array, most: int) -> Array:
    """Find maximal runs of 1 or of -1 along the rows of an int8 array.

    Returns (runs, 3) integers: row, and the columns from and to; a run of -1 goes backwards.
    """
    padded = np.pad(sides, ((0, 0), (1, 1)))
    change = padded[:, 1:] != padded[:, :-1]
    starts = change[:, :-1] & (sides != 0)
    if (count := np.count_nonzero(starts)) > most:
        raise OutlineError(f"{count} edges in one direction found; at most {most} are allowed")
    row, first = np.nonzero(starts)
    last = np.nonzero(change[:, 1:] & (sides != 0))[1] + 1
    forwards = sides[row, first] > 0
    return np.column_stack([row, np.where(forwards, first, last), np.where(forwards, last, first)])

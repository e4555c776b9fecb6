"""The world's rules once more: slow, obvious, in world coordinates and plain Python floats.

Nothing here comes from neurobot, and where there are two ways to compute something this is the
other one: lines instead of Cramer's rule, arcs instead of the midpoint, crossing numbers instead
of winding numbers, corners and edges instead of boxes in the robot's frame.
"""

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]
Pose = tuple[float, float, float]  # x, y, heading
Disc = tuple[float, float, float]  # x, y, radius
Segment = tuple[float, float, float, float]  # x0, y0, x1, y1
Edge = tuple[Point, Point]
Cell = tuple[int, int]  # row, column


def ends(segment: Segment) -> Edge:
    return segment[:2], segment[2:]


def ray_to_disc(origin: Point, angle: float, disc: Disc) -> float:
    """Solve |origin + t u - centre|^2 = radius^2 for the smallest t >= 0; inside it is 0."""
    x, y, radius = disc
    px, py = origin[0] - x, origin[1] - y
    half_b = px * math.cos(angle) + py * math.sin(angle)
    c = math.hypot(px, py) ** 2 - radius**2
    if c <= 0:
        return 0.0
    discriminant = half_b**2 - c
    if discriminant < 0 or half_b > 0:
        return math.inf
    return -half_b - math.sqrt(discriminant)


def ray_to_segment(origin: Point, angle: float, segment: Segment) -> float:
    """Cut the ray with the line n . p = n . a through the segment, then see if it is on it."""
    a, b = ends(segment)
    normal = (a[1] - b[1], b[0] - a[0])
    rise = normal[0] * math.cos(angle) + normal[1] * math.sin(angle)
    if rise == 0:
        return math.inf
    t = (normal[0] * (a[0] - origin[0]) + normal[1] * (a[1] - origin[1])) / rise
    hit = (origin[0] + t * math.cos(angle), origin[1] + t * math.sin(angle))
    between = math.dist(a, hit) <= math.dist(a, b) and math.dist(b, hit) <= math.dist(a, b)
    return t if t >= 0 and between else math.inf


def ray(origin: Point, angle: float, discs: Iterable[Disc], segments: Iterable[Segment]) -> float:
    hits = [ray_to_disc(origin, angle, disc) for disc in discs]
    hits += [ray_to_segment(origin, angle, segment) for segment in segments]
    return min(hits, default=math.inf)


def grown_disc(disc: Disc, by: float) -> Disc:
    return (disc[0], disc[1], disc[2] + by)


def grown_segment(segment: Segment, by: float) -> Segment:
    """Lengthen a segment at both ends."""
    (x0, y0), (x1, y1) = ends(segment)
    angle = math.atan2(y1 - y0, x1 - x0)
    dx, dy = by * math.cos(angle), by * math.sin(angle)
    return (x0 - dx, y0 - dy, x1 + dx, y1 + dy)


def point_to_edge(p: Point, edge: Edge) -> float:
    """Distance to a line between two points: to an end, if the angle there is obtuse."""
    a, b = edge
    length = math.dist(a, b)
    if length == 0:
        return math.dist(a, p)
    if (p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1]) <= 0:
        return math.dist(a, p)
    if (p[0] - b[0]) * (a[0] - b[0]) + (p[1] - b[1]) * (a[1] - b[1]) <= 0:
        return math.dist(b, p)
    return abs((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])) / length


def side(a: Point, b: Point, p: Point) -> float:
    """Twice the signed area of a triangle."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def edges_cross(one: Edge, other: Edge) -> bool:
    """Whether each edge has the other's ends strictly on two sides."""
    apart = side(*one, other[0]) * side(*one, other[1]) < 0
    return apart and side(*other, one[0]) * side(*other, one[1]) < 0


def edge_to_edge(one: Edge, other: Edge) -> float:
    if edges_cross(one, other):
        return 0.0
    gaps = [point_to_edge(p, other) for p in one] + [point_to_edge(p, one) for p in other]
    return min(gaps)


def loop(corners: Sequence[Point]) -> list[Edge]:
    """Return the edges of a closed polygon."""
    return list(pairwise([*corners, corners[0]]))


def inside(p: Point, corners: Sequence[Point]) -> bool:
    """Count the edges crossed on the way to infinity along +x."""
    crossings = 0
    for (x0, y0), (x1, y1) in loop(corners):
        if (y0 > p[1]) != (y1 > p[1]):
            crossings += x0 + (p[1] - y0) / (y1 - y0) * (x1 - x0) > p[0]
    return crossings % 2 == 1


@dataclass(frozen=True)
class Body:
    """A box with rounded corners: half its length, half its width, the rounding."""

    half_length: float
    half_width: float
    rounding: float

    def corners(self, pose: Pose) -> list[Point]:
        x, y, heading = pose
        cos, sin = math.cos(heading), math.sin(heading)
        signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))
        spots = [(a * self.half_length, b * self.half_width) for a, b in signs]
        return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in spots]

    def to_disc(self, pose: Pose, disc: Disc) -> float:
        corners, centre = self.corners(pose), disc[:2]
        gap = min(point_to_edge(centre, edge) for edge in loop(corners))
        return (0.0 if inside(centre, corners) else gap) - self.rounding - disc[2]

    def to_segment(self, pose: Pose, segment: Segment) -> float:
        corners, edge = self.corners(pose), ends(segment)
        gap = min(edge_to_edge(edge, rim) for rim in loop(corners))
        return (0.0 if inside(edge[0], corners) else gap) - self.rounding

    def clearance(
        self, pose: Pose, discs: Iterable[Disc], segments: Iterable[Segment], reach: float
    ) -> float:
        """Distance from the footprint to the nearest obstacle, at most reach."""
        gaps = [self.to_disc(pose, disc) for disc in discs]
        gaps += [self.to_segment(pose, segment) for segment in segments]
        return min([reach, *gaps])


def toward(value: float, target: float, most: float) -> float:
    """Take the middle one of the target and what can be reached at best."""
    return sorted((value - most, target, value + most))[1]


def wheel_targets(
    command: Point, top_speed: float, track: float, top_yaw_rate: float
) -> tuple[float, float]:
    """Slow the outer wheel and speed up the inner one, until they turn no faster than allowed."""
    left, right = command[0] * top_speed, command[1] * top_speed
    excess = abs(right - left) - top_yaw_rate * track
    if excess > 0:
        shift = math.copysign(excess / 2, right - left)
        left, right = left + shift, right - shift
    return left, right


def drive_arc(pose: Pose, left: float, right: float, track: float, dt: float) -> Pose:
    """Roll along the exact circle around the centre of curvature."""
    x, y, heading = pose
    speed, rate = (left + right) / 2, (right - left) / track
    if rate == 0:
        return (x + speed * dt * math.cos(heading), y + speed * dt * math.sin(heading), heading)
    radius = speed / rate
    after = heading + rate * dt
    x += radius * (math.sin(after) - math.sin(heading))
    y -= radius * (math.cos(after) - math.cos(heading))
    return (x, y, after)


def cells_visited(track: Iterable[Point], cell: float, repeat: int) -> int:
    """Count the squares of a floor on which there were steps; it repeats like wallpaper."""
    return len({(int(x // cell) % repeat, int(y // cell) % repeat) for x, y in track})


@dataclass(frozen=True)
class Ground:
    """What stands still, in buckets of a metre, for a disc that drives among it."""

    buckets: dict[tuple[int, int], tuple[list[Disc], list[Segment]]]
    radius: float

    def clear(self, a: Point, b: Point) -> bool:
        """Whether the disc touches nothing on its way from a to b, less than half a metre."""
        bucket = self.buckets.get((math.floor(a[0]), math.floor(a[1])))
        if bucket is None:
            return False  # out of this world
        least = self.radius - 1e-9
        gaps = [point_to_edge(disc[:2], (a, b)) - disc[2] for disc in bucket[0]]
        gaps += [edge_to_edge(ends(segment), (a, b)) for segment in bucket[1]]
        return min(gaps, default=least) >= least


def lay_out(discs: Sequence[Disc], segments: Sequence[Segment], radius: float) -> Ground:
    """Put every obstacle into each bucket from whose inside it can be touched."""
    xs = [d[0] for d in discs] + [x for s in segments for x in s[::2]]
    ys = [d[1] for d in discs] + [y for s in segments for y in s[1::2]]
    reach = radius + 0.5 + math.sqrt(0.5)
    buckets = {}
    for column in range(math.floor(min(xs)) - 1, math.floor(max(xs)) + 2):
        for row in range(math.floor(min(ys)) - 1, math.floor(max(ys)) + 2):
            middle = (column + 0.5, row + 0.5)
            near_discs = [d for d in discs if math.dist(middle, d[:2]) <= reach + d[2]]
            near = [s for s in segments if point_to_edge(middle, ends(s)) <= reach]
            buckets[column, row] = (near_discs, near)
    return Ground(buckets, radius)


def way_exists(start: Point, goal: Point, ground: Ground, step: float) -> bool:
    """Flood the lattice around the start, nearest to the goal first, until the goal is at hand.

    A step counts only if the whole disc touches nothing on it: what is found can be driven.
    """
    assert step < 0.5, "the buckets are made for short steps"
    seen = {(0, 0)}
    border = [(math.dist(start, goal), (0, 0))]
    while border:
        distance, (i, j) = heapq.heappop(border)
        here = (start[0] + i * step, start[1] + j * step)
        if distance < step and ground.clear(here, goal):
            return True
        for cell in ((i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)):
            there = (start[0] + cell[0] * step, start[1] + cell[1] * step)
            if cell not in seen and ground.clear(here, there):
                seen.add(cell)
                heapq.heappush(border, (math.dist(there, goal), cell))
    return False


def shortest_on_grid(free: Sequence[Sequence[bool]], start: Cell, goals: set[Cell]) -> float:
    """Length in cells of the shortest way by the moves of a king and a knight, one cell at a time.

    A knight passes the two cells that his straight line cuts.
    """
    lengths, border = {start: 0.0}, [(0.0, start)]
    while border:
        length, (row, column) = heapq.heappop(border)
        if (row, column) in goals:
            return length
        for down in range(-2, 3):
            for right in range(-2, 3):
                if math.gcd(down, right) != 1:
                    continue
                passed = {(row + down, column + right)}
                if max(abs(down), abs(right)) == 2:
                    for round_ in (math.floor, math.ceil):
                        passed.add((row + round_(down / 2), column + round_(right / 2)))
                inside = all(0 <= r < len(free) and 0 <= c < len(free[0]) for r, c in passed)
                aim, there = (row + down, column + right), length + math.hypot(down, right)
                open_ = inside and all(free[r][c] for r, c in passed)
                if open_ and there < lengths.get(aim, math.inf):
                    lengths[aim] = there
                    heapq.heappush(border, (there, aim))
    return math.inf

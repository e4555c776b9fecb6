"""Worlds and the ways through them as small pictures in SVG, in metres, coloured by the page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurobot.envs.scene import Scene
from neurobot.envs.world import RADIUS, VX, VY, Floats, Robot, X, Y
from neurobot.episodes import Job, open_env, world_options
from neurobot.plots.trajectories import loops
from neurobot.trace import Trace

EDGE_M = 0.4  # around everything
LOOK_BACK_M = 0.05  # the last heading is taken from so much of the path
MARK = 0.028  # size of marks, as a share of the world's larger side
BARS_M = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # lengths of a scale


@dataclass(frozen=True)
class Place:
    """The world of an episode before anybody moved in it."""

    scene: Scene
    robot: Robot
    goal: tuple[float, float] | None


def place_of(job: Job) -> Place:
    """Draw the world of an episode again; no brain is asked."""
    env = open_env(job.env, job.scenario, job.options)
    env.reset(seed=job.seed, options=world_options(job, env))
    world = env.unwrapped
    return Place(world.scene, world.batch.robot, world.scene.goal if world.has_goal else None)


def number(value: float) -> str:
    """Write metres to the centimetre, in few letters."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(name: str, **attributes: Any) -> str:
    """Write an element without content; numbers to the centimetre, underscores as hyphens."""
    told = (
        f' {key.rstrip("_").replace("_", "-")}="'
        f'{value if isinstance(value, str) else number(float(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{''.join(told)}/>"


def polyline(points: Any, closed: bool = False) -> str:
    """Write points (n, 2) as path data, in steps of whole centimetres."""
    cm = np.rint(100 * np.asarray(points, np.float64)).astype(np.int64)
    steps = np.diff(cm, axis=0)
    moved = steps[steps.any(axis=1)]
    drawn = "".join(f"l{number(x / 100)} {number(y / 100)}" for x, y in moved.tolist())
    x, y = (cm[0] / 100).tolist()
    return f"M{number(x)} {number(y)}{drawn}{'z' if closed else ''}"


def discs(rows: Any, name: str) -> list[str]:
    """Draw discs (K, 3 or more)."""
    return [
        element("circle", class_=name, cx=row[X], cy=row[Y], r=row[RADIUS]) for row in rows.tolist()
    ]


def obstacles(scene: Scene) -> list[str]:
    """Draw what stands still."""
    still = scene.discs[~scene.discs[:, [VX, VY]].any(axis=1)]
    solid = "".join(polyline(loop, closed=True) for loop in loops(scene.outlines))
    walls = "".join(polyline(wall.reshape(2, 2)) for wall in scene.walls)
    drawn = [element("path", class_="solid", d=solid)] if solid else []
    return (
        drawn + discs(still, "solid") + ([element("path", class_="wall", d=walls)] if walls else [])
    )


def last_heading(path_m: Floats, start: float) -> float:
    """Tell where a path (n, 2) points at its end; the start's heading where it goes nowhere."""
    back = path_m[-1] - path_m
    far = np.flatnonzero(np.hypot(back[:, 0], back[:, 1]) >= LOOK_BACK_M)
    return math.atan2(back[far[-1], 1], back[far[-1], 0]) if far.size else start


def footprint(robot: Robot, pose: tuple[float, float, float]) -> str:
    """Draw a robot's outline at a pose (x, y, heading)."""
    x, y, heading = pose
    length, width = robot.half_length_m + robot.rounding_m, robot.half_width_m + robot.rounding_m
    turned = f"translate({number(x)} {number(y)}) rotate({number(math.degrees(heading))})"
    return element(
        "rect",
        class_="robot",
        x=-length,
        y=-width,
        width=2 * length,
        height=2 * width,
        rx=robot.rounding_m,
        transform=turned,
    )


def arrow(x: float, y: float, heading: float, size: float) -> str:
    """Draw an arrow head that points ahead."""
    shape = np.array([[1.0, 0.0], [-0.8, 0.7], [-0.4, 0.0], [-0.8, -0.7]]) * size
    cos, sin = math.cos(heading), math.sin(heading)
    turned = shape @ np.array([[cos, sin], [-sin, cos]]) + [x, y]
    return element("path", class_="start", d=polyline(turned, closed=True))


def ring(at: list[float], size: float) -> str:
    """Draw a ring around where it went wrong."""
    return element("circle", class_="crash", cx=at[0], cy=at[1], r=size)


def goal_marks(place: Place, size: float) -> list[str]:
    """Draw the goal and how near is near enough."""
    if place.goal is None:
        return []
    x, y = place.goal
    near = element("circle", class_="tolerance", cx=x, cy=y, r=place.scene.goal_tolerance_m)
    return [near, element("circle", class_="goal", cx=x, cy=y, r=0.4 * size)]


def extent(place: Place, trace: Trace) -> tuple[float, float, float, float]:
    """Return what a picture must show: lowest x and y, width and height."""
    corners = np.array(place.scene.bounds).reshape(2, 2)
    points = np.concatenate([corners, trace.path_m])
    low, size = points.min(axis=0) - EDGE_M, np.ptp(points, axis=0) + 2 * EDGE_M
    return float(low[0]), float(low[1]), float(size[0]), float(size[1])


def scale_bar(x: float, y: float, side: float) -> tuple[str, float, str]:
    """Draw a bar of a round length below the world's corner; say where it ends, and its length."""
    length = max(bar for bar in BARS_M if bar <= max(side / 3, BARS_M[0]))
    points = np.array([[x + EDGE_M, y], [x + EDGE_M + length, y]])
    return element("path", class_="scale", d=polyline(points)), float(points[1, 0]), f"{length:g} m"


def draw_world(place: Place, trace: Trace, outcome: str, label: str) -> str:
    """Draw a world, the way that was taken in it, and how it ended; label: escaped text."""
    x, y, width, height = extent(place, trace)
    side = max(width, height)
    size, strip = MARK * side, 0.09 * side
    bar, end_m, length = scale_bar(x, y - 0.55 * strip, side)
    heading = place.scene.start[2]
    end = trace.path_m[-1].tolist()
    drawn = [
        *obstacles(place.scene),
        *goal_marks(place, size),
        *discs(trace.discs, "mover"),
        element("path", class_="way", d=polyline(trace.path_m)),
        arrow(*place.scene.start[:2], heading, size),
        footprint(place.robot, (end[0], end[1], last_heading(trace.path_m, heading))),
        *([ring(end, 1.6 * size)] if outcome in ("collision", "fault") else []),
        bar,
    ]
    view = " ".join(map(number, (x, -y - height, width, height + strip)))
    words = (
        f'<text class="length" x="{number(end_m + 0.3 * strip)}" y="{number(-y + 0.75 * strip)}" '
        f'font-size="{number(0.6 * strip)}">{length}</text>'
    )
    return (
        f'<svg viewBox="{view}" role="img" aria-label="{label}" class="world {outcome}">'
        f'<g transform="scale(1 -1)">{"".join(drawn)}</g>{words}</svg>'
    )

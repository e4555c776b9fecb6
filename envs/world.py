"""The physics: robots, obstacles, motion and contact, over arrays of environments.

Units are metres, seconds and radians counter-clockwise from +x. All state is arrays with one row
per environment, and every kernel touches only the rows that it is given, so one environment and
ten thousand compute the same bits.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.angles import sincos, wrap
from neurobot.chance import uniform
from neurobot.compiled import kernel
from neurobot.envs.geometry import point_to_box, segment_to_box, segment_within

Floats: TypeAlias = NDArray[np.float64]
Array: TypeAlias = NDArray[Any]

X, Y, RADIUS, VX, VY = range(5)  # columns of a disc
CELL_M = 1.0  # side of the cells in which new ground is counted
GROUND_CELLS = 64  # the bitmap of visited cells repeats after so many cells
FAR_M = 5.0  # clearances beyond this are not told apart
LAUNCH_DISTANCE_M = 6.0  # an aimed disc starts at least so far from the robot
LAUNCH_TRIES = 8
LAUNCH_SPREAD_RAD = 0.3
LAUNCH_STREAM = 0
TOUCH_REACH_M = 1e-3  # contact is told from nearness within this


class Robot(NamedTuple):
    """A differential-drive robot; its footprint is a box whose corners are rounded.

    A disc is a box of no size with its radius as rounding.
    """

    half_length_m: float
    half_width_m: float
    rounding_m: float
    track_m: float
    max_speed_mps: float
    max_yaw_rate_radps: float
    acceleration_mps2: float
    coast_mps2: float
    field_of_view_rad: float
    lidar_range_m: float

    @property
    def inscribed_m(self) -> float:
        """Radius of the largest disc inside the footprint."""
        return min(self.half_length_m, self.half_width_m) + self.rounding_m

    @property
    def circumscribed_m(self) -> float:
        """Radius of the smallest disc around the footprint, and its centre."""
        return math.hypot(self.half_length_m, self.half_width_m) + self.rounding_m


# Footprint, speed and lidar angle of the jackal: the BARN challenge's robot. Its track is the
# effective one of its public ROS configuration (0.36 m x 1.5 for skid steering), as are 4 rad/s.
# Accelerations, coasting and lidar ranges are assumed, as is everything about the fly.
ROBOTS: dict[str, Robot] = {
    "jackal": Robot(
        half_length_m=0.254,
        half_width_m=0.215,
        rounding_m=0.0,
        track_m=0.54,
        max_speed_mps=2.0,
        max_yaw_rate_radps=4.0,
        acceleration_mps2=5.0,
        coast_mps2=0.5,
        field_of_view_rad=math.radians(270),
        lidar_range_m=10.0,
    ),
    "turtlebot2": Robot(
        half_length_m=0.0,
        half_width_m=0.0,
        rounding_m=0.18,
        track_m=0.23,
        max_speed_mps=0.5,
        max_yaw_rate_radps=3.0,
        acceleration_mps2=1.0,
        coast_mps2=0.3,
        field_of_view_rad=math.radians(270),
        lidar_range_m=6.0,
    ),
    "fly": Robot(
        half_length_m=0.0,
        half_width_m=0.0,
        rounding_m=0.06,
        track_m=0.1,
        max_speed_mps=3.0,
        max_yaw_rate_radps=12.0,
        acceleration_mps2=15.0,
        coast_mps2=1.0,
        field_of_view_rad=math.radians(330),
        lidar_range_m=6.0,
    ),
}


class Clock(NamedTuple):
    """Two nested periods: the physics substep and the robot's control step."""

    substep_s: float
    substeps: int

    @property
    def control_s(self) -> float:
        """Seconds between two observations."""
        return self.substep_s * self.substeps


def make_clock(control_s: float, substep_s: float) -> Clock:
    """Nest the physics substep in the control step; refuse periods that do not fit."""
    substeps = round(control_s / substep_s) if substep_s > 0 else 0
    if substeps < 1 or not math.isclose(substeps * substep_s, control_s, rel_tol=1e-9):
        raise ValueError(
            f"control_period_s={control_s} is not a whole multiple of substep_s={substep_s}"
        )
    return Clock(substep_s, substeps)


# What changes in one environment, as one row of a table. Lengths in metres, angles in radians.
ROW = np.dtype(
    [
        ("x", "f8"),
        ("y", "f8"),
        ("heading", "f8"),
        ("left", "f8"),  # wheel speeds, m/s
        ("right", "f8"),
        ("command_left", "f8"),  # the wheel commands in force, -1..1
        ("command_right", "f8"),
        ("x0", "f8"),  # where moving discs live
        ("y0", "f8"),
        ("x1", "f8"),
        ("y1", "f8"),
        ("goal_x", "f8"),
        ("goal_y", "f8"),
        ("goal_tolerance", "f8"),
        ("path", "f8"),  # driven so far
        ("gap", "f8"),  # from the footprint to the nearest obstacle now
        ("clearance", "f8"),  # the least gap so far
        ("disc_speed", "f8"),  # of the fastest disc
        ("key", "u8"),  # seed of this episode's noise
        ("time_limit", "i8"),  # control steps
        ("steps", "i8"),  # control steps done
        ("launches", "i8"),  # discs thrown so far
        ("ground", "i8"),  # cells of ground visited
        ("discs", "i8"),  # how many there are; the rest is padding
        ("segments", "i8"),
        ("aimed", "?"),  # moving discs are thrown at the robot, else they bounce
        ("visited", "u8", (GROUND_CELLS,)),  # bitmap of ground
    ],
    align=True,
)


class State(NamedTuple):
    """Everything that changes, one row per environment (E); obstacles are padded (K, S)."""

    rows: Array  # (E,) of ROW
    discs: Floats  # (E, K, 5) x, y, radius, vx, vy
    segments: Floats  # (E, S, 4) x, y, dx, dy


def blank_state(environments: int, discs: int, segments: int) -> State:
    """Allocate the state of so many environments with room for so many obstacles each."""
    return State(
        np.zeros(environments, ROW),
        np.zeros((environments, discs, 5)),
        np.zeros((environments, segments, 4)),
    )


@kernel
def clearance(me: Any, discs: Floats, segments: Floats, robot: Robot, reach_m: float) -> float:
    """Distance from the footprint to the nearest obstacle, or reach_m if none is that near."""
    half_length, half_width, rounding = robot.half_length_m, robot.half_width_m, robot.rounding_m
    x, y = me.x, me.y
    sin, cos = sincos(me.heading)
    around = rounding + math.sqrt(half_length * half_length + half_width * half_width)
    nearest = reach_m
    for k in range(me.discs):
        dx, dy, radius = discs[k, X] - x, discs[k, Y] - y, discs[k, RADIUS]
        near = nearest + around + radius
        if dx * dx + dy * dy < near * near:
            ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
            gap = point_to_box(ahead, left, half_length, half_width)
            nearest = min(nearest, gap - rounding - radius)
    for k in range(me.segments):
        dx, dy, ex, ey = segments[k, 0] - x, segments[k, 1] - y, segments[k, 2], segments[k, 3]
        if segment_within(dx, dy, ex, ey, nearest + around):
            ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
            along, across = ex * cos + ey * sin, ey * cos - ex * sin
            gap = segment_to_box(ahead, left, along, across, half_length, half_width)
            nearest = min(nearest, gap - rounding)
    return nearest


@kernel
def approach(value: float, target: float, most: float) -> float:
    """Move a value towards a target by at most so much."""
    return value + min(max(target - value, -most), most)


@kernel
def move_robot(me: Any, robot: Robot, dt: float, powered: bool) -> None:
    """Let the wheels follow the command in force for one substep, and the pose the wheels."""
    forward = 0.5 * (me.command_left + me.command_right) * robot.max_speed_mps
    yaw_rate = (me.command_right - me.command_left) * robot.max_speed_mps / robot.track_m
    yaw_rate = min(max(yaw_rate, -robot.max_yaw_rate_radps), robot.max_yaw_rate_radps)
    half = 0.5 * yaw_rate * robot.track_m
    most = robot.acceleration_mps2 * dt
    if not powered:
        forward, half, most = 0.0, 0.0, robot.coast_mps2 * dt
    me.left = approach(me.left, forward - half, most)
    me.right = approach(me.right, forward + half, most)
    speed = 0.5 * (me.left + me.right)
    turn = (me.right - me.left) / robot.track_m * dt
    sin, cos = sincos(me.heading + 0.5 * turn)
    me.x += speed * cos * dt
    me.y += speed * sin * dt
    me.heading = wrap(me.heading + turn)
    me.path += abs(speed) * dt


@kernel
def launch(me: Any, discs: Floats, k: int) -> None:
    """Throw disc k from the boundary at the robot, at the speed that it has."""
    vx, vy = discs[k, VX], discs[k, VY]
    speed = math.sqrt(vx * vx + vy * vy)
    counter = me.launches * (LAUNCH_TRIES + 1)
    me.launches += 1
    x, y, dx, dy, distance = me.x0, me.y0, 1.0, 0.0, 0.0
    for attempt in range(LAUNCH_TRIES):
        along = uniform(me.key, LAUNCH_STREAM, counter + attempt) * 4.0
        share = along - math.floor(along)
        if along < 2.0:
            x, y = me.x0 + share * (me.x1 - me.x0), me.y0 if along < 1.0 else me.y1
        else:
            x, y = me.x0 if along < 3.0 else me.x1, me.y0 + share * (me.y1 - me.y0)
        dx, dy = me.x - x, me.y - y
        distance = math.sqrt(dx * dx + dy * dy)
        if distance >= LAUNCH_DISTANCE_M:
            break
    spread = uniform(me.key, LAUNCH_STREAM, counter + LAUNCH_TRIES) - 0.5
    sin, cos = sincos(LAUNCH_SPREAD_RAD * spread)
    rate = speed / max(distance, CELL_M)
    discs[k, X], discs[k, Y] = x, y
    discs[k, VX] = (dx * cos - dy * sin) * rate
    discs[k, VY] = (dx * sin + dy * cos) * rate


@kernel
def bounce(me: Any, discs: Floats, k: int) -> None:
    """Turn disc k back where it touches the bounds."""
    x, y, radius = discs[k, X], discs[k, Y], discs[k, RADIUS]
    if x < me.x0 + radius:
        discs[k, VX] = abs(discs[k, VX])
    if x > me.x1 - radius:
        discs[k, VX] = -abs(discs[k, VX])
    if y < me.y0 + radius:
        discs[k, VY] = abs(discs[k, VY])
    if y > me.y1 - radius:
        discs[k, VY] = -abs(discs[k, VY])


@kernel
def move_discs(me: Any, discs: Floats, dt: float) -> None:
    """Move the discs that move: they bounce off the bounds, or are thrown anew beyond them."""
    for k in range(me.discs):
        if discs[k, VX] == 0.0 and discs[k, VY] == 0.0:
            continue
        discs[k, X] += discs[k, VX] * dt
        discs[k, Y] += discs[k, VY] * dt
        if not me.aimed:
            bounce(me, discs, k)
            continue
        x, y, radius = discs[k, X], discs[k, Y], discs[k, RADIUS]
        if max(me.x0 - x, x - me.x1, me.y0 - y, y - me.y1) > radius:
            launch(me, discs, k)


@kernel
def visit(me: Any) -> int:
    """Mark the ground under the robot; return 1 if it is new, else 0."""
    column = np.int64(math.floor(me.x / CELL_M)) & (GROUND_CELLS - 1)
    row = np.int64(math.floor(me.y / CELL_M)) & (GROUND_CELLS - 1)
    mark = np.uint64(1) << np.uint64(column)
    if me.visited[row] & mark:
        return 0
    me.visited[row] |= mark
    me.ground += 1
    return 1


@kernel
def free_substeps(me: Any, robot: Robot, dt: float) -> float:
    """For how many substeps nothing can be touched: the gap is too wide to close in that time.

    No point of the footprint moves faster than the wheels allow; a thrown disc may start anywhere.
    """
    around = robot.rounding_m + robot.half_length_m + robot.half_width_m
    yaw_rate = 2.0 * robot.max_speed_mps / robot.track_m
    speed = robot.max_speed_mps + yaw_rate * around + me.disc_speed
    return 0.0 if me.aimed else me.gap / (speed * dt)


@kernel
def advance(
    me: Any,
    discs: Floats,
    segments: Floats,
    robot: Robot,
    clock: Clock,
    left: float,
    right: float,
    switch: int,
    powered: bool,
) -> bool:
    """Take one control step; the wheel commands come into force after `switch` substeps.

    Until then the command in force stays, and the wheels roll unpowered if not `powered`.
    Contact is tested at every substep. Returns whether the robot touched something.
    """
    free = free_substeps(me, robot, clock.substep_s)
    for substep in range(clock.substeps):
        if substep == switch:
            me.command_left = min(max(left, -1.0), 1.0)
            me.command_right = min(max(right, -1.0), 1.0)
        move_robot(me, robot, clock.substep_s, powered or substep >= switch)
        if me.disc_speed > 0.0:
            move_discs(me, discs, clock.substep_s)
        if substep + 1 >= free and clearance(me, discs, segments, robot, TOUCH_REACH_M) <= 0.0:
            me.gap = me.clearance = 0.0
            return True
    me.gap = clearance(me, discs, segments, robot, FAR_M)
    me.clearance = min(me.clearance, me.gap)
    return False

"""The physics: robots, obstacles, motion and contact, over arrays of environments.

Units are metres, seconds and radians counter-clockwise from +x. All state is arrays with one row
per environment, and every kernel touches only the rows that it is given, so one environment and
ten thousand compute the same bits.
"""

import math
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.chance import uniform
from neurobot.compiled import kernel
from neurobot.envs.geometry import (
    point_to_box,
    point_to_segment,
    segment_to_box,
    sincos,
    wrap,
)

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


class State(NamedTuple):
    """Everything that changes, one row per environment (E); obstacles are padded (K, S)."""

    pose: Floats  # (E, 3) x, y, heading
    wheels: Floats  # (E, 2) left and right wheel, m/s
    command: Floats  # (E, 2) the wheel command in force, -1..1
    discs: Floats  # (E, K, 5) x, y, radius, vx, vy
    disc_count: Array  # (E,) int64
    segments: Floats  # (E, S, 4) x, y, dx, dy
    segment_count: Array  # (E,) int64
    bounds: Floats  # (E, 4) x0, y0, x1, y1: where moving discs live
    aimed: Array  # (E,) bool: moving discs are thrown at the robot, else they bounce
    goal: Floats  # (E, 2)
    goal_tolerance: Floats  # (E,)
    time_limit: Array  # (E,) int64, control steps
    key: Array  # (E,) uint64, seed of this episode's noise
    launches: Array  # (E,) int64
    steps: Array  # (E,) int64, control steps done
    visited: Array  # (E, 64) uint64 bitmap of ground
    ground: Array  # (E,) int64, cells visited
    path_m: Floats  # (E,)
    clearance_m: Floats  # (E,) least so far


def blank_state(environments: int, discs: int, segments: int) -> State:
    """Allocate the state of so many environments with room for so many obstacles each."""

    def floats(*shape: int) -> Floats:
        return np.zeros((environments, *shape))

    def ints(*shape: int) -> Array:
        return np.zeros((environments, *shape), np.int64)

    return State(
        pose=floats(3),
        wheels=floats(2),
        command=floats(2),
        discs=floats(discs, 5),
        disc_count=ints(),
        segments=floats(segments, 4),
        segment_count=ints(),
        bounds=floats(4),
        aimed=np.zeros(environments, np.bool_),
        goal=floats(2),
        goal_tolerance=floats(),
        time_limit=ints(),
        key=np.zeros(environments, np.uint64),
        launches=ints(),
        steps=ints(),
        visited=np.zeros((environments, GROUND_CELLS), np.uint64),
        ground=ints(),
        path_m=floats(),
        clearance_m=floats(),
    )


@kernel
def clearance(i: int, state: State, robot: Robot, reach_m: float) -> float:
    """Distance from the footprint to the nearest obstacle, or reach_m if none is that near."""
    x, y, heading = state.pose[i, 0], state.pose[i, 1], state.pose[i, 2]
    sin, cos = sincos(heading)
    around = robot.rounding_m + math.sqrt(
        robot.half_length_m * robot.half_length_m + robot.half_width_m * robot.half_width_m
    )
    nearest = reach_m
    for k in range(state.disc_count[i]):
        dx, dy = state.discs[i, k, X] - x, state.discs[i, k, Y] - y
        near = nearest + around + state.discs[i, k, RADIUS]
        if dx * dx + dy * dy < near * near:
            gap = point_to_box(
                dx * cos + dy * sin, dy * cos - dx * sin, robot.half_length_m, robot.half_width_m
            )
            nearest = min(nearest, gap - robot.rounding_m - state.discs[i, k, RADIUS])
    for k in range(state.segment_count[i]):
        dx, dy = state.segments[i, k, 0] - x, state.segments[i, k, 1] - y
        ex, ey = state.segments[i, k, 2], state.segments[i, k, 3]
        if point_to_segment(0.0, 0.0, dx, dy, ex, ey) < nearest + around:
            gap = segment_to_box(
                dx * cos + dy * sin,
                dy * cos - dx * sin,
                ex * cos + ey * sin,
                ey * cos - ex * sin,
                robot.half_length_m,
                robot.half_width_m,
            )
            nearest = min(nearest, gap - robot.rounding_m)
    return nearest


@kernel
def approach(value: float, target: float, most: float) -> float:
    """Move a value towards a target by at most so much."""
    return value + min(max(target - value, -most), most)


@kernel
def move_robot(i: int, state: State, robot: Robot, dt: float, powered: bool) -> None:
    """Let the wheels follow the command in force for one substep, and the pose the wheels."""
    forward = 0.5 * (state.command[i, 0] + state.command[i, 1]) * robot.max_speed_mps
    yaw_rate = (state.command[i, 1] - state.command[i, 0]) * robot.max_speed_mps / robot.track_m
    yaw_rate = min(max(yaw_rate, -robot.max_yaw_rate_radps), robot.max_yaw_rate_radps)
    half = 0.5 * yaw_rate * robot.track_m
    most = robot.acceleration_mps2 * dt
    if not powered:
        forward, half, most = 0.0, 0.0, robot.coast_mps2 * dt
    left = approach(state.wheels[i, 0], forward - half, most)
    right = approach(state.wheels[i, 1], forward + half, most)
    state.wheels[i, 0], state.wheels[i, 1] = left, right
    speed = 0.5 * (left + right)
    turn = (right - left) / robot.track_m * dt
    sin, cos = sincos(state.pose[i, 2] + 0.5 * turn)
    state.pose[i, 0] += speed * cos * dt
    state.pose[i, 1] += speed * sin * dt
    state.pose[i, 2] = wrap(state.pose[i, 2] + turn)
    state.path_m[i] += abs(speed) * dt


@kernel
def launch(i: int, k: int, state: State) -> None:
    """Throw disc k from the boundary at the robot, at the speed that it has."""
    x0, y0, x1, y1 = state.bounds[i, 0], state.bounds[i, 1], state.bounds[i, 2], state.bounds[i, 3]
    vx, vy = state.discs[i, k, VX], state.discs[i, k, VY]
    speed = math.sqrt(vx * vx + vy * vy)
    counter = state.launches[i] * (LAUNCH_TRIES + 1)
    state.launches[i] += 1
    x, y, dx, dy, distance = x0, y0, 1.0, 0.0, 0.0
    for attempt in range(LAUNCH_TRIES):
        along = uniform(state.key[i], LAUNCH_STREAM, counter + attempt) * 4.0
        share = along - math.floor(along)
        if along < 2.0:
            x, y = x0 + share * (x1 - x0), y0 if along < 1.0 else y1
        else:
            x, y = x0 if along < 3.0 else x1, y0 + share * (y1 - y0)
        dx, dy = state.pose[i, 0] - x, state.pose[i, 1] - y
        distance = math.sqrt(dx * dx + dy * dy)
        if distance >= LAUNCH_DISTANCE_M:
            break
    spread = uniform(state.key[i], LAUNCH_STREAM, counter + LAUNCH_TRIES) - 0.5
    sin, cos = sincos(LAUNCH_SPREAD_RAD * spread)
    rate = speed / max(distance, CELL_M)
    state.discs[i, k, X], state.discs[i, k, Y] = x, y
    state.discs[i, k, VX] = (dx * cos - dy * sin) * rate
    state.discs[i, k, VY] = (dx * sin + dy * cos) * rate


@kernel
def move_discs(i: int, state: State, dt: float) -> None:
    """Move the discs that move: they bounce off the bounds, or are thrown anew beyond them."""
    for k in range(state.disc_count[i]):
        disc = state.discs[i, k]
        if disc[VX] == 0.0 and disc[VY] == 0.0:
            continue
        disc[X] += disc[VX] * dt
        disc[Y] += disc[VY] * dt
        low_x, low_y = state.bounds[i, 0] - disc[X], state.bounds[i, 1] - disc[Y]
        high_x, high_y = disc[X] - state.bounds[i, 2], disc[Y] - state.bounds[i, 3]
        if state.aimed[i]:
            if max(low_x, low_y, high_x, high_y) > disc[RADIUS]:
                launch(i, k, state)
        else:
            if low_x > -disc[RADIUS]:
                disc[VX] = abs(disc[VX])
            if high_x > -disc[RADIUS]:
                disc[VX] = -abs(disc[VX])
            if low_y > -disc[RADIUS]:
                disc[VY] = abs(disc[VY])
            if high_y > -disc[RADIUS]:
                disc[VY] = -abs(disc[VY])


@kernel
def visit(i: int, state: State) -> int:
    """Mark the ground under the robot; return 1 if it is new, else 0."""
    column = int(math.floor(state.pose[i, 0] / CELL_M)) & (GROUND_CELLS - 1)
    row = int(math.floor(state.pose[i, 1] / CELL_M)) & (GROUND_CELLS - 1)
    mark = np.uint64(1) << np.uint64(column)
    if state.visited[i, row] & mark:
        return 0
    state.visited[i, row] |= mark
    state.ground[i] += 1
    return 1


@kernel
def advance(
    i: int,
    state: State,
    robot: Robot,
    clock: Clock,
    action: Floats,
    switch: int,
    powered: bool,
) -> bool:
    """Take one control step; the action comes into force after `switch` substeps.

    Until then the command in force stays, and the wheels roll unpowered if not `powered`.
    Contact is tested at every substep. Returns whether the robot touched something.
    """
    for substep in range(clock.substeps):
        if substep == switch:
            state.command[i, 0] = min(max(action[0], -1.0), 1.0)
            state.command[i, 1] = min(max(action[1], -1.0), 1.0)
        move_robot(i, state, robot, clock.substep_s, powered or substep >= switch)
        move_discs(i, state, clock.substep_s)
        if clearance(i, state, robot, TOUCH_REACH_M) <= 0.0:
            state.clearance_m[i] = 0.0
            return True
    state.clearance_m[i] = min(state.clearance_m[i], clearance(i, state, robot, FAR_M))
    return False



"""The teacher: a planner that knows the whole world, and tries every choice in it.

Each choice of `controllers.steering` is driven for a while by the world's own physics, in coarser
steps, among obstacles that move as they do; then each of a few ways on. What a choice is worth is
the best of its ways on: the distance that they lead away from here, less what coming near to things
costs, and a lot less if the robot touches something, the more the sooner. Turning away from
straight ahead costs a little.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.angles import wrap
from neurobot.compiled import kernel
from neurobot.controllers.steering import TURN_GAIN, make_choices, wheels_of
from neurobot.envs.world import ROW, Floats, Robot, clearance, move_discs, move_robot

Array = NDArray[Any]

STEP_S = 0.1  # of the rehearsal
SUBSTEPS = 2  # of the robot in a step
FIRST_STEPS, NEXT_STEPS = 8, 18  # of a choice, of a way on
NEAR_M = 0.35  # gaps below this cost
NEAR_PRICE = 6.0  # metres of way, for a second of touching; with the square of nearness
CRASH_PRICE = 12.0  # metres of way; half as much more at once, half as much less at the very end
STRAIGHT_PRICE = 0.25  # metres of way per radian of heading


class Plan(NamedTuple):
    """What the planner tries: choices (C, 3), see `steering.make_choices`, and ways on (W, 2)."""

    choices: Floats
    ways: Floats  # angle from the heading at their start (rad), share of full speed


def make_plan() -> Plan:
    """Return the choices, and a few ways on."""
    ways = [(0.0, 1.0), (30.0, 1.0), (-30.0, 1.0), (0.0, 0.4), (70.0, 0.4), (-70.0, 0.4)]
    return Plan(make_choices(), np.array([(math.radians(turn), speed) for turn, speed in ways]))


@kernel
def near_price(gap_m: float, step_s: float) -> float:
    """Metres of way that so small a gap costs for one step of the rehearsal."""
    near = max(NEAR_M - gap_m, 0.0) / NEAR_M
    return NEAR_PRICE * step_s * near * near


@kernel
def crash_price(spent: float) -> float:
    """Metres of way that a crash costs after so large a share of the rehearsal."""
    return CRASH_PRICE * (1.5 - spent)


@kernel
def push(
    me: Any,
    discs: Floats,
    segments: Floats,
    robot: Robot,
    aim: float,
    speed: float,
    spin: float,
    step_s: float,
) -> None:
    """Take one step of a rehearsal (see `rehearse`); its gap is told up to NEAR_M."""
    yaw_rate = spin if speed == 0.0 else TURN_GAIN * wrap(aim - me.heading)
    left, right = wheels_of(
        speed, yaw_rate, robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
    )
    me.command_left, me.command_right = left, right
    for _ in range(SUBSTEPS):
        move_robot(me, robot, step_s / SUBSTEPS, True)
    if me.disc_speed > 0.0:
        move_discs(me, discs, step_s)
    me.gap = clearance(me, discs, segments, robot, NEAR_M)


@kernel
def rehearse(
    me: Any,
    discs: Floats,
    segments: Floats,
    robot: Robot,
    aim: float,
    speed: float,
    spin: float,
    steps: int,
    spent_s: float,
) -> float:
    """Drive towards a heading, or turn on the spot, for some steps; return what it costs in metres.

    aim: the heading, rad; speed: share of full speed, 0 to turn at `spin` rad/s; spent_s: how long
    the rehearsal has lasted. Moves `me` and the discs. A crash ends the drive, and costs more the
    sooner it comes; `me.gap` is then 0 or less.
    """
    price = 0.0
    for step in range(steps):
        push(me, discs, segments, robot, aim, speed, spin, STEP_S)
        if me.gap <= 0.0:
            late = (spent_s + STEP_S * step) / (STEP_S * (FIRST_STEPS + NEXT_STEPS))
            return price + crash_price(late)
        price += near_price(me.gap, STEP_S)
    return price


@kernel
def rate_choices(
    row: Array,
    discs: Floats,
    segments: Floats,
    robot: Robot,
    plan: Plan,
    scratch: Array,
    scratch_discs: Floats,
    worth: Floats,
) -> None:
    """Write what each choice is worth in metres, (C,), to the robot of a row of the state, (1,).

    discs: (K, 5) and segments: (S, 4), as in `world.State`; scratch: (2,) of ROW, and
    scratch_discs: (2, K or more, 5), are written on.
    """
    here_x, here_y, here = row[0].x, row[0].y, row[0].heading
    count = row[0].discs
    for c in range(plan.choices.shape[0]):
        angle, speed, spin = plan.choices[c, 0], plan.choices[c, 1], plan.choices[c, 2]
        scratch[0] = row[0]
        scratch_discs[0, :count] = discs[:count]
        me, nearby, aim = scratch[0], scratch_discs[0], here + angle
        cost = rehearse(me, nearby, segments, robot, aim, speed, spin, FIRST_STEPS, 0.0)
        cost += STRAIGHT_PRICE * abs(angle)
        best = -math.inf
        if me.gap <= 0.0:
            best = 0.0
        else:
            for w in range(plan.ways.shape[0]):
                scratch[1] = scratch[0]
                scratch_discs[1, :count] = scratch_discs[0, :count]
                you, nearby, aim = scratch[1], scratch_discs[1], me.heading + plan.ways[w, 0]
                spent_s, way_speed = STEP_S * FIRST_STEPS, plan.ways[w, 1]
                then = rehearse(
                    you, nearby, segments, robot, aim, way_speed, 0.0, NEXT_STEPS, spent_s
                )
                dx, dy = you.x - here_x, you.y - here_y
                best = max(best, math.sqrt(dx * dx + dy * dy) - then)
        worth[c] = best - cost


class Planner:
    """Rates all choices of one robot; keeps what it writes on: not to be shared among threads."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        self.plan = make_plan()
        self.scratch = np.zeros(2, ROW)
        self.scratch_discs = np.zeros((2, 0, 5))
        self.worth = np.zeros(len(self.plan.choices))

    def rate(self, row: Array, discs: Floats, segments: Floats) -> Floats:
        """Return what each choice is worth in metres, (C,).

        row: (1,) of `world.ROW`; discs: (K, 5); segments: (S, 4); none of them is changed.
        """
        if self.scratch_discs.shape[1] < len(discs):
            self.scratch_discs = np.zeros((2, len(discs), 5))
        rate_choices(
            row,
            discs,
            segments[: int(row[0]["segments"])],
            self.robot,
            self.plan,
            self.scratch,
            self.scratch_discs,
            self.worth,
        )
        return self.worth.copy()

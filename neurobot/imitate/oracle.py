"""The oracle: a driver with the full map, which no sensor limits and no chip delays.

As the teacher of `imitate.planner`, it rehearses choices with the world's own physics, among
obstacles that move as they will, and from there a few ways on; but what counts in Navigation is by
how much the way to the goal becomes shorter, and some ways on follow it. It tells how well a task
can be done at all, and counts no events.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel, part
from neurobot.controllers.steering import (
    CHOICES,
    STEP_RAD,
    choose,
    make_choices,
    wheels_of,
)
from neurobot.envs.batch import Batch
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Clock, Floats, Robot, advance
from neurobot.imitate.field import NOWHERE, Field, downhill, goal_field, left_at
from neurobot.imitate.planner import (
    FIRST_STEPS,
    NEAR_M,
    NEXT_STEPS,
    STEP_S,
    STRAIGHT_PRICE,
    Plan,
    crash_price,
    push,
)
from neurobot.loop import Observation

STEPS = FIRST_STEPS + NEXT_STEPS
# Gaps below so many metres cost so many metres of way a second at a touch, and with the square of
# nearness. Where a goal lies behind a narrow gate, that must not be more than a second may win.
NEAR = (0.35, 6.0)
NEAR_TO_GOAL = (0.2, 2.0)
TOUCH_M = 0.02  # or half of the gap here: nearer is touching, since rehearsals are coarse
FOLLOW = 10.0  # stands for the angle of a way on that follows the way to the goal
WAYS = ((0.0, 1.0), (40.0, 0.6), (-40.0, 0.6), (0.0, 0.3))  # degrees, share of full speed
WAYS_TO_GOAL = ((FOLLOW, 1.0), (FOLLOW, 0.5), (FOLLOW, 0.2), (0.0, 0.3))


class Course(NamedTuple):
    """What stays the same in all rehearsals of a decision."""

    segments: Floats  # (S, 4) as in `world.State`
    robot: Robot
    field: Field
    clock: Clock
    step_s: float
    near_m: float
    near_mps: float
    touch_m: float


def rated_choices() -> NDArray[np.int64]:
    """Return which choices of `steering` are rehearsed: those of every other heading."""
    return np.flatnonzero(np.round(make_choices()[:, 0] / STEP_RAD) % 2 == 0)


def make_plan(has_goal: bool) -> Plan:
    """Return what is rehearsed for a task."""
    ways = WAYS_TO_GOAL if has_goal else [(math.radians(turn), speed) for turn, speed in WAYS]
    return Plan(make_choices()[rated_choices()], np.array(ways))


@kernel
def near_price(gap_m: float, course: Course) -> float:
    """Metres of way that so small a gap costs for one step."""
    near = max(course.near_m - gap_m, 0.0) / course.near_m
    return course.near_mps * course.step_s * near * near


@kernel
def arrived(me: Any, field: Field) -> bool:
    """Whether there is a goal, and the robot is there."""
    dx, dy = me.goal_x - me.x, me.goal_y - me.y
    near = dx * dx + dy * dy <= me.goal_tolerance * me.goal_tolerance
    return bool(near) and field.left_m.shape[0] > 0


@kernel
def begin(me: Any, discs: Floats, course: Course, speed: float, spin: float) -> None:
    """Take the control step that a choice stands for, exactly as the world will."""
    robot = course.robot
    left, right = wheels_of(
        speed, spin, robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
    )
    advance(me, discs, course.segments, robot, course.clock, left, right, 0, True)


@part
def rehearse_way(
    me: Any, discs: Floats, course: Course, aim: float, speed: float, spin: float, first: bool
) -> float:
    """Drive as in `planner.rehearse`, or to where the field falls if aim is FOLLOW.

    first: it is the choice, not a way on, and begins with `begin`. Arriving ends the drive and
    leaves `me.time_limit` at 0; it is worth the metres for which there would be time.
    """
    price, begun, steps = 0.0, 0 if first else FIRST_STEPS, FIRST_STEPS if first else NEXT_STEPS
    field, step_s = course.field, course.step_s
    for step in range(begun, begun + steps):
        if step == 0:
            begin(me, discs, course, speed, spin)
        else:
            towards = downhill(field, me.x, me.y, me.heading) if aim == FOLLOW else aim
            push(me, discs, course.segments, course.robot, towards, speed, spin, step_s)
        if me.gap <= (0.0 if step == 0 else course.touch_m):
            me.gap = 0.0
            return price + crash_price(step / STEPS)
        price += near_price(me.gap, course)
        if arrived(me, field):
            me.time_limit = 0
            return price - course.robot.max_speed_mps * step_s * (STEPS - step)
    return price


@kernel
def progress(field: Field, here: Any, there: Any) -> float:
    """Metres won from one pose to another: of the way to the goal, or else away from here."""
    if field.left_m.shape[0] > 0:
        return left_at(field, here.x, here.y) - left_at(field, there.x, there.y)
    dx, dy = there.x - here.x, there.y - here.y
    return math.sqrt(dx * dx + dy * dy)


@kernel
def rate_on_course(
    rows: Array, discs: Floats, scratch_discs: Floats, course: Course, plan: Plan, worth: Floats
) -> None:
    """Write what each choice is worth in metres, (C,).

    rows: (3,) of ROW: the robot, and two that are written on; discs: (K, 5); scratch_discs:
    (2, K, 5), written on.
    """
    here, me, you = rows[0], rows[1], rows[2]
    for c in range(plan.choices.shape[0]):
        angle, speed, spin = plan.choices[c, 0], plan.choices[c, 1], plan.choices[c, 2]
        rows[1], scratch_discs[0] = rows[0], discs
        aim = here.heading + angle
        price = rehearse_way(me, scratch_discs[0], course, aim, speed, spin, True)
        price += STRAIGHT_PRICE * abs(angle)
        best = 0.0
        if me.gap > 0.0 and me.time_limit > 0:
            best = -math.inf
            for w in range(plan.ways.shape[0]):
                rows[2], scratch_discs[1] = rows[1], scratch_discs[0]
                turn, share = plan.ways[w, 0], plan.ways[w, 1]
                aim = FOLLOW if turn == FOLLOW else me.heading + turn
                then = rehearse_way(you, scratch_discs[1], course, aim, share, 0.0, False)
                best = max(best, progress(course.field, here, you) - then)
        elif me.gap > 0.0:
            best = progress(course.field, here, me)
        worth[c] = best - price


def discs_within(row: Any, discs: Floats, reach_m: float) -> Floats:
    """Keep the discs that move, and those that come so near to a robot."""
    away = np.hypot(discs[:, 0] - row["x"], discs[:, 1] - row["y"]) - discs[:, 2]
    kept: Floats = discs[(away < reach_m) | discs[:, 3:].any(axis=1)]
    return kept


def segments_within(row: Any, segments: Floats, reach_m: float) -> Floats:
    """Keep the segments (S, 4) whose bounding boxes come so near to a robot."""
    start = segments[:, :2] - (row["x"], row["y"])
    end = start + segments[:, 2:]
    beside = np.maximum(np.minimum(start, end), -np.maximum(start, end))
    kept: Floats = segments[(beside < reach_m).all(axis=1)]
    return kept


class OracleController:
    """Rehearse choices in the true world, and take the best."""

    def __init__(self) -> None:
        self.batch: Batch | None = None
        self.scene: Scene | None = None
        self.rated = rated_choices()
        self.choices = make_choices()
        self.scores = np.full(CHOICES, -np.inf)
        self.field = NOWHERE

    def survey(self, world: Any) -> None:
        """Learn which environment to look into."""
        batch: Batch = world.batch
        self.batch, self.scene, self.field = batch, None, NOWHERE
        self.plan = make_plan(batch.task.has_goal)
        robot = batch.robot
        # No step is longer than the robot is wide: it would jump over a post.
        self.step_s = min(STEP_S, 2 * robot.inscribed_m / robot.max_speed_mps)
        travel_m = robot.max_speed_mps * self.step_s * STEPS
        self.reach_m = travel_m + robot.circumscribed_m + NEAR_M

    def reset(self, seed: int) -> None:
        """Forget the last choice."""
        self.last = 0

    def look(self) -> Batch:
        """Measure the way to the goal where the surroundings are new; return the worlds."""
        batch = self.batch
        if batch is None:
            raise ValueError("oracle: it needs the environment; let loop.attach show it")
        scene, me = batch.scenes[0], batch.state.rows[0]
        if scene is not self.scene and scene is not None and batch.task.has_goal:
            self.field = goal_field(scene, batch.robot, (float(me["x"]), float(me["y"])))
        self.scene = scene
        return batch

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Rate the choices and take the best."""
        batch = self.look()
        state, robot = batch.state, batch.robot
        rows = np.repeat(state.rows[:1], 3)
        me = rows[0]
        discs = discs_within(me, state.discs[0, : me["discs"]], self.reach_m)
        segments = segments_within(me, state.segments[0, : me["segments"]], self.reach_m)
        me["discs"], me["segments"] = len(discs), len(segments)
        touch_m = min(TOUCH_M, 0.5 * float(me["gap"]))
        near_m, near_mps = NEAR_TO_GOAL if batch.task.has_goal else NEAR
        course = Course(
            segments, robot, self.field, batch.clock, self.step_s, near_m, near_mps, touch_m
        )
        worth = np.empty(len(self.rated))
        rate_on_course(rows, discs, np.empty((2, *discs.shape)), course, self.plan, worth)
        self.scores[self.rated] = worth
        self.last = choose(self.scores, self.last)
        _, speed, spin = self.choices[self.last]
        limits = robot.track_m, robot.max_speed_mps, robot.max_yaw_rate_radps
        return np.array(wheels_of(speed, spin, *limits), np.float32)

"""What the robot is asked to do: how a step is rewarded and how an episode ends.

An episode has exactly one end: success, collision or timeout.
"""

import math
from typing import Any, NamedTuple

from neurobot.compiled import kernel
from neurobot.envs.world import Array, Clock, Floats, Robot, State, advance, visit

RUNNING, SUCCESS, COLLISION, TIMEOUT = range(4)
OUTCOMES = ("running", "success", "collision", "timeout")

SPEED_REWARD = 0.1  # for one step forwards (or towards the goal) at full speed
GROUND_REWARD = 0.1  # for a square metre that was not visited before
SUCCESS_REWARD = 10.0
COLLISION_REWARD = -10.0
GOAL_RANGE_M = 100.0  # the goal is reported as no farther than this


class Task(NamedTuple):
    """Roam (no goal: cover so many cells of new ground in time) or reach the goal."""

    has_goal: bool
    ground_cells: int


class Results(NamedTuple):
    """What a step writes, one row per environment (E)."""

    velocity: Array  # (E, 2) float32: forward m/s, yaw rad/s
    goal: Array  # (E, 2) float32: metres ahead and to the left
    reward: Floats  # (E,)
    outcome: Array  # (E,) int8


@kernel
def goal_distance(me: Any) -> float:
    """Distance from the robot's centre to the goal."""
    dx, dy = me.goal_x - me.x, me.goal_y - me.y
    return math.sqrt(dx * dx + dy * dy)


@kernel
def judge(me: Any, task: Task, touched: bool) -> int:
    """Tell how the episode stands after a step."""
    if touched:
        return COLLISION
    if task.has_goal:
        if goal_distance(me) <= me.goal_tolerance:
            return SUCCESS
        return TIMEOUT if me.steps >= me.time_limit else RUNNING
    if me.steps < me.time_limit:
        return RUNNING
    return SUCCESS if me.ground >= task.ground_cells else TIMEOUT


@kernel
def step_row(
    i: int,
    state: State,
    robot: Robot,
    clock: Clock,
    task: Task,
    left: float,
    right: float,
    switch: int,
    powered: bool,
    results: Results,
) -> None:
    """Take one control step in row i; for the wheel commands and the rest see `world.advance`."""
    me = state.rows[i]
    before = goal_distance(me)
    touched = advance(
        me, state.discs[i], state.segments[i], robot, clock, left, right, switch, powered
    )
    me.steps += 1
    fresh = visit(me)
    outcome = judge(me, task, touched)
    if task.has_goal:
        full_m = robot.max_speed_mps * clock.substep_s * clock.substeps
        reward = SPEED_REWARD * (before - goal_distance(me)) / full_m
    else:
        forward = 0.5 * (me.left + me.right) / robot.max_speed_mps
        reward = SPEED_REWARD * forward + GROUND_REWARD * fresh
    if outcome == COLLISION:
        reward += COLLISION_REWARD
    elif outcome == SUCCESS:
        reward += SUCCESS_REWARD
    results.reward[i] = reward
    results.outcome[i] = outcome

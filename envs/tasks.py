"""What the robot is asked to do: how a step is rewarded and how an episode ends.

An episode has exactly one end: success, collision or timeout.
"""

import math
from typing import NamedTuple

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
def goal_distance(i: int, state: State) -> float:
    """Distance from the robot's centre to the goal."""
    dx, dy = state.goal[i, 0] - state.pose[i, 0], state.goal[i, 1] - state.pose[i, 1]
    return math.sqrt(dx * dx + dy * dy)


@kernel
def judge(i: int, state: State, task: Task, touched: bool) -> int:
    """Tell how the episode stands after a step."""
    if touched:
        return COLLISION
    if task.has_goal:
        if goal_distance(i, state) <= state.goal_tolerance[i]:
            return SUCCESS
        return TIMEOUT if state.steps[i] >= state.time_limit[i] else RUNNING
    if state.steps[i] < state.time_limit[i]:
        return RUNNING
    return SUCCESS if state.ground[i] >= task.ground_cells else TIMEOUT


@kernel
def step_rows(
    rows: Array,
    state: State,
    robot: Robot,
    clock: Clock,
    task: Task,
    actions: Floats,
    switch: Array,
    powered: Array,
    results: Results,
) -> None:
    """Take one control step in each of the given rows.

    actions: (E, 2) wheel commands, in force after switch (E,) substeps; see `world.advance`.
    """
    for i in rows:
        before = goal_distance(i, state)
        touched = advance(i, state, robot, clock, actions[i], switch[i], powered[i])
        state.steps[i] += 1
        fresh = visit(i, state)
        outcome = judge(i, state, task, touched)
        if task.has_goal:
            progress = before - goal_distance(i, state)
            full_m = robot.max_speed_mps * clock.substep_s * clock.substeps
            reward = SPEED_REWARD * progress / full_m
        else:
            forward = 0.5 * (state.wheels[i, 0] + state.wheels[i, 1]) / robot.max_speed_mps
            reward = SPEED_REWARD * forward + GROUND_REWARD * fresh
        if outcome == COLLISION:
            reward += COLLISION_REWARD
        elif outcome == SUCCESS:
            reward += SUCCESS_REWARD
        results.reward[i] = reward
        results.outcome[i] = outcome

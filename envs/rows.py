"""What a batch does with its rows in compiled code: a control step, and a look around."""

from typing import Any

from neurobot.compiled import kernel
from neurobot.envs.sensors import Beams, cast, feel, picture, scan
from neurobot.envs.tasks import GOAL_RANGE_M, Results, Task, step_row
from neurobot.envs.world import Array, Clock, Floats, Robot, State


@kernel
def look(me: Any, beams: Beams, distance_m: Floats, out: Array) -> None:
    """Write what the sensor reads: a scan into one dimension, a picture into three."""
    if out.ndim == 1:
        scan(me, beams, distance_m, out)
    else:
        picture(me, beams, distance_m, out)


@kernel
def sense_row(
    i: int,
    state: State,
    robot: Robot,
    beams: Beams,
    distance_m: Floats,
    readings: Array,
    results: Results,
) -> None:
    """Write the observation of row i; distance_m (E, B), readings (E, ...)."""
    me = state.rows[i]
    cast(me, state.discs[i], state.segments[i], beams, distance_m[i])
    look(me, beams, distance_m[i], readings[i])
    feel(me, robot.track_m, GOAL_RANGE_M, results.velocity[i], results.goal[i])


@kernel
def sense_rows(
    chosen: Array,
    state: State,
    robot: Robot,
    beams: Beams,
    distance_m: Floats,
    readings: Array,
    results: Results,
) -> None:
    """Write the observations of the chosen rows."""
    for i in chosen:
        sense_row(i, state, robot, beams, distance_m, readings, results)


# Numba needs a microsecond or two to tell the type of each named tuple that Python hands it, and
# next to none for an array or a plain tuple of numbers. Hence they are taken apart on the way here.
@kernel
def live_rows(
    chosen: Array,
    commands: Floats,
    switch: Array,
    powered: Array,
    rows: Array,
    discs: Floats,
    segments: Floats,
    robot_numbers: tuple[float, ...],
    clock_numbers: tuple[float, int],
    task_numbers: tuple[bool, int],
    beam_cos: Floats,
    beam_sin: Floats,
    dead: Array,
    range_m: float,
    noise: float,
    dropout: float,
    distance_m: Floats,
    readings: Array,
    velocity: Array,
    goal: Array,
    reward: Floats,
    outcome: Array,
) -> None:
    """Take one control step in each of the chosen rows, and look around.

    commands: (E, 2) wheel commands, in force after switch (E,) substeps; see `world.advance`. The
    rest is what `State`, `Robot`, `Clock`, `Task`, `Beams` and `Results` are made of, in order.
    """
    state, results = State(rows, discs, segments), Results(velocity, goal, reward, outcome)
    robot, clock, task = Robot(*robot_numbers), Clock(*clock_numbers), Task(*task_numbers)
    beams = Beams(beam_cos, beam_sin, dead, range_m, noise, dropout)
    for i in chosen:
        left, right = commands[i, 0], commands[i, 1]
        step_row(i, state, robot, clock, task, left, right, switch[i], powered[i], results)
        sense_row(i, state, robot, beams, distance_m, readings, results)

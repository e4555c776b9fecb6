"""One episode as one kernel: world, sensors, encoder, chip, decoder, latency and counters."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel, part
from neurobot.controllers.mind import Desk, Mind, forget, make_desk, think
from neurobot.decision import CYCLES, TOTALS, Bill
from neurobot.envs.rows import sense_row
from neurobot.envs.sensors import Beams
from neurobot.envs.tasks import RUNNING, Results, Task, step_row
from neurobot.envs.world import Clock, Robot, State, blank_state
from neurobot.lanes import lane, sync
from neurobot.loop import LATE, substeps_until
from neurobot.neurons import Silicon

Array = NDArray[Any]

# What is known of an episode when it is over; names as in `loop.Episode`.
LOG = np.dtype(
    [
        ("outcome", "i8"),
        ("steps", "i8"),
        ("reward", "f8"),
        ("path_m", "f8"),
        ("clearance_m", "f8"),
        ("ground_m2", "i8"),
        ("decisions", "i8"),
        ("late_decisions", "i8"),
        ("latency_total_s", "f8"),
        ("latency_max_s", "f8"),
        ("totals", "i8", (len(TOTALS),)),
    ],
    align=True,
)
# The clock between a brain and its robot, as `loop.Pilot` keeps it.
PILOT = np.dtype(
    [
        ("pending", "f8", (2,)),
        ("in_force", "f8", (2,)),
        ("has_force", "?"),
        ("substeps_left", "i8"),
        ("busy", "?"),
    ],
    align=True,
)
HOLD, COAST, BRAKE = range(len(LATE))
# Of each moment of an episode: pose, clearance, and the latency of the decision that then began.
COURSE = "x", "y", "heading", "gap_m", "latency_s"
GAP, LATENCY = COURSE.index("gap_m"), COURSE.index("latency_s")


class Rules(NamedTuple):
    """What is the same in all episodes."""

    robot: Robot
    clock: Clock
    task: Task
    beams: Beams
    clock_hz: float  # of the chip; 0: decisions take no time
    delay_s: float  # on top of it, until the wheels have a command
    late: int  # position in LATE


class Seat(NamedTuple):
    """What one robot at a time writes while it drives."""

    state: State  # of one row
    results: Results  # of one row
    distance_m: Array  # (1, beams)
    range_m: Array  # (1, beams) float32
    pilot: Array  # (1,) of PILOT
    desk: Desk


def make_seat(state: State, beams: Beams, silicon: Silicon) -> Seat:
    """Allocate what it takes to drive through such worlds with such a chip."""
    count, pair = len(beams.cos), np.zeros((1, 2), np.float32)
    return Seat(
        blank_state(1, state.discs.shape[1], state.segments.shape[1]),
        Results(pair, pair.copy(), np.zeros(1), np.zeros(1, np.int8)),
        np.zeros((1, count)),
        np.zeros((1, count), np.float32),
        np.zeros(1, PILOT),
        make_desk(silicon),
    )


@part
def place(worlds: State, w: int, seat: Seat) -> None:
    """Put the robot into a fresh world, with nothing on its mind."""
    state, pilot = seat.state, seat.pilot[0]
    state.rows[0] = worlds.rows[w]
    for k in range(worlds.rows[w].discs):
        for c in range(worlds.discs.shape[2]):
            state.discs[0, k, c] = worlds.discs[w, k, c]
    for k in range(worlds.rows[w].segments):
        for c in range(worlds.segments.shape[2]):
            state.segments[0, k, c] = worlds.segments[w, k, c]
    pilot.has_force = pilot.busy = False
    pilot.substeps_left = 0
    forget(seat.desk)
    for k in range(seat.desk.window.totals.shape[0]):
        seat.desk.window.totals[k] = 0


@part
def decide(rules: Rules, mind: Mind, seat: Seat, log: Any, course: Array) -> None:
    """Look, think, and note when the decision is due."""
    state, results, desk = seat.state, seat.results, seat.desk
    sense_row(0, state, rules.robot, rules.beams, seat.distance_m, seat.range_m, results)
    before = desk.window.totals[CYCLES]
    sync()
    goal_x, goal_y = 1.0, 0.0
    if rules.task.has_goal:
        goal_x, goal_y = float(results.goal[0, 0]), float(results.goal[0, 1])
    think(mind, desk, seat.range_m[0], goal_x, goal_y)
    if lane() == 0:
        cycles = desk.window.totals[CYCLES] - before
        latency_s = cycles / rules.clock_hz if rules.clock_hz > 0.0 else 0.0
        if log.steps < course.shape[0]:
            course[log.steps, LATENCY] = latency_s
        due(rules, seat.pilot[0], latency_s, log)
        seat.pilot[0].pending[0], seat.pilot[0].pending[1] = desk.wheels[0], desk.wheels[1]


@part
def due(rules: Rules, pilot: Any, latency_s: float, log: Any) -> None:
    """Note when a decision comes into force."""
    pilot.substeps_left = substeps_until(latency_s + rules.delay_s, rules.clock.substep_s)
    log.decisions += 1
    log.late_decisions += pilot.substeps_left > rules.clock.substeps
    log.latency_total_s += latency_s
    log.latency_max_s = max(log.latency_max_s, latency_s)


@part
def go(rules: Rules, seat: Seat, was_busy: bool, log: Any) -> None:
    """Take a control step: what is in force stays so until the decision is due."""
    pilot, me = seat.pilot[0], seat.state.rows[0]
    motors = rules.late if was_busy else HOLD
    if pilot.has_force:
        me.command_left = min(max(pilot.in_force[0], -1.0), 1.0)
        me.command_right = min(max(pilot.in_force[1], -1.0), 1.0)
    if motors == BRAKE:
        me.command_left = me.command_right = 0.0
    step_row(
        0, seat.state, rules.robot, rules.clock, rules.task, pilot.pending[0], pilot.pending[1],
        pilot.substeps_left, motors != COAST, seat.results,
    )  # fmt: skip
    pilot.busy = pilot.substeps_left > rules.clock.substeps
    pilot.substeps_left -= rules.clock.substeps
    if not pilot.busy:
        pilot.has_force = True
        pilot.in_force[0], pilot.in_force[1] = pilot.pending[0], pilot.pending[1]
    log.steps += 1
    log.reward += seat.results.reward[0]
    log.outcome = seat.results.outcome[0]


@part
def keep_moment(me: Any, step: int, course: Array) -> None:
    """Write where the robot is and how near to things, as far as a course (steps, 5) goes."""
    if step < course.shape[0]:
        course[step, 0], course[step, 1], course[step, 2] = me.x, me.y, me.heading
        course[step, GAP], course[step, LATENCY] = me.gap, math.nan


@part
def close(seat: Seat, log: Any, ends: Array) -> None:
    """Note what an episode came to; ends: where the discs are then, (K, 5), or (0, 5)."""
    me, totals = seat.state.rows[0], seat.desk.window.totals
    log.path_m, log.clearance_m, log.ground_m2 = me.path, me.clearance, me.ground
    for k in range(totals.shape[0]):
        log.totals[k] = totals[k]
    for k in range(ends.shape[0]):
        for c in range(ends.shape[1]):
            ends[k, c] = seat.state.discs[0, k, c]


@part
def episode(
    rules: Rules,
    worlds: State,
    w: int,
    mind: Mind,
    seat: Seat,
    log: Any,
    course: Array,
    ends: Array,
) -> None:
    """Drive one robot through one world, from its start to its end."""
    if lane() == 0:
        place(worlds, w, seat)
        keep_moment(seat.state.rows[0], 0, course)
    sync()
    while log.outcome == RUNNING:
        was_busy = seat.pilot[0].busy
        sync()
        if not was_busy:
            decide(rules, mind, seat, log, course)
        if lane() == 0:
            go(rules, seat, was_busy, log)
            keep_moment(seat.state.rows[0], log.steps, course)
        sync()
    if lane() == 0:
        close(seat, log, ends)
    sync()


@part
def mind_at(minds: Mind, p: int) -> Mind:
    """Take one mind out of a stack of them."""
    silicon, bill = minds.silicon, minds.bill
    return Mind(
        Silicon(
            silicon.cells[p],
            silicon.weights[p],
            silicon.fed[p],
            silicon.current_low,
            silicon.current_high,
            silicon.current_wraps,
        ),
        Bill(
            bill.ledger[p],
            bill.sends[p],
            bill.voters,
            bill.cycles_per_tick,
            bill.cycles_per_read,
            bill.lanes,
        ),
        minds.plan[p : p + 1],
        minds.sector_of,
    )


@kernel
def episodes(
    first: int,
    last: int,
    pairs: Array,
    rules: Rules,
    worlds: State,
    minds: Mind,
    seat: Seat,
    logs: Array,
    courses: Array,
    ends: Array,
) -> None:
    """Drive the pairs (E, 2) of mind and world from first to last."""
    for k in range(first, last):
        mind = mind_at(minds, pairs[k, 0])
        episode(rules, worlds, pairs[k, 1], mind, seat, logs[k], courses[k], ends[k])

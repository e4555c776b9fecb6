"""How the spiking brain thinks: a scan into spikes, a decision of the chip, votes into wheels."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel, part
from neurobot.controllers import veto
from neurobot.controllers.wheels import chord, wheel_commands
from neurobot.decision import Bill, Window, make_window, run, run_struck
from neurobot.decode import NO_WINNER, winner
from neurobot.encode import FULL, add_change, proximity, write_rate
from neurobot.fixed import Ints
from neurobot.lanes import TOGETHER, lane, sync
from neurobot.neurons import Silicon, Work, make_work

TICKS = 64  # of one decision, if it is not decided before
BURST_TICKS = 8  # at the beginning of a decision, for what has come nearer
SPIN_RADPS = 2.0
IMPATIENCE = 2.0  # stimulus of spinning on gained with each decision in a row that nobody won
WEARY_FULL, WEARY_MOST = 64, 60  # decisions; far threats fade in proportion
STUCK_SHARE = 0.01  # of full speed: slower is stuck
VOTERS = np.arange(veto.MOTOR, veto.BRAKE)

Floats = NDArray[np.float64]
Array = NDArray[Any]

# What a program is on one robot. Names as in `Program`; zones: near and far end for each kind.
PLAN = np.dtype(
    [
        ("zones_m", "f8", (2, 2)),
        ("moves", "f8", (veto.DIRECTIONS, 2)),  # cosine and sine of each direction
        ("angles", "f8", (veto.DIRECTIONS,)),
        ("drive", "f8"),
        ("approach", "i8"),
        ("base_stimulus", "f8"),  # `base`: but a record of NumPy's has an attribute of that name
        *((name, "f8") for name in ("goal", "ahead", "last", "spin", "turn_gain")),
        *((name, "f8") for name in ("creep_rate", "full_rate", "creep", "cruise", "brake_gain")),
        *((name, "f8") for name in ("track_m", "max_speed_mps", "max_yaw_rate_radps")),
    ],
    align=True,
)
# What is remembered from one decision to the next.
MOOD = np.dtype(
    [
        ("last", "f8", (2,)),  # where the last decision led
        ("undecided", "i8"),  # decisions in a row that nobody won
        ("weary", "i8"),  # grows while the robot gets nowhere, 0..WEARY_MOST
        ("before", "i4", (veto.THREATS,)),  # levels of the last decision
    ],
    align=True,
)


class Mind(NamedTuple):
    """A brain as the kernels take it."""

    silicon: Silicon
    bill: Bill
    plan: Array  # (1,) of PLAN
    sector_of: Ints  # (beams,)


class Desk(NamedTuple):
    """What a mind writes while it thinks."""

    work: Work
    window: Window
    mood: Array  # (1,) of MOOD
    nearest_m: Floats  # (SECTORS,)
    levels: Ints  # (blocks * LANES,)
    wheels: NDArray[np.float32]  # (2,) what came out


def make_desk(silicon: Silicon) -> Desk:
    """Allocate what a mind of such silicon needs."""
    lanes = silicon.weights.shape[1]
    return Desk(
        make_work(silicon),
        make_window(TICKS, lanes),
        np.zeros(1, MOOD),
        np.zeros(veto.SECTORS),
        np.zeros(lanes, np.int32),
        np.zeros(2, np.float32),
    )


@part
def forget(desk: Desk) -> None:
    """Forget the last decision."""
    mood = desk.mood[0]
    mood.last[0], mood.last[1] = 1.0, 0.0
    mood.undecided = mood.weary = 0
    for s in range(mood.before.shape[0]):
        mood.before[s] = FULL


@kernel
def pool(range_m: NDArray[np.float32], sector_of: Ints, nearest_m: Floats) -> None:
    """Write the nearest reading of each sector, (SECTORS,)."""
    for s in range(nearest_m.shape[0]):
        nearest_m[s] = np.inf
    for b in range(range_m.shape[0]):
        nearest_m[sector_of[b]] = min(nearest_m[sector_of[b]], range_m[b])


@kernel
def threat_levels(plan: Any, mood: Any, nearest_m: Floats, levels: Ints) -> None:
    """Write the levels of the near and of the far threats; the far ones fade with weariness."""
    count = nearest_m.shape[0]
    for s in range(lane(), count, TOGETHER):
        levels[s] = proximity(nearest_m[s], plan.zones_m[0, 0], plan.zones_m[0, 1])
        far = proximity(nearest_m[s], plan.zones_m[1, 0], plan.zones_m[1, 1])
        levels[count + s] = far * (WEARY_FULL - mood.weary) // WEARY_FULL


@kernel
def share(stimulus: float, drive: float) -> int:
    """Level that makes input spikes of so strong a drive a mean stimulus."""
    return int(min(max(stimulus / drive, 0.0), 1.0) * FULL)


@kernel
def drive_levels(plan: Any, mood: Any, goal_x: float, goal_y: float, levels: Ints) -> None:
    """Write the level of each direction's drive, and of spinning."""
    last_x, last_y = mood.last[0], mood.last[1]
    for d in range(lane(), veto.DIRECTIONS, TOGETHER):
        cos, sin = plan.moves[d, 0], plan.moves[d, 1]
        stimulus = plan.base_stimulus - plan.goal * chord(goal_x, goal_y, cos, sin)
        stimulus -= plan.ahead * chord(1.0, 0.0, cos, sin)
        stimulus -= plan.last * chord(last_x, last_y, cos, sin)
        levels[d] = share(stimulus, plan.drive)
    again = plan.spin + (1.0 + IMPATIENCE * mood.undecided)
    left = last_y >= 0.0
    levels[veto.SPIN_LEFT] = share(again if left else plan.spin, plan.drive)
    levels[veto.SPIN_RIGHT] = share(plan.spin if left else again, plan.drive)


@part
def encode(mind: Mind, desk: Desk, range_m: Array, goal_x: float, goal_y: float) -> None:
    """Turn a scan and a goal, metres ahead and to the left, into spike trains."""
    plan, mood, trains = mind.plan[0], desk.mood[0], desk.window.trains
    if lane() == 0:
        pool(range_m, mind.sector_of, desk.nearest_m)
    sync()
    threat_levels(plan, mood, desk.nearest_m, desk.levels)
    drive_levels(plan, mood, goal_x, goal_y, desk.levels[veto.PREMOTOR :])
    sync()
    write_rate(desk.levels, trains)
    sync()
    add_change(desk.levels, mood.before, plan.approach, BURST_TICKS, trains)
    sync()
    for i in range(lane(), veto.THREATS, TOGETHER):
        mood.before[i] = desk.levels[i]


@kernel
def decode(plan: Any, mood: Any, spikes: Ints, ticks: int) -> tuple[float, float]:
    """Turn the spikes of each neuron in so many ticks into speed and yaw rate."""
    votes = spikes[veto.MOTOR : veto.BRAKE]
    move = winner(votes)
    if move == NO_WINNER:
        mood.undecided += 1
        return 0.0, 0.0
    mood.undecided = 0
    if move >= veto.DIRECTIONS:
        side = 1.0 if move == veto.SPIN_LEFT else -1.0
        if mood.last[1] * side <= 0.0:
            mood.last[0], mood.last[1] = 1.0, 0.01 * side
        return 0.0, side * SPIN_RADPS
    mood.last[0], mood.last[1] = plan.moves[move, 0], plan.moves[move, 1]
    vigour = votes[move] / ticks - plan.creep_rate
    vigour /= plan.full_rate - plan.creep_rate
    ease = 1.0 - plan.brake_gain * spikes[veto.BRAKE] / ticks
    part = min(max(vigour, plan.creep), 1.0) * max(ease, plan.creep)
    speed = plan.cruise * plan.max_speed_mps * part * max(mood.last[0], 0.0)
    return speed, plan.turn_gain * plan.angles[move]


@kernel
def tire(plan: Any, mood: Any, speed_mps: float) -> None:
    """Grow weary of far threats while there is no way ahead, and recover on the way."""
    stuck = speed_mps <= STUCK_SHARE * plan.max_speed_mps
    mood.weary = min(max(mood.weary + (1 if stuck else -1), 0), WEARY_MOST)


@part
def steer(plan: Any, desk: Desk, ticks: int) -> None:
    """Turn what the chip did into wheel commands."""
    mood = desk.mood[0]
    speed, yaw_rate = decode(plan, mood, desk.window.spikes, ticks)
    tire(plan, mood, speed)
    yaw_rate = min(max(yaw_rate, -plan.max_yaw_rate_radps), plan.max_yaw_rate_radps)
    left, right = wheel_commands(speed, yaw_rate, plan.track_m, plan.max_speed_mps)
    desk.wheels[0], desk.wheels[1] = left, right


@part
def think(mind: Mind, desk: Desk, range_m: Array, goal_x: float, goal_y: float) -> int:
    """Turn one scan into wheel commands by one decision of the chip; return its ticks."""
    encode(mind, desk, range_m, goal_x, goal_y)
    ticks = run(mind.silicon, mind.bill, desk.work, desk.window)
    if lane() == 0:
        steer(mind.plan[0], desk, ticks)
    sync()
    return ticks


@kernel
def think_struck(
    mind: Mind, desk: Desk, range_m: Array, goal_x: float, goal_y: float, hits: Array
) -> int:
    """Decide while bits of the neurons are inverted; return how many hits came in time.

    hits: see `decision.run_struck`.
    """
    encode(mind, desk, range_m, goal_x, goal_y)
    ticks, met = run_struck(mind.silicon, mind.bill, desk.work, desk.window, hits)
    steer(mind.plan[0], desk, ticks)
    return met

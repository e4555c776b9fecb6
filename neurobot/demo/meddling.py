"""What hands may do to a session: obstacles, the goal, the sensor, the chip.

Every function changes the world or the brain between two control steps, and marks the session as
touched: from then on its episode is no longer one that an evaluation would give.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.demo.moments import moment
from neurobot.demo.session import Session
from neurobot.envs.scene import Scene
from neurobot.envs.world import RADIUS, Floats, X, Y
from neurobot.loop import Timing, counted

DISC_M = 0.35  # radius of an obstacle that somebody adds
MOST_DISCS = 4096
SECTORS = 12  # of the sensor that die one at a time
CLOCK_RANGE_HZ = (1.0, 1e12)


class RefusedError(ValueError):
    """Something that cannot be done now, said in one sentence."""


def refurnish(session: Session, change: Callable[[Scene], Scene]) -> None:
    """Change the surroundings, and let the robot see them at once."""
    if session.trial.ended:
        raise RefusedError("the episode has ended")
    world = session.env.unwrapped
    now = world.batch.scene_now(0)
    session.trial.observation = world.refurnish(change(now))
    session.trial.info["clearance_m"] = world.batch.info(0)["clearance_m"]
    before = change(replace(now, discs=session.before.discs)).discs
    session.before, session.after = replace(session.before, discs=before), moment(world.batch)
    session.touched = True


def find_disc(session: Session, x: float, y: float, slack_m: float) -> int | None:
    """Return the disc at a point, or the nearest one within so much of it."""
    discs = session.after.discs
    gaps = np.hypot(discs[:, X] - x, discs[:, Y] - y) - discs[:, RADIUS]
    if not len(gaps) or gaps.min() > slack_m:
        return None
    return int(gaps.argmin())


def is_at_robot(session: Session, x: float, y: float, margin_m: float) -> bool:
    """Whether a point is so near to the robot that nothing can stand there."""
    row = session.after.row[0]
    reach_m = session.batch.robot.circumscribed_m + margin_m
    return bool(np.hypot(row["x"] - x, row["y"] - y) <= reach_m)


def is_at_goal(session: Session, x: float, y: float, slack_m: float) -> bool:
    """Whether a point is on the goal."""
    row = session.after.row[0]
    reach_m = max(float(row["goal_tolerance"]), slack_m)
    at_goal = np.hypot(row["goal_x"] - x, row["goal_y"] - y) <= reach_m
    return bool(session.batch.task.has_goal and at_goal)


def within(scene: Scene, x: float, y: float) -> tuple[float, float]:
    """Return the point of the world's bounds that is nearest to a point."""
    x0, y0, x1, y1 = scene.bounds
    return min(max(x, x0), x1), min(max(y, y0), y1)


def with_discs(scene: Scene, discs: Floats) -> Scene:
    """Replace the discs of a scene."""
    return replace(scene, discs=np.ascontiguousarray(discs))


def add_disc(session: Session, x: float, y: float, radius_m: float = DISC_M) -> int:
    """Put an obstacle that stands still near a point; return its position among the discs."""
    x, y = within(session.batch.scene_now(0), x, y)
    if is_at_robot(session, x, y, radius_m):
        raise RefusedError("no obstacle can stand where the robot is")
    if len(session.after.discs) >= MOST_DISCS:
        raise RefusedError(f"there are {MOST_DISCS} obstacles already")

    def add(scene: Scene) -> Scene:
        return with_discs(scene, np.vstack([scene.discs, [[x, y, radius_m, 0.0, 0.0]]]))

    refurnish(session, add)
    return len(session.after.discs) - 1


def move_disc(session: Session, k: int, x: float, y: float) -> None:
    """Put disc k to a point, at its own velocity."""

    def move(scene: Scene) -> Scene:
        discs = scene.discs.copy()
        discs[k, [X, Y]] = within(scene, x, y)
        return with_discs(scene, discs)

    refurnish(session, move)


def remove_disc(session: Session, k: int) -> None:
    """Take disc k away."""
    refurnish(session, lambda scene: with_discs(scene, np.delete(scene.discs, k, axis=0)))


def move_goal(session: Session, x: float, y: float) -> None:
    """Put the goal to a point."""
    refurnish(session, lambda scene: replace(scene, goal=within(scene, x, y)))


def kill_beams(session: Session) -> tuple[int, int]:
    """Let some neighbouring beams or camera columns see nothing; return how many now do, of all."""
    batch = session.batch
    dead = batch.beams.dead
    alive = np.flatnonzero(~dead)
    if not len(alive):
        raise RefusedError("the whole sensor is dead already")
    k = int(session.damages.choice(alive))
    dead[k : k + max(len(dead) // SECTORS, 1)] = True
    batch.sense(batch.rows)
    session.trial.observation = batch.observation(0)
    session.touched = True
    return int(dead.sum()), len(dead)


def spiking_brain(session: Session) -> Brain:
    """Return the spiking brain that drives, with weights to meddle with."""
    if not isinstance(session.controller, PoppinsController):
        raise RefusedError(f"{session.job.controller} has no weight memory; poppins has")
    return session.controller.brain_for(session.batch.task.has_goal)


def flip_bit(session: Session) -> str:
    """Invert a random bit of the chip's weight memories; return what was changed, in words."""
    brain, chance = spiking_brain(session), session.damages
    memories = brain.network.memories
    bits = [matrix.size for matrix in memories.values()]
    name = str(chance.choice(list(memories), p=np.array(bits) / sum(bits)))
    pre, post = (int(chance.integers(side)) for side in memories[name].shape)
    bit = int(chance.integers(brain.network.chip.weight_bits))
    mood = brain.desk.mood
    brain.load(brain.network.flip(name, pre, post, bit))
    brain.desk.mood[:] = mood
    session.touched = True
    session.forget_costs()
    before, after = (each[name][pre, post] for each in (memories, brain.network.memories))
    return f"{name}[{pre}, {post}] was {before}, is {after}"


def clock_hz(session: Session) -> float:
    """Return the clock of the chip that drives."""
    found = session.timing.clock_hz or getattr(session.controller, "clock_hz", None)
    if found is None or counted(session.controller) is None:
        raise RefusedError(f"{session.job.controller} has no clock: it counts no events")
    return float(found)


def scale_clock(session: Session, factor: float) -> float:
    """Let the chip run so many times faster; return its clock."""
    low, high = CLOCK_RANGE_HZ
    faster = min(max(clock_hz(session) * factor, low), high)
    set_timing(session, replace(session.timing, clock_hz=faster, instant=False))
    return faster


def set_timing(session: Session, timing: Timing) -> None:
    """Let latency act back in another way from now on."""
    session.trial.pilot.timing = timing
    session.touched = True
    session.forget_costs()


def repair(session: Session) -> None:
    """Revive the sensor, restore the weights and the clock."""
    session.batch.beams.dead[:] = False
    for k in session.batch.settings.dead_beams:
        session.batch.beams.dead[k] = True
    set_timing(session, session.job.timing)
    session.reseat()

"""The world between two control steps, for pictures: poses in between, and what beams hit there.

The physics goes on in control steps alone; nothing here flows back into it.
"""

from dataclasses import dataclass, replace

import numpy as np

from neurobot.angles import wrap
from neurobot.envs.batch import Batch
from neurobot.envs.frame import Frame
from neurobot.envs.rows import sense_rows
from neurobot.envs.tasks import Results
from neurobot.envs.world import VX, VY, Array, Floats, State, X, Y

HURRIED = 2.0  # a disc that got so many times farther than it flies has been thrown anew


@dataclass(frozen=True)
class Moment:
    """Where everything is after a control step."""

    row: Array  # (1,) of world.ROW
    discs: Floats  # (K, 5)


def moment(batch: Batch) -> Moment:
    """Copy what moves in the first row of a batch."""
    row = batch.state.rows[:1].copy()
    return Moment(row, batch.state.discs[0, : row["discs"][0]].copy())


def blend_row(before: Array, after: Array, share: float) -> Array:
    """Move the robot a share of its way from one row to the next."""
    row = after.copy()
    for name in ("x", "y"):
        row[name] = (1 - share) * before[name] + share * after[name]
    turn = wrap(float(after["heading"][0] - before["heading"][0]))
    row["heading"] = before["heading"] + share * turn
    return row


def blend_discs(before: Floats, after: Floats, share: float, period_s: float) -> Floats:
    """Move discs a share of their way; those that were moved by hand or thrown anew are there."""
    discs = after.copy()
    if before.shape != after.shape:
        return discs
    way = np.hypot(*(after[:, [X, Y]] - before[:, [X, Y]]).T)
    flown = np.hypot(after[:, VX], after[:, VY]) * period_s
    steady = way <= HURRIED * flown
    discs[steady, :2] = (1 - share) * before[steady, :2] + share * after[steady, :2]
    return discs


class Glimpse:
    """Looks at moments through the eyes of one batch's robot."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.distance_m = np.zeros((1, len(batch.beams.cos)))
        self.readings = np.zeros_like(batch.readings[:1])
        self.results = Results(*(np.zeros_like(each[:1]) for each in batch.results))

    def frame(
        self, before: Moment, after: Moment, share: float, trail: list[tuple[float, float]]
    ) -> Frame:
        """Collect what a picture between two moments shows, and what beams hit there."""
        batch = self.batch
        row = blend_row(before.row, after.row, share)
        discs = blend_discs(before.discs, after.discs, share, batch.clock.control_s)
        state = State(row, discs[None], batch.state.segments[:1])
        me = np.array([0])
        sense_rows(
            me, state, batch.robot, batch.beams, self.distance_m, self.readings, self.results
        )
        x, y, heading = (row[name][0].item() for name in ("x", "y", "heading"))
        steps = (1 - share) * before.row["steps"][0] + share * after.row["steps"][0]
        return replace(
            batch.frame(0, [*trail, (x, y)]),
            pose=np.array([x, y, heading]),
            discs=discs,
            distance_m=self.distance_m[0],
            time_s=float(steps) * batch.clock.control_s,
        )

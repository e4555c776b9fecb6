"""What a picture of one decision of the spiking brain shows."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import veto
from neurobot.controllers.poppins import PoppinsController
from neurobot.decode import winner
from neurobot.envs.world import Floats
from neurobot.events import Events
from neurobot.fixed import Ints
from neurobot.iqif import Trace
from neurobot.loop import Observation, Trial
from neurobot.plots.episodes import Course, begin, each_decision


@dataclass(frozen=True)
class Decision:
    """One decision, to the tick at which it was decided."""

    controller: str
    course: Course
    time_s: float  # into the episode, when it began
    latency_s: float
    events: Events
    trains: NDArray[np.bool_]  # (ticks, NEURONS) input spikes
    trace: Trace  # each (ticks, NEURONS)
    directions_rad: Floats  # (DIRECTIONS,)
    beams_rad: Floats  # (B,) where the beams point ...
    range_m: Floats  # (B,) ... and what they met
    reach_m: float  # of the sensor

    @property
    def votes(self) -> Ints:
        """Spikes of each motor neuron, (MOVES,)."""
        votes = self.trace.spikes[:, veto.GROUPS["motor"]].sum(axis=0)
        return np.asarray(votes, np.int32)

    @property
    def move(self) -> int:
        """The winner's position among the moves; -1: nobody won."""
        return int(winner(self.votes))

    def rivals(self, count: int) -> list[int]:
        """Positions of the winner, if any, and of the strongest others, so many in all.

        Strength is in votes, then in premotor spikes, then in mean premotor potential.
        """
        premotor = veto.GROUPS["premotor"]
        spikes = self.trace.spikes[:, premotor].sum(axis=0)
        height = self.trace.potential[:, premotor].mean(axis=0)
        return [int(move) for move in np.lexsort((-height, -spikes, -self.votes))[:count]]

    def rows(self) -> dict[str, NDArray[np.bool_]]:
        """Spikes of the named groups, each (ticks, size), in the order in which they act."""
        spikes = {name: self.trace.spikes[:, place] for name, place in veto.GROUPS.items()}
        drives = self.trains[:, veto.GROUPS["premotor"]]
        order = ("near threats", "far threats", "drives", "premotor", "motor", "brake")
        return {name: {**spikes, "drives": drives}[name] for name in order}


def read(trial: Trial, seen: Observation, controller: str, course: Course) -> Decision:
    """Collect what the decision of a trial's last step was, about what was seen before it."""
    mind, pilot = trial.pilot.controller, trial.pilot
    assert isinstance(mind, PoppinsController)
    brain, ticks, body = mind.brain, mind.events.ticks, pilot.body
    trace = brain.trace(ticks)
    counted = brain.desk.window.spikes[: len(brain.network)]
    assert (trace.spikes.sum(axis=0) == counted).all(), "the trace is of another decision"
    return Decision(
        controller,
        course,
        time_s=(trial.steps - 1) * body.control_s,
        latency_s=pilot.latency_s,
        events=mind.events,
        trains=brain.trains[:ticks],
        trace=trace,
        directions_rad=brain.angles,
        beams_rad=np.arctan2(body.beam_sin, body.beam_cos),
        range_m=np.asarray(seen["range"], np.float64),
        reach_m=body.range_m,
    )


def decide_at(course: Course, controller: str, time_s: float) -> Decision:
    """Drive until some seconds into the episode, and read the decision that begins then.

    Where one is still under way then, it is the next.
    """
    if not 0 <= time_s < math.inf:
        raise ValueError(f"time={time_s} must be 0 or more")
    course.check([controller])
    trial = begin(course.job(controller, 0))
    if not isinstance(trial.pilot.controller, PoppinsController):
        raise ValueError(f"controller {controller!r}: no spiking brain in it; known: poppins")
    control_s = trial.pilot.body.control_s
    for seen in each_decision(trial):
        if trial.steps * control_s > time_s * (1 + 1e-9):
            return read(trial, seen, controller, course)
    raise ValueError(
        f"time={time_s}: no decision begins then, the episode ends in {trial.info['outcome']} "
        f"after {trial.steps * control_s:.1f} s"
    )

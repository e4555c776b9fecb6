"""The spiking brain: the veto network of `controllers.veto` on the POPPINS chip.

It has two programs (`controllers.programs`), one to roam and one to seek a goal: the same network
and code with other integers. Which one runs follows from whether the observation holds a goal.
"""

import math
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import veto
from neurobot.controllers.mind import (
    PLAN,
    VOTERS,
    Array,
    Floats,
    Mind,
    forget,
    make_desk,
    think,
    think_struck,
)
from neurobot.controllers.program_files import DEFAULT_PROGRAM, find_programs
from neurobot.controllers.programs import Program
from neurobot.controllers.wheels import unit_vectors
from neurobot.events import Events
from neurobot.iqif import Trace
from neurobot.loop import Body, Observation
from neurobot.neurons import Silicon
from neurobot.poppins import Chip, Poppins

# The zones of a program suit a robot of this circumscribed radius and this stopping distance.
TUNED_RADIUS_M, TUNED_STOP_M = 0.333, 0.4
AHEAD = np.array([1.0, 0.0])


class Brain:
    """A program loaded into a chip, for one robot."""

    def __init__(self, program: Program, chip: Chip, body: Body) -> None:
        angles = np.arctan2(body.beam_sin, body.beam_cos)
        low, view = float(angles.min()), max(float(np.ptp(angles)), 1e-9)
        share = (angles - low) / view * veto.SECTORS
        sector_of = np.minimum(share, veto.SECTORS - 1).astype(np.int32)
        sectors = low + (np.arange(veto.SECTORS) + 0.5) / veto.SECTORS * view
        self.program = program
        self.angles = program.wiring.directions_rad
        self.voters = VOTERS.astype(np.int32)
        self.plan = plan_for(program, body)
        self.sector_of = sector_of
        self.hits: NDArray[np.int64] | None = None  # in the next decision: `decision.run_struck`
        self.met = 0
        self.load(veto.build(program.wiring, sectors, chip))
        forget(self.desk)

    def load(self, network: Poppins, silicon: Silicon | None = None) -> None:
        """Configure the chip anew; the new desk remembers nothing.

        silicon: what its memories then hold, where that is not what the network says.
        """
        silicon, bill = silicon or network.silicon, network.bill_for(VOTERS)
        self.network = network
        self.mind = Mind(silicon, bill, self.plan, self.sector_of)
        self.desk = make_desk(silicon)

    @property
    def trains(self) -> NDArray[np.bool_]:
        """What the chip was told last, (TICKS, NEURONS)."""
        return np.asarray(self.desk.window.trains[:, : len(self.network)], np.bool_)

    def trace(self, ticks: int) -> Trace:
        """Run so many ticks of the last decision again, and keep every tick's state."""
        return self.network.trace(self.trains[:ticks])

    def think(self, range_m: NDArray[np.float32], goal: Floats) -> Events:
        """Decide about a scan and a goal: wheel commands into `desk.wheels`.

        Bits of the neurons are inverted meanwhile if `hits` say so; `met` is how many were.
        """
        totals = self.desk.window.totals
        totals[:] = 0
        seen = self.mind, self.desk, range_m, float(goal[0]), float(goal[1])
        self.met = 0
        if self.hits is None:
            think(*seen)
        else:
            self.met, self.hits = think_struck(*seen, self.hits), None
        return self.network.events(totals)


def plan_for(program: Program, body: Body) -> Array:
    """Fit a program to a robot: larger zones where it is larger or takes longer to stop."""
    radius_m = math.hypot(body.half_length_m, body.half_width_m)
    stop_m = 0.5 * body.max_speed_mps**2 / body.acceleration_mps2
    scale = max(radius_m / TUNED_RADIUS_M, stop_m / TUNED_STOP_M)
    plan = np.zeros(1, PLAN)
    for name in PLAN.names or ():
        for source in (program, program.wiring, body):
            if hasattr(source, name):
                plan[name] = getattr(source, name)
    plan["zones_m"] = scale * np.array([program.near_m, program.far_m])
    plan["base_stimulus"] = program.base
    plan["angles"] = program.wiring.directions_rad
    plan["moves"] = unit_vectors(program.wiring.directions_rad)
    return plan


class PoppinsController:
    """See, spike, vote, steer; one decision of the chip at a time, each from rest.

    program: a name in `program_files.PROGRAMS`, or a file of `neurobot fit`; chip: fields of
    `neurobot.chip.Chip` that differ from its defaults. After each decision `brain` is what decided,
    and `brain.trains` what its chip was told.
    """

    sensor: ClassVar[str] = "range"

    def __init__(self, *, program: str = DEFAULT_PROGRAM, **chip: Any) -> None:
        known = [field.name for field in fields(Chip)]
        for name in sorted(chip.keys() - set(known))[:1]:
            raise ValueError(
                f"poppins: unknown option {name!r}; known: {', '.join(known)}, program"
            )
        self.chip = Chip(**chip)
        self.source = program
        self.programs = find_programs(program)
        self.clock_hz = self.chip.clock_hz
        self.events = Events()

    def attach(self, body: Body) -> None:
        """Wire the programs for the robot's size and field of view."""
        self.brains = [
            None if program is None else Brain(program, self.chip, body)
            for program in self.programs
        ]

    def brain_for(self, seeking: bool) -> Brain:
        """Return the program that seeks a goal, or the one that roams."""
        brain = self.brains[seeking]
        if brain is None:
            task = self.programs._fields[seeking]
            raise ValueError(f"poppins: program {self.source} has none to {task}")
        return brain

    def reset(self, seed: int) -> None:
        """Forget the last decision."""
        for brain in self.brains:
            if brain:
                forget(brain.desk)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Turn one scan into wheel commands by one decision of the chip."""
        self.brain = self.brain_for("goal" in observation)
        self.events = self.brain.think(observation["range"], observation.get("goal", AHEAD))
        return self.brain.desk.wheels.copy()

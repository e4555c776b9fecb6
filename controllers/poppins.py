"""The spiking brain: the veto network of `controllers.veto` on the POPPINS chip.

It has two programs, one to roam and one to seek a goal: the same network and code with other
integers. Which one runs follows from whether the observation holds a goal.
"""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.controllers import veto
from neurobot.controllers.wheels import chord, unit_vectors, wheel_commands
from neurobot.decode import NO_WINNER, winner
from neurobot.encode import FULL, change, proximity, rate
from neurobot.events import Events
from neurobot.fixed import Ints
from neurobot.loop import Body, Observation, require_range
from neurobot.poppins import Chip, Poppins

TICKS = 64  # of one decision, if it is not decided before
BURST_TICKS = 8  # at the beginning of a decision, for what has come nearer
SPIN_RADPS = 2.0
IMPATIENCE = 2.0  # stimulus of spinning on gained with each decision in a row that nobody won
WEARY_FULL, WEARY_MOST = 64, 60  # decisions; far threats fade in proportion
STUCK_SHARE = 0.01  # of full speed: slower is stuck
# The zones below suit a robot of this circumscribed radius and this stopping distance.
TUNED_RADIUS_M, TUNED_STOP_M = 0.333, 0.4
AHEAD = np.array([1.0, 0.0])

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Program:
    """How readings become spikes, what the network is, and how its spikes become wheel commands."""

    wiring: veto.Wiring
    near_m: tuple[float, float]  # full and no rate of a near threat
    far_m: tuple[float, float]  # of a far one
    approach: int  # a rise of a level by so much is one spike at once
    base: float  # mean stimulus of the best direction
    goal: float  # lost per unit of chord (0..2) off the goal
    ahead: float  # off straight ahead
    last: float  # off the last decision
    spin: float  # mean stimulus of spinning, 1 more to the side of the last decision
    turn_gain: float  # yaw rate per direction, 1/s
    creep_rate: float  # spikes per tick of the winner: least speed ...
    full_rate: float  # ... and full speed
    creep: float  # least share of full speed
    cruise: float  # largest share of full speed
    brake_gain: float  # share of speed lost per brake spike and tick


ROAM = Program(
    wiring=veto.Wiring(
        near_veto=37.0,
        near_cone=0.71,
        near_edge=0.37,
        far_veto=14.0,
        far_cone=0.05,
        far_edge=0.76,
        strong_rival=48.0,
        weak_rival=29.0,
        persistence=26.0,
        rest=0,
        threshold=188,
        reset=214,
        drive=39,
        span=2.04,
        bend=0.96,
        brake=5.0,
        brake_cone=0.87,
    ),
    near_m=(0.32, 1.31),
    far_m=(0.88, 2.46),
    approach=15,
    base=33.4,
    goal=0.0,
    ahead=3.7,
    last=1.6,
    spin=15.4,
    turn_gain=4.43,
    creep_rate=0.028,
    full_rate=0.078,
    creep=0.07,
    cruise=1.0,
    brake_gain=1.09,
)
SEEK = Program(
    wiring=veto.Wiring(
        near_veto=48.0,
        near_cone=0.26,
        near_edge=0.32,
        far_veto=9.0,
        far_cone=0.03,
        far_edge=0.43,
        strong_rival=31.0,
        weak_rival=20.0,
        persistence=26.0,
        rest=4,
        threshold=178,
        reset=211,
        drive=34,
        span=2.09,
        bend=0.88,
        brake=27.0,
        brake_cone=0.5,
    ),
    near_m=(0.2, 1.29),
    far_m=(0.51, 1.82),
    approach=34,
    base=38.4,
    goal=8.3,
    ahead=1.8,
    last=2.1,
    spin=13.8,
    turn_gain=2.98,
    creep_rate=0.027,
    full_rate=0.135,
    creep=0.09,
    cruise=0.91,
    brake_gain=2.0,
)


@kernel
def pool(range_m: NDArray[np.float32], sector_of: Ints, nearest_m: Floats) -> None:
    """Write the nearest reading of each sector, (SECTORS,)."""
    nearest_m[:] = np.inf
    for b in range(range_m.shape[0]):
        nearest_m[sector_of[b]] = min(nearest_m[sector_of[b]], range_m[b])


@kernel
def threat_levels(nearest_m: Floats, zones_m: Floats, levels: Ints) -> None:
    """Write the levels of the near and far threats; zones_m: (2, 2) near and far of each kind."""
    count = nearest_m.shape[0]
    for kind in range(2):
        for s in range(count):
            level = proximity(nearest_m[s], zones_m[kind, 0], zones_m[kind, 1])
            levels[kind * count + s] = level


@kernel
def drive_levels(
    moves: Floats, goal: Floats, last: Floats, wants: Floats, amplitude: float, levels: Ints
) -> None:
    """Write the level of each direction's drive; wants: base, goal, ahead and last of a program."""
    for d in range(moves.shape[0]):
        cos, sin = moves[d, 0], moves[d, 1]
        stimulus = wants[0] - wants[1] * chord(goal[0], goal[1], cos, sin)
        stimulus -= wants[2] * chord(1.0, 0.0, cos, sin)
        stimulus -= wants[3] * chord(last[0], last[1], cos, sin)
        levels[d] = int(min(max(stimulus / amplitude, 0.0), 1.0) * FULL)


class Brain:
    """A program loaded into a chip, for one robot."""

    def __init__(self, program: Program, chip: Chip, body: Body) -> None:
        self.program = program
        self.body = body
        angles = np.arctan2(body.beam_sin, body.beam_cos)
        low, view = float(angles.min()), max(float(np.ptp(angles)), 1e-9)
        self.sector_of = np.minimum(
            (angles - low) / view * veto.SECTORS, veto.SECTORS - 1
        ).astype(np.int32)  # fmt: skip
        sectors = low + (np.arange(veto.SECTORS) + 0.5) / veto.SECTORS * view
        self.network: Poppins = veto.build(program.wiring, sectors, chip)
        self.angles = program.wiring.directions_rad
        self.moves = unit_vectors(self.angles)
        radius_m = math.hypot(body.half_length_m, body.half_width_m)
        stop_m = 0.5 * body.max_speed_mps**2 / body.acceleration_mps2
        scale = max(radius_m / TUNED_RADIUS_M, stop_m / TUNED_STOP_M)
        self.zones_m = scale * np.array([program.near_m, program.far_m])
        self.wants = np.array([program.base, program.goal, program.ahead, program.last])
        self.voters = np.arange(veto.MOTOR, veto.BRAKE, dtype=np.int32)
        self.forget()

    def forget(self) -> None:
        """Forget the last decision."""
        self.last = AHEAD
        self.undecided = 0  # decisions in a row that nobody won
        self.weary = 0  # grows while the robot gets nowhere, 0..WEARY_MOST
        self.before = np.full(veto.THREATS, FULL, np.int32)

    def encode(self, range_m: NDArray[np.float32], goal: Floats) -> NDArray[np.bool_]:
        """Turn a scan and a goal, metres ahead and left, into spike trains (TICKS, NEURONS)."""
        program, amplitude = self.program, float(self.program.wiring.drive)
        levels = np.zeros(veto.NEURONS, np.int32)
        nearest_m = np.empty(veto.SECTORS)
        pool(range_m, self.sector_of, nearest_m)
        threat_levels(nearest_m, self.zones_m, levels)
        far = levels[veto.SECTORS : veto.THREATS]
        far[:] = far * (WEARY_FULL - self.weary) // WEARY_FULL
        drives = levels[veto.PREMOTOR :]
        drive_levels(self.moves, goal, self.last, self.wants, amplitude, drives)
        again = veto.SPIN_LEFT if self.last[1] >= 0.0 else veto.SPIN_RIGHT
        for move in (veto.SPIN_RIGHT, veto.SPIN_LEFT):
            stimulus = program.spin + (move == again) * (1.0 + IMPATIENCE * self.undecided)
            drives[move] = int(min(stimulus / amplitude, 1.0) * FULL)
        threats = levels[: veto.THREATS].copy()
        trains = rate(levels, TICKS)
        bursts = change(threats, self.before, BURST_TICKS, program.approach)
        trains[:BURST_TICKS, : veto.THREATS] |= bursts
        self.before = threats
        return trains

    def decode(self, spikes: Ints, ticks: int) -> tuple[float, float]:
        """Turn the spikes of each neuron (NEURONS,) in so many ticks into speed and yaw rate."""
        program = self.program
        votes = spikes[veto.MOTOR : veto.BRAKE]
        move = winner(votes)
        self.undecided = self.undecided + 1 if move == NO_WINNER else 0
        if move == NO_WINNER:
            return 0.0, 0.0
        if move >= veto.DIRECTIONS:
            side = 1.0 if move == veto.SPIN_LEFT else -1.0
            if self.last[1] * side <= 0.0:
                self.last = np.array([1.0, 0.01 * side])
            return 0.0, side * SPIN_RADPS
        self.last = self.moves[move]
        vigour = votes[move] / ticks - program.creep_rate
        vigour /= program.full_rate - program.creep_rate
        ease = 1.0 - program.brake_gain * spikes[veto.BRAKE] / ticks
        share = min(max(vigour, program.creep), 1.0) * max(ease, program.creep)
        speed = program.cruise * self.body.max_speed_mps * share * max(self.last[0], 0.0)
        return speed, program.turn_gain * self.angles[move]

    def tire(self, speed_mps: float) -> None:
        """Grow weary of far threats while there is no way ahead, and recover on the way."""
        stuck = speed_mps <= STUCK_SHARE * self.body.max_speed_mps
        self.weary = min(max(self.weary + (1 if stuck else -1), 0), WEARY_MOST)


class PoppinsController:
    """See, spike, vote, steer; one decision of the chip at a time, each from rest.

    chip: fields of `neurobot.chip.Chip` that differ from its defaults. After each decision
    `brain` and `trains` (TICKS, NEURONS) are what the chip was, and what it was told.
    """

    programs = (ROAM, SEEK)

    def __init__(self, **chip: Any) -> None:
        known = [field.name for field in fields(Chip)]
        for name in sorted(chip.keys() - set(known))[:1]:
            raise ValueError(f"poppins: unknown option {name!r}; known: {', '.join(known)}")
        self.chip = Chip(**chip)
        self.clock_hz = self.chip.clock_hz
        self.events = Events()

    def attach(self, body: Body) -> None:
        """Wire both programs for the robot's size and field of view."""
        require_range("poppins", body)
        self.body = body
        self.roam, self.seek = (Brain(program, self.chip, body) for program in self.programs)

    def brain_for(self, seeking: bool) -> Brain:
        """Return the program that seeks a goal, or the one that roams."""
        return self.seek if seeking else self.roam

    def reset(self, seed: int) -> None:
        """Forget the last decision."""
        self.roam.forget()
        self.seek.forget()

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Turn one scan into wheel commands by one decision of the chip."""
        body = self.body
        brain = self.brain = self.brain_for("goal" in observation)
        goal = np.asarray(observation.get("goal", AHEAD), np.float64)
        self.trains = brain.encode(observation["range"], goal)
        spikes, self.events = brain.network.decide(self.trains, brain.voters)
        speed, yaw_rate = brain.decode(spikes, self.events.ticks)
        brain.tire(speed)
        limit = body.max_yaw_rate_radps
        yaw_rate = min(max(yaw_rate, -limit), limit)
        wheels = wheel_commands(speed, yaw_rate, body.track_m, body.max_speed_mps)
        return np.array(wheels, np.float32)

"""The spiking brain: the veto network of `controllers.veto` on the POPPINS chip."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.controllers import veto
from neurobot.controllers.wheels import chord, unit_vectors, wheel_commands
from neurobot.decode import NO_WINNER, winner
from neurobot.encode import FULL, change, proximity, rate
from neurobot.events import Events
from neurobot.fixed import Ints
from neurobot.loop import Body, Observation
from neurobot.poppins import Chip

TICKS = 64  # of one decision, if it is not decided before
SPIN_RADPS = 2.0
BURST_TICKS = 8  # at the beginning of a decision, for what has come nearer
TUNED_RADIUS_M = 0.333  # the distances below suit a robot of this circumscribed radius

Floats = NDArray[np.float64]


class Wants(NamedTuple):
    """Mean stimulus of the best direction, and what others lose of it."""

    base: float
    goal: float  # per unit of chord (0..2) off the goal
    ahead: float  # off straight ahead
    last: float  # off the last decision
    shut: float  # where one sees nothing but obstacles at hand


@dataclass(frozen=True)
class Senses:
    """How readings become spikes, and spikes wheel commands."""

    near_m: tuple[float, float] = (0.26, 0.9)  # full and no rate of a near threat
    far_m: tuple[float, float] = (0.45, 1.5)
    approach: int = 40  # a rise of a level by so much is one spike at once
    seek: Wants = Wants(base=26.0, goal=8.0, ahead=3.0, last=3.0, shut=1.0)
    roam: Wants = Wants(base=26.0, goal=0.0, ahead=3.0, last=3.0, shut=6.0)
    open_m: float = 5.0  # no place is more open
    spin: float = 15.0  # mean stimulus of spinning
    spin_again: float = 1.0  # and more of it to the side of the last decision
    turn_gain: float = 3.0  # yaw rate per direction, 1/s
    creep_rate: float = 0.0  # spikes per tick of the winner: least speed ...
    full_rate: float = 0.11  # ... and full speed
    brake_gain: float = 2.0  # share of speed lost per brake spike and tick
    creep: float = 0.1  # least share of full speed


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
def openness(nearest_m: Floats, seen: Ints, open_m: float) -> float:
    """How far one sees on average through some sectors, as a share of open_m, at most 1."""
    total = 0.0
    for s in seen:
        total += min(nearest_m[s], open_m)
    return total / (open_m * seen.shape[0])


@kernel
def drive_levels(
    moves: Floats,
    goal: Floats,
    last: Floats,
    nearest_m: Floats,
    seen: Ints,
    open_m: float,
    wants: Wants,
    amplitude: float,
    levels: Ints,
) -> None:
    """Write the level of each direction's drive."""
    for d in range(moves.shape[0]):
        cos, sin = moves[d, 0], moves[d, 1]
        stimulus = wants.base - wants.ahead * chord(1.0, 0.0, cos, sin)
        stimulus -= wants.last * chord(last[0], last[1], cos, sin)
        stimulus -= wants.goal * chord(goal[0], goal[1], cos, sin)
        stimulus -= wants.shut * (1.0 - openness(nearest_m, seen[d], open_m))
        levels[d] = int(min(max(stimulus / amplitude, 0.0), 1.0) * FULL)


class PoppinsController:
    """See, spike, vote, steer; one decision of the chip at a time, each from rest."""

    def __init__(self, senses: Senses = Senses(), wiring: veto.Wiring = veto.Wiring()) -> None:  # noqa: B008
        self.senses = senses
        self.wiring = wiring
        self.chip = Chip()
        self.clock_hz = self.chip.clock_hz
        self.events = Events()

    def attach(self, body: Body) -> None:
        """Wire the network for the robot's field of view."""
        self.body = body
        angles = np.arctan2(body.beam_sin, body.beam_cos)
        low, high = float(angles.min()), float(angles.max())
        share = (angles - low) / max(high - low, 1e-9)
        self.sector_of = np.minimum(share * veto.SECTORS, veto.SECTORS - 1).astype(np.int32)
        sectors = low + (np.arange(veto.SECTORS) + 0.5) / veto.SECTORS * (high - low)
        self.angles = self.wiring.directions_rad
        self.moves = unit_vectors(self.angles)
        middle = np.floor((self.angles - low) / max(high - low, 1e-9) * veto.SECTORS)
        beside = middle[:, None] + np.arange(-2, 3)
        self.seen = np.clip(beside, 0, veto.SECTORS - 1).astype(np.int32)
        scale = math.hypot(body.half_length_m, body.half_width_m) / TUNED_RADIUS_M
        self.zones_m = scale * np.array([self.senses.near_m, self.senses.far_m])
        self.network = veto.build(self.wiring, sectors, self.chip)
        self.voters = np.arange(veto.MOTOR, veto.BRAKE, dtype=np.int32)

    def reset(self, seed: int) -> None:
        """Forget the last decision."""
        self.last = self.ahead = np.array([1.0, 0.0])
        self.before = np.full(veto.THREATS, FULL, np.int32)

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Turn one scan into wheel commands by one decision of the chip."""
        spikes, self.events = self.network.decide(self.encode(observation), self.voters)
        return self.steer(spikes, self.events.ticks)

    def encode(self, observation: Observation) -> NDArray[np.bool_]:
        """Turn a scan, and a goal if there is one, into spike trains (TICKS, NEURONS)."""
        senses, drive = self.senses, float(self.wiring.drive)
        levels = np.zeros(veto.NEURONS, np.int32)
        nearest_m = np.empty(veto.SECTORS)
        pool(observation["range"], self.sector_of, nearest_m)
        threat_levels(nearest_m, self.zones_m, levels)
        wants, goal = senses.roam, self.ahead
        if "goal" in observation:
            wants, goal = senses.seek, observation["goal"].astype(np.float64)
        drives = levels[veto.PREMOTOR :]
        drive_levels(
            self.moves, goal, self.last, nearest_m, self.seen, senses.open_m, wants, drive, drives
        )
        again = veto.SPIN_LEFT if self.last[1] >= 0.0 else veto.SPIN_RIGHT
        for move in (veto.SPIN_RIGHT, veto.SPIN_LEFT):
            stimulus = senses.spin + senses.spin_again * (move == again)
            drives[move] = int(min(stimulus / drive, 1.0) * FULL)
        trains = rate(levels, TICKS)
        threats = levels[: veto.THREATS].copy()
        trains[:BURST_TICKS, : veto.THREATS] |= change(
            threats, self.before, BURST_TICKS, senses.approach
        )
        self.before = threats
        return trains

    def steer(self, spikes: Ints, ticks: int) -> NDArray[np.float32]:
        """Turn the spikes of each neuron (NEURONS,) in so many ticks into wheel commands."""
        senses, body = self.senses, self.body
        votes = spikes[veto.MOTOR : veto.BRAKE]
        move = winner(votes)
        if move == NO_WINNER:
            return np.zeros(2, np.float32)
        if move in (veto.SPIN_RIGHT, veto.SPIN_LEFT):
            side = 1.0 if move == veto.SPIN_LEFT else -1.0
            if self.last[1] * side <= 0.0:
                self.last = np.array([1.0, 0.01 * side])
            speed, yaw_rate = 0.0, side * SPIN_RADPS
        else:
            self.last = self.moves[move]
            vigour = (votes[move] / ticks - senses.creep_rate) / (senses.full_rate - senses.creep_rate)
            ease = 1.0 - senses.brake_gain * spikes[veto.BRAKE] / ticks
            share = min(max(vigour, senses.creep), 1.0) * max(ease, senses.creep)
            speed = body.max_speed_mps * share * max(self.last[0], 0.0)
            yaw_rate = senses.turn_gain * self.angles[move]
        limit = body.max_yaw_rate_radps
        yaw_rate = min(max(yaw_rate, -limit), limit)
        wheels = wheel_commands(speed, yaw_rate, body.track_m, body.max_speed_mps)
        return np.array(wheels, np.float32)

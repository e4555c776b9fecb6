"""VFH: a vector field histogram planner, the classical bar to beat.

After VFH+ (Ulrich and Borenstein, ICRA 1998): obstacles are enlarged by the robot's width and a
margin; the openings that remain compete by their distance to the goal's direction, to straight
ahead
"""

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.controllers.wheels import chord, unit_vectors, wheel_commands
from neurobot.loop import Body, Observation

SECTORS = 73  # openings looked at, evenly over SPAN_RAD to either side
SPAN_RAD = math.radians(135)
# Margin beside the robot (m), how far an opening must then be free (m), price.
MARGINS = ((0.36, 3.4, 0.0), (0.28, 2.6, 1.2), (0.2, 1.7, 2.4), (0.11, 0.8, 3.6))
TIGHT_M = MARGINS[-1][0]
GOAL, AHEAD, LAST = 5.0, 2.0, 2.0  # weights of the three distances, as in VFH+
TURN_GAIN = 4.6  # yaw rate per direction, 1/s
BRAKE_M = 0.87  # with so much room ahead the robot drives at full speed
GAP_M = 0.045  # it stops so near
CREEP = 0.26  # share of full speed kept in narrow places
BLOCKED = -1

Floats = NDArray[np.float64]


@kernel
def room_along(
    range_m: NDArray[np.float32],
    beam_cos: Floats,
    beam_sin: Floats,
    cos: float,
    sin: float,
    half: float,
) -> float:
    """Distance that a strip of half a width is free along a direction, from the robot's centre."""
    room = math.inf
    for b in range(range_m.shape[0]):
        x, y = range_m[b] * beam_cos[b], range_m[b] * beam_sin[b]
        along, across = x * cos + y * sin, y * cos - x * sin
        if along > 0.0 and abs(across) < half:
            room = min(room, along)
    return room


@kernel
def choose(
    range_m: NDArray[np.float32],
    beam_cos: Floats,
    beam_sin: Floats,
    sectors: Floats,
    half: float,
    lookahead_m: float,
    goal: Floats,
    last: Floats,
) -> tuple[int, float]:
    """Return the free sector of least cost, and that cost; BLOCKED and infinity: there is none."""
    best, least = BLOCKED, math.inf
    for k in range(sectors.shape[0]):
        cos, sin = sectors[k, 0], sectors[k, 1]
        cost = (
            GOAL * chord(goal[0], goal[1], cos, sin)
            + AHEAD * chord(1.0, 0.0, cos, sin)
            + LAST * chord(last[0], last[1], cos, sin)
        )
        if cost >= least:
            continue
        if room_along(range_m, beam_cos, beam_sin, cos, sin, half) > lookahead_m:
            best, least = k, cost
    return best, least


class VfhController:
    """Drive towards the best opening; where there is none, turn on the spot."""

    sensor: ClassVar[str] = "range"

    def attach(self, body: Body) -> None:
        """Learn the robot's width and where the beams point."""
        self.body = body
        self.angles = np.linspace(-SPAN_RAD, SPAN_RAD, SECTORS)
        self.sectors = unit_vectors(self.angles)
        self.ahead = np.array([1.0, 0.0])

    def reset(self, seed: int) -> None:
        """Forget the last choice."""
        self.last = self.ahead

    def act(self, observation: Observation) -> NDArray[np.float32]:
        """Choose an opening, and a speed that the room ahead allows."""
        body, scan = self.body, observation["range"]
        beams = scan, body.beam_cos, body.beam_sin
        goal = observation["goal"].astype(np.float64) if "goal" in observation else self.ahead
        best, k = math.inf, BLOCKED
        for margin_m, lookahead_m, price in MARGINS:
            half = body.half_width_m + margin_m
            opening, cost = choose(*beams, self.sectors, half, lookahead_m, goal, self.last)
            if cost + price < best:
                best, k = cost + price, opening
        speed, yaw_rate = 0.0, math.copysign(TURN_GAIN, self.last[1])
        if k != BLOCKED:
            self.last = self.sectors[k]
            yaw_rate = TURN_GAIN * self.angles[k]
            strip = body.half_width_m + TIGHT_M
            room = room_along(*beams, 1.0, 0.0, strip) - body.half_length_m - GAP_M
            share = min(max(room / BRAKE_M, 0.0), 1.0) * max(self.last[0], 0.0)
            near = min(max((scan.min() - body.half_width_m) / BRAKE_M, CREEP), 1.0)
            speed = body.max_speed_mps * share * near
        yaw_rate = min(max(yaw_rate, -body.max_yaw_rate_radps), body.max_yaw_rate_radps)
        wheels = wheel_commands(speed, yaw_rate, body.track_m, body.max_speed_mps)
        return np.array(wheels, np.float32)

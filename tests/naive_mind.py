"""The spiking controller's rules once more: one decision, slow and obvious.

Directions are angles, zones are fractions, the chip is the oracle's. Nothing here imports neurobot.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from naive import Cell, NaiveChip, NaiveRun, Wiring, naive_change, naive_poppins, naive_rate

SECTORS, DIRECTIONS = 32, 27
SPIN_RIGHT, SPIN_LEFT = 27, 28  # moves behind the directions
TICKS, BURST_TICKS = 64, 8


class NaiveBody(NamedTuple):
    """What matters of a robot: lengths in metres."""

    beams_rad: list[float]
    half_length: float
    half_width: float
    track: float
    max_speed: float
    max_yaw_rate: float
    acceleration: float


@dataclass
class NaiveMood:
    """What is remembered from one decision to the next."""

    last_rad: float = 0.0
    undecided: int = 0
    weary: int = 0
    before: list[int] = field(default_factory=lambda: [256] * (2 * SECTORS))


class NaiveAct(NamedTuple):
    """What came out of a decision."""

    move: int | None
    wheels: tuple[float, float]


# Readings to spike trains.


def naive_pool(body: NaiveBody, readings: Sequence[float]) -> list[float]:
    """Nearest reading of each of 32 equal sectors between the outermost beams."""
    first, last = min(body.beams_rad), max(body.beams_rad)
    nearest = [math.inf] * SECTORS
    for angle, reading in zip(body.beams_rad, readings, strict=True):
        behind = [k for k in range(1, SECTORS) if angle >= first + (last - first) * k / SECTORS]
        nearest[len(behind)] = min(nearest[len(behind)], reading)
    return nearest


def naive_proximity(distance: float, near: float, far: float) -> int:
    """How far 1 / distance is on its way from 1 / far to 1 / near, in 256ths."""
    if distance <= near:
        return 256
    if distance >= far:
        return 0
    from_far = Fraction(1) / Fraction(distance) - Fraction(1) / Fraction(far)
    return math.floor(256 * from_far / (Fraction(1) / Fraction(near) - Fraction(1) / Fraction(far)))


def naive_scale(body: NaiveBody) -> float:
    """How much larger the zones are than those of the robot that they were found on."""
    radius = math.sqrt(body.half_length**2 + body.half_width**2)
    stop = body.max_speed**2 / body.acceleration / 2
    return max(radius / 0.333, stop / 0.4)


def naive_threats(
    program: Any, body: NaiveBody, mood: NaiveMood, nearest: list[float]
) -> list[int]:
    """Levels of near threats, then of far ones, which fade by 1/64 with each weary decision."""
    scale = naive_scale(body)
    near, far = (
        [naive_proximity(d, scale * zone[0], scale * zone[1]) for d in nearest]
        for zone in (program.near_m, program.far_m)
    )
    return near + [math.floor(level * (1 - Fraction(mood.weary, 64))) for level in far]


def naive_directions(program: Any) -> list[float]:
    """Angles from right to left, the outermost at the span."""
    angles = []
    for d in range(DIRECTIONS):
        share = abs(d - 13) / 13
        angles.append(math.copysign(program.wiring.span * share**program.wiring.bend, d - 13))
    return angles


def naive_chord(one_rad: float, other_rad: float) -> float:
    """Distance of two points on the unit circle."""
    return 2 * abs(math.sin((one_rad - other_rad) / 2))


def naive_level(stimulus: float, drive: int) -> int:
    """Rate in 256ths of so strong spikes that make a mean stimulus."""
    if stimulus <= 0:
        return 0
    return 256 if stimulus >= drive else math.floor(256 * stimulus / drive)


def naive_drives(program: Any, mood: NaiveMood, goal: Sequence[float] | None) -> list[int]:
    """Levels of the directions, of spinning right, of spinning left; no goal: ahead."""
    wishes = [(0.0, program.ahead), (mood.last_rad, program.last)]
    if goal is None:
        wishes.append((0.0, program.goal))
    elif list(goal) != [0.0, 0.0]:
        wishes.append((math.atan2(goal[1], goal[0]), program.goal))
    stimuli = [
        program.base - sum(loss * naive_chord(angle, wish) for wish, loss in wishes)
        for angle in naive_directions(program)
    ]
    once_more = program.spin + 1 + 2 * mood.undecided
    spins = [program.spin, once_more] if mood.last_rad >= 0 else [once_more, program.spin]
    return [naive_level(stimulus, program.wiring.drive) for stimulus in stimuli + spins]


def naive_encode(
    program: Any,
    body: NaiveBody,
    mood: NaiveMood,
    readings: Sequence[float],
    goal: Sequence[float] | None,
) -> list[list[bool]]:
    """Spike trains [tick][neuron] of all 123 neurons; what has come nearer fires at once."""
    threats = naive_threats(program, body, mood, naive_pool(body, readings))
    idle = [0] * (DIRECTIONS + 2 + 1)  # motor neurons and the brake hear nothing from outside
    trains = naive_rate(threats + naive_drives(program, mood, goal) + idle, TICKS)
    bursts = naive_change(threats, mood.before, BURST_TICKS, program.approach)
    for train, burst in zip(trains, bursts, strict=False):
        for i, spike in enumerate(burst):
            train[i] = train[i] or spike
    mood.before = threats
    return trains


# The chip.


class NaiveNetwork(NamedTuple):
    """A network on a chip, as the oracle takes it."""

    cells: tuple[list[Cell], list[Cell]]
    wiring: Wiring
    tonic: list[int]
    amplitude: list[int]
    chip: NaiveChip


def naive_majority(counts: Sequence[int]) -> int | None:
    """Position of the one that has more than all others together."""
    for k, count in enumerate(counts):
        if count > sum(counts) - count:
            return k
    return None


def naive_settled(counts: Sequence[int], ticks_left: int) -> bool:
    """Whether the winner stays in the best and in the worst that can happen to each one."""
    now = naive_majority(counts)
    for k in range(len(counts)):
        alone = [count + ticks_left * (j == k) for j, count in enumerate(counts)]
        others = [count + ticks_left * (j != k) for j, count in enumerate(counts)]
        if naive_majority(alone) != now or (now == k and naive_majority(others) != now):
            return False
    return True


def naive_decision(
    network: NaiveNetwork, trains: list[list[bool]]
) -> tuple[list[int], int, dict[str, int]]:
    """Spikes of each neuron, ticks and events, until no spikes can change who of the moves wins."""
    count = len(trains[0])
    motors = range(count - 1 - (DIRECTIONS + 2), count - 1)

    def ends(run: NaiveRun) -> bool:
        votes = [sum(fired[i] for fired in run.spikes) for i in motors]
        return naive_settled(votes, len(trains) - len(run.spikes))

    run = naive_poppins(
        *network.cells, network.wiring, network.tonic, network.amplitude, trains, network.chip, ends
    )
    spikes = [sum(fired[i] for fired in run.spikes) for i in range(count)]
    return spikes, len(run.spikes), run.counts


# Spikes to wheels.


def clipped(value: float, most: float) -> float:
    """Nearest number in -most..most."""
    return sorted((-most, value, most))[1]


def naive_decode(
    program: Any, body: NaiveBody, mood: NaiveMood, spikes: Sequence[int], ticks: int
) -> NaiveAct:
    """What the spikes in so many ticks mean for the mood and for the wheels."""
    *votes, brake = spikes[-DIRECTIONS - 3 :]
    move = naive_majority(votes)
    speed, yaw_rate = 0.0, 0.0
    mood.undecided = mood.undecided + 1 if move is None else 0
    if move in (SPIN_RIGHT, SPIN_LEFT):
        side = {SPIN_RIGHT: -1, SPIN_LEFT: 1}[move]
        yaw_rate = 2.0 * side
        if mood.last_rad == 0 or (mood.last_rad > 0) != (side > 0):
            mood.last_rad = side * math.atan(0.01)
    elif move is not None:
        mood.last_rad = naive_directions(program)[move]
        yaw_rate = program.turn_gain * mood.last_rad
        rate = votes[move] / ticks
        vigour = (rate - program.creep_rate) / (program.full_rate - program.creep_rate)
        vigour = 1.0 if vigour > 1 else max(vigour, program.creep)
        ease = max(1 - program.brake_gain * (brake / ticks), program.creep)
        ahead = max(math.cos(mood.last_rad), 0.0)
        speed = body.max_speed * ahead * program.cruise * ease * vigour
    if speed / body.max_speed <= 0.01:
        mood.weary = mood.weary + 1 if mood.weary < 60 else 60
    else:
        mood.weary = mood.weary - 1 if mood.weary > 0 else 0
    turn = clipped(clipped(yaw_rate, body.max_yaw_rate) * body.track / 2 / body.max_speed, 1.0)
    forward = clipped(speed / body.max_speed, 1 - abs(turn))
    return NaiveAct(move, (forward - turn, forward + turn))

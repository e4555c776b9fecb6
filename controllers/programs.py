"""The programs of the spiking brain: the integers and thresholds of one network for two tasks."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from neurobot.controllers import veto


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


class Range(NamedTuple):
    """What a number of a program may be."""

    low: float
    high: float
    decimals: int  # 0: a whole number


# Every number of a program; one of these in any combination is a network that a default chip
# holds. Potentials and stimuli have the silicon's whole ranges, weights one sign of theirs.
RANGES = {
    "near_veto": Range(0, 127, 0),
    "near_cone": Range(0, 1.57, 2),
    "near_edge": Range(0.01, 1.57, 2),
    "far_veto": Range(0, 127, 0),
    "far_cone": Range(0, 1.57, 2),
    "far_edge": Range(0.01, 1.57, 2),
    "strong_rival": Range(0, 127, 0),
    "weak_rival": Range(0, 127, 0),
    "persistence": Range(0, 127, 0),
    "rest": Range(0, 255, 0),
    "threshold": Range(0, 255, 0),
    "reset": Range(0, 255, 0),
    "drive": Range(1, 255, 0),
    "span": Range(0.5, 3.14, 2),
    "bend": Range(0.5, 2, 2),
    "brake": Range(0, 127, 0),
    "brake_cone": Range(0, 1.57, 2),
    "near_full_m": Range(0.05, 0.6, 2),
    "near_none_m": Range(0.7, 2.5, 2),
    "far_full_m": Range(0.3, 1.5, 2),
    "far_none_m": Range(1.6, 5, 2),
    "approach": Range(1, 64, 0),
    "base": Range(0, 100, 1),
    "goal": Range(0, 30, 1),
    "ahead": Range(0, 10, 1),
    "last": Range(0, 10, 1),
    "spin": Range(0, 60, 1),
    "turn_gain": Range(0.5, 8, 2),
    "creep_rate": Range(0, 0.05, 3),
    "full_rate": Range(0.06, 0.4, 3),
    "creep": Range(0, 0.3, 2),
    "cruise": Range(0.2, 1, 2),
    "brake_gain": Range(0, 5, 2),
}
ZONES = ("near", "far")


def numbers_of(program: Program) -> dict[str, float]:
    """Return the numbers of a program by their names in RANGES."""
    found = {**vars(program), **vars(program.wiring)}
    for zone in ZONES:
        found[f"{zone}_full_m"], found[f"{zone}_none_m"] = found[f"{zone}_m"]
    return {name: found[name] for name in RANGES}


def program_of(numbers: dict[str, float]) -> Program:
    """Make the program of such numbers; what is whole by RANGES becomes an integer."""
    left: dict[str, Any] = {
        name: numbers[name] if bounds.decimals else round(numbers[name])
        for name, bounds in RANGES.items()
    }
    for zone in ZONES:
        left[f"{zone}_m"] = (left.pop(f"{zone}_full_m"), left.pop(f"{zone}_none_m"))
    wiring = {field.name: left.pop(field.name) for field in fields(veto.Wiring)}
    return Program(wiring=veto.Wiring(**wiring), **left)


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


class Pair(NamedTuple):
    """What a brain runs for each task; None where nothing is known of it."""

    roam: Program | None
    seek: Program | None


HANDMADE = Pair(ROAM, SEEK)

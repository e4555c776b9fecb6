"""The programs of the spiking brain: the integers and thresholds of one network for two tasks."""

from dataclasses import dataclass

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

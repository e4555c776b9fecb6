"""Records of episodes that nobody drove."""

from dataclasses import replace
from typing import Any

from neurobot import evaluate
from neurobot.episodes import Record
from neurobot.events import Events
from neurobot.trace import pack

# Ten seconds of a spiking brain that reached its goal: 100 decisions of 5 ms, 12 m of a 9 m way.
RECORD = Record(
    outcome="success",
    fault=None,
    duration_s=10.0,
    reward=0.0,
    path_m=12.0,
    clearance_m=0.3,
    ground_m2=9,
    mean_clearance_m=1.5,
    near_s=0.4,
    turn_rad=6.0,
    jerk_mps3=2.0,
    log_jerk=-12.0,
    decisions=100,
    late_decisions=0,
    latency_total_s=0.5,
    latency_max_s=0.02,
    events=Events(cycles=1000, synaptic_ops=5000, weight_reads=6000),
    trajectory_sha256="",
    trace=pack([[0.0, 0.0], [12.0, 0.0]], [0.005] * 100, [[5.0, 1.0, 0.3]]),
    controller="poppins",
    env="neurobot/Navigation-v0",
    scenario="forest",
    cell=None,
    episode=0,
    seed=0,
    shortest_m=9.0,
    progress=1.0,
    fastest_s=4.5,
)


def make_record(**changes: Any) -> Record:
    """Return that record with some fields changed."""
    return replace(RECORD, **changes)


def fault_of(controller: str, **options: Any) -> str:
    """Return why a controller ended its first episode; for the options see `neurobot.evaluate`."""
    (record,) = evaluate(controller, episodes=1, **options)
    return str(record.fault)

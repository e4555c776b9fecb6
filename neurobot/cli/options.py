"""Options that commands share: which world, who drives, how latency acts back, which prices."""

import argparse
from typing import Any

from neurobot.compiled import cores
from neurobot.controllers import COMPARED
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.engine import ENGINES
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.world import ROBOTS
from neurobot.episodes import ENVS
from neurobot.limits import DEFAULT_LIMIT_S
from neurobot.loop import LATE, Timing

CONTROLLER_NAMES = f"{', '.join(COMPARED)}, others of `neurobot list`, or package.module:Class"
SCENARIO_NAMES = f"{', '.join(SCENARIOS)}, or a world file"
ENV_NAMES = " or ".join(ENVS)
# Option of the command line -> keyword of the environment.
WORLD = {
    "robot": "robot",
    "difficulty": "difficulty",
    "sensor": "sensor",
    "time_limit": "time_limit_s",
    "noise": "noise",
    "dropout": "dropout",
}
TIMING = ("clock_hz", "late", "instant")  # options of the command line that are those of `Timing`


def add_world(options: argparse.ArgumentParser) -> None:
    """Declare what the world and its robot are like."""
    add = options.add_argument
    add(
        "--robot",
        metavar="NAME",
        help=f"{', '.join(ROBOTS)} (default: jackal, or the world file's)",
    )
    add("--difficulty", type=float, metavar="D", help="of generated scenarios, 0..1 (default: 0.5)")
    add("--sensor", metavar="NAME", help="range or camera (default: what each needs)")
    add("--time-limit", type=float, metavar="S", help="seconds per episode (default: 60)")
    add(
        "--noise",
        type=float,
        metavar="SD",
        help="of the sensor, metres or grey levels (default: 0)",
    )
    add("--dropout", type=float, metavar="P", help="chance that a beam sees nothing (default: 0)")


def add_timing(options: argparse.ArgumentParser) -> None:
    """Declare how the time that decisions take acts back."""
    add = options.add_argument
    add("--clock-hz", type=float, metavar="HZ", help="clock of the chips (default: their own)")
    add(
        "--late",
        choices=LATE,
        help="what the robot does when a decision takes longer than a step (default: hold)",
    )
    add("--instant", action="store_true", help="decisions take no time")


def add_engine(options: argparse.ArgumentParser) -> None:
    """Declare where episodes run."""
    add = options.add_argument
    add("--jobs", type=int, default=cores(), metavar="N", help="processes (default: all cores)")
    add("--engine", choices=list(ENGINES), default="local", help="this machine or a Ray cluster")
    add("--address", metavar="ADDRESS", help="of the Ray cluster (default: one of this machine)")
    add(
        "--decision-limit",
        type=float,
        default=DEFAULT_LIMIT_S,
        metavar="S",
        help="seconds that a decision of a brain of your own may take (default: %(default)g)",
    )


def engine_given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of an evaluation that say where it runs."""
    return {
        "jobs": args.jobs,
        "engine": args.engine,
        "address": args.address,
        "limit_s": args.decision_limit,
    }


def add_cost_table(options: argparse.ArgumentParser) -> None:
    """Declare which prices count."""
    options.add_argument(
        "--cost-table",
        choices=list(COST_TABLES),
        default=DEFAULT_COST_TABLE,
        help="prices of the events (default: %(default)s)",
    )


def world_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of the environment that were given."""
    given = {keyword: getattr(args, name) for name, keyword in WORLD.items()}
    return {keyword: value for keyword, value in given.items() if value is not None}


def timing_given(args: argparse.Namespace) -> dict[str, Any]:
    """Return the keywords of `Timing` that were given."""
    given = {"clock_hz": args.clock_hz, "late": args.late, "instant": args.instant or None}
    return {keyword: value for keyword, value in given.items() if value is not None}


def timing_of(args: argparse.Namespace) -> Timing:
    """Return how latency is to act back."""
    return Timing(**timing_given(args))

"""`neurobot demo`: watch a robot and its brain, and meddle with both."""

import argparse
import math
import re
from pathlib import Path
from typing import Any

from neurobot.cli.options import add_timing, add_world, timing_of, world_of
from neurobot.controllers import CONTROLLERS
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.demo.recording import check_target
from neurobot.demo.replay import find_recorded, verdict
from neurobot.envs.scenarios import SCENARIOS
from neurobot.suite import ENVS, Job, options_for

DEFAULT_CONTROLLER, DEFAULT_SCENARIO = "poppins", "forest"
DEFAULT_SIZE = "1280x720"
SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
LEAST_SIZE, MOST_SIZE = (640, 360), (7680, 4320)
LEAST_SPEED, MOST_SPEED = 1 / 64, 64.0
NOT_EQUAL = 1  # status of a replay that was not what the record says
EPILOG = "In the window, H shows every key."


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser("demo", help="watch a robot and its brain, live", epilog=EPILOG)
    options.set_defaults(function=run)
    add = options.add_argument
    known = f"{', '.join(CONTROLLERS)}, or package.module:Class"
    add(
        "controller",
        nargs="?",
        metavar="CONTROLLER",
        help=f"{known} (default: {DEFAULT_CONTROLLER})",
    )
    add("--env", default=ENVS[1], metavar="ID", help=f"{' or '.join(ENVS)} (default: the last)")
    places = f"{', '.join(SCENARIOS)}, or a world file"
    add("--scenario", metavar="NAME", help=f"{places} (default: {DEFAULT_SCENARIO})")
    add("--seed", type=int, default=0, metavar="N", help="of the first episode (default: 0)")
    add_world(options)
    add_timing(options)
    add(
        "--replay",
        metavar="DIR#EPISODE",
        help="play an episode that evaluate --out kept; CONTROLLER and --scenario choose",
    )
    add("--headless", action="store_true", help="without a window")
    add(
        "--seconds",
        type=float,
        metavar="S",
        help="end after so long (default: when the window is closed; headless: after one episode)",
    )
    add("--record", type=Path, metavar="FILE", help="write a video, .mp4 or .gif")
    add(
        "--cost-table",
        choices=list(COST_TABLES),
        default=DEFAULT_COST_TABLE,
        help="prices of the events (default: %(default)s)",
    )
    add("--theme", choices=("dark", "light"), default="dark", help="(default: %(default)s)")
    add("--size", default=DEFAULT_SIZE, metavar="WxH", help="of the screen (default: %(default)s)")
    add("--speed", type=float, default=1.0, metavar="X", help="times real time (default: 1)")


def run(args: argparse.Namespace) -> int:
    """Run `neurobot demo`."""
    size = read_size(args.size)
    if not LEAST_SPEED <= args.speed <= MOST_SPEED:
        raise ValueError(
            f"--speed {args.speed:g}: a number from {LEAST_SPEED:g} to {MOST_SPEED:g} needed"
        )
    if args.seconds is not None and not 0 < args.seconds < math.inf:
        raise ValueError(f"--seconds {args.seconds:g}: a number above 0 needed")
    if args.record is not None:
        check_target(args.record)
    recorded = None
    if args.replay is not None:
        recorded = find_recorded(args.replay, args.controller, args.scenario)
    from neurobot.demo.player import Options, Player  # pygame is loaded when it is needed
    from neurobot.demo.session import Session

    said: list[tuple[bool, str]] = []

    def report(session: Session) -> None:
        print(describe_end(session), flush=True)
        if recorded is not None and session.job == recorded.job:
            said.append(verdict(recorded, session))
            print(f"replay of {args.replay}: {said[-1][1]}", flush=True)

    job = recorded.job if recorded else job_of(args)
    session = Session(job, COST_TABLES[args.cost_table], report)
    options = Options(args.theme, args.speed, goes_on=recorded is None)
    show(args, Player(session, size, options))
    return 0 if all(equal for equal, _ in said) else NOT_EQUAL


def show(args: argparse.Namespace, player: Any) -> None:
    """Play in a window or without one, and record if asked for."""
    if args.headless:
        from neurobot.demo.headless import run_headless

        begin_recording(args, player)
        run_headless(player, args.seconds)
    else:
        from neurobot.demo.window import Window

        window = Window(player)
        begin_recording(args, player)
        window.run(args.seconds)
    if args.record is not None:
        print(f"{args.record}: {args.record.stat().st_size / 1e6:.1f} MB")


def begin_recording(args: argparse.Namespace, player: Any) -> None:
    """Record from the beginning on, if asked for."""
    if args.record is not None:
        player.record(args.record)


def describe_end(session: Any) -> str:
    """Say how an episode ended."""
    job, episode = session.job, session.episode()
    touched = "; touched" if session.touched else ""
    return (
        f"{job.controller} in {job.scenario}, seed {job.seed}: {episode.outcome} after "
        f"{episode.duration_s:.1f} s and {episode.path_m:.1f} m; trajectory "
        f"{episode.trajectory_sha256[:12]}{touched}"
    )


def read_size(text: str) -> tuple[int, int]:
    """Read WIDTHxHEIGHT."""
    match = SIZE.fullmatch(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(low <= n <= high for low, n, high in zip(LEAST_SIZE, size, MOST_SIZE, strict=True)):
        low, high = ("x".join(map(str, limit)) for limit in (LEAST_SIZE, MOST_SIZE))
        raise ValueError(f"--size {text}: WIDTHxHEIGHT from {low} to {high} needed")
    return size


def job_of(args: argparse.Namespace) -> Job:
    """Return the episode that the command line asks for."""
    if args.seed < 0:
        raise ValueError(f"seed={args.seed} must be 0 or more")
    controller = args.controller or DEFAULT_CONTROLLER
    return Job(
        controller=controller,
        env=args.env,
        scenario=args.scenario or DEFAULT_SCENARIO,
        episode=0,
        seed=args.seed,
        timing=timing_of(args),
        options=options_for(controller, world_of(args)),
    )

"""`neurobot demo`: watch a robot and its brain, and meddle with both."""

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurobot.cli.options import (
    CONTROLLER_NAMES,
    ENV_NAMES,
    SCENARIO_NAMES,
    add_cost_table,
    add_timing,
    add_world,
    timing_given,
    timing_of,
    world_of,
)
from neurobot.cost import COST_TABLES
from neurobot.demo.recording import check_target
from neurobot.demo.replay import Recorded, find_recorded, verdict
from neurobot.demo.session import Session
from neurobot.episodes import ENVS, Job, options_for
from neurobot.faults.spec import read_faults

if TYPE_CHECKING:  # pygame is loaded when it is needed
    from neurobot.demo.player import Player

DEFAULT_CONTROLLER, DEFAULT_ENV, DEFAULT_SCENARIO = "poppins", ENVS[1], "forest"
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
    add_episode(options)
    add_world(options)
    add_timing(options)
    add_show(options)
    add_cost_table(options)


def add_episode(options: argparse.ArgumentParser) -> None:
    """Declare what is played."""
    add = options.add_argument
    add(
        "controllers",
        nargs="*",
        metavar="CONTROLLER",
        help=f"{CONTROLLER_NAMES} (default: {DEFAULT_CONTROLLER}); of several, the key C lets the "
        "next one drive",
    )
    add("--env", metavar="ID", help=f"{ENV_NAMES} (default: the second, with a goal)")
    add("--scenario", metavar="NAME", help=f"{SCENARIO_NAMES} (default: {DEFAULT_SCENARIO})")
    add("--seed", type=int, metavar="N", help="of the first episode (default: 0)")
    add(
        "--replay",
        metavar="DIR#EPISODE",
        help="play an episode that evaluate --out kept, and compare it with its record; the "
        "options that are given tell it from others of that number",
    )
    add(
        "--fault",
        metavar="WHAT",
        help='what goes wrong, as in "weights?rate=1e-4&protection=ecc" or "sensor?share=0.3"; '
        "see `neurobot faults`",
    )


def add_show(options: argparse.ArgumentParser) -> None:
    """Declare how it is shown."""
    add = options.add_argument
    add("--headless", action="store_true", help="without a window")
    add(
        "--seconds",
        type=float,
        metavar="S",
        help="end after so long (default: when the window is closed; headless: after one episode)",
    )
    add("--record", type=Path, metavar="FILE", help="write a video, .mp4 or .gif")
    add("--theme", choices=("dark", "light"), default="dark", help="(default: %(default)s)")
    add("--size", default=DEFAULT_SIZE, metavar="WxH", help="of the screen (default: %(default)s)")
    add("--speed", type=float, default=1.0, metavar="X", help="times real time (default: 1)")


def run(args: argparse.Namespace) -> int:
    """Run `neurobot demo`."""
    size = read_size(args.size)
    check_numbers(args)
    if args.record is not None:
        check_target(args.record)
    recorded = find_recorded(args.replay, told(args)) if args.replay is not None else None
    job = recorded.job if recorded else job_of(args)
    session = Session(job, COST_TABLES[args.cost_table], on_end=print_end)
    from neurobot.demo.player import Options, Player

    brains = args.controllers if len(args.controllers) > 1 else ()
    options = Options(args.theme, args.speed, goes_on=recorded is None, brains=tuple(brains))
    show(args, Player(session, size, options))
    return 0 if recorded is None else print_verdict(args.replay, recorded, session)


def show(args: argparse.Namespace, player: "Player") -> None:
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
    if not player.session.trial.ended:
        print_end(player.session)
    if args.record is not None and args.record in player.films:
        print(f"{args.record}: {args.record.stat().st_size / 1e6:.1f} MB")


def begin_recording(args: argparse.Namespace, player: "Player") -> None:
    """Record from the beginning on, if asked for."""
    if args.record is not None:
        player.record(args.record)


def print_end(session: Session) -> None:
    """Say how an episode ended, or how far it got."""
    job, episode = session.job, session.episode()
    outcome = episode.outcome if session.trial.ended else "left"
    touched = "; touched" if session.touched else ""
    print(
        f"{job.controller} in {job.scenario} ({job.env}), seed {job.seed}: {outcome} after "
        f"{episode.duration_s:.1f} s and {episode.path_m:.1f} m; trajectory "
        f"{episode.trajectory_sha256[:12]}{touched}",
        flush=True,
    )


def print_verdict(name: str, recorded: Recorded, session: Session) -> int:
    """Say whether a replay was equal to its record; return the command's status."""
    is_equal, said = verdict(recorded, session)
    print(f"replay of {name}: {said}")
    return 0 if is_equal else NOT_EQUAL


def told(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the command line tells of an episode."""
    given = {
        "controller": args.controllers[0] if args.controllers else None,
        "env": args.env,
        "scenario": args.scenario,
        "seed": args.seed,
        "faults": str(read_faults(args.fault)) if args.fault else None,
    }
    known = {fact: value for fact, value in given.items() if value is not None}
    return {**known, **world_of(args), **timing_given(args)}


def job_of(args: argparse.Namespace) -> Job:
    """Return the episode that the command line asks for."""
    controller = args.controllers[0] if args.controllers else DEFAULT_CONTROLLER
    return Job(
        controller=controller,
        env=args.env or DEFAULT_ENV,
        scenario=args.scenario or DEFAULT_SCENARIO,
        episode=0,
        seed=args.seed or 0,
        timing=timing_of(args),
        options=options_for(controller, world_of(args)),
        faults=read_faults(args.fault) if args.fault else None,
    )


def check_numbers(args: argparse.Namespace) -> None:
    """Refuse numbers that mean nothing."""
    if args.seed is not None and args.seed < 0:
        raise ValueError(f"seed={args.seed} must be 0 or more")
    if not LEAST_SPEED <= args.speed <= MOST_SPEED:
        raise ValueError(
            f"--speed {args.speed:g}: a number from {LEAST_SPEED:g} to {MOST_SPEED:g} needed"
        )
    if args.seconds is not None and not 0 < args.seconds < math.inf:
        raise ValueError(f"--seconds {args.seconds:g}: a number above 0 needed")


def read_size(text: str) -> tuple[int, int]:
    """Read WIDTHxHEIGHT."""
    match = SIZE.fullmatch(text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(low <= n <= high for low, n, high in zip(LEAST_SIZE, size, MOST_SIZE, strict=True)):
        low, high = ("x".join(map(str, limit)) for limit in (LEAST_SIZE, MOST_SIZE))
        raise ValueError(f"--size {text}: WIDTHxHEIGHT from {low} to {high} needed")
    return size

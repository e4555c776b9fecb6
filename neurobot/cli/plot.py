"""`neurobot plot`: pictures of paths, of a decision of the spiking brain, of costs."""

import argparse
from pathlib import Path
from typing import Any

from neurobot.cli.options import (
    CONTROLLER_NAMES,
    ENV_NAMES,
    SCENARIO_NAMES,
    add_cost_table,
    add_timing,
    add_world,
    timing_of,
    world_of,
)
from neurobot.cli.terminal import progress_bar
from neurobot.cost import COST_TABLES
from neurobot.episodes import ENVS
from neurobot.plots.costs import count_decisions
from neurobot.plots.episodes import Course
from neurobot.plots.raster import decide_at
from neurobot.plots.trajectories import drive_panels

DRIVERS = ("braitenberg", "vfh", "poppins")
SPIKING = "poppins"
DESCRIPTION = """\
Draw episodes that `neurobot evaluate` runs too: same worlds, same seeds, same bits. With -o FILE
the picture goes to a file of that kind, the same bytes each time; without it, to a window.
"""


def add_command(commands: Any) -> None:
    """Declare the command and what it can draw."""
    options = commands.add_parser(
        "plot", help="pictures of paths, decisions and costs", description=DESCRIPTION
    )
    pictures = options.add_subparsers(dest="picture", required=True, metavar="PICTURE")
    add_trajectories(pictures)
    add_raster(pictures)
    add_costs(pictures)


def add_trajectories(pictures: Any) -> None:
    """Declare `neurobot plot trajectories`."""
    options = pictures.add_parser(
        "trajectories",
        help="paths of robots over their worlds",
        description="Draw the paths of controllers through the same worlds, one panel for each "
        "episode, with obstacles, start, goal and how each path ended.",
    )
    options.set_defaults(function=run_trajectories)
    add_controllers(options, DRIVERS)
    add_course(options, episodes=1)


def add_raster(pictures: Any) -> None:
    """Declare `neurobot plot raster`."""
    options = pictures.add_parser(
        "raster",
        help="one decision of the spiking brain",
        description="Draw one decision of the spiking brain: what the robot saw, spikes of both "
        "populations, potentials of the neurons that compete, and the votes.",
    )
    options.set_defaults(function=run_raster)
    options.add_argument("controller", nargs="?", default=SPIKING, metavar="CONTROLLER",
        help="poppins, or with options: 'poppins?program=evolved' (default: %(default)s)"
        )  # fmt: skip
    options.add_argument("--time", type=float, default=3.0, metavar="S",
        help="seconds into the episode at which the decision begins (default: %(default)g)"
        )  # fmt: skip
    add_course(options)


def add_costs(pictures: Any) -> None:
    """Declare `neurobot plot costs`."""
    options = pictures.add_parser(
        "costs",
        help="histograms of latency and energy of decisions",
        description="Draw histograms of the modelled latency and dynamic energy of each decision, "
        "for controllers that count what happens on their chip.",
    )
    options.set_defaults(function=run_costs)
    add_controllers(options, (SPIKING,))
    add_course(options, episodes=5)
    add_cost_table(options)


def add_controllers(options: argparse.ArgumentParser, default: tuple[str, ...]) -> None:
    """Declare which controllers are meant."""
    options.add_argument("controllers", nargs="*", default=list(default), metavar="CONTROLLER",
        help=f"{CONTROLLER_NAMES} (default: {' '.join(default)})")  # fmt: skip


def add_course(options: argparse.ArgumentParser, episodes: int | None = None) -> None:
    """Declare which worlds are driven through, and where the picture goes."""
    add = options.add_argument
    add("--env", default=ENVS[0], metavar="ID", help=f"{ENV_NAMES} (default: the first)")
    add("--scenario", default="forest", metavar="NAME",
        help=f"{SCENARIO_NAMES} (default: %(default)s)")  # fmt: skip
    if episodes:
        add("--episodes", type=int, default=episodes, metavar="N", help="default: %(default)s")
    add("--seed", type=int, default=0, metavar="N", help="of the first episode (default: 0)")
    add_world(options)
    add_timing(options)
    add("-o", "--out", metavar="FILE",
        help=".png, .svg or .pdf to write (default: show a window)")  # fmt: skip


def course_of(args: argparse.Namespace) -> Course:
    """Turn the command line into a course."""
    return Course(
        args.env,
        args.scenario,
        getattr(args, "episodes", 1),
        args.seed,
        timing_of(args),
        tuple(sorted(world_of(args).items())),
    )


def announce(out: str | None) -> None:
    """Say what was written."""
    if out is not None:
        print(f"Written: {out} ({Path(out).stat().st_size / 1000:.0f} kB)")


def run_trajectories(args: argparse.Namespace) -> None:
    """Run `neurobot plot trajectories`."""
    # matplotlib is an extra, and takes time to load.
    from neurobot.plots.draw_trajectories import draw_trajectories
    from neurobot.plots.figures import picture

    course, controllers = course_of(args), list(dict.fromkeys(args.controllers))
    with picture(args.out) as figure:
        with progress_bar("episodes", True) as progress:
            panels = drive_panels(course, controllers, progress)
        draw_trajectories(figure, course, panels)
    announce(args.out)


def run_raster(args: argparse.Namespace) -> None:
    """Run `neurobot plot raster`."""
    from neurobot.plots.draw_raster import draw_raster
    from neurobot.plots.figures import picture

    with picture(args.out) as figure:
        draw_raster(figure, decide_at(course_of(args), args.controller, args.time))
    announce(args.out)


def run_costs(args: argparse.Namespace) -> None:
    """Run `neurobot plot costs`."""
    from neurobot.plots.draw_costs import draw_costs
    from neurobot.plots.figures import picture

    course, controllers = course_of(args), list(dict.fromkeys(args.controllers))
    with picture(args.out) as figure:
        with progress_bar("episodes", True) as progress:
            decisions = count_decisions(course, controllers, progress)
        draw_costs(figure, course, decisions, COST_TABLES[args.cost_table])
    announce(args.out)

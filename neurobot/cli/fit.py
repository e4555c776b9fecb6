"""`neurobot fit`: a program for the spiking brain, found by search."""

import argparse
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from neurobot.cli.fit_screen import Screen
from neurobot.cli.terminal import make_table, print_json
from neurobot.compiled import cores
from neurobot.cost import tables_of
from neurobot.episodes import ENVS
from neurobot.events import Events
from neurobot.fit.plan import Limits, Plan
from neurobot.fit.score import Tally, Weights
from neurobot.quantities import percent, prefixed
from neurobot.statistics import wilson

if TYPE_CHECKING:
    from neurobot.fit.driving import Drive
    from neurobot.fit.search import Fit

# Scenarios of a fit where none are named: of the task without and with a goal.
DEFAULT_SCENARIOS = {
    ENVS[0]: ("forest", "corridor", "looming"),
    ENVS[1]: ("forest", "barn"),
}
MOST_FRONT = 8  # rows that are printed
DESCRIPTION = """\
Search weights, potentials, drives, encoder and decoder of the spiking brain by CMA-ES, from a start
drawn by the seed, and compare what is found with the program that the controller's name stands for,
in worlds that the search never saw. The search ends after --minutes or --generations, whichever
comes first; every generation is kept in --out, and the same command goes on where it ended.
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "fit", help="search a program for the spiking brain", description=DESCRIPTION
    )
    options.set_defaults(function=run, resumes=True)
    add = options.add_argument
    add("controller", nargs="?", default="poppins", metavar="CONTROLLER",
        help="poppins, or with options of its chip: "
        "poppins?weight_bits=4&weight_shift=4")  # fmt: skip
    add("--env", default=ENVS[1], metavar="ID", help=f"{' or '.join(ENVS)} (default: the second)")
    add("--scenario", nargs="+", metavar="NAME",
        help="scenarios or world files (default: forest barn; without a goal forest corridor "
        "looming)")  # fmt: skip
    add("--minutes", type=float, default=Limits.minutes, metavar="M",
        help="of search, testing comes after (default: %(default)g)")  # fmt: skip
    add("--generations", type=int, metavar="N", help="at most (default: no limit)")
    add("--population", type=int, default=Plan.population, metavar="N",
        help="candidates of a generation (default: %(default)s)")  # fmt: skip
    add("--worlds", type=int, default=Plan.worlds, metavar="N",
        help="that a candidate drives, per scenario (default: %(default)s)")  # fmt: skip
    add("--pool", type=int, default=Plan.pool, metavar="N",
        help="training worlds per scenario, from which each generation's are drawn "
        "(default: %(default)s)")  # fmt: skip
    add("--validation", type=int, default=Plan.validation, metavar="N",
        help="worlds per scenario in which the last candidates compete "
        "(default: %(default)s)")  # fmt: skip
    add("--test", type=int, default=Plan.test, metavar="N",
        help="unseen worlds per scenario for the comparison (default: %(default)s)")  # fmt: skip
    add("--weights", default="", metavar="NAME=X,...",
        help="of the score: " + ",".join(f"{f.name}={f.default}" for f in fields(Weights))
        )  # fmt: skip
    add("--cost-table", choices=list(tables_of(Events.chip)), default=Plan.cost_table,
        help="prices of the events (default: %(default)s)")  # fmt: skip
    add("--robot", metavar="NAME", help="default: jackal, or the world file's")
    add("--difficulty", type=float, metavar="D", help="of generated scenarios, 0..1 (default: 0.5)")
    add("--seed", type=int, default=0, metavar="N", help="of the start, the search and the worlds")
    add("--jobs", type=int, default=cores(), metavar="N", help="threads (default: all cores)")
    add("--ray", nargs="?", const="", metavar="ADDRESS",
        help="drive on a Ray cluster; without an address one is started here")  # fmt: skip
    add("--out", default="fit", metavar="DIR", help="folder of the fit (default: %(default)s)")
    add("--json", action="store_true", help="print one JSON object instead of tables")


def read_weights(text: str) -> Weights:
    """Read NAME=X,NAME=X; what is not named keeps its default."""
    known = [field.name for field in fields(Weights)]
    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        if name not in known:
            raise ValueError(f"--weights: unknown {name!r}; known: {', '.join(known)}")
        try:
            found[name] = float(value)
        except ValueError as error:
            raise ValueError(f"--weights: {part!r} found, {name}=NUMBER needed") from error
    return Weights(**found)


def read_plan(args: argparse.Namespace) -> Plan:
    """Turn the command line into a plan."""
    scenarios = args.scenario or DEFAULT_SCENARIOS.get(args.env, ("forest",))
    given = {"robot": args.robot, "difficulty": args.difficulty}
    return Plan(
        args.controller,
        args.env,
        tuple(dict.fromkeys(scenarios)),
        seed=args.seed,
        population=args.population,
        worlds=args.worlds,
        pool=args.pool,
        validation=args.validation,
        test=args.test,
        weights=read_weights(args.weights),
        cost_table=args.cost_table,
        options=tuple((name, value) for name, value in given.items() if value is not None),
    )


@contextmanager
def driving(args: argparse.Namespace) -> Iterator["Drive"]:
    """Give what drives candidates: the threads of this process, or a cluster."""
    if args.jobs < 1:
        raise ValueError(f"jobs={args.jobs} must be 1 or more")
    if args.ray is None:
        from neurobot.fit.driving import drive_here

        yield partial(drive_here, threads=args.jobs)
        return
    from neurobot.fit.cluster import Cluster  # Ray takes seconds to load, and is an extra

    cluster = Cluster(args.ray or None)
    try:
        yield cluster
    finally:
        cluster.close()


def command_of(args: argparse.Namespace) -> str:
    """Write the command that decides the same course, without where it is kept."""
    words = ["neurobot", "fit", args.controller, "--env", args.env]
    words += ["--scenario", *read_plan(args).scenarios]
    for name in (
        "seed", "minutes", "generations", "population", "worlds", "pool", "validation", "test",
        "weights", "cost_table", "robot", "difficulty",
    ):  # fmt: skip
        value = getattr(args, name)
        if value not in (None, ""):
            words += [
                "--" + name.replace("_", "-"),
                f"{value:g}" if type(value) is float else str(value),
            ]
    return shlex.join(words)


def run(args: argparse.Namespace) -> None:
    """Run `neurobot fit`."""
    # cma is an extra.
    from neurobot.fit.report import CURVE, figures, report, write_all
    from neurobot.fit.search import fit

    plan, limits = read_plan(args), Limits(args.minutes, args.generations)
    folder, console = Path(args.out), Console(highlight=False)
    with driving(args) as drive, Screen(plan, limits, folder / CURVE, not args.json) as screen:
        found = fit(plan, limits, folder, drive, screen.watch)
    written = write_all(folder, plan, found, command_of(args))
    missing = screen.draw(total(found))
    if args.json:
        rows = report(plan, found)["tests"]
        print_json("fit", args.seed, rows, fitted=figures(found.validation, plan))
        return
    show(plan, found, console)
    names = ", ".join(path.name for path in written) + ("" if missing else f", {CURVE}")
    follow = f'Next: neurobot evaluate "poppins?program={written[0]}" --env {plan.env}'
    for line in filter(None, (f"Written to {folder}: {names}", missing, follow)):
        console.print(line, markup=False, soft_wrap=True)


def total(found: "Fit") -> dict[str, Tally]:
    """Add the test worlds of all scenarios up, by program."""
    sums: dict[str, Tally] = {}
    for tallies in found.tests.values():
        for name, tally in tallies.items():
            sums[name] = sums.get(name, Tally()).plus(tally)
    return sums


def show(plan: Plan, found: "Fit", console: Console) -> None:
    """Print the comparison, and the front."""
    from neurobot.fit.history import front

    count = len(found.generations)
    console.print(
        f"{count} generations, {found.seconds / 60:.1f} minutes of search, "
        f"{sum(g.decisions for g in found.generations):,} decisions."
    )
    console.print(tests_table(plan, found))
    console.print(
        "start: random, by the seed; fitted: found; baseline: what the controller's name stands "
        "for. Unseen worlds: no part of the search drove them. Energy is dynamic, per decision, "
        f"modelled by cost table {plan.cost_table!r}.",
        style="dim",
    )
    best = front(found.generations)
    console.print(front_table(plan, best[:MOST_FRONT]))
    console.print(
        f"Not dominated in success, speed and energy: {len(best)} of all candidates, in the "
        "training worlds of their generations; all are in fit.json.",
        style="dim",
    )


def cells(tally: Tally, plan: Plan) -> list[str]:
    """Write what a candidate achieved."""
    low, high = wilson(tally.successes, tally.worlds)
    return [
        str(tally.worlds),
        percent(tally.success_rate),
        f"{percent(low)}-{percent(high)}",
        f"{tally.mean_speed_mps:.2f}",
        prefixed(tally.decision_j, "J"),
        f"{tally.score(plan.weights):.3f}",
    ]


HEADINGS = ("worlds", "success\n%", "95 % int.", "speed\nm/s", "dyn.\nenergy", "score")


def tests_table(plan: Plan, found: "Fit") -> Table:
    """Lay out start, fitted and baseline in unseen worlds."""
    table = make_table("unseen worlds", "program", *HEADINGS)
    for scenario, tallies in found.tests.items():
        for name, tally in tallies.items():
            table.add_row(Path(scenario).name, name, *cells(tally, plan))
    if len(found.tests) > 1:
        for name, tally in total(found).items():
            table.add_row("all", name, *cells(tally, plan))
    return table


def front_table(plan: Plan, best: list[tuple[list[float], Tally]]) -> Table:
    """Lay out candidates that no other dominates."""
    table = make_table("front", *HEADINGS)
    for k, (_, tally) in enumerate(best):
        table.add_row(str(k + 1), *cells(tally, plan))
    return table

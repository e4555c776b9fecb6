"""Compare how well settings of a chip choose on kept lessons, and how well they drive.

python scripts/table_columns_loop.py run CONTROLLER... [--draws N] [--episodes N] [--out FILE]
python scripts/table_columns_loop.py show [--out FILE]

A setting is a controller with options, such as "cnn-cim-4b?adc_bits=3&sigma=0.1&draw=*", of which
`draw=*` stands for so many draws. In the open loop, all choose on the same lessons of the planner,
from which nothing was learned: good is what the planner holds to be nearly as good as the best. In
the closed loop, all drive in the same worlds. A controller that has ended is a line of the file at
once, and none is done twice. `show` lists the settings, then those pairs of them that the two loops
put in different orders.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import combinations
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata
from table_quantizers import read_lines

import neurobot
from neurobot.cli.cim_vary import signed
from neurobot.cli.terminal import make_table, wide_console
from neurobot.column_cim.summary import Estimate, estimate
from neurobot.controllers import make_controller
from neurobot.controllers.pictures import PictureScorer
from neurobot.cost import COST_TABLES, DEFAULT_COST_TABLE
from neurobot.evaluation import evaluate
from neurobot.events import kind_of
from neurobot.imitate.drives import Lessons, drive, teacher
from neurobot.imitate.student import is_good
from neurobot.quantities import percent, prefixed
from neurobot.statistics import wilson

Array = NDArray[Any]
Line = dict[str, Any]
SCENARIO = "forest"
LESSONS, EXAM_SEED = 2_000, 9_000  # the lessons of no school have this seed
ANY = "draw=*"
WHO = ("controller", "setting")  # of a key; the rest are the conditions


def settings_of(name: str, draws: int) -> list[str]:
    """Return the controllers of a setting."""
    return [name.replace(ANY, f"draw={k}") for k in range(draws)] if ANY in name else [name]


def exam(path: Path, count: int) -> Lessons:
    """Return lessons of the planner's own drives, kept in a file."""
    if not path.exists():
        lessons = drive(SCENARIO, teacher, count, EXAM_SEED)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, pictures=lessons.pictures, worth=lessons.worth)
        part.rename(path)
    with np.load(path) as kept:
        return Lessons(kept["pictures"][:count], kept["worth"][:count])


def good_choices(name: str, lessons: Lessons) -> Array:
    """Tell on which lessons a controller chooses well, (N,) bool."""
    controller = make_controller(name)
    if not isinstance(controller, PictureScorer):
        raise ValueError(f"controller {name!r}: no network that scores pictures; allowed: cnn-*")
    seen = lessons.pictures[..., None]
    scores = np.stack([controller.score({"camera": picture}) for picture in seen])
    worth = torch.from_numpy(lessons.worth)
    return np.asarray(is_good(torch.from_numpy(scores.astype(np.float64)), (worth,)))


def drives(name: str, args: argparse.Namespace) -> Line:
    """Let a controller drive; return where it succeeded, and what all decisions took."""
    records = evaluate(
        name,
        scenario=SCENARIO,
        difficulty=args.difficulty,
        episodes=args.episodes,
        seed=args.seed,
        jobs=args.jobs,
    )
    counted = [record.events for record in records if record.events is not None]
    events: Any = reduce(add, counted) if len(counted) == len(records) else None
    return {
        "success": [int(record.success) for record in records],
        "decisions": sum(record.decisions for record in records),
        "driven_s": sum(record.duration_s for record in records),
        "latency_s": sum(record.latency_total_s for record in records),
        "events": events and {"chip": events.chip, **asdict(events)},
    }


def run(args: argparse.Namespace) -> None:
    """Measure what no line is there for."""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lessons, lines = exam(args.out.with_suffix(".exam.npz"), args.lessons), read_lines(args.out)
    about = {
        "scenario": SCENARIO,
        "difficulty": args.difficulty,
        "episodes": args.episodes,
        "seed": args.seed,
        "lessons": len(lessons.worth),
        "version": neurobot.__version__,
    }
    for setting in args.controllers:
        for name in settings_of(setting, args.draws):
            key = {"controller": name, "setting": setting, **about}
            if json.dumps(key, sort_keys=True) in lines:
                continue
            good = good_choices(name, lessons)
            line = {"key": key, "good": np.packbits(good).tobytes().hex(), **drives(name, args)}
            with args.out.open("a") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
            share, success = good.mean(), np.mean(line["success"])
            text = f"{name}: {100 * share:.1f} % good choices, {100 * success:.1f} % success"
            print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Setting:
    """What the lines of a setting tell: by lesson and by world, means over draws."""

    name: str
    lines: Sequence[Line]

    @property
    def good(self) -> Array:
        """The share of draws that choose well, by lesson."""
        count = self.lines[0]["key"]["lessons"]
        bits = [np.frombuffer(bytes.fromhex(line["good"]), np.uint8) for line in self.lines]
        return np.asarray(np.unpackbits(np.stack(bits), axis=1, count=count).mean(axis=0))

    @property
    def success(self) -> Array:
        """The share of draws that succeed, by world."""
        return np.asarray(np.mean([line["success"] for line in self.lines], axis=0))

    @property
    def success_interval(self) -> tuple[float, float]:
        """95 % interval of success: Wilson's of one draw; else Student's, over worlds."""
        if len(self.lines) == 1:
            return wilson(int(self.success.sum()), len(self.success))
        mean, half = estimate(self.success.tolist())
        return max(mean - (half or 0), 0.0), min(mean + (half or 0), 1.0)

    def joules(self, table: str) -> float | None:
        """Energy of a decision, idle power included; None: it has no price."""
        decisions = sum(line["decisions"] for line in self.lines)
        if any(line["events"] is None for line in self.lines):
            return None
        total = 0.0
        for line in self.lines:
            counts = dict(line["events"])
            chip = counts.pop("chip")
            tariff = COST_TABLES[table].tariffs.get(chip)
            if tariff is None:
                return None
            events = kind_of(chip)(**counts)
            total += tariff.dynamic_j(events) + tariff.idling_w(events) * line["driven_s"]
        return total / float(decisions)


def compare(one: Array, other: Array) -> Estimate:
    """Return by how much the first is better, lesson by lesson or world by world."""
    return estimate((one - other).tolist())


def read_settings(path: Path) -> list[Setting]:
    """Read all settings of a file; refuse lines of other worlds or lessons among them."""
    lines = list(read_lines(path).values())
    if not lines:
        raise ValueError(f"{path}: no lines there; `run` writes them")
    names = list(dict.fromkeys(line["key"]["setting"] for line in lines))
    about = {
        json.dumps({name: each for name, each in line["key"].items() if name not in WHO})
        for line in lines
    }
    if len(about) > 1:
        raise ValueError(f"{path}: lines of {len(about)} conditions found: {about}; allowed: one")
    return [
        Setting(name, [line for line in lines if line["key"]["setting"] == name]) for name in names
    ]


def rows_of(settings: Sequence[Setting], table: str) -> Iterator[list[str]]:
    """Yield what is shown of each setting."""
    ranks = (
        rankdata([-shares.mean() for shares in loop], "min").astype(int)
        for loop in zip(*((setting.good, setting.success) for setting in settings), strict=True)
    )
    for setting, *rank in zip(settings, *ranks, strict=True):
        low, high = setting.success_interval
        good = estimate(setting.good.tolist())
        yield [
            setting.name,
            str(len(setting.lines)),
            f"{percent(good.mean)} ± {percent(good.half or 0)}",
            f"{rank[0]}",
            percent(float(setting.success.mean())),
            f"{percent(low)}-{percent(high)}",
            f"{rank[1]}",
            prefixed(setting.joules(table), "J", 3),
        ]


def disagreements(settings: Sequence[Setting]) -> Iterator[list[str]]:
    """Yield the pairs that one loop orders otherwise than the other, with both differences."""
    for one, other in combinations(settings, 2):
        opened, closed = compare(one.good, other.good), compare(one.success, other.success)
        if opened.mean * closed.mean < 0:
            yield [f"{one.name} - {other.name}", signed(opened), signed(closed)]


def show(args: argparse.Namespace) -> None:
    """Print the settings, and where the loops disagree."""
    settings, console = read_settings(args.out), wide_console()
    table = make_table(
        "controller", "draws", "good\nchoices, %", "rank", "success\n%", "95 %\nint.", "rank",
        "energy/\ndecision",
    )  # fmt: skip
    for row in rows_of(settings, args.cost_table):
        table.add_row(*row)
    console.print(table)
    found = list(disagreements(settings))
    if found:
        pairs = make_table("ordered otherwise", "good choices, points", "success, points")
        for row in found:
            pairs.add_row(*row)
        console.print(pairs)
    about, count = settings[0].lines[0]["key"], len(settings) * (len(settings) - 1) // 2
    console.print(
        f"{about['lessons']} lessons of the planner in worlds of {about['scenario']!r}; "
        f"{about['episodes']} worlds of difficulty {about['difficulty']:g} from seed "
        f"{about['seed']}, the same for all. Of {count} pairs {len(found)} are ordered otherwise; "
        f"Kendall's tau of the two orders: {tau(settings)}. ?: the sign of the difference of pairs "
        "is not known. Intervals of 95 % are over lessons and over worlds, of means over draws. "
        "Energy is modelled, idle power included, by cost table "
        f"{args.cost_table!r}.",
        style="dim",
    )


def tau(settings: Sequence[Setting]) -> str:
    """Write how much the two orders agree, -1..1."""
    found = kendalltau([s.good.mean() for s in settings], [s.success.mean() for s in settings])
    return f"{found.statistic:.2f}" if np.isfinite(found.statistic) else "not known, all are equal"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    actions = options.add_subparsers(required=True, metavar="ACTION")
    action = actions.add_parser("run", help="measure controllers in both loops")
    action.set_defaults(function=run)
    more = action.add_argument
    more("controllers", nargs="+", metavar="CONTROLLER", help=f"{ANY} stands for all draws")
    more("--draws", type=int, default=5, metavar="N", help="(default: %(default)s)")
    more("--episodes", type=int, default=50, metavar="N", help="worlds (default: %(default)s)")
    more("--difficulty", type=float, default=0.5, metavar="D",
        help="of the worlds, 0..1 (default: %(default)s)")  # fmt: skip
    more("--lessons", type=int, default=LESSONS, metavar="N", help="(default: %(default)s)")
    more("--seed", type=int, default=0, metavar="N", help="of the first world (default: 0)")
    more("--jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    shown = actions.add_parser("show", help="print tables of what has been measured")
    shown.set_defaults(function=show)
    shown.add_argument("--cost-table", choices=list(COST_TABLES), default=DEFAULT_COST_TABLE)
    for each in (action, shown):
        each.add_argument("--out", type=Path, default=Path("runs/columns-loop.jsonl"))
    args = options.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()

"""Show what the granularity of steps costs on arrays of cells, by bits of converters.

python scripts/table_columns.py granularity [--out FILE] [--seeds N] [--part I/N] [--save DIR]
python scripts/table_columns.py show [--out FILE] [--seeds N]

`granularity` trains one network from scratch, in one stage, for each way to share steps of weights
and of converters (by layer, array, column) and each number of converters' bits, and with ideal
converters. A training that has ended is a line in --out at once, and none is done twice; --part 0/2
and 1/2 are two halves of the work, for two processes that share --out. `show` prints the table with
95 % intervals by Student's t, and the differences of pairs, of one seed each. Figures are of the
last epoch, on all test images; settings were chosen with seed 0 on the validation images.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise, product
from math import inf, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student
from table_quantizers import difference, figure, read_lines

from neurobot.qnet import save
from neurobot.quantize.answers import accuracy
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.column_converters import converters
from neurobot.quantize.column_layout import GRANULARITIES, Columns
from neurobot.quantize.datasets import ArraySplit, load_dataset
from neurobot.quantize.jobs import Form, Job
from neurobot.quantize.settings import Settings

NETWORK, DATASET = "array_cnn", "fashion_mnist"
IMAGES = 8_000  # of the training part
SETTINGS = Settings(epochs=2, batch=64, lr=0.05, weight_decay=1e-4)
BITS = (1, 2, 3, 4, 5, 6, None)
Steps = tuple[str, str]  # of weights and of converters: one for what each
WORST, ALIGNED = ("layer", "layer"), ("column", "column")
PAIRS: list[Steps] = [(one, other) for one in GRANULARITIES for other in GRANULARITIES]
Line = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One training and what decides it."""

    columns: Columns
    seed: int

    @property
    def form(self) -> Form:
        """How the network is quantized."""
        return Form("lsq", 4, columns=self.columns)

    @property
    def settings(self) -> Settings:
        """How it is trained."""
        return replace(SETTINGS, seed=self.seed)

    @property
    def key(self) -> str:
        """Name it."""
        what = {**self.form.identity, "network": NETWORK, "dataset": DATASET, "images": IMAGES}
        return json.dumps({**what, "settings": asdict(self.settings)}, sort_keys=True)

    @property
    def name(self) -> str:
        """Name the file of its network."""
        own = self.columns
        steps = f"{own.weight_steps}-{own.adc_steps}"
        return f"{own.encoding}-{steps}-adc{own.adc_bits or '-ideal'}-seed{self.seed}"


def run_of(bits: int | None, steps: Steps, seed: int, encoding: str) -> Run:
    """Return the training of a place in the table; ideal converters have no steps to share."""
    weight_steps, adc_steps = steps if bits else (steps[0], "column")
    return Run(
        Columns(adc_bits=bits, encoding=encoding, weight_steps=weight_steps, adc_steps=adc_steps),
        seed,
    )


@cache
def job_of(folder: str | None) -> Job:
    """Read the images."""
    images = load_dataset(DATASET, folder)
    train = images.train
    if not isinstance(train, ArraySplit):
        raise TypeError(f"{DATASET}: {type(train).__name__} found; images in memory are needed")
    first = ArraySplit(train.images[:IMAGES], train.labels[:IMAGES])
    return Job(NETWORK, DATASET, replace(images, train=first))


def do(run: Run, folder: str | None, saved: Path | None) -> Line:
    """Train, measure, and save what was exported."""
    began, job = time.process_time(), job_of(folder)
    made = job.quantized(job.fresh(run.seed), run.form, run.settings)
    model = job.train_form(made, run.form, run.settings)
    seconds = time.process_time() - began
    steps = [float(own.step.min()) for own in converters(model).values()]
    if saved:
        saved.mkdir(parents=True, exist_ok=True)
        save(job.exported(model, run.form), saved / f"{run.name}.npz")
    return {
        "key": json.loads(run.key),
        "seed": run.seed,
        "test": accuracy(model, job.images.test),
        "least_step": min(steps, default=None),
        "seconds": round(seconds, 1),
        "made_with": versions(),
    }


def all_runs(seeds: int, encoding: str) -> list[Run]:
    """Return all trainings of the table, seed by seed."""
    places = product(range(seeds), BITS, PAIRS)
    runs = (run_of(bits, steps, seed, encoding) for seed, bits, steps in places)
    return list(dict.fromkeys(runs))


def train_all(args: argparse.Namespace) -> None:
    """Do the trainings of a part that no line is there for."""
    part, parts = map(int, args.part.split("/"))
    runs = all_runs(args.seeds, args.encoding)[part::parts]
    lines = read_lines(args.out)
    missing = [run for run in runs if run.key not in lines]
    for number, run in enumerate(missing):
        line = do(run, args.data, args.save)
        with args.out.open("a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        text = f"{number + 1}/{len(missing)}  {run.name}: {100 * line['test']:.2f} %"
        print(f"{text}  {line['seconds']:.0f} s", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Table:
    """The figures of all trainings."""

    lines: dict[str, Line]
    seeds: int
    encoding: str

    def values(self, bits: int | None, steps: Steps) -> list[float]:
        """Return the figures of a place, by seed."""
        runs = (run_of(bits, steps, seed, self.encoding) for seed in range(self.seeds))
        return [self.lines[run.key]["test"] for run in runs]

    def pairs(self, one: Any, other: Any) -> tuple[list[float], list[float]]:
        """Return the figures of two places."""
        return self.values(*one), self.values(*other)


def heading(first: str) -> Iterator[str]:
    yield f"| {first} | " + " | ".join(f"{b} bits" if b else "ideal" for b in BITS) + " |"
    yield "|---" * (len(BITS) + 1) + "|"


def accuracies(table: Table) -> Iterator[str]:
    yield from heading("steps of weights / of converters: test images right, %")
    for steps in PAIRS:
        cells = (figure(table.values(bits, steps)) for bits in BITS)
        yield f"| {' / '.join(steps)} | " + " | ".join(cells) + " |"


def differences(table: Table) -> Iterator[str]:
    yield from heading("column / column minus others, points")
    for steps in PAIRS:
        if steps != ALIGNED:
            cells = (difference(*table.pairs((bits, ALIGNED), (bits, steps))) for bits in BITS)
            yield f"| {' / '.join(steps)} | " + " | ".join(cells) + " |"


def bound(values: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return the mean difference of pairs and half of its one-sided 95 % interval."""
    pairs = [a - b for a, b in zip(values, others, strict=True)]
    if len(pairs) < 2:
        return mean(pairs), inf
    return mean(pairs), float(student.ppf(0.95, len(pairs) - 1)) * stdev(pairs) / sqrt(len(pairs))


def growth(table: Table) -> Iterator[str]:
    yield "Accuracy does not fall with bits (one-sided 95 %):"
    for steps in PAIRS:
        for fewer, more in pairwise(BITS):
            effect, half = bound(*table.pairs((more, steps), (fewer, steps)))
            verdict = "FALLS" if effect + half < 0 else "grows" if effect - half > 0 else "open"
            yield (
                f"- {' / '.join(steps)}, {more or 'ideal'} against {fewer} bits: "
                f"{100 * effect:+.2f} points, at least {100 * (effect - half):+.2f}: {verdict}"
            )


def claims(table: Table) -> Iterator[str]:
    yield "Column / column is better (one-sided 95 %):"
    for steps, most in ((WORST, 3), (("layer", "column"), 2)):
        for bits in range(1, most + 1):
            effect, half = bound(*table.pairs((bits, ALIGNED), (bits, steps)))
            verdict = "shown" if effect - half > 0 else "not shown"
            yield (
                f"- than {' / '.join(steps)}, {bits} bits: {100 * effect:+.2f} points, at least "
                f"{100 * (effect - half):+.2f}: {verdict}"
            )
    yield "Column / column against array / array, no sign expected (95 %):"
    for place in BITS:
        found = difference(*table.pairs((place, ALIGNED), (place, ("array", "array"))))
        yield f"- {place or 'ideal'}: {found} points"


def show(args: argparse.Namespace) -> None:
    """Print the tables of what is there."""
    lines = read_lines(args.out)
    runs = all_runs(args.seeds, args.encoding)
    if missing := [run.name for run in runs if run.key not in lines]:
        sys.exit(f"{args.out}: {len(missing)} of {len(runs)} trainings missing, as {missing[0]}")
    table = Table(lines, args.seeds, args.encoding)
    for part in (accuracies, differences, growth, claims):
        print("\n".join(part(table)), end="\n\n")


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("command", choices=("granularity", "show"))
    add("--out", type=Path, default=Path("runs/columns.jsonl"), metavar="FILE")
    add("--seeds", type=int, default=5, metavar="N", help="0..N-1 (default: %(default)s)")
    add("--part", default="0/1", metavar="I/N", help="each N-th training, from number I on")
    add("--encoding", default="differential", help="of weights in cells (default: %(default)s)")
    add("--save", type=Path, metavar="DIR", help="folder for the exported networks")
    add("--data", metavar="DIR", help="folder of the image sets")
    return options.parse_args()


def main() -> None:
    args = arguments()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    (show if args.command == "show" else train_all)(args)


if __name__ == "__main__":
    main()

"""Make the tables that compare the quantizers, one table by each command.

python scripts/table_quantizers.py TABLE [--seeds N] [--jobs N] [--out FILE], with TABLE one of
mnist, fashion, lglsq, uniq1, cifar10.

All rows of a seed start from one checkpoint of full precision and see the images in one order. A
run that has ended is a line in --out at once, and no run is done twice: the same command goes on,
and tables share runs. Figures are of the last epoch, on all test images. Learning rates and epochs
were chosen on the validation images of Fashion-MNIST with seed 0, once for all rows of a table.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student

from neurobot.quantize.answers import accuracy
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.datasets import load_dataset
from neurobot.quantize.jobs import NONE, Form, Job
from neurobot.quantize.settings import Settings

LONGER = "full precision, trained as much longer"
Line = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of a table: how the network is quantized, and what is special in its training."""

    name: str
    form: Form
    weight_decay: float | None = None  # None: the table's

    @property
    def rival(self) -> str | None:
        """The row of LSQ that it is compared with: of as many bits."""
        bits = self.form.bits
        own = self.form.method == NONE or bits == 1 or self.name == f"lsq, {bits} bits"
        return None if own else f"lsq, {bits} bits"


@dataclass(frozen=True)
class Table:
    """A network, image sets, the trainings and the rows."""

    network: str
    datasets: tuple[str, ...]
    full: Settings
    tuned: Settings
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Run:
    """One training and what decides it."""

    network: str
    dataset: str
    form: Form
    full: Settings
    tuned: Settings | None = None  # None: the training in full precision itself

    @property
    def key(self) -> str:
        """Name it."""
        settings = {"full": asdict(self.full), "tuned": self.tuned and asdict(self.tuned)}
        identity = {**self.form.identity, "network": self.network, "dataset": self.dataset}
        return json.dumps({**identity, **settings}, sort_keys=True)


def uniq_one_bit(**options: Any) -> Form:
    return Form("uniq", 1, options, edge_bits=None)


def bits_rows(bits: Iterable[int]) -> tuple[Row, ...]:
    rows = [Row(LONGER, Form())]
    for b in bits:
        rows += [Row(f"{method}, {b} bits", Form(method, b)) for method in ("lsq", "lglsq", "uniq")]
    return (
        *rows,
        Row("uniq, 1 bit, the paper's rules: first and last layer in full precision",
            uniq_one_bit()),
        Row("uniq, 1 bit, first and last layer at 8 bits: all integers", Form("uniq", 1)),
    )  # fmt: skip


PLAIN = {"step_rule": "lsq", "sharpness": None, "mde": "off", "tail": "none"}
ABLATION: dict[str, dict[str, Any]] = {
    "+ ASR": {**PLAIN, "sharpness": 2.0},
    "+ MDE": {**PLAIN, "mde": "grad"},
    "+ ASR + MDE": {**PLAIN, "sharpness": 2.0, "mde": "grad"},
    **{
        f"step by {rule}, straight through": {**PLAIN, "step_rule": rule}
        for rule in ("sim", "ssg", "ssg-sum", "ssg-mix", "ssg-fd")
    },
    "lglsq (ssg-sum + ASR + MDE + tail)": {},
}


def ablation_rows() -> Iterator[Row]:
    for bits in (3, 2):
        yield Row(f"lsq, {bits} bits", Form("lsq", bits))
        for name, options in ABLATION.items():
            yield Row(f"{name}, {bits} bits", Form("lglsq", bits, options))


def one_bit_rows() -> Iterator[Row]:
    for start, options in (("computed", {}), ("8 times too large", {"init_factor": 8.0})):
        for decay in (0.0, 5e-4):
            name = f"first steps {start}, weight decay {decay:g}"
            yield Row(name, uniq_one_bit(**options), decay)


GREY = ("mnist", "fashion_mnist")
SMALL = Settings(epochs=4, lr=0.04, batch=128, weight_decay=5e-4)
TUNED = Settings(epochs=2, lr=0.02, batch=128, weight_decay=1e-4)
TUNED_SHORTLY = replace(TUNED, epochs=1)
LARGE = Settings(epochs=8, lr=0.1, batch=128, weight_decay=5e-4)
LARGE_TUNED = Settings(epochs=2, lr=0.02, batch=128, weight_decay=1e-4)
BITS = bits_rows((8, 4, 3, 2))
TABLES = {
    "mnist": Table("small_cnn", GREY[:1], SMALL, TUNED_SHORTLY, BITS),
    "fashion": Table("small_cnn", GREY[1:], SMALL, TUNED, BITS),
    "lglsq": Table("small_cnn", GREY[1:], SMALL, TUNED, tuple(ablation_rows())),
    "uniq1": Table("small_cnn", GREY[1:], SMALL, TUNED, tuple(one_bit_rows())),
    "cifar10": Table("resnet20", ("cifar10",), LARGE, LARGE_TUNED, bits_rows((4, 3, 2))),
}


def run_of(table: Table, dataset: str, row: Row | None, seed: int) -> Run:
    """Return what a row asks for with a seed; no row: the training in full precision."""
    full = replace(table.full, seed=seed)
    if row is None:
        return Run(table.network, dataset, Form(), full)
    tuned = replace(table.tuned, seed=seed)
    if row.form.bits == 1:
        own = row.form.settings(tuned)
        decay = row.weight_decay or 0.0
        tuned = replace(
            tuned,
            weight_decay=decay,
            warmup=own.warmup,
            warmup_lr=own.warmup_lr,
            binary_decay=decay > 0,
        )
    return Run(table.network, dataset, row.form, full, tuned)


@cache
def job_of(network: str, dataset: str, folder: str | None) -> Job:
    """Read an image set, once in each process."""
    return Job(network, dataset, load_dataset(dataset, folder))


def do(run: Run, folder: str | None, floats: Path) -> Line:
    """Train, and measure."""
    began = time.perf_counter()
    job = job_of(run.network, run.dataset, folder)
    kept = floats / f"{run.network}-{run.dataset}-{run.full.seed}.pt"
    model = job.train_float(run.full, kept)
    if run.tuned:
        if run.form.method != NONE:
            model = job.quantized(model, run.form, run.tuned)
        job.train_form(model, run.form, run.tuned)
    return {
        "key": json.loads(run.key),
        "seed": run.full.seed,
        "test": accuracy(model, job.images.test),
        "validation": accuracy(model, job.images.validation),
        "seconds": round(time.perf_counter() - began, 1),
        "made_with": versions(),
    }


def read_lines(path: Path) -> dict[str, Line]:
    """Read the runs that have ended; what a kill has cut off is cut off the file."""
    if not path.exists():
        return {}
    whole, newline, torn = path.read_bytes().rpartition(b"\n")
    if torn:
        path.write_bytes(whole + newline)
    lines = [json.loads(line) for line in whole.splitlines()]
    return {json.dumps(line["key"], sort_keys=True): line for line in lines}


def ended(
    runs: Sequence[Run], jobs: int, work: Callable[[Run], Line]
) -> Iterator[tuple[Run, Line]]:
    """Yield runs and their lines as they end, in `jobs` processes; one is this process."""
    if jobs == 1:
        yield from ((run, work(run)) for run in runs)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(work, run): run for run in runs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def run_all(runs: Sequence[Run], lines: dict[str, Line], out: Path, jobs: int, work: Any) -> None:
    """Do the runs that no line is there for, and write each line as its run ends."""
    missing = list({run.key: run for run in runs if run.key not in lines}.values())
    for number, (run, line) in enumerate(ended(missing, jobs, work)):
        with out.open("a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        lines[run.key] = line
        print(
            f"{number + 1}/{len(missing)}  {run.dataset}  {run.form.method} {run.form.bits} bits  "
            f"seed {run.full.seed}: {100 * line['test']:.2f} %  {line['seconds']:.0f} s",
            file=sys.stderr,
            flush=True,
        )


def interval(values: Sequence[float]) -> float:
    """Return half of the 95 % interval of a mean, by Student's t; infinite for one value."""
    if len(values) < 2:
        return math.inf
    return float(student.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))


def figure(values: Sequence[float]) -> str:
    """Write a mean and its interval, in per cent."""
    half = interval(values)
    return f"{100 * mean(values):.2f}" + (f" ± {100 * half:.2f}" if half < math.inf else "")


def difference(values: Sequence[float], others: Sequence[float]) -> str:
    """Write the mean difference of pairs, in points, and whether its sign is known."""
    pairs = [a - b for a, b in zip(values, others, strict=True)]
    half = interval(pairs)
    text = f"{100 * mean(pairs):+.2f}" + (f" ± {100 * half:.2f}" if half < math.inf else "")
    return text if abs(mean(pairs)) > half else f"{text}, not resolved"


def markdown(table: Table, dataset: str, rows: Sequence[Row], values: Any) -> Iterator[str]:
    """Lay a table out; values: of a row, or of None for full precision, the figures by seed."""
    full, by_name = values(None), {row.name: row for row in rows}
    yield f"| {table.network}, {dataset} | test images right, % | to full precision | to LSQ |"
    yield "|---|---|---|---|"
    yield f"| full precision | {figure(full)} | | |"
    for row in rows:
        own, rival = values(row), by_name.get(row.rival or "")
        to_lsq = difference(own, values(rival)) if rival else ""
        yield f"| {row.name} | {figure(own)} | {difference(own, full)} | {to_lsq} |"


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("table", choices=list(TABLES))
    add("--seeds", type=int, default=5, metavar="N", help="0..N-1 (default: %(default)s)")
    add("--jobs", type=int, default=1, metavar="N", help="processes of one thread each")
    add("--out", type=Path, default=Path("runs/quantizers.jsonl"), metavar="FILE")
    add("--floats", type=Path, metavar="DIR",
        help="checkpoints of full precision (default: beside --out)")  # fmt: skip
    add("--data", metavar="DIR", help="folder of the image sets")
    add("--datasets", nargs="+", metavar="NAME", help="only these of the table's")
    add("--only", nargs="+", metavar="TEXT", default=[""], help="only rows with this in the name")
    return options.parse_args()


def main() -> None:
    args = arguments()
    table = TABLES[args.table]
    rows = [row for row in table.rows if any(text in row.name for text in args.only)]
    datasets = [name for name in table.datasets if name in (args.datasets or table.datasets)]
    if args.seeds < 1 or args.jobs < 1 or not rows or not datasets:
        sys.exit(
            "--seeds and --jobs are 1 or more; --only and --datasets must leave a row and a set"
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines, seeds = read_lines(args.out), range(args.seeds)
    work = partial(do, folder=args.data, floats=args.floats or args.out.parent / "floats")
    for these in ([None], rows):  # full precision first: the others start from it
        runs = [run_of(table, d, row, seed) for seed in seeds for d in datasets for row in these]
        run_all(runs, lines, args.out, args.jobs, work)
    for dataset in datasets:

        def values(row: Row | None, dataset: str = dataset) -> list[float]:
            return [lines[run_of(table, dataset, row, seed).key]["test"] for seed in seeds]

        title = job_of(table.network, dataset, args.data).images.title
        print("\n".join(markdown(table, title, rows, values)), end="\n\n")


if __name__ == "__main__":
    main()

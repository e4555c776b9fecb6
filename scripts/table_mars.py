"""Make the tables of what MARS's compression costs in accuracy, one by each command.

python scripts/table_mars.py TABLE [--seeds N] [--jobs N] [--out FILE], with TABLE one of

bits    fused weights and inputs of 8/8, 4/8 and 4/4 bits, with 0, 50 and 75 % zero tiles
order   fuse, then quantize, against quantize, then fuse
curve   accuracy against zero tiles at 4/4 bits
shapes  groups of other shapes, at 75 % zero weights and 4/4 bits, and without a group lasso

All rows of a seed start from one checkpoint of full precision; rows with zero tiles from another,
in which a group lasso drew tiles of their shape towards zero meanwhile. A run that has ended is a
line in --out at once, and no run is done twice. Figures are of the last epoch, on all test images.
Learning rates, epochs and the lasso's strength were chosen with seed 0 on the validation images.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from table_quantizers import difference, ended, figure, job_of, read_lines
from torch import Tensor, nn

from neurobot.quantize.answers import accuracy
from neurobot.quantize.base import Quantizer
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.fused_bn import Fused, weight_of
from neurobot.quantize.fusing import norms_behind
from neurobot.quantize.jobs import NONE, Form, Job
from neurobot.quantize.layers import QuantConv2d, QuantLinear
from neurobot.quantize.rules import levels
from neurobot.quantize.settings import Settings
from neurobot.quantize.tiles import Thinning, Tile, default_tile

NETWORK, DATASET = "small_vgg", "fashion_mnist"
FULL = Settings(epochs=8, lr=0.04, batch=128, weight_decay=5e-4)
THIN = Settings(epochs=3, lr=0.02, batch=128, weight_decay=1e-4)
TUNED = Settings(epochs=4, lr=0.02, batch=128, weight_decay=1e-4)
STRENGTH = 1e-5
SYMMETRIC = {"symmetric_weights": True}
Line = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A row of a table: a form, whether it is fused after it was trained, and trained on at all."""

    name: str
    form: Form
    late: bool = False
    tuned: bool = True


@dataclass(frozen=True)
class Run:
    """One training and what decides it."""

    row: Row
    seed: int

    @property
    def form(self) -> Form:
        """How it is quantized."""
        return self.row.form

    @property
    def settings(self) -> dict[str, Settings]:
        """Of full precision, of the lasso, and of the quantized form."""
        phases = {"full": FULL}
        if self.row.tuned:
            phases["tuned"] = TUNED
        if self.form.thinning:
            phases["thin"] = THIN
        return {name: replace(settings, seed=self.seed) for name, settings in phases.items()}

    @property
    def key(self) -> str:
        """Name it."""
        settings = {name: asdict(settings) for name, settings in self.settings.items()}
        late = {"late": True} if self.row.late else {}
        what = {**self.form.identity, "network": NETWORK, "dataset": DATASET}
        return json.dumps({**what, **settings, **late}, sort_keys=True)


def form_of(
    bits: int,
    activation_bits: int,
    zero: float = 0.0,
    tile: Tile | None = None,
    strength: float = STRENGTH,
) -> Form:
    """Return a fused form; tiles are as wide as what a macro gives at once."""
    thinning = Thinning(zero, tile or default_tile(bits), strength) if zero else None
    form = Form("lsq", bits, SYMMETRIC, activation_bits=activation_bits, fused=True)
    return replace(form, thinning=thinning)


def bits_rows() -> Iterator[Row]:
    yield Row("full precision, trained as much longer", Form())
    for zero in (0.5, 0.75, 0.0):
        for bits, activation_bits in ((4, 4), (8, 8), (4, 8)):
            name = f"{bits}/{activation_bits} bits, {100 * zero:.0f} % zero tiles"
            yield Row(name, form_of(bits, activation_bits, zero))


def order_rows() -> Iterator[Row]:
    live = Form("lsq", 4, SYMMETRIC, activation_bits=4)
    yield Row("fuse, then quantize: lsq", form_of(4, 4))
    yield Row("quantize, then fuse: lsq", live, late=True)
    yield Row("fuse, then quantize: lglsq", replace(form_of(4, 4), method="lglsq"))


def curve_rows() -> Iterator[Row]:
    for zero in (0.0, 0.5, 0.75, 0.875, 0.9375):
        yield Row(f"{100 * zero:g} % zero tiles", form_of(4, 4, zero))


def shapes_rows() -> Iterator[Row]:
    for rows, columns in ((16, 16), (1, 1), (16, 1), (16, 8), (16, 32), (16, 64)):
        yield Row(f"{rows} x {columns}", form_of(4, 4, 0.75, Tile(rows, columns)))
    yield Row("16 x 16, no group lasso", form_of(4, 4, 0.75, strength=0.0))


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "bits": bits_rows,
    "order": order_rows,
    "curve": curve_rows,
    "shapes": shapes_rows,
}


def best_step(own: Quantizer, weights: Tensor) -> Tensor:
    """Return the step of the least mean square error, on a grid of one per cent."""
    steps = weights.abs().max() / own.grid.top * torch.logspace(0, -2, 460)
    errors = [((levels(weights / s, own.grid) * s - weights) ** 2).mean() for s in steps]
    return steps[int(torch.stack(errors).argmin())]


@torch.no_grad()
def fused_late(live: nn.Module, made: nn.Module, norms: Mapping[str, str]) -> nn.Module:
    """Let a fused form take over what was trained with its batch norms alive.

    The quantized weights are fused and quantized again; steps of inputs stay. norms: by layer, the
    batch norm behind it.
    """
    for name, module in made.named_modules():
        if isinstance(module, QuantConv2d | QuantLinear):
            layer: Any = module
            own: Any = live.get_submodule(name)
            layer.weight.copy_(own.weight_quantizer(own.weight))
            if isinstance(layer, Fused):
                layer.norm.load_state_dict(live.get_submodule(norms[name]).state_dict())
            else:
                layer.bias.copy_(own.bias)
            quantizer = layer.weight_quantizer
            layer.input_quantizer.step.copy_(own.input_quantizer.step)
            quantizer.step.copy_(best_step(quantizer, weight_of(layer)))
    return made.eval()


def thin_model(run: Run, job: Job, model: nn.Module, floats: Path) -> nn.Module:
    """Draw tiles to zero, once for all rows of a shape and strength."""
    thinning = run.form.thinning
    if not thinning or not thinning.strength:
        return model
    shape = f"{thinning.tile.rows}x{thinning.tile.columns}-{thinning.strength:g}"
    kept = floats / f"thin-{NETWORK}-{shape}-{run.seed}.pt"
    return job.train_thin(model, thinning, run.settings["thin"], kept)


def do(run: Run, folder: str | None, floats: Path) -> Line:
    """Train, and measure."""
    began = time.perf_counter()
    job, form, settings = job_of(NETWORK, DATASET, folder), run.form, run.settings
    plain = job.train_float(settings["full"], floats / f"{NETWORK}-{DATASET}-{run.seed}.pt")
    model = plain
    found: dict[str, Any] = {}
    if form.method != NONE:
        model = thin_model(run, job, model, floats)
        model = job.quantized(model, form, settings["tuned"])
    if run.row.tuned:
        model = job.train_form(model, form, settings["tuned"])
    if form.method != NONE:
        if run.row.late:
            form = replace(form, fused=True)
            norms = norms_behind(plain, job.first_batches(1, settings["tuned"])[0])
            model = fused_late(model, job.quantized(plain, form, settings["tuned"]), norms)
        found = exactness(job, model, form)
    return {
        "key": json.loads(run.key),
        "seed": run.seed,
        "test": accuracy(model, job.images.test),
        "validation": accuracy(model, job.images.validation),
        **found,
        "seconds": round(time.perf_counter() - began, 1),
        "made_with": versions(),
    }


def exactness(job: Job, model: nn.Module, form: Form) -> dict[str, Any]:
    """Compare all codes and answers of the integers with the trained network's, on test images."""
    network = job.exported(model, form)
    images = job.images.test.take(np.arange(len(job.images.test.labels)))
    found = compare(model.eval(), network, images)
    return {"exactness": asdict(found)}


def report(run: Any, line: Line) -> None:
    """Say that a run has ended."""
    right = f"{100 * line['test']:.2f} % (validation {100 * line['validation']:.2f} %)"
    text = f"{run.row.name}, seed {run.seed}: {right}, {line['seconds']:.0f} s"
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = options.add_argument
    add("table", choices=list(TABLES))
    add("--seeds", type=int, default=3, metavar="N", help="0..N-1 (default: %(default)s)")
    add("--jobs", type=int, default=1, metavar="N", help="processes of one thread each")
    add("--out", type=Path, default=Path("runs/mars.jsonl"), metavar="FILE")
    add("--floats", type=Path, metavar="DIR", help="checkpoints (default: beside --out)")
    add("--data", metavar="DIR", help="folder of the image sets")
    args = options.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    rows, lines = list(TABLES[args.table]()), read_lines(args.out)
    full = Row("full precision", Form(), tuned=False)
    work = partial(do, folder=args.data, floats=args.floats or args.out.parent / "floats")
    for these in ([full], rows):
        runs: list[Any] = [Run(row, seed) for seed in range(args.seeds) for row in these]
        missing = [run for run in runs if run.key not in lines]
        for run, line in ended(missing, args.jobs, work):
            with args.out.open("a") as file:
                file.write(json.dumps(line, allow_nan=False) + "\n")
            lines[run.key] = line
            report(run, line)

    def values(row: Row) -> list[float]:
        return [lines[Run(row, seed).key]["test"] for seed in range(args.seeds)]

    print(f"| {NETWORK}, {DATASET} | test images right, % | to full precision |")
    print("|---|---|---|")
    print(f"| full precision | {figure(values(full))} | |")
    for row in rows:
        own = values(row)
        print(f"| {row.name} | {figure(own)} | {difference(own, values(full))} |")


if __name__ == "__main__":
    main()

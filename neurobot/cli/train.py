"""`neurobot train`: a network in full precision, then its quantized form."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from neurobot import __version__
from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.cli.train_options import add_options, read_form, read_settings
from neurobot.quantities import percent

if TYPE_CHECKING:
    from torch import nn

    from neurobot.quantize.course import Row
    from neurobot.quantize.jobs import Form, Job
    from neurobot.quantize.training import Watch

FLOAT = "float"  # the checkpoint of full precision
DESCRIPTION = """\
Train a network in full precision and then, from there, quantized; with --zero-tiles there is a
training between the two that draws tiles of weights to zero. All trainings keep their checkpoints
in --out, and the same command goes on where it was interrupted, to the same weights.
Choices are made on the validation images; the test images tell once how good the end is.
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "train", help="train a network, in full precision and quantized", description=DESCRIPTION
    )
    options.set_defaults(function=run, resumes=True)
    add_options(options)


@contextmanager
def watching(what: str, epochs: int, wanted: bool) -> Iterator["Watch"]:
    """Show a bar with loss and accuracy on a terminal, or a line for each epoch elsewhere."""
    terminal = sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not (wanted and terminal),
    ) as bar:
        task = bar.add_task(what, total=None)

        def watch(done: int, total: int, row: "Row") -> None:
            text = f"{what}  loss {row['loss']:.3f}  right {percent(row['accuracy'])} %"
            bar.update(task, completed=done, total=total, description=text)
            if wanted and not terminal and done * epochs % total == 0:
                print(f"{text}  epoch {done * epochs // total} of {epochs}", file=sys.stderr)

        yield watch


def describe(method: str, form: "Form") -> str:
    """Name a form."""
    parts = [method, f"{form.bits} bit{'s' if form.bits > 1 else ''}"]
    if form.activation_bits is not None:
        parts.append(f"inputs of {form.activation_bits}")
    if form.fused:
        parts.append("fused")
    if form.thinning:
        parts.append(f"{100 * form.thinning.zero_tiles:g} % zero tiles")
    if form.columns:
        bits = form.columns.adc_bits
        parts.append(f"converters of {bits} bits" if bits else "ideal converters")
    return ", ".join(parts)


def row_of(what: str, model: "nn.Module", job: "Job", kept: Path) -> dict[str, Any]:
    """Measure a trained network."""
    from neurobot.quantize.answers import accuracy

    return {
        "what": what,
        "validation": accuracy(model, job.images.validation),
        "test": accuracy(model, job.images.test),
        "agreement": None,
        "file": str(kept),
    }


def export_row(path: Path, model: "nn.Module", job: "Job", form: "Form") -> dict[str, Any]:
    """Write the exported network, and measure it."""
    from neurobot.qnet import save
    from neurobot.quantize.answers import answers, equal_share, network_answers
    from neurobot.quantize.checkpoints import versions

    network, splits = job.exported(model, form), (job.images.validation, job.images.test)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {"network": job.network, "dataset": job.dataset, "method": form.method}
    save(network.with_notes({**made, "neurobot": __version__, **versions()}), path)
    found = [network_answers(network, split) for split in splits]
    right = [equal_share(f, split.labels) for f, split in zip(found, splits, strict=True)]
    return {
        "what": "exported",
        "validation": right[0],
        "test": right[1],
        "agreement": equal_share(found[1], answers(model, splits[1])),
        "file": str(path),
    }


def check_place(option: str, text: str, *, folder: bool) -> Path:
    """Refuse, before hours of training, a place where nothing can be written after them."""
    path = Path(text)
    if not text or (not folder and path.is_dir()):
        raise ValueError(
            f"{option}: {text!r} found; the name of a {'folder' if folder else 'file'} is needed"
        )
    for place in (path, *path.parents) if folder else path.parents:
        if place.exists() and not place.is_dir():
            raise ValueError(f"{option}: {place} is no folder; another place is needed")
    return path


def run(args: argparse.Namespace) -> None:
    """Run `neurobot train`."""
    from neurobot.quantize.datasets import load_dataset
    from neurobot.quantize.jobs import NONE, Job

    form = read_form(args)
    trainings = read_settings(args, form)
    folder = check_place("--out", args.out, folder=True)
    target = None if args.export is None else check_place("--export", args.export, folder=False)
    images = load_dataset(args.dataset, args.data, augment=args.augment)
    job = Job(args.network, args.dataset, images)
    if form.method != NONE:
        job.rehearse(form, trainings.own, exports=target is not None)
    kept = Path(args.start) if args.start else folder / f"{FLOAT}.pt"
    if args.start:
        model = job.load_float(kept)
    else:
        with watching("full precision", trainings.full.epochs, not args.json) as watch:
            model = job.train_float(trainings.full, kept, watch)
    rows = [row_of("full precision", model, job, kept)]
    if form.thinning and form.thinning.strength:
        kept = folder / f"thin-{form.thinning.tile}.pt"
        with watching("group lasso", trainings.thin.epochs, not args.json) as watch:
            model = job.train_thin(model, form.thinning, trainings.thin, kept, watch)
        rows.append(row_of("group lasso", model, job, kept))
    if form.method != NONE:
        what = describe(args.method, form)
        made = job.quantized(model, form, trainings.own)
        kept = folder / f"{form.method}-{form.bits}b.pt"
        with watching(what, trainings.own.epochs, not args.json) as watch:
            model = job.train_form(made, form, trainings.own, kept, watch)
        rows.append(row_of(what, model, job, kept))
    if target:
        rows.append(export_row(target, model, job, form))
    if args.json:
        print_json("train", args.seed, rows, network=args.network, dataset=args.dataset)
    else:
        show(rows, job)


def show(rows: list[dict[str, Any]], job: "Job") -> None:
    """Print what was measured."""
    table = make_table(
        f"{job.network}, {job.images.title}", "validation\n%", "test\n%", "agrees\n%", "file"
    )
    for row in rows:
        agrees = "-" if row["agreement"] is None else percent(row["agreement"])
        figures = (f"{100 * row[name]:.2f}" for name in ("validation", "test"))
        table.add_row(row["what"], *figures, agrees, row["file"])
    console = wide_console()
    console.print(table)
    console.print(
        f"Images that are told right: {len(job.images.validation.labels):,} held out for choices, "
        f"{len(job.images.test.labels):,} of the test. agrees: test images to which the exported "
        "network gives the trained one's answer.",
        style="dim",
    )

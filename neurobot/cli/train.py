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
from neurobot.controllers import read_options
from neurobot.quantities import percent

if TYPE_CHECKING:
    from torch import nn

    from neurobot.quantize.course import Row
    from neurobot.quantize.jobs import Form, Job
    from neurobot.quantize.settings import Settings
    from neurobot.quantize.training import Watch

FLOAT = "float"  # the checkpoint of full precision
DESCRIPTION = """\
Train a network in full precision and then, from there, quantized; both trainings keep their
checkpoints in --out, and the same command goes on where it was interrupted, to the same weights.
Choices are made on the validation images; the test images tell once how good the end is.
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "train", help="train a network, in full precision and quantized", description=DESCRIPTION
    )
    options.set_defaults(function=run)
    add = options.add_argument
    add("network", metavar="NETWORK", help="small_cnn, mlp, lenet, resnet20, mobilenet_cifar ...")
    add("--dataset", required=True, metavar="NAME",
        help="mnist, fashion_mnist, cifar10, or image_folder")  # fmt: skip
    add("--augment", metavar="NAME",
        help="of training images: none, shift or crop_and_flip (default: the data set's own)"
        )  # fmt: skip
    add("--method", default="lsq", metavar="NAME",
        help="lsq, llsq, lglsq, uniq, or none; with options as \"lglsq?step_rule=sim&sharpness=2\" "
        "(default: %(default)s)")  # fmt: skip
    add("--bits", type=int, default=4, metavar="N",
        help="of weights and of what layers read, 1..8 (default: %(default)s)")  # fmt: skip
    add("--layer-bits", nargs="+", default=[], metavar="LAYER=N",
        help="bits of layers by name; none is full precision")  # fmt: skip
    add("--edge-bits", default="8", metavar="N",
        help="of the first and the last layer; none is full precision (default: %(default)s)"
        )  # fmt: skip
    add("--per-channel", action="store_true", help="a step for every output channel of weights")
    add("--epochs", type=int, metavar="N",
        help="of the quantized training; with --method none, of full precision (default: 2 and "
        "5)")  # fmt: skip
    add("--batch", type=int, metavar="N", help="images of a step (default: 64)")
    add("--lr", type=float, metavar="X", help="at the start (default: the method's own)")
    add("--weight-decay", type=float, metavar="X", help="of weights (default: the method's own)")
    add("--force-weight-decay", action="store_true",
        help="allow weight decay at 1 bit of uniq, to see what it does")  # fmt: skip
    add("--float-epochs", type=int, metavar="N",
        help="of full precision before a quantized training (default: 5)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of first weights and images' order")
    add("--threads", type=int, default=1, metavar="N",
        help="of PyTorch; another number may end with other weights (default: %(default)s)"
        )  # fmt: skip
    add("--device", default="auto", choices=("auto", "cpu", "cuda"), help="default: %(default)s")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--from", dest="start", metavar="CHECKPOINT",
        help="of full precision, instead of training one")  # fmt: skip
    add("--out", required=True, metavar="DIR",
        help="folder of the checkpoints; the same command goes on from there")  # fmt: skip
    add("--export", metavar="FILE", help="write the integer network there, as .npz")
    add("--json", action="store_true", help="print one JSON object instead of a table")


def read_bits(where: str, text: str) -> int | None:
    """Read a number of bits, or none."""
    if text == "none":
        return None
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} bits found; 1 to 8 or none is allowed") from error


def read_form(args: argparse.Namespace) -> "Form":
    """Read how the network is to be quantized."""
    from neurobot.quantize.jobs import Form

    try:
        options = read_options(args.method)
    except ValueError as error:
        raise ValueError(str(error).replace("controller", "--method", 1)) from error
    layer_bits = {}
    for part in args.layer_bits:
        name, equals, text = part.partition("=")
        if not equals:
            raise ValueError(f"--layer-bits: {part!r} found, LAYER=N needed")
        if name in layer_bits:
            raise ValueError(f"--layer-bits: {name!r} found more than once")
        layer_bits[name] = read_bits(f"--layer-bits {name}", text)
    return Form(
        args.method.partition("?")[0],
        args.bits,
        options,
        layer_bits,
        read_bits("--edge-bits", args.edge_bits),
        args.per_channel,
    )


def read_settings(args: argparse.Namespace, form: "Form") -> tuple["Settings", "Settings"]:
    """Return the settings of the training in full precision, and of the quantized one."""
    from dataclasses import replace

    from neurobot.quantize.jobs import FLOAT as USUAL
    from neurobot.quantize.jobs import NONE, QUANTIZED_EPOCHS
    from neurobot.quantize.settings import find_device

    common = {"seed": args.seed, "threads": args.threads, "device": find_device(args.device)}
    given = {"batch": args.batch, "epochs": args.epochs, "lr": args.lr}
    given = {**given, "weight_decay": args.weight_decay}
    given = {name: value for name, value in given.items() if value is not None}
    full = replace(USUAL, **common, batch=args.batch or USUAL.batch)
    if form.method == NONE:
        full = replace(full, **given)
        return full, full
    own = replace(
        form.settings(full), epochs=QUANTIZED_EPOCHS, binary_decay=args.force_weight_decay
    )
    if args.float_epochs is not None:
        full = replace(full, epochs=args.float_epochs)
    return full, replace(own, **given)


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
    full, own = read_settings(args, form)
    folder = check_place("--out", args.out, folder=True)
    target = None if args.export is None else check_place("--export", args.export, folder=False)
    images = load_dataset(args.dataset, args.data, augment=args.augment)
    job = Job(args.network, args.dataset, images)
    if form.method != NONE:
        job.rehearse(form, own, exports=target is not None)
    kept = Path(args.start) if args.start else folder / f"{FLOAT}.pt"
    if args.start:
        model = job.load_float(kept)
    else:
        with watching("full precision", full.epochs, not args.json) as watch:
            model = job.train_float(full, kept, watch)
    rows = [row_of("full precision", model, job, kept)]
    if form.method != NONE:
        plural = "s" if form.bits > 1 else ""
        what = f"{args.method}, {form.bits} bit{plural}"
        made = job.quantized(model, form, own)
        kept = folder / f"{form.method}-{form.bits}b.pt"
        with watching(what, own.epochs, not args.json) as watch:
            model = job.train_form(made, form, own, kept, watch)
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

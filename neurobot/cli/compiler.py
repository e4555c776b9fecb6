"""`neurobot compile`: a trained network into a streaming machine, pass by pass."""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from neurobot import __version__
from neurobot.cli.terminal import make_table, print_json, wide_console
from neurobot.cli.train import check_place
from neurobot.compile.fan_in import PARTITIONERS
from neurobot.compile.flow import Pass, Request, scores_of, to_machine, totals
from neurobot.compile.fold import fold
from neurobot.cost import COST_TABLES
from neurobot.insight import CLOCK_HZ, Machine, frames_per_s
from neurobot.qnet import load
from neurobot.quantities import prefixed
from neurobot.tdnn import Net, files, read_network
from neurobot.writing import write_whole

if TYPE_CHECKING:
    from neurobot.quantize.datasets import Dataset

TARGETS = ("insight",)
MACHINE, REPORT, KEPT = "machine.npz", "passes.json", "search"
CALIBRATION = 1_000  # training images, for the steps of activations
CALIBRATED = "virtex7"  # the cost table by the published figures
MAX_LOSS, EPOCHS = 0.003, 10
DESCRIPTION = """\
Compile a trained network, as `neurobot train --export` writes it, into a time-delay network of
silicon synapses. Full precision is made sparse and then integer, for which it needs the images that
it was trained on; integers, as UniQ trains them, are taken as they are. Choices are made on the
validation images; the test images tell once, at the machine's output, how good the end is.
"""


def add_command(commands: Any) -> None:
    """Declare the command and its options."""
    options = commands.add_parser(
        "compile", help="a trained network into a streaming machine", description=DESCRIPTION
    )
    options.set_defaults(function=run, resumes=True)
    add, usual = options.add_argument, Request()
    add("network", metavar="NETWORK", help="a file *.npz of `neurobot train --export`")
    add("--target", default=TARGETS[0], help=f"one of {', '.join(TARGETS)} (default: %(default)s)")
    add("--out", required=True, metavar="DIR",
        help=f"folder of {MACHINE}, {REPORT} and what the search has found; the same command goes "
        "on from there")  # fmt: skip
    add("--dataset", metavar="NAME", help="mnist, fashion_mnist, cifar10, or image_folder")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--augment", metavar="NAME", help="of training images: none, shift or crop_and_flip")
    add("--max-loss", type=float, default=100 * MAX_LOSS, metavar="POINTS",
        help="of accuracy on validation images, for fewer connections (default: %(default)s)"
        )  # fmt: skip
    add("--no-search", action="store_true", help="leave all connections there")
    add("--weight-bits", type=int, default=usual.weight_bits, metavar="N",
        help="2..8 (default: %(default)s)")  # fmt: skip
    add("--activation-bits", type=int, default=usual.activation_bits, metavar="N",
        help="1..8 (default: %(default)s)")  # fmt: skip
    add("--fan-in", type=int, default=usual.fan_in, metavar="N",
        help="synapses of a hardware neuron, 2 or more (default: %(default)s)")  # fmt: skip
    add("--partition", default=usual.partition, choices=PARTITIONERS,
        help="of connections among hardware neurons (default: %(default)s)")  # fmt: skip
    add("--leaf-exponents", action="store_true",
        help="an exponent for each hardware neuron, instead of each neuron")  # fmt: skip
    add("--line", type=int, metavar="N", help="clocks of a line (default: the image's columns)")
    add("--lines", type=int, metavar="N", help="of a frame (default: the image's rows)")
    add("--clock-hz", type=float, default=CLOCK_HZ, metavar="HZ",
        help="of the machine (default: 80e6, inferred for the published one)")  # fmt: skip
    add("--epochs", type=int, default=EPOCHS, metavar="N",
        help="of the last retraining (default: %(default)s)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="of the retrainings (default: 0)")
    add("--threads", type=int, default=1, metavar="N",
        help="of PyTorch; another number may end with other weights (default: %(default)s)"
        )  # fmt: skip
    add("--json", action="store_true", help="print one JSON object instead of a table")


def find_images(net: Net, args: argparse.Namespace) -> "Dataset | None":
    """Return the images that a network was trained on; integers can do without."""
    name = args.dataset or net.notes.get("dataset")
    if name is None and net.integer:
        return None
    if name is None:
        raise ValueError(
            f"{args.network}: a network in full precision of unknown images found; --dataset must "
            "name them, by which it is made sparse and integer"
        )
    from neurobot.quantize.datasets import load_dataset

    return load_dataset(str(name), args.data, augment=args.augment)


def shape_of(images: "Dataset") -> tuple[int, ...]:
    """Return rows, columns and channels of the images of a set."""
    return images.train.take(np.zeros(1, np.int64)).shape[1:]


def rehearse(net: Net, request: Request) -> None:
    """Refuse, before a long search, what would be refused after it."""
    *_, last = to_machine(net, request, np.zeros((1, *net.input_shape), np.int64))
    Machine(last.net)


def rows_of(steps: Sequence[Pass], images: "Dataset | None") -> Iterator[dict[str, Any]]:
    """Yield what each pass left, measured on the validation images.

    changed: of how many of them integers give other scores than before the pass.
    """
    scores: Any = None
    right = changed = None
    for name, net in steps:
        if images is not None:
            labels, before = images.validation.labels, scores
            scores = scores_of(net, images.validation.take(np.arange(len(labels))))
            right = float((scores.argmax(axis=1) == labels).mean())
            if before is not None and net.integer and before.dtype == scores.dtype:
                changed = int((scores != before).any(axis=1).sum())
        yield {"pass": name, "accuracy": right, "changed": changed, **totals(net)}


def examine(machine: Machine, images: "Dataset") -> dict[str, Any]:
    """Let all test images stream through, once, clock by clock; return what that showed."""
    labels = images.test.labels
    scores = machine.stream_all(images.test.take(np.arange(len(labels))))
    counts, frames = machine.events, len(labels)
    return {
        "right": int((scores.argmax(axis=1) == labels).sum()),
        "frames": frames,
        "macs_per_frame": counts.macs / frames,
        "still_macs_per_frame": counts.still_macs / frames,
        "cost_table": CALIBRATED,
        "energy_per_frame_j": COST_TABLES[CALIBRATED].tariffs[counts.chip].dynamic_j(counts)
        / frames,
    }


def describe(machine: Machine, clock_hz: float) -> dict[str, Any]:
    """Return how fast a machine streams."""
    clocking = machine.net.clocking
    assert clocking is not None
    return {
        "clock_hz": clock_hz,
        "clocks_per_frame": clocking.frame,
        "frames_per_s": frames_per_s(clocking, clock_hz),
        "latency_clocks": machine.latency,
        "latency_s": machine.latency / clock_hz,
    }


def sparse(net: Net, args: argparse.Namespace, images: "Dataset", kept: Path) -> Iterator[Pass]:
    """Yield a network of real numbers after each pass that leaves fewer connections."""
    from neurobot.compile.candidates import image_task
    from neurobot.compile.search import Plan, by_choices, search

    net = fold(net)
    yield Pass("fold", net)
    if args.no_search:
        return
    plan = Plan(max_loss=args.max_loss / 100)
    final = replace(plan.final, epochs=args.epochs, seed=args.seed, threads=args.threads)
    quick = replace(plan.quick, seed=args.seed, threads=args.threads)
    plan = replace(plan, final=final, quick=quick)
    task = image_task(images)
    found = search(net, task, plan, kept=kept, watch=note)
    yield from (Pass(*step) for step in by_choices(net, found.choices, task.images))
    yield Pass("retrain", found.net)


def note(text: str) -> None:
    """Tell how the search gets on."""
    print(text, file=sys.stderr, flush=True)


def calibration(images: "Dataset") -> NDArray[Any]:
    """Return some training images as they are."""
    count = min(CALIBRATION, len(images.train.labels))
    return images.train.take(np.arange(count))


def passes_of(
    net: Net, args: argparse.Namespace, request: Request, images: "Dataset | None", kept: Path
) -> Iterator[Pass]:
    """Yield the network as it was trained, and after each pass."""
    yield Pass("trained", net)
    given = None
    if not net.integer:
        assert images is not None
        for step in sparse(net, args, images, kept):
            yield step
            net = step.net
        given = calibration(images)
    yield from to_machine(net, request, given)


def run(args: argparse.Namespace) -> None:
    """Run `neurobot compile`."""
    if args.target not in TARGETS:
        raise ValueError(f"target {args.target!r} is not known; known: {', '.join(TARGETS)}")
    if not 0 < args.clock_hz < math.inf:
        raise ValueError(f"--clock-hz={args.clock_hz} must be above 0")
    folder = check_place("--out", args.out, folder=True)
    request = Request(
        *(args.weight_bits, args.activation_bits, args.fan_in, args.partition),
        *(args.leaf_exponents, args.line, args.lines),
    )
    net = read_network(load(args.network))
    rehearse(net, request)
    images = find_images(net, args)
    if images is not None and net.input_shape != shape_of(images):
        raise ValueError(
            f"{args.network}: a network of images of shape {net.input_shape} found, those of "
            f"{images.title} have {shape_of(images)}"
        )
    steps = list(passes_of(net, args, request, images, folder / KEPT))
    rows = list(rows_of(steps, images))
    machine = Machine(steps[-1].net)
    document = describe(machine, args.clock_hz) | {"test": images and examine(machine, images)}
    folder.mkdir(parents=True, exist_ok=True)
    files.save(machine.net.with_notes(notes(args, net)), folder / MACHINE)
    text = json.dumps({"version": __version__, "seed": args.seed, **document, "rows": rows})
    write_whole(folder / REPORT, f"{text}\n")
    if args.json:
        print_json("compile", args.seed, rows, network=args.network, **document)
    else:
        show(args, rows, document)


def notes(args: argparse.Namespace, net: Net) -> dict[str, Any]:
    """Return what the machine's file tells of how it was made."""
    made = {"machine_by": __version__, "max_loss_points": args.max_loss, "compile_seed": args.seed}
    return {**net.notes, **made}


def show(args: argparse.Namespace, rows: list[dict[str, Any]], document: dict[str, Any]) -> None:
    """Print a line for each pass, and what the machine does."""
    table = make_table(
        *("pass", "validation\n%", "connections", "synapses", "neurons", "delay\nwords"),
        "bits of\nweights",
    )
    for row in rows:
        right = "-" if row["accuracy"] is None else f"{100 * row['accuracy']:.2f}"
        names = ("connections", "synapses", "neurons", "delay_words_gated", "weight_bits_total")
        counts = ("-" if row[name] is None else f"{row[name]:,}" for name in names)
        table.add_row(row["pass"], right, *counts)
    console = wide_console()
    console.print(table)
    console.print(
        f"{document['clocks_per_frame']:,} clocks a frame: "
        f"{math.floor(document['frames_per_s']):,} frames/s at "
        f"{prefixed(document['clock_hz'], 'Hz')}; scores come {document['latency_clocks']} clocks "
        f"({prefixed(document['latency_s'], 's')}) after the last sample."
    )
    changed = {row["pass"]: row["changed"] for row in rows if row["changed"] is not None}
    if changed:
        told = ", ".join(f"{name} {count:,}" for name, count in changed.items())
        console.print(
            f"Validation images to which integers give other scores after a pass: {told}."
        )
    if test := document["test"]:
        console.print(
            f"Test images, streamed clock by clock: {test['right']:,} of {test['frames']:,} right, "
            f"[bold]{100 * test['right'] / test['frames']:.2f} %[/]; "
            f"{test['macs_per_frame']:,.0f} products switch in a frame, "
            f"{test['still_macs_per_frame']:,.0f} stay still: "
            f"{prefixed(test['energy_per_frame_j'], 'J')}, modelled ({test['cost_table']}: "
            "calibrated on one published point)."
        )
    console.print(f"Machine: {Path(args.out) / MACHINE}", markup=False)
    console.print(
        "Connections in space are those of all places; in time each is there once. delay words: "
        "with a clock enable.",
        style="dim",
    )

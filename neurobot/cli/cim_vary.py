"""`neurobot cim vary`: how networks on arrays bear memory cells that vary, by many draws."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from rich.markup import escape

from neurobot import __version__
from neurobot.cli.labelled import read_labelled
from neurobot.cli.placing import IDEAL, add_placing, placed, read_adc_bits, usual_bits
from neurobot.cli.terminal import make_table, print_json, progress_bar, wide_console
from neurobot.column_cim.placing import CONVERTERS, DIGITAL
from neurobot.column_cim.summary import Estimate, Summary, summarize
from neurobot.column_cim.trials import Chip, Study, run_trials
from neurobot.column_cim.variation import LAWS, Variation
from neurobot.compiled import cores
from neurobot.qnet import Network, load
from neurobot.qnet.runner import Array

SIGMAS, DRAWS = (0.1, 0.2), 10
DESCRIPTION = """\
Try networks on memory cells that vary: for each law, sigma and draw, program the cells, run all
images and count what is told right; the same draws for all, so that differences pair. Each trial is
a line of --out as it ends, and the same command goes on from there.
"""


def add_action(actions: Any) -> None:
    """Declare the action and its options."""
    options = actions.add_parser(
        "vary", help="networks on memory cells that vary", description=DESCRIPTION
    )
    options.set_defaults(function=run, resumes=True, command="cim vary")
    add, usual = options.add_argument, Variation()
    add("networks", nargs="+", metavar="NET.npz", help="networks, on arrays or plain")
    add("--images", required=True, metavar="FILE.npz|NAME",
        help="images (N, H, W, C) of bytes and labels (N,), or an image set: mnist, fashion_mnist, "
        "cifar10")  # fmt: skip
    add("--count", type=int, metavar="N", help="images, the first ones (default: all)")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--adc-bits", nargs="+", type=read_adc_bits, metavar="N",
        help=f"of converters, or {IDEAL} (default: the network's own, or 4)")  # fmt: skip
    add("--laws", nargs="+", choices=LAWS, default=[usual.law], help=f"(default: {usual.law})")
    add("--sigmas", nargs="+", type=float, default=list(SIGMAS), metavar="S",
        help=f"of the law (default: {' '.join(map(str, SIGMAS))})")  # fmt: skip
    add("--on-off", type=float, default=usual.on_off, metavar="R",
        help="greatest over least conductance (default: %(default)s)")  # fmt: skip
    add("--stuck-on", type=float, default=0.0, metavar="P", help="share of cells (default: 0)")
    add("--stuck-off", type=float, default=0.0, metavar="P", help="share of cells (default: 0)")
    add("--read-sigma", type=float, default=0.0, metavar="S",
        help="of each cell at each read, of its greatest conductance (default: 0)")  # fmt: skip
    add("--draws", type=int, default=DRAWS, metavar="N", help="(default: %(default)s)")
    add("--seed", type=int, default=0, metavar="N", help="the first draw (default: 0)")
    add("--out", required=True, type=Path, metavar="FILE.jsonl", help="a line for each trial")
    add("--jobs", type=int, default=cores(), metavar="N", help="threads (default: all cores)")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add_placing(options)


def variations_of(args: argparse.Namespace) -> list[Variation]:
    """Return the variations that are asked for; with a sigma of 0 all laws are one."""
    rest = {name: getattr(args, name) for name in ("on_off", "stuck_on", "stuck_off", "read_sigma")}
    return [
        Variation(law if sigma else Variation().law, sigma, **rest)
        for law, sigma in product(args.laws, args.sigmas)
    ]


def find_chips(args: argparse.Namespace, images: Array) -> dict[Chip, Network]:
    """Return the networks on arrays, with all converters; images: to calibrate plain ones on."""
    names = [Path(where).stem for where in args.networks]
    if len(set(names)) < len(names):
        raise ValueError(f"networks {', '.join(names)} found; allowed: names that differ")
    chips: dict[Chip, Network] = {}
    for name, where in zip(names, args.networks, strict=True):
        network = load(where)
        for bits in args.adc_bits or [usual_bits(network)]:
            chips[Chip(name, bits)] = placed(where, network, bits, images, args)
    return chips


def run(args: argparse.Namespace) -> None:
    """Run `neurobot cim vary`."""
    if args.draws < 1 or args.seed < 0:
        raise ValueError(
            f"--draws {args.draws}, --seed {args.seed} found; allowed: 1 or more, 0 or more"
        )
    variations = variations_of(args)
    labelled, calibration = read_labelled(args.images, args.count, args.data)
    study = Study(find_chips(args, calibration), labelled, __version__)
    trials = study.trials(variations, range(args.seed, args.seed + args.draws))
    with progress_bar("trials", not args.json) as progress:
        lines = run_trials(study, trials, args.out, jobs=args.jobs, progress=progress)
    found = summarize(lines)
    if args.json:
        rows = [summary.plain for summary in found]
        print_json("cim vary", args.seed, rows, images=labelled.plain, out=str(args.out))
    else:
        show(found, study, args.out)


def points(estimate: Estimate | None) -> str:
    """Write a mean of shares and its interval in per cent, or a difference in points."""
    if estimate is None:
        return ""
    half = "" if estimate.half is None else f" ± {100 * estimate.half:.2f}"
    return f"{100 * estimate.mean:.2f}{half}"


def signed(estimate: Estimate | None) -> str:
    """Write a difference in points, and whether its sign is known."""
    if estimate is None:
        return ""
    sign = "+" if estimate.mean > 0 else ""
    open_end = "" if estimate.half is None or estimate.resolved else " ?"
    return f"{sign}{points(estimate)}{open_end}"


def in_words(variation: dict[str, Any]) -> str:
    """Write a variation down, without what is as usual."""
    usual = Variation().plain
    words = {
        "sigma": variation["law"],
        "on_off": "on/off",
        "stuck_on": "stuck on",
        "stuck_off": "stuck off",
        "read_sigma": "read",
    }
    given = [
        f"{word} {variation[name]:g}"
        for name, word in words.items()
        if variation[name] != usual[name]
    ]
    return ", ".join(given) or "none"


def placing(study: Study) -> Iterator[str]:
    """Say of each network that was placed on arrays as it is how that was done."""
    notes = {name: network.notes for (name, _), network in study.chips.items()}
    for name, about in notes.items():
        if CONVERTERS in about:
            stay = about.get(DIGITAL, "nothing")
            yield f"{name}: converters {about[CONVERTERS]}; digital stays {stay}."


def columns_of(first: str, several: bool) -> dict[str, Callable[[Summary], str]]:
    """Return heading and cell of each column; several: networks, to be compared with the first."""
    compared: dict[str, Callable[[Summary], str]] = {
        f"to {first}": lambda row: signed(row.better),
        f"loses less\nthan {first}": lambda row: signed(row.steadier),
    }
    return {
        "network": lambda row: escape(row.group.network),
        "ADC\nbits": lambda row: IDEAL if row.group.adc_bits is None else str(row.group.adc_bits),
        "variation": lambda row: in_words(row.group.plain["variation"]),
        "draws": lambda row: str(row.draws),
        "images\nright, %": lambda row: points(row.accuracy),
        "to none": lambda row: signed(row.change),
        **(compared if several else {}),
    }


def show(found: Sequence[Summary], study: Study, out: Path) -> None:
    """Print a row for each network, converter and variation."""
    console, names = wide_console(), list(dict.fromkeys(row.group.network for row in found))
    columns = columns_of(names[0], len(names) > 1)
    table = make_table(*columns)
    for row in found:
        table.add_row(*(cell(row) for cell in columns.values()))
    console.print(table)
    for text in placing(study):
        console.print(text, style="dim", markup=False)
    console.print(
        f"{len(study.labelled.labels):,} images of {escape(study.labelled.name)}. ±: 95 % interval "
        "of the mean over draws, for these images; differences are of pairs with the same draws, "
        "in points; ?: the sign is not known. IR drop, drift and errors of converters are not "
        f"modelled. Trials are in {escape(str(out))}.",
        style="dim",
    )

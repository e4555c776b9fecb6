"""`neurobot cim report`: what a network on arrays takes by layer, and how well it tells images.

Everything in one call: accuracy, counts, time, energy, and what converters do, in words.
"""

import argparse
from dataclasses import asdict, fields, replace
from typing import Any, NamedTuple

import numpy as np

from neurobot.cli import cim_tables
from neurobot.cli.cim_figures import Placed, Seen, measure
from neurobot.cli.labelled import read_labelled
from neurobot.cli.placing import IDEAL, add_placing, placed, read_adc_bits, usual_bits
from neurobot.cli.terminal import print_json, wide_console
from neurobot.column_cim import Machine, Silicon, Variation
from neurobot.column_cim.variation import LAWS
from neurobot.controllers import make_controller
from neurobot.qnet import INPUT, Network, load
from neurobot.qnet.runner import Array, check_pixels

DESCRIPTION = """\
Put a network of integers onto arrays of memory cells, or take one that was trained on them: show
what each layer takes, what converters do, and how well images are told, if --images gives any.
"""


def add_action(actions: Any) -> None:
    """Declare the action and its options."""
    options = actions.add_parser(
        "report", help="accuracy, counts, time and energy by layer", description=DESCRIPTION
    )
    options.set_defaults(function=run)
    add = options.add_argument
    add("network", metavar="NETWORK", help="a file *.npz, or a controller that has one on arrays")
    add("--images", metavar="FILE.npz|NAME",
        help="images (N, H, W, C) of bytes and labels (N,), or an image set: mnist, fashion_mnist, "
        "cifar10")  # fmt: skip
    add("--count", type=int, metavar="N", help="images, the first ones (default: all)")
    add("--data", metavar="DIR", help="folder of the image sets (default: NEUROBOT_DATA)")
    add("--adc-bits", type=read_adc_bits, metavar="N", default=argparse.SUPPRESS,
        help=f"of converters, or {IDEAL} (default: the network's own, or 4)")  # fmt: skip
    add("--seed", type=int, metavar="N",
        help="the first draw, and of the picture where there are no images (default: 0, or the "
        "controller's draw)")  # fmt: skip
    add("--json", action="store_true", help="print one JSON object instead of tables")
    add_placing(options)
    add_varying(options)
    sizes = options.add_argument_group("of the machine, all assumed")
    for name, default in asdict(Silicon()).items():
        text = f"(default: {default}, or the controller's)"
        flag = f"--{name.replace('_', '-')}"
        sizes.add_argument(flag, type=type(default), metavar="N", help=text)


def add_varying(options: argparse.ArgumentParser) -> None:
    """Declare how cells vary, and how often they are drawn."""
    group, usual = options.add_argument_group("for cells that vary"), asdict(Variation())
    law = usual.pop("law")
    group.add_argument("--law", choices=LAWS, help=f"(default: {law}, or the controller's)")
    for name, default in usual.items():
        text = f"(default: {default:g}, or the controller's)"
        group.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="S", help=text)
    group.add_argument("--draws", type=int, default=1, metavar="N", help="(default: 1)")


class Found(NamedTuple):
    """What a name stands for, before anything else is asked."""

    network: Network
    silicon: Silicon
    variation: Variation
    draw: int


def find(name: str) -> Found:
    """Return the network of a file or of a controller, and the machine that is to run it."""
    if name.endswith(".npz"):
        return Found(load(name), Silicon(), Variation(), 0)
    machine = getattr(make_controller(name), "machine", None)
    if not isinstance(machine, Machine):
        raise ValueError(
            f"controller {name!r}: no machine of arrays in it; needed: one of cnn-cim-*, or a file "
            "*.npz that holds a network"
        )
    return Found(machine.network, machine.silicon, machine.variation, machine.draw)


def chosen(settings: Any, args: argparse.Namespace) -> Any:
    """Return settings with what the command line says otherwise."""
    asked = {field.name: getattr(args, field.name) for field in fields(settings)}
    return replace(settings, **{name: each for name, each in asked.items() if each is not None})


def see(network: Network, args: argparse.Namespace, seed: int) -> tuple[Seen, Array | None]:
    """Read images, and others to calibrate on; or draw one of noise, and none."""
    if args.images:
        (name, images, labels), calibration = read_labelled(args.images, args.count, args.data)
        check_pixels(network, images, (*images.shape[:1], *network.input_shape))
        return Seen(images, labels, f"mean of {len(labels):,} images of {name}"), calibration
    ends = network.signals[INPUT]
    rng = np.random.default_rng(seed)
    noise = rng.integers(ends.lowest, ends.highest + 1, (1, *network.input_shape), np.int32)
    return Seen(noise, None, "a picture of noise"), None


def run(args: argparse.Namespace) -> None:
    """Run `neurobot cim report`."""
    found = find(args.network)
    seed = found.draw if args.seed is None else args.seed
    if args.draws < 1 or seed < 0:
        raise ValueError(
            f"--draws {args.draws}, --seed {seed} found; allowed: 1 or more, 0 or more"
        )
    seen, calibration = see(found.network, args, seed)
    bits = getattr(args, "adc_bits", usual_bits(found.network))
    network = placed(args.network, found.network, bits, calibration, args)
    settings = chosen(found.silicon, args), chosen(found.variation, args)
    draws = range(seed, seed + args.draws)
    report = measure(Placed(found.network, network, *settings, draws), seen)
    if args.json:
        print_json("cim report", seed, **{"network": args.network, **report})
        return
    cim_tables.show(wide_console(), args.network, seed, report)

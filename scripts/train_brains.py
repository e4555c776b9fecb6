"""Train the networks that steer by camera, and write them as artefacts: `controllers/weights`.

Lessons come from a planner that sees everything (DAgger: the first drives are the planner's, all
later ones the student's own). One network is trained in full precision, and every quantized one
from it. Everything is kept in --out; the same command goes on from there.
"""

import argparse
from pathlib import Path
from typing import Any

from torch import nn

from neurobot import __version__
from neurobot.controllers import NETWORKS
from neurobot.imitate.drives import Lessons
from neurobot.imitate.school import Pupil, learn, school
from neurobot.imitate.student import Exercises, as_input
from neurobot.qnet import Network, save
from neurobot.quantize import convert, make_method
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.export import export, export_float
from neurobot.quantize.networks.steering import COLUMNS, ROWS, steering_net
from neurobot.quantize.settings import Settings

ROUNDS = (16_000, 14_000, 14_000)  # lessons of each
CALIBRATION = 512  # pictures
EVERY = 20  # of all pictures, one in so many is compared
FULL: dict[str, Any] = {"epochs": 12, "lr": 0.05}
TUNED: dict[str, Any] = {"epochs": 6, "lr": 0.02}
BINARY: dict[str, Any] = {"epochs": 12, "lr": 0.05, "weight_decay": 0.0, "warmup": 0.05}


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("names", nargs="*", metavar="NAME", help=f"{', '.join(NETWORKS)} (default: all)")
    add("--out", type=Path, default=Path("runs/brains"), help="lessons and checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefacts")
    add("--seed", type=int, default=0)
    args = options.parse_args()
    if unknown := [name for name in args.names if name not in NETWORKS]:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(NETWORKS)}")
    return args


def keep(network: Network, name: str, args: argparse.Namespace) -> None:
    """Write an artefact that says how it was made."""
    command = f"python scripts/train_brains.py {name} --seed {args.seed}"
    notes = {"command": command, "neurobot": __version__, **versions()}
    save(network.with_notes(notes), args.weights / f"{name}.npz")


def quantize(model: nn.Module, lessons: Lessons, name: str, args: argparse.Namespace) -> None:
    """Train the quantized form of a network, and write its integers."""
    pictures = lessons.pictures
    method, bits = name.removesuffix("b").split("-")
    example = as_input(pictures[:: len(pictures) // CALIBRATION])
    quantized = convert(model, make_method(method), int(bits), example)
    settings = Settings(seed=args.seed, **(BINARY if bits == "1" else TUNED))
    learn(quantized, Exercises(lessons), args.out / f"{name}.pt", settings)
    network = export(quantized, (ROWS, COLUMNS, 1))
    keep(network, name, args)
    print(f"{name}: {compare(quantized, network, pictures[::EVERY, :, :, None])}")


def main() -> None:
    args = arguments()
    args.out /= f"seed-{args.seed}"
    settings = Settings(seed=args.seed, **FULL)
    model, lessons = school(Pupil(steering_net), args.out, ROUNDS, settings)
    for name in args.names or NETWORKS:
        if name == "fp32":
            keep(export_float(model, (ROWS, COLUMNS, 1)), name, args)
        else:
            quantize(model, lessons, name, args)


if __name__ == "__main__":
    main()

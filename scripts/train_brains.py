"""Train the networks that steer by camera, and write them as artefacts: `controllers/weights`.

Lessons come from a planner that sees everything (DAgger: the first drives are the planner's, all
later ones the student's own). One network is trained in full precision, and every quantized one
from it. Everything is kept in --out; the same command goes on from there.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from neurobot import __version__
from neurobot.controllers import NETWORKS
from neurobot.imitate.drives import SCENARIOS, SHARES, Driver, Lessons, drive, join, teacher
from neurobot.imitate.student import STEERING, Exercises, as_input, driver
from neurobot.qnet import Network, save
from neurobot.quantize import convert, make_method
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.compare import compare
from neurobot.quantize.export import export, export_float
from neurobot.quantize.networks.steering import COLUMNS, ROWS, steering_net
from neurobot.quantize.settings import Settings
from neurobot.quantize.training import train_on

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


def gather(path: Path, who: Driver, count: int, seed: int) -> Lessons:
    """Return the lessons of one round, from its file if it has been driven."""
    if not path.exists():
        lessons = join(
            drive(scenario, who, int(share * count), 100 * seed + k)
            for k, (scenario, share) in enumerate(zip(SCENARIOS, SHARES, strict=True))
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, pictures=lessons.pictures, worth=lessons.worth)
        part.rename(path)
    with np.load(path) as kept:
        return Lessons(kept["pictures"], kept["worth"])


def learn(model: nn.Module, lessons: Lessons, kept: Path, settings: Settings) -> None:
    """Train a network, or go on where its checkpoint ends."""
    last = train_on(model, Exercises(lessons), settings, STEERING, kept=kept)[-1]
    good = 100 * last["accuracy"]
    print(f"{kept.stem}: loss {last['loss']:.4f}, good choices {good:.1f} %", flush=True)


def school(out: Path, seed: int) -> tuple[nn.Module, Lessons]:
    """Teach the network in full precision, anew after each round of lessons."""
    who: Driver = teacher
    model: nn.Module
    rounds: list[Lessons] = []
    for number, count in enumerate(ROUNDS):
        rounds.append(gather(out / f"lessons-{number}.npz", who, count, seed + 1000 * number))
        torch.manual_seed(seed)
        model = steering_net()
        learn(model, join(rounds), out / f"fp32-{number}.pt", Settings(seed=seed, **FULL))
        who = driver(model)
    return model, join(rounds)


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
    learn(quantized, lessons, args.out / f"{name}.pt", settings)
    network = export(quantized, (ROWS, COLUMNS, 1))
    keep(network, name, args)
    print(f"{name}: {compare(quantized, network, pictures[::EVERY, :, :, None])}")


def main() -> None:
    args = arguments()
    args.out /= f"seed-{args.seed}"
    model, lessons = school(args.out, args.seed)
    for name in args.names or NETWORKS:
        if name == "fp32":
            keep(export_float(model, (ROWS, COLUMNS, 1)), name, args)
        else:
            quantize(model, lessons, name, args)


if __name__ == "__main__":
    main()

"""Train the networks that steer as streaming machines, and compile them: `controllers/weights`.

A network in full precision learns from a planner that sees everything, as in
`scripts/train_brains.py`: one from a range scan, one from a camera's picture that streams column by
column. Then, again and again, the smallest weights go and the others are trained on; what is left
becomes integers, delays and trees. Everything is kept in --out; the same command goes on there.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurobot import __version__
from neurobot.compile.flow import Request, to_machine
from neurobot.compile.fold import fold
from neurobot.compile.prune import prune
from neurobot.compile.retrain import retrain
from neurobot.controllers.samples import as_samples
from neurobot.imitate.drives import Lessons
from neurobot.imitate.school import Pupil, gather, school
from neurobot.imitate.student import STEERING, Exercises, as_columns, driver, is_good
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.export import export_float
from neurobot.quantize.networks.streaming import beams_net, columns_net
from neurobot.quantize.settings import Settings
from neurobot.tdnn import Net, files, read_network
from neurobot.tdnn.direct import evaluate

ROUNDS = (16_000, 14_000, 14_000)  # lessons of each
EXAM = 4_000  # more, which tell what each pass costs; nothing is learned from them
CALIBRATION = 4_000  # pictures, for the steps of activations
FULL: dict[str, Any] = {"epochs": 12, "lr": 0.05}
PRUNED: dict[str, Any] = {"epochs": 8, "lr": 0.02}


@dataclass(frozen=True)
class Course:
    """Who learns, and what share of each layer's connections stays, time after time."""

    pupil: Pupil
    keeps: tuple[Mapping[str, float], ...]


COURSES = {
    "range": Course(
        Pupil(beams_net, "range", as_columns),
        (
            {"conv2": 0.6, "conv3": 0.6, "dense1": 0.1, "dense2": 0.3},
            {"conv2": 0.8, "conv3": 0.8, "dense1": 0.5, "dense2": 0.6},
        ),
    ),
    "camera": Course(
        Pupil(columns_net, "camera", as_columns),
        (
            {"conv1": 0.6, "conv2": 0.6, "conv3": 0.6, "dense1": 0.1, "dense2": 0.4},
            {"conv1": 0.6, "conv2": 0.8, "conv3": 0.8, "dense1": 0.6, "dense2": 0.6},
        ),
    ),
}


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("names", nargs="*", metavar="NAME", help=f"{', '.join(COURSES)} (default: both)")
    add("--out", type=Path, default=Path("runs/tdnn"), help="lessons and checkpoints")
    add("--weights", type=Path, default=Path("controllers/weights"), help="the artefacts")
    add("--seed", type=int, default=0)
    args = options.parse_args()
    if unknown := [name for name in args.names if name not in COURSES]:
        options.error(f"unknown {unknown[0]!r}; known: {', '.join(COURSES)}")
    return args


def report(what: str, net: Net, exam: Lessons) -> None:
    """Print how well a network chooses, and what it takes up."""
    scores = np.asarray(evaluate(net, as_samples(exam.pictures)), np.float64)
    good = is_good(torch.from_numpy(scores), (torch.from_numpy(exam.worth),)).float().mean()
    left = sum(np.count_nonzero(layer.weights) for layer in net.layers)
    print(f"{what}: good choices {100 * good:.1f} %, {left} connections", flush=True)


def thin_out(net: Net, name: str, lessons: Lessons, exam: Lessons, out: Path, seed: int) -> Net:
    """Take connections away, and train those that stay, time after time."""
    pupil = COURSES[name].pupil
    for number, keeps in enumerate(COURSES[name].keeps):
        for layer, share in keeps.items():
            net = prune(net, layer, share)
        settings = Settings(seed=seed, **PRUNED)
        kept, exercises = out / f"pruned-{number}.pt", Exercises(lessons, pupil.reads)
        net = retrain(net, exercises, settings, goal=STEERING, kept=kept)
        report(f"{name}, pruned", net, exam)
    return net


def make(name: str, args: argparse.Namespace) -> Net:
    """Teach, prune and compile one network."""
    pupil, out = COURSES[name].pupil, args.out / f"seed-{args.seed}" / name
    model, lessons = school(pupil, out, ROUNDS, Settings(seed=args.seed, **FULL))
    who, drive = driver(model, pupil.reads), args.seed + 1000 * len(ROUNDS)
    exam = gather(out / "exam.npz", who, EXAM, drive, pupil.sensor)
    samples = as_samples(lessons.pictures[:: max(len(lessons.pictures) // CALIBRATION, 1)])
    net = fold(read_network(export_float(model, samples.shape[1:])))
    report(f"{name}, full precision", net, exam)
    net = thin_out(net, name, lessons, exam, out, args.seed)
    for step in to_machine(net, Request(), samples):
        net = step.net
        report(f"{name}, {step.name}", net, exam)
    return net


def main() -> None:
    args = arguments()
    for name in args.names or COURSES:
        command = f"python scripts/train_tdnn.py {name} --seed {args.seed}"
        notes = {"command": command, "neurobot": __version__, **versions()}
        files.save(replace(make(name, args), notes=notes), args.weights / f"tdnn-{name}.npz")


if __name__ == "__main__":
    main()

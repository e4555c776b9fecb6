"""The school of steering: rounds of lessons, and a network that learns anew after each (DAgger).

The first drives are the planner's, all later ones the student's own, so that it also learns how to
get out of what it got itself into. Everything is kept; the same call goes on from there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from neurobot.bounded import MIB, read_arrays
from neurobot.imitate.drives import SCENARIOS, SHARES, Driver, Lessons, drive, join, teacher
from neurobot.imitate.student import STEERING, Exercises, Reads, as_input, driver
from neurobot.quantize.settings import Settings
from neurobot.quantize.training import train_on

LESSONS_BYTES = 512 * MIB  # of a round, packed and unpacked


@dataclass(frozen=True)
class Pupil:
    """Who goes to school: how the network is made, by what it sees, and how it reads that."""

    make: Callable[[], nn.Module]
    sensor: str = "camera"
    reads: Reads = as_input


def gather(path: Path, who: Driver, count: int, seed: int, sensor: str = "camera") -> Lessons:
    """Return the lessons of one round, from its file if it has been driven."""
    if not path.exists():
        lessons = join(
            drive(scenario, who, int(share * count), 100 * seed + k, sensor=sensor)
            for k, (scenario, share) in enumerate(zip(SCENARIOS, SHARES, strict=True))
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.savez_compressed(file, pictures=lessons.pictures, worth=lessons.worth)
        part.rename(path)
    return read_lessons(path)


def read_lessons(path: Path) -> Lessons:
    """Read the lessons of one round."""
    pictures, worth = read_arrays(path, LESSONS_BYTES, "pictures", "worth").values()
    fits = pictures.dtype == np.uint8 and pictures.ndim == 3 and worth.dtype == np.float32
    if not fits or worth.ndim != 2 or len(worth) != len(pictures):
        raise ValueError(
            f"{path}: {pictures.dtype} of shape {pictures.shape} and {worth.dtype} of shape "
            f"{worth.shape} found; allowed: uint8 (N, rows, columns) and float32 (N, choices)"
        )
    return Lessons(pictures, worth)


def learn(model: nn.Module, exercises: Exercises, kept: Path, settings: Settings) -> None:
    """Train a network, or go on where its checkpoint ends."""
    last = train_on(model, exercises, settings, STEERING, kept=kept)[-1]
    good = 100 * last["accuracy"]
    print(f"{kept.stem}: loss {last['loss']:.4f}, good choices {good:.1f} %", flush=True)


def school(
    pupil: Pupil, out: Path, rounds: Sequence[int], settings: Settings
) -> tuple[nn.Module, Lessons]:
    """Teach a network in full precision, anew after each round of so many lessons.

    Lessons and checkpoints lie in `out`; all chance follows from the seed of the settings.
    """
    who: Driver = teacher
    model: nn.Module
    learned, seed = list[Lessons](), settings.seed
    for number, count in enumerate(rounds):
        path = out / f"lessons-{number}.npz"
        learned.append(gather(path, who, count, seed + 1000 * number, pupil.sensor))
        torch.manual_seed(seed)
        model = pupil.make()
        learn(model, Exercises(join(learned), pupil.reads), out / f"fp32-{number}.pt", settings)
        who = driver(model, pupil.reads)
    return model, join(learned)

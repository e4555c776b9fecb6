"""Candidates of the search: how well a network does once it is retrained for a moment."""

import hashlib
import json
import math
import reprlib
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neurobot.bounded import MIB, brief, parse_json, read_file
from neurobot.compile.retrain import as_module, retrain
from neurobot.quantize.answers import accuracy
from neurobot.quantize.checkpoints import versions
from neurobot.quantize.course import CLASSES, Goal
from neurobot.quantize.datasets import Dataset, Numbers
from neurobot.quantize.examples import Examples, Labelled, Targets
from neurobot.quantize.settings import Settings
from neurobot.tdnn.form import Net
from neurobot.writing import write_whole

Array = NDArray[Any]
LOOKED_AT = 4096  # training images in which layers are looked at
SCORES, SCORES_BYTES = "scores.json", 64 * MIB


@dataclass(frozen=True, slots=True)
class Task:
    """What a network is to do, and how well it does it.

    examples: to learn from. score: the share of right answers to others, held out for choices.
    images: (N, rows, columns, channels), codes of the input, some of those to learn from.
    """

    examples: Examples
    score: Callable[[Net], float]
    images: Array
    goal: Goal = CLASSES


def image_task(dataset: Dataset) -> Task:
    """Return the task to tell images apart, scored on the validation split."""
    numbers = np.arange(min(LOOKED_AT, len(dataset.train.labels)))

    def score(net: Net) -> float:
        return accuracy(as_module(net), dataset.validation)

    return Task(Labelled(dataset.train), score, dataset.train.take(numbers))


@dataclass(frozen=True, slots=True)
class Some:
    """Some of the examples, always the same ones."""

    examples: Examples
    numbers: Numbers

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.numbers)

    def take(self, numbers: Numbers, chance: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return inputs and targets of so many rows."""
        return self.examples.take(self.numbers[numbers], chance)

    def checksum(self) -> int:
        """Return a number that other examples hardly have."""
        return zlib.crc32(self.numbers.tobytes(), self.examples.checksum())


def drawn(examples: Examples, count: int) -> Examples:
    """Return so many of the examples, or all of them."""
    if count >= len(examples):
        return examples
    return Some(examples, np.random.default_rng(0).permutation(len(examples))[:count])


def digest(net: Net) -> str:
    """Return a text that other networks hardly have; trees and clocks change no result."""
    found = hashlib.sha256(repr((net.input_shape, net.input_bits, net.output_scale)).encode())
    for stage in net.stages:
        for part in fields(stage):
            value = getattr(stage, part.name)
            if part.name != "tree":
                array = isinstance(value, np.ndarray)
                found.update(value.tobytes() if array else repr((part.name, value)).encode())
    return found.hexdigest()


@dataclass(slots=True)
class Bench:
    """Retrains candidates for a moment and scores them; a score is never found twice.

    kept: the folder of the scores, which an interrupted search goes on from.
    """

    task: Task
    examples: Examples
    settings: Settings
    kept: Path | None = None
    scores: dict[str, float] = field(default_factory=dict)
    learned: dict[str, Net] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kept and (path := self.kept / SCORES).exists():
            self.scores.update(read_scores(path))

    def key(self, net: Net) -> str:
        """Return all that decides a candidate's score, as one text."""
        parts = {
            "net": digest(net),
            "settings": asdict(self.settings),
            "examples": self.examples.checksum(),
            "loss": self.task.goal.loss.__qualname__,
            **versions(),
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def trained(self, net: Net) -> Net:
        """Return a candidate, retrained."""
        key = self.key(net)
        if key not in self.learned:
            goal = self.task.goal
            self.learned[key] = retrain(net, self.examples, self.settings, goal=goal)
        return self.learned[key]

    def score(self, net: Net) -> float:
        """Return the score of a candidate, retrained."""
        key = self.key(net)
        if key not in self.scores:
            self.scores[key] = float(self.task.score(self.trained(net)))
            if self.kept:
                write_scores(self.kept / SCORES, self.scores)
        return self.scores[key]


def read_scores(path: Path) -> dict[str, float]:
    """Read the scores that a search has kept."""
    try:
        found = parse_json(read_file(path, SCORES_BYTES))
        if not isinstance(found, dict):
            raise ValueError(f"{reprlib.repr(found)} found; allowed: an object")
        for key, score in found.items():
            if type(score) not in (int, float) or not abs(score) < math.inf:
                raise ValueError(
                    f"{brief(key)}: {reprlib.repr(score)} found; allowed: a finite number"
                )
        return {key: float(score) for key, score in found.items()}
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: no scores of a search found there: {error}") from error


def write_scores(path: Path, scores: dict[str, float]) -> None:
    """Write all scores; whoever reads the path finds those before or these."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(scores, indent=1, sort_keys=True) + "\n")

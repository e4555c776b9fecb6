"""The student: a network that learns to score choices as the teacher rates them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from neurobot.controllers.steering import mirrored_choices
from neurobot.imitate.drives import Array, Driver, Lessons
from neurobot.quantize.course import Goal
from neurobot.quantize.datasets import Numbers
from neurobot.quantize.examples import Targets, checksum
from neurobot.quantize.outputs import predict

TEMPERATURE_M = 0.25  # a choice worth so much less is to be e times less likely
MOST_M = 8.0  # choices that are worse by more are not told apart
GOOD_M = 0.5  # a choice worth at most so much less than the best one is a good one

Reads = Callable[[Array], Tensor]  # pictures as they are -> what a network reads


def as_input(pictures: Array) -> Tensor:
    """Turn pictures of bytes (N, rows, columns) into what a network reads, (N, 1, ...) of 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures))[:, None].float() / 255


def as_columns(pictures: Array) -> Tensor:
    """Turn them into what a network of samples reads, (N, rows, 1, columns) of 0..1."""
    return as_input(pictures).transpose(1, 2).contiguous()


@dataclass(frozen=True)
class Exercises:
    """Lessons as a training loop reads them; by chance, half of the batches in a mirror."""

    lessons: Lessons
    reads: Reads = as_input

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.lessons.pictures)

    def take(self, numbers: Numbers, chance: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return pictures as the network reads them, and what the choices are worth, (n, C)."""
        pictures, worth = self.lessons.pictures[numbers], self.lessons.worth[numbers]
        if chance.random() < 0.5:
            pictures, worth = pictures[:, :, ::-1], worth[:, mirrored_choices()]
        return self.reads(pictures), (torch.from_numpy(worth),)

    def checksum(self) -> int:
        """Return the CRC-32 over all values."""
        return checksum(
            torch.from_numpy(self.lessons.pictures), torch.from_numpy(self.lessons.worth)
        )


def loss(outputs: Tensor, targets: Targets) -> Tensor:
    """Return the mean cross entropy between the choices' worth, as chances, and the scores (N, C).

    A choice's chance is exp(worth / TEMPERATURE_M), worth at most MOST_M below the best, over the
    sum of all.
    """
    worth = targets[0]
    lost = (worth - worth.amax(1, keepdim=True)).clamp(min=-MOST_M)
    wanted = torch.softmax(lost / TEMPERATURE_M, 1)
    return -(wanted * torch.log_softmax(outputs, 1)).sum(1).mean()


def is_good(outputs: Tensor, targets: Targets) -> Tensor:
    """Tell where the highest score is on a choice that is nearly as good as the best, (N,) bool."""
    worth = targets[0]
    chosen = worth.gather(1, outputs.argmax(1, keepdim=True))[:, 0]
    return worth.amax(1) - chosen <= GOOD_M


STEERING = Goal(loss, is_good)


def driver(model: nn.Module, reads: Reads = as_input) -> Driver:
    """Let a network drive, by its scores alone."""

    def score(pictures: Array, worth: Array) -> Array:
        return predict(model, reads(pictures)).numpy()

    return score

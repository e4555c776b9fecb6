"""A training on its way: one step, one epoch, and what a checkpoint keeps of it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from neurobot.quantize.checkpoints import check_identity, load_checkpoint, load_weights
from neurobot.quantize.convert import (
    keep_steps_positive,
    parameter_groups,
    penalty,
    set_progress,
)
from neurobot.quantize.examples import Examples, Targets, batches_of, epoch_of
from neurobot.quantize.settings import Settings

Loss = Callable[[Any, Targets], Tensor]  # of the model's output: the mean over examples
Score = Callable[[Any, Targets], Tensor]  # of the model's output: (N,), 1 where it is right
Row = dict[str, float]


def cross_entropy(outputs: Tensor, targets: Targets) -> Tensor:
    """Return the mean cross entropy; outputs: (N, classes), targets: the labels (N,)."""
    return functional.cross_entropy(outputs, targets[0])


def is_right(outputs: Tensor, targets: Targets) -> Tensor:
    """Tell which outputs (N, classes) are highest at the label."""
    return outputs.argmax(1) == targets[0]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be learned: a loss to be made small, and what to count where it is right."""

    loss: Loss = cross_entropy
    score: Score | None = is_right


CLASSES = Goal()


@dataclass(slots=True)
class Course:
    """A training on its way."""

    model: nn.Module
    examples: Examples
    settings: Settings
    goal: Goal
    optimizer: torch.optim.SGD
    sums: Tensor  # of this epoch so far: loss, right answers, examples
    step: int = 0
    history: list[Row] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """All steps of the training."""
        return self.settings.epochs * self.epoch_steps

    @property
    def epoch_steps(self) -> int:
        """Steps of an epoch."""
        return batches_of(self.examples, self.settings.batch)

    @property
    def at_end(self) -> bool:
        """Whether an epoch has just ended."""
        return self.step % self.epoch_steps == 0

    def row(self) -> Row:
        """Return what this epoch shows so far."""
        loss, right, count = (float(value) for value in self.sums)
        if not math.isfinite(loss):
            raise ValueError(
                f"training: a loss of {loss} found by step {self.step} with "
                f"lr={self.settings.lr:g}; a finite one is needed, so a smaller lr"
            )
        return {
            "epoch": math.ceil(self.step / self.epoch_steps),
            "loss": loss / count,
            "accuracy": right / count,
        }

    def parts(self, identity: Mapping[str, Any]) -> dict[str, Any]:
        """Put everything into what a checkpoint keeps."""
        return {
            "identity": dict(identity),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "steps": self.steps,
            "sums": self.sums,
            "rng": torch.get_rng_state(),
            "history": self.history,
        }

    def resume(self, path: Path, identity: Mapping[str, Any]) -> None:
        """Go on from a checkpoint of this training."""
        parts = load_checkpoint(path)
        check_identity(path, parts["identity"], identity)
        load_weights(path, self.model, parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.sums.copy_(parts["sums"])
        self.step, self.history = parts["step"], parts["history"]
        torch.set_rng_state(parts["rng"])

    def learn(self, inputs: Tensor, targets: Targets) -> None:
        """Take one step."""
        set_progress(self.model, self.step / max(1, self.steps - 1))
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr_at(self.step, self.steps)
        outputs = self.model(inputs)
        loss = self.goal.loss(outputs, targets)
        self.optimizer.zero_grad()
        (loss + penalty(self.model)).backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        keep_steps_positive(self.model)
        self.step += 1
        self.note(loss.detach(), outputs, targets, len(inputs))

    @torch.no_grad()
    def note(self, loss: Tensor, outputs: Any, targets: Targets, count: int) -> None:
        """Add what a step has shown."""
        score = self.goal.score
        self.sums[0] += loss * count
        self.sums[1] += score(outputs, targets).sum() if score else 0
        self.sums[2] += count
        if self.at_end:
            self.history.append(self.row())

    def run_epoch(self) -> Iterator[None]:
        """Run what is left of the epoch, yielding after each step."""
        number, done = divmod(self.step, self.epoch_steps)
        batch, seed, place = self.settings.batch, self.settings.seed, self.sums.device
        if not done:
            self.sums.zero_()
            torch.manual_seed(int(np.random.SeedSequence((seed, number)).generate_state(1)[0]))
        for inputs, targets in epoch_of(self.examples, batch, seed, number, done):
            self.learn(
                inputs.to(place).contiguous(memory_format=memory_format(inputs)),
                tuple(target.to(place) for target in targets),
            )
            yield


def memory_format(inputs: Tensor) -> torch.memory_format:
    """Return the layout in which convolutions run fastest: channels last, if there are maps."""
    return torch.channels_last if inputs.dim() == 4 else torch.contiguous_format


def start(model: nn.Module, examples: Examples, settings: Settings, goal: Goal) -> Course:
    """Begin a training."""
    model.to(settings.device).train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        parameter_groups(model, settings.weight_decay),
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.nesterov,
    )
    sums = torch.zeros(3, dtype=torch.float64, device=settings.device)
    return Course(model, examples, settings, goal, optimizer, sums)

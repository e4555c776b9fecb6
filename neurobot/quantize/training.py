"""Training: SGD with momentum and a cosine over the steps, to the same bits from the same seed.

A training that was killed goes on from its last checkpoint and ends with the weights that it would
have had: the learning rate follows from the step, the examples from seed and epoch, and everything
else is in the checkpoint; but for a GPU's own generator, which dropout asks there.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from neurobot.quantize.checkpoints import save_checkpoint
from neurobot.quantize.convert import set_progress
from neurobot.quantize.course import CLASSES, Goal, Loss, Row, Score, cross_entropy, is_right, start
from neurobot.quantize.examples import Examples, Targets, Tensors, checksum
from neurobot.quantize.outputs import predict as predict
from neurobot.quantize.settings import Settings as Settings
from neurobot.quantize.settings import reproducible
from neurobot.quantize.watching import quantizers

Watch = Callable[[int, int, Row], None]  # steps done, steps in all, what the epoch shows so far

WATCHED = 10  # steps between two reports


def check_decay(model: nn.Module, settings: Settings) -> None:
    """Refuse weight decay where weights are binary by UniQ: it pulls them off their two levels."""
    if not settings.weight_decay or settings.binary_decay:
        return
    for name, own in quantizers(model).items():
        if own.weights and own.grid.odd and own.grid.bits == 1:
            raise ValueError(
                f"{name}: 1 bit by uniq with weight_decay={settings.weight_decay:g} found; UniQ "
                "allows only 0 there"
            )


def identify(
    model: nn.Module, examples: Examples, settings: Settings, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Name all that decides a training's result, as far as numbers can."""
    return {
        **asdict(settings),
        "examples": examples.checksum(),
        "first_weights": checksum(*model.state_dict().values()),
        **more,
    }


def train_on(
    model: nn.Module,
    examples: Examples,
    settings: Settings,
    goal: Goal = CLASSES,
    *,
    kept: Path | None = None,
    every: int = 500,
    identity: Mapping[str, Any] | None = None,
    watch: Watch | None = None,
) -> list[Row]:
    """Train a model where it stands; return loss and score of each epoch while it learned.

    kept: the file of the checkpoint, written after each epoch and each `every` steps; where it is
    there already, the training goes on from it. identity: what else must be equal for that.
    Raises ValueError where another training is kept there, or the loss is no number any more.
    """
    check_decay(model, settings)
    known = identify(model, examples, settings, identity or {})
    with reproducible(settings):
        course = start(model, examples, settings, goal)
        if kept and kept.exists():
            course.resume(kept, known)
        while course.step < course.steps:
            for _ in course.run_epoch():
                if watch and (course.at_end or course.step % WATCHED == 0):
                    watch(course.step, course.steps, course.row())
                if kept and (course.at_end or course.step % every == 0):
                    course.row()
                    save_checkpoint(kept, course.parts(known))
    set_progress(model, 1.0)
    model.eval()
    return course.history


def train(
    model: nn.Module,
    images: Tensor,
    targets: Tensor | Targets,
    settings: Settings,
    *,
    loss: Loss = cross_entropy,
    score: Score | None = is_right,
    kept: Path | None = None,
    watch: Watch | None = None,
) -> list[Row]:
    """Train a model on tensors in memory, as `train_on` does.

    images: (N, ...), bytes (read as code / 255) or floats; targets: labels (N,), or a tuple of
    tensors of N rows each, which `loss` and `score` understand.
    """
    examples = Tensors(images, targets if isinstance(targets, tuple) else (targets,))
    return train_on(model, examples, settings, Goal(loss, score), kept=kept, watch=watch)

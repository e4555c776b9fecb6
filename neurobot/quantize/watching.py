"""Runs of a network that only look: who is called, on what; and the first steps from examples."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from neurobot.quantize.base import Quantizer, Rounding
from neurobot.quantize.column_converters import converters
from neurobot.quantize.fused_bn import Norm


@dataclass(frozen=True)
class Seen:
    """What one run of a plain network showed: who was called when, and the lowest input."""

    calls: list[str] = field(default_factory=list)
    lowest: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, inputs: Iterable[Tensor]) -> None:
        """Note a call and its inputs."""
        self.calls.append(name)
        for x in (x for x in inputs if x.numel()):
            low, high = (float(end) for end in x.detach().aminmax())
            self.lowest[name] = min(self.lowest.get(name, low), low)
            self.highest[name] = max(self.highest.get(name, high), high)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Run a network in evaluation mode without gradients, and restore every module's mode."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def watch(model: nn.Module, names: list[str], example: Tensor) -> Seen:
    """Run a network once; every layer to convert must be called at least once."""
    seen = Seen()

    def hook(name: str) -> torch.utils.hooks.RemovableHandle:
        module = model.get_submodule(name)
        return module.register_forward_pre_hook(
            lambda _, inputs, named: seen.note(name, (*inputs, *named.values())), with_kwargs=True
        )

    hooks = [hook(name) for name in names]
    try:
        with evaluating(model):
            model(example)
    finally:
        for one in hooks:
            one.remove()
    for name in names:
        if name not in seen.lowest:
            raise ValueError(
                f"{name}: the example never reached this layer; every layer to convert must be used"
            )
    return seen


def settle_norms(model: nn.Module, example: Tensor) -> None:
    """Give batch norms without statistics, which begin as 0 and 1, those of an example.

    Without, a network that was never trained would show other sums than in its training.
    """
    fresh = [m for m in model.modules() if isinstance(m, Norm) and is_fresh(m)]
    momenta = [norm.momentum for norm in fresh]
    with evaluating(model):
        for norm in fresh:
            norm.train().reset_running_stats()
            norm.momentum = None  # the mean of all batches: of this one
        model(example)
    for norm, momentum in zip(fresh, momenta, strict=True):
        norm.momentum = momentum


def is_fresh(norm: Norm) -> bool:
    """Tell whether a batch norm still has the statistics that it began with."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return False
    return not bool(mean.any()) and bool((variance == 1).all())


def quantizers(model: nn.Module) -> dict[str, Quantizer]:
    """Return all quantizers that learn a step, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, Quantizer)}


def calibrate(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the first steps of all inputs anew, from batches that run in full precision.

    Batch norm keeps its running statistics; the released UniQ lets them move meanwhile.
    """
    batches = list(batches)
    inputs = [own for own in quantizers(model).values() if not own.weights]
    rounders = [module for module in model.modules() if isinstance(module, Rounding)]
    for own in inputs:
        own.batches.zero_()
    for rounder in rounders:
        rounder.observing = True
    try:
        with evaluating(model):
            for batch in batches:
                model(batch)
    finally:
        for rounder in rounders:
            rounder.observing = False
    calibrate_converters(model, batches)


def calibrate_converters(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the first steps and the means of all converters anew, from what columns sum to."""
    observed = converters(model).values()
    for own in observed:
        own.observing, own.seen = True, None
    try:
        with evaluating(model):
            for batch in batches if observed else ():
                model(batch)
    finally:
        for own in observed:
            own.observing, own.seen = False, None

"""What a method of quantization consists of, and what its rules get to see."""

from dataclasses import dataclass

import torch
from torch import Tensor

from neurobot.quantize.grids import Grid


@dataclass(frozen=True, slots=True)
class Trip:
    """One tensor's way through a quantizer, as the rules of the gradients see it.

    ratio: x / step; level: what it was rounded to, in steps; step: as it broadcasts over x;
    gain: the gradient scale g of the step.
    """

    ratio: Tensor
    level: Tensor
    step: Tensor
    grid: Grid
    gain: float
    weights: bool
    progress: float

    def within(self, values: Tensor) -> Tensor:
        """Keep values where bottom < ratio < top, strictly; the others become zero."""
        kept: Tensor = torch.ops.aten.hardtanh_backward(
            values, self.ratio, self.grid.bottom, self.grid.top
        )
        return kept

    def per_step(self, products: Tensor) -> Tensor:
        """Sum over all elements that share a step, (channels,) or (1,)."""
        return products.reshape(self.step.numel(), -1).sum(1)

    def correlate(self, a: Tensor, b: Tensor) -> Tensor:
        """Sum a b over all elements that share a step, (channels,) or (1,)."""
        if self.step.numel() > 1:
            return self.per_step(a * b)
        return torch.dot(a.reshape(-1), b.reshape(-1)).reshape(1)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a method wants to be trained: learning rates, weight decay of the weights, warm-up.

    warmup_epochs: epochs at the constant rate warmup_lr before the schedule starts.
    """

    lr: float = 0.01
    weight_decay: float = 1e-4
    warmup_epochs: int = 0
    warmup_lr: float | None = None


class Method:
    """What one paper says: grids, initial steps, and the gradients of rounding and of the step."""

    edges_per_channel = True  # whether per_channel reaches the first and the last layer too

    def weight_grid(self, bits: int) -> Grid:
        """Return the grid of weights, and of every other tensor that must have a sign."""
        raise NotImplementedError

    def activation_grid(self, bits: int, signed: bool) -> Grid:
        """Return the grid of a layer's input."""
        raise NotImplementedError

    def initial_step(self, rows: Tensor, grid: Grid, weights: bool) -> Tensor:
        """Return the first step of every row of values (channels, n), as (channels,)."""
        raise NotImplementedError

    def next_step(self, old: Tensor, new: Tensor, grid: Grid) -> Tensor:
        """Combine the steps of the calibration batches so far with that of one more."""
        del new, grid
        return old

    def gain(self, x: Tensor, steps: int, grid: Grid, weights: bool) -> float:
        """Return the scale g of the step's gradient."""
        raise NotImplementedError

    def gradient_to_input(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Return the gradient of x."""
        raise NotImplementedError

    def gradient_to_step(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Return the gradient of the step, (channels,) or (1,)."""
        raise NotImplementedError

    def blend(self, x: Tensor, y: Tensor, progress: float) -> Tensor:
        """Return what a quantizer in training hands on; y is what a deployed one would."""
        del x, progress
        return y

    def penalty_weight(self, progress: float) -> float:
        """Return the weight of the squared discretization error in the loss; 0 is none."""
        del progress
        return 0.0

    def recipe(self, bits: int) -> Recipe:
        """Return how networks of so many bits are trained."""
        raise NotImplementedError


def check_flag(where: str, value: object) -> None:
    """Refuse a text, which would count as true whatever it says."""
    if not isinstance(value, bool):
        raise ValueError(f"{where} {value!r}; true or false is allowed")


def spread(step: Tensor, x: Tensor) -> Tensor:
    """Shape a step (channels,) so that it broadcasts along the first axis of x."""
    return step if step.numel() == 1 else step.reshape(-1, *[1] * (x.dim() - 1))


def levels(ratio: Tensor, grid: Grid) -> Tensor:
    """Round ratios x / step to the levels of a grid, in steps, half to even."""
    if not grid.odd:
        return ratio.clamp(grid.low, grid.high).round_()
    shifted = ratio + grid.offset
    return shifted.clamp_(grid.low, grid.high).round_().sub_(grid.offset)

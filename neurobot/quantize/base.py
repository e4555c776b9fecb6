"""The base of all quantizers: one forward pass, and a method that says how gradients flow back.

For an input x, a step D > 0 and a grid of codes low..high with offset o (0, or M/2 on odd grids),
rounding half to even:

    u = x / D;   n = round(clip(u + o, low, high)) - o;   y = n D

The method names the grids, the initial steps and the rules for both gradients.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neurobot.quantize.grids import Grid, unsigned
from neurobot.quantize.rules import Method, Trip, levels, spread

SMALLEST_STEP = 1e-4  # of a tensor of zeros; also the least share of its first value a step keeps


class FakeQuantize(torch.autograd.Function):
    """Round forward; backward, do what the quantizer's method says."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, quantizer: "Quantizer") -> Tensor:
        """Return the nearest levels of x."""
        over = spread(step, x)
        ratio = x / over
        level = levels(ratio, quantizer.grid)
        ctx.save_for_backward(ratio, level, over)
        ctx.quantizer, ctx.progress = quantizer, quantizer.progress
        return level * over

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Return the gradients of x and of the step."""
        (grad,), (ratio, level, step) = upstream, ctx.saved_tensors
        own: Quantizer = ctx.quantizer
        if grad.numel() == 0:
            return grad, torch.zeros_like(own.step), None
        trip = own.trip(ratio, level, step, ctx.progress)
        of_x, of_step = ctx.needs_input_grad[:2]
        return (
            own.method.gradient_to_input(grad, trip) if of_x else None,
            own.method.gradient_to_step(grad, trip) if of_step else None,
            None,
        )


class Rounding(nn.Module):
    """A grid and a step, in a module: what learned and fixed quantizers share."""

    step: Tensor

    def __init__(self, grid: Grid, label: str) -> None:
        super().__init__()
        self.grid = grid
        self.label = label
        self.progress = 0.0
        self.observing = False

    @property
    def scale(self) -> Tensor:
        """The value of integer 1, shaped as the step."""
        return self.step.detach() / self.grid.per_step

    @torch.no_grad()
    def integers(self, x: Tensor) -> Tensor:
        """Return int32 n with forward(x) == n * scale, exactly (scale along the first axis)."""
        level = levels(x / spread(self.step, x), self.grid)
        return (level * self.grid.per_step).to(torch.int32)

    def meant(self, codes: Tensor) -> Tensor:
        """Return what integers stand for (scale along the first axis)."""
        return codes * spread(self.scale, codes)

    def calibrate(self, x: Tensor) -> None:
        """Take the initial step from an input."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """Describe the grid."""
        return f"bits={self.grid.bits}, {self.grid.bottom:g}..{self.grid.top:g} steps"


class Quantizer(Rounding):
    """A quantizer with a learned step, of a whole tensor or of every output channel.

    weights: whether it quantizes weights, (channels first), or activations, (samples first).
    Its state is the step, its first value, and how many batches it was calibrated on.
    """

    step: nn.Parameter
    initial: Tensor
    batches: Tensor

    def __init__(
        self, method: Method, grid: Grid, *, weights: bool, channels: int = 1, label: str = ""
    ) -> None:
        super().__init__(grid, label or ("weights" if weights else "activations"))
        self.method = method
        self.weights = weights
        self.step = nn.Parameter(torch.ones(channels))
        self.register_buffer("initial", torch.ones(channels))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self.error: Tensor | None = None  # of all calls since the last penalty

    def forward(self, x: Tensor) -> Tensor:
        """Return x on the grid, with the gradients of the method."""
        if self.observing:
            if not self.weights:
                self.calibrate(x)
            return x
        y = self.on_grid(x)
        if not self.training:
            return y
        if self.method.penalty_weight(self.progress) > 0:
            error = ((x - (y.detach() if self.weights else y)) ** 2).mean()
            self.error = error if self.error is None else self.error + error
        return self.method.blend(x, y, self.progress)

    def on_grid(self, x: Tensor) -> Tensor:
        """Return the nearest levels of x."""
        y: Tensor = FakeQuantize.apply(x, self.step, self)  # type: ignore[no-untyped-call]
        return y

    def trip(self, ratio: Tensor, level: Tensor, step: Tensor, progress: float) -> Trip:
        """Return what rules of gradients see of a tensor that was rounded."""
        gain = self.method.gain(ratio, step.numel(), self.grid, self.weights)
        return Trip(ratio, level, step, self.grid, gain, self.weights, progress)

    def first_steps(self, x: Tensor) -> Tensor:
        """Return what the method begins with for an input, shaped as the step."""
        rows = x.detach().reshape(self.step.numel(), -1)
        return self.method.initial_step(rows, self.grid, self.weights)

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Take the initial step from an input; further batches are combined by the method."""
        if x.numel() == 0:
            raise ValueError(
                f"{self.label}: calibrated on an empty tensor of shape {tuple(x.shape)}; "
                "at least one value is needed"
            )
        if not bool(torch.isfinite(x).all()):
            raise ValueError(f"{self.label}: calibrated on NaN or infinity; only finite is allowed")
        new = self.first_steps(x)
        new = torch.where(new > 0, new, torch.full_like(new, SMALLEST_STEP))
        if int(self.batches):
            new = self.method.next_step(self.step.detach(), new, self.grid)
        self.step.copy_(new)
        self.initial.copy_(new)
        self.batches += 1

    @torch.no_grad()
    def keep_positive(self) -> None:
        """Project the step back to at least 1e-4 of its first value."""
        torch.maximum(self.step, SMALLEST_STEP * self.initial, out=self.step)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"error": None}


class Pixels(Rounding):
    """The fixed grid of 8-bit images: unsigned, step 1/255, nothing learned."""

    def __init__(self, label: str = "pixels") -> None:
        super().__init__(unsigned(8), label)
        self.register_buffer("step", torch.full((1,), 1 / 255))

    def forward(self, x: Tensor) -> Tensor:
        """Return x on the grid of k / 255; the gradient goes straight through."""
        if self.observing:
            return x
        y = levels(x.detach() / self.step, self.grid) * self.step
        return y + (x - x.detach()) if x.requires_grad else y

    def calibrate(self, x: Tensor) -> None:
        """Leave the step as it is."""

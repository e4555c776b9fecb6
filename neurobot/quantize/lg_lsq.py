"""LG-LSQ (Lin et al., arXiv 2202.09009): a reconstruction, as only its abstract gives no formulas.

Scaling simulated gradient (SSG), arctangent soft round (ASR) and minimized discretization error
(MDE), each a switch; with all of them off it is LSQ, bit for bit. The rules of the step, with D
the step, G LSQ's gradient, g its scale, E the error and d the direction of neurobot.quantize.steps:

    lsq      G                              LSQ
    sim      d D^2, f = 2                   LLSQ (Zhao et al., ICLR 2020), exactly
    ssg      d r D                          reconstruction: a fixed relative change
    ssg-sum  G + rho d |G|                  reconstruction: the loss decides, the error helps
    ssg-mix  d |G|                          reconstruction
    ssg-fd   g N [E(f D) - E(D/f)] / (2 D ln f)   reconstruction: the slope of the error

Assumed: f goes from 2 to 1.05 geometrically and rho from 0.5 to 0 linearly over a training.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from neurobot.quantize.grids import Grid
from neurobot.quantize.lsq import Lsq, sharing
from neurobot.quantize.rounding import errors, lean, softly, straight_through, tail
from neurobot.quantize.rules import Recipe, Trip
from neurobot.quantize.steps import direction, error_slope, lsq_step, rows_of

FACTORS = (2.0, 1.05)
SAMPLE = 2**14  # inputs at which the reconstructed rules measure the error; LLSQ takes all


@dataclass(frozen=True)
class LgLsq(Lsq):
    """LG-LSQ and its parent; every field is a switch.

    step_rule: a row of STEP_RULES; rate: r of ssg; pull: rho of ssg-sum at the start.
    sharpness: t of ASR, None or 0 for straight through; sharpness_end: t at the end, None for the
    same.
    tail: whose gradient goes on outside of the range: none, weights or all; without a sharpness
    all of it passes, as LLSQ's weights let it.
    mde: off, grad (delta in steps), loss (penalty on (x - y)^2, up to loss_weight) or forward (the
    training starts in full precision); the latter two follow a cosine.
    """

    step_rule: str = "ssg-sum"
    rate: float = 0.2
    pull: float = 0.5
    sharpness: float | None = 2.0
    sharpness_end: float | None = None
    tail: str = "weights"
    mde: str = "grad"
    delta: float = 0.05
    loss_weight: float = 1e-3

    def __post_init__(self) -> None:
        Lsq.__post_init__(self)
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"lglsq: {name} {getattr(self, name)!r}; allowed are {', '.join(allowed)}"
                )
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in MAY_BE_NONE:
                continue
            if not isinstance(value, int | float) or not low <= value < high:
                raise ValueError(f"lglsq: {name} {value!r}; allowed is {low} or more, below {high}")
        if self.sharpness is None and self.sharpness_end is not None:
            raise ValueError("lglsq: sharpness_end without a sharpness; set both or none")

    def initial_step(self, rows: Tensor, grid: Grid, weights: bool) -> Tensor:
        """Return LSQ's first step, or LLSQ's with its rule."""
        if self.step_rule != "sim":
            return super().initial_step(rows, grid, weights)
        return rows.abs().amax(1) / llsq_divisor(rows, grid, weights)

    def factor(self, progress: float) -> float:
        """Return f, by which the simulated step differs."""
        first, last = FACTORS
        return first * math.exp(progress * math.log(last / first))

    def sharpness_at(self, progress: float) -> float:
        """Return t; 0 is straight through."""
        first = self.sharpness or 0.0
        last = first if self.sharpness_end is None else self.sharpness_end
        return first + (last - first) * progress

    def gradient_to_input(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Pass the gradient through ASR, MDE and the tail."""
        sharpness, grad = self.sharpness_at(trip.progress), upstream
        leans = self.mde == "grad" and self.delta > 0
        if sharpness or leans:
            error = errors(trip)
            if leans:
                grad = lean(grad, error, self.delta)
            if sharpness:
                grad = softly(grad, error, sharpness)
        grad = straight_through(grad, trip)
        if self.tail == "all" or (self.tail == "weights" and trip.weights):
            grad = grad + tail(upstream, trip, sharpness)
        return grad

    def gradient_to_step(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Return the gradient by the chosen rule."""
        return STEP_RULES[self.step_rule](self, upstream, trip)

    def blend(self, x: Tensor, y: Tensor, progress: float) -> Tensor:
        """Mix the input in, with mde-forward."""
        share = (1 + math.cos(math.pi * progress)) / 2 if self.mde == "forward" else 0.0
        return torch.lerp(y, x, share) if share else y

    def penalty_weight(self, progress: float) -> float:
        """Return lambda of mde-loss."""
        rising = (1 - math.cos(math.pi * progress)) / 2
        return self.loss_weight * rising if self.mde == "loss" else 0.0

    def recipe(self, bits: int) -> Recipe:
        """Return LSQ's recipe, or LLSQ's with its rule."""
        if self.step_rule != "sim":
            return super().recipe(bits)
        return Recipe(lr=2e-4, weight_decay=1e-4, warmup_epochs=2, warmup_lr=5e-4)


def llsq_divisor(rows: Tensor, grid: Grid, weights: bool) -> float:
    """Return what LLSQ's first step divides max|x| by; that of signed inputs is assumed."""
    highest = max(grid.high, 1)
    if weights and rows.shape[0] > 1:
        return highest
    if weights or grid.signed:
        return 2.0 ** (grid.bits - 1)
    return 2.0**grid.bits if grid.bits >= 4 else 2.0 * highest


def simulated(own: LgLsq, upstream: Tensor, trip: Trip) -> Tensor:
    """LLSQ: towards the best of D/2, D and 2D, by D^2, whatever the loss."""
    return direction(rows_of(trip, None), trip.grid, FACTORS[0]) * trip.step.reshape(-1) ** 2


def towards(own: LgLsq, trip: Trip) -> Tensor:
    """Return the direction of the reconstructed rules."""
    return direction(rows_of(trip, SAMPLE), trip.grid, own.factor(trip.progress))


def relative(own: LgLsq, upstream: Tensor, trip: Trip) -> Tensor:
    """Move by a fixed share of the step."""
    return towards(own, trip) * own.rate * trip.step.reshape(-1)


def summed(own: LgLsq, upstream: Tensor, trip: Trip) -> Tensor:
    """Add to LSQ's gradient a share of itself towards the smaller error."""
    grad, share = lsq_step(upstream, trip), own.pull * (1 - trip.progress)
    return grad + share * towards(own, trip) * grad.abs() if share else grad


def mixed(own: LgLsq, upstream: Tensor, trip: Trip) -> Tensor:
    """Take the simulated direction and LSQ's magnitude."""
    return towards(own, trip) * lsq_step(upstream, trip).abs()


def differences(own: LgLsq, upstream: Tensor, trip: Trip) -> Tensor:
    """Follow the slope of the error, by finite differences."""
    slope = error_slope(rows_of(trip, SAMPLE), trip.grid, own.factor(trip.progress))
    count = sharing(trip.ratio, trip.step.numel(), trip.weights)
    return trip.gain * count * slope * trip.step.reshape(-1)


STEP_RULES: dict[str, Callable[[LgLsq, Tensor, Trip], Tensor]] = {
    "lsq": lambda own, upstream, trip: lsq_step(upstream, trip),
    "sim": simulated,
    "ssg": relative,
    "ssg-sum": summed,
    "ssg-mix": mixed,
    "ssg-fd": differences,
}
CHOICES = {
    "step_rule": tuple(STEP_RULES),
    "tail": ("none", "weights", "all"),
    "mde": ("off", "grad", "loss", "forward"),
}
MAY_BE_NONE = ("sharpness", "sharpness_end")
RANGES = {
    "rate": (0, 1),
    "pull": (0, 1),
    "sharpness": (0, math.inf),
    "sharpness_end": (0, math.inf),
    "delta": (0, 2),
    "loss_weight": (0, math.inf),
}

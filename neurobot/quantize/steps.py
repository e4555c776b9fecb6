"""Rules for the gradient of the step.

LSQ (Esser et al., arXiv 1902.08153), with u = x / D and n its level, in steps:

    dy/dD = n - u  where bottom < u < top, strictly;  n  elsewhere
    G = g sum(upstream dy/dD)

The simulated gradient of LLSQ (Zhao et al., ICLR 2020) asks the quantization error instead:
E(D) = mean((x - y)^2), A = E(D) - E(D/f), B = E(f D) - E(D), f = 2; D goes towards the best of
the three, ties shrink:

    A <  0, B >  0: keep;   A <  0, B <= 0: grow;   A >= 0, B > 0: shrink
    A >= 0, B <= 0: shrink if A + B >= 0, else grow
"""

import math

import torch
from torch import Tensor

from neurobot.quantize.grids import Grid
from neurobot.quantize.rules import Trip, levels


def lsq_step(upstream: Tensor, trip: Trip) -> Tensor:
    """Return LSQ's gradient of the step, exactly, (channels,) or (1,)."""
    slope = trip.within(trip.ratio)
    torch.sub(trip.level, slope, out=slope)
    return trip.correlate(upstream, slope).mul_(trip.gain)


def error_at(ratio: Tensor, grid: Grid, factor: float) -> Tensor:
    """Return E(factor D) / D^2 of every row of ratios x / D (channels, n), as (channels,)."""
    rounded = levels(ratio / factor, grid).mul_(factor)
    return rounded.sub_(ratio).square_().mean(1)


def rows_of(trip: Trip, sample: int | None) -> Tensor:
    """Return ratios by step, (channels, n); of an input at most about sample, evenly spaced."""
    rows = trip.ratio.reshape(trip.step.numel(), -1)
    if sample is None or trip.weights or rows.shape[1] <= sample:
        return rows
    # An odd stride walks through all columns of an image.
    return rows[:, :: rows.shape[1] // sample | 1]


def direction(rows: Tensor, grid: Grid, factor: float) -> Tensor:
    """Return where LLSQ's rule moves every step: +1 shrink, 0 keep, -1 grow."""
    smaller, same, larger = (error_at(rows, grid, f) for f in (1 / factor, 1.0, factor))
    a, b = same - smaller, larger - same
    grow = torch.where(b > 0, torch.zeros_like(a), -torch.ones_like(a))
    shrink = torch.where((b > 0) | (a + b >= 0), torch.ones_like(a), -torch.ones_like(a))
    return torch.where(a < 0, grow, shrink)


def error_slope(rows: Tensor, grid: Grid, factor: float) -> Tensor:
    """Return [E(f D) - E(D/f)] / (2 ln f) / D^2, the slope of the error along ln D."""
    rise = error_at(rows, grid, factor) - error_at(rows, grid, 1 / factor)
    return rise / (2 * math.log(factor))

"""Rules for the gradient of rounding: what the upstream gradient becomes on its way to x.

In steps, u = x / D, c = clip(u), n = round(c), e = c - n of -1/2..1/2.

- Straight through: 1 where bottom < u < top, strictly, else 0.
- Arctangent soft round (ASR) of sharpness t, LG-LSQ; the formula is a reconstruction. In the cell
  between two levels let r of -1/2..1/2 be the way from its middle, so |r| = 1/2 - |e|:
      soft'(c) = t / (2 atan(t/2) (1 + t^2 r^2))
  whose mean over a cell is 1, and which is never 0; it goes to 1 with t to 0.
- Tail of sharpness t, a reconstruction: 1 / (1 + (t d)^2) at d steps outside of the range.
- Minimized discretization error (MDE), a reconstruction after EWGS: times 1 + delta sign(g) e.
"""

import math

import torch
from torch import Tensor

from neurobot.quantize.rules import Trip


def straight_through(upstream: Tensor, trip: Trip) -> Tensor:
    """Pass the gradient inside of the range, and nothing outside."""
    return trip.within(upstream)


def errors(trip: Trip) -> Tensor:
    """Return what rounding took away, c - n, in steps of -1/2..1/2, right inside of the range."""
    return torch.sub(trip.ratio, trip.level)


def softly(upstream: Tensor, error: Tensor, sharpness: float) -> Tensor:
    """Multiply by the slope of the arctangent soft round for errors c - n, which it overwrites."""
    peak = sharpness / (2 * math.atan(sharpness / 2))
    from_middle = error.abs_().sub_(0.5)
    one = upstream.new_full((), 1 / peak)
    curve = sharpness**2 / peak
    inverse = torch.addcmul(one, from_middle, from_middle, value=curve, out=error)
    return torch.div(upstream, inverse, out=inverse)


def lean(upstream: Tensor, error: Tensor, delta: float) -> Tensor:
    """Enlarge what must still travel to its threshold: g (1 + delta sign(g) e)."""
    size = upstream.abs()
    return torch.addcmul(upstream, size, error, value=delta, out=size)


def tail(upstream: Tensor, trip: Trip, sharpness: float) -> Tensor:
    """Return what reaches x from outside of the range, and zero inside of it."""
    inside = trip.within(torch.ones_like(upstream))
    if sharpness == 0:
        return upstream * (1 - inside)
    outside = trip.ratio - trip.ratio.clamp(trip.grid.bottom, trip.grid.top)
    fading = outside.mul_(sharpness).square_().add_(1).reciprocal_()
    return fading.mul_(upstream).mul_(1 - inside)

"""UniQ: one symmetric quantizer with a learned step for 1 to 8 bits.

Pham, Abraham, Chung, IEEE Access 9:47194 (2021), arXiv 2104.00210; formulas
as released. M = 2^b - 1.

    weights:      k = round(clip(w/D + M/2, 0, M)),  value D (k - M/2): the offset is tied to D
    activations:  k = round(clip(x/D, 0, M)),        value D k
    gradients:    straight through the rounding; clip and D are differentiated exactly
    g, weights:   1 / sqrt(N max(2^(b-1) - 1, 1)), N the weights that share a step
    g, activations: 1 / sqrt(N M), N all values of the batch
    first step:   std(w) c_w(b);   sqrt(2 mean(x^2)) c_a(b), the largest of the calibration batches

c_w and c_a are the steps of least squared error for a Gaussian and for a rectified one.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr
from torch import Tensor, nn

from neurobot.quantize.grids import Grid, mid_rise, unsigned
from neurobot.quantize.layers import Add, GlobalAvgPool
from neurobot.quantize.rounding import straight_through
from neurobot.quantize.rules import Method, Recipe, Trip, check_flag
from neurobot.quantize.steps import lsq_step

Floats = NDArray[np.float64]
SHORTCUTS = ("downsample", "shortcut")


def gaussian_error(values: Floats, thresholds: Floats) -> float:
    """Return the mean squared error of rounding a unit Gaussian, closed form.

    values: (n,), rising; thresholds: (n + 1,), the ends of the cells; what lies outside of the
    first and the last threshold does not count.
    """
    density = np.exp(-(thresholds**2) / 2) / math.sqrt(2 * math.pi)
    edge = np.where(np.isinf(thresholds), 0.0, thresholds) * density
    mass = np.diff(ndtr(thresholds))
    mean, square = -np.diff(density), mass - np.diff(edge)
    return float(np.sum(square - 2 * values * mean + values**2 * mass))


@cache
def gaussian_step(bits: int, rectified: bool) -> float:
    """Return the step of least squared error for a unit Gaussian: c_a if rectified, else c_w."""
    grid = unsigned(bits) if rectified else mid_rise(bits)
    steps = np.arange(grid.low, grid.high + 1, dtype=np.float64) - grid.offset
    first = 0.0 if rectified else -np.inf

    def error(step: float) -> float:
        values: Floats = step * steps
        middles = (values[1:] + values[:-1]) / 2
        return gaussian_error(values, np.array([first, *middles, np.inf], np.float64))

    found = minimize_scalar(
        error, bounds=(1 / grid.intervals, 8 / grid.intervals), options={"xatol": 1e-10}
    )
    return float(found.x)


def standard_deviation(rows: Tensor) -> Tensor:
    """Return the unbiased deviation of every row; of a constant one, its distance from zero."""
    spread = rows.std(1, correction=min(1, rows.shape[1] - 1))
    return torch.where(spread > 0, spread, rows.square().mean(1).sqrt())


@dataclass(frozen=True)
class Uniq(Method):
    """UniQ's quantizers; signed inputs get the weights' grid and (assumed) the highest code of g.

    unsigned_quirk: round signed inputs without a sign, as the released code does with the linear
    bottlenecks of MobileNetV2. init_factor: multiplies all first steps (8 for the ablation).
    """

    unsigned_quirk: bool = False
    init_factor: float = 1.0

    edges_per_channel = False

    def __post_init__(self) -> None:
        check_flag("uniq: unsigned_quirk", self.unsigned_quirk)
        factor = self.init_factor
        if not isinstance(factor, int | float) or not 0 < factor < math.inf:
            raise ValueError(f"uniq: init_factor {factor!r}; a positive number is allowed")

    def weight_grid(self, bits: int) -> Grid:
        """Return the mid-rise grid."""
        return mid_rise(bits)

    def activation_grid(self, bits: int, signed: bool) -> Grid:
        """Return the unsigned grid, or the mid-rise one for inputs with a sign."""
        return mid_rise(bits) if signed and not self.unsigned_quirk else unsigned(bits)

    def initial_step(self, rows: Tensor, grid: Grid, weights: bool) -> Tensor:
        """Return the step of least squared error if what came in was Gaussian."""
        if grid.odd:
            best = standard_deviation(rows) * gaussian_step(grid.bits, rectified=False)
        else:
            before_relu = (2 * rows.square().mean(1)).sqrt()
            best = before_relu * gaussian_step(grid.bits, rectified=True)
        return best * self.init_factor

    def next_step(self, old: Tensor, new: Tensor, grid: Grid) -> Tensor:
        """Keep the larger step of two batches; of signed inputs the later one."""
        return new if grid.odd else torch.maximum(old, new)

    def gain(self, x: Tensor, steps: int, grid: Grid, weights: bool) -> float:
        """Return g; activations count the whole batch."""
        highest = max(2 ** (grid.bits - 1) - 1, 1) if grid.odd else grid.intervals
        return 1 / math.sqrt(max(x.numel() // steps, 1) * highest)

    def gradient_to_input(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Pass the gradient inside of the range."""
        return straight_through(upstream, trip)

    def gradient_to_step(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Differentiate clip and step exactly: LSQ's closed form on this grid."""
        return lsq_step(upstream, trip)

    def recipe(self, bits: int) -> Recipe:
        """Without weight decay and with a warm-up at one bit."""
        if bits == 1:
            return Recipe(weight_decay=0.0, warmup_epochs=5, warmup_lr=0.001)
        return Recipe()


def binary_rules(model: nn.Module) -> dict[str, None]:
    """Return the layer_bits of the paper's binary mode: what stays in full precision.

    These are the first and the last layer with weights (in the order of their definition), 1x1
    convolutions that downsample a shortcut, sums and pools. For a network of integers only, leave
    them out and convert with edge_bits=8: that form is ours.
    """
    named = dict(model.named_modules())
    weighted = [name for name, m in named.items() if isinstance(m, (nn.Conv2d, nn.Linear))]
    kept = {*weighted[:1], *weighted[-1:]}
    for name, module in named.items():
        if isinstance(module, (Add, GlobalAvgPool, nn.AdaptiveAvgPool2d)) or (
            isinstance(module, nn.Conv2d) and shortens(name, module)
        ):
            kept.add(name)
    return dict.fromkeys(name for name in named if name in kept)


def shortens(name: str, conv: nn.Conv2d) -> bool:
    """Tell whether a convolution is the 1x1 one of a downsampling shortcut."""
    is_named_so = any(word in name.split(".") for word in SHORTCUTS)
    return conv.kernel_size == (1, 1) and (conv.stride != (1, 1) or is_named_so)

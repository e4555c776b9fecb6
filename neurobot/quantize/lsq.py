"""LSQ: learned step size quantization (Esser et al., arXiv 1902.08153).

    g = 1 / sqrt(N Qp);   first step = 2 mean|x| / sqrt(Qp)

N: weights that share a step, or features of one sample; Qp: the highest code. At one bit the
two's complement grid is {-D, 0} and Qp would be 0: 1 stands in, as the paper starts at two bits.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from neurobot.quantize.grids import Grid, signed, symmetric, unsigned
from neurobot.quantize.rounding import straight_through
from neurobot.quantize.rules import Method, Recipe, Trip, check_flag
from neurobot.quantize.steps import lsq_step

DECAY = 1e-4
DECAY_SHARE = {3: 0.5, 2: 0.25}  # LSQ's practice at few bits


def sharing(x: Tensor, steps: int, weights: bool) -> int:
    """Return how many weights share a step, or how many features a sample has."""
    count = x.numel() // steps if weights else math.prod(x.shape[1:])
    return max(count, 1)


@dataclass(frozen=True)
class Lsq(Method):
    """The baseline; strictly symmetric weights are an option."""

    symmetric_weights: bool = False

    def __post_init__(self) -> None:
        check_flag("lsq: symmetric_weights", self.symmetric_weights)

    def weight_grid(self, bits: int) -> Grid:
        """Return the full two's complement, or the strictly symmetric grid."""
        return symmetric(bits) if self.symmetric_weights else signed(bits)

    def activation_grid(self, bits: int, signed: bool) -> Grid:
        """Return the unsigned grid, or the weights' for inputs with a sign."""
        return self.weight_grid(bits) if signed else unsigned(bits)

    def initial_step(self, rows: Tensor, grid: Grid, weights: bool) -> Tensor:
        """Return 2 mean|x| / sqrt(Qp)."""
        return 2 * rows.abs().mean(1) / math.sqrt(max(grid.high, 1))

    def gain(self, x: Tensor, steps: int, grid: Grid, weights: bool) -> float:
        """Return g = 1 / sqrt(N Qp)."""
        return 1 / math.sqrt(sharing(x, steps, weights) * max(grid.high, 1))

    def gradient_to_input(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Pass the gradient inside of the range."""
        return straight_through(upstream, trip)

    def gradient_to_step(self, upstream: Tensor, trip: Trip) -> Tensor:
        """Return the closed form."""
        return lsq_step(upstream, trip)

    def recipe(self, bits: int) -> Recipe:
        """Halve the weight decay at three bits, quarter it at two and below."""
        return Recipe(weight_decay=DECAY * DECAY_SHARE.get(max(bits, 2), 1.0))

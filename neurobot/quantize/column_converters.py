"""Converters of layers on arrays: what they make of sums, and how their steps are learned.

A converter with the step D and the codes m of low..high, whose middle c = (low + high) / 2 stands
for mu, makes of a column's sum p, in cell units,

    z = mu - D c;   m = clip(round((p - z) / D), low, high);   q = D m + z

all in float32, as `neurobot.qnet.ColumnConv` does. mu follows the mean of p while a network learns;
in the last third of a training it stays. It is never that of one batch alone, so in evaluation an
output hangs on nothing but its own input.

D begins as the best step for normally distributed sums, D0, and is learned as r = D / D0: in cell
units the gradient would hardly move a large step. With u = (p - z) / D and LSQ's g = 1 / sqrt(N
max(high, 1)), N the sums of one sample that share a step,

    dq/dD = m - u  where low <= u <= high;   m - c  elsewhere, as z moves along
    G = GAIN g D0 sum(upstream dq/dD)

GAIN is our own choice, by validation images of Fashion-MNIST with converters of 1, 2 and 4 bits.
D is at least 1 cell and at most what lets the codes cover all that columns can sum to. Where bits
suffice for that with D = 1, z is whole, nothing is lost, and both stay: the gradient is 0.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurobot.column_cim.converters import kappa
from neurobot.qnet.columns import code_range
from neurobot.quantize.column_layout import Layout

GAIN = 100.0
MOMENTUM = 0.1  # of running means, as batch norm's


class Constants(NamedTuple):
    """D and z of converters, (T, S', O), float32; their least and greatest code, and the middle."""

    step: Tensor
    offset: Tensor
    codes: tuple[float, float, float]


class Converters(nn.Module):
    """The converters of a layer: one step D0 r and one mean mu for each group of a layout."""

    relative: nn.Parameter  # r
    first: Tensor  # D0
    mean: Tensor  # mu
    groups: Tensor  # of a column, (T, S', O)
    sizes: Tensor  # columns of a group
    widest: Tensor  # the largest step of use
    exact: Tensor  # whether nothing is lost
    exact_mean: Tensor  # the mean for that

    def __init__(self, layout: Layout, bits: int) -> None:
        super().__init__()
        self.bits = bits
        self.low, self.high = code_range(bits)
        self.middle = (self.low + self.high) / 2
        self.observing = False
        self.seen: tuple[int, Tensor] | None = None
        groups = torch.from_numpy(layout.adc_groups)
        sizes = groups.flatten().bincount()
        self.relative = nn.Parameter(torch.ones(len(sizes)))
        self.register_buffer("first", torch.ones(len(sizes)))
        self.register_buffer("mean", torch.zeros(len(sizes)))
        self.register_buffer("groups", groups, persistent=False)
        self.register_buffer("sizes", sizes, persistent=False)
        self._learn_reach(*(torch.from_numpy(end.copy()) for end in layout.reach))

    def _learn_reach(self, least: Tensor, most: Tensor) -> None:
        """Note what the least and the greatest sums of columns (T, S', O) ask of converters."""
        members = self.groups.flatten()
        ends = [
            torch.zeros_like(self.sizes).scatter_reduce(
                0, members, end.flatten(), how, include_self=False
            )
            for end, how in ((least, "amin"), (most, "amax"))
        ]
        span, codes = ends[1] - ends[0], self.high - self.low
        # What is spare lies on both sides.
        offset = ends[0] - self.low - (codes - span).div(2, rounding_mode="floor")
        self.register_buffer("widest", (span / codes).clamp_min(1), persistent=False)
        self.register_buffer("exact", span <= codes, persistent=False)
        self.register_buffer("exact_mean", offset + self.middle, persistent=False)

    @property
    def step(self) -> Tensor:
        """D of each group, in cells."""
        return (self.first * self.relative.detach()).float()

    def constants(self) -> Constants:
        """Return D and z of all columns."""
        step = self.step
        offset = self.mean.float() - step * self.middle
        return Constants(step[self.groups], offset[self.groups], (self.low, self.high, self.middle))

    def by_group(self, by_column: Tensor) -> Tensor:
        """Sum what columns (T, S', O) have, by group."""
        sums = torch.zeros(len(self.sizes), dtype=by_column.dtype, device=by_column.device)
        return sums.index_add(0, self.groups.flatten(), by_column.flatten())

    @torch.no_grad()
    def observe(self, sums: Tensor) -> None:
        """Take steps and means from sums (n, T, S', O) and all before since observation began."""
        wide = sums.double()
        count, before = self.seen or (0, torch.zeros(()))
        totals = before + torch.stack([wide.sum(0), wide.square().sum(0)])
        self.seen = count + len(sums), totals
        mean, square = (self.by_group(total) / (self.sizes * self.seen[0]) for total in totals)
        step = kappa(self.bits) * (square - mean**2).clamp_min(0).sqrt()
        self.first.copy_(torch.where(self.exact, 1, step.clamp_min(1).minimum(self.widest)))
        self.mean.copy_(torch.where(self.exact, self.exact_mean, mean))
        self.relative.fill_(1)

    @torch.no_grad()
    def follow(self, totals: Tensor, count: int) -> None:
        """Move the means to those of a batch; totals: of so many sums of each column."""
        mean = self.by_group(totals) / (self.sizes * count)
        self.mean.lerp_(mean.to(self.mean), MOMENTUM * ~self.exact)

    def gradient(self, by_column: Tensor, count: int) -> Tensor:
        """Return G of that of D by column (T, S', O); count: sums of a column in one sample."""
        total = self.by_group(by_column).to(self.first) * self.first
        return total * GAIN / torch.sqrt(self.sizes * (count * max(self.high, 1)))

    @torch.no_grad()
    def keep_useful(self) -> None:
        """Project steps to at least 1 cell, and to no more than what covers all sums."""
        self.relative.copy_(self.relative.maximum(1 / self.first).minimum(self.widest / self.first))

    def exported(self) -> dict[str, NDArray[np.float32]]:
        """Return D and z as a `ColumnConv` takes them."""
        constants = self.constants()
        return {
            "adc_step": constants.step.cpu().numpy(),
            "adc_offset": constants.offset.cpu().numpy(),
        }

    def extra_repr(self) -> str:
        """Describe the codes."""
        return f"bits={self.bits}, {self.low}..{self.high}, steps={len(self.sizes)}"


def converters(model: nn.Module) -> dict[str, Converters]:
    """Return the converters of all layers, by name."""
    return {name: m for name, m in model.named_modules() if isinstance(m, Converters)}

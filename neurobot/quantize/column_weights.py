"""Steps of weights on arrays: groups of any size have one each, by the rules of any method."""

from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from neurobot.quantize.base import Quantizer
from neurobot.quantize.column_layout import Layout
from neurobot.quantize.grids import Grid
from neurobot.quantize.rules import Method, levels


class RoundTiles(torch.autograd.Function):
    """Round weights on arrays; backward, do what the quantizer's method says of each group."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, own: "TileQuantizer") -> Tensor:
        """Return the nearest levels of weights."""
        over = own.over(step[own.columns], x)
        ratio = x / over
        level = levels(ratio, own.grid)
        ctx.save_for_backward(ratio, level)
        ctx.own, ctx.progress = own, own.progress
        return level * over

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, Tensor, None]:
        """Return the gradients of weights and of steps."""
        return (*ctx.own.turn_back(*upstream, *ctx.saved_tensors, ctx.progress), None)


class TileQuantizer(Quantizer):
    """A quantizer of weights on arrays: one step for each group of a layout.

    Groups of equal size, of which each is a row, are shown to the method together.
    """

    columns: Tensor  # the group of an output's weights in a tile, (T, O)
    order: Tensor  # of all weights: group by group, small groups first
    back: Tensor  # from there
    by_size: Tensor  # groups in that order

    def __init__(self, method: Method, grid: Grid, layout: Layout, label: str) -> None:
        columns = torch.from_numpy(layout.weight_groups)
        count = int(columns.max()) + 1
        super().__init__(method, grid, weights=True, channels=count, label=label)
        self.most = layout.tiling.most
        groups = self.over(columns, torch.empty(layout.shape)).flatten()
        sizes = groups.bincount()
        by_size = sizes.argsort(stable=True)
        order = by_size.argsort()[groups].argsort(stable=True)
        self.runs = sorted(Counter(sizes.tolist()).items())
        for name, value in (
            ("columns", columns),
            ("order", order),
            ("back", order.argsort()),
            ("by_size", by_size),
        ):
            self.register_buffer(name, value, persistent=False)

    def over(self, by_column: Tensor, weight: Tensor) -> Tensor:
        """Give each weight (out, in, ...) what its output has in its tile; by_column: (T, O)."""
        tiles = torch.arange(weight.shape[1], device=by_column.device) // self.most
        by_input = by_column.T[:, tiles]
        return by_input.view(*by_input.shape, *[1] * (weight.dim() - 2)).expand_as(weight)

    def rows(self, x: Tensor) -> list[Tensor]:
        """Return groups of weights, those of equal size as one tensor (groups, size)."""
        flat = x.flatten().index_select(0, self.order)
        parts = torch.split(flat, [size * count for size, count in self.runs])
        return [part.view(-1, size) for part, (size, _) in zip(parts, self.runs, strict=True)]

    def on_grid(self, x: Tensor) -> Tensor:
        """Return the nearest levels of weights."""
        y: Tensor = RoundTiles.apply(x, self.step, self)  # type: ignore[no-untyped-call]
        return y

    def turn_back(self, upstream: Tensor, ratio: Tensor, level: Tensor, progress: float) -> Any:
        """Return the gradients of weights and of steps, by the method's rules."""
        steps = torch.split(self.step.detach()[self.by_size], [count for _, count in self.runs])
        rows = (self.rows(x) for x in (upstream, ratio, level))
        of_weights, of_steps = [], []
        for grad, ratios, codes, step in zip(*rows, steps, strict=True):
            trip = self.trip(ratios, codes, step[:, None], progress)
            of_weights.append(self.method.gradient_to_input(grad, trip).flatten())
            of_steps.append(self.method.gradient_to_step(grad, trip))
        flat = torch.cat(of_weights).index_select(0, self.back)
        return flat.view_as(upstream), torch.cat(of_steps)[self.by_size.argsort()]

    def first_steps(self, x: Tensor) -> Tensor:
        """Return what the method begins with for each group."""
        steps = [self.method.initial_step(rows, self.grid, True) for rows in self.rows(x.detach())]
        return torch.cat(steps)[self.by_size.argsort()]

    @property
    def steps(self) -> Tensor:
        """The step of an output's weights in a tile, (T, O)."""
        return self.step.detach()[self.columns]

    def meant(self, codes: Tensor) -> Tensor:
        """Return the weights that codes stand for."""
        return codes * self.over(self.steps, codes)

    @torch.no_grad()
    def integers(self, x: Tensor) -> Tensor:
        """Return the codes of weights, int32."""
        return levels(x / self.over(self.steps, x), self.grid).to(torch.int32)

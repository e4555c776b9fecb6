"""Sparsity in the shape of an accelerator: whole tiles of weights, so that an access can be saved.

A tile is what one access of a compute-in-memory macro consumes: `rows` inputs by `columns` outputs
at one position of the kernel. A tile that is all zero is neither stored nor read. On the way there,
a group lasso draws tiles to zero, by the fused weights W' since these are what is stored:

    penalty = strength sum over tiles g of sqrt(|g|) ||W'_g||

with |g| the weights of a tile (those of channels that there are). Then the tiles of the smallest
root mean square go, as many as asked for, and a mask keeps them away.

MARS (arXiv 2010.12861) has a sparsity algorithm that respects its macros; its formulas were not
found: the group lasso (Wen et al., 2016) and the threshold are a reconstruction.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neurobot.mars import Silicon
from neurobot.quantize.fused_bn import Fused, fused_layers


@dataclass(frozen=True, slots=True)
class Tile:
    """The shape of a group of weights: inputs by outputs, at one position of the kernel."""

    rows: int = 16
    columns: int = 16

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            found = getattr(self, name)
            if not isinstance(found, int) or found < 1:
                raise ValueError(f"tile: {name}={found!r} found; allowed: whole numbers from 1 on")

    def __str__(self) -> str:
        return f"{self.rows}x{self.columns}"

    def parts(self, weight: Tensor) -> Tensor:
        """Cut weights (groups, out of a group, in, positions) into tiles.

        Returns (out blocks of all groups, in blocks, positions, weights of a tile); where channels
        do not fill a tile, zeros do.
        """
        groups, out, given, positions = weight.shape
        high, wide = -(-out // self.columns), -(-given // self.rows)
        whole = weight.new_zeros(groups, high * self.columns, wide * self.rows, positions)
        whole[:, :out, :given] = weight
        tiles = whole.reshape(groups * high, self.columns, wide, self.rows, positions)
        return tiles.permute(0, 2, 4, 1, 3).flatten(3)

    def sizes(self, weight: Tensor) -> Tensor:
        """Return how many weights each tile has, (out blocks, in blocks, positions)."""
        return self.parts(torch.ones_like(weight)).sum(-1)

    def spread(self, kept: Tensor, weight: Tensor) -> Tensor:
        """Turn what stays of the tiles into a mask of the shape that `parts` cuts."""
        groups, out, given, positions = weight.shape
        blocks, wide, _ = kept.shape
        whole = kept.reshape(blocks, 1, wide, 1, positions)
        whole = whole.expand(blocks, self.columns, wide, self.rows, positions)
        whole = whole.reshape(groups, -1, wide * self.rows, positions)
        return whole[:, :out, :given].to(weight.dtype)


def default_tile(bits: int) -> Tile:
    """Return what an access of MARS consumes by its assumed sizes, of weights of so many bits."""
    silicon = Silicon()
    return Tile(silicon.rows, silicon.columns(silicon.slot(bits)))


@dataclass(frozen=True, slots=True)
class GroupLasso:
    """The penalty of a layer's fused weights, by group, channels and positions."""

    strength: float
    tile: Tile

    def __call__(self, weight: Tensor) -> Tensor:
        """Return strength sum sqrt(|g|) ||W'_g||."""
        squares = self.tile.parts(weight).square().sum(-1)
        # The root has no gradient at 0, where a tile of zeros is to stay.
        lengths = torch.sqrt(squares + 1e-12)
        return self.strength * (self.tile.sizes(weight).sqrt() * lengths).sum()


@dataclass(frozen=True, slots=True)
class Thinning:
    """How many tiles are to be zero, of which shape, and how strongly they are drawn there first.

    zero_tiles: share of the tiles of all fused layers but the network's first and last layer.
    """

    zero_tiles: float
    tile: Tile
    strength: float = 1e-5  # chosen with small_vgg on the validation images of Fashion-MNIST

    def __post_init__(self) -> None:
        if not 0 <= self.zero_tiles < 1:
            raise ValueError(f"zero tiles: {self.zero_tiles} found; allowed: 0 or more, below 1")
        if not 0 <= self.strength < math.inf:
            raise ValueError(f"group lasso: {self.strength} found; allowed: 0 or more")


def prunable(model: nn.Module) -> dict[str, Fused]:
    """Return the fused layers but for the network's first and last layer, as they are defined."""
    named = model.named_modules()
    weighted = [name for name, module in named if isinstance(module, nn.Conv2d | nn.Linear)]
    found = {n: m for n, m in fused_layers(model).items() if n not in (weighted[0], weighted[-1])}
    if not found:
        raise ValueError(
            "model: no layer with a fused batch norm between the first and the last layer found; "
            "only such a one can have zero tiles"
        )
    return found


def draw_to_zero(model: nn.Module, thinning: Thinning) -> None:
    """Let a training of a fused network draw tiles to zero."""
    for layer in prunable(model).values():
        layer.group_lasso = GroupLasso(thinning.strength, thinning.tile)


def ranks(layer: Fused, tile: Tile) -> Tensor:
    """Return by tile its mean square, of that of its layer: (out blocks, in blocks, positions)."""
    weight = layer.by_position(layer.fused_weight)
    squares = tile.parts(weight).square().sum(-1) / tile.sizes(weight)
    return squares / layer.fused_weight.square().mean().clamp_min(1e-30)


@torch.no_grad()
def mask_tiles(model: nn.Module, thinning: Thinning) -> None:
    """Mask the weakest tiles of a fused network, in place; no lasso draws any more.

    As many of these layers' tiles go as asked for, rounded; ties go to the earlier one. But the
    strongest of each block of outputs stays: channels that nothing moves would have a variance of 0
    and factors without a limit, themselves and those that read them.
    """
    layers, tile = prunable(model), thinning.tile
    by_layer = [ranks(layer, tile) for layer in layers.values()]
    for found in by_layer:
        by_block = found.view(len(found), -1)
        by_block.scatter_(1, by_block.argmax(1, keepdim=True), torch.inf)
    strengths = torch.cat([found.flatten() for found in by_layer])
    kept = torch.ones_like(strengths)
    wanted = min(round(thinning.zero_tiles * len(strengths)), int(strengths.isfinite().sum()))
    kept[strengths.argsort(stable=True)[:wanted]] = 0
    parts = torch.split(kept, [found.numel() for found in by_layer])
    for layer, found, part in zip(layers.values(), by_layer, parts, strict=True):
        mask = tile.spread(part.reshape(found.shape), layer.by_position(layer.weight))
        layer.mask.copy_(mask.reshape(layer.mask.shape))
        layer.group_lasso = None

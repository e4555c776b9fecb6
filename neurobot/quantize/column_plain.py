"""The sums of columns in operations of PyTorch, on any device and in float64.

Says the same as `column_compiled`; codes of converters are those of float32 here, too.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from neurobot.quantize.column_converters import Constants
from neurobot.quantize.column_layout import Layout


def drive(values: Tensor, step: Tensor, layout: Layout) -> Tensor:
    """Return what rows are driven by, (L, N, H, W, T channels); values: (N, H, W, C)."""
    codes, mask = (values / step).round().to(torch.int32), (1 << layout.dac_bits) - 1
    parts = [codes >> cycle * layout.dac_bits & mask for cycle in range(layout.cycles)]
    return F.pad(torch.stack(parts).to(values), (0, layout.wide - values.shape[3]))


def fill(weights: Tensor, steps: Tensor, digits: Tensor, layout: Layout) -> Tensor:
    """Return what cells hold, (T, S', O, rows, columns, channels).

    weights: (O, rows, columns, C), whole multiples of steps (T, O); digits: of all codes.
    """
    tiles, channels = layout.tiling.tiles, weights.shape[3]
    padded = F.pad(weights, (0, layout.wide - channels))
    by_tile = padded.view(*weights.shape[:3], tiles, -1).movedim(3, 0)
    codes = (by_tile / steps[..., None, None, None]).round().long() - layout.lowest
    there = torch.arange(layout.wide, device=weights.device) < channels
    held = digits[:, codes].movedim(0, 1) * there.view(tiles, 1, 1, 1, 1, -1)
    return held.to(weights)


def ratio(sums: Tensor, constants: Constants) -> Tensor:
    """Return how many steps sums are above offsets: whole sums, in float32."""
    return (sums.round().float() - constants.offset) / constants.step


def convert(
    sums: Tensor,
    constants: Constants,
    factor: Tensor,
    inputs: Tensor,
    less: Tensor,
    *,
    counting: bool,
) -> tuple[Tensor, Tensor]:
    """Return the outputs, (N, P, O), and if counting, the totals of columns' sums, (T, S', O)."""
    low, high, _ = constants.codes
    codes = ratio(sums, constants).clamp(low, high).round().to(factor)
    meant = torch.einsum("lnptjo,ltjo->npo", codes * constants.step + constants.offset, factor)
    out = meant - inputs.reshape(*meant.shape[:2], len(less)) @ less
    return out, sums.double().sum((0, 1, 2)) if counting else sums.new_zeros(0)


def turn_back(
    sums: Tensor, constants: Constants, upstream: Tensor, weights: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of sums, as those of cells and of inputs need them, and of D."""
    low, high, middle = constants.codes
    found = ratio(sums, constants)
    inside = (low <= found) & (found <= high)
    error = found.clamp(low, high).round() - torch.where(inside, found, middle)
    by_column = upstream[:, :, None, None]
    by_cycle = weights.view(-1, 1, 1, 1, 1, 1)
    kept = by_column * inside
    to_step = (by_cycle * by_column * error.to(upstream)).double().sum((0, 1, 2))
    return (by_cycle * kept).sum(4), scale * kept.sum(0), to_step

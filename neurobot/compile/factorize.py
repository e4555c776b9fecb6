"""Factorization: a layer becomes a chain of layers with fewer connections, linear but for the last.

y = f(W x + b) turns into y = f(S_J ... S_1 x + b). The first layer has the window, stride and
padding of the old one, the others see one place each; the last one has its bias and its clip.
Where images are given, the product is best for the windows that the layer sees in them, else for
all inputs alike. Names: `<name>.a`, `<name>.b`, ...
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.compile.factors import full_rank, sparse
from neurobot.compile.fold import fold_stage
from neurobot.qnet.checks import whole
from neurobot.tdnn.direct import BATCH, all_maps, spread
from neurobot.tdnn.form import Net, Neurons, Stage
from neurobot.tdnn.timing import check_clocking

Array = NDArray[Any]
MOST_WINDOWS = 4096  # that a layer is looked at in
LEAST_FACTORS, MOST_FACTORS = 2, len(ascii_lowercase)


def profitable(rank: int, m: int, n: int) -> bool:
    """Tell whether factors of a rank have fewer weights than a matrix (m, n)."""
    return rank * (m + n) < m * n


def check_real(layer: Neurons, what: str) -> None:
    """Refuse integers; what: the pass that came too late."""
    if layer.integer:
        raise ValueError(
            f"{layer.name}: integers found; allowed: real numbers, so {what} before compress"
        )


def real_layer(net: Net, name: str) -> Neurons:
    """Return a layer with its scale in its weights."""
    layer = net.layer(name)
    check_real(layer, "factorize")
    folded = fold_stage(layer)
    assert isinstance(folded, Neurons)
    return folded


@dataclass(frozen=True, eq=False, slots=True)
class Ranks:
    """A layer of a network at every rank, 1..min(m, n); values: its singular values."""

    net: Net
    layer: Neurons
    first: Array
    last: Array
    values: Array

    def at(self, rank: int) -> Net:
        """Return the network with the layer of a rank, as two layers."""
        whole(f"{self.layer.name}: rank", rank, 1, len(self.values))
        return split(self.net, self.layer, [self.first[:rank], self.last[:, :rank]])

    def losing(self, share: float) -> int:
        """Return the least rank that loses at most a share of what passes, E||W x||^2."""
        powers = self.values**2
        lost = powers.sum() - np.cumsum(powers)
        return min(int((lost > share * powers.sum()).sum()) + 1, len(powers))


def ranks(net: Net, name: str, images: ArrayLike | None = None) -> Ranks:
    """Look at a layer at all ranks at once; see `low_rank`."""
    layer = real_layer(net, name)
    matrix = layer.weights.reshape(len(layer.weights), -1)
    return Ranks(net, layer, *full_rank(matrix, moments(net, name, images)))


def low_rank(net: Net, name: str, rank: int, images: ArrayLike | None = None) -> Net:
    """Return the network with a layer (m, n) of rank so many, as two layers; see `profitable`.

    images: (N, rows, columns, channels), codes of the input. rank: 1..min(m, n).
    """
    return ranks(net, name, images).at(rank)


def sparse_factors(
    net: Net,
    name: str,
    keep: float | Sequence[float],
    factors: int = 2,
    *,
    inner: int | None = None,
    images: ArrayLike | None = None,
) -> Net:
    """Return the network with a layer (m, n) as a product of so many sparse ones.

    keep: connections of each factor, one number for all or one for each, S_1 first: whole numbers,
    or shares of its weights. inner: rows of all but the last factor, 1..min(m, n), which is what
    None stands for. images: (N, rows, columns, channels), codes of the input.
    """
    layer = real_layer(net, name)
    matrix = layer.weights.reshape(len(layer.weights), -1)
    m, n = matrix.shape
    whole(f"{name}: factors", factors, LEAST_FACTORS, MOST_FACTORS)
    rows = min(m, n) if inner is None else whole(f"{name}: inner", inner, 1, min(m, n))
    sizes = [rows * n, *[rows * rows] * (factors - 2), m * rows]
    budgets = budgets_of(name, keep, sizes)
    return split(net, layer, sparse(matrix, rows, budgets, moments(net, name, images)))


def budgets_of(name: str, keep: float | Sequence[float], sizes: Sequence[int]) -> list[int]:
    """Return how many connections each factor may have."""
    kept = [keep] * len(sizes) if isinstance(keep, int | float) else list(keep)
    if len(kept) != len(sizes):
        raise ValueError(f"{name}: keep for {len(kept)} factors found; allowed: {len(sizes)}")
    budgets = []
    for share, size in zip(kept, sizes, strict=True):
        if isinstance(share, float) and not 0 < share <= 1:
            raise ValueError(f"{name}: keep = {share} found; allowed: above 0, at most 1")
        count = max(round(share * size), 1) if isinstance(share, float) else share
        budgets.append(whole(f"{name}: keep", count, 1, size))
    return budgets


def separable(net: Net, name: str, rank: int) -> Net:
    """Return the network with a layer's windows K x L as K x 1 and then 1 x L, `rank` in between.

    rank: 1..min(K in, L out). Strides and paddings go to the axis that they are of.
    """
    layer = real_layer(net, name)
    out, rows, columns, channels = layer.weights.shape
    matrix = layer.weights.transpose(0, 2, 1, 3).reshape(out * columns, rows * channels)
    whole(f"{name}: rank", rank, 1, min(matrix.shape))
    first, last, _ = full_rank(matrix, units(net, name, rows * channels))
    down = linear(layer, "a", first[:rank].reshape(rank, rows, 1, channels))
    down = replace(down, stride=(layer.stride[0], 1), padding=(layer.padding[0], 0))
    across = replace(
        layer,
        name=f"{name}.b",
        weights=last[:, :rank].reshape(out, columns, rank)[:, None],
        stride=(1, layer.stride[1]),
        padding=(0, layer.padding[1]),
        tree=None,
    )
    return exchanged(net, name, (down, across))


def split(net: Net, layer: Neurons, parts: Sequence[Array]) -> Net:
    """Return the network with a layer as the product of matrices, S_1 first."""
    first, *others = parts
    windows = first.reshape(len(first), *layer.kernel, -1)
    made = [replace(linear(layer, "a", windows), stride=layer.stride, padding=layer.padding)]
    for letter, part in zip(ascii_lowercase[1:], others, strict=False):
        made.append(linear(layer, letter, part[:, None, None]))
    ends = {"bias": layer.bias, "low": layer.low, "high": layer.high}
    made[-1] = replace(made[-1], **ends)
    return exchanged(net, layer.name, tuple(made))


def linear(layer: Neurons, letter: str, weights: Array) -> Neurons:
    """Return a layer of sums, without bias and clip."""
    out = len(weights)
    return Neurons(f"{layer.name}.{letter}", weights, np.ones(out), np.zeros(out))


def exchanged(net: Net, name: str, made: tuple[Stage, ...]) -> Net:
    """Return the network with stages in place of a layer; refuse what its clocking cannot hold."""
    found = net.replaced(lambda stage: made if stage.name == name else stage)
    if found.clocking is not None:
        check_clocking(found, found.clocking)
    return found


def units(net: Net, name: str, count: int) -> Array:
    """Return E[x x^T] of so many inputs that are independent and as large as they can be.

    Only the network's own input has a known range; elsewhere it is 1.
    """
    place = [stage.name for stage in net.stages].index(name)
    return np.eye(count) * max(net.signals[place].highest, 1) ** 2


def moments(net: Net, name: str, images: ArrayLike | None) -> Array:
    """Return E[x x^T] of the windows x that a layer sees in images, (n, n); see `units`."""
    layer = net.layer(name)
    if images is None:
        return units(net, name, layer.weights[0].size)
    seen = windows_in(net, name, np.asarray(images))
    return np.asarray(seen.T @ seen / len(seen))


def windows_in(net: Net, name: str, images: Array) -> Array:
    """Return windows that a layer sees in images, (at most MOST_WINDOWS, n), evenly drawn."""
    place = [stage.name for stage in net.stages].index(name)
    layer, (rows, columns, _) = net.layer(name), net.signals[place + 1].shape
    total = len(images) * rows * columns
    if not total:
        raise ValueError(f"{name}: 0 images found; allowed: 1 or more, or None")
    numbers = np.arange(total)
    if total > MOST_WINDOWS:
        numbers = np.sort(np.random.default_rng(0).choice(total, MOST_WINDOWS, replace=False))
    image, row, column = np.unravel_index(numbers, (len(images), rows, columns))
    found = []
    for first in range(0, len(images), BATCH):
        maps = next(islice(all_maps(net, images[first : first + BATCH]), place, None))
        here = (first <= image) & (image < first + BATCH)
        seen = spread(maps, layer, 0.0)[image[here] - first, row[here], column[here]]
        found.append(seen.transpose(0, 2, 3, 1).reshape(len(seen), -1))
    return np.concatenate(found)

"""Fixed fan-in: neurons with more connections than a hardware neuron has become trees of those.

How connections are shared out among the leaves matters once each leaf has an exponent of its own:
the largest weight of a leaf sets the step of all the others. The published works name two ways, by
sorting and by packing, and say what they are for; what stands here is our reconstruction of both.

order: as they come, row by row, column by column, channel by channel. Fewest leaves.
sorting: by magnitude, so that a leaf holds weights of similar size. Fewest leaves, too.
packing: weights that need the same exponent are a class; each class fills as many leaves as it can.
What is left of it goes as a whole to what is left of the next coarser class, where that has room,
or to a leaf of its own. So no leaf mixes more than two neighbouring classes, and there is at most
one leaf more for each class.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.exponents import exponents_of, greatest_code
from neurobot.qnet.checks import MOST_BITS, MOST_VALUES, whole
from neurobot.tdnn.form import LEAST_FAN_IN, Net, Neurons, Tree, leaf_counts

Array = NDArray[Any]


def by_order(weights: Array, most: int) -> Array:
    """Return the leaf of each connection, (n,), in groups of so many as they come."""
    return np.asarray(np.arange(len(weights)) // most)


def by_sorting(weights: Array, most: int) -> Array:
    """Return the leaf of each connection, (n,), the largest weights in the first leaf."""
    leaf = np.empty(len(weights), np.int64)
    leaf[np.argsort(-np.abs(weights), kind="stable")] = by_order(weights, most)
    return leaf


def by_packing(weights: Array, most: int) -> Array:
    """Return the leaf of each connection, (n,), of one class or of two neighbouring ones."""
    needed = exponents_of(np.abs(weights) / greatest_code(MOST_BITS))
    order = np.argsort(-np.abs(weights), kind="stable")
    leaf = np.empty(len(weights), np.int64)
    count = place = room = coarsest = 0  # leaves so far; the open one, its room and its exponent
    for exponent in np.unique(needed)[::-1].tolist():
        members = order[needed[order] == exponent]
        full, left = divmod(len(members), most)
        leaf[members[: full * most]] = count + np.arange(full * most) // most
        count += full
        if left and (left > room or exponent + 1 < coarsest):
            place, room, coarsest = count, most, exponent
            count += 1
        leaf[members[full * most :]] = place
        room -= left
    return leaf


PARTITIONERS: dict[str, Callable[[Array, int], Array]] = {
    "order": by_order,
    "sorting": by_sorting,
    "packing": by_packing,
}


def planted(layer: Neurons, fan_in: int, share: Callable[[Array, int], Array]) -> Neurons:
    """Return a layer whose connections are shared out among leaves of at most so many."""
    most = whole(f"{layer.name}: fan-in", fan_in, LEAST_FAN_IN, MOST_VALUES)
    if layer.tree is not None and layer.tree.shifts.any():
        raise ValueError(
            f"{layer.name}: integers with an exponent for each leaf found; "
            "allowed: another fan-in before weights are compressed, not after"
        )
    leaf = np.full(layer.weights.shape, -1)
    for places, weights in zip(leaf, layer.weights, strict=True):
        there = weights[weights != 0]
        alone = len(there) <= most
        places[weights != 0] = 0 if alone else share(there, most)
    shifts = np.zeros((len(leaf), leaf.max(initial=0) + 1), np.int32)
    return replace(layer, tree=Tree(most, leaf, shifts))


def fan_in(net: Net, fan_in: int, how: str = "sorting") -> Net:
    """Return the network of neurons with at most so many synapses each; what it computes stays.

    how: a name in PARTITIONERS. Trees that are there already are replaced. Raises ValueError, with
    the layer's name, for integers whose leaves have exponents of their own.
    """
    if how not in PARTITIONERS:
        raise ValueError(f"how = {how!r} is not known; known: {', '.join(PARTITIONERS)}")
    share = PARTITIONERS[how]
    return net.replaced(lambda s: planted(s, fan_in, share) if isinstance(s, Neurons) else s)


def trimmed(tree: Tree | None, weights: Array) -> Tree | None:
    """Return what is left of a tree when some weights are 0: no leaf without connections.

    The others keep their order and their shifts.
    """
    if tree is None:
        return None
    cut = Tree(tree.fan_in, np.where(weights != 0, tree.leaf, -1), tree.shifts)
    there = leaf_counts(cut) > 0
    number = np.cumsum(there, axis=1) - 1
    rows = np.arange(len(weights))[:, None, None, None]
    leaf = np.where(cut.leaf >= 0, number[rows, cut.leaf], -1)
    order = np.argsort(~there, axis=1, kind="stable")[:, : max(int(there.sum(axis=1).max()), 1)]
    shifts = np.where(
        np.take_along_axis(there, order, axis=1), np.take_along_axis(cut.shifts, order, axis=1), 0
    )
    return Tree(tree.fan_in, leaf, shifts)

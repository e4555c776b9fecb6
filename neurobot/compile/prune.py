"""Pruning: the smallest weights of a layer go, and with them their connections."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.fan_in import trimmed
from neurobot.qnet.checks import number
from neurobot.tdnn.form import Net, Neurons, Stage

Array = NDArray[Any]


def largest(matrix: Array, count: int) -> Array:
    """Return where the largest magnitudes are; of equal ones, those that come first."""
    order = np.argsort(-np.abs(matrix), axis=None, kind="stable")[:count]
    kept = np.zeros(matrix.shape, bool)
    kept.flat[order] = True
    return kept


def prune(net: Net, name: str, keep: float) -> Net:
    """Return the network with a share of the connections that a layer has, the largest ones.

    keep: above 0, at most 1; at least one connection stays. A weight counts with the scale of its
    neuron. Trees lose what is gone.
    """
    layer = net.layer(name)
    if not 0 < number(f"{name}: keep", keep) <= 1:
        raise ValueError(f"{name}: keep = {keep} found; allowed: above 0, at most 1")
    weights = layer.shifted if layer.integer else layer.weights
    sizes = weights * layer.scale[:, None, None, None]
    count = max(round(keep * np.count_nonzero(weights)), 1)
    thin = np.where(largest(sizes, count), layer.weights, 0)
    cut = replace(layer, weights=thin, tree=trimmed(layer.tree, thin))

    def change(stage: Stage) -> Stage:
        return cut if isinstance(stage, Neurons) and stage.name == name else stage

    return net.replaced(change)

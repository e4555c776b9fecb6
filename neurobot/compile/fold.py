"""Batch norm folded: what is left of it as a scale of each neuron goes into the weights.

The scale of integers is part of their requantization, not of a batch norm: it stays.
"""

from dataclasses import replace

import numpy as np

from neurobot.compile.fan_in import trimmed
from neurobot.tdnn.form import Net, Neurons, Stage


def fold_stage(stage: Stage) -> Stage:
    """Return a stage of real numbers with all scales 1, and any other one as it is."""
    if not isinstance(stage, Neurons) or stage.integer or (stage.scale == 1.0).all():
        return stage
    weights = stage.weights * stage.scale[:, None, None, None]
    ones = np.ones(len(weights))
    return replace(stage, weights=weights, scale=ones, tree=trimmed(stage.tree, weights))


def fold(net: Net) -> Net:
    """Return the network with weights that include the scale of their neuron; integers as given.

    A neuron whose scale is 0 has no connections afterwards.
    """
    return net.replaced(fold_stage)

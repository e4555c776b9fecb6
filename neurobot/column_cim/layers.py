"""The layers of a network that lie on arrays."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.network import Network
from neurobot.qnet.runner import Array
from neurobot.qnet.signals import Signal


def on_arrays(network: Network) -> list[ColumnConv]:
    """Return the layers whose weights lie on arrays, in order."""
    return [conv for conv in network.convs if isinstance(conv, ColumnConv)]


def exchange(network: Network, change: Callable[[ColumnConv, Signal], ColumnConv]) -> Network:
    """Return the network with each layer on arrays as `change` makes it, of the layer and input."""
    layers = [
        change(layer, network.signals[layer.inputs[0]]) if isinstance(layer, ColumnConv) else layer
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


def in_use(conv: ColumnConv) -> Array:
    """Tell which rows of each tile hold an input, (T, c, kh, kw) bool: the last may be short."""
    return conv.by_tile(np.ones(conv.weights.shape[1:], np.bool_))

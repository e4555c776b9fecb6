"""From a trained network, integer or float32, to the compiler's form."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from neurobot import qnet
from neurobot.qnet import INPUT
from neurobot.qnet.columns import check_plain
from neurobot.qnet.signals import Shape
from neurobot.tdnn.form import Maxima, Net, Neurons, Stage

Scaling = qnet.Affine | qnet.Requant | qnet.Scores


def dense(conv: qnet.Conv) -> np.ndarray[Any, Any]:
    """Return the weights for all channels of the input, zeros where a group does not look."""
    weights = conv.weights.astype(np.float64) if conv.real else conv.integers
    out, rows, columns, part = weights.shape
    whole = np.zeros(
        (conv.groups, out // conv.groups, rows, columns, conv.groups, part), weights.dtype
    )
    for group, block in enumerate(np.split(weights, conv.groups)):
        whole[group, :, :, :, group] = block
    return whole.reshape(out, rows, columns, conv.groups * part)


def each_alone(shape: Shape, window: tuple[int, int], real: bool) -> np.ndarray[Any, Any]:
    """Return weights of 1 from each channel to itself."""
    eye = np.eye(shape[2], dtype=np.float64 if real else np.int32)
    return np.ascontiguousarray(np.broadcast_to(eye[:, None, None], (shape[2], *window, shape[2])))


def neurons(
    name: str, weights: Any, scaling: Scaling | None, conv: qnet.Conv | None, given: qnet.Signal
) -> Neurons:
    """Make a layer of sums and of what is made of them."""
    out, real = len(weights), weights.dtype.kind == "f"
    more: dict[str, Any] = {"weight_bits": 1}
    if conv is not None:
        more = {"stride": conv.stride, "padding": conv.padding, "weight_bits": conv.weight_bits}
    if isinstance(scaling, qnet.Affine):
        more |= {"low": scaling.low, "high": scaling.high}
        return Neurons(name, weights, scaling.scale, scaling.bias, **more)
    if isinstance(scaling, qnet.Requant):
        more |= {key: getattr(scaling, key) for key in ("low", "high", "shift", "bits", "odd")}
    if scaling is not None:
        return Neurons(name, weights, scaling.multiplier, scaling.bias, **more)
    ones, zeros = np.ones(out, np.int64), np.zeros(out, np.int64)
    if not real:  # sums go on as they are
        ends = Neurons(name, weights, ones, zeros, **more).signal(given)
        bits = max(ends.bits, 1)
        more |= {"low": ends.lowest, "high": ends.highest, "bits": bits}
    return Neurons(name, weights, ones, zeros, **more)


def check_chain(layers: Sequence[qnet.Layer]) -> None:
    """Refuse whatever does not read the layer before it, and nothing else."""
    before = INPUT
    for layer in layers:
        if isinstance(layer, qnet.Add | qnet.Channels) or layer.inputs != (before,):
            raise ValueError(
                f"{layer.name}: a {type(layer).__name__} of {', '.join(layer.inputs)} found, a "
                f"branch; allowed: a chain, in which each layer reads the one before, here {before}"
            )
        before = layer.name


def read_network(network: qnet.Network) -> Net:
    """Bring a trained network into the compiler's form.

    Convolutions and linear layers with what follows them become layers of neurons, sums over whole
    maps neurons with weights of 1, a scaling by itself neurons with one synapse each. Raises
    ValueError, with the layer's name, for branches, signed images and columns of cells.
    """
    if network.input_signed:
        raise ValueError(f"{INPUT}: signed images found; allowed: unsigned, as the samples are")
    check_plain(network.layers, "the compiler")
    check_chain(network.layers)
    layers, stages = list(network.layers), list[Stage]()
    while layers:
        layer = layers.pop(0)
        given = network.signals[layer.inputs[0]]
        if isinstance(layer, qnet.MaxPool):
            stages.append(Maxima(layer.name, layer.size, layer.stride, layer.padding))
            continue
        scaling: Scaling | None = None
        if layers and isinstance(after := layers[0], Scaling):
            scaling = after
            del layers[0]
        if isinstance(layer, qnet.Conv):
            stages.append(neurons(layer.name, dense(layer), scaling, layer, given))
        elif isinstance(layer, qnet.SumPool):
            ones = each_alone(given.shape, given.shape[:2], network.real)
            stages.append(neurons(layer.name, ones, scaling, None, given))
        elif isinstance(layer, Scaling):
            if scaling is not None:
                layers.insert(0, scaling)
            ones = each_alone(given.shape, (1, 1), network.real)
            stages.append(neurons(layer.name, ones, layer, None, given))
        else:
            raise ValueError(f"{layer.name}: a {type(layer).__name__} found; no stage is one")
    return Net(
        input_shape=network.input_shape,
        stages=tuple(stages),
        input_bits=network.input_bits,
        output_scale=network.output_scale,
        notes=network.notes,
    )

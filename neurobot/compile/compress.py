"""From real numbers to integers: "linear" codes of weights and activations, steps powers of two.

The weights of a neuron share an exponent, or those of each leaf where it is a tree; activations
share one by layer. The leaves of a neuron are aligned by shifts, the neurons of a layer by their
scale, a power of two as well. With sums in units of 2^u at the finest and activations in steps of
2^a, codes are (sum scale + bias) >> shift, shift = max(a - u, 0). The bias holds the half step that
makes the shift round half up: each code is exactly the nearest one to what the coded weights make
of the coded input and the real bias. Scores have no step of their own: a = u.

Registers bound what can be aligned: sums are int32, products int64. An exponent further below the
largest one of its neuron or of its layer is raised: those weights get a coarser step.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.compile.calibrate import calibrate, code_of, ends_of, limits
from neurobot.compile.exponents import best_exponents, exponents_of, greatest_code, within_reach
from neurobot.compile.fan_in import trimmed
from neurobot.compile.fold import fold
from neurobot.qnet.checks import MOST_BITS, whole
from neurobot.qnet.network import INPUT
from neurobot.qnet.signals import Signal
from neurobot.tdnn.form import Net, Neurons, Stage, Tree

Array = NDArray[Any]
Bits = int | Mapping[str, int]
MOST_SCALE = 30  # exponent of the largest power of two in int32
MOST_FRACTION = 40  # any int32 in units of 2^-40 steps is less than 2^-8 of a step
MOST_BIAS = 62  # exponent of the largest bias: with any int32 times 2^30 it fits int64
FINEST = -1100  # below all exponents of float64


def finest(layer: Neurons, step: int | None) -> int:
    """Return the least exponent of a layer's sums with which its constants fit their registers."""
    if step is not None:
        return step - MOST_FRACTION
    bias = float(np.abs(layer.bias).max())
    return int(exponents_of(bias)) - (MOST_BIAS - 1) if bias else FINEST


def coded_weights(
    layer: Neurons, least: int, bits: int, input_most: int
) -> tuple[Array, Tree | None, Array]:
    """Return the codes of a layer's weights, its tree with their shifts, and the units (out,).

    least: the exponent that none may go below; input_most: the largest magnitude of an input;
    units: the exponent of each neuron's sum, of codes alone.
    """
    places = np.nonzero(layer.weights)
    values, most, tree = layer.weights[places], greatest_code(bits), layer.tree
    shape = len(layer.weights), 1 if tree is None else tree.shifts.shape[1]
    group = places[0] * shape[1] + (0 if tree is None else tree.leaf[places])
    wanted: Array = best_exponents(values, group, shape[0] * shape[1], most).reshape(shape)
    there = np.bincount(group, minlength=wanted.size).reshape(shape) > 0
    highest = max(wanted[there].tolist(), default=0)
    wanted = np.maximum(wanted, max(highest - MOST_SCALE, least))
    lowest = np.where(there, wanted, wanted.max()).min(axis=1, keepdims=True)
    wanted = np.where(there, wanted, lowest)  # a leaf of no weights changes nothing
    found, exponents = within_reach(values, group, wanted, most, input_most)
    codes = np.zeros(layer.weights.shape, np.int32)
    codes[places] = found
    units = exponents.min(axis=1)
    if tree is not None:
        tree = trimmed(replace(tree, shifts=exponents - units[:, None]), codes)
    return codes, tree, units


def coded_biases(layer: Neurons, made: int, shift: int) -> list[int]:
    """Return a layer's biases and half a step of 2^made, in units of 2^(made - shift)."""
    fraction, half, most = Fraction(2) ** (shift - made), Fraction(1 << shift, 2), 1 << MOST_BIAS
    exact = [floor(Fraction(bias) * fraction + half) for bias in layer.bias.tolist()]
    # What is cut off here is clipped with any sum.
    return [min(max(bias, -most), most) for bias in exact]


def coded(
    layer: Neurons, given: Signal, unit: int, step: int | None, bits: tuple[int, int]
) -> tuple[Neurons, int]:
    """Return a layer in integers, and the exponent of the unit of what comes out.

    unit: the exponent of the input's unit; step: the one of the layer's activations, None for
    scores; bits: of weights and of activations.
    """
    input_most = max(abs(given.lowest), abs(given.highest))
    codes, tree, sums = coded_weights(layer, finest(layer, step) - unit, bits[0], input_most)
    least = int(sums.min()) + unit
    made = least if step is None else step
    shift = max(made - least, 0)
    factors = sums + unit - made + shift
    if factors.max() > MOST_SCALE:
        raise ValueError(
            f"{layer.name}: sums in units of 2^{factors.max()} steps of its activations found; "
            f"allowed: at most 2^{MOST_SCALE}"
        )
    constants: dict[str, Any] = {
        "weights": codes,
        "scale": np.int64(1) << factors,
        "bias": coded_biases(layer, made, shift),
        "shift": shift,
        "weight_bits": bits[0],
        "tree": tree,
        "low": None,
        "high": None,
    }
    if step is not None:
        low, high = code_of(np.array(limits(layer)), step, ends_of(layer, bits[1])).tolist()
        constants |= {"low": int(low), "high": int(high), "bits": bits[1]}
    return replace(layer, **constants), made


def widths(net: Net, what: str, given: Bits, least: int) -> dict[str, int]:
    """Return how many bits each layer is to have; what a table does not tell has the most."""
    names = [layer.name for layer in net.layers]
    table = given if isinstance(given, Mapping) else dict.fromkeys(names, given)
    for name in table:
        net.layer(name)  # or it is refused as unknown
    return {
        name: whole(f"{name}: {what}", table.get(name, MOST_BITS), least, MOST_BITS)
        for name in names
    }


def checked(net: Net, images: ArrayLike) -> Array:
    """Refuse what are no images of a network, or none at all."""
    pixels = np.asarray(images)
    if pixels.shape[1:] != net.input_shape or not len(pixels):
        raise ValueError(
            f"{INPUT}: images of shape {pixels.shape} found; allowed: one or more of shape "
            f"{net.input_shape}"
        )
    return pixels


def compress(
    net: Net, images: ArrayLike, weight_bits: Bits = MOST_BITS, activation_bits: Bits = MOST_BITS
) -> Net:
    """Return the network in integers; one that is in integers already, as it is.

    images: (N, rows, columns, channels), for the steps of activations. weight_bits: 2..8,
    activation_bits: 1..8, for all layers or by name, 8 where a name is not told. A scale is folded
    first. A last layer without limits gives scores. Raises ValueError, with the layer's name, for
    what no register holds.
    """
    if net.integer:
        return net
    net, pixels = fold(net), checked(net, images)
    weights = widths(net, "weight_bits", weight_bits, 2)
    activations = widths(net, "activation_bits", activation_bits, 1)
    stepped = list(net.layers)
    if limits(stepped[-1]) == (-np.inf, np.inf):
        del stepped[-1]
    ends = {layer.name: ends_of(layer, activations[layer.name]) for layer in stepped}
    steps = calibrate(net, pixels, ends)
    unit, given, stages = 0, net.signals[0], list[Stage]()
    for stage in net.stages:
        if isinstance(stage, Neurons):
            bits = weights[stage.name], activations[stage.name]
            stage, unit = coded(stage, given, unit, steps.get(stage.name), bits)
        given = stage.signal(given)
        stages.append(stage)
    return replace(net, stages=tuple(stages), output_scale=net.output_scale * 2.0**unit)

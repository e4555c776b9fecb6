"""What compression means, restated with fractions: a coded network computed value by value."""

from fractions import Fraction
from itertools import product
from math import floor, inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.signals import Shape
from neurobot.tdnn import Maxima, Net, Neurons
from neurobot.tdnn.direct import all_maps

Array = NDArray[Any]
Place = tuple[int, ...]
Values = dict[Place, Fraction]


def power(exponent: int) -> Fraction:
    return Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def least_exponent(values: list[Fraction], top: int) -> int:
    """Find the least step 2^e of which no value is more than `top`, by trying them all."""
    return next(e for e in range(-90, 90) if max(map(abs, values)) <= top * power(e))


def best_exponent(values: list[Fraction], ends: tuple[int, int], finer: int, rounded: Any) -> int:
    """Find the step with the least squared error among the least one that fits and finer ones."""
    first, errors = least_exponent(values, ends[1]), dict[int, Fraction]()
    for exponent in range(first, first - finer - 1, -1):
        step = power(exponent)
        codes = (min(max(rounded(value / step), ends[0]), ends[1]) for value in values)
        errors[exponent] = sum(
            ((value - step * code) ** 2 for value, code in zip(values, codes, strict=True)),
            Fraction(0),
        )
    return min(errors, key=lambda exponent: errors[exponent])


def coded_neuron(layer: Neurons, number: int, bits: int) -> tuple[Values, int | None]:
    """Return the coded weights of a neuron, by place, and the least exponent of its leaves."""
    top, scale = (1 << (bits - 1)) - 1, layer.scale[number]
    groups: dict[int, Values] = {}
    for place in product(*map(range, layer.weights.shape[1:])):
        if weight := float(layer.weights[(number, *place)] * scale):
            leaf = 0 if layer.tree is None else int(layer.tree.leaf[(number, *place)])
            groups.setdefault(leaf, {})[place] = Fraction(weight)
    coded: Values = {}
    exponents = []
    for together in groups.values():
        exponents.append(best_exponent(list(together.values()), (-top, top), 2, round))
        step = power(exponents[-1])
        for place, exact in together.items():
            coded[place] = step * min(max(round(exact / step), -top), top)
    return coded, min(exponents, default=None)


def windowed(stage: Neurons | Maxima, shape: tuple[int, ...], row: int, column: int) -> Any:
    """Yield each place of a window that lies on the map: in the window, and on the map."""
    for i, j in product(*map(range, stage.kernel)):
        y = row * stage.stride[0] - stage.padding[0] + i
        x = column * stage.stride[1] - stage.padding[1] + j
        if 0 <= y < shape[0] and 0 <= x < shape[1]:
            yield (i, j), (y, x)


def step_of(layer: Neurons, made: Array, bits: int) -> tuple[Fraction, tuple[int, int]]:
    """Return the step of a layer's activations on these maps, and its least and greatest code."""
    top = (1 << (bits - 1)) - 1
    ends = (-top, top) if layer.low is None or layer.low < 0 else (0, (1 << bits) - 1)
    values = [Fraction(float(value)) for value in made.ravel()]
    if not any(values):
        return Fraction(1), ends
    return power(best_exponent(values, ends, 4, half_up)), ends


def stopped(value: int, layer: Neurons, step: Fraction, ends: tuple[int, int]) -> int:
    low, high = layer.low, layer.high
    if low is not None and low > -inf:
        value = max(value, half_up(Fraction(low) / step))
    if high is not None and high < inf:
        value = min(value, half_up(Fraction(high) / step))
    return min(max(value, ends[0]), ends[1])


def sums_of(
    stage: Neurons, weights: list[Values], given: Values, shape: Shape, spots: list[Place]
) -> Values:
    """Return the sums of a layer of coded weights, by place of its map."""
    found: Values = {}
    for row, column, neuron in spots:
        found[row, column, neuron] = Fraction(0)
        for here, at in windowed(stage, shape, row, column):
            for source in range(shape[2]):
                weight = weights[neuron].get((*here, source), Fraction(0))
                found[row, column, neuron] += weight * given[(*at, source)]
    return found


def compressed_scores(
    net: Net, images: Array, calibration: Array, bits: tuple[int, int]
) -> tuple[list[list[int]], Fraction]:
    """Return the scores of images in the network of codes, and the unit that they are in.

    bits: of weights and of activations.
    """
    _, *real = all_maps(net, calibration)
    scores, unit = [], Fraction(1)
    for image in images:
        given: Values = {place: Fraction(int(v)) for place, v in np.ndenumerate(image)}
        unit = Fraction(1)
        for stage, before, after, seen in zip(
            net.stages, net.signals, net.signals[1:], real, strict=False
        ):
            spots = list(product(*map(range, after.shape)))
            if isinstance(stage, Maxima):
                given = {
                    (r, c, k): max(given[(*at, k)] for _, at in windowed(stage, before.shape, r, c))
                    for r, c, k in spots
                }
                continue
            coded = [coded_neuron(stage, n, bits[0]) for n in range(len(stage.weights))]
            given = sums_of(stage, [weights for weights, _ in coded], given, before.shape, spots)
            biases = [Fraction(float(bias)) for bias in stage.bias]
            if stage is net.stages[-1]:
                unit *= power(min((e for _, e in coded if e is not None), default=0))
                codes = [given[s] / unit + half_up(biases[s[2]] / unit) for s in spots]
                assert all(code.denominator == 1 for code in codes)
                scores.append([int(code) for code in codes])
                continue
            unit, ends = step_of(stage, seen, bits[1])
            rounded = {s: half_up((given[s] + biases[s[2]]) / unit) for s in spots}
            given = {s: unit * stopped(code, stage, unit, ends) for s, code in rounded.items()}
    return scores, unit

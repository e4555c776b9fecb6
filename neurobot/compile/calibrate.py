"""Steps of activations: powers of two, one for each layer, from what images make of it.

Codes are unsigned where a layer's least value is 0 or more, as after a ReLU, and signed, with as
many steps below 0 as above, where it is a linear one. The least exponent with which all values fit
is tried, and finer ones, by up to FINER; the one with the least squared error is taken.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.exponents import exponents_of, greatest_code
from neurobot.qnet.checks import Pair, unsigned_range
from neurobot.tdnn.direct import BATCH, all_maps
from neurobot.tdnn.form import Net, Neurons

Array = NDArray[Any]
FINER = 4


def limits(layer: Neurons) -> tuple[float, float]:
    """Return between which values a layer stops, infinite ones where it does not."""
    low = -np.inf if layer.low is None else layer.low
    return float(low), float(np.inf if layer.high is None else layer.high)


def ends_of(layer: Neurons, bits: int) -> Pair:
    """Return the least and the greatest code that a layer's values can have."""
    if limits(layer)[0] >= 0:
        return unsigned_range(bits)
    if bits == 1:
        raise ValueError(f"{layer.name}: signed activations of 1 bit found; allowed: 2 or more")
    return -greatest_code(bits), greatest_code(bits)


def code_of(values: Any, exponent: int, ends: Pair) -> Array:
    """Return the nearest code, half up, of values in steps of 2^exponent."""
    return np.asarray(np.clip(np.floor(np.ldexp(values, -exponent) + 0.5), *ends))


def maps_of(net: Net, images: Array, layers: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    """Yield the maps of the layers of these names, so many images at a time."""
    for first in range(0, len(images), BATCH):
        _, *maps = all_maps(net, images[first : first + BATCH])
        for stage, made in zip(net.stages, maps, strict=True):
            if stage.name in layers:
                yield stage.name, made


def calibrate(net: Net, images: Array, ends: Mapping[str, Pair]) -> dict[str, int]:
    """Return the exponent of the step of each layer named in `ends`, the least and greatest codes.

    images: (N, rows, columns, channels). A layer that is 0 on all images gets a step of 1.
    """
    largest = dict.fromkeys(ends, 0.0)
    for name, made in maps_of(net, images, ends):
        largest[name] = max(largest[name], float(np.abs(made).max()))
    first = {
        name: int(exponents_of(np.float64(most) / ends[name][1])) for name, most in largest.items()
    }
    errors = {name: np.zeros(FINER + 1) for name in ends}
    for name, made in maps_of(net, images, ends):
        for finer in range(FINER + 1):
            exponent = first[name] - finer
            missed = made - np.ldexp(code_of(made, exponent, ends[name]), exponent)
            errors[name][finer] += float(np.vdot(missed, missed))
    return {name: exponent - int(np.argmin(errors[name])) for name, exponent in first.items()}

"""The same sums without the clock, of one frame: with the dense loops of `neurobot.qnet`.

Zero weights are multiplied like all others; that is faster than to look for the rest.
"""

from typing import NamedTuple

import numpy as np

from neurobot.qnet import kernels
from neurobot.qnet.convolve import Window, convolve
from neurobot.qnet.network import INPUT
from neurobot.qnet.runner import Map, Step, make_map
from neurobot.qnet.signals import Shape
from neurobot.qnet.vectors import LANES
from neurobot.tdnn.batched import inside, meet, padded
from neurobot.tdnn.form import Maxima, Net, Neurons
from neurobot.tdnn.wiring import Array, ending


class Constants(NamedTuple):
    """What a layer's steps read: whoever changes it changes the next run.

    weights: int32, with the shifts of their leaves, as `lay_out` lays them out; scale: int32 and
    bias: int64, (out,) each.
    """

    weights: Array
    scale: Array
    bias: Array


def make_constants(layer: Neurons) -> Constants:
    """Return copies of a layer's constants."""
    return Constants(lay_out(layer.shifted), layer.scale.astype(np.int32), layer.bias.copy())


def locked(values: Array) -> Array:
    """Return the same values, for nobody to change here: kernels are compiled for such arrays."""
    view = values.view()
    view.flags.writeable = False
    return view


def lay_out(weights: Array) -> Array:
    """Return weights (out, rows, columns, in) as `convolve` reads them: LANES neurons together."""
    out, *kernel, given = weights.shape
    lanes = np.zeros((-(-out // LANES) * LANES, *kernel, given), np.int32)
    lanes[:out] = weights
    blocks = lanes.reshape(-1, LANES, *kernel, given).transpose(0, 2, 3, 4, 1)
    return np.ascontiguousarray(blocks).ravel()


def make_window(layer: Neurons, given: Shape, made: Shape) -> Window:
    """Return how the windows of a layer move over a padded map."""
    pitch = given[1] * given[2]
    return Window(
        height=made[0],
        width=made[1],
        channels=made[2],
        groups=1,
        given=given[2],
        made=made[2],
        rows=layer.kernel[0],
        pieces=1,
        length=layer.kernel[1] * given[2],
        hop=given[2],
        pitch=pitch,
        down=layer.stride[0] * pitch,
        right=layer.stride[1] * given[2],
    )


def plan_maxima(stage: Maxima, source: Map, target: Map) -> list[Step]:
    """Take window maxima."""
    windows = stage.size, stage.stride, stage.padding
    return [(kernels.pool_greatest, (source.shaped, target.shaped, *windows))]


def plan_neurons(layer: Neurons, held: Constants, source: Map, target: Map) -> list[Step]:
    """Surround the map with zeros, sum, and make codes or scores of the sums."""
    steps, (rows, columns, channels) = list[Step](), source.shape
    whole, (top, left) = padded(source.shape, layer), layer.padding
    if top or left:
        inner, source = source, make_map(whole, np.int32)
        middle = source.rows[top : top + rows, left * channels : (left + columns) * channels]
        steps.append((kernels.embed, (inner.rows, middle)))
    sums, window = make_map(target.shape, np.int32), make_window(layer, whole, target.shape)
    steps.append((convolve, (source.memory, held.weights, sums.memory, window)))
    scale, bias = locked(held.scale), locked(held.bias)
    if (layer.low is None or layer.high is None) and not layer.shift:
        return [*steps, (kernels.score, (sums.flat, scale, bias, target.flat))]
    codes = sums.places, scale, bias, target.places
    return [*steps, (kernels.requantize, (*codes, *ending(layer).values()))]


class Frame:
    """A network and the memory that one frame needs; not to be shared among threads.

    maps: by stage and "input", that of the last run, int32 (scores: int64); constants: by layer.
    """

    def __init__(self, net: Net) -> None:
        """Lay out weights and maps."""
        kinds = [np.int32] * len(net.stages) + [np.int64]
        shapes = [signal.shape for signal in net.signals]
        maps = [make_map(*each) for each in zip(shapes, kinds, strict=True)]
        self._scores, self._counts = maps[-1].flat, np.zeros(len(net.stages), np.int64)
        names = INPUT, *(stage.name for stage in net.stages)
        self.maps = {name: found.shaped for name, found in zip(names, maps, strict=True)}
        self.constants = {layer.name: make_constants(layer) for layer in net.layers}
        self._steps: list[Step] = []
        for number, stage in enumerate(net.stages):
            source, target = maps[number], maps[number + 1]
            if isinstance(stage, Maxima):
                self._steps += plan_maxima(stage, source, target)
                continue
            met = meet(stage, target.shape, padded(source.shape, stage))
            met = met[inside(source.shape, stage, 0)].ravel()
            self._steps.append((kernels.count_taps, (source.flat, met, self._counts, number)))
            self._steps += plan_neurons(stage, self.constants[stage.name], source, target)

    def run(self, pixels: Array) -> Array:
        """Return the scores (n,) of an image that is known to be one."""
        self.maps[INPUT][...] = pixels
        for kernel, given in self._steps:
            kernel(*given)
        return self._scores.copy()

    @property
    def macs(self) -> int:
        """The products of the last run whose input is not 0."""
        return int(self._counts.sum())

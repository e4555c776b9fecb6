"""Run a network, exactly: every map of every layer, the scores, and the inputs that were not 0."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike

from neurobot.qnet import kernels
from neurobot.qnet.column_kernels import plan_columns
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.conv import Conv
from neurobot.qnet.convolve import convolve, convolve_apart, is_apart, lay_out, make_window
from neurobot.qnet.layers import Add, Channels, Layer, MaxPool, SumPool
from neurobot.qnet.maps import Array as Array
from neurobot.qnet.maps import Map as Map
from neurobot.qnet.maps import Step as Step
from neurobot.qnet.maps import make_map as make_map
from neurobot.qnet.network import INPUT, Network, covers
from neurobot.qnet.scales import Affine, Requant, Scores


def plan_conv(conv: Conv, target: Map, source: Map, taps: Array, number: int) -> list[Step]:
    """Count what is not 0, surround the map with zeros, and sum."""
    return plan_sums(lay_out(conv), conv, target, source, taps, number)


def plan_sums(
    weights: Array, conv: Conv, target: Map, source: Map, taps: Array, number: int
) -> list[Step]:
    """Plan a convolution by weights that are laid out, and that may change from run to run."""
    (height, width, channels), (top, left) = source.shape, conv.padding
    axes = zip((height, width), conv.kernel, conv.stride, conv.padding, strict=True)
    by_row, by_column = (np.array(covers(*axis), np.int64) for axis in axes)
    meetings = np.repeat(np.outer(by_row, by_column), channels)
    steps: list[Step] = [(kernels.count_taps, (source.flat, meetings, taps, number))]
    if top or left:
        inner = source
        source = make_map((height + 2 * top, width + 2 * left, channels), target.memory.dtype)
        middle = source.rows[top : top + height, left * channels : (left + width) * channels]
        steps.append((kernels.embed, (inner.rows, middle)))
    window = make_window(conv, source.shape, target.shape)
    summed = convolve_apart if is_apart(conv) else convolve
    return [*steps, (summed, (source.memory, weights, target.memory, window))]


def plan_requant(layer: Requant, target: Map, source: Map) -> list[Step]:
    """Make codes of sums."""
    odd = (1 << layer.bits) - 1 if layer.odd else 0
    maps = source.places, layer.multiplier, layer.bias, target.places
    return [(kernels.requantize, (*maps, layer.shift, layer.low, layer.high, odd))]


def plan_scores(layer: Scores, target: Map, source: Map) -> list[Step]:
    """Make scores of sums."""
    return [(kernels.score, (source.flat, layer.multiplier, layer.bias, target.flat))]


def plan_affine(layer: Affine, target: Map, source: Map) -> list[Step]:
    """Scale sums in float32."""
    ends = np.float32(layer.low), np.float32(layer.high)
    return [(kernels.scale, (source.places, layer.scale, layer.bias, target.places, *ends))]


def plan_add(layer: Add, target: Map, one: Map, other: Map) -> list[Step]:
    """Add two maps."""
    return [(kernels.add, (one.flat, other.flat, target.flat))]


def plan_max_pool(layer: MaxPool, target: Map, source: Map) -> list[Step]:
    """Take window maxima."""
    windows = layer.size, layer.stride, layer.padding
    return [(kernels.pool_greatest, (source.shaped, target.shaped, *windows))]


def plan_sum_pool(layer: SumPool, target: Map, source: Map) -> list[Step]:
    """Sum the whole map."""
    return [(kernels.pool_sums, (source.places, target.flat))]


def plan_channels(layer: Channels, target: Map, *sources: Map) -> list[Step]:
    """Copy channels, from one input after the other."""
    steps: list[Step] = []
    before = 0
    for source in sources:
        count = source.shape[2]
        places = np.flatnonzero((layer.index >= before) & (layer.index < before + count))
        channels = layer.index[places].astype(np.int64) - before
        steps.append((kernels.take, (source.places, target.places, places, channels)))
        before += count
    return steps


Plans = Mapping[type[Layer], Callable[..., list[Step]]]
PLANS: Plans = {
    Conv: plan_conv,
    ColumnConv: plan_columns,
    Requant: plan_requant,
    Scores: plan_scores,
    Affine: plan_affine,
    Add: plan_add,
    MaxPool: plan_max_pool,
    SumPool: plan_sum_pool,
    Channels: plan_channels,
}


class Runner:
    """A network and the memory that one image needs; not to be shared among threads.

    plans: what to do otherwise than `PLANS` say, by kind of layer. maps: by layer and "input", the
    map of the last run, int32 or float32 (int64 for scores), which the next run overwrites.
    """

    def __init__(self, network: Network, plans: Plans | None = None) -> None:
        """Lay out weights and maps."""
        self.network = network
        kind, last = np.float32 if network.real else np.int32, network.layers[-1].name
        maps = {
            name: make_map(signal.shape, kind, signal) for name, signal in network.signals.items()
        }
        if not network.real:
            maps[last] = make_map(network.output.shape, np.int64)
        self.maps = {name: found.shaped for name, found in maps.items()}
        self._scores = maps[last].flat
        self._taps = np.zeros(len(network.convs), np.int64)
        self._steps: list[Step] = []
        planned = {**PLANS, **(plans or {})}
        for layer in network.layers:
            counted = (self._taps, network.convs.index(layer)) if isinstance(layer, Conv) else ()
            around = (maps[layer.name], *(maps[name] for name in layer.inputs))
            self._steps += planned[type(layer)](layer, *around, *counted)

    @property
    def taps(self) -> dict[str, int]:
        """By convolution: values other than 0 that met windows in the last run, once for each.

        A value counts once for all output channels of its group; zeros around the map never.
        """
        names = (conv.name for conv in self.network.convs)
        return dict(zip(names, self._taps.tolist(), strict=True))

    def __call__(self, image: ArrayLike) -> Array:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        pixels = np.asarray(image)
        check_pixels(self.network, pixels, self.network.input_shape)
        self.run(pixels)
        return self._scores.copy()

    def run(self, pixels: Array) -> None:
        """Fill all maps from an image that is known to be one."""
        self.maps[INPUT][...] = pixels
        for kernel, given in self._steps:
            kernel(*given)

    def run_all(self, images: Array) -> Array:
        """Return the scores (N, n) of images that are known to be such."""
        scores = np.zeros((len(images), len(self._scores)), self._scores.dtype)
        for row, image in zip(scores, images, strict=True):
            self.run(image)
            row[:] = self._scores
        return scores


def check_pixels(network: Network, pixels: Array, shape: tuple[int, ...]) -> None:
    """Refuse what is no image, or no images, of a network."""
    if pixels.shape != shape or pixels.dtype.kind not in "iu":
        raise ValueError(
            f"image: {pixels.dtype} of shape {pixels.shape} found; "
            f"allowed: integers of shape {shape}"
        )
    ends, kind = network.signals[INPUT], np.iinfo(pixels.dtype)
    if kind.min >= ends.lowest and kind.max <= ends.highest:
        return
    lowest, highest = int(pixels.min(initial=0)), int(pixels.max(initial=0))
    if lowest < ends.lowest or highest > ends.highest:
        raise ValueError(
            f"image: pixels of {lowest}..{highest} found; allowed: {ends.lowest}..{ends.highest}"
        )


def forward(network: Network, images: ArrayLike) -> Array:
    """Return the scores (N, n) of N images of integers (N, rows, columns, channels)."""
    pixels = np.asarray(images)
    check_pixels(network, pixels, (*pixels.shape[:1], *network.input_shape))
    return Runner(network).run_all(pixels)

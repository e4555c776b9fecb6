"""Random networks of integers in the compiler's form, in time, and frames for them."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurobot.qnet.checks import Pair
from neurobot.qnet.signals import Signal
from neurobot.tdnn import Clocking, Maxima, Net, Neurons, Stage, Tree, direct

Array = NDArray[Any]
FRAMES = 3


def least_clocking(net: Net) -> Clocking:
    """Return the shortest line and the fewest lines in which all maps find their clocks."""
    pitch, line, lines = (1, 1), net.input_shape[1], net.input_shape[0]
    for stage, made in zip(net.stages, net.signals[1:], strict=True):
        pitch = (pitch[0] * stage.stride[0], pitch[1] * stage.stride[1])
        lines = max(lines, (made.shape[0] - 1) * pitch[0] + 1)
        line = max(line, (made.shape[1] - 1) * pitch[1] + 1)
    return Clocking(line, lines)


class NetBuilder:
    """Draws stages one after the other."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
        self.bits = draw(st.sampled_from([1, 4, 8]))
        self.shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 9), st.integers(1, 3)))
        self.signal = Signal(self.shape, 0, (1 << self.bits) - 1, self.bits)
        self.stages: list[Stage] = []
        self.images = self.rng.integers(0, 1 << self.bits, (FRAMES, *self.shape))
        self.images[self.rng.random(self.images.shape) < draw(st.sampled_from([0.0, 0.5]))] = 0
        self.maps = self.images.astype(np.float64)

    def put(self, stage: Stage) -> None:
        self.signal = stage.signal(self.signal)
        self.maps = direct.step(stage, self.maps).astype(np.float64)
        self.stages.append(stage)

    def windows(self, most: int) -> tuple[Pair, Pair, Pair]:
        """Draw size, stride and padding of windows that fit the map."""
        axes = []
        for length in self.signal.shape[:2]:
            size = self.draw(st.integers(1, most))
            least = max(0, -(-(size - length) // 2))
            pad = self.draw(st.integers(min(least, size - 1), max(least, min(size - 1, 2))))
            axes.append((min(size, length + 2 * pad), self.draw(st.integers(1, 3)), pad))
        (a, b, c), (d, e, f) = axes
        return (a, d), (b, e), (min(c, a - 1), min(f, d - 1))

    def weights(self, out: int, size: Pair) -> tuple[Array, int]:
        """Draw codes, some of them 0, in some channels and neurons all."""
        bits = self.draw(st.sampled_from([1, 2, 4, 8]))
        shape = out, *size, self.signal.shape[2]
        codes = self.rng.integers(-(1 << bits) + 1, 1 << bits, shape)
        codes[self.rng.random(shape) < self.draw(st.sampled_from([0.0, 0.3, 0.8]))] = 0
        if self.draw(st.integers(0, 3)) == 0:
            codes[self.rng.integers(out) :][1:] = 0
            codes[..., self.rng.integers(shape[3]) :][..., 1:] = 0
        return codes, bits

    def tree(self, weights: Array) -> Tree:
        """Share connections out by chance, in leaves of different sizes."""
        fan_in, leaf = self.draw(st.integers(2, 4)), np.full(weights.shape, -1)
        for neuron, found in zip(weights, leaf, strict=True):
            places = self.rng.permutation(np.flatnonzero(neuron))
            number = int(self.rng.integers(2))  # a leaf without synapses now and then
            while len(places):
                count = int(self.rng.integers(1, fan_in + 1))
                found.flat[places[:count]], places = number, places[count:]
                number += 1
        leaves = max(int(leaf.max()) + 1 + int(self.rng.integers(2)), 1)
        return Tree(fan_in, leaf, self.rng.integers(0, 4, (len(weights), leaves)))

    def neurons(self) -> None:
        """Draw a layer within the chain."""
        size, stride, padding = self.windows(5)
        weights, weight_bits = self.weights(self.draw(st.integers(1, 3)), size)
        bits, odd = self.draw(st.integers(1, 8)), self.draw(st.booleans())
        signed = not odd and self.draw(st.booleans())
        least, most = (-(1 << (bits - 1)) if signed else 0), (1 << bits) - 1
        ends = self.draw(st.sampled_from([(0, most), (0, most), (most // 2, most)]))
        windows: Any = {"stride": stride, "padding": padding}
        layer = replace(self.finish(f"fire{len(self.stages)}", weights, weight_bits), **windows)
        # The sums that there are fill the codes that there are, and leave them now and then.
        sums = direct.add_up(layer, self.maps).astype(np.int64) * layer.scale
        lowest, highest = sums.min(axis=(0, 1, 2)), sums.max(axis=(0, 1, 2))
        wide = int((highest - lowest).max()).bit_length() - bits
        shift = max(wide - self.draw(st.integers(0, 1)), 0)
        bias = -lowest + ((least - self.draw(st.integers(0, 1))) << shift)
        low, high = least + ends[0], least + ends[1]
        codes: Any = {"low": low, "high": high, "bits": bits, "odd": odd, "shift": shift}
        self.put(replace(layer, bias=bias, **codes))

    def finish(self, name: str, weights: Array, weight_bits: int) -> Neurons:
        """Make a layer that keeps all bits."""
        out = len(weights)
        top = self.draw(st.sampled_from([1, 3, 1 << 12, (1 << 31) - 1]))
        scale = self.rng.integers(1, top + 1, out) * self.rng.choice([1, 1, -1], out)
        bias = self.rng.integers(-99, 99, out) * top
        tree = self.tree(weights) if self.draw(st.booleans()) else None
        return Neurons(name, weights, scale, bias, weight_bits=weight_bits, tree=tree)

    def maxima(self) -> None:
        """Draw window maxima; around values below 0 they have no padding."""
        size, stride, padding = self.windows(3)
        rows, columns = self.signal.shape[:2]
        if self.signal.lowest < 0:
            size, padding = (min(size[0], rows), min(size[1], columns)), (0, 0)
        self.put(Maxima(f"pool{len(self.stages)}", size, stride, padding))

    def dense(self) -> None:
        """Draw the last layer, upon the whole map."""
        size = self.signal.shape[0], self.signal.shape[1]
        self.put(self.finish("scores", *self.weights(self.draw(st.integers(1, 4)), size)))


@st.composite
def nets(draw: st.DrawFn) -> tuple[Net, Array]:
    """A network of 1..5 stages that runs in time, and frames (FRAMES, rows, columns, channels)."""
    builder = NetBuilder(draw)
    kinds = [builder.neurons, builder.neurons, builder.maxima]
    for kind in draw(
        st.lists(st.sampled_from(kinds), min_size=draw(st.integers(0, 3)), max_size=4)
    ):
        kind()
    builder.dense()
    net = Net(input_shape=builder.shape, stages=tuple(builder.stages), input_bits=builder.bits)
    least = least_clocking(net)
    more = draw(st.tuples(st.integers(0, 3), st.integers(0, 2)))
    clocking = Clocking(least.line + more[0], least.lines + more[1])
    return replace(net, clocking=clocking), builder.images

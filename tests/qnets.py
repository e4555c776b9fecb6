"""Random networks of integers and of float32, and what it means that two are the same."""

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from neurobot.qnet import (
    Add,
    Affine,
    Channels,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Scores,
    Signal,
    SumPool,
)
from neurobot.qnet.checks import Pair

Array = NDArray[Any]


def codes(rng: np.random.Generator, bits: int, odd: bool, shape: tuple[int, ...]) -> Array:
    low = 0 if odd else -(1 << (bits - 1))
    return rng.integers(low, low + (1 << bits), shape)


def largest(signal: Signal) -> int:
    return max(abs(signal.lowest), abs(signal.highest))


class Builder:
    """Draws layers one after the other, each upon any map that is there."""

    def __init__(self, draw: st.DrawFn, real: bool) -> None:
        self.draw, self.real = draw, real
        self.rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
        self.shape = draw(st.tuples(st.integers(1, 8), st.integers(1, 10), st.integers(1, 6)))
        self.bits, self.signed = draw(st.integers(1, 8)), draw(st.booleans())
        low = -(1 << (self.bits - 1)) if self.signed else 0
        top = low + (1 << self.bits) - 1
        self.signals = {"input": Signal(self.shape, low, top, self.bits)}
        self.layers: list[Layer] = []

    def put(self, layer: Layer) -> str:
        given = [self.signals[name] for name in layer.inputs]
        self.signals[layer.name] = layer.signal(*given)
        self.layers.append(layer)
        return layer.name

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.layers)}"

    def any_map(self) -> str:
        """Name a map, of small numbers."""
        name = self.draw(st.sampled_from(sorted(self.signals)))
        if largest(self.signals[name]) >= 1 << 9 or (self.real and self.draw(st.booleans())):
            return self.scale(name)
        return name

    def margins(self, name: str, most: Pair) -> tuple[Pair, Pair, Pair]:
        """Draw size, stride and padding of windows that fit a map."""
        axes = []
        for length, longest in zip(self.signals[name].shape, most, strict=False):
            pad = self.draw(st.integers(0, min(2, longest - 1)))
            size = self.draw(st.integers(pad + 1, max(pad + 1, min(longest, length + 2 * pad))))
            axes.append((size, self.draw(st.integers(1, 3)), pad))
        (a, b, c), (d, e, f) = axes
        return (a, d), (b, e), (c, f)

    def conv(self, source: str) -> str:
        channels = self.signals[source].shape[2]
        size, stride, padding = self.margins(source, (5, 5))
        groups = self.draw(
            st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0])
        )
        out = groups * self.draw(st.sampled_from([1, 1, 2, 3, 19 if groups == 1 else 1]))
        return self.weigh(source, (out, *size, channels // groups), stride, padding, groups)

    def weigh(self, source: str, shape: Any, stride: Pair, padding: Pair, groups: int) -> str:
        windows: Any = {"stride": stride, "padding": padding, "groups": groups}
        if self.real:
            weights = self.rng.uniform(-1, 1, shape).astype(np.float32)
            weights[self.rng.random(shape) < 0.2] = self.rng.choice([0.0, -0.0])
            return self.put(Conv(self.name("conv"), (source,), weights, **windows))
        bits, odd = self.draw(st.integers(1, 8)), self.draw(st.booleans())
        weights = codes(self.rng, bits, odd, shape)
        return self.put(Conv(self.name("conv"), (source,), weights, bits, odd, **windows))

    def dense(self, source: str) -> str:
        *size, channels = self.signals[source].shape
        out = self.draw(st.sampled_from([1, 3, 16, 18]))
        return self.weigh(source, (out, *size, channels), (1, 1), (0, 0), 1)

    def scale(self, source: str) -> str:
        count = self.signals[source].shape[2]
        if self.real:
            low, high = self.draw(st.sampled_from([(0.0, 6.0), (0.0, np.inf), (-np.inf, 1.5)]))
            factor, bias = self.rng.normal(0, 0.1, (2, count)).astype(np.float32)
            return self.put(Affine(self.name("affine"), (source,), factor, bias, low, high))
        factors, biases, shift = self.factors(source)
        bits, odd = self.draw(st.integers(1, 8)), self.draw(st.booleans())
        signed = not odd and self.draw(st.booleans())
        least = -(1 << (bits - 1)) if signed else 0
        codes = st.integers(least, least + (1 << bits) - 1)
        low, high = sorted((self.draw(codes), self.draw(codes)))
        name = self.name("requant")
        return self.put(Requant(name, (source,), factors, biases, shift, low, high, bits, odd))

    def factors(self, source: str) -> tuple[Array, Array, int]:
        """Draw a shift, and factors and biases that bring sums near 8 bits, or extreme ones."""
        signal = self.signals[source]
        count, most_given = signal.shape[2], max(largest(signal), 1)
        if self.draw(st.sampled_from([False, False, False, True])):
            factors = self.rng.choice([-(1 << 31), (1 << 31) - 1, 0, 1, -1], count)
            biases = self.rng.choice([-(1 << 62), (1 << 62) - 1, 0, -1], count)
            return factors, biases, self.draw(st.sampled_from([0, 31, 54, 62]))
        if self.draw(st.sampled_from([False, False, True])):
            # Remainders matter most where few bits are shifted out.
            shift = self.draw(st.integers(0, 3))
            return self.rng.integers(-3, 4, count), self.rng.integers(-9, 10, count), shift
        shift = self.draw(st.integers(10, 38))
        most = max(2, min((1 << (shift + 7)) // most_given, (1 << 31) - 1))
        factors = self.rng.integers(-most, most, count)
        return factors, self.rng.integers(-(1 << (shift + 5)), 1 << (shift + 5), count), shift

    def add(self, source: str) -> str:
        shape = self.signals[source].shape
        equals = [name for name, other in self.signals.items() if other.shape == shape]
        other = self.draw(st.sampled_from(sorted(equals)))
        if largest(self.signals[other]) >= 1 << 30:
            other = source
        return self.put(Add(self.name("add"), (source, other)))

    def pool(self, source: str) -> str:
        size, stride, padding = self.margins(source, (3, 4))
        return self.put(MaxPool(self.name("pool"), (source,), size, stride, padding))

    def channels(self, source: str) -> str:
        shape = self.signals[source].shape
        names = sorted(name for name, other in self.signals.items() if other.shape[:2] == shape[:2])
        sources = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        total = sum(self.signals[name].shape[2] for name in sources)
        index = self.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=5))
        return self.put(Channels(self.name("channels"), tuple(sources), index))

    def sums(self, source: str) -> str:
        return self.put(SumPool(self.name("sums"), (source,)))

    def finish(self) -> Network:
        """Bring any map to scores."""
        source = self.any_map()
        source = self.dense(source) if self.draw(st.booleans()) else self.sums(source)
        if self.real:
            count = self.signals[source].shape[2]
            constants = self.rng.normal(0, 1, (2, count)).astype(np.float32)
            self.put(Affine("scores", (source,), *constants))
        else:
            self.put(Scores("scores", (source,), *self.factors(source)[:2]))
        return Network(
            input_shape=self.shape,
            input_bits=self.bits,
            input_signed=self.signed,
            layers=tuple(self.layers),
            output_scale=self.draw(st.floats(1e-9, 1e9)),
            notes={"made by": "chance", "seed": 1, "loss": 0.5},
        )

    def image(self) -> Array:
        """Draw an image with many zeros."""
        signal = self.signals["input"]
        image = self.rng.integers(signal.lowest, signal.highest + 1, self.shape)
        image[self.rng.random(self.shape) < 0.3] = 0
        return image


@st.composite
def networks(draw: st.DrawFn, real: bool = False) -> tuple[Network, Array]:
    """Any network of up to six layers besides those that scale and score, and an image."""
    builder = Builder(draw, real)
    kinds = [builder.conv, builder.conv, builder.add, builder.pool, builder.channels, builder.sums]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=6)):
        kind(builder.any_map())
    return builder.finish(), builder.image()


def assert_same(found: Network, wanted: Network) -> None:
    for field in fields(Network):
        if field.name != "layers":
            assert getattr(found, field.name) == getattr(wanted, field.name), field.name
    for one, other in zip(found.layers, wanted.layers, strict=True):
        assert type(one) is type(other)
        for field in fields(one):
            a, b = getattr(one, field.name), getattr(other, field.name)
            assert type(a) is type(b), (one.name, field.name)
            if isinstance(a, np.ndarray):
                assert a.dtype == b.dtype, (one.name, field.name)
                assert a.shape == b.shape, (one.name, field.name)
                assert a.tobytes() == b.tobytes(), (one.name, field.name)
            else:
                assert a == b, (one.name, field.name)

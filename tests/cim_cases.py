"""Random layers on arrays, and a network around each; a small network with layers of every kind."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.column_cim import Silicon
from neurobot.qnet import (
    ENCODINGS,
    Add,
    ColumnConv,
    Conv,
    Layer,
    MaxPool,
    Network,
    Requant,
    Scores,
    SumPool,
)

Array = NDArray[Any]


def draw_conv(rng: np.random.Generator) -> tuple[ColumnConv, tuple[int, int, int], int]:
    """Return a layer of any form, the shape of the map that it reads, and the bits of its codes."""
    flat = bool(rng.random() < 0.3)
    kernel, channels = rng.integers(1, 4, 2), int(rng.integers(1, 8))
    padding = np.zeros(2, int) if flat else rng.integers(0, kernel)
    size = kernel if flat else np.maximum(kernel - 2 * padding, 1) + rng.integers(0, 5, 2)
    out, (bits, input_bits) = int(rng.choice([1, 3, 9])), rng.integers(1, 9, 2).tolist()
    area = 1 if flat else int(np.prod(kernel))
    rows = area * int(rng.integers(1, channels + 2)) + int(rng.integers(0, area))
    conv = ColumnConv(
        "conv",
        ("input",),
        rng.integers(-(1 << bits - 1), 1 << bits - 1, (out, *kernel, channels)),
        bits,
        stride=(1, 1) if flat else tuple(rng.integers(1, 4, 2).tolist()),
        padding=tuple(padding.tolist()),
        rows=rows,
        cell_bits=int(rng.integers(1, bits + 1)),
        encoding=ENCODINGS[rng.integers(0, len(ENCODINGS))],
        dac_bits=int(rng.integers(1, 9)),
        flat=flat,
    )
    return conv, (*size.tolist(), channels), input_bits


def with_converters(conv: ColumnConv, rng: np.random.Generator) -> ColumnConv:
    """Return a layer whose converters have some bits, and steps that each column has of its own."""
    shape = conv.column_shape
    return replace(
        conv,
        adc_bits=int(rng.integers(1, 9)),
        steps=rng.uniform(0.1, 1, (shape[0], shape[2])),
        adc_step=rng.uniform(1, 9, shape),
        adc_offset=rng.uniform(-9, 9, shape),
    )


def drawn(seed: int) -> tuple[Network, Array]:
    """Return a network around a random layer on arrays, ideal in one of four, and an image."""
    rng = np.random.default_rng(seed)
    conv, shape, bits = draw_conv(rng)
    if seed % 4:
        conv = with_converters(conv, rng)
    ones, zeros = [1] * len(conv.weights), [0] * len(conv.weights)
    ends = SumPool("sums", ("conv",)), Scores("scores", ("sums",), ones, zeros)
    image = rng.integers(0, 1 << bits, shape)
    image[rng.random(shape) < 0.2] = 0
    return Network(input_shape=shape, layers=(conv, *ends), input_bits=bits), image


def silicon_of(seed: int) -> Silicon:
    """Return a machine of any sizes whose digital units never wait."""
    rng = np.random.default_rng(seed)
    return Silicon(
        columns=int(rng.choice([3, 8, 128])),
        columns_per_adc=int(rng.choice([1, 3, 8])),
        dequantizers=1 << 16,
        post_lanes=1 << 16,
        clock_hz=float(rng.choice([1e6, 1e8, 1e9])),
    )


def codes(name: str, source: str, count: int, shift: int = 6) -> Requant:
    """Return codes of 4 bits."""
    ones, zeros = np.ones(count, int), np.zeros(count, int)
    return Requant(name, (source,), ones, zeros, shift, 0, 15, 4)


def residual(adc_bits: int | None = 4, **columns: Any) -> Network:
    """A digital layer, two on arrays with a shortcut, pooling, one that is flat, a digital one."""
    rng = np.random.default_rng(1)

    def weights(*shape: int) -> Array:
        return rng.integers(-8, 8, shape)

    def converters(step: float, middle: float, *shape: int) -> dict[str, Any]:
        made = {"adc_step": np.full(shape, step), "adc_offset": np.full(shape, middle)}
        return {} if adc_bits is None else made

    given: dict[str, Any] = {"rows": 40, "cell_bits": 2, "adc_bits": adc_bits, **columns}
    second = {**given, **converters(25.0, 175.0, 3, 2, 10)}
    flat = {**given, **converters(60.0, 480.0, 5, 2, 7)}
    layers: tuple[Layer, ...] = (
        Conv("first", ("input",), weights(10, 3, 3, 3), 4, padding=(1, 1)),
        codes("a", "first", 10),
        ColumnConv("second", ("a",), weights(10, 3, 3, 10), 4, padding=(1, 1), **second),
        codes("b", "second", 10),
        Add("sum", ("a", "b")),
        MaxPool("pool", ("sum",)),
        codes("c", "pool", 10, shift=0),
        ColumnConv("flat", ("c",), weights(7, 4, 5, 10), 4, flat=True, **flat),
        Requant("d", ("flat",), [1] * 7, [0] * 7, 4, -128, 127, 8),
        Conv("classes", ("d",), weights(5, 1, 1, 7), 4),
        Scores("scores", ("classes",), [3] * 5, [-1] * 5),
    )
    return Network(input_shape=(8, 10, 3), layers=layers)


def images(count: int, seed: int = 2) -> Array:
    """Return images for it."""
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 10, 3)).astype(np.uint8)

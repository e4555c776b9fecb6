"""Random layers on arrays of memory cells, the map that each reads, and a network around one."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet import ENCODINGS, ColumnConv, Conv, Network, Scores, Signal, SumPool
from neurobot.qnet.columns import code_range

Array = NDArray[Any]


class Case(NamedTuple):
    conv: ColumnConv
    source: Signal
    image: Array


def draw_windows(rng: np.random.Generator, flat: bool) -> tuple[Any, Any]:
    """Draw the rows and columns of a map, and how windows move over it."""
    kernel = rng.integers(1, 6, 2)
    if flat:
        return kernel.tolist(), {"kernel": kernel.tolist()}
    padding, stride = rng.integers(0, kernel), rng.integers(1, 4, 2)
    least = np.maximum(kernel - 2 * padding, 1)
    moved = {"kernel": kernel, "padding": padding, "stride": stride}
    return (least + rng.integers(0, 6, 2)).tolist(), {k: v.tolist() for k, v in moved.items()}


def draw_case(rng: np.random.Generator, **settings: Any) -> Case:
    """Draw a layer with ideal converters: kernels of 1..5, all widths, encodings and cycles."""
    flat = bool(rng.random() < 0.3)
    size, moved = draw_windows(rng, flat)
    kernel = moved.pop("kernel")
    channels, outputs = int(rng.integers(1, 10)), int(rng.choice([1, 3, 16, 17, 35]))
    bits, input_bits = (int(n) for n in rng.integers(1, 9, 2))
    area = 1 if flat else int(np.prod(kernel))
    runs = channels * int(np.prod(kernel)) if flat else channels
    given: dict[str, Any] = {
        "weights": rng.integers(-(1 << bits - 1), 1 << bits - 1, (outputs, *kernel, channels)),
        "weight_bits": bits,
        "rows": int(area * rng.integers(1, runs + 2) + rng.integers(0, area)),
        "cell_bits": int(rng.integers(1, bits + 1)),
        "encoding": ENCODINGS[rng.integers(0, len(ENCODINGS))],
        "dac_bits": int(rng.integers(1, 9)),
        "flat": flat,
    }
    image = rng.integers(0, 1 << input_bits, (*size, channels))
    image[rng.random(image.shape) < 0.2] = 0
    source = Signal((*size, channels), 0, (1 << input_bits) - 1, input_bits)
    return Case(ColumnConv("conv", ("input",), **(given | moved | settings)), source, image)


def lossless(case: Case, spare: int = 0) -> ColumnConv | None:
    """Return the layer with converters of just enough bits, or None where 16 do not suffice."""
    least, most = (ends for ends in case.conv.sums_reached(case.source))
    low, high = least.min(axis=0), most.max(axis=0)
    bits = max(1, int((high - low).max()).bit_length()) - spare
    if bits > 16:
        return None
    offsets = low - code_range(bits)[0]
    return replace(case.conv, adc_bits=bits, adc_offset=offsets)


def coarse(case: Case, rng: np.random.Generator, **settings: Any) -> ColumnConv:
    """Return the layer with converters of 1..8 bits, random steps, and sums on ties of them."""
    shape = case.conv.column_shape
    steps, offsets = rng.uniform(0.3, 20, shape), rng.uniform(-10, 40, shape)
    ties = rng.random(shape) < 0.4
    return replace(
        case.conv,
        adc_bits=int(rng.integers(1, 9)),
        adc_step=np.where(ties, 2, steps),
        adc_offset=np.where(ties, 1, offsets),
        steps=rng.uniform(0.01, 2, (shape[0], shape[2])),
        **settings,
    )


def real_cells(conv: ColumnConv, rng: np.random.Generator) -> tuple[Array, Array]:
    """Draw cells around the digits, those of channels that are not there included; and others."""
    cells = (conv.digits + 0.3) * np.exp(0.3 * rng.standard_normal(conv.digits.shape))
    shape = (conv.tiles, *conv.digits.shape[3:])
    return cells.astype(np.float32), rng.uniform(0, 1, shape).astype(np.float32)


def around(conv: Conv, source: Signal) -> Network:
    """Return a network of a layer, whose output map is summed and scored."""
    outputs = len(conv.weights)
    ends = SumPool("sums", (conv.name,)), Scores("scores", ("sums",), [1] * outputs, [0] * outputs)
    return Network(input_shape=source.shape, layers=(conv, *ends), input_bits=source.bits)


def plain(conv: ColumnConv) -> Conv:
    """Return the convolution of the same weights, exactly."""
    return Conv(
        conv.name,
        conv.inputs,
        conv.weights,
        conv.weight_bits,
        stride=conv.stride,
        padding=conv.padding,
    )

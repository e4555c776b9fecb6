"""Time layers on arrays of memory cells beside PyTorch's plain ones, in one process, in turns.

python scripts/bench_columns.py [--repeats N] [--batch N] [--section NAME]

CPU time of one thread, medians over rounds in which every side takes its turn. Beside our layers
stands what a plain layer of float32 takes, which models no array, and `clean`: columns as one
grouped convolution in PyTorch, with digits and constants prepared once. Before a row is timed, our
outputs must be the reference's. In training, `quantized` is our layer without arrays. `peer`
is what the public code of ColumnQuant took in training mode, its only one, over a plain layer of
the same shape, on another machine; it is not run here.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional

from neurobot.cli.terminal import make_table
from neurobot.qnet import ColumnConv, Network, Runner, Scores, SumPool
from neurobot.qnet import column_reference as plainly
from neurobot.quantities import prefixed
from neurobot.quantize import Columns, convert, make_method

Array = NDArray[Any]
Side = Callable[[], object]
PLAIN, BITS, LEAST_S = "plain", 4, 0.01  # of inputs; a turn of a side takes at least so long


class Shape(NamedTuple):
    """A layer: channels and side of its map (0: a linear layer), and how it lies on arrays."""

    channels: int
    outputs: int
    side: int
    weight_bits: int
    cell_bits: int
    rows: int
    dac_bits: int = 8
    peer: float | None = None

    def __str__(self) -> str:
        kind = f", 3 x 3, {self.side} x {self.side}" if self.side else ", linear"
        cycles = f", {BITS // self.dac_bits} cycles" if self.dac_bits < BITS else ""
        arrays = f"W{self.weight_bits} in {self.cell_bits} bit cells, {self.rows} rows"
        return f"{self.channels} -> {self.outputs}{kind}; {arrays}{cycles}"


MAPS = (
    Shape(16, 16, 32, 4, 2, 128, peer=14.3),
    Shape(16, 16, 32, 3, 1, 128, peer=21.5),
    Shape(32, 32, 16, 4, 2, 128, peer=16.0),
    Shape(32, 32, 16, 3, 1, 128, peer=24.0),
    Shape(64, 64, 8, 4, 2, 128, peer=23.5),
    Shape(64, 64, 8, 3, 1, 128, peer=36.7),
    Shape(64, 64, 8, 4, 2, 256, peer=14.2),
    Shape(64, 64, 8, 4, 2, 128, dac_bits=1),
)
LINEAR = (
    Shape(16, 16, 0, 4, 2, 128),
    Shape(64, 64, 0, 4, 2, 128),
    Shape(256, 64, 0, 4, 2, 128),
    Shape(256, 256, 0, 4, 2, 128),
    Shape(256, 256, 0, 4, 2, 128, dac_bits=1),
)


class Row(NamedTuple):
    """What is timed: a name, the sides by name, and what the peer took."""

    name: str
    sides: dict[str, Side]
    peer: float | None = None


def draw_conv(shape: Shape, rng: np.random.Generator) -> ColumnConv:
    """Draw weights, and converters of 4 bits, of whose codes most are used."""
    kernel = (3, 3) if shape.side else (1, 1)
    top = 1 << shape.weight_bits - 1
    weights = rng.integers(-top, top, (shape.outputs, *kernel, shape.channels))
    settings: dict[str, Any] = {
        "weight_bits": shape.weight_bits,
        "padding": (kernel[0] // 2, kernel[1] // 2),
        "rows": shape.rows,
        "cell_bits": shape.cell_bits,
        "dac_bits": shape.dac_bits,
        "flat": not shape.side,
    }
    ideal = ColumnConv("conv", ("input",), weights, **settings)
    steps = rng.uniform(10, 20, ideal.column_shape)
    return ColumnConv(
        "conv",
        ("input",),
        weights,
        **settings,
        adc_bits=4,
        adc_step=steps,
        adc_offset=rng.uniform(100, 300, ideal.column_shape) / ideal.cycles(BITS),
        steps=rng.uniform(0.5, 2, ideal.steps.shape),
    )


def network_of(conv: ColumnConv, side: int) -> Network:
    """Return a network of a layer; what follows it takes next to nothing."""
    ones = np.ones(len(conv.weights), np.int64)
    return Network(
        input_shape=(max(side, 1), max(side, 1), conv.weights.shape[3]),
        input_bits=BITS,
        layers=(conv, SumPool("sums", ("conv",)), Scores("scores", ("sums",), ones, 0 * ones)),
    )


def ours(network: Network, images: Array) -> Side:
    """Return all images through our layer, one after the other, once checked on the first."""
    runner, source = Runner(network), network.signals["input"]
    conv = network.convs[0]
    assert isinstance(conv, ColumnConv)
    runner(images[0])
    wanted = plainly.integers(conv, images[0], source)
    np.testing.assert_array_equal(runner.maps["conv"], wanted)
    return lambda: runner.run_all(images)


class Clean(nn.Module):
    """The same arithmetic in PyTorch, of real numbers: tiles as groups of one convolution."""

    def __init__(self, conv: ColumnConv) -> None:
        super().__init__()
        self.conv, self.missing = conv, conv.tiles * conv.tiling.most - conv.channels
        digits = np.ascontiguousarray(conv.digits.reshape(-1, *conv.digits.shape[3:]), np.float32)
        self.digits = torch.from_numpy(digits)
        self.step, self.offset = (self.constants(c) for c in (conv.adc_step, conv.adc_offset))
        scaled = conv.steps[:, None] * conv.places[:, None].astype(np.float32)
        self.factors = self.constants(scaled * conv.adc_step)
        self.added = self.constants((scaled * conv.adc_offset).sum((0, 1)))
        self.less = torch.from_numpy(conv.steps * np.float32(conv.correction))
        self.box = torch.ones(conv.tiles, conv.tiling.most, *conv.tile_kernel)

    def constants(self, values: Array) -> Tensor:
        """Return constants of columns, or of outputs, for maps of them."""
        return torch.tensor(values)[..., None, None]

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's outputs, not rounded; x: codes (N, channels, rows, columns)."""
        conv, (low, high) = self.conv, self.conv.codes_range or (0, 0)
        padded = functional.pad(x, (0, 0, 0, 0, 0, self.missing))
        total = self.added.clone()
        for cycle in range(conv.cycles(BITS)):
            weight = 2 ** (cycle * conv.dac_bits)
            driven = padded.div(weight, rounding_mode="floor").remainder(1 << conv.dac_bits)
            sums = functional.conv2d(driven, self.digits, None, 1, conv.padding, 1, conv.tiles)
            sums = sums.view(-1, *conv.column_shape, *sums.shape[2:])
            codes = sums.sub_(self.offset).div_(self.step).round_().clamp_(low, high)
            total = total + weight * codes.mul_(self.factors).sum((1, 2))
        inputs = functional.conv2d(padded, self.box, None, 1, conv.padding, 1, conv.tiles)
        return total - torch.einsum("nthw,to->nohw", inputs, self.less)


def torch_side(module: nn.Module, images: Array) -> Side:
    """Return all images through a module at once."""
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32))

    def run() -> object:
        with torch.inference_mode():
            return module(pixels)

    return run


def inference(shape: Shape, batch: int) -> Row:
    """Return a layer that is run on images: plain, clean and ours."""
    rng = np.random.default_rng(0)
    conv = draw_conv(shape, rng)
    network = network_of(conv, shape.side)
    count = batch if shape.side else 1
    images = rng.integers(0, 1 << BITS, (count, *network.input_shape)).astype(np.int32)
    ends = shape.channels, shape.outputs
    plain: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(*ends))
    if shape.side:
        plain = nn.Conv2d(*ends, conv.kernel, padding=conv.padding)
    sides = {
        PLAIN: torch_side(plain, images),
        "clean": torch_side(Clean(conv), images),
        "ours": ours(network, images),
    }
    return Row(str(shape), sides, shape.peer)


def inference_rows(batch: int) -> Iterator[Row]:
    """Yield layers of maps, then linear ones of a single image."""
    for shape in (*MAPS, *LINEAR):
        yield inference(shape, batch)


# What the peer took in training: over a plain layer, forward alone, and with backward.
TRAINED = (
    (Shape(16, 16, 32, 4, 2, 128), 14.3, 13.4),
    (Shape(16, 16, 32, 3, 1, 128), 21.5, 19.5),
    (Shape(32, 32, 16, 4, 2, 128), 16.0, 17.8),
    (Shape(32, 32, 16, 3, 1, 128), 24.0, 27.1),
    (Shape(64, 64, 8, 4, 2, 128), 23.5, 22.4),
    (Shape(64, 64, 8, 3, 1, 128), 36.7, 35.0),
    (Shape(64, 64, 8, 4, 2, 256), 14.2, 13.1),
)


def trained(shape: Shape, images: Tensor, *, on_arrays: bool) -> nn.Module:
    """Return a quantized layer as it is trained, on arrays or not."""
    conv = nn.Conv2d(shape.channels, shape.outputs, 3, padding=1, bias=False)
    edges = (nn.Conv2d(count, count, 1) for count in (shape.channels, shape.outputs))
    network = nn.Sequential(next(edges), nn.ReLU(), conv, nn.ReLU(), next(edges))
    columns = Columns(rows=shape.rows, cell_bits=shape.cell_bits, encoding="offset", adc_bits=3)
    made = convert(
        network,
        make_method("lsq"),
        shape.weight_bits,
        images,
        activation_bits=BITS,
        columns=columns if on_arrays else None,
    )
    return made.get_submodule("2").train()


def forward(module: nn.Module, images: Tensor) -> Side:
    """Return a pass forward, of which gradients could be asked."""
    return lambda: module(images)


def backward(module: nn.Module, images: Tensor) -> Side:
    """Return a pass forward and back."""
    upstream = torch.randn_like(module(images))

    def run() -> object:
        for tensor in (images, *module.parameters()):
            tensor.grad = None
        return module(images).backward(upstream)

    return run


def training_rows(batch: int, direction: Callable[[nn.Module, Tensor], Side]) -> Iterator[Row]:
    """Yield layers that are trained: plain, quantized, and on arrays."""
    for shape, ahead, both in TRAINED:
        torch.manual_seed(0)
        images = torch.rand(batch, shape.channels, shape.side, shape.side)
        images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
        modules = {
            PLAIN: nn.Conv2d(shape.channels, shape.outputs, 3, padding=1, bias=False),
            "quantized": trained(shape, images.detach(), on_arrays=False),
            "ours": trained(shape, images.detach(), on_arrays=True),
        }
        for module in modules.values():
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        sides = {name: direction(module, images) for name, module in modules.items()}
        yield Row(str(shape), sides, ahead if direction is forward else both)


# By section: its rows, for a size of a batch.
SECTIONS: dict[str, Callable[[int], Iterator[Row]]] = {
    "inference": inference_rows,
    "training, forward": partial(training_rows, direction=forward),
    "training, forward and backward": partial(training_rows, direction=backward),
}


def timed(side: Side, calls: int) -> float:
    """Return the CPU seconds of a call."""
    start = time.process_time()
    for _ in range(calls):
        side()
    return (time.process_time() - start) / calls


def race(sides: dict[str, Side], repeats: int) -> dict[str, list[float]]:
    """Return the CPU seconds of a call of each side, by round; the sides take turns."""
    for side in sides.values():
        side()  # compiles
    calls = {name: 1 + int(LEAST_S / max(timed(side, 3), 1e-7)) for name, side in sides.items()}
    rounds = [
        {name: timed(side, calls[name]) for name, side in sides.items()} for _ in range(repeats)
    ]
    return {name: [each[name] for each in rounds] for name in sides}


def cells(row: Row, times: dict[str, list[float]]) -> Iterator[str]:
    """Write medians, and how many times those of the plain layer they are."""
    for seconds in times.values():
        median = prefixed(statistics.median(seconds), "s", 3)
        ratio = statistics.median(map(float.__truediv__, seconds, times[PLAIN]))
        yield median if seconds is times[PLAIN] else f"{median} ({ratio:.2f} x)"
    yield f"{row.peer:.1f} x" if row.peer else ""


def main() -> None:
    """Time all rows of all sections, or of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="rounds; medians are printed")
    parser.add_argument("--batch", type=int, default=32, help="images at a time")
    parser.add_argument("--section", choices=SECTIONS, help="one section only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for section in [args.section] if args.section else SECTIONS:
        rows = list(SECTIONS[section](args.batch))
        table = make_table(section, *rows[0].sides, "peer")
        for row in rows:
            table.add_row(row.name, *cells(row, race(row.sides, args.repeats)))
        Console().print(table)


if __name__ == "__main__":
    main()

"""Compare a network of integers with the model that it was exported from, code by code.

A model rounds half to even what floats made of a sum, a network rounds half up what a fixed-point
product made of it; so codes may differ where the sum is a tie, or as near to one as the product
is inexact and, where a layer lies on arrays, its merged constants are. Downstream of such a code
everything may differ. To judge each difference by itself, the model runs in float64 and goes on,
after each quantizer, with the network's codes.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from neurobot.qnet import ColumnConv, Network, Requant, Runner
from neurobot.quantize.base import Rounding
from neurobot.quantize.emit import Site
from neurobot.quantize.emit_columns import inexactness
from neurobot.quantize.emit_integers import Integers
from neurobot.quantize.fusing import deploy
from neurobot.quantize.layers import QuantConv2d, QuantLinear
from neurobot.quantize.tracing import walk

Maps = dict[str, NDArray[np.int32]]

CHUNK_VALUES = 1 << 22  # of integers that are kept at a time
FLOAT64_STEPS = 1e-9  # more than float64 sums are off, in steps


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of all images found.

    codes: compared; apart: that differ from those of the model as it is, in float32, where one
    difference brings others; ties: that differ by themselves, in float64; farthest: of those, the
    largest distance from a tie, in steps, and allowed: how inexact that code's product may be;
    unexplained: ties farther off than that. argmax_apart: images of which the highest score
    differs from the model's as it is; argmax_unexplained: from the float64 model's, with the same
    codes before.
    """

    images: int = 0
    codes: int = 0
    apart: int = 0
    ties: int = 0
    farthest: float = 0.0
    allowed: float = 0.0
    unexplained: int = 0
    argmax_apart: int = 0
    argmax_unexplained: int = 0

    def __add__(self, other: "Comparison") -> "Comparison":
        further = max(self, other, key=lambda one: one.farthest)
        return Comparison(
            self.images + other.images,
            self.codes + other.codes,
            self.apart + other.apart,
            self.ties + other.ties,
            further.farthest,
            further.allowed,
            self.unexplained + other.unexplained,
            self.argmax_apart + other.argmax_apart,
            self.argmax_unexplained + other.argmax_unexplained,
        )

    def __str__(self) -> str:
        return (
            f"{self.images} images: highest score differs on {self.argmax_apart} "
            f"({self.argmax_unexplained} in float64); {self.codes} codes: {self.apart} differ "
            f"({self.ties} in float64, at most {self.farthest:.1e} steps from a tie, "
            f"{self.allowed:.1e} allowed, {self.unexplained} unexplained)"
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A model, its copy in float64, and the network that was made of it."""

    model: nn.Module
    exact: nn.Module
    runner: Runner
    sites: list[Site]


def compare(model: nn.Module, network: Network, images: NDArray[np.uint8]) -> Comparison:
    """Run both on images (N, rows, columns, channels) and compare all codes and the scores.

    The model is in evaluation mode, the network what `export` made of it.
    """
    if images.dtype != np.uint8 or images.shape[1:] != network.input_shape:
        raise ValueError(
            f"images: {images.dtype} of shape {images.shape} found; "
            f"allowed: uint8 (N, {', '.join(map(str, network.input_shape))})"
        )
    model = deploy(model)
    emitter = Integers(network.input_shape)
    walk(model, emitter)
    if missing := [site.map for site in emitter.sites if site.map not in network.signals]:
        raise ValueError(f"network: no map {missing[0]!r} found; allowed: one of this very model")
    pair = Pair(model, in_float64(model), Runner(network), emitter.sites)
    values = sum(network.signals[site.map].values for site in emitter.sites)
    size = max(1, CHUNK_VALUES // values)
    parts = (images[start : start + size] for start in range(0, len(images), size))
    return sum((compare_chunk(pair, part) for part in parts), Comparison())


def in_float64(model: nn.Module) -> nn.Module:
    """Copy a model to float64 with the very codes of its weights."""
    exact = copy.deepcopy(model).double()
    for name, module in model.named_modules():
        if isinstance(module, QuantConv2d | QuantLinear) and module.weight_quantizer is not None:
            other: Any = exact.get_submodule(name)
            codes = module.weight_quantizer.integers(module.weight)
            other.weight.data = other.weight_quantizer.meant(codes)
    return exact


def compare_chunk(pair: Pair, images: NDArray[np.uint8]) -> Comparison:
    """Run both on some images."""
    maps, sums, scores = run(pair.runner, pair.sites, images)
    apart, ties = (Judge(maps, sums, pair.runner.network) for _ in range(2))
    with judged(pair.model, pair.sites, apart.count):
        best = best_of(pair.model, images)
    with judged(pair.exact, pair.sites, ties.force):
        best_forced = best_of(pair.exact, images)
    return Comparison(
        len(images),
        apart.codes,
        apart.different,
        ties.different,
        ties.farthest,
        ties.allowed,
        ties.unexplained,
        int((best != scores.argmax(1)).sum()),
        int((best_forced != scores.argmax(1)).sum()),
    )


@torch.no_grad()
def best_of(model: nn.Module, images: NDArray[np.uint8]) -> NDArray[Any]:
    """Return which output of a model is highest, (N,), in the precision of its weights."""
    weight = next(model.parameters())
    inputs = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    outputs = model(inputs.to(weight.device, weight.dtype) / 255)
    return np.asarray(outputs.flatten(1).argmax(1).cpu())


def run(
    runner: Runner, sites: list[Site], images: NDArray[np.uint8]
) -> tuple[Maps, dict[str, int], NDArray[Any]]:
    """Run the network.

    Returns the maps of the sites (N, rows, columns, channels), the greatest magnitude that each
    Requant was given, and the scores (N, n).
    """
    names = {site.map for site in sites}
    shapes = {name: runner.network.signals[name].shape for name in names}
    maps = {name: np.empty((len(images), *shapes[name]), np.int32) for name in names}
    requants = [layer for layer in runner.network.layers if isinstance(layer, Requant)]
    sums = {layer.name: 0 for layer in requants}
    scores = []
    for i, image in enumerate(images):
        scores.append(runner(image))
        for name in names:
            maps[name][i] = runner.maps[name]
        for layer in requants:
            given = runner.maps[layer.inputs[0]]
            sums[layer.name] = max(sums[layer.name], -int(given.min()), int(given.max()))
    return maps, sums, np.stack(scores)


@contextmanager
def judged(
    model: nn.Module, sites: list[Site], judge: Callable[[Rounding, Site, Tensor], Tensor | None]
) -> Iterator[None]:
    """Let a judge see what each quantizer is given; what it returns, if anything, goes on."""
    places: dict[nn.Module, list[Site]] = {}
    for site in sites:
        own = model.get_submodule(f"{site.module}.input_quantizer")
        places.setdefault(own, []).append(site)
    queues = {own: iter(queue) for own, queue in places.items()}

    def hook(own: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        return judge(own, next(queues[own]), inputs[0])

    hooks = [own.register_forward_hook(hook) for own in places]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()


class Judge:
    """Counts of codes that differ from the network's."""

    def __init__(self, maps: Maps, sums: dict[str, int], network: Network) -> None:
        self.maps, self.sums = maps, sums
        self.signals = network.signals
        self.layers = {layer.name: layer for layer in network.layers}
        self.codes = self.different = self.unexplained = 0
        self.farthest = self.allowed = 0.0

    def codes_of(self, site: Site, like: Tensor) -> Tensor:
        """Return the network's integers in the shape of the model's tensor."""
        planes = np.ascontiguousarray(self.maps[site.map].transpose(0, 3, 1, 2))
        return torch.from_numpy(planes).to(like.device).reshape(like.shape)

    def count(self, own: Rounding, site: Site, x: Tensor) -> None:
        """Count what differs."""
        self.codes += x.numel()
        self.different += int((own.integers(x) != self.codes_of(site, x)).sum())

    def force(self, own: Rounding, site: Site, x: Tensor) -> Tensor:
        """Measure how far what differs is from a tie; go on with the network's codes."""
        codes = self.codes_of(site, x)
        apart = own.integers(x) != codes
        if bool(apart.any()):
            steps = x[apart] / own.step + own.grid.offset
            distance = ((steps - steps.floor()) - 0.5).abs()
            off_by_more = (own.integers(x) - codes)[apart].abs() > own.grid.per_step
            distance = torch.where(off_by_more, torch.inf, distance)
            allowed = self.inexactness(site.map) + FLOAT64_STEPS
            self.different += int(apart.sum())
            self.unexplained += int((distance > allowed).sum())
            if float(distance.max()) > self.farthest:
                self.farthest, self.allowed = float(distance.max()), allowed
        return codes * own.scale

    def columns_off(self, requant: Requant) -> float:
        """Return how far sums of columns may be off, as a requantization multiplies them."""
        source = self.layers.get(requant.inputs[0])
        if not isinstance(source, ColumnConv):
            return 0.0
        off = inexactness(source, self.signals[source.inputs[0]])
        return float((np.abs(requant.multiplier) * off).max())

    def inexactness(self, name: str) -> float:
        """Return how far a map's fixed-point products may be off, in steps."""
        layer = self.layers.get(name)
        if layer is None:
            return 0.0
        if isinstance(layer, Requant):
            own = (self.sums[name] + 3) * 2.0 ** -(layer.shift + 1)
            return own + self.columns_off(layer) * 2.0**-layer.shift
        return max(self.inexactness(given) for given in layer.inputs)

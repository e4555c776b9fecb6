"""Networks as the compute-in-memory machine sees them: shapes and drawn masks, no weights.

Which tiles are kept is drawn: exactly so many of each layer, all choices alike, and nested, so that
of two shares the larger one leaves some of the same tiles out. The first layer and the classifier
keep 8 bits and all tiles, as in our trainings, unless all layers are to be `alike`.

Sums are scaled to codes as they come; pools and additions read stored maps. Both feature memories
are switched on as a whole. Everything is modelled, for what `neurobot.mars.Silicon` assumes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from neurobot.cost import COST_TABLES, Bound
from neurobot.cost.mars import components_j
from neurobot.events import MarsEvents
from neurobot.mars import Silicon
from neurobot.mars.counting import count
from neurobot.mars.memories import banks
from neurobot.mars.schedule import Load, load_of, time_layers
from neurobot.mars.tiling import Tiling, Weights4
from neurobot.qnet.memories import feature_bits, words
from neurobot.quantize.layers import Add, GlobalAvgPool
from neurobot.quantize.networks import NETWORKS

Mask = NDArray[np.bool_]
Draw = Callable[[Tiling, np.random.Generator], Mask]
PRICES = COST_TABLES["scaled28"]
VGG16, RESNET18 = "vgg16_cifar", "resnet18_cifar"
TITLES = {VGG16: "VGG16", RESNET18: "ResNet18"}
EDGE_BITS = 8


class Form(NamedTuple):
    """Bits of weights and of inputs."""

    weight_bits: int
    input_bits: int

    def __str__(self) -> str:
        return f"{self.weight_bits}/{self.input_bits}"


FORMS = (Form(8, 8), Form(4, 8), Form(4, 4))


class Layer(NamedTuple):
    """A layer: its weights' shape, if it has any, and values of the maps around it."""

    name: str
    kind: str
    weights: Weights4 | None
    given: int
    made: int

    @property
    def places(self) -> int:
        """Windows of the output map."""
        return self.made // self.weights[0] if self.weights else 0


KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Linear: "conv",
    nn.MaxPool2d: "max",
    GlobalAvgPool: "sum",
    Add: "add",
}


def shape_of(module: nn.Module) -> Weights4 | None:
    """Return the shape (out, kernel rows, kernel columns, in) of a module's weights."""
    weight = getattr(module, "weight", None)
    if weight is None:
        return None
    out, given, *kernel = weight.shape
    rows, columns = kernel or (1, 1)
    return out, rows, columns, given


@cache
def layers_of(network: str) -> tuple[Layer, ...]:
    """Return the layers of a network, in the order in which an image meets them."""
    found: list[Layer] = []

    def note(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        given = sum(each.numel() for each in inputs)
        found.append(Layer(name, KINDS[type(module)], shape_of(module), given, output.numel()))

    with torch.no_grad():
        model = NETWORKS[network].make().eval()
        for name, module in model.named_modules():
            if type(module) in KINDS:
                module.register_forward_hook(
                    lambda module, inputs, output, name=name: note(name, module, inputs, output)
                )
        rows, columns, channels = NETWORKS[network].input_shape
        model(torch.zeros(1, channels, rows, columns))
    return tuple(found)


def keep(zeros: float) -> Draw:
    """Leave out exactly such a share of tiles, all choices alike."""

    def draw(tiling: Tiling, rng: np.random.Generator) -> Mask:
        order = rng.permutation(tiling.blocks * tiling.positions)
        kept = order >= round(zeros * len(order))
        return kept.reshape(tiling.blocks, tiling.positions)

    return draw


@dataclass(frozen=True)
class Net:
    """A network in a form, drawn by a seed; alike: edges are as all other layers."""

    network: str
    form: Form
    draw: Draw
    seed: int
    alike: bool = False

    def loads(self, silicon: Silicon) -> list[Load]:
        """Return what each layer asks of the machine."""
        rng, layers = np.random.default_rng(self.seed), layers_of(self.network)
        edges = () if self.alike else (layers[0].name, layers[-1].name)
        return [
            self._post(layer, silicon)
            if layer.weights is None
            else self._conv(layer, layer.weights, silicon, layer.name in edges, rng)
            for layer in layers
        ]

    def _words(self, values: int, silicon: Silicon) -> int:
        return words(values * feature_bits(self.form.input_bits), silicon)

    def _conv(
        self, layer: Layer, shape: Weights4, silicon: Silicon, edge: bool, rng: np.random.Generator
    ) -> Load:
        form, draw = (Form(EDGE_BITS, EDGE_BITS), keep(0.0)) if edge else (self.form, self.draw)
        slot = silicon.slot(form.weight_bits)
        tiling = Tiling(shape, 1, silicon.rows, silicon.columns(slot))
        made = self._words(layer.made, silicon)
        rest = MarsEvents(requantizations=layer.made, feature_writes=made)
        more = {"input_bits": form.input_bits, "rest": rest}
        mask = draw(tiling, rng)
        return load_of(layer.name, tiling, mask, places=layer.places, slot=slot, **more)

    def _post(self, layer: Layer, silicon: Silicon) -> Load:
        is_max = layer.kind == "max"
        rest = MarsEvents(
            feature_reads=self._words(layer.given, silicon),
            feature_writes=self._words(layer.made, silicon),
            requantizations=0 if is_max else layer.made,
            additions={"sum": layer.given, "add": layer.made}.get(layer.kind, 0),
            maxima=layer.given - layer.made if is_max else 0,
        )
        return Load(layer.name, outputs=layer.given if is_max else layer.made, rest=rest)


@dataclass(frozen=True)
class Figures:
    """What an image takes; compute, refill: cycles of the slowest cores, of all layers."""

    events: MarsEvents
    compute: int
    refill: int
    clock_hz: float

    @property
    def frames_per_s(self) -> float:
        """Images one behind the other."""
        return self.clock_hz / self.events.cycles

    def energy_j(self, bound: Bound = "nominal") -> float:
        """Energy of an image, leakage included, at 28 nm."""
        tariff = PRICES.tariffs[MarsEvents.chip]
        leakage = tariff.idling_w(self.events, bound) / self.frames_per_s
        return tariff.dynamic_j(self.events, bound) + leakage

    @property
    def macros_j(self) -> float:
        """Energy of the macros' products alone."""
        tariff = PRICES.tariffs[MarsEvents.chip]
        return components_j(tariff, self.events, 0.0)["macros"]

    def tops_per_w(self, bound: Bound = "nominal") -> float:
        """Operations of the dense network, by 1e12 joules of an image's energy."""
        return 2e-12 * self.events.dense_macs / self.energy_j(bound)

    def executed_tops_per_w(self, bound: Bound = "nominal") -> float:
        """Operations that are done, by 1e12 joules of an image's energy."""
        return 2e-12 * self.events.executed_macs / self.energy_j(bound)


def measure(loads: Sequence[Load], silicon: Silicon) -> Figures:
    """Return what an image takes of a network with such loads."""
    timings = time_layers(loads, silicon)
    features = [silicon.feature_bytes] * 2
    held = MarsEvents(
        macros=silicon.cores * silicon.macros, banks=banks(loads, timings, features, silicon)
    )
    pairs = zip(loads, timings, strict=True)
    events = reduce(add, (count(load, timing, silicon) for load, timing in pairs), held)
    return Figures(
        events,
        sum(timing.compute_cycles for timing in timings),
        sum(timing.refill_cycles for timing in timings),
        silicon.clock_hz,
    )

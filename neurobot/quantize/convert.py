"""From a plain network to a quantized one, and what a training loop asks of it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neurobot.quantize.base import Pixels, Quantizer, Rounding
from neurobot.quantize.column import ColumnConv2d, ColumnLinear
from neurobot.quantize.column_converters import converters
from neurobot.quantize.column_layout import Columns, Layout
from neurobot.quantize.column_weights import TileQuantizer
from neurobot.quantize.fused_bn import Fused, fused_layers, weight_of
from neurobot.quantize.grids import Grid, check_bits
from neurobot.quantize.layers import Add, QuantAdd, QuantConv2d, QuantGlobalAvgPool, QuantLinear
from neurobot.quantize.refusals import (
    WEIGHTED,
    called,
    is_convertible,
    is_left_alone,
    refuse_columns,
    refuse_example,
    refuse_grid,
    refuse_network,
    refuse_no_arrays,
    refuse_no_method,
    refuse_pixels,
    refuse_steps,
)
from neurobot.quantize.rules import Method
from neurobot.quantize.watching import Seen, calibrate, quantizers, settle_norms, watch

SHARED_BITS = 8  # of sums and pools


@dataclass(frozen=True)
class Plan:
    """How the layers of one network are quantized."""

    method: Method
    per_channel: bool
    pixels: bool
    seen: Seen
    edges: tuple[str, str]  # the first and the last layer with weights, as they were called
    input_bits: Mapping[str, int]  # of layers whose inputs have other bits than their weights
    like: Tensor  # of the kind and on the device of the steps
    columns: Columns | None  # of the arrays that layers lie on
    on_arrays: frozenset[str]  # the layers that do

    def make(self, grid: Grid, label: str, channels: int = 0) -> Quantizer:
        """Make a quantizer, of activations if it has no channels."""
        weights = channels > 0
        made = Quantizer(self.method, grid, weights=weights, channels=max(channels, 1), label=label)
        return made.to(self.like)

    def inputs(self, name: str, bits: int) -> Rounding:
        """Make the quantizer of a weighted layer's input."""
        label = f"{called(name)}.input_quantizer"
        if self.pixels and name == self.edges[0]:
            return Pixels(label).to(self.like)
        return self.make(self.method.activation_grid(bits, self.seen.lowest[name] < 0), label)

    def weights(self, name: str, weight: Tensor, bits: int) -> Quantizer:
        """Make the quantizer of a layer's weights, with its first step."""
        per_channel = self.per_channel and (self.method.edges_per_channel or name not in self.edges)
        channels = weight.shape[0] if per_channel else 1
        made = self.make(
            self.method.weight_grid(bits), f"{called(name)}.weight_quantizer", channels
        )
        made.calibrate(weight)
        return made

    def shared(self, name: str, module: nn.Module, bits: int) -> Quantizer:
        """Make the quantizer of a sum, which has a sign, or of a pool."""
        is_signed = isinstance(module, Add) or self.seen.lowest[name] < 0
        of = self.method
        grid = of.weight_grid(bits) if is_signed else of.activation_grid(bits, signed=False)
        return self.make(grid, f"{called(name)}.input_quantizer")

    def replace(self, name: str, module: nn.Module, bits: int | None) -> nn.Module:
        """Return the quantized form of a layer."""
        if isinstance(module, WEIGHTED):
            inputs = None if bits is None else self.inputs(name, self.input_bits.get(name, bits))
            if self.columns and bits and inputs and name in self.on_arrays:
                return self.lay(name, module, inputs, self.method.weight_grid(bits), self.columns)
            weights = None if bits is None else self.weights(name, weight_of(module), bits)
            if isinstance(module, Fused):
                refuse_grid(name, weights)
                return module.quantized(inputs, weights)
            if isinstance(module, nn.Conv2d):
                return QuantConv2d.of(module, inputs, weights)
            return QuantLinear.of(module, inputs, weights)
        quantizer = None if bits is None else self.shared(name, module, bits)
        made = QuantAdd(quantizer) if isinstance(module, Add) else QuantGlobalAvgPool(quantizer)
        return made.train(module.training)

    def lay(
        self,
        name: str,
        module: nn.Conv2d | nn.Linear,
        inputs: Rounding,
        grid: Grid,
        columns: Columns,
    ) -> nn.Module:
        """Return a layer on arrays, its weights' steps set."""
        refuse_columns(name, module, inputs, grid)
        shape = tuple(module.weight.shape)
        layout = Layout(called(name), shape, grid.bits, inputs.grid.bits, columns)
        label = f"{called(name)}.weight_quantizer"
        weights = TileQuantizer(self.method, grid, layout, label).to(self.like)
        weights.calibrate(module.weight)
        kind: Any = ColumnConv2d if isinstance(module, nn.Conv2d) else ColumnLinear
        layer: nn.Module = kind.of(module, inputs, weights).lie_on(layout).to(self.like)
        return layer


def convert(
    model: nn.Module,
    method: Method,
    bits: int,
    example: Tensor,
    *,
    layer_bits: Mapping[str, int | None] | None = None,
    activation_bits: int | None = None,
    edge_bits: int | None = 8,
    per_channel: bool = False,
    pixels: bool = True,
    columns: Columns | None = None,
) -> nn.Module:
    """Return a quantized copy of a network, its steps set from its weights and an example.

    bits: of weights and inputs; activation_bits: of inputs, where others than of weights;
    edge_bits: of the first and the last layer with weights, None for full precision; layer_bits:
    by the name of a module, stronger than the others; None for a module that cannot be converted
    leaves it, and all in it, as it is. Sums and pools have 8 bits.
    example: a batch of inputs (N, ...); what a layer reads from it decides whether its input has
    a sign. pixels: the first layer reads images in 0..1, of 8 bits. columns: inner layers that
    layer_bits does not name lie on arrays of memory cells, whose columns' sums pass converters.
    Raises ValueError in the name of the layer that cannot be converted. Hooks stay behind.
    """
    chosen = dict(layer_bits or {})
    named = model.named_modules()
    names = [n for n, m in named if is_convertible(m) and not is_left_alone(n, chosen)]
    refuse_network(model, names, chosen)
    refuse_no_method(method)
    refuse_steps(model, per_channel)
    refuse_example(example)
    made = copy.deepcopy(model)
    if columns:
        settle_norms(made, example)
    seen = watch(made, names, example)
    modules = {name: made.get_submodule(name) for name in names}
    weighted = [name for name in seen.calls if isinstance(modules[name], WEIGHTED)]
    like = next(p for p in made.parameters() if p.is_floating_point())
    edges = (weighted[0], weighted[-1])
    input_bits = {}
    inner = frozenset(weighted) - {*edges} - chosen.keys()
    if columns:
        refuse_no_arrays(inner)
    if activation_bits is not None:
        input_bits = dict.fromkeys(inner, check_bits("activation_bits", activation_bits))
    plan = Plan(method, per_channel, pixels, seen, edges, input_bits, like, columns, inner)
    wanted = bits_of(plan, modules, bits, edge_bits) | {n: chosen[n] for n in names if n in chosen}
    check_all_bits(wanted, bits)
    if pixels and wanted[weighted[0]] is not None:
        refuse_pixels(weighted[0], seen)
    swapped = {modules[n]: plan.replace(n, modules[n], wanted[n]) for n in names}
    made = swap(made, swapped)
    calibrate(made, [example])
    return made


def bits_of(
    plan: Plan, modules: Mapping[str, nn.Module], bits: int, edge_bits: int | None
) -> dict[str, int | None]:
    """Return the bits of every layer as long as nobody chooses others by name."""
    wanted: dict[str, int | None] = {}
    for name, module in modules.items():
        inner = edge_bits if name in plan.edges else bits
        wanted[name] = inner if isinstance(module, WEIGHTED) else SHARED_BITS
    return wanted


def check_all_bits(wanted: Mapping[str, int | None], bits: int) -> None:
    """Refuse impossible bits in the name of the layer, or as they are if no layer has them."""
    for name, found in wanted.items():
        if found is not None:
            check_bits(called(name), found)
    check_bits("bits", bits)


def swap(model: nn.Module, swapped: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """Put new modules into the places of old ones, wherever they are registered."""
    for path, module in list(model.named_modules(remove_duplicate=False)):
        if path and module in swapped:
            parent, _, name = path.rpartition(".")
            setattr(model.get_submodule(parent), name, swapped[module])
    return swapped.get(model, model)


def set_progress(model: nn.Module, progress: float) -> None:
    """Tell all quantizers how much of the training is done, 0..1; penalties start anew."""
    if not 0 <= progress <= 1:
        raise ValueError(f"progress {progress}; it must lie in 0..1")
    for own in quantizers(model).values():
        own.progress, own.error = float(progress), None


def penalty(model: nn.Module) -> Tensor:
    """Return what the methods add to the loss, of all that passed since the last call; mostly 0."""
    total = torch.zeros((), device=next(model.parameters()).device)
    for own in quantizers(model).values():
        if own.error is not None:
            total = total + own.method.penalty_weight(own.progress) * own.error
            own.error = None
    for layer in fused_layers(model).values():
        if layer.group_lasso is not None:
            total = total + layer.group_lasso(layer.by_position(layer.fused_weight))
    return total


def keep_steps_positive(model: nn.Module) -> None:
    """Project all steps, after an optimizer's update, to at least 1e-4 of their first values.

    Those of converters stay between 1 cell and what covers all sums.
    """
    for own in quantizers(model).values():
        own.keep_positive()
    for adc in converters(model).values():
        adc.keep_useful()


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Split parameters for an optimizer: steps, biases and norms have no weight decay."""
    learned = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learned if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in learned if p.dim() <= 1], "weight_decay": 0.0},
    ]

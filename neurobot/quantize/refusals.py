"""What cannot be converted, each refused in one sentence that names the layer."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from neurobot.quantize.base import Quantizer, Rounding
from neurobot.quantize.fused_bn import Fused, fused_layers
from neurobot.quantize.grids import Grid
from neurobot.quantize.layers import Add, GlobalAvgPool
from neurobot.quantize.rules import Method
from neurobot.quantize.watching import Seen

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.LayerNorm, nn.RMSNorm)


def is_convertible(module: nn.Module) -> bool:
    """Tell whether there is a quantized form of a module."""
    if type(module) is nn.AdaptiveAvgPool2d:
        return module.output_size in (1, (1, 1))
    if isinstance(module, nn.Conv2d) and module.padding_mode != "zeros":
        return False
    if isinstance(module, WEIGHTED) and not has_own_weight(module):
        return False
    if isinstance(module, Fused):
        return module.weight_quantizer is None
    return type(module) in (*WEIGHTED, Add, GlobalAvgPool)


def has_own_weight(module: nn.Conv2d | nn.Linear) -> bool:
    """Tell whether the weight is a parameter; pruning and weight norm compute it of others."""
    return "weight" in module._parameters


def called(name: str) -> str:
    """Return the name of a module in sentences; that of the whole model is empty."""
    return name or "the model"


def is_left_alone(name: str, chosen: Mapping[str, int | None]) -> bool:
    """Tell whether a module lies in one that full precision was chosen for."""
    parents = (name[:i] for i, letter in enumerate(name) if letter == ".")
    return any(parent in chosen for parent in parents)


def refuse_layers(model: nn.Module, chosen: Mapping[str, int | None]) -> None:
    """Refuse layers that have weights and no quantized form, unless full precision is chosen."""
    for name, module in model.named_modules():
        if is_convertible(module) or name in chosen or is_left_alone(name, chosen):
            continue
        has_matrix = any(p.dim() > 1 for p in module.parameters(recurse=False))
        if isinstance(module, WEIGHTED) or (has_matrix and not isinstance(module, NORMS)):
            raise ValueError(
                f"{called(name)}: {described(module)} cannot be converted; Conv2d with zero "
                f"padding, Linear, Add and global average pools can, and layer_bits={{{name!r}: "
                "None} leaves a layer as it is"
            )


def described(module: nn.Module) -> str:
    """Name the type of a module, and what of it is in the way."""
    mode, kind = getattr(module, "padding_mode", "zeros"), type(module).__name__
    if mode != "zeros":
        return f"{kind} with padding mode {mode!r}"
    if type(module) in WEIGHTED and not has_own_weight(module):  # type: ignore[arg-type]
        return f"{kind} whose weight is computed (by weight norm or pruning)"
    return kind


def refuse_names(
    names: list[str], modules: Mapping[str, nn.Module], chosen: Mapping[str, int | None]
) -> None:
    """Refuse bits for modules that do not exist or cannot be converted."""
    for name, bits in chosen.items():
        if name not in modules:
            raise ValueError(f"{name}: no such layer for layer_bits; the layers are {names}")
        if name not in names and bits is not None:
            raise ValueError(
                f"{called(name)}: {described(modules[name])} cannot be converted to {bits} bits; "
                f"the layers that can are {names}"
            )


def refuse_nothing_to_do(names: list[str], modules: Mapping[str, nn.Module]) -> None:
    """Refuse a network without weights to quantize."""
    if not any(isinstance(modules[name], WEIGHTED) for name in names):
        raise ValueError("model: it has no layer to convert; it needs a Conv2d or a Linear")


def refuse_network(model: nn.Module, names: list[str], chosen: Mapping[str, int | None]) -> None:
    """Refuse a network whose layers `names` are to be converted, with bits chosen for some."""
    named = dict(model.named_modules())
    refuse_names(names, named, chosen)
    refuse_layers(model, chosen)
    refuse_nothing_to_do(names, named)


def refuse_no_method(method: object) -> None:
    """Refuse the name of a method in the place of one."""
    if not isinstance(method, Method):
        raise ValueError(f"method: {method!r} found; one is needed, as make_method('lsq') makes")


def refuse_steps(model: nn.Module, per_channel: bool) -> None:
    """Refuse steps by channel where batch norm already scales the weights by channel."""
    for name in fused_layers(model) if per_channel else ():
        raise ValueError(
            f"{called(name)}: per_channel with a fused batch norm found; fused weights have one "
            "step for all channels"
        )


def refuse_grid(name: str, weights: Quantizer | None) -> None:
    """Refuse fused weights that cannot become 0, as what is masked must."""
    if weights is not None and weights.grid.odd:
        raise ValueError(
            f"{called(name)}: a grid of weights without a zero found, as uniq has it; with a fused "
            "batch norm one with a zero is needed, for masked weights (lsq, llsq or lglsq)"
        )


def refuse_no_arrays(names: Collection[str]) -> None:
    """Refuse to lay a network without inner layers on arrays."""
    if not names:
        raise ValueError(
            "model: no layer between the first and the last one found that layer_bits does not "
            "name; columns need one or more"
        )


def refuse_columns(name: str, module: nn.Conv2d | nn.Linear, inputs: Rounding, grid: Grid) -> None:
    """Refuse a layer that cannot lie on arrays."""
    found = [
        what
        for what, wrong in (
            ("a fused batch norm", isinstance(module, Fused)),
            (f"{getattr(module, 'groups', 1)} groups", getattr(module, "groups", 1) != 1),
            ("a dilation", getattr(module, "dilation", (1, 1)) != (1, 1)),
            ("padding 'same' of an even window", is_lopsided(module)),
            ("inputs below 0", inputs.grid.signed),
            ("weights on a grid without a zero", grid.odd),
        )
        if wrong
    ]
    if found:
        raise ValueError(
            f"{called(name)}: {found[0]} found; allowed on arrays: one group, no dilation, equal "
            "padding on both sides, inputs from 0 on, weights with a zero, batch norm behind the "
            f"layer; layer_bits={{{name!r}: 8}} leaves it off them"
        )


def is_lopsided(module: nn.Module) -> bool:
    """Tell whether a map has more zeros on one side than on the other."""
    if not isinstance(module, nn.Conv2d) or module.padding != "same":
        return False
    return any(size % 2 == 0 for size in module.kernel_size)


def refuse_example(example: Tensor) -> None:
    """Refuse a batch from which no step can be learned."""
    if not isinstance(example, Tensor) or example.dtype == torch.uint8:
        found = getattr(example, "dtype", type(example).__name__)
        raise ValueError(f"example: {found} found; a tensor is needed, of images floats in 0..1")
    if example.numel() == 0:
        raise ValueError(
            f"example: empty batch of shape {tuple(example.shape)}; one input is needed"
        )
    if example.is_floating_point() and not bool(torch.isfinite(example).all()):
        raise ValueError("example: it holds NaN or infinity; only finite inputs are allowed")


def refuse_pixels(first: str, seen: Seen) -> None:
    """Refuse to read inputs of the first layer as images that are none."""
    low, high = seen.lowest[first], seen.highest[first]
    if not 0 <= low <= high <= 1:
        raise ValueError(
            f"{called(first)}: its inputs are {low:.3g}..{high:.3g}, but pixels lie in 0..1; "
            "pixels=False allows others"
        )

"""From a plain network to one of fused layers, and from there to one without batch norms."""

import copy
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from neurobot.quantize.convert import swap
from neurobot.quantize.fused_bn import Fused, FusedConv2d, FusedLinear, Norm
from neurobot.quantize.layers import QuantConv2d, QuantLinear
from neurobot.quantize.refusals import described, is_convertible
from neurobot.quantize.watching import evaluating

AGREEMENT = 1e-3  # that fusing changes no output by more, of the largest one
KINDS: dict[type[nn.Module], type[FusedConv2d | FusedLinear]] = {
    nn.Conv2d: FusedConv2d,
    nn.Linear: FusedLinear,
}
Hook = Callable[..., Any]


@contextmanager
def hooked(model: nn.Module, on_result: Hook, on_input: Hook) -> Iterator[None]:
    """Run in evaluation mode; hooks get names of layers with results, of batch norms with inputs.

    What a hook returns, if anything, goes on in the place of the tensor.
    """
    hooks = []
    for name, module in model.named_modules():
        if type(module) in KINDS:
            hooks.append(module.register_forward_hook(lambda m, _, y, n=name: on_result(n, y)))
        elif isinstance(module, Norm):
            hooks.append(module.register_forward_pre_hook(lambda m, x, n=name: on_input(n, x[0])))
    try:
        with evaluating(model):
            yield
    finally:
        for hook in hooks:
            hook.remove()


def norms_behind(model: nn.Module, example: Tensor) -> dict[str, str]:
    """Return by layer with weights the batch norm that reads its result, by their names.

    Raises ValueError in the name of a batch norm or layer that is not one's alone.
    """
    made: dict[int, tuple[str, int, Tensor]] = {}
    layers, norms = defaultdict(set), defaultdict(set)

    def remember(layer: str, result: Tensor) -> None:
        made[id(result)] = layer, result._version, result

    def meet(norm: str, given: Tensor) -> None:
        layer, version, _ = made.get(id(given), ("", 0, given))
        layer = layer if version == given._version else ""  # it was changed in place
        layers[norm].add(layer)
        norms[layer].add(norm)

    with hooked(model, remember, meet):
        model(example)
    for norm, found in layers.items():
        if "" in found:
            raise ValueError(
                f"{norm}: batch norm of what no layer made found; allowed: right behind a Conv2d "
                "or Linear"
            )
        refuse_many(norm, "batch norm of", found)
    for layer, behind in norms.items():
        refuse_many(layer, "its result goes to", behind)
    if not norms:
        raise ValueError("model: no batch norm behind a layer found; fusing needs one or more")
    return {layer: min(behind) for layer, behind in norms.items()}


def refuse_many(name: str, what: str, found: Collection[str]) -> None:
    """Refuse more than one partner."""
    if len(names := sorted(found)) > 1:
        raise ValueError(f"{name}: {what} {' and '.join(names)} found; one only can be fused")


def refuse_pair(model: nn.Module, layer: str, norm: str) -> None:
    """Refuse a layer or a batch norm that cannot be fused."""
    own, behind = model.get_submodule(layer), model.get_submodule(norm)
    if not is_convertible(own):
        raise ValueError(
            f"{layer}: {described(own)} found; allowed with a batch norm fused: Conv2d with zero "
            "padding and Linear, with weights of their own"
        )
    if behind.running_var is None or behind.weight is None:
        raise ValueError(
            f"{norm}: batch norm without running statistics or without weights found; only one "
            "with both can be fused"
        )


def refuse_elsewhere(model: nn.Module, example: Tensor, layers: Collection[str]) -> None:
    """Refuse layers whose results go elsewhere than to a batch norm too.

    All but the batch norms are shown NaN in place of a result: the output must not hang on it.
    """
    if hangs_on(model, example, layers):
        leaking = [layer for layer in layers if hangs_on(model, example, {layer})]
        raise ValueError(
            f"{' and '.join(leaking)}: a result that is used elsewhere than in its batch norm too "
            "found; allowed: there only"
        )


def hangs_on(model: nn.Module, example: Tensor, layers: Collection[str]) -> bool:
    """Tell whether outputs hang on results of layers that do not pass a batch norm."""
    hidden: dict[int, tuple[Tensor, Tensor]] = {}

    def hide(layer: str, result: Tensor) -> Tensor | None:
        if layer not in layers:
            return None
        nothing = torch.full_like(result, torch.nan)
        hidden[id(nothing)] = nothing, result
        return nothing

    def show(norm: str, given: Tensor) -> Tensor:
        return hidden.get(id(given), (given, given))[1]

    with hooked(model, hide, show):
        return bool(torch.isnan(model(example)).any())


class Flattening(TorchFunctionMode):
    """Notes of which maps (N, channels, rows, columns) vectors of a length were made last."""

    def __init__(self) -> None:
        super().__init__()
        self.channels: dict[int, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        shapes = [x.shape for x in (*args[:1], made) if isinstance(x, Tensor)]
        if [len(shape) for shape in shapes] == [4, 2]:
            self.channels[shapes[1][1]] = shapes[0][1]
        return made


def flattened(model: nn.Module, example: Tensor) -> dict[str, int]:
    """Return by linear layer the channels of the map that it reads flattened."""
    found: dict[str, int] = {}
    watching = Flattening()

    def note(name: str, module: nn.Linear) -> None:
        size = module.in_features
        found[name] = watching.channels.get(size, size)

    hooks = [
        module.register_forward_pre_hook(lambda m, _, n=name: note(n, m))
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with evaluating(model), watching:
            model(example)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def fuse(model: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy of a plain network in whose layers the batch norms behind them are fused.

    example: a batch of inputs (N, ...). The copy computes the same in full precision; `convert`
    makes its weights and inputs integers. Raises ValueError in the name of what cannot be fused.
    """
    pairs, channels = norms_behind(model, example), flattened(model, example)
    for layer, norm in pairs.items():
        refuse_pair(model, layer, norm)
    refuse_elsewhere(model, example, pairs)
    fused = copy.deepcopy(model)
    swapped: dict[nn.Module, nn.Module] = {}
    for layer, norm in pairs.items():
        own, behind = fused.get_submodule(layer), fused.get_submodule(norm)
        kind: Any = KINDS[type(own)]
        made = kind.of(own, None, None)
        made.take_norm(behind, channels.get(layer))
        swapped |= {own: made, behind: nn.Identity().train(behind.training)}
    fused = swap(fused, swapped)
    refuse_apart(model, fused, example)
    return fused


def refuse_apart(model: nn.Module, fused: nn.Module, example: Tensor) -> None:
    """Refuse a network that fusing changes: of layers that do more than their kind."""
    with evaluating(model), evaluating(fused):
        before, after = model(example), fused(example)
    apart = float((before - after).abs().max()) / max(float(before.abs().max()), 1e-30)
    if not apart < AGREEMENT:
        raise ValueError(
            f"model: with its batch norms fused it differs by {apart:.2g} of its largest output; "
            f"allowed: up to {AGREEMENT:g}, as plain layers and batch norms do"
        )


def deploy(model: nn.Module) -> nn.Module:
    """Return a copy whose layers hold the fused weights and biases, and no batch norm any more."""
    made = copy.deepcopy(model)
    swapped: dict[nn.Module, nn.Module] = {}
    for layer in made.modules():
        if isinstance(layer, Fused):
            kind: Any = QuantConv2d if isinstance(layer, QuantConv2d) else QuantLinear
            plain = kind.of(layer, layer.input_quantizer, layer.weight_quantizer)
            plain.weight = nn.Parameter(layer.fused_weight.detach())
            plain.bias = nn.Parameter(layer.fused_bias.detach())
            swapped[layer] = plain
    return swap(made, swapped)

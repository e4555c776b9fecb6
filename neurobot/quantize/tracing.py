"""Walking through a model, from one layer to the next, as `torch.fx` traces it."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import fx, nn

from neurobot.quantize.emit import Emitter
from neurobot.quantize.layers import Add, GlobalAvgPool, QuantConv2d, QuantLinear
from neurobot.quantize.operations import FUNCTIONS, METHODS, MODULES, Handler, refuse
from neurobot.quantize.pending import Value

LEAVES = (QuantConv2d, QuantLinear, Add, GlobalAvgPool)


class LayerTracer(fx.Tracer):
    """Follow a model down to the layers that the tables know."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Whether a module is one step."""
        return isinstance(m, LEAVES) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Follow a module; name the innermost one that cannot be followed."""
        try:
            return super().call_module(m, forward, args, kwargs)
        except (fx.proxy.TraceError, TypeError) as lost:
            raise untraceable(self.path_of_module(m), lost) from lost


def untraceable(name: str, lost: Exception) -> ValueError:
    """Say which part of a model decides by what it sees."""
    reason = " ".join(str(lost).split())[:200]
    return refuse(name, f"a forward pass that cannot be traced ({reason})", "one without branches")


def trace(model: nn.Module) -> fx.Graph:
    """Return the steps of a model in evaluation mode."""
    for name, module in model.named_modules():
        if module.training:
            raise refuse(name or "model", "training mode", "evaluation mode, by model.eval()")
    try:
        return LayerTracer().trace(model)
    except (fx.proxy.TraceError, TypeError) as lost:
        raise untraceable("model", lost) from lost


def handler(model: nn.Module, node: fx.Node) -> tuple[str, nn.Module | None, Handler]:
    """Find the row for a step: its layer's name, its module and the handler."""
    tables: Mapping[str, Mapping[Any, Handler]] = {
        "call_function": FUNCTIONS,
        "call_method": METHODS,
    }
    if node.op == "call_module":
        module = model.get_submodule(str(node.target))
        for kind in type(module).__mro__:
            if kind in MODULES:
                return str(node.target), module, MODULES[kind]
        found = type(module).__name__
        raise refuse(str(node.target), found, ", ".join(kind.__name__ for kind in MODULES))
    known = tables.get(node.op, {})
    if node.target not in known:
        found = getattr(node.target, "__name__", str(node.target))
        names = sorted(
            {getattr(key, "__name__", str(key)) for table in tables.values() for key in table}
        )
        raise refuse(node.name, f"{node.op} of {found}", f"{', '.join(names)}, and modules")
    return node.name, None, known[node.target]


@torch.no_grad()
def walk(model: nn.Module, emitter: Emitter) -> tuple[Value, str]:
    """Write all layers but the last; return the results and the name of what made them."""
    known: dict[fx.Node, Any] = {}
    name = "model"
    for node in trace(model).nodes:
        if node.op == "placeholder":
            if known:
                raise refuse(node.name, "a second input", "one input, the image")
            known[node] = emitter.source()
        elif node.op == "output":
            break
        else:
            name, module, handle = handler(model, node)
            arguments, named = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            try:
                known[node] = handle(emitter, name, module, *arguments, **named)
            except (TypeError, AttributeError) as unlike:
                found = f"arguments that it does not know ({unlike})"
                raise refuse(name, found, "the usual ones") from unlike
    result = node.args[0]
    if not isinstance(result, fx.Node) or not isinstance(known[result], Value):
        raise refuse(name, f"a result of {type(result).__name__}", "one tensor")
    return known[result], name

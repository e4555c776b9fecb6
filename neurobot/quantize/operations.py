"""What each module and function of a traced model becomes: one row of a table each.

A handler gets the emitter, the layer's name, the module (None for a function) and the arguments.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from neurobot.quantize.emit import Emitter, numbers
from neurobot.quantize.layers import Add, GlobalAvgPool
from neurobot.quantize.pending import Pair, Pool, Value, concatenate

Handler = Callable[..., Any]


def refuse(name: str, found: str, allowed: str) -> ValueError:
    """Say what cannot be exported."""
    return ValueError(f"layer {name!r}: {found} found; allowed: {allowed}")


def pair(found: int | Sequence[int]) -> Pair:
    """Return a number for rows and one for columns."""
    return (found, found) if isinstance(found, int) else (int(found[0]), int(found[1]))


def convolution(emitter: Emitter, name: str, module: nn.Conv2d, value: Value) -> Value:
    """Write a convolution with zeros around the map."""
    if pair(module.dilation) != (1, 1):
        raise refuse(name, f"dilation {module.dilation}", "1")
    if module.padding_mode != "zeros":
        raise refuse(name, f"padding of {module.padding_mode!r}", "zeros")
    padding: Any = module.padding
    if padding == "valid":
        padding = 0
    if padding == "same":
        if any(size % 2 == 0 for size in module.kernel_size):
            raise refuse(name, f"padding 'same' of {module.kernel_size}", "odd windows with it")
        padding = [size // 2 for size in module.kernel_size]
    return emitter.convolve(name, module, upright(name, value), pair(padding))


def upright(name: str, value: Value) -> Value:
    """Return a map, or refuse what was flattened."""
    if value.flat:
        raise refuse(name, "a flattened map", "maps (N, channels, rows, columns)")
    return value


def linear(emitter: Emitter, name: str, module: nn.Linear, value: Value) -> Value:
    """Write a linear layer of a flattened map."""
    if not value.flat:
        raise refuse(name, "a map that is not flattened", "Flatten before a linear layer")
    if module.in_features != math.prod(value.shape):
        found = f"{module.in_features} inputs"
        raise refuse(name, found, f"{math.prod(value.shape)}, as its input of shape {value.shape}")
    return emitter.connect(name, module, value)


def batch_norm(
    emitter: Emitter, name: str, module: nn.BatchNorm1d | nn.BatchNorm2d, value: Value
) -> Value:
    """Multiply and add by the running statistics."""
    if module.running_mean is None or module.running_var is None:
        raise refuse(name, "batch norm without running statistics", "track_running_stats=True")
    if module.num_features != value.shape[2]:
        raise refuse(name, f"{module.num_features} features", f"{value.shape[2]}, its channels")
    count = module.num_features
    deviation = np.sqrt(numbers(module.running_var, count) + module.eps)
    slope = numbers(module.weight, count) if module.affine else np.ones(count)
    scale = slope / deviation
    bias = numbers(module.bias, count) - numbers(module.running_mean, count) * scale
    return emitter.affine(value, name, scale, bias)


def limits(low: float, high: float) -> Handler:
    """Return the handler of an activation that clips."""
    return lambda emitter, name, module, value, inplace=False: value.clip(low, high)


def hard_tanh(
    emitter: Emitter,
    name: str,
    module: nn.Hardtanh | None,
    value: Value,
    min_val: float = -1.0,
    max_val: float = 1.0,
    inplace: bool = False,
) -> Value:
    """Clip to limits of the module or of the call."""
    low, high = (min_val, max_val) if module is None else (module.min_val, module.max_val)
    return value.clip(float(low), float(high))


def unchanged(emitter: Emitter, name: str, module: nn.Module | None, value: Value, **_: Any) -> Any:
    """Pass on what evaluation does not change."""
    return value


def max_pool(emitter: Emitter, name: str, module: nn.MaxPool2d, value: Value) -> Value:
    """Take window maxima."""
    if pair(module.dilation) != (1, 1) or module.ceil_mode or module.return_indices:
        raise refuse(name, "dilation, ceil_mode or return_indices", "none of them")
    stride = module.kernel_size if module.stride is None else module.stride
    pool = Pool(pair(module.kernel_size), pair(stride), pair(module.padding))
    return upright(name, value).pool(name, pool)


def average(emitter: Emitter, name: str, module: nn.Module, value: Value) -> Value:
    """Take the mean over the map."""
    size = getattr(module, "output_size", 1)
    if size not in (1, (1, 1)):
        raise refuse(name, f"an average pool to {size}", "the mean over the whole map")
    return emitter.average(name, module, upright(name, value))


def add(emitter: Emitter, name: str, module: Add, one: Value, other: Value) -> Value:
    """Sum two maps of one shape."""
    if one.shape != other.shape or one.flat or other.flat:
        raise refuse(name, f"maps of shape {one.shape} and {other.shape}", "one shape, not flat")
    return emitter.add(name, module, one, other)


def flatten(
    emitter: Emitter,
    name: str,
    module: nn.Flatten | None,
    value: Value,
    start_dim: int = 0,
    end_dim: int = -1,
) -> Value:
    """Flatten a map."""
    if module is not None:
        start_dim, end_dim = module.start_dim, module.end_dim
    if start_dim != 1 or end_dim not in (-1, 3):
        raise refuse(name, f"flatten from {start_dim} to {end_dim}", "from 1 to -1")
    return Value(value.shape, value.leaves, value.index, flat=True)


def join(emitter: Emitter, name: str, module: None, values: Sequence[Value], dim: int = 0) -> Value:
    """Put channels side by side."""
    if dim not in (1, -3) or len({v.shape[:2] for v in values}) > 1 or any(v.flat for v in values):
        raise refuse(name, f"a concatenation along {dim}", "along 1, of maps of one size")
    return concatenate(list(values))


def split(
    emitter: Emitter, name: str, module: None, value: Value, chunks: int, dim: int = 0
) -> tuple[Value, ...]:
    """Cut channels into parts."""
    if dim not in (1, -3) or value.flat:
        raise refuse(name, f"parts along {dim}", "along 1, of a map")
    size = -(-value.shape[2] // chunks)
    places = np.split(np.arange(value.shape[2]), range(size, value.shape[2], size))
    return tuple(value.take(part) for part in places)


def item(emitter: Emitter, name: str, module: None, values: Sequence[Value], place: int) -> Value:
    """Choose one of the parts."""
    if not isinstance(values, tuple) or not isinstance(place, int):
        raise refuse(name, f"the index {place!r}", "a whole number, of parts")
    chosen: Value = values[place]
    return chosen


def shuffle(emitter: Emitter, name: str, module: nn.ChannelShuffle, value: Value) -> Value:
    """Interleave groups of channels."""
    order = np.arange(value.shape[2]).reshape(module.groups, -1).T.reshape(-1)
    return upright(name, value).take(order)


RELU, RELU6 = limits(0.0, np.inf), limits(0.0, 6.0)

MODULES: dict[type[nn.Module], Handler] = {
    nn.Conv2d: convolution,
    nn.Linear: linear,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.ReLU: RELU,
    nn.ReLU6: RELU6,
    nn.Hardtanh: hard_tanh,
    nn.MaxPool2d: max_pool,
    nn.AdaptiveAvgPool2d: average,
    GlobalAvgPool: average,
    Add: add,
    nn.Flatten: flatten,
    nn.ChannelShuffle: shuffle,
    nn.Identity: unchanged,
    nn.Dropout: unchanged,
    nn.Dropout2d: unchanged,
}
FUNCTIONS: dict[Any, Handler] = {
    torch.relu: RELU,
    F.relu: RELU,
    F.relu6: RELU6,
    F.hardtanh: hard_tanh,
    torch.flatten: flatten,
    torch.cat: join,
    torch.concat: join,
    torch.chunk: split,
    operator.getitem: item,
}
METHODS: dict[str, Handler] = {
    "relu": RELU,
    "flatten": flatten,
    "chunk": split,
    "contiguous": unchanged,
}

"""A network of integers: layers in order, each checked against what it reads."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

from neurobot.fixed import signed_range
from neurobot.qnet.checks import (
    MOST_BITS,
    MOST_VALUES,
    Pair,
    flag,
    number,
    unsigned_range,
    whole,
    wholes,
)
from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Layer
from neurobot.qnet.scales import Affine, Scores
from neurobot.qnet.signals import REAL_BITS, Shape, Signal, sized

INPUT = "input"
Notes = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Workload:
    """What a convolution asks of hardware, by image.

    weight_bits, input_bits: of the codes, 32 for float32; weights: how many there are; inner_macs:
    the products on the map itself, those on the zeros around it left out.
    """

    name: str
    weight_bits: int
    input_bits: int
    input_shape: Shape
    output_shape: Shape
    kernel: Pair
    stride: Pair
    padding: Pair
    groups: int
    weights: int
    inner_macs: int

    @property
    def fan_in(self) -> int:
        """Products in one sum."""
        return self.weights // self.output_shape[2]

    @property
    def macs(self) -> int:
        """Products of a plain loop over all positions of all windows, padding included."""
        return math.prod(self.output_shape) * self.fan_in


def covers(length: int, window: int, step: int, pad: int) -> list[int]:
    """Return how many windows meet each row of a map of so many rows."""
    last = (length + 2 * pad - window) // step
    return [
        min((place + pad) // step, last) - max(-(-(place + pad - window + 1) // step), 0) + 1
        for place in range(length)
    ]


def workload(conv: Conv, given: Signal, made: Signal) -> Workload:
    """Return what a convolution asks of hardware."""
    axes = zip(given.shape[:2], conv.kernel, conv.stride, conv.padding, strict=True)
    meetings = math.prod(sum(covers(*axis)) for axis in axes)
    return Workload(
        name=conv.name,
        weight_bits=conv.weight_bits,
        input_bits=REAL_BITS if conv.real else given.bits,
        input_shape=given.shape,
        output_shape=made.shape,
        kernel=conv.kernel,
        stride=conv.stride,
        padding=conv.padding,
        groups=conv.groups,
        weights=conv.weights.size,
        inner_macs=meetings * conv.weights.shape[3] * made.shape[2],
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """Layers in an order in which each reads only earlier maps; the image is the map "input".

    Images are integers of `input_bits`, signed or not, of input_shape (rows, columns, channels).
    The last layer is the only `Scores`, or in a float32 network an `Affine`; its n scores times
    output_scale are logits. notes: what the file is to tell, such as the command that made it.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]
    input_bits: int = 8
    input_signed: bool = False
    output_scale: float = 1.0
    notes: Notes = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = wholes("input_shape", self.input_shape, 1, MOST_VALUES, count=3)
        scale = number("output_scale", self.output_scale)
        if not 0 < scale < math.inf:
            raise ValueError(f"output_scale = {scale} found; allowed: finite and greater than 0")
        settled = {
            "input_shape": sized(INPUT, (shape[0], shape[1], shape[2])),
            "layers": tuple(self.layers),
            "input_bits": whole("input_bits", self.input_bits, 1, MOST_BITS),
            "input_signed": flag("input_signed", self.input_signed),
            "output_scale": scale,
            "notes": MappingProxyType(checked_notes(self.notes)),
        }
        for name, value in settled.items():
            object.__setattr__(self, name, value)
        check_order(self.layers)
        check_kinds(self.layers)
        if self.output.shape[:2] != (1, 1):
            raise ValueError(
                f"{self.layers[-1].name}: scores of shape {self.output.shape} found; "
                "allowed: (1, 1, n)"
            )

    @property
    def real(self) -> bool:
        """Whether it computes in float32."""
        return any(layer.real for layer in self.layers)

    @cached_property
    def signals(self) -> dict[str, Signal]:
        """What the map of each layer can hold, by name, and that of the input."""
        ends = (signed_range if self.input_signed else unsigned_range)(self.input_bits)
        signals = {INPUT: Signal(self.input_shape, *ends, self.input_bits)}
        for layer in self.layers:
            made = layer.signal(*(signals[name] for name in layer.inputs))
            signals[layer.name] = Signal(made.shape) if self.real else made
        return signals

    @property
    def output(self) -> Signal:
        """The map of scores."""
        return self.signals[self.layers[-1].name]

    @property
    def convs(self) -> tuple[Conv, ...]:
        """The layers with weights, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Conv))

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """What each convolution asks of hardware, in order."""
        return tuple(
            workload(conv, self.signals[conv.inputs[0]], self.signals[conv.name])
            for conv in self.convs
        )

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(work.weights for work in self.workloads)

    @property
    def weight_bits_total(self) -> int:
        """Bits of all weights together."""
        return sum(work.weights * work.weight_bits for work in self.workloads)

    @property
    def macs(self) -> int:
        """Products of weights and inputs for one image, those on padding included."""
        return sum(work.macs for work in self.workloads)

    def with_notes(self, notes: Notes) -> "Network":
        """Return the same network with other notes."""
        return replace(self, notes=notes)


def checked_notes(notes: Notes) -> dict[str, str | int | float]:
    """Return a copy of notes that a file can tell: texts and finite numbers by name."""
    if not isinstance(notes, Mapping):
        raise ValueError(f"notes: {reprlib.repr(notes)} found; allowed: values by name")
    for key, value in notes.items():
        plain = isinstance(key, str) and isinstance(value, str | int | float)
        if not plain or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(
                f"notes: {key!r}: {reprlib.repr(value)} found; allowed: texts and finite numbers"
            )
    return dict(notes)


def check_order(layers: tuple[Layer, ...]) -> None:
    """Refuse a name that stands twice, and an input that is no earlier layer."""
    known = [INPUT]
    for layer in layers:
        if not isinstance(layer, Layer):
            raise ValueError(f"layers: {reprlib.repr(layer)} found; allowed: layers")
        if layer.name in known:
            raise ValueError(f"{layer.name}: a second layer of this name found; allowed: one")
        for name in layer.inputs:
            if name not in known:
                raise ValueError(
                    f"{layer.name}: input {name!r} found; allowed: an earlier layer or {INPUT!r}"
                )
        known.append(layer.name)


def check_kinds(layers: tuple[Layer, ...]) -> None:
    """Refuse integers and float32 in one network, and scores anywhere but at the end."""
    real = any(layer.real for layer in layers)
    last = Affine if real else Scores
    for layer in layers:
        if layer.real not in (None, real):
            raise ValueError(
                f"{layer.name}: integers found beside float32 layers; allowed: only one of them"
            )
        if isinstance(layer, Scores) and layer is not layers[-1]:
            raise ValueError(f"{layer.name}: scores found inside; allowed: only as the last layer")
    if not layers or not isinstance(layers[-1], last):
        found = f"{layers[-1].name}: a {type(layers[-1]).__name__}" if layers else "layers: nothing"
        raise ValueError(f"{found} found at the end; allowed: {last.__name__}")

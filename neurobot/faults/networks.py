"""What a chip that runs a network of `neurobot.qnet` has stored, as codes; plans that read it.

Layers run on copies of a network's constants, which a write changes in place: weights, and what
makes codes and scores of sums, by channel. Multipliers take 32 bits, biases 64, as their ranges
say, and shifts the 6 that can count to 62; float32 numbers take the 32 of IEEE 754. Limits of codes
are wired (assumed). Whatever is written, products and sums wrap around in int64, and every shift
is one of 0..63.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.faults.memory import Codes, Memory, from_signed, to_signed
from neurobot.qnet import Affine, Conv, Layer, Network, Requant, Scores
from neurobot.qnet.convolve import arrange, lay_out
from neurobot.qnet.runner import (
    Map,
    Plans,
    Step,
    plan_affine,
    plan_requant,
    plan_scores,
    plan_sums,
)
from neurobot.qnet.signals import REAL_BITS, integer_of

Array = NDArray[Any]
Places = NDArray[np.int64]
CONFIGURATION, WEIGHTS = "configuration", "weights"
MULTIPLIER_BITS, BIAS_BITS, SHIFT_BITS = 32, 64, 6


class Stored:
    """A configured memory: its codes, and what follows when some are written.

    put: told positions (n,) and codes (n,), lets the chip read them.
    """

    def __init__(self, memory: Memory, codes: Codes, put: Callable[[Places, Codes], None]) -> None:
        self.memory, self.codes, self._put = memory, codes, put
        self._mask = np.uint64((1 << memory.bits) - 1)

    def write(self, values: Places, codes: Codes) -> None:
        """Put codes at positions."""
        kept = codes & self._mask
        self.codes[values] = kept
        self._put(values, kept)


def store(memory: Memory, numbers: Array, *, signed: bool = True) -> Stored:
    """Store what an array of integers (values,) holds; what is written changes the array."""

    def put(values: Places, codes: Codes) -> None:
        numbers[values] = to_signed(codes, memory.bits) if signed else codes

    return Stored(memory, from_signed(numbers, memory.bits), put)


def patterns(reals: Array) -> Array:
    """Return the bits of float32 numbers, as integers in the same memory."""
    return reals.view(np.int32)


class Weights:
    """The weights of a convolution on a chip that stores so many bits of each, 32 of float32 ones.

    Where that is more than their own bits, signs are extended, and codes of an odd grid begin with
    zeros. laid: what kernels read.
    """

    def __init__(self, conv: Conv, bits: int, reads: str | None) -> None:
        self.conv, self.laid = conv, lay_out(conv)
        numbers = np.arange(1, conv.weights.size + 1).reshape(conv.weights.shape)
        self._places = np.argsort(arrange(conv, numbers), kind="stable")[-conv.weights.size :]
        self._numbers = patterns(self.laid) if conv.real else self.laid
        raw = patterns(conv.weights) if conv.real else conv.weights
        memory = Memory(WEIGHTS, conv.name, raw.size, bits, reads=reads)
        self.stored = Stored(memory, from_signed(raw.ravel(), bits), self._put)

    def _put(self, values: Places, codes: Codes) -> None:
        self._numbers[self._places[values]] = integers(self.conv, codes, self.stored.memory.bits)

    def plan(self, target: Map, source: Map, taps: Array, number: int) -> list[Step]:
        """Sum what is stored."""
        return plan_sums(self.laid, self.conv, target, source, taps, number)


def integers(conv: Conv, codes: Codes, bits: int) -> Array:
    """Return the integers that stored codes of weights stand for; of float32 ones, their bits."""
    found = codes.astype(np.int64) if conv.odd else to_signed(codes, bits)
    return np.asarray(integer_of(found, conv.weight_bits, conv.odd))


def opened(layer: Layer, *names: str) -> tuple[Layer, list[Array]]:
    """Return a layer on copies of constants, and those copies, flat, to be written.

    The layer's own views cannot be written: so compiled code knows them.
    """
    copies = [getattr(layer, name).copy() for name in names]
    views = {name: own.view() for name, own in zip(names, copies, strict=True)}
    for view in views.values():
        view.flags.writeable = False
    live = copy(layer)
    live._set(**views)
    return live, copies


def rescale(live: Requant, shift: Array, usual: Step, source: Array, target: Array) -> None:
    """Make codes of sums (places, channels), each channel by a shift of its own.

    usual: what does so as long as all shifts are the layer's.
    """
    kernel, given = usual
    if (shift == live.shift).all():
        kernel(*given)
        return
    codes = (source.astype(np.int64) * live.multiplier + live.bias) >> shift
    target[...] = integer_of(codes.clip(live.low, live.high), live.bits, live.odd)


class Scales:
    """What makes codes and scores of a network's sums: memories, and plans of what reads them."""

    def __init__(self, network: Network, reads: str | None) -> None:
        self.stores: list[Stored] = []
        self._reads = reads
        self._live: dict[str, Any] = {}
        self._shifts: dict[str, Array] = {}
        for layer in network.layers:
            if isinstance(layer, Requant | Scores):
                self._open(layer, multiplier=MULTIPLIER_BITS, bias=BIAS_BITS)
            elif isinstance(layer, Affine):
                self._open(layer, scale=REAL_BITS, bias=REAL_BITS)
            if isinstance(layer, Requant):
                shift = self._shifts[layer.name] = np.full(len(layer.bias), layer.shift, np.int64)
                self._add(layer.name, "shift", shift, SHIFT_BITS, signed=False)

    def _open(self, layer: Layer, **bits: int) -> None:
        self._live[layer.name], copies = opened(layer, *bits)
        for (name, width), own in zip(bits.items(), copies, strict=True):
            self._add(layer.name, name, patterns(own) if layer.real else own, width)

    def _add(self, layer: str, name: str, own: Array, bits: int, *, signed: bool = True) -> None:
        memory = Memory(CONFIGURATION, f"{layer}.{name}", own.size, bits, reads=self._reads)
        self.stores.append(store(memory, own, signed=signed))

    @property
    def plans(self) -> Plans:
        """What layers do on what is stored."""
        return {Requant: self._plan_requant, Scores: self._plan_scores, Affine: self._plan_affine}

    def _plan_requant(self, layer: Requant, target: Map, source: Map) -> list[Step]:
        live = self._live[layer.name]
        (usual,) = plan_requant(live, target, source)
        given = live, self._shifts[layer.name], usual, source.places, target.places
        return [(rescale, given)]

    def _plan_scores(self, layer: Scores, target: Map, source: Map) -> list[Step]:
        return plan_scores(self._live[layer.name], target, source)

    def _plan_affine(self, layer: Affine, target: Map, source: Map) -> list[Step]:
        return plan_affine(self._live[layer.name], target, source)

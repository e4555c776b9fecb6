"""Networks of integers, placed on arrays of memory cells; and other converters for what is there.

Weights stay what they are: with ideal converters, or with as many bits as columns need, the placed
network computes what the plain one does, bit by bit. `converters` says what others are like.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurobot.column_cim.calibration import tally_sums
from neurobot.column_cim.converters import (
    Converters,
    Reach,
    from_reach,
    from_sums,
    reach,
    stretched,
)
from neurobot.column_cim.layers import exchange, on_arrays
from neurobot.qnet.checks import MOST_BITS
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Layer
from neurobot.qnet.network import INPUT, Network
from neurobot.qnet.signals import Signal

EDGES = ("digital", "arrays")  # where the first and the last layer with weights go
CONVERTERS, DIGITAL = "converters", "digital layers"  # notes


def onto_arrays(
    network: Network,
    *,
    rows: int = 128,
    cell_bits: int = 2,
    encoding: str = "differential",
    dac_bits: int = MOST_BITS,
    adc_bits: int | None = 4,
    images: ArrayLike | None = None,
    edges: str = "digital",
) -> Network:
    """Return a network whose layers with weights lie on arrays, where they can; see `ColumnConv`.

    images: (N, rows, columns, channels), on which converters are calibrated; without them these
    span all that columns can sum to. edges: where the first and the last such layer go, one of
    EDGES. Notes tell where converters come from, and what stays digital, with the reason.
    """
    if edges not in EDGES:
        raise ValueError(f"edges = {edges!r} found; allowed: {' or '.join(map(repr, EDGES))}")
    for conv in on_arrays(network):
        raise ValueError(f"{conv.name}: a layer on arrays found; allowed: a network without any")
    arrays = {"rows": rows, "cell_bits": cell_bits, "encoding": encoding, "dac_bits": dac_bits}
    ideal, reasons = place_all(network, arrays, edges)
    if not on_arrays(ideal):
        raise ValueError(f"no layer can lie on arrays: {'; '.join(reasons)}")
    placed, how = fitted(ideal, adc_bits, images)
    notes = {CONVERTERS: how, **({DIGITAL: "; ".join(reasons)} if reasons else {})}
    return placed.with_notes({**placed.notes, **notes})


def fitted(ideal: Network, adc_bits: int | None, images: ArrayLike | None) -> tuple[Network, str]:
    """Return a network with converters, and where these come from."""
    if adc_bits is None:
        return ideal, "ideal"
    if images is None:
        return with_adc(ideal, adc_bits, "reach"), "of all that columns can sum to"
    pixels = np.asarray(images)
    return calibrate(ideal, adc_bits, pixels), f"of sums on {len(pixels)} images"


def place_all(network: Network, arrays: dict[str, Any], edges: str) -> tuple[Network, list[str]]:
    """Place what can lie on arrays, with ideal converters; say of all else why it cannot."""
    convs = network.convs
    outer = {convs[0].name, convs[-1].name} if edges == "digital" and convs else set()
    signals, layers, reasons = {INPUT: network.signals[INPUT]}, list[Layer](), list[str]()
    for layer in network.layers:
        given = [signals[name] for name in layer.inputs]
        made = layer
        if layer.name in outer:
            reasons.append(f"{layer.name}: the first or the last one with weights")
        elif isinstance(layer, Conv):
            try:
                made = place(layer, given[0], arrays)
            except ValueError as refused:
                reasons.append(str(refused))
        layers.append(made)
        signals[layer.name] = made.signal(*given)
    return replace(network, layers=tuple(layers)), reasons


def place(conv: Conv, source: Signal, arrays: dict[str, Any]) -> ColumnConv:
    """Place a layer, with ideal converters; refuse one that cannot lie on arrays."""
    placed = ColumnConv(
        conv.name,
        conv.inputs,
        conv.weights if conv.real else conv.integers,
        conv.weight_bits + conv.odd,
        stride=conv.stride,
        padding=conv.padding,
        groups=conv.groups,
        flat=conv.kernel == source.shape[:2] and conv.padding == (0, 0),
        **arrays,
    )
    placed.signal(source)
    return placed


def refit(conv: ColumnConv, adc_bits: int | None, make: Callable[[], Converters]) -> ColumnConv:
    """Return a layer with other converters; None: ideal ones, whatever would be made."""
    bare = replace(conv, adc_bits=adc_bits, adc_step=None, adc_offset=None)
    if bare.adc_bits is None:
        return bare
    steps, offsets = make()
    return replace(bare, adc_step=steps, adc_offset=offsets)


def calibrate(network: Network, adc_bits: int, images: ArrayLike) -> Network:
    """Return a network with converters for what its columns sum to on images, as it is.

    images: (N, rows, columns, channels).
    """
    tallies = tally_sums(network, np.asarray(images))

    def change(conv: ColumnConv, source: Signal) -> ColumnConv:
        tally, ends = tallies[conv.name], reach(conv, source)
        deviation = np.sqrt(tally.variance)
        return refit(conv, adc_bits, lambda: from_sums(tally.mean, deviation, ends, adc_bits))

    return exchange(network, change)


METHODS: dict[str, Callable[[ColumnConv, Reach, int], Converters]] = {
    "stretch": stretched,
    "reach": lambda conv, ends, adc_bits: from_reach(ends, adc_bits),
}


def with_adc(network: Network, adc_bits: int | None, method: str = "stretch") -> Network:
    """Return a network with converters of other bits; None: ideal ones.

    method: "stretch" its steps, which must not be ideal ones, or "reach" from the least to the
    greatest sum that is possible. Layers whose converters have as many bits already stay.
    """
    if method not in METHODS:
        raise ValueError(f"method = {method!r} found; allowed: {' or '.join(map(repr, METHODS))}")

    def change(conv: ColumnConv, source: Signal) -> ColumnConv:
        if conv.adc_bits == adc_bits:
            return conv
        make = METHODS[method]
        return refit(conv, adc_bits, lambda: make(conv, reach(conv, source), int(adc_bits or 0)))

    return exchange(network, change)

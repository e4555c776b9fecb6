"""The whole way of a network: pass after pass, and what each leaves of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.compile.compress import compress
from neurobot.compile.delay import delay
from neurobot.compile.fan_in import fan_in
from neurobot.insight import Machine
from neurobot.qnet.checks import MOST_BITS
from neurobot.tdnn.direct import evaluate
from neurobot.tdnn.form import Net
from neurobot.tdnn.hardware import hardware

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the passes after factorization.

    leaf_exponents: connections are shared out among hardware neurons before weights become codes,
    so that each of them has an exponent of its own. line, lines: see `compile.delay`.
    """

    weight_bits: int = MOST_BITS
    activation_bits: int = MOST_BITS
    fan_in: int = 32
    partition: str = "sorting"
    leaf_exponents: bool = False
    line: int | None = None
    lines: int | None = None


class Pass(NamedTuple):
    """The name of a pass, and the network after it."""

    name: str
    net: Net


def to_machine(net: Net, request: Request, images: Array | None) -> Iterator[Pass]:
    """Yield the network after each pass that ends in a machine: integers, time, fixed fan-in.

    images: (N, rows, columns, channels), for the steps of activations; integers need none.
    """
    first = request.leaf_exponents and not net.integer
    if first:
        net = fan_in(net, request.fan_in, request.partition)
        yield Pass("fan-in", net)
    if not net.integer:
        if images is None:
            raise ValueError(
                "network: real numbers found; images are needed to make integers of them"
            )
        net = compress(net, images, request.weight_bits, request.activation_bits)
        yield Pass("compress", net)
    net = delay(net, request.line, request.lines)
    yield Pass("delay", net)
    if not first:
        yield Pass("fan-in", fan_in(net, request.fan_in, request.partition))


def scores_of(net: Net, images: Array) -> Array:
    """Return the scores (N, n) of images (N, ...); in time those of the streaming machine."""
    return evaluate(net, images) if net.clocking is None else Machine(net).run_all(images)


def answers(net: Net, images: Array) -> Array:
    """Return the class of the highest score for each image (N, ...)."""
    return np.asarray(scores_of(net, images).argmax(axis=1))


def totals(net: Net) -> dict[str, int | None]:
    """Return what a network takes up in silicon; delay_words: None in space."""
    stages = hardware(net)
    found: dict[str, int | None] = {
        name: sum(getattr(stage, name) for stage in stages)
        for name in ("connections", "synapses", "neurons", "weight_bits_total")
    }
    for name in ("delay_words", "delay_words_gated"):
        words = [getattr(stage, name) for stage in stages]
        found[name] = None if None in words else sum(words)
    return found

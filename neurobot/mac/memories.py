"""Whether a network fits the processor's memories and registers, and how many banks it needs."""

from collections.abc import Iterator, Sequence

import numpy as np

from neurobot.fixed import signed_range
from neurobot.mac.array import MacArray
from neurobot.mac.plan import Pass
from neurobot.mac.schedules import Job, partial_bytes, weight_bytes
from neurobot.qnet import INPUT, Conv, Network
from neurobot.qnet.checks import MOST_BITS


def jobs(passes: Sequence[Pass]) -> Iterator[Job]:
    """Yield the convolutions."""
    for part in passes:
        if isinstance(part.layer, Conv):
            yield Job(part, part.layer)


def check_operands(job: Job, network: Network, array: MacArray) -> None:
    """Refuse inputs that are wider than the datapath, and sums that are than the accumulators."""
    conv, signal = job.conv, network.signals[job.conv.inputs[0]]
    if conv.real:
        return
    if signal.bits > MOST_BITS:
        raise ValueError(
            f"{conv.name}: inputs of {signal.bits} bits found; the processor takes 1..{MOST_BITS}"
        )
    # Codes of a mid-rise grid are all positive: their sums are larger than those of its integers.
    positive, negative = (
        clip(conv.weights, 0).sum(axis=(1, 2, 3), dtype=np.int64)
        for clip in (np.maximum, np.minimum)
    )
    low, high = min(signal.lowest, 0), max(signal.highest, 0)
    least = int((positive * low + negative * high).min())
    most = int((positive * high + negative * low).max())
    floor, ceiling = signed_range(array.accumulator_bits)
    if least < floor or most > ceiling:
        raise ValueError(
            f"{conv.name}: sums of {least}..{most} found; accumulators of "
            f"{array.accumulator_bits} bits hold {floor}..{ceiling}"
        )


def check_size(name: str, what: str, found: int, held: int) -> None:
    """Refuse what does not fit a memory."""
    if found > held:
        raise ValueError(f"{name}: {found} bytes of {what} needed; the processor holds {held}")


def weights_held(passes: Sequence[Pass], array: MacArray) -> int:
    """Return how many bytes all weights and scales take; refuse the layer that they do not fit."""
    total = 0
    for part in passes:
        if isinstance(part.layer, Conv):
            total += weight_bytes(Job(part, part.layer), array)
        else:
            channels = next(iter(part.made.values())).shape[2]
            total += part.scale_words(channels, array.weight_word_bits) * array.weight_lanes
        check_size(part.layer.name, "weights so far", total, array.weight_bytes)
    return total


def activations_held(passes: Sequence[Pass], array: MacArray) -> int:
    """Return how many bytes of maps are held at a time, at most; refuse what does not fit.

    A map is held until the last pass that reads it has ended.
    """
    ends = {name: k for k, part in enumerate(passes) for name in part.layer.inputs}
    held, most = {INPUT: passes[0].sources[0]}, 0
    for k, part in enumerate(passes):
        held |= part.made
        size = sum(layout.size_bytes for layout in held.values())
        check_size(part.layer.name, "maps at a time", size, array.activation_bytes)
        most = max(most, size)
        held = {name: layout for name, layout in held.items() if ends.get(name, -1) > k}
    return most


def banks(network: Network, passes: Sequence[Pass], array: MacArray) -> int:
    """Return how many memory banks a network needs; refuse one that does not fit."""
    partial = 0
    for job in jobs(passes):
        check_operands(job, network, array)
        size = partial_bytes(job, array)
        check_size(job.conv.name, "sums set aside", size, array.partial_bytes)
        partial = max(partial, size)
    sizes = weights_held(passes, array), activations_held(passes, array), partial
    return sum(array.banks(size) for size in sizes)

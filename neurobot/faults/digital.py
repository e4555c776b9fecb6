"""The memories of the digital processor of `neurobot.mac`, open to faults.

Weights lie as `neurobot.mac` packs them: a layer's in as many bits each as its mode has, the wider
of weights and inputs. What follows from the network alone, time among it, was planned before, and
no fault changes it; what follows from the data is counted as it happens. A product of 0 and a
weight that became infinite is no number, even where the multiplier of an input of 0 stays still
(assumed). `neurobot.mac.residence` tells which sums lie in which accumulators.
"""

from typing import Any

import numpy as np

from neurobot.faults.accumulators import (
    ACCUMULATORS,
    SUM_BITS,
    Accumulators,
    NetworkMemories,
    ending,
    invert,
    inverted,
)
from neurobot.faults.memory import Memory
from neurobot.faults.networks import Array, Scales, Weights
from neurobot.fixed import signed_range, wrap_around
from neurobot.mac import Processor
from neurobot.mac.residence import Held, Residence
from neurobot.qnet import Conv
from neurobot.qnet.runner import Map, Step
from neurobot.qnet.signals import REAL_BITS

READS = "weight_reads"
ENDS = signed_range(SUM_BITS)


class ProcessorMemories(NetworkMemories):
    """The processor of a `CnnController`, which that one decides with from now on."""

    def __init__(self, controller: Any, world: Any) -> None:
        processor: Processor = controller.processor
        jobs = [job for job, _ in processor.spans if job is not None]
        self._weights = {job.conv.name: Weights(job.conv, job.bits, READS) for job in jobs}
        network, scales = processor.network, Scales(processor.network, READS)
        stores = [weights.stored for weights in self._weights.values()] + scales.stores
        sums = make_accumulators(processor)
        super().__init__(controller, stores, sums)
        self._sums = sums
        plans = {**scales.plans, Conv: self._plan_conv}
        processor.replan(ending(plans, network.layers[-1].name, sums.finish))

    def _plan_conv(
        self, conv: Conv, target: Map, source: Map, taps: Array, number: int
    ) -> list[Step]:
        steps = self._weights[conv.name].plan(target, source, taps, number)
        return [*steps, (self._upset, (conv, target, source))]

    def _upset(self, conv: Conv, target: Map, source: Map) -> None:
        """Invert what was struck of the sums of a convolution."""
        for held, mask in self._sums.masks(conv.name).items():
            if conv.odd:
                self._upset_codes(conv, target, source, held, mask)
            else:
                place = held.place * target.shape[2] + held.channels[0]
                invert(target.flat, place, mask, self._sums.width)

    def _upset_codes(self, conv: Conv, target: Map, source: Map, held: Held, mask: int) -> None:
        """Invert bits of a sum of codes k, or of inputs x, of 2 sum(k x) - m sum(x)."""
        inputs = window(conv, source.shaped, *divmod(held.place, target.shape[1]))
        made = len(conv.weights) // conv.groups
        given = conv.weights.shape[3]
        first = held.channels[0] // made * given
        inputs, factor = inputs[:, :, first : first + given], 1 - (1 << conv.weight_bits)
        if not held.inputs:
            codes = self._weights[conv.name].stored.codes.reshape(conv.weights.shape)
            inputs, factor = inputs * codes[held.channels[0]].astype(np.int64), 2
        total = int(inputs.sum())
        change = factor * (inverted(total, mask, self._sums.width) - total)
        for channel in held.channels:
            place = held.place * target.shape[2] + channel
            target.flat[place] = wrap_around(int(target.flat[place]) + change, *ENDS)


def window(conv: Conv, source: Array, y: int, x: int) -> Array:
    """Return the inputs (rows, columns, channels) of a window, int64, with the zeros around."""
    found = np.zeros((*conv.kernel, source.shape[2]), np.int64)
    top, left = y * conv.stride[0] - conv.padding[0], x * conv.stride[1] - conv.padding[1]
    begins = zip((top, left), conv.kernel, strict=True)
    rows, columns = (slice(max(first, 0), first + count) for first, count in begins)
    part = source[rows, columns]
    down, right = max(-top, 0), max(-left, 0)
    found[down : down + part.shape[0], right : right + part.shape[1]] = part
    return found


def make_accumulators(processor: Processor) -> Accumulators[Held]:
    """Return the accumulators of a processor's array, row by row."""
    residence = Residence(processor.spans, processor.array)
    count = processor.array.rows * residence.columns
    kinds = (processor.array.accumulator_bits, "accumulations"), (REAL_BITS, "macs_fp32")
    bits, reads = kinds[processor.network.real]
    memory = Memory(ACCUMULATORS, "array", count, bits, state=True, reads=reads)

    def held(cycle: int, value: int) -> Held | None:
        return residence.held(cycle, *divmod(value, residence.columns))

    return Accumulators(memory, residence.cycles, held)

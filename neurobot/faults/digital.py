"""The memories of the digital processor of `neurobot.mac`, open to faults.

Weights lie as `neurobot.mac` packs them: a layer's in as many bits each as its mode has, the wider
of weights and inputs. What follows from the network alone, time among it, was planned before, and
no fault changes it; what follows from the data is counted as it happens.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.events import MacEvents
from neurobot.faults.memory import Codes, Memory
from neurobot.faults.networks import Array, Scales, Weights
from neurobot.mac import Processor
from neurobot.qnet import Conv
from neurobot.qnet.runner import Map, Step

READS = "weight_reads"


class ProcessorMemories:
    """The processor of a `CnnController`, which it runs on from now on."""

    def __init__(self, controller: Any, world: Any) -> None:
        self._processor: Processor = controller.processor
        jobs = [job for job, _ in self._processor.spans if job is not None]
        self._weights = {job.conv.name: Weights(job.conv, job.bits, READS) for job in jobs}
        scales = Scales(self._processor.network, READS)
        self._stores = [weights.stored for weights in self._weights.values()] + scales.stores
        self._processor.replan({**scales.plans, Conv: self._plan_conv})

    def _plan_conv(
        self, conv: Conv, target: Map, source: Map, taps: Array, number: int
    ) -> list[Step]:
        return self._weights[conv.name].plan(target, source, taps, number)

    @property
    def memories(self) -> tuple[Memory, ...]:
        """Weights by layer, what scales sums."""
        return tuple(stored.memory for stored in self._stores)

    def read(self, part: int) -> Codes:
        """Return the codes (values,) of a configured memory."""
        return self._stores[part].codes.copy()

    def write(self, part: int, values: NDArray[np.int64], codes: Codes) -> None:
        """Put codes (n,) at positions (n,) of a configured memory; the next decision meets them."""
        self._stores[part].write(values, codes)

    @property
    def events(self) -> MacEvents:
        """What the last decision took."""
        return self._processor.events

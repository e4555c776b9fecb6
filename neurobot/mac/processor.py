"""The processor with a network on it: scores of an image, exactly, and what they take.

Most counts follow from the network alone and are made once; which products switch and which lanes
are still follows from the image.
"""

from dataclasses import asdict, dataclass
from typing import Any

from numpy.typing import ArrayLike, NDArray

from neurobot.events import MacEvents
from neurobot.mac import memories, schedules, vectors
from neurobot.mac.array import MacArray
from neurobot.mac.plan import Pass, make_plan
from neurobot.mac.products import products_of
from neurobot.mac.schedules import Job
from neurobot.qnet import INPUT, Layer, Network, Runner
from neurobot.qnet.runner import Plans


@dataclass(frozen=True, slots=True)
class LayerRow:
    """What a pass of a run took; utilization: of the array, None where it did not take part."""

    name: str
    kind: str
    mode: str
    utilization: float | None
    events: MacEvents


class Processor:
    """A network on an array; what does not fit it is refused. Not to be shared among threads.

    Before the first run, counts are those of an image of zeros whose sums all stayed 0.
    """

    def __init__(self, network: Network, array: MacArray | None = None) -> None:
        """Plan all passes, and count what happens in every run."""
        self.network = network
        self.array = array or MacArray()
        self._passes = make_plan(network, self.array)
        banks = memories.banks(network, self._passes, self.array)
        self._jobs = {job.conv.name: job for job in memories.jobs(self._passes)}
        self._image = MacEvents(activation_writes=self._passes[0].sources[0].words, banks=banks)
        self._static = [self._count(part) for part in self._passes]
        self._total = numbers(sum(self._static, self._image))
        self.replan({})

    def replan(self, plans: Plans) -> None:
        """Run layers by other plans than `neurobot.qnet` has; what is counted stays the same."""
        self.runner = Runner(self.network, plans)
        self._products = {
            name: products_of(job, self.array, self.maps[job.conv.inputs[0]])
            for name, job in self._jobs.items()
        }
        self._events: MacEvents | None = None

    def _count(self, part: Pass) -> MacEvents:
        job = self._jobs.get(part.layer.name)
        if job is None:
            return MacEvents(**vectors.count(part, self.array, real=self.network.real))
        return MacEvents(**schedules.convolve(job, self.array))

    def run(self, image: ArrayLike) -> NDArray[Any]:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        scores = self.runner(image)
        self._events = None
        return scores

    @property
    def spans(self) -> list[tuple[Job | None, int]]:
        """The convolution, if it is one, and the cycles of each pass, in the order of a run."""
        return [
            (self._jobs.get(part.layer.name), static.cycles)
            for part, static in zip(self._passes, self._static, strict=True)
        ]

    @property
    def maps(self) -> dict[str, NDArray[Any]]:
        """By layer and "input", the map of the last run, which the next run overwrites."""
        return self.runner.maps

    @property
    def events(self) -> MacEvents:
        """What the last run took."""
        if self._events is None:
            counts = self._total.copy()
            for name, taps in self.runner.taps.items():
                self._products[name].add(counts, taps)
            self._events = MacEvents(*counts)
        return self._events

    @property
    def layers(self) -> list[LayerRow]:
        """What each pass of the last run took; first, what the arrival of the image did."""
        taps, rows = self.runner.taps, [LayerRow(INPUT, "Image", "", None, self._image)]
        for part, static in zip(self._passes, self._static, strict=True):
            counts, name = numbers(static), part.layer.name
            if name in self._jobs:
                self._products[name].add(counts, taps[name])
            rows.append(row(part.layer, self._jobs.get(name), MacEvents(*counts), self.array))
        return rows


def numbers(events: MacEvents) -> list[int]:
    """Return the counts by field."""
    return list(asdict(events).values())


def row(layer: Layer, job: Job | None, events: MacEvents, array: MacArray) -> LayerRow:
    """Make a row of a pass; the array is used as far as its lanes are full of values."""
    kind = type(layer).__name__
    if job is None:
        return LayerRow(layer.name, kind, "", None, events)
    used = job.macs / (events.cycles * array.elements * job.packed)
    return LayerRow(layer.name, kind, job.mode, used, events)


def sheet(processor: Processor) -> list[dict[str, Any]]:
    """Return a line of plain values for each pass of the last run.

    Besides the events: name, kind, mode, macs (still ones included) and utilization.
    """
    return [
        {
            "name": each.name,
            "kind": each.kind,
            "mode": each.mode,
            "macs": each.events.macs,
            "utilization": each.utilization,
            **asdict(each.events),
        }
        for each in processor.layers
    ]

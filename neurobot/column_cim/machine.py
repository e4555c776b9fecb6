"""The machine with a network on it: scores of an image, through converters, and what they take.

Most counts follow from the network alone and are made once; what rows drive follows from the image.
"""

from collections.abc import Mapping as Named
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurobot.column_cim.counting import Drive
from neurobot.column_cim.mapping import Mapping
from neurobot.column_cim.plan import Step, make_plan
from neurobot.column_cim.silicon import Silicon
from neurobot.column_cim.variation import Cells, Variation, plans_for, program
from neurobot.compiled import cores
from neurobot.events import CimEvents
from neurobot.qnet import INPUT, Conv, Network, Runner
from neurobot.qnet.checks import INT64, whole
from neurobot.qnet.column_kernels import Opened
from neurobot.qnet.runner import Array, Plans, check_pixels

ARRAYS, DIGITAL = "arrays", "digital"
MOST_DRAW = INT64[1]
PLACES = {field.name: k for k, field in enumerate(fields(CimEvents))}
DRIVEN = tuple(PLACES[name] for name in Drive._fields)


@dataclass(frozen=True, slots=True)
class LayerRow:
    """What a layer took; where: on arrays, on the digital unit, or "" where it has no weights."""

    name: str
    kind: str
    where: str
    mapping: Mapping | None
    events: CimEvents


class Lane:
    """A runner, and the number of the image that it reads next."""

    def __init__(
        self,
        network: Network,
        variation: Variation,
        draw: int,
        cells: Named[str, Cells],
        *,
        opened: Opened | None = None,
        plans: Plans | None = None,
    ) -> None:
        """Plan a network; opened: see `plan_columns`; plans: of layers that lie on no arrays."""
        self.reads = np.zeros(1, np.int64)
        own = plans_for(network, variation, draw, cells=cells, reads=self.reads, opened=opened)
        self.runner = Runner(network, {**own, **(plans or {})})

    def run(self, image: Array, number: int) -> Array:
        """Return the scores of an image of some number; the next run overwrites them."""
        self.reads[0] = number
        self.runner.run(image)
        return np.asarray(self.runner.maps[self.runner.network.layers[-1].name].reshape(-1))

    def run_all(self, images: Array, first: int) -> tuple[Array, dict[str, int]]:
        """Return the scores (N, n) of images, of which the first has a number, and their taps."""
        scores = np.zeros((len(images), self.runner.network.output.values), np.int64)
        taps = dict.fromkeys(self.runner.taps, 0)
        for k, image in enumerate(images):
            scores[k] = self.run(image, first + k)
            for name, count in self.runner.taps.items():
                taps[name] += count
        return scores, taps


class Machine:
    """A network on the machine; what does not fit it is refused. Not to be shared among threads.

    images: how many the last run read; before the first, counts are those of one without input.
    variation, draw: what separates cells from the digits that they hold, which is nothing where
    none is given; they are programmed once. Read noise follows from the number of the image since
    the machine was made, or rewound.
    """

    def __init__(
        self,
        network: Network,
        silicon: Silicon | None = None,
        variation: Variation | None = None,
        draw: int = 0,
    ) -> None:
        """Place the weights, program the cells, and count what happens in every run."""
        self.network = network
        self.silicon = silicon or Silicon()
        self.variation, self.draw = variation or Variation(), whole("draw", draw, 0, MOST_DRAW)
        self._plan = make_plan(network, self.silicon)
        self._opening: dict[str, Any] = {}
        self.program(self.variation, self.draw)
        self._taps = dict.fromkeys(self._lanes[0].runner.taps, 0)
        self._each, self._number = self._plan.events, 0
        self._one = list(astuple(self._each))
        self._still, self.images = self._one, 1

    def program(self, variation: Variation, draw: int) -> None:
        """Program all cells anew."""
        self._cells = program(self.network, variation, draw)
        self.variation, self.draw = variation, draw
        self._lanes = [self._make_lane(**self._opening)]

    def open(self, opened: Opened, plans: Plans) -> None:
        """Let somebody see and change what `run` reads; `run_all` has memories of its own.

        opened: of layers on arrays, see `qnet.column_kernels.plan_columns`; it is told of them
        anew whenever cells are programmed. plans: of other layers.
        """
        self._opening = {"opened": opened, "plans": plans}
        self._lanes = [self._make_lane(**self._opening)]

    def _make_lane(self, **opening: Any) -> Lane:
        return Lane(self.network, self.variation, self.draw, self._cells, **opening)

    @property
    def maps(self) -> dict[str, Array]:
        """By layer and "input", the map of the last `run`, which the next one overwrites."""
        return self._lanes[0].runner.maps

    @property
    def steps(self) -> tuple[Step, ...]:
        """The network as planned, in the order in which its layers come."""
        return self._plan.steps

    @property
    def events(self) -> CimEvents:
        """What the last run took."""
        counts = self._still.copy()
        for step in self._plan.steps:
            drive(counts, step, self._taps)
        return CimEvents(*counts)

    @property
    def layers(self) -> list[LayerRow]:
        """What each layer took in the last run; first, what the arrival of its images did."""
        rows = [LayerRow(INPUT, "Image", "", None, self._plan.arrival.times(self.images))]
        for step in self._plan.steps:
            counts = list(astuple(step.events.times(self.images)))
            drive(counts, step, self._taps)
            rows.append(row(step, CimEvents(*counts)))
        return rows

    def run(self, image: ArrayLike) -> Array:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        pixels, lane = np.asarray(image), self._lanes[0]
        check_pixels(self.network, pixels, self.network.input_shape)
        scores = lane.run(pixels, self._number).copy()
        self._still, self.images, self._taps = self._one, 1, lane.runner.taps
        self._number += 1
        return scores

    def run_all(self, images: ArrayLike, threads: int | None = None) -> Array:
        """Return the scores (N, n) of images (N, rows, columns, channels).

        threads: how many share the work (default: one per core); results do not hang on it.
        """
        pixels = np.asarray(images)
        check_pixels(self.network, pixels, (*pixels.shape[:1], *self.network.input_shape))
        workers = max(min(threads or cores(), len(pixels)), 1)
        while len(self._lanes) < workers:
            self._lanes.append(self._make_lane())
        parts = np.array_split(pixels, workers)
        firsts = self._number + np.cumsum([0, *map(len, parts[:-1])])
        with ThreadPoolExecutor(workers) as pool:
            found = list(pool.map(Lane.run_all, self._lanes[:workers], parts, firsts.tolist()))
        self.images = len(pixels)
        self._still = list(astuple(self._each.times(self.images)))
        self._number += self.images
        self._taps = {name: sum(taps[name] for _, taps in found) for name in self._taps}
        return np.concatenate([scores for scores, _ in found])

    def rewind(self) -> None:
        """Take the next image for the first one: its read noise follows from its number."""
        self._number = 0


def drive(counts: list[int], step: Step, taps: Named[str, int]) -> None:
    """Add what inputs other than 0 made arrays do; counts: by field of `CimEvents`."""
    if step.mapping:
        met = taps[step.layer.name]
        for place, each in zip(DRIVEN, step.drive, strict=True):
            counts[place] += met * each


def row(step: Step, events: CimEvents) -> LayerRow:
    """Make a row of a layer."""
    plain = DIGITAL if isinstance(step.layer, Conv) else ""
    kind = type(step.layer).__name__
    where = ARRAYS if step.mapping else plain
    return LayerRow(step.layer.name, kind, where, step.mapping, events)


def sheet(machine: Machine) -> list[dict[str, Any]]:
    """Return a line of plain values for each layer, of all images of the last run together.

    Besides the events: name, kind, where; what `Mapping` tells by image of a layer on arrays, None
    for others.
    """
    return [line(each) for each in machine.layers]


TOLD = (
    "tiles",
    "blocks",
    "slices",
    "weight_steps",
    "adc_steps",
    "utilization",
    "conversions",
    "macs_per_conversion",
    "multiplies",
)


def line(each: LayerRow) -> dict[str, Any]:
    """Return a line of the sheet."""
    mapping = each.mapping
    told = {name: getattr(mapping, name) if mapping else None for name in TOLD}
    counted = asdict(each.events)
    if mapping:
        counted |= {"arrays": mapping.arrays, "constants": mapping.constants}
    return {"name": each.name, "kind": each.kind, "where": each.where, **told, **counted}

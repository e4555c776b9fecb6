"""The machine with a network on it: scores of an image from the packed tiles, and what they take.

What an image takes follows from the network alone.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from neurobot.compiled import cores
from neurobot.events import MarsEvents
from neurobot.mars.kernels import Entries, make_entries, padded_shape, plan_entries
from neurobot.mars.packing import Packed, decode
from neurobot.mars.plan import make_plan
from neurobot.mars.schedule import Timing
from neurobot.mars.silicon import Silicon
from neurobot.qnet import INPUT, Conv, Network, Runner
from neurobot.qnet.runner import Array, Plans, check_pixels

MODE = "macs_"
MODES = [field.name for field in fields(MarsEvents) if field.name.startswith(MODE)]


@dataclass(frozen=True, slots=True)
class LayerRow:
    """What a layer takes, by image; packed: None where there are no weights.

    timing: None for the arrival of the image.
    """

    name: str
    kind: str
    packed: Packed | None
    timing: Timing | None
    events: MarsEvents

    @property
    def mode(self) -> str:
        """Bits of weights and inputs in the macros, as in 4w8a; "" where there are none."""
        modes = (name for name in MODES if getattr(self.events, name))
        return next(modes, "").removeprefix(MODE)


class Machine:
    """A network on the machine; what does not fit it is refused. Not to be shared among threads.

    packed: by convolution, what the weight memories hold; events: what the last run took, or one
    image before the first.
    """

    def __init__(self, network: Network, silicon: Silicon | None = None) -> None:
        """Pack the weights, plan, and lay the packed tiles out for the kernels."""
        self.network = network
        self.silicon = silicon or Silicon()
        self.plan = make_plan(network, self.silicon)
        self.packed, self._each = self.plan.packed, self.plan.events
        entries = {conv.name: self._lay_out(conv) for conv in network.convs}
        self.replan({Conv: partial(plan_entries, entries)})
        self.events = self._each

    def replan(self, plans: Plans) -> None:
        """Run layers by such plans from now on; what is counted stays the same."""
        self._plans = plans
        self._runners = [Runner(self.network, plans)]

    def _lay_out(self, conv: Conv) -> Entries:
        padded = padded_shape(conv, self.network.signals[conv.inputs[0]].shape)
        return make_entries(decode(self.packed[conv.name]), conv.groups, padded)

    @property
    def maps(self) -> dict[str, Array]:
        """By layer and "input", the map of the last `run`, which the next one overwrites."""
        return self._runners[0].maps

    @property
    def layers(self) -> list[LayerRow]:
        """What each layer takes, by image; first, what the arrival of the image does."""
        rows = [LayerRow(INPUT, "Image", None, None, self.plan.arrival)]
        for step in self.plan.steps:
            kind = type(step.layer).__name__
            rows.append(LayerRow(step.layer.name, kind, step.packed, step.timing, step.events))
        return rows

    def run(self, image: ArrayLike) -> Array:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        scores = self._runners[0](image)
        self.events = self._each
        return scores

    def run_all(self, images: ArrayLike, threads: int | None = None) -> Array:
        """Return the scores (N, n) of images (N, rows, columns, channels).

        threads: how many share the work (default: one per core); results do not hang on it.
        """
        pixels = np.asarray(images)
        check_pixels(self.network, pixels, (*pixels.shape[:1], *self.network.input_shape))
        workers = max(min(threads or cores(), len(pixels)), 1)
        while len(self._runners) < workers:
            self._runners.append(Runner(self.network, self._plans))
        parts = np.array_split(pixels, workers)
        with ThreadPoolExecutor(workers) as pool:
            scores = list(pool.map(Runner.run_all, self._runners[:workers], parts))
        self.events = self._each.times(len(pixels))
        return np.concatenate(scores)


def sheet(machine: Machine) -> list[dict[str, Any]]:
    """Return a line of plain values for each layer, by image.

    Besides the events: name, kind, mode; kept tiles of how many, their index code and its bits;
    dense_macs, those of the network; of the timing all but the cycles, lists by core among them.
    """
    return [line(row, machine.silicon) for row in machine.layers]


def line(row: LayerRow, silicon: Silicon) -> dict[str, Any]:
    """Return a line of the sheet."""
    packed, timing = row.packed, row.timing
    none = [0] * silicon.cores
    return {
        "name": row.name,
        "kind": row.kind,
        "mode": row.mode,
        "tiles": packed.blocks * packed.positions if packed else 0,
        "kept": packed.kept if packed else 0,
        "code": packed.code if packed else "",
        "index_bits": packed.index_bits if packed else 0,
        "dense_macs": row.events.dense_macs,
        "utilization": timing.utilization if timing else 0.0,
        "compute_cycles": timing.compute_cycles if timing else 0,
        "refill_cycles": timing.refill_cycles if timing else 0,
        "post_cycles": timing.post_cycles if timing else 0,
        "core_tiles": list(timing.tiles) if timing else none,
        "core_busy": list(timing.busy) if timing else none,
        **asdict(row.events),
    }

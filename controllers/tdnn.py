"""A streaming mind: a time-delay network of silicon synapses that scores choices of steering.

A range scan streams in beam by beam, or a picture column by column, while the sensor looks; that it
hands its samples on in this order is assumed. The decision is there a few clocks after the last
sample: that is its latency. The machines were made by `scripts/train_tdnn.py`;
`controllers.scorer` tells how a choice is taken.
"""

import math
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.bounded import brief
from neurobot.controllers import WEIGHTS
from neurobot.controllers.samples import as_samples
from neurobot.controllers.scorer import Scorer, codes_of, picture_of
from neurobot.controllers.steering import CHOICES
from neurobot.events import InsightEvents
from neurobot.insight import Machine
from neurobot.loop import Observation
from neurobot.qnet import INPUT
from neurobot.tdnn import Neurons
from neurobot.tdnn.files import load

Array = NDArray[Any]

CLOCK_HZ = 10e6  # assumed, as those of the other chips; 80 MHz follow from what was published


def find_machine(machine: str) -> Path:
    """Return the file of a machine that is named by it."""
    if isinstance(machine, str) and machine.endswith(".npz"):
        return Path(machine)
    raise ValueError(f"machine: {machine!r} found, a file *.npz needed")


class TdnnController(Scorer):
    """Stream, score, steer: what the minds of both sensors share.

    machine: a file that `neurobot compile` wrote, of a network in integers and in time, from the
    sensor's samples, a map of one row, to `CHOICES` scores; None: ours. clock_hz: of the machine.
    Raises ValueError for what does not fit.
    """

    ours: ClassVar[Path]
    rows: ClassVar[int | None]  # of the picture, values of a sample; None: any number

    def __init__(self, machine: str | None = None, clock_hz: float = CLOCK_HZ) -> None:
        if not isinstance(clock_hz, int | float) or not 0 < clock_hz < math.inf:
            raise ValueError(f"clock_hz={brief(str(clock_hz))} found, a number above 0 needed")
        self.clock_hz = clock_hz
        self.machine = self.open(self.ours if machine is None else find_machine(machine))
        super().__init__(self.machine.net.output_scale)

    @classmethod
    def open(cls, path: Path) -> Machine:
        """Read a machine; refuse one that does not score our choices by the sensor's samples."""
        net = load(path)
        lines, _, rows = net.input_shape
        if lines != 1 or cls.rows not in (None, rows) or net.input_bits != 8:
            raise ValueError(
                f"{path}: an input of shape {net.input_shape}, {net.input_bits} bits found; "
                f"needed: (1, samples, {cls.rows or 'rows'}), 8 bits"
            )
        scores = net.signals[-1].shape[2]
        if scores != CHOICES:
            raise ValueError(f"{path}: {scores} scores found, {CHOICES} needed")
        try:
            return Machine(net)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    @abstractmethod
    def look(self, observation: Observation) -> Array:
        """Return a picture of bytes (rows, columns), as large as the machine was made for."""

    @property
    def events(self) -> InsightEvents:
        """What the last decision took."""
        return self.machine.events

    def score(self, observation: Observation) -> Array:
        """Stream a picture through the machine, column by column."""
        return self.machine.run(as_samples(self.look(observation)))

    def inside(self) -> tuple[Array, dict[str, Array]]:
        """Return the last picture, and the maps of all neurons but for the scores."""
        stages, maps = self.machine.net.stages, self.machine.maps
        shown = [stage.name for stage in stages[:-1] if isinstance(stage, Neurons)]
        return maps[INPUT][0].T.astype(np.uint8), {name: maps[name] for name in shown}


class BeamsController(TdnnController):
    """Reads a range scan, from right to left."""

    sensor: ClassVar[str] = "range"
    ours = WEIGHTS / "tdnn-range.npz"
    rows = 1

    def look(self, observation: Observation) -> Array:
        """Return how near things are, (1, beams)."""
        beams = self.machine.net.input_shape[1]
        return codes_of(observation, beams, self.body.range_m)[None]


class ColumnsController(TdnnController):
    """Reads a camera's picture, from left to right."""

    sensor: ClassVar[str] = "camera"
    ours = WEIGHTS / "tdnn-camera.npz"
    rows = None

    def look(self, observation: Observation) -> Array:
        """Return the pixels, (rows, columns)."""
        _, columns, rows = self.machine.net.input_shape
        return picture_of(observation, rows, columns)[:, :, 0]

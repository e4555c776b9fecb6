"""What a mind shows of one decision, as plain arrays: spikes, layers, or just what it saw."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import veto
from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.decode import NO_WINNER, winner
from neurobot.iqif import Trace
from neurobot.loop import Body, Controller, Observation, blame, counted, driver_of

Array: TypeAlias = NDArray[Any]
FULL = 255
# As they act one after the other.
ORDER = ("near threats", "far threats", "drives", "inhibition", "premotor", "motor", "brake")
MOST_SHOWN = 1024  # of a layer's rows or columns; of more every second or third is shown
HALF_STRENGTH = 100  # current that shows as half of the strongest inhibition


@dataclass(frozen=True)
class Rows:
    """Some rows of a raster under one name."""

    name: str
    marks: NDArray[np.uint8]  # (n, T): 0, or how strong

    def __len__(self) -> int:
        return len(self.marks)


@dataclass(frozen=True)
class Spikes:
    """A decision of a spiking brain, tick by tick. T ticks, M moves it can vote for."""

    populations: tuple[int, int]  # neurons of each
    rows: tuple[Rows, ...]
    premotor: NDArray[np.uint8]  # (T, M) membrane potentials
    motor: NDArray[np.uint8]  # (T, M)
    votes: NDArray[np.int64]  # (T, M) spikes of the motor neurons so far
    moves: tuple[str, ...]  # (M,) from the leftmost to the rightmost
    course_rad: float | None  # where the robot is to go, from straight ahead to the left

    @property
    def ticks(self) -> int:
        """How many ticks the decision took."""
        return len(self.votes)

    @cached_property
    def marks(self) -> NDArray[np.uint8]:
        """All rows of the raster on top of each other, (R, T)."""
        return np.concatenate([rows.marks for rows in self.rows])


@dataclass(frozen=True)
class Layers:
    """A decision of a frame-based mind: what each layer computed, the input first."""

    layers: tuple[tuple[str, Array], ...]  # (rows, columns) or (n,) each
    ticks: int = 1


@dataclass(frozen=True)
class Scan:
    """A decision of which only the input is known: distances along the beams."""

    name: str
    share: NDArray[np.float64]  # (B,) of the sensor's range, from left to right
    ticks: int = 1


Thought: TypeAlias = Spikes | Layers | Scan

LEFT_TO_RIGHT = np.array(veto.RIGHT_TO_LEFT[::-1])
SPIN_RAD = math.pi / 2  # drawn as the course of a robot that spins


def flags(rows: Array) -> NDArray[np.uint8]:
    """Turn booleans (T, n) into full or empty marks (n, T)."""
    return np.asarray(FULL * rows.T.astype(np.uint8))


def strengths(current: Array) -> NDArray[np.uint8]:
    """Turn currents (T, n) into marks (n, T) of how strongly they inhibit."""
    inhibition = np.maximum(-current.T.astype(np.float64), 0.0)
    return np.asarray(FULL * inhibition / (inhibition + HALF_STRENGTH), np.uint8)


def raster(trains: Array, trace: Trace) -> tuple[Rows, ...]:
    """Name the rows of both populations, each group from left to right."""
    moves = {"premotor": LEFT_TO_RIGHT, "motor": LEFT_TO_RIGHT}
    spikes = {
        name: flags(trace.spikes[:, place][:, moves.get(name, slice(None, None, -1))])
        for name, place in veto.GROUPS.items()
    }
    premotor = veto.GROUPS["premotor"]
    inputs = {
        "drives": flags(trains[:, premotor][:, LEFT_TO_RIGHT]),
        "inhibition": strengths(trace.current[:, premotor][:, LEFT_TO_RIGHT]),
    }
    return tuple(Rows(name, {**spikes, **inputs}[name]) for name in ORDER)


def course_rad(brain: Brain, move: int) -> float:
    """Return where a move leads, from straight ahead to the left."""
    if move == veto.SPIN_LEFT:
        return SPIN_RAD
    return -SPIN_RAD if move == veto.SPIN_RIGHT else float(brain.angles[move])


def spiking(controller: PoppinsController) -> Spikes:
    """Run the last decision again, and keep every tick."""
    brain, ticks = controller.brain, controller.events.ticks
    network, trains, trace = brain.network, brain.trains[:ticks], brain.trace(ticks)
    premotor, motor = (veto.GROUPS[name] for name in ("premotor", "motor"))
    votes = np.cumsum(trace.spikes[:, motor][:, LEFT_TO_RIGHT], axis=0, dtype=np.int64)
    chosen = winner(np.ascontiguousarray(votes[-1], np.int32))
    return Spikes(
        populations=(len(network.first), len(network.second)),
        rows=raster(trains, trace),
        premotor=trace.potential[:, premotor][:, LEFT_TO_RIGHT],
        motor=trace.potential[:, motor][:, LEFT_TO_RIGHT],
        votes=votes,
        moves=tuple(veto.name_move(int(move), brain.angles) for move in LEFT_TO_RIGHT),
        course_rad=(None if chosen == NO_WINNER else course_rad(brain, int(LEFT_TO_RIGHT[chosen]))),
    )


def plain(seen: Observation, body: Body) -> Scan:
    """Show what a mind saw of which nothing else is known."""
    if body.sensor == "camera":
        grey = seen["camera"].mean(axis=(0, 2)) / FULL
        return Scan("camera, mean grey of each column", grey)
    share = seen["range"][::-1].astype(np.float64) / body.range_m
    return Scan(f"range scan, full height {body.range_m:g} m", share)


def read_layers(controller: Any) -> Layers | None:
    """Read what a frame-based mind shows of itself; None: it shows nothing."""
    with blame(controller):
        shown = getattr(controller, "layers", None)
        if not isinstance(shown, dict) or not shown:
            return None
        return Layers(tuple((str(name), read_layer(name, shown[name])) for name in shown))


def read_layer(name: object, values: object) -> Array:
    """Read a layer: real numbers of shape (n,), (rows, columns) or (rows, columns, 1)."""
    layer = np.asarray(values)
    if layer.ndim == 3 and layer.shape[2] == 1:
        layer = layer[..., 0]
    if layer.dtype.kind not in "biuf" or layer.ndim not in (1, 2) or layer.size == 0:
        raise ValueError(
            f"layers[{name!r}]: {layer.dtype} of shape {layer.shape} found, real numbers of shape "
            "(n,), (rows, columns) or (rows, columns, 1) needed"
        )
    thinned = layer[tuple(slice(None, None, -(-side // MOST_SHOWN)) for side in layer.shape)]
    return np.nan_to_num(thinned) if layer.dtype.kind == "f" else thinned


def think(controller: Controller, seen: Observation, body: Body) -> Thought:
    """Tell what a controller's last decision looked like inside; seen: what it decided about."""
    controller = driver_of(controller)
    if isinstance(controller, PoppinsController) and counted(controller) is not None:
        return spiking(controller)
    return read_layers(controller) or plain(seen, body)

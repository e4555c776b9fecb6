"""When things happen in a network that runs in time: delays of taps, pitches, valid phases.

A frame enters in raster order, a sample per clock: place (r, c) at clock r line + c, and the next
frame a whole frame later. A map of pitch (p, q) has a new sample every q clocks of every p-th line.
Window (r, c) of a stage is computed when the last of its taps, in the lower right, has come or
would have come, so that the tap in row i, column j has a delay of
(rows - 1 - i) p line + (columns - 1 - j) q clocks. Zeros around the map are taps that counters of
rows and columns switch off. Each neuron keeps its result in a register: it takes one clock, a tree
of them as many as it has storeys.

The reading of the published throughput as one sample per clock is inferred, not stated there;
a clock for each storey is assumed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.checks import Pair
from neurobot.tdnn.form import Clocking, Net, Neurons, Stage


@dataclass(frozen=True, eq=False, slots=True)
class Timing:
    """When a stage computes, all in clocks but the pitch of rows, which is in lines.

    delays: of the taps, (rows, columns); pitch: of the map that it reads; pitch_out: of the one
    that it makes; begins: when the first window of the first frame is computed, counted from the
    first sample; storeys: until the result is there for the next stage.
    """

    delays: NDArray[Any]
    pitch: Pair
    pitch_out: Pair
    begins: int
    storeys: int


def storeys(stage: Stage) -> int:
    """Return how many hardware neurons stand between a stage's taps and its result."""
    if not isinstance(stage, Neurons) or stage.tree is None:
        return 1
    found, count = 1, stage.tree.shifts.shape[1]
    while count > 1:
        found, count = found + 1, -(-count // stage.tree.fan_in)
    return found


def timings(net: Net) -> tuple[Timing, ...]:
    """Return when each stage of a network that runs in time computes."""
    if net.clocking is None:
        raise ValueError("network: it runs in space; delay() makes it run in time")
    line, pitch, ready = net.clocking.line, (1, 1), 0
    found = []
    for stage in net.stages:
        (rows, columns), (top, left) = stage.kernel, stage.padding
        down, right = pitch[0] * line, pitch[1]
        back = np.arange(rows)[::-1, None] * down + np.arange(columns)[::-1] * right
        begins = ready + (rows - 1 - top) * down + (columns - 1 - left) * right
        out = (pitch[0] * stage.stride[0], pitch[1] * stage.stride[1])
        found.append(Timing(back, pitch, out, begins, storeys(stage)))
        pitch, ready = out, begins + storeys(stage)
    return tuple(found)


def check_clocking(net: Net, clocking: Clocking) -> None:
    """Refuse a line or a frame in which not all samples of some map find a clock of their own."""
    rows, columns = net.input_shape[:2]
    if clocking.line < columns or clocking.lines < rows:
        raise ValueError(
            f"input: a map of {rows} x {columns} samples found; it needs {rows} lines of "
            f"{columns} clocks, {clocking.lines} of {clocking.line} asked for"
        )
    pitch = (1, 1)
    for stage, made in zip(net.stages, net.signals[1:], strict=True):
        pitch = (pitch[0] * stage.stride[0], pitch[1] * stage.stride[1])
        rows, columns = made.shape[:2]
        wide, high = (columns - 1) * pitch[1] + 1, (rows - 1) * pitch[0] + 1
        if wide > clocking.line or high > clocking.lines:
            raise ValueError(
                f"{stage.name}: a map of {rows} x {columns} samples, {pitch[0]} lines and "
                f"{pitch[1]} clocks apart, found; it needs {high} lines of {wide} clocks, a frame "
                f"has {clocking.lines} of {clocking.line}"
            )


def latency(net: Net) -> int:
    """Return the clocks from a frame's last sample until its scores are there."""
    last, (rows, columns, _) = timings(net)[-1], net.input_shape
    assert net.clocking is not None
    return last.begins + last.storeys - ((rows - 1) * net.clocking.line + columns - 1)

"""A streaming machine of silicon synapses: one input sample per clock, exact integers, counted.

A network in time (`neurobot.tdnn`) is the machine: delay lines, one for each channel of a map; taps
on them that counters of rows and columns switch off outside of the frame; synapses; neurons and the
trees that join them, each with a register. `stream` goes through it clock by clock; `run` and
`run_all` reckon the same scores and the same counts in other ways, faster.

That the published machine takes a sample per clock is inferred from its published throughput.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.compiled import cores
from neurobot.events import InsightEvents
from neurobot.qnet.checks import INT32
from neurobot.qnet.network import INPUT
from neurobot.qnet.vectors import LANES
from neurobot.tdnn.batched import make_layout, make_scratch, run_frames
from neurobot.tdnn.clocked import COUNTS, make_state, run_clocks
from neurobot.tdnn.form import Clocking, Maxima, Net
from neurobot.tdnn.hardware import hardware
from neurobot.tdnn.single import Constants, Frame
from neurobot.tdnn.struck import Hit, run_struck
from neurobot.tdnn.timing import check_clocking, latency, timings
from neurobot.tdnn.wiring import Circuit, make_circuit

Array = NDArray[Any]
CLOCK_HZ = 80e6  # inferred: 1552 frames/s of 227 x 227 samples
ADDED = [field.name for field in fields(InsightEvents) if field.name not in InsightEvents.held]
AT_ONCE = 256  # frames whose samples are laid out together


def frames_per_s(clocking: Clocking, clock_hz: float = CLOCK_HZ) -> float:
    """Return how many frames stream through at a clock, one behind the other."""
    return clock_hz / clocking.frame


class Stream(NamedTuple):
    """The scores (K, n) that came, and the clock at which each of them did, (K,)."""

    scores: Array
    clocks: Array


def check_net(net: Net) -> None:
    """Refuse a network that the machine cannot hold."""
    for layer in net.layers:
        if not layer.integer:
            raise ValueError(f"{layer.name}: real weights found; allowed: integers")
    timings(net)
    assert net.clocking is not None
    check_clocking(net, net.clocking)
    for stage, given, made in zip(net.stages, net.signals, net.signals[1:], strict=False):
        if isinstance(stage, Maxima) and any(stage.padding) and given.lowest < 0:
            raise ValueError(
                f"{stage.name}: a padding of {stage.padding} found around values of "
                f"{given.lowest}..{given.highest}; unsigned activations are needed there, since a "
                "tap outside of the frame reads 0"
            )
        inner = stage is not net.stages[-1]
        if inner and not INT32[0] <= made.lowest <= made.highest <= INT32[1]:
            raise ValueError(
                f"{stage.name}: values of {made.lowest}..{made.highest} found; "
                f"allowed: {INT32[0]}..{INT32[1]}"
            )


def each_frame(net: Net, circuit: Circuit) -> InsightEvents:
    """Return what every frame takes; all its products count as still."""
    parts = hardware(net)
    read, *made = (signal.shape[0] * signal.shape[1] for signal in net.signals)
    around = list(zip(parts, made, strict=True))
    words = sum(part.delay_words or 0 for part in parts)
    lines = zip(circuit.stages["lines"].tolist(), [read, *made], strict=False)
    return InsightEvents(
        cycles=latency(net),
        samples=circuit.frame,
        still_macs=sum(part.unrolled for part in parts),
        tree_sums=sum((part.synapses - part.in_time) * places for part, places in around),
        evaluations=sum(part.neurons * places for part, places in around),
        comparisons=sum(part.comparators * places for part, places in around),
        line_writes=sum(count * places for count, places in lines),
        word_shifts=words * circuit.frame,
        synapses=sum(part.synapses for part in parts),
        neurons=sum(part.neurons for part in parts),
        delay_words=words,
    )


def clocks_through(circuit: Circuit) -> int:
    """Return for how many clocks a frame keeps the machine busy, from its first sample on."""
    stages, line = circuit.stages, circuit.line
    down = (stages["rows"] - 1) * stages["down"] * line
    right = (stages["columns"] - 1) * stages["right"]
    storeys = stages["end_storey"] - stages["storey"]
    return int((stages["begins"] + down + right + storeys).max()) + 1


def check_samples(net: Net, samples: Array, shape: tuple[int, ...]) -> None:
    """Refuse what is no samples of a shape."""
    if samples.shape != shape or samples.dtype.kind not in "iu":
        raise ValueError(
            f"{INPUT}: {samples.dtype} of shape {samples.shape} found; "
            f"allowed: integers of shape {shape}"
        )
    ends, kind = net.signals[0], np.iinfo(samples.dtype)
    if not samples.size or (kind.min >= ends.lowest and kind.max <= ends.highest):
        return
    lowest, highest = int(samples.min()), int(samples.max())
    if lowest < ends.lowest or highest > ends.highest:
        raise ValueError(
            f"{INPUT}: samples of {lowest}..{highest} found; allowed: {ends.lowest}..{ends.highest}"
        )


class Machine:
    """A network of integers that runs in time, as a machine; not to be shared among threads.

    clock: how many clocks have gone by since the last reset; events: what the last run took, or all
    streaming since the last reset; latency: clocks from a frame's last sample to its scores;
    through: clocks from its first sample on for which it keeps the machine busy. circuit: what
    streaming reads; hits: what strikes the delay lines in the next `run`, which for its sake goes
    clock by clock, and in no other; struck: how often that happened in the last one.
    """

    def __init__(self, net: Net) -> None:
        """Wire the machine up; raises ValueError, with a stage's name, for what it cannot hold."""
        check_net(net)
        self.net, self.latency = net, latency(net)
        self.hits: Sequence[Hit] = ()
        self.struck = 0
        self.circuit, self._layout, self._frame = make_circuit(net), make_layout(net), Frame(net)
        self._each = each_frame(net, self.circuit)
        self.through = clocks_through(self.circuit)
        self.reset()

    def reset(self) -> None:
        """Go back to before the first clock."""
        self._state, self.clock, self._came = make_state(self.circuit), 0, 0
        self.events = self._times(0, 0)

    def _times(self, frames: int, macs: int) -> InsightEvents:
        """Return what so many frames took, of whose products so many were not still."""
        each = self._each
        counts = {name: getattr(each, name) * frames for name in ADDED}
        return replace(each, **counts | {"macs": macs, "still_macs": counts["still_macs"] - macs})

    def stream(self, samples: ArrayLike) -> Stream:
        """Take samples, one per clock, and go on where the machine was; return what came meanwhile.

        samples: (clocks, channels), where those of clocks outside of the picture are of no
        consequence; or whole pictures (N, rows, columns, channels), which come without such.
        """
        given = np.asarray(samples)
        if given.ndim == 4:
            given = self._spread(given)
        check_samples(self.net, given, (*given.shape[:1], self.net.input_shape[2]))
        return self._go_on(given, frames=(self.clock + len(given)) // self.circuit.frame + 1)

    def finish(self) -> Stream:
        """Go on until the last frame that began is all through; samples that it lacks are 0.

        Afterwards the machine is as after a reset, but for its events.
        """
        frames = -(-self.clock // self.circuit.frame)
        last = max(frames - 1, 0) * self.circuit.frame + self.through
        clocks = max(last - self.clock, 0) if frames else 0
        found = self._go_on(np.zeros((clocks, self.net.input_shape[2]), np.int64), frames)
        events = self.events
        self.reset()
        self.events = events
        return found

    def _spread(self, images: Array) -> Array:
        """Return the samples (clocks, channels) of images, with the clocks outside of them."""
        circuit, (rows, columns, channels) = self.circuit, self.net.input_shape
        check_samples(self.net, images, (*images.shape[:1], rows, columns, channels))
        lines = circuit.frame // circuit.line
        samples = np.zeros((len(images), lines, circuit.line, channels), np.int64)
        samples[:, :rows, :columns] = images
        return samples.reshape(-1, channels)

    def _go_on(self, samples: Array, frames: int) -> Stream:
        """Go through clocks, in which the first so many frames are let in."""
        most = frames - self._came
        scores = np.zeros((most, self.net.signals[-1].shape[2]), np.int64)
        times, given = np.zeros(most, np.int64), np.ascontiguousarray(samples, np.int64)
        came = run_clocks(self.circuit, self._state, given, self.clock, frames, scores, times)
        self.clock, self._came = self.clock + len(given), self._came + came
        streamed = min(self.clock, frames * self.circuit.frame)
        self.events = replace(
            self._each,
            cycles=self._came * self.latency,
            samples=streamed,
            word_shifts=self._each.delay_words * streamed,
            **dict(zip(COUNTS, self._state.counts.tolist(), strict=True)),
        )
        return Stream(scores[:came], times[:came])

    def stream_all(self, images: ArrayLike) -> Array:
        """Return the scores (N, n) of images that stream in after a reset, clock by clock."""
        pictures = np.asarray(images)
        check_samples(self.net, pictures, (*pictures.shape[:1], *self.net.input_shape))
        self.reset()
        parts = [self.stream(pictures[k : k + AT_ONCE]) for k in range(0, len(pictures), AT_ONCE)]
        return np.concatenate([part.scores for part in [*parts, self.finish()]])

    def run(self, image: ArrayLike) -> Array:
        """Return the scores (n,) of an image of integers (rows, columns, channels)."""
        pixels = np.asarray(image)
        check_samples(self.net, pixels, self.net.input_shape)
        scores, macs = self._frame.run(pixels), self._frame.macs
        if self.hits:
            macs = run_struck(self.circuit, self._alone(pixels), self.hits, scores[None])
        self.hits, self.struck = (), len(self.hits)
        self.events = self._times(1, macs)
        return scores

    def _alone(self, image: Array) -> Array:
        """Return the samples (clocks, channels) of an image, until it is all through."""
        clocks = max(self.through, self.circuit.frame)
        samples = np.zeros((clocks, self.net.input_shape[2]), np.int64)
        samples[: self.circuit.frame] = self._spread(image[None])
        return samples

    @property
    def constants(self) -> dict[str, Constants]:
        """By layer, what `run` reads, as long as nothing is struck."""
        return self._frame.constants

    @property
    def maps(self) -> dict[str, Array]:
        """By stage and "input", the map of the last `run`, which the next one overwrites.

        Of one that was struck, the maps as they would have been.
        """
        return self._frame.maps

    def run_all(self, images: ArrayLike, threads: int | None = None) -> Array:
        """Return the scores (N, n) of images (N, rows, columns, channels).

        threads: how many share the work (default: one per core); results do not hang on it.
        """
        pictures = np.asarray(images)
        check_samples(self.net, pictures, (*pictures.shape[:1], *self.net.input_shape))
        count = len(pictures)
        pixels = np.ascontiguousarray(pictures, np.uint16).reshape(count, -1 if count else 0)
        scores = np.zeros((count, self.net.signals[-1].shape[2]), np.int64)
        macs = np.zeros(count, np.int64)

        def work(part: slice) -> None:
            given = pixels[part], scores[part], macs[part]
            run_frames(self._layout, make_scratch(self._layout), *given)

        workers = threads or cores()
        share = max(-(-count // workers // LANES) * LANES, LANES)
        parts = [slice(first, first + share) for first in range(0, count, share)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, parts))
        self.events = self._times(count, int(macs.sum()))
        return scores

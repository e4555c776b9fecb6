"""The constants of a network's circuit: when its stages compute, and what is wired to what."""

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.checks import INT64
from neurobot.qnet.signals import Signal
from neurobot.tdnn.form import Net, Neurons, Stage, leaf_counts
from neurobot.tdnn.hardware import line_depths, storey_counts
from neurobot.tdnn.timing import Timing, timings

Array = NDArray[Any]


def record(*names: str) -> np.dtype[Any]:
    """Return a record of int64 fields."""
    return np.dtype([(name, np.int64) for name in names])


STAGE = record(
    *("begins", "down", "right"),  # the clock of its first window, the pitch of its windows
    *("rows", "columns", "stride_down", "stride_right", "top", "left"),  # ... and of its map
    *("given_rows", "given_columns", "channels"),  # of the map that it reads
    *("length", "lines", "maxima"),  # words of its delay lines, how many of them have taps
    *("shift", "low", "high", "odd"),  # `ending` says what they are
    *("word", "tap", "end_tap", "synapse", "neuron", "storey", "end_storey"),  # its first, or last
)
TAP = record("row", "column", "delay")
# first, end: of its synapses; or, above the leaves, of the neurons that it joins. waits: whether it
# only hands on. scale and bias: of the topmost storey.
NEURON = record("first", "end", "waits", "leaf_shift", "scale", "bias")
SYNAPSE = record("tap", "channel", "weight")


class Circuit(NamedTuple):
    """All constants, in records.

    neurons: one record and one register each: first the channels of the sample, then storey after
    storey of each stage; storeys: (storeys + 1,), the first of each, of which storey 0 is the
    sample's. What one record says of others is a number in its own stage, from 0 on. The words of
    all delay lines lie in one memory.
    """

    line: int
    frame: int
    rows: int  # lines that carry samples
    columns: int  # clocks of such a line that carry samples
    stages: Array
    taps: Array
    neurons: Array
    storeys: Array
    synapses: Array


def join(base: int, below: Array, above: Array, fan_in: int) -> Array:
    """Return the neurons of a storey, which join those of the one below, from number `base` on.

    below, above: (out,), how many there are for each neuron of the network.
    """
    owner = np.arange(len(above)).repeat(above)
    rank = np.arange(len(owner)) - (np.cumsum(above) - above)[owner]
    start = base + (np.cumsum(below) - below)[owner]
    made = np.zeros(len(owner), NEURON)
    made["first"] = start + rank * fan_in
    made["end"] = np.minimum(made["first"] + fan_in, start + below[owner])
    made["waits"] = below[owner] == 1
    return made


def synapse_places(layer: Neurons) -> Array:
    """Return where the weights of all synapses stand, (synapses, 4), as they are wired up.

    By neuron, then by leaf, in each leaf as they stand in the weights.
    """
    places = np.argwhere(layer.weights != 0)
    leaf = np.zeros(len(places)) if layer.tree is None else layer.tree.leaf[tuple(places.T)]
    return np.asarray(places[np.lexsort((leaf, places[:, 0]))])


def wire(layer: Stage, channels: int) -> tuple[list[Array], Array]:
    """Return the hardware neurons of a stage, storey by storey, and its synapses."""
    if not isinstance(layer, Neurons):
        return [np.zeros(channels, NEURON)], np.zeros(0, SYNAPSE)
    places, tree, counts = synapse_places(layer), layer.tree, layer.fan_ins[:, None]
    shifts, sizes = np.zeros_like(counts), [np.ones(len(counts), np.int64)]
    if tree is not None:
        shifts, counts = tree.shifts, leaf_counts(tree)
        sizes = storey_counts(np.count_nonzero(counts, axis=1), tree)
    used = counts > 0
    used[~used.any(axis=1), 0] = True  # a lone bias
    leaves = np.zeros(int(used.sum()), NEURON)
    leaves["end"] = np.cumsum(counts[used])
    leaves["first"] = leaves["end"] - counts[used]
    leaves["leaf_shift"] = shifts[used]
    storeys, base = [leaves], 0
    for below, above in pairwise(sizes):
        assert tree is not None
        storeys.append(join(base, below, above, tree.fan_in))
        base += int(below.sum())
    storeys[-1]["scale"], storeys[-1]["bias"] = layer.scale, layer.bias
    synapses = np.zeros(len(places), SYNAPSE)
    synapses["tap"] = places[:, 1] * layer.kernel[1] + places[:, 2]
    synapses["channel"] = places[:, 3]
    synapses["weight"] = layer.weights[tuple(places.T)]
    return storeys, synapses


def tap_all(stage: Stage, timing: Timing) -> Array:
    """Return the taps of a window, row by row."""
    taps = np.zeros(timing.delays.size, TAP)
    taps["row"], taps["column"] = np.indices(stage.kernel).reshape(2, -1)
    taps["delay"] = timing.delays.ravel()
    return taps


def ending(layer: Neurons) -> dict[str, int]:
    """Return what is made of a scaled sum: k = clip(sum >> shift, low, high).

    Codes are 2 k - odd where odd is not 0, else k.
    """
    if layer.low is None or layer.high is None:
        return {"shift": layer.shift, "low": INT64[0], "high": INT64[1], "odd": 0}
    odd = (1 << layer.bits) - 1 if layer.odd else 0
    return {"shift": layer.shift, "low": int(layer.low), "high": int(layer.high), "odd": odd}


def describe(stage: Stage, timing: Timing, given: Signal, made: Signal) -> Array:
    """Return a stage's record (1,), without what depends on the stages before it."""
    depths = line_depths(stage, timing, given.shape[2])
    values: dict[str, Any] = {
        "begins": timing.begins,
        "channels": given.shape[2],
        "length": depths.max() + 1,
        "lines": np.count_nonzero(depths),
        "maxima": not isinstance(stage, Neurons),
    }
    for names, pair in (
        (("down", "right"), timing.pitch_out),
        (("rows", "columns"), made.shape[:2]),
        (("stride_down", "stride_right"), stage.stride),
        (("top", "left"), stage.padding),
        (("given_rows", "given_columns"), given.shape[:2]),
    ):
        values |= dict(zip(names, pair, strict=True))
    if isinstance(stage, Neurons):
        values |= ending(stage)
    found = np.zeros(1, STAGE)
    for name, value in values.items():
        found[name] = value
    return found


def starts(sizes: Iterable[int], first: int = 0) -> Array:
    """Return where pieces of some sizes begin, and where the last one ends."""
    found: Array = np.cumsum([first, *sizes])
    return found


def make_circuit(net: Net) -> Circuit:
    """Wire up a network of integers that runs in time."""
    assert net.clocking is not None
    times, made = timings(net), net.signals[1:]
    around = zip(net.stages, times, net.signals, made, strict=False)
    stages = np.concatenate([describe(*each) for each in around])
    taps = [tap_all(*each) for each in zip(net.stages, times, strict=True)]
    wired = [wire(stage, sig.shape[2]) for stage, sig in zip(net.stages, made, strict=True)]
    sample, *_ = storeys = [np.zeros(net.input_shape[2], NEURON)]
    storeys += chain.from_iterable(each for each, _ in wired)
    synapses = [each for _, each in wired]
    stages["word"] = starts(stages["length"] * stages["channels"])[:-1]
    stages["synapse"] = starts(map(len, synapses))[:-1]
    stages["neuron"] = starts((sum(map(len, each)) for each, _ in wired), len(sample))[:-1]
    for name, sizes, first in (
        ("tap", map(len, taps), 0),
        ("storey", (len(each) for each, _ in wired), 1),
    ):
        stages[name], stages[f"end_{name}"] = (found := starts(sizes, first))[:-1], found[1:]
    return Circuit(
        line=net.clocking.line,
        frame=net.clocking.frame,
        rows=net.input_shape[0],
        columns=net.input_shape[1],
        stages=stages,
        taps=np.concatenate(taps),
        neurons=np.concatenate(storeys),
        storeys=starts(map(len, storeys)),
        synapses=np.concatenate(synapses),
    )

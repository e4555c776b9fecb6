"""What a brain's network holds, and what it does in a decision, by NeuroBench's definitions.

Those of NeuroBench 2.3 (Yik et al., Nature Communications 16:1545, 2025), read for integers:

* footprint: bytes of all parameters and registers, weights of 0 included, at their own widths:
  weights at the bits of their codes, the constants of channels (scales, biases, steps of
  converters) at those of their numbers; of the spiking chip the memories of the neurons in use,
  their membranes and currents among them. Maps, which come and go, are no part of it.
* connection sparsity: weights that stand for 0, over all; on a mid-rise grid none does.
* activation sparsity: outputs that are 0, over all, of layers that round or clip and of spiking
  neurons, over layers, ticks and decisions.
* synaptic operations: of every weight with every input on the map, zeros around it left out
  (dense); of those of which both are not 0 (effective). They are accumulates (ACs) in a layer whose
  inputs in a decision are all -1, 0 or 1, and multiply-accumulates (MACs) in others. What a weight
  memory does not hold is no synapse: biases, scales, window maxima, sums of maps, and the stimulus
  of the spiking chip.
* membrane updates: potentials that a tick changed; in a decision's first tick, all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.episodes import ENVS, Job, open_env, options_for, seat_controller
from neurobot.hardware.datasheet import memories_bits
from neurobot.qnet import INPUT, Affine, Conv, Layer, Network, Requant
from neurobot.qnet.signals import Shape
from neurobot.tdnn import Net, Neurons

Array = NDArray[Any]
BYTE = 8
SEED, DECISIONS = 0, 100  # of the drive that is measured: its world, and how many at most
SCALE_BYTES = 4 + 8  # of a channel of the streaming machine: scale and bias
NO_CONSTANTS = ("weights", "index")  # arrays of a layer that are no constants of its channels


@dataclass(frozen=True, slots=True)
class Complexity:
    """Figures of NeuroBench's algorithm track; operations and updates are means of a decision.

    activation_sparsity: None where nothing rounds, clips or spikes; membrane_updates: None where
    there are no membranes.
    """

    footprint_bytes: int
    connection_sparsity: float
    activation_sparsity: float | None
    dense_synops: float
    effective_macs: float
    effective_acs: float
    membrane_updates: float | None


class Held(NamedTuple):
    """What a network takes up; zeros: of its weights."""

    bits: int
    weights: int
    zeros: int


class Work(NamedTuple):
    """What a network did in a decision; silent: of its outputs, those that are 0."""

    outputs: int
    silent: int
    dense: int
    macs: int
    acs: int
    updates: int = 0


class Meter(Protocol):
    """A controller's network: what it takes up, and what it did in the last decision."""

    held: Held

    def work(self) -> Work:
        """Count the last decision."""


def census(arrays: Iterable[Array]) -> tuple[int, int]:
    """Count the values of arrays, and those of them that are 0."""
    pairs = [(each.size, each.size - int(np.count_nonzero(each))) for each in arrays]
    return sum(size for size, _ in pairs), sum(zeros for _, zeros in pairs)


class Joint(NamedTuple):
    """A layer between two maps, with the numbers that its weights stand for."""

    source: str
    layer: Conv | Neurons
    weights: Array  # (out, rows, columns, in / groups)
    given: Shape
    made: Shape


def fan_out(joint: Joint) -> Array:
    """Return how many weights other than 0 read each value of the map it reads, of its shape."""
    (rows, columns, channels), (out, *kernel, part) = joint.given, joint.weights.shape
    (down, right), (top, left) = joint.layer.stride, joint.layer.padding
    groups = channels // part
    by_group = joint.weights.reshape(groups, out // groups, *kernel, part)
    taps = np.count_nonzero(by_group, axis=1).transpose(1, 2, 0, 3).reshape(*kernel, channels)
    around = np.zeros((rows + 2 * top, columns + 2 * left, channels), np.int64)
    for i, j in np.ndindex(*kernel):
        last_row, last_column = i + down * joint.made[0], j + right * joint.made[1]
        around[i:last_row:down, j:last_column:right] += taps[i, j]
    return around[top : top + rows, left : left + columns]


def dense(joint: Joint) -> int:
    """Return how many weights meet values of the map."""
    return int(fan_out(joint._replace(weights=np.ones_like(joint.weights))).sum())


def is_binary(values: Array) -> bool:
    """Tell whether all values are -1, 0 or 1."""
    return bool(np.isin(values, (-1, 0, 1)).all())


class Maps:
    """A network that makes maps of maps, on a chip that shows those of its last run.

    outputs: names of the maps that are activations; bits: of all that is stored.
    """

    def __init__(self, chip: Any, joints: list[Joint], outputs: list[str], bits: int) -> None:
        weights = [joint.weights for joint in joints]
        self.held = Held(bits, *census(weights))
        self.chip, self.outputs = chip, outputs
        self.fans = [(joint.source, fan_out(joint)) for joint in joints]
        self.dense = sum(map(dense, joints))

    def work(self) -> Work:
        """Count the last decision."""
        maps, operations = self.chip.maps, {True: 0, False: 0}
        for source, fan in self.fans:
            operations[is_binary(maps[source])] += int(fan[maps[source] != 0].sum())
        outputs, silent = census(maps[name] for name in self.outputs)
        return Work(outputs, silent, self.dense, operations[False], operations[True])


class Spikes:
    """A brain on the spiking chip."""

    def __init__(self, controller: PoppinsController, brain: Brain) -> None:
        self.controller, self.brain = controller, brain
        bits = sum(int(used) for _, used, _ in memories_bits(brain.network).values())
        self.held = Held(bits, *census(brain.network.memories.values()))

    def work(self) -> Work:
        """Count the last decision."""
        events = self.controller.events
        trace = self.brain.trace(events.ticks)
        changed = int(np.count_nonzero(np.diff(trace.potential, axis=0)))
        return Work(
            *census([trace.spikes]),
            dense=events.ticks * self.held.weights,
            macs=0,
            acs=events.synaptic_ops,
            updates=len(self.brain.network) + changed,
        )


def constants_bits(layer: Layer) -> int:
    """Return the bits of a layer's constants, beside its weights."""
    named = [(each.name, getattr(layer, each.name)) for each in fields(layer)]
    arrays = [each for name, each in named if name not in NO_CONSTANTS]
    return BYTE * sum(each.nbytes for each in arrays if isinstance(each, np.ndarray))


def is_activation(layer: Layer) -> bool:
    """Tell whether a layer rounds to codes, or clips real numbers."""
    limits = isinstance(layer, Affine) and bool(np.isfinite((layer.low, layer.high)).any())
    return limits or isinstance(layer, Requant)


def maps_of_network(network: Network, chip: Any) -> Maps:
    """Measure a network of layers, of integers or in float32."""
    signals = network.signals
    joints = [
        Joint(
            conv.inputs[0],
            conv,
            conv.weights if conv.real else conv.integers,
            signals[conv.inputs[0]].shape,
            signals[conv.name].shape,
        )
        for conv in network.convs
    ]
    outputs = [layer.name for layer in network.layers if is_activation(layer)]
    bits = network.weight_bits_total + sum(map(constants_bits, network.layers))
    return Maps(chip, joints, outputs, bits)


def maps_of_net(net: Net, chip: Any) -> Maps:
    """Measure a network in time."""
    names = [INPUT, *(stage.name for stage in net.stages)]
    shapes = [signal.shape for signal in net.signals]
    chain = zip(names, net.stages, shapes, shapes[1:], strict=False)
    joints = [
        Joint(source, stage, stage.weights, given, made)
        for source, stage, given, made in chain
        if isinstance(stage, Neurons)
    ]
    outputs = [layer.name for layer in net.layers[:-1]]
    constants = SCALE_BYTES * BYTE * sum(len(layer.weights) for layer in net.layers)
    bits = sum(layer.weights.size * layer.weight_bits for layer in net.layers) + constants
    return Maps(chip, joints, outputs, bits)


def find_meter(controller: Any) -> Meter | None:
    """Find the network of a controller, where the minds of this package keep theirs."""
    if isinstance(controller, PoppinsController):
        return Spikes(controller, controller.brain_for(seeking=False))
    chip = getattr(controller, "processor", None) or getattr(controller, "machine", None)
    if isinstance(network := getattr(chip, "network", None), Network):
        return maps_of_network(network, chip)
    if isinstance(net := getattr(chip, "net", None), Net):
        return maps_of_net(net, chip)
    return None


def drive(controller: Any, env: Any, decisions: int) -> Iterator[None]:
    """Let a controller drive an episode, and pause after each of so many decisions at most."""
    observation, _ = env.reset(seed=SEED)
    controller.reset(SEED)
    for _ in range(decisions):
        action = controller.act(observation)
        yield
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            return


def summarize(held: Held, works: Iterable[Work]) -> Complexity:
    """Put what a network holds, and what it did in each decision, into figures."""
    done = list(works)
    total, count = Work(*map(sum, zip(*done, strict=True))), len(done)
    return Complexity(
        footprint_bytes=-(-held.bits // BYTE),
        connection_sparsity=held.zeros / held.weights,
        activation_sparsity=total.silent / total.outputs if total.outputs else None,
        dense_synops=total.dense / count,
        effective_macs=total.macs / count,
        effective_acs=total.acs / count,
        membrane_updates=total.updates / count if total.updates else None,
    )


def complexity(controller: str, decisions: int = DECISIONS) -> Complexity | None:
    """Measure a controller over an episode of Avoidance; None: it holds no network that we know.

    The world is the same for all, the decisions are those of the controller itself, without their
    latency: at most so many, fewer where the episode ends before. A network of the package that a
    user's class keeps as `processor` or `machine` counts as well.
    """
    if decisions < 1:
        raise ValueError(f"decisions={decisions} must be 1 or more")
    job = Job(controller, ENVS[0], "forest", 0, SEED, options=options_for(controller, {}))
    env = open_env(job.env, job.scenario, job.options)
    mind = seat_controller(job, env)
    meter = find_meter(mind)
    if meter is None:
        return None
    return summarize(meter.held, (meter.work() for _ in drive(mind, env, decisions)))

"""What networks hold and do is what loops, the chips' own counters and NeuroBench find."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot.complexity import (
    Complexity,
    complexity,
    drive,
    find_meter,
    maps_of_network,
    summarize,
)
from neurobot.episodes import ENVS, Job, open_env, options_for, seat_controller
from neurobot.qnet import INPUT, Conv, Network, Requant, Runner, Scores

Array = NDArray[Any]


def seated(name: str) -> tuple[Any, Any]:
    job = Job(name, ENVS[0], "forest", 0, 0, options=options_for(name, {}))
    env = open_env(job.env, job.scenario, job.options)
    return seat_controller(job, env), env


def measure(network: Network, images: Array) -> Complexity:
    runner = Runner(network)
    meter = maps_of_network(network, runner)
    works = []
    for image in images:
        runner(image)
        works.append(meter.work())
    return summarize(meter.held, works)


def codes(network: Network, name: str, image: Array) -> Array:
    runner = Runner(network)
    runner(image)
    return runner.maps[name].copy()


def count_products(weights: Array, values: Array, stride: int, pad: int) -> tuple[int, int]:
    """Walk through all windows: products on the map, and those of which no factor is 0."""
    out, rows, columns, part = weights.shape
    height, width, channels = values.shape
    each = out // (channels // part)  # output channels of a group
    met = moved = 0
    for o, i, j, c in np.ndindex(weights.shape):
        for top in range(-pad, height + pad - rows + 1, stride):
            for left in range(-pad, width + pad - columns + 1, stride):
                if 0 <= top + i < height and 0 <= left + j < width:
                    value = values[top + i, left + j, o // each * part + c]
                    met += 1
                    moved += bool(value) and bool(weights[o, i, j, c])
    return met, moved


def grouped() -> Network:
    """A convolution of two groups, with a stride and zeros around, and a layer of all values."""
    rng = np.random.default_rng(3)
    ones, zeros = np.ones(4, np.int32), np.zeros(4, np.int64)
    return Network(
        input_shape=(5, 4, 2),
        layers=(
            Conv("conv", (INPUT,), rng.integers(-1, 2, (4, 3, 3, 1)), 2, False, (2, 2), (1, 1), 2),
            Requant("relu", ("conv",), ones, zeros, 6, 0, 3, 2),
            Conv("dense", ("relu",), rng.integers(-4, 4, (3, 3, 2, 4)), 3),
            Scores("scores", ("dense",), ones[:3], zeros[:3]),
        ),
    )


def test_products_of_a_frame_are_those_that_loops_meet() -> None:
    network = grouped()
    image = np.random.default_rng(5).integers(0, 256, (5, 4, 2)) * [[[0, 1]]]
    inner = codes(network, "relu", image)
    assert 0 < np.count_nonzero(inner) < inner.size
    first = count_products(network.convs[0].weights, image, 2, 1)
    second = count_products(network.convs[1].weights, inner, 1, 0)
    found = measure(network, image[None])
    assert found.dense_synops == first[0] + second[0]
    assert found.effective_macs + found.effective_acs == first[1] + second[1]
    assert found.activation_sparsity == (inner == 0).mean()
    # 36 weights of 2 bits and 72 of 3; 7 channels of a multiplier (32 bits) and a bias (64).
    assert found.footprint_bytes == 9 + 27 + 7 * 12
    zeros = sum(int((conv.weights == 0).sum()) for conv in network.convs)
    assert found.connection_sparsity == zeros / 108
    assert found.membrane_updates is None


def test_products_with_ones_are_accumulates_and_a_mid_rise_grid_has_no_zeros() -> None:
    one, zero = np.ones(1, np.int32), np.zeros(1, np.int64)
    weights = np.array([0, 1, 2, 3]).reshape(1, 1, 1, 4)  # -3, -1, 1, 3
    network = Network(
        input_shape=(1, 1, 4),
        layers=(
            Conv("sum", (INPUT,), weights, 2, odd=True),
            Scores("scores", ("sum",), one, zero),
        ),
    )
    images = np.array([[1, 0, 1, 0], [1, 2, 0, 1]]).reshape(2, 1, 1, 4)
    found = measure(network, images)
    assert found == Complexity(1 + 12, 0.0, None, 4.0, 3 / 2, 2 / 2, None)


def test_the_streaming_machine_counts_the_same_products() -> None:
    mind, env = seated("tdnn-insight")
    meter = find_meter(mind)
    assert meter is not None
    works = [(meter.work(), mind.events) for _ in drive(mind, env, 5)]
    assert len(works) == 5
    for work, events in works:
        assert work.macs + work.acs == events.macs > 0


def test_a_brain_without_a_network_has_no_complexity() -> None:
    assert complexity("random", decisions=1) is None
    assert complexity("brains:Straight", decisions=1) is None
    with pytest.raises(ValueError, match="decisions=0 must be 1 or more"):
        complexity("random", decisions=0)


@pytest.mark.parametrize("name", ["poppins", "cnn-uniq-1b", "cnn-cim-4b"])
def test_every_kind_of_brain_is_measured_alike_each_time(name: str) -> None:
    found = complexity(name, decisions=2)
    assert found is not None
    assert found == complexity(name, decisions=2)
    assert 0 < found.effective_macs + found.effective_acs < found.dense_synops
    assert (found.effective_acs > 0) == (name in ("poppins", "cnn-uniq-1b"))
    assert (found.membrane_updates is not None) == (name == "poppins")
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


# NeuroBench itself, where it is installed.


def neurobench(model: Any, inputs: Any) -> dict[str, Any]:
    """Let NeuroBench's harness measure a model on inputs, one at a time."""
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics import static, workload
    from torch.utils.data import DataLoader, TensorDataset

    labels = inputs[:, 0]  # of which no metric asks
    kept = [static.Footprint, static.ConnectionSparsity]
    run = [workload.ActivationSparsity, workload.SynapticOperations, workload.MembraneUpdates]
    harness = Benchmark(model, DataLoader(TensorDataset(inputs, labels)), [], [], [kept, run])
    found: dict[str, Any] = harness.run(quiet=True)
    return found


def assert_as_neurobench(found: Complexity, theirs: dict[str, Any]) -> None:
    operations = theirs["SynapticOperations"]
    assert found.dense_synops == operations["Dense"] > 0
    assert found.effective_macs == operations["Effective_MACs"]
    assert found.effective_acs == operations["Effective_ACs"]
    assert round(found.connection_sparsity, 4) == theirs["ConnectionSparsity"] > 0
    # Theirs is a mean of means.
    assert found.activation_sparsity == pytest.approx(theirs["ActivationSparsity"], rel=1e-12)
    assert found.activation_sparsity not in (None, 0, 1)


def test_a_float_network_measures_as_neurobench_does() -> None:
    torch = pytest.importorskip("torch", reason="a network of PyTorch is measured")
    pytest.importorskip("neurobench.benchmarks", reason="the harness that ours is compared with")
    from neurobench.models import TorchModel
    from torch import nn

    from neurobot.quantize.export import export_float

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6 * 4 * 5, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    ).eval()
    with torch.no_grad():
        for values in model.parameters():
            values[values.abs() < 0.02] = 0
    images = np.random.default_rng(1).integers(0, 256, (3, 8, 10, 1))
    images[images < 80] = 0
    found = measure(export_float(model, (8, 10, 1)), images)
    inputs = torch.from_numpy(images[:, None, :, :, 0]).float() / 255
    theirs = neurobench(TorchModel(model), inputs)
    assert_as_neurobench(found, theirs)
    channels = 4 + 6 + 8 + 3  # an exported network has a scale for each, as a batch norm would
    assert found.footprint_bytes == theirs["Footprint"] + 4 * channels


def test_a_spiking_brain_measures_as_neurobench_does() -> None:
    torch = pytest.importorskip("torch", reason="a network of PyTorch is measured")
    pytest.importorskip("neurobench.benchmarks", reason="the harness that ours is compared with")
    from neurobench.models import SNNTorchModel
    from snntorch import SpikingNeuron
    from torch import nn

    mind, env = seated("poppins")
    meter: Any = find_meter(mind)
    work = [meter.work() for _ in drive(mind, env, 4)][-1]
    trace = meter.brain.trace(mind.events.ticks)
    spikes = torch.from_numpy(trace.spikes).float()
    potential = torch.from_numpy(trace.potential).float()
    first = len(mind.brain.network.first)
    sides = {"first": slice(0, first), "second": slice(first, None)}
    sources = {"first.weights": "first", "forward": "first"}
    memories = mind.brain.network.memories
    read = [sides[sources.get(name, "second")] for name in memories]

    class Replay(SpikingNeuron):  # type: ignore[misc]
        """Neurons that do what the chip's did, tick by tick."""

        def forward(self, tick: int) -> Any:
            self.mem = potential[tick][None]
            return spikes[tick][None]

    class Twin(nn.Module):
        """The weight memories as layers, which the last tick's spikes go through."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(
                nn.Linear(len(memory), memory.shape[1], bias=False) for memory in memories.values()
            )
            for layer, memory in zip(self.layers, memories.values(), strict=True):
                layer.weight.data = torch.from_numpy(memory.T.astype(np.float32))
            self.neurons = Replay(init_hidden=True)

        def forward(self, tick: Any) -> Any:
            now = int(tick)
            before = spikes[now - 1][None] if now else torch.zeros(1, len(spikes[0]))
            for layer, part in zip(self.layers, read, strict=True):
                layer(before[:, part])
            return self.neurons(now), None

        def reset(self) -> None:
            self.neurons.mem = torch.zeros(1, len(spikes[0]))

    ticks = torch.arange(len(spikes))[None, :, None]
    theirs = neurobench(SNNTorchModel(Twin()), ticks)
    found = summarize(meter.held, [work])
    assert_as_neurobench(found, theirs)
    assert found.membrane_updates == theirs["MembraneUpdates"] > 0

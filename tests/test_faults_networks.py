"""Brains whose chips run networks drive on, whatever their memories hold, and can be mended."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from faulty_codes import mend, scatter, shuffle, sound_codes
from numpy.typing import NDArray

from neurobot.controllers import make_controller
from neurobot.controllers.steering import CHOICES, choose
from neurobot.faults.memory import Strikes
from neurobot.faults.seats import find_substrate
from neurobot.loop import Observation, attach, sensor_of

Array = NDArray[Any]
BRAINS = (
    "cnn-lsq-4b",
    "cnn-lglsq-3b",
    "cnn-uniq-1b",
    "cnn-fp32",
    "ppo-range-lsq-4b",
    "cnn-mars",
)


def seated(name: str) -> tuple[Any, Any, list[Observation]]:
    """A brain that drives to goals, its chip's memories, and some of what it may see."""
    controller = make_controller(name)
    sensor = sensor_of(type(controller))
    world = gym.make("neurobot/Navigation-v0", sensor=sensor).unwrapped
    attach(controller, world)
    controller.reset(0)
    world.observation_space.seed(0)
    views: list[Any] = [world.reset(seed=0)[0]]
    views += [world.observation_space.sample() for _ in range(2)]
    return controller, find_substrate(controller, world), views


def wheels_after(controller: Any, views: list[Observation]) -> tuple[Array, Array]:
    """Drive by views in a row; what wheels got, which can be driven, and all votes."""
    controller.reset(0)
    wheels = []
    votes = []
    for view in views:
        wheels.append(controller.act(view))
        votes.append(controller.votes)
    assert np.abs(wheels).max() <= 1, "wheels cannot do that"
    return np.array(wheels), np.array(votes)


@pytest.mark.parametrize("name", BRAINS)
def test_every_decision_comes_to_its_end_and_a_mended_brain_is_sound(name: str) -> None:
    controller, substrate, views = seated(name)
    rng, parts = np.random.default_rng(1), list(enumerate(substrate.memories))
    sound, golden = wheels_after(controller, views), sound_codes(substrate)
    cycles = controller.events.cycles
    for part, memory in parts[:-1]:
        for bit in range(memory.bits):
            value = rng.integers(0, memory.values, 1)
            substrate.write(part, value, golden[part][value] ^ np.uint64(1 << bit))
            wheels_after(controller, views[:1])
    for change, share in ((scatter, 1e-3), (scatter, 0.1), (shuffle, 0.1), (shuffle, 1.0)):
        change(substrate, rng, share)
        count, (number, state) = 50, parts[-1]
        when = np.sort(rng.integers(0, 2 * cycles, count))
        where = rng.integers(0, state.values, count), rng.integers(0, state.bits, count)
        substrate.strike(Strikes(when, np.full(count, number), *where))
        wheels_after(controller, views)
        assert controller.events.cycles == cycles == substrate.events.cycles
    mend(substrate, golden)
    for found, wanted in zip(wheels_after(controller, views), sound, strict=True):
        assert found.tobytes() == wanted.tobytes()


def test_scores_that_are_no_numbers_lose() -> None:
    scores = np.array([np.nan, -np.inf, 3.0, np.nan, np.inf, np.inf])
    assert [choose(scores[:count], 0) for count in (1, 2, 3, 4, 5, 6)] == [0, 0, 2, 2, 4, 4]
    assert choose(np.full(CHOICES, np.nan), 7) == 0


@pytest.mark.parametrize("name", BRAINS)
def test_memories_are_as_large_as_a_networks_constants(name: str) -> None:
    controller, substrate, _ = seated(name)
    network = (controller.machine if name == "cnn-mars" else controller.processor).network
    sizes: dict[str, int] = {}
    for memory in substrate.memories:
        assert memory.reads is not None
        assert hasattr(controller.events, memory.reads)
        sizes[memory.name] = sizes.get(memory.name, 0) + memory.size
    bits = 32 + 64 + 6
    channels = [len(layer.bias) for layer in network.layers if hasattr(layer, "bias")]
    full = sum(channels) * bits - channels[-1] * 6
    assert sizes["configuration"] == (64 * sum(channels) if network.real else full)
    if name != "cnn-mars":
        assert sizes["weights"] == network.weight_bits_total
    registers = {"cnn-mars": 4 * 2 * 16, "cnn-uniq-1b": 8 * 9}.get(name, 64)
    assert sizes["accumulators"] == registers * 32

"""Integers against integers: our kernels and the rules written in Brian2 must not differ at all."""

from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from neurobot.fixed import Ints
from neurobot.poppins import Poppins
from neurobot.reference import exact
from neurobot.validation.variants import (
    make_network,
    make_neurons,
    published_neurons,
    random_network,
    run_chip,
)
from neurobot.validation.windows import Windows

BIASES = np.arange(-256, 256)  # all that the 9-bit stimulus can be
BIAS_TICKS = 1000
TAUS = (0, 1, 2, 4, 8, 16, 32, 64, 128)
RESPONSE_TICKS = 300
COUPLED, FAN_IN, COUPLED_TICKS = 1000, 20, 3000
NARROW: tuple[dict[str, Any], ...] = (
    {"current_bits": 9, "rounds_to_zero": True},
    {"current_bits": 9, "wraps": True},
)
NARROW_TICKS = 500


@dataclass(frozen=True)
class Equality:
    """How many values of a case were compared, and how many differ."""

    case: str
    neuron_steps: int
    spikes: int  # how many there were
    potential_differ: int
    current_differ: int
    spikes_differ: int

    @property
    def differ(self) -> int:
        """All values that differ."""
        return self.potential_differ + self.current_differ + self.spikes_differ


def compare(case: str, network: Poppins, drives: Ints) -> Equality:
    """Run copies of a network on drives (W, T, N) both ways."""
    theirs = exact(network, drives)
    ours = run_chip(network, drives)
    differ = {
        f"{name}_differ": int((getattr(ours, name) != values).sum())
        for name, values in vars(theirs).items()
    }
    return Equality(case, drives.size, int(theirs.spikes.sum()), **differ)


def bias_drives(count: int) -> Ints:
    """Every bias for so many neurons, (biases, BIAS_TICKS, count)."""
    shape = (len(BIASES), BIAS_TICKS, count)
    return np.broadcast_to(BIASES[:, None, None], shape).astype(np.int32)


def synapses(tau: int) -> tuple[Poppins, Ints]:
    """One neuron that spikes once, onto a neuron for each 8-bit weight; and its drive."""
    weights = np.arange(-128, 128)
    count = 1 + len(weights)
    neurons = make_neurons([(128, 255, 128, 1, 1)] * count, tau)
    table = np.zeros((count, count), np.int32)
    table[0, 1:] = weights
    drives = np.zeros((1, RESPONSE_TICKS, count), np.int32)
    drives[0, 0, 0] = 255
    return make_network(neurons, table, 1), drives


def coupled_cases(seed: int) -> list[Equality]:
    """Two coupled populations of any neurons, on the default chip and on narrower ones."""
    rng = np.random.default_rng(seed)
    coupled = random_network(rng, COUPLED, FAN_IN)
    drives = rng.integers(-30, 60, (1, COUPLED_TICKS, len(coupled)), np.int32)
    cases = [compare("two coupled populations, random", coupled, drives)]
    for options in NARROW:
        narrow = replace(coupled, chip=replace(coupled.chip, **options))
        changed = ", ".join(f"{name}={value}" for name, value in options.items())
        cases.append(compare(f"the same, {changed}", narrow, drives[:, :NARROW_TICKS]))
    return cases


def check_equality(windows: list[Windows], seed: int) -> list[Equality]:
    """Compare the neuron, the synapse, two coupled populations, and the robot's decisions."""
    published = published_neurons()
    responses = [compare("", *synapses(tau)) for tau in TAUS]
    return [
        compare("neuron: published constants, every bias", published, bias_drives(len(published))),
        Equality(
            f"synapse: every 8-bit weight, time constants {min(TAUS)} to {max(TAUS)}",
            *np.sum([astuple(response)[1:] for response in responses], axis=0).tolist(),
        ),
        *coupled_cases(seed),
        *(compare(f"decisions: {w.name}", w.network, w.drives) for w in windows),
    ]

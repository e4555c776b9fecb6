"""Examples to look at: the same input to the chip, to the floats and to the parabola."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.iqif import Trace
from neurobot.poppins import Poppins
from neurobot.reference import Run
from neurobot.validation.budget import quiet_drives
from neurobot.validation.equality import synapses
from neurobot.validation.variants import (
    FLOAT,
    PUBLISHED,
    QUADRATIC,
    VARIANTS,
    published_neurons,
    run_chip,
)

CHIP = "chip"
BIAS, TICKS = 10, 60
WEIGHT, TAU = 40, 16
FIRST_WEIGHT = -128  # of the neurons of `synapses`, which begin behind the one that spikes


@dataclass(frozen=True)
class Example:
    """One neuron's potential, (T,), by model."""

    title: str
    potentials: dict[str, NDArray[Any]]


def potentials(network: Poppins, drives: NDArray[Any], neuron: int) -> dict[str, NDArray[Any]]:
    """Potential of one neuron on drives (1, T, N), by model."""
    models = {name: VARIANTS[name](network, drives, states=True) for name in (FLOAT, QUADRATIC)}
    runs: dict[str, Trace | Run] = {CHIP: run_chip(network, drives), **models}
    return {name: np.asarray(run.potential)[0, :, neuron] for name, run in runs.items()}


def make_examples(seed: int) -> list[Example]:
    """Constant input, one input spike of either sign, and inputs below the rheobase."""
    single = published_neurons()
    tutorial = list(PUBLISHED).index("tutorial")
    constant = np.full((1, TICKS, len(single)), BIAS, np.int32)
    network, drives = synapses(TAU)
    examples = [Example(f"'tutorial' neuron, bias {BIAS}", potentials(single, constant, tutorial))]
    for weight in (WEIGHT, -WEIGHT):
        response = potentials(network, drives[:, :TICKS], 1 + weight - FIRST_WEIGHT)
        examples.append(Example(f"one spike, weight {weight:+}, time constant {TAU}", response))
    below = quiet_drives(np.random.default_rng(seed), single)[:, : 4 * TICKS]
    quiet = potentials(single, below, tutorial)
    examples.append(Example("'tutorial' neuron, inputs below its rheobase", quiet))
    return examples

"""The steps between the chip and the model that it rounds, and protocols that show their cost."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.fixed import Ints
from neurobot.iqif import Neurons, Trace, trace
from neurobot.poppins import Chip, Poppins, Population
from neurobot.reference import FLOATS, INTEGERS, Rules, Run, approximated

Floats = NDArray[np.float64]
Model = Callable[..., Run]

FLOAT = "float"
QUADRATIC = "quadratic + clamp"
# Name -> how to run it. The first is the reference; each cause alone is then added to it, and
# taken from the chip.
VARIANTS: dict[str, Model] = {
    FLOAT: partial(approximated, rules=FLOATS),
    **{
        f"float + {name}": partial(approximated, rules=FLOATS._replace(**{name: True}))
        for name in Rules._fields
    },
    **{
        f"chip - {name}": partial(approximated, rules=INTEGERS._replace(**{name: False}))
        for name in Rules._fields
    },
    # Without the clamp, one tick of the parabola throws a potential far below rest up to a spike.
    QUADRATIC: partial(approximated, rules=Rules(clamp=True), quadratic=True),
}

# Constants of the iq-neuron library's examples: rest, threshold, reset, and slopes in eighths.
PUBLISHED: dict[str, tuple[int, int, int, int, int]] = {
    "tutorial": (128, 200, 128, 1, 1),
    "competition": (40, 70, 80, 1, 1),
    "class 1": (62, 75, 68, 4, 1),
    "integrator": (50, 75, 50, 1, 1),
    "ring bump": (62, 130, 145, 1, 1),
    "ring shifter": (62, 130, 50, 2, 2),
}


def make_neurons(constants: Any, tau: Any) -> Neurons:
    """Neurons from rows of constants (N, 5) and time constants (N,) or one for all."""
    rest, threshold, reset, slope_rest, slope_threshold = np.asarray(constants).T
    times = np.broadcast_to(tau, rest.shape)
    return Neurons(rest, threshold, reset, slope_rest, slope_threshold, times)


def make_network(neurons: Neurons, weights: NDArray[Any], first: int) -> Poppins:
    """Put neurons and all their weights (N, N) into two populations of a large enough chip."""
    parts = [
        Neurons(**{name: values[place] for name, values in vars(neurons).items()})
        for place in (slice(first), slice(first, None))
    ]
    count = len(neurons)
    return Poppins(
        Population(parts[0], weights[:first, :first]),
        Population(parts[1], weights[first:, first:]),
        amplitude=np.zeros(count, np.int32),
        tonic=np.zeros(count, np.int32),
        forward=weights[:first, first:],
        backward=weights[first:, :first],
        chip=Chip(neurons=1024),
    )


def published_neurons() -> Poppins:
    """One neuron of each published set, not connected."""
    count = len(PUBLISHED)
    neurons = make_neurons(list(PUBLISHED.values()), tau=0)
    return make_network(neurons, np.zeros((count, count), np.int32), count // 2)


def random_network(
    rng: np.random.Generator, size: int, fan_in: int, least_slope: int = 0, parts: int = 1
) -> Poppins:
    """Two coupled populations of any neurons: all slopes, time constants, resets beyond threshold.

    size: neurons per population; fan_in: mean number of inputs that a neuron has from each;
    least_slope: of the force below the branch, in eighths; 0 leaves floats without a clamp adrift;
    parts: as many networks side by side, neuron j of both populations in part j // (size // parts).
    """
    rest, reset, threshold = np.sort(rng.integers(1, 256, (3, 2 * size)), axis=0)
    swap = rng.random(2 * size) < 0.1
    reset, threshold = np.where(swap, threshold, reset), np.where(swap, reset, threshold)
    rest = np.minimum(rest, threshold - 1)
    slopes = rng.integers(least_slope, 9, 2 * size), rng.integers(1, 9, 2 * size)
    tau = rng.choice([0, 1, 2, 4, 8, 16, 20, 64, 128], 2 * size)
    part = np.arange(2 * size) % size // (size // parts)
    present = rng.random((2 * size, 2 * size)) < fan_in / (size // parts)
    present &= part[:, None] == part[None, :]
    weights = rng.integers(-128, 128, present.shape) * present
    return make_network(Neurons(rest, threshold, reset, *slopes, tau), weights, size)


def run_chip(network: Poppins, drives: Ints) -> Trace:
    """Our kernels on copies (W, T, N), as one trace of such arrays."""
    runs = [trace(network.silicon, np.ascontiguousarray(drive, np.int32)) for drive in drives]
    return Trace(*(np.stack([getattr(run, name) for run in runs]) for name in vars(runs[0])))

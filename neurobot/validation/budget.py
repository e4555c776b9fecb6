"""What the chip's roundings change, each cause for itself: rates, potentials, spike times, choices.

The chip is compared with every variant of `VARIANTS` on the same drives.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import neo
    import quantities
    from elephant.spike_train_dissimilarity import victor_purpura_distance
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "comparing spike trains needs elephant: pip install 'neurobot[brian]'"
    ) from missing

from neurobot.decode import winner
from neurobot.fixed import Ints
from neurobot.iqif import Trace
from neurobot.poppins import Poppins
from neurobot.reference import Run
from neurobot.validation.variants import (
    PUBLISHED,
    VARIANTS,
    make_network,
    make_neurons,
    published_neurons,
    random_network,
    run_chip,
)

CURVE_BIASES = np.arange(0, 256)  # none below 0 makes a neuron at rest spike
NEAR = 21  # biases 0..20, around the rheobases
CURVE_TICKS = 1000
QUIET_TICKS, HOLD_TICKS = 1000, 20
NETWORKS, NETWORK_SIZE, NETWORK_FAN_IN, NETWORK_TICKS = 24, 6, 3, 300  # size per population
SHIFT_TICKS = 10  # a spike moved by so much counts like one added and one removed
RIVALS_TICKS, RIVALS_SETTLED = 1000, 200
RIVAL_WEIGHTS, RIVAL_TAUS, RIVAL_BIASES = (-16, -24, -32, -64), (8, 16, 32), range(10, 20)


@dataclass
class Line:
    """How far one variant is from the chip, by every measure."""

    variant: str
    rate_error: float = 0.0  # mean |difference| of f-I curves at biases 0..20, spikes in 1000 ticks
    rate_error_most: float = 0.0  # the largest at any bias
    quiet_rmse: float = 0.0  # potential units, without spikes
    # Of random networks, the mean and the standard deviation over them:
    driven_rmse: float = 0.0  # potential units
    driven_rmse_sd: float = 0.0
    count_error: float = 0.0  # |difference| of a neuron's spikes, share of all spikes
    count_error_sd: float = 0.0
    spike_distance: float = 0.0  # Victor-Purpura, per spike of the chip
    spike_distance_sd: float = 0.0
    choices_agree: float = 0.0  # of two rivals, the same winner
    decisions_agree: float = 0.0  # of the robot's windows, the same winner


@dataclass
class Budget:
    """The lines, and the f-I curves behind them."""

    lines: list[Line]
    curves: dict[str, NDArray[Any]]  # (sets, biases) spikes, of the chip and of each variant


def squared(chip: Trace, other: Run) -> NDArray[Any]:
    """Squared difference of two potentials, each as its byte can show it."""
    assert other.potential is not None
    return np.asarray((chip.potential - np.clip(other.potential, 0, 255)) ** 2)


def spike_distance(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Victor-Purpura distance of two spike trains (T,)."""
    trains = [
        neo.SpikeTrain(np.flatnonzero(spikes) * quantities.ms, t_stop=len(spikes) * quantities.ms)
        for spikes in (a, b)
    ]
    cost = 2.0 / (SHIFT_TICKS * quantities.ms)
    return float(victor_purpura_distance(trains, cost)[0, 1])


def curve_drives() -> Ints:
    """Every bias for every published set, (biases, T, sets)."""
    shape = (len(CURVE_BIASES), CURVE_TICKS, len(PUBLISHED))
    return np.broadcast_to(CURVE_BIASES[:, None, None], shape).astype(np.int32)


def quiet_drives(rng: np.random.Generator, network: Poppins) -> Ints:
    """Draw inputs that change every HOLD_TICKS and never reach the rheobase, (1, T, N)."""
    cells = network.neurons
    a, b = cells.slope_rest, cells.slope_threshold
    most = a * b * (cells.threshold - cells.rest) // (8 * (a + b))
    steps = rng.integers(-most, most + 1, (QUIET_TICKS // HOLD_TICKS, len(network)))
    return np.repeat(steps, HOLD_TICKS, axis=0)[None].astype(np.int32)


def rivals() -> tuple[Poppins, Ints]:
    """Pairs of neurons that inhibit each other, and biases for them, (W, T, N)."""
    sets = [PUBLISHED["competition"], PUBLISHED["tutorial"]]
    cases = [(cell, w, tau) for cell in sets for w in RIVAL_WEIGHTS for tau in RIVAL_TAUS]
    neurons = make_neurons(
        [cell for cell, _, _ in cases for _ in range(2)], [tau for _, _, tau in cases for _ in "ab"]
    )
    weights = np.zeros((len(neurons), len(neurons)), np.int32)
    for k, (_, weight, _) in enumerate(cases):
        weights[2 * k, 2 * k + 1] = weights[2 * k + 1, 2 * k] = weight
    biases = np.array([(a, b) for a in RIVAL_BIASES for b in RIVAL_BIASES if a != b])
    drives = np.tile(biases, (1, len(cases)))[:, None, :].repeat(RIVALS_TICKS, axis=1)
    return make_network(neurons, weights, len(neurons) // 2), drives.astype(np.int32)


def choices(spikes: NDArray[np.bool_]) -> Ints:
    """Winners of all pairs, (W, pairs)."""
    counts = spikes[:, RIVALS_SETTLED:].sum(axis=1, dtype=np.int32)
    pairs = counts.reshape(len(counts), -1, 2)
    return np.array([[winner(pair) for pair in row] for row in pairs], np.int32)


def by_network(values: NDArray[Any]) -> NDArray[Any]:
    """Split the last axis, neurons of both populations, by network: (..., NETWORKS, neurons)."""
    halves = values.reshape(*values.shape[:-1], 2, NETWORKS, NETWORK_SIZE)
    return np.concatenate([halves[..., 0, :, :], halves[..., 1, :, :]], axis=-1)


def compare_networks(line: Line, chip: Trace, other: Run) -> None:
    """Fill in what random networks show, (1, T, N): potentials, spike counts, spike times."""
    counts, theirs = (run.spikes[0].sum(axis=0) for run in (chip, other))
    pairs = zip(chip.spikes[0].T, other.spikes[0].T, strict=True)
    distances = np.array([spike_distance(a, b) for a, b in pairs])
    spikes = by_network(counts).sum(axis=-1)
    found = {
        "driven_rmse": np.sqrt(by_network(squared(chip, other)[0].mean(axis=0)).mean(axis=-1)),
        "count_error": by_network(np.abs(theirs - counts)).sum(axis=-1) / spikes,
        "spike_distance": by_network(distances).sum(axis=-1) / spikes,
    }
    for name, values in found.items():
        setattr(line, name, float(values.mean()))
        setattr(line, f"{name}_sd", float(values.std(ddof=1)))


def measure_budget(seed: int) -> Budget:
    """Run every protocol in every variant; the decisions are filled in by their own module."""
    rng = np.random.default_rng([seed, 1])
    single, (pairs, biases) = published_neurons(), rivals()
    size = NETWORKS * NETWORK_SIZE
    networks = random_network(rng, size, NETWORK_FAN_IN, least_slope=1, parts=NETWORKS)
    driven = rng.integers(-20, 40, (1, NETWORK_TICKS, len(networks)), np.int32)
    quiet = quiet_drives(rng, single)
    chip_curve = run_chip(single, curve_drives()).spikes.sum(axis=1)
    chip_quiet, chip_driven = run_chip(single, quiet), run_chip(networks, driven)
    chip_choices = choices(run_chip(pairs, biases).spikes)
    budget = Budget([], {"chip": chip_curve.T})
    for name, model in VARIANTS.items():
        curve = model(single, curve_drives()).spikes.sum(axis=1)
        budget.curves[name] = curve.T
        errors = np.abs(curve - chip_curve)
        line = Line(name, float(errors[:NEAR].mean()), float(errors.max()))
        line.quiet_rmse = float(
            np.sqrt(squared(chip_quiet, model(single, quiet, states=True)).mean())
        )
        compare_networks(line, chip_driven, model(networks, driven, states=True))
        same = choices(model(pairs, biases).spikes) == chip_choices
        line.choices_agree = float(same.mean())
        budget.lines.append(line)
    return budget

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
from neurobot.iqif import Trace, trace
from neurobot.poppins import Poppins
from neurobot.reference import Run
from neurobot.validation.variants import (
    PUBLISHED,
    VARIANTS,
    make_network,
    make_neurons,
    published_neurons,
    random_network,
)

BIASES = np.arange(0, 256)  # none below 0 makes a neuron at rest spike
CURVE_TICKS = 1000
QUIET_TICKS, HOLD_TICKS = 1000, 20
COUPLED, COUPLED_FAN_IN, COUPLED_TICKS, COUPLED_COPIES = 32, 4, 300, 2
SHIFT_TICKS = 10  # a spike moved by so much counts like one added and one removed
RIVALS_TICKS, RIVALS_SETTLED = 1000, 200
RIVAL_WEIGHTS, RIVAL_TAUS, RIVAL_BIASES = (-16, -24, -32, -64), (8, 16, 32), range(10, 20)


@dataclass
class Line:
    """How far one variant is from the chip, by every measure."""

    variant: str
    rate_error: float = 0.0  # mean |difference| of an f-I curve, spikes in 1000 ticks
    quiet_rmse: float = 0.0  # potential units, without spikes
    driven_rmse: float = 0.0  # potential units, in the coupled populations
    count_error: float = 0.0  # |difference| of the spikes of a neuron there, share of its spikes
    spike_distance: float = 0.0  # Victor-Purpura there, per spike of the chip
    choices_agree: float = 0.0  # of two rivals, the same winner
    decisions_agree: float = 0.0  # of the robot's windows, the same winner


@dataclass
class Budget:
    """The lines, and the f-I curves behind them."""

    lines: list[Line]
    curves: dict[str, NDArray[Any]]  # (sets, biases) spikes, of the chip and of each variant


def run_chip(network: Poppins, drives: Ints) -> Trace:
    """Our kernels on copies (W, T, N), as one trace of such arrays."""
    runs = [trace(network.silicon, np.ascontiguousarray(drive, np.int32)) for drive in drives]
    return Trace(*(np.stack([getattr(run, name) for run in runs]) for name in vars(runs[0])))


def rmse(chip: Trace, other: Run) -> float:
    """Root of the mean squared difference of two potentials, each as its byte can show it."""
    assert other.potential is not None
    return float(np.sqrt(np.mean((chip.potential - np.clip(other.potential, 0, 255)) ** 2)))


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
    shape = (len(BIASES), CURVE_TICKS, len(PUBLISHED))
    return np.broadcast_to(BIASES[:, None, None], shape).astype(np.int32)


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


def spread_spikes(line: Line, chip: Trace, other: Run) -> None:
    """Compare the spike trains of the coupled populations, (W, T, N)."""
    ours, theirs = (
        run.spikes.transpose(0, 2, 1).reshape(-1, COUPLED_TICKS) for run in (chip, other)
    )
    counts = ours.sum(axis=1)
    line.count_error = float(np.abs(theirs.sum(axis=1) - counts).sum() / counts.sum())
    distances = [spike_distance(a, b) for a, b in zip(ours, theirs, strict=True)]
    line.spike_distance = float(np.sum(distances) / counts.sum())


def measure_budget(seed: int) -> Budget:
    """Run every protocol in every variant; the decisions are filled in by their own module."""
    rng = np.random.default_rng([seed, 1])
    single, (pairs, biases) = published_neurons(), rivals()
    coupled = random_network(rng, COUPLED, COUPLED_FAN_IN, least_slope=1)
    drives = {
        "curve": curve_drives(),
        "quiet": quiet_drives(rng, single),
        "coupled": rng.integers(-20, 40, (COUPLED_COPIES, COUPLED_TICKS, len(coupled)), np.int32),
    }
    curve = run_chip(single, drives["curve"]).spikes.sum(axis=1)
    quiet = run_chip(single, drives["quiet"])
    driven = run_chip(coupled, drives["coupled"])
    chosen = choices(run_chip(pairs, biases).spikes)
    budget = Budget([], {"chip": curve.T})
    for name, model in VARIANTS.items():
        line = Line(name)
        counts = model(single, drives["curve"]).spikes.sum(axis=1)
        line.rate_error = float(np.abs(counts - curve).mean())
        still = model(single, drives["quiet"], states=True)
        line.quiet_rmse = rmse(quiet, still)
        other = model(coupled, drives["coupled"], states=True)
        line.driven_rmse = rmse(driven, other)
        spread_spikes(line, driven, other)
        line.choices_agree = float((choices(model(pairs, biases).spikes) == chosen).mean())
        budget.lines.append(line)
        budget.curves[name] = counts.T
    return budget

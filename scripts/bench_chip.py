"""How fast the chip's kernel is: by size, beside NumPy and the naive oracle, and by its roofline.

python scripts/bench_chip.py [--seconds S]

One core (NumPy's product of floats may take more). A chip of two populations, all-to-all and
connected both ways, runs windows of 64 ticks from rest, counters on. `NumPy` runs the same rules
over a batch of chips at once, and is first compared with the kernel, spike by spike; so is the
oracle of tests/naive.py.

The roofline is what this core could do if nothing but the arithmetic of the rules took time: the
operations on 16-bit lanes that the rules take (counted below), at the rate at which a loop of
nothing but such operations runs here, compiled the same way.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from bench_table import Figure, print_benchmarks, rate
from numba import njit
from numpy.typing import NDArray

from neurobot.compiled import kernel
from neurobot.decision import make_window, run, stimulate
from neurobot.iqif import Neurons, simulate
from neurobot.neurons import make_work
from neurobot.poppins import Chip, Poppins, Population

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SIZE, TICKS, BATCH, WINDOWS = 64, 64, 256, 100
NOBODY = np.zeros(0, np.int32)
OPERATIONS_AT_ONCE, REPEATS = 16, 1000
TURNS = 9
# Operations on lanes that one update takes, by the rules of `neurobot.iqif`: into the register and
# to its ends (3), decay (9: sign, rounding, shift, the step of 1), force (8: two differences, two
# products, branch, choice, shift, sum), stimulus (3), sum (2), spike, reset and floor (5).
UPDATE_OPERATIONS = 30


def equal_neurons(count: int) -> Neurons:
    """Neurons of the tutorial set of the iq-neuron library."""
    return Neurons(*(np.full(count, value) for value in (128, 200, 128, 1, 1, 16)))


def make_chip(rng: np.random.Generator, size: int = SIZE) -> Poppins:
    """Two all-to-all populations, connected both ways; an input spike makes a neuron fire."""

    def weights() -> Any:
        return rng.integers(-12, 11, (size, size))

    return Poppins(
        Population(equal_neurons(size), weights()),
        Population(equal_neurons(size), weights()),
        amplitude=np.full(2 * size, 180),
        tonic=np.zeros(2 * size, np.int32),
        forward=weights(),
        backward=weights(),
        chip=Chip(neurons=size),
    )


@kernel
def repeat(times: int, silicon: Any, bill: Any, work: Any, window: Any) -> None:
    """Run so many windows, with no Python between them."""
    for _ in range(times):
        run(silicon, bill, work, window)


def only_vote(bill: Any, work: Any, window: Any) -> None:
    """Do what `count_spikes` does for the decision: each neuron's spikes, and the votes."""
    most, votes = window.tally[0], window.tally[1]
    for k in range(work.crowd[0]):
        i = work.who[k]
        vote = bill.ledger[i] & 1
        window.spikes[i] += 1
        votes += vote
        most = max(most, window.spikes[i] * vote)
    window.tally[0], window.tally[1] = most, votes


def no_charge(bill: Any, due: int, totals: Any) -> None:
    """Count no ticks, reads, operations and cycles."""


def no_messages(bill: Any, window: Any) -> None:
    """Count no messages."""


def no_sum(totals: Any, k: int, amount: int) -> None:
    """Count no input spikes."""


def without_counting() -> Any:
    """Return `repeat` with everything left out that a decision does not need."""

    def rebind(function: Any, how: Any, **names: Any) -> Any:
        plain = function.py_func
        return how(FunctionType(plain.__code__, {**plain.__globals__, **names}))

    # As the kernels are compiled, but not kept: Numba would take the one for the other.
    compiled: Any = njit
    inlined = compiled(nogil=True, error_model="numpy", forceinline=True)
    piece = compiled(nogil=True, error_model="numpy", inline="always")
    uncounted = rebind(
        run,
        inlined,
        charge=piece(no_charge),
        count_spikes=piece(only_vote),
        count_messages=piece(no_messages),
        stimulate=rebind(stimulate, inlined, add_up=inlined(no_sum)),
    )
    return rebind(repeat, inlined, run=uncounted)


def windows_of(chip: Poppins, trains: NDArray[np.bool_]) -> tuple[Any, ...]:
    """Return what `repeat` takes for one window of input spikes (TICKS, N)."""
    silicon = chip.silicon
    window = make_window(TICKS, silicon.weights.shape[1])
    window.trains[:, : len(chip)] = trains
    return silicon, chip.bill, make_work(silicon), window


def bench_sizes(seconds: float) -> Iterator[Figure]:
    """Time windows of several sizes and firing rates."""
    rng = np.random.default_rng(0)
    for size, density in ((8, 0.1), (32, 0.0), (32, 0.1), (64, 0.1), (64, 0.3), (128, 0.1)):
        chip = make_chip(rng, size)
        trains = rng.random((TICKS, len(chip))) < density
        events = chip.decide(trains, NOBODY)[1]
        call = partial(repeat, WINDOWS, *windows_of(chip, trains))
        found = rate(call, seconds, WINDOWS * events.membrane_updates)
        firing = events.spikes / events.membrane_updates
        yield Figure(
            f"chip, N = {2 * size}, {firing:.0%} firing",
            found,
            "updates/s",
            f"{roofline(firing * 2 * size, seconds, found):.0%} of the roofline",
        )


@kernel
def only_operations(lanes: Any, step: Any, top: Any) -> None:
    """Add and stop at a top, over and over, in registers; the lanes stay in the nearest memory."""
    kind = lanes.dtype.type
    for _ in range(REPEATS):
        for j in range(lanes.shape[0]):
            value = lanes[j]
            for _ in range(OPERATIONS_AT_ONCE // 2):
                value = min(kind(value + step), top)
            lanes[j] = value


PEAK: list[float] = []


def peak(seconds: float) -> float:
    """Return operations a second on 16-bit lanes, measured once."""
    if not PEAK:
        lanes = np.arange(1024, dtype=np.int16)
        call = partial(only_operations, lanes, np.int16(3), np.int16(1000))
        PEAK.append(rate(call, seconds, OPERATIONS_AT_ONCE * REPEATS * len(lanes)))
    return PEAK[0]


def roofline(spikes_per_tick: float, seconds: float, found: float) -> float:
    """Return the share of what the core could do: each spike is one addition for every neuron."""
    return found * (UPDATE_OPERATIONS + spikes_per_tick) / peak(seconds)


def numpy_windows(chip: Poppins, trains: NDArray[np.bool_], kind: Any) -> NDArray[np.bool_]:
    """Run a batch of windows, (E, TICKS, N) input spikes, with NumPy; return all spikes.

    kind: of the sums of weights. In integers NumPy multiplies matrices slowly; sums of so few
    8-bit weights are exact in floats, too, and those it multiplies by a fast library.
    """
    neurons, weights = chip.neurons, chip.weights.astype(kind)
    amplitude = chip.stimulus[0].astype(np.int16)
    rest, threshold, reset, branch = (
        np.asarray(values, np.int16)
        for values in (neurons.rest, neurons.threshold, neurons.reset, neurons.branch)
    )
    slopes = (neurons.slope_rest.astype(np.int16), neurons.slope_threshold.astype(np.int16))
    shift = neurons.shift.astype(np.int32)
    v = np.broadcast_to(rest, trains[:, 0].shape).copy()
    current = np.zeros(v.shape, np.int32)
    fired = np.zeros(trains.shape, np.bool_)
    last = np.zeros(v.shape, kind)
    for t in range(trains.shape[1]):
        current += (last @ weights).astype(np.int32)
        np.clip(current, -32768, 32767, out=current)
        loss = current >> shift
        current -= np.where(loss == 0, np.sign(current), loss)
        force = np.where(v < branch, slopes[0] * (rest - v), slopes[1] * (v - threshold))
        moved = v + (force >> 3) + current + amplitude * trains[:, t]
        fired[:, t] = moved > 255
        v = np.where(fired[:, t], reset, np.maximum(moved, 0)).astype(np.int16)
        last = fired[:, t].astype(kind)
    return fired


def bench_numpy(seconds: float) -> Iterator[Figure]:
    """Time NumPy over a batch of chips of 2 x 32 neurons, and the kernel on the same."""
    rng = np.random.default_rng(1)
    chip = make_chip(rng, SIZE // 2)
    trains = rng.random((BATCH, TICKS, len(chip))) < 0.1
    updates = TICKS * len(chip)
    ours = rate(partial(repeat, WINDOWS, *windows_of(chip, trains[0])), seconds, WINDOWS * updates)
    spikes = [chip.decide(window, NOBODY)[0] for window in trains]
    for kind in (np.int32, np.float32):
        np.testing.assert_array_equal(spikes, numpy_windows(chip, trains, kind).sum(axis=1))
        theirs = rate(partial(numpy_windows, chip, trains, kind), seconds, BATCH * updates)
        what = f"NumPy, {BATCH} chips, N = {len(chip)}, sums in {kind.__name__}"
        yield Figure(what, theirs, "updates/s", f"the kernel is {ours / theirs:.0f} x as fast")


def bench_counting(seconds: float) -> Iterator[Figure]:
    """Time the shipped size with and without counting events, in turns."""
    rng = np.random.default_rng(2)
    chip = make_chip(rng)
    given = windows_of(chip, rng.random((TICKS, len(chip))) < 0.1)
    bare = without_counting()
    given[3].totals[:] = 0
    bare(1, *given)
    if given[3].totals.any():
        raise AssertionError(f"counted all the same: {given[3].totals}")
    best = {repeat: 0.0, bare: 0.0}
    for _ in range(TURNS):
        for call in best:
            best[call] = max(best[call], rate(partial(call, WINDOWS, *given), seconds / TURNS))
    cost = 100 * (best[bare] / best[repeat] - 1)
    yield Figure("counting events", cost, "%", f"more time, N = {len(chip)}; in turns")


def bench_oracle(seconds: float) -> Iterator[Figure]:
    """Time one population against the oracle, after showing that both do the same."""
    from naive import naive_simulate

    rng = np.random.default_rng(3)
    neurons = equal_neurons(SIZE)
    weights, drive = rng.integers(-12, 13, (SIZE, SIZE)), rng.integers(0, 20, (TICKS, SIZE))
    constants = [values.tolist() for values in vars(neurons).values()]
    plain = (*constants, weights.tolist(), drive.tolist())
    spikes = simulate(neurons, weights, drive).spikes
    np.testing.assert_array_equal(spikes, naive_simulate(*plain)[1])
    ours = rate(lambda: simulate(neurons, weights, drive), seconds, TICKS * SIZE)
    theirs = rate(lambda: naive_simulate(*plain), seconds, TICKS * SIZE)
    yield Figure("oracle, plain Python, N = 64", theirs, "updates/s")
    what = "`simulate`, all states kept, N = 64"
    yield Figure(what, ours, "updates/s", f"{ours / theirs:.0f} x oracle")


def figures(seconds: float) -> Iterator[Figure]:
    """All figures of the chip."""
    yield Figure("16-bit lane operations alone", peak(seconds), "op/s", "the roofline's rate")
    yield from bench_sizes(seconds)
    yield from bench_numpy(seconds)
    yield from bench_counting(seconds)
    yield from bench_oracle(seconds)


if __name__ == "__main__":
    print_benchmarks(__doc__.partition("\n")[0], figures)

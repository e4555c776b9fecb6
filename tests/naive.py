"""The rules once more: slow, obvious, and by another route than the package's.

Plain integers, lists and fractions, one thing at a time. Nothing here imports neurobot.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import product
from typing import NamedTuple

# The neuron (P0).


@cache
def naive_power(tau: int) -> int:
    """Greatest power of two that is not above tau."""
    power = 1
    while 2 * power <= tau:
        power = 2 * power
    return power


def naive_decay(current: int, tau: int, rounds_to_zero: bool = False) -> int:
    """Lose the part 1 / power of the current, rounded down, or else move by 1 towards 0."""
    if tau == 0:
        return current
    part = Fraction(current, naive_power(tau))
    loss = math.trunc(part) if rounds_to_zero else math.floor(part)
    if loss != 0:
        return current - loss
    if current > 0:
        return current - 1
    if current < 0:
        return current + 1
    return 0


class Cell(NamedTuple):
    """The constants of one neuron."""

    rest: int
    threshold: int
    reset: int
    slope_rest: int
    slope_threshold: int
    tau: int


@cache
def naive_branch(cell: Cell) -> int:
    """Mean of rest and threshold, weighted by their slopes, towards zero."""
    weighted = cell.slope_rest * cell.rest + cell.slope_threshold * cell.threshold
    return math.trunc(Fraction(weighted, cell.slope_rest + cell.slope_threshold))


def naive_membrane(cell: Cell, potential: int, inputs: int) -> tuple[int, bool]:
    """Next potential, and whether the neuron spiked on the way."""
    if potential < naive_branch(cell):
        force = cell.slope_rest * (cell.rest - potential)
    else:
        force = cell.slope_threshold * (potential - cell.threshold)
    candidate = potential + force // 8 + inputs
    if candidate > 255:
        return cell.reset, True
    if candidate < 0:
        return 0, False
    return candidate, False


def naive_simulate(
    rest: Sequence[int],
    threshold: Sequence[int],
    reset: Sequence[int],
    slope_rest: Sequence[int],
    slope_threshold: Sequence[int],
    tau: Sequence[int],
    weights: Sequence[Sequence[int]],
    drive: Sequence[Sequence[int]],
) -> tuple[list[list[int]], list[list[bool]], list[list[int]]]:
    """Potentials, spikes and currents of all neurons after every step."""
    cells = [
        Cell(*constants)
        for constants in zip(rest, threshold, reset, slope_rest, slope_threshold, tau, strict=True)
    ]
    potential = [cell.rest for cell in cells]
    current = [0 for _ in cells]
    spiked = [False for _ in cells]
    potentials, spikes, currents = [], [], []
    for stimuli in drive:
        for i in range(len(cells)):
            if spiked[i]:
                for j in range(len(cells)):
                    current[j] += weights[i][j]
        for j, cell in enumerate(cells):
            current[j] = naive_decay(current[j], cell.tau)
            inputs = current[j] + stimuli[j]
            potential[j], spiked[j] = naive_membrane(cell, potential[j], inputs)
            if cell.tau == 0:
                current[j] = 0
        potentials.append(list(potential))
        spikes.append(list(spiked))
        currents.append(list(current))
    return potentials, spikes, currents


# The chip: two populations.

Matrix = Sequence[Sequence[int]]


class Wiring(NamedTuple):
    """Weights [pre][post] inside the two populations and between them; None: no such matrix."""

    first: Matrix
    forward: Matrix | None
    backward: Matrix | None
    second: Matrix


class NaiveChip(NamedTuple):
    """Weights, current register and timing of a chip."""

    weight_shift: int
    current_bits: int
    wraps: bool
    rounds_to_zero: bool
    cycles_per_tick: int
    cycles_per_read: int
    cycles_per_update: int
    lanes: int


def naive_register(total: int, bits: int, wraps: bool) -> int:
    """What a signed register of so many bits holds of a sum."""
    size = 1
    for _ in range(bits):
        size = 2 * size
    least, greatest = -(size // 2), size // 2 - 1
    if wraps:
        while total > greatest:
            total -= size
        while total < least:
            total += size
        return total
    return sorted((least, total, greatest))[1]


def naive_rounds(cycles_of_work: int, lanes: int) -> int:
    """Clock cycles until so many lanes have done the work, each a cycle of it at a time."""
    rounds = 0
    while cycles_of_work > 0:
        cycles_of_work -= lanes
        rounds += 1
    return rounds


EVENT_NAMES = (
    "ticks",
    "cycles",
    "stimuli",
    "spikes",
    "messages",
    "synaptic_ops",
    "weight_reads",
    "current_writes",
    "decays",
    "membrane_updates",
)


def naive_deliver(
    wiring: Wiring,
    scale: int,
    spiked: list[list[bool]],
    current: list[list[int]],
    counts: dict[str, int],
) -> int:
    """Add the weights of all spikes to the currents, count events, and return how many reads."""
    matrices = ((wiring.first, wiring.forward), (wiring.backward, wiring.second))
    reads = 0
    for source in (0, 1):
        for i in range(len(spiked[source])):
            for target in (0, 1):
                matrix = matrices[source][target]
                if not spiked[source][i] or matrix is None:
                    continue
                for j, weight in enumerate(matrix[i]):
                    current[target][j] += weight * scale
                    reads += 1
                    counts["weight_reads"] += 1
                    counts["current_writes"] += 1
                    if weight != 0:
                        counts["synaptic_ops"] += 1
    return reads


class NaiveRun(NamedTuple):
    """What all neurons (the first population's first) did in every tick, and all events."""

    spikes: list[list[bool]]
    potential: list[list[int]]
    current: list[list[int]]
    counts: dict[str, int]


def naive_poppins(
    first: Sequence[Cell],
    second: Sequence[Cell],
    wiring: Wiring,
    tonic: Sequence[int],
    amplitude: Sequence[int],
    trains: Sequence[Sequence[bool]],
    chip: NaiveChip,
    ends: Callable[[NaiveRun], bool] = lambda run: False,
    touch: Callable[[int, list[list[int]], list[list[int]]], None] = lambda cycles, v, i: None,
) -> NaiveRun:
    """Both populations from rest, tick by tick until it ends, and what it takes.

    touch: may change potentials and currents before a tick, after so many cycles.
    """
    populations = (first, second)
    potential = [[cell.rest for cell in cells] for cells in populations]
    current = [[0 for _ in cells] for cells in populations]
    spiked = [[False for _ in cells] for cells in populations]
    counts = dict.fromkeys(EVENT_NAMES, 0)
    run = NaiveRun([], [], [], counts)
    for train in trains:
        touch(counts["cycles"], potential, current)
        reads = naive_deliver(wiring, 2**chip.weight_shift, spiked, current, counts)
        inputs = list(zip(tonic, amplitude, train, strict=True))
        updates = 0
        for p, cells in enumerate(populations):
            for j, cell in enumerate(cells):
                stimulus, extra, arrived = inputs.pop(0)
                if arrived:
                    counts["stimuli"] += 1
                    stimulus += extra
                register = naive_register(current[p][j], chip.current_bits, chip.wraps)
                register = naive_decay(register, cell.tau, chip.rounds_to_zero)
                potential[p][j], spiked[p][j] = naive_membrane(
                    cell, potential[p][j], register + stimulus
                )
                current[p][j] = 0 if cell.tau == 0 else register
                updates += 1
                counts["decays"] += 1
                counts["current_writes"] += 1
                counts["membrane_updates"] += 1
                if spiked[p][j]:
                    counts["spikes"] += 1
                    way_out = (wiring.forward, wiring.backward)[p]
                    counts["messages"] += 0 if way_out is None else 1
        counts["ticks"] += 1
        counts["cycles"] += chip.cycles_per_tick
        counts["cycles"] += naive_rounds(reads * chip.cycles_per_read, chip.lanes)
        counts["cycles"] += naive_rounds(updates * chip.cycles_per_update, chip.lanes)
        run.spikes.append(spiked[0] + spiked[1])
        run.potential.append(potential[0] + potential[1])
        run.current.append(current[0] + current[1])
        if ends(run):
            break
    return run


# Spikes and decisions.


def naive_rate(levels: Sequence[int], ticks: int) -> list[list[bool]]:
    """Each tick pours the level into a bucket; every 256 in it are one spike."""
    buckets = [0 for _ in levels]
    trains = []
    for _ in range(ticks):
        row = []
        for i, level in enumerate(levels):
            buckets[i] += level
            row.append(buckets[i] >= 256)
            if buckets[i] >= 256:
                buckets[i] -= 256
        trains.append(row)
    return trains


def naive_first_spike(levels: Sequence[int], ticks: int) -> list[list[bool]]:
    """One spike after the share (1 - level / 256) of the time, none at level 0."""
    trains = [[False for _ in levels] for _ in range(ticks)]
    for i, level in enumerate(levels):
        if level > 0:
            trains[math.floor((1 - Fraction(level, 256)) * ticks)][i] = True
    return trains


def naive_change(
    levels: Sequence[int], before: Sequence[int], ticks: int, step: int
) -> list[list[bool]]:
    """Climb from the level before to the one now; each step climbed is a spike, one a tick."""
    trains = [[False for _ in levels] for _ in range(ticks)]
    for i, (old, new) in enumerate(zip(before, levels, strict=True)):
        reached = old
        for t in range(ticks):
            if reached + step <= new:
                reached += step
                trains[t][i] = True
    return trains


def naive_winner(counts: Sequence[int]) -> int:
    """Position of the one with more than half of all spikes; -1 if there is none."""
    for k, count in enumerate(counts):
        if count > 0 and Fraction(count, sum(counts)) > Fraction(1, 2):
            return k
    return -1


def naive_decided(counts: Sequence[int], ticks_left: int) -> bool:
    """Try every future: whether all have the same winner."""
    now = naive_winner(counts)
    return all(
        naive_winner([count + more for count, more in zip(counts, future, strict=True)]) == now
        for future in product(range(ticks_left + 1), repeat=len(counts))
    )


# Chance.


def naive_mix(state: int) -> int:
    """The output function of SplitMix64, on Python integers modulo 2**64."""
    state = (state ^ (state // 2**30)) * 0xBF58476D1CE4E5B9 % 2**64
    state = (state ^ (state // 2**27)) * 0x94D049BB133111EB % 2**64
    return state ^ (state // 2**31)


def naive_bits(key: int, stream: int, counter: int) -> int:
    """Return an output of the SplitMix64 generator seeded with the key: streams take turns."""
    place = 16 * counter + stream + 1
    return naive_mix((key + place * 0x9E3779B97F4A7C15) % 2**64)


def naive_uniform(key: int, stream: int, counter: int) -> Fraction:
    """The upper 53 bits, as the binary places after the point."""
    return Fraction(naive_bits(key, stream, counter) // 2**11, 2**53)


def naive_gauss(key: int, stream: int, counter: int) -> Fraction:
    """Sum twelve numbers of ten bits, six of each of two words, about its mean, in 1/1024."""
    words: Iterable[int] = (naive_bits(key, stream, 2 * counter + half) for half in (0, 1))
    digits = [word // 1024**place % 1024 for word in words for place in range(6)]
    return Fraction(sum(digits), 1024) - 12 * Fraction(1023, 2 * 1024)

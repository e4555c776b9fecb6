"""The chip: its spikes and every count of events equal the oracle's."""

import math
import re
from collections import Counter
from dataclasses import astuple, fields, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
from naive import (
    EVENT_NAMES,
    Cell,
    NaiveChip,
    NaiveRun,
    Wiring,
    naive_decided,
    naive_poppins,
    naive_power,
    naive_register,
    naive_rounds,
    naive_winner,
)

from neurobot.events import Events
from neurobot.fixed import floor_log2, saturate, signed_range, wrap_around
from neurobot.iqif import Neurons, simulate
from neurobot.poppins import Chip, Poppins, Population

NO_VOTERS = np.zeros(0, np.int32)
ORDINARY = Cell(128, 200, 128, 1, 1, 8)


class Brain(NamedTuple):
    """A chip, what it was made of, and spike trains for it."""

    poppins: Poppins
    cells: tuple[list[Cell], list[Cell]]
    wiring: Wiring
    tonic: list[int]
    amplitude: list[int]
    chip: NaiveChip
    trains: list[list[bool]]

    def naive_run(self, ticks: int | None = None) -> NaiveRun:
        """Let the oracle run the first so many ticks."""
        return naive_poppins(
            *self.cells, self.wiring, self.tonic, self.amplitude, self.trains[:ticks], self.chip
        )

    def naive(self, ticks: int | None = None) -> tuple[list[list[bool]], dict[str, int]]:
        """Spikes in every tick and all events, by the oracle."""
        run = self.naive_run(ticks)
        return run.spikes, run.counts

    def decide(self, voters: Any = NO_VOTERS) -> tuple[list[int], Events]:
        spikes, events = self.poppins.decide(np.array(self.trains), np.array(voters, np.int32))
        return spikes.tolist(), events


def neurons(cells: list[Cell]) -> Neurons:
    return Neurons(*np.array(cells, np.int64).reshape(-1, 6).T)


def draw_cells(rng: np.random.Generator, count: int) -> list[Cell]:
    cells = []
    for _ in range(count):
        rest, threshold, reset = np.sort(rng.integers(20, 230, 3))[[0, 2, 1]].tolist()
        a, b = rng.integers(1, 9, 2).tolist()
        cells.append(Cell(rest, threshold, reset, a, b, int(rng.choice([0, 1, 4, 8, 20, 64]))))
    return cells


def draw_matrix(rng: np.random.Generator, rows: int, columns: int) -> list[list[int]]:
    present = rng.random((rows, columns)) < rng.choice([0.3, 1.0])
    matrix: list[list[int]] = (rng.integers(-128, 128, (rows, columns)) * present).tolist()
    return matrix


def draw_chip(rng: np.random.Generator, current_bits: list[int]) -> NaiveChip:
    return NaiveChip(
        weight_shift=int(rng.choice([0, 0, 0, 1, 3])),
        current_bits=int(rng.choice(current_bits)),
        wraps=bool(rng.integers(2)),
        rounds_to_zero=bool(rng.integers(2)),
        cycles_per_tick=int(rng.integers(0, 6)),
        cycles_per_read=int(rng.integers(1, 4)),
        cycles_per_update=int(rng.integers(1, 5)),
        lanes=int(rng.choice([1, 1, 2, 3, 4, 7, 16])),
    )


def configure(
    cells: tuple[list[Cell], list[Cell]],
    wiring: Wiring,
    stimuli: tuple[list[int], list[int]],
    chip: NaiveChip,
    trains: list[list[bool]],
    **widths: Any,
) -> Brain:
    """Load a chip, whose widths are the usual ones or others; stimuli: tonic and amplitude."""
    tonic, amplitude = stimuli
    poppins = Poppins(
        Population(neurons(cells[0]), wiring.first),
        Population(neurons(cells[1]), wiring.second),
        amplitude,
        tonic,
        wiring.forward,
        wiring.backward,
        Chip(**chip._asdict(), **widths),
    )
    return Brain(poppins, cells, wiring, tonic, amplitude, chip, trains)


def draw_brain(rng: np.random.Generator, sizes: tuple[int, int], ticks: int) -> Brain:
    """Any chip; each matrix between the populations is there or not, currents are narrow or not."""
    cells = draw_cells(rng, sizes[0]), draw_cells(rng, sizes[1])
    wiring = Wiring(
        draw_matrix(rng, sizes[0], sizes[0]),
        draw_matrix(rng, *sizes) if rng.random() < 0.7 else None,
        draw_matrix(rng, *sizes[::-1]) if rng.random() < 0.5 else None,
        draw_matrix(rng, sizes[1], sizes[1]),
    )
    chip = draw_chip(rng, [6, 7, 8, 9, 10, 16, 28])
    tonic = rng.integers(-20, 40, sum(sizes)).tolist()
    amplitude = rng.integers(-30, 200, sum(sizes)).tolist()
    trains = (rng.random((ticks, sum(sizes))) < rng.uniform(0.02, 0.4)).tolist()
    return configure(cells, wiring, (tonic, amplitude), chip, trains)


# A sum that 16 bits just hold, and by how much the sums of columns miss it.
MOST = 32767
SUMS = {"small": -32000, "below": -1, "at": 0, "above": 1, "far above": 200000}


def draw_column(rng: np.random.Generator, rows: int, total: int, top: int) -> list[int]:
    """Weights -top..top - 1 whose magnitudes sum to a total, where so many rows can do that."""
    parts = rng.multinomial(total, rng.dirichlet(np.ones(rows)))
    signs = rng.choice([rng.choice([-1, 1]), -1, 1], rows)
    return np.clip(parts * signs, -top, top - 1).tolist()  # type: ignore[no-any-return]


def draw_strong_brain(rng: np.random.Generator, sizes: tuple[int, int], ticks: int) -> Brain:
    """Any chip whose weights, currents and stimuli reach the ends of 16 bits, or go beyond."""
    first, count = sizes[0], sum(sizes)
    chip = draw_chip(rng, [8, 12, 15, 16, 16, 16, 16, 17, 28])
    weight_bits = int(rng.choice([8, 12, 15, 16, 16, 16]))
    weight_bits = min(weight_bits, 16 - chip.weight_shift)
    excess = SUMS[str(rng.choice(list(SUMS)))]
    usual = int(rng.choice([300, 20000, MOST]))
    totals = np.array([usual] * (count - 1) + [MOST + excess]) >> chip.weight_shift
    top = 1 << (weight_bits - 1)
    columns = [draw_column(rng, count, int(n), top) for n in rng.permutation(totals)]
    matrix = np.array(columns).T
    wiring = Wiring(
        matrix[:first, :first].tolist(),
        matrix[:first, first:].tolist(),
        matrix[first:, :first].tolist() if rng.random() < 0.8 else None,
        matrix[first:, first:].tolist(),
    )
    stimulus_bits = int(rng.choice([9, 15, 16, 16, 16, 16, 17, 24]))
    low, high = signed_range(stimulus_bits)
    ends = np.array([low, low + 1, high, high, 0, 0, 30, 200])
    tonic = np.clip(rng.choice(ends, count), low, high)
    amplitude = rng.choice(np.append(ends, [250] * 4), count)
    amplitude = np.clip(amplitude, low - np.minimum(tonic, 0), high - np.maximum(tonic, 0))
    trains = (rng.random((ticks, count)) < rng.choice([0.1, 0.5, 1.0])).tolist()
    cells = draw_cells(rng, sizes[0]), draw_cells(rng, sizes[1])
    return configure(
        cells,
        wiring,
        (tonic.tolist(), amplitude.tolist()),
        chip,
        trains,
        weight_bits=weight_bits,
        stimulus_bits=stimulus_bits,
    )


def needs_more_than_16_bits(brain: Brain) -> tuple[bool, bool, bool]:
    """Whether some sum of weights, the current's register or the stimuli ask for wider lanes."""
    wiring, scale = brain.wiring, 2**brain.chip.weight_shift
    sums = []
    for matrices in ((wiring.first, wiring.backward), (wiring.forward, wiring.second)):
        rows = [row for matrix in matrices if matrix is not None for row in matrix]
        sums += [sum(scale * abs(row[j]) for row in rows) for j in range(len(rows[0]))]
    return max(sums) > MOST, brain.chip.current_bits > 16, brain.poppins.chip.stimulus_bits > 16


@pytest.fixture(scope="module")
def brains() -> list[Brain]:
    rng = np.random.default_rng(1802)
    usual = [draw_brain(rng, (m, n), 30) for m, n in rng.integers(1, 9, (200, 2)).tolist()]
    strong = [draw_strong_brain(rng, (m, n), 10) for m, n in rng.integers(1, 9, (400, 2)).tolist()]
    return usual + strong


def test_spikes_and_events_equal_the_oracle(brains: list[Brain]) -> None:
    assert tuple(field.name for field in fields(Events)) == EVENT_NAMES
    for number, brain in enumerate(brains):
        history, counts = brain.naive()
        spikes, events = brain.decide()
        case = f"chip {number}: {brain.chip}, {brain.wiring}"
        assert spikes == np.sum(history, axis=0).tolist(), case
        assert dict(zip(EVENT_NAMES, astuple(events), strict=True)) == counts, case
        assert all(type(count) is int for count in astuple(events))


def test_the_random_chips_are_of_every_kind(brains: list[Brain]) -> None:
    kinds = Counter((b.wiring.forward is None, b.wiring.backward is None) for b in brains)
    assert len(kinds) == 4
    outcomes = Counter[str]()
    for brain in brains:
        spikes, events = brain.decide()
        outcomes["spiking"] += 0 < sum(spikes) < len(brain.trains) * len(spikes)
        outcomes["with weights of zero"] += events.synaptic_ops < events.weight_reads
        outcomes["with lanes"] += brain.chip.lanes > 1
        wide = replace(brain.poppins, chip=replace(brain.poppins.chip, current_bits=28))
        if brain._replace(poppins=wide).decide()[0] != spikes:
            outcomes["wrapping" if brain.chip.wraps else "saturating"] += 1
        towards_zero = brain.chip.rounds_to_zero
        other = replace(brain.poppins.chip, rounds_to_zero=not towards_zero)
        if brain._replace(poppins=replace(brain.poppins, chip=other)).decide()[0] != spikes:
            outcomes["rounding to zero" if towards_zero else "rounding down"] += 1
        outcomes["shifting weights"] += brain.chip.weight_shift > 0
    wanted = (
        "spiking, with weights of zero, with lanes, wrapping, saturating, shifting weights, "
        "rounding to zero, rounding down"
    )
    for kind in wanted.split(", "):
        assert outcomes[kind] >= 20, f"only {outcomes[kind]} chips are {kind}"


def test_lanes_are_as_wide_as_the_sums_and_registers_of_a_chip(brains: list[Brain]) -> None:
    reasons = Counter[tuple[bool, bool, bool]]()
    for number, brain in enumerate(brains):
        why = needs_more_than_16_bits(brain)
        silicon = brain.poppins.silicon
        wanted = np.int32 if any(why) else np.int16
        assert silicon.weights.dtype == silicon.cells.dtype == wanted, f"chip {number}: {why}"
        reasons[why] += 1
    assert len(reasons) == 8, f"only {reasons}"
    alone = [
        (False, False, False),
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert min(reasons[why] for why in alone) >= 10, reasons


def test_a_trace_holds_every_tick_of_the_oracle(brains: list[Brain]) -> None:
    for number, brain in enumerate(brains):
        run = brain.naive_run()
        trace = brain.poppins.trace(np.array(brain.trains))
        case = f"chip {number}: {brain.chip}"
        assert trace.spikes.tolist() == run.spikes, case
        assert trace.potential.tolist() == run.potential, case
        assert trace.current.tolist() == run.current, case


@pytest.mark.parametrize("weights", [[32767, 0], [32767, 1], [32767, 32767], [-32768, 0]])
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_that_arrive_together_sum_as_the_oracle_does(weights: list[int], sign: int) -> None:
    """Two neurons that fire in every tick feed a third one, whose current saturates or wraps."""
    fed = [naive_register(sign * weight, 16, wraps=False) for weight in weights]
    for wraps in (False, True):
        brain = configure(
            ([ORDINARY] * 2, [ORDINARY._replace(tau=tau) for tau in (0, 8, 32768)]),
            Wiring([[0, 0]] * 2, [[weight] * 3 for weight in fed], None, [[0] * 3] * 3),
            ([255, 255, 0, 20, 0], [0] * 5),
            NaiveChip(0, 16, wraps, False, 1, 1, 1, 1),
            [[False] * 5] * 6,
            weight_bits=16,
        )
        run = brain.naive_run()
        trace = brain.poppins.trace(np.array(brain.trains))
        assert trace.spikes.tolist() == run.spikes, (fed, wraps)
        assert trace.current.tolist() == run.current, (fed, wraps)


def test_software_without_neurons_does_nothing() -> None:
    trace = simulate(neurons([]), np.zeros((0, 0), np.int32), np.zeros((3, 0), np.int32))
    assert trace.potential.shape == trace.spikes.shape == trace.current.shape == (3, 0)


def test_any_part_of_a_run_equals_the_oracle(brains: list[Brain]) -> None:
    brain = next(b for b in brains if min(len(cells) for cells in b.cells) >= 5)
    for ticks in range(30):
        history, counts = brain.naive(ticks)
        spikes, events = brain.poppins.decide(np.array(brain.trains)[:ticks], NO_VOTERS)
        assert spikes.tolist() == [sum(row[j] for row in history) for j in range(len(spikes))]
        assert dict(zip(EVENT_NAMES, astuple(events), strict=True)) == counts, ticks


def test_full_populations_equal_the_oracle() -> None:
    brain = draw_brain(np.random.default_rng(64), (64, 64), 12)
    history, counts = brain.naive()
    spikes, events = brain.decide()
    assert sum(spikes) > 64
    assert spikes == np.sum(history, axis=0).tolist()
    assert dict(zip(EVENT_NAMES, astuple(events), strict=True)) == counts


def small(**changes: Any) -> Poppins:
    """Two neurons that feed three, and are fed by them; every argument may be changed."""
    arguments: dict[str, Any] = {
        "first": Population(neurons([ORDINARY] * 2), [[0, 1], [-1, 0]]),
        "second": Population(neurons([ORDINARY] * 3), [[0, 0, 0]] * 3),
        "amplitude": [100] * 5,
        "tonic": [0] * 5,
        "forward": [[40, 0, 0], [0, 127, -128]],
        "backward": [[0, 0], [0, 0], [3, 0]],
    }
    return Poppins(**(arguments | changes))


def test_a_spike_costs_what_can_be_counted_by_hand() -> None:
    trains = np.zeros((3, 5), np.bool_)
    trains[0, 1] = True
    poppins = small(amplitude=[0, 200, 0, 0, 0])
    spikes, events = poppins.decide(trains, NO_VOTERS)
    assert spikes.tolist() == [0, 1, 0, 1, 0], "the weight of 127 makes a spike in the last tick"
    assert events == Events(
        ticks=3,
        cycles=3 * (4 + 5 * 2) + 5,  # of scheduling and five updates each tick; five reads
        stimuli=1,
        spikes=2,
        messages=2,  # there is a matrix each way
        synaptic_ops=3,  # -1, 127 and -128
        weight_reads=5,  # all of the row of the first spike; the last one stays
        current_writes=5 + 3 * 5,  # each read adds, each decay writes back
        decays=3 * 5,
        membrane_updates=3 * 5,
    )
    feed_forward = small(amplitude=[0, 200, 0, 0, 0], forward=None)
    _, without = feed_forward.decide(trains, NO_VOTERS)
    assert (without.weight_reads, without.synaptic_ops) == (2, 1), "no matrix, no reads"
    assert (without.spikes, without.messages) == (1, 0), "and no messages"


def test_a_spike_of_the_last_tick_is_not_delivered() -> None:
    trains = np.zeros((1, 5), np.bool_)
    trains[0, :2] = True
    spikes, events = small(amplitude=[200] * 5).decide(trains, NO_VOTERS)
    assert spikes.tolist() == [1, 1, 0, 0, 0]
    assert (events.spikes, events.weight_reads, events.synaptic_ops) == (2, 0, 0)


def test_deliveries_are_what_one_more_tick_would_have_read(brains: list[Brain]) -> None:
    checked = 0
    for number, brain in enumerate(brains):
        trains, network = np.array(brain.trains), brain.poppins
        _, before = network.decide(trains[:-1], NO_VOTERS)
        _, after = network.decide(trains, NO_VOTERS)
        extra = network.deliveries(network.trace(trains[:-1]).spikes[-1])
        case = f"chip {number}: {brain.chip}"
        assert before.weight_reads + extra.weight_reads == after.weight_reads, case
        assert before.synaptic_ops + extra.synaptic_ops == after.synaptic_ops, case
        count, chip = len(network), brain.chip
        assert before.current_writes + extra.current_writes + count == after.current_writes, case
        rest = chip.cycles_per_tick + naive_rounds(count * chip.cycles_per_update, chip.lanes)
        assert before.cycles + extra.cycles + rest == after.cycles, case
        assert extra == Events(
            cycles=extra.cycles,
            synaptic_ops=extra.synaptic_ops,
            weight_reads=extra.weight_reads,
            current_writes=extra.current_writes,
        ), case
        checked += extra.synaptic_ops > 0
    assert checked >= 50


def test_a_decision_depends_on_nothing_before(brains: list[Brain]) -> None:
    for brain in brains[:20]:
        trains = np.array(brain.trains)
        before = trains.copy()
        first = brain.decide()
        brain.poppins.decide(~trains, NO_VOTERS)
        assert brain.decide() == first
        brain.poppins.decide(trains, NO_VOTERS)
        np.testing.assert_array_equal(trains, before)


def test_an_early_decision_is_that_of_the_whole_window() -> None:
    rng = np.random.default_rng(77)
    early, winners = 0, Counter[int]()
    for number in range(150):
        sizes, ticks = (int(rng.integers(1, 6)), int(rng.integers(1, 5))), int(rng.integers(1, 80))
        brain = draw_brain(rng, sizes, ticks)
        voters = rng.permutation(sum(sizes))[: rng.integers(1, 5)].tolist()
        whole, all_events = brain.decide()
        spikes, events = brain.decide(voters)
        winner = naive_winner([spikes[v] for v in voters])
        assert winner == naive_winner([whole[v] for v in voters]), f"chip {number}"
        assert 1 <= events.ticks <= all_events.ticks == ticks
        history, counts = brain.naive(events.ticks)
        assert spikes == np.sum(history, axis=0).tolist()
        assert dict(zip(EVENT_NAMES, astuple(events), strict=True)) == counts
        early += events.ticks < ticks
        winners[winner] += 1
    assert early >= 50
    assert winners[-1] >= 20
    assert winners[0] >= 20
    assert winners[1] >= 10


def test_a_decision_stops_at_the_first_tick_that_settles_it() -> None:
    rng = np.random.default_rng(78)
    stopped = Counter[int]()
    for number in range(80):
        ticks = 8
        lively = rng.integers(0, 150, 6).astype(np.int32)
        brain = draw_brain(rng, (3, 3), ticks)._replace(tonic=lively.tolist())
        voters = [3, 4, 5][: rng.integers(2, 4)]
        history, _ = brain.naive()
        tallies = [[sum(row[v] for row in history[: t + 1]) for v in voters] for t in range(ticks)]
        settled = [naive_decided(tally, ticks - t - 1) for t, tally in enumerate(tallies)]
        trains = np.array(brain.trains)
        wide = replace(brain.poppins.chip, stimulus_bits=12)
        poppins = replace(brain.poppins, tonic=lively, chip=wide)
        _, events = poppins.decide(trains, np.array(voters, np.int32))
        assert events.ticks == settled.index(True) + 1, f"chip {number}: {tallies}"
        stopped[events.ticks] += 1
    assert len(stopped) >= 4, stopped


def ones(rows: int, columns: int, value: Any = 1) -> list[list[Any]]:
    return [[value] * columns for _ in range(rows)]


WEIGHT = "(8-bit signed weight memory)"
STIMULUS = "(9-bit signed stimulus)"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"first": Population(neurons([ORDINARY] * 65), ones(65, 65))},
            "first population: 65 neurons found, the chip holds 64",
        ),
        ({"chip": Chip(neurons=2)}, "second population: 3 neurons found, the chip holds 2"),
        (
            {"first": Population(neurons([ORDINARY] * 2), [[0, 0], [0, -129]])},
            f"first.weights[1, 1] = -129 is out of range: -128..127 {WEIGHT}",
        ),
        (
            {"second": Population(neurons([ORDINARY] * 3), [[0, 0, 0], [0, 0, 0], [128, 0, 0]])},
            f"second.weights[2, 0] = 128 is out of range: -128..127 {WEIGHT}",
        ),
        (
            {"forward": [[0, 0, 500], [0, 0, 0]]},
            f"forward[0, 2] = 500 is out of range: -128..127 {WEIGHT}",
        ),
        (
            {"backward": [[0, 0], [0, 0], [0, -500]]},
            f"backward[2, 1] = -500 is out of range: -128..127 {WEIGHT}",
        ),
        (
            {"chip": Chip(weight_bits=7)},
            "forward[1, 1] = 127 is out of range: -64..63 (7-bit signed weight memory)",
        ),
        (
            {"first": Population(neurons([ORDINARY] * 2), ones(2, 3))},
            "first.weights: shape (2, 3) found, (2, 2) needed",
        ),
        (
            {"second": Population(neurons([ORDINARY] * 3), ones(2, 2))},
            "second.weights: shape (2, 2) found, (3, 3) needed",
        ),
        ({"forward": ones(3, 2)}, "forward: shape (3, 2) found, (2, 3) needed"),
        ({"backward": ones(2, 3)}, "backward: shape (2, 3) found, (3, 2) needed"),
        ({"forward": [1, 2]}, "forward: shape (2,) found, (2, 3) needed"),
        ({"forward": ones(2, 3, 0.5)}, "forward: float64 values found, whole numbers needed"),
        ({"backward": ones(3, 2, True)}, "backward: bool values found, whole numbers needed"),
        ({"tonic": [0, 0, 0, 0, 256]}, f"tonic[4] = 256 is out of range: -256..255 {STIMULUS}"),
        (
            {"amplitude": [0, -257, 0, 0, 0]},
            f"amplitude[1] = -257 is out of range: -256..255 {STIMULUS}",
        ),
        (
            {"tonic": [0, 0, 156, 0, 0]},
            "tonic + amplitude[2] = 256 is out of range: -256..255",
        ),
        (
            {"tonic": [0, 0, 0, 28, 0], "chip": Chip(stimulus_bits=8)},
            "tonic + amplitude[3] = 128 is out of range: -128..127",
        ),
        ({"tonic": [0] * 4}, "tonic: shape (4,) found, (5) needed"),
        ({"amplitude": [0] * 6}, "amplitude: shape (6,) found, (5) needed"),
        ({"tonic": [0.5] * 5}, "tonic: float64 values found, whole numbers needed"),
    ],
)
def test_what_the_silicon_cannot_hold_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        small(**changes)


def test_what_just_fits_is_held() -> None:
    full = Population(neurons([ORDINARY] * 64), np.full((64, 64), -128))
    poppins = Poppins(full, full, [155] * 128, [100] * 128, np.full((64, 64), 127))
    assert len(poppins) == 128
    assert (poppins.weights[:64, :64] == -128).all()
    assert (poppins.weights[:64, 64:] == 127).all()
    assert (poppins.weights[64:, :64] == 0).all(), "there is no way back"
    small(amplitude=[-156] * 5, tonic=[-100] * 5)


def test_registers_saturate_and_wrap_around_as_the_oracle_does() -> None:
    for bits in (1, 2, 6, 8):
        low, high = signed_range(bits)
        assert (low, high) == (
            naive_register(-1000, bits, False),
            naive_register(1000, bits, False),
        )
        for value in range(-700, 700):
            assert saturate(value, low, high) == naive_register(value, bits, False), (value, bits)
            assert wrap_around(value, low, high) == naive_register(value, bits, True), (value, bits)
    assert signed_range(16) == (-32768, 32767)


def test_floor_log2_is_the_power_below() -> None:
    for value in range(1, 3000):
        assert 2 ** floor_log2(value) == naive_power(value)
    assert floor_log2(0) == -1


def test_events_add_up_one_by_one() -> None:
    one, other = Events(*range(1, 11)), Events(*range(10, 110, 10))
    assert one + other == Events(*(11 * n for n in range(1, 11)))
    assert one + Events() == one


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"lanes": 0}, "chip: lanes=0 is out of range: 1..65536"),
        ({"neurons": 0}, "chip: neurons=0 is out of range: 1..1024"),
        ({"current_bits": 33}, "chip: current_bits=33 is out of range: 2..28"),
        ({"weight_bits": 17}, "chip: weight_bits=17 is out of range: 2..16"),
        ({"clock_hz": 0.0}, "chip: clock_hz=0.0 is out of range: 0.001..1000000000000.0"),
        ({"wraps": "yes"}, "chip: wraps=yes found, true or false needed"),
        ({"wraps": 1}, "chip: wraps=1 found, true or false needed"),
        ({"lanes": True}, "chip: lanes=True found, a whole number needed"),
        ({"current_bits": 8.0}, "chip: current_bits=8.0 found, a whole number needed"),
        ({"clock_hz": True}, "chip: clock_hz=True found, a number needed"),
        ({"clock_hz": math.nan}, "chip: clock_hz=nan is out of range: 0.001..1000000000000.0"),
        (
            {"weight_bits": 9, "weight_shift": 8},
            "chip: weight_bits=9 and weight_shift=8 are out of range: 16 in sum at most",
        ),
    ],
)
def test_a_chip_that_cannot_be_is_refused(wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Chip(**wrong)


def test_trains_and_voters_that_do_not_fit_are_refused(brains: list[Brain]) -> None:
    brain = brains[0]
    trains = np.array(brain.trains)
    wrongs: list[Any] = [trains[:, 1:], trains.astype(np.int32), trains[0]]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"trains: .* found, bool \(any, \d+\) needed"):
            brain.poppins.decide(wrong, NO_VOTERS)
    with pytest.raises(ValueError, match=r"voters: \[999\] found, neurons"):
        brain.poppins.decide(trains, np.array([999], np.int32))

"""Encoders, the decoder, chance and angles: equal to the oracles, and true to their definitions."""

import hashlib
import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from naive import (
    naive_bits,
    naive_change,
    naive_decided,
    naive_first_spike,
    naive_gauss,
    naive_rate,
    naive_uniform,
    naive_winner,
)
from numpy.typing import NDArray

from neurobot.angles import sincos, wrap
from neurobot.chance import bits, gauss, uniform
from neurobot.decode import NO_WINNER, is_decided, winner
from neurobot.encode import FULL, bernoulli, change, first_spike, proximity, rate

LEVELS = np.arange(FULL + 1, dtype=np.int32)
WINDOWS = (0, 1, 2, 7, 20, 32, 64, 100, 256, 300)
MOST = 2**64 - 1


def unsigned(key: int) -> Any:
    """Give a key its type: Numba takes a Python integer for a signed one."""
    return np.uint64(key)


def of(levels: list[int]) -> NDArray[np.int32]:
    return np.array(levels, np.int32)


def test_rate_equals_the_oracle_at_every_level() -> None:
    for ticks in WINDOWS:
        trains = rate(LEVELS, ticks)
        assert trains.shape == (ticks, FULL + 1)
        assert trains.dtype == np.bool_
        assert trains.tolist() == naive_rate(LEVELS.tolist(), ticks), f"{ticks} ticks"


def test_rate_makes_as_many_spikes_in_256_ticks_as_the_level_says() -> None:
    assert rate(LEVELS, 256).sum(axis=0).tolist() == list(range(257))
    assert rate(LEVELS, 512).sum(axis=0).tolist() == list(range(0, 513, 2))


def test_a_higher_level_never_makes_fewer_spikes() -> None:
    for ticks in WINDOWS:
        counts = rate(LEVELS, ticks).cumsum(axis=0)
        assert (np.diff(counts, axis=1) >= 0).all(), f"{ticks} ticks"


def test_the_spikes_of_a_rate_are_evenly_spaced() -> None:
    trains = rate(LEVELS, 1024)
    for level in range(2, 257):
        gaps = set(np.diff(np.flatnonzero(trains[:, level])).tolist())
        assert gaps <= {FULL // level, -(-FULL // level)}, f"level {level}"


def test_bernoulli_spikes_as_often_as_the_level_says() -> None:
    ticks = 20_000
    trains = bernoulli(LEVELS, ticks, 12345, 0)
    assert trains.shape == (ticks, FULL + 1)
    share = LEVELS / FULL
    # Five standard deviations of a binomial count: of 255 fair counts, one in 6000 runs is beyond.
    bound = 5 * np.sqrt(ticks * share * (1 - share))
    excess = np.abs(trains.sum(axis=0) - ticks * share)
    assert (excess <= bound).all(), f"level {np.argmax(excess - bound)}"


def test_bernoulli_never_spikes_at_level_0_and_always_at_256() -> None:
    for key in range(50):
        trains = bernoulli(of([0, FULL]), 200, key, 3)
        assert trains.any(axis=0).tolist() == [False, True]
        assert trains[:, 1].all()


def test_bernoulli_is_a_function_of_key_and_decision() -> None:
    levels = of([128] * 4)
    seen = set[bytes]()
    for key, decision in product((0, 1, 77, 2**63, MOST), (0, 1, 2, 100_000)):
        train = bernoulli(levels, 64, unsigned(key), decision)
        np.testing.assert_array_equal(train, bernoulli(levels, 64, unsigned(key), decision))
        seen.update(column.tobytes() for column in train.T)
    assert len(seen) == 5 * 4 * 4, "every neuron has its own train in each decision under each key"


def test_bernoulli_spikes_do_not_hang_together() -> None:
    levels = of([128] * 6)
    draws = np.array([bernoulli(levels, 32, 99, decision) for decision in range(300)]) - 0.5
    # Pairs that are so many decisions, ticks and neurons apart, around to the other end.
    for apart in product((0, 1, 2), (-2, -1, 0, 1, 2), (-2, -1, 0, 1, 2)):
        if apart != (0, 0, 0):
            correlation = 4 * (draws * np.roll(draws, apart, (0, 1, 2))).mean()
            # Five standard deviations of the mean of so many signs.
            assert abs(correlation) < 5 / math.sqrt(draws.size), apart


def test_first_spike_equals_the_oracle_at_every_level() -> None:
    for ticks in WINDOWS[1:]:
        trains = first_spike(LEVELS, ticks)
        assert trains.dtype == np.bool_
        assert trains.tolist() == naive_first_spike(LEVELS.tolist(), ticks), f"{ticks} ticks"


def test_the_higher_the_level_the_sooner_the_first_spike() -> None:
    for ticks in WINDOWS[1:]:
        trains = first_spike(LEVELS, ticks)
        assert trains.sum(axis=0).tolist() == [0] + 256 * [1], f"{ticks} ticks"
        latency = trains.argmax(axis=0)[1:]
        assert (np.diff(latency) <= 0).all(), f"{ticks} ticks"
        assert latency[-1] == 0
        assert len(set(latency.tolist())) == min(ticks, 256), "the whole window is used"


def test_change_equals_the_oracle() -> None:
    rng = np.random.default_rng(8)
    for ticks, step in product((1, 2, 8, 32), (1, 3, 40, 256)):
        now, before = rng.integers(0, FULL + 1, (2, 200))
        trains = change(now.astype(np.int32), before.astype(np.int32), ticks, step)
        assert trains.shape == (ticks, 200)
        assert trains.tolist() == naive_change(now.tolist(), before.tolist(), ticks, step), (
            f"{ticks} ticks, step {step}"
        )


def test_only_a_rise_is_a_change() -> None:
    now = of([100, 100, 100, 100, 100, 256])
    before = of([100, 256, 61, 60, 20, 0])
    trains = change(now, before, 4, 40)
    assert trains.sum(axis=0).tolist() == [0, 0, 0, 1, 2, 4], "one per 40, at most one a tick"
    assert (trains.argmax(axis=0) == 0).all(), "at once"
    assert trains.T.tolist()[4] == [True, True, False, False]


def test_encoders_leave_the_levels_alone() -> None:
    levels = LEVELS.copy()
    rate(levels, 9)
    bernoulli(levels, 9, 1, 1)
    first_spike(levels, 9)
    change(levels, levels, 9, 1)
    np.testing.assert_array_equal(levels, LEVELS)


def test_proximity_is_linear_in_one_over_distance() -> None:
    for near, far in ((0.25, 1.5), (0.26, 0.9), (0.45, 1.5), (1.0, 8.0)):
        for distance in np.linspace(0.05, 9.0, 700).tolist():
            closest = max(Fraction(distance), Fraction(near))
            share = (1 / closest - 1 / Fraction(far)) / (1 / Fraction(near) - 1 / Fraction(far))
            exact = max(share, Fraction(0)) * 256
            found = proximity(distance, near, far)
            # The float result may fall on the other side of a whole number that it rounds to.
            close = abs(exact - round(exact)) < Fraction(1, 10**9)
            allowed = {round(exact), round(exact) - 1} if close else {math.floor(exact)}
            assert found in allowed, (distance, near, far)


def test_proximity_is_full_when_near_and_none_when_far() -> None:
    for near, far in ((0.25, 1.5), (0.26, 0.9), (0.45, 1.5), (0.1, 30.0)):
        assert [proximity(d, near, far) for d in (0.0, near / 2, near)] == 3 * [FULL]
        assert [proximity(d, near, far) for d in (far, 2 * far, math.inf)] == 3 * [0]
        levels = [proximity(d, near, far) for d in np.linspace(near, far, 500).tolist()]
        assert all(later <= sooner for sooner, later in pairwise(levels))


def test_the_winner_is_that_of_the_oracle() -> None:
    tried = Counter[int]()
    for count in (1, 2, 3, 4):
        for counts in product(range(7), repeat=count):
            found = winner(of(list(counts)))
            assert found == naive_winner(counts), counts
            tried[found] += 1
    assert min(tried[k] for k in (NO_WINNER, 0, 1, 2, 3)) > 50


def test_half_of_all_spikes_is_not_enough_to_win() -> None:
    assert winner(of([5, 5])) == NO_WINNER
    assert winner(of([3, 6, 3])) == NO_WINNER
    assert winner(of([3, 7, 3])) == 1
    assert winner(of([0, 0, 0])) == NO_WINNER
    assert winner(of([0, 0, 1])) == 2


def test_a_decision_is_settled_when_every_future_has_the_same_winner() -> None:
    outcomes = Counter[bool]()
    for count, ticks_left, most in ((1, 5, 6), (2, 5, 7), (3, 3, 6), (4, 2, 4)):
        for left in range(ticks_left + 1):
            for counts in product(range(most), repeat=count):
                found = is_decided(max(counts), sum(counts), count, left)
                assert found == naive_decided(counts, left), f"{counts}, {left} ticks left"
                outcomes[found] += 1
    assert min(outcomes.values()) > 500


def test_bits_equal_the_oracle() -> None:
    rng = np.random.default_rng(2014)
    keys = [0, 1, 2**63 - 1, 2**63, MOST, *rng.integers(0, 2**63, 20).tolist()]
    counters = [0, 1, 2, 2**31, 2**60 - 1, *rng.integers(0, 2**40, 5).tolist()]
    for key, stream, counter in product(keys, range(16), counters):
        expected = naive_bits(key, stream, counter)
        assert int(bits(unsigned(key), stream, counter)) == expected, (key, stream, counter)
        if key < 2**63:
            assert int(bits(key, stream, counter)) == expected, (key, stream, counter)


def test_the_streams_together_are_the_published_generator() -> None:
    published = [  # SplitMix64 seeded with 1234567
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert [int(bits(1234567, stream, 0)) for stream in range(5)] == published
    draws = {int(bits(5, stream, counter)) for stream in range(16) for counter in range(1000)}
    assert len(draws) == 16_000, "no stream meets another"


def test_uniform_is_the_upper_53_bits_from_0_to_below_1() -> None:
    draws = [uniform(77, 2, counter) for counter in range(20_000)]
    for counter, draw in enumerate(draws[:3000]):
        assert draw == naive_uniform(77, 2, counter), counter
    assert 0 <= min(draws) < 0.001
    assert 0.999 < max(draws) < 1
    # Five standard deviations of a mean, and of a count in a tenth of the range.
    assert abs(np.mean(draws) - 0.5) < 5 * math.sqrt(1 / 12 / len(draws))
    tenths = np.histogram(draws, 10, (0, 1))[0]
    assert (np.abs(tenths - 2000) < 5 * math.sqrt(20_000 * 0.1 * 0.9)).all()


def test_gauss_equals_the_oracle() -> None:
    for key, stream in ((0, 0), (1234567, 3), (MOST, 15)):
        for counter in range(1000):
            found = gauss(unsigned(key), stream, counter)
            assert found == naive_gauss(key, stream, counter), (key, stream, counter)


def test_gauss_has_the_moments_of_a_normal_number() -> None:
    draws = np.array([gauss(42, 1, counter) for counter in range(40_000)])
    root = math.sqrt(len(draws))
    # Each bound is five standard deviations of that moment of a normal sample.
    assert abs(draws.mean()) < 5 / root
    assert abs(draws.var() - 1) < 5 * math.sqrt(2) / root
    assert abs((draws**3).mean()) < 5 * math.sqrt(15) / root
    # The sum of twelve uniforms has a fourth moment of 3 - 6 / (5 x 12) = 2.9.
    assert abs((draws**4).mean() - 2.9) < 5 * math.sqrt(96) / root
    assert 3 < np.abs(draws).max() <= 6
    within = (np.abs(draws) < 1).mean()
    assert abs(within - 0.6827) < 0.01  # differs from normal by 0.002, and by chance by 0.002
    pairs = (draws[1:] * draws[:-1]).mean()
    assert abs(pairs) < 5 / root


def awkward_angles() -> list[float]:
    """Multiples of an eighth turn with their neighbours, tiny and great angles, and any others."""
    rng = np.random.default_rng(9)
    eighths = [n * math.pi / 4 for n in (*range(-40, 41), *range(100, 1_270_000, 9973))]
    beside = [math.nextafter(x, side) for x in eighths for side in (-math.inf, math.inf)]
    tiny = [sign * 10.0**-n for n in range(0, 320, 7) for sign in (-1, 1)]
    others = [rng.uniform(-7, 7, 20_000), rng.uniform(-1e6, 1e6, 20_000)]
    return [*eighths, *beside, *tiny, *others[0].tolist(), *others[1].tolist(), 1e6, -1e6, 0.0]


def test_sincos_is_within_3e_16_of_the_library() -> None:
    for angle in awkward_angles():
        sine, cosine = sincos(angle)
        assert abs(sine - math.sin(angle)) <= 3e-16, angle
        assert abs(cosine - math.cos(angle)) <= 3e-16, angle


def test_sincos_has_its_symmetries_exactly() -> None:
    assert sincos(0.0) == (0.0, 1.0)
    for angle in awkward_angles()[::7]:
        sine, cosine = sincos(angle)
        quarters = abs(angle) / (math.pi / 2)
        if abs(quarters % 1 - 0.5) > 1e-9:  # at odd eighths the two signs fold differently
            assert sincos(-angle) == (-sine, cosine), angle


def test_sincos_gives_the_same_bits_on_every_machine() -> None:
    values = np.array([sincos(n * 0.0625 + n * n * 1e-3) for n in range(-4000, 4000)])
    digest = hashlib.sha256(values.astype("<f8").tobytes()).hexdigest()
    assert digest[:16] == "bdab80bf2f6cbcd3"


def test_wrap_is_the_same_direction_in_one_turn() -> None:
    rng = np.random.default_rng(10)
    for angle in (*rng.uniform(-100, 100, 20_000).tolist(), 0.0, 3.0, -3.0, math.pi, -math.pi):
        wrapped = wrap(angle)
        assert -math.pi <= wrapped < math.pi, angle
        turns = (angle - wrapped) / (2 * math.pi)
        # 100 radians are known to 1.4e-14 only, and sixteen turns of the float 2 pi to as much.
        assert abs(turns - round(turns)) < 1e-14, angle
        assert abs(angle) > 3.1 or wrapped == pytest.approx(angle, abs=1e-15)


def test_wrap_makes_pi_the_least_angle() -> None:
    assert wrap(math.pi) == -math.pi
    assert wrap(-math.pi) == -math.pi
    assert wrap(0.0) == 0.0


def test_wrap_stays_in_range_beside_the_odd_multiples_of_pi() -> None:
    for multiple in range(-21, 22, 2):
        for side in (-math.inf, math.inf):
            angle = math.nextafter(multiple * math.pi, side)
            assert -math.pi <= wrap(angle) < math.pi, (multiple, side)

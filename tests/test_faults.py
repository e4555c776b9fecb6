"""Faults: drawn from seeds, told and done again; what codes let through; a chip with wrong bits."""

import random
from dataclasses import asdict, replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from naive import Cell, NaiveChip, Wiring, naive_poppins
from naive_mind import naive_settled

from neurobot.cli import main
from neurobot.engine import Engine
from neurobot.episodes import ENVS, Job, from_result, job_of, options_for, run_job, to_result
from neurobot.evaluation import check, run_all
from neurobot.events import Events
from neurobot.faults.draw import MOST_DRAWN, Draw, draw, from_text
from neurobot.faults.faulted import Faulted
from neurobot.faults.memory import Memory, Strikes, from_signed, to_signed
from neurobot.faults.poppins import PoppinsMemories, from_code, to_code
from neurobot.faults.protection import GUARDS, Bank, Layout, hamming_bits
from neurobot.faults.spec import Faults, read_faults
from neurobot.faults.troubles import Flashes
from neurobot.loop import Timing, attach, run_episode
from neurobot.verification import verify

AVOIDANCE, NAVIGATION = ENVS


def job(controller: str, faults: Faults | None, seed: int = 0, **changes: Any) -> Job:
    plain = Job(controller, AVOIDANCE, "forest", seed, seed, faults=faults)
    return replace(plain, options=options_for(controller, {"time_limit_s": 6.0}), **changes)


# Codes.


def test_codes_of_signed_numbers_are_their_lowest_bits() -> None:
    values = np.arange(-8, 8)
    assert [format(int(code), "04b") for code in from_signed(values, 4)][:3] == [
        "1000",
        "1001",
        "1010",
    ]
    assert to_signed(from_signed(values, 4), 4).tolist() == values.tolist()


def test_check_bits_are_those_of_the_memories_that_are_sold() -> None:
    """(13, 8), (22, 16), (39, 32), (72, 64)."""
    assert [n + hamming_bits(n) for n in (8, 16, 32, 64)] == [13, 22, 39, 72]


def naive_wrong(name: str, masks: list[str], data: str) -> str:
    """Which data bits of a word read wrong, by characters, the lowest bit last."""
    mine = [mask[-len(data) :] for mask in masks]
    ones = masks[0].count("1")
    if name == "tmr":
        votes = zip(*mine, strict=True)
        return "".join("1" if bits.count("1") >= 2 else "0" for bits in votes)
    if (name == "parity" and ones in range(1, 99, 2)) or (name == "ecc" and ones == 2):
        return data  # it reads as 0
    return "0" * len(data) if name == "ecc" and ones == 1 else mine[0]


@pytest.mark.parametrize("name", list(GUARDS))
def test_a_word_reads_as_its_code_lets_it(name: str) -> None:
    chance, guard = random.Random(5), GUARDS[name]
    for _ in range(500):
        width = chance.choice([4, 8, 12])
        data = format(chance.getrandbits(width), f"0{width}b")
        stored = width + guard.check_bits(width)
        masks = []
        for _ in range(guard.copies):
            hits = chance.sample(range(stored), chance.randint(0, 4))
            masks.append("".join("1" if k in hits else "0" for k in range(stored)))
        found = guard.wrong([int(mask, 2) for mask in masks], int(data, 2), width)
        assert format(found, f"0{width}b") == naive_wrong(name, masks, data), (masks, data)


@pytest.mark.parametrize(("protection", "size"), [
    ("none", 63), ("parity", 3 * 29), ("ecc", 3 * 35), ("tmr", 3 * 3 * 28),
])  # fmt: skip
def test_words_hold_whole_values(protection: str, size: int) -> None:
    """Nine values of 7 bits: four of them in a word of 32, 28 bits of data."""
    assert Layout(Memory("weights", "", 9, 7), protection).size == size


def test_what_is_hit_reads_wrong_and_can_be_mended() -> None:
    golden = np.array([1, 2, 3, 127, 0], np.uint64)
    bank = Bank(Layout(Memory("weights", "", 5, 7)), golden)
    assert [bank.hit(bit) for bit in (0, 7 * 3 + 6, 0, 7 * 4)] == [0, 3, 0, 4]
    places, codes = bank.seen([0, 3, 4])
    assert (places.tolist(), codes.tolist()) == ([0, 3, 4], [1, 63, 1])
    assert [bank.hit(bit, stuck=1) for bit in (8, 9, 9)] == [1, 1, 1]
    assert bank.hit(10, stuck=0) == 1
    assert bank.seen([1])[1].tolist() == [6]
    places, codes = bank.mend()
    assert (places.tolist(), codes.tolist()) == ([0, 3, 4, 1], [1, 127, 0, 2])
    assert bank.mend()[0].tolist() == []


def test_three_copies_lie_behind_each_other_so_that_a_burst_hits_one() -> None:
    bank = Bank(Layout(Memory("weights", "", 8, 8), "tmr"), np.arange(8, dtype=np.uint64))
    for bit in range(32):
        bank.hit(bit)
    assert bank.seen([0])[1].tolist() == [0, 1, 2, 3]
    bank.hit(64 + 8)
    assert bank.seen([0])[1].tolist() == [0, 0, 2, 3]


# What is drawn.


def drawn(faults: Faults, size: int, limit_s: float, seed: int) -> Draw:
    """Draw in microseconds."""
    return draw(faults, size, limit_s, seed, round(limit_s * 1e6))


def test_the_same_seeds_draw_the_same_faults_and_others_others() -> None:
    faults = Faults(rate=1e-3, seed=4)
    one, again = drawn(faults, 5000, 20.0, 7), drawn(faults, 5000, 20.0, 7)
    assert one.to_text() == again.to_text()
    assert one.to_text() != drawn(faults, 5000, 20.0, 8).to_text()
    assert one.to_text() != drawn(replace(faults, seed=5), 5000, 20.0, 7).to_text()
    kept = from_text(one.to_text())
    assert kept.time.tolist() == one.time.tolist()
    assert kept.place.tolist() == one.place.tolist()


def test_a_rate_is_by_bit_and_second() -> None:
    found = [drawn(Faults(rate=2e-3), 1000, 10.0, seed) for seed in range(200)]
    counts = [len(each.place) for each in found]
    # 200 draws of a mean of 20: the mean of them varies by sqrt(20 / 200) = 0.32.
    assert abs(np.mean(counts) - 20.0) < 4 * 0.32
    assert abs(np.var(counts) / 20.0 - 1.0) < 0.45  # Poisson: 4 times sqrt(2 / 200)
    times = np.concatenate([each.time for each in found])
    assert 0 <= times.min() <= times.max() < 10_000_000
    assert abs(times.mean() - 5e6) < 4 * 10e6 / 12**0.5 / len(times) ** 0.5
    assert all((np.diff(each.time) >= 0).all() for each in found)
    assert np.unique(np.concatenate([each.place for each in found])).size > 900


def test_counts_and_shares_are_there_from_the_beginning_and_at_different_places() -> None:
    few, more = (drawn(Faults(count=n), 100, 9.0, 1).place.tolist() for n in (5, 60))
    assert len(set(more)) == 60
    assert more[:5] == few, "more faults are the same ones, and others"
    stuck = drawn(Faults(kind="stuck1", share=0.25), 4000, 9.0, 1)
    assert set(stuck.time.tolist()) == {0}
    assert abs(len(set(stuck.place.tolist())) - 1000) < 4 * 28
    assert len(drawn(Faults(count=100), 10, 9.0, 1).place) == 10
    assert len(drawn(Faults(count=3), 0, 9.0, 1).place) == 0


def test_bursts_hit_neighbours_as_far_as_there_are_any() -> None:
    one = drawn(Faults(count=1), 50, 9.0, 3).place[0]
    burst = drawn(Faults(count=1, burst=60), 50, 9.0, 3).place.tolist()
    assert burst == list(range(int(one), 50))


def test_more_than_can_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match=rf"6e\+07 expected in weights .*; allowed: {MOST_DRAWN}"):
        drawn(Faults(rate=1.0), 1_000_000, 60.0, 0)


@pytest.mark.parametrize(("given", "sentence"), [
    ({"kind": "dead"}, "kind 'dead' found for weights; allowed: flip, stuck0, stuck1, vary"),
    ({"memory": "sensor"}, "kind 'flip' found for sensor; allowed: dead, stuck"),
    ({"rate": -1.0}, "rate=-1.0 found; allowed: finite, 0 or more"),
    ({"rate": float("nan")}, "rate = nan found"),
    ({"rate": 1.0, "count": 2}, "rate and count found; allowed: one of them"),
    ({"kind": "stuck0", "rate": 1.0}, "rate found; bits that are stuck take a share, or a count"),
    ({"kind": "vary", "count": 1}, "count found; cells that vary take a share: their sigma"),
    ({"kind": "stuck0", "share": 1.5}, "share=1.5 found; allowed: 0..1"),
    ({"memory": "clock", "kind": "brownout", "share": 0.5}, "share found; brownout takes a rate"),
    ({"memory": "sensor", "kind": "dead", "protection": "ecc"}, "protection 'ecc' found"),
    ({"protection": "crc"}, "protection 'crc' found for weights; allowed: none, parity, ecc, tmr"),
    ({"burst": 0}, "burst=0 found; allowed: 1..1024"),
    ({"rate": "lots"}, "rate = 'lots' found"),
    ({"count": 1.5}, "count = 1.5 found"),
    ({"factor": 0.0}, "factor=0.0 found; allowed: above 0, 1 at most"),
])  # fmt: skip
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        Faults(**given)


@pytest.mark.parametrize(("controller", "faults", "sentence"), [
    ("vfh", Faults(count=1), "vfh has no memories that are modelled; allowed for it: sensor"),
    ("poppins", Faults("rom", count=1), "memory 'rom' found; known for this chip: weights, conf"),
    ("poppins", Faults(kind="vary", share=0.1), "the cells of this chip are digital"),
    ("poppins", Faults("membrane", count=1), "membrane live for one decision at a time"),
    ("poppins", Faults(rate=1e3), "expected in weights of 90824 bits"),
])  # fmt: skip
def test_what_a_chip_does_not_have_is_refused_before_anything_runs(
    controller: str, faults: Faults, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        check([job(controller, faults)])


@pytest.mark.parametrize("faults", [
    Faults(), Faults(rate=1e-4, protection="ecc"), Faults("sensor", "stuck", share=0.25, seed=3),
    Faults("clock", "brownout", rate=0.5, factor=0.125), Faults("weights", "stuck1", count=7),
])  # fmt: skip
def test_faults_are_read_as_they_are_written(faults: Faults) -> None:
    assert read_faults(str(faults)) == faults


def test_what_is_not_said_of_faults_is_as_usual() -> None:
    assert read_faults("sensor?share=0.3") == Faults("sensor", "dead", share=0.3)
    assert read_faults("weights") == Faults()
    for text, sentence in (
        ("weights?rat=1", "faults 'weights[?]rat=1': unknown option 'rat'; known: kind, rate"),
        ("weights?rate", "faults 'weights[?]rate': options found that are not KEY=VALUE&KEY=VALUE"),
    ):
        with pytest.raises(ValueError, match=sentence):
            read_faults(text)


# In the loop.


def test_without_faults_nothing_changes() -> None:
    for controller in ("poppins", "braitenberg"):
        plain, sound = (
            run_job(job(controller, None)),
            run_job(job(controller, Faults("latency", "spike"))),
        )
        assert sound.upsets is not None
        assert (sound.upsets.injected, sound.upsets.felt, sound.upsets.drawn) == (0, 0, "")
        assert replace(sound, upsets=None) == plain


CASES = (
    Faults(rate=2e-4),
    Faults(rate=2e-4, protection="ecc"),
    Faults("configuration", rate=1e-3, burst=2),
    Faults("membrane", rate=2.0),
    Faults("weights", "stuck1", share=2e-3),
    Faults("sensor", "dead", rate=0.02),
    Faults("sensor", "stuck", share=0.2),
    Faults("latency", "spike", rate=1.0),
    Faults("clock", "brownout", rate=1.0),
)


def test_what_happened_is_kept_and_happens_again(tmp_path: Any) -> None:
    jobs = [job("poppins", faults, seed) for faults in CASES for seed in (0, 1)]
    records = run_all(jobs, Engine(), out=tmp_path)
    for each, record in zip(jobs, records, strict=True):
        assert job_of(each.key) == each
        assert record.upsets is not None
        told = from_text(record.upsets.drawn)
        assert record.upsets.injected == len(told.place) > 0
        assert 0 <= record.upsets.felt <= record.upsets.injected
        if each.faults and each.faults.memory != "membrane":
            assert told.time.max() <= record.duration_s * 1e6
        assert from_result(to_result(record), record.trace) == record
    verdict = verify(tmp_path, Engine())
    assert (verdict.equal, verdict.different) == (len(jobs), [])
    assert len({record.trajectory_sha256 for record in records}) > len(CASES)


def test_an_episode_after_another_begins_in_sound_health() -> None:
    """The same controller, reset, does what a new one does."""
    env: Any = gym.make(AVOIDANCE, scenario="forest", time_limit_s=3.0)
    for faults in (
        Faults(rate=2e-4),
        Faults("sensor", "stuck", rate=0.1),
        Faults(kind="stuck0", count=900),
    ):
        one, *others = (Faulted(seated(env), env.unwrapped, faults) for _ in range(2))
        found = [run_episode(env, one, seed) for seed in (3, 4)]
        assert found[1] == run_episode(env, others[0], 4)


def seated(env: Any) -> Any:
    from neurobot.controllers import make_controller

    controller = make_controller("poppins")
    attach(controller, env)
    return controller


def test_the_demo_shows_faults_and_replays_them(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [job("poppins", Faults(rate=rate)) for rate in (1e-4, 1e-3)]
    records = run_all(jobs, Engine(), out=tmp_path)
    asked = ["demo", "--headless", "--replay", f"{tmp_path}#0", "--fault"]
    assert main([*asked, "weights?rate=1e-3"]) == 0
    told = capsys.readouterr().out
    assert records[1].trajectory_sha256[:12] in told
    assert "equal to its record, bit for bit" in told
    assert main([*asked, "weights?rate=1e-2"]) == 2
    assert main(asked[:-1]) == 2
    assert "which differ in faults" in capsys.readouterr().err


def test_a_campaign_is_exported_flat_and_is_no_run_to_rank(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("plotly")
    fault = Faults("latency", "spike", rate=2.0)
    (record,) = run_all([job("braitenberg", fault)], Engine(), out=tmp_path)
    assert main(["export", str(tmp_path), "-o", str(tmp_path / "table.parquet")]) == 0
    (row,) = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    assert {name: row[f"faults_{name}"] for name in asdict(fault)} == asdict(fault)
    assert record.upsets is not None
    assert {name: row[f"upsets_{name}"] for name in asdict(record.upsets)} == asdict(record.upsets)
    assert main(["report", str(tmp_path)]) == 2
    assert "a campaign of faults found; `neurobot faults --from" in capsys.readouterr().err


class Clocked:
    """Drives straight on; a decision takes 0.05 s. Keeps what it saw."""

    clock_hz = 1000.0
    events = Events(cycles=50)

    def reset(self, seed: int) -> None:
        self.seen: list[Any] = []

    def act(self, observation: Any) -> Any:
        self.seen.append(observation)
        return np.array([0.1, 0.1], np.float32)


def faulted(
    faults: Faults, timing: Timing | None = None, **options: Any
) -> tuple[Any, Any, Faulted]:
    env: Any = gym.make(AVOIDANCE, scenario="empty", time_limit_s=4.0, **options)
    driver = Clocked()
    mind = Faulted(driver, env.unwrapped, faults, timing)
    return run_episode(env, mind, 1, timing), driver, mind


def test_spikes_hold_decisions_up_one_by_one() -> None:
    episode, _, mind = faulted(Faults("latency", "spike", count=1, size_s=0.5))
    assert mind.upsets.injected == 1
    assert episode.latency_max_s == pytest.approx(0.55)
    assert episode.latency_total_s == pytest.approx(0.05 * episode.decisions + 0.5)
    assert episode.late_decisions == 1
    instant, _, _ = faulted(Faults("latency", "spike", count=1), Timing(instant=True))
    assert instant.latency_total_s == 0.0


def test_a_brown_out_slows_the_clock_for_a_while() -> None:
    fault = Faults("clock", "brownout", count=1, size_s=0.45, factor=0.25)
    episode, _, mind = faulted(fault)
    # From 0 to 0.45 s decisions take 0.2 s, two control steps: those of 0, 0.2 and 0.4 s.
    assert episode.latency_total_s == pytest.approx(0.05 * (episode.decisions - 3) + 3 * 0.2)
    assert (mind.upsets.injected, mind.upsets.felt) == (1, 1)
    other, _, _ = faulted(fault, Timing(clock_hz=2000.0))
    assert other.latency_max_s == pytest.approx(0.1)


@pytest.mark.parametrize("sensor", ["range", "camera"])
def test_what_dies_sees_what_the_dead_beams_of_the_environment_see(sensor: str) -> None:
    fault = Faults("sensor", "dead", count=9)
    _, driver, mind = faulted(fault, sensor=sensor)
    dead = tuple(from_text(mind.upsets.drawn).place.tolist())
    assert len(dead) == 9
    env: Any = gym.make(
        AVOIDANCE, scenario="empty", time_limit_s=4.0, sensor=sensor, dead_beams=dead
    )
    other = Clocked()
    run_episode(env, other, 1)
    for mine, wanted in zip(driver.seen, other.seen, strict=True):
        np.testing.assert_array_equal(mine[sensor], wanted[sensor])
        assert mine[sensor].dtype == wanted[sensor].dtype


@pytest.mark.parametrize(("sensor", "axis"), [("range", 0), ("camera", 1)])
def test_what_is_stuck_shows_what_it_saw_last(sensor: str, axis: int) -> None:
    fault = Faults("sensor", "stuck", rate=0.05, seed=2)
    _, driver, mind = faulted(fault, sensor=sensor)
    env: Any = gym.make(AVOIDANCE, scenario="empty", time_limit_s=4.0, sensor=sensor)
    other = Clocked()
    run_episode(env, other, 1)
    told = from_text(mind.upsets.drawn)
    since: dict[int, int] = {}
    for time_us, beam in zip(told.time.tolist(), told.place.tolist(), strict=True):
        since.setdefault(beam, -(-time_us // 100_000))  # the decision that meets it, 10 a second
    assert len(since) > 5
    for k, (mine, whole) in enumerate(zip(driver.seen, other.seen, strict=True)):
        for beam in range(mine[sensor].shape[axis]):
            then = min(since.get(beam, k), k)
            wanted = other.seen[then][sensor] if then < k else whole[sensor]
            found = np.take(mine[sensor], beam, axis)
            assert found.tolist() == np.take(wanted, beam, axis).tolist(), (k, beam)


class Registers:
    """Two state memories, of 3 values of 4 bits and of 5 of 2; keeps what strikes it."""

    memories = (
        Memory("other", "", 9, 9),
        Memory("registers", "a", 3, 4, state=True),
        Memory("registers", "b", 5, 2, state=True),
    )
    felt = 1

    def __init__(self, cycles: int) -> None:
        self.cycles, self.struck = cycles, list[list[Any]]()

    def strike(self, strikes: Strikes) -> None:
        self.struck.append([each.tolist() for each in strikes])


@pytest.mark.parametrize("cycles", [30, 250])
def test_a_state_is_hit_while_a_decision_can_be_on_its_way(cycles: int) -> None:
    """Control steps of 100 cycles; the decisions begin at steps 0, 3, 4 and 9."""
    chip: Any = Registers(cycles)
    parts = list(enumerate(chip.memories))[1:]
    trouble = Flashes(Faults("registers", rate=50.0), chip, parts, 1000.0, 0.1)
    trouble.begin(1.0, 5)
    each_step = min(cycles, 100)
    hits = [
        (divmod(time, each_step), (1, *divmod(bit, 4)) if bit < 12 else (2, *divmod(bit - 12, 2)))
        for time, bit in zip(trouble.drawn.time.tolist(), trouble.drawn.place.tolist(), strict=True)
    ]
    assert len(hits) > 100
    assert max(step for (step, _), _ in hits) == 9
    for step in (0, 3, 4, 9):
        trouble.meet(step * 100_000, {})
        later = [((there - step) * 100 + cycle, what) for (there, cycle), what in hits]
        wanted = [(c, *what) for c, what in later if 0 <= c < -(-cycles // 100) * 100]
        assert list(zip(*chip.struck[-1], strict=True)) == wanted
    upsets = trouble.upsets(500_000)
    assert upsets.injected == sum(step < 5 for (step, _), _ in hits)
    assert upsets.felt == 4


# The spiking chip.


def open_chip(env_id: str = AVOIDANCE) -> tuple[Any, PoppinsMemories, Any]:
    env: Any = gym.make(env_id, scenario="forest")
    observation, _ = env.reset(seed=2)
    controller = seated(env)
    return controller, PoppinsMemories(controller, env.unwrapped), observation


def cells_of(memories: PoppinsMemories) -> list[Cell]:
    """The constants of all neurons, read from the codes by hand."""
    table = {
        memory.part: memories.read(k).tolist()
        for k, memory in enumerate(memories.memories)
        if not memory.state
    }
    taus = [0 if code == 0 else 2 ** (min(code, 16) - 1) for code in table["tau"]]
    names = ("rest", "threshold", "reset", "slope_rest", "slope_threshold")
    return [Cell(*values) for values in zip(*(table[name] for name in names), taus, strict=True)]


def signed(code: int, bits: int) -> int:
    return code - 2**bits if code >= 2 ** (bits - 1) else code


def naive_run(memories: PoppinsMemories, brain: Any, touch: Any) -> Any:
    """Let the oracle decide about the same trains, by the codes of all memories."""
    network, cells = memories.network, cells_of(memories)
    table = {
        memory.part: memories.read(k).tolist()
        for k, memory in enumerate(memories.memories)
        if not memory.state
    }
    first, second = len(network.first), len(network.second)

    def matrix(name: str, rows: int, columns: int) -> list[list[int]] | None:
        if name not in table:
            return None
        flat = [signed(code, 8) for code in table[name]]
        return [flat[k * columns : (k + 1) * columns] for k in range(rows)]

    wiring = Wiring(
        matrix("first.weights", first, first) or [],
        matrix("forward", first, second),
        matrix("backward", second, first),
        matrix("second.weights", second, second) or [],
    )
    tonic = [signed(code, 9) for code in table["tonic"]]
    sums = [
        min(max(t + signed(code, 9), -256), 255)
        for t, code in zip(tonic, table["amplitude"], strict=True)
    ]
    amplitude = [total - t for total, t in zip(sums, tonic, strict=True)]
    chip = NaiveChip(*(getattr(network.chip, name) for name in NaiveChip._fields))
    motors = range(first + second - 30, first + second - 1)

    def ends(run: Any) -> bool:
        votes = [sum(fired[i] for fired in run.spikes) for i in motors]
        return naive_settled(votes, 64 - len(run.spikes))

    return naive_poppins(
        cells[:first],
        cells[first:],
        wiring,
        tonic,
        amplitude,
        brain.trains.tolist(),
        chip,
        ends,
        touch,
    )


def assert_same_decision(memories: PoppinsMemories, brain: Any, touch: Any = None) -> int:
    run = naive_run(memories, brain, touch or (lambda cycles, v, i: None))
    spikes = [sum(fired[i] for fired in run.spikes) for i in range(len(memories.network))]
    assert brain.desk.window.spikes[: len(spikes)].tolist() == spikes
    assert memories.events.cycles == run.counts["cycles"]
    return len(run.spikes)


@pytest.mark.parametrize("env_id", ENVS)
def test_wrong_bits_of_configured_memories_do_what_they_do_in_the_oracle(env_id: str) -> None:
    controller, memories, observation = open_chip(env_id)
    rng = np.random.default_rng(8)
    golden = [memories.read(k) for k, each in enumerate(memories.memories) if not each.state]
    for _ in range(6):
        for k, each in enumerate(memories.memories[: len(golden)]):
            flips = rng.integers(0, 1 + each.size // 60)
            codes = golden[k].copy()
            np.bitwise_xor.at(
                codes,
                rng.integers(0, each.values, flips),
                np.uint64(1) << rng.integers(0, each.bits, flips).astype(np.uint64),
            )
            codes[rng.integers(each.values)] = 0  # slopes of 0 among them
            memories.write(k, np.arange(each.values), codes)
        lost = [c for c in cells_of(memories) if c.slope_rest + c.slope_threshold == 0]
        assert np.isfinite(controller.act(observation)).all()
        if not lost:
            assert_same_decision(memories, controller.brain)
    for k, codes in enumerate(golden):
        memories.write(k, np.arange(len(codes)), codes)
    mended, sound = controller.act(observation), open_chip(env_id)[0].act(observation)
    assert mended.shape == sound.shape


def test_a_neuron_without_slopes_knows_no_force() -> None:
    """It sums up its inputs, and nothing draws it anywhere."""
    controller, memories, observation = open_chip()
    parts = {memory.part: k for k, memory in enumerate(memories.memories)}
    every = np.arange(len(memories.network))
    for name in ("slope_rest", "slope_threshold", "first.weights", "forward", "second.weights"):
        memories.write(
            parts[name],
            np.arange(memories.memories[parts[name]].values),
            np.zeros(memories.memories[parts[name]].values, np.uint64),
        )
    for name, value in (("tonic", 1), ("amplitude", 0), ("rest", 250)):
        memories.write(parts[name], every, np.full(len(every), value, np.uint64))
    controller.act(observation)
    trace = controller.brain.trace(8)
    assert trace.potential[:5, 0].tolist() == [251, 252, 253, 254, 255]
    assert trace.spikes[:, 0].tolist() == [False] * 5 + [True] + [False] * 2


def test_a_time_constant_is_stored_by_its_highest_bit() -> None:
    taus = from_code("tau", np.array([0, 1, 2, 4, 16, 17, 31], np.uint64))
    assert taus.tolist() == [0, 1, 2, 8, 32768, 32768, 32768]
    assert to_code("tau", np.array([0, 1, 2, 15, 32768])).tolist() == [0, 1, 2, 4, 16]


def test_bits_of_the_state_are_inverted_between_two_ticks() -> None:
    controller, memories, observation = open_chip()
    rng = np.random.default_rng(3)
    state = [k for k, each in enumerate(memories.memories) if each.state]
    first, met = len(memories.network.first), 0
    for _ in range(4):
        cycle = np.sort(rng.integers(0, 80_000, 60))
        part = rng.choice(state, 60)
        value = rng.integers(0, len(memories.network), 60)
        bit = rng.integers(0, np.where(part == state[0], 8, 16))
        strikes = Strikes(cycle, part, value, bit)
        left = list(zip(*(each.tolist() for each in strikes), strict=True))

        def touch(cycles: int, potential: Any, current: Any, left: Any = left) -> None:
            while left and left[0][0] <= cycles:
                _, where, neuron, k = left.pop(0)
                side, place = (0, neuron) if neuron < first else (1, neuron - first)
                if where == state[0]:
                    potential[side][place] ^= 1 << k
                else:
                    code = current[side][place] % 2**16 ^ 1 << k
                    current[side][place] = signed(code, 16)

        memories.strike(strikes)
        controller.act(observation)
        assert_same_decision(memories, controller.brain, touch)
        assert memories.felt == 60 - len(left)
        met += memories.felt
        controller.act(observation)
        assert memories.felt == 0, "they hit one decision, and no other"
    assert 60 < met < 240

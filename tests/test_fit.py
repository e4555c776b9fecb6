"""Programs found by search: the space, the worlds, the score, the search, its files and command."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from data_files import nav_worlds
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neurobot import neurons
from neurobot.cli import main
from neurobot.cli.fit import read_weights
from neurobot.controllers import make_controller
from neurobot.controllers.poppins import Brain
from neurobot.controllers.program_files import (
    PROGRAMS,
    find_programs,
    read_programs,
    write_programs,
)
from neurobot.controllers.programs import HANDMADE, RANGES, ROAM, SEEK, Pair, numbers_of, program_of
from neurobot.cost import COST_TABLES
from neurobot.envs.tasks import OUTCOMES
from neurobot.fit.driving import drive_here
from neurobot.fit.history import front
from neurobot.fit.optimizer import Optimizer
from neurobot.fit.places import PARTS, SEEDS, TEST, TRAIN, Place, open_arena
from neurobot.fit.plan import Limits, Plan
from neurobot.fit.score import Tally, Weights, dominated, tallies
from neurobot.fit.search import Fit, fit
from neurobot.fit.space import SIZE, from_program, to_numbers, to_program
from neurobot.loop import attach, run_episode
from neurobot.poppins import Chip
from neurobot.rollout import Arena, rolls

NAVIGATION, AVOIDANCE = "neurobot/Navigation-v0", "neurobot/Avoidance-v0"
BODY = open_arena(Place(NAVIGATION, "empty", TRAIN, 1, 0)).body
TINY = Plan(
    "poppins",
    NAVIGATION,
    ("empty",),
    seed=3,
    population=4,
    worlds=4,
    pool=5,
    validation=2,
    test=2,
    options=(("time_limit_s", 4.0),),
)
HERE = partial(drive_here, threads=1)


def quiet(generation: object) -> None: ...


def run(out: Path, plan: Plan = TINY, generations: int = 4, drive: Any = HERE) -> Fit:
    found = fit(plan, Limits(60, generations), out, drive, quiet)
    return replace(found, generations=[replace(g, seconds=0.0) for g in found.generations])


# The space


points = hnp.arrays(np.float64, SIZE, elements=st.floats(-0.5, 1.5))


@given(points, st.sampled_from([Chip(), Chip(weight_bits=4, weight_shift=4)]))
@settings(max_examples=60, deadline=None)
def test_every_point_is_a_program_that_the_chip_holds(point: Any, chip: Chip) -> None:
    numbers = to_numbers(point)
    for value, (name, (low, high, decimals)) in zip(numbers, RANGES.items(), strict=True):
        assert low <= value <= high, name
        assert value == round(value, decimals), name
    program = to_program(numbers)
    assert type(program.wiring.threshold) is int
    network: Any = Brain(program, chip, BODY).network  # refuses what it could not hold
    top = 1 << (chip.weight_bits - 1)
    for weights in (network.second.weights, network.forward):
        assert -top <= weights.min() <= weights.max() < top
    for name, (low, high) in neurons.RANGES.items():
        values = getattr(network.neurons, name)
        assert low <= values.min() <= values.max() <= high, name


def test_the_handmade_programs_lie_in_the_space() -> None:
    for program in (ROAM, SEEK):
        assert program_of(numbers_of(program)) == program
        point = [
            (value - low) / (high - low)
            for value, (low, high, _) in zip(from_program(program), RANGES.values(), strict=True)
        ]
        assert to_program(to_numbers(np.array(point))) == program


def test_the_start_is_the_seeds_and_numpys_own_chance_is_left_alone() -> None:
    before: Any = np.random.get_state()  # noqa: NPY002
    starts = [Optimizer(seed, 4).start for seed in (1, 1, 2)]
    asked = [Optimizer(1, 4).ask() for _ in range(2)]
    after: Any = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    np.testing.assert_array_equal(starts[0], starts[1])
    np.testing.assert_array_equal(asked[0], asked[1])
    assert np.abs(starts[0] - starts[2]).max() > 0.1
    np.testing.assert_allclose(Optimizer(1, 4).centre, starts[0], atol=1e-9)


def test_the_search_climbs_a_hill() -> None:
    optimizer, goal = Optimizer(0, 12), np.linspace(0.2, 0.8, SIZE)
    first = np.abs(optimizer.centre - goal).mean()
    for _ in range(120):
        misses = [float(((point - goal) ** 2).sum()) for point in optimizer.ask()]
        optimizer.tell(sorted(range(12), key=misses.__getitem__))
    assert np.abs(optimizer.centre - goal).mean() < 0.2 * first


# The worlds


def test_training_validation_and_test_worlds_are_apart() -> None:
    seen: dict[str, set[int]] = {part: set() for part in PARTS}
    for seed in (0, 1, 7, 99, 100, 12345):
        for part in PARTS:
            seeds = Place(NAVIGATION, "forest", part, 10_000, seed).seeds
            assert len(seeds) == 10_000
            assert set(seeds) <= set(SEEDS[part])
            seen[part] |= set(seeds)
    assert len(seen[TRAIN]) > len(seen[TEST]) == 10_000
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not seen[PARTS[a]] & seen[PARTS[b]]
    assert min(min(seeds) for seeds in seen.values()) > 100_000, "evaluate begins at 0"


def test_the_worlds_of_a_file_are_apart_too() -> None:
    parts = {part: Place(NAVIGATION, "x.npz", part, 210, 5).positions(210) for part in PARTS}
    found = [set(positions) for positions in parts.values()]
    assert [len(positions) for positions in found] == [70, 35, 105]
    assert set.union(*found) == set(range(210))
    assert {k % 2 for k in parts[TEST]} == {1}
    few, many = (Place(NAVIGATION, "x.npz", TEST, count, 5).positions(210) for count in (9, 300))
    assert len(set(few)) == len(few) == 9
    assert len(set(many)) == len(many) == 105, "no world counts twice"
    with pytest.raises(ValueError, match=r"'x.npz': 2 worlds found, 6 or more needed to keep"):
        Place(NAVIGATION, "x.npz", "validation", 3, 0).positions(2)


def test_a_fit_may_take_worlds_from_a_file(tmp_path: Path) -> None:
    plan = replace(TINY, scenarios=(f"{nav_worlds() / 'barn_worlds.npz'}#0-11", "empty"), test=9)
    found = run(tmp_path, plan, generations=2)
    first, second = (tallies["fitted"] for tallies in found.tests.values())
    assert (first.worlds, second.worlds) == (6, 9)


def test_a_fit_drives_test_worlds_only_when_it_is_over(tmp_path: Path) -> None:
    parts: list[str] = []

    def spy(trip: Any, candidates: Any) -> list[Tally]:
        parts.append(trip.place.part)
        assert set(trip.worlds) <= set(range(trip.place.count))
        return drive_here(trip, candidates)

    run(tmp_path, drive=spy)
    assert parts == 8 * ["train"] + ["validation", "test"]


# The score


def test_the_score_is_the_formula_of_its_module() -> None:
    tally = Tally(
        worlds=4, successes=3, grade=3.1, speed_mps=4.0, brisk=1.2, decisions=50, energy_j=2e-6
    )
    expected = 2.0 * 3.1 / 4 + 0.5 * 1.2 / 4 - 0.25 * (2e-6 / 50) / 100e-9
    assert tally.score(Weights(2.0, 0.5, 0.25)) == pytest.approx(expected, rel=1e-12)
    assert tally.plus(tally).score(Weights()) == pytest.approx(tally.score(Weights()), rel=1e-12)
    assert (tally.success_rate, tally.mean_speed_mps) == (0.75, 1.0)


def test_a_grade_with_a_goal_is_the_share_of_the_way() -> None:
    """Restated from where the robots ended, which the tally never looks at."""
    arena = Arena(NAVIGATION, range(900, 908), scenario="forest", time_limit_s=9.0)
    blind = replace(SEEK, wiring=replace(SEEK.wiring, near_veto=0.0, far_veto=0.0, brake=0.0))
    chance = np.random.default_rng(4)
    programs = [SEEK, blind, *(to_program(to_numbers(chance.random(SIZE))) for _ in range(4))]
    brains = [Brain(program, Chip(), arena.body) for program in programs]
    courses = np.zeros((len(brains) * len(arena), 100, 5))
    logs = arena.drive(brains, courses=courses)
    found = tallies(arena, np.arange(len(arena)), brains, logs, "paper")
    assert len({OUTCOMES[k] for k in logs["outcome"].flat}) == 3, "a test of all outcomes"
    for b, tally in enumerate(found):
        grade, brisk = 0.0, 0.0
        for w, scene in enumerate(arena.batch.scenes):
            assert scene is not None
            log, path = logs[b, w], courses[b * len(arena) + w]
            way = math.dist(scene.start[:2], scene.goal)
            left = math.dist(path[log["steps"], :2], scene.goal)
            if OUTCOMES[log["outcome"]] == "success":
                grade += 1
                brisk += log["path_m"] / (0.1 * log["steps"]) / 2.0
            else:
                grade += 0.5 * min(max(1 - left / way, 0), 1)
        assert tally.grade == pytest.approx(grade, abs=1e-9)
        assert tally.brisk == pytest.approx(brisk, abs=1e-9)
        events = brains[b].network.events(logs["totals"][b].sum(axis=0))
        assert tally.energy_j == COST_TABLES["paper"].dynamic_j(events)
        assert tally.decisions == logs["decisions"][b].sum()


def test_a_grade_without_a_goal_is_time_and_ground() -> None:
    arena = Arena(AVOIDANCE, [1, 2], scenario="empty", time_limit_s=10.0, ground_m2=20)
    brain = Brain(ROAM, Chip(), arena.body)
    logs = np.zeros((1, 2), arena.drive([brain])[0].dtype)
    logs["steps"], logs["ground_m2"], logs["decisions"] = [[25, 100]], [[5, 12]], 1
    logs["outcome"] = [[OUTCOMES.index("collision"), OUTCOMES.index("timeout")]]
    (tally,) = tallies(arena, np.arange(2), [brain], logs, "paper")
    assert tally.grade == pytest.approx(0.5 * (0.5 * (0.25 + 0.25) + 0.5 * (1 + 0.6)))
    assert (tally.successes, tally.brisk) == (0, 0.0)


def test_the_front_is_what_nothing_dominates(tmp_path: Path) -> None:
    generations = run(tmp_path).generations
    most = max(g.worlds for g in generations)
    seen = [t for g in generations for t in g.tallies if t.worlds == most]
    values = [(t.successes, t.mean_speed_mps, -t.decision_j) for t in seen]
    expected = {
        mine
        for mine in values
        if not any(all(a >= b for a, b in zip(o, mine, strict=True)) and o != mine for o in values)
    }
    assert {(t.successes, t.mean_speed_mps, -t.decision_j) for _, t in front(generations)} == (
        expected
    )


def test_equals_do_not_dominate_each_other() -> None:
    one, slower = Tally(2, 1, 1.0, 4.0, 1.0, 10, 1e-6), Tally(2, 1, 1.0, 3.0, 1.0, 10, 1e-6)
    assert not dominated(one, [one, slower])
    assert dominated(slower, [one])
    assert not dominated(slower._replace(energy_j=0.5e-6), [one])


# The search


def test_equal_seeds_give_equal_bits_and_others_do_not(tmp_path: Path) -> None:
    found = [run(tmp_path / name) for name in "ab"]
    assert found[0] == found[1]
    other = run(tmp_path / "c", replace(TINY, seed=4))
    assert other.start != found[0].start
    assert found[0].start == found[0].generations[0].candidates[-1]
    assert len(found[0].generations) == 4


def test_threads_and_how_candidates_are_dealt_out_change_nothing(tmp_path: Path) -> None:
    def dealt(trip: Any, candidates: Sequence[Any]) -> list[Tally]:
        return [drive_here(trip, [one], threads=2)[0] for one in candidates]

    assert run(tmp_path / "a") == run(tmp_path / "b", drive=dealt)


@pytest.mark.parametrize("calls", [1, 4, 8, 9])
def test_an_interrupted_fit_goes_on_as_if_it_had_not_been(tmp_path: Path, calls: int) -> None:
    left = calls

    def impatient(trip: Any, candidates: Any) -> list[Tally]:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        return drive_here(trip, candidates)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", drive=impatient)
    driven = 0

    def counting(trip: Any, candidates: Any) -> list[Tally]:
        nonlocal driven
        driven += 1
        return drive_here(trip, candidates)

    assert run(tmp_path / "a", drive=counting) == run(tmp_path / "b")
    assert driven == 10 - calls + calls % 2 * (calls < 8), "what is kept is not driven again"
    driven = 0
    run(tmp_path / "a", drive=counting)
    assert driven == 0


def test_more_generations_continue_the_same_search(tmp_path: Path) -> None:
    run(tmp_path / "a", generations=2)
    assert run(tmp_path / "a") == run(tmp_path / "b")


def test_a_fit_of_another_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, generations=2)
    monkeypatch.setattr("neurobot.fit.optimizer.FIRST_STEP", 0.2)
    with pytest.raises(ValueError, match=r"generation 0 has other candidates than this machine"):
        run(tmp_path, generations=2)


def test_minutes_end_a_search() -> None:
    limits = Limits(2.0, 7)
    assert [limits.reached(*at) for at in ((6, 119.9), (6, 120.0), (7, 1.0))] == [
        False,
        True,
        True,
    ]


def test_ray_gives_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from neurobot.fit.cluster import Cluster

    cluster = Cluster()
    try:
        found = run(tmp_path / "a", drive=cluster)
    finally:
        cluster.close()
    assert found == run(tmp_path / "b")


# Programs as files


def test_a_program_survives_its_file_and_drives_as_a_kernel(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    program = to_program(to_numbers(np.random.default_rng(5).random(SIZE)))
    for pair in (Pair(ROAM, program), Pair(None, program), Pair(program, None)):
        write_programs(path, pair, {"seed": 5})
        assert read_programs(path) == pair
    write_programs(path, Pair(None, program), {})
    env = gym.make(NAVIGATION, scenario="forest", time_limit_s=10.0)
    controller = make_controller(f"poppins?program={path}")
    attach(controller, env)
    assert rolls(controller, env)
    stepped = run_episode(env, controller, 8)
    arena = Arena(NAVIGATION, [8], scenario="forest", time_limit_s=10.0)
    assert arena.run(controller.brain_for(True)) == [stepped]
    with pytest.raises(ValueError, match=r"program .*p.json has none to roam"):
        controller.brain_for(False)


def test_names_of_programs() -> None:
    assert PROGRAMS, "an empty table would make this test vacuous"
    for name in PROGRAMS:
        assert find_programs(name).roam or find_programs(name).seek
    assert find_programs("handmade") == HANDMADE
    for unknown in ("nobody", 3, None):
        with pytest.raises(ValueError, match=r"program: unknown .*; known: handmade"):
            find_programs(unknown)


def damaged(**changes: Any) -> str:
    document = {
        "format": "neurobot program",
        "version": 1,
        "programs": {"seek": numbers_of(SEEK)},
        "provenance": {},
    }
    return json.dumps({**document, **changes})


def seek(**changes: Any) -> str:
    numbers = {**numbers_of(SEEK), **changes}
    return damaged(programs={"seek": {k: v for k, v in numbers.items() if v is not ...}})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "not JSON: Expecting value"),
        ("{", "not JSON: "),
        ("[]", "file: [] found, an object needed"),
        ('"x"', "file: 'x' found, an object needed"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (1 << 20) + "{}", "more than 1048576 bytes found"),
        ('{"format": 1, "format": 2}', "key 'format' found twice"),
        ('{"format": "neurobot program"}', "file: no 'version' found"),
        (damaged(format="other"), "format: 'other' found, 'neurobot program' needed"),
        (damaged(version=2), "version: 2 found, 1 needed"),
        (damaged(version=True), "version: True found, 1 needed"),
        (damaged(speed=1), "file: unknown key 'speed'; known: format, version, programs, prove"),
        (damaged(programs={}), "programs: none found, roam or seek needed"),
        (damaged(programs={"fly": {}}), "programs: unknown key 'fly'; known: roam, seek"),
        (damaged(programs={"seek": 3}), "seek: 3 found, an object needed"),
        (seek(wings=2), "seek: unknown key 'wings'; known: near_veto"),
        (seek(drive=...), "seek: no 'drive' found"),
        (seek(drive="34"), "seek: drive='34' found, a number needed"),
        (seek(drive=None), "seek: drive=None found, a number needed"),
        (seek(drive=True), "seek: drive=True found, a number needed"),
        (seek(drive=34.5), "seek: drive=34.5 found, a whole number needed"),
        (seek(drive=256), "seek: drive=256 is out of range: 1..255"),
        (seek(drive=10**400), "is out of range: 1..255"),
        (seek(near_veto=-1), "seek: near_veto=-1 is out of range: 0..127"),
        (seek(bend=float("nan")), "seek: bend=nan is out of range: 0.5..2"),
        (seek(bend=float("inf")), "seek: bend=inf is out of range: 0.5..2"),
    ],
)
def test_a_damaged_program_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"p.json: ") as error:
        find_programs(str(path))
    assert sentence in str(error.value)
    assert len(str(error.value)) < 1000


def test_no_text_and_no_file_get_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    with pytest.raises(ValueError, match=r"p.json: .*No such file"):
        read_programs(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ValueError, match=r"p.json: .*codec"):
        read_programs(path)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match=r"folder.json: not a file"):
        read_programs(tmp_path / "folder.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(ValueError, match=r"pipe.json: not a file"):
        read_programs(tmp_path / "pipe.json")


# The command

SMALL = (
    "--scenario", "empty", "--generations", "1", "--population", "4", "--worlds", "3", "--pool",
    "3", "--validation", "1", "--test", "2", "--jobs", "1", "--seed", "6",
)  # fmt: skip


def neurobot(*arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    command = [sys.executable, "-m", "neurobot", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=path, check=False
    )


def test_the_command_writes_programs_and_says_how_they_fare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fit"
    assert main(["fit", "--out", str(out), *SMALL]) == 0
    told = capsys.readouterr().out
    for word in ("start", "fitted", "baseline", "unseen worlds", "95 % int.", "modelled", "front"):
        assert word in told, word
    written = {path.name for path in out.iterdir()}
    assert {"fitted.json", "start.json", "fit.json", "curve.png"} <= written
    fitted = json.loads((out / "fitted.json").read_text())
    assert fitted["provenance"]["plan"]["seed"] == 6
    assert "--seed 6" in fitted["provenance"]["command"]
    assert fitted["provenance"]["seeds"]["test"] == "3000000..3000001"
    assert main(["fit", "--json", "--out", str(out), *SMALL]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["program"] for row in answer["rows"]] == ["start", "fitted", "baseline"]
    name = f"poppins?program={out / 'fitted.json'}"
    quick = ["--scenario", "empty", "--episodes", "1", "--time-limit", "1", "--jobs", "1"]
    assert main(["evaluate", name, "--env", NAVIGATION, *quick]) == 0
    assert main(["evaluate", name, "--env", AVOIDANCE, *quick]) == 2
    assert "has none to roam" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(*given: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("neurobot.fit.driving.drive_here", impatient)
    assert main(["fit", "--out", str(tmp_path), *SMALL]) == 130
    sentence = f"interrupted; what is done stays in {tmp_path}; the same command goes on from there"
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["vfh"], "controller 'vfh': no program in it; known: poppins"),
        (["poppins?program=nobody"], "program: unknown 'nobody'; known: handmade, "),
        (["poppins?program=missing.json"], "missing.json: "),
        (["poppins?wings=2"], "unknown option 'wings'; known: neurons, "),
        (["--scenario", "moon"], "scenario: unknown 'moon'"),
        (["--env", "CartPole-v1"], "CartPole"),
        (["--env", "neurobot/Nowhere-v0"], "Nowhere"),
        (["--population", "3"], "population=3 must be in 4..1000"),
        (["--worlds", "2"], "worlds=2 must be in 3..10000"),
        (["--pool", "10001"], "train worlds: 10001 found, 1..10000 allowed"),
        (["--validation", "0"], "validation worlds: 0 found, 1..10000 allowed"),
        (["--test", "0"], "test worlds: 0 found, 1..10000 allowed"),
        (["--seed", "-1"], "seed=-1 must be 0 or more"),
        (["--jobs", "0"], "jobs=0 must be 1 or more"),
        (["--minutes", "0"], "minutes=0.0 must be above 0"),
        (["--minutes", "nan"], "minutes=nan must be above 0"),
        (["--generations", "0"], "generations=0 must be 1 or more"),
        (["--weights", "fun=1"], "--weights: unknown 'fun'; known: success, speed, energy"),
        (["--weights", "speed"], "--weights: 'speed' found, speed=NUMBER needed"),
        (["--weights", "speed=-1"], "weights: speed=-1.0 must be a number in 0..1e6"),
        (["--weights", "speed=nan"], "weights: speed=nan must be a number in 0..1e6"),
        (["--difficulty", "2"], "difficulty=2.0 must be a number in 0..1"),
        (["--robot", "tank"], "robot: unknown 'tank'"),
        (["--out", "/proc/nowhere"], "--out /proc/nowhere: cannot keep episodes there"),
    ],
)
def test_what_cannot_be_fitted_gets_one_sentence(
    tmp_path: Path, arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fit", "--out", str(tmp_path), *SMALL, *arguments]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.strip().splitlines()) == 1


def test_weights_not_named_keep_their_defaults() -> None:
    assert read_weights("energy=0.5") == Weights(energy=0.5)
    assert read_weights("") == Weights()


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [("cma", (), "fit"), ("ray", ("--ray",), "ray")],
)
def test_what_is_missing_is_named(
    tmp_path: Path, module: str, arguments: tuple[str, ...], extra: str
) -> None:
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('{module}')")
    done = neurobot("fit", *SMALL, *arguments, path=tmp_path)
    assert done.returncode == 2
    assert f"pip install 'neurobot[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_fit_without_matplotlib_has_no_picture_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('matplotlib')")
    done = neurobot("fit", *SMALL, path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "pip install 'neurobot[plot]'" in done.stdout
    assert not (tmp_path / "fit" / "curve.png").exists()

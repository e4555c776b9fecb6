"""The spiking controller: trains, spikes, mood and wheels equal those of the oracle."""

import copy
import math
from collections import Counter
from dataclasses import astuple, replace
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from naive import EVENT_NAMES, Cell, NaiveChip, Wiring, naive_decided
from naive_mind import (
    SPIN_LEFT,
    SPIN_RIGHT,
    NaiveAct,
    NaiveBody,
    NaiveMood,
    NaiveNetwork,
    naive_decision,
    naive_decode,
    naive_encode,
    naive_settled,
)

from neurobot.controllers.poppins import Brain, PoppinsController
from neurobot.controllers.programs import RANGES, ROAM, SEEK, Pair, Program, program_of
from neurobot.loop import Body
from neurobot.poppins import Chip, Poppins

ROBOTS = ("jackal", "turtlebot2")
PROGRAMS = {"roam": ROAM, "seek": SEEK, "watchful": replace(SEEK, approach=4)}
CHIPS = (Chip(), Chip(current_bits=10, wraps=True, lanes=4), Chip(current_bits=20))


class Scan(NamedTuple):
    """What a robot sees."""

    range_m: Any  # (beams,) float32
    goal: Any  # (2,) float32; None: there is none


@cache
def body_of(robot: str, **options: Any) -> Body:
    env: Any = gym.make("neurobot/Navigation-v0", robot=robot, **options).unwrapped
    return env.body  # type: ignore[no-any-return]


def naive_body(body: Body) -> NaiveBody:
    return NaiveBody(
        [math.atan2(y, x) for x, y in zip(body.beam_cos, body.beam_sin, strict=True)],
        body.half_length_m,
        body.half_width_m,
        body.track_m,
        body.max_speed_mps,
        body.max_yaw_rate_radps,
        body.acceleration_mps2,
    )


def naive_network(network: Poppins) -> NaiveNetwork:
    def cells(neurons: Any) -> list[Cell]:
        constants = [getattr(neurons, name).tolist() for name in Cell._fields]
        return [Cell(*values) for values in zip(*constants, strict=True)]

    def rows(matrix: Any) -> Any:
        return None if matrix is None else np.asarray(matrix).tolist()

    return NaiveNetwork(
        (cells(network.first.neurons), cells(network.second.neurons)),
        Wiring(
            rows(network.first.weights),
            rows(network.forward),
            rows(network.backward),
            rows(network.second.weights),
        ),
        rows(network.tonic),
        rows(network.amplitude),
        NaiveChip(*(getattr(network.chip, name) for name in NaiveChip._fields)),
    )


def draw_program(rng: np.random.Generator) -> Program:
    """Any program of those that `neurobot fit` may find, or one of ours."""
    if rng.random() < 0.6:
        return list(PROGRAMS.values())[rng.integers(len(PROGRAMS))]
    numbers = {
        name: round(float(rng.uniform(low, high)), decimals)
        for name, (low, high, decimals) in RANGES.items()
    }
    # A rise of a whole level is at most a decision's ticks of spikes, were there no limit.
    return program_of({**numbers, "approach": max(numbers["approach"], 4)})


def draw_range(rng: np.random.Generator, body: Body) -> Any:
    """Open space, walls, a box, or noise; some beams touch something, some see nothing."""
    count, angles = len(body.beam_cos), np.arctan2(body.beam_sin, body.beam_cos)
    wall = rng.uniform(-math.pi, math.pi)
    seen = np.full(count, body.range_m)
    kind = rng.integers(5)
    if kind == 1:
        facing = np.maximum(np.cos(angles - wall), 1e-3)
        seen = rng.uniform(0.1, 3.0) / facing
    if kind == 2:
        seen = rng.uniform(0.05, 1.2) * rng.uniform(0.8, 1.2, count)
    if kind == 3:
        seen = np.where(np.abs(angles - wall) < rng.uniform(0.1, 1.5), rng.uniform(0.0, 2.0), 9.0)
    if kind == 4:
        seen = rng.uniform(0.0, rng.choice([1.0, 3.0, body.range_m]), count)
    seen = np.where(rng.random(count) < 0.02, rng.choice([0.0, body.range_m]), seen)
    return np.clip(seen, 0.0, body.range_m).astype(np.float32)


def draw_scan(rng: np.random.Generator, body: Body, seeking: bool) -> Scan:
    goals = [(0.0, 0.0), (-3.0, 0.0), (-2.0, -0.0), (5.0, 0.0), (0.0, 1.0), (0.0, -1e-3), (100, 0)]
    goal = goals[rng.integers(len(goals))] if rng.random() < 0.3 else rng.normal(0.0, 4.0, 2)
    return Scan(draw_range(rng, body), np.array(goal, np.float32) if seeking else None)


def draw_mood(rng: np.random.Generator, program: Program, mood: Any) -> NaiveMood:
    """Put any mood into a brain's record; return the same."""
    angles = program.wiring.directions_rad
    last = float(rng.choice([*angles, 0.0, math.atan(0.01), -math.atan(0.01)]))
    before = rng.integers(0, 257, 64) if rng.random() < 0.5 else np.full(64, rng.integers(257))
    drawn = NaiveMood(last, int(rng.integers(0, 15)), int(rng.integers(0, 61)), before.tolist())
    mood["last"] = math.cos(last), math.sin(last)
    mood["undecided"], mood["weary"], mood["before"] = drawn.undecided, drawn.weary, drawn.before
    return drawn


def see(brain: Brain, scan: Scan) -> Any:
    """Let a brain decide; return its events."""
    return brain.think(scan.range_m, np.array([1.0, 0.0]) if scan.goal is None else scan.goal)


def assert_same_mood(found: Any, wanted: NaiveMood, case: str) -> None:
    assert found["before"].tolist() == wanted.before, case
    assert (found["undecided"], found["weary"]) == (wanted.undecided, wanted.weary), case
    # An angle against a vector, whose length may be another one than 1.
    angle = math.atan2(found["last"][1], found["last"][0])
    assert math.isclose(angle, wanted.last_rad, abs_tol=1e-12), case


def assert_same_wheels(found: Any, act: NaiveAct, case: str) -> None:
    assert found.dtype == np.float32
    assert found.tolist() == np.array(act.wheels, np.float32).tolist(), case


def test_trains_mood_and_wheels_equal_the_oracle_in_any_mood() -> None:
    """The chip itself is the package's; its spikes are decoded by both."""
    rng = np.random.default_rng(404)
    seen = Counter[str]()
    for number in range(400):
        body = body_of(ROBOTS[number % 2])
        program = draw_program(rng)
        brain = Brain(program, Chip(), body)
        mood = draw_mood(rng, program, brain.desk.mood[0])
        scan = draw_scan(rng, body, number % 3 > 0)
        case = f"case {number}: {program}, {mood}, goal {scan.goal}"
        was = copy.copy(mood)
        events = see(brain, scan)
        trains = naive_encode(program, naive_body(body), mood, scan.range_m.tolist(), scan.goal)
        assert brain.trains.tolist() == trains, case
        spikes = brain.desk.window.spikes[:123].tolist()
        act = naive_decode(program, naive_body(body), mood, spikes, events.ticks)
        assert_same_mood(brain.desk.mood[0], mood, case)
        assert_same_wheels(brain.desk.wheels, act, case)
        rises = [new - old for new, old in zip(mood.before, was.before, strict=True)]
        seen["long bursts"] += max(rises) // program.approach > 8
        seen["short bursts"] += 0 < max(rises) // program.approach < 8
        seen["nobody won"] += act.move is None
        seen["somebody won at last"] += act.move is not None and was.undecided > 0
        seen["spins right"] += act.move == SPIN_RIGHT
        seen["spins left"] += act.move == SPIN_LEFT
        turned = act.move in (SPIN_LEFT, SPIN_RIGHT) and mood.last_rad != was.last_rad
        seen["spins to the other side"] += turned
        drives = act.move is not None and act.move < SPIN_RIGHT
        seen["drives"] += drives
        seen["brakes"] += drives and spikes[-1] > 0 and program.brake_gain > 0
        seen["rests"] += mood.weary < was.weary
        seen["cannot be more weary"] += mood.weary == was.weary == 60
    wanted = (
        "long bursts, short bursts, nobody won, somebody won at last, spins right, spins left, "
        "spins to the other side, drives, brakes, rests"
    )
    for kind in wanted.split(", "):
        assert seen[kind] >= 8, f"only {seen[kind]} {kind}: {seen}"


@pytest.mark.parametrize("robot", ROBOTS)
@pytest.mark.parametrize("task", ["roam", "seek"])
def test_decisions_in_a_row_equal_the_oracle(robot: str, task: str) -> None:
    """Everything by the oracle, and its mood from one decision to the next."""
    rng = np.random.default_rng(505)
    moves = Counter[Any]()
    early = 0
    for number, chip in enumerate(CHIPS):
        program, body = PROGRAMS[task], body_of(robot)
        controller = PoppinsController()
        controller.chip, controller.programs = chip, Pair(ROAM, SEEK)
        controller.attach(body)
        controller.reset(0)
        mood, network = NaiveMood(), naive_network(controller.brain_for(task == "seek").network)
        for step in range(5):
            scan = draw_scan(rng, body, task == "seek")
            observation = {"range": scan.range_m}
            if scan.goal is not None:
                observation["goal"] = scan.goal
            case = f"{robot}, {task}, chip {number}, decision {step}: {mood}"
            wheels = controller.act(observation)
            readings = scan.range_m.tolist()
            trains = naive_encode(program, naive_body(body), mood, readings, scan.goal)
            assert controller.brain.trains.tolist() == trains, case
            spikes, ticks, counts = naive_decision(network, trains)
            assert controller.brain.desk.window.spikes[:123].tolist() == spikes, case
            assert dict(zip(EVENT_NAMES, astuple(controller.events), strict=True)) == counts, case
            act = naive_decode(program, naive_body(body), mood, spikes, ticks)
            assert_same_mood(controller.brain.desk.mood[0], mood, case)
            assert_same_wheels(wheels, act, case)
            moves[act.move] += 1
            early += ticks < 64
    assert len(moves) >= 4, moves
    assert early > 0


def test_the_mood_of_a_long_drive_equals_the_oracle() -> None:
    """A box that opens and closes: weary, undecided and last grow and go, never set by hand."""
    rng = np.random.default_rng(606)
    body = body_of("jackal")
    weary, undecided = set(), set()
    for program in (ROAM, SEEK, replace(SEEK, spin=1.0)):
        brain, mood = Brain(program, Chip(), body), NaiveMood()
        for step in range(150):
            boxed = step < 70
            reach = rng.uniform(0.1, 0.5) if boxed else rng.uniform(3.0, 20.0)
            scan = draw_scan(rng, body, True)._replace(
                range_m=np.full(len(body.beam_cos), reach, np.float32)
            )
            case = f"{program}, decision {step}: {mood}"
            events = see(brain, scan)
            trains = naive_encode(program, naive_body(body), mood, scan.range_m.tolist(), scan.goal)
            assert brain.trains.tolist() == trains, case
            spikes = brain.desk.window.spikes[:123].tolist()
            act = naive_decode(program, naive_body(body), mood, spikes, events.ticks)
            assert_same_mood(brain.desk.mood[0], mood, case)
            assert_same_wheels(brain.desk.wheels, act, case)
            weary.add(mood.weary)
            undecided.add(mood.undecided)
    assert weary == set(range(61))
    assert len(undecided) >= 3, undecided


def test_any_number_of_beams_is_pooled_as_the_oracle_does() -> None:
    rng = np.random.default_rng(707)
    # Even: no beam lies on the border between two sectors.
    for beams, degrees in product([2, 10, 32, 90, 200], [40.0, 180.0, 270.0]):
        body = body_of("jackal", beams=beams, field_of_view_deg=degrees)
        brain, mood = Brain(SEEK, Chip(), body), NaiveMood()
        for _ in range(3):
            scan = draw_scan(rng, body, True)
            mood.before = brain.desk.mood[0]["before"].tolist()
            mood.last_rad = math.atan2(*brain.desk.mood[0]["last"][::-1])
            mood.undecided, mood.weary = (
                int(brain.desk.mood[0][name]) for name in ("undecided", "weary")
            )
            see(brain, scan)
            trains = naive_encode(SEEK, naive_body(body), mood, scan.range_m.tolist(), scan.goal)
            assert brain.trains.tolist() == trains, f"{beams} beams over {degrees} degrees"


def test_the_oracle_knows_when_no_future_changes_the_winner() -> None:
    outcomes = Counter[bool]()
    for counts in product(range(5), repeat=3):
        for left in range(4):
            settled = naive_settled(counts, left)
            assert settled == naive_decided(counts, left), (counts, left)
            outcomes[settled] += 1
    assert min(outcomes[True], outcomes[False]) > 50


def test_a_new_episode_begins_with_nothing_on_its_mind() -> None:
    body = body_of("jackal")
    controller = PoppinsController()
    controller.attach(body)
    rng = np.random.default_rng(808)
    for seeking in (False, True):
        brain = controller.brain_for(seeking)
        draw_mood(rng, brain.program, brain.desk.mood[0])
    controller.reset(3)
    for seeking in (False, True):
        assert_same_mood(controller.brain_for(seeking).desk.mood[0], NaiveMood(), f"{seeking}")

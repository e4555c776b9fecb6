"""The teacher restated step by step, and the drives that ask it."""

import math
import zlib
from collections.abc import Callable
from typing import Any

import naive_world
import numpy as np
import pytest
from numpy.typing import NDArray

from neurobot import evaluate
from neurobot.controllers.steering import CHOICES, SPIN_LEFT, SPIN_RIGHT, mirrored_choices
from neurobot.envs.batch import Batch
from neurobot.envs.scene import Scene
from neurobot.envs.world import ROBOTS, State, blank_state, make_clock
from neurobot.imitate.drives import (
    FIRST_SEED,
    Lessons,
    Whims,
    drive,
    join,
    open_batch,
    rate_rows,
    teacher,
)
from neurobot.imitate.planner import Planner

Array = NDArray[Any]
AHEAD = 12  # the choice straight ahead at full speed
JACKAL = ROBOTS["jackal"]
# Seeds, and CRC-32 of pictures and worth, as the lessons were of which the networks learned first.
LESSONS = {
    "forest": (0, [3202972611, 276030812]),
    "corridor": (1, [2732149782, 3955861861]),
    "looming": (2, [1334598472, 1179708365]),
}
WIDE = (-50.0, -50.0, 50.0, 50.0)


def place(scene: Scene, *, left: float = 0.0, right: float = 0.0) -> State:
    """Put a robot with so fast wheels into a scene."""
    state = blank_state(1, len(scene.discs), len(scene.edges))
    scene.put(0, state, make_clock(0.1, 0.01), 60.0)
    state.rows["left"], state.rows["right"] = left, right
    return state


def rate(state: State, planner: Planner | None = None) -> Array:
    planner = planner or Planner(JACKAL)
    return planner.rate(state.rows, state.discs[0], state.segments[0])


def pillars(*discs: tuple[float, ...], **more: Any) -> Scene:
    return Scene(WIDE, discs=np.array(discs, float).reshape(-1, 5), **more)


def wall(distance_m: float, half_m: float = 3.0) -> Scene:
    """A wall across the way, so far from the robot's centre."""
    return Scene(WIDE, walls=np.array([[distance_m, -half_m, distance_m, half_m]]))


# The teacher, restated


class Rehearsal:
    """One robot and what is around it, in plain Python."""

    def __init__(self, state: State) -> None:
        me = state.rows[0]
        self.x, self.y, self.heading, self.left, self.right = (
            float(me[name]) for name in ("x", "y", "heading", "left", "right")
        )
        self.bounds = [float(me[name]) for name in ("x0", "y0", "x1", "y1")]
        self.discs = state.discs[0, : me["discs"]].tolist()
        edges = state.segments[0, : me["segments"]].tolist()
        self.walls = [(x, y, x + dx, y + dy) for x, y, dx, dy in edges]
        self.crashed = False

    def copy(self) -> "Rehearsal":
        other = object.__new__(Rehearsal)
        other.__dict__ = {**self.__dict__, "discs": [list(disc) for disc in self.discs]}
        return other

    def move(self, left: float, right: float) -> None:
        """Half of a tenth of a second; the robot turns half, drives, and turns the other half."""
        targets = naive_world.wheel_targets(
            (left, right), JACKAL.max_speed_mps, JACKAL.track_m, JACKAL.max_yaw_rate_radps
        )
        most = JACKAL.acceleration_mps2 * 0.05
        self.left = naive_world.toward(self.left, targets[0], most)
        self.right = naive_world.toward(self.right, targets[1], most)
        turn = (self.right - self.left) / JACKAL.track_m * 0.05
        way = (self.left + self.right) / 2 * 0.05
        self.x += way * math.cos(self.heading + turn / 2)
        self.y += way * math.sin(self.heading + turn / 2)
        self.heading += turn

    def move_discs(self) -> None:
        x0, y0, x1, y1 = self.bounds
        for disc in self.discs:
            x, y, radius, vx, vy = disc
            x, y = x + 0.1 * vx, y + 0.1 * vy
            vx = abs(vx) if x - radius < x0 else -abs(vx) if x + radius > x1 else vx
            vy = abs(vy) if y - radius < y0 else -abs(vy) if y + radius > y1 else vy
            disc[:] = x, y, radius, vx, vy

    def gap(self) -> float:
        body = naive_world.Body(JACKAL.half_length_m, JACKAL.half_width_m, JACKAL.rounding_m)
        here, far = (self.x, self.y), 0.35 + JACKAL.circumscribed_m
        discs = [(x, y, r) for x, y, r, _, _ in self.discs if math.dist(here, (x, y)) < far + r]
        walls = [
            each
            for each in self.walls
            if naive_world.point_to_edge(here, naive_world.ends(each)) < far
        ]
        return body.clearance((*here, self.heading), discs, walls, 0.35)

    def drive(self, steer: Callable[["Rehearsal"], tuple[float, float]], steps: range) -> float:
        """Drive, and return what it costs; steps: of the whole rehearsal, 26 in all."""
        cost = 0.0
        for step in steps:
            forward, yaw_rate = steer(self)
            half = max(min(yaw_rate, 4.0), -4.0) * JACKAL.track_m / JACKAL.max_speed_mps / 2
            half = max(min(half, 1.0), -1.0)
            forward = min(forward, 1 - abs(half))
            for _ in range(2):
                self.move(forward - half, forward + half)
            self.move_discs()
            gap = self.gap()
            if gap <= 0:
                self.crashed = True
                return cost + 12 * (1.5 - step / 26)
            cost += 0.6 * ((0.35 - gap) / 0.35) ** 2
        return cost


def towards(aim: float, speed: float) -> Callable[[Rehearsal], tuple[float, float]]:
    def steer(me: Rehearsal) -> tuple[float, float]:
        return speed, 3 * math.remainder(aim - me.heading, 2 * math.pi)

    return steer


def naive_rating(state: State, choice: int) -> tuple[float, bool]:
    """What a choice is worth, and whether it crashes before any way on."""
    me = Rehearsal(state)
    start = me.copy()
    if choice < 75:
        degrees = 60 - 5 * (choice % 25)
        steer = towards(me.heading + math.radians(degrees), (1.0, 0.6, 0.25)[choice // 25])
    else:
        degrees = 60
        steer = lambda _: (0.0, 2.0 if choice == 75 else -2.0)  # noqa: E731
    cost = me.drive(steer, range(8)) + 0.25 * abs(math.radians(degrees))
    if me.crashed:
        return -cost, True
    worth = []
    for turn, speed in ((0, 1), (30, 1), (-30, 1), (0, 0.4), (70, 0.4), (-70, 0.4)):
        you = me.copy()
        later = you.drive(towards(me.heading + math.radians(turn), speed), range(8, 26))
        worth.append(math.dist((you.x, you.y), (start.x, start.y)) - later)
    return max(worth) - cost, False


CROWDED = {
    "wall": place(wall(1.6, 0.8), left=1.0, right=1.5),
    "pillars": place(
        pillars((1.5, 0.5, 0.3, 0, 0), (2.0, -0.9, 0.2, 0, 0), (-0.2, 0.8, 0.2, 0, 0))
    ),
    "balls": place(
        Scene(
            (-3.0, -2.0, 3.0, 2.0),
            start=(0.5, 0.9, 2.0),
            discs=np.array([[-1.5, 1.5, 0.3, 0.9, 0.6], [2.0, 0.0, 0.3, -1.0, -0.5]]),
            walls=np.array([[-3.0, -2.0, -3.0, 2.0], [-3.0, 2.0, 3.0, 2.0]]),
        ),
        left=0.6,
        right=0.2,
    ),
    "forest": open_batch("forest", 1).state,
}


@pytest.mark.parametrize("name", ["wall", "pillars", "balls", "forest"])
def test_the_teacher_equals_the_rule_restated(name: str) -> None:
    state = CROWDED[name]
    if name == "forest":
        batch = open_batch("forest", 1)
        batch.reset(0, np.random.default_rng(1), {"difficulty": 0.6})
        for _ in range(4):
            batch.step(np.array([[0.9, 0.8]]))
        state = batch.state
    found, crashes = rate(state), 0
    for choice in [*range(0, 75, 4), SPIN_LEFT, SPIN_RIGHT]:
        wanted, crashed = naive_rating(state, choice)
        crashes += crashed
        # Both compute the same real numbers, with roundings of 1e-16 in some hundred steps.
        assert found[choice] == pytest.approx(wanted, abs=1e-9), choice
    assert 0 < crashes < 21 or name == "pillars"


def test_nothing_around_means_straight_ahead_at_full_speed() -> None:
    for speed in (0.0, 2.0):
        worth = rate(place(pillars(), left=speed, right=speed))
        assert worth.argmax() == AHEAD
        assert sorted(worth)[-2] < worth[AHEAD]
    # At full speed all the way: 26 tenths of a second at 2 m/s.
    assert worth[AHEAD] == pytest.approx(5.2, abs=1e-12)


def test_before_a_wall_the_teacher_turns_away() -> None:
    near = rate(place(wall(1.3), left=1.0, right=1.0))
    assert near[AHEAD] < -10
    assert near.argmax() not in (AHEAD, AHEAD + 25, AHEAD + 50)
    aside = Scene(WIDE, walls=np.array([[1.2, -0.6, 1.2, 3.0]]))
    assert 13 <= rate(place(aside)).argmax() % 25 <= 24, "the way round is on the right"


@pytest.mark.parametrize("distance_m", [0.6, 0.9, 1.3])
def test_a_choice_that_crashes_is_worth_less_than_any_that_does_not(distance_m: float) -> None:
    state = place(wall(distance_m), left=0.9, right=0.9)
    worth = rate(state)
    crashed = np.array([naive_rating(state, choice)[1] for choice in range(CHOICES)])
    assert crashed.any()
    assert not crashed.all()
    assert worth[crashed].max() < worth[~crashed].min()


def test_rating_changes_nothing_and_gives_the_same_bits_again() -> None:
    planner = Planner(JACKAL)
    first = {}
    for name in ("wall", "pillars", "balls"):
        before = [part.tobytes() for part in CROWDED[name]]
        first[name] = rate(CROWDED[name], planner)
        assert [part.tobytes() for part in CROWDED[name]] == before, name
    # In another order, after larger scenes and smaller ones.
    for name in ("balls", "pillars", "wall", "balls"):
        assert rate(CROWDED[name], planner).tobytes() == first[name].tobytes(), name
        assert rate(CROWDED[name]).tobytes() == first[name].tobytes(), name


def test_rehearsals_throw_discs_without_changing_what_the_world_will_throw() -> None:
    batch = open_batch("looming", 1)
    batch.reset(0, np.random.default_rng(0), None)
    planner, feared = Planner(batch.robot), 0
    for _ in range(20):
        before = [part.tobytes() for part in batch.state]
        worth = rate_rows(planner, batch)
        assert [part.tobytes() for part in batch.state] == before
        count = batch.state.rows["discs"].copy()
        batch.state.rows["discs"] = 0
        feared += (rate_rows(planner, batch) != worth).any()
        batch.state.rows["discs"] = count
        for _ in range(8):
            batch.step(np.zeros((1, 2)))
    assert batch.state.rows["launches"][0] > 0
    assert 0 < feared < 20


def mirrored(state: State) -> State:
    rows, discs, segments = state.rows.copy(), state.discs.copy(), state.segments.copy()
    rows["y"], rows["heading"] = -rows["y"], -rows["heading"]
    rows["left"], rows["right"] = state.rows["right"], state.rows["left"]
    rows["y0"], rows["y1"] = -state.rows["y1"], -state.rows["y0"]
    discs[:, :, [1, 4]] *= -1
    segments[:, :, [1, 3]] *= -1
    return State(rows, discs, segments)


@pytest.mark.parametrize("name", ["wall", "pillars", "balls"])
def test_a_mirrored_scene_is_rated_the_other_way_round(name: str) -> None:
    found = rate(mirrored(CROWDED[name]))
    # What is added up in another order is rounded otherwise.
    np.testing.assert_allclose(found, rate(CROWDED[name])[mirrored_choices()], atol=1e-9)


# The drives


def test_the_same_seed_gives_the_same_lessons() -> None:
    first, again = (drive("forest", teacher, 40, seed=5, rows=6) for _ in range(2))
    assert first.pictures.tobytes() == again.pictures.tobytes()
    assert first.worth.tobytes() == again.worth.tobytes()
    assert first.pictures.shape == (40, 36, 96)
    assert first.worth.shape == (40, CHOICES)
    assert first.pictures.dtype == np.uint8
    assert first.worth.dtype == np.float32
    other = drive("forest", teacher, 40, seed=6, rows=6)
    assert other.pictures[0].tobytes() != first.pictures[0].tobytes()
    fewer = drive("forest", teacher, 7, seed=5, rows=6)
    assert fewer.pictures.tobytes() == first.pictures[:7].tobytes()


def test_as_many_lessons_as_asked_for() -> None:
    for count in (1, 4, 5):
        lessons = drive("empty", teacher, count, seed=0, rows=4)
        assert len(lessons.pictures) == len(lessons.worth) == count
    with pytest.raises(ValueError, match="count=0 lessons found, 1 or more needed"):
        drive("empty", teacher, 0, seed=0)
    both = join([lessons, drive("empty", teacher, 2, seed=1, rows=4)])
    assert len(both.pictures) == 7
    assert both.worth[:5].tobytes() == lessons.worth.tobytes()


def test_lessons_are_what_is_seen_and_what_the_teacher_says_there() -> None:
    rated: list[Array] = []

    def obedient(pictures: Array, worth: Array) -> Array:
        rated.append(worth.copy())
        return worth

    lessons = drive("corridor", obedient, 12, seed=2, whims=0.0, rows=3)
    np.testing.assert_array_equal(np.concatenate(rated), lessons.worth)
    batch = open_batch("corridor", 1)
    for row in range(3):
        own = np.random.default_rng([FIRST_SEED, 2, row])
        batch.reset(0, own, {"difficulty": float(own.uniform(0.2, 0.8))})
        np.testing.assert_array_equal(batch.readings[0, :, :, 0], lessons.pictures[row])
        np.testing.assert_array_equal(rate_rows(Planner(batch.robot), batch)[0], lessons.worth[row])


def test_whims_last_four_steps_and_begin_as_often_as_said() -> None:
    rows, share = 300, 0.1
    whims = Whims(np.random.default_rng(0), share, rows)
    begun = free = 0
    held, ages = [-1] * rows, [0] * rows
    for _ in range(100):
        whims.step()
        for i in range(rows):
            choice = whims.follow(i, -1)
            if held[i] < 0:
                free += 1
                begun += choice >= 0
                ages[i] = int(choice >= 0)
            elif ages[i] < 4:
                assert choice == held[i]
                ages[i] += 1
            else:
                assert choice < 0
            held[i] = choice
    # Four standard deviations of a binomial count.
    assert abs(begun - share * free) < 4 * math.sqrt(free * share * (1 - share))


def test_a_driver_is_obeyed_but_for_whims() -> None:
    def reckless(pictures: Array, worth: Array) -> Array:
        return -worth

    def drives_of(whims: float) -> list[Lessons]:
        return [
            drive("forest", who, 20, seed=1, whims=whims, rows=4) for who in (teacher, reckless)
        ]

    careful, other = drives_of(0.0)
    np.testing.assert_array_equal(careful.pictures[:4], other.pictures[:4])
    assert (careful.pictures[4:8] != other.pictures[4:8]).any()
    ignored = [lessons.pictures.tobytes() for lessons in drives_of(1.0)]
    assert ignored[0] == ignored[1]


def test_the_lessons_of_the_networks_that_ship_can_be_driven_again() -> None:
    for scenario, (seed, wanted) in LESSONS.items():
        lessons = drive(scenario, teacher, 150, seed)
        found = [zlib.crc32(part.tobytes()) for part in (lessons.pictures, lessons.worth)]
        assert found == wanted, scenario


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What tells apart the streams of chance from which worlds are drawn, one after the other."""
    found: list[int] = []
    reset = Batch.reset

    def spy(self: Batch, i: int, rng: np.random.Generator, options: Any) -> None:
        found.append(rng.bit_generator.state["state"]["inc"])
        reset(self, i, rng, options)

    monkeypatch.setattr(Batch, "reset", spy)
    return found


def test_whoever_crashes_goes_on_in_the_next_world(streams: list[int]) -> None:
    def blind(pictures: Array, worth: Array) -> Array:
        return np.eye(CHOICES)[[AHEAD] * len(worth)]

    drive("forest", blind, 120, seed=4, whims=0.0, rows=4)
    assert len(streams) > 4 + 4
    for k, found in enumerate(streams):
        own = np.random.default_rng([FIRST_SEED, 4, k])
        assert found == own.bit_generator.state["state"]["inc"]


def test_worlds_of_drives_are_never_those_of_an_evaluation(streams: list[int]) -> None:
    for seed in (0, 1, 100_000):
        drive("empty", teacher, 1, seed=seed, rows=8)
    driven, streams[:] = set(streams), []
    assert len(driven) == 24
    evaluate("camera", scenario="empty", episodes=40, time_limit_s=0.1)
    assert len(set(streams)) == 40
    assert not driven & set(streams)

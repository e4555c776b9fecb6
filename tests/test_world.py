import math
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import naive_world as naive
import numpy as np
import pytest
from naive_world import Disc, Point, Pose, Segment

import neurobot  # noqa: F401  (registers the environments)
from neurobot.angles import sincos, wrap
from neurobot.envs import geometry, sensors, world
from neurobot.envs.outlines import convex_outlines, raster_outlines
from neurobot.envs.scenarios import SCENARIOS, generate
from neurobot.envs.scene import Scene
from neurobot.envs.sensors import Beams, cast, fan, lens, make_beams
from neurobot.envs.world import FAR_M, ROBOTS, Clock, Robot, blank_state, make_clock

AVOIDANCE = "neurobot/Avoidance-v0"
CLOCK = make_clock(0.1, 0.01)
RANGE_M = 30.0
ROUNDING = 1e-9  # sums of a few products of lengths up to 30 m, each rounded at 1e-16
ARENA = (-20.0, -20.0, 20.0, 20.0)


def still(discs: Sequence[Disc]) -> Any:
    return np.array([[*disc, 0.0, 0.0] for disc in discs]).reshape(-1, 5)


def scene_of(discs: Sequence[Disc] = (), walls: Any = (), **more: Any) -> Scene:
    return Scene(ARENA, discs=still(discs), walls=np.array(walls).reshape(-1, 4), **more)


class Single:
    """One world in a state of one row, driven by the kernels themselves."""

    def __init__(self, scene: Scene, robot: Robot = ROBOTS["jackal"], key: int = 0) -> None:
        self.robot = robot
        self.state = blank_state(1, len(scene.discs), len(scene.edges))
        scene.put(0, self.state, CLOCK, 60.0)
        self.row["key"] = key
        self.place(scene.start)

    @property
    def row(self) -> Any:
        return self.state.rows[0]

    @property
    def discs(self) -> Any:
        return self.state.discs[0]

    @property
    def pose(self) -> Pose:
        return float(self.row["x"]), float(self.row["y"]), float(self.row["heading"])

    def place(self, pose: Pose) -> None:
        self.row["x"], self.row["y"], self.row["heading"] = pose
        self.row["gap"] = self.row["clearance"] = self.clearance()

    def wheels(self) -> Point:
        return float(self.row["left"]), float(self.row["right"])

    def run_at(self, left_mps: float, right_mps: float) -> None:
        """Let the wheels turn already."""
        self.row["left"], self.row["right"] = left_mps, right_mps

    def command(self, left: float, right: float) -> None:
        self.row["command_left"], self.row["command_right"] = left, right

    def clearance(self, reach_m: float = FAR_M) -> float:
        segments = self.state.segments[0]
        return float(world.clearance(self.row, self.discs, segments, self.robot, reach_m))

    def roll(self, powered: bool = True) -> None:
        world.move_robot(self.row, self.robot, CLOCK.substep_s, powered)

    def drift(self, substeps: int = 1) -> None:
        for _ in range(substeps):
            world.move_discs(self.row, self.discs, CLOCK.substep_s)

    def advance(
        self, left: float, right: float, switch: int = 0, powered: bool = True, clock: Clock = CLOCK
    ) -> bool:
        segments = self.state.segments[0]
        return bool(
            world.advance(
                self.row, self.discs, segments, self.robot, clock, left, right, switch, powered
            )
        )

    def look(self, beams: Beams) -> Any:
        distance_m = np.zeros(len(beams.cos))
        cast(self.row, self.discs, self.state.segments[0], beams, distance_m)
        return distance_m

    def bits(self) -> tuple[bytes, bytes]:
        return self.state.rows.tobytes(), self.state.discs.tobytes()


def beams_at(angles: Sequence[float] | Any, range_m: float = RANGE_M, **faults: Any) -> Beams:
    directions = np.column_stack([np.cos(angles), np.sin(angles)])
    return make_beams(
        directions, **{"dead": (), "range_m": range_m, "noise": 0.0, "dropout": 0.0, **faults}
    )


def body_of(robot: Robot) -> naive.Body:
    return naive.Body(robot.half_length_m, robot.half_width_m, robot.rounding_m)


def random_things(rng: Any, count: int) -> tuple[list[Disc], list[Segment]]:
    """Discs and segments of all sizes, among them tiny, long and axis-parallel ones."""
    radii = 10.0 ** rng.uniform(-3, 0.5, count)
    discs: list[Disc] = []
    segments: list[Segment] = []
    for k in range(count):
        x, y = rng.uniform(-10, 10, 2).tolist()
        discs.append((x, y, float(radii[k])))
        x, y = rng.uniform(-10, 10, 2).tolist()
        dx, dy = (rng.normal(size=2) * 10.0 ** rng.uniform(-2, 1)).tolist()
        segments.append((x, y, x + dx * (k % 4 != 1), y + dy * (k % 4 != 2)))
    return discs, segments


def random_pose(rng: Any, spread: float = 8.0) -> Pose:
    x, y = rng.uniform(-spread, spread, 2).tolist()
    return x, y, float(rng.uniform(-10, 10))


# Rays


def test_rays_equal_the_oracle() -> None:
    """The true distance lies between those to obstacles a little larger and a little smaller.

    So a ray that just grazes something may hit or miss it, and nothing else is left open.
    """
    rng = np.random.default_rng(1)
    range_m = 8.0
    hits = misses = at_once = 0
    for case in range(300):
        discs, segments = random_things(rng, 10)
        pose = random_pose(rng)
        angles = rng.uniform(-math.pi, math.pi, 24)
        one = Single(scene_of(discs, segments, start=pose))
        for angle, found in zip(angles, one.look(beams_at(angles, range_m)), strict=True):
            low, high = (
                naive.ray(
                    pose[:2],
                    pose[2] + angle,
                    [naive.grown_disc(disc, by) for disc in discs],
                    [naive.grown_segment(segment, 100 * by) for segment in segments],
                )
                for by in (ROUNDING, -ROUNDING)
            )
            where = f"case {case}, beam at {angle}"
            assert min(low, range_m) - ROUNDING <= found <= min(high, range_m) + ROUNDING, where
            at_once, misses = at_once + (found == 0), misses + (found == range_m)
            hits += 0 < found < range_m
    assert min(hits, misses, at_once) > 200


def test_a_ray_from_inside_a_disc_has_no_length() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        x, y, heading = random_pose(rng)
        radius = float(rng.uniform(0.01, 3))
        away = radius * float(rng.uniform(0, 0.999))
        disc = (x + away * math.cos(heading), y + away * math.sin(heading), radius)
        one = Single(scene_of([disc], start=(x, y, 0.0)))
        np.testing.assert_array_equal(one.look(beams_at(rng.uniform(-4, 4, 8))), 0, str(disc))


def test_nothing_behind_or_out_of_range_is_seen() -> None:
    one = Single(scene_of([(-3, 0, 1), (9, 0, 1)], [(-2, -5, -2, 5), (8.5, -9, 8.5, 9)]))
    assert one.look(beams_at([0.0], range_m=7.9)) == 7.9
    assert one.look(beams_at([0.0], range_m=8.1)) == 8.0


def turned(points: Any, angle: float) -> Any:
    """Turn points, a table of x, y, x, y, ..., about the origin."""
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return (points.reshape(-1, 2) @ turn).reshape(points.shape)


def test_turning_the_world_and_the_robot_changes_no_scan() -> None:
    rng = np.random.default_rng(3)
    beams = beams_at(np.linspace(-3, 3, 91))
    for case in range(60):
        discs, segments = random_things(rng, 5)
        x, y, heading = random_pose(rng)
        before = Single(scene_of(discs, segments, start=(x, y, heading))).look(beams)
        angle = float(rng.uniform(-math.pi, math.pi))
        turned_discs = np.array(discs)
        turned_discs[:, :2] = turned(turned_discs[:, :2], angle)
        start = (*turned(np.array([x, y]), angle).tolist(), heading + angle)
        after = Single(
            scene_of(turned_discs.tolist(), turned(np.array(segments), angle).tolist(), start=start)
        ).look(beams)
        # 1e-6: where a ray grazes, a distance moves by the square root of the rounding.
        np.testing.assert_allclose(after, before, atol=1e-6, err_msg=f"case {case}")


def test_a_mirrored_world_gives_the_mirrored_scan() -> None:
    rng = np.random.default_rng(4)
    beams = make_beams(fan(72, math.radians(270)), dead=(), range_m=RANGE_M, noise=0.0, dropout=0.0)
    for case in range(60):
        discs, segments = random_things(rng, 5)
        x, y, heading = random_pose(rng)
        before = Single(scene_of(discs, segments, start=(x, y, heading))).look(beams)
        after = Single(
            scene_of(
                [(x, -y, r) for x, y, r in discs],
                [(a, -b, c, -d) for a, b, c, d in segments],
                start=(x, -y, -heading),
            )
        ).look(beams)
        np.testing.assert_allclose(after[::-1], before, atol=1e-6, err_msg=f"case {case}")


def angles_through(origin: Point, heading: float, points: Any) -> Any:
    """Beam angles exactly towards points, and by a few roundings beside them."""
    exact = np.arctan2(points[:, 1] - origin[1], points[:, 0] - origin[0]) - heading
    return (exact[:, None] + np.array([0, 1, -1, 2, -2, 5, -5, 50, -50]) * 1e-16).ravel()


def test_no_beam_slips_between_two_walls_that_meet() -> None:
    rng = np.random.default_rng(5)
    for case in range(150):
        x, y, heading = random_pose(rng)
        count = int(rng.integers(3, 40))
        turns = 2 * math.pi * (np.arange(count) + rng.uniform(-0.4, 0.4, count)) / count
        reach = rng.uniform(0.5, 4, count)[:, None]
        corners = (x, y) + reach * np.column_stack([np.cos(turns), np.sin(turns)])
        walls = np.column_stack([corners, np.roll(corners, -1, axis=0)])
        one = Single(scene_of(walls=walls.tolist(), start=(x, y, heading)))
        seen = one.look(beams_at(angles_through((x, y), heading, corners)))
        np.testing.assert_array_less(seen, 4 + ROUNDING, f"ring {case} of {count} walls leaks")


def test_no_beam_slips_through_the_joints_of_a_straight_wall() -> None:
    rng = np.random.default_rng(6)
    for case in range(60):
        a, b = rng.uniform(-10, 10, (2, 2))
        along = np.sort(rng.uniform(0, 1, 41))[:, None]
        joints = a + along * (b - a)
        origin = random_pose(rng)
        one = Single(scene_of(walls=np.column_stack([joints[:-1], joints[1:]]), start=origin))
        seen = one.look(beams_at(angles_through(origin[:2], origin[2], joints[1:-1])))
        assert (seen < RANGE_M).all(), f"wall {case} leaks {np.flatnonzero(seen == RANGE_M)}"


def test_no_beam_slips_between_cells_that_touch_at_a_corner() -> None:
    """Two squares share nothing but a corner, and beams aim at it across the free diagonal."""
    rng = np.random.default_rng(7)
    for case in range(200):
        size = float(10.0 ** rng.uniform(-2, 0.3))
        x, y = map(float, rng.uniform(-3, 3, 2))
        solid = np.array([[True, False], [False, True]])
        outlines = raster_outlines(solid, size, (x, y), most=100)
        corner = np.array([[x + size, y + size]])
        away = float(rng.uniform(0.3, 10)) * (1 if case % 2 else -1)
        start = (x + size + away, y + size - away, float(rng.uniform(-3, 3)))
        one = Single(Scene(ARENA, outlines=outlines, start=start))
        seen = one.look(beams_at(angles_through(start[:2], start[2], corner)))
        assert (seen < RANGE_M).all(), f"cells of {size} m leak at {corner} from {start}"


def test_culling_changes_no_bit_of_a_scan() -> None:
    """Every beam is cut with everything there is; among it, things just at the end of the range."""
    rng = np.random.default_rng(18)
    seen = 0
    for case in range(300):
        range_m = float(rng.uniform(1, 12))
        discs, segments = random_things(rng, 12)
        discs.append((range_m + 1, 0.0, 1.0))
        segments += [(range_m, -3, range_m, 3), (-3, -range_m, 3, -range_m), (0, range_m, 0, 20)]
        one = Single(scene_of(discs, segments, start=random_pose(rng) if case % 2 else (0, 0, 0.0)))
        beams = beams_at(rng.uniform(-math.pi, math.pi, 24), range_m)
        x, y, heading = one.pose
        sin, cos = sincos(heading)

        def turn(dx: float, dy: float, sin: float = sin, cos: float = cos) -> Point:
            return dx * cos + dy * sin, dy * cos - dx * sin

        wanted = []
        for ray in zip(beams.cos.tolist(), beams.sin.tolist(), strict=True):
            hits = [geometry.ray_to_disc(*turn(a - x, b - y), *ray, r) for a, b, r in discs]
            for a, b, dx, dy in one.state.segments[0].tolist():
                hits.append(geometry.ray_to_segment(*turn(a - x, b - y), *turn(dx, dy), *ray))
            wanted.append(min(range_m, *hits))
            seen += wanted[-1] < range_m
        np.testing.assert_array_equal(one.look(beams), wanted, f"case {case}")
    assert 1000 < seen < 6500


def test_the_box_around_a_segment_never_changes_what_is_near() -> None:
    """Also where the reach is the very distance, or one rounding beside it."""
    rng = np.random.default_rng(19)
    near = 0
    for case in range(20_000):
        x, y, dx, dy = (rng.normal(size=4) * 10.0 ** rng.uniform(-3, 2, 4)).tolist()
        dx, dy = dx * (case % 5 != 1), dy * (case % 5 != 2)
        distance = float(geometry.point_to_segment(0.0, 0.0, x, y, dx, dy))
        beside = max(min(x, x + dx), -max(x, x + dx), min(y, y + dy), -max(y, y + dy))
        about = [np.nextafter(distance, side) for side in (0.0, math.inf)]
        for reach in (distance, *map(float, about), beside, float(rng.uniform(0, 2)) * distance):
            within = geometry.segment_within(x, y, dx, dy, reach)
            assert within == (distance < reach), f"{x}, {y}, {dx}, {dy} within {reach}"
            near += within
    assert 20_000 < near < 60_000


# What stands on this point


def test_winding_tells_what_crossing_numbers_tell() -> None:
    rng = np.random.default_rng(8)
    solid = 0
    for case in range(150):
        turns = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 12))))
        corners = np.round(3 * np.column_stack([np.cos(turns), np.sin(turns)]), 6)
        outlines = convex_outlines(corners, np.array([0, len(corners)]))
        for x, y in rng.uniform(-4, 4, (20, 2)).tolist():
            inside = naive.inside((x, y), [(float(a), float(b)) for a, b in corners])
            assert bool(geometry.winding(x, y, outlines)) == inside, f"polygon {case} at {x}, {y}"
            solid += inside
    assert 300 < solid < 2500


# The footprint


@pytest.mark.parametrize("name", ROBOTS)
def test_clearance_equals_the_oracle(name: str) -> None:
    rng = np.random.default_rng(9)
    robot = ROBOTS[name]
    touching = 0
    for case in range(700):
        pose = random_pose(rng, 4)
        discs, segments = random_things(rng, 2)
        discs = [(x * 0.3 + pose[0], y * 0.3 + pose[1], r) for x, y, r in discs]
        one = Single(scene_of(discs, segments, start=pose), robot)
        wanted = body_of(robot).clearance(pose, discs, segments, FAR_M)
        assert one.clearance() == pytest.approx(wanted, abs=ROUNDING), f"case {case}"
        near = body_of(robot).clearance(pose, discs, segments, 0.3)
        assert one.clearance(0.3) == pytest.approx(near, abs=ROUNDING), f"case {case}, reach 0.3"
        touching += wanted <= 0
    assert 70 < touching < 630


def test_the_jackal_passes_a_gap_as_wide_as_itself_only_straight() -> None:
    jackal = ROBOTS["jackal"]
    half = jackal.half_width_m + 0.01
    gap = scene_of(walls=[(-0.5, half, 0.5, half), (-0.5, -half, 0.5, -half)])
    assert gap.clearance_at((0, 0, 0.0), jackal) == pytest.approx(0.01)
    assert gap.clearance_at((0, 0, math.pi), jackal) == pytest.approx(0.01)
    for heading in (0.06, -0.06, 1.0, math.pi / 2, 2.5):
        assert gap.clearance_at((0, 0, heading), jackal) <= 0, f"turned by {heading}"
    one = Single(gap, jackal)
    one.place((-2, 0, 0.0))
    assert not any(one.advance(1, 1) for _ in range(25))
    assert one.row["x"] > 2
    assert one.row["clearance"] == pytest.approx(0.01)


def test_the_jackal_sweeps_a_circle_when_it_spins() -> None:
    """A post that stands free of the sides, but not of the corners, is hit within a turn."""
    jackal = ROBOTS["jackal"]
    for radius in (jackal.half_length_m, jackal.circumscribed_m):
        one = Single(scene_of([(0.01 + radius, 0, 1e-3)]), jackal)
        touched = any(one.advance(-1, 1) for _ in range(40))
        assert touched == (radius < jackal.circumscribed_m), f"post at {radius} m"


# Motion


@pytest.mark.parametrize("name", ROBOTS)
def test_one_substep_is_an_arc_of_wheels_that_follow(name: str) -> None:
    """The midpoint rule goes the arc's length along its chord: too far by turn^2 / 24."""
    robot, dt = ROBOTS[name], CLOCK.substep_s
    rng = np.random.default_rng(10)
    for case in range(500):
        pose = random_pose(rng, 50)
        one = Single(scene_of(start=pose), robot)
        one.run_at(*rng.uniform(-robot.max_speed_mps, robot.max_speed_mps, 2))
        command = tuple(rng.uniform(-1, 1, 2).tolist())
        one.command(*command)
        powered = case % 3 > 0
        targets = naive.wheel_targets(
            command, robot.max_speed_mps, robot.track_m, robot.max_yaw_rate_radps
        )
        most = robot.acceleration_mps2 * dt
        if not powered:
            targets, most = (0.0, 0.0), robot.coast_mps2 * dt
        pairs = zip(one.wheels(), targets, strict=True)
        left, right = (naive.toward(old, target, most) for old, target in pairs)
        x, y, heading = naive.drive_arc(pose, left, right, robot.track_m, dt)
        one.roll(powered)
        assert one.wheels() == pytest.approx((left, right), abs=1e-12), f"case {case}"
        turn, length = (right - left) / robot.track_m * dt, abs(left + right) / 2 * dt
        chord_error = length * turn * turn / 24 + 1e-12
        assert math.dist(one.pose[:2], (x, y)) <= chord_error, f"case {case}"
        assert abs(wrap(one.pose[2] - heading)) < 1e-12, f"case {case}"
        assert -math.pi <= one.pose[2] <= math.pi
        assert one.row["path"] == pytest.approx(length, rel=1e-12)


@pytest.mark.parametrize("name", ROBOTS)
def test_no_command_exceeds_the_limits_of_a_robot(name: str) -> None:
    robot = ROBOTS[name]
    rng = np.random.default_rng(11)
    one = Single(scene_of(), robot)
    changes, yaw_rates, speeds = [], [], []
    for _ in range(400):
        left, right = rng.choice([-7.0, -1.0, -0.3, 0.0, 0.9, 1.0, 5.0], 2).tolist()
        one.command(min(max(left, -1), 1), min(max(right, -1), 1))
        for _ in range(int(rng.integers(1, 60))):
            before = one.wheels()
            one.roll()
            after = one.wheels()
            changes += [abs(a - b) for a, b in zip(after, before, strict=True)]
            yaw_rates.append(abs(after[1] - after[0]) / robot.track_m)
            speeds.append(abs(after[0] + after[1]) / 2)
    # The largest value is the limit itself, but for the rounding of a few sums.
    assert max(changes) == pytest.approx(robot.acceleration_mps2 * CLOCK.substep_s, rel=1e-9)
    assert max(yaw_rates) == pytest.approx(robot.max_yaw_rate_radps, rel=1e-9)
    assert max(speeds) == pytest.approx(robot.max_speed_mps, rel=1e-9)


def test_commands_beyond_the_range_count_as_the_most() -> None:
    robots = [Single(scene_of()) for _ in range(2)]
    for _ in range(20):
        robots[0].advance(3.0, 40.0)
        robots[1].advance(1.0, 1.0)
    assert robots[0].bits() == robots[1].bits()


@pytest.mark.parametrize("name", ROBOTS)
def test_coasting_wheels_lose_speed_evenly_and_braked_ones_faster(name: str) -> None:
    robot = ROBOTS[name]
    for powered, rate in ((False, robot.coast_mps2), (True, robot.acceleration_mps2)):
        one = Single(scene_of(), robot)
        one.run_at(robot.max_speed_mps, -robot.max_speed_mps / 2)
        if not powered:
            one.command(1, 1)
        for substep in range(1, 2 + math.ceil(robot.max_speed_mps / rate / CLOCK.substep_s)):
            one.roll(powered)
            lost = substep * rate * CLOCK.substep_s
            left = max(robot.max_speed_mps - lost, 0)
            right = -max(robot.max_speed_mps / 2 - lost, 0)
            assert one.wheels() == pytest.approx((left, right), abs=1e-9), f"{powered=}"
        assert one.wheels() == (0, 0)


def test_sines_and_directions_are_those_of_the_library() -> None:
    rng = np.random.default_rng(12)
    angles = np.concatenate([rng.uniform(-1e6, 1e6, 2000), np.arange(-40, 40) * math.pi / 4])
    for angle in angles.tolist():
        sine, cosine = sincos(angle)
        assert abs(sine - math.sin(angle)) < 5e-16, angle
        assert abs(cosine - math.cos(angle)) < 5e-16, angle
        # Angles of a million radians are rounded at 1e-10.
        assert math.dist(sincos(wrap(angle)), (sine, cosine)) < 1e-9, angle
        assert -math.pi <= wrap(angle) <= math.pi, angle


# Nothing tunnels


def runs_into(one: Single, forward: int, clock: Clock) -> bool:
    """Drive 2 m at full speed from the first substep on."""
    top = forward * one.robot.max_speed_mps
    one.run_at(top, top)
    steps = math.ceil(2 / abs(top) / clock.control_s)
    return any(one.advance(forward, forward, clock=clock) for _ in range(steps))


@pytest.mark.parametrize("name", ROBOTS)
@pytest.mark.parametrize("forward", [1, -1])
@pytest.mark.parametrize("coarse", [False, True])
def test_no_robot_at_full_speed_gets_through_a_wall_or_a_post(
    name: str, forward: int, coarse: bool
) -> None:
    """Coarse: with the longest substeps that an environment allows."""
    robot = ROBOTS[name]
    clock = Clock(robot.inscribed_m / robot.max_speed_mps, 5) if coarse else CLOCK
    rng = np.random.default_rng(13)
    for case in range(60):
        tilt, heading, away = rng.uniform((-1.1, -4, 1), (1.1, 4, 1.5)).tolist()
        ahead = forward * np.array([math.cos(heading), math.sin(heading)])
        across = np.array([-ahead[1], ahead[0]])
        wall = 5 * (math.cos(tilt) * across + math.sin(tilt) * ahead)
        post = away * ahead + rng.uniform(-0.5, 0.5) * robot.inscribed_m * across
        things = {
            "wall": scene_of(walls=[(*(away * ahead - wall), *(away * ahead + wall))]),
            "post": scene_of([(*post, 1e-9)]),
        }
        for thing, scene in things.items():
            one = Single(scene, robot)
            one.place((0, 0, heading))
            where = f"{thing} {case} at {away} m, heading {heading}, tilt {tilt}"
            assert runs_into(one, forward, clock), where
            driven = one.pose[0] * ahead[0] + one.pose[1] * ahead[1]
            assert driven < away + (thing == "post") * robot.inscribed_m, where


@pytest.mark.parametrize("name", ROBOTS)
def test_no_small_disc_gets_through_a_robot(name: str) -> None:
    rng = np.random.default_rng(14)
    robot = ROBOTS[name]
    for case in range(60):
        angle, speed = rng.uniform((-4, 0.5), (4, 3)).tolist()
        way = np.array([math.cos(angle), math.sin(angle)])
        aim = rng.uniform(-0.7, 0.7) * robot.inscribed_m * np.array([-way[1], way[0]])
        disc = np.concatenate([aim - way, [1e-3], speed * way])[None]
        one = Single(Scene(ARENA, discs=disc, start=(0, 0, float(rng.uniform(-4, 4)))), robot)
        steps = range(math.ceil(2 / speed / CLOCK.control_s))
        assert any(one.advance(0, 0) for _ in steps), f"case {case}: {disc} went through"


def retell(one: Single, left: float, right: float, switch: int, powered: bool) -> bool:
    """Tell a control step once more, with contact tested at every substep."""
    for substep in range(CLOCK.substeps):
        if substep == switch:
            one.command(left, right)
        one.roll(powered or substep >= switch)
        one.drift()
        if one.clearance() <= 0:
            one.row["gap"] = one.row["clearance"] = 0
            return True
    one.row["gap"] = one.clearance()
    one.row["clearance"] = min(one.row["clearance"], one.row["gap"])
    return False


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_skipped_contact_tests_would_have_found_nothing(scenario: str) -> None:
    """`free_substeps` saves time and changes no bit."""
    rng = np.random.default_rng(15)
    skipped = tested = touches = 0
    for episode in range(18):
        robot = list(ROBOTS.values())[episode % 3]
        scene = generate(scenario, rng, float(rng.uniform()), robot)
        twins = [Single(scene, robot, key=episode) for _ in range(2)]
        for step in range(80):
            if step % 8 == 0:
                left, right = rng.choice([-1, -0.2, 0.5, 1, 1, 1, 1], 2).tolist()
            switch, powered = int(rng.choice([0, 0, 3, 10, 99])), bool(rng.uniform() < 0.8)
            free = world.free_substeps(twins[0].row, robot, CLOCK.substep_s)
            safe = free > CLOCK.substeps
            skipped, tested = skipped + safe, tested + (not safe)
            touched = twins[0].advance(left, right, switch, powered)
            where = f"episode {episode}, step {step}"
            assert touched == retell(twins[1], left, right, switch, powered), where
            assert twins[0].bits() == twins[1].bits(), where
            if touched:
                touches += 1
                break
    assert touches > 1
    assert tested > 50
    assert skipped > 50 or scenario == "looming"


def test_contact_tests_are_not_skipped_where_fast_discs_fly() -> None:
    """A disc crosses the way of a robot that is metres away from everything."""
    rng = np.random.default_rng(16)
    for case in range(100):
        angle, speed = rng.uniform((-4, 10), (4, 40)).tolist()
        way = np.array([math.cos(angle), math.sin(angle)])
        disc = np.concatenate([-rng.uniform(1, 4.5) * way, [0.3], speed * way])[None]
        twins = [Single(Scene(ARENA, discs=disc)) for _ in range(2)]
        told = [twins[0].advance(1, 1) for _ in range(5)]
        assert told == [retell(twins[1], 1, 1, 0, True) for _ in range(5)], f"case {case}"


def test_contact_tests_are_not_skipped_where_discs_are_thrown_from_nearby() -> None:
    """A disc leaves a long hall far away, and is thrown again from the wall beside the robot."""
    touches = 0
    for seed in range(40):
        disc = np.array([[3.5, 0.5, 0.1, 15.0, 1.0]])
        hall = Scene((-4.0, -1.0, 4.0, 1.0), discs=disc, aimed=True)
        twins = [Single(hall, key=seed) for _ in range(2)]
        for step in range(20):
            touched = twins[0].advance(0, 0)
            where = f"seed {seed}, step {step}"
            assert touched == retell(twins[1], 0, 0, 0, True), where
            assert twins[0].bits() == twins[1].bits(), where
            if touched:
                touches += 1
                break
    assert touches > 20


# Moving discs


def test_wandering_discs_bounce_inside_the_bounds_for_ever() -> None:
    scene = generate("crossing", np.random.default_rng(17), 1.0, ROBOTS["jackal"])
    corners = np.array([[0.3, 0.3, 0.3, -0.7, -0.9], [15.7, 0.3, 0.3, 0.8, 0.8]])
    one = Single(Scene(scene.bounds, discs=np.concatenate([scene.discs, corners])))
    speeds, radii = abs(one.discs[:, 3:]), one.discs[:, 2:3]
    overshoot = speeds * CLOCK.substep_s + ROUNDING  # a disc turns back once it is out
    low = np.array(scene.bounds[:2]) + radii - overshoot
    high = np.array(scene.bounds[2:]) - radii + overshoot
    bounces = 0
    for substep in range(12_000):
        before = one.discs.copy()
        one.drift()
        bounces += int((np.sign(one.discs[:, 3:]) != np.sign(before[:, 3:])).sum())
        straight = before[:, :2] + before[:, 3:] * CLOCK.substep_s
        assert (one.discs[:, :2] == straight).all(), f"substep {substep}"
        inside = (low <= straight) & (straight <= high)
        assert inside.all(), f"substep {substep}: {one.discs[~inside.all(axis=1)]}"
    np.testing.assert_array_equal(abs(one.discs[:, 3:]), speeds)
    assert bounces > 30


def test_a_disc_that_starts_outside_of_the_bounds_comes_in_and_stays() -> None:
    right, left = [17.5, 8.0, 0.3, 0.9, 0.0], [-1.5, 8.0, 0.3, -0.9, 0.0]
    above, below = [8.0, 18.0, 0.3, 0.1, 0.7], [8.0, -2.0, 0.3, 0.1, -0.7]
    discs = np.array([right, left, above, below])
    one = Single(Scene((0.0, 0.0, 16.0, 16.0), discs=discs))
    one.drift(400)
    for substep in range(2000):
        one.drift()
        assert (one.discs[:, :2] > 0.29).all(), f"substep {substep}: {one.discs}"
        assert (one.discs[:, :2] < 15.71).all(), f"substep {substep}: {one.discs}"


def test_thrown_discs_come_from_afar_at_the_robot_at_their_own_speed() -> None:
    launches = 0
    for seed in range(6):
        scene = generate("looming", np.random.default_rng(seed), seed / 5, ROBOTS["jackal"])
        x0, y0, x1, y1 = scene.bounds
        spot = [(x0 + 0.5, y0 + 0.5), ((x0 + x1) / 2, (y0 + y1) / 2), (x1 - 0.5, y1 / 2)][seed % 3]
        one = Single(scene, key=seed)
        one.place((*spot, 0.0))
        speeds = np.hypot(*scene.discs[:, 3:].T)
        for substep in range(4000):
            before = one.discs.copy()
            one.drift()
            now = one.discs
            where = f"seed {seed}, substep {substep}"
            assert abs(np.hypot(*now[:, 3:].T) / speeds - 1).max() < 1e-12, where
            thrown = (now[:, 3:] != before[:, 3:]).any(axis=1)
            straight = before[:, :2] + before[:, 3:] * CLOCK.substep_s
            assert (now[~thrown, :2] == straight[~thrown]).all(), where
            for x, y, _, vx, vy in now[thrown].tolist():
                assert math.dist((x, y), spot) >= 6.0, f"{where}: thrown from {x}, {y}"
                assert x in (x0, x1) or y in (y0, y1), where
                beside = math.atan2(vy, vx) - math.atan2(spot[1] - y, spot[0] - x)
                assert abs(wrap(beside)) <= 0.15 + ROUNDING, f"{where}: {beside} rad beside"
            launches += int(thrown.sum())
    assert launches > 40


# Ground


def test_ground_is_counted_once_per_square_metre() -> None:
    rng = np.random.default_rng(18)
    for case in range(10):
        spots = np.cumsum(rng.normal(0, 2, (300, 2)), axis=0) + rng.uniform(-60, 60, 2)
        one = Single(scene_of())
        track: list[Point] = []
        for x, y in spots.tolist():
            one.row["x"], one.row["y"] = x, y
            before = int(one.row["ground"])
            fresh = world.visit(one.row)
            track.append((x, y))
            wanted = naive.cells_visited(track, 1.0, 64)
            assert one.row["ground"] == wanted == before + fresh, f"walk {case}, at {x}, {y}"


def roam(action: Point, seconds: float, ground_m2: int) -> dict[str, Any]:
    """Drive in the middle of a large empty square, until the time is up."""
    env = gym.make(
        AVOIDANCE, scenario="empty", difficulty=0.0, time_limit_s=seconds, ground_m2=ground_m2
    )
    info = env.reset(seed=0, options={"start": (6.5, 10.5, 0.0)})[1]
    for _ in range(round(seconds / 0.1)):
        assert info["outcome"] == "running"
        _, _, _, _, info = env.step(np.array(action, np.float32))
    return info


@pytest.mark.parametrize(
    "action", [(0, 0), (-1, 1), (0.3, -0.3), (0.2, 1.0), (-1.0, -0.3)], ids=str
)
def test_neither_standing_nor_turning_tightly_succeeds(action: Point) -> None:
    info = roam(action, 60, ground_m2=20)
    assert info["outcome"] == "timeout"
    assert info["ground_m2"] <= 9


def test_covering_ground_succeeds_from_the_very_metre_that_is_asked_for() -> None:
    info = roam((1, 1), 4, ground_m2=9)
    assert (info["outcome"], info["ground_m2"]) == ("success", 9)
    assert roam((1, 1), 4, ground_m2=10)["outcome"] == "timeout"


# What goes wrong with sensors


def readings(steps: int, **faults: Any) -> Any:
    """Ranges of a robot that stands still in a small empty square: every beam sees a wall."""
    env = gym.make(
        AVOIDANCE,
        scenario="empty",
        difficulty=1.0,
        lidar_range_m=RANGE_M,
        time_limit_s=1e4,
        **faults,
    )
    env.reset(seed=19, options={"start": (5.0, 5.0, 0.3)})
    return np.array([env.step(np.zeros(2, np.float32))[0]["range"] for _ in range(steps)])


def test_noise_has_the_deviation_asked_for_and_no_pattern() -> None:
    errors = (readings(300, noise=0.05) - readings(300)) / 0.05
    assert abs(errors.mean()) < 4 / math.sqrt(errors.size)
    assert errors.std() == pytest.approx(1, abs=4 / math.sqrt(2 * errors.size))
    within = [(abs(errors) < sigmas).mean() for sigmas in (1, 2, 3)]
    assert within == pytest.approx([0.683, 0.954, 0.997], abs=0.015)
    for name, (one, other) in {
        "beams": (errors[:, 1:], errors[:, :-1]),
        "steps": (errors[1:], errors[:-1]),
    }.items():
        assert abs((one * other).mean()) < 4 / math.sqrt(one.size), f"between {name}"


def test_dropout_is_as_frequent_as_asked_for_and_leaves_the_rest_alone() -> None:
    clear, noisy = readings(300), readings(300, noise=0.05)
    holed = readings(300, noise=0.05, dropout=0.1)
    gone = holed == RANGE_M
    assert not (clear == RANGE_M).any()
    np.testing.assert_array_equal(holed[~gone], noisy[~gone])
    deviation = math.sqrt(0.1 * 0.9 / gone.size)
    assert gone.mean() == pytest.approx(0.1, abs=4 * deviation)
    assert gone.mean(axis=0).max() < 0.25, "a beam that is always blind"
    assert (readings(5, dropout=1.0) == RANGE_M).all()


def test_dead_beams_never_see_anything_and_the_others_see_as_before() -> None:
    clear, broken = readings(3, noise=0.05), readings(3, noise=0.05, dead_beams=(0, 35, 71))
    dead = np.isin(np.arange(72), (0, 35, 71))
    assert (broken[:, dead] == RANGE_M).all()
    np.testing.assert_array_equal(broken[:, ~dead], clear[:, ~dead])


def test_noise_stays_inside_the_range_and_spares_what_is_not_there() -> None:
    one = Single(scene_of([(1.05, 0, 1.0)]))
    beams = beams_at(np.linspace(-3, 3, 500), noise=0.5)
    distance_m, out = one.look(beams), np.zeros(500, np.float32)
    sensors.scan(one.row, beams, distance_m, out)
    assert out.min() == 0
    assert out.max() == RANGE_M
    assert (out[distance_m == RANGE_M] == RANGE_M).all()


# The camera

ROWS, COLUMNS = 36, 96


def photo(discs: Sequence[Disc], **faults: Any) -> Any:
    """What a camera at the origin that looks along +x sees, (rows, columns)."""
    one = Single(scene_of(discs), ROBOTS["fly"])
    beams = make_beams(
        lens(COLUMNS), **{"dead": (), "range_m": 10.0, "noise": 0.0, "dropout": 0.0, **faults}
    )
    out = np.zeros((ROWS, COLUMNS, 1), np.uint8)
    sensors.picture(one.row, beams, one.look(beams), out)
    return out[:, :, 0].astype(int)


EMPTY = photo([])


def columns_with_obstacles(image: Any) -> Any:
    return np.flatnonzero((image != EMPTY).any(axis=0))


def test_an_empty_view_is_sky_over_floor() -> None:
    assert len(np.unique(EMPTY[: ROWS // 2])) == 1
    assert len(np.unique(EMPTY[ROWS // 2 :])) == 1
    assert EMPTY[0, 0] != EMPTY[-1, 0]


def test_a_disc_ahead_is_seen_in_the_middle_as_wide_as_it_is() -> None:
    for away in (1.0, 2.0, 5.0):
        seen = columns_with_obstacles(photo([(away, 0, 0.2)]))
        # A pinhole: the tangent of half the angle, at 48 columns per tangent of 60 degrees.
        half = math.tan(math.asin(0.2 / away)) * COLUMNS / 2 / math.sqrt(3)
        assert seen.min() + seen.max() == COLUMNS - 1, f"not in the middle at {away} m"
        assert abs(len(seen) - 2 * half) <= 2, f"at {away} m"


def test_what_is_nearer_is_darker_and_taller() -> None:
    heights, shades = [], []
    for away in (1.0, 2.0, 4.0, 8.0):
        image = photo([(away + 0.2, 0, 0.2)])
        column = image[:, COLUMNS // 2]
        wall = column != EMPTY[:, COLUMNS // 2]
        heights.append(int(wall.sum()))
        shades.append(int(column[wall].mean()))
        # One metre high at 27.7 rows per unit of tangent, as far as it fits into the picture.
        tall = COLUMNS / 2 / math.sqrt(3) / away
        bottom = min(0.3 * tall, ROWS / 2)
        assert abs(wall.sum() - min(0.7 * tall, ROWS / 2) - bottom) <= 2, f"at {away} m"
    assert heights == sorted(heights, reverse=True)
    assert shades == sorted(shades)
    assert len(set(shades)) == 4


def test_a_flat_wall_is_equally_tall_everywhere() -> None:
    """A pinhole camera keeps straight lines straight."""
    scene = scene_of(walls=[(1.5, -9, 1.5, 9)])
    one = Single(scene, ROBOTS["fly"])
    beams = make_beams(lens(COLUMNS), dead=(), range_m=10.0, noise=0.0, dropout=0.0)
    out = np.zeros((ROWS, COLUMNS, 1), np.uint8)
    sensors.picture(one.row, beams, one.look(beams), out)
    heights = (out[:, :, 0] != EMPTY).sum(axis=0)
    assert (heights == heights[0]).all()
    assert abs(heights[0] - COLUMNS / 2 / math.sqrt(3) / 1.5) <= 2


def test_left_is_left() -> None:
    left, right = photo([(2, 1, 0.3)]), photo([(2, -1, 0.3)])
    assert columns_with_obstacles(left).max() < COLUMNS / 2
    np.testing.assert_array_equal(left[:, ::-1], right)


def test_a_blind_column_shows_no_obstacle() -> None:
    one = [(2, 0, 1.0)]
    np.testing.assert_array_equal(photo(one, dropout=1.0), EMPTY)
    broken = photo(one, dead=(48,))
    np.testing.assert_array_equal(broken[:, 48], EMPTY[:, 48])
    np.testing.assert_array_equal(np.delete(broken, 48, 1), np.delete(photo(one), 48, 1))


def test_grey_noise_has_the_deviation_asked_for() -> None:
    errors = photo([], noise=5.0) - EMPTY
    # Rounding to whole grey levels adds a variance of 1/12.
    assert errors.std() == pytest.approx(math.sqrt(25 + 1 / 12), rel=4 / math.sqrt(2 * errors.size))
    assert abs(errors.mean()) < 4 * 5 / math.sqrt(errors.size)

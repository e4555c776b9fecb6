"""The camera's mind: its integers restated pixel by pixel, its symmetry, its sensor."""

import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

import neurobot  # noqa: F401  (registers the environments)
from neurobot import evaluate
from neurobot.controllers import CONTROLLERS, find_controller, make_controller, named_sensor
from neurobot.controllers.camera import (
    AHEAD,
    BANDS,
    CORRIDORS,
    HEADINGS,
    PRICES,
    UNIT,
    CameraController,
    far_ends_m,
)
from neurobot.loop import Body, attach, seat

Picture = NDArray[np.uint8]
SHORT: dict[str, Any] = {"time_limit_s": 3.0}
SIZES = [(36, 96), (7, 31), (2, 2)]  # rows and columns of a camera


def seated(rows: int = 36, columns: int = 96, robot: str = "jackal") -> CameraController:
    env = gym.make(
        "neurobot/Avoidance-v0",
        sensor="camera",
        robot=robot,
        camera_rows=rows,
        camera_columns=columns,
    )
    controller = CameraController()
    attach(controller, env)
    controller.reset(0)
    return controller


def random_views(rows: int, columns: int, count: int) -> list[dict[str, NDArray[Any]]]:
    """Pictures of noise and of pillars before sky and floor, each with a goal."""
    rng = np.random.default_rng(rows)
    views: list[dict[str, NDArray[Any]]] = []
    for k in range(count):
        picture = rng.integers(0, 256, (rows, columns, 1), np.uint8)
        if k % 4:
            picture = np.full((rows, columns, 1), 230, np.uint8)
            picture[rows // 2 :] = 120
            pillars = rng.random(columns) < rng.random() / 8
            picture[:, pillars, 0] = rng.integers(20, 201, pillars.sum())
        goal = rng.normal(size=2).astype(np.float32)
        views.append({"camera": picture, "velocity": np.zeros(2, np.float32), "goal": goal})
    return views


def naive_band(grey: int, range_m: float) -> int | None:
    """Row of the band in which an obstacle of this grey stands."""
    distance_m = (grey - 20) / 180 * range_m
    inside = [row for row, far_m in enumerate(far_ends_m()) if distance_m < far_m - 1e-9]
    return inside[-1] if inside else None


def naive_stands(body: Body, row: int, column: int, heading: int, corridor: int) -> bool:
    """Whether the middle of a band, seen in a column, lies in a corridor along a heading."""
    ends = [*far_ends_m().tolist(), 0.0]
    distance_m = (ends[row] + ends[row + 1]) / 2
    bearing = math.atan2(body.beam_sin[column], body.beam_cos[column])
    turned = bearing - math.radians(2.4 * (24 - heading))
    margin_m, free_m = CORRIDORS[corridor]
    aside = abs(distance_m * math.sin(turned))
    along = distance_m * math.cos(turned)
    return bool(0 < along < free_m and aside < body.half_width_m + margin_m)


def naive_brake(body: Body, row: int, column: int) -> int:
    """What an obstacle in the middle of a band takes from the speed, of 255."""
    ends = [*far_ends_m().tolist(), 0.0]
    distance_m = (ends[row] + ends[row + 1]) / 2
    kept = min(max((distance_m - body.half_width_m) / 0.87, 0.26), 1.0)
    if abs(distance_m * body.beam_sin[column]) < body.half_width_m + 0.14:
        room_m = distance_m * body.beam_cos[column] - body.half_length_m - 0.045
        kept *= min(max(room_m / 0.87, 0.0), 1.0)
    return round(255 * (1 - float(kept)))


@pytest.mark.parametrize("size", SIZES)
def test_every_layer_equals_the_rule_restated_pixel_by_pixel(size: tuple[int, int]) -> None:
    controller = seated(*size)
    body = controller.body
    for view in random_views(*size, count=6):
        goal_m = [float(part) for part in view["goal"]]
        last = controller.last
        controller.act(view)
        layers = controller.layers
        grey = view["camera"][:, :, 0].tolist()
        upper = [[max(200 - pixel, 0) for pixel in row] for row in grey[: size[0] // 2]]
        assert layers["input"].tolist() == grey
        assert layers["nearness"].tolist() == upper
        nearest = [max(column) for column in zip(*upper, strict=True)]
        assert layers["columns"].tolist() == nearest
        rows = [naive_band(200 - near, body.range_m) for near in nearest]
        assert layers["bands"].tolist() == [[int(r == row) for r in rows] for row in range(BANDS)]
        danger = [
            [
                sum(
                    naive_stands(body, row, column, heading, corridor)
                    for column, row in enumerate(rows)
                    if row is not None
                )
                for heading in range(HEADINGS)
            ]
            for corridor in range(len(CORRIDORS))
        ]
        assert layers["danger"].tolist() == danger
        brake = [
            0 if row is None else naive_brake(body, row, column) for column, row in enumerate(rows)
        ]
        assert layers["brake"].tolist() == brake
        length = math.hypot(*goal_m)
        units = [
            [round(UNIT * turn(math.radians(2.4 * (24 - h)))) for turn in (math.cos, math.sin)]
            for h in range(HEADINGS)
        ]
        wish = [
            round(5 * UNIT * goal_m[axis] / length) + 2 * units[24][axis] + 2 * units[last][axis]
            for axis in range(2)
        ]
        for heading, (ahead, left) in enumerate(units):
            vote = (ahead * wish[0] + left * wish[1]) // UNIT
            for corridor, price in enumerate(PRICES[:, 0].tolist()):
                vote -= price * (danger[corridor][heading] > 0)
            assert layers["votes"][heading] == vote, heading


def mirrored(view: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    goal = view["goal"] * np.array([1, -1], np.float32)
    return {**view, "camera": view["camera"][:, ::-1], "goal": goal}


@pytest.mark.parametrize("robot", ["jackal", "turtlebot2", "fly"])
def test_a_mirrored_view_gives_mirrored_wheels_unless_the_leftmost_of_equals_won(
    robot: str,
) -> None:
    compared = spun = 0
    for view in random_views(36, 96, count=60):
        here, there = seated(robot=robot), seated(robot=robot)
        wheels, others = here.act(view), there.act(mirrored(view))
        np.testing.assert_array_equal(here.layers["danger"], there.layers["danger"][:, ::-1])
        np.testing.assert_array_equal(here.layers["brake"], there.layers["brake"][::-1])
        votes = here.layers["votes"]
        np.testing.assert_array_equal(votes, there.layers["votes"][::-1])
        if here.layers["danger"][-1].all():
            assert wheels[0] == -wheels[1] < 0, "it has not turned yet: left"
            np.testing.assert_array_equal(wheels, others)
            spun += 1
        elif (votes == votes.max()).sum() == 1:
            np.testing.assert_array_equal(wheels, others[::-1])
            compared += 1
        else:
            assert here.last == np.flatnonzero(votes == votes.max())[0]
    assert compared > 20
    assert spun > 5


def test_where_all_is_closed_it_turns_to_the_side_to_which_it_turned_last() -> None:
    controller = seated()
    view = random_views(36, 96, count=1)[0]
    for side in (-1.0, 1.0):
        controller.reset(0)
        view["camera"][:] = 230
        goal = np.array([1.0, side], np.float32)
        left, right = controller.act({**view, "goal": goal})
        assert side * (right - left) > 0
        view["camera"][:] = 20
        left, right = controller.act({**view, "goal": goal})
        assert left == -right
        assert side * right > 0


def test_nothing_in_view_means_full_speed_ahead_and_no_goal_counts_as_ahead() -> None:
    controller = seated()
    view = random_views(36, 96, count=1)[0]
    view["camera"][:] = 230
    del view["goal"]
    np.testing.assert_array_equal(controller.act(view), np.ones(2, np.float32))
    assert controller.last == AHEAD


def test_layers_are_real_arrays_of_one_or_two_dimensions_the_input_first() -> None:
    controller = seated()
    assert controller.layers == {}
    controller.act(random_views(36, 96, count=1)[0])
    names = ["input", "nearness", "columns", "bands", "danger", "brake", "votes"]
    assert list(controller.layers) == names
    for name, layer in controller.layers.items():
        assert layer.ndim in (1, 2), name
        assert np.isrealobj(layer), name


def test_a_camera_without_a_row_above_the_horizon_is_refused() -> None:
    controller = seated(rows=1)
    with pytest.raises(ValueError, match="camera_rows=1 found, 2 or more needed"):
        controller.act({"camera": np.zeros((1, 96, 1), np.uint8)})


def test_an_episode_begins_without_the_last_one_s_headings() -> None:
    views = random_views(36, 96, count=12)
    used, headings = seated(), set()
    for view in views:
        used.reset(0)
        fresh = seated()
        np.testing.assert_array_equal(used.act(view), fresh.act(view))
        assert (used.last, used.side) == (fresh.last, fresh.side)
        headings.add(used.last)
    assert len(headings) > 3


def test_two_drives_of_one_seed_are_the_same() -> None:
    first, second = (evaluate("camera", episodes=2, seed=5, **SHORT) for _ in range(2))
    assert first == second
    assert first[0].trajectory_sha256 != first[1].trajectory_sha256


# Which sensor a controller needs


def test_every_controller_of_ours_is_refused_the_sensor_that_it_does_not_name() -> None:
    named = {name: named_sensor(name) for name in CONTROLLERS}
    free = {name for name, sensor in named.items() if sensor is None}
    assert free == {"random", "straight", "oracle"}
    assert set(named.values()) == {None, "range", "camera"}
    bodies = {
        sensor: gym.make("neurobot/Avoidance-v0", sensor=sensor).unwrapped.body  # type: ignore[attr-defined]
        for sensor in ("range", "camera")
    }
    for name, needed in named.items():
        for sensor, body in bodies.items():
            if needed in (None, sensor):
                seat(make_controller(name), body)
                continue
            mind = find_controller(name).__module__.rpartition(".")[2]
            with pytest.raises(
                ValueError, match=f"^{mind}: sensor '{needed}' needed, '{sensor}' found$"
            ):
                seat(make_controller(name), body)


def test_controllers_of_both_sensors_drive_in_the_same_worlds() -> None:
    env = "neurobot/Navigation-v0"
    records = evaluate(["camera", "vfh"], env=env, episodes=3, seed=4, **SHORT)
    camera, vfh = records[:3], records[3:]
    assert {r.controller for r in camera} == {"camera"}
    assert [r.shortest_m for r in camera] == [r.shortest_m for r in vfh]
    assert len({r.shortest_m for r in camera}) == 3
    assert camera == evaluate("camera", env=env, episodes=3, seed=4, sensor="camera", **SHORT)
    assert vfh == evaluate("vfh", env=env, episodes=3, seed=4, sensor="range", **SHORT)


def test_a_sensor_asked_for_is_the_sensor_of_all() -> None:
    with pytest.raises(ValueError, match="vfh: sensor 'range' needed, 'camera' found"):
        evaluate(["camera", "vfh"], episodes=1, sensor="camera", **SHORT)
    with pytest.raises(ValueError, match="camera: sensor 'camera' needed, 'range' found"):
        evaluate(["camera", "vfh"], episodes=1, sensor="range", **SHORT)


class Porthole:
    """Somebody's own class with a sensor of another kind on the instance."""

    def __init__(self) -> None:
        self.sensor = "periscope"

    def reset(self, seed: int) -> None: ...

    def act(self, observation: Any) -> tuple[float, float]:
        return 0.0, 0.0


def test_what_an_instance_calls_its_sensor_names_none() -> None:
    env = gym.make("neurobot/Avoidance-v0", sensor="camera")
    attach(Porthole(), env)

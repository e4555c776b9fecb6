import copy
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from data_files import nav_worlds
from PIL import Image
from world_files import (
    JACKAL,
    KINDS,
    SQUARE,
    TRIANGLE,
    assert_same,
    cylinder_arrays,
    draw,
    map_arrays,
    polygon_arrays,
    ros_table,
    write_npz,
    write_ros,
)

import neurobot
from neurobot.envs.archive import WorldFileError
from neurobot.envs.geometry import winding
from neurobot.envs.maps import Filed, Generated, open_worlds
from neurobot.envs.outlines import convex_outlines, raster_outlines
from neurobot.envs.planner import block_solids, is_solvable
from neurobot.envs.scenarios import SCENARIOS
from neurobot.envs.world import ROBOTS


def solidity(outlines: Any, origin: tuple[float, float], cell: float, shape: Any) -> Any:
    """Winding at the centre of each cell, row 0 at the bottom."""
    return np.array(
        [
            [
                winding(origin[0] + (c + 0.5) * cell, origin[1] + (r + 0.5) * cell, outlines)
                for c in range(shape[1])
            ]
            for r in range(shape[0])
        ]
    )


def test_generators_have_names_without_end() -> None:
    assert SCENARIOS
    for name in SCENARIOS:
        worlds = open_worlds(name)
        assert isinstance(worlds, Generated)
        assert (worlds.robot, worlds.count) == (None, None)


@pytest.mark.parametrize("name", ["", "forrest", "worlds.npy", "worlds.npz.bak", "barn#3", "#3"])
def test_an_unknown_scenario_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=r"^scenario: unknown .*forest.*PATH\.npz#K or PATH\.yaml"):
        open_worlds(name)


def test_a_folder_may_have_a_number_sign_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "run#1"
    folder.mkdir()
    path = write_npz(folder / "worlds.npz", cylinder_arrays())
    assert open_worlds(path).count == 3
    assert open_worlds(path + "#2").count == 1


@pytest.mark.parametrize("kind", KINDS)
def test_opened_worlds_can_be_pickled_and_copied(kind: str, tmp_path: Path) -> None:
    worlds = open_worlds(write_npz(tmp_path / "w.npz", KINDS[kind]()))
    for twin in (pickle.loads(pickle.dumps(worlds)), copy.deepcopy(worlds)):
        assert (twin.robot, twin.count) == (worlds.robot, worlds.count)
        scenes = [w.draw(np.random.default_rng(3), 0.5, JACKAL, 0) for w in (worlds, twin)]
        assert_same(*scenes)


def test_cylinder_worlds_are_read_by_position(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", cylinder_arrays())
    worlds = open_worlds(path)
    assert (worlds.robot, worlds.count) == ("jackal", 3)
    scene = draw(path, 0)
    np.testing.assert_array_equal(scene.discs, [[1, 2, 0.075, 0, 0], [3, 2, 0.075, 0, 0]])
    assert (scene.start, scene.goal) == ((0.0, 0.0, 1.57), (0.0, 10.0))
    assert (scene.goal_tolerance_m, scene.time_limit_s) == (1.0, 100.0)
    assert scene.bounds == (-1.0, -1.0, 4.0, 11.0)
    assert [len(draw(path, k).discs) for k in range(3)] == [2, 0, 1]


def test_a_pick_selects_worlds(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", cylinder_arrays())
    every = [draw(path, k) for k in range(3)]
    for pick, selected in {"0": [0], "2": [2], "1-2": [1, 2], "0-2": [0, 1, 2]}.items():
        worlds = open_worlds(f"{path}#{pick}")
        assert worlds.count == len(selected), pick
        for k, original in enumerate(selected):
            assert_same(draw(f"{path}#{pick}", k), every[original])


def test_without_a_position_chance_draws_among_all_worlds(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", cylinder_arrays())
    assert {len(draw(path, seed=seed).discs) for seed in range(40)} == {0, 1, 2}
    assert_same(draw(path, seed=5), draw(path, seed=5))


@pytest.mark.parametrize("world", [3, -1, 10**30, 1.5, "one", [0]])
def test_a_position_beyond_the_file_is_refused(world: Any, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", cylinder_arrays())
    with pytest.raises(WorldFileError, match=r"w\.npz: no world .* in 0\.\.2$"):
        draw(path, world)


@pytest.mark.parametrize("pick", ["3", "-1", "1-3", "2-1", "one", "", "1-", "1.0", "9" * 5000, "٣"])
def test_a_pick_beyond_the_file_is_refused(pick: str, tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", cylinder_arrays())
    with pytest.raises(WorldFileError, match=r"w\.npz: no world .* in 0\.\.2, or two as A-B$"):
        open_worlds(f"{path}#{pick}")


def test_every_barn_world_holds_the_cylinders_of_its_grid_and_lets_the_robot_start() -> None:
    path = nav_worlds() / "barn_worlds.npz"
    barn, worlds = np.load(path), open_worlds(str(path))
    assert (worlds.robot, worlds.count) == ("jackal", len(barn["world_ids"]))
    for k, grid in enumerate(barn["grid"]):
        scene = worlds.draw(np.random.default_rng(0), 0.5, JACKAL, k)
        expected = barn["cell00_xy"] + 0.15 * np.argwhere(grid)[:, ::-1]
        found = scene.discs[:, :2]
        for points in (expected, found):
            points[:] = points[np.lexsort(np.rint((points - barn["cell00_xy"]) / 0.15).T)]
        # The file keeps centres in 32 bits.
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=f"world {k}")
        assert scene.clearance_at(scene.start, JACKAL) > 0, f"world {k}"
        assert is_solvable(scene, ROBOTS["fly"], 0.05), f"world {k}"


def test_polygon_worlds_share_the_polygons_and_have_a_pair_each(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", polygon_arrays())
    worlds = open_worlds(path)
    assert (worlds.robot, worlds.count) == ("turtlebot2", 2)
    first, second = draw(path, 0), draw(path, 1)
    np.testing.assert_array_equal(first.outlines, second.outlines)
    assert (first.start, first.goal) == ((0.0, 0.0, 0.5), (8.0, 8.0))
    assert (second.start, second.goal) == ((5.0, 5.0, 0.0), (9.0, 1.0))
    assert (first.goal_tolerance_m, first.time_limit_s) == (0.3, 42.0)
    assert first.bounds == (-1.0, -1.0, 9.0, 10.0)
    assert second.bounds == (-1.0, 0.0, 10.0, 10.0)


def test_what_a_polygon_file_leaves_out_has_defaults(tmp_path: Path) -> None:
    arrays = polygon_arrays()
    for name in ("goal_tolerance", "time_limit", "robot"):
        del arrays[name]
    scene = draw(path := write_npz(tmp_path / "w.npz", arrays), 0)
    assert open_worlds(path).robot is None
    assert (scene.goal_tolerance_m, scene.time_limit_s) == (0.5, None)


def test_a_polygon_file_without_polygons_is_open_ground(tmp_path: Path) -> None:
    empty = {"poly_xy": np.zeros((0, 2)), "poly_offsets": np.array([0])}
    scene = draw(write_npz(tmp_path / "w.npz", polygon_arrays() | empty), 0)
    assert scene.outlines.shape == (0, 4)


@pytest.mark.parametrize("spoil", ["as it is", "reversed", "closed", "on a side", "32 bits"])
def test_polygons_are_solid_inside_however_their_corners_are_given(spoil: str) -> None:
    corners = {
        "as it is": TRIANGLE,
        "reversed": TRIANGLE[::-1],
        "closed": [*TRIANGLE, TRIANGLE[0], TRIANGLE[0]],
        "on a side": [TRIANGLE[0], [1.0, 8.0], *TRIANGLE[1:]],
        "32 bits": np.array(TRIANGLE, np.float32).astype(np.float64).tolist(),
    }[spoil]
    xy = np.array(SQUARE[::-1] + corners + SQUARE)
    outlines = convex_outlines(xy, np.array([0, 4, 4 + len(corners), 8 + len(corners)]))
    for x, y in np.random.default_rng(1).uniform(0, 10, (2000, 2)):
        in_square = 4 < x < 6 and 4 < y < 6
        in_triangle = 8 < y < 9 and y - 8 < x < 2 - (y - 8)
        # The square is there twice.
        assert winding(x, y, outlines) == 2 * in_square + in_triangle, (x, y)


def test_a_start_inside_a_polygon_is_refused_when_the_world_is_drawn(tmp_path: Path) -> None:
    assert neurobot.__version__
    path = write_npz(tmp_path / "w.npz", polygon_arrays())
    env = gym.make("neurobot/Navigation-v0", scenario=path, disable_env_checker=True)
    env.reset(seed=0, options={"world": 0})
    with pytest.raises(ValueError, match="touches an obstacle"):
        env.reset(seed=0, options={"world": 1})
    env.close()


def random_rasters() -> list[Any]:
    rng = np.random.default_rng(2)
    rasters = [rng.uniform(size=(rows, 9)) < share for rows in (1, 7) for share in (0.1, 0.5, 0.9)]
    checkers = np.indices((6, 6)).sum(axis=0) % 2 == 0
    return [*rasters, checkers, ~checkers, np.ones((3, 4), bool), np.zeros((3, 4), bool)]


@pytest.mark.parametrize("solid", random_rasters())
def test_outlines_turn_once_around_each_solid_cell_and_around_nothing_else(solid: Any) -> None:
    outlines = raster_outlines(solid, 0.3, (-2.0, 1.0), 1000)
    framed = np.pad(solid, 1)
    found = solidity(outlines, (-2.3, 0.7), 0.3, framed.shape)
    np.testing.assert_array_equal(found, framed.astype(int))


@pytest.mark.parametrize("solid", random_rasters())
def test_outlines_are_closed_and_their_edges_as_long_as_can_be(solid: Any) -> None:
    outlines = raster_outlines(solid, 1.0, (0.0, 0.0), 1000)
    starts = Counter((x, y) for x, y, _, _ in outlines.tolist())
    ends = Counter((x, y) for _, _, x, y in outlines.tolist())
    assert starts == ends
    going = {(x0, y0, np.sign(x1 - x0), np.sign(y1 - y0)) for x0, y0, x1, y1 in outlines.tolist()}
    assert len(going) == len(outlines)
    for x0, y0, x1, y1 in outlines.tolist():
        assert (x1, y1, np.sign(x1 - x0), np.sign(y1 - y0)) not in going


def test_the_planner_blocks_exactly_the_cells_around_which_outlines_turn() -> None:
    rng = np.random.default_rng(4)
    for trial in range(30):
        corners = rng.uniform(-4, 4, (rng.integers(3, 12), 2))
        if trial % 2:  # corners, and upright edges, right on the centres of cells
            corners = np.rint(corners) + 0.25
        outlines = np.column_stack([corners, np.roll(corners, -1, axis=0)])
        blocked = np.zeros((13, 11), np.bool_)
        blocked[3, 4] = True
        expected = solidity(outlines, (-3.0, -2.5), 0.5, blocked.shape) != 0
        expected[3, 4] = True
        block_solids(blocked, -3.0, -2.5, 0.5, outlines)
        np.testing.assert_array_equal(blocked, expected, f"trial {trial}")


def test_a_map_is_solid_where_it_is_dark_and_its_first_row_is_the_top(tmp_path: Path) -> None:
    scene = draw(write_npz(tmp_path / "w.npz", map_arrays()))
    np.testing.assert_allclose(scene.bounds, (-3.0, 5.0, 5.0, 11.0), atol=1e-12)
    solid = solidity(scene.outlines, (-3.0, 5.0), 0.1, (60, 80))
    assert np.argwhere(solid).tolist() == [[59, 0]]
    assert len(scene.outlines) == 4
    assert scene.clearance_at((-3.0, 7.0, 0.0), JACKAL) <= 0, "no wall around the map"


def test_start_and_goal_lie_on_ground_that_is_known_to_be_free(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "w.npz", map_arrays())
    scenes = [draw(path, seed=seed) for seed in range(30)]
    assert len({scene.start for scene in scenes}) > 20
    for scene in scenes:
        for x, y in (scene.start[:2], scene.goal):
            assert -3 + JACKAL.circumscribed_m < x < 1 - JACKAL.circumscribed_m
            assert 5 + JACKAL.circumscribed_m < y < 11 - JACKAL.circumscribed_m


def test_every_real_map_is_traced_exactly_and_solvable() -> None:
    path = nav_worlds() / "occupancy_maps.npz"
    maps = np.load(path)
    names = [name for name in maps.files if f"{name}__meta" in maps.files]
    worlds = open_worlds(str(path))
    assert len(names) == 9
    assert (worlds.robot, worlds.count) == (None, 9)
    for k, name in enumerate(names):
        cell, x0, y0, occupied, free = maps[f"{name}__meta"]
        occupancy = (255 - maps[name][::-1].astype(float)) / 255
        scene = worlds.draw(np.random.default_rng(k), 0.5, JACKAL, k)
        assert_same(scene, draw(f"{path}#{name}", seed=k))
        assert is_solvable(scene, JACKAL, 0.2), name
        for x, y in (scene.start[:2], scene.goal):
            assert occupancy[int((y - y0) / cell), int((x - x0) / cell)] < free, name
        blocked = np.zeros(occupancy.shape, np.bool_)
        block_solids(blocked, x0, y0, cell, scene.outlines)
        np.testing.assert_array_equal(blocked, occupancy > occupied, name)


def test_a_map_without_room_for_the_robot_is_refused_when_it_is_drawn(tmp_path: Path) -> None:
    arrays = map_arrays() | {"hall": np.full((60, 80), 205, np.uint8)}
    path = write_npz(tmp_path / "w.npz", arrays)
    with pytest.raises(WorldFileError, match=r"w\.npz#hall: no ground has room for the robot"):
        draw(f"{path}#hall")


def test_a_ros_map_is_the_map_of_the_same_pixels(tmp_path: Path) -> None:
    ros = write_ros(tmp_path, ros_table())
    worlds = open_worlds(ros)
    assert isinstance(worlds, Filed)
    assert (worlds.robot, worlds.count) == (None, 1)
    assert_same(draw(ros), draw(write_npz(tmp_path / "w.npz", map_arrays())))


def sixteen_bits(pixels: Any, path: Path) -> None:
    rows, columns = pixels.shape
    header = f"P5\n# by hand\n{columns} {rows}\n65535\n".encode()
    path.write_bytes(header + (pixels.astype(np.uint16) * 257).astype(">u2").tobytes())


WRITERS: dict[str, Callable[[Any, Path], Any]] = {
    "grey.pgm": lambda pixels, path: Image.fromarray(pixels).save(path),
    "grey.png": lambda pixels, path: Image.fromarray(pixels).save(path),
    "grey.bmp": lambda pixels, path: Image.fromarray(pixels).save(path),
    "colour.png": lambda pixels, path: Image.fromarray(pixels).convert("RGB").save(path),
    "palette.png": lambda pixels, path: Image.fromarray(pixels).convert("P").save(path),
    "deep.pgm": sixteen_bits,
    "deep.png": lambda pixels, path: Image.fromarray(pixels.astype(np.uint16) * 257).save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_an_image_is_read_whatever_its_format(name: str, tmp_path: Path) -> None:
    expected = draw(write_ros(tmp_path, ros_table()))
    WRITERS[name](map_arrays()["hall"], tmp_path / name)
    assert_same(draw(write_ros(tmp_path, ros_table() | {"image": name})), expected)


def test_a_negated_map_is_dark_where_it_is_free(tmp_path: Path) -> None:
    expected = draw(write_ros(tmp_path, ros_table()))
    for negate in (1, True):
        path = write_ros(tmp_path, ros_table() | {"negate": negate}, 255 - map_arrays()["hall"])
        assert_same(draw(path), expected)


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path: Path) -> None:
    path = Path(write_ros(tmp_path, ros_table()))
    expected = draw(str(path))
    path.write_text(path.read_text().replace("resolution: 0.1", "resolution: 1e-1"))
    assert_same(draw(str(path)), expected)

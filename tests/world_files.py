"""Small world files of every kind, and the scenes drawn from them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from neurobot.envs.maps import open_worlds
from neurobot.envs.scene import Scene
from neurobot.envs.world import ROBOTS

Arrays = dict[str, Any]
JACKAL = ROBOTS["jackal"]
SQUARE = [[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0]]
TRIANGLE = [[0.0, 8.0], [2.0, 8.0], [1.0, 9.0]]
META = [0.1, -3.0, 5.0, 0.65, 0.196]  # resolution, origin, occupied and free threshold


def cylinder_arrays() -> Arrays:
    """Three worlds of two, no and one cylinder."""
    return {
        "cyl_xy": np.array([[1, 2], [3, 2], [2, 5]], np.float32),
        "cyl_offsets": np.array([0, 2, 2, 3], np.int32),
        "cyl_radius": np.array([0.075]),
        "start_pose": np.array([0.0, 0.0, 1.57]),
        "goal_xy": np.array([0.0, 10.0]),
        "goal_tolerance": np.array([1.0]),
    }


def polygon_arrays() -> Arrays:
    """Two polygons; the second of the two worlds starts inside the square."""
    return {
        "poly_xy": np.array(SQUARE + TRIANGLE),
        "poly_offsets": np.array([0, 4, 7]),
        "start": np.array([[0.0, 0.0, 0.5], [5.0, 5.0, 0.0]]),
        "goal": np.array([[8.0, 8.0], [9.0, 1.0]]),
        "goal_tolerance": np.array(0.3),
        "time_limit": np.array(42.0),
        "robot": np.array("turtlebot2"),
    }


def map_arrays() -> Arrays:
    """One map: free but for one black cell and an unknown right half."""
    pixels = np.full((60, 80), 254, np.uint8)
    pixels[:, 40:] = 205
    pixels[0, 0] = 0
    return {"hall": pixels, "hall__meta": np.array(META)}


def ros_table() -> Arrays:
    return {
        "image": "hall.pgm",
        "resolution": META[0],
        "origin": [META[1], META[2], 0.0],
        "negate": 0,
        "occupied_thresh": META[3],
        "free_thresh": META[4],
    }


KINDS = {"cylinders": cylinder_arrays, "polygons": polygon_arrays, "map": map_arrays}


def write_npz(path: Path, arrays: Arrays) -> str:
    np.savez(path, **arrays)
    return str(path)


def write_ros(folder: Path, table: Any, pixels: Any = None) -> str:
    """Write hall.pgm and hall.yaml."""
    Image.fromarray(map_arrays()["hall"] if pixels is None else pixels).save(folder / "hall.pgm")
    path = folder / "hall.yaml"
    path.write_text(yaml.safe_dump(table))
    return str(path)


def draw(scenario: str, world: Any = None, seed: int = 0) -> Scene:
    return open_worlds(scenario).draw(np.random.default_rng(seed), 0.5, JACKAL, world)


def assert_same(one: Scene, other: Scene) -> None:
    for field in fields(Scene):
        np.testing.assert_array_equal(
            getattr(one, field.name), getattr(other, field.name), field.name
        )

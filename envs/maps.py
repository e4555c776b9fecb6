"""Where worlds come from: a generator's name, or a file.

A file is `PATH.npz` (its arrays tell its kind: cylinders as in `barn_worlds.npz`, maps as in
`occupancy_maps.npz`, or polygons) or `PATH.yaml` (a map of a ROS map_server). `#` narrows it down:
`PATH.npz#K` is the world at position K, `PATH.npz#A-B` are those from A to B, and
`PATH.npz#NAME` is one map of several. A relative path that is not found from here is looked for in
the folder that the environment variable NEUROBOT_DATA names.
"""

import operator
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from neurobot.bounded import listed
from neurobot.envs.archive import OBSTACLES, Archive, WorldFileError
from neurobot.envs.mapfiles import (
    CYLINDER_ARRAYS,
    POLYGON_ARRAYS,
    read_cylinders,
    read_polygons,
)
from neurobot.envs.occupancy import META, OccupancyMap, map_names, read_map, read_ros_map
from neurobot.envs.scenarios import SCENARIOS, generate
from neurobot.envs.scene import Scene
from neurobot.envs.world import Robot

VARIABLE = "NEUROBOT_DATA"
FILE = re.compile(r"(?P<path>.*\.(?:npz|ya?ml))(?:#(?P<pick>.*))?", re.IGNORECASE | re.DOTALL)
POSITIONS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True)
class Generated:
    """Worlds without end, drawn by a generator."""

    name: str
    robot: str | None = None
    count: int | None = None

    def draw(
        self, rng: np.random.Generator, difficulty: float, robot: Robot, world: int | None
    ) -> Scene:
        """Draw the next world."""
        if world is not None:
            raise ValueError(
                f"reset option world={world}: scenario {self.name!r} is generated; only the worlds "
                "of a file have numbers"
            )
        return generate(self.name, rng, difficulty, robot)


class Worlds(Protocol):
    """What a file holds: so many worlds, perhaps made for one robot."""

    @property
    def robot(self) -> str | None:
        """Name of the robot."""

    def __len__(self) -> int:
        """How many worlds."""

    def scene(self, k: int, rng: np.random.Generator, robot: Robot) -> Scene:
        """World k; chance decides only what the file leaves open."""


@dataclass(frozen=True)
class Filed:
    """The worlds of a file, or some of them."""

    name: str
    worlds: Worlds
    positions: range

    @property
    def robot(self) -> str | None:
        """Name of the robot that they are made for."""
        return self.worlds.robot

    @property
    def count(self) -> int:
        """How many worlds there are."""
        return len(self.positions)

    def draw(
        self, rng: np.random.Generator, difficulty: float, robot: Robot, world: int | None
    ) -> Scene:
        """Take the world at a position, or any; they are as difficult as they are."""
        k = rng.integers(self.count) if world is None else self._position(world)
        return self.worlds.scene(self.positions[k], rng, robot)

    def _position(self, world: int) -> int:
        try:
            k = operator.index(world)
        except TypeError:
            k = -1
        if not 0 <= k < self.count:
            raise WorldFileError(
                f"{self.name}: no world {world!r}; allowed: whole numbers in 0..{self.count - 1}"
            )
        return k


@dataclass(frozen=True, eq=False)
class Maps:
    """Occupancy maps: each is one world, with ever new starts and goals."""

    maps: tuple[OccupancyMap, ...]
    robot: str | None = None

    def __len__(self) -> int:
        return len(self.maps)

    def scene(self, k: int, rng: np.random.Generator, robot: Robot) -> Scene:
        """Map k, with a start and a goal."""
        return self.maps[k].draw(rng, robot)


def pick_positions(path: Path, pick: str | None, count: int) -> range:
    """Read which worlds of a file are meant: K, A-B, or all of them."""
    if pick is None:
        return range(count)
    match = POSITIONS.fullmatch(pick)
    first = int(match[1]) if match else count
    last = int(match[2]) if match and match[2] else first
    if not first <= last < count:
        raise WorldFileError(
            f"{path}: no world {pick!r}; allowed: one position in 0..{count - 1}, or two as A-B"
        )
    return range(first, last + 1)


def pick_maps(archive: Archive, pick: str | None) -> Maps:
    """Read the map of a name, or all of them."""
    known = map_names(archive)
    if pick is not None and pick not in known:
        raise WorldFileError(f"{archive.path}: unknown map {pick!r}; known: {listed(known)}")
    maps, edges = [], 0
    for name in known if pick is None else [pick]:
        maps.append(read_map(archive, name))
        edges += maps[-1].edges
        if edges > OBSTACLES:
            raise WorldFileError(
                f"{archive.path}: maps of more than {OBSTACLES} edges found; allowed: at most "
                "that in one file"
            )
    return Maps(tuple(maps))


def open_npz(path: Path, pick: str | None, scenario: str) -> Filed:
    """Open a file of arrays; what kind of world it holds is told by their names."""
    archive = Archive(path)
    if map_names(archive):
        maps = pick_maps(archive, pick)
        return Filed(scenario, maps, range(len(maps)))
    worlds: Worlds
    if "cyl_xy" in archive or "cyl_offsets" in archive:
        worlds = read_cylinders(archive)
    elif "poly_xy" in archive or "poly_offsets" in archive:
        worlds = read_polygons(archive)
    else:
        raise WorldFileError(
            f"{path}: no world in the arrays {listed(archive.sizes or ['(none)'])}; allowed: "
            f"{', '.join(CYLINDER_ARRAYS)}, or {', '.join(POLYGON_ARRAYS)}, or NAME and NAME{META}"
        )
    return Filed(scenario, worlds, pick_positions(path, pick, len(worlds)))


def open_yaml(path: Path, pick: str | None, scenario: str) -> Filed:
    """Open a ROS map."""
    if pick is not None:
        raise WorldFileError(f"{path}: a ROS map is one world; allowed: no '#{pick}' after it")
    return Filed(scenario, Maps((read_ros_map(path),)), range(1))


def find_file(path: Path) -> Path:
    """Return where a file lies: here, or in the folder of published worlds."""
    elsewhere = Path(os.environ.get(VARIABLE, "")) / path
    found_there = not os.path.exists(path) and os.path.exists(elsewhere)  # also of too long names
    return elsewhere if found_there else path


def open_worlds(scenario: str) -> Generated | Filed:
    """Find the worlds that a scenario's name or file stands for."""
    name = str(scenario)
    if name in SCENARIOS:
        return Generated(name)
    match = FILE.fullmatch(name)
    if match is None:
        raise ValueError(
            f"scenario: unknown {name!r}; known: {', '.join(SCENARIOS)}, "
            "or a file PATH.npz#K or PATH.yaml"
        )
    path = find_file(Path(match["path"]))
    reader = open_npz if path.suffix.lower() == ".npz" else open_yaml
    return reader(path, match["pick"], name)

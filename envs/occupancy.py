"""Occupancy maps: grey pictures of what is solid, as SLAM makes them and ROS map_server reads them.

Row 0 of the pixels is the top. Occupancy is (255 - pixel) / 255, or pixel / 255 if negated. What is
above the `occupied_thresh` is solid, what is below the `free_thresh` is ground, and what lies
between is unknown: nothing stands there, so the robot and its beams pass, but start and goal are
drawn on ground alone, where a way of nothing but ground leads from one to the other. Nothing is
solid beyond the picture, around which thin walls stand.
"""

import math
import reprlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from neurobot.bounded import KIB, MIB, read_file
from neurobot.envs.archive import (
    FAR_M,
    OBSTACLES,
    SIDE_M,
    Archive,
    WorldFileError,
    check_file,
    reading,
)
from neurobot.envs.outlines import OutlineError, raster_outlines
from neurobot.envs.scenarios import UnsolvableError, box, settle
from neurobot.envs.scene import Scene
from neurobot.envs.world import Array, Robot

PIXELS = 64_000_000  # of one map; Pillow warns of bombs above 89 million
IMAGE_BYTES = 128 * MIB
NAME_LETTERS, ROWS_AT_ONCE = 255, 256
YAML_BYTES = 64 * KIB  # a map takes 200 bytes
APART_M = 10.0  # start and goal are so far apart, or half the map's diagonal if that is less
META = "__meta"
META_NUMBERS = ("resolution", "origin x", "origin y", "occupied_thresh", "free_thresh")
ROS_KEYS = ("image", "resolution", "origin", "negate", "occupied_thresh", "free_thresh")
ROS_MODE = "trinary"
IMAGES = "a PGM, PNG or BMP image"
IMAGE_FORMATS = ("PPM", "PNG", "BMP")  # Pillow's PPM also reads PGM and PBM


@dataclass(frozen=True, eq=False)
class OccupancyMap:
    """One map: what is solid in it, and a twin in which all but the ground is."""

    name: str
    scene: Scene
    ground: Scene

    @property
    def edges(self) -> int:
        """Edges of what is solid, or of what is no ground, whichever are more."""
        return max(len(self.scene.outlines), len(self.ground.outlines))

    def draw(self, rng: np.random.Generator, robot: Robot) -> Scene:
        """Draw start and goal on the largest connected ground that has room for the robot."""
        x0, y0, x1, y1 = self.scene.bounds
        far_m = min(APART_M, 0.5 * math.hypot(x1 - x0, y1 - y0))
        try:
            settled = settle(self.ground, rng, robot, far_m)
        except UnsolvableError as full:
            raise WorldFileError(
                f"{self.name}: no ground has room for the robot, which turns within "
                f"{2 * robot.circumscribed_m:.2f} m"
            ) from full
        return replace(self.scene, start=settled.start, goal=settled.goal)


@dataclass(frozen=True)
class Scale:
    """Where a map lies, and which occupancy means what."""

    cell_m: float
    origin: tuple[float, float]  # its lower left corner
    occupied_thresh: float
    free_thresh: float

    def check(self, where: str) -> None:
        """Refuse numbers without a meaning; NaN fails every comparison."""
        if not 0 < self.cell_m <= SIDE_M:
            raise WorldFileError(
                f"{where}: resolution = {self.cell_m} m found; allowed: above 0, at most {SIDE_M:g}"
            )
        if not all(abs(part) <= FAR_M for part in self.origin):
            raise WorldFileError(f"{where}: origin = {self.origin} is not within {FAR_M:g} m of 0")
        if not 0 <= self.free_thresh <= self.occupied_thresh <= 1:
            raise WorldFileError(
                f"{where}: free_thresh = {self.free_thresh} and occupied_thresh = "
                f"{self.occupied_thresh} found; allowed: 0 <= free_thresh <= occupied_thresh <= 1"
            )


def make_map(where: str, pixels: Array, scale: Scale, negate: bool = False) -> OccupancyMap:
    """Trace a map. pixels: (rows, columns) uint8, row 0 at the top."""
    scale.check(where)
    rows, columns = pixels.shape
    width_m, height_m = columns * scale.cell_m, rows * scale.cell_m
    if not 0 < pixels.size <= PIXELS or max(width_m, height_m) > SIDE_M:
        raise WorldFileError(
            f"{where}: {columns} x {rows} pixels of {scale.cell_m:g} m found; "
            f"allowed: 1 to {PIXELS} pixels, at most {SIDE_M:g} m wide"
        )
    occupancy = np.arange(256) / 255 if negate else (255 - np.arange(256)) / 255
    x0, y0 = scale.origin
    bounds = (x0, y0, x0 + width_m, y0 + height_m)

    def trace(is_solid: Array) -> Scene:
        try:
            solid = is_solid[pixels[::-1]]
            outlines = raster_outlines(solid, scale.cell_m, scale.origin, OBSTACLES // 2)
        except OutlineError as many:
            raise WorldFileError(f"{where}: {many}") from many
        return Scene(bounds, walls=box(*bounds), outlines=outlines)

    return OccupancyMap(
        where,
        trace(occupancy > scale.occupied_thresh),
        trace((occupancy > scale.occupied_thresh) | (occupancy >= scale.free_thresh)),
    )


def map_names(archive: Archive) -> list[str]:
    """Names of the maps in a file."""
    return [name.removesuffix(META) for name in archive.sizes if name.endswith(META)]


def read_map(archive: Archive, name: str) -> OccupancyMap:
    """Read one map from arrays: `name` uint8 (h, w) and `name__meta` with `META_NUMBERS`."""
    archive.require(name, name + META)
    pixels = archive.read(name)
    if pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise archive.unlike(name, pixels, "uint8 of shape (h, w)")
    cell_m, x0, y0, occupied, free = archive.numbers(name + META, len(META_NUMBERS)).tolist()
    return make_map(f"{archive.path}#{name}", pixels, Scale(cell_m, (x0, y0), occupied, free))


def read_ros_map(path: Path) -> OccupancyMap:
    """Read a map from the `.yaml` of a ROS map_server."""
    table = read_yaml(path)
    for key in ROS_KEYS:
        if key not in table:
            raise WorldFileError(f"{path}: key {key!r} is missing; needed: {', '.join(ROS_KEYS)}")
    if table.get("mode", ROS_MODE) != ROS_MODE:
        raise WorldFileError(
            f"{path}: mode = {reprlib.repr(table['mode'])} found; allowed: {ROS_MODE}"
        )
    if table["negate"] not in (0, 1):
        raise WorldFileError(
            f"{path}: negate = {reprlib.repr(table['negate'])} found; allowed: 0 or 1"
        )
    name = table["image"]
    if not isinstance(name, str) or not name.isprintable() or len(name) > NAME_LETTERS:
        raise WorldFileError(
            f"{path}: image = {reprlib.repr(table['image'])} found; allowed: a file's name"
        )
    scale = Scale(
        number(path, "resolution", table["resolution"]),
        read_origin(path, table["origin"]),
        number(path, "occupied_thresh", table["occupied_thresh"]),
        number(path, "free_thresh", table["free_thresh"]),
    )
    return make_map(
        str(path), read_pixels(path.parent / table["image"]), scale, bool(table["negate"])
    )


class PlainLoader(yaml.SafeLoader):
    """Loads plain values, each written where it stands: references to others grow without end."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse a reference."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError("an alias found; allowed: values as they are")
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a mapping."""
    check_file(path)
    with reading(path, "a mapping in YAML"):
        table = yaml.load(read_file(path, YAML_BYTES), PlainLoader)
    if not isinstance(table, dict):
        raise WorldFileError(
            f"{path}: {type(table).__name__} found; allowed: a mapping with {', '.join(ROS_KEYS)}"
        )
    return table


def number(path: Path, key: str, value: object) -> float:
    """Read a number; PyYAML takes some, as 5e-2, for text."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise WorldFileError(f"{path}: {key} = {reprlib.repr(value)} found; allowed: a number")


def read_origin(path: Path, value: object) -> tuple[float, float]:
    """Read the pose of the lower left corner, which may not be turned."""
    if not isinstance(value, list) or len(value) != 3:
        raise WorldFileError(f"{path}: origin = {reprlib.repr(value)} found; allowed: [x, y, yaw]")
    x, y, yaw = (number(path, "origin", part) for part in value)
    if yaw != 0:
        raise WorldFileError(f"{path}: origin has a yaw of {yaw} rad; allowed: 0, turn the image")
    return x, y


def read_pixels(path: Path) -> Array:
    """Read a picture as (rows, columns) uint8; colours count as map_server counts them."""
    check_file(path)
    with (
        reading(path, IMAGES),
        Image.open(BytesIO(read_file(path, IMAGE_BYTES)), formats=IMAGE_FORMATS) as image,
    ):
        if image.width * image.height > PIXELS:
            raise ValueError(f"{image.width} x {image.height} pixels, at most {PIXELS} are allowed")
        return grey(image)


def grey(image: Image.Image) -> Array:
    """Average the channels of a picture, (rows, columns) uint8; transparency is one, as in ROS."""
    if image.mode.startswith("I"):  # 16 bits
        return (np.asarray(image) // 257).astype(np.uint8)
    if image.mode == "F":
        raise ValueError("its pixels are fractions")
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    channels = np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
    shades = np.empty(channels.shape[:2], np.uint8)
    for first in range(0, len(shades), ROWS_AT_ONCE):
        part = slice(first, first + ROWS_AT_ONCE)
        shades[part] = np.rint(channels[part].mean(axis=2, dtype=np.float32))
    return shades

"""Reading world files: the arrays of an `.npz`, and a sentence for whatever is wrong with them.

Nothing is unpickled, and no array is unpacked before its size is known.
"""

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from neurobot.bounded import MIB, Members, parse_array, read_file, reason
from neurobot.envs.world import ROBOTS, Array, Floats

ALLOWED = "an .npz archive of arrays without objects"
FILE_BYTES = 128 * MIB  # of a file as it lies there, and of all of its arrays, unpacked
ARRAY_BYTES = 100_000_000  # of one array, unpacked
OBSTACLES = 1_000_000  # cylinders, corners of polygons, or edges of a map, in one file
SIDE_M = 500.0  # of the box around everything in a file; the planner's grids grow with its square
FAR_M = 1e7  # no coordinate lies farther from the origin: nanometres are told apart up to here


class WorldFileError(ValueError):
    """A world file that cannot be used; the message names the file and what is allowed."""


@contextmanager
def reading(path: Path, allowed: str) -> Iterator[None]:
    """Turn what a damaged file makes a library raise into one sentence."""
    try:
        yield
    except Exception as broken:  # zipfile, zlib, NumPy, Pillow and PyYAML raise a dozen types
        raise WorldFileError(
            f"{path}: cannot be read ({reason(broken)}); allowed: {allowed}"
        ) from broken


def check_file(path: Path) -> None:
    """Refuse a path that is no file, or an empty one."""
    with reading(path, "a file"):
        found = path.is_file()
        what = "a folder" if path.is_dir() else "not a file" if path.exists() else "not there"
        size = path.stat().st_size if found else 0
    if not found:
        raise WorldFileError(f"{path}: it is {what}; allowed: a file")
    if not size:
        raise WorldFileError(f"{path}: it is empty (0 bytes)")


def is_number(array: Array) -> bool:
    """Whether an array holds integers or floats of the usual widths."""
    return array.dtype.kind in "iuf" and array.dtype.itemsize <= 8


class Archive:
    """The arrays of an `.npz` file, read one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        check_file(path)
        with reading(path, ALLOWED):
            self._members = Members(read_file(path, FILE_BYTES), FILE_BYTES)
        self.sizes = {
            info.filename.removesuffix(".npy"): info.file_size
            for info in self._members.infos
            if info.filename.endswith(".npy")
        }

    def __contains__(self, name: str) -> bool:
        return name in self.sizes

    def require(self, *names: str) -> None:
        """Refuse the file if it lacks one of these arrays."""
        for name in names:
            if name not in self:
                raise WorldFileError(
                    f"{self.path}: array {name!r} is missing; such a file holds {', '.join(names)}"
                )

    def read(self, name: str) -> Array:
        """Unpack one array, of any type but objects and of any shape."""
        if self.sizes[name] > ARRAY_BYTES:
            raise WorldFileError(
                f"{self.path}: array {reprlib.repr(name)} has {self.sizes[name]} bytes; "
                f"at most {ARRAY_BYTES} are allowed"
            )
        with reading(self.path, ALLOWED):
            return parse_array(self._members.read(f"{name}.npy"))

    def unlike(self, name: str, array: Array, allowed: str) -> WorldFileError:
        """Say that an array is not of the allowed kind."""
        found = f"{array.dtype} of shape {array.shape}"
        return WorldFileError(
            f"{self.path}: array {reprlib.repr(name)} is {found}; allowed: {allowed}"
        )

    def numbers(self, name: str, *shape: int | None) -> Floats:
        """Read finite coordinates as float64; a None in the shape stands for any length."""
        array = self.read(name)
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not is_number(array) or not fits:
            raise self.unlike(name, array, f"numbers of shape {shape}".replace("None", "n"))
        if len(array) > OBSTACLES:
            raise WorldFileError(
                f"{self.path}: array {name!r} has {len(array)} rows; allowed: at most {OBSTACLES}"
            )
        floats = array.astype(np.float64)
        if not (np.abs(floats) <= FAR_M).all():
            raise WorldFileError(
                f"{self.path}: array {name!r} holds a number that is not within {FAR_M:g} of 0"
            )
        return floats

    def rows(self, name: str, columns: int) -> Floats:
        """Read points, or what else stands one in a row."""
        return self.numbers(name, None, columns)

    def offsets(self, name: str, total: int) -> Array:
        """Read where each group of rows begins, and where the last one ends: at the total."""
        array = self.read(name)
        if not is_number(array) or array.dtype.kind == "f" or array.ndim != 1 or not array.size:
            raise self.unlike(name, array, "whole numbers of shape (n + 1,)")
        if len(array) > OBSTACLES:
            raise WorldFileError(
                f"{self.path}: array {name!r} has {len(array)} rows; allowed: at most {OBSTACLES}"
            )
        spans = array[0] == 0 and array[-1] == total
        if not spans or (array[1:] < array[:-1]).any():
            raise WorldFileError(
                f"{self.path}: array {name!r} goes from {array[0]} to {array[-1]}; "
                f"allowed: from 0 to {total}, never decreasing"
            )
        return array.astype(np.int64)

    def positive(self, name: str, most: float) -> float:
        """Read one number above 0, as a scalar or as an array of one."""
        array = self.read(name)
        if not is_number(array) or array.size != 1:
            raise self.unlike(name, array, "one number")
        value = float(array.reshape(()))
        if not 0 < value <= most:
            raise WorldFileError(
                f"{self.path}: {name} = {value:g} found; allowed: above 0, at most {most:g}"
            )
        return value

    def robot(self, name: str) -> str:
        """Read the name of the robot that the worlds are made for."""
        array = self.read(name)
        if array.dtype.kind != "U" or array.size != 1:
            raise self.unlike(name, array, f"one name among {', '.join(ROBOTS)}")
        with reading(self.path, ALLOWED):  # not every number of 32 bits is a letter
            robot = str(array.reshape(()))
        if robot not in ROBOTS:
            raise WorldFileError(
                f"{self.path}: {name}: unknown {reprlib.repr(robot)}; known: {', '.join(ROBOTS)}"
            )
        return robot

"""Reading world files: the arrays of an `.npz`, and a sentence for whatever is wrong with them.

Nothing is unpickled, and no array is unpacked before its size is known.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from neurobot.envs.world import ROBOTS, Array, Floats

npy_format: Any = np.lib.format  # typed in some versions of NumPy only

ALLOWED = "an .npz archive of arrays without objects"
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
        reason = " ".join(str(broken).split())[:200] or type(broken).__name__
        raise WorldFileError(f"{path}: cannot be read ({reason}); allowed: {allowed}") from broken


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
        with reading(path, ALLOWED), zipfile.ZipFile(path) as members:
            self.sizes = {
                member.filename.removesuffix(".npy"): member.file_size
                for member in members.infolist()
                if member.filename.endswith(".npy")
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
                f"{self.path}: array {name!r} has {self.sizes[name]} bytes; "
                f"at most {ARRAY_BYTES} are allowed"
            )
        with reading(self.path, ALLOWED), zipfile.ZipFile(self.path) as members:
            unpacked = BytesIO(members.read(f"{name}.npy"))
            return np.asarray(npy_format.read_array(unpacked, allow_pickle=False))

    def unlike(self, name: str, array: Array, allowed: str) -> WorldFileError:
        """Say that an array is not of the allowed kind."""
        found = f"{array.dtype} of shape {array.shape}"
        return WorldFileError(f"{self.path}: array {name!r} is {found}; allowed: {allowed}")

    def numbers(self, name: str, *shape: int | None) -> Floats:
        """Read finite coordinates as float64; a None in the shape stands for any length."""
        array = self.read(name)
        fits = array.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, array.shape, strict=True)
        )
        if not is_number(array) or not fits:
            raise self.unlike(name, array, f"numbers of shape {shape}".replace("None", "n"))
        floats = array.astype(np.float64)
        if not (np.abs(floats) <= FAR_M).all():
            raise WorldFileError(
                f"{self.path}: array {name!r} holds a number that is not within {FAR_M:g} of 0"
            )
        return floats

    def rows(self, name: str, columns: int) -> Floats:
        """Read points, or what else stands one in a row."""
        array = self.numbers(name, None, columns)
        if len(array) > OBSTACLES:
            raise WorldFileError(
                f"{self.path}: array {name!r} has {len(array)} rows; allowed: at most {OBSTACLES}"
            )
        return array

    def offsets(self, name: str, total: int) -> Array:
        """Read where each group of rows begins, and where the last one ends: at the total."""
        array = self.read(name)
        if not is_number(array) or array.dtype.kind == "f" or array.ndim != 1 or not array.size:
            raise self.unlike(name, array, "whole numbers of shape (n + 1,)")
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
        robot = str(array.reshape(()))
        if robot not in ROBOTS:
            raise WorldFileError(
                f"{self.path}: {name}: unknown {robot!r}; known: {', '.join(ROBOTS)}"
            )
        return robot

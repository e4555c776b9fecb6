"""Files that anybody may have made, read within bounds: how much there is, is known before.

Nothing is unpickled or evaluated, nothing is unpacked beyond the size that was allowed, and nothing
but a ValueError comes out, of one sentence: what was found, what is allowed.
"""

import json
import math
import reprlib
import stat
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

npy_format: Any = np.lib.format  # typed in some versions of NumPy only

KIB, MIB = 1 << 10, 1 << 20
MOST_MEMBERS = 4096  # of an archive
MEMBER_MARK = b"PK\x01\x02"  # stands before each member's entry in the directory of an archive
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # whose unpacking stops where it is told to
PLAIN_KINDS = "biufcSU"  # NumPy's kinds of values without objects and without fields
MOST_WORDS, MOST_NAMES = 200, 20  # letters, names of a sentence's part


def size_text(size: int) -> str:
    """Write a number of bytes for a sentence."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size % unit == 0 and size:
            return f"{size // unit} {name}"
    return f"{size} bytes"


def brief(text: str) -> str:
    """Return a text of others in one line of bounded length, which can be printed."""
    line = " ".join(text.split())[:MOST_WORDS]
    return line if line.isprintable() else ascii(line)[1:-1][:MOST_WORDS]


def reason(error: BaseException) -> str:
    """Return what a library says went wrong."""
    return brief(str(error)) or type(error).__name__


def listed(names: Iterable[str]) -> str:
    """Return names that somebody chose, in one line of bounded length."""
    every = list(names)
    told = brief(", ".join(every[:MOST_NAMES]))
    more = f", and {len(every) - MOST_NAMES} more" if len(every) > MOST_NAMES else ""
    return told + more or "nothing"


def check_size(found: int, most: int) -> None:
    """Refuse more bytes than are allowed."""
    if found > most:
        raise ValueError(f"{found} bytes found; allowed: up to {size_text(most)}")


def read_file(path: Path, most: int) -> bytes:
    """Read a file of at most so many bytes; folders, devices and pipes are refused unopened."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            raise ValueError("a folder, a device or a pipe found; allowed: a file")
        check_size(told.st_size, most)
        with path.open("rb") as file:
            return file.read(told.st_size)
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror}); allowed: a file") from error


def parse_json(content: bytes | str) -> Any:
    """Read JSON as UTF-8, of whatever depth Python's own stack allows."""
    try:
        return json.loads(content if isinstance(content, str) else content.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply; allowed: JSON") from error
    except ValueError as error:
        raise ValueError(f"no JSON ({reason(error)}); allowed: JSON") from error


def parse_array(content: bytes) -> NDArray[Any]:
    """Read an array in NumPy's file format, all of whose values are there; no objects."""
    stream = BytesIO(content)
    try:
        version = npy_format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} found")
        read_header = getattr(npy_format, f"read_array_header_{version[0]}_0")
        shape, by_columns, kind = read_header(stream)
        start, count = stream.tell(), math.prod(shape)
        if kind.kind not in PLAIN_KINDS or not kind.itemsize or min(shape, default=0) < 0:
            raise ValueError(f"{kind} of shape {shape} found")
        if len(content) - start != count * kind.itemsize:
            raise ValueError(
                f"{len(content) - start} bytes for {kind} of shape {shape} found, "
                f"{count * kind.itemsize} needed"
            )
        values = np.frombuffer(content, kind, count, start) if count else np.zeros(0, kind)
        return np.array(values.reshape(shape, order="F" if by_columns else "C"))
    except Exception as error:  # of a dozen types, out of NumPy and out of Python's parser
        raise ValueError(
            f"no array ({reason(error)}); allowed: an array without objects"
        ) from error


class Members:
    """The members of a zip archive of at most so many bytes, packed and unpacked, all together."""

    def __init__(self, content: bytes, most: int) -> None:
        check_size(len(content), most)
        if (entries := content.count(MEMBER_MARK)) > MOST_MEMBERS:
            raise ValueError(f"{entries} members found; allowed: up to {MOST_MEMBERS}")
        try:
            self._archive = zipfile.ZipFile(BytesIO(content))
        except Exception as error:  # of a dozen types
            raise ValueError(f"no archive ({reason(error)}); allowed: a zip archive") from error
        self.infos = self._archive.infolist()
        for info in self.infos:
            if info.compress_type not in PACKINGS:
                raise ValueError(
                    f"{reprlib.repr(info.filename)} is packed by method {info.compress_type}; "
                    "allowed: stored or deflated"
                )
        total = sum(info.file_size for info in self.infos)
        if total > most:
            raise ValueError(
                f"members of {total} bytes, unpacked, found; allowed: up to {size_text(most)}"
            )

    @property
    def names(self) -> list[str]:
        """Return the names of all members."""
        return [info.filename for info in self.infos]

    def read(self, name: str) -> bytes:
        """Unpack a member, no further than its size was said to be."""
        try:
            info = self._archive.getinfo(name)
            with self._archive.open(info) as member:
                content = member.read(info.file_size + 1)
        except Exception as error:  # of a dozen types
            raise ValueError(
                f"{reprlib.repr(name)}: damaged ({reason(error)}); allowed: a member"
            ) from error
        if len(content) != info.file_size:
            raise ValueError(
                f"{reprlib.repr(name)}: {len(content)} bytes found; allowed: {info.file_size}, "
                "as was said"
            )
        return content


def read_arrays(path: Path, most: int, *wanted: str) -> dict[str, NDArray[Any]]:
    """Read arrays of an .npz by name, all of them or those wanted, of at most so many bytes."""
    try:
        members = Members(read_file(path, most), most)
        known = [name.removesuffix(".npy") for name in members.names]
        if not set(wanted) <= set(known):
            raise ValueError(f"{listed(known)} found; needed: {' and '.join(wanted)}")
        return {name: parse_array(members.read(f"{name}.npy")) for name in wanted or known}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error

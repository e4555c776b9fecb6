"""Files and archives of arrays: written at once, and read no further than they are sound."""

import io
import reprlib
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neurobot import bounded
from neurobot.bounded import MEMBER_MARK, MOST_MEMBERS

MOST_BYTES = 1 << 26
UNIX = 3
# What `zipfile` ends with, besides KeyError, on bytes that are no sound archive.
DAMAGE = (zipfile.BadZipFile, struct.error, ValueError, RuntimeError, OSError, EOFError)


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Begin a sentence on what is wrong with its place."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error


def read_file(path: Path) -> bytes:
    """Read a file of a size that a network may have."""
    if not path.is_file():
        raise ValueError("no file found; allowed: a network that was saved")
    return bounded.read_file(path, MOST_BYTES)


def make_archive(members: dict[str, bytes]) -> bytes:
    """Write an archive of members as they are; the same on every machine and at every time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)  # its time is the earliest that there is
            member.create_system = UNIX
            archive.writestr(member, content)
    return target.getvalue()


def brief(error: Exception) -> str:
    """Say what went wrong in a few words, for `zipfile` may cite whole arrays."""
    return str(error)[:100]


def open_archive(content: bytes) -> zipfile.ZipFile:
    """Open an archive of members as they are, together no larger than a network may be."""
    if (entries := content.count(MEMBER_MARK)) > MOST_MEMBERS:
        raise ValueError(f"{entries} arrays found; allowed: up to {MOST_MEMBERS}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except DAMAGE as error:
        raise ValueError(f"no archive, or a damaged one ({brief(error)}); allowed: .npz") from error
    for member in archive.infolist():
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(
                f"{reprlib.repr(member.filename)} is compressed; allowed: arrays as they are"
            )
    if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes of arrays found; allowed: at most that")
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member of an archive, all of whose sizes are known to be small."""
    try:
        return archive.read(name)
    except KeyError as error:
        raise ValueError("nothing found; allowed: an array") from error
    except DAMAGE as error:
        raise ValueError(f"damaged ({brief(error)}); allowed: an array as it was saved") from error

"""Files written whole, and what to do where nothing can be written.

Whoever reads a path finds what was there before or all of the new file, even where the process is
killed, the disk is full or the power fails in between.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AGAIN = "free some space and run the same command again"
# What to do, by the error of the system.
ADVICE = {
    errno.ENOSPC: f"the disk is full; {AGAIN}",
    errno.EDQUOT: f"the disk quota is used up; {AGAIN}",
    errno.EROFS: "it is on a read-only file system; choose another place",
    errno.EACCES: "permission denied; choose another place, or have its rights changed",
    errno.EPERM: "the system does not permit it; choose another place",
    errno.EEXIST: "a file found where a folder is needed; choose another place",
    errno.ENOTDIR: "a file found where a folder is needed; choose another place",
    errno.EIO: "the disk does not answer as it should; choose another place",
}
FULL = (errno.ENOSPC, errno.EDQUOT)


def advice(error: OSError) -> str:
    """Say what is wrong, and what to do where that is known."""
    return ADVICE.get(error.errno or 0, error.strerror or str(error))


@contextmanager
def naming_place(path: Path) -> Iterator[None]:
    """Let an error of the system tell where it happened: one of writing itself does not know."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise OSError(f"{path}: {error}") from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def settle(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give the place for a new file, beside a path and of the same suffix; then it is moved there.

    Where anything is raised, the path keeps what it had. What is no file, such as a pipe, is
    written as it is.
    """
    if path.exists() and not path.is_file():
        with naming_place(path):
            yield path
        return
    target = path.resolve()
    draft = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        with naming_place(path):
            yield draft
            settle(draft)
            if target.exists():
                shutil.copymode(target, draft)
            os.replace(draft, target)
    finally:
        with suppress(OSError):  # such as that the disk is read-only
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | memoryview | str) -> None:
    """Write a file; text is written as UTF-8."""
    with whole(path) as draft:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)

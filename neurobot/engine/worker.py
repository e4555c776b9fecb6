"""A process that runs one episode after the other for another process, which may kill it."""

import ctypes
import mmap
import os
import pickle
import signal
import sys
import traceback
from contextlib import nullcontext
from multiprocessing.connection import Connection
from typing import Any

from neurobot.engine.blocks import is_foreign
from neurobot.episodes import Job, run_job
from neurobot.limits import limited

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def ignore_interrupts() -> None:
    """Leave Ctrl-C, and a terminal that is closed, to the process that waits for the workers."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def die_with_parent(parent: int) -> None:
    """Let a process whose parent was killed end too, even in native code that never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was killed before
        raise SystemExit(0)


def portable(error: Exception) -> Exception:
    """Return an error that another process can read, with a note of where it was raised."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def answer(job: Job, limit_s: float, due: Any) -> bytes:
    """Run a job; return its record, or what was raised, packed. Our own brains have no limit."""
    try:
        with limited(limit_s, due) if is_foreign(job) else nullcontext():
            return pickle.dumps(run_job(job))
    except Exception as error:
        return pickle.dumps(portable(error))


def serve(connection: Connection, limit_s: float, due: Any) -> None:
    """Run what comes, until nothing comes any more; the first answer says that it began."""
    connection.send(None)
    while True:
        connection.send_bytes(answer(connection.recv(), limit_s, due))


def main(connection: int, due: int, limit_s: float, parent: int) -> None:
    """Serve a socket of the process `parent`; due: a file of 8 bytes, see `limits.Limit`."""
    ignore_interrupts()
    die_with_parent(parent)
    shared = memoryview(mmap.mmap(due, 8)).cast("d")
    with Connection(connection) as other:
        try:
            serve(other, limit_s, shared)
        except (EOFError, ConnectionError):
            return

"""How long a brain may take for what it is asked: a wall-clock limit, in force in a whole process.

A brain in Python is interrupted where it stands, by SIGALRM. Native code that does not return lets
no signal handler run: whoever watches the process sees in shared memory since when it is at it.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

DEFAULT_LIMIT_S = 30.0  # first decisions compile


class DecisionTimeoutError(RuntimeError):
    """A brain that takes longer than it may."""


def too_long(limit_s: float) -> str:
    """Say that a brain took longer than it may."""
    return f"decision took longer than {limit_s:g} s"


def check_limit(limit_s: float) -> float:
    """Refuse a limit that cannot be kept."""
    if not 0.01 <= limit_s <= 1e6:
        raise ValueError(f"limit_s={limit_s} must be a number of seconds in 0.01..1e6")
    return limit_s


@dataclass
class Limit:
    """The limit in force; a context manager around every call of a brain, nested calls included."""

    limit_s: float = 0.0  # none
    alarm: bool = False  # interrupt it here
    due: Any = None  # writable [float]: time.monotonic() by which the call must be over; 0 between
    depth: int = 0

    def __enter__(self) -> None:
        """Let the time of a call run."""
        self.depth += 1
        if self.depth > 1 or not self.limit_s:
            return
        if self.due is not None:
            self.due[0] = time.monotonic() + self.limit_s
        if self.alarm:
            signal.setitimer(signal.ITIMER_REAL, self.limit_s)

    def __exit__(self, *error: object) -> None:
        """Stop the clock."""
        self.depth -= 1
        if self.depth or not self.limit_s:
            return
        if self.alarm:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        if self.due is not None:
            self.due[0] = 0.0


decision_limit = Limit()


def interrupt(number: int, frame: object) -> None:
    """End what the main thread is at."""
    raise DecisionTimeoutError(too_long(decision_limit.limit_s))


@contextmanager
def limited(limit_s: float, due: Any = None) -> Iterator[None]:
    """Put a limit in force in this process; due: see `Limit`.

    Only the main thread of a system with SIGALRM can be interrupted; elsewhere `due` alone tells.
    """
    limit = decision_limit
    limit.limit_s, limit.due = check_limit(limit_s), due
    limit.alarm = hasattr(signal, "SIGALRM") and (
        threading.current_thread() is threading.main_thread()
    )
    before = signal.signal(signal.SIGALRM, interrupt) if limit.alarm else None
    try:
        yield
    finally:
        if limit.alarm:
            signal.signal(signal.SIGALRM, before)
        limit.limit_s, limit.alarm, limit.due = 0.0, False, None

"""Worker processes, seen from where they are started, watched and replaced.

They are started with a socket, and not by `multiprocessing`: that would run the caller's main
module again, and would not tell which episode ended a process.
"""

import mmap
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from neurobot.engine.blocks import Done
from neurobot.episodes import Job, Record, faulty
from neurobot.limits import too_long

GRACE_S = 1.0  # from the limit of a decision, or from goodbye, until a process is killed
TICK_S = 0.2  # between two looks at the processes
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r}; "
    "from neurobot.engine.worker import main; main({connection}, {due}, {limit_s})"
)


class EngineError(RuntimeError):
    """Episodes cannot run where they should."""


class Death(NamedTuple):
    """The end of a process in the middle of an episode; certain: it would die again."""

    reason: str
    certain: bool


def ending(status: int) -> str:
    """Say how a process ended, by its status; below 0: by which signal."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


class Worker:
    """A process that runs one job after the other."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.job: Job | None = None
        self.began = self.overdue = False
        mine, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as shared:
            shared.truncate(8)
            self.due = memoryview(mmap.mmap(shared.fileno(), 8)).cast("d")
            files = {"connection": theirs.fileno(), "due": shared.fileno()}
            code = START.format(path=sys.path, limit_s=limit_s, **files)
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=files.values()
            )
        self.connection = Connection(mine.detach())

    def give(self, job: Job) -> None:
        """Let it run a job."""
        self.job = job
        with suppress(ConnectionError):  # it has died meanwhile, which `hear` tells
            self.connection.send(job)

    def hear(self) -> Record | Death | None:
        """Return what came of its job, and raise what was raised there; None: nothing yet."""
        ended = self.process.poll() is not None
        if not self.connection.poll():
            return self.death() if ended else None
        try:
            found: Record | Exception | None = self.connection.recv()
        except (EOFError, ConnectionError):
            return self.death()
        self.began = True
        if isinstance(found, Exception):
            raise found
        return found

    def watch(self) -> None:
        """Kill it if a decision takes too long."""
        due = self.due[0]
        if due and time.monotonic() > due + GRACE_S and not self.overdue:
            self.overdue = True
            self.process.kill()

    def death(self) -> Death:
        """Say how it died."""
        how = ending(self.reap(GRACE_S))
        if not self.began:
            raise EngineError(f"a worker process cannot begin ({how}); see its own words above")
        if self.overdue:
            return Death(too_long(self.limit_s), certain=True)
        return Death(f"worker process died ({how})", certain=False)

    def end(self) -> None:
        """Let it end; kill it if it is at work."""
        self.reap(GRACE_S if self.job is None else 0.0)

    def reap(self, patience_s: float) -> int:
        """Wait for its end and return its status; kill it when patience is at its end."""
        self.connection.close()
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


Found = list[tuple[Job, Record | Death]]


def collect(busy: list[Worker], idle: list[Worker]) -> Found:
    """Gather what came of jobs; who is done is idle, who is dead is gone."""
    found: Found = []
    for worker in list(busy):
        worker.watch()
        came = worker.hear()
        if came is None or worker.job is None:
            continue
        found.append((worker.job, came))
        busy.remove(worker)
        if isinstance(came, Record):
            worker.job = None
            idle.append(worker)
    return found


def deal(
    jobs: Sequence[Job], processes: int, limit_s: float, idle: list[Worker]
) -> Generator[Found, None, None]:
    """Give each job to a process of its own for the time that it takes; yield what comes of some.

    idle: processes that wait for work, taken first; those that are left wait there.
    """
    left, busy = deque(jobs), list[Worker]()
    try:
        while left or busy:
            while left and len(busy) < processes:
                busy.append(idle.pop() if idle else Worker(limit_s))
                busy[-1].give(left.popleft())
            wait([worker.connection for worker in busy], TICK_S)
            if found := collect(busy, idle):
                yield found
    finally:
        for worker in busy:
            worker.end()


def run_in_workers(
    jobs: Sequence[Job], processes: int, limit_s: float, idle: list[Worker] | None = None
) -> Generator[Done, None, None]:
    """Yield some jobs with their records at a time, whatever becomes of the processes.

    A job whose process dies is run again when all others are done, alone, since it may have been
    another one's hunger for memory; if its process dies again, or takes too long for a decision,
    its record is a fault. idle: see `deal`; without it no process is left.
    """
    kept = [] if idle is None else idle
    suspects: list[Job] = []
    try:
        for found in deal(jobs, processes, limit_s, kept):
            suspects += [job for job, came in found if not settled(came)]
            yield [(job, to_fault(job, came)) for job, came in found if settled(came)]
        for found in deal(suspects, 1, limit_s, kept):
            yield [(job, to_fault(job, came)) for job, came in found]
    finally:
        for worker in kept if idle is None else ():
            worker.end()


def settled(came: Record | Death) -> bool:
    """Whether what came of a job stands."""
    return isinstance(came, Record) or came.certain


def to_fault(job: Job, came: Record | Death) -> Record:
    """Return the record of a job, or that of a fault whose reason is a death."""
    return came if isinstance(came, Record) else faulty(job, came.reason)

"""Worker processes, seen from where they are started, watched and replaced.

They are started with a socket, and not by `multiprocessing`: that would run the caller's main
module again, and would not tell which episode ended a process.
"""

import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from neurobot.engine.blocks import Done, is_foreign
from neurobot.episodes import Job, Record, faulty
from neurobot.limits import too_long

TRIES = 2  # of an episode of somebody else's brain, until a death is its own fault
MOST_DEATHS = 5  # in one episode: of processes that are not to blame on a brain
GRACE_S = 1.0  # from the limit of a decision, or from goodbye, until a process is killed
TICK_S = 0.2  # between two looks at the processes
START = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = {path!r}; "
    "from neurobot.engine.worker import main; main({connection}, {due}, {limit_s}, {parent})"
)


class EngineError(RuntimeError):
    """Episodes cannot run where they should."""


class Death(NamedTuple):
    """The end of a process in the middle of an episode.

    certain: it would die again; began: it had come as far as to take the episode.
    """

    reason: str
    certain: bool = False
    began: bool = True


def ending(status: int) -> str:
    """Say how a process ended, by its status; below 0: by which signal."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def shared_clock() -> int:
    """Return a file of 8 bytes, all 0, that takes room on no disk where the system allows it."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("due")
    else:
        with tempfile.TemporaryFile() as spare:
            file = os.dup(spare.fileno())
    os.write(file, bytes(8))
    return file


class Worker:
    """A process that runs one job after the other."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.job: Job | None = None
        self.began = self.overdue = False
        mine, theirs = socket.socketpair()
        clock = shared_clock()
        self.due = memoryview(mmap.mmap(clock, 8)).cast("d")
        files = {"connection": theirs.fileno(), "due": clock}
        code = START.format(path=sys.path, limit_s=limit_s, parent=os.getpid(), **files)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code], stdin=subprocess.DEVNULL, pass_fds=files.values()
            )
        finally:
            theirs.close()
            os.close(clock)
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
        status = self.reap(GRACE_S)
        how = ending(status)
        if not self.began and status >= 0:
            raise EngineError(f"a worker process cannot begin ({how}); see its own words above")
        if self.overdue:
            return Death(too_long(self.limit_s), certain=True)
        return Death(f"worker process died ({how})", began=self.began)

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
    another one's hunger for memory; see `stands` for one whose process dies again. idle: see
    `deal`; without it no process is left.
    """
    kept = [] if idle is None else idle
    left, deaths = list(jobs), Counter[Job]()
    try:
        while left:
            suspects: list[Job] = []
            for found in deal(left, processes, limit_s, kept):
                deaths.update(job for job, came in found if isinstance(came, Death))
                final = [pair for pair in found if stands(*pair, deaths[pair[0]])]
                yield [to_done(*pair) for pair in final]
                suspects += [again(*pair, deaths[pair[0]]) for pair in found if pair not in final]
            left, processes = suspects, 1
    finally:
        for worker in kept if idle is None else ():
            worker.end()


def stands(job: Job, came: Record | Death, deaths: int) -> bool:
    """Whether what came of a job is its end; deaths: of processes that had it.

    A death is, where a decision took too long, and where it is the second one of somebody else's
    brain.
    """
    if isinstance(came, Record) or came.certain:
        return True
    return is_foreign(job) and came.began and deaths >= TRIES


def again(job: Job, came: Record | Death, deaths: int) -> Job:
    """Return a job that is to be run again, unless that is hopeless: no brain is to blame."""
    if deaths >= MOST_DEATHS and isinstance(came, Death):
        raise EngineError(
            f"{job.controller}, episode {job.episode}: {came.reason} {deaths} times; is there "
            "enough memory? What is done is kept with --out DIR; the same command goes on from "
            "there"
        )
    return job


def to_done(job: Job, came: Record | Death) -> tuple[Job, Record]:
    """Return a job with its record, or with that of a fault whose reason is a death."""
    return job, came if isinstance(came, Record) else faulty(job, came.reason)

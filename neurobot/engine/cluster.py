"""Episodes on the machines of a Ray cluster.

A node needs neurobot in the same version with the same extras; a controller, network or world file
of one's own needs to be there as well, by the same path or with `ray job submit --working-dir`.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

try:
    import ray as ray
    from ray.exceptions import RayError, RayTaskError
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "working across machines needs Ray: pip install 'neurobot[ray]'"
    ) from missing

from neurobot.engine.blocks import BLOCK, Done, alike, in_blocks, is_foreign, rolling
from neurobot.engine.workers import EngineError, Worker, run_in_workers
from neurobot.episodes import Job, Record, roll, run_job
from neurobot.version import __version__

RETRIES = 10  # of a task whose process or node dies
AHEAD = 2  # tasks for each core: one at work, one on its way
ANSWER_S = 5.0

idle: list[Worker] = []  # in a process of Ray's: for somebody else's controllers


@dataclass(frozen=True)
class Desk:
    """Where the caller works, and with what."""

    limit_s: float
    version: str = __version__
    folder: str = field(default_factory=os.getcwd)
    path: tuple[str, ...] = field(default_factory=lambda: tuple(sys.path))

    def take(self) -> None:
        """Work there too, where this machine has the folder; refuse another version."""
        if self.version != __version__:
            raise ValueError(f"ray: a node has neurobot {__version__}, {self.version} needed")
        if os.path.isdir(self.folder):
            os.chdir(self.folder)
        sys.path += [place for place in self.path if place not in sys.path]


def run_block(jobs: Sequence[Job], desk: Desk) -> list[Record]:
    """Run some alike jobs, in a process of Ray's."""
    desk.take()
    if is_foreign(jobs[0]):
        found = run_in_workers(jobs, 1, desk.limit_s, idle)
        records = dict(pair for done in found for pair in done)
        return [records[job] for job in jobs]
    seated = rolling(jobs[0])
    return roll(jobs, *seated, 1) if seated else [run_job(job) for job in jobs]


def check_address(address: str) -> None:
    """Refuse an address where nobody answers; Ray itself would ask there for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # a word of Ray's, such as auto
    try:
        socket.create_connection((host, int(port)), ANSWER_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise ConnectionError(f"address={address!r}: no cluster answers there: {error}") from error


@contextmanager
def connected(address: str | None = None) -> Iterator[None]:
    """Work with a Ray cluster (default: the one that Ray finds, or a new one on this machine).

    One that the caller is connected to already is taken, and stays.
    """
    if ray.is_initialized():
        yield
        return
    if address is not None:
        check_address(address)
    with keeping_handlers():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def keeping_handlers() -> Iterator[None]:
    """Keep what SIGTERM does here: Ray would have it end the process, whatever that is at."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


def count_cores() -> int:
    """Count the cores of the cluster as it is now."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(int(resources.get("CPU", 1)), 1)


def fetch(task: Any) -> list[Record]:
    """Return what came of a task, and raise what was raised there."""
    try:
        records: list[Record] = ray.get(task)
    except RayTaskError as error:
        raise error.cause from None
    except RayError as error:
        raise EngineError(f"ray: {str(error).strip().splitlines()[0]}") from error
    return records


def run_on_cluster(
    jobs: Sequence[Job], address: str | None, limit_s: float
) -> Generator[Done, None, None]:
    """Yield some jobs with their records at a time, as nodes are done with them.

    Tasks are handed out as cores come and go; those of a node that dies are run again.
    """
    left = deque(block for group in alike(jobs) for block in in_blocks(group, BLOCK))
    task, desk = ray.remote(max_retries=RETRIES)(run_block), Desk(limit_s)
    waiting: dict[Any, Sequence[Job]] = {}
    with connected(address):
        try:
            while left or waiting:
                while left and len(waiting) < AHEAD * count_cores():
                    block = left.popleft()
                    waiting[task.remote(block, desk)] = block
                for done in ray.wait(list(waiting))[0]:
                    yield list(zip(waiting.pop(done), fetch(done), strict=True))
        finally:
            for lost in waiting:
                ray.cancel(lost, force=True)

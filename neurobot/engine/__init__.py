"""Where episodes run: in this process, or in several of this machine."""

import multiprocessing
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import groupby

from neurobot.episodes import Job, Record, open_env, roll, run_job, seat_controller
from neurobot.rollout import rolls

BLOCK = 5  # episodes that a worker takes at a time


def run_block(jobs: Sequence[Job]) -> list[Record]:
    """Run some episodes one after the other."""
    return [run_job(job) for job in jobs]


def in_blocks(jobs: Sequence[Job], size: int) -> list[Sequence[Job]]:
    """Part the jobs into blocks."""
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


def run_jobs(jobs: Sequence[Job], processes: int) -> Generator[list[Record], None, None]:
    """Yield the records of some jobs at a time: first of those that roll, here, then of others."""
    others: list[Job] = []
    for _, group in groupby(jobs, key=lambda job: (job.controller, job.scenario)):
        same = list(group)
        env = open_env(same[0].env, same[0].scenario, same[0].options)
        controller = seat_controller(same[0], env)
        if not rolls(controller, env):
            others += same
            continue
        for block in in_blocks(same, BLOCK * processes):
            yield roll(block, env, controller, processes)
    yield from run_blocks(in_blocks(others, BLOCK), processes)


def ignore_interrupts() -> None:
    """Leave Ctrl-C to the process that waits for the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_blocks(blocks: Sequence[Sequence[Job]], jobs: int) -> Generator[list[Record], None, None]:
    """Yield the records of each block as it is done, in this process or in several."""
    if jobs == 1 or len(blocks) <= 1:
        yield from (run_block([job]) for block in blocks for job in block)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(blocks)), context, ignore_interrupts)
    waiting: set[Future[list[Record]]] = {pool.submit(run_block, block) for block in blocks}
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        pool.shutdown(wait=not waiting, cancel_futures=True)

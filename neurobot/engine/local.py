"""Episodes on this machine."""

from collections.abc import Generator, Sequence

from neurobot.engine.blocks import BLOCK, Done, alike, in_blocks, is_foreign, module_of, rolling
from neurobot.engine.workers import run_in_workers
from neurobot.episodes import Job, roll, run_job


def run_here(jobs: Sequence[Job], processes: int, limit_s: float) -> Generator[Done, None, None]:
    """Run first what rolls, on threads, then the others: in this process, or in several.

    Somebody else's controllers have a process of their own in any case.
    """
    stepped: list[Job] = []
    for group in alike(jobs):
        seated = rolling(group[0])
        if seated is None:
            stepped += group
            continue
        for block in in_blocks(group, BLOCK * processes):
            yield list(zip(block, roll(block, *seated, processes), strict=True))
    elsewhere = [job for job in stepped if goes_elsewhere(job, processes)]
    for job in stepped:
        if not goes_elsewhere(job, processes):
            yield [(job, run_job(job))]
    yield from run_in_workers(elsewhere, processes, limit_s)


def goes_elsewhere(job: Job, processes: int) -> bool:
    """Whether a job that does not roll runs in another process than this one."""
    return is_foreign(job) or (processes > 1 and module_of(job) != "__main__")

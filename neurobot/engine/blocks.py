"""Jobs that belong together, and which way each goes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from neurobot.controllers import CONTROLLERS
from neurobot.episodes import Job, Record, open_env, seat_controller
from neurobot.rollout import rolls

BLOCK = 5  # episodes that are taken at a time, by each thread or task
OURS = "neurobot"

Done = list[tuple[Job, Record]]


def alike(jobs: Sequence[Job]) -> Iterator[list[Job]]:
    """Part the jobs into neighbours of one controller in worlds of one kind."""
    for _, group in groupby(jobs, key=lambda job: job.setting):
        yield list(group)


def in_blocks(jobs: Sequence[Job], size: int) -> list[Sequence[Job]]:
    """Part the jobs into blocks."""
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


def module_of(job: Job) -> str:
    """Name the module of the job's controller."""
    place = job.controller.partition("?")[0]
    return CONTROLLERS.get(place, place).partition(":")[0]


def is_foreign(job: Job) -> bool:
    """Whether the job's controller is somebody else's: it may die or hang.

    One of the main module has no name under which another process could find it.
    """
    return module_of(job).partition(".")[0] not in (OURS, "__main__")


def rolling(job: Job) -> tuple[Any, Any] | None:
    """Return environment and controller of a job whose episodes run as kernels; None: they do not.

    Says what is wrong with either.
    """
    if is_foreign(job):
        return None
    env = open_env(job.env, job.scenario, job.options)
    controller = seat_controller(job, env)
    return (env, controller) if rolls(controller, env) else None

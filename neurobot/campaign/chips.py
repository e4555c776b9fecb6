"""The chip of a brain, opened outside of a campaign's episodes."""

from typing import Any, NamedTuple

from neurobot.episodes import ENVS, Job, open_env, options_for, seat_controller
from neurobot.faults.memory import Memory, Substrate
from neurobot.faults.seats import find_substrate


class Chip(NamedTuple):
    """A seated controller, the environment it sits in, and its chip."""

    controller: Any
    env: Any
    substrate: Substrate


def job_of_brain(controller: str, env: str = ENVS[0], scenario: str = "forest") -> Job:
    """Return an episode of a controller, which gets the sensor that it names."""
    return Job(controller, env, scenario, 0, 0, options=options_for(controller, {}))


def open_chip(job: Job) -> Chip:
    """Seat the controller of a sound episode, and open its chip."""
    env = open_env(job.env, job.scenario, job.options)
    controller = seat_controller(job, env)
    return Chip(controller, env, find_substrate(controller, env.unwrapped))


def memories_of(job: Job) -> tuple[Memory, ...]:
    """Return the memories of a controller's chip; none where no chip of it is modelled."""
    try:
        return open_chip(job).substrate.memories
    except ValueError:
        return ()

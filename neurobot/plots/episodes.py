"""The episodes that a picture shows: those that `neurobot evaluate` runs, a step at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from neurobot.episodes import ENVS, Job, open_env, options_for, seat_controller, world_options
from neurobot.loop import Observation, Timing, Trial


@dataclass(frozen=True)
class Course:
    """Worlds to drive through: episode i has the seed `seed + i` (and world i of a file)."""

    env: str = ENVS[0]
    scenario: str = "forest"
    episodes: int = 1
    seed: int = 0
    timing: Timing = field(default_factory=Timing)
    options: tuple[tuple[str, Any], ...] = ()  # further keywords of the environment

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError(f"episodes={self.episodes} must be 1 or more")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must be 0 or more")

    def job(self, controller: str, episode: int) -> Job:
        """Say what decides an episode of a controller."""
        options = options_for(controller, dict(self.options))
        seed = self.seed + episode
        return Job(controller, self.env, self.scenario, episode, seed, self.timing, options)

    def check(self, controllers: Sequence[str]) -> None:
        """Refuse what is wrong before anything runs."""
        for controller in controllers:
            seat(self.job(controller, 0))


def seat(job: Job) -> tuple[Any, Any]:
    """Return the environment of an episode, and the controller that knows its robot."""
    env = open_env(job.env, job.scenario, job.options)
    return env, seat_controller(job, env)


def begin(job: Job) -> Trial:
    """Put a controller into the world of an episode; one trial at a time in one environment."""
    env, controller = seat(job)
    return Trial(env, controller, job.seed, job.timing, world_options(job, env))


def each_decision(trial: Trial) -> Iterator[Observation]:
    """Drive to the end; after each step that began a decision, give what it was about."""
    while not trial.ended:
        seen, before = trial.observation, trial.pilot.decisions
        trial.step()
        if trial.pilot.decisions > before:
            yield seen

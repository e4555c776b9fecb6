"""One episode of an evaluation: what decides it, how it is run, and what is kept of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import gymnasium as gym

from neurobot.controllers import make_controller, named_sensor
from neurobot.envs.batch import Batch
from neurobot.envs.maps import Generated
from neurobot.envs.planner import shortest_path_m
from neurobot.envs.settings import Settings
from neurobot.events import Events, kind_of
from neurobot.loop import Episode, Timing, attach, require_delays, run_episode
from neurobot.rollout import Arena
from neurobot.version import __version__

ENVS = ("neurobot/Avoidance-v0", "neurobot/Navigation-v0")


@dataclass(frozen=True)
class Job:
    """One episode to run: everything that decides its result."""

    controller: str
    env: str
    scenario: str
    episode: int
    seed: int
    timing: Timing = field(default_factory=Timing)
    options: tuple[tuple[str, Any], ...] = ()  # further keywords of the environment

    @property
    def key(self) -> dict[str, Any]:
        """The same as plain values, with the version that ran it."""
        return {**asdict(self), "options": dict(self.options), "version": __version__}


@dataclass(frozen=True)
class Record(Episode):
    """One episode and what it was; joules and watts follow from its events by a cost table."""

    controller: str
    env: str
    scenario: str
    episode: int
    seed: int
    shortest_m: float | None  # to the goal, for the inscribed disc; None where there is no goal

    @property
    def success(self) -> bool:
        """Whether the task was done."""
        return self.outcome == "success"

    @property
    def spl(self) -> float | None:
        """Success weighted by path length (Anderson et al. 2018); None where there is no goal."""
        if self.shortest_m is None:
            return None
        return self.success * self.shortest_m / max(self.path_m, self.shortest_m)

    @property
    def mean_speed_mps(self) -> float:
        """Path driven over time."""
        return self.path_m / self.duration_s


def make_env(env: str, scenario: str, options: tuple[tuple[str, Any], ...]) -> Any:
    """Build an environment."""
    try:
        return gym.make(env, disable_env_checker=True, scenario=scenario, **dict(options))
    except TypeError as error:  # it is somebody else's, and knows no scenario
        raise ValueError(f"env: {env} has no worlds of ours; known: {', '.join(ENVS)}") from error


open_env = lru_cache(maxsize=8)(make_env)  # once per process


def world_options(job: Job, env: Any) -> dict[str, Any] | None:
    """Return the reset options of an episode: which world of a file."""
    count = env.unwrapped.batch.worlds.count
    return {"world": job.episode % count} if count else None


def name_world(job: Job, batch: Batch) -> str:
    """Name the world of an episode: by its seed, or by its place in a file of many."""
    worlds = batch.worlds
    if isinstance(worlds, Generated) or worlds.count == 1:
        return f"seed {job.seed}"
    return f"world {worlds.positions[job.episode % worlds.count]}, seed {job.seed}"


def seat_controller(job: Job, env: Any) -> Any:
    """Build the job's controller and let it know the robot."""
    require_delays(env)
    controller = make_controller(job.controller)
    attach(controller, env)
    return controller


def to_record(job: Job, episode: Episode, batch: Batch, row: int) -> Record:
    """Say of an episode in a row of a batch what it was."""
    scene = batch.scenes[row]
    return Record(
        **vars(episode),
        controller=job.controller,
        env=job.env,
        scenario=job.scenario,
        episode=job.episode,
        seed=job.seed,
        shortest_m=shortest_path_m(scene, batch.robot) if scene and batch.task.has_goal else None,
    )


def run_job(job: Job) -> Record:
    """Run one episode step by step."""
    env = open_env(job.env, job.scenario, job.options)
    controller = seat_controller(job, env)
    episode = run_episode(env, controller, job.seed, job.timing, world_options(job, env))
    return to_record(job, episode, env.unwrapped.batch, 0)


def roll(jobs: Sequence[Job], env: Any, controller: Any, threads: int) -> list[Record]:
    """Run episodes of one controller in one scenario as kernels."""
    count = env.unwrapped.batch.worlds.count
    worlds = [job.episode % count for job in jobs] if count else None
    arena = Arena(env, [job.seed for job in jobs], worlds=worlds, timing=jobs[0].timing)
    episodes = arena.run(controller.brain_for(arena.seeking), threads=threads)
    return [
        to_record(job, episode, arena.batch, i)
        for i, (job, episode) in enumerate(zip(jobs, episodes, strict=True))
    ]


def to_result(record: Record) -> dict[str, Any]:
    """Turn a record into what the store keeps; its events name their chip."""
    result = asdict(record)
    if record.events is not None:
        result["events"] = {"chip": record.events.chip, **result["events"]}
    return result


def from_result(result: dict[str, Any]) -> Record:
    """Turn what the store keeps into a record; events that name no chip are the spiking one's."""
    events = result.pop("events")
    if events is not None:
        events = kind_of(events.pop("chip", Events.chip))(**events)
    return Record(**result, events=events)


def options_for(controller: str, options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Complete an environment's keywords by the sensor that a controller names, where none is set.

    The default sensor is not spelt out: stored episodes are found by these keywords.
    """
    sensor = named_sensor(controller)
    named = {} if sensor in (None, Settings.sensor) else {"sensor": sensor}
    kept = sorted({**named, **options}.items())
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in kept)

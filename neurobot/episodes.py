"""One episode of an evaluation: what decides it, how it is run, and what is kept of it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym

from neurobot.bounded import reason
from neurobot.controllers import find_controller, make_controller, named_sensor
from neurobot.envs.batch import Batch
from neurobot.envs.maps import Generated
from neurobot.envs.planner import shortest_path_m
from neurobot.envs.scene import Scene
from neurobot.envs.settings import Settings
from neurobot.events import Counts, Events, kind_of, kinds
from neurobot.faults.draw import Upsets, from_text
from neurobot.faults.faulted import Faulted
from neurobot.faults.spec import Faults
from neurobot.loop import Episode, Idle, Timing, Trial, attach, require_delays, run_guarded
from neurobot.ranges import check_types
from neurobot.rollout import Arena
from neurobot.store import StoreError
from neurobot.trace import unpack
from neurobot.version import __version__
from neurobot.worlds import worlds_of

ENVS = ("neurobot/Avoidance-v0", "neurobot/Navigation-v0")


class Cell(NamedTuple):
    """Where an episode belongs in a suite."""

    suite: str
    task: str
    condition: str
    level: str


Place = tuple[str, str, str, Cell | None, int]


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
    cell: Cell | None = None
    faults: Faults | None = None

    @property
    def setting(self) -> "Job":
        """The same for all episodes of one controller in worlds of one kind."""
        return replace(self, episode=0, seed=0)

    @property
    def place(self) -> Place:
        """Which episode of an evaluation it is."""
        return self.controller, self.env, self.scenario, self.cell, self.episode

    @property
    def key(self) -> dict[str, Any]:
        """The same as plain values, with the version that ran it; cell and faults, if there are."""
        key = {**asdict(self), "options": dict(self.options), "version": __version__}
        for name in ("cell", "faults"):
            if key[name] is None:
                del key[name]
        return key


@dataclass(frozen=True)
class Record(Episode):
    """One episode and what it was; joules and watts follow from its events by a cost table."""

    controller: str
    env: str
    scenario: str
    cell: Cell | None
    episode: int
    seed: int
    shortest_m: float | None  # to the goal, see `shortest_of`
    progress: float  # 0..1, see `progress_of`
    fastest_s: float | None = None  # the shortest way at top speed
    upsets: Upsets | None = None  # what went wrong; None: nothing was meant to

    @property
    def place(self) -> Place:
        """Which episode of an evaluation it is."""
        return self.controller, self.env, self.scenario, self.cell, self.episode

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
    def soft_spl(self) -> float | None:
        """The same, weighted by progress instead; None where there is no goal."""
        if self.shortest_m is None:
            return None
        return self.progress * self.shortest_m / max(self.path_m, self.shortest_m)

    @property
    def sct(self) -> float | None:
        """Success weighted by completion time (Yokoyama et al. 2021), whose optimum is `fastest_s`.

        None where there is no goal.
        """
        if self.fastest_s is None:
            return None
        return self.success * self.fastest_s / max(self.duration_s, self.fastest_s)

    @property
    def score(self) -> float:
        """From 0 to 1: SPL where there is a goal, progress where there is none."""
        return self.progress if self.spl is None else self.spl

    @property
    def mean_speed_mps(self) -> float:
        """Path driven over time."""
        return self.path_m / self.duration_s if self.duration_s else 0.0


def job_of(key: Mapping[str, Any]) -> Job:
    """Return the job whose key this is, whichever version ran it."""
    given = {name: value for name, value in key.items() if name != "version"}
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.pop("options").items()
    }
    timing, cell = Timing(**given.pop("timing")), given.pop("cell", None)
    place, told = cell and Cell(*cell), given.pop("faults", None)
    faults = told and Faults(**told)
    job = Job(**given, timing=timing, options=tuple(options.items()), cell=place, faults=faults)
    check_kept("job", job, timing, place, faults)
    return job


def check_kept(where: str, *parts: Any) -> None:
    """Refuse what was kept in another form than it is kept in."""
    for part in parts:
        if part is not None:
            check_types(where, part)


@contextmanager
def reading_records(folder: Path) -> Iterator[None]:
    """Say in one sentence that a run folder holds something else than episodes of ours."""
    try:
        yield
    except StoreError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise StoreError(f"{folder}: records of another form found: {reason(error)}") from error


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
    """Build the job's controller, with its faults, and let it know the robot."""
    require_delays(env)
    controller = make_controller(job.controller)
    attach(controller, env)
    if job.faults is None:
        return controller
    return Faulted(controller, env.unwrapped, job.faults, job.timing)


def share_of_way(scene: Scene, end: Sequence[float]) -> float:
    """Return how much nearer to the goal a point is than the start, 0..1, as the crow flies.

    (Where a robot touched something, no way on need exist.)
    """
    ahead_m = math.dist(scene.start[:2], scene.goal)
    return max(1.0 - math.dist(end, scene.goal) / ahead_m, 0.0) if ahead_m else 1.0


def progress_of(episode: Episode, batch: Batch, row: int) -> float:
    """Tell how much of its task an episode in a row of a batch did, 0..1.

    With a goal: the share of the way. Without: the share of its time without contact times the
    share of the ground asked for.
    """
    scene, task = batch.scenes[row], batch.task
    if episode.outcome == "success":
        return 1.0
    if task.has_goal and scene is not None:
        return share_of_way(scene, unpack(episode.trace).path_m[-1].tolist())
    limit_s = float(batch.state.rows["time_limit"][row]) * batch.clock.control_s
    return episode.duration_s / limit_s * min(episode.ground_m2 / max(task.ground_cells, 1), 1.0)


def shortest_of(job: Job, batch: Batch, row: int) -> float | None:
    """Length of the shortest way to the goal; None: there is no goal, or no way.

    In worlds of a suite for the footprint, from its table; elsewhere for the inscribed disc.
    """
    scene, cell = batch.scenes[row], job.cell
    if scene is None or not batch.task.has_goal:
        return None
    known = worlds_of(cell.suite).get((cell.task, cell.level, job.episode)) if cell else None
    if known and known.seed == job.seed:
        return known.footprint_m
    return shortest_path_m(scene, batch.robot)


def to_record(job: Job, episode: Episode, batch: Batch, row: int) -> Record:
    """Say of an episode in a row of a batch what it was."""
    shortest_m = shortest_of(job, batch, row)
    return Record(
        **vars(episode),
        controller=job.controller,
        env=job.env,
        scenario=job.scenario,
        cell=job.cell,
        episode=job.episode,
        seed=job.seed,
        shortest_m=shortest_m,
        fastest_s=None if shortest_m is None else shortest_m / batch.robot.max_speed_mps,
        progress=progress_of(episode, batch, row),
    )


def run_job(job: Job) -> Record:
    """Run one episode step by step."""
    env = open_env(job.env, job.scenario, job.options)
    controller = seat_controller(job, env)
    episode = run_guarded(env, controller, job.seed, job.timing, world_options(job, env))
    record = to_record(job, episode, env.unwrapped.batch, 0)
    return record if job.faults is None else replace(record, upsets=controller.upsets)


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


def faulty(job: Job, reason: str) -> Record:
    """Return the record of an episode whose brain could not even be asked what it did."""
    env = open_env(job.env, job.scenario, job.options)
    trial = Trial(env, Idle(), job.seed, job.timing, world_options(job, env))
    return to_record(job, trial.episode(reason), env.unwrapped.batch, 0)


def to_result(record: Record) -> dict[str, Any]:
    """Turn a record into plain values, but for its trace; its events name their chip."""
    result = asdict(record)
    del result["trace"]
    if record.upsets is None:
        del result["upsets"]
    if record.events is not None:
        result["events"] = {"chip": record.events.chip, **result["events"]}
    return result


def counts_of(told: Mapping[str, Any], controller: str) -> Counts:
    """Read events; a chip of a user's own is known once its controller's module is loaded."""
    counts = dict(told)
    chip = counts.pop("chip", Events.chip)
    if chip not in {kind.chip for kind in kinds()}:
        with suppress(ValueError):
            find_controller(controller.partition("?")[0])
    return kind_of(chip)(**counts)


def from_result(result: Mapping[str, Any], trace: bytes = b"") -> Record:
    """Turn what the store keeps into a record; events that name no chip are the spiking one's."""
    kept, events, cell = dict(result), result["events"], result["cell"]
    if events is not None:
        kept["events"] = counts_of(events, kept["controller"])
    if cell is not None:
        kept["cell"] = Cell(*cell)
    if kept.get("upsets") is not None:
        kept["upsets"] = Upsets(**kept["upsets"])
    record = Record(**kept, trace=trace)
    check_kept("record", record, record.events, record.cell, record.upsets)
    # What is damaged is refused while it is known whose it is.
    if trace:
        unpack(trace)
    if record.upsets is not None:
        from_text(record.upsets.drawn)
    return record


def options_for(controller: str, options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Complete an environment's keywords by the sensor that a controller names, where none is set.

    The default sensor is not spelt out: stored episodes are found by these keywords.
    """
    sensor = named_sensor(controller)
    named = {} if sensor in (None, Settings.sensor) else {"sensor": sensor}
    kept = sorted({**named, **options}.items())
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in kept)

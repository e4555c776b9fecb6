"""Controllers x scenarios x seeds -> records: in this process or in several, kept and resumed."""

import multiprocessing
import signal
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import gymnasium as gym

import neurobot
from neurobot.controllers import make_controller, named_sensor
from neurobot.envs.batch import Batch
from neurobot.envs.maps import Generated
from neurobot.envs.planner import shortest_path_m
from neurobot.envs.settings import Settings
from neurobot.events import Events, kind_of
from neurobot.loop import Episode, Timing, attach, require_delays, run_episode
from neurobot.rollout import Arena, rolls
from neurobot.store import Store

ENVS = ("neurobot/Avoidance-v0", "neurobot/Navigation-v0")
BLOCK = 5  # episodes that a worker takes at a time

Progress = Callable[[int, int], None]


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
        return {**asdict(self), "options": dict(self.options), "version": neurobot.__version__}


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


def run_block(jobs: Sequence[Job]) -> list[Record]:
    """Run some episodes one after the other."""
    return [run_job(job) for job in jobs]


def in_blocks(jobs: Sequence[Job], size: int) -> list[Sequence[Job]]:
    """Part the jobs into blocks."""
    return [jobs[i : i + size] for i in range(0, len(jobs), size)]


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


def names(value: str | Sequence[str]) -> list[str]:
    """Accept one name or several."""
    return [value] if isinstance(value, str) else list(value)


def options_for(controller: str, options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Complete an environment's keywords by the sensor that a controller names, where none is set.

    The default sensor is not spelt out: stored episodes are found by these keywords.
    """
    sensor = named_sensor(controller)
    named = {} if sensor in (None, Settings.sensor) else {"sensor": sensor}
    kept = sorted({**named, **options}.items())
    return tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in kept)


def evaluate(
    controllers: str | Sequence[str],
    *,
    env: str = ENVS[0],
    scenario: str | Sequence[str] = "forest",
    episodes: int = 20,
    seed: int = 0,
    jobs: int = 1,
    out: str | Path | None = None,
    clock_hz: float | None = None,
    late: str = "hold",
    instant: bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> list[Record]:
    """Run every controller in every scenario, and return the records in that order.

    Episode i has the seed `seed + i` (and world i of a file of many), for all controllers alike;
    results do not depend on `jobs`, the number of processes (or of threads, where a spiking brain's
    episodes run as kernels). With `out`, episodes are kept there as
    they end, and those that are there already are not run again. clock_hz, late and instant: see
    `loop.Timing`. options: further keywords of the environment; without
    `sensor` each controller gets the one that it names. progress: called with how many
    episodes are done, and how many there are.

    With jobs > 1, call it from under ``if __name__ == "__main__":``, since workers import the main
    module.
    """
    if episodes < 1:
        raise ValueError(f"episodes={episodes} must be 1 or more")
    if seed < 0:
        raise ValueError(f"seed={seed} must be 0 or more")
    if jobs < 1:
        raise ValueError(f"jobs={jobs} must be 1 or more")
    timing = Timing(clock_hz, late, instant)
    kept = {controller: options_for(controller, options) for controller in names(controllers)}
    wanted = [
        Job(controller, env, name, i, seed + i, timing, kept[controller])
        for name in names(scenario)
        for controller in names(controllers)
        for i in range(episodes)
    ]
    for job in wanted[::episodes]:  # say what is wrong before anything runs
        seat_controller(job, open_env(job.env, job.scenario, job.options))
    with ExitStack() as stack:
        store = stack.enter_context(Store(Path(out))) if out is not None else None
        return run_wanted(wanted, jobs, store, progress or (lambda done, total: None))


def run_wanted(
    wanted: Sequence[Job], jobs: int, store: Store | None, progress: Progress
) -> list[Record]:
    """Run the jobs that the store does not hold; return the records of all in order."""
    records: dict[Job, Record] = {}
    for job in wanted:
        result = store.find(job.key) if store else None
        if result is not None:
            records[job] = from_result(result)
    missing = [job for job in dict.fromkeys(wanted) if job not in records]
    by_place = {(job.controller, job.scenario, job.episode): job for job in missing}
    progress(len(records), len(wanted))
    with closing(run_jobs(missing, jobs)) as finished:
        for block in finished:
            for record in block:
                job = by_place[record.controller, record.scenario, record.episode]
                records[job] = record
                if store:
                    store.add(job.key, to_result(record))
            progress(len(records), len(wanted))
    return [records[job] for job in wanted]

"""The ways in which one process runs the same episodes, and checksums of the records."""

import hashlib
import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np

from neurobot.controllers import make_controller, named_sensor
from neurobot.engine import Engine
from neurobot.engine.blocks import alike, rolling
from neurobot.episodes import (
    ENVS,
    Job,
    Record,
    from_result,
    options_for,
    roll,
    run_job,
    to_record,
    to_result,
)
from neurobot.evaluation import run_all
from neurobot.loop import Observation, Timing, Trial, seat
from neurobot.store import Store, canonical

# One or two of every substrate, and of each sensor; the oracle plans, in floating point.
BRAINS = (
    *("random", "oracle", "camera", "vfh", "poppins", "cnn-fp32", "cnn-lsq-4b", "cnn-mars"),
    *("cnn-cim-4b", "ppo-range-lsq-4b", "tdnn-insight"),
)
ROAM, SEEK = ENVS
NOISE = {"range": {"noise": 0.05, "dropout": 0.05}, "camera": {"noise": 10.0, "dropout": 0.05}}
DELAYED, INSTANT = Timing(), Timing(instant=True)
TIMINGS = {DELAYED: "delayed", INSTANT: "instant"}
# Environment, worlds, whether sensors are noisy, and when a decision is in force.
TASKS = (
    (ROAM, "forest", False, DELAYED),
    (SEEK, "looming", True, DELAYED),
    (SEEK, "forest", False, INSTANT),
    (ROAM, "crossing", True, INSTANT),
)

Records = dict[Job, Record]
Sums = dict[str, dict[str, str]]  # brain -> seed and timing -> checksum


@dataclass(frozen=True)
class Size:
    """How much is run: brains, seeds, and the time limit of an episode."""

    brains: tuple[str, ...] = BRAINS
    seeds: int = 8
    first_seed: int = 0
    limit_s: float = 15.0

    def jobs(self) -> list[Job]:
        """Return the episodes: of each brain in each task with each seed."""
        return [
            self.job(brain, task, number)
            for brain in self.brains
            for task in TASKS
            for number in range(self.seeds)
        ]

    def job(self, brain: str, task: tuple[str, str, bool, Timing], number: int) -> Job:
        """Return one episode."""
        env, scenario, noisy, timing = task
        noise = NOISE[named_sensor(brain) or "range"] if noisy else {}
        options = options_for(brain, {"time_limit_s": self.limit_s, **noise})
        return Job(brain, env, scenario, number, self.first_seed + number, timing, options)


def full(record: Record) -> bytes:
    """Return all that is kept of a record as bytes that are equal where records are."""
    return canonical(to_result(record)).encode() + b"\n" + record.trace


def checksums(records: Records) -> Sums:
    """Return a SHA-256 over the full records of each brain, seed and timing."""
    digests: dict[tuple[str, str], Any] = {}
    for job in sorted(records, key=repr):
        place = job.controller, f"{job.seed} {TIMINGS[job.timing]}"
        digests.setdefault(place, hashlib.sha256()).update(full(records[job]))
    sums: Sums = {}
    for (brain, seed), digest in digests.items():
        sums.setdefault(brain, {})[seed] = digest.hexdigest()
    return sums


def shuffled(jobs: Sequence[Job]) -> list[Job]:
    """Mix brains, tasks and seeds, always in the same way."""
    return random.Random(11).sample(jobs, len(jobs))


def stepped(jobs: Iterable[Job]) -> Records:
    """Step through Gymnasium's interface."""
    return {job: run_job(job) for job in jobs}


def evaluated(jobs: Sequence[Job], engine: Engine) -> Records:
    """Let an engine run them."""
    return dict(zip(jobs, run_all(jobs, engine), strict=True))


def rolled(jobs: Sequence[Job], threads: int) -> Records:
    """Run as kernels what runs as kernels."""
    records: Records = {}
    for group in alike(jobs):
        if seated := rolling(group[0]):
            records |= zip(group, roll(group, *seated, threads), strict=True)
    return records


class Ahead:
    """A mind that decides before it is asked, when `look` shows it what it is going to see."""

    def __init__(self, mind: Any) -> None:
        self.mind = mind
        self.action: Any = None

    @property
    def events(self) -> Any:
        """What the decision took."""
        return getattr(self.mind, "events", None)

    def reset(self, seed: int) -> None:
        """Begin an episode."""
        self.mind.reset(seed)

    def look(self, observation: Observation) -> Any:
        """Decide."""
        self.action = self.mind.act(observation)
        return self.action

    def act(self, observation: Observation) -> Any:
        """Say what was decided."""
        return self.action


@dataclass
class Row:
    """One row of a vectorized environment, as a trial sees an environment of its own."""

    vector: Any
    number: int
    mind: Ahead
    seen: tuple[Any, ...] = ()  # what the last step, or reset, gave for this row
    job: Job | None = None
    trial: Trial | None = None

    @property
    def unwrapped(self) -> "Row":
        """The row itself."""
        return self

    @property
    def body(self) -> Any:
        """What a controller may know of the robot."""
        return self.vector.batch.body

    @property
    def moving_discs(self) -> Any:
        """Where the discs are that move."""
        return self.vector.batch.moving_discs(self.number)

    def schedule(self, switch: int, **how: Any) -> None:
        """Take an action that is in force at once; a vectorized environment has no other."""
        if switch:
            raise ValueError(f"switch={switch}: a vectorized environment takes actions at once")

    def reset(self, **given: Any) -> tuple[Any, Any]:
        """Tell what the vectorized environment drew."""
        return self.seen[0], self.seen[-1]

    def step(self, action: Any) -> tuple[Any, ...]:
        """Tell what came of the step that all rows took."""
        return self.seen

    @property
    def is_driving(self) -> bool:
        """Whether an episode is under way."""
        return self.trial is not None and not self.trial.ended

    def board(self, waiting: deque[Job]) -> None:
        """Begin the next episode, if one is left."""
        if not waiting:
            self.trial = None
            return
        self.job = job = waiting.popleft()
        self.trial = Trial(self, self.mind, job.seed, job.timing)

    def hear(self, observation: Observation, infos: Mapping[str, Any], *results: Any) -> None:
        """Take this row's share of what the vectorized environment told."""
        i = self.number
        info = {key: plain(values[i]) for key, values in infos.items() if key[0] != "_"}
        mine = (plain(values[i]) for values in results)
        self.seen = ({name: value[i] for name, value in observation.items()}, *mine, info)

    def go_on(self, waiting: deque[Job]) -> Records:
        """Make the step that all rows took this trial's; return its record at its end."""
        trial, job = self.trial, self.job
        if trial is None or job is None:
            return {}
        if trial.ended:  # this step was a reset
            self.board(waiting)
            return {}
        trial.step()
        if self.is_driving:
            return {}
        return {job: to_record(job, trial.episode(), self.vector.batch, self.number)}


def plain(value: Any) -> Any:
    """Turn a scalar of NumPy's into Python's."""
    return value.item() if isinstance(value, np.generic) else value


def seat_rows(first: Job, width: int) -> list[Row]:
    """Make a vectorized environment for jobs of one kind, and a mind for each of its rows."""
    options = dict(first.options)
    vector: Any = gym.make_vec(first.env, width, scenario=first.scenario, **options)
    rows = [
        Row(vector.unwrapped, i, Ahead(make_controller(first.controller))) for i in range(width)
    ]
    for row in rows:
        seat(row.mind.mind, row.body)
    return rows


def lockstep(jobs: Sequence[Job], width: int) -> Records:
    """Drive jobs of one kind in a vectorized environment: whoever ends takes the next one."""
    rows, waiting, records = seat_rows(jobs[0], width), deque(jobs), Records()
    vector = rows[0].vector
    observation, infos = vector.reset(options={"episodes": [{"seed": job.seed} for job in jobs]})
    for row in rows:
        row.hear(observation, infos)
        row.board(waiting)
    actions = np.zeros((width, 2), np.float32)
    while len(records) < len(jobs):
        for row in rows:
            if row.is_driving:
                actions[row.number] = row.mind.look(row.seen[0])
        observation, *results, infos = vector.step(actions)
        for row in rows:
            row.hear(observation, infos, *results)
            records |= row.go_on(waiting)
    vector.close()
    return records


def vectorized(jobs: Sequence[Job], width: int) -> Records:
    """Drive in a vectorized environment what it can drive: actions in force at once."""
    records: Records = {}
    for group in alike(jobs):
        surveys = hasattr(make_controller(group[0].controller), "survey")
        if group[0].timing == INSTANT and not surveys:
            records |= lockstep(group, width)
    return records


def threaded_rows(jobs: Sequence[Job]) -> Records:
    """Let threads share even a few rows of a vectorized environment."""
    with patch("neurobot.envs.batch.ROWS_PER_THREAD", 2):
        return vectorized(jobs, 7)


def resumed(jobs: Sequence[Job]) -> Records:
    """Run a third of the jobs, then all of them, into the same folder; read records back there."""
    with tempfile.TemporaryDirectory() as folder:
        run_all(jobs[::3], Engine(), out=folder)
        run_all(jobs, Engine(jobs=2), out=folder)
        with Store(Path(folder)) as store:
            found = {job: store.find(job.key) for job in jobs}
    return {job: from_result(*kept) for job, kept in found.items() if kept}


def backwards(way: Callable[[Sequence[Job]], Records], jobs: Sequence[Job]) -> Records:
    """Run the last job first."""
    return way(jobs[::-1])


def mixed(way: Callable[[Sequence[Job]], Records], jobs: Sequence[Job]) -> Records:
    """Run brains, tasks and seeds in no order."""
    return way(shuffled(jobs))


Way = Callable[[Sequence[Job]], Records]
REFERENCE = "stepped"
# What another process repeats: an interpreter, a processor, a locale of its own.
FEW: dict[str, Way] = {
    REFERENCE: stepped,
    "rolled, 2 threads": partial(rolled, threads=2),
    "vectorized, 3 wide": partial(vectorized, width=3),
}
WAYS: dict[str, Way] = {
    **FEW,
    "stepped, backwards": partial(backwards, stepped),
    "stepped, mixed": partial(mixed, stepped),
    **{f"evaluated, jobs={n}": partial(evaluated, engine=Engine(jobs=n)) for n in (1, 2, 4)},
    "evaluated, jobs=2, mixed": partial(mixed, partial(evaluated, engine=Engine(jobs=2))),
    "rolled, 1 thread": partial(rolled, threads=1),
    "rolled, 4 threads, backwards": partial(backwards, partial(rolled, threads=4)),
    "vectorized, 1 wide": partial(vectorized, width=1),
    "vectorized, 8 wide, backwards": partial(backwards, partial(vectorized, width=8)),
    "vectorized, rows on threads": threaded_rows,
    "kept, resumed, read back": resumed,
}
if find_spec("ray"):
    WAYS["on a Ray cluster"] = partial(evaluated, engine=Engine("ray"))


def run_ways(ways: Mapping[str, Way], size: Size, told: Callable[[str], None]) -> dict[str, Sums]:
    """Run all episodes in each way; told: called with what begins, and with what cannot be run."""
    jobs, sums = size.jobs(), {}
    for name, way in ways.items():
        told(name)
        try:
            sums[name] = checksums(way(jobs))
        except Exception as error:  # the others go on; no checksums are a difference
            told(f"{name}: {type(error).__name__}: {error}")
            sums[name] = {}
    return sums

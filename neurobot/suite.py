"""The suite: named tasks under named conditions, at three levels of difficulty, in fixed worlds.

Every brain drives through the same worlds, and each world comes back under every condition: results
are paired. A version never changes: what would change a result makes a new one.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neurobot.complexity import complexity
from neurobot.controllers import COMPARED
from neurobot.engine import Engine
from neurobot.envs.maps import find_file
from neurobot.episodes import ENVS, Cell, Job, Record, options_for, to_result
from neurobot.evaluation import Progress, check, run_all, told_of
from neurobot.limits import DEFAULT_LIMIT_S
from neurobot.loop import Timing

ROAM, SEEK = ENVS
CLEAN = "clean"
PUBLISHED = "published"  # the level of worlds that are as difficult as they are
# These always stand beside the others.
BASELINES = ("random", "straight", "braitenberg", "vfh", "oracle")


@dataclass(frozen=True)
class Task:
    """Something to do in worlds of one kind."""

    name: str
    env: str
    scenario: str


@dataclass(frozen=True)
class Published:
    """A task in worlds of a file, which are as they are: episode k takes world k, then again."""

    name: str
    env: str
    scenario: str  # the file, below the folder that NEUROBOT_DATA names
    sha256: str
    episodes: int

    def missing(self) -> str | None:
        """Say why it cannot be run here; None where it can."""
        path = find_file(Path(self.scenario))
        if not path.is_file():
            return f"{self.name}: no {self.scenario} here; NEUROBOT_DATA may name its folder"
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            return (
                f"{self.name}: {path} is another file: sha256 {found} found, {self.sha256} needed"
            )
        return None


@dataclass(frozen=True)
class Condition:
    """What is wrong with sensors and wheels.

    sensors: by the sensor, keywords of the environment; delay_s: see `loop.Timing`.
    """

    name: str
    sensors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    delay_s: float = 0.0


@dataclass(frozen=True)
class Suite:
    """A version of the suite: generated worlds that anyone can draw, and published ones."""

    name: str
    first_seed: int
    episodes: int  # of each generated task, condition and level
    tasks: tuple[Task, ...]
    conditions: tuple[Condition, ...]
    levels: Mapping[str, float]
    published: tuple[Published, ...]

    @property
    def sha256(self) -> str:
        """Checksum over everything that is said here."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def generated(self, controller: str, episodes: int) -> Iterator[Job]:
        """Yield a controller's episodes in generated worlds: the first few of each cell."""
        worlds = [(task, level) for task in self.tasks for level in self.levels]
        for number, (task, level) in enumerate(worlds):
            first = self.first_seed + 1000 * number
            for condition in self.conditions:
                cell = Cell(self.name, task.name, condition.name, level)
                options = {"difficulty": self.levels[level]}
                for k in range(episodes):
                    yield make_job(controller, task, cell, k, first + k, condition, options)

    def filed(self, controller: str, task: Published, number: int) -> Iterator[Job]:
        """Yield a controller's episodes in the worlds of a file."""
        first = self.first_seed + 1_000_000 * (number + 1)
        cell = Cell(self.name, task.name, CLEAN, PUBLISHED)
        for k in range(task.episodes):
            yield make_job(controller, task, cell, k, first + k, Condition(CLEAN), {})

    def jobs(self, controller: str, quick: bool = False) -> list[Job]:
        """Return a controller's episodes; quick: the first of each generated cell alone.

        Published worlds whose file is not here are left out; `missing` tells of them.
        """
        if quick:
            return list(self.generated(controller, 1))
        filed = [
            job
            for number, task in enumerate(self.published)
            if not task.missing()
            for job in self.filed(controller, task, number)
        ]
        return [*self.generated(controller, self.episodes), *filed]

    def missing(self) -> list[str]:
        """Say which published worlds are not here, and why."""
        return [why for task in self.published if (why := task.missing())]


def make_job(
    controller: str,
    task: Task | Published,
    cell: Cell,
    episode: int,
    seed: int,
    condition: Condition,
    options: Mapping[str, Any],
) -> Job:
    """Say what decides an episode of the suite."""
    sensor = dict(options_for(controller, {})).get("sensor", "range")
    kept = options_for(controller, {**options, **condition.sensors.get(sensor, {})})
    timing = Timing(delay_s=condition.delay_s)
    return Job(controller, task.env, task.scenario, episode, seed, timing, kept, cell)


def both(**options: Any) -> dict[str, dict[str, Any]]:
    """Give both sensors the same options."""
    return {"range": options, "camera": options}


V1 = Suite(
    "v1",
    first_seed=40_000_000,
    episodes=20,
    tasks=(
        Task("avoidance", ROAM, "forest"),
        Task("navigation", SEEK, "forest"),
        Task("looming", ROAM, "looming"),
        Task("crossing", ROAM, "crossing"),
    ),
    conditions=(
        Condition(CLEAN),
        Condition("noise", {"range": {"noise": 0.05}, "camera": {"noise": 10.0}}),
        Condition("dropout", both(dropout=0.05)),
        Condition("dead-beam", {"range": {"dead_beams": (36,)}, "camera": {"dead_beams": (48,)}}),
        Condition("delay", delay_s=0.05),
    ),
    levels={"easy": 0.2, "medium": 0.5, "hard": 0.8},
    published=(
        Published(
            "barn",
            SEEK,
            "nav_worlds/barn_worlds.npz",
            "403744f4c6549716b4413f39e48be8e3ed5c47fd716a297de9a99fd9e33c64fa",
            episodes=210,
        ),
        Published(
            "maps",
            SEEK,
            "nav_worlds/occupancy_maps.npz",
            "f1a136f310b8dd5ac1c8ed0e410070295994b25a9528c9c2af1bd62b16cfa901",
            episodes=45,
        ),
    ),
)
SUITES = {suite.name: suite for suite in (V1,)}


def find_suite(name: str) -> Suite:
    """Return the suite of a name."""
    if name not in SUITES:
        raise ValueError(f"suite: unknown {name!r}; known: {', '.join(SUITES)}")
    return SUITES[name]


def contestants(controllers: Sequence[str] = ()) -> list[str]:
    """Return the baselines and the controllers named, or all that are compared."""
    return list(dict.fromkeys([*BASELINES, *(controllers or COMPARED)]))


def measure(controller: str) -> dict[str, Any] | None:
    """Return a controller's complexity as plain values; None: it has none that can be told."""
    try:
        found = complexity(controller)
    except Exception:  # what is wrong with a brain shows in its episodes
        return None
    return None if found is None else asdict(found)


def facts_of(suite: Suite, quick: bool, controllers: Sequence[str]) -> dict[str, Any]:
    """Say what is run, by whom, and with what."""
    return {
        "suite": {"name": suite.name, "quick": quick, "sha256": suite.sha256},
        **told_of(controllers),
        "complexity": {name: measure(name) for name in controllers},
    }


def evaluate_suite(
    controllers: str | Sequence[str] = (),
    *,
    suite: str = "v1",
    quick: bool = False,
    jobs: int = 1,
    out: str | Path | None = None,
    engine: str = "local",
    address: str | None = None,
    limit_s: float = DEFAULT_LIMIT_S,
    progress: Progress | None = None,
) -> list[Record]:
    """Drive controllers, or all that are compared, and the baselines through a suite.

    quick: only the first world of each task and level. For the other arguments see
    `neurobot.evaluate`. Returns the records, controller by controller.
    """
    version = find_suite(suite)
    named = [controllers] if isinstance(controllers, str) else list(controllers)
    everyone = contestants(named)
    wanted = [job for name in everyone for job in version.jobs(name, quick)]
    where = Engine(engine, jobs, address, limit_s)
    check(wanted)
    facts = facts_of(version, quick, everyone) if out is not None else None
    return run_all(wanted, where, out=out, facts=facts, progress=progress)


def fingerprint(records: Sequence[Record]) -> str:
    """Return a checksum over what happened: where robots went, how it ended, what it took."""
    told = [(r.trajectory_sha256, r.outcome, r.decisions, to_result(r)["events"]) for r in records]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()

"""Where episodes run: in this process, in several of this machine, or on the machines of a cluster.

Records do not depend on where. A brain that is somebody else's runs in a process that may die, or
be killed when a decision takes too long: that ends its own episode, as a fault, and no other.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from neurobot.engine.blocks import Done
from neurobot.engine.local import run_here
from neurobot.episodes import Job
from neurobot.limits import DEFAULT_LIMIT_S, check_limit

Finished = Generator[Done, None, None]


@dataclass(frozen=True)
class Engine:
    """Where episodes run, and how long a decision of somebody else's brain may take there.

    name: see `ENGINES`; jobs: processes (threads, where a spiking brain's episodes run as kernels)
    of the local engine; address: of a Ray cluster (default: the one that Ray finds, or a new one on
    this machine); limit_s: wall-clock seconds.
    """

    name: str = "local"
    jobs: int = 1
    address: str | None = None
    limit_s: float = DEFAULT_LIMIT_S

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ValueError(f"engine: unknown {self.name!r}; known: {', '.join(ENGINES)}")
        if self.jobs < 1:
            raise ValueError(f"jobs={self.jobs} must be 1 or more")
        if self.address is not None and self.name != "ray":
            raise ValueError(f"address={self.address!r}: goes with engine 'ray'")
        check_limit(self.limit_s)

    def run(self, jobs: Sequence[Job]) -> Finished:
        """Yield some jobs with their records at a time, as they are done."""
        return ENGINES[self.name](self, jobs)


def run_locally(engine: Engine, jobs: Sequence[Job]) -> Finished:
    """Run jobs on this machine."""
    return run_here(jobs, engine.jobs, engine.limit_s)


def run_on_ray(engine: Engine, jobs: Sequence[Job]) -> Finished:
    """Run jobs on a Ray cluster."""
    from neurobot.engine.cluster import run_on_cluster  # Ray is an extra

    return run_on_cluster(jobs, engine.address, engine.limit_s)


ENGINES: dict[str, Callable[[Engine, Sequence[Job]], Finished]] = {
    "local": run_locally,
    "ray": run_on_ray,
}

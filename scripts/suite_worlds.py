"""Write what is known of each world of a suite: shortest ways for the robot, BARN's metrics.

The table ships with the package; SPL is measured by its ways. It needs the published worlds as well
(NEUROBOT_DATA) and takes a minute or two on one core.
"""

import argparse
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from neurobot.envs.difficulty import Difficulty, facts_of
from neurobot.episodes import Job, name_world, open_env, world_options
from neurobot.suite import CLEAN, SUITES, Suite
from neurobot.worlds import FOLDER, Known, write_worlds

METRICS = [field.name for field in fields(Difficulty)]


def jobs_of(suite: Suite) -> list[Job]:
    """Return an episode for each world."""
    if missing := suite.missing():
        raise SystemExit(f"suite_worlds: {missing[0]}")
    jobs = suite.jobs("random")
    return [job for job in jobs if job.cell is not None and job.cell.condition == CLEAN]


def look_at(job: Job) -> Known:
    """Draw a world, and find out what there is to know of it."""
    env = open_env(job.env, job.scenario, job.options)
    env.reset(seed=job.seed, options=world_options(job, env))
    batch = env.unwrapped.batch
    facts: dict[str, Any] = asdict(facts_of(env.unwrapped.scene, batch.robot))
    metrics = facts.pop("difficulty")
    if job.cell is None:
        raise ValueError(f"{job}: no episode of a suite")
    return Known(
        task=job.cell.task,
        level=job.cell.level,
        episode=job.episode,
        seed=job.seed,
        world=f"{job.scenario}: {name_world(job, batch)}",
        **facts,
        **(metrics or dict.fromkeys(METRICS)),
    )


def look_at_all(jobs: list[Job]) -> Iterator[Known]:
    """Look at one world after the other."""
    for k, job in enumerate(jobs):
        if k % 20 == 0:
            print(f"{k} of {len(jobs)} worlds", flush=True)
        yield look_at(job)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("suite", nargs="?", default="v1", choices=list(SUITES))
    args = options.parse_args()
    path = FOLDER / f"suite_{args.suite}_worlds.csv"
    worlds = list(look_at_all(jobs_of(SUITES[args.suite])))
    path.parent.mkdir(exist_ok=True)
    write_worlds(path, worlds)
    print(f"written: {path}")


if __name__ == "__main__":
    main()

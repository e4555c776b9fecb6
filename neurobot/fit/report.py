"""What a fit leaves in its folder: programs with their provenance, and everything as JSON."""

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np

from neurobot.controllers.program_files import write_programs
from neurobot.controllers.programs import RANGES, Pair
from neurobot.fit.history import front
from neurobot.fit.optimizer import CMA_VERSION
from neurobot.fit.places import PARTS, POSITIONS, SHARES
from neurobot.fit.plan import Plan
from neurobot.fit.score import Tally
from neurobot.fit.search import Fit
from neurobot.fit.space import Numbers, to_program
from neurobot.writing import write_whole

FITTED, START, REPORT, CURVE = "fitted.json", "start.json", "fit.json", "curve.png"


def figures(tally: Tally, plan: Plan) -> dict[str, Any]:
    """Name what is known of a candidate in some worlds."""
    return {
        "worlds": tally.worlds,
        "successes": tally.successes,
        "success_rate": tally.success_rate,
        "mean_speed_mps": tally.mean_speed_mps,
        "decision_j": tally.decision_j,
        "score": tally.score(plan.weights),
    }


def provenance(plan: Plan, found: Fit, command: str, what: str) -> dict[str, Any]:
    """Say where a program comes from."""
    versions = {"python": platform.python_version(), "cma": CMA_VERSION}
    seeds = {part: plan.place(plan.scenarios[0], part).seeds for part in PARTS}
    return {
        "what": what,
        "command": command,
        "plan": plan.key,
        "versions": {**versions, "numpy": np.__version__},
        "generations": len(found.generations),
        "search_seconds": round(found.seconds, 1),
        "seeds": {part: f"{first[0]}..{first[-1]}" for part, first in seeds.items()},
        "file_positions": {part: f"k % {SHARES} in {POSITIONS[part]}" for part in PARTS},
        "validation": figures(found.validation, plan) if what == "fitted" else None,
        "test": {name: figures(t[what], plan) for name, t in found.tests.items()},
    }


def write_program(path: Path, plan: Plan, numbers: Numbers, given: dict[str, Any]) -> None:
    """Write a program that `poppins?program=` takes."""
    program = to_program(numbers)
    pair = Pair(None, program) if plan.seeking else Pair(program, None)
    write_programs(path, pair, given)


def report(plan: Plan, found: Fit) -> dict[str, Any]:
    """Put everything that a fit found into one object."""
    return {
        "plan": plan.key,
        "tests": [
            {"scenario": scenario, "program": name, **figures(tally, plan)}
            for scenario, tallies in found.tests.items()
            for name, tally in tallies.items()
        ],
        "front": [
            {**figures(tally, plan), "numbers": dict(zip(RANGES, numbers, strict=True))}
            for numbers, tally in front(found.generations)
        ],
        "curve": [
            {
                "seconds": generation.seconds,
                "step": generation.step,
                "best": figures(generation.best(plan.weights)[1], plan),
                "centre": figures(generation.centre[1], plan),
            }
            for generation in found.generations
        ],
    }


def write_all(folder: Path, plan: Plan, found: Fit, command: str) -> list[Path]:
    """Write both programs and the report."""
    paths = [folder / name for name in (FITTED, START, REPORT)]
    for path, numbers, what in zip(
        paths, (found.fitted, found.start), ("fitted", "start"), strict=False
    ):
        write_program(path, plan, numbers, provenance(plan, found, command, what))
    document = {"command": command, **report(plan, found)}
    write_whole(paths[2], json.dumps(document, indent=1, allow_nan=False) + "\n")
    return paths

"""Is the chip right? Against its own rules written in Brian2, and against the floats they round.

Everything is seeded; the same seed and versions give the same numbers. Potentials are in potential
units, 1/256 of the membrane's range; time is in ticks.
"""

import gc
import importlib.metadata
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from neurobot.engine.worker import ignore_interrupts
from neurobot.evaluation import Progress
from neurobot.validation.budget import Budget, measure_budget
from neurobot.validation.decisions import (
    Choices,
    agreement,
    by_margin,
    by_source,
    choose,
    differences,
    interval,
)
from neurobot.validation.equality import Equality, check_equality
from neurobot.validation.pictures import draw_budget, draw_curves, draw_decisions, draw_traces
from neurobot.validation.traces import Example, make_examples
from neurobot.validation.variants import FLOAT
from neurobot.validation.windows import SOURCES, record_windows

# Brian2 collects garbage before every run: it need not look again at all that is loaded by now.
gc.freeze()
LIBRARIES = ("brian2", "elephant", "numba", "numpy")

Task = Callable[[], Any]


@dataclass(frozen=True)
class Validation:
    """All that was compared."""

    seed: int
    equality: list[Equality]
    budget: Budget
    choices: list[Choices]
    examples: list[Example]

    @property
    def windows(self) -> int:
        """How many recorded decisions were compared."""
        return sum(len(c.windows) for c in self.choices)

    @property
    def neuron_steps(self) -> int:
        """How many neuron-steps were compared, integers with integers."""
        return sum(row.neuron_steps for row in self.equality)

    @property
    def differ(self) -> int:
        """How many values differ there."""
        return sum(row.differ for row in self.equality)

    @property
    def agreement(self) -> float:
        """Share of the decisions that the float reference makes alike."""
        return agreement(self.choices, FLOAT)

    @property
    def near(self) -> float:
        """Share of the decisions alike, or one direction beside."""
        return float(sum(c.near.sum() for c in self.choices) / self.windows)

    @property
    def interval(self) -> list[float]:
        """95 % interval of the agreement, by a bootstrap over whole episodes."""
        return interval(self.choices, self.seed)

    @property
    def tasks(self) -> list[dict[str, Any]]:
        """Agreement of decisions by task."""
        return by_source(self.choices)

    @property
    def margins(self) -> list[dict[str, Any]]:
        """Agreement of decisions by margin."""
        return by_margin(self.choices)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "neuron_steps": self.neuron_steps,
            "differ": self.differ,
            "windows": self.windows,
            "agreement": self.agreement,
            "agreement_or_neighbour": self.near,
            "rows": [asdict(row) for row in self.equality],
            "budget": [asdict(line) for line in self.budget.lines],
            "interval": self.interval,
            "episodes": sum(len(set(c.windows.episodes.tolist())) for c in self.choices),
            "by_source": self.tasks,
            "by_margin": self.margins,
            "differences": differences(self.choices),
            "curves": {name: curve.tolist() for name, curve in self.budget.curves.items()},
            "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        }

    def draw(self, folder: Path) -> list[Path]:
        """Write the figures as PNG files."""
        folder.mkdir(parents=True, exist_ok=True)
        return [
            draw_curves(self.budget, folder / "f-i-curves.png"),
            draw_traces(self.examples, folder / "traces.png"),
            draw_budget(self.budget, folder / "error-budget.png"),
            draw_decisions(self.choices, folder / "decisions.png"),
        ]


def check(windows: int, seed: int, jobs: int) -> None:
    """Refuse what cannot be run."""
    least = {"windows": len(SOURCES), "seed": 0, "jobs": 1}
    for name, value in (("windows", windows), ("seed", seed), ("jobs", jobs)):
        if value < least[name]:
            raise ValueError(f"{name}={value} must be {least[name]} or more")


def run_all(tasks: list[Task], jobs: int, progress: Progress) -> list[Any]:
    """Run independent tasks, in this process or in several; their results in order."""
    progress(0, len(tasks))
    if jobs == 1:
        results = []
        for task in tasks:
            results.append(task())
            progress(len(results), len(tasks))
        return results
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), context, ignore_interrupts) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(tasks))
        except BaseException:  # a task takes half a minute: nobody waits for it in vain
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.terminate()
            raise
        return [future.result() for future in futures]


def validate(
    seed: int, windows: int, jobs: int = 1, progress: Progress | None = None
) -> Validation:
    """Compare the chip with both of its references; the result does not depend on `jobs`.

    windows: recorded sensor windows in all, shared evenly by the tasks of `SOURCES`. progress:
    called with how many parts are done, and how many there are. With jobs > 1, call it from under
    ``if __name__ == "__main__":``, since workers import the main module.
    """
    check(windows, seed, jobs)
    shares = [windows // len(SOURCES) + (k < windows % len(SOURCES)) for k in range(len(SOURCES))]
    recorded = [
        record_windows(*source, count, seed) for source, count in zip(SOURCES, shares, strict=True)
    ]
    tasks: list[Task] = [
        partial(measure_budget, seed),
        partial(check_equality, recorded, seed),
        *(partial(choose, source) for source in recorded),
        partial(make_examples, seed),
    ]
    budget, equality, *choices, examples = run_all(
        tasks, jobs, progress or (lambda done, total: None)
    )
    for line in budget.lines:
        line.decisions_agree = agreement(choices, line.variant)
    return Validation(seed, equality, budget, choices, examples)

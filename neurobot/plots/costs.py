"""What a picture of costs shows: each decision's latency and events, counted; priced later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from neurobot.cost import CostTable
from neurobot.envs.world import Floats
from neurobot.events import Counts
from neurobot.loop import Trial, counted
from neurobot.plots.episodes import Course, begin, each_decision


@dataclass(frozen=True)
class Decisions:
    """All decisions of a controller; none where it counts no events."""

    controller: str
    latency_s: Floats  # (D,)
    events: tuple[Counts, ...]  # of each

    def is_priced(self, table: CostTable) -> bool:
        """Whether events are counted that a cost table has prices for."""
        return bool(self.events) and table.tariff_of(self.events[0]) is not None

    def dynamic_j(self, table: CostTable) -> Floats:
        """Dynamic energy of each decision, (D,), of a chip that is priced."""
        return np.array([table.dynamic_j(events) for events in self.events], np.float64)


def count(trial: Trial) -> list[tuple[float, Counts]]:
    """Drive an episode to its end, if events are counted: each decision's latency and events."""
    found: list[tuple[float, Counts]] = []
    for _ in each_decision(trial):
        events = counted(trial.pilot.controller)
        if events is None:
            break
        found.append((trial.pilot.latency_s, events))
    return found


def count_decisions(
    course: Course,
    controllers: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Decisions]:
    """Count what each decision takes; progress: called with episodes done, and all."""
    course.check(controllers)
    found: dict[str, list[tuple[float, Counts]]] = {name: [] for name in controllers}
    drives = list(product(found, range(course.episodes)))
    for done, (name, episode) in enumerate(drives):
        found[name] += count(begin(course.job(name, episode)))
        progress(done + 1, len(drives))
    return [
        Decisions(name, np.array([s for s, _ in pairs]), tuple(events for _, events in pairs))
        for name, pairs in found.items()
    ]

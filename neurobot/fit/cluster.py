"""Driving candidates on many machines, by Ray."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from neurobot.engine.cluster import connected, count_cores, ray
from neurobot.fit.driving import Trip, drive_here
from neurobot.fit.score import Tally
from neurobot.fit.space import Numbers


class Cluster:
    """A `Drive` that deals candidates out to every core of a Ray cluster."""

    def __init__(self, address: str | None = None) -> None:
        self.stack = ExitStack()
        self.stack.enter_context(connected(address))
        self.remote: Any = ray.remote(drive_here)

    def __call__(self, trip: Trip, candidates: Sequence[Numbers]) -> list[Tally]:
        """Drive every candidate through the worlds of a trip; the order is theirs."""
        parts = np.array_split(np.arange(len(candidates)), min(count_cores(), len(candidates)))
        waiting = [self.remote.remote(trip, [candidates[i] for i in part]) for part in parts]
        return [tally for found in ray.get(waiting) for tally in found]

    def close(self) -> None:
        """Leave the cluster."""
        self.stack.close()

"""Driving candidates on many machines, by Ray."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import ray
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "fitting across machines needs Ray: pip install 'neurobot[ray]'"
    ) from missing

from neurobot.fit.driving import Trip, drive_here
from neurobot.fit.score import Tally
from neurobot.fit.space import Numbers


class Cluster:
    """A `Drive` that deals candidates out to every core of a Ray cluster."""

    def __init__(self, address: str | None = None) -> None:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        self.remote: Any = ray.remote(drive_here)

    def __call__(self, trip: Trip, candidates: Sequence[Numbers]) -> list[Tally]:
        """Drive every candidate through the worlds of a trip; the order is theirs."""
        workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)
        parts = np.array_split(np.arange(len(candidates)), min(workers, len(candidates)))
        waiting = [self.remote.remote(trip, [candidates[i] for i in part]) for part in parts]
        return [tally for found in ray.get(waiting) for tally in found]

    def close(self) -> None:
        """Leave the cluster."""
        ray.shutdown()

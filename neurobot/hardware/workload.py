"""What a chip did over some decisions, and the least and the most that it could have done."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neurobot.decision import (
    CYCLES,
    MESSAGES,
    SPIKES,
    SYNAPTIC_OPS,
    TICKS,
    TOTALS,
    WEIGHT_READS,
)
from neurobot.events import Events
from neurobot.poppins import Poppins


@dataclass(frozen=True)
class Workload:
    """A configured chip, and all events of so many decisions of it."""

    network: Poppins
    events: Events
    decisions: int

    def __post_init__(self) -> None:
        if self.decisions < 1 or self.events.ticks < 1:
            raise ValueError(
                f"workload: {self.decisions} decisions in {self.events.ticks} ticks found, "
                "1 or more of both needed"
            )
        updates = self.events.ticks * len(self.network)
        if self.events.membrane_updates != updates:
            raise ValueError(
                f"workload: {self.events.membrane_updates} membrane updates found, {updates} "
                f"needed ({self.events.ticks} ticks of {len(self.network)} neurons)"
            )

    @property
    def ticks_per_decision(self) -> float:
        """Mean ticks of a decision."""
        return self.events.ticks / self.decisions

    @property
    def busy_s(self) -> float:
        """How long all decisions take."""
        return self.events.cycles / self.network.chip.clock_hz

    @property
    def most_hz(self) -> float:
        """Decisions per second, one after the other."""
        return self.decisions / self.busy_s


def everyone(network: Poppins) -> NDArray[np.bool_]:
    """All neurons fire, (N,)."""
    return np.ones(len(network), np.bool_)


def steady(network: Poppins, fired: NDArray[np.bool_], ticks: int) -> Events:
    """Count ticks in each of which the same neurons, (N,), fire, and their spikes are delivered."""
    each = network.deliveries(fired)
    totals = np.zeros(len(TOTALS), np.int64)
    totals[[TICKS, CYCLES]] = 1, network.bill.cycles_per_tick + each.cycles
    totals[[SYNAPTIC_OPS, WEIGHT_READS]] = each.synaptic_ops, each.weight_reads
    totals[[SPIKES, MESSAGES]] = fired.sum(), network.bill.sends[fired].sum()
    return network.events(ticks * totals)


def extremes(workload: Workload) -> dict[str, Workload]:
    """Return the workload between the least and the most that can happen in its ticks."""
    network, ticks = workload.network, workload.events.ticks
    fired = everyone(network)
    return {
        "silent": replace(workload, events=steady(network, ~fired, ticks)),
        "measured": workload,
        "all fire": replace(workload, events=steady(network, fired, ticks)),
    }

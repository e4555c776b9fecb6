"""What a workload takes by a tariff: energy of ticks, decisions and operations, and power.

Ranges are those of the prices, for the same counts and cycles.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neurobot.cost import BOUNDS, Bound, Tariff, weakest
from neurobot.hardware.figures import Row, Spread
from neurobot.hardware.workload import Workload


def over(at: Callable[[Bound], float]) -> Spread:
    """Evaluate at the nominal prices and at both ends."""
    return np.array([at(bound) for bound in BOUNDS])


class Spent(NamedTuple):
    """Energy of a workload by a tariff, in joules."""

    dynamic: Spread
    leakage: Spread  # while it decides
    evidence: str  # of the dynamic energy

    @property
    def total(self) -> Spread:
        """Return both."""
        return self.dynamic + self.leakage


def spend(workload: Workload, tariff: Tariff) -> Spent:
    """Price a workload."""
    return Spent(
        over(lambda bound: tariff.dynamic_j(workload.events, bound)),
        over(tariff.idle_w.at) * workload.busy_s,
        weakest("derived", *(price.evidence for price in tariff.prices.values())),
    )


def per_tick(workload: Workload, tariff: Tariff) -> list[Row]:
    """List what a tick takes, by component."""
    ticks, spent = workload.events.ticks, spend(workload, tariff)
    parts = [tariff.breakdown_j(workload.events, bound) for bound in BOUNDS]
    return [
        *(
            Row(
                f"tick, {name.replace('_', ' ')}",
                np.array([part[name] for part in parts]) / ticks,
                "J",
                weakest("derived", price.evidence),
                price.source,
            )
            for name, price in tariff.prices.items()
        ),
        Row("tick, leakage", spent.leakage / ticks, "J", note=tariff.idle_w.source),
        Row("tick", spent.total / ticks, "J"),
    ]


def per_decision(workload: Workload, tariff: Tariff) -> Row:
    """Return what a decision takes, leakage meanwhile included."""
    return Row("decision", spend(workload, tariff).total / workload.decisions, "J")


def per_operation(workload: Workload, tariff: Tariff) -> list[Row]:
    """Divide the energy of the events by synaptic operations in either sense."""
    events, spent = workload.events, spend(workload, tariff)
    quoted = tariff.prices["synaptic_ops"].evidence if "synaptic_ops" in tariff.prices else None
    senses = (
        ("synaptic operation", events.synaptic_ops, quoted, "delivered, of a weight other than 0"),
        ("weight read", events.weight_reads, None, "an operation, if weights of 0 count as well"),
    )
    return [
        Row(name, spent.dynamic / count if count else None, "J", known or spent.evidence, note)
        for name, count, known, note in senses
    ]


def power(workload: Workload, tariff: Tariff, rate_hz: float) -> list[Row]:
    """List what the chip takes if it decides so often, and idles in between."""
    spent, per_s = spend(workload, tariff), rate_hz / workload.decisions
    dynamic, idle, known = spent.dynamic * per_s, over(tariff.idle_w.at), tariff.idle_w.evidence
    name = f"power at {rate_hz:g} decisions/s"
    rows = [
        Row(f"{name}, events", dynamic, "W", spent.evidence),
        Row(f"{name}, leakage", idle, "W", known),
        Row(name, dynamic + idle, "W", weakest(spent.evidence, known)),
    ]
    if "cycles" in tariff.prices:
        idle_hz = workload.network.chip.clock_hz - workload.events.cycles * per_s
        clock = over(tariff.prices["cycles"].at) * idle_hz
        rows.append(Row(f"{name}, clock never stopped", dynamic + idle + clock, "W"))
    return rows


def energy(workload: Workload, tariff: Tariff, rate_hz: float) -> list[Row]:
    """List what ticks, decisions and synaptic operations take."""
    rows = [*per_tick(workload, tariff), per_decision(workload, tariff)]
    if "synaptic_ops" in tariff.prices:
        events = workload.events
        wide = replace(workload, events=replace(events, synaptic_ops=events.weight_reads))
        note = "if weights of 0 count as synaptic operations"
        rows.append(per_decision(wide, tariff)._replace(name="decision, all reads", note=note))
    return [*rows, *power(workload, tariff, rate_hz), *per_operation(workload, tariff)]

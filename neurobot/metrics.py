"""Records of one controller -> one row of numbers.

Means are over episodes, each of which weighs the same; what is per decision, per metre or per
second is a ratio of sums over all episodes, failed ones included. None: it does not apply.
"""

import math
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import groupby
from operator import add
from typing import Any

import numpy as np

from neurobot.cost import COST_TABLES, Tariff
from neurobot.episodes import Record
from neurobot.events import Counts
from neurobot.statistics import wilson
from neurobot.trace import unpack

Row = dict[str, Any]
OUTCOMES = ("success", "collision", "timeout", "fault")
OPERATIONS = {"SOP": "sops", "MAC": "macs"}  # unit of a chip's operations -> key of a row
PERCENTILES = {"latency_s_p50": 0.5, "latency_s_p95": 0.95, "latency_s_p99": 0.99}
COSTS = (
    "chip", "latency_s", *PERCENTILES, "latency_s_max", "energy_j", "dynamic_j", "idle_j",
    "power_w", "energy_per_metre_j", "energy_per_episode_j", "energy_per_success_j",
    "energy_delay_js", *OPERATIONS.values(),
)  # fmt: skip


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, exactly summed."""
    return math.fsum(values) / len(values)


def mean_of_known(values: Iterable[float | None]) -> float | None:
    """Arithmetic mean of those that there are; None where there are none."""
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def ratio(part: float, whole: float) -> float | None:
    """Divide; None by nothing."""
    return part / whole if whole > 0 else None


def total(records: Sequence[Record], name: str) -> float:
    """Add a figure of all episodes up."""
    return math.fsum(getattr(record, name) for record in records)


def counted(records: Sequence[Record]) -> list[Record]:
    """Return the episodes in which events of decisions were counted."""
    return [record for record in records if record.events is not None and record.decisions]


def events_of(records: Sequence[Record]) -> Counts:
    """Add the events of episodes up that have counted some."""
    return reduce(add, [record.events for record in records if record.events is not None])


def latencies(records: Sequence[Record]) -> Row:
    """Latency of decisions, modelled: its mean, percentiles and maximum."""
    kept = [unpack(record.trace).latency_s for record in records if record.trace]
    each = np.concatenate(kept) if kept else np.zeros(0)
    shares = list(PERCENTILES.values())
    found = np.quantile(each, shares).tolist() if each.size else [None] * len(shares)
    return {
        "latency_s": ratio(total(records, "latency_total_s"), total(records, "decisions")),
        **dict(zip(PERCENTILES, found, strict=True)),
        "latency_s_max": max(record.latency_max_s for record in records),
    }


def energies(records: Sequence[Record], events: Counts, tariff: Tariff) -> Row:
    """Energy, modelled, per decision, metre, episode and success; and power.

    A success has the energy of the failures to bear, too. The energy-delay product is that of a
    decision's mean energy and mean latency.
    """
    decisions, duration_s = total(records, "decisions"), total(records, "duration_s")
    dynamic_j = math.fsum(tariff.dynamic_j(r.events) for r in records if r.events is not None)
    idle_j = tariff.idling_w(events) * duration_s
    energy_j = dynamic_j + idle_j
    return {
        "energy_j": energy_j / decisions,
        "dynamic_j": dynamic_j / decisions,
        "idle_j": idle_j / decisions,
        "power_w": ratio(energy_j, duration_s),
        "energy_per_metre_j": ratio(energy_j, total(records, "path_m")),
        "energy_per_episode_j": energy_j / len(records),
        "energy_per_success_j": ratio(energy_j, total(records, "success")),
        "energy_delay_js": energy_j / decisions * total(records, "latency_total_s") / decisions,
    }


def costs(records: Sequence[Record], table_name: str) -> Row:
    """Price what decisions took, modelled; None where the controller counts no events."""
    priced = counted(records)
    row: Row = dict.fromkeys(COSTS)
    if not priced:
        return row
    events = events_of(priced)
    row |= {"chip": events.chip, **latencies(priced)}
    if events.unit in OPERATIONS:
        row[OPERATIONS[events.unit]] = events.operations / total(priced, "decisions")
    tariff = COST_TABLES[table_name].tariff_of(events)
    return row if tariff is None else {**row, **energies(priced, events, tariff)}


def outcomes(records: Sequence[Record]) -> Row:
    """How often episodes end in which way, and the 95 % interval of successes."""
    count = len(records)
    ends = {o: sum(record.outcome == o for record in records) for o in OUTCOMES}
    low, high = wilson(ends["success"], count)
    rates = {f"{outcome}_rate": number / count for outcome, number in ends.items()}
    return {"episodes": count, **rates, "success_low": low, "success_high": high}


def path_ratio(record: Record) -> float | None:
    """Path driven to the goal over the shortest one; None where it was not reached."""
    return ratio(record.path_m, record.shortest_m or 0.0) if record.success else None


def driving(records: Sequence[Record]) -> Row:
    """How fast, how straight, how safely and how smoothly it drove."""
    reached = [record for record in records if record.success and record.shortest_m is not None]
    return {
        "mean_speed_mps": mean([record.mean_speed_mps for record in records]),
        "path_length_m": mean([record.path_m for record in records]),
        "spl": mean_of_known(record.spl for record in records),
        "soft_spl": mean_of_known(record.soft_spl for record in records),
        "sct": mean_of_known(record.sct for record in records),
        "path_ratio": mean_of_known(map(path_ratio, reached)),
        "time_to_goal_s": mean_of_known(record.duration_s for record in reached),
        "min_clearance_m": mean([record.clearance_m for record in records]),
        "mean_clearance_m": mean([record.mean_clearance_m for record in records]),
        "near_share": ratio(total(records, "near_s"), total(records, "duration_s")),
        "turn_per_metre_rad": ratio(total(records, "turn_rad"), total(records, "path_m")),
        "jerk_mps3": mean([record.jerk_mps3 for record in records]),
        "log_jerk": mean_of_known(record.log_jerk for record in records),
    }


def deadlines(records: Sequence[Record]) -> Row:
    """How many decisions there were, and how many took longer than a control step."""
    decisions = sum(record.decisions for record in records)
    late = sum(record.late_decisions for record in records)
    return {"decisions": decisions, "late_decisions": late, "late_share": ratio(late, decisions)}


def figures(records: Sequence[Record], table_name: str) -> Row:
    """Return all that is said of a set of episodes of one controller."""
    if not records:
        raise ValueError("records: none found; one episode or more needed")
    return {
        **outcomes(records),
        **driving(records),
        **costs(records, table_name),
        **deadlines(records),
    }


def summarize(records: Sequence[Record], table_name: str) -> Row:
    """Put the episodes of one controller in one scenario into one row."""
    found = figures(records, table_name)
    first = records[0]
    return {
        "controller": first.controller, "env": first.env, "scenario": first.scenario, **found
    }  # fmt: skip


def tabulate(records: Sequence[Record], table_name: str) -> list[Row]:
    """Make one row for each scenario and controller, in the order of the records."""
    groups = groupby(records, key=lambda record: (record.scenario, record.controller))
    return [summarize(list(group), table_name) for _, group in groups]

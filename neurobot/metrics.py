"""Records of one controller in one scenario -> one row of numbers."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from neurobot.cost import COST_TABLES
from neurobot.suite import Record

Row = dict[str, Any]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, exactly summed."""
    return math.fsum(values) / len(values)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson's score interval)."""
    from scipy.stats import binomtest  # half of the time that importing this package would take

    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def costs(records: Sequence[Record], table_name: str) -> Row:
    """Cost per decision, modelled; None where the controller counts no events."""
    table = COST_TABLES[table_name]
    decisions = sum(record.decisions for record in records)
    counted = [record for record in records if record.events is not None]
    row: Row = dict.fromkeys(
        ("latency_s", "latency_s_max", "energy_j", "dynamic_j", "idle_j", "power_w", "sops")
    )
    if not counted:
        return row
    duration_s = math.fsum(record.duration_s for record in counted)
    dynamic_j = math.fsum(table.dynamic_j(r.events) for r in counted if r.events is not None)
    idle_j = table.idle_w.nominal * duration_s
    row["latency_s"] = math.fsum(record.latency_total_s for record in counted) / decisions
    row["latency_s_max"] = max(record.latency_max_s for record in counted)
    row["energy_j"] = (dynamic_j + idle_j) / decisions
    row["dynamic_j"] = dynamic_j / decisions
    row["idle_j"] = idle_j / decisions
    row["power_w"] = (dynamic_j + idle_j) / duration_s
    row["sops"] = sum(r.events.synaptic_ops for r in counted if r.events) / decisions
    return row


def summarize(records: Sequence[Record], table_name: str) -> Row:
    """Put the episodes of one controller in one scenario into one row."""
    count = len(records)
    share = {
        outcome: sum(record.outcome == outcome for record in records)
        for outcome in ("success", "collision", "timeout")
    }
    low, high = wilson(share["success"], count)
    spls = [record.spl for record in records if record.spl is not None]
    return {
        "controller": records[0].controller,
        "env": records[0].env,
        "scenario": records[0].scenario,
        "episodes": count,
        **{f"{outcome}_rate": number / count for outcome, number in share.items()},
        "success_low": low,
        "success_high": high,
        "mean_speed_mps": mean([record.mean_speed_mps for record in records]),
        "path_length_m": mean([record.path_m for record in records]),
        "spl": mean(spls) if spls else None,
        "min_clearance_m": mean([record.clearance_m for record in records]),
        **costs(records, table_name),
        "decisions": sum(record.decisions for record in records),
        "late_decisions": sum(record.late_decisions for record in records),
    }


def tabulate(records: Sequence[Record], table_name: str) -> list[Row]:
    """Make one row for each scenario and controller, in the order of the records."""
    groups = groupby(records, key=lambda record: (record.scenario, record.controller))
    return [summarize(list(group), table_name) for _, group in groups]

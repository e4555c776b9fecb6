"""Records of one controller in one scenario -> one row of numbers."""

import math
from collections.abc import Sequence
from functools import reduce
from itertools import groupby
from operator import add
from typing import Any

from neurobot.cost import COST_TABLES, Tariff
from neurobot.episodes import Record
from neurobot.events import Counts
from neurobot.statistics import wilson as wilson

Row = dict[str, Any]
OPERATIONS = {"SOP": "sops", "MAC": "macs"}  # unit of a chip's operations -> key of a row
COSTS = (
    "chip", "latency_s", "latency_s_max", "energy_j", "dynamic_j", "idle_j", "power_w",
    "energy_per_metre_j", *OPERATIONS.values(),
)  # fmt: skip


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, exactly summed."""
    return math.fsum(values) / len(values)


def costs(records: Sequence[Record], table_name: str) -> Row:
    """Cost per decision, modelled; None where the controller counts no events."""
    decisions = sum(record.decisions for record in records)
    counted = [record for record in records if record.events is not None]
    row: Row = dict.fromkeys(COSTS)
    if not counted:
        return row
    events: Counts = reduce(add, [record.events for record in counted if record.events])
    row["chip"] = events.chip
    row["latency_s"] = math.fsum(record.latency_total_s for record in counted) / decisions
    row["latency_s_max"] = max(record.latency_max_s for record in counted)
    if events.unit in OPERATIONS:
        row[OPERATIONS[events.unit]] = events.operations / decisions
    tariff = COST_TABLES[table_name].tariffs.get(events.chip)
    return row if tariff is None else {**row, **energies(counted, events, decisions, tariff)}


def energies(counted: Sequence[Record], events: Counts, decisions: int, tariff: Tariff) -> Row:
    """Energy per decision and per metre, and power, of a chip that is priced."""
    duration_s = math.fsum(record.duration_s for record in counted)
    path_m = math.fsum(record.path_m for record in counted)
    dynamic_j = math.fsum(tariff.dynamic_j(r.events) for r in counted if r.events is not None)
    idle_j = tariff.idling_w(events) * duration_s
    energy_j = dynamic_j + idle_j
    return {
        "energy_j": energy_j / decisions,
        "dynamic_j": dynamic_j / decisions,
        "idle_j": idle_j / decisions,
        "power_w": energy_j / duration_s,
        "energy_per_metre_j": energy_j / path_m if path_m > 0 else None,
    }


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

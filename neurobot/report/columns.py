"""The columns of the main table: what stands in them, and what it means."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from neurobot.metrics import OPERATIONS
from neurobot.report.words import NONE, Row, between, decimal, many, percent, quantity, size

Value = Callable[[Row], Any]
Words = Callable[[Row], str]
COSTS = "Time and energy, modelled"


class Column(NamedTuple):
    """A column: the figure it sorts by, the words in it, and those below."""

    group: str
    name: str
    unit: str
    value: Value
    text: Words
    below: Words = lambda row: ""
    first: str = "descending"  # what the first click puts on top
    title: str = ""


def cost(name: str, unit: str, key: str, title: str) -> Column:
    """Show a quantity with its prefix; less is better."""
    return Column(
        COSTS, name, "", lambda row: row[key], lambda row: quantity(row[key], unit),
        first="ascending", title=f"{title} (modelled)",
    )  # fmt: skip


def task(name: str, key: str, group: str) -> Column:
    """Show the success in one task; key: of a row, where it is found."""

    def found(row: Row) -> Mapping[str, Any]:
        return row[key].get(name) or {"success_rate": None}

    return Column(
        group, name, "", lambda row: found(row)["success_rate"],
        lambda row: percent(found(row)["success_rate"], 0),
        lambda row: between(found(row).get("success_low"), found(row).get("success_high")),
        title=f"Share of episodes of {name} that succeeded, with its Wilson interval",
    )  # fmt: skip


def operations(row: Row) -> float | None:
    """Return how many operations a decision takes, of whichever kind."""
    return next((row[key] for key in OPERATIONS.values() if row[key] is not None), None)


def unit_of_operations(row: Row) -> str:
    """Name the kind of a row's operations."""
    return next((f"{unit}s" for unit, key in OPERATIONS.items() if row[key] is not None), "")


OUTCOME = (
    Column(
        "Outcome",
        "Success",
        "%",
        lambda row: row["success_rate"],
        lambda row: percent(row["success_rate"]),
        lambda row: between(row["success_low"], row["success_high"]),
        title="Share of all episodes that succeeded; below: Wilson's 95 % interval",
    ),
    Column(
        "Outcome",
        "By world",
        "%",
        lambda row: row["by_world_low"],
        lambda row: between(row["by_world_low"], row["by_world_high"]) or NONE,
        title="95 % bootstrap interval of success if the conditions of a world tell the same",
    ),
    Column(
        "Outcome",
        "Score",
        "IQM",
        lambda row: row["score_iqm"],
        lambda row: decimal(row["score_iqm"]),
        lambda row: between(row["score_iqm_low"], row["score_iqm_high"], 2, 1),
        title="Interquartile mean of scores, 0 to 1; below: its 95 % bootstrap interval",
    ),
    Column(
        "Outcome",
        "Colli\u00adsion",
        "%",
        lambda row: row["collision_rate"],
        lambda row: percent(row["collision_rate"]),
        first="ascending",
        title="Share of episodes that ended in a collision",
    ),
    Column(
        "Outcome",
        "Time\u00adout",
        "%",
        lambda row: row["timeout_rate"],
        lambda row: percent(row["timeout_rate"]),
        first="ascending",
        title="Share of episodes that ended by the time limit",
    ),
)
FAULT = Column(
    "Outcome",
    "Fault",
    "%",
    lambda row: row["fault_rate"],
    lambda row: percent(row["fault_rate"]),
    first="ascending",
    title="Share of episodes that a fault of the brain ended",
)
DRIVING = (
    Column(
        "Driving", "SPL", "", lambda row: row["spl"], lambda row: decimal(row["spl"]),
        title="Success weighted by path length, of tasks with a goal",
    ),
    Column(
        "Driving", "Speed", "m/s", lambda row: row["mean_speed_mps"],
        lambda row: decimal(row["mean_speed_mps"]), title="Mean speed",
    ),
)  # fmt: skip
PRICED = (
    Column(
        COSTS,
        "Latency",
        "p99",
        lambda row: row["latency_s"],
        lambda row: quantity(row["latency_s"], "s"),
        lambda row: "" if row["latency_s"] is None else quantity(row["latency_s_p99"], "s"),
        "ascending",
        "Mean time of a decision; below: its 99th percentile (modelled)",
    ),
    cost("Energy/ decision", "J", "energy_j", "Dynamic and idle energy of a decision"),
    cost("Energy/ metre", "J", "energy_per_metre_j", "Energy of a metre driven"),
    cost(
        "Energy/ success",
        "J",
        "energy_per_success_j",
        "Energy of all episodes over the number of successes",
    ),
    cost("Power", "W", "power_w", "Mean power of the brain"),
)
WORK = (
    Column(
        "Work", "Opera\u00adtions", "/decision", operations, lambda row: many(operations(row)),
        unit_of_operations, "ascending",
        "Synaptic operations (SOPs) or multiply-accumulates (MACs) of a decision",
    ),
    Column(
        "Work", "Spar\u00adsity", "%", lambda row: row["activation_sparsity"],
        lambda row: percent(row["activation_sparsity"], 0),
        title="Share of activations that are 0, by NeuroBench's definition",
    ),
    Column(
        "Work", "Footprint", "", lambda row: row["footprint_bytes"],
        lambda row: size(row["footprint_bytes"]), first="ascending",
        title="Memory of weights and registers, by NeuroBench's definition",
    ),
)  # fmt: skip


def names(rows: Sequence[Row], key: str) -> list[str]:
    """Name what some rows tell apart under a key."""
    return list(dict.fromkeys(name for row in rows for name in row[key]))


def columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns that some rows have anything to show in."""
    faults = (FAULT,) if any(row["fault_rate"] for row in rows) else ()
    clean = " (clean)" if len(names(rows, "conditions")) > 1 else ""
    tasks, published = names(rows, "tasks"), names(rows, "published")
    by_task = [
        task(name, "tasks", f"Success by task{clean}, %") for name in tasks if len(tasks) > 1
    ]
    by_task += [task(name, "published", "Published worlds, %") for name in published]
    offered = (*OUTCOME, *faults, *by_task, *DRIVING, *PRICED, *WORK)
    return [each for each in offered if any(each.value(row) is not None for row in rows)]

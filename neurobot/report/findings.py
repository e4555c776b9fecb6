"""What a run found, in sentences that follow from its figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from neurobot.metrics import mean
from neurobot.report.heat import name_cell
from neurobot.report.pareto import Point, front
from neurobot.report.words import Row, between, counted, listed, percent, quantity
from neurobot.suite import CLEAN

Figures = Mapping[str, Any]
ORACLE = "oracle"


def rated(row: Row) -> str:
    """Write a brain's rate of success with its interval."""
    return (
        f"{percent(row['success_rate'])} % of {counted(row['episodes'], 'episode')} "
        f"(95 % interval {between(row['success_low'], row['success_high'])} %)"
    )


def bound(rows: Sequence[Row]) -> str:
    """Say of the oracle, where it is there, what it shows."""
    known = [row for row in rows if row["controller"] == ORACLE]
    return "".join(
        f"Apart from {ORACLE}, which drives with the full map and shows what can be had "
        f"({percent(row['success_rate'])} %), "
        for row in known
    )


def best_driver(figures: Figures) -> list[str]:
    """Say who succeeds most often, and whose intervals overlap with that."""
    rows = [row for row in figures["rows"] if row["controller"] != ORACLE]
    if not rows:
        return []
    best = [row for row in rows if row["success_rate"] == rows[0]["success_rate"]]
    near = [
        row["controller"]
        for row in rows[len(best) :]
        if row["success_high"] >= rows[0]["success_low"]
    ]
    names, verb = listed([row["controller"] for row in best]), "succeed" + "s" * (len(best) == 1)
    said = f"{bound(figures['rows'])}{names} {verb} most often: in {rated(rows[0])}."
    if not near:
        return [said]
    intervals = "intervals" if len(near) > 1 else "interval"
    verb = "overlap" + "s" * (len(near) == 1)
    return [said, f"The {intervals} of {listed(near)} {verb} with that."]


def frugal(points: Sequence[Point]) -> list[str]:
    """Say whose decisions take least, and who is not beaten in both."""
    if not points:
        return ["No brain of this run counts what its decisions take, so none has an energy."]
    least = min(points, key=lambda point: point.cost)
    said = [
        f"Of the brains whose energy is counted, {least.brain} takes least: "
        f"{quantity(least.cost, 'J')} per decision (modelled), with "
        f"{percent(least.success)} % of episodes succeeding."
    ]
    best = [point.brain for point in front(points)]
    if len(best) > 1:
        said.append(
            f"{listed(best)} make the front of Figure 1: each other brain drawn there succeeds no "
            "more often than one of them, and takes no less energy."
        )
    return said


def hardest(figures: Figures) -> list[str]:
    """Say in which cell brains fail most."""
    if len(figures["cells"]) < 2:
        return []
    met = zip(figures["cells"], zip(*figures["by_cell"].values(), strict=True), strict=True)
    rates = {name_cell(cell): pooled([row for row in found if row]) for cell, found in met}
    name = min(rates, key=lambda cell: rates[cell][0])
    rate, count = rates[name]
    return [f"The hardest cell is {name}: over all brains {percent(rate, 0)} % of "
            f"{counted(count, 'episode')} succeed there."]  # fmt: skip


def pooled(rows: Sequence[Row]) -> tuple[float, int]:
    """Return the success rate over episodes of several brains, and how many these are."""
    count = sum(row["episodes"] for row in rows)
    return sum(row["episodes"] * row["success_rate"] for row in rows) / count, count


def change(rows: Sequence[Row], condition: str) -> float:
    """Return by how much a condition changes success against none, in the mean over brains."""
    pairs = [row["conditions"] for row in rows if {CLEAN, condition} <= row["conditions"].keys()]
    return mean([p[condition]["success_rate"] - p[CLEAN]["success_rate"] for p in pairs])


def conditions(figures: Figures) -> list[str]:
    """Say which disturbance takes most success, where there are any."""
    rows = figures["rows"]
    names = {name for row in rows for name in row["conditions"] if CLEAN in row["conditions"]}
    changes = {name: change(rows, name) for name in sorted(names - {CLEAN})}
    if not changes:
        return []
    worst = min(changes, key=lambda name: changes[name])
    if changes[worst] >= 0:
        return ["No disturbance lowers success in the mean over brains."]
    return [
        f"Of the disturbances, {worst} takes most: {-100 * changes[worst]:.1f} percentage points "
        "of success in the mean over brains, in the same worlds."
    ]


def faults(figures: Figures) -> list[str]:
    """Say which brains did not go on by themselves."""
    found = [
        f"{row['controller']} ({round(row['fault_rate'] * row['episodes'])})"
        for row in figures["rows"]
        if row["fault_rate"]
    ]
    return [f"Episodes ended by a fault of the brain itself: {listed(found)}."] if found else []


def findings(figures: Figures, points: Sequence[Point]) -> list[str]:
    """Return what a run found, the most important first."""
    return [
        *best_driver(figures),
        *frugal(points),
        *conditions(figures),
        *hardest(figures),
        *faults(figures),
    ]

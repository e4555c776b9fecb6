"""Success against energy and latency: which brains can be drawn, and what is said of the others."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from neurobot.report.looks import Look, Part, plain
from neurobot.report.pareto import Point, pareto
from neurobot.report.words import Row, between, decimal, many, percent, quantity

Figures = Mapping[str, Any]


def hover(row: Row, facts: Mapping[str, Any]) -> str:
    """Say all of a brain at a point of a chart."""
    known = facts.get(row["controller"], {})
    options = [f"{name}={value}" for name, value in known.get("options", {}).items()]
    settings = [" ".join([known["class"], *options])] if known else []
    lines = [
        f"success {percent(row['success_rate'])} % "
        f"({between(row['success_low'], row['success_high'], 1)} %), {many(row['episodes'])} "
        "episodes",
        f"score IQM {decimal(row['score_iqm'])} "
        f"({between(row['score_iqm_low'], row['score_iqm_high'], 2, 1)})",
        f"energy {quantity(row['energy_j'], 'J')} per decision, modelled",
        f"latency {quantity(row['latency_s'], 's')}, p99 {quantity(row['latency_s_p99'], 's')}",
        f"chip {row['chip']}",
        *settings,
    ]
    return "<br>".join([f"<b>{plain(row['controller'])}</b>", *map(plain, lines)])


def at(row: Row, cost: tuple[float, float, float], facts: Mapping[str, Any]) -> Point:
    """Place a brain; cost: its nominal value, and from where to where it may be."""
    rate = row["success_rate"], row["success_low"], row["success_high"]
    return Point(row["controller"], *cost, *rate, hover(row, facts))


def energy_points(found: Figures, facts: Mapping[str, Any]) -> list[Point]:
    """Place the brains whose energy is known."""
    bills, keys = found["bills"], ("energy_j", "energy_low_j", "energy_high_j")
    return [
        at(row, itemgetter(*keys)(bills[row["controller"]]), facts)
        for row in found["rows"]
        if row["controller"] in bills
    ]


def latency_points(found: Figures, facts: Mapping[str, Any]) -> list[Point]:
    """Place the brains whose latency is known."""
    return [
        at(row, (mean_s, mean_s, max(mean_s, row["latency_s_p99"] or 0.0)), facts)
        for row in found["rows"]
        if (mean_s := row["latency_s"])
    ]


def tradeoff(
    name: str, points: Sequence[Point], found: Figures, seen: Mapping[str, Look], words: Part
) -> tuple[Part, dict[str, Part]]:
    """Describe a chart of success against a cost, and draw it where there is anything to draw."""
    drawn = {point.brain for point in points}
    beside = [
        f"{row['controller']} ({percent(row['success_rate'])} %)"
        for row in found["rows"]
        if row["controller"] not in drawn
    ]
    told = {**words, "name": name, "drawn": bool(points), "beside": beside}
    chart = pareto(points, seen, words["axis"], words["unit"]) if points else None
    return told, {name: chart} if chart else {}


def paretos(
    found: Figures, facts: Mapping[str, Any], seen: Mapping[str, Look]
) -> tuple[list[Part], Part]:
    """Draw success against energy and against latency."""
    table = found["cost_table"]
    energy = tradeoff("energy", energy_points(found, facts), found, seen, {
        "title": "Energy per decision", "unit": "J", "number": 1,
        "axis": "Energy per decision, modelled (log)",
        "caption": "Success over the energy of a decision, dynamic and idle, modelled with the "
        "cost "
        f"table {table}. Upright bars: Wilson's 95 % intervals. Level bars: the range that "
        "unknowns "
        "allow the prices. Dotted: the front; whoever lies on it is not beaten by any other in "
        "both.",
        "why": "They count no events, or the table has no prices for their chip, so their energy "
        "is "
        "unknown, which is not 0. In brackets: success.",
    })  # fmt: skip
    latency = tradeoff("latency", latency_points(found, facts), found, seen, {
        "title": "Latency", "unit": "s", "number": 2, "axis": "Latency of a decision, modelled "
        "(log)",
        "caption": "Success over the mean latency of a decision, modelled from counted cycles and "
        "the "
        "chip's clock. Level bars reach to the 99th percentile. The latency acts in the loop: a "
        "command comes into force so much later.",
        "why": "They count no cycles; their decisions take no time in the simulation, which "
        "flatters "
        "them. In brackets: success.",
    })  # fmt: skip
    return [energy[0], latency[0]], {**energy[1], **latency[1]}

"""Success against energy and latency: which brains can be drawn, and which stand beside."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from neurobot.report.looks import plain
from neurobot.report.pareto import Point
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
    """Place the brains whose energy is known, with the range that their prices allow."""
    keys = "energy_j", "energy_low_j", "energy_high_j"
    points = []
    for row in found["rows"]:
        if row["energy_j"]:
            exactly = dict.fromkeys(keys, row["energy_j"])
            cost = itemgetter(*keys)(found["bills"].get(row["controller"], exactly))
            points.append(at(row, cost, facts))
    return points


def latency_points(found: Figures, facts: Mapping[str, Any]) -> list[Point]:
    """Place the brains whose latency is known."""
    return [
        at(row, (mean_s, mean_s, max(mean_s, row["latency_s_p99"] or 0.0)), facts)
        for row in found["rows"]
        if (mean_s := row["latency_s"])
    ]


def not_drawn(points: Sequence[Point], found: Figures) -> list[str]:
    """Name the brains that are not among some points, each with its success."""
    drawn = {point.brain for point in points}
    return [
        f"{row['controller']} ({percent(row['success_rate'])} %)"
        for row in found["rows"]
        if row["controller"] not in drawn
    ]

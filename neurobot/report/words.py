"""Figures as words: quantities, intervals, and what a run found in plain sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

from neurobot.quantities import prefixed

Row = Mapping[str, Any]
NONE = "\u2013"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """Write a quantity with a prefix: 1.23 µJ; a dash for what is not known."""
    return NONE if value is None else prefixed(value, unit, digits).replace(" u", " \u00b5")


def percent(rate: float | None, digits: int = 1) -> str:
    """Write a rate in percent, without the sign."""
    return NONE if rate is None else f"{100 * rate:.{digits}f}"


def decimal(value: float | None, digits: int = 2) -> str:
    """Write a plain number."""
    return NONE if value is None else f"{value:.{digits}f}"


def many(count: float | None) -> str:
    """Write a large number with thin spaces between thousands."""
    return NONE if count is None else f"{count:,.0f}".replace(",", "\u202f")


def size(bytes_: float | None) -> str:
    """Write a size: 12.3 kB."""
    return quantity(bytes_, "B")


def between(low: float | None, high: float | None, digits: int = 0, times: float = 100) -> str:
    """Write an interval: 58-68; nothing where there is none."""
    if low is None or high is None:
        return ""
    return f"{times * low:.{digits}f}\u2013{times * high:.{digits}f}"


def span(low: float, high: float, unit: str) -> str:
    """Write a range of quantities: 1.2 pJ to 3.4 pJ."""
    return f"{quantity(low, unit, 2)} to {quantity(high, unit, 2)}"


def listed(names: Sequence[str]) -> str:
    """Join names: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def counted(count: int, noun: str) -> str:
    """Write a count: 1 brain, 2 brains."""
    return f"{many(count)} {noun}{'' if count == 1 else 's'}"

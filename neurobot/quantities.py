"""Figures in words: quantities with SI prefixes, and rates in percent."""

from math import floor, log10

PREFIXES = {9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "u", -9: "n", -12: "p"}


def prefixed(value: float | None, unit: str, digits: int = 2) -> str:
    """Write a quantity with so many digits and a prefix: 1.2 uJ."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}"
    if value < 0:
        return f"-{prefixed(-value, unit, digits)}"
    rounded = float(f"{value:.{digits - 1}e}")
    power = min(max(3 * (floor(log10(rounded)) // 3), min(PREFIXES)), max(PREFIXES))
    scaled = rounded / 10**power
    decimals = max(digits - 1 - floor(log10(scaled)), 0)
    return f"{scaled:.{decimals}f} {PREFIXES[power]}{unit}"


def percent(value: float) -> str:
    """Write a rate as a percentage with at most one decimal."""
    return f"{100 * value:.1f}".removesuffix(".0")

"""How figures look on a terminal, and as JSON."""

import json
from typing import Any

from neurobot import __version__


def print_json(command: str, seed: int | None, rows: list[dict[str, Any]], **more: Any) -> None:
    """Print one object."""
    print(
        json.dumps({"command": command, "version": __version__, "seed": seed, **more, "rows": rows})
    )


def prefixed(value: float | None, unit: str) -> str:
    """Write a quantity with two digits and a prefix: 1.2 uJ."""
    if value is None:
        return "-"
    if value == 0:
        return f"0 {unit}"
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p")):
        if value >= 0.995 * factor or prefix == "p":
            scaled = value / factor
            return f"{scaled:.{0 if scaled >= 9.95 else 1}f} {prefix}{unit}"
    raise AssertionError("the loop ends with pico")


def percent(value: float) -> str:
    """Write a rate as a percentage with at most one decimal."""
    return f"{100 * value:.1f}".removesuffix(".0")

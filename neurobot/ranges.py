"""Settings as frozen dataclasses: what of them is of another type, or out of range."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
USUAL = (1, 1 << 16)


def check_fields(
    where: str, settings: Any, ranges: Mapping[str, tuple[float, float]], usual: Any = USUAL
) -> None:
    """Refuse the first field that is not of its default's type, or outside of its range.

    usual: the range of those fields that `ranges` does not name. Texts are not looked at.
    """
    for field in fields(settings):
        name, kind = field.name, type(field.default)
        value: Any = getattr(settings, name)
        if kind not in KINDS:
            continue
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise ValueError(f"{where}: {name}={value} found, {KINDS[kind]} needed")
        low, high = ranges.get(name, usual)
        if not low <= value <= high:
            raise ValueError(f"{where}: {name}={value} is out of range: {low}..{high}")

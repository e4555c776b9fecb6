"""Settings as frozen dataclasses: what of them is of another type, or out of range."""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
USUAL = (1, 1 << 16)
WHOLE, LARGEST = 1 << 63, 1e100  # no count, and no finite figure, is that large


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
            plain = isinstance(value, int | float | str) and str(value).isprintable()
            found = value if plain else reprlib.repr(value)
            raise ValueError(f"{where}: {name}={found} found, {KINDS[kind]} needed")
        low, high = ranges.get(name, usual)
        if not low <= value <= high:
            raise ValueError(f"{where}: {name}={value} is out of range: {low}..{high}")


def suits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, or of one of some; no number but infinity is beyond all use."""
    if get_origin(hint) in (Union, UnionType):
        return any(suits(value, kind) for kind in get_args(hint))
    if hint is float:
        return type(value) in (int, float) and (-LARGEST < value < LARGEST or value == math.inf)
    if hint is int:
        return type(value) is int and 0 <= value < WHOLE
    if hint in (str, bool, bytes, NoneType):
        return type(value) is hint
    return isinstance(value, get_origin(hint) or hint)


def check_types(where: str, kept: Any) -> None:
    """Refuse the first field, of what was kept in a file, whose value is not of its type.

    Whole numbers are counts: not below 0.
    """
    for name, hint in get_type_hints(type(kept)).items():
        value = getattr(kept, name)
        if get_origin(hint) is not ClassVar and not suits(value, hint):
            raise ValueError(f"{where}: {name} = {reprlib.repr(value)} found; needed: {hint}")

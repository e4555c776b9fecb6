"""Refusals that layers share: each one sentence on the place, what was found, what is allowed."""

import math
import operator
import reprlib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.fixed import check_range, signed_range

Pair: TypeAlias = tuple[int, int]
Reals: TypeAlias = NDArray[np.float32]

INT32, INT64 = signed_range(32), signed_range(64)
MOST_BITS = 8
WHOLE = "iu"  # NumPy's kinds of integers
# More than any map or weight tensor of the networks here; what a forged file may ask for at most.
MOST_VALUES = 1 << 26
MOST_STORED = 1 << 24  # values of all arrays of a file, which they fill as float32


def unsigned_range(bits: int) -> Pair:
    """Least and greatest value of an unsigned number."""
    return 0, (1 << bits) - 1


def whole(where: str, found: Any, low: int, high: int) -> int:
    """Return a whole number of low..high, of any integer type but bool."""
    try:
        value = low - 1 if isinstance(found, bool) else operator.index(found)
    except TypeError:
        value = low - 1
    if not low <= value <= high:
        raise ValueError(
            f"{where} = {reprlib.repr(found)} found; allowed: a whole number, {low}..{high}"
        )
    return value


def wholes(where: str, found: Any, low: int, high: int, count: int = 2) -> tuple[int, ...]:
    """Return so many whole numbers of low..high, one per axis."""
    if isinstance(found, str) or not isinstance(found, Sequence) or len(found) != count:
        raise ValueError(f"{where} = {reprlib.repr(found)} found; allowed: {count} whole numbers")
    return tuple(whole(where, value, low, high) for value in found)


def pair(where: str, found: Any, low: int, high: int) -> Pair:
    """Return two whole numbers of low..high: for rows and for columns."""
    rows, columns = wholes(where, found, low, high)
    return rows, columns


def margins(where: str, found: Any, size: Sequence[int]) -> Pair:
    """Return a padding of rows and columns, with which every window meets the map."""
    rows, columns = pair(where, found, 0, MOST_VALUES)
    if rows >= size[0] or columns >= size[1]:
        raise ValueError(
            f"{where} = {(rows, columns)} found; allowed: less than the window, {tuple(size)}"
        )
    return rows, columns


def number(where: str, found: Any) -> float:
    """Return a number as a float, infinite or not, but not NaN."""
    value = math.nan
    if isinstance(found, int | float | np.number) and not isinstance(found, bool):
        with suppress(OverflowError, TypeError):
            value = float(found)
    if math.isnan(value):
        raise ValueError(f"{where} = {reprlib.repr(found)} found; allowed: a number")
    return value


def flag(where: str, found: Any) -> bool:
    """Return a truth value; a number is none."""
    if not isinstance(found, bool | np.bool_):
        raise ValueError(f"{where} = {reprlib.repr(found)} found; allowed: True or False")
    return bool(found)


def seal(values: ArrayLike, kind: Any) -> NDArray[Any]:
    """Copy values into an array of a type that nobody can change."""
    sealed = np.array(values, kind, order="C")
    sealed.flags.writeable = False
    return sealed


def as_array(where: str, values: ArrayLike) -> NDArray[Any]:
    """Return an array of values, of whatever kind."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{where}: rows of unequal length found; allowed: equal ones") from error


def numbers(where: str, values: ArrayLike, dimensions: int, kinds: str) -> NDArray[Any]:
    """Return an array of so many dimensions, and of one of NumPy's kinds of numbers."""
    array = as_array(where, values)
    if array.dtype.kind not in kinds or array.ndim != dimensions:
        raise ValueError(
            f"{where}: {array.dtype} of shape {array.shape} found; "
            f"allowed: {'whole ' if kinds == WHOLE else ''}numbers in {dimensions} dimensions"
        )
    if not 1 <= array.size <= MOST_VALUES:
        raise ValueError(f"{where}: {array.size} values found; allowed: 1..{MOST_VALUES}")
    return array


def sealed_wholes(
    where: str, values: ArrayLike, dimensions: int, ends: Pair, kind: Any
) -> NDArray[Any]:
    """Return a sealed array of whole numbers between two ends, of so many dimensions."""
    array = numbers(where, values, dimensions, WHOLE)
    check_range(where, array, *ends)
    return seal(array, kind)


def sealed_reals(where: str, values: ArrayLike, dimensions: int) -> Reals:
    """Return a sealed array of finite float32 numbers, of so many dimensions."""
    array = numbers(where, values, dimensions, WHOLE + "f")
    with np.errstate(over="ignore"):
        reals = seal(array, np.float32)
    for index in np.argwhere(~np.isfinite(reals))[:1].tolist():
        place, value = ", ".join(map(str, index)), array[tuple(index)]
        raise ValueError(f"{where}[{place}] = {value} found; allowed: finite float32 numbers")
    return reals


def shaped_reals(where: str, values: ArrayLike, shape: tuple[int, ...], positive: bool) -> Reals:
    """Return a sealed array of finite float32 numbers of a shape, and above 0 if they must be."""
    reals = sealed_reals(where, values, len(shape))
    if reals.shape != shape:
        raise ValueError(f"{where} of shape {reals.shape} found; allowed: {shape}")
    for index in np.argwhere(reals <= 0)[:1].tolist() if positive else ():
        place, value = ", ".join(map(str, index)), reals[tuple(index)]
        raise ValueError(f"{where}[{place}] = {value} found; allowed: greater than 0")
    return reals

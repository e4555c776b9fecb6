"""Integer arithmetic as the silicon does it: every numeric rule once."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurobot.compiled import kernel

Ints: TypeAlias = NDArray[np.int32]


def signed_range(bits: int) -> tuple[int, int]:
    """Least and greatest value of a signed two's complement number."""
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


@kernel
def saturate(value: int, low: int, high: int) -> int:
    """Stop at the ends of a register's range."""
    return min(max(value, low), high)


@kernel
def wrap_around(value: int, low: int, high: int) -> int:
    """Keep the low bits only, as a register without saturation does."""
    return ((value - low) & (high - low)) + low


def floor_log2(value: int) -> int:
    """Position of the highest set bit; -1 for 0."""
    return value.bit_length() - 1


def whole_numbers(name: str, values: ArrayLike, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """Read an array of whole numbers of a given shape (None: any length), or say what is wrong."""
    array = np.asarray(values)
    if array.ndim != len(shape) or any(
        wanted not in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    ):
        wanted_text = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ValueError(f"{name}: shape {array.shape} found, {wanted_text} needed")
    kind = array.dtype.kind
    if kind not in "iuf" or (kind == "f" and not (array == np.floor(array)).all()):
        raise ValueError(f"{name}: {array.dtype} values found, whole numbers needed")
    return array


def check_range(name: str, values: NDArray[Any], low: int, high: int, why: str = "") -> None:
    """Refuse the first value outside of low..high, naming its place and what it does not fit."""
    for index in np.argwhere((values < low) | (values > high))[:1]:
        place = ", ".join(str(i) for i in index)
        raise ValueError(
            f"{name}[{place}] = {values[tuple(index)]} is out of range: {low}..{high}"
            + (f" ({why})" if why else "")
        )

"""The one way in which this project compiles a function with Numba."""

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function: no interpreter lock, IEEE division, no reordered floating point.

    The machine code is cached on disk where a cache can be written.
    """
    try:
        return cast(F, njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # Numba found no folder that it may write a cache to
        return cast(F, njit(nogil=True, error_model="numpy")(function))


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""The one way in which this project compiles a function with Numba, and where the code is kept.

Numba keeps compiled code beside a source file and makes it anew when that file changes; but a
kernel also holds the code of the kernels that it calls from other files. Here the folder of the
kept code is named after all our sources, so no kernel can outlive a change anywhere.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config as numba_config
from numba import njit
from numba.core.compiler import Compiler

config: Any = numba_config  # its names are made at run time
F = TypeVar("F", bound=Callable[..., Any])


@cache
def cache_folder() -> str:
    """Return a folder for the compiled code of these very sources; "" where none can be made."""
    here = Path(__file__).parent
    parts = ("envs", "controllers", "rollout", "qnet", "mac", "imitate", "tdnn", "mars", "faults")
    folders = (here, *(here / part for part in (*parts, "column_cim", "quantize")))
    stats = [(path.name, path.stat()) for folder in folders for path in sorted(folder.glob("*.py"))]
    sources = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    name = f"kernels-{hashlib.sha256(sources.encode()).hexdigest()[:16]}"
    bases = (here / "__pycache__", Path.home() / ".cache" / "neurobot")
    for base in (Path(config.CACHE_DIR),) if config.CACHE_DIR else bases:
        try:
            (base / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(base / name, os.W_OK):
            return str(base / name)
    return ""


def compile_function(function: F, **options: Any) -> F:
    """Compile a function: no interpreter lock, IEEE division, no reordered floating point.

    The machine code is kept on disk where that is possible.
    """
    usual = config.CACHE_DIR
    config.CACHE_DIR = cache_folder()
    try:
        compiled = njit(cache=bool(cache_folder()), nogil=True, error_model="numpy", **options)(
            function
        )
    finally:
        config.CACHE_DIR = usual
    return cast(F, compiled)


def kernel(function: F) -> F:
    """Compile a function as such, and into the machine code of what calls it."""
    return compile_function(function, forceinline=True)


class ApartCompiler(Compiler):
    """Numba's compiler, told that no two arrays that a function is given overlap."""

    def define_pipelines(self) -> Any:
        """Compile as usual, with one flag more."""
        self.state.flags.noalias = True
        return super().define_pipelines()  # type: ignore[no-untyped-call]


def apart(function: F) -> F:
    """Compile a kernel whose arrays never overlap: its loops vectorize without asking."""
    return compile_function(function, forceinline=True, pipeline_class=ApartCompiler)


def part(function: F) -> F:
    """Compile a function as a piece of what calls it, before types are known.

    For the upper storeys of a tall kernel: compiling each of them as well, with all that is below
    it, would take most of the time.
    """
    return compile_function(function, inline="always")


def cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

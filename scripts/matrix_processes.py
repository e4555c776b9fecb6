"""Processes that run the same episodes: in other surroundings, and in other versions of Python."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from matrix_ways import Size

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(__file__).with_name("matrix.py")
PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "gymnasium")
NOT_COPIED = (".*", "build", "dist", "runs", "*.egg-info", "__pycache__", "*.sqlite*")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Surroundings:
    """What a process of its own finds around it; folder: its own, empty, for compiled code."""

    variables: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # of the interpreter
    folder: str = ""
    quick: bool = True


def fewer_instructions() -> dict[str, str]:
    """Switch off what NumPy chose for this processor beyond what it needs."""
    found: Any = np.show_config(mode="dicts")
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(found["SIMD Extensions"].get("found", ()))}


SURROUNDINGS = {
    "hash seed 1": Surroundings({"PYTHONHASHSEED": "1"}),
    "hash seed 4294967295": Surroundings({"PYTHONHASHSEED": "4294967295"}, quick=False),
    "1 thread for all libraries": Surroundings(dict.fromkeys(THREADS, "1")),
    "4 threads for all libraries": Surroundings(
        {**dict.fromkeys(THREADS, "4"), "OMP_DYNAMIC": "FALSE"}, quick=False
    ),
    "plain ASCII, Kathmandu's time": Surroundings(
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "Asia/Kathmandu"}
    ),
    "python -O, St. John's time": Surroundings({"TZ": "America/St_Johns"}, ("-O",), quick=False),
    "NumPy without vector code": Surroundings(fewer_instructions()),
    "BLAS for an old processor": Surroundings({"OPENBLAS_CORETYPE": "Prescott"}, quick=False),
    "C library without FMA, AVX2": Surroundings(
        {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"}
    ),
    "kernels compiled anew": Surroundings(folder="anew", quick=False),
    "the same, kept": Surroundings(folder="anew", quick=False),
    "kernels for any processor": Surroundings(
        {"NUMBA_CPU_NAME": "generic"}, folder="generic", quick=False
    ),
}


def versions() -> dict[str, str]:
    """Say what runs here."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def run_part(python: Path, size: Size, around: Surroundings, scratch: Path) -> dict[str, Any]:
    """Let another process run the few ways; return its checksums and versions."""
    told = scratch / "part.json"
    asked = ["--seeds", size.seeds, "--first-seed", size.first_seed, "--limit-s", size.limit_s]
    command = [python, *around.options, PROGRAM, "--part", *asked, "--json", told]
    compiled = {"NUMBA_CACHE_DIR": str(scratch / around.folder)} if around.folder else {}
    done = subprocess.run(
        [*map(str, command), "--brains", *size.brains],
        env={**os.environ, **compiled, **around.variables},
        cwd=scratch,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{python}: {done.stderr.strip() or done.stdout.strip()}")
    found: dict[str, Any] = json.loads(told.read_text())
    return found


def run_surroundings(size: Size, quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what comes of each of the surroundings, with this interpreter."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, around in SURROUNDINGS.items():
            if around.quick or not quick:
                yield name, run_part(Path(sys.executable), size, around, Path(scratch))


def call(*command: str | Path) -> None:
    """Run a command; say what it said where it fails."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {' '.join(told)}")


@cache
def version_of(python: str) -> str:
    """Ask an interpreter for its version."""
    code = "import platform; print(platform.python_version())"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"--python {python}: no interpreter that runs")
    return done.stdout.strip()


def lowest(python: str, folder: Path) -> Path:
    """Write the lowest versions that the ranges of pyproject.toml allow, as uv resolves them."""
    if not shutil.which("uv"):
        raise ValueError("--lowest: needs uv: pip install 'neurobot[supply]'")
    found = folder / f"lowest-{version_of(python)}.txt"
    # What has no wheel for a Python was not made for it.
    wanted = ("--resolution", "lowest-direct", "--only-binary", ":all:", "--python", python)
    call("uv", "pip", "compile", "--quiet", *wanted, ROOT / "pyproject.toml", "-o", found)
    return found


def environment(python: str, folder: Path, oldest: bool) -> Path:
    """Make an environment, or take the one that is there, and install this checkout; its Python."""
    home = folder / f"{version_of(python)}{'-lowest' if oldest else ''}"
    inside = home / "bin" / "python"
    if not inside.exists():
        folder.mkdir(parents=True, exist_ok=True)
        call(python, "-m", "venv", home)
    limits: Sequence[str | Path] = ("-r", lowest(python, folder)) if oldest else ()
    with tempfile.TemporaryDirectory() as copy:
        # Built in the checkout itself, a wheel would leave a folder there that the next one reads.
        source = Path(copy) / "source"
        shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
        call(inside, "-m", "pip", "install", "--quiet", "--upgrade", *limits, source)
    return inside

"""What the benchmarks share: a rate, a row of the table, and the table; `--help` tells the rest.

python scripts/bench_table.py [--seconds S]     all benchmarks but the peers, as one table
"""

import argparse
import platform
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
from rich.console import Console

import neurobot
from neurobot.cli.terminal import make_table
from neurobot.compiled import cores
from neurobot.quantities import prefixed

ROUNDS = 15


class Figure(NamedTuple):
    """One row: what was measured, how much of it, and what it compares with."""

    what: str
    value: float | None
    unit: str
    note: str = ""


Benchmark = Callable[[float], Iterable[Figure]]


def rate(call: Callable[[], object], seconds: float, units: float = 1.0) -> float:
    """Return how many units a second the calls make, in the best of some rounds.

    What else runs on a machine only ever slows.
    """
    call()
    rates = []
    for _ in range(ROUNDS):
        calls, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds / ROUNDS:
            call()
            calls += 1
        rates.append(calls * units / passed)
    return max(rates)


def processor() -> str:
    """Name the processor, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def print_benchmarks(title: str, *benchmarks: Benchmark) -> None:
    """Read the options, and print one table of all figures."""
    options = argparse.ArgumentParser(description=title)
    options.add_argument("--seconds", type=float, default=1.0, help="per figure (default: 1)")
    seconds = options.parse_args().seconds
    table = make_table("what", "value", "compared")
    for benchmark in benchmarks:
        for figure in benchmark(seconds):
            table.add_row(figure.what, prefixed(figure.value, figure.unit, 3), figure.note)
    console = Console(highlight=False)
    console.print(
        f"neurobot {neurobot.__version__}, numpy {np.__version__}, numba {numba.__version__}, "
        f"Python {platform.python_version()}, {cores()} cores, {processor()}; "
        f"best of {ROUNDS} rounds, seed 0"
    )
    console.print(table)


if __name__ == "__main__":
    import bench_chip
    import bench_env
    import bench_rollout

    print_benchmarks(
        "all benchmarks but the peers",
        bench_chip.figures,
        bench_env.figures,
        bench_rollout.figures,
    )

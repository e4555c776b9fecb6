"""Rollouts on a GPU: the kernels of the processor, compiled again for the threads of a warp.

One block of TOGETHER threads drives one robot at a time; `neurobot.lanes` tells the kernels which
of them they are. Products and sums are not fused, so every bit is the processor's. Without a GPU,
NUMBA_ENABLE_CUDASIM=1 runs the same on Numba's simulator, slowly.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot import iqif, lanes
from neurobot.controllers.mind import Desk, Mind
from neurobot.decision import Window
from neurobot.envs.tasks import Results
from neurobot.envs.world import State
from neurobot.neurons import Silicon, Work
from neurobot.rollout.kernels import Rules, Seat, episode, make_seat, mind_at

try:
    from numba import cuda as numba_cuda
    from numba.cuda.cudadrv import nvvm as numba_nvvm
except ImportError as missing:
    raise ModuleNotFoundError(
        "rollouts on a GPU need numba-cuda: pip install 'neurobot[cuda]'"
    ) from missing

cuda: Any = numba_cuda
nvvm: Any = numba_nvvm
Array = NDArray[Any]
TOGETHER = 32  # threads of a warp
BLOCKS = 4096  # robots at a time, at most
SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"


def lane() -> Any:
    """Which thread of the warp this is."""
    return cuda.threadIdx.x


def sync() -> None:
    """Wait for the other threads of the warp; it is all there is in the block."""
    cuda.syncthreads()


def add_up(totals: Any, k: int, amount: int) -> None:
    """Add what this thread counted to a total of all threads."""
    cuda.atomic.add(totals, k, amount)


def lowest_bit(mask: Any) -> Any:
    """Position of the lowest bit that is set."""
    return cuda.popc(~mask & (mask - np.uint64(1)))  # the simulator's ffs stumbles at 1 << 32


# What is another function, or another number, on a GPU.
OTHERS: dict[int, Any] = {
    id(lanes.lane): lane,
    id(lanes.sync): sync,
    id(lanes.add_up): add_up,
    id(iqif.lowest_bit): lowest_bit,
}


def rebind(function: Any) -> FunctionType:
    """Return a function in whose code the names mean what they mean on the GPU."""
    names: dict[str, Any] = {}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if id(value) in OTHERS:
            names[name] = on_device(OTHERS[id(value)])
        elif hasattr(value, "py_func") or value is seat_at:
            names[name] = on_device(value)
        elif name == "TOGETHER":
            names[name] = TOGETHER
    return FunctionType(function.__code__, {**function.__globals__, **names})


@cache
def on_device(function: Any) -> Any:
    """Compile a function of the processor's for the GPU, with all that it calls."""
    return cuda.jit(rebind(getattr(function, "py_func", function)), device=True)


def seat_at(seats: Seat, s: int) -> Seat:
    """Take one seat out of a stack of them."""
    desk, results = seats.desk, seats.results
    work, window = desk.work, desk.window
    return Seat(
        State(seats.state.rows[s], seats.state.discs[s], seats.state.segments[s]),
        Results(results.velocity[s], results.goal[s], results.reward[s], results.outcome[s]),
        seats.distance_m[s],
        seats.range_m[s],
        seats.pilot[s],
        Desk(
            Work(work.cells[s], work.fired[s], work.words[s], work.who[s], work.crowd[s]),
            Window(window.trains[s], window.spikes[s], window.totals[s], window.tally[s]),
            desk.mood[s],
            desk.nearest_m[s],
            desk.levels[s],
            desk.wheels[s],
        ),
    )  # fmt: skip


def fly(
    pairs: Array,
    rules: Rules,
    worlds: State,
    minds: Mind,
    seats: Seat,
    logs: Array,
    courses: Array,
    ends: Array,
) -> None:
    """Drive the pairs (E, 2) of mind and world, each block every so many of them."""
    block = cuda.blockIdx.x
    seat = seat_at(seats, block)
    for k in range(block, pairs.shape[0], cuda.gridDim.x):
        mind = mind_at(minds, pairs[k, 0])
        episode(rules, worlds, pairs[k, 1], mind, seat, logs[k], courses[k], ends[k])


@contextmanager
def unfused() -> Iterator[None]:
    """Compile without fused multiply-adds, which round once where a processor rounds twice."""
    usual = nvvm.compile_ir
    nvvm.compile_ir = lambda ir, **options: usual(ir, **{**options, "fma": False})
    try:
        yield
    finally:
        nvvm.compile_ir = usual


@cache
def launcher() -> Any:
    """Compile `fly`."""
    return cuda.jit(rebind(fly))


def to_device(tree: Any) -> Any:
    """Copy all arrays of nested named tuples to the GPU."""
    if isinstance(tree, tuple):
        return type(tree)(*map(to_device, tree))
    if not isinstance(tree, np.ndarray):
        return tree
    if SIMULATED:
        return tree.view(np.recarray) if tree.dtype.names else tree
    return cuda.to_device(tree)


def repeat(tree: Any, count: int) -> Any:
    """Stack so many copies of all arrays of nested named tuples."""
    if isinstance(tree, tuple):
        return type(tree)(*(repeat(part, count) for part in tree))
    return np.repeat(tree[None], count, axis=0) if isinstance(tree, np.ndarray) else tree


def make_seats(seat: Seat, count: int) -> Seat:
    """Put so many seats onto the GPU."""
    seats: Seat = to_device(repeat(seat, count))
    work = seats.desk.work
    linked = work._replace(fired=work.words.view(np.uint8))
    return seats._replace(desk=seats.desk._replace(work=linked))


def drive(
    pairs: Array,
    rules: Rules,
    worlds: State,
    minds: Mind,
    silicon: Silicon,
    *kept: Array,
) -> None:
    """Drive the pairs (E, 2) of mind and world; silicon: of one mind. Fills what is kept.

    kept: logs (E,), courses (E, steps, 5) and ends (E, discs, 5).
    """
    if not cuda.is_available():
        why = " ".join(str(cuda.cuda_error()).split())
        raise RuntimeError(f"no GPU that Numba can use: {why}")
    blocks = min(len(pairs), BLOCKS)
    given = [to_device(each) for each in (pairs, rules, worlds, minds)]
    seats = make_seats(make_seat(worlds, rules.beams, silicon), blocks)
    written = [to_device(each) for each in kept]
    with unfused():
        launcher()[blocks, TOGETHER](*given, seats, *written)
    if not SIMULATED:
        for host, device in zip(kept, written, strict=True):
            device.copy_to_host(host)

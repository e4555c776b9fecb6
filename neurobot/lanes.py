"""How a kernel's loops are shared out among lanes: one source for a processor and for a GPU.

What holds for many elements alike is written ``for j in range(lane(), count, TOGETHER)``, what
must happen once stands under ``if lane() == 0``, and `sync` parts what one lane writes from what
another one reads. On a processor one worker does it all, and the compiler puts such a loop into
vector registers. `neurobot.rollout.gpu` compiles the same functions with a `lane` for each thread
of a group of TOGETHER.
"""

from typing import Any

from neurobot.compiled import kernel

LANES = 64  # neurons in a block: whole vector registers, and one mask of 64 bits
TOGETHER = 1


@kernel
def lane() -> int:
    """Which of the lanes that run together this one is."""
    return 0


@kernel
def sync() -> None:
    """Wait until all lanes are here and see what the others have written."""


@kernel
def add_up(totals: Any, k: int, amount: int) -> None:
    """Add what this lane counted to a total of all lanes."""
    totals[k] += amount


def padded(count: int) -> int:
    """Return the size of the whole blocks that so many elements fill."""
    return -(-count // LANES) * LANES

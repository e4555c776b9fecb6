"""How a network is trained, on what, and what makes the same bits come out again."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is trained. With the examples and the first weights it decides the result."""

    epochs: int = 5
    batch: int = 128
    lr: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 1e-4  # on weights only: none on steps, biases and batch norm
    warmup: float = 0.0  # share of all steps that run at warmup_lr
    warmup_lr: float = 0.001
    seed: int = 0
    threads: int = 1  # of PyTorch on the CPU: another number may give other bits
    device: str = "cpu"
    binary_decay: bool = False  # UniQ at 1 bit with weight decay, to show what it does

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "threads"):
            if (found := getattr(self, name)) < 1:
                raise ValueError(f"{name}={found} must be 1 or more")
        for name in ("lr", "warmup_lr"):
            if not 0 < (found := getattr(self, name)) < math.inf:
                raise ValueError(f"{name}={found} must be a number above 0")
        for name in ("momentum", "warmup"):
            if not 0 <= (found := getattr(self, name)) < 1:
                raise ValueError(f"{name}={found} must be 0 or more, and below 1")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=True needs a momentum above 0")
        for name in ("weight_decay", "seed"):
            if not 0 <= (found := getattr(self, name)) < math.inf:
                raise ValueError(f"{name}={found} must be 0 or more")

    def lr_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step: the warm-up's, then a cosine from lr to 0."""
        warm = int(self.warmup * steps)
        if step < warm:
            return self.warmup_lr
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def find_device(asked: str) -> str:
    """Turn auto, cpu or cuda into cpu or cuda."""
    if asked not in DEVICES:
        raise ValueError(f"device {asked!r} is not known; known: {', '.join(DEVICES)}")
    here = torch.cuda.is_available()
    if asked == "cuda" and not here:
        raise ValueError("device 'cuda': PyTorch finds no GPU here; cpu and auto are possible")
    return "cuda" if here and asked != "cpu" else "cpu"


@contextmanager
def reproducible(settings: Settings) -> Iterator[None]:
    """Let PyTorch give the same bits again, and leave its state as it was.

    On a GPU it only does so where it has an algorithm for that.
    """
    before, strictness = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    own: Any = torch.utils.deterministic
    filled = own.fill_uninitialized_memory
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it
    torch.set_num_threads(settings.threads)
    torch.set_deterministic_debug_mode("error" if settings.device == "cpu" else "warn")
    own.fill_uninitialized_memory = False  # it only makes reading of it fail, and takes time
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)
        torch.set_deterministic_debug_mode(strictness)
        own.fill_uninitialized_memory = filled

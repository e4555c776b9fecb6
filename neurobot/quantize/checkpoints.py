"""Checkpoints of a training: written whole or not at all, read without running what is in them."""

import io
import pickle
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurobot.writing import write_whole

VERSION = 1
DIGESTS = ("examples", "first_weights")  # compared last, as a setting that differs says more
PARTS = ("identity", "model", "optimizer", "step", "steps", "sums", "rng", "history")


def versions() -> dict[str, str]:
    """Name what a training is made with."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": str(torch.__version__),
    }


def save_checkpoint(path: Path, parts: Mapping[str, Any]) -> None:
    """Write a checkpoint; whoever reads the path finds the one before or this one, never a part.

    parts: tensors, numbers, texts, and dicts and lists of them, by the names of `PARTS`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()  # PyTorch would hide the errors of a file
    torch.save({"version": VERSION, "made_with": versions(), **parts}, content)
    write_whole(path, content.getbuffer())


def check_bytes(path: Path) -> None:
    """Refuse a file that is cut off, or in which a bit has changed: PyTorch reads past both."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(
            f"{path}: no checkpoint of a training, or one that is cut off: {error}"
        ) from error
    if damaged:
        raise ValueError(f"{path}: damaged: the checksum of {damaged} is wrong")


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU; code in it is never run.

    Raises ValueError for whatever `save_checkpoint` did not write, OSError where nothing is.
    """
    check_bytes(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: no checkpoint of a training: it holds more than tensors, numbers and texts"
        ) from error
    except Exception as error:  # PyTorch names no one class for a foreign file
        first = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{path}: no checkpoint of a training: {first}") from error
    if not isinstance(found, dict) or "version" not in found:
        raise ValueError(f"{path}: no checkpoint of a training: it has no version")
    if found["version"] != VERSION:
        raise ValueError(f"{path}: version {found['version']!r} found, {VERSION} is read here")
    if missing := [part for part in PARTS if part not in found]:
        raise ValueError(f"{path}: no checkpoint of a training: {missing[0]!r} is missing")
    return found


def check_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another training, and say where the two part."""
    for name in sorted(found.keys() | wanted.keys(), key=lambda name: (name in DIGESTS, name)):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{path}: a training with {name}={found.get(name)!r} is kept there, "
                f"{name}={wanted.get(name)!r} is asked for; the same settings go on, others need "
                "another folder"
            )


def load_weights(path: Path, model: torch.nn.Module, weights: Mapping[str, Any]) -> None:
    """Put the weights of a checkpoint into a model of the same shape."""
    try:
        model.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise ValueError(
            f"{path}: weights of another network: {lines[min(1, len(lines) - 1)].rstrip('.')}"
        ) from error

"""Checkpoints of a training: written whole or not at all, read without running what is in them."""

import errno
import io
import os
import pickle
import platform
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neurobot.bounded import MIB, Members, brief, read_file
from neurobot.writing import write_whole

VERSION = 1
FILE_BYTES = 512 * MIB
PLAIN, MOST_PLAIN = (bool, int, float, str), 10_000
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


def read_bytes(path: Path) -> bytes:
    """Read a file; refuse one that is cut off, or in which a bit has changed: PyTorch does not."""
    try:
        members = Members(content := read_file(path, FILE_BYTES), FILE_BYTES)
    except ValueError as error:
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise ValueError(
            f"{path}: no checkpoint of a training, or one that is cut off: {error}"
        ) from error
    for name in members.names:
        try:
            members.read(name)
        except ValueError as error:
            raise ValueError(f"{path}: damaged: {error}") from error
    return content


def read_parts(path: Path, parts: Sequence[str] = PARTS) -> dict[str, Any]:
    """Read a checkpoint with some parts onto the CPU; code in it is never run.

    Raises ValueError for whatever `save_checkpoint` did not write, OSError where nothing is.
    """
    content = read_bytes(path)
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path}: no checkpoint of a training: it holds more than tensors, numbers and texts"
        ) from error
    except Exception as error:  # PyTorch names no one class for a foreign file
        first = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(f"{path}: no checkpoint of a training: {brief(first)}") from error
    if not isinstance(found, dict) or "version" not in found:
        raise ValueError(f"{path}: no checkpoint of a training: it has no version")
    if type(found["version"]) is not int or found["version"] != VERSION:
        raise ValueError(
            f"{path}: version {reprlib.repr(found['version'])} found, {VERSION} is read here"
        )
    if missing := [part for part in parts if part not in found]:
        raise ValueError(f"{path}: no checkpoint of a training: {missing[0]!r} is missing")
    return found


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as `read_parts` does, with parts of the types that are saved."""
    found = read_parts(path)
    check_kinds(path, found)
    return found


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a text, or holds no more than `MOST_PLAIN` of such by name."""
    waiting, left = [value], MOST_PLAIN
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list | tuple):
            left -= len(found)
            names = found if isinstance(found, dict) else ()
            if left < 0 or not all(isinstance(name, PLAIN) for name in names):
                return False
            waiting += found.values() if isinstance(found, dict) else found
        elif found is not None and not isinstance(found, PLAIN):
            return False
    return True


def check_kinds(path: Path, found: Mapping[str, Any]) -> None:
    """Refuse parts of other types than are saved."""
    step, identity, model = found["step"], found["identity"], found["model"]
    for name, fits in (
        ("identity", isinstance(identity, dict) and all(isinstance(key, str) for key in identity)),
        ("identity", is_plain(identity)),
        ("model", isinstance(model, dict) and all(map(torch.is_tensor, model.values()))),
        ("optimizer", isinstance(found["optimizer"], dict)),
        ("step", type(step) is int and type(found["steps"]) is int and 0 <= step),
        ("sums", torch.is_tensor(found["sums"])),
        ("rng", torch.is_tensor(found["rng"])),
        ("history", isinstance(found["history"], list)),
    ):
        if not fits:
            raise ValueError(
                f"{path}: no checkpoint of a training: {name} = {reprlib.repr(found[name])}"
            )


def check_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse a checkpoint of another training, and say where the two part."""
    for name in sorted(found.keys() | wanted.keys(), key=lambda name: (name in DIGESTS, name)):
        if found.get(name) != wanted.get(name):
            raise ValueError(
                f"{path}: a training with {brief(name)}={brief(repr(found.get(name)))} is kept "
                f"there, {brief(name)}={wanted.get(name)!r} is asked for; the same settings go on, "
                "others need another folder"
            )


def load_weights(path: Path, model: torch.nn.Module, weights: Mapping[str, Any]) -> None:
    """Put the weights of a checkpoint into a model of the same shape."""
    try:
        model.load_state_dict(weights)
    except (RuntimeError, AttributeError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines()]
        raise ValueError(
            f"{path}: weights of another network: "
            f"{brief(lines[min(1, len(lines) - 1)].rstrip('.'))}"
        ) from error

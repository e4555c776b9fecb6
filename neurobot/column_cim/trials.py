"""Trials of networks on cells that vary: what each draw makes of a network's answers.

A trial is a network, bits of its converters, a variation and a draw; its result is how many images
it tells right. Draws pair: draw d of one trial meets the same cells as draw d of another, as far as
layers have the same name and shape (`variation`). Trials run in threads; each is a line of a file
as it ends, in an order that does not hang on how many threads there are.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass, fields
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from neurobot.bounded import MIB, brief, parse_json, read_file
from neurobot.column_cim.layers import on_arrays
from neurobot.column_cim.variation import Variation, plans_for
from neurobot.qnet.network import Network
from neurobot.qnet.runner import Array, Runner, check_pixels
from neurobot.writing import naming_place

OWN = "own"  # the converters that a network has
RESULTS = ("accuracy", "right")
FILE_BYTES = 64 * MIB  # of trials, of some 500 bytes each
AT_ONCE = 32  # images between two looks at whether to stop

AdcBits: TypeAlias = int | str | None  # None: ideal; OWN
Line: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[int, int], None]


class Labelled(NamedTuple):
    """Images (N, rows, columns, channels) of integers, their classes (N,), and what they are."""

    name: str
    images: Array
    labels: Array

    @property
    def plain(self) -> Line:
        """What tells them from others."""
        return {
            "name": self.name,
            "count": len(self.labels),
            "fingerprint": fingerprint(self.images, self.labels.astype(np.int64)),
        }


def fingerprint(*values: Any) -> str:
    """Return a short text that other values hardly have; of arrays, and of what is written."""
    found = hashlib.sha256()
    for value in values:
        array = isinstance(value, np.ndarray)
        found.update(repr((value.dtype.str, value.shape) if array else value).encode())
        found.update(np.ascontiguousarray(value).tobytes() if array else b"")
    return found.hexdigest()[:16]


def fingerprint_of(network: Network) -> str:
    """Return one of all that a network computes; its notes do not count."""
    whole = [getattr(network, name) for name in ("input_shape", "input_bits", "input_signed")]
    for layer in network.layers:
        whole += [type(layer).__name__, *(getattr(layer, field.name) for field in fields(layer))]
    return fingerprint(*whole)


class Chip(NamedTuple):
    """A network on arrays, by its name, and what its converters are asked to be."""

    network: str
    adc_bits: AdcBits


@dataclass(frozen=True)
class Trial:
    """What is tried; draw: the seed of what varies."""

    chip: Chip
    variation: Variation
    draw: int

    @property
    def plain(self) -> Line:
        """Its values as JSON can hold them."""
        return {**self.chip._asdict(), "variation": self.variation.plain, "draw": self.draw}


class Study:
    """Networks with layers on arrays, images for them to tell, and the version that tries them."""

    def __init__(self, chips: Mapping[Chip, Network], labelled: Labelled, version: str) -> None:
        """Refuse networks without such layers, and images that they do not take."""
        images = labelled.images
        for chip, network in chips.items():
            if not on_arrays(network):
                raise ValueError(f"{chip.network}: no layer on arrays found; allowed: 1 or more")
            check_pixels(network, images, (*images.shape[:1], *network.input_shape))
        self.chips, self.labelled = chips, labelled
        self._prints = {chip: fingerprint_of(network) for chip, network in chips.items()}
        self.about = {"images": labelled.plain, "version": version}

    def trials(self, variations: Sequence[Variation], draws: Sequence[int]) -> list[Trial]:
        """List for each chip a trial without variation, then all others.

        What does not hang on chance is tried once, as draw 0.
        """
        every = dict.fromkeys([Variation(), *variations])
        return [
            Trial(chip, variation, draw)
            for chip, variation in product(self.chips, every)
            for draw in (draws if variation.random else (0,))
        ]

    def key(self, trial: Trial) -> str:
        """Name a trial by all that decides its result."""
        about = {"fingerprint": self._prints[trial.chip], **self.about}
        return json.dumps({**trial.plain, **about}, sort_keys=True)

    def check(self, where: Path, line: Line) -> None:
        """Refuse a line of other images, another version or another network of the same name."""
        chip = Chip(line["network"], line["adc_bits"])
        own = {"fingerprint": self._prints.get(chip, line["fingerprint"]), **self.about}
        for name, value in own.items():
            if line[name] != value:
                what = f"network {chip.network!r}" if name == "fingerprint" else name
                raise ValueError(
                    f"{where}: trials of other {brief(what)} found: {brief(str(line[name]))}; "
                    f"allowed: {value}, or "
                    "another file"
                )


def read_lines(path: Path | None, study: Study) -> dict[str, Line]:
    """Read the trials that have ended, by key; what a kill has cut off is cut off the file."""
    if path is None or not path.exists():
        return {}
    try:
        content = read_file(path, FILE_BYTES)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    whole, newline, torn = content.rpartition(b"\n")
    lines = dict(read_line(path, text, study) for text in whole.splitlines())
    if not b'{"accuracy": '.startswith(torn[:13]):
        raise ValueError(f"{path}: {torn[:40]!r} found; allowed: trials")
    if torn:
        os.truncate(path, len(whole + newline))  # written anew, a full disk would take all of it
    return lines


def read_line(path: Path, text: bytes, study: Study) -> tuple[str, Line]:
    """Read one trial, and its key; refuse what is none of a study's."""
    try:
        line = parse_json(text)
        key = {name: value for name, value in line.items() if name not in RESULTS}
        right, accuracy = line["right"], line["accuracy"]
        if type(right) is not int or right < 0 or not 0 <= accuracy <= 1:
            raise ValueError("a result that no trial has")
        hash((Chip(key["network"], key["adc_bits"]), key["fingerprint"]))
        if missing := study.about.keys() - key.keys():
            raise KeyError(*missing)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: {text[:40]!r} found; allowed: trials") from error
    study.check(path, key)
    return json.dumps(key, sort_keys=True), line


def run_trials(
    study: Study,
    trials: Sequence[Trial],
    out: Path | None = None,
    *,
    jobs: int = 1,
    progress: Progress = lambda done, total: None,
) -> list[Line]:
    """Try what is not in a file yet, in so many threads; return the lines of all, in order.

    progress: called with how many trials are done, and how many there are.
    """
    if jobs < 1:
        raise ValueError(f"jobs = {jobs} found; allowed: 1 or more")
    lines, keys = read_lines(out, study), [study.key(trial) for trial in trials]
    missing = {key: trial for key, trial in zip(keys, trials, strict=True) if key not in lines}
    progress(len(trials) - len(missing), len(trials))
    with naming_place(out) if out else nullcontext(), ExitStack() as stack:
        file = stack.enter_context(out.open("a")) if out else None
        found = stack.enter_context(closing(answers(study, list(missing.values()), jobs)))
        for key, right in zip(missing, found, strict=True):
            share = right / len(study.labelled.labels)
            lines[key] = {**json.loads(key), "right": right, "accuracy": share}
            if file:
                file.write(json.dumps(lines[key], sort_keys=True) + "\n")
                file.flush()
            progress(sum(key in lines for key in keys), len(keys))
    return [lines[key] for key in keys]


def answers(study: Study, trials: Sequence[Trial], jobs: int) -> Generator[int, None, None]:
    """Yield how many images each trial tells right, in order; stop as soon as nobody listens."""
    stop = threading.Event()

    def work(trial: Trial) -> int:
        return count_right(study, trial, stop)

    with ThreadPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(work, trials)
        finally:
            stop.set()


def count_right(study: Study, trial: Trial, stop: threading.Event) -> int:
    """Deploy a network, and count the images that it tells right."""
    network, (_, images, labels) = study.chips[trial.chip], study.labelled
    runner = Runner(network, plans_for(network, trial.variation, trial.draw))
    right = 0
    for first in range(0, len(labels), AT_ONCE):
        if stop.is_set():
            raise CancelledError
        part = slice(first, first + AT_ONCE)
        right += int((runner.run_all(images[part]).argmax(axis=1) == labels[part]).sum())
    return right

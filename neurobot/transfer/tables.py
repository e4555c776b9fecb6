"""The plain text tables of the public iq-neuron library: a network that its code can run, and back.

`neurons.txt` has one row per neuron, `index rest threshold reset A B noise`, and `connections.txt`
one per connection, `pre post weight tau`; A and B are our slope_rest and slope_threshold. That
library takes the time constant of a neuron's current from its incoming connections:

* where they disagree, the one from the highest-numbered neuron counts, as there in profile P0 (in
  the library's own ring network the inhibitory neuron decides);
* a neuron of tau above 0 without any is given one of weight 0, from itself, which carries nothing
  but its tau; other weights of 0 are no connections.

Noise is written as 0. The library takes 0 for 1, and both are none; any other is refused, for this
model is deterministic. Blank lines and the kind of white space do not matter. The tables have no
checksum: `images.read_network` compares them with the memory images beside them.
"""

import os
import re
import reprlib
import stat
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from neurobot.fixed import Ints, check_range, whole_numbers
from neurobot.neurons import INT32, RANGES, Neurons

NEURONS, CONNECTIONS = "neurons.txt", "connections.txt"
MOST_NEURONS = 2048
NEURONS_BYTES = MOST_NEURONS * 64
CONNECTIONS_BYTES = MOST_NEURONS**2 * 32
CONSTANTS = tuple(name for name in RANGES if name != "tau")
WHOLE = re.compile(rb"[+-]?[0-9]{1,10}")

Columns = Mapping[str, tuple[int, int]]  # name, and least and greatest value


def read_file(path: Path, most: int) -> bytes:
    """Read a file of at most so many bytes; links, folders and devices are refused unopened."""
    content = None
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                content = file.read(most + 1)
    except (OSError, ValueError) as error:  # a ValueError for a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path}: it cannot be read ({reason}); allowed: a file") from error
    if content is None:
        raise ValueError(f"{path}: a link, a folder or a device found; allowed: a file")
    if len(content) > most:
        raise ValueError(f"{path}: more than {most} bytes found; allowed: at most {most}")
    return content


def read_row(place: str, words: list[bytes], columns: Columns) -> list[int]:
    """Read the whole numbers of one row, or say which is wrong."""
    if len(words) != len(columns):
        found = f"more than {len(columns)}" if len(words) > len(columns) else len(words)
        raise ValueError(f"{place}: {found} columns found; allowed: {' '.join(columns)}")
    values = []
    for word, (name, (low, high)) in zip(words, columns.items(), strict=True):
        if not WHOLE.fullmatch(word):
            text = reprlib.repr(word[:40].decode(errors="backslashreplace"))
            raise ValueError(f"{place}: {name} = {text} found; allowed: a whole number")
        value = int(word)
        if not low <= value <= high:
            raise ValueError(f"{place}: {name} = {value} found; allowed: {low}..{high}")
        values.append(value)
    return values


def read_rows(path: Path, columns: Columns, most: int) -> Iterator[tuple[str, list[int]]]:
    """Read row by row, each with its place, a file of at most so many bytes."""
    for number, line in enumerate(BytesIO(read_file(path, most)), 1):
        if words := line.split(maxsplit=len(columns)):
            place = f"{path}: line {number}"
            yield place, read_row(place, words, columns)


def read_cells(path: Path) -> dict[str, list[int]]:
    """Read the constants of all neurons but tau, (N,) each."""
    columns = {"index": (0, MOST_NEURONS - 1)} | {name: RANGES[name] for name in CONSTANTS}
    cells: list[list[int]] = []
    for place, (index, *cell, noise) in read_rows(path, columns | {"noise": INT32}, NEURONS_BYTES):
        if index != len(cells):
            raise ValueError(f"{place}: neuron {index} found; allowed: {len(cells)}, the next one")
        if noise not in (0, 1):
            raise ValueError(
                f"{place}: noise = {noise} found; allowed: 0 or 1, which are none: "
                "this model is deterministic"
            )
        constants = dict(zip(CONSTANTS, cell, strict=True))
        if constants["slope_rest"] == constants["slope_threshold"] == 0:
            raise ValueError(f"{place}: both slopes 0 found; allowed: at most one")
        cells.append(cell)
    if not cells:
        raise ValueError(f"{path}: no neuron found; allowed: 1..{MOST_NEURONS}")
    return dict(zip(CONSTANTS, map(list, zip(*cells, strict=True)), strict=True))


def read_connections(path: Path, count: int) -> tuple[Ints, Ints]:
    """Read the weights (N pre, N post) and the tau (N,) of so many neurons."""
    ends = (0, MOST_NEURONS - 1)
    columns = {"pre": ends, "post": ends, "weight": INT32, "tau": RANGES["tau"]}
    weights, taus = np.zeros((count, count), np.int32), np.zeros(count, np.int32)
    seen = np.zeros((count, count), np.bool_)
    decides = [-1] * count  # whose connection each tau is from
    for place, (pre, post, weight, tau) in read_rows(path, columns, CONNECTIONS_BYTES):
        if max(pre, post) >= count:
            raise ValueError(
                f"{place}: neuron {max(pre, post)} found; allowed: 0..{count - 1}, as in {NEURONS}"
            )
        if seen[pre, post]:
            raise ValueError(
                f"{place}: a second connection from neuron {pre} to {post} found; allowed: one"
            )
        seen[pre, post] = True
        weights[pre, post] = weight
        if pre > decides[post]:
            decides[post], taus[post] = pre, tau
    return weights, taus


def read_tables(folder: Path) -> tuple[Neurons, Ints]:
    """Read the neurons and their weights (N pre, N post) from the two tables of a folder."""
    cells = read_cells(folder / NEURONS)
    weights, tau = read_connections(folder / CONNECTIONS, len(cells["rest"]))
    return Neurons(**{name: np.array(values) for name, values in cells.items()}, tau=tau), weights


def neuron_rows(neurons: Neurons) -> Iterator[str]:
    """Write one row per neuron."""
    cells = zip(*(getattr(neurons, name).tolist() for name in CONSTANTS), strict=True)
    for index, cell in enumerate(cells):
        yield f"{index} {' '.join(map(str, cell))} 0\n"


def connection_rows(tau: Ints, weights: Ints) -> Iterator[str]:
    """Write one row per connection, those from the same neuron at a time."""
    connected = weights != 0
    connected |= np.diag((tau > 0) & ~connected.any(axis=0))
    for pre, posts in enumerate(map(np.flatnonzero, connected)):
        cells = zip(posts.tolist(), weights[pre, posts].tolist(), tau[posts].tolist(), strict=True)
        yield "".join(f"{pre} {post} {weight} {steps}\n" for post, weight, steps in cells)


def write_tables(neurons: Neurons, weights: ArrayLike, folder: Path) -> None:
    """Write neurons and their weights (N pre, N post) as the two tables of a folder.

    The neurons come last and at once: a folder that was not written to its end has none.
    """
    count = len(neurons)
    if not 1 <= count <= MOST_NEURONS:
        raise ValueError(f"{folder / NEURONS}: {count} neurons; allowed: 1..{MOST_NEURONS}")
    table = whole_numbers("weights", weights, (count, count))
    check_range("weights", table, *INT32)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{NEURONS}.part"
    part.write_bytes("".join(neuron_rows(neurons)).encode())
    (folder / NEURONS).unlink(missing_ok=True)
    rows = connection_rows(neurons.tau, table.astype(np.int32))
    (folder / CONNECTIONS).write_bytes("".join(rows).encode())
    os.replace(part, folder / NEURONS)

"""Memory images: a configured chip as the files that its memories are loaded from, and back.

A folder holds one file per memory, as in `transfer.memories`, and `header.json`, which says what
they are: the chip, the sizes of its populations, shape, width and SHA-256 of each memory; and the
SHA-256 of the header without this key, as compact JSON with sorted keys. The header comes last and
at once: a folder that was not written to its end has none.

All of a header but the checksums follows from the chip, the sizes, and which of the matrices
between the populations there are: a reader takes only these from it, and compares the rest.
"""

import hashlib
import json
import os
import reprlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from neurobot.fixed import Ints
from neurobot.poppins import Chip, Poppins
from neurobot.transfer.memories import CROSSINGS, POPULATIONS, Memory, list_memories, load, unload
from neurobot.transfer.tables import CONNECTIONS, NEURONS, read_file, read_tables, write_tables
from neurobot.version import __version__

FORMAT, VERSION = "neurobot-chip-images", 1
HEADER, UNFINISHED = "header.json", "header.json.part"
HEADER_BYTES = 1 << 16
KEYS = ("format", "version", "neurobot", "chip", "populations", "memories", "sha256")
ORDERS = {1: "neuron by neuron", 2: "row-major: presynaptic neuron, then postsynaptic neuron"}


def file_name(memory: Memory) -> str:
    """Name the file of a memory."""
    return f"{memory.name}.hex"


def describe(memory: Memory) -> dict[str, Any]:
    """Say in the header what a memory is."""
    return {
        "name": memory.name,
        "file": file_name(memory),
        "shape": list(memory.shape),
        "bits": memory.bits,
        "signed": memory.low < 0,
        "order": ORDERS[len(memory.shape)],
    }


def sha256(content: bytes) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(content).hexdigest()


def header_sha256(header: dict[str, Any]) -> str:
    """Return the checksum of a header without this key."""
    rest = {key: value for key, value in header.items() if key != "sha256"}
    return sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode())


def make_header(chip: Chip, sizes: tuple[int, int], files: dict[Memory, bytes]) -> dict[str, Any]:
    """Describe a chip and its memories."""
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "neurobot": __version__,
        "chip": {key: kind(getattr(chip, key)) for key, kind in get_type_hints(Chip).items()},
        "populations": dict(zip(POPULATIONS, sizes, strict=True)),
        "memories": [describe(memory) | {"sha256": sha256(files[memory])} for memory in files],
    }
    return header | {"sha256": header_sha256(header)}


def is_header(path: Path) -> bool:
    """Whether a file is a header of memory images, sound or not."""
    try:
        return FORMAT.encode() in read_file(path, HEADER_BYTES)
    except ValueError:
        return False


def claim(folder: Path) -> None:
    """Make a folder, or refuse one that holds other things than memory images."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not any(is_header(folder / name) for name in (HEADER, UNFINISHED)):
        raise ValueError(
            f"{folder}: files found without a {HEADER} of memory images; "
            "allowed: an empty folder, or one with memory images"
        )


def write_images(network: Poppins, folder: Path) -> list[str]:
    """Write a chip's memories and their header into an empty folder, or over older images.

    Returns the names of the files.
    """
    chip, sizes, words = network.chip, (len(network.first), len(network.second)), unload(network)
    files = {
        memory: memory.encode(words[memory.name]) for memory in list_memories(chip, sizes, words)
    }
    header = json.dumps(make_header(chip, sizes, files), indent=1) + "\n"
    claim(folder)
    (folder / UNFINISHED).write_bytes(header.encode())
    for name in (HEADER, *map(file_name, list_memories(chip, sizes, CROSSINGS))):
        (folder / name).unlink(missing_ok=True)
    for memory, content in files.items():
        (folder / file_name(memory)).write_bytes(content)
    os.replace(folder / UNFINISHED, folder / HEADER)
    return [HEADER, *map(file_name, files)]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin a sentence on what is wrong in a file with its name."""
    try:
        yield
    except RecursionError as error:
        raise ValueError(
            f"{path}: too deeply nested; allowed: a header of memory images"
        ) from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def require_value(where: str, found: Any, wanted: Any) -> None:
    """Refuse anything but this very value; a number of another type is another value."""
    if json.dumps(found) != json.dumps(wanted):
        raise ValueError(f"{where} = {reprlib.repr(found)} found; allowed: {json.dumps(wanted)}")


def require_keys(where: str, table: Any, keys: Collection[str]) -> None:
    """Refuse anything but an object with exactly these keys."""
    known = ", ".join(keys)
    if not isinstance(table, dict):
        raise ValueError(f"{where}: {reprlib.repr(table)} found; allowed: an object with {known}")
    for key in [key for key in keys if key not in table]:
        raise ValueError(f"{where}: key {key!r} is missing; needed: {known}")
    for key in [key for key in table if key not in keys]:
        raise ValueError(f"{where}: unknown key {reprlib.repr(key)} found; allowed: {known}")


def require_whole(where: str, found: Any, most: int) -> None:
    """Refuse anything but a whole number of 0..most."""
    if type(found) is not int or not 0 <= found <= most:
        raise ValueError(
            f"{where} = {reprlib.repr(found)} found; allowed: a whole number, 0..{most}"
        )


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, in which no key may stand twice."""
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key stands twice in an object")
    return table


def parse_json(content: bytes) -> Any:
    """Read JSON of finite numbers that `json.dumps` can write again."""
    try:
        value = json.loads(content.decode(), object_pairs_hook=unique)
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error}); allowed: a header of memory images") from error
    return value


def read_chip(table: Any) -> Chip:
    """Read the constants of a chip, each of its own type."""
    kinds = get_type_hints(Chip)
    require_keys("chip", table, kinds)
    for key, kind in kinds.items():
        if type(table[key]) is not kind:
            found = reprlib.repr(table[key])
            raise ValueError(f"chip: {key} = {found} found; allowed: {kind.__name__}")
    return Chip(**table)


def read_memories(entries: Any, chip: Chip, sizes: tuple[int, int]) -> list[tuple[Memory, str]]:
    """Return the memories with their checksums, all that the entries say anew."""
    if not isinstance(entries, list):
        raise ValueError(f"memories: {reprlib.repr(entries)} found; allowed: a list")
    names = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    memories = list_memories(chip, sizes, names)
    require_value("number of memories", len(entries), len(memories))
    for number, (entry, memory) in enumerate(zip(entries, memories, strict=True)):
        wanted = describe(memory)
        require_keys(f"memories[{number}]", entry, (*wanted, "sha256"))
        for key, value in wanted.items():
            require_value(f"memories[{number}]: {key}", entry[key], value)
        if not isinstance(entry["sha256"], str) or len(entry["sha256"]) != 64:
            found = reprlib.repr(entry["sha256"])
            raise ValueError(f"memories[{number}]: sha256 = {found} found; allowed: 64 digits")
    return [(memory, entry["sha256"]) for memory, entry in zip(memories, entries, strict=True)]


def parse_header(content: bytes) -> tuple[Chip, list[tuple[Memory, str]]]:
    """Return the chip, and its memories with their checksums."""
    header = parse_json(content)
    if isinstance(header, dict):  # another version may have other keys
        require_value("format", header.get("format"), FORMAT)
        require_value("version", header.get("version"), VERSION)
    require_keys("header", header, KEYS)
    require_value("sha256", header["sha256"], header_sha256(header))
    if not isinstance(header["neurobot"], str):
        found = reprlib.repr(header["neurobot"])
        raise ValueError(f"neurobot = {found} found; allowed: the version of the writer")
    chip = read_chip(header["chip"])
    require_keys("populations", header["populations"], POPULATIONS)
    first, second = (header["populations"][name] for name in POPULATIONS)
    for name, size in zip(POPULATIONS, (first, second), strict=True):
        require_whole(f"populations: {name}", size, chip.neurons)
    return chip, read_memories(header["memories"], chip, (first, second))


def read_memory(path: Path, memory: Memory, checksum: str) -> Ints:
    """Read the words of one memory."""
    content = read_file(path, memory.length)
    with naming(path):
        require_value("length in bytes", len(content), memory.length)
        require_value("sha256", sha256(content), checksum)
        return memory.decode(content)


def read_images(folder: Path) -> Poppins:
    """Read a configured chip, or say in one sentence which file is wrong, and how."""
    header = folder / HEADER
    content = read_file(header, HEADER_BYTES)
    with naming(header):
        chip, memories = parse_header(content)
    words = {
        memory.name: read_memory(folder / file_name(memory), memory, checksum)
        for memory, checksum in memories
    }
    with naming(header):
        return load(chip, words)


def write_network(network: Poppins, folder: Path) -> list[str]:
    """Write memory images, and the tables of both populations as one network; return the names."""
    names = write_images(network, folder)
    write_tables(network.neurons, network.weights, folder)
    return [*names, NEURONS, CONNECTIONS]


def require_same(path: Path, name: str, found: Ints, wanted: Ints) -> None:
    """Refuse the first value of a table that the memory images do not have."""
    for index in np.argwhere(found != wanted)[:1].tolist():
        place = tuple(index)
        raise ValueError(
            f"{path}: {name}{index} = {found[place]} found; "
            f"allowed: {wanted[place]}, as in the memory images"
        )


def read_network(folder: Path) -> Poppins:
    """Read memory images, and refuse tables beside them that tell of another network."""
    network = read_images(folder)
    neurons, weights = read_tables(folder)
    if len(neurons) != len(network):
        raise ValueError(
            f"{folder / NEURONS}: {len(neurons)} neurons found; "
            f"allowed: {len(network)}, as in the memory images"
        )
    for name, wanted in vars(network.neurons).items():
        path = folder / (CONNECTIONS if name == "tau" else NEURONS)
        require_same(path, name, getattr(neurons, name), wanted)
    require_same(folder / CONNECTIONS, "weights", weights, network.weights)
    return network

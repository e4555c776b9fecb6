"""Networks as files: an .npz without pickle, of a header as JSON and one array per constant.

The header tells everything but the values of the arrays, of which it tells the shapes; its `sha256`
is over the header without this key (compact JSON, sorted keys) and then, one after the other, name
and content of each member. A file is exactly what `save` writes for its network, byte by byte (so
nothing in it is compressed, and no time is told), or it is refused; equal networks, equal files.
"""

import hashlib
import json
import math
import reprlib
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from neurobot.bounded import MIB, check_size
from neurobot.qnet.archives import (
    make_archive,
    naming,
    open_archive,
    read_file,
    read_member,
)
from neurobot.qnet.checks import MOST_BITS, MOST_STORED, MOST_VALUES, flag, whole, wholes
from neurobot.qnet.columns import ColumnConv
from neurobot.qnet.conv import Conv
from neurobot.qnet.layers import Add, Channels, Layer, MaxPool, SumPool, check_name
from neurobot.qnet.network import Network
from neurobot.qnet.packing import Form
from neurobot.qnet.scales import Affine, Requant, Scores
from neurobot.qnet.signals import REAL_BITS
from neurobot.writing import write_whole

FORMAT, VERSION = "neurobot-integer-network", 1
HEADER = "header.npy"
HEADER_BYTES, MOST_PARTS = MIB, 1000
KEYS = ("format", "version", "network", "layers", "sha256")
SETTINGS = tuple(field.name for field in fields(Network) if field.name != "layers")
# The layers that a file can hold, and which of their constants are arrays, of which type.
LAYERS: dict[type[Layer], dict[str, str]] = {
    Conv: {"weights": "<f4"},
    ColumnConv: {"weights": "<f4", "steps": "<f4", "adc_step": "<f4", "adc_offset": "<f4"},
    Requant: {"multiplier": "<i4", "bias": "<i8"},
    Scores: {"multiplier": "<i4", "bias": "<i8"},
    Affine: {"scale": "<f4", "bias": "<f4"},
    Add: {},
    MaxPool: {},
    SumPool: {},
    Channels: {"index": "<i4"},
}
KINDS = {kind.__name__: kind for kind in LAYERS}
AXES = {"weights": 4, "steps": 2, "adc_step": 3, "adc_offset": 3}  # of arrays; others have one
INFINITE = {math.inf: "inf", -math.inf: "-inf"}
Header = dict[str, Any]
T = TypeVar("T")


def require_keys(where: str, table: Any, keys: Collection[str]) -> None:
    """Refuse anything but an object with exactly these keys."""
    if not isinstance(table, dict) or set(table) != set(keys):
        found = sorted(table) if isinstance(table, dict) else table
        raise ValueError(
            f"{where}: {reprlib.repr(found)} found; allowed: an object with {', '.join(keys)}"
        )


def form(kind: type[Layer], name: str, entry: Header) -> Form:
    """Return how an array of a layer is stored, by what the header tells of the layer."""
    where = f"{entry['name']}: {name}"
    found = entry[name]
    if not isinstance(found, list):
        raise ValueError(f"{where}: {reprlib.repr(found)} found; allowed: a shape")
    shape = wholes(f"{where}: shape", found, 1, MOST_VALUES, AXES.get(name, 1))
    if math.prod(shape) > MOST_STORED:
        raise ValueError(f"{where}: shape {shape} found; allowed: at most {MOST_STORED} values")
    bits = entry.get("weight_bits", REAL_BITS)
    if name != "weights" or bits == REAL_BITS:
        return Form(shape, LAYERS[kind][name])
    bits = whole(f"{entry['name']}: weight_bits", bits, 1, MOST_BITS)
    return Form(shape, bits=bits, signed=not flag(f"{entry['name']}: odd", entry["odd"]))


def describe(layer: Layer) -> Header:
    """Tell all of a layer but the values of its arrays."""
    entry: Header = {"kind": type(layer).__name__}
    for field in fields(layer):
        value = getattr(layer, field.name)
        plain = list(value.shape) if field.name in LAYERS[type(layer)] else value
        entry[field.name] = INFINITE.get(plain, plain) if isinstance(plain, float) else plain
    return entry


def members(network: Network) -> Iterator[tuple[str, bytes]]:
    """Write the arrays of all layers, each with the name of its member."""
    for number, layer in enumerate(network.layers):
        entry = describe(layer)
        for name in LAYERS[type(layer)]:
            content = form(type(layer), name, entry).encode(getattr(layer, name))
            yield f"{number}.{name}.npy", content


def compact(value: Any) -> bytes:
    """Write JSON in its one form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def checksum(header: Header, arrays: dict[str, bytes]) -> str:
    """Return the checksum of a header without this key, and of all arrays."""
    rest = {key: value for key, value in header.items() if key != "sha256"}
    total = hashlib.sha256(compact(rest))
    for name, content in arrays.items():
        total.update(name.encode() + content)
    return total.hexdigest()


def signed(header: Header, arrays: dict[str, bytes]) -> bytes:
    """Write a header, with the checksum of it all, and arrays as the bytes of a file."""
    text = np.frombuffer(compact(header | {"sha256": checksum(header, arrays)}), np.uint8)
    return make_archive({HEADER: Form(text.shape).encode(text), **arrays})


def encode(network: Network) -> bytes:
    """Write a network as the bytes of a file."""
    arrays = dict(members(network))
    settings = {name: getattr(network, name) for name in SETTINGS}
    header: Header = {
        "format": FORMAT,
        "version": VERSION,
        "network": settings | {"notes": dict(network.notes)},
        "layers": [describe(layer) for layer in network.layers],
    }
    return signed(header, arrays)


def save(network: Network, path: Path | str) -> None:
    """Write a network to a file, all at once or not at all."""
    write_whole(Path(path), encode(network))


def read_header(archive: zipfile.ZipFile, name: str, version: int) -> Header:
    """Read a header of the format of this name and version, whatever else it tells."""
    content = read_member(archive, HEADER)
    check_size(len(content), HEADER_BYTES)
    size = len(content) - len(Form((0,)).encode(np.zeros(0, np.uint8)))
    text = Form((max(size, 0),)).decode(content).tobytes()
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON ({error}); allowed: a header") from error
    for key, wanted in (("format", name), ("version", version)):
        found = header.get(key) if isinstance(header, dict) else None
        if type(found) is not type(wanted) or found != wanted:
            raise ValueError(f"{key} = {reprlib.repr(found)} found; allowed: {wanted!r}")
    return dict(header)


def check_header(
    header: Header, parts: str, keys: Collection[str], settings: Collection[str]
) -> None:
    """Refuse any other keys, of the header and of its network, and parts that are no list."""
    require_keys("header", header, keys)
    require_keys("network", header["network"], settings)
    if not isinstance(header[parts], list):
        raise ValueError(f"{parts}: {reprlib.repr(header[parts])} found; allowed: a list")
    if len(header[parts]) > MOST_PARTS:
        raise ValueError(f"{parts}: {len(header[parts])} found; allowed: up to {MOST_PARTS}")


def kind_of(number: int, entry: Any) -> type[Layer]:
    """Return the kind of a layer of the header, with just the keys that it must have."""
    found = entry.get("kind") if isinstance(entry, dict) else entry
    if not isinstance(found, str) or found not in KINDS:
        raise ValueError(
            f"layer {number}: kind = {reprlib.repr(found)} found; allowed: {', '.join(KINDS)}"
        )
    kind = KINDS[found]
    check_name(entry.get("name"))
    require_keys(f"layer {number}", entry, ("kind", *(field.name for field in fields(kind))))
    return kind


def read_layer(archive: zipfile.ZipFile, number: int, entry: Any) -> tuple[Layer, dict[str, bytes]]:
    """Read a layer, and the content of its members."""
    kind = kind_of(number, entry)
    contents, values = {}, {key: value for key, value in entry.items() if key != "kind"}
    for name in LAYERS[kind]:
        member = f"{number}.{name}.npy"
        how = form(kind, name, entry)
        with naming(f"{entry['name']}: {name}"):
            contents[member] = read_member(archive, member)
            values[name] = how.decode(contents[member])
    if kind is Affine:
        words = {word: number for number, word in INFINITE.items()}
        for name in ("low", "high"):
            if isinstance(values[name], str):
                values[name] = words.get(values[name])
    return kind(**values), contents


def check_stored(arrays: Iterable[int]) -> None:
    """Refuse arrays of so many values that are too many together."""
    if (total := sum(arrays)) > MOST_STORED:
        raise ValueError(f"arrays of {total} values found; allowed: up to {MOST_STORED} together")


def check_names(archive: zipfile.ZipFile, arrays: dict[str, bytes]) -> None:
    """Refuse arrays that nothing in the header asks for."""
    for name in archive.namelist():
        if name != HEADER and name not in arrays:
            raise ValueError(f"a surplus array {reprlib.repr(name)} found; allowed: {list(arrays)}")


def check_sum(header: Header, arrays: dict[str, bytes]) -> None:
    """Refuse a header and arrays of another checksum."""
    if header["sha256"] != (wanted := checksum(header, arrays)):
        raise ValueError(f"sha256 = {reprlib.repr(header['sha256'])} found; allowed: {wanted}")


def decode(content: bytes) -> Network:
    """Read a network from the bytes of a file, or say what is wrong."""
    archive = open_archive(content)
    with naming("header"):
        header = read_header(archive, FORMAT, VERSION)
        check_header(header, "layers", KEYS, SETTINGS)
    layers: list[Layer] = []
    arrays: dict[str, bytes] = {}
    for number, entry in enumerate(header["layers"]):
        layer, contents = read_layer(archive, number, entry)
        layers.append(layer)
        arrays |= contents
        check_stored(getattr(each, name).size for each in layers for name in LAYERS[type(each)])
    check_names(archive, arrays)
    network = Network(**header["network"], layers=tuple(layers))
    check_sum(header, arrays)
    return network


def load_saved(path: Path | str, decode: Callable[[bytes], T], encode: Callable[[T], bytes]) -> T:
    """Read what a file holds, or say in one sentence which file is wrong, and how."""
    source = Path(path)
    with naming(source):
        content = read_file(source)
        found = decode(content)
        if encode(found) != content:
            raise ValueError("other bytes found than these arrays make; allowed: a file as saved")
    return found


def load(path: Path | str) -> Network:
    """Read a network, or say in one sentence which file is wrong, in which layer, and how."""
    return load_saved(path, decode, encode)

"""Compiled networks as files: what the machine is built from, without pickle and without training.

An .npz like those of `neurobot.qnet.files`, under the same rules: a header as JSON, with a checksum
over all of it, and a file is exactly what `save` writes for its network or it is refused. Of each
layer of neurons there are a mask of its connections, a bit for each place of a window, and behind
each other the codes of the connections alone, in as few bits as hold them all, and the leaves that
they are on.
"""

import math
import reprlib
import zipfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurobot.qnet.archives import naming, open_archive, read_member
from neurobot.qnet.checks import INT64, MOST_STORED, MOST_VALUES, whole, wholes
from neurobot.qnet.files import (
    check_header,
    check_names,
    check_stored,
    check_sum,
    load_saved,
    read_header,
    require_keys,
    signed,
)
from neurobot.qnet.layers import check_name
from neurobot.qnet.packing import BYTE, Form
from neurobot.qnet.signals import width
from neurobot.tdnn.form import Clocking, Maxima, Net, Neurons, Stage, Tree
from neurobot.tdnn.timing import check_clocking
from neurobot.writing import write_whole

FORMAT, VERSION = "neurobot-time-delay-network", 1
KEYS = ("format", "version", "network", "stages", "sha256")
SETTINGS = tuple(field.name for field in fields(Net) if field.name != "stages")
KINDS: dict[str, type[Stage]] = {"Neurons": Neurons, "Maxima": Maxima}
ARRAYS = ("scale", "bias")  # besides weights and tree; all else of a stage stands in the header
MOST_CODE_BITS = 9  # of odd codes of 8 bits
Header = dict[str, Any]
Contents = dict[str, bytes]


def describe(stage: Stage) -> Header:
    """Tell all of a stage but the values of its arrays."""
    entry: Header = {"kind": type(stage).__name__}
    entry |= {f.name: getattr(stage, f.name) for f in fields(stage) if f.name not in ARRAYS}
    if isinstance(stage, Neurons):
        if not stage.integer:
            raise ValueError(f"{stage.name}: real numbers found; allowed: integers, compressed")
        entry |= {key: None if entry[key] is None else int(entry[key]) for key in ("low", "high")}
        least, most = int(stage.weights.min()), int(stage.weights.max())
        entry["weights"] = list(stage.weights.shape)
        entry["code_bits"] = width(min(least, -1), most)
        if stage.tree is not None:
            entry["tree"] = {"fan_in": stage.tree.fan_in, "leaves": stage.tree.shifts.shape[1]}
    return entry


def forms(entry: Header, connections: int) -> dict[str, Form]:
    """Return how the arrays of a layer are stored, besides the mask of its connections."""
    out, bits, tree = entry["weights"][0], entry["code_bits"], entry["tree"]
    codes = (
        Form((connections,), "<i2") if bits > 8 else Form((connections,), bits=bits, signed=True)
    )
    found = {"codes": codes, "scale": Form((out,), "<i4"), "bias": Form((out,), "<i8")}
    if tree is not None:
        number = BYTE if tree["leaves"] <= 1 << 8 else "<i4"
        found["leaf"] = Form((connections,), number)
        found["shifts"] = Form((out, tree["leaves"]))
    return found


def members(net: Net) -> Iterator[tuple[str, bytes]]:
    """Write the arrays of all stages, each with the name of its member."""
    for number, stage in enumerate(net.stages):
        if not isinstance(stage, Neurons):
            continue
        there = stage.weights != 0
        values = {"codes": stage.weights[there], "scale": stage.scale, "bias": stage.bias}
        if stage.tree is not None:
            values |= {"leaf": stage.tree.leaf[there], "shifts": stage.tree.shifts}
        yield f"{number}.mask.npy", Form(there.shape, bits=1).encode(there)
        for name, form in forms(describe(stage), len(values["codes"])).items():
            yield f"{number}.{name}.npy", form.encode(values[name])


def encode(net: Net) -> bytes:
    """Write a compiled network as the bytes of a file."""
    settings = {name: getattr(net, name) for name in SETTINGS}
    clocking = net.clocking and [net.clocking.line, net.clocking.lines]
    header: Header = {
        "format": FORMAT,
        "version": VERSION,
        "network": settings | {"notes": dict(net.notes), "clocking": clocking},
        "stages": [describe(stage) for stage in net.stages],
    }
    return signed(header, dict(members(net)))


def save(net: Net, path: Path | str) -> None:
    """Write a network of integers to a file, all at once or not at all."""
    write_whole(Path(path), encode(net))


def check_entry(number: int, entry: Any) -> None:
    """Refuse a stage of the header of no known kind, or with other keys than it must have."""
    found = entry.get("kind") if isinstance(entry, dict) else entry
    if not isinstance(found, str) or found not in KINDS:
        raise ValueError(
            f"stage {number}: kind = {reprlib.repr(found)} found; allowed: {', '.join(KINDS)}"
        )
    check_name(entry.get("name"))
    keys = ["kind", *(f.name for f in fields(KINDS[found]) if f.name not in ARRAYS)]
    require_keys(f"stage {number}", entry, [*keys, "code_bits"] if found == "Neurons" else keys)


def check_sizes(entry: Header) -> None:
    """Refuse what the header tells of the arrays of a layer where no array could be so."""
    name, tree = entry["name"], entry["tree"]
    shape = wholes(f"{name}: weights: shape", entry["weights"], 1, MOST_VALUES, 4)
    sizes = [math.prod(shape)]
    whole(f"{name}: code_bits", entry["code_bits"], 1, MOST_CODE_BITS)
    if tree is not None:
        require_keys(f"{name}: tree", tree, ("fan_in", "leaves"))
        sizes.append(shape[0] * whole(f"{name}: leaves", tree["leaves"], 1, MOST_VALUES))
    if max(sizes) > MOST_STORED:
        raise ValueError(f"{name}: {max(sizes)} values found; allowed: at most {MOST_STORED}")
    for key in ("low", "high"):
        if entry[key] is not None:
            whole(f"{name}: {key}", entry[key], *INT64)


def read_neurons(archive: zipfile.ZipFile, number: int, entry: Header) -> tuple[Neurons, Contents]:
    """Read a layer of neurons, and the content of its members."""
    check_sizes(entry)
    contents: Contents = {}

    def read(name: str, form: Form) -> NDArray[Any]:
        with naming(f"{entry['name']}: {name}"):
            content = contents[f"{number}.{name}.npy"] = read_member(
                archive, f"{number}.{name}.npy"
            )
            return form.decode(content)

    there = read("mask", Form(tuple(entry["weights"]), bits=1)) != 0
    connections = int(np.count_nonzero(there))
    arrays = {name: read(name, form) for name, form in forms(entry, connections).items()}
    values = {key: value for key, value in entry.items() if key not in ("kind", "code_bits")}
    values |= {"weights": np.zeros(there.shape, np.int32)} | {key: arrays[key] for key in ARRAYS}
    values["weights"][there] = arrays["codes"]
    if values["tree"] is not None:
        leaf = np.full(there.shape, -1, np.int32)
        leaf[there] = arrays["leaf"]
        values["tree"] = Tree(entry["tree"]["fan_in"], leaf, arrays["shifts"])
    return Neurons(**values), contents


def read_stage(archive: zipfile.ZipFile, number: int, entry: Any) -> tuple[Stage, Contents]:
    """Read a stage, and the content of its members."""
    check_entry(number, entry)
    if entry["kind"] == "Neurons":
        return read_neurons(archive, number, entry)
    return Maxima(**{key: value for key, value in entry.items() if key != "kind"}), {}


def decode(content: bytes) -> Net:
    """Read a compiled network from the bytes of a file, or say what is wrong."""
    archive = open_archive(content)
    with naming("header"):
        header = read_header(archive, FORMAT, VERSION)
        check_header(header, "stages", KEYS, SETTINGS)
    stages, arrays = list[Stage](), Contents()
    for number, entry in enumerate(header["stages"]):
        stage, contents = read_stage(archive, number, entry)
        stages.append(stage)
        arrays |= contents
        check_stored(each.weights.size for each in stages if isinstance(each, Neurons))
    check_names(archive, arrays)
    settings = header["network"]
    if (found := settings["clocking"]) is not None:
        line, lines = wholes("clocking", found, 1, MOST_VALUES)
        settings = settings | {"clocking": Clocking(line, lines)}
    net = Net(**settings, stages=tuple(stages))
    if net.clocking is not None:
        check_clocking(net, net.clocking)
    check_sum(header, arrays)
    return net


def load(path: Path | str) -> Net:
    """Read a compiled network, or say in one sentence which file is wrong, where, and how."""
    return load_saved(path, decode, encode)

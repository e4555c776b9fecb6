"""Programs by name, and as JSON files: what `neurobot fit` writes and `poppins?program=` takes.

{"format": "neurobot program", "version": 1, "programs": {"roam": {...}, "seek": {...}},
"provenance": {...}}: one of the two programs suffices, each with every number of
`programs.RANGES`; provenance says where they come from, in whatever words.
"""

import json
from pathlib import Path
from typing import Any

from neurobot.controllers.programs import (
    HANDMADE,
    RANGES,
    Pair,
    Program,
    numbers_of,
    program_of,
)
from neurobot.writing import write_whole

FORMAT, VERSION = "neurobot program", 1
KEYS = ("format", "version", "programs", "provenance")
MOST_BYTES = 1 << 20
DEFAULT_PROGRAM = "handmade"
PROGRAMS: dict[str, Pair | Path] = {
    DEFAULT_PROGRAM: HANDMADE,
    "evolved": Path(__file__).with_name("evolved.json"),
}


def find_programs(name: object) -> Pair:
    """Return the programs of a row of the table, or of a file."""
    if not isinstance(name, str) or not (name in PROGRAMS or name.endswith(".json")):
        raise ValueError(
            f"program: unknown {name!r}; known: {', '.join(PROGRAMS)}, or a file PATH.json"
        )
    row = PROGRAMS.get(name, Path(name))
    return row if isinstance(row, Pair) else read_programs(row)


def read_programs(path: Path) -> Pair:
    """Read and check a file."""
    try:
        document = json.loads(read_text(path), object_pairs_hook=unique)
        return to_pair(document)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: nested too deeply") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def read_text(path: Path) -> str:
    """Read a file that is none too large."""
    if path.exists() and not path.is_file():
        raise ValueError("not a file")
    with path.open("rb") as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes found, which no program takes")
    return content.decode()


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"key {next(k for k in keys if keys.count(k) > 1)!r} found twice")
    return found


def table(where: str, value: object, known: Any, needed: Any = ()) -> dict[str, Any]:
    """Refuse what is no object with such keys."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: {short(value)} found, an object needed")
    for key in sorted(value.keys() - set(known))[:1]:
        raise ValueError(f"{where}: unknown key {short(key)}; known: {', '.join(known)}")
    for key in [name for name in needed if name not in value][:1]:
        raise ValueError(f"{where}: no {key!r} found")
    return value


def short(value: object) -> str:
    """Write a value for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def to_pair(document: object) -> Pair:
    """Turn a file's content into programs."""
    content = table("file", document, KEYS, KEYS[:3])
    for key, wanted in (("format", FORMAT), ("version", VERSION)):
        if type(content[key]) is not type(wanted) or content[key] != wanted:
            raise ValueError(f"{key}: {short(content[key])} found, {wanted!r} needed")
    programs = table("programs", content["programs"], Pair._fields)
    if not programs:
        raise ValueError(f"programs: none found, {' or '.join(Pair._fields)} needed")
    return Pair(*(to_program(task, programs.get(task)) for task in Pair._fields))


def to_program(task: str, numbers: object) -> Program | None:
    """Turn one program's numbers into it."""
    if numbers is None:
        return None
    given = table(task, numbers, RANGES, RANGES)
    for name, bounds in RANGES.items():
        value = given[name]
        if type(value) not in (int, float):
            raise ValueError(f"{task}: {name}={short(value)} found, a number needed")
        if not bounds.low <= value <= bounds.high:
            raise ValueError(
                f"{task}: {name}={short(value)} is out of range: {bounds.low:g}..{bounds.high:g}"
            )
        if not bounds.decimals and value != round(value):
            raise ValueError(f"{task}: {name}={short(value)} found, a whole number needed")
    return program_of(given)


def write_programs(path: Path, programs: Pair, provenance: dict[str, Any]) -> None:
    """Write a file, in one piece."""
    given = {task: program for task, program in programs._asdict().items() if program}
    document = {
        "format": FORMAT,
        "version": VERSION,
        "programs": {task: numbers_of(program) for task, program in given.items()},
        "provenance": provenance,
    }
    write_whole(path, json.dumps(document, indent=1, allow_nan=False) + "\n")

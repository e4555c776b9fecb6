"""The episodes of a run folder as one flat table: a row for each, typed columns, units in names."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

try:
    import pyarrow as pa
    from pyarrow import csv, parquet
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "exporting needs pyarrow: pip install 'neurobot[export]'"
    ) from missing

from neurobot.episodes import Cell, Record, from_result, reading_records
from neurobot.faults.draw import Upsets
from neurobot.faults.spec import Faults
from neurobot.loop import Timing
from neurobot.store import Stored, StoreError, read_run
from neurobot.writing import whole

Row = dict[str, Any]
DERIVED = ("success", "spl", "soft_spl", "sct", "score", "mean_speed_mps")
TYPES: dict[type, Any] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def prefixed(prefix: str, values: dict[str, Any]) -> Row:
    """Put a prefix before every name."""
    return {f"{prefix}_{name}": value for name, value in values.items()}


def to_row(stored: Stored) -> Row:
    """Lay an episode out flat: what decided it, what happened, what follows, what was counted."""
    key, result = dict(stored.key), dict(stored.result)
    cell, version = key.pop("cell", None), key.pop("version")
    timing, options, faults = key.pop("timing"), key.pop("options"), key.pop("faults", {})
    events, upsets = dict(result.pop("events") or {}), result.pop("upsets", {})
    record = from_result({**stored.result, "events": None})  # its chip may be unknown here
    return {
        **(Cell(*cell)._asdict() if cell else dict.fromkeys(Cell._fields)),
        **key,
        **prefixed("option", options),
        **prefixed("timing", timing),
        **prefixed("faults", faults),
        **{name: value for name, value in result.items() if name != "cell"},
        **{name: getattr(record, name) for name in DERIVED},
        "chip": events.pop("chip", None),
        **prefixed("events", events),
        **prefixed("upsets", upsets),
        "neurobot_version": version,
    }


def plain(hint: Any) -> Any:
    """Return the type that a hint names, without None."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return kinds[0] if kinds else hint


def declared() -> dict[str, Any]:
    """Return the types of those columns that have one whatever is in them."""
    hints = {
        **dict.fromkeys((*Cell._fields, "chip", "neurobot_version"), str),
        **get_type_hints(Record),
        **prefixed("timing", get_type_hints(Timing)),
        **prefixed("faults", get_type_hints(Faults)),
        **prefixed("upsets", get_type_hints(Upsets)),
        **{name: get_type_hints(getattr(Record, name).fget)["return"] for name in DERIVED},
    }
    return {name: TYPES[plain(hint)] for name, hint in hints.items() if plain(hint) in TYPES}


def inferred(values: Iterable[Any]) -> Any:
    """Return the type that holds all values as they are; None: there is none."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return TYPES[float]
    return TYPES.get(*kinds) if len(kinds) == 1 else None


def to_column(values: list[Any], kind: Any) -> Any:
    """Make a column; without a kind of the one that fits, or of JSON texts."""
    found = kind or inferred(values)
    if found is None:
        values = [None if value is None else json.dumps(value) for value in values]
    return pa.array(values, found or TYPES[str])


def to_table(rows: list[Row], facts: dict[str, Any]) -> Any:
    """Make a table, with what is known of the run in its metadata."""
    kinds = declared()
    columns = {
        name: to_column([row.get(name) for row in rows], kinds.get(name))
        for name in dict.fromkeys(name for row in rows for name in row)
    }
    return pa.table(columns).replace_schema_metadata({"neurobot": json.dumps(facts)})


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".parquet": parquet.write_table,
    ".csv": csv.write_csv,
}


def export(folder: Path, out: Path) -> tuple[int, int]:
    """Write the episodes of a run folder to a file; return how many rows and columns it has."""
    if out.suffix not in WRITERS:
        raise ValueError(f"{out}: ends in {out.suffix!r}; known: {', '.join(WRITERS)}")
    run = read_run(folder)
    if not run.episodes:
        raise StoreError(f"{folder}: no episode has ended there yet")
    try:
        with reading_records(folder):
            table = to_table([to_row(each) for each in run.episodes], run.facts)
    except pa.ArrowException as error:
        raise StoreError(f"{folder}: records of another form found: {error}") from error
    with whole(out) as draft:
        WRITERS[out.suffix](table, draft)
    return table.num_rows, table.num_columns

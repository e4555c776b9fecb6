"""Files changed at random, inside of what holds them: archives, arrays, JSON, databases, pictures.

Plain changes of bytes end at a container's first checksum. What is changed here is a member, a
header, a cell or a chunk, and then all is packed again; every so often bytes change nevertheless.
All chance comes from the `random.Random` that is given, so a hypothesis strategy can be one.
"""

import ast
import io
import json
import re
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np

Folder = dict[str, bytes]
Change = Callable[[bytes, Random], bytes]
FOLDER = b"FOLDER\n"  # before several files that are read together
NUMBERS = (
    *(0, 1, -1, 2, 255, 256, 65535, 1 << 24, (1 << 24) + 1, 1 << 26, 1 << 31, -(1 << 31), 1 << 32),
    *(1 << 53, 1 << 62, (1 << 63) - 1, 1 << 63, -(1 << 63), 1 << 64, 10**19, 10**400, -(10**400)),
    *(0.5, -0.5, 1e-9, 1e-300, 5e-324, 1e9, 1e30, 1e308, -1e308),
    *(float("inf"), float("-inf"), float("nan")),
)
TEXTS = (
    *(
        "",
        " ",
        "x",
        "\0",
        "\n",
        "a\nb",
        "\ud800",
        "\u0663",
        "\uff11",
        "\xe9",
        "None",
        "nan",
        "inf",
        "1e999",
    ),
    *("0x10", "1_000", "-0", "../../../../etc/passwd", "/dev/zero", "/", ".", "x" * 5000),
    *("%s%n", "{0.__class__}", "__import__('os').abort()", "[[[[", "random", "forest", "poppins"),
)
WORDS = (
    *(b"&a [*a, *a]", b"*a", b"!!python/object/apply:os.abort []", b"!!python/name:os.abort"),
    *(b"!!binary AAAA", b"!!float .inf", b".nan", b"-.inf", b"1:1:1:1:1", b"0x7fffffffffffffff"),
    *(b"0b1111", b"0o17", b"010", b"1_0", b"~", b"{}", b"[]", b"[1, 2, 3]", b"{<<: {a: 1}}"),
    *(b"2001-99-99", b"1e999", b"-1", b"1e-320", b"99999999999999999999", b"9" * 5000, b"'\\0'"),
    *(b'"\\ud800"', b"null", b"true", b"\xff\xfe", b"\xc3\x28", b"\xef\xbb\xbf", b"\0", b"#"),
)
KINDS = (
    *("<f8", "<f4", "<f2", ">f8", "|u1", "|i1", "<u2", "<i4", "<i8", "<u8", "|b1", "|O", "<c16"),
    *("<U1", "<U40", "<U0", "|S3", "|S0", "<M8[s]", "<m8[D]", "|V8", [("a", "<f8")], "f", "<f16"),
)


def pack_folder(files: Folder) -> bytes:
    """Write files behind each other, with a line of names and lengths before."""
    head = json.dumps([[name, len(content)] for name, content in files.items()])
    return FOLDER + head.encode() + b"\n" + b"".join(files.values())


def unpack_folder(data: bytes) -> Folder:
    """Read what `pack_folder` wrote, as far as it goes."""
    head, _, rest = data.removeprefix(FOLDER).partition(b"\n")
    files, place = {}, 0
    for name, length in json.loads(head):
        files[name] = rest[place : place + length]
        place += length
    return files


def mutate(data: bytes, rng: Random, how: Change | None = None) -> bytes:
    """Change a file inside of what it is, or now and then its bytes: by `how`, else by `spoil`."""
    for begins, change in CONTAINERS:
        if data.startswith(begins):
            if begins != FOLDER and rng.random() < 0.15:
                break
            try:
                return change(data, rng)
            except Exception:  # what was spoilt before is no container any more
                break
    return (how or spoil)(data, rng)


def spoil(data: bytes, rng: Random) -> bytes:
    """Change some bytes."""
    place, kind = rng.randrange(len(data) + 1), rng.random()
    end = min(place + rng.choice((1, 1, 1, 2, 4, 8, 64, 4096)), len(data))
    if kind < 0.05:
        return data[:place]
    if kind < 0.15:
        return data[:place] + data[end:]
    if kind < 0.25:
        return data[:place] + data[place:end] * rng.choice((2, 3, 100)) + data[end:]
    if kind < 0.4:
        return data[:place] + rng.choice(WORDS) + data[end:]
    if kind < 0.7 and place < len(data):
        return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
    size = rng.choice((1, 2, 4, 8))
    whole = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 63, (1 << 64) - 1))
    number = (whole & ((1 << 8 * size) - 1)).to_bytes(size, rng.choice(("little", "big")))
    return data[:place] + number + data[place + size :]


def respell(data: bytes, rng: Random) -> bytes:
    """Change a word, a number or a line of a text."""
    words = [match.span() for match in re.finditer(rb"[\w.+-]+", data[:20_000])]
    lines = data.split(b"\n")
    kind = rng.random()
    if kind < 0.6 and words:
        start, end = rng.choice(words)
        new = rng.choice(WORDS) if rng.random() < 0.6 else str(rng.choice(NUMBERS)).encode()
        return data[:start] + new + data[end:]
    if kind < 0.9 and len(lines) > 1:
        line = rng.randrange(len(lines))
        new_lines = rng.choice(
            ([], [lines[line]] * 2, [rng.choice(lines)], [rng.choice(WORDS)], [lines[line][::-1]])
        )
        return b"\n".join(lines[:line] + new_lines + lines[line + 1 :])
    return spoil(data, rng)


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """List every place of a document, as what holds it and its key there."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting and len(found) < 5000:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def any_value(rng: Random) -> Any:
    """Draw a value that is rarely the right one."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(NUMBERS)
    if kind < 0.7:
        return rng.choice(TEXTS)
    nested: Any = 0
    for _ in range(rng.choice((2, 50, 400))):
        nested = [nested]
    return rng.choice((None, True, False, [], {}, [1, 2], {"a": 1}, [[0.5] * 3] * 2, nested))


def change_value(value: Any, rng: Random) -> Any:
    """Change a value a little, or draw another one."""
    kind = rng.random()
    if isinstance(value, bool) or kind < 0.4:
        return any_value(rng)
    if isinstance(value, int):
        return value + rng.choice((1, -1, 7, 1 << 8, 1 << 31)) if kind < 0.8 else -value
    if isinstance(value, float):
        return value * rng.choice((-1, 2, 10, 1e6, 1e-6, 1e300))
    if isinstance(value, str):
        return respell(value.encode(errors="replace"), rng).decode(errors="replace")
    return any_value(rng)


def change_document(document: Any, rng: Random) -> Any:
    """Change one place of a document in place, or all of it."""
    places = places_in(document) if isinstance(document, dict | list) else []
    if not places or rng.random() < 0.02:
        return any_value(rng)
    holder, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.65:
        holder[key] = change_value(holder[key], rng)
    elif kind < 0.75:
        del holder[key]
    elif kind < 0.85 and isinstance(holder, dict):
        holder[rng.choice((*TEXTS[:14], str(key) + "x", "a"))] = holder.pop(key)
    elif kind < 0.95:
        other, where = rng.choice(places)
        holder[key] = json.loads(json.dumps(other[where])) if where in other else None
    elif isinstance(holder, list):
        holder += [holder[key]] * rng.choice((1, 2, 1000))
    else:
        holder["more"] = any_value(rng)
    return document


def change_json(data: bytes, rng: Random) -> bytes:
    """Change a document, or now and then how it is written."""
    document = json.loads(data)
    compact = b"\n" not in data.strip()
    document = change_document(document, rng)
    text = json.dumps(document, indent=None if compact else 1, sort_keys=compact)
    if rng.random() < 0.05:
        deep = rng.choice((500, 2000, 100_000))
        return rng.choice((b"[" * deep, b'{"a":' * deep, b"9" * deep, text.encode() * 2))
    if rng.random() < 0.05:
        return re.sub(rb'"(\w+)":', rb'"\1": 0, "\1":', text.encode(), count=1)
    return text.encode() + (b"\n" if data.endswith(b"\n") else b"")


def change_lines(data: bytes, rng: Random) -> bytes:
    """Change one of many lines of JSON."""
    lines = data.split(b"\n")
    line = rng.randrange(len(lines))
    if lines[line].startswith(b"{") and rng.random() < 0.8:
        lines[line] = change_json(lines[line], rng)
        return b"\n".join(lines)
    return respell(data, rng)


def change_object(data: bytes, rng: Random) -> bytes:
    """Change what begins like JSON: one document, or a line for each."""
    try:
        json.loads(data)
    except ValueError:
        return change_lines(data, rng)
    return change_json(data, rng)


def change_elements(values: bytes, kind: Any, rng: Random) -> bytes:
    """Put a rare value into an array's values."""
    size = np.dtype(kind).itemsize
    count = len(values) // size
    place = rng.randrange(count) if count else 0
    with np.errstate(all="ignore"):
        try:
            new = np.array([rng.choice(NUMBERS)], np.float64).astype(kind).tobytes()
        except (ValueError, TypeError, OverflowError):
            new = bytes(size)
    times = rng.choice((1, 1, 1, count))
    return values[: place * size] + new * times + values[(place + times) * size :]


def change_array(data: bytes, rng: Random) -> bytes:
    """Change header or values of an array in NumPy's format, often so that both still fit."""
    length = struct.unpack("<H", data[8:10])[0]
    head: Any = ast.literal_eval(data[10 : 10 + length].decode())
    values, kind = data[10 + length :], rng.random()
    if kind < 0.45:
        values = change_elements(values, head["descr"], rng)
    elif kind < 0.6:
        head["descr"] = rng.choice(KINDS)
    elif kind < 0.65:
        head["fortran_order"] = rng.choice((True, 1, None, "x"))
    elif kind < 0.85:
        head["shape"] = change_shape(head["shape"], rng)
    elif kind < 0.95:
        values = spoil(values, rng)
    else:
        head = change_document(head, rng)
    if isinstance(head, dict) and rng.random() < 0.6:
        values = fill(values, head)
    text = repr(head).encode() if rng.random() < 0.97 else rng.choice(WORDS)
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    version = rng.choice((b"\x01\x00",) * 20 + (b"\x02\x00", b"\x03\x00", b"\x09\x09"))
    return data[:6] + version + struct.pack("<H", len(text) & 0xFFFF) + text + values


def change_shape(shape: Any, rng: Random) -> Any:
    """Change an axis of a shape, or how many there are."""
    axes = list(shape)
    place = rng.randrange(len(axes) + 1)
    if rng.random() < 0.5 and axes:
        axes[place - 1] = rng.choice((*NUMBERS[:20], axes[place - 1] + 1, axes[place - 1] - 1))
    elif rng.random() < 0.5:
        axes.insert(place, rng.choice((0, 1, 2, 1000)))
    else:
        axes = axes[:place]
    return tuple(axes)


def fill(values: bytes, head: Any) -> bytes:
    """Repeat values until there are as many as a header says, where that is not too many."""
    try:
        size = int(np.prod(head["shape"], dtype=float)) * np.dtype(head["descr"]).itemsize
    except (ValueError, TypeError, KeyError, OverflowError):
        return values
    if not 0 < size <= 1 << 20 or not values:
        return values
    return bytes((values * -(-size // len(values)))[:size])


def change_archive(data: bytes, rng: Random) -> bytes:
    """Change, drop, rename, double or repack members of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        files = [(info.filename, archive.read(info), info.compress_type) for info in infos]
    place, kind = rng.randrange(len(files)), rng.random()
    name, content, how = files[place]
    if kind < 0.8:
        files[place] = name, mutate(content, rng), how
    elif kind < 0.84:
        del files[place]
    elif kind < 0.88:
        other = rng.choice(files)[0]
        new = rng.choice((name + "x", "/" + name, "a\n.npy", "x" * 300, other))
        files[place] = new, content, how
    elif kind < 0.92:
        files.append((rng.choice((name, "more.npy", "x__meta.npy")), content, how))
    elif kind < 0.96:
        files[place] = name, content, rng.choice((0, 8, 12, 14))
    else:
        files[place] = name, content + bytes(rng.choice((1, 1000, 3 << 20))), 8
    packed = pack_archive(files)
    if rng.random() < 0.03:
        mark = packed.rindex(b"PK\x01\x02") + rng.choice((8, 10, 20, 24, 28, 30, 42))
        packed = packed[:mark] + rng.choice((b"\0\0", b"\xff\xff", b"\1\0")) + packed[mark + 2 :]
    return packed


def pack_archive(files: list[tuple[str, bytes, int]]) -> bytes:
    """Write members, each with how it is packed; the same bytes at every time."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content, how in files:
            member = zipfile.ZipInfo(name)
            member.create_system, member.compress_type = 3, how
            archive.writestr(member, content)
    return target.getvalue()


def change_database(data: bytes, rng: Random) -> bytes:
    """Change a cell, the rows or the schema of an SQLite file."""
    with sqlite3.connect(":memory:") as store:
        store.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 20)
        store.set_progress_handler(lambda: 1, 1_000_000)  # a view may have no end
        store.deserialize(data)
        kind, table = rng.random(), rng.choice(("episodes", "episodes", "facts"))
        names = [row[1] for row in store.execute(f"PRAGMA table_info({table})")]
        column = rng.choice(names)
        if kind < 0.75:
            change_cell(store, table, column, rng)
        elif kind < 0.82:
            store.execute(f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1")
        else:
            store.executescript(rng.choice(SCHEMES).format(table=table, column=column))
        store.commit()
        changed: bytes = store.serialize()
        return changed


def change_cell(store: sqlite3.Connection, table: str, column: str, rng: Random) -> None:
    """Change what stands in a row's column."""
    rows = store.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchall()
    row, value = rng.choice(rows)
    new: Any = rng.choice((None, 1, 0.5, b"\0", "x", "{}", "[]", "null", value))
    if isinstance(value, str) and rng.random() < 0.9:
        new = change_json(value.encode(), rng).decode(errors="replace")
    elif isinstance(value, bytes) and rng.random() < 0.9:
        new = mutate(value, rng)
    store.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row))


SCHEMES = (
    "DROP TABLE {table}",
    "ALTER TABLE {table} RENAME TO other",
    "ALTER TABLE {table} RENAME COLUMN {column} TO other",
    "ALTER TABLE {table} ADD COLUMN more TEXT DEFAULT 'x'",
    "ALTER TABLE {table} DROP COLUMN {column}",
    "DELETE FROM {table}",
    "DROP TABLE {table}; CREATE VIEW {table} AS WITH RECURSIVE c(x) AS "
    "(SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT '{{}}' AS key, '{{}}' AS result, x AS trace, "
    "'a' AS name, 'b' AS value FROM c",
    "DROP TABLE {table}; CREATE TABLE {table} (key TEXT, result TEXT, name TEXT, value TEXT, "
    "trace BLOB GENERATED ALWAYS AS (zeroblob(1000000000)))",
    "DROP TABLE {table}; CREATE TABLE {table} (key INT, result INT, name INT, value INT)",
    "CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
    "CREATE INDEX i ON {table} (length({column}))",
    "DROP TABLE {table}; CREATE VIRTUAL TABLE {table} USING fts5(key, result, name, value)",
    "PRAGMA user_version = 99",
)


def change_zlib(data: bytes, rng: Random) -> bytes:
    """Change what was deflated."""
    wide = 31 if data.startswith(b"\x1f\x8b") else 15
    packer = zlib.compressobj(wbits=wide)
    plain = zlib.decompressobj(wbits=wide).decompress(data, 1 << 22)
    plain = spoil(plain, rng) if rng.random() < 0.95 else plain + bytes(1 << 24)
    return packer.compress(plain) + packer.flush()


def change_png(data: bytes, rng: Random) -> bytes:
    """Change a chunk of a PNG picture, and make its checksum fit."""
    chunks, place = [], 8
    while place + 12 <= len(data):
        length = struct.unpack(">I", data[place : place + 4])[0]
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    k, kind = rng.randrange(len(chunks)), rng.random()
    name, content = chunks[k]
    if kind < 0.7:
        inner = change_zlib if name == b"IDAT" and rng.random() < 0.7 else spoil
        chunks[k] = name, inner(content, rng)
    elif kind < 0.85:
        chunks.insert(k, rng.choice(chunks))
    else:
        del chunks[k]
    packed = data[:8]
    for name, content in chunks:
        check = struct.pack(">I", zlib.crc32(name + content))
        packed += struct.pack(">I", len(content)) + name + content + check
    return packed


def change_folder(data: bytes, rng: Random) -> bytes:
    """Change, drop, double or empty one of several files."""
    files = unpack_folder(data)
    name, kind = rng.choice(list(files)), rng.random()
    if kind < 0.93:
        files[name] = mutate(files[name], rng)
    elif kind < 0.95:
        del files[name]
    elif kind < 0.97:
        files[name] = b""
    else:
        files[name] = files[rng.choice(list(files))]
    return pack_folder(files)


CONTAINERS: tuple[tuple[bytes, Change], ...] = (
    (FOLDER, change_folder),
    (b"PK\x03\x04", change_archive),
    (b"\x93NUMPY", change_array),
    (b"SQLite format 3\0", change_database),
    (b"\x89PNG", change_png),
    (b"\x1f\x8b", change_zlib),
    (b"\x78\x9c", change_zlib),
    (b"{", change_object),
    (b"[", change_object),
    (b"\x80", spoil),
    (b"P", spoil),
    (b"BM", spoil),
    (b"\xff\xd8", spoil),
    (b"", respell),
)

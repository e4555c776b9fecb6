"""What is kept of an episode's course, in few bytes: the path, the latencies, where discs ended."""

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEAD = struct.Struct("<4sIII")  # format, points of the path, decisions, discs
FORMAT = b"nbt1"
MOST_BYTES = 1 << 26  # unpacked
CM = 100.0  # in a metre; the path and the discs are kept to the centimetre


class Trace(NamedTuple):
    """The course of an episode."""

    path_m: NDArray[np.float64]  # (control steps + 1, 2) x, y
    latency_s: NDArray[np.float32]  # (decisions,)
    discs: NDArray[np.float64]  # (K, 3) x, y, radius of those that move, where they were at the end


def to_cm(metres: Any) -> NDArray[np.int32]:
    """Round to whole centimetres, 4 bytes each."""
    return np.rint(CM * np.asarray(metres, np.float64)).astype("<i4")


def pack(path_m: Any, latency_s: Any, discs: Any) -> bytes:
    """Pack the course of an episode; for the arguments see `Trace`."""
    path, latencies, ends = to_cm(path_m), np.asarray(latency_s, "<f4"), to_cm(discs)
    head = HEAD.pack(FORMAT, len(path), len(latencies), len(ends))
    steps = np.diff(path, axis=0, prepend=0).astype("<i4")
    return zlib.compress(head + steps.tobytes() + latencies.tobytes() + ends.tobytes())


def unpack(packed: bytes) -> Trace:
    """Return what `pack` packed."""
    try:
        packer = zlib.decompressobj()
        data = packer.decompress(packed, MOST_BYTES)
        if not packer.eof:
            raise ValueError(f"cut off, or more than {MOST_BYTES} bytes; allowed: up to that")
        kind, points, decisions, ends = HEAD.unpack_from(data)
        steps, latencies, discs = np.split(
            np.frombuffer(data, "<i4", offset=HEAD.size), np.cumsum([2 * points, decisions])
        )
        steps, discs = steps.reshape(points, 2), discs.reshape(ends, 3)
    except (zlib.error, struct.error, ValueError, TypeError) as error:
        raise ValueError(f"trace: cannot be read: {error}") from error
    if kind != FORMAT:
        raise ValueError(f"trace: format {kind!r} found, {FORMAT!r} needed")
    if latencies.shape != (decisions,):
        raise ValueError(f"trace: {len(latencies)} latencies found, {decisions} needed")
    path = np.cumsum(steps, axis=0, dtype=np.int64)
    return Trace(path / CM, latencies.view("<f4").copy(), discs / CM)

"""Reading image sets from files: IDX archives, the CIFAR-10 JPEG archive, folders of images.

Every file that cannot be used is refused by a ValueError that names it.
"""

import gzip
import hashlib
import io
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neurobot.bounded import KIB, MIB, Members, check_size, parse_array, read_file, reason
from neurobot.quantize.augmentation import Images, middle_view, random_view
from neurobot.writing import whole

Labels = NDArray[np.int64]
Pairs = tuple[Images, Labels]

UNSIGNED_BYTES = 8  # IDX code of the element type
FILE_BYTES = 256 * MIB  # as it lies there; of an archive, unpacked as well
SET_BYTES = 512 * MIB  # of all images of a file
PICTURE_BYTES, PIXELS = 64 * MIB, 25_000_000  # of one picture
HEAD_BYTES = 4 * KIB
SUFFIXES = frozenset((".jpg", ".jpeg", ".png"))


@contextmanager
def reading(path: Path, allowed: str) -> Iterator[None]:
    """Turn what a missing or damaged file makes a library raise into one sentence."""
    try:
        yield
    except Exception as broken:  # gzip, zipfile, NumPy and Pillow raise a dozen types
        raise ValueError(
            f"{path}: cannot be read ({reason(broken)}); allowed: {allowed}"
        ) from broken


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read a gzipped IDX file of unsigned bytes with so many dimensions."""
    start = 4 + 4 * dimensions
    with reading(path, "a gzipped IDX file"):
        packed = gzip.GzipFile(fileobj=io.BytesIO(read_file(path, FILE_BYTES)))
        head = packed.read(start)
    magic = struct.pack(">HBB", 0, UNSIGNED_BYTES, dimensions)
    if len(head) < start or head[:4] != magic:
        raise ValueError(
            f"{path}: the header begins with {head[:4].hex()}; "
            f"allowed: {magic.hex()}, IDX of unsigned bytes in {dimensions} dimensions"
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    with reading(path, "a gzipped IDX file"):
        check_size(count := math.prod(shape), SET_BYTES)
        content = packed.read(count + 1)
    if len(content) != count:
        found = len(content) if len(content) < count else f"more than {count}"
        raise ValueError(
            f"{path}: {found} bytes follow the header; allowed: {count}, as its shape {shape} says"
        )
    with reading(path, "a gzipped IDX file"):
        return np.frombuffer(content, np.uint8).reshape(shape)


def read_idx_pair(folder: Path, prefix: str, classes: int) -> Pairs:
    """Read images (N, H, W, 1) and labels (N,) of an MNIST-like set: prefix `train` or `t10k`."""
    images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", 3)
    path = folder / f"{prefix}-labels-idx1-ubyte.gz"
    return images[..., None], check_labels(path, read_idx(path, 1), len(images), classes)


def check_labels(path: Path, labels: NDArray[Any], count: int, classes: int) -> Labels:
    """Refuse labels that are not one per image, or not the number of a class."""
    if labels.shape != (count,) or labels.dtype != np.uint8:
        raise ValueError(
            f"{path}: labels are {labels.dtype} of shape {labels.shape}; allowed: uint8 ({count},)"
        )
    if count and labels.max() >= classes:
        raise ValueError(f"{path}: label {labels.max()} found; allowed: 0 to {classes - 1}")
    return labels.astype(np.int64)


def read_jpegs(path: Path, side: int, classes: int, cache: Path | None = None) -> Pairs:
    """Read an .npz of `jpeg` (bytes end to end), `offsets` (N + 1,) and `labels` (N,).

    cache: folder that keeps the decoded images, under a name made from the archive's content.
    Returns colour images (N, side, side, 3) and labels (N,).
    """
    allowed = "an .npz archive of `jpeg`, `offsets` and `labels`"
    with reading(path, allowed):
        members = Members(read_file(path, FILE_BYTES), FILE_BYTES)
        jpeg, offsets, labels = (
            parse_array(members.read(f"{name}.npy")) for name in ("jpeg", "offsets", "labels")
        )
    if offsets.dtype.kind not in "iu" or offsets.ndim != 1 or jpeg.ndim != 1:
        raise ValueError(f"{path}: `offsets` do not cut `jpeg` into files; allowed: {allowed}")
    count = len(offsets) - 1
    ends = count >= 0 and offsets[0] == 0 and offsets[-1] == len(jpeg)
    if jpeg.dtype != np.uint8 or not ends or (offsets[1:] <= offsets[:-1]).any():
        raise ValueError(f"{path}: `offsets` do not cut `jpeg` into files; allowed: {allowed}")
    numbers = check_labels(path, labels, count, classes)
    with reading(path, allowed):
        check_size(size := count * side * side * 3, SET_BYTES)
    if cache is None:
        return decode(path, jpeg, offsets, side), numbers
    kept = cache / f"{path.stem}-{hashlib.sha256(jpeg.tobytes()).hexdigest()[:16]}.npy"
    if not kept.exists():
        cache.mkdir(parents=True, exist_ok=True)
        decoded = decode(path, jpeg, offsets, side)
        with whole(kept) as draft:
            np.save(draft, decoded)
    with reading(kept, f"uint8 of shape {(count, side, side, 3)}; remove the file to make it anew"):
        images: Images = parse_array(read_file(kept, size + HEAD_BYTES))
        if images.shape != (count, side, side, 3) or images.dtype != np.uint8:
            raise ValueError(f"{images.dtype} of shape {images.shape}")
    return images, numbers


def decode(path: Path, jpeg: NDArray[np.uint8], offsets: NDArray[Any], side: int) -> Images:
    """Decode JPEG files that lie end to end, all of side x side pixels."""
    content = jpeg.tobytes()
    images = np.empty((len(offsets) - 1, side, side, 3), np.uint8)
    for i in range(len(images)):
        with reading(path, f"JPEG files of {side} x {side} pixels (at image {i})"):
            part = io.BytesIO(content[offsets[i] : offsets[i + 1]])
            image = Image.open(part, formats=("JPEG",))
            if image.size != (side, side):
                raise ValueError(f"{image.width} x {image.height} pixels")
            images[i] = np.asarray(image.convert("RGB"))
    return images


def list_images(folder: Path) -> tuple[tuple[str, ...], list[Path], Labels]:
    """List a folder of class folders: names of the classes, files, and the class of each file."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; allowed: a folder with one folder per class")
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    files, labels = [], []
    for label, name in enumerate(classes):
        found = sorted(p for p in (folder / name).iterdir() if p.suffix.lower() in SUFFIXES)
        files += found
        labels += [label] * len(found)
    if not files:
        raise ValueError(f"{folder}: no images found; allowed: class/name.jpg (.jpeg, .png)")
    return tuple(classes), files, np.array(labels, np.int64)


def view_image(path: Path, side: int, generator: np.random.Generator | None) -> Images:
    """Read one image as (side, side, 3): a random part of it, or its middle without a generator."""
    with reading(path, "a JPEG or PNG image"):
        found = Image.open(io.BytesIO(read_file(path, PICTURE_BYTES)), formats=("JPEG", "PNG"))
        if found.width * found.height > PIXELS:
            raise ValueError(f"{found.width} x {found.height} pixels, at most {PIXELS} are allowed")
        image = found.convert("RGB")
    return middle_view(image, side) if generator is None else random_view(image, side, generator)

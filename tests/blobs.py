"""Small image sets in the files of MNIST and Fashion-MNIST."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np


def write_idx(path: Path, values: Any) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.astype(np.uint8).tobytes(), 1))


def blobs(count: int, seed: int) -> tuple[Any, Any]:
    """Images of noise with one bright patch; the label says where."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 100, (count, 28, 28)), rng.integers(0, 10, count)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 5)
        image[2 + 14 * row : 12 + 14 * row, 1 + 5 * column : 7 + 5 * column] += 150
    return images, labels


def write_sets(path: Path) -> None:
    """Write both sets, of 240 images and 50 of the test."""
    for number, name in enumerate(("mnist", "fashion_mnist")):
        (path / name).mkdir()
        for prefix, count in (("train", 240), ("t10k", 50)):
            images, labels = blobs(count, 10 * number + count)
            write_idx(path / name / f"{prefix}-images-idx3-ubyte.gz", images)
            write_idx(path / name / f"{prefix}-labels-idx1-ubyte.gz", labels)

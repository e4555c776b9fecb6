"""Images with labels for commands that measure networks: a file of them, or an image set."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from neurobot.bounded import MIB, read_arrays
from neurobot.column_cim.trials import Labelled
from neurobot.qnet.runner import Array

CALIBRATION = 256  # images
FILE_BYTES = 256 * MIB  # packed and unpacked


class Found(NamedTuple):
    """Images to measure on, and others to calibrate on."""

    labelled: Labelled
    calibration: Array  # (N, rows, columns, channels), uint8


def read_labelled(where: str, count: int | None = None, folder: str | None = None) -> Found:
    """Read FILE.npz, with `images` uint8 (N, H, W, C) and `labels` (N,), or an image set by name.

    count: of images to measure on, the first ones; folder: of image sets. A set is measured on its
    test images and calibrated on its training images; a file on and with its own, so that what it
    tells of converters is a little too good.
    """
    if count is not None and count < 1:
        raise ValueError(f"--count {count} found; allowed: 1 or more images")
    if where.endswith(".npz"):
        name, images, labels = read_file(Path(where))
        return Found(Labelled(name, images[:count], labels[:count]), images[:CALIBRATION])
    from neurobot.quantize.datasets import load_dataset  # PyTorch is an extra

    found = load_dataset(where, folder)
    chosen = np.arange(len(found.test.labels))[:count]
    labelled = Labelled(where, found.test.take(chosen), np.asarray(found.test.labels)[chosen])
    return Found(labelled, found.train.take(np.arange(len(found.train.labels))[:CALIBRATION]))


def read_file(path: Path) -> Labelled:
    """Read images and labels of a file."""
    try:
        images, labels = read_arrays(path, FILE_BYTES, "images", "labels").values()
    except ValueError as error:
        told = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: no images and labels there: {told}") from error
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(
            f"{path}: images: {images.dtype} of shape {images.shape} found; allowed: uint8 of "
            "shape (N, rows, columns, channels), with N of 1 or more"
        )
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ValueError(
            f"{path}: labels: {labels.dtype} of shape {labels.shape} found; allowed: whole "
            f"numbers of shape {images.shape[:1]}"
        )
    return Labelled(path.name, images, labels.astype(np.int64))

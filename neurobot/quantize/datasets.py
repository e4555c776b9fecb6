"""Image sets to train on, as NumPy arrays, with a fixed split into train, validation and test.

Images are uint8 (N, H, W, C); a network's input is float32 (N, C, H, W), the pixels divided by 255.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurobot.quantize.augmentation import (
    AUGMENTATIONS,
    Augment,
    Images,
    crop_and_flip,
    unchanged,
)
from neurobot.quantize.image_files import (
    Labels,
    list_images,
    read_idx_pair,
    read_jpegs,
    view_image,
)

Numbers = NDArray[np.int64]

BESIDE = Path(__file__).parents[2].parent / "shared" / "data"
VARIABLE = "NEUROBOT_DATA"
SPLIT_SEED = 0  # of the permutations that split and shuffle the sets
HELD_OUT = 5_000  # of the training images, for validation
CIFAR_TRAIN, CIFAR_TEST = 50_000, 10_000

Classes = tuple[str, ...]
DIGITS: Classes = tuple("0123456789")
CLOTHES: Classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
CLOTHES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
THINGS: Classes = ("airplane", "automobile", "bird", "cat", "deer")
THINGS += ("dog", "frog", "horse", "ship", "truck")


class Split(Protocol):
    """Images with labels, taken by number."""

    @property
    def labels(self) -> Labels:
        """The class of each image, (N,)."""
        ...

    def take(self, numbers: Numbers, generator: np.random.Generator | None = None) -> Images:
        """Return images, (n, H, W, C); augmented where a generator is given."""
        ...


@dataclass(frozen=True)
class ArraySplit:
    """Images that lie in memory."""

    images: Images
    labels: Labels
    augment: Augment = unchanged

    def take(self, numbers: Numbers, generator: np.random.Generator | None = None) -> Images:
        """Return images, (n, H, W, C); augmented where a generator is given."""
        chosen = self.images[numbers]
        return chosen if generator is None else self.augment(chosen, generator)


@dataclass(frozen=True)
class FileSplit:
    """Images that are read from their files when they are asked for, as squares of one size."""

    files: tuple[Path, ...]
    labels: Labels
    side: int

    def take(self, numbers: Numbers, generator: np.random.Generator | None = None) -> Images:
        """Return images, (n, side, side, 3): random parts where a generator is given."""
        return np.stack([view_image(self.files[i], self.side, generator) for i in numbers])


@dataclass(frozen=True)
class Dataset:
    """An image set; `title` is its name in print."""

    title: str
    classes: Classes
    train: Split
    validation: Split
    test: Split


def data_folder(folder: Path | str | None = None) -> Path:
    """Find the folder of all image sets: the argument, else the variable, else beside the code."""
    said = folder or os.environ.get(VARIABLE)
    place = Path(said) if said else BESIDE
    if not place.is_dir():
        raise ValueError(
            f"no data folder: looked for {place}; name the folder as an argument "
            f"or in the environment variable {VARIABLE}"
        )
    return place


def split_numbers(count: int, held_out: int = HELD_OUT) -> tuple[Numbers, Numbers]:
    """Return the numbers of the training and of the validation images, the same in every run."""
    order = np.random.default_rng(SPLIT_SEED).permutation(count)
    return order[: count - held_out], order[count - held_out :]


def in_memory(
    title: str,
    classes: Classes,
    training: tuple[Images, Labels],
    test: ArraySplit,
    *,
    augment: Augment = unchanged,
) -> Dataset:
    """Split arrays of training images, of which the last HELD_OUT of a permutation are kept."""
    images, labels = training
    if len(images) <= HELD_OUT:
        raise ValueError(
            f"{title}: {len(images)} training images found; allowed: more than {HELD_OUT}, "
            "which are kept for validation"
        )
    train, validation = (
        ArraySplit(images[chosen], labels[chosen], augment) for chosen in split_numbers(len(images))
    )
    return Dataset(title, classes, train, validation, test)


def idx_set(title: str, classes: Classes, folder: Path) -> Dataset:
    """Read an MNIST-like set."""
    count = len(classes)
    test = ArraySplit(*read_idx_pair(folder, "t10k", count))
    return in_memory(title, classes, read_idx_pair(folder, "train", count), test)


def mnist(folder: Path, cache: Path | None) -> Dataset:
    """Read the handwritten digits, 28 x 28 grey."""
    return idx_set("MNIST", DIGITS, folder / "mnist")


def fashion_mnist(folder: Path, cache: Path | None) -> Dataset:
    """Read the articles of clothing, 28 x 28 grey."""
    return idx_set("Fashion-MNIST", CLOTHES, folder / "fashion_mnist")


def cifar10(folder: Path, cache: Path | None) -> Dataset:
    """Read CIFAR-10 as JPEG files of quality 75, 32 x 32 colour.

    The file has the test images last and sorted by class; here they are shuffled.
    """
    title = "CIFAR-10, JPEG-75 copy"
    path = folder / "cifar10" / "cifar10_jpeg75_bytes.npz"
    images, labels = read_jpegs(path, 32, len(THINGS), cache)
    if len(images) != CIFAR_TRAIN + CIFAR_TEST:
        raise ValueError(
            f"{path}: {len(images)} images found; allowed: {CIFAR_TRAIN + CIFAR_TEST}, "
            f"the {CIFAR_TEST} of the test set last"
        )
    training = images[:CIFAR_TRAIN], labels[:CIFAR_TRAIN]
    shuffled = CIFAR_TRAIN + np.random.default_rng(SPLIT_SEED).permutation(CIFAR_TEST)
    test = ArraySplit(images[shuffled], labels[shuffled])
    return in_memory(title, THINGS, training, test, augment=crop_and_flip)


def image_folder(folder: Path, cache: Path | None, side: int = 224) -> Dataset:
    """List a folder as ImageNet's is: train/class/name.jpg and val/class/name.jpg.

    A tenth of the training images, at least 1 and at most HELD_OUT, is kept for validation.
    """
    classes, files, labels = list_images(folder / "train")
    test_classes, test_files, test_labels = list_images(folder / "val")
    if classes != test_classes:
        found = sorted(set(classes) ^ set(test_classes))[0]
        raise ValueError(f"{folder}: class {found!r} is not in both of train and val")
    if len(files) < 2:
        raise ValueError(f"{folder / 'train'}: 1 image found; allowed: 2 or more")
    parts = split_numbers(len(files), min(HELD_OUT, max(1, len(files) // 10)))
    train, validation = (
        FileSplit(tuple(files[i] for i in part), labels[part], side) for part in parts
    )
    test = FileSplit(tuple(test_files), test_labels, side)
    return Dataset(f"images in {folder.name}", classes, train, validation, test)


DATASETS: dict[str, Callable[[Path, Path | None], Dataset]] = {
    "mnist": mnist,
    "fashion_mnist": fashion_mnist,
    "cifar10": cifar10,
    "image_folder": image_folder,
}


def load_dataset(
    name: str,
    folder: Path | str | None = None,
    cache: Path | str | None = None,
    augment: str | None = None,
) -> Dataset:
    """Read an image set by its name in DATASETS.

    folder: see `data_folder`; of image_folder, the folder with train and val. cache: folder for
    decoded images; without one, images that need decoding are decoded each time (CIFAR-10: 10 s).
    augment: of the training images, a name in AUGMENTATIONS; None: what is usual for the set.
    """
    if name not in DATASETS:
        raise ValueError(f"data set {name!r} is not known; known: {', '.join(DATASETS)}")
    found = DATASETS[name](data_folder(folder), Path(cache) if cache else None)
    return found if augment is None else augmented(found, augment)


def augmented(dataset: Dataset, name: str) -> Dataset:
    """Return the set with another augmentation of its training images."""
    if name not in AUGMENTATIONS:
        raise ValueError(f"augmentation {name!r} is not known; known: {', '.join(AUGMENTATIONS)}")
    if not isinstance(dataset.train, ArraySplit):
        raise ValueError(
            f"{dataset.title}: augmentation {name!r} found; these images have their own, random "
            "parts"
        )
    return replace(dataset, train=replace(dataset.train, augment=AUGMENTATIONS[name]))


def to_input(images: Images) -> Tensor:
    """Turn images into a network's input: float32 (N, C, H, W), 0 to 1."""
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return torch.from_numpy(planes).to(torch.float32) / 255


def in_order(split: Split, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield all images as they are, as (inputs, labels) of up to `batch` images."""
    for numbers in chunks(np.arange(len(split.labels)), batch):
        yield to_input(split.take(numbers)), torch.from_numpy(split.labels[numbers])


def chunks(numbers: Numbers, size: int) -> Iterator[Numbers]:
    """Cut numbers into pieces of a size; the last one may be shorter."""
    if size < 1:
        raise ValueError(f"batch={size} found; allowed: 1 or more images")
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]

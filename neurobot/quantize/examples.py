"""What a training loop reads: examples by number, in an order that follows from seed and epoch."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from neurobot.quantize.augmentation import unchanged
from neurobot.quantize.datasets import ArraySplit, Numbers, Split, to_input

Targets = tuple[Tensor, ...]


class Examples(Protocol):
    """Inputs and what is to be learned of them."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def take(self, numbers: Numbers, chance: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return inputs as floats, and targets, of so many rows; augmented by chance."""
        ...

    def checksum(self) -> int:
        """Return a number that other examples hardly have."""
        ...


def checksum(*tensors: Tensor) -> int:
    """Return the CRC-32 over the values of tensors."""
    total = 0
    for tensor in tensors:
        total = zlib.crc32(tensor.detach().cpu().contiguous().numpy().tobytes(), total)
    return total


def as_floats(inputs: Tensor) -> Tensor:
    """Read bytes as code / 255; leave floats as they are."""
    return inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs


@dataclass(frozen=True, slots=True)
class Tensors:
    """Examples in memory: inputs (N, ...), bytes (read as code / 255) or floats, and targets."""

    inputs: Tensor
    targets: Targets

    def __post_init__(self) -> None:
        counts = [len(target) for target in self.targets]
        if not len(self.inputs) or set(counts) != {len(self.inputs)}:
            raise ValueError(
                f"examples: {len(self.inputs)} inputs and {counts or 'no'} targets found; one or "
                "more are needed, and as many of each"
            )

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.inputs)

    def take(self, numbers: Numbers, chance: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return rows, unchanged."""
        index = torch.from_numpy(numbers)
        inputs = as_floats(self.inputs.index_select(0, index))
        return inputs, tuple(target.index_select(0, index) for target in self.targets)

    def checksum(self) -> int:
        """Return the CRC-32 over all values."""
        return checksum(self.inputs, *self.targets)


@dataclass(frozen=True, slots=True)
class Labelled:
    """The images of a split of a data set, augmented as it says, and their labels."""

    split: Split

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.split.labels)

    def take(self, numbers: Numbers, chance: np.random.Generator) -> tuple[Tensor, Targets]:
        """Return images (n, C, H, W), 0..1, and labels (n,)."""
        images = to_input(self.split.take(numbers, chance))
        return images, (torch.from_numpy(self.split.labels[numbers]),)

    def checksum(self) -> int:
        """Return the CRC-32 over all labels, and over images in memory and how they are augmented.

        Images that stay as they are add nothing for the latter.
        """
        total = zlib.crc32(np.ascontiguousarray(self.split.labels).tobytes())
        if isinstance(self.split, ArraySplit):
            total = zlib.crc32(np.ascontiguousarray(self.split.images).tobytes(), total)
            if self.split.augment is not unchanged:
                total = zlib.crc32(self.split.augment.__name__.encode(), total)
        return total


def batches_of(examples: Examples, batch: int) -> int:
    """Return the batches of an epoch; what fills none waits for an epoch that draws it earlier."""
    return max(1, len(examples) // batch)


def epoch_of(
    examples: Examples, batch: int, seed: int, number: int, first: int = 0
) -> Iterator[tuple[Tensor, Targets]]:
    """Yield an epoch's batches from batch `first` on; they follow from seed and number alone."""
    order = np.random.default_rng((seed, number)).permutation(len(examples))
    for k in range(first, batches_of(examples, batch)):
        chance = np.random.default_rng((seed, number, k))
        yield examples.take(order[k * batch : (k + 1) * batch], chance)


def first_inputs(examples: Examples, batch: int, count: int, seed: int) -> list[Tensor]:
    """Return the inputs of the first batches of epoch 0: what steps are calibrated on."""
    found = []
    for inputs, _ in epoch_of(examples, batch, seed, 0):
        found.append(inputs)
        if len(found) == count:
            break
    return found

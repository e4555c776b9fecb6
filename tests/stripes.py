"""A task of eight by eight pixels that is learned in a moment, for tests of the training."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neurobot.quantize import convert, make_method
from neurobot.quantize.settings import Settings

CLASSES, COUNT, BATCH, EPOCHS = 3, 90, 20, 3
QUICK = Settings(epochs=EPOCHS, batch=BATCH, lr=0.1, seed=5)


def stripes() -> tuple[Tensor, Tensor]:
    """Images of 8 x 8 noise, one third of whose columns is brighter; which third is the label."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 160, (COUNT, 1, 8, 8), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, COUNT)
    for image, label in zip(images, labels, strict=True):
        image[0, :, 3 * label : 3 * label + 2] += 90
    return torch.from_numpy(images), torch.from_numpy(labels)


def plain(seed: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.1),  # it draws from PyTorch's own generator
        nn.Conv2d(4, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(1),
        nn.Linear(256, CLASSES),
    )


def quantized(method: str = "lglsq", bits: int = 3, **options: Any) -> nn.Module:
    images, _ = stripes()
    return convert(plain(), make_method(method, **options), bits, images[:BATCH].float() / 255)

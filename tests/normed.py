"""Networks with batch norms as after training, and images for them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from neurobot.quantize import Add, GlobalAvgPool

Images = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors; more threads wait for each other
    yield
    torch.set_num_threads(before)


def shaken(model: Any, seed: int = 0) -> Any:
    """Give batch norms statistics as after training, and a negative slope here and there."""
    chance = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            count = module.num_features
            with torch.no_grad():
                slope = torch.rand(count, generator=chance) + 0.5
                module.weight.copy_(slope * torch.where(torch.arange(count) % 5 == 1, -1, 1))
                module.bias.copy_(0.3 * torch.randn(count, generator=chance))
            module.running_mean = 0.1 * torch.randn(count, generator=chance)
            module.running_var = torch.rand(count, generator=chance) + 0.2
    return model.eval()


def noise(*shape: int, seed: int = 0) -> Images:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def planes(images: Images) -> Any:
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 255


class Residual(nn.Module):
    """Images (N, 1, 8, 8): a bias, a pool, groups, a sum of norms, and vectors with a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(6)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 8, 3, padding=1, groups=2)
        self.norm2 = nn.BatchNorm2d(8)
        self.shortcut = nn.Conv2d(6, 8, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(8)
        self.add = Add()
        self.dense = nn.Linear(8 * 16, 12, bias=False)
        self.norm4 = nn.BatchNorm1d(12)
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Any) -> Any:
        x = self.pool(self.norm1(self.stem(x)).relu())
        x = self.add(self.norm2(self.conv2(x)), self.norm3(self.shortcut(x))).relu()
        return self.fc(self.norm4(self.dense(x.flatten(1))).relu())


class Plain(nn.Module):
    """Images (N, 1, 8, 8): convolutions in a chain, and a mean at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(nn.Conv2d(1, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU()),
            *(nn.Conv2d(5, 9, 3, stride=2), nn.BatchNorm2d(9), nn.ReLU6()),
            *(nn.Conv2d(9, 9, 2, bias=False), nn.BatchNorm2d(9), nn.ReLU()),
        )
        self.mean = GlobalAvgPool()
        self.fc = nn.Linear(9, 3)

    def forward(self, x: Any) -> Any:
        return self.fc(self.mean(self.body(x)).flatten(1))


def made(kind: Any, seed: int = 0, *, shake: bool = True) -> Any:
    """Make a network, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = kind()
    return shaken(network, seed) if shake else network.eval()


def pictures(count: int = 16, seed: int = 0) -> Any:
    """Make images (N, 1, 8, 8) of 0..1."""
    return planes(noise(count, 8, 8, 1, seed=seed))

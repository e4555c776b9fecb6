"""ShuffleNetV2 (Ma et al., 2018). The modules bear torchvision's checkpoint names."""

import torch
from torch import Tensor, nn

from neurobot.quantize.layers import GlobalAvgPool

STEM = 24
STAGES = ((116, 4), (232, 8), (464, 4))  # channels at width 1, units
LAST = 1024


def pointwise(channels_in: int, channels_out: int) -> list[nn.Module]:
    """Make a 1 x 1 convolution with batch norm and ReLU."""
    return [
        nn.Conv2d(channels_in, channels_out, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    ]


def depthwise(channels: int, stride: int) -> list[nn.Module]:
    """Make a 3 x 3 convolution of each channel by itself, with batch norm and no activation."""
    return [
        nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
    ]


class Unit(nn.Module):
    """Convolve one half of the channels, join it to the other half, shuffle the two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch2 = nn.Sequential(
            *pointwise(half, half), *depthwise(half, 1), *pointwise(half, half)
        )
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map of the input's shape."""
        kept, convolved = x.chunk(2, dim=1)
        out: Tensor = self.shuffle(torch.cat((kept, self.branch2(convolved)), dim=1))
        return out


class HalvingUnit(nn.Module):
    """Convolve all channels in two branches of stride 2, join them, shuffle the two."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        half = channels_out // 2
        self.branch1 = nn.Sequential(*depthwise(channels_in, 2), *pointwise(channels_in, half))
        self.branch2 = nn.Sequential(
            *pointwise(channels_in, half), *depthwise(half, 2), *pointwise(half, half)
        )
        self.shuffle = nn.ChannelShuffle(2)

    def forward(self, x: Tensor) -> Tensor:
        """Return a map half as high and wide."""
        out: Tensor = self.shuffle(torch.cat((self.branch1(x), self.branch2(x)), dim=1))
        return out


class ShuffleNetV2(nn.Module):
    """A stem, three stages of shuffled units, a 1 x 1 convolution, a linear layer."""

    def __init__(self, *, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, STEM, 3, 2, padding=1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU()
        )
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        stages, channels = [], STEM
        for wish, units in STAGES:
            wide = 2 * round(wish * width / 2)
            rest = (Unit(wide) for _ in range(units - 1))
            stages.append(nn.Sequential(HalvingUnit(channels, wide), *rest))
            channels = wide
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(*pointwise(channels, LAST))
        self.pool = GlobalAvgPool()
        self.flatten = nn.Flatten(1)
        self.fc = nn.Linear(LAST, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        x = self.maxpool(self.conv1(x))
        x = self.conv5(self.stage4(self.stage3(self.stage2(x))))
        logits: Tensor = self.fc(self.flatten(self.pool(x)))
        return logits


def shufflenet_v2(*, width: float = 1.0, classes: int = 1000) -> ShuffleNetV2:
    """Make ShuffleNetV2 for 224 x 224 images."""
    return ShuffleNetV2(width=width, classes=classes)

"""Residual networks (He et al., 2016): ResNet-20, -18 for CIFAR, -18, -34, -50 for ImageNet.

The modules bear the names that checkpoints in the form of torchvision use. A shortcut that changes
its shape is a 1 x 1 convolution with batch norm (option B), so that it can be quantized.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from neurobot.quantize.layers import Add, GlobalAvgPool


def conv(channels_in: int, channels_out: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Make a convolution that keeps the map's shape but for its stride, without a bias."""
    return nn.Conv2d(channels_in, channels_out, size, stride, padding=size // 2, bias=False)


def shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """Pass the block's input on, reshaped where the block's output has another shape."""
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return nn.Sequential(conv(channels_in, channels_out, 1, stride), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(channels_in, width, stride)
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(shortcut + two convolutions)."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        inner = self.bn2(self.conv2(inner))
        out: Tensor = self.relu2(self.add(inner, self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, beside a shortcut; the 3 x 3 one has the stride."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv(channels_in, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.conv3 = conv(width, width * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.downsample = shortcut(channels_in, width * self.expansion, stride)
        self.add = Add()
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Return relu(shortcut + three convolutions)."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        inner = self.relu2(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        out: Tensor = self.relu3(self.add(inner, self.downsample(x)))
        return out


class ResNet(nn.Module):
    """A stem, stages of blocks of which each but the first halves the map, a linear layer.

    depths: blocks per stage; the stages are `width`, 2 `width`, 4 `width` ... channels wide.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        depths: Sequence[int],
        *,
        width: int = 64,
        classes: int = 1000,
        large_images: bool = True,
    ) -> None:
        super().__init__()
        self.conv1 = conv(3, width, 7, 2) if large_images else conv(3, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, padding=1) if large_images else nn.Identity()
        channels = width
        for stage, depth in enumerate(depths):
            blocks = nn.Sequential()
            for place in range(depth):
                stride = 2 if stage > 0 and place == 0 else 1
                blocks.append(block(channels, width << stage, stride))
                channels = (width << stage) * block.expansion
            self.add_module(f"layer{stage + 1}", blocks)
        self.stages = len(depths)
        self.avgpool = GlobalAvgPool()
        self.flatten = nn.Flatten(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = self.get_submodule(f"layer{stage + 1}")(x)
        logits: Tensor = self.fc(self.flatten(self.avgpool(x)))
        return logits


def resnet20(*, width: int = 16, classes: int = 10) -> ResNet:
    """Make ResNet-20 for 32 x 32 images."""
    return ResNet(BasicBlock, (3, 3, 3), width=width, classes=classes, large_images=False)


def resnet18(*, width: int = 64, classes: int = 1000) -> ResNet:
    """Make ResNet-18."""
    return ResNet(BasicBlock, (2, 2, 2, 2), width=width, classes=classes)


def resnet18_cifar(*, width: int = 64, classes: int = 10) -> ResNet:
    """Make ResNet-18 for 32 x 32 images: with a 3 x 3 stem of stride 1 and without its pool."""
    return ResNet(BasicBlock, (2, 2, 2, 2), width=width, classes=classes, large_images=False)


def resnet34(*, width: int = 64, classes: int = 1000) -> ResNet:
    """Make ResNet-34."""
    return ResNet(BasicBlock, (3, 4, 6, 3), width=width, classes=classes)


def resnet50(*, width: int = 64, classes: int = 1000) -> ResNet:
    """Make ResNet-50."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width=width, classes=classes)

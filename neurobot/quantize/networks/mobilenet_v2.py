"""MobileNetV2 (Sandler et al., 2018), for ImageNet and, with smaller strides, for CIFAR.

The modules bear the names that checkpoints in the form of torchvision use. The block's output has
no activation (linear bottleneck), so the next block's input is signed.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from neurobot.quantize.layers import Add, GlobalAvgPool

# Expansion, channels, blocks, stride of the first block.
IMAGENET = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
# 32 x 32 images are halved twice, not five times.
CIFAR = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 3, 2),
    (6, 96, 2, 1),
)


def divisible(channels: float, divisor: int = 8) -> int:
    """Round to a multiple of the divisor that is at least nine tenths of the wish."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_bn_relu6(
    channels_in: int, channels_out: int, size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Make a convolution with batch norm and ReLU6."""
    padding = size // 2
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, size, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU6(),
    )


class InvertedResidual(nn.Module):
    """Expand by a 1 x 1 convolution, filter each channel by 3 x 3, project by a linear 1 x 1."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels_in * expansion
        expand = [] if expansion == 1 else [conv_bn_relu6(channels_in, inner, 1)]
        self.conv = nn.Sequential(
            *expand,
            conv_bn_relu6(inner, inner, 3, stride, groups=inner),
            nn.Conv2d(inner, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.add = Add() if stride == 1 and channels_in == channels_out else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the projection, plus the input where the shapes agree."""
        projected: Tensor = self.conv(x)
        return projected if self.add is None else self.add(x, projected)


class MobileNetV2(nn.Module):
    """A stem, inverted residuals by the rows of a table, a 1 x 1 convolution, a linear layer."""

    def __init__(
        self,
        rows: Sequence[tuple[int, int, int, int]],
        *,
        width: float = 1.0,
        classes: int = 1000,
        last: int = 1280,
        stem_stride: int = 2,
    ) -> None:
        super().__init__()
        channels = divisible(32 * width)
        last = divisible(last * max(1.0, width))
        layers: list[nn.Module] = [conv_bn_relu6(3, channels, 3, stem_stride)]
        for expansion, wish, blocks, first_stride in rows:
            wide = divisible(wish * width)
            for block in range(blocks):
                stride = first_stride if block == 0 else 1
                layers.append(InvertedResidual(channels, wide, stride, expansion))
                channels = wide
        self.features = nn.Sequential(*layers, conv_bn_relu6(channels, last, 1))
        self.pool = GlobalAvgPool()
        self.flatten = nn.Flatten(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        logits: Tensor = self.classifier(self.flatten(self.pool(self.features(x))))
        return logits


def mobilenet_v2(*, width: float = 1.0, classes: int = 1000) -> MobileNetV2:
    """Make MobileNetV2 for 224 x 224 images."""
    return MobileNetV2(IMAGENET, width=width, classes=classes)


def mobilenet_cifar(*, width: float = 1.0, classes: int = 10) -> MobileNetV2:
    """Make a MobileNetV2-like network for 32 x 32 images."""
    return MobileNetV2(CIFAR, width=width, classes=classes, last=384, stem_stride=1)

"""Plain stacks of 3 x 3 convolutions (Simonyan and Zisserman, 2015), for small images.

Source of the shapes: VGG-small as in LQ-Nets (Zhang et al., 2018), VGG-16 as is usual for CIFAR:
its 13 convolutions with batch norm, and one linear layer in place of three.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import count

from torch import nn

from neurobot.quantize.networks.steering import block

# Channels of the convolutions of each stage; a stage ends with a max pool of 2 x 2.
SMALL = ((16,), (32, 32), (64, 64))
VGG_SMALL = ((128, 128), (256, 256), (512, 512))
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
SHAPE = ((3, 3), (1, 1), (1, 1))  # kernel, stride, padding


def vgg(
    stages: Sequence[Sequence[int]], size: int, channels: int, width: float, classes: int
) -> nn.Sequential:
    """Return convolutions with batch norm and ReLU, a pool after each stage, and a linear layer.

    size: rows and columns of the images, which have `channels`; width: multiplies all channel
    counts, at least one channel each. Layers are named conv1, norm1, relu1 ..., pool1 ..., flat,
    fc.
    """
    numbers = count(1)
    layers: list[tuple[str, nn.Module]] = []
    for stage, counts in enumerate(stages, 1):
        for wanted in counts:
            made = max(1, round(width * wanted))
            layers += block(next(numbers), channels, made, SHAPE)
            channels = made
        layers.append((f"pool{stage}", nn.MaxPool2d(2)))
        size //= 2
    layers += [("flat", nn.Flatten()), ("fc", nn.Linear(channels * size * size, classes))]
    return nn.Sequential(OrderedDict(layers))


def small_vgg(*, width: float = 1.0, classes: int = 10) -> nn.Sequential:
    """Make a small one of five convolutions for 28 x 28 grey images; 75 k weights."""
    return vgg(SMALL, 28, 1, width, classes)


def vgg_small(*, width: float = 1.0, classes: int = 10) -> nn.Sequential:
    """Make VGG-small, of six convolutions, for 32 x 32 images."""
    return vgg(VGG_SMALL, 32, 3, width, classes)


def vgg16_cifar(*, width: float = 1.0, classes: int = 10) -> nn.Sequential:
    """Make VGG-16 for 32 x 32 images."""
    return vgg(VGG16, 32, 3, width, classes)

"""Networks to train: small ones for small images, those of ImageNet, and the robot's own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from neurobot.quantize.networks.array_cnn import ArrayCnn
from neurobot.quantize.networks.lenet import LeNet, Mlp
from neurobot.quantize.networks.mobilenet_v2 import mobilenet_cifar, mobilenet_v2
from neurobot.quantize.networks.resnet import (
    resnet18,
    resnet18_cifar,
    resnet20,
    resnet34,
    resnet50,
)
from neurobot.quantize.networks.shufflenet_v2 import shufflenet_v2
from neurobot.quantize.networks.small_cnn import SmallCnn
from neurobot.quantize.networks.steering import CHOICES, COLUMNS, ROWS, steering_net
from neurobot.quantize.networks.vgg import small_vgg, vgg16_cifar, vgg_small


@dataclass(frozen=True, slots=True)
class Architecture:
    """How a network is made, and what it is made for."""

    make: Callable[..., nn.Module]  # keyword arguments: width, classes
    input_shape: tuple[int, int, int]  # rows, columns, channels
    classes: int


NETWORKS: dict[str, Architecture] = {
    "small_cnn": Architecture(SmallCnn, (28, 28, 1), 10),
    "array_cnn": Architecture(ArrayCnn, (28, 28, 1), 10),
    "mlp": Architecture(Mlp, (28, 28, 1), 10),
    "lenet": Architecture(LeNet, (28, 28, 1), 10),
    "small_vgg": Architecture(small_vgg, (28, 28, 1), 10),
    "vgg_small": Architecture(vgg_small, (32, 32, 3), 10),
    "vgg16_cifar": Architecture(vgg16_cifar, (32, 32, 3), 10),
    "resnet18_cifar": Architecture(resnet18_cifar, (32, 32, 3), 10),
    "resnet20": Architecture(resnet20, (32, 32, 3), 10),
    "mobilenet_cifar": Architecture(mobilenet_cifar, (32, 32, 3), 10),
    "resnet18": Architecture(resnet18, (224, 224, 3), 1000),
    "resnet34": Architecture(resnet34, (224, 224, 3), 1000),
    "resnet50": Architecture(resnet50, (224, 224, 3), 1000),
    "mobilenet_v2": Architecture(mobilenet_v2, (224, 224, 3), 1000),
    "shufflenet_v2": Architecture(shufflenet_v2, (224, 224, 3), 1000),
    "steering": Architecture(steering_net, (ROWS, COLUMNS, 1), CHOICES),
}


def make_network(name: str, **options: Any) -> nn.Module:
    """Make a network by its name in NETWORKS; options are its constructor's, as width."""
    if name not in NETWORKS:
        raise ValueError(f"network {name!r} is not known; known: {', '.join(NETWORKS)}")
    return NETWORKS[name].make(**options)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need PyTorch, of the extra 'train'")

from neurobot.quantize.networks import NETWORKS, make_network  # noqa: E402
from neurobot.quantize.networks.shufflenet_v2 import Unit  # noqa: E402
from neurobot.quantize.tracing import LayerTracer  # noqa: E402

# The small ones: counted by hand from their tables; the others: published with their checkpoints.
COUNTS = {
    "small_cnn": 32_154,
    "mlp": 266_610,
    "lenet": 431_150,
    "small_vgg": 75_450,
    "vgg_small": 4_660_106,
    "vgg16_cifar": 14_724_042,
    "resnet18_cifar": 11_173_962,
    "resnet20": 272_474,
    "mobilenet_cifar": 411_466,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "mobilenet_v2": 3_504_872,
    "shufflenet_v2": 2_278_604,
}
# Products of an image, all windows in full: those of ResNet-20 are published as 40.8 million.
PRODUCTS = {
    "small_vgg": 5_537_664,
    "vgg_small": 607_600_640,
    "vgg16_cifar": 313_201_664,
    "resnet18_cifar": 555_422_720,
    "resnet20": 40_813_184,
}
# Names and shapes in checkpoints in the form of torchvision.
CHECKPOINTS = {
    "resnet18": {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_mean": (64,),
        "layer1.1.conv2.weight": (64, 64, 3, 3),
        "layer2.0.conv1.weight": (128, 64, 3, 3),
        "layer2.0.downsample.0.weight": (128, 64, 1, 1),
        "layer2.0.downsample.1.running_var": (128,),
        "layer4.1.bn2.num_batches_tracked": (),
        "fc.weight": (1000, 512),
        "fc.bias": (1000,),
    },
    "resnet34": {"layer3.5.conv2.weight": (256, 256, 3, 3), "layer4.2.bn1.bias": (512,)},
    "resnet50": {
        "layer1.0.conv1.weight": (64, 64, 1, 1),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer3.5.conv3.weight": (1024, 256, 1, 1),
        "layer4.2.bn3.weight": (2048,),
        "fc.weight": (1000, 2048),
    },
    "mobilenet_v2": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.0.1.running_mean": (32,),
        "features.1.conv.0.0.weight": (32, 1, 3, 3),
        "features.1.conv.1.weight": (16, 32, 1, 1),
        "features.1.conv.2.weight": (16,),
        "features.2.conv.0.0.weight": (96, 16, 1, 1),
        "features.2.conv.1.0.weight": (96, 1, 3, 3),
        "features.17.conv.2.weight": (320, 960, 1, 1),
        "features.18.0.weight": (1280, 320, 1, 1),
        "classifier.1.weight": (1000, 1280),
    },
    "shufflenet_v2": {
        "conv1.0.weight": (24, 3, 3, 3),
        "stage2.0.branch1.0.weight": (24, 1, 3, 3),
        "stage2.0.branch1.2.weight": (58, 24, 1, 1),
        "stage2.0.branch2.0.weight": (58, 24, 1, 1),
        "stage2.0.branch2.3.weight": (58, 1, 3, 3),
        "stage2.0.branch2.6.running_var": (58,),
        "stage3.7.branch2.5.weight": (116, 116, 1, 1),
        "stage4.0.branch1.3.bias": (232,),
        "conv5.0.weight": (1024, 464, 1, 1),
        "fc.weight": (1000, 1024),
    },
}
# Entries of torchvision's state dicts: parameters, and three buffers per batch norm.
ENTRIES = {"resnet18": 122, "resnet34": 218, "resnet50": 320, "mobilenet_v2": 314}
VGGS = ("small_vgg", "vgg_small", "vgg16_cifar")
OWN_SIZE = ("small_cnn", "mlp", "lenet", *VGGS)  # their linear layers read a map of one size
WIDTHS = {
    "small_cnn": 0.5,
    "small_vgg": 0.25,
    "vgg_small": 1 / 32,
    "vgg16_cifar": 1 / 16,
    "mobilenet_cifar": 0.25,
    "mobilenet_v2": 0.25,
    "shufflenet_v2": 0.25,
}
# After each part, for an image of the network's own size.
MAPS: dict[str, dict[str, tuple[int, ...]]] = {
    "resnet20": {"layer1": (16, 32, 32), "layer2": (32, 16, 16), "layer3": (64, 8, 8)},
    "resnet18": {"maxpool": (64, 56, 56), "layer1": (64, 56, 56), "layer4": (512, 7, 7)},
    "resnet50": {"layer2": (512, 28, 28), "layer4": (2048, 7, 7)},
    "mobilenet_v2": {"features.0": (32, 112, 112), "features.18": (1280, 7, 7)},
    "mobilenet_cifar": {"features.0": (32, 32, 32), "features": (384, 8, 8)},
    "shufflenet_v2": {"stage2": (116, 28, 28), "stage4": (464, 7, 7), "conv5": (1024, 7, 7)},
    "small_cnn": {"features.2": (16, 14, 14), "features": (32, 7, 7)},
    "small_vgg": {
        "relu1": (16, 28, 28),
        "relu3": (32, 14, 14),
        "relu5": (64, 7, 7),
        "flat": (576,),
    },
    "vgg_small": {"relu2": (128, 32, 32), "pool2": (256, 8, 8), "flat": (8192,)},
    "vgg16_cifar": {"conv3": (128, 16, 16), "pool4": (512, 2, 2), "norm13": (512, 2, 2)},
    "resnet18_cifar": {"maxpool": (64, 32, 32), "layer1": (64, 32, 32), "layer4": (512, 4, 4)},
    "mlp": {"fc1": (300,), "fc2": (100,)},
    "lenet": {"conv1": (20, 24, 24), "conv2": (50, 8, 8), "flatten": (800,), "fc1": (500,)},
}


def thin(name: str) -> Any:
    torch.manual_seed(0)
    return make_network(name, width=WIDTHS.get(name, 4))


def image(name: str, count: int, side: int | None = None) -> Any:
    rows, columns, channels = NETWORKS[name].input_shape
    shape = (count, channels, side or rows, side or columns)
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_every_network_has_the_published_number_of_parameters() -> None:
    for name, count in COUNTS.items():
        with torch.device("meta"):
            network = NETWORKS[name].make()
        assert sum(p.numel() for p in network.parameters()) == count, name


@pytest.mark.parametrize("name", PRODUCTS)
def test_an_image_takes_the_published_number_of_products(name: str) -> None:
    layers, products = (torch.nn.Conv2d, torch.nn.Linear), 0

    def add(layer: Any, _: Any, output: Any) -> None:
        nonlocal products
        products += output.numel() * layer.weight[0].numel()

    with torch.device("meta"):
        network = NETWORKS[name].make().eval()
        for layer in network.modules():
            if isinstance(layer, layers):
                layer.register_forward_hook(add)
        rows, columns, channels = NETWORKS[name].input_shape
        network(torch.zeros(1, channels, rows, columns))
    assert products == PRODUCTS[name]


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_checkpoints_in_the_form_of_torchvision_load(name: str) -> None:
    with torch.device("meta"):
        state = make_network(name).state_dict()
    for key, shape in CHECKPOINTS[name].items():
        assert tuple(state[key].shape) == shape, key
    assert len(state) == ENTRIES.get(name, len(state))


@pytest.mark.parametrize("name", MAPS)
def test_maps_shrink_as_published(name: str) -> None:
    with torch.device("meta"):
        network = NETWORKS[name].make().eval()
        found: dict[str, tuple[int, ...]] = {}
        for part in MAPS[name]:
            network.get_submodule(part).register_forward_hook(
                lambda _, inputs, output, part=part: found.update({part: tuple(output.shape[1:])})
            )
        rows, columns, channels = NETWORKS[name].input_shape
        logits = network(torch.zeros(1, channels, rows, columns))
    assert found == MAPS[name]
    assert logits.shape == (1, NETWORKS[name].classes)


@pytest.mark.parametrize("name", COUNTS)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    network = thin(name).train()
    # A batch norm over two values of 1 or -1 each has no gradient; three images give it some.
    logits = network(image(name, 3, None if name in OWN_SIZE else 64))
    (logits * torch.rand(logits.shape, generator=torch.Generator().manual_seed(1))).sum().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert bool(parameter.grad.abs().sum() > 0), key


@pytest.mark.parametrize("name", COUNTS)
def test_a_traced_network_computes_the_same(name: str) -> None:
    network = thin(name).eval()
    traced = torch.fx.GraphModule(network, LayerTracer().trace(network))
    images = image(name, 2, None if name in OWN_SIZE else 64)
    with torch.no_grad():
        assert torch.equal(traced(images), network(images))
    # A sum written as `+`, or a mean, could not be quantized.
    functions = {node.target.__name__ for node in traced.graph.nodes if node.op == "call_function"}
    assert functions <= {"cat", "getitem"}


def test_a_unit_keeps_one_half_of_the_channels_and_interleaves_it_with_the_other() -> None:
    unit = Unit(8).eval()
    maps = torch.rand(1, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out = unit(maps)[0].numpy()
        convolved = unit.branch2(maps[:, 4:])[0].numpy()
    for channel in range(4):
        np.testing.assert_array_equal(out[2 * channel], maps[0, channel].numpy())
        np.testing.assert_array_equal(out[2 * channel + 1], convolved[channel])


def test_the_3x3_convolution_of_a_bottleneck_has_the_stride() -> None:
    block = thin("resnet50").get_submodule("layer2.0")
    strides = {name: part.stride for name, part in block.named_children() if "conv" in name}
    assert strides == {"conv1": (1, 1), "conv2": (2, 2), "conv3": (1, 1)}


def test_activations_are_those_of_the_papers() -> None:
    counts = {
        "vgg16_cifar": (13, 0),
        "resnet20": (19, 0),
        "mobilenet_v2": (0, 35),
        "shufflenet_v2": (37, 0),
    }
    for name, wanted in counts.items():
        modules = list(thin(name).modules())
        found = [sum(type(m) is kind for m in modules) for kind in (torch.nn.ReLU, torch.nn.ReLU6)]
        assert tuple(found) == wanted, name


def test_the_width_scales_the_channels() -> None:
    def rows(name: str, width: float, weight: str) -> int:
        return len(make_network(name, width=width).state_dict()[weight])

    assert rows("small_cnn", 0.5, "features.9.weight") == 16
    assert rows("small_cnn", 2, "features.9.weight") == 64
    # MobileNetV2's channels are multiples of 8 and at least nine tenths of what was asked for.
    assert rows("mobilenet_v2", 0.75, "features.0.0.weight") == 24
    assert rows("mobilenet_v2", 0.35, "features.0.0.weight") == 16


def test_an_unknown_network_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="is not known; known: small_cnn, array_cnn, mlp"):
        make_network("alexnet")

"""The robot's own network: a camera's columns in, a score for each choice of steering out."""

from collections import OrderedDict

from torch import nn

ROWS, COLUMNS = 36, 96  # of the picture, as the camera makes it unless told otherwise
CHOICES = 77  # of `controllers.steering`
WIDTHS = (8, 16, 32, 40)

Pair = tuple[int, int]
Shape = tuple[Pair, Pair, Pair]


def block(number: int, inputs: int, outputs: int, shape: Shape) -> list[tuple[str, nn.Module]]:
    """Return a convolution (kernel, stride, padding) with batch norm and ReLU, by their names."""
    return [
        (f"conv{number}", nn.Conv2d(inputs, outputs, *shape, bias=False)),
        (f"norm{number}", nn.BatchNorm2d(outputs)),
        (f"relu{number}", nn.ReLU()),
    ]


def steering_net(*, width: float = 1.0, classes: int = CHOICES) -> nn.Sequential:
    """Return the network: pictures (N, 1, 36, 96) of 0..1 to scores (N, classes); 40 k weights.

    What an obstacle looks like hardly depends on the row, so rows are merged early, while columns,
    which are directions, are only halved twice before the dense layers. width: multiplies all
    channel counts, at least one channel each.
    """
    first, second, third, hidden = (max(1, round(width * count)) for count in WIDTHS)
    layers: list[tuple[str, nn.Module]] = [
        *block(1, 1, first, ((4, 4), (4, 2), (0, 1))),
        *block(2, first, second, ((3, 3), (3, 1), (0, 1))),
        *block(3, second, third, ((3, 3), (1, 2), (0, 1))),
        ("flat", nn.Flatten()),
        ("dense1", nn.Linear(third * COLUMNS // 4, hidden, bias=False)),
        ("norm4", nn.BatchNorm1d(hidden)),
        ("relu4", nn.ReLU()),
        ("dense2", nn.Linear(hidden, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))

"""The robot's own network: a camera's columns in, a score for each choice of steering out."""

from torch import nn

ROWS, COLUMNS = 36, 96  # of the picture
CHOICES = 77  # of `controllers.steering`
WIDTHS = (8, 16, 32, 40)

Pair = tuple[int, int]


def block(inputs: int, outputs: int, kernel: Pair, stride: Pair, padding: Pair) -> list[nn.Module]:
    """Return a convolution with batch norm and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def steering_net() -> nn.Sequential:
    """Return the network: pictures (N, 1, 36, 96) of 0..1 to scores (N, 77); 40 k weights.

    What an obstacle looks like hardly depends on the row, so rows are merged early, while columns,
    which are directions, stay apart until the dense layers.
    """
    first, second, third, hidden = WIDTHS
    return nn.Sequential(
        *block(1, first, kernel=(4, 4), stride=(4, 2), padding=(0, 1)),
        *block(first, second, kernel=(3, 3), stride=(3, 1), padding=(0, 1)),
        *block(second, third, kernel=(3, 3), stride=(1, 2), padding=(0, 1)),
        nn.Flatten(),
        nn.Linear(third * COLUMNS // 4, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, CHOICES),
    )

"""The robot's networks for a streaming machine: samples in order, a score for each choice out.

Both are plain chains on maps of one row, (N, channels, 1, samples), so that a tap reaches back by a
few samples and no further, but for the dense layers, which read all that there is, once a frame.
"""

from collections import OrderedDict

from torch import nn

from neurobot.quantize.networks.steering import CHOICES, COLUMNS, ROWS, block

BEAMS = 72  # of a scan, as the range finder makes it unless told otherwise
BEAM_WIDTHS = (8, 16, 24, 64)
COLUMN_WIDTHS = (16, 24, 24, 48)
Widths = tuple[int, int, int, int]


def along(samples: int, channels: int, widths: Widths, classes: int) -> nn.Sequential:
    """Return three convolutions along the samples, which halve them twice, and two dense layers."""
    first, second, third, hidden = widths
    layers: list[tuple[str, nn.Module]] = [
        *block(1, channels, first, ((1, 5), (1, 1), (0, 2))),
        *block(2, first, second, ((1, 3), (1, 2), (0, 1))),
        *block(3, second, third, ((1, 3), (1, 2), (0, 1))),
        ("flat", nn.Flatten()),
        ("dense1", nn.Linear(third * samples // 4, hidden, bias=False)),
        ("norm4", nn.BatchNorm1d(hidden)),
        ("relu4", nn.ReLU()),
        ("dense2", nn.Linear(hidden, classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def beams_net(*, classes: int = CHOICES) -> nn.Sequential:
    """Return the network of a scan: beams (N, 1, 1, 72) of 0..1 to scores (N, classes)."""
    return along(BEAMS, 1, BEAM_WIDTHS, classes)


def columns_net(*, classes: int = CHOICES) -> nn.Sequential:
    """Return that of a picture: columns of 36 pixels (N, 36, 1, 96) of 0..1 to scores."""
    return along(COLUMNS, ROWS, COLUMN_WIDTHS, classes)

"""A small network for 28 x 28 grey images, whose inner layers take several arrays of cells each."""

from torch import Tensor, nn

from neurobot.quantize.layers import GlobalAvgPool

CHANNELS = (16, 32, 32)
STRIDES = (2, 2, 1)


class ArrayCnn(nn.Module):
    """Three 3 x 3 convolutions with batch norm and ReLU, the mean over the map, a linear layer.

    width: multiplies all channel counts. Input (N, 1, 28, 28) or of another size.
    """

    def __init__(self, *, width: float = 1.0, classes: int = 10, channels_in: int = 1) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        given = channels_in
        for count, stride in zip(CHANNELS, STRIDES, strict=True):
            made = max(1, round(width * count))
            conv = nn.Conv2d(given, made, 3, stride, padding=1, bias=False)
            stages += [conv, nn.BatchNorm2d(made), nn.ReLU()]
            given = made
        self.features = nn.Sequential(*stages)
        self.mean = GlobalAvgPool()
        self.flatten = nn.Flatten(1)
        self.fc = nn.Linear(given, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        logits: Tensor = self.fc(self.flatten(self.mean(self.features(x))))
        return logits

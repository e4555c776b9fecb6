"""A small convolutional network for 28 x 28 grey images: MNIST and Fashion-MNIST."""

from itertools import pairwise

from torch import Tensor, nn

CHANNELS = (16, 16, 32, 32)
STRIDES = (2, 1, 2, 1)


class SmallCnn(nn.Module):
    """Four 3 x 3 convolutions with batch norm and ReLU, and one linear layer over the last map.

    width: multiplies all channel counts, at least one channel each. Input (N, 1, 28, 28), or
    another height and width named by `size`.
    """

    def __init__(
        self, *, width: float = 1.0, classes: int = 10, channels_in: int = 1, size: int = 28
    ) -> None:
        super().__init__()
        counts = [channels_in, *(max(1, round(width * count)) for count in CHANNELS)]
        stages: list[nn.Module] = []
        for (before, after), stride in zip(pairwise(counts), STRIDES, strict=True):
            stages += [
                nn.Conv2d(before, after, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
            size = (size - 1) // stride + 1
        self.features = nn.Sequential(*stages)
        self.flatten = nn.Flatten(1)
        self.fc = nn.Linear(counts[-1] * size * size, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        logits: Tensor = self.fc(self.flatten(self.features(x)))
        return logits

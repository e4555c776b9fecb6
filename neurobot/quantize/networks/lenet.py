"""The networks of a streaming machine's examples: a perceptron, and one of the size of LeNet.

Both read 28 x 28 grey images and keep a plain chain of layers. Source of the shapes: the perceptron
784-300-100-10 and LeNet (LeCun et al., 1998), here with the 20 and 50 maps and 500 hidden units
that are usual since Caffe, and with batch norm.
"""

from torch import Tensor, nn

HIDDEN = (300, 100)
MAPS, KERNEL, WIDE = (20, 50), 5, 500


class Mlp(nn.Module):
    """Linear layers with ReLU; width: multiplies the hidden units. Input (N, 1, 28, 28)."""

    def __init__(self, *, width: float = 1.0, classes: int = 10) -> None:
        super().__init__()
        first, second = (max(1, round(width * count)) for count in HIDDEN)
        self.flatten = nn.Flatten(1)
        self.fc1 = nn.Linear(28 * 28, first)
        self.relu1 = nn.ReLU()
        self.fc2 = nn.Linear(first, second)
        self.relu2 = nn.ReLU()
        self.fc3 = nn.Linear(second, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        hidden = self.relu1(self.fc1(self.flatten(x)))
        logits: Tensor = self.fc3(self.relu2(self.fc2(hidden)))
        return logits


class LeNet(nn.Module):
    """Two 5 x 5 convolutions, each with batch norm, ReLU and a 2 x 2 pool, and two linear layers.

    width: multiplies maps and hidden units. Input (N, 1, 28, 28).
    """

    def __init__(self, *, width: float = 1.0, classes: int = 10) -> None:
        super().__init__()
        first, second, wide = (max(1, round(width * count)) for count in (*MAPS, WIDE))
        self.conv1 = nn.Conv2d(1, first, KERNEL, bias=False)
        self.norm1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, KERNEL, bias=False)
        self.norm2 = nn.BatchNorm2d(second)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)
        self.flatten = nn.Flatten(1)
        self.fc1 = nn.Linear(second * 4 * 4, wide)
        self.relu3 = nn.ReLU()
        self.fc2 = nn.Linear(wide, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (N, classes)."""
        x = self.pool(self.relu(self.norm1(self.conv1(x))))
        x = self.pool(self.relu(self.norm2(self.conv2(x))))
        logits: Tensor = self.fc2(self.relu3(self.fc1(self.flatten(x))))
        return logits

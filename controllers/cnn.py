"""A frame-based mind: a trained network that scores choices of steering, on a digital processor.

`controllers.pictures` tells what it reads and says.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from neurobot.controllers import NETWORKS
from neurobot.controllers.pictures import PictureScorer, find_network, load_network, make_sizes
from neurobot.events import MacEvents
from neurobot.mac import MacArray, Processor


class CnnController(PictureScorer):
    """Look, score, steer.

    network: one of `NETWORKS`, or a file that `neurobot.qnet.save` wrote, of a network from the
    camera's picture (rows, columns, 1) to `CHOICES` scores; array: keywords of
    `neurobot.mac.MacArray`, the processor that runs it. Raises ValueError for what does not fit.
    """

    known: ClassVar[Sequence[str]] = NETWORKS

    def __init__(self, network: str = "lsq-4b", **array: Any) -> None:
        sizes = make_sizes("cnn", MacArray, array)
        self.processor = Processor(load_network(find_network(network, self.known)), sizes)
        super().__init__(self.processor, self.processor.network)

    @property
    def clock_hz(self) -> float:
        """Clock of the processor."""
        return self.processor.array.clock_hz

    @property
    def events(self) -> MacEvents:
        """What the last decision took."""
        return self.processor.events

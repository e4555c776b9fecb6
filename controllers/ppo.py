"""Minds that learned to steer by trial and error, PPO, on a digital processor: by camera, by range.

Their networks were trained by `scripts/train_ppo.py`; outputs are logits of the choices of
`controllers.steering`, so they are scores as those of any other network here.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from neurobot.controllers import PPO_NETWORKS
from neurobot.controllers.cnn import CnnController
from neurobot.controllers.scorer import codes_of
from neurobot.loop import Observation


class PpoCameraController(CnnController):
    """Looks at a picture; network: one of `PPO_NETWORKS`, or a file; the rest: `CnnController`."""

    known: ClassVar[Sequence[str]] = PPO_NETWORKS["camera"]

    def __init__(self, network: str = "ppo-camera", **array: Any) -> None:
        super().__init__(network, **array)


class PpoRangeController(CnnController):
    """Looks at a range scan, a picture of one row; the rest: as above."""

    sensor: ClassVar[str] = "range"
    known: ClassVar[Sequence[str]] = PPO_NETWORKS["range"]

    def __init__(self, network: str = "ppo-range", **array: Any) -> None:
        super().__init__(network, **array)

    def score(self, observation: Observation) -> NDArray[Any]:
        """Run the network on a scan, of as many beams as it was made for."""
        _, beams, _ = self.processor.network.input_shape
        codes = codes_of(observation, beams, self.body.range_m)
        return np.asarray(self.processor.run(codes[None, :, None]))

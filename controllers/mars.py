"""A frame-based mind on a machine of SRAM macros that compute in memory, weights packed sparsely.

Its network was trained with that machine's compression. `controllers.pictures` tells what it reads
and says.
"""

from typing import Any

from neurobot.controllers import NETWORKS
from neurobot.controllers.pictures import PictureScorer, find_network, load_network, make_sizes
from neurobot.events import MarsEvents
from neurobot.mars import Machine, Silicon

OURS = "mars"
CLOCK_HZ = 10e6  # assumed, as those of the other chips on the robot; the machine's own is 100 MHz


class MarsController(PictureScorer):
    """Look, score, steer.

    network: "mars", one of `NETWORKS` that is of integers, or a file that `neurobot.qnet.save`
    wrote, of a network from the camera's picture (rows, columns, 1) to `CHOICES` scores; silicon:
    keywords of `neurobot.mars.Silicon`. Raises ValueError for what does not fit.
    """

    def __init__(self, network: str = OURS, **silicon: Any) -> None:
        sizes = make_sizes("mars", Silicon, {"clock_hz": CLOCK_HZ, **silicon})
        self.machine = Machine(load_network(find_network(network, (OURS, *NETWORKS))), sizes)
        super().__init__(self.machine, self.machine.network)

    @property
    def clock_hz(self) -> float:
        """Clock of the machine."""
        return self.machine.silicon.clock_hz

    @property
    def events(self) -> MarsEvents:
        """What the last decision took."""
        return self.machine.events

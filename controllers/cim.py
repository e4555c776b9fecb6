"""A frame-based mind on arrays of memory cells that compute in memory, through coarse converters.

Its networks were trained through these converters, one step and offset for each column. Cells can
vary and converters can be others than those that a network was trained with.
`controllers.pictures` tells what it reads and says.
"""

from dataclasses import fields
from typing import Any

from neurobot.column_cim import Machine, Silicon, Variation, with_adc
from neurobot.controllers import CIM_NETWORKS
from neurobot.controllers.pictures import PictureScorer, find_network, load_network, make_sizes
from neurobot.events import CimEvents

CLOCK_HZ = 10e6  # assumed, as those of the other chips on the robot
OWN = "own"  # the converters that the network was trained with


class CimController(PictureScorer):
    """Look, score, steer.

    network: one of `CIM_NETWORKS`, or a file that `neurobot.qnet.save` wrote, of a network with
    column layers, from the camera's picture (rows, columns, 1) to `CHOICES` scores; adc_bits: of
    the converters, "own" for those that it was trained with, None (null) for ideal ones; draw: the
    seed of what varies; options: keywords of `neurobot.column_cim.Variation` (sigma and others),
    and of `neurobot.column_cim.Silicon`. Raises ValueError for what does not fit.
    """

    def __init__(
        self,
        network: str = "cim-4b",
        adc_bits: int | str | None = OWN,
        draw: int = 0,
        **options: Any,
    ) -> None:
        laws = [field.name for field in fields(Variation)]
        variation = Variation(**{name: options.pop(name) for name in laws if name in options})
        others = ("network", "adc_bits", "draw", *laws)
        silicon = make_sizes("cim", Silicon, {"clock_hz": CLOCK_HZ, **options}, others)
        found = load_network(find_network(network, tuple(CIM_NETWORKS)))
        if adc_bits != OWN:
            found = with_adc(found, adc_bits)  # type: ignore[arg-type]
        self.machine = Machine(found, silicon, variation, draw)
        super().__init__(self.machine, self.machine.network)

    def reset(self, seed: int) -> None:
        """Forget the last choice; read noise begins anew."""
        super().reset(seed)
        self.machine.rewind()

    @property
    def clock_hz(self) -> float:
        """Clock of the machine."""
        return self.machine.silicon.clock_hz

    @property
    def events(self) -> CimEvents:
        """What the last decision took."""
        return self.machine.events

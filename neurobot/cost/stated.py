"""Costs that a brain states itself, of a chip that nobody counts here."""

from dataclasses import dataclass
from typing import ClassVar

from neurobot.cost.prices import Price, Tariff
from neurobot.events import Counts


@dataclass(frozen=True, slots=True)
class Stated(Counts):
    """What a brain states that a decision took: cycles of its clock, and energy; not checked."""

    chip: ClassVar[str] = "stated"
    tariff: ClassVar[Tariff] = Tariff(
        {"picojoules": Price.exactly(1e-12, "assumed", "stated by the brain itself")},
        Price.exactly(0.0, "assumed", "left to the picojoules"),
    )

    cycles: int = 0
    picojoules: int = 0

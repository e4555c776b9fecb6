"""Lines of a data sheet: a quantity, its range, and how well it is known."""

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

# A quantity at the three BOUNDS of `neurobot.cost`, (3,); or without a range, ().
Spread: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the data sheet."""

    section: str
    name: str
    value: float | None  # None: does not apply
    unit: str
    evidence: str  # one of EVIDENCE of `neurobot.cost`
    low: float | None = None
    high: float | None = None
    note: str = ""


class Row(NamedTuple):
    """A line of a section; no quantity: it does not apply."""

    name: str
    quantity: Spread | None
    unit: str
    evidence: str = "assumed"
    note: str = ""

    def figure(self, section: str) -> Figure:
        """Make it a line of the sheet; the range of a rate is turned round."""
        values = [None] if self.quantity is None else np.atleast_1d(self.quantity).tolist()
        low, high = (min(values[1:]), max(values[1:])) if values[1:] else (None, None)
        return Figure(section, self.name, values[0], self.unit, self.evidence, low, high, self.note)
